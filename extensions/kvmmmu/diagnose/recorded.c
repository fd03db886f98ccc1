// SPDX-License-Identifier: GPL-2.0-or-later
#include "diagnose/recorded.h"

#include "diagnose/evidence.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Bits of an EPT violation's exit qualification: the access was a write, a fetch. */
#define QUALIFIES_WRITE KM_BIT(1)
#define QUALIFIES_FETCH KM_BIT(2)

#define ACCESS (PFERR_WRITE_MASK | PFERR_FETCH_MASK)

static uint64_t access_of(const struct km_recorded *r)
{
	if (!r->qualification)
		return r->error_code & ACCESS;
	return (r->error_code & QUALIFIES_WRITE ? PFERR_WRITE_MASK : 0) |
	       (r->error_code & QUALIFIES_FETCH ? PFERR_FETCH_MASK : 0);
}

bool km_recorded_is_fault_of(const struct km_recorded *r, const struct km_case *c)
{
	if (!r->has_address || !c->has_addr ||
	    r->address >> KM_PAGE_SHIFT != c->addr >> KM_PAGE_SHIFT)
		return false;
	return !r->has_error_code || !c->has_error_code || access_of(r) == (c->error_code & ACCESS);
}

/* As the dump has it, the fault is not resolved. */
static bool persists(const struct km_case *c, const struct km_explanation *e)
{
	if (e->state == KM_STATE_STUCK)
		return true;
	return c->wait.kind == KM_WAIT_NONE && c->has_path && c->path.loops_known && c->path.loops;
}

/* KVM treats it as spurious, and the processor denies it. */
static bool contradicts_now(const struct km_case *c)
{
	return c->has_path && c->path.loops_known && c->path.loops &&
	       c->path.ret == KM_RET_PF_SPURIOUS &&
	       km_case_ruling(c, KM_JUDGE_PROCESSOR) == KM_DENIES;
}

static const char *duration(const struct km_recorded *r, char *buf, size_t size)
{
	buf[0] = '\0';
	if (r->has_time)
		snprintf(buf, size, " in %.3f s", r->seconds);
	return buf;
}

/* NULL: the present fault is one of the recorded ones. */
static const char *objection_to(const struct km_recorded *r, const struct km_case *c,
				const struct km_explanation *e)
{
	if (!km_case_is_current(c))
		return "its present fault is not known";
	if (!km_recorded_is_fault_of(r, c))
		return "its present fault is another one, or is not known";
	if (!persists(c, e))
		return "the fault is now resolved, or may be";
	if (r->certainty < KM_LIKELY && !(r->certainty == KM_POSSIBLE && r->unresolved))
		return "too few, or with results that are not in the trace";
	return NULL;
}

void km_recorded_judge(const struct km_recorded *r, const struct km_case *c,
		       const struct km_explanation *e, struct km_samples_verdict *v)
{
	bool proven =
		r->contradicts && r->certainty == KM_PROVEN && r->complete && contradicts_now(c);
	const char *objection;
	char time[48];

	*v = (struct km_samples_verdict){.trend = KM_TREND_OPEN, .certainty = KM_NOTE};
	objection = objection_to(r, c, e);
	if (objection) {
		snprintf(v->text, sizeof(v->text),
			 "ftrace recorded the same fault %" PRIu64 " times%s before the dump: %s",
			 r->faults, duration(r, time, sizeof(time)), objection);
		return;
	}
	v->trend = KM_TREND_LOOPS;
	v->certainty = proven ? KM_PROVEN : KM_LIKELY;
	snprintf(v->text, sizeof(v->text),
		 "its present fault is one that ftrace recorded %" PRIu64 " times%s before the "
		 "dump%s",
		 r->faults, duration(r, time, sizeof(time)),
		 r->contradicts ? "; each was treated as spurious though its SPTE denied the access"
				: "");
}

/* No fault is known in the dump, and nothing shows that the guest got past the recorded one. */
static bool may_still_loop(const struct km_recorded *r, const struct km_case *c,
			   const struct km_explanation *e)
{
	bool undecided = e->state == KM_STATE_HEALTHY || e->state == KM_STATE_PROGRESSING;

	return undecided && r->certainty >= KM_LIKELY && !km_case_is_current(c) &&
	       c->wait.kind == KM_WAIT_NONE && km_case_exit_evidence(c) != KM_SHOWS_INSTRUCTION;
}

/* Where the dump alone shows why it is stuck, the verdict names both. */
static void confirm(const struct km_samples_verdict *v, struct km_explanation *e)
{
	char why[sizeof(e->verdict) / 2] = "";

	if (e->state == KM_STATE_STUCK)
		snprintf(why, sizeof(why), "%.225s; ", e->verdict);
	km_samples_settle(v, e);
	snprintf(e->verdict, sizeof(e->verdict), "%s%s", why, v->text);
}

enum place {
	NOT_KNOWN,
	ELSEWHERE,
	BELOW,
};

/* Is the recorded address mapped through @entry, and does the processor deny its access there? */
static enum place find_place(const struct km_recorded *r, const struct km_case *c,
			     const struct km_table_entry *entry, bool *denied)
{
	const uint64_t code = access_of(r) | PFERR_USER_MASK | PFERR_PRESENT_MASK;
	struct km_walk walk;
	struct km_panel panel;
	km_scoped_error *err = km_walk(c->kernel, &c->masks, c->mmu, r->address, &walk);

	*denied = false;
	if (err)
		return NOT_KNOWN;
	for (size_t i = 0; i < walk.count; i++) {
		const struct km_walk_level *l = &walk.levels[i];

		if (l->table_pa != entry->table_pa || l->index != entry->index)
			continue;
		km_panel_judge(c->kernel, &c->masks, &c->all, c->mmu, &walk, code, c->form, &panel);
		*denied =
			r->has_error_code && panel.verdicts[KM_JUDGE_PROCESSOR].ruling == KM_DENIES;
		return BELOW;
	}
	return walk.end == KM_END_UNREADABLE ? NOT_KNOWN : ELSEWHERE;
}

/*
 * Where no fault is known, an audit suspects an entry of making most faults spurious, or retried:
 * the recorded fault is below it, or is not.
 */
static void settle_entry(const struct km_recorded *r, const struct km_case *c, const char *id,
			 const struct km_table_entry *entry, struct km_explanation *e)
{
	struct km_diagnosis *d = NULL;
	bool denied;
	enum place place;

	for (size_t i = 0; i < e->count && !d; i++)
		d = strcmp(e->found[i].id, id) ? NULL : &e->found[i];
	if (!d || km_case_is_current(c) || !entry->found || !c->mmu || !r->has_address)
		return;
	place = find_place(r, c, entry, &denied);
	if (place == NOT_KNOWN)
		return;
	km_evidence(d,
		    "the address 0x%" PRIx64 " that ftrace recorded %" PRIu64
		    " times is %s that SPTE%s",
		    r->address, r->faults, place == BELOW ? "below" : "not below",
		    denied ? ", and the processor denies its access" : "");
	if (place == BELOW)
		km_leaves_open(
			d, "whether it still takes the recorded fault: its last one is not known");
	if (place == BELOW && (!denied || r->certainty < KM_LIKELY))
		return;
	d->certainty = place == BELOW ? KM_LIKELY : KM_POSSIBLE;
	if (e->state == KM_STATE_STUCK && d == &e->found[0])
		e->certainty = d->certainty;
}

void km_recorded_settle(const struct km_recorded *r, const struct km_case *c,
			const struct km_samples_verdict *v, struct km_explanation *e)
{
	char time[48];

	if (v->trend == KM_TREND_LOOPS) {
		confirm(v, e);
		return;
	}
	settle_entry(r, c, "spurious-loop", &c->audit.weak, e);
	settle_entry(r, c, "frozen-spte", &c->audit.frozen, e);
	if (!may_still_loop(r, c, e))
		return;
	e->state = KM_STATE_UNKNOWN;
	e->certainty = KM_NOTE;
	snprintf(e->verdict, sizeof(e->verdict),
		 "until its trace ends, it took the same fault again and again (%" PRIu64
		 " times%s in ftrace's ring buffers, at 0x%" PRIx64
		 "); whether it still does is not known",
		 r->faults, duration(r, time, sizeof(time)), r->address);
}
