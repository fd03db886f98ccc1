// SPDX-License-Identifier: GPL-2.0-or-later
/* Symbols of a file by name and by address: those of this program, which KASLR moved, so to speak.
 */
#include "cm.h"
#include "dump/elf_symbols.h"

#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static char build_id[64];
static uint64_t base;

/* The first object is the program. */
static int find_build_id(struct dl_phdr_info *info, size_t size, void *unused)
{
	(void)size, (void)unused;
	base = info->dlpi_addr;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const char *at = (const char *)info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
		const char *end = at + info->dlpi_phdr[i].p_memsz;

		while (info->dlpi_phdr[i].p_type == PT_NOTE && at < end) {
			const Elf64_Nhdr *note = (const void *)at;
			const unsigned char *id =
				(const unsigned char *)(note + 1) + ((note->n_namesz + 3) & ~3u);

			if (note->n_type == NT_GNU_BUILD_ID)
				for (unsigned n = 0; n < note->n_descsz && n < 20; n++)
					snprintf(build_id + 2 * n, 3, "%02x", id[n]);
			at = (const char *)id + ((note->n_descsz + 3) & ~3u);
		}
	}
	return 1;
}

__attribute__((noinline)) static int a_function(int value)
{
	return value * 3 + (int)strlen(build_id);
}

/* Other names of one function, of which kallsyms would prefer alias_b. */
int alias_b(int value);
int alias_c(int value) __attribute__((alias("alias_b")));
int _alias_a(int value) __attribute__((alias("alias_b")));
int alias_a(int value) __attribute__((weak, alias("alias_b")));
int alias_d(int value) __attribute__((alias("alias_b")));
int __start_of_alias(int value) __attribute__((alias("alias_b")));
int __alias_end(int value) __attribute__((alias("alias_b")));

__attribute__((noinline)) int alias_b(int value)
{
	return value * 5;
}

int a_datum = 1;

static void test_by_name_and_by_address(void **state)
{
	struct km_elf_symbols *symbols = NULL;
	uint64_t addr = 0, offset = 0;
	char name[64] = "";

	(void)state;
	dl_iterate_phdr(find_build_id, NULL);
	assert_int_equal(strlen(build_id), 40);
	assert_null(km_elf_symbols_read("/proc/self/exe", "", build_id, base, &symbols));
	assert_true(km_elf_symbols_lookup(symbols, "a_function", &addr));
	assert_ptr_equal((void *)addr, (void *)a_function);
	assert_true(km_elf_symbols_lookup(symbols, "a_datum", &addr));
	assert_ptr_equal((void *)addr, &a_datum);
	assert_false(km_elf_symbols_lookup(symbols, "no_function", &addr));

	for (uint64_t at = 0; at < 4; at++) {
		addr = (uint64_t)(uintptr_t)a_function + at;
		assert_true(
			km_elf_symbols_lookup_address(symbols, addr, name, sizeof(name), &offset));
		assert_string_equal(name, "a_function");
		assert_int_equal(offset, at);
	}
	addr = (uint64_t)(uintptr_t)alias_d;
	assert_true(km_elf_symbols_lookup_address(symbols, addr, name, sizeof(name), &offset));
	assert_string_equal(name, "alias_b");
	addr = (uint64_t)(uintptr_t)a_function - 1;
	assert_true(km_elf_symbols_lookup_address(symbols, addr, name, sizeof(name), &offset));
	assert_string_not_equal(name, "a_function");
	assert_true(offset > 0);
	/* data is no function, and nothing is before the first one */
	addr = (uint64_t)(uintptr_t)&a_datum;
	assert_true(km_elf_symbols_lookup_address(symbols, addr, name, sizeof(name), &offset));
	assert_string_not_equal(name, "a_datum");
	assert_false(km_elf_symbols_lookup_address(symbols, base, name, sizeof(name), &offset));
	assert_int_equal(a_function(0), 40);
	km_elf_symbols_free(symbols);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_by_name_and_by_address)};

	return cmocka_run_group_tests_name("elf_symbols", tests, NULL, NULL);
}
