// SPDX-License-Identifier: GPL-2.0-or-later
/* The memslot of a fault, and the judges of the panel as a table; shared by fault and explain. */
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

void km_describe_memslot(struct km_node *parent, const struct km_memslot *slot, bool known)
{
	struct km_node *node = km_compact(parent, "memslot", NULL);

	if (!slot) {
		km_field(node, "id", "memslot",
			 km_v_none(known ? "none: the address is MMIO" : "? (not readable)"));
		return;
	}
	km_field(node, "id", "memslot", km_v_signed(slot->id));
	km_field(node, "base_gfn", "gfn", km_v_hex(slot->base_gfn));
	km_field(node, "npages", "pages", km_v_dec(slot->npages));
	km_field(node, "dirty_logging", "dirty logging",
		 km_v_bool(slot->flags & KVM_MEM_LOG_DIRTY_PAGES));
	km_field(node, "readonly", "read-only", km_v_bool(slot->flags & KVM_MEM_READONLY));
	if (slot->flags & KVM_MEMSLOT_INVALID)
		km_field(node, "invalid", "being deleted or moved", km_v_bool(true));
}
