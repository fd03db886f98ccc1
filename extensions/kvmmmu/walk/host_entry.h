/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an entry of the host's page tables is that maps no page: arch/x86/include/asm/pgtable_64.h,
 * include/linux/swapops.h (since 7.2 include/linux/leafops.h).
 */
#ifndef KVMMMU_HOST_ENTRY_H
#define KVMMMU_HOST_ENTRY_H

#include "kernel/kernel.h"

enum km_host_entry_kind {
	KM_HOST_EMPTY,
	KM_HOST_NO_ACCESS, /* PROT_NONE, or a hint of NUMA balancing: there is a page */
	KM_HOST_MARKER,	   /* of userfaultfd, a poisoned page or a guard region */
	KM_HOST_SWAPPED,
	KM_HOST_MIGRATION,
	KM_HOST_HWPOISON,
	KM_HOST_OWN, /* another kind with a page: migration, memory error, or of a device */
};

struct km_host_entry {
	enum km_host_entry_kind kind;
	uint64_t value;
	unsigned type;	 /* of swap entries */
	uint64_t offset; /* of swap entries: slot of the swap file, PTE_MARKER_* bits, or more */
	bool has_pfn;
	uint64_t pfn;
};

/*
 * Decode an entry without P, of which @pfn_bits can be a page frame number. The kinds that contain
 * a page are told apart by its struct page only: here they are KM_HOST_OWN.
 */
struct km_host_entry km_host_entry_decode(uint64_t value, unsigned pfn_bits);

/* The same in a dump: a poisoned page has PG_hwpoison, and a page is locked while it migrates. */
struct km_host_entry km_host_entry_read(const struct km_kernel *kernel, uint64_t value);

/* Print what it is, as the rest of "the entry ...", into @buf; 100 bytes are enough. */
void km_host_entry_print(const struct km_host_entry *entry, char *buf, size_t size);

#endif
