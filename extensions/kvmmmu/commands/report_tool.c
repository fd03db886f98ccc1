// SPDX-License-Identifier: GPL-2.0-or-later
/* The last chapter of a report: what it was made with, and from what. */
#include "commands/report.h"

#include "types/types_chain.h"

#include <string.h>

/* Builds of single files, as for fuzzing, have no version. */
#ifndef KM_VERSION
#define KM_VERSION "of no release"
#endif

static const char *without_folder(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

void km_report_tool(struct km_report *run)
{
	const struct km_target *target = km_memory_target(run->ctx->kernel->mem);
	struct km_node *tool = km_doc_chapter(run->ctx->root, "tool", "Tool");
	char *types =
		(char *)km_doc_text(tool, "%s", km_layout_types(run->ctx->kernel->layout)->origin);

	if (*types)
		km_drop_folders(types);
	km_doc_field(tool, "version", "kvmmmu", km_v_text(KM_VERSION));
	km_doc_field(tool, "in", "in", km_v_text(km_doc_text(tool, "%s", target->host)));
	km_doc_field(tool, "kind", "from",
		     km_v_text(km_target_info(target) ? "a capsule"
			       : target->moving	      ? "a live kernel"
						      : "a dump"));
	km_doc_field(tool, "dump", "file",
		     km_v_text(km_doc_text(tool, "%s", without_folder(target->name))));
	km_doc_field(tool, "types", "types from", km_v_text(types));
}
