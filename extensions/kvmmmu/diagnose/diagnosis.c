// SPDX-License-Identifier: GPL-2.0-or-later
#include "diagnose/diagnosis.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void format(char *to, size_t size, const char *fmt, va_list ap)
{
	vsnprintf(to, size, fmt, ap);
}

void km_verdict_says(struct km_diagnosis *d, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	format(d->verdict, sizeof(d->verdict), fmt, ap);
	va_end(ap);
}

void km_evidence(struct km_diagnosis *d, const char *fmt, ...)
{
	va_list ap;

	if (d->evidence_count == KM_EVIDENCE)
		return;
	va_start(ap, fmt);
	format(d->evidence[d->evidence_count++], sizeof(d->evidence[0]), fmt, ap);
	va_end(ap);
}

void km_leaves_open(struct km_diagnosis *d, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	format(d->open, sizeof(d->open), fmt, ap);
	va_end(ap);
}

const char *km_access_text(uint64_t error_code)
{
	return error_code & PFERR_FETCH_MASK   ? "fetch"
	       : error_code & PFERR_WRITE_MASK ? "write"
					       : "read";
}

char *km_case_fault_spell(const struct km_case *c, char *buf, size_t size)
{
	const char *access = km_access_text(c->error_code);
	const char *meaning = km_walk_address_text(km_mmu_address_meaning(c->mmu));
	char spelled[128];

	if (c->has_error_code)
		snprintf(buf, size, "%s at %s 0x%" PRIx64 ", error code 0x%" PRIx64 "%s%s", access,
			 meaning, c->addr, c->error_code, c->error_code ? " = " : "",
			 c->error_code ? km_pferr_spell(c->error_code, spelled, sizeof(spelled))
				       : "");
	else
		snprintf(buf, size, "access at %s 0x%" PRIx64, meaning, c->addr);
	return buf;
}

void km_evidence_counters(const struct km_case *c, struct km_diagnosis *d)
{
	const struct km_vcpu_stats *s = &c->vcpu->stats;

	if (km_is_known(s->pf_taken) && km_is_known(s->pf_fixed) && km_is_known(s->pf_spurious))
		km_evidence(d,
			    "counters: pf_taken %" PRIu64 ", pf_fixed %" PRIu64
			    ", pf_spurious %" PRIu64,
			    s->pf_taken.v, s->pf_fixed.v, s->pf_spurious.v);
}

void km_evidence_judges(const struct km_case *c, struct km_diagnosis *d)
{
	const struct km_verdict *v = c->panel.verdicts;
	enum km_judge asked = km_case_asked_judge(c);

	km_evidence(d, "processor: %s (%s)", km_ruling_text(v[KM_JUDGE_PROCESSOR].ruling),
		    v[KM_JUDGE_PROCESSOR].why);
	km_evidence(d, "%s: %s (%s)", km_judge_name(asked), km_ruling_text(v[asked].ruling),
		    v[asked].why);
}
