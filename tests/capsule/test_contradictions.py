# SPDX-License-Identifier: GPL-2.0-or-later
"""Corrupted evidence: what contradicts is named, and nothing that follows from it is called proven or healthy (likely)."""

import gzip
import struct

import pytest

from tools import TOP, kvmmmu, unpacked

SAMPLES = TOP / "samples"


class Damaged:
    """A capsule in which members, found by what `capture --list` calls them, are overwritten."""

    def __init__(self, sample, path):
        self.sample, self.path = SAMPLES / sample, path
        self.image = bytearray(unpacked(self.sample))
        count, = struct.unpack_from("<H", self.image, 56)
        self.segments = [struct.unpack_from("<IIQQQQQQ", self.image, 64 + 56 * i) for i in range(1, count)]
        self.items = kvmmmu("capture", "--list", self.sample, "-j").json["items"]

    def at(self, name, near):
        """Address of the member of the structure at @near: the first one that is listed behind it."""
        return min(int(i["address"], 16) for i in self.items
                   if i["what"] == name and int(i["address"], 16) >= near)

    def offset(self, va):
        for _kind, _flags, offset, start, _pa, size, *_ in self.segments:
            if start <= va < start + size:
                return offset + va - start
        raise KeyError(hex(va))

    def read(self, va, form):
        return struct.unpack_from(form, self.image, self.offset(va))[0]

    def write(self, va, form, value):
        struct.pack_into(form, self.image, self.offset(va), value)
        self.path.write_bytes(gzip.compress(bytes(self.image)))

    def explain(self, *words):
        return {(v["vm"], v["vcpu"]): v for v in kvmmmu(self.path, "explain", *words, "-j").json["vcpus"]}


def vm_and_vcpus(sample):
    return [(v["vm"], v["vcpus"]) for v in kvmmmu(SAMPLES / sample, "vms", "-j").json["vms"]]


@pytest.fixture
def looping(tmp_path):
    return Damaged("amd-7.3-looping.kvmmmu", tmp_path / "capsule")


def address(thing):
    return int(thing["address"], 16)


def check(vcpu, *words):
    """It is said what contradicts, in the list and in the verdict; nothing is more than possible."""
    assert vcpu["contradictions"], vcpu["verdict"]
    assert any(all(w in text for w in words) for text in vcpu["contradictions"]), vcpu["contradictions"]
    assert "contradiction: " in vcpu["verdict"]
    assert vcpu["certainty"] in ("note", "possible"), vcpu
    assert not [f for f in vcpu["findings"] if f["certainty"] in ("likely", "proven")]
    return vcpu


def test_undamaged_samples_contradict_nothing():
    for sample in sorted(SAMPLES.rglob("*.kvmmmu")):
        answer = kvmmmu(sample, "explain", "-j").json
        assert not [v for v in answer["vcpus"] if "contradictions" in v], sample


def first_vcpu(sample):
    vm, vcpus = vm_and_vcpus(sample)[0]
    return vm, vcpus[0]


@pytest.mark.parametrize("member,form,value,words", [
    ("kvm_vcpu.mode", "<I", 9, ("kvm_vcpu.mode", "0x9")),
    ("kvm_vcpu.mp_state", "<I", 77, ("mp_state", "0x4d")),
    ("kvm_vcpu.cpu", "<i", 1 << 20, ("kvm_vcpu.cpu",)),
    ("kvm_vcpu.mmu", "<Q", 0xffff888000000000, ("kvm_vcpu.arch.mmu", "not inside"))])
def test_impossible_members(looping, member, form, value, words):
    _vm, vcpu = first_vcpu(looping.sample.name)
    looping.write(looping.at(member, address(vcpu)), form, value)
    check(looping.explain()[0, 0], *words)


@pytest.mark.parametrize("state", [0x80, 0x4, 0x8, 3, 0x81, 0x20, 0xf7f0c2e0, 1 << 31])
def test_states_that_the_thread_is_not_in(looping, state):
    """Impossible ones, and those in which the stack would be elsewhere."""
    tasks = [int(i["address"], 16) for i in looping.items if i["what"] == "task_struct.state"]
    for at in tasks:
        looping.write(at, "<I", state)
    for vcpu in looping.explain().values():
        if vcpu["state"] != "never ran":
            check(vcpu, "state is")


def test_a_vcpu_that_is_not_counted(looping):
    vm, _vcpu = first_vcpu(looping.sample.name)
    looping.write(looping.at("kvm.online_vcpus", address(vm)), "<I", 0)
    check(looping.explain()[0, 0], "online_vcpus is 0")


@pytest.mark.parametrize("online,created", [(2, 1), (65536, 1), (1, 65536), (65536, 65536)])
def test_impossible_numbers_of_vcpus(looping, online, created):
    vm, _vcpu = first_vcpu(looping.sample.name)
    looping.write(looping.at("kvm.online_vcpus", address(vm)), "<I", online)
    looping.write(looping.at("kvm.created_vcpus", address(vm)), "<I", created)
    answer = kvmmmu(looping.path, "explain")
    assert f"kvm.online_vcpus is {online}, created_vcpus {created}" in " ".join(answer.out.split())
    assert looping.explain()[0, 0]["state"] == "stuck"


def test_two_places_with_one_vcpu(looping):
    vm, vcpus = vm_and_vcpus(looping.sample.name)[1]
    assert len(vcpus) > 1
    slots = sorted(int(i["address"], 16) for i in looping.items if i["what"] == "xa_node.slots")
    slots = [at for at in slots if looping.read(at, "<Q") in [address(v) for v in vcpus]]
    looping.write(slots[1], "<Q", looping.read(slots[0], "<Q"))
    said = " ".join(kvmmmu(looping.path, "vms").out.split())
    assert "has the same vCPU as another index" in said
    assert len(vm_and_vcpus(looping.path)[1][1]) == len(vcpus) - 1


def test_a_pointer_that_is_off_by_a_few_bytes(looping):
    _vm, vcpu = first_vcpu(looping.sample.name)
    slot = next(int(i["address"], 16) for i in looping.items if i["what"] in ("xa_node.slots", "xarray.xa_head")
                and looping.read(int(i["address"], 16), "<Q") == address(vcpu))
    looping.write(slot, "<Q", address(vcpu) + 8)
    vcpu = looping.explain()[0, 0]
    assert vcpu["state"] == "unknown" and vcpu["findings"] == [], vcpu["verdict"]


def test_the_list_of_vms_is_shorter_one_way(looping):
    """A VM whose next pointer skips another one: it is found from the other end."""
    vms = [vm for vm, _ in vm_and_vcpus(looping.sample.name)]
    links = sorted({int(i["address"], 16) for i in looping.items if i["what"] == "list_head.next"})
    links = [at for at in links if any(address(vm) <= at < address(vm) + 0x10000 for vm in vms)]
    assert len(links) == len(vms)
    # the newest is first in the list: its link leads to the head at once
    head = next(looping.read(at, "<Q") for at in links if looping.read(at, "<Q") not in links)
    newest = max(vms, key=lambda vm: vm["number"])
    at = next(at for at in links if address(newest) <= at < address(newest) + 0x10000)
    looping.write(at, "<Q", head)
    answer = kvmmmu(looping.path, "vms", "-j").json
    # capsules made before have no links back
    assert len(answer["vms"]) == 1 or any("torn" in n for n in answer["notes"])


@pytest.mark.parametrize("code", [0x8000000000000400, 0x12345, 0xfffffffe])
def test_exit_codes_that_do_not_exist(tmp_path, code):
    damaged = Damaged("amd-7.3-healthy.kvmmmu", tmp_path / "capsule")
    for item in damaged.items:
        if item["what"] == "vmcb.exit_code":
            damaged.write(int(item["address"], 16), "<Q", code)
    for vcpu in damaged.explain().values():
        if vcpu["state"] != "never ran":
            check(vcpu, f"0x{code:x}", "VMCB")


@pytest.mark.parametrize("sample", ["amd-7.3-looping.kvmmmu", "amd-7.3-healthy.kvmmmu"])
def test_never_ran_and_yet_exits(sample, tmp_path):
    damaged = Damaged(sample, tmp_path / "capsule")
    for vm, vcpus in vm_and_vcpus(sample):
        for vcpu in vcpus:
            if vcpu["exits"]:
                damaged.write(damaged.at("kvm_vcpu.pid", address(vcpu)), "<Q", 0)
    for (vm, index), vcpu in damaged.explain().items():
        if vm_and_vcpus(sample)[vm][1][index]["exits"]:
            check(vcpu, "no thread ever ran it", "exits")
            assert vcpu["state"] != "never ran"


HOSTILE = [
    ("W1", (0, 1), "unknown", "arch.mmu"), ("W3", (0, 0), None, "__state"),
    ("W4", (0, 1), "unknown", "0x8000000000000400"), ("W6", (0, 0), None, "online_vcpus is 0"),
    ("W8", (0, 0), None, None)]


@pytest.mark.parametrize("name,vcpu,state,words", HOSTILE, ids=[h[0] for h in HOSTILE])
def test_handed_files(name, vcpu, state, words):
    path, = (TOP / "tests" / "capsule" / "hostile").glob(f"{name}-*.kvmmmu")
    answer = {(v["vm"], v["vcpu"]): v for v in kvmmmu(path, "explain", "-j").json["vcpus"]}[vcpu]
    assert state in (None, answer["state"])
    if words:
        check(answer, words)
    assert answer["certainty"] not in ("likely", "proven")


def test_handed_btf_with_a_header_of_32_bytes():
    """The header's own length counts, not that of the headers that the program was built with."""
    path = TOP / "tests/capsule/hostile/P1-btf-header32-layout.kvmmmu"
    assert kvmmmu(path, "explain").out == kvmmmu(SAMPLES / "amd-7.3-looping.kvmmmu", "explain").out


@pytest.mark.parametrize("sample", ["kdump/7.2/drawn-g.01", "kdump/6.12/drawn-g.00", "amd-7.3-looping"])
def test_a_capsule_of_one_vcpu_contradicts_nothing_about_others(sample, tmp_path):
    """It does not contain their threads."""
    part = tmp_path / "part.kvmmmu"
    assert kvmmmu(TOP / "samples" / f"{sample}.kvmmmu", "capture", "-o", part, "0:0").code == 0
    assert "is not a thread of a process with VMs" not in kvmmmu(part, "explain").out
