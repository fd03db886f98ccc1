// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * stacks auto|btf|dwarf DUMP [DEBUGINFO]: print, as JSON, the tasks, stacks and last faults of
 * vCPUs that the library finds in a dump or a capsule.
 */
#include "../../extensions/cli/dump.h"
#include "capsule/capsule.h"
#include "fault/last_fault.h"
#include "threads/tasks.h"
#include "threads/tasks_read.h"
#include "kernel/kernel_open.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put_val(const char *name, struct km_val val, bool hex)
{
	if (!km_is_known(val))
		printf("\"%s\": null, ", name);
	else
		printf(hex ? "\"%s\": \"0x%" PRIx64 "\", " : "\"%s\": %" PRId64 ", ", name, val.v);
}

static void put_stack(const struct km_stack *s)
{
	static const char *const starts[] = {"switched out", "registers", "unknown"};

	printf("{\"task\": \"0x%" PRIx64 "\", \"base\": \"0x%" PRIx64 "\", \"size\": %" PRIu64
	       ", \"start\": \"%s\", \"sp\": \"0x%" PRIx64 "\", \"pages_missing\": %" PRIu64
	       ", \"trouble\": \"%s\", \"frames\": [",
	       s->task, s->base, s->size, starts[s->start], s->sp, s->pages_missing, s->trouble);
	for (size_t i = 0; i < s->count; i++) {
		const struct km_frame *f = &s->frames[i];

		printf("%s\n    {\"function\": \"%s\", \"offset\": %" PRIu32
		       ", \"pc\": \"0x%" PRIx64 "\", \"sp\": \"0x%" PRIx64 "\", \"sure\": %s}",
		       i ? "," : "", f->function, f->offset, f->pc, f->sp,
		       f->sure ? "true" : "false");
	}
	printf("]}");
}

static km_error *put_tasks(const struct km_kernel *k, const struct km_vms *vms)
{
	struct km_tasks tasks;
	km_error *err = km_tasks_read(k, vms, &tasks);

	printf("\"complete\": %s, \"trouble\": \"%s\", \"tasks\": [",
	       tasks.complete ? "true" : "false", tasks.trouble);
	for (size_t i = 0; i < tasks.count; i++) {
		const struct km_task *t = &tasks.tasks[i];

		printf("%s\n  {\"addr\": \"0x%" PRIx64 "\", \"comm\": \"%s\", ", i ? "," : "",
		       t->addr, t->comm);
		put_val("tid", t->tid, false);
		put_val("tgid", t->tgid, false);
		put_val("state", t->state, true);
		put_val("on_cpu", t->on_cpu, false);
		put_val("mm", t->mm, true);
		printf("\"stack\": ");
		put_stack(km_task_stack(&tasks, t));
		printf("}");
	}
	printf("]");
	km_tasks_deinit(&tasks);
	return err;
}

static void put_page_fault(const struct km_page_fault *pf)
{
	printf("\"pf\": {");
#define PUT(name) put_val(#name, pf->name, true);
	KM_PAGE_FAULT_FIELDS(PUT)
#undef PUT
	printf("\"address\": \"0x%" PRIx64 "\"}", pf->address);
}

/* What the stack shows around the struct. */
static void put_place(const struct km_fault *f)
{
	const struct km_fault_place *p = &f->place;

	printf("\"place\": {\"handler_slot\": \"0x%" PRIx64 "\", \"caller_slot\": \"0x%" PRIx64
	       "\", \"chain\": %s, \"sptep\": \"0x%" PRIx64 "\", \"old_spte\": \"0x%" PRIx64
	       "\", \"level\": %u, \"below_run\": %" PRIu64 "}, ",
	       p->handler_slot, p->caller_slot, p->chain ? "true" : "false", p->sptep, p->old_spte,
	       p->level, f->below_run);
	put_val("invalidations_since", f->invalidations_since, false);
}

static km_error *put_last(const struct km_kernel *k, const struct km_vm *vm,
			  const struct km_vcpu *vcpu)
{
	struct km_vcpu_mmu all;
	struct km_last_fault last;
	km_error *err;

	km_vcpu_mmu_read(k, vcpu, &all);
	err = km_last_fault_find(k, vm, vcpu, &all, &last);
	printf("{\"vm\": %u, \"vcpu\": %u, ", vm->number, vcpu->idx);
	put_val("tid", vcpu->tid, false);
	put_val("mode", vcpu->mode, false);
	put_val("exit_code", last.exit_code, true);
	printf("\"none\": \"%s\", \"disagreement\": \"%s\", \"has_stack\": %s, \"faults\": [",
	       last.none, last.disagreement, last.has_stack ? "true" : "false");
	for (size_t i = 0; i < last.count; i++) {
		const struct km_fault *f = &last.faults[i];

		printf("%s\n  {\"source\": \"%s\", \"age\": \"%s\", \"from\": \"%s\", "
		       "\"limits\": \"%s\", \"mmu\": \"%s\", ",
		       i ? "," : "", km_fault_source_text(f->source), km_fault_age_text(f->age),
		       f->from, f->limits, f->mmu ? f->mmu->name : "");
		put_val("addr", f->addr, true);
		put_val("error_code", f->error_code, true);
		put_place(f);
		put_page_fault(&f->pf);
		printf("}");
	}
	printf("], \"stack\": ");
	put_stack(&last.stack);
	km_last_fault_deinit(&last);
	printf("}");
	return err;
}

static km_error *put_faults(const struct km_kernel *k, const struct km_vms *vms)
{
	const char *comma = "";
	km_error *err = NULL;

	printf(", \"faults\": [");
	for (size_t i = 0; i < vms->count && !err; i++) {
		for (size_t j = 0; j < vms->vms[i].vcpu_count && !err; j++) {
			printf("%s\n", comma);
			err = put_last(k, &vms->vms[i], &vms->vms[i].vcpus[j]);
			comma = ",";
		}
	}
	printf("]");
	return err;
}

static km_error *put_all(struct km_target *target, const struct km_open_options *options)
{
	struct km_kernel *k;
	struct km_vms vms = {0};
	km_error *err = km_kernel_open(target, options, &k);

	if (err)
		return err;
	err = km_vms_read(k, &vms);
	printf("{");
	if (!err)
		err = put_tasks(k, &vms);
	if (!err)
		err = put_faults(k, &vms);
	printf("}\n");
	km_vms_deinit(&vms);
	km_kernel_free(k);
	return err;
}

int main(int argc, char **argv)
{
	struct km_open_options options = {.source = KM_TYPES_AUTO};
	struct km_capsule *capsule = NULL;
	struct dump *dump = NULL;
	km_error *err;

	if (argc < 3)
		return 2;
	if (!strcmp(argv[1], "btf"))
		options.source = KM_TYPES_BTF;
	if (!strcmp(argv[1], "dwarf"))
		options.source = KM_TYPES_DWARF;
	if (km_is_capsule(argv[2], &err))
		err = km_capsule_open(argv[2], &capsule);
	else if (!err)
		err = dump_open(argv[2], argc > 3 ? argv[3] : NULL, &dump);
	if (!err)
		err = put_all(capsule ? km_capsule_target(capsule) : dump_target(dump), &options);
	if (err)
		fprintf(stderr, "%s\n", km_error_text(err));
	km_capsule_close(capsule);
	dump_close(dump);
	return err ? 3 : 0;
}
