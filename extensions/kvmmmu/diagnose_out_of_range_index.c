// SPDX-License-Identifier: GPL-2.0-or-later
#include "diagnosis.h"

/*
 * Only with --v1: nothing in a dump tells the form first posted from the merged one. There the
 * index is the error code >> 1, unmasked: PK, SS, SGX and RMP lead past the 16 words.
 */
bool km_diagnose_out_of_range_index(const struct km_case *c, struct km_diagnosis *d)
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
			"the form first posted would look up word %" PRIu64 " of 16: what it "
			"reads there is no permission",
			spf.index);
	km_evidence(d,
		    "error code 0x%" PRIx64 " >> 1 = %" PRIu64 "; permissions[] at 0x%" PRIx64
		    ", so it reads 0x%" PRIx64,
		    c->error_code, spf.index, table->addr, table->addr + 2 * spf.index);
	km_leaves_open(d, "that this kernel has that form is your word (--v1)");
	return true;
}
