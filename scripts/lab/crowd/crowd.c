// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A host with 1,200 vCPUs: 20 virtual machines, each a process, with 60 vCPUs. Of each 60, 49 sleep
 * after HLT, 8 exit to the VMM now and then, 2 were never started, and one writes to memory that
 * the VMM has unmapped: KVM_RUN fails with EFAULT, and the VMM calls it again, forever.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm.h"

#define VMS	 20
#define VCPUS	 60
#define TICKING	 8
#define UNUSED	 2
#define TICK_US	 500000
#define PAGE	 4096
#define LOOPING	 0 /* this vCPU */
#define RETRY_US 2000

static struct vcpu vcpus[VCPUS];

/* Runs the vCPU that never gets on; the pauses let the others, which share two CPUs with it, run. */
static void *run_again(void *arg)
{
	struct vcpu *vcpu = arg;
	unsigned count = 0;

	thread_name("%s-loop", vcpu->vm->name);
	for (;;) {
		if (ioctl(vcpu->fd, KVM_RUN, NULL) < 0 && errno != EFAULT && errno != EINTR)
			die("KVM_RUN");
		if (++count % 64 == 0)
			usleep(RETRY_US);
	}
	return NULL;
}

static void run_machine(int number, int ready)
{
	static struct vm vm;
	char name[8];

	snprintf(name, sizeof(name), "m%02d", number);
	thread_name("vmm-%s", name);
	vm_init(&vm, name);
	for (int i = 0; i < VCPUS; i++) {
		vcpus[i] = (struct vcpu){.vm = &vm, .id = i, .mode = MODE_REAL, .doing = "halt",
					 .tick_us = TICK_US, VCPU_CODE(guest_real_halt)};
		if (i > VCPUS - TICKING - UNUSED) {
			vcpus[i].mode = MODE_FLAT;
			vcpus[i].doing = "tick";
			vcpus[i].code = guest_flat_tick;
			vcpus[i].code_end = guest_flat_tick_end;
		}
		vcpu_create(&vcpus[i]);
	}
	if (munmap(vm.ram + AREA(LOOPING) + PAGE_WRITTEN, PAGE))
		die("munmap");
	thread_start(run_again, &vcpus[LOOPING]);
	for (int i = LOOPING + 1; i < VCPUS - UNUSED; i++)
		vcpu_start(&vcpus[i]);
	vm_wait_touched(&vm, VCPUS - UNUSED - 1);
	if (write(ready, "", 1) != 1)
		die("ready");
	for (;;)
		pause();
}

int main(void)
{
	int ready[2];
	char byte;

	if (pipe(ready))
		die("pipe");
	for (int i = 0; i < VMS; i++)
		if (!fork())
			run_machine(i, ready[1]);
	close(ready[1]);
	for (int i = 0; i < VMS; i++)
		if (read(ready[0], &byte, 1) != 1)
			die("a virtual machine failed");
	sleep(1); /* of looping */
	truth("LAB {\"kind\":\"ready\"}");
	return 0;
}
