/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading the target a page at a time, each page once: a small cache in front of km_target.
 */
#ifndef KVMMMU_MEMORY_H
#define KVMMMU_MEMORY_H

#include "recorder.h"
#include "target.h"

#define KM_PAGE_SIZE  4096u
#define KM_PAGE_SHIFT 12

struct km_memory;

/* NULL when memory is out. The target must outlive it. */
struct km_memory *km_memory_new(struct km_target *target);
void km_memory_free(struct km_memory *mem);

/* Forgets all pages; for live targets, at the start of a command. */
void km_memory_forget(struct km_memory *mem);

/* Reads @len bytes at kernel virtual address @va through the cache; all or nothing. */
km_error *km_read_virt(struct km_memory *mem, uint64_t va, void *buf, size_t len);

/* Likewise, at a physical address. */
km_error *km_read_phys(struct km_memory *mem, uint64_t pa, void *buf, size_t len);

/*
 * The same for bytes that a capsule may hold: @what they are ("kvm.mm", text that outlives @mem) is
 * for the recorder; NULL: not for it.
 */
km_error *km_read_virt_as(struct km_memory *mem, uint64_t va, void *buf, size_t len,
			  const char *what);
km_error *km_read_phys_as(struct km_memory *mem, uint64_t pa, void *buf, size_t len,
			  const char *what);

/* Reads a large virtual range past the cache, in one call to the target if it can. */
km_error *km_read_bulk(struct km_memory *mem, uint64_t va, void *buf, size_t len);

/* As km_read_bulk(), with zeros where a page is missing; *@missing is how many pages were. */
void km_read_lossy(struct km_memory *mem, uint64_t va, void *buf, size_t len, uint64_t *missing);

/*
 * Reads a NUL-terminated string of at most @size - 1 bytes; always terminates @buf. Stops at the
 * first unreadable page with an error, @buf holding what came before it.
 */
km_error *km_read_string(struct km_memory *mem, uint64_t va, char *buf, size_t size);
km_error *km_read_string_as(struct km_memory *mem, uint64_t va, char *buf, size_t size,
			    const char *what);

/* Distinct pages that were asked for and could not be read since the last km_memory_forget(). */
uint64_t km_memory_missing(const struct km_memory *mem);

/* Reads that said what they were and that the capsule does not cover, since then. */
uint64_t km_memory_uncovered(const struct km_memory *mem);

/* Reads are noted in @rec from now on; NULL: no longer. */
void km_memory_record(struct km_memory *mem, struct km_recorder *rec);
struct km_recorder *km_memory_recorder(struct km_memory *mem);

/*
 * While it is set, reads are tries: there is no recorder, and pages that they miss are not counted.
 * Returns how it was before.
 */
bool km_memory_try(struct km_memory *mem, bool trying);

/* KM_EINTR once the user pressed Ctrl-C, else NULL. For every loop. */
km_error *km_check_interrupt(struct km_memory *mem);

/* Long work has done so much of @what (NULL: it has ended): shown once it takes a second. */
void km_progress(struct km_memory *mem, const char *what, uint64_t done);

struct km_target *km_memory_target(struct km_memory *mem);

#endif
