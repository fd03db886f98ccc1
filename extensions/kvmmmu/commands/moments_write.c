// SPDX-License-Identifier: GPL-2.0-or-later
/* Writes what moments_parse.c reads. */
#include "commands/moments_json.h"

#include "kernel/kernel_open.h"

#include <inttypes.h>

static bool prints_json(const struct km_command_options *o)
{
	return o->format == KM_FORMAT_JSON || o->output;
}

/* @redacted: the numbers that tell one boot from another are addresses, or name it. */
static void describe_boot(struct km_node *section, const struct km_boot *boot, bool redacted)
{
	bool has_id = km_is_known(boot->id[0]) && km_is_known(boot->id[1]) && !redacted;

	km_doc_field(section, "release", NULL,
		     km_v_text(km_doc_text(section, "%s", boot->release)));
	km_doc_field(section, "build_id", NULL,
		     *boot->build_id && !redacted
			     ? km_v_text(km_doc_text(section, "%s", boot->build_id))
			     : km_v_none(NULL));
	for (int i = 0; i < 2; i++)
		km_doc_field(section, i ? "boot_id_1" : "boot_id_0", NULL,
			     has_id ? km_v_hex(boot->id[i].v) : km_v_none(NULL));
	km_doc_field(section, "page_offset_base", NULL,
		     redacted ? km_v_none(NULL) : km_v_hex(boot->page_offset_base));
	km_doc_field(section, "vmemmap_base", NULL,
		     redacted ? km_v_none(NULL) : km_v_hex(boot->vmemmap_base));
	km_doc_field(section, "jiffies", NULL, km_v_val(boot->jiffies, KM_V_DEC));
	km_doc_field(section, "seconds", NULL, km_v_val(boot->seconds, KM_V_DEC));
	km_doc_field(section, "uptime", NULL, km_v_val(boot->uptime, KM_V_DEC));
}

struct km_node *km_moments_describe(struct km_command_context *ctx, bool selected)
{
	struct km_node *section;
	struct km_boot boot;
	uint64_t lost = 0;

	if (!prints_json(&ctx->options))
		return NULL;
	section = km_doc_section(ctx->root, "moment", NULL);
	km_doc_machine_only(section);
	km_boot_read(ctx->kernel, &boot);
	describe_boot(section, &boot, ctx->options.redact);
	for (size_t i = 0; i < ctx->vms.count; i++)
		lost += ctx->vms.vms[i].vcpus_lost;
	km_doc_field(section, "redacted", NULL, km_v_bool(ctx->options.redact));
	km_doc_field(section, "selected", NULL, km_v_bool(selected));
	km_doc_field(section, "not_readable", NULL, km_v_dec(lost));
	return km_doc_list(section, "vcpus");
}

static void describe_identity(struct km_node *entry, const struct km_moment *m)
{
	km_doc_field(entry, "vm", NULL, km_v_dec(m->vm_number));
	km_doc_field(entry, "vcpu", NULL, km_v_dec(m->idx));
	km_doc_field(entry, "id", NULL, km_v_val(m->id, KM_V_DEC));
	km_doc_field(entry, "kvm", NULL, km_v_hex(m->kvm));
	km_doc_field(entry, "kvm_vcpu", NULL, km_v_hex(m->vcpu));
	km_doc_field(entry, "mm", NULL, km_v_val(m->mm, KM_V_HEX));
	km_doc_field(entry, "pid", NULL, km_v_val(m->pid, KM_V_DEC));
	km_doc_field(entry, "comm", NULL,
		     *m->comm ? km_v_text(km_doc_text(entry, "%s", m->comm)) : km_v_none(NULL));
}

static void describe_state(struct km_node *entry, const struct km_moment *m)
{
	km_doc_field(entry, "state", NULL, km_v_text(km_vcpu_state_name(m->sample.state)));
	km_doc_field(entry, "certainty", NULL, km_v_text(km_certainty_text(m->certainty)));
	km_doc_field(entry, "finding", NULL, km_v_text(m->finding));
	km_doc_field(entry, "finding_certainty", NULL,
		     km_v_text(km_certainty_text(m->finding_certainty)));
	km_doc_field(entry, "tid", NULL, km_v_val(m->tid, KM_V_DEC));
	km_doc_field(entry, "mode", NULL, km_v_val(m->mode, KM_V_DEC));
	km_doc_field(entry, "requests", NULL, km_v_val(m->requests, KM_V_HEX));
	km_doc_field(entry, "mmu", NULL, km_v_text(m->mmu));
	km_doc_field(entry, "root", NULL, km_v_val(m->root, KM_V_HEX));
	km_doc_field(entry, "root_role", NULL, km_v_val(m->root_role, KM_V_HEX));
	km_doc_field(entry, "tables_that_differ", NULL, km_v_dec(m->tables_differ));
}

static void describe_fault(struct km_node *entry, const struct km_sample *s)
{
	km_doc_field(entry, "fault_address", NULL,
		     s->has_fault ? km_v_hex(s->addr) : km_v_none(NULL));
	km_doc_field(entry, "error_code", NULL, km_v_val(s->error_code, KM_V_HEX));
	km_doc_field(entry, "rip", NULL, km_v_val(s->rip, KM_V_HEX));
	km_doc_field(entry, "fault_exit", NULL, km_v_bool(s->fault_exit));
	km_doc_field(entry, "instruction_exit", NULL, km_v_bool(s->instruction_exit));
	km_doc_field(entry, "processor", NULL, km_v_text(km_ruling_text(s->processor)));
}

static void describe_counters(struct km_node *entry, const struct km_moment *m)
{
	const struct km_sample *s = &m->sample;

	km_doc_field(entry, "exits", NULL, km_v_val(s->exits, KM_V_DEC));
	km_doc_field(entry, "halt_exits", NULL, km_v_val(s->halt_exits, KM_V_DEC));
	km_doc_field(entry, "mmio_exits", NULL, km_v_val(s->mmio_exits, KM_V_DEC));
	km_doc_field(entry, "pf_taken", NULL, km_v_val(s->pf_taken, KM_V_DEC));
	km_doc_field(entry, "pf_fixed", NULL, km_v_val(s->pf_fixed, KM_V_DEC));
	km_doc_field(entry, "pf_fast", NULL, km_v_val(m->pf_fast, KM_V_DEC));
	km_doc_field(entry, "pf_spurious", NULL, km_v_val(s->pf_spurious, KM_V_DEC));
	km_doc_field(entry, "pf_emulate", NULL, km_v_val(s->pf_emulate, KM_V_DEC));
	km_doc_field(entry, "insn_emulation_fail", NULL, km_v_val(s->emulation_failed, KM_V_DEC));
	km_doc_field(entry, "uncounted_exits", NULL, km_v_val(s->uncounted_exits, KM_V_DEC));
	km_doc_field(entry, "insn_emulation", NULL, km_v_val(s->insn_emulation, KM_V_DEC));
	km_doc_field(entry, "mmu_invalidate_seq", NULL, km_v_val(s->invalidate_seq, KM_V_DEC));
	km_doc_field(entry, "mmu_invalidate_in_progress", NULL,
		     km_v_val(m->invalidations, KM_V_DEC));
}

static void describe_walk(struct km_node *entry, const struct km_moment_walk *walk)
{
	struct km_node *table;

	km_doc_field(entry, "walk_address", NULL,
		     walk->known ? km_v_hex(walk->addr) : km_v_none(NULL));
	km_doc_field(entry, "walk_root_level", NULL,
		     walk->known ? km_v_dec((uint64_t)walk->root_level) : km_v_none(NULL));
	km_doc_field(entry, "walk_end", NULL,
		     walk->known ? km_v_text(km_doc_text(entry, "%s", walk->end))
				 : km_v_none(NULL));
	table = km_doc_table(entry, "walk", NULL);
	km_doc_column(table, "level", NULL, true);
	km_doc_column(table, "spte", NULL, false);
	for (size_t i = 0; i < walk->count; i++) {
		struct km_node *row = km_doc_row(table);

		km_doc_cell(row, "level", km_v_dec((uint64_t)walk->levels[i].level));
		km_doc_cell(row, "spte", km_v_hex(walk->levels[i].spte));
	}
}

void km_moment_describe(struct km_node *list, const struct km_case *c,
			const struct km_explanation *e)
{
	struct km_node *entry = km_doc_section(list, NULL, NULL);
	struct km_moment m;

	if (!list)
		return;
	m = km_moment_of(c, e);
	describe_identity(entry, &m);
	describe_state(entry, &m);
	describe_fault(entry, &m.sample);
	describe_counters(entry, &m);
	describe_walk(entry, &m.walk);
}
