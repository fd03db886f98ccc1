# SPDX-License-Identifier: GPL-2.0-or-later
"""Damage of every kind, planted in copies of dumps of 6.1 and 7.3, with NPT and with shadow paging (npt=0): kvmmmu audit
finds it with its id and at its address, and nothing else. A legal twin of each stays silent.

`make planted` plants everything everywhere; `make check` plants each kind in one dump. KVMMMU_PLANTED=all does it, too."""

import os
import re
import struct

import pytest

from audit_plants import (ADDRESS, P, PRESENT, PS, W, first_root, invalid_bit, loud, mmio, plant_generation,
                          plant_member, plant_private, plant_role, plant_root, plant_root_role, plant_twice, shadow_pair,
                          slot_leaf, software, table_entry, writable, xor)
from edited_dump import EditedDump
from tools import GENERATIONS, kvmmmu, lab

DUMPS = [(gen, name) for gen in GENERATIONS for name in ("healthy", "nonpt")]
FROZEN = {"6.1": 0x5a0, "7.3": 1 << 63 | 0x1a0}


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    found = {}

    def of(gen, name):
        if (gen, name) not in found:
            found[gen, name] = EditedDump(gen, name, tmp_path_factory.mktemp("planted"))
        return found[gen, name]
    return of


def child(t):
    return t.child(table_entry(t)[2])


def leaf_in(t, inside):
    return next((pa, i, e) for pa, i, e in t.entries(1) if e & W and inside(t, pa, i, e))


def quiet_leaf(t, beside=None):
    """A writable leaf of a memslot that is not too large, in a VM whose page tables are not being changed, if there is one;
    not in the page @beside."""
    leaves = [(t.changing[t.vms[pa]], pa, i, e) for pa, i, e in t.entries(1) if e & W and pa != beside]
    return next(leaf for leaf in sorted(leaves) if t.slot(leaf[1], t.gpa(*leaf[1:3]) >> 12)[2] <= 2048)[1:]


def to_page(t, place, page):
    pa, i, e = place
    t.put(pa, i, e & ~ADDRESS | page)
    return pa, i


def of_kvm(t, name, change, form="<Q"):
    at = t.kvm(first_root(t)) + t.members[f"kvm.{name}"]
    t.set_at(at, form, change(t.read(at, form)))


def of_quiet_vm(t, name):
    """A 1 in the struct kvm of a VM whose page tables are not being changed, if there is one."""
    vm = min(t.changing, key=t.changing.get)
    t.set_at(t.kvms[vm] + t.members[f"kvm.{name}"], "<Q", 1)


def of_page(t, name, value, form="<I"):
    """Change the struct page of a page table."""
    pa = child(t)
    t.set_at(t.page[pa] + t.members[f"page.{name}"], form, value)
    return pa, None


def plant_permissions(t, bits):
    """Change what a role of a guest with paging implies."""
    table = next(x for x in kvmmmu(t.path, "perms", "-j").json["tables"] if x["status"] == "matches")
    at = int(table["address"], 16)
    t.set_at(at, "<B", t.read(at, "<B") ^ bits)


def other_page(t):
    """A page of guest memory of some VM, none of the first writable leaf's."""
    mine = writable(t)[2] & ADDRESS & (1 << 40) - 1
    return next(e & ADDRESS & (1 << 40) - 1 for _, _, e in t.entries(1) if e & W
                and e & ADDRESS & (1 << 40) - 1 != mine)


def plant_host(t, change, place=None):
    pa, i, e = place or writable(t)
    at, _ = t.host(pa, t.gpa(pa, i) >> 12)
    entry, = struct.unpack_from("<Q", t.bytes, t.offset(at))
    t.write(t.offset(at), "<Q", change(entry))
    return pa, i


def rmap_head(t, pa, i):
    """Address of the kvm_rmap_head that contains only this leaf."""
    gfn = t.gpa(pa, i) >> 12
    slot, base, *_ = t.slot(pa, gfn)
    at = t.read(slot + t.members["kvm_memory_slot.rmap"], "<Q") + 8 * (gfn - base)
    return at if t.read(at, "<Q") == t.base + pa + 8 * i else None


def pte_list(t, *entries):
    """A pte_list_desc of these entries, which is put where the guest has its memory, as a kvm_rmap_head has it."""
    at = t.base + other_page(t) + 0xe00
    for offset in range(0, 0x100, 8):
        t.set_at(at + offset, "<Q", 0)
    t.set_at(at + t.members["pte_list_desc.spte_count"], "<I", len(entries))
    for n, (pa, i) in enumerate(entries):
        t.set_at(at + t.members["pte_list_desc.sptes"] + 8 * n, "<Q", t.base + pa + 8 * i)
    return at | 1


def plant_rmap(t, listed):
    pa, i, _ = next((pa, i, e) for pa, i, e in t.entries(1) if rmap_head(t, pa, i))
    t.set_at(rmap_head(t, pa, i), "<Q", pte_list(t, (pa, i)) if listed else 0)
    return pa, i


def plant_rmap_leaves(t, more):
    """The rmap of a leaf's gfn has an entry besides, that is empty."""
    has_empty = {pa: next((n for n in range(512) if not t.get(pa, n) & PRESENT), None) for pa in t.pages}
    pa, i, _ = next((pa, i, e) for pa, i, e in t.entries(1) if has_empty[pa] is not None and rmap_head(t, pa, i))
    empty = has_empty[pa]
    t.set_at(rmap_head(t, pa, i), "<Q", pte_list(t, (pa, i), *[(pa, empty)] * more))


def plant_parents(t, more):
    """parent_ptes of a page table has an entry besides, that points to no page table."""
    pa, i, e = table_entry(t)
    t.set_member(t.child(e), "parent_ptes", "<Q", pte_list(t, (pa, i), *[(pa, i ^ 1)] * more))
    return t.child(e), None


def huge(t):
    return next((pa, i, e) for pa, i, e in t.entries(2, leaf=True) if e & W)


def plant_level(t, writable_too):
    pa, i, e = huge(t)
    slot, base, *_ = t.slot(pa, t.gpa(pa, i) >> 12)
    at = t.read(slot + t.members["kvm_memory_slot.lpage_info"], "<Q") + 4 * ((t.gpa(pa, i) >> 21) - (base >> 9))
    t.set_at(at, "<I", 1)
    if not writable_too:
        xor(t, (pa, i, e), W)
    return pa, i


def plant_beyond(t, pages):
    """The memslot of a huge leaf ends within it, or behind it."""
    pa, i, _ = huge(t)
    gfn = t.gpa(pa, i) >> 12
    slot, base, count, _ = t.slot(pa, gfn)
    t.set_at(slot + t.members["kvm_memory_slot.npages"], "<Q", gfn - base + pages)
    # what is mapped behind its end
    for table, index, _ in [*t.entries(1), *t.entries(2, leaf=True)]:
        if t.vms[table] == t.vms[pa] and gfn + 512 <= t.gpa(table, index) >> 12 < base + count:
            t.put(table, index, 0)
    return pa, i


def plant_write_tracked(t, flag):
    """A gfn that another shadow page of the VM write-protects; an array of counts where there was none."""
    pa, i, e = leaf_in(t, lambda t, pa, i, e: t.slot(pa, t.gpa(pa, i) >> 12)[2] <= 2048)
    gfn = t.gpa(pa, i) >> 12
    slot, base, *_ = t.slot(pa, gfn)
    array = slot + t.members["kvm_memory_slot.gfn_write_track"]
    at = t.read(array, "<Q")
    if not at:
        at = t.base + other_page(t)
        for offset in range(0, 4096, 8):
            t.set_at(at + offset, "<Q", 0)
        t.set_at(array, "<Q", at)
    t.set_at(at + 2 * (gfn - base), "<H", flag)
    return pa, i


def plant_dirty_log(t, clear):
    """A memslot is dirty-logged from now on, and all of its pages are dirty, or all but one that is writable."""
    pa, i, e = quiet_leaf(t)
    slot, base, *_ = t.slot(pa, t.gpa(pa, i) >> 12)
    bitmap, bit = t.base + other_page(t), (t.gpa(pa, i) >> 12) - base
    for offset in range(0, 256, 8):
        t.set_at(bitmap + offset, "<Q", 2**64 - 1)
    if clear:
        t.set_at(bitmap + bit // 64 * 8, "<Q", 2**64 - 1 - (1 << bit % 64))
    t.set_at(slot + t.members["kvm_memory_slot.dirty_bitmap"], "<Q", bitmap)
    flags = slot + t.members["kvm_memory_slot.flags"]
    t.set_at(flags, "<I", t.read(flags, "<I") | 1)
    return pa, i


def plant_ring(t, pushed):
    """A VM logs into dirty rings, and one writable page of a memslot is, or is not, in that of its first vCPU."""
    pa, i, e = quiet_leaf(t)
    slot, base, count, _ = t.slot(pa, t.gpa(pa, i) >> 12)
    for table, index, entry in t.entries(1):  # the others are clean
        if t.vms[table] == t.vms[pa] and base <= t.gpa(table, index) >> 12 < base + count and (table, index) != (pa, i):
            t.put(table, index, entry & ~W)
    for table, index, entry in t.entries(1, direct=False):
        t.put(table, index, entry & ~W)
    gfns = t.base + other_page(t)
    t.set_at(gfns, "<II", 1, t.read(slot + t.members["kvm_memory_slot.id"], "<H"))
    t.set_at(gfns + 8, "<Q", (t.gpa(pa, i) >> 12) - base)
    t.set_at(slot + t.members["kvm_memory_slot.dirty_bitmap"], "<Q", 0)
    flags, vm = slot + t.members["kvm_memory_slot.flags"], t.kvm(pa)
    t.set_at(flags, "<I", t.read(flags, "<I") | 1)
    t.set_at(vm + t.members["kvm.dirty_ring_size"], "<I", 4096)
    for n, vcpu in enumerate(t.vcpus[t.vms[pa]]):
        for member, value in ("dirty_gfns", gfns), ("dirty_ring_size", 256), ("reset_index", 0), ("dirty_index", pushed and not n):
            t.set_at(vcpu + t.members[f"kvm_vcpu.{member}"], "<Q" if member == "dirty_gfns" else "<I", value)
    return pa, i


def plant_nx_huge(t, on):
    pa, i, e = huge(t)
    for table, index, entry in t.entries(2, leaf=True):
        t.put(table, index, entry | 1 << 63)
    t.put(pa, i, e & ~(1 << 63))
    t.set_at(t.symbol("nx_huge_pages"), "<I", on)
    return pa, i


def plant_quadrant(t, wrong):
    pa, i, e = table_entry(t)
    sp = t.child(e)
    t.set_member(sp, "role", "<I", t.member(sp, "role", "<I") & ~0x60 | 0x10 | (i & 1 ^ wrong) << 5)
    return pa, i


def unsync_chain(t, pa, i):
    """Mark what is above a page table that is out of sync."""
    while True:
        words = t.sp[pa] + t.members["kvm_mmu_page.unsync_child_bitmap"] + i // 64 * 8
        if t.read(words, "<Q") >> i % 64 & 1:
            return
        t.set_at(words, "<Q", t.read(words, "<Q") | 1 << i % 64)
        t.set_member(pa, "unsync_children", "<I", t.member(pa, "unsync_children", "<I") + 1)
        above = [(up, n) for up in t.pages for n in range(512) if t.pages[up] > 1 and t.get(up, n) & PRESENT
                 and t.get(up, n) & 1 and not t.get(up, n) & PS and t.child(t.get(up, n)) == pa]
        if not above:
            return
        pa, i = above[0]


def plant_unsync(t, marked):
    pa, i, e = next((pa, i, t.get(pa, i)) for pa in sorted(t.pages) if t.pages[pa] == 2
                    and not t.member(pa, "role", "<I") & 0x80 for i in range(512) if t.get(pa, i) & PRESENT
                    and t.child(t.get(pa, i)) in t.pages and not t.member(t.child(t.get(pa, i)), "role", "<I") & 0x80)
    t.set_member(t.child(e), "unsync", "<B", 1)
    if marked:
        unsync_chain(t, pa, i)
    return pa, i


def plant_unsync_children(t, with_bit):
    pa, i, _ = table_entry(t)
    if with_bit:  # a bit for a page table that is in sync
        unsync_chain(t, pa, i)
    else:
        t.set_member(pa, "unsync_children", "<I", t.member(pa, "unsync_children", "<I") + 1)
    return pa, None


def plant_nx_list(t, listed):
    pa = child(t)
    if listed:
        t.set_member(pa, "nx_link", "<Q", t.sp[first_root(t)] + t.members["kvm_mmu_page.nx_link"])
    else:
        t.set_member(pa, "nx_huge_page_disallowed", "<B", 1)
    return pa, None


def plant_scheduled(t, root):
    pa = first_root(t) if root else child(t)
    if root:
        t.set_member(pa, "role", "<I", t.member(pa, "role", "<I") | 1 << invalid_bit(t))
    t.set_member(pa, "scheduled_root_to_zap", "<B", 1)
    return pa, None


def plant_root_list(t):
    root = first_root(t)
    if t.shadow:
        link = t.sp[root] + t.members["kvm_mmu_page.hash_link"]
        t.set_at(t.read(link + 8, "<Q"), "<Q", t.read(link, "<Q"))
    else:
        link = t.sp[root] + t.members["kvm_mmu_page.link"]
        t.set_at(t.read(link + 8, "<Q"), "<Q", t.read(link, "<Q"))
    return root, None


def plant_trees(t, damage):
    memslots = t.read(t.kvm(first_root(t)) + t.members["kvm.memslots"], "<Q")
    if damage:
        at = memslots + t.members["kvm_memslots.id_hash"]
        t.set_at(next(at + 8 * i for i in range(128) if t.read(at + 8 * i, "<Q")), "<Q", 0)
    else:  # the color of a node
        root = t.read(memslots + t.members["kvm_memslots.hva_tree"], "<Q")
        t.set_at(root, "<Q", t.read(root, "<Q") ^ 1)


def plant_masks(t, bits, n):
    """The reserved bits of the nth of the contexts with the same root. Which of two is the odd one cannot be known."""
    roles = [int(x["address"], 16) for x in t.items if x["what"] == "kvm_mmu.root_role"]
    root = lambda at: t.read(at - t.members["kvm_mmu.root_role"] + t.members["kvm_mmu.root_hpa"], "<Q") & ADDRESS
    mine = next([at for at in roles if root(at) == one] for one in map(root, roles)
                if one in t.pages and sum(root(at) == one for at in roles) > 1)
    at = mine[n] - t.members["kvm_mmu.root_role"] + t.members["kvm_mmu.rsvd_bits_mask"]
    t.set_at(at, "<Q", t.read(at, "<Q") ^ bits)


def plant_guest_entry(t, bits):
    """The guest's entry for a leaf of a shadow page in sync."""
    pa, i, _ = min(((pa, i, e) for pa, i, e in t.entries(1, direct=False) if not t.member(pa, "unsync", "<B")),
                   key=lambda place: t.changing[t.vms[place[0]]])
    _, at = t.host(pa, t.member(pa, "gfn", "<Q"))
    entry, = struct.unpack_from("<Q", t.bytes, t.offset(at + 8 * i))
    assert entry & 1
    t.write(t.offset(at + 8 * i), "<Q", entry ^ bits)
    return pa, i


def plant_guest_table(t, bits):
    pa, i, e = shadow_pair(t)
    _, at = t.host(pa, t.member(pa, "gfn", "<Q"))
    entry, = struct.unpack_from("<Q", t.bytes, t.offset(at + 8 * i))
    assert entry & 1
    t.write(t.offset(at + 8 * i), "<Q", entry ^ bits)
    return pa, i


def plant_less_access(t):
    """As plant_access(), but not in a root."""
    below = {t.child(t.get(pa, i)) for pa in t.pages if t.pages[pa] > 1 for i in range(512) if t.get(pa, i) & PRESENT}
    pa, i, e = next((pa, i, e) for level in (3, 2) for pa, i, e in t.entries(level, leaf=False, direct=False)
                    if pa in below and t.child(e) in t.pages and t.member(t.child(e), "role", "<I") & 0x700
                    and t.member(pa, "role", "<I") & 4 << invalid_bit(t))  # cr0_wp
    t.set_member(pa, "role", "<I", t.member(pa, "role", "<I") & ~0xf00)
    return pa, i


def plant_encryption(t, lacks, reserved=False):
    """A host whose KVM sets bit 46 in all SPTEs: memory encryption, as on AMD. One of a kind lacks it."""
    bit = 1 << 46
    for name in "shadow_me_value", "shadow_me_mask":
        t.set_at(t.symbol(name), "<Q", bit)
    mask = t.symbol("physical_mask")
    t.set_at(mask, "<Q", t.read(mask, "<Q") & ~bit)
    for root_role in (int(x["address"], 16) for x in t.items if x["what"] == "kvm_mmu.root_role"):
        at = root_role - t.members["kvm_mmu.root_role"] + t.members["kvm_mmu.rsvd_bits_mask"]
        for n in range(10):
            t.set_at(at + 8 * n, "<Q", t.read(at + 8 * n, "<Q") & ~bit)
    for pa in sorted(t.pages):
        for i in range(512):
            if t.get(pa, i) & PRESENT:
                t.put(pa, i, t.get(pa, i) | bit)
    pa, i, e = lacks(t)
    if reserved:  # as memory of a device
        at = t.of_page(t.child(e))
        t.set_at(at + t.members["page.flags"], "<Q", t.read(at + t.members["page.flags"], "<Q") | 1 << RESERVED[t.gen])
    return xor(t, (pa, i, e), bit)


RESERVED = {"6.1": 12, "7.3": 13}  # PG_reserved
def plant_child_with_less(t):
    """A page table of level 1 grants no writes below one that does."""
    pa, i, e = next((pa, i, e) for pa, i, e in t.entries(2, leaf=False, direct=False)
                    if t.child(e) in t.pages and t.member(t.child(e), "role", "<I") & 0x200)
    t.set_member(t.child(e), "role", "<I", t.member(t.child(e), "role", "<I") & ~0x200)


NPT, SHADOW, BOTH = ("healthy",), ("nonpt",), ("healthy", "nonpt")
more_roots = lambda t: plant_root(t, "root_count", "<I", lambda v: v + 1)
PLANTS = [  # kind, dumps, the damage, its legal twin
    ("stray-bits", BOTH, lambda t: xor(t, writable(t), PRESENT), lambda t: xor(t, writable(t), writable(t)[2])),
    ("reserved-bits", BOTH, lambda t: xor(t, writable(t), 1 << 46), lambda t: xor(t, writable(t), W)),
    ("unknown-bits", NPT, lambda t: xor(t, writable(t), 1 << 62), lambda t: xor(t, writable(t), 1 << 6)),
    ("missing-bits", BOTH, lambda t: xor(t, table_entry(t), W), lambda t: xor(t, table_entry(t), 1 << 5)),
    ("writable-bits", BOTH, lambda t: xor(t, writable(t), software(t)[1]),
     lambda t: xor(t, writable(t), software(t)[1] | W)),
    ("leaf-access", BOTH, lambda t: xor(t, writable(t), 4), lambda t: xor(t, writable(t), W)),
    ("leaf-access", NPT, lambda t: xor(t, writable(t), 1 << 63), lambda t: xor(t, huge(t), 1 << 63)),
    ("ad-type", NPT, lambda t: xor(t, writable(t), 1 << 60 if t.gen == "7.3" else 3 << 52),
     lambda t: xor(t, writable(t), 1 << 5)),
    ("frozen", BOTH, lambda t: to_value(t, writable(t), FROZEN[t.gen]), lambda t: to_value(t, writable(t), 0)),
    ("mmio-gfn", BOTH, lambda t: xor(t, mmio(t), 1 << 12), lambda t: xor(t, mmio(t), mmio(t)[2])),
    ("mmio-generation", BOTH, lambda t: xor(t, mmio(t), 1 << 61), lambda t: xor(t, mmio(t), mmio(t)[2] & 1 << 4)),
    ("mmio-over-slot", BOTH, lambda t: plant_over_slot(t, 0), lambda t: plant_over_slot(t, 2)),
    ("no-slot", BOTH, lambda t: plant_no_slot(t), lambda t: to_value(t, mmio(t), 0)),
    ("huge-page", NPT, lambda t: plant_beyond(t, 511), lambda t: plant_beyond(t, 512)),
    ("encryption", BOTH, lambda t: plant_encryption(t, writable), lambda t: plant_encryption(t, writable, True)),
    ("missing-bits", BOTH, lambda t: plant_encryption(t, table_entry), lambda t: plant_encryption(t, writable, True)),
    ("mapping-level", NPT, lambda t: plant_level(t, True), lambda t: plant_level(t, False)),
    ("nx-huge-page", NPT, lambda t: plant_nx_huge(t, 1), lambda t: plant_nx_huge(t, 0)),
    ("readonly-slot", NPT, lambda t: xor(t, slot_leaf(t, "READONLY"), W | software(t)[0] | software(t)[1]),
     lambda t: xor(t, slot_leaf(t, "READONLY"), 1 << 5)),
    ("write-tracked", BOTH, lambda t: plant_write_tracked(t, 1), lambda t: plant_write_tracked(t, 0)),
    ("dirty-log", BOTH, lambda t: plant_dirty_log(t, True), lambda t: plant_dirty_log(t, False)),
    ("dirty-log", BOTH, lambda t: plant_ring(t, False), lambda t: plant_ring(t, True)),
    ("rmap", SHADOW, lambda t: plant_rmap(t, False), lambda t: plant_rmap(t, True)),
    ("rmap-leaves", SHADOW, lambda t: plant_rmap_leaves(t, 1), lambda t: plant_rmap_leaves(t, 0)),
    ("host-page", BOTH, lambda t: to_page(t, writable(t), other_page(t)), lambda t: xor(t, writable(t), W)),
    ("host-unmapped", BOTH, lambda t: plant_host(t, lambda e: 0), lambda t: plant_host(t, lambda e: e ^ 0x60)),
    ("host-readonly", BOTH, lambda t: plant_host(t, lambda e: e & ~W), lambda t: plant_host(t, lambda e: e ^ 0x20)),
    ("guest-entry", SHADOW, lambda t: plant_guest_entry(t, 1), lambda t: plant_guest_entry(t, 1 << 9)),
    ("guest-table", SHADOW, lambda t: plant_guest_table(t, 1 << 14), lambda t: plant_guest_table(t, 1 << 9)),
    ("page-owner", BOTH, plant_private, more_roots),
    ("page-owner", BOTH, lambda t: plant_member(t, "spt", "<Q", lambda v: v ^ 0x1000), more_roots),
    ("page-owner", BOTH, lambda t: xor(t, table_entry(t), 1 << 32), more_roots),
    # of the page allocator: no address
    ("page-owner", BOTH, lambda t: of_page(t, "private", 0x200020, "<Q") and table_entry(t)[:2], more_roots),
    ("page-level", BOTH, lambda t: plant_role(t, 5 ^ 1), more_roots),
    ("page-gfn", BOTH, lambda t: plant_member(t, "gfn", "<Q", lambda v: v ^ 0x40000), more_roots),
    ("page-direct", NPT, lambda t: plant_role(t, 1 << 7), more_roots),
    ("page-access", SHADOW, plant_less_access, plant_child_with_less),
    ("page-role", BOTH, lambda t: plant_role(t, 2 << invalid_bit(t)), more_roots),
    ("page-invalid", BOTH, lambda t: plant_role(t, 1 << invalid_bit(t)), more_roots),
    ("page-generation", SHADOW, plant_generation,
     lambda t: of_kvm(t, "mmu_valid_gen", lambda v: v ^ 1, "<B")),  # all of them are obsolete, as while KVM zaps all
    ("page-mmu", BOTH, lambda t: plant_member(t, "tdp_mmu_page", "<B", lambda v: v ^ 1), more_roots),
    ("page-twice", NPT, plant_twice, more_roots),
    ("page-parent", BOTH, lambda t: plant_member(t, "parent_ptes", "<Q", lambda v: v ^ 8), more_roots),
    ("page-parents", SHADOW, lambda t: plant_parents(t, 1), lambda t: plant_parents(t, 0)),
    ("page-quadrant", BOTH, lambda t: plant_quadrant(t, 1), lambda t: plant_quadrant(t, 0)),
    ("page-unsync", BOTH, lambda t: plant_member(t, "unsync", "<B", lambda v: v ^ 1), more_roots),
    ("page-unsync-parent", SHADOW, lambda t: plant_unsync(t, False), lambda t: plant_unsync(t, True)),
    ("page-unsync-children", SHADOW, lambda t: plant_unsync_children(t, False),
     lambda t: plant_unsync_children(t, True)),
    ("page-nx-list", BOTH, lambda t: plant_nx_list(t, True), lambda t: plant_nx_list(t, False)),
    ("page-scheduled", NPT, lambda t: plant_scheduled(t, False), lambda t: plant_scheduled(t, True)),
    ("page-freed", BOTH, lambda t: of_page(t, "refcount", 0), lambda t: of_page(t, "refcount", 2)),
    ("page-freed", BOTH, lambda t: of_page(t, "page_type", 0xf0000000), lambda t: of_page(t, "refcount", 2)),
    ("page-freed", BOTH, lambda t: of_page(t, "mapping", t.base + 0x1000, "<Q"), lambda t: of_page(t, "refcount", 2)),
    ("root-owner", BOTH, lambda t: plant_root(t, "spt", "<Q", lambda v: v ^ 0x1000), more_roots),
    ("root-count", BOTH, lambda t: plant_root(t, "root_count", "<I", lambda v: 0), more_roots),
    ("root-list", BOTH, plant_root_list, more_roots),
    ("root-role", BOTH, plant_root_role, more_roots),
    ("perm-table", BOTH, lambda t: plant_permissions(t, 4), lambda t: plant_permissions(t, 0)),
    ("rsvd-masks", NPT, lambda t: plant_masks(t, 1 << 8, 0), more_roots),
    ("rsvd-masks", NPT, lambda t: plant_masks(t, 1 << 8, -1), more_roots),
    ("leaf-count", BOTH, lambda t: of_kvm(t, "pages_4k", lambda v: v + 1), lambda t: of_kvm(t, "max_mmu_pages", lambda v: v + 1)),
    ("page-count", BOTH, lambda t: of_kvm(t, "used_mmu_pages", lambda v: v + 1),
     lambda t: of_kvm(t, "max_mmu_pages", lambda v: v + 1)),
    ("memslot-trees", BOTH, lambda t: plant_trees(t, True), lambda t: plant_trees(t, False)),
    ("invalidation", BOTH, lambda t: of_quiet_vm(t, "mmu_invalidate_in_progress"),
     lambda t: (of_quiet_vm(t, "mmu_invalidate_in_progress"), of_quiet_vm(t, "mn_active_invalidate_count")) and None),
]
# the tables above and below contradict a damaged one, too
SPREADS = {"page-access", "page-generation", "host-unmapped", "host-readonly", "perm-table", "page-twice"}


def to_value(t, place, value):
    pa, i, _ = place
    t.put(pa, i, value)
    return pa, i


def plant_no_slot(t):
    """A leaf where an MMIO SPTE was, with U only if role.access has it."""
    user = t.member(mmio(t)[0], "role", "<I") >> 8 & 4
    return to_value(t, mmio(t), writable(t)[2] & ~(4 - user))


def plant_over_slot(t, older):
    """7.3 and 6.1, without EPT: bits 51 and 0, W and U, the generation from bit 3 on."""
    pa, i, _ = writable(t)
    memslots = t.read(t.kvm(pa) + t.members["kvm.memslots"], "<Q")
    generation = t.read(memslots + t.members["kvm_memslots.generation"], "<Q")
    t.put(pa, i, 1 << 51 | (generation - older & 0xff) << 3 | t.gpa(pa, i) | 7)
    return pa, i


def campaign():
    chosen = []
    for n, (kind, names, *_) in enumerate(PLANTS):
        places = [(n, gen, name) for gen, name in DUMPS if name in names]
        chosen += places if os.environ.get("KVMMMU_PLANTED") == "all" else [places[n % len(places)]]
    return chosen


def test_kinds():
    assert len({kind for kind, *_ in PLANTS}) >= 30


LEAD_BACK = ("rmap-leaves", "page-parents")


@pytest.mark.parametrize("n,gen,name", [pytest.param(n, gen, name, id=f"{n}-{PLANTS[n][0]}-{gen}-{name}")
                                        for n, gen, name in campaign()])
def test_planted(opened, n, gen, name):
    kind, _, plant, twin = PLANTS[n]
    t = opened(gen, name)
    t.undo_all()
    place = plant(t)
    answer = t.audit("--limit", "600")
    # what may look like that while a vCPU is in a fault is a note then
    found = [a for vm in answer for a in vm["anomalies"] if a["certainty"] != "note" or vm["changing"]]
    # the lists that lead back to an entry contradict it, too, if the entry or its table is what was damaged
    found = [a for a in found if a["kind"] == kind or a["kind"] not in LEAD_BACK]
    assert {a["kind"] for a in found} == {kind}, [(a["kind"], a["table"], a["index"], a["what"]) for a in found]
    assert kind in SPREADS or len(found) == 1, [(a["kind"], a["table"], a["index"], a["what"]) for a in found]
    if place:
        assert place in {(int(a["table"], 16), a["index"]) for a in found}
    if twin:
        twin(t)
        t.settle()
        answer = t.audit()
        # an edited leaf is not taken out of the list that leads to it
        assert kind not in LEAD_BACK and loud(answer).keys() <= set(LEAD_BACK) or loud(answer) == {}, [(a["kind"], a["what"]) for vm in answer for a in vm["anomalies"]]


def swap_entry(kind, offset):
    return kind << 59 | (~offset << 14 & 2**64 - 1) >> 5


def set_flag(t, pa, bit):
    at = t.of_page(pa) + t.members["page.flags"]
    t.set_at(at, "<Q", t.read(at, "<Q") | 1 << bit)


# What the VMM's page-table entry is instead: its value, a flag of the page, what is said about it.
INSTEAD = {"empty": (lambda pfn: 0, None, "is empty"),
           "swapped": (lambda pfn: swap_entry(0, 0x1234), None, "is swapped out (swap file 0, page 0x1234)"),
           "migrating": (lambda pfn: swap_entry(29, pfn), 0, "is that of pfn {pfn:#x}, which is being migrated"),
           "poisoned": (lambda pfn: swap_entry(24, pfn), "PG_hwpoison", "is that of pfn {pfn:#x}, which is poisoned"),
           "another": (lambda pfn: swap_entry(28, pfn), None, "is a swap entry of type 28, of pfn {pfn:#x}"),
           "userfaultfd": (lambda pfn: swap_entry(31, 1), None, "is a marker: write-protected by userfaultfd"),
           "UFFDIO_POISON": (lambda pfn: swap_entry(31, 2), None, "is a marker: a poisoned page"),
           "guard": (lambda pfn: swap_entry(31, 4), None, "is a marker: a guard region"),
           "PROT_NONE": (lambda pfn: ~pfn << 12 & (1 << 52) - 4096 | 0x160, None, "permits no access to pfn {pfn:#x}")}


@pytest.mark.parametrize("gen,name", DUMPS)
@pytest.mark.parametrize("kind", INSTEAD)
def test_what_the_host_has_instead(opened, gen, name, kind):
    """The VMM's entry is no mapping any more, and KVM was not told: each kind of entry is named."""
    t = opened(gen, name)
    t.undo_all()
    value, flag, said = INSTEAD[kind]
    pfn = t.child(writable(t)[2]) >> 12
    if flag == "PG_hwpoison" and gen == "6.1":
        return  # this kernel is built without
    if flag is not None:
        set_flag(t, pfn << 12, flag if not flag else int(re.search(rb"NUMBER\(PG_hwpoison\)=(\d+)", t.bytes)[1]))
    pa, i = plant_host(t, lambda e: value(pfn))
    found = [a for vm in t.audit("--limit", "600") for a in vm["anomalies"] if a["certainty"] != "note" or vm["changing"]]
    assert {a["kind"] for a in found} == {"host-unmapped"}
    mine, = [a for a in found if (int(a["table"], 16), a["index"]) == (pa, i)]
    assert mine["what"].endswith(said.format(pfn=pfn)), mine["what"]


def test_write_protected_by_userfaultfd(opened):
    t = opened("7.3", "healthy")
    t.undo_all()
    pa, i = plant_host(t, lambda e: e & ~W | 1 << 10)
    found = [a for vm in t.audit() for a in vm["anomalies"]]
    assert {a["kind"] for a in found} == {"host-readonly"} and found[0]["what"].endswith("is read-only for userfaultfd")


@pytest.fixture(scope="module")
def with_gmem(tmp_path_factory):
    """A dump in which guest_memfd provides memory that is mapped: of 7.3, under load, at random moments."""
    for path in sorted(lab("load", "7.3", "npt", "4").glob("*.kdump")):
        slots = kvmmmu(path, "slots", "-j").json["memslots"]
        number, slot = next((vm["vm"], s) for vm in slots for s in vm["slots"] if "GUEST_MEMFD" in s["flag_names"])
        found = EditedDump("7.3", "load", tmp_path_factory.mktemp("gmem"), path), number, int(slot["gpa"], 16), int(slot["last_gpa"], 16)
        if not found_in(found[0], number) and gmem_leaves(found):
            return found
    raise LookupError("no dump with a leaf of guest_memfd's memory")


def found_in(t, number):
    """Notes count: at a random moment, page tables are changed, or an invalidation is under way."""
    return [a for vm in t.audit() for a in vm["anomalies"] if vm["vm"] == number]


def gmem_leaves(with_gmem):
    t, number, first, last = with_gmem
    return [(pa, i, e) for pa, i, e in t.entries(1) if t.vms.get(pa) == number and first <= t.gpa(pa, i) <= last]


def gmem_leaf(with_gmem):
    with_gmem[0].undo_all()
    return gmem_leaves(with_gmem)[0]


def test_another_page_than_guest_memfd_has(with_gmem):
    t = with_gmem[0]
    pa, i, e = gmem_leaf(with_gmem)
    others = [x & ADDRESS & (1 << 40) - 1 for _, _, x in t.entries(1) if x & W]
    place = to_page(t, (pa, i, e), next(x for x in others if x != t.child(e)))
    found = found_in(t, with_gmem[1])
    assert [(a["kind"], int(a["table"], 16), a["index"]) for a in found] == [("gmem-page", *place)], found
    assert "but guest_memfd has pfn 0x" in found[0]["what"]


def test_what_guest_memfd_has_not(with_gmem):
    """The page is taken out of its page cache: the entry of the lowest node of the xarray is emptied."""
    t, number, first, _ = with_gmem
    pa, i, e = gmem_leaf(with_gmem)
    slot, base, *_ = t.slot(pa, t.gpa(pa, i) >> 12)
    mapping = t.read(t.read(slot + t.members["kvm_memory_slot.gmem_file"], "<Q") + t.members["file.f_mapping"], "<Q")
    node = t.read(mapping + t.members["address_space.i_pages"] + t.members["xarray.xa_head"], "<Q")
    index = (t.gpa(pa, i) >> 12) - base + t.read(slot + t.members["kvm_memory_slot.gmem_pgoff"], "<Q")
    while True:
        shift = t.read((node & ~3) + t.members["xa_node.shift"], "<B")
        at = (node & ~3) + t.members["xa_node.slots"] + 8 * (index >> shift & 63)
        if not shift:
            break
        node = t.read(at, "<Q")
    t.set_at(at, "<Q", 0)
    found = found_in(t, number)
    assert [(a["kind"], int(a["table"], 16), a["index"]) for a in found] == [("gmem-page", pa, i)], found
    assert found[0]["what"].endswith("guest_memfd has no page there")


@pytest.mark.parametrize("gen,name", DUMPS)
def test_a_capsule_of_damage(opened, tmp_path, gen, name):
    """What a capsule holds is answered as by its dump, and it names the kinds that it cannot check everywhere."""
    t = opened(gen, name)
    t.undo_all()
    leaf = quiet_leaf(t, beside=child(t))  # whose gfn is changed below: its leaves would have no memslot
    plant_host(t, lambda e: 0, leaf)
    xor(t, leaf, software(t)[1])
    plant_member(t, "gfn", "<Q", lambda v: v ^ 0x40000)
    plant_root(t, "root_count", "<I", lambda v: 0)
    capsule = tmp_path / "capsule"
    assert kvmmmu(t.path, "capture", "-o", capsule).code == 0
    dump, answers = t.audit(), kvmmmu(capsule, "audit", "-j").json["vms"]
    sums = lambda vms: {(vm["vm"], kind["kind"]): kind for vm in vms for kind in vm["kinds"]}
    ours, theirs = sums(answers), sums(dump)
    assert ours.keys() == theirs.keys() and {"writable-bits", "page-gfn", "root-count"} <= loud(dump).keys()
    # while KVM handles a fault of the VM, it is a note
    assert "host-unmapped" in loud(dump) or t.changing[t.vms[leaf[0]]]
    for key, kind in ours.items():
        if kind["unknown"]:
            assert any(f"{key[1]} {kind['unknown']}" in note for note in answers[key[0]]["notes"])
            assert kind["found"] <= theirs[key]["found"]
        elif key[1] != "pfn-twice":  # which dumps do not need
            assert kind["found"] == theirs[key]["found"], key
    assert {"writable-bits", "page-gfn", "root-count"} <= loud(answers).keys()
