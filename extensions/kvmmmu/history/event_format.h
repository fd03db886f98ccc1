/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The events of KVM and their fields, as trace_event_call describes them. */
#ifndef KVMMMU_EVENT_FORMAT_H
#define KVMMMU_EVENT_FORMAT_H

#include "kernel/kernel.h"

#define KM_EVENT_FIELDS 16

struct km_event_field {
	char name[24];
	uint32_t offset, size;
	bool is_signed;
};

struct km_event_format {
	uint64_t type; /* trace_entry.type of its events */
	const char *name;
	struct km_event_field fields[KM_EVENT_FIELDS]; /* those that trace reads */
	size_t field_count;
	/* fast_page_fault: what "ret" is compared with for "spurious" and for "fixed" */
	bool has_outcomes;
	unsigned spurious, fixed;
};

struct km_event_formats {
	struct km_event_format *formats;
	size_t count;
};

/*
 * Read the formats of KVM's events, found by their symbols (event_NAME); none, without an error, if
 * there are no such symbols. Errors: Ctrl-C, out of memory. Call km_event_formats_deinit() in any
 * case.
 */
km_error *km_event_formats_read(const struct km_kernel *kernel, struct km_event_formats *formats);
void km_event_formats_deinit(struct km_event_formats *formats);

/* Return the format of events of this type; NULL: they are not KVM's. */
const struct km_event_format *km_event_format(const struct km_event_formats *formats,
					      uint64_t type);

#endif
