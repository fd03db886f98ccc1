// SPDX-License-Identifier: GPL-2.0-or-later
/* report --redact: what is replaced, what is left out, and what remains. */
#include "commands/report.h"

#include <string.h>

/* Fields that identify a host and are not needed to understand the fault. */
static const char *const left_out[][2] = {
	{"source", "dump"}, {"source", "types"}, {"tool", "dump"},	   {"tool", "types"},
	{"tool", "sha256"}, {"host", "build"},	 {"host", "command_line"}, {"host", "hardware"},
};

static struct km_node *child(struct km_node *parent, const char *key)
{
	struct km_node *n = parent ? parent->first : NULL;

	while (n && !(n->key && !strcmp(n->key, key)))
		n = n->next;
	return n;
}

static void say_why(struct km_node *host, const char *key)
{
	km_doc_point(host, "not_known", "%s: redacted", key);
	km_doc_machine_only(host->last);
}

static void leave_out(struct km_node *root)
{
	for (size_t i = 0; i < sizeof(left_out) / sizeof(left_out[0]); i++) {
		struct km_node *field = child(child(root, left_out[i][0]), left_out[i][1]);

		if (!field)
			continue;
		field->value = strcmp(left_out[i][0], "host") ? km_v_text("redacted")
							      : km_v_none("redacted");
		if (!strcmp(left_out[i][0], "host"))
			say_why(child(root, "host"), field->key);
	}
}

static void collect_names(struct km_report *run)
{
	const struct km_tasks *tasks = km_tasks_get(&run->by.tasks);
	const struct km_vms *vms = &run->ctx->vms;

	for (size_t i = 0; i < vms->count; i++) {
		km_redaction_name(run->redaction, vms->vms[i].comm);
		for (size_t j = 0; j < vms->vms[i].vcpu_count; j++)
			km_redaction_name(run->redaction, vms->vms[i].vcpus[j].comm);
	}
	for (size_t i = 0; i < tasks->count; i++)
		km_redaction_name(run->redaction, tasks->tasks[i].comm);
}

void km_report_redact(struct km_report *run)
{
	struct km_node *root = run->ctx->root;

	collect_names(run);
	for (struct km_node *n = root ? root->first : NULL; n; n = n->next) {
		if (!n->key || strcmp(n->key, "host"))
			km_redact(run->redaction, n);
	}
	km_redact(run->redaction, child(child(root, "host"), "kernel_log"));
	leave_out(root);
	if (root && root->title && run->subject)
		km_doc_set_title(root, run->subject);
	km_doc_note(
		root,
		"Redacted: addresses and names are replaced consistently; indexes into "
		"page tables, the map of guest memory, and the host's command line, hardware and "
		"build are left out. Printed commands contain "
		"the new addresses. The following remains: kernel release, KVM's log "
		"messages, CPU model, microcode, module parameters, times, sizes, "
		"counters, process IDs, roles, error codes, offsets within pages, numbers "
		"below 64 Ki.");
}
