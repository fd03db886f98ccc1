// SPDX-License-Identifier: GPL-2.0-or-later
#include "walk/host_entry.h"

#include "kernel/struct_page.h"
#include "walk/host_walk.h"

#include <inttypes.h>
#include <stdio.h>

#define PT_PROTNONE KM_BIT(8) /* _PAGE_PROTNONE is _PAGE_GLOBAL */

/*
 * A swap entry has its type in the uppermost 5 bits and its offset, inverted, in the 50 below them.
 * The kernel's own types are the last ones; how many there are depends on the kernel.
 */
#define SWP_TYPE_SHIFT	   59
#define SWP_OFFSET_SHIFT   9
#define SWP_OFFSET_BITS	   50
#define SWP_FIRST_OWN_TYPE 20

#define PTE_MARKER_UFFD_WP KM_BIT(0)

/* MAX_PHYSMEM_BITS - PAGE_SHIFT: above them, entries of migrating pages have the A and D bits. */
#define PFN_BITS_L4 34
#define PFN_BITS_L5 40

struct km_host_entry km_host_entry_decode(uint64_t value, unsigned pfn_bits)
{
	uint64_t offset = ~value >> SWP_OFFSET_SHIFT & (KM_BIT(SWP_OFFSET_BITS) - 1);
	struct km_host_entry e = {.value = value, .kind = KM_HOST_EMPTY};

	if (!value)
		return e;
	if (value & PT_PROTNONE) {
		/* pfns are inverted against L1TF: __pte_needs_invert() */
		e.kind = KM_HOST_NO_ACCESS;
		e.has_pfn = true;
		e.pfn = ~value >> KM_PAGE_SHIFT & (KM_BIT(40) - 1);
		return e;
	}
	e.type = (unsigned)(value >> SWP_TYPE_SHIFT);
	e.offset = offset;
	if (km_host_pte_marker(value)) {
		e.kind = KM_HOST_MARKER;
	} else if (e.type < SWP_FIRST_OWN_TYPE) {
		e.kind = KM_HOST_SWAPPED;
	} else {
		e.kind = KM_HOST_OWN;
		e.has_pfn = true;
		e.pfn = offset & (KM_BIT(pfn_bits) - 1);
	}
	return e;
}

struct km_host_entry km_host_entry_read(const struct km_kernel *k, uint64_t value)
{
	bool five = km_host_top_level(k) == 5;
	struct km_host_entry e = km_host_entry_decode(value, five ? PFN_BITS_L5 : PFN_BITS_L4);
	struct km_val poisoned, head, locked;
	uint64_t page;
	bool before;

	if (e.kind != KM_HOST_OWN)
		return e;
	before = km_memory_try(k->mem, true);
	page = km_pfn_to_page(k, e.pfn);
	poisoned = km_page_flag(k, page, "PG_hwpoison");
	head = km_page_head(k, page);
	locked = km_is_known(head) ? km_page_flag(k, head.v, "PG_locked") : head;
	km_memory_try(k->mem, before);
	if (km_is_known(poisoned) && poisoned.v)
		e.kind = KM_HOST_HWPOISON;
	else if (km_is_known(locked) && locked.v)
		e.kind = KM_HOST_MIGRATION;
	return e;
}

static const char *marker_text(uint64_t bits)
{
	if (bits & PTE_MARKER_POISONED)
		return "is a marker: a poisoned page";
	if (bits & PTE_MARKER_GUARD)
		return "is a marker: a guard region";
	if (bits & PTE_MARKER_UFFD_WP)
		return "is a marker: write-protected by userfaultfd";
	return "is a marker";
}

void km_host_entry_print(const struct km_host_entry *e, char *buf, size_t size)
{
	switch (e->kind) {
	case KM_HOST_EMPTY:
		snprintf(buf, size, "is empty");
		break;
	case KM_HOST_NO_ACCESS:
		snprintf(buf, size, "permits no access to pfn 0x%" PRIx64, e->pfn);
		break;
	case KM_HOST_MARKER:
		snprintf(buf, size, "%s", marker_text(e->offset));
		break;
	case KM_HOST_SWAPPED:
		snprintf(buf, size, "is swapped out (swap file %u, page 0x%" PRIx64 ")", e->type,
			 e->offset);
		break;
	case KM_HOST_MIGRATION:
		snprintf(buf, size, "is that of pfn 0x%" PRIx64 ", which is being migrated",
			 e->pfn);
		break;
	case KM_HOST_HWPOISON:
		snprintf(buf, size, "is that of pfn 0x%" PRIx64 ", which is poisoned", e->pfn);
		break;
	case KM_HOST_OWN:
		snprintf(buf, size, "is a swap entry of type %u, of pfn 0x%" PRIx64, e->type,
			 e->pfn);
		break;
	}
}
