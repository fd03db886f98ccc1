// SPDX-License-Identifier: GPL-2.0-or-later
/* The chapter of a report about one vCPU: what happens, why, and what shows it. */
#include "commands/report.h"

#include "commands/report_rules.h"

#include "diagnose/counters.h"
#include "diagnose/damage.h"
#include "diagnose/fingerprint.h"
#include "host/host_modules.h"
#include "host/version.h"
#include "kernel/function_names.h"
#include "threads/task_times.h"

#include <inttypes.h>
#include <string.h>

#define NS_PER_MS UINT64_C(1000000)

static struct km_value text_or_none(struct km_node *node, const char *text)
{
	return km_v_text(text[0] ? km_doc_text(node, "%s", text) : NULL);
}

/* ---- what happens ---- */

static void add_step(struct km_node *table, const char *who, const char *what, bool alarm)
{
	struct km_node *row = km_doc_row(table);

	km_doc_cell(row, "who", km_v_text(who));
	km_doc_cell(row, "what", km_v_tone(km_v_text(what), alarm ? KM_TONE_ALARM : KM_TONE_PLAIN));
}

static const char *guest_text(struct km_node *node, const struct km_case *c)
{
	char fault[320], rip[KM_VAL_TEXT];

	return km_doc_text(node, "%s; RIP %s", km_case_fault_spell(c, fault, sizeof(fault)),
			   km_val_spell(c->last.rip, true, rip));
}

static const char *judge_text(struct km_node *node, const struct km_case *c, enum km_judge judge)
{
	const struct km_verdict *v = &c->panel.verdicts[judge];

	if (!c->has_panel)
		return "unknown: the error code of the fault is not known";
	return km_doc_text(node, "%s: %s", km_ruling_text(v->ruling), v->why);
}

static const char *kernel_text(struct km_node *node, const struct km_case *c)
{
	const struct km_step *end = c->path.end;

	if (!c->has_path || !end)
		return "unknown: the handler cannot be replayed for this fault";
	return km_doc_text(node, "%s(): %s. Permission test (%s): %s", end->function, end->text,
			   km_judge_name(km_case_asked_judge(c)),
			   judge_text(node, c, km_case_asked_judge(c)));
}

static const char *result_text(struct km_node *node, const struct km_case *c)
{
	if (!c->has_path)
		return "unknown";
	if (c->path.ret == KM_RET_PF_UNKNOWN && !strncmp(c->path.loops_text, "not known", 9))
		return km_doc_text(node, "%s", c->path.loops_text);
	return km_doc_text(node, "%s: %s",
			   c->path.ret == KM_RET_PF_UNKNOWN ? "result not known"
							    : km_ret_pf_name(c->path.ret),
			   c->path.loops_text);
}

static void report_loop(struct km_node *chapter, const struct km_case *c)
{
	struct km_node *section = km_doc_chapter(chapter, "loop", "What happens"), *table;

	table = km_doc_table(section, "steps", NULL);
	km_doc_look(table, KM_LOOK_LOOP);
	km_doc_column(table, "who", "", false);
	km_doc_column(table, "what", "", false);
	if (!c->fault || !c->has_addr) {
		km_doc_machine_only(table);
		km_doc_note(section, "No fault of this vCPU is known%s%s.",
			    c->last.none[0] ? ": " : "", c->last.none);
		return;
	}
	add_step(table, "guest", guest_text(section, c), false);
	add_step(table, "processor", judge_text(section, c, KM_JUDGE_PROCESSOR), false);
	add_step(table, "KVM", kernel_text(section, c), false);
	add_step(table, "result", result_text(section, c), c->has_path && c->path.loops);
	km_doc_field(section, "source", "fault from",
		     km_v_text(km_doc_text(section, "%s; %s%s%s", c->fault->from,
					   km_fault_age_text(c->fault->age),
					   c->fault->limits[0] ? "; " : "", c->fault->limits)));
}

/* ---- why ---- */

static void report_rule(const struct km_kernel *kernel, struct km_node *finding, const char *id)
{
	const struct km_report_rule *r = km_report_rule(id);
	char functions[128], text[256];

	km_doc_field(
		finding, "rule", r ? "rule" : NULL,
		r ? km_v_text(km_doc_text(finding, "%s",
					  km_function_names(kernel, r->text, text, sizeof(text))))
		  : km_v_none(NULL));
	km_doc_field(finding, "rule_in", r ? "in" : NULL,
		     r ? km_v_text(km_doc_text(finding, "%s, %s",
					       km_function_names(kernel, r->functions, functions,
								 sizeof(functions)),
					       r->file))
		       : km_v_none(NULL));
	km_doc_field(finding, "suspect", NULL,
		     r ? km_v_text(km_suspect_text(r->suspect)) : km_v_none(NULL));
}

/* "W (2) and U (4)": the rights that an access needs. */
static const char *needs_text(struct km_node *node, const struct km_perm_inputs *in, unsigned index)
{
	uint64_t pfec = (uint64_t)index << 1;
	bool user = pfec & PFERR_USER_MASK, fetch = pfec & PFERR_FETCH_MASK;
	bool write = pfec & PFERR_WRITE_MASK, wide = in->format == KM_ACC_RWUX;
	const struct {
		bool needed;
		const char *text;
	} rights[] = {
		{wide && !write && !fetch, "R (1)"},
		{write && (in->ept || user || in->cr0_wp), "W (2)"},
		{user && (!in->ept || !wide), "U (4)"},
		{fetch && (in->ept || in->efer_nx), wide ? "X (8)" : "X (1)"},
	};
	const char *text = "";

	for (size_t i = 0; i < sizeof(rights) / sizeof(rights[0]); i++) {
		if (rights[i].needed)
			text = km_doc_text(node, "%s%s%s", text, *text ? " and " : "",
					   rights[i].text);
	}
	return *text ? text : "no right";
}

/* The word of the fault, or the first one that differs; how its expected value is derived. */
static void report_formula(struct km_node *finding, const struct km_case *c)
{
	const struct km_damage d = km_damage_read(c);
	unsigned i = c->has_error_code ? (c->error_code >> 1) & 0xb : 0;

	const struct km_perm_inputs *in;
	bool user;

	if (!d.table)
		return;
	for (unsigned n = 0; n < KM_PERM_WORDS && d.table->words[i] == d.table->expected[i]; n++)
		i = n;
	user = (i << 1) & PFERR_USER_MASK;
	in = &d.table->inputs;
	km_doc_field(
		finding, "formula", "formula",
		km_v_text(km_doc_text(
			finding,
			"word %u (%s) needs %s: bit A is set for each A without %s%s; with "
			"cr0_wp=%d efer_nx=%d cr4_smep=%d cr4_smap=%d that is 0x%04x; in memory "
			"it is 0x%04x",
			i, km_perm_access_text(finding, i), needs_text(finding, in, i),
			user ? "all of them" : "these",
			user ? "" : ", and for what SMEP and SMAP deny", in->cr0_wp, in->efer_nx,
			in->cr4_smep, in->cr4_smap, d.table->expected[i], d.table->words[i])));
}

/* People see what to do next with the first finding only: the others follow from it. */
static void report_finding(struct km_node *section, const struct km_case *c,
			   const struct km_diagnosis *d, bool first)
{
	struct km_node *f = km_doc_finding(section, d->id, d->certainty, "%s", d->verdict);
	const struct km_finding_text *text = km_finding_text(d->id);

	for (size_t i = 0; i < d->evidence_count; i++)
		km_doc_point(f, "evidence", "%s", d->evidence[i]);
	km_doc_field(f, "means", NULL, km_v_text(text ? text->means : NULL));
	report_rule(c->kernel, f, d->id);
	if (!strcmp(d->id, "perm-table-mismatch"))
		report_formula(f, c);
	km_doc_field(f, "open", d->open[0] ? "open" : NULL, text_or_none(f, d->open));
	km_doc_field(f, "advice", d->advise && text && text->advice && first ? "next" : NULL,
		     km_v_text(d->advise && text ? text->advice : NULL));
}

static void report_causes(struct km_node *chapter, const struct km_case *c,
			  const struct km_explanation *e)
{
	struct km_node *section = km_doc_chapter(chapter, "cause", "Cause");

	km_doc_list(section, "findings");
	for (size_t i = 0; i < e->count; i++)
		report_finding(section, c, &e->found[i], !i);
	if (!e->count)
		km_doc_note(section, "No known condition explains this.");
}

/* ---- how far ---- */

static void add_range(struct km_node *table, const char *what, uint64_t addr, uint32_t bytes,
		      const char *class, const char *state)
{
	struct km_node *row = km_doc_row(table);

	km_doc_cell(row, "start", km_v_hex(addr));
	km_doc_cell(row, "bytes", km_v_dec(bytes));
	km_doc_cell(row, "class", km_v_text(class));
	km_doc_cell(row, "what", km_v_text(what));
	km_doc_cell(row, "state", km_v_text(state));
}

static const char *neighbour_text(struct km_node *node, bool known, unsigned zero)
{
	if (!known)
		return "not readable";
	return km_doc_text(node, "%u of %u bytes are zero", zero, KM_NEIGHBOURS);
}

static void report_damage(struct km_node *chapter, const struct km_case *c)
{
	const struct km_damage d = km_damage_read(c);
	struct km_node *section, *table;

	if (!d.table)
		return;
	section = km_doc_chapter(chapter, "damage", "Extent of the damage");
	km_doc_field(section, "wrong", "wrong",
		     km_v_text(km_doc_text(section, "%u of %u words, %u byte%s, %u bit%s", d.words,
					   KM_PERM_WORDS, d.bytes, d.bytes == 1 ? "" : "s", d.bits,
					   d.bits == 1 ? "" : "s")));
	km_doc_field(section, "pattern", "pattern", km_v_text(km_damage_pattern_text(d.pattern)));
	table = km_doc_table(section, "ranges", NULL);
	km_doc_look(table, KM_LOOK_BYTES);
	km_doc_column(table, "start", "ADDRESS", false);
	km_doc_column(table, "bytes", "BYTES", true);
	km_doc_column(table, "class", NULL, false);
	km_doc_column(table, "what", "WHAT", false);
	km_doc_column(table, "state", "STATE", false);
	add_range(table, "before", d.table->addr - KM_NEIGHBOURS, KM_NEIGHBOURS,
		  d.before_known ? "ok" : "unknown",
		  neighbour_text(section, d.before_known, d.before_zero));
	add_range(table, "permissions[]", d.table->addr, d.size, "damaged",
		  km_doc_text(section, "%u of %u words differ", d.words, KM_PERM_WORDS));
	add_range(table, "after", d.table->addr + d.size, KM_NEIGHBOURS,
		  d.after_known ? "ok" : "unknown",
		  neighbour_text(section, d.after_known, d.after_zero));
	km_doc_note(section, "Whether a neighboring member may be zero depends on how it is used.");
}

/* ---- the vCPU ---- */

/* "34594 (97% of pf_taken)" */
static struct km_value share_of(struct km_node *node, struct km_val part, struct km_val whole,
				const char *name)
{
	if (!km_is_known(part) || !km_is_known(whole) || !whole.v || part.v > whole.v)
		return km_v_val(part, KM_V_DEC);
	return km_v_as(km_v_dec(part.v),
		       km_doc_text(node, "%" PRIu64 " (%.1f%% of %s)", part.v,
				   100.0 * (double)part.v / (double)whole.v, name));
}

static void report_counters(struct km_node *state, const struct km_vcpu_stats *s)
{
	km_doc_field(state, "exits", "exits", km_v_val(s->exits, KM_V_DEC));
	km_doc_field(state, "pf_taken", "pf_taken",
		     share_of(state, s->pf_taken, s->exits, "exits"));
	km_doc_field(state, "pf_fixed", "pf_fixed",
		     share_of(state, s->pf_fixed, s->pf_taken, "pf_taken"));
	km_doc_field(state, "pf_fast", "pf_fast",
		     share_of(state, s->pf_fast, s->pf_taken, "pf_taken"));
	km_doc_field(state, "pf_spurious", "pf_spurious",
		     share_of(state, s->pf_spurious, s->pf_taken, "pf_taken"));
	km_doc_field(state, "pf_emulate", "pf_emulate",
		     share_of(state, s->pf_emulate, s->pf_taken, "pf_taken"));
}

static struct km_value seconds(struct km_node *node, struct km_val ns)
{
	if (!km_is_known(ns))
		return km_v_val(ns, KM_V_DEC);
	return km_v_as(km_v_dec(ns.v),
		       km_doc_text(node, "%" PRIu64 ".%03" PRIu64 " s", ns.v / (1000 * NS_PER_MS),
				   ns.v / NS_PER_MS % 1000));
}

static struct km_value times(struct km_node *node, struct km_val count)
{
	struct km_value value = km_v_val(count, KM_V_DEC);

	return km_is_known(count) ? km_v_as(value, km_doc_text(node, "%" PRIu64 " time%s", count.v,
							       count.v == 1 ? "" : "s"))
				  : value;
}

static void report_times(struct km_node *state, const struct km_case *c)
{
	struct km_task_times t = {.utime = {.known = KM_UNREADABLE}};

	if (!km_is_known(c->vcpu->task) || !c->vcpu->task.v)
		return;
	t = km_task_times_read(c->kernel, c->vcpu->task.v);
	km_doc_field(state, "utime_ns", "user time", seconds(state, t.utime));
	km_doc_field(state, "stime_ns", "system time", seconds(state, t.stime));
	km_doc_field(state, "nvcsw", "slept", times(state, t.nvcsw));
	km_doc_field(state, "nivcsw", "preempted", times(state, t.nivcsw));
}

static const char *requests_text(struct km_node *node, const struct km_features *features,
				 uint64_t requests)
{
	const char *text = "";

	for (unsigned bit = 0; bit < 64; bit++) {
		const char *name = requests >> bit & 1 ? km_request_name(features, bit) : NULL;

		if (requests >> bit & 1)
			text = km_doc_text(node, "%s%s%s", text, *text ? ", " : "",
					   name ? name : km_doc_text(node, "bit %u", bit));
	}
	return *text ? text : "none";
}

static void report_mmu(struct km_node *state, const struct km_case *c)
{
	if (!c->mmu || !c->mmu->readable)
		return;
	km_doc_field(state, "mmu", "MMU context",
		     km_v_text(km_doc_text(state, "%s%s at 0x%" PRIx64, c->mmu->name,
					   c->mmu->active ? " (active)" : "", c->mmu->addr)));
	km_doc_field(state, "root", "root", km_v_val(c->mmu->root.hpa, KM_V_HEX));
	km_doc_field(state, "root_role", "root_role", km_v_hex(c->mmu->root_role.word));
	if (c->mmu->w && c->mmu->w->role_known)
		km_doc_field(
			state, "cpu_role", "cpu_role",
			km_v_text(km_doc_text(state, "%08x/%08x", c->mmu->w->cpu_role.base.word,
					      c->mmu->w->cpu_role.ext.word)));
}

/* Does the text of a finding contain @text? */
static bool is_in_finding(const struct km_explanation *e, const char *text)
{
	for (size_t i = 0; i < e->count && *text; i++) {
		if (strstr(e->found[i].verdict, text))
			return true;
	}
	return false;
}

static void report_state(struct km_node *chapter, const struct km_case *c,
			 const struct km_explanation *e)
{
	struct km_node *state = km_doc_chapter(chapter, "vcpu_state", "State of the vCPU");
	const struct km_vcpu *v = c->vcpu;
	const char *mode = km_is_known(v->mode) ? km_vcpu_mode_name(v->mode.v) : NULL;
	const char *mp = km_is_known(v->mp_state) ? km_mp_state_name(v->mp_state.v) : NULL;

	km_doc_field(state, "kvm_vcpu", "kvm_vcpu", km_v_hex(v->addr));
	km_doc_field(state, "tid", "thread", km_v_val(v->tid, KM_V_DEC));
	km_doc_field(state, "cpu", "CPU", km_v_val(v->cpu, KM_V_SIGNED));
	km_doc_field(state, "mode", "mode", mode ? km_v_text(mode) : km_v_val(v->mode, KM_V_DEC));
	km_doc_field(state, "mp_state", "mp_state",
		     mp ? km_v_text(mp) : km_v_val(v->mp_state, KM_V_DEC));
	km_doc_field(state, "rip", "RIP", km_v_val(c->last.rip, KM_V_HEX));
	km_doc_field(state, "exit_code", "exit code", km_v_val(c->last.exit_code, KM_V_HEX));
	km_doc_field(state, "requests", "requests",
		     km_is_known(v->requests)
			     ? km_v_text(requests_text(state, &c->kernel->features, v->requests.v))
			     : km_v_val(v->requests, KM_V_HEX));
	report_mmu(state, c);
	report_counters(state, &v->stats);
	report_times(state, c);
	/* unless it is the verdict, which is above */
	km_doc_field(state, "wait",
		     c->wait.text[0] && strcmp(c->wait.text, e->verdict) ? "waits" : NULL,
		     text_or_none(state, c->wait.text));
	for (size_t i = 0; i < c->contradictions.count; i++)
		km_doc_point(state, "contradictions", "%s", c->contradictions.text[i]);
}

static void report_stack(struct km_node *chapter, const struct km_case *c)
{
	const struct km_stack *stack = &c->last.stack;
	struct km_node *section, *table;

	if (!c->last.has_stack)
		return;
	section = km_doc_chapter(chapter, "stack", "Stack of its thread");
	table = km_doc_table(section, "frames", NULL);
	km_doc_column(table, "function", "", false);
	km_doc_column(table, "module", NULL, false);
	km_doc_people_column(table, "where", "", false);
	km_doc_column(table, "sure", "", false);
	for (size_t i = 0; i < stack->count; i++) {
		const struct km_frame *f = &stack->frames[i];
		const char *module = km_host_module_at(c->kernel, f->pc);
		struct km_node *row;

		if (!f->function[0])
			continue;
		row = km_doc_row(table);
		km_doc_cell(row, "function",
			    km_v_text(km_doc_text(table, "%s+0x%" PRIx32, f->function, f->offset)));
		km_doc_cell(row, "module", module ? km_v_text(module) : km_v_none(""));
		km_doc_cell(row, "where",
			    km_v_text(module ? km_doc_text(table, "[%s]", module) : ""));
		km_doc_cell(row, "sure", km_v_as(km_v_bool(f->sure), f->sure ? "" : "? (scanned)"));
	}
	if (stack->trouble[0])
		km_doc_note(section, "%s", stack->trouble);
}

/* ---- what next ---- */

static void report_settles(struct km_node *chapter, const struct km_case *c,
			   const struct km_explanation *e)
{
	struct km_node *s = km_doc_chapter(chapter, "settles", "What would confirm or disprove it");
	const struct km_damage d = km_damage_read(c);
	bool counted = km_faults_are_counted(c->vcpu->stats.pf_taken);

	if (e->state == KM_STATE_STUCK)
		km_doc_point(
			s, "points",
			"\"kvmmmu explain --watch 5 %u:%u\" on the live host, or a second dump: "
			"the same address and RIP, %s and an unchanged pf_fixed %s; another RIP "
			"disproves it",
			c->vm->number, c->vcpu->idx,
			counted ? "a rising pf_spurious or pf_taken" : "rising exits",
			counted ? "prove the loop" : "make the loop likely");
	if (d.table)
		km_doc_point(s, "points",
			     "a write to the table while the guest runs: in gdb at QEMU's stub, "
			     "watch *(unsigned long *)0x%" PRIx64,
			     d.table->addr);
	for (size_t i = 0; i < e->count; i++) {
		if (e->found[i].open[0])
			km_doc_point(s, "points", "%s: %s", e->found[i].id, e->found[i].open);
	}
	km_doc_point(s, "points",
		     "a trace of the live host (trace-cmd record -e kvm), read by "
		     "\"kvmmmu replay\"");
}

static void report_unknown(struct km_node *chapter, const struct km_case *c)
{
	struct km_node *s = km_doc_chapter(chapter, "unknown", "What is not known, and why");

	if (km_case_is_current(c))
		km_doc_point(s, "points",
			     "when this began: KVM does not record the time of a fault");
	if (km_damage_read(c).table)
		km_doc_point(s, "points", "who changed the table, and when: a dump has no history");
	if (!c->fault)
		km_doc_point(s, "points", "the fault: %s",
			     c->last.none[0] ? c->last.none : "this dump does not contain any");
	else if (c->last.disagreement[0])
		km_doc_point(s, "points", "which fault is the last: %s", c->last.disagreement);
	if (c->has_walk && c->walk.end == KM_END_UNREADABLE)
		km_doc_point(s, "points", "the rest of the walk: a page-table page is missing");
	if (!km_is_known(c->last.rip))
		km_doc_point(s, "points", "the guest's RIP: %s",
			     km_target_excludes_guest_memory(km_memory_target(c->kernel->mem))
				     ? "capsules do not contain guest registers"
				     : "KVM has not read it since the last exit, or it is "
				       "protected");
	km_doc_point(s, "points", "guest memory and instructions: deliberately not read");
}

/* Does this kernel have the commit? */
static struct km_value has_commit(const struct km_version *version, const struct km_known_case *fix)
{
	switch (km_version_has(version, fix->release)) {
	case KM_COMMIT_THERE:
		return km_v_as(km_v_bool(true), "yes");
	case KM_COMMIT_MISSING:
		return km_v_as(km_v_bool(false), "no");
	case KM_COMMIT_UNKNOWN:
		break;
	}
	return km_v_none("?");
}

/* What the column of has_commit() is based on. */
static void note_version(struct km_node *section, const struct km_version *version,
			 const char *release)
{
	char spelled[32];

	if (!version->known)
		km_doc_note(section,
			    "This kernel is %s: which release it is based on is not known.",
			    release);
	else
		km_doc_note(section,
			    "This kernel, %s, is based on %s%s. \"?\": kvmmmu does not know "
			    "whether that series, or the vendor, has the commit.",
			    release, km_version_spell(version, spelled, sizeof(spelled)),
			    version->exact ? "" : " or later");
}

static void add_fix(struct km_node *table, const struct km_version *version, const char *id,
		    const struct km_known_case *fix)
{
	struct km_node *row = km_doc_row(table);

	km_doc_cell(row, "commit", km_v_text(fix->commit));
	km_doc_cell(row, "release", km_v_text(fix->release));
	km_doc_cell(row, "here", has_commit(version, fix));
	km_doc_cell(row, "effect", km_v_text(fix->introduced ? "introduced" : "fixes"));
	km_doc_cell(row, "finding", km_v_text(id));
	km_doc_cell(row, "subject", km_v_text(km_doc_text(table, "(\"%s\")", fix->subject)));
	km_doc_cell(
		row, "change",
		km_v_text(km_doc_text(
			table, "%s (\"%s\"), first in %s%s",
			fix->introduced ? "introduced" : "fixes", fix->subject, fix->release,
			strchr(fix->release, ';') ? "" : "; other stable releases: not known")));
}

static void report_fixes(struct km_node *chapter, const struct km_case *c,
			 const struct km_explanation *e)
{
	struct km_node *section = km_doc_chapter(chapter, "fixes", "Possibly fixed by"), *table;
	const struct km_version version = km_host_version(c->kernel);
	bool any = false, by = false;

	table = km_doc_table(section, "commits", NULL);
	km_doc_column(table, "commit", "COMMIT", false);
	km_doc_column(table, "release", NULL, false);
	km_doc_column(table, "here", "HERE", false);
	km_doc_column(table, "effect", NULL, false);
	km_doc_column(table, "finding", NULL, false);
	km_doc_column(table, "subject", NULL, false);
	km_doc_people_column(table, "change", "CHANGE", false);
	for (size_t i = 0; i < e->count; i++) {
		const struct km_finding_text *text = km_finding_text(e->found[i].id);

		for (size_t j = 0; text && j < text->case_count; j++) {
			if (!(e->found[i].known & 1u << text->cases[j].when))
				continue;
			any = true;
			by |= strstr(text->cases[j].release, " by ") != NULL;
			add_fix(table, &version, e->found[i].id, &text->cases[j]);
		}
	}
	if (!any)
		km_doc_machine_only(table);
	if (any)
		note_version(section, &version, c->kernel->release);
	else
		km_doc_note(section, "kvmmmu does not know of a commit that fixes this.");
	if (by)
		km_doc_note(section, "\"by\": that release, or an earlier one of its series.");
}

/* ---- the chapter ---- */

km_error *km_report_vcpu(struct km_node *list, const struct km_case *c,
			 const struct km_explanation *e, bool in_summary, bool redacted)
{
	const char *comm = c->vm->comm[0] ? c->vm->comm : "?";
	struct km_node *chapter =
		km_doc_chapter(list, NULL,
			       km_doc_text(list, "vCPU %u:%u (%s): %s", c->vm->number, c->vcpu->idx,
					   comm, km_state_text(list, e->state, e->certainty)));
	char fingerprint[KM_FINGERPRINT];
	km_error *err;

	km_doc_field(chapter, "vm", NULL, km_v_dec(c->vm->number));
	km_doc_field(chapter, "vcpu", NULL, km_v_dec(c->vcpu->idx));
	km_doc_field(chapter, "state", NULL, km_v_text(km_vcpu_state_name(e->state)));
	km_doc_field(chapter, "certainty", NULL, km_v_text(km_certainty_text(e->certainty)));
	km_doc_field(chapter, "verdict",
		     in_summary || is_in_finding(e, e->verdict) ? NULL : "verdict",
		     km_v_tone(text_or_none(chapter, e->verdict), km_state_tone(e->state)));
	km_doc_field(chapter, "fingerprint", in_summary ? NULL : "fingerprint",
		     text_or_none(chapter, km_fingerprint(c, e, fingerprint)));
	report_loop(chapter, c);
	report_causes(chapter, c, e);
	report_damage(chapter, c);
	km_report_checks(chapter, c, redacted);
	km_report_walk(chapter, c);
	km_report_matrix(chapter, c);
	err = redacted ? NULL : km_report_map(chapter, c);
	report_state(chapter, c, e);
	report_stack(chapter, c);
	report_settles(chapter, c, e);
	report_unknown(chapter, c);
	report_fixes(chapter, c, e);
	return err;
}
