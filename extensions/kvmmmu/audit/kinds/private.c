// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A VM of TDX has private memory below its mirror root and shared memory below the other. When the
 * attribute of a gfn changes, KVM zaps both: kvm_arch_pre_set_memory_attributes().
 */
#include "kvm/gfn_state.h"
#include "audit/look.h"

enum km_look_answer km_audit_private(const struct km_look *at, struct km_anomaly *a)
{
	const struct km_vm *vm = at->all->vm;
	struct km_val attributes;
	bool is_private;

	if (!vm->gfn_direct_bits.v || !km_look_is_leaf(at) || at->stale || !at->sp->role.direct)
		return KM_FITS;
	if (at->run > 1 || !km_is_known(at->gfn) || !at->sp->role_known)
		return KM_CANNOT_TELL;
	attributes = km_gfn_attributes(at->all->kernel, vm, at->gfn.v);
	if (!km_is_known(attributes))
		return KM_CANNOT_TELL;
	is_private = attributes.v & KVM_MEMORY_ATTRIBUTE_PRIVATE;
	if (is_private == at->sp->role.is_mirror)
		return KM_FITS;
	km_anomaly_says(a, "it is below the %s root, and gfn 0x%" PRIx64 " is %s",
			at->sp->role.is_mirror ? "mirror" : "shared", at->gfn.v,
			is_private ? "private" : "shared");
	return KM_ANOMALY;
}
