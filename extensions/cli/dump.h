/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A dump file as a target: physical memory from its pages, kernel addresses through the kernel's
 * page tables.
 */
#ifndef KVMMMU_DUMP_H
#define KVMMMU_DUMP_H

#include "base/target.h"

struct dump;

/*
 * Open the vmcore @path; "live" is /proc/kcore. @debug is a vmlinux or a folder that is searched
 * first for types and for symbols that kallsyms lacks; it may be NULL. KM_EREAD: the file cannot be
 * read; KM_EDATA: not a dump, or not one of x86-64 Linux. Close it with dump_close().
 */
km_error *dump_open(const char *path, const char *debug, struct dump **dump);
void dump_close(struct dump *dump);

struct km_target *dump_target(struct dump *dump);

#endif
