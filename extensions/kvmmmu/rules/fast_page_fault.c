// SPDX-License-Identifier: GPL-2.0-or-later
#include "rules/fast_page_fault.h"

const char *km_ret_pf_name(enum km_ret_pf ret)
{
	switch (ret) {
	case KM_RET_PF_CONTINUE:
		return "RET_PF_CONTINUE";
	case KM_RET_PF_RETRY:
		return "RET_PF_RETRY";
	case KM_RET_PF_EMULATE:
		return "RET_PF_EMULATE";
	case KM_RET_PF_WRITE_PROTECTED:
		return "RET_PF_WRITE_PROTECTED";
	case KM_RET_PF_INVALID:
		return "RET_PF_INVALID";
	case KM_RET_PF_FIXED:
		return "RET_PF_FIXED";
	case KM_RET_PF_SPURIOUS:
		return "RET_PF_SPURIOUS";
	case KM_RET_PF_EXIT:
		return "error, exit to userspace";
	case KM_RET_PF_UNKNOWN:
		break;
	}
	return "not known";
}

const char *km_fast_step_text(enum km_fast_step step)
{
	static const char *const texts[] = {
		[KM_FAST_RSVD] = "reserved bits: not handled by the fast path",
		[KM_FAST_PRIVATE_MISMATCH] = "the fault is private and the gfn is shared, or vice "
					     "versa: not handled by the fast path",
		[KM_FAST_NOT_PRESENT] = "not present, and A/D bits are enabled: there is no access "
					"tracking that the fast path could undo",
		[KM_FAST_NOT_WRITE] = "present, but not a write: the fast path cannot fix it",
		[KM_FAST_NO_SPTE] = "the last SPTE is not shadow-present",
		[KM_FAST_NO_LEAF] = "the last SPTE is not a leaf",
		[KM_FAST_ALLOWED] = "KVM's test permits the access",
		[KM_FAST_OUT_OF_RANGE] =
			"the index from the error code is past the end of the permission table",
		[KM_FAST_DIRTY_LOG_HUGE] =
			"a huge page in a dirty-logged slot: the slow path has to set "
			"W",
		[KM_FAST_HUGE] = "a huge page: the slow path has to set W",
		[KM_FAST_UNCHANGED] = "neither access-tracked nor MMU-writable: nothing to change",
		[KM_FAST_STILL_DENIED] =
			"the changes that are allowed without mmu_lock are not sufficient",
		[KM_FAST_FIXED] = "the SPTE is changed to permit the access",
	};

	return texts[step];
}

/* Does this kernel's test deny the access? *@unknown is set if it reads past its table. */
static bool denied(const struct km_fast_page_fault_in *in, uint64_t spte, bool *unknown)
{
	struct km_spf spf;

	if (!in->words)
		return !km_is_access_allowed(in->masks, spte, in->error_code);
	spf = km_spte_permission_fault(in->masks, in->words, spte, in->error_code, in->form);
	*unknown = spf.out_of_range;
	return spf.denied;
}

/*
 * Does the kernel have the fast path of 5.10? Until 5.12, whose SPTEs have no MMU-present bit, it
 * tries to fix any fault if SPTEs can be access-tracked, does not ask whether the SPTE is present,
 * and leaves each huge page to the slow path.
 */
static bool is_old(const struct km_fast_page_fault_in *in)
{
	return !in->masks->layout->mmu_present_mask;
}

static bool old_page_fault_can_be_fast(const struct km_fast_page_fault_in *in,
				       enum km_fast_step *why)
{
	bool present = in->error_code & PFERR_PRESENT_MASK;

	*why = present ? KM_FAST_NOT_WRITE : KM_FAST_NOT_PRESENT;
	if (present && (in->error_code & PFERR_FETCH_MASK))
		return false;
	return in->masks->acc_track || (present && (in->error_code & PFERR_WRITE_MASK));
}

/* page_fault_can_be_fast(). *@why is set to the step that refuses. */
static bool page_fault_can_be_fast(const struct km_fast_page_fault_in *in, enum km_fast_step *why)
{
	if (in->error_code & PFERR_RSVD_MASK) {
		*why = KM_FAST_RSVD;
		return false;
	}
	if (is_old(in))
		return old_page_fault_can_be_fast(in, why);
	if (in->private_mismatch) {
		*why = KM_FAST_PRIVATE_MISMATCH;
		return false;
	}
	if (!(in->error_code & PFERR_PRESENT_MASK)) {
		*why = KM_FAST_NOT_PRESENT;
		return !in->masks->ad_enabled;
	}
	*why = KM_FAST_NOT_WRITE;
	return in->error_code & PFERR_WRITE_MASK;
}

/* May W be set without mmu_lock? MMU-writable implies host-writable, which 5.10 asks for, too. */
static bool may_set_w(const struct km_fast_page_fault_in *in)
{
	uint64_t needed = in->masks->mmu_writable | (is_old(in) ? in->masks->host_writable : 0);

	return (in->error_code & PFERR_WRITE_MASK) && (in->spte & needed) == needed;
}

/*
 * The SPTE with all changes that need no mmu_lock. Access tracking exists only without A/D bits: in
 * 5.10, without those of the SPTE's page table.
 */
static uint64_t fix(const struct km_fast_page_fault_in *in)
{
	const struct km_spte_masks *masks = in->masks;
	uint64_t spte = in->spte;

	if ((!masks->ad_enabled || is_old(in)) && km_is_access_track_spte(masks, spte)) {
		spte = km_restore_acc_track_spte(masks, spte);
		if (masks->accessed_always)
			spte |= masks->accessed;
	}
	if (may_set_w(in))
		spte |= KM_BIT(1);
	return spte;
}

/* The body of the loop in fast_page_fault(). *@new_spte is set for KM_FAST_FIXED only. */
static enum km_fast_step try_fix(const struct km_fast_page_fault_in *in, uint64_t *new_spte)
{
	bool unknown = false, still_denied;
	uint64_t fixed;

	if (!is_old(in) && !km_is_shadow_present_pte(in->masks, in->spte))
		return KM_FAST_NO_SPTE;
	if (!km_is_last_spte(in->spte, in->level))
		return KM_FAST_NO_LEAF;
	if (!denied(in, in->spte, &unknown))
		return unknown ? KM_FAST_OUT_OF_RANGE : KM_FAST_ALLOWED;
	if (may_set_w(in) && in->level > PG_LEVEL_4K && is_old(in))
		return KM_FAST_HUGE;
	if (may_set_w(in) && in->level > PG_LEVEL_4K && in->dirty_logged)
		return KM_FAST_DIRTY_LOG_HUGE;
	fixed = fix(in);
	if (fixed == in->spte)
		return KM_FAST_UNCHANGED;
	still_denied = denied(in, fixed, &unknown);
	if (still_denied)
		return KM_FAST_STILL_DENIED;
	*new_spte = fixed;
	return KM_FAST_FIXED;
}

struct km_fast_page_fault km_fast_page_fault(const struct km_fast_page_fault_in *in)
{
	struct km_fast_page_fault out = {.ret = KM_RET_PF_INVALID, .new_spte = in->spte};

	if (!page_fault_can_be_fast(in, &out.step))
		return out;
	out.tried = true;
	out.step = try_fix(in, &out.new_spte);
	if (out.step == KM_FAST_ALLOWED)
		out.ret = KM_RET_PF_SPURIOUS;
	if (out.step == KM_FAST_OUT_OF_RANGE)
		out.ret = KM_RET_PF_UNKNOWN;
	if (out.step == KM_FAST_FIXED)
		out.ret = KM_RET_PF_FIXED;
	return out;
}
