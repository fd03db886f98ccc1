# SPDX-License-Identifier: GPL-2.0-or-later
"""Edit the BTF in a capsule, in place: members renamed, removed, or moved behind pointers.

Only names, types and the like change, never an offset: the bytes in the capsule remain those of the kernel, so a layout
that no longer finds a member must not read it.
"""

import struct

HEADER = struct.Struct("<HBBIIIII")
KIND_INT, KIND_PTR, KIND_ARRAY, KIND_STRUCT, KIND_UNION, KIND_ENUM = 1, 2, 3, 4, 5, 6
# What follows the 12 bytes of a type: bytes for each of vlen, and once.
EXTRA = {KIND_INT: (0, 4), KIND_ARRAY: (0, 12), KIND_STRUCT: (12, 0), KIND_UNION: (12, 0), KIND_ENUM: (8, 0),
         13: (8, 0), 14: (0, 4), 15: (12, 0), 17: (0, 4), 19: (12, 0)}


class Btf:
    """The BTF in @data, which has the bytes of a capsule and is changed."""

    def __init__(self, data):
        self.data = data
        self.at = data.index(b"\x9f\xeb\x01\x00\x18\x00\x00\x00")
        (_, _, _, self.header, self.types, self.types_len, self.strings, self.strings_len) = HEADER.unpack_from(data, self.at)
        self.end = self.at + self.header + self.strings + self.strings_len
        self.members = []  # (offset of its 12 bytes in data, name of the structure)
        self.pointers = []  # type ids
        self.structures = set()  # likewise, of structures and unions
        at, stop, number = self.at + self.header + self.types, self.at + self.header + self.types + self.types_len, 1
        while at < stop:
            name, info, size = struct.unpack_from("<III", data, at)
            kind, vlen = info >> 24 & 31, info & 0xffff
            each, once = EXTRA.get(kind, (0, 0))
            if kind == KIND_PTR:
                self.pointers.append(number)
            if kind in (KIND_STRUCT, KIND_UNION):
                self.structures.add(number)
                self.members += [(at + 12 + 12 * i, self.string(name)) for i in range(vlen)]
            at += 12 + vlen * each + once
            number += 1
        self.count = number - 1  # of the types

    def blob(self):
        return bytes(self.data[self.at:self.end])

    def string(self, offset):
        start = self.at + self.header + self.strings + offset
        return self.data[start:self.data.index(b"\0", start)].decode()

    def name(self, member):
        return self.string(struct.unpack_from("<I", self.data, member)[0])

    def find(self, structure, name):
        return next(at for at, of in self.members if of == structure and self.name(at) == name)

    def rename(self, member, other):
        """Give @member the name that member @other has."""
        self.data[member:member + 4] = self.data[other:other + 4]

    def remove(self, member):
        """Give it a name that nothing asks for: "ode" instead of "mode", which shares its string."""
        name = struct.unpack_from("<I", self.data, member)[0]
        struct.pack_into("<I", self.data, member, name + 1 if self.string(name) else name)

    def behind_pointer(self, member):
        """Make it a pointer, as if the structure that it is were elsewhere; return False if it is not a structure."""
        kind = struct.unpack_from("<I", self.data, member + 4)[0]
        if kind not in self.structures or not self.pointers:
            return False
        struct.pack_into("<I", self.data, member + 4, self.pointers[0])
        return True
