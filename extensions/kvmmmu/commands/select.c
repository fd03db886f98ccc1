// SPDX-License-Identifier: GPL-2.0-or-later
#include "command_context.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

km_error *km_context_read_vms(struct km_command_context *ctx)
{
	km_error *err = km_vms_read(ctx->kernel, &ctx->vms);

	if (!err && ctx->vms.trouble)
		km_note(ctx->root, "%s", ctx->vms.trouble);
	return err;
}

km_error *km_select_vm(const struct km_vms *vms, const char *word, struct km_vm **vm)
{
	uint64_t number;
	km_scoped_error *err = NULL;

	if (km_parse_decimal(word, &number)) {
		if (number < vms->count) {
			*vm = &vms->vms[number];
			return NULL;
		}
		for (size_t i = 0; i < vms->count; i++) {
			if (km_is_known(vms->vms[i].pid) && vms->vms[i].pid.v == number) {
				*vm = &vms->vms[i];
				return NULL;
			}
		}
	}
	err = km_parse_hex(word, "VM", &number);
	for (size_t i = 0; !err && i < vms->count; i++) {
		if (vms->vms[i].addr == number) {
			*vm = &vms->vms[i];
			return NULL;
		}
	}
	return km_errorf(KM_EUSAGE,
			 "no VM \"%s\": neither a number below %zu, nor an owner's PID, nor the "
			 "address of a struct kvm",
			 word, vms->count);
}

static km_error *vcpu_by_index(struct km_vm *vm, const char *word, struct km_vcpu **vcpu)
{
	uint64_t index;

	if (km_parse_decimal(word, &index)) {
		for (size_t i = 0; i < vm->vcpu_count; i++) {
			if (vm->vcpus[i].idx == index) {
				*vcpu = &vm->vcpus[i];
				return NULL;
			}
		}
	}
	if (vm->vcpus_lost)
		return km_errorf(KM_EREAD,
				 "VM %u has no vCPU \"%s\" that is readable; %" PRIu64
				 " of its vCPUs are not",
				 vm->number, word, vm->vcpus_lost);
	return km_errorf(KM_EUSAGE, "VM %u has no vCPU \"%s\"", vm->number, word);
}

km_error *km_select_vcpu(const struct km_vms *vms, const char *word, struct km_vm **vm,
			 struct km_vcpu **vcpu)
{
	const char *colon = strchr(word, ':');
	uint64_t number;
	km_scoped_error *err = NULL;

	if (colon) {
		char name[32];
		km_error *none;

		snprintf(name, sizeof(name), "%.*s", (int)(colon - word), word);
		none = km_select_vm(vms, name, vm);
		return none ? none : vcpu_by_index(*vm, colon + 1, vcpu);
	}
	if (vms->count == 1 && km_parse_decimal(word, &number)) {
		*vm = &vms->vms[0];
		return vcpu_by_index(*vm, word, vcpu);
	}
	err = km_parse_hex(word, "vCPU", &number);
	for (size_t i = 0; !err && i < vms->count; i++) {
		for (size_t j = 0; j < vms->vms[i].vcpu_count; j++) {
			if (vms->vms[i].vcpus[j].addr != number)
				continue;
			*vm = &vms->vms[i];
			*vcpu = &vms->vms[i].vcpus[j];
			return NULL;
		}
	}
	return km_errorf(KM_EUSAGE, "no vCPU \"%s\": neither VM:INDEX nor the address of one%s",
			 word,
			 vms->count > 1 && km_parse_decimal(word, &number)
				 ? " (there are several VMs: say VM:INDEX)"
				 : "");
}

km_error *km_select(const struct km_command_context *ctx, struct km_vm **vm, struct km_vcpu **vcpu)
{
	km_scoped_error *no_vm = NULL;

	*vm = NULL;
	*vcpu = NULL;
	if (!ctx->argc)
		return NULL;
	no_vm = km_select_vm(&ctx->vms, ctx->argv[0], vm);
	return no_vm ? km_select_vcpu(&ctx->vms, ctx->argv[0], vm, vcpu) : NULL;
}

km_error *km_select_mmu(const struct km_command_context *ctx, const struct km_vcpu_mmu *all,
			const struct km_mmu **mmu)
{
	if (ctx->options.mmu)
		return km_mmu_by_name(all, ctx->options.mmu, mmu);
	if (!all->active)
		return km_errorf(KM_EREAD,
				 "vcpu.arch.mmu is not readable or points to none of the contexts: "
				 "say which with -m");
	*mmu = all->active;
	return NULL;
}

km_error *km_context_subject(struct km_command_context *ctx, const char *word, struct km_subject *s)
{
	km_error *err = km_context_read_vms(ctx);

	if (!err)
		err = km_select_vcpu(&ctx->vms, word, &s->vm, &s->vcpu);
	if (err)
		return err;
	km_vcpu_mmu_read(ctx->kernel, s->vcpu, &s->all);
	err = km_select_mmu(ctx, &s->all, &s->mmu);
	if (err)
		return err;
	if (!ctx->kernel->features.spte_known)
		return km_errorf(KM_EABSENT,
				 "the SPTEs of this kernel can't be read: its masks are not known");
	s->masks = km_vm_masks(ctx->kernel, s->vm);
	s->masks.paging = s->mmu->paging;
	return NULL;
}
