// SPDX-License-Identifier: GPL-2.0-or-later
#include "command.h"

#include "command_context.h"
#include "render.h"

#include <stdlib.h>
#include <string.h>

struct km_session {
	struct km_target *target;
	struct km_kernel *kernel;    /* opened by the first command that needs it */
	enum km_types_source source; /* that it was opened with */
	struct km_answer_options answers;
	char *debug; /* where debuginfo is, from -k; stays for later commands */
};

/* What a command takes. */
static const struct command {
	const char *name;
	km_command_fn *run;
	int min_args, max_args;
	bool needs_kernel;
	const char *options; /* that it knows beside those that all do */
	const char *usage;
} commands[] = {
	{"vms", km_command_vms, 0, 1, true, "", "vms [VM]"},
	{"mmu", km_command_mmu, 1, 1, true, "", "mmu VCPU"},
	{"perms", km_command_perms, 0, 1, true, "", "perms [VM|VCPU]"},
	{"walk", km_command_walk, 2, 2, true, "mnP",
	 "walk [-m MMU] [-n SIZE [--limit PAGES]] VCPU ADDRESS"},
	{"fault", km_command_fault, 1, 1, true, "aem1t",
	 "fault [-a ADDRESS] [-e ERROR_CODE] [-m MMU] [--v1] [--trace] VCPU"},
	{"slots", km_command_slots, 0, 1, true, "", "slots [VM]"},
	{"explain", km_command_explain, 0, 1, true, "aem1tW",
	 "explain [-a ADDRESS] [-e ERROR_CODE] [-m MMU] [--v1] [--trace] [--watch N] [VM|VCPU]"},
	{"capture", km_command_capture, 0, 1, false, "oLNP",
	 "capture -o FILE [--with-names] [--limit PAGES] [VM|VCPU], or capture --list FILE"},
	{"replay", km_command_replay, 1, 1, false, "A", "replay [--as FORMAT] TRACE"},
	{"spte", km_command_spte, 1, 1, false, "lA", "spte [--level N] [--as FORMAT] VALUE"},
	{"pfec", km_command_pfec, 1, 1, false, "A", "pfec [--as FORMAT] VALUE"},
};

/* At a kernel that goes on while it is read: lists are torn by chance, and whole at the next look.
 */
#define MAX_LOOKS 3

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

const char *const *km_help_text(void)
{
	static const char *const text[] = {
		"kvmmmu",
		"why a KVM guest hangs or loops on page faults",
		"COMMAND [options] [arguments]",

		"  This command finds every struct kvm_mmu of the host in the dump, says whether",
		"  its permission tables are what its role implies, walks shadow page tables, and",
		"  puts a fault to four judges: the processor, the kernel's table, the table that",
		"  the role implies, and the test of kernels before 7.3. It needs no \"mod -s\".",
		" ",
		"  explain [VM|VCPU]",
		"                   for each vCPU: healthy, waiting, progressing or stuck, why,",
		"                   how sure that is, known cases, and what to do next",
		"  vms [VM]         VMs and vCPUs with the counters that matter; a '!' where a",
		"                   permission table is wrong; explain looks at the rest",
		"  mmu VCPU         MMU contexts, roles bit by bit, roots, SPTE masks",
		"  perms [VM|VCPU]  permission tables: raw words, matrix, and for each word",
		"                   whether it is what the role implies",
		"  walk VCPU ADDRESS",
		"                   every shadow page-table entry down to ADDRESS (a GPA; a GVA",
		"                   under shadow paging; an L2 GPA in guest_mmu)",
		"  walk -n SIZE VCPU ADDRESS",
		"                   what is mapped from there on, entries that are alike as one",
		"  fault VCPU       the walk under a fault and the four judges side by side;",
		"                   without -a and -e the fault that is being handled, or (AMD)",
		"                   the one of the last exit",
		"  slots [VM]       memslots",
		"  capture -o FILE [VM|VCPU]",
		"                   writes a capsule: a small file with just the structures and",
		"                   page-table pages that these answers need, to give away",
		"  capture --list FILE",
		"                   everything in a capsule, and proof that it is all",
		"  replay TRACE     the page faults of a text trace (trace-cmd report, ftrace),",
		"                   each judged by the same rules, and the loops among them",
		"  spte VALUE       decode an SPTE",
		"  pfec VALUE       decode a page-fault error code",
		" ",
		"  VM is a number in vms, the address of a struct kvm, or the owner's PID.",
		"  VCPU is VM:INDEX, INDEX where there is one VM, or the address of a struct",
		"  kvm_vcpu. Addresses, error codes and SPTEs are hexadecimal, 0x or not.",
		" ",
		"    -j, --json          print JSON (schema in README.md)",
		"        --trace         every step of the fault through KVM's handler",
		"        --watch N       explain: lets a live kernel run and looks again N times",
		"    -a, --address HEX   address of the fault",
		"    -e, --error HEX     its error code",
		"    -m, --mmu NAME      walk root_mmu or guest_mmu, not the active one",
		"    -n, --bytes SIZE    walk so many bytes: hexadecimal, 512M, 40G, or all",
		"        --v1            judge as the first posted spte_permission_fault() did",
		"    -o, --output FILE   capture: the capsule to write",
		"        --with-names    capture: with the names of processes",
		"        --limit PAGES   at most so many page-table pages: in a capsule, default",
		"                        16384; to walk -n through, default 262144",
		"        --level N       level of the SPTE, 1 is 4K; default 1",
		"        --as FORMAT     decode without the dump's masks: ept, npt or shadow,",
		"                        with :6.1 or :7.2 for the software bits of that time",
		"    -k, --debuginfo PATH",
		"                        debuginfo file or folder to look in first; it stays set",
		"        --types SOURCE  auto, btf or dwarf: where type information comes from",
		"\nEXAMPLES",
		"  Why does a guest hang? Then the fault of vCPU 0 of VM 1:\n",
		"    %s> kvmmmu explain",
		"    %s> kvmmmu fault 1:0",
		" ",
		"  What would KVM say to a user write at GPA 0x1000?\n",
		"    %s> kvmmmu fault 1:0 -a 1000 -e 6",
		NULL,
	};

	return text;
}

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

const char *km_command_name(size_t index)
{
	return index < COMMANDS ? commands[index].name : NULL;
}

void km_session_set_answers(struct km_session *session, struct km_answer_options options)
{
	session->answers = options;
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++) {
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	}
	return NULL;
}

/* The kernel, from the last command if the same type source will do. */
static km_error *get_kernel(struct km_session *session, struct km_command_context *ctx)
{
	struct km_open_options options = {.source = ctx->options.types};
	km_error *err;

	if (!session->target)
		return km_errorf(KM_EUSAGE, "this command needs a dump or a target");
	if (ctx->options.debug &&
	    !(session->debug && !strcmp(session->debug, ctx->options.debug))) {
		free(session->debug);
		session->debug = strdup(ctx->options.debug);
		session->target->debug_dir = session->debug;
		km_session_forget(session);
		if (!session->debug)
			return km_errorf(KM_ENOMEM, "out of memory");
	}
	if (session->source != options.source)
		km_session_forget(session);
	if (!session->kernel) {
		err = km_kernel_open(session->target, &options, &session->kernel);
		if (err)
			return err;
		session->source = options.source;
	} else {
		/* also forgets which pages were missing: that is told anew for each command */
		km_memory_forget(session->kernel->mem);
	}
	ctx->kernel = session->kernel;
	return NULL;
}

static enum km_exit exit_code(const km_error *err)
{
	return km_error_code(err) == KM_EUSAGE ? KM_EXIT_USAGE : KM_EXIT_UNREADABLE;
}

static km_error *run(struct km_session *session, const struct command *command, int argc,
		     char **argv, struct km_document *doc, struct km_command_context *ctx)
{
	int used;
	km_error *err =
		km_command_options_parse(command->options, argc, argv, &ctx->options, &used);

	ctx->argc = argc - used;
	ctx->argv = argv + used;
	if (!err && (ctx->argc < command->min_args || ctx->argc > command->max_args))
		err = km_errorf(KM_EUSAGE, "usage: kvmmmu %s", command->usage);
	if (err)
		return err;
	ctx->root = km_document_root(doc);
	ctx->has_target = session->target;
	km_field(ctx->root, "schema", NULL, km_v_text(KM_SCHEMA));
	km_field(ctx->root, "command", NULL, km_v_text(command->name));
	if (command->needs_kernel || (session->target && !ctx->options.as && !ctx->options.list)) {
		err = get_kernel(session, ctx);
		if (err)
			return err;
		km_describe_source(ctx->root, ctx->kernel);
	}
	err = command->run(ctx);
	if (!err && ctx->kernel)
		km_describe_gaps(ctx->root, ctx->kernel);
	return err;
}

/* Was something torn that a second look may find whole, on a kernel that goes on meanwhile? */
static bool worth_another_look(const struct km_session *session, const km_error *err,
			       const struct km_command_context *ctx)
{
	if (!session->target || !session->target->moving)
		return false;
	if (err)
		return km_error_code(err) == KM_EDATA || km_error_code(err) == KM_EREAD;
	return ctx->vms.trouble;
}

enum km_exit km_session_run(struct km_session *session, int argc, char **argv, FILE *out,
			    FILE *errors)
{
	const struct command *command = argc > 0 ? find_command(argv[0]) : NULL;
	struct km_command_context ctx = {0};
	km_scoped_error *err = NULL;
	struct km_document *doc;
	bool found;
	int looks = 1;

	if (!command) {
		fprintf(errors, "kvmmmu: %s%s%s: see \"help kvmmmu\" in crash, or kvmmmu --help\n",
			argc > 0 ? "no command \"" : "which command", argc > 0 ? argv[0] : "",
			argc > 0 ? "\"" : "?");
		return KM_EXIT_USAGE;
	}
	doc = km_document_new();
	if (!doc) {
		fprintf(errors, "kvmmmu: out of memory\n");
		return KM_EXIT_UNREADABLE;
	}
	err = run(session, command, argc, argv, doc, &ctx);
	while (looks < MAX_LOOKS && worth_another_look(session, err, &ctx)) {
		struct km_document *again = km_document_new();

		if (!again)
			break;
		looks++;
		km_error_free(err);
		km_document_free(doc);
		km_vms_deinit(&ctx.vms);
		doc = again;
		ctx = (struct km_command_context){0};
		err = run(session, command, argc, argv, doc, &ctx);
	}
	if (err)
		fprintf(errors, "kvmmmu: %s\n", km_error_text(err));
	else if (ctx.options.json)
		km_render_json(doc, out);
	else
		km_render_text(doc, out, session->answers.color);
	found = session->answers.fail && km_document_finds(doc, session->answers.fail_on);
	km_document_free(doc);
	km_vms_deinit(&ctx.vms);
	if (err)
		return exit_code(err);
	if (ctx.failed)
		return KM_EXIT_UNREADABLE;
	return found ? KM_EXIT_FINDINGS : KM_EXIT_ANSWERED;
}
