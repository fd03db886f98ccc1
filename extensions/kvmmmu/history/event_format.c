// SPDX-License-Identifier: GPL-2.0-or-later
#include "history/event_format.h"

#include <stdlib.h>
#include <string.h>

#define MOST_FIELDS 64 /* of an event */

/* The trace_event_call of each event. */
static const char *const symbols[] = {
#define KM_EVENT(name, kind) "event_" name,
#include "trace/event_names.def"
#undef KM_EVENT
};

/* What trace reads; other fields may contain the guest's registers, instructions or data. */
static bool is_wanted(const char *name)
{
	static const char *const wanted[] = {
		"vcpu_id",	 "vcpu",	"guest_rip",  "rip",	    "fault_address",
		"error_code",	 "exit_reason", "isa",	      "info1",	    "info2",
		"intr_info",	 "exit_code",	"exit_info1", "exit_info2", "cr2_or_gpa",
		"gva",		 "gpa",		"old_spte",   "new_spte",   "ret",
		"gfn",		 "pfn",		"level",      "spte",	    "reason",
		"errno",	 "exception",	"failed",     "role",	    "address",
		"exit_int_info", "start",	"end",
	};

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		if (!strcmp(name, wanted[i]))
			return true;
	}
	return false;
}

/* The string that member @id points to; "" if it is not readable. */
static void string(const struct km_kernel *k, uint64_t addr, enum km_member_id id, char *buf,
		   size_t size)
{
	struct km_val at = km_kget(k, addr, id);
	km_scoped_error *err = NULL;

	buf[0] = '\0';
	if (km_is_known(at) && at.v)
		err = km_read_string_as(k->mem, at.v, buf, size, km_member_name(id));
}

static void read_field(const struct km_kernel *k, uint64_t addr, struct km_event_format *f)
{
	struct km_event_field *field = &f->fields[f->field_count];
	struct km_val offset, size, is_signed;

	string(k, addr, KM_M_ftrace_event_field_name, field->name, sizeof(field->name));
	if (!is_wanted(field->name))
		return;
	offset = km_kget(k, addr, KM_M_ftrace_event_field_offset);
	size = km_kget(k, addr, KM_M_ftrace_event_field_size);
	is_signed = km_kget(k, addr, KM_M_ftrace_event_field_is_signed);
	if (!km_is_known(offset) || !km_is_known(size) || size.v > 8 || offset.v > KM_PAGE_SIZE ||
	    !size.v || size.v & (size.v - 1))
		return;
	field->offset = (uint32_t)offset.v;
	field->size = (uint32_t)size.v;
	field->is_signed = is_signed.v;
	f->field_count++;
}

static void read_fields(const struct km_kernel *k, uint64_t call, struct km_event_format *f)
{
	const struct km_member *link = km_layout_member(k->layout, KM_M_ftrace_event_field_link);
	struct km_val class = km_kget(k, call, KM_M_trace_event_call_class), head, next;

	if (!link || !km_is_known(class))
		return;
	head = km_addr_of(k->layout, class.v, KM_M_trace_event_class_fields);
	next = km_is_known(head) ? km_kget(k, head.v, KM_M_list_head_next) : head;
	for (size_t i = 0; i < MOST_FIELDS && f->field_count < KM_EVENT_FIELDS; i++) {
		if (!km_is_known(next) || next.v == head.v)
			return;
		read_field(k, next.v - link->offset, f);
		next = km_kget(k, next.v, KM_M_list_head_next);
	}
}

/*
 * "..., REC->ret == 6, REC->ret == 5": the numbers of RET_PF_SPURIOUS and RET_PF_FIXED, which
 * differ between kernels.
 */
static void read_outcomes(const struct km_kernel *k, uint64_t call, struct km_event_format *f)
{
	static const char is[] = "REC->ret == ";
	char text[1024];
	const char *first, *second;

	if (strcmp(f->name, "fast_page_fault"))
		return;
	string(k, call, KM_M_trace_event_call_print_fmt, text, sizeof(text));
	first = strstr(text, is);
	second = first ? strstr(first + 1, is) : NULL;
	if (!second)
		return;
	f->has_outcomes = true;
	f->spurious = (unsigned)strtoul(first + sizeof(is) - 1, NULL, 10);
	f->fixed = (unsigned)strtoul(second + sizeof(is) - 1, NULL, 10);
}

static bool read_format(const struct km_kernel *k, const char *symbol, struct km_event_format *f)
{
	struct km_val type;
	uint64_t call;

	*f = (struct km_event_format){.name = symbol + strlen("event_")};
	if (!km_kernel_symbol(k, symbol, &call))
		return false;
	type = km_kget(k, call, KM_M_trace_event_call_type);
	f->type = type.v;
	if (!km_is_known(type) || !type.v)
		return false;
	read_fields(k, call, f);
	read_outcomes(k, call, f);
	return true;
}

km_error *km_event_formats_read(const struct km_kernel *k, struct km_event_formats *formats)
{
	size_t count = sizeof(symbols) / sizeof(symbols[0]);

	*formats = (struct km_event_formats){0};
	formats->formats = calloc(count, sizeof(*formats->formats));
	if (!formats->formats)
		return km_errorf(KM_ENOMEM, "out of memory");
	for (size_t i = 0; i < count; i++) {
		if (read_format(k, symbols[i], &formats->formats[formats->count]))
			formats->count++;
	}
	return km_check_interrupt(k->mem);
}

void km_event_formats_deinit(struct km_event_formats *formats)
{
	free(formats->formats);
	*formats = (struct km_event_formats){0};
}

const struct km_event_format *km_event_format(const struct km_event_formats *formats, uint64_t type)
{
	for (size_t i = 0; i < formats->count; i++) {
		if (formats->formats[i].type == type)
			return &formats->formats[i];
	}
	return NULL;
}
