// SPDX-License-Identifier: GPL-2.0-or-later
#include "audit/look.h"

enum km_look_answer km_look_at_host(const struct km_look *at, struct km_host_page *page)
{
	if (!km_look_is_leaf(at) || at->stale)
		return KM_FITS;
	if (!km_look_has_slots(at))
		return KM_CANNOT_TELL;
	if (!at->slot || !at->slot->userspace_addr || at->sp->role.is_mirror ||
	    (at->slot->flags & (KVM_MEM_GUEST_MEMFD | KVM_MEMSLOT_GMEM_ONLY | KVM_MEMSLOT_INVALID)))
		return KM_FITS;
	return km_host_page_at(&at->all->host, km_look_hva(at), page) ? KM_ANOMALY : KM_CANNOT_TELL;
}
