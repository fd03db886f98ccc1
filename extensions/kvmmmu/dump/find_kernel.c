// SPDX-License-Identifier: GPL-2.0-or-later
#include "dump/find_kernel.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define IMAGE_END     0xffffffffc0000000ULL /* KERNEL_IMAGE_SIZE, with KASLR */
#define SLOT	      (2ULL << 20)
#define CHUNK	      65536u
#define PRESENT	      1ULL
#define LARGE	      0x80ULL
#define ENTRY_ADDRESS 0x00003ffffffff000ULL /* without SME's C bit, which is above */
#define ENTRIES	      512
#define TEXT_SLOTS    4 /* every kernel image has at least this many pages of 2 MB */

/* Start of the kernel addresses below the image: direct map, vmalloc; 4 or 5 levels. */
#define HEAP_START 0xff00000000000000ULL

static const char beginning[] = "OSRELEASE=";

static km_error *read_entry(struct km_memory *phys, uint64_t table, unsigned index, uint64_t *entry)
{
	return km_read_phys(phys, table + index * sizeof(*entry), entry, sizeof(*entry));
}

/* Is it an entry that the kernel makes for a table? A wrong guess could lead to a device. */
static bool is_table(uint64_t entry)
{
	const uint64_t fixed = 0xfff0000000000f9bULL; /* all bits but address, U, A, D */

	return (entry & fixed) == 3;
}

/* Does @table map the kernel image: physically contiguous pages of 2 MB? */
static bool maps_image(struct km_memory *phys, uint64_t table)
{
	uint64_t before = 0, entry;
	unsigned run = 0;

	for (unsigned i = 0; i < ENTRIES && run < TEXT_SLOTS; i++) {
		km_scoped_error *err = read_entry(phys, table, i, &entry);

		if (err)
			return false;
		if (!(entry & PRESENT) || !(entry & LARGE))
			run = 0;
		else if (run && (entry & ENTRY_ADDRESS) == (before & ENTRY_ADDRESS) + SLOT)
			run++;
		else
			run = 1;
		before = entry;
	}
	return run == TEXT_SLOTS;
}

/*
 * Return the number of levels of the page tables at @table, 0 if they are not a kernel's. The last
 * entry points to level3_kernel_pgt, whose last two entries are image and fixmap; with 5 levels
 * there is one more table between them.
 */
static int kernel_levels(struct km_memory *phys, uint64_t table)
{
	uint64_t last, image;

	for (int levels = 4; levels <= 5; levels++) {
		km_scoped_error *err = read_entry(phys, table, ENTRIES - 1, &last);
		km_scoped_error *image_err = NULL;

		if (err || !is_table(last))
			return 0;
		table = last & ENTRY_ADDRESS;
		image_err = read_entry(phys, table, ENTRIES - 2, &image);
		if (image_err)
			return 0;
		if (image & PRESENT)
			return is_table(image) && maps_image(phys, image & ENTRY_ADDRESS) ? levels
											  : 0;
	}
	return 0;
}

km_error *km_find_page_tables(struct km_memory *phys, uint64_t *pa, int *levels)
{
	while (*pa) {
		km_error *err = km_check_interrupt(phys);

		if (err)
			return err;
		*pa -= KM_PAGE_SIZE;
		*levels = kernel_levels(phys, *pa);
		if (*levels)
			return NULL;
	}
	return km_errorf(KM_EABSENT, "no page tables of a Linux kernel below 1 MB");
}

static bool is_heap_page(uint64_t value)
{
	return value >= HEAP_START && value < KM_START_KERNEL_MAP && !(value % KM_PAGE_SIZE);
}

/* Does the page at @va contain VMCOREINFO? If so, copy its text. */
static bool is_vmcoreinfo(struct km_target *target, uint64_t va, char text[KM_VMCOREINFO_MAX + 1])
{
	char head[sizeof(beginning) - 1];
	km_scoped_error *head_err = target->ops->read_virt(target, va, head, sizeof(head));
	km_scoped_error *err = NULL;

	if (head_err || memcmp(head, beginning, sizeof(head)))
		return false;
	err = target->ops->read_virt(target, va, text, KM_VMCOREINFO_MAX);
	text[KM_VMCOREINFO_MAX] = '\0';
	return !err && strstr(text, "\nSYMBOL(");
}

km_error *km_read_vmcoreinfo(struct km_target *target, uint64_t variable,
			     char text[KM_VMCOREINFO_MAX + 1])
{
	uint64_t page;
	km_error *err = target->ops->read_virt(target, variable, &page, sizeof(page));

	if (err)
		return err;
	if (!is_heap_page(page) || !is_vmcoreinfo(target, page, text))
		return km_errorf(KM_EDATA, "vmcoreinfo_data does not point to VMCOREINFO");
	return NULL;
}

/* Follow each pointer among @words; the same one often repeats. */
static bool follow(struct km_target *target, const uint64_t *words, size_t count,
		   char text[KM_VMCOREINFO_MAX + 1])
{
	uint64_t before = 0;

	for (size_t i = 0; i < count; i++) {
		if (words[i] == before || !is_heap_page(words[i]))
			continue;
		before = words[i];
		if (is_vmcoreinfo(target, before, text))
			return true;
	}
	return false;
}

/* Follow the pointers in a chunk of the image, or in those of its pages that are mapped. */
static bool follow_chunk(struct km_target *target, uint64_t va, uint64_t *words,
			 char text[KM_VMCOREINFO_MAX + 1])
{
	km_scoped_error *whole = target->ops->read_virt(target, va, words, CHUNK);

	if (!whole)
		return follow(target, words, CHUNK / sizeof(*words), text);
	for (unsigned at = CHUNK; at; at -= KM_PAGE_SIZE) {
		km_scoped_error *err =
			target->ops->read_virt(target, va + at - KM_PAGE_SIZE, words, KM_PAGE_SIZE);

		if (!err && follow(target, words, KM_PAGE_SIZE / sizeof(*words), text))
			return true;
	}
	return false;
}

km_error *km_find_vmcoreinfo(struct km_target *target, char text[KM_VMCOREINFO_MAX + 1],
			     uint64_t *image)
{
	uint64_t *words = malloc(CHUNK);
	bool found = false;
	uint8_t byte;

	if (!words)
		return km_errorf(KM_ENOMEM, "out of memory");
	*image = 0;
	for (uint64_t slot = IMAGE_END - SLOT; !found && slot > KM_START_KERNEL_MAP; slot -= SLOT) {
		km_scoped_error *unmapped = target->ops->read_virt(target, slot, &byte, 1);

		if (unmapped)
			continue;
		*image = slot;
		for (uint64_t at = SLOT; at && !found; at -= CHUNK) {
			if (target->ops->interrupted(target)) {
				free(words);
				return km_errorf(KM_EINTR, "interrupted");
			}
			found = follow_chunk(target, slot + at - CHUNK, words, text);
		}
	}
	free(words);
	if (found)
		return NULL;
	return km_errorf(KM_EABSENT, *image ? "no pointer in the kernel image leads to VMCOREINFO"
					    : "the kernel image is not mapped");
}
