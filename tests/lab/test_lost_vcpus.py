# SPDX-License-Identifier: GPL-2.0-or-later
"""vCPUs that kvm.vcpu_array does not lead to, because a node of it is not in the dump.

They are in the files of the process, and those that are loaded in the preempt_notifiers of its threads. The dump is
edited: the array's head, and what else is to be missing, points to a page that does not exist.
"""

import pytest

from elf_copy import Elf
from tools import kvmmmu

NOWHERE = 0xffff8f0000000000


class Lossy(Elf):
    def __init__(self, to):
        super().__init__(to, "7.3")
        self.offsets = {m["member"]: m["offset"] for m in kvmmmu(to, "layout", "-j").json["members"] if m["found"]}
        self.whole = {v["about"]["address"]: v for v in kvmmmu(to, "explain", "-j").json["vcpus"]}
        self.vms = kvmmmu(to, "vms", "-j").json["vms"]
        self.lost = [vm for vm in self.vms if self.head_of(vm) & 3 == 2]
        for vm in self.lost:
            self.write(self.head_at(vm), (NOWHERE | 2).to_bytes(8, "little"))

    def head_at(self, vm):
        return self.pa(int(vm["vm"]["address"], 16)) + self.offsets["kvm.vcpu_array"] + self.offsets["xarray.xa_head"]

    def head_of(self, vm):
        return int.from_bytes(self.read(self.head_at(vm)), "little")

    def owner_of(self, vm):
        mm = int.from_bytes(self.read(self.pa(int(vm["vm"]["address"], 16)) + self.offsets["kvm.mm"]), "little")
        return int.from_bytes(self.read(self.pa(mm) + self.offsets["mm_struct.owner"]), "little")

    def hide_files(self):
        for vm in self.lost:
            self.write(self.pa(self.owner_of(vm)) + self.offsets["task_struct.files"], NOWHERE.to_bytes(8, "little"))


@pytest.fixture(name="lossy")
def fixture_lossy(tmp_path):
    return Lossy(tmp_path / "edited.elf")


def addresses(vms):
    return {vm["vm"]["address"]: [(v["index"], v["address"]) for v in vm["vcpus"]] for vm in vms}


def test_all_are_found_in_the_files(lossy):
    """The same vCPUs, in the same order, about which the same is said."""
    assert len(lossy.lost) >= 3
    vms = kvmmmu(lossy.path, "vms", "-j").json["vms"]
    assert addresses(vms) == addresses(lossy.vms)
    said = {v["about"]["address"]: v for v in kvmmmu(lossy.path, "explain", "-j").json["vcpus"]}
    assert {a: (v["state"], v["certainty"]) for a, v in said.items()} == \
        {a: (v["state"], v["certainty"]) for a, v in lossy.whole.items()}
    text = " ".join(kvmmmu(lossy.path, "vms").out.split())
    for vm in lossy.lost:
        count = len(vm["vcpus"])
        assert f"{count} of {count} vCPUs that are missing from it were found in the files and threads" in text


def test_a_capsule_finds_them_too(lossy, tmp_path):
    assert kvmmmu(lossy.path, "capture", "-o", tmp_path / "c.kvmmmu").code == 0
    assert addresses(kvmmmu(tmp_path / "c.kvmmmu", "vms", "-j").json["vms"]) == addresses(lossy.vms)


def test_without_files_the_loaded_ones_are_found(lossy):
    """In KVM_RUN, a vCPU is loaded; the others are counted as lost."""
    lossy.hide_files()
    answer = kvmmmu(lossy.path, "vms", "-j")
    found = addresses(answer.json["vms"])
    for vm in lossy.lost:
        kvm = vm["vm"]["address"]
        assert set(found[kvm]) <= set(addresses(lossy.vms)[kvm])
    counts = [(len(found[vm["vm"]["address"]]), len(vm["vcpus"])) for vm in lossy.lost]
    assert sum(some for some, _ in counts) >= 3, counts
    assert any(some < whole for some, whole in counts), counts
    text = " ".join(kvmmmu(lossy.path, "explain").out.split())
    assert "are not in the dump" in text or "not readable" in text, text[-2000:]


def test_files_of_something_else_are_no_vcpus(lossy):
    """f_op is not that of a vCPU's file."""
    fops = lossy.offsets["file.f_op"]
    for vm in lossy.lost:
        files = int.from_bytes(lossy.read(lossy.pa(lossy.owner_of(vm)) + lossy.offsets["task_struct.files"]), "little")
        table = int.from_bytes(lossy.read(lossy.pa(files) + lossy.offsets["files_struct.fdt"]), "little")
        fds = int.from_bytes(lossy.read(lossy.pa(table) + lossy.offsets["fdtable.fd"]), "little")
        count = int.from_bytes(lossy.read(lossy.pa(table) + lossy.offsets["fdtable.max_fds"], 4), "little")
        for i in range(count):
            file = int.from_bytes(lossy.read(lossy.pa(fds) + 8 * i), "little")
            if file:
                lossy.write(lossy.pa(file) + fops, NOWHERE.to_bytes(8, "little"))
    found = addresses(kvmmmu(lossy.path, "vms", "-j").json["vms"])
    assert any(len(found[vm["vm"]["address"]]) < len(vm["vcpus"]) for vm in lossy.lost)


def test_a_table_of_files_that_does_not_end(lossy):
    """max_fds is a number that no table has: the answer comes, and what is not found is named."""
    for vm in lossy.lost:
        files = int.from_bytes(lossy.read(lossy.pa(lossy.owner_of(vm)) + lossy.offsets["task_struct.files"]), "little")
        table = int.from_bytes(lossy.read(lossy.pa(files) + lossy.offsets["files_struct.fdt"]), "little")
        lossy.write(lossy.pa(table) + lossy.offsets["fdtable.max_fds"], b"\xff\xff\xff\xff")
        lossy.write(lossy.pa(table) + lossy.offsets["fdtable.fd"], NOWHERE.to_bytes(8, "little"))
    answer = kvmmmu(lossy.path, "vms")
    assert "is not readable" in answer.out
