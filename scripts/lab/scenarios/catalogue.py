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
    everyone: tuple = ()    # findings that are right of every vCPU of this machine
    note: bool = False      # first is no more than a remark: others may stand before it
    states: tuple = ()      # what the vCPU may be said to be; empty: not asked
    keeper: tuple = None    # what is found of the keeper's vCPU: first, and what else is right
    act: str = None         # acts.py; None: natural
    act_when: str = "staged"  # or "gone-on"
    gens: tuple = ("7.3",)
    kernel: str = ""        # more for the kernel's command line: a boot of its own
    stop: tuple = FAST      # where the subject stands in the dump
    at: str = "page"        # the address at which it stands there; "range": in the invalidated one; None: any
    present: bool = False   # at a fault on a present SPTE only
    check: str = None       # what the counters must show (play.py)
    settle: float = 0.5     # seconds from "go" to the dump
    armed: bool = False     # the stop is there before "go": for what happens only once
    frozen: str = None      # where another task stands still meanwhile
    deeper: str = None      # from there on to this function, further down the subject's stack
    capsule: bool = True    # kept in samples/scenarios/
    twin: bool = False
    of_scenario: str = None


def twin_of(scenario, **differences):
    return dataclasses.replace(scenario, name=scenario.name + "-twin", twin=True,
                               of_scenario=scenario.name,
                               **{"first": None, "also": (), "states": (), "keeper": None, "everyone": (), "note": False,
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


add(Scenario("perm-table-flip", "dirty-log",
             "one bit of fmt.permissions cleared: the one that forbids a write through a leaf without W",
             first="perm-table-mismatch", also=("spurious-loop",), states=("stuck",), act="flip_write",
             act_when="gone-on", check="loops"),
    twin="the same bit cleared, and set again after a while: a burst of spurious faults, long over",
    check="fixes")

add(Scenario("perm-table-unused", "written-page-paging",
             "one bit of kvm_mmu.permissions flipped: this kernel does not ask it about SPTEs",
             first="perm-table-mismatch", states=(), act="flip_any", gens=("7.2", "6.1"), stop=ANYWHERE,
             check="moves"),
    twin="the same bit flipped in the table of the context that is not in use: those are zero, or stale",
    )

add(Scenario("invalidate-leaked", "untouched-page",
             "mmu_invalidate_in_progress raised for a range that covers the page, and nobody will lower it",
             first="invalidate-leaked", everyone=("invalidate-leaked",), states=("stuck",),
             act="leak_invalidation", gens=("7.3", "6.12", "6.1"), stop=FAULTIN, check="loops"),
    twin="the range covers the page, but the count is 0, as it is after every invalidation", stop=ANYWHERE,
    check="moves")

add(Scenario("invalidate-in-progress", "zapped-pages",
             "madvise(MADV_DONTNEED) of the slot, stopped before kvm_mmu_notifier_invalidate_range_end(), and a "
             "fault in its range",
             first="invalidate-in-progress", states=("stuck", "progressing", "waiting"), stop=FAULTIN,
             at="range", frozen="kvm_mmu_notifier_invalidate_range_end", gens=("7.3", "6.1")),
    twin="madvise() of other pages, stopped at the same place")

add(Scenario("slot-invalid", "deleted-slot",
             "KVM_SET_USER_MEMORY_REGION deletes the slot and waits for srcu, which another vCPU holds while it "
             "waits for a userfaultfd's page",
             first="slot-invalid", states=("stuck",), keeper=("lock-stall",), gens=("7.3", "6.12", "6.1"),
             stop=FAULTIN, check="loops"),
    twin="the same, but the subject's page is in another slot", keeper=("lock-stall",), stop=ANYWHERE,
    check="moves")

add(Scenario("obsolete-root-prefault", "prefault-after-slot-change",
             "KVM_PRE_FAULT_MEMORY after the slot was deleted and added again: 6.12 retries on the obsolete root "
             "for ever",
             first="obsolete-root", states=("stuck",), gens=("6.12",), stop=STALE, check="loops-uncounted"),
    twin="the same, but the vCPU ran in between, which made it a new root", stop=ANYWHERE)

add(Scenario("obsolete-root", "untouched-page",
             "role.invalid set in the loaded root's kvm_mmu_page, no request pending",
             first="obsolete-root", also=("role-corruption",), states=("stuck",), act="invalid_root",
             gens=("7.3", "6.1"), stop=STALE, check="loops"),
    twin="mmu_valid_gen of the root changed: the TDP MMU does not look at it", stop=ANYWHERE, check="moves")

add(Scenario("readonly-slot", "readonly-slot",
             "an x87 store to a read-only slot: KVM cannot emulate it, the VMM ignores the exit",
             first="readonly-slot", states=("stuck",), gens=("7.3", "6.1"), stop=FAULTIN, check="re-enters"),
    twin="the same store to a writable slot", stop=ANYWHERE, check="moves")

add(Scenario("readonly-host", "readonly-mapping",
             "the VMM's mapping of the slot is PROT_READ; KVM_RUN fails with EFAULT, the VMM tries again",
             first="readonly-host", states=("stuck",), gens=("7.3", "7.2", "6.1"), stop=FAULTIN, check="re-enters"),
    twin="the mapping is writable, but the SPTE is of the zero page and not host-writable: the first write "
         "mends it", armed=True, check=None)

add(Scenario("lock-stall-userfaultfd", "held-page",
             "the page belongs to a userfaultfd that nobody serves",
             first="lock-stall", states=("waiting",), gens=("7.3", "6.1"), stop=ANYWHERE, check="waits"),
    twin="the page was there before the userfaultfd was", check="moves")

add(Scenario("lock-stall-mmu-lock", "zapped-others",
             "madvise(MADV_DONTNEED) of other pages, stopped in kvm_unmap_gfn_range() under mmu_lock, which the "
             "subject's fault needs",
             first="lock-stall", also=("invalidate-in-progress",), states=("waiting", "stuck"), stop=FAULTIN,
             at=None, frozen="kvm_unmap_gfn_range", deeper="queued_read_lock_slowpath", gens=("7.3", "6.1")),
    twin="the same, stopped after mmu_lock was let go", frozen="kvm_mmu_notifier_invalidate_range_end",
    deeper=None)

add(Scenario("frozen-spte", "untouched-page",
             "the SPTE where the walk to the page ends is frozen, and nobody thaws it",
             first="frozen-spte", states=("stuck",), act="freeze", gens=("7.3", "7.2", "6.12", "6.1"), stop=MAP,
             check="loops"),
    twin="the SPTE beside it is frozen", stop=ANYWHERE, check="moves")

add(Scenario("reserved-bits", "written-page",
             "an address bit above the processor's MAXPHYADDR set in the leaf SPTE",
             first="reserved-bits", also=("mmio-generation",), states=("stuck",), act="reserved_bit",
             stop=EXIT, check="re-enters"),
    twin="a bit that software may use set in the leaf SPTE", stop=ANYWHERE, check="moves")

add(Scenario("nx-huge-page", "execute-huge-page",
             "nx_huge_pages=force, and the guest executes from a huge page: KVM is about to split it",
             first="nx-huge-page", note=True, states=("progressing", "healthy"), gens=("7.3", "6.1"), stop=FAULTIN,
             armed=True),
    twin="nx_huge_pages=off", stop=ANYWHERE, armed=False, check="moves")

add(Scenario("dirty-log-huge", "huge-page",
             "dirty logging switched on while a huge page was mapped, without eager splitting; the first write",
             first="dirty-log-huge", note=True, states=("progressing", "healthy"), gens=("7.3", "6.1"), stop=FAULTIN,
             armed=True),
    twin="the same with small pages: the fast path mends it", stop=FAST, gens=("7.3",))

add(Scenario("vm-dead", "written-page",
             "kvm.vm_dead set, KVM_REQ_VM_DEAD made; the VMM calls KVM_RUN again after each EIO",
             first="vm-dead", everyone=("vm-dead",), states=("stuck",), act="kill_vm", act_when="gone-on",
             gens=("7.3", "6.1"), stop=ANYWHERE, check="waits"),
    twin="KVM_RUN comes back at once as well, but for immediate_exit", act=None, plot="leave-at-once")

add(Scenario("mmio-generation", "mmio-then-new-slot",
             "a slot was added: the MMIO SPTE has the generation before",
             first="mmio-generation", note=True, states=("progressing", "healthy"), gens=("7.3", "6.1"), stop=EXIT,
             armed=True),
    twin="no slot was added")

add(Scenario("no-slot", "no-slot",
             "an access outside of all slots that KVM cannot emulate; the VMM ignores the exit",
             first="no-slot", states=("stuck",), gens=("7.3", "6.1"), stop=EXIT, check="re-enters"),
    twin="the same access inside a slot", stop=ANYWHERE, check="moves")

add(Scenario("hwpoison", "poisoned-page",
             "the page is poisoned (MADV_HWPOISON), the vCPU's thread blocks SIGBUS",
             first="hwpoison", states=("stuck",), gens=("7.3", "6.12"), stop=FAULTIN, check="loops"),
    twin="another page of the slot is poisoned", stop=ANYWHERE, check="moves")

add(Scenario("role-corruption", "dirty-log",
             "role.level of the page table that holds the leaf changed, while the guest writes to the page: 7.3 "
             "notices (WARN_ON_ONCE) and retries for ever",
             first="role-corruption", states=("stuck",), act="wrong_level", stop=FAST, settle=2, check="loops"),
    twin="mmu_valid_gen of the same kvm_mmu_page changed: the TDP MMU does not look at it", check="fixes",
    settle=0.5)

add(Scenario("role-corruption-gfn", "dirty-log",
             "gfn of the page table that holds the leaf changed: nobody reads it on a fault",
             first="role-corruption", act="wrong_gfn", gens=("7.3", "6.1"), stop=FAST, check="fixes"),
    twin="gfn of another page table changed, not on the walk", act="wrong_gfn")

add(Scenario("gpa-too-wide", "untouched-page",
             "the fault that the processor and kvm_page_fault tell of is at a GPA of 49 bits, more than a root of "
             "four levels can map",
             first="gpa-too-wide", also=("no-slot",), act="wide_gpa", act_when="stopped", gens=("7.3", "6.1"),
             stop=STALE, armed=True),
    twin="at the widest GPA that it can")

# ---- shadow paging ----

SHADOW = "kvm_amd.npt=0"

# 6.1 unprotects the gfn after each failure, so that the next fault finds nothing mapped.
for gen, stop, present in (("7.3", PAGING, True), ("6.1", FAULTIN, False)):
    add(Scenario("self-mapping-write", "write-own-tables",
                 "an x87 store, which KVM cannot emulate, to the page table that maps the store's target",
                 first="self-mapping-write", also=("write-tracked",), states=("stuck",), kernel=SHADOW,
                 gens=(gen,), stop=stop, present=present, check="re-enters"),
        twin="the same store to a page table of another vCPU: KVM unprotects it", stop=ANYWHERE,
        check="moves")

add(Scenario("write-tracked", "write-others-tables",
             "writes to the page tables of another vCPU, which keeps using them",
             first="write-tracked", note=True, states=("progressing", "healthy", "waiting"), kernel=SHADOW,
             gens=("7.3", "6.1"), stop=("direct_page_fault",)),
    twin="writes beside the page tables", stop=ANYWHERE, check="moves")

add(Scenario("obsolete-root-shadow", "untouched-page-long",
             "mmu_valid_gen of the loaded root changed: the shadow MMU compares it",
             first="obsolete-root", states=("stuck",), act="old_root", kernel=SHADOW, gens=("7.3", "6.1"),
             stop=STALE, check="loops"),
    twin="mmu_valid_gen of a page table below it changed: nobody compares that on a fault", stop=ANYWHERE,
    check="moves")

# ---- healthy ones ----

for name, plot, done, more in (
        ("healthy-dirty-log", "dirty-log", "heavy dirty logging, at a write that the fast path mends",
         {"check": "fixes", "gens": ("7.3", "6.1")}),
        ("healthy-late-twice", "late-twice", "two vCPUs touch the same pages after each zap: spurious faults",
         {"check": "fixes", "at": None, "gens": ("7.3", "6.1")}),
        ("healthy-rep-stos", "rep-stos", "REP STOS over the whole slot: one RIP, the address advances",
         {"at": None, "stop": FAULTIN, "check": "fixes"}),
        ("healthy-halted", "halted", "the vCPU halts", {"stop": ANYWHERE, "check": "waits"}),
        ("healthy-paused", "paused", "the VMM does not run the vCPU", {"stop": ANYWHERE, "check": "waits"}),
        ("healthy-never-run", "never-run", "the vCPU was made and never run", {"stop": ANYWHERE, "check": "waits"}),
        ("healthy-mmio", "mmio", "MMIO without end", {"stop": EXIT, "gens": ("7.3", "6.1")}),
        ("healthy-readonly-emulated", "readonly-slot-emulated",
         "writes to a read-only slot that KVM emulates: the VMM gets them as MMIO",
         {"stop": FAULTIN, "gens": ("7.3", "6.1")}),
        ("healthy-seq-bit31", "stride",
         "bit 31 of mmu_invalidate_seq set on a kernel that takes it as unsigned long",
         {"act": "seq_bit31", "stop": STALE, "at": None, "check": "fixes", "gens": ("7.3", "6.12", "6.1")}),
        ("healthy-prefault", "prefault-after-slot-change",
         "what 6.12 hangs in: 7.3 does not", {"stop": ANYWHERE}),
        ("waiting-apf", "held-page-interruptible",
         "a page that a userfaultfd holds, awaited as if the guest had halted (asynchronous page fault)",
         {"stop": ANYWHERE, "check": "waits", "also": ("lock-stall",), "states": ("waiting",)})):
    add(Scenario(name, plot, done, **more))

# ---- a live fault on the stack, for whoever looks for it there ----

for name, stop, deeper in (("fast", FAST, None), ("faultin", FAULTIN, None), ("stale", STALE, None),
                           ("map", MAP, None), ("spte", MAP, "make_spte")):
    add(Scenario(f"in-handler-{name}", "stride", f"stopped in {deeper or stop[0]}()", stop=stop, at=None,
                 deeper=deeper, gens=("7.3", "6.1"), capsule=False))


def find(generation, names=()):
    """The scenarios of this generation that have these names, or all."""
    known = {s.name: s for s in SCENARIOS if generation in s.gens}
    missing = [name for name in names if name not in known]
    if missing:
        raise KeyError(f"{generation} has no scenario {missing[0]} (it has: {' '.join(known)})")
    return [s for s in known.values() if not names or s.name in names]


def expectations(scenario, stage):
    """What must be found of which vCPU, the subject's first; others must be found healthy."""
    found = [{"vcpu": stage["subject"], "first": scenario.first, "also": list(scenario.also),
              "note": scenario.note, "states": list(scenario.states)}]
    if scenario.keeper:
        found.append({"vcpu": stage["keeper"], "first": scenario.keeper[0],
                      "also": list(scenario.keeper[1:]), "note": False, "states": ["waiting"]})
    return {"expect": found, "everyone": list(scenario.everyone)}


def seed_of(scenario, generation, seed):
    """The scenario's own seed; its twin has the same."""
    text = f"{generation} {scenario.of_scenario or scenario.name} {seed}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big")
