/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MMU roles: the paging mode of a guest or of its shadow pages. Mirrors union kvm_mmu_page_role,
 * union kvm_mmu_extended_role and union kvm_cpu_role of arch/x86/include/asm/kvm_host.h.
 */
#ifndef KVMMMU_ROLE_H
#define KVMMMU_ROLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Every bit-field that any supported generation has, in no particular order: the type information
 * of the dump locates each field. A field that a generation lacks is 0.
 */
#define KM_PAGE_ROLE_FIELDS(F)                                                                     \
	F(level)                                                                                   \
	F(has_4_byte_gpte)                                                                         \
	F(gpte_is_8_bytes)                                                                         \
	F(quadrant)                                                                                \
	F(direct)                                                                                  \
	F(access)                                                                                  \
	F(invalid)                                                                                 \
	F(efer_nx)                                                                                 \
	F(cr0_wp)                                                                                  \
	F(smep_andnot_wp)                                                                          \
	F(smap_andnot_wp)                                                                          \
	F(ad_disabled)                                                                             \
	F(guest_mode)                                                                              \
	F(passthrough)                                                                             \
	F(is_mirror)                                                                               \
	F(cr4_smep)                                                                                \
	F(smm)

#define KM_EXT_ROLE_FIELDS(F)                                                                      \
	F(valid)                                                                                   \
	F(execonly)                                                                                \
	F(cr0_pg)                                                                                  \
	F(cr4_pae)                                                                                 \
	F(cr4_pse)                                                                                 \
	F(cr4_pke)                                                                                 \
	F(cr4_smap)                                                                                \
	F(cr4_smep)                                                                                \
	F(cr4_la57)                                                                                \
	F(efer_lma)                                                                                \
	F(has_pferr_fetch)

#define KM_ROLE_FIELD(name) uint8_t name;
/* union kvm_mmu_page_role, decoded; word is the value itself. */
struct km_page_role {
	uint32_t word;
	KM_PAGE_ROLE_FIELDS(KM_ROLE_FIELD)
};

/* union kvm_mmu_extended_role, decoded. */
struct km_ext_role {
	uint32_t word;
	KM_EXT_ROLE_FIELDS(KM_ROLE_FIELD)
};
#undef KM_ROLE_FIELD

/* union kvm_cpu_role, decoded. */
struct km_cpu_role {
	struct km_page_role base;
	struct km_ext_role ext;
};

/*
 * CR4.SMEP of the guest: in the base role since the MBEC series (7.2), in the extended role before.
 * Mirrors is_cr4_smep().
 */
static inline bool km_cpu_role_cr4_smep(const struct km_cpu_role *role)
{
	return role->base.cr4_smep || role->ext.cr4_smep;
}

/*
 * Before 5.19, kvm_mmu had one mmu_role for both roles, whose base.level is that of the shadow
 * pages: make the guest's level of it, which is @root_level (kvm_mmu.root_level; 0: without
 * paging). The rest of the role does not determine it: ext.cr0_pg, and up to 5.12 gpte_is_8_bytes,
 * of guest_mmu are those of L2, not of the page tables of L1.
 */
static inline void km_cpu_role_of_one_role(struct km_cpu_role *role, uint8_t root_level)
{
	role->base.level = root_level;
	if (root_level > 2)
		role->base.has_4_byte_gpte = 0;
}

/*
 * Do protection keys apply, that is, CR4.PKE and EFER.LMA? Mirrors is_cr4_pke(). A role without
 * ext.efer_lma (@has_lma; before 5.14) has CR4.PKE alone in ext.cr4_pke: a guest is in long mode if
 * its page tables have at least four levels.
 */
static inline bool km_cpu_role_cr4_pke(const struct km_cpu_role *role, bool has_lma)
{
	return role->ext.cr4_pke && (has_lma || role->base.level >= 4);
}

/* Is paging enabled? Mirrors is_cr0_pg(). */
static inline bool km_cpu_role_cr0_pg(const struct km_cpu_role *role)
{
	return role->base.level > 0;
}

/* The place of a bit-field in the 32-bit word. Width 0: this generation does not have it. */
struct km_bitfield {
	uint8_t shift;
	uint8_t width;
};

#define KM_ROLE_BITFIELD(name) struct km_bitfield name;
struct km_page_role_layout {
	KM_PAGE_ROLE_FIELDS(KM_ROLE_BITFIELD)
};

struct km_ext_role_layout {
	KM_EXT_ROLE_FIELDS(KM_ROLE_BITFIELD)
};
#undef KM_ROLE_BITFIELD

/*
 * Decode a role word. Before 5.19, has_4_byte_gpte was called gpte_is_8_bytes and had the opposite
 * meaning: it is set in any case.
 */
struct km_page_role km_page_role_decode(const struct km_page_role_layout *layout, uint32_t word);
struct km_ext_role km_ext_role_decode(const struct km_ext_role_layout *layout, uint32_t word);

/*
 * Call @emit(@ctx, name, value) for each field that the layout has, in bit order.
 */
void km_page_role_spell(const struct km_page_role_layout *layout, uint32_t word,
			void (*emit)(void *ctx, const char *name, unsigned value), void *ctx);
void km_ext_role_spell(const struct km_ext_role_layout *layout, uint32_t word,
		       void (*emit)(void *ctx, const char *name, unsigned value), void *ctx);

#endif
