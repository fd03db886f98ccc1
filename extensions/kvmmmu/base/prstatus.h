/* SPDX-License-Identifier: GPL-2.0-or-later */
/* struct elf_prstatus of x86-64: the registers in an NT_PRSTATUS note, in a dump or in crash_notes.
 */
#ifndef KVMMMU_PRSTATUS_H
#define KVMMMU_PRSTATUS_H

#include "target.h"

#include <string.h>

#define KM_PRSTATUS_SIZE 336

/* From its pr_reg, which is a struct user_regs_struct. */
static inline struct km_registers km_prstatus_registers(const uint8_t prstatus[KM_PRSTATUS_SIZE])
{
	uint64_t reg[27];

	memcpy(reg, prstatus + 112, sizeof(reg));
	return (struct km_registers){.rip = reg[16], .rsp = reg[19], .rbp = reg[4]};
}

#endif
