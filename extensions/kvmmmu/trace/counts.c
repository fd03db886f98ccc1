// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/counts.h"

#include "rules/exits.h"
#include "trace/number_words.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLANKS	   " \t"
#define DIGITS	   "0123456789"
#define SVM_EXITS  0x400 /* from here on, it is an AMD exit code */
#define MOST_WORDS 6	 /* of a row */

void km_counts_init(struct km_counts *c)
{
	memset(c, 0, sizeof(*c));
	c->table = KM_COUNTED_BY;
}

const char *km_counted_by_name(enum km_counted_by by)
{
	static const char *const names[KM_COUNTED_BY] = {
		[KM_COUNTED_BPFTRACE] = "bpftrace",	 [KM_COUNTED_HISTOGRAM] = "ftrace's hist",
		[KM_COUNTED_PERF_KVM] = "perf kvm stat", [KM_COUNTED_PERF_STAT] = "perf stat",
		[KM_COUNTED_KVM_STAT] = "kvm_stat",	 [KM_COUNTED_BCC] = "bcc",
	};

	return names[by];
}

/* --- KVM's statistics of page faults --- */

static const struct {
	const char *name, *means;
} statistics[] = {
	{"pf_taken", "page faults"},
	{"pf_fixed", "page faults that set an SPTE"},
	{"pf_emulate", "page faults that were emulated"},
	{"pf_spurious", "page faults that changed nothing: KVM found that the SPTE allows the "
			"access"},
	{"pf_fast", "page faults that the fast path fixed"},
	{"pf_mmio_spte_created", "page faults that made an MMIO SPTE"},
	{"pf_guest", "page faults that were injected into the guest"},
	{"exits", NULL},
	{"mmio_exits", NULL},
	{"insn_emulation", NULL},
	{"insn_emulation_fail", "instructions that KVM could not emulate"},
	{"mmu_flooded", NULL},
	{"mmu_recycled", NULL},
	{"mmu_pte_write", NULL},
	{"mmu_shadow_zapped", NULL},
	{"mmu_cache_miss", NULL},
	{"mmu_unsync", NULL},
	{"remote_tlb_flush", NULL},
	{"tlb_flush", NULL},
	{"pages_4k", NULL},
	{"pages_2m", NULL},
	{"pages_1g", NULL},
	{"nx_lpage_splits", NULL},
};

static const char *const *statistic(const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof(statistics) / sizeof(statistics[0]); i++) {
		if (strlen(statistics[i].name) == len && !strncmp(name, statistics[i].name, len))
			return &statistics[i].means;
	}
	return NULL;
}

/* --- keys of maps: "@faults[805306368, 4294967310]", "@exits[48]" --- */

#define MOST_KEYS 4

/* Read the numbers in the brackets; 0 if there are others than numbers. *@decimal: one is. */
static size_t numbers_of_key(const char *key, uint64_t *numbers, bool *decimal)
{
	const char *at = strchr(key, '[');
	size_t count = 0;
	char *end;

	*decimal = false;
	while (at && count < MOST_KEYS) {
		at += 1 + strspn(at + 1, BLANKS);
		if (!isdigit((unsigned char)*at))
			return 0;
		*decimal = *decimal || strncmp(at, "0x", 2) != 0;
		numbers[count++] = strtoull(at, &end, 0);
		if (*end == ']')
			return count;
		at = *end == ',' ? end : NULL;
	}
	return 0;
}

static bool is_map_of_exits(const char *key)
{
	return strstr(key, "exit") || strstr(key, "reason");
}

/* Does the map have exit codes that only AMD has? */
static bool is_of_amd(const struct km_counts *c, const char *key)
{
	size_t len = strcspn(key, "[");
	uint64_t numbers[MOST_KEYS];
	bool decimal;

	for (size_t i = 0; i < c->count; i++) {
		if (!strncmp(c->kept[i].key, key, len + 1) &&
		    numbers_of_key(c->kept[i].key, numbers, &decimal) == 1 &&
		    numbers[0] >= SVM_EXITS)
			return true;
	}
	return false;
}

/* A number that only an error code or an exit qualification of a fault can be. */
static bool is_of_fault(uint64_t number, enum km_reading *reading)
{
	const char *why;
	bool sure;

	*reading = km_guess_reading(number, 1, false, &why, &sure);
	return sure && km_number_is_plausible(number) &&
	       (*reading == KM_READ_PFERR || *reading == KM_READ_EPT);
}

/* Is the first key an address or a GFN, according to the map's name or the number? */
static bool is_map_of_faults(const char *key, uint64_t first)
{
	static const char *const names[] = {"fault", "gfn", "gpa", "addr", "pf"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *found = strstr(key, names[i]);

		if (found && found < strchr(key, '['))
			return true;
	}
	return first >= 0x10000 && !(first & 0xfff);
}

static void append_number(char *buf, size_t size, uint64_t number, bool may_be_fault)
{
	size_t len = strlen(buf);
	enum km_reading reading;
	char spelled[256];

	if (may_be_fault && is_of_fault(number, &reading) && reading == KM_READ_PFERR)
		snprintf(buf + len, size - len, ", error code %s",
			 km_pferr_spell(number, spelled, sizeof(spelled)));
	else if (may_be_fault && is_of_fault(number, &reading))
		snprintf(buf + len, size - len, ", exit qualification 0x%" PRIx64 ": %s", number,
			 km_ept_qualification_spell(number, spelled, sizeof(spelled)));
	else
		snprintf(buf + len, size - len, "%s0x%" PRIx64, len ? ", " : "", number);
}

static const char *meaning_of_map(const struct km_counts *c, const struct km_count *count,
				  char *buf, size_t size)
{
	uint64_t numbers[MOST_KEYS];
	bool decimal;
	size_t n = numbers_of_key(count->key, numbers, &decimal);

	if (n == 1 && is_map_of_exits(count->key))
		return is_of_amd(c, count->key) ? km_svm_exit_name(numbers[0])
						: km_vmx_exit_name(numbers[0]);
	buf[0] = 0;
	for (size_t i = 0; i < n; i++)
		append_number(buf, size, numbers[i], i && is_map_of_faults(count->key, numbers[0]));
	return n && (decimal || strchr(buf, ' ')) ? buf : NULL;
}

const char *km_count_meaning(const struct km_counts *c, const struct km_count *count, char *buf,
			     size_t size)
{
	const char *const *means;

	if (count->by == KM_COUNTED_BPFTRACE)
		return meaning_of_map(c, count, buf, size);
	means = count->by == KM_COUNTED_KVM_STAT ? statistic(count->key, strlen(count->key)) : NULL;
	return means ? *means : NULL;
}

uint64_t km_counts_of(const struct km_counts *c, const char *key)
{
	for (size_t i = 0; i < c->count; i++) {
		if (!strcmp(c->kept[i].key, key))
			return c->kept[i].count;
	}
	return 0;
}

/* --- keeping them --- */

/* Copy a key: blanks become one, what does not print "?". */
static void copy_key(char *to, const char *from, size_t len)
{
	const char *end = from + len;
	size_t n = 0;

	while (from < end && n + 1 < KM_COUNT_KEY) {
		bool blank = isspace((unsigned char)*from);

		if (!blank || (n && to[n - 1] != ' '))
			to[n++] = blank ? ' ' : isprint((unsigned char)*from) ? *from : '?';
		from++;
	}
	while (n && to[n - 1] == ' ')
		n--;
	to[n] = 0;
}

static bool keep(struct km_counts *c, enum km_counted_by by, const char *key, size_t len,
		 uint64_t count)
{
	size_t at = c->count;

	c->lines++;
	c->rows = true;
	if (!count)
		return true;
	while (at && c->kept[at - 1].count < count)
		at--;
	if (at == KM_COUNTS)
		return true;
	if (c->count < KM_COUNTS)
		c->count++;
	memmove(&c->kept[at + 1], &c->kept[at], (c->count - 1 - at) * sizeof(c->kept[0]));
	c->kept[at].count = count;
	c->kept[at].by = by;
	copy_key(c->kept[at].key, key, len);
	return true;
}

/* "118424", "1,184,240" and nothing else of the word; false if it is none. */
static bool read_count(const char *at, size_t len, uint64_t *count)
{
	size_t digits = 0;

	*count = 0;
	for (size_t i = 0; i < len; i++) {
		if (at[i] == ',' && digits)
			continue;
		if (!isdigit((unsigned char)at[i]) || ++digits > 18)
			return false;
		*count = *count * 10 + (uint64_t)(at[i] - '0');
	}
	return digits;
}

/* --- counts that are recognized by their form --- */

/* "]: 12" at the end: the count, and the length of what is in front of it; false if there is none.
 */
static bool count_at_end(const char *line, const char *mark, size_t *before, uint64_t *count)
{
	const char *found = strstr(line, mark), *at;
	size_t len;

	if (!found)
		return false;
	at = found + strlen(mark);
	at += strspn(at, BLANKS);
	len = strcspn(at, BLANKS);
	*before = (size_t)(found - line);
	return !at[len + strspn(at + len, BLANKS)] && read_count(at, len, count);
}

static void append(struct km_counts *c, const char *text)
{
	size_t len = strlen(c->key), more = strlen(text);

	if (len + more + 2 > sizeof(c->key))
		return;
	/* no blank behind "[" */
	if (len && c->key[len - 1] != '[')
		c->key[len++] = ' ';
	memcpy(c->key + len, text + strspn(text, BLANKS), more + 1 - strspn(text, BLANKS));
}

/* "@faults[0x2f4a]: 12", "@: 12", and "@[", lines of a stack, "]: 12" */
static bool take_map(struct km_counts *c, const char *line)
{
	uint64_t count;
	size_t before;

	if (c->open) {
		c->open = *line && *line != '@';
		if (!c->open)
			return false;
		if (*line != ']') {
			append(c, line);
			return true;
		}
		c->open = false;
		if (!count_at_end(line, "]:", &before, &count) || before)
			return false;
		before = strlen(c->key);
		c->key[before++] = ']';
		c->key[before] = 0;
		return keep(c, KM_COUNTED_BPFTRACE, c->key, before, count);
	}
	if (*line != '@')
		return false;
	if (count_at_end(line, "]:", &before, &count))
		return keep(c, KM_COUNTED_BPFTRACE, line, before + 1, count);
	if (!strchr(line, '[') && count_at_end(line, ":", &before, &count))
		return keep(c, KM_COUNTED_BPFTRACE, line, before, count);
	if (line[strlen(line) - 1] == '[' && strlen(line) < KM_COUNT_KEY) {
		c->open = true;
		strcpy(c->key, line);
		return true;
	}
	return false;
}

/* "{ gva: 2f4a000, error_code: 2 } hitcount: 12"; other values may follow */
static bool take_histogram(struct km_counts *c, const char *line)
{
	const char *close = strchr(line, '}'), *at = strstr(line, "hitcount:");
	uint64_t count;

	if (*line != '{' || !close || !at || at < close)
		return false;
	at += strlen("hitcount:");
	at += strspn(at, BLANKS);
	if (!read_count(at, strcspn(at, BLANKS), &count))
		return false;
	line += 1 + strspn(line + 1, BLANKS);
	return keep(c, KM_COUNTED_HISTOGRAM, line, (size_t)(close - line), count);
}

/* "pf_fixed 12", "pf_fixed: 12", "/sys/kernel/debug/kvm/pf_fixed:12": a statistic of KVM's */
static bool take_statistic(struct km_counts *c, const char *line)
{
	const char *slash = strrchr(line, '/'), *name = slash ? slash + 1 : line;
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz_" DIGITS);
	const char *at = name + len;
	uint64_t count;

	if (!len || !statistic(name, len))
		return false;
	at += strspn(at, BLANKS ":=");
	return at > name + len && read_count(at, strcspn(at, BLANKS), &count) &&
	       keep(c, KM_COUNTED_KVM_STAT, name, len, count);
}

/* --- tables of counts --- */

static enum km_counted_by table_of(const char *line)
{
	if (strstr(line, "Samples%"))
		return KM_COUNTED_PERF_KVM;
	if (strstr(line, "Performance counter stats"))
		return KM_COUNTED_PERF_STAT;
	if (strstr(line, "KVM_EXIT_REASON") || (strstr(line, "FUNC") && strstr(line, "COUNT")))
		return KM_COUNTED_BCC;
	return KM_COUNTED_BY;
}

struct word {
	const char *at;
	size_t len;
};

static size_t words_of(const char *line, struct word *words)
{
	size_t count = 0;

	while (count < MOST_WORDS && *(line += strspn(line, BLANKS))) {
		words[count].at = line;
		words[count].len = strcspn(line, BLANKS);
		line += words[count++].len;
	}
	return count;
}

/* "EPT_VIOLATION 118424 97.12% ..."; "1,184,240 kvm:kvm_exit"; "31870 31877 HLT 811" */
static bool take_row(struct km_counts *c, const char *line)
{
	struct word words[MOST_WORDS];
	size_t n = words_of(line, words), key = 0, number = n - 1;
	const char *end;
	uint64_t count;

	if (c->table == KM_COUNTED_BY || n < 2)
		return false;
	if (c->table == KM_COUNTED_PERF_KVM)
		number = 1;
	if (c->table == KM_COUNTED_PERF_STAT) {
		key = 1;
		number = 0;
	}
	if (!read_count(words[number].at, words[number].len, &count) ||
	    (c->table == KM_COUNTED_PERF_KVM && (n < 3 || !memchr(words[2].at, '%', words[2].len))))
		return false;
	end = number > key ? words[number - 1].at + words[number - 1].len
			   : words[key].at + words[key].len;
	return keep(c, c->table, words[key].at, (size_t)(end - words[key].at), count);
}

/* "@usecs:", "[256, 512)  12 |@@@@    |": a histogram of bpftrace's, which has no keys. */
static bool is_bar(const char *line)
{
	size_t len = strlen(line);

	if (*line == '@')
		return line[len - 1] == ':';
	return (*line == '[' || *line == '(') && line[len - 1] == '|' && strchr(line, ')');
}

/* What such tools print beside the counts: sums, and the rest of a row that was wrapped. */
static bool is_beside(const struct km_counts *c, const char *line)
{
	static const char *const beginnings[] = {
		"Total Samples:", "Totals:", "Hits:",	     "Entries:",
		"Dropped:",	  "Total ",  "Lost events:", "( +-",
	};

	if (!strncmp(line, "Analyze events for ", 19))
		return true;
	if (!c->lines)
		return false;

	for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++) {
		if (!strncmp(line, beginnings[i], strlen(beginnings[i])))
			return true;
	}
	return (c->table == KM_COUNTED_PERF_KVM && strstr(line, "+-")) ||
	       strstr(line, "seconds time elapsed") || strstr(line, "Total events handled time");
}

bool km_counts_line(struct km_counts *c, const char *line)
{
	enum km_counted_by table;

	line += strspn(line, BLANKS);
	if (!*line) {
		if (c->rows)
			c->table = KM_COUNTED_BY;
		c->open = c->rows = false;
		return false;
	}
	if (take_map(c, line) || take_histogram(c, line) || take_statistic(c, line))
		return true;
	table = table_of(line);
	if (table != KM_COUNTED_BY) {
		c->table = table;
		c->rows = false;
		return true;
	}
	return take_row(c, line) || is_beside(c, line) || is_bar(line);
}
