// SPDX-License-Identifier: GPL-2.0-or-later
#include "fault/fault_place.h"

#include "kernel/orc.h"
#include "kernel/text.h"

#include <string.h>

/* A handler's frame starts at most this far below the struct: the rest of its caller's frame. */
#define MAX_BELOW 0x100

struct search {
	const struct km_kernel *k;
	const struct km_stack *stack;
};

static bool word(void *arg, uint64_t addr, uint64_t *value)
{
	const struct search *s = arg;
	km_scoped_error *err = NULL;

	if (addr - s->stack->base >= s->stack->size || addr % 8)
		return false;
	err = km_read_virt(s->k->mem, addr, value, sizeof(*value));
	return !err;
}

bool km_owns_page_fault(const char *name)
{
	/* kvm_mmu_do_page_fault() is usually inlined into kvm_mmu_page_fault() */
	static const char *const owners[] = {
		"kvm_mmu_page_fault",
		"kvm_mmu_do_page_fault",
		"kvm_tdp_map_page",
		"kvm_arch_async_page_ready",
		"kvm_arch_vcpu_pre_fault_memory",
		"kvm_tdp_mmu_map_private_pfn",
	};
	const struct km_frame frame = {.function = name};

	for (size_t i = 0; i < sizeof(owners) / sizeof(owners[0]); i++) {
		if (km_frame_is(&frame, owners[i]))
			return true;
	}
	return false;
}

/* Is the word at @slot a return address into an owner? */
static bool returns_to_owner(struct search *s, uint64_t slot, struct km_unwind *u)
{
	char name[64];
	uint64_t offset;

	*u = (struct km_unwind){.slot = slot, .sp = slot + 8};
	return word(s, slot, &u->ip) && km_is_text(s->k, u->ip) &&
	       km_function_at(s->k, u->ip - 1, name, sizeof(name), &offset) &&
	       km_owns_page_fault(name);
}

static bool to_caller(struct search *s, struct km_unwind *u)
{
	struct km_orc orc;

	return km_orc_find(s->k, u->ip - 1, &orc) &&
	       km_orc_unwind(&orc, word, s, u) == KM_UNWOUND && km_is_text(s->k, u->ip);
}

/* Do the frames from @u on lead to one of the active ones? */
static bool leads_to_active(struct search *s, struct km_unwind u)
{
	for (size_t n = 0; n < KM_FRAMES; n++) {
		for (size_t i = 0; i < s->stack->count; i++) {
			const struct km_frame *f = &s->stack->frames[i];

			if (f->sure && f->sp == u.slot && f->pc == u.ip)
				return true;
		}
		if (!to_caller(s, &u))
			return false;
	}
	return false;
}

static void find_frame(struct search *s, uint64_t at, uint32_t size, struct km_fault_place *place)
{
	for (uint64_t slot = at - 8; at - slot <= MAX_BELOW; slot -= 8) {
		struct km_unwind u, caller;

		if (!returns_to_owner(s, slot, &u))
			continue;
		caller = u;
		if (!to_caller(s, &caller) || caller.slot < at + size)
			continue;
		place->handler_slot = slot;
		place->caller_slot = caller.slot;
		place->chain = leads_to_active(s, caller);
		return;
	}
}

static bool is_pointer(uint64_t value)
{
	return value >> 48 == 0xffff && !(value % 8);
}

/* Is there a tdp_iter at @at that has walked to @gfn? */
static bool read_iter(struct search *s, uint64_t at, uint64_t gfn, struct km_fault_place *place)
{
	struct km_val level = km_kget(s->k, at, KM_M_tdp_iter_level);
	struct km_val root = km_kget(s->k, at, KM_M_tdp_iter_root_level);
	struct km_val sptep = km_kget(s->k, at, KM_M_tdp_iter_sptep);
	struct km_val first = km_kget(s->k, at, KM_M_tdp_iter_gfn);
	struct km_val spte = km_kget(s->k, at, KM_M_tdp_iter_old_spte);
	struct km_val table;

	if (!km_is_known(root) || !km_is_known(spte) || !km_is_level((int)level.v) ||
	    !km_is_level((int)root.v) || level.v > root.v || !is_pointer(sptep.v))
		return false;
	/* the SPTE is in the last table of the walk, at the index of the gfn */
	table = km_kelem(s->k, at, KM_M_tdp_iter_pt_path, (uint32_t)level.v - 1);
	if (!km_is_known(table) || !is_pointer(table.v) ||
	    sptep.v - table.v != (gfn >> 9 * (level.v - 1) & 511) * 8 ||
	    first.v != gfn >> 9 * (level.v - 1) << 9 * (level.v - 1))
		return false;
	place->sptep = sptep.v;
	place->old_spte = spte.v;
	place->level = (unsigned)level.v;
	return true;
}

/* The deepest frames are those of the map step; the nearest tdp_iter below the struct is its. */
static void find_iter(struct search *s, uint64_t at, uint64_t gfn, struct km_fault_place *place)
{
	uint32_t size = km_layout_sizeof(s->k->layout, KM_T_tdp_iter);

	for (uint64_t iter = at - size; size && iter >= s->stack->base; iter -= 8) {
		if (read_iter(s, iter, gfn, place))
			return;
	}
}

struct km_fault_place km_fault_place_find(const struct km_kernel *k, const struct km_stack *stack,
					  uint64_t at, uint32_t size, struct km_val gfn)
{
	struct search s = {k, stack};
	struct km_fault_place place = {.level = 0};

	find_frame(&s, at, size, &place);
	if (place.handler_slot && km_is_known(gfn))
		find_iter(&s, place.handler_slot, gfn.v, &place);
	return place;
}
