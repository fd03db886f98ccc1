/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Encrypted guests: arch/x86/kvm/svm/sev.c, and kvm_arch.vm_type. */
#ifndef KVMMMU_SEV_H
#define KVMMMU_SEV_H

#include "kvm/vm.h"

/* SEV guests, including those made with KVM_SEV_INIT, whose vm_type is the default one. */
enum km_sev {
	KM_SEV_UNKNOWN,
	KM_SEV_NONE,
	KM_SEV,	   /* memory is encrypted, registers are not */
	KM_SEV_ES, /* SEV-ES, SNP; TDX counts as one: KVM cannot emulate for it either */
};

/* Mirrors ____sev_guest() and ____sev_es_guest(). */
enum km_sev km_vm_sev(const struct km_kernel *kernel, const struct km_vm *vm);

#endif
