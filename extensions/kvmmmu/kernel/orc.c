// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/orc.h"

/* struct pt_regs */
#define REGS_BP 32
#define REGS_IP 128
#define REGS_CS 136
#define REGS_SP 152
/* the frame that the processor pushes starts at ip */
#define IRET_SP (REGS_SP - REGS_IP)
#define IRET_CS (REGS_CS - REGS_IP)

bool km_orc_codes_find(const struct km_orc_raw *entry, struct km_orc_codes *codes)
{
	static const struct km_orc_codes known[] = {
		{.sp = 5, .bp = 4, .prev_sp = 1, .sp_indirect = 9, .bp_indirect = 8},
		{.sp = 3, .bp = 4, .prev_sp = 8, .sp_indirect = 9, .bp_indirect = 10},
	};
	unsigned type = entry->bits >> 8 & 7;

	if (entry->sp_offset != 8 || (type != 0 && type != 2))
		return false;
	for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (known[i].sp != (entry->bits & 15))
			continue;
		*codes = known[i];
		codes->end_of_stack = type == 2;
		return true;
	}
	return false;
}

static enum km_orc_reg reg_of(const struct km_orc_codes *codes, unsigned reg)
{
	return reg == 0			   ? KM_ORC_UNDEFINED
	       : reg == codes->sp	   ? KM_ORC_SP
	       : reg == codes->bp	   ? KM_ORC_BP
	       : reg == codes->prev_sp	   ? KM_ORC_PREV_SP
	       : reg == codes->sp_indirect ? KM_ORC_SP_INDIRECT
	       : reg == codes->bp_indirect ? KM_ORC_BP_INDIRECT
					   : KM_ORC_OTHER;
}

/*
 * The type of an entry without a stack pointer. Kernels without END_OF_STACK have an "end" bit
 * above the type (since 6.3 above "signal", ffb1b4a41016 ("x86/unwind/orc: Add 'signal' field to
 * ORC metadata")). It is clear where objtool has no information, such as between sections of code.
 */
static enum km_orc_type end_or_nothing(const struct km_orc_codes *codes, uint16_t bits)
{
	return !codes->end_of_stack && (bits >> 10 & 3) ? KM_ORC_END : KM_ORC_NOTHING;
}

bool km_orc_decode(const struct km_orc_codes *codes, const struct km_orc_raw *raw,
		   struct km_orc *orc)
{
	static const enum km_orc_type types[] = {KM_ORC_NOTHING, KM_ORC_END, KM_ORC_CALL,
						 KM_ORC_REGS, KM_ORC_REGS_PARTIAL};
	/* without END_OF_STACK the type has two bits and starts at CALL */
	unsigned type = codes->end_of_stack ? raw->bits >> 8 & 7 : (raw->bits >> 8 & 3) + 2;

	if (type >= sizeof(types) / sizeof(types[0]))
		return false;
	*orc = (struct km_orc){
		.sp_offset = raw->sp_offset,
		.bp_offset = raw->bp_offset,
		.sp_reg = reg_of(codes, raw->bits & 15),
		.bp_reg = reg_of(codes, raw->bits >> 4 & 15),
		.type = types[type],
	};
	if (orc->type > KM_ORC_END && orc->sp_reg == KM_ORC_UNDEFINED)
		orc->type = end_or_nothing(codes, raw->bits);
	return true;
}

/* Compute the caller's stack pointer or, for types with registers, the address of the registers. */
static bool find_sp(const struct km_orc *orc, km_stack_word_fn *word, void *arg,
		    const struct km_unwind *u, uint64_t *sp)
{
	switch (orc->sp_reg) {
	case KM_ORC_SP:
		*sp = u->sp + (uint64_t)(int64_t)orc->sp_offset;
		return true;
	case KM_ORC_BP:
		*sp = u->bp + (uint64_t)(int64_t)orc->sp_offset;
		return u->bp_known;
	case KM_ORC_SP_INDIRECT:
		if (!word(arg, u->sp, sp))
			return false;
		*sp += (uint64_t)(int64_t)orc->sp_offset;
		return true;
	case KM_ORC_BP_INDIRECT:
		return u->bp_known && word(arg, u->bp + (uint64_t)(int64_t)orc->sp_offset, sp);
	case KM_ORC_UNDEFINED:
	case KM_ORC_PREV_SP:
	case KM_ORC_OTHER:
		return false;
	}
	return false;
}

/* Compute the caller's bp. It may stay unknown: most entries do not need it. */
static void find_bp(const struct km_orc *orc, km_stack_word_fn *word, void *arg, uint64_t sp,
		    struct km_unwind *u)
{
	uint64_t from = orc->bp_reg == KM_ORC_PREV_SP ? sp : u->bp;

	if (orc->bp_reg == KM_ORC_UNDEFINED)
		return;
	u->bp_known =
		(orc->bp_reg == KM_ORC_PREV_SP || (orc->bp_reg == KM_ORC_BP && u->bp_known)) &&
		word(arg, from + (uint64_t)(int64_t)orc->bp_offset, &u->bp);
}

enum km_unwound km_orc_unwind(const struct km_orc *orc, km_stack_word_fn *word, void *arg,
			      struct km_unwind *u)
{
	uint64_t sp, cs, old = u->sp;

	if (orc->type == KM_ORC_END)
		return KM_UNWOUND_END;
	if (orc->type == KM_ORC_NOTHING || !find_sp(orc, word, arg, u, &sp))
		return KM_UNWOUND_LOST;
	switch (orc->type) {
	case KM_ORC_NOTHING:
	case KM_ORC_END:
		break;
	case KM_ORC_CALL:
		u->slot = sp - 8;
		u->sp = sp;
		u->exact = false;
		if (!word(arg, u->slot, &u->ip))
			return KM_UNWOUND_LOST;
		find_bp(orc, word, arg, sp, u);
		break;
	case KM_ORC_REGS:
	case KM_ORC_REGS_PARTIAL:
		if (orc->type == KM_ORC_REGS) {
			u->bp_known = word(arg, sp + REGS_BP, &u->bp);
			sp += REGS_IP;
		} else {
			find_bp(orc, word, arg, sp, u);
		}
		u->slot = sp;
		u->exact = true;
		if (!word(arg, sp, &u->ip) || !word(arg, sp + IRET_CS, &cs))
			return KM_UNWOUND_LOST;
		if (cs & 3)
			return KM_UNWOUND_END;
		if (!word(arg, sp + IRET_SP, &u->sp))
			return KM_UNWOUND_LOST;
		break;
	}
	/* a caller's frame is above, unless the stack was switched, as interrupts do */
	return u->sp > old || orc->type != KM_ORC_CALL || orc->sp_reg == KM_ORC_SP_INDIRECT
		       ? KM_UNWOUND
		       : KM_UNWOUND_LOST;
}
