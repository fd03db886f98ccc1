// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Rules of the catalogue: for each the sick case, its twin in which one thing differs, and the case
 * in which evidence is missing. No kernel stands behind them: the rules are pure.
 */
#include "diagnose/counters.h"
#include "diagnose/diagnose_rules.h"
#include "kernel/task_state.h"
#include "threads/freezing.h"
#include "frames.h"
#include "said.h"

#include <stdio.h>
#include <string.h>

#define GFN  0x4321ULL
#define HVA  0x7f0000321000ULL
#define MM   0xffff888001000000ULL
#define TASK 0xffff888002000000ULL

static const struct km_val unreadable = {.known = KM_UNREADABLE};
static const struct km_val absent = {.known = KM_ABSENT};
static const struct km_kernel amd = {.vendor = KM_VENDOR_AMD};
static const struct km_kernel old = {.vendor = KM_VENDOR_AMD,
				     .features = {.old_requests = true, .ignores_obsolete = true}};

static struct world {
	struct km_vm vm;
	struct km_vcpu vcpu;
	struct km_mmu mmu;
	struct km_fault fault;
	struct km_memslot slots[2];
	struct km_task task_list[2];
	struct km_frame frames[3][KM_FRAMES]; /* of these and of the vCPU's thread */
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
	for (int i = 0; i < 2; i++)
		w.task_list[i].stack.frames = no_frames(w.frames[i]);
	w.tasks = (struct km_tasks){.tasks = w.task_list, .complete = true};
	w.c = (struct km_case){
		.kernel = &amd,
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
		.last.stack.frames = no_frames(w.frames[2]),
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
	task->stack.frames[0].function = function;
	task->stack.frames[0].sure = true;
	task->stack.count = 1;
	return task;
}

static void vcpu_is_in(const char *function)
{
	w.c.last.stack.frames[0].function = function;
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
	/* the request is taken when it is seen: without it the VM is as dead */
	vcpu_is_in("kvm_arch_vcpu_ioctl_run");
	found(km_diagnose_vm_dead(&w.c, &w.d), KM_PROVEN, true);
	assert_true(w.d.known & KM_BIT(KM_WHEN_RUNS_ON));
	w.vcpu.requests = val(km_request_of_dead_vm(&amd.features).bits);
	found(km_diagnose_vm_dead(&w.c, &w.d), KM_PROVEN, true);
	w.vcpu.task = val(0);
	found(km_diagnose_vm_dead(&w.c, &w.d), KM_NOTE, false);
	w.vcpu.task = val(TASK);
	/* between the two stores */
	w.vcpu.requests = val(0);
	w.vm.vm_dead = val(0);
	found(km_diagnose_vm_dead(&w.c, &w.d), KM_POSSIBLE, false);
	assert_string_equal(w.d.evidence[0], "kvm.vm_dead 0, kvm.vm_bugged 1");
	assert_true(w.d.apart);
	w.vm.vm_dead.known = KM_ABSENT; /* 5.10 has vm_bugged only */
	found(km_diagnose_vm_dead(&w.c, &w.d), KM_PROVEN, true);
	assert_string_equal(w.d.evidence[0], "kvm.vm_bugged 1");
	w.vm.vm_dead = w.vm.vm_bugged = unreadable;
	w.vcpu.requests = val(km_request_of_dead_vm(&amd.features).bits); /* that alone says it */
	found(km_diagnose_vm_dead(&w.c, &w.d), KM_LIKELY, true);
	w.vcpu.requests = unreadable;
	nothing(km_diagnose_vm_dead(&w.c, &w.d));
	/* 5.10: bit 1 is KVM_REQ_MMU_RELOAD */
	w.c.kernel = &old;
	w.vcpu.requests = val(KM_BIT(1));
	nothing(km_diagnose_vm_dead(&w.c, &w.d));
	w.vcpu.requests = val(KM_BIT(4));
	found(km_diagnose_vm_dead(&w.c, &w.d), KM_LIKELY, true);
	assert_non_null(strstr(w.d.evidence[1], "KVM_REQ_VM_BUGGED"));
	assert_string_equal(km_request_name(&old.features, 1), "MMU_RELOAD");
	assert_string_equal(km_request_name(&amd.features, 1), "VM_DEAD");
	assert_string_equal(km_request_name(&old.features, 39), km_request_name(&amd.features, 39));
}

/* What made KVM bug the VM, where the registers or the role show it. */
static void test_vm_bugged(void **state)
{
	struct km_pagewalk *walk = &w.c.all.walks[0];

	(void)state;
	reset();
	w.vm.vm_dead = w.vm.vm_bugged = val(1);
	w.vcpu.cr0 = val(KM_BIT(31));
	w.vcpu.efer = val(KM_BIT(10));
	w.vcpu.cr4 = val(KM_BIT(5));
	found(km_diagnose_vm_dead(&w.c, &w.d), KM_PROVEN, true);
	assert_int_equal(w.d.evidence_count, 1);
	w.vcpu.cr4 = val(0);
	found(km_diagnose_vm_dead(&w.c, &w.d), KM_PROVEN, true);
	assert_non_null(strstr(w.d.evidence[1], "CR4.PAE is 0"));
	w.vcpu.efer = val(0); /* no long mode */
	found(km_diagnose_vm_dead(&w.c, &w.d), KM_PROVEN, true);
	assert_int_equal(w.d.evidence_count, 1);
	w.vcpu.efer = val(KM_BIT(10));
	w.vcpu.cr0 = val(0); /* paging is off */
	found(km_diagnose_vm_dead(&w.c, &w.d), KM_PROVEN, true);
	assert_int_equal(w.d.evidence_count, 1);
	w.vcpu.cr0 = val(KM_BIT(31));
	w.vcpu.efer = unreadable;
	w.c.all.walk_count = 1;
	*walk = (struct km_pagewalk){.name = "gva_walk", .role_known = true};
	walk->cpu_role.base.level = 4;
	found(km_diagnose_vm_dead(&w.c, &w.d), KM_PROVEN, true);
	assert_int_equal(w.d.evidence_count, 1);
	walk->cpu_role.base.has_4_byte_gpte = 1;
	found(km_diagnose_vm_dead(&w.c, &w.d), KM_PROVEN, true);
	assert_non_null(strstr(w.d.evidence[1], "level 4 with 4-byte entries"));
	walk->cpu_role.base.level = 3;
	found(km_diagnose_vm_dead(&w.c, &w.d), KM_PROVEN, true);
	assert_int_equal(w.d.evidence_count, 2);
	walk[1] = walk[0]; /* beyond the last */
	walk->cpu_role.base.level = 2;
	found(km_diagnose_vm_dead(&w.c, &w.d), KM_PROVEN, true);
	assert_int_equal(w.d.evidence_count, 1);
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
	w.vm.mmu_invalidate_range_start = unreadable;
	f.unit = KM_RANGE_NONE;
	w.vm.mn_active_invalidate_count.known = KM_ABSENT;
	found(km_rule_invalidate_in_progress(&w.c, &f, &w.d), KM_POSSIBLE, true);
	assert_string_equal(w.d.evidence[0], "kvm.mmu_invalidate_in_progress 1");
	w.vm.mn_active_invalidate_count = val(2);
	w.vm.mmu_invalidate_range_start = val(~0ULL);
	f.unit = KM_RANGE_GFN;
	w.c.gfn_known = w.c.has_hva = false;
	found(km_rule_invalidate_in_progress(&w.c, &f, &w.d), KM_POSSIBLE, true);
	assert_int_equal(w.d.evidence_count, 1);
}

/* Faults that end before KVM asks about invalidations, on MMIO SPTEs or on the fast path, do not
 * wait. */
static void test_faults_that_meet_no_invalidation(void **state)
{
	struct km_invalidate_facts f = invalidation();

	(void)state;
	w.c.has_path = true;
	w.c.path.count = 2;
	w.c.path.steps[0].id = "root";
	w.c.path.steps[1].id = "fast";
	w.c.path.ret = KM_RET_PF_FIXED;
	f.task = add_task("unmap_vmas");
	f.function = "unmap_vmas";
	nothing(km_rule_invalidate_in_progress(&w.c, &f, &w.d));
	f.task = NULL;
	w.vm.mn_active_invalidate_count = val(0);
	found(km_rule_invalidate_leaked(&w.c, &f, &w.d), KM_NOTE, false);
	assert_non_null(strstr(w.d.verdict, "ends before KVM asks"));
	/* twins: it asks; the replay is open before; there is none */
	w.c.path.steps[0].id = "invalidation";
	w.c.path.count = 1;
	found(km_rule_invalidate_leaked(&w.c, &f, &w.d), KM_PROVEN, true);
	w.c.path.steps[0].id = "root";
	w.c.path.count = 2;
	w.c.path.steps[1].id = "invalidation";
	found(km_rule_invalidate_leaked(&w.c, &f, &w.d), KM_PROVEN, true);
	w.c.path.steps[1].id = "faultin";
	w.c.path.ret = KM_RET_PF_UNKNOWN;
	found(km_rule_invalidate_leaked(&w.c, &f, &w.d), KM_PROVEN, true);
	w.c.path.ret = KM_RET_PF_FIXED;
	w.c.has_path = false;
	found(km_rule_invalidate_leaked(&w.c, &f, &w.d), KM_PROVEN, true);
}

/* Before 5.12, an invalidation has no range, and before 5.15, only the stacks show who is inside.
 */
static void test_invalidate_leaked_of_old_kernels(void **state)
{
	struct km_invalidate_facts f = invalidation();

	(void)state;
	f.unit = KM_RANGE_NONE;
	w.vm.mmu_invalidate_range_start.known = w.vm.mmu_invalidate_range_end.known = KM_ABSENT;
	w.vm.mn_active_invalidate_count.known = KM_ABSENT;
	w.fault.age = KM_AGE_LAST_EXIT;
	found(km_rule_invalidate_leaked(&w.c, &f, &w.d), KM_POSSIBLE, true);
	assert_string_equal(w.d.evidence[0], "kvm.mmu_invalidate_in_progress 1");
	/* twins: a task is inside; not all stacks are known; none has begun */
	f.task = add_task("unmap_vmas");
	f.function = "unmap_vmas";
	nothing(km_rule_invalidate_leaked(&w.c, &f, &w.d));
	f.task = NULL;
	f.stacks_known = false;
	nothing(km_rule_invalidate_leaked(&w.c, &f, &w.d));
	f.stacks_known = true;
	w.vm.mmu_invalidate_in_progress = val(0);
	nothing(km_rule_invalidate_leaked(&w.c, &f, &w.d));
	/* the count is not readable, but exists */
	w.vm.mmu_invalidate_in_progress = val(1);
	w.vm.mn_active_invalidate_count = unreadable;
	found(km_rule_invalidate_leaked(&w.c, &f, &w.d), KM_NOTE, false);
}

/* Copy-on-write of the page that KVM gets: it is the vCPU's own thread, and not a task to find. */
static void test_own_invalidation(void **state)
{
	struct km_invalidate_facts f = invalidation();

	(void)state;
	f.task = add_task("wp_page_copy");
	f.function = "wp_page_copy";
	w.vcpu.task = val(f.task->addr);
	found(km_rule_invalidate_in_progress(&w.c, &f, &w.d), KM_NOTE, false);
	assert_non_null(strstr(w.d.verdict, "the vCPU's own thread is invalidating"));
	assert_non_null(strstr(w.d.evidence[2], "its own thread vmm tid"));
	w.vm.mmu_invalidate_in_progress = w.vm.mn_active_invalidate_count = val(2);
	found(km_rule_invalidate_in_progress(&w.c, &f, &w.d), KM_NOTE, false);
	assert_string_equal(w.d.open, "which task performs the other invalidations");
	w.vcpu.task = unreadable;
	found(km_rule_invalidate_in_progress(&w.c, &f, &w.d), KM_LIKELY, true);
	assert_null(strstr(w.d.verdict, "own thread"));
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
	assert_non_null(strstr(w.d.verdict, "does not contain"));
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
	w.task_list[0].stack.frames[1].function = "__synchronize_srcu";
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
	w.task_list[1].stack.frames[1].function = "kvm_mmu_page_fault";
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
	/* missing: the fault, and most were not resolved */
	w.c.fault = NULL;
	w.vcpu.stats.pf_taken = val(1000);
	nothing(km_rule_slot_invalid(&w.c, &locks, &w.d));
	locks.slots_lock_owner = val(0);
	found(km_rule_slot_invalid(&w.c, &locks, &w.d), KM_POSSIBLE, true);
	assert_true(w.d.by_counts);
	w.vcpu.stats.pf_fixed = val(1000);
	found(km_rule_slot_invalid(&w.c, &locks, &w.d), KM_PROVEN, false);
	locks.slots_lock_owner = unreadable;
	w.c.fault = &w.fault;
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
		updater->stack.frames[1].function = waits[i];
		found(km_rule_slot_invalid(&w.c, &locks, &w.d), KM_LIKELY, true);
	}
	reader->stack.frames[0].function = "kvm_arch_vcpu_pre_fault_memory";
	found(km_rule_slot_invalid(&w.c, &locks, &w.d), KM_LIKELY, true);
	/* twins: of another process; the updater itself; one beyond the list */
	reader->mm = val(MM + 1);
	found(km_rule_slot_invalid(&w.c, &locks, &w.d), KM_NOTE, false);
	reader->mm = val(MM);
	reader->stack.frames[0].function = "do_futex";
	updater->stack.frames[2].function = "kvm_mmu_page_fault";
	updater->stack.count = 3;
	found(km_rule_slot_invalid(&w.c, &locks, &w.d), KM_NOTE, false);
	w.task_list[0] = w.task_list[1];
	w.task_list[0].stack.frames[2].function = "do_futex";
	w.tasks.count = 1;
	found(km_rule_slot_invalid(&w.c, &locks, &w.d), KM_NOTE, false);
}

static struct km_vm_locks invalid_root(void)
{
	reset();
	w.c.root = (struct km_mmu_page){
		.known = true,
		.addr = 0xffff888004000000,
		.tdp_mmu_page = val(1),
		.mmu_valid_gen = val(0),
		.role_known = true,
		.role = {.invalid = 1},
	};
	return (struct km_vm_locks){.slots_lock_owner = val(0), .mmu_lock = val(0)};
}

static void test_obsolete_root(void **state)
{
	struct km_vm_locks f = invalid_root();

	(void)state;
	found(km_rule_obsolete_root(&w.c, &f, &w.d), KM_PROVEN, true);
	w.c.kernel = &old; /* does not ask for it */
	nothing(km_rule_obsolete_root(&w.c, &f, &w.d));
	w.c.kernel = &amd;
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
	/* vcpu_enter_guest(), which frees it, is inlined there; a thread that sleeps is not in it
	 */
	vcpu_is_in("kvm_arch_vcpu_ioctl_run");
	found(km_rule_obsolete_root(&w.c, &f, &w.d), KM_LIKELY, true);
	w.c.wait.kind = KM_WAIT_HALT;
	found(km_rule_obsolete_root(&w.c, &f, &w.d), KM_PROVEN, true);
	w.c.wait.kind = KM_WAIT_NONE;
	w.c.last.stack.frames[w.c.last.stack.count++].function = "svm_vcpu_run";
	found(km_rule_obsolete_root(&w.c, &f, &w.d), KM_PROVEN, true);
	vcpu_is_in("kvm_mmu_free_obsolete_roots");
	/* twins: the request is there; the root is not obsolete; a TDP MMU page's generation */
	w.vcpu.requests = val(km_request_to_free_roots(&amd.features).bits);
	nothing(km_rule_obsolete_root(&w.c, &f, &w.d));
	w.vcpu.requests = val(0);
	w.c.root.role.invalid = 0;
	nothing(km_rule_obsolete_root(&w.c, &f, &w.d));
	w.c.root.tdp_mmu_page = val(0);
	w.fault.age = KM_AGE_IN_HANDLER;
	found(km_rule_obsolete_root(&w.c, &f, &w.d), KM_PROVEN, true);
	w.c.root.mmu_valid_gen = val(1);
	nothing(km_rule_obsolete_root(&w.c, &f, &w.d));
	/* a zap under way, or maybe */
	w.c.root.mmu_valid_gen = val(0);
	f.mmu_lock = val(0xff);
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
	f.mmu_lock = unreadable;
	found(km_rule_obsolete_root(&w.c, &f, &w.d), KM_LIKELY, true);
	/* without a fault, unless the guest executes instructions */
	w.c.fault = NULL;
	w.c.last.exit_code = val(0x78); /* HLT */
	found(km_rule_obsolete_root(&w.c, &f, &w.d), KM_LIKELY, false);
	w.c.last.exit_code = val(0x60); /* INTR */
	found(km_rule_obsolete_root(&w.c, &f, &w.d), KM_LIKELY, true);
	w.c.fault = &w.fault;
	w.vcpu.requests = unreadable;
	nothing(km_rule_obsolete_root(&w.c, &f, &w.d));
	w.vcpu.requests = val(0);
	w.c.root.role_known = false;
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
	w.c.root.known = false;
	nothing(km_rule_obsolete_root(&w.c, &f, &w.d));
	w.c.root.known = true;
	w.c.root.addr = 0;
	nothing(km_rule_obsolete_root(&w.c, &f, &w.d));
	f = invalid_root();
	w.c.all.active = NULL;
	nothing(km_rule_obsolete_root(&w.c, &f, &w.d));
}

static void test_obsolete_root_under_prefault(void **state)
{
	struct km_vm_locks f = invalid_root();

	(void)state;
	w.vcpu.requests = val(km_request_to_free_roots(&amd.features).bits);
	vcpu_is_in("kvm_tdp_map_page");
	found(km_rule_obsolete_root(&w.c, &f, &w.d), KM_LIKELY, true);
	/* the loop goes on between two faults, too */
	w.c.fault = NULL;
	found(km_rule_obsolete_root(&w.c, &f, &w.d), KM_LIKELY, true);
	w.c.last.stack.start = KM_STACK_UNKNOWN;
	found(km_rule_obsolete_root(&w.c, &f, &w.d), KM_POSSIBLE, true);
	w.c.root.role.invalid = 0;
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
	w.c.insn_emulation = val(40);
	w.c.insn_emulation_fail = val(3);
	return (struct km_emulation_facts){
		.sev = KM_SEV_NONE,
		.unprotect = KM_UNPROTECT_IF_DONE,
		.insn_len = val(15),
		.event = val(0),
		.exit_reason = val(0),
		.shadow = {.known = true},
		.write_track = val(0),
		.retry_eip = val(0),
		.retry_addr = val(0),
		.cpl = unreadable,
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
	w.c.insn_emulation = w.c.insn_emulation_fail = val(40);
	found(km_rule_readonly_slot(&w.c, &f, &w.d), KM_POSSIBLE, true);
	w.c.insn_emulation = w.c.insn_emulation_fail = val(4000);
	found(km_rule_readonly_slot(&w.c, &f, &w.d), KM_POSSIBLE, true);
	f.exit_reason = val(KVM_EXIT_INTERNAL_ERROR);
	found(km_rule_readonly_slot(&w.c, &f, &w.d), KM_LIKELY, true);
	f.exit_reason = val(0);
	w.c.insn_emulation = w.c.insn_emulation_fail = val(40);
	w.fault.age = KM_AGE_IN_HANDLER;
	found(km_rule_readonly_slot(&w.c, &f, &w.d), KM_LIKELY, true);
	w.c.insn_emulation = val(4000);
	found(km_rule_readonly_slot(&w.c, &f, &w.d), KM_NOTE, false);
	w.c.insn_emulation_fail = unreadable;
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
	f.event = val(1);
	found(km_rule_readonly_slot(&w.c, &f, &w.d), KM_POSSIBLE, true);
	w.fault.age = KM_AGE_RESIDUE;
	nothing(km_rule_readonly_slot(&w.c, &f, &w.d));
}

/* A fault of the last exit, and nearly all emulations failed: is that what goes on? */
static void fails_again_and_again(struct km_emulation_facts *f)
{
	/* the rest of those that have succeeded, and the fewest that are not a burst */
	static const struct {
		uint64_t all, failed;
		enum km_certainty certainty;
	} counts[] = {
		{1000, 1000, KM_LIKELY},   {999, 999, KM_POSSIBLE},   {2000, 1801, KM_LIKELY},
		{2000, 1800, KM_POSSIBLE}, {1000, 1001, KM_POSSIBLE}, /* counters that disagree */
	};

	f->exit_reason = val(KVM_EXIT_INTERNAL_ERROR);
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		w.c.insn_emulation = val(counts[i].all);
		w.c.insn_emulation_fail = val(counts[i].failed);
		found(km_rule_no_slot(&w.c, f, &w.d), counts[i].certainty, true);
	}
	w.c.insn_emulation = w.c.insn_emulation_fail = val(4000);
	f->exit_reason = unreadable;
	found(km_rule_no_slot(&w.c, f, &w.d), KM_POSSIBLE, true);
	f->exit_reason = val(KVM_EXIT_MEMORY_FAULT);
	found(km_rule_no_slot(&w.c, f, &w.d), KM_POSSIBLE, true);
	/* KVM_RUN has been entered again; at CPL 3, and in L2, the guest gets #UD */
	f->exit_reason = val(0);
	f->cpl = val(3);
	found(km_rule_no_slot(&w.c, f, &w.d), KM_POSSIBLE, true);
	f->cpl = val(0);
	found(km_rule_no_slot(&w.c, f, &w.d), KM_LIKELY, true);
	f->cpl = unreadable;
	found(km_rule_no_slot(&w.c, f, &w.d), KM_POSSIBLE, true);
	f->cpl = val(0);
	w.mmu.root_role.guest_mode = 1;
	found(km_rule_no_slot(&w.c, f, &w.d), KM_POSSIBLE, true);
	w.mmu.root_role.guest_mode = 0;
	/* the user's fault did not happen */
	w.fault.age = KM_AGE_UNKNOWN;
	w.fault.source = KM_FAULT_USER;
	found(km_rule_no_slot(&w.c, f, &w.d), KM_POSSIBLE, true);
	w.fault.source = KM_FAULT_STACK;
	f->exit_reason = val(0);
	f->cpl = unreadable;
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
	w.c.insn_emulation_fail = val(40);
	found(km_rule_no_slot(&w.c, &f, &w.d), KM_LIKELY, true);
	w.fault.age = KM_AGE_LAST_EXIT;
	found(km_rule_no_slot(&w.c, &f, &w.d), KM_POSSIBLE, true);
	fails_again_and_again(&f);
	w.fault.age = KM_AGE_IN_HANDLER;
	w.c.insn_emulation = val(40);
	w.c.insn_emulation_fail = unreadable;
	nothing(km_rule_no_slot(&w.c, &f, &w.d));
	w.c.walk.count = 0;
	f.event = val(1);
	found(km_rule_no_slot(&w.c, &f, &w.d), KM_POSSIBLE, true);
	f.event = unreadable;
	f.insn_len = val(0);
	found(km_rule_no_slot(&w.c, &f, &w.d), KM_NOTE, false);
	/* without the bytes of the instruction: what KVM does depends on CR4 and the CPL */
	f.sev = KM_SEV;
	w.vcpu.cr4 = unreadable;
	found(km_rule_no_slot(&w.c, &f, &w.d), KM_POSSIBLE, true);
	w.vcpu.cr4 = val(0);
	found(km_rule_no_slot(&w.c, &f, &w.d), KM_LIKELY, true);
	w.vcpu.cr4 = val(KM_BIT(21)); /* SMAP and no SMEP: #GP or a triple fault is injected */
	found(km_rule_no_slot(&w.c, &f, &w.d), KM_NOTE, false);
	w.vcpu.cr4 = val(KM_BIT(21) | KM_BIT(20));
	f.cpl = val(3);
	found(km_rule_no_slot(&w.c, &f, &w.d), KM_NOTE, false);
	f.cpl = val(0);
	found(km_rule_no_slot(&w.c, &f, &w.d), KM_LIKELY, true);
	f.cpl = unreadable;
	found(km_rule_no_slot(&w.c, &f, &w.d), KM_POSSIBLE, true);
	w.c.error_code |= PFERR_FETCH_MASK; /* a fetch is always retried */
	found(km_rule_no_slot(&w.c, &f, &w.d), KM_LIKELY, true);
	w.c.error_code &= ~PFERR_FETCH_MASK;
	w.vcpu.cr4 = val(KM_BIT(21)); /* nothing is injected for the walk of the guest's tables */
	w.c.error_code |= PFERR_GUEST_PAGE_MASK;
	found(km_rule_no_slot(&w.c, &f, &w.d), KM_LIKELY, true);
	w.c.error_code &= ~PFERR_GUEST_PAGE_MASK;
	w.vcpu.cr4 = val(0);
	w.fault.age = KM_AGE_LAST_EXIT;
	found(km_rule_no_slot(&w.c, &f, &w.d), KM_POSSIBLE, true);
	f.insn_len = val(3);
	found(km_rule_no_slot(&w.c, &f, &w.d), KM_NOTE, false);
	/*
	 * A write by the walk of the guest's tables up to 6.11: the next access meets an MMIO SPTE,
	 * and is emulated. (It was said to loop.)
	 */
	f.sev = KM_SEV_NONE;
	f.unprotect = KM_UNPROTECT_ALWAYS;
	w.c.error_code = GUEST_PAGE_WRITE;
	w.fault.age = KM_AGE_IN_HANDLER;
	found(km_rule_no_slot(&w.c, &f, &w.d), KM_NOTE, false);
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
	f.event = val(1);
	found(km_rule_write_tracked(&w.c, &f, &w.d), KM_POSSIBLE, true);
	f.event = val(0);
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
	w.c.insn_emulation_fail = val(40);
	found(km_rule_self_mapping_write(&w.c, &f, &w.d), KM_LIKELY, true);
	w.fault.age = KM_AGE_LAST_EXIT;
	found(km_rule_self_mapping_write(&w.c, &f, &w.d), KM_POSSIBLE, true);
	w.fault.age = KM_AGE_IN_HANDLER;
	w.c.insn_emulation_fail = unreadable;
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

	(void)state;
	plain_guest();
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		w.c.insn_emulation = val(t[i].emulated);
		w.c.insn_emulation_fail = val(t[i].failed);
		assert_int_equal(km_emulator_fails(&w.c), t[i].fails);
	}
	w.c.insn_emulation = (struct km_val){.known = KM_UNREADABLE, .v = 8};
	assert_false(km_emulator_fails(&w.c));
	w.c.insn_emulation = val(8);
	w.c.insn_emulation_fail = (struct km_val){.known = KM_UNREADABLE, .v = 8};
	assert_false(km_emulator_fails(&w.c));
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
	assert_string_equal(km_task_function(&task->stack), "?");
	task->stack.frames[1].function = "do_futex"; /* beyond the stack */
	assert_string_equal(km_task_function(&task->stack), "?");
	task->stack.frames[0].function = "__switch_to_asm";
	task->stack.count = 3;
	task->stack.frames[1].function = "";
	task->stack.frames[2].function = "do_nanosleep";
	assert_string_equal(km_task_function(&task->stack), "do_nanosleep");
	task->stack.frames[0].function = "do_futex";
	assert_string_equal(km_task_function(&task->stack), "do_futex");
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
	/* the generation of the other address space (SMM) */
	spte->mmio_gfn = GFN;
	w.c.gfn_known = true;
	f = (struct km_mmio_facts){.gfn = val(GFN), .gen = val(0x20), .other_gen = val(0x20)};
	found(km_rule_mmio_generation(&w.c, &f, &w.d), KM_NOTE, false);
	assert_true(w.d.known & KM_BIT(KM_WHEN_SMM));
	spte->mmio_generation = 0x20;
	found(km_rule_mmio_generation(&w.c, &f, &w.d), KM_NOTE, false);
	f.gen = unreadable;
	found(km_rule_mmio_generation(&w.c, &f, &w.d), KM_NOTE, false);
	assert_true(w.d.known & KM_BIT(KM_WHEN_SMM));
	f.other_gen = val(0x22);
	found(km_rule_mmio_generation(&w.c, &f, &w.d), KM_NOTE, false);
	assert_false(w.d.known & KM_BIT(KM_WHEN_SMM));
	f.other_gen = val(KVM_MEMSLOT_GEN_UPDATE_IN_PROGRESS | 0x20);
	found(km_rule_mmio_generation(&w.c, &f, &w.d), KM_NOTE, false);
	assert_false(w.d.known & KM_BIT(KM_WHEN_SMM));
	f.other_gen = (struct km_val){.known = KM_UNREADABLE, .v = 0x20};
	found(km_rule_mmio_generation(&w.c, &f, &w.d), KM_NOTE, false);
	assert_false(w.d.known & KM_BIT(KM_WHEN_SMM));
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
	assert_non_null(strstr(w.d.evidence[1], "pending: not known"));
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
	assert_non_null(strstr(w.d.open, "does not record"));
	add_task("do_futex");
	add_task("kvm_swap_active_memslots");
	held = (struct km_held_lock){.name = "slots_lock", .holder = w.task_list[1].addr};
	found(km_rule_lock_stall(&w.c, &held, &w.d), KM_LIKELY, true);
	assert_non_null(strstr(w.d.evidence[1], "kvm_swap_active_memslots()"));
	/* the owner of a lock that readers hold is a hint, and none if it waits for a semaphore */
	held.by_readers = true;
	found(km_rule_lock_stall(&w.c, &held, &w.d), KM_POSSIBLE, true);
	assert_null(strstr(w.d.evidence[1], "is held by"));
	assert_non_null(strstr(w.d.evidence[1], "may have released it"));
	w.task_list[1].stack.frames[0].function = "rwsem_down_write_slowpath";
	found(km_rule_lock_stall(&w.c, &held, &w.d), KM_NOTE, false);
	assert_string_equal(w.d.open, "which tasks hold the lock: it does not record its readers");
	w.task_list[1].stack.frames[0].function = "kvm_swap_active_memslots";
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
	assert_non_null(strstr(w.d.evidence[1], "kvm_unmap_gfn_range(), which holds"));
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
	static const char *const remote[] = {
		"move_pages_ptes",
		"move_pages_pte",
		"move_pages_huge_pmd",
		"mwriteprotect_range",
		"do_pagemap_scan",
		"clear_refs_write",
		"try_collapse_pte_mapped_thp",
		"collapse_and_free_pmd",
		"zap_vma_for_reaping",
		"try_to_unmap_poisoned_hugetlb_one",
		"uprobe_write",
	};
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
	w.task_list[1].stack.frames[0].function = "do_wp_page";
	assert_ptr_equal(km_invalidating_task(&w.tasks, MM, &function), &w.task_list[1]);
	/* of another process: only in the notifiers themselves, or by the page */
	w.task_list[1].mm = val(0);
	assert_null(km_invalidating_task(&w.tasks, MM, &function));
	w.task_list[1].stack.frames[0].function = "__mmu_notifier_invalidate_range_start";
	assert_non_null(km_invalidating_task(&w.tasks, MM, &function));
	/* another VM's VMM, which zaps its own memory, not that of this one */
	w.task_list[1].mm = val(MM + 1);
	w.task_list[1].stack.count = 2;
	w.task_list[1].stack.frames[1].function = "zap_page_range";
	assert_null(km_invalidating_task(&w.tasks, MM, &function));
	assert_ptr_equal(km_invalidating_task(&w.tasks, MM + 1, &function), &w.task_list[1]);
	w.task_list[1].mm = val(0); /* a thread of the kernel has none */
	assert_non_null(km_invalidating_task(&w.tasks, MM, &function));
	w.task_list[1].mm = val(MM + 1); /* reclaim, in its context, of the memory of any process */
	w.task_list[1].stack.frames[1].function = "try_to_unmap_one";
	assert_ptr_equal(km_invalidating_task(&w.tasks, MM, &function), &w.task_list[1]);
	w.task_list[1].mm = val(0);
	w.task_list[1].stack.count = 1;
	w.task_list[1].stack.frames[0].function = "try_to_migrate_one";
	assert_non_null(km_invalidating_task(&w.tasks, MM, &function));
	assert_true(km_stack_invalidates(&w.task_list[1].stack));
	assert_false(km_stack_invalidates(&w.task_list[0].stack));
	/* a userfaultfd or /proc/PID of the VMM, used by another process; collapse and reaping */
	for (size_t i = 0; i < ARRAY_SIZE(remote); i++) {
		w.task_list[1].stack.frames[0].function = remote[i];
		assert_ptr_equal(km_invalidating_task(&w.tasks, MM, &function), &w.task_list[1]);
		assert_true(km_stack_invalidates(&w.task_list[1].stack));
	}
	/* PREEMPT_RT: asleep where other kernels spin */
	w.task_list[1].state = val(2);
	w.task_list[1].on_cpu = val(0);
	assert_true(km_task_sleeps(&w.task_list[1]));
	w.task_list[1].state = val(0x1000);
	assert_false(km_task_sleeps(&w.task_list[1]));
	w.task_list[1].stack.frames[0].function = "kvm_zap_gfn_range";
	assert_non_null(km_zapping_task(&w.tasks, &function));
	w.task_list[0].stack.pages_missing = 1;
	assert_false(km_stacks_known(&w.tasks, MM));
	w.task_list[0].stack.pages_missing = 0;
	w.tasks.complete = false;
	assert_false(km_stacks_known(&w.tasks, MM));
	assert_null(km_invalidating_task(NULL, MM, &function));
}

/* A task that a signal would wake is inside no invalidation, whatever its stack is. */
static void test_idle_tasks(void **state)
{
	static const uint64_t idle[] = {TASK_INTERRUPTIBLE, TASK_UNINTERRUPTIBLE | TASK_NOLOAD},
			      busy[] = {0, TASK_UNINTERRUPTIBLE, TASK_RTLOCK_WAIT};
	const char *function = NULL;
	struct km_task *task;

	(void)state;
	reset();
	add_task("change_protection");
	task = &w.task_list[0];
	for (size_t i = 0; i < ARRAY_SIZE(idle); i++) {
		task->state = val(idle[i]);
		assert_true(km_task_is_idle(task));
		assert_null(km_invalidating_task(&w.tasks, MM, &function));
		task->stack.frames[0].function = "__mmu_notifier_invalidate_range_start";
		assert_null(km_invalidating_task(&w.tasks, MM + 1, &function));
		task->stack.frames[0].function = "tdp_mmu_set_spte";
		assert_null(km_freezing_task(&w.tasks, MM, &function));
		task->stack.pages_missing = 1;
		assert_true(km_stacks_known(&w.tasks, MM));
		task->stack.start = KM_STACK_UNKNOWN;
		assert_int_equal(km_tasks_unseen(&w.tasks), 0);
		task->on_cpu = val(1);
		assert_false(km_task_is_idle(task));
		task->on_cpu = val(0);
		task->stack.frames[0].function = "change_protection";
	}
	for (size_t i = 0; i < ARRAY_SIZE(busy); i++) {
		task->state = val(busy[i]);
		assert_false(km_task_is_idle(task));
		assert_ptr_equal(km_invalidating_task(&w.tasks, MM, &function), task);
		assert_false(km_stacks_known(&w.tasks, MM));
		assert_int_equal(km_tasks_unseen(&w.tasks), 1);
	}
	task->state = unreadable;
	assert_false(km_task_is_idle(task));
}

/* PREEMPT_RT: rwbase_rt.readers, as qrwlock.cnts. */
static void test_mmu_lock_of_rt(void **state)
{
	struct km_vm_locks locks = {.mmu_lock = val(0)};

	(void)state;
	assert_int_equal(km_mmu_lock_of_rt(0x80000000), 0);
	assert_int_equal(km_mmu_lock_of_rt(0x80000002), 2 << 9);
	assert_int_equal(km_mmu_lock_of_rt(0x00000001), 1 << 9 | 0x100);
	assert_int_equal(km_mmu_lock_of_rt(0), 0x100);
	for (uint64_t readers = 0; readers < 4; readers++) {
		locks.mmu_lock = val(km_mmu_lock_of_rt(0x80000000 | readers));
		assert_false(km_mmu_lock_written(&locks));
		locks.mmu_lock = val(km_mmu_lock_of_rt(readers));
		assert_false(km_mmu_lock_written(&locks));
	}
	locks.mmu_lock = val(km_mmu_lock_of_rt(0x40000000));
	assert_true(km_mmu_lock_written(&locks));
}

/* Counters of a vCPU in a loop: most faults were retried, or spurious. */
static void most_retried(void)
{
	w.vcpu.stats.pf_taken = val(17926);
	w.vcpu.stats.pf_fixed = val(1);
}

static void most_spurious(void)
{
	w.vcpu.stats.pf_taken = val(14961);
	w.vcpu.stats.pf_fixed = val(3);
	w.vcpu.stats.pf_spurious = val(14957);
}

/* A leaked invalidation of everything concerns a vCPU whose fault is not known. */
static void test_invalidation_of_everything(void **state)
{
	struct km_invalidate_facts f = invalidation();

	(void)state;
	w.c.fault = NULL;
	w.vm.mn_active_invalidate_count = val(0);
	w.vm.mmu_invalidate_range_start = val(0);
	w.vm.mmu_invalidate_range_end = val(~0ULL);
	found(km_rule_invalidate_leaked(&w.c, &f, &w.d), KM_POSSIBLE, false);
	assert_non_null(strstr(w.d.verdict, "all of the VM's memory"));
	most_retried();
	found(km_rule_invalidate_leaked(&w.c, &f, &w.d), KM_PROVEN, true);
	/* begun without a range */
	w.vm.mmu_invalidate_range_start = val(~0ULL);
	found(km_rule_invalidate_leaked(&w.c, &f, &w.d), KM_PROVEN, true);
	/* twins: faults are spurious for another reason; not all memslots are covered, or known */
	most_spurious();
	found(km_rule_invalidate_leaked(&w.c, &f, &w.d), KM_POSSIBLE, false);
	w.vm.mmu_invalidate_range_end = val(1ULL << 40);
	w.vm.mmu_invalidate_range_start = val(0x4001);
	found(km_rule_invalidate_leaked(&w.c, &f, &w.d), KM_NOTE, false);
	/* a part of memory only: whether this vCPU faults there is not known, but likely enough */
	w.vcpu.stats.pf_spurious = val(0);
	found(km_rule_invalidate_leaked(&w.c, &f, &w.d), KM_POSSIBLE, true);
	assert_true(w.d.by_counts);
	/* an interrupt came last, and nearly all faults were retried */
	w.c.last.exit_code = val(0x60);
	found(km_rule_invalidate_leaked(&w.c, &f, &w.d), KM_LIKELY, true);
	w.vcpu.stats.pf_fixed = val(2000);
	found(km_rule_invalidate_leaked(&w.c, &f, &w.d), KM_POSSIBLE, true);
	most_retried();
	w.c.last.exit_code = val(0x78);
	f.locks.mmu_lock = val(0xff); /* somebody may be inside after all */
	found(km_rule_invalidate_leaked(&w.c, &f, &w.d), KM_NOTE, false);
	w.vm.mmu_invalidate_range_start = val(0);
	w.vm.mmu_invalidate_range_end = val(0x9001);
	found(km_rule_invalidate_leaked(&w.c, &f, &w.d), KM_POSSIBLE, true);
	f.locks.mmu_lock = val(0);
	found(km_rule_invalidate_leaked(&w.c, &f, &w.d), KM_PROVEN, true);
	w.vm.mmu_invalidate_range_end = val(0x9000);
	found(km_rule_invalidate_leaked(&w.c, &f, &w.d), KM_POSSIBLE, true);
	w.vm.mmu_invalidate_range_end = val(0x4fff); /* the last page of the first one */
	w.c.slots.count = 1;
	found(km_rule_invalidate_leaked(&w.c, &f, &w.d), KM_POSSIBLE, true);
	w.vm.mmu_invalidate_range_end = val(0x5000);
	found(km_rule_invalidate_leaked(&w.c, &f, &w.d), KM_PROVEN, true);
	w.c.slots.count = 0;
	found(km_rule_invalidate_leaked(&w.c, &f, &w.d), KM_POSSIBLE, true);
	w.c.slots.count = 2;
	w.c.slots_known = false;
	found(km_rule_invalidate_leaked(&w.c, &f, &w.d), KM_POSSIBLE, true);
	/* in HVAs, as up to 6.7 */
	w.c.slots_known = true;
	w.c.slots.count = 1;
	f.unit = KM_RANGE_HVA;
	w.vm.mmu_invalidate_range_start = val(w.slots[0].userspace_addr);
	w.vm.mmu_invalidate_range_end = val(w.slots[0].userspace_addr + 0x1000000);
	found(km_rule_invalidate_leaked(&w.c, &f, &w.d), KM_PROVEN, true);
	w.vm.mmu_invalidate_range_end.v -= 0x1000;
	found(km_rule_invalidate_leaked(&w.c, &f, &w.d), KM_POSSIBLE, true);
	/* residue that counts is a fault like any other */
	f = invalidation();
	w.vm.mn_active_invalidate_count = val(0);
	w.fault.age = KM_AGE_RESIDUE;
	found(km_rule_invalidate_leaked(&w.c, &f, &w.d), KM_NOTE, false);
	w.c.residue_counts = true;
	found(km_rule_invalidate_leaked(&w.c, &f, &w.d), KM_PROVEN, true);
}

/* An update of memslots that waits until invalidations have ended. */
static void test_slot_update_waits_for_notifiers(void **state)
{
	struct km_vm_locks locks = {.slots_lock_owner = val(TASK + 0x10000)};

	(void)state;
	reset();
	w.slots[0].flags = KVM_MEMSLOT_INVALID;
	add_task("kvm_swap_active_memslots");
	found(km_rule_slot_invalid(&w.c, &locks, &w.d), KM_NOTE, false);
	w.vm.mn_active_invalidate_count = val(1);
	found(km_rule_slot_invalid(&w.c, &locks, &w.d), KM_POSSIBLE, true);
	assert_non_null(strstr(w.d.verdict, "invalidation to end"));
	add_task("unmap_vmas"); /* it is known who invalidates, and asleep */
	found(km_rule_slot_invalid(&w.c, &locks, &w.d), KM_LIKELY, true);
	assert_non_null(strstr(w.d.evidence[4], "unmap_vmas"));
	w.task_list[1].state = val(0);
	found(km_rule_slot_invalid(&w.c, &locks, &w.d), KM_POSSIBLE, true);
	w.task_list[1].state = val(2);
	w.fault.age = KM_AGE_LAST_EXIT;
	found(km_rule_slot_invalid(&w.c, &locks, &w.d), KM_POSSIBLE, true);
	w.fault.age = KM_AGE_IN_HANDLER;
	w.task_list[0].state = val(0); /* it runs: it does not wait */
	found(km_rule_slot_invalid(&w.c, &locks, &w.d), KM_NOTE, false);
	w.task_list[0].state = val(2);
	w.vm.mn_active_invalidate_count = unreadable;
	found(km_rule_slot_invalid(&w.c, &locks, &w.d), KM_NOTE, false);
}

/* KVM_RUN fails: the VMM's own mapping is in the way. */
static void test_host_mappings(void **state)
{
	(void)state;
	reset();
	w.c.has_panel = true;
	w.c.panel.verdicts[KM_JUDGE_PROCESSOR].ruling = KM_DENIES;
	w.c.vma = (struct km_vma){.known = true, .addr = 0xffff888009000000};
	w.c.vma.flags = val(VM_READ | VM_WRITE);
	nothing(km_diagnose_host_unmapped(&w.c, &w.d));
	nothing(km_diagnose_host_forbids(&w.c, &w.d));
	w.c.vma.flags = val(0);
	found(km_diagnose_host_forbids(&w.c, &w.d), KM_LIKELY, true);
	nothing(km_diagnose_readonly_host(&w.c, &w.d));
	w.c.vma.flags = val(VM_EXEC);
	found(km_diagnose_host_forbids(&w.c, &w.d), KM_LIKELY, true);
	assert_non_null(strstr(w.d.verdict, "only execution"));
	w.c.vma.flags = val(VM_READ); /* that is readonly-host */
	nothing(km_diagnose_host_forbids(&w.c, &w.d));
	w.c.vma.flags = val(0);
	w.fault.age = KM_AGE_LAST_EXIT; /* the VMM may be handling the error now */
	found(km_diagnose_host_forbids(&w.c, &w.d), KM_POSSIBLE, true);
	most_retried(); /* it did not for thousands of them */
	found(km_diagnose_host_forbids(&w.c, &w.d), KM_LIKELY, true);
	w.vcpu.stats.pf_fixed = w.vcpu.stats.pf_taken;
	w.fault.age = KM_AGE_UNKNOWN;
	found(km_diagnose_host_forbids(&w.c, &w.d), KM_POSSIBLE, false);
	w.c.panel.verdicts[KM_JUDGE_PROCESSOR].ruling = KM_ALLOWS; /* resolved */
	nothing(km_diagnose_host_forbids(&w.c, &w.d));
	w.c.vma.addr = 0;
	nothing(km_diagnose_host_unmapped(&w.c, &w.d));
	w.c.panel.verdicts[KM_JUDGE_PROCESSOR].ruling = KM_DENIES;
	found(km_diagnose_host_unmapped(&w.c, &w.d), KM_POSSIBLE, false);
	w.fault.age = KM_AGE_LAST_EXIT;
	found(km_diagnose_host_unmapped(&w.c, &w.d), KM_POSSIBLE, true);
	w.fault.age = KM_AGE_IN_HANDLER;
	found(km_diagnose_host_unmapped(&w.c, &w.d), KM_LIKELY, true);
	w.c.vma.known = false;
	nothing(km_diagnose_host_unmapped(&w.c, &w.d));
}

/* A fault that makes KVM_RUN fail, once or again and again. */
static void test_run_error(void **state)
{
	struct km_step *end = &w.c.path.steps[0];

	(void)state;
	reset();
	nothing(km_diagnose_run_error(&w.c, &w.d));
	*end = (struct km_step){.function = "kvm_mmu_faultin_pfn", .text = "(why)"};
	w.c.has_path = true;
	w.c.path.end = end;
	w.c.path.ret = KM_RET_PF_EXIT;
	found(km_diagnose_run_error(&w.c, &w.d), KM_NOTE, false);
	most_retried();
	found(km_diagnose_run_error(&w.c, &w.d), KM_LIKELY, true);
	w.fault.age = KM_AGE_LAST_EXIT;
	found(km_diagnose_run_error(&w.c, &w.d), KM_LIKELY, true);
	/* a tenth was resolved: the VMM may have handled it; few were not: it may be a burst */
	w.vcpu.stats.pf_fixed = val(1792);
	found(km_diagnose_run_error(&w.c, &w.d), KM_POSSIBLE, true);
	w.vcpu.stats.pf_fixed = val(1791);
	found(km_diagnose_run_error(&w.c, &w.d), KM_LIKELY, true);
	w.vcpu.stats.pf_spurious = val(1);
	found(km_diagnose_run_error(&w.c, &w.d), KM_POSSIBLE, true);
	w.vcpu.stats.pf_spurious = w.vcpu.stats.pf_fixed = val(0);
	w.vcpu.stats.pf_taken = val(999);
	found(km_diagnose_run_error(&w.c, &w.d), KM_POSSIBLE, true);
	w.vcpu.stats.pf_taken = val(1000);
	found(km_diagnose_run_error(&w.c, &w.d), KM_LIKELY, true);
	w.fault.age = KM_AGE_RESIDUE;
	nothing(km_diagnose_run_error(&w.c, &w.d));
	w.c.residue_counts = true;
	found(km_diagnose_run_error(&w.c, &w.d), KM_LIKELY, true);
	w.c.path.ret = KM_RET_PF_RETRY;
	nothing(km_diagnose_run_error(&w.c, &w.d));
	w.c.path.ret = KM_RET_PF_EXIT;
	w.c.has_path = false;
	nothing(km_diagnose_run_error(&w.c, &w.d));
}

/* SEV-SNP: the RMP denies the access, whatever the SPTEs permit. */
static void test_rmp_fault(void **state)
{
	struct km_val private = val(KVM_MEMORY_ATTRIBUTE_PRIVATE);

	(void)state;
	reset();
	nothing(km_rule_rmp_fault(&w.c, private, &w.d));
	w.c.error_code |= PFERR_GUEST_RMP_MASK;
	w.slots[0].flags = KVM_MEM_GUEST_MEMFD;
	found(km_rule_rmp_fault(&w.c, private, &w.d), KM_NOTE, false);
	most_retried();
	found(km_rule_rmp_fault(&w.c, private, &w.d), KM_POSSIBLE, true);
	/* where sev_handle_rmp_fault() changes nothing */
	found(km_rule_rmp_fault(&w.c, val(0), &w.d), KM_LIKELY, true);
	assert_string_equal(w.d.evidence[1], "the gfn is shared");
	found(km_rule_rmp_fault(&w.c, unreadable, &w.d), KM_POSSIBLE, true);
	w.slots[0].flags = 0;
	found(km_rule_rmp_fault(&w.c, private, &w.d), KM_LIKELY, true);
	w.slots[0].flags = KVM_MEMSLOT_GMEM_ONLY;
	found(km_rule_rmp_fault(&w.c, private, &w.d), KM_POSSIBLE, true);
	w.c.slot = NULL;
	found(km_rule_rmp_fault(&w.c, private, &w.d), KM_LIKELY, true);
	w.c.slots_known = false;
	found(km_rule_rmp_fault(&w.c, private, &w.d), KM_POSSIBLE, true);
	w.c.slots_known = true;
	w.c.gfn_known = false;
	found(km_rule_rmp_fault(&w.c, private, &w.d), KM_POSSIBLE, true);
	for (int i = 0; i < 2; i++) { /* only RMP makes KVM look */
		w.c.error_code =
			PFERR_WRITE_MASK | (i ? PFERR_GUEST_SIZEM_MASK : PFERR_GUEST_VMPL_MASK);
		found(km_rule_rmp_fault(&w.c, private, &w.d), KM_LIKELY, true);
	}
	w.fault.age = KM_AGE_LAST_EXIT;
	found(km_rule_rmp_fault(&w.c, private, &w.d), KM_POSSIBLE, true);
	w.c.gfn_known = true;
	w.c.slot = &w.slots[0];
	w.slots[0].flags = KVM_MEM_GUEST_MEMFD;
	w.c.error_code = PFERR_GUEST_RMP_MASK;
	w.fault.age = KM_AGE_IN_HANDLER; /* nothing rules out that KVM changes something */
	found(km_rule_rmp_fault(&w.c, private, &w.d), KM_POSSIBLE, true);
	w.c.has_error_code = false;
	nothing(km_rule_rmp_fault(&w.c, private, &w.d));
	w.c.has_error_code = true;
	w.c.fault = NULL;
	nothing(km_rule_rmp_fault(&w.c, private, &w.d));
}

static void test_private_unbacked(void **state)
{
	struct km_val private = val(KVM_MEMORY_ATTRIBUTE_PRIVATE), file = unreadable;

	(void)state;
	reset();
	nothing(km_rule_private_unbacked(&w.c, private, file, &w.d));
	w.c.error_code |= PFERR_PRIVATE_ACCESS;
	found(km_rule_private_unbacked(&w.c, private, file, &w.d), KM_LIKELY, true);
	w.fault.age = KM_AGE_LAST_EXIT;
	found(km_rule_private_unbacked(&w.c, private, file, &w.d), KM_POSSIBLE, true);
	nothing(km_rule_private_unbacked(&w.c, val(0), file, &w.d));
	nothing(km_rule_private_unbacked(&w.c, unreadable, file, &w.d));
	w.slots[0].flags = KVM_MEM_GUEST_MEMFD;
	nothing(km_rule_private_unbacked(&w.c, private, file, &w.d));
	file = val(0xffff888001234500);
	nothing(km_rule_private_unbacked(&w.c, private, file, &w.d));
	file = val(0); /* the VMM has closed it */
	found(km_rule_private_unbacked(&w.c, private, file, &w.d), KM_POSSIBLE, true);
	assert_non_null(strstr(w.d.verdict, "closed"));
	file = unreadable;
	w.slots[0].flags = KVM_MEMSLOT_GMEM_ONLY;
	nothing(km_rule_private_unbacked(&w.c, private, file, &w.d));
	w.slots[0].flags = 0;
	w.c.error_code = PFERR_WRITE_MASK | PFERR_GUEST_ENC_MASK; /* as the processor reports it */
	found(km_rule_private_unbacked(&w.c, private, file, &w.d), KM_POSSIBLE, true);
	w.c.slot = NULL;
	nothing(km_rule_private_unbacked(&w.c, private, file, &w.d));
}

static void test_mmu_context_mismatch(void **state)
{
	(void)state;
	reset();
	nothing(km_rule_mmu_context_mismatch(&w.c, val(0), &w.d));
	w.mmu.name = "guest_mmu";
	found(km_rule_mmu_context_mismatch(&w.c, val(0), &w.d), KM_LIKELY, true);
	nothing(km_rule_mmu_context_mismatch(&w.c, val(1), &w.d));
	lacks(km_rule_mmu_context_mismatch(&w.c, unreadable, &w.d));
	nothing(km_rule_mmu_context_mismatch(&w.c, absent, &w.d));
	vcpu_is_in("nested_svm_vmexit"); /* it is being switched */
	found(km_rule_mmu_context_mismatch(&w.c, val(0), &w.d), KM_NOTE, false);
	w.c.all.active = NULL;
	nothing(km_rule_mmu_context_mismatch(&w.c, val(0), &w.d));
}

static void test_mmio_over_leaf(void **state)
{
	struct km_walk_level *leaf = &w.c.walk.levels[0];

	(void)state;
	reset();
	w.c.walk.end = KM_END_LEAF;
	w.c.walk.count = 1;
	leaf->level = 1;
	leaf->spte = (struct km_spte){.kind = KM_SPTE_PRESENT, .leaf = true, .value = 0x1234867};
	nothing(km_diagnose_mmio_over_leaf(&w.c, &w.d));
	w.c.slot = NULL;
	found(km_diagnose_mmio_over_leaf(&w.c, &w.d), KM_POSSIBLE, false);
	assert_false(w.d.known & KM_BIT(KM_WHEN_SHADOW));
	w.mmu.root_role.direct = 0;
	found(km_diagnose_mmio_over_leaf(&w.c, &w.d), KM_POSSIBLE, false);
	assert_true(w.d.known & KM_BIT(KM_WHEN_SHADOW));
	/* twins: memslots are being changed; the root is on its way out; nothing is mapped */
	w.c.slots.generation = val(KVM_MEMSLOT_GEN_UPDATE_IN_PROGRESS);
	nothing(km_diagnose_mmio_over_leaf(&w.c, &w.d));
	w.c.slots.generation = unreadable;
	nothing(km_diagnose_mmio_over_leaf(&w.c, &w.d));
	w.c.slots.generation = val(2);
	w.c.root.role_known = true;
	found(km_diagnose_mmio_over_leaf(&w.c, &w.d), KM_POSSIBLE, false);
	w.c.root.role.invalid = 1;
	nothing(km_diagnose_mmio_over_leaf(&w.c, &w.d));
	w.c.root.role.invalid = 0;
	w.c.slots_known = false;
	nothing(km_diagnose_mmio_over_leaf(&w.c, &w.d));
	w.c.slots_known = true;
	w.c.gfn_known = false;
	nothing(km_diagnose_mmio_over_leaf(&w.c, &w.d));
	w.c.gfn_known = true;
	w.c.walk.end = KM_END_NOT_PRESENT;
	nothing(km_diagnose_mmio_over_leaf(&w.c, &w.d));
	w.c.walk.end = KM_END_LEAF;
	w.c.fault = NULL;
	nothing(km_diagnose_mmio_over_leaf(&w.c, &w.d));
}

static void test_lost_async_pf(void **state)
{
	(void)state;
	reset();
	nothing(km_rule_lost_async_pf(&w.c, val(0), &w.d));
	w.c.wait = (struct km_wait){.kind = KM_WAIT_APF, .text = "in kvm_vcpu_block()"};
	found(km_rule_lost_async_pf(&w.c, val(0), &w.d), KM_LIKELY, true);
	nothing(km_rule_lost_async_pf(&w.c, val(1), &w.d));
	nothing(km_rule_lost_async_pf(&w.c, unreadable, &w.d));
}

static void test_dirty_ring_full(void **state)
{
	struct km_dirty_ring_facts f = {
		.dirty_index = val(0x100),
		.reset_index = val(0),
		.soft_limit = val(0x100),
		.exit_reason = val(31),
	};

	(void)state;
	reset();
	found(km_rule_dirty_ring_full(&w.c, &f, &w.d), KM_POSSIBLE, true);
	f.dirty_index = val(0xff);
	nothing(km_rule_dirty_ring_full(&w.c, &f, &w.d));
	f.dirty_index = val(0x80); /* the indexes are 32 bits wide, and wrap */
	f.reset_index = val(0xffffff80);
	found(km_rule_dirty_ring_full(&w.c, &f, &w.d), KM_POSSIBLE, true);
	f.exit_reason = val(0); /* the VMM was not told yet */
	found(km_rule_dirty_ring_full(&w.c, &f, &w.d), KM_POSSIBLE, false);
	f.exit_reason = val(31);
	w.c.wait.kind = KM_WAIT_USERSPACE; /* it may be collecting */
	found(km_rule_dirty_ring_full(&w.c, &f, &w.d), KM_POSSIBLE, false);
	f.soft_limit = val(0); /* there is no ring */
	nothing(km_rule_dirty_ring_full(&w.c, &f, &w.d));
	f.soft_limit = unreadable;
	lacks(km_rule_dirty_ring_full(&w.c, &f, &w.d));
	f.dirty_index = val(0); /* a reset that it waits for */
	lacks(km_rule_dirty_ring_full(&w.c, &f, &w.d));
	f.reset_index = val(0); /* nothing shows that there is a ring */
	nothing(km_rule_dirty_ring_full(&w.c, &f, &w.d));
	f.soft_limit = val(0x100);
	f.reset_index = unreadable;
	lacks(km_rule_dirty_ring_full(&w.c, &f, &w.d));
	f.reset_index = val(0);
	f.dirty_index = unreadable;
	lacks(km_rule_dirty_ring_full(&w.c, &f, &w.d));
	/* what is not known does not count, whatever it would be */
	f.dirty_index.v = 0x100;
	lacks(km_rule_dirty_ring_full(&w.c, &f, &w.d));
	f.dirty_index = val(0x100);
	f.reset_index.known = KM_UNREADABLE;
	lacks(km_rule_dirty_ring_full(&w.c, &f, &w.d));
}

static void test_nested_entry_fails(void **state)
{
	struct km_nested_entry_facts f = {val(1), val(17)}; /* KVM_EXIT_INTERNAL_ERROR */

	(void)state;
	reset();
	nothing(km_rule_nested_entry_fails(&w.c, &f, &w.d));
	w.vcpu.requests = val(KM_BIT(KVM_REQ_GET_NESTED_STATE_PAGES));
	found(km_rule_nested_entry_fails(&w.c, &f, &w.d), KM_POSSIBLE, true);
	assert_true(w.d.apart);
	/* its twin: KVM_SET_NESTED_STATE was just called */
	f.exit_reason = val(2);
	found(km_rule_nested_entry_fails(&w.c, &f, &w.d), KM_NOTE, false);
	f.exit_reason = (struct km_val){.known = KM_UNREADABLE, .v = 17};
	found(km_rule_nested_entry_fails(&w.c, &f, &w.d), KM_NOTE, false);
	f.exit_reason = val(17);
	f.guest_mode = val(0);
	nothing(km_rule_nested_entry_fails(&w.c, &f, &w.d));
	f.guest_mode = (struct km_val){.known = KM_UNREADABLE, .v = 1};
	nothing(km_rule_nested_entry_fails(&w.c, &f, &w.d));
	f.guest_mode = val(1);
	w.vcpu.requests.known = KM_UNREADABLE;
	nothing(km_rule_nested_entry_fails(&w.c, &f, &w.d));
}

/* A vCPU that has left KVM_RUN, with a fault that is not resolved and too few objects. */
static struct km_topup_facts short_of_memory(void)
{
	reset();
	w.fault.source = KM_FAULT_VMCB;
	w.fault.age = KM_AGE_LAST_EXIT;
	vcpu_is_in("kvm_vcpu_ioctl");
	w.c.has_path = w.c.has_panel = true;
	w.c.path.steps[0].id = "topup";
	w.c.path.count = 1;
	w.c.panel.verdicts[KM_JUDGE_PROCESSOR].ruling = KM_DENIES;
	most_retried();
	return (struct km_topup_facts){val(14), val(4), val(5)};
}

static void test_topup_fails(void **state)
{
	struct km_topup_facts f = short_of_memory();

	(void)state;
	found(km_rule_topup_fails(&w.c, &f, &w.d), KM_POSSIBLE, true);
	f.shadow_page = val(5); /* its twin: every cache has what the handler needs */
	nothing(km_rule_topup_fails(&w.c, &f, &w.d));
	f.page_header = val(4);
	found(km_rule_topup_fails(&w.c, &f, &w.d), KM_POSSIBLE, true);
	f.page_header = (struct km_val){.known = KM_UNREADABLE};
	nothing(km_rule_topup_fails(&w.c, &f, &w.d));
	f.pte_list = val(13);
	found(km_rule_topup_fails(&w.c, &f, &w.d), KM_POSSIBLE, true);
	/* the handler may not have begun */
	vcpu_is_in("kvm_arch_vcpu_ioctl_run");
	nothing(km_rule_topup_fails(&w.c, &f, &w.d));
	w.c.last.stack.count = 0;
	nothing(km_rule_topup_fails(&w.c, &f, &w.d));
	f = short_of_memory();
	w.c.last.has_stack = false;
	nothing(km_rule_topup_fails(&w.c, &f, &w.d));
	f = short_of_memory();
	w.c.last.stack.pages_missing = 1;
	nothing(km_rule_topup_fails(&w.c, &f, &w.d));
	/* nothing is to be mapped, or that needs no memory */
	f = short_of_memory();
	w.c.panel.verdicts[KM_JUDGE_PROCESSOR].ruling = KM_ALLOWS;
	nothing(km_rule_topup_fails(&w.c, &f, &w.d));
	f = short_of_memory();
	w.c.path.steps[0].id = "fast";
	nothing(km_rule_topup_fails(&w.c, &f, &w.d));
	f = short_of_memory();
	w.c.has_path = false;
	nothing(km_rule_topup_fails(&w.c, &f, &w.d));
	f = short_of_memory();
	w.fault.age = KM_AGE_RESIDUE;
	nothing(km_rule_topup_fails(&w.c, &f, &w.d));
	/* once: the VMM may handle it */
	f = short_of_memory();
	most_spurious();
	found(km_rule_topup_fails(&w.c, &f, &w.d), KM_NOTE, false);
	/* in the handler: only while the host looks for memory */
	f = short_of_memory();
	w.fault.source = KM_FAULT_STACK;
	w.fault.age = KM_AGE_IN_HANDLER;
	nothing(km_rule_topup_fails(&w.c, &f, &w.d));
	vcpu_is_in("mmu_topup_memory_caches");
	nothing(km_rule_topup_fails(&w.c, &f, &w.d));
	w.c.last.stack.frames[1].function = "try_to_free_mem_cgroup_pages";
	w.c.last.stack.frames[1].sure = true;
	w.c.last.stack.count = 2;
	found(km_rule_topup_fails(&w.c, &f, &w.d), KM_LIKELY, true);
	f = (struct km_topup_facts){val(14), val(5), val(5)};
	found(km_rule_topup_fails(&w.c, &f, &w.d), KM_LIKELY, true);
	most_spurious();
	found(km_rule_topup_fails(&w.c, &f, &w.d), KM_NOTE, false);
	vcpu_is_in("try_to_free_mem_cgroup_pages");
	nothing(km_rule_topup_fails(&w.c, &f, &w.d));
}

static void test_sept_busy(void **state)
{
	struct km_sept_facts f = {val(0x8000020000000092), val(0)};
	struct km_task *task;

	(void)state;
	reset();
	nothing(km_rule_sept_busy(&w.c, &f, &w.d)); /* no TDX guest */
	w.vm.vm_type = val(KM_VM_TDX);
	found(km_rule_sept_busy(&w.c, &f, &w.d), KM_NOTE, false);
	assert_non_null(strstr(w.d.verdict, "zero-step"));
	assert_true(w.d.apart);
	most_retried();
	found(km_rule_sept_busy(&w.c, &f, &w.d), KM_POSSIBLE, true);
	f.vp_enter_ret = val(0x80000200000000a9); /* TD_EPOCH */
	found(km_rule_sept_busy(&w.c, &f, &w.d), KM_POSSIBLE, true);
	assert_null(strstr(w.d.verdict, "zero-step"));
	f.vp_enter_ret = val(0x8000020100000092);
	nothing(km_rule_sept_busy(&w.c, &f, &w.d));
	f.vp_enter_ret = val(48);
	nothing(km_rule_sept_busy(&w.c, &f, &w.d));
	f.vp_enter_ret = (struct km_val){.known = KM_UNREADABLE, .v = 0x8000020000000092};
	nothing(km_rule_sept_busy(&w.c, &f, &w.d));
	/* all wait for a task that removes private memory */
	f.wait_for_zap = val(1);
	found(km_rule_sept_busy(&w.c, &f, &w.d), KM_POSSIBLE, true);
	vcpu_is_in("tdx_handle_ept_violation");
	found(km_rule_sept_busy(&w.c, &f, &w.d), KM_POSSIBLE, true);
	assert_non_null(strstr(w.d.evidence[1], "tdx_handle_ept_violation"));
	w.tasks.complete = false;
	found(km_rule_sept_busy(&w.c, &f, &w.d), KM_NOTE, false);
	w.tasks.complete = true;
	w.vm.mm = unreadable;
	found(km_rule_sept_busy(&w.c, &f, &w.d), KM_NOTE, false);
	w.vm.mm = val(MM);
	task = add_task("tdx_sept_remove_leaf_spte");
	found(km_rule_sept_busy(&w.c, &f, &w.d), KM_NOTE, false);
	assert_non_null(strstr(w.d.evidence[1], "tdx_sept_remove_leaf_spte"));
	task->stack.count = 0; /* not seen */
	found(km_rule_sept_busy(&w.c, &f, &w.d), KM_NOTE, false);
	f.wait_for_zap = (struct km_val){.known = KM_UNREADABLE, .v = 1};
	nothing(km_rule_sept_busy(&w.c, &f, &w.d));
}

static void test_shadow_page_quota(void **state)
{
	(void)state;
	reset();
	nothing(km_rule_shadow_page_quota(&w.c, val(64), val(64), &w.d));
	w.mmu.root_role.direct = 0;
	found(km_rule_shadow_page_quota(&w.c, val(64), val(64), &w.d), KM_NOTE, false);
	found(km_rule_shadow_page_quota(&w.c, val(60), val(64), &w.d), KM_NOTE, false);
	nothing(km_rule_shadow_page_quota(&w.c, val(59), val(64), &w.d));
	nothing(km_rule_shadow_page_quota(&w.c, val(1), val(0), &w.d));
	nothing(km_rule_shadow_page_quota(&w.c, unreadable, val(64), &w.d));
	nothing(km_rule_shadow_page_quota(&w.c, (struct km_val){.known = KM_UNREADABLE, .v = 64},
					  val(64), &w.d));
	nothing(km_rule_shadow_page_quota(&w.c, val(64), unreadable, &w.d));
	w.fault.age = KM_AGE_RESIDUE;
	nothing(km_rule_shadow_page_quota(&w.c, val(64), val(64), &w.d));
	w.fault.age = KM_AGE_IN_HANDLER;
	w.c.mmu = NULL;
	nothing(km_rule_shadow_page_quota(&w.c, val(64), val(64), &w.d));
}

static void test_map_zap_livelock(void **state)
{
	(void)state;
	reset();
	w.c.has_path = true;
	w.c.path.ret = KM_RET_PF_FIXED;
	w.vcpu.stats.pf_fixed = val(1000);
	w.vm.mmu_invalidate_seq = val(500);
	found(km_diagnose_map_zap_livelock(&w.c, &w.d), KM_NOTE, false);
	w.vm.mmu_invalidate_seq = val(4000);
	found(km_diagnose_map_zap_livelock(&w.c, &w.d), KM_NOTE, false);
	w.vm.mmu_invalidate_seq = val(4001); /* others' */
	nothing(km_diagnose_map_zap_livelock(&w.c, &w.d));
	w.vm.mmu_invalidate_seq = val(499);
	nothing(km_diagnose_map_zap_livelock(&w.c, &w.d));
	w.vm.mmu_invalidate_seq = unreadable;
	nothing(km_diagnose_map_zap_livelock(&w.c, &w.d));
	w.vm.mmu_invalidate_seq = val(900);
	w.vcpu.stats.pf_fixed = val(999);
	nothing(km_diagnose_map_zap_livelock(&w.c, &w.d));
	w.vcpu.stats.pf_fixed = unreadable;
	w.vcpu.stats.pf_fixed.v = 1000;
	nothing(km_diagnose_map_zap_livelock(&w.c, &w.d));
	w.vcpu.stats.pf_fixed = val(1000);
	w.vm.mmu_invalidate_seq.known = KM_UNREADABLE;
	nothing(km_diagnose_map_zap_livelock(&w.c, &w.d));
	w.vm.mmu_invalidate_seq = val(900);
	w.c.path.ret = KM_RET_PF_RETRY;
	nothing(km_diagnose_map_zap_livelock(&w.c, &w.d));
	w.c.path.ret = KM_RET_PF_FIXED;
	w.c.has_path = false;
	nothing(km_diagnose_map_zap_livelock(&w.c, &w.d));
	w.c.has_path = true;
	w.fault.age = KM_AGE_RESIDUE;
	nothing(km_diagnose_map_zap_livelock(&w.c, &w.d));
}

/* A flush of remote TLBs that a CPU does not acknowledge. */
static void test_tlb_flush_stall(void **state)
{
	static struct km_vcpu vcpus[2];
	struct km_task *task;

	(void)state;
	reset();
	vcpus[0] = (struct km_vcpu){.mode = val(1), .cpu = val(2)};
	vcpus[1] = (struct km_vcpu){.idx = 1, .mode = val(2), .cpu = val(3)};
	w.vm.vcpus = vcpus;
	w.vm.vcpu_count = 2;
	w.c.walk.count = 1;
	w.c.walk.levels[0].spte.kind = KM_SPTE_FROZEN;
	nothing(km_diagnose_tlb_flush_stall(&w.c, &w.d));
	task = add_task("smp_call_function_many_cond");
	nothing(km_diagnose_tlb_flush_stall(&w.c, &w.d)); /* for somebody else */
	task->stack.frames[1].function = "kvm_flush_remote_tlbs";
	task->stack.count = 2;
	found(km_diagnose_tlb_flush_stall(&w.c, &w.d), KM_POSSIBLE, false);
	assert_non_null(strstr(w.d.evidence[1], "vCPU 1 has not acknowledged the flush"));
	vcpus[1].mode = val(3); /* READING_SHADOW_PAGE_TABLES */
	found(km_diagnose_tlb_flush_stall(&w.c, &w.d), KM_POSSIBLE, false);
	vcpus[1].mode = val(0);
	found(km_diagnose_tlb_flush_stall(&w.c, &w.d), KM_NOTE, false);
	vcpus[1].mode = (struct km_val){.known = KM_UNREADABLE, .v = 2};
	found(km_diagnose_tlb_flush_stall(&w.c, &w.d), KM_NOTE, false);
	task->stack.frames[0].function = "kvm_make_all_cpus_request"; /* it does not wait */
	nothing(km_diagnose_tlb_flush_stall(&w.c, &w.d));
	task->stack.frames[0].function = "smp_call_function_many_cond";
	task->mm = val(MM + 1); /* of another VM */
	nothing(km_diagnose_tlb_flush_stall(&w.c, &w.d));
	task->mm = val(0); /* a worker of the kernel's */
	found(km_diagnose_tlb_flush_stall(&w.c, &w.d), KM_NOTE, false);
	/* what waits for it: a frozen entry, or mmu_lock */
	w.c.walk.levels[0].spte.kind = KM_SPTE_EMPTY;
	nothing(km_diagnose_tlb_flush_stall(&w.c, &w.d));
	w.c.wait.kind = KM_WAIT_LOCK;
	nothing(km_diagnose_tlb_flush_stall(&w.c, &w.d));
	strcpy(w.c.wait.lock, "mmu_lock");
	found(km_diagnose_tlb_flush_stall(&w.c, &w.d), KM_NOTE, false);
	w.c.wait.kind = KM_WAIT_NONE;
	w.c.walk.levels[0].spte.kind = KM_SPTE_FROZEN;
	/* the first vCPU; none beyond the last */
	vcpus[1].mode = val(2);
	w.vm.vcpu_count = 1;
	found(km_diagnose_tlb_flush_stall(&w.c, &w.d), KM_NOTE, false);
	vcpus[0].mode = val(2);
	found(km_diagnose_tlb_flush_stall(&w.c, &w.d), KM_POSSIBLE, false);
	w.tasks.count = 0; /* nor a task beyond the last */
	nothing(km_diagnose_tlb_flush_stall(&w.c, &w.d));
	w.tasks.count = 1;
	w.fault.age = KM_AGE_RESIDUE;
	nothing(km_diagnose_tlb_flush_stall(&w.c, &w.d));
}

/* Most faults are spurious though the SPTEs permit the access. */
static void test_spurious_storm(void **state)
{
	struct km_storm_facts f = {.processor_root = unreadable,
				   .page_offset_base = unreadable,
				   .hypervisor = unreadable};
	struct km_step *fast = &w.c.path.steps[0];

	(void)state;
	reset();
	w.c.walk.end = KM_END_LEAF;
	w.c.walk.count = 1;
	w.c.has_panel = w.c.has_path = true;
	w.c.panel.verdicts[KM_JUDGE_PROCESSOR].ruling = KM_ALLOWS;
	w.c.path.ret = KM_RET_PF_SPURIOUS;
	nothing(km_rule_spurious_storm(&w.c, &f, &w.d));
	most_spurious();
	/* P=0 over a walk that is present: no stale leaf does that */
	found(km_rule_spurious_storm(&w.c, &f, &w.d), KM_LIKELY, true);
	w.c.error_code |= PFERR_PRESENT_MASK;
	found(km_rule_spurious_storm(&w.c, &f, &w.d), KM_POSSIBLE, true);
	assert_int_equal(w.d.evidence_count, 1);
	w.fault.age = KM_AGE_LAST_EXIT;
	found(km_rule_spurious_storm(&w.c, &f, &w.d), KM_POSSIBLE, true);
	/* a vCPU that another one is always ahead of takes such faults, too, but not only such */
	w.c.error_code &= ~PFERR_PRESENT_MASK;
	w.vcpu.stats.pf_spurious = val(14957 * 95 / 100);
	found(km_rule_spurious_storm(&w.c, &f, &w.d), KM_POSSIBLE, true);
	w.vcpu.stats.pf_spurious = val(14957 * 80 / 100);
	found(km_rule_spurious_storm(&w.c, &f, &w.d), KM_POSSIBLE, false);
	assert_non_null(strstr(w.d.open, "another vCPU"));
	w.vcpu.stats.pf_taken = val(14960);
	w.vcpu.stats.pf_spurious = val(1496 * 9);
	found(km_rule_spurious_storm(&w.c, &f, &w.d), KM_POSSIBLE, true);
	w.vcpu.stats.pf_spurious = val(14957 * 80 / 100);
	w.vm.vcpu_count = 1; /* there is no other */
	found(km_rule_spurious_storm(&w.c, &f, &w.d), KM_POSSIBLE, true);
	w.vm.vcpu_count = 0;
	w.vcpu.stats.pf_taken = val(9990); /* few */
	w.vcpu.stats.pf_spurious = val(9990);
	found(km_rule_spurious_storm(&w.c, &f, &w.d), KM_POSSIBLE, true);
	w.c.error_code |= PFERR_PRESENT_MASK;
	most_spurious();
	/* what the dump says about the reasons */
	f.page_offset_base = val(0xff11000000000000);
	f.hypervisor = val(3);
	f.processor_root = val(0x2000000);
	w.mmu.paging = KM_PAGING_NPT;
	found(km_rule_spurious_storm(&w.c, &f, &w.d), KM_POSSIBLE, true);
	assert_non_null(strstr(w.d.evidence[1], "is not root_mmu.root 0x1000000"));
	assert_non_null(strstr(w.d.evidence[2], "5-level paging, the root has level 4: the"));
	assert_non_null(strstr(w.d.evidence[3], "runs under a hypervisor"));
	f.page_offset_base = val(0xffff888000000000);
	f.hypervisor = val(0);
	f.processor_root = val(0x1000000);
	found(km_rule_spurious_storm(&w.c, &f, &w.d), KM_POSSIBLE, true);
	assert_non_null(strstr(w.d.evidence[1], "is root_mmu.root"));
	assert_string_equal(w.d.evidence[2], "the host uses 4-level paging, the root has level 4");
	assert_non_null(strstr(w.d.evidence[3], "does not run under a hypervisor"));
	w.mmu.root_role.level = 5;
	f.page_offset_base = val(0xffff800000000000);
	found(km_rule_spurious_storm(&w.c, &f, &w.d), KM_POSSIBLE, true);
	f.page_offset_base = val(0xffff400000000000);
	found(km_rule_spurious_storm(&w.c, &f, &w.d), KM_POSSIBLE, true);
	w.mmu.root_role.level = 4;
	w.mmu.paging = KM_PAGING_EPT; /* its depth is in the EPTP */
	w.mmu.root.hpa = val(~0ULL);
	found(km_rule_spurious_storm(&w.c, &f, &w.d), KM_POSSIBLE, true);
	assert_int_equal(w.d.evidence_count, 2);
	/* the path is open before the fast path ends it */
	*fast = (struct km_step){.id = "fast", .outcome = KM_STEP_ENDS, .ret = KM_RET_PF_SPURIOUS};
	w.c.path.count = 1;
	w.c.path.ret = KM_RET_PF_UNKNOWN;
	found(km_rule_spurious_storm(&w.c, &f, &w.d), KM_POSSIBLE, true);
	fast->ret = KM_RET_PF_FIXED; /* a storm that is over */
	nothing(km_rule_spurious_storm(&w.c, &f, &w.d));
	w.c.path.ret = KM_RET_PF_FIXED;
	fast->ret = KM_RET_PF_SPURIOUS;
	nothing(km_rule_spurious_storm(&w.c, &f, &w.d));
	w.c.path.ret = KM_RET_PF_SPURIOUS;
	w.c.panel.verdicts[KM_JUDGE_PROCESSOR].ruling = KM_DENIES; /* that is spurious-loop */
	nothing(km_rule_spurious_storm(&w.c, &f, &w.d));
	/* no fault is known: it was a storm, and may be */
	w.c.fault = NULL;
	found(km_rule_spurious_storm(&w.c, &f, &w.d), KM_POSSIBLE, false);
	w.vcpu.stats.pf_spurious = val(14000); /* a burst that may be long over */
	found(km_rule_spurious_storm(&w.c, &f, &w.d), KM_NOTE, false);
	w.vcpu.stats.pf_taken = w.vcpu.stats.pf_spurious = val(9999);
	found(km_rule_spurious_storm(&w.c, &f, &w.d), KM_NOTE, false);
	w.vcpu.stats.pf_taken = w.vcpu.stats.pf_spurious = val(10000);
	found(km_rule_spurious_storm(&w.c, &f, &w.d), KM_POSSIBLE, false);
	w.vcpu.stats.pf_spurious = val(9900); /* 99 % */
	found(km_rule_spurious_storm(&w.c, &f, &w.d), KM_POSSIBLE, false);
	w.vcpu.stats.pf_spurious = val(9899);
	found(km_rule_spurious_storm(&w.c, &f, &w.d), KM_NOTE, false);
	most_retried();
	w.vcpu.stats.pf_spurious = val(0);
	nothing(km_rule_spurious_storm(&w.c, &f, &w.d));
}

static void test_emulation_fails(void **state)
{
	(void)state;
	reset();
	w.c.fault = NULL;
	w.c.insn_emulation = w.c.insn_emulation_fail = val(4598);
	found(km_rule_emulation_fails(&w.c, val(0), &w.d), KM_POSSIBLE, true);
	found(km_rule_emulation_fails(&w.c, val(KVM_EXIT_INTERNAL_ERROR), &w.d), KM_POSSIBLE, true);
	assert_int_equal(w.d.evidence_count, 3);
	found(km_rule_emulation_fails(&w.c, (struct km_val){.v = 17, .known = KM_UNREADABLE}, &w.d),
	      KM_POSSIBLE, true);
	assert_int_equal(w.d.evidence_count, 2);
	w.c.insn_emulation_fail = val(99); /* few */
	nothing(km_rule_emulation_fails(&w.c, val(0), &w.d));
	w.c.insn_emulation_fail = val(4598);
	w.c.fault = &w.fault; /* then the gfn says what it is */
	nothing(km_rule_emulation_fails(&w.c, val(0), &w.d));
}

/* SIGBUS waits in a thread that blocks it, and the fault is not known. */
static void test_hwpoison_without_fault(void **state)
{
	struct km_hwpoison_facts f = {.blocked = val(1), .pending = val(1), .ignored = val(0)};

	(void)state;
	reset();
	w.c.fault = NULL;
	nothing(km_rule_hwpoison_without_fault(&w.c, &f, &w.d));
	most_retried();
	found(km_rule_hwpoison_without_fault(&w.c, &f, &w.d), KM_POSSIBLE, true);
	assert_true(w.d.by_counts);
	w.c.last.exit_code = val(0x61); /* NMI */
	found(km_rule_hwpoison_without_fault(&w.c, &f, &w.d), KM_LIKELY, true);
	f.pending = val(0);
	nothing(km_rule_hwpoison_without_fault(&w.c, &f, &w.d));
	f.pending = (struct km_val){.v = 1, .known = KM_UNREADABLE};
	nothing(km_rule_hwpoison_without_fault(&w.c, &f, &w.d));
	f.pending = val(1);
	f.blocked = val(0);
	nothing(km_rule_hwpoison_without_fault(&w.c, &f, &w.d));
	f.blocked = (struct km_val){.v = 1, .known = KM_UNREADABLE};
	nothing(km_rule_hwpoison_without_fault(&w.c, &f, &w.d));
}

/* The page tables were searched instead of the walk of a fault. */
static void test_audit_of_tables(void **state)
{
	struct km_table_audit *audit = &w.c.audit;
	const struct km_table_entry at = {.found = true, .table_pa = 0x5000, .level = 2};

	(void)state;
	reset();
	w.c.last.exit_code = val(0x78); /* HLT */
	w.c.fault = NULL;
	w.c.has_walk = false;
	nothing(km_diagnose_role_corruption(&w.c, &w.d));
	nothing(km_diagnose_reserved_bits(&w.c, &w.d));
	nothing(km_diagnose_child_page_mismatch(&w.c, &w.d));
	audit->mismatch = audit->reserved = audit->weak = at;
	audit->mismatch_why = "its level is not that below the entry";
	audit->reserved_bits = KM_BIT(51);
	/* it concerns this vCPU if its counters show so */
	found(km_diagnose_role_corruption(&w.c, &w.d), KM_NOTE, false);
	most_retried();
	found(km_diagnose_role_corruption(&w.c, &w.d), KM_POSSIBLE, true);
	nothing(km_diagnose_child_page_mismatch(&w.c, &w.d));
	nothing(km_diagnose_spurious_loop(&w.c, &w.d));
	most_spurious();
	found(km_diagnose_spurious_loop(&w.c, &w.d), KM_POSSIBLE, true);
	w.c.last.exit_code = val(0x60); /* INTR: not evidence that the guest went on */
	found(km_diagnose_spurious_loop(&w.c, &w.d), KM_LIKELY, true);
	w.vcpu.stats.pf_spurious = val(13465); /* nine tenths */
	found(km_diagnose_spurious_loop(&w.c, &w.d), KM_POSSIBLE, true);
	w.vcpu.stats.pf_spurious = val(13466);
	found(km_diagnose_spurious_loop(&w.c, &w.d), KM_LIKELY, true);
	w.vcpu.stats.pf_spurious = val(14962); /* counters that disagree */
	found(km_diagnose_spurious_loop(&w.c, &w.d), KM_POSSIBLE, true);
	most_spurious();
	w.c.last.exit_code = val(0x78);
	found(km_diagnose_reserved_bits(&w.c, &w.d), KM_NOTE, false);
	w.vcpu.stats.exits = val(50000);
	found(km_diagnose_reserved_bits(&w.c, &w.d), KM_POSSIBLE, true);
	w.vcpu.stats.halt_exits = val(25000);
	found(km_diagnose_reserved_bits(&w.c, &w.d), KM_NOTE, false);
	/* under an indirect MMU */
	w.mmu.root_role.direct = 0;
	nothing(km_diagnose_role_corruption(&w.c, &w.d));
	found(km_diagnose_child_page_mismatch(&w.c, &w.d), KM_LIKELY, false);
	w.c.mmu = NULL;
	nothing(km_diagnose_child_page_mismatch(&w.c, &w.d));
	/* a fault that is known is walked */
	w.c.mmu = &w.mmu;
	w.mmu.root_role.direct = 1;
	w.c.fault = &w.fault;
	nothing(km_diagnose_role_corruption(&w.c, &w.d));
	nothing(km_diagnose_reserved_bits(&w.c, &w.d));
}

/* What a page table has to have in common with the entry that points to it. */
static void test_child_pages(void **state)
{
	struct km_mmu_page parent = {.role_known = true, .gfn = val(0x40000)};
	struct km_mmu_page child = {.known = true, .addr = 1, .role_known = true};

	(void)state;
#define contradicts(why)                                                                           \
	do {                                                                                       \
		const char *is = km_child_contradiction(&parent, 3, 5, &child, 0);                 \
		assert_non_null(is);                                                               \
		assert_non_null(strstr(is, why));                                                  \
	} while (0)
#define fits() assert_null(km_child_contradiction(&parent, 3, 5, &child, 0))
	/* under a shadow page of a guest's page table its gfn can be any */
	parent.role = (struct km_page_role){.level = 3, .access = 7, .cr0_wp = 1};
	child.role = (struct km_page_role){.level = 2, .access = 7};
	child.gfn = val(0x1234);
	fits();
	child.role.level = 1;
	contradicts("level");
	child.role.level = 3;
	contradicts("level");
	child.role.level = 2;
	child.role.access = 3;
	fits();
	child.role.access = 15;
	contradicts("more access");
	parent.role.cr0_wp = 0;
	fits();
	child.role.direct = 1; /* a huge page of the guest that KVM maps by small ones */
	fits();
	/* under a direct one */
	parent.role.direct = 1;
	child.gfn = val(0x40000 + (5 << 18));
	fits();
	child.gfn.v++;
	contradicts("gfn");
	child.gfn.known = KM_UNREADABLE;
	fits();
	child.gfn = val(1);
	parent.gfn.known = KM_UNREADABLE;
	fits();
	parent.gfn = val(0x40000);
	child.role.direct = 0;
	contradicts("shadows a page table");
	child.role.direct = 1;
	/* the shared bit of a TDX guest is in the index, and not in the gfn */
	child.gfn = val(0x80000);
	contradicts("gfn");
	assert_null(km_child_contradiction(&parent, 3, 5, &child, 0x100000));
	/* not known, or another way of counting levels */
	child.gfn = val(1);
	child.role.passthrough = 1;
	fits();
	child.role.passthrough = 0;
	parent.role.passthrough = 1;
	fits();
	parent.role.passthrough = 0;
	child.role_known = false;
	fits();
	child.role_known = true;
	parent.role_known = false;
	fits();
	parent.role_known = true;
	child.addr = 0;
	fits();
	child.addr = 1;
	child.known = false;
	fits();
}

/* What a shadow page has to have in common with the guest's entry that it was made for. */
static void test_children_of_guest_tables(void **state)
{
	static uint64_t wide[512];
	static uint32_t narrow[1024];
	const struct km_gpte_format pae = {0}, pse = {.pse = true}, ept = {.ept = true};
	const struct km_gpte_format mbec = {.ept = true, .mbec = true};
	struct km_page_role role = {.level = 2};
	struct km_mmu_page child = {.known = true, .addr = 1, .role_known = true};
	struct km_gpte gpte;

	(void)state;
#define decode(format, table, index)                                                               \
	(gpte = km_gpte_decode(format, &role, (const uint8_t *)(table), index))
#define differs(why)                                                                               \
	do {                                                                                       \
		assert_non_null(km_child_contradicts_guest(&gpte, &child));                        \
		assert_non_null(strstr(km_child_contradicts_guest(&gpte, &child), why));           \
	} while (0)
#define agrees() assert_null(km_child_contradicts_guest(&gpte, &child))
	/* a page table: kvm_mmu_get_child_sp(table_gfn, false) */
	wide[7] = 0x8000000012345067;
	decode(&pae, wide, 7);
	assert_true(gpte.present);
	assert_false(gpte.leaf);
	assert_int_equal(gpte.gfn, 0x12345);
	child.gfn = val(0x12345);
	agrees();
	child.gfn = val(0x12346);
	differs("gfn");
	child.gfn.known = KM_UNREADABLE;
	agrees();
	child.role.direct = 1;
	differs("points to a page table");
	child.role.passthrough = 1;
	agrees();
	child.role.passthrough = 0;
	/* a huge page that KVM maps by small ones: the same with base_gfn, true */
	wide[7] = 0x123450e7;
	decode(&pae, wide, 7);
	assert_true(gpte.leaf);
	assert_int_equal(gpte.gfn, 0x12200); /* bit 12 is PAT */
	child.gfn = val(0x12200);
	agrees();
	child.gfn = val(0x12345);
	differs("gfn");
	child.role.direct = 0;
	differs("maps memory");
	role.level = 3;
	decode(&pae, wide, 7);
	assert_true(gpte.leaf);
	assert_int_equal(gpte.gfn, 0);
	role.level = 4; /* no huge pages there */
	decode(&pae, wide, 7);
	assert_false(gpte.leaf);
	role.level = 2;
	/* what is not present has no child that KVM keeps */
	wide[7] = 0x12345066;
	decode(&pae, wide, 7);
	assert_false(gpte.present);
	agrees();
	/* EPT: R, W, X or, with MBEC, XU */
	decode(&ept, wide, 7);
	assert_true(gpte.present);
	wide[7] = 0x12345400;
	decode(&ept, wide, 7);
	assert_false(gpte.present);
	decode(&mbec, wide, 7);
	assert_true(gpte.present);
	/* a child that is not known contradicts nothing */
	child.gfn = val(1);
	differs("gfn");
	child.role_known = false;
	agrees();
	child.role_known = true;
	child.known = false;
	agrees();
	child.known = true;
	child.addr = 0;
	agrees();
	/* entries of 4 bytes: two of the shadow page's for each, in four shadow pages */
	role.has_4_byte_gpte = 1;
	role.quadrant = 2;
	narrow[512 + 3] = 0x00345067;
	decode(&pse, narrow, 6);
	assert_int_equal(gpte.gfn, 0x345);
	assert_false(gpte.leaf);
	decode(&pse, narrow, 7);
	assert_int_equal(gpte.gfn, 0x345);
	narrow[512 + 3] = 0x004020e7;
	decode(&pae, narrow, 7); /* without CR4.PSE there are no huge pages */
	assert_false(gpte.leaf);
	decode(&pse, narrow, 6);
	assert_true(gpte.leaf);
	assert_int_equal(gpte.gfn, 0x100400); /* bit 13 is bit 32 of the address */
	decode(&pse, narrow, 7);
	assert_int_equal(gpte.gfn, 0x100600);
	narrow[512 + 3] = 0x004020e6;
	decode(&pse, narrow, 7);
	assert_false(gpte.present);
	role.quadrant = 255; /* no role has it: nothing beyond the table is read */
	decode(&pse, narrow, 511);
	/* what follows from it is possible: the guest may have written its table a moment ago */
	reset();
	w.mmu.root_role.direct = 0;
	w.c.audit.mismatch = (struct km_table_entry){.found = true, .table_pa = 0x5000, .level = 2};
	w.c.audit.mismatch_why = "its gfn is not the one in the guest's entry";
	w.c.audit.mismatch_by_guest = true;
	found(km_diagnose_child_page_mismatch(&w.c, &w.d), KM_POSSIBLE, false);
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
		cmocka_unit_test(test_vm_bugged),
		cmocka_unit_test(test_mmu_seq_sign),
		cmocka_unit_test(test_mmu_seq_sign_of_unknown_type),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_invalidate_in_progress),
		cmocka_unit_test(test_own_invalidation),
		cmocka_unit_test(test_invalidate_leaked),
		cmocka_unit_test(test_faults_that_meet_no_invalidation),
		cmocka_unit_test(test_invalidate_leaked_of_old_kernels),
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
		cmocka_unit_test(test_idle_tasks),
		cmocka_unit_test(test_mmu_lock_of_rt),
		cmocka_unit_test(test_invalidation_of_everything),
		cmocka_unit_test(test_slot_update_waits_for_notifiers),
		cmocka_unit_test(test_host_mappings),
		cmocka_unit_test(test_run_error),
		cmocka_unit_test(test_rmp_fault),
		cmocka_unit_test(test_private_unbacked),
		cmocka_unit_test(test_mmu_context_mismatch),
		cmocka_unit_test(test_mmio_over_leaf),
		cmocka_unit_test(test_lost_async_pf),
		cmocka_unit_test(test_dirty_ring_full),
		cmocka_unit_test(test_nested_entry_fails),
		cmocka_unit_test(test_topup_fails),
		cmocka_unit_test(test_sept_busy),
		cmocka_unit_test(test_shadow_page_quota),
		cmocka_unit_test(test_map_zap_livelock),
		cmocka_unit_test(test_tlb_flush_stall),
		cmocka_unit_test(test_spurious_storm),
		cmocka_unit_test(test_emulation_fails),
		cmocka_unit_test(test_hwpoison_without_fault),
		cmocka_unit_test(test_audit_of_tables),
		cmocka_unit_test(test_child_pages),
		cmocka_unit_test(test_children_of_guest_tables),
		cmocka_unit_test(test_what_was_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
