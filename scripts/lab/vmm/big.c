// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Two virtual machines with page tables as large as those of real ones: ten million and one million
 * 4 KiB pages, all present. Their slots share one host buffer.
 */
#include <string.h>
#include <sys/mman.h>

#include "vmm.h"

#define BUFFER_SIZE 0x100000000ul
#define BASE	    0x100000000ul

static void fill(struct vm *vm, struct vcpu *vcpu, const char *name, void *buffer, int slots)
{
	vm_init(vm, name);
	for (int i = 0; i < slots; i++)
		vm_set_slot(vm, BASE + i * BUFFER_SIZE, BUFFER_SIZE, 0, buffer, "buffer");
	vcpu->vm = vm;
	vcpu_create(vcpu);
	if (!vcpu_prefault(vcpu, BASE, slots * BUFFER_SIZE))
		die("KVM_PRE_FAULT_MEMORY");
	vcpu_start(vcpu);
	vm_wait_touched(vm, 1);
}

void run_big(void)
{
	static struct vcpu vcpus[] = {
		{.mode = MODE_LONG, .tick_us = 20000, .doing = "tick", VCPU_CODE(guest_long_tick)},
		{.mode = MODE_LONG, .tick_us = 20000, .doing = "tick", VCPU_CODE(guest_long_tick)},
	};
	static struct vm ten_million, million;
	void *buffer = mmap(NULL, BUFFER_SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (buffer == MAP_FAILED || madvise(buffer, BUFFER_SIZE, MADV_NOHUGEPAGE))
		die("memory");
	memset(buffer, 0, BUFFER_SIZE);
	fill(&ten_million, &vcpus[0], "ten-million", buffer, 10);
	fill(&million, &vcpus[1], "million", buffer, 1);
}
