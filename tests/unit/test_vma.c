// SPDX-License-Identifier: GPL-2.0-or-later
/* The rb-tree of VMAs that kernels before 6.1 have; the maple tree is in the lab's dumps. */
#include "cm.h"

#include "bytes_kernel.h"
#include "walk/vma.h"

#define MM   (BYTES_DIRECT_MAP + 0x100)
#define NODE 0x200u /* of the first VMA; each has as many bytes */

enum { START = 0, END = 8, RB = 16, OWNER = 40, FLAGS = 48 };
enum { RIGHT = 8, LEFT = 16 }; /* of an rb_node */

static uint8_t memory[16 * NODE];
static struct km_kernel kernel;

static void put(uint64_t at, uint64_t value)
{
	memcpy(memory + at, &value, sizeof(value));
}

static int open_kernel(void **state)
{
	static const struct bytes_range range = {0, memory, sizeof(memory)};
	static const struct bytes_member members[] = {
		{"mm_struct", "mm_rb.rb_node", {.size = 8, .elem = 8}},
		{"vm_area_struct", "vm_start", {.offset = START, .size = 8, .elem = 8}},
		{"vm_area_struct", "vm_end", {.offset = END, .size = 8, .elem = 8}},
		{"vm_area_struct", "vm_rb", {.offset = RB, .size = 24, .elem = 24}},
		{"vm_area_struct", "vm_mm", {.offset = OWNER, .size = 8, .elem = 8}},
		{"vm_area_struct", "vm_flags", {.offset = FLAGS, .size = 8, .elem = 8}},
		{"rb_node", "rb_right", {.offset = RIGHT, .size = 8, .elem = 8}},
		{"rb_node", "rb_left", {.offset = LEFT, .size = 8, .elem = 8}},
	};

	(void)state;
	bytes_ranges = &range;
	bytes_range_count = 1;
	bytes_members = members;
	bytes_member_count = ARRAY_SIZE(members);
	bytes_kernel_open(&kernel);
	return 0;
}

static int close_kernel(void **state)
{
	(void)state;
	bare_kernel_close(&kernel);
	return 0;
}

static uint64_t vma_at(unsigned number)
{
	return BYTES_DIRECT_MAP + NODE * (number + 1);
}

/* VMA @number, 0 to 6, is at [number * 0x10000 + 0x1000, + 0x2000), and its flags are its number.
 */
static void make_tree(void)
{
	memset(memory, 0, sizeof(memory));
	put(0x100, vma_at(3) + RB);
	for (unsigned i = 0; i < 7; i++) {
		uint64_t at = NODE * (i + 1);
		unsigned step = i == 3 ? 2 : i == 1 || i == 5 ? 1 : 0;

		put(at + START, i * 0x10000 + 0x1000);
		put(at + END, i * 0x10000 + 0x3000);
		put(at + OWNER, MM);
		put(at + FLAGS, i);
		if (step) {
			put(at + RB + LEFT, vma_at(i - step) + RB);
			put(at + RB + RIGHT, vma_at(i + step) + RB);
		}
	}
	km_memory_forget(kernel.mem);
}

static struct km_vma look_up(uint64_t addr)
{
	struct km_vma vma;

	km_memory_forget(kernel.mem);
	assert_null(km_vma_lookup(&kernel, MM, addr, &vma));
	assert_int_equal(vma.known, !vma.trouble[0]);
	return vma;
}

static void test_every_address(void **state)
{
	(void)state;
	make_tree();
	for (uint64_t addr = 0; addr < 0x80000; addr += 0x800) {
		unsigned number = addr >> 16;
		bool inside = number < 7 && (addr & 0xffff) >= 0x1000 && (addr & 0xffff) < 0x3000;
		struct km_vma vma = look_up(addr);

		assert_true(vma.known);
		assert_int_equal(vma.addr, inside ? vma_at(number) : 0);
		if (inside) {
			assert_int_equal(vma.flags.v, number);
			assert_int_equal(vma.start.v, number * 0x10000 + 0x1000);
			assert_int_equal(vma.end.v, number * 0x10000 + 0x3000);
		}
	}
}

/* Edited trees: no answer, and an end. */
static void test_trees_that_are_wrong(void **state)
{
	const uint64_t addr = 0x61000; /* of VMA 6: by 3, 5 */

	(void)state;
	make_tree();
	put(NODE * 7 + OWNER, MM + 8); /* of another process */
	assert_false(look_up(addr).known);
	make_tree();
	put(NODE * 6 + RB + RIGHT, vma_at(5) + RB); /* a loop */
	assert_string_equal(look_up(addr).trouble, "the tree of VMAs is corrupt");
	make_tree();
	put(NODE * 6 + RB + RIGHT, vma_at(1) + RB); /* a lower one above a higher one */
	assert_string_equal(look_up(addr).trouble, "the tree of VMAs is corrupt");
	make_tree();
	put(NODE * 2 + END, 0x40000); /* it would overlap the root */
	assert_string_equal(look_up(0x11000).trouble, "the tree of VMAs is corrupt");
	make_tree();
	put(NODE * 6 + START, 0x53000); /* empty */
	assert_string_equal(look_up(addr).trouble, "the tree of VMAs is corrupt");
	make_tree();
	put(NODE * 6 + RB + RIGHT, vma_at(100) + RB);
	assert_string_equal(look_up(addr).trouble, "a node of the tree of VMAs is not readable");
	make_tree();
	put(0x100, 0);
	assert_string_equal(look_up(addr).trouble, "the tree of VMAs is empty");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_address),
		cmocka_unit_test(test_trees_that_are_wrong),
	};

	return cmocka_run_group_tests_name("vma", tests, open_kernel, close_kernel);
}
