/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a diagnosis says of a case, checked and written down: test_NAME.txt beside test_NAME.c has
 * every word of it. KVMMMU_EXPECT=write writes down what is said now.
 */
#ifndef KVMMMU_TESTS_UNIT_SAID_H
#define KVMMMU_TESTS_UNIT_SAID_H

#include "cm.h"
#include "diagnose/diagnosis.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *said;
static size_t said_size;
static FILE *said_to;

/* Where to write what the test @test has to say. */
static inline FILE *said_by(const char *test)
{
	static const char *last_test;

	if (!said_to)
		said_to = open_memstream(&said, &said_size);
	if (!last_test || strcmp(last_test, test))
		fprintf(said_to, "%s%s\n", last_test ? "\n" : "", test);
	last_test = test;
	return said_to;
}

static inline void write_down(const char *test, const struct km_diagnosis *d)
{
	said_by(test);
	fprintf(said_to, "! %s%s: %s\n", km_certainty_text(d->certainty), d->stuck ? ", stuck" : "",
		d->verdict);
	for (size_t i = 0; i < d->evidence_count; i++)
		fprintf(said_to, "  - %s\n", d->evidence[i]);
	if (d->open[0])
		fprintf(said_to, "  open: %s\n", d->open);
	if (d->known != KM_BIT(KM_WHEN_ANY))
		fprintf(said_to, "  known cases: 0x%x\n", d->known);
	if (!d->advise)
		fprintf(said_to, "  no advice\n");
}

/* Write what was said to @to, a pipe or a file of its own. */
static inline int put_said(FILE *to, int (*close)(FILE *))
{
	assert_non_null(to);
	fputs(said, to);
	return close(to);
}

/* The last test of a program: is all of it as it was written down? @source: __FILE__. */
static inline void compare_with_file(const char *source)
{
	const char *mode = getenv("KVMMMU_EXPECT"), *name = strrchr(source, '/') + 1;
	int len = (int)strlen(source) - 2;
	char path[256], diff[600];

	fflush(said_to);
	snprintf(path, sizeof(path), "%.*s.txt", len, source);
	snprintf(diff, sizeof(diff), "diff -U0 --label %s --label now %s - >&2", path, path);
	if (mode && !strcmp(mode, "write"))
		put_said(fopen(path, "w"), fclose);
	if (put_said(popen(diff, "w"), pclose))
		fail_msg("it differs from %s; to accept it: KVMMMU_EXPECT=write build/unit/%.*s",
			 path, (int)strlen(name) - 2, name);
}

/* The tests' world is w: the diagnosis goes into w.d, as the catalogue is asked. */
#define ask_anew()                                                                                 \
	(w.d = (struct km_diagnosis){.certainty = -1, .advise = true, .known = KM_BIT(KM_WHEN_ANY)})

#define nothing(call)                                                                              \
	do {                                                                                       \
		ask_anew();                                                                        \
		assert_false(call);                                                                \
		assert_null(w.d.missing);                                                          \
	} while (0)

/* It is not known whether it is there. */
#define lacks(call)                                                                                \
	do {                                                                                       \
		ask_anew();                                                                        \
		assert_false(call);                                                                \
		assert_non_null(w.d.missing);                                                      \
	} while (0)

/* It is there, this sure, with a verdict that was not cut, and with evidence that was not. */
#define found(call, sure, why)                                                                     \
	do {                                                                                       \
		ask_anew();                                                                        \
		assert_true(call);                                                                 \
		assert_int_equal(w.d.certainty, sure);                                             \
		assert_int_equal(w.d.stuck, why);                                                  \
		assert_in_range(strlen(w.d.verdict), 20, sizeof(w.d.verdict) - 2);                 \
		assert_in_range(strlen(w.d.open), 0, sizeof(w.d.open) - 2);                        \
		assert_true(w.d.evidence_count > 0);                                               \
		for (size_t i_ = 0; i_ < w.d.evidence_count; i_++)                                 \
			assert_in_range(strlen(w.d.evidence[i_]), 5, sizeof(w.d.evidence[0]) - 2); \
		write_down(__func__, &w.d);                                                        \
	} while (0)

#endif
