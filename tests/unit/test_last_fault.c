// SPDX-License-Identifier: GPL-2.0-or-later
/* Recognize a struct kvm_page_fault and its age; the fields of the last exit. */
#include "cm.h"

#include "fault/page_fault_on_stack.h"
#include "kvm/svm.h"
#include "kvm/vmx.h"
#include "frames.h"

#include <string.h>

#define V(n) km_known_val(n)

static const struct km_val absent = {.known = KM_ABSENT};
static const struct km_page_fault_host host = {.tdp = true, .direct_bits = 0, .seq = 10};

/* A pointer to one of a few static values. */
static const struct km_val *at(uint64_t v)
{
	static struct km_val vals[8];
	static unsigned next;

	vals[next % 8] = V(v);
	return &vals[next++ % 8];
}

static struct km_page_fault sound(void)
{
	return (struct km_page_fault){
		.addr = V(0x4000123),
		.error_code = V(0x100000007),
		.gfn = V(0x4000),
		.slot = V(0xffff888000001000),
		.pfn = V(0x1234),
		.mmu_seq = V(9),
		.hva = absent,
		.exec = V(0),
		.write = V(1),
		.present = V(1),
		.rsvd = V(0),
		.user = V(1),
		.prefetch = V(0),
		.is_tdp = V(1),
		.is_private = V(0),
		.max_level = V(3),
		.req_level = V(2),
		.goal_level = V(1),
		.map_writable = V(1),
		.write_fault_to_shadow_pgtable = V(0),
	};
}

static bool plausible(const struct km_page_fault *pf)
{
	struct km_val base = V(0x4000), npages = V(64);

	return km_page_fault_plausible(pf, &host, &base, &npages);
}

static void test_sound(void **state)
{
	struct km_page_fault pf = sound();
	struct km_val base = V(0x4000), npages = V(64);
	struct km_page_fault_host bits = {.tdp = true, .direct_bits = 1 << 20, .seq = UINT64_MAX};

	(void)state;
	assert_true(plausible(&pf));
	/* 6.1 has fewer members and sets the gfn late */
	pf.is_private = pf.mmu_seq = absent;
	assert_true(plausible(&pf));
	pf.gfn = pf.slot = pf.pfn = V(0);
	assert_true(plausible(&pf));
	/* a pfn that is an error */
	pf = sound();
	pf.pfn = V(0x7ff0000000000000);
	assert_true(plausible(&pf));
	/* the gfn has no direct bits */
	pf.addr.v |= 1ULL << 32;
	assert_false(plausible(&pf));
	assert_true(km_page_fault_plausible(&pf, &bits, &base, &npages));
	/* a slot that is not in the dump */
	pf = sound();
	assert_true(km_page_fault_plausible(&pf, &host, &absent, &absent));
	/* shadow paging: addr is a GVA, the gfn comes from the guest's tables */
	pf.is_tdp = V(0);
	pf.addr = V(0xffffffff81000000);
	assert_true(plausible(&pf));
}

static void test_each_contradiction(void **state)
{
	const struct km_page_fault good = sound();
	struct km_page_fault pf;

	(void)state;
#define WRONG(member, value)                                                                       \
	do {                                                                                       \
		pf = good;                                                                         \
		pf.member = value;                                                                 \
		assert_false(plausible(&pf));                                                      \
	} while (0)
	WRONG(addr, absent);
	WRONG(addr, V(0x5000000));
	WRONG(addr, V(1ULL << 52));
	WRONG(error_code, absent);
	WRONG(error_code, V(0x100000003));
	WRONG(error_code, V(0x100000007 | 1ULL << 40));
	WRONG(write, V(0));
	WRONG(write, V(2));
	WRONG(exec, V(1));
	WRONG(present, V(0));
	WRONG(user, V(0));
	WRONG(rsvd, V(1));
	WRONG(prefetch, V(2));
	WRONG(is_tdp, V(2));
	WRONG(is_private, V(3));
	WRONG(map_writable, V(255));
	WRONG(write_fault_to_shadow_pgtable, V(7));
	WRONG(max_level, V(4));
	WRONG(req_level, V(0));
	WRONG(goal_level, V(0));
	WRONG(goal_level, V(3));
	WRONG(max_level, V(1));
	WRONG(gfn, V(0x4001));
	WRONG(gfn, absent);
	WRONG(slot, V(0x1000));
	WRONG(slot, V(0xffff888000001001));
	WRONG(slot, absent);
	WRONG(mmu_seq, V(11));
	WRONG(pfn, V(1ULL << 45));
#undef WRONG
	/* the slot is of another gfn */
	pf = good;
	assert_false(km_page_fault_plausible(&pf, &host, at(0x4001), at(64)));
	assert_false(km_page_fault_plausible(&pf, &host, at(0x3fc0), at(64)));
	/* no TDP on this host */
	assert_false(km_page_fault_plausible(&pf, &(struct km_page_fault_host){.seq = 10},
					     at(0x4000), at(64)));
	/* memory with hardly any bit set */
	memset(&pf, 0, sizeof(pf));
	pf.max_level = pf.req_level = pf.goal_level = V(1);
	assert_false(plausible(&pf));
}

static void frame(struct km_stack *stack, const char *function, uint64_t sp, bool sure)
{
	static struct km_frame frames[KM_FRAMES];
	struct km_frame *f;

	stack->frames = stack->count ? stack->frames : no_frames(frames);
	f = &stack->frames[stack->count++];
	*f = (struct km_frame){.sp = sp, .function = function, .sure = sure};
}

static struct km_stack handling(void)
{
	struct km_stack stack = {
		.base = 0x1000, .size = 0x4000, .start = KM_STACK_REGISTERS, .sp = 0x2000};

	frame(&stack, "fast_page_fault", 0x2000, true);
	frame(&stack, "direct_page_fault.isra.0", 0x2000, true);
	frame(&stack, "kvm_mmu_page_fault", 0x2080, true);
	frame(&stack, "kvm_arch_vcpu_ioctl_run", 0x2180, true);
	frame(&stack, "entry_SYSCALL_64_after_hwframe", 0x4f00, true);
	return stack;
}

static void test_age(void **state)
{
	struct km_stack stack = handling();
	const struct km_frame *in;

	(void)state;
	assert_int_equal(km_page_fault_age(&stack, 0x20a0, 80, &in), KM_AGE_IN_HANDLER);
	assert_string_equal(in->function, "kvm_mmu_page_fault");
	/* across two frames, in another frame, below the active part */
	assert_int_equal(km_page_fault_age(&stack, 0x2140, 80, &in), KM_AGE_UNKNOWN);
	assert_int_equal(km_page_fault_age(&stack, 0x2200, 80, &in), KM_AGE_RESIDUE);
	assert_int_equal(km_page_fault_age(&stack, 0x1f00, 80, &in), KM_AGE_RESIDUE);
	/* the handler has returned, or was not called */
	stack.frames[0].function = "x86_decode_insn";
	stack.frames[1].function = "x86_emulate_instruction";
	assert_int_equal(km_page_fault_age(&stack, 0x20a0, 80, &in), KM_AGE_UNKNOWN);
	/* not certain */
	stack = handling();
	stack.frames[2].sure = false;
	assert_int_equal(km_page_fault_age(&stack, 0x20a0, 80, &in), KM_AGE_UNKNOWN);
	stack = handling();
	stack.start = KM_STACK_UNKNOWN;
	assert_int_equal(km_page_fault_age(&stack, 0x20a0, 80, &in), KM_AGE_UNKNOWN);
	/* interrupted: entered on another stack */
	stack = handling();
	stack.frames[0].sp = 0xfffffe0000001000;
	assert_int_equal(km_page_fault_age(&stack, 0x20a0, 80, &in), KM_AGE_IN_HANDLER);
}

/* kvm_arch_async_page_ready() loads a root first: its struct is not set up yet. */
static void test_loading_a_root(void **state)
{
	struct km_stack stack = {
		.base = 0x1000, .size = 0x4000, .start = KM_STACK_REGISTERS, .sp = 0x2000};
	const struct km_frame *in;

	(void)state;
	frame(&stack, "mmu_topup_memory_caches", 0x2000, true);
	frame(&stack, "kvm_mmu_load", 0x2020, true);
	frame(&stack, "kvm_arch_async_page_ready", 0x2080, true);
	frame(&stack, "kvm_check_async_pf_completion", 0x2180, true);
	frame(&stack, "entry_SYSCALL_64_after_hwframe", 0x4f00, true);
	assert_int_equal(km_page_fault_age(&stack, 0x20a0, 80, &in), KM_AGE_UNKNOWN);
	stack.frames[1].function = "kvm_tdp_page_fault";
	assert_int_equal(km_page_fault_age(&stack, 0x20a0, 80, &in), KM_AGE_IN_HANDLER);
}

/* While a nested VM exit injects the fault into L1, the active context is root_mmu again. */
static void test_mmu_of_a_fault(void **state)
{
	struct km_page_fault pf = sound();
	struct km_vcpu_mmu all = {.mmu_count = 2};
	const struct km_mmu *root = &all.mmus[0], *guest = &all.mmus[1];

	(void)state;
	all.mmus[0].name = "root_mmu";
	all.mmus[1].name = "guest_mmu";
	all.active = root;
	pf.is_tdp = V(0);
	assert_ptr_equal(km_page_fault_mmu(&all, &pf, KM_AGE_IN_HANDLER, true), guest);
	assert_null(km_page_fault_mmu(&all, &pf, KM_AGE_RESIDUE, true));
	assert_ptr_equal(km_page_fault_mmu(&all, &pf, KM_AGE_IN_HANDLER, false), root);
	pf.is_tdp = V(1);
	assert_ptr_equal(km_page_fault_mmu(&all, &pf, KM_AGE_IN_HANDLER, true), root);
	assert_ptr_equal(km_page_fault_mmu(&all, &pf, KM_AGE_RESIDUE, true), root);
	all.active = guest;
	assert_ptr_equal(km_page_fault_mmu(&all, &pf, KM_AGE_IN_HANDLER, true), root);
	pf.is_tdp = (struct km_val){.known = KM_ABSENT};
	assert_ptr_equal(km_page_fault_mmu(&all, &pf, KM_AGE_IN_HANDLER, true), guest);
}

static void test_half_written(void **state)
{
	struct km_page_fault pf = sound();
	struct km_val base = V(0), npages = V(64);

	(void)state;
	assert_false(km_page_fault_half_written(&pf));
	pf.gfn = pf.slot = V(0); /* 6.1 sets them late: the address is there */
	assert_false(km_page_fault_half_written(&pf));
	pf.addr = V(0);
	assert_true(plausible(&pf));
	assert_true(km_page_fault_half_written(&pf));
	/* a fault at GPA 0 with a memslot is of gfn 0, or is not a fault */
	pf.slot = V(0xffff888000001000);
	assert_false(plausible(&pf));
	assert_true(km_page_fault_plausible(&pf, &host, &base, &npages));
	assert_false(km_page_fault_half_written(&pf));
}

/* VMRUN clears EXITINFO2: so does QEMU in helper_vmrun(). */
static void test_vmcb_in_guest(void **state)
{
	struct km_vmcb vmcb = {.exit_code = V(SVM_EXIT_NPF), .exit_info_2 = V(0x4000000)};

	(void)state;
	for (uint64_t mode = 0; mode < 4; mode++) {
		vmcb.exit_info_2 = V(0x4000000);
		assert_int_equal(km_vmcb_exit_info_2(&vmcb, V(mode)).v, 0x4000000);
		vmcb.exit_info_2 = V(0);
		/* outside, and while it reads shadow page tables, it is a fault at GPA 0 */
		assert_int_equal(km_is_known(km_vmcb_exit_info_2(&vmcb, V(mode))),
				 mode == 0 || mode == 3);
	}
	assert_false(km_is_known(km_vmcb_exit_info_2(&vmcb, absent)));
	vmcb.exit_info_2 = V(0x4000000);
	assert_true(km_is_known(km_vmcb_exit_info_2(&vmcb, absent)));
}

static void test_ept_violations(void **state)
{
	(void)state;
#define EC(acc, mbec, q) km_ept_violation_error_code(acc, mbec, q)
	/* a read: U up to 6.12, nothing since; P from the rights of the entry */
	assert_int_equal(EC(KM_ACC_UWX, false, 0x181), PFERR_USER_MASK | PFERR_GUEST_FINAL_MASK);
	assert_int_equal(EC(KM_ACC_RWUX, false, 0x181), PFERR_GUEST_FINAL_MASK);
	assert_int_equal(EC(KM_ACC_RWUX, false, 0x1aa),
			 PFERR_WRITE_MASK | PFERR_PRESENT_MASK | PFERR_GUEST_FINAL_MASK);
	assert_int_equal(EC(KM_ACC_RWUX, false, 0x384),
			 PFERR_FETCH_MASK | PFERR_USER_MASK | PFERR_GUEST_FINAL_MASK);
	assert_int_equal(EC(KM_ACC_UWX, false, 0x384), PFERR_FETCH_MASK | PFERR_GUEST_FINAL_MASK);
	/* on a walk of the guest's tables; without a linear address */
	assert_int_equal(EC(KM_ACC_RWUX, false, 0x282), PFERR_WRITE_MASK | PFERR_GUEST_PAGE_MASK);
	assert_int_equal(EC(KM_ACC_RWUX, false, 0x302), PFERR_WRITE_MASK);
	/* with MBEC the user-executable bit counts as present */
	assert_int_equal(EC(KM_ACC_RWUX, true, 0x42), PFERR_WRITE_MASK | PFERR_PRESENT_MASK);
	assert_int_equal(EC(KM_ACC_RWUX, false, 0x42), PFERR_WRITE_MASK);
	assert_int_equal(EC(KM_ACC_RWUX, false, 0x10), PFERR_PRESENT_MASK);
	assert_int_equal(EC(KM_ACC_RWUX, false, 0x20), PFERR_PRESENT_MASK);
#undef EC
	assert_string_equal(km_vmx_exit_name(48), "EPT_VIOLATION");
	assert_null(km_vmx_exit_name(1000));
	assert_null(km_vmx_exit_name(3));
}

static void test_exit_kinds(void **state)
{
	const uint64_t pf = 0x80000b0e, gp = 0x80000b0d;

	(void)state;
	assert_int_equal(km_svm_exit_kind(KM_PAGING_NPT, SVM_EXIT_NPF), KM_EXIT_NPF);
	assert_int_equal(km_svm_exit_kind(KM_PAGING_NPT, SVM_EXIT_PF), KM_EXIT_OTHER);
	assert_int_equal(km_svm_exit_kind(KM_PAGING_SHADOW, SVM_EXIT_PF), KM_EXIT_PF);
	assert_int_equal(km_svm_exit_kind(KM_PAGING_NPT, 0x61), KM_EXIT_OTHER);
	assert_int_equal(km_vmx_exit_kind(KM_PAGING_EPT, 48, NULL), KM_EXIT_EPT_VIOLATION);
	assert_int_equal(km_vmx_exit_kind(KM_PAGING_EPT, 49, NULL), KM_EXIT_EPT_MISCONFIG);
	assert_int_equal(km_vmx_exit_kind(KM_PAGING_EPT, 0, &pf), KM_EXIT_OTHER);
	assert_int_equal(km_vmx_exit_kind(KM_PAGING_SHADOW, 0, &pf), KM_EXIT_PF);
	assert_int_equal(km_vmx_exit_kind(KM_PAGING_SHADOW, 0, &gp), KM_EXIT_OTHER);
	assert_int_equal(km_vmx_exit_kind(KM_PAGING_SHADOW, 0, NULL), KM_EXIT_EXCEPTION_NMI);
	assert_int_equal(km_vmx_exit_kind(KM_PAGING_SHADOW, 48, NULL), KM_EXIT_OTHER);
}

/* An exit qualification has 17 bits; interruption info has a vector that fits its type. */
static void test_numbers_that_are_not_error_codes(void **state)
{
	(void)state;
	assert_true(km_is_exit_qualification(0x184));
	assert_true(km_is_exit_qualification(0x80));
	assert_true(km_is_exit_qualification(0x100));
	assert_true(km_is_exit_qualification(0x1ffff));
	assert_false(km_is_exit_qualification(0x7));
	assert_false(km_is_exit_qualification(0x20180));
	assert_false(km_is_exit_qualification(0x80000306));
	assert_false(km_is_exit_qualification(0x100000184));
	assert_true(km_is_interruption_info(0x80000306));
	assert_false(km_is_interruption_info(0x306));
	assert_false(km_is_interruption_info(0x180000306));
	assert_false(km_is_interruption_info(0x80002306));
	assert_false(km_is_interruption_info(0xc0000306));
	assert_true(km_is_interruption_info(0x8000031f));
	assert_false(km_is_interruption_info(0x80000320));
	assert_true(km_is_interruption_info(0x80000020));
	assert_false(km_is_interruption_info(0x8000001f));
	assert_false(km_is_interruption_info(0x80000120));
	assert_true(km_is_interruption_info(0x80000202));
	assert_false(km_is_interruption_info(0x80000203));
	assert_true(km_is_interruption_info(0x80000480));
	assert_true(km_is_interruption_info(0x80000501));
	assert_false(km_is_interruption_info(0x80000502));
	assert_true(km_is_interruption_info(0x80000603));
	assert_true(km_is_interruption_info(0x80000604));
	assert_false(km_is_interruption_info(0x80000605));
	assert_false(km_is_interruption_info(0x80000703));
}

/* What npf_interception() makes of EXITINFO1. */
static void test_npf_error_codes(void **state)
{
	struct km_npf_state plain = {.cpl_known = true, .cpl = 3};
	struct km_npf_state gmet = {.gmet = true, .cpl_known = true, .cpl = 0};
	struct km_npf_state snp = {.sev_es = true, .sev_snp = true};

	(void)state;
	assert_true(km_npf_error_code(&plain, 0x100000015) == 0x100000015);
	/* U of a fetch, and of nothing else, is that of the CPL */
	assert_true(km_npf_error_code(&gmet, 0x100000015) == 0x100000011);
	assert_true(km_npf_error_code(&gmet, 0x100000007) == 0x100000007);
	gmet.cpl = 3;
	assert_true(km_npf_error_code(&gmet, 0x100000011) == 0x100000015);
	gmet.cpl_known = false;
	assert_true(km_npf_error_code(&gmet, 0x100000011) == 0x100000011);
	/* the CPL of a SEV-ES guest is not visible */
	gmet.cpl_known = gmet.sev_es = true;
	gmet.cpl = 0;
	assert_true(km_npf_error_code(&gmet, 0x100000015) == 0x100000015);
	/* SEV-SNP: an access with the C-bit is private */
	assert_true(km_npf_error_code(&snp, 0x500000004) == 0x2000500000004);
	assert_true(km_npf_error_code(&snp, 0x100000004) == 0x100000004);
	snp.sev_snp = false;
	assert_true(km_npf_error_code(&snp, 0x500000004) == 0x500000004);
}

static void test_tdx_error_codes(void **state)
{
	(void)state;
	/* private: a write, whatever the qualification says */
	assert_true(km_tdx_error_code(KM_ACC_RWUX, true, 0x184) == 0x2000000000002);
	assert_true(km_tdx_error_code(KM_ACC_RWUX, false, 0x182) == 0x100000002);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sound),
		cmocka_unit_test(test_each_contradiction),
		cmocka_unit_test(test_age),
		cmocka_unit_test(test_half_written),
		cmocka_unit_test(test_loading_a_root),
		cmocka_unit_test(test_mmu_of_a_fault),
		cmocka_unit_test(test_vmcb_in_guest),
		cmocka_unit_test(test_exit_kinds),
		cmocka_unit_test(test_numbers_that_are_not_error_codes),
		cmocka_unit_test(test_npf_error_codes),
		cmocka_unit_test(test_tdx_error_codes),
		cmocka_unit_test(test_ept_violations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
