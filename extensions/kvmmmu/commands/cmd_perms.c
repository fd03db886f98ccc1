// SPDX-License-Identifier: GPL-2.0-or-later
/* kvmmmu perms: permission tables word by word, and what their roles imply. */
#include "commands/command_context.h"

#include <inttypes.h>
#include <string.h>

const char *km_perm_access_text(struct km_node *node, unsigned index)
{
	uint64_t pfec = (uint64_t)index << 1;

	return km_doc_text(node, "%s%s%s",
			   pfec & PFERR_FETCH_MASK && pfec & PFERR_WRITE_MASK ? "W+F"
			   : pfec & PFERR_FETCH_MASK			      ? "fetch"
			   : pfec & PFERR_WRITE_MASK			      ? "write"
									      : "read",
			   pfec & PFERR_USER_MASK ? " user" : " kern",
			   pfec & PFERR_RSVD_MASK ? " AC" : "");
}

static bool is_judged(const struct km_perm_table *t)
{
	return t->status == KM_TABLE_MATCHES || t->status == KM_TABLE_DIFFERS;
}

const char *km_perm_matrix_text(struct km_node *node, const struct km_perm_table *t, unsigned index)
{
	char cells[17] = "";
	bool judged = is_judged(t);
	unsigned combinations = t->words[index] >> 8 || t->inputs.format == KM_ACC_RWUX ? 16 : 8;

	for (unsigned acc = 0; acc < combinations; acc++) {
		bool denied = t->words[index] >> acc & 1;
		bool differs = judged && (t->expected[index] >> acc & 1) != denied;

		cells[acc] = differs ? (denied ? 'D' : 'A') : (denied ? '#' : '.');
	}
	return km_doc_text(node, "%s", cells);
}

static struct km_value word_value(struct km_node *node, uint16_t word)
{
	return km_v_as(km_v_hex(word), km_doc_text(node, "%04x", word));
}

static void add_word(struct km_node *table, const struct km_perm_table *t, unsigned i)
{
	struct km_node *row = km_doc_row(table);
	bool judged = is_judged(t), same = t->words[i] == t->expected[i];

	km_doc_cell(row, "index", km_v_dec(i));
	km_doc_cell(row, "access", km_v_text(km_perm_access_text(table, i)));
	km_doc_cell(row, "word", word_value(table, t->words[i]));
	km_doc_cell(row, "expected", judged ? word_value(table, t->expected[i]) : km_v_none("-"));
	km_doc_cell(row, "matrix", km_v_text(km_perm_matrix_text(table, t, i)));
	km_doc_cell(
		row, "matches",
		judged ? km_v_tone(km_v_as(km_v_bool(same), same ? "" : "! differs"), KM_TONE_ALARM)
		       : km_v_none(""));
}

static struct km_node *add_words(struct km_node *node, const struct km_perm_table *t,
				 enum km_acc_format format)
{
	struct km_node *table = km_doc_table(node, "words", NULL);

	km_doc_column(table, "index", "INDEX", true);
	km_doc_column(table, "access", "ACCESS", false);
	km_doc_column(table, "word", "TABLE", false);
	km_doc_column(table, "expected", "ROLE", false);
	km_doc_column(table, "matrix", format == KM_ACC_RWUX ? "0123456789abcdef" : "01234567",
		      false);
	km_doc_column(table, "matches", "", false);
	for (unsigned i = 0; i < KM_PERM_WORDS; i++)
		add_word(table, t, i);
	return table;
}

static struct km_node *add_inputs(struct km_node *node, const struct km_perm_table *t, bool tdp)
{
	struct km_node *in = km_doc_compact(node, "inputs", "role");

	km_doc_field(in, "cr4_smep", t->spte && tdp ? "cr4_smep (MBEC/GMET)" : "cr4_smep",
		     km_v_dec(t->inputs.cr4_smep));
	km_doc_field(in, "cr4_smap", "cr4_smap", km_v_dec(t->inputs.cr4_smap));
	km_doc_field(in, "cr0_wp", "cr0_wp", km_v_dec(t->inputs.cr0_wp));
	km_doc_field(in, "efer_nx", "efer_nx", km_v_dec(t->inputs.efer_nx));
	return in;
}

static const char *status_name(enum km_table_status status)
{
	switch (status) {
	case KM_TABLE_MATCHES:
		return "matches";
	case KM_TABLE_DIFFERS:
		return "differs";
	case KM_TABLE_UNUSED:
		return "unused";
	case KM_TABLE_PAGING_OFF:
		return "paging-off";
	case KM_TABLE_UNREADABLE:
		return "unreadable";
	case KM_TABLE_NO_VERDICT:
		return "no-verdict";
	}
	return "?";
}

/* One table of a vCPU, in the list of all. */
struct entry {
	struct km_node *node;
	const struct km_vm *vm;
	const struct km_vcpu *vcpu;
	const struct km_perm_table *t;
};

static void describe_head(const struct entry *e)
{
	const struct km_perm_table *t = e->t;

	if (t->status == KM_TABLE_DIFFERS)
		km_doc_alarm(e->node);
	km_doc_field(e->node, "vm", NULL, km_v_dec(e->vm->number));
	km_doc_field(e->node, "vcpu", NULL, km_v_dec(e->vcpu->idx));
	km_doc_field(e->node, "kvm_vcpu", NULL, km_v_hex(e->vcpu->addr));
	km_doc_field(e->node, "context", NULL, km_v_text(t->context));
	km_doc_field(e->node, "judges", NULL, km_v_text(t->spte ? "spte" : "guest-pte"));
	km_doc_field(e->node, "address", NULL, km_v_hex(t->addr));
	km_doc_field(e->node, "status", NULL, km_v_text(status_name(t->status)));
}

/* @brief: people see the words only where they are not what the role implies. */
static void describe_words(const struct entry *e, const struct km_kernel *k, bool brief)
{
	const struct km_perm_table *t = e->t;
	bool hide = brief && t->status == KM_TABLE_MATCHES;
	struct km_node *inputs = is_judged(t) ? add_inputs(e->node, t, k->features.tdp) : NULL;
	struct km_node *words;

	if (hide)
		km_doc_machine_only(inputs);
	if (t->status == KM_TABLE_UNREADABLE || t->status == KM_TABLE_UNUSED)
		return;
	words = add_words(e->node, t, k->features.acc);
	if (hide || !is_judged(t))
		km_doc_machine_only(words);
}

static void describe_pkru(const struct entry *e)
{
	const struct km_perm_table *t = e->t;
	bool differs = t->pkru_mask != t->expected_pkru;

	if (!t->pkru_judged)
		return;
	km_doc_field(e->node, "pkru_mask", t->expected_pkru || t->pkru_mask ? "pkru_mask" : NULL,
		     km_v_hex(t->pkru_mask));
	km_doc_field(e->node, "expected_pkru_mask", differs ? "role implies" : NULL,
		     km_v_hex(t->expected_pkru));
	if (differs)
		km_doc_finding(e->node, "pkru-mask-mismatch", km_vcpu_certainty(e->vcpu),
			       "vCPU %u:%u: %s.pkru_mask differs from its role", e->vm->number,
			       e->vcpu->idx, t->context);
}

static void report_differences(const struct entry *e)
{
	unsigned differences = km_table_differences(e->t);

	if (!differences)
		return;
	km_doc_finding(e->node, "perm-table-mismatch", km_vcpu_certainty(e->vcpu),
		       "vCPU %u:%u: %s.permissions differs from its role in %u of 16 words: KVM "
		       "gets wrong results for %s",
		       e->vm->number, e->vcpu->idx, e->t->context, differences,
		       e->t->spte ? "faults on SPTEs (see \"fault\")"
				  : "the permissions of guest page tables");
}

static void describe_table(struct km_node *list, const struct km_kernel *k, const struct km_vm *vm,
			   const struct km_vcpu *vcpu, const struct km_perm_table *t, bool brief)
{
	const struct entry e = {
		.node = km_doc_section(
			list, NULL,
			km_doc_text(list, "%u:%u %s.permissions (%s%s): %s", vm->number, vcpu->idx,
				    t->context, t->spte ? "SPTEs" : "guest PTEs",
				    t->ept ? ", EPT" : "", km_table_status_text(t->status))),
		.vm = vm,
		.vcpu = vcpu,
		.t = t,
	};

	describe_head(&e);
	describe_words(&e, k, brief);
	describe_pkru(&e);
	report_differences(&e);
}

const char *km_perm_acc_bits_text(const struct km_kernel *k)
{
	if (k->features.acc != KM_ACC_RWUX)
		return "X=1 W=2 U=4 (under EPT U means readable)";
	return k->masks.paging == KM_PAGING_EPT
		       ? "R=1 W=2 XU=4 XS=8 under EPT, else R=1 W=2 U=4 X=8"
		       : "R=1 W=2 U=4 X=8";
}

static void add_legend(struct km_node *root, const struct km_kernel *k)
{
	km_doc_note(root,
		    "INDEX is the error code shifted right by 1. AC (in the bit of RSVD) means "
		    "that SMAP does not apply; it is never set for SPTEs. Each column from 0 on is "
		    "a value of ACC, whose bits are %s: '.' means allowed, '#' denied; where the "
		    "role implies the opposite, 'A' means allowed, 'D' denied.",
		    km_perm_acc_bits_text(k));
}

static void perms_of_vcpu(struct km_command_context *ctx, struct km_node *list,
			  const struct km_vm *vm, const struct km_vcpu *vcpu, bool brief)
{
	struct km_vcpu_mmu all;

	km_vcpu_mmu_read(ctx->kernel, vcpu, &all);
	for (size_t i = 0; i < all.table_count; i++)
		describe_table(list, ctx->kernel, vm, vcpu, &all.tables[i], brief);
}

static void perms_of_vm(struct km_command_context *ctx, struct km_node *list,
			const struct km_vm *vm)
{
	for (size_t i = 0; i < vm->vcpu_count; i++) {
		if (!vm->vcpus[i].left_out)
			perms_of_vcpu(ctx, list, vm, &vm->vcpus[i], true);
	}
	km_describe_lost_vcpus(ctx->root, vm);
}

km_error *km_command_perms(struct km_command_context *ctx)
{
	struct km_vm *vm = NULL;
	struct km_vcpu *vcpu = NULL;
	struct km_node *list;
	km_error *err = km_context_read_vms(ctx);

	if (!err)
		err = km_select(ctx, &vm, &vcpu);
	if (err)
		return err;
	list = km_doc_list(ctx->root, "tables");
	if (vcpu)
		perms_of_vcpu(ctx, list, vm, vcpu, false);
	for (size_t i = 0; i < ctx->vms.count && !vcpu; i++) {
		if (!vm || vm == &ctx->vms.vms[i])
			perms_of_vm(ctx, list, &ctx->vms.vms[i]);
	}
	if (!vcpu)
		km_describe_left_out(ctx, vm, true);
	km_describe_no_vms(ctx);
	if (ctx->vms.count)
		add_legend(ctx->root, ctx->kernel);
	return NULL;
}
