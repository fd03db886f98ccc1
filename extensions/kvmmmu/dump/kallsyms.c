// SPDX-License-Identifier: GPL-2.0-or-later
#include "dump/kallsyms.h"

#include "dump/vmcoreinfo.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SYMBOLS    (4u << 20)
#define TOKENS	       256
#define MAX_TOKEN_TEXT 65536u
#define MAX_NAME       512 /* KSYM_NAME_LEN */
#define CHUNK	       65536u

struct km_kallsyms {
	uint32_t count;
	uint64_t offsets_addr;
	bool relative; /* to relative_base; else to the address of the offset itself */
	bool percpu_absolute;
	uint64_t relative_base;
	int32_t *offsets;
	uint8_t *names;	  /* compressed: length, then tokens */
	uint32_t *starts; /* offset of each symbol in names */
	char token_text[MAX_TOKEN_TEXT + 1];
	uint16_t token_index[TOKENS];
	/* hash table of the names: the first symbol of each bucket and the next of each symbol,
	 * plus one; 0: none. Built at the first look-up. */
	uint32_t *buckets, *next;
	uint32_t mask;
};

static uint64_t symbol_addr(const struct km_kallsyms *k, uint32_t i)
{
	int64_t offset = k->offsets[i];

	if (!k->relative)
		return k->offsets_addr + 4ULL * i + (uint64_t)offset;
	/* CONFIG_KALLSYMS_ABSOLUTE_PERCPU: per-CPU ones are absolute, others below the base */
	if (k->percpu_absolute)
		return offset >= 0 ? (uint64_t)offset : k->relative_base - 1 - (uint64_t)offset;
	return k->relative_base + (uint32_t)offset;
}

/* Return the length of the compressed name at @data; *@head is the size of the length itself. */
static uint32_t name_length(const uint8_t *data, uint32_t *head)
{
	*head = data[0] & 0x80 ? 2 : 1;
	return data[0] & 0x80 ? (data[0] & 0x7fu) | (uint32_t)data[1] << 7 : data[0];
}

/* Does symbol @i have this name? The first character of the table's text is its type. */
static bool has_name(const struct km_kallsyms *k, uint32_t i, const char *name)
{
	const uint8_t *data = k->names + k->starts[i];
	uint32_t head, len = name_length(data, &head);
	bool type = true;

	for (uint32_t t = 0; t < len; t++) {
		for (const char *c = k->token_text + k->token_index[data[head + t]]; *c; c++) {
			if (type)
				type = false;
			else if (*name++ != *c)
				return false;
		}
	}
	return !*name;
}

/*
 * The hash of a name is a polynomial, so that the hash of a symbol follows from those of its
 * tokens. kallsyms_seqs_of_names would allow a binary search, but VMCOREINFO does not contain its
 * address.
 */
#define HASH_BASE 0x01000193u

/* The hash of some text, and the factor by which the hash of the text before it is multiplied. */
struct part {
	uint32_t hash, factor;
};

static struct part hash_text(const char *text)
{
	struct part part = {0, 1};

	for (; *text; text++) {
		part.hash = part.hash * HASH_BASE + (unsigned char)*text;
		part.factor *= HASH_BASE;
	}
	return part;
}

static uint32_t bucket_of(const struct km_kallsyms *k, uint32_t hash)
{
	return (hash ^ hash >> 15) & k->mask;
}

/* Return the hash of the name of symbol @i, without its type: has_name() defines that text.
 */
static uint32_t hash_symbol(const struct km_kallsyms *k, uint32_t i, const struct part *whole,
			    const struct part *untyped)
{
	const uint8_t *data = k->names + k->starts[i];
	uint32_t head, len = name_length(data, &head), hash = 0;
	bool type = true;

	for (uint32_t t = 0; t < len; t++) {
		uint8_t token = data[head + t];
		const struct part *part = type ? &untyped[token] : &whole[token];

		hash = hash * part->factor + part->hash;
		type = type && !k->token_text[k->token_index[token]];
	}
	return hash;
}

static bool index_names(struct km_kallsyms *k)
{
	struct part whole[TOKENS], untyped[TOKENS];

	for (k->mask = 1023; k->mask < k->count; k->mask = k->mask * 2 + 1)
		;
	k->buckets = calloc((size_t)k->mask + 1, sizeof(*k->buckets));
	k->next = calloc((size_t)k->count + 1, sizeof(*k->next));
	if (!k->buckets || !k->next)
		return false;
	for (unsigned t = 0; t < TOKENS; t++) {
		const char *text = k->token_text + k->token_index[t];

		whole[t] = hash_text(text);
		untyped[t] = hash_text(*text ? text + 1 : text);
	}
	/* backwards: of several symbols with one name the first in the table is found first */
	for (uint32_t i = k->count; i-- > 0;) {
		uint32_t *bucket = &k->buckets[bucket_of(k, hash_symbol(k, i, whole, untyped))];

		k->next[i] = *bucket;
		*bucket = i + 1;
	}
	return true;
}

/* Without an index, for which memory is missing, each look-up reads the whole table. */
static bool scan_names(const struct km_kallsyms *k, const char *name, uint64_t *addr)
{
	for (uint32_t i = 0; i < k->count; i++) {
		if (has_name(k, i, name)) {
			*addr = symbol_addr(k, i);
			return true;
		}
	}
	return false;
}

bool km_kallsyms_lookup(struct km_kallsyms *k, const char *name, uint64_t *addr)
{
	if (!k->buckets && !index_names(k)) {
		free(k->buckets);
		free(k->next);
		k->buckets = k->next = NULL;
		return scan_names(k, name, addr);
	}
	for (uint32_t i = k->buckets[bucket_of(k, hash_text(name).hash)]; i; i = k->next[i - 1]) {
		if (has_name(k, i - 1, name)) {
			*addr = symbol_addr(k, i - 1);
			return true;
		}
	}
	return false;
}

/* Get the name of symbol @i, truncated to @size. */
static void get_name(const struct km_kallsyms *k, uint32_t i, char *name, size_t size)
{
	const uint8_t *data = k->names + k->starts[i];
	uint32_t head, len = name_length(data, &head);
	size_t at = 0;
	bool type = true;

	for (uint32_t t = 0; t < len; t++) {
		for (const char *c = k->token_text + k->token_index[data[head + t]]; *c; c++) {
			if (type)
				type = false;
			else if (at + 1 < size)
				name[at++] = *c;
		}
	}
	if (size)
		name[at] = '\0';
}

bool km_kallsyms_lookup_address(const struct km_kallsyms *k, uint64_t addr, char *name, size_t size,
				uint64_t *offset)
{
	uint32_t low = 0, high = k->count;

	/* the table is sorted by address */
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (symbol_addr(k, mid) <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	if (!low)
		return false;
	low--;
	while (low && symbol_addr(k, low - 1) == symbol_addr(k, low))
		low--;
	get_name(k, low, name, size);
	*offset = addr - symbol_addr(k, low);
	return true;
}

/* The total size of the names is not stored: read on until all symbols are there. */
static km_error *read_names(struct km_memory *mem, uint64_t addr, struct km_kallsyms *k)
{
	uint32_t have = 0, at = 0, head;

	k->starts = calloc(k->count + 1, sizeof(*k->starts));
	if (!k->starts)
		return km_errorf(KM_ENOMEM, "out of memory");
	for (uint32_t i = 0; i < k->count; i++) {
		while (have < at + 2 || have < at + 2 + name_length(k->names + at, &head)) {
			uint8_t *grown = realloc(k->names, have + CHUNK);
			km_error *err;

			if (!grown)
				return km_errorf(KM_ENOMEM, "out of memory");
			k->names = grown;
			err = km_read_bulk(mem, addr + have, grown + have, CHUNK);
			if (err)
				return km_error_context(err, "kallsyms_names");
			have += CHUNK;
		}
		if (name_length(k->names + at, &head) > MAX_NAME)
			return km_errorf(KM_EDATA, "kallsyms: name %u is too long", i);
		k->starts[i] = at;
		at += head + name_length(k->names + at, &head);
	}
	return NULL;
}

static km_error *read_tokens(struct km_memory *mem, uint64_t table, uint64_t index,
			     struct km_kallsyms *k)
{
	uint32_t end = 0;
	km_error *err = km_read_bulk(mem, index, k->token_index, sizeof(k->token_index));

	for (unsigned i = 0; !err && i < TOKENS; i++) {
		if (k->token_index[i] > end)
			end = k->token_index[i];
	}
	if (!err)
		err = km_read_bulk(mem, table, k->token_text, end);
	if (!err)
		err = km_read_string(mem, table + end, k->token_text + end,
				     MAX_TOKEN_TEXT + 1 - end);
	/* a token is a part of a name; longer ones would make each look-up slow */
	for (unsigned i = 0; !err && i < TOKENS; i++) {
		if (strnlen(k->token_text + k->token_index[i], MAX_NAME + 1) > MAX_NAME)
			err = km_errorf(KM_EDATA, "token %u is too long", i);
	}
	return km_error_context(err, "kallsyms tokens");
}

static km_error *read_all(struct km_memory *mem, const char *info, struct km_kallsyms *k)
{
	uint64_t names, num, table, index, base;
	km_error *err;

	if (!km_vmcoreinfo_symbol(info, "kallsyms_names", &names) ||
	    !km_vmcoreinfo_symbol(info, "kallsyms_num_syms", &num) ||
	    !km_vmcoreinfo_symbol(info, "kallsyms_token_table", &table) ||
	    !km_vmcoreinfo_symbol(info, "kallsyms_token_index", &index) ||
	    !km_vmcoreinfo_symbol(info, "kallsyms_offsets", &k->offsets_addr))
		return km_errorf(KM_EABSENT,
				 "VMCOREINFO does not contain the addresses of kallsyms");
	k->relative = km_vmcoreinfo_symbol(info, "kallsyms_relative_base", &base);
	if (k->relative) {
		err = km_read_virt(mem, base, &k->relative_base, sizeof(k->relative_base));
		if (err)
			return km_error_context(err, "kallsyms_relative_base");
	}
	err = km_read_virt(mem, num, &k->count, sizeof(k->count));
	if (err)
		return km_error_context(err, "kallsyms_num_syms");
	if (k->count > MAX_SYMBOLS)
		return km_errorf(KM_EDATA, "kallsyms has %u symbols", k->count);
	k->offsets = calloc(k->count + 1, sizeof(*k->offsets));
	if (!k->offsets)
		return km_errorf(KM_ENOMEM, "out of memory");
	err = km_read_bulk(mem, k->offsets_addr, k->offsets, k->count * sizeof(*k->offsets));
	if (err)
		return km_error_context(err, "kallsyms_offsets");
	/* with absolute per-CPU symbols most offsets are negative; else all are positive */
	for (uint32_t i = 0; i < k->count; i++)
		k->percpu_absolute |= k->offsets[i] < 0;
	err = read_tokens(mem, table, index, k);
	return err ? err : read_names(mem, names, k);
}

km_error *km_kallsyms_read(struct km_memory *mem, const char *vmcoreinfo,
			   struct km_kallsyms **kallsyms)
{
	struct km_kallsyms *k = calloc(1, sizeof(*k));
	km_error *err = k ? read_all(mem, vmcoreinfo, k) : km_errorf(KM_ENOMEM, "out of memory");

	if (err) {
		km_kallsyms_free(k);
		return err;
	}
	*kallsyms = k;
	return NULL;
}

void km_kallsyms_free(struct km_kallsyms *k)
{
	if (!k)
		return;
	free(k->offsets);
	free(k->names);
	free(k->starts);
	free(k->buckets);
	free(k->next);
	free(k);
}
