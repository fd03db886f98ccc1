// SPDX-License-Identifier: GPL-2.0-or-later
#include "capsule/capsule_check.h"

#include "capsule/capsule_types.h"
#include "threads/saved_stacks.h"

#include <stdlib.h>
#include <string.h>

static void note(struct km_capsule_check *check, const char *trouble)
{
	if (!check->trouble)
		check->trouble = strdup(trouble);
}

static km_error *add_stray(struct km_memory *mem, struct km_capsule_check *check, bool phys,
			   uint64_t addr, uint64_t len)
{
	km_error *err = km_memory_charge(mem, 1, sizeof(*check->strays));
	struct km_stray *grown;

	if (err)
		return err;
	grown = reallocarray(check->strays, check->stray_count + 1, sizeof(*grown));
	if (!grown)
		return km_errorf(KM_ENOMEM, "out of memory");
	check->strays = grown;
	grown[check->stray_count++] = (struct km_stray){addr, len, phys};
	return NULL;
}

static uint64_t item_length(const struct km_item *item)
{
	return item->len ? item->len : KM_PAGE_SIZE;
}

/* Add the parts of @range that no item covers. Both are sorted; *@next is the next item. */
static km_error *check_range(struct km_memory *mem, struct km_capsule_check *check,
			     const struct km_capsule_range *range, size_t *next)
{
	const struct km_recorder *rec = &check->capture.rec;
	uint64_t done = 0; /* bytes of the range, from its start, that have been checked */
	km_error *err = NULL;

	for (; *next < rec->count && !err; ++*next) {
		const struct km_item *item = &rec->items[*next];
		uint64_t at = item->addr - range->addr, end = at + item_length(item);

		if (item->phys != range->phys ? item->phys
					      : item->addr > range->addr && at >= range->len)
			break;
		/*
		 * An item that starts before the range does not cover it: ranges are made from
		 * whole items. A missing page does not account for bytes that are present.
		 */
		if (item->phys != range->phys || item->addr < range->addr ||
		    (item->len == 0) != (range->bytes == NULL))
			continue;
		if (at > done)
			err = add_stray(mem, check, range->phys, range->addr + done, at - done);
		done = end > done ? end : done;
	}
	if (!err && done < range->len)
		err = add_stray(mem, check, range->phys, range->addr + done, range->len - done);
	return err;
}

/* Every symbol must have been looked up. Both lists are sorted. */
static void check_symbols(const struct km_manifest *manifest, struct km_capsule_check *check)
{
	const struct km_recorder *rec = &check->capture.rec;
	size_t at = 0;

	for (size_t i = 0; i < manifest->symbol_count; i++) {
		while (at < rec->symbol_count &&
		       strcmp(rec->symbols[at].name, manifest->symbols[i].name) < 0)
			at++;
		if (at == rec->symbol_count ||
		    strcmp(rec->symbols[at].name, manifest->symbols[i].name))
			note(check, "a symbol that the analysis does not look up");
	}
}

/* The note of stacks must be the same as the one made from what was read. */
static km_error *check_stacks(const struct km_capsule *capsule, struct km_capsule_check *check)
{
	size_t len;
	const char *note_text = km_capsule_stacks(capsule, &len);
	char *asked;

	if (!note_text)
		return NULL;
	asked = km_saved_stacks_print(check->capture.rec.saved);
	if (!asked)
		return km_errorf(KM_ENOMEM, "out of memory");
	if (strlen(asked) != len || memcmp(asked, note_text, len))
		note(check, "stacks or tasks that the analysis does not read");
	free(asked);
	return NULL;
}

/* The types reachable from layout.def must have the same length: then there are no others. */
static km_error *check_types(const struct km_manifest *manifest, struct km_kernel *kernel,
			     struct km_capsule_check *check)
{
	void *blob;
	size_t len;
	bool made;
	km_error *err = km_closure_of_layout(kernel->layout, &blob, &len, &made);

	if (err && km_error_code(err) == KM_ENOMEM)
		return err;
	if (err) {
		note(check, km_error_text(err));
		km_error_free(err);
		return NULL;
	}
	if (made || len != manifest->kernel.btf_len)
		note(check, "types that the analysis does not use");
	free(blob);
	return NULL;
}

km_error *km_capsule_check(const struct km_capsule *capsule, struct km_kernel *kernel,
			   struct km_capsule_check *check)
{
	const struct km_manifest *m = km_capsule_manifest(capsule);
	struct km_capture_options options = {m->kernel.vm, m->kernel.vcpu, m->kernel.names,
					     m->limit};
	km_scoped_error *form = km_capsule_check_form(capsule);
	const struct km_capsule_range *ranges;
	size_t count, next = 0;
	km_error *err;

	memset(check, 0, sizeof(*check));
	if (form)
		note(check, km_error_text(form));
	err = km_capture(kernel, &options, &check->capture);
	ranges = km_capsule_ranges(capsule, &count);
	for (size_t i = 0; i < count && !err; i++)
		err = check_range(kernel->mem, check, &ranges[i], &next);
	if (err)
		return err;
	check_symbols(m, check);
	err = check_stacks(capsule, check);
	if (err)
		return err;
	return check_types(m, kernel, check);
}

void km_capsule_check_deinit(struct km_capsule_check *check)
{
	km_capture_deinit(&check->capture);
	free(check->strays);
	free(check->trouble);
	memset(check, 0, sizeof(*check));
}
