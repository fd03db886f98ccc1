// SPDX-License-Identifier: GPL-2.0-or-later
#include "cm.h"

#include "dump/kallsyms.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BASE UINT64_C(0xffffffff81000000)
#define ROOM (1u << 20) /* of the kernel's memory; names are read in large pieces */

/* Where the tables are. */
enum {
	COUNT = 16,
	RELATIVE_BASE = 24,
	OFFSETS = 32,
	INDEX = 256,
	TOKEN_TEXT = 1024,
	NAMES = 65536,
	/* with the kernel's index */
	FAR_OFFSETS = 0x20000,
	FAR_NAMES = 0x80000,
	SYMBOLS = 40000,
	NAME_SIZE = 8,
	FAR_TOKENS = FAR_NAMES + NAME_SIZE * SYMBOLS + 4 * ((SYMBOLS + 255) / 256)
};

struct memory {
	struct km_target target;
	uint8_t *bytes;
	size_t tokens, names; /* bytes used */
	uint32_t count;
	char vmcoreinfo[512];
	struct km_memory *mem;
	size_t read, lost; /* bytes that were read; the page at @lost is not readable, unless 0 */
};

static km_error *read_virt(struct km_target *target, uint64_t va, void *buf, size_t len)
{
	struct memory *m = (struct memory *)target;

	if (va < BASE || va - BASE > ROOM || len > ROOM - (va - BASE) ||
	    (m->lost && va - BASE < m->lost + 4096 && va - BASE + len > m->lost))
		return km_errorf(KM_EREAD, "beyond");
	m->read += len;
	memcpy(buf, m->bytes + (va - BASE), len);
	return NULL;
}

static const struct km_target_ops ops = {.read_virt = read_virt};

static void put(struct memory *m, size_t at, const void *bytes, size_t len)
{
	memcpy(m->bytes + at, bytes, len);
}

static void add_token(struct memory *m, unsigned token, const char *text)
{
	uint16_t at = (uint16_t)m->tokens;

	put(m, INDEX + 2 * token, &at, sizeof(at));
	put(m, TOKEN_TEXT + m->tokens, text, strlen(text) + 1);
	m->tokens += strlen(text) + 1;
}

static void add_name(struct memory *m, const char *tokens, int32_t offset)
{
	size_t len = strlen(tokens);
	uint8_t head[2] = {len & 0x7f, (uint8_t)(len >> 7)};

	head[0] |= len > 0x7f ? 0x80 : 0;
	put(m, NAMES + m->names, head, len > 0x7f ? 2 : 1);
	m->names += len > 0x7f ? 2 : 1;
	put(m, NAMES + m->names, tokens, len);
	m->names += len;
	put(m, OFFSETS + 4 * m->count, &offset, sizeof(offset));
	m->count++;
	put(m, COUNT, &m->count, sizeof(m->count));
}

/* Every printable character is a token, 0x80 is "vm_", and 0x81 is @last; there are no names. */
static struct memory *with_tokens(const char *last, bool relative)
{
	static const uint64_t base = BASE;
	struct memory *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	m->target = (struct km_target){.ops = &ops, .host = "test"};
	m->bytes = calloc(1, ROOM);
	assert_non_null(m->bytes);
	m->mem = km_memory_new(&m->target);
	assert_non_null(m->mem);
	put(m, RELATIVE_BASE, &base, sizeof(base));
	for (unsigned t = 0; t < 256; t++) {
		char text[] = {t > ' ' && t < 0x7f ? (char)t : '\0', '\0'};

		add_token(m, t, t == 0x80 ? "vm_" : t == 0x81 ? last : text);
	}
	snprintf(m->vmcoreinfo, sizeof(m->vmcoreinfo),
		 "SYMBOL(kallsyms_names)=%" PRIx64 "\nSYMBOL(kallsyms_num_syms)=%" PRIx64
		 "\nSYMBOL(kallsyms_token_table)=%" PRIx64 "\nSYMBOL(kallsyms_token_index)=%" PRIx64
		 "\nSYMBOL(kallsyms_offsets)=%" PRIx64 "\n",
		 BASE + NAMES, BASE + COUNT, BASE + TOKEN_TEXT, BASE + INDEX, BASE + OFFSETS);
	if (relative)
		snprintf(m->vmcoreinfo + strlen(m->vmcoreinfo), 64,
			 "SYMBOL(kallsyms_relative_base)=%" PRIx64 "\n", BASE + RELATIVE_BASE);
	return m;
}

static void free_memory(struct memory *m)
{
	km_memory_free(m->mem);
	free(m->bytes);
	free(m);
}

static struct km_kallsyms *read_table(struct memory *m)
{
	struct km_kallsyms *k = NULL;

	assert_null(km_kallsyms_read(m->mem, m->vmcoreinfo, &k));
	return k;
}

static void check_error(struct memory *m, const char *words)
{
	struct km_kallsyms *k = NULL;
	km_error *err = km_kallsyms_read(m->mem, m->vmcoreinfo, &k);

	assert_non_null(err);
	assert_non_null(strstr(km_error_text(err), words));
	km_error_free(err);
	free_memory(m);
}

static void check_symbol(struct km_kallsyms *k, const char *name, uint64_t addr)
{
	char found[64];
	uint64_t at = 0, offset = 99;

	assert_true(km_kallsyms_lookup(k, name, &at));
	assert_int_equal(at, addr);
	assert_true(km_kallsyms_lookup_address(k, addr, found, sizeof(found), &offset));
	assert_string_equal(found, name);
	assert_int_equal(offset, 0);
}

static void test_names(void **state)
{
	struct memory *m = with_tokens("list", true);
	struct km_kallsyms *k;
	char found[64], cut[5], longest[160];
	uint64_t at, offset;

	(void)state;
	memset(longest, 'x', sizeof(longest));
	longest[0] = 'T';
	longest[159] = '\0';
	add_name(m, "Tstart", 0);
	add_name(m, "D\x80\x81", 0x100);
	add_name(m, longest, 0x200);
	k = read_table(m);
	check_symbol(k, "start", BASE);
	check_symbol(k, "vm_list", BASE + 0x100);
	assert_true(km_kallsyms_lookup(k, longest + 1, &at));
	assert_int_equal(at, BASE + 0x200);
	assert_false(km_kallsyms_lookup(k, "vm_lis", &at));
	assert_false(km_kallsyms_lookup(k, "Dvm_list", &at));
	assert_false(km_kallsyms_lookup(k, "", &at));
	assert_true(km_kallsyms_lookup_address(k, BASE + 0x1ff, found, sizeof(found), &offset));
	assert_string_equal(found, "vm_list");
	assert_int_equal(offset, 0xff);
	assert_true(km_kallsyms_lookup_address(k, BASE + 0x100, cut, sizeof(cut), &offset));
	assert_string_equal(cut, "vm_l");
	assert_false(km_kallsyms_lookup_address(k, BASE - 1, found, sizeof(found), &offset));
	km_kallsyms_free(k);
	free_memory(m);
}

/* CONFIG_KALLSYMS_ABSOLUTE_PERCPU, up to 6.14: offsets of other symbols are negative. */
static void test_absolute_percpu(void **state)
{
	struct memory *m = with_tokens("list", true);
	struct km_kallsyms *k;

	(void)state;
	add_name(m, "Acounter", 0x20);
	add_name(m, "Tstart", -1);
	add_name(m, "D\x80\x81", -0x101);
	k = read_table(m);
	check_symbol(k, "counter", 0x20);
	check_symbol(k, "start", BASE);
	check_symbol(k, "vm_list", BASE + 0x100);
	km_kallsyms_free(k);
	free_memory(m);
}

/* Without kallsyms_relative_base, an offset is from its own place. */
static void test_offsets_from_themselves(void **state)
{
	struct memory *m = with_tokens("list", false);
	struct km_kallsyms *k;

	(void)state;
	add_name(m, "Tstart", 0x1000);
	add_name(m, "D\x80\x81", 0x1000);
	k = read_table(m);
	check_symbol(k, "start", BASE + OFFSETS + 0x1000);
	check_symbol(k, "vm_list", BASE + OFFSETS + 4 + 0x1000);
	km_kallsyms_free(k);
	free_memory(m);
}

static void test_damaged_tables(void **state)
{
	static char text[1024];
	static const uint32_t many = (4u << 20) + 1;
	uint8_t endless[2] = {0xff, 0xff};
	struct memory *m;

	(void)state;
	m = with_tokens("list", true);
	put(m, COUNT, &many, sizeof(many));
	check_error(m, "kallsyms has 4194305 symbols");

	m = with_tokens("list", true);
	add_name(m, "Tstart", 0);
	put(m, NAMES, endless, sizeof(endless));
	check_error(m, "name 0 is too long");

	/* 512 characters are a name; a token has no more */
	memset(text, 'x', 512);
	m = with_tokens(text, true);
	add_name(m, "T\x80", 0);
	km_kallsyms_free(read_table(m));
	free_memory(m);
	text[512] = 'x';
	check_error(with_tokens(text, true), "kallsyms tokens: token 129 is too long");

	m = with_tokens("list", true);
	m->vmcoreinfo[0] = '\0';
	check_error(m, "VMCOREINFO does not contain the addresses of kallsyms");
}

/* Names are not in the order of addresses; "vm_" is a token, and two symbols have one name. */
static uint32_t order_of(uint32_t i)
{
	return i * 7919u % SYMBOLS;
}

static void name_of(uint32_t order, char name[16])
{
	snprintf(name, 16, "vm_%05u", order == 1001 ? 1000 : order);
}

static uint64_t address_of(uint32_t i)
{
	return BASE + FAR_OFFSETS + 4 * i + 0x1000000 + 32 * i;
}

static void put_seq(struct memory *m, uint32_t order, uint32_t i)
{
	uint8_t seq[] = {(uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};

	put(m, FAR_OFFSETS + 4 * SYMBOLS + 3 * order, seq, sizeof(seq));
}

/* As Linux 7.3 has it: the markers end where the tokens begin, the numbers follow the offsets. */
static struct memory *with_index(void)
{
	static const uint32_t count = SYMBOLS;
	struct memory *m = with_tokens("list", false);
	uint32_t seqs[2] = {0, 0};

	for (uint32_t i = 0; i < SYMBOLS; i++) {
		int32_t offset = (int32_t)(0x1000000 + 32 * i);
		uint32_t order = order_of(i), at = NAME_SIZE * i;
		char name[16];

		if (i % 256 == 0)
			put(m, FAR_TOKENS - 4 * ((SYMBOLS + 255) / 256) + i / 256 * 4, &at, 4);
		name_of(order, name);
		put(m, FAR_NAMES + at, "\7T\x80", 3);
		put(m, FAR_NAMES + at + 3, name + 3, 5);
		put(m, FAR_OFFSETS + 4 * i, &offset, sizeof(offset));
		put_seq(m, order, i);
		if (order == 1000 || order == 1001)
			seqs[order - 1000] = i;
	}
	/* of symbols with one name, the first in the table is the first */
	put_seq(m, 1000, seqs[0] < seqs[1] ? seqs[0] : seqs[1]);
	put_seq(m, 1001, seqs[0] < seqs[1] ? seqs[1] : seqs[0]);
	memcpy(m->bytes + FAR_TOKENS, m->bytes + TOKEN_TEXT, m->tokens);
	put(m, COUNT, &count, sizeof(count));
	snprintf(m->vmcoreinfo, sizeof(m->vmcoreinfo),
		 "SYMBOL(kallsyms_names)=%" PRIx64 "\nSYMBOL(kallsyms_num_syms)=%" PRIx64
		 "\nSYMBOL(kallsyms_token_table)=%" PRIx64 "\nSYMBOL(kallsyms_token_index)=%" PRIx64
		 "\nSYMBOL(kallsyms_offsets)=%" PRIx64 "\n",
		 BASE + FAR_NAMES, BASE + COUNT, BASE + FAR_TOKENS, BASE + INDEX,
		 BASE + FAR_OFFSETS);
	return m;
}

/* Every @step-th symbol is found by its name and by its address. */
static void check_symbols(struct km_kallsyms *k, uint32_t step)
{
	uint64_t at;

	for (uint32_t i = 0; i < SYMBOLS; i += step) {
		char name[16];

		name_of(order_of(i), name);
		if (order_of(i) != 1000 && order_of(i) != 1001)
			check_symbol(k, name, address_of(i));
	}
	for (uint32_t i = 0; i < SYMBOLS; i++) {
		if (order_of(i) != 1000 && order_of(i) != 1001)
			continue;
		assert_true(km_kallsyms_lookup(k, "vm_01000", &at));
		assert_int_equal(at, address_of(i));
		break;
	}
	assert_false(km_kallsyms_lookup(k, "vm_01001", &at));
	assert_false(km_kallsyms_lookup(k, "vm_", &at));
	assert_false(km_kallsyms_lookup(k, "vm_000001", &at));
	assert_false(km_kallsyms_lookup(k, "a", &at));
	assert_false(km_kallsyms_lookup(k, "zzz", &at));
	assert_null(km_kallsyms_trouble(k));
}

static void test_index(void **state)
{
	struct memory *m = with_index();
	struct km_kallsyms *k = read_table(m);
	uint64_t at;

	(void)state;
	assert_true(km_kallsyms_lookup(k, "vm_12345", &at));
	assert_in_range(m->read, 1, NAME_SIZE * SYMBOLS / 2); /* not all names */
	check_symbols(k, 7);
	km_kallsyms_free(k);
	free_memory(m);
}

/* Damage to the index: all names are read instead, and each symbol is found. */
static void test_damaged_index(void **state)
{
	static const uint8_t zeros[2 * 4096];
	static const size_t seqs = FAR_OFFSETS + 4 * SYMBOLS,
			    markers = FAR_TOKENS - 4 * ((SYMBOLS + 255) / 256);
	const struct {
		size_t at, len;
	} damage[] = {
		{seqs, sizeof(zeros)}, {seqs + 50000, sizeof(zeros)}, {markers, 16},
		{markers + 60 * 4, 4}, {markers + 70 * 4 + 1, 1},     {markers + 4, 3},
		{seqs + 3 * 30000, 3},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(damage) / sizeof(damage[0]); i++) {
		struct memory *m = with_index();
		struct km_kallsyms *k;

		put(m, damage[i].at, zeros, damage[i].len);
		k = read_table(m);
		check_symbols(k, 977);
		km_kallsyms_free(k);
		free_memory(m);
	}
}

/*
 * Proposed (20260919-ksyms-tune-v1): there are no markers. Where they were, an array ends that has
 * the place of every name; it is not taken for markers, and all names are read.
 */
static void test_offsets_of_names_instead_of_markers(void **state)
{
	struct memory *m = with_index();
	uint32_t blocks = (SYMBOLS + 255) / 256;
	struct km_kallsyms *k;
	uint64_t at;

	(void)state;
	for (uint32_t i = 0; i < blocks; i++) {
		uint32_t place = NAME_SIZE * (SYMBOLS - blocks + i);

		put(m, FAR_TOKENS - 4 * (blocks - i), &place, sizeof(place));
	}
	k = read_table(m);
	assert_true(km_kallsyms_lookup(k, "vm_12345", &at));
	assert_true(m->read > NAME_SIZE * SYMBOLS); /* all names */
	check_symbols(k, 977);
	km_kallsyms_free(k);
	free_memory(m);
}

/* A page of names is missing: what is not on it is found, and the answer to anything else is that
 * it is not readable. */
static void test_lost_names(void **state)
{
	struct memory *m = with_index();
	struct km_kallsyms *k;
	unsigned found = 0, lost = 0;
	uint64_t at;

	(void)state;
	m->lost = FAR_NAMES + 0x10000;
	k = read_table(m);
	for (uint32_t i = 0; i < SYMBOLS; i += 97) {
		char name[16];

		name_of(order_of(i), name);
		if (order_of(i) == 1000 || order_of(i) == 1001)
			continue;
		if (!km_kallsyms_lookup(k, name, &at)) {
			lost++;
			assert_non_null(
				strstr(km_error_text(km_kallsyms_trouble(k)), "kallsyms_names"));
			continue;
		}
		found++;
		assert_int_equal(at, address_of(i));
	}
	assert_in_range(found, 300, 500);
	assert_in_range(lost, 1, 200);
	km_kallsyms_free(k);
	free_memory(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_absolute_percpu),
		cmocka_unit_test(test_offsets_from_themselves),
		cmocka_unit_test(test_damaged_tables),
		cmocka_unit_test(test_index),
		cmocka_unit_test(test_damaged_index),
		cmocka_unit_test(test_offsets_of_names_instead_of_markers),
		cmocka_unit_test(test_lost_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
