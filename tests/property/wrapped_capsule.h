/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A capsule as a target that does not hold all of it: the driver defines is_hidden(). */
#ifndef KVMMMU_WRAPPED_CAPSULE_H
#define KVMMMU_WRAPPED_CAPSULE_H

#include "capsule/capsule.h"
#include "threads/saved_stacks.h"

#include <stdio.h>
#include <stdlib.h>

static struct {
	struct km_target target;
	struct km_target_ops ops; /* a driver may replace them */
	struct km_target *inner;
	struct km_capsule_info info;
	struct km_saved_stacks saved; /* the stacks, which a driver may change */
} wrapped;

/* Is one of these bytes hidden? */
static bool is_hidden(bool phys, uint64_t addr, size_t len);

static km_error *read_phys(struct km_target *target, uint64_t pa, void *buf, size_t len)
{
	(void)target;
	if (is_hidden(true, pa, len))
		return km_errorf(KM_EREAD, "hidden");
	return wrapped.inner->ops->read_phys(wrapped.inner, pa, buf, len);
}

static km_error *read_virt(struct km_target *target, uint64_t va, void *buf, size_t len)
{
	(void)target;
	if (is_hidden(false, va, len))
		return km_errorf(KM_EREAD, "hidden");
	return wrapped.inner->ops->read_virt(wrapped.inner, va, buf, len);
}

static bool symbol(struct km_target *target, const char *name, uint64_t *addr)
{
	(void)target;
	return wrapped.inner->ops->symbol(wrapped.inner, name, addr);
}

static void wrap(struct km_target *inner)
{
	wrapped.inner = inner;
	wrapped.target = *inner;
	wrapped.info = *inner->capsule;
	if (inner->capsule->saved) {
		wrapped.saved = *inner->capsule->saved;
		wrapped.info.saved = &wrapped.saved;
	}
	wrapped.target.capsule = &wrapped.info;
	wrapped.ops = (struct km_target_ops){
		.read_phys = read_phys, .read_virt = read_virt, .symbol = symbol};
	wrapped.target.ops = &wrapped.ops;
}

/* NULL: out of memory. */
static void die(const km_error *err)
{
	fprintf(stderr, "%s\n", err ? km_error_text(err) : "out of memory");
	exit(3);
}

#endif
