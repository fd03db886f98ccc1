// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Hide pieces of evidence from a capsule, one at a time, and report what is then said about the
 * vCPUs that make no progress:
 *
 *	hide CAPSULE [ONE-IN [SEED]]
 *	hide CAPSULE nmi
 *
 * A piece is a range of bytes that the diagnosis reads (a member of a structure, an SPTE, a page
 * table), a page, a task's stack, a struct kvm_page_fault on one, or a task. With ONE-IN only one
 * in that many ranges and pages is hidden, chosen by SEED. A vCPU that was stuck must never become
 * healthy or progressing with more certainty than "possible": each that does is reported as
 * "WRONG ...", and the exit code is 1.
 *
 * With "nmi" nothing is hidden. Instead the capsule is edited: an NMI has taken the vCPU out of the
 * guest, and nothing of its fault is left on the stack. The dump of a crash kernel shows that of a
 * vCPU that was not in the handler. The answer about each vCPU is printed.
 */
#include "wrapped_capsule.h"
#include "diagnose/case_read.h"
#include "diagnose/diagnosis.h"
#include "kernel/kernel_open.h"
#include "kvm/svm.h"
#include "threads/tasks_read.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_STUCK   16
#define SVM_EXIT_NMI 0x61
#define TASK_RUNNING 0

/* The range that the target does not hold. */
struct hiding {
	bool phys;
	uint64_t addr, len; /* len 0: nothing is hidden */
	struct {
		uint64_t addr, value;
	} overwritten[4]; /* variables that hold another value than in the capsule; addr 0: none */
};

/* What the pieces are, for the report. */
struct piece {
	const char *what;
	uint64_t addr;
};

struct stuck {
	uint64_t vcpu[MOST_STUCK];
	size_t count;
};

struct tally {
	unsigned states[KM_STATE_UNKNOWN + 1], wrong, pieces;
};

static struct hiding hiding;

static bool is_hidden(bool phys, uint64_t addr, size_t len)
{
	return hiding.len && phys == hiding.phys && addr < hiding.addr + hiding.len &&
	       hiding.addr < addr + len;
}

static km_error *read_edited(struct km_target *target, uint64_t va, void *buf, size_t len)
{
	km_error *err = read_virt(target, va, buf, len);

	for (size_t i = 0; !err && i < 4; i++) {
		if (!hiding.overwritten[i].addr || va != hiding.overwritten[i].addr)
			continue;
		memset(buf, 0, len);
		memcpy(buf, &hiding.overwritten[i].value, len < 8 ? len : 8);
	}
	return err;
}

/* ---- what is said of each vCPU ---- */

typedef void report_fn(const struct km_vm *vm, const struct km_vcpu *vcpu,
		       const struct km_explanation *e, void *arg);

/* Diagnose all vCPUs; what can't be read any more is no vCPU. */
static void diagnose_all(struct km_kernel *kernel, report_fn *report, void *arg)
{
	static struct km_explanation e;
	struct km_case *c = malloc(sizeof(*c));
	const struct km_case_options options = {.form = KM_SPF_MERGED};
	struct km_tasks tasks = {0};
	struct km_vms vms = {0};
	km_scoped_error *err = km_kernel_read(kernel);

	if (!c)
		die(NULL);
	km_memory_forget(kernel->mem);
	if (!err)
		err = km_vms_read(kernel, &vms);
	km_vms_find_threads(kernel, &vms);
	if (!err)
		err = km_tasks_read(kernel, &vms, &tasks);
	for (size_t i = 0; !err && i < vms.count; i++) {
		const struct km_vm *vm = &vms.vms[i];

		for (size_t j = 0; j < vm->vcpu_count; j++) {
			km_scoped_error *torn =
				km_case_read(kernel, vm, &vm->vcpus[j], &tasks, &options, c);

			if (!torn) {
				km_explain_case(c, &e);
				report(vm, &vm->vcpus[j], &e, arg);
			}
			km_case_deinit(c);
		}
	}
	km_tasks_deinit(&tasks);
	km_vms_deinit(&vms);
	free(c);
}

/* Those that are stuck, or with @all those that run. */
static void note_those(const struct km_vcpu *vcpu, const struct km_explanation *e, bool all,
		       struct stuck *stuck)
{
	bool runs = e->state == KM_STATE_HEALTHY || e->state == KM_STATE_PROGRESSING ||
		    e->state == KM_STATE_UNKNOWN;

	if ((e->state == KM_STATE_STUCK || (all && runs)) && stuck->count < MOST_STUCK)
		stuck->vcpu[stuck->count++] = vcpu->addr;
}

static void note_stuck(const struct km_vm *vm, const struct km_vcpu *vcpu,
		       const struct km_explanation *e, void *arg)
{
	(void)vm;
	note_those(vcpu, e, false, arg);
}

static void note_running(const struct km_vm *vm, const struct km_vcpu *vcpu,
			 const struct km_explanation *e, void *arg)
{
	(void)vm;
	note_those(vcpu, e, true, arg);
}

struct check {
	const struct stuck *stuck;
	const struct piece *piece;
	struct tally *tally;
};

static void check(const struct km_vm *vm, const struct km_vcpu *vcpu,
		  const struct km_explanation *e, void *arg)
{
	struct check *ch = arg;
	bool well = e->state == KM_STATE_HEALTHY || e->state == KM_STATE_PROGRESSING;
	bool was_stuck = false;

	for (size_t i = 0; i < ch->stuck->count; i++)
		was_stuck |= ch->stuck->vcpu[i] == vcpu->addr;
	if (!was_stuck)
		return;
	ch->tally->states[e->state]++;
	if (!well || e->certainty < KM_LIKELY)
		return;
	ch->tally->wrong++;
	printf("WRONG %u:%u %s (%s) without %s at 0x%" PRIx64 ": %s\n", vm->number, vcpu->idx,
	       km_vcpu_state_name(e->state), km_certainty_text(e->certainty), ch->piece->what,
	       ch->piece->addr, e->verdict);
}

static void try_without(struct km_kernel *kernel, const struct piece *piece,
			const struct stuck *stuck, struct tally *tally)
{
	struct check ch = {stuck, piece, tally};

	tally->pieces++;
	diagnose_all(kernel, check, &ch);
}

/* ---- the pieces ---- */

static bool chosen(unsigned one_in)
{
	return one_in < 2 || !(random() % one_in);
}

/* Each page that holds bytes of @item, from number *@next on: items are sorted, and share pages. */
static void hide_pages(struct km_kernel *kernel, const struct km_item *item, uint64_t *next,
		       unsigned one_in, const struct stuck *stuck, struct tally *tally)
{
	uint64_t first = item->addr / KM_PAGE_SIZE,
		 last = (item->addr + item->len - 1) / KM_PAGE_SIZE;

	for (uint64_t page = first > *next ? first : *next; page <= last; page++) {
		struct piece piece = {"the page", page * KM_PAGE_SIZE};

		*next = page + 1;
		hiding.addr = page * KM_PAGE_SIZE;
		hiding.len = KM_PAGE_SIZE;
		if (chosen(one_in))
			try_without(kernel, &piece, stuck, tally);
	}
}

static void hide_ranges(struct km_kernel *kernel, const struct km_recorder *rec, unsigned one_in,
			const struct stuck *stuck, struct tally *tally)
{
	uint64_t next = 0;

	for (size_t i = 0; i < rec->count; i++) {
		const struct km_item *item = &rec->items[i];
		struct piece piece = {item->what, item->addr};

		if (!item->len)
			continue;
		if (i && item->phys != rec->items[i - 1].phys)
			next = 0;
		hiding.phys = item->phys;
		if (chosen(one_in)) {
			hiding.addr = item->addr;
			hiding.len = item->len;
			try_without(kernel, &piece, stuck, tally);
		}
		hide_pages(kernel, item, &next, one_in, stuck, tally);
	}
	hiding.len = 0;
}

/* A stack as if the page were missing that has its frame @i, and those that have the frames above.
 */
static void hide_outer_frames(struct km_kernel *kernel, struct km_saved_stack *s,
			      const struct stuck *stuck, struct tally *tally)
{
	struct km_saved_stack whole = *s;

	for (size_t i = 0; i < whole.stack.count; i++) {
		struct piece piece = {whole.stack.frames[i].function, whole.stack.frames[i].sp};

		s->stack.count = i;
		s->stack.pages_missing = 1;
		try_without(kernel, &piece, stuck, tally);
		*s = whole;
	}
}

/* Each stack as if its pages were missing, and without the faults that were found on it. */
static void hide_stacks(struct km_kernel *kernel, const struct stuck *stuck, struct tally *tally)
{
	for (size_t i = 0; i < wrapped.saved.count; i++) {
		struct km_saved_stack *s = &wrapped.saved.stacks[i], whole = *s;
		struct piece piece = {"the faults on the stack", s->stack.task};

		if (s->faults.count) {
			s->faults.count = 0;
			try_without(kernel, &piece, stuck, tally);
			*s = whole;
		}
		piece.what = "the stack";
		s->faults.count = 0;
		s->stack = (struct km_stack){.task = whole.stack.task,
					     .base = whole.stack.base,
					     .size = whole.stack.size,
					     .start = KM_STACK_UNKNOWN,
					     .sp = whole.stack.base,
					     .pages_missing = 4};
		snprintf(s->stack.trouble, sizeof(s->stack.trouble), "hidden");
		try_without(kernel, &piece, stuck, tally);
		*s = whole;
		hide_outer_frames(kernel, s, stuck, tally);
	}
}

/* Each task as if the list had ended before it. */
static void hide_tasks(struct km_kernel *kernel, const struct stuck *stuck, struct tally *tally)
{
	struct km_saved_tasks *tasks = &wrapped.saved.tasks;
	size_t count = tasks->count;
	bool complete = tasks->complete;

	for (size_t i = 0; i < count; i++) {
		struct piece piece = {"the tasks from", tasks->tasks[i].addr};

		tasks->count = i;
		tasks->complete = false;
		try_without(kernel, &piece, stuck, tally);
	}
	tasks->count = count;
	tasks->complete = complete;
}

/* ---- another moment ---- */

/* The vCPU at *@arg: its state, the findings above a note, and the evidence of all. */
static void print(const struct km_vm *vm, const struct km_vcpu *vcpu,
		  const struct km_explanation *e, void *arg)
{
	const uint64_t *wanted = arg;

	if (vcpu->addr != *wanted)
		return;
	printf("%u:%u %s (%s)", vm->number, vcpu->idx, km_vcpu_state_name(e->state),
	       km_certainty_text(e->certainty));
	for (size_t i = 0; i < e->count; i++) {
		if (e->found[i].certainty > KM_NOTE)
			printf(" %s", e->found[i].id);
	}
	printf(": %s\n", e->verdict);
	for (size_t i = 0; i < e->count; i++) {
		for (size_t j = 0; j < e->found[i].evidence_count; j++)
			printf("  - %s\n", e->found[i].evidence[j]);
	}
}

/* The vCPU's thread was interrupted in the guest: its stack, as the unwinder would show it. */
static void interrupt_stack(struct km_saved_stack *s)
{
	static const char *const functions[] = {"svm_vcpu_run", "kvm_arch_vcpu_ioctl_run",
						"kvm_vcpu_ioctl"};
	static struct km_frame frames[3];

	s->faults.count = 0;
	s->stack.start = KM_STACK_REGISTERS;
	s->stack.frames = frames;
	for (s->stack.count = 0; s->stack.count < 3; s->stack.count++) {
		struct km_frame *f = &s->stack.frames[s->stack.count];

		*f = (struct km_frame){.function = functions[s->stack.count],
				       .sure = true,
				       .sp = s->stack.base + 0x3000};
	}
}

static void overwrite(size_t i, struct km_val at, uint64_t value)
{
	hiding.overwritten[i].addr = km_is_known(at) ? at.v : 0;
	hiding.overwritten[i].value = value;
}

/* Let the last exit of the vCPU at @addr be an NMI, and its @task run. False: not AMD. */
static bool interrupt_vcpu(struct km_kernel *kernel, uint64_t addr, uint64_t *task)
{
	struct km_vcpu vcpu;
	struct km_vmcb vmcb;
	km_scoped_error *err = NULL;

	km_vcpu_read(kernel, addr, 0, &vcpu);
	err = km_vmcb_read(kernel, &vcpu, &vmcb);
	if (err || !km_is_known(vcpu.task))
		return false;
	*task = vcpu.task.v;
	overwrite(0, km_addr_of(kernel->layout, vmcb.addr, KM_M_vmcb_exit_code), SVM_EXIT_NMI);
	overwrite(1, km_addr_of(kernel->layout, *task, KM_M_task_struct_on_cpu), 1);
	overwrite(2, km_addr_of(kernel->layout, *task, KM_M_task_struct_state), TASK_RUNNING);
	overwrite(3, km_addr_of(kernel->layout, addr, KM_M_kvm_vcpu_mutex_owner), *task);
	return hiding.overwritten[0].addr;
}

static void interrupt_each(struct km_kernel *kernel, const struct stuck *stuck)
{
	for (size_t i = 0; i < stuck->count; i++) {
		uint64_t vcpu = stuck->vcpu[i], task;

		if (!interrupt_vcpu(kernel, vcpu, &task))
			continue;
		for (size_t j = 0; j < wrapped.saved.count; j++) {
			struct km_saved_stack *s = &wrapped.saved.stacks[j], whole = *s;

			if (s->stack.task != task)
				continue;
			interrupt_stack(s);
			diagnose_all(kernel, print, &vcpu);
			*s = whole;
		}
		memset(hiding.overwritten, 0, sizeof(hiding.overwritten));
	}
}

int main(int argc, char **argv)
{
	const struct km_open_options open = {.source = KM_TYPES_AUTO};
	bool nmi = argc > 2 && !strcmp(argv[2], "nmi");
	unsigned one_in = argc > 2 ? (unsigned)atoi(argv[2]) : 1;
	struct km_recorder rec = {.stage = "", .names = true};
	struct km_capsule *capsule = NULL;
	struct km_kernel *kernel = NULL;
	struct stuck stuck = {.count = 0};
	struct tally tally = {0};
	km_error *err;

	if (argc < 2)
		return 2;
	srandom(argc > 3 ? (unsigned)atoi(argv[3]) : 1);
	err = km_capsule_open(argv[1], &capsule);
	if (err)
		die(err);
	wrap(km_capsule_target(capsule));
	wrapped.ops.read_virt = read_edited;
	err = km_kernel_open(&wrapped.target, &open, &kernel);
	if (err)
		die(err);
	km_memory_record(kernel->mem, &rec);
	diagnose_all(kernel, nmi ? note_running : note_stuck, &stuck);
	km_memory_record(kernel->mem, NULL);
	km_recorder_sort(&rec);
	if (nmi) {
		interrupt_each(kernel, &stuck);
		return 0;
	}
	if (stuck.count) {
		hide_ranges(kernel, &rec, one_in, &stuck, &tally);
		hide_stacks(kernel, &stuck, &tally);
		hide_tasks(kernel, &stuck, &tally);
	}
	printf("%zu stuck, %u pieces:", stuck.count, tally.pieces);
	for (size_t i = 0; i <= KM_STATE_UNKNOWN; i++)
		printf(" %s %u", km_vcpu_state_name(i), tally.states[i]);
	printf("\n");
	km_recorder_deinit(&rec);
	km_kernel_free(kernel);
	km_capsule_close(capsule);
	return tally.wrong != 0;
}
