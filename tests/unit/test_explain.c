// SPDX-License-Identifier: GPL-2.0-or-later
/* What a vCPU waits for, several looks at one, and the rows of the catalogue that need no kernel.
 */
#include "diagnose/diagnose_rules.h"
#include "said.h"
#include "diagnose/samples.h"
#include "frames.h"

#include <stdlib.h>
#include <string.h>

static const struct km_val unreadable = {.known = KM_UNREADABLE};
static const struct km_val absent = {.known = KM_ABSENT};

static struct km_val val(uint64_t v)
{
	return km_known_val(v);
}

/* ---- waits ---- */

static struct km_stack stack_of(const char *const *functions, size_t count)
{
	static struct km_frame frames[KM_FRAMES];
	struct km_stack stack = {.frames = no_frames(frames)};

	for (; stack.count < count; stack.count++) {
		stack.frames[stack.count].function = functions[stack.count];
		stack.frames[stack.count].sure = true;
	}
	return stack;
}

#define STACK(...)                                                                                 \
	stack_of((const char *const[]){__VA_ARGS__},                                               \
		 sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static struct km_wait wait_of(uint64_t task_state, uint64_t mp_state, const struct km_stack *stack)
{
	struct km_vcpu vcpu = {
		.task = val(0xffff888000001000),
		.task_state = val(task_state),
		.on_cpu = val(0),
		.mp_state = val(mp_state),
	};
	struct km_wait_hints hints = {unreadable, unreadable};
	struct km_wait wait;

	km_wait_find(&vcpu, &hints, stack, &wait);
	return wait;
}

static void test_waits(void **state)
{
	struct km_stack s = STACK("__schedule", "schedule", "kvm_vcpu_block", "kvm_vcpu_halt",
				  "kvm_arch_vcpu_ioctl_run", "kvm_vcpu_ioctl");
	struct km_wait w = wait_of(1, 3, &s);

	(void)state;
	assert_int_equal(w.kind, KM_WAIT_HALT);
	assert_int_equal(w.certainty, KM_PROVEN);
	/* the same stack by scanning only */
	for (size_t i = 0; i < s.count; i++)
		s.frames[i].sure = false;
	assert_int_equal(wait_of(1, 3, &s).certainty, KM_LIKELY);
	/* it can run: no wait, whatever lies on the stack */
	assert_int_equal(wait_of(0, 3, &s).kind, KM_WAIT_NONE);

	s = STACK("schedule", "handle_userfault", "handle_mm_fault", "__get_user_pages",
		  "hva_to_pfn", "kvm_arch_vcpu_ioctl_run", "kvm_vcpu_ioctl");
	assert_int_equal(wait_of(1, 0, &s).kind, KM_WAIT_USERFAULT);
	s = STACK("schedule", "rwsem_down_read_slowpath", "__get_user_pages", "hva_to_pfn",
		  "kvm_arch_vcpu_ioctl_run", "kvm_vcpu_ioctl");
	w = wait_of(2, 0, &s);
	assert_int_equal(w.kind, KM_WAIT_LOCK);
	assert_string_equal(w.lock, "mmap_lock");
	s = STACK("schedule", "folio_wait_bit_common", "do_swap_page", "kvm_arch_vcpu_ioctl_run",
		  "kvm_vcpu_ioctl");
	assert_int_equal(wait_of(2, 0, &s).kind, KM_WAIT_PAGE);
	s = STACK("schedule", "io_schedule", "softleaf_entry_wait_on_locked",
		  "migration_entry_wait", "do_swap_page", "kvm_arch_vcpu_ioctl_run",
		  "kvm_vcpu_ioctl");
	assert_non_null(strstr(wait_of(2, 0, &s).text, "for a page that is being migrated"));
	s = STACK("schedule", "io_schedule", "softleaf_entry_wait_on_locked",
		  "pmd_migration_entry_wait", "kvm_arch_vcpu_ioctl_run", "kvm_vcpu_ioctl");
	assert_non_null(strstr(wait_of(2, 0, &s).text, "for a page that is being migrated"));
	s = STACK("schedule", "io_schedule", "softleaf_entry_wait_on_locked", "handle_mm_fault",
		  "kvm_arch_vcpu_ioctl_run", "kvm_vcpu_ioctl");
	assert_non_null(strstr(wait_of(2, 0, &s).text, "for a page that is being migrated, or"));
	/* the VMM's own sleep is its affair, also where it waits for the same things */
	s = STACK("schedule", "futex_wait", "do_futex");
	assert_int_equal(wait_of(1, 3, &s).kind, KM_WAIT_USERSPACE);
	s = STACK("schedule", "something_else", "kvm_arch_vcpu_ioctl_run", "kvm_vcpu_ioctl");
	w = wait_of(2, 0, &s);
	assert_int_equal(w.kind, KM_WAIT_OTHER);
	assert_int_equal(w.certainty, KM_PROVEN);
	assert_non_null(strstr(w.text, "something_else"));
	/* what is found by scanning may be left over from an earlier KVM_RUN */
	s.frames[3].sure = false;
	assert_int_equal(wait_of(2, 0, &s).certainty, KM_LIKELY);
	s.count = 3;
	assert_int_equal(wait_of(2, 0, &s).certainty, KM_PROVEN);
	s.frames[2].sure = false;
	w = wait_of(2, 0, &s);
	assert_int_equal(w.kind, KM_WAIT_OTHER);
	assert_int_equal(w.certainty, KM_LIKELY);
	/* PREEMPT_RT: rwlocks, semaphores and mutexes sleep */
	s = STACK("schedule_rtlock", "rtlock_slowlock_locked", "rt_write_lock", "kvm_tdp_mmu_map",
		  "kvm_arch_vcpu_ioctl_run", "kvm_vcpu_ioctl");
	w = wait_of(0x1000, 0, &s);
	assert_int_equal(w.kind, KM_WAIT_LOCK);
	assert_int_equal(w.certainty, KM_PROVEN);
	assert_string_equal(w.lock, "mmu_lock");
	assert_non_null(strstr(w.text, "rt_write_lock() (PREEMPT_RT): waits for mmu_lock (write)"));
	s = STACK("schedule_rtlock", "rtlock_slowlock_locked", "rt_read_lock", "dup_task_struct");
	w = wait_of(0x1000, 0, &s);
	assert_int_equal(w.kind, KM_WAIT_LOCK);
	assert_int_equal(w.certainty, KM_LIKELY);
	assert_string_equal(w.lock, "");
	s = STACK("schedule_rtlock", "rtlock_slowlock_locked", "rt_spin_lock",
		  "kvm_arch_vcpu_ioctl_run", "kvm_vcpu_ioctl");
	assert_string_equal(wait_of(0x1000, 0, &s).lock, "");
	assert_int_equal(wait_of(0x1000, 0, NULL).kind, KM_WAIT_LOCK);
	s = STACK("schedule", "rt_mutex_slowlock.constprop.0", "__rwbase_read_lock", "down_read",
		  "__get_user_pages", "hva_to_pfn", "kvm_arch_vcpu_ioctl_run", "kvm_vcpu_ioctl");
	w = wait_of(2, 0, &s);
	assert_int_equal(w.kind, KM_WAIT_LOCK);
	assert_string_equal(w.lock, "mmap_lock");
	s = STACK("schedule", "rt_mutex_slowlock.constprop.0", "mutex_lock",
		  "kvm_arch_vcpu_ioctl_run", "kvm_vcpu_ioctl");
	w = wait_of(2, 0, &s);
	assert_int_equal(w.kind, KM_WAIT_LOCK);
	assert_string_equal(w.lock, "");
	/* no stack at all */
	assert_int_equal(wait_of(1, 3, NULL).kind, KM_WAIT_HALT);
	assert_int_equal(wait_of(1, 3, NULL).certainty, KM_LIKELY);
	assert_int_equal(wait_of(1, 0, NULL).kind, KM_WAIT_UNKNOWN);
	/* on its CPU, spinning */
	s = STACK("queued_write_lock_slowpath", "kvm_tdp_page_fault", "kvm_arch_vcpu_ioctl_run",
		  "kvm_vcpu_ioctl");
	w = wait_of(0, 0, &s);
	assert_int_equal(w.kind, KM_WAIT_LOCK);
	assert_string_equal(w.lock, "mmu_lock");
}

/* Which semaphore it is, the caller of the lock tells, not who stands further out. */
static void test_whose_semaphore(void **state)
{
	struct km_stack s = STACK("schedule", "rwsem_down_read_slowpath", "down_read_killable",
				  "__get_user_pages_locked.constprop.0", "hva_to_pfn",
				  "kvm_arch_vcpu_ioctl_run", "kvm_vcpu_ioctl");

	(void)state;
	assert_string_equal(wait_of(2, 0, &s).lock, "mmap_lock");
	s = STACK("schedule", "rwsem_down_read_slowpath", "down_read", "hugetlb_vma_lock_read",
		  "hugetlb_fault", "handle_mm_fault", "__get_user_pages", "hva_to_pfn",
		  "kvm_arch_vcpu_ioctl_run", "kvm_vcpu_ioctl");
	assert_int_equal(wait_of(2, 0, &s).kind, KM_WAIT_LOCK);
	assert_string_equal(wait_of(2, 0, &s).lock, "");
	s = STACK("schedule", "__mutex_lock", "hva_to_pfn", "kvm_vcpu_ioctl");
	assert_string_equal(wait_of(2, 0, &s).lock, "");
}

/* Outer frames that were lost may be KVM's: no word on whether the thread is in KVM_RUN. */
static void test_a_torn_stack_does_not_leave_kvm(void **state)
{
	struct km_stack s = STACK("schedule", "handle_userfault", "handle_mm_fault");
	struct km_wait w = wait_of(1, 0, &s);

	(void)state;
	assert_int_equal(w.kind, KM_WAIT_USERSPACE);
	s.pages_missing = 1;
	assert_int_equal(wait_of(1, 0, &s).kind, KM_WAIT_USERFAULT);
	s = STACK("schedule", "something_else");
	s.pages_missing = 1;
	assert_int_equal(wait_of(1, 0, &s).kind, KM_WAIT_UNKNOWN);
	/* more frames than are kept: the outer ones are left out */
	s.pages_missing = 0;
	for (s.count = 0; s.count < KM_FRAMES; s.count++)
		s.frames[s.count].function = "deep";
	assert_int_equal(wait_of(1, 0, &s).kind, KM_WAIT_UNKNOWN);
	/* unwinding ended at a function whose ORC entries are missing */
	s = STACK("schedule", "something_else");
	strcpy(s.trouble, KM_STACK_STOPPED_EARLY);
	assert_int_equal(wait_of(1, 0, &s).kind, KM_WAIT_UNKNOWN);
	/* what was found by scanning beyond may be residue */
	s = STACK("schedule", "do_nanosleep", "kvm_vcpu_ioctl");
	w = wait_of(1, 0, &s);
	assert_int_equal(w.kind, KM_WAIT_OTHER);
	assert_int_equal(w.certainty, KM_PROVEN);
	assert_non_null(strstr(w.text, "in an ioctl other than KVM_RUN"));
	s.frames[2].sure = false;
	strcpy(s.trouble, KM_STACK_STOPPED_EARLY);
	w = wait_of(1, 0, &s);
	assert_int_equal(w.kind, KM_WAIT_OTHER);
	assert_int_equal(w.certainty, KM_LIKELY);
	assert_null(strstr(w.text, "KVM_RUN"));
}

static void test_frozen_thread(void **state)
{
	struct km_wait w = wait_of(0x8000, 0, NULL);

	(void)state;
	assert_int_equal(w.kind, KM_WAIT_OTHER);
	assert_non_null(strstr(w.text, "frozen"));
}

/* ---- samples ---- */

#define LOOKS 4

/* A vCPU that loops: the same fault, pf_spurious rises. */
static void loop(struct km_sample s[LOOKS])
{
	for (size_t i = 0; i < LOOKS; i++)
		s[i] = (struct km_sample){
			.has_fault = true,
			.addr = 0x4000000,
			.error_code = val(7),
			.rip = val(0x1000),
			.exits = val(100 + 100 * i),
			.pf_taken = val(50 + 100 * i),
			.pf_fixed = val(10),
			.pf_spurious = val(40 + 100 * i),
			.pf_emulate = val(0),
			.mmio_exits = val(3),
			.has_spte = true,
			.spte = 0xd6bee65,
			.level = 1,
			.processor = KM_DENIES,
			.state = KM_STATE_STUCK,
		};
}

static struct km_samples_verdict judge_for(const char *test, const struct km_sample *s,
					   size_t count)
{
	struct km_samples_verdict v;

	km_samples_judge(s, count, &v);
	assert_in_range(strlen(v.text), 10, sizeof(v.text) - 2);
	fprintf(said_by(test), "%s (%s): %s\n", km_trend_name(v.trend),
		km_certainty_text(v.certainty), v.text);
	return v;
}

#define judge(s, count) judge_for(__func__, s, count)

static struct km_samples_verdict judged_for(const char *test, const struct km_sample *s,
					    size_t count, enum km_trend trend,
					    enum km_certainty certainty)
{
	struct km_samples_verdict v = judge_for(test, s, count);

	assert_int_equal(v.trend, trend);
	assert_int_equal(v.certainty, certainty);
	return v;
}

#define judged(s, count, trend, sure) judged_for(__func__, s, count, KM_TREND_##trend, KM_##sure)

static void test_samples_without_addresses(void **state)
{
	struct km_sample s[LOOKS];
	struct km_samples_verdict v;

	(void)state;
	loop(s);
	s[0].fault_exit = false;
	for (int i = 0; i < LOOKS; i++)
		km_sample_drop_addresses(&s[i]);
	assert_false(s[0].has_fault || s[0].has_spte || km_is_known(s[0].rip));
	assert_true(s[0].fault_exit);
	/* the loop is not recognized, and not called anything else */
	km_samples_judge(s, LOOKS, &v);
	assert_int_equal(v.trend, KM_TREND_OPEN);
	/* an exit stays one; what was no fault does not become one */
	s[0].has_fault = false;
	km_sample_drop_addresses(&s[0]);
	assert_true(s[0].fault_exit);
	s[0].fault_exit = false;
	km_sample_drop_addresses(&s[0]);
	assert_false(s[0].fault_exit);
}

/* Kernels that keep only the lower half of a fault's error code; and one emulated fault. */
static void test_samples_of_half_an_error_code(void **state)
{
	static const uint64_t codes[][2] = {
		/* the same */
		{0x100000007, 0x100000007},
		{0x100000007, 7},
		{7, 0x100000007},
		/* other faults */
		{0x100000007, 0x200000007},
		{0x200000007, 0x100000007},
		{0x100000007, 0x100000005},
		{0x100000007, 5},
		{7, 5},
	};
	struct km_sample s[LOOKS];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		loop(s);
		for (size_t look = 0; look < LOOKS; look++)
			s[look].error_code = val(codes[i][look % 2]);
		assert_int_equal(judge(s, LOOKS).trend == KM_TREND_LOOPS, i < 3);
	}
	/* how many failed to be emulated is not known: none is subtracted */
	loop(s);
	for (size_t look = 1; look < LOOKS; look++)
		s[look].pf_emulate = val(s[0].pf_emulate.v + 1);
	for (size_t look = 0; look < LOOKS; look++)
		s[look].emulation_failed = unreadable;
	assert_int_not_equal(judge(s, LOOKS).trend, KM_TREND_LOOPS);
}

static void test_samples(void **state)
{
	struct km_sample s[LOOKS];

	(void)state;
	loop(s);
	judged(s, LOOKS, LOOPS, PROVEN);
	assert_int_equal(judge(s, 2).certainty, KM_PROVEN);
	assert_int_equal(judge(s, 1).trend, KM_TREND_OPEN);

	/* RIP not known (Intel): never proven */
	s[2].rip = unreadable;
	assert_int_equal(judge(s, LOOKS).trend, KM_TREND_LOOPS);
	assert_int_equal(judge(s, LOOKS).certainty, KM_LIKELY);
	loop(s);
	s[0].rip = unreadable;
	assert_int_equal(judge(s, LOOKS).trend, KM_TREND_LOOPS);
	loop(s); /* the processor would allow it: a stale TLB at most */
	for (size_t i = 0; i < LOOKS; i++)
		s[i].processor = KM_ALLOWS;
	assert_int_equal(judge(s, LOOKS).certainty, KM_LIKELY);
	loop(s);
	s[0].processor = KM_ALLOWS;
	assert_int_equal(judge(s, LOOKS).certainty, KM_LIKELY);
	loop(s); /* the SPTE changed meanwhile */
	s[1].spte = 0xd6bee67;
	assert_int_equal(judge(s, LOOKS).certainty, KM_LIKELY);

	loop(s); /* REP STOS: one RIP, the address moves on, and faults are fixed */
	for (size_t i = 0; i < LOOKS; i++) {
		s[i].addr += 0x1000 * i;
		s[i].pf_fixed = val(10 + 90 * i);
	}
	judged(s, LOOKS, PROGRESSES, PROVEN);
	loop(s); /* another address at the same RIP, nothing fixed: an event that is delivered */
	s[3].addr = 0x5000000;
	assert_int_equal(judge(s, LOOKS).trend, KM_TREND_OPEN);
	s[2].rip = unreadable; /* RIP is not known: it may be another one */
	judged(s, LOOKS, PROGRESSES, POSSIBLE);
	s[2].rip = val(0x2000);
	assert_int_equal(judge(s, LOOKS).certainty, KM_POSSIBLE);
	loop(s);
	s[3].rip = val(0x2000);
	assert_int_equal(judge(s, LOOKS).trend, KM_TREND_PROGRESSES);
	loop(s); /* the same fault, fixed each time, at the same RIP */
	s[3].pf_fixed = val(60);
	assert_int_equal(judge(s, LOOKS).trend, KM_TREND_OPEN);
	loop(s); /* no fault any more */
	for (size_t i = 0; i < LOOKS; i++) {
		s[i].pf_taken = val(50);
		s[i].pf_spurious = val(40);
		s[i].has_fault = false;
	}
	/* interrupts reach a vCPU that loops on a fault that is not counted */
	assert_int_equal(judge(s, LOOKS).trend, KM_TREND_QUIET);
	assert_int_equal(judge(s, LOOKS).certainty, KM_POSSIBLE);
	s[2].instruction_exit = true;
	assert_int_equal(judge(s, LOOKS).certainty, KM_LIKELY);
	s[3].emulation_failed = val(1);
	s[0].emulation_failed = val(0);
	assert_int_equal(judge(s, LOOKS).certainty, KM_POSSIBLE);
	s[0].emulation_failed = val(1);
	assert_int_equal(judge(s, LOOKS).certainty, KM_LIKELY);
	/* a fault on an MMIO SPTE is not counted: the last exit was a fault all the same */
	s[1].fault_exit = true;
	assert_int_equal(judge(s, LOOKS).certainty, KM_POSSIBLE);
	for (size_t i = 0; i < LOOKS; i++)
		s[i].exits = val(100);
	assert_int_equal(judge(s, LOOKS).trend, KM_TREND_OPEN);
	/* an hour in between: most exits were no such fault */
	loop(s);
	s[3].exits = val(100 + 601);
	assert_int_equal(judge(s, LOOKS).certainty, KM_PROVEN);
	s[3].exits = val(100 + 602);
	judged(s, LOOKS, LOOPS, LIKELY);
	/* the guest executed HLT: it is not at that fault all the time */
	loop(s);
	s[3].halt_exits = val(1);
	judged(s, LOOKS, OPEN, NOTE);
	s[0].halt_exits = val(1);
	assert_int_equal(judge(s, LOOKS).trend, KM_TREND_LOOPS);
	s[0].halt_exits = unreadable;
	assert_int_equal(judge(s, LOOKS).trend, KM_TREND_LOOPS);
	loop(s); /* soon after another: KVM may have retried the fault that often */
	s[1].pf_taken = val(50 + 7);
	judged(s, 2, OPEN, NOTE);
	s[1].pf_taken = val(50 + 8);
	assert_int_equal(judge(s, 2).trend, KM_TREND_LOOPS);
	s[1].pf_taken = val(50); /* nor are MMIO SPTEs counted */
	assert_int_equal(judge(s, 2).trend, KM_TREND_LOOPS);
	s[1].exits = val(100 + 7);
	assert_int_equal(judge(s, 2).trend, KM_TREND_OPEN);
	loop(s); /* counters that fall, or are not readable */
	s[3].pf_taken = val(1);
	assert_int_equal(judge(s, LOOKS).trend, KM_TREND_OPEN);
	s[3].pf_taken = unreadable;
	assert_int_equal(judge(s, LOOKS).trend, KM_TREND_OPEN);
}

/* Those that fell tell nothing, as those that are not readable do. */
static void test_samples_of_counters_that_fell(void **state)
{
	struct km_sample s[LOOKS];

	(void)state;
	loop(s);
	s[0].emulation_failed = val(5);
	s[3].emulation_failed = val(1);
	s[3].pf_emulate = val(1);
	judged(s, LOOKS, OPEN, NOTE);
	loop(s);
	for (size_t i = 0; i < LOOKS; i++) {
		s[i].pf_spurious = val(40);
		s[i].invalidate_seq = val(10 - i);
	}
	judged(s, LOOKS, LOOPS, LIKELY);
}

/* A look on the way to an interrupt, or from inside the guest, has no fault. */
static void test_samples_without_fault(void **state)
{
	struct km_sample s[LOOKS];
	struct km_samples_verdict v;

	(void)state;
	for (size_t i = 0; i < LOOKS; i++) {
		loop(s);
		s[i].has_fault = s[i].has_spte = false;
		s[i].addr = 0;
		s[i].error_code = unreadable;
		s[i].processor = KM_NO_RULING;
		v = judge(s, LOOKS);
		assert_int_equal(v.trend, KM_TREND_LOOPS);
		assert_int_equal(v.certainty, KM_PROVEN);
		assert_non_null(strstr(v.text, "in 3 of 4 samples"));
	}
	/* two of three: not proven; one: nothing */
	v = judged(s + 1, 3, LOOPS, LIKELY);
	v = judge(s + 2, 2);
	assert_int_equal(v.trend, KM_TREND_OPEN);
	/* RIP of a look without a fault may be in the handler of an interrupt */
	s[3].rip = val(0x2000);
	v = judged(s, LOOKS, LOOPS, LIKELY);
	/* unless the processor permits it, or most exits were something else */
	s[1].processor = KM_ALLOWS;
	assert_int_equal(judge(s, LOOKS).trend, KM_TREND_OPEN);
	s[1].processor = KM_DENIES;
	s[3].exits = val(s[0].exits.v + 2 * (s[3].pf_taken.v - s[0].pf_taken.v));
	assert_int_equal(judge(s, LOOKS).trend, KM_TREND_LOOPS);
	s[3].exits.v += 2;
	assert_int_equal(judge(s, LOOKS).trend, KM_TREND_OPEN);
	s[3].exits = val(400);
	s[3].rip = unreadable;
	assert_int_equal(judge(s, LOOKS).trend, KM_TREND_LOOPS);
	/* fixed each time, and elsewhere in between: the log of dirty pages is read */
	loop(s);
	s[1].has_fault = false;
	s[1].rip = val(0x2000);
	s[3].pf_fixed = val(160);
	v = judged(s, LOOKS, PROGRESSES, LIKELY);
	s[3].pf_fixed = val(159); /* most were not fixed */
	assert_int_equal(judge(s, LOOKS).trend, KM_TREND_OPEN);
	/* the one in the middle, and another fault after it at the same RIP */
	loop(s);
	s[1].has_fault = false;
	s[2].addr = 0x5000000;
	assert_int_equal(judge(s, LOOKS).trend, KM_TREND_OPEN);
	s[2].addr = s[0].addr;
	s[2].error_code = val(4);
	assert_int_equal(judge(s, LOOKS).trend, KM_TREND_OPEN);
	/* looks at the very same fault count once: it did not run in between */
	loop(s);
	s[1].pf_taken = s[0].pf_taken;
	s[1].exits = s[0].exits;
	assert_int_equal(judge(s, LOOKS).certainty, KM_PROVEN);
	s[2].has_fault = false;
	v = judged(s, LOOKS, LOOPS, LIKELY);
	s[3].has_fault = false;
	assert_int_equal(judge(s, LOOKS).trend, KM_TREND_OPEN);
	/* KVM retries without calling it spurious: no proof */
	loop(s);
	for (size_t i = 0; i < LOOKS; i++)
		s[i].pf_spurious = val(40);
	assert_int_equal(judge(s, LOOKS).certainty, KM_LIKELY);
	/* something was emulated, or MMIO, meanwhile */
	loop(s);
	s[3].pf_emulate = val(1);
	assert_int_equal(judge(s, LOOKS).trend, KM_TREND_OPEN);
	loop(s);
	s[3].mmio_exits = val(4);
	assert_int_equal(judge(s, LOOKS).trend, KM_TREND_OPEN);
}

/* The same loop on a kernel without pf_taken: most exits are in no counter. */
static void uncounted_loop(struct km_sample s[LOOKS])
{
	loop(s);
	for (size_t i = 0; i < LOOKS; i++) {
		s[i].pf_taken = s[i].pf_spurious = s[i].pf_emulate = absent;
		s[i].uncounted_exits = val(90 + 100 * i);
		s[i].insn_emulation = val(3);
	}
}

static void test_samples_where_faults_are_not_counted(void **state)
{
	struct km_sample s[LOOKS];
	struct km_samples_verdict v;

	(void)state;
	uncounted_loop(s);
	v = judged(s, LOOKS, LOOPS, LIKELY); /* nothing proves that the exits were such faults */
	assert_non_null(
		strstr(v.text, "exits rose by 300, of which at least 300 are in no counter"));
	assert_null(strstr(v.text, "pf_taken"));
	/* half of the exits, and one fewer */
	s[3].uncounted_exits = val(90 + 150);
	v = judged(s, LOOKS, LOOPS, LIKELY);
	s[3].uncounted_exits = val(90 + 149);
	v = judged(s, LOOKS, OPEN, NOTE);
	/* eight, and one fewer: retries */
	s[3].exits = val(100 + 8);
	s[3].uncounted_exits = val(90 + 8);
	v = judged(s, LOOKS, LOOPS, LIKELY);
	s[3].uncounted_exits = val(90 + 7);
	v = judged(s, LOOKS, OPEN, NOTE);
	/* what does not show that it is still the same fault */
	for (int what = 0; what < 3; what++) {
		uncounted_loop(s);
		if (what == 0)
			s[2].processor = KM_ALLOWS;
		else if (what == 1)
			s[2].spte++;
		for (size_t i = 0; what == 2 && i < LOOKS; i++)
			s[i].rip = unreadable;
		v = judged(s, LOOKS, LOOPS, POSSIBLE);
	}
	/* the fast path may have fixed it, which is not counted */
	for (int well = 0; well < 2; well++) {
		uncounted_loop(s);
		s[well].state = well ? KM_STATE_HEALTHY : KM_STATE_PROGRESSING;
		v = judged(s, LOOKS, OPEN, NOTE);
		s[well].has_fault = false;
		v = judged(s, LOOKS, LOOPS, LIKELY);
	}
	/* something was resolved */
	uncounted_loop(s);
	s[3].pf_fixed = val(11);
	v = judged(s, LOOKS, OPEN, NOTE);
	uncounted_loop(s);
	s[3].insn_emulation = val(4);
	v = judged(s, LOOKS, OPEN, NOTE);
	s[0].emulation_failed = val(0);
	s[3].emulation_failed = val(1); /* with an error */
	v = judged(s, LOOKS, LOOPS, LIKELY);
	uncounted_loop(s);
	s[3].mmio_exits = val(4);
	s[3].insn_emulation = val(4); /* which performs the MMIO */
	v = judged(s, LOOKS, OPEN, NOTE);
	assert_non_null(strstr(v.text, "0 emulated, 1 exit was MMIO"));
	/* invalidations make KVM retry */
	uncounted_loop(s);
	for (size_t i = 0; i < LOOKS; i++)
		s[i].invalidate_seq = val(i);
	v = judged(s, LOOKS, OPEN, NOTE);
	assert_non_null(strstr(v.text, "at least 300 exits were in no counter and none was fixed"));
	/* it makes progress: most exits may have been such faults, or not */
	uncounted_loop(s);
	s[3].pf_fixed = val(10 + 301);
	s[3].exits = val(100 + 601);
	s[3].uncounted_exits = val(90 + 300);
	s[3].addr = 0x5000000;
	v = judged(s, LOOKS, PROGRESSES, PROVEN);
	s[3].pf_fixed = val(10 + 298);
	v = judged(s, LOOKS, PROGRESSES, POSSIBLE);
	/* each exit is in a counter; the numbers of a running kernel are of different moments */
	for (uint64_t fell = 0; fell < 2; fell++) {
		uncounted_loop(s);
		s[3].uncounted_exits = val(90 - fell);
		s[3].addr = 0x5000000;
		v = judged(s, LOOKS, QUIET, POSSIBLE);
	}
	/* evidence is missing */
	for (int what = 0; what < 5; what++) {
		struct km_val *needed[] = {&s[0].uncounted_exits, &s[3].uncounted_exits,
					   &s[0].insn_emulation, &s[3].insn_emulation,
					   &s[3].pf_fixed};

		uncounted_loop(s);
		*needed[what] = unreadable;
		v = judged(s, LOOKS, OPEN, NOTE);
	}
	/* of another kernel */
	uncounted_loop(s);
	s[3].pf_taken = unreadable;
	v = judged(s, LOOKS, OPEN, NOTE);
	s[3].pf_taken = absent;
	s[0].pf_taken = unreadable;
	v = judged(s, LOOKS, OPEN, NOTE);
}

/* Faults on MMIO SPTEs raise the exits only: the same one with rising exits is a loop. */
static void test_samples_of_uncounted_faults(void **state)
{
	struct km_sample s[LOOKS];

	(void)state;
	loop(s);
	for (size_t i = 0; i < LOOKS; i++) {
		s[i].error_code = val(0xe);
		s[i].pf_taken = val(50);
		s[i].pf_spurious = val(40);
	}
	judged(s, LOOKS, LOOPS, LIKELY);
	/* MMIO of a device in the kernel is counted nowhere */
	s[1].state = KM_STATE_PROGRESSING;
	judged(s, LOOKS, OPEN, NOTE);
	s[3].pf_taken = val(51); /* that was another one */
	judged(s, LOOKS, OPEN, NOTE);
	s[3].pf_taken = val(50);
	s[1].state = KM_STATE_STUCK;
	s[3].mmio_exits = val(90); /* emulated: MMIO without end is healthy */
	assert_int_equal(judge(s, LOOKS).trend, KM_TREND_OPEN);
	/* handed to the emulator, which failed each time */
	loop(s);
	for (size_t i = 0; i < LOOKS; i++) {
		s[i].pf_spurious = val(40);
		s[i].pf_emulate = s[i].emulation_failed = val(100 * i);
	}
	assert_int_equal(judge(s, LOOKS).trend, KM_TREND_LOOPS);
	s[3].emulation_failed = val(200);
	assert_int_equal(judge(s, LOOKS).trend, KM_TREND_OPEN);
	/* the VMM may handle errors of KVM_RUN, and move RIP */
	loop(s);
	for (size_t i = 0; i < LOOKS; i++)
		s[i].pf_spurious = val(40);
	s[2].state = KM_STATE_WAITING;
	judged(s, LOOKS, LOOPS, LIKELY);
	for (size_t i = 0; i < LOOKS; i++)
		s[i].rip = unreadable;
	judged(s, LOOKS, LOOPS, POSSIBLE);
	s[2].state = KM_STATE_STUCK;
	judged(s, LOOKS, LOOPS, LIKELY);
	/* TDX retries inside KVM: faults without exits */
	loop(s);
	for (size_t i = 0; i < LOOKS; i++)
		s[i].exits = val(100);
	assert_int_equal(judge(s, LOOKS).trend, KM_TREND_LOOPS);
	for (size_t i = 0; i < LOOKS; i++)
		s[i].pf_taken = val(50);
	assert_int_equal(judge(s, LOOKS).trend, KM_TREND_OPEN);
	assert_non_null(strstr(judge(s, LOOKS).text, "did not run"));
}

/* Fixed and zapped again: pf_fixed alone proves no progress. */
static void test_samples_of_a_livelock(void **state)
{
	struct km_explanation *e = calloc(1, sizeof(*e));
	struct km_sample s[LOOKS];
	struct km_samples_verdict v;

	(void)state;
	loop(s);
	for (size_t i = 0; i < LOOKS; i++) {
		s[i].pf_fixed = val(10 + 100 * i);
		s[i].pf_spurious = val(40);
		s[i].invalidate_seq = val(1000 + 100 * i);
	}
	v = judged(s, LOOKS, LOOPS, LIKELY);
	assert_true(v.map_zap);
	e->found[0] = (struct km_diagnosis){.id = "dirty-log-huge", .certainty = KM_NOTE};
	e->count = 1;
	km_samples_settle(&v, e);
	assert_int_equal(e->state, KM_STATE_STUCK);
	assert_int_equal(e->count, 2);
	assert_string_equal(e->found[0].id, "map-zap-livelock");
	assert_int_equal(e->found[0].certainty, KM_LIKELY);
	assert_true(e->found[0].stuck);
	km_samples_settle(&v, e); /* once */
	assert_int_equal(e->count, 2);
	/* without RIP (Intel) it is only possible, and refutes nothing */
	for (size_t i = 0; i < LOOKS; i++)
		s[i].rip = unreadable;
	v = judged(s, LOOKS, LOOPS, POSSIBLE);
	/* twice at the same place may be chance, where the guest's loop is small */
	for (size_t i = 0; i < LOOKS; i++)
		s[i].rip = val(0x1000);
	assert_int_equal(judge(s, 2).certainty, KM_POSSIBLE);
	assert_int_equal(judge(s, 3).certainty, KM_LIKELY);
	for (size_t i = 0; i < LOOKS; i++)
		s[i].rip = unreadable;
	/* zapped a few times: so is any page of a healthy VM */
	s[1].pf_taken = val(50 + 7);
	assert_int_equal(judge(s, 2).trend, KM_TREND_OPEN);
	s[1].pf_taken = val(50 + 8);
	assert_int_equal(judge(s, 2).trend, KM_TREND_LOOPS);
	/* as many as half of the faults, or fewer */
	for (size_t i = 0; i < LOOKS; i++)
		s[i].invalidate_seq = val(1000 + 50 * i);
	assert_int_equal(judge(s, LOOKS).trend, KM_TREND_LOOPS);
	for (size_t i = 0; i < LOOKS; i++)
		s[i].invalidate_seq = val(1000 + 40 * i);
	assert_int_equal(judge(s, LOOKS).trend, KM_TREND_PROGRESSES);
	s[1].pf_fixed = val(12);
	for (size_t i = 0; i < LOOKS; i++)
		s[i].invalidate_seq = unreadable;
	assert_int_equal(judge(s, 2).trend, KM_TREND_PROGRESSES);
	s[1].pf_fixed = val(110);
	/* few invalidations: the page is another one each time, or not */
	for (size_t i = 0; i < LOOKS; i++)
		s[i].invalidate_seq = val(1000);
	v = judged(s, LOOKS, PROGRESSES, POSSIBLE);
	assert_false(v.map_zap);
	e->certainty = KM_LIKELY;
	km_samples_settle(&v, e);
	assert_int_equal(e->state, KM_STATE_STUCK);
	/* no address (Intel between two faults): never proven by pf_fixed alone */
	for (size_t i = 0; i < LOOKS; i++)
		s[i].has_fault = s[i].has_spte = false;
	v = judged(s, LOOKS, PROGRESSES, LIKELY);
	for (size_t i = 0; i < LOOKS; i++) /* RIP is not known, so it is not the same */
		s[i].invalidate_seq = val(1000 + 100 * i);
	assert_int_equal(judge(s, LOOKS).trend, KM_TREND_PROGRESSES);
	/* ... and where RIP stands still while pages are zapped, nothing is said */
	for (size_t i = 0; i < LOOKS; i++) {
		s[i].rip = val(0x1000);
		s[i].invalidate_seq = val(1000 + 100 * i);
	}
	assert_int_equal(judge(s, LOOKS).trend, KM_TREND_OPEN);
	s[2].rip = val(0x2000); /* it advances, or an interrupt reached it in the livelock */
	v = judged(s, LOOKS, PROGRESSES, POSSIBLE);
	free(e);
}

/* Faults that were neither fixed nor spurious: an invalidation may be why. */
static void test_samples_of_retries(void **state)
{
	struct km_explanation *e = calloc(1, sizeof(*e));
	struct km_sample s[LOOKS];
	struct km_samples_verdict v;

	(void)state;
	loop(s);
	for (size_t i = 0; i < LOOKS; i++) {
		s[i].pf_spurious = val(40);
		s[i].invalidate_seq = val(1000);
	}
	v = judged(s, LOOKS, LOOPS, LIKELY);
	/* one is under way: it waits for that, unless something else is found */
	e->state = KM_STATE_WAITING;
	e->found[0] = (struct km_diagnosis){.id = "invalidate-in-progress", .certainty = KM_NOTE};
	e->count = 1;
	km_samples_settle(&v, e);
	assert_int_equal(e->state, KM_STATE_WAITING);
	e->found[1] = (struct km_diagnosis){.id = "dirty-log-huge", .certainty = KM_NOTE};
	e->count = 2;
	km_samples_settle(&v, e);
	assert_int_equal(e->state, KM_STATE_WAITING);
	v.certainty = KM_PROVEN;
	km_samples_settle(&v, e);
	assert_int_equal(e->state, KM_STATE_STUCK);
	v.certainty = KM_LIKELY;
	e->state = KM_STATE_WAITING;
	e->found[1] = (struct km_diagnosis){.id = "readonly-host", .certainty = KM_LIKELY};
	e->found[1].stuck = true;
	km_samples_settle(&v, e);
	assert_int_equal(e->state, KM_STATE_STUCK);
	/* nothing was found */
	e->state = KM_STATE_WAITING;
	e->count = 0;
	km_samples_settle(&v, e);
	assert_int_equal(e->state, KM_STATE_STUCK);
	/* some ended in between; they do not explain spurious faults */
	s[LOOKS - 1].invalidate_seq = val(1001);
	assert_int_equal(judge(s, LOOKS).trend, KM_TREND_OPEN);
	for (size_t i = 0; i < LOOKS; i++)
		s[i].pf_spurious = val(40 + 100 * i);
	assert_int_equal(judge(s, LOOKS).trend, KM_TREND_LOOPS);
	free(e);
}

/* The vCPU moves on: what the counters say about it in addition. */
/* One of each: what is said is compared. */
static void test_samples_that_differ_by_one(void **state)
{
	struct km_sample s[LOOKS];

	(void)state;
	loop(s);
	s[1].pf_taken = val(50 + 1);
	s[1].pf_spurious = val(40 + 1);
	judged(s, 2, OPEN, NOTE);
	/* zapped each time */
	s[1].pf_taken = val(50 + 8);
	s[1].pf_fixed = val(10 + 1);
	s[0].invalidate_seq = val(1);
	s[1].invalidate_seq = val(2);
	judged(s, 2, LOOPS, POSSIBLE);
	s[0].has_fault = false;
	judged(s, 2, OPEN, NOTE);
	/* quiet */
	loop(s);
	s[1] = s[0];
	s[1].has_fault = false;
	s[1].exits = val(100 + 1);
	judged(s, 2, QUIET, POSSIBLE);
}

static void test_samples_that_move(void **state)
{
	struct km_sample s[LOOKS];

	(void)state;
	loop(s);
	s[3].addr += 0x1000;
	s[3].pf_emulate = val(300);
	assert_int_equal(judge(s, LOOKS).certainty, KM_PROVEN);
	s[3].emulation_failed = val(150);
	assert_int_equal(judge(s, LOOKS).certainty, KM_PROVEN);
	/* few were resolved: those of an interrupt handler, while it loops */
	s[3].emulation_failed = val(151);
	judged(s, LOOKS, PROGRESSES, POSSIBLE);
	s[3].emulation_failed = val(0);
	s[3].pf_emulate = val(0);
	s[3].mmio_exits = val(153);
	assert_int_equal(judge(s, LOOKS).certainty, KM_LIKELY);
	/* half of them, in different ways */
	s[3].mmio_exits = val(3 + 10);
	s[3].pf_fixed = val(10 + 140);
	assert_int_equal(judge(s, LOOKS).certainty, KM_PROVEN);
	/* as many invalidations: not proven */
	s[3].mmio_exits = val(3);
	s[3].pf_fixed = val(310);
	assert_int_equal(judge(s, LOOKS).certainty, KM_PROVEN);
	s[0].invalidate_seq = val(100);
	s[3].invalidate_seq = val(400);
	assert_int_equal(judge(s, LOOKS).certainty, KM_LIKELY);
	for (size_t i = 0; i < LOOKS; i++) /* only RIP, as on Intel */
		s[i].has_fault = false;
	assert_int_equal(judge(s, LOOKS).trend, KM_TREND_OPEN);
	s[3].rip = val(0x2000);
	judged(s, LOOKS, PROGRESSES, POSSIBLE);
	/* no fault at hand, none resolved: RIP alone */
	loop(s);
	for (size_t i = 0; i < LOOKS; i++)
		s[i].has_fault = false;
	assert_int_equal(judge(s, LOOKS).trend, KM_TREND_OPEN);
	s[3].rip = val(0x2000);
	judged(s, LOOKS, PROGRESSES, POSSIBLE);
	/* the same fault from two places */
	loop(s);
	s[3].rip = val(0x2000);
	assert_int_equal(judge(s, LOOKS).certainty, KM_LIKELY);
}

static void test_trend_names(void **state)
{
	(void)state;
	assert_string_equal(km_trend_name(KM_TREND_OPEN), "open");
	assert_string_equal(km_trend_name(KM_TREND_QUIET), "quiet");
	assert_string_equal(km_trend_name(KM_TREND_LOOPS), "loops");
	assert_string_equal(km_trend_name(KM_TREND_PROGRESSES), "progresses");
}

static void test_samples_settle(void **state)
{
	struct km_explanation *e = calloc(1, sizeof(*e));
	struct km_sample s[LOOKS];
	struct km_samples_verdict v;

	(void)state;
	loop(s);
	v = judge(s, LOOKS);
	e->state = KM_STATE_PROGRESSING;
	e->found[0] = (struct km_diagnosis){
		.id = "spurious-loop", .certainty = KM_POSSIBLE, .stuck = true, .open = "?"};
	e->found[1] = (struct km_diagnosis){
		.id = "mmu-seq-sign", .certainty = KM_POSSIBLE, .stuck = true};
	e->found[2] = (struct km_diagnosis){.id = "dirty-log-huge", .certainty = KM_NOTE};
	e->count = 3;
	km_samples_settle(&v, e);
	assert_int_equal(e->state, KM_STATE_STUCK);
	assert_int_equal(e->certainty, KM_PROVEN);
	assert_int_equal(e->found[0].certainty, KM_PROVEN);
	assert_string_equal(e->found[0].open, "");
	assert_int_equal(e->found[1].certainty, KM_LIKELY); /* that it loops does not say why */
	assert_int_equal(e->found[2].certainty, KM_NOTE);

	for (size_t i = 0; i < LOOKS; i++) {
		s[i].addr += 0x1000 * i;
		s[i].pf_fixed = val(10 + 90 * i);
	}
	v = judge(s, LOOKS);
	e->found[1] = (struct km_diagnosis){
		.id = "perm-table-mismatch", .certainty = KM_PROVEN, .stuck = true};
	e->found[0].certainty = KM_LIKELY;
	e->certainty = KM_NOTE;
	km_samples_settle(&v, e);
	assert_int_equal(e->state, KM_STATE_PROGRESSING);
	assert_int_equal(e->certainty, KM_PROVEN);
	assert_int_equal(e->found[0].certainty, KM_NOTE);
	assert_false(e->found[0].stuck);
	assert_int_equal(e->found[1].certainty, KM_PROVEN); /* the table is as wrong as before */
	assert_false(e->found[1].stuck);
	free(e);
}

/* An explanation of a vCPU in @state, with one finding that it is stuck and one that is not. */
static struct km_explanation *explained(struct km_explanation *e, enum km_vcpu_state state,
					enum km_certainty certainty)
{
	memset(e, 0, sizeof(*e));
	e->state = state;
	e->certainty = certainty;
	snprintf(e->verdict, sizeof(e->verdict), "(before)");
	e->found[0] = (struct km_diagnosis){
		.id = "frozen-spte", .certainty = KM_LIKELY, .stuck = true, .open = "?"};
	e->found[1] = (struct km_diagnosis){.id = "perm-table-mismatch", .certainty = KM_LIKELY};
	e->found[2] = (struct km_diagnosis){/* beyond the last */
					    .id = "no-slot",
					    .certainty = KM_LIKELY,
					    .stuck = true};
	e->count = 2;
	return e;
}

static void settle(const char *test, enum km_trend trend, enum km_certainty certainty,
		   struct km_explanation *e)
{
	struct km_samples_verdict v = {.trend = trend, .certainty = certainty, .text = "(seen)"};
	FILE *to = said_by(test);

	km_samples_settle(&v, e);
	assert_int_equal(e->found[2].certainty, KM_LIKELY);
	assert_true(e->found[2].stuck);
	fprintf(to, "%s (%s): %s\n", km_vcpu_state_name(e->state), km_certainty_text(e->certainty),
		e->verdict);
	for (size_t i = 0; i < e->count; i++)
		fprintf(to, "  %s (%s)%s %s\n", e->found[i].id,
			km_certainty_text(e->found[i].certainty),
			e->found[i].stuck ? ", stuck" : "", e->found[i].open);
}

/* What becomes of each state, by what the samples show. */
static void test_settled_states(void **state)
{
	static const enum km_vcpu_state states[] = {KM_STATE_STUCK, KM_STATE_WAITING,
						    KM_STATE_HEALTHY};
	struct km_explanation *e = calloc(1, sizeof(*e));

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		settle(__func__, KM_TREND_OPEN, KM_NOTE, explained(e, states[i], KM_LIKELY));
		settle(__func__, KM_TREND_QUIET, KM_LIKELY, explained(e, states[i], KM_LIKELY));
		settle(__func__, KM_TREND_PROGRESSES, KM_LIKELY,
		       explained(e, states[i], KM_LIKELY));
		settle(__func__, KM_TREND_LOOPS, KM_LIKELY, explained(e, states[i], KM_LIKELY));
		/* one dump may show more; no cause is more certain than that it loops */
		settle(__func__, KM_TREND_LOOPS, KM_POSSIBLE, explained(e, states[i], KM_LIKELY));
		explained(e, states[i], KM_POSSIBLE)->found[0].certainty = KM_NOTE;
		settle(__func__, KM_TREND_LOOPS, KM_POSSIBLE, e);
		assert_int_equal(e->found[0].certainty, KM_NOTE);
		assert_string_equal(e->found[0].open, "?");
		/* what is only possible refutes what is no more than that */
		settle(__func__, KM_TREND_PROGRESSES, KM_POSSIBLE,
		       explained(e, states[i], KM_POSSIBLE));
		settle(__func__, KM_TREND_PROGRESSES, KM_POSSIBLE,
		       explained(e, states[i], KM_LIKELY));
	}
	free(e);
}

/* A livelock is a finding of its own, if there is room for it. */
static void test_settled_livelock(void **state)
{
	struct km_samples_verdict v = {.trend = KM_TREND_LOOPS, .certainty = KM_LIKELY};
	struct km_explanation *e = calloc(1, sizeof(*e));

	(void)state;
	v.map_zap = true;
	strcpy(v.text, "(seen)");
	for (e->count = 0; e->count < KM_DIAGNOSES; e->count++)
		e->found[e->count].id = "no-slot";
	km_samples_settle(&v, e);
	assert_int_equal(e->count, KM_DIAGNOSES);
	assert_string_equal(e->found[0].id, "no-slot");
	e->count = KM_DIAGNOSES - 1;
	km_samples_settle(&v, e);
	assert_int_equal(e->count, KM_DIAGNOSES);
	assert_string_equal(e->found[0].id, "map-zap-livelock");
	strcpy(e->found[0].open, "?");
	e->found[0].stuck = false; /* as a dump alone shows it */
	km_samples_settle(&v, e);
	assert_string_equal(e->found[0].open, "");
	assert_true(e->found[0].stuck);
	free(e);
}

/* ---- rows ---- */

static struct world {
	struct km_kernel kernel;
	struct km_vm vm;
	struct km_vcpu vcpu;
	struct km_fault fault;
	struct km_memslot slot;
	struct km_task task;
	struct km_tasks tasks;
	struct km_case c;
	struct km_diagnosis d;
} w;

/* A write to a page of a memslot under NPT; KVM is handling it. The last SPTE is @spte. */
static void write_to(uint64_t spte, int level)
{
	struct km_mmu *mmu = &w.c.all.mmus[0];

	memset(&w, 0, sizeof(w));
	w.kernel.features = (struct km_features){.spte_table = true, .spte_known = true};
	w.vm.mm = val(0xffff888000002000);
	w.vcpu.stats.pf_taken = w.vcpu.stats.pf_fixed = w.vcpu.stats.pf_spurious = val(5);
	w.vcpu.requests = w.vcpu.mode = val(0);
	w.fault = (struct km_fault){.source = KM_FAULT_STACK, .age = KM_AGE_IN_HANDLER};
	w.slot = (struct km_memslot){.base_gfn = 0x4000, .npages = 0x1000, .id = 3};
	w.c.kernel = &w.kernel;
	w.c.vm = &w.vm;
	w.c.vcpu = &w.vcpu;
	w.c.masks = km_spte_default_masks(KM_PAGING_NPT, KM_SPTE_7_2);
	*mmu = (struct km_mmu){.name = "root_mmu", .readable = true, .used = true};
	mmu->paging = KM_PAGING_NPT;
	mmu->root_role = (struct km_page_role){.level = 4, .direct = 1, .access = 15};
	w.c.mmu = mmu;
	w.c.all.mmu_count = 1;
	w.c.all.active = mmu;
	w.c.fault = &w.fault;
	w.c.has_addr = w.c.has_error_code = w.c.gfn_known = w.c.slots_known = true;
	w.c.addr = 0x4321000;
	w.c.gfn = 0x4321;
	w.c.error_code = PFERR_PRESENT_MASK | PFERR_WRITE_MASK | PFERR_USER_MASK;
	w.c.slot = &w.slot;
	w.c.has_hva = true;
	w.c.hva = 0x7f0000321000;
	w.c.tasks = &w.tasks;
	w.tasks = (struct km_tasks){.tasks = &w.task, .complete = true};
	w.c.has_walk = true;
	w.c.walk = (struct km_walk){.addr = 0x4321000, .root_level = 4, .count = 1};
	w.c.walk.levels[0].level = level;
	w.c.walk.levels[0].spte = km_spte_decode(&w.c.masks, spte, level);
	w.c.walk.end =
		w.c.walk.levels[0].spte.kind == KM_SPTE_PRESENT ? KM_END_LEAF : KM_END_NOT_PRESENT;
	km_panel_judge(&w.kernel, &w.c.masks, &w.c.all, mmu, &w.c.walk, w.c.error_code,
		       KM_SPF_MERGED, &w.c.panel);
	w.c.has_panel = true;
}

#define LEAF	  0xd6bee65ULL /* present, user, A, D, host- and MMU-writable, W=0 */
#define LEAF_W	  (LEAF | KM_BIT(1))
#define HUGE_LEAF (LEAF | KM_BIT(7))
#define FROZEN	  (KM_BIT(63) | 0x1a0)

static void test_frozen(void **state)
{
	(void)state;
	write_to(LEAF, 1);
	nothing(km_diagnose_frozen_spte(&w.c, &w.d));
	write_to(FROZEN, 1);
	found(km_diagnose_frozen_spte(&w.c, &w.d), KM_LIKELY, true);
	/* somebody is at work */
	w.tasks.count = 1;
	w.task.stack = STACK("tdp_mmu_zap_leafs", "kvm_tdp_mmu_unmap_gfn_range");
	w.task.stack.start = KM_STACK_SWITCHED_OUT;
	w.task.mm = w.vm.mm;
	found(km_diagnose_frozen_spte(&w.c, &w.d), KM_NOTE, false);
	w.task.mm = val(0xffff888000003000); /* of another VM's process */
	found(km_diagnose_frozen_spte(&w.c, &w.d), KM_LIKELY, true);
	/* who else meets it is no excuse */
	w.task.stack = STACK("kvm_tdp_mmu_map", "kvm_tdp_page_fault");
	w.task.stack.start = KM_STACK_SWITCHED_OUT;
	w.task.mm = w.vm.mm;
	found(km_diagnose_frozen_spte(&w.c, &w.d), KM_LIKELY, true);
	/* not everybody was seen */
	w.task.stack.start = KM_STACK_UNKNOWN;
	found(km_diagnose_frozen_spte(&w.c, &w.d), KM_POSSIBLE, true);
	/* the first of the functions; none of that counts if there is no such task */
	w.task.stack = STACK("tdp_mmu_set_spte_atomic");
	w.task.stack.start = KM_STACK_SWITCHED_OUT;
	found(km_diagnose_frozen_spte(&w.c, &w.d), KM_NOTE, false);
	w.tasks.count = 0;
	found(km_diagnose_frozen_spte(&w.c, &w.d), KM_LIKELY, true);
	w.tasks.complete = false;
	found(km_diagnose_frozen_spte(&w.c, &w.d), KM_POSSIBLE, true);
	w.c.tasks = NULL;
	found(km_diagnose_frozen_spte(&w.c, &w.d), KM_POSSIBLE, true);
	w.c.tasks = &w.tasks;
	w.fault.age = KM_AGE_RESIDUE;
	found(km_diagnose_frozen_spte(&w.c, &w.d), KM_POSSIBLE, false);
	w.c.walk.end = KM_END_LEAF;
	nothing(km_diagnose_frozen_spte(&w.c, &w.d));
	w.c.has_walk = false;
	nothing(km_diagnose_frozen_spte(&w.c, &w.d));
}

/* Tasks and VMs whose mm was not read are not each other's. */
static void test_unknown_mm(void **state)
{
	struct km_vm_locks locks = {.slots_lock_owner = val(0xffff888000009000)};

	(void)state;
	write_to(LEAF, 1);
	w.slot.flags = KVM_MEMSLOT_INVALID;
	w.c.slots = (struct km_memslots){.slots = &w.slot, .count = 1};
	w.tasks.count = 1;
	w.task.tid = val(77);
	w.task.mm = val(0xffff888000003000); /* of another VM's process */
	w.task.stack = STACK("__synchronize_srcu", "kvm_swap_active_memslots", "kvm_set_memslot");
	w.task.stack.start = KM_STACK_SWITCHED_OUT;
	found(km_rule_slot_invalid(&w.c, &locks, &w.d), KM_POSSIBLE, true);
	for (size_t i = 0; i < w.d.evidence_count; i++)
		assert_null(strstr(w.d.evidence[i], "tid 77"));
	w.vm.mm = unreadable;
	found(km_rule_slot_invalid(&w.c, &locks, &w.d), KM_POSSIBLE, true);
	for (size_t i = 0; i < w.d.evidence_count; i++)
		assert_null(strstr(w.d.evidence[i], "tid 77"));
}

/* What was not read is no 0 in the evidence. */
static void test_unknown_values_in_evidence(void **state)
{
	struct km_invalidate_facts inv = {.unit = KM_RANGE_GFN};

	(void)state;
	write_to(LEAF, 1);
	w.c.walk.levels[0].oddity = "this page-table page is its own ancestor";
	w.c.walk.levels[0].sp.gfn = unreadable;
	found(km_diagnose_role_corruption(&w.c, &w.d), KM_LIKELY, false);
	assert_non_null(strstr(w.d.evidence[0], "(role.level ?, gfn ?)"));
	write_to(FROZEN, 1);
	w.tasks.count = 1;
	w.task.stack = STACK("tdp_mmu_zap_leafs");
	w.task.mm = w.vm.mm;
	w.task.tid = unreadable;
	found(km_diagnose_frozen_spte(&w.c, &w.d), KM_NOTE, false);
	assert_non_null(strstr(w.d.evidence[1], "task 0x"));
	write_to(LEAF, 1);
	w.vm.mmu_invalidate_in_progress = val(1);
	w.vm.mmu_invalidate_range_start = val(0x4000);
	w.vm.mmu_invalidate_range_end = val(0x5000);
	w.vm.mn_active_invalidate_count = unreadable;
	found(km_rule_invalidate_in_progress(&w.c, &inv, &w.d), KM_POSSIBLE, true);
	assert_non_null(strstr(w.d.evidence[0], "mn_active_invalidate_count ?"));
	w.vm.vm_dead = unreadable;
	w.vm.vm_bugged = val(1);
	memset(&w.d, 0, sizeof(w.d));
	assert_true(km_diagnose_vm_dead(&w.c, &w.d));
	assert_non_null(strstr(w.d.evidence[0], "vm_dead ?, kvm.vm_bugged 1"));
	w.c.wait = (struct km_wait){.kind = KM_WAIT_USERFAULT, .certainty = KM_PROVEN};
	strcpy(w.c.wait.text, "for a page, of which nobody knows");
	w.vcpu.on_cpu = unreadable;
	found(km_rule_lock_stall(&w.c, &(struct km_held_lock){0}, &w.d), KM_LIKELY, true);
	assert_non_null(strstr(w.d.evidence[0], "on_cpu ?"));
}

static void test_stacks_of_unknown_owners(void **state)
{
	struct km_task tasks[2] = {{.mm = val(0xffff888000002000)}, {.mm = val(0)}};
	struct km_tasks all = {.tasks = tasks, .count = 2, .complete = true};

	(void)state;
	assert_true(km_stacks_known(&all, tasks[0].mm.v));
	assert_false(km_stacks_known(&all, tasks[0].mm.v + 1));
	tasks[1].mm = unreadable; /* it may be one of them */
	assert_false(km_stacks_known(&all, tasks[0].mm.v));
}

static void test_threads_of_a_process(void **state)
{
	struct km_task tasks[2] = {{.mm = unreadable}, {.mm = val(0xffff888000002000)}};
	struct km_tasks all = {.tasks = tasks, .count = 2, .complete = true};

	(void)state;
	assert_true(km_threads_known(&all, tasks[1].mm));
	assert_false(km_threads_known(&all, val(0xffff888000003000)));
	assert_false(km_threads_known(&all, unreadable));
	assert_false(km_threads_known(NULL, tasks[1].mm));
	all.left_out = 1;
	assert_false(km_threads_known(&all, tasks[1].mm));
	all.left_out = 0;
	all.complete = false;
	assert_false(km_threads_known(&all, tasks[1].mm));
	all.complete = true;
	tasks[1].mm.known = KM_UNREADABLE;
	assert_false(km_threads_known(&all, val(0xffff888000002000)));
}

static void test_readonly_host(void **state)
{
	(void)state;
	write_to(LEAF & ~KM_BIT(9), 1);
	w.c.vma = (struct km_vma){.known = true, .addr = 0xffff888000004000};
	w.c.vma.start = val(0x7f0000000000);
	w.c.vma.end = val(0x7f0001000000);
	w.c.vma.flags = val(VM_READ | VM_WRITE);
	nothing(km_diagnose_readonly_host(&w.c, &w.d)); /* copy on write */
	w.c.vma.flags = val(VM_READ);
	found(km_diagnose_readonly_host(&w.c, &w.d), KM_LIKELY, true);
	w.slot.flags = KVM_MEM_READONLY;
	nothing(km_diagnose_readonly_host(&w.c, &w.d));
	w.slot.flags = 0;
	w.c.error_code = PFERR_PRESENT_MASK | PFERR_USER_MASK;
	nothing(km_diagnose_readonly_host(&w.c, &w.d)); /* a read */
	w.c.error_code |= PFERR_WRITE_MASK;
	w.fault.age = KM_AGE_UNKNOWN;
	found(km_diagnose_readonly_host(&w.c, &w.d), KM_POSSIBLE, false);
	w.c.vma.known = false;
	found(km_diagnose_readonly_host(&w.c, &w.d), KM_NOTE, false);
	strcpy(w.c.vma.trouble, "?");
	found(km_diagnose_readonly_host(&w.c, &w.d), KM_NOTE, false);
	w.c.vma.known = true;
	w.c.vma.flags = unreadable;
	found(km_diagnose_readonly_host(&w.c, &w.d), KM_NOTE, false);
	w.c.vma.flags = val(VM_READ);
	w.c.vma.addr = 0;
	found(km_diagnose_readonly_host(&w.c, &w.d), KM_NOTE, false);
	/* not of private memory, or where no memslot asks the host for write access */
	w.c.error_code |= PFERR_PRIVATE_ACCESS;
	nothing(km_diagnose_readonly_host(&w.c, &w.d));
	w.c.error_code &= ~PFERR_PRIVATE_ACCESS;
	for (int i = 0; i < 3; i++) {
		static const uint64_t flags[] = {KVM_MEM_READONLY, KVM_MEMSLOT_INVALID,
						 KVM_MEMSLOT_GMEM_ONLY};

		w.slot.flags = flags[i];
		nothing(km_diagnose_readonly_host(&w.c, &w.d));
	}
	w.slot.flags = 0;
	w.c.slot = NULL;
	nothing(km_diagnose_readonly_host(&w.c, &w.d));
	w.c.slot = &w.slot;
	w.c.walk.levels[0].spte.host_writable = true;
	nothing(km_diagnose_readonly_host(&w.c, &w.d));
	/* nothing is mapped yet: the mapping alone tells */
	w.c.vma.addr = 0xffff888000004000;
	w.fault.age = KM_AGE_IN_HANDLER;
	found(km_diagnose_readonly_host(&w.c, &w.d), KM_LIKELY, true);
	w.c.walk.end = KM_END_NOT_PRESENT;
	found(km_diagnose_readonly_host(&w.c, &w.d), KM_LIKELY, true);
	/* twins: devices' memory; other kinds of slots; private; permitted by now */
	w.c.vma.flags = val(VM_READ | VM_IO);
	nothing(km_diagnose_readonly_host(&w.c, &w.d));
	w.c.vma.flags = val(VM_READ | VM_PFNMAP);
	nothing(km_diagnose_readonly_host(&w.c, &w.d));
	w.c.vma.flags = val(VM_READ);
	w.slot.flags = KVM_MEMSLOT_INVALID;
	nothing(km_diagnose_readonly_host(&w.c, &w.d));
	w.slot.flags = KVM_MEMSLOT_GMEM_ONLY;
	nothing(km_diagnose_readonly_host(&w.c, &w.d));
	w.slot.flags = KVM_MEM_LOG_DIRTY_PAGES;
	found(km_diagnose_readonly_host(&w.c, &w.d), KM_LIKELY, true);
	w.c.error_code |= PFERR_PRIVATE_ACCESS;
	nothing(km_diagnose_readonly_host(&w.c, &w.d));
	w.c.error_code &= ~PFERR_PRIVATE_ACCESS;
	w.c.has_error_code = false;
	nothing(km_diagnose_readonly_host(&w.c, &w.d));
	w.c.has_error_code = true;
	w.c.slot = NULL;
	nothing(km_diagnose_readonly_host(&w.c, &w.d));
	w.c.slot = &w.slot;
	w.c.walk.end = KM_END_LEAF;
	w.c.walk.levels[0].spte.w = true;
	nothing(km_diagnose_readonly_host(&w.c, &w.d));
}

/* What a sample keeps of a case. */
static void test_sample_of_a_case(void **state)
{
	struct km_explanation *e = calloc(1, sizeof(*e));
	struct km_sample s;

	(void)state;
	write_to(LEAF, 1);
	e->state = KM_STATE_STUCK;
	w.kernel.vendor = KM_VENDOR_AMD;
	w.c.last.exit_code = val(0x400);
	w.c.last.rip = val(0x1000);
	w.vcpu.stats = (struct km_vcpu_stats){
		.exits = val(1),
		.pf_taken = val(2),
		.pf_fixed = val(3),
		.pf_spurious = val(4),
		.pf_emulate = val(5),
		.mmio_exits = val(6),
		.halt_exits = val(10),
	};
	w.c.insn_emulation_fail = val(7);
	w.vm.mmu_invalidate_seq = val(8);
	for (int judge = 0; judge < KM_JUDGES; judge++)
		w.c.panel.verdicts[judge].ruling = KM_ALLOWS;
	w.c.panel.verdicts[KM_JUDGE_PROCESSOR].ruling = KM_DENIES;
	w.c.has_panel = true;
	s = km_sample_of(&w.c, e);
	assert_true(s.has_fault && s.fault_exit && !s.instruction_exit && s.has_spte);
	assert_int_equal(s.addr, 0x4321000);
	assert_true(km_is_known(s.error_code));
	assert_int_equal(s.error_code.v, w.c.error_code);
	assert_int_equal(s.spte, LEAF);
	assert_int_equal(s.level, 1);
	assert_int_equal(s.rip.v, 0x1000);
	assert_int_equal(s.exits.v, 1);
	assert_int_equal(s.pf_taken.v, 2);
	assert_int_equal(s.pf_fixed.v, 3);
	assert_int_equal(s.pf_spurious.v, 4);
	assert_int_equal(s.pf_emulate.v, 5);
	assert_int_equal(s.mmio_exits.v, 6);
	assert_int_equal(s.halt_exits.v, 10);
	assert_int_equal(s.emulation_failed.v, 7);
	assert_int_equal(s.invalidate_seq.v, 8);
	assert_int_equal(s.processor, KM_DENIES);
	assert_int_equal(s.state, KM_STATE_STUCK);
	/* what is missing is not a value */
	w.c.last.exit_code = val(0x78);
	w.c.has_error_code = w.c.has_walk = false;
	w.c.insn_emulation = val(9);
	s = km_sample_of(&w.c, e);
	assert_int_equal(s.insn_emulation.known, KM_ABSENT);
	assert_int_equal(s.uncounted_exits.known, KM_ABSENT);
	w.vcpu.stats.pf_taken = absent;
	w.vcpu.stats.exits = val(100);
	w.c.io_exits = w.c.irq_exits = val(1);
	assert_int_equal(km_sample_of(&w.c, e).insn_emulation.v, 9);
	assert_int_equal(km_sample_of(&w.c, e).uncounted_exits.v, 100 - 3 - 6 - 10 - 2);
	s = km_sample_of(&w.c, e);
	assert_true(s.has_fault && !s.fault_exit && s.instruction_exit && !s.has_spte);
	assert_false(km_is_known(s.error_code));
	w.c.has_addr = false;
	assert_false(km_sample_of(&w.c, e).has_fault);
	w.c.has_addr = true;
	w.fault.age = KM_AGE_RESIDUE;
	assert_false(km_sample_of(&w.c, e).has_fault);
	free(e);
}

static void test_nx_huge_page(void **state)
{
	struct km_spte *spte = &w.c.walk.levels[0].spte;

	(void)state;
	write_to(HUGE_LEAF | KM_BIT(63), 2);
	nothing(km_rule_nx_huge_page(&w.c, val(1), &w.d)); /* a write */
	w.c.error_code = PFERR_PRESENT_MASK | PFERR_USER_MASK | PFERR_FETCH_MASK;
	w.vm.disable_nx_huge_pages = val(0);
	found(km_rule_nx_huge_page(&w.c, val(1), &w.d), KM_NOTE, false);
	found(km_rule_nx_huge_page(&w.c, val(0), &w.d), KM_NOTE, false);
	found(km_rule_nx_huge_page(&w.c, unreadable, &w.d), KM_NOTE, false);
	w.vm.disable_nx_huge_pages = val(1);
	found(km_rule_nx_huge_page(&w.c, val(1), &w.d), KM_NOTE, false);
	found(km_rule_nx_huge_page(&w.c, unreadable, &w.d), KM_NOTE, false);
	w.vm.disable_nx_huge_pages = (struct km_val){.known = KM_UNREADABLE, .v = 1};
	found(km_rule_nx_huge_page(&w.c, val(1), &w.d), KM_NOTE, false);
	/* twins */
	spte->x = true;
	nothing(km_rule_nx_huge_page(&w.c, val(1), &w.d));
	spte->x = false;
	spte->xu = true;
	nothing(km_rule_nx_huge_page(&w.c, val(1), &w.d));
	spte->xu = false;
	spte->access_tracked = true;
	nothing(km_rule_nx_huge_page(&w.c, val(1), &w.d));
	spte->access_tracked = false;
	w.c.has_error_code = false;
	nothing(km_rule_nx_huge_page(&w.c, val(1), &w.d));
	w.c.has_error_code = true;
	w.c.all.mmus[0].root_role.direct = 0;
	nothing(km_rule_nx_huge_page(&w.c, val(1), &w.d));
	w.c.all.mmus[0].root_role.direct = 1;
	w.c.walk.levels[0].level = 1;
	nothing(km_rule_nx_huge_page(&w.c, val(1), &w.d));
	w.c.has_walk = false;
	nothing(km_rule_nx_huge_page(&w.c, val(1), &w.d));
}

static void test_by_design(void **state)
{
	(void)state;
	write_to(HUGE_LEAF, 2);
	nothing(km_diagnose_dirty_log_huge(&w.c, &w.d));
	w.slot.flags = KVM_MEM_LOG_DIRTY_PAGES;
	found(km_diagnose_dirty_log_huge(&w.c, &w.d), KM_NOTE, false);
	w.c.error_code = PFERR_PRESENT_MASK | PFERR_USER_MASK; /* a read */
	nothing(km_diagnose_dirty_log_huge(&w.c, &w.d));
	w.c.error_code = PFERR_WRITE_MASK;
	found(km_diagnose_dirty_log_huge(&w.c, &w.d), KM_NOTE, false);
	w.c.has_error_code = false;
	nothing(km_diagnose_dirty_log_huge(&w.c, &w.d));
	w.c.has_error_code = true;
	w.c.slot = NULL;
	nothing(km_diagnose_dirty_log_huge(&w.c, &w.d));
	write_to(HUGE_LEAF | KM_BIT(1), 2);
	w.slot.flags = KVM_MEM_LOG_DIRTY_PAGES;
	nothing(km_diagnose_dirty_log_huge(&w.c, &w.d));
	write_to(HUGE_LEAF & ~KM_BIT(10), 2);
	w.slot.flags = KVM_MEM_LOG_DIRTY_PAGES;
	nothing(km_diagnose_dirty_log_huge(&w.c, &w.d));
	write_to(LEAF, 1);
	w.slot.flags = KVM_MEM_LOG_DIRTY_PAGES;
	nothing(km_diagnose_dirty_log_huge(&w.c, &w.d));

	write_to(LEAF_W, 1); /* permitted by now */
	found(km_diagnose_stale_tlb_or_spurious(&w.c, &w.d), KM_NOTE, false);
	w.fault.age = KM_AGE_LAST_EXIT;
	nothing(km_diagnose_stale_tlb_or_spurious(&w.c, &w.d));
	w.vcpu.stats.pf_fixed = val(9);
	found(km_diagnose_progressing(&w.c, &w.d), KM_NOTE, false);
	w.vcpu.stats.pf_taken = val(1000);
	w.vcpu.stats.pf_spurious = val(900);
	nothing(km_diagnose_progressing(&w.c, &w.d));
	nothing(km_diagnose_stale_tlb_or_spurious(&w.c, &w.d));
}

/* Faults that are over, and what tells a loop of spurious ones. */
static void test_over_or_stale(void **state)
{
	struct km_vcpu_stats *s = &w.vcpu.stats;

	(void)state;
	write_to(LEAF_W, 1);
	w.fault.age = KM_AGE_LAST_EXIT;
	s->pf_fixed = val(9);
	found(km_diagnose_progressing(&w.c, &w.d), KM_NOTE, false);
	s->pf_fixed = val(5);
	nothing(km_diagnose_progressing(&w.c, &w.d));
	s->pf_fixed = (struct km_val){.known = KM_UNREADABLE, .v = 9};
	nothing(km_diagnose_progressing(&w.c, &w.d));
	s->pf_fixed = val(9);
	s->pf_spurious = unreadable;
	nothing(km_diagnose_progressing(&w.c, &w.d));
	s->pf_spurious = val(5);
	w.c.walk.end = KM_END_NOT_PRESENT;
	nothing(km_diagnose_progressing(&w.c, &w.d));
	w.c.walk.end = KM_END_LEAF;
	w.c.has_panel = false;
	nothing(km_diagnose_progressing(&w.c, &w.d));
	w.c.has_panel = true;
	w.fault.age = KM_AGE_IN_HANDLER;
	nothing(km_diagnose_progressing(&w.c, &w.d));
	w.c.fault = NULL;
	nothing(km_diagnose_progressing(&w.c, &w.d));

	/* where most faults are spurious that is a finding of its own */
	w.c.fault = &w.fault;
	w.fault.age = KM_AGE_IN_HANDLER;
	s->pf_taken = val(201);
	s->pf_spurious = val(101);
	nothing(km_diagnose_stale_tlb_or_spurious(&w.c, &w.d));
	s->pf_spurious = val(100);
	found(km_diagnose_stale_tlb_or_spurious(&w.c, &w.d), KM_NOTE, false);
	s->pf_spurious = unreadable;
	/* what a flush that is pending makes of it */
	w.fault.age = KM_AGE_IN_HANDLER;
	for (int bit = 0; bit < 64; bit++) {
		w.vcpu.requests = val(KM_BIT(bit));
		ask_anew();
		assert_true(km_diagnose_stale_tlb_or_spurious(&w.c, &w.d));
		assert_int_equal(w.d.evidence_count, bit == 0 || bit == 34);
	}
	w.vcpu.requests = val(1);
	s->pf_spurious = val(7);
	found(km_diagnose_stale_tlb_or_spurious(&w.c, &w.d), KM_NOTE, false);
	assert_int_equal(w.d.evidence_count, 2);
	w.vcpu.requests.known = KM_UNREADABLE;
	found(km_diagnose_stale_tlb_or_spurious(&w.c, &w.d), KM_NOTE, false);
	assert_int_equal(w.d.evidence_count, 1);
	/* whatever P says: what was not present may be by now */
	w.c.error_code &= ~PFERR_PRESENT_MASK;
	found(km_diagnose_stale_tlb_or_spurious(&w.c, &w.d), KM_NOTE, false);
	w.c.error_code |= PFERR_PRESENT_MASK;
	/* twins: nothing is present; the processor's word is not known; residue */
	w.c.walk.end = KM_END_NOT_PRESENT;
	nothing(km_diagnose_stale_tlb_or_spurious(&w.c, &w.d));
	w.c.walk.end = KM_END_LEAF;
	w.c.has_panel = false;
	nothing(km_diagnose_stale_tlb_or_spurious(&w.c, &w.d));
	w.c.has_panel = true;
	w.fault.age = KM_AGE_RESIDUE;
	nothing(km_diagnose_stale_tlb_or_spurious(&w.c, &w.d));
}

/* Entries and their pages that KVM never makes like that. */
static void test_damage(void **state)
{
	struct km_walk_level *l = w.c.walk.levels;
	struct km_step *end = &w.c.path.steps[0];

	(void)state;
	write_to(LEAF | KM_BIT(51), 1);
	l[1] = l[0];
	w.c.all.mmus[0].rsvd_known = true;
	w.c.all.mmus[0].rsvd.rsvd_bits_mask[0][0] = KM_BIT(51);
	w.c.has_path = true;
	*end = (struct km_step){.id = "mmio", .function = "handle_mmio_page_fault"};
	w.c.path.end = end;
	w.c.path.ret = KM_RET_PF_EXIT;
	found(km_diagnose_reserved_bits(&w.c, &w.d), KM_LIKELY, true);
	w.fault.age = KM_AGE_RESIDUE;
	found(km_diagnose_reserved_bits(&w.c, &w.d), KM_LIKELY, false);
	w.fault.age = KM_AGE_IN_HANDLER;
	w.c.path.ret = KM_RET_PF_RETRY;
	found(km_diagnose_reserved_bits(&w.c, &w.d), KM_LIKELY, false);
	w.c.has_panel = false;
	w.c.walk.count = 2; /* two of them: the first is named first */
	l[1].level = 2;
	w.c.all.mmus[0].rsvd.rsvd_bits_mask[0][1] = KM_BIT(51);
	found(km_diagnose_reserved_bits(&w.c, &w.d), KM_LIKELY, false);
	assert_int_equal(w.d.evidence_count, 4);
	l[1].level = 1; /* only the first */
	l[1].spte.value = LEAF;
	found(km_diagnose_reserved_bits(&w.c, &w.d), KM_LIKELY, false);
	assert_int_equal(w.d.evidence_count, 2);
	l[1] = l[0];
	l[1].level = 2;
	l[1].special = true;
	l[0].spte.kind = KM_SPTE_EMPTY;
	nothing(km_diagnose_reserved_bits(&w.c, &w.d));
	l[1].special = false;
	found(km_diagnose_reserved_bits(&w.c, &w.d), KM_LIKELY, false);
	w.c.all.mmus[0].rsvd_known = false;
	nothing(km_diagnose_reserved_bits(&w.c, &w.d));
	w.c.all.mmus[0].rsvd_known = true;
	w.c.has_walk = false;
	nothing(km_diagnose_reserved_bits(&w.c, &w.d));

	write_to(LEAF, 1);
	l[1] = l[0];
	l[1].oddity = "(beyond the walk)";
	nothing(km_diagnose_role_corruption(&w.c, &w.d));
	l[0].oddity = "(the first)";
	l[0].level = 2;
	w.c.walk.count = 2;
	w.c.has_path = true;
	*end = (struct km_step){.id = "map"};
	w.c.path.end = end;
	w.c.path.ret = KM_RET_PF_RETRY;
	found(km_diagnose_role_corruption(&w.c, &w.d), KM_LIKELY, true);
	w.c.path.ret = KM_RET_PF_FIXED;
	found(km_diagnose_role_corruption(&w.c, &w.d), KM_LIKELY, false);
	w.c.path.ret = KM_RET_PF_RETRY;
	end->id = "stale";
	found(km_diagnose_role_corruption(&w.c, &w.d), KM_LIKELY, false);
	end->id = "map";
	w.c.path.end = NULL;
	found(km_diagnose_role_corruption(&w.c, &w.d), KM_LIKELY, false);
	w.c.path.end = end;
	w.c.has_path = false;
	found(km_diagnose_role_corruption(&w.c, &w.d), KM_LIKELY, false);
	w.c.has_path = true;
	w.fault.age = KM_AGE_RESIDUE;
	found(km_diagnose_role_corruption(&w.c, &w.d), KM_LIKELY, false);
	w.c.all.mmus[0].root_role.direct = 0; /* known cases of shadow paging */
	found(km_diagnose_role_corruption(&w.c, &w.d), KM_LIKELY, false);
	w.c.all.mmus[0].root_role.direct = 1;
	w.c.has_walk = false;
	nothing(km_diagnose_role_corruption(&w.c, &w.d));
}

/* The replayed path ends as RET_PF_SPURIOUS, and the guest takes the fault again. */
static void loops_as_spurious(void)
{
	w.c.has_path = w.c.path.loops = w.c.path.loops_known = true;
	w.c.path.ret = KM_RET_PF_SPURIOUS;
	w.c.path.steps[0] =
		(struct km_step){.id = "fast", .outcome = KM_STEP_ENDS, .ret = KM_RET_PF_SPURIOUS};
	w.c.path.count = 1;
	w.c.path.end = &w.c.path.steps[0];
}

static void judges_say(enum km_ruling table, enum km_ruling role, enum km_ruling processor)
{
	struct km_verdict *v = w.c.panel.verdicts;

	v[KM_JUDGE_TABLE].ruling = table;
	v[KM_JUDGE_TABLE].consulted = true;
	v[KM_JUDGE_ROLE].ruling = role;
	v[KM_JUDGE_PROCESSOR].ruling = processor;
}

/* A table that differs from its role: which word is shown, and what that means for this fault. */
static void test_which_table(void **state)
{
	struct km_perm_table *t = w.c.all.tables;

	(void)state;
	write_to(LEAF, 1);
	loops_as_spurious();
	w.kernel.features.tdp = true;
	w.c.all.table_count = 2;
	t[0] = (struct km_perm_table){.context = "root_mmu.w"};
	t[1] = (struct km_perm_table){.context = "root_mmu.fmt", .spte = true};
	t[2] = (struct km_perm_table){.context = "(beyond)", .status = KM_TABLE_DIFFERS};
	t[2].words[0] = 1;
	t[0].status = t[1].status = KM_TABLE_MATCHES;
	nothing(km_rule_perm_table_mismatch(&w.c, false, &w.d));
	/* the guest's: the first word that differs, whatever the fault asks */
	t[0].status = KM_TABLE_DIFFERS;
	t[0].words[15] = 0xffff;
	found(km_rule_perm_table_mismatch(&w.c, false, &w.d), KM_PROVEN, false);
	t[0].words[3] = t[0].words[0] = 1;
	found(km_rule_perm_table_mismatch(&w.c, false, &w.d), KM_PROVEN, false);
	memset(t[0].words, 0, sizeof(t[0].words));
	t[0].pkru_mask = 0x30;
	found(km_rule_perm_table_mismatch(&w.c, false, &w.d), KM_PROVEN, false);
	/* that of SPTEs: the word that the fault looks up, if it is that */
	t[1].status = KM_TABLE_DIFFERS;
	t[1].words[0] = t[1].words[3] = t[1].words[10] = 0x10;
	judges_say(KM_ALLOWS, KM_DENIES, KM_DENIES);
	found(km_rule_perm_table_mismatch(&w.c, false, &w.d), KM_PROVEN, true);
	w.c.error_code = PFERR_USER_MASK | PFERR_FETCH_MASK | PFERR_PK_MASK;
	found(km_rule_perm_table_mismatch(&w.c, false, &w.d), KM_PROVEN, true);
	w.c.error_code = PFERR_USER_MASK;
	found(km_rule_perm_table_mismatch(&w.c, false, &w.d), KM_PROVEN, true);
	w.c.error_code = PFERR_WRITE_MASK | PFERR_USER_MASK;
	w.c.has_error_code = false;
	found(km_rule_perm_table_mismatch(&w.c, false, &w.d), KM_PROVEN, true);
	w.c.has_error_code = true;
	/* it denies what the role permits: the slow path, and no more */
	judges_say(KM_DENIES, KM_ALLOWS, KM_ALLOWS);
	found(km_rule_perm_table_mismatch(&w.c, false, &w.d), KM_PROVEN, false);
	for (int table = KM_ALLOWS; table <= KM_NO_RULING; table++) {
		for (int role = KM_ALLOWS; role <= KM_NO_RULING; role++) {
			judges_say(table, role, KM_DENIES);
			found(km_rule_perm_table_mismatch(&w.c, false, &w.d), KM_PROVEN,
			      table == KM_ALLOWS && role == KM_DENIES);
		}
	}
	judges_say(KM_ALLOWS, KM_DENIES, KM_ALLOWS);
	found(km_rule_perm_table_mismatch(&w.c, false, &w.d), KM_PROVEN, false);
	/* nobody asks it about this fault */
	judges_say(KM_ALLOWS, KM_DENIES, KM_DENIES);
	w.c.panel.verdicts[KM_JUDGE_TABLE].consulted = false;
	found(km_rule_perm_table_mismatch(&w.c, false, &w.d), KM_PROVEN, false);
	judges_say(KM_DENIES, KM_ALLOWS, KM_DENIES);
	w.c.panel.verdicts[KM_JUDGE_TABLE].consulted = false;
	found(km_rule_perm_table_mismatch(&w.c, false, &w.d), KM_PROVEN, false);
	w.c.has_panel = false;
	found(km_rule_perm_table_mismatch(&w.c, false, &w.d), KM_PROVEN, false);
	w.c.has_panel = true;
	w.c.mmu = NULL;
	found(km_rule_perm_table_mismatch(&w.c, false, &w.d), KM_PROVEN, false);
	w.c.mmu = &w.c.all.mmus[0];
	/* it may be over: the counters show whether it repeats, unless the user supplied it */
	judges_say(KM_ALLOWS, KM_DENIES, KM_DENIES);
	w.fault.age = KM_AGE_RESIDUE;
	found(km_rule_perm_table_mismatch(&w.c, false, &w.d), KM_PROVEN, false);
	w.vcpu.stats.pf_taken = w.vcpu.stats.pf_spurious = val(10000);
	found(km_rule_perm_table_mismatch(&w.c, false, &w.d), KM_PROVEN, true);
	w.fault.source = KM_FAULT_USER;
	w.fault.age = KM_AGE_UNKNOWN;
	found(km_rule_perm_table_mismatch(&w.c, false, &w.d), KM_PROVEN, false);
	w.c.panel.verdicts[KM_JUDGE_TABLE].consulted = false;
	found(km_rule_perm_table_mismatch(&w.c, false, &w.d), KM_PROVEN, false);
	w.fault.source = KM_FAULT_STACK;
	found(km_rule_perm_table_mismatch(&w.c, false, &w.d), KM_PROVEN, true);
	w.c.fault = NULL;
	found(km_rule_perm_table_mismatch(&w.c, false, &w.d), KM_PROVEN, true);
	w.c.fault = &w.fault;
	/* the last exit's counts only if it was judged: on Intel, it may have no address */
	w.fault.age = KM_AGE_LAST_EXIT;
	found(km_rule_perm_table_mismatch(&w.c, false, &w.d), KM_PROVEN, false);
	w.c.has_addr = w.c.has_panel = false;
	found(km_rule_perm_table_mismatch(&w.c, false, &w.d), KM_PROVEN, true);
	w.c.has_addr = w.c.has_panel = true;
	/* that of another context */
	judges_say(KM_DENIES, KM_ALLOWS, KM_DENIES);
	t[1].status = KM_TABLE_MATCHES;
	found(km_rule_perm_table_mismatch(&w.c, false, &w.d), KM_PROVEN, false);
	judges_say(KM_ALLOWS, KM_DENIES, KM_DENIES);
	found(km_rule_perm_table_mismatch(&w.c, false, &w.d), KM_PROVEN, false);
	w.c.all.mmus[0].root_role.direct = 0;
	w.c.panel.verdicts[KM_JUDGE_TABLE].consulted = false;
	found(km_rule_perm_table_mismatch(&w.c, false, &w.d), KM_PROVEN, false);
	t[1].status = KM_TABLE_DIFFERS;
	found(km_rule_perm_table_mismatch(&w.c, false, &w.d), KM_PROVEN, false);
}

/* The processor denies what KVM's test allows: how sure that is, by what the test is. */
static void test_spurious_loop(void **state)
{
	struct km_perm_table *t = &w.c.all.tables[0];
	struct km_walk_level *l = w.c.walk.levels;
	struct km_step *fast = &w.c.path.steps[0];

	(void)state;
	write_to(LEAF, 1);
	w.c.has_path = true;
	w.c.path.ret = KM_RET_PF_SPURIOUS;
	*fast = (struct km_step){.id = "fast", .outcome = KM_STEP_ENDS, .ret = KM_RET_PF_SPURIOUS};
	strcpy(fast->text, "(an open step)");
	w.c.path.count = 1;
	w.c.path.end = fast;
	judges_say(KM_ALLOWS, KM_DENIES, KM_DENIES);
	found(km_diagnose_spurious_loop(&w.c, &w.d), KM_LIKELY, true);
	/* over: only if the table is wrong for this fault */
	w.fault.age = KM_AGE_LAST_EXIT;
	found(km_diagnose_spurious_loop(&w.c, &w.d), KM_POSSIBLE, true);
	w.c.all.table_count = 1;
	*t = (struct km_perm_table){.context = "root_mmu.fmt", .spte = true};
	t->status = KM_TABLE_MATCHES;
	found(km_diagnose_spurious_loop(&w.c, &w.d), KM_POSSIBLE, true);
	t->status = KM_TABLE_DIFFERS;
	found(km_diagnose_spurious_loop(&w.c, &w.d), KM_LIKELY, true);
	/* unless the table is being written */
	w.c.last.has_stack = true;
	w.c.last.stack = STACK("kvm_init_mmu");
	nothing(km_diagnose_spurious_loop(&w.c, &w.d));
	w.c.last.stack.frames[0].function = "kvm_vcpu_ioctl";
	found(km_diagnose_spurious_loop(&w.c, &w.d), KM_LIKELY, true);
	judges_say(KM_ALLOWS, KM_ALLOWS, KM_DENIES);
	found(km_diagnose_spurious_loop(&w.c, &w.d), KM_POSSIBLE, true);
	/* an entry above the leaf that lacks rights is as good a reason */
	w.c.walk.count = 2;
	l[1] = l[0];
	l[0].level = 2;
	w.c.masks = km_spte_default_masks(KM_PAGING_NPT, KM_SPTE_7_2);
	l[0].spte.value = 0x2b0a827;
	found(km_diagnose_spurious_loop(&w.c, &w.d), KM_POSSIBLE, true);
	l[0].spte.value = 0x2b0a823; /* U=0: the processor denies every access */
	found(km_diagnose_spurious_loop(&w.c, &w.d), KM_LIKELY, true);
	l[0].spte.value = 0x2b0a825;
	found(km_diagnose_spurious_loop(&w.c, &w.d), KM_LIKELY, true);
	/* not sure: a step before is open */
	w.c.path.ret = KM_RET_PF_UNKNOWN;
	found(km_diagnose_spurious_loop(&w.c, &w.d), KM_POSSIBLE, true);
	fast->ret = KM_RET_PF_FIXED;
	nothing(km_diagnose_spurious_loop(&w.c, &w.d));
	fast->ret = KM_RET_PF_SPURIOUS;
	fast->outcome = KM_STEP_OPEN;
	nothing(km_diagnose_spurious_loop(&w.c, &w.d));
	fast->outcome = KM_STEP_ENDS;
	fast->id = "map";
	nothing(km_diagnose_spurious_loop(&w.c, &w.d));
	w.c.path.ret = KM_RET_PF_FIXED;
	fast->id = "fast";
	nothing(km_diagnose_spurious_loop(&w.c, &w.d));
	w.c.path.ret = KM_RET_PF_SPURIOUS;
	l[0].special = true;
	found(km_diagnose_spurious_loop(&w.c, &w.d), KM_POSSIBLE, true);
	/* tables of guests' page tables: nothing is asked, and only such an entry can be why */
	w.c.all.mmus[0].root_role.direct = 0;
	nothing(km_diagnose_spurious_loop(&w.c, &w.d));
	l[0].special = false;
	found(km_diagnose_spurious_loop(&w.c, &w.d), KM_LIKELY, true);
	w.c.walk.end = KM_END_NOT_PRESENT;
	nothing(km_diagnose_spurious_loop(&w.c, &w.d));
	w.c.walk.end = KM_END_LEAF;
	w.c.path.ret = KM_RET_PF_FIXED;
	nothing(km_diagnose_spurious_loop(&w.c, &w.d));
	w.c.path.ret = KM_RET_PF_UNKNOWN; /* the guest's page tables are not known */
	found(km_diagnose_spurious_loop(&w.c, &w.d), KM_POSSIBLE, true);
	w.vcpu.stats.pf_taken = val(20000);
	w.vcpu.stats.pf_fixed = val(100);
	w.vcpu.stats.pf_spurious = val(19000);
	w.vcpu.stats.pf_emulate = w.vcpu.stats.pf_guest = val(0);
	found(km_diagnose_spurious_loop(&w.c, &w.d), KM_LIKELY, true);
	w.vcpu.stats = (struct km_vcpu_stats){.pf_taken = unreadable};
	w.c.path.ret = KM_RET_PF_SPURIOUS;
	judges_say(KM_ALLOWS, KM_DENIES, KM_ALLOWS);
	nothing(km_diagnose_spurious_loop(&w.c, &w.d));
	judges_say(KM_ALLOWS, KM_DENIES, KM_DENIES);
	w.c.all.mmus[0].root_role.direct = 1;
	l[0].special = true;
	/* the test of older kernels differs by design: never more than possible by itself */
	w.kernel.features.spte_table = false;
	w.fault.age = KM_AGE_IN_HANDLER;
	nothing(km_diagnose_spurious_loop(&w.c, &w.d)); /* nobody asked it */
	w.c.panel.verdicts[KM_JUDGE_LEGACY].consulted = true;
	w.c.panel.verdicts[KM_JUDGE_LEGACY].ruling = KM_ALLOWS;
	found(km_diagnose_spurious_loop(&w.c, &w.d), KM_POSSIBLE, true);
	l[0].special = false;
	found(km_diagnose_spurious_loop(&w.c, &w.d), KM_LIKELY, true);
	/* twins: they agree, or nobody knows */
	judges_say(KM_ALLOWS, KM_DENIES, KM_ALLOWS);
	nothing(km_diagnose_spurious_loop(&w.c, &w.d));
	judges_say(KM_ALLOWS, KM_DENIES, KM_NO_RULING);
	nothing(km_diagnose_spurious_loop(&w.c, &w.d));
	judges_say(KM_ALLOWS, KM_DENIES, KM_DENIES);
	w.c.panel.verdicts[KM_JUDGE_LEGACY].ruling = KM_DENIES;
	nothing(km_diagnose_spurious_loop(&w.c, &w.d));
	w.c.panel.verdicts[KM_JUDGE_LEGACY].ruling = KM_ALLOWS;
	w.c.has_path = false;
	nothing(km_diagnose_spurious_loop(&w.c, &w.d));
}

static void test_walk_rows(void **state)
{
	(void)state;
	write_to(LEAF, 1);
	nothing(km_diagnose_gpa_too_wide(&w.c, &w.d));
	nothing(km_diagnose_role_corruption(&w.c, &w.d));
	nothing(km_diagnose_reserved_bits(&w.c, &w.d));
	nothing(km_diagnose_access_track_lost(&w.c, &w.d));
	nothing(km_rule_perm_table_mismatch(&w.c, false, &w.d));
	w.c.walk.end = KM_END_TOO_WIDE;
	found(km_diagnose_gpa_too_wide(&w.c, &w.d), KM_LIKELY, true);
	w.c.slot = NULL;
	found(km_diagnose_gpa_too_wide(&w.c, &w.d), KM_NOTE, false); /* MMIO */
	w.c.slots_known = false;
	found(km_diagnose_gpa_too_wide(&w.c, &w.d), KM_POSSIBLE, true);

	write_to(LEAF, 1);
	w.c.walk.levels[0].oddity = "kvm_mmu_page.role.level is not the level of the walk";
	found(km_diagnose_role_corruption(&w.c, &w.d), KM_LIKELY, false);

	write_to(LEAF | KM_BIT(51), 1);
	w.c.all.mmus[0].rsvd_known = true;
	w.c.all.mmus[0].rsvd.rsvd_bits_mask[0][0] = KM_BIT(51);
	found(km_diagnose_reserved_bits(&w.c, &w.d), KM_LIKELY, false);

	/* EPT without A/D bits: access-tracked, and nothing is saved */
	write_to(LEAF, 1);
	w.c.masks = km_spte_default_masks(KM_PAGING_EPT, KM_SPTE_7_2);
	w.c.walk.levels[0].spte =
		km_spte_decode(&w.c.masks, 0xd6be800 | KM_BIT(60) | KM_BIT(11), 1);
	assert_true(w.c.walk.levels[0].spte.access_tracked);
	found(km_diagnose_access_track_lost(&w.c, &w.d), KM_LIKELY, false);
	w.c.walk.levels[0].spte =
		km_spte_decode(&w.c.masks, 0xd6be800 | KM_BIT(60) | KM_BIT(11) | KM_BIT(52), 1);
	nothing(km_diagnose_access_track_lost(&w.c, &w.d));
}

/* KVM's table says yes to a write to an SPTE without W. */
static void test_wrong_table(void **state)
{
	struct km_perm_table *t = &w.c.all.tables[0];
	struct km_perm_inputs in;

	(void)state;
	write_to(LEAF, 1);
	*t = (struct km_perm_table){.context = "root_mmu.fmt", .spte = true};
	in = km_spte_perm_inputs(KM_ACC_RWUX, &w.c.mmu->root_role, true, false);
	km_update_permission_bitmask(&in, t->expected);
	t->status = KM_TABLE_DIFFERS; /* all words are 0 */
	w.c.all.table_count = 1;
	w.kernel.features.tdp = true;
	km_panel_judge(&w.kernel, &w.c.masks, &w.c.all, w.c.mmu, &w.c.walk, w.c.error_code,
		       KM_SPF_MERGED, &w.c.panel);
	loops_as_spurious();
	found(km_rule_perm_table_mismatch(&w.c, false, &w.d), KM_PROVEN, true);
	assert_non_null(strstr(w.d.evidence[0], "[3] (W|U) is 0000"));
	found(km_diagnose_spurious_loop(&w.c, &w.d), KM_LIKELY, true);
	w.c.path.ret = KM_RET_PF_UNKNOWN; /* a step before is open */
	found(km_diagnose_spurious_loop(&w.c, &w.d), KM_POSSIBLE, true);
	w.c.path.ret = KM_RET_PF_SPURIOUS;
	w.fault.age = KM_AGE_LAST_EXIT; /* the table is wrong whatever the fault's age */
	found(km_diagnose_spurious_loop(&w.c, &w.d), KM_LIKELY, true);
	w.fault.age = KM_AGE_RESIDUE;
	nothing(km_diagnose_spurious_loop(&w.c, &w.d));
	found(km_rule_perm_table_mismatch(&w.c, false, &w.d), KM_PROVEN, false);
	/* an indirect MMU's table is not asked */
	w.fault.age = KM_AGE_IN_HANDLER;
	w.c.all.mmus[0].root_role.direct = 0;
	km_panel_judge(&w.kernel, &w.c.masks, &w.c.all, w.c.mmu, &w.c.walk, w.c.error_code,
		       KM_SPF_MERGED, &w.c.panel);
	found(km_rule_perm_table_mismatch(&w.c, false, &w.d), KM_PROVEN, false);
	nothing(km_diagnose_spurious_loop(&w.c, &w.d));
	/* the form first posted, with a bit that leads past the table */
	w.c.all.mmus[0].root_role.direct = 1;
	w.c.error_code |= PFERR_PK_MASK;
	nothing(km_diagnose_out_of_range_index(&w.c, &w.d));
	w.c.form = KM_SPF_V1;
	found(km_diagnose_out_of_range_index(&w.c, &w.d), KM_LIKELY, false);
	w.fault.age = KM_AGE_LAST_EXIT;
	found(km_diagnose_out_of_range_index(&w.c, &w.d), KM_POSSIBLE, false);
	w.c.error_code &= ~PFERR_PK_MASK;
	nothing(km_diagnose_out_of_range_index(&w.c, &w.d));
	w.c.error_code |= PFERR_PK_MASK;
	w.c.has_error_code = false;
	nothing(km_diagnose_out_of_range_index(&w.c, &w.d));
	w.c.has_error_code = true;
	w.c.walk.end = KM_END_NOT_PRESENT;
	nothing(km_diagnose_out_of_range_index(&w.c, &w.d));
	w.c.walk.end = KM_END_LEAF;
	w.c.all.mmus[0].root_role.direct = 0;
	nothing(km_diagnose_out_of_range_index(&w.c, &w.d));
	w.c.all.mmus[0].root_role.direct = 1;
	w.c.all.table_count = 0;
	nothing(km_diagnose_out_of_range_index(&w.c, &w.d));
	w.c.mmu = NULL;
	nothing(km_diagnose_out_of_range_index(&w.c, &w.d));
}

/* 6.1 and 6.12 flush remote TLBs while an entry is frozen: who does that is its owner. */
static void test_frozen_by_who_flushes(void **state)
{
	(void)state;
	write_to(FROZEN, 1);
	w.tasks.count = 1;
	w.task.mm = w.vm.mm;
	w.task.stack = STACK("smp_call_function_many_cond", "kvm_flush_remote_tlbs_gfn",
			     "kvm_tdp_mmu_map", "kvm_tdp_page_fault");
	w.task.stack.start = KM_STACK_SWITCHED_OUT;
	found(km_diagnose_frozen_spte(&w.c, &w.d), KM_NOTE, false);
	assert_non_null(strstr(w.d.evidence[1], "kvm_tdp_mmu_map(), which flushes remote TLBs"));
	w.task.stack = STACK("kvm_flush_remote_tlbs_with_address", "zap_collapsible_spte_range");
	w.task.stack.start = KM_STACK_SWITCHED_OUT;
	found(km_diagnose_frozen_spte(&w.c, &w.d), KM_NOTE, false);
	/* a flush elsewhere freezes nothing */
	w.task.stack = STACK("kvm_flush_remote_tlbs", "kvm_mmu_slot_remove_write_access");
	w.task.stack.start = KM_STACK_SWITCHED_OUT;
	found(km_diagnose_frozen_spte(&w.c, &w.d), KM_LIKELY, true);
}

/* The fault is not known, and most were retried: an entry that is frozen somewhere. */
static void test_frozen_without_fault(void **state)
{
	struct km_table_entry *frozen = &w.c.audit.frozen;

	(void)state;
	write_to(LEAF, 1);
	*frozen =
		(struct km_table_entry){.found = true, .table_pa = 0x5000, .level = 1, .index = 9};
	frozen->spte = km_spte_decode(&w.c.masks, FROZEN, 1);
	w.c.fault = NULL;
	w.c.has_walk = false;
	nothing(km_diagnose_frozen_spte(&w.c, &w.d));
	w.vcpu.stats.pf_taken = val(20000);
	found(km_diagnose_frozen_spte(&w.c, &w.d), KM_POSSIBLE, true);
	/* an interrupt does not show that the guest went on */
	w.kernel.vendor = KM_VENDOR_AMD;
	w.c.last.exit_code = val(0x60);
	found(km_diagnose_frozen_spte(&w.c, &w.d), KM_LIKELY, true);
	w.tasks.complete = false;
	found(km_diagnose_frozen_spte(&w.c, &w.d), KM_POSSIBLE, true);
	w.tasks.complete = true;
	w.vcpu.stats.pf_fixed = val(2000);
	found(km_diagnose_frozen_spte(&w.c, &w.d), KM_POSSIBLE, true);
	w.vcpu.stats.pf_fixed = val(0);
	w.tasks.count = 1;
	w.task.mm = w.vm.mm;
	w.task.stack = STACK("tdp_mmu_zap_leafs");
	nothing(km_diagnose_frozen_spte(&w.c, &w.d));
	w.tasks.count = 0;
	frozen->found = false;
	nothing(km_diagnose_frozen_spte(&w.c, &w.d));
	frozen->found = true;
	w.c.fault = &w.fault; /* it is not where the fault is */
	nothing(km_diagnose_frozen_spte(&w.c, &w.d));
}

/* The fault is not known, and most were retried: a memslot that its VMA contradicts. */
static void test_readonly_mapping_without_fault(void **state)
{
	struct km_slot_conflict conflict = {.slot = &w.slot, .hva = 0x7f0000000000};

	(void)state;
	write_to(LEAF, 1);
	w.c.fault = NULL;
	w.c.has_walk = w.c.has_error_code = false;
	conflict.vma = (struct km_vma){.known = true, .addr = 0xffff888000004000};
	conflict.vma.flags = val(VM_READ);
	found(km_rule_readonly_host(&w.c, &conflict, &w.d), KM_POSSIBLE, true);
	assert_true(w.d.by_counts);
	w.vcpu.stats.pf_taken = val(17926);
	w.vcpu.stats.pf_fixed = val(1);
	w.kernel.vendor = KM_VENDOR_AMD;
	w.c.last.exit_code = val(0x61); /* an NMI came last: the mapping is still no error */
	found(km_rule_readonly_host(&w.c, &conflict, &w.d), KM_POSSIBLE, true);
	w.c.last.exit_code = val(0x400);
	nothing(km_rule_host_forbids(&w.c, &conflict, &w.d));
	nothing(km_rule_host_unmapped(&w.c, &conflict, &w.d));
	conflict.vma.flags = val(0); /* not readable either */
	conflict.hva += 0x3000;
	nothing(km_rule_readonly_host(&w.c, &conflict, &w.d));
	nothing(km_rule_host_unmapped(&w.c, &conflict, &w.d));
	found(km_rule_host_forbids(&w.c, &conflict, &w.d), KM_POSSIBLE, true);
	conflict.vma.flags = val(VM_READ);
	conflict.vma.addr = 0; /* nothing is mapped */
	nothing(km_rule_readonly_host(&w.c, &conflict, &w.d));
	nothing(km_rule_host_forbids(&w.c, &conflict, &w.d));
	found(km_rule_host_unmapped(&w.c, &conflict, &w.d), KM_POSSIBLE, true);
	conflict.vma.addr = 0xffff888000004000;
	conflict.slot = NULL;
	nothing(km_rule_readonly_host(&w.c, &conflict, &w.d));
	conflict.vma.flags = val(0);
	nothing(km_rule_host_forbids(&w.c, &conflict, &w.d));
	conflict.vma.addr = 0;
	nothing(km_rule_host_unmapped(&w.c, &conflict, &w.d));
}

/* SS in an NPT exit of a nested guest leads past the guest's table, too. */
static void test_index_with_ss(void **state)
{
	struct km_mmu *mmu = &w.c.all.mmus[0];

	(void)state;
	write_to(LEAF, 1);
	mmu->root_role.direct = 0;
	nothing(km_diagnose_out_of_range_index(&w.c, &w.d));
	w.c.error_code |= PFERR_SS_MASK;
	found(km_diagnose_out_of_range_index(&w.c, &w.d), KM_POSSIBLE, false);
	assert_non_null(strstr(w.d.verdict, "word 35 of 16"));
	w.c.error_code |= PFERR_GUEST_FINAL_MASK; /* beyond an int */
	found(km_diagnose_out_of_range_index(&w.c, &w.d), KM_POSSIBLE, false);
	assert_non_null(strstr(w.d.verdict, "word 35 of 16"));
	mmu->paging = KM_PAGING_SHADOW; /* #PF reports no SS to shadow paging */
	nothing(km_diagnose_out_of_range_index(&w.c, &w.d));
	mmu->paging = KM_PAGING_NPT;
	mmu->root_role.direct = 1;
	nothing(km_diagnose_out_of_range_index(&w.c, &w.d));
	mmu->root_role.direct = 0;
	w.c.has_error_code = false;
	nothing(km_diagnose_out_of_range_index(&w.c, &w.d));
	w.c.has_error_code = true;
	w.fault.age = KM_AGE_RESIDUE;
	nothing(km_diagnose_out_of_range_index(&w.c, &w.d));
	w.fault.age = KM_AGE_IN_HANDLER;
	w.c.mmu = NULL;
	nothing(km_diagnose_out_of_range_index(&w.c, &w.d));
}

/* A prefetch for an asynchronous page fault that is done: the guest does not take that fault. */
static void test_prefetch_for_async_page(void **state)
{
	(void)state;
	write_to(LEAF, 1);
	w.c.last.has_stack = true;
	w.c.last.stack = STACK("kvm_tdp_page_fault", "kvm_arch_async_page_ready");
	assert_true(km_case_is_current(&w.c));
	w.fault.pf.prefetch = val(1);
	assert_false(km_case_is_current(&w.c));
	w.c.last.stack = STACK("kvm_tdp_page_fault", "kvm_arch_vcpu_pre_fault_memory");
	assert_true(km_case_is_current(&w.c));
}

/* When a table that differs is proven, and when it is why the vCPU loops. */
static void test_how_sure_a_wrong_table_is(void **state)
{
	struct km_perm_table *t = &w.c.all.tables[0];
	struct km_vcpu_stats *s = &w.vcpu.stats;

	(void)state;
	write_to(LEAF, 1);
	w.kernel.features.tdp = true;
	w.c.all.table_count = 1;
	*t = (struct km_perm_table){.context = "root_mmu.fmt", .spte = true};
	t->status = KM_TABLE_DIFFERS;
	t->words[3] = 1;
	judges_say(KM_ALLOWS, KM_DENIES, KM_DENIES);
	/* KVM does not ask it about this fault: the replay does not come to it, or does not loop */
	found(km_rule_perm_table_mismatch(&w.c, false, &w.d), KM_PROVEN, false);
	loops_as_spurious();
	found(km_rule_perm_table_mismatch(&w.c, false, &w.d), KM_PROVEN, true);
	w.c.path.ret = KM_RET_PF_FIXED; /* an NX huge page is split, a tracked gfn emulated */
	found(km_rule_perm_table_mismatch(&w.c, false, &w.d), KM_PROVEN, false);
	w.c.path.ret = KM_RET_PF_SPURIOUS;
	w.c.path.loops = false;
	found(km_rule_perm_table_mismatch(&w.c, false, &w.d), KM_PROVEN, false);
	w.c.path.loops = true;
	w.c.path.loops_known = false;
	found(km_rule_perm_table_mismatch(&w.c, false, &w.d), KM_PROVEN, false);
	loops_as_spurious();
	/* role and words are read one after the other while the target runs */
	found(km_rule_perm_table_mismatch(&w.c, true, &w.d), KM_LIKELY, true);
	/* they are written one after the other as well */
	w.c.last.has_stack = true;
	w.c.last.stack = STACK("update_permission_bitmask", "kvm_init_mmu", "kvm_vcpu_ioctl");
	found(km_rule_perm_table_mismatch(&w.c, false, &w.d), KM_NOTE, false);
	w.c.last.stack = STACK("__kvm_mmu_refresh_passthrough_bits");
	found(km_rule_perm_table_mismatch(&w.c, true, &w.d), KM_NOTE, false);
	w.c.last.has_stack = false;
	/* no fault is known: the counters show that KVM asked it */
	w.c.fault = NULL;
	w.c.has_panel = w.c.has_path = false;
	found(km_rule_perm_table_mismatch(&w.c, false, &w.d), KM_PROVEN, false);
	s->pf_taken = val(19520);
	s->pf_fixed = val(6);
	s->pf_spurious = val(19514);
	found(km_rule_perm_table_mismatch(&w.c, false, &w.d), KM_PROVEN, true);
	s->pf_spurious = val(9000); /* retried, for another reason */
	found(km_rule_perm_table_mismatch(&w.c, false, &w.d), KM_PROVEN, false);
	s->pf_spurious = val(19514);
	w.c.all.mmus[0].root_role.direct = 0;
	found(km_rule_perm_table_mismatch(&w.c, false, &w.d), KM_PROVEN, false);
	w.c.all.mmus[0].root_role.direct = 1;
	t->spte = false;
	found(km_rule_perm_table_mismatch(&w.c, false, &w.d), KM_PROVEN, false);
}

static void test_what_was_said(void **state)
{
	(void)state;
	compare_with_file(__FILE__);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_waits),
		cmocka_unit_test(test_whose_semaphore),
		cmocka_unit_test(test_a_torn_stack_does_not_leave_kvm),
		cmocka_unit_test(test_frozen_thread),
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_samples_of_half_an_error_code),
		cmocka_unit_test(test_samples_of_counters_that_fell),
		cmocka_unit_test(test_samples_without_fault),
		cmocka_unit_test(test_samples_of_uncounted_faults),
		cmocka_unit_test(test_samples_where_faults_are_not_counted),
		cmocka_unit_test(test_samples_of_a_livelock),
		cmocka_unit_test(test_samples_of_retries),
		cmocka_unit_test(test_samples_that_differ_by_one),
		cmocka_unit_test(test_samples_that_move),
		cmocka_unit_test(test_trend_names),
		cmocka_unit_test(test_samples_settle),
		cmocka_unit_test(test_settled_states),
		cmocka_unit_test(test_settled_livelock),
		cmocka_unit_test(test_sample_of_a_case),
		cmocka_unit_test(test_frozen),
		cmocka_unit_test(test_unknown_mm),
		cmocka_unit_test(test_unknown_values_in_evidence),
		cmocka_unit_test(test_stacks_of_unknown_owners),
		cmocka_unit_test(test_threads_of_a_process),
		cmocka_unit_test(test_readonly_host),
		cmocka_unit_test(test_nx_huge_page),
		cmocka_unit_test(test_by_design),
		cmocka_unit_test(test_over_or_stale),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_which_table),
		cmocka_unit_test(test_spurious_loop),
		cmocka_unit_test(test_walk_rows),
		cmocka_unit_test(test_wrong_table),
		cmocka_unit_test(test_frozen_by_who_flushes),
		cmocka_unit_test(test_frozen_without_fault),
		cmocka_unit_test(test_readonly_mapping_without_fault),
		cmocka_unit_test(test_index_with_ss),
		cmocka_unit_test(test_prefetch_for_async_page),
		cmocka_unit_test(test_how_sure_a_wrong_table_is),
		cmocka_unit_test(test_samples_without_addresses),
		cmocka_unit_test(test_what_was_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
