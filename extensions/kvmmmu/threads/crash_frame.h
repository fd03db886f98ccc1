/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The frame in which the CPU that panicked saved its own registers. */
#ifndef KVMMMU_CRASH_FRAME_H
#define KVMMMU_CRASH_FRAME_H

#include "kernel/kernel.h"
#include "kernel/orc.h"

/*
 * Unwind @u, whose ip has no ORC entry, to its caller. crash_setup_regs() stores as ip the address
 * of the code that it was inlined to, between instructions of inline assembly that objtool does not
 * follow. The caller is the first word on the stack that is behind a direct call of this very
 * function. False if there is none.
 */
bool km_crash_frame_unwind(const struct km_kernel *k, struct km_unwind *u);

#endif
