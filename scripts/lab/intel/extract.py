#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Make the extracts of the Intel dumps that the tests use: the notes, and the pages that kvmmmu reads.

extract.py DUMPS OUT

DUMPS is the directory that "lab intel" prints. OUT gets vmlinux.xz with the types, one whole extract (.xz),
and the others as zstd's difference to it (.zst): most of each is the kernel's symbol table. build/kvmmmu and
build/batch must exist.
"""

import lzma
import os
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOP = HERE.parent.parent.parent
sys.path[:0] = [str(TOP / "tests")]

from tools import BUILD, INTEL, kvmmmu, questions  # noqa: E402

PAGE = 4096
PT_LOAD, PT_NOTE = 1, 4
EHDR, PHDR = struct.Struct("<16sHHIQQQIHHHHHH"), struct.Struct("<IIQQQQQQ")
# Where the structures are described that kvmmmu reads: KVM's own, and those of VMX.
SOURCES = ("arch/x86/kvm/mmu/mmu.c", "arch/x86/kvm/vmx/main.c")



def slots_of(words):
    for memslots in kvmmmu(*words, "slots", "-j").json["memslots"]:
        yield from ((int(slot["gpa"], 16), slot["npages"]) for slot in memslots["slots"])


def lines_about(words):
    """Return what a test may ask: every command, and faults at the first pages of every memslot."""
    vms = kvmmmu(*words, "vms", "-j").json["vms"]
    pages = {gpa + i * PAGE for gpa, npages in slots_of(words) for i in range(min(npages, 64))}
    lines = ["explain", "explain --trace", *questions(vms)]
    for vm in vms:
        for vcpu in vm["vcpus"]:
            name = f"{vm['vm']['number']}:{vcpu['index']}"
            lines += [f"explain --trace {name}"]
            lines += [f"walk -n all -m {mmu} {name} 0" for mmu in ("root_mmu", "guest_mmu")]
            lines += [f"fault --trace {name} -a {address:x} -e {error_code}"
                      for address in (0, 0x1000, 1 << 40, *sorted(pages)) for error_code in "2467"]
    return lines


def pages_read(words, dump):
    """Return the addresses of all pages that kvmmmu reads for its answers."""
    with tempfile.TemporaryDirectory() as work:
        subprocess.run(["gcc", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC",
                        "-o", f"{work}/pages.so", HERE / "pages.c"], check=True)
        lines = [*lines_about(words), f"capture -o {work}/capsule --with-names"]
        subprocess.run([BUILD / "batch", dump, words[1]], input="\n".join(lines).encode(), stdout=subprocess.DEVNULL,
                       env={**os.environ, "LD_PRELOAD": f"{work}/pages.so", "PAGES": f"{work}/list",
                            "DUMP": str(dump)}, check=True)
        core = Core(dump)
        return {page for line in Path(f"{work}/list").read_text().splitlines()
                for page in core.pages(*map(int, line.split()))}


class Core:
    """An ELF core, as far as an extract needs it."""

    def __init__(self, path):
        self.file = open(path, "rb")
        self.header = EHDR.unpack(self.file.read(EHDR.size))
        self.segments = [PHDR.unpack(self.read(self.header[5] + i * PHDR.size, PHDR.size))
                         for i in range(self.header[10])]

    def read(self, at, size):
        self.file.seek(at)
        return self.file.read(size)

    def notes(self):
        return b"".join(self.read(offset, size) for kind, _, offset, _, _, size, _, _ in self.segments
                        if kind == PT_NOTE)

    def pages(self, at, size):
        """Return the addresses of the pages whose bytes are in the @size bytes of the file at @at."""
        for kind, _, offset, _, physical, length, _, _ in self.segments:
            start, end = max(at, offset), min(at + size, offset + length)
            if kind == PT_LOAD and start < end:
                first = (physical + start - offset) // PAGE * PAGE
                yield from range(first, physical + end - offset, PAGE)

    def run(self, page, wanted):
        """Return virtual address and bytes of @page and the wanted ones that follow it in its segment, or None."""
        for kind, _, offset, virtual, physical, size, _, _ in self.segments:
            if kind != PT_LOAD or not physical <= page <= physical + size - PAGE:
                continue
            end = page
            while end in wanted and end <= physical + size - PAGE:
                end += PAGE
            return virtual + page - physical, self.read(offset + page - physical, end - page)
        return None


def extract(core, wanted):
    """Return the ELF core that holds only these pages."""
    notes, runs, end = core.notes(), [], 0
    for page in sorted(wanted):
        found = core.run(page, wanted) if page >= end else None
        if found:
            runs.append((page, *found))
            end = page + len(found[1])
    count = 1 + len(runs)
    at = EHDR.size + count * PHDR.size
    headers = [PHDR.pack(PT_NOTE, 0, at, 0, 0, len(notes), len(notes), 4)]
    at += len(notes)
    for page, virtual, data in runs:
        headers.append(PHDR.pack(PT_LOAD, 7, at, virtual, page, len(data), len(data), 1))
        at += len(data)
    ident, kind, machine = core.header[:3]
    return b"".join([EHDR.pack(ident, kind, machine, 1, 0, EHDR.size, 0, 0, EHDR.size, PHDR.size, count, 0, 0, 0),
                     *headers, notes, *(data for _, _, data in runs)])


def write_xz(path, data):
    path.write_bytes(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME))


def main():
    dumps, out = map(Path, sys.argv[1:])
    with tempfile.TemporaryDirectory() as work:
        for name in INTEL:
            dump = dumps / f"{name}.vmcore"
            data = extract(Core(dump), pages_read(["-k", dumps / "vmlinux", dump], dump))
            Path(work, name).write_bytes(data)
            if name == INTEL[0]:
                write_xz(out / f"{name}.vmcore.xz", data)
                continue
            subprocess.run(["zstd", "-q", "-f", "--ultra", "-22", f"--patch-from={work}/{INTEL[0]}", f"{work}/{name}",
                            "-o", out / f"{name}.vmcore.zst"], stderr=subprocess.DEVNULL, check=True)
        subprocess.run([HERE / "debuginfo.py", dumps / "vmlinux", f"{work}/vmlinux", *SOURCES], check=True)
        write_xz(out / "vmlinux.xz", Path(work, "vmlinux").read_bytes())


if __name__ == "__main__":
    main()
