// SPDX-License-Identifier: GPL-2.0-or-later
#include "diagnose/catalogue.h"

#include "rules/access.h"

#include <stdio.h>
#include <string.h>

#define KM_FIXED(when, commit, subject, release)                                                   \
	{                                                                                          \
		commit, subject, release, false, when                                              \
	}
#define KM_INTRODUCED(when, commit, subject, release)                                              \
	{                                                                                          \
		commit, subject, release, true, when                                               \
	}

#define COUNT_CASES(...)                                                                           \
	(sizeof((const struct km_known_case[]){__VA_ARGS__}) / sizeof(struct km_known_case))
#define KM_CASES(...) .cases = {__VA_ARGS__}, .case_count = COUNT_CASES(__VA_ARGS__)
#define KM_NO_CASES   .case_count = 0

const struct km_finding_text km_finding_texts[KM_DIAGNOSES] = {
#define KM_DIAGNOSIS(kind, name, id, means, advice, ...) {id, means, advice, __VA_ARGS__},
#include "diagnose/diagnoses.def"
#undef KM_DIAGNOSIS
};

const struct km_finding_text *km_finding_text(const char *id)
{
	for (size_t i = 0; i < KM_DIAGNOSES; i++) {
		if (!strcmp(km_finding_texts[i].id, id))
			return &km_finding_texts[i];
	}
	return NULL;
}

/*
 * "7.1; by 6.1.176, by 6.12.117": it is not known which release of that stable series was the first
 * that has it. Those come last.
 */
static void put_releases(FILE *to, const char *releases)
{
	const char *by = strstr(releases, "by ");

	if (!by) {
		fputs(releases, to);
		return;
	}
	fprintf(to, "%.*sat the latest in ", (int)(by - releases), releases);
	for (; *by; by++) {
		if (!strncmp(by, "by ", 3))
			by += 3;
		fputc(*by, to);
	}
}

/* Append the cases that introduced the fault, or those that fixed it, separated by commas. */
static void append_cases(FILE *to, const struct km_finding_text *text, unsigned when,
			 bool introduced)
{
	const char *separator =
		introduced ? (ftell(to) ? "; introduced by " : "introduced by ") : "";

	for (size_t i = 0; i < text->case_count; i++) {
		const struct km_known_case *k = &text->cases[i];

		if (k->introduced != introduced || !(when & KM_BIT(k->when)))
			continue;
		fprintf(to, "%s%s (\"%s\", ", separator, k->commit, k->subject);
		put_releases(to, k->release);
		fputc(')', to);
		separator = ", ";
	}
}

char *km_known_cases_spell(const struct km_finding_text *text, unsigned when, char *buf,
			   size_t size)
{
	FILE *to = fmemopen(buf, size, "w");

	buf[0] = '\0';
	if (!to)
		return buf;
	append_cases(to, text, when, false);
	append_cases(to, text, when, true);
	fclose(to);
	return buf;
}
