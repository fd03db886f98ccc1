// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Loads: healthy guests whose memory the VMM keeps taking away, and a guest within a guest.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "stage.h"

#define ROLE(name) name, name##_end

PROGRAM(guest_vmrun);

/* Where a vCPU's guest has what it runs its own guest with. */
#define VMCB(vcpu)	  (TABLES(vcpu) + 0x8000)
#define NESTED_ROOT(vcpu) (TABLES(vcpu) + 0xa000)
#define NESTED_CODE(vcpu) (AREA(vcpu) + CODE + 0x800)

static struct stage *discarded;

static void discard(uint64_t first, uint64_t pages)
{
	madvise(discarded->hva + (first << 12), pages << 12, MADV_DONTNEED);
}

static void discard_all(void)
{
	discard(0, discarded->pages);
}

static void *discard_each_100ms(void *arg)
{
	(void)arg;
	thread_name("vmm-zap");
	for (;;) {
		discard_all();
		usleep(100000);
	}
	return NULL;
}

/* What a balloon gives back: a few pages here and there. */
static void *inflate(void *arg)
{
	uint64_t first, pages;

	(void)arg;
	thread_name("vmm-balloon");
	for (;;) {
		first = dice(discarded->pages);
		pages = 1 + dice(discarded->pages - first);
		discard(first, pages > 32 ? 32 : pages);
		usleep(1000 + dice(20000));
	}
	return NULL;
}

static void begin(struct stage *stage)
{
	discarded = stage;
	stage_start(stage, stage->base, stage->pages << 12);
	stage_subject_ready(stage);
}

/* The subject writes page after page, and takes them all back when it starts over. */
static void stride(struct stage *stage, int advice)
{
	stage_set_up(stage, 0, 512, advice);
	stage_cast(stage);
	cast_role(subject(stage), ROLE(guest_stride), "write all");
	subject(stage)->wrap = discard_all;
}

static void zapped_each_100ms(struct stage *stage)
{
	stage_set_up(stage, 0, 0, MADV_NOHUGEPAGE);
	stage_cast(stage);
	cast_role(subject(stage), ROLE(guest_hammer), "write");
	begin(stage);
}

static void start_zapping(struct stage *stage)
{
	thread_start(discard_each_100ms, stage);
}

static void balloon(struct stage *stage)
{
	stride(stage, dice(2) ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	begin(stage);
}

static void start_balloon(struct stage *stage)
{
	thread_start(inflate, stage);
}

/* The first GiB, mapped one to one by pages of 2 MiB for everybody. */
static void build_nested_tables(uint8_t *ram, uint64_t root)
{
	const uint64_t all = 7, huge = 0x80;
	uint64_t *table = (uint64_t *)(ram + root);

	table[0] = (root + 0x1000) | all;
	table[512] = (root + 0x2000) | all;
	for (uint64_t i = 0; i < 512; i++)
		table[1024 + i] = i << 21 | all | huge;
}

static void put(uint8_t *vmcb, unsigned int offset, uint64_t value, size_t size)
{
	memcpy(vmcb + offset, &value, size);
}

static void put_segment(uint8_t *vmcb, unsigned int offset, uint16_t selector, uint16_t attributes)
{
	put(vmcb, offset, selector, 2);
	put(vmcb, offset + 2, attributes, 2);
	put(vmcb, offset + 4, 0xffffffff, 4);
}

/* 32-bit code without paging, under nested paging; its ports are the VMM's. */
static void build_vmcb(uint8_t *ram, int vcpu)
{
	uint8_t *vmcb = ram + VMCB(vcpu);

	put(vmcb, 0x010, 1, 4); /* intercept VMRUN */
	put(vmcb, 0x058, 1, 4); /* ASID */
	put(vmcb, 0x090, 1, 8); /* nested paging */
	put(vmcb, 0x0b0, NESTED_ROOT(vcpu), 8);
	put_segment(vmcb, 0x400, 0x10, 0xc93); /* ES */
	put_segment(vmcb, 0x410, 0x08, 0xc9b); /* CS */
	put_segment(vmcb, 0x420, 0x10, 0xc93); /* SS */
	put_segment(vmcb, 0x430, 0x10, 0xc93); /* DS */
	put(vmcb, 0x4d0, 0x1000, 8);	       /* EFER.SVME */
	put(vmcb, 0x558, 0x11, 8);	       /* CR0: PE, ET */
	put(vmcb, 0x560, 0x400, 8);	       /* DR7 */
	put(vmcb, 0x568, 0xffff0ff0, 8);       /* DR6 */
	put(vmcb, 0x570, 2, 8);		       /* RFLAGS */
	put(vmcb, 0x578, NESTED_CODE(vcpu), 8);
	put(vmcb, 0x5d8, AREA(vcpu) + STACK_TOP, 8);
	put(vmcb, 0x668, 0x0007040600070406, 8); /* PAT */
}

/* The nested guest writes page after page. */
static void nested(struct stage *stage)
{
	uint8_t *ram;
	int vcpu;

	stride(stage, MADV_NOHUGEPAGE);
	ram = stage->vm.ram;
	vcpu = stage->subject;
	cast_role(subject(stage), ROLE(guest_vmrun), "run a nested guest");
	subject(stage)->mode = MODE_LONG;
	build_nested_tables(ram, NESTED_ROOT(vcpu));
	build_vmcb(ram, vcpu);
	memcpy(ram + NESTED_CODE(vcpu), guest_stride, guest_stride_end - guest_stride);
	stage->page = VMCB(vcpu);
	begin(stage);
}

const struct plot more_plots[] = {
	{"zapped-each-100ms", zapped_each_100ms, start_zapping},
	{"balloon", balloon, start_balloon},
	{"nested", nested, NULL},
	{"nested-zapped", nested, start_zapping},
	{NULL, NULL, NULL},
};
