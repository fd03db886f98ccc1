// SPDX-License-Identifier: GPL-2.0-or-later
/* The path that a fault takes through KVM's handler, as a section. */
#include "commands/command_context.h"

static const char *outcome_name(const struct km_step *step)
{
	switch (step->outcome) {
	case KM_STEP_PASSES:
		return "passes";
	case KM_STEP_ENDS:
		return "ends";
	case KM_STEP_OPEN:
		return "open";
	}
	return "?";
}

/* For people: what the step returns, if it does. */
static struct km_value step_value(const struct km_step *step)
{
	if (step->outcome == KM_STEP_ENDS)
		return km_v_tone(km_v_text(km_ret_pf_name(step->ret)), KM_TONE_WARN);
	return km_v_text(outcome_name(step));
}

static void add_step(struct km_node *table, const struct km_step *step)
{
	struct km_node *row = km_doc_row(table);

	km_doc_cell(row, "function", km_v_text(step->function));
	km_doc_cell(row, "id", km_v_text(step->id));
	km_doc_cell(row, "outcome", km_v_text(outcome_name(step)));
	km_doc_cell(row, "ret",
		    step->outcome == KM_STEP_ENDS ? km_v_text(km_ret_pf_name(step->ret))
						  : km_v_none("-"));
	km_doc_cell(row, "result", step_value(step));
	km_doc_cell(row, "text", km_v_text(km_doc_text(table, "%s", step->text)));
}

static void describe_steps(struct km_node *section, const struct km_page_fault_path *path,
			   bool for_people)
{
	struct km_node *table = km_doc_table(section, "steps", NULL);

	km_doc_column(table, "function", "STEP", false);
	km_doc_column(table, "id", NULL, false);
	km_doc_column(table, "outcome", NULL, false);
	km_doc_column(table, "ret", NULL, false);
	km_doc_people_column(table, "result", "RESULT", false);
	km_doc_column(table, "text", "REASON", false);
	if (!for_people)
		km_doc_machine_only(table);
	for (size_t i = 0; i < path->count; i++)
		add_step(table, &path->steps[i]);
}

/* "RET_PF_FIXED at fast_page_fault: the SPTE is changed" */
static const char *end_text(struct km_node *section, const struct km_page_fault_path *path)
{
	const char *ret = path->ret == KM_RET_PF_UNKNOWN ? "open" : km_ret_pf_name(path->ret);

	if (!path->end)
		return ret;
	return km_doc_text(section, "%s at %s: %s", ret, path->end->function, path->end->text);
}

/* Does the thread wait within the handler, so that what follows is not done yet? */
static bool waits_first(const struct km_wait *wait)
{
	return wait && (wait->kind == KM_WAIT_LOCK || wait->kind == KM_WAIT_PAGE ||
			wait->kind == KM_WAIT_USERFAULT);
}

void km_describe_path(struct km_node *node, const struct km_page_fault_path *path,
		      const struct km_wait *wait, bool all_steps)
{
	struct km_node *section = km_doc_section(node, "path", NULL);
	const struct km_step *end = path->end;
	const char *then = km_doc_text(section, "%s%s",
				       waits_first(wait) ? "once the thread no longer waits: " : "",
				       path->loops_text);
	const char *other =
		path->other_test[0] ? km_doc_text(section, "%s", path->other_test) : NULL;

	if (all_steps)
		describe_steps(section, path, true);
	km_doc_field(section, NULL, "replay", km_v_text(end_text(section, path)));
	km_doc_field(section, "ret", NULL,
		     path->ret == KM_RET_PF_UNKNOWN ? km_v_none("unknown")
						    : km_v_text(km_ret_pf_name(path->ret)));
	km_doc_field(section, "end", NULL, km_v_text(end ? end->id : NULL));
	km_doc_field(section, "function", NULL, km_v_text(end ? end->function : NULL));
	km_doc_field(section, "loops", NULL,
		     path->loops_known ? km_v_bool(path->loops) : km_v_none("unknown"));
	km_doc_field(section, "loops_text", "then",
		     km_v_tone(km_v_text(then), path->loops ? KM_TONE_ALARM : KM_TONE_PLAIN));
	km_doc_field(section, "other_test", other ? "other test" : NULL, km_v_text(other));
	if (!all_steps)
		describe_steps(section, path, false);
}
