// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Switch off each source of the last fault, alone and together with others, and report what is then
 * said about each vCPU that makes no progress:
 *
 *	sources CAPSULE
 *
 * The sources are the struct kvm_page_fault on the stack, the last exit, the page of the VMCS,
 * what kvm_run contains, hints in kvm_vcpu, what ftrace recorded, and the stack as a whole.
 *
 * With each further source that is switched off, a verdict may only become less certain: "stuck" by
 * less, then "unknown" or what is only possible. Each step that makes it more certain, and each
 * vCPU that becomes healthy or progressing with more certainty than "possible", is reported as
 * "WRONG ...", and the exit code is 1.
 */
#include "wrapped_capsule.h"
#include "commands/examine.h"
#include "kernel/kernel_open.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_STUCK  16
#define MOST_RANGES 4096

enum source { STACK_FAULT, LAST_EXIT, VMCS_PAGE, RUN, HINTS, FTRACE, STACK, SOURCES };

/* The labels of what the reader of a source reads begin so; NULL: it is switched off otherwise. */
static const struct {
	const char *name;
	const char *labels[5];
} sources[SOURCES] = {
	[STACK_FAULT] = {"kvm_page_fault", {NULL}},
	[LAST_EXIT] = {"last exit",
		       {"vmcb.exit_", "vcpu_vmx.exit_", "vcpu_tdx.exit_", "vcpu_vmx.intr", NULL}},
	[VMCS_PAGE] = {"VMCS", {"vmcs.", NULL}},
	[RUN] = {"kvm_run", {"kvm_run.internal", NULL}},
	[HINTS] = {"hints",
		   {"kvm_vcpu.mmio_", "kvm_vcpu.arch.mmio_", "kvm_vcpu.apf_", "kvm_vcpu.last_retry",
		    NULL}},
	[FTRACE] = {"ftrace", {NULL}},
	[STACK] = {"stack", {NULL}},
};

/* The target lacks the sources in @off, a bit each. */
struct hiding {
	struct km_saved_stack *whole; /* stacks as they are in the capsule */
	unsigned off;
	struct {
		bool phys;
		uint64_t addr, len;
		enum source source;
	} ranges[MOST_RANGES];
	size_t count;
};

static struct hiding hiding;

static bool is_off(enum source source)
{
	return hiding.off >> source & 1;
}

static bool is_hidden(bool phys, uint64_t addr, size_t len)
{
	for (size_t i = 0; hiding.off && i < hiding.count; i++) {
		if (is_off(hiding.ranges[i].source) && hiding.ranges[i].phys == phys &&
		    addr < hiding.ranges[i].addr + hiding.ranges[i].len &&
		    hiding.ranges[i].addr < addr + len)
			return true;
	}
	return false;
}

static bool symbol_of_source(struct km_target *target, const char *name, uint64_t *addr)
{
	return !(is_off(FTRACE) && !strcmp(name, "ftrace_trace_arrays")) &&
	       symbol(target, name, addr);
}

static void keep_stacks(void)
{
	hiding.whole = calloc(wrapped.saved.count + 1, sizeof(*hiding.whole));
	if (!hiding.whole)
		die(NULL);
	if (wrapped.saved.count)
		memcpy(hiding.whole, wrapped.saved.stacks,
		       wrapped.saved.count * sizeof(*hiding.whole));
}

static void switch_off(unsigned off)
{
	hiding.off = off;
	for (size_t i = 0; i < wrapped.saved.count; i++) {
		struct km_saved_stack *s = &wrapped.saved.stacks[i];
		const struct km_saved_stack *whole = &hiding.whole[i];

		*s = *whole;
		if (is_off(STACK_FAULT) || is_off(STACK))
			s->faults.count = 0;
		if (!is_off(STACK))
			continue;
		s->stack = (struct km_stack){.task = whole->stack.task,
					     .base = whole->stack.base,
					     .size = whole->stack.size,
					     .start = KM_STACK_UNKNOWN,
					     .sp = whole->stack.base,
					     .pages_missing = 4};
		snprintf(s->stack.trouble, sizeof(s->stack.trouble), "hidden");
	}
}

/* ---- what is said of each vCPU ---- */

struct verdict {
	uint64_t vcpu;
	unsigned vm, idx;
	enum km_vcpu_state state;
	enum km_certainty certainty;
	char finding[40];
	char from[40]; /* the source of the fault that is judged */
};

struct verdicts {
	struct verdict list[256];
	size_t count;
};

static const char *source_of(const struct km_case *c)
{
	static const char *const names[] = {
		[KM_FAULT_USER] = "user",     [KM_FAULT_STACK] = "kvm_page_fault",
		[KM_FAULT_VMCB] = "VMCB",     [KM_FAULT_VMX] = "VMX",
		[KM_FAULT_VMCS] = "VMCS",     [KM_FAULT_HINT] = "hint",
		[KM_FAULT_FTRACE] = "ftrace", [KM_FAULT_RUN] = "kvm_run",
	};

	return c->fault ? names[c->fault->source] : "none";
}

static void add(struct verdicts *all, const struct km_examined *x)
{
	struct verdict *v = &all->list[all->count];

	if (all->count == sizeof(all->list) / sizeof(all->list[0]))
		return;
	all->count++;
	*v = (struct verdict){x->c.vcpu->addr, x->c.vm->number, x->c.vcpu->idx,
			      x->e.state,      x->e.certainty,	.finding = "-"};
	if (x->e.count && x->e.found[0].certainty > KM_NOTE)
		snprintf(v->finding, sizeof(v->finding), "%s", x->e.found[0].id);
	snprintf(v->from, sizeof(v->from), "%s%s", source_of(&x->c),
		 x->is_recorded ? "+ftrace" : "");
}

static void diagnose_all(struct km_kernel *kernel, struct verdicts *all)
{
	struct km_examined *x = calloc(1, sizeof(*x));
	struct km_examiner by = {0};
	struct km_vms vms = {0};
	km_error *err = km_kernel_read(kernel);

	if (!x)
		die(NULL);
	all->count = 0;
	km_memory_forget(kernel->mem);
	if (!err)
		err = km_vms_read(kernel, &vms);
	km_vms_find_threads(kernel, &vms);
	if (!err)
		err = km_examiner_init(&by, kernel, &vms);
	for (size_t i = 0; !err && i < vms.count; i++) {
		for (size_t j = 0; !err && j < vms.vms[i].vcpu_count; j++) {
			err = km_examine(&by, &vms.vms[i], &vms.vms[i].vcpus[j], x);
			if (!err)
				add(all, x);
			km_case_deinit(&x->c);
		}
	}
	if (err)
		die(err);
	km_examiner_deinit(&by);
	km_vms_deinit(&vms);
	free(x);
}

static const struct verdict *verdict_on(const struct verdicts *all, uint64_t vcpu)
{
	for (size_t i = 0; i < all->count; i++) {
		if (all->list[i].vcpu == vcpu)
			return &all->list[i];
	}
	return NULL;
}

/*
 * How much a verdict claims: that the vCPU is stuck, likely or proven. What is only possible claims
 * nothing: emulation-fails, for one, is possible where the last exit is not known, and does not
 * hold where it is.
 */
static int claim(const struct verdict *v)
{
	return v->state == KM_STATE_STUCK && v->certainty > KM_POSSIBLE ? (int)v->certainty : 0;
}

/* "waiting" says what the thread does, not that the vCPU is well. */
static bool is_well(const struct verdict *v)
{
	return (v->state == KM_STATE_HEALTHY || v->state == KM_STATE_PROGRESSING) &&
	       v->certainty > KM_POSSIBLE;
}

/* ---- all ways to switch them off ---- */

static const char *names_of(unsigned off)
{
	static char text[200];
	size_t used = 0;

	text[0] = '\0';
	for (int s = 0; s < SOURCES; s++) {
		if (off >> s & 1)
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s",
						 used ? ", " : "", sources[s].name);
	}
	return text;
}

/* Against the answers with one source less switched off. */
static unsigned check(const struct verdicts *by, unsigned off, const struct verdict *v)
{
	unsigned wrong = 0;

	for (int s = 0; s < SOURCES; s++) {
		const struct verdict *with =
			off >> s & 1 ? verdict_on(&by[off & ~(1u << s)], v->vcpu) : NULL;

		if (!with || claim(with) >= claim(v))
			continue;
		wrong++;
		printf("WRONG %u:%u without %s: %s (%s), but with %s only %s (%s)\n", v->vm, v->idx,
		       names_of(off), km_vcpu_state_name(v->state), km_certainty_text(v->certainty),
		       sources[s].name, km_vcpu_state_name(with->state),
		       km_certainty_text(with->certainty));
	}
	if (is_well(v)) {
		wrong++;
		printf("WRONG %u:%u without %s: %s (%s)\n", v->vm, v->idx, names_of(off),
		       km_vcpu_state_name(v->state), km_certainty_text(v->certainty));
	}
	return wrong;
}

static void print(const char *without, const struct verdict *v)
{
	printf("  %-16s %s (%s) %s from %s\n", without, km_vcpu_state_name(v->state),
	       km_certainty_text(v->certainty), v->finding, v->from);
}

static unsigned check_vcpu(const struct verdicts *by, const struct verdict *whole)
{
	unsigned wrong = 0, all = (1u << SOURCES) - 1;

	printf("%u:%u\n", whole->vm, whole->idx);
	print("with all", whole);
	for (unsigned off = 1; off <= all; off++) {
		const struct verdict *v = verdict_on(&by[off], whole->vcpu);

		if (!v) {
			printf("WRONG %u:%u is gone without %s\n", whole->vm, whole->idx,
			       names_of(off));
			wrong++;
			continue;
		}
		wrong += check(by, off, v);
		if (!(off & (off - 1)) || off == all)
			print(off == all ? "without any" : names_of(off), v);
	}
	return wrong;
}

/* ---- which bytes belong to which source ---- */

static void find_ranges(const struct km_recorder *rec)
{
	for (size_t i = 0; i < rec->count; i++) {
		const struct km_item *item = &rec->items[i];

		for (int s = 0; s < SOURCES; s++) {
			for (const char *const *label = sources[s].labels; *label; label++) {
				if (strncmp(item->what, *label, strlen(*label)) ||
				    hiding.count == MOST_RANGES)
					continue;
				hiding.ranges[hiding.count].phys = item->phys;
				hiding.ranges[hiding.count].addr = item->addr;
				hiding.ranges[hiding.count].len = item->len;
				hiding.ranges[hiding.count++].source = (enum source)s;
			}
		}
	}
}

int main(int argc, char **argv)
{
	const struct km_open_options open = {.source = KM_TYPES_AUTO};
	struct km_recorder rec = {.stage = "", .names = true};
	struct verdicts *by = calloc(1u << SOURCES, sizeof(*by));
	struct km_capsule *capsule = NULL;
	struct km_kernel *kernel = NULL;
	unsigned wrong = 0, stuck = 0;
	km_error *err;

	if (argc != 2 || !by)
		return 2;
	err = km_capsule_open(argv[1], &capsule);
	if (err)
		die(err);
	wrap(km_capsule_target(capsule));
	wrapped.ops.symbol = symbol_of_source;
	keep_stacks();
	err = km_kernel_open(&wrapped.target, &open, &kernel);
	if (err)
		die(err);
	km_memory_record(kernel->mem, &rec);
	diagnose_all(kernel, &by[0]);
	km_memory_record(kernel->mem, NULL);
	find_ranges(&rec);
	for (unsigned off = 1; off < 1u << SOURCES; off++) {
		switch_off(off);
		diagnose_all(kernel, &by[off]);
	}
	switch_off(0);
	for (size_t i = 0; i < by[0].count && stuck < MOST_STUCK; i++) {
		if (by[0].list[i].state != KM_STATE_STUCK)
			continue;
		stuck++;
		wrong += check_vcpu(by, &by[0].list[i]);
	}
	km_recorder_deinit(&rec);
	km_kernel_free(kernel);
	km_capsule_close(capsule);
	free(hiding.whole);
	free(by);
	return wrong != 0;
}
