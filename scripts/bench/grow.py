# SPDX-License-Identifier: GPL-2.0-or-later
"""Make an ELF dump larger: add memory that consists of holes, on which the answers do not depend."""

import shutil
import struct

PHDR = 56
NEW_MEMORY = 1 << 32  # above the memory of all the lab's machines


def grow(source, to, size):
    """Copy the dump @source and add memory until the dump contains @size bytes."""
    shutil.copyfile(source, to)
    with open(to, "r+b") as file:
        header = file.read(64)
        phoff, = struct.unpack_from("<Q", header, 32)
        phnum, = struct.unpack_from("<H", header, 56)
        file.seek(phoff)
        table = file.read(PHDR * phnum)
        more = size - sum(struct.unpack_from("<Q", table, PHDR * i + 32)[0] for i in range(phnum))
        at = -(-file.seek(0, 2) // 4096) * 4096
        file.truncate(at + more)
        table += struct.pack("<IIQQQQQQ", 1, 7, at, 0, NEW_MEMORY, more, more, 0)
        file.seek(0, 2)
        file.write(table)
        file.seek(32)
        file.write(struct.pack("<Q", at + more))
        file.seek(56)
        file.write(struct.pack("<H", phnum + 1))
    return to
