// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/describe_trace.h"

#include "trace/numbers.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN_LOOPS   16
#define SHOWN_NUMBERS 16
#define REFAULTS      4 /* a quarter of the faults */
#define SIZE_CHANGES                                                                               \
	6 /* times that a 2M range is mapped with a different size: a huge page and its children   \
	   */
#define QUALIFICATION_RIGHTS 0x38ULL

/* --- who, where, how often --- */

static const char *vcpu_name(struct km_node *node, const struct km_trace_vcpu *v)
{
	const char *text = "";

	if (v->has_tid)
		text = km_doc_text(node, "thread %" PRIu32, v->tid);
	if (v->comm[0])
		text = km_doc_text(node, "%s%s(%s)", text, *text ? " " : "", v->comm);
	if (v->vcpu >= 0 && strncmp(v->comm, "vCPU ", 5))
		text = km_doc_text(node, "%s%svCPU %" PRId64, text, *text ? ", " : "", v->vcpu);
	return *text ? text : "an unknown thread";
}

/* "thread 5 (qemu), vCPU 4", or "4 vCPUs (4, 7, 5, 6)" */
static const char *who(struct km_node *node, const struct km_loop *loop)
{
	const char *text = "";

	if (loop->vcpu_count == 1)
		return vcpu_name(node, loop->vcpus[0]);
	for (size_t i = 0; i < loop->vcpu_count && i < SHOWN_NUMBERS; i++) {
		const struct km_trace_vcpu *v = loop->vcpus[i];

		if (v->vcpu >= 0)
			text = km_doc_text(node, "%s%s%" PRId64, text, *text ? ", " : "", v->vcpu);
		else if (v->has_tid)
			text = km_doc_text(node, "%s%sthread %" PRIu32, text, *text ? ", " : "",
					   v->tid);
	}
	return km_doc_text(node, "%zu vCPUs (%s%s)", loop->vcpu_count, text,
			   loop->vcpu_count > SHOWN_NUMBERS ? ", ..." : "");
}

static const char *numbers(struct km_node *node, const struct km_loop *loop)
{
	const struct km_trace_fault *f = loop->fault;
	const char *text = "";

	if (f->has_address && loop->one_address)
		text = km_doc_text(node, " at 0x%" PRIx64, f->address);
	else if (f->has_address)
		text = km_doc_text(node, " at 0x%" PRIx64 " and other addresses", f->address);
	if ((f->has_error_code || f->has_pferr) && loop->one_error_code)
		text = km_doc_text(node, "%s, %s %s", text,
				   f->qualification && !f->has_pferr ? "exit qualification"
								     : "error code",
				   km_trace_error_code(node, f));
	if (f->has_rip && loop->one_rip)
		text = km_doc_text(node, "%s, RIP 0x%" PRIx64, text, f->rip);
	return text;
}

static const char *time_text(struct km_node *node, const struct km_trace *t, uint64_t time)
{
	struct km_value v = km_trace_time(node, t, time);

	return v.text ? v.text : km_doc_text(node, "%" PRIu64, time);
}

static const char *when(struct km_node *node, const struct km_trace *t, const struct km_loop *loop)
{
	double per_second = km_trace_rate(t, loop->seen);
	const char *text = "";

	if (!loop->sum.has_time)
		return "";
	if (per_second)
		text = km_doc_text(node, ", %.0f a second%s", per_second,
				   loop->vcpu_count > 1 ? " each" : "");
	return km_doc_text(node, "%s, between %s and %s", text, time_text(node, t, loop->sum.first),
			   time_text(node, t, loop->sum.last));
}

static const char *what(struct km_node *node, const struct km_trace *t, const struct km_loop *loop)
{
	bool run = loop->seen == &loop->fault->best;

	return km_doc_text(node, "%s: %" PRIu64 " faults%s%s%s", who(node, loop), loop->sum.faults,
			   run ? " in a row" : "", numbers(node, loop), when(node, t, loop));
}

/* --- what each kind is --- */

/*
 * Compare what the processor found, according to the exit qualification, with the SPTE that KVM
 * found.
 */
static const char *met(struct km_node *node, const struct km_loop *loop)
{
	const struct km_trace_fault *f = loop->fault;
	char rights[4], now[4];
	uint64_t allows = (f->old_spte & 7) << 3;

	if (!f->has_error_code)
		return "; kvm:kvm_page_fault, which is not in the trace, would show what the "
		       "processor found";
	if (!f->qualification || !f->has_pferr)
		return "";
	km_ept_qualification_rights(allows, now, sizeof(now));
	km_ept_qualification_rights(f->error_code, rights, sizeof(rights));
	if (!(f->error_code & QUALIFICATION_RIGHTS))
		return km_doc_text(node,
				   "; exit qualification 0x%" PRIx64
				   " shows that the processor found no mapping (R=W=X=0), while "
				   "the SPTE allows %s: permissions are not the cause%s. Compare "
				   "the root that the processor uses with the root that KVM walks; "
				   "if this host is nested, check the hypervisor below",
				   f->error_code, now,
				   loop->vcpu_count > 1 ? ", nor is the TLB of one vCPU" : "");
	if ((f->error_code & QUALIFICATION_RIGHTS) == allows)
		return km_doc_text(node,
				   "; exit qualification 0x%" PRIx64
				   " shows that the processor found the same permissions (%s)",
				   f->error_code, rights);
	return km_doc_text(node,
			   "; exit qualification 0x%" PRIx64
			   " shows that the processor found %s, while the SPTE allows %s",
			   f->error_code, rights, now);
}

static const char *spurious(struct km_node *node, const struct km_loop *loop)
{
	const struct km_trace_fault *f = loop->fault;
	bool unchanged = loop->sum.n[KM_OUTCOME_UNCHANGED] == loop->sum.faults;

	return km_doc_text(node,
			   "each is treated as spurious, because KVM finds that SPTE 0x%" PRIx64
			   " allows the access: %s%s",
			   f->old_spte,
			   unchanged ? "the SPTE is the same before and after each fault, so no "
				       "other vCPU fixes it; possible causes are a stale TLB, an "
				       "entry above it, or a different table"
				     : "possible causes are a stale TLB, or another vCPU that "
				       "fixes the SPTE each time",
			   met(node, loop));
}

static const char *vectored(struct km_node *node, const struct km_loop *loop)
{
	char spelled[128];

	if (loop->sum.n[KM_OUTCOME_VECTORED] * 2ULL < loop->sum.faults)
		return "";
	return km_doc_text(node,
			   "; %" PRIu32
			   " occurred while an event was being delivered: %s (0x%" PRIx64 ")",
			   loop->sum.n[KM_OUTCOME_VECTORED],
			   km_vectoring_spell(loop->fault->vectoring, spelled, sizeof(spelled)),
			   loop->fault->vectoring);
}

static const char *emulate_failed(struct km_node *node, const struct km_loop *loop)
{
	const struct km_trace_tally *sum = &loop->sum;
	const char *then = "";

	if (sum->n[KM_OUTCOME_INJECTED] * 2ULL >= sum->faults)
		then = km_doc_text(node, ", %s was injected%s", loop->fault->exception,
				   sum->n[KM_OUTCOME_VECTORED] * 2ULL >= sum->faults
					   ? ", and its delivery faults again"
					   : "");
	else if (sum->n[KM_OUTCOME_INTERNAL_ERROR])
		then = ", and KVM_RUN ended with KVM_EXIT_INTERNAL_ERROR";
	return km_doc_text(node, "%" PRIu32 " times, KVM could not emulate the instruction%s%s",
			   sum->n[KM_OUTCOME_EMULATE_FAILED], then, vectored(node, loop));
}

static const char *user_error(struct km_node *node, const struct km_loop *loop)
{
	unsigned number = loop->fault->user_errno;

	return km_doc_text(
		node, "each makes KVM_RUN return -%s, and userspace runs the vCPU again%s",
		number == 14 ? "EFAULT (14)" : km_doc_text(node, "%u", number),
		number == 14 ? ": KVM cannot get the host page for this address. Check what the "
			       "VMM has mapped at the memslot's userspace address"
			     : "");
}

static const char *zapper_name(struct km_node *node, const struct km_zapper *z)
{
	return km_doc_text(node, "%sthread %" PRIu32 "%s%s%s", z->perhaps ? "perhaps " : "", z->tid,
			   *z->comm ? " (" : "", z->comm, *z->comm ? ")" : "");
}

static const char *zapped(struct km_node *node, const struct km_trace *t,
			  const struct km_loop *loop)
{
	const struct km_trace_fault *f = loop->fault;
	const char *after = "";

	if (t->seconds && f->zapped_after)
		after = km_doc_text(node, " %.1f us after that at the earliest",
				    (double)f->zapped_after / 1000);
	return km_doc_text(node,
			   "%" PRIu32
			   " times, the page had been mapped before, and %s%s zapped it again "
			   "(%s)%s: find out what that thread does, and why so often",
			   loop->sum.n[KM_OUTCOME_ZAPPED], zapper_name(node, &f->zapper),
			   f->several_zappers ? ", among others," : "", f->zapper.event, after);
}

static const char *rmp(struct km_node *node, const struct km_loop *loop)
{
	uint64_t code = loop->fault->has_error_code ? loop->fault->error_code : loop->fault->pferr;

	if (code & PFERR_GUEST_VMPL_MASK)
		return "the RMP (SEV-SNP), not the nested page tables, denies the page to this "
		       "VMPL: KVM cannot fix this; the guest's software at VMPL0 grants the "
		       "permission with RMPADJUST";
	if (code & PFERR_GUEST_SIZEM_MASK)
		return "the page size in the RMP (SEV-SNP) differs from that in the page table: "
		       "KVM splits the RMP entry (PSMASH); if that fails, see the host's log";
	return km_doc_text(node,
			   "the RMP (SEV-SNP), not the nested page tables, denies the page: the "
			   "access is %s, the page is not",
			   code & PFERR_GUEST_ENC_MASK ? "private" : "shared");
}

static const char *requested(struct km_node *node, const struct km_loop *loop)
{
	const struct km_trace_fault *f = loop->fault;

	return km_doc_text(node,
			   "gfn 0x%" PRIx64 " is requested each time with pfn 0x%" PRIx64
			   ", an SPTE is set %" PRIu32
			   " time%s in all: KVM finds the SPTE correct, but the processor does not "
			   "use it. The bits of the SPTE are not the cause: check the depth of the "
			   "table against CR4.LA57 (AMD), the root, and the hypervisor below",
			   f->address >> 12, f->pfn, f->all.n[KM_OUTCOME_SET_SPTE],
			   f->all.n[KM_OUTCOME_SET_SPTE] == 1 ? "" : "s");
}

/* Events that would settle it and are not in the trace. */
static const char *missing_events(struct km_node *node, const struct km_trace *t)
{
	static const struct {
		enum km_trace_kind kind;
		const char *name;
	} wanted[] = {
		{KM_TRACE_FAST_PAGE_FAULT, "kvmmmu:fast_page_fault"},
		{KM_TRACE_SET_SPTE, "kvmmmu:kvm_mmu_set_spte"},
		{KM_TRACE_REQUESTED, "kvmmmu:kvm_mmu_spte_requested"},
		{KM_TRACE_SPTE_CHANGED, "kvmmmu:kvm_tdp_mmu_spte_changed"},
		{KM_TRACE_EMULATE_INSN, "kvm:kvm_emulate_insn"},
		{KM_TRACE_MMIO, "kvm:kvm_mmio"},
		{KM_TRACE_USERSPACE_EXIT, "kvm:kvm_userspace_exit"},
		{KM_TRACE_INJECTED, "kvm:kvm_inj_exception"},
	};
	const char *text = "";

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		if (!t->events[wanted[i].kind])
			text = km_doc_text(node, "%s%s%s", text, *text ? ", " : "", wanted[i].name);
	}
	return text;
}

static const char *unanswered(struct km_node *node, const struct km_trace *t,
			      const struct km_loop *loop)
{
	const char *missing = missing_events(node, t);

	if (loop->sum.n[KM_OUTCOME_ASYNC] * 2ULL >= loop->sum.faults)
		return "each waits for a page of the host (asynchronous page fault)";
	if (!*missing)
		return "the trace shows no result of these faults: KVM retries each time";
	return km_doc_text(node,
			   "the trace shows no result of these faults%s; events that would show "
			   "it, but are not in the trace: %s",
			   vectored(node, loop), missing);
}

static const char *guest(struct km_node *node, const struct km_loop *loop)
{
	const struct km_trace_fault *f = loop->fault;
	const char *deny = "the guest's own page tables deny the access: the guest itself loops";

	if (f->guest_level)
		deny = km_doc_text(node,
				   "%s; its walk ended at its entry 0x%" PRIx64 " of level %d",
				   deny, f->guest_pte, f->guest_level);
	if (!f->exception[0])
		return km_doc_text(node, "%s (kvm_mmu_walker_error)", deny);
	return km_doc_text(node, "KVM injects %s into the guest each time: %s", f->exception, deny);
}

static const char *kind_text(struct km_node *node, const struct km_trace *t,
			     const struct km_loop *loop)
{
	switch (loop->kind) {
	case KM_LOOP_CONTRADICTS:
		return km_doc_text(node,
				   "each is treated as spurious, although SPTE 0x%" PRIx64
				   " denies the access. The test that fast_page_fault() uses is "
				   "wrong. Since the 7.3 series, it is a permission table: on a "
				   "dump, \"perms\" compares it with the MMU's role",
				   loop->fault->old_spte);
	case KM_LOOP_SPURIOUS:
		return spurious(node, loop);
	case KM_LOOP_RMP:
		return rmp(node, loop);
	case KM_LOOP_MEMORY_FAULT:
		return "each ends with KVM_EXIT_MEMORY_FAULT, and userspace runs the vCPU again "
		       "without changing anything: the access is private and the page is shared, "
		       "or vice versa. Check whether the VMM handles the exit "
		       "(KVM_SET_MEMORY_ATTRIBUTES)";
	case KM_LOOP_USER_ERROR:
		return user_error(node, loop);
	case KM_LOOP_INTERNAL_ERROR:
		return "each ends with KVM_EXIT_INTERNAL_ERROR, and userspace runs the vCPU again";
	case KM_LOOP_EMULATE_FAILED:
		return emulate_failed(node, loop);
	case KM_LOOP_MAP_ZAP:
		return zapped(node, t, loop);
	case KM_LOOP_GUEST:
		return guest(node, loop);
	case KM_LOOP_REQUESTED:
		return requested(node, loop);
	case KM_LOOP_MAPPED:
		return "KVM maps the page each time, the trace shows no zap, and the vCPU faults "
		       "again: the processor does not use what KVM writes. Check the root, the "
		       "depth of the table, and the hypervisor below";
	case KM_LOOP_MMIO:
		return "each is handled as MMIO: the guest polls a device. This is not a loop in "
		       "KVM";
	default:
		return unanswered(node, t, loop);
	}
}

/* --- findings --- */

static void finding_fields(struct km_node *f, const struct km_trace *t, const struct km_loop *loop)
{
	const struct km_trace_fault *fault = loop->fault;
	double per_second = km_trace_rate(t, loop->seen);

	km_doc_field(f, "vcpus", NULL, km_v_dec(loop->vcpu_count));
	km_doc_field(f, "faults", NULL, km_v_dec(loop->sum.faults));
	km_doc_field(f, "address", NULL,
		     fault->has_address ? km_v_hex(fault->address) : km_v_none("-"));
	km_doc_field(f, "rip", NULL, fault->has_rip ? km_v_hex(fault->rip) : km_v_none("-"));
	km_doc_field(f, "faults_per_second", NULL,
		     per_second ? km_v_text(km_doc_text(f, "%.0f", per_second)) : km_v_none("-"));
	if (loop->kind == KM_LOOP_MAP_ZAP) {
		km_doc_field(f, "zapper_tid", NULL, km_v_dec(fault->zapper.tid));
		km_doc_field(f, "zapper_comm", NULL,
			     km_v_text(km_doc_text(f, "%s", fault->zapper.comm)));
		km_doc_field(f, "zapper_event", NULL, km_v_text(fault->zapper.event));
	}
}

static void add_finding(struct km_node *root, const struct km_trace *t, const struct km_loop *loop)
{
	struct km_node *f = km_doc_finding(root, km_loop_id(loop->kind), km_loop_certainty(t, loop),
					   "%s: %s", what(root, t, loop), kind_text(root, t, loop));

	finding_fields(f, t, loop);
}

/* Report pages that fault again because their mappings are zapped, each only a few times. */
static void find_refaults(struct km_node *root, const struct km_trace *t)
{
	uint64_t faults = km_trace_faults(t), zapped = 0;
	const struct km_trace_zapper *most = t->zappers;
	struct km_node *f;

	for (size_t i = 0; i < t->zapper_count; i++) {
		zapped += t->zappers[i].faults;
		if (t->zappers[i].faults > most->faults)
			most = &t->zappers[i];
	}
	if (faults < KM_LOOP_FAULTS || t->pages < 2 || zapped * REFAULTS < faults)
		return;
	f = km_doc_finding(root, "faults-per-page", KM_NOTE,
			   "%" PRIu64 " faults at %" PRIu64
			   " different pages, %.2f for each: %" PRIu64
			   " were at pages that had been mapped and were zapped again, %" PRIu64
			   " of them by %s (%s)",
			   faults, t->pages, (double)faults / (double)t->pages, zapped,
			   most->faults, zapper_name(root, &most->who), most->who.event);
	km_doc_field(f, "faults", NULL, km_v_dec(faults));
	km_doc_field(f, "pages", NULL, km_v_dec(t->pages));
	km_doc_field(f, "zapped", NULL, km_v_dec(zapped));
	km_doc_field(f, "zapper_tid", NULL, km_v_dec(most->who.tid));
	km_doc_field(f, "zapper_comm", NULL, km_v_text(km_doc_text(f, "%s", most->who.comm)));
	km_doc_field(f, "zapper_event", NULL, km_v_text(most->who.event));
}

/* Two equal faults, and no others, are not called a loop. */
static void note_same(struct km_node *root, const struct km_trace *t)
{
	uint64_t faults = km_trace_faults(t);

	if (faults == 2 && t->vcpu_count == 1 && t->vcpus[0]->hot_count == 1)
		km_doc_note(
			root,
			"both faults are the same; %d of them would be reported as a possible loop",
			KM_LOOP_FEW);
}

/* Faults that were retried for a while, until what KVM waited for was done. */
static void note_stretches(struct km_node *root, const struct km_trace *t,
			   const struct km_loop *longest, size_t stretches)
{
	if (stretches)
		km_doc_note(root,
			    "%zu fault%s repeated %d times or more without a result before the "
			    "vCPU continued; the longest: %s",
			    stretches, stretches == 1 ? "" : "s", KM_LOOP_FAULTS,
			    what(root, t, longest));
}

/* A page that is mapped as a huge one and as small ones in turn. */
static void find_size_changes(struct km_node *root, const struct km_trace *t)
{
	const struct km_size_changes *most = km_trace_size_livelock(t);
	struct km_node *f;

	if (!most)
		return;
	f = km_doc_finding(
		root, "huge-page-over-4k", KM_POSSIBLE,
		"the 2M range at gfn 0x%" PRIx64 " was mapped %" PRIu64
		" times with a different size than before, alternating between 2M and 4K: a huge "
		"page replaces the 4K pages of its range, and a fault splits it again",
		most->gfn, most->changes);
	km_doc_field(f, "gfn", NULL, km_v_hex(most->gfn));
	km_doc_field(f, "changes", NULL, km_v_dec(most->changes));
}

/* Does the page fault again because its range changes its size? That is a finding of its own. */
static bool is_size_change(const struct km_trace *t, const struct km_loop *loop)
{
	const struct km_size_changes *most = km_trace_size_livelock(t);

	return loop->kind == KM_LOOP_MAPPED && most && loop->fault->address >> 21 == most->gfn >> 9;
}

static void note_progress(struct km_node *root, const struct km_trace *t)
{
	for (size_t i = 0; i < t->vcpu_count; i++) {
		const struct km_trace_vcpu *v = t->vcpus[i];
		const struct km_trace_progress *p = &v->best_progress;

		if (p->faults >= KM_LOOP_FAULTS)
			km_doc_note(root,
				    "%s progresses: %" PRIu64 " faults at RIP 0x%" PRIx64
				    ", from 0x%" PRIx64 " up to 0x%" PRIx64,
				    vcpu_name(root, v), p->faults, p->rip, p->first_address,
				    p->last_address);
	}
}

static void note_forgotten(struct km_node *root, const struct km_trace *t, bool found)
{
	uint64_t forgotten = 0;

	for (size_t i = 0; i < t->vcpu_count; i++)
		forgotten += t->vcpus[i]->forgotten;
	if (forgotten)
		km_doc_note(root,
			    "%" PRIu64
			    " faults were dropped (only the %d most frequent faults of each vCPU "
			    "are kept): a loop over more addresses is not detected",
			    forgotten, KM_TRACE_HOT);
	else if (!found)
		km_doc_note(root, "no fault repeats often enough without a result to be a loop");
}

km_error *km_describe_loops(struct km_node *root, const struct km_trace *t)
{
	size_t count, shown = 0, stretches = 0;
	const struct km_loop *longest = NULL;
	struct km_loop *loops;
	km_error *err = km_trace_loops(t, &loops, &count);

	if (err)
		return err;
	for (size_t i = 0; i < count; i++) {
		const struct km_loop *loop = &loops[i];

		if (is_size_change(t, loop))
			continue;
		if (!loop->went_on && shown < SHOWN_LOOPS) {
			add_finding(root, t, loop);
			shown++;
		}
		if (loop->went_on && loop->kind != KM_LOOP_MMIO &&
		    loop->sum.faults >= KM_LOOP_FAULTS) {
			stretches++;
			longest = longest ? longest : loop;
		}
	}
	find_size_changes(root, t);
	find_refaults(root, t);
	note_same(root, t);
	note_stretches(root, t, longest, stretches);
	note_forgotten(root, t, shown || stretches || km_trace_size_livelock(t));
	note_progress(root, t);
	free(loops);
	return NULL;
}
