/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the fuzz target of capsules asks. */
#ifndef FUZZ_CAPSULE_H
#define FUZZ_CAPSULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/*
 * Every question about every input. By default only about packed capsules, which are the seeds;
 * about an unpacked one, which mutations change inside, two that depend on its bytes: an answer
 * takes longer than anything else here.
 */
extern bool capsule_ask_everything;

#endif
