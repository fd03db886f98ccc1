// SPDX-License-Identifier: GPL-2.0-or-later
/* The chapter of a report about one VM. */
#include "commands/report.h"

#include "commands/describe_audit.h"

#include "kernel/task_state.h"
#include "threads/invalidation.h"
#include "walk/process_args.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MAX_THREADS 64
#define FRAMES	    3

/* ---- memslots ---- */

static void add_slot(struct km_node *table, const struct km_memslot *slot)
{
	struct km_node *row = km_doc_row(table);
	uint64_t bytes = slot->npages << KM_PAGE_SHIFT;

	km_doc_cell(row, "id", km_v_signed(slot->id));
	km_doc_cell(row, "gpa", km_v_hex(slot->base_gfn << KM_PAGE_SHIFT));
	km_doc_cell(row, "bytes", km_v_as(km_v_dec(bytes), km_report_size(table, bytes)));
	km_doc_cell(row, "hva", km_v_hex(slot->userspace_addr));
	km_doc_cell(row, "flags", km_v_text(km_memslot_flags_text(table, slot->flags)));
}

static km_error *report_slots(struct km_report *run, struct km_node *chapter,
			      const struct km_vm *vm)
{
	struct km_node *table = km_doc_table(chapter, "memslots", "memslots");
	struct km_memslots slots;
	uint64_t pages = 0;
	km_error *err = km_memslots_read(run->ctx->kernel, vm->addr, 0, &slots);

	km_doc_column(table, "id", "ID", true);
	km_doc_column(table, "gpa", "GPA", false);
	km_doc_column(table, "bytes", "SIZE", true);
	km_doc_column(table, "hva", "HVA", false);
	km_doc_column(table, "flags", "FLAGS", false);
	for (size_t i = 0; !err && i < slots.count; i++) {
		pages += slots.slots[i].npages;
		add_slot(table, &slots.slots[i]);
	}
	if (!err && slots.trouble)
		km_doc_note(chapter, "some memslots are not readable: %s", slots.trouble);
	if (!err)
		km_doc_field(chapter, "memory_bytes", "memory",
			     km_v_as(km_v_dec(pages << KM_PAGE_SHIFT),
				     km_report_size(chapter, pages << KM_PAGE_SHIFT)));
	km_memslots_deinit(&slots);
	if (err && km_error_code(err) != KM_EINTR && km_error_code(err) != KM_ENOMEM &&
	    km_error_code(err) != KM_ELIMIT) {
		km_error_free(err);
		err = NULL;
	}
	return err;
}

/* ---- threads ---- */

/* As ps prints them: R, S, D, T, t, I or the number. */
static const char *state_text(struct km_node *node, struct km_val state)
{
	if (!km_is_known(state))
		return "?";
	if (!state.v)
		return "R";
	if (state.v & TASK_INTERRUPTIBLE)
		return "S";
	if (state.v & TASK_UNINTERRUPTIBLE)
		return state.v & TASK_NOLOAD ? "I" : "D";
	if (state.v & TASK_STOPPED)
		return "T";
	if (state.v & TASK_TRACED)
		return "t";
	return km_doc_text(node, "0x%" PRIx64, state.v);
}

/* "handle_userfault < do_page_fault < ...": what a thread does. */
static const char *does_text(struct km_node *node, const struct km_stack *stack)
{
	const char *text = "";
	unsigned shown = 0;

	for (size_t i = 0; i < stack->count && shown < FRAMES; i++) {
		const struct km_frame *f = &stack->frames[i];

		if (f->sure && f->function[0] && strcmp(f->function, "__schedule") &&
		    strcmp(f->function, "schedule"))
			text = km_doc_text(node, "%s%s%s", text, shown++ ? " < " : "", f->function);
	}
	return shown ? text : stack->start == KM_STACK_UNKNOWN ? "running" : "?";
}

static void add_thread(struct km_node *table, const struct km_task *t, const struct km_stack *stack)
{
	struct km_node *row = km_doc_row(table);

	km_doc_cell(row, "tid", km_v_val(t->tid, KM_V_DEC));
	km_doc_cell(row, "comm", km_v_text(t->comm[0] ? km_doc_text(table, "%s", t->comm) : NULL));
	km_doc_cell(row, "state", km_v_text(state_text(table, t->state)));
	km_doc_cell(row, "on_cpu",
		    km_is_known(t->on_cpu) ? km_v_bool(t->on_cpu.v) : km_v_none("?"));
	km_doc_cell(row, "does", km_v_text(does_text(table, stack)));
}

/* ---- the VMM's command line ---- */

/* The value of @key ("guest=") in QEMU's "guest=name,debug-threads=on", or what precedes a comma.
 */
static const char *part_of(struct km_node *node, const char *arg, const char *key)
{
	const char *found = strstr(arg, key);
	const char *value = found ? found + strlen(key) : arg;

	return km_doc_text(node, "%.*s", (int)strcspn(value, ","), value);
}

static void report_args(struct km_report *run, struct km_node *chapter, const struct km_vm *vm)
{
	struct km_process_args *args = calloc(1, sizeof(*args));
	const char *name, *uuid;

	if (!args)
		return;
	km_process_args_read(run->ctx->kernel, vm, args);
	name = km_process_arg_after(args, "-name");
	uuid = km_process_arg_after(args, "-uuid");
	km_doc_field(chapter, "name", name ? "name" : NULL,
		     km_v_text(name ? part_of(chapter, name, "guest=") : NULL));
	km_doc_field(chapter, "uuid", uuid ? "UUID" : NULL,
		     km_v_text(uuid ? km_doc_text(chapter, "%s", uuid) : NULL));
	for (size_t i = 0; i + 1 < args->len; i++)
		args->text[i] = args->text[i] ? args->text[i] : ' ';
	km_doc_field(chapter, "command_line", "command line",
		     args->len ? km_v_text(km_doc_text(chapter, "%s", args->text))
			       : km_v_none(km_doc_text(chapter, "not known: %s", args->why)));
	if (args->len && args->cut)
		km_doc_note(chapter, "the command line is cut: %s", args->why);
	free(args);
}

static void report_threads(struct km_report *run, struct km_node *chapter, const struct km_vm *vm)
{
	struct km_node *table = km_doc_table(chapter, "threads", "threads of the VMM");
	const struct km_tasks *tasks = km_tasks_get(&run->by.tasks);
	size_t count = 0;

	km_doc_column(table, "tid", "TID", true);
	km_doc_column(table, "comm", "NAME", false);
	km_doc_column(table, "state", "ST", false);
	km_doc_column(table, "on_cpu", "RUNS", false);
	km_doc_column(table, "does", "IN", false);
	for (size_t i = 0; i < tasks->count; i++) {
		const struct km_task *t = &tasks->tasks[i];

		if (!km_is_known(vm->mm) || t->mm.v != vm->mm.v || !t->mm.v)
			continue;
		if (count++ < MAX_THREADS)
			add_thread(table, t, km_task_stack(tasks, t));
	}
	if (!count)
		km_doc_machine_only(table);
	if (count > MAX_THREADS)
		km_doc_note(chapter, "%zu more threads are left out", count - MAX_THREADS);
}

/* ---- the chapter ---- */

/* A range that was never used, or is not known yet, has no bounds. */
static const char *range_text(struct km_node *node, const struct km_kernel *k,
			      const struct km_vm *vm)
{
	struct km_val start = vm->mmu_invalidate_range_start, end = vm->mmu_invalidate_range_end;
	enum km_range_unit unit = km_invalidate_range_unit(k);

	if (unit == KM_RANGE_NONE)
		return "all addresses";
	if (!km_is_known(start) || !km_is_known(end))
		return "unknown";
	return km_doc_text(node, "%s [0x%" PRIx64 ", 0x%" PRIx64 ")",
			   unit == KM_RANGE_GFN	  ? "gfns"
			   : unit == KM_RANGE_HVA ? "HVAs"
						  : "unit not known:",
			   start.v, end.v);
}

static void report_invalidations(struct km_report *run, struct km_node *chapter,
				 const struct km_vm *vm)
{
	const char *function = NULL;
	const struct km_task *task =
		km_is_known(vm->mm)
			? km_invalidating_task(km_tasks_get(&run->by.tasks), vm->mm.v, &function)
			: NULL;
	struct km_node *s = km_doc_section(chapter, "invalidations", "invalidations");
	char tid[KM_VAL_TEXT];

	km_doc_field(s, "mmu_invalidate_seq", "mmu_invalidate_seq",
		     km_v_val(vm->mmu_invalidate_seq, KM_V_DEC));
	km_doc_field(s, "in_progress", "in progress",
		     km_v_val(vm->mmu_invalidate_in_progress, KM_V_DEC));
	km_doc_field(s, "range", "last range", km_v_text(range_text(s, run->ctx->kernel, vm)));
	km_doc_field(s, "task", "task inside one",
		     task ? km_v_text(km_doc_text(s, "%s %s in %s()",
						  km_val_spell(task->tid, false, tid), task->comm,
						  function))
			  : km_v_none("none found"));
}

km_error *km_report_vm(struct km_report *run, struct km_node *list, const struct km_vm *vm)
{
	struct km_node *chapter =
		km_doc_chapter(list, NULL, km_doc_text(list, "VM %u", vm->number));
	struct km_node *anomalies = NULL;
	km_error *err;
	const char *type = km_is_known(vm->vm_type) ? km_vm_type_name(vm->vm_type.v) : NULL;

	km_doc_field(chapter, "number", NULL, km_v_dec(vm->number));
	km_doc_field(chapter, "kvm", "struct kvm", km_v_hex(vm->addr));
	km_doc_field(chapter, "pid", "PID of the VMM", km_v_val(vm->pid, KM_V_DEC));
	km_doc_field(chapter, "comm", "VMM",
		     vm->comm[0] ? km_v_text(km_doc_text(chapter, "%s", vm->comm))
				 : km_v_none("not in this capsule (--with-names)"));
	if (run->ctx->options.names)
		report_args(run, chapter, vm);
	km_doc_field(chapter, "type", "type",
		     type ? km_v_text(type) : km_v_none("not in this kernel"));
	km_doc_field(chapter, "vcpus", "vCPUs", km_v_val(vm->online_vcpus, KM_V_DEC));
	km_doc_field(chapter, "vm_bugged", "vm_bugged", km_v_val(vm->vm_bugged, KM_V_DEC));
	km_doc_field(chapter, "vm_dead", "vm_dead", km_v_val(vm->vm_dead, KM_V_DEC));
	if (vm->trouble)
		km_doc_note(chapter, "parts of it are not readable: %s", vm->trouble);
	report_invalidations(run, chapter, vm);
	report_threads(run, chapter, vm);
	err = km_describe_vm_anomalies(run->ctx->kernel, chapter, &anomalies, vm, &run->by.tasks);
	return err ? err : report_slots(run, chapter, vm);
}
