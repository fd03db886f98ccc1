# SPDX-License-Identifier: GPL-2.0-or-later
"""kvmmmu layout, and layouts that no kernel has yet: a member that is not where it was is missing, never misread."""

import os
import random
import re
import struct

import pytest

import schema
from btf_edit import Btf
from capsule_edit import TYPES, Edited
from tools import SCENARIOS, TOP, batch, kvmmmu, unpacked

SAMPLES = TOP / "samples"
HEALTHY = [SAMPLES / "amd-6.1-healthy.kvmmmu", SAMPLES / "amd-7.3-healthy.kvmmmu",
           SAMPLES / "intel-7.3-ept-mbec-nested.kvmmmu", *sorted(SCENARIOS.glob("*/healthy-mmio.kvmmmu"))]
EDITS = int(os.environ.get("KVMMMU_LAYOUT_EDITS", "120"))
SEED = int(os.environ.get("KVMMMU_SEED", "1"))


def edited(capsule, tmp_path, edit):
    btf = Btf(bytearray(unpacked(capsule)))
    edit(btf)
    path = tmp_path / "edited.kvmmmu"
    path.write_bytes(btf.data)
    return path


def features(*words):
    return {f["feature"]: f for f in kvmmmu(*words, "layout", "-j").json["features"]}


def members(*words):
    return {m["member"]: m for m in kvmmmu(*words, "-j").json["members"]}


def findings(explained):
    return [(f["id"], f["certainty"]) for part in schema_parts(explained) for f in part.get("findings", ())
            if f["certainty"] != "note"]


def schema_parts(node):
    if isinstance(node, dict):
        yield node
        node = list(node.values())
    for value in node if isinstance(node, list) else ():
        yield from schema_parts(value)


# ---- the command ----

def test_every_member_of_the_layout_is_listed():
    text = (TOP / "extensions/kvmmmu/kernel/layout.def").read_text()
    declared = {f"{t}.{m}" for t, m in re.findall(r"^KM_MEMBER\w*\((\w+), (\w+), ", text, re.M)}
    listed = members(HEALTHY[1], "layout")
    assert declared <= set(listed) and len(declared) > 200
    assert all(m["found"] == (m["offset"] is not None) for m in listed.values())


def test_every_structure_belongs_to_a_feature():
    read = (TOP / "extensions/kvmmmu/kernel/layout.def").read_text()
    parts = (TOP / "extensions/kvmmmu/kernel/features.def").read_text()
    assert (sorted(re.findall(r"^KM_TYPE\((\w+),", read, re.M)) ==
            sorted(re.findall(r"^KM_PART\((\w+),", parts, re.M)))


def test_what_a_generation_has():
    old, new = features(HEALTHY[0]), features(HEALTHY[1])
    assert not old["spte_table"]["available"] and "kvm_mmu.fmt" in old["spte_table"]["missing"]
    assert new["spte_table"]["available"] and not new["spte_table"]["missing"]
    assert all(f[name]["available"] for f in (old, new) for name in ("vms", "memslots", "mmus", "sptes", "page_fault"))
    role = members(HEALTHY[0], "layout")["kvm_mmu.permissions"]
    assert role["path"] == "permissions" and role["other_name"] and role["needed"]
    assert members(HEALTHY[1], "layout")["kvm_mmu.permissions"]["path"] == "fmt.permissions"


@pytest.mark.parametrize("capsule", HEALTHY[:2])
def test_types_in_a_file_are_those_of_the_dump(capsule, tmp_path):
    (tmp_path / "types").write_bytes(Btf(bytearray(unpacked(capsule))).blob())
    assert members("layout", tmp_path / "types") == members(capsule, "layout")


def test_files_without_types(tmp_path):
    (tmp_path / "cut").write_bytes(Btf(bytearray(unpacked(HEALTHY[0]))).blob()[:5000])
    os.mkfifo(tmp_path / "pipe")  # nobody writes to it
    for path in ("/etc/passwd", "/nonexistent", "/", tmp_path / "cut", tmp_path / "pipe", HEALTHY[0]):
        answer = kvmmmu("layout", path)
        assert answer.code == 3 and not answer.out and str(path) in answer.err, answer.err
    assert kvmmmu("layout").code == 2


# ---- layouts that are coming ----

PLANES = ("mutex", "mode", "requests", "run", "pid")  # vcpu->common-> in the series for planes


def planes(btf):
    for name in PLANES:
        btf.remove(btf.find("kvm_vcpu", name))
    btf.remove(btf.find("kvm", "vcpu_array"))


def test_planes_leave_no_vcpus_and_no_verdict(tmp_path):
    """vcpu_array is behind kvm.planes[], and members of a vCPU behind vcpu->common."""
    path = edited(HEALTHY[1], tmp_path, planes)
    missing = features(path)["vms"]["missing"]
    assert "kvm.vcpu_array" in missing and "kvm_vcpu.mode" in missing and "kvm_vcpu.requests" in missing
    answer = kvmmmu(path, "explain", "-j")
    assert answer.code in (0, 3) and not (answer.out and findings(answer.json))


# What the series moves, where it is put in this test, and its members by the names that layout gives them.
COMMON = {"mode": (0, "mode"), "requests": (8, "requests"), "pid": (16, "pid"), "run": (24, "run"),
          "wants_to_run": (32, "wants_to_run"), "mutex": (64, "mutex_owner")}
FREE = 0xffff888ffe000000  # the direct map, where the capsule has nothing


def rename(e, structure, name, other, kind):
    """Let a member have another name and type."""
    btf = Btf(bytearray(e.notes[TYPES]))
    at = btf.find(structure, name) - btf.at - btf.header - btf.types

    def change(records, string):
        struct.pack_into("<II", records, at, string(other), kind)
    e.change_types(change)


def move(e, to, moved):
    """Put what is at (address, size) to @to + offset, where the capsule has it, and something else there."""
    for (old, size), offset in moved:
        try:
            data = e.get(e.virtual, old, size)
        except AssertionError:
            continue
        e.put(e.virtual, to + offset, data)
        e.put(e.virtual, old, b"\xa5" * size)


def moved_to_planes(sample, path):
    """A capsule of a kernel with planes: its types have the new structures, and the bytes are where these have them.

    The pointers are where a member was that is moved: kvm_vcpu.run and kvm.vcpu_array.
    """
    e = Edited(sample, path)
    e.add_type("kvm_vcpu_common", 256, [(name, ("kvm_vcpu", name), at) for name, (at, _) in COMMON.items()])
    e.add_type("kvm_plane", 64, [("vcpu_array", ("kvm", "vcpu_array"), 16)])
    common, planes = (e.layout[name]["offset"] for name in ("kvm_vcpu.run", "kvm.vcpu_array"))
    inside = {name: e.layout[f"kvm_vcpu.{member}"]["offset"] - e.offset_in_types("kvm_vcpu", name)
              for name, (_, member) in COMMON.items()}
    head, at = e.layout["xarray.xa_head"]["offset"], FREE
    for vcpu, _ in e.structures("kvm_vcpu.mode"):
        at += 0x1000
        move(e, at, [(e.field(vcpu, f"kvm_vcpu.{member}"), offset + inside[name])
                     for name, (offset, member) in COMMON.items()])
        e.word(vcpu + common, at)
    for kvm, _ in e.structures("kvm.online_vcpus"):
        at += 0x1000
        move(e, at, [((kvm + planes + head, 8), 16 + head)])
        e.word(kvm + planes, at)
        node = int.from_bytes(e.get(e.virtual, at + 16 + head, 8), "little") - 2
        if node & 3 == 0 and node > 4096:  # of more than one vCPU: it knows its array
            e.set(node, "xa_node.array", at + 16)
    rename(e, "kvm_vcpu", "run", "common", e.type_of("kvm_vcpu", "run"))
    rename(e, "kvm", "vcpu_array", "planes", e.type_of("kvm", "memslots"))
    types = bytearray(e.notes[TYPES])
    btf = Btf(types)
    for name in COMMON.keys() - {"run"}:
        btf.remove(btf.find("kvm_vcpu", name))
    e.notes[TYPES] = bytes(types)
    return e.save()


@pytest.mark.parametrize("sample", [HEALTHY[1], SCENARIOS / "7.3/frozen-spte.kvmmmu", SCENARIOS / "7.3/vm-dead.kvmmmu"],
                         ids=lambda path: path.stem)
def test_planes_are_followed(sample, tmp_path):
    """The pointers of the series for planes lead to the same vCPUs and the same verdicts."""
    path = moved_to_planes(sample, tmp_path / "planes.kvmmmu")
    assert features(path)["vms"]["available"]
    found = members(path, "layout")
    assert not found["kvm_vcpu.mode"]["found"] and not found["kvm.vcpu_array"]["found"]
    for words in (("vms", "-j"), ("explain", "-j")):
        ours, theirs = kvmmmu(path, *words).json, kvmmmu(sample, *words).json
        for answer in (ours, theirs):
            answer.pop("source")
        assert ours == theirs, words


def test_a_null_pointer_to_a_plane_is_no_answer(tmp_path):
    """Nothing is read at address 0 and the offset of the member."""
    path = moved_to_planes(HEALTHY[1], tmp_path / "planes.kvmmmu")
    e = Edited(path, tmp_path / "null.kvmmmu")
    for vm in kvmmmu(path, "vms", "-j").json["vms"]:
        for vcpu in vm["vcpus"]:
            e.set(int(vcpu["address"], 16), "kvm_vcpu.common", 0)
    e.save()
    vcpus = [v for vm in kvmmmu(e.path, "vms", "-j").json["vms"] for v in vm["vcpus"]]
    assert vcpus and {(v["mode"], v["requests"]) for v in vcpus} == {("?", "?")}
    assert not findings(kvmmmu(e.path, "explain", "-j").json)


def test_a_member_behind_a_pointer_is_missing(tmp_path):
    """The bits of a role are not read from an address."""
    path = edited(HEALTHY[1], tmp_path, lambda btf: btf.behind_pointer(btf.find("kvm_mmu", "root_role")))
    assert "kvm_mmu.root_role" in features(path)["mmus"]["missing"]
    assert not findings(kvmmmu(path, "explain", "-j").json)


@pytest.mark.parametrize("structure,name,feature,missing", [
    ("kvm_mmu", "root_role", "mmus", "kvm_mmu.root_role"), ("kvm_memory_slot", "npages", "memslots", "kvm_memory_slot.npages"),
    ("kvm_page_fault", "gfn", "page_fault", "kvm_page_fault.gfn"), ("kvm_mmu_page", "gfn", "shadow_pages", "kvm_mmu_page.gfn"),
    ("kvm_mmu", "fmt", "spte_table", "kvm_mmu.fmt")])
def test_a_removed_member_is_named_and_disables_its_feature(tmp_path, structure, name, feature, missing):
    path = edited(HEALTHY[1], tmp_path, lambda btf: btf.remove(btf.find(structure, name)))
    assert missing in features(path)[feature]["missing"]
    answer = kvmmmu(path, "explain", "-j")
    assert not (answer.out and findings(answer.json)), findings(answer.json)


# ---- random ones ----

def other_names():
    """Return {(structure, name): the names that other kernels have for this member}."""
    found = {}
    for structure, paths in re.findall(r'^KM_MEMBER\w*\((\w+), \w+((?:, "[^"]+"){2,})\)',
                                       (TOP / "extensions/kvmmmu/kernel/layout.def").read_text(), re.M):
        where, names = zip(*(path.rpartition(".")[::2] for path in re.findall(r'"([^"]+)"', paths)))
        inside = {"": structure, "arch": f"{structure}_arch", "control": f"{structure}_control_area"}.get(where[0])
        if len(set(where)) == 1 and inside and "[" not in "".join(names):
            found.update({(inside, name): sorted(set(names) - {name}) for name in names})
    return found


OTHERS = other_names()


def with_other_names(capsule, path):
    """Return the bytes of a capsule whose types have the strings of OTHERS, and where they are in its table."""
    e, at = Edited(capsule, path), {}

    def add(_, string):
        at.update({name: string(name) for names in OTHERS.values() for name in names})
    e.change_types(add)
    return unpacked(e.save()), at


def random_edit(btf, rng, strings):
    """One to four edits of members, and in every second kernel some names of other generations; return what they were."""
    done = []
    if rng.random() < 0.5:
        for member, structure in btf.members:
            names = OTHERS.get((structure, btf.name(member)))
            if names and rng.random() < 0.5:
                name = rng.choice(names)
                done.append(f"{structure}.{btf.name(member)} -> {name}")
                struct.pack_into("<I", btf.data, member, strings[name])
    for _ in range(rng.randint(1, 4)):
        member, structure = rng.choice(btf.members)
        name = btf.name(member)
        if rng.random() < 0.7 or not btf.behind_pointer(member):
            btf.remove(member)
        done.append(f"{structure}.{name}")
    return done


@pytest.mark.parametrize("capsule", HEALTHY, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_random_edits_of_the_layout_never_break_a_healthy_vcpu(capsule, tmp_path):
    """KVMMMU_LAYOUT_EDITS of them (make layouts: 10000 in all), from KVMMMU_SEED on: no crash and no finding above a note."""
    whole, strings = with_other_names(capsule, tmp_path / "names.kvmmmu")
    allowed = findings(batch(capsule, ["explain -j"])[0].json)
    answered = mixed = 0
    for i in range(EDITS // len(HEALTHY)):
        rng = random.Random(f"{SEED} {capsule.name} {i}")
        btf = Btf(bytearray(whole))
        done = random_edit(btf, rng, strings)
        path = tmp_path / "edited.kvmmmu"
        path.write_bytes(btf.data)
        answer = kvmmmu(path, "explain", "-j")
        assert answer.code in (0, 3), (i, done, answer.code, answer.err)
        if answer.code:
            assert answer.err.strip(), (i, done)
            continue
        answered += 1
        mixed += any("->" in what for what in done)
        wrong = [f for f in findings(answer.json) if f not in allowed]
        assert not wrong, (i, done, wrong)
    assert answered > mixed > 0


@pytest.mark.parametrize("capsule", HEALTHY, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_names_of_other_generations_change_nothing(capsule, tmp_path):
    """A kernel that mixes generations, as distributions have: every member has another name that it once had."""
    whole, strings = with_other_names(capsule, tmp_path / "names.kvmmmu")
    btf, renamed = Btf(bytearray(whole)), 0
    for member, structure in btf.members:
        for name in OTHERS.get((structure, btf.name(member)), ())[:1]:
            struct.pack_into("<I", btf.data, member, strings[name])
            renamed += 1
    path = tmp_path / "edited.kvmmmu"
    path.write_bytes(btf.data)
    ours, theirs = kvmmmu(path, "explain", "-j").json, kvmmmu(capsule, "explain", "-j").json
    for answer in (ours, theirs):
        answer.pop("source")
    assert renamed >= 5 and ours == theirs
