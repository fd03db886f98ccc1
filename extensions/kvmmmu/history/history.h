/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What ftrace recorded before the dump was taken: the events of kvm in the ring buffers of every
 * tracing instance, in the order of their time.
 */
#ifndef KVMMMU_HISTORY_H
#define KVMMMU_HISTORY_H

#include "history/event_format.h"
#include "history/ring_buffer.h"

#include <stdio.h>

/* A tracing instance: a struct trace_array. */
struct km_instance {
	uint64_t addr;
	char name[64];	    /* "" : the top one */
	uint64_t events;    /* of kvm, in its buffers */
	uint64_t faults;    /* of them page faults: kvm_page_fault, fast_page_fault */
	uint64_t overrun;   /* events of any kind that were overwritten */
	uint64_t lost;	    /* sub-buffers that are missing or malformed */
	const char *unread; /* why it is not read, or NULL */
};

struct km_history {
	const struct km_kernel *kernel;
	struct km_event_formats formats;
	struct km_instance *instances;
	size_t count;
	bool no_registers; /* leave out the guest's, which are in no capsule */
};

/*
 * Find the instances and count their events. No instances, without an error: the kernel has no
 * ftrace, or kvm's events are not known. Errors: Ctrl-C, out of memory. Call km_history_deinit() in
 * any case.
 */
km_error *km_history_read(const struct km_kernel *kernel, struct km_history *history);
void km_history_deinit(struct km_history *history);

/*
 * Open the events of @instance as text, one line for each, its fields as they are stored
 * ("trace-cmd report -R"). The caller calls fclose() before km_history_deinit(). NULL: out of
 * memory.
 */
FILE *km_history_open(const struct km_history *history, const struct km_instance *instance);

#endif
