// SPDX-License-Identifier: GPL-2.0-or-later
#include "recorder.h"

#include <stdlib.h>
#include <string.h>

/* Room for one more; NULL when memory is out. */
static void *grow(void *list, size_t count, size_t *room, size_t size)
{
	void *grown = list;

	if (count == *room) {
		grown = reallocarray(list, 2 * count + 64, size);
		if (grown)
			*room = 2 * count + 64;
	}
	return grown;
}

void km_recorder_add(struct km_recorder *rec, bool phys, uint64_t addr, uint32_t len,
		     const char *what)
{
	struct km_item *grown = grow(rec->items, rec->count, &rec->room, sizeof(*grown));

	if (!grown) {
		rec->oom = true;
		return;
	}
	rec->items = grown;
	grown[rec->count++] = (struct km_item){addr, len, phys, what, rec->stage};
}

void km_recorder_add_missing(struct km_recorder *rec, bool phys, uint64_t page)
{
	km_recorder_add(rec, phys, page, 0, "missing page");
}

void km_recorder_add_symbol(struct km_recorder *rec, const char *name, uint64_t addr)
{
	struct km_item_symbol *grown =
		grow(rec->symbols, rec->symbol_count, &rec->symbol_room, sizeof(*grown));

	if (!grown) {
		rec->oom = true;
		return;
	}
	rec->symbols = grown;
	grown[rec->symbol_count++] = (struct km_item_symbol){name, addr};
}

/* By place; of those at one place the longest first, then by name, so that the order is certain. */
static int compare_items(const void *a, const void *b)
{
	const struct km_item *x = a, *y = b;

	if (x->phys != y->phys)
		return x->phys ? 1 : -1;
	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	if (x->len != y->len)
		return x->len > y->len ? -1 : 1;
	return strcmp(x->what, y->what);
}

static int compare_symbols(const void *a, const void *b)
{
	const struct km_item_symbol *x = a, *y = b;

	return strcmp(x->name, y->name);
}

#define KM_WHOLE_PAGE 4096

/* Is @item part of @page, a page-table page that is there whole? */
static bool is_in_page(const struct km_item *item, const struct km_item *page)
{
	return page && page->phys == item->phys && item->len < page->len &&
	       item->addr - page->addr < page->len;
}

void km_recorder_sort(struct km_recorder *rec)
{
	const struct km_item *page = NULL;
	size_t kept = 0;

	if (rec->count)
		qsort(rec->items, rec->count, sizeof(*rec->items), compare_items);
	for (size_t i = 0; i < rec->count; i++) {
		if (is_in_page(&rec->items[i], page) ||
		    (kept && !compare_items(&rec->items[kept - 1], &rec->items[i])))
			continue;
		rec->items[kept] = rec->items[i];
		if (rec->items[kept].len == KM_WHOLE_PAGE)
			page = &rec->items[kept];
		kept++;
	}
	rec->count = kept;
	kept = 0;
	if (rec->symbol_count)
		qsort(rec->symbols, rec->symbol_count, sizeof(*rec->symbols), compare_symbols);
	for (size_t i = 0; i < rec->symbol_count; i++) {
		if (!kept || strcmp(rec->symbols[kept - 1].name, rec->symbols[i].name))
			rec->symbols[kept++] = rec->symbols[i];
	}
	rec->symbol_count = kept;
}

void km_recorder_deinit(struct km_recorder *rec)
{
	free(rec->items);
	free(rec->symbols);
	memset(rec, 0, sizeof(*rec));
}
