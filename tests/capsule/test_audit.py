# SPDX-License-Identifier: GPL-2.0-or-later
"""kvmmmu audit on capsules: it accuses no healthy VM, and finds planted damage at its place and nothing else.

The damage is edited: bytes of capsules of real kernels are changed. Each kind has a legal twin, an edit that KVM
or the processor could have made, which has to stay silent."""

import collections
import json
import re
import struct

import pytest
from test_contradictions import Damaged

from tools import SCENARIOS, TOP, kvmmmu

SAMPLES = TOP / "samples"
HEALTHY = [SAMPLES / f"{name}.kvmmmu" for name in (
    "amd-6.1-healthy", "amd-7.3-healthy", "amd-7.3-shadow-paging", "intel-7.3-ept-mbec-nested",
    "intel-7.3-ept-no-ad-bits", "intel-7.3-shadow-paging")] + sorted((SAMPLES / "kernels").glob("*.kvmmmu"))
LOUD = ("possible", "likely", "proven")
PRESENT, P, W, PS = 1 << 11, 1, 2, 1 << 7
ADDRESS = (1 << 52) - 4096


def audit(path, *words):
    return kvmmmu(path, "audit", *words, "-j").json["vms"]


def loud(vms):
    """{kind: number} of what is more than a note."""
    found = collections.Counter()
    for vm in vms:
        for kind in vm["kinds"]:
            if kind["found"] and kind["certainty"] in LOUD:
                found[kind["kind"]] += kind["found"]
    return dict(found)


def kinds():
    text = (TOP / "extensions/kvmmmu/audit/kinds.def").read_text()
    return re.findall(r'^KM_AUDIT\((\w+), (\w+), "([a-z-]+)"', text, re.M)


def test_one_file_and_one_line_per_kind():
    files = {path.stem for path in (TOP / "extensions/kvmmmu/audit/kinds").glob("*.c")}
    assert files == {name for _, name, _ in kinds()}
    assert all(name.replace("_", "-") == kind for _, name, kind in kinds())
    answer = audit(HEALTHY[0])
    assert [k["kind"] for k in answer[0]["kinds"]] == [kind for _, _, kind in kinds()]


@pytest.mark.parametrize("sample", HEALTHY, ids=lambda path: path.stem)
def test_healthy(sample):
    vms = audit(sample)
    assert sum(vm["leaves"] for vm in vms) > 20
    assert not [vm["anomalies"] for vm in vms if vm["anomalies"]]


# What the lab's debugger injected is found where it is in page tables, roots or permission tables: by what it changed.
INJECTED = {"child-page-mismatch": "page-level", "child-page-mismatch-twin": "page-generation", "frozen-spte": "frozen",
            "frozen-spte-twin": "frozen", "mmio-over-leaf": "no-slot", "obsolete-root-shadow": "page-generation",
            "obsolete-root-shadow-twin": "page-generation", "reserved-bits": "reserved-bits", "reserved-bits-twin": "unknown-bits", "role-corruption-gfn": "page-gfn", "role-corruption-gfn-twin": "page-gfn",
            "spurious-loop": "missing-bits", "spurious-loop-twin": "missing-bits", "spurious-loop-nested": "missing-bits",
            "spurious-loop-nested-twin": "missing-bits", "perm-table-flip": "perm-table",
            "perm-table-not-asked": "perm-table", "perm-table-unused": "perm-table", "perm-table-zeroed": "perm-table"}


@pytest.mark.parametrize("path", sorted(SCENARIOS.glob("*/*.kvmmmu")), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_scenarios(path):
    """Nothing but what was injected: a twin differs in where it is, not in what it is."""
    found = loud(audit(path))
    assert set(found) == ({INJECTED[path.stem]} if path.stem in INJECTED else set()), found
    injected = json.loads(path.with_suffix(".json").read_text()).get("injected")
    assert not found or injected


class Tables(Damaged):
    """A capsule with its page tables."""

    def __init__(self, name, path):
        super().__init__(name, path)
        self.clean = bytes(self.image)
        self.pages = {int(i["address"], 16): int(i["what"][-1]) for i in self.items
                      if i["what"].startswith("page-table page, level")}
        layout = kvmmmu(self.sample, "layout", "-j").json
        self.members = {m["member"]: m["offset"] for m in layout["members"] if m["offset"] is not None}
        spts = [int(i["address"], 16) for i in self.items if i["what"] == "kvm_mmu_page.spt"]
        values = {at: self.read(at, "<Q") for at in spts}
        base = collections.Counter(value - pa & ~0x3fffffff for value in values.values() for pa in self.pages)
        self.base = next(b for b, _ in base.most_common(40) if all(v - b in self.pages for v in values.values()))
        at = self.members["kvm_mmu_page.spt"]
        self.sp = {value - self.base: address - at for address, value in values.items()}

    def phys(self, pa):
        for _kind, _flags, offset, va, start, size, *_ in self.segments:
            if va == 2**64 - 1 and start <= pa < start + size:
                return offset + pa - start
        raise KeyError(hex(pa))

    def entries(self, level, leaf=None):
        """(table, index, entry) of present entries of direct tables at a level."""
        for pa, at in sorted(self.pages.items()):
            if at != level or not self.member(pa, "role", "<I") & 0x80:
                continue
            for index in range(512):
                entry = self.get(pa, index)
                if entry & PRESENT and (leaf is None or leaf == (level == 1 or bool(entry & PS))):
                    yield pa, index, entry

    def get(self, pa, index):
        return struct.unpack_from("<Q", self.image, self.phys(pa + 8 * index))[0]

    def put(self, pa, index, value):
        struct.pack_into("<Q", self.image, self.phys(pa + 8 * index), value)

    def member(self, pa, name, form):
        return self.read(self.sp[pa] + self.members[f"kvm_mmu_page.{name}"], form)

    def set_member(self, pa, name, form, value):
        self.set_at(self.sp[pa] + self.members[f"kvm_mmu_page.{name}"], form, value)

    def set_at(self, va, form, value):
        struct.pack_into(form, self.image, self.offset(va), value)

    def gpa(self, pa, index):
        return self.member(pa, "gfn", "<Q") + (index << 9 * (self.pages[pa] - 1)) << 12

    def child(self, entry):
        return entry & ADDRESS & (1 << 40) - 1

    def save(self, name="plant"):
        import gzip
        self.path.write_bytes(gzip.compress(bytes(self.image), 1))
        self.image[:] = self.clean
        return self.path


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    found = {}

    def of(name):
        if name not in found:
            found[name] = Tables(f"{name}.kvmmmu", tmp_path_factory.mktemp("audit") / "capsule")
        return found[name]
    return of


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
        t.vms[pa], = (vm["vm"] for vm in audit(t.save()) if vm["anomalies"])
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


@pytest.mark.parametrize("kind,sample,plant,twin", [
    pytest.param(kind, sample, plant, twin, id=f"{n}-{kind}-{sample}")
    for n, (kind, samples, plant, twin) in enumerate(PLANTS) for sample in samples])
def test_planted(opened, kind, sample, plant, twin):
    t = opened(sample)
    pa, index = plant(t)
    answer = audit(t.save())
    found = [a for vm in answer for a in vm["anomalies"]]
    assert loud(answer) == {kind: 1}, [(a["kind"], a["what"]) for a in found]
    assert (int(found[0]["table"], 16), found[0]["index"]) == (pa, index) and found[0]["what"]
    if twin:
        twin(t)
        assert loud(audit(t.save())) == {}


@pytest.mark.parametrize("kind,plant", [("page-access", plant_access), ("page-generation", plant_generation)])
def test_planted_in_shadow_pages(opened, kind, plant):
    """The tables above and below contradict a damaged one, too."""
    t = opened("amd-7.3-shadow-paging")
    pa, index = plant(t)
    answer = audit(t.save(), "--limit", "600")
    assert set(loud(answer)) == {kind}
    assert (pa, index) in {(int(a["table"], 16), a["index"]) for vm in answer for a in vm["anomalies"]}


def plant_masks(t, bits):
    """The masks of the last context that has the same role as the first."""
    roles = [int(x["address"], 16) for x in t.items if x["what"] == "kvm_mmu.root_role"]
    root = first_root(t)
    mine = [at for at in roles if t.read(at - t.members["kvm_mmu.root_role"] + t.members["kvm_mmu.root_hpa"], "<Q")
            & ADDRESS == root]
    at = mine[-1] - t.members["kvm_mmu.root_role"] + t.members["kvm_mmu.rsvd_bits_mask"]
    t.set_at(at, "<Q", t.read(at, "<Q") ^ bits)
    return len(mine)


def test_masks_of_two_vcpus(opened):
    t = opened("amd-7.3-healthy")
    assert plant_masks(t, 1 << 8) > 1
    assert loud(audit(t.save())) == {"rsvd-masks": 1}


def test_misconfiguration(opened):
    """What KVM's own masks do not say: they are cleared. W without R."""
    t = opened("intel-7.3-ept-mbec-nested")
    for item in t.items:
        if item["what"] == "kvm_mmu.bad_mt_xwr":
            t.set_at(int(item["address"], 16), "<Q", 0)
    pa, i, e = writable(t)
    t.put(pa, i, e & ~P)
    answer = audit(t.save())
    assert "misconfig" in loud(answer)
    assert {(int(a["table"], 16), a["index"]) for vm in answer for a in vm["anomalies"]} == {(pa, i)}


def test_options(opened):
    t = opened("amd-7.3-healthy")
    pa, i, _ = writable(t)
    for n in range(i, i + 8):
        t.put(pa, n, 1 << 40)
    path = t.save()
    vm = next(vm for vm in audit(path, "--limit", "5") if vm["anomalies"])
    assert len(vm["anomalies"]) == 5
    assert [k["found"] for k in vm["kinds"] if k["kind"] == "stray-bits"] == [8]
    assert [k["kind"] for k in audit(path, "--kind", "no-slot,frozen")[0]["kinds"]] == ["frozen", "no-slot"]
    assert loud(audit(path, "--kind", "no-slot,frozen")) == {}
    assert loud(audit(path, "-m", "guest_mmu")) == {}
    assert "no kind of anomaly" in kvmmmu(path, "audit", "--kind", "no-slot,what").err
    assert kvmmmu(path, "audit", "--fail-on", "likely").code == 1
    assert kvmmmu(path, "audit", "--fail-on", "proven").code == 0
    assert "8 times" in kvmmmu(path, "audit").out
