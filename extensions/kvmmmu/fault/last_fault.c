// SPDX-License-Identifier: GPL-2.0-or-later
#include "fault/last_fault.h"

#include "rules/exits.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *km_fault_source_text(enum km_fault_source source)
{
	switch (source) {
	case KM_FAULT_USER:
		return "user";
	case KM_FAULT_STACK:
		return "stack";
	case KM_FAULT_VMCB:
		return "VMCB";
	case KM_FAULT_VMX:
		return "VMX";
	case KM_FAULT_RUN:
		return "kvm_run";
	case KM_FAULT_HINT:
		return "hint";
	case KM_FAULT_VMCS:
		return "VMCS";
	case KM_FAULT_FTRACE:
		return "ftrace";
	}
	return "?";
}

const char *km_fault_age_text(enum km_fault_age age)
{
	switch (age) {
	case KM_AGE_IN_HANDLER:
		return "in handler";
	case KM_AGE_LAST_EXIT:
		return "last exit";
	case KM_AGE_RESIDUE:
		return "residue";
	case KM_AGE_UNKNOWN:
		return "unknown";
	case KM_AGE_RECORDED:
		return "recorded";
	}
	return "?";
}

const struct km_fault *km_fault_to_judge(const struct km_last_fault *last)
{
	for (size_t i = 0; i < last->count; i++) {
		const struct km_fault *f = &last->faults[i];

		if (km_is_known(f->addr) && km_is_known(f->error_code) && f->mmu &&
		    f->age != KM_AGE_RESIDUE)
			return f;
	}
	return NULL;
}

void km_fault_set_error_code(struct km_fault *fault, const struct km_kernel *k,
			     const struct km_mmu *mmu, uint64_t value)
{
	size_t used = strlen(fault->from);

	fault->error_code = km_known_val(value);
	if (mmu->paging != KM_PAGING_EPT || !km_is_exit_qualification(value))
		return;
	fault->error_code.v =
		km_ept_violation_error_code(k->features.acc, km_mmu_has_mbec(mmu), value);
	snprintf(fault->from + used, sizeof(fault->from) - used,
		 "; 0x%" PRIx64 " is an exit qualification, converted to the error code as in KVM",
		 value);
}
