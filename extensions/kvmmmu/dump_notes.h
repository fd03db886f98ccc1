/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The CPUs' registers in a dump file: ELF, or kdump-compressed, whose notes libkdumpfile 0.5.1 does
 * not look at.
 */
#ifndef KVMMMU_DUMP_NOTES_H
#define KVMMMU_DUMP_NOTES_H

#include "target.h"

/* Of the @cpu-th note of registers in the file @fd; false if there is none. */
bool km_dump_notes_registers(int fd, unsigned cpu, struct km_registers *regs);

#endif
