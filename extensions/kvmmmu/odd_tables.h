/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Page-table pages whose kvm_mmu_page does not fit the place where they hang, wherever below a
 * root: corruption that no fault has to lead to.
 */
#ifndef KVMMMU_ODD_TABLES_H
#define KVMMMU_ODD_TABLES_H

#include "walk.h"

#define KM_ODD_TABLES_PAGES 1024 /* looked at, from the root down */

struct km_odd_tables {
	size_t looked_at; /* page-table pages */
	bool more;	  /* there are more than that */
	size_t odd;	  /* of those, do not fit */
	/* the first of them */
	uint64_t parent_pa, table_pa;
	unsigned index; /* in its parent */
	int level;	/* of the table, by its place */
	uint64_t gfn;	/* that it starts with, by its place */
	struct km_mmu_page sp;
	const char *oddity;
};

/* Looks below the root of @mmu. Errors: Ctrl-C, out of memory; pages that are missing are left out.
 */
km_error *km_odd_tables_find(const struct km_kernel *kernel, const struct km_spte_masks *masks,
			     const struct km_mmu *mmu, struct km_odd_tables *odd);

#endif
