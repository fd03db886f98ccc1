// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Check it by hand: reads of plain memory, which crash and gdb can do on every kernel, whether or
 * not they know the types of kvm. The values are those that this report was made from.
 */
#include "commands/report.h"

#include <inttypes.h>

#define MAX_VALUES 16

/* Values at an address, and what they are. */
struct check {
	const char *what;
	bool phys;
	bool frames; /* the values are frames of guest memory */
	uint64_t addr;
	unsigned bits; /* of one value */
	unsigned count;
	uint64_t values[MAX_VALUES];
};

/* "0000 0000 ..."; @brief: equal values as "16 x 0000". */
static const char *values_text(struct km_node *node, const struct check *check, bool brief)
{
	int digits = (int)check->bits / 4;
	const char *text = "";
	bool same = true;

	for (unsigned i = 0; i < check->count; i++) {
		same &= check->values[i] == check->values[0];
		text = km_doc_text(node, "%s%s%0*" PRIx64, text, i ? " " : "", digits,
				   check->values[i]);
	}
	if (brief && same && check->count > 2)
		return km_doc_text(node, "%u x %0*" PRIx64, check->count, digits, check->values[0]);
	return text;
}

static const char *crash_text(struct km_node *node, const struct check *check)
{
	return km_doc_text(node, "rd %s-%u %" PRIx64 " %u", check->phys ? "-p " : "", check->bits,
			   check->addr, check->count);
}

/* gdb reads physical memory through the kernel's direct map. */
static const char *gdb_text(struct km_node *node, const struct km_kernel *k,
			    const struct check *check)
{
	static const char sizes[] = {[8] = 'b', [16] = 'h', [32] = 'w', [64] = 'g'};

	return km_doc_text(node, "x/%ux%c 0x%" PRIx64, check->count, sizes[check->bits],
			   check->addr + (check->phys ? k->page_offset_base : 0));
}

static void add_command(struct km_node *s, const char *key, const char *text)
{
	km_doc_field(s, key, key, km_v_text(text));
	if (s)
		km_doc_look(s->last, KM_LOOK_COMMAND);
}

static void add_values(struct km_node *s, const char *key, const char *label, const char *text,
		       bool frames)
{
	km_doc_field(s, key, label, km_v_text(text));
	if (s)
		km_doc_look(s->last, frames ? KM_LOOK_FRAMES : KM_LOOK_COMMAND);
}

static void add_check(struct km_node *list, const struct km_kernel *k, const struct check *check)
{
	struct km_node *s = km_doc_section(list, NULL, check->what);

	km_doc_field(s, "what", NULL, km_v_text(check->what));
	add_command(s, "crash", crash_text(s, check));
	add_command(s, "gdb", gdb_text(s, k, check));
	add_values(s, "values", NULL, values_text(s, check, false), check->frames);
	add_values(s, NULL, "shows", values_text(s, check, true), check->frames);
}

/* One integer member of the structure at @addr, whose value was read before. */
static void add_member(struct km_node *list, const struct km_kernel *k, uint64_t addr,
		       enum km_member_id id, struct km_val value)
{
	const struct km_member *m = km_layout_member(k->layout, id);
	struct check check = {.count = 1};
	const char *tag = "", *path = "";

	if (!m || !km_is_known(value) || m->bit_size || !m->size || m->size > 8)
		return;
	km_layout_path(k->layout, id, &tag, &path);
	check.what = km_doc_text(list, "%s.%s", tag, path);
	check.frames = id == KM_M_kvm_mmu_page_gfn ||
		       (k->features.invalidate_gfns && (id == KM_M_kvm_mmu_invalidate_range_start ||
							id == KM_M_kvm_mmu_invalidate_range_end));
	check.addr = addr + m->offset;
	check.bits = 8 * m->size;
	check.values[0] = m->size < 8 ? value.v & ((1ULL << check.bits) - 1) : value.v;
	add_check(list, k, &check);
}

static void check_table(struct km_node *list, const struct km_case *c,
			const struct km_perm_table *t)
{
	bool wide = c->kernel->features.acc == KM_ACC_RWUX;
	struct check check = {
		.what = km_doc_text(list, "%s.permissions[16]", t->context),
		.addr = t->addr,
		.bits = wide ? 16 : 8,
		.count = KM_PERM_WORDS,
	};

	for (unsigned i = 0; i < KM_PERM_WORDS; i++)
		check.values[i] = t->words[i];
	add_check(list, c->kernel, &check);
}

static void check_walk(struct km_node *list, const struct km_case *c)
{
	for (size_t i = 0; c->has_walk && i < c->walk.count; i++) {
		const struct km_walk_level *l = &c->walk.levels[i];
		const struct check check = {
			.what = km_doc_text(list, "entry %u of the page table at level %d",
					    l->index, l->level),
			.phys = !l->special,
			.addr = l->table_pa + 8 * (uint64_t)l->index,
			.bits = 64,
			.count = 1,
			.values = {l->spte.value},
		};

		add_check(list, c->kernel, &check);
	}
}

static void check_page(struct km_node *list, const struct km_case *c)
{
	const struct km_walk_level *last = c->has_walk ? km_walk_last(&c->walk) : NULL;

	if (!last || !last->sp.known || !last->sp.addr || !last->oddity)
		return;
	add_member(list, c->kernel, last->sp.addr, KM_M_kvm_mmu_page_gfn, last->sp.gfn);
	if (last->sp.role_known)
		add_member(list, c->kernel, last->sp.addr, KM_M_kvm_mmu_page_role,
			   km_known_val(last->sp.role.word));
}

void km_report_checks(struct km_node *chapter, const struct km_case *c, bool redacted)
{
	struct km_node *checks = km_doc_chapter(chapter, "check", "Check it by hand");
	struct km_node *list = km_doc_list(checks, "checks");
	const struct km_vcpu_stats *s = &c->vcpu->stats;
	const struct km_kernel *k = c->kernel;
	uint64_t vcpu = c->vcpu->addr, vm = c->vm->addr;

	km_doc_note(checks, "These commands only read memory: neither crash nor gdb needs the "
			    "types of kvm for them.");
	if (km_target_excludes_guest_memory(km_memory_target(k->mem)))
		km_doc_note(checks, "This report was made from a capsule: use the commands on the "
				    "dump that the capsule was made from.");
	for (size_t i = 0; i < c->all.table_count; i++) {
		if (c->all.tables[i].status == KM_TABLE_DIFFERS)
			check_table(list, c, &c->all.tables[i]);
	}
	if (c->mmu && c->mmu->readable)
		add_member(list, k, c->mmu->addr, KM_M_kvm_mmu_root_role,
			   km_known_val(c->mmu->root_role.word));
	if (!redacted)
		check_walk(list, c);
	else if (c->has_walk && c->walk.count)
		km_doc_note(checks, "Redacted: commands for the entries of the walk are left out, "
				    "because their addresses give the faulting address away.");
	check_page(list, c);
	if (c->slot)
		add_member(list, k, c->slot->addr, KM_M_kvm_memory_slot_flags,
			   km_known_val(c->slot->flags));
	add_member(list, k, vcpu, KM_M_kvm_vcpu_stat_pf_taken, s->pf_taken);
	add_member(list, k, vcpu, KM_M_kvm_vcpu_stat_pf_fixed, s->pf_fixed);
	add_member(list, k, vcpu, KM_M_kvm_vcpu_stat_pf_spurious, s->pf_spurious);
	add_member(list, k, vcpu, KM_M_kvm_vcpu_stat_exits, s->exits);
	add_member(list, k, vm, KM_M_kvm_mmu_invalidate_seq, c->vm->mmu_invalidate_seq);
	add_member(list, k, vm, KM_M_kvm_mmu_invalidate_in_progress,
		   c->vm->mmu_invalidate_in_progress);
	add_member(list, k, vm, KM_M_kvm_mmu_invalidate_range_start,
		   c->vm->mmu_invalidate_range_start);
	add_member(list, k, vm, KM_M_kvm_mmu_invalidate_range_end, c->vm->mmu_invalidate_range_end);
	add_member(list, k, vm, KM_M_kvm_vm_dead, c->vm->vm_dead);
}
