// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Walks of KVM's own tables through every kind of entry at every level, and every access: what the
 * rules say that the processor does, compared with the manuals (SDM volume 3, 4.4 to 4.6 and 29.3;
 * APM volume 2, 5.3, 5.6 and 15.25), which are written here as they say it. Then every leaf that
 * KVM makes, in every generation: KVM's own tests of it against the processor.
 */
#include "cm.h"
#include "rules/judges.h"
#include "rules/mbec.h"

#include <string.h>

#define M	40 /* MAXPHYADDR of the host */
#define NX	KM_BIT(63)
#define ENTRIES 64 /* at most, of a level */
#define W	PFERR_WRITE_MASK
#define U	PFERR_USER_MASK
#define F	PFERR_FETCH_MASK

static uint64_t field(uint64_t value, unsigned high, unsigned low)
{
	return value >> low & (UINT64_MAX >> (63 - (high - low)));
}

static bool any(uint64_t value, unsigned high, unsigned low)
{
	return field(value, high, low);
}

static uint64_t mask(unsigned high, unsigned low)
{
	return (UINT64_MAX >> (63 - (high - low))) << low;
}

/* ---- what the manuals say ---- */

enum outcome { ALLOWED, NOT_PRESENT, RESERVED, FORBIDDEN, OUTCOMES };

struct machine {
	const char *name;
	struct km_cpu_paging cpu;
	int levels; /* 3: a PAE root */
};

/* Does an entry of EPT end the walk? SDM 29.3.2, 29.3.3.1; execute-only pages are supported. */
static enum outcome ept_entry(const struct machine *m, uint64_t e, int level, bool page)
{
	unsigned type = (unsigned)field(e, 5, 3);

	if (!any(e, 2, 0) && !(m->cpu.mbec && any(e, 10, 10)))
		return NOT_PRESENT;
	if ((!any(e, 0, 0) && any(e, 1, 1)) || any(e, 51, M))
		return RESERVED;
	if (page && (type == 2 || type == 3 || type == 7))
		return RESERVED;
	if (!page && (any(e, 6, 3) || (level > 3 && any(e, 7, 7))))
		return RESERVED;
	if (page && ((level == 3 && any(e, 29, 12)) || (level == 2 && any(e, 20, 12))))
		return RESERVED;
	return ALLOWED;
}

/* Of plain page tables and of NPT: SDM 4.4 and 4.5, APM 5.3. */
static enum outcome x86_entry(const struct machine *m, uint64_t e, int level, bool page)
{
	if (!any(e, 0, 0))
		return NOT_PRESENT;
	if (m->levels == 3 && level == 3) /* A is not looked at: see km_processor_judges() */
		return any(e, 2, 1) || any(e, 8, 6) || any(e, 63, M) ? RESERVED : ALLOWED;
	if (any(e, m->levels == 3 ? 62 : 51, M) || (any(e, 63, 63) && !m->cpu.nx))
		return RESERVED;
	if (level > 3 && any(e, 7, 7))
		return RESERVED;
	if (level > 3 && any(e, 8, 8) && m->cpu.paging == KM_PAGING_NPT)
		return RESERVED;
	if (page && ((level == 3 && any(e, 29, 13)) || (level == 2 && any(e, 20, 13))))
		return RESERVED;
	return ALLOWED;
}

static bool is_page(const struct machine *m, uint64_t e, int level)
{
	if (level == 1)
		return true;
	return level <= 3 && !(m->levels == 3 && level == 3) && any(e, 7, 7);
}

static enum outcome entry_ends(const struct machine *m, uint64_t e, int level)
{
	bool page = is_page(m, e, level);

	return m->cpu.paging == KM_PAGING_EPT ? ept_entry(m, e, level, page)
					      : x86_entry(m, e, level, page);
}

/* A right that all entries have: those of a PAE root count as having all. */
static bool all_have(const struct machine *m, const struct km_hw_entry *walk, size_t count,
		     unsigned bit)
{
	for (size_t i = 0; i < count; i++)
		if (!any(walk[i].value, bit, bit) && !(m->levels == 3 && walk[i].level == 3))
			return false;
	return true;
}

static bool one_has(const struct machine *m, const struct km_hw_entry *walk, size_t count,
		    unsigned bit)
{
	for (size_t i = 0; i < count; i++)
		if (any(walk[i].value, bit, bit) && !(m->levels == 3 && walk[i].level == 3))
			return true;
	return false;
}

/* SDM 29.3.3.2. */
static bool ept_permits(const struct machine *m, const struct km_hw_entry *walk, size_t count,
			uint64_t access)
{
	if (access & F && !all_have(m, walk, count, m->cpu.mbec && access & U ? 10 : 2))
		return false;
	if (access & W && !all_have(m, walk, count, 1))
		return false;
	return access & (F | W) || all_have(m, walk, count, 0);
}

/* APM 15.25: nested accesses are user accesses; GMET: but for fetches, U does not matter. */
static bool npt_permits(const struct machine *m, const struct km_hw_entry *walk, size_t count,
			uint64_t access)
{
	bool user_page = all_have(m, walk, count, 2);

	if (access & W && !all_have(m, walk, count, 1))
		return false;
	if (access & F && m->cpu.nx && one_has(m, walk, count, 63))
		return false;
	if (!m->cpu.gmet)
		return user_page;
	return !(access & F && !(access & U) && user_page);
}

/* SDM 4.6.1, with CR0.WP and EFER.NXE, as KVM runs a guest on its own tables. */
static bool shadow_permits(const struct machine *m, const struct km_hw_entry *walk, size_t count,
			   uint64_t access)
{
	bool user_page = all_have(m, walk, count, 2);

	if (access & U && !user_page)
		return false;
	if (access & W && !all_have(m, walk, count, 1))
		return false;
	if (access & F && m->cpu.nx && one_has(m, walk, count, 63))
		return false;
	if (access & U || !user_page)
		return true;
	return access & F ? !m->cpu.cr4_smep : !m->cpu.cr4_smap;
}

static bool permits(const struct machine *m, const struct km_hw_entry *walk, size_t count,
		    uint64_t access)
{
	switch (m->cpu.paging) {
	case KM_PAGING_EPT:
		return ept_permits(m, walk, count, access);
	case KM_PAGING_NPT:
		return npt_permits(m, walk, count, access);
	case KM_PAGING_SHADOW:
		return shadow_permits(m, walk, count, access);
	}
	return false;
}

/* ---- what KVM keeps of the reserved bits of its own tables ---- */

static struct km_rsvd_bits kvm_reserved(const struct machine *m)
{
	bool ept = m->cpu.paging == KM_PAGING_EPT;
	uint64_t high =
		mask(m->levels == 3 ? 62 : 51, M) | (ept ? 0 : NX); /* as of a guest without NX */
	struct km_rsvd_bits rsvd = {.bad_mt_xwr = 0};

	for (int level = 0; level < 5; level++) {
		uint64_t table = high;

		if (level > 2)
			table |= KM_BIT(7) | (ept ? 0 : KM_BIT(8));
		if (ept && level)
			table |= mask(6, 3);
		rsvd.rsvd_bits_mask[0][level] = rsvd.rsvd_bits_mask[1][level] = table;
		if (level == 1 || level == 2)
			rsvd.rsvd_bits_mask[1][level] =
				high | mask(11 + 9 * (unsigned)level, ept ? 12 : 13);
	}
	if (m->levels == 3) {
		rsvd.rsvd_bits_mask[0][2] = mask(63, M) | mask(8, 5) | mask(2, 1);
		rsvd.rsvd_bits_mask[1][2] = rsvd.rsvd_bits_mask[0][2];
	}
	if (ept)
		rsvd.bad_mt_xwr = UINT64_MAX; /* the processor's own rules count */
	return rsvd;
}

/* ---- every kind of entry ---- */

static uint64_t kinds[6][ENTRIES];
static size_t kind_count[6];

static void add(int level, uint64_t entry)
{
	assert_true(kind_count[level] < ENTRIES);
	kinds[level][kind_count[level]++] = entry;
}

static void fill_ept(int level)
{
	uint64_t page = level == 1 ? 0x30 : 0xb0;

	for (unsigned i = 0; i < 16; i++) {
		uint64_t xwr = (i & 7) | (i & 8 ? KM_BIT(10) : 0);

		if (level > 1)
			add(level, xwr | 0x5000);
		if (level < 4)
			add(level, xwr | page | 0x40000000);
	}
	for (unsigned type = 0; type < 8; type++)
		add(level, 0x40000007 | (level > 1 ? 0x80 : 0) | type << 3);
	for (unsigned bit = 3; bit < 8; bit++)
		add(level, 0x5007 | KM_BIT(bit));
	for (unsigned bit = M; bit <= 52; bit += 6)
		add(level, 0x5007 | KM_BIT(bit));
	for (unsigned bit = 12; bit <= 30; bit += 6)
		add(level, 0xb7 | KM_BIT(bit));
	add(level, NX | 0x3000000000000b07); /* what the processor ignores: KVM's own bits */
}

static void fill_x86(const struct machine *m, int level)
{
	for (unsigned i = 0; i < 8; i++) {
		uint64_t rights = 1 | (i & 3) << 1 | (i & 4 ? NX : 0);

		add(level, rights | 0x5000);
		if (level > 1 && (level < 4 || !i))
			add(level, rights | 0x40000080);
	}
	add(level, UINT64_MAX - 1);
	for (unsigned bit = 3; bit <= 9; bit++)
		add(level, (m->levels == 3 && level == 3 ? 0x5001 : 0x5007) | KM_BIT(bit));
	for (unsigned bit = M; bit <= 52; bit += 6)
		add(level, 0x5007 | KM_BIT(bit));
	for (unsigned bit = 12; bit <= 30; bit += 6)
		add(level, 0x87 | KM_BIT(bit));
	if (m->levels == 3 && level == 3)
		add(level, 1);
}

static void fill(const struct machine *m)
{
	memset(kind_count, 0, sizeof(kind_count));
	for (int level = 1; level <= m->levels; level++) {
		if (m->cpu.paging == KM_PAGING_EPT)
			fill_ept(level);
		else
			fill_x86(m, level);
	}
}

/* ---- the comparison ---- */

static unsigned long compared[OUTCOMES];

static enum outcome outcome_of(const struct km_hw_verdict *v)
{
	switch (v->reason) {
	case KM_HW_ALLOWS:
		return ALLOWED;
	case KM_HW_NOT_PRESENT:
		return NOT_PRESENT;
	case KM_HW_RESERVED:
	case KM_HW_MISCONFIG:
		return RESERVED;
	default:
		return FORBIDDEN;
	}
}

static void compare(const struct machine *m, const struct km_rsvd_bits *rsvd,
		    const struct km_hw_entry *walk, size_t count, enum outcome end)
{
	static const uint64_t accesses[] = {0, W, F, U, U | W, U | F};
	struct km_spte_masks masks = km_spte_default_masks(m->cpu.paging, KM_SPTE_7_2);

	for (size_t i = 0; i < ARRAY_SIZE(accesses); i++) {
		struct km_hw_verdict v = km_processor_judges(&masks, &m->cpu, rsvd, walk, count,
							     accesses[i], m->levels == 3 ? 3 : 0);
		enum outcome right = end;

		if (end == ALLOWED && !permits(m, walk, count, accesses[i]))
			right = FORBIDDEN;
		if (outcome_of(&v) != right || v.denied != (right != ALLOWED) || v.incomplete)
			fail_msg("%s: %zu entries, the last is %#llx at level %d, access %#llx: "
				 "%d, but reason %d at level %d",
				 m->name, count, (unsigned long long)walk[count - 1].value,
				 walk[count - 1].level, (unsigned long long)accesses[i], right,
				 v.reason, v.level);
		if (right == NOT_PRESENT || right == RESERVED)
			assert_int_equal(v.level, walk[count - 1].level);
		compared[right]++;
	}
}

/* Compare the walks that begin with the @met entries in @walk. */
static void descend(const struct machine *m, const struct km_rsvd_bits *rsvd,
		    struct km_hw_entry *walk, size_t met)
{
	int level = m->levels - (int)met;

	for (size_t i = 0; i < kind_count[level]; i++) {
		uint64_t entry = kinds[level][i];
		enum outcome end = entry_ends(m, entry, level);

		walk[met] = (struct km_hw_entry){entry, level};
		/* of five levels, a third of the tables at the lower three is enough */
		if (end != ALLOWED || is_page(m, entry, level))
			compare(m, rsvd, walk, met + 1, end);
		else if (m->levels - level < 2 || i % 3 == 0 || m->levels < 5)
			descend(m, rsvd, walk, met + 1);
	}
}

static void compare_machine(const struct machine *m)
{
	struct km_rsvd_bits rsvd = kvm_reserved(m);
	struct km_hw_entry walk[5];

	fill(m);
	memset(compared, 0, sizeof(compared));
	descend(m, &rsvd, walk, 0);
	for (enum outcome o = ALLOWED; o < OUTCOMES; o++)
		assert_true(compared[o]);
	print_message("%s, %d levels: %lu allowed, %lu not present, %lu reserved, %lu forbidden\n",
		      m->name, m->levels, compared[ALLOWED], compared[NOT_PRESENT],
		      compared[RESERVED], compared[FORBIDDEN]);
}

static void test_walks_of_npt(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct machine m = {.name = i & 1 ? "GMET" : "NPT",
				    .cpu = {KM_PAGING_NPT, .gmet = i & 1, .nx = !(i & 2)},
				    .levels = 4};

		compare_machine(&m);
	}
	compare_machine(&(struct machine){"NPT", {KM_PAGING_NPT, .nx = true}, 5});
}

static void test_walks_of_ept(void **state)
{
	(void)state;
	compare_machine(&(struct machine){"EPT", {KM_PAGING_EPT, .nx = true}, 4});
	/* SMEP and SMAP are checked against the guest's own tables */
	compare_machine(&(struct machine){
		"EPT",
		{KM_PAGING_EPT, .nx = true, .gmet = true, .cr4_smep = true, .cr4_smap = true},
		4});
	compare_machine(&(struct machine){"MBEC", {KM_PAGING_EPT, .mbec = true, .nx = true}, 4});
	compare_machine(&(struct machine){"EPT", {KM_PAGING_EPT, .nx = true}, 5});
}

static void test_walks_of_shadow_tables(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct machine m = {.name = "shadow",
				    .cpu = {KM_PAGING_SHADOW, .nx = true, .cr4_smep = i & 1,
					    .cr4_smap = i & 2}};

		for (m.levels = 3; m.levels <= 4; m.levels++)
			compare_machine(&m);
	}
	compare_machine(&(struct machine){"shadow", {KM_PAGING_SHADOW, .nx = true}, 5});
}

/* ---- the leaves that KVM makes ---- */

/* make_spte(): rights by ACC_* of KM_ACC_RWUX, without those that the paging does not have. */
static uint64_t make_leaf(const struct km_spte_masks *masks, unsigned acc, int level)
{
	uint64_t spte = masks->present | masks->layout->mmu_present_mask | 0x40000000 |
			(level > 1 ? KM_BIT(7) : 0);

	if (masks->paging == KM_PAGING_EPT) {
		uint64_t xu = masks->layout->xs_xu ? masks->xu : 0;

		return spte | 0x30 | (acc & ACC_READ_MASK ? 1 : 0) |
		       (acc & ACC_WRITE_MASK ? 2 : 0) | (acc & ACC_EXEC_MASK ? 4 : 0) |
		       (acc & ACC_USER_EXEC_MASK ? xu : 0);
	}
	return spte | (acc & ACC_WRITE_MASK ? 2 : 0) | (acc & ACC_USER_MASK ? 4 : 0) |
	       (acc & ACC_EXEC_MASK ? 0 : NX);
}

/* Not a leaf: EPT without a right or, for KVM and the processor, W without R. */
static bool is_leaf(const struct km_spte_masks *masks, uint64_t leaf)
{
	if (masks->paging != KM_PAGING_EPT)
		return true;
	return any(leaf, 0, 0) || (any(leaf, 2, 2) && !any(leaf, 1, 1));
}

static unsigned long judged;

static bool processor_denies(const struct machine *m, const struct km_spte_masks *masks,
			     uint64_t leaf, uint64_t access)
{
	struct km_hw_entry page = {leaf, 1};
	bool permitted = permits(m, &page, 1, access);
	struct km_hw_verdict v = km_processor_judges(masks, &m->cpu, NULL, &page, 1, access, 0);

	assert_int_equal(v.denied, !permitted);
	judged++;
	return v.denied;
}

/*
 * Since 7.3, the table that the role of a direct MMU implies denies exactly what the processor
 * denies. An NPF is always a user access, but for fetches with GMET.
 */
static void test_the_table_denies_what_the_processor_denies(void **state)
{
	static const struct machine machines[] = {
		{"NPT", {KM_PAGING_NPT, .nx = true}, 4},
		{"GMET", {KM_PAGING_NPT, .gmet = true, .nx = true}, 4},
		{"EPT", {KM_PAGING_EPT, .nx = true}, 4},
		{"MBEC", {KM_PAGING_EPT, .mbec = true, .nx = true}, 4},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(machines); i++) {
		const struct machine *m = &machines[i];
		bool ept = m->cpu.paging == KM_PAGING_EPT;
		struct km_page_role role = {.cr4_smep = m->cpu.gmet || m->cpu.mbec};
		struct km_perm_inputs in = km_spte_perm_inputs(KM_ACC_RWUX, &role, true, ept);
		struct km_spte_masks masks = km_spte_default_masks(m->cpu.paging, KM_SPTE_7_2);
		uint16_t words[KM_PERM_WORDS];

		km_update_permission_bitmask(&in, words);
		for (unsigned n = 0; n < 16 * 8; n++) {
			uint64_t access = (n & 16 ? W : 0) | (n & 32 ? F : 0) | (n & 64 ? U : 0);
			unsigned acc = n & 15;
			uint64_t leaf = make_leaf(&masks, acc, 1);

			if (!is_leaf(&masks, leaf))
				continue;
			if ((access & (W | F)) == (W | F))
				continue;
			if (!ept && !(access & U) && !(m->cpu.gmet && access & F))
				continue;
			assert_int_equal(
				km_spte_permission_fault(&masks, words, leaf, access, KM_SPF_MERGED)
					.denied,
				processor_denies(m, &masks, leaf, access));
		}
	}
}

/*
 * The test before 7.3 asks for one right: that of a fetch, else of a write, else P. It denies only
 * what the processor denies; and what it does not look at is U of NPT, and which of XS and XU a
 * fetch needs.
 */
static void check_older_test(const struct machine *m, const struct km_spte_masks *masks,
			     uint64_t leaf, uint64_t access)
{
	bool denies = processor_denies(m, masks, leaf, access);

	if (!km_is_access_allowed(masks, leaf, access))
		assert_true(denies);
	else if (denies && m->cpu.paging == KM_PAGING_EPT)
		assert_true(access & F && masks->layout->xs_xu &&
			    any(leaf, 2, 2) != any(leaf, 10, 10));
	else if (denies)
		assert_false(any(leaf, 2, 2));
}

static void test_the_older_test(void **state)
{
	static const struct machine machines[] = {
		{"NPT", {KM_PAGING_NPT, .nx = true}, 4},
		{"EPT", {KM_PAGING_EPT, .nx = true}, 4},
		{"MBEC", {KM_PAGING_EPT, .mbec = true, .nx = true}, 4},
	};
	static const uint64_t accesses[] = {0, W, F, U, U | W, U | F};

	(void)state;
	for (int gen = 0; gen < KM_SPTE_GENERATIONS; gen++) {
		for (unsigned n = 0; n < 3 * 16 * 6; n++) {
			const struct machine *m = &machines[n % 3];
			struct km_spte_masks masks = km_spte_default_masks(m->cpu.paging, gen);
			uint64_t leaf = make_leaf(&masks, n / 3 % 16, 1), access = accesses[n / 48];

			if (m->cpu.mbec && !masks.layout->xs_xu)
				continue;
			if (m->cpu.paging == KM_PAGING_NPT && !(access & U))
				continue;
			if (is_leaf(&masks, leaf))
				check_older_test(m, &masks, leaf, access);
		}
	}
}

/*
 * EPT without A/D bits: an entry that is tracked permits nothing, and restored it permits what it
 * did: SDM 29.3.2 by each generation's saved bits. mark_spte_for_access_track() saves R and X, and
 * where they exist XU; fast_page_fault() sets W anew.
 */
static void test_tracked_entries(void **state)
{
	(void)state;
	for (int gen = 0; gen < KM_SPTE_GENERATIONS; gen++) {
		for (unsigned n = 0; n < 16 * 2 * 3; n++) {
			const struct km_spte_layout *l = &km_spte_layouts[gen];
			struct machine m = {"", {KM_PAGING_EPT, .mbec = n & 16, .nx = true}, 4};
			struct km_spte_masks masks = km_spte_default_masks(KM_PAGING_EPT, gen);
			uint64_t leaf = make_leaf(&masks, n & 15, 1), saved, tracked, back;
			static const uint64_t accesses[] = {0, F, F | U};

			km_spte_masks_without_ad(&masks);
			if (!any(leaf, 0, 0))
				continue;
			if (!l->xs_xu && m.cpu.mbec)
				continue;		 /* before MBEC */
			leaf |= 1ULL << l->tdp_ad_shift; /* A/D disabled */
			saved = leaf & (5 | (l->xs_xu ? KM_BIT(10) : 0));
			tracked = (leaf & ~(7 | (l->xs_xu ? KM_BIT(10) : 0))) |
				  saved << l->acc_track_saved_shift;
			assert_false(km_is_access_track_spte(&masks, leaf));
			assert_true(km_is_access_track_spte(&masks, tracked));
			for (size_t i = 0; i < ARRAY_SIZE(accesses); i++)
				assert_true(processor_denies(&m, &masks, tracked, accesses[i]));
			back = km_restore_acc_track_spte(&masks, tracked);
			assert_int_equal(back & ~masks.accessed, leaf & ~2ULL & ~masks.accessed);
			for (size_t i = 0; i < ARRAY_SIZE(accesses); i++)
				assert_int_equal(processor_denies(&m, &masks, back, accesses[i]),
						 processor_denies(&m, &masks, leaf, accesses[i]));
		}
	}
	assert_true(judged > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_walks_of_npt),
		cmocka_unit_test(test_walks_of_ept),
		cmocka_unit_test(test_walks_of_shadow_tables),
		cmocka_unit_test(test_the_table_denies_what_the_processor_denies),
		cmocka_unit_test(test_the_older_test),
		cmocka_unit_test(test_tracked_entries),
	};

	return cmocka_run_group_tests_name("spte_walks", tests, NULL, NULL);
}
