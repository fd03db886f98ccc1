// SPDX-License-Identifier: GPL-2.0-or-later
#include "diagnose/samples.h"

#include "diagnose/counters.h"
#include "diagnose/evidence.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *km_trend_name(enum km_trend trend)
{
	static const char *const names[] = {
		[KM_TREND_OPEN] = "open",
		[KM_TREND_QUIET] = "quiet",
		[KM_TREND_LOOPS] = "loops",
		[KM_TREND_PROGRESSES] = "progresses",
	};

	return names[trend];
}

struct km_sample km_sample_of(const struct km_case *c, const struct km_explanation *e)
{
	const struct km_vcpu_stats *stats = &c->vcpu->stats;
	const struct km_walk_level *last = c->has_walk ? km_walk_last(&c->walk) : NULL;
	struct km_sample s = {
		.has_fault = c->has_addr && km_case_is_current(c),
		.fault_exit = km_case_exit_evidence(c) == KM_SHOWS_FAULT,
		.instruction_exit = km_case_exit_evidence(c) == KM_SHOWS_INSTRUCTION,
		.addr = c->addr,
		.error_code = {.known = KM_UNREADABLE},
		.rip = c->last.rip,
		.exits = stats->exits,
		.pf_taken = stats->pf_taken,
		.pf_fixed = stats->pf_fixed,
		.pf_spurious = stats->pf_spurious,
		.pf_emulate = stats->pf_emulate,
		.mmio_exits = stats->mmio_exits,
		.halt_exits = stats->halt_exits,
		.emulation_failed = c->insn_emulation_fail,
		.uncounted_exits = km_uncounted_exits(c),
		.insn_emulation = {.known = KM_ABSENT},
		.invalidate_seq = c->vm->mmu_invalidate_seq,
		.processor = km_case_ruling(c, KM_JUDGE_PROCESSOR),
		.state = e->state,
	};

	if (c->has_error_code)
		s.error_code = km_known_val(c->error_code);
	if (!km_faults_are_counted(stats->pf_taken))
		s.insn_emulation = c->insn_emulation;
	if (last) {
		s.has_spte = true;
		s.spte = last->spte.value;
		s.level = last->level;
	}
	return s;
}

void km_sample_drop_addresses(struct km_sample *s)
{
	s->fault_exit |= s->has_fault;
	s->has_fault = s->has_spte = false;
	s->rip = (struct km_val){.known = KM_UNREADABLE};
}

static void say(struct km_samples_verdict *v, enum km_trend trend, enum km_certainty certainty,
		const char *fmt, ...) __attribute__((format(printf, 4, 5)));

static void say(struct km_samples_verdict *v, enum km_trend trend, enum km_certainty certainty,
		const char *fmt, ...)
{
	va_list ap;

	v->trend = trend;
	v->certainty = certainty;
	va_start(ap, fmt);
	vsnprintf(v->text, sizeof(v->text), fmt, ap);
	va_end(ap);
}

/* How far a counter rose; false if it is not known, or fell. */
static bool rose(struct km_val before, struct km_val after, uint64_t *by)
{
	*by = after.v - before.v;
	return km_is_known(before) && km_is_known(after) && after.v >= before.v;
}

/* struct kvm_page_fault of some kernels keeps only the lower half. */
static bool same_error_code(struct km_val a, struct km_val b)
{
	bool half = !(a.v >> 32) || !(b.v >> 32);

	return km_is_known(a) && km_is_known(b) &&
	       (half ? (uint32_t)a.v == (uint32_t)b.v : a.v == b.v);
}

/* ---- what the counters did from the first sample to the last ---- */

struct changes {
	uint64_t exits, taken, fixed, spurious, emulated, mmio;
	/* this kernel does not count all faults: @taken is at most as large, and @uncounted is the
	 * part of it that was not fixed; @spurious is not known, and 0 */
	bool estimated;
	uint64_t uncounted;
	uint64_t failed;	/* to emulate; 0 also if not known */
	uint64_t halts;		/* 0 also if not known */
	uint64_t invalidations; /* that ended; 0 also if not known */
	bool resolved;		/* a fault was fixed, emulated with success, or was MMIO */
};

/* @a without @b, at least 0. */
static uint64_t without(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/* Each fault is an exit, but for retries inside KVM. False if a counter is not known, or fell. */
static bool estimate_faults(const struct km_sample *a, const struct km_sample *b,
			    struct changes *by)
{
	if (km_faults_are_counted(a->pf_taken) || km_faults_are_counted(b->pf_taken) ||
	    !km_is_known(a->uncounted_exits) || !km_is_known(b->uncounted_exits) ||
	    !rose(a->insn_emulation, b->insn_emulation, &by->emulated))
		return false;
	by->estimated = true;
	/* counters of a running kernel are not read at the same moment */
	by->uncounted = without(b->uncounted_exits.v, a->uncounted_exits.v);
	by->taken = by->fixed + by->uncounted;
	/* the emulator performs MMIO, too */
	by->emulated = without(by->emulated, by->mmio);
	return true;
}

/* False if a counter is not known, or fell. */
static bool changes_between(const struct km_sample *a, const struct km_sample *b,
			    struct changes *by)
{
	memset(by, 0, sizeof(*by));
	if (!rose(a->pf_fixed, b->pf_fixed, &by->fixed) ||
	    !rose(a->mmio_exits, b->mmio_exits, &by->mmio) || !rose(a->exits, b->exits, &by->exits))
		return false;
	if ((!rose(a->pf_taken, b->pf_taken, &by->taken) ||
	     !rose(a->pf_spurious, b->pf_spurious, &by->spurious) ||
	     !rose(a->pf_emulate, b->pf_emulate, &by->emulated)) &&
	    !estimate_faults(a, b, by))
		return false;
	/* pf_emulate counts what is handed to the emulator, regardless of the result */
	if (!rose(a->emulation_failed, b->emulation_failed, &by->failed))
		by->failed = 0;
	by->emulated = without(by->emulated, by->failed);
	if (!rose(a->invalidate_seq, b->invalidate_seq, &by->invalidations))
		by->invalidations = 0;
	if (!rose(a->halt_exits, b->halt_exits, &by->halts))
		by->halts = 0;
	by->resolved = by->fixed || by->emulated || by->mmio;
	return true;
}

/* Were most faults resolved? In a loop few are: those of the guest's interrupt handlers. */
static bool mostly_resolved(const struct changes *by)
{
	return by->fixed + by->emulated + by->mmio >= by->taken / 2;
}

/* Did about as many invalidations end as faults were fixed? */
static bool zapped_each_time(const struct changes *by)
{
	return by->fixed && !by->emulated && !by->mmio && by->invalidations >= by->fixed / 2 &&
	       by->invalidations;
}

/* ---- what the samples have in common ---- */

/*
 * A sample with a fault counts unless it shows the same occurrence of the fault as an earlier
 * sample. The RIP of a sample without one may be in the guest's handler of an interrupt, which runs
 * while the interrupted instruction makes no progress.
 */
struct common {
	size_t faults; /* the same fault, taken again each time */
	bool every;    /* every sample is one of those */
	bool same_fault;
	bool fault_moved, rip_moved;  /* among those that have a fault */
	bool rip_moved_elsewhere;     /* among all samples */
	bool rip_known, spte, denied; /* in all that have a fault */
	bool any_fault_exit, any_instruction_exit;
	bool fixable; /* KVM resolves one of the faults, as far as its dump shows */
	bool handled; /* the VMM was not running the vCPU: it may be handling the fault */
};

/* Did the vCPU leave the guest, or take a fault, between the two? Faults on MMIO SPTEs are counted
 * as exits only, retries inside KVM as faults only. */
static bool is_new_fault(const struct km_sample *before, const struct km_sample *after)
{
	uint64_t exits, taken;

	return (rose(before->pf_taken, after->pf_taken, &taken) && taken) ||
	       (rose(before->exits, after->exits, &exits) && exits);
}

static bool is_other_fault(const struct km_sample *a, const struct km_sample *b)
{
	return a->addr != b->addr || (km_is_known(a->error_code) && km_is_known(b->error_code) &&
				      !same_error_code(a->error_code, b->error_code));
}

static struct common compare(const struct km_sample *s, size_t count)
{
	struct common all = {.rip_known = true, .spte = true, .denied = true};
	const struct km_sample *first = NULL, *latest = NULL;
	struct km_val rip = {.known = KM_UNREADABLE}, fault_rip = rip;

	for (size_t i = 0; i < count; i++) {
		if (!km_is_known(rip))
			rip = s[i].rip;
		all.rip_moved_elsewhere |= km_is_known(s[i].rip) && s[i].rip.v != rip.v;
		all.any_fault_exit |= s[i].has_fault || s[i].fault_exit;
		all.any_instruction_exit |= s[i].instruction_exit;
		if (!s[i].has_fault)
			continue;
		if (!first)
			first = &s[i];
		all.fault_moved |= is_other_fault(first, &s[i]);
		if (!km_is_known(fault_rip))
			fault_rip = s[i].rip;
		all.rip_moved |= km_is_known(s[i].rip) && s[i].rip.v != fault_rip.v;
		all.rip_known &= km_is_known(s[i].rip);
		all.spte &= s[i].has_spte && first->has_spte && s[i].spte == first->spte &&
			    s[i].level == first->level;
		all.denied &= s[i].processor == KM_DENIES;
		all.fixable |= s[i].state == KM_STATE_PROGRESSING || s[i].state == KM_STATE_HEALTHY;
		all.handled |= s[i].state == KM_STATE_WAITING;
		if (!same_error_code(s[i].error_code, first->error_code) ||
		    (latest && !is_new_fault(latest, &s[i])))
			continue;
		latest = &s[i];
		all.faults++;
	}
	all.every = all.faults == count;
	all.same_fault = all.faults >= 2 && !all.fault_moved;
	all.rip_known &= km_is_known(rip);
	return all;
}

/* ---- the verdict ---- */

static const char *faults_text(uint64_t count)
{
	return count == 1 ? "fault was" : "faults were";
}

static const char *exits_text(uint64_t count)
{
	return count == 1 ? "exit was" : "exits were";
}

/* "2 faults were fixed, 1 emulated, 0 exits were MMIO" */
static const char *resolved_text(const struct changes *by, char *buf, size_t size)
{
	snprintf(buf, size, "%" PRIu64 " %s fixed, %" PRIu64 " emulated, %" PRIu64 " %s MMIO",
		 by->fixed, faults_text(by->fixed), by->emulated, by->mmio, exits_text(by->mmio));
	return buf;
}

/* "12 faults were taken", or what is known instead. */
static const char *taken_text(const struct changes *by, char *buf, size_t size)
{
	if (by->estimated)
		snprintf(buf, size, "%s%" PRIu64 " %s in no counter",
			 by->uncounted ? "at least " : "", by->uncounted,
			 exits_text(by->uncounted));
	else
		snprintf(buf, size, "%" PRIu64 " %s taken", by->taken, faults_text(by->taken));
	return buf;
}

/* "pf_taken by 120, pf_spurious by 3", or what is known instead. */
static const char *lost_text(const struct changes *by, char *buf, size_t size)
{
	if (by->estimated)
		snprintf(buf, size, "of which at least %" PRIu64 " are in no counter",
			 by->uncounted);
	else
		snprintf(buf, size, "pf_taken by %" PRIu64 ", pf_spurious by %" PRIu64, by->taken,
			 by->spurious);
	return buf;
}

/*
 * A healthy vCPU may take the same fault several times: is_page_fault_stale() makes it retry while
 * invalidations are under way, and a fault that another vCPU has fixed is spurious. As many times
 * in all samples together are a loop.
 */
#define RETRIES 8

/* The same fault in several samples. */
static void judge_same_fault(const struct common *all, const struct changes *by, size_t count,
			     struct km_samples_verdict *v)
{
	/* an hour may be between two samples: were most exits in it such faults? */
	bool mostly = by->spurious && by->spurious >= by->exits / 2;
	bool proven = (all->faults >= 3 || all->every) && mostly && all->rip_known && all->spte &&
		      all->denied && !all->rip_moved_elsewhere;
	/* it was at another RIP in between: in an interrupt handler, if most exits were faults */
	bool interrupted = all->denied && by->taken >= by->exits / 2;
	/* pf_taken does not count faults on MMIO SPTEs */
	uint64_t again = by->taken ? by->taken : by->exits;
	/*
	 * An estimate is that of this fault if it is still denied, at the same RIP; a VMM that
	 * handles -EFAULT may have moved RIP.
	 */
	bool likely = by->estimated ? all->rip_known && all->spte && all->denied
				    : all->rip_known || !all->handled;
	char text[96], resolved[128];

	if (all->rip_moved) {
		say(v, KM_TREND_PROGRESSES, KM_LIKELY,
		    "the same fault in %zu of %zu samples, but RIP changed: the guest takes it at "
		    "different places",
		    all->faults, count);
	} else if (by->halts) {
		say(v, KM_TREND_OPEN, KM_NOTE,
		    "the same fault in %zu of %zu samples, but meanwhile the guest halted %" PRIu64
		    " time%s: it did something else in between",
		    all->faults, count, by->halts, by->halts == 1 ? "" : "s");
	} else if (!by->resolved && all->rip_moved_elsewhere && !interrupted) {
		say(v, KM_TREND_OPEN, KM_NOTE,
		    "the same fault in %zu of %zu samples, but meanwhile RIP was another one: it "
		    "is not known whether it did something else in between",
		    all->faults, count);
	} else if (again < RETRIES && (!by->resolved || zapped_each_time(by))) {
		say(v, KM_TREND_OPEN, KM_NOTE,
		    "the same fault in %zu of %zu samples, but it was taken at most %" PRIu64
		    " time%s in between: KVM may have retried it",
		    all->faults, count, again, again == 1 ? "" : "s");
	} else if (!by->resolved && !mostly && by->invalidations) {
		say(v, KM_TREND_OPEN, KM_NOTE,
		    "the same fault%s in %zu of %zu samples; meanwhile %s and none was fixed, but "
		    "invalidations ended (%" PRIu64 "): KVM may have retried it because of these",
		    all->rip_known ? " at the same RIP" : "", all->faults, count,
		    taken_text(by, text, sizeof(text)), by->invalidations);
	} else if (!by->resolved && by->estimated && by->taken < by->exits / 2) {
		say(v, KM_TREND_OPEN, KM_NOTE,
		    "the same fault in %zu of %zu samples; meanwhile none was fixed, but of "
		    "%" PRIu64 " exits only %" PRIu64 " can be faults",
		    all->faults, count, by->exits, by->taken);
	} else if (!by->resolved && all->fixable && (by->estimated || !by->taken)) {
		/* MMIO of devices in the kernel, and before 5.19 what fast_page_fault() fixes */
		say(v, KM_TREND_OPEN, KM_NOTE,
		    "the same fault in %zu of %zu samples; meanwhile %s, but KVM can resolve this "
		    "fault, and may do that where it counts nothing",
		    all->faults, count, taken_text(by, text, sizeof(text)));
	} else if (!by->resolved) {
		say(v, KM_TREND_LOOPS,
		    proven   ? KM_PROVEN
		    : likely ? KM_LIKELY
			     : KM_POSSIBLE,
		    "the same fault%s in %zu of %zu samples; meanwhile exits rose by %" PRIu64
		    ", %s, and pf_fixed did not rise%s",
		    all->rip_known ? " at the same RIP" : "", all->faults, count, by->exits,
		    lost_text(by, text, sizeof(text)), all->spte ? "; the SPTE is the same" : "");
	} else if (zapped_each_time(by)) {
		v->map_zap = true;
		/* a guest in a small loop is at the same address and RIP twice by chance */
		say(v, KM_TREND_LOOPS, all->rip_known && all->faults >= 3 ? KM_LIKELY : KM_POSSIBLE,
		    "the same fault%s in %zu of %zu samples; meanwhile %" PRIu64
		    " %s fixed and %" PRIu64 " invalidation%s ended: the page is zapped again "
		    "before the guest uses it",
		    all->rip_known ? " at the same RIP" : "", all->faults, count, by->fixed,
		    faults_text(by->fixed), by->invalidations, by->invalidations == 1 ? "" : "s");
	} else if (all->rip_moved_elsewhere && mostly_resolved(by)) {
		say(v, KM_TREND_PROGRESSES, KM_LIKELY,
		    "the same fault in %zu of %zu samples; meanwhile RIP was another one, %s",
		    all->faults, count, resolved_text(by, resolved, sizeof(resolved)));
	} else if (all->rip_known) {
		say(v, KM_TREND_OPEN, KM_NOTE,
		    "the same fault at the same RIP in %zu of %zu samples; meanwhile %s; %s",
		    all->faults, count, taken_text(by, text, sizeof(text)),
		    resolved_text(by, resolved, sizeof(resolved)));
	} else {
		say(v, KM_TREND_PROGRESSES, KM_POSSIBLE,
		    "the same fault in %zu of %zu samples; meanwhile %s", all->faults, count,
		    resolved_text(by, resolved, sizeof(resolved)));
	}
}

/* Faults were resolved; RIP and the address of faults show whether the guest advances. */
static void judge_resolved(const struct common *all, const struct changes *by, size_t count,
			   struct km_samples_verdict *v)
{
	bool moved = all->fault_moved || all->rip_moved;
	bool zapped = zapped_each_time(by);
	enum km_certainty certainty = KM_LIKELY;
	char taken[64], resolved[128];

	if (!mostly_resolved(by) || (zapped && !moved))
		certainty = KM_POSSIBLE;
	else if (moved && !zapped && (by->fixed || by->emulated))
		certainty = KM_PROVEN;
	if (zapped && all->rip_known && !moved && !all->rip_moved_elsewhere)
		say(v, KM_TREND_OPEN, KM_NOTE,
		    "between %zu samples %" PRIu64 " %s fixed and %" PRIu64
		    " invalidation%s ended, and RIP is the same: it is not known whether the "
		    "guest advances",
		    count, by->fixed, faults_text(by->fixed), by->invalidations,
		    by->invalidations == 1 ? "" : "s");
	else
		say(v, KM_TREND_PROGRESSES, certainty, "between %zu samples %s; %s%s", count,
		    taken_text(by, taken, sizeof(taken)),
		    resolved_text(by, resolved, sizeof(resolved)),
		    all->fault_moved	       ? "; the fault is a different one"
		    : all->rip_moved_elsewhere ? "; RIP changed"
					       : "");
}

/*
 * No fault was resolved, and not all samples have the same one. The guest need not have advanced:
 * an event that is delivered meanwhile has faults of its own, and its handler runs.
 */
static void judge_unresolved(const struct common *all, const struct changes *by, size_t count,
			     struct km_samples_verdict *v)
{
	char text[64];

	taken_text(by, text, sizeof(text));
	if (all->fault_moved && (all->rip_moved || !all->rip_known))
		say(v, KM_TREND_PROGRESSES, KM_POSSIBLE,
		    "the fault differs between %zu samples: the guest advances, or was interrupted",
		    count);
	else if (all->fault_moved)
		say(v, KM_TREND_OPEN, KM_NOTE,
		    "the fault differs between %zu samples, but RIP is the same; %s, and none was "
		    "fixed: it is not known whether the guest advances",
		    count, text);
	else if (all->rip_moved_elsewhere)
		say(v, KM_TREND_PROGRESSES, KM_POSSIBLE,
		    "RIP differs between %zu samples: the guest advances, or was interrupted",
		    count);
	else
		say(v, KM_TREND_OPEN, KM_NOTE,
		    "between %zu samples %s, and none was fixed; it is not known which faults",
		    count, text);
}

/*
 * No fault was counted. Those on MMIO SPTEs never are, and interrupts reach a vCPU that loops on
 * one: only the exit of an instruction shows that it does not.
 */
static void judge_quiet(const struct common *all, const struct changes *by, size_t count,
			struct km_samples_verdict *v)
{
	bool sure = !all->any_fault_exit && all->any_instruction_exit && !by->failed;

	if (by->estimated)
		say(v, KM_TREND_QUIET, KM_POSSIBLE,
		    "between %zu samples no page fault was fixed, and other counters rose as much "
		    "as the exits (%" PRIu64 ")",
		    count, by->exits);
	else
		say(v, KM_TREND_QUIET, sure ? KM_LIKELY : KM_POSSIBLE,
		    "no page fault was counted between %zu samples (%" PRIu64
		    " exit%s): it does not loop on one that KVM counts",
		    count, by->exits, by->exits == 1 ? "" : "s");
}

void km_samples_judge(const struct km_sample *s, size_t count, struct km_samples_verdict *v)
{
	struct changes by;
	struct common all;

	memset(v, 0, sizeof(*v));
	if (count < 2) {
		say(v, KM_TREND_OPEN, KM_NOTE, "one sample is not sufficient");
		return;
	}
	if (!changes_between(&s[0], &s[count - 1], &by)) {
		say(v, KM_TREND_OPEN, KM_NOTE, "%s",
		    km_faults_are_counted(s[0].pf_taken)
			    ? "the counters are not readable, or decreased"
			    : KM_FAULTS_NOT_COUNTED);
		return;
	}
	all = compare(s, count);
	if (!by.exits && !by.taken)
		say(v, KM_TREND_OPEN, KM_NOTE, "it did not run between %zu samples", count);
	else if (all.same_fault)
		judge_same_fault(&all, &by, count, v);
	else if (!by.taken)
		judge_quiet(&all, &by, count, v);
	else if (by.resolved)
		judge_resolved(&all, &by, count, v);
	else
		judge_unresolved(&all, &by, count, v);
}

/* ---- what follows for the findings ---- */

/* The finding @id of @e, added if it is not there; NULL if there is no room. */
static struct km_diagnosis *finding(struct km_explanation *e, const char *id)
{
	for (size_t i = 0; i < e->count; i++) {
		if (!strcmp(e->found[i].id, id))
			return &e->found[i];
	}
	if (e->count == KM_DIAGNOSES)
		return NULL;
	/* what was observed comes before what was inferred */
	memmove(&e->found[1], &e->found[0], e->count * sizeof(e->found[0]));
	e->count++;
	e->found[0] = (struct km_diagnosis){.id = id};
	return &e->found[0];
}

static void confirm_map_zap(const struct km_samples_verdict *v, struct km_explanation *e)
{
	struct km_diagnosis *d = finding(e, "map-zap-livelock");

	if (!d)
		return;
	d->certainty = v->certainty;
	d->stuck = d->advise = true;
	km_verdict_says(d,
			"KVM maps the page of the fault, and it is zapped again before the guest "
			"can use it");
	km_evidence(d, "%.190s", v->text);
	d->open[0] = '\0';
}

/* Is an invalidation that is under way the only reason that was found why faults are retried? */
static bool waits_for_invalidation(const struct km_explanation *e)
{
	bool waits = false;

	for (size_t i = 0; i < e->count; i++) {
		if (e->found[i].stuck)
			return false;
		waits |= !strcmp(e->found[i].id, "invalidate-in-progress");
	}
	return waits;
}

static void confirm_loop(const struct km_samples_verdict *v, struct km_explanation *e)
{
	/* one dump may show more than a loop that is only possible */
	bool shown = e->state == KM_STATE_STUCK && e->certainty > v->certainty;

	if (v->certainty < KM_PROVEN && !v->map_zap && waits_for_invalidation(e))
		return;
	for (size_t i = 0; i < e->count && v->certainty >= KM_LIKELY; i++) {
		struct km_diagnosis *d = &e->found[i];

		/* the loop was observed; its cause is still inferred */
		if (!strcmp(d->id, "spurious-loop"))
			km_at_least(&d->certainty, v->certainty);
		else if (d->stuck)
			km_at_least(&d->certainty, KM_LIKELY);
		if (d->stuck)
			d->open[0] = '\0';
	}
	if (v->map_zap)
		confirm_map_zap(v, e);
	if (shown)
		return;
	e->state = KM_STATE_STUCK;
	e->certainty = v->certainty;
	snprintf(e->verdict, sizeof(e->verdict), "%s", v->text);
}

static void refute_loop(const struct km_samples_verdict *v, struct km_explanation *e)
{
	bool quiet = v->trend == KM_TREND_QUIET;

	for (size_t i = 0; i < e->count; i++) {
		struct km_diagnosis *d = &e->found[i];

		if (!d->stuck)
			continue;
		d->stuck = false;
		if (d->certainty < KM_PROVEN)
			d->certainty = KM_NOTE;
	}
	if (quiet && e->state != KM_STATE_STUCK)
		return;
	e->state = quiet ? KM_STATE_HEALTHY : KM_STATE_PROGRESSING;
	e->certainty = v->certainty;
	snprintf(e->verdict, sizeof(e->verdict), "%s", v->text);
}

void km_samples_settle(const struct km_samples_verdict *v, struct km_explanation *e)
{
	switch (v->trend) {
	case KM_TREND_LOOPS:
		confirm_loop(v, e);
		break;
	case KM_TREND_PROGRESSES:
	case KM_TREND_QUIET:
		/* a possible verdict does not refute a likely one */
		if (v->certainty > KM_POSSIBLE || e->certainty <= KM_POSSIBLE)
			refute_loop(v, e);
		break;
	case KM_TREND_OPEN:
		break;
	}
}
