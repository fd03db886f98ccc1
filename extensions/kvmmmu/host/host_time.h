/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The clocks of the host at the moment of the dump: struct timekeeper. */
#ifndef KVMMMU_HOST_TIME_H
#define KVMMMU_HOST_TIME_H

#include "kernel/kernel.h"

/*
 * Find the core timekeeper: tk_data.timekeeper since 6.13; before, the type of tk_core has no name,
 * and shadow_timekeeper has the same values since the last tick. Return false if there is none.
 */
bool km_host_timekeeper(const struct km_kernel *k, uint64_t *addr);

/*
 * Return the seconds since the boot, time in suspend included, by the timekeeper at @addr: as
 * /proc/uptime has them.
 */
struct km_val km_host_uptime(const struct km_kernel *k, uint64_t addr);

#endif
