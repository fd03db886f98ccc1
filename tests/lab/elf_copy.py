# SPDX-License-Identifier: GPL-2.0-or-later
"""A dump to edit."""

import shutil
import struct

from tools import dumps


class Elf:
    """A copy of the lab's ELF dump whose bytes can be changed by virtual address."""

    def __init__(self, to, gen="7.3"):
        self.path = to
        shutil.copyfile(dumps(gen) / "healthy.elf", to)
        self.file = open(to, "r+b")
        header = self.file.read(64)
        phoff, = struct.unpack_from("<Q", header, 32)
        phnum, = struct.unpack_from("<H", header, 56)
        self.file.seek(phoff)
        self.loads = []
        for _ in range(phnum):
            kind, _fl, off, _va, pa, size, _m, _a = struct.unpack("<IIQQQQQQ", self.file.read(56))
            if kind == 1:
                self.loads.append((pa, size, off))
            elif kind == 4:
                self.notes = off, size

    def offset(self, pa):
        return next(off + pa - at for at, size, off in self.loads if at <= pa < at + size)

    @staticmethod
    def pa(va):
        # the direct map starts at a multiple of 1 GiB and the machine has less memory
        return va & ((1 << 30) - 1)

    def read(self, pa, size=8):
        self.file.seek(self.offset(pa))
        return self.file.read(size)

    def write(self, pa, data):
        self.file.seek(self.offset(pa))
        self.file.write(data)
        self.file.flush()
