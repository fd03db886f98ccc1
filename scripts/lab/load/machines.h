/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machines of the load besides those of ../trace/load.c; each function returns when they run.
 */
#ifndef MACHINES_H
#define MACHINES_H

#include <stdbool.h>

/* One whose memory the host manages. */
void run_mm(unsigned int seed, bool shadow);

/* A guest of a guest that writes to all pages of a dirty-logged slot, which the VMM discards. */
void run_nested(unsigned int seed, bool shadow);

/* One whose hypervisor maps and unmaps the page that it writes to. */
void run_nested_unmaps(unsigned int seed, bool shadow);

#endif
