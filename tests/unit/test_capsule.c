// SPDX-License-Identifier: GPL-2.0-or-later
/* Writing capsules of an invented memory, and reading them back. */
#include "cm.h"

#include "capsule/capsule.h"
#include "capsule/capsule_write.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VA   0xffff888000000000ull /* a virtual address in the kernel half */
#define HOLE (VA + 0x7000)	   /* a missing page */

/* Every byte depends on its address. */
static uint8_t byte_at(uint64_t addr, bool phys)
{
	return (uint8_t)(addr * 31 + (addr >> 12) + phys);
}

static km_error *read_any(uint64_t addr, bool phys, void *buf, size_t len)
{
	uint8_t *out = buf;

	if ((addr & ~0xfffull) == HOLE)
		return km_errorf(KM_EREAD, "hole");
	for (size_t i = 0; i < len; i++)
		out[i] = byte_at(addr + i, phys);
	return NULL;
}

static km_error *read_phys(struct km_target *target, uint64_t pa, void *buf, size_t len)
{
	(void)target;
	return read_any(pa, true, buf, len);
}

static km_error *read_virt(struct km_target *target, uint64_t va, void *buf, size_t len)
{
	(void)target;
	return read_any(va, false, buf, len);
}

static const struct km_target_ops ops = {.read_phys = read_phys, .read_virt = read_virt};
static struct km_target target = {.ops = &ops, .host = "test", .name = "test"};

struct trip {
	struct km_memory *mem, *back;
	struct km_recorder rec;
	struct km_capsule *capsule;
	struct km_capsule_size size;
};

static void begin(struct trip *t)
{
	memset(t, 0, sizeof(*t));
	t->mem = km_memory_new(&target);
	km_memory_record(t->mem, &t->rec);
	t->rec.stage = "test";
}

/* Write what was read, and open it. */
static void turn(struct trip *t)
{
	static const struct km_item_symbol symbols[] = {{"a", 1}, {"b", ~0ull}};
	struct km_manifest m = {
		.kernel = {.release = "1.2.3",
			   .types = "none",
			   .build_ids = {"ab", NULL, "cd"},
			   .btf = "type",
			   .btf_len = 5,
			   .names = true,
			   .vm = 3,
			   .vcpu = 12},
		.limit = 7,
		.symbols = symbols,
		.symbol_count = 2,
	};

	km_error *err;
	char path[64];

	snprintf(path, sizeof(path), "/tmp/test_capsule.%d.kvmmmu", getpid());
	km_memory_record(t->mem, NULL);
	km_recorder_sort(&t->rec);
	assert_null(km_capsule_write(&(struct km_output){path, true}, t->mem, &t->rec, &m, NULL,
				     &t->size));
	assert_true(km_is_capsule(path, &err));
	assert_null(km_capsule_open(path, &t->capsule));
	unlink(path);
	assert_null(km_capsule_check_form(t->capsule));
	t->back = km_memory_new(km_capsule_target(t->capsule));
}

static void end(struct trip *t)
{
	km_memory_free(t->back);
	km_capsule_close(t->capsule);
	km_recorder_deinit(&t->rec);
	km_memory_free(t->mem);
}

static enum km_errc failure(km_error *err)
{
	enum km_errc code;

	assert_non_null(err);
	code = km_error_code(err);
	km_error_free(err);
	return code;
}

static void test_manifest_comes_back(void **state)
{
	const struct km_manifest *m;
	struct trip t;
	uint64_t addr;

	(void)state;
	begin(&t);
	turn(&t);
	m = km_capsule_manifest(t.capsule);
	assert_string_equal(m->kernel.release, "1.2.3");
	assert_string_equal(m->kernel.build_ids[2], "cd");
	assert_null(m->kernel.build_ids[1]);
	assert_null(m->kernel.vendor);
	assert_true(m->kernel.names);
	assert_int_equal(m->kernel.vm, 3);
	assert_int_equal(m->kernel.vcpu, 12);
	assert_int_equal(m->limit, 7);
	assert_int_equal(m->kernel.btf_len, 5);
	assert_memory_equal(m->kernel.btf, "type", 5);
	assert_true(km_capsule_target(t.capsule)->ops->symbol(km_capsule_target(t.capsule), "b",
							      &addr));
	assert_true(addr == ~0ull);
	assert_false(km_capsule_target(t.capsule)->ops->symbol(km_capsule_target(t.capsule), "c",
							       &addr));
	end(&t);
}

static void test_ranges(void **state)
{
	uint8_t buf[8192];
	struct trip t;
	size_t count;

	(void)state;
	begin(&t);
	/* reads without a label are not recorded; adjacent ones become one range in each address
	 * space */
	assert_null(km_read_virt(t.mem, VA + 0x1000, buf, 100));
	assert_null(km_read_virt_as(t.mem, VA + 0x2010, buf, 8, "a"));
	assert_null(km_read_virt_as(t.mem, VA + 0x2018, buf, 8, "b"));
	assert_null(km_read_virt_as(t.mem, VA + 0x2014, buf, 2, "c"));
	assert_null(km_read_virt_as(t.mem, VA + 0x3ffc, buf, 8, "d"));
	assert_null(km_read_phys_as(t.mem, 0x2010, buf, 4096, "e"));
	assert_int_equal(failure(km_read_virt(t.mem, HOLE + 8, buf, 8)), KM_EREAD);
	turn(&t);
	km_capsule_ranges(t.capsule, &count);
	assert_int_equal(count, 4);
	assert_null(km_read_virt(t.back, VA + 0x2010, buf, 16));
	for (size_t i = 0; i < 16; i++)
		assert_int_equal(buf[i], byte_at(VA + 0x2010 + i, false));
	assert_null(km_read_virt(t.back, VA + 0x3ffc, buf, 8));
	assert_null(km_read_phys(t.back, 0x2010, buf, 4096));
	assert_int_equal(buf[4095], byte_at(0x2010 + 4095, true));
	assert_int_equal(failure(km_read_virt(t.back, VA + 0x1000, buf, 8)), KM_EABSENT);
	assert_int_equal(failure(km_read_virt(t.back, VA + 0x2020, buf, 1)), KM_EABSENT);
	assert_int_equal(failure(km_read_virt(t.back, VA + 0x200f, buf, 2)), KM_EABSENT);
	assert_int_equal(km_memory_uncovered(t.back), 0);
	assert_int_equal(failure(km_read_virt_as(t.back, VA + 0x1000, buf, 8, "a")), KM_EABSENT);
	assert_int_equal(km_memory_uncovered(t.back), 1);
	/* missing from the dump differs from not covered by the capsule; pages are counted once */
	assert_int_equal(km_memory_missing(t.back), 0);
	assert_int_equal(failure(km_read_virt(t.back, HOLE, buf, 8)), KM_EREAD);
	assert_int_equal(failure(km_read_virt(t.back, HOLE + 0xff8, buf, 8)), KM_EREAD);
	assert_int_equal(km_memory_missing(t.back), 1);
	end(&t);
}

static void test_more_ranges_than_an_elf_header_counts(void **state)
{
	uint8_t buf[4];
	struct trip t;
	size_t count;

	(void)state;
	begin(&t);
	for (uint64_t i = 0; i < 70000; i++)
		assert_null(km_read_virt_as(t.mem, VA + 0x100000 + 16 * i, buf, 4, "x"));
	turn(&t);
	km_capsule_ranges(t.capsule, &count);
	assert_int_equal(count, 70000);
	assert_null(km_read_virt(t.back, VA + 0x100000 + 16 * 69999, buf, 4));
	assert_int_equal(buf[3], byte_at(VA + 0x100000 + 16 * 69999 + 3, false));
	end(&t);
}

static bool stopped(struct km_target *ignored)
{
	(void)ignored;
	return true;
}

/* Ctrl-C leaves no file and (under the sanitizers) no memory behind, also with missing pages. */
static void test_interrupted(void **state)
{
	static const struct km_target_ops stopping = {
		.read_phys = read_phys, .read_virt = read_virt, .interrupted = stopped};
	struct km_manifest m = {.kernel = {.release = "1", .types = "none", .vm = -1, .vcpu = -1}};
	struct trip t;
	char path[64], buf[4];

	(void)state;
	begin(&t);
	assert_int_equal(failure(km_read_virt_as(t.mem, HOLE, buf, 4, "x")), KM_EREAD);
	target.ops = &stopping;
	snprintf(path, sizeof(path), "/tmp/test_capsule.%d.kvmmmu", getpid());
	assert_int_equal(failure(km_capsule_write(&(struct km_output){path, true}, t.mem, &t.rec,
						  &m, NULL, &t.size)),
			 KM_EINTR);
	assert_int_equal(access(path, F_OK), -1);
	target.ops = &ops;
	km_recorder_deinit(&t.rec);
	km_memory_free(t.mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_manifest_comes_back),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_interrupted),
		cmocka_unit_test(test_more_ranges_than_an_elf_header_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
