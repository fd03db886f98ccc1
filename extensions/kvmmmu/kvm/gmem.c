// SPDX-License-Identifier: GPL-2.0-or-later
#include "kvm/gmem.h"

#include "kernel/struct_page.h"
#include "kernel/xarray.h"
#include "kvm/gfn_state.h"

struct km_val km_gfn_is_gmem(const struct km_kernel *k, const struct km_vm *vm,
			     const struct km_memslot *slot, uint64_t gfn)
{
	struct km_val attributes;

	if (slot->flags & KVM_MEMSLOT_GMEM_ONLY)
		return km_known_val(1);
	if (!(slot->flags & KVM_MEM_GUEST_MEMFD))
		return km_known_val(0);
	attributes = km_gfn_attributes(k, vm, gfn);
	/* without attributes, no memory is private */
	if (attributes.known == KM_ABSENT)
		return km_known_val(0);
	attributes.v = !!(attributes.v & KVM_MEMORY_ATTRIBUTE_PRIVATE);
	return attributes;
}

struct km_val km_gmem_pfn(const struct km_kernel *k, const struct km_memslot *slot, uint64_t gfn)
{
	const struct km_val unreadable = {.known = KM_UNREADABLE};
	struct km_val file = km_kget(k, slot->addr, KM_M_kvm_memory_slot_gmem_file);
	struct km_val pgoff = km_kget(k, slot->addr, KM_M_kvm_memory_slot_gmem_pgoff);
	struct km_val mapping = unreadable, pages = unreadable, first = unreadable, pfn;
	uint64_t index, folio;
	km_scoped_error *err = NULL;

	/* NULL: the file is being closed */
	if (km_is_known(file) && file.v)
		mapping = km_kget(k, file.v, KM_M_file_f_mapping);
	if (km_is_known(mapping))
		pages = km_addr_of(k->layout, mapping.v, KM_M_address_space_i_pages);
	if (!km_is_known(pages) || !km_is_known(pgoff))
		return unreadable;
	index = pgoff.v + (gfn - slot->base_gfn);
	err = km_xarray_load(k, pages.v, index, &folio);
	if (err)
		return unreadable;
	/* a value is what is left of a page that was removed */
	if (!folio || folio & 3)
		return (struct km_val){.known = KM_ABSENT};
	first = km_kget(k, folio, KM_M_folio_index);
	pfn = km_page_to_pfn(k, folio);
	if (!km_is_known(first) || !km_is_known(pfn) || first.v > index)
		return unreadable;
	return km_known_val(pfn.v + (index - first.v));
}
