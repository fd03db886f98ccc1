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

/* Does the WARN in this function of KVM check what the finding is about? */
static bool warns_about(const char *function, const char *finding)
{
	static const struct {
		const char *finding, *function;
	} warns[] = {
		{"reserved-bits", "make_spte"},
		{"reserved-bits", "get_mmio_spte"},
		{"reserved-bits", "walk_shadow_page_get_mmio_spte"},
		{"reserved-bits", "handle_mmio_page_fault"},
		{"reserved-bits", "kvm_mmu_page_fault"}, /* with that one inlined */
		{"child-page-mismatch", "kvm_mmu_page_set_translation"},
		{"access-track-lost", "mark_spte_for_access_track"},
		{"invalidate-leaked", "kvm_mmu_notifier_invalidate_range_end"},
		{"invalidate-leaked", "kvm_mmu_invalidate_end"},
	};

	for (size_t i = 0; i < sizeof(warns) / sizeof(warns[0]); i++) {
		if (!strcmp(warns[i].finding, finding) && !strcmp(warns[i].function, function))
			return true;
	}
	return false;
}

static bool is_about(const struct km_log_entry *entry, const char *finding)
{
	switch (entry->kind) {
	case KM_LOG_HIERARCHY:
	case KM_LOG_SPTE:
		return !strcmp(finding, "reserved-bits");
	case KM_LOG_WARN: /* KVM_BUG_ON() is a WARN that ends the VM */
		return !strcmp(finding, "vm-dead") || warns_about(entry->function, finding);
	default:
		return false;
	}
}

static void cite(const struct km_log *log, struct km_diagnosis *d)
{
	for (size_t i = 0; i < log->count; i++) {
		const struct km_log_entry *entry = &log->entries[i];

		if (is_about(entry, d->id))
			km_evidence(d, "kernel log %s: %.120s%s", entry->stamp, entry->text,
				    entry->repeats > 1 ? " (more than once)" : "");
	}
}

void km_cite_log(const struct km_log *log, struct km_explanation *e)
{
	for (size_t i = 0; i < e->count; i++)
		cite(log, &e->found[i]);
}
