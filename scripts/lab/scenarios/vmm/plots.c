// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The stories: how each brings its machine into a state. What the lab then does to the kernel
 * through the debugger, and what must be seen in the dump, stands in catalogue.py.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "stage.h"

#define ROLE(name) name, name##_end

/* A slot, and a subject that does this in it. */
static void simple(struct stage *stage, unsigned int flags, int advice, const uint8_t *code,
		   const uint8_t *code_end, const char *doing)
{
	stage_set_up(stage, flags, 0, advice);
	stage_cast(stage);
	cast_role(subject(stage), code, code_end, doing);
}

/* With the subject's rbx and rsi. */
static void begin_with(struct stage *stage, uint64_t rbx, uint64_t rsi)
{
	stage_start(stage, rbx, rsi);
	stage_subject_ready(stage);
}

static void begin(struct stage *stage)
{
	begin_with(stage, stage->base, stage->pages << 12);
}

/* The page is mapped writable before the story begins. */
static void written_page(struct stage *stage)
{
	simple(stage, 0, MADV_NOHUGEPAGE, ROLE(guest_write_then_write), "write");
	begin_with(stage, stage->spare, 0);
}

/* Nothing is mapped yet. */
static void untouched_page(struct stage *stage)
{
	if (dice(2))
		simple(stage, 0, MADV_NOHUGEPAGE, ROLE(guest_write), "write");
	else
		simple(stage, 0, MADV_NOHUGEPAGE, ROLE(guest_read), "read");
	begin(stage);
}

static void *read_log(void *arg)
{
	static unsigned long bitmap[64];
	struct stage *stage = arg;
	struct kvm_dirty_log log = {.slot = stage->slot, .dirty_bitmap = bitmap};

	thread_name("vmm-log");
	for (;;) {
		ioctl_or_die(stage->vm.fd, KVM_GET_DIRTY_LOG, &log, "KVM_GET_DIRTY_LOG");
		usleep(stage->log_us);
	}
	return NULL;
}

static void start_log(struct stage *stage)
{
	stage->log_us = 5000 + dice(15000);
	thread_start(read_log, stage);
}

/* A writer that never rests, and somebody who reads the dirty log and so takes the W bit away. */
static void dirty_log(struct stage *stage)
{
	simple(stage, KVM_MEM_LOG_DIRTY_PAGES, MADV_NOHUGEPAGE, ROLE(guest_hammer), "write");
	begin(stage);
}

const struct plot plots[] = {
	{"written-page", written_page, NULL},
	{"untouched-page", untouched_page, NULL},
	{"dirty-log", dirty_log, start_log},
	{NULL, NULL, NULL},
};
