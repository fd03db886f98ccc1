# SPDX-License-Identifier: GPL-2.0-or-later
"""The flattened form of a dump, as makedumpfile and QEMU write it to what cannot seek: pieces, each with its offset."""

import struct

HEADER = (b"makedumpfile".ljust(16, b"\0") + struct.pack(">qq", 1, 1)).ljust(4096, b"\0")
END = struct.pack(">qq", -1, -1)
STEP = 1 << 20


def piece(offset, data):
    return struct.pack(">qq", offset, len(data)) + data


def pieces(dump):
    """All of @dump, in its order."""
    return [piece(at, dump[at:at + STEP]) for at in range(0, len(dump), STEP)]
