// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Page tables for guests: they map the first GiB identically with 2 MiB pages, the first 2 MiB of
 * it with 4 KiB pages. The page of the vCPU's area that is only read is read-only here.
 */
#include "vmm.h"

#define P  (1ull << 0)
#define W  (1ull << 1)
#define PS (1ull << 7)
#define NX (1ull << 63)

enum { ROOT, DIRECTORIES, DIRECTORY, TABLE };

uint64_t build_tables(const struct vcpu *vcpu)
{
	uint64_t base = TABLES(vcpu->id);
	uint64_t *host = (uint64_t *)(vcpu->vm->ram + base);
	uint64_t read_page = AREA(vcpu->id) + PAGE_READ;
	uint64_t *table[TABLE + 1];
	uint64_t gpa[TABLE + 1];
	/* Entries of a PAE root have no W and U bits; they are only present. */
	uint64_t directory_flags = vcpu->mode == MODE_PAE ? P : P | W;

	for (int i = ROOT; i <= TABLE; i++) {
		table[i] = host + i * 512;
		gpa[i] = base + i * 4096;
	}
	table[ROOT][0] = gpa[DIRECTORIES] | P | W;
	table[DIRECTORIES][0] = gpa[DIRECTORY] | directory_flags;
	for (uint64_t i = 0; i < 512; i++) {
		table[DIRECTORY][i] = i << 21 | P | W | PS;
		table[TABLE][i] = i << 12 | P | W;
	}
	table[DIRECTORY][0] = gpa[TABLE] | P | W;
	table[TABLE][read_page >> 12] = read_page | P | (vcpu->nx ? NX : 0);
	return vcpu->mode == MODE_PAE ? gpa[DIRECTORIES] : gpa[ROOT];
}
