/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Types whose answers are kept in a memo. What is in the memo is answered from there; the source
 * itself, whose types would have to be read from the dump, is opened at the first other question.
 */
#ifndef KVMMMU_TYPES_KEPT_H
#define KVMMMU_TYPES_KEPT_H

#include "types/types.h"

struct km_memo;

/* Opens the source. */
struct km_types_opener {
	km_error *(*open)(struct km_types_opener *opener, struct km_types **types);
	void (*free)(struct km_types_opener *opener);
};

/*
 * Create a source that answers as that of @opener, which it owns, also on failure. @name tells it
 * from others of the same memo, which must outlive it; @origin is for messages. Both are copied.
 * Unless the memo has that it can be opened, it is opened now: errors of the opener; KM_ENOMEM.
 */
km_error *km_types_kept(struct km_memo *memo, const char *name, const char *origin,
			struct km_types_opener *opener, struct km_types **types);

/* Get the source itself of @types, opened; @types if nothing is kept of it. Errors of the opener.
 */
km_error *km_types_kept_source(struct km_types *types, struct km_types **source);

#endif
