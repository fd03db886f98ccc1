// SPDX-License-Identifier: GPL-2.0-or-later
/* All that is known about one vCPU and what it means: verdict, findings, fault, thread, walk. */
#include "commands/command_context.h"
#include "diagnose/fingerprint.h"

#include <inttypes.h>
#include <string.h>

#define SHOWN_FRAMES 8

enum km_tone km_state_tone(enum km_vcpu_state state)
{
	switch (state) {
	case KM_STATE_STUCK:
		return KM_TONE_ALARM;
	case KM_STATE_UNKNOWN:
		return KM_TONE_WARN;
	case KM_STATE_HEALTHY:
		return KM_TONE_GOOD;
	case KM_STATE_WAITING:
	case KM_STATE_PROGRESSING:
	case KM_STATE_NEVER_RAN:
		return KM_TONE_PLAIN;
	}
	return KM_TONE_PLAIN;
}

/* A copy that lives with @node; NULL if there is no text. */
static struct km_value text_or_none(struct km_node *node, const char *text)
{
	return km_v_text(text[0] ? km_doc_text(node, "%s", text) : NULL);
}

static struct km_value hex_or_unknown(bool known, uint64_t value)
{
	return known ? km_v_hex(value) : km_v_none("unknown");
}

const char *km_state_text(struct km_node *node, enum km_vcpu_state state,
			  enum km_certainty certainty)
{
	if (state == KM_STATE_UNKNOWN || state == KM_STATE_NEVER_RAN)
		return km_vcpu_state_name(state);
	return km_doc_text(node, "%s (%s)", km_vcpu_state_name(state),
			   km_certainty_text(certainty));
}

/* People see what to do next with the first finding only: the others follow from it. */
static void describe_finding(struct km_node *entry, const struct km_diagnosis *d, bool first)
{
	struct km_node *f = km_doc_finding(entry, d->id, d->certainty, "%s", d->verdict);
	const struct km_finding_text *text = km_finding_text(d->id);
	char known[640];

	km_known_cases_spell(text, d->known, known, sizeof(known));
	km_doc_field(f, "stuck", NULL, km_v_bool(d->stuck));
	for (size_t i = 0; i < d->evidence_count; i++)
		km_doc_point(f, "evidence", "%s", d->evidence[i]);
	km_doc_field(f, "open", d->open[0] ? "open" : NULL, text_or_none(f, d->open));
	km_doc_field(f, "known_cases", known[0] ? "known cases" : NULL, text_or_none(f, known));
	km_doc_field(f, "advice", d->advise && text->advice && first ? "next" : NULL,
		     km_v_text(d->advise ? text->advice : NULL));
}

/* The finding whose text contains @text, so that people need not read it twice; NULL: none. */
static const struct km_diagnosis *finding_that_says(const struct km_explanation *e,
						    const char *text)
{
	for (size_t i = 0; i < e->count && *text; i++) {
		if (strstr(e->found[i].verdict, text))
			return &e->found[i];
	}
	return NULL;
}

static void describe_state(struct km_node *entry, const struct km_case *c,
			   const struct km_explanation *e)
{
	const struct km_diagnosis *same = finding_that_says(e, e->verdict);
	struct km_value verdict = text_or_none(entry, e->verdict);
	char fingerprint[KM_FINGERPRINT];

	km_doc_field(entry, "state", NULL, km_v_text(km_vcpu_state_name(e->state)));
	km_doc_field(entry, "certainty", NULL, km_v_text(km_certainty_text(e->certainty)));
	km_doc_field(entry, "verdict", NULL, verdict);
	km_doc_field(entry, NULL, km_state_text(entry, e->state, e->certainty),
		     km_v_tone(same ? km_v_text(km_doc_text(entry, "see %s", same->id)) : verdict,
			       km_state_tone(e->state)));
	km_describe_contradictions(entry, &c->contradictions);
	km_doc_field(entry, "fingerprint", NULL,
		     text_or_none(entry, km_fingerprint(c, e, fingerprint)));
	km_doc_list(entry, "findings"); /* there even if it is empty */
	for (size_t i = 0; i < e->count; i++)
		describe_finding(entry, &e->found[i], !i);
}

/* ---- the fault ---- */

static const char *meaning_of(const struct km_mmu *mmu)
{
	return mmu ? km_walk_address_text(km_mmu_address_meaning(mmu)) : NULL;
}

const char *km_fault_text(struct km_node *node, const struct km_mmu *mmu, struct km_val addr,
			  struct km_val error_code)
{
	char at[KM_VAL_TEXT], code[KM_VAL_TEXT], spelled[128] = "";
	bool known = km_is_known(error_code) && error_code.v;

	if (known)
		km_pferr_spell(error_code.v, spelled, sizeof(spelled));
	return km_doc_text(node, "%s %s, error code %s%s%s", mmu ? meaning_of(mmu) : "address",
			   km_val_spell(addr, true, at), km_val_spell(error_code, true, code),
			   known ? " = " : "", spelled);
}

static const char *fault_text(struct km_node *node, const struct km_fault *f)
{
	return km_fault_text(node, f->mmu, f->addr, f->error_code);
}

static const char *origin_text(struct km_node *node, const struct km_fault *f)
{
	/* when a fault that the user supplies happened is no question */
	if (f->source == KM_FAULT_USER)
		return km_doc_text(node, "%s; %s", f->from, f->limits);
	return km_doc_text(node, "%s; %s%s%s", f->from, km_fault_age_text(f->age),
			   f->limits[0] ? "; " : "", f->limits);
}

/* For people: the fault that the verdict is about. */
static void show_fault(struct km_node *section, const struct km_case *c)
{
	const char *none = c->last.none;

	if (!c->fault) {
		km_doc_field(
			section, NULL, "fault",
			km_v_text(km_doc_text(section, "none%s%s", none[0] ? ": " : "", none)));
		return;
	}
	km_doc_field(section, NULL, "fault", km_v_text(fault_text(section, c->fault)));
	km_doc_field(section, NULL, "from", km_v_text(origin_text(section, c->fault)));
}

/* For people: what the other sources show, unless it is older. */
static void show_other_faults(struct km_node *section, const struct km_case *c)
{
	for (size_t i = 0; i < c->last.count; i++) {
		const struct km_fault *f = &c->last.faults[i];

		if (f == c->fault || f->age == KM_AGE_RESIDUE)
			continue;
		km_doc_field(
			section, NULL, "also",
			km_v_text(km_doc_text(section, "%s, from %s; %s", fault_text(section, f),
					      f->from, km_fault_age_text(f->age))));
	}
}

static void describe_fault(struct km_node *entry, const struct km_case *c)
{
	struct km_node *section = km_doc_section(entry, "fault", NULL);

	show_fault(section, c);
	km_doc_field(section, "address", NULL, hex_or_unknown(c->has_addr, c->addr));
	km_doc_field(section, "address_is", NULL, km_v_text(meaning_of(c->mmu)));
	km_doc_field(section, "error_code", NULL, hex_or_unknown(c->has_error_code, c->error_code));
	km_doc_field(section, "gfn", NULL, hex_or_unknown(c->gfn_known, c->gfn));
	km_doc_field(section, "hva", NULL, hex_or_unknown(c->has_hva, c->hva));
	show_other_faults(section, c);
	km_doc_field(section, "disagreement", c->last.disagreement[0] ? "conflict" : NULL,
		     text_or_none(section, c->last.disagreement));
	km_doc_field(section, "none", NULL, text_or_none(section, c->last.none));
}

static void describe_source(struct km_node *list, const struct km_case *c, const struct km_fault *f)
{
	struct km_node *s = km_doc_section(list, NULL, NULL);

	km_doc_field(s, "source", NULL, km_v_text(km_fault_source_text(f->source)));
	km_doc_field(s, "age", NULL, km_v_text(km_fault_age_text(f->age)));
	km_doc_field(s, "judged", NULL, km_v_bool(f == c->fault));
	km_doc_field(s, "address", NULL, km_v_val(f->addr, KM_V_HEX));
	km_doc_field(s, "error_code", NULL, km_v_val(f->error_code, KM_V_HEX));
	km_doc_field(s, "mmu", NULL, km_v_text(f->mmu ? f->mmu->name : NULL));
	km_doc_field(s, "from", NULL, km_v_text(km_doc_text(s, "%s", f->from)));
	km_doc_field(s, "limits", NULL, text_or_none(s, f->limits));
	if (f->source != KM_FAULT_STACK)
		return;
	km_doc_field(s, "kvm_page_fault", NULL, km_v_hex(f->pf.address));
	km_doc_field(s, "gfn", NULL, km_v_val(f->pf.gfn, KM_V_HEX));
	km_doc_field(s, "pfn", NULL, km_v_val(f->pf.pfn, KM_V_HEX));
	km_doc_field(s, "hva", NULL, km_v_val(f->pf.hva, KM_V_HEX));
	km_doc_field(s, "slot", NULL, km_v_val(f->pf.slot, KM_V_HEX));
	km_doc_field(s, "mmu_seq", NULL, km_v_val(f->pf.mmu_seq, KM_V_DEC));
}

/* For machines: all sources. */
static void describe_sources(struct km_node *entry, const struct km_case *c)
{
	struct km_node *list = km_doc_list(entry, "faults");

	km_doc_machine_only(list);
	for (size_t i = 0; i < c->last.count; i++)
		describe_source(list, c, &c->last.faults[i]);
}

/* ---- its thread ---- */

/* For people: the functions that are certain, innermost first. */
static void show_stack(struct km_node *section, const struct km_stack *stack)
{
	const char *line = "";
	size_t shown = 0;

	for (size_t i = 0; i < stack->count && shown < SHOWN_FRAMES; i++) {
		const struct km_frame *f = &stack->frames[i];

		if (!f->sure || !f->function[0])
			continue;
		line = km_doc_text(section, "%s%s%s", line, shown ? " < " : "", f->function);
		shown++;
	}
	if (shown)
		km_doc_field(section, NULL, "stack", km_v_text(line));
}

static void describe_frames(struct km_node *section, const struct km_stack *stack, bool has_stack)
{
	struct km_node *table = km_doc_table(section, "frames", NULL);

	km_doc_machine_only(table);
	km_doc_column(table, "function", NULL, false);
	km_doc_column(table, "offset", NULL, false);
	km_doc_column(table, "sure", NULL, false);
	for (size_t i = 0; has_stack && i < stack->count; i++) {
		const struct km_frame *f = &stack->frames[i];
		struct km_node *row = km_doc_row(table);

		km_doc_cell(row, "function", text_or_none(section, f->function));
		km_doc_cell(row, "offset", km_v_hex(f->offset));
		km_doc_cell(row, "sure", km_v_bool(f->sure));
	}
}

static void describe_thread(struct km_node *entry, const struct km_case *c)
{
	const struct km_stack *stack = &c->last.stack;
	struct km_node *section = km_doc_section(entry, "thread", NULL);

	if (c->last.has_stack)
		show_stack(section, stack);
	km_doc_field(section, "wait", NULL, km_v_text(km_wait_kind_name(c->wait.kind)));
	km_doc_field(section, "wait_text", NULL, text_or_none(section, c->wait.text));
	km_doc_field(section, "lock", NULL, text_or_none(section, c->wait.lock));
	km_doc_field(section, "trouble", NULL, text_or_none(section, stack->trouble));
	describe_frames(section, stack, c->last.has_stack);
}

static void describe_panel(struct km_node *entry, const struct km_panel *panel)
{
	struct km_node *section = km_doc_section(entry, "panel", NULL);

	km_doc_machine_only(km_describe_judges(section, panel));
}

/* Where the replay resolves the fault of a vCPU that is stuck for another reason. */
static void reconcile_path(struct km_node *entry, const struct km_case *c,
			   const struct km_explanation *e)
{
	bool resolved = c->path.ret == KM_RET_PF_FIXED || c->path.ret == KM_RET_PF_SPURIOUS;

	if (e->state != KM_STATE_STUCK || !c->path.loops_known || c->path.loops || !resolved)
		return;
	for (size_t i = 0; i < e->count; i++) {
		if (!e->found[i].stuck)
			continue;
		km_doc_note(entry,
			    "KVM and these tables resolve the fault; the vCPU makes no forward "
			    "progress because of %s",
			    e->found[i].id);
		return;
	}
}

struct km_node *km_describe_case(struct km_node *list, const struct km_case *c,
				 const struct km_explanation *e, bool all_steps)
{
	struct km_node *entry = km_doc_section(list, NULL, NULL);

	km_describe_vcpu(entry, "about", c->vm, c->vcpu);
	km_doc_field(entry, "vm", NULL, km_v_dec(c->vm->number));
	km_doc_field(entry, "vcpu", NULL, km_v_dec(c->vcpu->idx));
	describe_state(entry, c, e);
	describe_fault(entry, c);
	describe_sources(entry, c);
	describe_thread(entry, c);
	if (c->has_addr && c->gfn_known)
		km_describe_memslot(entry, c->slot, c->slots_known);
	if (c->has_walk)
		km_describe_walk(entry, c->kernel, c->mmu, &c->walk, !all_steps);
	if (c->has_panel)
		describe_panel(entry, &c->panel);
	if (c->has_path) {
		km_describe_path(entry, &c->path, &c->wait, all_steps);
		reconcile_path(entry, c, e);
	}
	return entry;
}
