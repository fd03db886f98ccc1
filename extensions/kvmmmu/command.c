// SPDX-License-Identifier: GPL-2.0-or-later
#include "command.h"

#include "command_context.h"
#include "render.h"
#include "types_chain.h"

#include <getopt.h>
#include <inttypes.h>
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
	const char *usage;
} commands[] = {
	{"vms", km_command_vms, 0, 1, true, "vms [VM]"},
	{"mmu", km_command_mmu, 1, 1, true, "mmu VCPU"},
	{"perms", km_command_perms, 0, 1, true, "perms [VM|VCPU]"},
	{"walk", km_command_walk, 2, 2, true, "walk [-m MMU] [-n SIZE] VCPU ADDRESS"},
	{"fault", km_command_fault, 1, 1, true,
	 "fault [-a ADDRESS] [-e ERROR_CODE] [-m MMU] [--v1] [--trace] VCPU"},
	{"slots", km_command_slots, 0, 1, true, "slots [VM]"},
	{"explain", km_command_explain, 0, 1, true,
	 "explain [-a ADDRESS] [-e ERROR_CODE] [-m MMU] [--v1] [--trace] [--watch N] [VM|VCPU]"},
	{"capture", km_command_capture, 0, 1, false,
	 "capture -o FILE [--with-names] [--limit PAGES] [VM|VCPU], or capture --list FILE"},
	{"replay", km_command_replay, 1, 1, false, "replay [--as FORMAT] TRACE"},
	{"spte", km_command_spte, 1, 1, false, "spte [--level N] [--as FORMAT] VALUE"},
	{"pfec", km_command_pfec, 1, 1, false, "pfec [--as FORMAT] VALUE"},
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
		"  vms [VM]         VMs and vCPUs with the counters that matter; a '!' and the",
		"                   reason where something deserves a look",
		"  mmu VCPU         MMU contexts, roles bit by bit, roots, SPTE masks",
		"  perms [VM|VCPU]  permission tables: raw words, matrix, and for each word",
		"                   whether it is what the role implies",
		"  walk VCPU ADDRESS",
		"                   every shadow page-table entry down to ADDRESS (a GPA; a GVA",
		"                   under shadow paging; an L2 GPA in guest_mmu)",
		"  walk -n SIZE VCPU ADDRESS",
		"                   what is mapped from there on, entries that are alike as one",
		"  fault VCPU       the walk under a fault and the four judges side by side; on",
		"                   AMD the fault comes from the VMCB without -a and -e",
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

km_error *km_parse_hex(const char *word, const char *what, uint64_t *value)
{
	const char *digits = word;
	char *end;

	if (digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X'))
		digits += 2;
	*value = strtoull(digits, &end, 16);
	if (!*digits || strlen(digits) > 16 ||
	    strspn(digits, "0123456789abcdefABCDEF") != strlen(digits))
		return km_errorf(KM_EUSAGE, "%s \"%s\" is no hexadecimal number of 64 bits", what,
				 word);
	return NULL;
}

km_error *km_context_read_vms(struct km_command_context *ctx)
{
	km_error *err = km_vms_read(ctx->kernel, &ctx->vms);

	if (!err && ctx->vms.trouble)
		km_note(ctx->root, "%s", ctx->vms.trouble);
	return err;
}

static bool parse_decimal(const char *word, uint64_t *value)
{
	if (!*word || strlen(word) > 9 || strspn(word, "0123456789") != strlen(word))
		return false;
	*value = strtoull(word, NULL, 10);
	return true;
}

km_error *km_select_vm(const struct km_vms *vms, const char *word, struct km_vm **vm)
{
	uint64_t number;
	km_scoped_error *err = NULL;

	if (parse_decimal(word, &number)) {
		if (number < vms->count) {
			*vm = &vms->vms[number];
			return NULL;
		}
		for (size_t i = 0; i < vms->count; i++) {
			if (km_is_known(vms->vms[i].pid) && vms->vms[i].pid.v == number) {
				*vm = &vms->vms[i];
				return NULL;
			}
		}
	}
	err = km_parse_hex(word, "VM", &number);
	for (size_t i = 0; !err && i < vms->count; i++) {
		if (vms->vms[i].addr == number) {
			*vm = &vms->vms[i];
			return NULL;
		}
	}
	return km_errorf(KM_EUSAGE,
			 "no VM \"%s\": neither a number below %zu, nor an owner's PID, nor the "
			 "address of a struct kvm",
			 word, vms->count);
}

static km_error *vcpu_by_index(struct km_vm *vm, const char *word, struct km_vcpu **vcpu)
{
	uint64_t index;

	if (parse_decimal(word, &index)) {
		for (size_t i = 0; i < vm->vcpu_count; i++) {
			if (vm->vcpus[i].idx == index) {
				*vcpu = &vm->vcpus[i];
				return NULL;
			}
		}
	}
	if (vm->vcpus_lost)
		return km_errorf(KM_EUSAGE,
				 "VM %u has no vCPU \"%s\" that is readable; %" PRIu64
				 " of its vCPUs are not",
				 vm->number, word, vm->vcpus_lost);
	return km_errorf(KM_EUSAGE, "VM %u has no vCPU \"%s\"", vm->number, word);
}

km_error *km_select_vcpu(const struct km_vms *vms, const char *word, struct km_vm **vm,
			 struct km_vcpu **vcpu)
{
	const char *colon = strchr(word, ':');
	uint64_t number;
	km_scoped_error *err = NULL;

	if (colon) {
		char name[32];
		km_error *none;

		snprintf(name, sizeof(name), "%.*s", (int)(colon - word), word);
		none = km_select_vm(vms, name, vm);
		return none ? none : vcpu_by_index(*vm, colon + 1, vcpu);
	}
	if (vms->count == 1 && parse_decimal(word, &number)) {
		*vm = &vms->vms[0];
		return vcpu_by_index(*vm, word, vcpu);
	}
	err = km_parse_hex(word, "vCPU", &number);
	for (size_t i = 0; !err && i < vms->count; i++) {
		for (size_t j = 0; j < vms->vms[i].vcpu_count; j++) {
			if (vms->vms[i].vcpus[j].addr != number)
				continue;
			*vm = &vms->vms[i];
			*vcpu = &vms->vms[i].vcpus[j];
			return NULL;
		}
	}
	return km_errorf(KM_EUSAGE, "no vCPU \"%s\": neither VM:INDEX nor the address of one%s",
			 word,
			 vms->count > 1 && parse_decimal(word, &number)
				 ? " (there are several VMs: say VM:INDEX)"
				 : "");
}

km_error *km_select_mmu(const struct km_command_context *ctx, const struct km_vcpu_mmu *all,
			const struct km_mmu **mmu)
{
	for (size_t i = 0; ctx->options.mmu && i < all->mmu_count; i++) {
		if (!strcmp(all->mmus[i].name, ctx->options.mmu)) {
			*mmu = &all->mmus[i];
			return NULL;
		}
	}
	if (ctx->options.mmu)
		return km_errorf(KM_EUSAGE, "no MMU context \"%s\" on this kernel",
				 ctx->options.mmu);
	if (!all->active)
		return km_errorf(KM_EREAD,
				 "vcpu.arch.mmu is not readable or points to none of the contexts: "
				 "say which with -m");
	*mmu = all->active;
	return NULL;
}

km_error *km_context_subject(struct km_command_context *ctx, const char *word, struct km_subject *s)
{
	km_error *err = km_context_read_vms(ctx);

	if (!err)
		err = km_select_vcpu(&ctx->vms, word, &s->vm, &s->vcpu);
	if (err)
		return err;
	km_vcpu_mmu_read(ctx->kernel, s->vcpu, &s->all);
	err = km_select_mmu(ctx, &s->all, &s->mmu);
	if (err)
		return err;
	if (!ctx->kernel->features.spte_known)
		return km_errorf(KM_EABSENT,
				 "the SPTEs of this kernel can't be read: its masks are not known");
	s->masks = km_vm_masks(ctx->kernel, s->vm);
	s->masks.paging = s->mmu->paging;
	return NULL;
}

void km_describe_vcpu(struct km_node *node, const char *key, const struct km_vm *vm,
		      const struct km_vcpu *vcpu)
{
	struct km_node *head = km_compact(
		node, key,
		km_text(node, "vCPU %u:%u (%s, pid %s)", vm->number, vcpu->idx,
			vm->comm[0] ? vm->comm : "?",
			km_is_known(vm->pid) ? km_text(node, "%" PRIu64, vm->pid.v) : "?"));
	const char *mode = km_is_known(vcpu->mode) ? km_vcpu_mode_name(vcpu->mode.v) : NULL;

	km_field(head, "vm", NULL, km_v_dec(vm->number));
	km_field(head, "kvm", NULL, km_v_hex(vm->addr));
	km_field(head, "pid", NULL, km_v_val(vm->pid, KM_V_DEC));
	km_field(head, "comm", NULL, km_v_text(vm->comm[0] ? km_text(node, "%s", vm->comm) : NULL));
	km_field(head, "index", NULL, km_v_dec(vcpu->idx));
	km_field(head, "id", NULL, km_v_val(vcpu->vcpu_id, KM_V_SIGNED));
	km_field(head, "address", "kvm_vcpu", km_v_hex(vcpu->addr));
	km_field(head, "tid", "tid", km_v_val(vcpu->tid, KM_V_DEC));
	km_field(head, "cpu", "cpu", km_v_val(vcpu->cpu, KM_V_SIGNED));
	km_field(head, "mode", "mode", mode ? km_v_text(mode) : km_v_val(vcpu->mode, KM_V_DEC));
}

static const struct option long_options[] = {
	{"json", no_argument, NULL, 'j'},
	{"address", required_argument, NULL, 'a'},
	{"error", required_argument, NULL, 'e'},
	{"mmu", required_argument, NULL, 'm'},
	{"bytes", required_argument, NULL, 'n'},
	{"v1", no_argument, NULL, '1'},
	{"trace", no_argument, NULL, 't'},
	{"watch", required_argument, NULL, 'W'},
	{"level", required_argument, NULL, 'l'},
	{"as", required_argument, NULL, 'A'},
	{"types", required_argument, NULL, 'T'},
	{"debuginfo", required_argument, NULL, 'k'},
	{"output", required_argument, NULL, 'o'},
	{"list", required_argument, NULL, 'L'},
	{"with-names", no_argument, NULL, 'N'},
	{"limit", required_argument, NULL, 'P'},
	{NULL, 0, NULL, 0},
};

/* Hexadecimal bytes, or a decimal number of K, M, G, T; "all" is more than any table can map. */
static km_error *parse_size(const char *word, uint64_t *bytes)
{
	static const char units[] = "KMGT";
	size_t len = strlen(word);
	const char *unit = len ? strchr(units, word[len - 1]) : NULL;
	char number[16];

	*bytes = 0;
	if (!strcmp(word, "all")) {
		*bytes = KM_MAX_BYTES;
	} else if (unit && len <= sizeof(number)) {
		snprintf(number, sizeof(number), "%.*s", (int)len - 1, word);
		if (parse_decimal(number, bytes) &&
		    *bytes <= KM_MAX_BYTES >> 10 * (unit - units + 1))
			*bytes <<= 10 * (unit - units + 1);
		else
			*bytes = 0;
	} else {
		km_scoped_error *none = km_parse_hex(word, "size", bytes);

		*bytes = none ? 0 : *bytes;
	}
	if (!*bytes || *bytes > KM_MAX_BYTES)
		return km_errorf(
			KM_EUSAGE,
			"size \"%s\" is no hexadecimal number of bytes, nor one like 512M, "
			"nor all",
			word);
	return NULL;
}

static km_error *parse_option(int c, struct km_command_options *o)
{
	uint64_t level;

	switch (c) {
	case 'j':
		o->json = true;
		return NULL;
	case '1':
		o->v1 = true;
		return NULL;
	case 't':
		o->trace = true;
		return NULL;
	case 'W':
		if (!parse_decimal(optarg, &o->watch) || !o->watch || o->watch > 1000)
			return km_errorf(KM_EUSAGE, "watch \"%s\" is no number from 1 to 1000",
					 optarg);
		return NULL;
	case 'a':
		o->has_addr = true;
		return km_parse_hex(optarg, "address", &o->addr);
	case 'e':
		o->has_error_code = true;
		return km_parse_hex(optarg, "error code", &o->error_code);
	case 'm':
		o->mmu = optarg;
		return NULL;
	case 'n':
		return parse_size(optarg, &o->bytes);
	case 'k':
		o->debug = optarg;
		return NULL;
	case 'l':
		if (!parse_decimal(optarg, &level) || level < 1 || level > 5)
			return km_errorf(KM_EUSAGE, "level \"%s\" is not one of 1 to 5", optarg);
		o->level = (int)level;
		return NULL;
	case 'o':
		o->output = optarg;
		return NULL;
	case 'L':
		o->list = optarg;
		return NULL;
	case 'N':
		o->names = true;
		return NULL;
	case 'P':
		if (!parse_decimal(optarg, &o->limit) || !o->limit)
			return km_errorf(KM_EUSAGE, "limit \"%s\" is no number of pages", optarg);
		return NULL;
	case 'A':
		o->as = optarg;
		return NULL;
	case 'T':
		if (!strcmp(optarg, "auto"))
			o->types = KM_TYPES_AUTO;
		else if (!strcmp(optarg, "btf"))
			o->types = KM_TYPES_BTF;
		else if (!strcmp(optarg, "dwarf"))
			o->types = KM_TYPES_DWARF;
		else
			return km_errorf(KM_EUSAGE, "types \"%s\": auto, btf or dwarf", optarg);
		return NULL;
	case ':':
		return km_errorf(KM_EUSAGE, "option wants a value");
	default:
		return km_errorf(KM_EUSAGE, "unknown option");
	}
}

static km_error *parse_options(const struct command *command, int argc, char **argv,
			       struct km_command_context *ctx)
{
	int c;

	optind = 0; /* starts glibc's getopt anew */
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":ja:e:m:n:k:o:", long_options, NULL)) != -1) {
		const char *word = optind > 0 && optind <= argc ? argv[optind - 1] : "";
		km_error *err = parse_option(c, &ctx->options);

		if (err)
			return c == '?' || c == ':' ? km_error_context(err, "\"%s\"", word) : err;
	}
	ctx->argc = argc - optind;
	ctx->argv = argv + optind;
	if (ctx->argc < command->min_args || ctx->argc > command->max_args)
		return km_errorf(KM_EUSAGE, "usage: kvmmmu %s", command->usage);
	return NULL;
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
		km_kernel_free(session->kernel);
		session->kernel = NULL;
	}
	if (session->kernel && session->source != options.source) {
		km_kernel_free(session->kernel);
		session->kernel = NULL;
	}
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

/* Which kernel, host and type source the answer comes from. */
static void describe_source(const struct km_session *session, struct km_node *root)
{
	static const char *const pagings[] = {"EPT", "NPT", "shadow paging"};
	const struct km_kernel *k = session->kernel;
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
	km_field(source, "host", NULL, km_v_text(session->target->host));
	km_field(source, "dump", NULL, km_v_text(session->target->name));
	km_field(source, "capsule", NULL, km_v_bool(session->target->brings));
	km_field(source, "vendor_types_missing", NULL, km_v_text(k->vendor_trouble));
}

/* What could not be read, and whether the debuginfo itself was damaged. */
static void describe_gaps(const struct km_kernel *k, struct km_node *root)
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
			" place%s: what is shown as ? is open",
			uncovered, uncovered == 1 ? "" : "s");
	if (missing)
		km_note(root,
			"%" PRIu64
			" page%s that this answer wanted %s not in the dump: what is shown "
			"as ? is open",
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

static enum km_exit exit_code(const km_error *err)
{
	return km_error_code(err) == KM_EUSAGE ? KM_EXIT_USAGE : KM_EXIT_UNREADABLE;
}

static km_error *run(struct km_session *session, const struct command *command, int argc,
		     char **argv, struct km_document *doc, struct km_command_context *ctx)
{
	km_error *err = parse_options(command, argc, argv, ctx);

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
		describe_source(session, ctx->root);
	}
	err = command->run(ctx);
	if (!err && ctx->kernel)
		describe_gaps(ctx->kernel, ctx->root);
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
