/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The fields of an event's text: "name value", "name: value", "name=value", "name(value)" in any
 * order. Nothing is copied.
 */
#ifndef KVMMMU_TRACE_FIELDS_H
#define KVMMMU_TRACE_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KM_TRACE_WORDS 64

struct km_trace_word {
	const char *at;
	size_t len;
	size_t mark; /* where in it '=', ':' or '(' ends its name; 0: it has none */
};

struct km_trace_fields {
	struct km_trace_word words[KM_TRACE_WORDS];
	size_t count;
	/* numbers without "0x" in name=value and name: value are decimal, as the tools print raw
	 * fields; else hexadecimal */
	bool raw;
	/* raw, but numbers are in the base of the kernel's TP_printk(), which is mostly hexadecimal
	 */
	bool kernel_base;
};

/* The names that a field has in different events, kernels and tools. */
#define KM_NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})

void km_trace_fields_read(const char *text, struct km_trace_fields *fields);

/* The value of the field that has one of the @names; its length is 0 if there is none. */
struct km_trace_word km_trace_field(const struct km_trace_fields *fields, const char *const *names);

/* A hexadecimal number, "0x" or not; decimal if it is a raw field. False if there is none. */
bool km_trace_hex(const struct km_trace_fields *fields, const char *const *names, uint64_t *value);

/* Decimal in any case, up to 18 digits. */
bool km_trace_decimal(const struct km_trace_fields *fields, const char *const *names,
		      uint64_t *value);

/* The word as a hexadecimal number. */
bool km_trace_word_hex(struct km_trace_word word, uint64_t *value);

bool km_trace_word_is(struct km_trace_word word, const char *text);

#endif
