// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A virtual machine whose memory the host manages all the time: each slot has one way in which
 * pages move, disappear, are shared or are split under the guest, which touches them at random.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../trace/load.h"
#include "machines.h"
#include "vmm.h"

/* The headers of some distributions lack these. */
#define LAB_MADV_PAGEOUT	    21
#define LAB_MADV_COLLAPSE	    25
#define LAB_MEM_GUEST_MEMFD	    (1u << 2)
#define LAB_GMEM_MMAP		    (1ull << 0)
#define LAB_GMEM_INIT_SHARED	    (1ull << 1)
#define LAB_CREATE_GUEST_MEMFD	    _IOWR(KVMIO, 0xd4, struct lab_create_guest_memfd)
#define LAB_SET_USER_MEMORY_REGION2 _IOW(KVMIO, 0x49, struct lab_memory_region2)
#define LAB_MPOL_MF_MOVE	    2

struct lab_create_guest_memfd {
	uint64_t size, flags, reserved[6];
};

struct lab_memory_region2 {
	uint32_t slot, flags;
	uint64_t guest_phys_addr, memory_size, userspace_addr, guest_memfd_offset;
	uint32_t guest_memfd, pad1;
	uint64_t pad2[14];
};

PROGRAM(guest_flat_random);
PROGRAM(guest_long_random);

#define PAGE 0x1000ul
#define HUGE 0x200000ul

enum { KSM, THP, WATCHED, MOVED, BALLOON, SHARED, SWAPPED, GMEM, SLOTS };

struct slot {
	const char *what;
	uint64_t gpa, size;
	uint8_t writes; /* of 256 accesses */
	uint8_t *hva;	/* NULL: this kernel cannot do it */
	int fd;
	unsigned long done, failed; /* what was done to it, for the report */
};

/* All in the first GiB, which the long-mode guest maps. */
static struct slot slots[SLOTS] = {
	[KSM] = {.what = "ksm", .gpa = 0x4000000, .size = 0x100000, .writes = 8},
	[THP] = {.what = "thp", .gpa = 0x6000000, .size = 4 * HUGE, .writes = 128},
	[WATCHED] = {.what = "userfaultfd", .gpa = 0x8000000, .size = 0x80000, .writes = 100},
	[MOVED] = {.what = "migration", .gpa = 0xa000000, .size = 0x200000, .writes = 128},
	[BALLOON] = {.what = "balloon", .gpa = 0xc000000, .size = 0x400000, .writes = 128},
	[SHARED] = {.what = "memfd", .gpa = 0xe000000, .size = 0x200000, .writes = 128},
	[SWAPPED] = {.what = "swap", .gpa = 0x10000000, .size = 0x200000, .writes = 64},
	[GMEM] = {.what = "guest_memfd", .gpa = 0x12000000, .size = 0x100000, .writes = 128},
};

static struct vm vm;
static int watch; /* the userfaultfd */

static unsigned int below(unsigned int *seed, unsigned int limit)
{
	return rand_r(seed) % limit;
}

/* A random part of a slot, of 1 to @pages pages. */
static uint8_t *part(const struct slot *slot, unsigned int pages, size_t *size, unsigned int *seed)
{
	uint64_t count = slot->size / PAGE, n = 1 + below(seed, pages);
	uint64_t first = below(seed, count - (n < count ? n : count - 1));

	*size = n * PAGE;
	return slot->hva + first * PAGE;
}

static void count(struct slot *slot, long result)
{
	if (result < 0)
		slot->failed++;
	else
		slot->done++;
}

static void advise(struct slot *slot, unsigned int pages, int advice, unsigned int *seed)
{
	size_t size;
	uint8_t *at = part(slot, pages, &size, seed);

	count(slot, madvise(at, size, advice));
}

/* Equal pages, which KSM merges; a write to one of them copies it again. */
static void share_again(unsigned int *seed)
{
	struct slot *slot = &slots[KSM];
	size_t size;
	uint8_t *at = part(slot, 16, &size, seed);

	memset(at, 0x77, size);
	slot->done++;
}

static void collapse_or_split(unsigned int *seed)
{
	struct slot *slot = &slots[THP];
	uint8_t *huge = slot->hva + below(seed, slot->size / HUGE) * HUGE;

	switch (below(seed, 4)) {
	case 0:
		advise(slot, 8, MADV_DONTNEED, seed);
		break;
	case 1:
		advise(slot, 4, LAB_MADV_PAGEOUT, seed);
		break;
	default:
		count(slot, madvise(huge, HUGE, LAB_MADV_COLLAPSE));
	}
}

static void protect(uint8_t *at, size_t size, bool on)
{
	struct uffdio_writeprotect range = {
		.range = {.start = (uintptr_t)at, .len = size},
		.mode = on ? UFFDIO_WRITEPROTECT_MODE_WP : 0,
	};

	count(&slots[WATCHED], ioctl(watch, UFFDIO_WRITEPROTECT, &range));
}

static void fill(uint8_t *at, bool write_protected)
{
	static uint8_t page[PAGE] __attribute__((aligned(4096)));
	struct uffdio_copy copy = {
		.dst = (uintptr_t)at,
		.src = (uintptr_t)page,
		.len = PAGE,
		.mode = write_protected ? UFFDIO_COPY_MODE_WP : 0,
	};
	struct uffdio_range range = {.start = (uintptr_t)at, .len = PAGE};

	if (ioctl(watch, UFFDIO_COPY, &copy) < 0)
		ioctl(watch, UFFDIO_WAKE, &range);
}

static void *answer_faults(void *arg)
{
	unsigned int seed = (uintptr_t)arg;
	struct uffd_msg msg;

	thread_name("mm-uffd");
	setpriority(PRIO_PROCESS, gettid(), -4);
	for (;;) {
		uint8_t *at;

		if (read(watch, &msg, sizeof(msg)) != sizeof(msg)) {
			usleep(1000);
			continue;
		}
		at = (uint8_t *)(uintptr_t)(msg.arg.pagefault.address & ~(PAGE - 1));
		usleep(below(&seed, 2000));
		if (msg.arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WP)
			protect(at, PAGE, false);
		else
			fill(at, below(&seed, 2));
	}
	return NULL;
}

static void watch_faults(void)
{
	struct slot *slot = &slots[WATCHED];
	struct uffdio_api api = {.api = UFFD_API, .features = UFFD_FEATURE_PAGEFAULT_FLAG_WP};
	struct uffdio_register range = {
		.range = {.start = (uintptr_t)slot->hva, .len = slot->size},
		.mode = UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_WP,
	};

	watch = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (watch < 0 || ioctl(watch, UFFDIO_API, &api) || ioctl(watch, UFFDIO_REGISTER, &range))
		die("userfaultfd");
	thread_start(answer_faults, (void *)7);
}

static void watch_again(unsigned int *seed)
{
	struct slot *slot = &slots[WATCHED];
	size_t size;
	uint8_t *at = part(slot, 8, &size, seed);

	if (below(seed, 2))
		count(slot, madvise(at, size, MADV_DONTNEED));
	else
		protect(at, size, true);
}

/* To the other node; without one, compaction moves them. */
static void move_some(unsigned int *seed)
{
	struct slot *slot = &slots[MOVED];
	void *pages[16];
	int nodes[16], status[16], node = below(seed, 2);

	for (int i = 0; i < 16; i++) {
		pages[i] = slot->hva + below(seed, slot->size / PAGE) * PAGE;
		nodes[i] = node;
	}
	count(slot, syscall(SYS_move_pages, 0, 16, pages, nodes, status, LAB_MPOL_MF_MOVE));
}

static void punch(struct slot *slot, unsigned int *seed)
{
	size_t size;
	uint8_t *at = part(slot, 16, &size, seed);

	count(slot, fallocate(slot->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at - slot->hva,
			      size));
}

static void *stir(void *arg)
{
	unsigned int seed = (uintptr_t)arg;

	thread_name("mm-stir");
	setpriority(PRIO_PROCESS, gettid(), -4); /* the guests use all CPUs */
	for (;;) {
		switch (below(&seed, 9)) {
		case 0:
			share_again(&seed);
			break;
		case 1:
		case 2:
			collapse_or_split(&seed);
			break;
		case 3:
			watch_again(&seed);
			break;
		case 4:
			move_some(&seed);
			break;
		case 5:
			advise(&slots[BALLOON], 64, below(&seed, 2) ? MADV_DONTNEED : MADV_FREE,
			       &seed);
			break;
		case 6:
			punch(&slots[SHARED], &seed);
			break;
		case 7:
			advise(&slots[SWAPPED], 16, LAB_MADV_PAGEOUT, &seed);
			break;
		default:
			if (slots[GMEM].hva)
				punch(&slots[GMEM], &seed);
		}
		usleep(below(&seed, 3000));
	}
	return NULL;
}

/* A number of the host's: "name value" in a file, or the only one in it; -1: it has none. */
static long number(const char *path, const char *name)
{
	char line[128];
	long value = -1;
	FILE *file = fopen(path, "r");

	while (file && value < 0 && fgets(line, sizeof(line), file)) {
		if (!strncmp(line, name, strlen(name)))
			value = strtol(line + strlen(name), NULL, 10);
	}
	if (file)
		fclose(file);
	return value;
}

/* What came of it in the kernel. */
static size_t host_numbers(char *text, size_t size)
{
	static const char *const names[] = {
		"thp_collapse_alloc ", "thp_split_page ", "pgmigrate_success ",
		"numa_pte_updates ",   "pswpout ",	  "pswpin "};
	size_t used = snprintf(text, size, ",\"ksm_pages_sharing\":%ld",
			       number("/sys/kernel/mm/ksm/pages_sharing", ""));

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		used += snprintf(text + used, size - used, ",\"%.*s\":%ld",
				 (int)strlen(names[i]) - 1, names[i],
				 number("/proc/vmstat", names[i]));
	return used;
}

/* What was done, when the lab asks: each line replaces the one before. */
static void *report(void *unused)
{
	while (!unused) {
		char text[800];
		size_t used = host_numbers(text, sizeof(text));

		for (int id = 0; id < SLOTS; id++)
			used += snprintf(text + used, sizeof(text) - used, ",\"%s\":[%lu,%lu]",
					 slots[id].what, slots[id].done, slots[id].failed);
		truth("LAB {\"kind\":\"load\",\"vm\":\"mm\"%s}", text);
		sleep(1);
	}
	return NULL;
}

/* Memory of a guest_memfd that the VMM and the guest share; false before 6.18 or so. */
static bool add_gmem(void)
{
	struct slot *slot = &slots[GMEM];
	struct lab_create_guest_memfd create = {.size = slot->size,
						.flags = LAB_GMEM_MMAP | LAB_GMEM_INIT_SHARED};
	struct lab_memory_region2 region = {
		.slot = vm.slots,
		.flags = LAB_MEM_GUEST_MEMFD,
		.guest_phys_addr = slot->gpa,
		.memory_size = slot->size,
	};
	void *map;

	slot->fd = ioctl(vm.fd, LAB_CREATE_GUEST_MEMFD, &create);
	if (slot->fd < 0)
		return false;
	map = mmap(NULL, slot->size, PROT_READ | PROT_WRITE, MAP_SHARED, slot->fd, 0);
	if (map == MAP_FAILED)
		return false;
	region.userspace_addr = (uintptr_t)map;
	region.guest_memfd = slot->fd;
	if (ioctl(vm.fd, LAB_SET_USER_MEMORY_REGION2, &region) < 0)
		return false;
	vm.slots++;
	slot->hva = map;
	return true;
}

static void add_shared(void)
{
	struct slot *slot = &slots[SHARED];

	slot->fd = memfd_create("shared", MFD_CLOEXEC);
	if (slot->fd < 0 || ftruncate(slot->fd, slot->size))
		die("memfd");
	slot->hva = mmap(NULL, slot->size, PROT_READ | PROT_WRITE, MAP_SHARED, slot->fd, 0);
	if (slot->hva == MAP_FAILED)
		die("mmap of a memfd");
	vm_set_slot(&vm, slot->gpa, slot->size, 0, slot->hva, slot->what);
}

static void add_slots(void)
{
	for (int id = 0; id < SLOTS; id++) {
		struct slot *slot = &slots[id];

		if (id == GMEM)
			add_gmem();
		else if (id == SHARED)
			add_shared();
		else
			slot->hva = vm_add_slot(&vm, slot->gpa, slot->size, 0,
						id == THP ? MADV_HUGEPAGE : MADV_NOHUGEPAGE,
						slot->what);
	}
	madvise(slots[KSM].hva, slots[KSM].size, MADV_MERGEABLE);
	memset(slots[KSM].hva, 0x77, slots[KSM].size);
	watch_faults();
}

/* See guest_flat_random: the ranges of the accesses. */
static void write_parameters(const struct vcpu *vcpu, unsigned int seed)
{
	uint8_t *at = vm.ram + AREA(vcpu->id) + PARAMETERS;

	memcpy(at + SEED, &seed, sizeof(seed));
	for (int range = 0; range < RANGES; range++) {
		const struct slot *slot = &slots[range % SLOTS];
		uint32_t words[4];

		slot = slot->hva ? slot : &slots[BALLOON];
		words[0] = slot->gpa;
		words[1] = (slot->size - 1) & ~0xfffu;
		words[2] = slot->writes;
		words[3] = 0; /* nothing is executed */
		memcpy(at + RANGE_BASE + (range << RANGE_SHIFT), words, sizeof(words));
	}
}

/* In Bochs a guest only exits for the host's interrupts if it has interrupts enabled itself. */
static void enable_interrupts(const struct vcpu *vcpu)
{
	struct kvm_regs regs;

	ioctl_or_die(vcpu->fd, KVM_GET_REGS, &regs, "KVM_GET_REGS");
	regs.rflags |= 1 << 9;
	ioctl_or_die(vcpu->fd, KVM_SET_REGS, &regs, "KVM_SET_REGS");
}

/* With shadow paging, a guest with paging gets page faults of its own under this load, and has no
 * handler.
 */
void run_mm(unsigned int seed, bool shadow)
{
	static struct vcpu vcpus[] = {
		{.mode = MODE_FLAT, .doing = "random", VCPU_CODE(guest_flat_random)},
		{.mode = MODE_LONG,
		 .wp = true,
		 .nx = true,
		 .doing = "random, paging",
		 VCPU_CODE(guest_long_random)},
	};

	if (shadow)
		vcpus[1] = vcpus[0];
	vm_init(&vm, "mm");
	add_slots();
	for (int i = 0; i < 2; i++) {
		vcpus[i].vm = &vm;
		vcpus[i].id = i;
		vcpu_create(&vcpus[i]);
		write_parameters(&vcpus[i], seed * 2 + i + 1);
		enable_interrupts(&vcpus[i]);
	}
	for (int i = 0; i < 2; i++)
		vcpu_start(&vcpus[i]);
	thread_start(stir, (void *)(uintptr_t)(seed + 1));
	thread_start(report, NULL);
}
