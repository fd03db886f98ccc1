// SPDX-License-Identifier: GPL-2.0-or-later
#include "judges.h"

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

/* Bits that the processor itself looks at. */
#define PT_P	  KM_BIT(0)
#define PT_W	  KM_BIT(1)
#define PT_U	  KM_BIT(2)
#define PT_A	  KM_BIT(5)
#define PT_PS	  KM_BIT(7)
#define PT_NX	  KM_BIT(63)
#define EPT_R	  KM_BIT(0)
#define EPT_W	  KM_BIT(1)
#define EPT_X	  KM_BIT(2) /* XS with MBEC */
#define EPT_XU	  KM_BIT(10)
#define EPT_MT(e) (((e) >> 3) & 7)

/* One question: this walk, this access, this machine. */
struct question {
	const struct km_spte_masks *masks;
	const struct km_cpu_paging *cpu;
	const struct km_rsvd_bits *rsvd;
	const struct km_hw_entry *pae_root;
	bool write, user, fetch;
};

static bool is_ept(const struct question *q)
{
	return q->cpu->paging == KM_PAGING_EPT;
}

static bool is_pae_root(const struct question *q, const struct km_hw_entry *entry)
{
	return entry == q->pae_root;
}

static bool is_leaf(const struct question *q, const struct km_hw_entry *entry)
{
	if (entry->level == PG_LEVEL_4K)
		return true;
	return entry->level <= PG_LEVEL_1G && !is_pae_root(q, entry) && (entry->value & PT_PS);
}

/* Which of KVM's reserved bits are the processor's own; see km_processor_judges() in the header. */
static uint64_t hw_reserved(const struct question *q, const struct km_hw_entry *entry)
{
	uint64_t mask = ~q->masks->me_mask;

	if (is_pae_root(q, entry))
		return mask & ~PT_A;
	if (is_ept(q))
		return mask;
	mask &= ~PT_NX;
	if (entry->level == PG_LEVEL_1G)
		mask &= ~PT_PS;
	if (q->cpu->paging == KM_PAGING_SHADOW)
		mask &= ~KM_BIT(8);
	return mask;
}

static bool reserved_bits_set(const struct question *q, const struct km_hw_entry *entry)
{
	uint64_t reserved;

	if (!q->rsvd)
		return false;
	reserved = km_rsvd_spte(q->masks, q->rsvd, entry->value, entry->level, NULL);
	if (reserved & hw_reserved(q, entry))
		return true;
	return !is_ept(q) && !q->cpu->nx && (entry->value & PT_NX);
}

static bool is_present(const struct question *q, const struct km_hw_entry *entry)
{
	uint64_t present = PT_P;

	if (is_ept(q))
		present = EPT_R | EPT_W | EPT_X | (q->cpu->mbec ? EPT_XU : 0);
	return entry->value & present;
}

static bool is_misconfigured(const struct question *q, const struct km_hw_entry *entry)
{
	unsigned memtype = EPT_MT(entry->value);

	if (!is_ept(q))
		return false;
	if ((entry->value & (EPT_R | EPT_W)) == EPT_W)
		return true;
	return is_leaf(q, entry) && (memtype == 2 || memtype == 3 || memtype == 7);
}

/* Does the walk end at this entry, whatever the access? */
static enum km_hw_reason ends_walk(const struct question *q, const struct km_hw_entry *entry)
{
	if (!is_present(q, entry))
		return KM_HW_NOT_PRESENT;
	if (is_misconfigured(q, entry))
		return KM_HW_MISCONFIG;
	if (reserved_bits_set(q, entry))
		return KM_HW_RESERVED;
	return KM_HW_ALLOWS;
}

static enum km_hw_reason ept_lacks(const struct question *q, uint64_t value)
{
	uint64_t exec = q->cpu->mbec && q->user ? EPT_XU : EPT_X;

	if (q->write && !(value & EPT_W))
		return KM_HW_WRITE;
	if (q->fetch && !(value & exec))
		return KM_HW_FETCH;
	if (!q->write && !q->fetch && !(value & EPT_R))
		return KM_HW_READ;
	return KM_HW_ALLOWS;
}

static enum km_hw_reason x86_lacks(const struct question *q, uint64_t value)
{
	bool asks_user = q->user;

	if (q->cpu->paging == KM_PAGING_NPT)
		asks_user = !q->cpu->gmet;
	if (q->write && !(value & PT_W))
		return KM_HW_WRITE;
	if (asks_user && !(value & PT_U))
		return KM_HW_USER;
	if (q->fetch && q->cpu->nx && (value & PT_NX))
		return KM_HW_FETCH;
	return KM_HW_ALLOWS;
}

/* Which right that the access needs does this entry withhold? */
static enum km_hw_reason lacks(const struct question *q, const struct km_hw_entry *entry)
{
	if (is_pae_root(q, entry))
		return KM_HW_ALLOWS;
	return is_ept(q) ? ept_lacks(q, entry->value) : x86_lacks(q, entry->value);
}

/* What forbids a supervisor to touch a user page, that is one with U=1 in all entries? */
static enum km_hw_reason user_page_forbids(const struct question *q)
{
	bool smep = q->cpu->paging == KM_PAGING_NPT ? q->cpu->gmet : q->cpu->cr4_smep;
	bool smap = q->cpu->paging == KM_PAGING_SHADOW && q->cpu->cr4_smap;

	if (is_ept(q) || q->user)
		return KM_HW_ALLOWS;
	if (q->fetch)
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
	const struct question q = {
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
		reason = ends_walk(&q, entry);
		if (reason != KM_HW_ALLOWS)
			return verdict(reason, entry->level);
		leaf = is_leaf(&q, entry);
		user_page = user_page && (is_pae_root(&q, entry) || (entry->value & PT_U));
		met++;
	}

	for (size_t i = 0; i < met; i++) {
		reason = lacks(&q, &entries[i]);
		if (reason != KM_HW_ALLOWS)
			return verdict(reason, entries[i].level);
	}

	if (!leaf)
		return (struct km_hw_verdict){.incomplete = true};
	return verdict(user_page ? user_page_forbids(&q) : KM_HW_ALLOWS, entries[met - 1].level);
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
