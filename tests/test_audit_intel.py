# SPDX-License-Identifier: GPL-2.0-or-later
"""kvmmmu audit on EPT with page-modification logging: bytes of the extract of a real Intel host are edited.

The bitmap and the buffers are put where other VMs have their page tables, because an extract has few pages."""

import mmap
import shutil
import struct

import pytest

from tools import kvmmmu

PRESENT, W, D = 1 << 11, 1 << 1, 1 << 9
BASE = 0xffff888000000000
LOGGED = 0x4000  # the first gfn of the dirty-logged memslot


class Extract:
    def __init__(self, source, folder):
        self.vmlinux, self.path = source / "vmlinux", folder / "edited.vmcore"
        shutil.copyfile(source / "ept-mbec-nested.vmcore", self.path)
        with open(self.path, "r+b") as file:
            self.bytes = mmap.mmap(file.fileno(), 0)
        at, = struct.unpack_from("<Q", self.bytes, 32)
        count, = struct.unpack_from("<H", self.bytes, 56)
        self.loads = [s for s in (struct.unpack_from("<IIQQQQQQ", self.bytes, at + 56 * i) for i in range(count)) if s[0] == 1]
        self.members = {m["member"]: m["offset"] for m in self.ask("layout")["members"] if m["offset"] is not None}
        vms = self.ask("vms")["vms"]
        self.kvm = int(vms[0]["vm"]["address"], 16)
        self.vcpus = [int(vcpu["address"], 16) for vcpu in vms[0]["vcpus"]]
        walk = self.ask("walk", "0:0", hex(LOGGED << 12))["walk"]
        self.table = int(walk["levels"][-1]["table"], 16)
        # page tables of other VMs, which these tests do not look at
        self.bitmap, self.buffer = (int(self.ask("walk", f"{vm}:0", "0")["walk"]["levels"][0]["table"], 16) for vm in (1, 2))
        self.slot = next(self.slots())

    def ask(self, *words):
        return kvmmmu("-k", self.vmlinux, self.path, *words, "-j").json

    def at(self, va):
        pa = va - BASE if va >= BASE else va
        return next(offset + pa - start for _, _, offset, _va, start, size, *_ in self.loads if start <= pa < start + size)

    def read(self, va, form="<Q"):
        return struct.unpack_from(form, self.bytes, self.at(va))[0]

    def write(self, va, value, form="<Q"):
        struct.pack_into(form, self.bytes, self.at(va), value)

    def slots(self):
        """Addresses of the memslots of VM 0 that begin at LOGGED."""
        m, memslots = self.members, self.read(self.kvm + self.members["kvm.memslots"])
        to_node = m["kvm_memory_slot.gfn_node"] + 24 * self.read(memslots + m["kvm_memslots.node_idx"], "<I")
        todo = [self.read(memslots + m["kvm_memslots.gfn_tree"])]
        while todo:
            if node := todo.pop():
                todo += [self.read(node + m["rb_node.rb_left"]), self.read(node + m["rb_node.rb_right"])]
                if self.read(node - to_node + m["kvm_memory_slot.base_gfn"]) == LOGGED:
                    yield node - to_node

    def plant(self, d, bitmap, buffer):
        """One leaf with D, or none; what the bitmap and each vCPU's PML buffer have. Return the leaf."""
        leaves = [i for i in range(64) if self.read(self.table + 8 * i) & PRESENT and self.read(self.table + 8 * i) & W]
        for i in leaves:
            entry = self.read(self.table + 8 * i) & ~D
            self.write(self.table + 8 * i, entry | (D if d and i == leaves[2] else 0))
        for i in range(512):
            self.write(self.bitmap + 8 * i, 1 << leaves[2] if bitmap and not i else 0)
            self.write(self.buffer + 8 * i, (LOGGED + leaves[2]) << 12 if buffer and i == 511 else 0)
        self.write(self.slot + self.members["kvm_memory_slot.dirty_bitmap"], BASE + self.bitmap)
        at = self.members["vcpu_vmx.pml_pg"] - self.members["vcpu_vmx.vcpu"]
        for vcpu in self.vcpus:
            vmemmap = self.read(vcpu + at) & ~((1 << 40) - 1)
            assert vmemmap == 0xffffea0000000000  # the host uses PML
            self.write(vcpu + at, vmemmap + (self.buffer >> 12) * 64)
        return leaves[2]

    def audit(self):
        return next(vm for vm in self.ask("audit", "--kind", "dirty-log")["vms"] if vm["vm"] == 0)


@pytest.fixture(scope="module")
def extract(intel, tmp_path_factory):
    return Extract(intel, tmp_path_factory.mktemp("pml"))


def test_logged_by_nothing(extract):
    leaf = extract.plant(d=True, bitmap=False, buffer=False)
    vm = extract.audit()
    assert [(a["kind"], int(a["table"], 16), a["index"]) for a in vm["anomalies"]] == [("dirty-log", extract.table, leaf)]
    assert "it has D, its page is in no PML buffer, and its bit in dirty_bitmap of memslot 2 is clear" == vm["anomalies"][0]["what"]


@pytest.mark.parametrize("d,bitmap,buffer", [(False, False, False), (True, True, False), (True, False, True)],
                         ids=["not written", "in dirty_bitmap", "in a PML buffer"])
def test_legal(extract, d, bitmap, buffer):
    extract.plant(d, bitmap, buffer)
    vm = extract.audit()
    assert not vm["anomalies"] and not [k for k in vm["kinds"] if k["unknown"]]


def test_a_buffer_that_is_not_readable(extract):
    extract.plant(d=True, bitmap=False, buffer=False)
    extract.write(extract.vcpus[0] + extract.members["vcpu_vmx.pml_pg"] - extract.members["vcpu_vmx.vcpu"],
                  0xffffea0000000000 + (1 << 30))
    vm = extract.audit()
    assert not vm["anomalies"] and [k["unknown"] for k in vm["kinds"]] == [1]
