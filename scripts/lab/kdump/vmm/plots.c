// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Loads: healthy guests whose memory the VMM keeps taking away, and a guest within a guest.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "stage.h"

#define ROLE(name) name, name##_end

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

/* What a balloon returns: a few pages in different places. */
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

/* The nested guest writes page after page. */
static void nested(struct stage *stage)
{
	stride(stage, MADV_NOHUGEPAGE);
	cast_nested(stage, ROLE(guest_stride));
	begin(stage);
}

const struct plot more_plots[] = {
	{"zapped-each-100ms", zapped_each_100ms, start_zapping},
	{"balloon", balloon, start_balloon},
	{"nested", nested, NULL},
	{"nested-zapped", nested, start_zapping},
	{NULL, NULL, NULL},
};
