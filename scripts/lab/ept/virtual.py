# SPDX-License-Identifier: GPL-2.0-or-later
"""A core file of a kernel that stands still in Bochs, with the kernel's virtual addresses, for gdb."""

import json
import os
import struct
import subprocess

import dump as core
from kernel import ADDRESS, LARGE, PRESENT

LAB = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
KERNEL_HALF = range(256, 512)
USER_OF_GDB = 336  # bytes of NT_PRSTATUS


def entries(kernel, table):
    return struct.unpack("<512Q", kernel.memory.read(table, 4096))


def below(kernel, table, level, address):
    """Yield (virtual, physical, size) of what a page table maps."""
    shift = 12 + 9 * (level - 1)
    for index, entry in enumerate(entries(kernel, table)):
        at = address | index << shift
        if not entry & PRESENT:
            continue
        if level == 1 or entry & LARGE:
            yield at, entry & ADDRESS & -1 << shift, 1 << shift
        else:
            yield from below(kernel, entry & ADDRESS, level - 1, at)


def mapped(kernel, size):
    """Yield (virtual, physical, size) of the kernel's memory: the direct map first, the others merged."""
    yield core.DIRECT_MAP, 0, size
    last = None
    top = entries(kernel, kernel.page_directory())
    for index in KERNEL_HALF:
        address = -1 << 48 | index << 39
        if not top[index] & PRESENT or address & (1 << 64) - 1 == core.DIRECT_MAP:
            continue
        for at, physical, length in below(kernel, top[index] & ADDRESS, 3, address & (1 << 64) - 1):
            if physical + length > size:
                continue
            if last and (last[0] + last[2], last[1] + last[2]) == (at, physical):
                last = (last[0], last[1], last[2] + length)
                continue
            if last:
                yield last
            last = (at, physical, length)
    if last:
        yield last


def write(path, kernel, blocks, block):
    """Memory is in the file once; each range of addresses shows its part of it."""
    size = len(blocks) * block
    ranges = list(mapped(kernel, size))
    note = bytearray(core.note(b"CORE", bytes(USER_OF_GDB)))
    struct.pack_into("<I", note, 8, 1)  # NT_PRSTATUS
    start = core.EHDR.size + (len(ranges) + 1) * core.PHDR.size
    base = (start + len(note) + 4095) & -4096
    with open(path, "wb") as file:
        file.write(core.EHDR.pack(b"\x7fELF\2\1\1", 4, 62, 1, 0, core.EHDR.size, 0, 0, core.EHDR.size, core.PHDR.size,
                                  len(ranges) + 1, 0, 0, 0))
        file.write(core.PHDR.pack(core.PT_NOTE, 0, start, 0, 0, len(note), len(note), 4))
        for at, physical, length in ranges:
            file.write(core.PHDR.pack(core.PT_LOAD, 7, base + physical, at, physical, length, length, 4096))
        file.write(note)
        for number, content in enumerate(blocks):
            if content:
                file.seek(base + number * block)
                file.write(content)
        file.truncate(base + size)


def truth(host, kernel, blocks, block, work):
    """What gdb reads: {"vms": the permission tables, "maps": as matrix/maps.py has them}."""
    write(f"{work}/kernel.core", kernel, blocks, block)
    config = {"sections": {"kvm": host.sections["kvm"]}, "debug": os.path.dirname(host.debug), "symbols": {},
              "core": f"{work}/kernel.core", "out": f"{work}/truth.json"}
    with open(f"{work}/config", "w", encoding="ascii") as file:
        json.dump(config, file)
    subprocess.run(["gdb", "-nx", "-batch", "-ex", f"source {LAB}/ept/read_truth.py"], check=True,
                   stdin=subprocess.DEVNULL, env={**os.environ, "LAB_CONFIG": f"{work}/config", "LAB_SCRIPTS": LAB})
    os.unlink(f"{work}/kernel.core")
    with open(f"{work}/truth.json", encoding="ascii") as file:
        return json.load(file)
