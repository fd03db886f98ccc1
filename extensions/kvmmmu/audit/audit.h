/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The audit of a VM: every entry and every page of its page tables, checked against KVM's
 * invariants, without a fault. arch/x86/kvm/mmu/.
 */
#ifndef KVMMMU_AUDIT_H
#define KVMMMU_AUDIT_H

#include "audit/anomaly.h"
#include "threads/tasks_read.h"

struct km_audit_options {
	const char *mmu;	   /* only contexts of this name; NULL: all */
	uint64_t limit;		   /* anomalies of each kind that are kept */
	bool only[KM_AUDIT_KINDS]; /* kinds that are looked for, if @chosen */
	bool chosen;
	uint64_t most_tables;	/* at most; 0: as many as fit in memory */
	bool tell_changes;	/* set changing in any case, not only if it explains something */
	struct km_tasks *tasks; /* for km_tasks_get(); NULL: not known */
};

/* Anomalies of one kind. */
struct km_audit_sum {
	uint64_t found;	  /* however many are kept */
	uint64_t unknown; /* checks without a result, because something is not readable */
	enum km_certainty certainty; /* the highest of those found */
};

struct km_vm_audit {
	struct km_audit_sum sums[KM_AUDIT_KINDS];
	struct km_anomaly *anomalies; /* in the order in which they were found */
	size_t count;
	uint64_t tables, entries, leaves; /* that were examined; entries: not empty ones */
	uint64_t unreadable;		  /* page tables that were found and not read */
	uint64_t contexts_lost;		  /* MMU contexts of vCPUs that are not readable */
	bool limit_hit;			  /* there are more page tables */
	bool others_lost; /* those below no root of a vCPU are not all known, and not examined */
	bool changing;	  /* KVM is changing page tables at this moment; see tell_changes */
	char why_changing[160];
	bool moving;	/* the target changes while it is read: all are notes */
	bool no_format; /* the SPTEs of this kernel cannot be decoded: nothing was examined */
};

/*
 * Audit all contexts of all vCPUs of @vm. Each page table is read once. Errors: Ctrl-C, out of
 * memory, limits; KM_EUSAGE if there is no context options->mmu. Call km_vm_audit_deinit() in any
 * case.
 */
km_error *km_vm_audit(const struct km_kernel *kernel, const struct km_vm *vm,
		      const struct km_audit_options *options, struct km_vm_audit *audit);
void km_vm_audit_deinit(struct km_vm_audit *audit);

#endif
