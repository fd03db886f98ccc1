// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/kernel_log.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* "RAX: 0000000000000000 RBX: ...": the host's registers at a WARN may hold a guest's data. */
static bool shows_registers(const char *text)
{
	static const char *const names[] = {
		"RAX: ", "RDX: ", "RBP: ", "R10: ", "R13: ", "EAX: ", "ESI: "};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strstr(text, names[i]))
			return true;
	}
	return false;
}

/*
 * Return how many bytes of a line of KVM's may be given away: no register, no name. A splat keeps
 * its WARNING line, a BUG its "RIP: 0010:function+0x1/0x2".
 */
static size_t without_names(const char *text, size_t len)
{
	static const char *const guests[] = {"rIP", "Guest State", "RIP", "RSP"};
	/* "WARNING: ... at get_mmio_spte+0x1a/0x3c [kvm], CPU#3: qemu/47" */
	const char *name = strstr(text, ", CPU#");

	if (!strncmp(text, "RIP: 0010:", 10) && isalpha((unsigned char)text[10]))
		return len;
	if (shows_registers(text))
		return 0;
	for (size_t i = 0; i < sizeof(guests) / sizeof(guests[0]); i++) {
		if (strstr(text, guests[i]))
			return 0;
	}
	if (strstr(text, "Comm:"))
		return 0;
	return name ? (size_t)(name - text) : len;
}

/* Take the lines of one record; a capsule contains all of them, or none. */
static size_t take_record(void *data, const struct km_printk_record *record, bool names)
{
	struct km_log *log = data;
	char stamp[32], text[KM_PRINTK_TEXT], *rest = text, *line;
	bool taken = false;

	snprintf(stamp, sizeof(stamp), "[%5" PRIu64 ".%06" PRIu64 "]", record->ts_nsec / 1000000000,
		 record->ts_nsec / 1000 % 1000000);
	memcpy(text, record->text, record->len + 1);
	while ((line = strsep(&rest, "\n")))
		taken |= km_log_line(log, line, stamp, strlen(stamp), record->seq) == KM_LOG_TAKEN;
	if (!taken)
		return 0;
	return names ? record->len : without_names(record->text, record->len);
}

km_error *km_log_of_kernel(const struct km_kernel *kernel, struct km_log *log,
			   struct km_printk_counts *counts)
{
	km_error *err;

	memset(log, 0, sizeof(*log));
	err = km_printk_read(kernel, take_record, log, counts);
	km_log_settle(log);
	return err;
}
