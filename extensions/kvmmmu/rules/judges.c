// SPDX-License-Identifier: GPL-2.0-or-later
#include "rules/judges.h"

#include "rules/spte_check.h"

struct km_spf km_spte_permission_fault(const struct km_spte_masks *masks,
				       const uint16_t words[KM_PERM_WORDS], uint64_t spte,
				       uint64_t error_code, enum km_spf_form form)
{
	uint32_t pfec = (uint32_t)error_code;
	struct km_spf spf = {0};

	if (!km_is_shadow_present_pte(masks, spte)) {
		spf.denied = spf.not_present = true;
		return spf;
	}

	if (form == KM_SPF_MERGED)
		pfec &= PFERR_WRITE_MASK | PFERR_USER_MASK | PFERR_FETCH_MASK;
	spf.index = pfec >> 1;
	spf.acc = km_spte_acc(masks, spte, KM_ACC_RWUX);
	spf.out_of_range = spf.index >= KM_PERM_WORDS;
	if (!spf.out_of_range)
		spf.denied = words[spf.index] & KM_BIT(spf.acc);
	return spf;
}

bool km_is_access_allowed(const struct km_spte_masks *masks, uint64_t spte, uint64_t error_code)
{
	if (error_code & PFERR_FETCH_MASK)
		return km_is_executable_pte(masks, spte);
	if (error_code & PFERR_WRITE_MASK)
		return km_is_writable_pte(spte);
	return spte & KM_BIT(0);
}

/* Bits that the processor checks. */
#define PT_P   KM_BIT(0)
#define PT_W   KM_BIT(1)
#define PT_U   KM_BIT(2)
#define PT_A   KM_BIT(5)
#define PT_PS  KM_BIT(7)
#define PT_NX  KM_BIT(63)
#define EPT_R  KM_BIT(0)
#define EPT_W  KM_BIT(1)
#define EPT_X  KM_BIT(2) /* XS with MBEC */
#define EPT_XU KM_BIT(10)

/* An access to be checked, and the processor's configuration. */
struct access {
	const struct km_spte_masks *masks;
	const struct km_cpu_paging *cpu;
	const struct km_rsvd_bits *rsvd;
	const struct km_hw_entry *pae_root;
	bool write, user, fetch;
};

static bool is_ept(const struct access *a)
{
	return a->cpu->paging == KM_PAGING_EPT;
}

static bool is_pae_root(const struct access *a, const struct km_hw_entry *entry)
{
	return entry == a->pae_root;
}

static bool is_leaf(const struct access *a, const struct km_hw_entry *entry)
{
	if (entry->level == PG_LEVEL_4K)
		return true;
	return entry->level <= PG_LEVEL_1G && !is_pae_root(a, entry) && (entry->value & PT_PS);
}

/* KVM's reserved bits that the processor checks, too: see km_processor_judges(). */
static uint64_t hw_reserved(const struct access *a, const struct km_hw_entry *entry)
{
	if (is_pae_root(a, entry))
		return ~a->masks->me_mask & ~PT_A;
	return km_hw_rsvd_mask(a->masks, a->cpu->paging, entry->level);
}

static bool reserved_bits_set(const struct access *a, const struct km_hw_entry *entry)
{
	uint64_t reserved;

	if (!a->rsvd)
		return false;
	reserved = km_rsvd_spte(a->masks, a->rsvd, entry->value, entry->level, NULL);
	if (reserved & hw_reserved(a, entry))
		return true;
	return !is_ept(a) && !a->cpu->nx && (entry->value & PT_NX);
}

static bool is_present(const struct access *a, const struct km_hw_entry *entry)
{
	uint64_t present = PT_P;

	if (is_ept(a))
		present = EPT_R | EPT_W | EPT_X | (a->cpu->mbec ? EPT_XU : 0);
	return entry->value & present;
}

static bool is_misconfigured(const struct access *a, const struct km_hw_entry *entry)
{
	return is_ept(a) && km_is_ept_misconfig(entry->value, is_leaf(a, entry));
}

/* Why the walk ends at this entry, independent of the access; KM_HW_ALLOWS: it does not. */
static enum km_hw_reason ends_walk(const struct access *a, const struct km_hw_entry *entry)
{
	if (!is_present(a, entry))
		return KM_HW_NOT_PRESENT;
	if (is_misconfigured(a, entry))
		return KM_HW_MISCONFIG;
	if (reserved_bits_set(a, entry))
		return KM_HW_RESERVED;
	return KM_HW_ALLOWS;
}

static enum km_hw_reason ept_lacks(const struct access *a, uint64_t value)
{
	uint64_t exec = a->cpu->mbec && a->user ? EPT_XU : EPT_X;

	if (a->write && !(value & EPT_W))
		return KM_HW_WRITE;
	if (a->fetch && !(value & exec))
		return KM_HW_FETCH;
	if (!a->write && !a->fetch && !(value & EPT_R))
		return KM_HW_READ;
	return KM_HW_ALLOWS;
}

static enum km_hw_reason x86_lacks(const struct access *a, uint64_t value)
{
	bool needs_user = a->user;

	if (a->cpu->paging == KM_PAGING_NPT)
		needs_user = !a->cpu->gmet;
	if (a->write && !(value & PT_W))
		return KM_HW_WRITE;
	if (needs_user && !(value & PT_U))
		return KM_HW_USER;
	if (a->fetch && a->cpu->nx && (value & PT_NX))
		return KM_HW_FETCH;
	return KM_HW_ALLOWS;
}

/* The right that the access needs and this entry does not give; KM_HW_ALLOWS: none. */
static enum km_hw_reason lacks(const struct access *a, const struct km_hw_entry *entry)
{
	if (is_pae_root(a, entry))
		return KM_HW_ALLOWS;
	return is_ept(a) ? ept_lacks(a, entry->value) : x86_lacks(a, entry->value);
}

/* What forbids a supervisor access to a user page, which has U=1 in all entries. */
static enum km_hw_reason user_page_forbids(const struct access *a)
{
	bool smep = a->cpu->paging == KM_PAGING_NPT ? a->cpu->gmet : a->cpu->cr4_smep;
	bool smap = a->cpu->paging == KM_PAGING_SHADOW && a->cpu->cr4_smap;

	if (is_ept(a) || a->user)
		return KM_HW_ALLOWS;
	if (a->fetch)
		return smep ? KM_HW_SUPERVISOR_FETCH : KM_HW_ALLOWS;
	return smap ? KM_HW_SUPERVISOR_ACCESS : KM_HW_ALLOWS;
}

static struct km_hw_verdict verdict(enum km_hw_reason reason, int level)
{
	return (struct km_hw_verdict){
		.denied = reason != KM_HW_ALLOWS,
		.reason = reason,
		.level = reason != KM_HW_ALLOWS ? level : 0,
	};
}

struct km_hw_verdict km_processor_judges(const struct km_spte_masks *masks,
					 const struct km_cpu_paging *cpu,
					 const struct km_rsvd_bits *rsvd,
					 const struct km_hw_entry *entries, size_t count,
					 uint64_t error_code, int pae_root_level)
{
	const struct access a = {
		.masks = masks,
		.cpu = cpu,
		.rsvd = rsvd,
		.pae_root = count && entries[0].level == pae_root_level ? entries : NULL,
		.write = error_code & PFERR_WRITE_MASK,
		.user = error_code & PFERR_USER_MASK,
		.fetch = error_code & PFERR_FETCH_MASK,
	};
	enum km_hw_reason reason;
	bool user_page = true, leaf = false;
	size_t met = 0;

	while (met < count && !leaf) {
		const struct km_hw_entry *entry = &entries[met];

		if (!km_is_level(entry->level))
			break;
		reason = ends_walk(&a, entry);
		if (reason != KM_HW_ALLOWS)
			return verdict(reason, entry->level);
		leaf = is_leaf(&a, entry);
		user_page = user_page && (is_pae_root(&a, entry) || (entry->value & PT_U));
		met++;
	}

	for (size_t i = 0; i < met; i++) {
		reason = lacks(&a, &entries[i]);
		if (reason != KM_HW_ALLOWS)
			return verdict(reason, entries[i].level);
	}

	if (!leaf)
		return (struct km_hw_verdict){.incomplete = true};
	reason = user_page ? user_page_forbids(&a) : KM_HW_ALLOWS;
	if (reason == KM_HW_ALLOWS && cpu->paging == KM_PAGING_NPT && error_code & PFERR_RMP_CHECK)
		return (struct km_hw_verdict){.rmp = true};
	return verdict(reason, entries[met - 1].level);
}

const char *km_hw_reason_text(enum km_hw_reason reason, enum km_paging paging)
{
	bool ept = paging == KM_PAGING_EPT;

	switch (reason) {
	case KM_HW_ALLOWS:
		return "allowed";
	case KM_HW_NOT_PRESENT:
		return ept ? "R=W=X=0" : "P=0";
	case KM_HW_READ:
		return "R=0";
	case KM_HW_WRITE:
		return "W=0";
	case KM_HW_USER:
		return "U=0";
	case KM_HW_FETCH:
		return ept ? "X=0 (fetch)" : "NX=1 (fetch)";
	case KM_HW_SUPERVISOR_FETCH:
		return paging == KM_PAGING_NPT ? "U=1 (supervisor fetch, GMET)"
					       : "U=1 (supervisor fetch, SMEP)";
	case KM_HW_SUPERVISOR_ACCESS:
		return "U=1 (supervisor access, SMAP)";
	case KM_HW_RESERVED:
		return ept ? "reserved bits (EPT misconfiguration)" : "reserved bits";
	case KM_HW_MISCONFIG:
		return "EPT misconfiguration";
	}
	return "?";
}
