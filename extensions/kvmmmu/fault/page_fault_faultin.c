// SPDX-License-Identifier: GPL-2.0-or-later
/* The page of the gfn: page tracking, and kvm_mmu_faultin_pfn() with the host's page tables. */
#include "kvm/gfn_state.h"
#include "walk/host_walk.h"
#include "fault/page_fault_steps.h"
#include "walk/vma.h"

#include <inttypes.h>

/* include/linux/kvm_host.h: slots with these ids are KVM's; the second is the APIC access page */
#define KVM_USER_MEM_SLOTS		 32764
#define APIC_ACCESS_PAGE_PRIVATE_MEMSLOT (KVM_USER_MEM_SLOTS + 1)

bool km_replay_page_track(struct km_replay *r)
{
	const char *const f = "page_fault_handle_page_track";
	const char *const id = "write-tracked";
	struct km_val count;

	if ((r->error_code & PFERR_RSVD_MASK) || !r->present || !r->write)
		return km_step_pass(r, f, id, "not a write to a present page: not checked");
	count = km_write_tracked(r);
	if (!km_is_known(count))
		return km_step_open(r, f, id, "gfn_write_track[] of the slot is not readable");
	if (!count.v)
		return km_step_pass(r, f, id, "gfn 0x%" PRIx64 " is not write-tracked", r->gfn);
	if (r->s->kernel->features.write_protected)
		return km_step_end(r, f, id, KM_RET_PF_WRITE_PROTECTED,
				   "gfn 0x%" PRIx64 " is write-tracked (count %" PRIu64
				   "): it contains page tables that KVM shadows",
				   r->gfn, count.v);
	return km_step_end(r, f, id, KM_RET_PF_EMULATE,
			   "gfn 0x%" PRIx64 " is write-tracked (count %" PRIu64 ")", r->gfn,
			   count.v);
}

static bool check_private(struct km_replay *r, const char *f)
{
	struct km_val attribute = km_mem_is_private(r);

	if (attribute.known == KM_ABSENT)
		return true;
	if (!km_is_known(attribute))
		return km_step_open(r, f, "private",
				    "the memory attributes of the gfn are not readable");
	if (attribute.v == r->is_private)
		return km_step_pass(r, f, "private", "both the fault and the gfn are %s",
				    r->is_private ? "private" : "shared");
	return km_step_end(r, f, "private", KM_RET_PF_EXIT,
			   "the fault is %s, the gfn is %s: KVM_EXIT_MEMORY_FAULT",
			   r->is_private ? "private" : "shared",
			   attribute.v ? "private" : "shared");
}

static bool check_slot(struct km_replay *r, const char *f)
{
	const struct km_memslot *slot = r->slot;

	if (!r->slot_known)
		return km_step_open(r, f, "slot", "the memslot of the gfn is not known");
	if (!slot && r->is_private)
		return km_step_end(r, f, "slot", KM_RET_PF_EXIT,
				   "a private access outside all memslots: KVM_EXIT_MEMORY_FAULT");
	if (!slot && !r->s->masks->mmio_caching)
		return km_step_end(r, f, "slot", KM_RET_PF_EMULATE,
				   "no memslot contains gfn 0x%" PRIx64
				   ", and MMIO SPTEs are disabled: the access is emulated",
				   r->gfn);
	if (!slot)
		return km_step_pass(r, f, "slot", "no memslot contains gfn 0x%" PRIx64 ": MMIO",
				    r->gfn);
	if (slot->flags & KVM_MEMSLOT_INVALID)
		return km_step_end(
			r, f, "slot-invalid", r->prefetch ? KM_RET_PF_UNKNOWN : KM_RET_PF_RETRY,
			"memslot %" PRId64 " is being deleted or moved (KVM_MEMSLOT_INVALID)%s",
			slot->id, r->prefetch ? ": -EAGAIN; older kernels retry" : "");
	if (slot->id >= KVM_USER_MEM_SLOTS)
		return km_step_open(r, f, "slot",
				    slot->id == APIC_ACCESS_PAGE_PRIVATE_MEMSLOT
					    ? "the APIC access page: the access is emulated if "
					      "APICv is inhibited"
					    : "an internal memslot of KVM");
	return km_step_pass(r, f, "slot", "memslot %" PRId64 ", not being changed", slot->id);
}

/* Is an async #PF for the gfn in progress? Mirrors kvm_find_async_pf_gfn(). */
static bool async_pf_pending(const struct km_replay *r)
{
	for (uint32_t i = 0;; i++) {
		struct km_val gfn =
			km_kelem(r->s->kernel, r->s->vcpu->addr, KM_M_kvm_vcpu_apf_gfns, i);

		if (!km_is_known(gfn))
			return false;
		if (gfn.v == r->gfn)
			return true;
	}
}

/*
 * The host's page tables do not map the page as needed: the result of get_user_pages() depends on
 * the VMM's mapping.
 */
static bool check_mapping(struct km_replay *r, const char *f, uint64_t hva,
			  const struct km_host_pte *host)
{
	const char *const id = "host-page";
	const char *state = host->present ? "mapped read-only" : "not mapped";
	struct km_val mm = r->s->vm->mm;
	bool allowed, watched, remapped;
	struct km_vma vma;

	if (!km_is_known(mm))
		return km_step_open(r, f, id, "HVA 0x%" PRIx64 " is %s, kvm.mm is not readable",
				    hva, state);
	r->err = km_vma_lookup(r->s->kernel, mm.v, hva, &vma);
	if (r->err)
		return false;
	if (!vma.known || (vma.addr && !km_is_known(vma.flags)))
		return km_step_open(r, f, id,
				    "HVA 0x%" PRIx64 " is %s in the host (level %d entry 0x%" PRIx64
				    "); the VMM's mapping is not readable",
				    hva, state, host->level, host->value);
	if (!vma.addr)
		return km_step_end(r, f, "host-unmapped", KM_RET_PF_EXIT,
				   "the VMM has no mapping at HVA 0x%" PRIx64 ": -EFAULT", hva);
	/* check_vma_flags() of mm/gup.c: a page that is not mapped yet is got only this way */
	allowed = vma.flags.v & (r->write ? VM_WRITE : VM_READ);
	remapped = vma.flags.v & (VM_IO | VM_PFNMAP);
	if (!allowed && !remapped)
		return km_step_end(r, f, "host-forbids", KM_RET_PF_EXIT,
				   "the VMM's mapping at HVA 0x%" PRIx64 " has vm_flags 0x%" PRIx64
				   ", without VM_%s: -EFAULT",
				   hva, vma.flags.v, r->write ? "WRITE" : "READ");
	/* hva_to_pfn_remapped(): get_user_pages() does not handle such a mapping */
	if (remapped && host->present)
		return km_step_end(r, f, "host-read-only", KM_RET_PF_EMULATE,
				   "HVA 0x%" PRIx64 " is mapped read-only (entry 0x%" PRIx64
				   ") in a mapping of a device (VM_%s): KVM_PFN_ERR_RO_FAULT, the "
				   "write is emulated",
				   hva, host->value, vma.flags.v & VM_PFNMAP ? "PFNMAP" : "IO");
	if (remapped)
		return km_step_open(r, f, id,
				    "HVA 0x%" PRIx64 " is not mapped (level %d entry 0x%" PRIx64
				    "): the result depends on the driver of the mapping (VM_%s)",
				    hva, host->level, host->value,
				    vma.flags.v & VM_PFNMAP ? "PFNMAP" : "IO");
	/* absent: a kernel without userfaultfd */
	watched = vma.userfaultfd.known == KM_UNREADABLE || vma.userfaultfd.v;
	if (host->present && !watched)
		return km_step_pass(r, f, id,
				    "HVA 0x%" PRIx64 " is mapped read-only (entry 0x%" PRIx64
				    "), in a writable mapping: the page is copied on write",
				    hva, host->value);
	if (!host->value && !watched && km_is_known(vma.file) && !vma.file.v)
		return km_step_pass(r, f, id,
				    "HVA 0x%" PRIx64
				    " has no page yet, in an anonymous mapping: a page is "
				    "allocated",
				    hva);
	if (km_host_pte_marker(host->value) & PTE_MARKER_POISONED)
		return km_step_end(r, f, "host-poisoned", KM_RET_PF_RETRY,
				   "HVA 0x%" PRIx64 " has a marker in the host (entry 0x%" PRIx64
				   "), as UFFDIO_POISON leaves it: KVM sends SIGBUS to the thread",
				   hva, host->value);
	if (km_host_pte_marker(host->value) & PTE_MARKER_GUARD)
		return km_step_end(r, f, "host-guard", KM_RET_PF_EXIT,
				   "HVA 0x%" PRIx64 " is in a guard region (entry 0x%" PRIx64
				   "): -EFAULT",
				   hva, host->value);
	if (async_pf_pending(r))
		return km_step_end(r, f, "async-pf", KM_RET_PF_RETRY,
				   "HVA 0x%" PRIx64
				   " is not mapped, and an async #PF for the gfn is in "
				   "progress: the vCPU halts until it is ready",
				   hva);
	return km_step_open(r, f, id,
			    "HVA 0x%" PRIx64 " is %s in the host (level %d entry 0x%" PRIx64 ")%s",
			    hva, state, host->level, host->value,
			    vma.userfaultfd.known == KM_UNREADABLE ? ""
			    : vma.userfaultfd.v ? ": the result depends on userfaultfd"
			    : host->value	? ": swapped out, poisoned, or under migration"
						: ": the result depends on the file");
}

/* __kvm_faultin_pfn(): the result follows from the host's page tables and the VMM's mappings. */
static bool check_host(struct km_replay *r, const char *f)
{
	const struct km_memslot *slot = r->slot;
	uint64_t hva = slot->userspace_addr + ((r->gfn - slot->base_gfn) << KM_PAGE_SHIFT);
	struct km_host_pte host;

	if (r->write && (slot->flags & KVM_MEM_READONLY))
		return km_step_end(r, f, "read-only-slot", KM_RET_PF_EMULATE,
				   "a write to read-only memslot %" PRId64, slot->id);
	if (r->is_private || (slot->flags & KVM_MEMSLOT_GMEM_ONLY))
		return km_step_open(r, f, "host-page",
				    "a page of guest_memfd, which is not looked up");
	host = km_host_walk(r->s->kernel, r->s->vm, hva);
	/* if a write succeeds, the page is writable */
	r->map_writable = r->write || (host.known && host.present && host.writable &&
				       !(slot->flags & KVM_MEM_READONLY));
	if (!host.known)
		return km_step_open(r, f, "host-page",
				    "the host's page tables for HVA 0x%" PRIx64 " are not readable",
				    hva);
	if (!host.present || (r->write && !host.writable))
		return check_mapping(r, f, hva, &host);
	return km_step_pass(r, f, "host-page",
			    "HVA 0x%" PRIx64 " is mapped %s, level %d entry 0x%" PRIx64, hva,
			    host.writable ? "writable" : "read-only", host.level, host.value);
}

bool km_replay_faultin_pfn(struct km_replay *r)
{
	const char *const f = "kvm_mmu_faultin_pfn";

	if (!check_private(r, f) || !check_slot(r, f))
		return false;
	if (!r->slot)
		return true;
	/*
	 * Since 6.9, checked before the host's page tables: d02c357e5bfa ("KVM: x86/mmu: Retry
	 * fault before acquiring mmu_lock if mapping is changing"). Such kernels have ranges of
	 * gfns.
	 */
	if (r->s->kernel->features.invalidate_gfns && !km_replay_invalidation(r, f, false))
		return false;
	return check_host(r, f);
}
