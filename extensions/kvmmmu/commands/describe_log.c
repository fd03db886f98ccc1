// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/describe_trace.h"

#include "kvm/vmx.h"
#include "rules/exits.h"
#include "rules/spte_check.h"
#include "trace/numbers.h"

#include <inttypes.h>
#include <string.h>

#define PAGE_SHIFT   12
#define ENTRY_FAILED KM_BIT(31) /* in an exit reason */
#define ADDRESS_BITS ((uint64_t)((KM_BIT(52) - 1) & ~(KM_BIT(12) - 1)))
#define NX	     KM_BIT(63)
#define GFN_LOW	     0xffffffULL      /* of a GFN: what an MMIO SPTE always keeps in place */
#define SEXT_U32     (0x1ffULL << 43) /* bits 51:43 of a sign-extended 32-bit page frame number */

/* --- the format of an entry's SPTEs --- */

struct format {
	unsigned fits; /* 1 << KM_FIT_* that no SPTE of the entry excludes */
	enum km_paging paging;
};

static bool is_leaf(const struct km_log_spte *s)
{
	return s->level <= PG_LEVEL_4K || (s->value & KM_BIT(7));
}

/* Address bits that a page of this size does not have. */
static uint64_t below_size(const struct km_log_spte *s)
{
	return s->level > PG_LEVEL_4K ? (KM_BIT(12 + 9 * (s->level - 1)) - 1) & ADDRESS_BITS : 0;
}

/*
 * An MMIO SPTE, which keeps the GFN of the access: with NPT or shadow paging reserved bits up to 51
 * mark it, with EPT W and X without R.
 */
static bool is_mmio_of(const struct km_log_entry *entry, const struct km_log_spte *s)
{
	uint64_t gfn = s->value >> PAGE_SHIFT;
	bool x86 = (s->value & 1) && (s->value & KM_BIT(51)), ept = (s->value & 7) == 6;

	return entry->has_address && s->level == PG_LEVEL_4K && (x86 || ept) &&
	       !((gfn ^ entry->address >> PAGE_SHIFT) & GFN_LOW);
}

/* Is it an MMIO SPTE of a kernel before 5.12? Bits 53:52 mark such SPTEs. */
static bool is_old_mmio(const struct format *format, const struct km_log_spte *s)
{
	unsigned old = 1u << KM_FIT_EPT_5_10 | 1u << KM_FIT_NPT_5_10 | 1u << KM_FIT_EPT_4_18 |
		       1u << KM_FIT_NPT_4_18;

	return s->level == PG_LEVEL_4K && (s->value >> 52 & 3) == 3 && !(format->fits & ~old);
}

/* Fits of those SPTEs that are whole: tables first, then leaves without anything reserved. */
static unsigned fits_of(const struct km_log_entry *entry, bool tables)
{
	unsigned fits = KM_FIT_ALL;

	for (size_t i = 0; i < entry->spte_count; i++) {
		const struct km_log_spte *s = &entry->sptes[i];
		unsigned these = km_fit_formats(s->value, s->level);

		if (tables != !is_leaf(s) || is_mmio_of(entry, s))
			continue;
		fits = fits & these ? fits & these : fits;
	}
	return fits;
}

static struct format format_of(const struct km_log_entry *entry)
{
	struct format format = {.fits = fits_of(entry, true)};
	unsigned leaves = fits_of(entry, false), ept = 0;

	if (format.fits & leaves)
		format.fits &= leaves;
	for (int fit = 0; fit < KM_FITS; fit++) {
		if (km_fit_format((enum km_fit)fit)->paging == KM_PAGING_EPT)
			ept |= 1u << fit;
	}
	format.paging = format.fits & ept && !(format.fits & ~ept) ? KM_PAGING_EPT : KM_PAGING_NPT;
	if (strstr(entry->text, "ept_misconfig") || strstr(entry->text, "EPT:"))
		format.paging = KM_PAGING_EPT;
	return format;
}

static const char *fits_text(struct km_node *node, unsigned fits)
{
	const char *text = "";

	if (fits == KM_FIT_ALL)
		return "any";
	for (int fit = 0; fit < KM_FITS; fit++) {
		const struct km_fit_format *f = km_fit_format((enum km_fit)fit);

		if (fits & 1u << fit)
			text = km_doc_text(node, "%s%s%s (KVM %s)", text, *text ? ", " : "",
					   f->name, f->kernels);
	}
	return *text ? text : "none";
}

/* The first SPTE of the entry that is not of this format, and why; NULL: all may be. */
static const struct km_log_spte *excluding(const struct km_log_entry *entry, enum km_fit fit,
					   char *why, size_t size)
{
	for (size_t i = 0; i < entry->spte_count; i++) {
		const struct km_log_spte *s = &entry->sptes[i];

		if (!is_mmio_of(entry, s) && !km_fit_fits(fit, s->value, s->level, why, size))
			return s;
	}
	return NULL;
}

/* "SPTE 0x... excludes ept:5.10, ept:7.2: that KVM never sets bit 57; ..." */
static const char *excluded_text(struct km_node *node, const struct km_log_entry *entry,
				 unsigned fits)
{
	const char *text = "";
	unsigned told = fits;

	for (int fit = 0; fit < KM_FITS; fit++) {
		char why[160], other[160];
		const struct km_log_spte *by = excluding(entry, (enum km_fit)fit, why, sizeof(why));
		const char *names = "";

		if (told & 1u << fit || !by)
			continue;
		for (int same = fit; same < KM_FITS; same++) {
			if (told & 1u << same ||
			    excluding(entry, (enum km_fit)same, other, sizeof(other)) != by ||
			    strcmp(why, other))
				continue;
			told |= 1u << same;
			names = km_doc_text(node, "%s%s%s", names, *names ? ", " : "",
					    km_fit_format((enum km_fit)same)->name);
		}
		text = km_doc_text(node, "%s%sSPTE 0x%" PRIx64 " rules out %s: that KVM %s", text,
				   *text ? "; " : "", by->value, names, why);
	}
	return text;
}

/* --- one SPTE --- */

static const char *memory_type(uint64_t spte)
{
	static const char *const types[8] = {"UC", "WC", "type 2", "type 3",
					     "WT", "WP", "WB",	   "type 7"};

	return types[(spte >> 3) & 7];
}

static const char *size_name(int level)
{
	static const char *const names[] = {"?", "4K", "2M", "1G", "512G", "256T"};

	return names[level];
}

/* Bits that mean the same in all generations. */
static const char *plain_text(struct km_node *node, const struct format *format,
			      const struct km_log_entry *entry, const struct km_log_spte *s)
{
	uint64_t v = s->value;
	bool ept = format->paging == KM_PAGING_EPT, leaf = is_leaf(s);
	const char *what = leaf ? km_doc_text(node, "leaf %s pfn 0x%" PRIx64, size_name(s->level),
					      (uint64_t)(v & ADDRESS_BITS) >> PAGE_SHIFT)
				: "table";

	if (is_mmio_of(entry, s))
		return "MMIO SPTE: it contains the GFN of the access";
	if (is_old_mmio(format, s))
		return "MMIO SPTE: bits 53:52 are 3";
	if (ept && (v & 7) == 6 && leaf)
		return "MMIO SPTE, or W and X without R";
	if (!km_fit_is_mapped(v))
		return (v & ~NX) == 0 ? "empty" : "not present";
	if (ept)
		return km_doc_text(node, "%s %c%c%c%s%s%s%s%s", what, v & 1 ? 'r' : '-',
				   v & 2 ? 'w' : '-', v & 4 ? 'x' : '-', v & KM_BIT(8) ? " A" : "",
				   leaf && v & KM_BIT(9) ? " D" : "", leaf ? " " : "",
				   leaf ? memory_type(v) : "",
				   leaf && v & KM_BIT(6) ? " ignore-PAT" : "");
	return km_doc_text(node, "%s %c%c%c%c%s%s", what, v & 1 ? 'r' : '-', v & 2 ? 'w' : '-',
			   v & NX ? '-' : 'x', v & 4 ? 'u' : '-', v & KM_BIT(5) ? " A" : "",
			   leaf && v & KM_BIT(6) ? " D" : "");
}

static const char *bits_text(struct km_node *node, uint64_t bits, enum km_paging paging, int level)
{
	char text[200] = "";

	km_fit_bits_text(bits, paging, level, text, sizeof(text));
	return km_doc_text(node, "%s", text);
}

/* What the reserved address bits that are set mean. */
static const char *address_text(const struct km_log_spte *s)
{
	if ((s->value & SEXT_U32) == SEXT_U32)
		return "; no host has memory at this address: the page frame number is a "
		       "sign-extended 32-bit number";
	if (s->value & s->rsvd & ADDRESS_BITS & ~below_size(s))
		return "; the host has no memory above its physical address width";
	return "; the address is not a multiple of the page's size";
}

/* What the reserved bits that are set mean. */
static const char *reserved_text(struct km_node *node, const struct format *format,
				 const struct km_log_entry *entry, const struct km_log_spte *s)
{
	uint64_t set = s->value & s->rsvd;
	const char *text;

	if (!set)
		return "none of the reserved bits that KVM printed is set";
	text = km_doc_text(node, "SPTE & rsvd bits = 0x%" PRIx64 ": reserved bits set: %s", set,
			   bits_text(node, set, format->paging, s->level));
	if (is_mmio_of(entry, s))
		return km_doc_text(node, "%s; MMIO SPTEs have these bits set on purpose", text);
	if (set & NX && format->paging != KM_PAGING_EPT)
		text = km_doc_text(
			node,
			"%s; NX is not reserved for this host: KVM's own mask was wrong, fixed by "
			"6c6ab524cfae (\"KVM: x86/mmu: Treat NX as a valid SPTE bit for NPT\", "
			"2022)",
			text);
	return is_leaf(s) && set & ADDRESS_BITS ? km_doc_text(node, "%s%s", text, address_text(s))
						: text;
}

/* Legal or not, and why. */
static const char *legality(struct km_node *node, const struct format *format,
			    const struct km_log_entry *entry, const struct km_log_spte *s,
			    bool *legal)
{
	struct km_spte_masks masks;
	char why[160];

	*legal = false;
	if (s->has_rsvd) {
		*legal = !(s->value & s->rsvd);
		return reserved_text(node, format, entry, s);
	}
	if (is_mmio_of(entry, s)) {
		if (s->value & KM_BIT(11) && s->value & 1)
			return "bit 11, which is a bit of the MMIO generation in this SPTE, was "
			       "mistaken for the MMU-present bit: the fault is an MMIO access";
		return "reserved bits are set on purpose: the fault is an MMIO access";
	}
	if (is_old_mmio(format, s))
		return "an MMIO SPTE, as kernels before 5.12 mark it: reserved bits are set on "
		       "purpose, and this entry is not the reason for the message";
	masks = km_spte_default_masks(format->paging, KM_SPTE_6_1);
	if (km_spte_is_illegal(&masks, NULL, s->value, s->level, why, sizeof(why)))
		return km_doc_text(node, "illegal: %s", why);
	if (s->value & ADDRESS_BITS && (s->value & SEXT_U32) == SEXT_U32)
		return "address bits 51:43 are all set: no host has memory at this address";
	if (format->paging != KM_PAGING_EPT && !is_leaf(s) && s->value && !(s->value & 1))
		return "P is clear: KVM does not create such a table entry, so this is not one";
	*legal = true;
	return "legal";
}

static void describe_spte(struct km_node *table, const struct format *format,
			  const struct km_log_entry *entry, const struct km_log_spte *s)
{
	struct km_node *row = km_doc_row(table);
	bool legal;
	const char *why = legality(table, format, entry, s, &legal);

	km_doc_cell(row, "what", km_v_text(s->what));
	km_doc_cell(row, "level", s->level ? km_v_dec((uint64_t)s->level) : km_v_none("?"));
	km_doc_cell(row, "value", km_v_hex(s->value));
	km_doc_cell(row, "text", km_v_text(plain_text(table, format, entry, s)));
	km_doc_cell(row, "rsvd", s->has_rsvd ? km_v_hex(s->rsvd) : km_v_none("-"));
	km_doc_cell(row, "rsvd_set", s->has_rsvd ? km_v_hex(s->value & s->rsvd) : km_v_none("-"));
	km_doc_cell(row, "legal", km_v_bool(legal));
	km_doc_cell(row, "why", km_v_text(why));
}

/* Note it if no SPTE shows the reason of the message. */
static void note_all_legal(struct km_node *node, const struct km_log_entry *entry,
			   const struct format *format)
{
	unsigned levels = 0;
	bool legal = true;

	for (size_t i = 0; i < entry->spte_count && legal; i++) {
		legality(node, format, entry, &entry->sptes[i], &legal);
		levels |= 1u << entry->sptes[i].level;
	}
	if (!legal || entry->kind != KM_LOG_HIERARCHY)
		return;
	km_doc_note(node,
		    "all entries shown are legal: the entry that the processor found has changed "
		    "since%s",
		    (levels & 0x1e) == 0x1e ? "" : ", or is one of the levels that are not shown");
}

static void describe_sptes(struct km_node *node, const struct km_log_entry *entry)
{
	struct format format = format_of(entry);
	struct km_node *table = km_doc_table(node, "sptes", NULL);
	const char *excluded = excluded_text(node, entry, format.fits);

	km_doc_column(table, "what", NULL, false);
	km_doc_column(table, "level", "LEVEL", true);
	km_doc_column(table, "value", "SPTE", false);
	km_doc_column(table, "text", "IS", false);
	km_doc_column(table, "rsvd", NULL, false);
	km_doc_column(table, "rsvd_set", NULL, false);
	km_doc_column(table, "legal", NULL, false);
	km_doc_column(table, "why", NULL, false);
	for (size_t i = 0; i < entry->spte_count; i++)
		describe_spte(table, &format, entry, &entry->sptes[i]);
	for (size_t i = 0; i < entry->spte_count; i++) {
		const struct km_log_spte *s = &entry->sptes[i];
		bool legal;

		km_doc_note(node, "%s0x%" PRIx64 ": %s",
			    s->level ? km_doc_text(node, "level %d, ", s->level) : "", s->value,
			    legality(node, &format, entry, s, &legal));
	}
	note_all_legal(node, entry, &format);
	km_doc_field(node, "fits", NULL, km_v_text(fits_text(node, format.fits)));
	km_doc_field(node, "excluded", NULL, km_v_text(excluded));
	if (format.fits != KM_FIT_ALL)
		km_doc_note(node, "format: %s%s%s", fits_text(node, format.fits),
			    *excluded ? "; " : "", excluded);
}

/* --- registers of a WARN --- */

/* Bits that no KVM sets in an SPTE that maps: constants of string functions have them. */
#define NEVER_SET (KM_BIT(59) | KM_BIT(60))

/* May the register hold the SPTE that the WARN is about? Return the formats, as bits. */
static unsigned formats_of_register(uint64_t value)
{
	bool kernel = value >> 47 == 0x1ffff;

	if (kernel || (value & NEVER_SET) || !(value & KM_BIT(11)) || value < KM_BIT(20) ||
	    !km_fit_is_mapped(value))
		return 0;
	return km_fit_formats(value, 0);
}

static void describe_registers(struct km_node *node, const struct km_log_entry *entry)
{
	struct km_node *table =
		entry->register_count ? km_doc_table(node, "registers", NULL) : NULL;

	km_doc_machine_only(table);
	km_doc_column(table, "name", NULL, false);
	km_doc_column(table, "value", NULL, false);
	km_doc_column(table, "may_be_spte", NULL, false);
	for (size_t i = 0; i < entry->register_count; i++) {
		const struct km_log_register *r = &entry->registers[i];
		unsigned fits = formats_of_register(r->value);
		struct km_node *row = km_doc_row(table);

		km_doc_cell(row, "name", km_v_text(km_doc_text(node, "%s", r->name)));
		km_doc_cell(row, "value", km_v_hex(r->value));
		km_doc_cell(row, "may_be_spte", km_v_bool(fits));
		if (fits)
			km_doc_note(node, "%s 0x%" PRIx64 " may be an SPTE, of %s", r->name,
				    r->value, fits_text(node, fits));
	}
}

/* --- entries --- */

static void describe_exit(struct km_node *node, const struct km_log_entry *entry)
{
	bool svm = entry->reason >= SVM_EXIT_NPF && entry->reason >> 16 == 0;
	const char *name =
		svm ? km_svm_exit_name(entry->reason) : km_vmx_exit_name(entry->reason & 0xffff);
	char spelled[256];

	if (entry->has_exit) {
		km_doc_field(node, "exit_reason", NULL, km_v_hex(entry->reason));
		km_doc_field(node, "exit_qualification", NULL, km_v_hex(entry->qualification));
	}
	if (entry->has_vectoring)
		km_doc_field(node, "vectoring", NULL, km_v_hex(entry->vectoring));
	if (entry->has_exit)
		km_doc_note(node, "exit reason 0x%" PRIx64 "%s%s%s", entry->reason, name ? " " : "",
			    name ? name : "",
			    !svm && entry->reason & ENTRY_FAILED ? ", of a VM entry that failed"
								 : "");
	if (entry->has_exit && entry->has_address)
		km_doc_note(node, "GPA 0x%" PRIx64, entry->address);
	if (entry->has_exit && svm)
		km_doc_note(node, "error code 0x%" PRIx64 ": %s", entry->qualification,
			    km_pferr_spell(entry->qualification, spelled, sizeof(spelled)));
	if (entry->has_exit && (entry->reason & 0xffff) == EXIT_REASON_EPT_VIOLATION)
		km_doc_note(
			node, "exit qualification 0x%" PRIx64 ": %s", entry->qualification,
			km_ept_qualification_spell(entry->qualification, spelled, sizeof(spelled)));
	if (entry->has_status && km_tdx_status_name(entry->status))
		km_doc_note(node, "0x%" PRIx64 " is %s%s%s", entry->status,
			    km_tdx_status_name(entry->status),
			    km_tdx_operand_name(entry->status) ? ", operand " : "",
			    km_tdx_operand_name(entry->status) ? km_tdx_operand_name(entry->status)
							       : "");
	if (entry->has_vectoring)
		km_doc_note(node, "IDT-vectoring info 0x%" PRIx64 ": %s", entry->vectoring,
			    km_vectoring_spell(entry->vectoring, spelled, sizeof(spelled)));
}

static const char *const kind_names[] = {
	[KM_LOG_MESSAGE] = "message", [KM_LOG_HIERARCHY] = "hierarchy", [KM_LOG_SPTE] = "spte",
	[KM_LOG_CHANGE] = "change",   [KM_LOG_WARN] = "warn",
};

/* A copy: the log is gone when the answer is printed. */
static struct km_value copied(struct km_node *node, const char *text)
{
	return *text ? km_v_text(km_doc_text(node, "%s", text)) : km_v_none("-");
}

static void describe_entry(struct km_node *list, const struct km_log_entry *entry, const char *unit)
{
	struct km_node *node =
		km_doc_section(list, "entry",
			       km_doc_text(list, "%s %" PRIu64 "%s%s: %s", unit, entry->line,
					   *entry->stamp ? " " : "", entry->stamp, entry->text));

	km_doc_field(node, "line", NULL, km_v_dec(entry->line));
	km_doc_field(node, "time", NULL, copied(node, entry->stamp));
	km_doc_field(node, "kind", NULL, km_v_text(kind_names[entry->kind]));
	km_doc_field(node, "text", NULL, copied(node, entry->text));
	km_doc_field(node, "repeats", NULL, km_v_dec(entry->repeats));
	km_doc_field(node, "function", NULL, copied(node, entry->function));
	km_doc_field(node, "address", NULL,
		     entry->has_address ? km_v_hex(entry->address) : km_v_none("-"));
	km_doc_field(node, "means", NULL, entry->means ? km_v_text(entry->means) : km_v_none("-"));
	if (entry->means)
		km_doc_note(node, "%s", entry->means);
	if (entry->has_address && strncmp(entry->text, "EPT: ", 5) == 0)
		km_doc_note(node, "GPA 0x%" PRIx64, entry->address);
	if (entry->repeats > 1)
		km_doc_note(node, "it was logged %" PRIu64 " times", entry->repeats);
	if (entry->spte_count)
		describe_sptes(node, entry);
	describe_registers(node, entry);
	describe_exit(node, entry);
}

void km_describe_log(struct km_node *root, const struct km_log *log, const char *unit)
{
	struct km_node *list;

	if (!log->count)
		return;
	list = km_doc_list(root, "log");
	for (size_t i = 0; i < log->count; i++)
		describe_entry(list, &log->entries[i], unit);
	if (log->more)
		km_doc_note(root, "%" PRIu64 " more messages of KVM are not shown", log->more);
}

/* Boot messages and messages that are not known mean no trouble. */
static bool means_trouble(const struct km_log_entry *entry)
{
	return entry->kind != KM_LOG_MESSAGE || (entry->means && *entry->means);
}

static struct km_node *begin_lines(struct km_node *parent)
{
	struct km_node *table = km_doc_table(parent, "kernel_log", "kernel log");

	km_doc_column(table, "time", "TIME", false);
	km_doc_column(table, "repeats", "TIMES", true);
	km_doc_column(table, "text", "MESSAGE OF KVM", false);
	km_doc_column(table, "means", NULL, false);
	return table;
}

static void add_line(struct km_node *table, const struct km_log_entry *entry)
{
	struct km_node *row = km_doc_row(table);

	km_doc_cell(row, "time", copied(table, entry->stamp));
	km_doc_cell(row, "repeats", km_v_dec(entry->repeats));
	km_doc_cell(row, "text", copied(table, entry->text));
	km_doc_cell(row, "means", entry->means ? km_v_text(entry->means) : km_v_none("-"));
}

void km_describe_log_briefly(struct km_node *root, const struct km_log *log)
{
	struct km_node *table = NULL;

	for (size_t i = 0; i < log->count; i++) {
		if (!means_trouble(&log->entries[i]))
			continue;
		if (!table)
			table = begin_lines(root);
		add_line(table, &log->entries[i]);
	}
	if (table)
		km_doc_note(root, "\"log\" decodes these messages of KVM in the kernel log");
}

void km_describe_log_lines(struct km_node *parent, const struct km_log *log)
{
	struct km_node *table = begin_lines(parent);

	km_doc_look(table, KM_LOOK_LOG);
	for (size_t i = 0; i < log->count; i++)
		add_line(table, &log->entries[i]);
	if (!log->count)
		km_doc_machine_only(table);
	if (log->more)
		km_doc_note(parent, "%" PRIu64 " more messages of KVM are left out", log->more);
}
