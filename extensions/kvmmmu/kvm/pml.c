// SPDX-License-Identifier: GPL-2.0-or-later
#include "kvm/pml.h"

#include "base/sorted.h"
#include "kernel/struct_page.h"

#define ENTRIES (KM_PAGE_SIZE / sizeof(uint64_t)) /* PML_LOG_NR_ENTRIES */

struct km_val km_pml_enabled(const struct km_kernel *k)
{
	struct km_val enabled;

	if (k->vendor != KM_VENDOR_INTEL)
		return k->vendor == KM_VENDOR_AMD ? km_known_val(0)
						  : (struct km_val){.known = KM_UNREADABLE};
	enabled = km_kernel_variable(k, "enable_pml", 1);
	return km_is_known(enabled) ? km_known_val(!!enabled.v) : enabled;
}

struct km_val km_pml_buffer(const struct km_kernel *k, const struct km_vcpu *vcpu)
{
	const struct km_member *outer = km_layout_member(k->layout, KM_M_vcpu_vmx_vcpu);
	struct km_val page = {.known = KM_ABSENT};

	if (outer)
		page = km_kget(k, vcpu->addr - outer->offset, KM_M_vcpu_vmx_pml_pg);
	if (km_is_known(page))
		page = km_page_to_pfn(k, page.v);
	page.v <<= KM_PAGE_SHIFT;
	return page;
}

static km_error *add_buffer(const struct km_kernel *k, const struct km_vcpu *vcpu,
			    struct km_logged_pages *pml)
{
	struct km_val at = km_pml_buffer(k, vcpu);
	uint64_t *added;
	km_error *err;

	if (!km_is_known(at)) {
		pml->known = false;
		return NULL;
	}
	err = km_logged_pages_room(k, ENTRIES, pml);
	if (err)
		return err;
	added = pml->pages + pml->count;
	err = km_read_phys_as(k->mem, at.v, added, KM_PAGE_SIZE, "PML buffer");
	if (err) {
		km_error_free(err);
		pml->known = false;
		return NULL;
	}
	for (size_t i = 0; i < ENTRIES; i++)
		added[i] >>= KM_PAGE_SHIFT;
	pml->count += ENTRIES;
	return NULL;
}

km_error *km_pml_read(const struct km_kernel *k, const struct km_vm *vm,
		      struct km_logged_pages *pml)
{
	return km_logged_pages_read(k, vm, add_buffer, pml);
}

bool km_pml_has(const struct km_logged_pages *pml, uint64_t gfn)
{
	return km_sorted_have(pml->pages, pml->count, gfn);
}
