// SPDX-License-Identifier: GPL-2.0-or-later
#include "cm.h"
#include "rules/judges.h"

#include <stdio.h>
#include <string.h>

#define B(n) (1ULL << (n))
#define W    PFERR_WRITE_MASK
#define U    PFERR_USER_MASK
#define F    PFERR_FETCH_MASK

/* --- spte_permission_fault() --- */

static void test_word_and_bit(void **state)
{
	struct km_spte_masks masks = km_spte_default_masks(KM_PAGING_NPT, KM_SPTE_7_2);

	(void)state;
	for (unsigned bits = 0; bits < 16; bits++) {
		bool r = bits & 1, w = bits & 2, u = bits & 4, x = bits & 8;
		uint64_t spte = 0x800 | r | w << 1 | u << 2 | (x ? 0 : B(63));

		for (unsigned error_code = 0; error_code < 32; error_code++) {
			/* P, and RSVD in the merged version, do not change the index */
			unsigned merged = (error_code & 0x16) >> 1, v1 = error_code >> 1;

			for (unsigned index = 0; index < KM_PERM_WORDS; index++) {
				uint16_t words[KM_PERM_WORDS] = {0};
				struct km_spf spf;

				words[index] = 1u << bits;
				spf = km_spte_permission_fault(&masks, words, spte, error_code,
							       KM_SPF_MERGED);
				assert_int_equal(spf.denied, index == merged);
				assert_int_equal(spf.index, merged);
				assert_int_equal(spf.acc, bits);
				assert_false(spf.not_present || spf.out_of_range);

				words[index] = (uint16_t) ~(1u << bits);
				spf = km_spte_permission_fault(&masks, words, spte, error_code,
							       KM_SPF_MERGED);
				assert_false(spf.denied);

				words[index] = 1u << bits;
				spf = km_spte_permission_fault(&masks, words, spte, error_code,
							       KM_SPF_V1);
				assert_int_equal(spf.denied, index == v1);
				assert_int_equal(spf.index, v1);
				assert_int_equal(spf.acc, bits);
				assert_false(spf.not_present || spf.out_of_range);
			}
		}
	}
}

static void test_index_past_the_table(void **state)
{
	static const struct {
		uint64_t error_code, v1_index;
	} cases[] = {
		{PFERR_PK_MASK, 16},
		{PFERR_PK_MASK | 0x1f, 31},
		{PFERR_SS_MASK | W, 33},
		{PFERR_SGX_MASK, 0x4000},
		{PFERR_GUEST_RMP_MASK, 0x40000000},
		{UINT64_MAX, 0x7fffffff},
	};
	struct km_spte_masks masks = km_spte_default_masks(KM_PAGING_EPT, KM_SPTE_7_2);
	uint16_t words[KM_PERM_WORDS];
	struct km_spf spf;

	(void)state;
	memset(words, 0xff, sizeof(words));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		spf = km_spte_permission_fault(&masks, words, 0xc07, cases[i].error_code,
					       KM_SPF_V1);
		assert_true(spf.out_of_range);
		assert_false(spf.denied);
		assert_int_equal(spf.index, cases[i].v1_index);
		spf = km_spte_permission_fault(&masks, words, 0xc07, cases[i].error_code,
					       KM_SPF_MERGED);
		assert_false(spf.out_of_range);
		assert_true(spf.denied);
		assert_int_equal(spf.index, (cases[i].error_code & 0x16) >> 1);
	}
	/* bits above 31 of nested page faults are ignored */
	spf = km_spte_permission_fault(&masks, words, 0xc07, PFERR_GUEST_FINAL_MASK | W, KM_SPF_V1);
	assert_false(spf.out_of_range);
	assert_int_equal(spf.index, 1);
}

static void test_not_present(void **state)
{
	static const uint16_t words[KM_PERM_WORDS];
	struct km_spte_masks masks = km_spte_default_masks(KM_PAGING_NPT, KM_SPTE_7_2);

	(void)state;
	for (int form = KM_SPF_MERGED; form <= KM_SPF_V1; form++) {
		struct km_spf spf =
			km_spte_permission_fault(&masks, words, 0x7, PFERR_PK_MASK | W, form);

		assert_true(spf.denied && spf.not_present);
		assert_false(spf.out_of_range);
		assert_int_equal(spf.index, 0);
		assert_int_equal(spf.acc, 0);
		spf = km_spte_permission_fault(&masks, words, 0x807, W, form);
		assert_false(spf.denied || spf.not_present);
	}
}

/* --- is_access_allowed() --- */

static void test_is_access_allowed(void **state)
{
	(void)state;
	for (int gen = 0; gen < KM_SPTE_GENERATIONS; gen++) {
		struct km_spte_masks npt = km_spte_default_masks(KM_PAGING_NPT, gen);
		struct km_spte_masks ept = km_spte_default_masks(KM_PAGING_EPT, gen);

		for (unsigned bits = 0; bits < 32; bits++) {
			bool r = bits & 1, w = bits & 2, x = bits & 4, u = bits & 8, xu = bits & 16;
			uint64_t x86 = 0x800 | r | w << 1 | u << 2 | (x ? 0 : B(63));
			uint64_t spte = 0x800 | (bits & 7) | (xu ? B(10) : 0);
			bool ept_x = gen == KM_SPTE_7_2 ? x || xu : x;

			/* U, P and others are ignored; fetch is checked before write */
			for (uint64_t other = 0; other < 2; other++) {
				uint64_t rest = other ? ~(uint64_t)(W | F) : 0;

				assert_int_equal(km_is_access_allowed(&npt, x86, rest), r);
				assert_int_equal(km_is_access_allowed(&npt, x86, rest | W), w);
				assert_int_equal(km_is_access_allowed(&npt, x86, rest | F), x);
				assert_int_equal(km_is_access_allowed(&npt, x86, rest | F | W), x);
				assert_int_equal(km_is_access_allowed(&ept, spte, rest), r);
				assert_int_equal(km_is_access_allowed(&ept, spte, rest | W), w);
				assert_int_equal(km_is_access_allowed(&ept, spte, rest | F), ept_x);
				assert_int_equal(km_is_access_allowed(&ept, spte, rest | F | W),
						 ept_x);
			}
		}
	}
}

/* --- the processor --- */

static const struct km_cpu_paging ept = {.paging = KM_PAGING_EPT, .nx = true};
static const struct km_cpu_paging mbec = {.paging = KM_PAGING_EPT, .nx = true, .mbec = true};
static const struct km_cpu_paging npt = {.paging = KM_PAGING_NPT, .nx = true};
static const struct km_cpu_paging gmet = {.paging = KM_PAGING_NPT, .nx = true, .gmet = true};
static const struct km_cpu_paging shadow = {.paging = KM_PAGING_SHADOW, .nx = true};

static struct km_spte_masks masks_for(const struct km_cpu_paging *cpu)
{
	return km_spte_default_masks(cpu->paging, KM_SPTE_7_2);
}

static struct km_hw_verdict judge(const struct km_cpu_paging *cpu, const struct km_rsvd_bits *rsvd,
				  const struct km_hw_entry *walk, size_t count, uint64_t error_code)
{
	struct km_spte_masks masks = masks_for(cpu);

	return km_processor_judges(&masks, cpu, rsvd, walk, count, error_code, 0);
}

/* One 4 KiB leaf. */
static struct km_hw_verdict judge_leaf(const struct km_cpu_paging *cpu, uint64_t value,
				       uint64_t error_code)
{
	return judge(cpu, NULL, &(struct km_hw_entry){value, 1}, 1, error_code);
}

static void assert_verdict(struct km_hw_verdict verdict, enum km_hw_reason reason, int level)
{
	assert_int_equal(verdict.reason, reason);
	assert_int_equal(verdict.denied, reason != KM_HW_ALLOWS);
	assert_int_equal(verdict.level, level);
	assert_false(verdict.incomplete);
}

/* SDM 29.3.2 and 29.3.3, for two entries: a table and the page. */
static enum km_hw_reason ept_expected(const struct km_cpu_paging *cpu, const uint64_t *values,
				      uint64_t error_code, int *level)
{
	uint64_t asked;

	for (*level = 2; *level >= 1; --*level) {
		uint64_t value = values[2 - *level];

		if (!(value & 7) && !(cpu->mbec && value & B(10)))
			return KM_HW_NOT_PRESENT;
		if ((value & 3) == 2)
			return KM_HW_MISCONFIG;
	}
	/* The right that each access needs, in all entries. */
	asked = !(error_code & F) ? 0 : cpu->mbec && error_code & U ? B(10) : B(2);
	for (*level = 2; *level >= 1; --*level) {
		uint64_t value = values[2 - *level];

		if (error_code & W && !(value & 2))
			return KM_HW_WRITE;
		if (asked && !(value & asked))
			return KM_HW_FETCH;
		if (!(error_code & (W | F)) && !(value & 1))
			return KM_HW_READ;
	}
	return KM_HW_ALLOWS;
}

static void test_ept_rights_of_two_levels(void **state)
{
	(void)state;
	for (int with_mbec = 0; with_mbec < 2; with_mbec++) {
		for (unsigned bits = 0; bits < 256; bits++) {
			uint64_t values[2] = {(bits & 7) | (bits & 8 ? B(10) : 0),
					      (bits >> 4 & 7) | (bits & 128 ? B(10) : 0)};
			struct km_hw_entry walk[] = {{values[0], 2}, {values[1], 1}};

			for (uint64_t error_code = 0; error_code < 32; error_code++) {
				const struct km_cpu_paging *cpu = with_mbec ? &mbec : &ept;
				int level;
				enum km_hw_reason reason =
					ept_expected(cpu, values, error_code, &level);

				assert_verdict(judge(cpu, NULL, walk, 2, error_code), reason,
					       level);
			}
		}
	}
}

static void test_ept_memory_types(void **state)
{
	(void)state;
	for (unsigned type = 0; type < 8; type++) {
		bool bad = type == 2 || type == 3 || type == 7;
		uint64_t page = 7 | type << 3;
		struct km_hw_entry large[] = {{7, 3}, {page | B(7), 2}};
		struct km_hw_entry table[] = {{7, 3}, {page, 2}, {7, 1}};
		struct km_hw_entry huge[] = {{7, 4}, {page | B(7), 3}};

		assert_verdict(judge_leaf(&ept, page, W), bad ? KM_HW_MISCONFIG : KM_HW_ALLOWS,
			       bad);
		assert_verdict(judge(&ept, NULL, large, 2, W), bad ? KM_HW_MISCONFIG : KM_HW_ALLOWS,
			       bad ? 2 : 0);
		assert_verdict(judge(&ept, NULL, huge, 2, W), bad ? KM_HW_MISCONFIG : KM_HW_ALLOWS,
			       bad ? 3 : 0);
		/* only in a leaf */
		assert_verdict(judge(&ept, NULL, table, 3, W), KM_HW_ALLOWS, 0);
		/* without EPT, these bits mean something else */
		assert_verdict(judge_leaf(&npt, 7 | type << 3, W), KM_HW_ALLOWS, 0);
		assert_verdict(judge_leaf(&shadow, 7 | type << 3, W), KM_HW_ALLOWS, 0);
	}
	/* W without R is legal without EPT: P means present */
	assert_verdict(judge_leaf(&npt, 6, W), KM_HW_NOT_PRESENT, 1);
}

/* SDM 4.6 and APM 5.6, 15.25, 15.36: two entries, plain bits. */
static enum km_hw_reason x86_expected(const struct km_cpu_paging *cpu, const uint64_t *values,
				      uint64_t error_code, int *level)
{
	bool user_page = values[0] & values[1] & 4;
	bool user = error_code & U, nested = cpu->paging == KM_PAGING_NPT;

	for (*level = 2; *level >= 1; --*level)
		if (!(values[2 - *level] & 1))
			return KM_HW_NOT_PRESENT;
	for (*level = 2; *level >= 1; --*level) {
		uint64_t value = values[2 - *level];

		if (error_code & W && !(value & 2))
			return KM_HW_WRITE;
		if (nested ? !cpu->gmet && !(value & 4) : user && !(value & 4))
			return KM_HW_USER;
		if (error_code & F && cpu->nx && value >> 63)
			return KM_HW_FETCH;
	}
	*level = 1;
	if (!user && user_page && error_code & F && (nested ? cpu->gmet : cpu->cr4_smep))
		return KM_HW_SUPERVISOR_FETCH;
	if (!user && user_page && !(error_code & F) && !nested && cpu->cr4_smap)
		return KM_HW_SUPERVISOR_ACCESS;
	*level = 0;
	return KM_HW_ALLOWS;
}

static void test_x86_rights_of_two_levels(void **state)
{
	(void)state;
	for (unsigned machine = 0; machine < 32; machine++) {
		struct km_cpu_paging cpu = {
			.paging = machine & 1 ? KM_PAGING_NPT : KM_PAGING_SHADOW,
			.gmet = machine & 2,
			.nx = machine & 4,
			.cr4_smep = machine & 8,
			.cr4_smap = machine & 16,
			.mbec = machine & 16, /* EPT only */
		};

		for (unsigned bits = 0; bits < 256; bits++) {
			uint64_t values[2] = {(bits & 7) | (bits & 8 ? B(63) : 0),
					      (bits >> 4 & 7) | (bits & 128 ? B(63) : 0)};
			struct km_hw_entry walk[] = {{values[0], 2}, {values[1], 1}};

			for (uint64_t error_code = 0; error_code < 32; error_code++) {
				int level;
				enum km_hw_reason reason =
					x86_expected(&cpu, values, error_code, &level);

				assert_verdict(judge(&cpu, NULL, walk, 2, error_code), reason,
					       level);
			}
		}
	}
}

static void test_deeper_walks(void **state)
{
	struct km_hw_entry walk[] = {{7, 5}, {7, 4}, {7, 3}, {7, 2}, {7, 1}};
	struct km_hw_entry huge[] = {{7, 4}, {7 | B(7), 3}, {0, 2}};

	(void)state;
	assert_verdict(judge(&npt, NULL, walk, 5, W | U | F), KM_HW_ALLOWS, 0);
	for (size_t i = 0; i < 5; i++) {
		walk[i].value = 5;
		assert_verdict(judge(&npt, NULL, walk, 5, W), KM_HW_WRITE, walk[i].level);
		assert_verdict(judge(&ept, NULL, walk, 5, W), KM_HW_WRITE, walk[i].level);
		walk[i].value = 0;
		assert_verdict(judge(&npt, NULL, walk, 5, 0), KM_HW_NOT_PRESENT, walk[i].level);
		walk[i].value = 7;
	}
	/* an entry that ends the walk takes precedence over a right missing in an upper one */
	walk[1].value = 5;
	walk[4].value = 0;
	assert_verdict(judge(&npt, NULL, walk, 5, W), KM_HW_NOT_PRESENT, 1);
	/* The root denies first. */
	walk[4].value = 5;
	assert_verdict(judge(&npt, NULL, walk, 5, W), KM_HW_WRITE, 4);

	/* entries below a large page are ignored; bit 7 above 1 GiB does not make a page */
	assert_verdict(judge(&npt, NULL, huge, 3, W), KM_HW_ALLOWS, 0);
	assert_verdict(judge(&ept, NULL, huge, 3, W), KM_HW_ALLOWS, 0);
	huge[0].value |= B(7);
	assert_verdict(judge(&npt, NULL, huge, 3, W), KM_HW_ALLOWS, 0);
	huge[1].value = 7;
	assert_verdict(judge(&npt, NULL, huge, 3, W), KM_HW_NOT_PRESENT, 2);
	huge[2].value = 7 | B(7);
	assert_verdict(judge(&npt, NULL, huge, 3, W), KM_HW_ALLOWS, 0);
}

static void test_incomplete_walks(void **state)
{
	struct km_hw_entry walk[] = {{7, 4}, {7, 3}, {7, 2}};
	static const int no_levels[] = {0, 6, -1, INT32_MAX, INT32_MIN};
	struct km_hw_verdict verdict;

	(void)state;
	for (size_t count = 0; count <= 3; count++) {
		verdict = judge(&shadow, NULL, walk, count, W | U);
		assert_true(verdict.incomplete);
		assert_false(verdict.denied);
		assert_int_equal(verdict.level, 0);
		assert_int_equal(verdict.reason, KM_HW_ALLOWS);
	}
	/* a right that is missing in a known entry is missing */
	walk[1].value = 5;
	assert_verdict(judge(&shadow, NULL, walk, 3, W), KM_HW_WRITE, 3);
	/* whether it is a user page is not known */
	verdict = judge(&gmet, NULL, walk, 3, F);
	assert_true(verdict.incomplete);
	assert_false(verdict.denied);
	/* not a level: not a walk */
	for (size_t i = 0; i < ARRAY_SIZE(no_levels); i++) {
		walk[2] = (struct km_hw_entry){0, no_levels[i]};
		verdict = judge(&npt, NULL, walk, 3, 0);
		assert_true(verdict.incomplete);
		assert_false(verdict.denied);
	}
}

static struct km_hw_verdict judge_rsvd(const struct km_cpu_paging *cpu, uint64_t me_mask,
				       int pae_root_level, int level, uint64_t reserved,
				       uint64_t value)
{
	struct km_rsvd_bits rsvd = {.bad_mt_xwr = UINT64_MAX};
	struct km_spte_masks masks = masks_for(cpu);
	struct km_hw_entry entry = {value, level};

	masks.me_mask = me_mask;
	for (int i = 0; i < 5; i++)
		rsvd.rsvd_bits_mask[0][i] = rsvd.rsvd_bits_mask[1][i] = reserved;
	return km_processor_judges(&masks, cpu, &rsvd, &entry, 1, 0, pae_root_level);
}

/* For each bit at each level: does the processor fault if KVM's mask contains it? */
static void test_reserved_bits_of_the_processor(void **state)
{
	static const struct km_cpu_paging *const cpus[] = {&ept, &npt, &shadow};
	/* Neither rights nor memory type. */
	static const int bits[] = {6, 7, 8, 9, 10, 11, 12, 13, 20, 46, 51, 52, 62, 63};

	(void)state;
	for (size_t c = 0; c < ARRAY_SIZE(cpus); c++) {
		for (int level = 1; level <= 5; level++) {
			for (size_t i = 0; i < ARRAY_SIZE(bits); i++) {
				uint64_t bit = B(bits[i]);
				bool counts = true;

				if (cpus[c] != &ept) {
					if (bits[i] == 63) /* EFER.NX is on */
						counts = false;
					if (bits[i] == 7 && level == 3)
						counts = false;
					if (bits[i] == 8 && cpus[c] == &shadow)
						counts = false;
				}
				assert_int_equal(
					judge_rsvd(cpus[c], 0, 0, level, bit, 7 | bit).reason,
					counts ? KM_HW_RESERVED : KM_HW_ALLOWS);
				assert_int_equal(
					judge_rsvd(cpus[c], 0, 0, level, bit, 7 | bit).level,
					counts ? level : 0);
				/* Reserved, but clear; set, but not reserved. */
				assert_int_equal(judge_rsvd(cpus[c], 0, 0, level, bit, 7).reason,
						 KM_HW_ALLOWS);
				assert_int_equal(
					judge_rsvd(cpus[c], 0, 0, level, ~bit & ~7ULL, 7 | bit)
						.reason,
					KM_HW_ALLOWS);
				/* encryption bits are not reserved for the processor */
				assert_int_equal(
					judge_rsvd(cpus[c], bit, 0, level, bit, 7 | bit).reason,
					KM_HW_ALLOWS);
			}
		}
	}
}

static void test_reserved_order_and_nx(void **state)
{
	struct km_cpu_paging no_nx = npt;

	(void)state;
	/* not present: the rest of the entry is ignored */
	assert_verdict(judge_rsvd(&npt, 0, 0, 1, B(46), B(46) | 6), KM_HW_NOT_PRESENT, 1);
	/* Without EFER.NX bit 63 is reserved. */
	no_nx.nx = false;
	assert_verdict(judge_rsvd(&no_nx, 0, 0, 1, 0, B(63) | 7), KM_HW_RESERVED, 1);
	assert_verdict(judge_rsvd(&no_nx, 0, 0, 1, 0, 7), KM_HW_ALLOWS, 0);
	assert_verdict(judge_leaf(&no_nx, B(63) | 7, F), KM_HW_ALLOWS, 0); /* not asked */
	no_nx.paging = KM_PAGING_EPT;
	assert_verdict(judge_rsvd(&no_nx, 0, 0, 1, 0, B(63) | 7), KM_HW_ALLOWS, 0);
	/* a misconfiguration without reserved bits; KVM's bad_mt_xwr is ignored */
	assert_verdict(judge_rsvd(&ept, 0, 0, 1, B(46), B(46) | 6), KM_HW_MISCONFIG, 1);
	assert_verdict(judge_rsvd(&ept, 0, 0, 1, 0, 5), KM_HW_ALLOWS, 0);
	/* X without R is supported */
	assert_verdict(judge_leaf(&ept, 4, F), KM_HW_ALLOWS, 0);
	assert_verdict(judge_leaf(&ept, 4, 0), KM_HW_READ, 1);
}

static void test_pae_roots(void **state)
{
	struct km_spte_masks masks = masks_for(&shadow);
	struct km_cpu_paging cpu = shadow;
	struct km_hw_entry walk[] = {{1, 3}, {7, 2}, {7, 1}};

	(void)state;
#define JUDGE(error_code) km_processor_judges(&masks, &cpu, NULL, walk, 3, error_code, 3)
	/* only P matters */
	assert_verdict(JUDGE(W | U | F), KM_HW_ALLOWS, 0);
	walk[0].value = 6;
	assert_verdict(JUDGE(0), KM_HW_NOT_PRESENT, 3);
	/* it is not a 1 GiB page */
	walk[0].value = 1 | B(7);
	walk[2].value = 0;
	assert_verdict(JUDGE(0), KM_HW_NOT_PRESENT, 1);
	walk[0].value = 1;
	walk[2].value = 5;
	assert_verdict(JUDGE(W), KM_HW_WRITE, 1);
	/* its bit 2 does not make a supervisor page */
	cpu.cr4_smep = cpu.cr4_smap = true;
	assert_verdict(JUDGE(F), KM_HW_SUPERVISOR_FETCH, 1);
	assert_verdict(JUDGE(0), KM_HW_SUPERVISOR_ACCESS, 1);
	walk[1].value = 3;
	assert_verdict(JUDGE(F), KM_HW_ALLOWS, 0);
	assert_verdict(JUDGE(U), KM_HW_USER, 2);
#undef JUDGE
	/* below a root of level 4, the entries of pae_root are ordinary */
	assert_verdict(km_processor_judges(&masks, &cpu, NULL,
					   (struct km_hw_entry[]){{7, 4}, {5, 3}, {7, 2}, {7, 1}},
					   4, W, 3),
		       KM_HW_WRITE, 3);
	assert_true(km_processor_judges(&masks, &cpu, NULL, walk, 0, W, 3).incomplete);
	/* its reserved bits: those of KVM but A, which emulators set, and encryption bits */
	for (int bit = 1; bit < 64; bit++)
		assert_int_equal(judge_rsvd(&shadow, 0, 3, 3, B(bit), B(bit) | 1).reason,
				 bit == 5 ? KM_HW_ALLOWS : KM_HW_RESERVED);
	assert_false(judge_rsvd(&shadow, B(47), 3, 3, B(47), B(47) | 1).denied);
	/* The levels below are ordinary. */
	assert_false(judge_rsvd(&shadow, 0, 3, 2, B(63), B(63) | 7).denied);
}

static void test_reasons_have_a_text(void **state)
{
	static const struct {
		enum km_hw_reason reason;
		const char *ept, *npt, *shadow;
	} cases[] = {
		{KM_HW_ALLOWS, "allowed", "allowed", "allowed"},
		{KM_HW_NOT_PRESENT, "R=W=X=0", "P=0", "P=0"},
		{KM_HW_READ, "R=0", "R=0", "R=0"},
		{KM_HW_WRITE, "W=0", "W=0", "W=0"},
		{KM_HW_USER, "U=0", "U=0", "U=0"},
		{KM_HW_FETCH, "X=0 (fetch)", "NX=1 (fetch)", "NX=1 (fetch)"},
		{KM_HW_SUPERVISOR_FETCH, NULL, "U=1 (supervisor fetch, GMET)",
		 "U=1 (supervisor fetch, SMEP)"},
		{KM_HW_SUPERVISOR_ACCESS, NULL, NULL, "U=1 (supervisor access, SMAP)"},
		{KM_HW_RESERVED, "reserved bits (EPT misconfiguration)", "reserved bits",
		 "reserved bits"},
		{KM_HW_MISCONFIG, "EPT misconfiguration", NULL, NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		if (cases[i].ept)
			assert_string_equal(km_hw_reason_text(cases[i].reason, KM_PAGING_EPT),
					    cases[i].ept);
		if (cases[i].npt)
			assert_string_equal(km_hw_reason_text(cases[i].reason, KM_PAGING_NPT),
					    cases[i].npt);
		if (cases[i].shadow)
			assert_string_equal(km_hw_reason_text(cases[i].reason, KM_PAGING_SHADOW),
					    cases[i].shadow);
	}
	assert_string_equal(km_hw_reason_text(KM_HW_MISCONFIG + 1, KM_PAGING_EPT), "?");
}

/* SEV-SNP: the RMP is checked after the nested tables, and the entries do not show it. */
static void test_rmp(void **state)
{
	static const uint64_t checks[] = {PFERR_GUEST_RMP_MASK, PFERR_GUEST_SIZEM_MASK,
					  PFERR_GUEST_VMPL_MASK};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
		struct km_hw_verdict v = judge_leaf(&npt, 7, W | U | checks[i]);

		assert_true(v.rmp);
		assert_false(v.denied || v.incomplete);
		/* an entry that denies the access does so whatever the RMP says */
		v = judge_leaf(&npt, 5, W | U | checks[i]);
		assert_false(v.rmp);
		assert_verdict(v, KM_HW_WRITE, 1);
		/* there is no RMP without NPT */
		assert_false(judge_leaf(&ept, 7, W | checks[i]).rmp);
	}
	assert_false(judge_leaf(&npt, 7, W | U | PFERR_GUEST_ENC_MASK).rmp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_word_and_bit),
		cmocka_unit_test(test_index_past_the_table),
		cmocka_unit_test(test_not_present),
		cmocka_unit_test(test_is_access_allowed),
		cmocka_unit_test(test_ept_rights_of_two_levels),
		cmocka_unit_test(test_ept_memory_types),
		cmocka_unit_test(test_x86_rights_of_two_levels),
		cmocka_unit_test(test_deeper_walks),
		cmocka_unit_test(test_incomplete_walks),
		cmocka_unit_test(test_reserved_bits_of_the_processor),
		cmocka_unit_test(test_reserved_order_and_nx),
		cmocka_unit_test(test_pae_roots),
		cmocka_unit_test(test_rmp),
		cmocka_unit_test(test_reasons_have_a_text),
	};

	return cmocka_run_group_tests_name("judges", tests, NULL, NULL);
}
