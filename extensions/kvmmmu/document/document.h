/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The answer of a command as one tree: sections, fields, tables, notes and findings. Commands build
 * it, renderers print it (render.h). A node has a key for machines and a title for people; a node
 * with only one of them is for those readers only. Titles and labels are plain words: indentation,
 * colons and alignment belong to the renderers.
 *
 * All nodes live in their document and are freed with it. Builders accept a NULL node and then do
 * nothing and return NULL, so that a command need not check each call: when memory runs out, the
 * document remembers it (km_document_oom()) and must not be shown.
 */
#ifndef KVMMMU_DOCUMENT_H
#define KVMMMU_DOCUMENT_H

#include "base/certainty.h"
#include "document/value.h"

enum km_node_kind {
	KM_N_SECTION, /* a titled group; JSON object */
	KM_N_LIST,    /* sections of one kind; JSON array */
	KM_N_FIELD,   /* one labelled value */
	KM_N_TABLE,   /* columns, then rows; JSON array of objects */
	KM_N_COLUMN,
	KM_N_ROW,
	KM_N_NOTE,    /* a remark; JSON: a string in the array of its key, "notes" without one */
	KM_N_FINDING, /* something that needs attention; JSON: in "findings" of its section */
};

/* How a node is drawn where there are pictures; others print what it holds. */
enum km_look {
	KM_LOOK_PLAIN,
	KM_LOOK_CHAPTER, /* sections: a chapter of a long answer */
	KM_LOOK_COMMAND, /* fields: to be typed as it is */
	KM_LOOK_FRAMES,	 /* fields: the same; its numbers are frames of pages */
	KM_LOOK_LOG,	 /* tables: messages, in which long numbers may lack "0x" */
	KM_LOOK_LOOP,	 /* tables: steps that lead back to the first */
	KM_LOOK_WALK,	 /* tables: a row for each level of page tables, root first */
	KM_LOOK_MATRIX,	 /* tables: a permission table, with the cells in column "matrix" */
	KM_LOOK_BYTES,	 /* tables: neighbouring ranges of memory, with their size in "bytes" */
	KM_LOOK_MAP,	 /* tables: ranges of guest memory, from "start", "bytes" long */
};

struct km_document;
struct km_node;

/* The cells of a row, one for each column of @table, in their order. */
struct km_row {
	struct km_value *cells;
	uint64_t given; /* a bit for each cell that was given */
	const struct km_node *table;
};

struct km_node {
	enum km_node_kind kind;
	enum km_look look;
	enum km_certainty certainty; /* findings */
	const char *key;       /* JSON name; of a column, also how cells name it; a finding's id */
	const char *title;     /* for people; NULL: none */
	bool people, machines; /* who sees it */
	bool right;	       /* columns: numbers, aligned at the right */
	bool compact;	       /* sections: short fields, to be run together */
	unsigned columns;      /* tables: how many */
	union {
		struct km_value value; /* of sections only the tone: their title's */
		struct km_row row;
	};
	struct km_node *first, *last, *next;
	struct km_document *doc;
};

/* Columns of a table at most. */
#define KM_MAX_COLUMNS 40

/* Limit the document to @bytes; 0: no limit. Further nodes are then NULL, as if memory was out. */
void km_document_limit(struct km_document *doc, size_t bytes);

/* Return the limit if it was reached, else 0. Then the document is incomplete: do not show it. */
size_t km_document_full(const struct km_document *doc);

/* Return an empty document, or NULL if memory is exhausted. The caller frees it. */
struct km_document *km_document_new(void);
void km_document_free(struct km_document *doc);

/* Return the section that everything is in; NULL when memory ran out. */
struct km_node *km_document_root(const struct km_document *doc);

/*
 * Call it for each node while the whole tree is visited: what was visited before need not stay in
 * memory.
 */
void km_document_visit(struct km_document *doc);

/* Return true if memory ran out while the document was built: parts of it are missing. */
bool km_document_oom(const struct km_document *doc);

/*
 * Return what is wrong with the way the document was built, or NULL: a row without a cell for each
 * column, a cell given twice or for no column, two fields of one key. Such a document can be shown
 * (a missing cell reads as not known), but a command has a bug: tests fail on it.
 */
const char *km_document_defect(const struct km_document *doc);

/* Return true if a finding anywhere in the tree is at least this certain. */
bool km_document_finds(const struct km_document *doc, enum km_certainty at_least);

/*
 * Return a copy of the formatted text that lives as long as the document; "" if memory is
 * exhausted.
 */
const char *km_doc_text(struct km_node *node, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

struct km_node *km_doc_section(struct km_node *parent, const char *key, const char *title);
/* A section of short fields that a renderer may run together. */
struct km_node *km_doc_compact(struct km_node *parent, const char *key, const char *title);
struct km_node *km_doc_list(struct km_node *parent, const char *key);

/* @label: NULL: for machines only; "": the value needs no label. @key: NULL: for people only. */
void km_doc_field(struct km_node *parent, const char *key, const char *label,
		  struct km_value value);

/* A table has its columns first, then rows. @key: NULL: for people only. */
struct km_node *km_doc_table(struct km_node *parent, const char *key, const char *title);
/* @header: NULL: for machines only; "": a column without a heading. */
void km_doc_column(struct km_node *table, const char *key, const char *header, bool right);
/* A column for people only. */
void km_doc_people_column(struct km_node *table, const char *key, const char *header, bool right);
struct km_node *km_doc_row(struct km_node *table);
/* The same in another place: behind @row, a row or the last column of @table; NULL: at the end. */
struct km_node *km_doc_row_after(struct km_node *table, struct km_node *row);
/* Give @row its cell in column @key. Each column needs one. */
void km_doc_cell(struct km_node *row, const char *key, struct km_value value);

void km_doc_note(struct km_node *parent, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* A remark of its own kind, an item of the array @key; people see a list of them. */
void km_doc_point(struct km_node *parent, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Return the finding: what is added to it goes into it. */
struct km_node *km_doc_finding(struct km_node *parent, const char *id, enum km_certainty certainty,
			       const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Hide @node and all in it from people. NULL is fine. */
static inline void km_doc_machine_only(struct km_node *node)
{
	if (node)
		node->people = false;
}

/* NULL is fine. */
static inline void km_doc_look(struct km_node *node, enum km_look look)
{
	if (node)
		node->look = look;
}

/* Is it a field to be shown letter by letter? */
static inline bool km_looks_typed(const struct km_node *node)
{
	return node->look == KM_LOOK_COMMAND || node->look == KM_LOOK_FRAMES;
}

/* Add a section that is a chapter of a long answer. */
static inline struct km_node *km_doc_chapter(struct km_node *parent, const char *key,
					     const char *title)
{
	struct km_node *chapter = km_doc_section(parent, key, title);

	km_doc_look(chapter, KM_LOOK_CHAPTER);
	return chapter;
}

/* Set a title that is known only when the section is complete. NULL is fine. */
static inline void km_doc_set_title(struct km_node *section, const char *title)
{
	if (section)
		section->title = title;
}

/* Show the title of @section as an alarm. NULL is fine. */
static inline void km_doc_alarm(struct km_node *section)
{
	if (section)
		section->value.tone = KM_TONE_ALARM;
}

#endif
