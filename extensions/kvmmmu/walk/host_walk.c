// SPDX-License-Identifier: GPL-2.0-or-later
#include "walk/host_walk.h"

#define PT_P  KM_BIT(0)
#define PT_W  KM_BIT(1)
#define PT_PS KM_BIT(7)

/*
 * arch/x86/include/asm/pgtable_64.h: a swap entry has its type in the uppermost 5 bits and its
 * offset, inverted, in the 50 below them. A marker is of the last type, in its offset are the
 * PTE_MARKER_* bits. 6.1 has another use for that type, with the pfn of a page.
 */
#define SWP_TYPE_SHIFT	 59
#define SWP_OFFSET_SHIFT 9
#define SWP_OFFSET_BITS	 50
#define SWP_PTE_MARKER	 31
#define PTE_MARKER_MASK	 (KM_BIT(3) - 1)

uint64_t km_host_pte_marker(uint64_t entry)
{
	uint64_t offset = ~entry >> SWP_OFFSET_SHIFT & (KM_BIT(SWP_OFFSET_BITS) - 1);

	if (entry & PT_P || entry >> SWP_TYPE_SHIFT != SWP_PTE_MARKER || offset & ~PTE_MARKER_MASK)
		return 0;
	return offset;
}

/* With 5-level paging, the direct map starts below the range of 4 levels. */
int km_host_top_level(const struct km_kernel *k)
{
	return k->page_offset_base < 0xffff800000000000ULL ? 5 : 4;
}

struct km_host_pte km_host_walk(const struct km_kernel *k, const struct km_vm *vm, uint64_t hva)
{
	struct km_val mm = km_kget(k, vm->addr, KM_M_kvm_mm);
	struct km_val pgd = {.known = KM_ABSENT};
	struct km_host_pte out = {.level = km_host_top_level(k), .writable = true};
	uint64_t table = 0;

	if (km_is_known(mm) && mm.v)
		pgd = km_kget(k, mm.v, KM_M_mm_struct_pgd);
	if (!km_is_known(pgd) || !pgd.v)
		return out;
	for (;; out.level--) {
		unsigned shift = KM_PAGE_SHIFT + 9 * (out.level - 1);
		uint64_t at = ((hva >> shift) & 0x1ff) * 8;
		km_scoped_error *err = NULL;

		if (out.level == km_host_top_level(k))
			err = km_read_virt_as(k->mem, pgd.v + at, &out.value, 8, "host PGD entry");
		else
			err = km_read_phys_as(k->mem, table + at, &out.value, 8,
					      "host page-table entry");
		if (err)
			return out;
		out.writable = out.writable && (out.value & PT_W);
		if (!(out.value & PT_P) || out.level == PG_LEVEL_4K ||
		    (out.level <= PG_LEVEL_1G && (out.value & PT_PS)))
			break;
		table = out.table_pa = out.value & k->masks.base_addr_mask;
	}
	out.known = true;
	out.present = out.value & PT_P;
	if (out.present) {
		uint64_t offset = KM_BIT(KM_PAGE_SHIFT + 9 * (out.level - 1)) - 1;

		out.pa = (out.value & k->masks.base_addr_mask & ~offset) | (hva & offset);
	}
	return out;
}
