/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ORC, the kernel's own tables for unwinding: what an entry says. Pure functions; mirrors
 * arch/x86/include/asm/orc_types.h and unwind_next_frame() of arch/x86/kernel/unwind_orc.c.
 */
#ifndef KVMMMU_ORC_H
#define KVMMMU_ORC_H

#include <stdbool.h>
#include <stdint.h>

/* struct orc_entry, packed, and an address of .orc_unwind_ip */
#define KM_ORC_SIZE    6
#define KM_ORC_IP_SIZE 4

struct km_orc_raw {
	int16_t sp_offset, bp_offset;
	uint16_t bits; /* sp_reg:4 bp_reg:4 type:2 or 3 ... */
} __attribute__((packed));

/*
 * How this kernel spells registers and types: macros, in no type information. Registers were
 * renumbered, types got END_OF_STACK (fb799447ae29, 6.4); the entry of a function's first
 * instruction, which is "SP + 8, a call" in each of them, tells both.
 */
struct km_orc_codes {
	uint8_t sp, bp, prev_sp, sp_indirect, bp_indirect;
	bool end_of_stack; /* types are UNDEFINED, END_OF_STACK, CALL, ...; else CALL is 0 */
};

/* By the entry of a function's first instruction. False if it is none of those known. */
bool km_orc_codes_find(const struct km_orc_raw *entry, struct km_orc_codes *codes);

enum km_orc_reg {
	KM_ORC_UNDEFINED, /* bp: as it was. sp: nowhere to go */
	KM_ORC_SP,
	KM_ORC_BP,
	KM_ORC_PREV_SP,
	KM_ORC_SP_INDIRECT,
	KM_ORC_BP_INDIRECT,
	KM_ORC_OTHER, /* r10, r13, ...: only where all registers are known */
};

enum km_orc_type { KM_ORC_NOTHING, KM_ORC_END, KM_ORC_CALL, KM_ORC_REGS, KM_ORC_REGS_PARTIAL };

struct km_orc {
	int16_t sp_offset, bp_offset;
	enum km_orc_reg sp_reg, bp_reg;
	enum km_orc_type type;
};

/* False if it has a type that is not known. */
bool km_orc_decode(const struct km_orc_codes *codes, const struct km_orc_raw *raw,
		   struct km_orc *orc);

/* Registers in the middle of unwinding. */
struct km_unwind {
	uint64_t ip, sp, bp;
	bool bp_known;
	bool exact;    /* @ip stands at the instruction, not behind a call */
	uint64_t slot; /* where on the stack @ip was found */
};

enum km_unwound {
	KM_UNWOUND,	/* on to the caller */
	KM_UNWOUND_END, /* the last frame: user space or a thread's start */
	KM_UNWOUND_LOST /* what it needs is not there */
};

/* Reads the 8 bytes at @addr; false if they are not to be had. */
typedef bool km_stack_word_fn(void *arg, uint64_t addr, uint64_t *word);

/*
 * Goes to the caller, by the entry @orc of u->ip. On a torn stack it may go in circles: whoever
 * repeats it has to count.
 */
enum km_unwound km_orc_unwind(const struct km_orc *orc, km_stack_word_fn *word, void *arg,
			      struct km_unwind *u);

#endif
