# SPDX-License-Identifier: GPL-2.0-or-later
"""Damage for audits to find, each kind with a legal twin: an edit that KVM or the processor could have made.

It is planted in page tables of real kernels: those of a capsule, or of a copy of a dump."""

import collections
import json

from tools import kvmmmu

LOUD = ("possible", "likely", "proven")
PRESENT, P, W, PS = 1 << 11, 1, 2, 1 << 7
ADDRESS = (1 << 52) - 4096


def audit(path, *words, **options):
    return kvmmmu(path, "audit", *words, "-j", **options).json["vms"]


def loud(vms):
    """{kind: number} of what is more than a note."""
    found = collections.Counter()
    for vm in vms:
        for kind in vm["kinds"]:
            if kind["found"] and kind["certainty"] in LOUD:
                found[kind["kind"]] += kind["found"]
    return dict(found)


def kdump_injected(truth):
    """{address of struct kvm: kind} of what the lab injected into the machines of a kdump, by its JSON file."""
    kinds = {"spurious-loop": "missing-bits", "frozen-spte": "frozen", "perm-table-mismatch": "perm-table",
             "invalidate-leaked": "invalidation"}
    return {int(m["kvm"], 16): kinds[m["cause"]] for m in json.loads(truth.read_text())["machines"] if m["cause"] in kinds}


class PageTables:
    """Page tables of a VM that can be changed: @pages, {physical address: level}, and their kvm_mmu_pages, @sp."""

    def entries(self, level, leaf=None, direct=True):
        """(table, index, entry) of present entries of direct tables at a level."""
        for pa, at in sorted(self.pages.items()):
            if at != level or bool(self.member(pa, "role", "<I") & 0x80) != direct:
                continue
            for index in range(512):
                entry = self.get(pa, index)
                if entry & PRESENT and (leaf is None or leaf == (level == 1 or bool(entry & PS))):
                    yield pa, index, entry

    def member(self, pa, name, form):
        return self.read(self.sp[pa] + self.members[f"kvm_mmu_page.{name}"], form)

    def set_member(self, pa, name, form, value):
        self.set_at(self.sp[pa] + self.members[f"kvm_mmu_page.{name}"], form, value)

    def gpa(self, pa, index):
        return self.member(pa, "gfn", "<Q") + (index << 9 * (self.pages[pa] - 1)) << 12

    def child(self, entry):
        return entry & ADDRESS & (1 << 40) - 1


def writable(t):
    """A writable 4K leaf in a table with several leaves."""
    return next((pa, i, e) for pa, i, e in t.entries(1) if e & W and e >> 12)


def table_entry(t, level=2):
    return next((pa, i, e) for pa, i, e in t.entries(level, leaf=False) if t.child(e) in t.pages)


def invalid_bit(t):
    return 12 if "7.3" in t.sample.name else 11


def software(t):
    """host-writable and MMU-writable."""
    if "ept" in t.sample.name:
        return 1 << 53, 1 << 55
    return 1 << 9, 1 << 10


def xor(t, place, bits):
    pa, i, e = place
    t.put(pa, i, e ^ bits)
    return pa, i


def plant_role(t, bits):
    pa, i, e = table_entry(t)
    t.set_member(t.child(e), "role", "<I", t.member(t.child(e), "role", "<I") ^ bits)
    return pa, i


def plant_member(t, name, form, change, level=2):
    pa, i, e = table_entry(t, level)
    t.set_member(t.child(e), name, form, change(t.member(t.child(e), name, form)))
    return pa, i


def plant_twice(t):
    """Into an entry behind it, so that it is found first where it belongs."""
    pa, i, e, free = next((pa, i, e, n) for level in (2, 3, 4) for pa, i, e in t.entries(level, leaf=False)
                          for n in range(511, i, -1) if t.child(e) in t.pages and not t.get(pa, n) & PRESENT)
    t.put(pa, free, e)
    return pa, free


def plant_private(t):
    pa, i, e = table_entry(t)
    private = sorted(int(x["address"], 16) for x in t.items if x["what"] == "page.private")
    at = next(a for a in private if t.read(a, "<Q") == t.sp[t.child(e)])
    t.set_at(at, "<Q", 0)
    return pa, i


def mmio(t):
    """An MMIO SPTE."""
    for pa in sorted(t.pages):
        if not t.member(pa, "role", "<I") & 0x80:
            continue
        for i in range(512):
            e = t.get(pa, i)
            if t.pages[pa] == 1 and not e & PRESENT and e & 1 and e >> 51 & 1:
                return pa, i, e
    raise KeyError("no MMIO SPTE")


def plant_over_slot(t, older=False):
    """7.3, NPT: bits 51 and 0, W and U, the generation from bit 3 on."""
    pa, i, e = writable(t)
    memslots = kvmmmu(t.sample, "slots", "-j").json["memslots"]
    generation = next(s["generation"] for s in memslots if s["vm"] == vm_of(t, pa, i, e))
    t.put(pa, i, 1 << 51 | generation - 2 * older << 3 | t.gpa(pa, i) | 7)
    return pa, i


def plant_no_slot(t):
    pa, i, _ = mmio(t)
    t.put(pa, i, writable(t)[2])
    return pa, i


def plant_pfn(t, pfn_of):
    pa, i, e = writable(t)
    t.put(pa, i, e & ~ADDRESS | pfn_of)
    return pa, i


def plant_same(t, bits):
    """A second leaf maps the page of the first; @bits: those that it then lacks."""
    first = writable(t)
    pa, i, e = next((pa, i, e) for pa, i, e in t.entries(1) if pa == first[0] and i > first[1] and e & W)
    t.put(pa, i, (e & ~ADDRESS | first[2] & ADDRESS) & ~bits)
    return pa, i


def slot_leaf(t, flag):
    vms = kvmmmu(t.sample, "slots", "-j").json["memslots"]
    for vm in vms:
        tables = {a for a in t.pages}
        for slot in vm["slots"]:
            if flag in slot["flag_names"]:
                for pa, i, e in t.entries(1):
                    if pa in tables and int(slot["gpa"], 16) <= t.gpa(pa, i) <= int(slot["last_gpa"], 16) and not e & W:
                        return pa, i, e
    raise KeyError(flag)


def plant_huge(t, inside):
    """A 2M leaf instead of a page table: @inside a memslot of 2M, or beyond the end of one."""
    sizes = {"beyond": lambda s: s["npages"] < 512, "inside": lambda s: s["npages"] >= 1024}
    bits = writable(t)[2] & ~ADDRESS | PS
    for pa, i, e in t.entries(2, leaf=False):
        gpa = t.gpa(pa, i)
        vm = next(v for v in kvmmmu(t.sample, "slots", "-j").json["memslots"] if v["vm"] == vm_of(t, pa, i, e))
        for slot in vm["slots"]:
            first, last = int(slot["gpa"], 16), int(slot["last_gpa"], 16)
            if first <= gpa <= last and sizes[inside](slot) and (inside == "beyond" or gpa + (2 << 20) <= last + 1):
                t.put(pa, i, bits | 0x200000 * 5)
                return pa, i
    raise KeyError(inside)


def vm_of(t, pa, i, e):
    """The VM that a table belongs to: the one in which damage to it is found."""
    t.__dict__.setdefault("vms", {})
    if pa not in t.vms:
        t.put(pa, i, e ^ PRESENT)
        t.vms[pa], = (vm["vm"] for vm in t.audit() if vm["anomalies"])
    return t.vms[pa]


def first_root(t):
    roots = [t.read(int(x["address"], 16), "<Q") for x in t.items if x["what"] == "kvm_mmu.root_hpa"]
    return next(root & ADDRESS for root in roots if root & ADDRESS in t.pages)


def plant_root(t, name, form, change):
    root = first_root(t)
    t.set_member(root, name, form, change(t.member(root, name, form)))
    return root, None


def plant_root_role(t):
    at = next(int(x["address"], 16) for x in t.items if x["what"] == "kvm_mmu.root_hpa"
              if t.read(int(x["address"], 16), "<Q") & ADDRESS == first_root(t))
    role = at - t.members["kvm_mmu.root_hpa"] + t.members["kvm_mmu.root_role"]
    t.set_at(role, "<I", t.read(role, "<I") ^ 4 << invalid_bit(t))
    return first_root(t), None


def shadow_pair(t):
    """An entry of an indirect table with less than all access, to an indirect one."""
    for pa, level in sorted(t.pages.items()):
        if level > 1 and not t.member(pa, "role", "<I") & 0x80:
            for i in range(512):
                e = t.get(pa, i)
                if e & PRESENT and not e & PS and t.child(e) in t.pages:
                    return pa, i, e
    raise KeyError("no shadow page below another")


def plant_access(t):
    """With CR0.WP, the upper table loses its rights."""
    pa, i, e = shadow_pair(t)
    child = t.child(e)
    t.set_member(pa, "role", "<I", t.member(pa, "role", "<I") & ~0xf00)
    assert t.member(child, "role", "<I") & 0x700
    return pa, i


def plant_generation(t):
    pa, i, e = shadow_pair(t)
    child = t.child(e)
    t.set_member(child, "mmu_valid_gen", "<B", t.member(child, "mmu_valid_gen", "<B") ^ 1)
    return pa, i


AMD = ("amd-7.3-healthy", "amd-6.1-healthy")
ALL = (*AMD, "intel-7.3-ept-mbec-nested")
PLANTS = [  # kind, samples, the damage, its legal twin
    ("stray-bits", ALL, lambda t: xor(t, writable(t), PRESENT), lambda t: xor(t, writable(t), writable(t)[2])),
    ("reserved-bits", ALL, lambda t: xor(t, writable(t), 1 << 46), lambda t: xor(t, writable(t), W)),
    ("unknown-bits", ALL, lambda t: xor(t, writable(t), 1 << 62), lambda t: xor(t, writable(t), W)),
    ("missing-bits", ALL, lambda t: xor(t, table_entry(t), W), lambda t: xor(t, writable(t), W)),
    ("missing-bits", AMD, lambda t: xor(t, writable(t), P), lambda t: xor(t, writable(t), 1 << 6)),
    ("writable-bits", ALL, lambda t: xor(t, writable(t), software(t)[1]),
     lambda t: xor(t, writable(t), software(t)[1] | W)),
    ("writable-bits", ALL, lambda t: xor(t, writable(t), software(t)[0]),
     lambda t: xor(t, writable(t), software(t)[0] | software(t)[1] | W)),
    ("ad-type", ("amd-7.3-healthy",), lambda t: xor(t, writable(t), 1 << 60), lambda t: xor(t, writable(t), 1 << 5)),
    ("ad-type", ("amd-6.1-healthy",), lambda t: xor(t, writable(t), 3 << 52), lambda t: xor(t, writable(t), 1 << 5)),
    ("access-track", ("intel-7.3-ept-no-ad-bits",), lambda t: xor(t, writable(t), 1 << 52),
     lambda t: xor(t, writable(t), writable(t)[2] & 0x407 | (writable(t)[2] & 0x405) << 52)),
    ("mmio-gfn", ("amd-7.3-healthy",), lambda t: xor(t, mmio(t), 1 << 12), lambda t: xor(t, mmio(t), mmio(t)[2])),
    ("mmio-generation", ("amd-7.3-healthy",), lambda t: xor(t, mmio(t), 1 << 61),
     lambda t: xor(t, mmio(t), mmio(t)[2] & 1 << 4)),
    ("mmio-over-slot", ("amd-7.3-healthy",), plant_over_slot, lambda t: plant_over_slot(t, True)),
    ("no-slot", ("amd-7.3-healthy",), plant_no_slot, lambda t: xor(t, mmio(t), mmio(t)[2])),
    ("readonly-slot", AMD, lambda t: xor(t, slot_leaf(t, "READONLY"), W | software(t)[0] | software(t)[1]),
     lambda t: xor(t, slot_leaf(t, "READONLY"), 1 << 5)),
    ("table-mapped", ALL, lambda t: plant_pfn(t, writable(t)[0]), lambda t: plant_pfn(t, 0x1000)),
    ("pfn-twice", ALL, lambda t: plant_same(t, 0), lambda t: plant_same(t, W)),
    ("page-owner", ALL, plant_private, lambda t: plant_member(t, "root_count", "<I", lambda v: v + 1)),
    ("page-owner", ALL, lambda t: plant_member(t, "spt", "<Q", lambda v: v ^ 0x1000),
     lambda t: plant_member(t, "root_count", "<I", lambda v: v + 1)),
    ("page-level", ALL, lambda t: plant_role(t, 5 ^ 1), lambda t: plant_member(t, "root_count", "<I", lambda v: v + 1)),
    ("page-gfn", ALL, lambda t: plant_member(t, "gfn", "<Q", lambda v: v ^ 0x40000), None),
    ("page-direct", ALL, lambda t: plant_role(t, 1 << 7), None),
    ("page-role", ALL, lambda t: plant_role(t, 1 << 24), None),
    ("page-role", ALL, lambda t: plant_role(t, 2 << invalid_bit(t)), None),
    ("page-invalid", ALL, lambda t: plant_role(t, 1 << invalid_bit(t)), None),
    ("page-mmu", ALL, lambda t: plant_member(t, "tdp_mmu_page", "<B", lambda v: v ^ 1), None),
    ("page-unsync", ALL, lambda t: plant_member(t, "unsync", "<B", lambda v: v ^ 1), None),
    ("page-twice", ALL, plant_twice, None),
    ("huge-page", ("amd-7.3-healthy",), lambda t: plant_huge(t, "beyond"), lambda t: plant_huge(t, "inside")),
    ("root-owner", ALL, lambda t: plant_root(t, "spt", "<Q", lambda v: v ^ 0x1000), None),
    ("root-count", ALL, lambda t: plant_root(t, "root_count", "<I", lambda v: 0),
     lambda t: plant_root(t, "root_count", "<I", lambda v: v + 1)),
    ("root-role", AMD, plant_root_role, None),
]
