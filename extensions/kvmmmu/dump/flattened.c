// SPDX-License-Identifier: GPL-2.0-or-later
#include "dump/flattened.h"

#include "base/memo.h"
#include "base/target.h"

#include <endian.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_SIZE 4096 /* signature, type and version, padded */
#define RUN_PIECES  32	 /* pieces that one entry of the index is for */
/* The index needs up to 200 MB then. makedumpfile writes pieces of 16 KB: a dump of 320 GB. */
#define MAX_PIECES (20u << 20)
#define MAX_RUNS   (1u << 20)

/* All numbers in the format are big-endian. */
struct header {
	char signature[16];
	int64_t type, version;
};

struct record {
	int64_t offset, size; /* both -1: the end */
};

/* Pieces that follow each other both in the file and in the dump. */
struct run {
	uint64_t at;   /* offset in the dump */
	uint64_t from; /* offset in the file, of the first piece's bytes */
	uint64_t len;
	uint32_t first, count; /* in lens */
};

/* Part of the dump, up to the next one, that is in one run. */
struct part {
	uint64_t at;
	uint32_t run; /* NO_RUN: in none */
};

#define NO_RUN UINT32_MAX

struct km_flattened {
	struct km_file_layout layout;
	uint64_t size; /* of the dump */
	struct run *runs;
	uint32_t *lens; /* of the pieces */
	struct part *parts;
	size_t run_count, len_count, part_count, run_room, len_room;
	bool kept; /* a memo has the lists */
};

static const struct header header_v1 = {"makedumpfile", 1, 1};

bool km_flattened_is(struct km_file *file)
{
	struct header h;

	return km_file_read(file, 0, &h, sizeof(h)) &&
	       !memcmp(h.signature, header_v1.signature, sizeof(h.signature)) &&
	       (int64_t)be64toh((uint64_t)h.type) == header_v1.type &&
	       (int64_t)be64toh((uint64_t)h.version) == header_v1.version;
}

/* ---- the headers of the pieces ---- */

static bool has_room(void **list, size_t *room, size_t count, size_t size)
{
	size_t more = *room ? 2 * *room : 1024;
	void *grown;

	if (count < *room)
		return true;
	grown = reallocarray(*list, more, size);
	if (!grown)
		return false;
	*list = grown;
	*room = more;
	return true;
}

/* Does the piece continue @run, which has the pieces that were read last? */
static bool continues(const struct run *run, uint64_t at, uint64_t from)
{
	return run->count < RUN_PIECES && at == run->at + run->len &&
	       from == run->from + run->len + run->count * sizeof(struct record);
}

static km_error *too_many(void)
{
	return km_errorf(KM_ELIMIT,
			 "the flattened dump has more than %u pieces, or more than %u "
			 "non-contiguous ones: rearrange it with makedumpfile -R",
			 MAX_PIECES, MAX_RUNS);
}

static km_error *add_piece(struct km_flattened *f, uint64_t at, uint64_t from, uint32_t len)
{
	struct run *run = f->run_count ? &f->runs[f->run_count - 1] : NULL;

	if (f->len_count == MAX_PIECES || f->run_count == MAX_RUNS)
		return too_many();
	if (!has_room((void **)&f->lens, &f->len_room, f->len_count, sizeof(*f->lens)))
		return km_errorf(KM_ENOMEM, "out of memory");
	if (!run || !continues(run, at, from)) {
		if (!has_room((void **)&f->runs, &f->run_room, f->run_count, sizeof(*f->runs)))
			return km_errorf(KM_ENOMEM, "out of memory");
		run = &f->runs[f->run_count++];
		*run = (struct run){at, from, 0, (uint32_t)f->len_count, 0};
	}
	run->len += len;
	run->count++;
	f->lens[f->len_count++] = len;
	return NULL;
}

static km_error *damaged(const struct record *r)
{
	return km_errorf(KM_EDATA,
			 "damaged flattened dump: 0x%" PRIx64 " bytes at offset 0x%" PRIx64,
			 (uint64_t)r->size, (uint64_t)r->offset);
}

static km_error *truncated(struct km_file *file)
{
	return km_file_blame(file, km_errorf(KM_EDATA, "the flattened dump is truncated"));
}

/* Add the piece with header @r, whose bytes begin at @from, and advance *@from to the next one. */
static km_error *take_piece(struct km_flattened *f, struct km_file *file, const struct record *r,
			    uint64_t *from)
{
	uint64_t at = (uint64_t)r->offset, left = (uint64_t)r->size;
	km_error *err = NULL;

	if (r->offset < 0 || r->size < 0 || r->offset > INT64_MAX - r->size)
		return damaged(r);
	if (left > file->size - *from)
		return truncated(file);
	for (uint32_t len; left && !err; left -= len) {
		len = left < UINT32_MAX ? (uint32_t)left : UINT32_MAX;
		err = add_piece(f, at, *from, len);
		at += len;
		*from += len;
	}
	if (at > f->size)
		f->size = at;
	return err;
}

static km_error *read_headers(struct km_flattened *f, struct km_file *file)
{
	uint64_t from = HEADER_SIZE, count = 0;
	km_error *err = NULL;
	struct record r;

	while (!err) {
		if (!km_file_read(file, from, &r, sizeof(r)))
			return truncated(file);
		from += sizeof(r);
		r.offset = (int64_t)be64toh((uint64_t)r.offset);
		r.size = (int64_t)be64toh((uint64_t)r.size);
		if (r.offset == -1 && r.size == -1)
			return NULL;
		err = take_piece(f, file, &r, &from);
		if (!(++count % (1 << 16)))
			km_progress_on_terminal(NULL, "pieces of the flattened dump", count);
	}
	return err;
}

/* ---- overlapping pieces ---- */

static int compare_offsets(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static uint32_t index_of(const uint64_t *cuts, size_t count, uint64_t at)
{
	const uint64_t *found = bsearch(&at, cuts, count, sizeof(*cuts), compare_offsets);

	return (uint32_t)(found - cuts);
}

/*
 * Return the first place at or after @i that has no run; shorten the path in @next that leads
 * there.
 */
static uint32_t next_free(uint32_t *next, uint32_t i)
{
	while (next[i] != i) {
		next[i] = next[next[i]];
		i = next[i];
	}
	return i;
}

/*
 * Give each place between two neighbouring cuts the last run that covers it: from the last run to
 * the first, each takes the places that are still free.
 */
static void assign_runs(const struct km_flattened *f, const uint64_t *cuts, size_t count,
			uint32_t *next, uint32_t *owner)
{
	for (uint32_t i = 0; i < count; i++) {
		next[i] = i;
		owner[i] = NO_RUN;
	}
	for (size_t r = f->run_count; r--;) {
		const struct run *run = &f->runs[r];
		uint32_t end = index_of(cuts, count, run->at + run->len);

		for (uint32_t i = next_free(next, index_of(cuts, count, run->at)); i < end;
		     i = next_free(next, i)) {
			owner[i] = (uint32_t)r;
			next[i] = i + 1;
		}
	}
}

static size_t sort_cuts(const struct km_flattened *f, uint64_t *cuts)
{
	size_t count = 0, kept = 1;

	cuts[count++] = 0;
	for (size_t i = 0; i < f->run_count; i++) {
		cuts[count++] = f->runs[i].at;
		cuts[count++] = f->runs[i].at + f->runs[i].len;
	}
	qsort(cuts, count, sizeof(*cuts), compare_offsets);
	for (size_t i = 1; i < count; i++)
		if (cuts[i] != cuts[kept - 1])
			cuts[kept++] = cuts[i];
	return kept;
}

static km_error *resolve_overlaps(struct km_flattened *f)
{
	size_t most = 2 * f->run_count + 1, count;
	uint64_t *cuts = reallocarray(NULL, most, sizeof(*cuts));
	uint32_t *next = reallocarray(NULL, most, sizeof(*next));
	uint32_t *owner = reallocarray(NULL, most, sizeof(*owner));

	f->parts = reallocarray(NULL, most, sizeof(*f->parts));
	if (cuts && next && owner && f->parts) {
		count = sort_cuts(f, cuts);
		assign_runs(f, cuts, count, next, owner);
		for (size_t i = 0; i < count; i++)
			if (!i || owner[i] != owner[i - 1])
				f->parts[f->part_count++] = (struct part){cuts[i], owner[i]};
	}
	free(cuts);
	free(next);
	free(owner);
	return f->part_count ? NULL : km_errorf(KM_ENOMEM, "out of memory");
}

/* ---- reading ---- */

/* The part that has offset @at: the first one begins at 0. */
static const struct part *part_at(const struct km_flattened *f, uint64_t at)
{
	size_t low = 0, high = f->part_count;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (f->parts[middle].at <= at)
			low = middle;
		else
			high = middle;
	}
	return &f->parts[low];
}

static void find(const struct km_file_layout *layout, uint64_t at, uint64_t *from, uint64_t *len)
{
	const struct km_flattened *f = (const struct km_flattened *)layout;
	const struct part *part = part_at(f, at), *last = &f->parts[f->part_count - 1];
	uint64_t end = part < last ? part[1].at : UINT64_MAX, begin;
	const struct run *run;
	uint32_t i;

	*len = end - at;
	*from = KM_FILE_HOLE;
	if (part->run == NO_RUN)
		return;
	run = &f->runs[part->run];
	begin = run->at;
	for (i = 0; at - begin >= f->lens[run->first + i]; i++)
		begin += f->lens[run->first + i];
	*from = run->from + (at - run->at) + i * sizeof(struct record);
	if (begin + f->lens[run->first + i] - at < *len)
		*len = begin + f->lens[run->first + i] - at;
}

/* ---- the index in a memo ---- */

static const char key_size[] = "flattened size", key_runs[] = "flattened runs",
		  key_lens[] = "flattened lengths", key_parts[] = "flattened parts";

static void keep_index(const struct km_flattened *f, struct km_memo *memo)
{
	km_memo_put(memo, key_runs, f->runs, f->run_count * sizeof(*f->runs));
	km_memo_put(memo, key_lens, f->lens, f->len_count * sizeof(*f->lens));
	km_memo_put(memo, key_parts, f->parts, f->part_count * sizeof(*f->parts));
	km_memo_put(memo, key_size, &f->size, sizeof(f->size));
}

/* Get a list of elements of @size bytes. It belongs to the memo, and is only read. */
static void *kept_list(const struct km_memo *memo, const char *key, size_t size, size_t *count)
{
	size_t len = 0;
	const void *list = km_memo_get(memo, key, &len);

	*count = len / size;
	return (void *)(uintptr_t)list;
}

/* Do the lengths of the run's pieces add up to its own? */
static bool is_run(const struct km_flattened *f, const struct run *run)
{
	uint64_t len = 0;

	if (run->first > f->len_count || run->count > f->len_count - run->first)
		return false;
	for (uint32_t i = 0; i < run->count; i++)
		len += f->lens[run->first + i];
	return len == run->len && run->at <= UINT64_MAX - len;
}

/* Is the part from @at to @end in its run? */
static bool is_part(const struct km_flattened *f, const struct part *part, uint64_t end)
{
	const struct run *run;

	if (part->at >= end)
		return false;
	if (part->run == NO_RUN)
		return true;
	if (part->run >= f->run_count)
		return false;
	run = &f->runs[part->run];
	return part->at >= run->at && end <= run->at + run->len;
}

/* Can find() use it, whatever is asked? */
static bool is_consistent(const struct km_flattened *f)
{
	if (!f->part_count || f->parts[0].at)
		return false;
	for (size_t i = 0; i < f->run_count; i++)
		if (!is_run(f, &f->runs[i]))
			return false;
	for (size_t i = 0; i < f->part_count; i++)
		if (!is_part(f, &f->parts[i],
			     i + 1 < f->part_count ? f->parts[i + 1].at : UINT64_MAX))
			return false;
	return true;
}

static bool find_index(struct km_flattened *f, const struct km_memo *memo)
{
	size_t len;
	const void *size = km_memo_get(memo, key_size, &len);

	if (!size || len != sizeof(f->size))
		return false;
	memcpy(&f->size, size, sizeof(f->size));
	f->kept = true;
	f->runs = kept_list(memo, key_runs, sizeof(*f->runs), &f->run_count);
	f->lens = kept_list(memo, key_lens, sizeof(*f->lens), &f->len_count);
	f->parts = kept_list(memo, key_parts, sizeof(*f->parts), &f->part_count);
	if (is_consistent(f))
		return true;
	*f = (struct km_flattened){0};
	return false;
}

static km_error *make_index(struct km_flattened *f, struct km_file *file)
{
	km_error *err = read_headers(f, file);

	km_progress_on_terminal(NULL, NULL, 0);
	return err ? err : resolve_overlaps(f);
}

km_error *km_flattened_index(struct km_file *file, struct km_memo *memo,
			     struct km_flattened **index)
{
	struct km_flattened *f = calloc(1, sizeof(*f));
	km_error *err = NULL;

	if (!f)
		return km_errorf(KM_ENOMEM, "out of memory");
	if (!find_index(f, memo)) {
		err = make_index(f, file);
		if (!err)
			keep_index(f, memo);
	}
	if (err) {
		km_flattened_free(f);
		return err;
	}
	f->layout.find = find;
	file->layout = &f->layout;
	file->size = f->size;
	*index = f;
	return NULL;
}

void km_flattened_free(struct km_flattened *f)
{
	if (!f)
		return;
	if (!f->kept) {
		free(f->runs);
		free(f->lens);
		free(f->parts);
	}
	free(f);
}
