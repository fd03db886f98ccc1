// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The virtual machines of the lab, and reports of what each did to which page.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void truth_area(const struct vcpu *vcpu)
{
	uint64_t area = AREA(vcpu->id);

	truth_page(vcpu, area + PAGE_READ, "read");
	truth_page(vcpu, area + PAGE_WRITTEN, "written");
	truth_page(vcpu, area + PAGE_EXECUTED, "executed");
	truth_page(vcpu, area + PAGE_READ_WRITTEN, "read-written");
	truth_page(vcpu, area + PAGE_UNTOUCHED, "untouched");
	truth_page(vcpu, area + CODE, "executed");
}

static void create_all(struct vm *vm, struct vcpu *vcpus, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		vcpus[i].vm = vm;
		vcpus[i].id = i;
		vcpu_create(&vcpus[i]);
	}
}

/* Start the vCPUs that have a program and wait until they have touched their pages. */
static void start_all(struct vm *vm, struct vcpu *vcpus, size_t count)
{
	int started = 0;

	for (size_t i = 0; i < count; i++) {
		if (!vcpus[i].code)
			continue;
		vcpu_start(&vcpus[i]);
		started++;
	}
	vm_wait_touched(vm, started);
}

static void truth_areas(const struct vcpu *vcpus, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (vcpus[i].code)
			truth_area(&vcpus[i]);
}

/* Many vCPUs in many modes, and every kind of slot except a dirty-logged one. */
void run_alpha(void)
{
	static struct vcpu vcpus[] = {
		{.mode = MODE_REAL, .doing = "spin", VCPU_CODE(guest_real_spin)},
		{.mode = MODE_REAL, .doing = "halt", VCPU_CODE(guest_real_halt)},
		{.mode = MODE_LONG,
		 .wp = true,
		 .nx = true,
		 .protect = true,
		 .tick_us = 5000,
		 .doing = "tick",
		 VCPU_CODE(guest_long_huge)},
		{.mode = MODE_PAE,
		 .nx = true,
		 .tick_us = 5000,
		 .doing = "tick",
		 VCPU_CODE(guest_flat_tick)},
		{.mode = MODE_FLAT, .tick_us = 10000, .doing = "mmio", VCPU_CODE(guest_flat_mmio)},
		{.mode = MODE_REAL, .doing = "never-run"},
	};
	enum { LONG = 2, MMIO = 4 };
	static struct vm vm;
	uint8_t *readonly;
	bool prefaulted;

	vm_init(&vm, "alpha");
	vm_add_slot(&vm, HUGE_BASE, HUGE_SIZE, 0, MADV_HUGEPAGE, "huge");
	readonly = vm_add_slot(&vm, READONLY_BASE, READONLY_SIZE, KVM_MEM_READONLY, MADV_NOHUGEPAGE,
			       "readonly");
	memset(readonly, 0x5a, READONLY_SIZE);
	vm_add_slot(&vm, PREFAULT_BASE, PREFAULT_SIZE, 0, MADV_NOHUGEPAGE, "prefault");

	create_all(&vm, vcpus, COUNT(vcpus));
	prefaulted = vcpu_prefault(&vcpus[LONG], PREFAULT_BASE, PREFAULT_SIZE);
	vcpus[LONG].rcx = prefaulted ? 0 : PREFAULT_SIZE >> 12;
	start_all(&vm, vcpus, COUNT(vcpus));

	truth_areas(vcpus, COUNT(vcpus));
	truth_page(&vcpus[LONG], HUGE_BASE, "huge-read");
	truth_page(&vcpus[LONG], HUGE_BASE + 0x200000, "huge-written");
	truth_page(&vcpus[LONG], HUGE_BASE + 0x3ff000, "huge-written");
	truth_page(&vcpus[LONG], HUGE_BASE + 0x400000, "untouched");
	truth_page(&vcpus[MMIO], READONLY_BASE, "readonly-read");
	truth_page(&vcpus[MMIO], READONLY_BASE + 0x1000, "readonly-written");
	truth_page(&vcpus[MMIO], READONLY_BASE + 0x2000, "untouched");
	truth_page(&vcpus[MMIO], MMIO_BASE, "mmio");
	truth_page(&vcpus[MMIO], MMIO_BASE + 0x1000, "hole");
	for (uint64_t at = 0; at < PREFAULT_SIZE; at += PREFAULT_SIZE / 2 - 0x1000)
		truth_page(&vcpus[LONG], PREFAULT_BASE + at, "prefaulted");
	truth("LAB {\"kind\":\"prefault\",\"vm\":\"alpha\",\"gpa\":\"%#x\",\"size\":\"%#x\","
	      "\"by\":\"%s\"}",
	      PREFAULT_BASE, PREFAULT_SIZE, prefaulted ? "ioctl" : "guest");
}

static struct vm beta_vm;

/* Reading the log write-protects the pages in it. */
static void *read_log(void *arg)
{
	static unsigned long bitmap[LOG_SIZE / 0x1000 / (8 * sizeof(unsigned long))];
	struct kvm_dirty_log log = {.slot = *(int *)arg, .dirty_bitmap = bitmap};

	thread_name("beta-log");
	for (;;) {
		ioctl_or_die(beta_vm.fd, KVM_GET_DIRTY_LOG, &log, "KVM_GET_DIRTY_LOG");
		usleep(20000);
	}
	return NULL;
}

/* Exactly one vCPU, which writes forever to a page whose dirty log is read from time to time. */
void run_beta(void)
{
	static struct vcpu vcpus[] = {
		{.mode = MODE_FLAT, .doing = "log", VCPU_CODE(guest_flat_log)},
	};
	static int log_slot;

	vm_init(&beta_vm, "beta");
	log_slot = beta_vm.slots;
	vm_add_slot(&beta_vm, LOG_BASE, LOG_SIZE, KVM_MEM_LOG_DIRTY_PAGES, MADV_NOHUGEPAGE, "log");
	create_all(&beta_vm, vcpus, COUNT(vcpus));
	start_all(&beta_vm, vcpus, COUNT(vcpus));
	thread_start(read_log, &log_slot);
	usleep(100000);

	truth_areas(vcpus, COUNT(vcpus));
	truth_page(vcpus, LOG_BASE + LOG_FOREVER * 0x1000, "log-forever");
	for (int i = 0; i < LOG_ONCE_PAGES; i++)
		truth_page(vcpus, LOG_BASE + (LOG_ONCE + i) * 0x1000, "log-written");
	for (int i = 0; i < LOG_READ_PAGES; i++)
		truth_page(vcpus, LOG_BASE + (LOG_READ + i) * 0x1000, "log-read");
	truth_page(vcpus, LOG_BASE + LOG_UNTOUCHED * 0x1000, "untouched");
}

static void *stride;

static void stride_wrap(void)
{
	madvise(stride, STRIDE_SIZE, MADV_DONTNEED);
}

/* Makes progress, page after page; then the host takes all of them away. */
void run_gamma(void)
{
	static struct vcpu vcpus[] = {
		{.mode = MODE_LONG,
		 .wp = true,
		 .nx = true,
		 .tick_us = 2000,
		 .wrap = stride_wrap,
		 .doing = "stride",
		 VCPU_CODE(guest_long_stride)},
		{.mode = MODE_REAL, .doing = "halt", VCPU_CODE(guest_real_halt)},
	};
	static struct vm vm;

	vm_init(&vm, "gamma");
	stride = vm_add_slot(&vm, STRIDE_BASE, STRIDE_SIZE, 0, MADV_NOHUGEPAGE, "stride");
	create_all(&vm, vcpus, COUNT(vcpus));
	start_all(&vm, vcpus, COUNT(vcpus));
	truth_areas(vcpus, COUNT(vcpus));
}

/*
 * Rare roles: 64 bit without CR0.WP and EFER.NX, PAE with SMEP and SMAP. These vCPUs read markers.
 */
void run_delta(void)
{
	static struct vcpu vcpus[] = {
		{.mode = MODE_LONG, .tick_us = 20000, .doing = "mmio", VCPU_CODE(guest_long_mmio)},
		{.mode = MODE_PAE,
		 .wp = true,
		 .protect = true,
		 .tick_us = 20000,
		 .doing = "port",
		 VCPU_CODE(guest_flat_port)},
		{.mode = MODE_REAL, .doing = "never-run"},
	};
	static struct vm vm;

	vm_init(&vm, "delta");
	create_all(&vm, vcpus, COUNT(vcpus));
	start_all(&vm, vcpus, COUNT(vcpus));
	truth_areas(vcpus, COUNT(vcpus));
	truth_page(&vcpus[0], MMIO_BASE, "mmio");
}
