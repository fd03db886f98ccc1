// SPDX-License-Identifier: GPL-2.0-or-later
/* Machines whose guests run guests of their own (../scenarios/vmm). */
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../scenarios/vmm/stage.h"
#include "machines.h"

#define PAGES 256

static struct stage stage = {.keeper = -1, .pinned = -1, .pager = -1};

static void discard_some(void)
{
	madvise(stage.hva + dice(PAGES / 2) * 0x1000, dice(PAGES / 2) * 0x1000, MADV_DONTNEED);
}

static void *read_log(void *unused)
{
	static unsigned long bitmap[PAGES / 8 / sizeof(unsigned long)];
	struct kvm_dirty_log log = {.slot = stage.slot, .dirty_bitmap = bitmap};

	thread_name("%s-log", stage.name);
	while (!unused) {
		ioctl_or_die(stage.vm.fd, KVM_GET_DIRTY_LOG, &log, "KVM_GET_DIRTY_LOG");
		usleep(3000);
	}
	return NULL;
}

static void start(void)
{
	stage_start(&stage, stage.base, stage.pages << 12);
	stage_subject_ready(&stage);
	stage_go(&stage);
}

void run_nested(unsigned int seed, bool shadow)
{
	(void)shadow;
	dice_seed(seed);
	stage.name = "nested";
	stage_set_up(&stage, KVM_MEM_LOG_DIRTY_PAGES, PAGES, MADV_NOHUGEPAGE);
	stage_cast(&stage);
	cast_nested(&stage, guest_stride, guest_stride_end);
	subject(&stage)->wrap = discard_some;
	start();
	thread_start(read_log, NULL);
}

void run_nested_unmaps(unsigned int seed, bool shadow)
{
	(void)shadow;
	dice_seed(seed);
	stage.name = "unmaps";
	stage_set_up(&stage, 0, 0, MADV_NOHUGEPAGE);
	stage_cast(&stage);
	cast_nested(&stage, guest_write_unmapped, guest_write_unmapped_end);
	subject(&stage)->tick_us = 500;
	withhold_page(&stage);
	start();
}
