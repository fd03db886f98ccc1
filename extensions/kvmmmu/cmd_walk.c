// SPDX-License-Identifier: GPL-2.0-or-later
/* kvmmmu walk: every shadow page-table entry down to an address. */
#include "command_context.h"

km_error *km_command_walk(struct km_command_context *ctx)
{
	struct km_subject s;
	struct km_walk walk;
	uint64_t addr;
	km_error *err = km_parse_hex(ctx->argv[1], "address", &addr);

	if (!err)
		err = km_context_subject(ctx, ctx->argv[0], &s);
	if (!err)
		err = km_walk(ctx->kernel, &s.masks, s.mmu, addr, &walk);
	if (err)
		return err;
	km_describe_vcpu(ctx->root, "vcpu", s.vm, s.vcpu);
	km_describe_walk(ctx->root, ctx->kernel, s.mmu, &walk, false);
	return NULL;
}
