/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests of type sources: structures that this program has, and their source to compile again,
 * so that the compiler tells what is right.
 */
#ifndef TESTS_SAMPLE_H
#define TESTS_SAMPLE_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define SAMPLE(...) __VA_ARGS__ static const char sample_source[] = #__VA_ARGS__;

/* clang-format off */
SAMPLE(
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed char s8;
typedef u64 frame_t;

enum colour { RED, GREEN = 5, BLUE = 0x80000000u };
enum sign { MINUS = -2, PLUS = 2 };
enum { NAMELESS_ONE = 1, NAMELESS_MANY = 300 };

union role {
	u32 word;
	struct {
		unsigned level:4;
		unsigned direct:1;
		unsigned :3;
		unsigned access:4;
		unsigned smm:8;
	};
};

struct list { struct list *next, *prev; };

struct table {
	u32 id;
	u16 permissions[16];
	union role role;
	u8 tail[];
};

struct __attribute__((packed)) packed {
	u8 a;
	u32 wide:30;
	u32 straddles:9;
	u64 big:33;
	u8 last;
};

typedef struct { long counter; } count_t;

struct vcpu {
	volatile int cpu;
	const struct list links[2];
	struct {
		union {
			u64 first;
			struct { u32 low, high; };
		};
		s8 small;
	};
	struct {
		union role cpu_role;
		struct table *table;
		u64 regs[17];
	} arch;
	u8 matrix[3][4];
	frame_t frames[2][2];
	count_t users;
	enum colour colour;
	enum sign sign;
	char comm[16];
	u32 flag:1, wide:17;
	_Bool yes:1;
	int below:5;
	u64 sixty:60;
	void (*call)(int);
	struct table table;
};

struct only_declared;
struct only_declared *nowhere;
struct vcpu the_vcpu;
struct packed the_packed;
enum colour the_colour;
int takes(long mmu_seq, unsigned long fault, struct vcpu *vcpu);
)
/* clang-format on */

/* A folder of the test's own; run() puts its path for %s. */
static char folder[] = "/tmp/kvmmmu-test-XXXXXX";

static inline int run(const char *fmt, ...)
{
	char command[4096];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	return system(command);
}

/* Leaves FOLDER/sample.c. */
static inline int sample_setup(void **state)
{
	char path[64];
	FILE *f;

	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/sample.c", folder);
	f = fopen(path, "w");
	if (!f)
		return -1;
	/* The function is called, so that it is a definition with parameters. */
	fprintf(f,
		"%s\nint takes(long mmu_seq, unsigned long fault, struct vcpu *vcpu)\n"
		"{ return mmu_seq + fault + vcpu->cpu + NAMELESS_MANY + PLUS; }\n",
		sample_source);
	return fclose(f);
}

static inline int sample_teardown(void **state)
{
	(void)state;
	return run("rm -rf %s", folder);
}

#endif
