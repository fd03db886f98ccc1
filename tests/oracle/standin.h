/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the extracted kernel functions use of the kernel: scalar types, the machine's features, and
 * assertions, which do nothing.
 */
#ifndef KVMMMU_TESTS_ORACLE_STANDIN_H
#define KVMMMU_TESTS_ORACLE_STANDIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef unsigned int uint;
typedef u64 gfn_t, gpa_t, hpa_t, kvm_pfn_t;

#define __read_mostly
#define __always_inline inline
#define __maybe_unused	__attribute__((unused))
#define __init
#define likely(x)	  (x)
#define unlikely(x)	  (x)
#define BIT(n)		  (1UL << (n))
#define BIT_ULL(n)	  (1ULL << (n))
#define GENMASK_ULL(h, l) ((~0ULL >> (63 - (h))) & (~0ULL << (l)))
#define ARRAY_SIZE(a)	  (sizeof(a) / sizeof((a)[0]))
#define BUILD_BUG_ON(x)                                                                            \
	do {                                                                                       \
		if (x)                                                                             \
			__builtin_trap();                                                          \
	} while (0)
#define BUG_ON(x)	      ((void)(x))
#define WARN_ON(x)	      (!!(x))
#define WARN_ON_ONCE(x)	      (!!(x))
#define WARN_ONCE(x, ...)     ((void)(x))
#define MMU_WARN_ON(x)	      ((void)(x))
#define KVM_MMU_WARN_ON(x)    ((void)(x))
#define READ_ONCE(x)	      (x)
#define KBUILD_MODNAME	      "kvm"
#define PAGE_SHIFT	      12
#define PAGE_SIZE	      4096UL
#define PG_LEVEL_4K	      1
#define X86_BUG_L1TF	      0
#define boot_cpu_has_bug(bug) false

/* For permission_fault(): CR0.WP is that of the role. */
#define kvm_x86_call(name)			     oracle_##name
#define static_call(name)			     oracle_get_rflags /* kvm_x86_get_rflags, until 6.12 */
#define X86_EFLAGS_AC				     (1ul << 18)
#define kvm_mmu_refresh_passthrough_bits(vcpu, walk) ((void)(walk))

/* For fast_page_fault(): the walk ends at the only SPTE, and nothing else changes it. */
#define RET_PF_INVALID					0
#define RET_PF_FIXED					1
#define RET_PF_SPURIOUS					2
#define walk_shadow_page_lockless_begin(vcpu)		((void)(vcpu))
#define walk_shadow_page_lockless_end(vcpu)		((void)(vcpu))
#define kvm_tdp_mmu_fast_pf_get_last_sptep(v, at, spte) (*(spte) = the_spte, &the_spte)
#define fast_pf_get_last_sptep(v, at, spte)		(*(spte) = the_spte, &the_spte)
#define sptep_to_sp(sptep)				(&the_sp)
#define is_tdp_mmu(mmu)					true
#define tdp_mmu_enabled					true
#define trace_fast_page_fault(...)			((void)0)
#define kvm_slot_dirty_track_enabled(slot)		((slot)->dirty_logged)
#define kvm_mem_is_private(kvm, gfn)			((kvm)->gfn_is_private)
#define fast_pf_fix_direct_spte(v, f, sptep, old, new)	(*(sptep) = (new), true)
#define printk_once(...)				((void)0)
#define pr_warn_once(...)				((void)0)

/* Before 5.19, what the guest's registers are, and a walk that ends at the only SPTE. */
#define X86_EFLAGS_AC_BIT	      18
#define X86_CR0_WP		      (1ul << 16)
#define X86_CR4_SMEP		      (1ul << 20)
#define X86_CR4_SMAP		      (1ul << 21)
#define X86_CR4_PKE		      (1ul << 22)
#define kvm_read_cr0_bits(vcpu, bits) ((vcpu)->cr0 & (bits))
#define kvm_read_cr4_bits(vcpu, bits) ((vcpu)->cr4 & (bits))
#define is_long_mode(vcpu)	      ((vcpu)->long_mode)
#define for_each_shadow_entry_lockless(v, at, it, spte)                                            \
	for (bool at_end = ((it).sptep = &the_spte, (spte) = the_spte, false); !at_end;            \
	     at_end = true)

static u64 the_spte;

static u64 physical_mask = (1ULL << 52) - 1;
static struct {
	u8 x86_phys_bits, x86_cache_bits;
} boot_cpu_data = {52, 52};
static struct {
	u8 maxphyaddr;
} kvm_host = {52};
static u8 shadow_phys_bits;

static inline u8 kvm_get_shadow_phys_bits(void)
{
	return kvm_host.maxphyaddr;
}

static u64 shadow_host_writable_mask, shadow_mmu_writable_mask, shadow_nx_mask, shadow_x_mask,
	shadow_xs_mask, shadow_xu_mask, shadow_user_mask, shadow_accessed_mask, shadow_dirty_mask,
	shadow_mmio_value, shadow_mmio_mask, shadow_mmio_access_mask, shadow_present_mask,
	shadow_memtype_mask, shadow_me_value, shadow_me_mask, shadow_acc_track_mask,
	shadow_nonpresent_or_rsvd_mask, shadow_nonpresent_or_rsvd_lower_gfn_mask;
static bool enable_mmio_caching = true, allow_mmio_caching = true;

#if ORACLE_GEN >= 702
static bool kvm_ad_enabled;
#endif

#endif
