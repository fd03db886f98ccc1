// SPDX-License-Identifier: GPL-2.0-or-later
#include "kvm/memslot_trees.h"

#include "base/loop.h"

#include <inttypes.h>
#include <stdio.h>

#define ID_BUCKETS 128 /* DECLARE_HASHTABLE(id_hash, 7) */
#define MAX_DEPTH  64

struct search {
	const struct km_kernel *k;
	const struct km_memslots *slots;
	uint64_t to_node; /* offset of the node in kvm_memory_slot */
	size_t found;
	uint64_t last; /* the highest HVA so far */
	enum km_known known;
	char *why;
	size_t size;
};

static const struct km_memslot *slot_at(const struct km_memslots *slots, uint64_t addr)
{
	for (size_t i = 0; i < slots->count; i++) {
		if (slots->slots[i].addr == addr)
			return &slots->slots[i];
	}
	return NULL;
}

/* Count the slot that contains @node. Return false if it is not one of those found by gfn. */
static bool count_slot(struct search *s, uint64_t node, const char *by,
		       const struct km_memslot **slot)
{
	*slot = slot_at(s->slots, node - s->to_node);
	s->found++;
	if (*slot)
		return true;
	snprintf(s->why, s->size, "the memslot at 0x%" PRIx64 " is found by %s, and not by gfn",
		 node - s->to_node, by);
	return false;
}

/* In order of HVAs. Return false if something does not agree. */
static bool walk_hva(struct search *s, uint64_t node, unsigned depth)
{
	struct km_val left = km_kget(s->k, node, KM_M_rb_node_rb_left);
	struct km_val right = km_kget(s->k, node, KM_M_rb_node_rb_right);
	const struct km_memslot *slot;
	km_scoped_error *err = km_check_interrupt(s->k->mem);

	if (err || !km_is_known(left) || !km_is_known(right)) {
		s->known = KM_UNREADABLE;
		return true;
	}
	if (depth == MAX_DEPTH) {
		snprintf(s->why, s->size, "the tree of HVAs has a loop");
		return false;
	}
	if (left.v && !walk_hva(s, left.v, depth + 1))
		return false;
	if (!count_slot(s, node, "HVA", &slot))
		return false;
	if (slot->userspace_addr < s->last) {
		snprintf(s->why, s->size, "memslot %" PRId64 " is not in the order of HVAs",
			 slot->id);
		return false;
	}
	s->last = slot->userspace_addr;
	return !right.v || walk_hva(s, right.v, depth + 1);
}

static bool walk_ids(struct search *s, struct km_val node)
{
	const struct km_memslot *slot;
	struct km_loop loop = {0};

	while (km_is_known(node) && node.v) {
		if (km_loop_step(&loop, node.v)) {
			snprintf(s->why, s->size, "the hash table of ids has a loop");
			return false;
		}
		if (!count_slot(s, node.v, "id", &slot))
			return false;
		node = km_kget(s->k, node.v, KM_M_hlist_node_next);
	}
	if (!km_is_known(node))
		s->known = KM_UNREADABLE;
	return true;
}

static bool counts_agree(struct search *s, const char *by)
{
	if (s->known == KM_KNOWN && s->found != s->slots->count) {
		snprintf(s->why, s->size, "%zu memslots are found by %s, and %zu by gfn", s->found,
			 by, s->slots->count);
		return false;
	}
	return true;
}

struct km_val km_memslot_trees_agree(const struct km_kernel *k, uint64_t kvm,
				     const struct km_memslots *slots, char *why, size_t size)
{
	const struct km_member *hva = km_layout_member(k->layout, KM_M_kvm_memory_slot_hva_node);
	const struct km_member *id = km_layout_member(k->layout, KM_M_kvm_memory_slot_id_node);
	struct km_val memslots = km_kelem(k, kvm, KM_M_kvm_memslots, slots->as_id);
	struct km_val tree = km_kget(k, memslots.v, KM_M_kvm_memslots_hva_tree);
	struct km_val idx = km_kget(k, memslots.v, KM_M_kvm_memslots_node_idx);
	struct search s = {.k = k, .slots = slots, .known = KM_KNOWN, .why = why, .size = size};

	if (!hva || !id || tree.known == KM_ABSENT)
		return (struct km_val){.known = KM_ABSENT};
	if (!km_is_known(memslots) || !km_is_known(tree) || !km_is_known(idx) || idx.v > 1)
		return (struct km_val){.known = KM_UNREADABLE};
	s.to_node = hva->offset + idx.v * hva->elem;
	if ((tree.v && !walk_hva(&s, tree.v, 0)) || !counts_agree(&s, "HVA"))
		return km_known_val(0);
	s.to_node = id->offset + idx.v * id->elem;
	s.found = 0;
	for (uint32_t i = 0; i < ID_BUCKETS; i++) {
		if (!walk_ids(&s, km_kelem(k, memslots.v, KM_M_kvm_memslots_id_hash, i)))
			return km_known_val(0);
	}
	if (!counts_agree(&s, "id"))
		return km_known_val(0);
	return (struct km_val){.v = s.known == KM_KNOWN, .known = s.known};
}
