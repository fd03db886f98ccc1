/* SPDX-License-Identifier: GPL-2.0-or-later */
/* KVM's modules as structures in memory. */
#ifndef KVMMMU_HOST_MODULES_H
#define KVMMMU_HOST_MODULES_H

#include "kernel/kernel.h"

enum km_host_module {
	KM_HOST_KVM,
	KM_HOST_VENDOR, /* kvm_amd or kvm_intel */
	KM_HOST_MODULES,
};

/* Return "kvm", "kvm_amd", "kvm_intel"; NULL if the vendor is not known. */
const char *km_host_module_name(const struct km_kernel *kernel, enum km_host_module which);

/*
 * Return the address of struct module; 0 if it is built in, not loaded, or not known. Capsules
 * store it as if it were a symbol.
 */
uint64_t km_host_module_addr(const struct km_kernel *kernel, enum km_host_module which);

/* Return the name of the module whose code contains @pc; NULL if neither does, or if it is not
 * known. */
const char *km_host_module_at(const struct km_kernel *kernel, uint64_t pc);

#endif
