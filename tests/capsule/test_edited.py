# SPDX-License-Identifier: GPL-2.0-or-later
"""Findings and hosts for which the lab has no real kernel: capsules of real ones are edited. Before that, the finding is
not made."""

import json

import pytest

from capsule_edit import HEX, Edited
from tools import SCENARIOS, TOP, hide, kvmmmu

SAMPLES = TOP / "samples"
CASES = json.loads((TOP / "tests/capsule/edited.json").read_text())
SHARED = 1 << 47  # the shared bit of a TDX guest with 4 levels
TDX, SNP = 5, 4  # vm_type
PRIVATE = 0x8  # KVM_MEMORY_ATTRIBUTE_PRIVATE
PFERR_PRIVATE = 1 << 49
MANIFEST = 2  # the note of a capsule that has its symbols


def explain(capsule, vcpu, *words):
    return kvmmmu(capsule, "explain", vcpu, *words, "-j").json["vcpus"][0]


def names(vcpu):
    return [f["id"] for f in vcpu["findings"]]


# ---- findings ----

class Case:
    """The edits of a line of edited.json, in a scenario's capsule."""

    def __init__(self, sample, path):
        self.capsule = Edited(SCENARIOS / f"{sample}.kvmmmu", path)
        self.truth = json.loads((SCENARIOS / f"{sample}.json").read_text())
        self.vcpu = f"0:{self.truth['expect'][0]['vcpu']}"
        self.base = {"kvm": self.truth["kvm"], "kvm_vcpu": self.truth["kvm_vcpu"],
                     "vmcb": (self.truth["last_exit"] or {}).get("vmcb"),
                     "kvm_page_fault": (self.truth["fault"] or {}).get("address"),
                     "kvm_run": "0xffff888ffe000000"}  # where edits put it

    def set(self, name, value):
        self.capsule.set(HEX(self.base[name.split(".")[0]]), name, HEX(value))

    def spte(self, level, value):
        walk = self.capsule.ask("walk", self.vcpu, self.truth["fault"]["addr"])["walk"]
        self.capsule.spte(walk, level, lambda _: HEX(value))

    def attributes(self, value):
        self.capsule.attributes(HEX(self.base["kvm"]), HEX(self.truth["fault"]["gfn"]), HEX(value))

    def call(self, comm, function):
        self.capsule.call(self.capsule.task_named(comm), function)

    def call_subject(self, function):
        self.capsule.call(self.capsule.read(HEX(self.base["kvm_vcpu"]), "kvm_vcpu.mutex_owner") & ~7, function)

    def vcpu_member(self, index, name, value):
        for base, found in self.capsule.structures("kvm_vcpu.vcpu_idx"):
            if found == index:
                self.capsule.set(base, name, HEX(value))


def test_each_case_has_a_test():
    assert all("edits" in case or callable(globals().get(case["test"])) for case in CASES)


@pytest.mark.parametrize("case", [case for case in CASES if "edits" in case], ids=lambda case: case["finding"])
def test_edited(case, tmp_path):
    edited = Case(case["sample"], tmp_path / "capsule")
    asks = case.get("asks", ())
    assert case["finding"] not in names(explain(edited.capsule.sample, edited.vcpu, *asks))
    for name, *words in case["edits"]:
        getattr(edited, "vcpu_member" if name == "vcpu" else name)(*words)
    after = explain(edited.capsule.save(), edited.vcpu, *asks)
    found = after["findings"][0]
    assert (after["state"], found["id"]) == (case["state"], case["finding"]), after
    assert found["certainty"] in ("possible", "likely")
    if case["state"] == "stuck" and not asks:
        assert hide(edited.capsule.path)[0] >= 1


def test_an_event_of_the_last_exit_is_not_that_of_a_users_fault(tmp_path):
    """exit_int_info belongs to the exit: a fault that the user supplies did not happen during that event."""
    edited = Case("7.3/no-slot", tmp_path / "capsule")
    edited.set("vmcb.exit_int_info", "0x80000b0e")
    capsule = edited.capsule.save()
    own = explain(capsule, edited.vcpu)
    users = explain(capsule, edited.vcpu, "-a", own["fault"]["address"], "-e", own["fault"]["error_code"])
    during = [["delivery of an event" in e for f in vcpu["findings"] for e in f["evidence"]] for vcpu in (own, users)]
    assert any(during[0]) and not any(during[1])


@pytest.mark.parametrize("form", ["member", "parameter on", "parameter off"])
def test_attributes_that_guest_memfd_keeps_are_not_those_of_the_vm(tmp_path, form):
    """With in-place conversion, not merged yet, gmem_inode.attributes says which gfns are private: not known then."""
    case = next(case for case in CASES if case["finding"] == "private-mismatch")
    edited = Case(case["sample"], tmp_path / "capsule")
    for name, *words in case["edits"]:
        getattr(edited, name)(*words)
    capsule = edited.capsule
    capsule.add_type("gmem_inode", 64, [("attributes", None, 0)])
    if form != "member":
        manifest = json.loads(capsule.notes[MANIFEST])
        manifest["symbols"]["gmem_in_place_conversion"] = "0xffff888fff100000"
        capsule.notes[MANIFEST] = json.dumps(manifest).encode()
        capsule.put(capsule.virtual, 0xffff888fff100000, bytes([form == "parameter on"]))
    found = names(explain(capsule.save(), edited.vcpu))
    assert ("private-mismatch" in found) == (form == "parameter off"), found


# ---- hosts ----

@pytest.fixture
def host(tmp_path):
    return Edited(SAMPLES / "intel-7.3-ept-mbec-nested.kvmmmu", tmp_path / "capsule")


def intel_vcpu(capsule, name):
    """(struct kvm, struct kvm_vcpu, its thread) of vCPU @name."""
    vcpu = capsule.vcpu(name)["about"]
    base = HEX(vcpu["address"])
    return HEX(vcpu["kvm"]), base, vcpu


def vmx(capsule, vcpu):
    return vcpu - capsule.layout["vcpu_vmx.vcpu"]["offset"]


def test_vmx_storm_between_two_faults(host):
    """A looping Intel vCPU that an interrupt has stopped in the guest: 8,999,001 of 9,000,412 faults were spurious."""
    _, vcpu, about = intel_vcpu(host, "0:1")
    task = next(HEX(t["task"]) for t in host.stacks["tasks"] if HEX(t["tid"]) == about["tid"])
    host.run_in_guest(vcpu, task, ("vmx_vcpu_run", "kvm_arch_vcpu_ioctl_run", "kvm_vcpu_ioctl"))
    host.set(vcpu, "kvm_vcpu.mp_state", 0)
    host.set(vmx(host, vcpu), "vcpu_vmx.exit_reason", 1)
    before = explain(host.save(), "0:1")
    assert before["state"] == "healthy", before["verdict"]
    for name, value in {"pf_taken": 9000412, "pf_fixed": 1411, "pf_spurious": 8999001, "exits": 9100000}.items():
        host.set(vcpu, f"kvm_vcpu.stat_{name}", value)
    after = explain(host.save(), "0:1")
    assert after["state"] == "unknown" and "8999001 spurious" in after["verdict"], after["verdict"]
    assert [(f["id"], f["certainty"]) for f in after["findings"]] == [("spurious-storm", "possible")]


def make_tdx(capsule, name):
    """Let the VM of this vCPU be a TDX guest with 4 levels: its shared memory is mapped with the shared bit."""
    kvm, vcpu, _ = intel_vcpu(capsule, name)
    capsule.set(kvm, "kvm.vm_type", TDX)
    capsule.set(kvm, "kvm.has_private_mem", 1)
    capsule.set(kvm, "kvm.gfn_direct_bits", SHARED >> 12)
    size = max(m["offset"] + m["size"] for n, m in capsule.layout.items() if n.startswith("vcpu_vmx."))
    capsule.add_type("vcpu_tdx", size + 16, [("vcpu", ("vcpu_vmx", "vcpu"), 0), ("vt", ("vcpu_vmx", "vt"),
                                            capsule.offset_in_types("vcpu_vmx", "vt")), ("exit_gpa", None, size), ("vp_enter_ret", None, size + 8)])
    return kvm, vcpu, size


def share(capsule, walk):
    """Move what the root maps to where it maps shared memory: the shared bit is part of the index, not of gfn."""
    top = walk["levels"][0]
    assert top["level"] == 4 and top["index"] == 0
    table = HEX(top["table"])
    entry = capsule.get(capsule.physical, table, 8)
    capsule.put(capsule.physical, table + 8 * 256, entry)


def test_tdx_shared_memory_accuses_no_table(host):
    make_tdx(host, "0:0")
    share(host, host.ask("walk", "0:0", "1000")["walk"])
    said = explain(host.save(), "0:0", "-a", hex(SHARED | 0x1000), "-e", "6")
    assert said["walk"]["end"] == "leaf" and not names(said), said["findings"]
    # the same tables with gfns that have the shared bit would be corrupt
    walk = kvmmmu(host.path, "walk", "0:0", hex(SHARED | 0x1000), "-j").json["walk"]
    assert not any("findings" in level for level in walk["levels"])


def test_audit_finds_private_memory_below_the_shared_root(host):
    """A gfn is private, and a leaf that is not below a mirror root maps it; shared, nothing is wrong."""
    kvm, _, _ = make_tdx(host, "0:0")
    share(host, host.ask("walk", "0:0", "1000")["walk"])
    for attribute, expected in (PRIVATE, [("private", "0x0")]), (0, []):
        host.attributes(kvm, 0, attribute)
        vm = kvmmmu(host.save(), "audit", "--kind", "private", "0", "-j").json["vms"][0]
        assert [(a["kind"], hex(int(a["gpa"], 16) & ~SHARED)) for a in vm["anomalies"]] == expected


def test_audit_of_shared_memory(host):
    """What is mapped with the shared bit is in the memslots: nothing is wrong with such a VM."""
    make_tdx(host, "0:0")
    walk = host.ask("walk", "0:0", "1000")["walk"]
    share(host, walk)
    host.put(host.physical, HEX(walk["levels"][0]["table"]), (1 << 63).to_bytes(8, "little"))
    vm = kvmmmu(host.save(), "audit", "0", "-j").json["vms"][0]
    assert vm["leaves"] > 5 and not vm["anomalies"], [(a["kind"], a["what"]) for a in vm["anomalies"]]


def test_tdx_private_memory_is_walked_below_the_mirror_root(host):
    """The SPTE of a private GPA is frozen in the mirror tables, and present in those of shared memory."""
    kvm, vcpu, _ = make_tdx(host, "0:0")
    mirror = HEX(host.ask("walk", "1:0", "1000", "-m", "root_mmu")["walk"]["root_hpa"])
    walk = host.ask("walk", "1:0", "1000", "-m", "root_mmu")["walk"]
    root_mmu = vcpu + host.layout["kvm_vcpu.root_mmu"]["offset"]
    host.set(root_mmu, "kvm_mmu.mirror_root_hpa", mirror)
    last = walk["levels"][-1]["level"]
    host.spte(walk, last, lambda _: 1 << 63 | 0x1a0)
    host.attributes(kvm, 1, PRIVATE)
    said = explain(host.save(), "0:0", "-a", "1000", "-e", hex(PFERR_PRIVATE | 6))
    assert said["walk"]["root_hpa"] == hex(mirror) and "frozen-spte" in names(said), said
    shared = explain(host.path, "0:0", "-a", hex(SHARED | 0x1000), "-e", "6")
    assert "frozen-spte" not in names(shared)


def test_tdx_address_of_the_last_exit(host):
    _, vcpu, exit_gpa = make_tdx(host, "0:0")
    share(host, host.ask("walk", "0:0", "1000")["walk"])
    host.set(vmx(host, vcpu), "vcpu_vmx.exit_reason", 48)
    host.set(vmx(host, vcpu), "vcpu_vmx.exit_qualification", 0x182)
    host.put(host.virtual, vcpu + exit_gpa, (SHARED | 0x1000).to_bytes(8, "little"))
    fault = explain(host.save(), "0:0")["faults"][0]
    assert HEX(fault["address"]) == SHARED | 0x1000 and fault["age"] == "last exit"
    assert HEX(fault["error_code"]) & 2 and not HEX(fault["error_code"]) & PFERR_PRIVATE
    host.put(host.virtual, vcpu + exit_gpa, (0x1000).to_bytes(8, "little"))
    fault = explain(host.save(), "0:0")["faults"][0]
    assert HEX(fault["address"]) == 0x1000 and HEX(fault["error_code"]) & PFERR_PRIVATE


def test_tdx_module_does_not_enter(host):
    """TDH.VP.ENTER found the S-EPT locked: the module suspects a zero-step attack. The twin's exit is an EPT violation."""
    _, vcpu, exit_gpa = make_tdx(host, "0:0")
    for name, value in {"pf_taken": 17926, "pf_fixed": 1, "pf_spurious": 0, "pf_emulate": 0}.items():
        host.set(vcpu, f"kvm_vcpu.stat_{name}", value)
    for status, found in ((48, False), (0x8000020000000092, True)):
        host.put(host.virtual, vcpu + exit_gpa + 8, status.to_bytes(8, "little"))
        said = explain(host.save(), "0:0")
        assert (("sept-busy", "possible") in [(f["id"], f["certainty"]) for f in said["findings"]]) == found, said


def test_snp_encrypted_access_is_private(tmp_path):
    """GUEST_ENC of the VMCB is what KVM turns into PRIVATE: npf_interception()."""
    edited = Case("7.3/spurious-loop", tmp_path / "capsule")
    edited.set("kvm.has_private_mem", "0x1")
    edited.attributes("0x0")
    edited.set("vmcb.exit_info_1", hex(1 << 34 | 0x100000007))
    for vm_type, private in ((0, False), (SNP, True)):
        edited.set("kvm.vm_type", hex(vm_type))
        said = explain(edited.capsule.save(), edited.vcpu)
        fault = next(f for f in said["faults"] if f["source"] == "VMCB")
        assert bool(HEX(fault["error_code"]) & PFERR_PRIVATE) == private, fault


def test_access_tracked_without_saved_bits(intel, tmp_path):
    """EPT without A/D bits: an access-tracked SPTE of the real dump loses its saved permissions."""
    whole = tmp_path / "whole"
    assert kvmmmu("-k", intel / "vmlinux", intel / "ept-no-ad-bits.vmcore", "capture", "-o", whole).code == 0
    capsule = Edited(whole, tmp_path / "capsule")
    gpa, walk = next((gpa, walk) for gpa, walk in (
        (gpa, capsule.ask("walk", "0:0", hex(gpa))["walk"]) for gpa in tracked_candidates(capsule))
        if walk["end"] == "leaf" and walk["levels"][-1]["spte"]["access_tracked"])
    ask = ("-a", hex(gpa), "-e", "4")
    assert "access-track-lost" not in names(explain(capsule.sample, "0:0", *ask))
    capsule.spte(walk, walk["levels"][-1]["level"], lambda old: old & ~(1 << 52 | 1 << 54 | 1 << 62))
    said = explain(capsule.save(), "0:0", *ask)
    assert ("access-track-lost", "likely") in [(f["id"], f["certainty"]) for f in said["findings"]], said


def tracked_candidates(capsule):
    """Addresses in the first memslots."""
    for slot in capsule.ask("slots", "0")["memslots"][0]["slots"][:4]:
        first = HEX(slot["gpa"])
        yield from range(first, first + min(64, slot["npages"]) * 0x1000, 0x1000)
