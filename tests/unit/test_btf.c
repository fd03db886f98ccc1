// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * BTF as a type source: what libbpf wrote is read back, including split BTF; then inconsistent
 * blobs.
 */
#include "types/btf_check.h"
#include "types/btf_types.h"
#include "types/types_chain.h"

#include "cm.h"

#include <bpf/btf.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

struct blob {
	char *bytes;
	size_t len;
};

static struct blob blob_of(const struct btf *btf)
{
	struct blob blob;
	uint32_t len;
	const void *bytes = btf__raw_data(btf, &len);

	blob = (struct blob){.bytes = malloc(len), .len = len};
	assert_non_null(blob.bytes);
	memcpy(blob.bytes, bytes, len);
	return blob;
}

/* libbpf adds members only to the type that was added last; for others it returns an error. */
static void add_field(struct btf *b, const char *name, int type, uint32_t bits, uint32_t width)
{
	assert_int_equal(btf__add_field(b, name, type, bits, width), 0);
}

/* Like the BTF of vmlinux, but small. */
static struct btf *base_btf(void)
{
	struct btf *b = btf__new_empty();
	int u32, u64, s32, list, chars, array, enum_id, inner, outer, pid, state, lists, tail, yes;

	u32 = btf__add_int(b, "unsigned int", 4, 0);
	u64 = btf__add_int(b, "unsigned long long", 8, 0);
	s32 = btf__add_int(b, "int", 4, BTF_INT_SIGNED);
	pid = btf__add_typedef(b, "pid_t", s32);
	list = btf__add_struct(b, "list_head", 16);
	add_field(b, "next", list + 1, 0, 0);
	add_field(b, "prev", list + 1, 64, 0);
	btf__add_ptr(b, list);
	lists = btf__add_volatile(b, list);
	chars = btf__add_array(b, u32, btf__add_int(b, "char", 1, BTF_INT_SIGNED), 16);
	array = btf__add_array(b, u32, btf__add_array(b, u32, u64, 4), 3);
	tail = btf__add_array(b, u32, u32, 0);
	yes = btf__add_typedef(b, "bool", btf__add_int(b, "_Bool", 1, BTF_INT_BOOL));
	enum_id = btf__add_enum(b, "state", 4);
	btf__add_enum_value(b, "LIVE", 3);
	btf__add_enum_value(b, "GONE", 0x80000000);
	state = btf__add_const(b, enum_id);
	btf__add_enum64(b, "wide", 8, true);
	btf__add_enum64_value(b, "WIDEST", (uint64_t)-5);
	inner = btf__add_struct(b, NULL, 8);
	add_field(b, "low", u32, 0, 0);
	add_field(b, "level", u32, 32, 4);
	add_field(b, "smm", u32, 56, 8);
	outer = btf__add_struct(b, "task", 256);
	add_field(b, "pid", pid, 0, 0);
	add_field(b, "", inner, 64, 0);
	add_field(b, "comm", chars, 128, 0);
	add_field(b, "table", array, 256, 0);
	add_field(b, "state", state, 1024, 0);
	add_field(b, "list", lists, 1088, 0);
	add_field(b, "alive", yes, 1216, 0);
	add_field(b, "tail", tail, 2048, 0);
	btf__add_typedef(b, "task_t", outer);
	btf__add_typedef(b, "list_head", u32); /* the struct replaces it */
	btf__add_fwd(b, "kvm", BTF_FWD_STRUCT);
	/* pahole before 1.13: a bit-field is an integer with its own width, here bits 3 to 7 */
	inner = btf__add_int(b, "unsigned int", 4, 0);
	*(uint32_t *)(btf__type_by_id(b, inner) + 1) = 3 << 16 | 5;
	btf__add_struct(b, "old", 8);
	add_field(b, "bits", inner, 32, 0);
	return b;
}

/* Like the BTF of kvm.ko. */
static struct btf *split_btf(struct btf *base)
{
	struct btf *b = btf__new_empty_split(base);
	int task = btf__find_by_name_kind(base, "task", BTF_KIND_STRUCT);
	int pointer = btf__add_ptr(b, task), vcpus = btf__add_array(b, 1, 1, 7);

	btf__add_struct(b, "kvm", 512);
	add_field(b, "owner", pointer, 0, 0);
	add_field(b, "task", task, 64, 0);
	add_field(b, "vcpus", vcpus, 64 + 256 * 8, 0);
	return b;
}

static struct km_types *open_blob(struct blob blob, struct km_types *base)
{
	struct km_types *types;
	km_error *err = km_btf_open(blob.bytes, blob.len, base, "test", &types);

	if (err)
		fail_msg("%s", km_error_text(err));
	return types;
}

static struct km_types *open_btf(struct btf *btf, struct km_types *base)
{
	struct blob blob = blob_of(btf);
	struct km_types *types = open_blob(blob, base);

	free(blob.bytes); /* it was copied */
	return types;
}

static void check(struct km_types *types, const char *tag, const char *path,
		  struct km_member expected)
{
	struct km_member m;
	km_error *err = km_types_member(types, tag, path, &m);

	if (err)
		fail_msg("%s", km_error_text(err));
	assert_int_equal(m.offset, expected.offset);
	assert_int_equal(m.size, expected.size);
	assert_int_equal(m.count, expected.count);
	assert_int_equal(m.elem, expected.elem);
	assert_int_equal(m.bit_off, expected.bit_off);
	assert_int_equal(m.bit_size, expected.bit_size);
	assert_int_equal(m.is_signed, expected.is_signed);
	assert_int_equal(m.is_bool, expected.is_bool);
}

static void assert_error(km_error *err, enum km_errc code)
{
	assert_non_null(err);
	if (km_error_code(err) != code)
		fail_msg("%s", km_error_text(err));
	km_error_free(err);
}

static void check_base(struct km_types *types)
{
	struct km_member m;
	uint32_t size;
	int64_t value;

	check(types, "task", "pid", (struct km_member){0, 4, 0, 4, 0, 0, true, false});
	check(types, "task_t", "low", (struct km_member){8, 4, 0, 4, 0, 0, false, false});
	check(types, "task", "level", (struct km_member){12, 4, 0, 4, 0, 4, false, false});
	check(types, "task", "smm", (struct km_member){12, 4, 0, 4, 24, 8, false, false});
	check(types, "task", "comm", (struct km_member){16, 16, 16, 1, 0, 0, false, false});
	check(types, "task", "comm[15]", (struct km_member){31, 1, 0, 1, 0, 0, false, false});
	check(types, "task", "table", (struct km_member){32, 96, 12, 8, 0, 0, false, false});
	check(types, "task", "table[11]", (struct km_member){120, 8, 0, 8, 0, 0, false, false});
	check(types, "task", "state", (struct km_member){128, 4, 0, 4, 0, 0, false, false});
	check(types, "task", "list.next", (struct km_member){136, 8, 0, 8, 0, 0, false, false});
	check(types, "task", "alive", (struct km_member){152, 1, 0, 1, 0, 0, false, true});
	check(types, "task", "tail", (struct km_member){256, 0, 0, 4, 0, 0, false, false});
	check(types, "old", "bits", (struct km_member){4, 4, 0, 4, 3, 5, false, false});
	assert_null(km_types_sizeof(types, "task_t", &size));
	assert_int_equal(size, 256);
	assert_null(km_types_sizeof(types, "list_head", &size));
	assert_int_equal(size, 16);
	assert_null(km_types_enumerator(types, "state", "LIVE", &value));
	assert_int_equal(value, 3);
	assert_null(km_types_enumerator(types, NULL, "GONE", &value));
	assert_true(value == 0x80000000ll);
	assert_null(km_types_enumerator(types, NULL, "WIDEST", &value));
	assert_true(value == -5);
	assert_error(km_types_enumerator(types, "wide", "LIVE", &value), KM_EABSENT);
	assert_error(km_types_enumerator(types, NULL, "NONE", &value), KM_EABSENT);
	assert_error(km_types_member(types, "task", "pid.x", &m), KM_EABSENT);
	assert_error(km_types_member(types, "task", "table[12]", &m), KM_EABSENT);
	assert_error(km_types_member(types, "task", "none", &m), KM_EABSENT);
	assert_error(km_types_sizeof(types, "none", &size), KM_EABSENT);
}

static void answers(void **state)
{
	struct btf *b = base_btf();
	struct km_types *types = open_btf(b, NULL);
	uint32_t size;

	(void)state;
	check_base(types);
	assert_error(km_types_sizeof(types, "kvm", &size), KM_EABSENT); /* only declared */
	km_types_free(types);
	btf__free(b);
}

static void split(void **state)
{
	struct btf *b = base_btf(), *s = split_btf(b);
	struct km_types *base = open_btf(b, NULL), *module = open_btf(s, base), *chain;
	uint32_t size;

	(void)state;
	check(module, "kvm", "owner", (struct km_member){0, 8, 0, 8, 0, 0, false, false});
	check(module, "kvm", "task.smm", (struct km_member){20, 4, 0, 4, 24, 8, false, false});
	check(module, "kvm", "vcpus", (struct km_member){264, 28, 7, 4, 0, 0, false, false});
	assert_error(km_types_sizeof(module, "task", &size), KM_EABSENT);
	assert_null(km_types_chain((struct km_types *[]){module, base}, 2, &chain));
	check(chain, "kvm", "task.list", (struct km_member){144, 16, 0, 16, 0, 0, false, false});
	check_base(chain);
	km_types_free(chain);
	btf__free(s);
	btf__free(b);
}

/* In a chroot there may be no /proc. */
static void split_without_proc(void **state)
{
	enum { SKIPPED = 77 };
	struct btf *b = base_btf(), *s = split_btf(b);
	struct km_types *base = open_btf(b, NULL), *module;
	struct blob blob = blob_of(s);
	pid_t child = fork();
	int status;

	(void)state;
	if (!child) {
		if (unshare(CLONE_NEWUSER | CLONE_NEWNS) || mount("none", "/proc", "tmpfs", 0, ""))
			_exit(SKIPPED);
		_exit(!access("/proc/self", F_OK) ||
		      km_btf_open(blob.bytes, blob.len, base, "test", &module));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	free(blob.bytes);
	km_types_free(base);
	btf__free(s);
	btf__free(b);
	if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED)
		skip();
	assert_int_equal(status, 0);
}

/* .BTF.base contains only names and sizes of structures; another source of the chain has the
 * members. */
static void distilled_base(void **state)
{
	struct btf *full = base_btf(), *b = btf__new_empty(), *s;
	struct km_types *base, *module, *vmlinux, *chain;
	struct km_member m;

	(void)state;
	btf__add_int(b, "unsigned int", 4, 0);
	btf__add_struct(b, "task", 256);
	s = split_btf(b);
	base = open_btf(b, NULL);
	module = open_btf(s, base);
	vmlinux = open_btf(full, NULL);
	assert_null(km_types_chain((struct km_types *[]){module, base, vmlinux}, 3, &chain));
	check(chain, "kvm", "task", (struct km_member){8, 256, 0, 256, 0, 0, false, false});
	check(chain, "kvm", "vcpus", (struct km_member){264, 28, 7, 4, 0, 0, false, false});
	assert_error(km_types_member(chain, "kvm", "task.pid", &m), KM_EABSENT);
	check_base(chain);
	km_types_free(chain);
	btf__free(s);
	btf__free(b);
	btf__free(full);
}

/* A longer header, gaps between sections, data after the end. */
static void roomy_layout(void **state)
{
	struct btf *b = base_btf();
	struct blob plain = blob_of(b), roomy = {.len = plain.len + 100};
	struct km_btf_header *header;
	struct km_types *types;

	(void)state;
	roomy.bytes = calloc(1, roomy.len);
	assert_non_null(roomy.bytes);
	header = (struct km_btf_header *)roomy.bytes;
	memcpy(header, plain.bytes, sizeof(*header));
	memcpy(roomy.bytes + 32 + 8, plain.bytes + 24, header->type_len);
	memcpy(roomy.bytes + 32 + 8 + header->type_len + 5, plain.bytes + 24 + header->type_len,
	       header->str_len);
	header->hdr_len = 32;
	header->type_off = 8;
	header->str_off = 8 + header->type_len + 5;
	memset(roomy.bytes + 24, 0xff, 8); /* unknown fields */
	types = open_blob(roomy, NULL);
	check_base(types);
	km_types_free(types);
	free(roomy.bytes);
	free(plain.bytes);
	btf__free(b);
}

static void refuse(const struct blob *blob, const char *why)
{
	struct km_types *types;
	km_error *err = km_btf_open(blob->bytes, blob->len, NULL, "test", &types);

	assert_non_null(err);
	assert_int_equal(km_error_code(err), KM_EDATA);
	assert_non_null(strstr(km_error_text(err), why));
	km_error_free(err);
}

static void inconsistent(void **state)
{
	struct btf *b = base_btf();
	struct blob blob = blob_of(b);
	struct km_btf_header *header = (struct km_btf_header *)blob.bytes, good = *header;
	struct btf_type *type = (struct btf_type *)(header + 1), first = *type;

	(void)state;
#define damage(change, why)                                                                        \
	do {                                                                                       \
		change;                                                                            \
		refuse(&blob, why);                                                                \
		*header = good;                                                                    \
		*type = first;                                                                     \
	} while (0)
	damage(header->magic = 0x9feb, "not BTF");
	damage(header->version = 2, "not BTF");
	damage(header->hdr_len = 23, "header");
	damage(header->hdr_len = 0xffffffff, "header");
	damage(header->type_off = 2, "sections");
	damage(header->type_off = 0xfffffffc, "sections");
	damage(header->type_len = 0xffffffff, "sections");
	damage(header->str_off = 0xfffffff0, "sections");
	damage(header->str_off = 0, "sections");
	damage(header->str_len = 0xffffffff, "sections");
	damage(header->str_len = 0, "strings");
	damage(header->str_len--, "strings");
	damage(header->type_len -= 4, "truncated");
	damage(type->name_off = 0x7fffffff, "name outside");
	damage(type->name_off = header->str_len, "name outside");
	damage(type->info = 31u << 24, "unknown kind");
	damage(type->info = 0, "unknown kind");
	damage(type->info |= 1u << 16, "more members"); /* what later kernels use for vlen */
	damage(type->info |= 1u << 29, "later kind");
	damage(type->info = BTF_KIND_STRUCT << 24 | 0xffff, "truncated");
	damage(type->info = BTF_KIND_FUNC_PROTO << 24 | 0xffff, "truncated");
	blob.len = 10;
	refuse(&blob, "shorter");
	free(blob.bytes);
	btf__free(b);

	b = btf__new_empty();
	btf__add_ptr(b, 77);
	blob = blob_of(b);
	refuse(&blob, "reference");
	free(blob.bytes);
	btf__free(b);
}

static void types_that_contain_themselves(void **state)
{
	struct btf *b = btf__new_empty();
	struct km_types *types;
	struct km_member m;
	uint32_t size;

	(void)state;
	btf__add_typedef(b, "itself", 1);
	btf__add_array(b, 2, 2, 3);
	btf__add_typedef(b, "arrays", 2);
	btf__add_struct(b, "nest", 8); /* 4 */
	for (int i = 0; i < 100; i++)
		add_field(b, "", 4, 0, 0);
	btf__add_struct(b, "deep", 8); /* 5 */
	add_field(b, "deep", 5, 0, 0);
	btf__add_array(b, 5, 5, 0xffffffff); /* 6 */
	btf__add_array(b, 6, 6, 0xffffffff);
	btf__add_array(b, 7, 7, 0xffffffff);
	btf__add_typedef(b, "huge", 8);
	types = open_btf(b, NULL);
	assert_error(km_types_sizeof(types, "itself", &size), KM_EDATA);
	assert_error(km_types_sizeof(types, "arrays", &size), KM_EDATA);
	assert_error(km_types_sizeof(types, "huge", &size), KM_EDATA);
	assert_error(km_types_member(types, "itself", "x", &m), KM_EDATA);
	assert_error(km_types_member(types, "nest", "x", &m), KM_EDATA);
	check(types, "deep", "deep.deep.deep", (struct km_member){0, 8, 0, 8, 0, 0, false, false});
	km_types_free(types);
	btf__free(b);
}

static uint64_t seed = 1;

static uint64_t random_below(uint64_t n)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (seed >> 33) % n;
}

/* Any answer is fine. */
static void ask(const char *bytes, size_t len, struct km_types *base)
{
	static const char *const tags[] = {"task", "task_t", "list_head", "old", "kvm", "none"};
	static const char *const paths[] = {"pid",	  "smm",      "table[3]", "list.next",
					    "task.state", "vcpus[2]", "bits",	  "tail[9]"};
	char *exact = malloc(len ? len : 1); /* so that ASan detects reads beyond it */
	struct km_types *types = NULL;
	struct km_member m;
	uint32_t size;
	int64_t value;

	assert_non_null(exact);
	memcpy(exact, bytes, len);
	km_error_free(km_btf_open(exact, len, base, "test", &types));
	free(exact);
	if (!types)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(tags); i++) {
		km_error_free(km_types_sizeof(types, tags[i], &size));
		for (size_t j = 0; j < ARRAY_SIZE(paths); j++)
			km_error_free(km_types_member(types, tags[i], paths[j], &m));
	}
	km_error_free(km_types_enumerator(types, NULL, "WIDEST", &value));
	km_error_free(km_types_enumerator(types, "state", "GONE", &value));
	km_types_free(types);
}

static void mutate(struct blob blob, struct km_types *base)
{
	static const uint8_t telling[] = {0, 1, 0x7f, 0x80, 0xff, 4, 5, 3, 8, 19};
	char *copy = malloc(blob.len);

	assert_non_null(copy);
	for (size_t cut = 0; cut < blob.len; cut++)
		ask(blob.bytes, cut, base);
	for (int i = 0; i < 5000; i++) {
		memcpy(copy, blob.bytes, blob.len);
		for (uint64_t n = 1 + random_below(6); n; n--)
			copy[random_below(blob.len)] = telling[random_below(ARRAY_SIZE(telling))];
		ask(copy, blob.len, base);
	}
	free(copy);
}

static void mutations(void **state)
{
	struct btf *b = base_btf(), *s = split_btf(b);
	struct blob base_blob = blob_of(b), split_blob = blob_of(s);
	struct km_types *base = open_btf(b, NULL);

	(void)state;
	mutate(base_blob, NULL);
	mutate(split_blob, base);
	km_types_free(base);
	free(split_blob.bytes);
	free(base_blob.bytes);
	btf__free(s);
	btf__free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers),	  cmocka_unit_test(split),
		cmocka_unit_test(distilled_base), cmocka_unit_test(roomy_layout),
		cmocka_unit_test(inconsistent),	  cmocka_unit_test(types_that_contain_themselves),
		cmocka_unit_test(mutations),	  cmocka_unit_test(split_without_proc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
