/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Seeded pseudo-random numbers (xorshift64), the same on every machine. */
#ifndef KVMMMU_TESTS_CHANCE_H
#define KVMMMU_TESTS_CHANCE_H

#include <stdint.h>

static uint64_t chance_state = 1;

static inline void seed_chance(uint64_t seed)
{
	chance_state = seed * 0x9e3779b97f4a7c15ULL + 1;
}

/* 0 to @below - 1 */
static inline uint64_t any(uint64_t below)
{
	chance_state ^= chance_state << 13;
	chance_state ^= chance_state >> 7;
	chance_state ^= chance_state << 17;
	return chance_state % below;
}

#endif
