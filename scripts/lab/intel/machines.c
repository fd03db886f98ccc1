// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The virtual machines on the Intel host, one process each: one with every kind of slot, and, where
 * KVM uses EPT, two that run a hypervisor of their own, with MBEC and without.
 *
 *	machines plain|nested ...
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "layout.h"
#include "machines.h"

PROGRAM(guest_intel_plain);
PROGRAM(guest_intel_nested);

static struct vm vm;
static int log_slot;

static void read_log(void)
{
	static unsigned long bitmap[LOG_SIZE / 0x1000 / (8 * sizeof(unsigned long))];
	struct kvm_dirty_log log = {.slot = log_slot, .dirty_bitmap = bitmap};

	ioctl_or_die(vm.fd, KVM_GET_DIRTY_LOG, &log, "KVM_GET_DIRTY_LOG");
}

/*
 * Have the host's memory management ask which pages were used: KVM clears Accessed bits, or, on a
 * processor that has none, takes all rights from the SPTEs.
 */
static void age(void)
{
	static const char path[] = "/sys/kernel/debug/lru_gen";
	int group = 0, node = 0, generation = 0;
	FILE *file = fopen(path, "r");
	char line[256];

	while (file && fgets(line, sizeof(line), file)) {
		sscanf(line, "memcg %d", &group);
		sscanf(line, " node %d", &node);
		sscanf(line, " %d", &generation);
	}
	if (file)
		fclose(file);
	file = fopen(path, "w");
	if (!file || fprintf(file, "+ %d %d %d 1 1\n", group, node, generation) < 0 || fclose(file))
		die("aging");
}

static void settle(void)
{
	read_log();
	age();
}

static void run_plain(void)
{
	static struct vcpu vcpus[] = {
		{.mode = MODE_LONG,
		 .wp = true,
		 .nx = true,
		 .protect = true,
		 .tick_us = 1000000,
		 .wrap = settle,
		 .doing = "every slot",
		 VCPU_CODE(guest_intel_plain)},
		{.mode = MODE_REAL, .doing = "halt", VCPU_CODE(guest_real_halt)},
		{.mode = MODE_PAE,
		 .nx = true,
		 .tick_us = 1000000,
		 .doing = "tick",
		 VCPU_CODE(guest_flat_tick)},
	};
	enum { COUNT = sizeof(vcpus) / sizeof(vcpus[0]) };

	vm_init(&vm, "plain");
	vm_add_slot(&vm, HUGE_BASE, HUGE_SIZE, 0, MADV_HUGEPAGE, "huge");
	log_slot = vm.slots;
	vm_add_slot(&vm, LOG_BASE, LOG_SIZE, KVM_MEM_LOG_DIRTY_PAGES, MADV_NOHUGEPAGE, "log");
	memset(vm_add_slot(&vm, READONLY_BASE, READONLY_SIZE, KVM_MEM_READONLY, MADV_NOHUGEPAGE,
			   "readonly"),
	       0x5a, READONLY_SIZE);
	for (int i = 0; i < COUNT; i++) {
		vcpus[i].vm = &vm;
		vcpus[i].id = i;
		vcpu_create(&vcpus[i]);
		vcpu_start(&vcpus[i]);
	}
	vm_wait_touched(&vm, COUNT);
}

static void run_nested(bool mbec)
{
	static struct vcpu vcpu = {
		.mode = MODE_LONG,
		.wp = true,
		.nx = true,
		.tick_us = 1000000,
		.doing = "nested",
		VCPU_CODE(guest_intel_nested),
	};

	vm_init(&vm, mbec ? "mbec" : "nombec");
	vcpu.vm = &vm;
	vcpu_create(&vcpu);
	nested_prepare(&vcpu, mbec);
	vcpu_start(&vcpu);
	vm_wait_touched(&vm, 1);
}

/* Run the machine in a process of its own, and wait until it has touched its pages. */
static void start(const char *name)
{
	int ready[2];
	char byte;

	if (pipe(ready))
		die("pipe");
	if (!fork()) {
		thread_name("vmm-%s", name);
		if (!strcmp(name, "plain"))
			run_plain();
		else
			run_nested(!strcmp(name, "mbec"));
		if (write(ready[1], "", 1) != 1)
			die("ready");
		for (;;)
			pause();
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		die("the virtual machine %s failed", name);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		start(argv[i]);
	truth("LAB {\"kind\":\"ready\"}");
	for (;;)
		pause();
}
