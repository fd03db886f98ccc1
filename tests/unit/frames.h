/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frames of a stack that a test fills in. */
#ifndef KVMMMU_FRAMES_H
#define KVMMMU_FRAMES_H

#include "threads/stack.h"

/* Return @frames, of which none has a function yet. */
static inline struct km_frame *no_frames(struct km_frame frames[KM_FRAMES])
{
	for (unsigned i = 0; i < KM_FRAMES; i++)
		frames[i] = (struct km_frame){.function = ""};
	return frames;
}

#endif
