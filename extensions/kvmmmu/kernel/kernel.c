// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/kernel.h"

bool km_kernel_symbol(const struct km_kernel *kernel, const char *name, uint64_t *addr)
{
	struct km_target *target = km_memory_target(kernel->mem);
	struct km_recorder *rec = km_memory_recorder(kernel->mem);
	bool found = km_module_symbol(&kernel->kvm, name, addr) ||
		     km_module_symbol(&kernel->vendor_module, name, addr) ||
		     target->ops->symbol(target, name, addr);

	if (rec && found)
		km_recorder_add_symbol(rec, name, *addr);
	return found;
}

struct km_val km_kernel_variable(const struct km_kernel *kernel, const char *name, uint32_t size)
{
	km_scoped_error *err = NULL;
	uint64_t addr, value = 0;

	if (size > sizeof(value) || !km_kernel_symbol(kernel, name, &addr))
		return (struct km_val){.known = KM_ABSENT};
	err = km_read_virt_as(kernel->mem, addr, &value, size, name);
	if (err)
		return (struct km_val){.known = KM_UNREADABLE};
	return km_known_val(value);
}

const char *km_vendor_name(enum km_vendor vendor)
{
	static const char *const names[] = {NULL, "AMD", "Intel"};

	return names[vendor];
}
