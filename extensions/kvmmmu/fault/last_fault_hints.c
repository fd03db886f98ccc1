// SPDX-License-Identifier: GPL-2.0-or-later
/* Addresses that KVM keeps for MMIO, retries and async page faults: none is proven to be a fault.
 */
#include "fault/last_fault_search.h"

#define ASYNC_PF_PER_VCPU 64

static void add_hint(struct km_fault_search *search, uint64_t gpa, const char *from)
{
	struct km_fault *f = km_fault_add(search, KM_FAULT_HINT, KM_AGE_UNKNOWN);

	if (!f)
		return;
	f->addr = km_known_val(gpa);
	KM_PRINT(f->from, "%s", from);
	KM_PRINT(f->limits, "a hint: it is not known whether this is the last fault, and the error "
			    "code is not known");
}

static void add_mmio(struct km_fault_search *search)
{
	const struct km_kernel *k = search->k;
	uint64_t v = search->vcpu->addr;
	struct km_val needed = km_kget(k, v, KM_M_kvm_vcpu_mmio_needed);
	struct km_val gpa = km_kget(k, v, KM_M_kvm_vcpu_mmio_gpa);
	struct km_val write = km_kget(k, v, KM_M_kvm_vcpu_mmio_is_write);

	if (needed.v && km_is_known(gpa))
		add_hint(search, gpa.v,
			 write.v ? "vcpu.mmio_needed: a write that userspace has to perform"
				 : "vcpu.mmio_needed: a read that userspace has to perform");
}

static void add_async_pf(struct km_fault_search *search)
{
	const struct km_kernel *k = search->k;
	uint64_t v = search->vcpu->addr;
	struct km_val queued = km_kget(k, v, KM_M_kvm_vcpu_apf_queued);

	for (uint32_t i = 0; queued.v && i < ASYNC_PF_PER_VCPU; i++) {
		struct km_val gfn = km_kelem(k, v, KM_M_kvm_vcpu_apf_gfns, i);

		if (!km_is_known(gfn) || gfn.v == UINT64_MAX)
			continue;
		add_hint(search, gfn.v << KM_PAGE_SHIFT,
			 "arch.apf.gfns: an async page fault that the host has not resolved");
		return;
	}
}

void km_faults_add_hints(struct km_fault_search *search)
{
	const struct km_kernel *k = search->k;
	uint64_t v = search->vcpu->addr;
	struct km_val gfn, gen, retry;

	add_mmio(search);
	add_async_pf(search);
	gfn = km_kget(k, v, KM_M_kvm_vcpu_mmio_gfn);
	gen = km_kget(k, v, KM_M_kvm_vcpu_mmio_gen);
	retry = km_kget(k, v, KM_M_kvm_vcpu_last_retry_addr);
	if (km_is_known(retry) && retry.v)
		add_hint(search, retry.v,
			 "arch.last_retry_addr: the emulator failed and the instruction was "
			 "retried");
	if (km_is_known(gfn) && gfn.v && gen.v)
		add_hint(search, gfn.v << KM_PAGE_SHIFT, "arch.mmio_gfn: the last MMIO access");
}
