// SPDX-License-Identifier: GPL-2.0-or-later
#include "fault/page_fault_steps.h"

#include "kernel/function_names.h"
#include "kvm/gfn_state.h"

#include <stdio.h>
#include <string.h>

static struct km_step *add_step(struct km_replay *r, const char *function, const char *id,
				const char *fmt, va_list ap)
{
	struct km_page_fault_path *path = r->path;
	/* the last element is reserved for the end */
	size_t at = path->count < KM_STEPS ? path->count++ : KM_STEPS - 1;
	struct km_step *step = &path->steps[at];

	step->function = km_function_name(r->s->kernel, function);
	step->id = id;
	vsnprintf(step->text, sizeof(step->text), fmt, ap);
	km_rename_functions(r->s->kernel, step->text, sizeof(step->text));
	return step;
}

bool km_step_pass(struct km_replay *r, const char *function, const char *id, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_step(r, function, id, fmt, ap)->outcome = KM_STEP_PASSES;
	va_end(ap);
	return true;
}

bool km_step_open(struct km_replay *r, const char *function, const char *id, const char *fmt, ...)
{
	struct km_step *step;
	va_list ap;

	va_start(ap, fmt);
	step = add_step(r, function, id, fmt, ap);
	va_end(ap);
	step->outcome = KM_STEP_OPEN;
	step->ret = KM_RET_PF_UNKNOWN;
	if (!r->open)
		r->path->end = step;
	r->open = true;
	return true;
}

bool km_step_end(struct km_replay *r, const char *function, const char *id, enum km_ret_pf ret,
		 const char *fmt, ...)
{
	struct km_step *step;
	va_list ap;

	va_start(ap, fmt);
	step = add_step(r, function, id, fmt, ap);
	va_end(ap);
	step->outcome = KM_STEP_ENDS;
	step->ret = ret;
	if (!r->open) {
		r->path->end = step;
		r->path->ret = ret;
	}
	return false;
}

const struct km_step *km_path_step(const struct km_page_fault_path *path, const char *id)
{
	for (size_t i = 0; i < path->count; i++) {
		if (!strcmp(path->steps[i].id, id))
			return &path->steps[i];
	}
	return NULL;
}

enum km_ruling km_replay_processor(const struct km_replay *r, uint64_t spte)
{
	const struct km_page_fault_state *s = r->s;
	struct km_walk walk = *s->walk;
	struct km_panel panel;

	if (r->last) {
		struct km_walk_level *last = &walk.levels[walk.count - 1];

		last->spte = km_spte_decode(s->masks, spte, last->level);
	}
	km_panel_judge(s->kernel, s->masks, s->all, s->mmu, &walk, s->error_code, KM_SPF_MERGED,
		       &panel);
	return panel.verdicts[KM_JUDGE_PROCESSOR].ruling;
}

struct km_val km_mem_is_private(const struct km_replay *r)
{
	struct km_val attributes = {.known = KM_UNREADABLE};

	if (r->gfn_known || !km_has(r->s->kernel->layout, KM_M_kvm_mem_attr_array))
		attributes = km_gfn_attributes(r->s->kernel, r->s->vm, r->gfn);
	attributes.v = !!(attributes.v & KVM_MEMORY_ATTRIBUTE_PRIVATE);
	return attributes;
}

struct km_val km_write_tracked(const struct km_replay *r)
{
	const struct km_memslot *slot = r->slot;

	if (!slot)
		return (struct km_val){.known = r->slot_known ? KM_KNOWN : KM_UNREADABLE};
	return km_gfn_write_track(r->s->kernel, r->s->vm, r->s->slots->as_id, slot, r->gfn);
}
