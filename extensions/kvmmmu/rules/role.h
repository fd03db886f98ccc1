/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MMU roles: what the paging mode of a guest, or of KVM itself, is. Mirrors union
 * kvm_mmu_page_role, union kvm_mmu_extended_role and union kvm_cpu_role of
 * arch/x86/include/asm/kvm_host.h.
 */
#ifndef KVMMMU_ROLE_H
#define KVMMMU_ROLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Every bit-field that any supported generation has, in no generation's order: where each one sits
 * comes from the type information of the dump. A field that the generation lacks stays 0.
 */
#define KM_PAGE_ROLE_FIELDS(F)                                                                     \
	F(level)                                                                                   \
	F(has_4_byte_gpte)                                                                         \
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
	F(cr4_pse)                                                                                 \
	F(cr4_pke)                                                                                 \
	F(cr4_smap)                                                                                \
	F(cr4_smep)                                                                                \
	F(cr4_la57)                                                                                \
	F(efer_lma)                                                                                \
	F(has_pferr_fetch)

#define KM_ROLE_FIELD(name) uint8_t name;
/* union kvm_mmu_page_role, decoded; word is the raw u32. */
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

/* Is paging on? Mirrors is_cr0_pg(). */
static inline bool km_cpu_role_cr0_pg(const struct km_cpu_role *role)
{
	return role->base.level > 0;
}

/* Which bits a bit-field occupies in the 32-bit word; width 0: this generation has no such field.
 */
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

struct km_page_role km_page_role_decode(const struct km_page_role_layout *layout, uint32_t word);
struct km_ext_role km_ext_role_decode(const struct km_ext_role_layout *layout, uint32_t word);

/*
 * Calls @emit(name, value) for every field that the layout has, in the word's bit order: roles
 * spelled bit by bit.
 */
void km_page_role_spell(const struct km_page_role_layout *layout, uint32_t word,
			void (*emit)(void *ctx, const char *name, unsigned value), void *ctx);
void km_ext_role_spell(const struct km_ext_role_layout *layout, uint32_t word,
		       void (*emit)(void *ctx, const char *name, unsigned value), void *ctx);

#endif
