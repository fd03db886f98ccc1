// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel_types.h"

#include "btf_types.h"
#include "debuginfo.h"
#include "dwarf_types.h"
#include "module_elf.h"
#include "types_chain.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* vmlinux's is 5 to 10 MB */
#define MAX_BTF		(256u << 20)
#define MAX_BTF_MODULES 10000

/*
 * Debuginfo of @name, by build-id where the dump told one, else by release. On success *@types
 * belongs to the caller and *@id is the file's build-id.
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

struct km_build_id km_vmlinux_build_id(const struct km_kernel *kernel)
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
	struct km_build_id wanted = km_vmlinux_build_id(kernel), found;
	struct km_types *types;
	km_error *err = open_dwarf(kernel, "vmlinux", &wanted, &types, &found);

	if (err)
		return err;
	kernel->builtin = true;
	return use_types(kernel, types);
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
 * Types of the vendor module: struct vcpu_svm is nowhere else. A missing one takes the VMCB away,
 * no more: it is told, and no error. Returns how many sources *@types got: 1 or 0.
 */
static size_t add_vendor_dwarf(struct km_kernel *kernel, struct km_types **types)
{
	const char *name = find_vendor_module(kernel);
	struct km_build_id found;
	km_scoped_error *none = NULL;

	if (!name)
		return 0;
	none = open_dwarf(kernel, name, &kernel->vendor_module.build_id, types, &found);
	if (none)
		kernel->vendor_trouble = strdup(km_error_text(none));
	return none ? 0 : 1;
}

/* A BTF blob of the dump as a type source. */
static km_error *open_btf(const struct km_kernel *kernel, uint64_t addr, uint64_t len,
			  struct km_types *base, const char *origin, struct km_types **types)
{
	void *blob;
	km_error *err;

	if (!len || len > MAX_BTF)
		return km_errorf(KM_EDATA, "%s: %" PRIu64 " bytes", origin, len);
	blob = malloc(len);
	if (!blob)
		return km_errorf(KM_ENOMEM, "out of memory");
	err = km_read_bulk(kernel->mem, addr, blob, len);
	if (!err)
		err = km_btf_open(blob, len, base, origin, types);
	free(blob);
	return km_error_context(err, "%s", origin);
}

/* The types of vmlinux, from the dump itself. KM_EABSENT if it has none. */
static km_error *use_vmlinux_btf(struct km_kernel *kernel)
{
	struct km_target *target = km_memory_target(kernel->mem);
	struct km_types *types;
	uint64_t start, stop;
	km_error *err;

	if (!target->ops->symbol(target, "__start_BTF", &start) ||
	    !target->ops->symbol(target, "__stop_BTF", &stop) || stop <= start)
		return km_errorf(KM_EABSENT, "the kernel in the dump has no BTF");
	err = open_btf(kernel, start, stop - start, NULL, "BTF of vmlinux in the dump", &types);
	return err ? err : use_types(kernel, types);
}

/*
 * The build-id of the loaded kvm. BTF in the dump describes struct module for certain; without it,
 * the debuginfo of the right release does, and what is found with it has to agree with that file.
 */
static km_error *kvm_build_id(struct km_kernel *kernel, struct km_build_id *id)
{
	km_scoped_error *no_btf = use_vmlinux_btf(kernel);
	struct km_types *types;
	struct km_build_id found;
	char ours[48];
	km_error *err;

	if (no_btf) {
		err = open_dwarf(kernel, "kvm", NULL, &types, &found);
		if (!err)
			err = use_types(kernel, types);
		if (err)
			return err;
	}
	err = km_module_find(kernel->mem, kernel->layout, "kvm", &kernel->kvm);
	if (err)
		return err;
	if (!kernel->kvm.addr)
		return km_errorf(KM_EABSENT, "kvm is not loaded in this kernel");
	*id = kernel->kvm.build_id;
	if (!id->len && no_btf)
		return km_errorf(
			KM_EDEBUGINFO,
			"%s has build-id %s, and by its layout the dump's kvm has none: it is "
			"of another build, or the page is missing",
			km_layout_types(kernel->layout)->origin,
			km_build_id_text(&found, ours, sizeof(ours)));
	return NULL;
}

/* Does the layout read by vmlinux's BTF, found on the way to kvm's build-id? */
static bool has_btf(const struct km_kernel *kernel)
{
	return !strncmp(km_layout_types(kernel->layout)->origin, "BTF", 3);
}

/* The debuginfo of kvm and its vendor module, before vmlinux's BTF, if the layout has that. */
static km_error *module_dwarf(struct km_kernel *kernel)
{
	struct km_types *chain[3];
	struct km_build_id wanted, found;
	km_error *err = kvm_build_id(kernel, &wanted);
	size_t n = 0;

	if (!err)
		err = open_dwarf(kernel, "kvm", &wanted, &chain[n], &found);
	if (err)
		return err;
	n++;
	n += add_vendor_dwarf(kernel, &chain[n]);
	if (has_btf(kernel))
		chain[n++] = km_layout_release_types(kernel->layout);
	err = km_types_chain(chain, n, &chain[0]);
	return err ? err : use_types(kernel, chain[0]);
}

/*
 * A module's BTF, split from vmlinux's. struct module forgets it after loading; what stays is the
 * entry in btf_modules.
 */
static km_error *open_module_btf(const struct km_kernel *kernel, const struct km_module *module,
				 struct km_types *vmlinux, const char *origin,
				 struct km_types **types)
{
	const struct km_member *list = km_layout_member(kernel->layout, KM_M_btf_module_list);
	struct km_target *target = km_memory_target(kernel->mem);
	struct km_val next;
	uint64_t head;

	if (!list || !target->ops->symbol(target, "btf_modules", &head))
		return km_errorf(KM_EABSENT, "%s: this kernel keeps none", origin);
	next = km_kget(kernel, head, KM_M_list_head_next);
	for (unsigned n = 0; km_is_known(next) && next.v != head && n < MAX_BTF_MODULES; n++) {
		uint64_t entry = next.v - list->offset;
		struct km_val btf = km_kget(kernel, entry, KM_M_btf_module_btf);
		km_error *err = km_check_interrupt(kernel->mem);

		if (err)
			return err;
		if (km_kget(kernel, entry, KM_M_btf_module_module).v == module->addr)
			return open_btf(kernel, km_kget(kernel, btf.v, KM_M_btf_data).v,
					km_kget(kernel, btf.v, KM_M_btf_data_size).v, vmlinux,
					origin, types);
		next = km_kget(kernel, next.v, KM_M_list_head_next);
	}
	return km_errorf(KM_EABSENT, "%s: there is none", origin);
}

/*
 * The BTF of kvm and its vendor module before that of vmlinux, as one source. kernel->layout has
 * vmlinux's types and the modules are found; takes them over.
 */
static km_error *chain_btf(struct km_kernel *kernel)
{
	struct km_types *vmlinux = km_layout_types(kernel->layout), *chain[3];
	size_t n = 0;
	km_error *err =
		open_module_btf(kernel, &kernel->kvm, vmlinux, "BTF of kvm in the dump", &chain[n]);

	if (err)
		return err;
	n++;
	if (kernel->vendor_module.addr) {
		km_scoped_error *none =
			open_module_btf(kernel, &kernel->vendor_module, vmlinux,
					"BTF of the vendor module in the dump", &chain[n]);

		if (none)
			kernel->vendor_trouble = strdup(km_error_text(none));
		else
			n++;
	}
	/* freed from the front: vmlinux's outlives what is split from it */
	chain[n++] = km_layout_release_types(kernel->layout);
	err = km_types_chain(chain, n, &vmlinux);
	return err ? err : use_types(kernel, vmlinux);
}

static km_error *find_by_btf(struct km_kernel *kernel, bool modules)
{
	struct km_target *target = km_memory_target(kernel->mem);
	km_error *err = use_vmlinux_btf(kernel);
	uint64_t vm_list;

	if (!err && modules)
		err = km_module_find(kernel->mem, kernel->layout, "kvm", &kernel->kvm);
	if (err)
		return err;
	kernel->builtin = !kernel->kvm.addr;
	if (kernel->builtin)
		return target->ops->symbol(target, "vm_list", &vm_list)
			       ? NULL
			       : km_errorf(KM_EABSENT, "kvm is not loaded in this kernel");
	find_vendor_module(kernel);
	return chain_btf(kernel);
}

static km_error *find_by_dwarf(struct km_kernel *kernel, bool modules)
{
	return modules ? module_dwarf(kernel) : builtin_dwarf(kernel);
}

/* Forgets what a type source that did not work out has found. */
static void start_anew(struct km_kernel *kernel)
{
	km_layout_free(kernel->layout);
	kernel->layout = NULL;
	km_module_deinit(&kernel->kvm);
	km_module_deinit(&kernel->vendor_module);
	free(kernel->vendor_trouble);
	kernel->vendor_trouble = NULL;
	kernel->builtin = false;
}

/* BTF first: the dump's own, hence never of another build; then files. */
static km_error *find_types(struct km_kernel *kernel, enum km_types_source source, bool modules)
{
	km_error *btf, *dwarf;

	if (source == KM_TYPES_DWARF)
		return find_by_dwarf(kernel, modules);
	btf = find_by_btf(kernel, modules);
	/* without struct module in it (or with kvm not loaded) files would not help either */
	if (!btf || source == KM_TYPES_BTF ||
	    (kernel->layout && km_error_code(btf) == KM_EABSENT &&
	     km_has(kernel->layout, KM_M_module_list) && !kernel->kvm.addr))
		return btf;
	start_anew(kernel);
	dwarf = find_by_dwarf(kernel, modules);
	if (dwarf)
		dwarf = km_error_context(dwarf, "%s, and no debuginfo", km_error_text(btf));
	km_error_free(btf);
	return dwarf;
}

/*
 * The module's symbols, from the dump. If pages of them are lost, or vm_list (which kvm itself has)
 * is not there, its file's own table fills the gaps, if there is a file.
 */
static km_error *read_symbols(struct km_kernel *kernel, struct km_module *module, const char *name)
{
	struct km_debuginfo_query query = {
		.build_id = module->build_id.bytes,
		.build_id_len = module->build_id.len,
		.name = name,
		.release = kernel->release,
		.user_path = km_memory_target(kernel->mem)->debug_dir,
	};
	struct km_debuginfo info = {0};
	uint64_t addr;
	km_error *err = km_module_read_symbols(kernel->mem, kernel->layout, module);

	if (err || !module->build_id.len ||
	    (!module->pages_lost &&
	     (module != &kernel->kvm || km_module_symbol(module, "vm_list", &addr))))
		return err;
	km_error_free(km_debuginfo_find(&query, &info));
	if (info.image)
		err = km_module_add_elf_symbols(kernel->mem, kernel->layout, module, &info);
	km_debuginfo_deinit(&info);
	return err;
}

/* A capsule has its types with it, and its symbols are of kernel and modules alike. */
static km_error *take_brought(struct km_kernel *kernel, const struct km_target_kernel *brings)
{
	struct km_types *types;
	km_error *err = km_btf_open(brings->btf, brings->btf_len, NULL, brings->types, &types);

	if (err)
		return err;
	kernel->kvm.pages_lost = brings->symbol_pages_lost;
	if (brings->vendor_trouble)
		kernel->vendor_trouble = strdup(brings->vendor_trouble);
	return use_types(kernel, types);
}

km_error *km_kernel_find_types(struct km_kernel *kernel, enum km_types_source source)
{
	struct km_target *target = km_memory_target(kernel->mem);
	uint64_t addr;
	bool modules;
	km_error *err;

	if (target->brings)
		return take_brought(kernel, target->brings);
	modules = target->ops->symbol(target, "modules", &addr);
	if (!modules && !target->ops->symbol(target, "vm_list", &addr))
		return km_errorf(KM_EABSENT, "this kernel has neither modules nor KVM built in");
	err = find_types(kernel, source, modules);
	if (!err && !kernel->builtin)
		err = read_symbols(kernel, &kernel->kvm, "kvm");
	if (!err && kernel->vendor_module.addr)
		km_error_free(read_symbols(kernel, &kernel->vendor_module, "kvm_amd"));
	return err;
}
