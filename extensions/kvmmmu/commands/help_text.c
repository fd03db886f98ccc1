// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/help_text.h"

const char *const km_about[] = {
	"kvmmmu finds every struct kvm_mmu of a Linux host, checks whether its permission tables "
	"match its role, and walks shadow page-table entries (SPTEs). For a page fault, it "
	"compares four checks of the access: the processor's, the kernel's own table, the table "
	"that the role implies, and the test of kernels before 7.3. Where they differ, it reports "
	"which one is wrong. kvmmmu never writes to the host.",
	NULL,
};

static const char *const about_program[] = {
	"Without COMMAND, explain is run. Options may appear anywhere on the command line.",
	NULL,
};

static const char *const about_crash[] = {
	"kvmmmu finds the symbols and types of kvm without \"mod -s\". -k stays in effect for "
	"later commands.",
	NULL,
};

static const char *const about_gdb[] = {
	"gdb does not need symbols for this. The selected CPU has to be stopped. kvmmmu writes "
	"neither memory nor registers. -k stays in effect for later commands. \"pipe kvmmmu vms | "
	"less\" sends an answer to a shell command.",
	"Expressions can use $_kvmmmu(), $_kvmmmu_spte(), $_kvmmmu_sym() and $_kvmmmu_verdict(): "
	"see \"help "
	"function\".",
	NULL,
};

const char *const *const km_about_front_end[] = {
	[KM_IN_PROGRAM] = about_program,
	[KM_IN_CRASH] = about_crash,
	[KM_IN_GDB] = about_gdb,
};

const struct km_term km_inputs[] = {
	{"DUMP", "An ELF core, such as /proc/vmcore or what QEMU's dump-guest-memory writes, or a "
		 "kdump-compressed dump, also in makedumpfile's flattened format."},
	{"-", "Standard input: a dump or a capsule. Every command first copies a dump from a pipe "
	      "to an unnamed temporary file in $TMPDIR, which is as large as the dump."},
	{"CAPSULE",
	 "An extract of a dump, written by capture. It gives the same answers as the dump, and "
	 "nothing else has to be installed. Answers report what the capsule does not cover."},
	{"live", "The running kernel, through /proc/kcore. This needs root, and a kernel that is "
		 "not locked down. The kernel runs while it is read, so an answer may "
		 "combine data that was read at different times: repeat the command before you "
		 "rely on a finding."},
	{NULL, NULL},
};

const struct km_term km_environment[] = {
	{"DEBUGINFOD_URLS", "Servers to ask for debuginfo that is not on this machine."},
	{"KVMMMU_DEBUGINFO", "Debuginfo file or directory to search first, if -k is not given."},
	{"KVMMMU_NO_CACHE", "If this is set and not empty, nothing is kept about dumps."},
	{"NO_COLOR", "If this is set and not empty, --color=auto means never."},
	{"TMPDIR", "Directory for dumps that are read from a pipe, and for long answers; the "
		   "default is /var/tmp."},
	{"XDG_CACHE_HOME", "Directory of the cache, instead of ~/.cache."},
	{NULL, NULL},
};

const struct km_term km_files[] = {
	{"~/.cache/kvmmmu/memo",
	 "The cache: addresses of symbols, the layout of structures, and where the pieces of a "
	 "flattened dump are. The program writes one file for each dump, so that the next command "
	 "on the same dump need not decompress kallsyms and BTF again; answers are the same with "
	 "and without it. What is kept is used only for the very file that it was made from, which "
	 "device, inode, size, times, beginning and end identify, because a build-id is a claim "
	 "that another dump could make, too. Files here are not trusted: one that is damaged, or "
	 "that another user owns or could have written, is ignored. At most 64 files and 256 MB "
	 "are kept; they can be removed at any time. Nothing is kept about capsules, live kernels, "
	 "dumps from a pipe, dumps in /proc or on a FUSE file system, and dumps that were changed "
	 "during the last two seconds. batch, crash and gdb do not use the cache, and neither "
	 "does the program if the home directory belongs to another user."},
	{NULL, NULL},
};

const struct km_term km_exit_codes[] = {
	{"0", "The question was answered."},
	{"1", "The question was answered, and there is a finding that is at least as certain as "
	      "--fail-on specifies."},
	{"2", "Invalid command line."},
	{"3", "The dump cannot be read or lacks what the answer needs, or the answer cannot be "
	      "written."},
	{NULL, NULL},
};

const struct km_example km_examples[] = {
	{"Why does a guest hang?", "explain", true},
	{"What was the last fault of vCPU 0 of VM 1?", "fault 1:0", true},
	{"What would KVM do with a user-mode write to GPA 0x1000?", "fault 1:0 -a 1000 -e 6", true},
	{"Write a small file for the person who analyses this:", "capture -o host.kvmmmu", true},
	{"What does that file contain?", "capture --list host.kvmmmu", false},
	{NULL, NULL, false},
};
