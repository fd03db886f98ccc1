// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Secrets for the tests that none of them leaks. Each is planted in a different place. They are
 * computed when needed, one word at a time, so that neither this program's image nor a temporary
 * copy contains a whole one.
 */
#include <cpuid.h>
#include <string.h>
#include <sys/ioctl.h>

#include "vmm.h"

static const struct {
	const char *where;
	int words;
	bool letters;
} markers[] = {
	[MARK_MEMORY] = {"guest memory", 8},
	[MARK_REGISTERS] = {"general registers", 2}, /* r12, r13 */
	[MARK_XMM] = {"xmm register", 2},
	[MARK_YMM] = {"ymm register", 2}, /* the upper half */
	[MARK_MMIO] = {"MMIO data", 1},
	[MARK_PORT] = {"port data", 2},
	[MARK_HEAP] = {"heap of the VMM", 8},
	[MARK_COMMAND_LINE] = {"command line of the VMM", MARK_COMMAND_LINE_SIZE / 8, true},
};

static volatile uint64_t seed = 0x6b766d6d6d75;

/* splitmix64 */
uint64_t marker_word(enum marker marker, int index)
{
	uint64_t x = seed + (marker * 16 + index + 1) * 0x9e3779b97f4a7c15;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	x ^= x >> 31;
	/* a letter of a to p in each byte */
	return markers[marker].letters ? (x & 0x0f0f0f0f0f0f0f0f) + 0x6161616161616161 : x;
}

void marker_plant(enum marker marker, void *where)
{
	for (int i = 0; i < markers[marker].words; i++)
		*((volatile uint64_t *)where + i) = marker_word(marker, i);
}

void marker_plant_vectors(const struct vcpu *vcpu)
{
	unsigned int size, upper_half, ecx, edx;
	struct kvm_xsave xsave;
	uint8_t *area = (uint8_t *)&xsave;

	__cpuid_count(0xd, 2, size, upper_half, ecx, edx);
	if (size != 256 || upper_half + size > sizeof(xsave))
		die("AVX");
	ioctl_or_die(vcpu->fd, KVM_GET_XSAVE, &xsave, "KVM_GET_XSAVE");
	*(uint64_t *)(area + 512) |= 7; /* x87, SSE and AVX are in use */
	marker_plant(MARK_XMM, area + 160);
	marker_plant(MARK_YMM, area + upper_half);
	ioctl_or_die(vcpu->fd, KVM_SET_XSAVE, &xsave, "KVM_SET_XSAVE");
	explicit_bzero(&xsave, sizeof(xsave));
}

void truth_markers(void)
{
	for (size_t i = 0; i < sizeof(markers) / sizeof(markers[0]); i++)
		for (int word = 0; word < markers[i].words; word++)
			truth("LAB {\"kind\":\"marker\",\"where\":\"%s\",\"word\":\"%#llx\"}",
			      markers[i].where, (unsigned long long)marker_word(i, word));
}
