# SPDX-License-Identifier: GPL-2.0-or-later
"""Make a dump larger: add memory, on which the answers do not depend. It consists of holes, in the file, too."""

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


BLOCK = 4096
DESC = 24  # struct page_desc
SUB_BLOCKS, MAX_MAPNR, MAX_MAPNR_64 = 432, 440, BLOCK + 96


def grow_kdump(source, to, size, fragmented=0):
    """
    Copy the kdump-compressed dump @source, and let its bitmaps describe @size bytes. Of the added pages, the first
    2 * @fragmented are in the dump in turn: each second one is there, as a copy of the first page of the dump.
    """
    data = source.read_bytes()
    sub, blocks = struct.unpack_from("<II", data, SUB_BLOCKS)
    pfns, = struct.unpack_from("<Q", data, MAX_MAPNR_64)
    maps, descs = (1 + sub) * BLOCK, (1 + sub + blocks) * BLOCK
    half, used, more = blocks // 2 * BLOCK, -(-pfns // 8), size // BLOCK
    dumped = data[maps + half:maps + 2 * half]
    count = bin(int.from_bytes(dumped, "little")).count("1")
    new_half = -(-more // 8 // BLOCK) * BLOCK
    moved = 2 * (new_half - half) + DESC * fragmented
    head = bytearray(data[:maps])
    struct.pack_into("<I", head, SUB_BLOCKS + 4, 2 * new_half // BLOCK)
    struct.pack_into("<I", head, MAX_MAPNR, min(more, (1 << 32) - 1))
    struct.pack_into("<Q", head, MAX_MAPNR_64, more)
    table = bytearray(data[descs:descs + DESC * count])
    for at in range(0, len(table), DESC):
        struct.pack_into("<Q", table, at, struct.unpack_from("<Q", table, at)[0] + moved)
    table += table[:DESC] * fragmented
    with open(to, "wb") as file:
        file.write(head)
        for old in (data[maps:maps + half], dumped):
            begin = file.tell()
            file.write(old[:used] + b"\x55" * (fragmented // 4))
            file.seek(begin + new_half)
        file.write(table)
        file.write(data[descs + DESC * count:])
    return to


def flatten(source, to, size, piece=16384, hole=64 << 20):
    """
    Write the ELF dump @source as makedumpfile -F would, in pieces of @piece bytes, and after it zeros up to @size bytes.
    These are holes in few, large pieces: a header every 16 KB would take 13 GB of the disk.
    """
    data = source.read_bytes()
    with open(to, "wb") as file:
        file.write((b"makedumpfile".ljust(16, b"\0") + struct.pack(">qq", 1, 1)).ljust(BLOCK, b"\0"))
        for at in range(0, len(data), piece):
            part = data[at:at + piece]
            file.write(struct.pack(">qq", at, len(part)) + part)
        for at in range(len(data), size, hole):
            length = min(hole, size - at)
            file.write(struct.pack(">qq", at, length))
            file.seek(length, 1)
        file.write(struct.pack(">qq", -1, -1))
    return to
