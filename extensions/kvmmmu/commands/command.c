// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/command.h"

#include "commands/answer.h"
#include "commands/command_line.h"
#include "base/output.h"
#include "base/printable.h"
#include "commands/command_context.h"
#include "commands/command_table.h"
#include "commands/help.h"
#include "document/render.h"
#include "kernel/kernel_open.h"
#include "kernel/kernel_types.h"
#include "types/debuginfo.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct km_session {
	struct km_target *target;
	struct km_kernel *kernel;    /* opened by the first command that needs it */
	enum km_types_source source; /* which it was opened with */
	struct km_answer_options answers;
	char *debug;	    /* the last -k; later commands keep it */
	enum km_errc error; /* of the last command that failed */
};

/*
 * On a kernel that runs while it is read, a list may be inconsistent, and consistent on the next
 * try.
 */
#define MAX_TRIES 3

struct km_session *km_session_new(struct km_target *target)
{
	struct km_session *session = calloc(1, sizeof(*session));

	if (session)
		session->target = target;
	return session;
}

void km_session_free(struct km_session *session)
{
	if (!session)
		return;
	km_kernel_free(session->kernel);
	free(session->debug);
	free(session);
}

void km_session_forget(struct km_session *session)
{
	km_kernel_free(session->kernel);
	session->kernel = NULL;
}

enum km_errc km_session_error(const struct km_session *session)
{
	return session->error;
}

void km_session_set_answers(struct km_session *session, struct km_answer_options options)
{
	session->answers = options;
}

static km_error *no_target(const struct km_session *session)
{
	if (session->answers.front_end == KM_IN_GDB)
		return km_errorf(KM_EUSAGE,
				 "this command needs a kernel: attach gdb to a host, or load its "
				 "ELF vmcore with \"core-file\"; gdb does not read "
				 "kdump-compressed dumps, \"kvmmmu DUMP\" in a shell does");
	return km_errorf(KM_EUSAGE, "this command needs a dump");
}

/*
 * Forget what the last command read, and which pages were missing: each reports its own. Return
 * false if the kernel has to be opened again: it has run since, and kvm is not the same.
 */
static bool is_current(struct km_session *session)
{
	km_scoped_error *err = NULL;
	bool same = true;

	if (!session->kernel)
		return true;
	err = km_kernel_forget(session->kernel);
	if (!err && km_target_runs(session->target))
		err = km_kernel_same_modules(session->kernel, &same);
	return !err && same;
}

/* -k must exist, and what a capsule does not need is not ignored: its types are in it. */
static km_error *check_types_source(const struct km_target *target,
				    const struct km_command_options *o)
{
	if (o->debug && access(o->debug, F_OK))
		return km_errorf(KM_EUSAGE, "-k %s: %s", o->debug, strerror(errno));
	if (km_target_info(target) && (o->debug || o->types == KM_TYPES_DWARF))
		return km_errorf(KM_EUSAGE, "%s does not apply to a capsule: it contains its types",
				 o->debug ? "-k" : "--types dwarf");
	return NULL;
}

/* The kernel, from the last command if the same type source will do. */
static km_error *get_kernel(struct km_session *session, struct km_command_context *ctx)
{
	struct km_open_options options = {.source = ctx->options.types};
	km_error *err = session->target ? check_types_source(session->target, &ctx->options)
					: no_target(session);

	if (err)
		return err;
	if (ctx->options.debug &&
	    !(session->debug && !strcmp(session->debug, ctx->options.debug))) {
		free(session->debug);
		session->debug = strdup(ctx->options.debug);
		session->target->debug_dir = session->debug;
		km_session_forget(session);
		if (!session->debug)
			return km_errorf(KM_ENOMEM, "out of memory");
	}
	if (session->source != options.source || !is_current(session))
		km_session_forget(session);
	if (!session->kernel) {
		err = km_kernel_open(session->target, &options, &session->kernel);
		if (err)
			return err;
		session->source = options.source;
	}
	ctx->kernel = session->kernel;
	return NULL;
}

enum km_exit km_exit_code(const km_error *err)
{
	return km_error_code(err) == KM_EUSAGE ? KM_EXIT_USAGE : KM_EXIT_UNREADABLE;
}

static km_error *check_line(const struct km_session *session, const struct km_command *command,
			    const struct km_command_line *line)
{
	int count = line->argc - 1;
	km_error *err = km_command_line_check(line, command);

	if (err || (count >= command->min_args && count <= command->max_args))
		return err;
	return km_help_usage_error(command, session->answers.front_end);
}

/* Fills the document. */
static km_error *run(struct km_session *session, const struct km_command *command,
		     struct km_command_context *ctx)
{
	const struct km_command_options *o = &ctx->options;
	km_error *err;

	km_doc_field(ctx->root, "schema", NULL, km_v_text(KM_SCHEMA));
	km_doc_field(ctx->root, "command", NULL, km_v_text(command->name));
	if ((command->needs_kernel && !o->after) || (session->target && !o->as && !o->list)) {
		err = get_kernel(session, ctx);
		if (err)
			return err;
		km_describe_source(ctx->root, ctx->kernel);
	}
	err = km_answer_check(command, ctx, session->target);
	if (!err)
		err = command->run(ctx);
	if (!err && ctx->kernel)
		km_describe_gaps(ctx->root, ctx->kernel);
	return err;
}

/* KM_ENOMEM if memory was exhausted while types were read: members that exist seem to be absent. */
static km_error *check_types(const struct km_kernel *kernel)
{
	const km_error *err = km_layout_error(kernel->layout);

	if (!err || km_error_code(err) != KM_ENOMEM)
		return NULL;
	return km_errorf(KM_ENOMEM, "types: %s", km_error_text(err));
}

/*
 * KM_ELIMIT if the answer is incomplete because a limit of the target was reached, KM_ENOMEM if
 * memory was exhausted.
 */
static km_error *check_limits(const struct km_command_context *ctx, const struct km_document *doc)
{
	km_error *err = ctx->kernel ? km_check_limits(ctx->kernel->mem) : NULL;

	if (!err && ctx->kernel)
		err = check_types(ctx->kernel);
	if (!err)
		err = km_debuginfo_check();
	if (!err && km_memory_exhausted())
		err = km_errorf(KM_ENOMEM, "out of memory");
	if (err || !km_document_full(doc))
		return err;
	return km_errorf(KM_ELIMIT,
			 "stopped: the answer exceeds the limit of %zu MiB; select one VM or vCPU; "
			 "the file may also be damaged",
			 km_document_full(doc) >> 20);
}

/*
 * Was something inconsistent that may be consistent on the next try, on a kernel that runs while it
 * is read?
 */
static bool worth_another_try(const struct km_session *session, const km_error *err,
			      const struct km_command_context *ctx)
{
	if (!session->target || !session->target->moving)
		return false;
	if (err)
		return km_error_code(err) == KM_EDATA || km_error_code(err) == KM_EREAD;
	return ctx->vms.trouble;
}

/* One try, with a new document. The caller frees it, and calls km_context_deinit(). */
static km_error *try_once(struct km_session *session, const struct km_command *command,
			  const struct km_command_line *line, struct km_command_context *ctx,
			  struct km_document **doc)
{
	km_error *err;

	*ctx = (struct km_command_context){
		.options = line->options,
		.argc = line->argc - 1,
		.argv = line->argv + 1,
		.has_target = session->target,
		.open = session->answers.open,
	};
	*doc = km_document_new();
	if (!*doc)
		return km_errorf(KM_ENOMEM, "out of memory");
	if (session->target)
		km_document_limit(*doc, session->target->limits.document);
	ctx->root = km_document_root(*doc);
	err = run(session, command, ctx);
	return err ? err : check_limits(ctx, *doc);
}

/* An error may come from what could not be read of the file. */
static km_error *name_read_errors(const struct km_session *session, km_error *err)
{
	struct km_file *file = err && session->target ? km_target_file(session->target) : NULL;
	const char *trouble = file ? km_file_trouble(file) : NULL;
	km_scoped_error *torn = err ? km_debuginfo_check() : NULL;

	if (torn)
		err = km_error_context(err, "%s", km_error_text(torn));
	return trouble ? km_error_context(err, "%s", trouble) : err;
}

/* Without memory, what exists seems to be absent: only the lack of memory is reported. */
static km_error *name_lack_of_memory(km_error *err)
{
	if (!err || km_error_code(err) == KM_EUSAGE || !km_memory_exhausted())
		return err;
	km_error_free(err);
	return km_errorf(KM_ENOMEM, "out of memory");
}

/* The answer goes to @errors if the command wrote a file to standard output. */
static FILE *answer_stream(const struct km_command *command, const struct km_command_context *ctx,
			   FILE *out, FILE *errors)
{
	const struct km_output to = {ctx->options.output, false};

	return !command->answer_to_output && to.path && km_output_is_stdout(&to) ? errors : out;
}

static km_error *print_answer(const struct km_session *session, const struct km_command *command,
			      const struct km_command_context *ctx, const struct km_document *doc,
			      FILE *out, FILE *errors)
{
	const char *defect = km_document_defect(doc);

	if (defect)
		fprintf(errors, "kvmmmu: bug in kvmmmu, please report it: %s\n", defect);
	return km_answer_print(command, ctx, doc, &session->answers,
			       answer_stream(command, ctx, out, errors));
}

static enum km_exit run_command(struct km_session *session, const struct km_command *command,
				const struct km_command_line *line, FILE *out, FILE *errors)
{
	struct km_command_context ctx;
	struct km_document *doc;
	km_scoped_error *err = try_once(session, command, line, &ctx, &doc);
	bool found = false;

	for (int i = 1; i < MAX_TRIES && worth_another_try(session, err, &ctx); i++) {
		km_error_free(err);
		km_document_free(doc);
		km_vms_deinit(&ctx.vms);
		err = try_once(session, command, line, &ctx, &doc);
	}
	if (!err)
		err = print_answer(session, command, &ctx, doc, out, errors);
	err = name_read_errors(session, name_lack_of_memory(err));
	if (err)
		km_print_error(km_error_text(err), errors);
	else
		found = ctx.options.fail &&
			(km_document_finds(doc, ctx.options.fail_on) ||
			 (ctx.found && ctx.found_certainty >= ctx.options.fail_on));
	km_document_free(doc);
	km_vms_deinit(&ctx.vms);
	if (err) {
		session->error = km_error_code(err);
		km_memory_exhausted(); /* has been reported */
		/* types that were read from a damaged file are not kept */
		if (session->error == KM_EDEBUGINFO)
			km_session_forget(session);
		return km_exit_code(err);
	}
	if (ctx.failed)
		return KM_EXIT_UNREADABLE;
	return found ? KM_EXIT_FINDINGS : KM_EXIT_ANSWERED;
}

static enum km_exit fail(struct km_session *session, FILE *errors, km_error *err)
{
	enum km_exit code = km_exit_code(err);

	session->error = km_error_code(err);
	km_print_error(km_error_text(err), errors);
	km_error_free(err);
	return code;
}

enum km_exit km_session_run_line(struct km_session *session, const struct km_command_line *line,
				 FILE *out, FILE *errors)
{
	enum km_front_end front_end = session->answers.front_end;
	const struct km_command *command = line->argc ? km_command_named(line->argv[0]) : NULL;
	km_error *err;

	if (line->options.help) {
		km_help_set_width((unsigned)line->options.width);
		if (command)
			km_help_command(command, front_end, out);
		else
			km_help(front_end, out);
		km_help_set_width(0);
		return KM_EXIT_ANSWERED;
	}
	if (!command || !km_command_exists(command, front_end))
		return fail(session, errors,
			    km_help_unknown_command(line->argc ? line->argv[0] : "", front_end));
	err = check_line(session, command, line);
	return err ? fail(session, errors, err) : run_command(session, command, line, out, errors);
}

enum km_exit km_session_run(struct km_session *session, int argc, char **argv, FILE *out,
			    FILE *errors)
{
	struct km_command_line line;
	km_error *err = km_command_line_parse(session->answers.front_end, argc, argv, &line);
	enum km_exit code =
		err ? fail(session, errors, err) : km_session_run_line(session, &line, out, errors);

	km_command_line_deinit(&line);
	return code;
}
