/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shared by the scenarios: a virtual machine with one vCPU that gets into a state (the subject),
 * other vCPUs, the slot in which this happens and another slot. A seed chooses vCPU, slot, address
 * and page.
 */
#ifndef STAGE_H
#define STAGE_H

#include "ports.h"
#include "vmm.h"

#define MAX_VCPUS 4

PROGRAM(guest_halt);
PROGRAM(guest_tick);
PROGRAM(guest_read);
PROGRAM(guest_write);
PROGRAM(guest_execute);
PROGRAM(guest_read_then_write);
PROGRAM(guest_write_then_write);
PROGRAM(guest_write_float);
PROGRAM(guest_hammer);
PROGRAM(guest_stride);
PROGRAM(guest_read_stride);
PROGRAM(guest_read_then_execute);
PROGRAM(guest_rep_stos);
PROGRAM(guest_read_interruptible);
PROGRAM(guest_read_async);
PROGRAM(guest_read_far);
PROGRAM(guest_write_unmapped);

struct stage {
	const char *name;
	bool twin; /* one thing differs, so that the subject stays healthy */
	struct vm vm;
	struct vcpu vcpus[MAX_VCPUS];
	int count;
	int subject;
	int slot; /* in which the subject gets into its state */
	uint64_t base;
	uint64_t pages;
	uint8_t *hva;
	uint64_t page;	/* GPA that the subject touches */
	uint64_t other; /* GPA of another page of this slot */
	int other_slot;
	uint64_t other_base;
	uint8_t *other_hva;
	uint64_t spare; /* GPA of a page in it that is not touched otherwise */
	bool needs_keeper;
	int keeper; /* a second vCPU that takes part, or -1 */
	uint64_t keeper_page;
	void *(*subject_thread)(void *vcpu); /* instead of running the guest forever */
	int pinned;			     /* CPU that the subject's thread stays on, or -1 */
	bool zaps_others;
	int pager;	     /* the userfaultfd of the slot's pages */
	unsigned int log_us; /* the interval at which the slot's dirty log is read; 0: never */
};

struct plot {
	const char *name;
	void (*set_up)(struct stage *stage);
	void (*go)(struct stage *stage); /* called at "go"; may be NULL */
};

extern const struct plot plots[];
extern const struct plot more_plots[] __attribute__((weak)); /* of a program that has more */

uint64_t dice(uint64_t sides);
void dice_seed(uint64_t seed);

struct vcpu *subject(struct stage *stage);
uint8_t *host_of(struct stage *stage, uint64_t gpa);
void stage_set_up(struct stage *stage, unsigned int flags, uint64_t pages, int advice);
void stage_cast(struct stage *stage);
void cast_role(struct vcpu *vcpu, const uint8_t *code, const uint8_t *code_end, const char *doing);
/* Let the subject run this program in a guest of its own, whose memory is the subject's (nested.c).
 */
void cast_nested(struct stage *stage, const uint8_t *code, const uint8_t *code_end);
/* Let the subject map the page for that guest only when it is needed, in a page table of its own.
 */
void withhold_page(struct stage *stage);
void set_arguments(struct vcpu *vcpu, uint64_t rcx, uint64_t rbx, uint64_t rsi);
void stage_start(struct stage *stage, uint64_t rbx, uint64_t rsi);
void slot_set(struct stage *stage, int slot, unsigned int flags, uint64_t base, uint64_t size,
	      void *hva);
void stage_subject_ready(struct stage *stage);
void pin(int cpu);
void stage_go(struct stage *stage);
void stage_tell(const struct stage *stage);
void parameter(const char *name, const char *value);

#endif
