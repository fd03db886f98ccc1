// SPDX-License-Identifier: GPL-2.0-or-later
#include "diagnose/state.h"

#include "diagnose/counters.h"
#include "diagnose/evidence.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *km_vcpu_state_name(enum km_vcpu_state state)
{
	static const char *const names[] = {
		[KM_STATE_HEALTHY] = "healthy",		[KM_STATE_WAITING] = "waiting",
		[KM_STATE_PROGRESSING] = "progressing", [KM_STATE_STUCK] = "stuck",
		[KM_STATE_NEVER_RAN] = "never ran",	[KM_STATE_UNKNOWN] = "unknown",
	};

	return names[state];
}

static void decide(struct km_explanation *e, enum km_vcpu_state state, enum km_certainty certainty,
		   const char *fmt, ...) __attribute__((format(printf, 4, 5)));

static void decide(struct km_explanation *e, enum km_vcpu_state state, enum km_certainty certainty,
		   const char *fmt, ...)
{
	va_list ap;

	e->state = state;
	e->certainty = certainty;
	va_start(ap, fmt);
	vsnprintf(e->verdict, sizeof(e->verdict), fmt, ap);
	va_end(ap);
}

/* ---- stuck ---- */

static const struct km_diagnosis *why_stuck(const struct km_explanation *e)
{
	for (size_t i = 0; i < e->count; i++) {
		if (e->found[i].stuck && e->found[i].certainty >= KM_POSSIBLE)
			return &e->found[i];
	}
	return NULL;
}

/*
 * Can @stuck be the reason although the thread waits? A VMM whose KVM_RUN fails each time may be
 * asleep between two of them; a guest that is halted for an async page fault may never be woken.
 */
static bool outweighs_wait(const struct km_diagnosis *stuck, enum km_wait_kind wait)
{
	if (wait == KM_WAIT_NONE)
		return true;
	return km_explains(stuck) && (wait == KM_WAIT_USERSPACE || wait == KM_WAIT_APF);
}

static bool decide_stuck(const struct km_case *c, struct km_explanation *e)
{
	const struct km_diagnosis *stuck = why_stuck(e);
	bool past = c->has_addr && stuck && !stuck->apart;
	char fault[224];

	if (!stuck || !outweighs_wait(stuck, c->wait.kind))
		return false;
	/* one moment may prove what is wrong, but not that it persists */
	decide(e, KM_STATE_STUCK, km_explains(stuck) ? KM_LIKELY : KM_POSSIBLE,
	       "it makes no forward progress%s%s: %s", past ? " past its " : "",
	       past ? km_case_fault_spell(c, fault, sizeof(fault)) : "", stuck->id);
	return true;
}

/* ---- the user's own fault ---- */

/* It does not show anything about the vCPU, and what the vCPU does with its own was not judged. */
static bool decide_by_users_fault(const struct km_case *c, struct km_explanation *e)
{
	if (!c->fault || c->fault->source != KM_FAULT_USER)
		return false;
	if (c->has_path && c->path.loops_known && c->path.loops) {
		decide(e, KM_STATE_UNKNOWN, KM_NOTE,
		       "if it takes the fault that you supplied, it makes no forward progress past "
		       "it; whether it does is not part of this answer");
		return true;
	}
	for (size_t i = 1; i < c->last.count; i++) {
		const struct km_fault *own = &c->last.faults[i];

		if (!km_fault_is_current(own))
			continue;
		decide(e, KM_STATE_UNKNOWN, KM_NOTE,
		       "the fault is the one that you supplied; without -a and -e, the answer is "
		       "about its own (%s)",
		       km_fault_age_text(own->age));
		return true;
	}
	return false;
}

/* ---- its own fault ---- */

/* If the open steps pass, does the path end in a new SPTE? */
static bool would_be_fixed(const struct km_page_fault_path *path)
{
	const struct km_step *last = path->count ? &path->steps[path->count - 1] : NULL;

	return last && last->outcome == KM_STEP_ENDS && last->ret == KM_RET_PF_FIXED;
}

/* What follows from the replay of its fault, regardless of doubts. */
static enum km_vcpu_state state_after(const struct km_case *c, enum km_certainty *certainty)
{
	const struct km_page_fault_path *path = &c->path;

	*certainty = path->loops_known ? KM_LIKELY : KM_POSSIBLE;
	if (path->ret == KM_RET_PF_EXIT)
		return KM_STATE_UNKNOWN; /* the VMM decides how an error is handled */
	if (path->ret == KM_RET_PF_UNKNOWN && !path->loops_known && !would_be_fixed(path))
		return KM_STATE_UNKNOWN;
	if (path->loops_known && path->loops) {
		*certainty = KM_POSSIBLE;
		return KM_STATE_WAITING;
	}
	return KM_STATE_PROGRESSING;
}

/* What it waits for, if KVM retries its fault: the state that ends the replay. */
static const char *retry_text(const struct km_case *c, char *buf, size_t size)
{
	snprintf(buf, size, "as long as this lasts: %s", c->path.end->text);
	return buf;
}

/* "not known: it depends on F" of the replay, as part of a sentence about the fault. */
static const char *follows_text(const struct km_case *c, char *buf, size_t size)
{
	static const char open[] = "not known: it depends on ";

	if (strncmp(c->path.loops_text, open, sizeof(open) - 1))
		return c->path.loops_text;
	snprintf(buf, size, "what follows depends on %s", c->path.loops_text + sizeof(open) - 1);
	return buf;
}

/* Its fault, being handled or of the last exit, and what becomes of it. */
static bool decide_by_fault(const struct km_case *c, struct km_explanation *e, const char *doubt)
{
	enum km_certainty certainty;
	enum km_vcpu_state state;
	const char *meaning, *becomes;
	char text[sizeof(c->path.loops_text)];
	bool retries;

	if (!km_case_is_current(c) || !c->has_path)
		return false;
	meaning = km_walk_address_text(km_mmu_address_meaning(c->mmu));
	state = state_after(c, &certainty);
	if (state == KM_STATE_UNKNOWN)
		certainty = KM_NOTE;
	else if ((doubt || c->residue_counts) && certainty > KM_POSSIBLE)
		certainty = KM_POSSIBLE;
	else
		doubt = NULL;
	retries = state == KM_STATE_WAITING && c->path.end;
	becomes = retries ? retry_text(c, text, sizeof(text)) : follows_text(c, text, sizeof(text));
	decide(e, state, certainty, "%s %s at %s 0x%" PRIx64 ": %s%s%s%s%s",
	       km_case_in_handler(c) ? "KVM is handling its"
	       : c->residue_counts   ? "the last fault that KVM handled was a"
				     : "its last exit was a",
	       km_access_text(c->error_code), meaning, c->addr,
	       c->path.ret == KM_RET_PF_UNKNOWN ? "" : km_ret_pf_name(c->path.ret),
	       c->path.ret == KM_RET_PF_UNKNOWN ? ""
	       : retries			? " "
						: ", ",
	       becomes, doubt ? "; " : "", doubt ? doubt : "");
	return true;
}

/* ---- no fault is known ---- */

static unsigned count_tables(const struct km_case *c, enum km_table_status status)
{
	unsigned count = 0;

	for (size_t i = 0; i < c->all.table_count; i++)
		count += c->all.tables[i].status == status;
	return count;
}

/* "; 5 permission tables match their roles": what was compared; "" if nothing could be. */
static const char *tables_text(const struct km_case *c, char *buf, size_t size)
{
	unsigned match = count_tables(c, KM_TABLE_MATCHES);
	unsigned differ = count_tables(c, KM_TABLE_DIFFERS);

	buf[0] = 0;
	if (differ)
		snprintf(buf, size, "; %u of its permission tables %s", differ,
			 differ == 1 ? "differs from its role" : "differ from their roles");
	else if (match)
		snprintf(buf, size, "; %u permission table%s%s", match,
			 match == 1 ? " matches its role" : "s match their roles",
			 count_tables(c, KM_TABLE_UNREADABLE) ? ", others are unreadable" : "");
	return buf;
}

/* Where a vCPU is that neither faults nor sleeps. */
static const char *place_text(const struct km_case *c, char *buf, size_t size)
{
	const struct km_stack *stack = c->last.has_stack ? &c->last.stack : NULL;
	const char *function = stack ? km_stack_switched_out_in(stack) : NULL;

	if (!km_is_known(c->vcpu->mode))
		return "no contradiction was found";
	if (km_vcpu_in_guest(c->vcpu))
		return "in the guest";
	if (stack && stack->count && stack->frames[0].sure && !km_stack_may_lack_outer(stack) &&
	    !km_stack_in(stack, "kvm_vcpu_ioctl")) {
		snprintf(buf, size, "its thread is runnable%s%s%s and not in KVM_RUN",
			 function ? " again (it waits for a CPU to return from " : "",
			 function ? function : "", function ? "())" : "");
		return buf;
	}
	return "between two runs of the guest";
}

/*
 * Nothing shows that it makes no progress, but most of its faults were not resolved; or nobody
 * counted them, and most exits may be such faults, or the audit found below its root what makes
 * faults repeat.
 */
static bool decide_by_counters(const struct km_case *c, struct km_explanation *e)
{
	struct km_fault_counts counts = km_case_counts(c);
	uint64_t uncounted = km_many_uncounted_exits(c);
	char text[160];

	if (km_case_exit_evidence(c) == KM_SHOWS_INSTRUCTION)
		return false;
	if (km_most_are_lost(counts.balance))
		decide(e, KM_STATE_UNKNOWN, KM_NOTE,
		       "its last fault is not known, and most of its faults were not resolved (%s)",
		       km_fault_counts_spell(&counts, text, sizeof(text)));
	else if (counts.balance == KM_BALANCE_UNKNOWN && km_root_is_damaged(c))
		decide(e, KM_STATE_UNKNOWN, KM_NOTE,
		       "an SPTE below its root is damaged; its last fault is not known, and %s",
		       km_faults_are_counted(c->vcpu->stats.pf_taken)
			       ? "its page-fault counters are not, either"
			       : KM_FAULTS_NOT_COUNTED);
	else if (uncounted)
		decide(e, KM_STATE_UNKNOWN, KM_NOTE,
		       "its last fault is not known, and %" PRIu64 " of its %" PRIu64
		       " exits are in none of the counters that were read, as are faults that "
		       "this kernel does not fix",
		       uncounted, c->vcpu->stats.exits.v);
	else
		return false;
	return true;
}

static void decide_healthy(const struct km_case *c, struct km_explanation *e, const char *doubt)
{
	struct km_fault_counts counts = km_case_counts(c);
	char place[160], tables[96], faults[160];

	km_fault_counts_spell(&counts, faults, sizeof(faults));
	decide(e, KM_STATE_HEALTHY, doubt ? KM_POSSIBLE : KM_LIKELY, "%s%s%s%s%s%s",
	       place_text(c, place, sizeof(place)), tables_text(c, tables, sizeof(tables)),
	       faults[0] ? "; " : "", faults, doubt ? "; " : "", doubt ? doubt : "");
}

/* ---- all of it ---- */

void km_decide_state(const struct km_case *c, struct km_explanation *e)
{
	const struct km_diagnosis *stuck = why_stuck(e);
	const char *doubt;

	if (!c->vcpu->readable) {
		decide(e, KM_STATE_UNKNOWN, KM_NOTE,
		       "the part of struct kvm_vcpu that describes how it translates addresses is "
		       "not readable");
		return;
	}
	if (km_vcpu_never_ran(c->vcpu) && !(stuck && km_explains(stuck))) {
		decide(e, KM_STATE_NEVER_RAN, KM_PROVEN,
		       "no thread has run it since it was created");
		return;
	}
	if (decide_stuck(c, e))
		return;
	if (c->wait.kind != KM_WAIT_NONE) {
		decide(e, KM_STATE_WAITING, c->wait.certainty, "%s", c->wait.text);
		return;
	}
	doubt = km_doubt_about_health(c, e);
	if (decide_by_users_fault(c, e) || decide_by_fault(c, e, doubt))
		return;
	if (!c->mmu || !c->mmu->readable)
		decide(e, KM_STATE_UNKNOWN, KM_NOTE, "%s", doubt);
	else if (!decide_by_counters(c, e))
		decide_healthy(c, e, doubt);
}
