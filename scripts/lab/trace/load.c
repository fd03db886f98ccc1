// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The load's virtual machines, and what is done to them while they run.
 *
 * The slots combine all of these at random: dirty-logged or not (changed while running), read-only,
 * deleted or moved, discarded on the host's side, pages of 4 KiB and of 2 MiB.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../vmm/vmm.h"
#include "load.h"

PROGRAM(guest_flat_random);
PROGRAM(guest_long_random);
PROGRAM(guest_flat_sweep);

#define RET 0xc3

enum { RAM, HOT, LOG, EMPTIED, READONLY, CHURN, HUGE, HUGE_HOT, SLOTS };

struct slot {
	const char *what;
	uint64_t gpa;
	uint64_t size;
	int advice;
	unsigned int flags; /* now */
	uint8_t writes;	    /* of 256 accesses */
	uint8_t fetches;
	uint8_t weight; /* of RANGES */
	uint8_t *hva;
	uint64_t *bitmap;
};

/*
 * Huge pages begin at a multiple of 1 GiB: otherwise, with shadow paging, 6.1 reads beyond a slot's
 * arrays when its logging ends (kvm_rmap_zap_collapsible_sptes() uses sp->gfn). The long-mode
 * guest, which maps the first GiB only, does not reach them.
 */
static struct slot slots[SLOTS] = {
	[RAM] = {"ram", 0, RAM_SIZE, MADV_NOHUGEPAGE, 0, 0, 0, 0, NULL, NULL},
	[HOT] = {"hot", HOT_BASE, HOT_SIZE, MADV_NOHUGEPAGE, KVM_MEM_LOG_DIRTY_PAGES, 240, 0, 2,
		 NULL, NULL},
	[LOG] = {"log", 0x5000000, 0x200000, MADV_NOHUGEPAGE, KVM_MEM_LOG_DIRTY_PAGES, 220, 250, 4,
		 NULL, NULL},
	[EMPTIED] = {"emptied", 0x6000000, 0x100000, MADV_NOHUGEPAGE, 0, 100, 0, 2, NULL, NULL},
	[READONLY] = {"readonly", 0x7000000, 0x10000, MADV_NOHUGEPAGE, KVM_MEM_READONLY, 24, 64, 1,
		      NULL, NULL},
	[CHURN] = {"churn", 0x9000000, 0x40000, MADV_NOHUGEPAGE, KVM_MEM_LOG_DIRTY_PAGES, 200, 0, 1,
		   NULL, NULL},
	[HUGE] = {"huge", 0x80000000, 0x2000000, MADV_HUGEPAGE, 0, 64, 0, 1, NULL, NULL},
	[HUGE_HOT] = {"huge-hot", 0xc0000000, 0x200000, MADV_HUGEPAGE, 0, 250, 0, 2, NULL, NULL},
};

static struct vm vm;
static struct vcpu vcpus[] = {
	{.mode = MODE_FLAT, .doing = "random", VCPU_CODE(guest_flat_random)},
	{.mode = MODE_FLAT, .doing = "random, CPL 3", VCPU_CODE(guest_flat_random)},
	{.mode = MODE_LONG,
	 .wp = true,
	 .nx = true,
	 .doing = "random, paging",
	 VCPU_CODE(guest_long_random)},
};
enum { PLAIN, USER, LONG, VCPUS };

static pthread_mutex_t slots_lock = PTHREAD_MUTEX_INITIALIZER;
static bool hot_only; /* the vCPUs write to the same pages in the same order */
static bool manual;   /* the log is cleared by KVM_CLEAR_DIRTY_LOG, not by reading it */

static unsigned int below(unsigned int *seed, unsigned int limit)
{
	return rand_r(seed) % limit;
}

static void set_slot(int id, uint64_t gpa, uint64_t size)
{
	struct kvm_userspace_memory_region region = {
		.slot = id,
		.flags = slots[id].flags,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)slots[id].hva,
	};

	ioctl_or_die(vm.fd, KVM_SET_USER_MEMORY_REGION, &region, slots[id].what);
}

/* Read a slot's dirty log, which write-protects its pages again. */
static void log_slot(int id)
{
	struct slot *slot = &slots[id];
	struct kvm_dirty_log log = {.slot = id, .dirty_bitmap = slot->bitmap};
	struct kvm_clear_dirty_log clear = {
		.slot = id, .num_pages = slot->size >> 12, .dirty_bitmap = slot->bitmap};

	pthread_mutex_lock(&slots_lock);
	if (slot->flags & KVM_MEM_LOG_DIRTY_PAGES) {
		ioctl_or_die(vm.fd, KVM_GET_DIRTY_LOG, &log, "KVM_GET_DIRTY_LOG");
		if (manual) {
			/* Only whole words may be cleared, except for the slot's last one. */
			ioctl_or_die(vm.fd, KVM_CLEAR_DIRTY_LOG, &clear, "KVM_CLEAR_DIRTY_LOG");
		}
	}
	pthread_mutex_unlock(&slots_lock);
}

/*
 * For the machine whose vCPUs write in the same order: a vCPU that finds a page fixed catches up
 * with the one that fixes it, so that both fault on the same page at the same time.
 */
static void *read_hot_log(void *arg)
{
	unsigned int seed = (uintptr_t)arg;

	thread_name("%s-hot", vm.name);
	for (;;) {
		log_slot(HOT);
		usleep(below(&seed, 200));
	}
	return NULL;
}

static void *read_logs(void *arg)
{
	static const int turn[] = {LOG, LOG, LOG, RAM, HUGE_HOT, HUGE, CHURN};
	unsigned int seed = (uintptr_t)arg;

	thread_name("%s-log", vm.name);
	for (;;) {
		log_slot(turn[below(&seed, sizeof(turn) / sizeof(turn[0]))]);
		usleep(below(&seed, 3000));
	}
	return NULL;
}

static void set_logging(int id, bool on)
{
	struct slot *slot = &slots[id];

	pthread_mutex_lock(&slots_lock);
	slot->flags =
		on ? slot->flags | KVM_MEM_LOG_DIRTY_PAGES : slot->flags & ~KVM_MEM_LOG_DIRTY_PAGES;
	set_slot(id, slot->gpa, slot->size);
	pthread_mutex_unlock(&slots_lock);
}

static void delete_or_move(bool move)
{
	struct slot *slot = &slots[CHURN];

	pthread_mutex_lock(&slots_lock);
	if (move) {
		set_slot(CHURN, slot->gpa + 0x100000, slot->size);
		set_slot(CHURN, slot->gpa, slot->size);
	} else {
		set_slot(CHURN, slot->gpa, 0);
		set_slot(CHURN, slot->gpa, slot->size);
	}
	pthread_mutex_unlock(&slots_lock);
}

/* Let huge pages be split when logging begins, or only when they are written. */
static void split_eagerly(bool yes)
{
	FILE *file = fopen("/sys/module/kvm/parameters/eager_page_split", "w");

	if (!file)
		return;
	fputs(yes ? "Y" : "N", file);
	fclose(file);
}

/* Clear the Accessed and Dirty bits of the guest's tables, which the CPU then sets again. */
static void forget_accessed(void)
{
	uint64_t *table = (uint64_t *)(vm.ram + TABLES(LONG));

	for (int i = 0; i < 4 * 512; i++)
		__atomic_and_fetch(&table[i], ~0x60ull, __ATOMIC_RELAXED);
}

static void empty(const struct slot *slot, uint64_t chunk, unsigned int *seed)
{
	uint64_t at = (uint64_t)below(seed, slot->size / chunk) * chunk;

	madvise(slot->hva + at, chunk, MADV_DONTNEED);
}

/* Enable logging and disable it before all huge pages have been written and so split. */
static void blink(int id, unsigned int *seed)
{
	set_logging(id, true);
	usleep(below(seed, 4) ? 0 : below(seed, 3000));
	set_logging(id, false);
}

__attribute__((noreturn)) static void stir(unsigned int seed)
{
	bool ram_logged = false;

	for (;;) {
		switch (below(&seed, 12)) {
		case 0:
			delete_or_move(below(&seed, 2));
			break;
		case 1:
		case 2:
			empty(&slots[EMPTIED], 0x10000, &seed);
			break;
		case 3:
			empty(&slots[HUGE], 0x200000, &seed);
			break;
		case 4:
		case 7:
			blink(HUGE, &seed);
			break;
		case 5:
		case 6:
			blink(HUGE_HOT, &seed);
			break;
		case 8:
			split_eagerly(below(&seed, 4) == 0);
			break;
		case 9:
			ram_logged = !ram_logged;
			set_logging(RAM, ram_logged);
			break;
		default:
			forget_accessed();
			break;
		}
		usleep(below(&seed, 4000));
	}
}

static void add_slots(void)
{
	slots[RAM].hva = vm.ram;
	for (int id = HOT; id < SLOTS; id++) {
		struct slot *slot = &slots[id];

		slot->hva = vm_add_slot(&vm, slot->gpa, slot->size, slot->flags, slot->advice,
					slot->what);
	}
	for (int id = 0; id < SLOTS; id++) {
		slots[id].bitmap = calloc(1, slots[id].size / 0x1000 / 8 + 64);
		for (uint64_t at = 0; slots[id].fetches && at < slots[id].size; at += 0x1000)
			slots[id].hva[at] = RET;
	}
}

static void write_parameters(const struct vcpu *vcpu, unsigned int seed)
{
	uint8_t *at = vm.ram + AREA(vcpu->id) + PARAMETERS;
	int range = 0;

	memcpy(at + SEED, &seed, sizeof(seed));
	while (range < RANGES) {
		for (int id = 0; id < SLOTS && range < RANGES; id++) {
			const struct slot *slot = &slots[id];
			uint32_t words[] = {slot->gpa, (slot->size - 1) & ~0xfffu, slot->writes,
					    slot->fetches};

			if ((id >= HUGE && vcpu->mode == MODE_LONG) || (hot_only && id != HOT))
				continue;
			for (int i = 0; i < slot->weight && range < RANGES; i++, range++)
				memcpy(at + RANGE_BASE + (range << RANGE_SHIFT), words,
				       sizeof(words));
		}
	}
}

/* Set segments of privilege level 3: with shadow paging faults then have the U bit. */
static void make_user(const struct vcpu *vcpu)
{
	struct kvm_sregs sregs;

	ioctl_or_die(vcpu->fd, KVM_GET_SREGS, &sregs, "KVM_GET_SREGS");
	sregs.cs.dpl = sregs.ss.dpl = sregs.ds.dpl = sregs.es.dpl = 3;
	sregs.cs.selector |= 3;
	sregs.ss.selector |= 3;
	ioctl_or_die(vcpu->fd, KVM_SET_SREGS, &sregs, "KVM_SET_SREGS");
}

/* In Bochs a guest only exits for the host's interrupts if it has interrupts enabled itself. */
static void allow_interrupts(const struct vcpu *vcpu)
{
	struct kvm_regs regs;

	ioctl_or_die(vcpu->fd, KVM_GET_REGS, &regs, "KVM_GET_REGS");
	regs.rflags |= 1 << 9;
	ioctl_or_die(vcpu->fd, KVM_SET_REGS, &regs, "KVM_SET_REGS");
}

static void protect_manually(void)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
		.args = {KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE | KVM_DIRTY_LOG_INITIALLY_SET},
	};

	ioctl_or_die(vm.fd, KVM_ENABLE_CAP, &cap, "KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2");
	manual = true;
}

/* Does the host use second-level page tables (NPT or EPT)? */
static bool second_level(void)
{
	static const char *const files[] = {"/sys/module/kvm_amd/parameters/npt",
					    "/sys/module/kvm_intel/parameters/ept"};
	bool yes = false;

	for (int i = 0; i < 2; i++) {
		FILE *file = fopen(files[i], "r");

		if (!file)
			continue;
		yes |= fgetc(file) == 'Y';
		fclose(file);
	}
	return yes;
}

void load_run(const char *name, unsigned int seed)
{
	vm_init(&vm, name);
	if (!strcmp(name, "clear"))
		protect_manually();
	hot_only = !strcmp(name, "hot");
	/* With shadow paging, guests that have paging on are indirect, which is not of interest
	 * here. */
	if (!second_level())
		vcpus[LONG] = vcpus[PLAIN];
	for (int i = 0; hot_only && i < VCPUS; i++) {
		vcpus[i].mode = MODE_FLAT;
		vcpus[i].code = guest_flat_sweep;
		vcpus[i].code_end = guest_flat_sweep_end;
		vcpus[i].doing = "sweep";
	}
	add_slots();
	for (int i = 0; i < VCPUS; i++) {
		vcpus[i].vm = &vm;
		vcpus[i].id = i;
		vcpu_create(&vcpus[i]);
		write_parameters(&vcpus[i], seed * VCPUS + i + 1);
		allow_interrupts(&vcpus[i]);
	}
	make_user(&vcpus[USER]);
	for (int i = 0; i < VCPUS; i++)
		vcpu_start(&vcpus[i]);
	thread_start(read_hot_log, (void *)(uintptr_t)(seed + 2));
	if (hot_only)
		for (;;)
			pause();
	thread_start(read_logs, (void *)(uintptr_t)(seed + 1));
	stir(seed);
}
