/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a diagnosis says of a case, checked and written down: test_NAME.txt beside test_NAME.c has
 * every word of it. KVMMMU_EXPECT=write writes down what is said now.
 */
#ifndef KVMMMU_TESTS_UNIT_SAID_H
#define KVMMMU_TESTS_UNIT_SAID_H

#include "cm.h"
#include "diagnosis.h"

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
	if (d->known_cases)
		fprintf(said_to, "  known: %s\n", d->known_cases);
	if (d->advice)
		fprintf(said_to, "  next: %s\n", d->advice);
}

/* The last test of a program: is all of it as it was written down? @source: __FILE__. */
static inline void compare_with_file(const char *source)
{
	const char *mode = getenv("KVMMMU_EXPECT");
	static char was[1 << 18];
	char path[256];
	size_t size;
	FILE *file;

	fflush(said_to);
	snprintf(path, sizeof(path), "%.*s.txt", (int)strlen(source) - 2, source);
	if (mode && !strcmp(mode, "write")) {
		file = fopen(path, "w");
		assert_non_null(file);
		fputs(said, file);
		fclose(file);
	}
	file = fopen(path, "r");
	assert_non_null(file);
	size = fread(was, 1, sizeof(was) - 1, file);
	fclose(file);
	was[size] = 0;
	for (size_t at = 0, line = 0; strcmp(was, said); at++) {
		line = !at || said[at - 1] == '\n' ? at : line;
		if (was[at] == said[at])
			continue;
		print_message("expected: %s\nis:       %s\n", was + line, said + line);
		fail_msg("not what %s has", path);
	}
}

/* The tests' world is w: the diagnosis goes into w.d, with marks for what the catalogue has. */
#define ask_anew()                                                                                 \
	(w.d = (struct km_diagnosis){.certainty = -1, .known_cases = "(list)", .advice = "(list)"})

#define nothing(call)                                                                              \
	do {                                                                                       \
		ask_anew();                                                                        \
		assert_false(call);                                                                \
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
