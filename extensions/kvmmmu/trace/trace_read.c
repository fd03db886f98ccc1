// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/trace_read.h"

#include "trace/characters.h"
#include "trace/follow_faults.h"
#include "trace/lines.h"
#include "trace/records.h"
#include "trace/trace_head.h"
#include "trace/trace_line.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LINES_BETWEEN_PROGRESS 0xfff

/* A line that may continue. */
struct pending {
	struct km_line line;
	enum km_trace_line found;
	struct km_trace_event event;
	const char *message, *stamp; /* of a log, within line */
	size_t stamp_len;
	uint64_t lost;
	bool any;
};

struct reader {
	struct km_lines lines;
	struct km_records records;
	struct pending held[2];
	size_t last;	  /* which of the two is pending */
	bool kernel_base; /* of raw fields: see trace_line.h */
};

/* --- lines --- */

/* Count @lines that are not understood; @first is the first of them. */
static void count_odd(struct km_trace *t, const struct km_line *first, enum km_trace_kind kind,
		      uint64_t lines)
{
	size_t len =
		first->len < sizeof(t->first_odd_text) ? first->len : sizeof(t->first_odd_text) - 1;

	/* several events, or pieces of one that is too long, are one line */
	if (t->odd && first->number == t->last_odd)
		return;
	t->last_odd = first->number;
	t->odd += lines;
	if (t->odd > lines)
		return;
	t->first_odd = first->number;
	t->first_odd_kind = kind;
	memcpy(t->first_odd_text, first->text, len);
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)t->first_odd_text[i] < ' ' || t->first_odd_text[i] & 0x80)
			t->first_odd_text[i] = '?';
	}
}

static void keep_odd(struct km_trace *t, const struct pending *p)
{
	enum km_trace_kind kind = p->found == KM_LINE_NO_FIELDS ? p->event.kind : KM_TRACE_OTHER;

	if (p->found == KM_LINE_NO_FIELDS)
		t->odd_events[kind]++;
	count_odd(t, &p->line, kind, 1);
}

/* A line with the head of a log, or one that only KVM's messages look like. */
static bool take_message(struct km_trace *t, const struct pending *p)
{
	const char *message = p->message ? p->message : p->line.text;

	return km_log_line(&t->log, message, p->stamp, p->stamp_len, p->line.number) ==
		       KM_LOG_TAKEN ||
	       p->message;
}

/* Is @text a number of three digits or more, in any form? */
static bool is_number(const char *text, size_t len)
{
	size_t digits = 0, decimal = 0;

	if (len > 2 && text[0] == '0' && text[1] == 'x')
		return true;
	while (digits < len && isxdigit((unsigned char)text[digits]))
		decimal += isdigit((unsigned char)text[digits++]) != 0;
	return digits >= 3 && decimal && (digits == len || !isalnum((unsigned char)text[digits]));
}

/* Heads of mails, and what archives and trackers add. */
static bool is_head_of_mail(const char *text)
{
	static const char *const beginnings[] = {
		"From: ",	"To: ",		  "Cc: ",	  "Date: ",
		"Sent: ",	"Subject: ",	  "Message-ID: ", "In-Reply-To: ",
		"References: ", "[-- Attachment", "Comment ",	  "Created attachment ",
		"Bug ",		"commit ",
	};

	for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++) {
		if (!strncasecmp(text, beginnings[i], strlen(beginnings[i])))
			return true;
	}
	return false;
}

/* "2026" */
static bool is_year(const char *text, size_t len)
{
	return len == 4 && (!strncmp(text, "19", 2) || !strncmp(text, "20", 2)) &&
	       km_digit_span(text) == 4;
}

/* "17:12:04.220331", which perf kvm stat live prints above its tables. */
static bool is_clock(const char *text)
{
	return isdigit((unsigned char)*text) && strchr(text, ':') &&
	       !text[strspn(text, "0123456789:.-+TZ, ")];
}

/* A line of base64, whose text mail programs decode. */
static bool is_base64(const char *word, size_t len)
{
	return len >= 60 && !(len % 4) &&
	       strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=") >=
		       len;
}

/*
 * Is it a sentence between traces, without any number that could be evidence? Addresses of mails
 * and web pages are none.
 */
static bool is_prose(const char *text)
{
	text = km_skip_blanks(text);
	if (is_head_of_mail(text) || is_clock(text))
		return true;
	while (*text) {
		size_t word = strcspn(text, " \t"), at = 0;
		if (is_base64(text, word))
			return false;
		bool address =
			(word > 1 && memchr(text + 1, '@', word - 1)) ||
			(word > 4 && strstr(text, "://") && strstr(text, "://") < text + word);

		for (; at < word && !address; at++) {
			size_t len = strspn(text + at, "0123456789abcdefABCDEFx");

			if ((!at || !isalnum((unsigned char)text[at - 1])) &&
			    is_number(text + at, len) && !is_year(text + at, len))
				return false;
		}
		text += word;
		text = km_skip_blanks(text);
	}
	return true;
}

static void finish_line(struct km_trace *t, struct pending *p)
{
	if (!p->any)
		return;
	p->any = false;
	if (p->message)
		p->found = KM_LINE_UNNAMED;
	switch (p->found) {
	case KM_LINE_EVENT:
		km_follow_event(t, &p->event);
		break;
	case KM_LINE_HARMLESS:
		if (!km_counts_line(&t->counts, p->line.text))
			t->harmless++;
		break;
	case KM_LINE_LOST:
		t->lost_places++;
		t->lost_events += p->lost;
		break;
	default:
		if ((!p->message && km_counts_line(&t->counts, p->line.text)) || !p->line.len ||
		    take_message(t, p))
			break;
		if (p->found != KM_LINE_NO_FIELDS && is_prose(p->line.text))
			t->harmless++;
		else
			keep_odd(t, p);
	}
}

static void look_at(struct pending *p, bool *kernel_base)
{
	p->any = true;
	p->found = km_trace_line(p->line.text, &p->event, &p->lost, kernel_base);
	/* a trace that went through the kernel's log (ftrace_dump) is a trace */
	p->message = p->stamp = NULL;
	p->stamp_len = 0;
	if (p->found != KM_LINE_PARTIAL &&
	    (p->found != KM_LINE_EVENT || p->event.kind == KM_TRACE_OTHER))
		p->message = km_log_head(p->line.text, &p->stamp, &p->stamp_len);
}

/* The blank at the column where a terminal breaks lines is the first of the next line. */
static bool is_cut_at_blank(const struct pending *before, const struct pending *p)
{
	return km_lines_may_be_cut(&before->line) && !isspace((unsigned char)p->line.text[1]) &&
	       p->found == KM_LINE_UNNAMED;
}

/*
 * May it be the rest of the line before? A rest begins with no blank, and no event, message or pair
 * of its own; what looks like a stack or like pairs may complete an event that lacks fields.
 */
static bool has_no_head(const struct pending *before, const struct pending *p)
{
	bool lacks = before->found == KM_LINE_NO_FIELDS && !before->message;

	if (p->message || !p->line.len)
		return false;
	if (isspace((unsigned char)p->line.text[0]) && !is_cut_at_blank(before, p))
		return false;
	if (p->found == KM_LINE_HARMLESS)
		return lacks || p->line.text[0] == '-';
	return p->found == KM_LINE_UNNAMED || (lacks && p->event.of_pairs);
}

/* Is @p something whose rest may follow: an event, a message, or a head without its event? */
static bool may_go_on(const struct pending *p)
{
	if (!p->any || !p->line.len)
		return false;
	if (p->message || p->found == KM_LINE_EVENT || p->found == KM_LINE_NO_FIELDS ||
	    p->found == KM_LINE_PARTIAL)
		return true;
	return p->found == KM_LINE_UNNAMED &&
	       (km_trace_has_pairs(p->line.text) || km_log_begins(p->line.text));
}

/* Events of a head that the line before has, by itself a bare event. */
static bool completes_head(const struct pending *before, const struct pending *p)
{
	return before->found == KM_LINE_PARTIAL && !before->message &&
	       (p->found == KM_LINE_EVENT || p->found == KM_LINE_NO_FIELDS) && !p->event.has_tid;
}

/* Such programs begin each line with the same word: "pid(12) ...", "TP_SPTE tid=12 ...". */
static bool begins_alike(const struct pending *before, const struct pending *p)
{
	size_t len = strcspn(before->line.text, " =(:");

	return len && !strncmp(before->line.text, p->line.text, len) &&
	       strcspn(p->line.text, " =(:") == len;
}

static bool goes_on(const struct pending *before, const struct pending *p)
{
	bool lacks = before->found == KM_LINE_NO_FIELDS && !before->message;

	if (p->found == KM_LINE_EVENT && before->found == KM_LINE_EVENT)
		return false;
	if (!may_go_on(before) || !p->line.len || begins_alike(before, p))
		return false;
	if (!lacks && !km_lines_is_wrapped(&before->line, &p->line))
		return false;
	if (completes_head(before, p))
		return true;
	return has_no_head(before, p) && !km_log_begins(p->line.text);
}

/*
 * Join the lines at a blank, or where a terminal broke a word: within a number, or so that the
 * event has its fields only without the blank.
 */
static void join(struct pending *before, const struct pending *p, bool *kernel_base)
{
	bool may_be_cut = km_lines_may_be_cut(&before->line), cut;
	struct pending whole;

	if (may_be_cut)
		whole = *before;
	cut = km_lines_is_cut(&before->line, &p->line) ||
	      (may_be_cut && km_lines_cuts_number(&before->line, &p->line));
	km_lines_append(&before->line, &p->line, cut);
	look_at(before, kernel_base);
	if (!may_be_cut || before->found != KM_LINE_NO_FIELDS || before->message)
		return;
	km_lines_append(&whole.line, &p->line, !cut);
	look_at(&whole, kernel_base);
	if (whole.found == KM_LINE_EVENT) {
		before->line = whole.line;
		look_at(before, kernel_base);
	}
}

static void take_line(struct km_trace *t, struct reader *r)
{
	struct pending *before = &r->held[r->last], *p = &r->held[!r->last];

	look_at(p, &r->kernel_base);
	if (goes_on(before, p)) {
		join(before, p, &r->kernel_base);
		return;
	}
	finish_line(t, before);
	r->last = !r->last;
}

static void count_odd_records(struct km_trace *t, struct reader *r)
{
	struct km_line first;
	uint64_t odd = km_records_take_odd(&r->records, &first);

	if (odd)
		count_odd(t, &first, KM_TRACE_OTHER, odd);
}

/* Cut the line before its second event or message, and put that into @rest. */
static bool split(struct km_line *line, struct km_line *rest)
{
	const char *second = km_trace_second_event(line->text);

	if (!second)
		second = km_log_second_stamp(line->text);
	if (!second)
		return false;
	*rest = *line;
	rest->len = line->len - (size_t)(second - line->text);
	memmove(rest->text, rest->text + (second - line->text), rest->len + 1);
	line->len = (size_t)(second - line->text);
	line->text[line->len] = 0;
	line->last_length = 0; /* it does not go on */
	return true;
}

/*
 * Take the lines that one line of the file holds: a form's field or a mail program joined them, or
 * tracefs of 6.1, which prints kvm_fpu without its line feed.
 */
static void take_lines(struct km_trace *t, struct reader *r)
{
	struct km_line rest;

	while (split(&r->held[!r->last].line, &rest)) {
		take_line(t, r);
		r->held[!r->last].line = rest;
	}
	take_line(t, r);
}

/* A line of a log in JSON makes up none, one or more messages. */
static void take_line_or_record(struct km_trace *t, struct reader *r)
{
	if (!km_records_add(&r->records, &r->held[!r->last].line))
		take_lines(t, r);
	while (km_records_next(&r->records, &r->held[!r->last].line))
		take_line(t, r);
	count_odd_records(t, r);
}

static void end_records(struct km_trace *t, struct reader *r)
{
	km_records_end(&r->records);
	count_odd_records(t, r);
	km_records_deinit(&r->records);
}

/* --- the whole --- */

static km_error *prepare(struct km_trace *t, const struct km_trace_rules *rules,
			 struct reader **reader)
{
	memset(t, 0, sizeof(*t));
	t->rules = *rules;
	km_counts_init(&t->counts);
	t->mappings = calloc(1, sizeof(*t->mappings));
	t->page_bits = calloc(1, KM_TRACE_PAGES / 8);
	*reader = calloc(1, sizeof(**reader));
	if (t->mappings && t->page_bits && *reader)
		return NULL;
	free(*reader);
	return km_errorf(KM_ENOMEM, "out of memory");
}

km_error *km_trace_read(FILE *file, const struct km_trace_rules *rules,
			km_trace_progress_fn *progress, void *ctx, struct km_trace *t)
{
	struct reader *r;
	km_error *err = prepare(t, rules, &r);
	int error;

	if (err)
		return err;
	km_lines_init(&r->lines, file);
	km_records_init(&r->records);
	while (!err && km_lines_read(&r->lines, &r->held[!r->last].line)) {
		if (!(r->lines.lines & LINES_BETWEEN_PROGRESS) && progress &&
		    !progress(ctx, r->lines.bytes))
			err = km_errorf(KM_EINTR, "interrupted");
		else
			take_line_or_record(t, r);
	}
	error = r->lines.error;
	finish_line(t, &r->held[r->last]);
	end_records(t, r);
	km_log_settle(&t->log);
	t->lines = r->lines.lines;
	t->bytes = r->lines.bytes;
	km_follow_end(t);
	free(r);
	if (!err && error)
		err = km_errorf(KM_EREAD, "after %" PRIu64 " bytes: %s", t->bytes, strerror(error));
	return err;
}
