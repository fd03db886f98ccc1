// SPDX-License-Identifier: GPL-2.0-or-later
#include "stack.h"

#include "orc.h"
#include "prstatus.h"
#include "saved_stacks.h"
#include "text.h"

#include <elf.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* THREAD_SIZE: a macro; four pages, and twice that with KASAN */
#define THREAD_SIZE	  (4 * KM_PAGE_SIZE)
#define THREAD_SIZE_KASAN (8 * KM_PAGE_SIZE)
#define MAX_PAGES	  8

/* struct inactive_task_frame: what __switch_to_asm() pushes, at thread.sp */
#define INACTIVE_BP   40
#define INACTIVE_IP   48
#define INACTIVE_SIZE 56

#define NR_CPUS 8192

struct job {
	const struct km_kernel *k;
	struct km_stack *stack;
	uint8_t bytes[MAX_PAGES * KM_PAGE_SIZE];
	bool held[MAX_PAGES];			 /* pages that are in the dump */
	bool dead[MAX_PAGES * KM_PAGE_SIZE / 8]; /* words from which no chain ends well */
	bool beyond; /* words that are not on the stack may be read: a switch of stacks */
};

static bool on_stack(const struct km_stack *stack, uint64_t addr)
{
	return addr - stack->base < stack->size;
}

static bool word(void *arg, uint64_t addr, uint64_t *value)
{
	const struct job *job = arg;
	uint64_t at = addr - job->stack->base;

	if (addr % 8)
		return false;
	if (!on_stack(job->stack, addr)) {
		km_scoped_error *err = job->beyond ? km_read_virt(job->k->mem, addr, value, 8)
						   : km_errorf(KM_EREAD, "not on the stack");

		return !err;
	}
	if (!job->held[at / KM_PAGE_SIZE])
		return false;
	memcpy(value, job->bytes + at, 8);
	return true;
}

static void trouble(struct km_stack *stack, const char *text)
{
	if (!stack->trouble[0])
		snprintf(stack->trouble, sizeof(stack->trouble), "%s", text);
}

static void add_frame(struct job *job, const struct km_unwind *u, bool sure)
{
	struct km_stack *stack = job->stack;
	struct km_frame *f = &stack->frames[stack->count];

	if (stack->count == KM_FRAMES) {
		trouble(stack, "more frames than are kept: the outer ones are left out");
		return;
	}
	*f = (struct km_frame){.pc = u->ip, .sp = u->slot, .sure = sure};
	/* a call may be the last instruction of a function that never returns */
	if (km_function_at(job->k, u->ip - !u->exact, f->function, sizeof(f->function), &f->offset))
		f->offset += !u->exact;
	stack->count++;
}

/* To the caller of @u. */
static enum km_unwound step(struct job *job, struct km_unwind *u)
{
	struct km_orc orc;

	if (!km_orc_find(job->k, u->ip - !u->exact, &orc))
		return KM_UNWOUND_LOST;
	return km_orc_unwind(&orc, word, job, u);
}

/* Notes the frames from @u on. False if the chain breaks off; @u is the last good one then. */
static bool unwind(struct job *job, struct km_unwind *u, bool sure)
{
	enum km_unwound result = KM_UNWOUND;

	for (unsigned n = 0; n <= KM_FRAMES && result == KM_UNWOUND; n++) {
		struct km_unwind next = *u;

		add_frame(job, u, sure);
		result = step(job, &next);
		if (result == KM_UNWOUND && !km_is_text(job->k, next.ip))
			result = KM_UNWOUND_LOST;
		if (result == KM_UNWOUND)
			*u = next;
	}
	return result != KM_UNWOUND_LOST;
}

/* Would a chain from @u end well? Marks its words dead if not. */
static bool ends_well(struct job *job, struct km_unwind u)
{
	uint64_t slots[KM_FRAMES];
	unsigned n = 0;
	enum km_unwound result = KM_UNWOUND;

	while (result == KM_UNWOUND && n < KM_FRAMES && on_stack(job->stack, u.slot) &&
	       !job->dead[(u.slot - job->stack->base) / 8] && km_is_text(job->k, u.ip)) {
		slots[n++] = u.slot;
		result = step(job, &u);
	}
	if (result == KM_UNWOUND_END)
		return true;
	for (unsigned i = 0; i < n; i++)
		job->dead[(slots[i] - job->stack->base) / 8] = true;
	return false;
}

/* Does a call stand before @ip? Code that is not in the dump can't say no. */
static bool behind_call(const struct job *job, uint64_t ip)
{
	uint8_t b[7];
	km_scoped_error *err = km_read_virt(job->k->mem, ip - sizeof(b), b, sizeof(b));

	if (err || b[2] == 0xe8)
		return true;
	/* call *reg, *mem: ff /2, with as many bytes behind as the addressing takes */
	for (unsigned at = 0; at < 6; at++) {
		if (b[at] == 0xff && (b[at + 1] & 0x38) == 0x10)
			return true;
	}
	return false;
}

/* A word that may be a return address, as a start to unwind from. */
static bool candidate(struct job *job, uint64_t slot, struct km_unwind *u)
{
	*u = (struct km_unwind){.sp = slot + 8, .slot = slot};
	return word(job, slot, &u->ip) && km_is_text(job->k, u->ip) && behind_call(job, u->ip);
}

/* Frames from @from up that are not sure: the first chain that ends well, else all candidates. */
static km_error *scan(struct job *job, uint64_t from)
{
	const struct km_stack *stack = job->stack;
	uint64_t end = stack->base + stack->size, first = from;
	size_t found = 0, room = KM_FRAMES - stack->count;
	struct km_unwind u;

	for (uint64_t slot = from; slot < end; slot += 8) {
		km_error *err = slot % KM_PAGE_SIZE ? NULL : km_check_interrupt(job->k->mem);

		if (err)
			return err;
		if (!candidate(job, slot, &u))
			continue;
		if (ends_well(job, u)) {
			unwind(job, &u, false);
			return NULL;
		}
		found++;
	}
	/* of too many, the outer ones: they are the older and the surer */
	for (uint64_t slot = first; slot < end && found; slot += 8) {
		if (!candidate(job, slot, &u))
			continue;
		if (found-- <= room)
			add_frame(job, &u, false);
	}
	return NULL;
}

/* Do these registers lead to this stack? If so it is this task that ran with them, from *@sp up. */
static bool leads_here(struct job *job, struct km_unwind u, uint64_t *sp)
{
	enum km_unwound result = KM_UNWOUND;

	for (unsigned n = 0; n < KM_FRAMES && result == KM_UNWOUND; n++) {
		if (!km_is_text(job->k, u.ip))
			return false;
		*sp = u.sp;
		if (on_stack(job->stack, u.sp))
			return true;
		result = step(job, &u);
	}
	return false;
}

static struct km_unwind start_at(const struct km_registers *regs)
{
	return (struct km_unwind){regs->rip, regs->rsp, regs->rbp, true, true, 0};
}

/* Registers that the host kept of CPU @cpu. */
static bool host_registers(const struct km_kernel *k, unsigned cpu, struct km_unwind *u)
{
	struct km_target *target = km_memory_target(k->mem);
	struct km_registers regs;

	if (!target->ops->registers || !target->ops->registers(target, cpu, &regs))
		return false;
	*u = start_at(&regs);
	return true;
}

/* Registers that kdump saved on its way down. Mirrors crash_save_cpu(). */
static bool saved_registers(const struct km_kernel *k, unsigned cpu, struct km_unwind *u)
{
	struct km_val notes = km_kernel_variable(k, "crash_notes", 8);
	struct {
		Elf64_Nhdr header;
		char name[8];
		uint8_t prstatus[KM_PRSTATUS_SIZE];
	} note;
	struct km_registers regs;
	km_scoped_error *err = NULL;
	uint64_t offsets, at;

	if (!km_is_known(notes) || !notes.v || cpu >= NR_CPUS ||
	    !km_kernel_symbol(k, "__per_cpu_offset", &offsets))
		return false;
	err = km_read_virt(k->mem, offsets + 8ULL * cpu, &at, sizeof(at));
	if (err)
		return false;
	/* crash_notes_memory_init() sees to it that it is within a page */
	err = km_read_virt(k->mem, notes.v + at, &note, sizeof(note));
	if (err || note.header.n_type != NT_PRSTATUS || note.header.n_namesz != sizeof("CORE") ||
	    note.header.n_descsz != KM_PRSTATUS_SIZE || memcmp(note.name, "CORE", sizeof("CORE")))
		return false;
	regs = km_prstatus_registers(note.prstatus);
	*u = start_at(&regs);
	return true;
}

/* Where a task that is on a CPU stands, if its registers can be had. */
static bool find_registers(struct job *job, uint64_t task, struct km_unwind *u)
{
	struct km_val cpu = km_kget(job->k, task, KM_M_task_struct_cpu);
	uint64_t sp;
	bool found;

	if (!km_is_known(cpu))
		return false;
	job->beyond = true;
	found = (host_registers(job->k, (unsigned)cpu.v, u) && leads_here(job, *u, &sp)) ||
		(saved_registers(job->k, (unsigned)cpu.v, u) && leads_here(job, *u, &sp));
	job->beyond = found;
	u->slot = u->sp;
	if (found) {
		job->stack->start = KM_STACK_REGISTERS;
		job->stack->sp = sp;
	}
	return found;
}

static void read_pages(struct job *job)
{
	struct km_stack *stack = job->stack;

	for (uint64_t i = 0; i < stack->size / KM_PAGE_SIZE; i++) {
		km_scoped_error *err = km_read_virt(job->k->mem, stack->base + i * KM_PAGE_SIZE,
						    job->bytes + i * KM_PAGE_SIZE, KM_PAGE_SIZE);

		job->held[i] = !err;
		stack->pages_missing += err != NULL;
	}
	if (stack->pages_missing)
		snprintf(stack->trouble, sizeof(stack->trouble),
			 "%" PRIu64 " of %" PRIu64 " pages of the stack are not in the dump",
			 stack->pages_missing, stack->size / KM_PAGE_SIZE);
}

/* thread.sp of a task that is on no CPU; a stack that begins elsewhere is torn. */
static bool find_switched_out(struct job *job, uint64_t sp, struct km_unwind *u)
{
	*u = (struct km_unwind){.sp = sp + INACTIVE_SIZE, .slot = sp + INACTIVE_IP};
	u->bp_known = word(job, sp + INACTIVE_BP, &u->bp);
	return word(job, u->slot, &u->ip) && km_is_text(job->k, u->ip);
}

static km_error *read_frames(struct job *job, uint64_t task, struct km_val sp)
{
	struct km_stack *stack = job->stack;
	struct km_val on_cpu = km_kget(job->k, task, KM_M_task_struct_on_cpu);
	struct km_unwind u;

	stack->start = KM_STACK_UNKNOWN;
	stack->sp = stack->base;
	if (km_is_known(on_cpu) && !on_cpu.v) {
		if (!find_switched_out(job, sp.v, &u)) {
			trouble(stack, "thread.sp does not point to a switched-out task's frame");
			return scan(job, stack->base);
		}
		stack->start = KM_STACK_SWITCHED_OUT;
		stack->sp = sp.v;
	} else {
		if (!find_registers(job, task, &u)) {
			trouble(stack, "the task is on a CPU and its registers are not known: "
				       "frames may be residue");
			return scan(job, stack->base);
		}
	}
	if (unwind(job, &u, true))
		return NULL;
	trouble(stack, km_has_orc(job->k)
			       ? "unwinding ends early: frames beyond may be residue"
			       : "the kernel has no ORC tables: frames are guessed, and may be "
				 "residue");
	return scan(job, on_stack(stack, u.sp) ? (u.sp + 7) & ~7ULL : stack->base);
}

static km_error *read_stack(struct job *job, uint64_t task)
{
	const struct km_kernel *k = job->k;
	struct km_stack *stack = job->stack;
	struct km_val base = km_kget(k, task, KM_M_task_struct_stack);
	struct km_val sp = km_kget(k, task, KM_M_task_struct_sp);
	km_error *err;

	if (!km_is_known(base) || !km_is_known(sp)) {
		trouble(stack, base.known == KM_ABSENT || sp.known == KM_ABSENT
				       ? "no type information for task_struct"
				       : "the task_struct is not in the dump");
		return NULL;
	}
	if (!base.v || base.v % KM_PAGE_SIZE || base.v >> 63 == 0) {
		trouble(stack, base.v ? "task_struct.stack is no stack: torn?"
				      : "the task has no stack any more");
		return NULL;
	}
	stack->base = stack->sp = base.v;
	stack->size = sp.v - base.v - THREAD_SIZE < THREAD_SIZE_KASAN - THREAD_SIZE
			      ? THREAD_SIZE_KASAN
			      : THREAD_SIZE;
	err = km_text_read(k);
	if (err)
		return err;
	read_pages(job);
	return read_frames(job, task, sp);
}

/* As it was when the capsule was made. */
static void take_saved(const struct km_saved_stacks *saved, struct km_stack *stack)
{
	const struct km_saved_stack *of = saved ? km_saved_stack_of(saved, stack->task) : NULL;

	if (of)
		*stack = of->stack;
	else
		trouble(stack, "the capsule holds nothing of this stack");
}

static km_error *unwind_stack(const struct km_kernel *k, uint64_t task, struct km_stack *stack)
{
	struct job *job = calloc(1, sizeof(*job));
	km_error *err;
	bool trying;

	if (!job)
		return km_errorf(KM_ENOMEM, "out of memory");
	job->k = k;
	job->stack = stack;
	/* the stack's bytes are in no capsule */
	trying = km_memory_try(k->mem, true);
	err = read_stack(job, task);
	km_memory_try(k->mem, trying);
	free(job);
	return err;
}

km_error *km_stack_read(const struct km_kernel *k, uint64_t task, struct km_stack *stack)
{
	const struct km_target_kernel *brings = km_memory_target(k->mem)->brings;
	const struct km_recorder *rec = km_memory_recorder(k->mem);
	km_error *err = NULL;

	memset(stack, 0, sizeof(*stack));
	stack->task = task;
	if (brings)
		take_saved(brings->saved, stack);
	else
		err = unwind_stack(k, task, stack);
	if (!err && rec && rec->saved)
		err = km_saved_stacks_add(rec->saved, stack);
	return err;
}

/* Suffixes that gcc gives to copies of a function begin with a dot. */
bool km_frame_is(const struct km_frame *frame, const char *function)
{
	size_t len = strcspn(frame->function, ".");

	return strlen(function) == len && !memcmp(frame->function, function, len);
}

const struct km_frame *km_stack_in(const struct km_stack *stack, const char *function)
{
	for (size_t i = 0; i < stack->count; i++) {
		if (km_frame_is(&stack->frames[i], function))
			return &stack->frames[i];
	}
	return NULL;
}
