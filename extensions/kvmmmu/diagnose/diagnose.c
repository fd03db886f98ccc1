// SPDX-License-Identifier: GPL-2.0-or-later
#include "diagnose/contradictions.h"
#include "diagnose/diagnosis.h"
#include "diagnose/state.h"
#include "kernel/function_names.h"

#include <string.h>

struct entry {
	enum km_diagnosis_kind kind;
	km_diagnose_fn *diagnose;
};

/* In order of precedence, as km_finding_texts[]. */
static const struct entry catalogue[KM_DIAGNOSES] = {
#define KM_DIAGNOSIS(kind, name, ...) {kind, km_diagnose_##name},
#include "diagnose/diagnoses.def"
#undef KM_DIAGNOSIS
};

/* Less comes first: first findings that explain the state, then other findings, then notes; within
 * each as in the catalogue.
 */
static int rank(const struct km_diagnosis *d)
{
	return !km_explains(d) + (d->certainty < KM_POSSIBLE);
}

/* A stable sort, of few. */
static void sort(struct km_explanation *e)
{
	for (size_t i = 1; i < e->count; i++) {
		for (size_t j = i; j && rank(&e->found[j]) < rank(&e->found[j - 1]); j--) {
			struct km_diagnosis swap = e->found[j];

			e->found[j] = e->found[j - 1];
			e->found[j - 1] = swap;
		}
	}
}

static bool is_symptom(const struct km_diagnosis *d)
{
	const struct km_finding_text *text = km_finding_text(d->id);

	return text && catalogue[text - km_finding_texts].kind == KM_SYMPTOM;
}

/* A symptom adds nothing where a cause explains it. */
static void drop_symptoms(struct km_explanation *e)
{
	size_t kept = 0;
	bool explained = false;

	for (size_t i = 0; i < e->count; i++)
		explained |= km_explains(&e->found[i]) && !is_symptom(&e->found[i]);
	for (size_t i = 0; i < e->count; i++) {
		if (!explained || !is_symptom(&e->found[i]))
			e->found[kept++] = e->found[i];
	}
	e->count = kept;
}

/* Counters tell how faults end, and not which of two causes ended them. */
static void weigh_rivals(struct km_explanation *e)
{
	size_t rivals = 0;

	for (size_t i = 0; i < e->count; i++)
		rivals += e->found[i].by_counts;
	for (size_t i = 0; i < e->count && rivals > 1; i++) {
		if (e->found[i].by_counts)
			km_at_most(&e->found[i].certainty, KM_POSSIBLE);
	}
}

/* Conditions speak of functions and members as today's kernel does. */
static void use_names_of(const struct km_kernel *kernel, struct km_diagnosis *d)
{
	for (size_t i = 0; i < d->evidence_count; i++)
		km_rename_functions(kernel, d->evidence[i], sizeof(d->evidence[i]));
}

static void run_catalogue(const struct km_case *c, struct km_explanation *e)
{
	for (size_t i = 0; i < KM_DIAGNOSES; i++) {
		struct km_diagnosis *d = &e->found[e->count];

		memset(d, 0, sizeof(*d));
		d->id = km_finding_texts[i].id;
		d->advise = true;
		d->known = KM_BIT(KM_WHEN_ANY);
		if (catalogue[i].diagnose(c, d)) {
			use_names_of(c->kernel, d);
			e->count++;
		} else if (!e->missing) {
			e->missing = d->missing;
		}
	}
}

void km_explain_found(const struct km_case *c, struct km_explanation *e)
{
	weigh_rivals(e);
	drop_symptoms(e);
	sort(e);
	km_decide_state(c, e);
	km_weigh_contradictions(c, e);
}

void km_explain_case(const struct km_case *c, struct km_explanation *e)
{
	memset(e, 0, sizeof(*e));
	run_catalogue(c, e);
	km_explain_found(c, e);
}
