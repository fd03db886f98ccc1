# SPDX-License-Identifier: GPL-2.0-or-later
"""Read the permission tables, the SPTEs and the VMMs' page tables out of a core file of virtual.py; runs inside gdb."""

import json
import os
import sys

LAB = os.environ["LAB_SCRIPTS"]
sys.path[:0] = [LAB, os.path.join(LAB, "matrix")]

import maps  # noqa: E402
import oracle  # noqa: E402
from stop import CONFIG, load_symbols, quiet, run  # noqa: E402

# of a kernel with nokaslr and four levels
maps.page_offset = lambda: 0xffff888000000000
maps.vmemmap = lambda: 0xffffea0000000000
maps.host_levels = lambda: 4


def vcpu_tables(vcpu):
    arch = vcpu["arch"]
    names = ("root_mmu", "guest_mmu", "nested_mmu")
    walks = ("gva_walk", "ngpa_walk")
    return {"contexts": {name: oracle.mmu_context(arch[name]) for name in names if oracle.member(arch, name) is not None},
            "walks": {name: oracle.walk_context(arch[name]) for name in walks if oracle.member(arch, name) is not None}}


def main():
    for setting in ("pagination off", "confirm off", "architecture i386:x86-64"):
        quiet(f"set {setting}")
    quiet(f"core-file {CONFIG['core']}")
    load_symbols()
    found = {"vms": [{"vcpus": [vcpu_tables(vcpu) for vcpu in oracle.vcpus(kvm)]} for kvm in oracle.vms()],
             "maps": maps.maps()}
    with open(CONFIG["out"], "w", encoding="ascii") as file:
        json.dump(found, file)


run(main)
