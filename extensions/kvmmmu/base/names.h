/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names that are kept once, however many refer to them: functions on the stacks of threads. */
#ifndef KVMMMU_NAMES_H
#define KVMMMU_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zero: empty. */
struct km_names {
	const char **names; /* a hash table; NULL: free */
	size_t size, count;
};

/*
 * Return the one copy of the @len bytes at @name, which ends with a null byte and lives as long as
 * @names; NULL if memory is exhausted. The empty name needs no memory.
 */
const char *km_names_add(struct km_names *names, const char *name, size_t len);

bool km_names_have(const struct km_names *names, const char *name);

void km_names_deinit(struct km_names *names);

#endif
