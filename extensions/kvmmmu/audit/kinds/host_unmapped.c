// SPDX-License-Identifier: GPL-2.0-or-later
/* See host-page: pages that are swapped out, being migrated or unmapped have been zapped. */
#include "audit/look.h"
#include "walk/host_entry.h"

enum km_look_answer km_audit_host_unmapped(const struct km_look *at, struct km_anomaly *a)
{
	struct km_host_page host;
	enum km_look_answer answer = km_look_at_host(at, &host);
	struct km_host_entry entry;
	char is[100];

	if (answer != KM_ANOMALY)
		return answer;
	if (host.present)
		return KM_FITS;
	entry = km_host_entry_read(at->all->kernel, host.value);
	km_host_entry_print(&entry, is, sizeof(is));
	km_anomaly_says(a, "the VMM maps nothing at 0x%" PRIx64 ": its entry, 0x%" PRIx64 ", %s",
			km_look_hva(at), host.value, is);
	return KM_ANOMALY;
}
