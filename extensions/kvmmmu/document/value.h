/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One value of a document: for machines by its kind and number, for people as text. */
#ifndef KVMMMU_VALUE_H
#define KVMMMU_VALUE_H

#include "base/val.h"

#include <stddef.h>

enum km_value_kind {
	KM_V_NONE, /* not known, with the reason in text; JSON null */
	KM_V_TEXT,
	KM_V_DEC,
	KM_V_SIGNED,
	KM_V_HEX, /* JSON: a string "0x..." */
	KM_V_BOOL,
};

/* How much attention a value needs; shown in color where possible. */
enum km_tone {
	KM_TONE_PLAIN,
	KM_TONE_GOOD,
	KM_TONE_WARN,
	KM_TONE_ALARM,
};

/* Texts are borrowed: they have to live as long as the document. */
struct km_value {
	enum km_value_kind kind;
	enum km_tone tone;
	uint64_t number;
	const char *text; /* KM_V_TEXT: the value; others: how people read it, or NULL */
};

/* Room for any number that km_value_text() spells. */
#define KM_VALUE_TEXT 24

/* Return how people read @value, in @buf if a number has to be spelled. Not filtered. */
const char *km_value_text(const struct km_value *value, char buf[KM_VALUE_TEXT]);

/* NULL: not known. */
static inline struct km_value km_v_text(const char *text)
{
	return (struct km_value){.kind = text ? KM_V_TEXT : KM_V_NONE, .text = text};
}

static inline struct km_value km_v_dec(uint64_t number)
{
	return (struct km_value){.kind = KM_V_DEC, .number = number};
}

static inline struct km_value km_v_signed(int64_t number)
{
	return (struct km_value){.kind = KM_V_SIGNED, .number = (uint64_t)number};
}

static inline struct km_value km_v_hex(uint64_t number)
{
	return (struct km_value){.kind = KM_V_HEX, .number = number};
}

static inline struct km_value km_v_bool(bool yes)
{
	return (struct km_value){.kind = KM_V_BOOL, .number = yes};
}

/* Not known; @why is what people read ("not in the dump"). */
static inline struct km_value km_v_none(const char *why)
{
	return (struct km_value){.kind = KM_V_NONE, .text = why};
}

/* The same value, read by people as @text. */
static inline struct km_value km_v_as(struct km_value value, const char *text)
{
	value.text = text;
	return value;
}

static inline struct km_value km_v_tone(struct km_value value, enum km_tone tone)
{
	value.tone = tone;
	return value;
}

/* A value of the target, shown as @kind; "?" if it is not readable, "-" if the kernel lacks it. */
struct km_value km_v_val(struct km_val val, enum km_value_kind kind);

#endif
