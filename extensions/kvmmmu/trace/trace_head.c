// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/trace_head.h"

#include "trace/characters.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define NS_DIGITS  9
#define COMM_ROOM  24 /* longer, it is not the name of a thread */
#define DIGITS	   "0123456789"
#define HEX_DIGITS "0123456789abcdef"
#define CPU_ROOM   20 /* "[01023]-0x0000000f" */

/* --- names --- */

/* Most of the time goes into such spans: strspn() builds a table for each. */
static size_t name_span(const char *at)
{
	const char *end = at;

	while (km_is_letter(*end) || km_is_digit(*end) || *end == '_' || *end == '-' || *end == '.')
		end++;
	return (size_t)(end - at);
}

/* trace_print_lat_fmt(); '#' is of a kernel that cannot tell. The depths are hexadecimal. */
static bool is_flag(char c)
{
	switch (c) {
	case '0' ... '9':
	case 'a' ... 'f':
	case '.':
	case '-':
	case '#':
	case 'D':
	case 'n':
	case 'N':
	case 'l':
	case 'L':
	case 'p':
	case 'P':
	case 'B':
	case 'h':
	case 'H':
	case 's':
	case 'S':
	case 'z':
	case 'Z':
	case 'X':
		return true;
	default:
		return false;
	}
}

static size_t flag_span(const char *at)
{
	const char *end = at;

	while (is_flag(*end))
		end++;
	return (size_t)(end - at);
}

size_t km_trace_name_length(const char *text)
{
	return name_span(text);
}

static const struct event_name {
	const char *name;
	size_t len;
	enum km_trace_kind kind;
} event_names[] = {
#define KM_EVENT(text, event) {text, sizeof(text) - 1, KM_TRACE_##event},
#include "trace/event_names.def"
#undef KM_EVENT
};

static int compare_name(const char *text, size_t len, const struct event_name *name)
{
	size_t common = len < name->len ? len : name->len;
	int order = memcmp(text, name->name, common);

	return order ? order : (len > name->len) - (len < name->len);
}

const char *km_trace_name(const char *text, size_t len, enum km_trace_kind *kind)
{
	size_t low = 0, high = sizeof(event_names) / sizeof(event_names[0]);

	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = compare_name(text, len, &event_names[middle]);

		if (!order) {
			*kind = event_names[middle].kind;
			return event_names[middle].name;
		}
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

/* --- the words in front of the name, read from the right --- */

struct words {
	const char *begin, *end;
};

struct word {
	const char *at;
	size_t len;
};

static void trim_end(struct words *w)
{
	while (w->end > w->begin && km_is_space(w->end[-1]))
		w->end--;
}

static void trim_begin(struct words *w)
{
	while (w->begin < w->end && km_is_space(*w->begin))
		w->begin++;
}

static void trim(struct words *w)
{
	trim_end(w);
	trim_begin(w);
}

/* The last word; its length is 0 if there is none. */
static struct word last(struct words *w)
{
	const char *at;

	trim_end(w);
	at = w->end;
	while (at > w->begin && !km_is_space(at[-1]))
		at--;
	return (struct word){at, (size_t)(w->end - at)};
}

static struct word first(struct words *w)
{
	const char *end;

	trim_begin(w);
	end = w->begin;
	while (end < w->end && !km_is_space(*end))
		end++;
	return (struct word){w->begin, (size_t)(end - w->begin)};
}

static void drop_last(struct words *w, struct word word)
{
	w->end = word.at;
	trim(w);
}

static bool is_digits(struct word word)
{
	return word.len && word.len <= 18 && km_digit_span(word.at) >= word.len;
}

/* The decimal number of @len digits. */
static uint64_t number_of(const char *digits, size_t len)
{
	uint64_t number = 0;

	for (size_t i = 0; i < len; i++)
		number = number * 10 + (uint64_t)(digits[i] - '0');
	return number;
}

/* "12.345678", "123": with seconds in nanoseconds. False if it is not a number. */
static bool read_time(struct word word, struct km_trace_event *event)
{
	size_t digits = km_digit_span(word.at), part = 0;
	uint64_t whole, fraction = 0;

	if (!digits || digits > 18 || digits > word.len)
		return false;
	whole = number_of(word.at, digits);
	event->seconds = digits < word.len;
	if (event->seconds) {
		const char *at = word.at + digits + 1;

		part = km_digit_span(at);
		if (word.at[digits] != '.' || digits + 1 + part != word.len || !part ||
		    part > NS_DIGITS || whole > 1ULL << 33)
			return false;
		fraction = number_of(at, part);
		for (size_t i = part; i < NS_DIGITS; i++)
			fraction *= 10;
		whole = whole * 1000000000 + fraction;
	}
	event->time = whole;
	event->has_time = true;
	return true;
}

/* The latency format's "123us", "123us+", "123us!": microseconds since the trace began. */
static bool read_microseconds(struct word word, struct km_trace_event *event)
{
	size_t digits = km_digit_span(word.at);

	if (!digits || digits > 12 || word.len < digits + 2 || !km_begins(word.at + digits, "us"))
		return false;
	if (word.len > digits + 3)
		return false;
	event->time = strtoull(word.at, NULL, 10) * 1000;
	event->seconds = event->has_time = true;
	return true;
}

/* "12.345678:", "123us+:", "123us :" */
static void take_time(struct words *w, struct km_trace_event *event)
{
	struct words before = *w;
	struct word word = last(&before);

	if (!word.len || word.at[word.len - 1] != ':')
		return;
	if (word.len == 1) {
		drop_last(&before, word);
		word = last(&before);
	} else {
		word.len--;
	}
	if (!read_time(word, event) && !read_microseconds(word, event))
		return;
	before.end = word.at;
	*w = before;
}

/* What may be between time and name: "kvm:", perf's period, --ts-diff's "(+12)". */
static void drop_behind_time(struct words *w)
{
	struct word word = last(w);

	if (word.len > 1 && word.at[word.len - 1] == ':' && km_is_letter(word.at[0]))
		drop_last(w, word);
	word = last(w);
	if (word.len > 3 && km_begins(word.at, "(+"))
		drop_last(w, word);
	if (is_digits(word) && word.at > w->begin) {
		struct words before = *w;
		struct word other;

		drop_last(&before, word);
		other = last(&before);
		if (other.len > 1 && other.at[other.len - 1] == ':')
			*w = before;
	}
}

/*
 * The CPU at @open: "[003]", and of "trace-cmd report -R" since 3.3 also its flags: "[003]-0x1".
 * Return what follows, or NULL.
 */
static const char *behind_cpu(const char *open)
{
	size_t digits = km_digit_span(open + 1), flags;
	const char *at = open + 1 + digits;

	if (!digits || *at++ != ']')
		return NULL;
	flags = km_begins(at, "-0x") ? strspn(at + 3, HEX_DIGITS) : 0;
	return flags ? at + 3 + flags : at;
}

static bool is_cpu(struct word word)
{
	return word.len >= 3 && word.at[0] == '[' && behind_cpu(word.at) == word.at + word.len;
}

/* Context flags "d..1.", ".N.."; with the CPU in front in the latency format: "29d...." */
static bool is_flags(struct word word, bool with_cpu)
{
	size_t cpu = km_digit_span(word.at), len;

	if (with_cpu && (!cpu || cpu > 5))
		return false;
	if (!with_cpu)
		cpu = 0;
	if (cpu >= word.len)
		return false;
	len = word.len - cpu;
	return len >= 3 && len <= 6 && flag_span(word.at + cpu) >= len;
}

/* A word that consists of flags is recognised by a flag that is not set, or by the CPU before it.
 */
static bool has_clear_flag(struct word word)
{
	return memchr(word.at, '.', word.len);
}

static void drop_flags(struct words *w)
{
	struct words before = *w;
	struct word word = last(w);

	if (!is_flags(word, false) || is_digits(word))
		return;
	drop_last(&before, word);
	if (has_clear_flag(word) || is_cpu(last(&before)))
		*w = before;
}

static bool take_cpu(struct words *w)
{
	struct word word = last(w);

	if (is_flags(word, true) && has_clear_flag(word)) {
		drop_last(w, word);
		return true;
	}
	drop_flags(w);
	word = last(w);
	if (!is_cpu(word))
		return false;
	drop_last(w, word);
	word = last(w);
	if (is_flags(word, false) && has_clear_flag(word) && !is_digits(word))
		drop_last(w, word);
	return true;
}

/* perf trace: "12.345 ( 0.001 ms):" in front, milliseconds since it began. */
static void take_time_in_front(struct words *w, struct km_trace_event *event)
{
	struct word word = first(w);
	const char *at;

	if (event->has_time || !memchr(word.at, '.', word.len) || !read_time(word, event))
		return;
	event->has_time = event->seconds = true;
	event->time /= 1000;
	w->begin = word.at + word.len;
	trim(w);
	if (w->begin >= w->end || *w->begin != '(')
		return;
	at = memchr(w->begin, ')', (size_t)(w->end - w->begin));
	if (at) {
		w->begin = at + 1;
		while (w->begin < w->end && *w->begin == ':')
			w->begin++;
	}
}

static bool is_month(struct word word)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

	if (word.len != 3 || !strchr("JFMASOND", *word.at))
		return false;
	for (size_t i = 0; months[i]; i += 3) {
		if (!strncmp(word.at, months + i, 3))
			return true;
	}
	return false;
}

/* "2021-12-12", "16:11:10.214139", "2021-12-12T16:11:10+01:00", also with a bracket */
static bool is_date(struct word word)
{
	size_t open = *word.at == '[';

	if (word.len < 8 || !km_is_digit(word.at[open]) ||
	    !(memchr(word.at, ':', word.len) || memchr(word.at, '-', word.len)))
		return false;
	if (word.at[word.len - 1] == ']')
		word.len--;
	return open + strspn(word.at + open, DIGITS "-:.TZ+") >= word.len &&
	       (km_is_digit(word.at[word.len - 1]) || word.at[word.len - 1] == 'Z');
}

/* Dates in all forms, "Nov 28 16:11:10": what programs put in front of a line. */
static void drop_date(struct words *w)
{
	struct words rest = *w;
	struct word word = first(&rest);

	if (is_month(word)) {
		rest.begin = word.at + word.len;
		word = first(&rest);
		rest.begin = word.at + word.len;
		if (is_digits(word) && word.len <= 2 && is_date(first(&rest)))
			*w = rest;
	}
	for (word = first(w); word.len && is_date(word); word = first(w))
		w->begin = word.at + word.len;
}

/*
 * What is in front of lines of several files, or that grep found: "trace.dat:", "trace.txt:12:",
 * "trace.txt-12-", "12:". It has no blank.
 */
static void drop_file(struct words *w)
{
	const char *at = w->begin, *end = w->end, *mark;
	size_t digits;

	while (at < end && !km_is_space(*at) && *at != ':')
		at++;
	mark = at;
	if (at < end && *at == ':' && memchr(w->begin, '.', (size_t)(at - w->begin)) &&
	    !is_digits((struct word){at - 1, 1})) {
		w->begin = at + 1;
	} else {
		/* "trace.txt-12-" */
		while (mark > w->begin && mark[-1] != '-')
			mark--;
		at = mark - (mark > w->begin);
		while (at > w->begin && km_is_digit(at[-1]))
			at--;
		if (at > w->begin && at < mark - 1 && at[-1] == '-' &&
		    memchr(w->begin, '.', (size_t)(at - w->begin)))
			w->begin = mark;
	}
	digits = km_digit_span(w->begin);
	if (digits && digits < 10 && w->begin + digits < w->end && w->begin[digits] == ':' &&
	    !km_is_digit(w->begin[digits + 1]))
		w->begin += digits + 1;
}

/*
 * function_graph prints events as comments: " 3)  vmm-127  |  1.203 us  |" in front of one; time
 * and thread are optional columns. Drop its columns; return whether it is such a line.
 */
static bool take_graph(struct words *w, struct km_trace_event *event)
{
	struct word word = last(w), bar;
	struct words before;
	const char *column;

	if (word.len != 2 || !km_begins(word.at, "/*"))
		return false;
	drop_last(w, word);
	word = first(w);
	before = (struct words){word.at + word.len, w->end};
	bar = first(&before);
	if (bar.len == 1 && *bar.at == '|' && read_time(word, event))
		w->begin = bar.at + 1;
	word = first(w);
	if (word.len > 1 && word.at[word.len - 1] == ')' && km_digit_span(word.at) == word.len - 1)
		w->begin = word.at + word.len;
	column = memchr(w->begin, '|', (size_t)(w->end - w->begin));
	w->end = column ? column : w->begin;
	trim(w);
	return true;
}

static void keep_comm(struct words *w, struct km_trace_event *event)
{
	size_t len;

	trim(w);
	len = (size_t)(w->end - w->begin);
	if (len >= sizeof(event->comm))
		len = sizeof(event->comm) - 1;
	memcpy(event->comm, w->begin, len);
	for (size_t i = 0; i < len; i++) {
		if (!isprint((unsigned char)event->comm[i]))
			event->comm[i] = '?';
	}
}

/* The digits at the end of @word, a thread: what is in front of them, or NULL. */
static const char *thread_at_end(struct word word, struct km_trace_event *event)
{
	const char *digits = word.at + word.len;

	while (digits > word.at && km_is_digit(digits[-1]))
		digits--;
	if (digits == word.at + word.len || word.at + word.len - digits > 9)
		return NULL;
	if (digits > word.at && digits[-1] != '-' && digits[-1] != '/')
		return NULL;
	event->tid = (uint32_t)number_of(digits, (size_t)(word.at + word.len - digits));
	event->has_tid = true;
	return digits;
}

/*
 * "  CPU 0/KVM-134  (  127) ", "CPU 0/KVM 134", "vmm 127/134", perf trace's "vmm/134": a name that
 * may hold anything, then the thread. Return whether a number is in front, that of "uniq -c".
 */
static bool take_thread(struct words *w, struct km_trace_event *event)
{
	struct word word = last(w), count = first(w);
	const char *digits;
	bool counted = false;

	if (word.len && word.at[word.len - 1] == ')') { /* the thread group */
		const char *open = w->end;

		while (open > w->begin && open[-1] != '(')
			open--;
		if (open > w->begin) {
			w->end = open - 1;
			word = last(w);
		}
	}
	if (is_digits(count) && count.at + count.len < w->end) {
		struct words rest = {count.at + count.len, w->end};
		struct km_trace_event other = {0};

		/* lines with a time are all different */
		if (thread_at_end(last(&rest), &other) > rest.begin ||
		    (!event->has_time && km_is_letter(*first(&rest).at))) {
			/* with a time, it is the line's number */
			if (!event->has_time)
				event->count = strtoull(count.at, NULL, 10);
			*w = rest;
			counted = true;
			word = last(w);
		}
	}
	digits = thread_at_end(word, event);
	if (digits && digits == word.at && word.at == w->begin && !event->has_time) {
		/* a number and nothing else */
		event->count = event->tid;
		event->has_tid = false;
		event->tid = 0;
		w->end = w->begin;
		return true;
	}
	if (digits) {
		/* perf's "127/134" */
		while (digits > word.at && digits[-1] == '/' && km_is_digit(word.at[0]) &&
		       km_digit_span(word.at) == (size_t)(digits - 1 - word.at))
			digits = word.at;
		w->end = digits > word.at ? digits - 1 : digits;
	}
	trim(w);
	return counted;
}

static bool read_head(const char *line, const char *end, struct km_trace_event *event)
{
	struct words w = {line, end};
	bool has_cpu = take_graph(&w, event), counted;

	drop_file(&w);
	drop_behind_time(&w);
	take_time(&w, event);
	has_cpu = take_cpu(&w) || has_cpu;
	drop_date(&w);
	take_time_in_front(&w, event);
	counted = take_thread(&w, event);
	if ((size_t)(w.end - w.begin) > COMM_ROOM && !(event->has_tid && event->has_time))
		return false;
	keep_comm(&w, event);
	return event->has_time || has_cpu || counted || w.end == w.begin || event->has_tid;
}

/* --- where the name is --- */

/* "kvm:kvm_exit:" behind the head: *@name is the event's; false if no name begins there. */
static bool name_at(const char *at, struct km_trace_head *head)
{
	size_t len = name_span(at);

	if (!len || !(km_is_letter(*at) || *at == '_'))
		return false;
	if (at[len] == ':' && (km_is_letter(at[len + 1]) || at[len + 1] == '_')) {
		size_t second = name_span(at + len + 1);
		char behind = at[len + 1 + second];

		if (behind == ':' || behind == '(') {
			at += len + 1;
			len = second;
		}
	}
	if (at[len] != ':' && at[len] != '(')
		return false;
	head->name = at;
	head->name_len = len;
	head->call = at[len] == '(';
	head->body = at + len + 1;
	head->known = km_trace_name(at, len, &head->kind);
	return true;
}

/* Passes over "12.345678:" or "123:"; NULL if there is none. */
static const char *behind_time(const char *at)
{
	size_t len = km_digit_span(at);

	if (!len)
		return NULL;
	if (at[len] == '.')
		len += 1 + km_digit_span(at + len + 1);
	return at[len] == ':' ? km_skip_blanks(at + len + 1) : NULL;
}

/* What follows the time: a period, "(+12)". */
static const char *behind_extras(const char *at)
{
	size_t digits = km_digit_span(at);

	if (digits && (at[digits] == ' ' || at[digits] == '\t'))
		at = km_skip_blanks(at + digits);
	if (km_begins(at, "(+"))
		at = km_skip_blanks(at + strcspn(at, " \t"));
	return at;
}

/* "[003] d..1. 12.345678: name:" */
static enum km_trace_line find_behind_cpu(const char *line, struct km_trace_head *head)
{
	enum km_trace_line found = KM_LINE_UNNAMED;

	for (const char *open = line; (open = strchr(open, '[')); open++) {
		const char *at = behind_cpu(open), *behind;

		if (!at || at - open > CPU_ROOM || (*at && !km_is_space(*at)))
			continue;
		at = km_skip_blanks(at);
		behind = behind_time(at);
		if (!behind && *at) {
			at = km_skip_blanks(at + strcspn(at, " \t"));
			behind = behind_time(at);
		}
		if (behind)
			behind = behind_extras(behind);
		if (behind && name_at(behind, head))
			return KM_LINE_EVENT;
		if (!*at || (behind && !*behind))
			found = KM_LINE_PARTIAL;
	}
	return found;
}

/* "[003] d..1. 12.345678: name:" at @open */
static bool is_head_at(const char *open)
{
	struct km_trace_head head;
	const char *at = behind_cpu(open), *behind;

	if (!at || at - open > CPU_ROOM || *at != ' ')
		return false;
	at = km_skip_blanks(at);
	behind = behind_time(at);
	if (!behind)
		behind = behind_time(km_skip_blanks(at + strcspn(at, " \t")));
	return behind && name_at(behind_extras(behind), &head);
}

const char *km_trace_second_event(const char *text)
{
	const char *open = strchr(text, '[');

	while (open && (open = strchr(open + 1, '['))) {
		struct words w = {text, open};
		struct word thread;

		if (!is_head_at(open))
			continue;
		thread = last(&w);
		if (thread.len && thread.at[thread.len - 1] == ')') {
			drop_last(&w, thread);
			thread = last(&w);
		}
		/* "CPU 1/KVM-4711" */
		if (memchr(thread.at, '/', thread.len) && thread.at - text > 4 &&
		    km_begins(thread.at - 4, "CPU "))
			thread.at -= 4;
		return thread.at > text ? thread.at : NULL;
	}
	return NULL;
}

/* "  123us+: name:", "  20677.199521: name:" */
static bool find_behind_time(const char *line, struct km_trace_head *head)
{
	for (const char *colon = line; (colon = strchr(colon, ':')); colon++) {
		const char *at = colon;

		if (colon[1] != ' ' && colon[1] != '\t')
			continue;
		while (at > line && (at[-1] == ' ' || strchr("+!#*@$", at[-1])))
			at--;
		if (at > line + 2 && km_begins(at - 2, "us") && km_is_digit(at[-3]))
			return name_at(km_skip_blanks(colon + 1), head);
		at = colon;
		while (at > line && km_is_digit(at[-1]))
			at--;
		if (colon - at < 6 || at == line || at[-1] != '.')
			continue;
		if (name_at(behind_extras(km_skip_blanks(colon + 1)), head))
			return true;
	}
	return false;
}

/* One of KVM's names anywhere, a ':' or '(' behind it. */
static bool find_known_name(const char *line, struct km_trace_head *head)
{
	for (const char *at = line; *at; at++) {
		bool starts = at == line || km_is_space(at[-1]) || at[-1] == ':';

		if (!starts || !strchr("kfhmcv", *at))
			continue;
		if (name_at(at, head) && head->known)
			return true;
	}
	return false;
}

enum km_trace_line km_trace_head(const char *line, struct km_trace_event *event,
				 struct km_trace_head *head)
{
	enum km_trace_line found;

	memset(head, 0, sizeof(*head));
	found = find_behind_cpu(line, head);
	if (found == KM_LINE_PARTIAL)
		return found;
	if (found != KM_LINE_EVENT && !find_known_name(line, head) && !find_behind_time(line, head))
		return KM_LINE_UNNAMED;
	head->prose = !read_head(line, head->name, event);
	return KM_LINE_EVENT;
}
