/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's own symbol table, read from the dump: kernel/kallsyms.c, by addresses in VMCOREINFO.
 */
#ifndef KVMMMU_KALLSYMS_H
#define KVMMMU_KALLSYMS_H

#include "memory.h"

struct kallsyms;

/*
 * Reads the table of the kernel in @mem. KM_EABSENT if VMCOREINFO has no addresses of it (before
 * 6.0), KM_EREAD if it is not in the dump, KM_EDATA if it contradicts itself.
 */
km_error *kallsyms_read(struct km_memory *mem, const char *vmcoreinfo, struct kallsyms **kallsyms);
void kallsyms_free(struct kallsyms *kallsyms);

bool kallsyms_lookup(const struct kallsyms *kallsyms, const char *name, uint64_t *addr);

/*
 * The last symbol at or before @addr, and how far @addr is from it; of several at one address the
 * first in the table, as the kernel does. False if there is none.
 */
bool kallsyms_lookup_address(const struct kallsyms *kallsyms, uint64_t addr, char *name,
			     size_t size, uint64_t *offset);

#endif
