// SPDX-License-Identifier: GPL-2.0-or-later
/* What dmesg, journals, consoles and programs put in front of the kernel's messages. */
#include "trace/log.h"
#include "trace/characters.h"

#include <ctype.h>
#include <string.h>

#define BLANKS	 " \t"
#define DIGITS	 "0123456789"
#define ISO_DATE 19 /* "2026-11-28T20:31:16" */

/* Return the length of "2026-11-28T20:31:16,123456+01:00" at @at; 0: none is there. */
static size_t iso_time(const char *at)
{
	static const char form[] = "dddd-dd-ddTdd:dd:dd";

	for (size_t i = 0; i < ISO_DATE; i++) {
		bool fits = form[i] == 'd' ? at[i] >= '0' && at[i] <= '9'
					   : at[i] == form[i] || (form[i] == 'T' && at[i] == ' ');

		if (!fits)
			return 0;
	}
	return ISO_DATE + strspn(at + ISO_DATE, DIGITS ",.+-:Z");
}

/* "1793718724.120330 host kernel: " of journalctl -o short-unix */
static bool is_unix_time(const char *at)
{
	return strspn(at, DIGITS) == 10 && at[10] == '.';
}

/* "[T123]", "[  C3]": the task or CPU that printed the message (CONFIG_PRINTK_CALLER). */
static const char *behind_caller(const char *at)
{
	const char *inside = km_skip_blanks(at + 1);
	size_t digits;

	if (*at != '[' || (*inside != 'T' && *inside != 'C'))
		return at;
	digits = strspn(inside + 1, DIGITS);
	return digits && inside[1 + digits] == ']' ? km_skip_blanks(inside + digits + 2) : at;
}

/*
 * What is in the brackets: "22.860631", "+0.000007" of dmesg --reltime, "22.860631 <    0.000007>"
 * of dmesg -d, or "Tue Mar  7 13:38:04 2023", "Nov28 20:31", "2026-11-28 20:31:16.123".
 */
static bool is_time(const char *inside, size_t len)
{
	size_t sign = *inside == '+' || *inside == '-';
	size_t digits = strspn(inside + sign, DIGITS);

	if (digits && inside[sign + digits] == '.')
		return strspn(inside, DIGITS "+-.<> ") >= len;
	if (digits)
		return digits == 4 && inside[4] == '-' && memchr(inside, ':', len);
	return len > 8 && !sign && strspn(inside + 3, DIGITS ": ") && memchr(inside, ':', len);
}

/* Return what follows the time in brackets at @at, or NULL. */
static const char *bracketed_time(const char *at, const char **stamp, size_t *len)
{
	const char *close = *at == '[' ? strchr(at, ']') : NULL, *inside, *behind, *other;
	size_t other_len;

	if (!close || close - at > 36)
		return NULL;
	inside = km_skip_blanks(at + 1);
	if (inside >= close || !is_time(inside, (size_t)(close - inside)))
		return NULL;
	*stamp = at;
	*len = (size_t)(close + 1 - at);
	behind = behind_caller(km_skip_blanks(close + 1));
	/* a program that captures a console adds a time to the kernel's */
	if (*behind == '[' && iso_time(inside)) {
		const char *whole = bracketed_time(behind, &other, &other_len);

		if (whole) {
			*stamp = other;
			*len = other_len;
			return whole;
		}
	}
	return behind;
}

/* "<4>", syslog's "<4>1 ", dmesg -x's "kern  :warn  : " */
static const char *behind_priority(const char *at)
{
	if (*at == '<' && strspn(at + 1, DIGITS) && at[1 + strspn(at + 1, DIGITS)] == '>') {
		at = km_skip_blanks(strchr(at, '>') + 1);
		return !strncmp(at, "1 ", 2) ? km_skip_blanks(at + 2) : at;
	}
	if (!strncmp(at, "kern", 4)) {
		const char *first = strchr(at, ':'),
			   *second = first ? strchr(first + 1, ':') : NULL;

		if (second && second - at < 20)
			return km_skip_blanks(second + 1);
	}
	return at;
}

/* "1204:", "dmesg.txt:", "dmesg.txt:1204:", "dmesg.txt-1204-", which grep adds; or @at */
static const char *behind_grep(const char *at)
{
	size_t name = strcspn(at, BLANKS ":["), digits = strspn(at, DIGITS);

	if (digits && (at[digits] == ':' || at[digits] == '-') &&
	    (at[digits + 1] == '[' || at[digits + 1] == ' '))
		return km_skip_blanks(at + digits + 1);
	if (!name || at[name] != ':' || !memchr(at, '.', name))
		return at;
	at += name + 1;
	digits = strspn(at, DIGITS);
	return km_skip_blanks(digits && at[digits] == ':' ? at + digits + 1 : at);
}

/*
 * "host kernel: ", "host QEMU[31012]: ", "2026-11-28T20:31:16.123456Z qemu-kvm: ": return what
 * follows the program's name and its length with the host's in *@len, or NULL.
 */
static const char *behind_program(const char *at, size_t *len)
{
	static const char *const programs[] = {" kernel: ", " kernel: [", " QEMU[", " qemu-kvm",
					       " qemu-system-x86_64"};
	const char *structured = strstr(at, " kernel - - - ");

	if (structured && structured - at < 80) {
		*len = (size_t)(structured - at);
		return km_skip_blanks(structured + strlen(" kernel - - - "));
	}
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		const char *found = strstr(at, programs[i]), *colon;

		if (!found || found - at > 80)
			continue;
		colon = strchr(found, ':');
		if (!colon || colon[1] != ' ' || colon - found > 40)
			continue;
		*len = (size_t)(found - at);
		return km_skip_blanks(colon + 1);
	}
	return NULL;
}

/* "node7 kernel " without a colon, in columns of a table */
static const char *behind_columns(const char *at)
{
	at = km_skip_blanks(at + strcspn(at, BLANKS));
	return !strncmp(at, "kernel ", 7) || !strncmp(at, "kernel\t", 7) ? km_skip_blanks(at + 7)
									 : NULL;
}

/*
 * dmesg --time-format iso has a comma before the fraction; a container's log has the name of the
 * stream behind the time. NULL if it is neither, or if no message of a kernel follows.
 */
static const char *behind_iso_time(const char *at, const char **stamp, size_t *len)
{
	size_t time = iso_time(at), stream;
	const char *behind, *message;

	if (!time || (at[time] != ' ' && at[time] != '\t'))
		return NULL;
	*stamp = at;
	*len = time;
	behind = km_skip_blanks(at + time);
	if (at[ISO_DATE] == ',')
		return behind_caller(behind);
	stream = strcspn(behind, BLANKS);
	if (stream == 6 && (!strncmp(behind, "stdout", 6) || !strncmp(behind, "stderr", 6)))
		behind = km_skip_blanks(behind + stream);
	if ((*behind == 'F' || *behind == 'P') && behind[1] == ' ')
		behind = km_skip_blanks(behind + 1);
	message = bracketed_time(behind, stamp, len);
	if (message)
		return message;
	message = behind_columns(behind);
	if (message)
		return message;
	return km_log_begins(behind) ? behind : NULL;
}

/* "Nov  3 17:12:04", "2026-11-03T17:12:04+0100" */
static size_t date_of_syslog(const char *at)
{
	static const char form[] = "aaa dd dd:dd:dd";

	if (iso_time(at))
		return iso_time(at);
	for (size_t i = 0; form[i]; i++) {
		bool fits = form[i] == 'a' ? isalpha((unsigned char)at[i])
			    : form[i] == 'd'
				    ? isdigit((unsigned char)at[i]) || (i == 4 && at[i] == ' ')
				    : at[i] == form[i];

		if (!fits)
			return 0;
	}
	return sizeof(form) - 1;
}

/* "Nov  3 17:12:04 host sshd[812]: ": other programs, which a journal contains, too */
static const char *behind_other_program(const char *at, const char **stamp, size_t *len)
{
	size_t date = date_of_syslog(at), host, program;
	const char *name;

	host = date && at[date] == ' ' ? strcspn(at + date + 1, BLANKS) : 0;
	if (!host || at[date + 1 + host] != ' ')
		return NULL;
	name = at + date + 1 + host + 1;
	program = strcspn(name, BLANKS ":");
	if (!program || name[program] != ':' || name[program + 1] != ' ')
		return NULL;
	*stamp = at;
	*len = date + 1 + host;
	return km_skip_blanks(name + program + 1);
}

/* "[  455.120331]" */
static bool is_stamp(const char *open)
{
	const char *inside = km_skip_blanks(open + 1);
	size_t digits = strspn(inside, DIGITS);

	return digits && inside[digits] == '.' && strspn(inside + digits + 1, DIGITS) == 6 &&
	       inside[digits + 7] == ']';
}

const char *km_log_second_stamp(const char *text)
{
	const char *open = strchr(text, '[');

	if (!open || !is_stamp(open))
		return NULL;
	while ((open = strchr(open + 1, '['))) {
		if (is_stamp(open) && open[-1] == ' ')
			return open;
	}
	return NULL;
}

/* "17:12:01 <someone> [  455.120331] ", "node7 | [  455.120331] ": whatever is in front */
static const char *behind_anything(const char *at, const char **stamp, size_t *len)
{
	const char *open = strchr(at, '[');

	return open && open - at <= 60 && is_stamp(open) ? bracketed_time(open, stamp, len) : NULL;
}

const char *km_log_head(const char *line, const char **stamp, size_t *len)
{
	const char *at = behind_priority(behind_grep(km_skip_blanks(line))), *behind, *message;
	size_t host;

	*stamp = NULL;
	*len = 0;
	behind = bracketed_time(at, stamp, len);
	if (behind) {
		/* journalctl -o short-monotonic has the host behind the time */
		message = behind_program(behind - 1, &host);
		return message && !memchr(behind, ' ', host ? host - 1 : 0) ? message : behind;
	}
	/* "Mar  7 13:38:04 host kernel: ", "2026-11-28T20:31:16+0000 host kernel: " */
	message = behind_program(at, &host);
	if (!message || !(memchr(at, ':', host) || is_unix_time(at))) {
		behind = behind_iso_time(at, stamp, len);
		if (!behind)
			behind = behind_other_program(at, stamp, len);
		return behind ? behind : behind_anything(at, stamp, len);
	}
	*stamp = at;
	*len = host;
	behind = bracketed_time(message, stamp, len);
	return behind ? behind : message;
}
