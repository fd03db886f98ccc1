// SPDX-License-Identifier: GPL-2.0-or-later
/* What faults that ftrace recorded before the dump say about the vCPU in the dump. */
#include "said.h"
#include "bare_kernel.h"
#include "diagnose/recorded.h"

static const struct km_val unreadable = {.known = KM_UNREADABLE};

static struct world {
	struct km_kernel kernel;
	struct km_vm vm;
	struct km_vcpu vcpu;
	struct km_fault fault;
	struct km_case c;
	struct km_explanation e;
	struct km_recorded r;
	struct km_samples_verdict v;
} w;

/* A write that was its last exit and is spurious, by the dump alone; the trace has it 845 times. */
static void reset(void)
{
	struct km_mmu *mmu = &w.c.all.mmus[0];

	memset(&w, 0, sizeof(w));
	w.kernel.vendor = KM_VENDOR_AMD;
	w.fault = (struct km_fault){.source = KM_FAULT_VMCB, .age = KM_AGE_LAST_EXIT};
	w.c = (struct km_case){
		.kernel = &w.kernel,
		.vm = &w.vm,
		.vcpu = &w.vcpu,
		.fault = &w.fault,
		.has_addr = true,
		.has_error_code = true,
		.has_panel = true,
		.has_path = true,
		.addr = 0x4000008,
		.error_code = PFERR_PRESENT_MASK | PFERR_WRITE_MASK | PFERR_USER_MASK,
	};
	*mmu = (struct km_mmu){.name = "root_mmu", .paging = KM_PAGING_NPT};
	w.c.all.active = w.c.mmu = mmu;
	w.c.last.exit_code = km_known_val(0x400);
	w.c.path.ret = KM_RET_PF_SPURIOUS;
	w.c.path.loops_known = w.c.path.loops = true;
	w.c.panel.verdicts[KM_JUDGE_PROCESSOR].ruling = KM_DENIES;
	w.e.state = KM_STATE_STUCK;
	w.e.certainty = KM_LIKELY;
	strcpy(w.e.verdict, "it makes no forward progress: perm-table-mismatch");
	w.e.found[0] = (struct km_diagnosis){
		.id = "spurious-loop", .certainty = KM_POSSIBLE, .stuck = true, .open = "open"};
	w.e.count = 1;
	w.r = (struct km_recorded){
		.faults = 845,
		.has_time = true,
		.seconds = 0.204,
		.has_address = true,
		.has_error_code = true,
		.address = 0x4000000,
		.error_code = w.c.error_code,
		.contradicts = true,
		.complete = true,
		.certainty = KM_PROVEN,
	};
}

static void conclude(const char *test)
{
	km_recorded_judge(&w.r, &w.c, &w.e, &w.v);
	km_recorded_settle(&w.r, &w.c, &w.v, &w.e);
	assert_in_range(strlen(w.v.text), 10, sizeof(w.v.text) - 2);
	assert_in_range(strlen(w.e.verdict), 5, sizeof(w.e.verdict) - 2);
	fprintf(said_by(test), "%s (%s): %s\n  %s (%s): %s\n", km_trend_name(w.v.trend),
		km_certainty_text(w.v.certainty), w.v.text, km_vcpu_state_name(w.e.state),
		km_certainty_text(w.e.certainty), w.e.verdict);
}

#define loops(sure)                                                                                \
	(conclude(__func__), assert_int_equal(w.v.trend, KM_TREND_LOOPS),                          \
	 assert_int_equal(w.v.certainty, KM_##sure), assert_int_equal(w.e.certainty, KM_##sure),   \
	 assert_int_equal(w.e.state, KM_STATE_STUCK))

/* Nothing changes. */
#define stays(which, sure)                                                                         \
	(conclude(__func__), assert_int_equal(w.v.trend, KM_TREND_OPEN),                           \
	 assert_int_equal(w.e.state, KM_STATE_##which),                                            \
	 assert_int_equal(w.e.certainty, KM_##sure))

static void test_the_present_fault(void **state)
{
	(void)state;
	reset();
	loops(PROVEN);
	assert_int_equal(w.e.found[0].certainty, KM_PROVEN);
	assert_string_equal(w.e.found[0].open, "");

	/* each piece of evidence is needed */
	reset();
	w.r.contradicts = false;
	w.r.certainty = KM_LIKELY;
	loops(LIKELY);
	reset();
	w.r.contradicts = false;
	loops(LIKELY);
	reset();
	w.r.certainty = KM_LIKELY;
	loops(LIKELY);
	reset();
	w.r.complete = false;
	loops(LIKELY);
	reset();
	w.r.has_time = false;
	loops(PROVEN);
	reset(); /* in the dump KVM would not treat it as spurious */
	w.c.path.ret = KM_RET_PF_RETRY;
	loops(LIKELY);
	reset();
	w.c.path.loops = false;
	loops(LIKELY);
	reset();
	w.c.path.loops_known = false;
	loops(LIKELY);
	reset();
	w.c.has_path = false;
	loops(LIKELY);
	reset();
	w.c.panel.verdicts[KM_JUDGE_PROCESSOR].ruling = KM_ALLOWS;
	loops(LIKELY);

	reset(); /* the dump alone does not say "stuck", but the fault is not resolved */
	w.e.state = KM_STATE_UNKNOWN;
	loops(PROVEN);
	assert_null(strstr(w.e.verdict, "perm-table-mismatch"));
}

static void test_few_or_unanswered(void **state)
{
	(void)state;
	reset();
	w.r.contradicts = false;
	w.r.certainty = KM_POSSIBLE;
	stays(STUCK, LIKELY);
	reset();
	w.r.contradicts = false;
	w.r.certainty = KM_POSSIBLE;
	w.r.unresolved = true;
	loops(LIKELY);
	reset();
	w.r.contradicts = false;
	w.r.certainty = KM_NOTE;
	w.r.unresolved = true;
	stays(STUCK, LIKELY);
}

static void test_another_fault(void **state)
{
	(void)state;
	reset();
	w.r.address = 0x4001000;
	stays(STUCK, LIKELY);
	reset();
	w.r.has_address = false;
	stays(STUCK, LIKELY);
	reset();
	w.c.has_addr = false;
	stays(STUCK, LIKELY);
	reset(); /* a read */
	w.r.error_code = PFERR_USER_MASK;
	stays(STUCK, LIKELY);
	reset();
	w.r.error_code |= PFERR_FETCH_MASK;
	stays(STUCK, LIKELY);
	reset(); /* what is not known does not differ */
	w.r.error_code = PFERR_USER_MASK;
	w.r.has_error_code = false;
	loops(PROVEN);
	reset();
	w.r.error_code = PFERR_USER_MASK;
	w.c.has_error_code = false;
	loops(PROVEN);
	reset(); /* P and U are not the access */
	w.r.error_code = PFERR_WRITE_MASK;
	loops(PROVEN);
	reset(); /* of an earlier exit */
	w.fault.age = KM_AGE_UNKNOWN;
	stays(STUCK, LIKELY);
	/* an exit qualification: bit 1 is a write, bit 2 a fetch */
	reset();
	w.r.qualification = true;
	w.r.error_code = 0x182;
	loops(PROVEN);
	reset();
	w.r.qualification = true;
	w.r.error_code = 0x181;
	stays(STUCK, LIKELY);
	reset();
	w.r.qualification = true;
	w.r.error_code = 0x184;
	stays(STUCK, LIKELY);
	w.c.error_code = PFERR_FETCH_MASK;
	loops(PROVEN);
}

static void test_resolved_in_the_dump(void **state)
{
	(void)state;
	reset();
	w.e.state = KM_STATE_PROGRESSING;
	w.c.path.loops = false;
	stays(PROGRESSING, LIKELY);
	reset();
	w.e.state = KM_STATE_PROGRESSING;
	w.c.path.loops_known = false;
	stays(PROGRESSING, LIKELY);
	reset();
	w.e.state = KM_STATE_PROGRESSING;
	w.c.has_path = false;
	stays(PROGRESSING, LIKELY);
	reset(); /* asleep */
	w.e.state = KM_STATE_WAITING;
	w.c.wait.kind = KM_WAIT_LOCK;
	stays(WAITING, LIKELY);
}

/* The dump shows no fault: unknown rather than healthy. */
static void without_fault(enum km_vcpu_state state, uint64_t exit_code)
{
	reset();
	w.c.fault = NULL;
	w.c.has_addr = w.c.has_error_code = w.c.has_path = w.c.has_panel = false;
	w.c.last.exit_code = km_known_val(exit_code);
	w.e.state = state;
	w.e.count = 0;
}

static void test_no_fault_in_the_dump(void **state)
{
	(void)state;
	without_fault(KM_STATE_HEALTHY, 0x61);
	stays(UNKNOWN, NOTE);
	assert_non_null(strstr(w.e.verdict, "845 times in 0.204 s"));
	without_fault(KM_STATE_PROGRESSING, 0x61);
	stays(UNKNOWN, NOTE);
	without_fault(KM_STATE_HEALTHY, 0x61);
	w.c.last.exit_code = unreadable;
	stays(UNKNOWN, NOTE);
	without_fault(KM_STATE_HEALTHY, 0x7b); /* I/O: the guest went on */
	stays(HEALTHY, LIKELY);
	without_fault(KM_STATE_HEALTHY, 0x61);
	w.r.certainty = KM_LIKELY;
	stays(UNKNOWN, NOTE);
	without_fault(KM_STATE_HEALTHY, 0x61);
	w.r.certainty = KM_POSSIBLE;
	stays(HEALTHY, LIKELY);
	without_fault(KM_STATE_HEALTHY, 0x61);
	w.c.wait.kind = KM_WAIT_USERSPACE;
	stays(HEALTHY, LIKELY);
	without_fault(KM_STATE_STUCK, 0x61);
	stays(STUCK, LIKELY);
	without_fault(KM_STATE_WAITING, 0x61);
	stays(WAITING, LIKELY);
	reset(); /* the present fault is another one */
	w.r.address = 0x5000000;
	w.e.state = KM_STATE_HEALTHY;
	stays(HEALTHY, LIKELY);
}

/* Page tables whose entries are all empty. */
static km_error *read_empty(struct km_target *target, uint64_t at, void *buf, size_t len)
{
	(void)target, (void)at;
	memset(buf, 0, len);
	return NULL;
}

/* The walk of the recorded address meets the suspected entry, and the processor denies it. */
static void test_below_a_suspected_entry(void **state)
{
	static const struct km_target_ops ops = {
		.read_phys = read_empty, .read_virt = read_empty, .symbol = bare_symbol};
	struct km_target target = {.ops = &ops, .host = "test", .name = "test"};

	(void)state;
	without_fault(KM_STATE_STUCK, 0x61);
	bare_kernel_open(&w.kernel);
	km_memory_free(w.kernel.mem);
	w.kernel.mem = km_memory_new(&target);
	w.c.masks = km_spte_default_masks(KM_PAGING_NPT, KM_SPTE_7_2);
	w.e.count = 1;
	w.e.certainty = KM_POSSIBLE;
	w.c.audit.weak = (struct km_table_entry){.found = true, .table_pa = 0x1000};
	w.c.all.mmus[0].readable = true;
	w.c.all.mmus[0].root.hpa = km_known_val(0x1000);
	w.c.all.mmus[0].root_role = (struct km_page_role){.level = 4, .direct = 1};
	stays(STUCK, LIKELY);
	assert_int_equal(w.e.found[0].certainty, KM_LIKELY);
	assert_non_null(strstr(w.e.found[0].evidence[0], "is below that SPTE"));
	/* few faults were recorded: it may have been resolved since */
	w.e.found[0].certainty = w.e.certainty = KM_POSSIBLE;
	w.r.certainty = KM_POSSIBLE;
	stays(STUCK, POSSIBLE);
	bare_kernel_close(&w.kernel);
}

/* An entry that an audit suspects, where the dump has no fault: is the recorded one below it? */
static void test_a_suspected_entry(void **state)
{
	struct km_table_entry *entries[] = {&w.c.audit.weak, &w.c.audit.frozen};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		without_fault(KM_STATE_STUCK, 0x61);
		bare_kernel_open(&w.kernel);
		w.c.kernel = &w.kernel;
		w.e.count = 1;
		w.e.found[0].id = i ? "frozen-spte" : "spurious-loop";
		w.e.found[0].certainty = KM_LIKELY;
		entries[i]->found = true;
		entries[i]->table_pa = 0x1000;
		w.c.all.mmus[0].root.hpa = km_known_val(0x1000);
		w.c.all.mmus[0].root_role.level = 4;
		stays(STUCK, LIKELY); /* the root is not readable: that is not known */
		assert_int_equal(w.e.found[0].evidence_count, 0);
		w.c.all.mmus[0].root.hpa = km_known_val(UINT64_MAX); /* no root: it maps nothing */
		stays(STUCK, POSSIBLE);
		assert_int_equal(w.e.found[0].certainty, KM_POSSIBLE);
		assert_non_null(strstr(w.e.found[0].evidence[0], "is not below that SPTE"));
		entries[i]->table_pa = 0; /* nor is it below what is behind the last level */
		stays(STUCK, POSSIBLE);
		assert_non_null(strstr(w.e.found[0].evidence[1], "is not below that SPTE"));
		w.e.found[1] = w.e.found[0]; /* the state rests on another finding */
		w.e.found[0].id = "role-corruption";
		w.e.found[0].certainty = w.e.found[1].certainty = w.e.certainty = KM_LIKELY;
		w.e.count = 2;
		stays(STUCK, LIKELY);
		assert_int_equal(w.e.found[1].certainty, KM_POSSIBLE);
		bare_kernel_close(&w.kernel);
	}
}

static void test_what_was_said(void **state)
{
	(void)state;
	compare_with_file(__FILE__);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_present_fault),
		cmocka_unit_test(test_few_or_unanswered),
		cmocka_unit_test(test_another_fault),
		cmocka_unit_test(test_resolved_in_the_dump),
		cmocka_unit_test(test_no_fault_in_the_dump),
		cmocka_unit_test(test_below_a_suspected_entry),
		cmocka_unit_test(test_a_suspected_entry),
		cmocka_unit_test(test_what_was_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
