// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * reset_tdp_shadow_zero_bits_mask() computes them from the host and the role alone.
 */
#include "audit/look.h"

#include <string.h>

static enum km_look_answer compare(const struct km_mmu *mmu, const struct km_mmu *other,
				   struct km_anomaly *a)
{
	int levels = mmu->root_role.level;

	for (int large = 0; large < 2; large++) {
		for (int level = 1; level <= levels && level <= 5; level++) {
			uint64_t mine = mmu->rsvd.rsvd_bits_mask[large][level - 1];
			uint64_t theirs = other->rsvd.rsvd_bits_mask[large][level - 1];

			if (mine == theirs)
				continue;
			km_anomaly_says(a,
					"rsvd_bits_mask[%d][%d] is 0x%" PRIx64
					", that of another vCPU is 0x%" PRIx64,
					large, level - 1, mine, theirs);
			return KM_ANOMALY;
		}
	}
	if (mmu->rsvd.bad_mt_xwr == other->rsvd.bad_mt_xwr)
		return KM_FITS;
	km_anomaly_says(a, "bad_mt_xwr is 0x%" PRIx64 ", that of another vCPU is 0x%" PRIx64,
			mmu->rsvd.bad_mt_xwr, other->rsvd.bad_mt_xwr);
	return KM_ANOMALY;
}

enum km_look_answer km_audit_rsvd_masks(const struct km_look *at, struct km_anomaly *a)
{
	const struct km_mmu *seen = at->all->direct;
	enum km_look_answer answer = KM_FITS;

	if (!at->all->direct_count || strcmp(at->mmu->name, seen->name) || !at->mmu->rsvd_known ||
	    at->mmu->root_role.word != seen->root_role.word)
		return KM_FITS;
	for (unsigned i = 0; i < at->all->direct_count; i++) {
		answer = compare(at->mmu, &seen[i], a);
		if (answer == KM_FITS)
			break;
	}
	return answer;
}
