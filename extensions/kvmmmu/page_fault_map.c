// SPDX-License-Identifier: GPL-2.0-or-later
/* The last step: what is written to the SPTE, if anything is. */
#include "page_fault_steps.h"

#include <inttypes.h>

static const char *map_name(const struct km_replay *r)
{
	if (!r->s->mmu->root_role.direct)
		return "FNAME(fetch)";
	return r->tdp_mmu ? "kvm_tdp_mmu_map" : "direct_map";
}

/* An access that no memslot covers, where MMIO SPTEs are on: one is made. */
static bool map_mmio(struct km_replay *r, const char *f)
{
	return km_end(r, f, "map", KM_RET_PF_EMULATE,
		      "an MMIO SPTE is made, and the access emulated");
}

/* The first entry of the walk that somebody has frozen, or NULL. */
static const struct km_walk_level *frozen(const struct km_replay *r)
{
	return r->last && r->last->spte.kind == KM_SPTE_FROZEN ? r->last : NULL;
}

/* What make_spte() would grant that this leaf lacks: "W", ...; NULL if nothing. */
static const char *gained(const struct km_replay *r)
{
	const struct km_spte *spte = &r->last->spte;
	bool ept = r->s->masks->paging == KM_PAGING_EPT;
	unsigned want = ACC_READ_MASK | ACC_WRITE_MASK | ACC_USER_MASK | ACC_EXEC_MASK;

	/* up to 6.12 ACC_ALL; then the role's, which is less under GMET */
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
	/* the NX huge page workaround withholds X above 4K */
	if ((want & ACC_EXEC_MASK) && !spte->x && spte->level == PG_LEVEL_4K)
		return "X";
	if (r->s->masks->ad_enabled && !spte->accessed)
		return "A";
	return NULL;
}

/* A huge page that needs nothing: written again, or split if KVM would make it smaller today. */
static bool keep_huge_leaf(struct km_replay *r, const char *f)
{
	return km_open(r, f, "map",
		       "SPTE 0x%" PRIx64 " at level %d needs no change: spurious if the host still "
		       "maps as much at once, else it is split",
		       r->last->spte.value, r->last->level);
}

/* A leaf is there that KVM's test denies, or that nobody asks a test about. */
static bool change_leaf(struct km_replay *r, const char *f)
{
	const struct km_spte *spte = &r->last->spte;
	const char *right = gained(r);
	bool direct = r->s->mmu->root_role.direct;

	if (r->fetch && !spte->x && spte->level > PG_LEVEL_4K)
		return km_end(r, f, "map", KM_RET_PF_FIXED,
			      "a fetch from a huge page without X: it is split, and the 4K page "
			      "may be executed");
	if (r->write && !spte->w && spte->level > PG_LEVEL_4K && r->slot &&
	    (r->slot->flags & KVM_MEM_LOG_DIRTY_PAGES))
		return km_end(r, f, "map", KM_RET_PF_FIXED,
			      "a huge page in a dirty-logged slot: it is split into 4K pages");
	if (!direct && r->guest.end != KM_GUEST_MAPPED)
		return km_open(r, f, "map", "what the guest's tables permit is not known");
	if (right) {
		/* the processor's own answer to the entry with that right is not computed */
		return km_end(r, f, "map", KM_RET_PF_FIXED,
			      "SPTE 0x%" PRIx64 " at level %d lacks %s: make_spte() sets it",
			      spte->value, spte->level, right);
	}
	if (spte->level > PG_LEVEL_4K)
		return keep_huge_leaf(r, f);
	if (r->write && !spte->w)
		return km_open(r, f, "map", "whether the page may be mapped writable is not known");
	return km_end(r, f, "map", KM_RET_PF_SPURIOUS,
		      "SPTE 0x%" PRIx64 " at level %d has every right that make_spte() grants: it "
		      "is written as it is",
		      spte->value, spte->level);
}

/*
 * TDP MMU, 7.2 on: a leaf at the target that the test permits, or that a prefault meets, is
 * spurious, whatever make_spte() would say.
 */
static bool permitted_leaf(struct km_replay *r, const char *f)
{
	const struct km_spte *spte = &r->last->spte;

	if (r->prefetch)
		return km_end(r, f, "map", KM_RET_PF_SPURIOUS,
			      "SPTE 0x%" PRIx64 " at level %d is mapped: enough for a prefault",
			      spte->value, spte->level);
	return km_end(r, f, "map", KM_RET_PF_SPURIOUS,
		      "%s permits the access to SPTE 0x%" PRIx64 " at level %d: nothing is changed",
		      r->has_words ? "spte_permission_fault()" : "is_access_allowed()", spte->value,
		      spte->level);
}

/* Nothing is mapped: a new SPTE is made, write-protected if the gfn holds shadowed tables. */
static bool map_new(struct km_replay *r, const char *f)
{
	struct km_val tracked = r->write ? km_write_tracked(r) : km_known_val(0);

	if (!km_is_known(tracked))
		return km_open(r, f, "map", "gfn_write_track[] of the slot is not readable");
	if (tracked.v)
		return km_end(r, f, "map",
			      r->s->kernel->features.write_protected ? KM_RET_PF_WRITE_PROTECTED
								     : KM_RET_PF_EMULATE,
			      "the gfn is write-tracked (count %" PRIu64
			      "): it is mapped read-only, "
			      "the write needs more",
			      tracked.v);
	return km_end(r, f, "map", KM_RET_PF_FIXED,
		      "nothing is mapped at level %d: a new SPTE is made", r->last->level);
}

bool km_replay_map(struct km_replay *r)
{
	const char *f = map_name(r);
	const struct km_walk *walk = r->s->walk;
	/* with kvm_ad_enabled as a variable, near enough: 985b2ab9ee30 (6.15) */
	bool asks_test = r->tdp_mmu && r->s->masks->layout->accessed_always;

	/* FNAME(fetch): the guest's root became visible since the dummy was loaded */
	if (walk->end == KM_END_DUMMY_ROOT)
		return km_end(r, f, "fetch-dummy-root", KM_RET_PF_RETRY,
			      "the dummy root: another one is asked for");
	if (walk->end == KM_END_UNREADABLE)
		return km_open(r, f, "map", "the SPTE at level %d is not in the dump",
			       walk->end_level);
	if (walk->end == KM_END_TOO_WIDE || walk->end == KM_END_TORN)
		return km_open(r, f, "map",
			       walk->end == KM_END_TORN
				       ? "the page tables contradict themselves"
				       : "the address is beyond what the root can map");
	if (r->tdp_mmu && frozen(r))
		return km_end(r, f, "frozen", KM_RET_PF_RETRY,
			      "the SPTE at level %d is frozen: somebody else is changing it",
			      r->last->level);
	/*
	 * tdp_mmu_map_handle_target_level() warns once and gives up: in 6.12, not in 6.1. Pages
	 * that are made below take their level from this one's.
	 */
	if (r->tdp_mmu && r->s->kernel->features.write_protected && r->last &&
	    r->last->sp.role_known && r->last->sp.role.level != r->last->level)
		return km_end(r, f, "map", KM_RET_PF_RETRY,
			      "role.level of the page table is %u, the SPTE's level is %d: KVM "
			      "warns and gives up",
			      r->last->sp.role.level, r->last->level);
	if (r->slot_known && !r->slot)
		return map_mmio(r, f);
	if (!r->last)
		return km_open(r, f, "map", "the walk has no SPTE: the tables are built");
	if (walk->end != KM_END_LEAF)
		return map_new(r, f);
	if (asks_test && (r->prefetch || (r->test_known && !r->denied)))
		return r->last->level == PG_LEVEL_4K ? permitted_leaf(r, f) : keep_huge_leaf(r, f);
	return change_leaf(r, f);
}
