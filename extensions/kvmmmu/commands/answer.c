// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/answer.h"

#include "base/output.h"
#include "base/printable.h"
#include "document/render.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len >= end_len && !strcmp(text + len - end_len, end);
}

static bool is_folder(const char *path)
{
	struct stat st;

	return ends_with(path, "/") || (!stat(path, &st) && S_ISDIR(st.st_mode));
}

/* The format that the user named, else that of the file's suffix. */
static enum km_format format_of(const struct km_command_options *o)
{
	for (int i = 0; !o->has_format && i < KM_FORMATS; i++) {
		if (ends_with(o->output, km_renderer(i)->suffix))
			return i;
	}
	return o->format;
}

static struct km_render_options render_options(const struct km_command *command,
					       const struct km_command_options *o)
{
	return (struct km_render_options){.ascii = o->ascii,
					  .one_line = command->many_dumps,
					  .width = command->width && o->width ? o->width
									      : command->width,
					  .columns = o->width};
}

/* Render into memory first: a file is written whole or not at all. */
static km_error *write_file(const struct km_document *doc, enum km_format format,
			    const struct km_render_options *options, const struct km_output *to,
			    const struct km_target *target)
{
	char *bytes = NULL;
	size_t len;
	FILE *out = open_memstream(&bytes, &len);
	km_error *err = out ? km_render(doc, format, options, out) : NULL;

	if (!out || fclose(out)) {
		km_error_free(err);
		err = km_errorf(KM_ENOMEM, "out of memory");
	}
	if (!err)
		err = km_output_write(to, target, bytes, len);
	free(bytes);
	return err;
}

static char *name_in(const char *folder, const struct km_command *command, enum km_format format)
{
	const char *slash = ends_with(folder, "/") ? "" : "/";
	char *path;

	return asprintf(&path, "%s%s%s%s", folder, slash, command->name,
			km_renderer(format)->suffix) < 0
		       ? NULL
		       : path;
}

/* Into a folder, an answer is written in the format that the user named, else in every one. */
static bool is_asked_for(const struct km_command_options *o, enum km_format format)
{
	return !o->has_format || o->format == format;
}

/* The user's word may hold anything. */
static void print_path(const char *path, FILE *out)
{
	km_put_printable(path, strlen(path), out);
	fputc('\n', out);
}

static km_error *write_into_folder(const struct km_command *command,
				   const struct km_command_options *o,
				   const struct km_document *doc, const struct km_target *target,
				   FILE *out)
{
	const struct km_render_options options = render_options(command, o);
	km_error *err = NULL;

	for (int i = 0; i < KM_FORMATS && !err; i++) {
		if (!is_asked_for(o, i))
			continue;

		char *path = name_in(o->output, command, i);
		const struct km_output to = {path, o->force};

		err = path ? write_file(doc, i, &options, &to, target)
			   : km_errorf(KM_ENOMEM, "out of memory");
		if (!err)
			print_path(path, out);
		free(path);
	}
	return err;
}

km_error *km_answer_print(const struct km_command *command, const struct km_command_context *ctx,
			  const struct km_document *doc, const struct km_answer_options *answers,
			  FILE *out)
{
	const struct km_command_options *o = &ctx->options;
	const struct km_target *target = ctx->kernel ? km_memory_target(ctx->kernel->mem) : NULL;
	const struct km_output to = {o->output, o->force};
	bool to_file = command->answer_to_output && o->output && !km_output_is_stdout(&to);
	struct km_render_options options = render_options(command, o);
	km_error *err;

	if (!to_file) {
		options.color = answers->color;
		if (!options.columns)
			options.columns = answers->columns;
		return km_render(doc, o->format, &options, out);
	}
	if (is_folder(o->output))
		return write_into_folder(command, o, doc, target, out);
	err = write_file(doc, format_of(o), &options, &to, target);
	if (!err)
		print_path(o->output, out);
	return err;
}

km_error *km_answer_check(const struct km_command *command, const struct km_command_context *ctx,
			  const struct km_target *target)
{
	const struct km_command_options *o = &ctx->options;
	const struct km_output to = {o->output, o->force};
	km_error *err = NULL;

	if (!command->answer_to_output || !o->output || km_output_is_stdout(&to))
		return NULL;
	if (!is_folder(o->output))
		return km_output_check(&to, target);
	for (int i = 0; i < KM_FORMATS && !err; i++) {
		if (!is_asked_for(o, i))
			continue;

		char *path = name_in(o->output, command, i);
		const struct km_output file = {path, o->force};

		err = path ? km_output_check(&file, target) : km_errorf(KM_ENOMEM, "out of memory");
		free(path);
	}
	return err;
}
