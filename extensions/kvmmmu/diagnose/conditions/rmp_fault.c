// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SEV-SNP: the processor denied the access because of the RMP (reverse map table), not because of
 * the nested page tables. sev_handle_rmp_fault() changes something only where a 2M RMP entry has to
 * be split; in all other cases it returns and the guest faults again.
 */
#include "diagnose/diagnose_rules.h"

#define RMP_BITS (PFERR_GUEST_RMP_MASK | PFERR_GUEST_SIZEM_MASK | PFERR_GUEST_VMPL_MASK)

/* Why sev_handle_rmp_fault() returns without a change; NULL if it may change something. */
static const char *why_nothing_changes(const struct km_case *c, struct km_val attributes)
{
	if (!(c->error_code & PFERR_GUEST_RMP_MASK))
		return "the error code does not have RMP set: KVM does not check the RMP";
	if (km_is_known(attributes) && !(attributes.v & KVM_MEMORY_ATTRIBUTE_PRIVATE))
		return "the gfn is shared";
	if (c->slots_known && c->gfn_known && !c->slot)
		return "no memslot covers the gfn";
	if (c->slot && !(c->slot->flags & (KVM_MEM_GUEST_MEMFD | KVM_MEMSLOT_GMEM_ONLY)))
		return "the memslot has no guest_memfd";
	return NULL;
}

bool km_rule_rmp_fault(const struct km_case *c, struct km_val attributes, struct km_diagnosis *d)
{
	const char *why = why_nothing_changes(c, attributes);
	bool lost = km_most_are_lost(km_case_counts(c).balance);
	char fault[224];

	if (!km_case_has_fault(c) || !c->has_error_code || !(c->error_code & RMP_BITS))
		return false;
	d->certainty = !lost ? KM_NOTE : km_case_in_handler(c) && why ? KM_LIKELY : KM_POSSIBLE;
	d->stuck = d->certainty != KM_NOTE;
	km_verdict_says(d,
			"the processor denied the access because of the RMP (SEV-SNP), regardless "
			"of what the SPTEs permit%s",
			why ? ": sev_handle_rmp_fault() changes nothing, and the guest faults again"
			    : ": KVM splits the RMP entry if it is a 2M entry; otherwise, the "
			      "guest faults again");
	km_evidence(d, "%s", km_case_fault_spell(c, fault, sizeof(fault)));
	if (why)
		km_evidence(d, "%s", why);
	km_evidence_counters(c, d);
	km_leaves_open(d, "the state of the page's RMP entry, which is not in the dump");
	return true;
}

bool km_diagnose_rmp_fault(const struct km_case *c, struct km_diagnosis *d)
{
	struct km_val attributes = {.known = KM_UNREADABLE};

	if (!km_case_has_fault(c) || !c->has_error_code || !(c->error_code & RMP_BITS))
		return false;
	if (c->gfn_known)
		attributes = km_gfn_attributes(c->kernel, c->vm, c->gfn);
	return km_rule_rmp_fault(c, attributes, d);
}
