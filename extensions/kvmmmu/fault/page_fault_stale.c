// SPDX-License-Identifier: GPL-2.0-or-later
/* is_page_fault_stale(): an obsolete root, or an invalidation. */
#include "threads/invalidation.h"
#include "fault/page_fault_steps.h"

#include <inttypes.h>

bool km_replay_invalidation(struct km_replay *r, const char *f, bool locked)
{
	const struct km_vm *vm = r->s->vm;
	bool gfns = r->s->kernel->features.invalidate_gfns;
	struct km_val n = vm->mmu_invalidate_in_progress;
	struct km_val start = vm->mmu_invalidate_range_start, end = vm->mmu_invalidate_range_end;
	uint64_t hva =
		r->slot ? r->slot->userspace_addr + ((r->gfn - r->slot->base_gfn) << KM_PAGE_SHIFT)
			: 0;
	uint64_t at = gfns ? r->gfn : hva;
	const char *name = gfns ? "gfn" : "HVA";
	int64_t count = (int64_t)n.v;

	if (km_is_known(n) && n.v && r->s->kernel->features.invalidate_all)
		return km_step_end(r, f, "invalidation", KM_RET_PF_RETRY,
				   "%" PRId64
				   " invalidation%s in progress, and this kernel compares no range",
				   count, count == 1 ? " is" : "s are");
	if (!km_is_known(n) || (n.v && (!km_is_known(start) || !km_is_known(end))))
		return km_step_open(r, f, "invalidation",
				    "mmu_invalidate_* of the VM is not readable");
	if (!n.v)
		return km_step_pass(r, f, "invalidation", "mmu_invalidate_in_progress is 0");
	if (gfns && (start.v == INVALID_GPA || end.v == INVALID_GPA) && locked)
		return km_step_end(r, f, "invalidation", KM_RET_PF_RETRY,
				   "%" PRId64
				   " invalidation%s in progress, without a range: every fault "
				   "retries",
				   count, count == 1 ? " is" : "s are");
	if (at >= start.v && at < end.v)
		return km_step_end(
			r, f, "invalidation", KM_RET_PF_RETRY,
			"%" PRId64 " invalidation%s in progress, and the range of %ss [0x%" PRIx64
			", 0x%" PRIx64 ") contains %s 0x%" PRIx64,
			count, count == 1 ? " is" : "s are", name, start.v, end.v, name, at);
	return km_step_pass(r, f, "invalidation",
			    "an invalidation of %ss [0x%" PRIx64 ", 0x%" PRIx64
			    ") is in progress: it does not contain 0x%" PRIx64,
			    name, start.v, end.v, at);
}

/* is_obsolete_sp() of the root; without a kvm_mmu_page, the pending request is checked. */
static bool check_root(struct km_replay *r, const char *f)
{
	const struct km_mmu_page *root = &r->root;
	struct km_val gen = r->s->vm->mmu_valid_gen, requests = r->s->vcpu->requests;
	struct km_request request = km_request_to_free_roots(&r->s->kernel->features);

	if (r->s->kernel->features.ignores_obsolete)
		return km_step_pass(r, f, "obsolete-root",
				    "this kernel does not ask whether the root is obsolete");
	if (!root->known)
		return km_step_open(r, f, "obsolete-root",
				    "the root's kvm_mmu_page is not readable");
	if (!root->addr) {
		if (!km_is_known(requests))
			return km_step_open(r, f, "obsolete-root-request",
					    "vcpu.requests is not readable");
		if (requests.v & request.bits)
			return km_step_end(r, f, "obsolete-root-request", KM_RET_PF_RETRY,
					   "the root has no kvm_mmu_page, and %s is pending",
					   request.name);
		return km_step_pass(
			r, f, "obsolete-root-request",
			"the root has no kvm_mmu_page; no request to replace it is pending");
	}
	if (!root->role_known)
		return km_step_open(r, f, "obsolete-root", "the root's role is not readable");
	if (root->role.invalid)
		return km_step_end(r, f, "obsolete-root", KM_RET_PF_RETRY,
				   "the root's kvm_mmu_page 0x%" PRIx64 " has role.invalid set",
				   root->addr);
	if (root->tdp_mmu_page.known == KM_UNREADABLE)
		return km_step_open(r, f, "obsolete-root",
				    "kvm_mmu_page.tdp_mmu_page of the root is not readable");
	if (r->tdp_mmu)
		return km_step_pass(
			r, f, "obsolete-root",
			"role.invalid of the root is 0 (a TDP MMU page: mmu_valid_gen is "
			"not checked)");
	if (!km_is_known(root->mmu_valid_gen) || !km_is_known(gen))
		return km_step_open(r, f, "obsolete-root", "mmu_valid_gen is not readable");
	if (root->mmu_valid_gen.v != gen.v)
		return km_step_end(r, f, "obsolete-root", KM_RET_PF_RETRY,
				   "the root's mmu_valid_gen is %" PRIu64 ", the VM's %" PRIu64,
				   root->mmu_valid_gen.v, gen.v);
	return km_step_pass(r, f, "obsolete-root",
			    "role.invalid of the root is 0, its mmu_valid_gen %" PRIu64
			    " is that of the VM",
			    gen.v);
}

/*
 * Some kernels pass mmu_seq as an int, which changes a value with bit 31 set. Fixed in 6.1 stable
 * by 82d811ff5665 ("KVM: x86/mmu: Fix the passing of mmu_seq as an int").
 */
static bool check_sign(struct km_replay *r, const char *f, uint64_t seq)
{
	enum km_seq_type type;

	if (r->s->kernel->features.invalidate_gfns || !(seq & KM_BIT(31)))
		return true;
	type = km_mmu_seq_type(r->s->kernel);
	if (type == KM_SEQ_UNKNOWN)
		return km_step_open(
			r, f, "mmu-seq",
			"mmu_invalidate_seq 0x%" PRIx64
			" has bit 31 set; it is not known whether this kernel passes it as "
			"an int (DWARF is needed)",
			seq);
	if (type == KM_SEQ_ULONG)
		return true;
	return km_step_end(r, f, "mmu-seq-sign", KM_RET_PF_RETRY,
			   "mmu_invalidate_seq 0x%" PRIx64
			   " is converted to int and back, which changes it: always stale",
			   seq);
}

static bool check_seq(struct km_replay *r, const char *f)
{
	const struct km_page_fault *live = r->s->live;
	struct km_val seq = r->s->vm->mmu_invalidate_seq;

	if (!km_is_known(seq))
		return km_step_open(r, f, "mmu-seq", "mmu_invalidate_seq is not readable");
	if (!check_sign(r, f, seq.v))
		return false;
	if (live && km_is_known(live->mmu_seq) && live->mmu_seq.v && live->mmu_seq.v != seq.v)
		return km_step_end(r, f, "mmu-seq", KM_RET_PF_RETRY,
				   "mmu_seq of the fault in the handler is %" PRIu64
				   ", that of the VM is %" PRIu64 " now",
				   live->mmu_seq.v, seq.v);
	return km_step_pass(r, f, "mmu-seq",
			    "mmu_invalidate_seq %" PRIu64 ", each fault reads it again", seq.v);
}

bool km_replay_stale(struct km_replay *r)
{
	const char *const f = "is_page_fault_stale";

	if (!check_root(r, f))
		return false;
	/* without a range, it is asked of faults outside all memslots, too */
	if (!r->slot && !r->s->kernel->features.invalidate_all)
		return true;
	return km_replay_invalidation(r, f, true) && check_seq(r, f);
}
