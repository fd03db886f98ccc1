// SPDX-License-Identifier: GPL-2.0-or-later
/* Which page the gfn is: page tracking, kvm_mmu_faultin_pfn() and what it asks the host. */
#include "host_walk.h"
#include "page_fault_steps.h"

#include <inttypes.h>

/* include/linux/kvm_host.h: slots from here on are KVM's own; the second is the APIC access page */
#define KVM_USER_MEM_SLOTS		 32764
#define APIC_ACCESS_PAGE_PRIVATE_MEMSLOT (KVM_USER_MEM_SLOTS + 1)

struct km_val km_write_tracked(const struct km_replay *r)
{
	const struct km_kernel *k = r->s->kernel;
	const struct km_memslot *slot = r->slot;
	struct km_val array;
	km_scoped_error *err = NULL;
	uint16_t count;

	if (!slot)
		return (struct km_val){.known = r->slot_known ? KM_KNOWN : KM_UNREADABLE};
	array = km_kget(k, slot->addr, KM_M_kvm_memory_slot_gfn_write_track);
	/* none is allocated while no shadow page can exist */
	if (!km_is_known(array) || !array.v)
		return array;
	err = km_read_virt_as(k->mem, array.v + (r->gfn - slot->base_gfn) * sizeof(count), &count,
			      sizeof(count), "kvm_memory_slot.arch.gfn_write_track[]");
	return err ? (struct km_val){.known = KM_UNREADABLE} : km_known_val(count);
}

bool km_replay_page_track(struct km_replay *r)
{
	const char *const f = "page_fault_handle_page_track";
	const char *const id = "write-tracked";
	struct km_val count;

	if ((r->error_code & PFERR_RSVD_MASK) || !r->present || !r->write)
		return km_pass(r, f, id, "not a write to a present page: not asked");
	count = km_write_tracked(r);
	if (!km_is_known(count))
		return km_open(r, f, id, "gfn_write_track[] of the slot is not readable");
	if (!count.v)
		return km_pass(r, f, id, "gfn 0x%" PRIx64 " is not write-tracked", r->gfn);
	if (r->s->kernel->features.write_protected)
		return km_end(r, f, id, KM_RET_PF_WRITE_PROTECTED,
			      "gfn 0x%" PRIx64 " is write-tracked (count %" PRIu64
			      "): KVM shadows the page tables in it",
			      r->gfn, count.v);
	return km_end(r, f, id, KM_RET_PF_EMULATE,
		      "gfn 0x%" PRIx64 " is write-tracked (count %" PRIu64 ")", r->gfn, count.v);
}

static bool check_private(struct km_replay *r, const char *f)
{
	struct km_val attribute = km_mem_is_private(r);

	if (attribute.known == KM_ABSENT)
		return true;
	if (!km_is_known(attribute))
		return km_open(r, f, "private", "the gfn's memory attributes are not readable");
	if (attribute.v == r->is_private)
		return km_pass(r, f, "private", "fault and gfn are both %s",
			       r->is_private ? "private" : "shared");
	return km_end(r, f, "private", KM_RET_PF_EXIT,
		      "the fault is %s, the gfn is %s: KVM_EXIT_MEMORY_FAULT",
		      r->is_private ? "private" : "shared", attribute.v ? "private" : "shared");
}

static bool check_slot(struct km_replay *r, const char *f)
{
	const struct km_memslot *slot = r->slot;

	if (!r->slot_known)
		return km_open(r, f, "slot", "the memslot of the gfn is not known");
	if (!slot && r->is_private)
		return km_end(r, f, "slot", KM_RET_PF_EXIT,
			      "a private access that no memslot covers: KVM_EXIT_MEMORY_FAULT");
	if (!slot)
		return km_pass(r, f, "slot", "no memslot covers gfn 0x%" PRIx64 ": MMIO", r->gfn);
	if (slot->flags & KVM_MEMSLOT_INVALID)
		return km_end(
			r, f, "slot-invalid", r->prefetch ? KM_RET_PF_UNKNOWN : KM_RET_PF_RETRY,
			"memslot %" PRId64 " is being deleted or moved (KVM_MEMSLOT_INVALID)%s",
			slot->id, r->prefetch ? ": -EAGAIN, in older kernels retried" : "");
	if (slot->id >= KVM_USER_MEM_SLOTS)
		return km_open(r, f, "slot",
			       slot->id == APIC_ACCESS_PAGE_PRIVATE_MEMSLOT
				       ? "the APIC access page: emulated if APICv is inhibited"
				       : "one of KVM's own memslots");
	return km_pass(r, f, "slot", "memslot %" PRId64 ", not being changed", slot->id);
}

/*
 * The page-table pages of the host tell whether a page is there; what the host would do about one
 * that is not (allocate, swap in, ask userfaultfd, fail) is open.
 */
static bool ask_host(struct km_replay *r, const char *f)
{
	const struct km_memslot *slot = r->slot;
	const struct km_kernel *k = r->s->kernel;
	uint64_t hva = slot->userspace_addr + ((r->gfn - slot->base_gfn) << KM_PAGE_SHIFT);
	struct km_host_pte host;

	if (r->write && (slot->flags & KVM_MEM_READONLY))
		return km_end(r, f, "read-only-slot", KM_RET_PF_EMULATE,
			      "a write to read-only memslot %" PRId64, slot->id);
	if (r->is_private || (slot->flags & KVM_MEMSLOT_GMEM_ONLY))
		return km_open(r, f, "host-page", "a page of guest_memfd: not looked up here");
	host = km_host_walk(k, r->s->vm, hva);
	/* a write that gets through gets a writable page */
	r->map_writable = r->write || (host.known && host.present && host.writable &&
				       !(slot->flags & KVM_MEM_READONLY));
	if (!host.known)
		return km_open(r, f, "host-page",
			       "the host's page tables for HVA 0x%" PRIx64 " are not readable",
			       hva);
	if (!host.present) {
		for (uint32_t i = 0;; i++) {
			struct km_val gfn =
				km_kelem(k, r->s->vcpu->addr, KM_M_kvm_vcpu_apf_gfns, i);

			if (!km_is_known(gfn))
				break;
			if (gfn.v == r->gfn)
				return km_end(r, f, "async-pf", KM_RET_PF_RETRY,
					      "HVA 0x%" PRIx64 " is not mapped, and an async #PF "
					      "for the gfn is under way: the vCPU halts until then",
					      hva);
		}
		return km_open(r, f, "host-page",
			       "HVA 0x%" PRIx64
			       " is not mapped in the host (level %d entry 0x%" PRIx64
			       "): allocated, read in, or an error",
			       hva, host.level, host.value);
	}
	if (r->write && !host.writable)
		return km_open(r, f, "host-page",
			       "HVA 0x%" PRIx64 " is mapped read-only (level %d entry 0x%" PRIx64
			       "): copied on write, or -EFAULT if the VMM mapped it so",
			       hva, host.level, host.value);
	return km_pass(r, f, "host-page",
		       "HVA 0x%" PRIx64 " is mapped %s, level %d entry 0x%" PRIx64, hva,
		       host.writable ? "writable" : "read-only", host.level, host.value);
}

bool km_replay_faultin_pfn(struct km_replay *r)
{
	const char *f =
		r->s->kernel->features.kvm_faultin_pfn ? "kvm_faultin_pfn" : "kvm_mmu_faultin_pfn";

	if (!check_private(r, f) || !check_slot(r, f))
		return false;
	if (!r->slot)
		return true;
	/* before the host is asked since 6.9 (d02c357e5bfa); there ranges are GFNs */
	if (r->s->kernel->features.invalidate_gfns && !km_replay_invalidation(r, f))
		return false;
	return ask_host(r, f);
}
