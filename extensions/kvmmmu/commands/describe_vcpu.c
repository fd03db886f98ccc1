// SPDX-License-Identifier: GPL-2.0-or-later
/* A vCPU at the head of an answer, and the line about missing ones. */
#include "commands/command_context.h"

#include <inttypes.h>

void km_describe_vcpu(struct km_node *node, const char *key, const struct km_vm *vm,
		      const struct km_vcpu *vcpu)
{
	const char *comm = vm->comm[0] ? km_doc_text(node, "%s", vm->comm) : NULL;
	const char *mode = km_is_known(vcpu->mode) ? km_vcpu_mode_name(vcpu->mode.v) : NULL;
	char pid[KM_VAL_TEXT];
	struct km_node *head =
		km_doc_compact(node, key,
			       km_doc_text(node, "vCPU %u:%u (%s, pid %s)", vm->number, vcpu->idx,
					   comm ? comm : "?", km_val_spell(vm->pid, false, pid)));

	km_doc_field(head, "vm", NULL, km_v_dec(vm->number));
	km_doc_field(head, "kvm", NULL, km_v_hex(vm->addr));
	km_doc_field(head, "pid", NULL, km_v_val(vm->pid, KM_V_DEC));
	km_doc_field(head, "comm", NULL, km_v_text(comm));
	km_doc_field(head, "index", NULL, km_v_dec(vcpu->idx));
	km_doc_field(head, "id", NULL, km_v_val(vcpu->vcpu_id, KM_V_SIGNED));
	km_doc_field(head, "address", "kvm_vcpu", km_v_hex(vcpu->addr));
	km_doc_field(head, "tid", "tid", km_v_val(vcpu->tid, KM_V_DEC));
	km_doc_field(head, "cpu", "cpu", km_v_val(vcpu->cpu, KM_V_SIGNED));
	km_doc_field(head, "mode", "mode", mode ? km_v_text(mode) : km_v_val(vcpu->mode, KM_V_DEC));
}

void km_describe_contradictions(struct km_node *node, const struct km_contradictions *list)
{
	for (size_t i = 0; i < list->count; i++)
		km_doc_point(node, "contradictions", "%s", list->text[i]);
}

void km_describe_lost_vcpus(struct km_node *node, const struct km_vm *vm)
{
	if (vm->vcpus_lost)
		km_doc_note(node,
			    "%" PRIu64 " vCPU%s of VM %u cannot be read completely: there is no "
			    "verdict on %s",
			    vm->vcpus_lost, vm->vcpus_lost == 1 ? "" : "s", vm->number,
			    vm->vcpus_lost == 1 ? "it" : "them");
}

void km_describe_no_vms(const struct km_command_context *ctx)
{
	if (!ctx->vms.count && !ctx->vms.trouble)
		km_doc_note(ctx->root, "kvm is loaded, but there are no VMs");
}
