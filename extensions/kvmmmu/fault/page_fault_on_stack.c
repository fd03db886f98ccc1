// SPDX-License-Identifier: GPL-2.0-or-later
#include "fault/page_fault_on_stack.h"

#include "fault/fault_place.h"
#include "threads/saved_stacks.h"

#include <stdlib.h>
#include <string.h>

#define MAX_GFN KM_BIT(52 - KM_PAGE_SHIFT)

void km_page_fault_read(const struct km_kernel *k, uint64_t address, struct km_page_fault *pf)
{
	memset(pf, 0, sizeof(*pf));
	pf->address = address;
#define KM_READ(name) pf->name = km_kget(k, address, KM_M_kvm_page_fault_##name);
	KM_PAGE_FAULT_FIELDS(KM_READ)
#undef KM_READ
}

/* A bool that this kernel does not have is accepted. */
static bool is_bool(struct km_val val)
{
	return val.known == KM_ABSENT || (km_is_known(val) && val.v <= 1);
}

static bool matches(struct km_val val, const struct km_page_fault *pf, uint64_t mask)
{
	return km_is_known(val) && val.v == !!(pf->error_code.v & mask);
}

static bool levels_fit(struct km_val max, struct km_val req, struct km_val goal)
{
	return km_is_known(max) && km_is_known(req) && km_is_known(goal) && goal.v >= PG_LEVEL_4K &&
	       max.v <= PG_LEVEL_1G && goal.v <= req.v && req.v <= max.v;
}

/*
 * For a direct MMU, the gfn is that of the address. It is 0 until the handler sets it (late
 * in 6.1); for an indirect MMU it comes from the guest's tables.
 */
static bool gfn_fits(const struct km_page_fault *pf, uint64_t direct_bits)
{
	uint64_t gfn = pf->addr.v >> KM_PAGE_SHIFT & ~direct_bits;

	if (!km_is_known(pf->gfn) || pf->gfn.v >= MAX_GFN)
		return false;
	return !pf->is_tdp.v || pf->gfn.v == gfn || (!pf->gfn.v && !pf->slot.v);
}

static bool slot_fits(const struct km_page_fault *pf, const struct km_val *base,
		      const struct km_val *npages)
{
	if (!km_is_known(pf->slot))
		return false;
	if (!pf->slot.v)
		return true;
	if (pf->slot.v % 8 || pf->slot.v >> 56 != 0xff)
		return false;
	return !km_is_known(*base) || !km_is_known(*npages) ||
	       (pf->gfn.v >= base->v && pf->gfn.v - base->v < npages->v);
}

/* KVM_PFN_ERR_* and KVM_PFN_NOSLOT have one of the highest bits set; until it is set, it is 0. */
static bool pfn_fits(const struct km_page_fault *pf)
{
	return km_is_known(pf->pfn) && (pf->pfn.v < MAX_GFN || pf->pfn.v >> 52);
}

bool km_page_fault_plausible(const struct km_page_fault *pf, const struct km_page_fault_host *host,
			     const struct km_val *slot_base, const struct km_val *slot_npages)
{
	if (!km_is_known(pf->addr) || !km_is_known(pf->error_code) ||
	    pf->error_code.v & ~PFERR_KNOWN ||
	    !levels_fit(pf->max_level, pf->req_level, pf->goal_level))
		return false;
	if (!matches(pf->write, pf, PFERR_WRITE_MASK) || !matches(pf->exec, pf, PFERR_FETCH_MASK) ||
	    !matches(pf->present, pf, PFERR_PRESENT_MASK) ||
	    !matches(pf->user, pf, PFERR_USER_MASK) || !matches(pf->rsvd, pf, PFERR_RSVD_MASK))
		return false;
	if (!is_bool(pf->prefetch) || !is_bool(pf->is_tdp) || !is_bool(pf->is_private) ||
	    !is_bool(pf->map_writable) || !is_bool(pf->write_fault_to_shadow_pgtable))
		return false;
	/* zeroed memory is not a fault */
	if (!pf->addr.v && !pf->error_code.v && !pf->slot.v)
		return false;
	if (!pfn_fits(pf) || pf->mmu_seq.v > host->seq)
		return false;
	if (pf->is_tdp.v && (!host->tdp || pf->addr.v >> KM_PAGE_SHIFT >= MAX_GFN))
		return false;
	return gfn_fits(pf, host->direct_bits) && slot_fits(pf, slot_base, slot_npages);
}

bool km_page_fault_half_written(const struct km_page_fault *pf)
{
	return !pf->addr.v && !pf->gfn.v && !pf->slot.v;
}

/* Functions that are called with it, even if the compiler changed their names. */
static const char *const handlers[] = {
	"kvm_tdp_page_fault",
	"kvm_tdp_mmu_page_fault",
	"direct_page_fault",
	"fast_page_fault",
	"nonpaging_page_fault",
	"paging64_page_fault",
	"paging32_page_fault",
	"ept_page_fault",
	"kvm_mmu_faultin_pfn",
	"kvm_faultin_pfn",
	"__kvm_faultin_pfn",
	"__kvm_mmu_faultin_pfn",
	"kvm_tdp_mmu_map",
	"direct_map",
	"__direct_map",
	"paging64_fetch",
	"paging32_fetch",
	"ept_fetch",
	"mmu_topup_memory_caches",
};

static bool is_one_of(const struct km_frame *frame, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (km_frame_is(frame, names[i]))
			return true;
	}
	return false;
}

#define IS_ONE_OF(frame, names) is_one_of(frame, names, sizeof(names) / sizeof((names)[0]))

/* The index of the frame that contains @address; stack->count: none. */
static size_t frame_of(const struct km_stack *stack, uint64_t address, uint32_t size)
{
	for (size_t i = 0; i + 1 < stack->count; i++) {
		/* a frame on another stack */
		if (stack->frames[i].sp <= address && address + size <= stack->frames[i + 1].sp &&
		    stack->frames[i].sp - stack->base < stack->size)
			return i;
	}
	return stack->count;
}

enum km_fault_age km_page_fault_age(const struct km_stack *stack, uint64_t address, uint32_t size,
				    const struct km_frame **frame)
{
	size_t i = frame_of(stack, address, size);

	*frame = NULL;
	if (stack->start == KM_STACK_UNKNOWN)
		return KM_AGE_UNKNOWN;
	if (address < stack->sp)
		return KM_AGE_RESIDUE;
	if (i == stack->count)
		return KM_AGE_UNKNOWN;
	*frame = &stack->frames[i];
	if (!stack->frames[i].sure)
		return KM_AGE_UNKNOWN;
	if (!km_owns_page_fault((*frame)->function))
		return KM_AGE_RESIDUE;
	for (size_t j = i; j-- > 0;) {
		/* loads a root before the fault is set up, and tops up memory caches for that */
		if (km_frame_is(&stack->frames[j], "kvm_mmu_load"))
			break;
		if (IS_ONE_OF(&stack->frames[j], handlers))
			return KM_AGE_IN_HANDLER;
	}
	/* not passed to a handler yet, or handled already */
	return KM_AGE_UNKNOWN;
}

static const struct km_mmu *mmu_named(const struct km_vcpu_mmu *all, const char *name)
{
	for (size_t i = 0; i < all->mmu_count; i++) {
		if (!strcmp(all->mmus[i].name, name))
			return &all->mmus[i];
	}
	return NULL;
}

const struct km_mmu *km_page_fault_mmu(const struct km_vcpu_mmu *all,
				       const struct km_page_fault *pf, enum km_fault_age age,
				       bool tdp)
{
	bool handled = age == KM_AGE_IN_HANDLER;

	if (handled && (!tdp || !km_is_known(pf->is_tdp)))
		return all->active;
	if (pf->is_tdp.v)
		return mmu_named(all, "root_mmu");
	return handled ? mmu_named(all, "guest_mmu") : NULL;
}

bool km_page_fault_is_plausible(const struct km_kernel *k, const struct km_vm *vm,
				const struct km_page_fault *pf)
{
	const struct km_page_fault_host host = {
		.tdp = k->features.tdp,
		.direct_bits = vm->gfn_direct_bits.v,
		.seq = km_is_known(vm->mmu_invalidate_seq) ? vm->mmu_invalidate_seq.v : UINT64_MAX,
	};
	struct km_val base = {.known = KM_ABSENT}, npages = base;

	if (km_is_known(pf->slot) && pf->slot.v) {
		base = km_kconfirm(k, pf->slot.v, KM_M_kvm_memory_slot_base_gfn);
		npages = km_kconfirm(k, pf->slot.v, KM_M_kvm_memory_slot_npages);
	}
	return km_page_fault_plausible(pf, &host, &base, &npages);
}

/* A member of the structure of @size bytes at @bytes; absent if it is not inside it. */
static struct km_val value_in(const struct km_kernel *k, enum km_member_id id, const uint8_t *bytes,
			      uint32_t size)
{
	const struct km_member *m = km_layout_member(k->layout, id);
	struct km_val val = {.known = KM_ABSENT};

	if (!m || m->size > sizeof(val.v) || m->offset > size || m->size > size - m->offset)
		return val;
	val = km_known_val(0);
	memcpy(&val.v, bytes + m->offset, m->size);
	if (m->bit_size)
		val.v = (val.v >> m->bit_off) & (~0ULL >> (64 - m->bit_size));
	return val;
}

/* The check that most memory fails. */
static bool has_levels(const struct km_kernel *k, const uint8_t *bytes, uint32_t size)
{
	struct km_val goal = value_in(k, KM_M_kvm_page_fault_goal_level, bytes, size);

	return goal.v >= PG_LEVEL_4K && goal.v <= PG_LEVEL_1G &&
	       levels_fit(value_in(k, KM_M_kvm_page_fault_max_level, bytes, size),
			  value_in(k, KM_M_kvm_page_fault_req_level, bytes, size), goal);
}

/* Read the stack into @bytes. A page that is missing is zero there: that is not a fault. */
static void read_bytes(const struct km_kernel *k, const struct km_stack *stack, uint8_t *bytes)
{
	for (uint64_t at = 0; at < stack->size; at += KM_PAGE_SIZE) {
		km_scoped_error *err =
			km_read_virt(k->mem, stack->base + at, bytes + at, KM_PAGE_SIZE);

		if (err)
			memset(bytes + at, 0, KM_PAGE_SIZE);
	}
}

static km_error *search_in(const struct km_kernel *k, const struct km_vm *vm,
			   const struct km_stack *stack, const uint8_t *bytes, uint32_t size,
			   struct km_page_faults *found)
{
	for (uint64_t i = 0; i + size <= stack->size; i += 8) {
		uint64_t at = stack->base + i;
		struct km_page_fault pf;
		km_error *err = at % KM_PAGE_SIZE ? NULL : km_check_interrupt(k->mem);

		if (err)
			return err;
		if (!has_levels(k, bytes + i, size))
			continue;
		km_page_fault_read(k, at, &pf);
		if (!km_page_fault_is_plausible(k, vm, &pf))
			continue;
		/* if there are too many, keep the outer ones: they are overwritten less often */
		if (found->count == KM_PAGE_FAULTS) {
			memmove(found->at, found->at + 1, sizeof(found->at) - sizeof(found->at[0]));
			memmove(found->places, found->places + 1,
				sizeof(found->places) - sizeof(found->places[0]));
			found->count--;
		}
		found->at[found->count] = at;
		found->places[found->count++] = km_fault_place_find(k, stack, at, size, pf.gfn);
	}
	return NULL;
}

static km_error *search(const struct km_kernel *k, const struct km_vm *vm,
			const struct km_stack *stack, uint32_t size, struct km_page_faults *found)
{
	uint8_t *bytes = malloc(stack->size);
	km_error *err;

	if (!bytes)
		return km_errorf(KM_ENOMEM, "out of memory");
	read_bytes(k, stack, bytes);
	err = search_in(k, vm, stack, bytes, size, found);
	free(bytes);
	return err;
}

km_error *km_page_faults_find(const struct km_kernel *k, const struct km_vm *vm,
			      const struct km_stack *stack, struct km_page_faults *found)
{
	const struct km_target *target = km_memory_target(k->mem);
	uint32_t size = km_layout_sizeof(k->layout, KM_T_kvm_page_fault);
	const struct km_recorder *rec = km_memory_recorder(k->mem);
	const struct km_saved_stack *saved;
	km_error *err = NULL;
	bool trying;

	memset(found, 0, sizeof(*found));
	if (!size || !stack->size)
		return NULL;
	if (km_target_has_saved_stacks(target)) {
		saved = km_saved_stack_of(km_target_saved_stacks(target), stack->task);
		if (saved)
			*found = saved->faults;
	} else {
		/* a capsule does not contain what only looks like a fault */
		trying = km_memory_try(k->mem, true);
		err = search(k, vm, stack, size, found);
		km_memory_try(k->mem, trying);
	}
	if (!err && rec && rec->saved)
		km_saved_stacks_add_faults(rec->saved, stack->task, found);
	return err;
}
