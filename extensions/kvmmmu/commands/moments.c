// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/moments.h"

#include "commands/examine.h"

#include <stdlib.h>
#include <string.h>

static const struct km_diagnosis *first_finding(const struct km_explanation *e)
{
	for (size_t i = 0; i < e->count; i++) {
		if (e->found[i].certainty > KM_NOTE)
			return &e->found[i];
	}
	return NULL;
}

static unsigned count_differing(const struct km_vcpu_mmu *all)
{
	unsigned count = 0;

	for (size_t i = 0; i < all->table_count; i++)
		count += all->tables[i].status == KM_TABLE_DIFFERS;
	return count;
}

static void take_walk(const struct km_walk *walk, struct km_moment_walk *taken)
{
	taken->known = true;
	taken->addr = walk->addr;
	taken->root_level = walk->root_level;
	taken->count = walk->count;
	for (size_t i = 0; i < walk->count; i++) {
		taken->levels[i].level = walk->levels[i].level;
		taken->levels[i].spte = walk->levels[i].spte.value;
	}
	km_walk_end_text(walk, taken->end, sizeof(taken->end));
}

struct km_moment km_moment_of(const struct km_case *c, const struct km_explanation *e)
{
	static const struct km_val unknown = {.known = KM_UNREADABLE};
	const struct km_diagnosis *d = first_finding(e);
	const struct km_mmu *mmu = c->mmu;
	struct km_moment m = {
		.kvm = c->vm->addr,
		.vcpu = c->vcpu->addr,
		.mm = c->vm->mm,
		.pid = c->vm->pid,
		.id = c->vcpu->vcpu_id,
		.vm_number = c->vm->number,
		.idx = c->vcpu->idx,
		.sample = km_sample_of(c, e),
		.certainty = e->certainty,
		.finding = d ? d->id : NULL,
		.finding_certainty = d ? d->certainty : KM_NOTE,
		.tid = c->vcpu->tid,
		.mode = c->vcpu->mode,
		.requests = c->vcpu->requests,
		.pf_fast = c->vcpu->stats.pf_fast,
		.mmu = mmu ? mmu->name : NULL,
		.root = mmu ? mmu->root.hpa : unknown,
		.root_role = mmu && mmu->readable ? km_known_val(mmu->root_role.word) : unknown,
		.tables_differ = count_differing(&c->all),
		.invalidations = c->vm->mmu_invalidate_in_progress,
	};

	if (c->has_walk)
		take_walk(&c->walk, &m.walk);
	memcpy(m.comm, c->vm->comm, sizeof(m.comm));
	return m;
}

static km_error *add(struct km_examiner *by, const struct km_vm *vm, const struct km_vcpu *vcpu,
		     struct km_examined *x, struct km_moments *moments)
{
	km_error *err = km_memory_charge(by->kernel->mem, 1, sizeof(*moments->list));

	if (!err)
		err = km_examine(by, vm, vcpu, x);
	if (!err)
		moments->list[moments->count++] = km_moment_of(&x->c, &x->e);
	km_case_deinit(&x->c);
	return err;
}

/* By the address of struct kvm_vcpu. */
static int compare(const void *a, const void *b)
{
	const struct km_moment *const *first = a, *const *second = b;

	return ((*first)->vcpu > (*second)->vcpu) - ((*first)->vcpu < (*second)->vcpu);
}

static int compare_vals(struct km_val a, struct km_val b)
{
	return a.known != b.known ? (a.known > b.known) - (a.known < b.known)
				  : (a.v > b.v) - (a.v < b.v);
}

/* By the PID of the owner, index and id. */
static int compare_owners(const void *a, const void *b)
{
	const struct km_moment *first = *(const struct km_moment *const *)a,
			       *second = *(const struct km_moment *const *)b;
	int by_pid = compare_vals(first->pid, second->pid);

	if (by_pid || first->idx != second->idx)
		return by_pid ? by_pid : (first->idx > second->idx) - (first->idx < second->idx);
	return compare_vals(first->id, second->id);
}

/* Fill moments->sorted, which has room for all. */
static void sort(struct km_moments *moments)
{
	for (size_t i = 0; i < moments->count; i++)
		moments->sorted[i] = &moments->list[i];
	if (moments->count)
		qsort(moments->sorted, moments->count, sizeof(*moments->sorted), compare);
}

km_error *km_moments_sort(struct km_moments *moments)
{
	moments->sorted = calloc(moments->count + 1, sizeof(*moments->sorted));
	if (!moments->sorted)
		return km_errorf(KM_ENOMEM, "out of memory");
	sort(moments);
	return NULL;
}

/* Those that @scope names. */
static km_error *add_all(struct km_examiner *by, const struct km_vms *vms,
			 const struct km_moments_scope *scope, struct km_moments *moments)
{
	struct km_examined *x = calloc(1, sizeof(*x));
	size_t vcpus = 0;
	km_error *err = NULL;

	for (size_t i = 0; i < vms->count; i++)
		vcpus += vms->vms[i].vcpu_count;
	moments->list = calloc(vcpus + 1, sizeof(*moments->list));
	if (!x || !moments->list)
		err = km_errorf(KM_ENOMEM, "out of memory");
	for (size_t i = 0; i < vms->count && !err; i++) {
		const struct km_vm *vm = &vms->vms[i];

		if (vm->left_out)
			continue;
		moments->lost += vm->vcpus_lost;
		if (scope->kvm && scope->kvm != vm->addr)
			continue;
		for (size_t j = 0; j < vm->vcpu_count && !err; j++) {
			if (!scope->vcpu || scope->vcpu == vm->vcpus[j].addr)
				err = vm->vcpus[j].left_out
					      ? NULL
					      : add(by, vm, &vm->vcpus[j], x, moments);
		}
	}
	free(x);
	return err ? err : km_moments_sort(moments);
}

km_error *km_moments_read(const struct km_kernel *kernel, const struct km_vms *vms,
			  const struct km_moments_scope *scope, struct km_moments *moments)
{
	struct km_examiner by = {0};
	km_error *err;

	memset(moments, 0, sizeof(*moments));
	km_boot_read(kernel, &moments->boot);
	err = km_examiner_init(&by, kernel, vms);
	if (!err)
		err = add_all(&by, vms, scope, moments);
	km_examiner_deinit(&by);
	return err;
}

void km_moments_keep(struct km_moments *moments, const struct km_moments_scope *scope)
{
	size_t kept = 0;

	for (size_t i = 0; i < moments->count; i++) {
		const struct km_moment *m = &moments->list[i];

		if ((!scope->kvm || scope->kvm == m->kvm) &&
		    (!scope->vcpu || scope->vcpu == m->vcpu))
			moments->list[kept++] = *m;
	}
	moments->count = kept;
	sort(moments);
}

void km_moments_deinit(struct km_moments *moments)
{
	free(moments->list);
	free(moments->sorted);
	moments->list = NULL;
	moments->sorted = NULL;
	moments->count = 0;
}

static bool may_be_equal(struct km_val a, struct km_val b)
{
	return !km_is_known(a) || !km_is_known(b) || a.v == b.v;
}

bool km_moment_is_of(const struct km_moment *a, const struct km_moment *b)
{
	return a->kvm == b->kvm && a->vcpu == b->vcpu && a->idx == b->idx &&
	       may_be_equal(a->mm, b->mm) && may_be_equal(a->pid, b->pid) &&
	       may_be_equal(a->id, b->id);
}

void km_moments_pair(struct km_moments *a, struct km_moments *b)
{
	struct km_moments *const both[] = {a, b};

	for (int i = 0; i < 2 && !km_moments_share_addresses(a, b); i++) {
		both[i]->by_owner = true;
		if (both[i]->count)
			qsort(both[i]->sorted, both[i]->count, sizeof(*both[i]->sorted),
			      compare_owners);
	}
}

/* Is the item of sorted at @found the only one of its owner, index and id? */
static bool is_alone(const struct km_moments *moments, const struct km_moment *const *found)
{
	const struct km_moment *const *last = moments->sorted + moments->count - 1;

	return (found == moments->sorted || compare_owners(found - 1, found)) &&
	       (found == last || compare_owners(found, found + 1));
}

const struct km_moment *km_moments_find(const struct km_moments *moments,
					const struct km_moment *like)
{
	const struct km_moment *const *found =
		moments->count
			? bsearch(&like, moments->sorted, moments->count, sizeof(*moments->sorted),
				  moments->by_owner ? compare_owners : compare)
			: NULL;

	if (!found)
		return NULL;
	if (moments->by_owner)
		return km_is_known(like->pid) && is_alone(moments, found) ? *found : NULL;
	return km_moment_is_of(*found, like) ? *found : NULL;
}
