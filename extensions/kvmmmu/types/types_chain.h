/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Several type sources as one: those of kvm.ko, kvm-amd.ko and vmlinux.
 */
#ifndef KVMMMU_TYPES_CHAIN_H
#define KVMMMU_TYPES_CHAIN_H

#include "types/types.h"

#include <stddef.h>

/*
 * Create a source that asks the @n sources of @list in turn and uses the first that has the type.
 * It owns the sources, also on failure, and frees them in this order. Free *chain with
 * km_types_free(). KM_ENOMEM.
 */
km_error *km_types_chain(struct km_types *const *list, size_t n, struct km_types **chain);

/* Remove the folders from "DWARF of /a/kvm.ko, DWARF of ...", in place. */
void km_drop_folders(char *origin);

#endif
