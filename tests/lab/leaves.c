// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * leaves DUMP [DEBUGINFO]: print, as JSON, the present leaves that the library finds below each
 * root of each VM, for comparison with what a debugger finds: [address, level, pfn], found by a
 * walk of each address. A root that several vCPUs have is printed once.
 */
#include "on_dump.h"
#include "kvm/mmu.h"
#include "walk/walk_range.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_ROOTS 256 /* of a VM */
#define LIMIT	  (1u << 18)

struct printing {
	const struct km_kernel *k;
	const struct km_spte_masks *masks;
	const struct km_mmu *mmu;
	const char *comma;
	km_error *err;
};

struct root {
	uint64_t hpa;
	unsigned level;
};

static void put_leaf(struct printing *p, uint64_t addr, const struct km_spte *spte)
{
	printf("%s[%" PRIu64 ", %d, %" PRIu64 "]", p->comma, addr, spte->level, spte->pfn);
	p->comma = ", ";
}

/* A run of one entry. */
static void put_entry(void *arg, const struct km_run *run)
{
	if (run->end == KM_END_LEAF)
		put_leaf(arg, run->addr, &run->spte);
}

/* Print each entry of a run: the first one as a walk to its address finds it, as the commands do.
 */
static void put_run(void *arg, const struct km_run *run)
{
	struct printing *p = arg;
	uint64_t step = run->entries ? run->bytes / run->entries : 0;
	struct km_walk_range range;
	struct km_walk walk;

	if (run->end != KM_END_LEAF || p->err)
		return;
	p->err = km_walk(p->k, p->masks, p->mmu, run->addr, &walk);
	/* if the two walks disagree, the address is missing */
	if (!p->err && walk.end == KM_END_LEAF)
		put_leaf(p, run->addr, &km_walk_last(&walk)->spte);
	for (uint64_t i = 1; i < run->entries && !p->err; i++) {
		uint64_t at = run->addr + i * step;

		p->err = km_walk_range(p->k, p->masks, p->mmu, at, at + step - 1, LIMIT, put_entry,
				       p, &range);
	}
}

static bool seen(struct root *roots, size_t *count, struct root root)
{
	for (size_t i = 0; i < *count; i++)
		if (roots[i].hpa == root.hpa && roots[i].level == root.level)
			return true;
	if (*count < MAX_ROOTS)
		roots[(*count)++] = root;
	return false;
}

static km_error *put_mmu(const struct km_kernel *k, const struct km_spte_masks *masks,
			 const struct km_vcpu *vcpu, const struct km_mmu *mmu, const char **comma)
{
	struct printing p = {.k = k, .masks = masks, .mmu = mmu, .comma = ""};
	struct km_walk_range range;
	uint64_t addr = 0;
	km_error *err = NULL;

	printf("%s{\"vcpu\": %u, \"context\": \"%s\", \"root\": %" PRIu64 ", \"leaves\": [", *comma,
	       vcpu->idx, mmu->name, mmu->root.hpa.v);
	*comma = ",\n ";
	err = km_walk_range(k, masks, mmu, addr, UINT64_MAX, LIMIT, put_run, &p, &range);
	printf("]}");
	if (!err)
		err = p.err;
	else
		km_error_free(p.err);
	return err;
}

static km_error *put_vm(const struct km_kernel *k, const struct km_vm *vm)
{
	struct km_spte_masks masks = km_vm_masks(k, vm);
	struct root roots[MAX_ROOTS];
	size_t count = 0;
	const char *comma = "";
	km_error *err = NULL;

	printf("{\"kvm\": \"%#" PRIx64 "\", \"roots\": [", vm->addr);
	for (size_t i = 0; !err && i < vm->vcpu_count; i++) {
		struct km_vcpu_mmu all;

		km_vcpu_mmu_read(k, &vm->vcpus[i], &all);
		for (size_t j = 0; !err && j < all.mmu_count; j++) {
			const struct km_mmu *mmu = &all.mmus[j];
			struct root root = {mmu->root.hpa.v, mmu->root_role.level};

			if (!km_is_known(mmu->root.hpa) || !root.hpa || !km_valid_page(root.hpa) ||
			    seen(roots, &count, root))
				continue;
			err = put_mmu(k, &masks, &vm->vcpus[i], mmu, &comma);
		}
	}
	printf("]}");
	return err;
}

static km_error *put_all(const struct km_kernel *k)
{
	return put_each_vm(k, put_vm);
}

int main(int argc, char **argv)
{
	return put_on_dump(argc, argv, put_all);
}
