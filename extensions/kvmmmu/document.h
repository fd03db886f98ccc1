/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a command has to say, as one tree: sections, fields, tables, notes and findings. Commands
 * build it, renderers print it (render.h). Every node has a key for machines and words for people.
 *
 * All nodes live in their document and go with it. Builders accept NULL nodes and do nothing then;
 * when memory runs out the document says so (oom) instead of failing in the middle.
 */
#ifndef KVMMMU_DOCUMENT_H
#define KVMMMU_DOCUMENT_H

#include "certainty.h"
#include "layout.h"

enum km_value_kind {
	KM_V_NONE, /* not known, with the reason in text; JSON null */
	KM_V_TEXT,
	KM_V_DEC,
	KM_V_SIGNED,
	KM_V_HEX, /* JSON: a string "0x..." */
	KM_V_BOOL,
};

/* How a value is to be seen where there is colour. */
enum km_tone {
	KM_TONE_PLAIN,
	KM_TONE_GOOD,
	KM_TONE_WARN,
	KM_TONE_ALARM,
};

struct km_value {
	enum km_value_kind kind;
	enum km_tone tone;
	uint64_t number;
	const char *text; /* KM_V_TEXT: the value; others: how people read it, or NULL */
};

enum km_node_kind {
	KM_N_SECTION, /* a titled group; JSON object */
	KM_N_LIST,    /* sections of one kind; JSON array */
	KM_N_FIELD,   /* one labelled value */
	KM_N_TABLE,   /* columns and rows; JSON array of objects */
	KM_N_COLUMN,
	KM_N_ROW,
	KM_N_CELL,
	KM_N_NOTE,    /* a remark; JSON: in "notes" of its section, or in the array of its key */
	KM_N_FINDING, /* something that deserves a look; JSON: in "findings" of its section */
};

struct km_document;

struct km_node {
	enum km_node_kind kind;
	const char *key;	     /* JSON name; a finding's id */
	const char *title;	     /* for people; NULL: not shown in text */
	struct km_value value;	     /* of sections only the tone: their title's */
	enum km_certainty certainty; /* findings */
	bool right;		     /* columns: flush right */
	bool compact;		     /* sections: fields run on in one paragraph */
	bool machine_only;	     /* not shown in text */
	struct km_node *first, *last, *next;
	struct km_document *doc;
};

struct km_document *km_document_new(void);
void km_document_free(struct km_document *doc);
struct km_node *km_document_root(struct km_document *doc);
bool km_document_oom(const struct km_document *doc);

/* Is there a finding anywhere in the tree that is at least this certain? */
bool km_document_finds(const struct km_document *doc, enum km_certainty at_least);

/* A copy of the formatted text that lives as long as the document; "" when memory is out. */
const char *km_text(struct km_node *node, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

struct km_node *km_section(struct km_node *parent, const char *key, const char *title);
struct km_node *km_compact(struct km_node *parent, const char *key, const char *title);
struct km_node *km_list(struct km_node *parent, const char *key);
void km_field(struct km_node *parent, const char *key, const char *label, struct km_value value);
struct km_node *km_table(struct km_node *parent, const char *key, const char *title);
void km_column(struct km_node *table, const char *key, const char *header, bool right);
/* Leaves the node out of the text; NULL is fine. */
static inline void km_machine_only(struct km_node *node)
{
	if (node)
		node->machine_only = true;
}

/* Shows the section's title as an alarm; NULL is fine. */
static inline void km_alarm(struct km_node *section)
{
	if (section)
		section->value.tone = KM_TONE_ALARM;
}

struct km_node *km_row(struct km_node *table);
void km_cell(struct km_node *row, struct km_value value);
void km_note(struct km_node *parent, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Returns the finding: what is added to it goes into it. */
struct km_node *km_finding(struct km_node *parent, const char *id, enum km_certainty certainty,
			   const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* A remark of a kind of its own: in the array @key, for people a line after a dash. */
void km_point(struct km_node *parent, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Values */
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

/* Not known: @why for people ("not in the dump"). */
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

/* A value of the target: shown as @kind, or why it is not known ("?" or "-"). */
struct km_value km_v_val(struct km_val val, enum km_value_kind kind);

#endif
