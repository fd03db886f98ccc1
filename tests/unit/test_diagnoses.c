// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Rules of the catalogue: for each the sick case, its twin in which one thing differs, and the case
 * in which evidence is missing. No kernel stands behind them: the rules are pure.
 */
#include "diagnose_rules.h"
#include "said.h"

#include <stdio.h>
#include <string.h>

#define GFN  0x4321ULL
#define HVA  0x7f0000321000ULL
#define MM   0xffff888001000000ULL
#define TASK 0xffff888002000000ULL

static const struct km_val unreadable = {.known = KM_UNREADABLE};

static struct world {
	struct km_vm vm;
	struct km_vcpu vcpu;
	struct km_mmu mmu;
	struct km_fault fault;
	struct km_memslot slots[2];
	struct km_task task_list[2];
	struct km_tasks tasks;
	struct km_case c;
	struct km_diagnosis d;
} w;

static struct km_val val(uint64_t v)
{
	return km_known_val(v);
}

/* A healthy VM whose vCPU writes to a page of its memory; KVM is handling that. */
static void reset(void)
{
	memset(&w, 0, sizeof(w));
	w.slots[0] = (struct km_memslot){
		.addr = 0xffff888003000000, .base_gfn = 0x4000, .npages = 0x1000, .id = 3};
	w.slots[0].userspace_addr = HVA - ((GFN - 0x4000) << KM_PAGE_SHIFT);
	w.slots[1] = (struct km_memslot){.base_gfn = 0x9000, .npages = 1, .id = 4};
	w.vm.mm = val(MM);
	w.vm.mmu_invalidate_seq = val(7);
	w.vm.mmu_invalidate_in_progress = w.vm.mn_active_invalidate_count = val(0);
	w.vm.mmu_invalidate_range_start = w.vm.mmu_invalidate_range_end = val(0);
	w.vm.vm_dead = w.vm.vm_bugged = val(0);
	w.vm.mmu_valid_gen = val(1);
	w.vm.has_private_mem = val(0);
	w.vcpu.task = val(TASK);
	w.vcpu.task_state = val(0);
	w.vcpu.on_cpu = val(1);
	w.vcpu.mode = w.vcpu.requests = val(0);
	w.mmu = (struct km_mmu){.name = "root_mmu", .root_role = {.direct = 1, .level = 4}};
	w.mmu.root.hpa = val(0x1000000);
	w.fault = (struct km_fault){.source = KM_FAULT_STACK, .age = KM_AGE_IN_HANDLER};
	w.fault.pf.is_private = w.fault.pf.pfn = w.fault.pf.write_fault_to_shadow_pgtable =
		unreadable;
	w.tasks = (struct km_tasks){.tasks = w.task_list, .complete = true};
	w.c = (struct km_case){
		.vm = &w.vm,
		.vcpu = &w.vcpu,
		.mmu = &w.mmu,
		.all.active = &w.mmu,
		.fault = &w.fault,
		.has_addr = true,
		.has_error_code = true,
		.addr = GFN << KM_PAGE_SHIFT,
		.error_code = PFERR_WRITE_MASK | PFERR_USER_MASK | PFERR_GUEST_FINAL_MASK,
		.gfn_known = true,
		.gfn = GFN,
		.slots_known = true,
		.slots = {.generation = val(0x10), .slots = w.slots, .count = 2},
		.slot = &w.slots[0],
		.has_hva = true,
		.hva = HVA,
		.has_walk = true,
		.walk = {.end = KM_END_NOT_PRESENT},
		.masks = km_spte_default_masks(KM_PAGING_NPT, KM_SPTE_7_2),
		.tasks = &w.tasks,
		.last.has_stack = true,
		.last.stack.start = KM_STACK_REGISTERS,
	};
}

/* Puts a thread of the VM's, asleep, into @function. */
static struct km_task *add_task(const char *function)
{
	struct km_task *task = &w.task_list[w.tasks.count++];

	task->addr = TASK + 0x10000 * w.tasks.count;
	task->tid = val(100 + w.tasks.count);
	task->mm = val(MM);
	task->state = val(2);
	task->on_cpu = val(0);
	strcpy(task->comm, "vmm");
	strcpy(task->stack.frames[0].function, function);
	task->stack.frames[0].sure = true;
	task->stack.count = 1;
	return task;
}

static void vcpu_is_in(const char *function)
{
	strcpy(w.c.last.stack.frames[0].function, function);
	w.c.last.stack.frames[0].sure = true;
	w.c.last.stack.count = 1;
}

static void test_vm_dead(void **state)
{
	(void)state;
	reset();
	nothing(km_diagnose_vm_dead(&w.c, &w.d));
	w.vm.vm_dead = val(1);
	found(km_diagnose_vm_dead(&w.c, &w.d), KM_PROVEN, true);
	assert_non_null(strstr(w.d.open, "SEV"));
	w.vm.vm_bugged = val(1);
	found(km_diagnose_vm_dead(&w.c, &w.d), KM_PROVEN, true);
	assert_string_equal(w.d.open, "");
	/* a vCPU that was not told runs on in KVM_RUN; one that never ran does not hang */
	vcpu_is_in("kvm_arch_vcpu_ioctl_run");
	found(km_diagnose_vm_dead(&w.c, &w.d), KM_NOTE, false);
	w.vcpu.requests = val(KM_BIT(KVM_REQ_VM_DEAD));
	found(km_diagnose_vm_dead(&w.c, &w.d), KM_PROVEN, true);
	w.vcpu.task = val(0);
	found(km_diagnose_vm_dead(&w.c, &w.d), KM_NOTE, false);
	w.vcpu.task = val(TASK);
	/* between the two stores */
	w.vm.vm_dead = val(0);
	found(km_diagnose_vm_dead(&w.c, &w.d), KM_POSSIBLE, false);
	w.vm.vm_dead = w.vm.vm_bugged = unreadable;
	nothing(km_diagnose_vm_dead(&w.c, &w.d));
}

static void test_mmu_seq_sign(void **state)
{
	(void)state;
	reset();
	nothing(km_rule_mmu_seq_sign(&w.c, KM_SEQ_INT, &w.d));
	w.vm.mmu_invalidate_seq = val(0x8002dc25);
	found(km_rule_mmu_seq_sign(&w.c, KM_SEQ_INT, &w.d), KM_LIKELY, true);
	assert_non_null(strstr(w.d.evidence[0], "0xffffffff8002dc25"));
	nothing(km_rule_mmu_seq_sign(&w.c, KM_SEQ_ULONG, &w.d));
	/* bit 31 clear again: an int carries it, until bit 32 comes */
	w.vm.mmu_invalidate_seq = val(0x7fffffff);
	nothing(km_rule_mmu_seq_sign(&w.c, KM_SEQ_INT, &w.d));
	w.vm.mmu_invalidate_seq = val(0x100000001);
	found(km_rule_mmu_seq_sign(&w.c, KM_SEQ_INT, &w.d), KM_LIKELY, true);
	w.vm.mmu_invalidate_seq = val(0xffffffff80000000);
	nothing(km_rule_mmu_seq_sign(&w.c, KM_SEQ_INT, &w.d));
	/* no fault that waits for a page: a danger, but not why */
	w.vm.mmu_invalidate_seq = val(0x80000000);
	w.c.walk.end = KM_END_LEAF;
	found(km_rule_mmu_seq_sign(&w.c, KM_SEQ_INT, &w.d), KM_POSSIBLE, false);
	w.vm.mmu_invalidate_seq = unreadable;
	nothing(km_rule_mmu_seq_sign(&w.c, KM_SEQ_INT, &w.d));
}

static void test_mmu_seq_sign_of_unknown_type(void **state)
{
	struct km_vcpu_stats *stats = &w.vcpu.stats;

	(void)state;
	reset();
	w.vm.mmu_invalidate_seq = val(0x80000001);
	stats->pf_taken = val(50000);
	stats->pf_fixed = val(900);
	stats->pf_spurious = stats->pf_emulate = val(3);
	found(km_rule_mmu_seq_sign(&w.c, KM_SEQ_UNKNOWN, &w.d), KM_POSSIBLE, true);
	/* the twin fixes its faults: such a count is healthy where the type is right */
	stats->pf_fixed = val(49000);
	nothing(km_rule_mmu_seq_sign(&w.c, KM_SEQ_UNKNOWN, &w.d));
	stats->pf_fixed = unreadable;
	nothing(km_rule_mmu_seq_sign(&w.c, KM_SEQ_UNKNOWN, &w.d));
	stats->pf_fixed = val(900);
	/* counters tell from 1000 faults on, of which no more than half were fixed or the like */
	for (int i = 0; i < 8; i++) {
		static const struct {
			uint64_t taken, fixed, spurious, emulate;
			bool tell;
		} t[] = {{1000, 500, 0, 0, true},  {999, 10, 0, 0, false},
			 {1000, 501, 0, 0, false}, {1000, 0, 500, 0, true},
			 {1000, 0, 501, 0, false}, {1000, 0, 0, 500, true},
			 {1000, 1, 1, 499, false}, {1000, 200, 150, 150, true}};

		stats->pf_taken = val(t[i].taken);
		stats->pf_fixed = val(t[i].fixed);
		stats->pf_spurious = val(t[i].spurious);
		stats->pf_emulate = val(t[i].emulate);
		ask_anew();
		assert_int_equal(km_rule_mmu_seq_sign(&w.c, KM_SEQ_UNKNOWN, &w.d), t[i].tell);
	}
	stats->pf_emulate = unreadable;
	nothing(km_rule_mmu_seq_sign(&w.c, KM_SEQ_UNKNOWN, &w.d));
	stats->pf_emulate = val(0);
	stats->pf_spurious = unreadable;
	nothing(km_rule_mmu_seq_sign(&w.c, KM_SEQ_UNKNOWN, &w.d));
	stats->pf_spurious = val(0);
	w.vm.mmu_invalidate_in_progress = val(1);
	nothing(km_rule_mmu_seq_sign(&w.c, KM_SEQ_UNKNOWN, &w.d));
	w.vm.mmu_invalidate_in_progress = unreadable;
	nothing(km_rule_mmu_seq_sign(&w.c, KM_SEQ_UNKNOWN, &w.d));
	w.vm.mmu_invalidate_in_progress = val(0);
	w.slots[0].flags = KVM_MEMSLOT_INVALID;
	nothing(km_rule_mmu_seq_sign(&w.c, KM_SEQ_UNKNOWN, &w.d));
}

static void test_ranges(void **state)
{
	(void)state;
	reset();
	w.vm.mmu_invalidate_range_start = val(GFN - 1);
	w.vm.mmu_invalidate_range_end = val(GFN + 1);
	assert_int_equal(km_invalidate_covers(KM_RANGE_GFN, &w.vm, val(GFN), val(HVA)), KM_COVERS);
	assert_int_equal(km_invalidate_covers(KM_RANGE_GFN, &w.vm, val(GFN + 1), val(HVA)),
			 KM_COVERS_NOT);
	assert_int_equal(km_invalidate_covers(KM_RANGE_GFN, &w.vm, val(GFN - 2), val(HVA)),
			 KM_COVERS_NOT);
	assert_int_equal(km_invalidate_covers(KM_RANGE_HVA, &w.vm, val(GFN), val(HVA)),
			 KM_COVERS_NOT);
	assert_int_equal(km_invalidate_covers(KM_RANGE_HVA, &w.vm, val(GFN), unreadable),
			 KM_COVERS_UNKNOWN);
	assert_int_equal(km_invalidate_covers(KM_RANGE_UNKNOWN, &w.vm, val(GFN), val(HVA)),
			 KM_COVERS_UNKNOWN);
	w.vm.mmu_invalidate_range_start = val(HVA);
	w.vm.mmu_invalidate_range_end = val(HVA + 1);
	assert_int_equal(km_invalidate_covers(KM_RANGE_HVA, &w.vm, val(GFN), val(HVA)), KM_COVERS);
	/* begun without a range */
	w.vm.mmu_invalidate_range_start = w.vm.mmu_invalidate_range_end = val(~0ULL);
	assert_int_equal(km_invalidate_covers(KM_RANGE_GFN, &w.vm, unreadable, unreadable),
			 KM_COVERS);
	w.vm.mmu_invalidate_range_end = unreadable;
	assert_int_equal(km_invalidate_covers(KM_RANGE_GFN, &w.vm, val(GFN), val(HVA)),
			 KM_COVERS_UNKNOWN);
}

/* An invalidation of the fault's gfn, begun by an mmu_notifier. */
static struct km_invalidate_facts invalidation(void)
{
	reset();
	w.vm.mmu_invalidate_in_progress = w.vm.mn_active_invalidate_count = val(1);
	w.vm.mmu_invalidate_range_start = val(GFN);
	w.vm.mmu_invalidate_range_end = val(GFN + 0x10);
	return (struct km_invalidate_facts){
		.unit = KM_RANGE_GFN,
		.locks = {.slots_lock_owner = val(0), .mmu_lock = val(0)},
		.stacks_known = true,
	};
}

static void test_invalidate_in_progress(void **state)
{
	struct km_invalidate_facts f = invalidation();

	(void)state;
	f.task = add_task("unmap_vmas");
	f.function = "unmap_vmas";
	found(km_rule_invalidate_in_progress(&w.c, &f, &w.d), KM_LIKELY, true);
	nothing(km_rule_invalidate_leaked(&w.c, &f, &w.d));
	w.fault.age = KM_AGE_LAST_EXIT;
	found(km_rule_invalidate_in_progress(&w.c, &f, &w.d), KM_POSSIBLE, true);
	w.fault.age = KM_AGE_RESIDUE;
	nothing(km_rule_invalidate_in_progress(&w.c, &f, &w.d));
	/* the user's own fault is never more than possible */
	w.fault.age = KM_AGE_UNKNOWN;
	w.fault.source = KM_FAULT_USER;
	found(km_rule_invalidate_in_progress(&w.c, &f, &w.d), KM_POSSIBLE, true);
	w.fault.age = KM_AGE_IN_HANDLER;
	w.fault.source = KM_FAULT_STACK;
	/* twins: who invalidates runs; the range is another; none is in progress */
	w.task_list[0].state = val(0);
	found(km_rule_invalidate_in_progress(&w.c, &f, &w.d), KM_NOTE, false);
	w.task_list[0].state = val(2);
	w.vm.mmu_invalidate_range_start = val(GFN + 1);
	nothing(km_rule_invalidate_in_progress(&w.c, &f, &w.d));
	w.vm.mmu_invalidate_range_start = val(GFN);
	w.vm.mmu_invalidate_in_progress = val(0);
	nothing(km_rule_invalidate_in_progress(&w.c, &f, &w.d));
	/* missing: the stacks; the unit of the range */
	w.vm.mmu_invalidate_in_progress = val(1);
	f.task = NULL;
	f.stacks_known = false;
	found(km_rule_invalidate_in_progress(&w.c, &f, &w.d), KM_POSSIBLE, true);
	assert_string_not_equal(w.d.open, "");
	w.fault.age = KM_AGE_LAST_EXIT;
	found(km_rule_invalidate_in_progress(&w.c, &f, &w.d), KM_NOTE, false);
	f.unit = KM_RANGE_UNKNOWN;
	nothing(km_rule_invalidate_in_progress(&w.c, &f, &w.d));
	/* the same in HVAs */
	w.fault.age = KM_AGE_IN_HANDLER;
	f.unit = KM_RANGE_HVA;
	w.vm.mmu_invalidate_range_start = val(HVA - 1);
	w.vm.mmu_invalidate_range_end = val(HVA + 1);
	found(km_rule_invalidate_in_progress(&w.c, &f, &w.d), KM_POSSIBLE, true);
	/* nobody can be in it: more than mmu_notifiers began, or all stacks are known */
	w.vm.mmu_invalidate_in_progress = val(2);
	nothing(km_rule_invalidate_in_progress(&w.c, &f, &w.d));
	w.vm.mn_active_invalidate_count = val(2);
	found(km_rule_invalidate_in_progress(&w.c, &f, &w.d), KM_POSSIBLE, true);
	w.vm.mn_active_invalidate_count = unreadable;
	found(km_rule_invalidate_in_progress(&w.c, &f, &w.d), KM_POSSIBLE, true);
	assert_non_null(strstr(w.d.evidence[0], "count ?"));
	w.vm.mn_active_invalidate_count = val(2);
	f.stacks_known = true;
	nothing(km_rule_invalidate_in_progress(&w.c, &f, &w.d));
	f.stacks_known = false;
	w.vm.mmu_invalidate_in_progress = val(-2ULL);
	nothing(km_rule_invalidate_in_progress(&w.c, &f, &w.d));
	w.vm.mmu_invalidate_in_progress = unreadable;
	nothing(km_rule_invalidate_in_progress(&w.c, &f, &w.d));
	/* begun without a range: it covers what is not known, too */
	w.vm.mmu_invalidate_in_progress = val(1);
	w.vm.mmu_invalidate_range_start = val(~0ULL);
	f.unit = KM_RANGE_GFN;
	w.c.gfn_known = w.c.has_hva = false;
	found(km_rule_invalidate_in_progress(&w.c, &f, &w.d), KM_POSSIBLE, true);
	assert_int_equal(w.d.evidence_count, 1);
}

static void test_invalidate_leaked(void **state)
{
	struct km_invalidate_facts f = invalidation();

	(void)state;
	w.vm.mn_active_invalidate_count = val(0);
	found(km_rule_invalidate_leaked(&w.c, &f, &w.d), KM_PROVEN, true);
	nothing(km_rule_invalidate_in_progress(&w.c, &f, &w.d));
	/* Intel keeps no address of the exit: true of the VM, open for this vCPU */
	w.c.gfn_known = w.c.has_hva = false;
	found(km_rule_invalidate_leaked(&w.c, &f, &w.d), KM_PROVEN, false);
	assert_non_null(strstr(w.d.open, "whether this vCPU"));
	w.c.gfn_known = w.c.has_hva = true;
	/* twins: vCPUs of the same VM that do not suffer from it */
	w.c.fault = NULL;
	found(km_rule_invalidate_leaked(&w.c, &f, &w.d), KM_NOTE, false);
	w.c.fault = &w.fault;
	w.vm.mmu_invalidate_range_start = val(GFN + 1);
	found(km_rule_invalidate_leaked(&w.c, &f, &w.d), KM_NOTE, false);
	assert_non_null(strstr(w.d.verdict, "does not lie"));
	w.vm.mmu_invalidate_range_start = val(GFN);
	/* missing: stacks, locks; a VM with guest_memfd */
	f.stacks_known = false;
	found(km_rule_invalidate_leaked(&w.c, &f, &w.d), KM_LIKELY, true);
	f.locks.slots_lock_owner = unreadable;
	found(km_rule_invalidate_leaked(&w.c, &f, &w.d), KM_POSSIBLE, true);
	f.stacks_known = true;
	found(km_rule_invalidate_leaked(&w.c, &f, &w.d), KM_LIKELY, true);
	f.locks.slots_lock_owner = val(0);
	w.slots[1].flags = KVM_MEM_GUEST_MEMFD;
	found(km_rule_invalidate_leaked(&w.c, &f, &w.d), KM_LIKELY, true);
	w.slots[1].flags = 0;
	w.slots[0].flags = KVM_MEMSLOT_GMEM_ONLY;
	found(km_rule_invalidate_leaked(&w.c, &f, &w.d), KM_LIKELY, true);
	w.slots[0].flags = 0;
	w.c.slots_known = false;
	found(km_rule_invalidate_leaked(&w.c, &f, &w.d), KM_LIKELY, true);
	w.c.slots_known = true;
	/* twins: kvm_zap_gfn_range() at work; a notifier at work; counts that match */
	f.locks.mmu_lock = val(0xff);
	found(km_rule_invalidate_leaked(&w.c, &f, &w.d), KM_POSSIBLE, true);
	f.task = add_task("kvm_zap_gfn_range");
	nothing(km_rule_invalidate_leaked(&w.c, &f, &w.d));
	f.task = NULL;
	f.locks.mmu_lock = val(0);
	w.vm.mn_active_invalidate_count = val(1);
	found(km_rule_invalidate_leaked(&w.c, &f, &w.d), KM_POSSIBLE, true);
	w.vm.mn_active_invalidate_count = unreadable;
	found(km_rule_invalidate_leaked(&w.c, &f, &w.d), KM_POSSIBLE, true);
	assert_non_null(strstr(w.d.evidence[0], "count ?"));
	w.vm.mn_active_invalidate_count = val(1);
	w.fault.age = KM_AGE_LAST_EXIT;
	found(km_rule_invalidate_leaked(&w.c, &f, &w.d), KM_NOTE, false);
	w.vm.mmu_invalidate_in_progress = val(0);
	nothing(km_rule_invalidate_leaked(&w.c, &f, &w.d));
	w.vm.mmu_invalidate_in_progress = val(1);
	f.stacks_known = false;
	nothing(km_rule_invalidate_leaked(&w.c, &f, &w.d));
	w.vm.mmu_invalidate_in_progress = val(0);
	nothing(km_rule_invalidate_leaked(&w.c, &f, &w.d));
	w.vm.mmu_invalidate_in_progress = val(-1ULL);
	found(km_rule_invalidate_leaked(&w.c, &f, &w.d), KM_PROVEN, false);
	w.vm.mmu_invalidate_in_progress = val(3);
	f.unit = KM_RANGE_UNKNOWN;
	f.locks.mmu_lock = unreadable;
	f.stacks_known = true;
	found(km_rule_invalidate_leaked(&w.c, &f, &w.d), KM_POSSIBLE, false);
	f.unit = KM_RANGE_HVA;
	w.vm.mmu_invalidate_range_start = val(HVA);
	w.vm.mmu_invalidate_range_end = val(HVA + 1);
	found(km_rule_invalidate_leaked(&w.c, &f, &w.d), KM_POSSIBLE, true);
	w.vm.mmu_invalidate_in_progress = unreadable;
	nothing(km_rule_invalidate_leaked(&w.c, &f, &w.d));
}

static void test_slot_invalid(void **state)
{
	struct km_vm_locks locks = {.slots_lock_owner = val(TASK + 0x10000)};

	(void)state;
	reset();
	nothing(km_rule_slot_invalid(&w.c, &locks, &w.d));
	w.slots[0].flags = KVM_MEMSLOT_INVALID;
	/* the removal waits for the prefault, which waits for the removal */
	vcpu_is_in("kvm_arch_vcpu_pre_fault_memory");
	add_task("kvm_swap_active_memslots");
	strcpy(w.task_list[0].stack.frames[1].function, "__synchronize_srcu");
	w.task_list[0].stack.count = 2;
	found(km_rule_slot_invalid(&w.c, &locks, &w.d), KM_LIKELY, true);
	w.fault.age = KM_AGE_LAST_EXIT;
	found(km_rule_slot_invalid(&w.c, &locks, &w.d), KM_POSSIBLE, true);
	w.fault.age = KM_AGE_IN_HANDLER;
	/* twin: the vCPU is in KVM_RUN, which lets go of srcu */
	vcpu_is_in("kvm_arch_vcpu_ioctl_run");
	found(km_rule_slot_invalid(&w.c, &locks, &w.d), KM_NOTE, false);
	/* another thread sleeps inside kvm.srcu; its twin runs */
	add_task("handle_userfault");
	strcpy(w.task_list[1].stack.frames[1].function, "kvm_mmu_page_fault");
	w.task_list[1].stack.count = 2;
	found(km_rule_slot_invalid(&w.c, &locks, &w.d), KM_LIKELY, true);
	assert_non_null(strstr(w.d.evidence[3], "handle_userfault()"));
	w.task_list[1].state = val(0);
	found(km_rule_slot_invalid(&w.c, &locks, &w.d), KM_NOTE, false);
	/* twin: the invalid slot is another */
	w.slots[0].flags = 0;
	w.slots[1].flags = KVM_MEMSLOT_INVALID;
	nothing(km_rule_slot_invalid(&w.c, &locks, &w.d));
	/* nobody is at it, and nobody holds the lock */
	w.tasks.count = 0;
	nothing(km_rule_slot_invalid(&w.c, &locks, &w.d));
	locks.slots_lock_owner = val(0);
	found(km_rule_slot_invalid(&w.c, &locks, &w.d), KM_PROVEN, false);
	w.slots[0].flags = KVM_MEMSLOT_INVALID;
	found(km_rule_slot_invalid(&w.c, &locks, &w.d), KM_PROVEN, true);
	/* missing: who holds the lock */
	locks.slots_lock_owner = unreadable;
	found(km_rule_slot_invalid(&w.c, &locks, &w.d), KM_POSSIBLE, true);
	w.fault.age = KM_AGE_LAST_EXIT;
	found(km_rule_slot_invalid(&w.c, &locks, &w.d), KM_NOTE, false);
	w.c.tasks = NULL;
	found(km_rule_slot_invalid(&w.c, &locks, &w.d), KM_NOTE, false);
	/* somebody has the lock, and no task is found in a change; one that sleeps is no proof */
	w.c.tasks = &w.tasks;
	locks.slots_lock_owner = val(TASK + 0x10000);
	w.fault.age = KM_AGE_IN_HANDLER;
	add_task("kvm_mmu_page_fault");
	found(km_rule_slot_invalid(&w.c, &locks, &w.d), KM_POSSIBLE, true);
	/* a fault without a slot, where another one is invalid: the first in the list */
	w.c.slot = NULL;
	nothing(km_rule_slot_invalid(&w.c, &locks, &w.d));
	locks.slots_lock_owner = val(0);
	found(km_rule_slot_invalid(&w.c, &locks, &w.d), KM_PROVEN, false);
	/* that of the fault goes first */
	w.c.slot = &w.slots[1];
	w.slots[1].flags = KVM_MEMSLOT_INVALID;
	found(km_rule_slot_invalid(&w.c, &locks, &w.d), KM_PROVEN, true);
	w.c.slot = NULL;
	w.c.slots.count = 0;
	nothing(km_rule_slot_invalid(&w.c, &locks, &w.d));
}

/* The removal waits for kvm.srcu, and somebody sleeps in it. */
static void test_slot_invalid_and_srcu(void **state)
{
	static const char *const waits[] = {"__synchronize_srcu", "synchronize_srcu_expedited",
					    "synchronize_srcu"};
	struct km_vm_locks locks = {.slots_lock_owner = unreadable};
	struct km_task *updater, *reader;

	(void)state;
	reset();
	w.slots[0].flags = KVM_MEMSLOT_INVALID;
	reader = add_task("kvm_mmu_page_fault");
	updater = add_task("kvm_set_memory_region");
	found(km_rule_slot_invalid(&w.c, &locks, &w.d), KM_NOTE, false);
	updater->stack.count = 2;
	for (size_t i = 0; i < ARRAY_SIZE(waits); i++) {
		strcpy(updater->stack.frames[1].function, waits[i]);
		found(km_rule_slot_invalid(&w.c, &locks, &w.d), KM_LIKELY, true);
	}
	strcpy(reader->stack.frames[0].function, "kvm_arch_vcpu_pre_fault_memory");
	found(km_rule_slot_invalid(&w.c, &locks, &w.d), KM_LIKELY, true);
	/* twins: of another process; the updater itself; one beyond the list */
	reader->mm = val(MM + 1);
	found(km_rule_slot_invalid(&w.c, &locks, &w.d), KM_NOTE, false);
	reader->mm = val(MM);
	strcpy(reader->stack.frames[0].function, "do_futex");
	strcpy(updater->stack.frames[2].function, "kvm_mmu_page_fault");
	updater->stack.count = 3;
	found(km_rule_slot_invalid(&w.c, &locks, &w.d), KM_NOTE, false);
	w.task_list[0] = w.task_list[1];
	strcpy(w.task_list[0].stack.frames[2].function, "do_futex");
	w.tasks.count = 1;
	found(km_rule_slot_invalid(&w.c, &locks, &w.d), KM_NOTE, false);
}

static struct km_root_facts invalid_root(void)
{
	reset();
	return (struct km_root_facts){
		.sp = {.known = true,
		       .addr = 0xffff888004000000,
		       .tdp_mmu_page = val(1),
		       .mmu_valid_gen = val(0),
		       .role_known = true,
		       .role = {.invalid = 1}},
		.locks = {.slots_lock_owner = val(0), .mmu_lock = val(0)},
	};
}

static void test_obsolete_root(void **state)
{
	struct km_root_facts f = invalid_root();

	(void)state;
	found(km_rule_obsolete_root(&w.c, &f, &w.d), KM_PROVEN, true);
	/* without a fault in the handler: in the guest it is as certain, else the stack tells */
	w.fault.age = KM_AGE_LAST_EXIT;
	found(km_rule_obsolete_root(&w.c, &f, &w.d), KM_LIKELY, true);
	w.vcpu.mode = val(1);
	found(km_rule_obsolete_root(&w.c, &f, &w.d), KM_PROVEN, true);
	w.vcpu.mode = val(0);
	vcpu_is_in("kvm_vcpu_halt");
	found(km_rule_obsolete_root(&w.c, &f, &w.d), KM_PROVEN, true);
	vcpu_is_in("kvm_mmu_free_obsolete_roots");
	found(km_rule_obsolete_root(&w.c, &f, &w.d), KM_LIKELY, true);
	/* twins: the request is there; the root is not obsolete; a TDP MMU page's generation */
	w.vcpu.requests = val(KM_BIT(KVM_REQ_MMU_FREE_OBSOLETE_ROOTS));
	nothing(km_rule_obsolete_root(&w.c, &f, &w.d));
	w.vcpu.requests = val(0);
	f.sp.role.invalid = 0;
	nothing(km_rule_obsolete_root(&w.c, &f, &w.d));
	f.sp.tdp_mmu_page = val(0);
	w.fault.age = KM_AGE_IN_HANDLER;
	found(km_rule_obsolete_root(&w.c, &f, &w.d), KM_PROVEN, true);
	f.sp.mmu_valid_gen = val(1);
	nothing(km_rule_obsolete_root(&w.c, &f, &w.d));
	/* a zap under way, or maybe */
	f.sp.mmu_valid_gen = val(0);
	f.locks.mmu_lock = val(0xff);
	found(km_rule_obsolete_root(&w.c, &f, &w.d), KM_POSSIBLE, true);
	add_task("do_futex"); /* but nobody zaps: the handler itself has the lock */
	found(km_rule_obsolete_root(&w.c, &f, &w.d), KM_LIKELY, true);
	w.vm.mm = unreadable;
	found(km_rule_obsolete_root(&w.c, &f, &w.d), KM_POSSIBLE, true);
	w.vm.mm = val(MM);
	w.tasks.complete = false;
	found(km_rule_obsolete_root(&w.c, &f, &w.d), KM_POSSIBLE, true);
	w.tasks.complete = true;
	add_task("kvm_set_memslot")->mm = val(0);
	found(km_rule_obsolete_root(&w.c, &f, &w.d), KM_POSSIBLE, true);
	w.tasks.count = 0;
	f.locks.mmu_lock = unreadable;
	found(km_rule_obsolete_root(&w.c, &f, &w.d), KM_LIKELY, true);
	w.vcpu.requests = unreadable;
	nothing(km_rule_obsolete_root(&w.c, &f, &w.d));
	w.vcpu.requests = val(0);
	f.sp.role_known = false;
	nothing(km_rule_obsolete_root(&w.c, &f, &w.d));
	/* a stack that was only scanned does not say where the thread is not */
	f = invalid_root();
	w.fault.age = KM_AGE_LAST_EXIT;
	vcpu_is_in("kvm_vcpu_halt");
	w.c.last.stack.start = KM_STACK_UNKNOWN;
	found(km_rule_obsolete_root(&w.c, &f, &w.d), KM_LIKELY, true);
	w.c.last.stack.start = KM_STACK_REGISTERS;
	w.c.last.has_stack = false;
	found(km_rule_obsolete_root(&w.c, &f, &w.d), KM_LIKELY, true);
	w.c.last.has_stack = true;
	vcpu_is_in("vcpu_enter_guest");
	found(km_rule_obsolete_root(&w.c, &f, &w.d), KM_LIKELY, true);
	/* what is missing: the root's page; the MMU */
	f.sp.known = false;
	nothing(km_rule_obsolete_root(&w.c, &f, &w.d));
	f.sp.known = true;
	f.sp.addr = 0;
	nothing(km_rule_obsolete_root(&w.c, &f, &w.d));
	f = invalid_root();
	w.c.all.active = NULL;
	nothing(km_rule_obsolete_root(&w.c, &f, &w.d));
}

static void test_obsolete_root_under_prefault(void **state)
{
	struct km_root_facts f = invalid_root();

	(void)state;
	w.vcpu.requests = val(KM_BIT(KVM_REQ_MMU_FREE_OBSOLETE_ROOTS));
	vcpu_is_in("kvm_tdp_map_page");
	found(km_rule_obsolete_root(&w.c, &f, &w.d), KM_LIKELY, true);
	/* the loop goes on between two faults, too */
	w.c.fault = NULL;
	found(km_rule_obsolete_root(&w.c, &f, &w.d), KM_LIKELY, true);
	w.c.last.stack.start = KM_STACK_UNKNOWN;
	found(km_rule_obsolete_root(&w.c, &f, &w.d), KM_POSSIBLE, true);
	f.sp.role.invalid = 0;
	nothing(km_rule_obsolete_root(&w.c, &f, &w.d));
}

static void test_private_mismatch(void **state)
{
	struct km_private_facts f = {.attributes = val(0), .exit_reason = val(0)};

	(void)state;
	reset();
	w.vm.vm_type = val(KM_VM_SNP);
	w.fault.pf.is_private = val(1);
	found(km_rule_private_mismatch(&w.c, &f, &w.d), KM_POSSIBLE, true);
	f.attributes = val(KVM_MEMORY_ATTRIBUTE_PRIVATE);
	nothing(km_rule_private_mismatch(&w.c, &f, &w.d));
	/* of an exit: SNP's own bit */
	w.fault = (struct km_fault){.source = KM_FAULT_VMCB, .age = KM_AGE_LAST_EXIT};
	found(km_rule_private_mismatch(&w.c, &f, &w.d), KM_NOTE, false);
	w.c.error_code |= PFERR_GUEST_ENC_MASK;
	nothing(km_rule_private_mismatch(&w.c, &f, &w.d));
	/* which a software-protected VM does not have: KVM goes by the attributes */
	w.c.error_code &= ~PFERR_GUEST_ENC_MASK;
	w.vm.vm_type = val(KM_VM_SW_PROTECTED);
	nothing(km_rule_private_mismatch(&w.c, &f, &w.d));
	w.vm.vm_type = val(KM_VM_SNP);
	f.attributes = unreadable;
	nothing(km_rule_private_mismatch(&w.c, &f, &w.d));
	/* KVM's own bit tells for every VM, if there is an error code */
	w.vm.vm_type = val(KM_VM_SW_PROTECTED);
	f.attributes = val(0);
	w.c.error_code |= PFERR_PRIVATE_ACCESS;
	found(km_rule_private_mismatch(&w.c, &f, &w.d), KM_NOTE, false);
	w.vm.vm_type = unreadable;
	found(km_rule_private_mismatch(&w.c, &f, &w.d), KM_NOTE, false);
	w.c.has_error_code = false;
	nothing(km_rule_private_mismatch(&w.c, &f, &w.d));
	w.fault = (struct km_fault){.source = KM_FAULT_STACK, .age = KM_AGE_IN_HANDLER};
	w.fault.pf.is_private = val(1);
	found(km_rule_private_mismatch(&w.c, &f, &w.d), KM_POSSIBLE, true);
	/* what the VMM was told, and what the path does */
	f.exit_reason = val(KVM_EXIT_MEMORY_FAULT);
	w.c.has_path = true;
	w.c.path.ret = KM_RET_PF_SPURIOUS;
	found(km_rule_private_mismatch(&w.c, &f, &w.d), KM_POSSIBLE, true);
	assert_int_equal(w.d.evidence_count, 3);
	f.exit_reason.known = KM_UNREADABLE;
	w.c.has_path = false;
	found(km_rule_private_mismatch(&w.c, &f, &w.d), KM_POSSIBLE, true);
	assert_int_equal(w.d.evidence_count, 1);
	f.exit_reason = val(0);
	w.c.has_path = true;
	w.c.path.ret = KM_RET_PF_EMULATE;
	found(km_rule_private_mismatch(&w.c, &f, &w.d), KM_POSSIBLE, true);
	assert_int_equal(w.d.evidence_count, 1);
}

static struct km_emulation_facts plain_guest(void)
{
	reset();
	return (struct km_emulation_facts){
		.sev = KM_SEV_NONE,
		.unprotect = KM_UNPROTECT_IF_DONE,
		.insn_len = val(15),
		.event = val(0),
		.emulated = val(40),
		.failed = val(3),
		.exit_reason = val(0),
		.shadow = {.known = true},
		.write_track = val(0),
		.retry_eip = val(0),
		.retry_addr = val(0),
	};
}

#define GUEST_PAGE_WRITE (PFERR_GUEST_PAGE_MASK | PFERR_WRITE_MASK | PFERR_PRESENT_MASK)

static void test_readonly_slot(void **state)
{
	struct km_emulation_facts f = plain_guest();

	(void)state;
	nothing(km_rule_readonly_slot(&w.c, &f, &w.d));
	w.slots[0].flags = KVM_MEM_READONLY;
	found(km_rule_readonly_slot(&w.c, &f, &w.d), KM_NOTE, false);
	f.sev = KM_SEV_ES;
	found(km_rule_readonly_slot(&w.c, &f, &w.d), KM_LIKELY, true);
	w.fault.age = KM_AGE_LAST_EXIT;
	found(km_rule_readonly_slot(&w.c, &f, &w.d), KM_POSSIBLE, true);
	f.sev = KM_SEV; /* KVM can read its registers */
	found(km_rule_readonly_slot(&w.c, &f, &w.d), KM_NOTE, false);
	f.sev = KM_SEV_UNKNOWN;
	found(km_rule_readonly_slot(&w.c, &f, &w.d), KM_NOTE, false);
	assert_non_null(strstr(w.d.open, "SEV-ES"));
	/* the emulator does not know the instruction, and the VMM goes on all the same */
	f.sev = KM_SEV_NONE;
	f.emulated = f.failed = val(40);
	found(km_rule_readonly_slot(&w.c, &f, &w.d), KM_POSSIBLE, true);
	w.fault.age = KM_AGE_IN_HANDLER;
	found(km_rule_readonly_slot(&w.c, &f, &w.d), KM_LIKELY, true);
	f.emulated = val(4000);
	found(km_rule_readonly_slot(&w.c, &f, &w.d), KM_NOTE, false);
	f.failed = unreadable;
	found(km_rule_readonly_slot(&w.c, &f, &w.d), KM_NOTE, false);
	w.fault.age = KM_AGE_LAST_EXIT;
	/* a read is no matter */
	f.sev = KM_SEV_ES;
	w.c.error_code &= ~PFERR_WRITE_MASK;
	nothing(km_rule_readonly_slot(&w.c, &f, &w.d));
	/* the processor's own write, on a kernel that re-enters the guest in any case */
	f.sev = KM_SEV_NONE;
	w.c.error_code = GUEST_PAGE_WRITE;
	w.fault.age = KM_AGE_IN_HANDLER;
	found(km_rule_readonly_slot(&w.c, &f, &w.d), KM_NOTE, false);
	f.unprotect = KM_UNPROTECT_ALWAYS;
	found(km_rule_readonly_slot(&w.c, &f, &w.d), KM_LIKELY, true);
	w.mmu.root_role.direct = 0;
	found(km_rule_readonly_slot(&w.c, &f, &w.d), KM_NOTE, false);
	w.fault.age = KM_AGE_RESIDUE;
	nothing(km_rule_readonly_slot(&w.c, &f, &w.d));
}

static void test_no_slot(void **state)
{
	struct km_emulation_facts f = plain_guest();

	(void)state;
	nothing(km_rule_no_slot(&w.c, &f, &w.d));
	w.c.slot = NULL;
	w.c.has_hva = false;
	found(km_rule_no_slot(&w.c, &f, &w.d), KM_NOTE, false);
	/* MMIO as it should be, until the emulator fails */
	w.c.walk.count = 1;
	w.c.walk.levels[0].spte.kind = KM_SPTE_MMIO;
	nothing(km_rule_no_slot(&w.c, &f, &w.d));
	f.failed = val(40);
	found(km_rule_no_slot(&w.c, &f, &w.d), KM_LIKELY, true);
	f.failed = unreadable;
	nothing(km_rule_no_slot(&w.c, &f, &w.d));
	w.c.walk.count = 0;
	f.event = val(1);
	found(km_rule_no_slot(&w.c, &f, &w.d), KM_POSSIBLE, true);
	f.event = unreadable;
	f.insn_len = val(0);
	found(km_rule_no_slot(&w.c, &f, &w.d), KM_NOTE, false);
	f.sev = KM_SEV;
	found(km_rule_no_slot(&w.c, &f, &w.d), KM_LIKELY, true);
	w.fault.age = KM_AGE_LAST_EXIT;
	found(km_rule_no_slot(&w.c, &f, &w.d), KM_POSSIBLE, true);
	f.insn_len = val(3);
	found(km_rule_no_slot(&w.c, &f, &w.d), KM_NOTE, false);
	f.sev = KM_SEV_NONE;
	f.unprotect = KM_UNPROTECT_ALWAYS;
	w.c.error_code = GUEST_PAGE_WRITE;
	found(km_rule_no_slot(&w.c, &f, &w.d), KM_POSSIBLE, true);
	/* "none" only means something if all were read */
	w.c.slots_known = false;
	nothing(km_rule_no_slot(&w.c, &f, &w.d));
}

static void test_write_tracked(void **state)
{
	struct km_emulation_facts f = plain_guest();

	(void)state;
	w.c.error_code = GUEST_PAGE_WRITE;
	nothing(km_rule_write_tracked(&w.c, &f, &w.d));
	f.write_track = val(1);
	found(km_rule_write_tracked(&w.c, &f, &w.d), KM_NOTE, false);
	/* an old kernel that "unprotects" what is not shadowed */
	f.unprotect = KM_UNPROTECT_ALWAYS;
	found(km_rule_write_tracked(&w.c, &f, &w.d), KM_LIKELY, true);
	w.fault.age = KM_AGE_LAST_EXIT;
	found(km_rule_write_tracked(&w.c, &f, &w.d), KM_POSSIBLE, true);
	f.shadow = (struct km_shadow_pages){.known = true, .count = 1, .first = 1, .level = 1};
	found(km_rule_write_tracked(&w.c, &f, &w.d), KM_NOTE, false);
	f.shadow.known = false;
	found(km_rule_write_tracked(&w.c, &f, &w.d), KM_NOTE, false);
	assert_non_null(strstr(w.d.open, "hash"));
	f.shadow = (struct km_shadow_pages){.known = true};
	w.c.error_code &= ~PFERR_GUEST_PAGE_MASK;
	found(km_rule_write_tracked(&w.c, &f, &w.d), KM_NOTE, false);
	/* page_fault_handle_page_track() asks only about writes to present pages */
	w.c.error_code &= ~PFERR_PRESENT_MASK;
	nothing(km_rule_write_tracked(&w.c, &f, &w.d));
	w.c.error_code = GUEST_PAGE_WRITE | PFERR_RSVD_MASK;
	nothing(km_rule_write_tracked(&w.c, &f, &w.d));
	w.c.error_code = GUEST_PAGE_WRITE;
	f.write_track = unreadable;
	nothing(km_rule_write_tracked(&w.c, &f, &w.d));
}

static void test_self_mapping_write(void **state)
{
	struct km_emulation_facts f = plain_guest();
	struct km_mmu_page *sp = &w.c.walk.levels[1].sp;

	(void)state;
	w.mmu.root_role.direct = 0;
	w.c.addr = 0xffffc00000001000;
	w.c.last.rip = val(0xffffffff81000000);
	w.c.walk.count = 2;
	w.c.walk.levels[1].level = 1;
	*sp = (struct km_mmu_page){
		.known = true, .addr = 0xffff888005000000, .gfn = val(GFN), .role_known = true};
	found(km_rule_self_mapping_write(&w.c, &f, &w.d), KM_NOTE, false);
	/* back at the same place after the shadow page was dropped */
	f.retry_addr = val(w.c.addr);
	f.retry_eip = w.c.last.rip;
	found(km_rule_self_mapping_write(&w.c, &f, &w.d), KM_POSSIBLE, true);
	f.retry_eip = val(1);
	found(km_rule_self_mapping_write(&w.c, &f, &w.d), KM_NOTE, false);
	w.c.last.rip = f.retry_eip = unreadable;
	found(km_rule_self_mapping_write(&w.c, &f, &w.d), KM_NOTE, false);
	/* the emulator does not know the instruction */
	f.failed = val(40);
	found(km_rule_self_mapping_write(&w.c, &f, &w.d), KM_LIKELY, true);
	w.fault.age = KM_AGE_LAST_EXIT;
	found(km_rule_self_mapping_write(&w.c, &f, &w.d), KM_POSSIBLE, true);
	w.fault.age = KM_AGE_IN_HANDLER;
	f.failed = unreadable;
	/* twins: another page table; a direct map of the same gfn; a read */
	sp->gfn = val(GFN + 1);
	nothing(km_rule_self_mapping_write(&w.c, &f, &w.d));
	sp->gfn = val(GFN);
	sp->role.direct = 1;
	nothing(km_rule_self_mapping_write(&w.c, &f, &w.d));
	sp->role.direct = 0;
	w.c.error_code &= ~PFERR_WRITE_MASK;
	nothing(km_rule_self_mapping_write(&w.c, &f, &w.d));
	w.c.error_code |= PFERR_WRITE_MASK;
	w.c.gfn_known = false;
	nothing(km_rule_self_mapping_write(&w.c, &f, &w.d));
	w.c.gfn_known = true;
	f.write_track = val(1);
	found(km_rule_self_mapping_write(&w.c, &f, &w.d), KM_NOTE, false);
	f.write_track.known = KM_UNREADABLE;
	w.fault.pf.write_fault_to_shadow_pgtable = val(1);
	found(km_rule_self_mapping_write(&w.c, &f, &w.d), KM_NOTE, false);
	w.fault.source = KM_FAULT_VMCB; /* there is no such bit */
	found(km_rule_self_mapping_write(&w.c, &f, &w.d), KM_NOTE, false);
	w.fault.pf.write_fault_to_shadow_pgtable.known = KM_UNREADABLE;
	w.fault.source = KM_FAULT_STACK;
	found(km_rule_self_mapping_write(&w.c, &f, &w.d), KM_NOTE, false);
	w.c.walk.levels[0].sp = *sp; /* the root's page */
	sp->gfn = val(GFN + 1);
	found(km_rule_self_mapping_write(&w.c, &f, &w.d), KM_NOTE, false);
	w.c.walk.levels[0].sp.gfn = unreadable;
	w.c.walk.levels[2].sp = *sp; /* beyond the walk */
	w.c.walk.levels[2].sp.gfn = val(GFN);
	nothing(km_rule_self_mapping_write(&w.c, &f, &w.d));
	sp->gfn = val(GFN);
	w.c.has_walk = false;
	nothing(km_rule_self_mapping_write(&w.c, &f, &w.d));
	w.c.has_walk = true;
	w.fault.age = KM_AGE_RESIDUE;
	nothing(km_rule_self_mapping_write(&w.c, &f, &w.d));
	w.fault.age = KM_AGE_IN_HANDLER;
	w.mmu.root_role.direct = 1;
	nothing(km_rule_self_mapping_write(&w.c, &f, &w.d));
	w.c.mmu = NULL;
	nothing(km_rule_self_mapping_write(&w.c, &f, &w.d));
}

/* When the emulator fails as a rule, and what a write to a page table is. */
static void test_emulation(void **state)
{
	static const struct {
		uint64_t emulated, failed;
		bool fails;
	} t[] = {{16, 8, true}, {18, 8, false}, {7, 7, false}, {17, 8, true}, {8, 8, true}};
	struct km_emulation_facts f = plain_guest();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		f.emulated = val(t[i].emulated);
		f.failed = val(t[i].failed);
		assert_int_equal(km_emulation_fails(&f), t[i].fails);
	}
	f.emulated = (struct km_val){.known = KM_UNREADABLE, .v = 8};
	assert_false(km_emulation_fails(&f));
	f.emulated = val(8);
	f.failed = (struct km_val){.known = KM_UNREADABLE, .v = 8};
	assert_false(km_emulation_fails(&f));
	w.c.error_code = GUEST_PAGE_WRITE;
	assert_true(km_is_write_to_guest_page_table(&w.c));
	for (int bit = 0; bit < 64; bit++) {
		w.c.error_code = GUEST_PAGE_WRITE & ~KM_BIT(bit);
		assert_int_equal(km_is_write_to_guest_page_table(&w.c),
				 !(GUEST_PAGE_WRITE & KM_BIT(bit)));
		w.c.error_code = GUEST_PAGE_WRITE | KM_BIT(bit);
		assert_true(km_is_write_to_guest_page_table(&w.c));
	}
	w.c.has_error_code = false;
	assert_false(km_is_write_to_guest_page_table(&w.c));
	w.c.has_error_code = true;
	w.c.mmu = NULL;
	assert_false(km_is_write_to_guest_page_table(&w.c));
}

static void test_tasks(void **state)
{
	struct km_task *task;
	char buf[64];

	(void)state;
	reset();
	task = add_task("__schedule");
	assert_string_equal(km_task_spell(task, buf, sizeof(buf)), "vmm tid 101");
	assert_string_equal(km_task_stands_in(task), "?");
	strcpy(task->stack.frames[1].function, "do_futex"); /* beyond the stack */
	assert_string_equal(km_task_stands_in(task), "?");
	strcpy(task->stack.frames[0].function, "__switch_to_asm");
	task->stack.count = 3;
	task->stack.frames[1].function[0] = 0;
	strcpy(task->stack.frames[2].function, "do_nanosleep");
	assert_string_equal(km_task_stands_in(task), "do_nanosleep");
	strcpy(task->stack.frames[0].function, "do_futex");
	assert_string_equal(km_task_stands_in(task), "do_futex");
	task->comm[0] = 0;
	assert_string_equal(km_task_spell(task, buf, sizeof(buf)), "tid 101");
	task->tid = unreadable;
	assert_string_equal(km_task_spell(task, buf, sizeof(buf)), "task 0xffff888002010000");
	assert_true(km_task_sleeps(task));
	task->on_cpu = val(1);
	assert_false(km_task_sleeps(task));
	task->on_cpu = unreadable;
	assert_false(km_task_sleeps(task));
	task->on_cpu = val(0);
	task->state = val(0);
	assert_false(km_task_sleeps(task));
	task->state = (struct km_val){.known = KM_UNREADABLE, .v = 1};
	assert_false(km_task_sleeps(task));
	/* the thread of the vCPU, in each of the functions of a prefault */
	vcpu_is_in("kvm_arch_vcpu_pre_fault_memory");
	assert_true(km_case_in_prefault(&w.c));
	vcpu_is_in("kvm_tdp_page_prefault");
	assert_true(km_case_in_prefault(&w.c));
	vcpu_is_in("kvm_tdp_map_page");
	assert_true(km_case_in_prefault(&w.c));
	w.c.last.has_stack = false;
	assert_false(km_case_in_prefault(&w.c));
	assert_true(km_case_is_write(&w.c));
	w.c.has_error_code = false;
	assert_false(km_case_is_write(&w.c));
}

static void test_mmio_generation(void **state)
{
	struct km_mmio_facts f = {.gfn = val(0), .gen = val(0)};
	struct km_spte *spte = &w.c.walk.levels[0].spte;

	(void)state;
	reset();
	w.c.slot = NULL;
	w.c.walk.count = 1;
	*spte = (struct km_spte){.kind = KM_SPTE_MMIO, .mmio_generation = 0x10, .mmio_gfn = GFN};
	nothing(km_rule_mmio_generation(&w.c, &f, &w.d));
	spte->mmio_generation = 0xe;
	found(km_rule_mmio_generation(&w.c, &f, &w.d), KM_NOTE, false);
	/* only the bits that an SPTE keeps */
	spte->mmio_generation = 0x10;
	w.c.slots.generation = val((km_mmio_spte_gen_mask(&w.c.masks) + 1) | 0x10);
	nothing(km_rule_mmio_generation(&w.c, &f, &w.d));
	w.c.slots.generation = val(KVM_MEMSLOT_GEN_UPDATE_IN_PROGRESS | 0x10);
	found(km_rule_mmio_generation(&w.c, &f, &w.d), KM_NOTE, false);
	/* made under the present generation, and yet another */
	w.c.slots.generation = val(0x12);
	f = (struct km_mmio_facts){.gfn = val(GFN), .gen = val(0x12)};
	found(km_rule_mmio_generation(&w.c, &f, &w.d), KM_NOTE, false); /* KVM is at it */
	w.fault.age = KM_AGE_LAST_EXIT;
	found(km_rule_mmio_generation(&w.c, &f, &w.d), KM_POSSIBLE, false);
	f.gen = val(0x10);
	found(km_rule_mmio_generation(&w.c, &f, &w.d), KM_NOTE, false);
	f = (struct km_mmio_facts){.gfn = val(GFN + 1), .gen = val(0x12)};
	found(km_rule_mmio_generation(&w.c, &f, &w.d), KM_NOTE, false);
	f.gfn = unreadable;
	found(km_rule_mmio_generation(&w.c, &f, &w.d), KM_NOTE, false);
	/* another gfn than the fault's, or one that is not known: then the cache tells */
	f = (struct km_mmio_facts){.gfn = val(GFN + 1), .gen = val(0x12)};
	spte->mmio_gfn = GFN + 1;
	found(km_rule_mmio_generation(&w.c, &f, &w.d), KM_NOTE, false);
	w.c.gfn_known = false;
	found(km_rule_mmio_generation(&w.c, &f, &w.d), KM_POSSIBLE, false);
	f.gfn = val(0);
	spte->mmio_gfn = 0; /* the cache is empty */
	found(km_rule_mmio_generation(&w.c, &f, &w.d), KM_NOTE, false);
	w.c.slots_known = false;
	nothing(km_rule_mmio_generation(&w.c, &f, &w.d));
	w.c.slots_known = true;
	w.c.fault = NULL;
	nothing(km_rule_mmio_generation(&w.c, &f, &w.d));
	w.c.fault = &w.fault;
	w.c.slots.generation = unreadable;
	nothing(km_rule_mmio_generation(&w.c, &f, &w.d));
	w.c.slots.generation = val(0x12);
	spte->kind = KM_SPTE_EMPTY;
	nothing(km_rule_mmio_generation(&w.c, &f, &w.d));
}

static void test_hwpoison(void **state)
{
	struct km_hwpoison_facts f = {.poisoned = val(1),
				      .pte = 0xdead000000000000,
				      .blocked = val(1),
				      .pending = val(1),
				      .ignored = val(0)};

	(void)state;
	reset();
	found(km_rule_hwpoison(&w.c, &f, &w.d), KM_LIKELY, true);
	w.fault.age = KM_AGE_LAST_EXIT;
	found(km_rule_hwpoison(&w.c, &f, &w.d), KM_LIKELY, true);
	f.pending = val(0);
	found(km_rule_hwpoison(&w.c, &f, &w.d), KM_POSSIBLE, true);
	f.blocked = val(0);
	f.ignored = val(1);
	found(km_rule_hwpoison(&w.c, &f, &w.d), KM_POSSIBLE, true);
	/* twins: the VMM takes the signal; the page is fine */
	f.ignored = val(0);
	found(km_rule_hwpoison(&w.c, &f, &w.d), KM_NOTE, false);
	f.poisoned = val(0);
	f.blocked = val(1);
	nothing(km_rule_hwpoison(&w.c, &f, &w.d));
	/* missing: the signals; the page, but the handler has met it */
	f.poisoned = val(1);
	f.blocked = f.pending = f.ignored = unreadable;
	found(km_rule_hwpoison(&w.c, &f, &w.d), KM_POSSIBLE, false);
	f.ignored = val(0);
	found(km_rule_hwpoison(&w.c, &f, &w.d), KM_POSSIBLE, false);
	f.blocked = val(0);
	found(km_rule_hwpoison(&w.c, &f, &w.d), KM_POSSIBLE, false);
	f.blocked = val(1);
	f.pte_present = true;
	found(km_rule_hwpoison(&w.c, &f, &w.d), KM_POSSIBLE, true);
	assert_non_null(strstr(w.d.evidence[1], "pending not known"));
	f.blocked = f.ignored = unreadable;
	f.pending = val(0);
	found(km_rule_hwpoison(&w.c, &f, &w.d), KM_POSSIBLE, false);
	f.pending = unreadable;
	f.poisoned = unreadable;
	nothing(km_rule_hwpoison(&w.c, &f, &w.d));
	w.fault.pf.pfn = val((0x7ffULL << 52) + 1); /* of a handler that is over */
	nothing(km_rule_hwpoison(&w.c, &f, &w.d));
	w.fault.age = KM_AGE_IN_HANDLER;
	w.fault.pf.pfn = val((0x7ffULL << 52) + 1);
	found(km_rule_hwpoison(&w.c, &f, &w.d), KM_POSSIBLE, false);
	w.fault.pf.pfn = val((0x7ffULL << 52) + 2); /* read-only: another matter */
	nothing(km_rule_hwpoison(&w.c, &f, &w.d));
}

static void test_lock_stall(void **state)
{
	struct km_held_lock held = {0};

	(void)state;
	reset();
	nothing(km_rule_lock_stall(&w.c, &held, &w.d));
	w.c.wait = (struct km_wait){.kind = KM_WAIT_HALT, .certainty = KM_PROVEN, .text = "halt"};
	nothing(km_rule_lock_stall(&w.c, &held, &w.d));
	w.c.wait = (struct km_wait){
		.kind = KM_WAIT_USERFAULT, .certainty = KM_PROVEN, .text = "in handle_userfault()"};
	found(km_rule_lock_stall(&w.c, &held, &w.d), KM_LIKELY, true);
	w.c.wait.certainty = KM_POSSIBLE; /* the stack was only scanned */
	found(km_rule_lock_stall(&w.c, &held, &w.d), KM_POSSIBLE, true);
	w.c.wait.certainty = KM_PROVEN;
	w.c.wait.kind = KM_WAIT_PAGE;
	found(km_rule_lock_stall(&w.c, &held, &w.d), KM_NOTE, false);
	w.c.wait.kind = KM_WAIT_SRCU;
	found(km_rule_lock_stall(&w.c, &held, &w.d), KM_NOTE, false);
	/* a lock, whose holder is not known, runs, or sleeps */
	w.c.wait.kind = KM_WAIT_LOCK;
	found(km_rule_lock_stall(&w.c, &held, &w.d), KM_NOTE, false);
	assert_non_null(strstr(w.d.open, "holder"));
	add_task("do_futex");
	add_task("kvm_swap_active_memslots");
	held = (struct km_held_lock){.name = "slots_lock", .holder = w.task_list[1].addr};
	found(km_rule_lock_stall(&w.c, &held, &w.d), KM_LIKELY, true);
	assert_non_null(strstr(w.d.evidence[1], "kvm_swap_active_memslots()"));
	held.by_readers = true;
	found(km_rule_lock_stall(&w.c, &held, &w.d), KM_POSSIBLE, true);
	w.task_list[1].state = val(0);
	w.task_list[1].on_cpu = val(1);
	found(km_rule_lock_stall(&w.c, &held, &w.d), KM_NOTE, false);
	held.holder = w.task_list[0].addr;
	found(km_rule_lock_stall(&w.c, &held, &w.d), KM_POSSIBLE, true);
	/* who holds it is the only task, or not among those that were read */
	w.tasks.count = 1;
	found(km_rule_lock_stall(&w.c, &held, &w.d), KM_POSSIBLE, true);
	held.holder = w.task_list[1].addr;
	found(km_rule_lock_stall(&w.c, &held, &w.d), KM_NOTE, false);
	w.c.tasks = NULL;
	found(km_rule_lock_stall(&w.c, &held, &w.d), KM_NOTE, false);
}

/* mmu_lock names nobody, but there is one of the VM's process where it has to be held. */
static void test_under_mmu_lock(void **state)
{
	struct km_held_lock held = {0};

	(void)state;
	reset();
	w.c.wait = (struct km_wait){
		.kind = KM_WAIT_LOCK, .certainty = KM_PROVEN, .text = "lock", .lock = "mmu_lock"};
	add_task("kvm_unmap_gfn_range");
	w.task_list[0].mm = w.vm.mm;
	found(km_rule_lock_stall(&w.c, &held, &w.d), KM_NOTE, false);
	assert_non_null(strstr(w.d.evidence[1], "kvm_unmap_gfn_range(), which works under"));
	assert_null(strstr(w.d.open, "holder"));
	w.task_list[0].mm.v++; /* of another VM: under another mmu_lock */
	found(km_rule_lock_stall(&w.c, &held, &w.d), KM_NOTE, false);
	assert_int_equal(w.d.evidence_count, 1);
	w.task_list[0].mm = w.vm.mm;
	w.vm.mm = unreadable;
	found(km_rule_lock_stall(&w.c, &held, &w.d), KM_NOTE, false);
	assert_int_equal(w.d.evidence_count, 1);
	w.vm.mm = w.task_list[0].mm;
	strcpy(w.c.wait.lock, "mmap_lock");
	found(km_rule_lock_stall(&w.c, &held, &w.d), KM_NOTE, false);
	assert_int_equal(w.d.evidence_count, 1);
	strcpy(w.c.wait.lock, "mmu_lock");
	w.c.wait.kind = KM_WAIT_PAGE;
	found(km_rule_lock_stall(&w.c, &held, &w.d), KM_NOTE, false);
	assert_int_equal(w.d.evidence_count, 1);
}

/* The page's mapping is registered with a userfaultfd: said only where all of that is known. */
static void test_userfaultfd(void **state)
{
	struct km_held_lock held = {0};
	struct km_vma *vma = &w.c.vma;

	(void)state;
	reset();
	w.c.wait = (struct km_wait){
		.kind = KM_WAIT_USERFAULT, .certainty = KM_PROVEN, .text = "in handle_userfault()"};
	*vma = (struct km_vma){.known = true, .addr = 0xffff888006000000, .userfaultfd = val(1)};
	found(km_rule_lock_stall(&w.c, &held, &w.d), KM_LIKELY, true);
	assert_int_equal(w.d.evidence_count, 2);
	for (int i = 0; i < 4; i++) {
		*vma = (struct km_vma){
			.known = i != 0,
			.addr = i != 1 ? 0xffff888006000000 : 0,
			.userfaultfd = {.v = i != 2, .known = i == 3 ? KM_UNREADABLE : KM_KNOWN},
		};
		found(km_rule_lock_stall(&w.c, &held, &w.d), KM_LIKELY, true);
		assert_int_equal(w.d.evidence_count, 1);
	}
}

static void test_tasks_in_an_invalidation(void **state)
{
	const char *function = NULL;

	(void)state;
	reset();
	assert_null(km_invalidating_task(&w.tasks, MM, &function));
	assert_false(km_stacks_known(&w.tasks, MM)); /* not even the VM's own threads */
	add_task("do_futex");
	assert_null(km_invalidating_task(&w.tasks, MM, &function));
	assert_null(km_zapping_task(&w.tasks, &function));
	assert_true(km_stacks_known(&w.tasks, MM));
	add_task("change_protection");
	assert_ptr_equal(km_invalidating_task(&w.tasks, MM, &function), &w.task_list[1]);
	assert_string_equal(function, "change_protection");
	/* compilers inline wp_page_copy() */
	strcpy(w.task_list[1].stack.frames[0].function, "do_wp_page");
	assert_ptr_equal(km_invalidating_task(&w.tasks, MM, &function), &w.task_list[1]);
	/* of another process: only in the notifiers themselves, or by the page */
	w.task_list[1].mm = val(0);
	assert_null(km_invalidating_task(&w.tasks, MM, &function));
	strcpy(w.task_list[1].stack.frames[0].function, "__mmu_notifier_invalidate_range_start");
	assert_non_null(km_invalidating_task(&w.tasks, MM, &function));
	strcpy(w.task_list[1].stack.frames[0].function, "try_to_migrate_one");
	assert_non_null(km_invalidating_task(&w.tasks, MM, &function));
	assert_true(km_stack_invalidates(&w.task_list[1].stack));
	assert_false(km_stack_invalidates(&w.task_list[0].stack));
	strcpy(w.task_list[1].stack.frames[0].function, "kvm_zap_gfn_range");
	assert_non_null(km_zapping_task(&w.tasks, &function));
	w.task_list[0].stack.pages_missing = 1;
	assert_false(km_stacks_known(&w.tasks, MM));
	w.task_list[0].stack.pages_missing = 0;
	w.tasks.complete = false;
	assert_false(km_stacks_known(&w.tasks, MM));
	assert_null(km_invalidating_task(NULL, MM, &function));
}

static void test_what_was_said(void **state)
{
	(void)state;
	compare_with_file(__FILE__);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vm_dead),
		cmocka_unit_test(test_mmu_seq_sign),
		cmocka_unit_test(test_mmu_seq_sign_of_unknown_type),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_invalidate_in_progress),
		cmocka_unit_test(test_invalidate_leaked),
		cmocka_unit_test(test_slot_invalid),
		cmocka_unit_test(test_slot_invalid_and_srcu),
		cmocka_unit_test(test_obsolete_root),
		cmocka_unit_test(test_obsolete_root_under_prefault),
		cmocka_unit_test(test_private_mismatch),
		cmocka_unit_test(test_readonly_slot),
		cmocka_unit_test(test_no_slot),
		cmocka_unit_test(test_write_tracked),
		cmocka_unit_test(test_self_mapping_write),
		cmocka_unit_test(test_emulation),
		cmocka_unit_test(test_tasks),
		cmocka_unit_test(test_mmio_generation),
		cmocka_unit_test(test_hwpoison),
		cmocka_unit_test(test_lock_stall),
		cmocka_unit_test(test_under_mmu_lock),
		cmocka_unit_test(test_userfaultfd),
		cmocka_unit_test(test_tasks_in_an_invalidation),
		cmocka_unit_test(test_what_was_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
