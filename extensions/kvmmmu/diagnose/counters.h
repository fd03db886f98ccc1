/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the statistics of a vCPU show about its page faults. They count from the creation of the
 * vCPU: they prove no loop, but they can rule out that a vCPU is called healthy.
 */
#ifndef KVMMMU_COUNTERS_H
#define KVMMMU_COUNTERS_H

#include "diagnose/case.h"

enum km_fault_balance {
	KM_BALANCE_UNKNOWN,  /* a counter is not readable, or this kernel does not have it */
	KM_BALANCE_CLEAN,    /* few faults, or nearly all of them were resolved */
	KM_BALANCE_OPEN,     /* most were resolved; a loop could hide among the rest */
	KM_BALANCE_RETRIED,  /* most were neither resolved nor spurious: retried, or errors */
	KM_BALANCE_SPURIOUS, /* most were spurious */
	KM_BALANCE_FAILED,   /* most were handed to the emulator, which failed */
};

struct km_fault_counts {
	enum km_fault_balance balance;
	uint64_t taken;
	uint64_t resolved; /* fixed, emulated, or injected into the guest */
	uint64_t spurious;
};

/*
 * Weigh the counters of the vCPU. pf_taken counts every fault but those on MMIO SPTEs; RET_PF_RETRY
 * and errors have no counter of their own: they are what is missing in the sum of the others.
 * pf_emulate counts what is handed to the emulator, regardless of the result.
 */
struct km_fault_counts km_case_counts(const struct km_case *c);

/*
 * Return true if the emulator failed on most instructions of this vCPU, and that often enough not
 * to be incidental. False where that is not known.
 */
bool km_emulator_fails(const struct km_case *c);

/*
 * Did nearly all faults of this vCPU end as @how says, KM_BALANCE_RETRIED, SPURIOUS or FAILED, and
 * enough of them for a loop? What a VMM or a guest gets past looks different: one fault is resolved
 * for each that is not, as after mprotect().
 */
bool km_nearly_all_faults(const struct km_case *c, enum km_fault_balance how);

/*
 * Return true if most exits are in none of the counters of faults, halts and MMIO: a fault that
 * fails on the MMIO path is counted nowhere, and neither are MSR and CPUID exits.
 */
bool km_exits_are_unexplained(const struct km_vcpu_stats *stats);

/* Does this kernel have pf_taken? Without it, KVM counts the faults that it fixes, and no others.
 */
static inline bool km_faults_are_counted(struct km_val pf_taken)
{
	return pf_taken.known != KM_ABSENT;
}

#define KM_FAULTS_NOT_COUNTED "this kernel does not count all faults"

/*
 * Where not all faults are counted, return the number of exits that are in none of the counters
 * that are read here: faults that are not fixed are among them, and so are MSR and CPUID exits.
 * KM_UNREADABLE: it is not known; KM_ABSENT: this kernel counts all faults.
 */
struct km_val km_uncounted_exits(const struct km_case *c);

/* Return the same number if these are most exits and enough for a loop, else 0. */
uint64_t km_many_uncounted_exits(const struct km_case *c);

/* Return true if most faults were not resolved, regardless of their results. */
bool km_most_are_lost(enum km_fault_balance balance);

/* "20278 faults: 16 resolved, 0 spurious, 20262 retried or failed", into @buf; "" if not known.
 * Return @buf. */
char *km_fault_counts_spell(const struct km_fault_counts *counts, char *buf, size_t size);

#endif
