/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The members of struct kvm_page_fault (arch/x86/kvm/mmu/mmu_internal.h) that the program reads:
 * the layout, the struct that holds them and its reader are made from this list. A member that a
 * kernel does not have reads as KM_ABSENT.
 */
#ifndef KVMMMU_PAGE_FAULT_FIELDS_H
#define KVMMMU_PAGE_FAULT_FIELDS_H

#define KM_PAGE_FAULT_FIELDS(F)                                                                    \
	F(addr)                                                                                    \
	F(error_code)                                                                              \
	F(prefetch)                                                                                \
	F(exec)                                                                                    \
	F(write)                                                                                   \
	F(present)                                                                                 \
	F(rsvd)                                                                                    \
	F(user)                                                                                    \
	F(is_tdp)                                                                                  \
	F(is_private)                                                                              \
	F(max_level)                                                                               \
	F(req_level)                                                                               \
	F(goal_level)                                                                              \
	F(gfn)                                                                                     \
	F(slot)                                                                                    \
	F(mmu_seq)                                                                                 \
	F(pfn)                                                                                     \
	F(hva)                                                                                     \
	F(map_writable)                                                                            \
	F(write_fault_to_shadow_pgtable)

#endif
