/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ring buffer of one CPU, as kernel/trace/ring_buffer.c lays it out: a circular list of
 * sub-buffers, and the reader's one beside it. Read from the oldest event to the last committed
 * one.
 */
#ifndef KVMMMU_RING_BUFFER_H
#define KVMMMU_RING_BUFFER_H

#include "kernel/kernel.h"

struct km_ring {
	const struct km_kernel *kernel;
	uint64_t cpu_buffer;   /* of struct ring_buffer_per_cpu */
	uint64_t overrun;      /* events that were overwritten */
	uint64_t lost_pages;   /* sub-buffers that are missing or malformed: events are lost */
	uint64_t subbuf_size;  /* bytes in one, with its header */
	uint64_t page, commit; /* struct buffer_page that is read, and of the last event */
	uint64_t data;	       /* address of the sub-buffer's events */
	uint64_t at, len;      /* in it; read so far, and committed */
	uint64_t time;	       /* of the last event */
	uint64_t left;	       /* sub-buffers that may still follow: a circular list ends */
	bool in_reader;	       /* page is the reader's one, which is outside the list */
	bool ended;
};

struct km_ring_event {
	uint64_t time; /* of the buffer's clock */
	uint64_t addr; /* of its struct trace_entry */
	uint32_t len;
};

/*
 * Begin to read the buffer at @cpu_buffer, whose sub-buffers have @subbuf_size bytes. A buffer that
 * is not readable has no events, and lost_pages is not 0.
 */
void km_ring_open(const struct km_kernel *kernel, uint64_t cpu_buffer, uint64_t subbuf_size,
		  struct km_ring *ring);

/* Get the next event. Return false if there is none. Mirrors rb_iter_peek(). */
bool km_ring_next(struct km_ring *ring, struct km_ring_event *event);

#endif
