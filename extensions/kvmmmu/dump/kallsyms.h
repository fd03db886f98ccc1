/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's symbol table (kernel/kallsyms.c), found by addresses in VMCOREINFO. */
#ifndef KVMMMU_KALLSYMS_H
#define KVMMMU_KALLSYMS_H

#include "base/memory.h"

struct km_kallsyms;

/*
 * Read the table of the kernel in @mem. KM_EABSENT: VMCOREINFO has no addresses of it (before 6.0);
 * KM_EREAD: it is not in the dump; KM_EDATA: it is inconsistent. Free it with km_kallsyms_free().
 */
km_error *km_kallsyms_read(struct km_memory *mem, const char *vmcoreinfo,
			   struct km_kallsyms **kallsyms);
void km_kallsyms_free(struct km_kallsyms *kallsyms);

/* Return false if there is no symbol @name. The first look-up builds an index of the names. */
bool km_kallsyms_lookup(struct km_kallsyms *kallsyms, const char *name, uint64_t *addr);

/*
 * Find the last symbol at or before @addr, and the offset of @addr from it; of several symbols at
 * one address take the first in the table, as kallsyms_lookup() does. Return false if there is
 * none.
 */
bool km_kallsyms_lookup_address(const struct km_kallsyms *kallsyms, uint64_t addr, char *name,
				size_t size, uint64_t *offset);

#endif
