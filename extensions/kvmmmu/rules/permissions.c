// SPDX-License-Identifier: GPL-2.0-or-later
#include "rules/permissions.h"

#include "rules/mbec.h"

struct km_perm_inputs km_guest_perm_inputs(enum km_acc_format format,
					   const struct km_cpu_role *cpu_role, bool tdp, bool ept)
{
	return (struct km_perm_inputs){
		.format = format,
		.tdp = tdp,
		.ept = ept,
		.cr4_smep = km_cpu_role_cr4_smep(cpu_role),
		.cr4_smap = cpu_role->ext.cr4_smap,
		.cr0_wp = cpu_role->base.cr0_wp,
		.efer_nx = cpu_role->base.efer_nx,
	};
}

struct km_perm_inputs km_spte_perm_inputs(enum km_acc_format format,
					  const struct km_page_role *root_role, bool tdp, bool ept)
{
	return (struct km_perm_inputs){
		.format = format,
		.tdp = tdp,
		.ept = ept,
		.cr4_smep = root_role->cr4_smep,
		.cr4_smap = false,
		.cr0_wp = true,
		.efer_nx = true,
	};
}

static enum km_paging paging_of(const struct km_perm_inputs *in)
{
	if (in->ept)
		return KM_PAGING_EPT;
	return in->tdp ? KM_PAGING_NPT : KM_PAGING_SHADOW;
}

/* EPT up to 7.1: three rights, and U of the error code means the readable bit. */
static bool ept_uwx_fault(unsigned pfec, unsigned acc)
{
	return ((pfec & PFERR_WRITE_MASK) && !(acc & ACC_UWX_WRITE_MASK)) ||
	       ((pfec & PFERR_USER_MASK) && !(acc & ACC_UWX_USER_MASK)) ||
	       ((pfec & PFERR_FETCH_MASK) && !(acc & ACC_UWX_EXEC_MASK));
}

/* EPT since 7.2: with MBEC, fetches from user addresses need XU; all others need XS. */
static bool ept_rwux_fault(bool mbec, unsigned pfec, unsigned acc)
{
	unsigned exec = mbec && (pfec & PFERR_USER_MASK) ? ACC_USER_EXEC_MASK : ACC_EXEC_MASK;

	return ((pfec & PFERR_WRITE_MASK) && !(acc & ACC_WRITE_MASK)) ||
	       ((pfec & PFERR_FETCH_MASK) && !(acc & exec));
}

/* Plain x86 paging and NPT, in either format. */
static bool x86_fault(const struct km_perm_inputs *in, unsigned pfec, bool w, bool u, bool x)
{
	bool write = pfec & PFERR_WRITE_MASK, fetch = pfec & PFERR_FETCH_MASK;
	bool user = pfec & PFERR_USER_MASK, not_smap = pfec & PFERR_RSVD_MASK;
	bool gmet = in->format == KM_ACC_RWUX && km_has_gmet(paging_of(in), in->cr4_smep);

	if (write && !w && (user || in->cr0_wp))
		return true;
	if (fetch && !x && in->efer_nx)
		return true;
	if (user)
		return !u && !gmet;
	return u && (fetch ? in->cr4_smep : in->cr4_smap && !not_smap);
}

static bool acc_fault(const struct km_perm_inputs *in, unsigned pfec, unsigned acc)
{
	if (in->format == KM_ACC_UWX) {
		if (in->ept)
			return ept_uwx_fault(pfec, acc);
		return x86_fault(in, pfec, acc & ACC_UWX_WRITE_MASK, acc & ACC_UWX_USER_MASK,
				 acc & ACC_UWX_EXEC_MASK);
	}

	/* A write or fetch does not need R, which exists only in this format. */
	if (!(pfec & (PFERR_WRITE_MASK | PFERR_FETCH_MASK)) && !(acc & ACC_READ_MASK))
		return true;
	if (in->ept)
		return ept_rwux_fault(km_has_mbec(paging_of(in), in->cr4_smep), pfec, acc);
	return x86_fault(in, pfec, acc & ACC_WRITE_MASK, acc & ACC_USER_MASK, acc & ACC_EXEC_MASK);
}

void km_update_permission_bitmask(const struct km_perm_inputs *in, uint16_t words[KM_PERM_WORDS])
{
	for (unsigned index = 0; index < KM_PERM_WORDS; index++) {
		words[index] = 0;
		for (unsigned acc = 0; acc < km_acc_combinations(in->format); acc++)
			if (acc_fault(in, index << 1, acc))
				words[index] |= 1u << acc;
	}
}

uint32_t km_update_pkru_bitmask(bool cr4_pke, bool cr0_wp)
{
	uint32_t mask = 0;

	if (!cr4_pke)
		return 0;

	for (unsigned pfec = 0; pfec < 2 * KM_PERM_WORDS; pfec += 2) {
		/* The slot of RSVD is U of the guest's PTE. */
		bool data = !(pfec & PFERR_FETCH_MASK), pte_user = pfec & PFERR_RSVD_MASK;
		bool guarded_write =
			(pfec & PFERR_WRITE_MASK) && ((pfec & PFERR_USER_MASK) || cr0_wp);

		/* On user pages, AD (1) forbids data accesses, WD (2) writes that check W. */
		if (data && pte_user)
			mask |= (guarded_write ? 3u : 1u) << pfec;
	}
	return mask;
}
