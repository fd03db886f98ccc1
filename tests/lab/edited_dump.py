# SPDX-License-Identifier: GPL-2.0-or-later
"""A copy of one of the lab's dumps, as ELF, whose bytes tests change: it is called edited, because no kernel made it."""

import collections
import mmap
import re
import struct
import zlib

from audit_plants import PageTables, audit
from tools import dumps, kvmmmu

PAGE = 4096


def elf_of_kdump(source, target):
    """Write the pages and notes of a kdump-compressed file as ELF."""
    with open(source, "rb") as file:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    assert data[:8] == b"KDUMP   "
    size, header, blocks = struct.unpack_from("<III", data, 428)
    note_at, note_size = struct.unpack_from("<QQ", data, size + 48)
    bitmap = data[(1 + header) * size + blocks * size // 2:(1 + header + blocks) * size]
    descriptor = (1 + header + blocks) * size
    with open(target, "wb") as out:
        starts, pfn_at = [], PAGE
        for byte, bits in enumerate(bitmap):
            for bit in range(8 if bits else 0):
                if not bits >> bit & 1:
                    continue
                at, length, flags = struct.unpack_from("<QII", data, descriptor)
                descriptor += 24
                page, pfn = data[at:at + length], 8 * byte + bit
                page = zlib.decompress(page) if flags & 1 else page
                if not starts or starts[-1][0] + starts[-1][2] != pfn:
                    starts.append([pfn, pfn_at, 0])
                starts[-1][2] += 1
                if page.count(0) != PAGE:  # else it stays a hole
                    out.seek(pfn_at)
                    out.write(page)
                pfn_at += PAGE
        out.truncate(pfn_at)
        out.seek(pfn_at)
        out.write(data[note_at:note_at + note_size])
        segments = [struct.pack("<IIQQQQQQ", 4, 0, pfn_at, 0, 0, note_size, note_size, 0)]
        segments += [struct.pack("<IIQQQQQQ", 1, 7, at, 0, pfn * PAGE, count * PAGE, count * PAGE, 0)
                     for pfn, at, count in starts]
        assert 64 + 56 * len(segments) <= PAGE
        out.seek(0)
        out.write(struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 4, 62, 1, 0, 64, 0, 0, 64, 56,
                              len(segments), 0, 0, 0) + b"".join(segments))


class EditedDump(PageTables):
    """A dump whose page tables, and everything else, can be changed; each audit undoes the changes."""

    def __init__(self, gen, name, folder, source=None):
        """@source: another kdump than the lab's; @name "nonpt": its KVM uses shadow paging."""
        self.gen, self.shadow = gen, name == "nonpt"
        self.path = folder / f"{gen}-{name}.elf"
        elf_of_kdump(source or dumps(gen) / f"{name}.kdump", self.path)
        self.sample = self.path
        with open(self.path, "r+b") as file:
            self.bytes = mmap.mmap(file.fileno(), 0)
        at, = struct.unpack_from("<Q", self.bytes, 32)
        count, = struct.unpack_from("<H", self.bytes, 56)
        self.segments = [s for s in (struct.unpack_from("<IIQQQQQQ", self.bytes, at + 56 * i) for i in range(count))
                         if s[0] == 1]
        self.undo, self.cached = [], {}
        number = lambda name, base: int(re.search(rb"\n%s=(-?\w+)" % name, self.bytes)[1], base)
        self.top = number(rb"SYMBOL\((?:init_top_pgt|swapper_pg_dir)\)", 16) - 0xffffffff80000000 + \
            number(rb"NUMBER\(phys_base\)", 10)
        capsule = folder / f"{gen}-{name}.kvmmmu"
        assert kvmmmu(self.path, "capture", "-o", capsule).code == 0
        self.items = kvmmmu("capture", "--list", capsule, "-j").json["items"]
        layout = kvmmmu(self.path, "layout", "-j").json
        self.members = {m["member"]: m["offset"] for m in layout["members"] if m["offset"] is not None}
        self.pages = {int(i["address"], 16): int(i["what"][-1]) for i in self.items
                      if i["what"].startswith("page-table page, level")}
        spts = {int(i["address"], 16) for i in self.items if i["what"] == "kvm_mmu_page.spt"}
        values = {at: self.read(at, "<Q") for at in spts}
        base = collections.Counter(value - pa for value in values.values() for pa in self.pages)
        self.base = base.most_common(1)[0][0]
        self.sp = {value - self.base: at - self.members["kvm_mmu_page.spt"] for at, value in values.items()}
        private = {self.read(int(i["address"], 16), "<Q"): int(i["address"], 16) - self.members["page.private"]
                   for i in self.items if i["what"] == "page.private"}
        self.page = {pa: private[sp] for pa, sp in self.sp.items() if sp in private}
        listed = kvmmmu(self.path, "vms", "-j").json["vms"]
        self.kvms = {vm["vm"]["number"]: int(vm["vm"]["address"], 16) for vm in listed}
        self.changing = {vm["vm"]: vm["changing"] for vm in self.audit()}
        self.vms = {}  # {page table: VM}
        self.vcpus = {vm["vm"]["number"]: [int(vcpu["address"], 16) for vcpu in vm["vcpus"]] for vm in listed}
        for vm in listed:
            for vcpu in vm["vcpus"]:
                self.find_tables(vm["vm"]["number"], int(vcpu["address"], 16))

    def find_tables(self, vm, vcpu):
        for mmu in ("root_mmu", "guest_mmu"):
            at = vcpu + self.members[f"kvm_vcpu.{mmu}"]
            todo = [self.read(at + self.members["kvm_mmu.root_hpa"], "<Q")]
            todo += [self.read(at + self.members["kvm_mmu.prev_roots"] + 16 * i + self.members["kvm_mmu_root_info.hpa"],
                               "<Q") for i in range(3)]
            while todo:
                pa = todo.pop() & (1 << 40) - PAGE
                if pa == (1 << 40) - PAGE or pa in self.vms or not pa:
                    continue
                self.vms.update({pa: vm} if pa in self.pages else {})
                try:
                    entries = [self.get(pa, i) for i in range(512 if pa in self.pages else 4)]
                except StopIteration:  # no memory
                    continue
                todo += [e for e in entries if e & 1 and e & (1 << 40) - PAGE in self.pages]

    def kvm(self, pa):
        """The struct kvm of the VM of a page table."""
        return self.kvms[self.vms[pa]]

    def slots(self, pa):
        """(address of the kvm_memory_slot, first gfn, pages, HVA) of the memslots of the VM of a page table."""
        memslots, m = self.read(self.kvm(pa) + self.members["kvm.memslots"], "<Q"), self.members
        active = self.read(memslots + m["kvm_memslots.node_idx"], "<I")
        to_node, todo = m["kvm_memory_slot.gfn_node"] + 24 * active, [self.read(memslots + m["kvm_memslots.gfn_tree"], "<Q")]
        while todo:
            if node := todo.pop():
                todo += [self.read(node + m["rb_node.rb_left"], "<Q"), self.read(node + m["rb_node.rb_right"], "<Q")]
                yield (node - to_node, *(self.read(node - to_node + m[f"kvm_memory_slot.{name}"], "<Q")
                                         for name in ("base_gfn", "npages", "userspace_addr")))

    def slot(self, pa, gfn):
        return next(s for s in self.slots(pa) if s[1] <= gfn < s[1] + s[2])

    def host(self, pa, gfn):
        """(physical address of the VMM's entry, that of the page) for a gfn of the VM of a page table."""
        _, base, _, hva = self.slot(pa, gfn)
        mm = self.read(self.kvm(pa) + self.members["kvm.mm"], "<Q")
        return self.walk(self.physical(self.read(mm + self.members["mm_struct.pgd"], "<Q")), hva + (gfn - base) * PAGE)

    def settle(self):
        """Count what was zapped."""
        for at, form, (old, *_) in list(self.undo):
            table = next((pa for pa in self.pages if self.offset(pa) <= at < self.offset(pa) + PAGE), None)
            new, = struct.unpack_from("<Q", self.bytes, at) if form == "<Q" else (0,)
            if table and self.pages[table] <= 2 and (old ^ new) & 1 << 11:
                count = self.kvm(table) + self.members["kvm.pages_4k" if self.pages[table] == 1 else "kvm.pages_2m"]
                self.set_at(count, "<Q", self.read(count, "<Q") + (1 if new & 1 << 11 else -1))

    def offset(self, pa):
        return next(offset + pa - start for _, _, offset, _va, start, size, *_ in self.segments
                    if start <= pa < start + size)

    def physical(self, va):
        """Translate an address of the kernel."""
        return self.walk(self.top, va)[1]

    def walk(self, table, va):
        """(physical address of the last entry, that of the byte) at a virtual address."""
        for shift in (39, 30, 21, 12):
            at = (table & (1 << 52) - PAGE) + (va >> shift & 511) * 8
            entry, = struct.unpack_from("<Q", self.bytes, self.offset(at))
            if not entry & 1:
                raise KeyError(hex(va))
            table = entry
            if shift == 12 or entry & 0x80:
                return at, (entry & (1 << 52) - (1 << shift)) + (va & (1 << shift) - 1)
        raise AssertionError

    def read(self, va, form):
        return struct.unpack_from(form, self.bytes, self.offset(self.physical(va)))[0]

    def write(self, at, form, *values):
        self.undo.append((at, form, struct.unpack_from(form, self.bytes, at)))
        struct.pack_into(form, self.bytes, at, *values)

    def set_at(self, va, form, *values):
        self.write(self.offset(self.physical(va)), form, *values)

    def get(self, pa, index):
        return struct.unpack_from("<Q", self.bytes, self.offset(pa + 8 * index))[0]

    def put(self, pa, index, value):
        self.write(self.offset(pa + 8 * index), "<Q", value)

    def audit(self, *words):
        try:
            return audit(self.path, *words)
        finally:
            self.undo_all()

    def undo_all(self):
        while self.undo:
            at, form, values = self.undo.pop()
            struct.pack_into(form, self.bytes, at, *values)

    def changes(self):
        """(physical address, bytes before, bytes now) of what was changed."""
        for at, form, values in self.undo:
            start, offset = next((start, offset) for _, _, offset, _va, start, size, *_ in self.segments
                                 if offset <= at < offset + size)
            yield at - offset + start, struct.pack(form, *values), self.bytes[at:at + struct.calcsize(form)]

    def of_page(self, pa):
        """The address of the struct page of any page."""
        known, at = next(iter(self.page.items()))
        return at + ((pa >> 12) - (known >> 12)) * 64

    def symbol(self, name):
        return int(re.search(r"0x[0-9a-f]{16}", kvmmmu(self.path, "sym", name).out)[0], 16)
