# SPDX-License-Identifier: GPL-2.0-or-later
"""
No limit without a line of output: each MAX_ or LIMIT of the code is in one of these tables. To reach those of the
first table, the program is built with a smaller limit and asked about a real dump; the limit's line must be there, and
not without it. The second table has what is not a limit of an answer, and why.
"""

import re
import subprocess

import pytest

from limits import defined, lowered
from tools import BUILD, TOP, dumps, kernel

SAMPLE = TOP / "samples" / "amd-7.3-looping.kvmmmu"
DAMAGED = TOP / "samples" / "scenarios" / "7.3" / "child-page-mismatch-twin.kvmmmu"
KDUMP, LOOPING, FLAT, ELF = "healthy.kdump", "looping.kdump", "healthy.flat.kdump", "healthy.elf"

# file, name, smaller value, dump or capsule, command, the line
REACHED = [
    ("cli/batch.c", "MAX_LINE", "1", None, f"batch {SAMPLE}", r"the answer has more than 0 MB"),
    ("kvmmmu/threads/tasks_read.c", "MAX_IDLE", "1", KDUMP, "report 0", r"\d+ threads of VM owners .* are left out"),
    ("kvmmmu/commands/cmd_find.c", "MAX_SPTES", "0", KDUMP, "find 4000000", r"\d+ more SPTEs are left out"),
    ("kvmmmu/commands/cmd_find.c", "MAX_TARGETS", "0", KDUMP, "find 4000000", r"\d+ more gfns in memslots are left out"),
    ("kvmmmu/commands/cmd_find.c", "DEFAULT_LIMIT", "1", KDUMP, "find 4000000", r"more than 1 page-table pages \(--limit\)"),
    ("kvmmmu/commands/cmd_walk.c", "DEFAULT_LIMIT", "1", KDUMP, "walk -n all 0:0 0", r"stopped after 1 page-table page\b"),
    ("kvmmmu/commands/cmd_walk.c", "MAX_ROWS", "1", KDUMP, "walk -n all 0:0 0", r"\d+ more runs are not listed"),
    ("kvmmmu/commands/cmd_walk.c", "MAX_KINDS", "1", KDUMP, "walk -n all 0:0 0", r"runs of other types are not in the totals"),
    ("kvmmmu/commands/report_vm.c", "MAX_THREADS", "1", KDUMP, "report 0", r"\d more threads are left out"),
    ("kvmmmu/commands/cmd_report.c", "MAX_LISTED", "0", KDUMP, "report", r"\d more are left out: see \"kvmmmu vms\""),
    ("kvmmmu/commands/describe_audit.c", "MAX_TABLES", "1", KDUMP, "explain", r"only \d+ of its page tables were examined"),
    ("kvmmmu/commands/describe_audit.c", "MAX_ANOMALIES", "0", DAMAGED, "explain", r"\d+ more anomalies of page tables"),
    ("kvmmmu/commands/vcpu_rows.c", "MAX_LISTED", "0", KDUMP, "explain", r"\d+ more are \"(healthy|waiting)\", .* lists them"),
    ("kvmmmu/kvm/vm.c", "MAX_VMS", "1", KDUMP, "vms", r"the list of VMs does not end"),
    ("kvmmmu/kvm/vm.c", "MAX_VCPUS", "1", KDUMP, "vms", r"at most 1 vCPUs are possible"),
    ("kvmmmu/kvm/vcpu_check.c", "MAX_CPUS", "0", KDUMP, "vms", r"kvm_vcpu.cpu is 0x0, which is not a CPU"),
    ("kvmmmu/kvm/memslots.c", "MAX_SLOTS", "1", KDUMP, "slots", r"too many slots"),
    ("kvmmmu/kvm/memslots.c", "MAX_DEPTH", "1", KDUMP, "slots", r"the tree of memslots is corrupt: a loop"),
    ("kvmmmu/kvm/memslot_trees.c", "MAX_DEPTH", "1", KDUMP, "audit", r"the tree of HVAs has a loop"),
    ("kvmmmu/kernel/printk_log.c", "MAX_COUNT_BITS", "1", KDUMP, "log", r"the log buffer is malformed: 2\^"),
    ("kvmmmu/kernel/printk_log.c", "MAX_SIZE_BITS", "1", KDUMP, "log", r"the log buffer is malformed: 2\^"),
    ("kvmmmu/kernel/printk_log.c", "MAX_GAP", "0", KDUMP, "log", r"\d+ records are lost"),
    ("kvmmmu/kernel/module.c", "MAX_SYMBOLS", "1", KDUMP, "vms", r"\d+ symbols in one module"),
    ("kvmmmu/kernel/module.c", "MAX_STRINGS", "1", KDUMP, "vms", r"symbol names of \d+ bytes in one module"),
    ("kvmmmu/kernel/text.c", "MAX_TEXT", "1", KDUMP, "explain", r"the stack of its thread is not readable"),
    ("kvmmmu/kernel/kernel_types.c", "MAX_BTF", "1", KDUMP, "vms --types btf", r"BTF of vmlinux in the dump: \d+ bytes"),
    ("kvmmmu/dump/kdump_header.c", "MAX_PFN", "1", KDUMP, "vms", r"damaged .*: 0x\w+ pages of memory"),
    ("kvmmmu/dump/kdump_header.c", "MAX_NOTES", "1", KDUMP, "vms", r"notes outside the file"),
    ("kvmmmu/dump/kallsyms.c", "MAX_SYMBOLS", "1", KDUMP, "vms", r"kallsyms has \d+ symbols"),
    ("kvmmmu/dump/kallsyms.c", "MAX_NAME", "1", KDUMP, "vms", r"kallsyms.* is too long"),
    ("kvmmmu/dump/flattened.c", "MAX_PIECES", "1", FLAT, "vms", r"more than 1 pieces"),
    ("kvmmmu/dump/flattened.c", "MAX_RUNS", "1", FLAT, "vms", r"more than 1 non-contiguous ones"),
    ("kvmmmu/dump/elf_core.c", "MAX_HEADERS", "1", ELF, "vms", r"program headers outside the file"),
    ("kvmmmu/dump/elf_core.c", "MAX_NOTES", "1", ELF, "vms", r"too many notes"),
    ("kvmmmu/dump/dump_notes.c", "MAX_COUNT", "0", KDUMP, "vms", r"no VMCOREINFO"),
    ("kvmmmu/dump/dump_notes.c", "MAX_VMCOREINFO", "1", KDUMP, "vms", r"no VMCOREINFO"),
    ("kvmmmu/capsule/capsule.c", "MAX_MANIFEST", "1", SAMPLE, "vms", r"a manifest that is too long"),
    ("kvmmmu/capsule/capsule.c", "MAX_TYPES", "1", SAMPLE, "vms", r"more types than a capsule may contain"),
    ("kvmmmu/capsule/capsule_manifest.c", "MAX_TEXT", "2", SAMPLE, "vms", r"manifest: incomplete"),
    ("kvmmmu/threads/saved_stacks.c", "MAX_TEXT", "10", SAMPLE, "explain", r"the note of stacks is malformed"),
    ("kvmmmu/types/btf_closure.c", "MAX_DEPTH", "1", KDUMP, "capture -o OUT", r"endlessly nested types"),
    ("kvmmmu/types/btf_closure.c", "MAX_SOURCES", "0", KDUMP, "capture -o OUT", r"too many type sources"),
    ("kvmmmu/capsule/capsule_types.c", "MAX_TURNS", "0", KDUMP, "capture -o OUT", r"endlessly nested types"),
    ("kvmmmu/types/btf_check.c", "MAX_STRINGS", "1", KDUMP, "vms --types btf", r"damaged BTF: too many strings"),
    ("kvmmmu/types/map_file.c", "MAX_MAPPINGS", "0", KDUMP, "vms --types dwarf -k DEBUG", r"Too many open files"),
    ("kvmmmu/types/debuginfo.c", "MAX_ENTRIES", "1", KDUMP, "vms --types dwarf -k /usr/share",
     r"the search ended after 1 files and folders"),
    ("kvmmmu/types/debuginfo.c", "MAX_DEPTH", "1", KDUMP, "vms --types dwarf -k /usr/share",
     r"folders more than 1 levels deep were not searched"),
    ("kvmmmu/types/types_file.c", "MAX_BTF", "1", None, "layout BTF", r"too large for BTF"),
    ("kvmmmu/commands/cmd_audit.c", "DEFAULT_LIMIT", "0", LOOPING, "audit", r"\d+ more anomalies are counted, but not listed"),
]

# Limits in headers, with the files that they are for.
IN_HEADERS = [
    ("kvmmmu/base/memory.h", "KM_MAX_MISSING", "0", ("base/memory.c", "commands/describe_source.c"), "LOST", "explain",
     r"more than 0 page needed for this answer"),
    ("kvmmmu/capsule/capture.h", "KM_CAPTURE_MAX", "1", ("capsule/capture.c", "commands/cmd_capture.c"), KDUMP,
     "capture -o OUT", r"only 1 page-table pages are included \(--limit\)"),
    ("kvmmmu/capsule/capsule_format.h", "KM_CAPSULE_MAX", "1000ULL", ("capsule/capsule.c",), SAMPLE, "vms", r"limit of 0 MiB"),
    ("kvmmmu/capsule/capsule_format.h", "KM_CAPSULE_MAX_RATIO", "1", ("capsule/capsule.c",), SAMPLE, "vms", r"capsule"),
]

# What is not a limit of an answer; a test where there is one.
OTHERS = {
    # the cache: what is not kept is read again, and the answer is the same (lab/test_cache.py)
    "cli/cache.c MAX_FILES": "the cache", "cli/cache.c MAX_TOTAL": "the cache", "cli/cache.c MAX_FILE": "the cache",
    "kvmmmu/base/memo.h KM_MEMO_MAX": "the cache (unit/test_memo.c)",
    # bounds of the kernel: a larger value is corrupt, and what depends on it is unknown
    "kvmmmu/kvm/dirty_rings.c KVM_DIRTY_RING_MAX_ENTRIES": "of kvm_vm_ioctl_enable_dirty_log_ring()",
    # arrays that hold what the code itself lists; a compiler or an assertion notices one that is too small
    "kvmmmu/kernel/layout.c MAX_NAMES": "sizes of a table of ours",
    "kvmmmu/kernel/features.c MAX_NEEDS": "sizes of a table of ours",
    "kvmmmu/kernel/features.c MAX_ALTERNATIVES": "sizes of a table of ours",
    "kvmmmu/document/document.h KM_MAX_COLUMNS": "columns of a table of ours",
    "kvmmmu/commands/option_table.h KM_MAX_OPTIONS": "bits of a word, statically asserted",
    "kvmmmu/commands/cmd_diff.c MAX_ONE_SIDED": "names of values of ours",
    "kvmmmu/commands/report_check.c MAX_VALUES": "values of a line of ours",
    "kvmmmu/commands/cmd_layout.c MAX_FILES": "a usage error otherwise",
    "kvmmmu/commands/option_table.c MAX_WIDTH": "a usage error otherwise",
    "kvmmmu/commands/command_options.h KM_MAX_BYTES": "a usage error otherwise",
    "kvmmmu/capsule/btf_make.c MAX_FIELDS": "members in layout.def of one structure; an error otherwise",
    "kvmmmu/capsule/btf_make.c MAX_PATH": "the longest path in layout.def; an error otherwise",
    # bounds that the architecture or the kernel has; other values are contradictions, which unit/test_contradictions.c has
    "kvmmmu/fault/page_fault_on_stack.c MAX_GFN": "of the architecture", "kvmmmu/kvm/memslots.c MAX_GFN": "of the architecture",
    "kvmmmu/walk/vma.c MAPLE_HEIGHT_MAX": "of the kernel: the VMA is unknown",
    "kvmmmu/commands/cmd_report.c MAX_DETAILED": "which vCPUs have a chapter; the others have a row (lab/test_crowd.py)",
    "kvmmmu/walk/page_tables.c MAX_LEVEL": "of the architecture", "kvmmmu/kvm/vm.c MAX_VM_TYPE": "of the kernel",
    "kvmmmu/kernel/task_state.h TASK_STATE_MAX": "of the kernel", "kvmmmu/threads/stack_read.c MAX_PAGES": "of the kernel: KASAN's stacks",
    "kvmmmu/dump/find_kernel.h KM_VMCOREINFO_MAX": "of the kernel", "kvmmmu/dump/kallsyms.c MAX_TOKEN_TEXT": "16-bit indexes",
    "kvmmmu/types/debuginfo.h KM_BUILD_ID_MAX": "longer ones are an error", "kvmmmu/kernel/module.c MAX_RODATA": "then the build-id is unknown",
    # windows in which evidence is searched for; what is not found is unknown, never absent
    "cli/kdump_pages.c MAX_ALIKE": "how far a cut is searched for; the pages that it took are named in any case",
    "kvmmmu/kvm/lost_vcpus.c MAX_FILES": "vCPUs that are not found are counted and named (lab/test_lost_vcpus.py)",
    "kvmmmu/fault/fault_place.c MAX_BELOW": "a window of evidence", "kvmmmu/threads/crash_frame.c MAX_FRAME": "a window of evidence",
    "kvmmmu/threads/crash_frame.c MAX_PADDING": "a window of evidence",
    "kvmmmu/fault/vmcs_read.c MAX_PAGES": "samples that find a layout (unit/test_vmcs_page.c)",
    "kvmmmu/capsule/capture.c MAX_MAPPINGS": "answers of the capsule report what it does not cover",
    # the same work is done again, or an error
    "kvmmmu/types/debuginfo.c MAX_SEEN": "others are read twice", "kvmmmu/commands/command.c MAX_TRIES": "the last try is the answer (lab/test_live.py)",
    "kvmmmu/base/output.c MAX_FILES": "protects files that are open", "kvmmmu/base/output.c MAX_PROTECTED": "protects files that were open",
    "kvmmmu/base/sha256.h KM_SHA256_MAX": "of a file in a report; larger ones have no digest there",
    "kvmmmu/capsule/capsule.c MAX_PROBE": "where a signature is",
    # debuginfo that nobody has: an error with the file's name (unit/test_debuginfo.c, fuzz/dwarf.c, fuzz/module.c)
    "kvmmmu/types/unpack.c MAX_IMAGE": "an error", "kvmmmu/types/unpack.c MAX_RATIO": "an error",
    "kvmmmu/types/dwarf_file.c MAX_SECTION": "an error", "kvmmmu/kernel/module_elf.c MAX_SECTIONS": "an error",
    "kvmmmu/kernel/module_elf.c MAX_STRINGS": "an error",
    # Debian's kernels have no configuration inside: unit/test_host.c
    "kvmmmu/host/host_config.c MAX_PACKED": "the fact's reason", "kvmmmu/host/host_config.c MAX_UNPACKED": "the fact's reason",
}


def test_every_limit_is_in_a_table():
    names = [f"{file} {name}" for file, name, _ in defined()]
    known = {f"{file} {name}" for file, name, *_ in REACHED + IN_HEADERS} | OTHERS.keys()
    assert len(names) > 80
    assert sorted(set(names) - known) == [], "limits without a line of output"
    assert sorted(known - set(names)) == []


def ask(program, dump, command, folder):
    path = dumps("7.3") / dump if isinstance(dump, str) else dump
    (folder / "btf").write_bytes(b"\x9f\xeb\1" + bytes(100))
    words = command.replace("BTF", str(folder / "btf")).replace("OUT", str(folder / "out")).replace("DEBUG", str(kernel("7.3") / "debug")).split()
    run = subprocess.run([program, *([path] if path else []), *words], capture_output=True, text=True, errors="replace",
                         timeout=120, check=False)
    (folder / "out").unlink(missing_ok=True)
    return " ".join((run.stdout + run.stderr).split())


@pytest.mark.parametrize("file, name, value, dump, command, line", REACHED, ids=lambda v: v if isinstance(v, str) else "")
def test_a_limit_that_is_reached_has_a_line(file, name, value, dump, command, line, tmp_path):
    plain = ask(BUILD / "kvmmmu", dump, command, tmp_path)
    limited = ask(lowered(tmp_path, file, name, value), dump, command, tmp_path)
    assert re.search(line, limited), limited
    assert not re.search(line, plain), plain


@pytest.mark.parametrize("file, name, value, users, dump, command, line", IN_HEADERS, ids=lambda v: v if isinstance(v, str) else "")
def test_a_limit_in_a_header_that_is_reached_has_a_line(file, name, value, users, dump, command, line, tmp_path):
    if dump == "LOST":  # a dump that is truncated has lost pages
        whole = (dumps("7.3") / KDUMP).read_bytes()
        dump = tmp_path / "truncated"
        dump.write_bytes(whole[:len(whole) * 97 // 100])
    plain = ask(BUILD / "kvmmmu", dump, command, tmp_path)
    limited = ask(lowered(tmp_path, file, name, value, users), dump, command, tmp_path)
    assert re.search(line, limited), limited
    assert not re.search(line, plain), plain
