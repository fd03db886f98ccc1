/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An opened kernel: its types and symbols, its features and its SPTE masks. Everything that does
 * not depend on one VM.
 */
#ifndef KVMMMU_KERNEL_H
#define KVMMMU_KERNEL_H

#include "kernel/layout.h"
#include "kernel/module.h"
#include "rules/permissions.h"
#include "rules/spte.h"

/* Where type information may come from. */
enum km_types_source {
	KM_TYPES_AUTO,
	KM_TYPES_DWARF,
	KM_TYPES_BTF,
};

enum km_vendor {
	KM_VENDOR_UNKNOWN,
	KM_VENDOR_AMD,
	KM_VENDOR_INTEL,
};

/*
 * Differences between kernels in meaning, not just in a name. Each is detected by the presence of
 * members or symbols in the dump, never by a version.
 */
struct km_features {
	bool spte_table;	/* kvm_mmu.fmt exists: SPTEs have a table of their own (7.3) */
	bool perm_known;	/* permissions[] is 16 words of 1 or 2 bytes, the role is known */
	enum km_acc_format acc; /* by the size of a permission word (u16 since 7.2) */
	bool spte_known;	/* all SPTE masks are readable and possible */
	bool masks_corrupted;	/* they are readable, and KVM never sets such values */
	bool tdp_known, tdp;	/* tdp_enabled */
	/* mmu_invalidate_range_* are guest frames, not host virtual addresses: since 6.8,
	 * 8569992d64b8 ("KVM: Use gfn instead of hva for mmu_notifier_retry") */
	bool invalidate_gfns;
	/* an invalidation has no range, every fault waits for it: before 5.12, 4a42d848db95 ("KVM:
	 * x86/mmu: Consider the hva in mmu_notifier retry") */
	bool invalidate_all;
	/* RET_PF_WRITE_PROTECTED exists: since 6.12, 989a84c93f59 ("KVM: x86/mmu: Trigger unprotect
	 * logic only on write-protection page faults") */
	bool write_protected;
	bool kvm_faultin_pfn; /* kvm_mmu_faultin_pfn() has its old name: before 6.13 */
	/* kvm_page_fault has no mmu_seq: before 6.3, ba6e3fe25543 ("KVM: x86/mmu: Grab
	 * mmu_invalidate_seq in kvm_faultin_pfn()") */
	bool local_mmu_seq;
	/* the first eight bits of kvm_vcpu.requests have other meanings; members show that only of
	 * kernels before 5.19 */
	bool old_requests;
	/* a fault is handled on an obsolete root as on any: before 5.16, a955cad84cda ("KVM:
	 * x86/mmu: Retry page fault if root is invalidated by memslot update") */
	bool ignores_obsolete;
};

struct km_text;

struct km_kernel {
	struct km_memory *mem;
	struct km_layout *layout;
	char release[65];
	bool builtin; /* KVM is part of vmlinux, not a module */
	struct km_module kvm, vendor_module;
	char *vendor_trouble; /* why the vendor module's types are missing, or NULL */
	enum km_vendor vendor;
	struct km_features features;
	struct km_spte_masks masks; /* the global ones; mmio_value may differ per VM */
	struct km_page_role_layout page_role;
	struct km_ext_role_layout ext_role;
	uint64_t vm_list; /* address of the list head */
	uint64_t vmemmap_base, page_offset_base;
	struct km_text *text; /* code of the kernel and its modules */
};

/* Return "AMD" or "Intel"; NULL if the vendor is unknown. */
const char *km_vendor_name(enum km_vendor vendor);

/* Find a symbol of kvm, of its vendor module or of vmlinux. Return false if there is none. */
bool km_kernel_symbol(const struct km_kernel *kernel, const char *name, uint64_t *addr);

/* Read a global variable of @size bytes (1 to 8). KM_ABSENT if there is no such symbol. */
struct km_val km_kernel_variable(const struct km_kernel *kernel, const char *name, uint32_t size);

/* Read a member of a structure of this kernel; see km_get() and km_get_elem(). */
static inline struct km_val km_kget(const struct km_kernel *k, uint64_t addr, enum km_member_id id)
{
	return km_get(k->mem, k->layout, addr, id);
}

/*
 * As km_kget(), for a member that only confirms other facts; also recorded. Unknown in capsules
 * made before it was read, without a note about it.
 */
static inline struct km_val km_kconfirm(const struct km_kernel *k, uint64_t addr,
					enum km_member_id id)
{
	bool before = km_memory_optional(k->mem, true);
	struct km_val val = km_kget(k, addr, id);

	km_memory_optional(k->mem, before);
	return val;
}

static inline struct km_val km_kelem(const struct km_kernel *k, uint64_t addr, enum km_member_id id,
				     uint32_t index)
{
	return km_get_elem(k->mem, k->layout, addr, id, index);
}

#endif
