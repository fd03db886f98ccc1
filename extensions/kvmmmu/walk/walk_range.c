// SPDX-License-Identifier: GPL-2.0-or-later
#include "walk/walk_range.h"

#include <string.h>

#define ENTRIES	       512
#define PROGRESS_PAGES 4096 /* between two updates */

struct range_walk {
	const struct km_kernel *k;
	const struct km_spte_masks *masks;
	struct km_walk_range *range;
	uint64_t limit;
	km_run_fn *take;
	void *arg;
	struct km_run run;		     /* the current one; bytes 0: none */
	uint64_t key_mask;		     /* an entry continues it if these bits are equal */
	uint64_t tables[KM_WALK_LEVELS + 1]; /* tables above, by level; else 0 */
};

static void flush(struct range_walk *w)
{
	if (w->run.bytes)
		w->take(w->arg, &w->run);
	w->run.bytes = 0;
}

/* The bits of an entry that have to be equal; 0: comparing bits is not sufficient. */
static uint64_t key_mask(const struct km_spte_masks *masks, const struct km_run *run)
{
	/* an MMIO SPTE contains its gfn in two parts; bit 63 of an empty one may be set or not */
	if (!run->entries || run->spte.kind == KM_SPTE_MMIO)
		return 0;
	return run->spte.kind == KM_SPTE_PRESENT ? ~masks->base_addr_mask : ~0ULL;
}

bool km_run_alike(const struct km_spte_masks *masks, const struct km_run *a, const struct km_run *b)
{
	if (a->end != b->end || a->uncovered != b->uncovered || !a->entries != !b->entries)
		return false;
	if (!a->entries)
		return true;
	if (a->spte.kind != b->spte.kind)
		return false;
	switch (a->spte.kind) {
	case KM_SPTE_EMPTY:
		return true;
	case KM_SPTE_MMIO:
		return a->spte.mmio_generation == b->spte.mmio_generation &&
		       a->spte.mmio_access == b->spte.mmio_access;
	case KM_SPTE_FROZEN:
	case KM_SPTE_PRESENT:
	case KM_SPTE_NOT_PRESENT:
		break;
	}
	return a->spte.level == b->spte.level &&
	       !((a->spte.value ^ b->spte.value) & key_mask(masks, a));
}

/* Continue the current run, or start the next one. */
static void add(struct range_walk *w, const struct km_run *more)
{
	if (w->run.bytes && km_run_alike(w->masks, &w->run, more)) {
		w->run.bytes += more->bytes;
		w->run.entries += more->entries;
		return;
	}
	flush(w);
	w->run = *more;
	w->key_mask = key_mask(w->masks, more);
}

/* Add a range that is unknown or inconsistent. */
static void add_end(struct range_walk *w, uint64_t addr, uint64_t last, enum km_walk_end end,
		    bool uncovered)
{
	struct km_run run = {
		.addr = addr,
		.bytes = last - addr + 1,
		.end = end,
		.uncovered = uncovered,
	};

	add(w, &run);
}

/* The number of @entries, from @i to @end, that continue the current run. */
static unsigned count_same(const struct range_walk *w, const uint64_t *entries, unsigned i,
			   unsigned end, int level)
{
	uint64_t key = w->run.spte.value, mask = w->key_mask;
	unsigned n = 0;

	if (!w->run.bytes || !mask ||
	    (w->run.spte.level != level && w->run.spte.kind != KM_SPTE_EMPTY))
		return 0;
	while (i + n < end && !((entries[i + n] ^ key) & mask))
		n++;
	return n;
}

static km_error *walk_table(struct range_walk *w, uint64_t table, int level, uint64_t addr,
			    uint64_t last);

/* Walk an entry for @addr to @last: a leaf, or the table below. */
static km_error *walk_entry(struct range_walk *w, uint64_t value, int level, uint64_t addr,
			    uint64_t last)
{
	struct km_run run = {
		.addr = addr,
		.bytes = last - addr + 1,
		.entries = 1,
		.spte = km_spte_decode(w->masks, value, level),
	};
	bool present = run.spte.kind == KM_SPTE_PRESENT;

	if (present && !km_is_last_spte(value, level))
		return walk_table(w, value & w->masks->base_addr_mask, level - 1, addr, last);
	run.end = present ? KM_END_LEAF : KM_END_NOT_PRESENT;
	add(w, &run);
	return NULL;
}

static km_error *walk_entries(struct range_walk *w, const uint64_t *entries, int level,
			      uint64_t addr, uint64_t last)
{
	unsigned shift = KM_PAGE_SHIFT + 9 * (level - 1);
	unsigned i = addr >> shift & (ENTRIES - 1), end = (last >> shift & (ENTRIES - 1)) + 1;
	km_error *err = NULL;

	while (i < end && !err && !w->range->limit_hit) {
		uint64_t rest = last - addr,
			 step = (1ULL << shift) - 1 - (addr & ((1ULL << shift) - 1));
		unsigned same = count_same(w, entries, i, end, level);

		if (same) {
			/* the first may start late, the last may end early */
			step += (uint64_t)(same - 1) << shift;
			step = step < rest ? step : rest;
			w->run.bytes += step + 1;
			w->run.entries += same;
		} else {
			same = 1;
			step = step < rest ? step : rest;
			err = walk_entry(w, entries[i], level, addr, addr + step);
		}
		i += same;
		addr += step + 1;
	}
	return err;
}

/* Walk the page-table page at @table, from @addr to @last. */
static km_error *walk_table(struct range_walk *w, uint64_t table, int level, uint64_t addr,
			    uint64_t last)
{
	uint64_t entries[ENTRIES];
	km_scoped_error *unreadable = NULL;
	km_error *err = km_check_interrupt(w->k->mem);

	if (err)
		return err;
	for (int above = level + 1; above <= KM_WALK_LEVELS; above++) {
		if (w->tables[above] == table) {
			add_end(w, addr, last, KM_END_TORN, false);
			return NULL;
		}
	}
	if (w->range->pages >= w->limit) {
		w->range->limit_hit = true;
		w->range->next = addr;
		return NULL;
	}
	if (!(++w->range->pages % PROGRESS_PAGES))
		km_progress(w->k->mem, "page-table pages", w->range->pages);
	unreadable = km_read_phys_as(w->k->mem, table, entries, sizeof(entries), "SPTE");
	if (unreadable) {
		add_end(w, addr, last, KM_END_UNREADABLE, km_error_code(unreadable) == KM_EABSENT);
		return NULL;
	}
	w->tables[level] = table;
	err = walk_entries(w, entries, level, addr, last);
	w->tables[level] = 0;
	return err;
}

/* The last address that the root of @walk maps. */
static uint64_t root_end(const struct km_walk *walk)
{
	unsigned bits = KM_PAGE_SHIFT + 9 * (unsigned)walk->root_level;

	/* a PAE root: that its entry maps */
	if (walk->count)
		bits = 30;
	return bits < 64 ? walk->addr | ((1ULL << bits) - 1) : ~0ULL;
}

/* Walk what a root, or an entry of a PAE root, maps. *@last is set to its end. */
static km_error *walk_root(struct range_walk *w, const struct km_mmu *mmu, uint64_t addr,
			   uint64_t *last)
{
	struct km_walk walk;
	uint64_t table, end;
	int level;
	bool starts = km_walk_start(w->k, w->masks, mmu, addr, &walk, &table, &level);

	w->range->root_level = walk.root_level;
	w->range->meaning = walk.meaning;
	if (!starts && !walk.count) {
		add_end(w, addr, *last, walk.end, walk.uncovered);
		return NULL;
	}
	end = root_end(&walk);
	*last = end < *last ? end : *last;
	if (starts)
		return walk_table(w, table, level, addr, *last);
	add_end(w, addr, *last, walk.end, walk.uncovered);
	return NULL;
}

km_error *km_walk_range(const struct km_kernel *k, const struct km_spte_masks *masks,
			const struct km_mmu *mmu, uint64_t addr, uint64_t last, uint64_t limit,
			km_run_fn *take, void *arg, struct km_walk_range *range)
{
	struct range_walk w = {
		.k = k, .masks = masks, .range = range, .limit = limit, .take = take, .arg = arg};
	bool more = true;
	km_error *err = NULL;

	memset(range, 0, sizeof(*range));
	range->addr = addr;
	while (more && !err) {
		uint64_t end = last;

		err = walk_root(&w, mmu, addr, &end);
		range->last = end;
		/* a PAE root has four entries for 32 bits */
		more = !err && !range->limit_hit && range->root_level == 3 && end < last &&
		       (uint32_t)end != UINT32_MAX;
		addr = end + 1;
	}
	km_progress(k->mem, NULL, 0);
	flush(&w);
	if (range->limit_hit)
		range->last = range->next > addr ? range->next - 1 : addr;
	return err;
}
