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

/* What all looks have in common. */
struct common {
	bool fault, rip, rip_known, spte, denied, allowed, taken_between;
};

static struct common compare(const struct km_sample *s, size_t count)
{
	struct common all = {true, true, true, true, true, true, true};

	for (size_t i = 0; i < count; i++) {
		uint64_t by;

		all.fault &= s[i].has_fault && s[i].addr == s[0].addr &&
			     same(s[i].error_code, s[0].error_code);
		all.rip_known &= km_is_known(s[i].rip);
		all.rip &= s[i].rip.v == s[0].rip.v;
		all.spte &= s[i].has_spte && s[i].spte == s[0].spte && s[i].level == s[0].level;
		all.denied &= s[i].processor == KM_DENIES;
		all.allowed &= s[i].processor == KM_ALLOWS;
		if (i)
			all.taken_between &= rose(s[i - 1].pf_taken, s[i].pf_taken, &by) && by;
	}
	return all;
}

void km_samples_judge(const struct km_sample *s, size_t count, struct km_samples_verdict *v)
{
	uint64_t exits, taken, fixed, spurious, emulated;
	const struct km_sample *a, *b;
	struct common all;

	memset(v, 0, sizeof(*v));
	if (count < 2) {
		say(v, KM_TREND_OPEN, KM_NOTE, "one look settles nothing");
		return;
	}
	a = &s[0];
	b = &s[count - 1];
	if (!rose(a->pf_taken, b->pf_taken, &taken) || !rose(a->pf_fixed, b->pf_fixed, &fixed) ||
	    !rose(a->pf_spurious, b->pf_spurious, &spurious) ||
	    !rose(a->pf_emulate, b->pf_emulate, &emulated) || !rose(a->exits, b->exits, &exits)) {
		say(v, KM_TREND_OPEN, KM_NOTE, "the counters are not readable, or fell");
		return;
	}
	all = compare(s, count);
	if (!exits) {
		say(v, KM_TREND_OPEN, KM_NOTE, "it did not run between %zu looks", count);
	} else if (!taken) {
		say(v, KM_TREND_QUIET, KM_LIKELY,
		    "no page fault between %zu looks (%" PRIu64 " exits): it does not loop on one",
		    count, exits);
	} else if (all.fault && all.rip_known && !all.rip) {
		say(v, KM_TREND_PROGRESSES, KM_LIKELY,
		    "the same fault in %zu looks, and RIP moved: it meets it from other places",
		    count);
	} else if (all.fault && all.taken_between && !fixed && !emulated) {
		bool proven = all.rip_known && all.spte && all.denied;

		say(v, KM_TREND_LOOPS, proven ? KM_PROVEN : KM_LIKELY,
		    "the same fault%s in %zu looks; meanwhile pf_taken rose by %" PRIu64
		    ", pf_spurious by %" PRIu64 ", pf_fixed and pf_emulate not at all%s",
		    all.rip_known ? " at the same RIP" : "", count, taken, spurious,
		    all.spte ? ", and the SPTE is the same" : "");
	} else if (all.fault && all.rip_known && (fixed || emulated)) {
		say(v, KM_TREND_OPEN, KM_NOTE,
		    "the same fault at the same RIP in %zu looks, though between them %" PRIu64
		    " faults were fixed and %" PRIu64 " emulated",
		    count, fixed, emulated);
	} else if (fixed || emulated) {
		say(v, KM_TREND_PROGRESSES, all.fault ? KM_LIKELY : KM_PROVEN,
		    "between %zu looks %" PRIu64 " faults were taken, %" PRIu64 " fixed, %" PRIu64
		    " emulated%s",
		    count, taken, fixed, emulated,
		    all.fault ? "; the fault was the same each time" : "");
	} else if (a->has_fault && b->has_fault && !all.fault) {
		say(v, KM_TREND_PROGRESSES, KM_LIKELY,
		    "the fault is not the same in %zu looks: it moves on", count);
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
