# SPDX-License-Identifier: GPL-2.0-or-later
"""The scenarios: what is done to a machine, and what must be said of it.

A scenario has a plot (vmm/plots.c: what the VMM and the guest do), perhaps an act (acts.py: what the
debugger does to the kernel, when no natural way exists), the moment at which the dump is taken, a check
that the kernel really behaves as claimed, and what must be found. Its twin differs in one thing and must
be found healthy; both get the same seed, so the same addresses, slots and vCPUs.
"""

import dataclasses
import hashlib

# Functions on the way of a fault, by the names that kernels have for them; the first that exists.
FAST = ("fast_page_fault", "direct_page_fault")
FAULTIN = ("kvm_mmu_faultin_pfn", "kvm_faultin_pfn")
STALE = ("is_page_fault_stale",)
MAP = ("kvm_tdp_mmu_map",)
EXIT = ("kvm_mmu_page_fault",)
PAGING = ("paging64_page_fault", "paging32_page_fault")
ANYWHERE = ()


@dataclasses.dataclass
class Scenario:
    name: str
    plot: str
    done: str               # in words
    first: str = None       # the finding that must come first; None: none above "note"
    also: tuple = ()        # findings that are right, too
    of: str = "subject"     # whose findings: the subject's
    states: tuple = ()      # what the vCPU may be said to be; empty: not asked
    others: dict = None     # more vCPUs with findings: {vCPU: (first, *also)}
    act: str = None         # acts.py; None: natural
    act_when: str = "staged"  # or "gone-on"
    gens: tuple = ("7.3",)
    kernel: str = ""        # more for the kernel's command line: a boot of its own
    stop: tuple = FAST      # where the subject stands in the dump
    at: str = "page"        # the address at which it stands there; None: any
    check: str = None       # what the counters must show (play.py)
    settle: float = 0.5     # seconds from "go" to the dump
    capsule: bool = True    # kept in samples/scenarios/
    twin: bool = False
    of_scenario: str = None


def twin_of(scenario, **differences):
    return dataclasses.replace(scenario, name=scenario.name + "-twin", twin=True,
                               of_scenario=scenario.name,
                               **{"first": None, "also": (), "states": (), "others": None,
                                  **differences})


SCENARIOS = []


def add(scenario, twin=None, **fields):
    SCENARIOS.append(scenario)
    if twin:
        SCENARIOS.append(twin_of(scenario, done=twin, **fields))


add(Scenario("spurious-loop", "written-page",
             "W taken from a non-leaf SPTE above the page: KVM's fast path looks at the leaf, which allows the "
             "write, and the processor at all levels",
             first="spurious-loop", also=("role-corruption", "hardware-stricter"), states=("stuck",), act="nonleaf_w",
             gens=("7.3", "6.1"), check="loops"),
    twin="W taken from a non-leaf SPTE that is above another page",
    stop=ANYWHERE, check="moves")

add(Scenario("perm-table-zeroed", "dirty-log",
             "all words of the active MMU's fmt.permissions zeroed while the vCPU writes to a dirty-logged page",
             first="perm-table-mismatch", also=("spurious-loop",), states=("stuck",), act="zero_table",
             act_when="gone-on", check="loops"),
    twin="the same writes and the same readings of the dirty log, the table as it should be",
    check="fixes")


def find(generation, names=()):
    """The scenarios of this generation that have these names, or all."""
    known = {s.name: s for s in SCENARIOS if generation in s.gens}
    missing = [name for name in names if name not in known]
    if missing:
        raise KeyError(f"{generation} has no scenario {missing[0]} (it has: {' '.join(known)})")
    return [s for s in known.values() if not names or s.name in names]


def seed_of(scenario, generation, seed):
    """The scenario's own seed; its twin has the same."""
    text = f"{generation} {scenario.of_scenario or scenario.name} {seed}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big")
