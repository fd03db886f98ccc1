/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A small virtual machine monitor on the raw ioctls of /dev/kvm.
 */
#ifndef VMM_H
#define VMM_H

#include <linux/kvm.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layout.h"

/* The headers of some distributions lack it. */
#ifndef KVM_CAP_PRE_FAULT_MEMORY
#define KVM_CAP_PRE_FAULT_MEMORY 236
struct kvm_pre_fault_memory {
	uint64_t gpa;
	uint64_t size;
	uint64_t flags;
	uint64_t padding[5];
};
#define KVM_PRE_FAULT_MEMORY _IOWR(KVMIO, 0xd5, struct kvm_pre_fault_memory)
#endif

#define PROGRAM(name) extern const uint8_t name[], name##_end[]

PROGRAM(guest_real_spin);
PROGRAM(guest_real_halt);
PROGRAM(guest_flat_tick);
PROGRAM(guest_flat_mmio);
PROGRAM(guest_flat_log);
PROGRAM(guest_flat_port);
PROGRAM(guest_long_tick);
PROGRAM(guest_long_huge);
PROGRAM(guest_long_mmio);
PROGRAM(guest_long_stride);

enum mode {
	MODE_REAL,
	MODE_FLAT, /* 32 bit, paging off */
	MODE_PAE,  /* 32 bit, PAE paging */
	MODE_LONG, /* 64 bit */
};

struct vm {
	const char *name;
	int kvm_fd;
	int fd;
	uint8_t *ram; /* of slot 0, which starts at guest physical 0 */
	int slots;
	sem_t touched; /* one post for every vCPU that has touched its pages */
	struct kvm_cpuid2 *cpuid;
};

struct vcpu {
	struct vm *vm;
	int id;
	enum mode mode;
	bool wp;
	bool nx;
	bool protect; /* SMEP, SMAP and PKE, as far as the machine supports them */
	const uint8_t *code;
	const uint8_t *code_end;
	const char *doing;    /* for the report */
	unsigned int tick_us; /* how long a PORT_TICK or an MMIO exit pauses it */
	void (*wrap)(void);
	/* set up by vcpu_create */
	int fd;
	struct kvm_run *run;
	uint64_t cr0, cr4, efer;
	uint64_t rcx; /* argument of the program */
};

#define VCPU_CODE(name) .code = name, .code_end = name##_end

__attribute__((noreturn, format(printf, 1, 2))) void die(const char *format, ...);
long ioctl_or_die(int fd, unsigned long request, void *arg, const char *what);

/* Report one line of JSON to the lab, on a serial port of its own. */
__attribute__((format(printf, 1, 2))) void truth(const char *format, ...);
void truth_page(const struct vcpu *vcpu, uint64_t gpa, const char *done);

void vm_init(struct vm *vm, const char *name);
void vm_set_slot(struct vm *vm, uint64_t gpa, size_t size, unsigned int flags, void *hva,
		 const char *what);
void *vm_add_slot(struct vm *vm, uint64_t gpa, size_t size, unsigned int flags, int advice,
		  const char *what);
void vcpu_create(struct vcpu *vcpu);
void vcpu_start(struct vcpu *vcpu);
void vm_wait_touched(struct vm *vm, int vcpus);
bool vcpu_prefault(struct vcpu *vcpu, uint64_t gpa, uint64_t size);
void thread_start(void *(*function)(void *), void *arg);
void thread_name(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* markers.c: data that must not leak, by the place where it is planted. */
enum marker {
	MARK_MEMORY,
	MARK_REGISTERS,
	MARK_XMM,
	MARK_YMM,
	MARK_MMIO,
	MARK_PORT,
	MARK_HEAP,
	MARK_COMMAND_LINE,
};

#define MARK_COMMAND_LINE_SIZE 32 /* letters */
#define MARK_HEAP_SIZE	       64

uint64_t marker_word(enum marker marker, int index);
void marker_plant(enum marker marker, void *where);
void marker_plant_vectors(const struct vcpu *vcpu);
void truth_markers(void);

/* tables.c: build page tables that map the first GiB identically; return CR3. */
uint64_t build_tables(const struct vcpu *vcpu);

/* The virtual machines. Each function sets one up, reports what it did, and returns. */
void run_alpha(void);
void run_beta(void);
void run_gamma(void);
void run_delta(void);

/* big.c: two with far larger page tables, for measurements. */
void run_big(void);

#endif
