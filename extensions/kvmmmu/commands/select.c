// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/command_context.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

km_error *km_context_read_vms(struct km_command_context *ctx)
{
	km_error *err = km_vms_read(ctx->kernel, &ctx->vms);

	if (!err && ctx->vms.trouble)
		km_doc_note(ctx->root, "%s", ctx->vms.trouble);
	return err;
}

static struct km_vm *vm_at(const struct km_vms *vms, uint64_t addr)
{
	for (size_t i = 0; i < vms->count; i++) {
		if (vms->vms[i].addr == addr)
			return &vms->vms[i];
	}
	return NULL;
}

/* The VM of process @pid. *@vm is NULL if it has none; KM_EUSAGE if it has several. */
static km_error *vm_of_process(const struct km_vms *vms, uint64_t pid, struct km_vm **vm)
{
	char numbers[128] = "";
	size_t count = 0, used = 0;

	*vm = NULL;
	for (size_t i = 0; i < vms->count; i++) {
		struct km_vm *one = &vms->vms[i];

		if (!km_is_known(one->pid) || one->pid.v != pid)
			continue;
		if (!count++)
			*vm = one;
		if (used < sizeof(numbers))
			used += (size_t)snprintf(numbers + used, sizeof(numbers) - used, "%s%u",
						 used ? ", " : "", one->number);
	}
	return count < 2 ? NULL
			 : km_errorf(KM_EUSAGE,
				     "process %" PRIu64 " has %zu VMs: use one of the numbers %s",
				     pid, count, numbers);
}

/* The VM of the process called @name. *@vm is NULL if there is none; KM_EUSAGE: several. */
static km_error *vm_of_name(const struct km_vms *vms, const char *name, struct km_vm **vm)
{
	for (size_t i = 0; i < vms->count; i++) {
		if (!*name || strcmp(vms->vms[i].comm, name))
			continue;
		if (*vm)
			return km_errorf(KM_EUSAGE,
					 "several VMs belong to \"%s\": use one of the numbers %u, "
					 "%u, ...",
					 name, (*vm)->number, vms->vms[i].number);
		*vm = &vms->vms[i];
	}
	return NULL;
}

/* *@vm is NULL if the word names no VM; KM_EUSAGE if it names several. */
static km_error *find_vm(const struct km_vms *vms, const char *word, struct km_vm **vm)
{
	km_scoped_error *not_hex = NULL;
	uint64_t number;
	km_error *err;

	*vm = NULL;
	if (km_parse_decimal(word, &number)) {
		if (number < vms->count)
			*vm = &vms->vms[number];
		err = *vm ? NULL : vm_of_process(vms, number, vm);
		if (err || *vm)
			return err;
	}
	not_hex = km_parse_hex(word, "VM", &number);
	if (!not_hex)
		*vm = vm_at(vms, number);
	return *vm ? NULL : vm_of_name(vms, word, vm);
}

km_error *km_select_vm(const struct km_vms *vms, const char *word, struct km_vm **vm)
{
	km_error *err = find_vm(vms, word, vm);

	if (err || *vm)
		return err;
	return km_errorf(
		KM_EUSAGE,
		"no VM \"%s\": use a number below %zu, process ID or name of the owner, or "
		"the address of a struct kvm",
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
				 "VM %u has no readable vCPU \"%s\"; %" PRIu64
				 " of its vCPUs are not readable",
				 vm->number, word, vm->vcpus_lost);
	return km_errorf(KM_EUSAGE, "VM %u has no vCPU \"%s\"", vm->number, word);
}

/* "VM:INDEX", whose colon is at @colon. */
static km_error *vcpu_of_named_vm(const struct km_vms *vms, const char *word, const char *colon,
				  struct km_vm **vm, struct km_vcpu **vcpu)
{
	char name[32];
	km_error *err;

	snprintf(name, sizeof(name), "%.*s", (int)(colon - word), word);
	err = km_select_vm(vms, name, vm);
	return err ? err : vcpu_by_index(*vm, colon + 1, vcpu);
}

bool km_vcpu_at(const struct km_vms *vms, uint64_t addr, struct km_vm **vm, struct km_vcpu **vcpu)
{
	for (size_t i = 0; i < vms->count; i++) {
		for (size_t j = 0; j < vms->vms[i].vcpu_count; j++) {
			if (vms->vms[i].vcpus[j].addr != addr)
				continue;
			*vm = &vms->vms[i];
			*vcpu = &vms->vms[i].vcpus[j];
			return true;
		}
	}
	return false;
}

km_error *km_select_vcpu(const struct km_vms *vms, const char *word, struct km_vm **vm,
			 struct km_vcpu **vcpu)
{
	const char *colon = strchr(word, ':');
	km_scoped_error *not_hex = NULL;
	uint64_t number;

	if (colon)
		return vcpu_of_named_vm(vms, word, colon, vm, vcpu);
	if (vms->count == 1 && km_parse_decimal(word, &number)) {
		*vm = &vms->vms[0];
		return vcpu_by_index(*vm, word, vcpu);
	}
	not_hex = km_parse_hex(word, "vCPU", &number);
	if (!not_hex && km_vcpu_at(vms, number, vm, vcpu))
		return NULL;
	return km_errorf(KM_EUSAGE,
			 "no vCPU \"%s\": use VM:INDEX%s or the address of a struct kvm_vcpu", word,
			 vms->count == 1 ? ", INDEX" : "");
}

km_error *km_select(const struct km_command_context *ctx, struct km_vm **vm, struct km_vcpu **vcpu)
{
	km_error *err;

	*vm = NULL;
	*vcpu = NULL;
	if (!ctx->argc)
		return NULL;
	err = find_vm(&ctx->vms, ctx->argv[0], vm);
	return err || *vm ? err : km_select_vcpu(&ctx->vms, ctx->argv[0], vm, vcpu);
}

km_error *km_select_mmu(const struct km_command_context *ctx, const struct km_vcpu_mmu *all,
			const struct km_mmu **mmu)
{
	if (ctx->options.mmu)
		return km_mmu_by_name(all, ctx->options.mmu, mmu);
	if (!all->active)
		return km_errorf(KM_EREAD,
				 "vcpu.arch.mmu is not readable, or does not point to an MMU "
				 "context: choose one with -m");
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
		return km_errorf(KM_EABSENT, "the SPTEs of this kernel cannot be decoded, because "
					     "its masks are not known");
	s->masks = km_vm_masks(ctx->kernel, s->vm);
	s->masks.paging = s->mmu->paging;
	return NULL;
}
