/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An ELF vmcore (or /proc/kcore) as physical memory: gdb only has its virtual addresses. */
#ifndef KVMMMU_CORE_FILE_H
#define KVMMMU_CORE_FILE_H

#include "../extensions/kvmmmu/error.h"

#include <stddef.h>
#include <stdint.h>

struct core_file;

/* KM_EREAD: it can't be read; KM_EDATA: it is no ELF core of x86, or a damaged one. */
km_error *core_file_open(const char *path, struct core_file **core);
void core_file_close(struct core_file *core);

/* The text of its VMCOREINFO note, which the caller frees; NULL: it has none. */
char *core_file_vmcoreinfo(const struct core_file *core);

/* Reads physical memory, all or nothing: KM_EREAD. */
km_error *core_file_read(const struct core_file *core, uint64_t pa, void *buf, size_t len);

#endif
