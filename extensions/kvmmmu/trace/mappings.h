/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The latest few thousand mappings of a trace: which were made, and by whom they were zapped.
 */
#ifndef KVMMMU_MAPPINGS_H
#define KVMMMU_MAPPINGS_H

#include "trace/trace_event.h"

#define KM_MAPPINGS 4096
#define KM_ZAPS	    16

/* The thread that zapped a mapping, and the event that shows it. */
struct km_zapper {
	const char *event; /* of km_trace_name() */
	uint32_t tid;
	char comm[17];
	uint64_t time;
	bool perhaps; /* the event does not contain the GFNs */
};

bool km_same_zapper(const struct km_zapper *a, const struct km_zapper *b);

enum km_mapping_state {
	KM_MAPPING_UNKNOWN,
	KM_MAPPING_THERE, /* made, and not zapped as far as the trace shows */
	KM_MAPPING_ZAPPED,
};

struct km_mapping {
	uint64_t key; /* gfn of its size, level; 0: none */
	uint64_t made, made_time;
	bool zapped;
	struct km_zapper zapper;
};

/* A 2 MiB range of GFNs whose page size changes. */
struct km_size_changes {
	uint64_t gfn; /* of the range */
	int level;    /* of the last mapping; 0: none */
	uint64_t changes;
	uint64_t first, last; /* time of the first mapping and the last change */
};

struct km_mappings {
	struct km_mapping made[KM_MAPPINGS];
	struct km_size_changes sizes[KM_MAPPINGS / 8], most_changed;
	struct {
		uint64_t gfn, gfns, at; /* gfns 0: which GFNs is not known, perhaps all */
		struct km_zapper zapper;
	} zaps[KM_ZAPS];
	uint64_t zap_count;
	uint64_t now; /* counts makings and zaps */
};

void km_mappings_made(struct km_mappings *mappings, uint64_t gfn, int level, uint64_t time);

/* The event zapped the mapping of this level. */
void km_mappings_zapped(struct km_mappings *mappings, const struct km_trace_event *event);

/* The event zapped a range, or an unknown one. */
void km_mappings_zapped_range(struct km_mappings *mappings, const struct km_trace_event *event);

/*
 * Return the state of the mapping of @gfn, which faults now, and forget it. For KM_MAPPING_ZAPPED,
 * *@zapper and *@after, the time from making to zap (0: unknown), are set.
 */
enum km_mapping_state km_mappings_faulted(struct km_mappings *mappings, uint64_t gfn,
					  struct km_zapper *zapper, uint64_t *after);

#endif
