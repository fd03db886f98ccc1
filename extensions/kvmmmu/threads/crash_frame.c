// SPDX-License-Identifier: GPL-2.0-or-later
#include "threads/crash_frame.h"

#include "kernel/text.h"

#include <string.h>

#define MAX_FRAME 1024 /* bytes: struct pt_regs, and what the function keeps beside it */
#define CALL_SIZE 5
/* a call may go to the padding before the function, which counts call depth */
#define MAX_PADDING 16

/* Is the instruction before @ip a direct call of the function at @start? */
static bool is_behind_call_of(const struct km_kernel *k, uint64_t ip, uint64_t start)
{
	uint8_t call[CALL_SIZE];
	km_scoped_error *err = NULL;
	int32_t distance;

	if (!km_is_text(k, ip))
		return false;
	err = km_read_virt(k->mem, ip - CALL_SIZE, call, sizeof(call));
	if (err || call[0] != 0xe8)
		return false;
	memcpy(&distance, call + 1, sizeof(distance));
	return start - (ip + (uint64_t)(int64_t)distance) <= MAX_PADDING;
}

/*
 * Has the function from @start to @ip left its caller's bp alone? If so, no entry records where it
 * was saved.
 */
static bool keeps_bp(const struct km_kernel *k, uint64_t start, uint64_t ip)
{
	struct km_orc orc;

	for (uint64_t at = start; at < ip; at++) {
		if (km_orc_find(k, at, &orc) && orc.type != KM_ORC_NOTHING &&
		    orc.bp_reg != KM_ORC_UNDEFINED)
			return false;
	}
	return true;
}

bool km_crash_frame_unwind(const struct km_kernel *k, struct km_unwind *u)
{
	uint64_t offset, start, ip;
	struct km_orc orc;
	char name[64];

	if (!km_is_text(k, u->ip) || (km_orc_find(k, u->ip, &orc) && orc.type != KM_ORC_NOTHING) ||
	    !km_function_at(k, u->ip, name, sizeof(name), &offset))
		return false;
	start = u->ip - offset;
	for (uint64_t slot = u->sp & ~7ULL; slot < u->sp + MAX_FRAME; slot += 8) {
		km_scoped_error *err = km_read_virt(k->mem, slot, &ip, sizeof(ip));

		if (err)
			return false;
		if (!is_behind_call_of(k, ip, start))
			continue;
		*u = (struct km_unwind){.ip = ip,
					.sp = slot + 8,
					.bp = u->bp,
					.bp_known = keeps_bp(k, start, u->ip),
					.slot = slot};
		return true;
	}
	return false;
}
