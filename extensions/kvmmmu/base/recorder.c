// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/recorder.h"

#include <stdlib.h>
#include <string.h>

/* Double the room of @list; return NULL, with @list unchanged, if memory is exhausted. */
static void *grow(void *list, size_t *room, size_t size)
{
	void *grown = reallocarray(list, 2 * *room + 64, size);

	if (grown)
		*room = 2 * *room + 64;
	return grown;
}

/* Order by address, then longest first, then by name: a total order. */
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

#define KM_WHOLE_PAGE 4096

/* Is @item part of @page, a whole page-table page? */
static bool is_in_page(const struct km_item *item, const struct km_item *page)
{
	return page && page->phys == item->phys && item->len < page->len &&
	       item->addr - page->addr < page->len;
}

/* Sort the items and drop duplicates. */
static void sort_items(struct km_recorder *rec)
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
}

static int compare_symbols(const void *a, const void *b)
{
	const struct km_item_symbol *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static void sort_symbols(struct km_recorder *rec)
{
	size_t kept = 0;

	if (rec->symbol_count)
		qsort(rec->symbols, rec->symbol_count, sizeof(*rec->symbols), compare_symbols);
	for (size_t i = 0; i < rec->symbol_count; i++) {
		if (!kept || strcmp(rec->symbols[kept - 1].name, rec->symbols[i].name))
			rec->symbols[kept++] = rec->symbols[i];
	}
	rec->symbol_count = kept;
}

void km_recorder_sort(struct km_recorder *rec)
{
	struct km_item *items;

	sort_items(rec);
	sort_symbols(rec);
	items = rec->count ? reallocarray(rec->items, rec->count, sizeof(*items)) : NULL;
	if (items) {
		rec->items = items;
		rec->room = rec->count;
	}
}

/* Most items and symbols are recorded many times: before growing, drop duplicates. */
static bool make_room(struct km_recorder *rec)
{
	struct km_item *grown;

	if (rec->count < rec->room)
		return true;
	sort_items(rec);
	if (rec->count < rec->room / 2)
		return true;
	grown = grow(rec->items, &rec->room, sizeof(*grown));
	if (grown)
		rec->items = grown;
	return grown;
}

static bool make_symbol_room(struct km_recorder *rec)
{
	struct km_item_symbol *grown;

	if (rec->symbol_count < rec->symbol_room)
		return true;
	sort_symbols(rec);
	if (rec->symbol_count < rec->symbol_room / 2)
		return true;
	grown = grow(rec->symbols, &rec->symbol_room, sizeof(*grown));
	if (grown)
		rec->symbols = grown;
	return grown;
}

void km_recorder_add(struct km_recorder *rec, bool phys, uint64_t addr, uint32_t len,
		     const char *what)
{
	if (make_room(rec))
		rec->items[rec->count++] = (struct km_item){addr, len, phys, what, rec->stage};
	else
		rec->oom = true;
}

void km_recorder_add_symbol(struct km_recorder *rec, const char *name, uint64_t addr)
{
	if (make_symbol_room(rec))
		rec->symbols[rec->symbol_count++] = (struct km_item_symbol){name, addr};
	else
		rec->oom = true;
}

void km_recorder_deinit(struct km_recorder *rec)
{
	free(rec->items);
	free(rec->symbols);
	memset(rec, 0, sizeof(*rec));
}
