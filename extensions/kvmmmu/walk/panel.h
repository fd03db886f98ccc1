/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The panel: one fault, put to four judges who answer from different evidence, and what it means
 * where they differ. Knows which judge this kernel asks on this MMU; only then a difference
 * accuses.
 */
#ifndef KVMMMU_PANEL_H
#define KVMMMU_PANEL_H

#include "certainty.h"
#include "walk.h"

enum km_judge {
	KM_JUDGE_PROCESSOR, /* the SPTEs of the walk, as the hardware reads them */
	KM_JUDGE_TABLE,	    /* fmt.permissions[] as it stands in the dump */
	KM_JUDGE_ROLE,	    /* the same table, rebuilt from the role */
	KM_JUDGE_LEGACY,    /* is_access_allowed() */
	KM_JUDGES,
};

enum km_ruling {
	KM_ALLOWS,
	KM_DENIES,
	KM_NO_RULING, /* evidence missing, or the judge does not exist on this kernel */
};

struct km_verdict {
	enum km_ruling ruling;
	bool consulted; /* does this kernel ask this judge on this MMU? (the processor always is) */
	char why[160];	/* the evidence, or what is missing */
};

/* What follows from the rulings. */
struct km_meaning {
	const char *id; /* "perm-table-mismatch", or a name of the explanation */
	enum km_certainty certainty;
	char text[400];
};

#define KM_MEANINGS 8

struct km_panel {
	uint64_t error_code;
	enum km_spf_form form;
	struct km_verdict verdicts[KM_JUDGES];
	struct km_meaning meanings[KM_MEANINGS];
	size_t meaning_count;
};

/*
 * What the 7.3 rule makes of the role: the words of a table for @mmu's SPTEs; false if its role is
 * not known. A kernel before 7.2 keeps CR4.SMEP out of the page role; for its shadow MMUs it comes
 * from the guest's role.
 */
bool km_spte_words_of_role(const struct km_kernel *kernel, const struct km_spte_masks *masks,
			   const struct km_mmu *mmu, uint16_t words[KM_PERM_WORDS]);

const char *km_judge_name(enum km_judge judge);
const char *km_ruling_text(enum km_ruling ruling);

/*
 * Puts the access @error_code to the walk's entries. @all and @mmu are the vCPU's contexts and the
 * one that was walked. No errors: what can't be judged says so.
 */
void km_panel_judge(const struct km_kernel *kernel, const struct km_spte_masks *masks,
		    const struct km_vcpu_mmu *all, const struct km_mmu *mmu,
		    const struct km_walk *walk, uint64_t error_code, enum km_spf_form form,
		    struct km_panel *panel);

#endif
