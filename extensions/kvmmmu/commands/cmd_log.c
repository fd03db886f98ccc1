// SPDX-License-Identifier: GPL-2.0-or-later
/* kvmmmu log [FILE]: KVM's messages in a file, or in the log buffer of the dump. */
#include "commands/command_context.h"
#include "commands/describe_trace.h"
#include "trace/kernel_log.h"

#include <inttypes.h>
#include <stdlib.h>

static void describe_buffer(struct km_node *root, const struct km_log *log,
			    const struct km_printk_counts *n)
{
	struct km_node *section = km_doc_compact(root, "log_buffer", NULL);
	uint64_t entries = log->count + log->more;

	km_doc_field(
		section, NULL, "kernel log",
		km_v_text(km_doc_text(section, "%" PRIu64 " record%s, %" PRIu64 " message%s of KVM",
				      n->records, n->records == 1 ? "" : "s", entries,
				      entries == 1 ? "" : "s")));
	km_doc_field(section, "records", NULL, km_v_dec(n->records));
	km_doc_field(section, "messages_of_kvm", NULL, km_v_dec(entries));
	km_doc_field(section, "lost", NULL, km_v_dec(n->lost));
	km_doc_field(section, "damaged", NULL, km_v_dec(n->damaged));
	km_doc_field(section, "overwritten", NULL, km_v_dec(n->overwritten));
	if (n->lost)
		km_doc_note(section,
			    "%" PRIu64 " records are lost: their pages are missing from the dump",
			    n->lost);
	if (n->damaged)
		km_doc_note(section, "%" PRIu64 " records are malformed", n->damaged);
	if (n->overwritten)
		km_doc_note(section,
			    "%" PRIu64
			    " older records are not in the buffer: newer ones have overwritten "
			    "them",
			    n->overwritten);
}

static km_error *log_of_dump(struct km_command_context *ctx)
{
	bool capsule = km_target_holds_ranges(km_memory_target(ctx->kernel->mem));
	struct km_log *log = malloc(sizeof(*log));
	struct km_printk_counts counts;
	km_error *err;

	if (!log)
		return km_errorf(KM_ENOMEM, "out of memory");
	err = km_log_of_kernel(ctx->kernel, log, &counts);
	if (!err && capsule)
		counts.overwritten = 0; /* records between are left out, too */
	if (!err) {
		describe_buffer(ctx->root, log, &counts);
		km_describe_log(ctx->root, log, "record");
	}
	if (!err && capsule)
		km_doc_note(ctx->root, "a capsule contains only KVM's messages, and messages with "
				       "guest registers only if it contains process names");
	free(log);
	return err;
}

km_error *km_command_log(struct km_command_context *ctx)
{
	if (ctx->argc)
		return km_command_replay(ctx);
	if (!ctx->kernel)
		return km_errorf(KM_EUSAGE, "give a dump before the command, or a file after it");
	return log_of_dump(ctx);
}
