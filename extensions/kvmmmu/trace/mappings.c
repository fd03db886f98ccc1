// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/mappings.h"

#include <string.h>

#define LARGEST PG_LEVEL_1G

static uint64_t key_of(uint64_t gfn, int level)
{
	return (gfn >> 9 * (level - 1)) << 3 | (unsigned)level;
}

static size_t slot_of(uint64_t key)
{
	return key * 0x9e3779b97f4a7c15ULL >> 32 & (KM_MAPPINGS - 1);
}

static struct km_mapping *find(struct km_mappings *m, uint64_t gfn, int level)
{
	uint64_t key = key_of(gfn, level);
	struct km_mapping *found = &m->made[slot_of(key)];

	return found->key == key ? found : NULL;
}

static int usable(int level)
{
	return level < PG_LEVEL_4K ? PG_LEVEL_4K : level;
}

static void note_size(struct km_mappings *m, uint64_t gfn, int level, uint64_t time)
{
	uint64_t range = gfn >> 9 << 9;
	struct km_size_changes *size = &m->sizes[slot_of(range) % (KM_MAPPINGS / 8)];

	if (size->gfn != range || !size->level)
		*size = (struct km_size_changes){.gfn = range, .level = level, .first = time};
	if (size->level != level) {
		size->changes++;
		size->last = time;
	}
	size->level = level;
	if (size->changes > m->most_changed.changes)
		m->most_changed = *size;
}

void km_mappings_made(struct km_mappings *m, uint64_t gfn, int level, uint64_t time)
{
	uint64_t key;

	level = usable(level);
	if (level > LARGEST)
		return;
	key = key_of(gfn, level);
	m->made[slot_of(key)] =
		(struct km_mapping){.key = key, .made = ++m->now, .made_time = time};
	if (level <= PG_LEVEL_2M)
		note_size(m, gfn, level, time);
}

static struct km_zapper zapper_of(const struct km_trace_event *e)
{
	struct km_zapper z = {.event = e->name, .tid = e->tid, .time = e->time};

	memcpy(z.comm, e->comm, sizeof(z.comm));
	return z;
}

bool km_same_zapper(const struct km_zapper *a, const struct km_zapper *b)
{
	return a->tid == b->tid && a->event == b->event && !strcmp(a->comm, b->comm);
}

void km_mappings_zapped(struct km_mappings *m, const struct km_trace_event *e)
{
	int level = usable(e->level);
	struct km_mapping *found = level > LARGEST ? NULL : find(m, e->gfn, level);

	m->now++;
	if (!found || found->zapped)
		return;
	found->zapped = true;
	found->zapper = zapper_of(e);
}

void km_mappings_zapped_range(struct km_mappings *m, const struct km_trace_event *e)
{
	size_t slot = m->zap_count++ % KM_ZAPS;

	m->zaps[slot].gfn = e->gfn;
	m->zaps[slot].gfns = e->gfns;
	m->zaps[slot].at = ++m->now;
	m->zaps[slot].zapper = zapper_of(e);
	m->zaps[slot].zapper.perhaps = !e->gfns && strcmp(e->name, "kvm_mmu_zap_all_fast");
}

/* Was the range of @gfn mapped in another size since? */
static bool is_replaced(const struct km_mappings *m, uint64_t gfn, int level)
{
	uint64_t range = gfn >> 9 << 9;
	const struct km_size_changes *size = &m->sizes[slot_of(range) % (KM_MAPPINGS / 8)];

	return level <= PG_LEVEL_2M && size->gfn == range && size->level != level;
}

/* Return the first zap after @made that may include @gfn; NULL if there is none. */
static const struct km_zapper *range_zapper(const struct km_mappings *m, uint64_t gfn,
					    uint64_t made)
{
	uint64_t first = m->zap_count > KM_ZAPS ? m->zap_count - KM_ZAPS : 0;

	for (uint64_t i = first; i < m->zap_count; i++) {
		size_t slot = i % KM_ZAPS;
		uint64_t gfns = m->zaps[slot].gfns;

		if (m->zaps[slot].at > made && (!gfns || gfn - m->zaps[slot].gfn < gfns))
			return &m->zaps[slot].zapper;
	}
	return NULL;
}

enum km_mapping_state km_mappings_faulted(struct km_mappings *m, uint64_t gfn,
					  struct km_zapper *zapper, uint64_t *after)
{
	for (int level = PG_LEVEL_4K; level <= LARGEST; level++) {
		struct km_mapping *found = find(m, gfn, level);
		const struct km_zapper *by = NULL;

		if (!found)
			continue;
		by = found->zapped ? &found->zapper : range_zapper(m, gfn, found->made);
		found->key = 0;
		if (!by && is_replaced(m, gfn, level))
			continue;
		if (!by)
			return KM_MAPPING_THERE;
		*zapper = *by;
		*after = by->time > found->made_time ? by->time - found->made_time : 0;
		return KM_MAPPING_ZAPPED;
	}
	return KM_MAPPING_UNKNOWN;
}
