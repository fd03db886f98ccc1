// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The stories: how each brings its machine into a state. What the lab then does to the kernel
 * through the debugger, and what must be seen in the dump, stands in catalogue.py.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stage.h"

#define ROLE(name) name, name##_end

/* A slot, and a subject that does this in it. */
static void simple(struct stage *stage, unsigned int flags, int advice, const uint8_t *code,
		   const uint8_t *code_end, const char *doing)
{
	stage_set_up(stage, flags, 0, advice);
	stage_cast(stage);
	cast_role(subject(stage), code, code_end, doing);
}

/* With the subject's rbx and rsi. */
static void begin_with(struct stage *stage, uint64_t rbx, uint64_t rsi)
{
	stage_start(stage, rbx, rsi);
	stage_subject_ready(stage);
}

static void begin(struct stage *stage)
{
	begin_with(stage, stage->base, stage->pages << 12);
}

/* The page is mapped writable before the story begins. */
static void written_page(struct stage *stage)
{
	simple(stage, 0, MADV_NOHUGEPAGE, ROLE(guest_write_then_write), "write");
	begin_with(stage, stage->spare, 0);
}

/* The same by a guest with paging on. */
static void written_page_paging(struct stage *stage)
{
	simple(stage, 0, MADV_NOHUGEPAGE, ROLE(guest_write_then_write), "write");
	subject(stage)->mode = dice(2) ? MODE_PAE : MODE_LONG;
	begin_with(stage, stage->spare, 0);
}

/* Nothing is mapped yet. */
static void untouched_page(struct stage *stage)
{
	if (dice(2))
		simple(stage, 0, MADV_NOHUGEPAGE, ROLE(guest_write), "write");
	else
		simple(stage, 0, MADV_NOHUGEPAGE, ROLE(guest_read), "read");
	begin(stage);
}

/* The same by a 64 bit guest. */
static void untouched_page_long(struct stage *stage)
{
	simple(stage, 0, MADV_NOHUGEPAGE, ROLE(guest_write), "write");
	subject(stage)->mode = MODE_LONG;
	begin(stage);
}

static void *read_log(void *arg)
{
	static unsigned long bitmap[64];
	struct stage *stage = arg;
	struct kvm_dirty_log log = {.slot = stage->slot, .dirty_bitmap = bitmap};

	thread_name("vmm-log");
	for (;;) {
		ioctl_or_die(stage->vm.fd, KVM_GET_DIRTY_LOG, &log, "KVM_GET_DIRTY_LOG");
		usleep(stage->log_us);
	}
	return NULL;
}

static void start_log(struct stage *stage)
{
	stage->log_us = 5000 + dice(15000);
	thread_start(read_log, stage);
}

/* A writer that never rests, and somebody who reads the dirty log and so takes the W bit away. */
static void dirty_log(struct stage *stage)
{
	simple(stage, KVM_MEM_LOG_DIRTY_PAGES, MADV_NOHUGEPAGE, ROLE(guest_hammer), "write");
	begin(stage);
}

/* ---- what the host's memory does ---- */

/* Whoever touches a page there that is not yet mapped waits until somebody brings it; nobody does.
 */
static void hold_pages(void *start, size_t size)
{
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register range = {
		.range = {.start = (uintptr_t)start, .len = size},
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);

	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) || ioctl(fd, UFFDIO_REGISTER, &range))
		die("userfaultfd");
}

/* The subject reads a page that a userfaultfd holds; the twin's is there already. */
static void held_page(struct stage *stage)
{
	simple(stage, 0, MADV_NOHUGEPAGE, ROLE(guest_read), "read");
	if (stage->twin)
		*host_of(stage, stage->page) = 1;
	hold_pages(stage->hva, stage->pages << 12);
	begin(stage);
}

/* With interrupts on KVM need not wait: the vCPU halts until the page has come. */
static void held_page_interruptible(struct stage *stage)
{
	simple(stage, 0, MADV_NOHUGEPAGE, ROLE(guest_read_interruptible), "read");
	hold_pages(stage->hva, stage->pages << 12);
	begin(stage);
}

/* The subject reads, then writes, what the VMM may only read; the twin's VMM may write. */
static void readonly_mapping(struct stage *stage)
{
	simple(stage, 0, MADV_NOHUGEPAGE, ROLE(guest_read_then_write), "read, write");
	if (!stage->twin && mprotect(stage->hva, stage->pages << 12, PROT_READ))
		die("mprotect");
	begin(stage);
}

/* A child poisons a page that it shares with the VMM; SIGBUS, which tells of it, is blocked. */
static void poisoned_page(struct stage *stage)
{
	uint64_t gpa;
	sigset_t set;
	int status;
	pid_t child;

	simple(stage, 0, MADV_NOHUGEPAGE, ROLE(guest_read), "read");
	gpa = stage->twin ? stage->other : stage->page;
	sigemptyset(&set);
	sigaddset(&set, SIGBUS);
	sigprocmask(SIG_BLOCK, &set, NULL);
	*host_of(stage, gpa) = 1;
	child = fork();
	if (!child) {
		signal(SIGBUS, SIG_DFL);
		_exit(madvise(host_of(stage, gpa), 0x1000, MADV_HWPOISON) ? 1 : 0);
	}
	waitpid(child, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status))
		die("MADV_HWPOISON");
	begin(stage);
}

/* ---- slots ---- */

/* What cannot be emulated comes to the VMM each time, and nothing is injected into the guest. */
static void exit_on_failed_emulation(struct stage *stage)
{
	struct kvm_enable_cap cap = {.cap = KVM_CAP_EXIT_ON_EMULATION_FAILURE, .args = {1}};

	ioctl_or_die(stage->vm.fd, KVM_ENABLE_CAP, &cap, "KVM_CAP_EXIT_ON_EMULATION_FAILURE");
}

/* A write to a read-only slot, by an instruction that KVM cannot emulate; the twin's is writable.
 */
static void readonly_slot(struct stage *stage)
{
	simple(stage, stage->twin ? 0 : KVM_MEM_READONLY, MADV_NOHUGEPAGE, ROLE(guest_write_float),
	       "write");
	exit_on_failed_emulation(stage);
	begin(stage);
}

/* The same by one that it can: an exit to the VMM, then the guest goes on. */
static void readonly_slot_emulated(struct stage *stage)
{
	simple(stage, KVM_MEM_READONLY, MADV_NOHUGEPAGE, ROLE(guest_write), "write");
	begin(stage);
}

/* An access outside of all slots that cannot be emulated; the twin's is inside. */
static void no_slot(struct stage *stage)
{
	if (dice(2))
		simple(stage, 0, MADV_NOHUGEPAGE, ROLE(guest_execute), "execute");
	else
		simple(stage, 0, MADV_NOHUGEPAGE, ROLE(guest_write_float), "write");
	memset(stage->hva, 0xc3, stage->pages << 12); /* ret */
	if (!stage->twin)
		stage->page = 0x3c000000 + (dice(0x1000) << 12);
	exit_on_failed_emulation(stage);
	begin(stage);
}

/* Ordinary MMIO: read before the story begins, so that its SPTE is there; then written for ever. */
static void mmio(struct stage *stage)
{
	simple(stage, 0, MADV_NOHUGEPAGE, ROLE(guest_read_then_write), "mmio");
	stage->page = 0x3c000000 + (dice(0x1000) << 12);
	begin(stage);
}

/* A new slot makes a new generation, and the MMIO SPTE one of the last; not for the twin. */
static void new_slot(struct stage *stage)
{
	if (!stage->twin)
		slot_set(stage, stage->other_slot + 1, 0, 0x3a000000, 0x1000, stage->other_hva);
}

static void *delete_slot(void *arg)
{
	struct stage *stage = arg;

	thread_name("vmm-slots");
	slot_set(stage, stage->slot, 0, stage->base, 0, stage->hva);
	return NULL;
}

/*
 * The keeper's vCPU waits for a page inside the fault handler and so inside srcu; a slot is deleted
 * meanwhile, which waits for srcu; the subject touches the slot. The twin touches another one.
 */
static void deleted_slot(struct stage *stage)
{
	stage->needs_keeper = true;
	simple(stage, 0, MADV_NOHUGEPAGE, ROLE(guest_read), "read");
	cast_role(&stage->vcpus[stage->keeper], ROLE(guest_read), "read a held page");
	stage->keeper_page = stage->spare;
	if (stage->twin) {
		stage->page = stage->other_base + 0x8000;
		stage->other_hva[0x8000] = 1;
	}
	for (int i = 0; i < MAX_VCPUS; i++)
		stage->other_hva[i * 0x1000] = 1;
	hold_pages(stage->other_hva, 0x400000);
	begin(stage);
}

static void delete_now(struct stage *stage)
{
	usleep(200000);
	thread_start(delete_slot, stage);
	usleep(200000);
}

/*
 * Maps the page with KVM_PRE_FAULT_MEMORY, deletes and adds the slot, maps the page again. In
 * between the twin lets the vCPU run for a moment.
 */
static struct stage *prefaulted;

static void *prefault(void *arg)
{
	struct vcpu *vcpu = arg;
	struct stage *stage = prefaulted;

	thread_name("vmm-prefault");
	truth("LAB {\"kind\":\"vcpu\",\"vm\":\"%s\",\"id\":%d,\"tid\":%d,\"mode\":%d,"
	      "\"doing\":\"prefault\"}",
	      stage->name, vcpu->id, gettid(), vcpu->mode);
	vcpu_prefault(vcpu, stage->page, 0x1000);
	slot_set(stage, stage->slot, 0, stage->base, 0, stage->hva);
	slot_set(stage, stage->slot, 0, stage->base, stage->pages << 12, stage->hva);
	if (stage->twin)
		ioctl_or_die(vcpu->fd, KVM_RUN, NULL, "KVM_RUN");
	vcpu_prefault(vcpu, stage->page, 0x1000);
	for (;;)
		pause();
	return NULL;
}

static void prefault_after_slot_change(struct stage *stage)
{
	simple(stage, 0, MADV_NOHUGEPAGE, ROLE(guest_tick), "prefault");
	stage->subject_thread = prefault;
	prefaulted = stage;
	stage_start(stage, 0, 0);
}

/* ---- the guest's own page tables (shadow paging) ---- */

/* The last entry of the page directory, which maps what nobody uses. */
static uint64_t directory_of(const struct vcpu *vcpu)
{
	return TABLES(vcpu->id) + 0x2ff8;
}

/*
 * The subject writes, by an instruction that KVM cannot emulate, to the directory that maps just
 * this directory; the twin's to the keeper's.
 */
static void write_own_tables(struct stage *stage)
{
	stage->needs_keeper = true;
	simple(stage, 0, MADV_NOHUGEPAGE, ROLE(guest_write_float), "write to page tables");
	subject(stage)->mode = dice(2) ? MODE_PAE : MODE_LONG;
	stage->vcpus[stage->keeper].mode = subject(stage)->mode;
	cast_role(&stage->vcpus[stage->keeper], ROLE(guest_halt), "halt");
	stage->page = directory_of(&stage->vcpus[stage->twin ? stage->keeper : stage->subject]);
	exit_on_failed_emulation(stage);
	begin(stage);
}

/* Paging is off for the subject, which writes to the keeper's directory; the twin's beside it. */
static void write_others_tables(struct stage *stage)
{
	struct vcpu *keeper;

	stage->needs_keeper = true;
	simple(stage, 0, MADV_NOHUGEPAGE, ROLE(guest_write), "write to page tables");
	keeper = &stage->vcpus[stage->keeper];
	subject(stage)->mode = MODE_FLAT;
	keeper->mode = dice(2) ? MODE_PAE : MODE_LONG;
	keeper->tick_us = 3000;
	cast_role(keeper, ROLE(guest_tick), "tick");
	stage->keeper_page = stage->other_base + 0x8000;
	stage->page = directory_of(keeper) + (stage->twin ? 0x5000 : 0);
	begin(stage);
}

/* ---- huge pages ---- */

/* A huge page is mapped writable; then its slot's dirty log is switched on. The twin's pages are
 * small. */
static void huge_page(struct stage *stage)
{
	parameter("eager_page_split", "N");
	stage_set_up(stage, 0, 1024, stage->twin ? MADV_NOHUGEPAGE : MADV_HUGEPAGE);
	stage_cast(stage);
	cast_role(subject(stage), ROLE(guest_write_then_write), "write");
	begin_with(stage, stage->spare, 0);
}

static void log_huge_page(struct stage *stage)
{
	slot_set(stage, stage->slot, KVM_MEM_LOG_DIRTY_PAGES, stage->base, stage->pages << 12,
		 stage->hva);
}

/* Reads, then executes from, a huge page whose X is taken away; not so for the twin. */
static void execute_huge_page(struct stage *stage)
{
	if (!stage->twin)
		parameter("nx_huge_pages", "force");
	stage_set_up(stage, 0, 1024, MADV_HUGEPAGE);
	memset(stage->hva, 0xc3, stage->pages << 12); /* ret */
	stage_cast(stage);
	cast_role(subject(stage), ROLE(guest_read_then_execute), "read, execute");
	begin(stage);
}

/* ---- invalidation ---- */

static struct stage *zapped;

static void *zap(void *arg)
{
	struct stage *stage = arg;

	thread_name("vmm-zap");
	pin(0);
	for (;;) {
		if (stage->zaps_others) {
			memset(stage->other_hva + 0x100000, 1, 0x100000);
			madvise(stage->other_hva + 0x100000, 0x200000, MADV_DONTNEED);
		} else {
			madvise(stage->hva, stage->pages << 12, MADV_DONTNEED);
		}
		usleep(2000);
	}
	return NULL;
}

static void zap_story(void)
{
	madvise(zapped->hva, zapped->pages << 12, MADV_DONTNEED);
}

/* The subject maps page after page, while the VMM gives others back. */
static void zapped_others(struct stage *stage)
{
	stage->zaps_others = true;
	stage_set_up(stage, 0, 32768, MADV_NOHUGEPAGE);
	stage_cast(stage);
	cast_role(subject(stage), ROLE(guest_read_stride), "read all");
	subject(stage)->wrap = zap_story;
	stage->pinned = 1;
	zapped = stage;
	begin(stage);
}

/* The subject maps page after page, while the VMM gives them back; the twin's gives others back. */
static void zapped_pages(struct stage *stage)
{
	zapped_others(stage);
	stage->zaps_others = stage->twin;
}

static void start_zapping(struct stage *stage)
{
	thread_start(zap, stage);
}

/* ---- healthy ones that look suspicious ---- */

/* Two vCPUs map the same pages, and the VMM takes them back: one of them always comes too late. */
static void late_twice(struct stage *stage)
{
	stage->needs_keeper = true;
	stage_set_up(stage, 0, 8 + dice(8), MADV_NOHUGEPAGE);
	stage_cast(stage);
	cast_role(subject(stage), ROLE(guest_stride), "write all");
	cast_role(&stage->vcpus[stage->keeper], ROLE(guest_stride), "write all");
	subject(stage)->wrap = zap_story;
	stage->vcpus[stage->keeper].wrap = zap_story;
	zapped = stage;
	begin(stage);
}

/* One instruction, many faults: the address advances. */
static void rep_stos(struct stage *stage)
{
	simple(stage, 0, MADV_NOHUGEPAGE, ROLE(guest_rep_stos), "write all");
	subject(stage)->wrap = zap_story;
	zapped = stage;
	begin(stage);
}

/* As rep_stos, page by page. */
static void stride(struct stage *stage)
{
	simple(stage, 0, MADV_NOHUGEPAGE, ROLE(guest_stride), "write all");
	subject(stage)->wrap = zap_story;
	zapped = stage;
	begin(stage);
}

static void halted(struct stage *stage)
{
	simple(stage, 0, MADV_NOHUGEPAGE, ROLE(guest_halt), "halt");
	begin(stage);
}

static void never_run(struct stage *stage)
{
	stage_set_up(stage, 0, 0, MADV_NOHUGEPAGE);
	stage_cast(stage);
	subject(stage)->doing = "never-run";
	begin(stage);
}

/* The VMM keeps the vCPU out of the guest: go never reaches it. */
static void *hold(void *arg)
{
	struct vcpu *vcpu = arg;

	thread_name("vmm-vcpu%d", vcpu->id);
	ioctl_or_die(vcpu->fd, KVM_RUN, NULL, "KVM_RUN");
	ioctl_or_die(vcpu->fd, KVM_RUN, NULL, "KVM_RUN");
	for (;;)
		pause();
	return NULL;
}

static void paused(struct stage *stage)
{
	simple(stage, 0, MADV_NOHUGEPAGE, ROLE(guest_write), "paused");
	stage->subject_thread = hold;
	stage_start(stage, 0, 0);
}

/* KVM_RUN comes back at once, for ever. */
static void leave_at_once(struct stage *stage)
{
	if (stage->twin)
		subject(stage)->run->immediate_exit = 1;
}

const struct plot plots[] = {
	{"written-page", written_page, NULL},
	{"written-page-paging", written_page_paging, NULL},
	{"untouched-page", untouched_page, NULL},
	{"untouched-page-long", untouched_page_long, NULL},
	{"write-own-tables", write_own_tables, NULL},
	{"write-others-tables", write_others_tables, NULL},
	{"dirty-log", dirty_log, start_log},
	{"held-page", held_page, NULL},
	{"held-page-interruptible", held_page_interruptible, NULL},
	{"readonly-mapping", readonly_mapping, NULL},
	{"poisoned-page", poisoned_page, NULL},
	{"readonly-slot", readonly_slot, NULL},
	{"readonly-slot-emulated", readonly_slot_emulated, NULL},
	{"no-slot", no_slot, NULL},
	{"mmio", mmio, NULL},
	{"mmio-then-new-slot", mmio, new_slot},
	{"deleted-slot", deleted_slot, delete_now},
	{"prefault-after-slot-change", prefault_after_slot_change, NULL},
	{"huge-page", huge_page, log_huge_page},
	{"execute-huge-page", execute_huge_page, NULL},
	{"zapped-pages", zapped_pages, start_zapping},
	{"zapped-others", zapped_others, start_zapping},
	{"late-twice", late_twice, NULL},
	{"rep-stos", rep_stos, NULL},
	{"stride", stride, NULL},
	{"halted", halted, NULL},
	{"never-run", never_run, NULL},
	{"paused", paused, NULL},
	{"leave-at-once", written_page, leave_at_once},
	{NULL, NULL, NULL},
};
