// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The plots: how each brings its machine into a state. catalogue.py says what the lab then changes
 * in the kernel through the debugger, and what must be found in the dump.
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

/* Set up a slot, and a subject that runs this program in it. */
static void simple(struct stage *stage, unsigned int flags, int advice, const uint8_t *code,
		   const uint8_t *code_end, const char *doing)
{
	stage_set_up(stage, flags, 0, advice);
	stage_cast(stage);
	cast_role(subject(stage), code, code_end, doing);
}

/* The same with the subject's rbx and rsi. */
static void begin_with(struct stage *stage, uint64_t rbx, uint64_t rsi)
{
	stage_start(stage, rbx, rsi);
	stage_subject_ready(stage);
}

static void begin(struct stage *stage)
{
	begin_with(stage, stage->base, stage->pages << 12);
}

/* What some subjects' VMM does at the end of each round. */
static void do_nothing(void)
{
}

/* The page is mapped writable before "go". */
static void written_page(struct stage *stage)
{
	simple(stage, 0, MADV_NOHUGEPAGE, ROLE(guest_write_then_write), "write");
	begin_with(stage, stage->spare, 0);
}

/* The same for a 64 bit guest. */
static void written_page_long(struct stage *stage)
{
	simple(stage, 0, MADV_NOHUGEPAGE, ROLE(guest_write_then_write), "write");
	subject(stage)->mode = MODE_LONG;
	begin_with(stage, stage->spare, 0);
}

/* The same for a guest with paging on. */
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

/* The same for a 64 bit guest. */
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

/* The subject writes all the time while the VMM reads the dirty log, which clears the W bit. */
static void dirty_log(struct stage *stage)
{
	simple(stage, KVM_MEM_LOG_DIRTY_PAGES, MADV_NOHUGEPAGE, ROLE(guest_hammer), "write");
	begin(stage);
}

/*
 * Each page that the subject dirties is an entry of its dirty ring, which nobody collects; the
 * twin's VM has none.
 */
static void dirty_ring(struct stage *stage)
{
	struct kvm_enable_cap cap = {.cap = KVM_CAP_DIRTY_LOG_RING, .args = {0x1000}};

	stage_set_up(stage, KVM_MEM_LOG_DIRTY_PAGES, 512, MADV_NOHUGEPAGE);
	stage_cast(stage);
	cast_role(subject(stage), ROLE(guest_stride), "write all");
	subject(stage)->wrap = do_nothing;
	if (!stage->twin)
		ioctl_or_die(stage->vm.fd, KVM_ENABLE_CAP, &cap, "KVM_CAP_DIRTY_LOG_RING");
	begin(stage);
}

/* ---- the host's memory ---- */

/*
 * An access to a page there that is not yet mapped waits for a process to provide it, by the
 * userfaultfd that is returned.
 */
static int hold_pages(void *start, size_t size)
{
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register range = {
		.range = {.start = (uintptr_t)start, .len = size},
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);

	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) || ioctl(fd, UFFDIO_REGISTER, &range))
		die("userfaultfd");
	return fd;
}

/* The subject reads a page that a userfaultfd withholds; the twin's page is already present. */
static void held_page(struct stage *stage)
{
	simple(stage, 0, MADV_NOHUGEPAGE, ROLE(guest_read), "read");
	if (stage->twin)
		*host_of(stage, stage->page) = 1;
	hold_pages(stage->hva, stage->pages << 12);
	begin(stage);
}

/* With interrupts enabled KVM does not have to wait: the vCPU halts until the page is present. */
static void held_page_interruptible(struct stage *stage)
{
	simple(stage, 0, MADV_NOHUGEPAGE, ROLE(guest_read_interruptible), "read");
	hold_pages(stage->hva, stage->pages << 12);
	begin(stage);
}

/* The same at a moment when KVM can let the guest go on halted: an asynchronous page fault. */
static void held_page_async(struct stage *stage)
{
	simple(stage, 0, MADV_NOHUGEPAGE, ROLE(guest_read_async), "read");
	stage->pager = hold_pages(stage->hva, stage->pages << 12);
	begin(stage);
}

static void *provide_page(void *arg)
{
	struct stage *stage = arg;
	struct uffdio_zeropage page = {
		.range = {.start = (uintptr_t)host_of(stage, stage->page), .len = 0x1000},
	};

	thread_name("vmm-pager");
	usleep(500000);
	if (ioctl(stage->pager, UFFDIO_ZEROPAGE, &page))
		die("UFFDIO_ZEROPAGE");
	return NULL;
}

/* The page comes while the vCPU is halted. */
static void provide_later(struct stage *stage)
{
	thread_start(provide_page, stage);
}

/* The subject reads, then writes memory that the VMM may only read; the twin's VMM may write it. */
static void readonly_mapping(struct stage *stage)
{
	simple(stage, 0, MADV_NOHUGEPAGE, ROLE(guest_read_then_write), "read, write");
	if (!stage->twin && mprotect(stage->hva, stage->pages << 12, PROT_READ))
		die("mprotect");
	begin(stage);
}

/* The VMM unmaps the page of the slot that the subject writes; the twin's VMM unmaps another. */
static void unmapped_memory(struct stage *stage)
{
	simple(stage, 0, MADV_NOHUGEPAGE, ROLE(guest_write), "write");
	if (munmap(host_of(stage, stage->twin ? stage->other : stage->page), 0x1000))
		die("munmap");
	begin(stage);
}

/* The same with a mapping that permits no access. */
static void forbidden_memory(struct stage *stage)
{
	simple(stage, 0, MADV_NOHUGEPAGE, ROLE(guest_write), "write");
	if (mprotect(host_of(stage, stage->twin ? stage->other : stage->page), 0x1000, PROT_NONE))
		die("mprotect");
	begin(stage);
}

/*
 * A private mapping of a device's memory (here the BIOS): the host has no struct page for it that
 * KVM may use, and maps it read-only until the VMM writes to it. The subject reads, then writes.
 * The twin's memory is ordinary.
 */
static void device_mapping(struct stage *stage)
{
	int fd = open(stage->twin ? "/dev/zero" : "/dev/mem", O_RDONLY | O_CLOEXEC);

	stage_set_up(stage, 0, 16, MADV_NOHUGEPAGE);
	if (fd < 0 || mmap(stage->hva, 0x10000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd,
			   0xf0000) != stage->hva)
		die("a device");
	stage_cast(stage);
	cast_role(subject(stage), ROLE(guest_read_then_write), "read, write");
	begin(stage);
}

/* Run the vCPU until KVM_RUN fails, and then no more: a VMM that handles the error. */
static void *stop_after_error(void *arg)
{
	struct vcpu *vcpu = arg;

	thread_name("vmm-vcpu%d", vcpu->id);
	while (!ioctl(vcpu->fd, KVM_RUN, NULL))
		;
	for (;;)
		pause();
	return NULL;
}

/* The subject writes memory that the VMM may only read; its VMM does not run it again. */
static void readonly_mapping_once(struct stage *stage)
{
	simple(stage, 0, MADV_NOHUGEPAGE, ROLE(guest_read_then_write), "read, write");
	if (mprotect(stage->hva, stage->pages << 12, PROT_READ))
		die("mprotect");
	stage->subject_thread = stop_after_error;
	stage_start(stage, 0, 0);
}

/* A child process poisons a page that it shares with the VMM; the SIGBUS for it is blocked. */
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

/* Let every emulation failure exit to the VMM and nothing be injected into the guest. */
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

/* The same with an instruction that KVM can emulate: an exit to the VMM, then the guest continues.
 */
static void readonly_slot_emulated(struct stage *stage)
{
	simple(stage, KVM_MEM_READONLY, MADV_NOHUGEPAGE, ROLE(guest_write), "write");
	begin(stage);
}

/* An access outside all slots that cannot be emulated; the twin's is inside a slot. */
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

/* Ordinary MMIO: read before "go", so that its SPTE is present; then written forever. */
static void mmio(struct stage *stage)
{
	simple(stage, 0, MADV_NOHUGEPAGE, ROLE(guest_read_then_write), "mmio");
	stage->page = 0x3c000000 + (dice(0x1000) << 12);
	begin(stage);
}

/* A new slot starts a new generation, so that the MMIO SPTE has an old one; not for the twin. */
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
 * The keeper waits for a page inside the fault handler and so in an SRCU read-side critical
 * section. The slot is deleted meanwhile, which waits for SRCU, and the subject touches it. The
 * twin touches another.
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
 * Map the page with KVM_PRE_FAULT_MEMORY, delete and add the slot, map the page again. The twin
 * lets the vCPU run for a moment in between.
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

/* The last entry of the page directory, which maps unused memory. */
static uint64_t directory_of(const struct vcpu *vcpu)
{
	return TABLES(vcpu->id) + 0x2ff8;
}

/*
 * The subject writes to the page directory that maps this very directory, with an instruction that
 * KVM cannot emulate; the twin's subject writes to the keeper's directory.
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

/* The subject has paging off and writes to the keeper's directory; the twin's writes next to it. */
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

/*
 * The subject reads in so many places that its VM needs more shadow pages than the VMM permits; the
 * twin's VMM sets no limit.
 */
static void many_shadow_pages(struct stage *stage)
{
	stage_set_up(stage, 0, 66 * 512, MADV_NOHUGEPAGE);
	stage_cast(stage);
	cast_role(subject(stage), ROLE(guest_read_far), "read all");
	subject(stage)->mode = MODE_LONG;
	subject(stage)->wrap = do_nothing;
	if (!stage->twin)
		ioctl_or_die(stage->vm.fd, KVM_SET_NR_MMU_PAGES, (void *)64,
			     "KVM_SET_NR_MMU_PAGES");
	begin(stage);
}

/* ---- nested guests ---- */

/* A nested guest writes to the page, which is mapped writable before "go". */
static void nested_written_page(struct stage *stage)
{
	stage_set_up(stage, 0, 0, MADV_NOHUGEPAGE);
	stage_cast(stage);
	cast_nested(stage, ROLE(guest_write_then_write));
	begin_with(stage, stage->spare, 0);
}

/* A nested guest writes to the page, which its hypervisor, the subject, maps and unmaps. */
static void nested_unmapped_page(struct stage *stage)
{
	stage_set_up(stage, 0, 0, MADV_NOHUGEPAGE);
	stage_cast(stage);
	cast_nested(stage, ROLE(guest_write_unmapped));
	withhold_page(stage);
	begin(stage);
}

/* ---- huge pages ---- */

/* A huge page is mapped writable; then dirty logging of its slot is enabled. The twin's are small.
 */
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

/*
 * Dirty logging of the slot is enabled and disabled all the time while the subject writes to a huge
 * page: its SPTE is split, and the small ones are zapped again.
 */
static void *toggle_log(void *arg)
{
	struct stage *stage = arg;
	unsigned int flags = 0;

	thread_name("vmm-log");
	pin(0);
	for (;;) {
		flags ^= KVM_MEM_LOG_DIRTY_PAGES;
		slot_set(stage, stage->slot, flags, stage->base, stage->pages << 12, stage->hva);
		usleep(2000);
	}
	return NULL;
}

static void toggled_log(struct stage *stage)
{
	parameter("eager_page_split", "N");
	stage_set_up(stage, 0, 1024, MADV_HUGEPAGE);
	stage_cast(stage);
	cast_role(subject(stage), ROLE(guest_hammer), "write");
	stage->pinned = 1;
	begin(stage);
}

static void start_toggling(struct stage *stage)
{
	thread_start(toggle_log, stage);
}

/* The subject reads a huge page, then executes from it; X is withheld, except for the twin. */
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

/* The subject maps page after page while the VMM discards others. */
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

/* The subject maps page after page while the VMM discards them; the twin's VMM discards others. */
static void zapped_pages(struct stage *stage)
{
	zapped_others(stage);
	stage->zaps_others = stage->twin;
}

/*
 * The VMM discards the page each time that the subject has touched it, so that each access faults
 * and is fixed; the twin's VMM does nothing then.
 */
static void discarded_page(struct stage *stage)
{
	simple(stage, 0, MADV_NOHUGEPAGE, ROLE(guest_stride), "write");
	subject(stage)->wrap = stage->twin ? do_nothing : zap_story;
	zapped = stage;
	begin_with(stage, stage->page, 0x1000);
}

static void start_zapping(struct stage *stage)
{
	thread_start(zap, stage);
}

/* ---- healthy ones that look suspicious ---- */

/* Two vCPUs map the same pages, which the VMM discards again: one of the two is always too late. */
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

/* Like rep_stos, but page by page. */
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

/* The VMM does not run the vCPU: it never sees "go". */
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

/* KVM_RUN returns immediately, forever. */
static void leave_at_once(struct stage *stage)
{
	if (stage->twin)
		subject(stage)->run->immediate_exit = 1;
}

const struct plot plots[] = {
	{"written-page", written_page, NULL},
	{"written-page-paging", written_page_paging, NULL},
	{"written-page-long", written_page_long, NULL},
	{"untouched-page", untouched_page, NULL},
	{"untouched-page-long", untouched_page_long, NULL},
	{"write-own-tables", write_own_tables, NULL},
	{"write-others-tables", write_others_tables, NULL},
	{"dirty-log", dirty_log, start_log},
	{"dirty-ring", dirty_ring, NULL},
	{"held-page", held_page, NULL},
	{"held-page-interruptible", held_page_interruptible, NULL},
	{"held-page-async", held_page_async, NULL},
	{"provided-page", held_page_async, provide_later},
	{"many-shadow-pages", many_shadow_pages, NULL},
	{"readonly-mapping", readonly_mapping, NULL},
	{"readonly-mapping-once", readonly_mapping_once, NULL},
	{"unmapped-memory", unmapped_memory, NULL},
	{"forbidden-memory", forbidden_memory, NULL},
	{"device-mapping", device_mapping, NULL},
	{"poisoned-page", poisoned_page, NULL},
	{"readonly-slot", readonly_slot, NULL},
	{"readonly-slot-emulated", readonly_slot_emulated, NULL},
	{"no-slot", no_slot, NULL},
	{"mmio", mmio, NULL},
	{"mmio-then-new-slot", mmio, new_slot},
	{"deleted-slot", deleted_slot, delete_now},
	{"prefault-after-slot-change", prefault_after_slot_change, NULL},
	{"nested-written-page", nested_written_page, NULL},
	{"nested-unmapped-page", nested_unmapped_page, NULL},
	{"huge-page", huge_page, log_huge_page},
	{"toggled-log", toggled_log, start_toggling},
	{"execute-huge-page", execute_huge_page, NULL},
	{"zapped-pages", zapped_pages, start_zapping},
	{"zapped-others", zapped_others, start_zapping},
	{"discarded-page", discarded_page, NULL},
	{"late-twice", late_twice, NULL},
	{"rep-stos", rep_stos, NULL},
	{"stride", stride, NULL},
	{"halted", halted, NULL},
	{"never-run", never_run, NULL},
	{"paused", paused, NULL},
	{"leave-at-once", written_page, leave_at_once},
	{NULL, NULL, NULL},
};
