// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/faults.h"

#include <stdlib.h>
#include <string.h>

#define PAGE_SHIFT	    12
#define EVENT_WAS_DELIVERED KM_BIT(31)

/* --- vCPUs --- */

/*
 * Lines without a thread belong to the vCPU that they name, or to the last one. Old kernels name it
 * in kvm_entry alone, whose vCPU is then ignored.
 */
static bool is_vcpu_of(const struct km_trace_vcpu *v, const struct km_trace_event *e)
{
	if (e->has_tid)
		return v->has_tid && v->tid == e->tid;
	if (v->has_tid || strcmp(e->comm, v->comm))
		return false;
	return e->vcpu < 0 || e->kind == KM_TRACE_ENTRY || v->vcpu == e->vcpu;
}

struct km_trace_vcpu *km_faults_find_vcpu(const struct km_trace *t, const struct km_trace_event *e)
{
	for (size_t i = t->vcpu_count; i > 0; i--) {
		if (is_vcpu_of(t->vcpus[i - 1], e))
			return t->vcpus[i - 1];
	}
	return NULL;
}

static struct km_trace_vcpu *new_vcpu(struct km_trace *t)
{
	struct km_trace_vcpu *v, **grown;

	if (t->vcpu_count == KM_TRACE_THREADS)
		return NULL;
	grown = realloc(t->vcpus, (t->vcpu_count + 1) * sizeof(*grown));
	if (!grown)
		return NULL;
	t->vcpus = grown;
	v = calloc(1, sizeof(*v));
	if (!v)
		return NULL;
	t->vcpus[t->vcpu_count++] = v;
	v->vcpu = -1;
	v->current = KM_NO_FAULT;
	return v;
}

struct km_trace_vcpu *km_faults_get_vcpu(struct km_trace *t, const struct km_trace_event *e)
{
	struct km_trace_vcpu *v = km_faults_find_vcpu(t, e);

	if (!v) {
		v = new_vcpu(t);
		if (!v)
			return NULL;
		v->has_tid = e->has_tid;
		v->tid = e->tid;
	}
	if (e->vcpu >= 0 && (e->has_tid || v->vcpu < 0))
		v->vcpu = e->vcpu;
	if (!v->comm[0])
		memcpy(v->comm, e->comm, sizeof(v->comm));
	return v;
}

/* --- faults --- */

/* Are these the same fault: address, error code and RIP? */
static bool same_fault(const struct km_trace_fault *f, const struct km_trace_fault *key)
{
	if (f->has_address != key->has_address || f->address != key->address)
		return false;
	if (f->has_error_code != key->has_error_code || f->error_code != key->error_code)
		return false;
	if (!key->has_error_code && key->has_pferr && f->pferr != key->pferr)
		return false;
	return f->has_rip == key->has_rip && f->rip == key->rip;
}

static void add_tally(struct km_trace_tally *tally, enum km_outcome outcome, uint64_t count)
{
	uint64_t sum = tally->n[outcome] + count;

	tally->n[outcome] = sum < UINT32_MAX ? (uint32_t)sum : UINT32_MAX;
}

/* Count for the current fault, its run, and the vCPU. */
void km_faults_count(struct km_trace_vcpu *v, enum km_outcome outcome, uint64_t times)
{
	add_tally(&v->all, outcome, times);
	if (v->current == KM_NO_FAULT)
		return;
	add_tally(&v->hot[v->current].all, outcome, times);
	add_tally(&v->hot[v->current].run, outcome, times);
}

/* End a run, in which nothing was fixed; keep it if it is the longest one. */
void km_faults_end_run(struct km_trace_fault *f)
{
	if (f->run.faults > f->best.faults)
		f->best = f->run;
	memset(&f->run, 0, sizeof(f->run));
}

/* The last fault was fixed: end its run, which does not include it. */
void km_faults_fixed(struct km_trace_vcpu *v)
{
	struct km_trace_fault *f;

	if (v->current == KM_NO_FAULT)
		return;
	f = &v->hot[v->current];
	if (f->run.faults)
		f->run.faults--;
	km_faults_end_run(f);
}

/* Return the entry of this fault; replace the rarest one if there is no room. */
static size_t find_fault(struct km_trace_vcpu *v, const struct km_trace_fault *key)
{
	size_t rarest = 0;

	if (v->current != KM_NO_FAULT && same_fault(&v->hot[v->current], key))
		return v->current;
	if (v->current != KM_NO_FAULT)
		km_faults_end_run(&v->hot[v->current]);
	for (size_t i = 0; i < v->hot_count; i++) {
		if (v->hot_address[i] == key->address && same_fault(&v->hot[i], key))
			return i;
	}
	for (size_t i = 1; i < v->hot_count && v->hot_faults[rarest] > 1; i++) {
		if (v->hot_faults[i] < v->hot_faults[rarest])
			rarest = i;
	}
	if (v->hot_count < KM_TRACE_HOT)
		rarest = v->hot_count++;
	else
		v->forgotten += v->hot[rarest].all.faults;
	v->hot[rarest] = *key;
	v->hot_address[rarest] = key->address;
	v->hot_faults[rarest] = 0;
	return rarest;
}

static void count_fault(struct km_trace_tally *tally, const struct km_trace_event *e)
{
	if (!tally->faults) {
		tally->first = e->time;
		tally->has_time = e->has_time;
	}
	tally->faults += e->count;
	tally->last = e->time;
}

/* Follow rising addresses at one RIP, as REP STOS causes them. */
static void follow_progress(struct km_trace_vcpu *v, const struct km_trace_event *e)
{
	struct km_trace_progress *p = &v->progress;

	if (!e->has_rip || !e->has_address)
		return;
	if (!p->faults || p->rip != e->rip || e->address <= p->last_address) {
		if (p->faults > v->best_progress.faults)
			v->best_progress = *p;
		*p = (struct km_trace_progress){
			.rip = e->rip, .first_address = e->address, .first = e->time};
	}
	p->faults++;
	p->last_address = e->address;
	p->last = e->time;
}

/* Linear counting: each page sets a bit, which few pages share. */
static void count_page(struct km_trace *t, const struct km_trace_event *e)
{
	uint64_t bit = (e->address >> PAGE_SHIFT) * 0x9e3779b97f4a7c15ULL >> 44;
	uint64_t *word = &t->page_bits[bit / 64], mask = KM_BIT(bit % 64);

	t->page_bits_set += !(*word & mask);
	*word |= mask;
}

static void keep_zapper(struct km_trace_fault *f, const struct km_zapper *zapper, uint64_t after)
{
	if (f->zapper.event &&
	    (f->zapper.tid != zapper->tid || strcmp(f->zapper.comm, zapper->comm)))
		f->several_zappers = true;
	if (!f->all.n[KM_OUTCOME_ZAPPED] || after < f->zapped_after)
		f->zapped_after = after;
	f->zapper = *zapper;
}

static void count_zapper(struct km_trace *t, const struct km_zapper *zapper, uint64_t faults)
{
	struct km_trace_zapper *z = t->zappers, *end = t->zappers + t->zapper_count;

	while (z < end && !km_same_zapper(&z->who, zapper))
		z++;
	if (z == end && t->zapper_count == KM_TRACE_ZAPPERS)
		return;
	if (z == end) {
		*z = (struct km_trace_zapper){.who = *zapper};
		t->zapper_count++;
	}
	z->faults += faults;
}

/* Check whether the page had been mapped before, and what happened to that mapping. */
static void look_back(struct km_trace *t, struct km_trace_vcpu *v, const struct km_trace_event *e)
{
	struct km_trace_fault *f = &v->hot[v->current];
	struct km_zapper zapper;
	uint64_t after;

	switch (km_mappings_faulted(t->mappings, e->address >> PAGE_SHIFT, &zapper, &after)) {
	case KM_MAPPING_ZAPPED:
		keep_zapper(f, &zapper, after);
		count_zapper(t, &zapper, e->count);
		km_faults_count(v, KM_OUTCOME_ZAPPED, e->count);
		break;
	case KM_MAPPING_THERE:
		km_faults_count(v, KM_OUTCOME_MAPPED, e->count);
		break;
	case KM_MAPPING_UNKNOWN:
		break;
	}
}

void km_faults_begin(struct km_trace *t, struct km_trace_vcpu *v, const struct km_trace_event *e,
		     const struct km_trace_fault *key)
{
	struct km_trace_fault *f;

	v->current = find_fault(v, key);
	f = &v->hot[v->current];
	count_fault(&f->all, e);
	v->hot_faults[v->current] = f->all.faults;
	count_fault(&f->run, e);
	count_fault(&v->all, e);
	v->changed = false;
	if (e->vectoring & EVENT_WAS_DELIVERED) {
		f->vectoring = e->vectoring;
		km_faults_count(v, KM_OUTCOME_VECTORED, e->count);
	}
	follow_progress(v, e);
	if (!e->has_address)
		return;
	count_page(t, e);
	look_back(t, v, e);
}

struct km_trace_fault km_faults_key(const struct km_trace_event *e, bool has_error_code)
{
	return (struct km_trace_fault){
		.has_address = e->has_address,
		.address = e->address,
		.has_error_code = has_error_code,
		.error_code = has_error_code ? e->error_code : 0,
		.has_rip = e->has_rip,
		.rip = e->rip,
	};
}
