/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Records which bytes of the target an analysis reads, what they are and what they are for. A
 * capsule is made from these records. Only labelled reads are recorded.
 */
#ifndef KVMMMU_RECORDER_H
#define KVMMMU_RECORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A range of bytes within one page, or a page that the target does not contain. */
struct km_item {
	uint64_t addr;
	uint32_t len; /* 0: the page at @addr is missing */
	bool phys;
	const char *what; /* "kvm.mm", "page-table page, level 2" */
	const char *why;  /* the recorder's stage at that time */
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
	const char *stage;	       /* what the following reads are for */
	bool names;		       /* record process names, too */
	struct km_saved_stacks *saved; /* unwound stacks and tasks; NULL: do not record them */
	bool oom;		       /* memory was exhausted: the record is incomplete */
};

/*
 * Add a range of bytes; @len 0: a missing page. @what must outlive the recorder. Failure sets
 * rec->oom.
 */
void km_recorder_add(struct km_recorder *rec, bool phys, uint64_t addr, uint32_t len,
		     const char *what);
void km_recorder_add_symbol(struct km_recorder *rec, const char *name, uint64_t addr);

/* Sort items and symbols, drop duplicates, and free the room for more. */
void km_recorder_sort(struct km_recorder *rec);

void km_recorder_deinit(struct km_recorder *rec);

#endif
