// SPDX-License-Identifier: GPL-2.0-or-later
#include "history/history.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define MOST_INSTANCES 64
#define MOST_CPUS      8192
#define MOST_ORDER     10 /* of a sub-buffer */
#define LINE	       1024

/* The events of one instance, of all CPUs. */
struct stream {
	const struct km_history *history;
	uint64_t time_start; /* events before it were discarded */
	size_t count;
	struct cpu {
		unsigned cpu;
		struct km_ring ring;
		struct km_ring_event event; /* the next one */
		const struct km_event_format *format;
		uint64_t pid;
		bool ended;
	} * cpus;
	char line[LINE];
	size_t len, at; /* of the line that is handed out */
};

/* --- events in the order of their time --- */

static bool entry(const struct km_kernel *k, const struct km_ring_event *e, enum km_member_id id,
		  uint64_t *value)
{
	const struct km_member *m = km_layout_member(k->layout, id);
	struct km_val val;

	if (!m || m->offset + m->size > e->len)
		return false;
	val = km_kget(k, e->addr, id);
	*value = val.v;
	return km_is_known(val);
}

/* Find the CPU's next event of kvm. */
static void advance(struct stream *s, struct cpu *c)
{
	const struct km_kernel *k = s->history->kernel;
	uint64_t type;

	while (km_ring_next(&c->ring, &c->event)) {
		c->format = NULL;
		if (entry(k, &c->event, KM_M_trace_entry_type, &type))
			c->format = km_event_format(&s->history->formats, type);
		if (c->format && c->event.time >= s->time_start &&
		    entry(k, &c->event, KM_M_trace_entry_pid, &c->pid))
			return;
	}
	c->ended = true;
}

/* Return the CPU with the oldest event; NULL if there is none. */
static struct cpu *oldest(const struct stream *s)
{
	struct cpu *found = NULL;

	for (size_t i = 0; i < s->count; i++) {
		struct cpu *c = &s->cpus[i];

		if (!c->ended && (!found || c->event.time < found->event.time))
			found = c;
	}
	return found;
}

static void stream_free(struct stream *s)
{
	if (s)
		free(s->cpus);
	free(s);
}

static void open_cpus(struct stream *s, uint64_t buffer, uint64_t cpus)
{
	const struct km_kernel *k = s->history->kernel;
	struct km_val buffers = km_kget(k, buffer, KM_M_trace_buffer_buffers);
	struct km_val order = km_kget(k, buffer, KM_M_trace_buffer_subbuf_order);

	for (uint64_t i = 0; i < cpus && km_is_known(buffers); i++) {
		struct cpu *c = &s->cpus[s->count];
		uint64_t addr = 0;
		km_scoped_error *err = km_read_virt_as(k->mem, buffers.v + 8 * i, &addr,
						       sizeof(addr), "trace_buffer.buffers");

		if (err || !addr)
			continue;
		c->cpu = (unsigned)i;
		km_ring_open(k, addr,
			     (uint64_t)KM_PAGE_SIZE
				     << (order.v < MOST_ORDER ? order.v : MOST_ORDER),
			     &c->ring);
		advance(s, c);
		s->count++;
	}
}

/* NULL: out of memory. */
static struct stream *stream_new(const struct km_history *h, const struct km_instance *instance)
{
	const struct km_kernel *k = h->kernel;
	struct km_val cpus = km_kernel_variable(k, "nr_cpu_ids", 4);
	struct stream *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->history = h;
	s->time_start = km_kget(k, instance->addr, KM_M_trace_array_time_start).v;
	cpus.v = cpus.v < MOST_CPUS ? cpus.v : MOST_CPUS;
	s->cpus = calloc(cpus.v + 1, sizeof(*s->cpus));
	if (!s->cpus) {
		stream_free(s);
		return NULL;
	}
	open_cpus(s, km_kget(k, instance->addr, KM_M_trace_array_buffer).v, cpus.v);
	return s;
}

/* --- as text --- */

static void put(struct stream *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void put(struct stream *s, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(s->line + s->len, LINE - s->len, fmt, args);
	va_end(args);
	if (n > 0)
		s->len += (size_t)n < LINE - s->len ? (size_t)n : LINE - s->len - 1;
}

/* The guest's registers go into no capsule. */
static bool is_register(const struct km_event_field *f)
{
	return !strcmp(f->name, "guest_rip") || !strcmp(f->name, "rip");
}

static bool read_field(const struct stream *s, const struct cpu *c, const struct km_event_field *f,
		       uint64_t *value)
{
	struct km_memory *mem = s->history->kernel->mem;
	bool before = km_memory_try(mem, is_register(f));
	km_scoped_error *err = NULL;

	*value = 0;
	if (f->offset + f->size <= c->event.len)
		err = km_read_virt_as(mem, c->event.addr + f->offset, value, f->size,
				      "event of a ring buffer: a field");
	km_memory_try(mem, before);
	if (!err && f->is_signed && f->size < 8 && *value >> (8 * f->size - 1))
		*value |= ~0ULL << (8 * f->size);
	return !err && f->offset + f->size <= c->event.len;
}

static void put_field(struct stream *s, const struct cpu *c, const struct km_event_field *f)
{
	const struct km_event_format *format = c->format;
	uint64_t value;

	if ((s->history->no_registers && is_register(f)) || !read_field(s, c, f, &value))
		return;
	if (format->has_outcomes && !strcmp(f->name, "ret"))
		put(s, " spurious=%d fixed=%d", value == format->spurious, value == format->fixed);
	else if (!strcmp(f->name, "role"))
		put(s, " l%u", (unsigned)value & 15); /* kvm_mmu_page_role.level */
	else if (f->size == 8)
		put(s, " %s=0x%" PRIx64, f->name, value);
	else
		put(s, " %s=%" PRId64, f->name, (int64_t)value);
}

static void put_event(struct stream *s, const struct cpu *c)
{
	s->at = s->len = 0;
	put(s, "<...>-%" PRIu64 " [%03u] %" PRIu64 ".%09u: %s:", c->pid, c->cpu,
	    c->event.time / 1000000000, (unsigned)(c->event.time % 1000000000), c->format->name);
	for (size_t i = 0; i < c->format->field_count; i++)
		put_field(s, c, &c->format->fields[i]);
	put(s, "\n");
}

/* read() of the stream: returns at most the rest of a line. */
static ssize_t read_text(void *data, char *buf, size_t size)
{
	struct stream *s = data;
	struct cpu *c;

	if (s->at == s->len) {
		km_scoped_error *err = km_check_interrupt(s->history->kernel->mem);

		c = oldest(s);
		if (err) {
			errno = EINTR;
			return -1;
		}
		if (!c)
			return 0;
		put_event(s, c);
		advance(s, c);
	}
	size = size < s->len - s->at ? size : s->len - s->at;
	memcpy(buf, s->line + s->at, size);
	s->at += size;
	return (ssize_t)size;
}

static int close_text(void *data)
{
	stream_free(data);
	return 0;
}

FILE *km_history_open(const struct km_history *history, const struct km_instance *instance)
{
	struct stream *s = stream_new(history, instance);
	FILE *file = NULL;

	if (s)
		file = fopencookie(s, "r",
				   (cookie_io_functions_t){.read = read_text, .close = close_text});
	if (!file)
		stream_free(s);
	return file;
}

/* --- instances --- */

static const char *why_unread(const struct km_kernel *k, uint64_t addr)
{
	struct km_val buffer = km_kget(k, addr, KM_M_trace_array_buffer);

	if (!km_is_known(buffer) || !buffer.v)
		return "its buffer is not readable";
	if (km_kget(k, buffer.v, KM_M_trace_buffer_remote).v)
		return "its buffer belongs to another system (a remote buffer)";
	if (km_kget(k, buffer.v, KM_M_trace_buffer_range_addr_start).v)
		return "its buffer is persistent: its events may be those of an earlier boot";
	return NULL;
}

static km_error *count_events(const struct km_history *h, struct km_instance *instance)
{
	struct stream *s = stream_new(h, instance);
	km_error *err = s ? NULL : km_errorf(KM_ENOMEM, "out of memory");

	for (size_t i = 0; s && i < s->count && !err; i++) {
		struct cpu *c = &s->cpus[i];

		for (; !c->ended && !err; advance(s, c)) {
			instance->events++;
			instance->faults += !strcmp(c->format->name, "kvm_page_fault") ||
					    !strcmp(c->format->name, "fast_page_fault");
			err = km_check_interrupt(h->kernel->mem);
		}
		instance->overrun += c->ring.overrun;
		instance->lost += c->ring.lost_pages;
	}
	stream_free(s);
	return err;
}

static km_error *add_instance(struct km_history *h, uint64_t addr)
{
	const struct km_kernel *k = h->kernel;
	struct km_instance *instance = &h->instances[h->count++];
	struct km_val name = km_kget(k, addr, KM_M_trace_array_name);
	km_scoped_error *err = NULL;

	instance->addr = addr;
	if (km_is_known(name) && name.v)
		err = km_read_string_as(k->mem, name.v, instance->name, sizeof(instance->name),
					"trace_array.name");
	instance->unread = why_unread(k, addr);
	return instance->unread ? NULL : count_events(h, instance);
}

static km_error *read_instances(struct km_history *h)
{
	const struct km_kernel *k = h->kernel;
	const struct km_member *list = km_layout_member(k->layout, KM_M_trace_array_list);
	km_error *err = NULL;
	struct km_val next;
	uint64_t head;

	if (!list || !km_kernel_symbol(k, "ftrace_trace_arrays", &head))
		return NULL;
	h->instances = calloc(MOST_INSTANCES, sizeof(*h->instances));
	if (!h->instances)
		return km_errorf(KM_ENOMEM, "out of memory");
	next = km_kget(k, head, KM_M_list_head_next);
	while (!err && h->count < MOST_INSTANCES && km_is_known(next) && next.v != head) {
		err = add_instance(h, next.v - list->offset);
		next = km_kget(k, next.v, KM_M_list_head_next);
	}
	return err;
}

km_error *km_history_read(const struct km_kernel *kernel, struct km_history *h)
{
	km_error *err;

	*h = (struct km_history){.kernel = kernel};
	err = km_event_formats_read(kernel, &h->formats);
	return err || !h->formats.count ? err : read_instances(h);
}

void km_history_deinit(struct km_history *h)
{
	km_event_formats_deinit(&h->formats);
	free(h->instances);
	*h = (struct km_history){0};
}
