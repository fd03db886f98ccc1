# SPDX-License-Identifier: GPL-2.0-or-later
"""kvmmmu audit on whole dumps: healthy ones, and copies that are edited: bits of page tables, what the host maps.

`make flips` flips 2,000 bits; KVMMMU_FLIPS sets how many, KVMMMU_SEED which."""

import collections
import mmap
import os
import random
import shutil
import struct

import pytest

from audit_plants import kdump_injected
from tools import GENERATIONS, cache, dumps, kvmmmu, lab

FLIPS = int(os.environ.get("KVMMMU_FLIPS", 60))
SEED = int(os.environ.get("KVMMMU_SEED", 7))
PRESENT, P, W, PS = 1 << 11, 1, 2, 1 << 7
ADDRESS = (1 << 40) - 4096


def loud(vms):
    return [a for vm in vms for a in vm["anomalies"] if a["certainty"] != "note"]


@pytest.mark.parametrize("gen,name", [(gen, name) for gen in GENERATIONS for name in ("healthy", "nonpt")])
def test_healthy_dumps(gen, name):
    vms = kvmmmu(dumps(gen) / f"{name}.kdump", "audit", "-j").json["vms"]
    assert not [a for vm in vms for a in vm["anomalies"]] and sum(vm["leaves"] for vm in vms) > 10000
    assert not [kind for vm in vms for kind in vm["kinds"] if kind["unknown"]]


# Of hosts under load: generation, paging, dumps.
LOADS = [("7.3", "npt", 12), ("7.3", "nonpt", 10), ("6.1", "npt", 12), ("6.1", "nonpt", 10), ("6.12", "npt", 8), ("7.2", "npt", 8), ("7.3", "ept", 6),
         ("6.18", "npt", 4), ("5.10", "npt", 4), ("6.16", "npt", 4), ("6.17", "npt", 4), ("7.3-amd64", "npt", 4), ("7.3-rt", "npt", 4)]


def cached():
    """Every dump in the lab's cache, with what the lab says about it."""
    folders = [cache() / "dumps", cache() / "kdump", cache() / "in-handler", cache() / "crowd", cache() / "load"]
    return [path for folder in folders for path in sorted(folder.glob("*/*.kdump")) + sorted(folder.glob("*/*.elf"))
            if not path.stem.startswith(("nokvm", "novms"))]


def injected_kinds(path):
    """{address of struct kvm: kind} of what the lab's debugger injected; None: in one of the VMs."""
    if path.parent.parent.name != "kdump":
        flipped = path.stem.split("-")[0] in ("flip", "zeroed", "looping", "panic")
        return {None: "perm-table"} if flipped else {}
    return kdump_injected(path.with_suffix(".json"))


def test_dumps_of_the_cache(capsys):
    """VMs into which nothing was injected have no anomaly; the others have that, at most. KVMMMU_HEALTHY=all: in every
    dump of the cache, not only in some, and in those of LOADS."""
    count, whole = collections.Counter(), os.environ.get("KVMMMU_HEALTHY") == "all"
    assert all(dumps(gen) for gen in GENERATIONS)
    for gen, paging, number in LOADS if whole else []:
        assert lab("load", gen, paging, str(number))
    for path in cached() if whole else cached()[::16]:
        injected = injected_kinds(path)
        types = ("-k", cache() / "kernel/5.10") if path.parent.name.startswith("5.10") else ()
        vms = kvmmmu(*types, path, "audit", "-j", timeout=600).json["vms"]
        for vm in vms:
            found = {a["kind"] for a in loud([vm])}
            allowed = {injected.get(int(vm["kvm"], 16)), injected.get(None)} - {None}
            assert found <= allowed, (path, vm["vm"], found)
            count["VMs"] += not allowed
            count["page tables"] += vm["tables"] if not allowed else 0
            count["leaves"] += vm["leaves"] if not allowed else 0
            count["VMs with notes"] += any(vm["anomalies"]) and not allowed
        count["dumps"] += 1
        count["dumps with nothing injected"] += not injected
    with capsys.disabled():
        print("\n" + ", ".join(f"{number} {what}" for what, number in count.items()))


class Dump:
    """A copy of a dump that can be written to."""

    def __init__(self, gen, folder):
        self.path = folder / "dump.elf"
        shutil.copyfile(dumps(gen) / "healthy.elf", self.path)
        capsule = folder / "capsule"
        assert kvmmmu(self.path, "capture", "-o", capsule).code == 0
        items = kvmmmu("capture", "--list", capsule, "-j").json["items"]
        self.levels = {int(i["address"], 16): int(i["what"][-1]) for i in items
                       if i["what"].startswith("page-table page, level")}
        with open(self.path, "r+b") as file:
            self.bytes = mmap.mmap(file.fileno(), 0)
        at, = struct.unpack_from("<Q", self.bytes, 32)
        count, = struct.unpack_from("<H", self.bytes, 56)
        self.segments = [struct.unpack_from("<IIQQQQQQ", self.bytes, at + 56 * i) for i in range(count)]

    def offset(self, pa):
        return next(offset + pa - start for kind, _, offset, _va, start, size, *_ in self.segments
                    if kind == 1 and start <= pa < start + size)

    def get(self, pa):
        return struct.unpack_from("<Q", self.bytes, self.offset(pa))[0]

    def put(self, pa, value):
        struct.pack_into("<Q", self.bytes, self.offset(pa), value)

    def audit(self, *changes, words=()):
        """Audit the dump with (pa, value) changed, then undo that."""
        before = [(pa, self.get(pa)) for pa, _ in changes]
        for change in changes:
            self.put(*change)
        try:
            return kvmmmu(self.path, "audit", *words, "-j").json["vms"]
        finally:
            for change in before:
                self.put(*change)

    def leaves(self, level=1):
        """Physical address and value of the leaves."""
        for table, at in sorted(self.levels.items()):
            for pa in range(table, table + 4096, 8) if at == level else ():
                value = self.get(pa)
                if value & PRESENT and (level == 1 or value & PS):
                    yield pa, value


@pytest.fixture(scope="module", params=GENERATIONS)
def dump(request, tmp_path_factory):
    return Dump(request.param, tmp_path_factory.mktemp("audit"))


def check(dump, kind, at, *changes):
    found = loud(dump.audit(*changes))
    assert [(a["kind"], int(a["table"], 16) + 8 * a["index"]) for a in found] == [(kind, at)], found


def test_another_page_than_the_host_maps(dump):
    pa, value = next((pa, value) for pa, value in dump.leaves() if value & W)
    others = {v & ADDRESS for _, v in dump.leaves()} | set(dump.levels)
    other = next(page for page in range(0x1000000, 1 << 28, 4096) if page not in others)
    check(dump, "host-page", pa, (pa, value & ~ADDRESS | other))


def user_entries(dump, page):
    """Entries of user page tables that map a page writable, by their value: those of the VMM are among them."""
    key = struct.pack("<Q", page)[2:6]
    for kind, _, offset, _va, start, size, *_ in dump.segments:
        at = offset if kind == 1 else 0
        while at and (at := dump.bytes.find(key, at, offset + size)) >= 0:
            pa = at - 2 - offset + start
            if pa % 8 == 0 and pa & ~4095 not in dump.levels:
                value = dump.get(pa)
                if value & ADDRESS == page and value & 7 == 7:
                    yield pa, value
            at += 1


def test_what_the_host_does_not_map(dump):
    """The VMM's entry is removed, or made read-only; its own accessed and dirty bits may change."""
    leaf, pte, entry = next(
        (value, pte, entry) for _, value in dump.leaves() if value & W for pte, entry in user_entries(dump, value & ADDRESS)
        if loud(dump.audit((pte, 0))))
    for kind, changed in (("host-unmapped", 0), ("host-readonly", entry & ~W)):
        found = loud(dump.audit((pte, changed)))
        assert {a["kind"] for a in found} == {kind}
        assert {int(a["spte"], 16) & ADDRESS for a in found} == {leaf & ADDRESS}
    assert not loud(dump.audit((pte, entry ^ 0x60)))


def silent(value, bit, level):
    """Why a flip of this bit of a present entry leaves one that KVM or the processor could have made; None: it does not."""
    leaf = level == 1 or value & PS
    if not value & PRESENT and bit == 63 and not value & ~(1 << 63):
        return "an empty entry: with bit 63 or without, it has no translation (EPT: suppress #VE)"
    if not value & PRESENT:
        return "an MMIO SPTE: an earlier generation, or the access that it caches"
    if bit == 5 or (leaf and bit == 6):
        return "accessed and dirty bits: the processor sets them, KVM clears them"
    if leaf and level > 1 and bit == 63:
        return "NX of a huge page: the nx_huge_pages workaround"
    if leaf and bit == 1 and value & 1 << 10:
        return "W with MMU-writable: KVM write-protects, and makes it writable again"
    if leaf and bit in (9, 10) and not value & W and not (bit == 10 and not value & 1 << 9) and \
            not (bit == 9 and value & 1 << 10):
        return "host-writable and MMU-writable of a read-only page: KVM cannot know either what the host permits"
    return None


def test_single_bit_flips(dump, capsys):
    chance = random.Random(SEED)
    entries = [(pa, dump.get(pa), level) for table, level in sorted(dump.levels.items())
               for pa in range(table, table + 4096, 8) if dump.get(pa)]
    shares, missed, reasons = collections.defaultdict(lambda: [0, 0, 0]), [], collections.Counter()
    for _ in range(FLIPS):
        pa, value, level = chance.choice(entries)
        bit = chance.randrange(64)
        found = loud(dump.audit((pa, value ^ 1 << bit)))
        there = [a for a in found if int(a["table"] or "0", 16) + 8 * (a["index"] or 0) == pa]
        why = None if there else silent(value, bit, level)
        shares[bit][0] += 1
        shares[bit][1] += bool(there)
        shares[bit][2] += bool(why)
        reasons.update([why] if why else [])
        if not there and not why:
            missed.append((hex(pa), hex(value), level, bit))
    with capsys.disabled():
        total = [sum(column) for column in zip(*shares.values())]
        print(f"\n{total[0]} flips: {total[1]} found, {total[2]} legal, {len(missed)} missed")
        if FLIPS > 500:
            for bit, (count, found, legal) in sorted(shares.items()):
                print(f"  bit {bit:2}: {count:3} flips, {found:3} found, {legal:3} legal")
            for why, count in reasons.most_common():
                print(f"  {count:3} legal: {why}")
    assert not missed
