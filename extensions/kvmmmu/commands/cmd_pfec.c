// SPDX-License-Identifier: GPL-2.0-or-later
/* kvmmmu error (pfec): error codes, exit qualifications and other numbers of an exit, decoded. */
#include "commands/command_context.h"
#include "kvm/svm.h"
#include "kvm/vmx.h"
#include "trace/numbers.h"

#include <inttypes.h>
#include <string.h>

#define VALUES 3

/* What was asked: one number, and what belongs to it. */
struct question {
	enum km_reading reading;
	const char *why;
	bool sure;
	const char *objection;	 /* why the number is not what --as says; NULL: it may be */
	enum km_reading refused; /* what --as says then */
	uint64_t values[VALUES];
	int count;
	bool has_generation; /* of KVM; else both */
	enum km_acc_format acc;
};

/* --- the question --- */

/* "ept", "ept:6.12", "svm"; "npt" and "shadow" are formats of SPTEs whose faults have PFERR codes.
 */
static km_error *parse_as_name(struct km_command_context *ctx, struct question *q)
{
	const char *as = ctx->options.as, *colon = strchr(as, ':');
	size_t len = colon ? (size_t)(colon - as) : strlen(as);
	char name[16] = "";
	struct km_spte_masks masks;

	q->why = "--as selects it";
	q->sure = true;
	if (len < sizeof(name))
		memcpy(name, as, len);
	if (!colon && km_reading_parse(name, &q->reading) && q->reading != KM_READ_EPT)
		return NULL;
	km_scoped_error *err = km_parse_format(as, &masks);
	if (err)
		return km_errorf(
			KM_EUSAGE,
			"\"%s\" is not one of pferr, ept, idt, svm, tdx, npt, shadow, or ept "
			"with a kernel version such as ept:6.12",
			as);
	q->reading = masks.paging == KM_PAGING_EPT ? KM_READ_EPT : KM_READ_PFERR;
	q->has_generation = colon;
	q->acc = masks.layout->acc;
	return NULL;
}

/* If a number cannot have the format that --as specifies, use the format that it has. */
static km_error *parse_as(struct km_command_context *ctx, struct question *q)
{
	km_error *err = parse_as_name(ctx, q);

	if (err)
		return err;
	q->objection = km_reading_objection(q->reading, q->values[0]);
	if (!q->objection)
		return NULL;
	q->refused = q->reading;
	q->reading = km_guess_reading(q->values[0], q->count, false, &q->why, &q->sure);
	return NULL;
}

static bool is_ept_host(const struct km_command_context *ctx)
{
	return ctx->kernel && ctx->kernel->features.spte_known &&
	       ctx->kernel->masks.paging == KM_PAGING_EPT;
}

static km_error *parse(struct km_command_context *ctx, struct question *q)
{
	km_error *err = NULL;

	for (q->count = 0; !err && q->count < ctx->argc; q->count++)
		err = km_parse_hex(ctx->argv[q->count], q->count ? "number" : "error code",
				   &q->values[q->count]);
	if (err)
		return err;
	if (ctx->options.as)
		return parse_as(ctx, q);
	q->reading = km_guess_reading(q->values[0], q->count, is_ept_host(ctx), &q->why, &q->sure);
	if (is_ept_host(ctx)) {
		q->has_generation = true;
		q->acc = ctx->kernel->masks.layout->acc;
	}
	return NULL;
}

/* --- parts of the answer --- */

static void describe_bits(struct km_node *root, const struct km_bit_name *names, size_t count,
			  uint64_t value)
{
	struct km_node *table = km_doc_table(root, "bits", NULL);
	uint64_t known = 0;

	km_doc_column(table, "name", "", false);
	km_doc_column(table, "mask", "", false);
	km_doc_column(table, "text", "", false);
	for (size_t i = 0; i < count; i++) {
		struct km_node *row;

		known |= names[i].mask;
		if (!(value & names[i].mask))
			continue;
		row = km_doc_row(table);
		km_doc_cell(row, "name", km_v_text(names[i].name));
		km_doc_cell(row, "mask", km_v_hex(names[i].mask));
		km_doc_cell(row, "text", km_v_text(names[i].text));
	}
	if (value & ~known)
		km_doc_note(root, "bits 0x%" PRIx64 " have no name", value & ~known);
}

static void describe_spelled(struct km_node *root, uint64_t value, const char *spelled)
{
	km_doc_field(root, "spelled", km_doc_text(root, "0x%" PRIx64, value),
		     km_v_text(km_doc_text(root, "%s", spelled)));
}

static uint64_t permissions_index(uint64_t error_code)
{
	return (error_code & (PFERR_WRITE_MASK | PFERR_USER_MASK | PFERR_FETCH_MASK)) >> 1;
}

static void describe_permissions_index(struct km_node *root, uint64_t error_code)
{
	uint64_t index = permissions_index(error_code);

	km_doc_field(root, "permissions_index", NULL, km_v_dec(index));
	km_doc_note(root, "spte_permission_fault() looks it up in permissions[%" PRIu64 "]", index);
}

static void describe_pferr(struct km_node *root, uint64_t value)
{
	size_t count;
	const struct km_bit_name *names = km_pferr_names(&count);
	char spelled[128];

	describe_spelled(root, value, km_pferr_spell(value, spelled, sizeof(spelled)));
	describe_bits(root, names, count, value);
	describe_permissions_index(root, value);
	if (value & PFERR_GUEST_RMP_MASK)
		km_doc_note(root, "the RMP (SEV-SNP) denied the access, not the page tables%s",
			    value & PFERR_GUEST_VMPL_MASK
				    ? ": this VMPL has no right to the page (RMPADJUST)"
				    : "");
}

static void describe_error_code(struct km_node *table, const struct question *q,
				const char *kernels, enum km_acc_format acc)
{
	uint64_t code = km_ept_violation_error_code(acc, false, q->values[0]);
	struct km_node *row = km_doc_row(table);
	char spelled[128];

	km_doc_cell(row, "kernels", km_v_text(kernels));
	km_doc_cell(row, "value", km_v_hex(code));
	km_doc_cell(row, "spelled",
		    km_v_text(km_doc_text(table, "%s",
					  km_pferr_spell(code, spelled, sizeof(spelled)))));
}

/* Bits 5:3 are the AND of all entries that the processor met: against one that is there now. */
static void compare_spte(struct km_node *root, uint64_t qualification, uint64_t spte)
{
	struct km_node *node = km_doc_compact(root, "spte", "SPTE compared with bits 5:3:");
	char met[4], now[4];

	km_ept_qualification_rights(qualification, met, sizeof(met));
	km_ept_qualification_rights((spte & 7) << 3, now, sizeof(now));
	km_doc_field(node, "value", "SPTE", km_v_hex(spte));
	km_doc_field(node, "rights", "allows", km_v_text(km_doc_text(node, "%s", now)));
	km_doc_field(node, "met", "the processor found", km_v_text(km_doc_text(node, "%s", met)));
	km_doc_field(node, "same", NULL, km_v_bool(!strcmp(met, now)));
	if (!strcmp(met, now))
		km_doc_note(root, "the processor found the permissions that this SPTE has");
	else if (!(~(spte << 3) & qualification & 0x38))
		km_doc_note(root, "the SPTE allows more than the processor found: the SPTE has "
				  "changed since, an entry above it denies the access, or the "
				  "processor used a different table or a stale TLB");
	else
		km_doc_note(root, "the processor found permissions that this SPTE does not have: "
				  "the SPTE has changed since");
}

static void describe_ept(struct km_node *root, const struct question *q)
{
	size_t count;
	const struct km_bit_name *names = km_ept_qualification_names(&count);
	char spelled[256];
	struct km_node *table;

	describe_spelled(root, q->values[0],
			 km_ept_qualification_spell(q->values[0], spelled, sizeof(spelled)));
	describe_bits(root, names, count, q->values[0]);
	table = km_doc_table(root, "error_codes", "KVM converts it to this error code:");
	km_doc_column(table, "kernels", "", false);
	km_doc_column(table, "value", "", false);
	km_doc_column(table, "spelled", "", false);
	if (!q->has_generation || q->acc == KM_ACC_UWX)
		describe_error_code(table, q, "before 7.2", KM_ACC_UWX);
	if (!q->has_generation || q->acc == KM_ACC_RWUX)
		describe_error_code(table, q, "7.2 and later", KM_ACC_RWUX);
	km_doc_field(root, "permissions_index", NULL,
		     km_v_dec(permissions_index(km_ept_violation_error_code(
			     q->has_generation ? q->acc : KM_ACC_RWUX, false, q->values[0]))));
	if (q->count > 1)
		compare_spte(root, q->values[0], q->values[1]);
}

static void describe_idt(struct km_node *root, uint64_t value)
{
	char spelled[128];

	describe_spelled(root, value, km_vectoring_spell(value, spelled, sizeof(spelled)));
	km_doc_field(root, "vector", NULL, km_v_dec(value & 0xff));
	km_doc_field(root, "type", NULL, km_v_dec((value >> 8) & 7));
	km_doc_field(root, "has_error_code", NULL, km_v_bool(value & KM_BIT(11)));
	km_doc_field(root, "valid", NULL, km_v_bool(value & KM_BIT(31)));
	km_doc_note(root,
		    "IDT-vectoring info (EXITINTINFO on AMD): this event was being delivered when "
		    "the exit occurred; VM-exit interruption info: this event caused the exit");
}

static void describe_svm(struct km_node *root, const struct question *q)
{
	const char *name = km_svm_exit_name(q->values[0]);
	struct km_node *code;
	bool fault = q->values[0] == SVM_EXIT_NPF || q->values[0] == SVM_EXIT_PF;

	describe_spelled(root, q->values[0], name ? name : "no name for this code");
	if (q->count < 2)
		return;
	km_doc_field(root, "info1", "EXITINFO1", km_v_hex(q->values[1]));
	if (q->count > 2)
		km_doc_field(root, "info2", "EXITINFO2", km_v_hex(q->values[2]));
	if (!fault)
		return;
	if (q->count > 2)
		km_doc_note(root, "EXITINFO2 is the %s 0x%" PRIx64,
			    q->values[0] == SVM_EXIT_NPF ? "GPA" : "address (CR2)", q->values[2]);
	code = km_doc_section(root, "error_code", "EXITINFO1 is the error code:");
	describe_pferr(code, q->values[1]);
}

static void describe_tdx(struct km_node *root, uint64_t value)
{
	const char *name = km_tdx_status_name(value), *operand = km_tdx_operand_name(value);
	uint64_t low = value & 0xffffffff;

	describe_spelled(root, value, name ? name : "a status that kvmmmu has no name for");
	km_doc_field(root, "error", NULL, km_v_bool(value >> 63));
	km_doc_field(root, "recoverable", NULL, km_v_bool(!(value >> 62 & 1)));
	km_doc_field(root, "detail", "lower half", km_v_hex(low));
	km_doc_note(root,
		    "bit 63: error; bit 62: not recoverable; the lower half is the operand%s%s, or "
		    "after TDH.VP.ENTER the VMX exit reason%s%s",
		    operand ? " " : "", operand ? operand : "",
		    km_vmx_exit_name(low & 0xffff) ? " " : "",
		    km_vmx_exit_name(low & 0xffff) ? km_vmx_exit_name(low & 0xffff) : "");
}

static void describe_reading(struct km_node *root, const struct question *q)
{
	static const char *const titles[KM_READINGS] = {
		[KM_READ_PFERR] = "a page-fault error code (PFERR_*)",
		[KM_READ_EPT] = "an exit qualification of an EPT violation",
		[KM_READ_IDT] = "IDT-vectoring or interruption info",
		[KM_READ_SVM] = "an SVM exit code",
		[KM_READ_TDX] = "a TDX status",
	};

	km_doc_field(root, "value", NULL, km_v_hex(q->values[0]));
	if (q->objection) {
		km_doc_field(root, "not", NULL, km_v_text(km_reading_name(q->refused)));
		km_doc_field(root, "why_not", NULL, km_v_text(q->objection));
		km_doc_note(root, "--as asks for %s; 0x%" PRIx64 " is not one: %s",
			    titles[q->refused], q->values[0], q->objection);
	}
	km_doc_field(root, "reading", NULL, km_v_text(km_reading_name(q->reading)));
	km_doc_field(root, "why", NULL, km_v_text(q->why));
	km_doc_field(root, "sure", NULL, km_v_bool(q->sure));
	km_doc_note(root, "read as %s: %s%s", titles[q->reading], q->why,
		    q->sure ? "" : " (--as overrides this)");
}

km_error *km_command_pfec(struct km_command_context *ctx)
{
	struct question q = {0};
	km_error *err = parse(ctx, &q);

	if (err)
		return err;
	if (q.count > 1 && q.reading != KM_READ_SVM && q.reading != KM_READ_EPT)
		return km_errorf(KM_EUSAGE,
				 "more than one number: an SVM exit code with EXITINFO1 and "
				 "EXITINFO2, or an exit qualification and an SPTE");
	describe_reading(ctx->root, &q);
	switch (q.reading) {
	case KM_READ_EPT:
		describe_ept(ctx->root, &q);
		break;
	case KM_READ_IDT:
		describe_idt(ctx->root, q.values[0]);
		break;
	case KM_READ_SVM:
		describe_svm(ctx->root, &q);
		break;
	case KM_READ_TDX:
		describe_tdx(ctx->root, q.values[0]);
		break;
	default:
		describe_pferr(ctx->root, q.values[0]);
	}
	return NULL;
}

/* The name that says what it decodes. */
km_error *km_command_error(struct km_command_context *ctx)
{
	return km_command_pfec(ctx);
}
