// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Measure walking everything that a vCPU's root maps, auditing the entries of the VM and all of it,
 * and reading the same page-table pages in the same order through the same reader. Print entries,
 * pages, and the times of walking, reading, auditing entries without the host's page tables, and
 * the whole audit, in CPU seconds, the best of several rounds each.
 *
 * range DUMP VM-NUMBER
 */
#include "../../extensions/cli/dump.h"
#include "audit/audit.h"
#include "kvm/mmu.h"
#include "walk/walk_range.h"
#include "kernel/kernel_open.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS 5
#define LAST   ((1ULL << 48) - 1)

/* The CPU time of this process only, so that others do not count. */
static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void check(km_error *err)
{
	if (!err)
		return;
	fprintf(stderr, "range: %s\n", km_error_text(err));
	exit(1);
}

static void count(void *arg, const struct km_run *run)
{
	*(uint64_t *)arg += run->entries;
}

static double walk(const struct km_kernel *k, const struct km_spte_masks *masks,
		   const struct km_mmu *mmu, struct km_walk_range *range, uint64_t *entries)
{
	double start = now();

	*entries = 0;
	check(km_walk_range(k, masks, mmu, 0, LAST, ~0ULL, count, entries, range));
	return now() - start;
}

static void keep_pages(struct km_recorder *rec)
{
	size_t kept = 0;

	for (size_t i = 0; i < rec->count; i++) {
		if (rec->items[i].phys && rec->items[i].len == KM_PAGE_SIZE)
			rec->items[kept++] = rec->items[i];
	}
	rec->count = kept;
}

static double read_pages(const struct km_kernel *k, const struct km_recorder *rec)
{
	uint8_t page[KM_PAGE_SIZE];
	double start = now();

	for (size_t i = 0; i < rec->count; i++)
		check((rec->items[i].phys ? km_read_phys : km_read_virt)(k->mem, rec->items[i].addr,
									 page, sizeof(page)));
	return now() - start;
}

/* Kinds that look at entries, and not at what the VMM maps. */
static void choose_entries(struct km_audit_options *options)
{
	options->chosen = true;
	for (int i = 0; i < KM_AUDIT_KINDS; i++)
		options->only[i] = km_audit_texts[i].scope <= KM_SCOPE_ENTRY &&
				   strncmp(km_audit_texts[i].id, "host-", 5) && i != KM_A_pfn_twice;
}

static int by_address(const void *a, const void *b)
{
	const struct km_item *x = a, *y = b;

	return x->phys != y->phys ? x->phys - y->phys : (x->addr > y->addr) - (x->addr < y->addr);
}

/* Make of what was read the pages that contain it, each once. */
static void keep_distinct_pages(struct km_recorder *rec)
{
	size_t kept = 0;

	for (size_t i = 0; i < rec->count; i++)
		rec->items[i].addr &= ~(uint64_t)(KM_PAGE_SIZE - 1);
	qsort(rec->items, rec->count, sizeof(*rec->items), by_address);
	for (size_t i = 0; i < rec->count; i++) {
		if (!kept || by_address(&rec->items[kept - 1], &rec->items[i]))
			rec->items[kept++] = rec->items[i];
	}
	rec->count = kept;
}

static double audit_vm(const struct km_kernel *k, const struct km_vm *vm,
		       const struct km_audit_options *options)
{
	struct km_vm_audit audit;
	double start = now();

	check(km_vm_audit(k, vm, options, &audit));
	km_vm_audit_deinit(&audit);
	return now() - start;
}

static void measure(struct km_kernel *k, const struct km_vm *vm)
{
	struct km_spte_masks masks = km_vm_masks(k, vm);
	struct km_recorder rec = {0}, same = {0};
	struct km_walk_range range;
	struct km_vcpu_mmu all;
	struct km_audit_options whole = {.limit = 1}, entries_only = {.limit = 1};
	double walked = 1e9, read = 1e9, read_same = 1e9, entries_audited = 1e9, audited = 1e9;
	uint64_t entries;

	km_vcpu_mmu_read(k, &vm->vcpus[0], &all);
	if (!all.active)
		exit(1);
	masks.paging = all.active->paging;
	choose_entries(&entries_only);
	/* the pages, in the order in which they are read */
	km_memory_record(k->mem, &rec);
	walk(k, &masks, all.active, &range, &entries);
	km_memory_record(k->mem, NULL);
	keep_pages(&rec);
	km_memory_record(k->mem, &same);
	audit_vm(k, vm, &entries_only);
	km_memory_record(k->mem, NULL);
	keep_distinct_pages(&same);
	for (int i = 0; i < ROUNDS; i++) {
		double took;

		km_memory_forget(k->mem);
		took = read_pages(k, &rec);
		read = took < read ? took : read;
		km_memory_forget(k->mem);
		took = walk(k, &masks, all.active, &range, &entries);
		walked = took < walked ? took : walked;
		km_memory_forget(k->mem);
		took = read_pages(k, &same);
		read_same = took < read_same ? took : read_same;
		km_memory_forget(k->mem);
		took = audit_vm(k, vm, &entries_only);
		entries_audited = took < entries_audited ? took : entries_audited;
		km_memory_forget(k->mem);
		took = audit_vm(k, vm, &whole);
		audited = took < audited ? took : audited;
	}
	if (rec.count != range.pages)
		exit(1);
	printf("%" PRIu64 " %" PRIu64 " %.6f %.6f %zu %.6f %.6f %.6f\n", entries, range.pages,
	       walked, read, same.count, read_same, entries_audited, audited);
	km_recorder_deinit(&same);
	km_recorder_deinit(&rec);
}

int main(int argc, char **argv)
{
	struct km_open_options options = {.source = KM_TYPES_AUTO};
	struct km_kernel *kernel;
	struct km_vms vms = {0};
	struct dump *dump;
	size_t number;

	if (argc != 3)
		return 2;
	number = (size_t)atoi(argv[2]);
	check(dump_open(argv[1], NULL, &dump));
	check(km_kernel_open(dump_target(dump), &options, &kernel));
	check(km_vms_read(kernel, &vms));
	if (number >= vms.count || !vms.vms[number].vcpu_count)
		return 1;
	measure(kernel, &vms.vms[number]);
	km_vms_deinit(&vms);
	km_kernel_free(kernel);
	dump_close(dump);
	return 0;
}
