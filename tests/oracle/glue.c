// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The end of the generated file: call the functions above, whose names and arguments differ between
 * generations. HAVE_name is defined if function "name" exists.
 */
#include "oracle.h"

const int oracle_gen = ORACLE_GEN;

#ifdef HAVE_spte_permission_fault
const bool oracle_has_spf = true;
#else
const bool oracle_has_spf = false;
#endif
#ifdef HAVE_is_access_allowed
const bool oracle_has_access_allowed = true;
#else
const bool oracle_has_access_allowed = false;
#endif
#ifdef HAVE_is_dirty_spte
const bool oracle_has_dirty = true;
#else
const bool oracle_has_dirty = false;
#endif
/* Do the ACC_* bits include R? */
const bool oracle_has_r = sizeof(oracle_permission) == 2;

static struct kvm the_kvm;

void oracle_set_masks(const struct oracle_masks *masks)
{
	shadow_host_writable_mask = masks->host_writable;
	shadow_mmu_writable_mask = masks->mmu_writable;
	shadow_nx_mask = masks->nx;
	shadow_user_mask = masks->user;
	shadow_x_mask = shadow_xs_mask = masks->x;
	shadow_xu_mask = masks->xu;
	shadow_accessed_mask = masks->accessed;
	shadow_dirty_mask = masks->dirty;
	shadow_present_mask = masks->present;
	shadow_mmio_value = the_kvm.arch.shadow_mmio_value = masks->mmio_value;
	shadow_mmio_mask = masks->mmio_mask;
	shadow_mmio_access_mask = masks->mmio_access;
	shadow_me_value = masks->me_value;
	shadow_me_mask = masks->me_mask;
	shadow_acc_track_mask = masks->acc_track;
	shadow_nonpresent_or_rsvd_mask = masks->nonpresent_or_rsvd;
	shadow_nonpresent_or_rsvd_lower_gfn_mask = masks->nonpresent_or_rsvd_lower_gfn;
	physical_mask = masks->physical_mask;
	enable_mmio_caching = masks->mmio_caching;
#if ORACLE_GEN >= 702
	kvm_ad_enabled = masks->ad_enabled;
#endif
}

void oracle_default_masks(bool ept, int phys_bits, struct oracle_masks *masks)
{
	boot_cpu_data.x86_phys_bits = boot_cpu_data.x86_cache_bits = phys_bits;
	kvm_host.maxphyaddr = phys_bits;
	kvm_mmu_reset_all_pte_masks();
#if ORACLE_GEN < 519
	/* as vmx.c, hardware_setup(), and x86.c, kvm_arch_init(), do, with their constants */
	if (ept) {
		kvm_mmu_set_mask_ptes(1, 1 << 8, 1 << 9, 0, 4, 0, 7, 0);
		kvm_mmu_set_mmio_spte_mask(6, 0);
	} else {
		kvm_mmu_set_mask_ptes(4, 1 << 5, 1 << 6, 1ULL << 63, 0, 1, 0, 0);
		kvm_mmu_set_mmio_spte_mask(1ULL << 51 | 1, ACC_WRITE_MASK | ACC_USER_MASK);
	}
	shadow_host_writable_mask = SPTE_HOST_WRITEABLE;
	shadow_mmu_writable_mask = SPTE_MMU_WRITEABLE;
	shadow_mmio_mask = SPTE_MMIO_MASK;
#else
	if (ept) {
#if ORACLE_GEN >= 702
		kvm_mmu_set_ept_masks(true);
#else
		kvm_mmu_set_ept_masks(true, true);
#endif
	}
#endif
	*masks = (struct oracle_masks)
	{
		.host_writable = shadow_host_writable_mask,
		.mmu_writable = shadow_mmu_writable_mask, .nx = shadow_nx_mask,
		.user = shadow_user_mask, .x = ORACLE_GEN >= 702 ? shadow_xs_mask : shadow_x_mask,
		.xu = shadow_xu_mask, .accessed = shadow_accessed_mask, .dirty = shadow_dirty_mask,
		.present = shadow_present_mask, .mmio_value = shadow_mmio_value,
		.mmio_mask = shadow_mmio_mask, .mmio_access = shadow_mmio_access_mask,
		.me_value = shadow_me_value, .me_mask = shadow_me_mask,
		.acc_track = shadow_acc_track_mask,
		.nonpresent_or_rsvd = shadow_nonpresent_or_rsvd_mask,
		.nonpresent_or_rsvd_lower_gfn = shadow_nonpresent_or_rsvd_lower_gfn_mask,
		.physical_mask = (1ULL << 52) - 1,
#if ORACLE_GEN >= 702
		.ad_enabled = kvm_ad_enabled,
#elif ORACLE_GEN >= 519
		.ad_enabled = kvm_ad_enabled(),
#else
		.ad_enabled = shadow_accessed_mask,
#endif
		.mmio_caching = enable_mmio_caching,
	};
}

static void copy_words(uint16_t words[16], const oracle_permission permissions[16])
{
	for (int i = 0; i < 16; i++)
		words[i] = permissions[i];
}

void oracle_guest_table(uint32_t base, uint32_t ext, bool tdp, bool ept, uint16_t words[16],
			uint32_t *pkru_mask)
{
#if ORACLE_GEN < 519
	/* The role repeats the guest's registers; it is in long mode if it has four levels or more.
	 */
	union kvm_mmu_role role = {.base.word = base, .ext.word = ext};
	struct kvm_mmu mmu = {.nx = role.base.nxe};
	struct kvm_vcpu vcpu = {
		.cr0 = role.base.cr0_wp ? X86_CR0_WP : 0,
		.cr4 = (role.ext.cr4_smep ? X86_CR4_SMEP : 0) |
		       (role.ext.cr4_smap ? X86_CR4_SMAP : 0) |
		       (role.ext.cr4_pke ? X86_CR4_PKE : 0),
		.long_mode = role.ext.cr0_pg && role.base.level >= 4,
	};

	update_permission_bitmask(&vcpu, &mmu, ept);
	update_pkru_bitmask(&vcpu, &mmu, false);
	copy_words(words, mmu.permissions);
	*pkru_mask = mmu.pkru_mask;
#elif ORACLE_GEN >= 703
	struct kvm_pagewalk w = {0};

	w.cpu_role.base.word = base;
	w.cpu_role.ext.word = ext;
	update_permission_bitmask(&w, tdp, ept);
	update_pkru_bitmask(&w);
	copy_words(words, w.fmt.permissions);
	*pkru_mask = w.fmt.pkru_mask;
#else
	struct kvm_mmu mmu = {0};

	mmu.cpu_role.base.word = base;
	mmu.cpu_role.ext.word = ext;
#if ORACLE_GEN >= 702
	update_permission_bitmask(&mmu, tdp, ept);
#else
	update_permission_bitmask(&mmu, ept);
#endif
	update_pkru_bitmask(&mmu);
	copy_words(words, mmu.permissions);
	*pkru_mask = mmu.pkru_mask;
#endif
}

#ifdef HAVE_spte_permission_fault
void oracle_spte_table(uint32_t root_role, bool tdp, bool ept, uint16_t words[16])
{
	struct kvm_mmu mmu = {0};

	mmu.root_role.word = root_role;
	update_spte_permission_bitmask(&mmu, tdp, ept);
	copy_words(words, mmu.fmt.permissions);
}

static struct kvm_mmu mmu_with(const uint16_t words[16])
{
	struct kvm_mmu mmu = {0};

	for (int i = 0; i < 16; i++)
		mmu.fmt.permissions[i] = words[i];
	return mmu;
}

bool oracle_spte_permission_fault(const uint16_t words[16], uint64_t spte, uint64_t error_code)
{
	struct kvm_page_fault fault = {.error_code = error_code};
	struct kvm_mmu mmu = mmu_with(words);

	return spte_permission_fault(&mmu, spte, &fault);
}

bool oracle_spte_permission_fault_v1(const uint16_t words[16], uint64_t spte, uint64_t error_code)
{
	struct kvm_page_fault fault = {.error_code = error_code};
	struct kvm_mmu mmu = mmu_with(words);

	return spte_permission_fault_v1(&mmu, spte, &fault);
}
#else
void oracle_spte_table(uint32_t root_role, bool tdp, bool ept, uint16_t words[16])
{
}

bool oracle_spte_permission_fault(const uint16_t words[16], uint64_t spte, uint64_t error_code)
{
	return false;
}

bool oracle_spte_permission_fault_v1(const uint16_t words[16], uint64_t spte, uint64_t error_code)
{
	return false;
}
#endif

#if defined(HAVE_is_access_allowed) && ORACLE_GEN < 519
bool oracle_is_access_allowed(uint64_t spte, uint64_t error_code)
{
	return is_access_allowed(error_code, spte);
}

bool oracle_is_executable(uint64_t spte)
{
	return is_executable_pte(spte);
}
#elif defined(HAVE_is_access_allowed)
bool oracle_is_access_allowed(uint64_t spte, uint64_t error_code)
{
	struct kvm_page_fault fault = {
		.exec = error_code & PFERR_FETCH_MASK,
		.write = error_code & PFERR_WRITE_MASK,
	};

	return is_access_allowed(&fault, spte);
}

bool oracle_is_executable(uint64_t spte)
{
	return is_executable_pte(spte);
}
#else
bool oracle_is_access_allowed(uint64_t spte, uint64_t error_code)
{
	return false;
}

bool oracle_is_executable(uint64_t spte)
{
	return false;
}
#endif

int oracle_fast_page_fault(const uint16_t words[16], const struct oracle_fault *f,
			   uint64_t *new_spte)
{
	struct kvm_memory_slot slot = {f->dirty_logged};
	struct kvm_mmu mmu = {0};
	struct kvm_vcpu vcpu = {.kvm = &the_kvm, .arch.mmu = &mmu};
	struct kvm_page_fault fault = {
		.error_code = f->error_code,
		.exec = f->error_code & PFERR_FETCH_MASK,
		.write = f->error_code & PFERR_WRITE_MASK,
		.present = f->error_code & PFERR_PRESENT_MASK,
		.rsvd = f->error_code & PFERR_RSVD_MASK,
		.user = f->error_code & PFERR_USER_MASK,
		.is_private = f->error_code >> 49 & 1,
		.slot = &slot,
	};
	int ret;

	for (int i = 0; i < 16; i++)
		mmu.fmt.permissions[i] = words[i];
	the_kvm.arch.has_private_mem = f->has_private_mem;
	the_kvm.gfn_is_private = f->gfn_is_private;
	the_sp.role.level = f->level;
	the_spte = f->spte;
#if ORACLE_GEN < 519
	ret = fast_page_fault(&vcpu, fault.addr, fault.error_code);
#else
	ret = fast_page_fault(&vcpu, &fault);
#endif
	*new_spte = the_spte;
	return ret;
}

unsigned oracle_permission_fault(const uint16_t words[16], const struct oracle_guest_access *a)
{
	struct kvm_vcpu vcpu = {.arch.pkru = a->pkru, .rflags = a->ac ? X86_EFLAGS_AC : 0};
#if ORACLE_GEN >= 703
	struct kvm_pagewalk walk = {.fmt.pkru_mask = a->pkru_mask};

	for (int i = 0; i < 16; i++)
		walk.fmt.permissions[i] = words[i];
#else
	struct kvm_mmu walk = {.pkru_mask = a->pkru_mask};

	for (int i = 0; i < 16; i++)
		walk.permissions[i] = words[i];
#endif
	return permission_fault(&vcpu, &walk, a->acc, a->pkey, a->pfec);
}

bool oracle_is_dirty(uint64_t spte)
{
#ifdef HAVE_is_dirty_spte
	return is_dirty_spte(spte);
#else
	return false;
#endif
}

bool oracle_is_frozen(uint64_t spte)
{
#ifdef HAVE_is_removed_spte
	return is_removed_spte(spte);
#elif ORACLE_GEN < 512
	return false;
#else
	return is_frozen_spte(spte);
#endif
}

bool oracle_is_mmio(uint64_t spte)
{
#if ORACLE_GEN >= 612
	return is_mmio_spte(&the_kvm, spte);
#else
	return is_mmio_spte(spte);
#endif
}

bool oracle_is_shadow_present(uint64_t spte)
{
	return is_shadow_present_pte(spte);
}

bool oracle_is_last(uint64_t spte, int level)
{
	return is_last_spte(spte, level);
}

bool oracle_is_writable(uint64_t spte)
{
	return is_writable_pte(spte);
}

bool oracle_ad_enabled(uint64_t spte)
{
	return spte_ad_enabled(spte);
}

bool oracle_ad_need_write_protect(uint64_t spte)
{
	return spte_ad_need_write_protect(spte);
}

bool oracle_is_access_track(uint64_t spte)
{
	return is_access_track_spte(spte);
}

bool oracle_is_accessed(uint64_t spte)
{
	return is_accessed_spte(spte);
}

uint64_t oracle_mark_for_access_track(uint64_t spte)
{
	return mark_spte_for_access_track(spte);
}

uint64_t oracle_restore_acc_track(uint64_t spte)
{
	return restore_acc_track_spte(spte);
}

uint64_t oracle_pfn(uint64_t spte)
{
	return spte_to_pfn(spte);
}

uint64_t oracle_mmio_generation(uint64_t spte)
{
	return get_mmio_spte_generation(spte);
}

uint64_t oracle_mmio_gen_mask(void)
{
	return MMIO_SPTE_GEN_MASK;
}

uint64_t oracle_mmio_gfn(uint64_t spte)
{
	return get_mmio_spte_gfn(spte);
}

unsigned oracle_mmio_access(uint64_t spte)
{
	return get_mmio_spte_access(spte);
}

uint64_t oracle_make_mmio(uint64_t generation, uint64_t gfn, unsigned access)
{
	struct kvm_vcpu vcpu = {.kvm = &the_kvm, .slots.generation = generation};

	return make_mmio_spte(&vcpu, gfn, access);
}

uint64_t oracle_rsvd(const uint64_t rsvd_bits_mask[2][5], uint64_t bad_mt_xwr, uint64_t spte,
		     int level, bool *is_rsvd)
{
#if ORACLE_GEN >= 703
	struct kvm_page_format fmt = {.bad_mt_xwr = bad_mt_xwr};
#else
	struct rsvd_bits_validate fmt = {.bad_mt_xwr = bad_mt_xwr};
#endif

	for (int i = 0; i < 10; i++)
		fmt.rsvd_bits_mask[i / 5][i % 5] = rsvd_bits_mask[i / 5][i % 5];
#if ORACLE_GEN < 519
	*is_rsvd = __is_bad_mt_xwr(&fmt, spte) || __is_rsvd_bits_set(&fmt, spte, level);
	return spte & fmt.rsvd_bits_mask[spte >> 7 & 1][level - 1];
#else
	*is_rsvd = is_rsvd_spte(&fmt, spte, level);
	return spte & get_rsvd_bits(&fmt, spte, level);
#endif
}
