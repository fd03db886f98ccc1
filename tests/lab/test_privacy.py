# SPDX-License-Identifier: GPL-2.0-or-later
"""Markers that the lab planted in private data are found in the dump and in no capsule."""

import functools
import json
import re
import struct
import subprocess

import pytest

from tools import GENERATIONS, dumps, kernel, kvmmmu, number, offset_of, truth, unpacked

PLACES = {"guest memory", "general registers", "xmm register", "ymm register", "MMIO data",
          "port data", "heap of the VMM", "command line of the VMM"}
CASES = [(gen, name) for gen in GENERATIONS for name in ("healthy", "nonpt", "panic")]
CASES += [("7.3", "looping"), ("6.1", "zeroed")]
BLOCK = 32  # bytes of text that are looked up at once: any 64 bytes of text contain such a block
RUN = 64
STACK = 16384
PAGE = 4096


def markers(gen, name):
    return {where: bytes.fromhex(text) for where, text in truth(gen, name)["markers"].items()}


class Memory:
    """The lab's ELF dump, by physical and by virtual address."""

    def __init__(self, gen):
        self.data = (dumps(gen) / "healthy.elf").read_bytes()
        phoff, = struct.unpack_from("<Q", self.data, 32)
        count, = struct.unpack_from("<H", self.data, 56)
        headers = [struct.unpack_from("<IIQQQQ", self.data, phoff + 56 * i) for i in range(count)]
        self.loads = [(pa, size, at) for kind, _f, at, _va, pa, size in headers if kind == 1]
        self.base = self.info("NUMBER", "phys_base", 0)
        self.root = self.info("SYMBOL", "init_top_pgt", 16) - 0xFFFFFFFF80000000 + self.base

    def info(self, kind, name, base):
        return int(re.search(rb"%s\(%s\)=(-?\w+)" % (kind.encode(), name.encode()), self.data)[1], base)

    def physical(self, pa, size):
        at = next(at + pa - start for start, length, at in self.loads if start <= pa < start + length)
        return self.data[at:at + size]

    def translate(self, va):
        table = self.root
        for shift in (39, 30, 21, 12):
            entry, = struct.unpack("<Q", self.physical(table + 8 * (va >> shift & 511), 8))
            assert entry & 1, hex(va)
            table = entry & 0x000FFFFFFFFFF000
            if entry & 0x80 and shift in (30, 21):
                return (table & -1 << shift) + (va & (1 << shift) - 1)
        return table + va % PAGE

    def virtual(self, va, size):
        pages = range(va - va % PAGE, va + size, PAGE)
        return b"".join(self.physical(self.translate(page), PAGE) for page in pages)[
            va % PAGE:va % PAGE + size]


@functools.lru_cache(maxsize=None)
def memory(gen):
    return Memory(gen)


def text_size(path):
    sections = subprocess.run(["readelf", "-SW", path], check=True, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    return int(re.search(r" \.text +\w+ +\w+ \w+ (\w+)", sections)[1], 16)


@functools.lru_cache(maxsize=None)
def kernel_text(gen):
    """Return the text of the kernel, kvm and kvm_amd from the dump."""
    lab = truth(gen, "healthy")
    texts = [(number(lab["symbols"]["_text"]), kernel(gen) / "vmlinux")]
    texts += [(number(lab["sections"][name][".text"]),
               next((kernel(gen) / "debug").rglob(f"{name.replace('_', '-')}.ko")))
              for name in ("kvm", "kvm_amd")]
    return [memory(gen).virtual(at, text_size(path)) for at, path in texts]


@functools.lru_cache(maxsize=None)
def text_blocks(gen):
    """Return where each block of text is, except for uniform ones."""
    blocks = {}
    for text in kernel_text(gen):
        for at in range(0, len(text) - BLOCK, BLOCK):
            block = text[at:at + BLOCK]
            if len(set(block)) > 4:
                blocks.setdefault(block, []).append((text, at))
    return blocks


def text_run(image, i, text, at):
    """Return the length of the common run around a block that both contain."""
    start = end = 0
    while start < min(i, at) and image[i - start - 1] == text[at - start - 1]:
        start += 1
    while max(i, at) + end < max(len(image), len(text)) and \
            image[i + end:i + end + 1] == text[at + end:at + end + 1] != b"":
        end += 1
    return start + end


def leaked_text(image, gen):
    blocks = text_blocks(gen)
    return [i for i in range(len(image) - BLOCK + 1) if image[i:i + BLOCK] in blocks
            and any(text_run(image, i, *where) >= RUN for where in blocks[image[i:i + BLOCK]])]


def leaked_markers(image, found):
    """Return the names of the markers in the image: as bytes, or one word of them written as a number."""
    leaks = set()
    for where, marker in found.items():
        words = [marker[i:i + 8] for i in range(0, len(marker), 8)]
        spelled = [f"{int.from_bytes(word, order):016x}".encode() for word in words
                   for order in ("little", "big")]
        if any(part in image for part in [*words, *spelled]):
            leaks.add(where)
    return leaks


def capture(gen, name, to, *options):
    answer = kvmmmu(dumps(gen) / f"{name}.kdump", "capture", "-o", to, "--limit", "16384", *options)
    assert answer.code == 0, answer.err
    return to


@pytest.mark.parametrize("gen", GENERATIONS)
def test_markers_are_in_the_dump(gen):
    found = markers(gen, "healthy")
    assert set(found) == PLACES and len(set(found.values())) == len(found)
    for where, marker in found.items():
        assert len(marker) >= 8 and marker in memory(gen).data, where


def planted(gen, name):
    """How many vCPUs have each marker in KVM's own copies, which gdb read."""
    places = {"r12, r13": "general registers", "xmm0": "xmm register", "MMIO data": "MMIO data",
              "port data": "port data"}
    found = markers(gen, name)
    return {place: sum(bytes.fromhex(vcpu["private"][place]) == found[where]
                       for vm in truth(gen, name)["gdb"]["vms"] for vcpu in vm["vcpus"])
            for place, where in places.items()}


@pytest.mark.parametrize("gen,name", CASES)
def test_markers_are_where_they_were_planted(gen, name):
    seen = planted(gen, name)
    assert seen["r12, r13"] >= 9 and seen["xmm0"] >= 9


@pytest.mark.parametrize("place", ["MMIO data", "port data"])
def test_data_of_exits_is_planted(place):
    """Not in every dump: which exit of a guest was the last one is chance."""
    assert sum(planted(gen, name)[place] for gen, name in CASES)


@pytest.mark.parametrize("options", [(), ("--with-names",)], ids=["no names", "names"])
@pytest.mark.parametrize("gen,name", CASES)
def test_no_marker_and_no_text_in_a_capsule(gen, name, options, tmp_path):
    image = unpacked(capture(gen, name, tmp_path / "c", *options))
    assert len(image) > 100000
    assert not leaked_markers(image, markers(gen, name))
    if name == "healthy":
        assert not leaked_text(image, gen)


def test_the_scanner_finds_what_leaks(tmp_path):
    image = unpacked(capture("7.3", "healthy", tmp_path / "c"))
    found = markers("7.3", "healthy")
    middle = len(image) // 2 + 3
    for where, marker in found.items():
        for leak in (marker, marker[-8:], f"{int.from_bytes(marker[:8], 'little'):#x}".encode()):
            assert leaked_markers(image[:middle] + leak + image[middle:], found) == {where}
    for text in kernel_text("7.3"):
        leak = next(text[at:at + RUN] for at in range(4321, len(text), 777)
                    if len(set(text[at:at + RUN])) > 30)
        assert leaked_text(image[:middle] + leak + image[middle:], "7.3")
    # the texts are those of these kernels: neither zeros nor identical
    assert len(text_blocks("7.3")) > 300000


@functools.lru_cache(maxsize=None)
def stacks(gen):
    """Return the pages of every vCPU thread's stack, by virtual address, found with gdb's offsets."""
    def follow(address, member):
        return int.from_bytes(memory(gen).virtual(address + offset_of(member, gen), 8), "little")

    found = []
    for vm in truth(gen, "healthy")["gdb"]["vms"]:
        for vcpu in vm["vcpus"]:
            pid = follow(number(vcpu["address"]), "struct kvm_vcpu, pid") if vcpu["tid"] else 0
            if pid:
                task = follow(pid, "struct pid, tasks") - offset_of("struct task_struct, pid_links", gen)
                found.append(follow(task, "struct task_struct, stack"))
    assert len(set(found)) == len(found) >= 9
    return [stack + i for stack in found for i in range(0, STACK, PAGE)]


def from_stacks(items, gen):
    """Return the items that lie in a stack, by either of its virtual addresses or as physical memory."""
    pages = {("virt", page) for page in stacks(gen)}
    direct = number(truth(gen, "healthy")["gdb"]["vms"][0]["address"]) & -1 << 30
    for page in stacks(gen):
        pa = memory(gen).translate(page)
        pages |= {("phys", pa), ("virt", direct + pa)}
    return [i for i in items for page in range(number(i["address"]) & -PAGE,
                                               number(i["address"]) + max(i["bytes"], 1), PAGE)
            if (i["space"], page) in pages]


@pytest.mark.parametrize("gen", GENERATIONS)
def test_no_stack_in_a_capsule(gen, tmp_path):
    """Except for a kvm_page_fault that was found on one."""
    capsule = capture(gen, "healthy", tmp_path / "c", "--with-names")
    listed = kvmmmu("capture", "--list", capsule, "-j").json
    assert listed["nothing_else"]
    for item in from_stacks(listed["items"], gen):
        assert item["what"].startswith("kvm_page_fault."), json.dumps(item)
    page = stacks(gen)[5]
    assert from_stacks([{"space": "virt", "address": hex(page + 8), "bytes": 16}], gen)
    assert from_stacks([{"space": "phys", "address": hex(memory(gen).translate(page) - 8),
                         "bytes": 16}], gen)
