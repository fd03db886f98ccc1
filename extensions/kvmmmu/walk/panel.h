/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The panel: is an access allowed, according to four judges with different evidence, and what does
 * it mean if they differ? A difference is a finding only if this kernel consults the judge on this
 * MMU.
 */
#ifndef KVMMMU_PANEL_H
#define KVMMMU_PANEL_H

#include "base/certainty.h"
#include "walk/walk.h"

enum km_judge {
	KM_JUDGE_PROCESSOR, /* the SPTEs of the walk, as the processor uses them */
	KM_JUDGE_TABLE,	    /* fmt.permissions[] in the dump */
	KM_JUDGE_ROLE,	    /* the same table, computed from the role */
	KM_JUDGE_LEGACY,    /* is_access_allowed() */
	KM_JUDGES,
};

enum km_ruling {
	KM_ALLOWS,
	KM_DENIES,
	KM_NO_RULING, /* evidence is missing, or this kernel does not have this judge */
};

struct km_verdict {
	enum km_ruling ruling;
	bool consulted; /* by this kernel on this MMU; always true for the processor */
	char why[160];	/* the evidence, or what is missing */
};

/* A conclusion from the rulings. */
struct km_meaning {
	const char *id; /* of the finding or explanation: "perm-table-mismatch" */
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
 * Compute the table for the SPTEs of @mmu from its role, by the rule of 7.3; return false if the
 * role is not known. Before 7.2 the page role does not contain CR4.SMEP: for shadow MMUs it is
 * taken from the guest's role.
 */
bool km_spte_words_of_role(const struct km_kernel *kernel, const struct km_spte_masks *masks,
			   const struct km_mmu *mmu, uint16_t words[KM_PERM_WORDS]);

/* For output: "kernel table", ... and "allows", "denies", "-". */
const char *km_judge_name(enum km_judge judge);
const char *km_ruling_text(enum km_ruling ruling);

/*
 * Judge the access @error_code on the entries of @walk. @all are the vCPU's contexts, @mmu the one
 * that was walked. What cannot be judged is KM_NO_RULING.
 */
void km_panel_judge(const struct km_kernel *kernel, const struct km_spte_masks *masks,
		    const struct km_vcpu_mmu *all, const struct km_mmu *mmu,
		    const struct km_walk *walk, uint64_t error_code, enum km_spf_form form,
		    struct km_panel *panel);

#endif
