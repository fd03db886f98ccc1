// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/describe_audit.h"

#include <inttypes.h>

#define MAX_TABLES    4096 /* 16 MiB: audit looks at all */
#define MAX_ANOMALIES 2	   /* of each kind */

static void add_columns(struct km_node *table, bool brief)
{
	km_doc_column(table, "kind", "KIND", false);
	km_doc_column(table, "certainty", NULL, false);
	km_doc_column(table, "vcpu", NULL, true);
	km_doc_column(table, "context", brief ? NULL : "MMU", false);
	km_doc_column(table, "level", brief ? NULL : "LEVEL", true);
	km_doc_column(table, "table", brief ? NULL : "TABLE", false);
	km_doc_column(table, "index", brief ? NULL : "INDEX", true);
	km_doc_column(table, "spte", brief ? NULL : "ENTRY", false);
	km_doc_column(table, "gpa", brief ? NULL : "GPA", false);
	km_doc_column(table, "kvm_mmu_page", brief ? NULL : "KVM_MMU_PAGE", false);
	if (brief)
		km_doc_people_column(table, "place", "TABLE[INDEX]", false);
	km_doc_column(table, "what", "", false);
}

void km_anomaly_columns(struct km_node *table)
{
	add_columns(table, false);
}

static void fill_row(struct km_node *table, struct km_node *row, const struct km_anomaly *a)
{
	bool entry = a->has_entry;

	km_doc_cell(row, "kind", km_v_text(km_audit_texts[a->kind].id));
	km_doc_cell(row, "certainty", km_v_text(km_certainty_text(a->certainty)));
	km_doc_cell(row, "vcpu", a->context ? km_v_dec(a->vcpu) : km_v_none("-"));
	km_doc_cell(row, "context", a->context ? km_v_text(a->context) : km_v_none("-"));
	km_doc_cell(row, "level", a->level ? km_v_dec((uint64_t)a->level) : km_v_none("-"));
	km_doc_cell(row, "table", a->table_pa ? km_v_hex(a->table_pa) : km_v_none("-"));
	km_doc_cell(row, "index", entry ? km_v_dec(a->index) : km_v_none("-"));
	km_doc_cell(row, "spte", entry ? km_v_hex(a->spte.value) : km_v_none("-"));
	km_doc_cell(row, "gpa", km_v_val(a->gpa, KM_V_HEX));
	km_doc_cell(row, "kvm_mmu_page",
		    a->kvm_mmu_page ? km_v_hex(a->kvm_mmu_page) : km_v_none("-"));
	km_doc_cell(row, "what", km_v_text(km_doc_text(table, "%s", a->what)));
}

void km_anomaly_row(struct km_node *table, const struct km_anomaly *a)
{
	fill_row(table, km_doc_row(table), a);
}

/* "0x3090000[46]", which audit shows with all else */
static struct km_value place_of(struct km_node *table, const struct km_anomaly *a)
{
	if (!a->table_pa)
		return km_v_none("-");
	return km_v_text(a->has_entry
				 ? km_doc_text(table, "0x%" PRIx64 "[%u]", a->table_pa, a->index)
				 : km_doc_text(table, "0x%" PRIx64, a->table_pa));
}

static struct km_node *add_table(struct km_node *node)
{
	struct km_node *table = km_doc_table(node, "anomalies", "anomalies of page tables");

	km_doc_column(table, "vm", "VM", true);
	add_columns(table, true);
	return table;
}

/* Anomalies above a note that were found and are not kept. */
static uint64_t count_more(const struct km_vm_audit *audit)
{
	uint64_t kept[KM_AUDIT_KINDS] = {0}, more = 0;

	for (size_t i = 0; i < audit->count; i++)
		kept[audit->anomalies[i].kind]++;
	for (int i = 0; i < KM_AUDIT_KINDS; i++) {
		if (audit->sums[i].certainty > KM_NOTE)
			more += audit->sums[i].found - kept[i];
	}
	return more;
}

static void describe_limits(struct km_node *node, const struct km_vm *vm,
			    const struct km_vm_audit *audit)
{
	uint64_t more = count_more(audit);

	if (more)
		km_doc_note(node,
			    "VM %u: %" PRIu64 " more anomalies of page tables: audit lists them",
			    vm->number, more);
	if (audit->limit_hit)
		km_doc_note(node,
			    "VM %u: only %" PRIu64 " of its page tables were examined for "
			    "anomalies: audit examines all",
			    vm->number, audit->tables);
}

km_error *km_describe_vm_anomalies(const struct km_kernel *k, struct km_node *node,
				   struct km_node **table, const struct km_vm *vm,
				   struct km_tasks *tasks)
{
	const struct km_audit_options options = {
		.limit = MAX_ANOMALIES,
		.most_tables = MAX_TABLES,
		.tasks = tasks,
	};
	struct km_vm_audit audit;
	km_error *err;
	bool before;

	if (km_memory_recorder(k->mem))
		return NULL;
	/* what is not readable is not among what this answer needs */
	before = km_memory_try(k->mem, true);
	err = km_vm_audit(k, vm, &options, &audit);
	km_memory_try(k->mem, before);
	for (size_t i = 0; !err && i < audit.count; i++) {
		struct km_node *row;

		if (audit.anomalies[i].certainty == KM_NOTE)
			continue;
		if (!*table)
			*table = add_table(node);
		row = km_doc_row(*table);
		km_doc_cell(row, "vm", km_v_dec(vm->number));
		km_doc_cell(row, "place", place_of(*table, &audit.anomalies[i]));
		fill_row(*table, row, &audit.anomalies[i]);
	}
	if (!err)
		describe_limits(node, vm, &audit);
	km_vm_audit_deinit(&audit);
	return err;
}
