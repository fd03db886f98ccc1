// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * update_permission_bitmask() and update_pkru_bitmask() fill it from the role; perms shows the
 * words.
 */
#include "audit/look.h"

#include <string.h>

/* Is the table called @name of @mmu, or of the walk that it uses? */
static bool belongs(const char *name, const struct km_mmu *mmu)
{
	size_t len = strcspn(name, ".");

	return (strlen(mmu->name) == len && !strncmp(name, mmu->name, len)) ||
	       (mmu->w && strlen(mmu->w->name) == len && !strncmp(name, mmu->w->name, len));
}

enum km_look_answer km_audit_perm_table(const struct km_look *at, struct km_anomaly *a)
{
	enum km_look_answer answer = KM_FITS;

	for (size_t i = 0; i < at->contexts->table_count; i++) {
		const struct km_perm_table *t = &at->contexts->tables[i];

		if (!belongs(t->context, at->mmu))
			continue;
		if (t->status == KM_TABLE_UNREADABLE || t->status == KM_TABLE_NO_VERDICT)
			answer = KM_CANNOT_TELL;
		if (t->status != KM_TABLE_DIFFERS)
			continue;
		km_anomaly_says(a, "%s.permissions: %u of 16 words differ%s", t->context,
				km_table_differences(t),
				t->pkru_judged && t->pkru_mask != t->expected_pkru
					? ", and so does pkru_mask"
					: "");
		if (at->vcpu_certainty < a->certainty)
			a->certainty = at->vcpu_certainty;
		return KM_ANOMALY;
	}
	return answer;
}
