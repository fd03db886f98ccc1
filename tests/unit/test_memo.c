// SPDX-License-Identifier: GPL-2.0-or-later
/* What is kept about a dump, packed and unpacked, whole and damaged. */
#include "cm.h"
#include "base/memo.h"
#include "base/sha256.h"
#include "types/types_kept.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define MAGIC  8
#define HEADER (MAGIC + KM_SHA256_SIZE + 8)

static bool has(const struct km_memo *memo, const char *key, const void *value, size_t len)
{
	size_t found;
	const void *bytes = km_memo_get(memo, key, &found);

	return bytes && found == len && !((uintptr_t)bytes % 8) && !memcmp(bytes, value, len);
}

/* Many keys, so that the table grows, and values of all lengths up to 300. */
static struct km_memo *filled(void)
{
	struct km_memo *memo = km_memo_new();
	char key[16], value[300];

	assert_non_null(memo);
	for (int i = 0; i < 300; i++) {
		snprintf(key, sizeof(key), "key %d", i);
		memset(value, i, sizeof(value));
		km_memo_put(memo, key, value, (size_t)i);
	}
	return memo;
}

static void assert_filled(const struct km_memo *memo)
{
	char key[16], value[300];

	for (int i = 0; i < 300; i++) {
		snprintf(key, sizeof(key), "key %d", i);
		memset(value, i, sizeof(value));
		assert_true(has(memo, key, value, (size_t)i));
	}
}

static void test_put_and_get(void **state)
{
	struct km_memo *memo = km_memo_new();
	size_t len;

	(void)state;
	assert_false(km_memo_changed(memo));
	assert_null(km_memo_get(memo, "a", &len));
	km_memo_put(memo, "a", "xyz", 3);
	km_memo_put(memo, "", NULL, 0);
	assert_true(km_memo_changed(memo));
	assert_true(has(memo, "a", "xyz", 3));
	assert_true(has(memo, "", "", 0));
	km_memo_put(memo, "a", "other", 5);
	assert_true(has(memo, "a", "xyz", 3));
	assert_null(km_memo_get(memo, "b", &len));
	km_memo_free(memo);
	memo = filled();
	assert_filled(memo);
	km_memo_free(memo);
}

static void test_none_is_kept_without_a_memo(void **state)
{
	size_t len;

	(void)state;
	km_memo_put(NULL, "a", "x", 1);
	assert_null(km_memo_get(NULL, "a", &len));
	km_memo_free(NULL);
}

static void test_a_memo_that_is_full_keeps_what_it_has(void **state)
{
	struct km_memo *memo = km_memo_new();
	size_t large = KM_MEMO_MAX / 2, len;
	char *bytes = calloc(1, large);

	(void)state;
	km_memo_put(memo, "one", bytes, large);
	km_memo_put(memo, "two", bytes, large);
	km_memo_put(memo, "three", bytes, 1);
	assert_non_null(km_memo_get(memo, "one", &len));
	assert_null(km_memo_get(memo, "two", &len));
	assert_non_null(km_memo_get(memo, "three", &len));
	free(bytes);
	km_memo_free(memo);
}

static void test_unpacked_it_is_the_same(void **state)
{
	struct km_memo *memo = filled(), *other;
	uint8_t *bytes;
	size_t len;

	(void)state;
	assert_true(km_memo_pack(memo, &bytes, &len));
	km_memo_free(memo);
	other = km_memo_unpack(bytes, len);
	free(bytes);
	assert_non_null(other);
	assert_false(km_memo_changed(other));
	assert_filled(other);
	/* it can grow */
	km_memo_put(other, "new", "x", 1);
	assert_true(km_memo_changed(other));
	assert_true(km_memo_pack(other, &bytes, &len));
	km_memo_free(other);
	other = km_memo_unpack(bytes, len);
	free(bytes);
	assert_filled(other);
	assert_true(has(other, "new", "x", 1));
	km_memo_free(other);
}

static void test_an_empty_one_can_be_packed(void **state)
{
	struct km_memo *memo = km_memo_new();
	uint8_t *bytes;
	size_t len;

	(void)state;
	assert_true(km_memo_pack(memo, &bytes, &len));
	km_memo_free(memo);
	memo = km_memo_unpack(bytes, len);
	assert_non_null(memo);
	km_memo_free(memo);
	free(bytes);
}

static void test_each_changed_bit_is_noticed(void **state)
{
	struct km_memo *memo = filled();
	uint8_t *bytes;
	size_t len;

	(void)state;
	assert_true(km_memo_pack(memo, &bytes, &len));
	km_memo_free(memo);
	for (size_t bit = 0; bit < 8 * len; bit++) {
		bytes[bit / 8] ^= 1 << bit % 8;
		assert_null(km_memo_unpack(bytes, len));
		bytes[bit / 8] ^= 1 << bit % 8;
	}
	free(bytes);
}

static void test_another_length_is_noticed(void **state)
{
	struct km_memo *memo = filled();
	uint8_t *bytes, *longer;
	size_t len;

	(void)state;
	assert_true(km_memo_pack(memo, &bytes, &len));
	km_memo_free(memo);
	for (size_t shorter = 0; shorter < len; shorter++)
		assert_null(km_memo_unpack(bytes, shorter));
	longer = calloc(1, len + 16);
	memcpy(longer, bytes, len);
	for (size_t more = 1; more <= 16; more++)
		assert_null(km_memo_unpack(longer, len + more));
	free(longer);
	free(bytes);
}

/* A memo of these entries, which claims that they are @size bytes long, with the right digest. */
static struct km_memo *sealed(const void *entries, size_t len, uint64_t size)
{
	size_t room = HEADER + ZSTD_compressBound(len), frame;
	uint8_t *bytes = calloc(1, room);
	struct km_memo *memo;

	memcpy(bytes, "KVMMEMO", MAGIC);
	memcpy(bytes + HEADER - 8, &size, 8);
	frame = ZSTD_compress(bytes + HEADER, room - HEADER, entries, len, 1);
	assert_false(ZSTD_isError(frame));
	assert_true(km_sha256(bytes + HEADER - 8, 8 + frame, bytes + MAGIC));
	memo = km_memo_unpack(bytes, HEADER + frame);
	free(bytes);
	return memo;
}

static void test_entries_are_checked_behind_the_digest(void **state)
{
	struct {
		uint64_t key, value;
		char text[8], bytes[8];
	} entry[2] = {{2, 5, "k", "value"}, {2, 5, "l", "value"}};
	struct km_memo *memo = sealed(entry, sizeof(entry), sizeof(entry));

	(void)state;
	assert_non_null(memo);
	assert_true(has(memo, "l", "value", 5));
	km_memo_free(memo);
	assert_null(sealed(entry, sizeof(entry), sizeof(entry) - 1));
	assert_null(sealed(entry, sizeof(entry), sizeof(entry) + 1));
	assert_null(sealed(entry, sizeof(entry), UINT64_MAX));
	assert_null(sealed(entry, sizeof(entry) - 8, sizeof(entry) - 8));
	entry[1].text[0] = 'k'; /* twice */
	assert_null(sealed(entry, sizeof(entry), sizeof(entry)));
	entry[1].text[0] = 'l';
	for (uint64_t len = 0; len < 20; len++) {
		entry[0].key = len; /* does not end at the NUL */
		assert_true(len == 2 || !sealed(entry, sizeof(entry), sizeof(entry)));
	}
	entry[0].key = UINT64_MAX;
	assert_null(sealed(entry, sizeof(entry), sizeof(entry)));
	entry[0].key = 2;
	entry[0].value = UINT64_MAX - 16;
	assert_null(sealed(entry, sizeof(entry), sizeof(entry)));
}

/* ---- types ---- */

/* A source that counts what it is asked. */
struct source {
	struct km_types types;
	unsigned *asked;
	enum km_errc failure; /* of every question; KM_ENOMEM: none */
};

static km_error *fails(struct km_types *types)
{
	struct source *source = (struct source *)types;

	++*source->asked;
	return source->failure == KM_ENOMEM ? NULL : km_errorf(source->failure, "it fails");
}

static km_error *size_of(struct km_types *types, const char *tag, uint32_t *size)
{
	*size = (uint32_t)strlen(tag);
	return fails(types);
}

static km_error *member(struct km_types *types, const char *tag, const char *path,
			struct km_member *member)
{
	(void)tag;
	*member = (struct km_member){.offset = (uint32_t)strlen(path), .is_signed = true};
	return fails(types);
}

static km_error *enumerator(struct km_types *types, const char *tag, const char *name,
			    int64_t *value)
{
	(void)name;
	*value = tag ? -7 : 7;
	return fails(types);
}

static km_error *parameter(struct km_types *types, const char *function, const char *param,
			   uint32_t *size, bool *is_signed)
{
	(void)function;
	(void)param;
	*size = 4;
	*is_signed = true;
	return fails(types);
}

static void source_free(struct km_types *types)
{
	free(types);
}

static const struct km_types_ops source_ops = {
	.size_of = size_of,
	.member = member,
	.enumerator = enumerator,
	.parameter = parameter,
	.free = source_free,
};

struct opener {
	struct km_types_opener opener;
	enum km_errc failure;	   /* of what it opens */
	enum km_errc open_failure; /* KM_ENOMEM: none */
	unsigned *opened, *asked;
};

static km_error *open_source(struct km_types_opener *opener, struct km_types **types)
{
	struct opener *o = (struct opener *)opener;
	struct source *source;

	++*o->opened;
	if (o->open_failure != KM_ENOMEM)
		return km_errorf(o->open_failure, "cannot be opened");
	source = calloc(1, sizeof(*source));
	*source = (struct source){{&source_ops, "test"}, o->asked, o->failure};
	*types = &source->types;
	return NULL;
}

static void opener_free(struct km_types_opener *opener)
{
	free(opener);
}

static unsigned opened, asked;

static km_error *open_kept(struct km_memo *memo, enum km_errc failure, enum km_errc open_failure,
			   struct km_types **types)
{
	struct opener *o = malloc(sizeof(*o));

	*o = (struct opener){{open_source, opener_free}, failure, open_failure, &opened, &asked};
	return km_types_kept(memo, "name", "origin", &o->opener, types);
}

/* Ask everything twice; each answer is @failure, or that of the source. */
static void ask_all(struct km_types *types, enum km_errc failure)
{
	struct km_member m = {0};
	uint32_t size = 0, param = 0;
	int64_t any = 0, one = 0;
	bool is_signed = false;

	for (int i = 0; i < 2; i++) {
		km_error *errors[] = {
			km_types_sizeof(types, "four", &size),
			km_types_member(types, "tag", "path.a", &m),
			km_types_enumerator(types, NULL, "x", &any),
			km_types_enumerator(types, "e", "x", &one),
			km_types_parameter(types, "f", "p", &param, &is_signed),
		};

		for (size_t e = 0; e < ARRAY_SIZE(errors); e++) {
			assert_int_equal(!errors[e], failure == KM_ENOMEM);
			if (errors[e]) {
				assert_int_equal(km_error_code(errors[e]), failure);
				assert_string_equal(km_error_text(errors[e]), "it fails");
			}
			km_error_free(errors[e]);
		}
	}
	if (failure != KM_ENOMEM)
		return;
	assert_int_equal(size, 4);
	assert_int_equal(m.offset, 6);
	assert_true(m.is_signed && is_signed);
	assert_int_equal(any, 7);
	assert_int_equal(one, -7);
	assert_int_equal(param, 4);
}

static void test_types_are_asked_once(void **state)
{
	static const enum km_errc kept[] = {KM_ENOMEM, KM_EABSENT};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
		struct km_memo *memo = km_memo_new();
		struct km_types *types;

		opened = asked = 0;
		assert_null(open_kept(memo, kept[i], KM_ENOMEM, &types));
		assert_string_equal(types->origin, "origin");
		ask_all(types, kept[i]);
		assert_int_equal(opened, 1);
		assert_int_equal(asked, 5);
		km_types_free(types);
		/* the second time, the source is not even opened */
		assert_null(open_kept(memo, kept[i], KM_EREAD, &types));
		ask_all(types, kept[i]);
		assert_int_equal(opened, 1);
		assert_int_equal(asked, 5);
		km_types_free(types);
		km_memo_free(memo);
	}
}

static void test_errors_that_may_pass_are_not_kept(void **state)
{
	struct km_memo *memo = km_memo_new();
	struct km_types *types, *source;
	uint32_t size;
	km_error *err;

	(void)state;
	opened = asked = 0;
	assert_null(open_kept(memo, KM_EDATA, KM_ENOMEM, &types));
	ask_all(types, KM_EDATA);
	assert_int_equal(asked, 10);
	km_types_free(types);
	/* what is not kept is asked, and fails if the source cannot be opened any more */
	assert_null(open_kept(memo, KM_ENOMEM, KM_EREAD, &types));
	err = km_types_sizeof(types, "four", &size);
	assert_int_equal(km_error_code(err), KM_EREAD);
	km_error_free(err);
	err = km_types_kept_source(types, &source);
	assert_int_equal(km_error_code(err), KM_EREAD);
	km_error_free(err);
	km_types_free(types);
	km_memo_free(memo);
}

static void test_a_source_that_cannot_be_opened(void **state)
{
	struct km_memo *memo = km_memo_new();
	struct km_types *types;
	km_error *err = open_kept(memo, KM_ENOMEM, KM_EDATA, &types);

	(void)state;
	assert_int_equal(km_error_code(err), KM_EDATA);
	km_error_free(err);
	assert_false(km_memo_changed(memo));
	km_memo_free(memo);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_put_and_get),
		cmocka_unit_test(test_none_is_kept_without_a_memo),
		cmocka_unit_test(test_a_memo_that_is_full_keeps_what_it_has),
		cmocka_unit_test(test_unpacked_it_is_the_same),
		cmocka_unit_test(test_an_empty_one_can_be_packed),
		cmocka_unit_test(test_each_changed_bit_is_noticed),
		cmocka_unit_test(test_another_length_is_noticed),
		cmocka_unit_test(test_entries_are_checked_behind_the_digest),
		cmocka_unit_test(test_types_are_asked_once),
		cmocka_unit_test(test_errors_that_may_pass_are_not_kept),
		cmocka_unit_test(test_a_source_that_cannot_be_opened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
