// SPDX-License-Identifier: GPL-2.0-or-later
/* Facts that contradict each other, what follows from them, and the line that equal causes share.
 */
#include "cm.h"
#include "bare_kernel.h"

#include "diagnose/contradictions.h"
#include "diagnose/fingerprint.h"
#include "frames.h"

#include <stdio.h>
#include <string.h>

#define THREAD 0xffff888000001000

static struct world {
	struct km_kernel kernel;
	struct km_vm vm;
	struct km_vcpu vcpu;
	struct km_mmu mmu;
	struct km_step step;
	struct km_fault fault;
	struct km_frame frames[KM_FRAMES];
	struct km_case c;
	struct km_explanation e;
} w;

static struct km_val val(uint64_t v)
{
	return km_known_val(v);
}

static void in(size_t i, const char *function)
{
	struct km_stack *stack = &w.c.last.stack;

	stack->frames[i].function = function;
	stack->frames[i].sure = true;
	stack->count = i + 1;
}

/* A thread that runs in KVM_RUN; nothing contradicts. */
static void reset(void)
{
	memset(&w, 0, sizeof(w));
	w.kernel.vendor = KM_VENDOR_AMD;
	w.mmu.paging = KM_PAGING_NPT;
	w.vcpu.mode = val(0);
	w.vcpu.mp_state = val(0);
	w.vcpu.task = val(THREAD);
	w.vcpu.task_state = val(0);
	w.vcpu.on_cpu = val(1);
	w.c = (struct km_case){.kernel = &w.kernel, .vm = &w.vm, .vcpu = &w.vcpu, .mmu = &w.mmu};
	w.c.last.has_stack = true;
	w.c.last.stack.task = THREAD;
	w.c.last.stack.frames = no_frames(w.frames);
	w.c.last.stack.start = KM_STACK_REGISTERS;
	in(0, "kvm_vcpu_ioctl");
}

/* How many contradictions there are now; the first one contains @text. */
static size_t found(const char *text)
{
	memset(&w.c.contradictions, 0, sizeof(w.c.contradictions));
	km_rule_contradictions(&w.c);
	if (w.c.contradictions.count)
		assert_non_null(strstr(w.c.contradictions.text[0], text));
	return w.c.contradictions.count;
}

static void test_collected(void **state)
{
	(void)state;
	reset();
	assert_int_equal(found(""), 0);
	km_contradict(&w.vcpu.contradictions, "of the vCPU");
	assert_int_equal(found("of the vCPU"), 1);
	km_contradict(&w.c.last.contradictions, "of the fault");
	assert_int_equal(found("of the vCPU"), 2);
}

static void test_mode(void **state)
{
	(void)state;
	reset();
	w.vcpu.mode = val(1); /* IN_GUEST_MODE */
	assert_int_equal(found(""), 0);
	w.c.last.handling = true;
	assert_int_equal(found("IN_GUEST_MODE, but its thread handles a fault"), 1);
	w.vcpu.mode = val(2);
	assert_int_equal(found(""), 0);
	w.vcpu.mode = val(0);
	assert_int_equal(found(""), 0);
	w.c.last.handling = false;
	w.c.last.stack.start = KM_STACK_SWITCHED_OUT;
	w.vcpu.on_cpu = val(0);
	assert_int_equal(found(""), 0);
	w.vcpu.mode = val(1);
	assert_int_equal(found("IN_GUEST_MODE, but its thread is not on a CPU"), 1);
	w.vcpu.task = val(0); /* no thread */
	assert_int_equal(found(""), 0);
	w.vcpu.task = (struct km_val){.known = KM_UNREADABLE, .v = THREAD};
	assert_int_equal(found(""), 0);
	w.vcpu.task = val(THREAD);
	w.vcpu.on_cpu.known = KM_UNREADABLE;
	assert_int_equal(found(""), 0);
	w.vcpu.on_cpu = val(0);
	w.vcpu.mode.known = KM_UNREADABLE;
	assert_int_equal(found(""), 0);
}

/* KVM keeps a root while it handles a fault, in one of the contexts. */
static void test_root(void **state)
{
	(void)state;
	reset();
	w.c.last.handling = true;
	w.c.all.active = &w.mmu;
	w.mmu.name = "root_mmu";
	w.c.all.mmu_count = 2;
	w.c.all.mmus[0].root.hpa = w.c.all.mmus[1].root.hpa = val(~0ULL);
	w.c.all.mmus[2].root.hpa = val(0x1000); /* beyond the last */
	assert_int_equal(found("its thread handles a fault, but root_mmu has no root"), 1);
	for (size_t i = 0; i < 2; i++) {
		w.c.all.mmus[i].root.hpa = val(0x1000);
		assert_int_equal(found(""), 0);
		w.c.all.mmus[i].root.hpa.known = KM_UNREADABLE;
		assert_int_equal(found(""), 0);
		w.c.all.mmus[i].root.hpa = val(~0ULL);
	}
	w.c.last.handling = false;
	assert_int_equal(found(""), 0);
	w.c.last.handling = true;
	w.c.all.active = NULL;
	assert_int_equal(found(""), 0);
}

static void test_mp_state(void **state)
{
	(void)state;
	reset();
	w.vcpu.mp_state = val(1); /* UNINITIALIZED */
	assert_int_equal(found(""), 0);
	w.c.last.handling = true;
	assert_int_equal(found("mp_state is UNINITIALIZED"), 1);
	w.c.last.handling = false;
	w.vcpu.mode = val(1);
	assert_int_equal(found("mp_state is UNINITIALIZED"), 1);
	w.vcpu.mp_state.known = KM_UNREADABLE;
	assert_int_equal(found(""), 0);
	w.vcpu.mp_state = val(0);
	assert_int_equal(found(""), 0);
}

static void test_task_state(void **state)
{
	(void)state;
	reset();
	w.vcpu.task_state = val(0x4); /* stopped */
	assert_int_equal(found("0x4, stopped"), 1);
	w.vcpu.task_state = val(0x8);
	assert_int_equal(found("0x8, stopped"), 1);
	in(1, "ptrace_stop");
	assert_int_equal(found(""), 0);
	w.vcpu.task_state = val(0x80);
	assert_int_equal(found("0x80, dead"), 1);
	in(1, "do_exit");
	assert_int_equal(found(""), 0);
	w.c.last.stack.frames[1].sure = false; /* perhaps not */
	assert_int_equal(found("0x80, dead"), 1);
	w.c.last.stack.frames[0].sure = false; /* nothing is sure about this stack */
	assert_int_equal(found(""), 0);
	w.c.last.stack.frames[0].sure = true;
	w.vcpu.task_state.known = KM_UNREADABLE;
	assert_int_equal(found(""), 0);
	w.vcpu.task_state = val(0x80);
	w.c.last.stack.task++; /* of another task */
	assert_int_equal(found(""), 0);
	w.c.last.stack.task--;
	w.c.last.stack.count = 0;
	assert_int_equal(found(""), 0);
	w.c.last.stack.count = 1;
	w.c.last.has_stack = false;
	assert_int_equal(found(""), 0);
}

/* A thread that sleeps is in a function that sleeps, if its stack is complete and certain. */
static void test_asleep(void **state)
{
	static const uint64_t asleep[] = {0x1, 0x2, 0x402, 0x8000};
	struct km_stack *stack = &w.c.last.stack;

	(void)state;
	reset();
	in(0, "__schedule");
	in(1, "kvm_vcpu_ioctl");
	for (size_t i = 0; i < sizeof(asleep) / sizeof(asleep[0]); i++) {
		w.vcpu.task_state = val(asleep[i]);
		assert_int_equal(found(", asleep, but its stack is not in a function that sleeps"),
				 1);
	}
	w.vcpu.task_state = val(0x1000); /* RTLOCK_WAIT */
	assert_int_equal(found(""), 0);
	w.vcpu.task_state = val(0x4); /* another contradiction */
	assert_int_equal(found("0x4, stopped"), 1);
	w.vcpu.task_state = val(0);
	assert_int_equal(found(""), 0);
	w.vcpu.task_state = val(2);
	stack->pages_missing = 1; /* the rest may be there */
	assert_int_equal(found(""), 0);
	stack->pages_missing = 0;
	stack->frames[1].sure = false; /* the last frame is a guess */
	assert_int_equal(found(""), 0);
	stack->count = 1; /* a guess beyond the last frame */
	assert_int_equal(found("0x2, asleep"), 1);
	for (size_t i = 1; i < KM_FRAMES; i++)
		in(i, "kvm_vcpu_ioctl");
	assert_int_equal(found(""), 0); /* more frames than are kept */
	stack->count--;
	assert_int_equal(found("0x2, asleep"), 1);
	in(1, "schedule");
	assert_int_equal(found(""), 0);
}

/* A capsule of a kernel without symbols: which functions they are is not known. */
static void test_asleep_without_symbols(void **state)
{
	(void)state;
	reset();
	w.vcpu.task_state = val(1);
	for (size_t i = 0; i < 3; i++) {
		for (size_t j = 0; j < 3; j++)
			in(j, i == j ? "" : "kvm_vcpu_ioctl");
		assert_int_equal(found(""), 0);
	}
	in(2, "kvm_vcpu_ioctl");
	assert_int_equal(found("0x1, asleep"), 1);
}

/* The kvm_mmu_page of the only table of the walk is at @addr. */
static size_t found_on_walk(uint64_t addr, const char *text)
{
	w.c.has_walk = true;
	w.c.walk.count = 1;
	w.c.walk.levels[0].level = 4;
	w.c.walk.levels[0].sp.addr = addr;
	memset(&w.c.contradictions, 0, sizeof(w.c.contradictions));
	km_case_find_contradictions(&w.c);
	if (w.c.contradictions.count)
		assert_non_null(strstr(w.c.contradictions.text[0], text));
	return w.c.contradictions.count;
}

#define NO_PAGE "the page-table page at level 4 has no kvm_mmu_page"

static void test_pages_of_the_walk(void **state)
{
	struct km_val *special[] = {&w.mmu.pml4_root, &w.mmu.pml5_root, &w.mmu.pae_root};
	struct km_mmu_page *sp = &w.c.walk.levels[0].sp;

	(void)state;
	reset();
	bare_kernel_open(&w.kernel);
	w.mmu.readable = w.mmu.used = true;
	w.mmu.root_role.level = 4;
	assert_int_equal(found_on_walk(0, ""), 0); /* not readable */
	sp->known = true;
	assert_int_equal(found_on_walk(0, NO_PAGE), 1);
	w.mmu.root_role.level = 5;
	assert_int_equal(found_on_walk(0, NO_PAGE), 1);
	assert_int_equal(found_on_walk(0x1000, NO_PAGE), 1);
	assert_int_equal(found_on_walk(THREAD, ""), 0);
	w.mmu.root_role.level = 3; /* of a 32-bit guest, whose tables above are special */
	assert_int_equal(found_on_walk(0, ""), 0);
	assert_int_equal(found_on_walk(0x1000, NO_PAGE), 1);
	w.mmu.root_role.level = 4;
	for (size_t i = 0; i < 3; i++) {
		*special[i] = val(THREAD);
		assert_int_equal(found_on_walk(0, ""), 0);
		*special[i] = val(0);
		assert_int_equal(found_on_walk(0, NO_PAGE), 1);
		*special[i] = (struct km_val){.known = KM_UNREADABLE, .v = THREAD};
		assert_int_equal(found_on_walk(0, NO_PAGE), 1);
	}
	w.c.walk.levels[0].special = true;
	assert_int_equal(found_on_walk(0, ""), 0);
	w.c.walk.levels[0].special = false;
	w.mmu.used = false;
	assert_int_equal(found_on_walk(0, ""), 0);
	w.mmu.used = true;
	w.mmu.readable = false;
	assert_int_equal(found_on_walk(0, ""), 0);
	w.c.mmu = NULL;
	assert_int_equal(found_on_walk(0, ""), 0);
	bare_kernel_close(&w.kernel);
}

static void test_pages_of_the_tdp_mmu(void **state)
{
	struct km_mmu_page *sp = &w.c.walk.levels[0].sp;

	(void)state;
	reset();
	bare_kernel_open(&w.kernel);
	w.mmu.readable = w.mmu.used = true;
	w.mmu.root_role.direct = true;
	w.mmu.root_role.level = 4;
	w.vm.tdp_mmu_enabled = val(1);
	sp->known = true;
	sp->tdp_mmu_page = val(1);
	assert_int_equal(found_on_walk(THREAD, ""), 0);
	sp->tdp_mmu_page = val(0);
	assert_int_equal(found_on_walk(THREAD, "but the kvm_mmu_page of the table at level 4 does"),
			 1);
	w.mmu.root_role.direct = false;
	assert_int_equal(found_on_walk(THREAD, ""), 0);
	w.mmu.root_role.direct = true;
	w.vm.tdp_mmu_enabled = val(0);
	assert_int_equal(found_on_walk(THREAD, ""), 0);
	w.vm.tdp_mmu_enabled = (struct km_val){.known = KM_UNREADABLE};
	assert_int_equal(found_on_walk(THREAD, ""), 0);
	sp->tdp_mmu_page = (struct km_val){.known = KM_UNREADABLE};
	w.vm.tdp_mmu_enabled = val(1);
	assert_int_equal(found_on_walk(THREAD, ""), 0);
	sp->tdp_mmu_page.corrupted = true;
	assert_int_equal(found_on_walk(THREAD, "the VM uses the TDP MMU"), 1);
	bare_kernel_close(&w.kernel);
}

static void test_on_cpu(void **state)
{
	(void)state;
	reset();
	w.c.last.stack.start = KM_STACK_SWITCHED_OUT;
	assert_int_equal(found("its stack is that of a switched-out task"), 1);
	w.vcpu.on_cpu.known = KM_UNREADABLE;
	assert_int_equal(found(""), 0);
	w.vcpu.on_cpu = val(0);
	assert_int_equal(found(""), 0);
	w.c.last.stack.start = KM_STACK_REGISTERS;
	assert_int_equal(found("its stack is that of a running task"), 1);
	w.c.last.stack.task++;
	assert_int_equal(found(""), 0);
	w.c.last.stack.task--;
	w.c.last.has_stack = false;
	assert_int_equal(found(""), 0);
}

static void test_place(void **state)
{
	(void)state;
	reset();
	w.c.last.maybe_handling = true;
	assert_int_equal(found(""), 0);
	in(0, "kvm_mmu_page_fault");
	assert_int_equal(found("not in an ioctl of KVM"), 1);
	w.c.last.stack.pages_missing = 1; /* the rest may be there */
	assert_int_equal(found(""), 0);
	w.c.last.stack.pages_missing = 0;
	w.c.last.stack.count = KM_FRAMES; /* more frames than are kept */
	assert_int_equal(found(""), 0);
	w.c.last.stack.count = KM_FRAMES - 1;
	strcpy(w.c.last.stack.trouble, KM_STACK_STOPPED_EARLY);
	assert_int_equal(found(""), 0);
	w.c.last.stack.trouble[0] = 0;
	assert_int_equal(found("not in an ioctl of KVM"), 1);
	w.c.last.maybe_handling = false;
	assert_int_equal(found(""), 0);
	w.c.last.maybe_handling = true;
	w.c.last.has_stack = false;
	assert_int_equal(found(""), 0);
}

static void finds(const char *id, enum km_certainty certainty, bool stuck)
{
	w.e.found[w.e.count++] =
		(struct km_diagnosis){.id = id, .certainty = certainty, .stuck = stuck};
}

static void concludes(enum km_vcpu_state state, enum km_certainty certainty)
{
	w.e.state = state;
	w.e.certainty = certainty;
	strcpy(w.e.verdict, "(verdict)");
	km_weigh_contradictions(&w.c, &w.e);
}

#define is(what, certain)                                                                          \
	do {                                                                                       \
		assert_int_equal(w.e.state, KM_STATE_##what);                                      \
		assert_int_equal(w.e.certainty, certain);                                          \
	} while (0)

/* One contradiction: nothing is more than possible. */
static void test_weighed(void **state)
{
	(void)state;
	reset();
	finds("vm-dead", KM_PROVEN, true);
	finds("lock-stall", KM_POSSIBLE, false);
	finds("progressing", KM_NOTE, false);
	concludes(KM_STATE_STUCK, KM_LIKELY);
	is(STUCK, KM_LIKELY);
	assert_string_equal(w.e.verdict, "(verdict)");
	km_contradict(&w.c.contradictions, "(this)");
	km_contradict(&w.c.contradictions, "(that)");
	concludes(KM_STATE_STUCK, KM_LIKELY);
	is(STUCK, KM_POSSIBLE);
	assert_string_equal(w.e.verdict, "(verdict); contradiction: (this)");
	assert_int_equal(w.e.found[0].certainty, KM_POSSIBLE);
	assert_int_equal(w.e.found[1].certainty, KM_POSSIBLE);
	assert_int_equal(w.e.found[2].certainty, KM_NOTE);
	concludes(KM_STATE_HEALTHY, KM_PROVEN);
	is(HEALTHY, KM_POSSIBLE);
	w.e.found[w.e.count].certainty = KM_PROVEN; /* what lies behind them is none */
	concludes(KM_STATE_NEVER_RAN, KM_PROVEN);
	is(UNKNOWN, KM_NOTE);
	assert_string_equal(
		w.e.verdict,
		"it is not certain whether a thread ever ran it; contradiction: (this)");
	assert_int_equal(w.e.found[w.e.count].certainty, KM_PROVEN);
	w.vcpu.foreign = true;
	concludes(KM_STATE_STUCK, KM_LIKELY);
	is(UNKNOWN, KM_NOTE);
	assert_int_equal(w.e.count, 0);
}

/* What is likely is only possible if it is not known what the thread does. */
static void test_unknown_thread(void **state)
{
	const struct km_val unreadable = {.known = KM_UNREADABLE};
	struct km_val *facts[] = {&w.vcpu.task_state, &w.vcpu.on_cpu};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		reset();
		w.e.state = KM_STATE_HEALTHY;
		w.e.certainty = KM_LIKELY;
		km_weigh_contradictions(&w.c, &w.e);
		assert_int_equal(w.e.certainty, KM_LIKELY);
		*facts[i] = unreadable;
		km_weigh_contradictions(&w.c, &w.e);
		assert_int_equal(w.e.certainty, KM_POSSIBLE);
		assert_non_null(strstr(w.e.verdict, "the state of its thread is not readable"));
		/* without a thread, there is nothing to know */
		w.e.certainty = KM_LIKELY;
		w.vcpu.task = val(0);
		km_weigh_contradictions(&w.c, &w.e);
		assert_int_equal(w.e.certainty, KM_LIKELY);
		w.vcpu.task = unreadable;
		km_weigh_contradictions(&w.c, &w.e);
		assert_int_equal(w.e.certainty, KM_LIKELY);
	}
}

/* A verdict that leaves no room is cut, and nothing behind it is overwritten. */
static void test_long_verdict(void **state)
{
	(void)state;
	reset();
	km_contradict(&w.c.contradictions, "(this)");
	finds("vm-dead", KM_PROVEN, true);
	memset(w.e.verdict, 'v', sizeof(w.e.verdict) - 8);
	km_weigh_contradictions(&w.c, &w.e);
	assert_int_equal(strlen(w.e.verdict), sizeof(w.e.verdict) - 1);
	assert_string_equal(w.e.found[0].id, "vm-dead");
}

/* It handles a fault that is not known: it is not healthy. */
static void test_unknown_fault(void **state)
{
	(void)state;
	reset();
	concludes(KM_STATE_NEVER_RAN, KM_PROVEN);
	is(NEVER_RAN, KM_PROVEN);
	w.c.last.maybe_handling = true;
	concludes(KM_STATE_NEVER_RAN, KM_PROVEN);
	is(UNKNOWN, KM_NOTE);
	concludes(KM_STATE_HEALTHY, KM_LIKELY);
	is(UNKNOWN, KM_NOTE);
	concludes(KM_STATE_PROGRESSING, KM_LIKELY);
	is(PROGRESSING, KM_POSSIBLE);
	concludes(KM_STATE_STUCK, KM_LIKELY);
	is(STUCK, KM_LIKELY);
	w.fault = (struct km_fault){.source = KM_FAULT_STACK, .age = KM_AGE_IN_HANDLER};
	w.c.fault = &w.fault;
	concludes(KM_STATE_PROGRESSING, KM_LIKELY); /* what becomes of it is not known */
	is(PROGRESSING, KM_POSSIBLE);
	w.c.has_path = true;
	concludes(KM_STATE_PROGRESSING, KM_LIKELY);
	is(PROGRESSING, KM_LIKELY);
	concludes(KM_STATE_HEALTHY, KM_LIKELY);
	is(HEALTHY, KM_LIKELY);
	w.fault.age = KM_AGE_LAST_EXIT; /* an earlier one */
	concludes(KM_STATE_HEALTHY, KM_LIKELY);
	is(UNKNOWN, KM_NOTE);
}

static const char *fingerprint(void)
{
	static char buf[KM_FINGERPRINT];

	return km_fingerprint(&w.c, &w.e, buf);
}

static void test_fingerprint_of_causes(void **state)
{
	(void)state;
	reset();
	finds("progressing", KM_NOTE, false);
	finds("spurious-loop", KM_NOTE, true);
	assert_string_equal(fingerprint(), "");
	finds("write-tracked", KM_POSSIBLE, true);
	finds("lock-stall", KM_LIKELY, false);
	assert_string_equal(fingerprint(), "kvmmmu-1 AMD npt lock-stall,write-tracked");
	finds("spurious-loop", KM_LIKELY, true);
	finds("obsolete-root", KM_PROVEN, true);
	assert_string_equal(fingerprint(), "kvmmmu-1 AMD npt obsolete-root,spurious-loop");
	w.mmu.paging = KM_PAGING_SHADOW;
	w.kernel.vendor = KM_VENDOR_INTEL;
	assert_string_equal(fingerprint(), "kvmmmu-1 Intel shadow obsolete-root,spurious-loop");
	w.mmu.paging = KM_PAGING_EPT;
	assert_string_equal(fingerprint(), "kvmmmu-1 Intel ept obsolete-root,spurious-loop");
	w.c.mmu = NULL;
	w.kernel.vendor = KM_VENDOR_UNKNOWN;
	assert_string_equal(fingerprint(), "kvmmmu-1 - - obsolete-root,spurious-loop");
}

/* The first and the last of those found, and nothing behind them. */
static void test_fingerprint_of_few_and_many(void **state)
{
	struct {
		char buf[KM_FINGERPRINT], behind;
	} text = {.behind = 'x'};

	(void)state;
	reset();
	finds("gpa-too-wide", KM_POSSIBLE, false);
	assert_string_equal(fingerprint(), "kvmmmu-1 AMD npt gpa-too-wide");
	finds("hwpoison", KM_LIKELY, true);
	w.e.count--;
	assert_string_equal(fingerprint(), "kvmmmu-1 AMD npt gpa-too-wide");
	w.e.found[0].certainty = KM_NOTE;
	w.e.found[1].stuck = false;
	assert_string_equal(fingerprint(), "");
	w.e.count = 0;
	finds("hwpoison", KM_LIKELY, true);
	finds("gpa-too-wide", KM_POSSIBLE, true);
	assert_string_equal(fingerprint(), "kvmmmu-1 AMD npt hwpoison");
	while (w.e.count < KM_DIAGNOSES)
		finds("a-name-of-a-finding-that-is-rather-long", KM_LIKELY, true);
	km_fingerprint(&w.c, &w.e, text.buf);
	assert_int_equal(strlen(text.buf), KM_FINGERPRINT - 1);
	assert_int_equal(text.behind, 'x');
}

/* Where it sleeps, without the scheduler's functions; else where the handler ends. */
static void test_fingerprint_of_place(void **state)
{
	(void)state;
	reset();
	finds("vm-dead", KM_PROVEN, true);
	w.c.has_path = true;
	assert_string_equal(fingerprint(), "kvmmmu-1 AMD npt vm-dead");
	w.c.path.end = &w.step;
	w.step.function = "kvm_mmu_faultin_pfn";
	w.c.path.ret = KM_RET_PF_EXIT;
	assert_string_equal(fingerprint(), "kvmmmu-1 AMD npt vm-dead kvm_mmu_faultin_pfn:exit");
	w.c.path.ret = KM_RET_PF_UNKNOWN;
	assert_string_equal(fingerprint(), "kvmmmu-1 AMD npt vm-dead kvm_mmu_faultin_pfn:unknown");
	w.c.path.ret = KM_RET_PF_RETRY;
	assert_string_equal(fingerprint(),
			    "kvmmmu-1 AMD npt vm-dead kvm_mmu_faultin_pfn:RET_PF_RETRY");
	in(0, "__schedule");
	in(1, "schedule_timeout");
	in(2, "handle_userfault.cold");
	in(3, "guess");
	w.c.last.stack.frames[3].sure = false;
	in(4, "");
	in(5, "handle_mm_fault");
	in(6, "hva_to_pfn");
	in(7, "kvm_faultin_pfn");
	w.c.wait.kind = KM_WAIT_USERFAULT;
	assert_string_equal(fingerprint(),
			    "kvmmmu-1 AMD npt vm-dead handle_userfault<handle_mm_fault<hva_to_pfn");
	in(0, "mutex_lock");
	in(1, "kvm_vcpu_ioctl");
	w.c.last.stack.count = 1;
	assert_string_equal(fingerprint(), "kvmmmu-1 AMD npt vm-dead mutex_lock");
	w.c.wait.kind = KM_WAIT_HALT; /* of the guest: not in the way of the fault */
	assert_non_null(strstr(fingerprint(), "RET_PF_RETRY"));
	w.c.wait.kind = KM_WAIT_LOCK;
	assert_null(strstr(fingerprint(), "RET_PF_RETRY"));
	w.c.last.has_stack = false;
	assert_non_null(strstr(fingerprint(), "RET_PF_RETRY"));
	w.c.has_path = false;
	assert_string_equal(fingerprint(), "kvmmmu-1 AMD npt vm-dead");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_collected),
		cmocka_unit_test(test_mode),
		cmocka_unit_test(test_root),
		cmocka_unit_test(test_mp_state),
		cmocka_unit_test(test_task_state),
		cmocka_unit_test(test_asleep),
		cmocka_unit_test(test_asleep_without_symbols),
		cmocka_unit_test(test_pages_of_the_walk),
		cmocka_unit_test(test_pages_of_the_tdp_mmu),
		cmocka_unit_test(test_on_cpu),
		cmocka_unit_test(test_place),
		cmocka_unit_test(test_weighed),
		cmocka_unit_test(test_unknown_thread),
		cmocka_unit_test(test_long_verdict),
		cmocka_unit_test(test_unknown_fault),
		cmocka_unit_test(test_fingerprint_of_causes),
		cmocka_unit_test(test_fingerprint_of_few_and_many),
		cmocka_unit_test(test_fingerprint_of_place),
	};

	return cmocka_run_group_tests_name("contradictions", tests, NULL, NULL);
}
