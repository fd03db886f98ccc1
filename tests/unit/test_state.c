// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is made of a case and of what was found: which findings are left, in which order, and the
 * state of the vCPU. test_state.txt has the words.
 */
#include "said.h"
#include "frames.h"

#include <ctype.h>

static const struct km_val unreadable = {.known = KM_UNREADABLE};

static struct world {
	struct km_kernel kernel;
	struct km_vm vm;
	struct km_vcpu vcpu;
	struct km_fault fault;
	struct km_frame frames[KM_FRAMES];
	struct km_case c;
	struct km_explanation e;
} w;

static struct km_val val(uint64_t v)
{
	return km_known_val(v);
}

/*
 * A healthy vCPU between two exits, the last of which was for I/O. Everything is known, and nothing
 * was found.
 */
static void reset(void)
{
	struct km_mmu *mmu = &w.c.all.mmus[0];

	memset(&w, 0, sizeof(w));
	w.kernel.features.spte_known = true;
	w.kernel.vendor = KM_VENDOR_AMD;
	w.vcpu.readable = true;
	w.vcpu.task = val(0xffff888000001000);
	w.vcpu.tid = val(101);
	w.vcpu.mode = val(0);
	w.vcpu.stats.pf_taken = val(9);
	w.vcpu.stats.pf_fixed = val(7);
	w.vcpu.stats.pf_spurious = val(2);
	w.c = (struct km_case){
		.kernel = &w.kernel,
		.vm = &w.vm,
		.vcpu = &w.vcpu,
		.slots_known = true,
		.root.known = true,
		.last.has_stack = true,
		.last.stack.frames = no_frames(w.frames),
		.last.stack.count = 1,
		.last.exit_code = {.v = 0x7b},
	};
	*mmu = (struct km_mmu){.name = "root_mmu", .readable = true, .root_role.direct = 1};
	mmu->paging = KM_PAGING_NPT;
	w.c.mmu = w.c.all.active = mmu;
	w.c.all.table_count = 2;
	w.c.last.stack.frames[0].function = "kvm_vcpu_ioctl";
	w.c.last.stack.frames[0].sure = true;
}

/* A write that KVM handles at this moment, and what becomes of it. */
static void handles(enum km_ret_pf ret, bool known, bool loops)
{
	w.fault = (struct km_fault){.source = KM_FAULT_STACK, .age = KM_AGE_IN_HANDLER};
	w.c.fault = &w.fault;
	w.c.has_addr = w.c.has_error_code = w.c.has_path = w.c.has_panel = true;
	w.c.addr = 0x4000000;
	w.c.error_code = PFERR_WRITE_MASK;
	w.c.path.ret = ret;
	w.c.path.loops_known = known;
	w.c.path.loops = loops;
	strcpy(w.c.path.loops_text, "(what follows)");
	w.c.panel.verdicts[KM_JUDGE_PROCESSOR].ruling = KM_DENIES;
}

static void finds(const char *id, enum km_certainty certainty, bool stuck)
{
	w.e.found[w.e.count++] =
		(struct km_diagnosis){.id = id, .certainty = certainty, .stuck = stuck};
}

/* Something is found that does not concern the fault. */
static void finds_apart(const char *id)
{
	finds(id, KM_LIKELY, true);
	w.e.found[w.e.count - 1].apart = true;
}

/* Concludes, writes it down, and starts anew with nothing found. */
static enum km_vcpu_state conclude(const char *test)
{
	FILE *to = said_by(test);
	enum km_vcpu_state state;

	km_explain_found(&w.c, &w.e);
	assert_in_range(strlen(w.e.verdict), 5, sizeof(w.e.verdict) - 2);
	fprintf(to, "%s (%s): %s\n", km_vcpu_state_name(w.e.state),
		km_certainty_text(w.e.certainty), w.e.verdict);
	for (size_t i = 0; i < w.e.count; i++)
		fprintf(to, "  %s (%s)\n", w.e.found[i].id,
			km_certainty_text(w.e.found[i].certainty));
	state = w.e.state;
	memset(&w.e, 0, sizeof(w.e));
	return state;
}

#define is(what) assert_int_equal(conclude(__func__), KM_STATE_##what)

static bool is_sentence(const char *text)
{
	size_t length = strlen(text);

	return length > 20 && !islower((unsigned char)text[0]) && text[length - 1] == '.';
}

/* explain and its manual page print these: each is complete and well-formed. */
static void test_catalogue(void **state)
{
	(void)state;
	for (size_t i = 0; i < KM_DIAGNOSES; i++) {
		const struct km_finding_text *t = &km_finding_texts[i];
		char spelled[640];

		assert_ptr_equal(km_finding_text(t->id), t);
		assert_true(is_sentence(t->means));
		assert_true(!t->advice || is_sentence(t->advice));
		assert_in_range(t->case_count, 0, KM_KNOWN_CASES);
		for (size_t j = 0; j < t->case_count; j++) {
			assert_int_equal(strlen(t->cases[j].commit), 12);
			assert_int_equal(strspn(t->cases[j].commit, "0123456789abcdef"), 12);
			assert_true(strlen(t->cases[j].subject) > 10);
			assert_true(isdigit((unsigned char)t->cases[j].release[0]));
		}
		km_known_cases_spell(t, ~0U, spelled, sizeof(spelled));
		assert_in_range(strlen(spelled), 0, sizeof(spelled) - 2);
		assert_int_equal(spelled[0] != 0, t->case_count != 0);
	}
	assert_null(km_finding_text("no-such-finding"));
}

/* Which known cases are cited depends on what the condition reports. */
static void test_known_cases(void **state)
{
	const struct km_finding_text *t = km_finding_text("mmu-seq-sign");
	char buf[640];

	(void)state;
	assert_string_equal(
		km_known_cases_spell(t, KM_BIT(KM_WHEN_ANY), buf, sizeof(buf)),
		"82d811ff5665 (\"KVM: x86/mmu: Fix an sign-extension bug with mmu_seq that hangs "
		"vCPUs\", 6.1.51), ba6e3fe25543 (\"KVM: x86/mmu: Grab mmu_invalidate_seq in "
		"kvm_faultin_pfn()\", 6.3); introduced by a955cad84cda (\"KVM: x86/mmu: Retry page "
		"fault if root is invalidated by memslot update\", 5.16)");
	assert_string_equal(km_known_cases_spell(t, 0, buf, sizeof(buf)), "");
	t = km_finding_text("obsolete-root");
	assert_string_equal(km_known_cases_spell(t, KM_BIT(KM_WHEN_ANY), buf, sizeof(buf)), "");
	assert_non_null(strstr(km_known_cases_spell(t, KM_BIT(KM_WHEN_PREFAULT), buf, sizeof(buf)),
			       "6.15"));
}

/* A finding that the catalogue does not have is kept: nothing is read beyond the table. */
static void test_unknown_id(void **state)
{
	(void)state;
	reset();
	finds("no-such-finding", KM_LIKELY, true);
	finds("lock-stall", KM_NOTE, false);
	is(STUCK);
}

/* What explains comes first, then what accuses, then remarks; within each as they were found. */
static void test_order(void **state)
{
	(void)state;
	reset();
	finds("dirty-log-huge", KM_NOTE, false);
	finds("role-corruption", KM_POSSIBLE, true);
	finds("nx-huge-page", KM_NOTE, false);
	finds("perm-table-mismatch", KM_PROVEN, false);
	finds("spurious-loop", KM_LIKELY, true);
	finds("frozen-spte", KM_LIKELY, true);
	is(STUCK);
	finds("no-slot", KM_NOTE, false);
	finds("vm-dead", KM_PROVEN, true);
	is(STUCK);
}

/* Symptoms are left out where a cause explains, and only there. */
static void test_symptoms(void **state)
{
	(void)state;
	reset();
	finds("spurious-loop", KM_LIKELY, true);
	finds("lock-stall", KM_NOTE, false);
	finds("stale-tlb-or-spurious", KM_NOTE, false);
	finds("dirty-log-huge", KM_NOTE, false);
	is(STUCK);
	finds("spurious-loop", KM_POSSIBLE, true);
	finds("stale-tlb-or-spurious", KM_NOTE, false);
	is(STUCK);
	finds("perm-table-mismatch", KM_PROVEN, false);
	finds("stale-tlb-or-spurious", KM_NOTE, false);
	is(HEALTHY);
	/* a symptom explains no other */
	finds("lock-stall", KM_LIKELY, true);
	finds("progressing", KM_NOTE, false);
	is(STUCK);
	/* the cause may be any of them */
	finds("lock-stall", KM_NOTE, false);
	finds("vm-dead", KM_PROVEN, true);
	finds("dirty-log-huge", KM_NOTE, false);
	finds("lock-stall", KM_LIKELY, true);
	is(STUCK);
	/* nothing beyond the count counts */
	finds("lock-stall", KM_NOTE, false);
	finds("vm-dead", KM_PROVEN, true);
	w.e.count--;
	is(HEALTHY);
}

/* No more facts than there is room for, and none that is known in part. */
static void test_facts(void **state)
{
	struct km_diagnosis d = {.open = "open"};

	(void)state;
	reset();
	for (int i = 0; i < 2 * KM_EVIDENCE; i++)
		km_evidence(&d, "fact %d", i);
	assert_int_equal(d.evidence_count, KM_EVIDENCE);
	assert_string_equal(d.evidence[KM_EVIDENCE - 1], "fact 7");
	assert_string_equal(d.open, "open");
	for (int i = 0; i < 4; i++) {
		d.evidence_count = 0;
		w.vcpu.stats.pf_taken = i == 1 ? unreadable : val(9);
		w.vcpu.stats.pf_fixed = i == 2 ? unreadable : val(9);
		w.vcpu.stats.pf_spurious = i == 3 ? unreadable : val(9);
		km_evidence_counters(&w.c, &d);
		assert_int_equal(d.evidence_count, !i);
	}
}

static void test_stuck(void **state)
{
	(void)state;
	reset();
	/* a finding as such does not stop a vCPU, nor does a remark */
	finds("role-corruption", KM_LIKELY, false);
	is(HEALTHY);
	finds("dirty-log-huge", KM_NOTE, true);
	is(HEALTHY);
	handles(KM_RET_PF_RETRY, true, true);
	finds("frozen-spte", KM_POSSIBLE, true);
	is(STUCK);
	finds_apart("dirty-ring-full");
	is(STUCK);
	w.c.has_error_code = false;
	finds("frozen-spte", KM_LIKELY, true);
	is(STUCK);
	/* one moment proves what is wrong, not that it stays so */
	finds("invalidate-leaked", KM_PROVEN, true);
	is(STUCK);
	/* a VMM that sleeps between two tries, where the cause is known */
	w.c.wait = (struct km_wait){
		.kind = KM_WAIT_USERSPACE, .certainty = KM_PROVEN, .text = "(not in KVM_RUN)"};
	finds("readonly-host", KM_LIKELY, true);
	is(STUCK);
	finds("readonly-host", KM_POSSIBLE, true);
	is(WAITING);
	w.c.wait.kind = KM_WAIT_HALT;
	finds("readonly-host", KM_LIKELY, true);
	is(WAITING);
	w.c.wait.kind = KM_WAIT_APF; /* which may never be told that the page is there */
	finds("lost-async-pf", KM_LIKELY, true);
	is(STUCK);
	finds("lost-async-pf", KM_POSSIBLE, true);
	is(WAITING);
	w.c.wait.kind = KM_WAIT_HALT;
	w.c.wait.certainty = KM_LIKELY;
	is(WAITING);
}

static void test_never_ran(void **state)
{
	(void)state;
	reset();
	w.vcpu.tid = w.vcpu.task = val(0);
	is(NEVER_RAN);
	finds("mmu-seq-sign", KM_POSSIBLE, true);
	is(NEVER_RAN);
	/* a prefault may loop before the first KVM_RUN */
	finds("obsolete-root", KM_LIKELY, true);
	is(STUCK);
	w.vcpu.tid = unreadable;
	is(HEALTHY);
	w.vcpu.readable = false;
	is(UNKNOWN);
}

static void test_progressing(void **state)
{
	(void)state;
	reset();
	handles(KM_RET_PF_FIXED, true, false);
	is(PROGRESSING);
	handles(KM_RET_PF_EMULATE, false, false);
	is(PROGRESSING);
	/* nobody does wrong, and nothing moves; the path is open */
	handles(KM_RET_PF_RETRY, true, true);
	is(WAITING);
	/* what it waits for is the reason, not that it faults again */
	strcpy(w.c.path.steps[0].text, "(the SPTE is frozen)");
	w.c.path.end = &w.c.path.steps[0];
	is(WAITING);
	w.c.path.end = NULL;
	handles(KM_RET_PF_UNKNOWN, false, false);
	is(UNKNOWN);
	w.c.path.loops_known = true; /* as the SPTEs stand */
	is(PROGRESSING);
	w.c.path.loops_known = false;
	w.c.path.steps[0] = (struct km_step){.outcome = KM_STEP_ENDS, .ret = KM_RET_PF_FIXED};
	w.c.path.count = 1;
	is(PROGRESSING);
	w.c.path.steps[0].ret = KM_RET_PF_RETRY;
	is(UNKNOWN);
	w.c.path.steps[0] = (struct km_step){.outcome = KM_STEP_OPEN, .ret = KM_RET_PF_FIXED};
	is(UNKNOWN);
	w.c.path.count = 0;
	/* what is missing makes it less sure, and no surer */
	w.c.slots_known = false;
	is(UNKNOWN);
	handles(KM_RET_PF_FIXED, true, false);
	is(PROGRESSING);
	w.c.slots_known = true;
	w.c.error_code = PFERR_FETCH_MASK;
	is(PROGRESSING);
	w.c.error_code = 0;
	is(PROGRESSING);
	/* likewise of the last exit: then the replay shows what KVM does with it */
	w.fault.age = KM_AGE_LAST_EXIT;
	is(PROGRESSING);
	w.c.path.loops = true;
	is(WAITING);
	w.c.path.loops = false;
	/* residue that counts; residue that does not */
	w.fault.age = KM_AGE_RESIDUE;
	w.c.residue_counts = true;
	is(PROGRESSING);
	w.c.residue_counts = false;
	is(HEALTHY);
	w.fault.age = KM_AGE_LAST_EXIT;
	w.c.has_path = false;
	is(HEALTHY);
	/* KVM_RUN returns an error: what becomes of that is for the VMM to decide */
	handles(KM_RET_PF_EXIT, true, false);
	is(UNKNOWN);
	w.fault.age = KM_AGE_LAST_EXIT;
	is(UNKNOWN);
}

static void test_healthy(void **state)
{
	struct km_stack *stack = &w.c.last.stack;
	struct km_perm_table *t = w.c.all.tables;

	(void)state;
	reset();
	is(HEALTHY);
	w.e.missing = "(what a condition needs)";
	is(HEALTHY);
	w.vcpu.mode = val(1);
	is(HEALTHY);
	w.vcpu.mode = val(2); /* it is told to come out */
	is(HEALTHY);
	stack->frames[0].function = "do_syscall_64";
	is(HEALTHY);
	stack->frames[0].sure = false;
	stack->frames[1].sure = true;
	is(HEALTHY);
	stack->frames[0].sure = true;
	stack->count = 0;
	is(HEALTHY);
	stack->count = 1;
	/* outer frames may be missing: no word on whether it is in KVM_RUN */
	stack->frames[1].sure = false;
	stack->frames[0].function = "do_syscall_64";
	strcpy(stack->trouble, KM_STACK_STOPPED_EARLY);
	is(HEALTHY);
	stack->trouble[0] = 0;
	stack->pages_missing = 1;
	is(HEALTHY);
	stack->pages_missing = 0;
	/* switched out in a function that slept, and runnable again */
	stack->count = 3;
	stack->frames[0].function = "__schedule";
	stack->frames[1].function = "schedule";
	stack->frames[2].function = "do_nanosleep";
	is(HEALTHY);
	assert_string_equal(km_stack_switched_out_in(stack), "do_nanosleep");
	/* in the scheduler alone; a function of no name; not switched out */
	stack->count = 2;
	assert_null(km_stack_switched_out_in(stack));
	stack->count = 3;
	stack->frames[1].function = "";
	assert_string_equal(km_stack_switched_out_in(stack), "do_nanosleep");
	stack->frames[0].function = "do_syscall_64";
	assert_null(km_stack_switched_out_in(stack));
	stack->count = 0;
	assert_null(km_stack_switched_out_in(stack));
	stack->count = 1;
	stack->frames[0].function = "kvm_vcpu_ioctl";
	w.c.last.has_stack = false;
	is(HEALTHY);
	/* tables and counters */
	reset();
	t[0].status = KM_TABLE_MATCHES;
	t[1].status = KM_TABLE_UNREADABLE;
	is(HEALTHY);
	t[1].status = KM_TABLE_MATCHES;
	is(HEALTHY);
	t[1].status = KM_TABLE_DIFFERS;
	is(HEALTHY);
	t[0].status = KM_TABLE_DIFFERS;
	is(HEALTHY);
	t[0].status = t[1].status = KM_TABLE_UNREADABLE;
	is(HEALTHY);
	reset();
	w.vcpu.stats.pf_taken = unreadable;
	is(HEALTHY);
	w.vcpu.stats.pf_taken = w.vcpu.stats.pf_fixed;
	w.vcpu.stats.pf_fixed = unreadable;
	is(HEALTHY);
	w.vcpu.stats.pf_fixed = val(1);
	w.vcpu.stats.pf_spurious = unreadable;
	is(HEALTHY);
}

static void counts(uint64_t taken, uint64_t fixed, uint64_t spurious, uint64_t emulated)
{
	w.vcpu.stats.pf_taken = val(taken);
	w.vcpu.stats.pf_fixed = val(fixed);
	w.vcpu.stats.pf_spurious = val(spurious);
	w.vcpu.stats.pf_emulate = val(emulated);
}

/* What the state has to be, and how sure. */
#define is_sure(what, sure)                                                                        \
	do {                                                                                       \
		km_explain_found(&w.c, &w.e);                                                      \
		assert_int_equal(w.e.state, KM_STATE_##what);                                      \
		assert_int_equal(w.e.certainty, sure);                                             \
		conclude(__func__);                                                                \
	} while (0)

/* Counters do not tell which of two causes it is. */
static void test_rivals(void **state)
{
	(void)state;
	reset();
	counts(17926, 1, 0, 0);
	finds("readonly-host", KM_LIKELY, true);
	w.e.found[0].by_counts = true;
	is_sure(STUCK, KM_LIKELY);
	for (size_t i = 0; i < 2; i++) {
		finds(i ? "readonly-host" : "invalidate-leaked", KM_LIKELY, true);
		w.e.found[i].by_counts = true;
	}
	is_sure(STUCK, KM_POSSIBLE);
	/* one that does not rest on them is no rival */
	finds("obsolete-root", KM_PROVEN, true);
	finds("readonly-host", KM_LIKELY, true);
	w.e.found[1].by_counts = true;
	is_sure(STUCK, KM_LIKELY);
}

/* Faults that were not resolved prove no loop, and forbid to call the vCPU healthy for sure. */
static void test_lost_faults(void **state)
{
	(void)state;
	reset();
	w.c.last.exit_code = val(0x61); /* an NMI: it comes to a looping vCPU as well */
	is_sure(HEALTHY, KM_LIKELY);
	counts(99, 0, 0, 0); /* few */
	is_sure(HEALTHY, KM_LIKELY);
	counts(17926, 1, 0, 0);
	is_sure(UNKNOWN, KM_NOTE);
	counts(9000412, 1, 8999001, 0);
	is_sure(UNKNOWN, KM_NOTE);
	counts(100, 50, 0, 0);
	is_sure(HEALTHY, KM_LIKELY);
	counts(100, 49, 0, 0);
	is_sure(UNKNOWN, KM_NOTE);
	counts(1000000, 998000, 0, 0); /* 2000 are missing: a tenth of a second in a loop */
	is_sure(HEALTHY, KM_POSSIBLE);
	counts(1000000, 0, 0, 999500);
	is_sure(HEALTHY, KM_LIKELY);
	w.c.insn_emulation = w.c.insn_emulation_fail = val(999000); /* handed over, and failed */
	is_sure(UNKNOWN, KM_NOTE);
	w.c.insn_emulation_fail = unreadable;
	is_sure(HEALTHY, KM_POSSIBLE);
	w.vcpu.stats.pf_guest = val(1000000); /* injected */
	w.c.insn_emulation_fail = val(0);
	counts(1000000, 0, 0, 0);
	is_sure(HEALTHY, KM_LIKELY);
	/* after an instruction the guest has gone on, whatever was before: its interrupt handlers
	 * do that in a loop, too, but do not halt */
	reset();
	w.c.last.exit_code = val(0x7c);
	counts(17926, 1, 0, 0);
	is_sure(HEALTHY, KM_POSSIBLE);
	counts(1000000, 998000, 0, 0);
	is_sure(HEALTHY, KM_POSSIBLE);
	counts(1000000, 999500, 0, 0);
	is_sure(HEALTHY, KM_LIKELY);
	w.c.last.exit_code = val(0x78);
	counts(1000000, 998000, 0, 0);
	is_sure(HEALTHY, KM_LIKELY);
	/* and with a fault that KVM is about to fix */
	counts(17926, 1, 0, 0);
	handles(KM_RET_PF_FIXED, true, false);
	is_sure(PROGRESSING, KM_POSSIBLE);
	w.vcpu.stats.pf_taken = unreadable;
	is_sure(PROGRESSING, KM_POSSIBLE);
	counts(17926, 17926, 0, 0);
	is_sure(PROGRESSING, KM_LIKELY);
	/* the RMP denied it: what the SPTEs permit does not matter (SEV-SNP) */
	w.c.error_code |= PFERR_GUEST_RMP_MASK;
	is_sure(PROGRESSING, KM_POSSIBLE);
	w.c.error_code = PFERR_WRITE_MASK | PFERR_GUEST_SIZEM_MASK;
	is_sure(PROGRESSING, KM_POSSIBLE);
	w.c.error_code = PFERR_WRITE_MASK | PFERR_GUEST_VMPL_MASK;
	is_sure(PROGRESSING, KM_POSSIBLE);
}

/* The last exit is evidence; without one, and without a fault, nothing shows that it is healthy. */
static void test_last_exit(void **state)
{
	(void)state;
	reset();
	w.c.last.exit_code = unreadable;
	is_sure(HEALTHY, KM_POSSIBLE);
	w.c.last.exit_code = val(0x400); /* a page fault that is not at hand */
	is_sure(HEALTHY, KM_POSSIBLE);
	counts(17926, 1, 0, 0);
	is_sure(UNKNOWN, KM_NOTE);
	reset();
	w.c.last.exit_code = val(0x60);
	is_sure(HEALTHY, KM_LIKELY);
	w.kernel.vendor = KM_VENDOR_INTEL;
	w.c.last.exit_code = val(48);
	is_sure(HEALTHY, KM_POSSIBLE);
	w.c.last.exit_code = val(12);
	is_sure(HEALTHY, KM_LIKELY);
	w.c.last.exit_code = val(2); /* a triple fault */
	is_sure(HEALTHY, KM_POSSIBLE);
	w.kernel.vendor = KM_VENDOR_UNKNOWN;
	is_sure(HEALTHY, KM_POSSIBLE);
}

/* As many invalidations as fixed faults: the page may be zapped again each time. */
static void test_mapped_and_zapped(void **state)
{
	(void)state;
	reset();
	handles(KM_RET_PF_FIXED, true, false);
	is_sure(PROGRESSING, KM_LIKELY);
	w.e.found[w.e.count++] =
		(struct km_diagnosis){.id = "map-zap-livelock", .certainty = KM_NOTE};
	is_sure(PROGRESSING, KM_POSSIBLE);
}

/* Kernels that do not count all faults: most exits may be such faults, or what is damaged repeats
 * them. */
static void test_faults_that_nobody_counts(void **state)
{
	struct km_val *counted[] = {&w.vcpu.stats.mmio_exits, &w.vcpu.stats.halt_exits,
				    &w.vcpu.stats.pf_guest, &w.c.io_exits, &w.c.irq_exits};

	(void)state;
	reset();
	w.vcpu.stats.pf_taken.known = w.vcpu.stats.pf_spurious.known = KM_ABSENT;
	w.vcpu.stats.exits = val(53652);
	for (int i = 0; i < 5; i++)
		*counted[i] = val(i);
	is_sure(HEALTHY, KM_POSSIBLE); /* the last exit was for I/O */
	w.c.last.exit_code = val(0x60);
	is(UNKNOWN);
	w.c.irq_exits = val(53652 / 2);
	is_sure(HEALTHY, KM_POSSIBLE);
	w.c.audit.weak.found = true;
	is(UNKNOWN);
	w.c.last.exit_code = val(0x7b);
	is_sure(HEALTHY, KM_POSSIBLE);
	w.c.last.exit_code = val(0x60);
	w.c.audit.weak.found = false;
	w.c.audit.reserved.found = true;
	is(UNKNOWN);
	/* all faults are counted */
	w.vcpu.stats.pf_taken = w.vcpu.stats.pf_fixed = val(9);
	w.vcpu.stats.pf_spurious = val(0);
	is_sure(HEALTHY, KM_POSSIBLE);
}

/* What the replay leaves open is part of a sentence about the fault; other texts are, as they are.
 */
static void test_open_replay(void **state)
{
	(void)state;
	reset();
	handles(KM_RET_PF_UNKNOWN, false, false);
	strcpy(w.c.path.loops_text, "not known: it depends on is_page_fault_stale");
	km_explain_found(&w.c, &w.e);
	assert_string_equal(w.e.verdict + strlen(w.e.verdict) -
				    strlen(": what follows depends on is_page_fault_stale"),
			    ": what follows depends on is_page_fault_stale");
	for (int i = 0; i < 2; i++) {
		static const char *const others[] = {"not known: it depends on",
						     "nothing is changed"};

		memset(&w.e, 0, sizeof(w.e));
		strcpy(w.c.path.loops_text, others[i]);
		km_explain_found(&w.c, &w.e);
		assert_non_null(strstr(w.e.verdict, others[i]));
	}
}

/* A fault that was not followed to its end is no evidence. */
static void test_fault_without_path(void **state)
{
	(void)state;
	reset();
	handles(KM_RET_PF_FIXED, true, false);
	w.c.has_path = false;
	is_sure(HEALTHY, KM_LIKELY);
	w.c.last.exit_code = val(0x400);
	is_sure(HEALTHY, KM_POSSIBLE);
}

/* A finding that does not say that it is stuck speaks against "healthy" nevertheless. */
static void test_contradictions(void **state)
{
	(void)state;
	reset();
	finds("invalidate-leaked", KM_POSSIBLE, false);
	is_sure(HEALTHY, KM_POSSIBLE);
	finds("invalidate-leaked", KM_NOTE, false);
	is_sure(HEALTHY, KM_LIKELY);
	/* any table, but none beyond the last */
	w.c.all.tables[2].status = KM_TABLE_DIFFERS;
	is_sure(HEALTHY, KM_LIKELY);
	w.c.all.tables[0].status = KM_TABLE_DIFFERS;
	is_sure(HEALTHY, KM_POSSIBLE);
	w.c.all.tables[0].status = w.c.all.tables[2].status = KM_TABLE_MATCHES;
	/* damage somewhere below the root, where the fault is not known */
	w.c.audit.reserved.found = true;
	is_sure(HEALTHY, KM_POSSIBLE);
	w.c.audit.reserved.found = false;
	w.c.audit.weak.found = true;
	is_sure(HEALTHY, KM_POSSIBLE);
	w.c.audit.weak.found = false;
	w.c.audit.unreadable = 1; /* there was no audit: of none that counts */
	is_sure(HEALTHY, KM_LIKELY);
	w.c.audit.done = true;
	is_sure(HEALTHY, KM_POSSIBLE);
	w.c.audit.unreadable = 0;
	is_sure(HEALTHY, KM_LIKELY);
	w.c.audit.unreadable = 1;
	w.c.audit.weak.found = true;
	handles(KM_RET_PF_FIXED, true, false);
	is_sure(PROGRESSING, KM_LIKELY);
	finds("role-corruption", KM_LIKELY, false);
	is_sure(PROGRESSING, KM_POSSIBLE);
	is_sure(PROGRESSING, KM_LIKELY);
}

/* One's own fault tells what would be, not what is. */
static void test_users_fault(void **state)
{
	(void)state;
	reset();
	handles(KM_RET_PF_FIXED, true, false);
	w.fault.source = KM_FAULT_USER;
	w.fault.age = KM_AGE_UNKNOWN;
	w.c.last.count = 1;
	is(HEALTHY);
	w.c.last.count = 2;
	w.c.last.faults[1].age = KM_AGE_RESIDUE;
	is(HEALTHY);
	w.c.last.faults[1].age = KM_AGE_LAST_EXIT;
	is(UNKNOWN);
	w.c.last.faults[1].age = KM_AGE_IN_HANDLER;
	is(UNKNOWN);
	handles(KM_RET_PF_RETRY, true, true);
	w.fault.source = KM_FAULT_USER;
	w.fault.age = KM_AGE_UNKNOWN;
	is(UNKNOWN);
	w.c.path.loops_known = false;
	w.c.last.count = 1;
	is(HEALTHY);
}

/* What is missing is said, and makes it less sure. */
static void test_gaps(void **state)
{
	(void)state;
	reset();
	w.kernel.features.spte_known = false;
	is(HEALTHY);
	reset();
	w.vcpu.mode = unreadable;
	is(HEALTHY);
	reset();
	w.c.walk.end = KM_END_UNREADABLE;
	is(HEALTHY); /* there was no walk */
	w.c.has_walk = true;
	is(HEALTHY);
	w.c.walk.end = KM_END_LEAF;
	is(HEALTHY);
	w.c.slots_known = false;
	is(HEALTHY);
	reset();
	w.vcpu.task = unreadable;
	is(HEALTHY);
	w.vcpu.task = val(0);
	is(HEALTHY);
	reset();
	w.c.all.mmus[0].readable = false;
	is(UNKNOWN);
	w.c.mmu = NULL;
	is(UNKNOWN);
	/* what conditions look at that need no fault */
	reset();
	w.vm.vm_dead = unreadable;
	is_sure(HEALTHY, KM_POSSIBLE);
	w.vm.vm_dead.known = KM_ABSENT; /* an old kernel */
	is_sure(HEALTHY, KM_LIKELY);
	w.vm.mmu_invalidate_in_progress = unreadable;
	is_sure(HEALTHY, KM_POSSIBLE);
	reset();
	w.vcpu.requests = unreadable;
	is_sure(HEALTHY, KM_POSSIBLE);
	/* the only counters of emulation that fails on MMIO */
	reset();
	w.c.insn_emulation = unreadable;
	is_sure(HEALTHY, KM_LIKELY);
	w.vcpu.stats.exits = val(5000);
	w.vcpu.stats.halt_exits = w.vcpu.stats.mmio_exits = val(0);
	is_sure(HEALTHY, KM_POSSIBLE);
	w.c.insn_emulation.known = KM_ABSENT;
	is_sure(HEALTHY, KM_LIKELY);
	w.c.insn_emulation_fail = unreadable;
	is_sure(HEALTHY, KM_POSSIBLE);
	reset();
	w.vcpu.task_state = unreadable;
	is_sure(HEALTHY, KM_POSSIBLE);
	reset();
	w.c.all.mmus[0].root.hpa = unreadable;
	is_sure(HEALTHY, KM_POSSIBLE);
	reset();
	w.c.root.known = false;
	is_sure(HEALTHY, KM_POSSIBLE);
	w.c.root = (struct km_mmu_page){.known = true, .addr = 0xffff888004000000};
	is_sure(HEALTHY, KM_POSSIBLE); /* its role is not known */
	w.c.root.role_known = true;
	is_sure(HEALTHY, KM_LIKELY);
	w.vm.mmu_valid_gen = unreadable;
	is_sure(HEALTHY, KM_POSSIBLE);
	w.c.root.tdp_mmu_page = val(1); /* the TDP MMU does not compare generations */
	is_sure(HEALTHY, KM_LIKELY);
	w.c.root.tdp_mmu_page = unreadable;
	is_sure(HEALTHY, KM_POSSIBLE);
	/* the table that KVM asks */
	reset();
	w.c.all.tables[0] = (struct km_perm_table){.context = "root_mmu.fmt", .spte = true};
	w.c.all.tables[0].status = KM_TABLE_UNREADABLE;
	is_sure(HEALTHY, KM_POSSIBLE);
	w.c.all.tables[0].status = KM_TABLE_MATCHES;
	is_sure(HEALTHY, KM_LIKELY);
}

static void test_what_was_said(void **state)
{
	(void)state;
	compare_with_file(__FILE__);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_catalogue),
		cmocka_unit_test(test_known_cases),
		cmocka_unit_test(test_unknown_id),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_symptoms),
		cmocka_unit_test(test_stuck),
		cmocka_unit_test(test_never_ran),
		cmocka_unit_test(test_progressing),
		cmocka_unit_test(test_healthy),
		cmocka_unit_test(test_facts),
		cmocka_unit_test(test_rivals),
		cmocka_unit_test(test_lost_faults),
		cmocka_unit_test(test_mapped_and_zapped),
		cmocka_unit_test(test_last_exit),
		cmocka_unit_test(test_contradictions),
		cmocka_unit_test(test_users_fault),
		cmocka_unit_test(test_gaps),
		cmocka_unit_test(test_faults_that_nobody_counts),
		cmocka_unit_test(test_open_replay),
		cmocka_unit_test(test_fault_without_path),
		cmocka_unit_test(test_what_was_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
