/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Notes which bytes of the target an analysis reads, what they are and why it wants them: what a
 * capsule is made of. Only reads that say what they are reach it.
 */
#ifndef KVMMMU_RECORDER_H
#define KVMMMU_RECORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A range of bytes within one page, or a page that the target does not hold. */
struct km_item {
	uint64_t addr;
	uint32_t len; /* 0: the page at @addr is missing */
	bool phys;
	const char *what; /* "kvm.mm", "page-table page, level 2" */
	const char *why;  /* the recorder's stage */
};

struct km_item_symbol {
	const char *name;
	uint64_t addr;
};

struct km_recorder {
	struct km_item *items;
	size_t count, room;
	struct km_item_symbol *symbols;
	size_t symbol_count, symbol_room;
	const char *stage;	       /* what the reads from now on are for */
	bool names;		       /* process names are wanted, too */
	struct km_saved_stacks *saved; /* stacks and tasks, in this form only; NULL: not wanted */
	bool oom;
};

/* @what must outlive the recorder. */
void km_recorder_add(struct km_recorder *rec, bool phys, uint64_t addr, uint32_t len,
		     const char *what);
void km_recorder_add_missing(struct km_recorder *rec, bool phys, uint64_t page);
void km_recorder_add_symbol(struct km_recorder *rec, const char *name, uint64_t addr);

/* Brings items and symbols into order and drops what is there twice. */
void km_recorder_sort(struct km_recorder *rec);

void km_recorder_deinit(struct km_recorder *rec);

#endif
