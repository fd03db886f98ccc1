// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/struct_page.h"

/* compound_info of tails is a mask, since 7.1 or so: no address of a struct page has these bits. */
#define MASK_BITS 0xffffffff00000000ULL

uint64_t km_pfn_to_page(const struct km_kernel *k, uint64_t pfn)
{
	uint32_t size = km_layout_sizeof(k->layout, KM_T_page);

	return size ? k->vmemmap_base + pfn * size : 0;
}

struct km_val km_page_to_pfn(const struct km_kernel *k, uint64_t page)
{
	uint32_t size = km_layout_sizeof(k->layout, KM_T_page);

	if (!size || page < k->vmemmap_base || (page - k->vmemmap_base) % size)
		return (struct km_val){.known = KM_ABSENT};
	return km_known_val((page - k->vmemmap_base) / size);
}

struct km_val km_to_shadow_page(const struct km_kernel *k, uint64_t pa)
{
	uint64_t page = km_pfn_to_page(k, pa >> KM_PAGE_SHIFT);

	return page ? km_kget(k, page, KM_M_page_private) : (struct km_val){.known = KM_ABSENT};
}

struct km_val km_page_head(const struct km_kernel *k, uint64_t page)
{
	struct km_val info = km_kget(k, page, KM_M_page_compound_head);

	if (!km_is_known(info))
		return info;
	if (!(info.v & 1))
		return km_known_val(page);
	if ((info.v & MASK_BITS) == MASK_BITS)
		return km_known_val(page & info.v);
	return km_known_val(info.v - 1);
}

struct km_val km_page_flag(const struct km_kernel *k, uint64_t page, const char *flag)
{
	km_scoped_error *err = NULL;
	struct km_val flags;
	int64_t bit;

	if (!page)
		return (struct km_val){.known = KM_ABSENT};
	/* read before the enumerator is looked up, so that a capsule contains it in any case */
	flags = km_kget(k, page, KM_M_page_flags);
	err = km_types_enumerator(km_layout_types(k->layout), "pageflags", flag, &bit);
	if (err || bit < 0 || bit > 63)
		return (struct km_val){.known = KM_ABSENT};
	return km_is_known(flags) ? km_known_val(flags.v >> bit & 1) : flags;
}
