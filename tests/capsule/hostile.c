// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Damages a capsule: truncates it at every 512 bytes and mutates it with a seed, compressed and
 * uncompressed. Built with the sanitizers, invalid accesses and leaks end it. Prints the longest
 * time that one took, in milliseconds.
 */
#include "../chance.h"
#include "../fuzz/capsule.h"
#include "capsule/capsule_format.h"
#include "types/unpack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double longest;

static void run(const uint8_t *data, size_t len)
{
	clock_t start = clock();
	double took;

	LLVMFuzzerTestOneInput(data, len);
	took = 1000.0 * (double)(clock() - start) / CLOCKS_PER_SEC;
	if (took > longest)
		longest = took;
}

static uint64_t nasty(void)
{
	static const uint64_t values[] = {0,	      1,     3,		 0xff, 0xffff,
					  0x7fffffff, ~0ULL, 1ULL << 63, 4096};

	return any(3) ? values[any(sizeof(values) / sizeof(*values))] : any(~0ULL);
}

/* Return the offset of the notes: damaged headers before it are rejected early. */
static size_t headers(const uint8_t *data, size_t len)
{
	Elf64_Phdr first;

	if (len < sizeof(Elf64_Ehdr) + sizeof(first))
		return 0;
	memcpy(&first, data + sizeof(Elf64_Ehdr), sizeof(first));
	return first.p_type == PT_NOTE && first.p_offset < len ? first.p_offset : 0;
}

/* Return an offset in the file, with a probability of 7/8 after its headers. */
static size_t somewhere(size_t head, size_t len)
{
	return any(8) ? head + any(len - head) : any(len);
}

static void mutate(uint8_t *data, size_t len)
{
	size_t head = headers(data, len);

	for (uint64_t n = 1 + any(8); n; n--) {
		size_t at = somewhere(head, len), other = somewhere(head, len), size = 1 + any(64);
		uint64_t value = nasty();

		size = size < len - at ? size : len - at;
		size = size < len - other ? size : len - other;
		switch (any(4)) {
		case 0:
			data[at] ^= 1u << any(8);
			break;
		case 1:
			at -= at % 8;
			memcpy(data + at, &value, len - at < 8 ? len - at : 8);
			break;
		case 2:
			memmove(data + at, data + other, size);
			break;
		case 3:
			memset(data + at, (int)value, size);
			break;
		}
	}
}

static void damage(const uint8_t *data, size_t len, int rounds)
{
	uint8_t *copy = malloc(len);

	if (!copy)
		exit(2);
	for (size_t cut = 0; cut < len; cut += 512) {
		memcpy(copy, data, cut);
		run(copy, cut);
	}
	for (int i = 0; i < rounds; i++) {
		memcpy(copy, data, len);
		mutate(copy, len);
		run(copy, len);
	}
	free(copy);
}

int main(int argc, char **argv)
{
	static uint8_t packed[1 << 20];
	void *unpacked;
	FILE *file = argc == 4 ? fopen(argv[1], "rb") : NULL;
	size_t len, size;
	int rounds;

	if (!file)
		return 2;
	rounds = atoi(argv[2]);
	capsule_ask_everything = true;
	seed_chance(strtoull(argv[3], NULL, 10));
	len = fread(packed, 1, sizeof(packed), file);
	fclose(file);
	if (km_unpack(packed, len, &unpacked, &size))
		return 2;
	run(unpacked, size);
	damage(packed, len, rounds / 10);
	damage(unpacked, size, rounds);
	printf("%.0f\n", longest);
	return 0;
}
