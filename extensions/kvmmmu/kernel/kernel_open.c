// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/kernel_open.h"

#include "kernel/kernel_types.h"
#include "kernel/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* arch/x86/include/asm/pgtable_64_types.h, where there is no vmemmap_base variable */
#define VMEMMAP_BASE_L4 0xffffea0000000000ULL
/* likewise, where there is no page_offset_base */
#define PAGE_OFFSET_BASE_L4 0xffff888000000000ULL

static km_error *no_symbols(struct km_target *target)
{
	km_error *err;

	if (km_target_why_missing(target))
		return km_errorf(KM_EREAD, "the kernel's symbols are missing");
	err = km_target_no_symbols(target);
	return err ? err
		   : km_errorf(KM_EABSENT, "no symbol \"linux_banner\": is this a Linux kernel?");
}

/*
 * Every kernel has a banner, "Linux version 7.3.4+deb13-cloud-amd64 (...", regardless of its types.
 */
static km_error *read_release(struct km_kernel *kernel)
{
	static const char prefix[] = "Linux version ";
	struct km_target *target = km_memory_target(kernel->mem);
	char banner[sizeof(prefix) + sizeof(kernel->release)];
	uint64_t addr;
	km_error *err;

	if (km_target_info(target)) {
		snprintf(kernel->release, sizeof(kernel->release), "%s",
			 km_target_info(target)->release);
		return NULL;
	}
	if (!target->ops->symbol(target, "linux_banner", &addr))
		return no_symbols(target);
	err = km_read_string(kernel->mem, addr, banner, sizeof(banner));
	if (err)
		return km_error_context(err, "linux_banner");
	if (strncmp(banner, prefix, sizeof(prefix) - 1))
		return km_errorf(
			KM_EDATA,
			"linux_banner does not contain a banner: wrong vmlinux or KASLR offset?");
	snprintf(kernel->release, sizeof(kernel->release), "%.*s",
		 (int)strcspn(banner + sizeof(prefix) - 1, " \n"), banner + sizeof(prefix) - 1);
	return NULL;
}

static void set_vendor(struct km_kernel *kernel, const char *name)
{
	for (enum km_vendor v = KM_VENDOR_AMD; name && v <= KM_VENDOR_INTEL; v++) {
		if (!strcmp(name, km_vendor_name(v)))
			kernel->vendor = v;
	}
}

static void find_vendor(struct km_kernel *kernel)
{
	const struct km_capsule_info *info = km_target_info(km_memory_target(kernel->mem));
	const struct km_member *m = km_layout_member(kernel->layout, KM_M_kvm_x86_ops_name);
	uint64_t nx, ops;
	char name[16];

	if (info) {
		set_vendor(kernel, info->vendor);
		return;
	}
	if (m && km_kernel_symbol(kernel, "kvm_x86_ops", &ops)) {
		struct km_val at = km_kget(kernel, ops, KM_M_kvm_x86_ops_name);
		km_scoped_error *err = NULL;

		/* a pointer in most kernels, an array of characters in some */
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

/* A bool that is neither 0 nor 1 is corrupted. */
static struct km_val bool_variable(const struct km_kernel *kernel, const char *name)
{
	struct km_val val = km_kernel_variable(kernel, name, 1);

	return val.v > 1 ? (struct km_val){.known = KM_UNREADABLE, .corrupted = true} : val;
}

/* Are the bits of the roles known that a permission table is made from? */
static bool has_role_bits(struct km_layout *layout)
{
	return km_has(layout, KM_M_kvm_mmu_page_role_level) &&
	       km_has(layout, KM_M_kvm_mmu_page_role_direct) &&
	       km_has(layout, KM_M_kvm_mmu_page_role_cr0_wp) &&
	       (km_has(layout, KM_M_kvm_mmu_page_role_efer_nx) ||
		km_has(layout, KM_M_kvm_mmu_page_role_nxe)) &&
	       (km_has(layout, KM_M_kvm_mmu_page_role_cr4_smep) ||
		km_has(layout, KM_M_kvm_mmu_extended_role_cr4_smep)) &&
	       km_has(layout, KM_M_kvm_mmu_extended_role_cr4_smap) &&
	       km_has(layout, KM_M_kvm_mmu_extended_role_cr4_pke);
}

static void find_features(struct km_kernel *kernel)
{
	const struct km_member *words = km_layout_member(kernel->layout, KM_M_kvm_mmu_permissions);
	struct km_features *features = &kernel->features;
	struct km_val tdp = bool_variable(kernel, "tdp_enabled");
	uint64_t addr;

	features->spte_table = km_has(kernel->layout, KM_M_kvm_mmu_fmt);
	features->perm_known = words && words->count == KM_PERM_WORDS &&
			       (words->elem == 1 || words->elem == 2) &&
			       has_role_bits(kernel->layout);
	features->acc = words && words->elem == 1 ? KM_ACC_UWX : KM_ACC_RWUX;
	features->tdp_known = km_is_known(tdp);
	features->tdp = tdp.v;
	features->invalidate_gfns =
		km_kernel_symbol(kernel, "kvm_mmu_invalidate_range_add", &addr) ||
		km_has(kernel->layout, KM_M_kvm_has_private_mem);
	/* a function that was added, and one that was removed, in the same series */
	features->write_protected =
		km_kernel_symbol(kernel, "__kvm_mmu_unprotect_gfn_and_retry", &addr);
	features->old_requests = km_has(kernel->layout, KM_M_kvm_mmu_one_role);
	features->ignores_obsolete =
		features->old_requests && !km_has(kernel->layout, KM_M_kvm_page_fault_addr);
	features->invalidate_all = features->ignores_obsolete &&
				   !km_has(kernel->layout, KM_M_kvm_mmu_invalidate_range_start);
	features->kvm_faultin_pfn = km_kernel_symbol(kernel, "gfn_to_pfn_memslot", &addr);
	features->local_mmu_seq = km_has(kernel->layout, KM_M_kvm_page_fault_addr) &&
				  !km_has(kernel->layout, KM_M_kvm_page_fault_mmu_seq);
}

/* Read a shadow_*_mask. Return false and set it to 0 if it is absent or not readable. */
static bool mask(const struct km_kernel *kernel, const char *name, uint64_t *value)
{
	struct km_val val = km_kernel_variable(kernel, name, 8);

	*value = val.v;
	return km_is_known(val);
}

/* Is it 0 or one of the bits? */
static bool is_one_of(uint64_t mask, uint64_t a, uint64_t b)
{
	return !mask || mask == a || mask == b;
}

/*
 * Are these masks that kvm_mmu_reset_all_pte_masks() or kvm_mmu_set_ept_masks() set? Those that
 * depend on the processor's physical address bits are not checked.
 */
static bool masks_are_possible(const struct km_spte_masks *m)
{
	enum km_spte_generation gen = m->layout - km_spte_layouts;
	enum km_paging paging = m->nx ? KM_PAGING_NPT : KM_PAGING_EPT;
	struct km_spte_masks d = km_spte_default_masks(paging, gen);

	return m->nx == d.nx && m->user == d.user && m->x == d.x && is_one_of(m->xu, d.xu, d.x) &&
	       is_one_of(m->accessed, d.accessed, 0) && is_one_of(m->dirty, d.dirty, 0) &&
	       is_one_of(m->host_writable, d.host_writable, 0) &&
	       is_one_of(m->mmu_writable, d.mmu_writable, 0);
}

/*
 * The generation of the software bits: shadow_xs_mask was added with MBEC (7.2), as were the moves
 * of bits in spte.h; shadow_host_writable_mask (5.13) with the MMU-present bit. Before that,
 * shadow_mmio_value contains the special bits. False: none of these.
 */
static bool find_spte_layout(const struct km_kernel *kernel, const struct km_spte_layout **layout)
{
	enum km_spte_generation generation = KM_SPTE_6_1;
	bool known = true;
	uint64_t addr, mmio;

	if (km_kernel_symbol(kernel, "shadow_xs_mask", &addr)) {
		generation = KM_SPTE_7_2;
	} else if (!km_kernel_symbol(kernel, "shadow_host_writable_mask", &addr)) {
		uint64_t special = km_spte_layouts[KM_SPTE_5_10].mmio_special;

		known = mask(kernel, "shadow_mmio_value", &mmio);
		generation = (mmio & special) == special ? KM_SPTE_5_10 : KM_SPTE_4_18;
		special = km_spte_layouts[generation].mmio_special;
		known &= (mmio & special) == special;
	}
	*layout = &km_spte_layouts[generation];
	return known;
}

static bool find_writable_masks(const struct km_kernel *kernel, struct km_spte_masks *m)
{
	/* macros before 5.13 */
	m->host_writable = m->layout->host_writable;
	m->mmu_writable = m->layout->mmu_writable;
	return !m->layout->mmu_present_mask ||
	       (mask(kernel, "shadow_host_writable_mask", &m->host_writable) &&
		mask(kernel, "shadow_mmu_writable_mask", &m->mmu_writable));
}

static bool find_mmio_masks(const struct km_kernel *kernel, struct km_spte_masks *m)
{
	bool ok = mask(kernel, "shadow_mmio_value", &m->mmio_value);
	bool has_mask = mask(kernel, "shadow_mmio_mask", &m->mmio_mask);

	if (m->layout->mmio_special_only)
		km_spte_masks_set_mmio_special(m);
	return ok && (has_mask || m->layout->mmio_special_only);
}

static void find_masks(struct km_kernel *kernel)
{
	struct km_spte_masks *m = &kernel->masks;
	struct km_val val;
	bool ok = find_spte_layout(kernel, &m->layout), xs_xu = m->layout->xs_xu;

	ok &= find_writable_masks(kernel, m);
	ok &= mask(kernel, "shadow_nx_mask", &m->nx);
	ok &= mask(kernel, "shadow_user_mask", &m->user);
	ok &= mask(kernel, xs_xu ? "shadow_xs_mask" : "shadow_x_mask", &m->x);
	if (xs_xu)
		ok &= mask(kernel, "shadow_xu_mask", &m->xu);
	ok &= mask(kernel, "shadow_accessed_mask", &m->accessed);
	ok &= mask(kernel, "shadow_dirty_mask", &m->dirty);
	ok &= mask(kernel, "shadow_present_mask", &m->present);
	ok &= find_mmio_masks(kernel, m);
	ok &= mask(kernel, "shadow_mmio_access_mask", &m->mmio_access);
	ok &= mask(kernel, "shadow_acc_track_mask", &m->acc_track);
	mask(kernel, "shadow_me_value", &m->me_value);
	mask(kernel, "shadow_me_mask", &m->me_mask);
	mask(kernel, "shadow_nonpresent_or_rsvd_mask", &m->nonpresent_or_rsvd);
	mask(kernel, "shadow_nonpresent_or_rsvd_lower_gfn_mask", &m->nonpresent_or_rsvd_lower_gfn);
	val = bool_variable(kernel, "kvm_ad_enabled");
	/* an inline function before 6.13: kvm_ad_enabled() */
	m->accessed_always = val.known != KM_ABSENT;
	m->ad_enabled = km_is_known(val) ? val.v : m->accessed != 0;
	val = bool_variable(kernel, "enable_mmio_caching");
	m->mmio_caching = km_is_known(val) ? val.v : true;
	val = km_kernel_variable(kernel, "physical_mask", 8);
	m->base_addr_mask = (km_is_known(val) ? val.v : KM_BIT(52) - 1) & ~(uint64_t)0xfff;
	if (!m->nx)
		m->paging = KM_PAGING_EPT;
	else
		m->paging = kernel->features.tdp ? KM_PAGING_NPT : KM_PAGING_SHADOW;
	kernel->features.masks_corrupted = ok && !masks_are_possible(m);
	kernel->features.spte_known =
		ok && kernel->features.tdp_known && !kernel->features.masks_corrupted;
}

km_error *km_kernel_read(struct km_kernel *kernel)
{
	struct km_val vmemmap, page_offset;

	if (!km_kernel_symbol(kernel, "vm_list", &kernel->vm_list))
		return km_errorf(KM_EABSENT,
				 "kvm is loaded, but its symbol \"vm_list\" was not found: %" PRIu64
				 " pages of its symbol table are missing from the dump",
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
	/* missing pages of types and symbols are reported separately */
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

/* Put the reason for missing pages before an error that may come from them. */
static km_error *say_why_missing(const struct km_kernel *kernel, km_error *err)
{
	const char *why = km_target_why_missing(km_memory_target(kernel->mem));
	enum km_errc code = km_error_code(err);

	if (!why || (code != KM_EREAD && code != KM_EDEBUGINFO && !kernel->kvm.pages_lost))
		return err;
	return km_error_context(err, "%s", why);
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
		err = say_why_missing(kernel, err);
		km_kernel_free(kernel);
		return err;
	}
	*out = kernel;
	return NULL;
}

km_error *km_kernel_forget(struct km_kernel *kernel)
{
	struct km_target *target = km_memory_target(kernel->mem);
	struct km_text *text;

	km_memory_forget(kernel->mem);
	if (!km_target_runs(target))
		return NULL;
	km_target_forget(target);
	text = km_text_new();
	if (!text)
		return km_errorf(KM_ENOMEM, "out of memory");
	km_text_free(kernel->text);
	kernel->text = text;
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
