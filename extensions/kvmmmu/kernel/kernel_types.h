/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Chooses the type source for the kernel in a dump: BTF in the dump, or debuginfo files whose
 * build-ids match it.
 */
#ifndef KVMMMU_KERNEL_TYPES_H
#define KVMMMU_KERNEL_TYPES_H

#include "kernel/kernel.h"

/*
 * Find the types and, with them, the kvm module: set kernel->layout, kvm, vendor_module and
 * builtin. kernel->mem and release must be set. KM_EABSENT: KVM is not loaded; KM_EDEBUGINFO: no
 * usable types.
 */
km_error *km_kernel_find_types(struct km_kernel *kernel, enum km_types_source source);

/*
 * Are kvm and its vendor module still those that km_kernel_find_types() found? KVM in vmlinux is.
 * Errors as km_module_find().
 */
km_error *km_kernel_same_modules(const struct km_kernel *kernel, bool *same);

/* Return the build-id of vmlinux, from its notes in the dump; its len is 0 if unknown. */
struct km_build_id km_vmlinux_build_id(const struct km_kernel *kernel);

/* Write it as text to @buf, "" if unknown; that of a capsule is in its manifest. Return @buf. */
const char *km_vmlinux_build_id_text(const struct km_kernel *kernel, char *buf, size_t size);

#endif
