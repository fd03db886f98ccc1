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
#define BLOCK	       256 /* symbols from one marker to the next */
#define SEQ_SIZE       3   /* bytes of an entry of kallsyms_seqs_of_names */
#define ALIGNMENT      8   /* of the tables, or less */
#define TRIED_NAMES    4   /* whose order shows where kallsyms_seqs_of_names is */

/*
 * Names are read block by block where the kernel's own index is found (Linux 6.4), and all of them
 * elsewhere: they are in 600 pages.
 */
struct km_kallsyms {
	struct km_memory *mem;
	uint32_t count;
	uint64_t names_addr, offsets_addr;
	bool relative; /* to relative_base; else to the address of the offset itself */
	bool percpu_absolute;
	uint64_t relative_base;
	int32_t *offsets; /* NULL: not read yet */
	char token_text[MAX_TOKEN_TEXT + 1];
	uint16_t token_index[TOKENS];
	km_error *trouble; /* what was not readable after km_kallsyms_read() */
	/* the kernel's index; @seqs 0: it was not found, or is damaged */
	uint32_t *markers; /* offset of each block in the names, and the end of the last one */
	uint64_t seqs;	   /* address of the numbers of the symbols, sorted by name */
	uint32_t held;	   /* number of the block that is in @block, plus one; 0: none */
	uint8_t block[BLOCK * (2 + MAX_NAME)];
	uint32_t block_starts[BLOCK];
	/* all names: length, then tokens */
	uint8_t *names;
	uint32_t *starts; /* offset of each symbol in names */
	/* hash table of all names: the first symbol of each bucket and the next of each symbol,
	 * plus one; 0: none. Built at the first look-up. */
	uint32_t *buckets, *next;
	uint32_t mask;
};

static km_error *read_offsets(struct km_kallsyms *k)
{
	km_error *err;

	k->offsets = calloc(k->count + 1, sizeof(*k->offsets));
	if (!k->offsets)
		return km_errorf(KM_ENOMEM, "out of memory");
	err = km_read_bulk(k->mem, k->offsets_addr, k->offsets, k->count * sizeof(*k->offsets));
	if (err) {
		free(k->offsets);
		k->offsets = NULL;
		return km_error_context(err, "kallsyms_offsets");
	}
	/* with absolute per-CPU symbols most offsets are negative; else all are positive */
	for (uint32_t i = 0; i < k->count; i++)
		k->percpu_absolute |= k->offsets[i] < 0;
	return NULL;
}

static uint64_t addr_of(const struct km_kallsyms *k, uint32_t i, int64_t offset)
{
	if (!k->relative)
		return k->offsets_addr + 4ULL * i + (uint64_t)offset;
	/* CONFIG_KALLSYMS_ABSOLUTE_PERCPU: per-CPU ones are absolute, others below the base */
	if (k->percpu_absolute)
		return offset >= 0 ? (uint64_t)offset : k->relative_base - 1 - (uint64_t)offset;
	return k->relative_base + (uint32_t)offset;
}

static uint64_t symbol_addr(const struct km_kallsyms *k, uint32_t i)
{
	return addr_of(k, i, k->offsets[i]);
}

/* Remember the first error. */
static void blame(struct km_kallsyms *k, km_error *err)
{
	if (k->trouble)
		km_error_free(err);
	else
		k->trouble = err;
}

/* The address of one symbol, for which not all offsets are read. */
static bool get_addr(struct km_kallsyms *k, uint32_t i, uint64_t *addr)
{
	km_error *err = NULL;
	int32_t offset;

	if (k->offsets)
		offset = k->offsets[i];
	else
		err = km_read_virt(k->mem, k->offsets_addr + 4ULL * i, &offset, sizeof(offset));
	if (err)
		blame(k, km_error_context(err, "kallsyms_offsets"));
	else
		*addr = addr_of(k, i, offset);
	return !err;
}

/* Return the length of the compressed name at @data; *@head is the size of the length itself. */
static uint32_t name_length(const uint8_t *data, uint32_t *head)
{
	*head = data[0] & 0x80 ? 2 : 1;
	return data[0] & 0x80 ? (data[0] & 0x7fu) | (uint32_t)data[1] << 7 : data[0];
}

/* ---- the kernel's index ---- */

static uint32_t block_count(const struct km_kallsyms *k)
{
	return (k->count + BLOCK - 1) / BLOCK;
}

/* Find the names in the block. They end where the next block starts, or less than ALIGNMENT before
 * the next table. */
static bool divide_block(struct km_kallsyms *k, uint32_t number, uint32_t len)
{
	bool last = number + 1 == block_count(k);
	uint32_t count = last ? k->count - number * BLOCK : BLOCK, at = 0, head;

	for (uint32_t i = 0; i < count; i++) {
		if (at + 2 > len)
			return false;
		k->block_starts[i] = at;
		if (name_length(k->block + at, &head) > MAX_NAME)
			return false;
		at += head + name_length(k->block + at, &head);
	}
	return at <= len && len - at < (last ? ALIGNMENT : 1);
}

static bool load_block(struct km_kallsyms *k, uint32_t number)
{
	uint32_t start = k->markers[number], len = k->markers[number + 1] - start;
	km_scoped_error *err = NULL;

	if (k->held == number + 1)
		return true;
	k->held = 0;
	err = km_read_virt(k->mem, k->names_addr + start, k->block, len);
	if (err || !divide_block(k, number, len))
		return false;
	k->held = number + 1;
	return true;
}

/* Return the compressed name of symbol @i; NULL: its block is damaged or not readable. */
static const uint8_t *name_at(struct km_kallsyms *k, uint32_t i)
{
	if (k->names)
		return k->names + k->starts[i];
	return load_block(k, i / BLOCK) ? k->block + k->block_starts[i % BLOCK] : NULL;
}

/* Get the name of a symbol, truncated to @size. */
static void get_name(const struct km_kallsyms *k, const uint8_t *data, char *name, size_t size)
{
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

/* Get the number and the compressed name of the @n-th symbol by name. */
static const uint8_t *nth_by_name(struct km_kallsyms *k, uint32_t n, uint32_t *number)
{
	uint8_t seq[SEQ_SIZE];
	km_scoped_error *err =
		km_read_virt(k->mem, k->seqs + (uint64_t)n * SEQ_SIZE, seq, sizeof(seq));

	if (err)
		return NULL;
	*number = (uint32_t)seq[0] << 16 | (uint32_t)seq[1] << 8 | seq[2];
	return *number < k->count ? name_at(k, *number) : NULL;
}

/* One end of what is left of a bisection: the symbol there, and its name. */
struct bound {
	uint32_t number;
	char name[MAX_NAME];
};

/*
 * Find the first symbol @name by bisection. *@found is false if there is none. Return false if the
 * index is damaged: what a step finds is not between what the steps before it have found.
 */
static bool bisect_names(struct km_kallsyms *k, const char *name, uint32_t *number, bool *found)
{
	struct bound below = {UINT32_MAX, ""}, above = {UINT32_MAX, ""}, at;
	uint32_t low = 0, high = k->count;

	*found = false;
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		const uint8_t *data = nth_by_name(k, mid, &at.number);
		int order;

		if (!data || at.number == below.number || at.number == above.number)
			return false;
		get_name(k, data, at.name, sizeof(at.name));
		if (strcmp(below.name, at.name) > 0 ||
		    (high < k->count && strcmp(at.name, above.name) > 0))
			return false;
		order = strcmp(at.name, name);
		if (order < 0) {
			low = mid + 1;
			below = at;
		} else {
			high = mid;
			above = at;
			*found = !order;
		}
	}
	*number = above.number;
	return true;
}

/* Are the first names, by kallsyms_seqs_of_names at @addr, in order? */
static bool is_seqs(struct km_kallsyms *k, uint64_t addr)
{
	char name[MAX_NAME], before[MAX_NAME] = "";
	uint32_t i;

	k->seqs = addr;
	for (uint32_t n = 0; n < k->count && n < TRIED_NAMES; n++) {
		const uint8_t *data = nth_by_name(k, n, &i);

		if (data)
			get_name(k, data, name, sizeof(name));
		if (!data || strcmp(before, name) > 0) {
			k->seqs = 0;
			return false;
		}
		memcpy(before, name, sizeof(name));
	}
	return true;
}

/* Is kallsyms_markers at @addr? It gives the sizes of the blocks; the first one is read. */
static bool is_markers(struct km_kallsyms *k, uint64_t addr)
{
	uint32_t blocks = block_count(k);
	km_scoped_error *err = km_read_virt(k->mem, addr, k->markers, blocks * sizeof(*k->markers));

	if (err || k->markers[0] || addr < k->names_addr || addr - k->names_addr > UINT32_MAX)
		return false;
	k->markers[blocks] = (uint32_t)(addr - k->names_addr);
	for (uint32_t i = 0; i < blocks; i++)
		if (k->markers[i + 1] <= k->markers[i] ||
		    k->markers[i + 1] - k->markers[i] > sizeof(k->block))
			return false;
	return load_block(k, 0);
}

/*
 * VMCOREINFO does not contain the addresses of the index. Since Linux 6.4, kallsyms_markers ends
 * where kallsyms_token_table begins, and kallsyms_seqs_of_names follows the addresses of the
 * symbols, each after less than ALIGNMENT bytes.
 */
static void find_index(struct km_kallsyms *k, uint64_t token_table, uint64_t end_of_addresses)
{
	uint64_t size = (uint64_t)block_count(k) * sizeof(*k->markers);
	bool found = false;

	k->markers = calloc(block_count(k) + 1, sizeof(*k->markers));
	if (!k->markers || !k->count)
		return;
	for (unsigned pad = 0; pad < ALIGNMENT && !found; pad += 4)
		found = is_markers(k, token_table - size - pad);
	for (unsigned pad = 0; pad < ALIGNMENT && found && !k->seqs; pad += 4)
		is_seqs(k, end_of_addresses + pad);
}

/* ---- all names ---- */

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
 * tokens.
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

/* Find the first symbol @name. Without a hash table, for which memory is missing, try all. */
static bool search_names(struct km_kallsyms *k, const char *name, uint32_t *number)
{
	uint32_t i = 0;

	if (!k->buckets && !index_names(k)) {
		free(k->buckets);
		free(k->next);
		k->buckets = k->next = NULL;
		while (i < k->count && !has_name(k, i, name))
			i++;
		*number = i;
		return i < k->count;
	}
	for (i = k->buckets[bucket_of(k, hash_text(name).hash)]; i; i = k->next[i - 1]) {
		if (has_name(k, i - 1, name)) {
			*number = i - 1;
			return true;
		}
	}
	return false;
}

/* The total size of the names is not stored: read on until all symbols are there. */
static km_error *read_names(struct km_kallsyms *k)
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
			err = km_read_bulk(k->mem, k->names_addr + have, grown + have, CHUNK);
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

/* Read all names, unless they were read. False: they are not readable. */
static bool need_names(struct km_kallsyms *k)
{
	km_error *err;

	if (k->names || !k->count)
		return true;
	if (k->trouble)
		return false;
	err = read_names(k);
	if (!err) {
		k->seqs = 0;
		return true;
	}
	free(k->names);
	free(k->starts);
	k->names = NULL;
	k->starts = NULL;
	blame(k, err);
	return false;
}

/* ---- look-ups ---- */

bool km_kallsyms_lookup(struct km_kallsyms *k, const char *name, uint64_t *addr)
{
	bool found = false;
	uint32_t i;

	if (!k->seqs || !bisect_names(k, name, &i, &found))
		found = need_names(k) && search_names(k, name, &i);
	return found && get_addr(k, i, addr);
}

bool km_kallsyms_lookup_address(struct km_kallsyms *k, uint64_t addr, char *name, size_t size,
				uint64_t *offset)
{
	km_error *err = k->offsets ? NULL : read_offsets(k);
	uint32_t low = 0, high = k->count;
	const uint8_t *data;

	if (err) {
		blame(k, err);
		return false;
	}
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
	data = k->seqs ? name_at(k, low) : NULL;
	if (!data && need_names(k))
		data = name_at(k, low);
	if (!data)
		return false;
	get_name(k, data, name, size);
	*offset = addr - symbol_addr(k, low);
	return true;
}

km_error *km_kallsyms_trouble(const struct km_kallsyms *k)
{
	return k->trouble;
}

/* ---- opening ---- */

static km_error *read_tokens(struct km_kallsyms *k, uint64_t table, uint64_t index)
{
	struct km_memory *mem = k->mem;
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

static km_error *read_tables(struct km_kallsyms *k, const char *info)
{
	uint64_t num, table, index, base, end;
	km_error *err;

	if (!km_vmcoreinfo_symbol(info, "kallsyms_names", &k->names_addr) ||
	    !km_vmcoreinfo_symbol(info, "kallsyms_num_syms", &num) ||
	    !km_vmcoreinfo_symbol(info, "kallsyms_token_table", &table) ||
	    !km_vmcoreinfo_symbol(info, "kallsyms_token_index", &index) ||
	    !km_vmcoreinfo_symbol(info, "kallsyms_offsets", &k->offsets_addr))
		return km_errorf(KM_EABSENT,
				 "VMCOREINFO does not contain the addresses of kallsyms");
	k->relative = km_vmcoreinfo_symbol(info, "kallsyms_relative_base", &base);
	if (k->relative) {
		err = km_read_virt(k->mem, base, &k->relative_base, sizeof(k->relative_base));
		if (err)
			return km_error_context(err, "kallsyms_relative_base");
	}
	err = km_read_virt(k->mem, num, &k->count, sizeof(k->count));
	if (err)
		return km_error_context(err, "kallsyms_num_syms");
	if (k->count > MAX_SYMBOLS)
		return km_errorf(KM_EDATA, "kallsyms has %u symbols", k->count);
	end = k->relative ? base + sizeof(k->relative_base) : k->offsets_addr + 4ULL * k->count;
	err = read_tokens(k, table, index);
	if (!err)
		find_index(k, table, end);
	/* all offsets determine what they are relative to */
	if (!err && (k->relative || !k->seqs))
		err = read_offsets(k);
	return err || k->seqs ? err : read_names(k);
}

km_error *km_kallsyms_read(struct km_memory *mem, const char *vmcoreinfo,
			   struct km_kallsyms **kallsyms)
{
	struct km_kallsyms *k = calloc(1, sizeof(*k));
	km_error *err;

	if (!k)
		return km_errorf(KM_ENOMEM, "out of memory");
	k->mem = mem;
	err = read_tables(k, vmcoreinfo);
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
	km_error_free(k->trouble);
	free(k->markers);
	free(k->offsets);
	free(k->names);
	free(k->starts);
	free(k->buckets);
	free(k->next);
	free(k);
}
