// SPDX-License-Identifier: GPL-2.0-or-later
#include "command_context.h"
#include "types_chain.h"

#include <inttypes.h>
#include <string.h>

/* "BTF in the dump", or without the folders of files "DWARF of kvm.ko, DWARF of kvm-amd.ko". */
static const char *short_origin(struct km_node *node, const char *origin)
{
	char *text;

	if (!strncmp(origin, "BTF", 3))
		return "BTF in the dump";
	text = (char *)km_text(node, "%s", origin);
	if (*text)
		km_drop_folders(text);
	return text;
}

void km_describe_source(struct km_node *root, const struct km_kernel *k)
{
	static const char *const pagings[] = {"EPT", "NPT", "shadow paging"};
	const struct km_target *target = km_memory_target(k->mem);
	struct km_node *source = km_compact(root, "source", km_text(root, "Linux %s", k->release));
	const char *vendor = km_vendor_name(k->vendor);

	km_field(source, "release", NULL, km_v_text(k->release));
	km_field(source, "vendor", "", vendor ? km_v_text(vendor) : km_v_none("vendor unknown"));
	km_field(source, "paging", "",
		 k->features.spte_known ? km_v_text(pagings[k->masks.paging])
					: km_v_none("paging unknown"));
	km_field(source, "types", NULL, km_v_text(km_layout_types(k->layout)->origin));
	km_field(source, NULL,
		 "types:", km_v_text(short_origin(root, km_layout_types(k->layout)->origin)));
	km_field(source, "host", NULL, km_v_text(target->host));
	km_field(source, "dump", NULL, km_v_text(target->name));
	km_field(source, "capsule", NULL, km_v_bool(target->brings));
	km_field(source, "vendor_types_missing", NULL, km_v_text(k->vendor_trouble));
}

void km_describe_gaps(struct km_node *root, const struct km_kernel *k)
{
	uint64_t missing = km_memory_missing(k->mem);
	uint64_t uncovered = km_memory_uncovered(k->mem);
	const struct km_target_kernel *brings = km_memory_target(k->mem)->brings;
	const km_error *layout = km_layout_error(k->layout);

	if (km_memory_target(k->mem)->moving)
		km_note(root,
			"the kernel went on while it was read (%s): what is shown may be of "
			"different moments; look twice before you believe a finding",
			km_memory_target(k->mem)->moving);
	if (brings && !brings->names)
		km_note(root, "process names are not in this capsule");
	if (uncovered)
		km_note(root,
			"this capsule does not cover what this answer wanted in %" PRIu64
			" place%s: what hangs on that is open",
			uncovered, uncovered == 1 ? "" : "s");
	if (missing)
		km_note(root,
			"%" PRIu64
			" page%s that this answer wanted %s not in the dump: what hangs on "
			"that is open",
			missing, missing == 1 ? "" : "s", missing == 1 ? "is" : "are");
	if (k->kvm.pages_lost)
		km_note(root,
			"%" PRIu64
			" pages of kvm's symbol table are not in the dump: debuginfo fills "
			"the gap where there is any",
			k->kvm.pages_lost);
	/* the reason, which may name folders, is in the source: a capsule has to say the same */
	if (k->vendor_trouble)
		km_note(root, "no types of the vendor module, so no VMCB: neither its BTF nor its "
			      "debuginfo is readable (-j has the reason in source)");
	if (layout)
		km_note(root, "type information is damaged: %s", km_error_text(layout));
}
