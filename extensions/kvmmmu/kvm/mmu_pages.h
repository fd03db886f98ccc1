/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kvm_mmu_pages that a VM accounts for: its hash of shadow pages, and its TDP MMU roots. */
#ifndef KVMMMU_MMU_PAGES_H
#define KVMMMU_MMU_PAGES_H

#include "kvm/vm.h"

struct km_mmu_pages {
	/* addresses of kvm_mmu_pages, in ascending order: see km_sorted_have() */
	uint64_t *shadow, *tdp_roots;
	size_t shadow_count, tdp_root_count;
	bool shadow_known, tdp_known; /* all of them */
};

/*
 * Read kvm_arch.mmu_page_hash, which contains every shadow page until it is freed, and
 * tdp_mmu_roots. What cannot be read is in *_known. Errors: Ctrl-C, out of memory, limits. Call
 * km_mmu_pages_deinit() in any case.
 */
km_error *km_mmu_pages_read(const struct km_kernel *kernel, const struct km_vm *vm,
			    struct km_mmu_pages *pages);
void km_mmu_pages_deinit(struct km_mmu_pages *pages);

#endif
