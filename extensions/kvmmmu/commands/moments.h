/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All vCPUs of a kernel at one moment, as values that outlive the target they were read from: two
 * of these can be compared.
 */
#ifndef KVMMMU_MOMENTS_H
#define KVMMMU_MOMENTS_H

#include "commands/command_context.h"
#include "diagnose/samples.h"
#include "host/boot.h"

/* The entries on the walk to a fault's address. */
struct km_moment_walk {
	bool known;
	uint64_t addr;
	int root_level;
	size_t count; /* of levels, root first */
	struct {
		int level;
		uint64_t spte;
	} levels[KM_WALK_LEVELS];
	char end[160]; /* where and why it ended, for people */
};

/* One vCPU. */
struct km_moment {
	/* who it is; kvm and vcpu are addresses */
	uint64_t kvm, vcpu;
	struct km_val mm, pid, id;
	unsigned vm_number, idx;
	char comm[17]; /* of the owner; "" if unknown */

	struct km_sample sample;
	enum km_certainty certainty; /* of sample.state */
	const char *finding;	     /* the first above a note; NULL: none */
	enum km_certainty finding_certainty;

	struct km_val tid, mode, requests, pf_fast;
	const char *mmu; /* the context of the fault, else the active one; NULL: unknown */
	struct km_val root, root_role;
	unsigned tables_differ;	     /* permission tables that differ from their roles */
	struct km_val invalidations; /* mmu_invalidate_in_progress */
	struct km_moment_walk walk;
};

struct km_moments {
	struct km_boot boot;
	struct km_moment *list; /* in the order of VMs and vCPUs */
	size_t count;
	const struct km_moment **sorted; /* for km_moments_find() */
	bool by_owner;			 /* how they are sorted: see km_moments_pair() */
	uint64_t lost;			 /* vCPUs that are not readable */

	/* of an answer in JSON */
	bool json, redacted;	     /* addresses and names are replaced */
	bool selected;		     /* it has some of the vCPUs only */
	const char *vendor, *paging; /* as in "source"; NULL: unknown */
};

/* Return what is compared of a vCPU. */
struct km_moment km_moment_of(const struct km_case *c, const struct km_explanation *e);

/* Which vCPUs, by the addresses of struct kvm and struct kvm_vcpu; 0: all. */
struct km_moments_scope {
	uint64_t kvm, vcpu;
};

/* That of what km_select() found, which may be NULL. */
static inline struct km_moments_scope km_moments_scope_of(const struct km_vm *vm,
							  const struct km_vcpu *vcpu)
{
	return (struct km_moments_scope){vm ? vm->addr : 0, vcpu ? vcpu->addr : 0};
}

/*
 * Examine the vCPUs of @vms, with their threads, that @scope names. Errors: Ctrl-C, out of memory,
 * a limit of the target. The caller calls km_moments_deinit() in any case.
 */
km_error *km_moments_read(const struct km_kernel *kernel, const struct km_vms *vms,
			  const struct km_moments_scope *scope, struct km_moments *moments);
void km_moments_deinit(struct km_moments *moments);

/* Keep those that @scope names. */
void km_moments_keep(struct km_moments *moments, const struct km_moments_scope *scope);

/* Fill moments->sorted from moments->list. KM_ENOMEM. */
km_error *km_moments_sort(struct km_moments *moments);

/*
 * Are both the same vCPU, if they are of one boot? Addresses are used again: its owner must be the
 * same, too.
 */
bool km_moment_is_of(const struct km_moment *a, const struct km_moment *b);

/*
 * Prepare two for km_moments_find(): vCPUs are the same by their addresses or, where those of one
 * are replaced, by the PID of their owner, index and id.
 */
void km_moments_pair(struct km_moments *a, struct km_moments *b);

/* Can addresses of @a be compared with those of @b? */
static inline bool km_moments_share_addresses(const struct km_moments *a,
					      const struct km_moments *b)
{
	return !a->redacted && !b->redacted;
}

/*
 * Return the vCPU of @moments that is @like; NULL: there is none, or by their owners there are
 * several.
 */
const struct km_moment *km_moments_find(const struct km_moments *moments,
					const struct km_moment *like);

#endif
