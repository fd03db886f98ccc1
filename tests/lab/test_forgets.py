# SPDX-License-Identifier: GPL-2.0-or-later
"""A kernel that runs between two looks, or two commands of a session: nothing that was read before is believed.

The dump is a real one; between the looks, a script edits its copy as a running kernel would have changed itself."""

import re
import shlex
import struct
import subprocess
import sys

import pytest

from test_bad_input import Elf, first_vcpu
from test_privacy import memory
from tools import BUILD, dumps, kvmmmu, number, offset_of

PAGE = 4096


@pytest.fixture
def elf(tmp_path):
    copy = Elf(tmp_path / "copy.elf")
    yield copy
    copy.file.close()


class Edits:
    """What is written into the copy, by physical address, when the kernel "runs"."""

    def __init__(self, elf):
        self.elf, self.edits = elf, []

    def write(self, pa, data):
        self.edits.append((self.elf.offset(pa), data))

    def script(self, folder, look=1):
        lines = [f"    file.seek({at}); file.write(bytes.fromhex('{data.hex()}'))" for at, data in self.edits]
        path = folder / "edit.py"
        path.write_text("import os\n" f"if os.environ['LOOK'] == '{look}':\n" f"  with open({str(self.elf.path)!r}, 'r+b') as file:\n"
                        + "\n".join(lines) + "\n")
        return f"{sys.executable} {shlex.quote(str(path))}"


def session(elf, script, *lines):
    return subprocess.run([BUILD / "watch", elf.path, script], input="".join(f"{line}\n" for line in lines),
                          capture_output=True, text=True, timeout=120)


def symbol(name):
    return number(kvmmmu(dumps("7.3") / "healthy.elf", "sym", name, "-j").json["address"])


def virtual(va, size=8):
    return memory("7.3").virtual(va, size)


def physical(va):
    """The physical address of a kernel address in the dump."""
    return memory("7.3").translate(va)


def pointer(va):
    return struct.unpack("<Q", virtual(va))[0]


def entry_of(va):
    """The physical address of the page-table entry that maps 4 KiB at va."""
    mem = memory("7.3")
    table = mem.root
    for shift in (39, 30, 21):
        entry, = struct.unpack("<Q", mem.physical(table + 8 * (va >> shift & 511), 8))
        assert entry & 1 and not (entry & 0x80 and shift < 39), "not mapped by a 4 KiB page"
        table = entry & 0x000FFFFFFFFFF000
    return table + 8 * (va >> 12 & 511)


def empty_pages():
    """Physical addresses of pages of zeros, from the end of memory, where nothing was allocated."""
    mem = memory("7.3")
    zeros = bytes(PAGE)
    pa = max(start + size for start, size, _ in mem.loads if start < 1 << 30) - PAGE
    while True:
        try:
            if mem.physical(pa, PAGE) == zeros:
                yield pa
        except StopIteration:
            pass
        pa -= PAGE


def move_stack(edits, vcpu):
    """The thread's stack moves to other pages, as vmalloc could place it; its old pages get another content."""
    thread = find_thread(symbol("init_task") + offset_of("struct task_struct, tasks"), vcpu["tid"])
    stack = pointer(thread + offset_of("struct task_struct, stack"))
    free = empty_pages()
    for page in range(stack, stack + 4 * PAGE, PAGE):
        entry = entry_of(page)
        old, = struct.unpack("<Q", memory("7.3").physical(entry, 8))
        new = next(free)
        edits.write(new, virtual(page, PAGE))
        edits.write(entry, struct.pack("<Q", old & ~0x000FFFFFFFFFF000 | new))
        edits.write(old & 0x000FFFFFFFFFF000, b"\x41" * PAGE)


def find_thread(head, tid):
    """The task_struct of thread tid, in the lists of processes and of their threads."""
    tasks, signal = offset_of("struct task_struct, tasks"), offset_of("struct task_struct, signal")
    node, pid = offset_of("struct task_struct, thread_node"), offset_of("struct task_struct, pid")
    heads = offset_of("struct signal_struct, thread_head")
    process = pointer(head)
    while process != head:
        of = pointer(process - tasks + signal) + heads
        thread = pointer(of)
        while thread != of:
            if struct.unpack("<i", virtual(thread - node + pid, 4))[0] == tid:
                return thread - node
            thread = pointer(thread)
        process = pointer(process)
    raise KeyError(tid)


def stack_lines(text):
    lines = text.splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("stack:"))
    last = next(i for i in range(first + 1, len(lines)) if not lines[i].startswith(" "))
    return lines[first:last]


def test_page_tables_are_read_again_at_each_look(elf, tmp_path):
    _vm, vcpu = first_vcpu()
    edits = Edits(elf)
    before = kvmmmu(elf.path, "explain", vcpu["address"])
    move_stack(edits, vcpu)
    run = session(elf, edits.script(tmp_path), f"explain --watch 2 {vcpu['address']}")
    assert run.returncode == 0, run.stderr
    assert stack_lines(run.stdout) == stack_lines(before.out)


def test_as_many_looks_as_were_asked_for(elf, tmp_path):
    """--watch 5 takes, prints and counts five, unless it says that it took more."""
    _vm, vcpu = first_vcpu()
    for asked in (2, 5):
        run = session(elf, "true", f"explain --watch {asked} {vcpu['address']}")
        assert run.returncode == 0, run.stderr
        more = re.search(r"(\d+) more samples? (was|were) taken", run.stdout)
        table = run.stdout[run.stdout.index("ADDRESS"):].splitlines()[1:]
        rows = sum(bool(re.match(r" +(0x\w+|-) ", line)) for line in table)
        assert rows == asked + (int(more[1]) if more else 0), run.stdout
        assert f" {rows} samples" in " ".join(run.stdout.split()), run.stdout
    assert kvmmmu(elf.path, "explain", "--watch", "1", vcpu["address"]).code == 2


def test_page_tables_are_read_again_by_each_command(elf, tmp_path):
    _vm, vcpu = first_vcpu()
    edits = Edits(elf)
    move_stack(edits, vcpu)
    question = f"explain {vcpu['address']}"
    run = session(elf, edits.script(tmp_path), question, "run", question)
    assert run.returncode == 0, run.stderr
    half = len(run.stdout) // 2
    assert run.stdout[:half] == run.stdout[half:] and "stack:" in run.stdout


def unlink(edits, entry):
    """Remove an entry from its list, as list_del() does."""
    after, before = pointer(entry), pointer(entry + 8)
    edits.write(physical(before), struct.pack("<Q", after))
    edits.write(physical(after + 8), struct.pack("<Q", before))


def test_a_vm_that_ends_between_two_looks(elf, tmp_path):
    vm, vcpu = first_vcpu()
    edits = Edits(elf)
    unlink(edits, number(vm["address"]) + offset_of("struct kvm, vm_list"))
    run = session(elf, edits.script(tmp_path, look=2), f"explain --watch 3 {vcpu['address']}")
    assert run.returncode == 3 and not run.stdout
    assert f"after 2 samples: the VM has ended: there is no struct kvm_vcpu {vcpu['address']} now" in run.stderr


def module(name):
    """The list entry of a loaded module."""
    head, listed, named = symbol("modules"), offset_of("struct module, list"), offset_of("struct module, name")
    at = pointer(head)
    while at != head:
        if virtual(at - listed + named, 16).split(b"\0")[0].decode() == name:
            return at
        at = pointer(at)
    raise KeyError(name)


@pytest.mark.parametrize("name", ["kvm", "kvm_amd"])
def test_a_module_that_is_unloaded_between_two_looks(elf, tmp_path, name):
    _vm, vcpu = first_vcpu()
    edits = Edits(elf)
    unlink(edits, module(name))
    run = session(elf, edits.script(tmp_path), f"explain --watch 3 {vcpu['address']}")
    assert run.returncode == 3 and not run.stdout
    assert "after 1 sample: kvm was unloaded, or loaded again, while it was watched" in run.stderr


def test_a_module_that_is_unloaded_between_two_commands(elf, tmp_path):
    edits = Edits(elf)
    unlink(edits, module("kvm"))
    run = session(elf, edits.script(tmp_path), "vms", "run", "vms")
    assert run.returncode == 3 and run.stdout.count("vmm-beta") == 1
    assert "kvm is not loaded in this kernel" in run.stderr


