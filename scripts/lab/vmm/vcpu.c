// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Virtual CPUs: their initial state and the threads that run them.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm.h"

#define CR0_PE	 (1ull << 0)
#define CR0_ET	 (1ull << 4)
#define CR0_WP	 (1ull << 16)
#define CR0_PG	 (1ull << 31)
#define CR4_PAE	 (1ull << 5)
#define CR4_SMEP (1ull << 20)
#define CR4_SMAP (1ull << 21)
#define CR4_PKE	 (1ull << 22)
#define EFER_LME (1ull << 8)
#define EFER_LMA (1ull << 10)
#define EFER_NX	 (1ull << 11)

static const char *const mode_names[] = {
	[MODE_REAL] = "real",
	[MODE_FLAT] = "flat32",
	[MODE_PAE] = "pae32",
	[MODE_LONG] = "long64",
};

/* Return the protections of CR4 that this machine supports for guests. */
static uint64_t cr4_protections(const struct vcpu *vcpu)
{
	const struct kvm_cpuid2 *cpuid = vcpu->vm->cpuid;
	uint64_t cr4 = 0;

	for (uint32_t i = 0; i < cpuid->nent; i++) {
		const struct kvm_cpuid_entry2 *entry = &cpuid->entries[i];

		if (entry->function != 7 || entry->index)
			continue;
		cr4 |= entry->ebx & 1u << 7 ? CR4_SMEP : 0;
		cr4 |= entry->ebx & 1u << 20 ? CR4_SMAP : 0;
		if (vcpu->mode == MODE_LONG)
			cr4 |= entry->ecx & 1u << 3 ? CR4_PKE : 0;
	}
	return cr4;
}

static void set_segments(const struct vcpu *vcpu, struct kvm_sregs *sregs)
{
	struct kvm_segment *data[] = {&sregs->ds, &sregs->es, &sregs->ss};
	bool real = vcpu->mode == MODE_REAL;
	struct kvm_segment segment = {
		.base = real ? AREA(vcpu->id) : 0,
		.limit = real ? 0xffff : 0xffffffff,
		.selector = real ? AREA(vcpu->id) >> 4 : 0x10,
		.type = 3,
		.present = 1,
		.s = 1,
		.g = !real,
		.db = !real,
	};

	for (size_t i = 0; i < sizeof(data) / sizeof(data[0]); i++)
		*data[i] = segment;
	segment.type = 11;
	segment.selector = real ? segment.selector : 0x8;
	segment.l = vcpu->mode == MODE_LONG;
	segment.db = vcpu->mode == MODE_FLAT || vcpu->mode == MODE_PAE;
	sregs->cs = segment;
}

static void set_state(struct vcpu *vcpu)
{
	struct kvm_mp_state mp_state = {.mp_state = KVM_MP_STATE_RUNNABLE};
	uint64_t area = vcpu->mode == MODE_REAL ? 0 : AREA(vcpu->id);
	struct kvm_regs regs = {
		.rip = area + CODE,
		.rsp = area + STACK_TOP,
		.rbx = area,
		.rflags = 2,
	};
	struct kvm_sregs sregs;

	ioctl_or_die(vcpu->fd, KVM_GET_SREGS, &sregs, "KVM_GET_SREGS");
	set_segments(vcpu, &sregs);
	sregs.cr0 = CR0_ET | (vcpu->wp ? CR0_WP : 0);
	if (vcpu->mode != MODE_REAL)
		sregs.cr0 |= CR0_PE;
	if (vcpu->mode == MODE_PAE || vcpu->mode == MODE_LONG) {
		sregs.cr0 |= CR0_PG;
		sregs.cr4 |= CR4_PAE;
		sregs.cr3 = build_tables(vcpu);
	}
	if (vcpu->mode == MODE_LONG)
		sregs.efer |= EFER_LME | EFER_LMA;
	if (vcpu->nx)
		sregs.efer |= EFER_NX;
	if (vcpu->protect)
		sregs.cr4 |= cr4_protections(vcpu);
	ioctl_or_die(vcpu->fd, KVM_SET_SREGS, &sregs, "KVM_SET_SREGS");
	ioctl_or_die(vcpu->fd, KVM_SET_REGS, &regs, "KVM_SET_REGS");
	ioctl_or_die(vcpu->fd, KVM_SET_MP_STATE, &mp_state, "KVM_SET_MP_STATE");
	vcpu->cr0 = sregs.cr0;
	vcpu->cr4 = sregs.cr4;
	vcpu->efer = sregs.efer;
}

static void truth_vcpu(const struct vcpu *vcpu, int tid)
{
	truth("LAB {\"kind\":\"vcpu\",\"vm\":\"%s\",\"id\":%d,\"tid\":%d,\"mode\":\"%s\","
	      "\"doing\":\"%s\",\"cr0\":\"%#llx\",\"cr4\":\"%#llx\",\"efer\":\"%#llx\"}",
	      vcpu->vm->name, vcpu->id, tid, mode_names[vcpu->mode], vcpu->doing,
	      (unsigned long long)vcpu->cr0, (unsigned long long)vcpu->cr4,
	      (unsigned long long)vcpu->efer);
}

void vcpu_create(struct vcpu *vcpu)
{
	long size = ioctl_or_die(vcpu->vm->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, NULL, "mmap size");
	uint8_t *area = vcpu->vm->ram + AREA(vcpu->id);

	vcpu->fd = ioctl_or_die(vcpu->vm->fd, KVM_CREATE_VCPU, (void *)(long)vcpu->id,
				"KVM_CREATE_VCPU");
	ioctl_or_die(vcpu->fd, KVM_SET_CPUID2, vcpu->vm->cpuid, "KVM_SET_CPUID2");
	vcpu->run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED)
		die("mmap of a vCPU");
	if (!vcpu->code) {
		truth_vcpu(vcpu, 0);
		return;
	}
	memcpy(area + CODE, vcpu->code, vcpu->code_end - vcpu->code);
	area[PAGE_EXECUTED] = 0xc3; /* ret */
	marker_plant(MARK_MEMORY, area + PAGE_MARKED);
	set_state(vcpu);
}

bool vcpu_prefault(struct vcpu *vcpu, uint64_t gpa, uint64_t size)
{
	struct kvm_pre_fault_memory range = {.gpa = gpa, .size = size};

	if (ioctl(vcpu->vm->kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_PRE_FAULT_MEMORY) <= 0)
		return false;
	while (range.size)
		if (ioctl(vcpu->fd, KVM_PRE_FAULT_MEMORY, &range) < 0 && errno != EINTR)
			return false;
	return true;
}

static void handle_io(struct vcpu *vcpu)
{
	switch (vcpu->run->io.port) {
	case PORT_TOUCHED:
		sem_post(&vcpu->vm->touched);
		break;
	case PORT_TICK:
		usleep(vcpu->tick_us);
		break;
	case PORT_WRAP:
		vcpu->wrap();
		break;
	case PORT_MARKER:
		marker_plant(MARK_PORT, (uint8_t *)vcpu->run + vcpu->run->io.data_offset);
		usleep(vcpu->tick_us);
		break;
	}
}

static void *vcpu_thread(void *arg)
{
	struct vcpu *vcpu = arg;

	thread_name("%s-vcpu%d", vcpu->vm->name, vcpu->id);
	truth_vcpu(vcpu, gettid());
	for (;;) {
		if (ioctl(vcpu->fd, KVM_RUN, NULL) < 0 && errno != EINTR)
			die("%s vCPU %d: KVM_RUN", vcpu->vm->name, vcpu->id);
		switch (vcpu->run->exit_reason) {
		case KVM_EXIT_IO:
			handle_io(vcpu);
			break;
		case KVM_EXIT_MMIO:
			if (!vcpu->run->mmio.is_write)
				marker_plant(MARK_MMIO, vcpu->run->mmio.data);
			usleep(vcpu->tick_us);
			break;
		case KVM_EXIT_INTR:
			break;
		default:
			die("%s vCPU %d: exit %u (%llx)", vcpu->vm->name, vcpu->id,
			    vcpu->run->exit_reason,
			    (unsigned long long)vcpu->run->internal.suberror);
		}
	}
	return NULL;
}

void vcpu_start(struct vcpu *vcpu)
{
	struct kvm_regs regs;

	ioctl_or_die(vcpu->fd, KVM_GET_REGS, &regs, "KVM_GET_REGS");
	regs.rcx = vcpu->rcx;
	regs.r12 = marker_word(MARK_REGISTERS, 0);
	regs.r13 = marker_word(MARK_REGISTERS, 1);
	ioctl_or_die(vcpu->fd, KVM_SET_REGS, &regs, "KVM_SET_REGS");
	explicit_bzero(&regs, sizeof(regs));
	marker_plant_vectors(vcpu);
	thread_start(vcpu_thread, vcpu);
}
