# SPDX-License-Identifier: GPL-2.0-or-later
"""Which dumps the matrix consists of."""

import collections
import dataclasses
import os
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../scenarios"))

import catalogue  # noqa: E402

GENERATIONS = ("5.10", "6.1", "6.12", "6.16", "6.17", "6.18", "7.2", "7.3")
FLAVOURS = ("6.18-amd64", "6.18-rt", "7.3-amd64", "7.3-rt")
LA57 = GENERATIONS  # also on a host with page tables of five levels
# The MMU that NPT does not have by default: the TDP MMU on 5.10, shadow pages without huge executable ones later.
OTHER_MMU = {"5.10": "kvm.tdp_mmu=1", "6.1": "kvm.tdp_mmu=0 kvm.nx_huge_pages=force",
             "7.3": "kvm.tdp_mmu=0 kvm.nx_huge_pages=force"}

# A boot of the machines of "lab path": its dumps, what is added to the kernel's command line, and CR4.LA57.
Boot = collections.namedtuple("Boot", "paging append la57 names")

# Scenarios that show a loop or a stall, and the first kernel on which they do: 5.10 has no TDP MMU by default, and does
# not ask whether a root is obsolete.
SCENARIOS = {
    "readonly-host": "5.10", "lock-stall-userfaultfd": "5.10", "mmio-generation": "5.10", "write-tracked": "5.10",
    "frozen-spte": "6.1", "frozen-spte-twin": "6.1", "obsolete-root": "6.1",
    "perm-table-zeroed": "7.3", "perm-table-zeroed-twin": "7.3"}
# vCPUs of one role share a root: what is wrong with it is right to say of each of them.
EVERYONE = {"obsolete-root": ("obsolete-root",)}
# Of the flavours, whose code is the same.
FEW = ("readonly-host", "lock-stall-userfaultfd", "frozen-spte", "write-tracked")


def age(generation):
    """Return what orders generations; a flavour is as old as its kernel."""
    return tuple(map(int, generation.split("-")[0].split(".")))


def boots(generation):
    found = [Boot("npt", "", False, ("npt-fault", "npt-later")),
             Boot("npt=0", "kvm_amd.npt=0", False, ("shadow-fault", "shadow-later"))]
    if generation in LA57:
        found += [Boot("npt", "", True, ("npt-la57-fault",)),
                  Boot("npt=0", "kvm_amd.npt=0", True, ("shadow-la57-fault",))]
    if generation in OTHER_MMU:
        found.append(Boot("npt", OTHER_MMU[generation], False, ("npt-other-mmu-fault", "npt-other-mmu-later")))
    return found


def scenarios(generation):
    """Return the scenarios to play, which the catalogue then has for this generation, too."""
    names = [name for name, first in SCENARIOS.items() if age(first) <= age(generation)]
    if "-" in generation:
        names = [name for name in names if name in FEW]
    version, found = generation.split("-")[0], []
    for name in names:
        known = [s for s in catalogue.SCENARIOS if s.name == name]
        here = next((s for s in known if version in s.gens), known[0])
        found.append(dataclasses.replace(here, gens=(version,), everyone=EVERYONE.get(name, here.everyone)))
    catalogue.SCENARIOS += found  # the last one of a name counts
    return found


# An Intel host in Bochs: where ept/ knows how; a VM that loops, at two moments.
INTEL = ("6.1", "6.12", "6.18", "7.2", "7.3")
INTEL_MACHINE, INTEL_MOMENTS = "readonly-host", 2
# {label: what is added to the kernel's command line}; a guest without paging is then in virtual-8086 mode.
VM86 = {"vm86": "kvm_intel.unrestricted_guest=0"}


def intel(generation):
    """Return {label: (what is added to the kernel's command line, names of dumps)} of an Intel host."""
    if generation not in INTEL:
        return {}
    return {label: (append, [f"{INTEL_MACHINE}-ept-{label}.{number:02}" for number in range(INTEL_MOMENTS)])
            for label, append in ({"matrix": ""} | (VM86 if generation == "7.3" else {})).items()}


def kdumps(generation):
    """Return how many real kdumps are made."""
    return 2 if generation == "7.3" else 1
