// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/follow_faults.h"

#include "rules/exits.h"
#include "trace/faults.h"

#include <string.h>

#define PAGE_SHIFT	    12
#define QUALIFICATION_MARKS (KM_BIT(7) | KM_BIT(8)) /* PFERR_* has neither */
#define EINTR_NUMBER	    4

/* --- exits: faults of their own, or the beginning of one --- */

static bool is_fault_exit(const struct km_trace_event *e)
{
	return e->reason == KM_REASON_EPT_VIOLATION || e->reason == KM_REASON_NPF ||
	       e->reason == KM_REASON_EPT_MISCONFIG;
}

/* The fault itself was not recorded: only its exit is known. */
void km_follow_fault_of_exit(struct km_trace *t, struct km_trace_vcpu *v)
{
	const struct km_trace_event *e = &v->exit;
	struct km_trace_fault key = km_faults_key(e, e->reason != KM_REASON_EPT_MISCONFIG);

	key.qualification = e->reason == KM_REASON_EPT_VIOLATION;
	key.amd = e->reason == KM_REASON_NPF;
	key.misconfig = e->reason == KM_REASON_EPT_MISCONFIG;
	v->has_exit = false;
	km_faults_begin(t, v, e, &key);
	v->waits_for_fast = true;
}

/* What the exit contains and the fault's own event does not. */
static struct km_trace_event with_exit(struct km_trace_vcpu *v, const struct km_trace_event *e)
{
	struct km_trace_event all = *e;

	if (!v->has_exit)
		return all;
	v->has_exit = false;
	all.vectoring = v->exit.vectoring;
	all.reason = v->exit.reason;
	if (!all.has_rip) {
		all.has_rip = v->exit.has_rip;
		all.rip = v->exit.rip;
	}
	return all;
}

static void page_fault(struct km_trace *t, struct km_trace_vcpu *v, const struct km_trace_event *e)
{
	struct km_trace_event all = with_exit(v, e);
	struct km_trace_fault key = km_faults_key(&all, true);

	key.amd = all.reason == KM_REASON_NPF;
	key.qualification =
		all.reason == KM_REASON_EPT_VIOLATION ||
		(!key.amd && (e->error_code & QUALIFICATION_MARKS) && !(e->error_code >> 16));
	km_faults_begin(t, v, &all, &key);
	v->waits_for_fast = true;
}

/* --- the result of a fault --- */

static bool has_faults(const struct km_trace *t)
{
	return t->events[KM_TRACE_PAGE_FAULT] || t->events[KM_TRACE_FAST_PAGE_FAULT] ||
	       t->events[KM_TRACE_EXIT] || t->events[KM_TRACE_NESTED_EXIT];
}

/* Handle faults for which only the subsequent events were recorded. */
static void implied_fault(struct km_trace *t, struct km_trace_vcpu *v,
			  const struct km_trace_event *e)
{
	struct km_trace_event fault = *e;
	struct km_trace_fault key;

	fault.has_address = true;
	fault.address = e->gfn << PAGE_SHIFT;
	key = km_faults_key(&fault, false);
	km_faults_begin(t, v, &fault, &key);
}

static void requested(struct km_trace *t, struct km_trace_vcpu *v, const struct km_trace_event *e)
{
	if (!has_faults(t))
		implied_fault(t, v, e);
	if (v->current != KM_NO_FAULT)
		v->hot[v->current].pfn = e->pfn;
	km_faults_count(v, KM_OUTCOME_REQUESTED, e->count);
}

static void set_spte(struct km_trace *t, struct km_trace_vcpu *v, const struct km_trace_event *e)
{
	if (e->new_spte)
		km_trace_exclude_spte(&t->rules, e->new_spte, e->level);
	if (!has_faults(t) && !t->events[KM_TRACE_REQUESTED])
		implied_fault(t, v, e);
	if (e->new_spte)
		km_mappings_made(t->mappings, e->gfn, e->level, e->time);
	km_faults_count(v, KM_OUTCOME_SET_SPTE, e->count);
	km_faults_fixed(v);
}

static bool is_leaf(const struct km_trace_event *e)
{
	return e->level <= PG_LEVEL_4K || (e->new_spte & KM_BIT(7));
}

/* By any thread: a vCPU that maps, or a thread that removes mappings. */
static void spte_changed(struct km_trace *t, const struct km_trace_event *e)
{
	struct km_trace_vcpu *v;

	if (!km_fit_is_mapped(e->new_spte)) {
		km_mappings_zapped(t->mappings, e);
		return;
	}
	km_trace_exclude_spte(&t->rules, e->new_spte, e->level);
	if (km_fit_is_mapped(e->old_spte) || !is_leaf(e))
		return;
	v = has_faults(t) ? km_faults_find_vcpu(t, e) : km_faults_get_vcpu(t, e);
	if (!v) {
		km_mappings_made(t->mappings, e->gfn, e->level, e->time);
		return;
	}
	set_spte(t, v, e);
	v->changed = true;
	v->changed_gfn = e->gfn;
}

/* The TDP MMU prints kvm_tdp_mmu_spte_changed first, then kvm_mmu_set_spte of the same SPTE. */
static bool is_known_change(struct km_trace_vcpu *v, const struct km_trace_event *e)
{
	bool known = v->changed && v->changed_gfn == e->gfn;

	v->changed = false;
	return known;
}

static void userspace_exit(struct km_trace_vcpu *v, const struct km_trace_event *e)
{
	static const struct {
		unsigned number;
		enum km_outcome outcome;
	} reasons[] = {{KVM_EXIT_MMIO, KM_OUTCOME_USER_MMIO},
		       {KVM_EXIT_INTERNAL_ERROR, KM_OUTCOME_INTERNAL_ERROR},
		       {KVM_EXIT_MEMORY_FAULT, KM_OUTCOME_MEMORY_FAULT}};

	if (e->error && e->number != EINTR_NUMBER) {
		if (v->current != KM_NO_FAULT)
			v->hot[v->current].user_errno = e->number;
		km_faults_count(v, KM_OUTCOME_USER_ERROR, e->count);
		return;
	}
	for (size_t i = 0; !e->error && i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (reasons[i].number == e->number)
			km_faults_count(v, reasons[i].outcome, e->count);
	}
}

static void injected(struct km_trace_vcpu *v, const struct km_trace_event *e)
{
	if (v->current != KM_NO_FAULT)
		memcpy(v->hot[v->current].exception, e->exception, sizeof(e->exception));
	km_faults_count(v, KM_OUTCOME_INJECTED, e->count);
}

/* The entry that was printed last is the one at which the guest's page tables deny the access. */
static void walker_error(struct km_trace_vcpu *v, const struct km_trace_event *e)
{
	if (v->current != KM_NO_FAULT && v->guest_level) {
		v->hot[v->current].guest_pte = v->guest_pte;
		v->hot[v->current].guest_level = v->guest_level;
	}
	v->guest_level = 0;
	km_faults_count(v, KM_OUTCOME_WALKER_ERROR, e->count);
}

/* kvm_emulate_insn is printed before an attempt, and once more if it fails. */
void km_follow_end_attempt(struct km_trace_vcpu *v)
{
	v->mmio_attempt = false;
	if (!v->attempts)
		return;
	v->attempts = false;
	km_faults_count(v, KM_OUTCOME_EMULATED, 1);
	km_faults_fixed(v);
}

static void emulate_insn(struct km_trace *t, struct km_trace_vcpu *v,
			 const struct km_trace_event *e)
{
	if (!e->failed) {
		if (!v->mmio_attempt)
			km_follow_end_attempt(v);
		v->mmio_attempt = false;
		v->attempts = true;
		return;
	}
	v->attempts = false;
	t->failed_attempts += e->count;
	km_faults_count(v, KM_OUTCOME_EMULATE_FAILED, e->count);
}

static void done(struct km_trace_vcpu *v, enum km_outcome outcome, uint64_t times)
{
	km_faults_count(v, outcome, times);
	km_faults_fixed(v);
}

static void keep_mmio_address(struct km_trace_vcpu *v, const struct km_trace_event *e)
{
	struct km_trace_fault *f = v->current == KM_NO_FAULT ? NULL : &v->hot[v->current];

	if (!f || !e->has_address)
		return;
	f->has_mmio_address = true;
	f->mmio_address = e->address;
}

/* handle_mmio_page_fault is printed before the instruction is emulated: one attempt. */
static void mmio_fault(struct km_trace_vcpu *v, const struct km_trace_event *e)
{
	keep_mmio_address(v, e);
	v->attempts = v->mmio_attempt = true;
}

/* kvm_mmio is printed for the access and once more for the value that userspace read. */
static void mmio(struct km_trace_vcpu *v, const struct km_trace_event *e)
{
	keep_mmio_address(v, e);
	done(v, KM_OUTCOME_MMIO, e->count);
}

static void guest_exit(struct km_trace *t, struct km_trace_vcpu *v, const struct km_trace_event *e)
{
	km_trace_exclude_reason(&t->rules, e->reason);
	if (is_fault_exit(e)) {
		v->has_exit = true;
		v->exit = *e;
	} else if (e->reason == KM_REASON_OTHER) {
		km_faults_count(v, KM_OUTCOME_OTHER_EXIT, e->count);
	}
}

/* An exit that no event of its fault follows. */
static void end_exit(struct km_trace *t, struct km_trace_vcpu *v, const struct km_trace_event *e)
{
	if (!v->has_exit || e->kind == KM_TRACE_PAGE_FAULT)
		return;
	/* one exit, printed by both events */
	if (e->kind == KM_TRACE_NESTED_EXIT && v->exit.kind == KM_TRACE_EXIT)
		return;
	if (e->kind == KM_TRACE_FAST_PAGE_FAULT && !v->exit.has_address)
		return;
	/* an EPT misconfiguration has no event of its own */
	if (t->events[KM_TRACE_PAGE_FAULT] && v->exit.reason != KM_REASON_EPT_MISCONFIG)
		v->has_exit = false;
	else
		km_follow_fault_of_exit(t, v);
}

static void vcpu_event(struct km_trace *t, struct km_trace_vcpu *v, const struct km_trace_event *e)
{
	v->events[e->kind] += e->count;
	if (e->kind == KM_TRACE_PAGING_ELEMENT) {
		/* also during an emulation, which it does not end */
		v->guest_pte = e->guest_pte;
		v->guest_level = e->level;
		return;
	}
	end_exit(t, v, e);
	if (e->kind != KM_TRACE_EMULATE_INSN)
		km_follow_end_attempt(v);
	switch (e->kind) {
	case KM_TRACE_PAGE_FAULT:
		page_fault(t, v, e);
		break;
	case KM_TRACE_FAST_PAGE_FAULT:
		km_follow_fast_page_fault(t, v, e);
		break;
	case KM_TRACE_EXIT:
	case KM_TRACE_NESTED_EXIT:
		guest_exit(t, v, e);
		break;
	case KM_TRACE_EMULATE_INSN:
		emulate_insn(t, v, e);
		break;
	case KM_TRACE_MMIO:
		mmio(v, e);
		break;
	case KM_TRACE_EMULATED:
		mmio_fault(v, e);
		break;
	case KM_TRACE_REQUESTED:
		requested(t, v, e);
		break;
	case KM_TRACE_SET_SPTE:
		if (!is_known_change(v, e))
			set_spte(t, v, e);
		break;
	case KM_TRACE_USERSPACE_EXIT:
		userspace_exit(v, e);
		break;
	case KM_TRACE_INJECTED:
		injected(v, e);
		break;
	case KM_TRACE_WALKER_ERROR:
		walker_error(v, e);
		break;
	case KM_TRACE_RMP_FAULT:
		km_faults_count(v, KM_OUTCOME_RMP, e->count);
		break;
	case KM_TRACE_ASYNC_FAULT:
		km_faults_count(v, KM_OUTCOME_ASYNC, e->count);
		break;
	default:
		break;
	}
}

static void note_time(struct km_trace *t, const struct km_trace_event *e)
{
	if (!e->has_time)
		return;
	if (!t->has_time) {
		t->has_time = true;
		t->seconds = e->seconds;
		t->first = t->last = e->time;
	}
	t->seconds = t->seconds && e->seconds;
	if (e->time < t->first)
		t->first = e->time;
	if (e->time > t->last)
		t->last = e->time;
}

void km_follow_event(struct km_trace *t, const struct km_trace_event *e)
{
	struct km_trace_vcpu *v;

	t->events[e->kind] += e->count;
	note_time(t, e);
	if (e->kind == KM_TRACE_OTHER)
		return;
	if (e->kind == KM_TRACE_SPTE_CHANGED) {
		spte_changed(t, e);
		return;
	}
	if (e->kind == KM_TRACE_ZAP) {
		km_mappings_zapped_range(t->mappings, e);
		return;
	}
	v = km_faults_get_vcpu(t, e);
	if (v)
		vcpu_event(t, v, e);
	else
		t->crowded += e->count;
	if (!v && e->kind == KM_TRACE_FAST_PAGE_FAULT)
		km_follow_fast_page_fault(t, NULL, e);
}
