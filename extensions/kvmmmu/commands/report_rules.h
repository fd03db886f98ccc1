/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For each finding that makes a vCPU stuck: the kernel's rule behind it, and where to look first.
 */
#ifndef KVMMMU_REPORT_RULES_H
#define KVMMMU_REPORT_RULES_H

enum km_suspect {
	KM_AT_KVM,
	KM_AT_VMM,
	KM_AT_GUEST,
	KM_AT_HOST,
	KM_AT_HARDWARE,
};

struct km_report_rule {
	const char *id; /* of the finding */
	enum km_suspect suspect;
	const char *functions, *file, *text;
};

/* Return the rule behind finding @id; NULL: it has none. */
const struct km_report_rule *km_report_rule(const char *id);

/* A phrase: "the VMM". */
const char *km_suspect_text(enum km_suspect suspect);

#endif
