/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The CPUs' registers in a kdump-compressed file: notes that libkdumpfile 0.5.1 does not look at.
 */
#ifndef KVMMMU_KDUMP_NOTES_H
#define KVMMMU_KDUMP_NOTES_H

#include "../kvmmmu/target.h"

/* Of the @cpu-th note of registers in @fd; false if there is none. */
bool kdump_notes_registers(int fd, unsigned cpu, struct km_registers *regs);

#endif
