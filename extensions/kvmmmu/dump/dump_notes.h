/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the notes of a dump file say: ELF, or kdump-compressed. */
#ifndef KVMMMU_DUMP_NOTES_H
#define KVMMMU_DUMP_NOTES_H

#include "target.h"

/* Of the @cpu-th note of registers in the file @fd; false if there is none. */
bool km_dump_notes_registers(int fd, unsigned cpu, struct km_registers *regs);

/* VMCOREINFO, which the caller frees; NULL if there is none. */
char *km_dump_notes_vmcoreinfo(int fd);

#endif
