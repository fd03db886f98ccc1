// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kvmmmu error (pfec): error codes, exit qualifications and other numbers of an exit, decoded; also
 * several at once, with the names that a log or a trace gives them.
 */
#include "commands/command_context.h"
#include "kvm/svm.h"
#include "kvm/vmx.h"
#include "trace/number_words.h"

#include <inttypes.h>
#include <string.h>

#define VALUES	     3
#define SVM_EXITS    0x400	/* from here on, it is an AMD exit code, not a VMX exit reason */
#define ENTRY_FAILED KM_BIT(31) /* in an exit reason */

/* What was asked: one number, and what belongs to it. */
struct question {
	enum km_reading reading;
	const char *why;
	bool sure;
	const char *objection;	 /* why the number cannot be what --as specifies; NULL: it can */
	enum km_reading refused; /* what --as specifies in that case */
	uint64_t values[VALUES];
	int count;
	bool has_generation; /* of KVM; else both */
	enum km_acc_format acc;
	const char *name; /* that the number was given with; NULL */
	bool decimal;
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
			"\"%s\" is not one of pferr, ept, idt, svm, vmx, tdx, npt, shadow, or ept "
			"with a kernel version such as ept:6.12",
			as);
	q->reading = masks.paging == KM_PAGING_EPT ? KM_READ_EPT : KM_READ_PFERR;
	q->has_generation = colon;
	q->acc = masks.layout->acc;
	return NULL;
}

/* If a number cannot have the format that was asked for, use the format that it has. */
static void use_what_it_is(struct question *q)
{
	q->objection = km_reading_objection(q->reading, q->values[0]);
	if (!q->objection)
		return;
	q->refused = q->reading;
	q->reading = km_guess_reading(q->values[0], q->count, false, &q->why, &q->sure);
}

static bool is_ept_host(const struct km_command_context *ctx)
{
	return ctx->kernel && ctx->kernel->features.spte_known &&
	       ctx->kernel->masks.paging == KM_PAGING_EPT;
}

/* Choose the interpretation of numbers without names: by --as, else by their bits. */
static km_error *choose(struct km_command_context *ctx, struct question *q)
{
	km_error *err;

	if (ctx->options.as) {
		err = parse_as_name(ctx, q);
		if (!err)
			use_what_it_is(q);
		return err;
	}
	q->reading = km_guess_reading(q->values[0], q->count, is_ept_host(ctx), &q->why, &q->sure);
	if (is_ept_host(ctx)) {
		q->has_generation = true;
		q->acc = ctx->kernel->masks.layout->acc;
	}
	return NULL;
}

/* All words of the command, as one text. */
static km_error *read_words(struct km_command_context *ctx, struct km_number_words *numbers)
{
	const char *text = "", *unknown;
	size_t len;

	for (int i = 0; i < ctx->argc; i++)
		text = km_doc_text(ctx->root, "%s%s%s", text, i ? " " : "", ctx->argv[i]);
	unknown = km_number_words_read(text, numbers, &len);
	if (unknown || !numbers->count)
		return km_errorf(KM_EUSAGE,
				 "\"%.*s\" is neither a 64-bit number nor a name with a number, "
				 "such as exit_qualification=0x184",
				 (int)(unknown ? len : strlen(text)), unknown ? unknown : text);
	if (numbers->count == KM_NUMBER_WORDS)
		return km_errorf(KM_EUSAGE, "more than %d numbers", KM_NUMBER_WORDS - 1);
	return NULL;
}

/* Two or three numbers without names belong together. */
static km_error *ask_unnamed(struct km_command_context *ctx, const struct km_number_words *numbers,
			     struct question *q)
{
	km_error *err;

	if (numbers->count > VALUES)
		return km_errorf(KM_EUSAGE, "%zu numbers without names; give at most %d",
				 numbers->count, VALUES);
	for (q->count = 0; q->count < (int)numbers->count; q->count++)
		q->values[q->count] = numbers->words[q->count].value;
	q->decimal = numbers->words[0].decimal;
	err = choose(ctx, q);
	if (!err && q->count > 1 && q->reading != KM_READ_SVM && q->reading != KM_READ_EPT)
		err = km_errorf(KM_EUSAGE,
				"more than one number: an SVM exit code with EXITINFO1 and "
				"EXITINFO2, or an exit qualification and an SPTE; or give each a "
				"name, such as exit_qualification=0x184");
	return err;
}

/* --- numbers with names --- */

static void by_name(struct question *q, enum km_reading reading)
{
	q->reading = reading;
	q->why = "its name specifies this";
	q->sure = true;
	use_what_it_is(q);
}

static bool is_amd_value(uint64_t value)
{
	return value >> 32 || (value & ~EPT_VIOLATION_BITS && !km_is_interruption_info(value));
}

/* EXITINFO1 of an NPF, or an exit qualification. */
static void ask_info1(const struct km_number_words *numbers, struct question *q)
{
	if (numbers->amd || (!numbers->intel && is_amd_value(q->values[0])))
		by_name(q, KM_READ_PFERR);
	else if (numbers->intel)
		by_name(q, KM_READ_EPT);
	else
		q->reading = km_guess_reading(q->values[0], 1, false, &q->why, &q->sure);
}

/* Is the first "info" of these numbers an AMD error code? */
static bool has_amd_info1(const struct km_number_words *numbers)
{
	for (size_t i = 0; i < numbers->count; i++) {
		if (numbers->words[i].is == KM_NUMBER_INFO1)
			return is_amd_value(numbers->words[i].value);
	}
	return false;
}

/* False if it is not a number that is decoded here. */
static bool ask_named(struct km_command_context *ctx, const struct km_number_words *numbers,
		      const struct km_number_word *word, struct question *q)
{
	bool intel_vectoring = numbers->intel || km_is_interruption_info(word->value) ||
			       (!word->value && !has_amd_info1(numbers));

	*q = (struct question){
		.count = 1, .values = {word->value}, .name = word->name, .decimal = word->decimal};
	switch (word->is) {
	case KM_NUMBER_QUALIFICATION:
		by_name(q, KM_READ_EPT);
		return true;
	case KM_NUMBER_VECTORING:
		by_name(q, KM_READ_IDT);
		return true;
	case KM_NUMBER_INFO1:
		ask_info1(numbers, q);
		return true;
	case KM_NUMBER_INFO2:
		/* AMD's is an address */
		if (numbers->amd || !intel_vectoring)
			return false;
		by_name(q, KM_READ_IDT);
		return true;
	case KM_NUMBER_EXIT_CODE:
		by_name(q, KM_READ_SVM);
		return true;
	case KM_NUMBER_EXIT_REASON:
		by_name(q, word->value & ~ENTRY_FAILED && word->value < SVM_EXITS ? KM_READ_VMX
										  : KM_READ_SVM);
		if (word->value & ENTRY_FAILED)
			q->reading = KM_READ_VMX;
		return true;
	case KM_NUMBER_TDX:
		by_name(q, KM_READ_TDX);
		return true;
	case KM_NUMBER_OTHER:
		/* "SEAMCALL TDH_MEM_PAGE_AUG failed: 0x..." */
		if (!(word->value >> 62) || !km_tdx_status_name(word->value))
			return false;
		q->reading = km_guess_reading(word->value, 1, false, &q->why, &q->sure);
		return true;
	case KM_NUMBER_SPTE:
	case KM_NUMBER_ADDRESS:
		return false;
	case KM_NUMBER_ERROR_CODE:
	case KM_NUMBER_UNNAMED:
		break;
	}
	/* of an exit that has the other numbers, it is that of an event: 0 if there is none */
	if (!word->value && numbers->count > 1)
		return false;
	q->reading = numbers->amd
			     ? KM_READ_PFERR
			     : km_guess_reading(word->value, 1, numbers->intel || is_ept_host(ctx),
						&q->why, &q->sure);
	if (numbers->amd)
		by_name(q, KM_READ_PFERR);
	return true;
}

/* A qualification and an SPTE are compared. */
static void add_spte(const struct km_number_words *numbers, struct question *q)
{
	for (size_t i = 0; i < numbers->count && q->reading == KM_READ_EPT && q->count == 1; i++) {
		if (numbers->words[i].is == KM_NUMBER_SPTE)
			q->values[q->count++] = numbers->words[i].value;
	}
}

/* --- parts of the answer --- */

#define MOST_UNKNOWN 3 /* bits that newer processors may have defined */

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
		km_doc_note(root, "bits 0x%" PRIx64 " have no name%s", value & ~known,
			    __builtin_popcountll(value & ~known) > MOST_UNKNOWN
				    ? ": perhaps it is not such a number; \"spte\" decodes SPTEs"
				    : "");
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

/*
 * Compare bits 5:3, which are the AND of all entries that the processor used, with an entry as it
 * is now.
 */
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

/*
 * Numbers are hexadecimal; tools print exit reasons in decimal, too. If @value has no name, but its
 * digits have one as a decimal number, tell. @name_of: km_svm_exit_name(), km_vmx_exit_name().
 */
static void note_decimal(struct km_node *root, uint64_t value,
			 const char *(*name_of)(uint64_t code))
{
	char digits[24];
	const char *name;
	uint64_t decimal;

	snprintf(digits, sizeof(digits), "%" PRIx64, value);
	if (!km_parse_decimal(digits, &decimal))
		return;
	name = name_of(decimal);
	if (name)
		km_doc_note(root, "as a decimal number, %s is 0x%" PRIx64 ": %s", digits, decimal,
			    name);
}

static void describe_svm(struct km_node *root, const struct question *q)
{
	const char *name = km_svm_exit_name(q->values[0]);
	struct km_node *code;
	bool fault = q->values[0] == SVM_EXIT_NPF || q->values[0] == SVM_EXIT_PF;

	describe_spelled(root, q->values[0], name ? name : "no name for this code");
	if (!name)
		note_decimal(root, q->values[0], km_svm_exit_name);
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

static void describe_vmx(struct km_node *root, uint64_t value)
{
	const char *name = km_vmx_exit_name(value & 0xffff);

	describe_spelled(root, value, name ? name : "no name for this reason");
	if (!name)
		note_decimal(root, value, km_vmx_exit_name);
	if (value & ENTRY_FAILED)
		km_doc_note(root, "bit 31: the VM entry failed");
}

static void describe_tdx(struct km_node *root, uint64_t value)
{
	const char *name = km_tdx_status_name(value), *operand = km_tdx_operand_name(value);
	uint64_t low = value & 0xffffffff;

	describe_spelled(root, value, name ? name : "a status that kvmmmu does not know");
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
		[KM_READ_VMX] = "a VMX exit reason",
		[KM_READ_TDX] = "a TDX status",
	};

	km_doc_field(root, "value", NULL, km_v_hex(q->values[0]));
	km_doc_field(root, "name", NULL, q->name && *q->name ? km_v_text(q->name) : km_v_none("-"));
	km_doc_field(root, "decimal", NULL, km_v_bool(q->decimal));
	if (q->decimal)
		km_doc_note(root,
			    "%" PRIu64 " is read as a decimal number, 0x%" PRIx64
			    ": in hexadecimal, it is not a possible value",
			    q->values[0], q->values[0]);
	if (q->objection) {
		km_doc_field(root, "not", NULL, km_v_text(km_reading_name(q->refused)));
		km_doc_field(root, "why_not", NULL, km_v_text(q->objection));
		km_doc_note(root, "%s asks for %s; 0x%" PRIx64 " is not one: %s",
			    q->name ? "the name" : "--as", titles[q->refused], q->values[0],
			    q->objection);
	}
	km_doc_field(root, "reading", NULL, km_v_text(km_reading_name(q->reading)));
	km_doc_field(root, "why", NULL, km_v_text(q->why));
	km_doc_field(root, "sure", NULL, km_v_bool(q->sure));
	km_doc_note(root, "read as %s: %s%s", titles[q->reading], q->why,
		    q->sure || q->name ? "" : " (--as overrides this)");
}

static void describe(struct km_node *root, const struct question *q)
{
	describe_reading(root, q);
	switch (q->reading) {
	case KM_READ_EPT:
		describe_ept(root, q);
		break;
	case KM_READ_IDT:
		describe_idt(root, q->values[0]);
		break;
	case KM_READ_SVM:
		describe_svm(root, q);
		break;
	case KM_READ_VMX:
		describe_vmx(root, q->values[0]);
		break;
	case KM_READ_TDX:
		describe_tdx(root, q->values[0]);
		break;
	default:
		describe_pferr(root, q->values[0]);
	}
}

/* The first number at the top of the answer, the others below it. */
static km_error *answer_named(struct km_command_context *ctx, struct km_number_words *numbers)
{
	struct km_node *list = NULL;
	bool any = false;

	if (ctx->options.as)
		return km_errorf(KM_EUSAGE,
				 "--as applies only to numbers without names: \"%s\" has a name",
				 numbers->words[0].name);
	for (size_t i = 0; i < numbers->count; i++) {
		struct km_node *node = ctx->root;
		struct question q;

		if (!ask_named(ctx, numbers, &numbers->words[i], &q))
			continue;
		add_spte(numbers, &q);
		q.name = km_doc_text(ctx->root, "%s", q.name);
		if (any && !list)
			list = km_doc_list(ctx->root, "others");
		if (any)
			node = km_doc_section(
				list, "number",
				km_doc_text(list, "%s 0x%" PRIx64 ":", q.name, q.values[0]));
		describe(node, &q);
		any = true;
	}
	if (!any)
		return km_errorf(KM_EUSAGE, "this command decodes none of these numbers");
	return NULL;
}

km_error *km_command_pfec(struct km_command_context *ctx)
{
	struct km_number_words numbers;
	struct question q = {0};
	km_error *err = read_words(ctx, &numbers);

	if (err)
		return err;
	if (numbers.named)
		return answer_named(ctx, &numbers);
	err = ask_unnamed(ctx, &numbers, &q);
	if (!err)
		describe(ctx->root, &q);
	return err;
}

/* The name that describes what it decodes. */
km_error *km_command_error(struct km_command_context *ctx)
{
	return km_command_pfec(ctx);
}
