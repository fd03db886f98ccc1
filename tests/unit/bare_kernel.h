/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A kernel of which nothing is readable and no type is known: what was set by hand is all there is.
 */
#ifndef KVMMMU_BARE_KERNEL_H
#define KVMMMU_BARE_KERNEL_H

#include "kernel/kernel.h"

static inline km_error *bare_read(struct km_target *target, uint64_t at, void *buf, size_t len)
{
	(void)target, (void)at, (void)buf, (void)len;
	return km_errorf(KM_EREAD, "not there");
}

static inline bool bare_symbol(struct km_target *target, const char *name, uint64_t *addr)
{
	(void)target, (void)name, (void)addr;
	return false;
}

static inline km_error *bare_size(struct km_types *types, const char *tag, uint32_t *size)
{
	(void)types, (void)tag, (void)size;
	return km_errorf(KM_EABSENT, "no such type");
}

static inline km_error *bare_member(struct km_types *types, const char *tag, const char *path,
				    struct km_member *member)
{
	(void)types, (void)tag, (void)path, (void)member;
	return km_errorf(KM_EABSENT, "no such member");
}

static inline km_error *bare_enumerator(struct km_types *types, const char *tag, const char *name,
					int64_t *value)
{
	(void)types, (void)tag, (void)name, (void)value;
	return km_errorf(KM_EABSENT, "no such enumerator");
}

static inline void bare_free(struct km_types *types)
{
	(void)types;
}

static inline void bare_kernel_set(struct km_kernel *kernel, struct km_target *target,
				   struct km_types *types)
{
	kernel->mem = km_memory_new(target);
	kernel->layout = km_layout_new(types);
	assert_non_null(kernel->mem);
	assert_non_null(kernel->layout);
}

/* Give @kernel memory and a layout; release them with bare_kernel_close(). */
static inline void bare_kernel_open(struct km_kernel *kernel)
{
	static const struct km_target_ops target_ops = {
		.read_phys = bare_read, .read_virt = bare_read, .symbol = bare_symbol};
	static const struct km_types_ops types_ops = {.size_of = bare_size,
						      .member = bare_member,
						      .enumerator = bare_enumerator,
						      .free = bare_free};
	static struct km_target target = {.ops = &target_ops, .host = "test", .name = "test"};
	static struct km_types types = {.ops = &types_ops, .origin = (char *)"no types"};

	bare_kernel_set(kernel, &target, &types);
}

static inline void bare_kernel_close(struct km_kernel *kernel)
{
	km_layout_free(kernel->layout);
	km_memory_free(kernel->mem);
}

#endif
