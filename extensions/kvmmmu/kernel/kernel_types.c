// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/kernel_types.h"

#include "base/loop.h"
#include "types/btf_types.h"
#include "types/debuginfo.h"
#include "types/dwarf_types.h"
#include "kernel/module_elf.h"
#include "types/types_chain.h"
#include "types/types_kept.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* that of vmlinux is 5 to 10 MB */
#define MAX_BTF (256u << 20)

/*
 * Open the debuginfo of @name, by build-id if the dump contains one, else by release. On success
 * the caller frees *@types, and *@id is the file's build-id.
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

const char *km_vmlinux_build_id_text(const struct km_kernel *kernel, char *buf, size_t size)
{
	const struct km_capsule_info *info = km_target_info(km_memory_target(kernel->mem));
	struct km_build_id id = km_vmlinux_build_id(kernel);

	if (id.len)
		return km_build_id_text(&id, buf, size);
	snprintf(buf, size, "%s", info && info->build_ids[0] ? info->build_ids[0] : "");
	return buf;
}

static km_error *use_types(struct km_kernel *kernel, struct km_types *types)
{
	km_layout_free(kernel->layout);
	kernel->layout = km_layout_new(types);
	return kernel->layout ? NULL : km_errorf(KM_ENOMEM, "out of memory");
}

/* KVM is built in: the debuginfo of vmlinux has all types. */
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
 * Add the types of the vendor module, which alone has struct vcpu_svm. If they are missing, only
 * the VMCB cannot be read: this is reported and is not an error. Return the number of sources added
 * to *@types, 1 or 0.
 */
static size_t add_vendor_dwarf(struct km_kernel *kernel, struct km_types **types)
{
	const char *name = find_vendor_module(kernel);
	struct km_build_id found;
	km_scoped_error *err = NULL;

	if (!name)
		return 0;
	err = open_dwarf(kernel, name, &kernel->vendor_module.build_id, types, &found);
	if (err)
		kernel->vendor_trouble = strdup(km_error_text(err));
	return err ? 0 : 1;
}

/* A BTF blob in the dump. */
struct btf_blob {
	struct km_types_opener opener;
	struct km_memory *mem;
	uint64_t addr, len;
	struct km_types *base; /* that it is split from, or NULL */
	const char *origin;    /* a literal */
};

static km_error *read_btf(struct km_types_opener *opener, struct km_types **types)
{
	const struct btf_blob *b = (const struct btf_blob *)opener;
	struct km_types *base = NULL;
	km_error *err = b->base ? km_types_kept_source(b->base, &base) : NULL;
	void *blob;

	if (err)
		return err;
	if (!b->len || b->len > MAX_BTF)
		return km_errorf(KM_EDATA, "%s: %" PRIu64 " bytes", b->origin, b->len);
	blob = malloc(b->len);
	if (!blob)
		return km_errorf(KM_ENOMEM, "out of memory");
	err = km_read_bulk(b->mem, b->addr, blob, b->len);
	if (!err)
		return km_btf_open_taken(blob, b->len, base, b->origin, types);
	free(blob);
	return km_error_context(err, "%s", b->origin);
}

static void free_btf_blob(struct km_types_opener *opener)
{
	free(opener);
}

/* Open a BTF blob in the dump as a type source, or what the target's memo has of it. */
static km_error *open_btf(const struct km_kernel *kernel, uint64_t addr, uint64_t len,
			  struct km_types *base, const char *origin, struct km_types **types)
{
	struct km_memo *memo = km_memory_target(kernel->mem)->memo;
	struct btf_blob blob = {
		.opener = {read_btf, free_btf_blob},
		.mem = kernel->mem,
		.addr = addr,
		.len = len,
		.base = base,
		.origin = origin,
	};
	struct btf_blob *kept;
	char name[40];

	if (!memo)
		return read_btf(&blob.opener, types);
	kept = malloc(sizeof(*kept));
	if (!kept)
		return km_errorf(KM_ENOMEM, "out of memory");
	*kept = blob;
	snprintf(name, sizeof(name), "%" PRIx64 "+%" PRIx64, addr, len);
	return km_types_kept(memo, name, origin, &kept->opener, types);
}

/* Use the BTF of vmlinux in the dump. KM_EABSENT if there is none. */
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
 * Find the loaded kvm and its build-id. BTF in the dump describes struct module reliably. Without
 * it, use the debuginfo of the same release; then the dump's build-id must match that file's.
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
		return km_errorf(KM_EDEBUGINFO,
				 "%s has build-id %s, but with its layout kvm in the dump has no "
				 "build-id: it is of another build, or the page is missing",
				 km_layout_types(kernel->layout)->origin,
				 km_build_id_text(&found, ours, sizeof(ours)));
	return NULL;
}

/* Does the layout use the BTF of vmlinux, found by kvm_build_id()? */
static bool has_btf(const struct km_kernel *kernel)
{
	return !strncmp(km_layout_types(kernel->layout)->origin, "BTF", 3);
}

/* Use the debuginfo of kvm and its vendor module, then the BTF of vmlinux if there is any. */
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
 * Open a module's BTF, which is split from that of vmlinux. struct module drops it after loading;
 * the entry in btf_modules remains.
 */
static km_error *open_module_btf(const struct km_kernel *kernel, const struct km_module *module,
				 struct km_types *vmlinux, const char *origin,
				 struct km_types **types)
{
	const struct km_member *list = km_layout_member(kernel->layout, KM_M_btf_module_list);
	struct km_target *target = km_memory_target(kernel->mem);
	struct km_loop loop = {0};
	struct km_val next;
	uint64_t head;

	if (!list || !target->ops->symbol(target, "btf_modules", &head))
		return km_errorf(KM_EABSENT, "%s: this kernel does not keep it", origin);
	next = km_kget(kernel, head, KM_M_list_head_next);
	while (km_is_known(next) && next.v != head) {
		uint64_t entry = next.v - list->offset;
		struct km_val btf = km_kget(kernel, entry, KM_M_btf_module_btf);
		km_error *err = km_check_interrupt(kernel->mem);

		if (err)
			return err;
		if (km_loop_step(&loop, next.v))
			return km_errorf(KM_EDATA, "%s: the list of modules with BTF does not end",
					 origin);
		if (km_kget(kernel, entry, KM_M_btf_module_module).v == module->addr)
			return open_btf(kernel, km_kget(kernel, btf.v, KM_M_btf_data).v,
					km_kget(kernel, btf.v, KM_M_btf_data_size).v, vmlinux,
					origin, types);
		next = km_kget(kernel, next.v, KM_M_list_head_next);
	}
	return km_errorf(KM_EABSENT, "%s: not found", origin);
}

/*
 * Use the BTF of kvm and its vendor module, then that of vmlinux, as one source. kernel->layout
 * already has the types of vmlinux, which are taken over, and the modules have been found.
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
		km_scoped_error *vendor_err =
			open_module_btf(kernel, &kernel->vendor_module, vmlinux,
					"BTF of the vendor module in the dump", &chain[n]);

		if (vendor_err)
			kernel->vendor_trouble = strdup(km_error_text(vendor_err));
		else
			n++;
	}
	/* freed in this order: vmlinux's must outlive what is split from it */
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

/* Drop everything that an unusable type source has found. */
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

/* BTF first: it is in the dump, and therefore never of another build. Then files. */
static km_error *find_types(struct km_kernel *kernel, enum km_types_source source, bool modules)
{
	km_error *btf, *dwarf;

	if (source == KM_TYPES_DWARF)
		return find_by_dwarf(kernel, modules);
	btf = find_by_btf(kernel, modules);
	/* if struct module is known and kvm is not loaded, files do not help */
	if (!btf || source == KM_TYPES_BTF ||
	    (kernel->layout && km_error_code(btf) == KM_EABSENT &&
	     km_has(kernel->layout, KM_M_module_list) && !kernel->kvm.addr))
		return btf;
	start_anew(kernel);
	dwarf = find_by_dwarf(kernel, modules);
	if (dwarf)
		dwarf = km_error_context(dwarf, "%s; debuginfo files", km_error_text(btf));
	km_error_free(btf);
	return dwarf;
}

/*
 * Read the module's symbols from the dump. If pages of them are missing, or kvm's vm_list is not
 * among them, add those of the module's file, if there is one.
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

/* A capsule contains its types; its symbols are those of vmlinux and modules together. */
static km_error *use_capsule_types(struct km_kernel *kernel, const struct km_capsule_info *info)
{
	struct km_types *types;
	km_error *err = km_btf_open(info->btf, info->btf_len, NULL, info->types, &types);

	if (err)
		return err;
	kernel->kvm.pages_lost = info->symbol_pages_lost;
	if (info->vendor_trouble)
		kernel->vendor_trouble = strdup(info->vendor_trouble);
	return use_types(kernel, types);
}

km_error *km_kernel_find_types(struct km_kernel *kernel, enum km_types_source source)
{
	struct km_target *target = km_memory_target(kernel->mem);
	uint64_t addr;
	bool modules;
	km_error *err;

	if (km_target_info(target))
		return use_capsule_types(kernel, km_target_info(target));
	modules = target->ops->symbol(target, "modules", &addr);
	if (!modules && !target->ops->symbol(target, "vm_list", &addr))
		return km_errorf(KM_EABSENT, "this kernel has neither modules nor built-in KVM");
	err = find_types(kernel, source, modules);
	if (!err && !kernel->builtin)
		err = read_symbols(kernel, &kernel->kvm, "kvm");
	if (!err && kernel->vendor_module.addr)
		km_error_free(read_symbols(kernel, &kernel->vendor_module, "kvm_amd"));
	return err;
}

static km_error *same_module(const struct km_kernel *kernel, const char *name,
			     const struct km_module *known, bool *same)
{
	struct km_module now;
	km_error *err = km_module_find(kernel->mem, kernel->layout, name, &now);

	*same = !err && now.addr == known->addr && now.build_id.len == known->build_id.len &&
		!memcmp(now.build_id.bytes, known->build_id.bytes, known->build_id.len);
	km_module_deinit(&now);
	return err;
}

km_error *km_kernel_same_modules(const struct km_kernel *kernel, bool *same)
{
	const char *vendor = kernel->vendor == KM_VENDOR_INTEL ? "kvm_intel" : "kvm_amd";
	km_error *err;

	*same = true;
	if (!kernel->kvm.addr)
		return NULL;
	err = same_module(kernel, "kvm", &kernel->kvm, same);
	if (!err && *same && kernel->vendor_module.addr)
		err = same_module(kernel, vendor, &kernel->vendor_module, same);
	return err;
}
