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

from audit_plants import (ADDRESS, P, PLANTS, PageTables, audit, first_root, kdump_injected, loud, plant_access, plant_generation,
                          writable)
from tools import SCENARIOS, TOP, kvmmmu

SAMPLES = TOP / "samples"
HEALTHY = [SAMPLES / f"{name}.kvmmmu" for name in (
    "amd-6.1-healthy", "amd-7.3-healthy", "amd-7.3-shadow-paging", "intel-7.3-ept-mbec-nested",
    "intel-7.3-ept-no-ad-bits", "intel-7.3-shadow-paging")] + sorted((SAMPLES / "kernels").glob("*.kvmmmu"))


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


def test_page_tables_that_a_capsule_does_not_know():
    """mmu_page_hash has some that no vCPU has below its roots: a dump counts them, a capsule does not have it."""
    text = " ".join(kvmmmu(HEALTHY[0], "audit").out.split())
    assert "page tables that are below no root of a vCPU are not known, and were not examined" in text


# What the lab's debugger injected is found where it is in page tables, roots or permission tables: by what it changed.
INJECTED = {"child-page-mismatch": "page-level", "child-page-mismatch-twin": "page-generation", "frozen-spte": "frozen",
            "frozen-spte-twin": "frozen", "mmio-over-leaf": "no-slot", "obsolete-root-shadow": "page-generation",
            "obsolete-root-shadow-twin": "page-generation", "reserved-bits": "reserved-bits", "reserved-bits-twin": "unknown-bits", "role-corruption-gfn": "page-gfn", "role-corruption-gfn-twin": "page-gfn",
            "spurious-loop": "missing-bits", "spurious-loop-twin": "missing-bits", "spurious-loop-nested": "missing-bits",
            "spurious-loop-nested-twin": "missing-bits", "perm-table-flip": "perm-table",
            "invalidate-leaked": "invalidation", "obsolete-root-twin": "page-scheduled",
            "role-corruption-twin": "page-scheduled", "perm-table-not-asked": "perm-table", "perm-table-unused": "perm-table", "perm-table-zeroed": "perm-table"}


@pytest.mark.parametrize("path", sorted(SCENARIOS.glob("*/*.kvmmmu")), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_scenarios(path):
    """Nothing but what was injected: a twin differs in where it is, not in what it is."""
    found = loud(audit(path))
    assert set(found) == ({INJECTED[path.stem]} if path.stem in INJECTED else set()), found
    injected = json.loads(path.with_suffix(".json").read_text()).get("injected")
    assert not found or injected


@pytest.mark.parametrize("path", sorted((SAMPLES / "kdump").glob("*/*.kvmmmu")), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_kdumps(path):
    injected = kdump_injected(path.with_suffix(".json"))
    for vm in audit(path):
        assert loud([vm]).keys() <= {injected.get(int(vm["kvm"], 16))} - {None}


class Tables(Damaged, PageTables):
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

    def get(self, pa, index):
        return struct.unpack_from("<Q", self.image, self.phys(pa + 8 * index))[0]

    def put(self, pa, index, value):
        struct.pack_into("<Q", self.image, self.phys(pa + 8 * index), value)

    def set_at(self, va, form, value):
        struct.pack_into(form, self.image, self.offset(va), value)

    def save(self, name="plant"):
        import gzip
        self.path.write_bytes(gzip.compress(bytes(self.image), 1))
        self.image[:] = self.clean
        return self.path

    def audit(self, *words):
        return audit(self.save(), *words)


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    found = {}

    def of(name):
        if name not in found:
            found[name] = Tables(f"{name}.kvmmmu", tmp_path_factory.mktemp("audit") / "capsule")
        return found[name]
    return of


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
    assert "Found 8 times." in " ".join(kvmmmu(path, "audit").out.split())
