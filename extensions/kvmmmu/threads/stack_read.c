// SPDX-License-Identifier: GPL-2.0-or-later
#include "threads/stack_read.h"

#include "kernel/orc.h"
#include "threads/crash_frame.h"
#include "base/prstatus.h"
#include "threads/saved_stacks.h"
#include "kernel/text.h"

#include <elf.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* THREAD_SIZE is a macro: four pages, eight with KASAN */
#define THREAD_SIZE	  (4 * KM_PAGE_SIZE)
#define THREAD_SIZE_KASAN (8 * KM_PAGE_SIZE)
#define MAX_PAGES	  8

/* struct inactive_task_frame: what __switch_to_asm() pushes, at thread.sp */
#define INACTIVE_BP   40
#define INACTIVE_IP   48
#define INACTIVE_SIZE 56

#define NR_CPUS 8192

struct stack_reader {
	const struct km_kernel *k;
	struct km_stack *stack;
	struct km_frame frames[KM_FRAMES]; /* of the stack */
	uint8_t bytes[MAX_PAGES * KM_PAGE_SIZE];
	enum { UNREAD, HELD, MISSING } pages[MAX_PAGES]; /* read when they are needed */
	bool dead[MAX_PAGES * KM_PAGE_SIZE / 8];	 /* words from which unwinding fails */
	bool beyond; /* words outside the stack may be read: the stack may have been switched */
};

static bool on_stack(const struct km_stack *stack, uint64_t addr)
{
	return addr - stack->base < stack->size;
}

/* Read page @i of the stack, unless that was done before. Return false if it is missing. */
static bool read_page(struct stack_reader *reader, uint64_t i)
{
	struct km_stack *stack = reader->stack;
	km_scoped_error *err = NULL;

	if (reader->pages[i] != UNREAD)
		return reader->pages[i] == HELD;
	err = km_read_virt(reader->k->mem, stack->base + i * KM_PAGE_SIZE,
			   reader->bytes + i * KM_PAGE_SIZE, KM_PAGE_SIZE);
	reader->pages[i] = err ? MISSING : HELD;
	stack->pages_missing += err != NULL;
	return !err;
}

static bool read_word(void *arg, uint64_t addr, uint64_t *value)
{
	struct stack_reader *reader = arg;
	uint64_t at = addr - reader->stack->base;

	if (addr % 8)
		return false;
	if (!on_stack(reader->stack, addr)) {
		km_scoped_error *err = reader->beyond ? km_read_virt(reader->k->mem, addr, value, 8)
						      : km_errorf(KM_EREAD, "not on the stack");

		return !err;
	}
	if (!read_page(reader, at / KM_PAGE_SIZE))
		return false;
	memcpy(value, reader->bytes + at, 8);
	return true;
}

static void note_trouble(struct km_stack *stack, const char *text)
{
	if (!stack->trouble[0])
		snprintf(stack->trouble, sizeof(stack->trouble), "%s", text);
}

static void add_frame(struct stack_reader *reader, const struct km_unwind *u, bool sure)
{
	struct km_stack *stack = reader->stack;
	struct km_frame *f = &stack->frames[stack->count];
	uint64_t offset;

	if (stack->count == KM_FRAMES) {
		note_trouble(
			stack,
			"there are more frames than kvmmmu keeps: the outer frames are left out");
		return;
	}
	*f = (struct km_frame){.pc = u->ip, .sp = u->slot, .sure = sure};
	f->function = km_function_name_at(reader->k, u->ip - !u->exact, &offset);
	f->offset = (uint32_t)offset;
	/* the return address may be beyond the function if it ends in a call that does not return
	 */
	if (f->function[0])
		f->offset += !u->exact;
	stack->count++;
}

/* Unwind @u to its caller. */
static enum km_unwound step(struct stack_reader *reader, struct km_unwind *u)
{
	struct km_orc orc;

	if (!km_orc_find(reader->k, u->ip - !u->exact, &orc))
		return KM_UNWOUND_LOST;
	return km_orc_unwind(&orc, read_word, reader, u);
}

/* Add the frames from @u on. Return false if unwinding fails; then @u is the last good frame. */
static bool unwind(struct stack_reader *reader, struct km_unwind *u, bool sure)
{
	enum km_unwound result = KM_UNWOUND;

	for (unsigned n = 0; n <= KM_FRAMES && result == KM_UNWOUND; n++) {
		struct km_unwind next = *u;

		add_frame(reader, u, sure);
		result = step(reader, &next);
		if (result == KM_UNWOUND && !km_is_text(reader->k, next.ip))
			result = KM_UNWOUND_LOST;
		if (result == KM_UNWOUND)
			*u = next;
	}
	return result != KM_UNWOUND_LOST;
}

/* Does unwinding from @u reach the outermost frame? If not, mark its words as dead. */
static bool ends_well(struct stack_reader *reader, struct km_unwind u)
{
	uint64_t slots[KM_FRAMES];
	unsigned n = 0;
	enum km_unwound result = KM_UNWOUND;

	while (result == KM_UNWOUND && n < KM_FRAMES && on_stack(reader->stack, u.slot) &&
	       !reader->dead[(u.slot - reader->stack->base) / 8] && km_is_text(reader->k, u.ip)) {
		slots[n++] = u.slot;
		result = step(reader, &u);
	}
	if (result == KM_UNWOUND_END)
		return true;
	for (unsigned i = 0; i < n; i++)
		reader->dead[(slots[i] - reader->stack->base) / 8] = true;
	return false;
}

/* Is @ip preceded by a call instruction? True if the code is not in the dump. */
static bool behind_call(const struct stack_reader *reader, uint64_t ip)
{
	uint8_t b[7];
	km_scoped_error *err = km_read_virt(reader->k->mem, ip - sizeof(b), b, sizeof(b));

	if (err || b[2] == 0xe8)
		return true;
	/* call *reg, call *mem: ff /2, followed by the bytes of the address */
	for (unsigned at = 0; at < 6; at++) {
		if (b[at] == 0xff && (b[at + 1] & 0x38) == 0x10)
			return true;
	}
	return false;
}

/* Could the word at @slot be a return address? If so, set @u to unwind from there. */
static bool candidate(struct stack_reader *reader, uint64_t slot, struct km_unwind *u)
{
	*u = (struct km_unwind){.sp = slot + 8, .slot = slot};
	return read_word(reader, slot, &u->ip) && km_is_text(reader->k, u->ip) &&
	       behind_call(reader, u->ip);
}

/* Add uncertain frames from @from up: the first chain that can be unwound, else all candidates. */
static km_error *scan(struct stack_reader *reader, uint64_t from)
{
	const struct km_stack *stack = reader->stack;
	uint64_t end = stack->base + stack->size, first = from;
	size_t found = 0, room = KM_FRAMES - stack->count;
	struct km_unwind u;

	for (uint64_t slot = from; slot < end; slot += 8) {
		km_error *err = slot % KM_PAGE_SIZE ? NULL : km_check_interrupt(reader->k->mem);

		if (err)
			return err;
		if (!candidate(reader, slot, &u))
			continue;
		if (ends_well(reader, u)) {
			unwind(reader, &u, false);
			return NULL;
		}
		found++;
	}
	/* if there are too many, keep the outermost ones: they are less likely to be residue */
	for (uint64_t slot = first; slot < end && found; slot += 8) {
		if (!candidate(reader, slot, &u))
			continue;
		if (found-- <= room)
			add_frame(reader, &u, false);
	}
	return NULL;
}

/* Do these registers lead to this stack? Then this task was running, and *@sp is its stack pointer.
 */
static bool leads_here(struct stack_reader *reader, struct km_unwind u, uint64_t *sp)
{
	enum km_unwound result = KM_UNWOUND;

	for (unsigned n = 0; n < KM_FRAMES && result == KM_UNWOUND; n++) {
		if (!km_is_text(reader->k, u.ip))
			return false;
		*sp = u.sp;
		if (on_stack(reader->stack, u.sp))
			return true;
		result = step(reader, &u);
	}
	return false;
}

static struct km_unwind start_at(const struct km_registers *regs)
{
	return (struct km_unwind){regs->rip, regs->rsp, regs->rbp, true, true, 0};
}

/* Get the registers of CPU @cpu that the host recorded. */
static bool host_registers(const struct km_kernel *k, unsigned cpu, struct km_unwind *u)
{
	struct km_target *target = km_memory_target(k->mem);
	struct km_registers regs;

	if (!target->ops->registers || !target->ops->registers(target, cpu, &regs))
		return false;
	*u = start_at(&regs);
	return true;
}

/* Get the registers of CPU @cpu that the crashing kernel saved. Mirrors crash_save_cpu(). */
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
	/* it does not cross a page: crash_notes_memory_init() */
	err = km_read_virt(k->mem, notes.v + at, &note, sizeof(note));
	if (err || note.header.n_type != NT_PRSTATUS || note.header.n_namesz != sizeof("CORE") ||
	    note.header.n_descsz != KM_PRSTATUS_SIZE || memcmp(note.name, "CORE", sizeof("CORE")))
		return false;
	regs = km_prstatus_registers(note.prstatus);
	*u = start_at(&regs);
	return true;
}

/* Find the registers of a running task, and its position on this stack. */
static bool find_registers(struct stack_reader *reader, uint64_t task, struct km_unwind *u)
{
	struct km_val cpu = km_kget(reader->k, task, KM_M_task_struct_cpu);
	uint64_t sp;
	bool found;

	if (!km_is_known(cpu))
		return false;
	reader->beyond = true;
	found = (host_registers(reader->k, (unsigned)cpu.v, u) && leads_here(reader, *u, &sp)) ||
		(saved_registers(reader->k, (unsigned)cpu.v, u) && leads_here(reader, *u, &sp)) ||
		(km_crash_frame_unwind(reader->k, u) && leads_here(reader, *u, &sp));
	reader->beyond = found;
	if (!u->slot)
		u->slot = u->sp;
	if (found) {
		reader->stack->start = KM_STACK_REGISTERS;
		reader->stack->sp = sp;
	}
	return found;
}

/*
 * Read the pages from @sp up: below it there is only residue. The number of missing ones comes
 * before other reasons why frames are missing.
 */
static void read_pages(struct stack_reader *reader, uint64_t sp)
{
	struct km_stack *stack = reader->stack;
	uint64_t first = on_stack(stack, sp) ? (sp - stack->base) / KM_PAGE_SIZE : 0;

	for (uint64_t i = first; i < stack->size / KM_PAGE_SIZE; i++)
		read_page(reader, i);
	if (stack->pages_missing)
		snprintf(stack->trouble, sizeof(stack->trouble),
			 "%" PRIu64 " of %" PRIu64 " pages of the stack are missing from the dump",
			 stack->pages_missing, stack->size / KM_PAGE_SIZE);
}

/* Start at thread.sp of a task that is not running. Return false if that is not a valid frame. */
static bool find_switched_out(struct stack_reader *reader, uint64_t sp, struct km_unwind *u)
{
	*u = (struct km_unwind){.sp = sp + INACTIVE_SIZE, .slot = sp + INACTIVE_IP};
	u->bp_known = read_word(reader, sp + INACTIVE_BP, &u->bp);
	return read_word(reader, u->slot, &u->ip) && km_is_text(reader->k, u->ip);
}

static km_error *read_frames(struct stack_reader *reader, uint64_t task, struct km_val sp)
{
	struct km_stack *stack = reader->stack;
	struct km_val on_cpu = km_kget(reader->k, task, KM_M_task_struct_on_cpu);
	struct km_unwind u;

	stack->start = KM_STACK_UNKNOWN;
	stack->sp = stack->base;
	/* the registers of a running task are searched for on the whole stack */
	read_pages(reader, km_is_known(on_cpu) && !on_cpu.v ? sp.v : stack->base);
	if (km_is_known(on_cpu) && !on_cpu.v) {
		if (!find_switched_out(reader, sp.v, &u)) {
			note_trouble(stack,
				     "thread.sp does not point to a switched-out task's frame");
			return scan(reader, stack->base);
		}
		stack->start = KM_STACK_SWITCHED_OUT;
		stack->sp = sp.v;
	} else {
		if (!find_registers(reader, task, &u)) {
			note_trouble(stack, "the task is running and its registers are not known: "
					    "frames may be residue");
			return scan(reader, stack->base);
		}
	}
	if (unwind(reader, &u, true))
		return NULL;
	note_trouble(stack,
		     km_has_orc(reader->k)
			     ? KM_STACK_STOPPED_EARLY
			     : "the kernel has no ORC tables: frames were found by scanning, and "
			       "may be residue");
	return scan(reader, on_stack(stack, u.sp) ? (u.sp + 7) & ~7ULL : stack->base);
}

static km_error *read_stack(struct stack_reader *reader, uint64_t task)
{
	const struct km_kernel *k = reader->k;
	struct km_stack *stack = reader->stack;
	struct km_val base = km_kget(k, task, KM_M_task_struct_stack);
	struct km_val sp = km_kget(k, task, KM_M_task_struct_sp);
	km_error *err;

	if (!km_is_known(base) || !km_is_known(sp)) {
		note_trouble(stack, base.known == KM_ABSENT || sp.known == KM_ABSENT
					    ? "no type information for task_struct"
					    : "the task_struct is missing from the dump");
		return NULL;
	}
	if (!base.v || base.v % KM_PAGE_SIZE || base.v >> 63 == 0) {
		note_trouble(stack, base.v ? "task_struct.stack is not the address of a stack"
					   : "the task has no stack anymore");
		return NULL;
	}
	stack->base = stack->sp = base.v;
	stack->size = sp.v - base.v - THREAD_SIZE < THREAD_SIZE_KASAN - THREAD_SIZE
			      ? THREAD_SIZE_KASAN
			      : THREAD_SIZE;
	err = km_text_read(k);
	if (err)
		return err;
	return read_frames(reader, task, sp);
}

/* Copy the stack as it was unwound when the capsule was made. */
static km_error *copy_saved(const struct km_saved_stacks *saved, struct km_stack *stack)
{
	const struct km_saved_stack *of = km_saved_stack_of(saved, stack->task);

	if (of)
		return km_stack_copy(&of->stack, stack);
	note_trouble(stack, "the capsule does not contain this stack");
	return NULL;
}

static km_error *unwind_stack(const struct km_kernel *k, uint64_t task, struct km_stack *stack)
{
	struct stack_reader *reader = calloc(1, sizeof(*reader));
	struct km_stack found;
	km_error *err;
	bool trying;

	if (!reader)
		return km_errorf(KM_ENOMEM, "out of memory");
	reader->k = k;
	reader->stack = stack;
	stack->frames = reader->frames;
	/* a capsule never contains the stack's bytes */
	trying = km_memory_try(k->mem, true);
	err = read_stack(reader, task);
	km_memory_try(k->mem, trying);
	found = *stack;
	stack->frames = NULL;
	stack->count = 0;
	if (!err)
		err = km_stack_copy(&found, stack);
	free(reader);
	return err;
}

km_error *km_stack_read(const struct km_kernel *k, uint64_t task, struct km_stack *stack)
{
	const struct km_target *target = km_memory_target(k->mem);
	const struct km_recorder *rec = km_memory_recorder(k->mem);
	km_error *err = NULL;

	*stack = (struct km_stack){.task = task, .start = KM_STACK_UNKNOWN};
	if (km_target_has_saved_stacks(target))
		err = copy_saved(km_target_saved_stacks(target), stack);
	else
		err = unwind_stack(k, task, stack);
	if (!err && rec && rec->saved)
		err = km_saved_stacks_add(rec->saved, stack);
	return err;
}
