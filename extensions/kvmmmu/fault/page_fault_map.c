// SPDX-License-Identifier: GPL-2.0-or-later
/* The last step: the change of the SPTE. */
#include "fault/page_fault_steps.h"

#include <inttypes.h>

static const char *map_name(const struct km_replay *r)
{
	if (!r->s->mmu->root_role.direct)
		return "FNAME(fetch)";
	return r->tdp_mmu ? "kvm_tdp_mmu_map" : "direct_map";
}

/* No memslot contains the gfn, and MMIO SPTEs are enabled. */
static bool map_mmio(struct km_replay *r, const char *f)
{
	return km_step_end(r, f, "map", KM_RET_PF_EMULATE,
			   "an MMIO SPTE is created, and the access is emulated");
}

/* The frozen entry at the end of the walk, or NULL. */
static const struct km_walk_level *frozen(const struct km_replay *r)
{
	return r->last && r->last->spte.kind == KM_SPTE_FROZEN ? r->last : NULL;
}

/*
 * Does make_spte() set D in an SPTE that was writable before? From 5.19 up to 6.12 it leaves that
 * out; since cc7ed3358e41 (6.13), D always goes with W.
 */
static bool sets_dirty(const struct km_replay *r)
{
	return r->s->masks->accessed_always || !r->s->masks->layout->mmu_present_mask;
}

/* An A or D bit that make_spte() sets and this leaf does not have; NULL: none. */
static const char *missing_ad_bit(const struct km_replay *r)
{
	const struct km_spte_masks *m = r->s->masks;
	const struct km_spte *spte = &r->last->spte;

	if (!m->accessed_always && !km_spte_ad_enabled(m, spte->value))
		return NULL;
	if (!r->prefetch && m->accessed && !(spte->value & m->accessed))
		return "A";
	if (sets_dirty(r) && spte->w && r->map_writable && m->dirty && !(spte->value & m->dirty))
		return "D";
	return NULL;
}

/* A bit that make_spte() sets and this leaf does not have: "W", ...; NULL: none. */
static const char *missing_bit(const struct km_replay *r)
{
	const struct km_spte *spte = &r->last->spte;
	bool ept = r->s->masks->paging == KM_PAGING_EPT;
	unsigned want = ACC_READ_MASK | ACC_WRITE_MASK | ACC_USER_MASK | ACC_EXEC_MASK;

	/* ACC_ALL up to 6.12; then that of the role, which is less with GMET */
	if (!r->s->mmu->root_role.direct)
		want = r->guest.access;
	else if (r->s->kernel->features.acc == KM_ACC_RWUX)
		want = r->s->mmu->root_role.access;
	if ((want & ACC_WRITE_MASK) && r->map_writable && !spte->w)
		return "W";
	if ((want & ACC_READ_MASK) && !spte->r)
		return "R";
	if (!ept && (want & ACC_USER_MASK) && !spte->u && r->s->mmu->root_role.direct)
		return "U";
	/* the NX huge page workaround does not set X above 4K */
	if ((want & ACC_EXEC_MASK) && !spte->x && spte->level == PG_LEVEL_4K)
		return "X";
	return missing_ad_bit(r);
}

/* An A or D bit of this leaf that make_spte() does not set again; NULL: none. */
static const char *lost_bit(const struct km_replay *r)
{
	const struct km_spte_masks *m = r->s->masks;
	const struct km_spte *spte = &r->last->spte;

	if (m->accessed_always || !km_spte_ad_enabled(m, spte->value))
		return NULL;
	if (r->prefetch && spte->value & m->accessed)
		return "A";
	if (!sets_dirty(r) && spte->w && r->map_writable && spte->value & m->dirty)
		return "D";
	return NULL;
}

/* A huge page that needs no change: written again, or split if KVM would map less now. */
static bool keep_huge_leaf(struct km_replay *r, const char *f)
{
	return km_step_open(r, f, "map",
			    "SPTE 0x%" PRIx64
			    " at level %d needs no change: the fault is spurious if the host's "
			    "page is still as large; otherwise, the SPTE is split",
			    r->last->spte.value, r->last->level);
}

/* A leaf that KVM's test denies, or that is not tested. */
static bool change_leaf(struct km_replay *r, const char *f)
{
	const struct km_spte *spte = &r->last->spte;
	const char *missing = missing_bit(r), *lost = lost_bit(r);
	bool direct = r->s->mmu->root_role.direct;

	if (r->fetch && !spte->x && spte->level > PG_LEVEL_4K)
		return km_step_end(
			r, f, "map", KM_RET_PF_FIXED,
			"a fetch from a huge page without X: it is split, and the 4K page "
			"is mapped executable");
	if (r->write && !spte->w && spte->level > PG_LEVEL_4K && r->slot &&
	    (r->slot->flags & KVM_MEM_LOG_DIRTY_PAGES))
		return km_step_end(r, f, "map", KM_RET_PF_FIXED,
				   "a huge page in a dirty-logged slot: it is split into 4K pages");
	if (!direct && r->guest.end != KM_GUEST_MAPPED)
		return km_step_open(r, f, "map", "it is not known what the guest's tables permit");
	if (r->prefetch && !km_spte_ad_enabled(r->s->masks, spte->value))
		return km_step_open(r, f, "map",
				    "a prefetch maps the page without the bits of an access: "
				    "access tracking is not replayed");
	if (missing) {
		/* the ruling of the processor on the new SPTE is not computed */
		return km_step_end(r, f, "map", KM_RET_PF_FIXED,
				   "SPTE 0x%" PRIx64
				   " at level %d does not have %s: make_spte() sets it",
				   spte->value, spte->level, missing);
	}
	if (lost)
		return km_step_end(r, f, "map", KM_RET_PF_FIXED,
				   "SPTE 0x%" PRIx64
				   " at level %d has %s: make_spte() does not set it again",
				   spte->value, spte->level, lost);
	if (spte->level > PG_LEVEL_4K)
		return keep_huge_leaf(r, f);
	if (r->write && !spte->w)
		return km_step_open(r, f, "map",
				    "it is not known whether the page may be mapped writable");
	return km_step_end(r, f, "map", KM_RET_PF_SPURIOUS,
			   "SPTE 0x%" PRIx64
			   " at level %d has every bit that make_spte() sets: the same "
			   "value is written",
			   spte->value, spte->level);
}

/*
 * A leaf at the target level is spurious for a prefetch (since 6.13) and, in the TDP MMU, if the
 * test permits the access (since 985b2ab9ee30, 6.15); make_spte() is not called.
 */
static bool permitted_leaf(struct km_replay *r, const char *f)
{
	const struct km_spte *spte = &r->last->spte;

	if (r->prefetch)
		return km_step_end(r, f, "map", KM_RET_PF_SPURIOUS,
				   "SPTE 0x%" PRIx64
				   " at level %d is present, which is sufficient for a prefetch",
				   spte->value, spte->level);
	return km_step_end(r, f, "map", KM_RET_PF_SPURIOUS,
			   "%s permits the access to SPTE 0x%" PRIx64
			   " at level %d: nothing is changed",
			   r->has_words ? "spte_permission_fault()" : "is_access_allowed()",
			   spte->value, spte->level);
}

/* Nothing is mapped: a new SPTE, write-protected if the gfn contains shadowed page tables. */
static bool map_new(struct km_replay *r, const char *f)
{
	struct km_val tracked = r->write ? km_write_tracked(r) : km_known_val(0);

	if (!km_is_known(tracked))
		return km_step_open(r, f, "map", "gfn_write_track[] of the slot is not readable");
	if (tracked.v)
		return km_step_end(
			r, f, "map",
			r->s->kernel->features.write_protected ? KM_RET_PF_WRITE_PROTECTED
							       : KM_RET_PF_EMULATE,
			"the gfn is write-tracked (count %" PRIu64
			"): it is mapped read-only, and the write has to be emulated or retried",
			tracked.v);
	return km_step_end(r, f, "map", KM_RET_PF_FIXED,
			   "nothing is mapped at level %d: a new SPTE is created", r->last->level);
}

bool km_replay_map(struct km_replay *r)
{
	const char *f = map_name(r);
	const struct km_walk *walk = r->s->walk;
	/* the masks are from 6.13: nothing in a dump distinguishes 6.13 and 6.14 from 6.15 */
	bool newer = r->s->masks->accessed_always;

	/* FNAME(fetch): the guest's root became visible after the dummy root was loaded */
	if (walk->end == KM_END_DUMMY_ROOT)
		return km_step_end(r, f, "fetch-dummy-root", KM_RET_PF_RETRY,
				   "the root is the dummy root: KVM requests another one");
	if (walk->end == KM_END_UNREADABLE)
		return km_step_open(r, f, "map", "the SPTE at level %d is not readable",
				    walk->end_level);
	if (walk->end == KM_END_TOO_WIDE || walk->end == KM_END_TORN)
		return km_step_open(r, f, "map",
				    walk->end == KM_END_TORN ? "the page tables are inconsistent"
							     : "the root cannot map the address");
	if (r->tdp_mmu && frozen(r))
		return km_step_end(r, f, "frozen", KM_RET_PF_RETRY,
				   "the SPTE at level %d is frozen: another task is changing it",
				   r->last->level);
	/*
	 * tdp_mmu_map_handle_target_level() warns once and retries: in 6.12, not in 6.1. New child
	 * pages take their level from this page.
	 */
	if (r->tdp_mmu && r->s->kernel->features.write_protected && r->last &&
	    r->last->sp.role_known && r->last->sp.role.level != r->last->level)
		return km_step_end(
			r, f, "map", KM_RET_PF_RETRY,
			"role.level of the page table is %u, the SPTE's level is %d: KVM "
			"warns and retries",
			r->last->sp.role.level, r->last->level);
	if (r->slot_known && !r->slot)
		return map_mmio(r, f);
	if (!r->last)
		return km_step_open(r, f, "map", "the walk has no SPTE: page tables are created");
	if (walk->end != KM_END_LEAF)
		return map_new(r, f);
	if (newer && (r->prefetch || (r->tdp_mmu && r->test_known && !r->denied)))
		return r->last->level == PG_LEVEL_4K ? permitted_leaf(r, f) : keep_huge_leaf(r, f);
	return change_leaf(r, f);
}
