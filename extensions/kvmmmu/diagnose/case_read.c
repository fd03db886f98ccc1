// SPDX-License-Identifier: GPL-2.0-or-later
#include "case.h"

#include <stdio.h>
#include <string.h>

/*
 * The fault that is judged. Where none can be put to the judges, the one of which only the kind of
 * access is known (Intel) still says more than nothing.
 */
static const struct km_fault *choose(const struct km_last_fault *last)
{
	const struct km_fault *f = km_fault_to_judge(last);

	return f || !last->count ? f : &last->faults[0];
}

/* What is not given may be taken from here: of a fault that is over it would mislead. */
static const struct km_fault *rest_of(const struct km_last_fault *last)
{
	const struct km_fault *f = choose(last);

	return f && (f->age == KM_AGE_IN_HANDLER || f->age == KM_AGE_LAST_EXIT) ? f : NULL;
}

/* Puts the user's fault in front of those that were found; fills in from them what is not given. */
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
	snprintf(given.from, sizeof(given.from), "user%s%.120s", rest ? ", rest from " : "",
		 rest ? rest->from : "");
	snprintf(given.limits, sizeof(given.limits),
		 "whether the vCPU met this fault is yours to know");
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

/* What hangs on the fault's address, and on its error code. */
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

/* What its thread waits for, and what lies behind the page in the host's address space. */
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

km_error *km_case_read(const struct km_kernel *kernel, const struct km_vm *vm,
		       const struct km_vcpu *vcpu, const struct km_tasks *tasks,
		       const struct km_case_options *options, struct km_case *c)
{
	const struct km_mmu *named = NULL;
	km_error *err = NULL;

	memset(c, 0, sizeof(*c));
	c->kernel = kernel;
	c->vm = vm;
	c->vcpu = vcpu;
	c->tasks = tasks;
	c->form = options->form;
	km_vcpu_mmu_read(kernel, vcpu, &c->all);
	if (options->mmu)
		err = km_mmu_by_name(&c->all, options->mmu, &named);
	if (!err)
		err = km_last_fault_find(kernel, vm, vcpu, &c->all, &c->last);
	if (err)
		return err;
	add_users(options, &c->last);
	c->fault = options->has_addr || options->has_error_code ? &c->last.faults[0]
								: choose(&c->last);
	c->mmu = named ? named : c->fault && c->fault->mmu ? c->fault->mmu : c->all.active;
	c->masks = km_vm_masks(kernel, vm);
	if (c->mmu)
		c->masks.paging = c->mmu->paging;
	err = read_slots(c);
	if (!err && c->fault && c->mmu && c->mmu->readable) {
		c->has_addr = km_is_known(c->fault->addr);
		c->has_error_code = km_is_known(c->fault->error_code);
		c->addr = c->fault->addr.v;
		c->error_code = c->fault->error_code.v;
		if (c->has_addr)
			err = look_at_fault(c, options->depth);
	}
	return err || options->depth != KM_CASE_WHOLE ? err : look_at_host(c);
}

void km_case_deinit(struct km_case *c)
{
	km_memslots_deinit(&c->slots);
}
