/* SPDX-License-Identifier: GPL-2.0-or-later */
/* struct page: where it is, and its flags. */
#ifndef KVMMMU_STRUCT_PAGE_H
#define KVMMMU_STRUCT_PAGE_H

#include "kernel/kernel.h"

/* pfn_to_page(); 0: the size of struct page is not known. */
uint64_t km_pfn_to_page(const struct km_kernel *kernel, uint64_t pfn);

/* page_to_pfn(). KM_ABSENT: @page is not the address of a struct page. */
struct km_val km_page_to_pfn(const struct km_kernel *kernel, uint64_t page);

/*
 * Return the address of the kvm_mmu_page of the page-table page at physical address @pa, which is
 * page_private() of its struct page; 0 if there is none (special roots). Mirrors to_shadow_page().
 */
struct km_val km_to_shadow_page(const struct km_kernel *kernel, uint64_t pa);

/* The address of the first struct page of a larger page, or @page itself: compound_head(). */
struct km_val km_page_head(const struct km_kernel *kernel, uint64_t page);

/* A flag of the struct page at @page, such as "PG_hwpoison": 0 or 1. */
struct km_val km_page_flag(const struct km_kernel *kernel, uint64_t page, const char *flag);

#endif
