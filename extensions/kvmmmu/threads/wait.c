// SPDX-License-Identifier: GPL-2.0-or-later
#include "threads/wait.h"

#include "kernel/task_state.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Functions in which a thread sleeps, innermost first: the first one on its stack counts. */
static const struct sleep {
	const char *function;
	enum km_wait_kind kind;
	const char *text;
} sleeps[] = {
	{"handle_userfault", KM_WAIT_USERFAULT, "for userspace to resolve a userfaultfd fault"},
	{"kvm_vcpu_block", KM_WAIT_HALT, "for an event that wakes the guest"},
	{"kvm_vcpu_halt", KM_WAIT_HALT, "for an event that wakes the guest"},
	{"migration_entry_wait_on_locked", KM_WAIT_PAGE, "for a page that is being migrated"},
	{"migration_entry_wait", KM_WAIT_PAGE, "for a page that is being migrated"},
	{"pmd_migration_entry_wait", KM_WAIT_PAGE, "for a page that is being migrated"},
	{"migration_entry_wait_huge", KM_WAIT_PAGE, "for a page that is being migrated"},
	/* in do_swap_page() and for migration entries, since 7.0 */
	{"softleaf_entry_wait_on_locked", KM_WAIT_PAGE,
	 "for a page that is being migrated, or for a locked page of a device"},
	{"do_swap_page", KM_WAIT_PAGE, "for a page to be swapped in"},
	{"filemap_fault", KM_WAIT_PAGE, "for a page of a file"},
	{"folio_wait_bit_common", KM_WAIT_PAGE, "for a locked page"},
	{"io_schedule", KM_WAIT_PAGE, "for input or output"},
	{"__synchronize_srcu", KM_WAIT_SRCU, "for an SRCU grace period"},
	{"synchronize_srcu", KM_WAIT_SRCU, "for an SRCU grace period"},
	{"synchronize_srcu_expedited", KM_WAIT_SRCU, "for an SRCU grace period"},
	{"rwsem_down_read_slowpath", KM_WAIT_LOCK, "for a semaphore held for writing"},
	{"rwsem_down_write_slowpath", KM_WAIT_LOCK, "for a semaphore"},
	{"__rwbase_read_lock", KM_WAIT_LOCK, "for a semaphore held for writing"},
	{"rwbase_write_lock", KM_WAIT_LOCK, "for a semaphore"},
	{"rt_mutex_slowlock", KM_WAIT_LOCK, "for a mutex"},
	{"__mutex_lock", KM_WAIT_LOCK, "for a mutex"},
	{"__mutex_lock_slowpath", KM_WAIT_LOCK, "for a mutex"},
	{"__mutex_lock_killable_slowpath", KM_WAIT_LOCK, "for a mutex"},
};

/* Functions that spin: the thread is running, and still waits. mmu_lock is KVM's only rwlock. */
static const struct sleep spins[] = {
	{"queued_read_lock_slowpath", KM_WAIT_LOCK, "for mmu_lock, spinning (read)"},
	{"queued_write_lock_slowpath", KM_WAIT_LOCK, "for mmu_lock, spinning (write)"},
};

/* Where spins[] sleep under PREEMPT_RT, in TASK_RTLOCK_WAIT. */
static const struct sleep rt_sleeps[] = {
	{"rt_read_lock", KM_WAIT_LOCK, "for mmu_lock (read)"},
	{"rt_write_lock", KM_WAIT_LOCK, "for mmu_lock (write)"},
};

/* Functions that take the mmap_lock of the VMM, or have such functions inlined. */
static const char *const takes_mmap_lock[] = {
	"hva_to_pfn",
	"hva_to_pfn_slow",
	"get_user_pages_unlocked",
	"get_user_pages_remote",
	"__get_user_pages",
	"__get_user_pages_locked",
	"__gup_longterm_locked",
	"internal_get_user_pages_fast",
	"gup_fast_fallback",
	"lock_mm_and_find_vma",
	"do_user_addr_fault",
	"mmap_read_lock",
	"mmap_read_lock_killable",
};

/* Prefixes of functions between the one that takes a semaphore and the one that sleeps. */
static const char *const rwsem_code[] = {"rwsem_",	 "down_read", "down_write", "__down_read",
					 "__down_write", "rwbase_",   "__rwbase_"};

const char *km_wait_kind_name(enum km_wait_kind kind)
{
	static const char *const names[] = {
		[KM_WAIT_NONE] = "none",
		[KM_WAIT_HALT] = "halt",
		[KM_WAIT_APF] = "async-page-fault",
		[KM_WAIT_USERSPACE] = "userspace",
		[KM_WAIT_USERFAULT] = "userfault",
		[KM_WAIT_PAGE] = "page",
		[KM_WAIT_LOCK] = "lock",
		[KM_WAIT_SRCU] = "srcu",
		[KM_WAIT_OTHER] = "other",
		[KM_WAIT_UNKNOWN] = "unknown",
	};

	return names[kind];
}

static void waits(struct km_wait *wait, enum km_wait_kind kind, bool sure, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static void waits(struct km_wait *wait, enum km_wait_kind kind, bool sure, const char *fmt, ...)
{
	va_list ap;

	wait->kind = kind;
	wait->certainty = sure ? KM_PROVEN : KM_LIKELY;
	va_start(ap, fmt);
	vsnprintf(wait->text, sizeof(wait->text), fmt, ap);
	va_end(ap);
}

static const struct sleep *find(const struct km_stack *stack, const struct sleep *list,
				size_t count, const struct km_frame **frame)
{
	for (size_t i = 0; stack && i < count; i++) {
		*frame = km_stack_in(stack, list[i].function);
		if (*frame)
			return &list[i];
	}
	return NULL;
}

static bool is_rwsem_code(const char *function)
{
	for (size_t i = 0; i < sizeof(rwsem_code) / sizeof(rwsem_code[0]); i++) {
		if (!strncmp(function, rwsem_code[i], strlen(rwsem_code[i])))
			return true;
	}
	return false;
}

/*
 * Name the semaphore by the function that takes it, above the sleep in @frame: below
 * get_user_pages() there are also semaphores of files and of mappings.
 */
static void name_lock(const struct km_stack *stack, const struct km_frame *frame,
		      struct km_wait *wait)
{
	const struct km_frame *end = stack->frames + stack->count;

	if (!is_rwsem_code(frame->function))
		return;
	while (frame < end && is_rwsem_code(frame->function))
		frame++;
	for (size_t i = 0; i < sizeof(takes_mmap_lock) / sizeof(takes_mmap_lock[0]); i++) {
		if (frame < end && km_frame_is(frame, takes_mmap_lock[i]))
			snprintf(wait->lock, sizeof(wait->lock), "mmap_lock");
	}
}

/* A vCPU in kvm_vcpu_block() is halted, or waits for an asynchronous page fault. */
static void waits_in_block(const struct km_vcpu *vcpu, const struct km_wait_hints *hints, bool sure,
			   const char *function, struct km_wait *wait)
{
	const char *name = km_is_known(vcpu->mp_state) ? km_mp_state_name(vcpu->mp_state.v) : NULL;

	if (km_is_known(hints->apf_halted) && hints->apf_halted.v)
		waits(wait, KM_WAIT_APF, sure,
		      "in %s(): the guest is halted until an asynchronous page fault completes",
		      function);
	else if (name && !strcmp(name, "RUNNABLE"))
		waits(wait, KM_WAIT_HALT, sure, "in %s(), mp_state RUNNABLE: about to continue",
		      function);
	else
		waits(wait, KM_WAIT_HALT, sure, "in %s(), mp_state %s: the guest waits for %s",
		      function, name ? name : "?",
		      name && strcmp(name, "HALTED") ? "its start (INIT, SIPI)" : "an interrupt");
}

static const char *state_text(uint64_t state)
{
	return state & TASK_UNINTERRUPTIBLE ? "uninterruptible" : "interruptible";
}

static void find_sleep(const struct km_vcpu *vcpu, const struct km_wait_hints *hints,
		       const struct km_stack *stack, struct km_wait *wait)
{
	const struct km_frame *frame = NULL;
	const struct sleep *s = find(stack, sleeps, sizeof(sleeps) / sizeof(sleeps[0]), &frame);
	const struct km_frame *run = stack ? km_stack_in(stack, "kvm_arch_vcpu_ioctl_run") : NULL;
	const struct km_frame *kvm = stack ? km_stack_in(stack, "kvm_vcpu_ioctl") : NULL;
	bool in_kvm = run || kvm;

	if (s && s->kind == KM_WAIT_HALT) {
		waits_in_block(vcpu, hints, frame->sure, s->function, wait);
	} else if (stack && stack->count && !in_kvm && !km_stack_may_lack_outer(stack)) {
		/* asleep outside KVM, for the VMM's own reasons */
		waits(wait, KM_WAIT_USERSPACE, stack->frames[0].sure,
		      "the thread is not in KVM_RUN: the VMM is not running the vCPU");
	} else if (s) {
		waits(wait, s->kind, frame->sure, "%s sleep in %s(): it waits %s",
		      state_text(vcpu->task_state.v), s->function, s->text);
		if (s->kind == KM_WAIT_LOCK)
			name_lock(stack, frame, wait);
	} else if (in_kvm) {
		const char *where = km_stack_switched_out_in(stack);

		if (!where)
			where = stack->frames[0].function;
		/* what is left over from an earlier KVM_RUN may look like a frame */
		waits(wait, KM_WAIT_OTHER,
		      stack->frames[0].sure && (!run || run->sure) && (!kvm || kvm->sure),
		      "%s sleep in %s%s%s", state_text(vcpu->task_state.v),
		      where[0] ? where : "an unknown function", where[0] ? "()" : "",
		      run || km_stack_may_lack_outer(stack) ? ""
							    : ", in an ioctl other than KVM_RUN");
	} else if (km_is_known(hints->wants_to_run) && !hints->wants_to_run.v) {
		waits(wait, KM_WAIT_USERSPACE, false,
		      "the thread is not in KVM_RUN (wants_to_run is 0): the VMM is not running "
		      "the "
		      "vCPU");
	} else if (km_is_known(vcpu->mp_state) && vcpu->mp_state.v) {
		const char *name = km_mp_state_name(vcpu->mp_state.v);

		waits(wait, KM_WAIT_HALT, false, "%s sleep, mp_state %s",
		      state_text(vcpu->task_state.v), name ? name : "?");
	} else {
		waits(wait, KM_WAIT_UNKNOWN, false, "%s sleep in an unknown function",
		      state_text(vcpu->task_state.v));
	}
}

/* PREEMPT_RT: a spinlock or an rwlock, for which other kernels spin. */
static void find_rt_sleep(const struct km_stack *stack, struct km_wait *wait)
{
	const struct km_frame *frame = NULL;
	const struct sleep *s =
		find(stack, rt_sleeps, sizeof(rt_sleeps) / sizeof(rt_sleeps[0]), &frame);

	if (!s || !km_stack_in(stack, "kvm_vcpu_ioctl")) {
		waits(wait, KM_WAIT_LOCK, false,
		      "asleep (TASK_RTLOCK_WAIT): waits for a spinlock or rwlock of PREEMPT_RT");
		return;
	}
	waits(wait, s->kind, frame->sure, "asleep in %s() (PREEMPT_RT): waits %s", s->function,
	      s->text);
	snprintf(wait->lock, sizeof(wait->lock), "mmu_lock");
}

void km_wait_find(const struct km_vcpu *vcpu, const struct km_wait_hints *hints,
		  const struct km_stack *stack, struct km_wait *wait)
{
	const struct km_frame *frame = NULL;
	const struct sleep *s;
	uint64_t state = vcpu->task_state.v;

	memset(wait, 0, sizeof(*wait));
	if (!km_is_known(vcpu->task_state) || !km_is_known(vcpu->task) || !vcpu->task.v)
		return;
	/* km_vcpu_check() reports it */
	if (!km_task_state_is_possible(state))
		return;
	if (state & TASK_DEAD) {
		waits(wait, KM_WAIT_OTHER, true, "its thread is dead");
		return;
	}
	if (state & (TASK_STOPPED | TASK_TRACED)) {
		waits(wait, KM_WAIT_USERSPACE, true, "its thread is stopped (%s)",
		      state & TASK_TRACED ? "traced" : "by a signal");
		return;
	}
	if (state & TASK_FROZEN) {
		waits(wait, KM_WAIT_OTHER, true, "its thread is frozen (freezer, or suspend)");
		return;
	}
	/* also counts if it is still running: it is about to sleep */
	if (state & (TASK_INTERRUPTIBLE | TASK_UNINTERRUPTIBLE)) {
		find_sleep(vcpu, hints, stack, wait);
		return;
	}
	if (state & TASK_RTLOCK_WAIT) {
		find_rt_sleep(stack, wait);
		return;
	}
	s = find(stack, spins, sizeof(spins) / sizeof(spins[0]), &frame);
	if (s && frame->sure && km_stack_in(stack, "kvm_vcpu_ioctl")) {
		waits(wait, KM_WAIT_LOCK, true, "in %s(): it waits %s", s->function, s->text);
		snprintf(wait->lock, sizeof(wait->lock), "mmu_lock");
	}
}
