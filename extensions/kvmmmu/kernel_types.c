// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel_types.h"

#include "debuginfo.h"
#include "dwarf_types.h"
#include "types_chain.h"

#include <stdlib.h>
#include <string.h>

/*
 * Debuginfo of @name, by build-id where the dump told one, else by release. On success *@types belongs
 * to the caller and *@id is the file's build-id.
 */
static km_error *open_dwarf(const struct km_kernel *kernel, const char *name,
			    const struct km_build_id *wanted, struct km_types **types,
			    struct km_build_id *id)
{
	struct km_debuginfo_query query = {
		.build_id = wanted ? wanted->bytes : NULL,
		.build_id_len = wanted ? wanted->len : 0,
		.name = name,
		.release = kernel->release,
		.user_path = km_memory_target(kernel->mem)->debug_dir,
	};
	struct km_debuginfo info = {0};
	km_error *err = km_debuginfo_find(&query, &info);

	if (err)
		return err;
	id->len = info.build_id_len == KM_BUILD_ID_SIZE ? KM_BUILD_ID_SIZE : 0;
	memcpy(id->bytes, info.build_id, id->len);
	err = km_dwarf_open(&info, types);
	km_debuginfo_deinit(&info);
	return err;
}

/* The kernel proper's build-id, from its notes in the dump. */
static struct km_build_id vmlinux_build_id(const struct km_kernel *kernel)
{
	struct km_target *target = km_memory_target(kernel->mem);
	uint64_t start, stop;

	if (target->ops->symbol(target, "__start_notes", &start) &&
	    target->ops->symbol(target, "__stop_notes", &stop))
		return km_find_build_id(kernel->mem, start, stop);
	return (struct km_build_id){.len = 0};
}

static km_error *use_types(struct km_kernel *kernel, struct km_types *types)
{
	km_layout_free(kernel->layout);
	kernel->layout = km_layout_new(types);
	return kernel->layout ? NULL : km_errorf(KM_ENOMEM, "out of memory");
}

/* KVM is part of vmlinux: its debuginfo has all types. */
static km_error *builtin_dwarf(struct km_kernel *kernel)
{
	struct km_build_id wanted = vmlinux_build_id(kernel), found;
	struct km_types *types;
	km_error *err = open_dwarf(kernel, "vmlinux", &wanted, &types, &found);

	if (err)
		return err;
	kernel->builtin = true;
	return use_types(kernel, types);
}

/*
 * Types of the vendor module, behind those of kvm: struct vcpu_svm is nowhere else. A missing one is
 * a fact that the layout tells (KM_ABSENT), no error.
 */
static km_error *add_vendor_dwarf(struct km_kernel *kernel, const char *name,
				  struct km_types **types)
{
	struct km_types *chain[2] = {*types, NULL};
	struct km_build_id found;
	km_scoped_error *none =
		open_dwarf(kernel, name, &kernel->vendor_module.build_id, &chain[1], &found);

	if (none)
		return NULL;
	return km_types_chain(chain, 2, types);
}

static const char *find_vendor_module(struct km_kernel *kernel)
{
	static const char *const names[] = {"kvm_amd", "kvm_intel"};

	for (size_t i = 0; i < 2; i++) {
		km_scoped_error *err = km_module_find(kernel->mem, kernel->layout, names[i],
						      &kernel->vendor_module);

		if (!err && kernel->vendor_module.addr)
			return names[i];
	}
	return NULL;
}

/*
 * kvm.ko's debuginfo describes struct module too: the file of the right release is opened first, the
 * dump's build-id read with it, and then the two have to agree.
 */
static km_error *module_dwarf(struct km_kernel *kernel)
{
	struct km_types *types = NULL;
	struct km_build_id found;
	km_error *err = open_dwarf(kernel, "kvm", NULL, &types, &found);
	const char *vendor;

	if (!err)
		err = use_types(kernel, types);
	if (!err)
		err = km_module_find(kernel->mem, kernel->layout, "kvm", &kernel->kvm);
	if (err)
		return err;
	if (!kernel->kvm.addr)
		return km_errorf(KM_EABSENT, "kvm is not loaded in this kernel");
	if (!km_build_id_equal(&kernel->kvm.build_id, &found)) {
		err = open_dwarf(kernel, "kvm", &kernel->kvm.build_id, &types, &found);
		if (err)
			return err;
		err = use_types(kernel, types);
		if (err)
			return err;
	}
	vendor = find_vendor_module(kernel);
	if (vendor) {
		types = km_layout_release_types(kernel->layout);
		err = add_vendor_dwarf(kernel, vendor, &types);
		if (err)
			return err;
		err = use_types(kernel, types);
	}
	return err;
}

km_error *km_kernel_find_types(struct km_kernel *kernel, enum km_types_source source)
{
	struct km_target *target = km_memory_target(kernel->mem);
	uint64_t addr;
	bool modules = target->ops->symbol(target, "modules", &addr);
	km_error *err;

	(void)source;
	if (!modules && !target->ops->symbol(target, "vm_list", &addr))
		return km_errorf(KM_EABSENT, "this kernel has neither modules nor KVM built in");
	err = modules ? module_dwarf(kernel) : builtin_dwarf(kernel);
	if (!err && !kernel->builtin)
		err = km_module_read_symbols(kernel->mem, kernel->layout, &kernel->kvm);
	if (!err && kernel->vendor_module.addr)
		km_error_free(km_module_read_symbols(kernel->mem, kernel->layout,
						     &kernel->vendor_module));
	return err;
}
