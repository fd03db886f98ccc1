// SPDX-License-Identifier: GPL-2.0-or-later
#include "command_context.h"

#include <inttypes.h>

void km_describe_vcpu(struct km_node *node, const char *key, const struct km_vm *vm,
		      const struct km_vcpu *vcpu)
{
	struct km_node *head = km_compact(
		node, key,
		km_text(node, "vCPU %u:%u (%s, pid %s)", vm->number, vcpu->idx,
			vm->comm[0] ? vm->comm : "?",
			km_is_known(vm->pid) ? km_text(node, "%" PRIu64, vm->pid.v) : "?"));
	const char *mode = km_is_known(vcpu->mode) ? km_vcpu_mode_name(vcpu->mode.v) : NULL;

	km_field(head, "vm", NULL, km_v_dec(vm->number));
	km_field(head, "kvm", NULL, km_v_hex(vm->addr));
	km_field(head, "pid", NULL, km_v_val(vm->pid, KM_V_DEC));
	km_field(head, "comm", NULL, km_v_text(vm->comm[0] ? km_text(node, "%s", vm->comm) : NULL));
	km_field(head, "index", NULL, km_v_dec(vcpu->idx));
	km_field(head, "id", NULL, km_v_val(vcpu->vcpu_id, KM_V_SIGNED));
	km_field(head, "address", "kvm_vcpu", km_v_hex(vcpu->addr));
	km_field(head, "tid", "tid", km_v_val(vcpu->tid, KM_V_DEC));
	km_field(head, "cpu", "cpu", km_v_val(vcpu->cpu, KM_V_SIGNED));
	km_field(head, "mode", "mode", mode ? km_v_text(mode) : km_v_val(vcpu->mode, KM_V_DEC));
}

void km_describe_lost_vcpus(struct km_node *node, const struct km_vm *vm)
{
	if (vm->vcpus_lost)
		km_note(node,
			"%" PRIu64 " vCPU%s of VM %u could not be read, or only in part: no "
			"verdict on %s",
			vm->vcpus_lost, vm->vcpus_lost == 1 ? "" : "s", vm->number,
			vm->vcpus_lost == 1 ? "it" : "those");
}
