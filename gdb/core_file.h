/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Physical memory of an ELF vmcore (or /proc/kcore), of which gdb has virtual addresses only. */
#ifndef KVMMMU_CORE_FILE_H
#define KVMMMU_CORE_FILE_H

#include "base/error.h"
#include "base/file_read.h"
#include "dump/dump_loss.h"

#include <stddef.h>
#include <stdint.h>

struct core_file;

/*
 * The caller calls core_file_close(). KM_EREAD: it cannot be read; KM_EDATA: not an ELF core of
 * x86, or damaged.
 */
km_error *core_file_open(const char *path, struct core_file **core);
void core_file_close(struct core_file *core);

/* Returns the text of its VMCOREINFO note, which the caller frees; NULL: there is none. */
char *core_file_vmcoreinfo(struct core_file *core);

/* Return the file, which records what could not be read of it; valid until it is closed. */
struct km_file *core_file_of(struct core_file *core);

/* Return why pages may be missing; valid until it is closed. */
const struct km_dump_loss *core_file_loss(const struct core_file *core);

/* Reads physical memory, all or nothing: KM_EREAD. */
km_error *core_file_read(struct core_file *core, uint64_t pa, void *buf, size_t len);

#endif
