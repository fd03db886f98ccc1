// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * reset_tdp_shadow_zero_bits_mask() computes them from the host and the role alone.
 */
#include "audit/look.h"

#include <string.h>

enum km_look_answer km_audit_rsvd_masks(const struct km_look *at, struct km_anomaly *a)
{
	const struct km_mmu *first = &at->all->direct;
	int levels = at->mmu->root_role.level;

	if (!at->all->has_direct || strcmp(at->mmu->name, first->name) || !at->mmu->rsvd_known ||
	    at->mmu->root_role.word != first->root_role.word)
		return KM_FITS;
	for (int large = 0; large < 2; large++) {
		for (int level = 1; level <= levels && level <= 5; level++) {
			uint64_t mine = at->mmu->rsvd.rsvd_bits_mask[large][level - 1];
			uint64_t other = first->rsvd.rsvd_bits_mask[large][level - 1];

			if (mine == other)
				continue;
			km_anomaly_says(a,
					"rsvd_bits_mask[%d][%d] is 0x%" PRIx64
					", that of another vCPU 0x%" PRIx64,
					large, level - 1, mine, other);
			return KM_ANOMALY;
		}
	}
	if (at->mmu->rsvd.bad_mt_xwr == first->rsvd.bad_mt_xwr)
		return KM_FITS;
	km_anomaly_says(a, "bad_mt_xwr is 0x%" PRIx64 ", that of another vCPU 0x%" PRIx64,
			at->mmu->rsvd.bad_mt_xwr, first->rsvd.bad_mt_xwr);
	return KM_ANOMALY;
}
