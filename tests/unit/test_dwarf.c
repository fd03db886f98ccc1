// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DWARF as a type source: the compiler that wrote the DWARF also compiled this program, and both
 * must agree. Then damaged files, which may give any answer, but must give one.
 */
#include "types/dwarf_types.h"
#include "types/types_chain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "sample.h"

static struct km_types *open_sample(const char *file)
{
	struct km_debuginfo info;
	struct km_types *types = NULL;
	char path[128];
	km_error *err;

	snprintf(path, sizeof(path), "%s/%s", folder, file);
	err = km_debuginfo_init(&info, path);
	if (!err)
		err = km_dwarf_open(&info, &types);
	if (err)
		fail_msg("%s", km_error_text(err));
	return types;
}

static struct km_types *compile(const char *compiler, const char *flags)
{
	if (run("%s %s -w -c -o %s/sample.o %s/sample.c", compiler, flags, folder, folder))
		fail_msg("%s %s fails", compiler, flags);
	return open_sample("sample.o");
}

static struct km_member get(struct km_types *types, const char *tag, const char *path)
{
	struct km_member member;
	km_error *err = km_types_member(types, tag, path, &member);

	if (err)
		fail_msg("%s.%s: %s", tag, path, km_error_text(err));
	return member;
}

#define check_member(types, type, path)                                                            \
	do {                                                                                       \
		struct km_member m = get(types, #type, #path);                                     \
		assert_int_equal(m.offset, offsetof(struct type, path));                           \
		assert_int_equal(m.size, sizeof(((struct type *)0)->path));                        \
		assert_int_equal(m.elem, m.size);                                                  \
		assert_int_equal(m.count, 0);                                                      \
		assert_int_equal(m.bit_size, 0);                                                   \
	} while (0)

#define check_array(types, type, path, elements)                                                   \
	do {                                                                                       \
		struct km_member m = get(types, #type, #path);                                     \
		assert_int_equal(m.offset, offsetof(struct type, path));                           \
		assert_int_equal(m.size, sizeof(((struct type *)0)->path));                        \
		assert_int_equal(m.count, elements);                                               \
		assert_int_equal(m.elem, m.size / (elements));                                     \
	} while (0)

/* Set all bits of the field, then read it by its member: no other bit may be set. */
#define check_bits(types, type, tag, path, width)                                                  \
	do {                                                                                       \
		struct km_member m = get(types, tag, #path);                                       \
		union {                                                                            \
			type value;                                                                \
			uint8_t bytes[sizeof(type) + 8];                                           \
		} u = {};                                                                          \
		uint64_t unit = 0, mask = (1ull << (width)) - 1;                                   \
		u.value.path = -1;                                                                 \
		assert_int_equal(m.bit_size, width);                                               \
		assert_true(m.size <= 8 && m.offset + m.size <= sizeof(u));                        \
		memcpy(&unit, u.bytes + m.offset, m.size);                                         \
		assert_true(unit >> m.bit_off == mask && unit == mask << m.bit_off);               \
	} while (0)

static void assert_error(km_error *err, enum km_errc code)
{
	assert_non_null(err);
	if (km_error_code(err) != code)
		fail_msg("%s", km_error_text(err));
	km_error_free(err);
}

static void check_answers(struct km_types *types)
{
	struct km_member member;
	uint32_t size;
	int64_t value;

	check_member(types, vcpu, cpu);
	check_member(types, vcpu, first);
	check_member(types, vcpu, high);
	check_member(types, vcpu, small);
	check_member(types, vcpu, arch);
	check_member(types, vcpu, arch.cpu_role.word);
	check_member(types, vcpu, arch.table);
	check_member(types, vcpu, arch.regs[16]);
	check_member(types, vcpu, links[1].prev);
	check_member(types, vcpu, users);
	check_member(types, vcpu, users.counter);
	check_member(types, vcpu, colour);
	check_member(types, vcpu, call);
	check_member(types, vcpu, table.permissions[3]);
	check_array(types, vcpu, links, 2);
	check_array(types, vcpu, arch.regs, 17);
	check_array(types, vcpu, comm, 16);
	check_array(types, vcpu, matrix, 12);
	check_array(types, vcpu, frames, 4);
	check_array(types, table, permissions, 16);
	check_bits(types, union role, "role", level, 4);
	check_bits(types, union role, "role", access, 4);
	check_bits(types, union role, "role", smm, 8);
	check_bits(types, struct vcpu, "vcpu", arch.cpu_role.smm, 8);
	check_bits(types, struct vcpu, "vcpu", table.role.access, 4);
	check_bits(types, struct vcpu, "vcpu", flag, 1);
	check_bits(types, struct vcpu, "vcpu", wide, 17);
	check_bits(types, struct vcpu, "vcpu", yes, 1);
	check_bits(types, struct vcpu, "vcpu", below, 5);
	check_bits(types, struct vcpu, "vcpu", sixty, 60);
	check_bits(types, struct packed, "packed", wide, 30);
	check_bits(types, struct packed, "packed", straddles, 9);
	check_bits(types, struct packed, "packed", big, 33);
	check_member(types, packed, last);

	member = get(types, "table", "tail");
	assert_int_equal(member.offset, offsetof(struct table, tail));
	assert_int_equal(member.size, 0);
	assert_int_equal(member.count, 0);
	assert_int_equal(member.elem, 1);
	assert_int_equal(get(types, "table", "tail[7]").offset, offsetof(struct table, tail) + 7);

	assert_true(get(types, "vcpu", "cpu").is_signed);
	assert_true(get(types, "vcpu", "small").is_signed);
	assert_true(get(types, "vcpu", "below").is_signed);
	assert_true(get(types, "vcpu", "sign").is_signed);
	assert_true(get(types, "vcpu", "users.counter").is_signed);
	assert_false(get(types, "vcpu", "colour").is_signed);
	assert_false(get(types, "vcpu", "arch.regs").is_signed);
	assert_false(get(types, "vcpu", "comm").is_signed);
	assert_true(get(types, "vcpu", "yes").is_bool);
	assert_false(get(types, "vcpu", "flag").is_bool);
	assert_false(get(types, "vcpu", "small").is_bool);

	assert_null(km_types_sizeof(types, "vcpu", &size));
	assert_int_equal(size, sizeof(struct vcpu));
	assert_null(km_types_sizeof(types, "role", &size));
	assert_int_equal(size, sizeof(union role));
	assert_null(km_types_sizeof(types, "frame_t", &size));
	assert_int_equal(size, 8);
	assert_null(km_types_sizeof(types, "count_t", &size));
	assert_int_equal(size, 8);
	assert_int_equal(get(types, "count_t", "counter").offset, 0);

	assert_null(km_types_enumerator(types, "colour", "GREEN", &value));
	assert_int_equal(value, GREEN);
	assert_null(km_types_enumerator(types, NULL, "BLUE", &value));
	assert_true(value == 0x80000000ll);
	assert_null(km_types_enumerator(types, "sign", "MINUS", &value));
	assert_true(value == -2);
	assert_null(km_types_enumerator(types, NULL, "NAMELESS_MANY", &value));
	assert_int_equal(value, 300);
	assert_error(km_types_enumerator(types, "colour", "MINUS", &value), KM_EABSENT);
	assert_error(km_types_enumerator(types, NULL, "UMBER", &value), KM_EABSENT);

	assert_error(km_types_sizeof(types, "nothing", &size), KM_EABSENT);
	assert_error(km_types_sizeof(types, "only_declared", &size), KM_EABSENT);
	assert_error(km_types_member(types, "vcpu", "nothing", &member), KM_EABSENT);
	assert_error(km_types_member(types, "vcpu", "arch.nothing", &member), KM_EABSENT);
	assert_error(km_types_member(types, "vcpu", "cpu.nothing", &member), KM_EABSENT);
	assert_error(km_types_member(types, "vcpu", "arch.table.id", &member), KM_EABSENT);
	assert_error(km_types_member(types, "vcpu", "arch.regs[17]", &member), KM_EABSENT);
	assert_error(km_types_member(types, "vcpu", "cpu[0]", &member), KM_EABSENT);
	assert_error(km_types_member(types, "vcpu", "arch.reg", &member), KM_EABSENT);
	assert_error(km_types_member(types, "vcpu", "arch.", &member), KM_EUSAGE);
	assert_error(km_types_member(types, "vcpu", "", &member), KM_EUSAGE);
	assert_error(km_types_member(types, "vcpu", "arch.regs[", &member), KM_EUSAGE);
	assert_error(km_types_member(types, "vcpu", "arch.regs[-1]", &member), KM_EUSAGE);
	assert_error(km_types_member(types, "vcpu", "arch.regs[99999999999]", &member), KM_EUSAGE);
	assert_error(km_types_member(types, "vcpu", "[0]", &member), KM_EUSAGE);
	assert_error(km_types_member(types, "vcpu", "flag.x", &member), KM_EUSAGE);
}

static void answers_as_the_compiler(void **state)
{
	static const char *const flags[] = {
		"-gdwarf-5",	 "-gdwarf-4", "-gdwarf-3 -gstrict-dwarf",
		"-gdwarf-5 -gz", "-g -O2",    "-g -gno-as-loc-support",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		struct km_types *types = compile("cc", flags[i]);

		print_message("cc %s\n", flags[i]);
		check_answers(types);
		km_types_free(types);
	}
	if (!run("command -v clang >/dev/null")) {
		struct km_types *types = compile("clang", "-gdwarf-5");

		check_answers(types);
		km_types_free(types);
	}
}

static void linked_files_too(void **state)
{
	struct km_types *types;

	(void)state;
	assert_int_equal(run("cc -g -w -shared -o %s/sample.so %s/sample.c", folder, folder), 0);
	types = open_sample("sample.so");
	check_answers(types);
	km_types_free(types);

	/* As left by eu-strip -f: the sections of the program have no contents. */
	assert_int_equal(
		run("objcopy --only-keep-debug %s/sample.so %s/sample.debug", folder, folder), 0);
	types = open_sample("sample.debug");
	check_answers(types);
	km_types_free(types);
}

/* Two units, as in a module: relocations of the second are applied when it is needed. */
static void second_unit(void **state)
{
	struct km_types *types;

	(void)state;
	assert_int_equal(
		run("cd %s && echo 'struct vcpu; struct other { struct vcpu *v; int n; } o;' "
		    ">other.c && cc -g -c other.c && cc -g -w -c sample.c && "
		    "ld -r -o both.o other.o sample.o",
		    folder),
		0);
	types = open_sample("both.o");
	assert_int_equal(get(types, "other", "n").offset, 8);
	check_answers(types);
	km_types_free(types);
}

static void parameters(void **state)
{
	struct km_types *types = compile("cc", "-g");
	bool is_signed;
	uint32_t size;

	(void)state;
	assert_null(km_dwarf_parameter(types, "takes", "mmu_seq", &size, &is_signed));
	assert_int_equal(size, 8);
	assert_true(is_signed);
	assert_null(km_dwarf_parameter(types, "takes", "fault", &size, &is_signed));
	assert_false(is_signed);
	assert_error(km_dwarf_parameter(types, "takes", "other", &size, &is_signed), KM_EABSENT);
	assert_error(km_dwarf_parameter(types, "gives", "fault", &size, &is_signed), KM_EABSENT);
	km_types_free(types);
}

static void chains(void **state)
{
	struct km_types *list[2], *chain;
	struct km_member member;
	uint32_t size;
	int64_t value;

	(void)state;
	assert_int_equal(
		run("cd %s && echo 'struct other { char c[7]; } o; struct vcpu { int x; } v;"
		    "enum { OTHERS = 7 } e;' >other.c && cc -g -c other.c",
		    folder),
		0);
	list[0] = compile("cc", "-g");
	list[1] = open_sample("other.o");
	assert_null(km_types_chain(list, 2, &chain));
	check_answers(chain);
	assert_null(km_types_sizeof(chain, "other", &size));
	assert_int_equal(size, 7);
	assert_int_equal(get(chain, "other", "c").count, 7);
	assert_null(km_types_enumerator(chain, NULL, "OTHERS", &value));
	/* the first source that has the type is used */
	assert_error(km_types_member(chain, "vcpu", "x", &member), KM_EABSENT);
	assert_non_null(strstr(chain->origin, "sample.o, DWARF of "));
	km_types_free(chain);

	assert_null(km_types_chain(NULL, 0, &chain));
	assert_error(km_types_sizeof(chain, "vcpu", &size), KM_EABSENT);
	km_types_free(chain);
}

/* ---- damaged files ---- */

static uint64_t seed;

static uint64_t random_below(uint64_t n)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (seed >> 33) % n;
}

/* Any answer is fine. */
static void ask(const char *bytes, size_t len)
{
	static const char *const paths[] = {"cpu",	     "arch.regs[3]", "arch.cpu_role.smm",
					    "links[1].prev", "high",	     "sixty",
					    "matrix",	     "table.tail",   "users.counter"};
	struct km_debuginfo info = {.path = strdup("damaged"), .size = len};
	struct km_types *types = NULL;
	struct km_member member;
	bool is_signed;
	uint32_t size;
	int64_t value;

	info.image = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(info.image != MAP_FAILED);
	memcpy(info.image, bytes, len);
	km_error_free(km_dwarf_open(&info, &types));
	if (types) {
		for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
			km_error_free(km_types_member(types, "vcpu", paths[i], &member));
		km_error_free(km_types_member(types, "packed", "straddles", &member));
		km_error_free(km_types_sizeof(types, "frame_t", &size));
		km_error_free(km_types_sizeof(types, "no_such", &size));
		km_error_free(km_types_enumerator(types, "colour", "BLUE", &value));
		km_error_free(km_types_enumerator(types, NULL, "NAMELESS_MANY", &value));
		km_error_free(km_types_enumerator(types, NULL, "NO_SUCH", &value));
		km_error_free(km_dwarf_parameter(types, "takes", "fault", &size, &is_signed));
	}
	km_types_free(types);
	km_debuginfo_deinit(&info);
}

static void damage(const char *flags)
{
	char path[128], *bytes, *copy;
	size_t len;
	FILE *f;

	km_types_free(compile("cc", flags));
	snprintf(path, sizeof(path), "%s/sample.o", folder);
	f = fopen(path, "r");
	assert_non_null(f);
	bytes = malloc(1 << 20);
	copy = malloc(1 << 20);
	assert_true(bytes && copy);
	len = fread(bytes, 1, 1 << 20, f);
	fclose(f);
	for (size_t cut = 1; cut < len; cut += 61)
		ask(bytes, cut);
	for (int i = 0; i < 1000; i++) {
		memcpy(copy, bytes, len);
		for (uint64_t n = 1 + random_below(8); n; n--) {
			static const uint8_t telling[] = {0, 1, 0x7f, 0x80, 0xff, 0xfe, 0x40, 8};

			copy[random_below(len)] = telling[random_below(sizeof(telling))];
		}
		ask(copy, len);
	}
	free(copy);
	free(bytes);
}

static void damaged_files(void **state)
{
	(void)state;
	seed = 1;
	damage("-gdwarf-5");
	damage("-gdwarf-4 -fdebug-types-section");
	damage("-g -gz");
}

static void no_dwarf(void **state)
{
	struct km_debuginfo info;
	struct km_types *types;
	char path[128];

	(void)state;
	assert_int_equal(run("cc -g0 -w -c -o %s/bare.o %s/sample.c", folder, folder), 0);
	snprintf(path, sizeof(path), "%s/bare.o", folder);
	assert_null(km_debuginfo_init(&info, path));
	assert_error(km_dwarf_open(&info, &types), KM_EDEBUGINFO);
	assert_non_null(info.image); /* still owned by the caller */
	km_debuginfo_deinit(&info);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_as_the_compiler),
		cmocka_unit_test(linked_files_too),
		cmocka_unit_test(second_unit),
		cmocka_unit_test(parameters),
		cmocka_unit_test(chains),
		cmocka_unit_test(damaged_files),
		cmocka_unit_test(no_dwarf),
	};

	return cmocka_run_group_tests(tests, sample_setup, sample_teardown);
}
