// SPDX-License-Identifier: GPL-2.0-or-later
#include "document/redact.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SMALL	     0x10000
#define PAGE_SHIFT   12
#define KERNEL_SHIFT 16
#define FRAME_MASK   0x000ffffffffff000ULL /* bits 51:12 */
#define KERNEL	     0xffff800000000000ULL
/* Placeholders for frames and for parts of the kernel's address space. */
#define NEW_FRAME  0xa0000ULL
#define NEW_KERNEL 0xffffa00000000000ULL

struct numbers {
	uint64_t *items;
	size_t count, room;
};

struct km_redaction {
	struct numbers frames, kernel, kept;
	char **names;
	size_t name_count;
	bool oom;
};

struct km_redaction *km_redaction_new(void)
{
	return calloc(1, sizeof(struct km_redaction));
}

void km_redaction_free(struct km_redaction *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->name_count; i++)
		free(r->names[i]);
	free(r->names);
	free(r->frames.items);
	free(r->kernel.items);
	free(r->kept.items);
	free(r);
}

bool km_redaction_oom(const struct km_redaction *r)
{
	return r->oom;
}

/* Return the position of @number, which is added if it is new. */
static size_t position(struct km_redaction *r, struct numbers *all, uint64_t number)
{
	for (size_t i = 0; i < all->count; i++) {
		if (all->items[i] == number)
			return i;
	}
	if (all->count == all->room) {
		size_t room = all->room ? 2 * all->room : 64;
		uint64_t *items = reallocarray(all->items, room, sizeof(*items));

		if (!items) {
			r->oom = true;
			return 0;
		}
		all->items = items;
		all->room = room;
	}
	all->items[all->count] = number;
	return all->count++;
}

static bool is_kept(const struct km_redaction *r, uint64_t number)
{
	for (size_t i = 0; i < r->kept.count; i++) {
		if (r->kept.items[i] == number)
			return true;
	}
	return false;
}

void km_redaction_keep(struct km_redaction *r, uint64_t number)
{
	position(r, &r->kept, number);
}

static uint64_t redacted_frame(struct km_redaction *r, uint64_t frame)
{
	return NEW_FRAME + position(r, &r->frames, frame);
}

uint64_t km_redacted(struct km_redaction *r, uint64_t number)
{
	uint64_t frame = (number & FRAME_MASK) >> PAGE_SHIFT;

	if (number < SMALL || is_kept(r, number))
		return number;
	if (number >= KERNEL)
		return (NEW_KERNEL +
			(position(r, &r->kernel, number >> KERNEL_SHIFT) << KERNEL_SHIFT)) |
		       (number & ((1ULL << KERNEL_SHIFT) - 1));
	/* an address, or an entry of a page table: its attributes stay */
	if (!frame)
		return number;
	return (number & ~FRAME_MASK) | redacted_frame(r, frame) << PAGE_SHIFT;
}

/* ---- names ---- */

static int longest_first(const void *a, const void *b)
{
	size_t left = strlen(*(char *const *)a), right = strlen(*(char *const *)b);

	return left == right ? strcmp(*(char *const *)a, *(char *const *)b) : left < right ? 1 : -1;
}

void km_redaction_name(struct km_redaction *r, const char *name)
{
	char **names, *copy;

	for (size_t i = 0; i < r->name_count; i++) {
		if (!strcmp(r->names[i], name))
			return;
	}
	if (!*name)
		return;
	copy = strdup(name);
	names = reallocarray(r->names, r->name_count + 1, sizeof(*names));
	if (names)
		r->names = names;
	if (!names || !copy) {
		free(copy);
		r->oom = true;
		return;
	}
	r->names[r->name_count++] = copy;
	qsort(r->names, r->name_count, sizeof(*r->names), longest_first);
}

/* Return the number, from 1 on, of the name that begins at @text as a word; 0: there is none. */
static size_t name_at(const struct km_redaction *r, const char *text)
{
	for (size_t i = 0; i < r->name_count; i++) {
		size_t len = strlen(r->names[i]);

		if (!strncmp(text, r->names[i], len) && !isalnum((unsigned char)text[len]))
			return i + 1;
	}
	return 0;
}

/* ---- texts ---- */

static bool follows(const char *begin, const char *text, const char *words)
{
	size_t len = strlen(words);

	return (size_t)(text - begin) >= len && !strncmp(text - len, words, len);
}

/* Is @text the first or last number of "gfns [0x4000, 0x4002)"? */
static bool in_frame_range(const char *begin, const char *text)
{
	const char *open = text;

	while (open > begin && text - open < 24 && *open != '[')
		open--;
	return *open == '[' && (open + 1 == text || follows(open, text, ", ")) &&
	       (follows(begin, open, "gfns ") || follows(begin, open, "unit not known: "));
}

/* Is the number at @text the frame of a page? */
static bool after_frame(const char *begin, const char *text)
{
	return follows(begin, text, "gfn ") || follows(begin, text, "pfn ") ||
	       follows(begin, text, "gfn is ") || in_frame_range(begin, text);
}

/* Write the replacement of the number in the @digits characters at @text. */
static void put_number(struct km_redaction *r, bool frame, const char *text, size_t digits,
		       FILE *out)
{
	bool prefix = !strncmp(text, "0x", 2);
	uint64_t number = strtoull(text, NULL, 16), redacted = km_redacted(r, number);

	if (frame && number)
		redacted = redacted_frame(r, number);
	if (redacted == number)
		fwrite(text, 1, digits, out);
	else if (prefix)
		fprintf(out, "0x%" PRIx64, redacted);
	else
		fprintf(out, "%0*" PRIx64, (int)digits, redacted);
}

/* Length of the hexadecimal number at @text: with "0x", or of at least @bare digits; 0: none. */
static size_t number_length(const char *text, size_t bare)
{
	size_t prefix = strncmp(text, "0x", 2) ? 0 : 2;
	size_t digits = strspn(text + prefix, "0123456789abcdef");

	if ((!prefix && digits < bare) || !digits || digits > 16 ||
	    isalnum((unsigned char)text[prefix + digits]))
		return 0;
	return prefix + digits;
}

/* Length of "[84]" at @text, an index into the page table before it; 0: none. */
static size_t index_length(const char *text)
{
	size_t digits = *text == '[' ? strspn(text + 1, "0123456789") : 0;

	return digits && text[1 + digits] == ']' ? digits + 2 : 0;
}

static void put_text(struct km_redaction *r, const char *text, enum km_look look, FILE *out)
{
	bool frames = look == KM_LOOK_FRAMES, typed = frames || look == KM_LOOK_COMMAND;
	size_t bare = typed ? 1 : look == KM_LOOK_LOG ? 8 : SIZE_MAX;

	for (const char *c = text; *c;) {
		bool inside = c > text && (isalnum((unsigned char)c[-1]) || c[-1] == '_');
		size_t len = inside ? 0 : number_length(c, bare);
		size_t name = inside ? 0 : name_at(r, c);

		if (name) {
			fprintf(out, "name-%zu", name);
			c += strlen(r->names[name - 1]);
		} else if (len) {
			put_number(r, frames || (!typed && after_frame(text, c)), c, len, out);
			c += len;
			/* with those of all levels, it is the address */
			if (index_length(c)) {
				fputs("[?]", out);
				c += index_length(c);
			}
		} else {
			fputc(*c++, out);
		}
	}
}

/* Return the redacted text, which lives with @node. */
static const char *redacted_text(struct km_redaction *r, struct km_node *node, const char *text,
				 enum km_look look)
{
	char *copy = NULL;
	const char *result = "";
	size_t size;
	FILE *out = open_memstream(&copy, &size);

	if (out) {
		put_text(r, text, look, out);
		if (!fclose(out))
			result = km_doc_text(node, "%s", copy);
		else
			r->oom = true;
	} else {
		r->oom = true;
	}
	free(copy);
	return result;
}

static bool is_frame_key(const char *key)
{
	return key && (!strcmp(key, "gfn") || !strcmp(key, "pfn"));
}

static void redact_value(struct km_redaction *r, struct km_node *node, const char *key,
			 enum km_look look, struct km_value *value)
{
	if (value->kind == KM_V_HEX)
		value->number = is_frame_key(key) && value->number
					? redacted_frame(r, value->number)
					: km_redacted(r, value->number);
	if (value->text)
		value->text = redacted_text(r, node, value->text, look);
}

/* Is the column an index into a page table, whose address is in another column? */
static bool is_index(const struct km_node *table, const struct km_node *column)
{
	bool entries = false;

	for (const struct km_node *n = table->first; n && n->kind == KM_N_COLUMN; n = n->next)
		entries |= !strcmp(n->key, "table");
	return entries && !strcmp(column->key, "index");
}

static void redact_row(struct km_redaction *r, struct km_node *row)
{
	const struct km_node *column = row->row.table->first;

	for (unsigned i = 0; i < row->row.table->columns; i++, column = column->next) {
		if (is_index(row->row.table, column))
			row->row.cells[i] = km_v_none("-");
		redact_value(r, row, column->key,
			     row->row.table->look == KM_LOOK_LOG ? KM_LOOK_LOG : KM_LOOK_PLAIN,
			     &row->row.cells[i]);
	}
}

void km_redact(struct km_redaction *r, struct km_node *node)
{
	if (!node)
		return;
	if (node->title && node->kind != KM_N_FIELD && node->kind != KM_N_COLUMN)
		node->title = redacted_text(r, node, node->title, KM_LOOK_PLAIN);
	if (node->kind == KM_N_ROW)
		redact_row(r, node);
	else if (node->kind != KM_N_COLUMN)
		redact_value(r, node, node->key, node->look, &node->value);
	for (struct km_node *n = node->first; n; n = n->next) {
		km_document_visit(n->doc);
		km_redact(r, n);
	}
}
