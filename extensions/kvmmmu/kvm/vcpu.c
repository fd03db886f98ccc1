// SPDX-License-Identifier: GPL-2.0-or-later
#include "kvm/vcpu.h"

#include <string.h>

const char *km_vcpu_mode_name(uint64_t mode)
{
	static const char *const names[] = {"OUTSIDE_GUEST_MODE", "IN_GUEST_MODE",
					    "EXITING_GUEST_MODE", "READING_SHADOW_PAGE_TABLES"};

	return mode < sizeof(names) / sizeof(names[0]) ? names[mode] : NULL;
}

const char *km_mp_state_name(uint64_t mp_state)
{
	static const char *const names[] = {"RUNNABLE",	     "UNINITIALIZED", "INIT_RECEIVED",
					    "HALTED",	     "SIPI_RECEIVED", "STOPPED",
					    "CHECK_STOP",    "OPERATING",     "LOAD",
					    "AP_RESET_HOLD", "SUSPENDED"};

	return mp_state < sizeof(names) / sizeof(names[0]) ? names[mp_state] : NULL;
}

struct km_request km_request_of_dead_vm(const struct km_features *features)
{
	return features->old_requests ? (struct km_request){"KVM_REQ_VM_BUGGED", KM_BIT(4)}
				      : (struct km_request){"KVM_REQ_VM_DEAD", KM_BIT(1)};
}

struct km_request km_request_to_free_roots(const struct km_features *features)
{
	/* 5.18 has the new request already */
	return features->old_requests
		       ? (struct km_request){"KVM_REQ_MMU_RELOAD", KM_BIT(1) | KM_BIT(39)}
		       : (struct km_request){"KVM_REQ_MMU_FREE_OBSOLETE_ROOTS", KM_BIT(39)};
}

const char *km_request_name(const struct km_features *features, unsigned bit)
{
	static const char *const old_names[8] = {"TLB_FLUSH", "MMU_RELOAD", "PENDING_TIMER",
						 "UNHALT", "VM_BUGGED"};
	/* the bits that have the same meaning from 6.1 to 7.3, and from bit 8 on earlier; macros,
	 * so not in type information */
	static const char *const names[64] = {
		[0] = "TLB_FLUSH",
		[1] = "VM_DEAD",
		[2] = "UNBLOCK",
		[3] = "DIRTY_RING_SOFT_FULL",
		[8 + 0] = "MIGRATE_TIMER",
		[8 + 1] = "REPORT_TPR_ACCESS",
		[8 + 2] = "TRIPLE_FAULT",
		[8 + 3] = "MMU_SYNC",
		[8 + 4] = "CLOCK_UPDATE",
		[8 + 5] = "LOAD_MMU_PGD",
		[8 + 6] = "EVENT",
		[8 + 7] = "APF_HALT",
		[8 + 8] = "STEAL_UPDATE",
		[8 + 9] = "NMI",
		[8 + 10] = "PMU",
		[8 + 11] = "PMI",
		[8 + 12] = "SMI",
		[8 + 13] = "MASTERCLOCK_UPDATE",
		[8 + 14] = "MCLOCK_INPROGRESS",
		[8 + 15] = "SCAN_IOAPIC",
		[8 + 16] = "GLOBAL_CLOCK_UPDATE",
		[8 + 17] = "APIC_PAGE_RELOAD",
		[8 + 18] = "HV_CRASH",
		[8 + 19] = "IOAPIC_EOI_EXIT",
		[8 + 20] = "HV_RESET",
		[8 + 21] = "HV_EXIT",
		[8 + 22] = "HV_STIMER",
		[8 + 23] = "LOAD_EOI_EXITMAP",
		[8 + 24] = "GET_NESTED_STATE_PAGES",
		[8 + 25] = "APICV_UPDATE",
		[8 + 26] = "TLB_FLUSH_CURRENT",
		[8 + 27] = "TLB_FLUSH_GUEST",
		[8 + 28] = "APF_READY",
		[8 + 30] = "UPDATE_CPU_DIRTY_LOGGING",
		[8 + 31] = "MMU_FREE_OBSOLETE_ROOTS",
		[8 + 32] = "HV_TLB_FLUSH",
	};

	if (features->old_requests && bit < 8)
		return old_names[bit];
	return bit < 64 ? names[bit] : NULL;
}

static void read_task(const struct km_kernel *k, uint64_t task, struct km_vcpu *vcpu)
{
	vcpu->task = km_known_val(task);
	vcpu->task_state = km_kget(k, task, KM_M_task_struct_state);
	vcpu->on_cpu = km_kget(k, task, KM_M_task_struct_on_cpu);
	km_error_free(km_get_string(k->mem, k->layout, task, KM_M_task_struct_comm, vcpu->comm,
				    sizeof(vcpu->comm)));
}

/* Read the thread of a struct pid: the first entry of tasks[PIDTYPE_PID]. */
static void read_pid(const struct km_kernel *k, uint64_t pid, struct km_vcpu *vcpu)
{
	const struct km_member *links = km_layout_member(k->layout, KM_M_task_struct_pid_links);
	struct km_val node = km_kelem(k, pid, KM_M_pid_tasks, 0);

	vcpu->tid = km_kget(k, pid, KM_M_pid_nr);
	vcpu->task = node;
	if (links && km_is_known(node) && node.v)
		read_task(k, node.v - links->offset, vcpu);
}

struct km_val km_vcpu_in_ioctl(const struct km_kernel *k, uint64_t vcpu)
{
	return km_lock_owner(km_kget(k, vcpu, KM_M_kvm_vcpu_mutex_owner));
}

void km_vcpu_find_thread(const struct km_kernel *k, struct km_vcpu *vcpu)
{
	struct km_val owner;

	if (!km_is_known(vcpu->tid) || vcpu->tid.v)
		return;
	owner = km_vcpu_in_ioctl(k, vcpu->addr);
	if (!owner.v)
		return;
	vcpu->tid = km_kget(k, owner.v, KM_M_task_struct_pid);
	read_task(k, owner.v, vcpu);
}

bool km_flag_is_set(const struct km_kernel *k, uint64_t addr, enum km_member_id member)
{
	bool trying = km_memory_try(k->mem, true);
	struct km_val flag = km_kget(k, addr, member);

	km_memory_try(k->mem, trying);
	/* again, for the recorder of a capsule */
	return km_is_known(flag) && flag.v && km_kget(k, addr, member).v;
}

void km_vcpu_read(const struct km_kernel *k, uint64_t addr, unsigned idx, struct km_vcpu *vcpu)
{
	struct km_val pid;

	memset(vcpu, 0, sizeof(*vcpu));
	vcpu->addr = addr;
	vcpu->idx = idx;
	vcpu->vcpu_id = km_kget(k, addr, KM_M_kvm_vcpu_vcpu_id);
	vcpu->cpu = km_kget(k, addr, KM_M_kvm_vcpu_cpu);
	vcpu->mode = km_kget(k, addr, KM_M_kvm_vcpu_mode);
	vcpu->requests = km_kget(k, addr, KM_M_kvm_vcpu_requests);
	vcpu->mp_state = km_kget(k, addr, KM_M_kvm_vcpu_mp_state);
	vcpu->cr0 = km_kget(k, addr, KM_M_kvm_vcpu_cr0);
	vcpu->cr3 = km_kget(k, addr, KM_M_kvm_vcpu_cr3);
	vcpu->cr4 = km_kget(k, addr, KM_M_kvm_vcpu_cr4);
	vcpu->efer = km_kget(k, addr, KM_M_kvm_vcpu_efer);
	/* arch.regs[] is not written any more once the state is protected */
	if (km_flag_is_set(k, addr, KM_M_kvm_vcpu_guest_state_protected))
		vcpu->rip = (struct km_val){.known = KM_ABSENT};
	else
		vcpu->rip = km_kget(k, addr, KM_M_kvm_vcpu_rip);
	vcpu->regs_avail = km_kget(k, addr, KM_M_kvm_vcpu_regs_avail);
	vcpu->mmu = km_kget(k, addr, KM_M_kvm_vcpu_mmu);
#define KM_READ_STAT(name) vcpu->stats.name = km_kget(k, addr, KM_M_kvm_vcpu_stat_##name);
	KM_VCPU_STATS(KM_READ_STAT)
#undef KM_READ_STAT
	vcpu->readable = km_is_known(vcpu->vcpu_id) && km_is_known(vcpu->mmu);

	vcpu->task = (struct km_val){.known = KM_UNREADABLE};
	vcpu->tid = vcpu->task_state = vcpu->on_cpu = vcpu->task;
	pid = km_kget(k, addr, KM_M_kvm_vcpu_pid);
	vcpu->pid = pid.v;
	if (km_is_known(pid) && pid.v)
		read_pid(k, pid.v, vcpu);
	else if (km_is_known(pid))
		vcpu->task = vcpu->tid = km_known_val(0);
}
