// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/records.h"

#include "trace/characters.h"

#include <ctype.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DEEPEST	   8	     /* objects of logs are flat */
#define MOST_BYTES (1 << 16) /* of one object */
#define MOST_LINES 100
#define STAMP_ROOM 40
#define RECORD	   '\036' /* in front of each object of json-seq */

void km_records_init(struct km_records *r)
{
	r->date[0] = 0;
	r->tokener = NULL;
	r->at = r->end = 0;
	r->odd = 0;
}

void km_records_deinit(struct km_records *r)
{
	if (r->tokener)
		json_tokener_free(r->tokener);
	r->tokener = NULL;
}

/* Skip what may be in front of an object, or between its parts. */
static const char *skip_marks(const char *at)
{
	while (*at == ' ' || *at == '\t' || *at == RECORD)
		at++;
	return at;
}

/* --- times --- */

static const char *text_of(struct json_object *object, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(object, key, &value) ? json_object_get_string(value)
							      : NULL;
}

static bool microseconds(struct json_object *object, const char *key, uint64_t *us)
{
	const char *text = text_of(object, key);

	if (!text || !isdigit((unsigned char)*text) || strlen(text) > 16)
		return false;
	*us = strtoull(text, NULL, 10);
	return true;
}

/* "[  455.120330] ", as dmesg */
static void print_seconds(char *buf, size_t size, uint64_t us)
{
	snprintf(buf, size, "[%5" PRIu64 ".%06" PRIu64 "] ", us / 1000000, us % 1000000);
}

static void print_date(char *buf, size_t size, uint64_t us)
{
	time_t seconds = (time_t)(us / 1000000);
	struct tm utc;
	char date[24];

	if (!gmtime_r(&seconds, &utc) || !strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &utc))
		return;
	snprintf(buf, size, "[%s.%06uZ] ", date, (unsigned)(us % 1000000));
}

/*
 * Print the time of a record as dmesg does, or its date: "[  455.120330] ". The kernel's own time
 * is better than that of the journal. "" if there is none.
 */
static void print_stamp(char *buf, size_t size, struct json_object *object)
{
	const char *when = text_of(object, "time");
	uint64_t us;

	*buf = 0;
	if (microseconds(object, "_SOURCE_MONOTONIC_TIMESTAMP", &us))
		print_seconds(buf, size, us);
	else if (microseconds(object, "__REALTIME_TIMESTAMP", &us))
		print_date(buf, size, us);
	else if (when && strlen(when) + 4 < size && !strpbrk(when, "[]\n"))
		snprintf(buf, size, "[%12s] ", skip_marks(when));
}

/* --- messages --- */

/* The journal prints a message that is not plain text as the numbers of its bytes. */
static char *of_bytes(struct json_object *array)
{
	size_t count = json_object_array_length(array);
	char *text = malloc(count + 1);

	for (size_t i = 0; text && i < count; i++) {
		int byte = json_object_get_int(json_object_array_get_idx(array, i));

		text[i] = byte > 0 && byte < 256 ? (char)byte : ' ';
	}
	if (text)
		text[count] = 0;
	return text;
}

/* Return the message of a record as a new string; NULL: it has none. */
static char *message_of(struct json_object *object)
{
	static const char *const keys[] = {"MESSAGE", "msg", "message", "log"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		struct json_object *value;

		if (!json_object_object_get_ex(object, keys[i], &value))
			continue;
		if (json_object_is_type(value, json_type_string))
			return strdup(json_object_get_string(value));
		if (json_object_is_type(value, json_type_array))
			return of_bytes(value);
	}
	return NULL;
}

static void keep_odd(struct km_records *r, uint64_t lines)
{
	if (!r->odd)
		r->first_odd = r->first;
	r->odd += lines;
}

static void enqueue(struct km_records *r, const char *stamp, const char *text)
{
	size_t stamp_len = strlen(stamp), len = strlen(text);

	if (len > KM_LINE_ROOM - STAMP_ROOM)
		len = KM_LINE_ROOM - STAMP_ROOM;
	if (stamp_len + len + 1 > sizeof(r->queue) - r->end) {
		keep_odd(r, 1);
		return;
	}
	memcpy(r->queue + r->end, stamp, stamp_len);
	memcpy(r->queue + r->end + stamp_len, text, len);
	r->end += stamp_len + len;
	r->queue[r->end++] = '\n';
}

/* Enqueue each line of the record's message. Return false if it has none. */
static bool take_record(struct km_records *r, struct json_object *object)
{
	char *message = json_object_is_type(object, json_type_object) ? message_of(object) : NULL;
	char *rest = message, *line, stamp[STAMP_ROOM];

	if (!message)
		return false;
	print_stamp(stamp, sizeof(stamp), object);
	while ((line = strsep(&rest, "\n"))) {
		const char *own = skip_marks(line);

		/* a container's record has the kernel's time in the message */
		if (*own)
			enqueue(r,
				*own == '[' && isdigit((unsigned char)*skip_marks(own + 1)) ? ""
											    : stamp,
				line);
	}
	free(message);
	return true;
}

/* --- fields of the journal: "    MESSAGE=..." --- */

/* "Tue 2026-11-03 17:12:04.120330 CET [s=...;i=...]", which begins a record of "-o verbose" */
static bool take_date(struct km_records *r, const char *text)
{
	const char *date = text + 4, *end;

	if (strlen(text) < 9 || date[-1] != ' ' || km_digit_span(date) != 4 || date[4] != '-')
		return false;
	end = strstr(date, " [s=");
	if (!end || (size_t)(end - date) + 4 > sizeof(r->date))
		return false;
	snprintf(r->date, sizeof(r->date), "[%.*s] ", (int)(end - date), date);
	return true;
}

/* Is it one of the fields that tell nothing about the message? /dev/kmsg has two, too. */
static bool is_other_field(const char *text)
{
	static const char *const names[] = {"SYSLOG_",
					    "PRIORITY=", "MESSAGE_ID=", "SUBSYSTEM=", "DEVICE="};
	size_t name = 0;

	while (isupper((unsigned char)text[name]) || text[name] == '_' ||
	       isdigit((unsigned char)text[name]))
		name++;
	if (text[name] != '=')
		return false;
	if (*text == '_')
		return name > 1;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strncmp(text, names[i], strlen(names[i])))
			return true;
	}
	return false;
}

/* Put @stamp in front of @message, which is the end of the line's text. */
static void put_stamp(struct km_line *line, const char *stamp, const char *message)
{
	size_t stamp_len = strlen(stamp), len = strlen(message);

	if (len > sizeof(line->text) - 1 - stamp_len)
		len = sizeof(line->text) - 1 - stamp_len;
	memmove(line->text + stamp_len, message, len);
	memcpy(line->text, stamp, stamp_len);
	line->len = stamp_len + len;
	line->text[line->len] = 0;
}

static bool take_field(struct km_records *r, struct km_line *line, const char *text)
{
	static const char date[] = "__REALTIME_TIMESTAMP=", message[] = "MESSAGE=";

	if (!strncmp(text, date, strlen(date))) {
		r->date[0] = 0;
		print_date(r->date, sizeof(r->date), strtoull(text + strlen(date), NULL, 10));
		return true;
	}
	if (strncmp(text, message, strlen(message)))
		return is_other_field(text) || take_date(r, text);
	put_stamp(line, r->date, text + strlen(message));
	return false;
}

/* --- /dev/kmsg: "3,1423,455120330,-;message"; netconsole has the release in front --- */

static void rewrite_kmsg(struct km_line *line, const char *text)
{
	size_t priority = km_digit_span(text), number, us;
	char stamp[STAMP_ROOM];
	const char *message;

	if (text[priority] == '.') { /* a release */
		text += strcspn(text, ",; ");
		text += *text == ',';
		priority = km_digit_span(text);
	}
	number = text[priority] == ',' ? km_digit_span(text + priority + 1) : 0;
	text += priority + 1 + number;
	if (!priority || !number || *text != ',')
		return;
	us = km_digit_span(text + 1);
	message = strchr(text, ';');
	if (!us || us > 16 || text[1 + us] != ',' || !message)
		return;
	print_seconds(stamp, sizeof(stamp), strtoull(text + 1, NULL, 10));
	put_stamp(line, stamp, message + 1);
}

/* --- objects --- */

/* "[" of a list, and the {"dmesg": [ in front of dmesg's records */
static const char *behind_list(const char *at)
{
	const char *key;

	at = skip_marks(at);
	if (*at == '[' && *skip_marks(at + 1) == '{')
		at = skip_marks(at + 1);
	key = *at == '{' ? skip_marks(at + 1) : at;
	if (strncmp(key, "\"dmesg\"", 7))
		return at;
	key = skip_marks(key + 7);
	key = skip_marks(key + (*key == ':'));
	return *key == '[' ? skip_marks(key + 1) : at;
}

/* "{" alone, or followed by a name */
static bool begins_object(const char *at)
{
	return *at == '{' && (!*skip_marks(at + 1) || *skip_marks(at + 1) == '"');
}

static void end_object(struct km_records *r)
{
	json_tokener_free(r->tokener);
	r->tokener = NULL;
}

static bool begin_object(struct km_records *r, const struct km_line *line)
{
	r->tokener = json_tokener_new_ex(DEEPEST);
	r->first = *line;
	r->fed = 0;
	r->object_lines = 0;
	return r->tokener;
}

enum parsed { FAILED, OPEN, NO_MESSAGE, MESSAGE };

/* Parse @*text up to the end of the object, which may be on another line. */
static enum parsed parse(struct km_records *r, const char **text)
{
	size_t len = strlen(*text);
	struct json_object *object = json_tokener_parse_ex(r->tokener, *text, (int)len);
	enum json_tokener_error error = json_tokener_get_error(r->tokener);
	bool message;

	r->fed += len + 1;
	if (error == json_tokener_continue && r->fed < MOST_BYTES && r->object_lines < MOST_LINES)
		return OPEN;
	if (error != json_tokener_success)
		return FAILED;
	*text += json_tokener_get_parse_end(r->tokener);
	message = take_record(r, object) || !json_object_object_length(object);
	json_object_put(object);
	end_object(r);
	return message ? MESSAGE : NO_MESSAGE;
}

/* The object that began before @line does not go on in it. */
static void abandon(struct km_records *r)
{
	/* a brace alone is no evidence that is lost */
	if (r->object_lines > 1 || (r->object_lines && *skip_marks(skip_marks(r->first.text) + 1)))
		keep_odd(r, r->object_lines);
	end_object(r);
}

/* Take a line of JSON. */
static bool take_json(struct km_records *r, const struct km_line *line, const char *text)
{
	bool taken = false, new_line;

	if (!r->tokener && *text != '{' && *text != '[' && *text != RECORD && *text != 'd')
		return false;
	if (!r->tokener && !strncmp(text, "data: {", 7))
		text += 6;
	if (r->tokener && behind_list(text) != skip_marks(text)) {
		end_object(r);
		taken = true;
	}
	if (!r->tokener)
		text = behind_list(text);
	/* the line feed; a mail program may have put it in place of a blank, a terminal within a
	 * word */
	if (r->tokener && !km_lines_is_cut(&r->last, line))
		json_tokener_parse_ex(r->tokener, " ", 1);
	new_line = !r->tokener || line->number != r->last.number;
	r->last = *line;
	while (r->tokener || begins_object(text)) {
		enum parsed parsed;

		if (!r->tokener && !begin_object(r, line))
			return taken;
		parsed = parse(r, &text);
		if (parsed == FAILED) {
			bool earlier = r->object_lines;

			abandon(r);
			return taken || (earlier && take_json(r, line, skip_marks(line->text)));
		}
		r->object_lines += new_line;
		if (parsed == OPEN)
			return true;
		if (parsed == NO_MESSAGE && r->object_lines > 1)
			keep_odd(r, r->object_lines);
		taken = taken || parsed == MESSAGE || r->object_lines > 1;
		text = skip_marks(text);
		text = skip_marks(text + (*text == ','));
	}
	return taken;
}

bool km_records_add(struct km_records *r, struct km_line *line)
{
	const char *text = km_skip_blanks(line->text);

	if (r->tokener)
		return take_json(r, line, text);
	if (isdigit((unsigned char)*text)) {
		rewrite_kmsg(line, text);
		return false;
	}
	if (isupper((unsigned char)*text) || *text == '_')
		return take_field(r, line, text);
	return take_json(r, line, text);
}

bool km_records_next(struct km_records *r, struct km_line *line)
{
	const char *text = r->queue + r->at, *end;

	if (r->at == r->end) {
		r->at = r->end = 0;
		return false;
	}
	end = memchr(text, '\n', r->end - r->at);
	line->len = (size_t)(end - text);
	memcpy(line->text, text, line->len);
	line->text[line->len] = 0;
	line->number = r->first.number;
	r->at += line->len + 1;
	km_lines_clean(line);
	return true;
}

uint64_t km_records_take_odd(struct km_records *r, struct km_line *first)
{
	uint64_t odd = r->odd;

	if (odd)
		*first = r->first_odd;
	r->odd = 0;
	return odd;
}

void km_records_end(struct km_records *r)
{
	if (r->tokener)
		abandon(r);
}
