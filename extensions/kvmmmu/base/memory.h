/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Read the target through a small cache of pages, so that each page is read once.
 */
#ifndef KVMMMU_MEMORY_H
#define KVMMMU_MEMORY_H

#include "base/recorder.h"
#include "base/target.h"

#define KM_PAGE_SIZE  4096u
#define KM_PAGE_SHIFT 12

struct km_memory;

/* Is it a canonical address in the kernel's half, with four or five levels of page tables? */
static inline bool km_is_kernel_address(uint64_t va)
{
	return va >> 56 == 0xff;
}

/*
 * Return a reader of @target, which must outlive it; NULL if memory is exhausted. Free it with
 * km_memory_free().
 */
struct km_memory *km_memory_new(struct km_target *target);
void km_memory_free(struct km_memory *mem);

/* Drop all cached pages and the counts of missing ones: a live target has changed since. */
void km_memory_forget(struct km_memory *mem);

/*
 * Read @len bytes at kernel virtual address @va through the cache, all or nothing. KM_EREAD: they
 * are not in the dump.
 */
km_error *km_read_virt(struct km_memory *mem, uint64_t va, void *buf, size_t len);

/* Likewise at physical address @pa. */
km_error *km_read_phys(struct km_memory *mem, uint64_t pa, void *buf, size_t len);

/*
 * Likewise, for bytes that a capsule may contain: the recorder notes them as @what ("kvm.mm"; the
 * text must outlive @mem). NULL: they are not recorded.
 */
km_error *km_read_virt_as(struct km_memory *mem, uint64_t va, void *buf, size_t len,
			  const char *what);
km_error *km_read_phys_as(struct km_memory *mem, uint64_t pa, void *buf, size_t len,
			  const char *what);

/* Read a large virtual range without the cache, in one call to the target if possible. */
km_error *km_read_bulk(struct km_memory *mem, uint64_t va, void *buf, size_t len);

/*
 * As km_read_bulk(), but fill missing pages with zeros. *@missing is set to the number of missing
 * pages.
 */
void km_read_lossy(struct km_memory *mem, uint64_t va, void *buf, size_t len, uint64_t *missing);

/*
 * Read a NUL-terminated string of at most @size - 1 bytes. @buf is always terminated. On an
 * unreadable page, return an error; @buf then contains what precedes it.
 */
km_error *km_read_string(struct km_memory *mem, uint64_t va, char *buf, size_t size);
km_error *km_read_string_as(struct km_memory *mem, uint64_t va, char *buf, size_t size,
			    const char *what);

/*
 * Distinct pages that were requested and could not be read since the last km_memory_forget(); more
 * than KM_MAX_MISSING are not counted.
 */
#define KM_MAX_MISSING 65536

uint64_t km_memory_missing(const struct km_memory *mem);

/* Labelled reads since then that the capsule does not cover. */
uint64_t km_memory_uncovered(const struct km_memory *mem);

/* Record reads in @rec from now on. NULL: stop recording. */
void km_memory_record(struct km_memory *mem, struct km_recorder *rec);

/* The active recorder, or NULL. */
struct km_recorder *km_memory_recorder(struct km_memory *mem);

/*
 * While @trying is set, reads are speculative: they are not recorded, and missing pages are not
 * counted. Return the previous setting.
 */
bool km_memory_try(struct km_memory *mem, bool trying);

/*
 * While @optional is set, labelled reads that a capsule does not cover are not counted: older
 * capsules lack what only confirms other facts. Return the previous setting.
 */
bool km_memory_optional(struct km_memory *mem, bool optional);

/*
 * Return KM_EINTR if the user has pressed Ctrl-C, KM_ELIMIT if a limit of the target is exceeded,
 * else NULL. Every loop calls this.
 */
km_error *km_check_interrupt(struct km_memory *mem);

/*
 * Report that long work has processed @done of @what ("tasks"). Shown once it has taken a second.
 * @what NULL: the work has ended.
 */
void km_progress(struct km_memory *mem, const char *what, uint64_t done);

/* Return only KM_ELIMIT or NULL: to be called at the end of an answer. */
km_error *km_check_limits(struct km_memory *mem);

/*
 * Account for @size bytes, @count times, before they are allocated for what is read from the
 * target. KM_ELIMIT, now and in every further call and km_check_interrupt(): the target's limit is
 * exceeded. km_memory_forget() starts again from zero.
 */
km_error *km_memory_charge(struct km_memory *mem, uint64_t count, size_t size);

struct km_target *km_memory_target(struct km_memory *mem);

#endif
