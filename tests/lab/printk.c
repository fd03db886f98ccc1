// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Read the log buffer of a dump whose pages are lost or whose bytes are changed, and compare what
 * is read with the buffer of the whole dump:
 *
 *	printk DUMP ROUNDS [SEED]
 *
 * The changes are those of a damaged or hostile dump: pages that are missing; bits of everything
 * that the reader reads; members of the head and of descriptors with extreme values. "WRONG ..." is
 * printed, and the exit code is 1, if a lost page makes up or changes a record, if there are more
 * records than the buffer has room for, or if one buffer takes longer than LONGEST seconds of
 * processor time.
 */
#include "changed_dump.h"
#include "trace/kernel_log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MOST_PAGES   8192
#define MOST_RECORDS 65536
#define MOST_EDITS   16
#define LONGEST	     10

struct kept {
	uint64_t seq, hash;
};

static uint64_t pages[MOST_PAGES]; /* virtual addresses that the reader reads */
static size_t page_count;
static bool collecting, lost[MOST_PAGES];
static struct edit {
	uint64_t addr;
	unsigned char byte;
	bool flip; /* exclusive or, else the byte itself */
} edits[MOST_EDITS * 8];
static size_t edit_count;
static struct kept whole[MOST_RECORDS];
static size_t whole_count;
static bool whole_is_read;
static unsigned wrong, round_number;

static size_t page_index(uint64_t page)
{
	size_t i = 0;

	while (i < page_count && pages[i] != page)
		i++;
	return i;
}

static void change(uint64_t va, unsigned char *buf, size_t len)
{
	for (size_t i = 0; i < edit_count; i++) {
		const struct edit *edit = &edits[i];

		if (edit->addr < va || edit->addr - va >= len)
			continue;
		buf[edit->addr - va] = edit->flip ? buf[edit->addr - va] ^ edit->byte : edit->byte;
	}
}

static km_error *read_virt(struct km_target *target, uint64_t va, void *buf, size_t len)
{
	km_error *err;

	for (uint64_t page = va & ~(uint64_t)(KM_PAGE_SIZE - 1); page - va < len || page <= va;
	     page += KM_PAGE_SIZE) {
		size_t i = page_index(page);

		if (collecting && i == page_count && page_count < MOST_PAGES)
			pages[page_count++] = page;
		if (i < page_count && lost[i])
			return km_errorf(KM_EREAD, "lost");
	}
	err = whole_ops->read_virt(target, va, buf, len);
	if (!err)
		change(va, buf, len);
	return err;
}

static uint64_t hash_of(const struct km_printk_record *r)
{
	uint64_t hash = 0xcbf29ce484222325 ^ r->ts_nsec;

	for (size_t i = 0; i < r->len; i++)
		hash = (hash ^ (unsigned char)r->text[i]) * 0x100000001b3;
	return hash;
}

static const struct kept *find_whole(uint64_t seq)
{
	for (size_t i = 0; i < whole_count; i++) {
		if (whole[i].seq == seq)
			return &whole[i];
	}
	return NULL;
}

static size_t take(void *data, const struct km_printk_record *r, bool names)
{
	const bool *only_lost = data;
	const struct kept *kept;

	(void)names;
	if (!whole_is_read) {
		if (whole_count < MOST_RECORDS)
			whole[whole_count++] = (struct kept){r->seq, hash_of(r)};
		return 0;
	}
	kept = *only_lost ? find_whole(r->seq) : NULL;
	if (*only_lost && (!kept || kept->hash != hash_of(r))) {
		printf("WRONG round %u: record %" PRIu64 " is not that of the whole dump\n",
		       round_number, r->seq);
		wrong++;
	}
	return 0;
}

/* Read the buffer as it is now. Return the number of its records; the error's text in *@error. */
static struct km_printk_counts look(struct km_kernel *kernel, bool only_lost, bool *failed)
{
	struct km_printk_counts counts;
	struct timespec begin, end;
	km_error *err;

	km_memory_forget(kernel->mem);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
	err = km_printk_read(kernel, take, &only_lost, &counts);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
	if (end.tv_sec - begin.tv_sec > LONGEST) {
		printf("WRONG round %u: %ld seconds\n", round_number,
		       (long)(end.tv_sec - begin.tv_sec));
		wrong++;
	}
	*failed = err;
	if (err && !*km_error_text(err)) {
		printf("WRONG round %u: an error without a text\n", round_number);
		wrong++;
	}
	km_error_free(err);
	return counts;
}

static void put(uint64_t addr, uint64_t value, size_t len)
{
	for (size_t i = 0; i < len && edit_count < sizeof(edits) / sizeof(edits[0]); i++)
		edits[edit_count++] =
			(struct edit){addr + i, (unsigned char)(value >> 8 * i), false};
}

static uint64_t extreme(void)
{
	static const uint64_t values[] = {0, 1, 7, 24, 31, 63, UINT32_MAX, 1ULL << 62, UINT64_MAX};
	unsigned at = (unsigned)random() % (sizeof(values) / sizeof(values[0]) + 2);

	if (at < sizeof(values) / sizeof(values[0]))
		return values[at];
	return (uint64_t)random() << 31 ^ (uint64_t)random();
}

/* Members of the head, or of the descriptor and the information of a record. */
static void edit_members(struct km_kernel *kernel, uint64_t prb)
{
	static const enum km_member_id head[] = {
		KM_M_printk_ringbuffer_count_bits, KM_M_printk_ringbuffer_size_bits,
		KM_M_printk_ringbuffer_head_id,	   KM_M_printk_ringbuffer_tail_id,
		KM_M_printk_ringbuffer_descs,	   KM_M_printk_ringbuffer_infos,
		KM_M_printk_ringbuffer_data};
	static const enum km_member_id desc[] = {KM_M_prb_desc_state_var, KM_M_prb_desc_begin,
						 KM_M_prb_desc_next};
	uint64_t descs = km_kget(kernel, prb, KM_M_printk_ringbuffer_descs).v;
	uint64_t infos = km_kget(kernel, prb, KM_M_printk_ringbuffer_infos).v;
	uint64_t at = (uint64_t)random() % (whole_count ? whole_count : 1);
	const struct km_member *m;

	if (random() % 2) {
		m = km_layout_member(kernel->layout, head[random() % 7]);
		put(prb + m->offset, extreme(), m->size);
		return;
	}
	if (random() % 3) {
		m = km_layout_member(kernel->layout, desc[random() % 3]);
		put(descs + at * km_layout_sizeof(kernel->layout, KM_T_prb_desc) + m->offset,
		    extreme(), m->size);
		return;
	}
	m = km_layout_member(kernel->layout, KM_M_printk_info_text_len);
	put(infos + at * km_layout_sizeof(kernel->layout, KM_T_printk_info) + m->offset, extreme(),
	    m->size);
}

static void edit_bits(void)
{
	size_t count = 1 + (size_t)random() % MOST_EDITS;

	for (size_t i = 0; i < count; i++) {
		uint64_t page = pages[(size_t)random() % page_count];

		edits[edit_count++] = (struct edit){page + (uint64_t)random() % KM_PAGE_SIZE,
						    (unsigned char)(1 << random() % 8), true};
	}
}

/* As many descriptors as the head may say, most of them where nothing is. */
static void make_huge(struct km_kernel *kernel, uint64_t prb)
{
	struct km_layout *layout = kernel->layout;
	const struct km_member *m = km_layout_member(layout, KM_M_printk_ringbuffer_count_bits);
	uint64_t tail = km_kget(kernel, prb, KM_M_printk_ringbuffer_tail_id).v;

	put(prb + m->offset, 24, m->size);
	m = km_layout_member(layout, KM_M_printk_ringbuffer_head_id);
	put(prb + m->offset, tail + (1ULL << 24) - 1, m->size);
}

static int play(struct km_kernel *kernel, unsigned rounds)
{
	uint64_t prb = km_kernel_variable(kernel, "prb", 8).v;
	uint64_t room = 1 + km_kget(kernel, prb, KM_M_printk_ringbuffer_head_id).v -
			km_kget(kernel, prb, KM_M_printk_ringbuffer_tail_id).v;
	unsigned failures = 0, lost_records = 0, damaged = 0;
	struct km_printk_counts all, now;
	bool failed;

	collecting = true;
	all = look(kernel, false, &failed);
	collecting = false;
	whole_is_read = true;
	if (failed || !all.records)
		return 3;
	for (round_number = 0; round_number < rounds; round_number++) {
		unsigned kind = round_number % 3;

		edit_count = 0;
		for (size_t i = 0; i < page_count; i++)
			lost[i] = kind == 0 && random() % 12 == 0;
		if (kind == 1)
			edit_bits();
		if (kind == 2)
			edit_members(kernel, prb);
		now = look(kernel, kind == 0, &failed);
		failures += failed;
		lost_records += now.lost != 0;
		damaged += now.damaged != 0;
		if (kind == 0 && now.records + now.lost > room) {
			printf("WRONG round %u: %" PRIu64 " records and %" PRIu64
			       " lost, of %" PRIu64 "\n",
			       round_number, now.records, now.lost, room);
			wrong++;
		}
	}
	edit_count = 0;
	memset(lost, 0, sizeof(lost));
	make_huge(kernel, prb);
	look(kernel, false, &failed);
	printf("%" PRIu64 " records, %" PRIu64
	       " overwritten, %zu pages; %u rounds: %u errors, %u with "
	       "lost records, %u with damaged ones, %u wrong\n",
	       all.records, all.overwritten, page_count, rounds, failures, lost_records, damaged,
	       wrong);
	return wrong != 0;
}

static int start(struct km_kernel *kernel, char **argv)
{
	return play(kernel, (unsigned)atoi(argv[2]));
}

int main(int argc, char **argv)
{
	const struct km_target_ops changed = {.read_virt = read_virt};

	if (argc < 3)
		return 2;
	srandom(argc > 3 ? (unsigned)atoi(argv[3]) : 1);
	return play_changed(argv[1], &changed, start, argv);
}
