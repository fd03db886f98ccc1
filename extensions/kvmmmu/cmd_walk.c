// SPDX-License-Identifier: GPL-2.0-or-later
/* kvmmmu walk: every shadow page-table entry down to an address. */
#include "command_context.h"

km_error *km_command_walk(struct km_command_context *ctx)
{
	const struct km_mmu *mmu;
	struct km_spte_masks masks;
	struct km_vcpu_mmu all;
	struct km_vcpu *vcpu;
	struct km_walk walk;
	struct km_vm *vm;
	uint64_t addr;
	km_error *err = km_parse_hex(ctx->argv[1], "address", &addr);

	if (!err)
		err = km_context_read_vms(ctx);
	if (!err)
		err = km_select_vcpu(&ctx->vms, ctx->argv[0], &vm, &vcpu);
	if (err)
		return err;
	km_vcpu_mmu_read(ctx->kernel, vcpu, &all);
	err = km_select_mmu(ctx, &all, &mmu);
	if (err)
		return err;
	if (!ctx->kernel->features.spte_known)
		return km_errorf(KM_EABSENT,
				 "the SPTEs of this kernel can't be read: its masks are not known");
	masks = km_vm_masks(ctx->kernel, vm);
	err = km_walk(ctx->kernel, &masks, mmu, addr, &walk);
	if (err)
		return err;
	km_describe_vcpu(ctx->root, vm, vcpu);
	km_describe_walk(ctx->root, ctx->kernel, mmu, &walk);
	return NULL;
}
