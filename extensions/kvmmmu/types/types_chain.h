/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Several type sources that answer as one: kvm.ko's, kvm-amd.ko's, vmlinux's.
 */
#ifndef KVMMMU_TYPES_CHAIN_H
#define KVMMMU_TYPES_CHAIN_H

#include "types.h"

#include <stddef.h>

/*
 * Asks the @n sources of @list in turn: the first that has the type decides. Takes the sources
 * over, also on failure, and frees them in this order. *chain needs km_types_free(). KM_ENOMEM.
 */
km_error *km_types_chain(struct km_types *const *list, size_t n, struct km_types **chain);

/* "DWARF of /a/kvm.ko, DWARF of ..." without the folders, in place. */
void km_drop_folders(char *origin);

#endif
