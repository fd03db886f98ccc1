// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/number_words.h"

#include "rules/exits.h"

#include <ctype.h>
#include <string.h>

#define BETWEEN " \t\r\n,;()[]{}\"'|"
#define MARKS	"=:"

/* --- values --- */

static bool is_pferr(uint64_t value)
{
	size_t count;
	const struct km_bit_name *names = km_pferr_names(&count);
	uint64_t known = 0;

	for (size_t i = 0; i < count; i++)
		known |= names[i].mask;
	return !(value & ~known) && (value & (PFERR_WRITE_MASK | PFERR_FETCH_MASK)) !=
					    (PFERR_WRITE_MASK | PFERR_FETCH_MASK);
}

/* One access, or a read and a write; the final translation is one of a valid address. */
static bool is_qualification(uint64_t value)
{
	unsigned access = value & 7;

	return !(value & ~EPT_VIOLATION_BITS) && access && (access == 4 || access < 4) &&
	       (value & KM_BIT(7) || !(value & KM_BIT(8)));
}

bool km_number_is_plausible(uint64_t value)
{
	return is_pferr(value) || is_qualification(value) || km_is_interruption_info(value) ||
	       (value >> 62 && km_tdx_status_name(value));
}

static int digit(char c)
{
	if (isdigit((unsigned char)c))
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Digits of a base with "_" between them; false if there are others, or too many. */
static bool digits_of(const char *at, size_t len, unsigned base, uint64_t *value)
{
	bool any = false;

	*value = 0;
	for (size_t i = 0; i < len; i++) {
		int d = digit(at[i]);
		uint64_t next = *value * base + (uint64_t)d;

		if (at[i] == '_' && any)
			continue;
		if (d < 0 || d >= (int)base || (next - (uint64_t)d) / base != *value ||
		    next < (uint64_t)d)
			return false;
		*value = next;
		any = true;
	}
	return any;
}

/* "0x184ULL", "184h": without what C and assemblers put behind a number */
static size_t without_suffix(const char *at, size_t len)
{
	while (len > 1 && strchr("uUlL", at[len - 1]))
		len--;
	if (len > 1 && (at[len - 1] == 'h' || at[len - 1] == 'H'))
		len--;
	return len;
}

static bool read_number(const char *at, size_t len, struct km_number_word *word)
{
	bool prefix = len > 2 && at[0] == '0' && (at[1] == 'x' || at[1] == 'X');

	len = without_suffix(at, len);
	if (prefix)
		return digits_of(at + 2, len - 2, 16, &word->value);
	word->digits = *at != '0' && digits_of(at, len, 10, &word->as_decimal);
	/* it may have too many digits for a hexadecimal number */
	if (!digits_of(at, len, 16, &word->value)) {
		word->value = word->as_decimal;
		word->decimal = word->digits;
		return word->digits;
	}
	word->as_hex = word->value;
	if (word->digits && !km_number_is_plausible(word->value) &&
	    km_number_is_plausible(word->as_decimal)) {
		word->decimal = true;
		word->value = word->as_decimal;
	}
	return true;
}

/* --- names --- */

static const struct {
	const char *name; /* small letters, without what is between words */
	enum km_number_name is;
	bool amd, intel;
} names[] = {
	{"errorcode", KM_NUMBER_ERROR_CODE, false, false},
	{"error", KM_NUMBER_ERROR_CODE, false, false},
	{"errcode", KM_NUMBER_ERROR_CODE, false, false},
	{"err", KM_NUMBER_ERROR_CODE, false, false},
	{"ec", KM_NUMBER_ERROR_CODE, false, false},
	{"pfec", KM_NUMBER_ERROR_CODE, false, false},
	{"pferr", KM_NUMBER_ERROR_CODE, false, false},
	{"faulterrorcode", KM_NUMBER_ERROR_CODE, false, false},
	{"exitqualification", KM_NUMBER_QUALIFICATION, false, true},
	{"qualification", KM_NUMBER_QUALIFICATION, false, true},
	{"exitqual", KM_NUMBER_QUALIFICATION, false, true},
	{"qual", KM_NUMBER_QUALIFICATION, false, true},
	{"idtvectoringinfo", KM_NUMBER_VECTORING, false, false},
	{"idtvectoringinfofield", KM_NUMBER_VECTORING, false, false},
	{"idtvectoring", KM_NUMBER_VECTORING, false, false},
	{"vectoringinfo", KM_NUMBER_VECTORING, false, false},
	{"intrinfo", KM_NUMBER_VECTORING, false, false},
	{"exitintrinfo", KM_NUMBER_VECTORING, false, false},
	{"vmexitintrinfo", KM_NUMBER_VECTORING, false, false},
	{"vmentryintrinfo", KM_NUMBER_VECTORING, false, false},
	{"interruptioninfo", KM_NUMBER_VECTORING, false, false},
	{"exitintinfo", KM_NUMBER_VECTORING, true, false},
	{"extint", KM_NUMBER_VECTORING, false, false},
	{"eventinj", KM_NUMBER_VECTORING, true, false},
	{"info1", KM_NUMBER_INFO1, false, false},
	{"extinf1", KM_NUMBER_INFO1, false, false},
	{"exitinfo1", KM_NUMBER_INFO1, false, false},
	{"swexitinfo1", KM_NUMBER_INFO1, true, false},
	{"info2", KM_NUMBER_INFO2, false, false},
	{"extinf2", KM_NUMBER_INFO2, false, false},
	{"exitinfo2", KM_NUMBER_INFO2, false, false},
	{"swexitinfo2", KM_NUMBER_INFO2, true, false},
	{"exitcode", KM_NUMBER_EXIT_CODE, true, false},
	{"swexitcode", KM_NUMBER_EXIT_CODE, true, false},
	{"exitreason", KM_NUMBER_EXIT_REASON, false, false},
	{"reason", KM_NUMBER_EXIT_REASON, false, false},
	{"basicexitreason", KM_NUMBER_EXIT_REASON, false, true},
	{"vpenterret", KM_NUMBER_TDX, false, true},
	{"seamcall", KM_NUMBER_TDX, false, true},
	{"tdxstatus", KM_NUMBER_TDX, false, true},
	{"spte", KM_NUMBER_SPTE, false, false},
	{"old", KM_NUMBER_SPTE, false, false},
	{"new", KM_NUMBER_SPTE, false, false},
	{"oldspte", KM_NUMBER_SPTE, false, false},
	{"newspte", KM_NUMBER_SPTE, false, false},
	{"gpa", KM_NUMBER_ADDRESS, false, false},
	{"address", KM_NUMBER_ADDRESS, false, false},
	{"addr", KM_NUMBER_ADDRESS, false, false},
	{"faultaddress", KM_NUMBER_ADDRESS, false, false},
	{"gva", KM_NUMBER_ADDRESS, false, false},
	{"cr2", KM_NUMBER_ADDRESS, false, false},
};

/* Values that are words. */
static const struct {
	const char *word;
	bool amd;
} exits[] = {
	{"npf", true},		 {"exitnpf", true},
	{"vmexitnpf", true},	 {"svmexitnpf", true},
	{"eptviolation", false}, {"exitreasoneptviolation", false},
	{"eptmisconfig", false}, {"exitreasoneptmisconfig", false},
};

/* Compare @len bytes with @name: large letters as small ones, without "_", "-" and blanks. */
static bool is_name(const char *at, size_t len, const char *name)
{
	for (size_t i = 0; i < len; i++) {
		if (strchr("_- ", at[i]))
			continue;
		if (!*name || tolower((unsigned char)at[i]) != *name)
			return false;
		name++;
	}
	return !*name;
}

/* What the name at the end of @at is; *@found is its index, or the number of names. */
static enum km_number_name find_name(const char *at, size_t len, size_t *found)
{
	/* "error code 0x184", also behind other words: the longest name that ends here */
	for (size_t from = 0; from < len; from++) {
		if (from && !strchr(" .>", at[from - 1]))
			continue;
		for (*found = 0; *found < sizeof(names) / sizeof(names[0]); ++*found) {
			if (is_name(at + from, len - from, names[*found].name))
				return names[*found].is;
		}
	}
	*found = sizeof(names) / sizeof(names[0]);
	return len ? KM_NUMBER_OTHER : KM_NUMBER_UNNAMED;
}

static bool find_exit(const char *at, size_t len, struct km_number_words *numbers)
{
	for (size_t i = 0; i < sizeof(exits) / sizeof(exits[0]); i++) {
		if (!is_name(at, len, exits[i].word))
			continue;
		numbers->amd = numbers->amd || exits[i].amd;
		numbers->intel = numbers->intel || !exits[i].amd;
		return true;
	}
	return false;
}

/* --- the words --- */

/* Tools print exit reasons in decimal, and SVM's exit codes in either base. */
static void choose_base(struct km_number_word *word)
{
	bool decimal = word->is == KM_NUMBER_EXIT_REASON ||
		       (word->is == KM_NUMBER_EXIT_CODE && !km_svm_exit_name(word->value) &&
			km_svm_exit_name(word->as_decimal));

	if (word->digits && decimal) {
		word->decimal = true;
		word->value = word->as_decimal;
	}
}

static void add(struct km_number_words *numbers, struct km_number_word *word, const char *name,
		size_t len)
{
	size_t found, room = sizeof(word->name) - 1;

	word->is = find_name(name, len, &found);
	choose_base(word);
	if (found < sizeof(names) / sizeof(names[0])) {
		numbers->amd = numbers->amd || names[found].amd;
		numbers->intel = numbers->intel || names[found].intel;
	}
	if (len > room) {
		name += len - room;
		len = room;
	}
	memcpy(word->name, name, len);
	word->name[len] = 0;
	/* the second one without a name is an SPTE or EXITINFO1 */
	if (word->is == KM_NUMBER_UNNAMED && numbers->count && word->as_hex) {
		word->decimal = false;
		word->value = word->as_hex;
	}
	numbers->named = numbers->named || word->is != KM_NUMBER_UNNAMED;
	if (numbers->count < KM_NUMBER_WORDS)
		numbers->words[numbers->count++] = *word;
}

/* May it be a number? A word of letters that are digits, too, is one if it is not a name. */
static bool looks_like_number(const char *at, size_t len, bool before_mark)
{
	size_t found;

	if (isdigit((unsigned char)*at))
		return true;
	return !before_mark && strspn(at, "0123456789abcdefABCDEF_") >= len &&
	       (strcspn(at, "0123456789") < len || find_name(at, len, &found) == KM_NUMBER_OTHER);
}

/* Append a word to the name in front of a number. */
static void join(char *name, size_t room, const char *at, size_t len)
{
	size_t have = strlen(name);

	if (have + len + 2 > room)
		have = 0;
	if (len + 2 > room)
		return;
	if (have)
		name[have++] = ' ';
	memcpy(name + have, at, len);
	name[have + len] = 0;
}

const char *km_number_words_read(const char *text, struct km_number_words *numbers, size_t *len)
{
	const char *unknown = NULL;
	char name[64] = "";

	memset(numbers, 0, sizeof(*numbers));
	*len = 0;
	while (*(text += strspn(text, BETWEEN MARKS))) {
		size_t word = strcspn(text, BETWEEN MARKS);
		bool mark = text[word] && strchr(MARKS, text[word]);
		struct km_number_word number = {0};

		if (looks_like_number(text, word, mark) && read_number(text, word, &number)) {
			add(numbers, &number, name, strlen(name));
			name[0] = 0;
			unknown = NULL;
		} else if (find_exit(text, word, numbers)) {
			name[0] = 0;
			numbers->named = true;
		} else {
			if (!unknown || isdigit((unsigned char)*text)) {
				unknown = text;
				*len = word;
			}
			if (isdigit((unsigned char)*text))
				return unknown;
			join(name, sizeof(name), text, word);
		}
		text += word;
	}
	return numbers->count ? NULL : unknown;
}
