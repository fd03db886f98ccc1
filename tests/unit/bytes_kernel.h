/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A kernel of which a test has the bytes and describes the members: bare_kernel.h without these. */
#ifndef KVMMMU_BYTES_KERNEL_H
#define KVMMMU_BYTES_KERNEL_H

#include "bare_kernel.h"

#include <string.h>

#define BYTES_DIRECT_MAP 0xffff888000000000ULL

/* Physical memory; it is also in the direct map. */
struct bytes_range {
	uint64_t pa;
	uint8_t *bytes;
	size_t size;
};

struct bytes_member {
	const char *tag, *path;
	struct km_member member;
};

static const struct bytes_range *bytes_ranges;
static const struct bytes_member *bytes_members;
static size_t bytes_range_count, bytes_member_count;

static inline km_error *bytes_read_phys(struct km_target *target, uint64_t at, void *buf,
					size_t len)
{
	(void)target;
	for (size_t i = 0; i < bytes_range_count; i++) {
		const struct bytes_range *r = &bytes_ranges[i];

		if (at >= r->pa && at - r->pa < r->size && len <= r->size - (at - r->pa)) {
			memcpy(buf, r->bytes + (at - r->pa), len);
			return NULL;
		}
	}
	return km_errorf(KM_EREAD, "not there");
}

static inline km_error *bytes_read_virt(struct km_target *target, uint64_t at, void *buf,
					size_t len)
{
	return bytes_read_phys(target, at - BYTES_DIRECT_MAP, buf, len);
}

static inline km_error *bytes_member(struct km_types *types, const char *tag, const char *path,
				     struct km_member *member)
{
	(void)types;
	for (size_t i = 0; i < bytes_member_count; i++) {
		if (!strcmp(tag, bytes_members[i].tag) && !strcmp(path, bytes_members[i].path)) {
			*member = bytes_members[i].member;
			return NULL;
		}
	}
	return km_errorf(KM_EABSENT, "no such member");
}

/* Give @kernel the ranges and members of the test; release them with bare_kernel_close(). */
static inline void bytes_kernel_open(struct km_kernel *kernel)
{
	static const struct km_target_ops target_ops = {
		.read_phys = bytes_read_phys, .read_virt = bytes_read_virt, .symbol = bare_symbol};
	static const struct km_types_ops types_ops = {.size_of = bare_size,
						      .member = bytes_member,
						      .enumerator = bare_enumerator,
						      .free = bare_free};
	static struct km_target target = {.ops = &target_ops, .host = "test", .name = "test"};
	static struct km_types types = {.ops = &types_ops, .origin = (char *)"a test"};

	bare_kernel_set(kernel, &target, &types);
}

#endif
