// SPDX-License-Identifier: GPL-2.0-or-later
#include "samples.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *km_trend_name(enum km_trend trend)
{
	static const char *const names[] = {"open", "quiet", "loops", "progresses"};

	return names[trend];
}

struct km_sample km_sample_of(const struct km_case *c, const struct km_explanation *e)
{
	const struct km_vcpu_stats *stats = &c->vcpu->stats;
	const struct km_walk_level *last = c->has_walk ? km_walk_last(&c->walk) : NULL;
	struct km_sample s = {
		.has_fault = c->has_addr && km_case_is_current(c),
		.addr = c->addr,
		.error_code = {.known = KM_UNREADABLE},
		.rip = c->last.rip,
		.exits = stats->exits,
		.pf_taken = stats->pf_taken,
		.pf_fixed = stats->pf_fixed,
		.pf_spurious = stats->pf_spurious,
		.pf_emulate = stats->pf_emulate,
		.mmio_exits = stats->mmio_exits,
		.processor = km_case_ruling(c, KM_JUDGE_PROCESSOR),
		.state = e->state,
	};

	if (c->has_error_code)
		s.error_code = km_known_val(c->error_code);
	if (last) {
		s.has_spte = true;
		s.spte = last->spte.value;
		s.level = last->level;
	}
	return s;
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

static bool same(struct km_val a, struct km_val b)
{
	return km_is_known(a) && km_is_known(b) && a.v == b.v;
}

/*
 * What the looks have in common. Those without a fault (on the way to an interrupt, say) have only
 * RIP to say; of those with one, each that is not the very fault that an earlier look saw counts.
 */
struct common {
	size_t faults; /* the same fault, taken anew each time */
	bool every;    /* every look is one of those */
	bool fault_moved, rip_moved;
	bool rip_known, spte, denied; /* in all that have a fault */
};

static struct common compare(const struct km_sample *s, size_t count)
{
	struct common all = {.rip_known = true, .spte = true, .denied = true};
	const struct km_sample *first = NULL, *latest = NULL;
	struct km_val rip = {.known = KM_ABSENT};

	for (size_t i = 0; i < count; i++) {
		uint64_t by;

		if (!km_is_known(rip))
			rip = s[i].rip;
		all.rip_moved |= km_is_known(s[i].rip) && s[i].rip.v != rip.v;
		if (!s[i].has_fault)
			continue;
		if (!first)
			first = &s[i];
		all.fault_moved |=
			s[i].addr != first->addr ||
			(km_is_known(first->error_code) && km_is_known(s[i].error_code) &&
			 !same(s[i].error_code, first->error_code));
		all.rip_known &= km_is_known(s[i].rip);
		all.spte &= s[i].has_spte && first->has_spte && s[i].spte == first->spte &&
			    s[i].level == first->level;
		all.denied &= s[i].processor == KM_DENIES;
		if (!same(s[i].error_code, first->error_code) ||
		    (latest && (!rose(latest->pf_taken, s[i].pf_taken, &by) || !by)))
			continue;
		latest = &s[i];
		all.faults++;
	}
	all.every = all.faults == count;
	return all;
}

void km_samples_judge(const struct km_sample *s, size_t count, struct km_samples_verdict *v)
{
	uint64_t exits, taken, fixed, spurious, emulated, mmio;
	const struct km_sample *a, *b;
	struct common all;
	bool same_fault, resolved;

	memset(v, 0, sizeof(*v));
	if (count < 2) {
		say(v, KM_TREND_OPEN, KM_NOTE, "one look settles nothing");
		return;
	}
	a = &s[0];
	b = &s[count - 1];
	if (!rose(a->pf_taken, b->pf_taken, &taken) || !rose(a->pf_fixed, b->pf_fixed, &fixed) ||
	    !rose(a->pf_spurious, b->pf_spurious, &spurious) ||
	    !rose(a->pf_emulate, b->pf_emulate, &emulated) ||
	    !rose(a->mmio_exits, b->mmio_exits, &mmio) || !rose(a->exits, b->exits, &exits)) {
		say(v, KM_TREND_OPEN, KM_NOTE, "the counters are not readable, or fell");
		return;
	}
	all = compare(s, count);
	same_fault = all.faults >= 2 && !all.fault_moved;
	resolved = fixed || emulated || mmio;
	if (!exits) {
		say(v, KM_TREND_OPEN, KM_NOTE, "it did not run between %zu looks", count);
	} else if (!taken) {
		say(v, KM_TREND_QUIET, KM_LIKELY,
		    "no page fault between %zu looks (%" PRIu64 " exits): it does not loop on one",
		    count, exits);
	} else if (same_fault && all.rip_moved) {
		say(v, KM_TREND_PROGRESSES, KM_LIKELY,
		    "the same fault in %zu of %zu looks, and RIP moved: it meets it from other "
		    "places",
		    all.faults, count);
	} else if (same_fault && !resolved) {
		bool proven = (all.faults >= 3 || all.every) && spurious && all.rip_known &&
			      all.spte && all.denied;

		say(v, KM_TREND_LOOPS, proven ? KM_PROVEN : KM_LIKELY,
		    "the same fault%s in %zu of %zu looks; meanwhile pf_taken rose by %" PRIu64
		    ", pf_spurious by %" PRIu64 ", pf_fixed and pf_emulate not at all%s",
		    all.rip_known ? " at the same RIP" : "", all.faults, count, taken, spurious,
		    all.spte ? ", and the SPTE is the same" : "");
	} else if (same_fault && all.rip_known) {
		say(v, KM_TREND_OPEN, KM_NOTE,
		    "the same fault at the same RIP in %zu of %zu looks, though between them "
		    "%" PRIu64 " faults were fixed, %" PRIu64 " emulated, %" PRIu64
		    " exits were MMIO",
		    all.faults, count, fixed, emulated, mmio);
	} else if (resolved) {
		say(v, KM_TREND_PROGRESSES,
		    same_fault || !(fixed || emulated) ? KM_LIKELY : KM_PROVEN,
		    "between %zu looks %" PRIu64 " faults were taken, %" PRIu64 " fixed, %" PRIu64
		    " emulated, %" PRIu64 " exits were MMIO%s",
		    count, taken, fixed, emulated, mmio,
		    same_fault ? "; the fault was the same each time" : "");
	} else if (all.fault_moved) {
		say(v, KM_TREND_PROGRESSES, KM_LIKELY,
		    "the fault is not the same in %zu looks: it moves on", count);
	} else if (all.rip_moved) {
		say(v, KM_TREND_PROGRESSES, KM_LIKELY,
		    "RIP is not the same in %zu looks: it moves on", count);
	} else {
		say(v, KM_TREND_OPEN, KM_NOTE,
		    "between %zu looks %" PRIu64 " faults were taken, none of them fixed; which "
		    "ones is not known",
		    count, taken);
	}
}

static void raise(enum km_certainty *certainty, enum km_certainty to)
{
	if (*certainty < to)
		*certainty = to;
}

void km_samples_settle(const struct km_samples_verdict *v, struct km_explanation *e)
{
	if (v->trend == KM_TREND_LOOPS) {
		for (size_t i = 0; i < e->count; i++) {
			struct km_diagnosis *d = &e->found[i];

			/* that it loops is seen; what of the causes it is, is still inferred */
			if (!strcmp(d->id, "spurious-loop"))
				raise(&d->certainty, v->certainty);
			else if (d->stuck)
				raise(&d->certainty, KM_LIKELY);
			if (d->stuck)
				d->open[0] = 0;
		}
		e->state = KM_STATE_STUCK;
		e->certainty = v->certainty;
		snprintf(e->verdict, sizeof(e->verdict), "%s", v->text);
	} else if (v->trend == KM_TREND_PROGRESSES || v->trend == KM_TREND_QUIET) {
		for (size_t i = 0; i < e->count; i++) {
			struct km_diagnosis *d = &e->found[i];

			if (!d->stuck)
				continue;
			d->stuck = false;
			if (d->certainty < KM_PROVEN)
				d->certainty = KM_NOTE;
		}
		if (v->trend == KM_TREND_PROGRESSES || e->state == KM_STATE_STUCK) {
			e->state = v->trend == KM_TREND_QUIET ? KM_STATE_HEALTHY
							      : KM_STATE_PROGRESSING;
			e->certainty = v->certainty;
			snprintf(e->verdict, sizeof(e->verdict), "%s", v->text);
		}
	}
}
