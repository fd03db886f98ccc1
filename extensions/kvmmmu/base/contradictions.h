/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Facts that contradict each other: memory was corrupted, the dump is damaged, or it was taken
 * while the kernel was running. Whatever follows from such facts is less certain.
 */
#ifndef KVMMMU_CONTRADICTIONS_H
#define KVMMMU_CONTRADICTIONS_H

#include <stddef.h>

#define KM_CONTRADICTIONS 6 /* the first ones are kept */

struct km_contradictions {
	char text[KM_CONTRADICTIONS][160];
	size_t count;
};

/* Add one: both facts, in one phrase. It is dropped if there are too many. */
void km_contradict(struct km_contradictions *list, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Add the contradictions in @more to @list. */
void km_contradictions_merge(struct km_contradictions *list, const struct km_contradictions *more);

#endif
