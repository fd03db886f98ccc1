// SPDX-License-Identifier: GPL-2.0-or-later
#include "history/ring_buffer.h"

#include <string.h>

/* enum ring_buffer_type, include/linux/ring_buffer.h */
#define TYPE_PADDING	 29
#define TYPE_TIME_EXTEND 30
#define TYPE_TIME_STAMP	 31
#define TS_SHIFT	 27

#define PAGE_FLAGS  3ULL	  /* RB_PAGE_HEAD, RB_PAGE_UPDATE in list.next */
#define COMMIT_MASK 0x3fffffffULL /* without RB_MISSED_EVENTS, RB_MISSED_STORED */
#define ABS_TS_MASK (~0ULL >> 5)  /* what an absolute time stamp contains */
#define MOST_PAGES  (1u << 22)

static bool member(const struct km_ring *r, uint64_t addr, enum km_member_id id, uint64_t *value)
{
	struct km_val val = km_kget(r->kernel, addr, id);

	*value = val.v;
	return km_is_known(val);
}

/* --- sub-buffers --- */

/* Is @page the oldest one: is it marked so in the entry before it? UPDATE: a writer was moving it.
 */
static bool is_head(const struct km_ring *r, uint64_t page, uint64_t *prev)
{
	uint64_t next;

	return member(r, page, KM_M_buffer_page_prev, prev) &&
	       member(r, *prev & ~PAGE_FLAGS, KM_M_buffer_page_next, &next) &&
	       (next & ~PAGE_FLAGS) == page && next & PAGE_FLAGS;
}

/* Mirrors rb_set_head_page(): head_page may be outdated. 0: there is none. */
static uint64_t find_head(const struct km_ring *r)
{
	uint64_t page, prev, left = r->left;

	if (!member(r, r->cpu_buffer, KM_M_ring_buffer_per_cpu_head_page, &page))
		return 0;
	while (left--) {
		if (is_head(r, page, &prev))
			return page;
		if (!member(r, page, KM_M_buffer_page_next, &page))
			return 0;
		page &= ~PAGE_FLAGS;
	}
	return 0;
}

/* Begin with the sub-buffer of @page. A malformed one has no events. */
static void enter(struct km_ring *r, uint64_t page)
{
	const struct km_member *data =
		km_layout_member(r->kernel->layout, KM_M_buffer_data_page_data);
	uint64_t subbuf = 0;

	r->page = page;
	r->at = r->len = 0;
	if (data && member(r, page, KM_M_buffer_page_page, &subbuf) &&
	    member(r, subbuf, KM_M_buffer_data_page_time_stamp, &r->time) &&
	    member(r, subbuf, KM_M_buffer_data_page_commit, &r->len)) {
		r->len &= COMMIT_MASK;
		r->data = subbuf + data->offset;
		if (r->len <= r->subbuf_size - data->offset)
			return;
	}
	r->len = 0;
	r->lost_pages++;
}

/* Mirrors rb_inc_iter(). Return false after the sub-buffer with the last event. */
static bool enter_next(struct km_ring *r)
{
	uint64_t next = 0;

	if (r->ended || r->page == r->commit || !r->left) {
		r->ended = true;
		return false;
	}
	if (r->in_reader)
		next = find_head(r);
	else if (member(r, r->page, KM_M_buffer_page_next, &next))
		next &= ~PAGE_FLAGS;
	r->in_reader = false;
	r->left--;
	if (!next) {
		r->lost_pages++;
		r->ended = true;
		return false;
	}
	enter(r, next);
	return true;
}

void km_ring_open(const struct km_kernel *kernel, uint64_t cpu_buffer, uint64_t subbuf_size,
		  struct km_ring *r)
{
	uint64_t reader, pages;

	*r = (struct km_ring){.kernel = kernel,
			      .cpu_buffer = cpu_buffer,
			      .subbuf_size = subbuf_size,
			      .in_reader = true};
	if (!member(r, cpu_buffer, KM_M_ring_buffer_per_cpu_nr_pages, &pages) ||
	    !member(r, cpu_buffer, KM_M_ring_buffer_per_cpu_commit_page, &r->commit) ||
	    !member(r, cpu_buffer, KM_M_ring_buffer_per_cpu_reader_page, &reader)) {
		r->lost_pages = 1;
		r->ended = true;
		return;
	}
	member(r, cpu_buffer, KM_M_ring_buffer_per_cpu_overrun, &r->overrun);
	r->left = (pages < MOST_PAGES ? pages : MOST_PAGES) + 1;
	enter(r, reader);
}

/* --- events --- */

static bool word(const struct km_ring *r, uint64_t offset, uint32_t *value)
{
	km_scoped_error *err = km_read_virt_as(r->kernel->mem, r->data + offset, value,
					       sizeof(*value), "event of a ring buffer: its head");

	return !err;
}

/* Time stamps lack the 5 upper bits: rb_fix_abs_ts(). */
static uint64_t absolute(uint64_t stamp, uint64_t before)
{
	stamp |= before & ~ABS_TS_MASK;
	return stamp < before && before - stamp > ABS_TS_MASK / 2 ? stamp + ABS_TS_MASK + 1 : stamp;
}

/*
 * Take the entry at r->at. Return false if the sub-buffer is malformed or ends there; event->len is
 * 0 for what is not an event.
 */
static bool take(struct km_ring *r, struct km_ring_event *event)
{
	uint32_t head, second = 0;
	uint64_t delta, size, type;

	event->len = 0;
	if (r->at + 4 > r->len || !word(r, r->at, &head))
		return false;
	type = head & 31;
	delta = head >> 5;
	if (type == TYPE_PADDING && !delta)
		return false;
	if ((!type || type >= TYPE_PADDING) && (r->at + 8 > r->len || !word(r, r->at + 4, &second)))
		return false;
	size = type >= TYPE_TIME_EXTEND ? 8 : 4 + (type && type < TYPE_PADDING ? type * 4 : second);
	if (size < 8 || size % 4 || size > r->len - r->at)
		return false;
	if (type == TYPE_TIME_EXTEND) {
		r->time += ((uint64_t)second << TS_SHIFT) + delta;
	} else if (type == TYPE_TIME_STAMP) {
		r->time = absolute(((uint64_t)second << TS_SHIFT) + delta, r->time);
	} else if (type != TYPE_PADDING) {
		r->time += delta;
		event->time = r->time;
		event->addr = r->data + r->at + (type ? 4 : 8);
		event->len = (uint32_t)(size - (type ? 4 : 8));
	}
	r->at += size;
	return true;
}

/* Has this event of the reader's sub-buffer been read by someone, who removed it? */
static bool was_read(const struct km_ring *r)
{
	uint64_t read;

	return r->in_reader && member(r, r->page, KM_M_buffer_page_read, &read) && r->at <= read;
}

/* The rest of a sub-buffer that ends too early is lost. */
static void check_end(struct km_ring *r)
{
	uint32_t head = TYPE_PADDING;

	if (r->at < r->len && (!word(r, r->at, &head) || head != TYPE_PADDING))
		r->lost_pages++;
}

bool km_ring_next(struct km_ring *r, struct km_ring_event *event)
{
	while (!r->ended) {
		while (take(r, event)) {
			if (event->len && !was_read(r))
				return true;
		}
		check_end(r);
		enter_next(r);
	}
	return false;
}
