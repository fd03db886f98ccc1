/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel in the dump, opened: where its types and symbols come from, which features it has, the
 * SPTE masks it runs with. Everything that does not depend on one VM.
 */
#ifndef KVMMMU_KERNEL_H
#define KVMMMU_KERNEL_H

#include "layout.h"
#include "module.h"
#include "permissions.h"
#include "spte.h"

/* Where type information may come from. */
enum km_types_source {
	KM_TYPES_AUTO,
	KM_TYPES_DWARF,
	KM_TYPES_BTF,
};

struct km_open_options {
	enum km_types_source source;
};

enum km_vendor {
	KM_VENDOR_UNKNOWN,
	KM_VENDOR_AMD,
	KM_VENDOR_INTEL,
};

/*
 * What differs between kernels in meaning, not just in a name. Each is decided by an observation in
 * the dump, never by a version.
 */
struct km_features {
	bool spte_table;	/* kvm_mmu.fmt exists: SPTEs have a table of their own (7.3) */
	bool perm_known;	/* permissions[] is 16 words of 1 or 2 bytes */
	enum km_acc_format acc; /* by the size of a permission word (u16 since 7.2) */
	bool spte_known;	/* the SPTE software bits are of a known generation */
	bool tdp_known, tdp;	/* tdp_enabled */
	/* mmu_invalidate_range_* are guest frames, not host-virtual addresses: since 6.8
	 * (8569992d64b8), with kvm_mmu_invalidate_range_add(); has_private_mem came in 6.10 */
	bool invalidate_gfns;
	bool write_protected; /* RET_PF_WRITE_PROTECTED: since 6.12 (147277540bbc) */
	bool kvm_faultin_pfn; /* kvm_mmu_faultin_pfn() has its old name: before 6.13 */
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
	struct km_spte_masks masks; /* as every VM has them; mmio_value may differ per VM */
	struct km_page_role_layout page_role;
	struct km_ext_role_layout ext_role;
	uint64_t vm_list; /* address of the list head */
	uint64_t vmemmap_base, page_offset_base;
	struct km_text *text; /* its code: text.h */
};

/*
 * Opens the kernel that @target holds: finds kvm, its types and its symbols. The target must
 * outlive it. Errors: KVM is not loaded (KM_EABSENT), no usable type information (KM_EDEBUGINFO),
 * memory missing.
 */
km_error *km_kernel_open(struct km_target *target, const struct km_open_options *options,
			 struct km_kernel **kernel);
void km_kernel_free(struct km_kernel *kernel);

/* Reads the kernel's variables again: masks and features. As the opening of it did. */
km_error *km_kernel_read(struct km_kernel *kernel);

/* "AMD", "Intel"; NULL if unknown. */
const char *km_vendor_name(enum km_vendor vendor);

/* Address of a symbol of kvm, its vendor module or the kernel proper. */
bool km_kernel_symbol(const struct km_kernel *kernel, const char *name, uint64_t *addr);

/* Value of a global variable of @size bytes (1 to 8); KM_ABSENT if there is no such symbol. */
struct km_val km_kernel_variable(const struct km_kernel *kernel, const char *name, uint32_t size);

/*
 * kvm_mmu_page of the page-table page at physical address @pa: page_private() of its struct page.
 * Mirrors to_shadow_page(). 0 and known if there is none (special roots).
 */
struct km_val km_to_shadow_page(const struct km_kernel *kernel, uint64_t pa);

/* Shorthands for reading structures of this kernel. */
static inline struct km_val km_kget(const struct km_kernel *k, uint64_t addr, enum km_member_id id)
{
	return km_get(k->mem, k->layout, addr, id);
}

static inline struct km_val km_kelem(const struct km_kernel *k, uint64_t addr, enum km_member_id id,
				     uint32_t index)
{
	return km_get_elem(k->mem, k->layout, addr, id, index);
}

#endif
