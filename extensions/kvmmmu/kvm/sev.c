// SPDX-License-Identifier: GPL-2.0-or-later
#include "kvm/sev.h"

enum km_sev km_vm_sev(const struct km_kernel *k, const struct km_vm *vm)
{
	const struct km_member *kvm = km_layout_member(k->layout, KM_M_kvm_svm_kvm);
	struct km_val active, es;

	if (km_is_known(vm->vm_type) && vm->vm_type.v >= KM_VM_SEV)
		return vm->vm_type.v == KM_VM_SEV ? KM_SEV : KM_SEV_ES;
	if (k->vendor == KM_VENDOR_INTEL)
		return KM_SEV_NONE;
	if (!kvm)
		return KM_SEV_UNKNOWN;
	active = km_kget(k, vm->addr - kvm->offset, KM_M_kvm_svm_sev_active);
	es = km_kget(k, vm->addr - kvm->offset, KM_M_kvm_svm_sev_es_active);
	if (active.known == KM_ABSENT) /* a kernel built without CONFIG_KVM_AMD_SEV */
		return KM_SEV_NONE;
	if (!km_is_known(active) || !km_is_known(es))
		return KM_SEV_UNKNOWN;
	return !active.v ? KM_SEV_NONE : es.v ? KM_SEV_ES : KM_SEV;
}
