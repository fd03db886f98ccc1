// SPDX-License-Identifier: GPL-2.0-or-later
#include "help.h"

#include "../kvmmmu/command.h"

#include <string.h>

static const char options[] =
	"  Of the program, anywhere on the line:\n"
	"\n"
	"        --fail-on CERTAINTY exit with 1 if there is a finding of note, possible,\n"
	"                            likely or proven, or a more certain one\n"
	"        --color[=WHEN]      auto (a terminal and no $NO_COLOR), always or never\n"
	"    -h, --help              this; with a command, what is to know about it\n"
	"        --version\n"
	"\n"
	"  DUMP is an ELF or kdump-compressed dump. One in makedumpfile's flattened form\n"
	"  is first put in order in a temporary file, as large as the dump, in $TMPDIR\n"
	"  (/var/tmp without it) or beside the dump; `makedumpfile -R` does it for good.\n"
	"  live (/proc/kcore, as root) is the running kernel, which changes while it is\n"
	"  read.\n"
	"\n"
	"  CAPSULE is what capture wrote of a dump, and answers as the dump does.\n"
	"\n"
	"  Exit codes: 0 answered, 1 findings (with --fail-on), 2 usage, 3 unreadable.\n";

/* What a command's own help says; the general help has one or two lines about each. */
static const struct topic {
	const char *command, *text;
} topics[] = {
	{"capture",
	 "usage: kvmmmu DUMP capture -o FILE [--with-names] [--limit PAGES] [VM|VCPU]\n"
	 "       kvmmmu capture --list CAPSULE\n"
	 "\n"
	 "Writes a capsule, a small file to give away. It has the kernel structures and\n"
	 "page-table pages that the other commands read, and nothing else; they take a\n"
	 "CAPSULE in the place of DUMP.\n"
	 "--list shows every item, and exits with 3 if there is anything else in it.\n"
	 "\n"
	 "  --with-names   with the names of processes\n"
	 "  --limit PAGES  at most so many page-table pages; default 16384\n"},
	{"explain",
	 "usage: kvmmmu DUMP explain [-j] [-a ADDRESS] [-e ERROR_CODE] [-m MMU] [--v1]\n"
	 "                           [--trace] [--watch N] [VM|VCPU]\n"
	 "\n"
	 "Whether each vCPU is healthy, waits, progresses or is stuck, and why. How sure\n"
	 "that is: proven (the dump contradicts itself), likely, possible. A line for\n"
	 "each; details of those that deserve them, or of VCPU: evidence, known cases,\n"
	 "what to do next, the fault and where it was found, the walk, what KVM does with\n"
	 "it.\n"
	 "\n"
	 "  -a, -e, -m     your own fault, instead of the one that is found\n"
	 "      --trace    every step of it through KVM's handler\n"
	 "      --watch N  lets a live kernel run for 0.1 s and looks again, N times:\n"
	 "                 tells a loop from progress, which one look can't\n"},
	{"vms", "usage: kvmmmu DUMP vms [-j] [VM]\n"
		"\n"
		"One line a VM, one a vCPU, with the counters that matter. '!' marks a vCPU that\n"
		"deserves a look, and a finding below says why.\n"
		"\n"
		"  VM      a number in vms, the address of a struct kvm, or the owner's PID\n"
		"  MP      the vCPU's mp_state; run is RUNNABLE\n"
		"  PF      pf_taken: faults that KVM was asked about. FIXED, FAST, SPUR are what\n"
		"          became of them: a loop shows as SPUR that climbs while FIXED stands\n"},
	{"mmu", "usage: kvmmmu DUMP mmu [-j] VCPU\n"
		"\n"
		"The MMU contexts of a vCPU. Their roles bit by bit, their roots, and the masks\n"
		"that say what the bits of an SPTE mean on this host.\n"
		"\n"
		"  VCPU    VM:INDEX, INDEX where there is one VM, or the address of a kvm_vcpu\n"},
	{"perms", "usage: kvmmmu DUMP perms [-j] [VM|VCPU]\n"
		  "\n"
		  "The permission tables, and whether they are what the role implies. Raw words\n"
		  "and matrix of those that are not; of one vCPU every table in full.\n"},
	{"walk",
	 "usage: kvmmmu DUMP walk [-j] [-m MMU] [-n SIZE [--limit PAGES]] VCPU ADDRESS\n"
	 "\n"
	 "Every shadow page-table entry down to ADDRESS. The kvm_mmu_page that each is in,\n"
	 "where the walk ends, and why.\n"
	 "\n"
	 "  ADDRESS       hexadecimal: a GPA; a GVA under shadow paging; an L2 GPA in\n"
	 "                guest_mmu\n"
	 "  -m, --mmu MMU root_mmu or guest_mmu, instead of the active one\n"
	 "  -n, --bytes SIZE\n"
	 "                what is mapped from ADDRESS on: entries that say the same, but\n"
	 "                for the page frame, as one line, and sums; SIZE is hexadecimal,\n"
	 "                or like 512M, 40G, or all\n"
	 "  --limit PAGES reads at most so many page-table pages; default 262144\n"},
	{"fault",
	 "usage: kvmmmu DUMP fault [-j] [-a ADDRESS] [-e ERROR_CODE] [-m MMU] [--v1]\n"
	 "                         [--trace] VCPU\n"
	 "\n"
	 "The walk under a fault, and four judges on it. They are the processor, the\n"
	 "kernel's table, the table that the role implies, and the test of kernels before\n"
	 "7.3; where they differ it says who is wrong. The fault is the one that KVM is\n"
	 "handling, if it is on the thread's stack; else on AMD that of the VMCB, as old\n"
	 "as the last exit; else give -a and -e.\n"
	 "\n"
	 "  -a, --address HEX  address of the fault\n"
	 "  -e, --error HEX    its error code (see pfec)\n"
	 "  -m, --mmu MMU      root_mmu or guest_mmu, instead of the active one\n"
	 "      --v1           judge as the first posted spte_permission_fault() did\n"
	 "      --trace        what KVM's handler does with it, step by step\n"},
	{"slots",
	 "usage: kvmmmu DUMP slots [-j] [VM]\n"
	 "\n"
	 "The memslots of every address space. They say which GPAs are which memory of the\n"
	 "VMM, and which are logged or read-only.\n"},
	{"replay",
	 "usage: kvmmmu [DUMP] replay [-j] [--as FORMAT] TRACE\n"
	 "\n"
	 "Judges the page faults of a text trace, and names the loops among them. Takes\n"
	 "what tracefs, trace-cmd report or perf script print (\"-\" is standard input,\n"
	 "without a dump) of kvm:kvm_page_fault, kvmmmu:fast_page_fault, and what else\n"
	 "there is of kvm:* and kvmmmu:*. Each fast_page_fault is put to the\n"
	 "same rule as on a dump; faults are counted by vCPU thread, address, error code\n"
	 "and RIP; what comes again and again, and nothing is done about it, is a loop.\n"
	 "\n"
	 "  --as FORMAT  the SPTEs' format, as for spte: ept, npt or shadow, with :6.1,\n"
	 "               :6.12, :7.2 or :7.3; else that of DUMP; else only what all SPTEs\n"
	 "               have in common is judged\n"
	 "  SET          SPTEs written; SLOW: left to the slow path\n"},
	{"spte", "usage: kvmmmu DUMP spte [-j] [--level N] VALUE\n"
		 "       kvmmmu spte [-j] [--level N] --as FORMAT VALUE\n"
		 "\n"
		 "Decodes an SPTE with the masks of the dump, or of FORMAT.\n"
		 "\n"
		 "  --level N    1 is 4K (the default), 2 is 2M, 3 is 1G\n"
		 "  --as FORMAT  ept, npt or shadow, each with :6.1 or :7.2 for the generation of\n"
		 "               the software bits\n"},
	{"pfec", "usage: kvmmmu pfec [-j] [--as FORMAT] VALUE\n"
		 "\n"
		 "Decodes a page-fault error code.\n"},
};

void help_usage(FILE *out)
{
	fputs("usage: kvmmmu [-k PATH] DUMP|CAPSULE|live COMMAND [options] [arguments]\n"
	      "       kvmmmu capture --list CAPSULE\n"
	      "       kvmmmu replay [--as FORMAT] TRACE\n"
	      "       kvmmmu spte --as ept|npt|shadow[:generation] [--level N] VALUE\n"
	      "       kvmmmu pfec VALUE\n"
	      "       kvmmmu [COMMAND] --help\n",
	      out);
}

void help_commands(FILE *out)
{
	const char *const *text = km_help_text();

	/* name, summary and synopsis are the front end's own; examples are crash's */
	for (text += 3; *text && strcmp(*text, "\nEXAMPLES"); text++)
		fprintf(out, "%s\n", *text);
}

void help_all(FILE *out)
{
	help_usage(out);
	fputc('\n', out);
	help_commands(out);
	fprintf(out, "\n%s", options);
}

bool help_topic(const char *command, const char *dump, FILE *out)
{
	static const char place[] = "DUMP ";

	for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++) {
		const char *text = topics[i].text, *next;

		if (strcmp(topics[i].command, command))
			continue;
		for (; (next = strstr(text, place)); text = next + strlen(place))
			fprintf(out, "%.*s%s", (int)(next - text), text, dump);
		fputs(text, out);
		return true;
	}
	return false;
}

bool help_command(const char *command, FILE *out)
{
	if (!help_topic(command, "DUMP ", out))
		return false;
	fputs("\n-j, --json prints JSON; the program's options are in `kvmmmu --help`.\n", out);
	return true;
}
