/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The notes of a dump file, ELF or kdump-compressed. */
#ifndef KVMMMU_DUMP_NOTES_H
#define KVMMMU_DUMP_NOTES_H

#include "base/file_read.h"
#include "base/target.h"

/* Get the registers of CPU @cpu from the notes of @file. Return false if there are none. */
bool km_dump_notes_registers(struct km_file *file, unsigned cpu, struct km_registers *regs);

/* Return the text of VMCOREINFO, to be freed by the caller; NULL if there is none. */
char *km_dump_notes_vmcoreinfo(struct km_file *file);

#endif
