// SPDX-License-Identifier: GPL-2.0-or-later
/* The path that a fault takes through KVM's handler, as a section. */
#include "command_context.h"

static const char *outcome_name(const struct km_step *step)
{
	static const char *const names[] = {
		[KM_STEP_PASSES] = "passes",
		[KM_STEP_ENDS] = "ends",
		[KM_STEP_OPEN] = "open",
	};

	return names[step->outcome];
}

/* For people: what the step returns, if it does. */
static struct km_value step_value(const struct km_step *step)
{
	if (step->outcome == KM_STEP_ENDS)
		return km_v_tone(km_v_text(km_ret_pf_name(step->ret)), KM_TONE_WARN);
	return km_v_text(outcome_name(step));
}

static void describe_steps(struct km_node *section, const struct km_page_fault_path *path,
			   bool all_steps)
{
	struct km_node *table = km_table(section, "steps", NULL);

	km_column(table, "function", "STEP", false);
	km_column(table, "id", NULL, false);
	km_column(table, "outcome", NULL, false);
	km_column(table, "ret", NULL, false);
	km_column(table, NULL, "ANSWER", false);
	km_column(table, "text", "BECAUSE", false);
	if (!all_steps)
		km_machine_only(table);
	for (size_t i = 0; i < path->count; i++) {
		const struct km_step *step = &path->steps[i];
		struct km_node *row = km_row(table);

		km_cell(row, km_v_text(step->function));
		km_cell(row, km_v_text(step->id));
		km_cell(row, km_v_text(outcome_name(step)));
		km_cell(row, step->outcome == KM_STEP_ENDS ? km_v_text(km_ret_pf_name(step->ret))
							   : km_v_none("-"));
		km_cell(row, step_value(step));
		km_cell(row, km_v_text(km_text(section, "%s", step->text)));
	}
}

void km_describe_path(struct km_node *node, const struct km_page_fault_path *path, bool all_steps)
{
	struct km_node *section = km_section(node, "path", NULL);
	const struct km_step *end = path->end;
	const char *where = end ? end->function : "?";

	if (all_steps)
		describe_steps(section, path, true);
	km_field(section, NULL, "replayed",
		 km_v_text(km_text(section, "%s at %s%s%s", km_ret_pf_name(path->ret), where,
				   end ? ": " : "", end ? end->text : "")));
	km_field(section, "ret", NULL,
		 path->ret == KM_RET_PF_UNKNOWN ? km_v_none("not known")
						: km_v_text(km_ret_pf_name(path->ret)));
	km_field(section, "end", NULL, km_v_text(end ? end->id : NULL));
	km_field(section, "function", NULL, km_v_text(end ? end->function : NULL));
	km_field(section, NULL, "so",
		 km_v_tone(km_v_text(km_text(section, "%s", path->loops_text)),
			   path->loops ? KM_TONE_ALARM : KM_TONE_PLAIN));
	km_field(section, "loops", NULL,
		 path->loops_known ? km_v_bool(path->loops) : km_v_none("not known"));
	km_field(section, "loops_text", NULL, km_v_text(km_text(section, "%s", path->loops_text)));
	km_field(section, "other_test", path->other_test[0] ? "other test" : NULL,
		 km_v_text(path->other_test[0] ? km_text(section, "%s", path->other_test) : NULL));
	if (!all_steps)
		describe_steps(section, path, false);
}
