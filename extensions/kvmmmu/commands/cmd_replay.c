// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kvmmmu replay FILE, also kvmmmu log FILE: check the faults of a trace against the same rules, and
 * report their results and the loops among them; decode SPTEs and messages of a kernel log. Without
 * FILE, read the trace in the dump's ring buffers.
 */
#include "history/history_trace.h"
#include "commands/command_context.h"
#include "commands/describe_trace.h"

#include <errno.h>
#include <inttypes.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- progress --- */

static bool progress(void *data, uint64_t bytes)
{
	struct km_command_context *ctx = data;
	km_scoped_error *err = NULL;

	if (!ctx->kernel) {
		km_progress_on_terminal(NULL, "MB of the trace", bytes >> 20);
		return true;
	}
	km_progress(ctx->kernel->mem, "MB of the trace", bytes >> 20);
	err = km_check_interrupt(ctx->kernel->mem);
	return !err;
}

static void end_progress(struct km_command_context *ctx)
{
	if (ctx->kernel)
		km_progress(ctx->kernel->mem, NULL, 0);
	else
		km_progress_on_terminal(NULL, NULL, 0);
}

/* --- what the events are checked against --- */

static km_error *choose_rules(struct km_command_context *ctx, struct km_trace_rules *rules)
{
	const char *as = ctx->options.as, *colon = as ? strchr(as, ':') : NULL;
	struct km_trace_format *format = &rules->formats[0];
	bool table = true, legacy = true;
	km_error *err;

	memset(rules, 0, sizeof(*rules));
	if (as) {
		err = km_parse_format(as, &format->masks);
		if (err)
			return err;
		table = !colon || !strcmp(colon, ":7.3");
		legacy = !colon || !table;
	} else {
		if (!ctx->kernel || !km_history_rules(ctx->kernel, rules))
			km_trace_rules_infer(rules);
		return NULL;
	}
	rules->count = 1;
	if (legacy)
		km_trace_add_legacy(format);
	if (table)
		km_trace_add_tables(format);
	return NULL;
}

/* --- the file --- */

/* A file, and the program that it is read through, if it is binary. */
struct source {
	FILE *file;
	pid_t child; /* 0: none */
};

/*
 * Do not wait for a pipe inside a debugger: neither opening it nor reading it can be interrupted.
 */
static bool may_wait(const char *name)
{
	struct stat st;

	return !stat(name, &st) && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
}

static km_error *no_trace_cmd(const char *name)
{
	return km_errorf(KM_EREAD,
			 "%s is a trace.dat file: install trace-cmd, or use the output of "
			 "\"trace-cmd report\"",
			 name);
}

/* Starts "trace-cmd report" on @name, without a shell. */
static km_error *report_of_trace_cmd(const char *name, struct source *source)
{
	char *argv[] = {"trace-cmd", "report", (char *)name, NULL};
	posix_spawn_file_actions_t actions;
	int ends[2], failed;

	if (pipe2(ends, O_CLOEXEC))
		return km_errorf(KM_EREAD, "%s: %s", name, strerror(errno));
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	failed = posix_spawnp(&source->child, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	if (!failed)
		source->file = fdopen(ends[0], "r");
	if (failed || !source->file) {
		close(ends[0]);
		source->child = 0;
		return no_trace_cmd(name);
	}
	return NULL;
}

#define IS_DUMP "a dump: put it before the command"

/* Is it a file that has to be turned into text first? */
static km_error *open_binary(const char *name, struct source *source)
{
	static const struct {
		const char *magic;
		size_t len;
		const char *is;
	} others[] = {
		{"KDUMP   ", 8, IS_DUMP},
		{"DISKDUMP", 8, IS_DUMP},
		{"makedumpfile", 12, IS_DUMP},
		{"\177ELF", 4, IS_DUMP},
		{"PERFILE2", 8, "a perf.data file: use the output of \"perf script\""},
		{"\037\213", 2,
		 "compressed: decompress it first (zcat), or, if it is a capsule, put it before "
		 "the "
		 "command"},
		{"\3757zXZ", 5, "compressed: decompress it first (xzcat)"},
		{"\050\265\057\375", 4, "compressed: decompress it first (zstdcat)"},
	};
	char head[16] = "";
	size_t len = fread(head, 1, sizeof(head), source->file);

	if (ferror(source->file))
		return km_errorf(KM_EREAD, "%s: %s", name, strerror(errno));
	rewind(source->file);
	if (len >= 10 && !memcmp(head, "\027\010Dtracing", 10)) {
		fclose(source->file);
		source->file = NULL;
		return report_of_trace_cmd(name, source);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (len >= others[i].len && !memcmp(head, others[i].magic, others[i].len))
			return km_errorf(KM_EREAD, "%s is %s", name, others[i].is);
	}
	return NULL;
}

static km_error *open_source(struct km_command_context *ctx, const char *name,
			     struct source *source)
{
	bool is_input = !strcmp(name, "-");

	if (ctx->has_target && (is_input || may_wait(name)))
		return km_errorf(KM_EUSAGE,
				 "only the stand-alone program, without a dump, can read \"%s\": "
				 "give a regular file",
				 name);
	source->file = is_input ? stdin : fopen(name, "re");
	if (!source->file)
		return km_errorf(KM_EREAD, "%s: %s", name, strerror(errno));
	return is_input || may_wait(name) ? NULL : open_binary(name, source);
}

/*
 * Closes it. Returns an error if the program that it is read through failed, unless there is one
 * already.
 */
static km_error *close_source(struct source *source, const char *name, uint64_t bytes,
			      km_error *err)
{
	int status = 0;

	if (source->file && source->file != stdin)
		fclose(source->file);
	if (!source->child || waitpid(source->child, &status, 0) < 0 || err)
		return err;
	/* of a damaged file trace-cmd may print nothing, and succeed */
	if (WIFEXITED(status) && !WEXITSTATUS(status) && bytes)
		return NULL;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return no_trace_cmd(name);
	return km_errorf(KM_EREAD, "%s: trace-cmd report %s", name,
			 status ? "failed" : "printed nothing: the file is damaged or empty");
}

/* --- the answer --- */

static int by_faults(const void *a, const void *b)
{
	const struct km_trace_vcpu *va = *(struct km_trace_vcpu *const *)a;
	const struct km_trace_vcpu *vb = *(struct km_trace_vcpu *const *)b;

	return (va->all.faults < vb->all.faults) - (va->all.faults > vb->all.faults);
}

/* No fault was understood: are there any? */
static void note_no_faults(struct km_command_context *ctx, const struct km_trace *t)
{
	struct km_node *root = ctx->root;
	uint64_t odd = t->odd_events[KM_TRACE_PAGE_FAULT] +
		       t->odd_events[KM_TRACE_FAST_PAGE_FAULT] + t->odd_events[KM_TRACE_EXIT] +
		       t->odd_events[KM_TRACE_NESTED_EXIT] + t->odd_events[KM_TRACE_REQUESTED];

	ctx->failed = odd || (t->odd && !t->log.count && !t->counts.lines && !t->log.messages);
	if (odd)
		km_doc_note(root,
			    "there are page faults in this file, but none of the %" PRIu64
			    " lines was understood",
			    odd);
	else if (t->log.count || t->counts.lines)
		return;
	else if (t->log.messages == 1)
		km_doc_note(root, "the only line of this kernel log is not a message of KVM");
	else if (t->log.messages)
		km_doc_note(root,
			    "none of the %" PRIu64 " lines of this kernel log is a message of KVM",
			    t->log.messages);
	else if (t->odd)
		km_doc_note(root,
			    "no page fault was understood; see the lines that were not understood");
	else
		km_doc_note(root, "this file contains no page fault of KVM: record "
				  "kvm:kvm_page_fault and kvmmmu:fast_page_fault");
}

static km_error *answer(struct km_command_context *ctx, const struct km_trace *t, const char *name)
{
	km_error *err;

	if (t->vcpu_count)
		qsort(t->vcpus, t->vcpu_count, sizeof(t->vcpus[0]), by_faults);
	km_describe_trace(ctx->root, t, name);
	km_describe_log(ctx->root, &t->log, "line");
	km_describe_trace_counts(ctx->root, &t->counts);
	if (!km_trace_faults(t) && !t->events[KM_TRACE_FAST_PAGE_FAULT]) {
		note_no_faults(ctx, t);
		return NULL;
	}
	km_describe_verdicts(ctx->root, t);
	km_describe_trace_vcpus(ctx->root, t);
	err = km_describe_trace_faults(ctx->root, t);
	return err ? err : km_describe_loops(ctx->root, t);
}

static km_error *replay_file(struct km_command_context *ctx, const char *name)
{
	struct km_trace *trace = calloc(1, sizeof(*trace));
	struct source source = {0};
	struct km_trace_rules rules;
	km_error *err;

	if (!trace)
		return km_errorf(KM_ENOMEM, "out of memory");
	err = choose_rules(ctx, &rules);
	if (!err)
		err = open_source(ctx, name, &source);
	if (!err) {
		err = km_error_context(km_trace_read(source.file, &rules, progress, ctx, trace),
				       "%s", name);
		end_progress(ctx);
	}
	err = close_source(&source, name, trace->bytes, err);
	if (!err)
		err = answer(ctx, trace, name);
	km_trace_deinit(trace);
	free(trace);
	return err;
}

/* --- the trace in the dump --- */

static const char *instance_text(struct km_node *node, const struct km_instance *instance)
{
	return instance->name[0] ? km_doc_text(node, "instance \"%s\"", instance->name)
				 : "the top instance";
}

static void note_instances(struct km_node *root, const struct km_history *h,
			   const struct km_instance *read)
{
	for (size_t i = 0; i < h->count; i++) {
		const struct km_instance *x = &h->instances[i];
		const char *name = instance_text(root, x);

		if (x->unread)
			km_doc_note(root, "%s of ftrace was not read: %s", name, x->unread);
		else if (x != read && x->events)
			km_doc_note(root,
				    "%s of ftrace contains %" PRIu64
				    " events of KVM, too; they were not read, because both may "
				    "contain the same event",
				    name, x->events);
		if (x == read && x->overrun)
			km_doc_note(root,
				    "the ring buffers were full: %" PRIu64
				    " older events of any kind were overwritten",
				    x->overrun);
		if (x == read && x->lost)
			km_doc_note(root,
				    "%" PRIu64 " pages of the ring buffers are missing from the "
				    "dump or malformed: their events are lost",
				    x->lost);
	}
}

/* The vCPU whose thread recorded the events, in place of the name of its task. */
static void name_vcpu(const struct km_vms *vms, struct km_trace_vcpu *found)
{
	for (size_t i = 0; i < vms->count; i++) {
		for (size_t j = 0; j < vms->vms[i].vcpu_count; j++) {
			const struct km_vcpu *vcpu = &vms->vms[i].vcpus[j];

			if (found->has_tid && km_is_known(vcpu->tid) && vcpu->tid.v == found->tid)
				snprintf(found->comm, sizeof(found->comm), "vCPU %u:%u",
					 vms->vms[i].number, vcpu->idx);
		}
	}
}

static km_error *replay_instance(struct km_command_context *ctx, const struct km_history *h,
				 const struct km_instance *instance, struct km_trace *trace)
{
	struct km_trace_rules rules;
	km_error *err = choose_rules(ctx, &rules);

	if (!err) {
		err = km_history_trace(h, instance, &rules, progress, ctx, trace);
		end_progress(ctx);
	}
	if (!err)
		err = km_context_read_vms(ctx);
	if (err)
		return err;
	km_vms_find_threads(ctx->kernel, &ctx->vms);
	for (size_t i = 0; i < trace->vcpu_count; i++)
		name_vcpu(&ctx->vms, trace->vcpus[i]);
	return answer(ctx, trace,
		      km_doc_text(ctx->root, "ftrace: %s", instance_text(ctx->root, instance)));
}

static km_error *replay_history(struct km_command_context *ctx)
{
	struct km_trace *trace = calloc(1, sizeof(*trace));
	const struct km_instance *instance;
	struct km_history h = {0};
	km_error *err;

	if (!trace)
		return km_errorf(KM_ENOMEM, "out of memory");
	err = km_history_read(ctx->kernel, &h);
	instance = km_history_best(&h);
	if (!err && !instance)
		err = km_errorf(
			KM_EABSENT,
			"ftrace's ring buffers contain no events of KVM: give a trace file");
	if (!err)
		err = replay_instance(ctx, &h, instance, trace);
	if (!err)
		note_instances(ctx->root, &h, instance);
	km_trace_deinit(trace);
	free(trace);
	km_history_deinit(&h);
	return err;
}

km_error *km_command_replay(struct km_command_context *ctx)
{
	if (ctx->argc)
		return replay_file(ctx, ctx->argv[0]);
	return ctx->kernel
		       ? replay_history(ctx)
		       : km_errorf(KM_EUSAGE, "give a trace file, or a dump that contains a trace");
}
