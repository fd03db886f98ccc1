// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/cite_log.h"

#include "diagnose/evidence.h"
#include "trace/kernel_log.h"

#include <stdlib.h>
#include <string.h>

km_error *km_read_log(const struct km_command_context *ctx, struct km_log **log, const char **why)
{
	struct km_printk_counts counts;
	km_error *err;

	if (why)
		*why = NULL;
	*log = calloc(1, sizeof(**log));
	if (!*log)
		return km_errorf(KM_ENOMEM, "out of memory");
	err = km_log_of_kernel(ctx->kernel, *log, &counts);
	if (!err)
		return NULL;
	if (km_error_code(err) == KM_EINTR || km_error_code(err) == KM_ELIMIT) {
		free(*log);
		*log = NULL;
		return err;
	}
	if (why)
		*why = km_doc_text(ctx->root, "%s", km_error_text(err));
	km_error_free(err);
	return NULL;
}

static void cite(const struct km_log *log, struct km_diagnosis *d)
{
	bool reserved = !strcmp(d->id, "reserved-bits"), dead = !strcmp(d->id, "vm-dead");

	for (size_t i = 0; i < log->count; i++) {
		const struct km_log_entry *entry = &log->entries[i];
		bool about_sptes = entry->kind == KM_LOG_HIERARCHY || entry->kind == KM_LOG_SPTE;

		if ((reserved && about_sptes) || (dead && entry->kind == KM_LOG_WARN))
			km_evidence(d, "kernel log %s: %.120s%s", entry->stamp, entry->text,
				    entry->repeats > 1 ? " (more than once)" : "");
	}
}

void km_cite_log(const struct km_log *log, struct km_explanation *e)
{
	for (size_t i = 0; i < e->count; i++)
		cite(log, &e->found[i]);
}
