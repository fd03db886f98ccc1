// SPDX-License-Identifier: GPL-2.0-or-later
#include "rules/guest_access.h"

#define EPT_X  KM_BIT(2)
#define EPT_XU KM_BIT(10)

/* The rights as an index into a permission word. */
static unsigned acc_index(const struct km_guest_access *in)
{
	unsigned user = in->ept ? ACC_READ_MASK : ACC_USER_MASK;

	if (in->format == KM_ACC_RWUX)
		return in->acc;
	return (in->acc & ACC_EXEC_MASK ? ACC_UWX_EXEC_MASK : 0) |
	       (in->acc & ACC_WRITE_MASK ? ACC_UWX_WRITE_MASK : 0) |
	       (in->acc & user ? ACC_UWX_USER_MASK : 0);
}

/* AD (1) and WD (2) of PKRU, as far as they count for this access. */
static uint32_t pkru_bits(const struct km_guest_access *in, uint64_t pfec)
{
	bool user = in->acc & ACC_USER_MASK;

	/* in the table, the place of RSVD is U of the guest's entry */
	return in->pkru_mask >> (pfec | (user ? PFERR_RSVD_MASK : 0)) & 3;
}

enum km_guest_ruling km_permission_fault(const struct km_guest_access *in, uint64_t pfec, bool *pk)
{
	unsigned acc = acc_index(in);
	bool smap, not_smap, denied;
	uint32_t bits;

	*pk = false;
	pfec &= PFERR_WRITE_MASK | PFERR_USER_MASK | PFERR_FETCH_MASK;
	/* in the index, RSVD means that SMAP is not enforced */
	smap = in->words[pfec >> 1] >> acc & 1;
	not_smap = in->words[(pfec | PFERR_RSVD_MASK) >> 1] >> acc & 1;
	if (smap != not_smap && !in->ac_known)
		return KM_GUEST_NEEDS_AC;
	denied = in->ac_known && in->ac ? not_smap : smap;
	bits = pkru_bits(in, pfec);
	if (bits && !in->pkru_known)
		return denied ? KM_GUEST_FORBIDS : KM_GUEST_NEEDS_PKRU;
	*pk = bits & in->pkru >> 2 * in->pkey;
	return denied || *pk ? KM_GUEST_FORBIDS : KM_GUEST_PERMITS;
}

uint64_t km_rsvd_gpte(const struct km_rsvd_bits *rsvd, uint64_t gpte, int level, bool mbec,
		      bool *bad_mt_xwr)
{
	bool executable = mbec && (gpte & EPT_XU);

	*bad_mt_xwr = rsvd->bad_mt_xwr & KM_BIT((gpte | (executable ? EPT_X : 0)) & 0x3f);
	if (!km_is_level(level))
		return 0;
	return gpte & rsvd->rsvd_bits_mask[gpte >> 7 & 1][level - 1];
}
