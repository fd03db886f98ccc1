// SPDX-License-Identifier: GPL-2.0-or-later
/* The last chapter of a report: what it was made with, and from what. */
#include "commands/report.h"

#include "base/sha256.h"
#include "types/types_chain.h"

#include <string.h>
#include <sys/stat.h>

/* Builds of single files, as for fuzzing, have no version. */
#ifndef KM_VERSION
#define KM_VERSION "of no release"
#endif
#ifndef KM_COMMIT
#define KM_COMMIT ""
#endif

/* The one file that the report was made from. Hashing a large one would take minutes. */
static void describe_file(struct km_node *tool, const struct km_target *target, bool redacted)
{
	char sha256[KM_SHA256_TEXT];
	struct stat st;
	bool is_file = !target->moving && !stat(target->name, &st) && S_ISREG(st.st_mode);

	km_doc_field(tool, "bytes", is_file ? "size" : NULL,
		     is_file ? km_v_as(km_v_dec((uint64_t)st.st_size),
				       km_report_size(tool, (uint64_t)st.st_size))
			     : km_v_none(NULL));
	if (is_file && !redacted && km_sha256_of_file(target->name, sha256)) {
		/* without a label before it, it fits a line */
		km_doc_field(tool, NULL, "", km_v_text(km_doc_text(tool, "sha256: %s", sha256)));
		km_doc_field(tool, "sha256", NULL, km_v_text(km_doc_text(tool, "%s", sha256)));
	} else {
		km_doc_field(tool, "sha256", is_file && !redacted ? "sha256" : NULL,
			     km_v_none("not computed for a large file: run sha256sum"));
	}
}

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
	km_doc_field(tool, NULL, "kvmmmu",
		     km_v_text(*KM_COMMIT ? KM_VERSION " (commit " KM_COMMIT ")" : KM_VERSION));
	km_doc_field(tool, "version", NULL, km_v_text(KM_VERSION));
	km_doc_field(tool, "commit", NULL, km_v_text(*KM_COMMIT ? KM_COMMIT : NULL));
	km_doc_field(tool, "in", "in", km_v_text(km_doc_text(tool, "%s", target->host)));
	km_doc_field(tool, "kind", "from",
		     km_v_text(km_target_info(target) ? "a capsule"
			       : target->moving	      ? "a live kernel"
						      : "a dump"));
	km_doc_field(tool, "dump", "file",
		     km_v_text(km_doc_text(tool, "%s", without_folder(target->name))));
	describe_file(tool, target, run->redaction);
	km_doc_field(tool, "types", "types from", km_v_text(types));
}
