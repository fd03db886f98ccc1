// SPDX-License-Identifier: GPL-2.0-or-later
#include "kvm/guest_paging.h"

#include "kvm/svm.h"

#include <string.h>

/* regs_avail: VCPU_EXREG_CR3, since 7.2 VCPU_REG_CR3; the same from 5.10 to 7.3 */
#define AVAIL_CR3 KM_BIT(19)

static const struct km_pagewalk *find_walk(const struct km_vcpu_mmu *all, const char *name)
{
	for (size_t i = 0; i < all->walk_count; i++)
		if (!strcmp(all->walks[i].name, name))
			return &all->walks[i];
	return NULL;
}

/* vcpu.arch.walk_mmu: nested_mmu while L2 runs with nested TDP; since 7.3 always gva_walk. */
static void find_mode(const struct km_kernel *k, const struct km_vcpu_mmu *all,
		      struct km_guest_paging *out)
{
	if (!all->active)
		return;
	out->nested = !strcmp(all->active->name, "guest_mmu") ? all->active : NULL;
	if (k->features.spte_table)
		out->w = find_walk(all, "gva_walk");
	else
		out->w = find_walk(all, out->nested ? "nested_mmu" : "root_mmu");
	if (out->w && !out->w->role_known)
		out->w = NULL;
}

static struct km_val absent(void)
{
	return (struct km_val){.known = KM_ABSENT};
}

/* With NPT the processor loads CR3 from the VMCB; with shadow paging that is KVM's own root. */
static void read_svm(const struct km_kernel *k, const struct km_vcpu *vcpu,
		     struct km_guest_paging *out)
{
	struct km_vmcb vmcb;
	km_scoped_error *err = km_vmcb_read(k, vcpu, &vmcb);

	if (err) {
		out->cr3_source = "the VMCB is not readable";
		return;
	}
	out->cr0 = km_kget(k, vmcb.addr, KM_M_vmcb_cr0);
	out->rflags = km_kget(k, vmcb.addr, KM_M_vmcb_rflags);
	if (!k->features.tdp)
		return;
	out->cr3 = km_kget(k, vmcb.addr, KM_M_vmcb_cr3);
	out->cr3_source = km_is_known(out->cr3) ? "save.cr3 of the VMCB"
						: "save.cr3 of the VMCB is not readable";
}

void km_guest_paging_read(const struct km_kernel *k, const struct km_vcpu *vcpu,
			  const struct km_vcpu_mmu *all, struct km_guest_paging *out)
{
	bool cached = km_is_known(vcpu->regs_avail) && (vcpu->regs_avail.v & AVAIL_CR3);

	memset(out, 0, sizeof(*out));
	out->cr3 = out->cr0 = out->rflags = absent();
	out->cr3_source = "the vendor of the host is not known";
	out->pkru = km_kget(k, vcpu->addr, KM_M_kvm_vcpu_pkru);
	find_mode(k, all, out);
	if (k->vendor == KM_VENDOR_AMD)
		read_svm(k, vcpu, out);
	if (!k->features.tdp_known || (k->features.tdp && k->vendor != KM_VENDOR_INTEL))
		return;
	if (k->features.tdp && !cached) {
		out->cr3_source = "GUEST_CR3 is in the VMCS, and KVM has not read it since the "
				  "last exit";
		return;
	}
	out->cr3 = vcpu->cr3;
	out->cr3_source =
		km_is_known(vcpu->cr3) ? "kvm_vcpu.arch.cr3" : "kvm_vcpu.arch.cr3 is not readable";
}

bool km_guest_rsvd_read(const struct km_kernel *k, const struct km_pagewalk *w,
			struct km_rsvd_bits *rsvd)
{
	bool own = k->features.spte_table;
	enum km_member_id id =
		own ? KM_M_kvm_pagewalk_rsvd_bits_mask : KM_M_kvm_mmu_guest_rsvd_bits_mask;
	const struct km_member *m = km_layout_member(k->layout, id);
	struct km_val bad_mt_xwr = km_kget(
		k, w->addr, own ? KM_M_kvm_pagewalk_bad_mt_xwr : KM_M_kvm_mmu_guest_bad_mt_xwr);
	km_scoped_error *err = NULL;

	if (!m || m->size != sizeof(rsvd->rsvd_bits_mask) || !km_is_known(bad_mt_xwr))
		return false;
	err = km_read_virt_as(k->mem, w->addr + m->offset, rsvd->rsvd_bits_mask, m->size,
			      km_member_name(id));
	rsvd->bad_mt_xwr = bad_mt_xwr.v;
	return !err;
}
