// SPDX-License-Identifier: GPL-2.0-or-later
/* How evidence is weighed: what the last exit shows, which residue counts, what counters say. */
#include "cm.h"
#include "bare_kernel.h"
#include "diagnose/counters.h"
#include "diagnose/damage.h"
#include "diagnose/diagnose_rules.h"
#include "diagnose/evidence.h"
#include "diagnose/host_mapping.h"
#include "frames.h"

#include <string.h>

#define MM  0xffff888001000000ULL
#define RUN 0xffffc90000003f00ULL /* where the frame of KVM_RUN begins */

static const struct km_val unreadable = {.known = KM_UNREADABLE};

static struct world {
	struct km_kernel kernel;
	struct km_vm vm;
	struct km_vcpu vcpu;
	struct km_task task;
	struct km_frame frames[2][KM_FRAMES]; /* of this one and of the vCPU's thread */
	struct km_tasks tasks;
	struct km_memslot slot;
	struct km_case c;
} w;

static struct km_val val(uint64_t v)
{
	return km_known_val(v);
}

/* A vCPU that left the guest by an NMI; residue of its last fault lies on the stack. */
static void reset(void)
{
	struct km_mmu *mmu = &w.c.all.mmus[0];
	struct km_stack *stack = &w.c.last.stack;
	struct km_fault *f = &w.c.last.faults[0];

	memset(&w, 0, sizeof(w));
	w.kernel.vendor = KM_VENDOR_AMD;
	w.vm.mm = val(MM);
	w.vm.mmu_invalidate_seq = val(44);
	w.task = (struct km_task){.mm = val(MM)};
	w.task.stack.frames = no_frames(w.frames[0]);
	w.task.stack.count = 1;
	w.tasks = (struct km_tasks){.tasks = &w.task, .count = 1, .complete = true};
	w.slot = (struct km_memslot){
		.base_gfn = 0x10, .npages = 4, .userspace_addr = 0x7f0000000000};
	w.c = (struct km_case){
		.kernel = &w.kernel,
		.vm = &w.vm,
		.vcpu = &w.vcpu,
		.tasks = &w.tasks,
		.has_addr = true,
		.has_error_code = true,
		.has_panel = true,
		.error_code = PFERR_WRITE_MASK | PFERR_USER_MASK,
	};
	*mmu = (struct km_mmu){.name = "root_mmu", .paging = KM_PAGING_NPT};
	w.c.all.active = w.c.mmu = mmu;
	w.c.last.exit_code = val(0x61);
	w.c.last.has_stack = true;
	w.c.last.count = 1;
	*stack = (struct km_stack){.start = KM_STACK_REGISTERS,
				   .sp = RUN - 0x20,
				   .frames = no_frames(w.frames[1]),
				   .count = 2};
	stack->frames[0].function = "svm_vcpu_run";
	stack->frames[1].function = "kvm_arch_vcpu_ioctl_run";
	stack->frames[0].sure = stack->frames[1].sure = true;
	stack->frames[0].sp = RUN - 0x20;
	stack->frames[1].sp = RUN;
	*f = (struct km_fault){.source = KM_FAULT_STACK, .age = KM_AGE_RESIDUE, .mmu = mmu};
	f->pf.address = RUN - 0x148;
	f->pf.mmu_seq = val(44);
	w.c.fault = f;
	w.c.panel.verdicts[KM_JUDGE_PROCESSOR].ruling = KM_DENIES;
}

static enum km_exit_evidence kind(enum km_vendor vendor, bool shadow, uint64_t code)
{
	enum km_paging paging = shadow			  ? KM_PAGING_SHADOW
				: vendor == KM_VENDOR_AMD ? KM_PAGING_NPT
							  : KM_PAGING_EPT;

	return km_exit_evidence(vendor, paging, val(code));
}

static void test_exits(void **state)
{
	(void)state;
	/* AMD: NPF, or #PF under shadow paging, and not the other way round */
	assert_int_equal(kind(KM_VENDOR_AMD, false, 0x400), KM_SHOWS_FAULT);
	assert_int_equal(kind(KM_VENDOR_AMD, true, 0x4e), KM_SHOWS_FAULT);
	assert_int_equal(kind(KM_VENDOR_AMD, false, 0x4e), KM_SHOWS_INSTRUCTION);
	for (uint64_t code = 0x60; code <= 0x64; code++)
		assert_int_equal(kind(KM_VENDOR_AMD, false, code), KM_SHOWS_ASYNCHRONOUS);
	assert_int_equal(kind(KM_VENDOR_AMD, false, 0x52), KM_SHOWS_ASYNCHRONOUS); /* #MC */
	assert_int_equal(kind(KM_VENDOR_AMD, false, 0x5f), KM_SHOWS_INSTRUCTION);
	assert_int_equal(kind(KM_VENDOR_AMD, false, 0x65), KM_SHOWS_INSTRUCTION);
	assert_int_equal(kind(KM_VENDOR_AMD, false, 0x78), KM_SHOWS_INSTRUCTION); /* HLT */
	assert_int_equal(kind(KM_VENDOR_AMD, false, 0x7e), KM_SHOWS_INSTRUCTION);
	assert_int_equal(kind(KM_VENDOR_AMD, false, 0x7f), KM_SHOWS_UNKNOWN); /* SHUTDOWN */
	assert_int_equal(kind(KM_VENDOR_AMD, false, 0x403), KM_SHOWS_INSTRUCTION);
	assert_int_equal(kind(KM_VENDOR_AMD, false, 0x404), KM_SHOWS_UNKNOWN);
	assert_int_equal(kind(KM_VENDOR_AMD, false, 0xffffffff), KM_SHOWS_UNKNOWN); /* no VMRUN */
	/* Intel */
	assert_int_equal(kind(KM_VENDOR_INTEL, false, 48), KM_SHOWS_FAULT);
	assert_int_equal(kind(KM_VENDOR_INTEL, false, 49), KM_SHOWS_FAULT);
	assert_int_equal(kind(KM_VENDOR_INTEL, true, 0), KM_SHOWS_FAULT);
	for (size_t i = 0; i < 11; i++) {
		static const uint64_t reasons[] = {0, 1, 3, 4, 6, 7, 8, 37, 43, 52, 62};

		assert_int_equal(kind(KM_VENDOR_INTEL, false, reasons[i]), KM_SHOWS_ASYNCHRONOUS);
	}
	for (size_t i = 0; i < 5; i++) {
		static const uint64_t reasons[] = {2, 33, 34, 41, 75};

		assert_int_equal(kind(KM_VENDOR_INTEL, false, reasons[i]), KM_SHOWS_UNKNOWN);
	}
	for (size_t i = 0; i < 4; i++) {
		static const uint64_t reasons[] = {10, 12, 30, 50};

		assert_int_equal(kind(KM_VENDOR_INTEL, false, reasons[i]), KM_SHOWS_INSTRUCTION);
	}
	assert_int_equal(kind(KM_VENDOR_UNKNOWN, false, 0x78), KM_SHOWS_UNKNOWN);
	assert_int_equal(km_exit_evidence(KM_VENDOR_AMD, false, unreadable), KM_SHOWS_UNKNOWN);
	/* of a case, by the active context */
	reset();
	w.c.last.exit_code = val(0x4e);
	assert_int_equal(km_case_exit_evidence(&w.c), KM_SHOWS_INSTRUCTION);
	w.c.all.mmus[0].paging = KM_PAGING_SHADOW;
	assert_int_equal(km_case_exit_evidence(&w.c), KM_SHOWS_FAULT);
	w.c.all.active = NULL;
	assert_int_equal(km_case_exit_evidence(&w.c), KM_SHOWS_UNKNOWN);
}

/* HLT, and no other instruction, shows that the guest has nothing to run. */
static void test_halted(void **state)
{
	(void)state;
	reset();
	w.c.last.exit_code = val(0x78);
	assert_true(km_case_halted(&w.c));
	w.c.last.exit_code = val(0xa6); /* idle HLT */
	assert_true(km_case_halted(&w.c));
	w.c.last.exit_code = val(0x7c); /* an MSR, as the handler of a timer interrupt writes */
	assert_false(km_case_halted(&w.c));
	w.c.last.exit_code = val(12);
	assert_false(km_case_halted(&w.c));
	w.kernel.vendor = KM_VENDOR_INTEL;
	assert_true(km_case_halted(&w.c));
	w.c.last.exit_code = val(0x78);
	assert_false(km_case_halted(&w.c));
	w.kernel.vendor = KM_VENDOR_UNKNOWN;
	assert_false(km_case_halted(&w.c));
	w.kernel.vendor = KM_VENDOR_AMD;
	w.c.last.exit_code = (struct km_val){.known = KM_UNREADABLE, .v = 0x78};
	assert_false(km_case_halted(&w.c));
	w.c.last.exit_code = val(0x78);
	w.c.all.active = NULL;
	assert_false(km_case_halted(&w.c));
}

static bool searches_slots(void)
{
	struct km_slot_conflict conflict;

	km_slot_conflict_read(&w.c, &conflict);
	return conflict.complete;
}

/* Memslots are searched for a conflict unless the guest got past its faults. */
static void test_past_its_faults(void **state)
{
	struct km_stack *stack = &w.c.last.stack;

	(void)state;
	reset();
	bare_kernel_open(&w.kernel);
	w.c.fault = NULL;
	w.c.has_addr = w.c.has_error_code = w.c.has_panel = false;
	w.c.slots_known = true;
	w.vcpu.stats.pf_taken = val(100000);
	w.vcpu.stats.pf_fixed = w.vcpu.stats.pf_spurious = val(0);
	assert_true(searches_slots());
	/* an instruction's exit: it is with the VMM, if the thread is not in KVM_RUN */
	w.c.last.exit_code = val(0x7b);
	stack->frames[0].function = "__schedule";
	stack->frames[1].function = "do_syscall_64";
	stack->frames[2].function = "entry_SYSCALL_64_after_hwframe";
	stack->frames[2].sure = true;
	stack->count = 3;
	assert_false(searches_slots());
	w.c.last.exit_code = val(0x61);
	assert_true(searches_slots());
	w.c.last.exit_code = val(0x7b);
	stack->frames[1].function = "kvm_vcpu_ioctl";
	assert_true(searches_slots());
	stack->frames[1].function = "do_syscall_64";
	w.c.last.has_stack = false;
	assert_true(searches_slots());
	w.c.last.has_stack = true;
	stack->count = 0;
	assert_true(searches_slots());
	/* halted, wherever it is */
	w.c.last.exit_code = val(0x78);
	assert_false(searches_slots());
	bare_kernel_close(&w.kernel);
}

#define counts_not(why)                                                                            \
	do {                                                                                       \
		const char *objection = km_residue_objection(&w.c);                                \
		assert_non_null(objection);                                                        \
		assert_non_null(strstr(objection, why));                                           \
		reset();                                                                           \
		assert_null(km_residue_objection(&w.c));                                           \
	} while (0)

static void test_residue(void **state)
{
	struct km_fault *f = &w.c.last.faults[0];
	struct km_stack *stack = &w.c.last.stack;

	(void)state;
	reset();
	assert_null(km_residue_objection(&w.c));
	f->source = KM_FAULT_VMCB;
	counts_not("not residue");
	f->age = KM_AGE_UNKNOWN;
	counts_not("not residue");
	f->pf.prefetch = val(1);
	counts_not("in advance");
	/* where it lies */
	f->pf.address = RUN - 0x20; /* in the live part */
	counts_not("is not where");
	f->pf.address = RUN - 0x28;
	assert_null(km_residue_objection(&w.c));
	f->pf.address = RUN - 0x400;
	assert_null(km_residue_objection(&w.c));
	f->pf.address = RUN - 0x408; /* deeper than the handler's frame */
	counts_not("is not where");
	stack->start = KM_STACK_UNKNOWN;
	counts_not("is not where");
	w.c.last.has_stack = false;
	counts_not("is not where");
	stack->frames[1].sure = false;
	counts_not("is not where");
	stack->frames[1].function = "kvm_vcpu_ioctl";
	counts_not("is not where");
	stack->sp = RUN; /* the thread is in a shallower function of KVM_RUN itself */
	stack->frames[1].sp = RUN - 0x200;
	counts_not("is not where");
	/* the last exit */
	w.c.last.exit_code = val(0x60);
	assert_null(km_residue_objection(&w.c));
	w.c.last.exit_code = val(0x78);
	counts_not("continued");
	w.c.last.exit_code = unreadable;
	counts_not("not known");
	w.c.last.exit_code = val(0x400); /* AMD has the address of that one itself */
	counts_not("continued");
	/* invalidations */
	f->pf.mmu_seq = val(43);
	counts_not("has ended since");
	f->pf.mmu_seq = (struct km_val){.known = KM_ABSENT};
	counts_not("is not known");
	w.vm.mmu_invalidate_seq = unreadable;
	counts_not("is not known");
	w.task.stack.frames[0].function = "unmap_vmas";
	counts_not("inside an invalidation");
	w.task.stack.frames[0].function = "kvm_gmem_punch_hole";
	counts_not("inside an invalidation");
	w.tasks.complete = false;
	counts_not("may be");
	w.vm.mm = unreadable;
	counts_not("may be");
	/* whether KVM resolved it */
	w.c.panel.verdicts[KM_JUDGE_PROCESSOR].ruling = KM_ALLOWS;
	counts_not("permits the access");
	w.c.panel.verdicts[KM_JUDGE_PROCESSOR].ruling = KM_NO_RULING;
	counts_not("not known");
	w.c.has_panel = false;
	counts_not("not known");
}

/* Intel keeps the kind of access of the last exit, and no address. */
static void test_residue_and_the_exit(void **state)
{
	struct km_fault *exit = &w.c.last.faults[1];

	(void)state;
	for (int bit = 0; bit < 6; bit++) {
		uint64_t differs = KM_BIT(bit);
		bool matters = differs & (PFERR_PRESENT_MASK | PFERR_WRITE_MASK | PFERR_RSVD_MASK |
					  PFERR_FETCH_MASK);

		reset();
		w.kernel.vendor = KM_VENDOR_INTEL;
		w.c.all.mmus[0].paging = KM_PAGING_EPT;
		w.c.last.exit_code = val(48);
		w.c.last.count = 2;
		*exit = (struct km_fault){.source = KM_FAULT_VMX, .age = KM_AGE_LAST_EXIT};
		exit->error_code = val(w.c.error_code);
		assert_null(km_residue_objection(&w.c));
		exit->error_code = val(w.c.error_code ^ differs);
		assert_int_equal(km_residue_objection(&w.c) != NULL, matters);
	}
	exit->error_code = unreadable;
	assert_non_null(km_residue_objection(&w.c));
	exit->error_code = val(w.c.error_code);
	exit->age = KM_AGE_IN_HANDLER;
	assert_non_null(km_residue_objection(&w.c));
	exit->age = KM_AGE_LAST_EXIT;
	w.c.last.count = 1; /* beyond the list */
	assert_non_null(km_residue_objection(&w.c));
	w.c.fault = &w.c.last.faults[1]; /* the exit is the first of the list */
	w.c.last.faults[1] = w.c.last.faults[0];
	w.c.last.faults[0] = (struct km_fault){.source = KM_FAULT_VMX, .age = KM_AGE_LAST_EXIT};
	w.c.last.faults[0].error_code = val(w.c.error_code);
	assert_null(km_residue_objection(&w.c));
}

/* An instruction that KVM could not emulate, which kvm_run still contains. */
static void test_older_failure(void **state)
{
	struct km_fault *f = &w.c.last.faults[0];

	(void)state;
	reset();
	assert_null(km_older_objection(&w.c)); /* residue on the stack, as above */
	f->source = KM_FAULT_RUN;
	f->age = KM_AGE_UNKNOWN;
	assert_string_equal(km_older_objection(&w.c), "KVM has emulated other instructions");
	w.c.insn_emulation = w.c.insn_emulation_fail = val(11342);
	assert_null(km_older_objection(&w.c));
	w.c.last.exit_code = val(0x60);
	assert_null(km_older_objection(&w.c));
	for (unsigned i = 0; i < 3; i++) {
		static const uint64_t codes[] = {0x78, 0x400, 0x7f};

		w.c.last.exit_code = val(codes[i]);
		assert_non_null(strstr(km_older_objection(&w.c), "continued"));
	}
	w.c.last.exit_code = unreadable;
	assert_non_null(strstr(km_older_objection(&w.c), "not known"));
	w.c.last.exit_code = val(0x61);
	w.c.insn_emulation = val(22700);
	assert_non_null(km_older_objection(&w.c));
	w.c.insn_emulation = w.c.insn_emulation_fail = unreadable;
	assert_non_null(km_older_objection(&w.c));
}

static enum km_fault_balance balance(uint64_t taken, uint64_t fixed, uint64_t spurious,
				     uint64_t emulated, uint64_t failed)
{
	struct km_vcpu_stats *s = &w.vcpu.stats;

	s->pf_taken = val(taken);
	s->pf_fixed = val(fixed);
	s->pf_spurious = val(spurious);
	s->pf_emulate = val(emulated);
	w.c.insn_emulation = val(emulated);
	w.c.insn_emulation_fail = val(failed);
	return km_case_counts(&w.c).balance;
}

static void test_counters(void **state)
{
	struct km_vcpu_stats *s = &w.vcpu.stats;
	char text[96];

	(void)state;
	reset();
	assert_int_equal(balance(99, 0, 0, 0, 0), KM_BALANCE_CLEAN);
	assert_int_equal(balance(100, 0, 0, 0, 0), KM_BALANCE_RETRIED);
	assert_int_equal(balance(100, 50, 0, 0, 0), KM_BALANCE_CLEAN);
	assert_int_equal(balance(100, 49, 0, 0, 0), KM_BALANCE_RETRIED);
	assert_int_equal(balance(100, 0, 50, 0, 0), KM_BALANCE_RETRIED);
	assert_int_equal(balance(100, 0, 51, 0, 0), KM_BALANCE_SPURIOUS);
	assert_int_equal(balance(5000, 4001, 0, 0, 0), KM_BALANCE_CLEAN);
	assert_int_equal(balance(5000, 4000, 0, 0, 0), KM_BALANCE_OPEN);
	assert_int_equal(balance(5000, 2000, 0, 2001, 0), KM_BALANCE_CLEAN);
	assert_int_equal(balance(100, 101, 0, 0, 0), KM_BALANCE_CLEAN); /* async page faults */
	/* what the emulator did with it */
	assert_int_equal(balance(5000, 0, 0, 5000, 0), KM_BALANCE_CLEAN);
	assert_int_equal(balance(5000, 0, 0, 5000, 1000), KM_BALANCE_OPEN);
	assert_int_equal(balance(5000, 0, 0, 5000, 2499), KM_BALANCE_OPEN);
	assert_int_equal(balance(5000, 0, 0, 5000, 2500), KM_BALANCE_FAILED);
	assert_int_equal(balance(90, 90, 0, 120, 99), KM_BALANCE_CLEAN);
	assert_int_equal(balance(90, 90, 0, 120, 100), KM_BALANCE_FAILED);
	assert_int_equal(balance(5000, 0, 0, 10, 20), KM_BALANCE_RETRIED); /* for other reasons */
	/* injected into the guest (shadow paging) */
	assert_int_equal(balance(5000, 0, 0, 0, 0), KM_BALANCE_RETRIED);
	s->pf_guest = val(4500);
	assert_int_equal(km_case_counts(&w.c).balance, KM_BALANCE_CLEAN);
	assert_int_equal(km_case_counts(&w.c).resolved, 4500);
	/* what is not known */
	s->pf_guest = unreadable;
	assert_int_equal(balance(200, 200, 0, 0, 0), KM_BALANCE_CLEAN);
	w.c.insn_emulation_fail = unreadable; /* matters only where the emulator decides */
	assert_int_equal(km_case_counts(&w.c).balance, KM_BALANCE_CLEAN);
	s->pf_emulate = val(99);
	assert_int_equal(km_case_counts(&w.c).balance, KM_BALANCE_CLEAN);
	s->pf_emulate = val(100);
	assert_int_equal(km_case_counts(&w.c).balance, KM_BALANCE_UNKNOWN);
	s->pf_taken = val(100);
	assert_int_equal(km_case_counts(&w.c).balance, KM_BALANCE_UNKNOWN);
	s->pf_taken = val(99);
	assert_int_equal(km_case_counts(&w.c).balance, KM_BALANCE_CLEAN);
	s->pf_taken = val(200);
	w.c.insn_emulation_fail.known = KM_ABSENT;
	assert_int_equal(km_case_counts(&w.c).balance, KM_BALANCE_CLEAN);
	for (int i = 0; i < 4; i++) {
		struct km_val *all[] = {&s->pf_taken, &s->pf_fixed, &s->pf_spurious,
					&s->pf_emulate};

		assert_int_equal(balance(200, 200, 0, 0, 0), KM_BALANCE_CLEAN);
		all[i]->known = KM_UNREADABLE;
		assert_int_equal(km_case_counts(&w.c).balance, KM_BALANCE_UNKNOWN);
	}
	/* the words */
	balance(20278, 16, 3, 0, 0);
	assert_string_equal(km_fault_counts_spell(&(struct km_fault_counts){0}, text, 96), "");
	struct km_fault_counts n = km_case_counts(&w.c);
	assert_string_equal(km_fault_counts_spell(&n, text, sizeof(text)),
			    "20278 faults: 16 resolved, 3 spurious, 20259 retried or failed");
	n.spurious = 20261;
	assert_string_equal(km_fault_counts_spell(&n, text, sizeof(text)),
			    "20278 faults: 16 resolved, 20261 spurious, 1 retried or failed");
	n.spurious = 20262;
	assert_string_equal(km_fault_counts_spell(&n, text, sizeof(text)),
			    "20278 faults: 16 resolved, 20262 spurious");
	n.spurious = 20263;
	assert_string_equal(km_fault_counts_spell(&n, text, sizeof(text)),
			    "20278 faults: 16 resolved, 20263 spurious");
}

static void test_lost(void **state)
{
	(void)state;
	assert_true(km_most_are_lost(KM_BALANCE_RETRIED));
	assert_true(km_most_are_lost(KM_BALANCE_SPURIOUS));
	assert_true(km_most_are_lost(KM_BALANCE_FAILED));
	assert_false(km_most_are_lost(KM_BALANCE_UNKNOWN));
	assert_false(km_most_are_lost(KM_BALANCE_CLEAN));
	assert_false(km_most_are_lost(KM_BALANCE_OPEN));
}

/* Exits that are in no counter: what fails on the MMIO path is. */
static void test_unexplained_exits(void **state)
{
	struct km_vcpu_stats s = {.exits = val(1000)};

	(void)state;
	assert_true(km_exits_are_unexplained(&s));
	s.exits = val(999);
	assert_false(km_exits_are_unexplained(&s));
	s.exits = val(3000);
	s.pf_taken = val(500);
	s.halt_exits = val(500);
	s.mmio_exits = val(499);
	assert_true(km_exits_are_unexplained(&s));
	s.mmio_exits = val(500);
	assert_false(km_exits_are_unexplained(&s));
	for (int i = 0; i < 4; i++) {
		struct km_val *all[] = {&s.exits, &s.pf_taken, &s.halt_exits, &s.mmio_exits};

		s = (struct km_vcpu_stats){.exits = val(1000)};
		all[i]->known = KM_UNREADABLE;
		assert_false(km_exits_are_unexplained(&s));
	}
}

static void test_nearly_all_faults(void **state)
{
	(void)state;
	reset();
	balance(2000, 100, 0, 0, 0);
	assert_true(km_nearly_all_faults(&w.c, KM_BALANCE_RETRIED));
	assert_false(km_nearly_all_faults(&w.c, KM_BALANCE_SPURIOUS));
	balance(1050, 60, 0, 0, 0); /* too few for a loop */
	assert_false(km_nearly_all_faults(&w.c, KM_BALANCE_RETRIED));
	balance(2000, 0, 2000, 0, 0); /* and all of them */
	assert_true(km_nearly_all_faults(&w.c, KM_BALANCE_SPURIOUS));
	balance(2000, 0, 0, 2000, 2000);
	assert_true(km_nearly_all_faults(&w.c, KM_BALANCE_FAILED));
	balance(2000, 2000, 0, 0, 0);
	assert_false(km_nearly_all_faults(&w.c, KM_BALANCE_CLEAN));
}

/* Texts that do not fit end at the end of the buffer. */
static void test_counts_in_a_small_buffer(void **state)
{
	const struct km_fault_counts counts = {.balance = KM_BALANCE_RETRIED, .taken = 2000};
	char whole[96], text[96];

	(void)state;
	km_fault_counts_spell(&counts, whole, sizeof(whole));
	for (size_t size = 1; size <= strlen(whole); size++) {
		memset(text, '#', sizeof(text));
		text[sizeof(text) - 1] = 0;
		km_fault_counts_spell(&counts, text, size);
		assert_int_equal(strspn(text + size, "#"), sizeof(text) - size - 1);
		assert_in_range(strlen(text), 0, size - 1);
	}
}

/* Kernels without pf_taken count the faults that they fix, and no others. */
static void test_uncounted_exits(void **state)
{
	struct km_vcpu_stats *s = &w.vcpu.stats;
	struct km_val *counted[] = {&s->pf_fixed,   &s->pf_guest,  &s->mmio_exits,
				    &s->halt_exits, &w.c.io_exits, &w.c.irq_exits};

	(void)state;
	reset();
	s->exits = val(3000);
	for (int i = 0; i < 6; i++)
		*counted[i] = val(249);
	s->pf_taken = val(0);
	assert_int_equal(km_many_uncounted_exits(&w.c), 0);
	s->pf_taken.known = KM_ABSENT;
	assert_int_equal(km_many_uncounted_exits(&w.c), 3000 - 6 * 249);
	for (int i = 0; i < 6; i++) {
		*counted[i] = val(255); /* with it, half of them are counted */
		assert_int_equal(km_many_uncounted_exits(&w.c), 0);
		*counted[i] = val(~0ULL); /* impossible */
		assert_int_equal(km_many_uncounted_exits(&w.c), 0);
		*counted[i] = unreadable;
		assert_int_equal(km_many_uncounted_exits(&w.c), 0);
		*counted[i] = val(249);
	}
	/* what is left, also if that is little, or nothing */
	assert_int_equal(km_uncounted_exits(&w.c).v, 3000 - 6 * 249);
	*counted[5] = val(3000 - 5 * 249);
	assert_int_equal(km_uncounted_exits(&w.c).known, KM_KNOWN);
	assert_int_equal(km_uncounted_exits(&w.c).v, 0);
	*counted[5] = val(3000 - 5 * 249 + 1);
	assert_int_equal(km_uncounted_exits(&w.c).known, KM_UNREADABLE);
	s->pf_taken = val(0);
	assert_int_equal(km_uncounted_exits(&w.c).known, KM_ABSENT);
	s->pf_taken.known = KM_ABSENT;
	for (int i = 0; i < 6; i++)
		*counted[i] = val(0);
	s->exits = val(1000);
	assert_int_equal(km_many_uncounted_exits(&w.c), 1000);
	s->exits = val(999);
	assert_int_equal(km_many_uncounted_exits(&w.c), 0);
	s->exits = unreadable;
	assert_int_equal(km_many_uncounted_exits(&w.c), 0);
}

static void test_host_access(void **state)
{
	(void)state;
	reset();
	w.c.slot = &w.slot;
	w.c.has_hva = true;
	w.c.vma = (struct km_vma){.known = true, .addr = 1, .flags = val(VM_READ | VM_WRITE)};
	assert_int_equal(km_host_access(&w.c), KM_HOST_PERMITS);
	w.c.vma.flags = val(VM_READ);
	assert_int_equal(km_host_access(&w.c), KM_HOST_FORBIDS);
	w.c.error_code = PFERR_USER_MASK;
	assert_int_equal(km_host_access(&w.c), KM_HOST_PERMITS);
	/* check_vma_flags() wants VM_READ; hva_to_pfn_fast() finds a writable page without it */
	w.c.vma.flags = val(VM_WRITE);
	assert_int_equal(km_host_access(&w.c), KM_HOST_UNKNOWN);
	w.c.vma.flags = val(VM_EXEC);
	assert_int_equal(km_host_access(&w.c), KM_HOST_FORBIDS);
	w.c.vma.flags = val(0);
	assert_int_equal(km_host_access(&w.c), KM_HOST_FORBIDS);
	w.c.vma.addr = 0;
	assert_int_equal(km_host_access(&w.c), KM_HOST_UNMAPPED);
	w.c.vma.addr = 1;
	/* what does not depend on the VMA, or is not known */
	w.c.vma.flags = val(VM_IO);
	assert_int_equal(km_host_access(&w.c), KM_HOST_UNKNOWN);
	w.c.vma.flags = val(VM_PFNMAP);
	assert_int_equal(km_host_access(&w.c), KM_HOST_UNKNOWN);
	w.c.vma.flags = unreadable;
	assert_int_equal(km_host_access(&w.c), KM_HOST_UNKNOWN);
	w.c.vma.flags = val(0);
	w.c.vma.known = false;
	assert_int_equal(km_host_access(&w.c), KM_HOST_UNKNOWN);
	w.c.vma.known = true;
	w.slot.flags = KVM_MEMSLOT_INVALID;
	assert_int_equal(km_host_access(&w.c), KM_HOST_UNKNOWN);
	w.slot.flags = KVM_MEMSLOT_GMEM_ONLY;
	assert_int_equal(km_host_access(&w.c), KM_HOST_UNKNOWN);
	w.slot.flags = KVM_MEM_READONLY; /* a read asks the VMA, a write is emulated */
	assert_int_equal(km_host_access(&w.c), KM_HOST_FORBIDS);
	w.c.error_code |= PFERR_WRITE_MASK;
	assert_int_equal(km_host_access(&w.c), KM_HOST_UNKNOWN);
	w.slot.flags = 0;
	assert_int_equal(km_host_access(&w.c), KM_HOST_FORBIDS);
	w.c.error_code |= PFERR_PRIVATE_ACCESS;
	assert_int_equal(km_host_access(&w.c), KM_HOST_UNKNOWN);
	w.c.error_code &= ~PFERR_PRIVATE_ACCESS;
	w.c.has_error_code = false;
	assert_int_equal(km_host_access(&w.c), KM_HOST_UNKNOWN);
	w.c.has_error_code = true;
	w.c.has_hva = false;
	assert_int_equal(km_host_access(&w.c), KM_HOST_UNKNOWN);
	w.c.has_hva = true;
	w.c.slot = NULL;
	assert_int_equal(km_host_access(&w.c), KM_HOST_UNKNOWN);
}

/* A VMA that is no match for a writable memslot. */
static void test_conflicting_vma(void **state)
{
	struct km_vma vma = {.known = true, .addr = 1, .flags = val(VM_READ | VM_WRITE)};

	(void)state;
	assert_false(km_vma_conflicts(&vma));
	vma.flags = val(VM_READ);
	assert_true(km_vma_conflicts(&vma));
	vma.flags = val(VM_READ | VM_IO);
	assert_false(km_vma_conflicts(&vma));
	vma.flags = val(VM_READ | VM_PFNMAP);
	assert_false(km_vma_conflicts(&vma));
	vma.flags = unreadable;
	assert_false(km_vma_conflicts(&vma));
	vma.addr = 0;
	assert_true(km_vma_conflicts(&vma));
}

/* Memslots that map the VMM's memory for writing. */
static void test_writable_memslot(void **state)
{
	static const uint64_t others[] = {KVM_MEM_READONLY, KVM_MEMSLOT_INVALID,
					  KVM_MEMSLOT_GMEM_ONLY};
	struct km_memslot slot = {.userspace_addr = 0x7f0000000000};

	(void)state;
	assert_true(km_slot_is_writable(&slot));
	slot.flags = KVM_MEM_LOG_DIRTY_PAGES;
	assert_true(km_slot_is_writable(&slot));
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		slot.flags = others[i];
		assert_false(km_slot_is_writable(&slot));
	}
	slot.flags = 0;
	slot.userspace_addr = 0;
	assert_false(km_slot_is_writable(&slot));
}

/* Only a table that differs from its role is damaged. */
static void test_no_damage(void **state)
{
	struct km_perm_table *t = w.c.all.tables;

	(void)state;
	reset();
	w.c.all.table_count = 2;
	t[0] = (struct km_perm_table){.context = "root_mmu.w"};
	t[1] = (struct km_perm_table){.context = "root_mmu.fmt", .spte = true};
	for (int status = KM_TABLE_MATCHES; status <= KM_TABLE_NO_VERDICT; status++) {
		if (status == KM_TABLE_DIFFERS)
			continue;
		t[0].status = t[1].status = status;
		assert_null(km_damage_read(&w.c).table);
	}
}

/* If several tables are damaged, it is the one that SPTEs of the fault's MMU are tested with. */
static void test_damaged_table(void **state)
{
	struct km_perm_table *t = w.c.all.tables;
	struct km_damage d;

	(void)state;
	reset();
	bare_kernel_open(&w.kernel);
	w.c.all.table_count = 2;
	t[0] = (struct km_perm_table){.context = "guest_mmu.w", .status = KM_TABLE_DIFFERS};
	t[1] = (struct km_perm_table){
		.context = "root_mmu.fmt", .spte = true, .status = KM_TABLE_DIFFERS};
	t[1].expected[3] = 0x3f3f;
	d = km_damage_read(&w.c);
	assert_ptr_equal(d.table, &t[1]);
	assert_int_equal(d.words, 1);
	assert_int_equal(d.bytes, 2);
	assert_int_equal(d.bits, 12);
	assert_int_equal(d.pattern, KM_DAMAGE_ZERO);
	assert_false(d.before_known || d.after_known);
	for (int bit = 0; bit < 16; bit++) { /* of the lower byte of a word, and of the upper one */
		t[1].expected[3] = (uint16_t)KM_BIT(bit);
		assert_int_equal(km_damage_read(&w.c).bytes, 1);
		assert_int_equal(km_damage_read(&w.c).bits, 1);
	}
	t[1].expected[3] = 0x3f3f;
	t[1].status = KM_TABLE_MATCHES;
	assert_ptr_equal(km_damage_read(&w.c).table, &t[0]);
	t[1].status = KM_TABLE_DIFFERS;
	w.c.mmu = NULL; /* the first */
	assert_ptr_equal(km_damage_read(&w.c).table, &t[0]);
	bare_kernel_close(&w.kernel);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exits),
		cmocka_unit_test(test_halted),
		cmocka_unit_test(test_residue),
		cmocka_unit_test(test_residue_and_the_exit),
		cmocka_unit_test(test_older_failure),
		cmocka_unit_test(test_past_its_faults),
		cmocka_unit_test(test_counters),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_unexplained_exits),
		cmocka_unit_test(test_nearly_all_faults),
		cmocka_unit_test(test_counts_in_a_small_buffer),
		cmocka_unit_test(test_uncounted_exits),
		cmocka_unit_test(test_host_access),
		cmocka_unit_test(test_conflicting_vma),
		cmocka_unit_test(test_writable_memslot),
		cmocka_unit_test(test_no_damage),
		cmocka_unit_test(test_damaged_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
