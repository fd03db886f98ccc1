// SPDX-License-Identifier: GPL-2.0-or-later
/* The memslot of a fault, and the four checks of the panel as a table; shared by fault and explain.
 */
#include "commands/command_context.h"

static struct km_value ruling_value(enum km_ruling ruling)
{
	struct km_value value = km_v_text(km_ruling_text(ruling));

	switch (ruling) {
	case KM_ALLOWS:
		return km_v_tone(value, KM_TONE_GOOD);
	case KM_DENIES:
		return km_v_tone(value, KM_TONE_ALARM);
	case KM_NO_RULING:
		break;
	}
	return km_v_none("-");
}

static const char *consulted_text(enum km_judge judge, bool consulted)
{
	if (judge == KM_JUDGE_PROCESSOR)
		return "(hardware)";
	if (consulted)
		return "yes";
	return judge == KM_JUDGE_ROLE ? "(by kvmmmu)" : "no";
}

struct km_node *km_describe_judges(struct km_node *section, const struct km_panel *panel)
{
	struct km_node *table = km_doc_table(section, "judges", NULL);

	km_doc_column(table, "judge", "CHECK", false);
	km_doc_column(table, "ruling", "RESULT", false);
	km_doc_column(table, "consulted", "CONSULTED", false);
	km_doc_column(table, "why", "REASON", false);
	for (enum km_judge i = 0; i < KM_JUDGES; i++) {
		const struct km_verdict *v = &panel->verdicts[i];
		struct km_node *row = km_doc_row(table);

		km_doc_cell(row, "judge", km_v_text(km_judge_name(i)));
		km_doc_cell(row, "ruling", ruling_value(v->ruling));
		km_doc_cell(row, "consulted",
			    km_v_as(km_v_bool(v->consulted), consulted_text(i, v->consulted)));
		km_doc_cell(row, "why", km_v_text(km_doc_text(table, "%s", v->why)));
	}
	return table;
}

void km_describe_memslot(struct km_node *parent, const struct km_memslot *slot, bool known)
{
	struct km_node *node = km_doc_compact(parent, "memslot", NULL);

	if (!slot) {
		km_doc_field(node, "id", "memslot",
			     km_v_none(known ? "none: the address is MMIO"
					     : "unknown: it is not readable"));
		return;
	}
	km_doc_field(node, "id", "memslot", km_v_signed(slot->id));
	km_doc_field(node, "base_gfn", "gfn", km_v_hex(slot->base_gfn));
	km_doc_field(node, "npages", "pages", km_v_dec(slot->npages));
	km_doc_field(node, "dirty_logging", "dirty logging",
		     km_v_bool(slot->flags & KVM_MEM_LOG_DIRTY_PAGES));
	km_doc_field(node, "readonly", "read-only", km_v_bool(slot->flags & KVM_MEM_READONLY));
	if (slot->flags & KVM_MEMSLOT_INVALID)
		km_doc_field(node, "invalid", "being deleted or moved", km_v_bool(true));
}
