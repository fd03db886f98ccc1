# SPDX-License-Identifier: GPL-2.0-or-later
"""Unpack a vmlinuz into the vmlinux in it, which has the kernel's BTF, or a compressed module.

unpack.py FILE TO
"""

import ctypes
import struct
import subprocess
import sys

TOOLS = {b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd", b"\x1f\x8b": "gzip"}


LZ4 = b"\x02\x21\x4c\x18"  # the form that the kernel's build calls legacy
LZ4_BLOCK = 8 << 20


def unpacked_lz4(data):
    """Return what the blocks are the compressed form of: each begins with its size."""
    library, at, whole = ctypes.CDLL("liblz4.so.1"), 4, []
    out = ctypes.create_string_buffer(LZ4_BLOCK)
    while at + 4 < len(data):
        size = struct.unpack_from("<I", data, at)[0]
        if not size or at + 4 + size > len(data):
            break  # what is behind is the size of the kernel
        length = library.LZ4_decompress_safe(data[at + 4:at + 4 + size], out, size, LZ4_BLOCK)
        if length < 0:
            raise ValueError("damaged LZ4")
        whole.append(out.raw[:length])
        at += 4 + size
    return b"".join(whole)


def unpacked(data):
    """Return what @data is the compressed form of."""
    if data.startswith(LZ4):
        return unpacked_lz4(data)
    tool = next((tool for magic, tool in TOOLS.items() if data.startswith(magic)), None)
    if not tool:
        raise ValueError(f"unknown form of compression: {data[:6].hex()}")
    # behind the data of a vmlinuz is its size, which is not part of it
    run = subprocess.run([tool, "-dc"], input=data, capture_output=True, check=False)
    if not run.stdout:
        raise ValueError(run.stderr.decode(errors="replace").strip())
    return run.stdout


def payload(data):
    """Return the compressed kernel in a vmlinuz: see "payload_offset" in Documentation/arch/x86/boot.rst."""
    sectors = data[0x1f1] or 4
    offset, length = struct.unpack_from("<II", data, 0x248)
    begin = (sectors + 1) * 512 + offset
    return data[begin:begin + length]


def main():
    source, to = sys.argv[1:]
    with open(source, "rb") as file:
        data = file.read()
    if data[:4] != b"\x7fELF":
        data = unpacked(payload(data) if data[0x202:0x206] == b"HdrS" else data)
    if data[:4] != b"\x7fELF":
        raise ValueError("what is unpacked is not an ELF file")
    with open(to, "wb") as file:
        file.write(data)


if __name__ == "__main__":
    main()
