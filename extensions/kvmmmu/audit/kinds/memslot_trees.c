// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * KVM finds a memslot by gfn, by HVA and by id, in three structures that change together:
 * kvm_replace_memslot().
 */
#include "kvm/memslot_trees.h"
#include "audit/look.h"

enum km_look_answer km_audit_memslot_trees(const struct km_look *at, struct km_anomaly *a)
{
	enum km_look_answer answer = KM_FITS;

	for (unsigned as_id = 0; as_id < 2; as_id++) {
		struct km_val agree;

		if (!at->all->slots_known[as_id])
			continue;
		agree = km_memslot_trees_agree(at->all->kernel, at->all->vm->addr,
					       &at->all->slots[as_id], a->what, sizeof(a->what));
		if (km_is_known(agree) && !agree.v)
			return KM_ANOMALY;
		if (agree.known == KM_UNREADABLE)
			answer = KM_CANNOT_TELL;
	}
	return at->all->slots_known[0] ? answer : KM_CANNOT_TELL;
}
