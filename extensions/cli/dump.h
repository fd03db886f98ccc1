/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A dump file as a target: physical memory through libkdumpfile, kernel addresses by its page
 * tables. */
#ifndef KVMMMU_DUMP_H
#define KVMMMU_DUMP_H

#include "../kvmmmu/target.h"

struct dump;

/*
 * Opens the vmcore @path; "live" is /proc/kcore. @debug (a vmlinux, or a folder that has debuginfo;
 * NULL is fine) is where types, and symbols that kallsyms lacks, are looked for first. KM_EUSAGE:
 * no such file; KM_EREAD: it can't be read; KM_EDATA: no dump, or no Linux/x86-64 one.
 */
km_error *dump_open(const char *path, const char *debug, struct dump **dump);
void dump_close(struct dump *dump);

struct km_target *dump_target(struct dump *dump);

#endif
