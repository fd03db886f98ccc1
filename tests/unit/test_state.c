// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is made of a case and of what was found: which findings are left, in which order, and the
 * state of the vCPU. test_state.txt has the words.
 */
#include "said.h"

static const struct km_val unreadable = {.known = KM_UNREADABLE};

static struct world {
	struct km_kernel kernel;
	struct km_vm vm;
	struct km_vcpu vcpu;
	struct km_fault fault;
	struct km_case c;
	struct km_explanation e;
} w;

static struct km_val val(uint64_t v)
{
	return km_known_val(v);
}

/* A healthy vCPU between two exits, of which everything is known; nothing was found. */
static void reset(void)
{
	struct km_mmu *mmu = &w.c.all.mmus[0];

	memset(&w, 0, sizeof(w));
	w.kernel.features.spte_known = true;
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
		.last.has_stack = true,
		.last.stack.count = 1,
	};
	*mmu = (struct km_mmu){.name = "root_mmu", .readable = true, .root_role.direct = 1};
	mmu->paging = KM_PAGING_NPT;
	w.c.mmu = w.c.all.active = mmu;
	w.c.all.table_count = 2;
	strcpy(w.c.last.stack.frames[0].function, "kvm_vcpu_ioctl");
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
	/* over: by what the SPTE permits now */
	w.fault.age = KM_AGE_LAST_EXIT;
	is(HEALTHY);
	w.c.panel.verdicts[KM_JUDGE_PROCESSOR].ruling = KM_ALLOWS;
	is(PROGRESSING);
	w.c.has_panel = false;
	is(HEALTHY);
	w.c.path.loops = true;
	is(HEALTHY);
	w.c.has_panel = true;
	w.c.has_path = false;
	is(HEALTHY);
	w.c.has_path = true;
	w.fault.age = KM_AGE_RESIDUE;
	is(HEALTHY);
}

static void test_healthy(void **state)
{
	struct km_stack *stack = &w.c.last.stack;
	struct km_perm_table *t = w.c.all.tables;

	(void)state;
	reset();
	is(HEALTHY);
	w.vcpu.mode = val(1);
	is(HEALTHY);
	w.vcpu.mode = val(2); /* it is told to come out */
	is(HEALTHY);
	strcpy(stack->frames[0].function, "do_syscall_64");
	is(HEALTHY);
	stack->frames[0].sure = false;
	stack->frames[1].sure = true;
	is(HEALTHY);
	stack->frames[0].sure = true;
	stack->count = 0;
	is(HEALTHY);
	stack->count = 1;
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

/* Between two faults, under a table that lets KVM take faults for spurious. */
static void test_wrong_table_without_fault(void **state)
{
	struct km_perm_table *t = w.c.all.tables;

	(void)state;
	reset();
	t[0].context = t[1].context = "root_mmu.fmt";
	t[0].spte = true;
	t[0].status = KM_TABLE_DIFFERS;
	is(HEALTHY);
	w.vcpu.stats.pf_spurious = val(4);
	is(HEALTHY);
	w.vcpu.stats.pf_spurious = val(5);
	is(STUCK);
	t[0].status = KM_TABLE_MATCHES;
	is(HEALTHY);
	t[0].status = KM_TABLE_DIFFERS;
	w.c.all.mmus[0].root_role.direct = 0;
	is(HEALTHY);
	w.c.all.mmus[0].root_role.direct = 1;
	w.vcpu.stats.pf_spurious = unreadable;
	is(HEALTHY);
	w.vcpu.stats.pf_spurious = val(5);
	w.vcpu.stats.pf_taken = unreadable;
	is(HEALTHY);
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
}

static void test_what_was_said(void **state)
{
	(void)state;
	compare_with_file(__FILE__);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_symptoms),
		cmocka_unit_test(test_stuck),
		cmocka_unit_test(test_never_ran),
		cmocka_unit_test(test_progressing),
		cmocka_unit_test(test_healthy),
		cmocka_unit_test(test_facts),
		cmocka_unit_test(test_wrong_table_without_fault),
		cmocka_unit_test(test_users_fault),
		cmocka_unit_test(test_gaps),
		cmocka_unit_test(test_what_was_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
