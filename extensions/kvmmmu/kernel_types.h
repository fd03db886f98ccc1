/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Choosing the type source for the kernel in a dump: BTF that the dump holds, or debuginfo files
 * whose build-ids match it.
 */
#ifndef KVMMMU_KERNEL_TYPES_H
#define KVMMMU_KERNEL_TYPES_H

#include "kernel.h"

/*
 * Finds the types and, with them, the kvm module: fills kernel->layout, kvm, vendor_module,
 * builtin. kernel->mem and release are set already.
 */
km_error *km_kernel_find_types(struct km_kernel *kernel, enum km_types_source source);

/* The kernel proper's build-id, from its notes in the dump. */
struct km_build_id km_vmlinux_build_id(const struct km_kernel *kernel);

#endif
