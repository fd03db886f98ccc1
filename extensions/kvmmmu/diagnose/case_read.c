// SPDX-License-Identifier: GPL-2.0-or-later
#include "diagnose/case_read.h"

#include "diagnose/contradictions.h"
#include "diagnose/counters.h"
#include "diagnose/evidence.h"
#include "kernel/more_evidence.h"
#include "fault/page_fault.h"

#include <stdio.h>
#include <string.h>

/*
 * The fault that is judged unless residue turns out to count. Where none has both an address and an
 * error code, one with only the kind of access (Intel) is still evidence.
 */
static const struct km_fault *choose(const struct km_last_fault *last)
{
	const struct km_fault *f = km_fault_to_judge(last);

	return f || !last->count ? f : &last->faults[0];
}

/* The fault that fills in what the user does not give; NULL: a fault that is over would mislead. */
static const struct km_fault *rest_of(const struct km_last_fault *last)
{
	const struct km_fault *f = choose(last);

	return f && km_fault_is_current(f) ? f : NULL;
}

/* Put the user's fault in front of those that were found; fill in what is not given from them. */
static void add_users(const struct km_case_options *o, struct km_last_fault *last)
{
	const struct km_fault *rest = o->has_addr && o->has_error_code ? NULL : rest_of(last);
	struct km_fault *f = &last->faults[0], given = {
						       .addr = {.known = KM_UNREADABLE},
						       .error_code = {.known = KM_UNREADABLE},
					       };

	if (!o->has_addr && !o->has_error_code)
		return;
	if (rest)
		given = *rest;
	given.source = KM_FAULT_USER;
	given.age = KM_AGE_UNKNOWN;
	if (o->has_addr) {
		given.addr = km_known_val(o->addr);
		memset(&given.pf, 0, sizeof(given.pf)); /* of another address */
	}
	if (o->has_error_code)
		given.error_code = km_known_val(o->error_code);
	snprintf(given.from, sizeof(given.from), "%s%s%s%s%.120s", o->has_addr ? "-a" : "",
		 o->has_addr && o->has_error_code ? " and " : "", o->has_error_code ? "-e" : "",
		 rest ? ", the rest from " : "", rest ? rest->from : "");
	snprintf(given.limits, sizeof(given.limits), "nothing shows that this fault happened");
	if (last->count == KM_FAULTS)
		last->count--;
	memmove(f + 1, f, last->count * sizeof(*f));
	*f = given;
	last->count++;
}

/*
 * Under an indirect MMU the handler finds the gfn by its walk of the guest's tables, and with it a
 * slot; before that kvm_page_fault.gfn means nothing (up to 6.1 or so under direct ones, too).
 */
static void find_gfn(struct km_case *c)
{
	const struct km_page_fault *pf = &c->fault->pf;

	if (km_mmu_address_meaning(c->mmu) == KM_ADDR_GPA) {
		c->gfn = c->addr >> KM_PAGE_SHIFT & ~c->vm->gfn_direct_bits.v;
		c->gfn_known = true;
	} else if (c->fault->source == KM_FAULT_STACK && km_is_known(pf->gfn) &&
		   km_is_known(pf->slot) && pf->slot.v) {
		c->gfn = pf->gfn.v;
		c->gfn_known = true;
	}
}

static void find_slot(struct km_case *c)
{
	if (!c->gfn_known || !c->slots_known)
		return;
	c->slot = km_gfn_to_memslot(&c->slots, c->gfn);
	if (!c->slot)
		return;
	c->has_hva = true;
	c->hva = c->slot->userspace_addr + ((c->gfn - c->slot->base_gfn) << KM_PAGE_SHIFT);
}

/* Gather what depends on the fault's address, and on its error code. */
static km_error *look_at_fault(struct km_case *c, enum km_case_depth depth)
{
	struct km_page_fault_state state = {
		.kernel = c->kernel,
		.vm = c->vm,
		.vcpu = c->vcpu,
		.all = &c->all,
		.mmu = c->mmu,
		.masks = &c->masks,
		.walk = &c->walk,
		.slots = &c->slots,
		.slots_known = c->slots_known,
		.addr = c->addr,
		.error_code = c->error_code,
	};
	km_error *err;

	find_gfn(c);
	find_slot(c);
	if (!c->kernel->features.spte_known)
		return NULL;
	err = km_walk(c->kernel, &c->masks, c->mmu, c->addr, &c->walk);
	if (err)
		return err;
	c->has_walk = true;
	if (!c->has_error_code)
		return NULL;
	km_panel_judge(c->kernel, &c->masks, &c->all, c->mmu, &c->walk, c->error_code, c->form,
		       &c->panel);
	c->has_panel = true;
	if (depth == KM_CASE_WALK)
		return NULL;
	state.slot = c->slot;
	state.gfn = c->gfn;
	state.gfn_known = c->gfn_known;
	state.live = c->fault->source == KM_FAULT_STACK ? &c->fault->pf : NULL;
	err = km_page_fault_replay(&state, &c->path);
	c->has_path = !err;
	if (err || c->gfn_known || !c->path.gfn_known)
		return err;
	c->gfn = c->path.gfn;
	c->gfn_known = true;
	find_slot(c);
	return NULL;
}

static km_error *read_slots(struct km_case *c)
{
	unsigned as_id = c->mmu && c->mmu->readable && c->mmu->root_role.smm;
	km_error *err = km_memslots_read(c->kernel, c->vm->addr, as_id, &c->slots);

	c->slots_known = !err && !c->slots.trouble;
	if (err && (km_error_code(err) == KM_EINTR || km_error_code(err) == KM_ENOMEM))
		return err;
	km_error_free(err);
	return NULL;
}

/* What its thread waits for, and what the VMM maps behind the page. */
static km_error *look_at_host(struct km_case *c)
{
	const struct km_wait_hints hints = {
		.wants_to_run = km_kget(c->kernel, c->vcpu->addr, KM_M_kvm_vcpu_wants_to_run),
		.apf_halted = km_kget(c->kernel, c->vcpu->addr, KM_M_kvm_vcpu_apf_halted),
	};

	km_wait_find(c->vcpu, &hints, c->last.has_stack ? &c->last.stack : NULL, &c->wait);
	return c->has_hva && km_is_known(c->vm->mm)
		       ? km_vma_lookup(c->kernel, c->vm->mm.v, c->hva, &c->vma)
		       : NULL;
}

/* Make @fault (which may be NULL) the one that is judged, in context @named if that is not NULL. */
static km_error *judge_fault(struct km_case *c, const struct km_fault *fault,
			     const struct km_mmu *named, enum km_case_depth depth)
{
	c->fault = fault;
	c->mmu = named ? named : fault && fault->mmu ? fault->mmu : c->all.active;
	c->masks = km_vm_masks(c->kernel, c->vm);
	if (c->mmu)
		c->masks.paging = c->mmu->paging;
	c->has_addr = c->has_error_code = c->gfn_known = c->has_hva = false;
	c->has_walk = c->has_panel = c->has_path = false;
	c->slot = NULL;
	if (!fault || !c->mmu || !c->mmu->readable)
		return NULL;
	c->has_addr = km_is_known(fault->addr);
	c->has_error_code = km_is_known(fault->error_code);
	c->addr = fault->addr.v;
	c->error_code = fault->error_code.v;
	return c->has_addr ? look_at_fault(c, depth) : NULL;
}

static bool is_older(const struct km_fault *f)
{
	return f->mmu && (f->source == KM_FAULT_RUN ||
			  (f->source == KM_FAULT_STACK && f->age == KM_AGE_RESIDUE));
}

/*
 * Where no fault is current, judge an older one, on the stack or in kvm_run, if it counts.
 * Otherwise @fallback, which was judged before, is judged again.
 */
static km_error *try_older(struct km_case *c, const struct km_fault *fallback,
			   const struct km_mmu *named, enum km_case_depth depth)
{
	km_error *err = NULL;
	bool tried = false;

	for (size_t i = 0; !err && i < c->last.count; i++) {
		const struct km_fault *f = &c->last.faults[i];

		if (!is_older(f))
			continue;
		tried = f != fallback;
		err = judge_fault(c, f, named, depth);
		c->residue_counts = !err && !km_older_objection(c);
		if (!c->residue_counts)
			continue;
		snprintf(c->last.faults[i].limits, sizeof(c->last.faults[i].limits), "%s",
			 f->source == KM_FAULT_RUN
				 ? "left over, but nearly as reliable as the last exit: KVM fails "
				   "on nearly every instruction that it has to emulate"
				 : "left over on the stack, but nearly as reliable as the last "
				   "exit: no invalidation has ended since, and the processor still "
				   "denies the access");
		return NULL;
	}
	return err || !tried ? err : judge_fault(c, fallback, named, depth);
}

/* The kvm_mmu_page of the root in use; known and without an address where there is none. */
static void read_root(struct km_case *c)
{
	struct km_val hpa = {.known = KM_UNREADABLE};

	if (c->all.active)
		hpa = c->all.active->root.hpa;
	if (km_is_known(hpa) && km_valid_page(hpa.v) && !km_is_dummy_root(c->kernel, hpa.v))
		km_mmu_page_read(c->kernel, hpa.v, &c->root);
	else
		c->root.known = km_is_known(hpa);
}

/*
 * Where nothing is known of a fault, and the last exit does not show that the guest went on, the
 * page tables are searched. Those of shadow MMUs are in any case.
 */
static km_error *audit_tables(struct km_case *c)
{
	bool indirect = c->mmu && c->mmu->readable && !c->mmu->root_role.direct;
	bool nothing_known = !km_case_is_current(c) && c->wait.kind == KM_WAIT_NONE &&
			     km_case_exit_evidence(c) != KM_SHOWS_INSTRUCTION;
	km_error *err;
	bool before;

	if (!c->mmu || !c->mmu->readable || !c->kernel->features.spte_known ||
	    (!indirect && !nothing_known))
		return NULL;
	/* a capsule contains page tables that are proven to be such: capture selects them itself */
	if (km_memory_recorder(c->kernel->mem))
		return NULL;
	/* tables that are missing are counted in c->audit, not among what this answer needs */
	before = km_memory_try(c->kernel->mem, true);
	err = km_table_audit(c->kernel, c->vm, &c->slots, &c->masks, c->mmu, &c->audit);
	km_memory_try(c->kernel->mem, before);
	return err;
}

km_error *km_case_read(const struct km_kernel *kernel, const struct km_vm *vm,
		       const struct km_vcpu *vcpu, struct km_tasks *tasks,
		       const struct km_case_options *options, struct km_case *c)
{
	bool given = options->has_addr || options->has_error_code;
	const struct km_mmu *named = NULL;
	const struct km_fault *fault;
	km_error *err = NULL;

	memset(c, 0, sizeof(*c));
	c->kernel = kernel;
	c->vm = vm;
	c->vcpu = vcpu;
	c->tasks = tasks;
	c->form = options->form;
	c->io_exits.known = c->irq_exits.known = KM_ABSENT;
	if (!km_faults_are_counted(vcpu->stats.pf_taken)) {
		c->io_exits = km_more_evidence(kernel, vcpu->addr, KM_M_kvm_vcpu_io_exits);
		c->irq_exits = km_more_evidence(kernel, vcpu->addr, KM_M_kvm_vcpu_irq_exits);
	}
	c->insn_emulation = km_more_evidence(kernel, vcpu->addr, KM_M_kvm_vcpu_insn_emulation);
	c->insn_emulation_fail =
		km_more_evidence(kernel, vcpu->addr, KM_M_kvm_vcpu_insn_emulation_fail);
	km_vcpu_mmu_read(kernel, vcpu, &c->all);
	if (options->mmu)
		err = km_mmu_by_name(&c->all, options->mmu, &named);
	if (!err)
		err = km_last_fault_find(kernel, vm, vcpu, &c->all, &c->last);
	if (err)
		return err;
	add_users(options, &c->last);
	read_root(c);
	fault = given ? &c->last.faults[0] : choose(&c->last);
	c->mmu = named ? named : fault && fault->mmu ? fault->mmu : c->all.active;
	if (c->mmu && options->has_error_code)
		km_fault_set_error_code(&c->last.faults[0], kernel, c->mmu, options->error_code);
	err = read_slots(c);
	if (!err)
		err = judge_fault(c, fault, named, options->depth);
	if (!err && !given && !km_case_is_current(c))
		err = try_older(c, fault, named, options->depth);
	if (!err && options->depth == KM_CASE_WHOLE)
		err = look_at_host(c);
	if (!err && options->depth == KM_CASE_WHOLE && !given)
		err = audit_tables(c);
	if (!err)
		km_case_find_contradictions(c);
	return err;
}

void km_case_deinit(struct km_case *c)
{
	km_memslots_deinit(&c->slots);
	km_last_fault_deinit(&c->last);
}
