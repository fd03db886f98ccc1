// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * permissions[] has 16 words, and the index is made of the error code. Two versions of the code
 * read beyond them: the form of spte_permission_fault() first posted, which does not mask the error
 * code, and permission_fault() up to 7.2.12 and 7.3.3, when an NPT exit of a nested guest reports
 * SS (bit 6). Nothing in a dump shows which form a kernel has.
 */
#include "diagnose/diagnosis.h"

/* The SPTE table, with --v1. */
static bool looks_beyond_v1(const struct km_case *c, struct km_diagnosis *d)
{
	const struct km_perm_table *table = c->mmu ? km_spte_table(&c->all, c->mmu) : NULL;
	const struct km_walk_level *leaf = km_case_leaf(c);
	struct km_spf spf;

	if (c->form != KM_SPF_V1 || !c->has_error_code || !leaf || !table ||
	    !c->mmu->root_role.direct)
		return false;
	spf = km_spte_permission_fault(&c->masks, table->words, leaf->spte.value, c->error_code,
				       KM_SPF_V1);
	if (!spf.out_of_range)
		return false;
	d->certainty = km_case_in_handler(c) ? KM_LIKELY : KM_POSSIBLE;
	km_verdict_says(d,
			"spte_permission_fault() as it was first posted would read word %" PRIu64
			" of 16: the value there is not a permission",
			spf.index);
	km_evidence(d,
		    "error code 0x%" PRIx64 " >> 1 = %" PRIu64 "; permissions[] at 0x%" PRIx64
		    ", so it reads 0x%" PRIx64,
		    c->error_code, spf.index, table->addr, table->addr + 2 * spf.index);
	km_leaves_open(d, "whether this kernel has that version: you specified it (--v1), and the "
			  "dump does not show it");
	return true;
}

/* The guest's table: the walk of L1's nested page tables consults it for an NPT fault of L2. */
static bool looks_beyond_with_ss(const struct km_case *c, struct km_diagnosis *d)
{
	if (!km_case_is_current(c) || !c->has_error_code || !c->mmu || c->mmu->root_role.direct ||
	    c->mmu->paging != KM_PAGING_NPT || !(c->error_code & PFERR_SS_MASK))
		return false;
	d->certainty = KM_POSSIBLE;
	km_verdict_says(
		d,
		"the error code has SS set: a kernel that does not mask SS reads word %" PRIu64
		" of 16 in the guest's permission table, and handles the fault wrongly",
		(c->error_code & 0x7f) >> 1);
	km_evidence(d, "error code 0x%" PRIx64 " of a nested guest's fault, bit 6 is SS",
		    c->error_code);
	km_leaves_open(d, "whether this kernel masks SS: 7.2.13, 7.3.4 and later do");
	return true;
}

bool km_diagnose_out_of_range_index(const struct km_case *c, struct km_diagnosis *d)
{
	return looks_beyond_v1(c, d) || looks_beyond_with_ss(c, d);
}
