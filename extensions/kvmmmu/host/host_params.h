/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parameters of KVM's modules: struct kernel_param, include/linux/moduleparam.h. */
#ifndef KVMMMU_HOST_PARAMS_H
#define KVMMMU_HOST_PARAMS_H

#include "kernel/kernel.h"

#define KM_HOST_PARAMS 128

/* A parameter as it is in memory, not as /sys shows it. */
struct km_host_param {
	const char *module; /* "kvm", "kvm_amd" */
	char name[64];
	char value[128]; /* "": not known */
	const char *why; /* why it is not known, or NULL */
};

struct km_host_params {
	struct km_host_param params[KM_HOST_PARAMS];
	size_t count;
	char why[160]; /* why parameters are missing, or "" */
};

/* Add the parameters of kvm and of its vendor module to @all. */
void km_host_params_read(const struct km_kernel *kernel, struct km_host_params *all);

#endif
