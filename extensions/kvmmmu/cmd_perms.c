// SPDX-License-Identifier: GPL-2.0-or-later
/* kvmmmu perms: the permission tables, word by word, beside what their roles imply. */
#include "command_context.h"

#include <inttypes.h>
#include <string.h>

/* "write user", "fetch": what word @index answers; the RSVD slot lifts SMAP. */
static const char *access_text(struct km_node *node, unsigned index)
{
	uint64_t pfec = (uint64_t)index << 1;

	return km_text(node, "%s%s%s",
		       pfec & PFERR_FETCH_MASK && pfec & PFERR_WRITE_MASK ? "W+F"
		       : pfec & PFERR_FETCH_MASK			  ? "fetch"
		       : pfec & PFERR_WRITE_MASK			  ? "write"
									  : "read",
		       pfec & PFERR_USER_MASK ? " user" : " kern",
		       pfec & PFERR_RSVD_MASK ? " AC" : "");
}

/* '.' allowed, '#' denied; where table and role differ: 'A' table allows, 'D' table denies. */
static const char *matrix_text(struct km_node *node, const struct km_perm_table *t, unsigned index)
{
	char cells[17] = "";
	bool judged = t->status == KM_TABLE_MATCHES || t->status == KM_TABLE_DIFFERS;
	unsigned combinations = t->words[index] >> 8 || t->inputs.format == KM_ACC_RWUX ? 16 : 8;

	for (unsigned acc = 0; acc < combinations; acc++) {
		bool denied = t->words[index] >> acc & 1;
		bool differs = judged && (t->expected[index] >> acc & 1) != denied;

		cells[acc] = differs ? (denied ? 'D' : 'A') : (denied ? '#' : '.');
	}
	return km_text(node, "%s", cells);
}

static struct km_value word_value(struct km_node *node, uint16_t word)
{
	return km_v_as(km_v_hex(word), km_text(node, "%04x", word));
}

/* @brief: people see the words only where they are not what the role implies. */
static void add_words(struct km_node *node, const struct km_perm_table *t,
		      enum km_acc_format format, bool brief)
{
	struct km_node *table = km_table(node, "words", NULL);
	bool judged = t->status == KM_TABLE_MATCHES || t->status == KM_TABLE_DIFFERS;

	km_column(table, "index", "[I]", true);
	km_column(table, "access", "ACCESS", false);
	km_column(table, "word", "TABLE", false);
	km_column(table, "expected", "ROLE", false);
	km_column(table, "matrix", format == KM_ACC_RWUX ? "ACC 0123456789abcdef" : "ACC 01234567",
		  false);
	km_column(table, "matches", "", false);
	if (!judged || (brief && t->status == KM_TABLE_MATCHES))
		km_machine_only(table);
	for (unsigned i = 0; i < KM_PERM_WORDS; i++) {
		struct km_node *row = km_row(table);
		bool same = t->words[i] == t->expected[i];

		km_cell(row, km_v_dec(i));
		km_cell(row, km_v_text(access_text(node, i)));
		km_cell(row, word_value(node, t->words[i]));
		km_cell(row, judged ? word_value(node, t->expected[i]) : km_v_none("-"));
		km_cell(row, km_v_text(km_text(node, "    %s", matrix_text(node, t, i))));
		km_cell(row, judged ? km_v_tone(km_v_as(km_v_bool(same), same ? "" : "! differs"),
						KM_TONE_ALARM)
				    : km_v_none(""));
	}
}

static void describe_table(struct km_node *list, const struct km_kernel *k, const struct km_vm *vm,
			   const struct km_vcpu *vcpu, const struct km_perm_table *t, bool brief)
{
	static const char *const statuses[] = {"matches",    "differs",	   "unused",
					       "paging-off", "unreadable", "no-verdict"};
	struct km_node *node =
		km_section(list, NULL,
			   km_text(list, "%u:%u %s.permissions (%s%s): %s", vm->number, vcpu->idx,
				   t->context, t->spte ? "SPTEs" : "guest PTEs",
				   t->ept ? ", EPT" : "", km_table_status_text(t->status)));

	if (t->status == KM_TABLE_DIFFERS)
		km_alarm(node);
	km_field(node, "vm", NULL, km_v_dec(vm->number));
	km_field(node, "vcpu", NULL, km_v_dec(vcpu->idx));
	km_field(node, "kvm_vcpu", NULL, km_v_hex(vcpu->addr));
	km_field(node, "context", NULL, km_v_text(t->context));
	km_field(node, "judges", NULL, km_v_text(t->spte ? "spte" : "guest-pte"));
	km_field(node, "address", NULL, km_v_hex(t->addr));
	km_field(node, "status", NULL, km_v_text(statuses[t->status]));
	if (t->status == KM_TABLE_MATCHES || t->status == KM_TABLE_DIFFERS) {
		struct km_node *in = km_compact(node, "inputs", "role:");

		if (brief && t->status == KM_TABLE_MATCHES)
			km_machine_only(in);

		km_field(in, "cr4_smep",
			 t->spte && k->features.tdp ? "cr4_smep (MBEC/GMET)" : "cr4_smep",
			 km_v_dec(t->inputs.cr4_smep));
		km_field(in, "cr4_smap", "cr4_smap", km_v_dec(t->inputs.cr4_smap));
		km_field(in, "cr0_wp", "cr0_wp", km_v_dec(t->inputs.cr0_wp));
		km_field(in, "efer_nx", "efer_nx", km_v_dec(t->inputs.efer_nx));
	}
	if (t->status != KM_TABLE_UNREADABLE && t->status != KM_TABLE_UNUSED)
		add_words(node, t, k->features.acc, brief);
	if (t->pkru_judged) {
		km_field(node, "pkru_mask", t->expected_pkru || t->pkru_mask ? "pkru_mask" : NULL,
			 km_v_hex(t->pkru_mask));
		km_field(node, "expected_pkru_mask",
			 t->pkru_mask != t->expected_pkru ? "role implies" : NULL,
			 km_v_hex(t->expected_pkru));
		if (t->pkru_mask != t->expected_pkru)
			km_finding(node, "pkru-mask-mismatch", KM_PROVEN,
				   "vCPU %u:%u: %s.pkru_mask differs from its role", vm->number,
				   vcpu->idx, t->context);
	}
	if (km_table_differences(t))
		km_finding(node, "perm-table-mismatch", KM_PROVEN,
			   "vCPU %u:%u: %s.permissions differs from its role in %u of 16 words%s",
			   vm->number, vcpu->idx, t->context, km_table_differences(t),
			   t->spte ? ": KVM misjudges faults on SPTEs (see \"fault\")"
				   : ": KVM misjudges guest page-table permissions");
}

static void add_legend(struct km_node *root, const struct km_kernel *k)
{
	km_note(root,
		"[I] is the error code >> 1; AC: the slot of RSVD, SMAP lifted (never asked about "
		"SPTEs). ACC bits: %s. '.' allowed, '#' denied, 'A' allowed and 'D' denied against "
		"the role.",
		k->features.acc == KM_ACC_RWUX
			? (k->masks.paging == KM_PAGING_EPT
				   ? "R=1 W=2 XU=4 XS=8 under EPT, else R=1 W=2 U=4 X=8"
				   : "R=1 W=2 U=4 X=8")
			: "X=1 W=2 U=4 (under EPT U means readable)");
}

static void perms_of_vcpu(struct km_command_context *ctx, struct km_node *list,
			  const struct km_vm *vm, const struct km_vcpu *vcpu, bool brief)
{
	struct km_vcpu_mmu all;

	km_vcpu_mmu_read(ctx->kernel, vcpu, &all);
	for (size_t i = 0; i < all.table_count; i++)
		describe_table(list, ctx->kernel, vm, vcpu, &all.tables[i], brief);
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
	list = km_list(ctx->root, "tables");
	for (size_t i = 0; i < ctx->vms.count; i++) {
		if (vm && vm != &ctx->vms.vms[i])
			continue;
		for (size_t j = 0; j < ctx->vms.vms[i].vcpu_count; j++) {
			if (!vcpu || vcpu == &ctx->vms.vms[i].vcpus[j])
				perms_of_vcpu(ctx, list, &ctx->vms.vms[i],
					      &ctx->vms.vms[i].vcpus[j], !vcpu);
		}
		if (!vcpu)
			km_describe_lost_vcpus(ctx->root, &ctx->vms.vms[i]);
	}
	if (!ctx->vms.count)
		km_note(ctx->root, "kvm is loaded, and there are no VMs");
	else
		add_legend(ctx->root, ctx->kernel);
	return NULL;
}
