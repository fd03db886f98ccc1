// SPDX-License-Identifier: GPL-2.0-or-later
/* See host-page: pages that are swapped out, being migrated or unmapped have been zapped. */
#include "audit/look.h"

enum km_look_answer km_audit_host_unmapped(const struct km_look *at, struct km_anomaly *a)
{
	struct km_host_page host;
	enum km_look_answer answer = km_look_at_host(at, &host);

	if (answer != KM_ANOMALY)
		return answer;
	if (host.present)
		return KM_FITS;
	km_anomaly_says(a, "the VMM maps nothing at 0x%" PRIx64 " (entry 0x%" PRIx64 ")",
			km_look_hva(at), host.value);
	return KM_ANOMALY;
}
