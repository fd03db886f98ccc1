/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Several samples of one vCPU, some time apart: whether it loops or makes progress, which one dump
 * cannot show. Pure: the samples may come from a target that ran in between, from two dumps or
 * capsules.
 */
#ifndef KVMMMU_SAMPLES_H
#define KVMMMU_SAMPLES_H

#include "diagnose/diagnosis.h"

/* One sample. */
struct km_sample {
	bool has_fault;	 /* with an address, of the last exit or in the handler */
	bool fault_exit; /* the last exit was a page fault, whether its address is known or not */
	bool instruction_exit; /* it was that of an instruction */
	uint64_t addr;
	struct km_val error_code, rip;
	struct km_val exits, pf_taken, pf_fixed, pf_spurious, pf_emulate, mmio_exits;
	struct km_val halt_exits;	/* the guest executed HLT */
	struct km_val emulation_failed; /* stat.insn_emulation_fail */
	/* what tells of faults where pf_taken and pf_emulate do not exist; else KM_ABSENT */
	struct km_val uncounted_exits, insn_emulation;
	struct km_val invalidate_seq; /* kvm.mmu_invalidate_seq */
	bool has_spte;		      /* the last one of the walk */
	uint64_t spte;
	int level;
	enum km_ruling processor; /* its ruling on the fault */
	enum km_vcpu_state state;
};

/* Forget its addresses, which cannot be compared with those of another sample. */
void km_sample_drop_addresses(struct km_sample *s);

enum km_trend {
	KM_TREND_OPEN,	/* the samples do not decide it */
	KM_TREND_QUIET, /* no page fault in between */
	KM_TREND_LOOPS, /* the same fault again and again */
	KM_TREND_PROGRESSES,
};

struct km_samples_verdict {
	enum km_trend trend;
	enum km_certainty certainty;
	bool map_zap; /* it loops although faults are fixed: the page is zapped again each time */
	char text[240];
};

struct km_sample km_sample_of(const struct km_case *c, const struct km_explanation *e);

/*
 * Judge @count samples, oldest first. It loops if at least two have the same fault, taken again in
 * between (eight times or more: fewer may be retries), none has another one or takes it at another
 * RIP, and from the first to the last nothing was fixed, emulated with success or MMIO, and the
 * guest did not halt; that is proven by three (or all) at one known RIP that are spurious, if most
 * exits were such faults. Where they are not spurious and invalidations ended in between, it is
 * open: KVM retries a fault because of these. It also loops if faults were fixed and about as many
 * invalidations ended: likely with three samples, possible with two.
 *
 * Kernels without pf_taken (before 5.19 or so) count the faults that they fix, and no others: there
 * the exits that are in no counter are what may be such faults. They prove no loop, and make it
 * likely only if they are half of the exits, KVM resolves the fault in none of the samples, and it
 * has the same RIP and SPTE and is denied each time.
 *
 * It progresses if faults were resolved: proven if most were, and the fault or its RIP moved. If
 * few or none were, it is at most possible: interrupts reach a looping vCPU, and their handlers
 * execute instructions, and have faults of their own.
 */
void km_samples_judge(const struct km_sample *samples, size_t count, struct km_samples_verdict *v);

/*
 * Apply the verdict to the explanation of the last sample: raise what it confirms, lower what it
 * refutes.
 */
void km_samples_settle(const struct km_samples_verdict *v, struct km_explanation *e);

const char *km_trend_name(enum km_trend trend);

#endif
