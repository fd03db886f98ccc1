/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opens the kernel in a target. */
#ifndef KVMMMU_KERNEL_OPEN_H
#define KVMMMU_KERNEL_OPEN_H

#include "kernel/kernel.h"

struct km_open_options {
	enum km_types_source source;
};

/*
 * Open the kernel in @target, which must outlive it: find kvm, its types and its symbols.
 * KM_EABSENT: KVM is not loaded; KM_EDEBUGINFO: no usable type information; KM_EREAD: memory is
 * missing from the dump. Free it with km_kernel_free().
 */
km_error *km_kernel_open(struct km_target *target, const struct km_open_options *options,
			 struct km_kernel **kernel);
void km_kernel_free(struct km_kernel *kernel);

/*
 * Forget the memory that was read and the pages that were missing, because each answer reports its
 * own. For a target that runs, also forget its page tables and where its code is. KM_ENOMEM.
 */
km_error *km_kernel_forget(struct km_kernel *kernel);

/* Read the kernel's variables again, as km_kernel_open() does: masks and features. */
km_error *km_kernel_read(struct km_kernel *kernel);

#endif
