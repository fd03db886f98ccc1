// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/trace_judge.h"

#include <string.h>

#define ADDRESS (KM_BIT(52) - KM_BIT(12))

/* --- formats --- */

static void add_test(struct km_trace_format *format, const struct km_perm_inputs *in)
{
	struct km_trace_test *test = &format->tests[format->test_count++];

	test->has_words = in;
	if (in)
		km_update_permission_bitmask(in, test->words);
}

void km_trace_add_legacy(struct km_trace_format *format)
{
	add_test(format, NULL);
}

void km_trace_add_tables(struct km_trace_format *format)
{
	bool tdp = format->masks.paging != KM_PAGING_SHADOW;

	for (int smep = 0; smep <= tdp; smep++) {
		struct km_page_role role = {.cr4_smep = smep};
		struct km_perm_inputs in = km_spte_perm_inputs(
			KM_ACC_RWUX, &role, tdp, format->masks.paging == KM_PAGING_EPT);

		add_test(format, &in);
	}
}

void km_trace_rules_infer(struct km_trace_rules *rules)
{
	memset(rules, 0, sizeof(*rules));
	rules->inferred = true;
	rules->left = KM_FITS;
	for (int fit = 0; fit < KM_FITS; fit++) {
		const struct km_fit_format *as = km_fit_format((enum km_fit)fit);
		struct km_trace_format *format = &rules->formats[rules->count++];

		format->fit = (enum km_fit)fit;
		/* fast_page_fault() of older kernels is not modelled */
		if (as->generation < KM_SPTE_6_1)
			continue;
		format->masks = km_spte_default_masks(as->paging, as->generation);
		km_trace_add_legacy(format);
		if (as->generation == KM_SPTE_7_2)
			km_trace_add_tables(format);
	}
}

/* Excludes the formats of @excluded, unless that would leave none: then the evidence is
 * contradictory. */
static void exclude(struct km_trace_rules *rules, unsigned excluded, uint64_t spte, int level)
{
	unsigned left = 0;

	for (size_t i = 0; i < rules->count; i++) {
		if (!rules->formats[i].excluded)
			left |= 1u << rules->formats[i].fit;
	}
	if (!(left & ~excluded))
		return;
	rules->left = (unsigned)__builtin_popcount(left & ~excluded);
	for (size_t i = 0; i < rules->count; i++) {
		struct km_trace_format *f = &rules->formats[i];

		if (f->excluded || !(excluded & 1u << f->fit))
			continue;
		f->excluded = true;
		f->excluding_spte = spte;
		if (spte)
			km_fit_fits(f->fit, spte, level, f->why, sizeof(f->why));
	}
}

/* Was an SPTE with the same bits examined recently? If not, remember this one. */
static bool was_seen(struct km_trace_rules *rules, uint64_t spte, int level)
{
	uint64_t bits = spte & ~ADDRESS;
	unsigned next = rules->next_seen;

	for (size_t i = 0; i < KM_TRACE_SEEN; i++) {
		if (rules->seen[i].bits == bits && rules->seen[i].level == level)
			return true;
	}
	rules->seen[next].bits = bits;
	rules->seen[next].level = level;
	rules->next_seen = (next + 1) % KM_TRACE_SEEN;
	return false;
}

void km_trace_exclude_spte(struct km_trace_rules *rules, uint64_t spte, int level)
{
	unsigned fits;

	if (!rules->inferred || rules->left == 1 || !km_fit_is_mapped(spte) ||
	    was_seen(rules, spte, level))
		return;
	fits = km_fit_formats(spte, level);
	/* without a level it may be a table */
	if (!level)
		fits |= km_fit_formats(spte, PG_LEVEL_2M);
	exclude(rules, KM_FIT_ALL & ~fits, spte, level);
}

void km_trace_exclude_reason(struct km_trace_rules *rules, enum km_trace_reason reason)
{
	enum km_paging other = reason == KM_REASON_NPF ? KM_PAGING_EPT : KM_PAGING_NPT;
	unsigned excluded = 0;

	if (!rules->inferred || rules->left == 1 || reason == KM_REASON_OTHER ||
	    reason == KM_REASON_EXTERNAL)
		return;
	for (int fit = 0; fit < KM_FITS; fit++) {
		if (km_fit_format((enum km_fit)fit)->paging == other)
			excluded |= 1u << fit;
	}
	exclude(rules, excluded, 0, 0);
}

/* --- one event and our rule --- */

/* Apply the rule to the event as if the SPTE were at @level. */
static struct km_fast_page_fault predict(const struct km_trace_format *format,
					 const struct km_trace_test *test,
					 const struct km_trace_event *e, int level,
					 bool dirty_logged)
{
	struct km_spte_masks masks = format->masks;
	struct km_fast_page_fault_in in = {
		.masks = &masks,
		.words = test->has_words ? test->words : NULL,
		.form = KM_SPF_MERGED,
		.error_code = e->error_code,
		.spte = e->old_spte,
		.level = level,
		.dirty_logged = dirty_logged,
	};

	/* only direct MMUs get here: an SPTE without A/D bits means that kvm_ad_enabled is false */
	if (km_is_shadow_present_pte(&masks, e->old_spte) &&
	    !km_spte_ad_enabled(&masks, e->old_spte))
		masks.ad_enabled = false;
	return km_fast_page_fault(&in);
}

static enum km_ret_pf traced(const struct km_trace_event *e)
{
	return e->spurious ? KM_RET_PF_SPURIOUS : e->fixed ? KM_RET_PF_FIXED : KM_RET_PF_INVALID;
}

/* Does the event fit this test? */
static enum km_trace_verdict judge_by(const struct km_trace_format *format,
				      const struct km_trace_test *test,
				      const struct km_trace_event *e)
{
	struct km_fast_page_fault said = predict(format, test, e, PG_LEVEL_4K, false);
	bool same_spte = e->new_spte == said.new_spte;

	/* an SPTE that is not present does not show whether A/D bits are disabled */
	if (!said.tried && !(e->error_code & PFERR_PRESENT_MASK) &&
	    !km_is_shadow_present_pte(&format->masks, e->old_spte))
		return traced(e) == KM_RET_PF_INVALID ? KM_VERDICT_FITS : KM_VERDICT_DIFFERS;
	if (!said.tried)
		return KM_VERDICT_DIFFERS;
	if (said.ret == traced(e))
		return same_spte ? KM_VERDICT_FITS : KM_VERDICT_RACE;
	/* a table above level 1, or a huge page in a dirty-logged slot, is left alone */
	if (traced(e) == KM_RET_PF_INVALID &&
	    predict(format, test, e, PG_LEVEL_2M, true).ret == KM_RET_PF_INVALID)
		return e->new_spte == e->old_spte ? KM_VERDICT_FITS_ABOVE : KM_VERDICT_RACE;
	if (traced(e) == KM_RET_PF_INVALID && e->new_spte != e->old_spte)
		return KM_VERDICT_RACE;
	if (e->spurious && said.step != KM_FAST_NO_SPTE)
		return KM_VERDICT_CONTRADICTS;
	return KM_VERDICT_DIFFERS;
}

static bool can_judge(const struct km_trace_format *format)
{
	return !format->excluded && format->masks.layout;
}

enum km_trace_verdict km_trace_judge(const struct km_trace_rules *rules,
				     const struct km_trace_event *e)
{
	enum km_trace_verdict best = KM_VERDICT_DIFFERS;
	bool contradicts = true, judged = false;

	/* Every test of every kernel denies a write where bit 1 is clear. */
	if (e->spurious && (e->error_code & PFERR_WRITE_MASK) &&
	    !(e->error_code & PFERR_FETCH_MASK) && !km_is_writable_pte(e->old_spte))
		return KM_VERDICT_CONTRADICTS;
	for (size_t i = 0; i < rules->count; i++) {
		const struct km_trace_format *format = &rules->formats[i];

		for (size_t j = 0; can_judge(format) && j < format->test_count; j++) {
			enum km_trace_verdict v = judge_by(format, &format->tests[j], e);

			judged = true;
			contradicts = contradicts && v == KM_VERDICT_CONTRADICTS;
			if (v < best)
				best = v;
		}
	}
	if (!judged)
		return KM_VERDICT_NONE;
	return contradicts ? KM_VERDICT_CONTRADICTS : best;
}

enum km_ret_pf km_trace_outcome_by_sptes(const struct km_trace_rules *rules,
					 const struct km_trace_event *e)
{
	for (size_t i = 0; i < rules->count; i++) {
		const struct km_trace_format *format = &rules->formats[i];

		for (size_t j = 0; can_judge(format) && j < format->test_count; j++) {
			struct km_fast_page_fault said =
				predict(format, &format->tests[j], e, PG_LEVEL_4K, false);

			if (said.ret != KM_RET_PF_INVALID && said.new_spte == e->new_spte)
				return said.ret;
		}
	}
	return KM_RET_PF_INVALID;
}
