# SPDX-License-Identifier: GPL-2.0-or-later
"""Edited capsules: one of a real kernel is taken apart, changed, and put together again.

Members are found by `kvmmmu layout`, so that the bytes stay those of the kernel except where a test changes them. What
the dump of an AMD host does not have (the attributes of a gfn, the structures of a TDX guest) can be added.
"""

import functools
import gzip
import json
import struct

from btf_edit import HEADER, Btf
from tools import kvmmmu, unpacked

NOWHERE = 2**64 - 1
TYPES, STACKS = 3, 4
OWNER = b"KVMMMU\0"
HEX = functools.partial(int, base=16)


def padded(data):
    return data + bytes(-len(data) % 4)


class Edited:
    """The capsule @sample; save() writes it to @path."""

    def __init__(self, sample, path):
        self.sample, self.path = sample, path
        image = unpacked(sample)
        count, = struct.unpack_from("<H", image, 56)
        headers = [struct.unpack_from("<IIQQQQQQ", image, 64 + 56 * i) for i in range(count)]
        notes, start = {}, headers[0][2]
        while start < headers[0][2] + headers[0][5]:
            owner, size, kind = struct.unpack_from("<III", image, start)
            start += 12 + len(padded(bytes(owner)))
            notes[kind] = image[start:start + size]
            start += len(padded(bytes(size)))
        self.notes, self.stacks = notes, json.loads(notes[STACKS])
        # {address: bytes}, virtual and physical; None: the page was missing from the dump
        self.virtual, self.physical, self.missing = {}, {}, []
        for _, _, offset, va, pa, size, memory, _ in headers[1:]:
            if not size:
                self.missing.append((va, pa, memory))
            elif pa == NOWHERE:
                self.virtual[va] = bytearray(image[offset:offset + size])
            else:
                self.physical[pa] = bytearray(image[offset:offset + size])

    # ---- bytes ----

    @staticmethod
    def put(ranges, at, data):
        """Write @data, and add what the capsule does not have there."""
        while data:
            start = max((a for a in ranges if a <= at), default=None)
            if start is not None and at < start + len(ranges[start]):
                size = min(len(data), start + len(ranges[start]) - at)
                ranges[start][at - start:at - start + size] = data[:size]
            else:
                size = min(len(data), min((a for a in ranges if a > at), default=at + len(data)) - at)
                ranges[at] = bytearray(data[:size])
            at, data = at + size, data[size:]

    @staticmethod
    def get(ranges, at, size):
        start = max(a for a in ranges if a <= at)
        assert at + size <= start + len(ranges[start]), hex(at)
        return bytes(ranges[start][at - start:at - start + size])

    def lose(self, start, end):
        """What is in [start, end) was not in the dump."""
        for at in [at for at in self.virtual if at < end and at + len(self.virtual[at]) > start]:
            data = self.virtual.pop(at)
            for first, last in ((at, start), (end, at + len(data))):
                if first < last:
                    self.virtual[first] = data[first - at:last - at]

    def word(self, at, value):
        self.put(self.virtual, at, struct.pack("<Q", value))

    # ---- members, by the name that layout gives them ----

    @functools.cached_property
    def layout(self):
        return {m["member"]: m for m in kvmmmu(self.sample, "layout", "-j").json["members"] if m["found"]}

    def ask(self, *words):
        return kvmmmu(self.sample, *words, "-j").json

    def vcpu(self, name):
        return next(v for v in self.ask("explain", name)["vcpus"])

    def field(self, base, name):
        """Return where the member @name of the structure at @base is, and its size."""
        member = self.layout[name]
        return base + member["offset"], member["size"]

    def read(self, base, name):
        at, size = self.field(base, name)
        return int.from_bytes(self.get(self.virtual, at, size), "little")

    def set(self, base, name, value):
        at, size = self.field(base, name)
        self.put(self.virtual, at, (value & (1 << 8 * size) - 1).to_bytes(size, "little"))

    def structures(self, name):
        """Yield (address, value) of each structure whose member @name is in the capsule."""
        offset, size = self.layout[name]["offset"], self.layout[name]["size"]
        for item in kvmmmu("capture", "--list", self.sample, "-j").json["items"]:
            if item["what"] == name and item["space"] == "virt":
                base = HEX(item["address"]) - offset
                yield base, int.from_bytes(self.get(self.virtual, base + offset, size), "little")

    # ---- what members are not enough for ----

    def spte(self, walk, level, value):
        """Set the SPTE at @level of a walk to what @value makes of it."""
        entry = next(e for e in walk["levels"] if e["level"] == level)
        at = HEX(entry["table"]) + 8 * entry["index"]
        old, = struct.unpack("<Q", self.get(self.physical, at, 8))
        self.put(self.physical, at, struct.pack("<Q", value(old)))

    def attributes(self, kvm, gfn, value, nodes=0xffff888fff000000):
        """Set the attributes of @gfn in mem_attr_array, an xarray; its nodes get addresses of the direct map."""
        if "kvm.mem_attr_array" not in self.layout:  # a kernel that knows no guests with private memory
            end = self.add_member("kvm", "mem_attr_array", self.type_of("kvm", "vcpu_array"), 16)
            self.layout["kvm.mem_attr_array"] = {"offset": end, "size": 16}
        array = kvm + self.layout["kvm.mem_attr_array"]["offset"]
        head = array + self.layout["xarray.xa_head"]["offset"]
        self.word(head, 0)
        if not value:
            return
        shift = max(0, (gfn.bit_length() - 1) // 6 * 6)
        while shift >= 0:
            node, nodes = nodes, nodes + 0x1000
            slots = self.layout["xa_node.slots"]["offset"]
            self.put(self.virtual, node, bytes(slots + 64 * 8))
            self.set(node, "xa_node.shift", shift)
            self.set(node, "xa_node.array", array)
            self.word(head, node | 2)
            head = node + slots + (gfn >> shift & 63) * 8
            shift -= 6
        self.word(head, value << 1 | 1)

    def stack_of(self, task):
        return next(s for s in self.stacks["stacks"] if HEX(s["task"]) == task)

    def task_named(self, comm):
        return next(HEX(t["task"]) for t in self.stacks["tasks"] if t["comm"] == comm)

    def call(self, task, function):
        """Let the thread be in @function, which its innermost function has called."""
        stack = self.stack_of(task)
        frame = [function, "0x10", stack["frames"][0][2], stack["frames"][0][3], True]
        stack["frames"].insert(0, frame)

    def run_in_guest(self, vcpu, task, functions):
        """Let the thread run, interrupted while it is in these functions: the vCPU is not in its handler."""
        stack = self.stack_of(task)
        at = hex(HEX(stack["base"]) + 0x3000)
        stack.update(start="0x1", page_faults=[], trouble="", frames=[[f, "0x10", "0x1", at, True] for f in functions])
        stack.pop("fault_places", None)
        entry = next(t for t in self.stacks["tasks"] if HEX(t["task"]) == task)
        entry.update(state="0x0", on_cpu="0x1")
        self.set(task, "task_struct.state", 0)
        self.set(task, "task_struct.on_cpu", 1)
        self.set(vcpu, "kvm_vcpu.mutex_owner", task)

    def offset_in_types(self, structure, name):
        blob = self.notes[TYPES]
        return struct.unpack_from("<I", blob, Btf(bytearray(blob)).find(structure, name) + 8)[0] // 8

    def type_of(self, structure, name):
        return struct.unpack_from("<I", self.notes[TYPES], Btf(bytearray(self.notes[TYPES])).find(structure, name) + 4)[0]

    def change_types(self, change):
        """Let @change(records, string) change the types: it gets their bytes, and a function that adds a name."""
        blob = self.notes[TYPES]
        _, _, _, header, types, types_len, strings, strings_len = HEADER.unpack_from(blob)
        text = bytearray(blob[header + strings:header + strings + strings_len])
        records = bytearray(blob[header + types:header + types + types_len])

        def string(word):
            text.extend(word.encode() + b"\0")
            return len(text) - len(word) - 1
        change(records, string)
        self.notes[TYPES] = HEADER.pack(0xeb9f, 1, 0, header, 0, len(records), len(records), len(text)) + records + text

    def add_type(self, name, size, members):
        """Add a structure to the types: @members are (name, member of another structure, or None for u64; offset)."""
        u64 = Btf(bytearray(self.notes[TYPES])).count + 1
        kinds = [self.type_of(*of) if of else u64 for _, of, _ in members]

        def change(records, string):
            records += struct.pack("<IIII", string("tdx_u64"), 1 << 24, 8, 64)
            records += struct.pack("<III", string(name), 4 << 24 | len(members), size)
            for (member, _, offset), kind in zip(members, kinds):
                records += struct.pack("<III", string(member), kind, offset * 8)
        self.change_types(change)

    def add_member(self, structure, name, kind, size):
        """Let the structure end with a member of the type @kind; return its offset."""
        btf = Btf(bytearray(self.notes[TYPES]))
        first = min(at for at, of in btf.members if of == structure) - 12 - btf.at - btf.header - btf.types
        offset, = struct.unpack_from("<I", btf.data, btf.at + btf.header + btf.types + first + 8)
        offset = (offset + 7) & ~7

        def change(records, string):
            info, = struct.unpack_from("<I", records, first + 4)
            struct.pack_into("<II", records, first + 4, info + 1, offset + size)
            at = first + 12 + 12 * (info & 0xffff)
            records[at:at] = struct.pack("<III", string(name), kind, offset * 8)
        self.change_types(change)
        return offset

    # ---- the file ----

    def save(self):
        self.notes[STACKS] = json.dumps(self.stacks, separators=(",", ":")).encode()
        notes = b"".join(struct.pack("<III", len(OWNER), len(note), kind) + padded(OWNER) + padded(note)
                         for kind, note in sorted(self.notes.items()))
        ranges = [(at, NOWHERE, data, len(data)) for at, data in self.virtual.items()]
        ranges += [(NOWHERE, at, data, len(data)) for at, data in self.physical.items()]
        ranges += [(va, pa, b"", memory) for va, pa, memory in self.missing]
        ranges.sort(key=lambda r: (r[0] == NOWHERE, r[0], r[1]))
        offset = 64 + 56 * (len(ranges) + 1)
        head = bytearray(unpacked(self.sample)[:64])
        struct.pack_into("<H", head, 56, len(ranges) + 1)
        headers = [struct.pack("<IIQQQQQQ", 4, 0, offset, 0, 0, len(notes), 0, 4)]
        offset += len(notes)
        for va, pa, data, memory in ranges:
            headers.append(struct.pack("<IIQQQQQQ", 1, 4, offset, va, pa, len(data), memory, 0))
            offset += len(data)
        self.path.write_bytes(gzip.compress(bytes(head) + b"".join(headers) + notes + b"".join(r[2] for r in ranges)))
        return self.path
