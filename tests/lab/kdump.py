# SPDX-License-Identifier: GPL-2.0-or-later
"""Make kdump-compressed files of the lab's ELF dump: all packings, both headers, parts of a split dump."""

import ctypes
import struct
import zlib

PAGE = 4096


def packer(library, function, flag, *words):
    call = getattr(ctypes.CDLL(library), function)

    def pack(page):
        out, size = ctypes.create_string_buffer(2 * PAGE), ctypes.c_size_t(2 * PAGE)
        assert call(page, ctypes.c_size_t(PAGE), out, ctypes.byref(size), *words) == 0
        return flag, out.raw[:size.value]
    return pack


def zstd(page):
    library = ctypes.CDLL("libzstd.so.1")
    library.ZSTD_compress.restype = ctypes.c_size_t
    out = ctypes.create_string_buffer(2 * PAGE)
    size = library.ZSTD_compress(out, ctypes.c_size_t(2 * PAGE), page, ctypes.c_size_t(PAGE), 1)
    return 0x20, out.raw[:size]


def packers():
    """Use the packings in turn, page after page."""
    return [lambda page: (0x1, zlib.compress(page, 1)),
            packer("liblzo2.so.2", "lzo1x_1_compress", 0x2, ctypes.create_string_buffer(1 << 18)),
            packer("libsnappy.so.1", "snappy_compress", 0x4), zstd, lambda page: (0, page)]


def packed_pages(elf, start, end):
    """Return (flags, bytes) of the pages from pfn @start up to @end; read(pa, size) reads the open @elf."""
    ways, packed = packers(), []
    for pfn in range(start, end):
        page = elf.read(pfn * PAGE, PAGE)
        flags, data = ways[pfn % len(ways)](page)
        packed.append((flags, data) if len(data) < PAGE else (0, page))
    return packed


def write(to, notes, packed, first=0, wide=True, split=None):
    """Write a file; @packed are the pages from pfn @first on, @split is (start, end) of the part in this file.

    Returns where the page descriptors are.
    """
    end = first + len(packed)
    start, stop = split or (0, end)
    blocks = (end + 8 * PAGE - 1) // (8 * PAGE)
    header, sub = bytearray(PAGE), bytearray(2 * PAGE)
    header[:12] = b"KDUMP   " + struct.pack("<i", 6)
    struct.pack_into("<iiII", header, 428 if wide else 416, PAGE, 2, 2 * blocks, end)
    at = PAGE + 256
    struct.pack_into("<QiiQQQQQQQQQQQ" if wide else "<IiiIIQIQIQIQQQ", sub, 0, 0, 1, bool(split),
                     0, 0, 0, 0, at, len(notes), 0, 0, start, stop, end)
    sub[256:256 + len(notes)] = notes
    bitmap = bytearray(blocks * PAGE)
    for pfn in range(first, end):
        bitmap[pfn // 8] |= 1 << pfn % 8
    mine = packed[max(start - first, 0):stop - first]
    descs, data = bytearray(), bytearray()
    place = (3 + 2 * blocks) * PAGE
    at = place + 24 * len(mine)
    for flags, page in mine:
        descs += struct.pack("<QIIQ", at + len(data), len(page), flags, 0)
        data += page
    to.write_bytes(header + sub + bitmap + bitmap + descs + data)
    return place
