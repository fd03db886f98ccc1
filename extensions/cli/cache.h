/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What was found out about a dump is kept in ${XDG_CACHE_HOME:-~/.cache}/kvmmmu/memo, for the next
 * command on the same dump: one file for each dump, which only its owner can read.
 *
 * A build-id does not identify a dump: it is a claim in the dump, which may lie. If the answers
 * were kept by build-id, one dump could change those about another. They are therefore kept for one
 * file that does not change, and for one program: the name is a digest of the identity of both.
 */
#ifndef KVMMMU_CACHE_H
#define KVMMMU_CACHE_H

#include "base/file_read.h"
#include "base/memo.h"

struct cache;

/* Use the cache from now on. Without this call, cache_open() returns NULL. */
void cache_allow(void);

/*
 * Return what is kept about dump @file, or a place for it; NULL: nothing is kept about it. That is
 * so if there is no directory that belongs to the user, if the file may change without a trace (it
 * is in /proc, or was changed during the last two seconds), or if it has no name. Nothing is
 * written yet. A file that is damaged, that another user could have written, or that is too large,
 * is ignored. Free it with cache_close().
 */
struct cache *cache_open(const struct km_file *file);

/* Return the memo, which belongs to @cache; NULL if @cache is NULL. */
struct km_memo *cache_memo(struct cache *cache);

/*
 * Write what was found out since cache_open(), unless @file could not be read completely or has
 * changed meanwhile, and free @cache, which may be NULL. Failures are not errors: the next command
 * will find it out again.
 */
void cache_close(struct cache *cache, const struct km_file *file);

#endif
