/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * --before: another dump or capsule of the same boot, or an answer about one in JSON. Whether a
 * vCPU loops, which one dump does not show, follows from both as from two samples of a live kernel.
 */
#ifndef KVMMMU_BEFORE_H
#define KVMMMU_BEFORE_H

#include "commands/moments.h"

struct km_before {
	const char *file;  /* the user's word */
	const char *other; /* what it is compared with, for people: "the dump" */
	struct km_moments moments;
	/* first: the file; second: the dump that was opened */
	struct km_boot_relation relation;
};

/*
 * Open the file of --before, and examine those of its vCPUs that @scope names (of an answer, all
 * that it has). The caller then calls km_before_relate(). Errors of opening it and of
 * km_moments_read(), after the name of the file; KM_EABSENT: this front end cannot open it. The
 * caller calls km_before_deinit() in any case.
 */
km_error *km_before_read(struct km_command_context *ctx, const struct km_moments_scope *scope,
			 struct km_before *before);
/* Compare its boot with that of @now, and prepare both for km_moments_find(). */
void km_before_relate(struct km_before *before, struct km_moments *now);

void km_before_deinit(struct km_before *before);

/* KM_EDATA if the two are of different boots. */
km_error *km_before_check(const struct km_before *before);

/* Describe the file and its relation to the dump as section "before". */
void km_describe_before(struct km_node *root, const struct km_before *before);

/*
 * Judge a vCPU by @then, which it was in the file, and @now. If it is not known that both are of
 * the same boot, the verdict is at most possible.
 */
void km_before_judge(const struct km_before *before, const struct km_moment *then,
		     const struct km_moment *now, struct km_samples_verdict *v);

/*
 * Apply the verdict to @e, which the dump shows alone. Only a loop counts: the dumps may be hours
 * apart, so other events between them do not refute what one of them shows.
 */
void km_before_settle(const struct km_before *before, const struct km_samples_verdict *v,
		      struct km_explanation *e);

/* Describe samples, oldest first, and their verdict as section "watch"; people see it as @label. */
void km_describe_looks(struct km_node *entry, const char *label, const struct km_sample *samples,
		       size_t count, const struct km_samples_verdict *v);

#endif
