/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the VMM's mappings permit to the memslots that lie on them. */
#ifndef KVMMMU_HOST_MAPPING_H
#define KVMMMU_HOST_MAPPING_H

#include "diagnose/case.h"

enum km_host_access {
	KM_HOST_UNKNOWN,  /* the VMA is not readable, or the fault does not depend on it */
	KM_HOST_PERMITS,  /* as far as the VMA is concerned */
	KM_HOST_UNMAPPED, /* no VMA: get_user_pages() fails with -EFAULT */
	KM_HOST_FORBIDS,  /* a VMA without access, or without write access */
};

/* What the VMA behind the fault's page makes of the access. */
enum km_host_access km_host_access(const struct km_case *c);

/* A memslot that is writable for the guest, and a part of the VMM's memory that is not. */
struct km_slot_conflict {
	const struct km_memslot *slot; /* NULL: none was found */
	struct km_vma vma;	       /* addr 0: nothing is mapped at @hva */
	uint64_t hva;
	bool complete; /* all memslots were compared */
};

/* Does the guest write to @slot through a mapping of the VMM? */
bool km_slot_is_writable(const struct km_memslot *slot);

/* Does @vma forbid what the guest may do in a writable memslot? Device memory is not judged. */
bool km_vma_conflicts(const struct km_vma *vma);

/*
 * Look for one. Reads VMAs, a bounded number: for vCPUs whose fault is not known and whose counters
 * show that most faults were not resolved. Errors are in @conflict: it is not complete then.
 */
void km_slot_conflict_find(const struct km_case *c, struct km_slot_conflict *conflict);

/* "VMA 0x... 0x...-0x..., vm_flags 0x...", into @buf. Return @buf. */
char *km_vma_spell(const struct km_vma *vma, char *buf, size_t size);

#endif
