// SPDX-License-Identifier: GPL-2.0-or-later
#include "capsule/rebase.h"

#include "threads/saved_stacks.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* arch/x86/include/asm/page_64_types.h: __START_KERNEL_map, and KERNEL_IMAGE_SIZE after it */
#define IMAGE_START   0xffffffff80000000ULL
#define MODULES_START 0xffffffffc0000000ULL
#define MODULES_END   0xffffffffff000000ULL
#define TEXT	      0xffffffff81000000ULL /* _text, with the usual CONFIG_PHYSICAL_START */
/* KASLR moves the image by multiples of this, and modules by pages. */
#define IMAGE_ALIGN  0x200000ULL
#define MODULE_ALIGN 0x1000ULL

static bool is_in(const struct km_rebase_region *region, uint64_t addr)
{
	return addr >= region->start && addr < region->end;
}

uint64_t km_rebased(const struct km_rebase *r, uint64_t addr)
{
	if (r && is_in(&r->image, addr))
		return addr + r->image.shift;
	if (r && is_in(&r->modules, addr))
		return addr + r->modules.shift;
	return addr;
}

static void see(struct km_rebase_region *region, uint64_t addr)
{
	if (!is_in(region, addr))
		return;
	region->low = addr < region->low ? addr : region->low;
	region->high = addr > region->high ? addr : region->high;
}

static void see_both(struct km_rebase *r, uint64_t addr)
{
	see(&r->image, addr);
	see(&r->modules, addr);
}

/* Find out which part of each region is in use: from the lowest to the highest known address. */
static void find_bounds(struct km_rebase *r, const struct km_kernel *k,
			const struct km_recorder *rec)
{
	const struct km_module *modules[] = {&k->kvm, &k->vendor_module};
	uint64_t addr;

	for (size_t i = 0; i < rec->symbol_count; i++)
		see_both(r, rec->symbols[i].addr);
	for (size_t i = 0; i < rec->count; i++) {
		if (!rec->items[i].phys)
			see_both(r, rec->items[i].addr);
	}
	for (size_t i = 0; rec->saved && i < rec->saved->count; i++) {
		const struct km_stack *stack = &rec->saved->stacks[i].stack;

		for (size_t j = 0; j < stack->count; j++)
			see_both(r, stack->frames[j].pc);
	}
	for (size_t i = 0; i < 2; i++) {
		for (size_t j = 0; j < modules[i]->count; j++)
			see(&r->modules, modules[i]->symbols[j].addr);
	}
	if (km_kernel_symbol(k, "_text", &addr))
		see(&r->image, addr);
	if (km_kernel_symbol(k, "_end", &addr))
		see(&r->image, addr);
}

/* Move the region's lowest address to @to, and offsets in units of @align stay. */
static void place(struct km_rebase_region *region, uint64_t to, uint64_t align)
{
	if (region->low > region->high)
		return; /* nothing is in it */
	region->low &= ~(align - 1);
	region->high |= align - 1;
	region->shift = to - region->low;
}

void km_rebase_init(struct km_rebase *r, const struct km_kernel *kernel,
		    const struct km_recorder *rec)
{
	*r = (struct km_rebase){
		.image = {.start = IMAGE_START, .end = MODULES_START, .low = UINT64_MAX},
		.modules = {.start = MODULES_START, .end = MODULES_END, .low = UINT64_MAX},
	};
	find_bounds(r, kernel, rec);
	place(&r->image, TEXT, IMAGE_ALIGN);
	place(&r->modules, MODULES_START, MODULE_ALIGN);
}

/* ---- what was recorded ---- */

/* Addresses in a message, all of one length. */
static void rebase_text(const struct km_rebase *r, char *text)
{
	while ((text = strstr(text, "0xffffffff"))) {
		char *end, number[24];
		uint64_t addr = strtoull(text, &end, 16);

		if (end - text == 18) {
			snprintf(number, sizeof(number), "0x%016" PRIx64, km_rebased(r, addr));
			memcpy(text, number, 18);
		}
		text = end;
	}
}

static void rebase_val(const struct km_rebase *r, struct km_val *val)
{
	if (km_is_known(*val))
		val->v = km_rebased(r, val->v);
}

static void rebase_stack(const struct km_rebase *r, struct km_saved_stack *saved)
{
	struct km_stack *stack = &saved->stack;

	stack->task = km_rebased(r, stack->task);
	stack->base = km_rebased(r, stack->base);
	stack->sp = km_rebased(r, stack->sp);
	for (size_t i = 0; i < stack->count; i++) {
		stack->frames[i].pc = km_rebased(r, stack->frames[i].pc);
		stack->frames[i].sp = km_rebased(r, stack->frames[i].sp);
	}
	for (size_t i = 0; i < saved->faults.count; i++)
		saved->faults.at[i] = km_rebased(r, saved->faults.at[i]);
	rebase_text(r, stack->trouble);
}

void km_rebase_recorded(const struct km_rebase *r, struct km_recorder *rec)
{
	struct km_saved_stacks *saved = rec->saved;

	for (size_t i = 0; i < rec->symbol_count; i++)
		rec->symbols[i].addr = km_rebased(r, rec->symbols[i].addr);
	if (!saved)
		return;
	for (size_t i = 0; i < saved->count; i++)
		rebase_stack(r, &saved->stacks[i]);
	for (size_t i = 0; i < saved->tasks.count; i++) {
		struct km_saved_task *task = &saved->tasks.tasks[i];

		task->addr = km_rebased(r, task->addr);
		rebase_val(r, &task->mm);
	}
	rebase_text(r, saved->tasks.trouble);
}

/* ---- bytes ---- */

/* Members whose values may look like an address. */
static bool is_number(const char *what)
{
	return !strncmp(what, "timekeeper.", 11) || !strcmp(what, "kvm_vcpu.regs_avail");
}

static bool is_used(const struct km_rebase_region *region, uint64_t addr)
{
	return addr >= region->low && addr <= region->high;
}

void km_rebase_item(const struct km_rebase *r, const struct km_item *item, const uint8_t *before,
		    uint8_t *bytes)
{
	uint64_t word;

	if (is_number(item->what))
		return;
	for (size_t at = -item->addr % sizeof(word); at + sizeof(word) <= item->len;
	     at += sizeof(word)) {
		memcpy(&word, before + at, sizeof(word));
		if (!is_used(&r->image, word) && !is_used(&r->modules, word))
			continue;
		word = km_rebased(r, word);
		memcpy(bytes + at, &word, sizeof(word));
	}
}
