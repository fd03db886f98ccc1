// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A page table that prevents an NX huge page is in the list of those to be zapped, and only if
 * nx_huge_page_disallowed is set: track_possible_nx_huge_page(), account_huge_nx_page().
 */
#include "audit/look.h"

#define LIST_POISON1 0xdead000000000100ULL /* include/linux/poison.h */

/* Is the list_head at @link in a list, whose neighbors point to it? */
static enum km_look_answer is_linked(const struct km_kernel *k, uint64_t link, struct km_val next)
{
	struct km_val prev = km_kget(k, link, KM_M_list_head_prev), back, forth;

	if (!km_is_known(prev))
		return KM_CANNOT_TELL;
	if (!km_is_kernel_address(next.v) || !km_is_kernel_address(prev.v))
		return KM_ANOMALY;
	back = km_kget(k, next.v, KM_M_list_head_prev);
	forth = km_kget(k, prev.v, KM_M_list_head_next);
	if (!km_is_known(back) || !km_is_known(forth))
		return KM_CANNOT_TELL;
	return back.v == link && forth.v == link ? KM_FITS : KM_ANOMALY;
}

enum km_look_answer km_audit_page_nx_list(const struct km_look *at, struct km_anomaly *a)
{
	const struct km_kernel *k = at->all->kernel;
	struct km_val disallowed = at->sp->nx_huge_page_disallowed, next;
	struct km_val link = km_addr_of(k->layout, at->sp->addr, KM_M_kvm_mmu_page_nx_link);
	enum km_look_answer answer;

	if (disallowed.known == KM_ABSENT)
		return KM_FITS;
	next = km_kget(k, link.v, KM_M_list_head_next);
	if (!km_is_known(disallowed) || !km_is_known(link) || !km_is_known(next))
		return KM_CANNOT_TELL;
	if (!next.v || next.v == link.v || next.v == LIST_POISON1)
		return KM_FITS;
	answer = is_linked(k, link.v, next);
	if (answer == KM_CANNOT_TELL || (answer == KM_FITS && disallowed.v))
		return answer;
	km_anomaly_says(a, "%s",
			answer == KM_FITS
				? "it is in the list, but nx_huge_page_disallowed is false"
				: "its neighbors in the list do not point to it");
	return KM_ANOMALY;
}
