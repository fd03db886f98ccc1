// SPDX-License-Identifier: GPL-2.0-or-later
#include "audit/audit.h"

#include "audit/look.h"
#include "kvm/vm_locks.h"
#include "threads/invalidation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 16 GiB of page tables; each costs 32 bytes here. */
#define MOST_TABLES (1u << 22)

static km_audit_fn *const looks[KM_AUDIT_KINDS] = {
#define KM_AUDIT(scope, name, ...) [KM_A_##name] = km_audit_##name,
#include "audit/kinds.def"
#undef KM_AUDIT
};

/* Functions that change page tables or memslots, or handle a fault. */
static const char *const changers[] = {
	"kvm_mmu_page_fault",
	"kvm_mmu_do_page_fault",
	"kvm_tdp_page_fault",
	"direct_page_fault",
	"paging64_page_fault",
	"paging32_page_fault",
	"ept_page_fault",
	"kvm_mmu_load",
	"kvm_mmu_unload",
	"kvm_mmu_free_roots",
	"kvm_set_memslot",
	"__kvm_set_memory_region",
	"kvm_set_memory_region",
	"kvm_vm_ioctl_get_dirty_log",
	"kvm_get_dirty_log_protect",
	"kvm_clear_dirty_log_protect",
	"kvm_vm_ioctl_reset_dirty_pages",
	"kvm_mmu_zap_all_fast",
	"kvm_mmu_zap_all",
	"kvm_mmu_notifier_invalidate_range_start",
	"kvm_mmu_notifier_invalidate_range_end",
	"kvm_mmu_notifier_clear_flush_young",
	"kvm_mmu_notifier_change_pte",
	"mmu_shrink_scan",
	"kvm_recover_nx_huge_pages",
	"kvm_recover_nx_lpages",
	NULL,
};

/* An audit in progress. */
struct run {
	const struct km_audit_options *options;
	struct km_vm_audit *audit;
	struct km_audit_vm all;
	struct km_page_tables tables;
	struct km_spte_masks masks; /* with the paging of the context */
	struct km_look look;
	struct km_vcpu_mmu contexts; /* of the vCPU whose roots are examined */
	/*
	 * Entries that are not looked at again: those with the bits of one that fitted, in tables
	 * of the same level and role, in this context. @pfn_mask: bits of a page frame number that
	 * is not reserved.
	 */
	uint64_t pfn_mask, fitting_bits;
	int fitting_level; /* 0: none */
	uint32_t fitting_role;
	bool fitting_stale;
	struct km_gpte_format format; /* of the guest's page tables, for this context */
	bool has_format;
	uint8_t guest_table[KM_PAGE_SIZE];
	uint64_t empty; /* the last value of an empty entry */
	size_t room;
	/* what find_changes() found */
	bool changes_known;
	bool locked;	   /* mmu_lock is held, or it is not known whether */
	bool invalidating; /* an mmu_notifier is invalidating a range */
	/* the kinds that are looked for, by scope */
	enum km_audit_kind kinds[KM_AUDIT_KINDS];
	size_t first[KM_SCOPES + 1];
};

static km_error *keep(struct run *run, const struct km_anomaly *a)
{
	struct km_vm_audit *audit = run->audit;
	struct km_anomaly *grown;
	km_error *err;

	if (audit->count == run->room) {
		size_t room = run->room ? 2 * run->room : 16;

		err = km_memory_charge(run->all.kernel->mem, room - run->room, sizeof(*grown));
		if (err)
			return err;
		grown = reallocarray(audit->anomalies, room, sizeof(*grown));
		if (!grown)
			return km_errorf(KM_ENOMEM, "out of memory");
		audit->anomalies = grown;
		run->room = room;
	}
	audit->anomalies[audit->count++] = *a;
	return NULL;
}

/*
 * Is anything changing page tables at this moment? The tasks of the host are only asked if there is
 * something that this may explain.
 */
static void find_changes(struct run *run)
{
	const struct km_vm *vm = run->all.vm;
	struct km_vm_audit *audit = run->audit;
	struct km_vm_locks locks;
	const struct km_tasks *tasks;
	const struct km_task *task;
	const char *function;

	if (run->changes_known)
		return;
	run->changes_known = true;
	locks = km_vm_locks_read(run->all.kernel, vm);
	tasks = km_tasks_get(run->all.tasks);
	task = km_task_even_idle_in_any(tasks, vm->mm.v, changers, &function);
	if (task)
		snprintf(audit->why_changing, sizeof(audit->why_changing),
			 "thread %" PRIu64 " is in %s()", task->tid.v, function);
	else if (km_is_known(locks.mmu_lock) && locks.mmu_lock.v)
		snprintf(audit->why_changing, sizeof(audit->why_changing),
			 "mmu_lock is held (cnts 0x%" PRIx64 ")", locks.mmu_lock.v);
	run->locked = !km_is_known(locks.mmu_lock) || locks.mmu_lock.v;
	audit->changing = audit->why_changing[0];
	run->invalidating =
		(km_is_known(vm->mmu_invalidate_in_progress) && vm->mmu_invalidate_in_progress.v) ||
		(km_is_known(vm->mn_active_invalidate_count) && vm->mn_active_invalidate_count.v) ||
		(tasks && km_invalidating_task(tasks, vm->mm.v, &function));
}

/* Does KVM pass through such a state at this moment? */
static bool passes_through(struct run *run, enum km_audit_kind kind)
{
	if (km_audit_texts[kind].moment != KM_MOMENT_NEVER)
		find_changes(run);
	switch (km_audit_texts[kind].moment) {
	case KM_MOMENT_NEVER:
		return false;
	case KM_MOMENT_LOCKED:
		return run->locked || run->invalidating;
	case KM_MOMENT_CHANGES:
		return run->audit->changing || run->invalidating;
	case KM_MOMENT_INVALIDATION:
		return run->invalidating;
	}
	return false;
}

static km_error *found(struct run *run, struct km_anomaly *a)
{
	struct km_audit_sum *sum = &run->audit->sums[a->kind];

	if (run->audit->moving || passes_through(run, a->kind))
		a->certainty = KM_NOTE;
	if (!sum->found++ || a->certainty > sum->certainty)
		sum->certainty = a->certainty;
	return sum->found > run->options->limit ? NULL : keep(run, a);
}

/* Where is it? */
static void place(const struct km_look *at, enum km_audit_scope scope, struct km_anomaly *a)
{
	bool has_table = scope <= KM_SCOPE_PAGE, is_vm = scope == KM_SCOPE_VM;

	a->vcpu = is_vm ? 0 : (unsigned)at->vcpu->idx;
	a->context = is_vm ? NULL : at->mmu->name;
	a->has_entry = scope <= KM_SCOPE_TABLE;
	a->table_pa = is_vm ? 0 : has_table ? at->page->pa : at->root_pa;
	a->level = has_table ? at->page->level : 0;
	a->index = a->has_entry ? at->index : 0;
	a->spte = at->spte;
	a->gpa = a->has_entry ? at->gfn : (struct km_val){.known = KM_ABSENT};
	/* in a TDX guest, the place of an entry depends on the shared bit, which at->gfn lacks */
	if (a->has_entry && at->page->gfn_known)
		a->gpa = km_known_val(km_entry_gfn(at->page->gfn, at->index, at->page->level));
	a->gpa.v <<= KM_PAGE_SHIFT;
	a->kvm_mmu_page = is_vm ? 0 : has_table ? at->sp->addr : at->root.addr;
}

/* Look for @kind. Set *@fits, unless it may be an anomaly. */
static km_error *look_for(struct run *run, enum km_audit_kind kind, bool *fits)
{
	const struct km_look *at = &run->look;
	enum km_audit_scope scope = km_audit_texts[kind].scope;
	struct km_anomaly a;
	enum km_look_answer answer;

	a.what[0] = '\0';
	a.certainty = km_audit_texts[kind].certainty;
	answer = looks[kind](at, &a);
	*fits = answer == KM_FITS;
	if (*fits || at->run > 1)
		return NULL;
	run->audit->sums[kind].unknown += answer == KM_CANNOT_TELL;
	if (answer != KM_ANOMALY)
		return NULL;
	a.kind = kind;
	place(at, scope, &a);
	return found(run, &a);
}

/* Look for @kind in each entry of a run alone. */
static km_error *look_in_each(struct run *run, enum km_audit_kind kind)
{
	struct km_look whole = run->look, *at = &run->look;
	km_error *err = NULL;
	bool fits;

	at->run = 1;
	for (unsigned i = 0; i < whole.run && !err; i++) {
		at->index = whole.index + i;
		at->values = whole.values + i;
		at->gfn.v = whole.gfn.v + i;
		at->spte = km_spte_decode(&run->masks, *at->values, at->page->level);
		err = look_for(run, kind, &fits);
	}
	*at = whole;
	return err;
}

/* Look for all kinds of @scope. Set *@all_fit, which may be NULL, if there is nothing to report. */
static km_error *look(struct run *run, enum km_audit_scope scope, bool *all_fit)
{
	km_error *err = NULL;
	bool fits = true, none = true;

	for (size_t i = run->first[scope]; i < run->first[scope + 1] && !err; i++) {
		err = look_for(run, run->kinds[i], &fits);
		if (!err && !fits && run->look.run > 1)
			err = look_in_each(run, run->kinds[i]);
		none &= fits;
	}
	if (all_fit)
		*all_fit = none;
	return err;
}

/* The slot of a gfn; usually it is that of the previous one. */
static const struct km_memslot *slot_of(const struct km_memslots *slots, uint64_t gfn,
					const struct km_memslot *last)
{
	if (last && gfn >= last->base_gfn && gfn - last->base_gfn < last->npages)
		return last;
	return km_gfn_to_memslot(slots, gfn);
}

/* Read the gfns of the leaves of an indirect page: kvm_mmu_page.shadowed_translation. */
static bool read_translations(const struct run *run, const struct km_mmu_page *sp, uint64_t *gfns)
{
	const struct km_kernel *k = run->all.kernel;
	struct km_val at = km_kconfirm(k, sp->addr, KM_M_kvm_mmu_page_shadowed_translation);
	km_scoped_error *err = NULL;
	bool before;

	if (!km_is_known(at) || !at.v)
		return false;
	before = km_memory_try(k->mem, true);
	err = km_read_virt(k->mem, at.v, gfns, KM_PAGE_SIZE);
	km_memory_try(k->mem, before);
	for (unsigned i = 0; !err && i < KM_TABLE_ENTRIES; i++)
		gfns[i] >>= KM_PAGE_SHIFT;
	return !err;
}

/*
 * Look at what follows from the bits of an entry, unless the same bits fitted before. Set *@fits if
 * that is true of all entries that have them.
 */
static km_error *look_at_bits(struct run *run, bool *fits)
{
	struct km_look *at = &run->look;
	uint64_t offset =
		at->spte.leaf ? (KM_BIT(9 * (at->page->level - 1)) - 1) << KM_PAGE_SHIFT : 0;
	uint64_t bits = at->spte.value & (~run->pfn_mask | offset);
	uint32_t role = at->sp->role.word;
	km_error *err;

	*fits = run->fitting_level == at->page->level && run->fitting_bits == bits &&
		run->fitting_role == role && run->fitting_stale == at->stale;
	if (*fits)
		return NULL;
	err = look(run, KM_SCOPE_BITS, fits);
	*fits &= !err && at->sp->role_known;
	if (!*fits)
		return err;
	run->fitting_level = at->page->level;
	run->fitting_bits = bits;
	run->fitting_role = role;
	run->fitting_stale = at->stale;
	return NULL;
}

/*
 * How many entries from @index on differ only in their page frame numbers, and map gfns of the
 * same memslot? 1 unless they are 4K leaves of a direct table.
 */
static unsigned run_length(const struct run *run, const uint64_t *entries)
{
	const struct km_look *at = &run->look;
	uint64_t in_slot, mask = ~run->pfn_mask, first = entries[at->index] & mask;
	unsigned count = 1, most = KM_TABLE_ENTRIES - at->index;

	if (at->page->level != PG_LEVEL_4K || !at->page->gfn_known || !at->slot ||
	    at->spte.kind != KM_SPTE_PRESENT)
		return 1;
	in_slot = at->slot->npages - (at->gfn.v - at->slot->base_gfn);
	if (in_slot < most)
		most = (unsigned)in_slot;
	while (count < most && (entries[at->index + count] & mask) == first)
		count++;
	return count;
}

static km_error *look_at_entries(struct run *run, const uint64_t *entries)
{
	struct km_look *at = &run->look;
	bool fits;
	km_error *err;

	at->run = 1;
	at->values = entries + at->index;
	err = look_at_bits(run, &fits);
	if (fits)
		at->run = run_length(run, entries);
	if (!err)
		err = look(run, KM_SCOPE_ENTRY, NULL);
	if (err || at->spte.kind != KM_SPTE_PRESENT || at->spte.leaf ||
	    run->first[KM_SCOPE_TABLE] == run->first[KM_SCOPE_TABLE + 1])
		return err;
	at->child_page = km_page_tables_find(&run->tables, at->spte.pfn << KM_PAGE_SHIFT);
	km_mmu_page_read(run->all.kernel, at->spte.pfn << KM_PAGE_SHIFT, &at->child);
	return look(run, KM_SCOPE_TABLE, NULL);
}

/* Is it obsolete? Mirrors is_obsolete_sp(). */
static bool is_stale(const struct run *run, const struct km_table_page *page,
		     const struct km_mmu_page *sp)
{
	struct km_val gen = run->all.vm->mmu_valid_gen;

	return page->stale ||
	       (km_is_known(sp->tdp_mmu_page) && !sp->tdp_mmu_page.v &&
		km_is_known(sp->mmu_valid_gen) && km_is_known(gen) && sp->mmu_valid_gen.v != gen.v);
}

/* Find the guest's page table that @sp shadows. A capsule has none. */
static void read_guest_table(struct run *run, const struct km_mmu_page *sp)
{
	struct km_look *at = &run->look;

	at->guest_table = NULL;
	at->format = &run->format;
	if (run->has_format && at->slots && !at->stale && sp->role_known && !sp->role.direct &&
	    !sp->role.passthrough && !sp->role.invalid && km_is_known(sp->gfn) &&
	    km_gpte_size_known(run->all.kernel, at->mmu, &sp->role) &&
	    km_guest_table_read(run->all.kernel, run->all.vm, at->slots, sp->gfn.v,
				run->guest_table))
		at->guest_table = run->guest_table;
}

static void count_page(struct run *run, const struct km_table_page *page,
		       const struct km_mmu_page *sp)
{
	const struct km_page_role *role = &sp->role;

	if (sp->tdp_mmu_page.v)
		run->all.tdp_pages += page->parent != 0;
	else if (!role->direct && !role->passthrough && !role->invalid)
		run->all.indirect_pages++;
}

static km_error *visit(void *arg, const struct km_table_page *page, const struct km_mmu_page *sp,
		       const uint64_t *entries)
{
	struct run *run = arg;
	struct km_look *at = &run->look;
	uint64_t gfns[KM_TABLE_ENTRIES];
	unsigned as_id = page->smm;
	bool translated;
	km_error *err = NULL;

	if (!entries) {
		run->audit->unreadable++;
		return NULL;
	}
	run->audit->tables++;
	at->page = page;
	at->sp = sp;
	at->stale = is_stale(run, page, sp);
	at->slots = run->all.slots_known[as_id] ? &run->all.slots[as_id] : NULL;
	at->slot = NULL;
	read_guest_table(run, sp);
	count_page(run, page, sp);
	err = look(run, KM_SCOPE_PAGE, NULL);
	translated = sp->role_known && !page->gfn_known && read_translations(run, sp, gfns);
	for (unsigned i = 0; i < KM_TABLE_ENTRIES && !err; i += at->run) {
		at->run = 1;
		if (!entries[i] || entries[i] == run->empty)
			continue;
		at->index = i;
		at->spte = km_spte_decode(&run->masks, entries[i], page->level);
		if (at->spte.kind == KM_SPTE_EMPTY) {
			run->empty = entries[i];
			continue;
		}
		at->gfn.known = KM_UNREADABLE;
		if (page->gfn_known)
			at->gfn = km_known_val(km_entry_gfn(page->gfn, i, page->level) &
					       ~run->masks.gfn_direct_bits);
		else if (translated && km_look_is_leaf(at))
			at->gfn = km_known_val(gfns[i]);
		at->slot = km_look_has_slots(at) ? slot_of(at->slots, at->gfn.v, at->slot) : NULL;
		err = look_at_entries(run, entries);
		run->audit->entries += at->run;
		run->audit->leaves += km_look_is_leaf(at) ? at->run : 0;
		run->all.leaves[page->level] += km_look_is_leaf(at) ? at->run : 0;
	}
	at->run = 1;
	return err;
}

static km_error *look_at_root(struct run *run, struct km_val hpa)
{
	struct km_look *at = &run->look;
	const struct km_mmu *mmu = at->mmu;

	if (!km_is_known(hpa) || !hpa.v || !km_valid_page(hpa.v))
		return NULL;
	at->root_pa = hpa.v & run->masks.base_addr_mask;
	at->root_page = km_page_tables_find(&run->tables, at->root_pa);
	/* special roots and those beyond a limit are not among the pages */
	if (!at->root_page || !mmu->readable)
		return NULL;
	/* vCPUs share roots */
	if (at->root_page->root_seen)
		return NULL;
	run->tables.pages[at->root_page - run->tables.pages].root_seen = true;
	km_mmu_page_read(run->all.kernel, at->root_pa, &at->root);
	return look(run, KM_SCOPE_ROOT, NULL);
}

static km_error *look_at_roots(struct run *run)
{
	const struct km_mmu *mmu = run->look.mmu;
	km_error *err = look_at_root(run, mmu->root.hpa);

	for (size_t i = 0; i < KM_PREV_ROOTS && !err; i++)
		err = look_at_root(run, mmu->prev_roots[i].hpa);
	return err;
}

static km_error *look_at_context(struct run *run)
{
	struct km_look *at = &run->look;

	memset(&at->spte, 0, sizeof(at->spte));
	memset(&at->root, 0, sizeof(at->root));
	at->root_pa = 0;
	if (km_is_known(at->mmu->root.hpa) && km_valid_page(at->mmu->root.hpa.v)) {
		at->root_pa = at->mmu->root.hpa.v & run->masks.base_addr_mask;
		at->root_page = km_page_tables_find(&run->tables, at->root_pa);
		km_mmu_page_read(run->all.kernel, at->root_pa, &at->root);
	}
	return look(run, KM_SCOPE_CONTEXT, NULL);
}

/* Bits above the processor's physical addresses are reserved, and checked in each entry. */
static void set_pfn_mask(struct run *run, const struct km_mmu *mmu)
{
	run->pfn_mask = run->masks.base_addr_mask & ~(uint64_t)(KM_PAGE_SIZE - 1);
	if (mmu->rsvd_known)
		run->pfn_mask &= ~(mmu->rsvd.rsvd_bits_mask[0][0] | mmu->rsvd.rsvd_bits_mask[1][0]);
	run->fitting_level = 0;
}

static void use_context(struct run *run, const struct km_mmu *mmu)
{
	run->masks.paging = mmu->paging;
	run->look.mmu = mmu;
	set_pfn_mask(run, mmu);
	run->has_format = km_gpte_format(mmu, &run->format);
}

static void keep_direct(struct km_audit_vm *all, const struct km_mmu *mmu)
{
	unsigned n = all->direct_count;

	if (n == 2 || strcmp(mmu->name, "root_mmu") || !mmu->rsvd_known || !mmu->root_role.direct ||
	    mmu->root_role.level <= 3)
		return;
	if (!n || (mmu->root_role.word == all->direct[0].root_role.word &&
		   memcmp(&mmu->rsvd, &all->direct[0].rsvd, sizeof(mmu->rsvd))))
		all->direct[all->direct_count++] = *mmu;
}

static km_error *audit_context(struct run *run, const struct km_mmu *mmu)
{
	km_error *err;

	run->audit->contexts_lost += !mmu->readable;
	if (!mmu->readable || !mmu->used)
		return NULL;
	use_context(run, mmu);
	err = km_page_tables_add(&run->tables, run->all.kernel, &run->masks, mmu);
	if (!err)
		err = look_at_roots(run);
	if (!err)
		err = look_at_context(run);
	keep_direct(&run->all, mmu);
	return err;
}

static km_error *audit_vcpu(struct run *run, const struct km_vcpu *vcpu)
{
	const struct km_mmu *named = NULL;
	struct km_vcpu_mmu *contexts = &run->contexts;
	km_error *err = NULL;

	km_vcpu_mmu_read(run->all.kernel, vcpu, contexts);
	run->look.vcpu = vcpu;
	run->look.vcpu_certainty = km_vcpu_certainty(vcpu);
	run->look.contexts = contexts;
	if (run->options->mmu)
		err = km_mmu_by_name(contexts, run->options->mmu, &named);
	for (size_t i = 0; i < contexts->mmu_count && !err; i++) {
		if (!named || named == &contexts->mmus[i])
			err = audit_context(run, &contexts->mmus[i]);
	}
	return err;
}

static km_error *read_inputs(struct run *run)
{
	struct km_audit_vm *all = &run->all;

	for (unsigned as_id = 0; as_id < 2; as_id++) {
		km_error *err =
			km_memslots_read(all->kernel, all->vm->addr, as_id, &all->slots[as_id]);

		if (err && km_error_code(err) != KM_EABSENT)
			return err;
		all->slots_known[as_id] = !err && !all->slots[as_id].trouble;
		km_error_free(err);
	}
	all->nx_huge_pages = km_kernel_variable(all->kernel, "nx_huge_pages", 4);
	all->host.kernel = all->kernel;
	all->host.vm = all->vm;
	return km_mmu_pages_read(all->kernel, all->vm, &all->mmu_pages);
}

static void choose_kinds(struct run *run)
{
	size_t count = 0;

	for (int scope = 0; scope < KM_SCOPES; scope++) {
		run->first[scope] = count;
		for (int i = 0; i < KM_AUDIT_KINDS; i++) {
			if ((int)km_audit_texts[i].scope == scope &&
			    (!run->options->chosen || run->options->only[i]))
				run->kinds[count++] = (enum km_audit_kind)i;
		}
	}
	run->first[KM_SCOPES] = count;
}

/* Audit the page tables of @sps that no vCPU has below its roots. */
static km_error *audit_others(struct run *run, const uint64_t *sps, size_t count)
{
	const struct km_kernel *k = run->all.kernel;
	km_error *err = NULL;

	for (size_t i = 0; i < count && !err; i++) {
		struct km_val spt = km_kget(k, sps[i], KM_M_kvm_mmu_page_spt);
		struct km_val word = km_kget(k, sps[i], KM_M_kvm_mmu_page_role);
		struct km_page_role role = km_page_role_decode(&k->page_role, (uint32_t)word.v);
		const struct km_mmu *mmu = run->look.mmu;

		if (!km_is_known(spt) || !km_is_known(word) || spt.v < k->page_offset_base ||
		    km_page_tables_find(&run->tables, spt.v - k->page_offset_base))
			continue;
		for (size_t j = 0; j < run->contexts.mmu_count; j++) {
			mmu = &run->contexts.mmus[j];
			if (mmu->readable && mmu->root_role.guest_mode == role.guest_mode)
				break;
		}
		use_context(run, mmu);
		err = km_page_tables_add_root(&run->tables, k, &run->masks,
					      spt.v - k->page_offset_base);
	}
	return err;
}

static km_error *audit_vm(struct run *run)
{
	struct km_audit_vm *all = &run->all;
	bool none = true;
	km_error *err = NULL;

	if (!run->options->mmu && run->look.mmu) {
		err = audit_others(run, all->mmu_pages.tdp_roots, all->mmu_pages.tdp_root_count);
		if (!err)
			err = audit_others(run, all->mmu_pages.shadow, all->mmu_pages.shadow_count);
	}
	if (err)
		return err;
	for (int i = 0; i < KM_AUDIT_KINDS; i++)
		none &= !run->audit->sums[i].found;
	all->all_seen = none && !run->options->mmu && all->mmu_pages.tdp_known &&
			all->mmu_pages.shadow_known && !run->tables.limit_hit &&
			!run->tables.left_out && !run->audit->unreadable && !all->vm->vcpus_lost;
	return look(run, KM_SCOPE_VM, NULL);
}

static km_error *audit_vcpus(struct run *run)
{
	const struct km_vm *vm = run->all.vm;
	km_error *err = read_inputs(run);

	for (size_t i = 0; i < vm->vcpu_count && !err; i++)
		err = audit_vcpu(run, &vm->vcpus[i]);
	if (!err)
		err = audit_vm(run);
	run->audit->limit_hit = run->tables.limit_hit;
	run->audit->others_lost = !run->options->mmu && !(run->all.mmu_pages.shadow_known &&
							  run->all.mmu_pages.tdp_known);
	if (run->options->tell_changes)
		find_changes(run);
	return err;
}

km_error *km_vm_audit(const struct km_kernel *kernel, const struct km_vm *vm,
		      const struct km_audit_options *options, struct km_vm_audit *audit)
{
	struct run *run = calloc(1, sizeof(*run));
	bool before;
	km_error *err;

	memset(audit, 0, sizeof(*audit));
	if (!run)
		return km_errorf(KM_ENOMEM, "out of memory");
	run->options = options;
	run->audit = audit;
	run->all.kernel = kernel;
	run->all.vm = vm;
	run->all.tasks = options->tasks;
	run->all.tables = &run->tables;
	run->tables.limit = options->most_tables ? options->most_tables : MOST_TABLES;
	run->tables.visit = visit;
	run->tables.arg = run;
	run->masks = km_vm_masks(kernel, vm);
	audit->moving = km_memory_target(kernel->mem)->moving;
	run->look.run = 1;
	run->look.all = &run->all;
	run->look.masks = &run->masks;
	audit->no_format = !kernel->features.spte_known;
	choose_kinds(run);
	/* what a capsule does not contain is counted by kind, not as a gap in it */
	before = km_memory_optional(kernel->mem, true);
	err = audit->no_format ? NULL : audit_vcpus(run);
	km_memory_optional(kernel->mem, before);
	if (!err && options->tasks)
		err = km_tasks_error(options->tasks);
	for (unsigned as_id = 0; as_id < 2; as_id++)
		km_memslots_deinit(&run->all.slots[as_id]);
	km_logged_pages_deinit(&run->all.rings);
	km_logged_pages_deinit(&run->all.pml);
	km_pfn_map_deinit(&run->all.pfns);
	km_mmu_pages_deinit(&run->all.mmu_pages);
	km_page_tables_deinit(&run->tables);
	free(run);
	return err;
}

void km_vm_audit_deinit(struct km_vm_audit *audit)
{
	free(audit->anomalies);
	memset(audit, 0, sizeof(*audit));
}
