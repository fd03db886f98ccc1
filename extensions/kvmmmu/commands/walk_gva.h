/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `walk --gva`: a linear address of a guest, through its own page tables and the SPTEs. */
#ifndef KVMMMU_WALK_GVA_H
#define KVMMMU_WALK_GVA_H

#include "commands/command_context.h"

/*
 * Describe the walk of the linear address @gva in the page tables of the code that the vCPU runs,
 * which accesses they permit, and the SPTEs of what it is mapped to. The only error is Ctrl-C.
 */
km_error *km_walk_gva(struct km_command_context *ctx, const struct km_subject *subject,
		      uint64_t gva);

#endif
