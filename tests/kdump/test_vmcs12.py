# SPDX-License-Identifier: GPL-2.0-or-later
"""The VMCS of a guest whose host is itself a guest of KVM: there, the page is KVM's own struct vmcs12.

No dump of such a host exists here, as Bochs does not run VMX in a guest. The capsules of loops in Bochs are edited: the
fields of each VMCS page are moved to where the struct of the kernel has them, by its DWARF.
"""

import json
import re
import subprocess

import pytest

from capsule_edit import HEX, Edited
from tools import TOP, kernel, kvmmmu

SAMPLES = TOP / "samples" / "kdump"
REVISION = 0x11e57ed0  # VMCS12_REVISION
# where the names of KVM are not those of the manual
OTHER_NAMES = {"revision_id": "hdr", "pin_controls": "pin_based_vm_exec_control",
               "exec_controls": "cpu_based_vm_exec_control", "secondary_controls": "secondary_vm_exec_control",
               "entry_controls": "vm_entry_controls", "exit_controls": "vm_exit_controls",
               "exit_reason": "vm_exit_reason"}
LOOPS = ["7.3/perm-table-zeroed-ept-1.00", "7.3/readonly-host-ept-1.02", "6.1/readonly-host-ept-1.03"]


@pytest.fixture(scope="session")
def vmcs12():
    """{generation: {member: offset}}, by gdb."""
    found = {}
    show = ("python import gdb, json; print(json.dumps({f.name: f.bitpos // 8 "
            "for f in gdb.lookup_type('struct vmcs12').fields()}))")

    def of(gen):
        if gen not in found:
            module, = (kernel(gen) / "debug").rglob("kvm-intel.ko*")
            out = subprocess.run(["gdb", "-nx", "-batch", "-ex", show, module], capture_output=True, text=True, check=True)
            found[gen] = json.loads(out.stdout.splitlines()[-1])
        return found[gen]
    return of


def offset_of(fields, name):
    return fields[OTHER_NAMES.get(name, name)]


@pytest.mark.parametrize("gen", ["7.3", "6.1"])
def test_the_layout_is_that_of_the_kernel(vmcs12, gen):
    text = (TOP / "extensions/kvmmmu/fault/vmcs_layouts.def").read_text()
    of_kvm, = re.findall(r'KM_VMCS_LAYOUT\("struct vmcs12[^)]*\)', text)
    ours = {name: int(at) for name, at in re.findall(r"\.(\w+) = (\d+)", of_kvm)}
    assert len(ours) == 19 and f"{REVISION:#x}" in of_kvm
    assert ours == {name: offset_of(vmcs12(gen), name) for name in ours}


class Nested(Edited):
    """A capsule of a loop on EPT, with the VMCS pages of a host under KVM."""

    def __init__(self, sample, path, fields):
        super().__init__(sample, path)
        self.fields, self.pages = fields, {}
        items = kvmmmu("capture", "--list", sample, "-j").json["items"]
        for item in (i for i in items if i["what"].startswith("vmcs.")):
            at, size = HEX(item["address"]), item["bytes"]
            page = self.pages.setdefault(at & ~0xfff, bytearray(4096))
            name = item["what"].partition(".")[2]
            self.place(page, name, self.get(self.virtual, at, size) if name != "revision_id"
                       else REVISION.to_bytes(4, "little"))
        for start, page in self.pages.items():
            for old in [at for at in self.virtual if at & ~0xfff == start]:
                assert old + len(self.virtual[old]) <= start + 4096
                del self.virtual[old]
            self.virtual[start] = page

    def place(self, page, name, data):
        at = offset_of(self.fields, name)
        page[at:at + len(data)] = data

    def break_field(self, name):
        for page in self.pages.values():
            page[offset_of(self.fields, name)] ^= 0x10

    def faults(self):
        """{vCPU: (its state, its first finding, address and place of each fault)}"""
        return faults_in(self.save())


def faults_in(path):
    return {v["about"]["address"]: (v["state"], v["findings"][0]["id"] if v["findings"] else None,
                                    [(f["source"], f["address"], f["from"]) for f in v["faults"]])
            for v in kvmmmu(path, "explain", "-j").json["vcpus"]}


def of_vmcs(faults):
    return [(source, address) for source, address, where in faults if "VMCS page" in where]


@pytest.mark.parametrize("name", LOOPS)
def test_the_address_is_found_there(vmcs12, tmp_path, name):
    sample = SAMPLES / f"{name}.kvmmmu"
    nested = Nested(sample, tmp_path / "nested.kvmmmu", vmcs12(name.partition("/")[0])).faults()
    bochs = faults_in(sample)
    assert nested.keys() == bochs.keys() and any(of_vmcs(faults) for *_, faults in bochs.values())
    for vcpu, (state, finding, faults) in bochs.items():
        assert nested[vcpu][:2] == (state, finding)
        assert of_vmcs(nested[vcpu][2]) == of_vmcs(faults)
        assert all("layout of struct vmcs12 of KVM" in where for _, _, where in nested[vcpu][2] if "VMCS page" in where)


@pytest.mark.parametrize("field", ["ept_pointer", "host_cr3", "exec_controls"])
def test_another_layout_is_not_taken_for_it(vmcs12, tmp_path, field):
    """A field that is not as KVM has it: the address is not read from there."""
    nested = Nested(SAMPLES / f"{LOOPS[0]}.kvmmmu", tmp_path / "nested.kvmmmu", vmcs12("7.3"))
    nested.break_field(field)
    assert not any("struct vmcs12" in where for *_, faults in nested.faults().values() for _, _, where in faults)
