// SPDX-License-Identifier: GPL-2.0-or-later
/* The judges of the panel as a table; shared by fault and explain. */
#include "command_context.h"

static struct km_value ruling_value(enum km_ruling ruling)
{
	return km_v_tone(km_v_text(km_ruling_text(ruling)),
			 ruling == KM_DENIES ? KM_TONE_ALARM : KM_TONE_GOOD);
}

struct km_node *km_describe_judges(struct km_node *section, const struct km_panel *panel)
{
	struct km_node *table = km_table(section, "judges", NULL);

	km_column(table, "judge", "JUDGE", false);
	km_column(table, "ruling", "SAYS", false);
	km_column(table, "consulted", "ASKED BY KVM", false);
	km_column(table, "why", "BECAUSE", false);
	for (size_t i = 0; i < KM_JUDGES; i++) {
		const struct km_verdict *v = &panel->verdicts[i];
		struct km_node *row = km_row(table);

		km_cell(row, km_v_text(km_judge_name(i)));
		km_cell(row, v->ruling == KM_NO_RULING ? km_v_none("-") : ruling_value(v->ruling));
		km_cell(row,
			km_v_as(km_v_bool(v->consulted), i == KM_JUDGE_PROCESSOR ? "(hardware)"
							 : v->consulted		 ? "yes"
							 : i == KM_JUDGE_ROLE	 ? "(our check)"
									      : "not consulted"));
		km_cell(row, km_v_text(km_text(table, "%s", v->why)));
	}
	return table;
}
