// SPDX-License-Identifier: GPL-2.0-or-later
/* What every answer from a dump has: where it comes from, at its head, and what is missing. */
#include "commands/command_context.h"
#include "types/types_chain.h"

#include <inttypes.h>
#include <string.h>

const char *km_paging_text(enum km_paging paging)
{
	switch (paging) {
	case KM_PAGING_EPT:
		return "EPT";
	case KM_PAGING_NPT:
		return "NPT";
	case KM_PAGING_SHADOW:
		return "shadow paging";
	}
	return "?";
}

/*
 * "BTF", or without the folders of files "DWARF of kvm.ko, BTF of vmlinux". Not in what: a capsule
 * contains the types, and gives the answers of its dump.
 */
static const char *short_origin(struct km_node *node, const char *origin)
{
	static const char in_dump[] = " in the dump";
	char *text, *end;

	if (!strncmp(origin, "BTF", 3))
		return "BTF";
	text = (char *)km_doc_text(node, "%s", origin);
	if (*text)
		km_drop_folders(text);
	end = text + strlen(text) - (sizeof(in_dump) - 1);
	if (end > text && !strcmp(end, in_dump))
		*end = '\0';
	return text;
}

void km_describe_source(struct km_node *root, const struct km_kernel *k)
{
	const struct km_target *target = km_memory_target(k->mem);
	const char *vendor = km_vendor_name(k->vendor),
		   *origin = km_layout_types(k->layout)->origin;
	struct km_node *source =
		km_doc_compact(root, "source", km_doc_text(root, "Linux %s", k->release));

	km_doc_field(source, "release", NULL, km_v_text(k->release));
	km_doc_field(source, "vendor", "",
		     vendor ? km_v_text(vendor) : km_v_none("vendor unknown"));
	km_doc_field(source, "paging", "",
		     k->features.spte_known ? km_v_text(km_paging_text(k->masks.paging))
					    : km_v_none("paging unknown"));
	km_doc_field(source, "types", NULL, km_v_text(origin));
	km_doc_field(source, NULL, "types from", km_v_text(short_origin(root, origin)));
	km_doc_field(source, "host", NULL, km_v_text(target->host));
	km_doc_field(source, "dump", NULL, km_v_text(target->name));
	km_doc_field(source, "capsule", NULL, km_v_bool(km_target_info(target)));
	km_doc_field(source, "vendor_types_missing", NULL, km_v_text(k->vendor_trouble));
}

/* "2 pages needed for this answer are missing from the dump; ..."; @most are counted. */
static void note_missing(struct km_node *root, uint64_t count, uint64_t most, const char *what,
			 const char *how)
{
	bool one = count == 1;

	if (count)
		km_doc_note(root,
			    "%s%" PRIu64
			    " %s%s needed for this answer %s %s; anything that depends "
			    "on %s is unknown",
			    count > most ? "more than " : "", count > most ? most : count, what,
			    one ? "" : "s", one ? "is" : "are", how, one ? "it" : "them");
}

/* Memory that this answer needed, but that could not be read. */
static void describe_missing(struct km_node *root, struct km_memory *mem)
{
	const struct km_file *file = km_target_file(km_memory_target(mem));

	if (km_target_lacks_names(km_memory_target(mem)))
		km_doc_note(root, "this capsule does not contain process names");
	note_missing(root, km_memory_uncovered(mem), UINT64_MAX, "item", "not in this capsule");
	note_missing(root, km_memory_missing(mem), KM_MAX_MISSING, "page",
		     file && file->count ? "missing from the dump, or not readable in its file"
					 : "missing from the dump");
}

/* Symbols and types that are missing for all answers. */
static void describe_missing_types(struct km_node *root, const struct km_kernel *k)
{
	const km_error *layout = km_layout_error(k->layout);

	if (k->kvm.pages_lost)
		km_doc_note(root,
			    "%" PRIu64 " page%s of kvm's symbol table %s missing from the dump; "
			    "debuginfo provides the missing symbols, if it is available",
			    k->kvm.pages_lost, k->kvm.pages_lost == 1 ? "" : "s",
			    k->kvm.pages_lost == 1 ? "is" : "are");
	/* without the reason, which may name folders: a capsule of this dump gives the same notes
	 */
	if (k->vendor_trouble)
		km_doc_note(root, "the types of the vendor module are unknown, so the VMCB cannot "
				  "be read: neither its BTF nor its debuginfo is readable (-j "
				  "gives the reason in \"source\")");
	if (k->features.masks_corrupted)
		km_doc_note(root, "the SPTE masks are corrupt: KVM never sets such values, so "
				  "SPTEs are not decoded");
	if (layout)
		km_doc_note(root, "type information is damaged: %s", km_error_text(layout));
}

/* Parts of the file that could not be read, whether this answer needed them or an earlier one. */
static void describe_unread(struct km_node *root, struct km_target *target)
{
	struct km_file *file = km_target_file(target);
	const char *text = file ? km_file_trouble(file) : NULL;
	struct km_node *table;

	if (!text)
		return;
	km_doc_note(root, "%s: %s; anything that depends on them is unknown", target->name, text);
	table = km_doc_table(root, "unread", NULL);
	km_doc_machine_only(table);
	km_doc_column(table, "offset", NULL, false);
	km_doc_column(table, "bytes", NULL, true);
	km_doc_column(table, "error", NULL, false);
	for (size_t i = 0; i < file->count; i++) {
		const struct km_unread *u = &file->unread[i];
		struct km_node *row = km_doc_row(table);

		km_doc_cell(row, "offset", km_v_hex(u->at));
		km_doc_cell(row, "bytes", km_v_dec(u->len));
		km_doc_cell(row, "error", km_v_text(km_doc_text(row, "%s", km_unread_reason(u))));
	}
}

void km_describe_gaps(struct km_node *root, const struct km_kernel *k)
{
	const char *moving = km_memory_target(k->mem)->moving;
	const char *why = km_target_why_missing(km_memory_target(k->mem));

	if (moving)
		km_doc_note(root,
			    "the kernel was running while it was read (%s): values may be from "
			    "different moments; repeat the command before you rely on a finding",
			    moving);
	describe_missing(root, k->mem);
	describe_unread(root, km_memory_target(k->mem));
	if (why && (km_memory_missing(k->mem) || k->kvm.pages_lost))
		km_doc_note(root, "%s", why);
	describe_missing_types(root, k);
}
