# SPDX-License-Identifier: GPL-2.0-or-later
"""What is mapped where, read out of a stopped kernel with gdb: the SPTEs below each root, and the host's page tables of
the VMM. Shares no code with the program under test; what counts is what the processor does with an entry.
"""

import struct

import gdb

import oracle
from stop import CONFIG, page_offset

PRESENT, LARGE = 1, 1 << 7
# The lab's processors have 40 address bits: an entry with a higher one causes a fault, as MMIO SPTEs do on purpose.
RESERVED = (1 << 51) - (1 << 40) | 1 << 51
NO_PAGE = (1 << 64) - 1
ROW = 1 << 9


class Tables:
    """Page tables in physical memory."""

    def __init__(self):
        self.base = page_offset()
        self.read = {}

    def entries(self, at):
        if at not in self.read:
            content = gdb.selected_inferior().read_memory(self.base + at, 4096)
            self.read[at] = struct.unpack("<512Q", bytes(content))
        return self.read[at]


def leaf_of(entry, level):
    return level == 1 or entry & LARGE and level in (2, 3)


def host_levels():
    """Return the levels of the host's page tables: CR4.LA57."""
    return 5 if int(gdb.parse_and_eval("(unsigned long)$cr4")) >> 12 & 1 else 4


def host_pfn(tables, pgd, hva):
    """Return the page that the VMM's page tables map at an address, and how many from there on they map likewise."""
    table, level = pgd, host_levels()
    while True:
        shift = 12 + 9 * (level - 1)
        entry = tables.entries(table)[hva >> shift & ROW - 1]
        rest = (1 << shift - 12) - (hva >> 12 & (1 << shift - 12) - 1)
        if not entry & PRESENT:
            return None, rest
        if leaf_of(entry, level):
            return (entry & oracle.ADDRESS & -1 << shift) + (hva & (1 << shift) - 1) >> 12, rest
        table, level = entry & oracle.ADDRESS, level - 1


def slot_pages(tables, pgd, slot):
    """Return [gfn, pfn] of each page of a memslot that the VMM's page tables map."""
    first, count, hva = int(slot["base_gfn"], 16), slot["npages"], int(slot["userspace_addr"], 16)
    found, i = [], 0
    while i < count:
        pfn, rest = host_pfn(tables, pgd, hva + (i << 12))
        rest = min(rest, count - i)
        if pfn is not None:
            found += [[first + i + n, pfn + n] for n in range(rest)]
        i += rest
    return found


def vmemmap():
    where = int(CONFIG["symbols"]["vmemmap_base"], 16)
    return int(oracle.pointer(where, "unsigned long").dereference())


class Shadow:
    """The kvm_mmu_page of page tables."""

    def __init__(self):
        self.pages = oracle.pointer(vmemmap(), "struct page")
        self.known = {}

    def of(self, table):
        """Return (gfn, direct, translations or None), or None for a table that has no kvm_mmu_page."""
        if table not in self.known:
            page = int(self.pages[table >> 12]["private"])
            self.known[table] = self.read(page) if page else None
        return self.known[table]

    @staticmethod
    def read(page):
        sp = oracle.pointer(page, "struct kvm_mmu_page").dereference()
        role = int(sp["role"]["word"])
        bit = next(f.bitpos for field in sp["role"].type.strip_typedefs().fields() if field.name in (None, "")
                   for f in field.type.fields() if f.name == "direct")
        array = oracle.member(sp, "shadowed_translation")
        with_access = array is not None
        array = oracle.member(sp, "gfns") if array is None else array
        words = None
        if array is not None and int(array):
            content = bytes(gdb.selected_inferior().read_memory(int(array), 4096))
            words = [word >> 12 * with_access for word in struct.unpack("<512Q", content)]
        return int(sp["gfn"]), bool(role >> bit & 1), words

    def gfn(self, table, level, index):
        found = self.of(table)
        if found is None:
            return None
        gfn, direct, words = found
        if direct or words is None:
            return gfn + (index << 9 * (level - 1))
        return words[index]


def leaves(tables, shadow, table, level, address, found):
    """Add [address, level, pfn, gfn] for each SPTE below a table through which the processor reaches memory."""
    for index, entry in enumerate(tables.entries(table)):
        at = address + (index << 12 + 9 * (level - 1))
        if not entry & PRESENT or entry & RESERVED:
            continue
        if leaf_of(entry, level):
            found.append([at, level, (entry & oracle.ADDRESS) >> 12, shadow.gfn(table, level, index)])
        else:
            leaves(tables, shadow, entry & oracle.ADDRESS, level - 1, at, found)


def pae_leaves(tables, shadow, root, found):
    """The root of three levels has four entries, and is not a page."""
    entries = struct.unpack("<4Q", bytes(gdb.selected_inferior().read_memory(tables.base + root, 32)))
    for index, entry in enumerate(entries):
        if entry & PRESENT:
            leaves(tables, shadow, entry & oracle.ADDRESS, 2, index << 30, found)


def roots_of(kvm):
    """Yield (vCPU, context, physical address, level) of each root, the same one for several vCPUs only once."""
    seen = set()
    for vcpu in oracle.vcpus(kvm):
        for name in ("root_mmu", "guest_mmu"):
            mmu = vcpu["arch"][name]
            root = oracle.number(oracle.either(mmu, "root.hpa", "root_hpa")) & NO_PAGE
            level = int(oracle.either(mmu, "root_role.level", "mmu_role.base.level"))
            if root in (0, NO_PAGE) or (root, level) in seen:
                continue
            seen.add((root, level))
            yield int(vcpu["vcpu_idx"]), name, root, level


def vm_maps(tables, shadow, kvm):
    pgd = int(kvm["mm"]["pgd"]) - tables.base & NO_PAGE
    # bit 12 chooses the half of a pair that page-table isolation makes; the kernel's has all mappings
    slots = [oracle.memslots(kvm["memslots"][i].dereference(), i)["slots"]
             for i in range(kvm["memslots"].type.range()[1] + 1)]
    pages = [page for space in slots[:1] for slot in space for page in slot_pages(tables, pgd, slot)]
    roots = []
    for vcpu, name, root, level in roots_of(kvm):
        found = []
        if level == 3:
            pae_leaves(tables, shadow, root & ~31, found)
        else:
            leaves(tables, shadow, root & oracle.ADDRESS, level, 0, found)
        roots.append({"vcpu": vcpu, "context": name, "root": root, "leaves": found})
    in_progress = oracle.either(kvm, "mmu_invalidate_in_progress", "mmu_notifier_count")
    return {"kvm": oracle.hexa(kvm.address), "pages": pages, "roots": roots,
            "invalidating": int(in_progress) if in_progress is not None else 0}


def maps():
    """Return for each VM the pages behind its memslots, as [gfn, pfn], and the leaves below each root."""
    tables, shadow = Tables(), Shadow()
    return [vm_maps(tables, shadow, kvm) for kvm in oracle.vms()]
