// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The machine of a scenario: its slots and vCPUs, chosen by the seed, and the threads that run
 * them.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "stage.h"

#define CODE_OF(name) name, name##_end

static uint64_t dice_state;
static sem_t subject_ready, may_go;

/* splitmix64 */
uint64_t dice(uint64_t sides)
{
	uint64_t z = dice_state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return (z ^ z >> 31) % sides;
}

void dice_seed(uint64_t seed)
{
	dice_state = seed;
}

struct vcpu *subject(struct stage *stage)
{
	return &stage->vcpus[stage->subject];
}

uint8_t *host_of(struct stage *stage, uint64_t gpa)
{
	return stage->hva + (gpa - stage->base);
}

void parameter(const char *name, const char *value)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/sys/module/kvm/parameters/%s", name);
	fd = open(path, O_WRONLY);
	if (fd < 0 && errno == ENOENT)
		return; /* kernels before 5.18 have no eager_page_split */
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		die("%s", path);
	close(fd);
}

void slot_set(struct stage *stage, int slot, unsigned int flags, uint64_t base, uint64_t size,
	      void *hva)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.flags = flags,
		.guest_phys_addr = base,
		.memory_size = size,
		.userspace_addr = (uintptr_t)hva,
	};

	ioctl_or_die(stage->vm.fd, KVM_SET_USER_MEMORY_REGION, &region, "a slot");
}

/* Set up the machine and its slots, of a random size if pages is 0, in the guest's first GiB. */
void stage_set_up(struct stage *stage, unsigned int flags, uint64_t pages, int advice)
{
	bool huge = advice == MADV_HUGEPAGE;
	uint64_t page = 0, other = 0;

	vm_init(&stage->vm, stage->name);
	stage->pages = pages ?: 16 + dice(240);
	stage->base = 0x4000000 + (dice(0xc0) << 21) + (huge ? 0 : dice(256) << 12);
	stage->slot = 1 + dice(200);
	stage->other_slot = stage->slot + 1 + dice(200);
	stage->other_base = 0x20000000 + (dice(0xc0) << 21) + (dice(256) << 12);
	stage->vm.slots = stage->slot;
	stage->hva =
		vm_add_slot(&stage->vm, stage->base, stage->pages << 12, flags, advice, "story");
	stage->vm.slots = stage->other_slot;
	stage->other_hva = vm_add_slot(&stage->vm, stage->other_base, 0x400000, 0, MADV_NOHUGEPAGE,
				       "bystander");
	/* Far from the pages that others touch, beyond the next SPTE of level 2. */
	stage->spare = stage->other_base + 0x300000 + (dice(0x100) << 12);
	page = dice(stage->pages);
	other = (page + 1 + dice(stage->pages - 1)) % stage->pages;
	stage->page = stage->base + (page << 12);
	stage->other = stage->base + (other << 12);
}

void cast_role(struct vcpu *vcpu, const uint8_t *code, const uint8_t *code_end, const char *doing)
{
	vcpu->code = code;
	vcpu->code_end = code_end;
	vcpu->doing = doing;
}

void set_arguments(struct vcpu *vcpu, uint64_t rcx, uint64_t rbx, uint64_t rsi)
{
	struct kvm_regs regs;

	ioctl_or_die(vcpu->fd, KVM_GET_REGS, &regs, "KVM_GET_REGS");
	vcpu->rcx = rcx;
	regs.rcx = rcx;
	regs.rbx = rbx;
	regs.rsi = rsi;
	ioctl_or_die(vcpu->fd, KVM_SET_REGS, &regs, "KVM_SET_REGS");
}

/*
 * Create one to three vCPUs, or two to four if one of them is the keeper. Those that are neither
 * halt, work from time to time, or never run.
 */
void stage_cast(struct stage *stage)
{
	const enum mode modes[] = {MODE_FLAT, MODE_PAE, MODE_LONG};

	stage->count = (stage->needs_keeper ? 2 : 1) + dice(3);
	stage->subject = dice(stage->count);
	for (int i = 0; i < stage->count; i++) {
		struct vcpu *vcpu = &stage->vcpus[i];

		vcpu->vm = &stage->vm;
		vcpu->id = i;
		vcpu->mode = modes[dice(3)];
		vcpu->wp = dice(2);
		vcpu->nx = dice(2);
		vcpu->protect = dice(2);
		vcpu->tick_us = 2000;
		if (i == stage->subject)
			continue;
		if (stage->needs_keeper && i == (stage->subject + 1) % stage->count) {
			stage->keeper = i;
			continue;
		}
		vcpu->tick_us = 50000;
		switch (dice(3)) {
		case 0:
			cast_role(vcpu, CODE_OF(guest_halt), "halt");
			break;
		case 1:
			cast_role(vcpu, CODE_OF(guest_tick), "tick");
			break;
		default:
			vcpu->doing = "never-run";
		}
	}
}

void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("sched_setaffinity");
}

static bool lenient(int error)
{
	/* A careless VMM tries again after these. */
	return error == EINTR || error == EAGAIN || error == EFAULT || error == EINVAL ||
	       error == EIO;
}

static void handle_port(struct stage *stage, struct vcpu *vcpu)
{
	switch (vcpu->run->io.port) {
	case PORT_READY:
		if (vcpu != subject(stage))
			break;
		sem_post(&subject_ready);
		while (sem_wait(&may_go))
			;
		break;
	case PORT_TICK:
		usleep(vcpu->tick_us);
		break;
	case PORT_WRAP:
		vcpu->wrap();
		break;
	}
}

static struct stage *staged;

/* Re-enters the guest whatever happens, like a VMM that lets a guest hang. */
static void *run_vcpu(void *arg)
{
	struct vcpu *vcpu = arg;

	thread_name("vmm-vcpu%d", vcpu->id);
	if (vcpu == subject(staged) && staged->pinned >= 0)
		pin(staged->pinned);
	truth("LAB {\"kind\":\"vcpu\",\"vm\":\"%s\",\"id\":%d,\"tid\":%d,\"mode\":%d,"
	      "\"doing\":\"%s\"}",
	      staged->name, vcpu->id, gettid(), vcpu->mode, vcpu->doing);
	for (;;) {
		if (ioctl(vcpu->fd, KVM_RUN, NULL) < 0) {
			if (!lenient(errno))
				die("vCPU %d: KVM_RUN", vcpu->id);
			continue;
		}
		switch (vcpu->run->exit_reason) {
		case KVM_EXIT_IO:
			handle_port(staged, vcpu);
			break;
		case KVM_EXIT_SHUTDOWN:
			die("vCPU %d: shutdown", vcpu->id);
		}
	}
	return NULL;
}

/* Create the vCPUs and start those that have a program; rcx is the page. */
void stage_start(struct stage *stage, uint64_t rbx, uint64_t rsi)
{
	staged = stage;
	sem_init(&subject_ready, 0, 0);
	sem_init(&may_go, 0, 0);
	for (int i = 0; i < stage->count; i++) {
		struct vcpu *vcpu = &stage->vcpus[i];

		vcpu_create(vcpu);
		if (!vcpu->code)
			continue;
		if (i == stage->subject)
			set_arguments(vcpu, stage->page, rbx, rsi);
		else
			set_arguments(vcpu,
				      i == stage->keeper ? stage->keeper_page
							 : stage->other_base + i * 0x1000,
				      stage->base, stage->pages << 12);
	}
	for (int i = 0; i < stage->count; i++)
		if (stage->vcpus[i].code)
			thread_start(i == stage->subject && stage->subject_thread
					     ? stage->subject_thread
					     : run_vcpu,
				     &stage->vcpus[i]);
}

void stage_subject_ready(struct stage *stage)
{
	if (subject(stage)->code)
		while (sem_wait(&subject_ready))
			;
}

void stage_go(struct stage *stage)
{
	(void)stage;
	sem_post(&may_go);
}

void stage_tell(const struct stage *stage)
{
	truth("LAB {\"kind\":\"stage\",\"vm\":\"%s\",\"pid\":%d,\"subject\":%d,\"vcpus\":%d,"
	      "\"slot\":%d,\"base\":\"%#llx\",\"pages\":%llu,\"hva\":\"%p\",\"page\":\"%#llx\","
	      "\"other\":\"%#llx\",\"other_slot\":%d,\"other_base\":\"%#llx\","
	      "\"spare\":\"%#llx\",\"keeper\":%d}",
	      stage->name, getpid(), stage->subject, stage->count, stage->slot,
	      (unsigned long long)stage->base, (unsigned long long)stage->pages, (void *)stage->hva,
	      (unsigned long long)stage->page, (unsigned long long)stage->other, stage->other_slot,
	      (unsigned long long)stage->other_base, (unsigned long long)stage->spare,
	      stage->keeper);
}
