// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace_line.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define NS_DIGITS 9

static const char *skip_blanks(const char *at)
{
	return at + strspn(at, " \t");
}

/* At most @digits of @base; false if there is none, or more of them. */
static bool number(const char **at, int base, int digits, uint64_t *value)
{
	const char *set = base == 10 ? "0123456789" : "0123456789abcdefABCDEF";
	size_t len = strspn(*at, set);

	if (!len || len > (size_t)digits)
		return false;
	*value = strtoull(*at, NULL, base);
	*at += len;
	return true;
}

/* "0x" or not, as printk's %llx and %#llx have it. */
static bool hex(const char *at, uint64_t *value)
{
	if (at[0] == '0' && (at[1] == 'x' || at[1] == 'X'))
		at += 2;
	return number(&at, 16, 16, value) && (!*at || strchr(" \t,)", *at));
}

/* The word behind " NAME "; NULL if the text has none. */
static const char *field(const char *text, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = text; (at = strstr(at, name)); at++) {
		if ((at == text || at[-1] == ' ' || at[-1] == '\t') &&
		    (at[len] == ' ' || at[len] == '\t'))
			return skip_blanks(at + len);
	}
	return NULL;
}

static bool hex_field(const char *text, const char *name, uint64_t *value)
{
	const char *at = field(text, name);

	return at && hex(at, value);
}

static bool flag_field(const char *text, const char *name, bool *value)
{
	const char *at = field(text, name);

	if (!at || (*at != '0' && *at != '1'))
		return false;
	*value = *at == '1';
	return true;
}

/* "P|W|U" with a hexadecimal rest; nothing at all is 0. */
static bool flags(const char *text, const char *name, uint64_t *value)
{
	static const struct {
		const char *name;
		uint64_t mask;
	} names[] = {{"P", PFERR_PRESENT_MASK},
		     {"W", PFERR_WRITE_MASK},
		     {"U", PFERR_USER_MASK},
		     {"RSVD", PFERR_RSVD_MASK},
		     {"F", PFERR_FETCH_MASK}};
	const char *at = field(text, name);

	*value = 0;
	if (!at)
		return false;
	if (!strncmp(at, "sptep ", 6))
		return true;
	while (*at && *at != ' ') {
		size_t len = strcspn(at, "| "), i = 0;
		char word[24];
		uint64_t bits;

		while (i < 5 && (strlen(names[i].name) != len || strncmp(names[i].name, at, len)))
			i++;
		if (i < 5) {
			bits = names[i].mask;
		} else {
			if (len >= sizeof(word))
				return false;
			memcpy(word, at, len);
			word[len] = 0;
			if (!hex(word, &bits))
				return false;
		}
		*value |= bits;
		at += len;
		at += *at == '|';
	}
	return true;
}

/* "12.345678:" or ticks "123:"; *@at is behind it then. */
static bool time_stamp(const char **at, struct km_trace_event *event)
{
	const char *p = *at;
	uint64_t whole, part = 0;
	size_t digits = 0;

	if (!number(&p, 10, 18, &whole))
		return false;
	event->seconds = *p == '.';
	if (event->seconds) {
		p++;
		digits = strspn(p, "0123456789");
		if (digits > NS_DIGITS || !number(&p, 10, NS_DIGITS, &part) || whole > 1ULL << 33)
			return false;
		for (; digits < NS_DIGITS; digits++)
			part *= 10;
		whole = whole * 1000000000 + part;
	}
	if (*p != ':' || (p[1] != ' ' && p[1] != '\t'))
		return false;
	event->time = whole;
	*at = skip_blanks(p + 1);
	return true;
}

/* "  CPU 0/KVM-134  (  127) ": a name that may hold anything, then the thread. */
static bool task(const char *line, const char *end, struct km_trace_event *event)
{
	const char *name, *digits;
	uint64_t tid;
	size_t len;

	while (end > line && isspace((unsigned char)end[-1]))
		end--;
	if (end > line && end[-1] == ')') { /* the thread group */
		while (end > line && end[-1] != '(')
			end--;
		end -= end > line;
		while (end > line && isspace((unsigned char)end[-1]))
			end--;
	}
	digits = end;
	while (digits > line && isdigit((unsigned char)digits[-1]))
		digits--;
	if (digits == end || digits == line || !strchr("- /", digits[-1]))
		return false;
	name = digits;
	if (!number(&name, 10, 9, &tid))
		return false;
	if (digits[-1] == '/') { /* perf's "100/134" */
		digits--;
		while (digits > line && isdigit((unsigned char)digits[-1]))
			digits--;
		if (digits == line)
			return false;
	}
	event->tid = (uint32_t)tid;
	name = skip_blanks(line);
	len = (size_t)(digits - 1 - name);
	if (digits - 1 < name)
		len = 0;
	while (len && name[len - 1] == ' ')
		len--;
	if (len >= sizeof(event->comm))
		len = sizeof(event->comm) - 1;
	memcpy(event->comm, name, len);
	for (size_t i = 0; i < len; i++) {
		if (!isprint((unsigned char)event->comm[i]))
			event->comm[i] = '?';
	}
	return true;
}

/* "[003] d..1. 12.345678: ": *@text is the event's name then. */
static bool header(const char *line, struct km_trace_event *event, const char **text)
{
	for (const char *open = line; (open = strchr(open, '[')); open++) {
		const char *at = open + 1, *behind;
		uint64_t cpu;

		if (!number(&at, 10, 5, &cpu) || *at != ']' || !isspace((unsigned char)at[1]))
			continue;
		at = skip_blanks(at + 1);
		behind = at;
		if (!time_stamp(&at, event)) {
			/* flags of the context come first */
			at = behind + strcspn(behind, " \t:");
			at = skip_blanks(at);
			if (at == behind || !time_stamp(&at, event))
				continue;
		}
		if (!task(line, open, event))
			continue;
		if (!strncmp(at, "(+", 2)) /* trace-cmd report --ts-diff */
			at = skip_blanks(at + strcspn(at, " \t"));
		*text = at;
		return true;
	}
	return false;
}

static enum km_trace_kind kind_of(const char *name, size_t len)
{
	static const struct {
		const char *name;
		enum km_trace_kind kind;
	} names[] = {
		{"kvm_page_fault", KM_TRACE_PAGE_FAULT},
		{"fast_page_fault", KM_TRACE_FAST_PAGE_FAULT},
		{"kvm_exit", KM_TRACE_EXIT},
		{"kvm_entry", KM_TRACE_ENTRY},
		{"kvm_mmio", KM_TRACE_EMULATED},
		{"kvm_emulate_insn", KM_TRACE_EMULATED},
		{"handle_mmio_page_fault", KM_TRACE_EMULATED},
		{"kvm_mmu_set_spte", KM_TRACE_SET_SPTE},
		{"mark_mmio_spte", KM_TRACE_SET_SPTE},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strlen(names[i].name) == len && !strncmp(names[i].name, name, len))
			return names[i].kind;
	}
	return KM_TRACE_OTHER;
}

static bool fields(const char *text, struct km_trace_event *event)
{
	const char *vcpu = field(text, "vcpu");
	uint64_t id;

	event->vcpu = vcpu && number(&vcpu, 10, 9, &id) ? (int64_t)id : -1;
	event->has_rip = hex_field(text, "rip", &event->rip);
	switch (event->kind) {
	case KM_TRACE_PAGE_FAULT:
		return hex_field(text, "address", &event->address) &&
		       hex_field(text, "error_code", &event->error_code);
	case KM_TRACE_FAST_PAGE_FAULT:
		return hex_field(text, "gva", &event->address) &&
		       flags(text, "error_code", &event->error_code) &&
		       hex_field(text, "old", &event->old_spte) &&
		       hex_field(text, "new", &event->new_spte) &&
		       flag_field(text, "spurious", &event->spurious) &&
		       flag_field(text, "fixed", &event->fixed) &&
		       !(event->spurious && event->fixed);
	default:
		return true;
	}
}

/* "CPU:1 [LOST 12 EVENTS]", "CPU:1 [12 EVENTS DROPPED]" */
static bool lost_events(const char *line, uint64_t *lost)
{
	const char *at = skip_blanks(line);

	*lost = 0;
	if (strncmp(at, "CPU:", 4) || !strstr(at, "EVENTS"))
		return false;
	at = strchr(at, '[');
	if (!at)
		return false;
	at++;
	if (!strncmp(at, "LOST ", 5))
		at += 5;
	number(&at, 10, 12, lost);
	return true;
}

/* A line of a stack: "=> kvm_mmu_page_fault", perf's "ffffffffc0601234 kvm_mmu_page_fault+0x10
 * (kvm)" */
static bool is_frame(const char *text)
{
	return !strncmp(text, "=> ", 3) ||
	       (strspn(text, "0123456789abcdef") >= 8 && strchr(text, '(') && !strchr(text, ':'));
}

enum km_trace_line km_trace_line(const char *line, struct km_trace_event *event, uint64_t *lost)
{
	const char *text = skip_blanks(line), *colon;
	size_t len;

	memset(event, 0, sizeof(*event));
	if (!*text || *text == '#' || is_frame(text) || !strncmp(text, "cpus=", 5) ||
	    !strncmp(text, "version = ", 10))
		return KM_LINE_COMMENT;
	if (lost_events(line, lost))
		return KM_LINE_LOST;
	if (!header(line, event, &text))
		return KM_LINE_ODD;
	if (!strncmp(text, "<stack trace>", 13))
		return KM_LINE_COMMENT;
	colon = strchr(text, ':');
	if (!colon)
		return KM_LINE_ODD;
	/* perf script: "kvmmmu:fast_page_fault:" */
	if (isalpha((unsigned char)colon[1]) && strchr(colon + 1, ':')) {
		text = colon + 1;
		colon = strchr(text, ':');
	}
	len = (size_t)(colon - text);
	event->kind = kind_of(text, len);
	return fields(colon + 1, event) ? KM_LINE_EVENT : KM_LINE_ODD;
}
