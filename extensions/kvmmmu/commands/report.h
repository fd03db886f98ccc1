/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of a report: report_vcpu.c, report_check.c, report_tables.c, report_host.c,
 * report_vm.c. */
#ifndef KVMMMU_REPORT_H
#define KVMMMU_REPORT_H

#include "commands/command_context.h"
#include "commands/examine.h"
#include "commands/state_counts.h"
#include "commands/vcpu_rows.h"
#include "document/redact.h"
#include "trace/log.h"

/* One run of the command. */
struct km_report {
	struct km_command_context *ctx;
	struct km_examiner by;
	struct km_state_counts counts;
	uint64_t tables_match, tables_differ; /* permission tables of all vCPUs */
	unsigned detailed;
	/* of the first vCPU that is stuck, or NULL */
	const char *subject, *verdict, *suspect, *fingerprint;
	const char *suspected;		/* a vCPU that has a chapter, and why; NULL: none has one */
	struct km_log *log;		/* KVM's messages in the log of the kernel */
	const char *log_why;		/* why there is no log to read, or NULL */
	struct km_redaction *redaction; /* --redact; else NULL */
	struct km_node *stuck, *suspects, *others_chapter;
	struct km_node *moment; /* what diff compares of each vCPU, in JSON; else NULL */
	struct km_vcpu_rows others;
	bool *vm_has_chapter; /* for each VM: one of its vCPUs has a chapter, or was named */
};

/*
 * A chapter about one vCPU. @in_summary: people have read its verdict and fingerprint in the
 * summary. @redacted: without what would give addresses away. KM_EINTR; out of memory.
 */
km_error *km_report_vcpu(struct km_node *list, const struct km_case *c,
			 const struct km_explanation *e, bool in_summary, bool redacted);

/*
 * Commands for crash and gdb that show what the report is based on, and what they print. @redacted:
 * without those for entries of page tables.
 */
void km_report_checks(struct km_node *chapter, const struct km_case *c, bool redacted);

/* The walk of the fault, root first. */
void km_report_walk(struct km_node *chapter, const struct km_case *c);

/* The permission table that was consulted, or that is damaged, with the cell of the fault. */
void km_report_matrix(struct km_node *chapter, const struct km_case *c);

/* Guest memory by the state of its SPTEs. */
km_error *km_report_map(struct km_node *chapter, const struct km_case *c);

/* The host: what maintainers ask first. */
km_error *km_report_host(struct km_report *run);

/* A chapter about one VM: memory, memslots, threads, invalidations. */
km_error *km_report_vm(struct km_report *run, struct km_node *list, const struct km_vm *vm);

/* What the report was made with, and from what. */
void km_report_tool(struct km_report *run);

/* After everything else: replace addresses and names, and list what remains. */
void km_report_redact(struct km_report *run);

/* "1.5 MiB" */
const char *km_report_size(struct km_node *node, uint64_t bytes);

#endif
