// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/report_rules.h"

#include <stddef.h>
#include <string.h>

static const struct km_report_rule rules[] = {
#define KM_RULE(id, suspect, ...) {id, KM_AT_##suspect, __VA_ARGS__},
#include "commands/report_rules.def"
#undef KM_RULE
};

const struct km_report_rule *km_report_rule(const char *id)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		if (!strcmp(rules[i].id, id))
			return &rules[i];
	}
	return NULL;
}

const char *km_suspect_text(enum km_suspect suspect)
{
	static const char *const texts[] = {
		[KM_AT_KVM] = "KVM, or what corrupted its memory",
		[KM_AT_VMM] = "the VMM",
		[KM_AT_GUEST] = "the guest, or how the VMM set it up",
		[KM_AT_HOST] = "the host: what KVM waits for, or lacks",
		[KM_AT_HARDWARE] = "the host's memory modules",
	};

	return texts[suspect];
}
