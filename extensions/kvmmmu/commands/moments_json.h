/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A moment as part of an answer in JSON: explain and report write it, and diff reads it instead of
 * a dump.
 */
#ifndef KVMMMU_MOMENTS_JSON_H
#define KVMMMU_MOMENTS_JSON_H

#include "commands/moments.h"

/*
 * Begin section "moment" of an answer. @selected: the answer is about some of the vCPUs only.
 * Return the list for km_moment_describe(); NULL: the answer is not printed as JSON, so it needs
 * none.
 */
struct km_node *km_moments_describe(struct km_command_context *ctx, bool selected);

/* Add what is compared of a vCPU. @list: NULL: nothing is done. */
void km_moment_describe(struct km_node *list, const struct km_case *c,
			const struct km_explanation *e);

/* Does the file begin as JSON does? No dump or capsule begins so. */
bool km_is_json(const char *path);

/*
 * Read the moment of the answer in file @path. KM_EREAD; KM_ELIMIT: it is too large; KM_EDATA: it
 * is not JSON, or not as its schema describes; KM_EABSENT: an answer without a moment. The caller
 * calls km_moments_deinit() in any case.
 */
km_error *km_moments_read_json(const char *path, struct km_moments *moments);

/* The same of the @len bytes at @text. */
km_error *km_moments_parse(const char *text, size_t len, struct km_moments *moments);

#endif
