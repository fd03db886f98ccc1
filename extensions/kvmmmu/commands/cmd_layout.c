// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kvmmmu layout: which of the members and symbols that the program reads a kernel has, under which
 * names, and what cannot be read without those that are missing.
 */
#include "commands/command_context.h"
#include "kernel/features.h"
#include "types/types_chain.h"
#include "types/types_file.h"

#include <stdlib.h>
#include <string.h>

#define MAX_FILES 3

static bool find_symbol(const void *kernel, const char *name)
{
	uint64_t addr;

	return km_kernel_symbol(kernel, name, &addr);
}

/* A layout, and how to find symbols if there is a kernel. */
struct subject {
	struct km_layout *layout;
	km_find_symbol *find; /* NULL: symbols are not known */
	const struct km_kernel *kernel;
};

/* --- features --- */

/* Name what is missing: the structure, if it is missing as a whole. */
static const char *missing_name(struct km_node *node, struct km_layout *layout,
				const struct km_need *need)
{
	enum km_type_id type = km_member_type(need->member);

	if (need->is_symbol)
		return km_doc_text(node, "symbol %s", need->name);
	if (!km_layout_sizeof(layout, type))
		return km_doc_text(node, "struct %s", km_layout_tag(layout, type));
	return need->name;
}

/* "struct vcpu_vmx, kvm.mem_attr_array": each once; "" if nothing is missing. */
static const char *missing_names(struct km_node *node, const struct subject *s,
				 enum km_feature_id id)
{
	struct km_need need;
	const char *text = "", *last = "";

	for (size_t i = 0; km_feature_need(s->layout, s->find, s->kernel, id, i, &need); i++) {
		const char *name = need.met ? last : missing_name(node, s->layout, &need);

		if (strcmp(name, last))
			text = km_doc_text(node, "%s%s%s", text, *text ? ", " : "", name);
		last = name;
	}
	return text;
}

static void describe_features(struct km_node *root, const struct subject *s)
{
	struct km_node *table = km_doc_table(root, "features", NULL);

	km_doc_column(table, "feature", NULL, false);
	km_doc_column(table, "text", "FEATURE", false);
	km_doc_column(table, "available", NULL, false);
	km_doc_people_column(table, "state", "STATE", false);
	km_doc_column(table, "missing", "MISSING", false);
	for (enum km_feature_id id = 0; id < KM_FEATURE_IDS; id++) {
		const char *missing = missing_names(root, s, id);
		struct km_node *row = km_doc_row(table);

		km_doc_cell(row, "feature", km_v_text(km_feature_key(id)));
		km_doc_cell(row, "text", km_v_text(km_feature_text(id)));
		km_doc_cell(row, "available", km_v_bool(!*missing));
		km_doc_cell(row, "state", km_v_text(*missing ? "unavailable" : "available"));
		km_doc_cell(row, "missing", km_v_text(missing));
	}
}

/* --- members --- */

static bool has_other_name(struct km_layout *layout, enum km_member_id id)
{
	const char *tag, *path;

	return km_layout_path(layout, id, &tag, &path) &&
	       (strcmp(path, km_member_path(id)) || strcmp(tag, km_type_tag(km_member_type(id))));
}

static void member_columns(struct km_node *table)
{
	km_doc_column(table, "member", NULL, false);
	km_doc_column(table, "found", NULL, false);
	km_doc_column(table, "type", NULL, false);
	km_doc_column(table, "path", NULL, false);
	km_doc_column(table, "other_name", NULL, false);
	km_doc_column(table, "offset", NULL, true);
	km_doc_column(table, "size", NULL, true);
	km_doc_column(table, "bit", NULL, true);
	km_doc_column(table, "bits", NULL, true);
	km_doc_column(table, "feature", NULL, false);
	km_doc_column(table, "needed", NULL, false);
}

static void describe_member(struct km_node *table, struct km_layout *layout, enum km_member_id id)
{
	static const struct km_member none;
	const struct km_member *m = km_layout_member(layout, id), *at = m ? m : &none;
	struct km_node *row = km_doc_row(table);
	const char *tag, *path;
	bool needed;
	enum km_feature_id feature = km_member_feature(id, &needed);

	km_layout_path(layout, id, &tag, &path);
	km_doc_cell(row, "member", km_v_text(km_member_name(id)));
	km_doc_cell(row, "found", km_v_bool(m));
	km_doc_cell(row, "type", m ? km_v_text(tag) : km_v_none("-"));
	km_doc_cell(row, "path", m ? km_v_text(path) : km_v_none("-"));
	km_doc_cell(row, "other_name", km_v_bool(has_other_name(layout, id)));
	km_doc_cell(row, "offset", m ? km_v_dec(at->offset) : km_v_none("-"));
	km_doc_cell(row, "size", m ? km_v_dec(at->size) : km_v_none("-"));
	km_doc_cell(row, "bit", km_v_dec(at->bit_off));
	km_doc_cell(row, "bits", km_v_dec(at->bit_size));
	km_doc_cell(row, "feature", km_v_text(km_feature_key(feature)));
	km_doc_cell(row, "needed", km_v_bool(needed));
}

/* All members, for machines. */
static void describe_members(struct km_node *root, struct km_layout *layout)
{
	struct km_node *table = km_doc_table(root, "members", NULL);

	km_doc_machine_only(table);
	member_columns(table);
	for (enum km_member_id id = 0; id < KM_MEMBER_IDS; id++)
		describe_member(table, layout, id);
}

static void describe_other_names(struct km_node *root, struct km_layout *layout)
{
	struct km_node *table = km_doc_table(root, NULL, "Members under another name");

	km_doc_people_column(table, "member", "NEWEST NAME", false);
	km_doc_people_column(table, "path", "NAME HERE", false);
	for (enum km_member_id id = 0; id < KM_MEMBER_IDS; id++) {
		const char *tag, *path;
		struct km_node *row;

		if (!has_other_name(layout, id))
			continue;
		km_layout_path(layout, id, &tag, &path);
		row = km_doc_row(table);
		km_doc_cell(row, "member",
			    km_v_text(km_doc_text(root, "%s.%s", km_type_tag(km_member_type(id)),
						  km_member_path(id))));
		km_doc_cell(row, "path", km_v_text(km_doc_text(root, "%s.%s", tag, path)));
	}
}

static void describe_missing(struct km_node *root, struct km_layout *layout)
{
	struct km_node *table = km_doc_table(root, NULL, "Missing members");

	km_doc_people_column(table, "member", "MEMBER", false);
	km_doc_people_column(table, "feature", "PART OF", false);
	for (enum km_member_id id = 0; id < KM_MEMBER_IDS; id++) {
		struct km_node *row;
		bool needed;

		if (km_has(layout, id) || km_member_replaced(layout, id) ||
		    !km_layout_sizeof(layout, km_member_type(id)))
			continue;
		row = km_doc_row(table);
		km_doc_cell(row, "member",
			    km_v_text(km_doc_text(root, "%s.%s", km_type_tag(km_member_type(id)),
						  km_member_path(id))));
		km_doc_cell(row, "feature",
			    km_v_text(km_feature_text(km_member_feature(id, &needed))));
	}
}

static const char *missing_types(struct km_node *root, struct km_layout *layout)
{
	const char *text = "";

	for (enum km_type_id id = 0; id < KM_TYPE_IDS; id++) {
		if (!km_layout_sizeof(layout, id))
			text = km_doc_text(root, "%s%s%s", text, *text ? ", " : "",
					   km_type_tag(id));
	}
	return *text ? text : NULL;
}

static void describe_count(struct km_node *root, struct km_layout *layout)
{
	unsigned found = 0, other = 0;

	for (enum km_member_id id = 0; id < KM_MEMBER_IDS; id++) {
		found += km_has(layout, id);
		other += has_other_name(layout, id);
	}
	km_doc_field(root, "members_found", "members",
		     km_v_as(km_v_dec(found),
			     km_doc_text(root, "%u of %d found, %u of them under another name",
					 found, KM_MEMBER_IDS, other)));
	km_doc_field(root, "missing_types", "missing structures",
		     km_v_text(missing_types(root, layout)));
}

static km_error *describe(struct km_command_context *ctx, const struct subject *s)
{
	describe_features(ctx->root, s);
	describe_count(ctx->root, s->layout);
	describe_other_names(ctx->root, s->layout);
	describe_missing(ctx->root, s->layout);
	describe_members(ctx->root, s->layout);
	return km_layout_error(s->layout)
		       ? km_errorf(KM_EDATA, "%s", km_error_text(km_layout_error(s->layout)))
		       : NULL;
}

/* --- files --- */

/*
 * Open the files as one source, the first of them last: the others may be based on it. On failure
 * nothing remains open.
 */
static km_error *open_files(int count, char **paths, struct km_types **types)
{
	struct km_types *list[MAX_FILES];
	km_error *err = NULL;
	int opened = 0;

	for (; opened < count && !err; opened++) {
		struct km_types **slot = &list[count - 1 - opened];

		err = km_types_open_file(paths[opened], opened ? list[count - 1] : NULL, slot);
		if (err)
			break;
	}
	if (!err)
		return km_types_chain(list, (size_t)count, types);
	for (int i = count - opened; i < count; i++)
		km_types_free(list[i]);
	return err;
}

static km_error *layout_of_files(struct km_command_context *ctx)
{
	struct subject subject = {0};
	struct km_types *types;
	km_error *err = open_files(ctx->argc, ctx->argv, &types);

	if (err)
		return err;
	subject.layout = km_layout_new(types);
	if (!subject.layout)
		return km_errorf(KM_ENOMEM, "out of memory");
	km_doc_field(ctx->root, "types", "types from",
		     km_v_text(km_doc_text(ctx->root, "%s", types->origin)));
	err = describe(ctx, &subject);
	/* the document copies what it shows, or borrows it from tables of constants */
	km_layout_free(subject.layout);
	return err;
}

km_error *km_command_layout(struct km_command_context *ctx)
{
	struct subject subject = {.find = find_symbol, .kernel = ctx->kernel};

	if (ctx->argc)
		return layout_of_files(ctx);
	if (!ctx->kernel)
		return km_errorf(KM_EUSAGE, "layout needs a dump, or files with type information: "
					    "vmlinux, kvm.ko or BTF");
	subject.layout = ctx->kernel->layout;
	return describe(ctx, &subject);
}
