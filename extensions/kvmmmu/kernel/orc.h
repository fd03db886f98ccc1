/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entries of ORC, the kernel's unwind tables. Pure functions that mirror
 * arch/x86/include/asm/orc_types.h and unwind_next_frame() in arch/x86/kernel/unwind_orc.c.
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
 * How this kernel encodes registers and types. These are macros, not in any type information.
 * Registers were renumbered, and types got END_OF_STACK in 6.4, fb799447ae29 ("x86,objtool: Split
 * UNWIND_HINT_EMPTY in two"). The entry of a function's first instruction, "SP + 8, a call" in
 * every encoding, identifies both.
 */
struct km_orc_codes {
	uint8_t sp, bp, prev_sp, sp_indirect, bp_indirect;
	bool end_of_stack; /* types are UNDEFINED, END_OF_STACK, CALL, ...; else they start at CALL
			    */
};

/* Identify the encoding by the entry of a function's first instruction. False if it is unknown. */
bool km_orc_codes_find(const struct km_orc_raw *entry, struct km_orc_codes *codes);

enum km_orc_reg {
	KM_ORC_UNDEFINED, /* bp: unchanged. sp: unknown */
	KM_ORC_SP,
	KM_ORC_BP,
	KM_ORC_PREV_SP,
	KM_ORC_SP_INDIRECT,
	KM_ORC_BP_INDIRECT,
	KM_ORC_OTHER, /* r10, r13, ...: not supported */
};

enum km_orc_type { KM_ORC_NOTHING, KM_ORC_END, KM_ORC_CALL, KM_ORC_REGS, KM_ORC_REGS_PARTIAL };

struct km_orc {
	int16_t sp_offset, bp_offset;
	enum km_orc_reg sp_reg, bp_reg;
	enum km_orc_type type;
};

/* Decode an entry. Return false if its type is unknown. */
bool km_orc_decode(const struct km_orc_codes *codes, const struct km_orc_raw *raw,
		   struct km_orc *orc);

/* Registers during unwinding. */
struct km_unwind {
	uint64_t ip, sp, bp;
	bool bp_known;
	bool exact;    /* @ip is the instruction itself, not a return address */
	uint64_t slot; /* address on the stack where @ip was found */
};

enum km_unwound {
	KM_UNWOUND,	/* at the caller */
	KM_UNWOUND_END, /* that was the last frame: user space or a thread's start */
	KM_UNWOUND_LOST /* something needed is not available */
};

/* Read the 8 bytes at @addr. Return false if they are not available. */
typedef bool km_stack_word_fn(void *arg, uint64_t addr, uint64_t *word);

/*
 * Unwind @u to its caller with @orc, the entry for u->ip. On a corrupted stack this may loop: the
 * caller must limit the number of steps.
 */
enum km_unwound km_orc_unwind(const struct km_orc *orc, km_stack_word_fn *word, void *arg,
			      struct km_unwind *u);

#endif
