// SPDX-License-Identifier: GPL-2.0-or-later
#include "diagnose/host_mapping.h"

#include "kernel/more_evidence.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* VMAs that are read for one vCPU. */
#define MOST_VMAS 256

#define NO_HOST_PAGES (KVM_MEMSLOT_INVALID | KVM_MEMSLOT_GMEM_ONLY)
#define DEVICE_MEMORY (VM_IO | VM_PFNMAP)

static bool is_write(const struct km_case *c)
{
	return c->error_code & PFERR_WRITE_MASK;
}

enum km_host_access km_host_access(const struct km_case *c)
{
	const struct km_vma *vma = &c->vma;

	/* private memory has no mapping in the VMM; a read-only memslot never asks for write access
	 */
	if (!c->slot || !c->has_hva || !c->has_error_code || (c->slot->flags & NO_HOST_PAGES) ||
	    (c->error_code & PFERR_PRIVATE_ACCESS) || !vma->known ||
	    (is_write(c) && (c->slot->flags & KVM_MEM_READONLY)))
		return KM_HOST_UNKNOWN;
	if (!vma->addr)
		return KM_HOST_UNMAPPED;
	/* for memory without struct page, KVM returns something else: KVM_PFN_ERR_RO_FAULT */
	if (!km_is_known(vma->flags) || (vma->flags.v & DEVICE_MEMORY))
		return KM_HOST_UNKNOWN;
	if (vma->flags.v & (is_write(c) ? VM_WRITE : VM_READ))
		return KM_HOST_PERMITS;
	/* hva_to_pfn_fast() finds a page that is mapped writable without checking the VMA */
	return !is_write(c) && (vma->flags.v & VM_WRITE) ? KM_HOST_UNKNOWN : KM_HOST_FORBIDS;
}

bool km_slot_is_writable(const struct km_memslot *slot)
{
	return !(slot->flags & (NO_HOST_PAGES | KVM_MEM_READONLY)) && slot->userspace_addr;
}

bool km_vma_conflicts(const struct km_vma *vma)
{
	return !vma->addr || (km_is_known(vma->flags) && !(vma->flags.v & DEVICE_MEMORY) &&
			      !(vma->flags.v & VM_WRITE));
}

/* Compare one memslot with the VMAs behind it. */
static void compare(const struct km_case *c, const struct km_memslot *slot, unsigned *vmas,
		    struct km_slot_conflict *conflict)
{
	uint64_t hva = slot->userspace_addr, end = hva + (slot->npages << KM_PAGE_SHIFT);

	while (hva < end && !conflict->slot && conflict->complete) {
		km_scoped_error *err = NULL;
		struct km_vma *vma = &conflict->vma;

		if ((*vmas)++ == MOST_VMAS) {
			conflict->complete = false;
			return;
		}
		err = km_vma_lookup(c->kernel, c->vm->mm.v, hva, vma);
		if (err || !vma->known ||
		    (vma->addr &&
		     (!km_is_known(vma->end) || !km_is_known(vma->flags) || vma->end.v <= hva))) {
			conflict->complete = false;
			return;
		}
		if (km_vma_conflicts(vma)) {
			conflict->slot = slot;
			conflict->hva = hva;
		}
		hva = vma->end.v;
	}
}

void km_slot_conflict_find(const struct km_case *c, struct km_slot_conflict *conflict)
{
	unsigned vmas = 0;
	bool before;

	memset(conflict, 0, sizeof(*conflict));
	if (!c->slots_known || !km_is_known(c->vm->mm) || !c->vm->mm.v)
		return;
	conflict->complete = true;
	before = km_more_evidence_begin(c->kernel);
	for (size_t i = 0; i < c->slots.count && !conflict->slot; i++) {
		const struct km_memslot *slot = &c->slots.slots[i];

		if (km_slot_is_writable(slot))
			compare(c, slot, &vmas, conflict);
	}
	km_more_evidence_end(c->kernel, before);
}

char *km_vma_spell(const struct km_vma *vma, char *buf, size_t size)
{
	snprintf(buf, size, "VMA 0x%" PRIx64 " 0x%" PRIx64 "-0x%" PRIx64 ", vm_flags 0x%" PRIx64,
		 vma->addr, vma->start.v, vma->end.v, vma->flags.v);
	return buf;
}
