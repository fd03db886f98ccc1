// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/state_counts.h"

#include <inttypes.h>

static uint64_t *count_of(struct km_state_counts *n, enum km_vcpu_state state)
{
	switch (state) {
	case KM_STATE_STUCK:
		return &n->stuck;
	case KM_STATE_PROGRESSING:
		return &n->progressing;
	case KM_STATE_WAITING:
		return &n->waiting;
	case KM_STATE_HEALTHY:
		return &n->healthy;
	case KM_STATE_NEVER_RAN:
		return &n->never_ran;
	case KM_STATE_UNKNOWN:
		break;
	}
	return &n->unknown;
}

void km_count_state(struct km_state_counts *n, enum km_vcpu_state state)
{
	n->vcpus++;
	++*count_of(n, state);
}

void km_count_vm(struct km_state_counts *n, const struct km_vm *vm)
{
	n->vms++;
	n->vcpus += vm->vcpus_lost;
	n->lost += vm->vcpus_lost;
}

const char *km_counts_text(struct km_node *node, const struct km_state_counts *n)
{
	const struct {
		uint64_t count;
		const char *what;
	} parts[] = {
		{n->unknown, "unknown"}, {n->progressing, "progressing"}, {n->waiting, "waiting"},
		{n->healthy, "healthy"}, {n->never_ran, "never ran"},	  {n->lost, "not readable"},
	};
	const char *text =
		km_doc_text(node, "%" PRIu64 " VM%s, %" PRIu64 " vCPU%s: %" PRIu64 " stuck", n->vms,
			    n->vms == 1 ? "" : "s", n->vcpus, n->vcpus == 1 ? "" : "s", n->stuck);

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (parts[i].count)
			text = km_doc_text(node, "%s, %" PRIu64 " %s", text, parts[i].count,
					   parts[i].what);
	}
	return text;
}

void km_describe_counts(struct km_node *node, const struct km_state_counts *n)
{
	km_doc_field(node, "vms", NULL, km_v_dec(n->vms));
	km_doc_field(node, "vcpus", NULL, km_v_dec(n->vcpus));
	km_doc_field(node, "stuck", NULL, km_v_dec(n->stuck));
	km_doc_field(node, "unknown", NULL, km_v_dec(n->unknown));
	km_doc_field(node, "progressing", NULL, km_v_dec(n->progressing));
	km_doc_field(node, "waiting", NULL, km_v_dec(n->waiting));
	km_doc_field(node, "healthy", NULL, km_v_dec(n->healthy));
	km_doc_field(node, "never_ran", NULL, km_v_dec(n->never_ran));
	km_doc_field(node, "not_readable", NULL, km_v_dec(n->lost));
}
