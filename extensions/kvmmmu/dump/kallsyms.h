/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's symbol table (kernel/kallsyms.c), found by addresses in VMCOREINFO. */
#ifndef KVMMMU_KALLSYMS_H
#define KVMMMU_KALLSYMS_H

#include "base/memory.h"

struct km_kallsyms;

/*
 * Read the table of the kernel in @mem. KM_EABSENT: VMCOREINFO has no addresses of it (before 6.0);
 * KM_EREAD: it is not in the dump; KM_EDATA: it is inconsistent. @mem must outlive it: what a
 * look-up needs may be read then. Free it with km_kallsyms_free().
 */
km_error *km_kallsyms_read(struct km_memory *mem, const char *vmcoreinfo,
			   struct km_kallsyms **kallsyms);
void km_kallsyms_free(struct km_kallsyms *kallsyms);

/*
 * Find the first symbol @name in the table. Return false if there is none, or if
 * km_kallsyms_trouble() says that it could not be read.
 */
bool km_kallsyms_lookup(struct km_kallsyms *kallsyms, const char *name, uint64_t *addr);

/*
 * Find the last symbol at or before @addr, and the offset of @addr from it; of several symbols at
 * one address take the first in the table, as kallsyms_lookup() does. Return false if there is
 * none, or if km_kallsyms_trouble() says that it could not be read.
 */
bool km_kallsyms_lookup_address(struct km_kallsyms *kallsyms, uint64_t addr, char *name,
				size_t size, uint64_t *offset);

/* Return what a look-up could not read, or NULL. It belongs to @kallsyms. */
km_error *km_kallsyms_trouble(const struct km_kallsyms *kallsyms);

#endif
