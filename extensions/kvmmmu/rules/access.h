/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Error-code bits of a page fault (PFERR_*), access rights of a page-table entry (ACC_*), and page
 * levels. Names and values are those of arch/x86/include/asm/kvm_host.h and arch/x86/kvm/mmu.h;
 * where a value changed, there is one name per generation.
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

/* Not of the kernel: the RMP (reverse map table of SEV-SNP) denied the access, not an SPTE. */
#define PFERR_RMP_CHECK (PFERR_GUEST_RMP_MASK | PFERR_GUEST_SIZEM_MASK | PFERR_GUEST_VMPL_MASK)

/* Not of the kernel: every PFERR_* bit. */
#define PFERR_KNOWN                                                                                \
	(0x7f | PFERR_SGX_MASK | PFERR_GUEST_RMP_MASK | PFERR_GUEST_FINAL_MASK |                   \
	 PFERR_GUEST_PAGE_MASK | PFERR_GUEST_ENC_MASK | PFERR_GUEST_SIZEM_MASK |                   \
	 PFERR_GUEST_VMPL_MASK | PFERR_IMPLICIT_ACCESS | PFERR_PRIVATE_ACCESS)

/* Which right is which bit of the index into a permission word. */
enum km_acc_format {
	KM_ACC_UWX,  /* up to about 7.1: u8 words; X=1 W=2 U=4 (with EPT, U means readable) */
	KM_ACC_RWUX, /* since then: u16 words; R=1 W=2 U=4 X=8 (with EPT, U is XU and X is XS) */
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

/* Is @level a page-table level, 1 to 5? */
static inline bool km_is_level(int level)
{
	return level >= PG_LEVEL_4K && level <= PG_LEVEL_256T;
}

/* Words of a permission table. */
#define KM_PERM_WORDS 16

/* Combinations of ACC_* rights, which is the number of bits used in each word. */
static inline unsigned km_acc_combinations(enum km_acc_format format)
{
	return format == KM_ACC_RWUX ? 16 : 8;
}

/* A bit and its names: {PFERR_WRITE_MASK, "W", "WRITE", "the access was a write"}. */
struct km_bit_name {
	uint64_t mask;
	const char *letter; /* as in trace events: "W" */
	const char *name;   /* as in the kernel: "WRITE" */
	const char *text;   /* what it means */
};

/* Return the PFERR_* bits, lowest first. *@count is set to their number. */
const struct km_bit_name *km_pferr_names(size_t *count);

/*
 * Print the error code into @buf ("P|W|U", bits without a name in hexadecimal, "0" if no bit is
 * set) and return @buf. 128 bytes are always enough.
 */
char *km_pferr_spell(uint64_t error_code, char *buf, size_t size);

/*
 * Print ACC_* rights, '-' for each that is missing, into @buf (5 bytes are enough) and return it.
 * KM_ACC_RWUX: "rwxu", with @ept "rwsu" (XS is s, XU is u). KM_ACC_UWX: "wxu", with @ept "rwx".
 */
char *km_acc_spell(enum km_acc_format format, unsigned acc, bool ept, char *buf, size_t size);

#endif
