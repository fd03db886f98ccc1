// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/vcpu_rows.h"

#include <inttypes.h>

#define MAX_LISTED 32 /* of a state in which nothing accuses a vCPU */

static bool is_folded(enum km_vcpu_state state)
{
	return state == KM_STATE_HEALTHY || state == KM_STATE_WAITING ||
	       state == KM_STATE_NEVER_RAN;
}

/* Stuck ones begin behind the columns, those that are unknown behind the stuck ones. */
static struct km_node *add_row(struct km_vcpu_rows *rows, enum km_vcpu_state state)
{
	if (state == KM_STATE_STUCK)
		rows->stuck = km_doc_row_after(rows->table, rows->stuck);
	else if (state == KM_STATE_UNKNOWN)
		rows->unknown =
			km_doc_row_after(rows->table, rows->unknown ? rows->unknown : rows->stuck);
	else
		return km_doc_row(rows->table);
	return state == KM_STATE_STUCK ? rows->stuck : rows->unknown;
}

struct km_node *km_vcpu_row(struct km_vcpu_rows *rows, enum km_vcpu_state state, bool all)
{
	if (rows->table && !rows->stuck)
		rows->stuck = rows->table->last; /* the last column */
	if (++rows->count[state] > MAX_LISTED && !all && is_folded(state)) {
		rows->folded[state]++;
		return NULL;
	}
	return add_row(rows, state);
}

bool km_vcpu_rows_any(const struct km_vcpu_rows *rows)
{
	/* of each state, the first ones have a row */
	for (size_t i = 0; i < KM_STATES; i++) {
		if (rows->count[i])
			return true;
	}
	return false;
}

void km_describe_folded(struct km_node *parent, const struct km_vcpu_rows *rows)
{
	const char *text = "";

	for (size_t i = 0; i < KM_STATES; i++) {
		if (rows->folded[i])
			text = km_doc_text(parent, "%s%s%" PRIu64 " more are \"%s\"", text,
					   *text ? ", " : "", rows->folded[i],
					   km_vcpu_state_name((enum km_vcpu_state)i));
	}
	if (*text)
		km_doc_note(parent, "%s: \"explain --state\" lists them", text);
}
