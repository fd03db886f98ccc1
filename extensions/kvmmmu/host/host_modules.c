// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/host_modules.h"

const char *km_host_module_name(const struct km_kernel *k, enum km_host_module which)
{
	static const char *const names[] = {
		[KM_VENDOR_UNKNOWN] = NULL,
		[KM_VENDOR_AMD] = "kvm_amd",
		[KM_VENDOR_INTEL] = "kvm_intel",
	};

	return which == KM_HOST_KVM ? "kvm" : names[k->vendor];
}

uint64_t km_host_module_addr(const struct km_kernel *k, enum km_host_module which)
{
	static const char *const symbols[] = {"__this_module.kvm", "__this_module.vendor"};
	const struct km_module *module = which == KM_HOST_KVM ? &k->kvm : &k->vendor_module;
	struct km_recorder *rec = km_memory_recorder(k->mem);
	uint64_t addr = module->addr;

	if (!addr && km_target_info(km_memory_target(k->mem)) &&
	    !km_kernel_symbol(k, symbols[which], &addr))
		return 0;
	if (rec && addr)
		km_recorder_add_symbol(rec, symbols[which], addr);
	return addr;
}

const char *km_host_module_at(const struct km_kernel *k, uint64_t pc)
{
	for (int i = 0; i < KM_HOST_MODULES; i++) {
		uint64_t addr = km_host_module_addr(k, i);
		struct km_val base, size;

		if (!addr)
			continue;
		base = km_kconfirm(k, addr, KM_M_module_text_base);
		size = km_kconfirm(k, addr, KM_M_module_text_size);
		if (km_is_known(base) && km_is_known(size) && pc >= base.v && pc - base.v < size.v)
			return km_host_module_name(k, i);
	}
	return NULL;
}
