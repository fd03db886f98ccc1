// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel.h"

#include "kernel_types.h"
#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* arch/x86/include/asm/pgtable_64_types.h, where there is no vmemmap_base variable */
#define VMEMMAP_BASE_L4 0xffffea0000000000ULL
/* likewise, where there is no page_offset_base */
#define PAGE_OFFSET_BASE_L4 0xffff888000000000ULL

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

struct km_val km_to_shadow_page(const struct km_kernel *kernel, uint64_t pa)
{
	uint32_t size = km_layout_sizeof(kernel->layout, KM_T_page);

	if (!size)
		return (struct km_val){.known = KM_ABSENT};
	return km_kget(kernel, kernel->vmemmap_base + (pa >> KM_PAGE_SHIFT) * size,
		       KM_M_page_private);
}

/* "Linux version 7.3.4+deb13-cloud-amd64 (...": present in every kernel, whatever its types. */
static km_error *read_release(struct km_kernel *kernel)
{
	static const char prefix[] = "Linux version ";
	struct km_target *target = km_memory_target(kernel->mem);
	char banner[sizeof(prefix) + sizeof(kernel->release)];
	uint64_t addr;
	km_error *err;

	if (target->brings) {
		snprintf(kernel->release, sizeof(kernel->release), "%s", target->brings->release);
		return NULL;
	}
	if (!target->ops->symbol(target, "linux_banner", &addr))
		return km_errorf(KM_EABSENT, "no symbol \"linux_banner\": is this a Linux kernel?");
	err = km_read_string(kernel->mem, addr, banner, sizeof(banner));
	if (err)
		return km_error_context(err, "linux_banner");
	if (strncmp(banner, prefix, sizeof(prefix) - 1))
		return km_errorf(
			KM_EDATA,
			"linux_banner does not hold a banner: wrong vmlinux or KASLR offset?");
	snprintf(kernel->release, sizeof(kernel->release), "%.*s",
		 (int)strcspn(banner + sizeof(prefix) - 1, " \n"), banner + sizeof(prefix) - 1);
	return NULL;
}

const char *km_vendor_name(enum km_vendor vendor)
{
	static const char *const names[] = {NULL, "AMD", "Intel"};

	return names[vendor];
}

/* As the capsule says. */
static void be_told_vendor(struct km_kernel *kernel, const char *name)
{
	for (enum km_vendor v = KM_VENDOR_AMD; name && v <= KM_VENDOR_INTEL; v++) {
		if (!strcmp(name, km_vendor_name(v)))
			kernel->vendor = v;
	}
}

static void find_vendor(struct km_kernel *kernel)
{
	const struct km_target_kernel *brings = km_memory_target(kernel->mem)->brings;
	const struct km_member *m = km_layout_member(kernel->layout, KM_M_kvm_x86_ops_name);
	uint64_t nx, ops;
	char name[16];

	if (brings) {
		be_told_vendor(kernel, brings->vendor);
		return;
	}
	if (m && km_kernel_symbol(kernel, "kvm_x86_ops", &ops)) {
		struct km_val at = km_kget(kernel, ops, KM_M_kvm_x86_ops_name);
		km_scoped_error *err = NULL;

		/* a pointer, or (by some kernels) the characters themselves */
		err = km_read_string(kernel->mem, m->size == 8 ? at.v : ops + m->offset, name,
				     sizeof(name));
		if (!err && !strcmp(name, "kvm_amd"))
			kernel->vendor = KM_VENDOR_AMD;
		if (!err && !strcmp(name, "kvm_intel"))
			kernel->vendor = KM_VENDOR_INTEL;
	}
	if (kernel->vendor == KM_VENDOR_UNKNOWN && kernel->vendor_module.addr)
		kernel->vendor = km_module_symbol(&kernel->vendor_module, "vmx_init", &nx)
					 ? KM_VENDOR_INTEL
					 : KM_VENDOR_AMD;
}

static void find_features(struct km_kernel *kernel)
{
	const struct km_member *words = km_layout_member(kernel->layout, KM_M_kvm_mmu_permissions);
	struct km_features *features = &kernel->features;
	struct km_val tdp = km_kernel_variable(kernel, "tdp_enabled", 1);
	uint64_t addr;

	features->spte_table = km_has(kernel->layout, KM_M_kvm_mmu_fmt);
	features->perm_known =
		words && words->count == KM_PERM_WORDS && (words->elem == 1 || words->elem == 2);
	features->acc = words && words->elem == 1 ? KM_ACC_UWX : KM_ACC_RWUX;
	features->tdp_known = km_is_known(tdp);
	features->tdp = tdp.v;
	features->invalidate_gfns =
		km_kernel_symbol(kernel, "kvm_mmu_invalidate_range_add", &addr) ||
		km_has(kernel->layout, KM_M_kvm_has_private_mem);
	/* what came with the one, and what went when the other was renamed */
	features->write_protected =
		km_kernel_symbol(kernel, "__kvm_mmu_unprotect_gfn_and_retry", &addr);
	features->kvm_faultin_pfn = km_kernel_symbol(kernel, "gfn_to_pfn_memslot", &addr);
}

/* One shadow_*_mask; false (and 0) if it is not there or not readable. */
static bool mask(const struct km_kernel *kernel, const char *name, uint64_t *value)
{
	struct km_val val = km_kernel_variable(kernel, name, 8);

	*value = val.v;
	return km_is_known(val);
}

/*
 * The generation of the software bits: shadow_xs_mask came with MBEC (7.2) together with the moves
 * in spte.h; shadow_host_writable_mask (5.13) is the oldest that has the MMU-present bit.
 */
static void find_masks(struct km_kernel *kernel)
{
	struct km_spte_masks *m = &kernel->masks;
	struct km_val val;
	uint64_t addr;
	bool xs_xu = km_kernel_symbol(kernel, "shadow_xs_mask", &addr);
	bool ok;

	m->layout = &km_spte_layouts[xs_xu ? KM_SPTE_7_2 : KM_SPTE_6_1];
	ok = mask(kernel, "shadow_host_writable_mask", &m->host_writable);
	ok &= mask(kernel, "shadow_mmu_writable_mask", &m->mmu_writable);
	ok &= mask(kernel, "shadow_nx_mask", &m->nx);
	ok &= mask(kernel, "shadow_user_mask", &m->user);
	ok &= mask(kernel, xs_xu ? "shadow_xs_mask" : "shadow_x_mask", &m->x);
	if (xs_xu)
		ok &= mask(kernel, "shadow_xu_mask", &m->xu);
	ok &= mask(kernel, "shadow_accessed_mask", &m->accessed);
	ok &= mask(kernel, "shadow_dirty_mask", &m->dirty);
	ok &= mask(kernel, "shadow_present_mask", &m->present);
	ok &= mask(kernel, "shadow_mmio_value", &m->mmio_value);
	ok &= mask(kernel, "shadow_mmio_mask", &m->mmio_mask);
	ok &= mask(kernel, "shadow_mmio_access_mask", &m->mmio_access);
	ok &= mask(kernel, "shadow_acc_track_mask", &m->acc_track);
	mask(kernel, "shadow_me_value", &m->me_value);
	mask(kernel, "shadow_me_mask", &m->me_mask);
	mask(kernel, "shadow_nonpresent_or_rsvd_mask", &m->nonpresent_or_rsvd);
	mask(kernel, "shadow_nonpresent_or_rsvd_lower_gfn_mask", &m->nonpresent_or_rsvd_lower_gfn);
	val = km_kernel_variable(kernel, "kvm_ad_enabled", 1);
	/* an inline before 7.2: kvm_ad_enabled() */
	m->ad_enabled = km_is_known(val) ? val.v : m->accessed != 0;
	val = km_kernel_variable(kernel, "enable_mmio_caching", 1);
	m->mmio_caching = km_is_known(val) ? val.v : true;
	val = km_kernel_variable(kernel, "physical_mask", 8);
	m->base_addr_mask = (km_is_known(val) ? val.v : KM_BIT(52) - 1) & ~(uint64_t)0xfff;
	if (!m->nx)
		m->paging = KM_PAGING_EPT;
	else
		m->paging = kernel->features.tdp ? KM_PAGING_NPT : KM_PAGING_SHADOW;
	kernel->features.spte_known = ok && kernel->features.tdp_known;
}

km_error *km_kernel_read(struct km_kernel *kernel)
{
	struct km_val vmemmap, page_offset;

	if (!km_kernel_symbol(kernel, "vm_list", &kernel->vm_list))
		return km_errorf(KM_EABSENT,
				 "kvm is loaded, but its symbol \"vm_list\" was not found: %" PRIu64
				 " pages of its symbol table are not in the dump",
				 kernel->kvm.pages_lost);
	vmemmap = km_kernel_variable(kernel, "vmemmap_base", 8);
	kernel->vmemmap_base = km_is_known(vmemmap) ? vmemmap.v : VMEMMAP_BASE_L4;
	page_offset = km_kernel_variable(kernel, "page_offset_base", 8);
	kernel->page_offset_base = km_is_known(page_offset) ? page_offset.v : PAGE_OFFSET_BASE_L4;
	find_features(kernel);
	find_masks(kernel);
	return NULL;
}

static km_error *open_kernel(struct km_kernel *kernel, const struct km_open_options *options)
{
	km_error *err = read_release(kernel);

	if (!err)
		err = km_kernel_find_types(kernel, options->source);
	/* which pages of types and symbols are missing is told otherwise */
	km_memory_forget(kernel->mem);
	if (!err)
		err = km_kernel_read(kernel);
	if (err)
		return err;
	find_vendor(kernel);
	kernel->page_role = km_layout_page_role(kernel->layout);
	kernel->ext_role = km_layout_ext_role(kernel->layout);
	return NULL;
}

km_error *km_kernel_open(struct km_target *target, const struct km_open_options *options,
			 struct km_kernel **out)
{
	struct km_kernel *kernel = calloc(1, sizeof(*kernel));
	km_error *err;

	if (!kernel || !(kernel->text = km_text_new()) || !(kernel->mem = km_memory_new(target))) {
		km_text_free(kernel ? kernel->text : NULL);
		free(kernel);
		return km_errorf(KM_ENOMEM, "out of memory");
	}
	err = open_kernel(kernel, options);
	if (err) {
		km_kernel_free(kernel);
		return err;
	}
	*out = kernel;
	return NULL;
}

void km_kernel_free(struct km_kernel *kernel)
{
	if (!kernel)
		return;
	km_module_deinit(&kernel->kvm);
	km_module_deinit(&kernel->vendor_module);
	free(kernel->vendor_trouble);
	km_layout_free(kernel->layout);
	km_text_free(kernel->text);
	km_memory_free(kernel->mem);
	free(kernel);
}
