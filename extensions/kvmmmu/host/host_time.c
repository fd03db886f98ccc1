// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/host_time.h"

#define NS_PER_SEC 1000000000LL

bool km_host_timekeeper(const struct km_kernel *k, uint64_t *addr)
{
	struct km_val at;

	if (km_kernel_symbol(k, "timekeeper_data", addr) || km_kernel_symbol(k, "tk_core", addr)) {
		at = km_addr_of(k->layout, *addr, KM_M_tk_data_timekeeper);
		if (km_is_known(at)) {
			*addr = at.v;
			return true;
		}
	}
	return km_kernel_symbol(k, "shadow_timekeeper", addr);
}

struct km_val km_host_uptime(const struct km_kernel *k, uint64_t addr)
{
	struct km_val now = km_kget(k, addr, KM_M_timekeeper_xtime_sec);
	struct km_val since = km_kget(k, addr, KM_M_timekeeper_wall_to_monotonic_sec);
	struct km_val suspended = km_kget(k, addr, KM_M_timekeeper_offs_boot);

	if (!km_is_known(now))
		return now;
	if (!km_is_known(since))
		return since;
	if (!km_is_known(suspended))
		return suspended;
	return km_known_val(now.v + since.v + (uint64_t)((int64_t)suspended.v / NS_PER_SEC));
}
