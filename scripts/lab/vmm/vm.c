// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Virtual machines: slots, threads, and the reports about them.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "vmm.h"

#define HUGE_PAGE 0x200000ul

void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, ": %s\n", strerror(errno));
	exit(1);
}

long ioctl_or_die(int fd, unsigned long request, void *arg, const char *what)
{
	long result = ioctl(fd, request, arg);

	if (result < 0)
		die("%s", what);
	return result;
}

void truth(const char *format, ...)
{
	static int fd = -1;
	char line[1024];
	va_list args;
	int len;

	if (fd < 0)
		fd = open("/dev/ttyS1", O_WRONLY | O_NOCTTY);
	va_start(args, format);
	len = vsnprintf(line, sizeof(line) - 1, format, args);
	va_end(args);
	line[len++] = '\n';
	/* A single write, so that lines of different processes are not mixed. */
	if (write(fd, line, len) != len)
		die("truth");
}

/* Names the vCPU that touched the page: it may have page tables of its own. */
void truth_page(const struct vcpu *vcpu, uint64_t gpa, const char *done)
{
	truth("LAB {\"kind\":\"page\",\"vm\":\"%s\",\"vcpu\":%d,\"gpa\":\"%#llx\",\"done\":\"%s\"}",
	      vcpu->vm->name, vcpu->id, (unsigned long long)gpa, done);
}

void vm_init(struct vm *vm, const char *name)
{
	struct kvm_cpuid2 *cpuid = calloc(1, sizeof(*cpuid) + 256 * sizeof(cpuid->entries[0]));

	vm->name = name;
	vm->kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (vm->kvm_fd < 0)
		die("/dev/kvm");
	vm->fd = ioctl_or_die(vm->kvm_fd, KVM_CREATE_VM, NULL, "KVM_CREATE_VM");
	ioctl_or_die(vm->fd, KVM_CREATE_IRQCHIP, NULL, "KVM_CREATE_IRQCHIP");
	cpuid->nent = 256;
	ioctl_or_die(vm->kvm_fd, KVM_GET_SUPPORTED_CPUID, cpuid, "KVM_GET_SUPPORTED_CPUID");
	vm->cpuid = cpuid;
	sem_init(&vm->touched, 0, 0);
	truth("LAB {\"kind\":\"vm\",\"vm\":\"%s\",\"pid\":%d,\"comm\":\"vmm-%s\"}", name, getpid(),
	      name);
	vm->ram = vm_add_slot(vm, 0, RAM_SIZE, 0, MADV_NOHUGEPAGE, "ram");
}

static unsigned long anon_huge_kb(const void *start)
{
	unsigned long from, to, kb = 0;
	bool inside = false;
	char line[512];
	FILE *smaps = fopen("/proc/self/smaps", "r");

	if (!smaps)
		die("smaps");
	while (fgets(line, sizeof(line), smaps)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			inside = from <= (unsigned long)start && (unsigned long)start < to;
		else if (inside && sscanf(line, "AnonHugePages: %lu", &kb) == 1)
			break;
	}
	fclose(smaps);
	return kb;
}

void vm_set_slot(struct vm *vm, uint64_t gpa, size_t size, unsigned int flags, void *hva,
		 const char *what)
{
	struct kvm_userspace_memory_region region = {
		.slot = vm->slots++,
		.flags = flags,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)hva,
	};

	ioctl_or_die(vm->fd, KVM_SET_USER_MEMORY_REGION, &region, "KVM_SET_USER_MEMORY_REGION");
	truth("LAB {\"kind\":\"slot\",\"vm\":\"%s\",\"id\":%u,\"gpa\":\"%#llx\",\"size\":\"%#zx\","
	      "\"hva\":\"%p\",\"flags\":%u,\"what\":\"%s\",\"anon_huge_kb\":%lu}",
	      vm->name, region.slot, (unsigned long long)gpa, size, hva, flags, what,
	      anon_huge_kb(hva));
}

void *vm_add_slot(struct vm *vm, uint64_t gpa, size_t size, unsigned int flags, int advice,
		  const char *what)
{
	/* Aligned for huge pages and followed by a hole, so that no two mappings merge. */
	size_t reserve = size + 2 * HUGE_PAGE;
	uint8_t *map = mmap(NULL, reserve, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *hva = (uint8_t *)(((uintptr_t)map + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1));

	if (map == MAP_FAILED || mprotect(hva, size, PROT_READ | PROT_WRITE))
		die("memory for %s", what);
	/* EINVAL: PREEMPT_RT has no transparent huge pages */
	if (madvise(hva, size, advice) && errno != EINVAL)
		die("advice about %s", what);
	if (advice == MADV_HUGEPAGE)
		for (size_t at = 0; at < size; at += HUGE_PAGE)
			hva[at] = 1;
	vm_set_slot(vm, gpa, size, flags, hva, what);
	return hva;
}

void vm_wait_touched(struct vm *vm, int vcpus)
{
	while (vcpus--)
		sem_wait(&vm->touched);
}

void thread_name(const char *format, ...)
{
	char name[16];
	va_list args;

	va_start(args, format);
	vsnprintf(name, sizeof(name), format, args);
	va_end(args);
	prctl(PR_SET_NAME, name);
}

void thread_start(void *(*function)(void *), void *arg)
{
	pthread_t thread;

	errno = pthread_create(&thread, NULL, function, arg);
	if (errno)
		die("pthread_create");
}
