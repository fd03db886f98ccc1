/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Several looks at one vCPU, some time apart: whether it loops or moves on, which one dump can't
 * tell. Pure: the looks may come from a target that ran in between, from two dumps or capsules.
 */
#ifndef KVMMMU_SAMPLES_H
#define KVMMMU_SAMPLES_H

#include "diagnosis.h"

/* One look. */
struct km_sample {
	bool has_fault; /* with an address, of the last exit or in the handler */
	uint64_t addr;
	struct km_val error_code, rip;
	struct km_val exits, pf_taken, pf_fixed, pf_spurious, pf_emulate, mmio_exits;
	bool has_spte; /* the last one of the walk */
	uint64_t spte;
	int level;
	enum km_ruling processor; /* what it says of the fault */
	enum km_vcpu_state state;
};

enum km_trend {
	KM_TREND_OPEN,	/* the looks do not settle it */
	KM_TREND_QUIET, /* no page fault in between */
	KM_TREND_LOOPS, /* the same fault again and again, and nothing is fixed */
	KM_TREND_PROGRESSES,
};

struct km_samples_verdict {
	enum km_trend trend;
	enum km_certainty certainty;
	char text[240];
};

struct km_sample km_sample_of(const struct km_case *c, const struct km_explanation *e);

/*
 * What @count looks, oldest first, say together. It loops if two looks or more have the same fault,
 * taken anew, none has another one or another RIP, and from the first look to the last nothing was
 * fixed, emulated or MMIO; that is proven of three (or all) at one known RIP that are spurious.
 */
void km_samples_judge(const struct km_sample *samples, size_t count, struct km_samples_verdict *v);

/* Puts it into the explanation of the last look: raises what it proves, lowers what it disproves.
 */
void km_samples_settle(const struct km_samples_verdict *v, struct km_explanation *e);

const char *km_trend_name(enum km_trend trend);

#endif
