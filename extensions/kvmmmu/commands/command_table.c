// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/command_table.h"

#include "commands/spte_format.h"

#include <stdio.h>
#include <string.h>

static const struct km_command commands[] = {
#define KM_COMMAND(command, ...) {.name = #command, .run = km_command_##command, __VA_ARGS__},
#include "commands/commands.def"
#undef KM_COMMAND
};

/* Names of the formats of an answer, separated by blanks. */
#define KM_RENDERER(id, name, ...) " " #name
static const char renderers[] =
#include "document/renderers.def"
	;
#undef KM_RENDERER
#define RENDERERS (renderers + 1)

/* The kinds of anomalies of an audit. */
#define KM_AUDIT(scope, name, id, ...) " " id
static const char kinds[] = "one or more of these, with commas between them:"
#include "audit/kinds.def"
	;
#undef KM_AUDIT

static const struct km_argument arguments[] = {
	{"DUMP", "ELF or kdump-compressed dump of a Linux host", KM_ARGUMENT_FILE, NULL},
	{"EARLIER",
	 "another dump or capsule of the same boot, preferably the earlier one, or an answer of "
	 "explain -j or report -j about it. In a debugger, it cannot be a dump",
	 KM_ARGUMENT_FILE, NULL},
	{"CAPSULE", "file written by capture", KM_ARGUMENT_FILE, NULL},
	{"VM", "number in vms, address of a struct kvm, or process ID or name of the owner",
	 KM_ARGUMENT_VM, NULL},
	{"VCPU", "VM:INDEX, INDEX if there is only one VM, or address of a struct kvm_vcpu",
	 KM_ARGUMENT_VCPU, NULL},
	{"ADDRESS",
	 "hexadecimal: a GPA; under shadow paging a GVA; in guest_mmu the GPA of a nested guest",
	 KM_ARGUMENT_OTHER, NULL},
	{"ERROR_CODE", "page-fault error code, in hexadecimal; see pfec", KM_ARGUMENT_OTHER, NULL},
	{"VALUE", "hexadecimal", KM_ARGUMENT_OTHER, NULL},
	{"SYMBOL", "name, or hexadecimal address with \"0x\" or at least 8 digits",
	 KM_ARGUMENT_OTHER, NULL},
	{"MEANING", NULL, KM_ARGUMENT_WORDS, "gpa hva pfn page spte kvm_page task"},
	{"NUMBER", "hexadecimal; a thread ID is decimal", KM_ARGUMENT_OTHER, NULL},
	{"SPTE", "the SPTE at which the walk of the fault ended, in hexadecimal", KM_ARGUMENT_OTHER,
	 NULL},
	{"EXIT_CODE", "hexadecimal; SVM_EXIT_*", KM_ARGUMENT_OTHER, NULL},
	{"EXITINFO1", "hexadecimal", KM_ARGUMENT_OTHER, NULL},
	{"EXITINFO2", "hexadecimal", KM_ARGUMENT_OTHER, NULL},
	{"SIZE",
	 "number of bytes in hexadecimal, decimal number followed by K, M, G or T, or \"all\"",
	 KM_ARGUMENT_OTHER, NULL},
	{"TRACE", "trace or kernel log, as text; \"-\" means standard input", KM_ARGUMENT_FILE,
	 NULL},
	{"TYPES",
	 "vmlinux, kvm.ko or kvm-amd.ko with debuginfo or BTF, or BTF alone, as in /sys/kernel/btf",
	 KM_ARGUMENT_FILE, NULL},
	{"CR3", "hexadecimal", KM_ARGUMENT_OTHER, NULL},
	{"FILE", NULL, KM_ARGUMENT_FILE, NULL},
	{"SECONDS", NULL, KM_ARGUMENT_OTHER, NULL},
	{"PATH", NULL, KM_ARGUMENT_FILE, NULL},
	{"N", NULL, KM_ARGUMENT_OTHER, NULL},
	{"KINDS", kinds, KM_ARGUMENT_OTHER, NULL},
	{"STATES",
	 "one or more of these, with commas between them: healthy, waiting, progressing, stuck, "
	 "never-ran, unknown",
	 KM_ARGUMENT_OTHER, NULL},
	{"MMU", NULL, KM_ARGUMENT_WORDS, "root_mmu guest_mmu"},
	{"FORMAT", NULL, KM_ARGUMENT_WORDS, KM_FORMAT_WORDS},
	{"MEDIUM", NULL, KM_ARGUMENT_WORDS, RENDERERS},
	{"SOURCE", NULL, KM_ARGUMENT_WORDS, "auto btf dwarf"},
	{"WHEN", NULL, KM_ARGUMENT_WORDS, "auto always never"},
	{"CERTAINTY", NULL, KM_ARGUMENT_WORDS, "note possible likely proven"},
	{"TEXT", NULL, KM_ARGUMENT_WORDS, "manual bash zsh"},
};

bool km_command_exists(const struct km_command *command, enum km_front_end front_end)
{
	return front_end == KM_IN_PROGRAM || !command->many_dumps;
}

bool km_command_takes_two(const struct km_command *command)
{
	for (const struct km_form *form = command->forms; form->words; form++) {
		if (form->dump == KM_DUMP_SECOND)
			return true;
	}
	return false;
}

bool km_form_exists(const struct km_form *form, enum km_front_end front_end)
{
	return front_end == KM_IN_PROGRAM || form->dump != KM_DUMP_SECOND;
}

const struct km_command *km_command_at(size_t index)
{
	return index < sizeof(commands) / sizeof(commands[0]) ? &commands[index] : NULL;
}

const struct km_command *km_command_named(const char *name)
{
	const struct km_command *command;

	for (size_t i = 0; (command = km_command_at(i)); i++) {
		if (!strcmp(command->name, name))
			return command;
	}
	return NULL;
}

const struct km_argument *km_argument_at(size_t index)
{
	return index < sizeof(arguments) / sizeof(arguments[0]) ? &arguments[index] : NULL;
}

const struct km_argument *km_argument_find(const char *name, size_t len)
{
	const struct km_argument *argument;

	for (size_t i = 0; (argument = km_argument_at(i)); i++) {
		if (strlen(argument->name) == len && !strncmp(argument->name, name, len))
			return argument;
	}
	return NULL;
}

bool km_words_have(const char *words, const char *word)
{
	size_t len = strlen(word);

	while (*words) {
		size_t next = strcspn(words, " ");

		if (next == len && !strncmp(words, word, len))
			return true;
		words += next;
		words += strspn(words, " ");
	}
	return false;
}

char *km_words_text(const char *words, char *text, size_t size)
{
	size_t used = 0;

	*text = '\0';
	while (*words && used < size) {
		int len = (int)strcspn(words, " ");
		const char *next = words + len + strspn(words + len, " ");

		used += (size_t)snprintf(text + used, size - used, "%s%.*s",
					 !used	 ? ""
					 : *next ? ", "
						 : " or ",
					 len, words);
		words = next;
	}
	return text;
}
