// SPDX-License-Identifier: GPL-2.0-or-later
#include "command_options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

km_error *km_parse_hex(const char *word, const char *what, uint64_t *value)
{
	const char *digits = word;
	char *end;

	if (digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X'))
		digits += 2;
	*value = strtoull(digits, &end, 16);
	if (!*digits || strlen(digits) > 16 ||
	    strspn(digits, "0123456789abcdefABCDEF") != strlen(digits))
		return km_errorf(KM_EUSAGE, "%s \"%s\" is no hexadecimal number of 64 bits", what,
				 word);
	return NULL;
}

bool km_parse_decimal(const char *word, uint64_t *value)
{
	if (!*word || strlen(word) > 9 || strspn(word, "0123456789") != strlen(word))
		return false;
	*value = strtoull(word, NULL, 10);
	return true;
}

static const struct option long_options[] = {
	{"json", no_argument, NULL, 'j'},
	{"address", required_argument, NULL, 'a'},
	{"error", required_argument, NULL, 'e'},
	{"mmu", required_argument, NULL, 'm'},
	{"bytes", required_argument, NULL, 'n'},
	{"v1", no_argument, NULL, '1'},
	{"trace", no_argument, NULL, 't'},
	{"watch", required_argument, NULL, 'W'},
	{"level", required_argument, NULL, 'l'},
	{"as", required_argument, NULL, 'A'},
	{"types", required_argument, NULL, 'T'},
	{"debuginfo", required_argument, NULL, 'k'},
	{"output", required_argument, NULL, 'o'},
	{"list", required_argument, NULL, 'L'},
	{"with-names", no_argument, NULL, 'N'},
	{"limit", required_argument, NULL, 'P'},
	{NULL, 0, NULL, 0},
};

/* Hexadecimal bytes, or a decimal number of K, M, G, T; "all" is more than any table can map. */
static km_error *parse_size(const char *word, uint64_t *bytes)
{
	static const char units[] = "KMGT";
	size_t len = strlen(word);
	const char *unit = len ? strchr(units, word[len - 1]) : NULL;
	char number[16];

	*bytes = 0;
	if (!strcmp(word, "all")) {
		*bytes = KM_MAX_BYTES;
	} else if (unit && len <= sizeof(number)) {
		snprintf(number, sizeof(number), "%.*s", (int)len - 1, word);
		if (km_parse_decimal(number, bytes) &&
		    *bytes <= KM_MAX_BYTES >> 10 * (unit - units + 1))
			*bytes <<= 10 * (unit - units + 1);
		else
			*bytes = 0;
	} else {
		km_scoped_error *none = km_parse_hex(word, "size", bytes);

		*bytes = none ? 0 : *bytes;
	}
	if (!*bytes || *bytes > KM_MAX_BYTES)
		return km_errorf(
			KM_EUSAGE,
			"size \"%s\" is no hexadecimal number of bytes, nor one like 512M, "
			"nor all",
			word);
	return NULL;
}

static km_error *parse_option(int c, struct km_command_options *o)
{
	uint64_t level;

	switch (c) {
	case 'j':
		o->json = true;
		return NULL;
	case '1':
		o->v1 = true;
		return NULL;
	case 't':
		o->trace = true;
		return NULL;
	case 'W':
		if (!km_parse_decimal(optarg, &o->watch) || !o->watch || o->watch > 1000)
			return km_errorf(KM_EUSAGE, "watch \"%s\" is no number from 1 to 1000",
					 optarg);
		return NULL;
	case 'a':
		o->has_addr = true;
		return km_parse_hex(optarg, "address", &o->addr);
	case 'e':
		o->has_error_code = true;
		return km_parse_hex(optarg, "error code", &o->error_code);
	case 'm':
		o->mmu = optarg;
		return NULL;
	case 'n':
		return parse_size(optarg, &o->bytes);
	case 'k':
		o->debug = optarg;
		return NULL;
	case 'l':
		if (!km_parse_decimal(optarg, &level) || level < 1 || level > 5)
			return km_errorf(KM_EUSAGE, "level \"%s\" is not one of 1 to 5", optarg);
		o->level = (int)level;
		return NULL;
	case 'o':
		o->output = optarg;
		return NULL;
	case 'L':
		o->list = optarg;
		return NULL;
	case 'N':
		o->names = true;
		return NULL;
	case 'P':
		if (!km_parse_decimal(optarg, &o->limit) || !o->limit)
			return km_errorf(KM_EUSAGE, "limit \"%s\" is no number of pages", optarg);
		return NULL;
	case 'A':
		o->as = optarg;
		return NULL;
	case 'T':
		if (!strcmp(optarg, "auto"))
			o->types = KM_TYPES_AUTO;
		else if (!strcmp(optarg, "btf"))
			o->types = KM_TYPES_BTF;
		else if (!strcmp(optarg, "dwarf"))
			o->types = KM_TYPES_DWARF;
		else
			return km_errorf(KM_EUSAGE, "types \"%s\": auto, btf or dwarf", optarg);
		return NULL;
	case ':':
		return km_errorf(KM_EUSAGE, "option wants a value");
	default:
		return km_errorf(KM_EUSAGE, "unknown option");
	}
}

/* "--watch" of 'W'. */
static const char *long_name(int c)
{
	const struct option *o = long_options;

	while (o->name && o->val != c)
		o++;
	return o->name ? o->name : "?";
}

km_error *km_command_options_parse(const char *known, int argc, char **argv,
				   struct km_command_options *options, int *used)
{
	km_error *err = NULL;
	int c;

	optind = 0; /* starts glibc's getopt anew */
	opterr = 0;
	while (!err && (c = getopt_long(argc, argv, ":ja:e:m:n:k:o:", long_options, NULL)) != -1) {
		const char *word = optind > 0 && optind <= argc ? argv[optind - 1] : "";

		err = parse_option(c, options);
		if (c == '?' && optopt && !strchr(word, '=')) /* perhaps one of several */
			err = km_error_context(err, "\"-%c\"", optopt);
		else if (c == '?' || c == ':')
			err = km_error_context(err, "\"%s\"", word);
		else if (!strchr("jkT", c) && !strchr(known, c)) {
			km_error_free(err);
			err = km_errorf(KM_EUSAGE, "%s takes no --%s", argv[0], long_name(c));
		}
	}
	*used = optind;
	return err;
}
