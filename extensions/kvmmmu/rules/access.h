/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Words of the question that a fault puts: error-code bits (PFERR_*), access rights of a page-table
 * entry (ACC_*), page levels. Names and values as in arch/x86/include/asm/kvm_host.h and
 * arch/x86/kvm/mmu.h; where a value changed, one name per generation.
 */
#ifndef KVMMMU_ACCESS_H
#define KVMMMU_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KM_BIT(n) (1ULL << (n))

#define PFERR_PRESENT_MASK     KM_BIT(0)
#define PFERR_WRITE_MASK       KM_BIT(1)
#define PFERR_USER_MASK	       KM_BIT(2)
#define PFERR_RSVD_MASK	       KM_BIT(3)
#define PFERR_FETCH_MASK       KM_BIT(4)
#define PFERR_PK_MASK	       KM_BIT(5)
#define PFERR_SS_MASK	       KM_BIT(6)
#define PFERR_SGX_MASK	       KM_BIT(15)
#define PFERR_GUEST_RMP_MASK   KM_BIT(31)
#define PFERR_GUEST_FINAL_MASK KM_BIT(32)
#define PFERR_GUEST_PAGE_MASK  KM_BIT(33)
#define PFERR_GUEST_ENC_MASK   KM_BIT(34)
#define PFERR_GUEST_SIZEM_MASK KM_BIT(35)
#define PFERR_GUEST_VMPL_MASK  KM_BIT(36)
#define PFERR_IMPLICIT_ACCESS  KM_BIT(48)
#define PFERR_PRIVATE_ACCESS   KM_BIT(49)

/* Format of the bit index within a permission word. */
enum km_acc_format {
	KM_ACC_UWX,  /* up to 7.1 or so: u8 words; X=1 W=2 U=4 (under EPT U means readable) */
	KM_ACC_RWUX, /* since then: u16 words; R=1 W=2 U=4 X=8 (under EPT U is XU, X is XS) */
};

/* ACC_* of KM_ACC_RWUX. */
#define ACC_READ_MASK	   1u
#define ACC_WRITE_MASK	   2u
#define ACC_USER_MASK	   4u
#define ACC_USER_EXEC_MASK 4u /* EPT */
#define ACC_EXEC_MASK	   8u

/* ACC_* of KM_ACC_UWX. */
#define ACC_UWX_EXEC_MASK  1u
#define ACC_UWX_WRITE_MASK 2u
#define ACC_UWX_USER_MASK  4u

enum {
	PG_LEVEL_4K = 1,
	PG_LEVEL_2M,
	PG_LEVEL_1G,
	PG_LEVEL_512G,
	PG_LEVEL_256T,
};

/* Does a page table have this level? */
static inline bool km_is_level(int level)
{
	return level >= PG_LEVEL_4K && level <= PG_LEVEL_256T;
}

/* Words of a permission table, and combinations of ACC_* bits (bits used in a word). */
#define KM_PERM_WORDS 16

static inline unsigned km_acc_combinations(enum km_acc_format format)
{
	return format == KM_ACC_RWUX ? 16 : 8;
}

/* One spelled bit of a word: {PFERR_WRITE_MASK, "W", "write"}. */
struct km_bit_name {
	uint64_t mask;
	const char *letter; /* as people write it in logs: "W" */
	const char *name;   /* as the kernel spells it: "WRITE" */
	const char *text;   /* what it says */
};

/* The PFERR_* bits, lowest first; *@count of them. */
const struct km_bit_name *km_pferr_names(size_t *count);

/*
 * Spells the error code into @buf ("P|W|U", bits without a name as hex, "0" for none) and returns
 * @buf. 128 bytes are always enough.
 */
char *km_pferr_spell(uint64_t error_code, char *buf, size_t size);

/*
 * Spells ACC_* rights, '-' for a missing one, into @buf (5 bytes are enough) and returns it.
 * KM_ACC_RWUX: "rwux", under @ept "rwus" (XU is u, XS is s). KM_ACC_UWX: "uwx", under @ept "rwx".
 */
char *km_acc_spell(enum km_acc_format format, unsigned acc, bool ept, char *buf, size_t size);

#endif
