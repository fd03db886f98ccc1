/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the extracted kernel functions find around them instead of a kernel: scalar types, the
 * machine that set-up functions ask about, and checks that need not speak.
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
