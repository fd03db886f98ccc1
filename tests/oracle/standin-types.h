/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stand-ins for the kernel's structures, with only the members that the extracted functions use,
 * in no particular order. Included after the roles, which come from the kernel.
 */

#if ORACLE_GEN < 519
#define kvm_cpu_role kvm_mmu_role
#endif

/* 7.3 */
struct kvm_page_format {
	u64 rsvd_bits_mask[2][5];
	u64 bad_mt_xwr;
	oracle_permission permissions[16];
	u32 pkru_mask;
};

struct kvm_pagewalk {
	union kvm_cpu_role cpu_role;
	struct kvm_page_format fmt;
};

/* before */
struct rsvd_bits_validate {
	u64 rsvd_bits_mask[2][5];
	u64 bad_mt_xwr;
};

struct kvm_mmu {
	union kvm_cpu_role cpu_role;
	union kvm_mmu_page_role root_role;
	struct kvm_pagewalk *w;
	struct kvm_page_format fmt;
	oracle_permission permissions[16];
	u32 pkru_mask;
	bool nx; /* before 5.14 */
};

struct kvm_shadow_walk_iterator {
	u64 *sptep;
};

struct kvm_memory_slot {
	bool dirty_logged;
};

struct kvm_page_fault {
	u64 error_code, addr;
	gfn_t gfn;
	bool exec, write, present, rsvd, user, is_private;
	struct kvm_memory_slot *slot;
};

struct kvm_mmu_page {
	union kvm_mmu_page_role role;
};

static struct kvm_mmu_page the_sp;

struct kvm {
	struct {
		u64 shadow_mmio_value;
		bool has_private_mem;
	} arch;
	bool gfn_is_private;
};

struct kvm_memslots {
	u64 generation;
};

struct kvm_vcpu {
	struct kvm *kvm;
	struct kvm_memslots slots;
	struct {
		struct kvm_mmu *mmu;
		u32 pkru;
	} arch;
	unsigned long rflags, cr0, cr4;
	bool long_mode;
	struct {
		u64 pf_fast;
	} stat;
};

static struct kvm_memslots *kvm_vcpu_memslots(struct kvm_vcpu *vcpu)
{
	return &vcpu->slots;
}

static unsigned long oracle_get_rflags(struct kvm_vcpu *vcpu)
{
	return vcpu->rflags;
}

#if ORACLE_GEN < 519
/* A supervisor's access that is not implicit: then EFLAGS.AC overrides SMAP. */
static int oracle_get_cpl(struct kvm_vcpu *vcpu)
{
	return 0;
}

static const struct {
	int (*get_cpl)(struct kvm_vcpu *vcpu);
	unsigned long (*get_rflags)(struct kvm_vcpu *vcpu);
} kvm_x86_ops = {oracle_get_cpl, oracle_get_rflags};
#endif
