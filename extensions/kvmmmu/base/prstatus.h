/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The x86-64 struct elf_prstatus: registers in an NT_PRSTATUS note, in a dump or in crash_notes. */
#ifndef KVMMMU_PRSTATUS_H
#define KVMMMU_PRSTATUS_H

#include "base/target.h"

#include <string.h>

#define KM_PRSTATUS_SIZE 336

/* Return the registers in pr_reg, which is a struct user_regs_struct. */
static inline struct km_registers km_prstatus_registers(const uint8_t prstatus[KM_PRSTATUS_SIZE])
{
	uint64_t reg[27];

	memcpy(reg, prstatus + 112, sizeof(reg));
	return (struct km_registers){.rip = reg[16], .rsp = reg[19], .rbp = reg[4]};
}

#endif
