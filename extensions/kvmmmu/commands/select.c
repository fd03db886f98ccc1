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

/* Room for the name of a selection. */
#define KM_SELECTION_TEXT 48

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

/* The selection that the capsule was made of: "VM 1" or "vCPU 1:0". Nothing else is in it. */
static const char *selection_text(const struct km_vms *vms, char text[KM_SELECTION_TEXT])
{
	const struct km_vm *vm = NULL;
	const struct km_vcpu *vcpu = NULL;
	size_t count = 0;

	for (size_t i = 0; i < vms->count && !vm; i++)
		vm = vms->vms[i].left_out ? NULL : &vms->vms[i];
	for (size_t i = 0; vm && i < vm->vcpu_count; i++) {
		if (!vm->vcpus[i].left_out && !count++)
			vcpu = &vm->vcpus[i];
	}
	if (!vm)
		return "a VM that is not in its list of VMs";
	if (count == vm->vcpu_count)
		snprintf(text, KM_SELECTION_TEXT, "VM %u", vm->number);
	else if (!vcpu)
		return "a vCPU that is not in its list of vCPUs";
	else
		snprintf(text, KM_SELECTION_TEXT, "vCPU %u:%u", vm->number, vcpu->idx);
	return text;
}

km_error *km_check_covered(const struct km_vms *vms, const struct km_vm *vm,
			   const struct km_vcpu *vcpu)
{
	char text[KM_SELECTION_TEXT];

	if (vm && vm->left_out)
		return km_errorf(KM_EABSENT, "this capsule does not cover VM %u: it was made of %s",
				 vm->number, selection_text(vms, text));
	if (vcpu && vcpu->left_out)
		return km_errorf(KM_EABSENT,
				 "this capsule does not cover vCPU %u:%u: it was made of %s",
				 vm->number, vcpu->idx, selection_text(vms, text));
	return NULL;
}

void km_describe_left_out(const struct km_command_context *ctx, const struct km_vm *only,
			  bool vcpus)
{
	const struct km_vms *vms = &ctx->vms;
	char text[KM_SELECTION_TEXT];
	uint64_t count = 0;

	for (size_t i = 0; i < vms->count; i++) {
		const struct km_vm *vm = &vms->vms[i];

		if (only && only != vm)
			continue;
		count += !vcpus && vm->left_out;
		for (size_t j = 0; vcpus && j < vm->vcpu_count; j++)
			count += vm->vcpus[j].left_out;
	}
	if (count)
		km_doc_note(ctx->root,
			    "this capsule was made of %s: it does not cover %" PRIu64
			    " other %s%s, which %s left out",
			    selection_text(vms, text), count, vcpus ? "vCPU" : "VM",
			    count == 1 ? "" : "s", count == 1 ? "is" : "are");
}

/* "are VM 0 (vmm-beta), VM 1 (vmm-alpha), ..." or "is only VM 0": what may be given instead. */
static const char *vms_text(const struct km_vms *vms, char *text, size_t size)
{
	size_t used = (size_t)snprintf(text, size, vms->count == 1 ? "is only " : "are ");

	for (size_t i = 0; i < vms->count; i++) {
		const struct km_vm *vm = &vms->vms[i];
		char one[48];

		snprintf(one, sizeof(one), vm->comm[0] ? "%sVM %u (%s)" : "%sVM %u", i ? ", " : "",
			 vm->number, vm->comm);
		if (used + strlen(one) + sizeof(", ...") > size) {
			snprintf(text + used, size - used, ", ...");
			break;
		}
		used += (size_t)snprintf(text + used, size - used, "%s", one);
	}
	return text;
}

km_error *km_select_vm(const struct km_vms *vms, const char *word, struct km_vm **vm)
{
	km_error *err = find_vm(vms, word, vm);
	char names[164];

	if (err || *vm)
		return err;
	if (!vms->count)
		return km_errorf(vms->trouble ? KM_EREAD : KM_EUSAGE, "no VM \"%s\": %s", word,
				 vms->trouble ? vms->trouble : "there are no VMs");
	return km_errorf(KM_EUSAGE,
			 "no VM \"%s\": there %s; use a number, process ID or name, or the "
			 "address of a struct kvm",
			 word, vms_text(vms, names, sizeof(names)));
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
	if (!*word)
		return km_errorf(KM_EUSAGE, "the index of a vCPU is missing after \"%u:\"",
				 vm->number);
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
	if (!vms->count)
		return km_errorf(vms->trouble ? KM_EREAD : KM_EUSAGE, "no vCPU \"%s\": %s", word,
				 vms->trouble ? vms->trouble : "there are no VMs");
	return km_errorf(KM_EUSAGE,
			 "no vCPU \"%s\": use VM:INDEX%s or the address of a struct kvm_vcpu", word,
			 vms->count == 1 ? ", INDEX" : "");
}

/* As km_select_vcpu(), for a word that may also be a VM, and is none. */
static km_error *select_vcpu_only(const struct km_vms *vms, const char *word, struct km_vm **vm,
				  struct km_vcpu **vcpu)
{
	km_error *err = km_select_vcpu(vms, word, vm, vcpu);
	char names[164];

	if (!err || km_error_code(err) != KM_EUSAGE || !vms->count || strchr(word, ':'))
		return err;
	km_error_free(err);
	return km_errorf(KM_EUSAGE,
			 "no VM or vCPU \"%s\": there %s; use a VM's number, process ID or "
			 "name, VM:INDEX, or an address",
			 word, vms_text(vms, names, sizeof(names)));
}

km_error *km_select(const struct km_command_context *ctx, struct km_vm **vm, struct km_vcpu **vcpu)
{
	km_error *err;

	*vm = NULL;
	*vcpu = NULL;
	if (!ctx->argc)
		return NULL;
	err = find_vm(&ctx->vms, ctx->argv[0], vm);
	if (!err && !*vm)
		err = select_vcpu_only(&ctx->vms, ctx->argv[0], vm, vcpu);
	return err ? err : km_check_covered(&ctx->vms, *vm, *vcpu);
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
	if (!err)
		err = km_check_covered(&ctx->vms, s->vm, s->vcpu);
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
