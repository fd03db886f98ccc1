# SPDX-License-Identifier: GPL-2.0-or-later
"""The scenarios: what is done to a machine, and what kvmmmu must find.

A scenario has a plot (vmm/plots.c: what the VMM and the guest do), possibly an act (acts.py: what the
debugger changes in the kernel if there is no natural way), the moment at which the dump is taken, a check
that the kernel really behaves as claimed, and the findings that are expected. Its twin differs in one
thing and must be found healthy; both get the same seed, and so the same addresses, slots and vCPUs.
"""

import dataclasses
import hashlib

# Functions that handle a fault, by the names they have in different kernels; the first that exists is used.
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
    done: str               # a description
    first: str = None       # the finding that must come first; None: none above "note"
    also: tuple = ()        # other correct findings
    everyone: tuple = ()    # findings that are correct for every vCPU of this machine
    note: bool = False      # first is only a note: others may come before it
    states: tuple = ()      # the states that are correct for the vCPU; empty: any
    keeper: tuple = None    # findings of the keeper's vCPU: the first, then other correct ones
    act: str = None         # in acts.py; None: natural
    act_when: str = "staged"  # or "gone-on"
    gens: tuple = ("7.3",)
    kernel: str = ""        # an addition to the kernel's command line, which needs a boot of its own
    stop: tuple = FAST      # the function that the subject is in when the dump is taken
    at: str = "page"        # the address of its fault there; "range": in the invalidated range;
                            # "frozen": below an SPTE that another task has frozen; None: any
    present: bool = False   # only at a fault on a present SPTE
    when: str = None        # only at a fault for which this method of Play returns true
    check: str = None       # what the counters must show (play.py)
    settle: float = 0.5     # seconds from "go" to the dump
    armed: bool = False     # set the breakpoint before "go": for what happens only once
    frozen: str = None      # the function in which another task is stopped meanwhile
    deeper: str = None      # then continue to this function, which the subject calls later
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
             "the W bit of a non-leaf SPTE above the page was cleared: KVM's fast path checks the leaf, which "
             "allows the write, and the processor checks all levels",
             first="spurious-loop", also=("role-corruption", "hardware-stricter"), states=("stuck",), act="nonleaf_w",
             gens=("7.3", "6.1"), check="loops"),
    twin="the W bit of a non-leaf SPTE above another page was cleared",
    stop=ANYWHERE, check="moves")

add(Scenario("perm-table-zeroed", "dirty-log",
             "all words of the active MMU's fmt.permissions were zeroed while the vCPU wrote to a dirty-logged page",
             first="perm-table-mismatch", also=("spurious-loop",), states=("stuck",), act="zero_table",
             act_when="gone-on", check="loops"),
    twin="the same writes and reads of the dirty log, with the correct table",
    check="fixes")


add(Scenario("perm-table-flip", "dirty-log",
             "one bit of fmt.permissions was cleared: the one that denies a write through a leaf without W",
             first="perm-table-mismatch", also=("spurious-loop",), states=("stuck",), act="flip_write",
             act_when="gone-on", check="loops"),
    twin="the same bit was cleared and set again later: a burst of spurious faults that is over",
    check="fixes")

add(Scenario("perm-table-unused", "written-page-paging",
             "one bit of kvm_mmu.permissions was flipped: this kernel does not use that table for SPTEs",
             first="perm-table-mismatch", states=(), act="flip_any", gens=("7.2", "6.1"), stop=ANYWHERE,
             check="moves"),
    twin="the same bit was flipped in the table of the unused context: such tables are zero or stale",
    )

add(Scenario("invalidate-leaked", "untouched-page",
             "mmu_invalidate_in_progress was incremented for a range that contains the page, and is never decremented",
             first="invalidate-leaked", everyone=("invalidate-leaked",), states=("stuck",),
             act="leak_invalidation", gens=("7.3", "6.12", "6.1"), stop=FAULTIN, check="loops"),
    twin="the range contains the page, but the count is 0, as after every invalidation", stop=ANYWHERE,
    check="moves")

add(Scenario("invalidate-in-progress", "zapped-pages",
             "madvise(MADV_DONTNEED) of the slot was stopped before kvm_mmu_notifier_invalidate_range_end(), and "
             "the vCPU faulted in its range",
             first="invalidate-in-progress", states=("stuck", "progressing", "waiting"), stop=FAULTIN,
             at="range", frozen="kvm_mmu_notifier_invalidate_range_end", gens=("7.3", "6.1")),
    twin="madvise() of other pages was stopped at the same place")

add(Scenario("slot-invalid", "deleted-slot",
             "KVM_SET_USER_MEMORY_REGION deletes the slot and waits for an SRCU grace period, which another vCPU "
             "delays while it waits for a page of a userfaultfd",
             first="slot-invalid", states=("stuck",), keeper=("lock-stall",), gens=("7.3", "6.12", "6.1"),
             stop=FAULTIN, check="loops"),
    twin="the same, but the vCPU's page is in another slot", keeper=("lock-stall",), stop=ANYWHERE,
    check="moves")

add(Scenario("obsolete-root-prefault", "prefault-after-slot-change",
             "KVM_PRE_FAULT_MEMORY after the slot was deleted and added again: 6.12 retries on the obsolete root "
             "forever",
             first="obsolete-root", states=("stuck",), gens=("6.12",), stop=STALE, check="loops-uncounted"),
    twin="the same, but the vCPU ran in between and so got a new root", stop=ANYWHERE)

add(Scenario("obsolete-root", "untouched-page",
             "role.invalid was set in the loaded root's kvm_mmu_page, with no request pending",
             first="obsolete-root", also=("role-corruption",), states=("stuck",), act="invalid_root",
             gens=("7.3", "6.1"), stop=STALE, check="loops"),
    twin="mmu_valid_gen of the root was changed: the TDP MMU does not use it", stop=ANYWHERE, check="moves")

add(Scenario("readonly-slot", "readonly-slot",
             "an x87 store to a read-only slot: KVM cannot emulate it, and the VMM ignores the exit",
             first="readonly-slot", states=("stuck",), gens=("7.3", "6.1"), stop=FAULTIN, check="re-enters"),
    twin="the same store to a writable slot", stop=ANYWHERE, check="moves")

add(Scenario("readonly-host", "readonly-mapping",
             "the VMM's mapping of the slot is PROT_READ: KVM_RUN fails with EFAULT, and the VMM calls it again",
             first="readonly-host", states=("stuck",), gens=("7.3", "7.2", "6.1"), stop=FAULTIN, check="re-enters"),
    twin="the mapping is writable, but the SPTE maps the zero page and is not host-writable: the first write "
         "fixes it", armed=True, check=None)

add(Scenario("host-unmapped", "unmapped-memory",
             "the VMM has unmapped the page, which is still part of the slot: KVM_RUN fails with EFAULT, and the VMM "
             "calls it again",
             first="host-unmapped", also=("run-error",), states=("stuck",), gens=("7.3", "6.1"), stop=FAULTIN,
             check="re-enters"),
    twin="the VMM has unmapped another page of the slot", stop=ANYWHERE, check="moves")

add(Scenario("host-forbids", "forbidden-memory",
             "the VMM's mapping of the page is PROT_NONE: KVM_RUN fails with EFAULT, and the VMM calls it again",
             first="host-forbids", also=("run-error",), states=("stuck",), gens=("7.3", "6.1"), stop=FAULTIN,
             check="re-enters"),
    twin="the VMM's mapping of another page is PROT_NONE", stop=ANYWHERE, check="moves")

add(Scenario("dirty-ring-full", "dirty-ring",
             "the VMM does not collect the dirty ring: KVM_RUN returns KVM_EXIT_DIRTY_RING_FULL immediately, and the "
             "VMM calls it again",
             first="dirty-ring-full", states=("stuck",), gens=("7.3", "6.1"), stop=ANYWHERE, check="waits"),
    twin="the same writes without a dirty ring", check="moves")

add(Scenario("map-zap-livelock", "discarded-page",
             "the VMM discards the page after each access: one moment does not show that the guest advances",
             first="map-zap-livelock", note=True, states=("progressing", "healthy"), stop=FAULTIN, settle=1.5,
             check="fixes"),
    twin="the VMM does not discard it", stop=ANYWHERE, check="moves")

add(Scenario("mmu-context-mismatch", "dirty-log",
             "arch.mmu was pointed to the context of nested guests, while the vCPU runs none",
             first="mmu-context-mismatch", states=("stuck",), act="wrong_context", act_when="stopped",
             gens=("7.3", "6.1")),
    twin="root.hpa of that context was changed: nothing uses it")

add(Scenario("lock-stall-userfaultfd", "held-page",
             "the page is registered with a userfaultfd that no process serves",
             first="lock-stall", states=("waiting",), gens=("7.3", "6.1"), stop=ANYWHERE, check="waits"),
    twin="the page was present before the userfaultfd was registered", check="moves")

add(Scenario("lock-stall-mmu-lock", "zapped-others",
             "madvise(MADV_DONTNEED) of other pages was stopped in kvm_unmap_gfn_range() while it held mmu_lock, "
             "which the vCPU's fault needs",
             first="lock-stall", also=("invalidate-in-progress",), states=("waiting", "stuck"), stop=FAULTIN,
             at=None, frozen="kvm_unmap_gfn_range", deeper="queued_read_lock_slowpath", gens=("7.3", "6.1")),
    twin="the same, stopped after mmu_lock was released", frozen="kvm_mmu_notifier_invalidate_range_end",
    deeper=None)

add(Scenario("frozen-spte", "untouched-page",
             "the SPTE at which the walk to the page ends is frozen, and no task replaces it",
             first="frozen-spte", states=("stuck",), act="freeze", gens=("7.3", "7.2", "6.12", "6.1"), stop=MAP,
             check="loops"),
    twin="the SPTE next to it is frozen", stop=ANYWHERE, check="moves")

# 6.1 and 6.12 flush remote TLBs before they thaw an SPTE.
for gen, flush in (("6.12", "kvm_flush_remote_tlbs_range"), ("6.1", "kvm_flush_remote_tlbs_with_address")):
    add(Scenario("healthy-frozen-owner", "toggled-log",
                 "dirty logging of a huge page was disabled, and the task that zaps its small SPTEs was stopped in "
                 "the flush of remote TLBs, while the SPTE above them was frozen",
                 states=("waiting", "progressing"), gens=(gen,), stop=FAULTIN, at="frozen", frozen=flush))

add(Scenario("reserved-bits", "written-page",
             "an address bit above the processor's MAXPHYADDR was set in the leaf SPTE",
             first="reserved-bits", also=("mmio-generation",), states=("stuck",), act="reserved_bit",
             stop=EXIT, check="re-enters"),
    twin="a bit that is available to software was set in the leaf SPTE", stop=ANYWHERE, check="moves")

add(Scenario("nx-huge-page", "execute-huge-page",
             "nx_huge_pages=force, and the guest executes from a huge page, which KVM is about to split",
             first="nx-huge-page", note=True, states=("progressing", "healthy"), gens=("7.3", "6.1"), stop=FAULTIN,
             armed=True),
    twin="nx_huge_pages=off", stop=ANYWHERE, armed=False, check="moves")

add(Scenario("dirty-log-huge", "huge-page",
             "dirty logging was enabled while a huge page was mapped, without eager splitting; this is the first write",
             first="dirty-log-huge", note=True, states=("progressing", "healthy"), gens=("7.3", "6.1"), stop=FAULTIN,
             armed=True),
    twin="the same with small pages: the fast path fixes the fault", stop=FAST, gens=("7.3",))

add(Scenario("vm-dead", "written-page",
             "kvm.vm_dead was set and KVM_REQ_VM_DEAD made; the VMM calls KVM_RUN again after each EIO",
             first="vm-dead", everyone=("vm-dead",), states=("stuck",), act="kill_vm", act_when="gone-on",
             gens=("7.3", "6.1"), stop=ANYWHERE, check="waits"),
    twin="KVM_RUN returns immediately as well, but because of immediate_exit", act=None, plot="leave-at-once")

add(Scenario("mmio-generation", "mmio-then-new-slot",
             "a slot was added: the MMIO SPTE has the previous generation",
             first="mmio-generation", note=True, states=("progressing", "healthy"), gens=("7.3", "6.1"), stop=EXIT,
             armed=True),
    twin="no slot was added")

add(Scenario("no-slot", "no-slot",
             "an access outside all slots that KVM cannot emulate; the VMM ignores the exit",
             first="no-slot", states=("stuck",), gens=("7.3", "6.1"), stop=EXIT, check="re-enters"),
    twin="the same access inside a slot", stop=ANYWHERE, check="moves")

add(Scenario("hwpoison", "poisoned-page",
             "the page is poisoned (MADV_HWPOISON), and the vCPU's thread blocks SIGBUS",
             first="hwpoison", states=("stuck",), gens=("7.3", "6.12"), stop=FAULTIN, check="loops"),
    twin="another page of the slot is poisoned", stop=ANYWHERE, check="moves")

add(Scenario("role-corruption", "dirty-log",
             "role.level of the page table that contains the leaf was changed while the guest wrote to the page: "
             "7.3 notices it (WARN_ON_ONCE) and retries forever",
             first="role-corruption", states=("stuck",), act="wrong_level", stop=FAST, settle=2, check="loops"),
    twin="mmu_valid_gen of the same kvm_mmu_page was changed: the TDP MMU does not use it", check="fixes",
    settle=0.5)

add(Scenario("role-corruption-gfn", "dirty-log",
             "gfn of the page table that contains the leaf was changed: no fault reads it",
             first="role-corruption", act="wrong_gfn", gens=("7.3", "6.1"), stop=FAST, check="fixes"),
    twin="gfn of another page table, which is not part of the walk, was changed", act="wrong_gfn")

add(Scenario("gpa-too-wide", "untouched-page",
             "the processor and kvm_page_fault report a fault at a GPA of 49 bits, more than a root of four levels "
             "can map",
             first="gpa-too-wide", also=("no-slot",), act="wide_gpa", act_when="stopped", gens=("7.3", "6.1"),
             stop=STALE, armed=True),
    twin="a fault at the largest GPA that such a root can map")

add(Scenario("lost-async-pf", "held-page-async",
             "the vCPU is halted until its asynchronous page fault completes, and async_pf.queued was set to 0: "
             "nothing is queued that could wake it",
             first="lost-async-pf", states=("stuck",), act="lose_async_pf", act_when="stopped",
             gens=("7.3", "6.1"), stop=ANYWHERE, check="waits"),
    twin="the asynchronous page fault is queued", act=None, states=("waiting",))

add(Scenario("mmio-over-leaf", "dirty-log",
             "the memslot was cut short before the page, without a zap: KVM treats the fault as MMIO, and the SPTE "
             "still maps memory",
             first="mmio-over-leaf", also=("no-slot",), act="cut_slot", act_when="stopped", gens=("7.3", "6.1"),
             check="fixes"),
    twin="another memslot was cut short before a page that is not mapped")

add(Scenario("stale-tlb-or-spurious", "late-twice",
             "another vCPU has mapped the page writable since the processor raised the fault",
             first="stale-tlb-or-spurious", note=True, states=("progressing", "healthy"), at=None, when="is_mapped",
             gens=("7.3", "6.1"), check=None),
    twin="the page is not mapped yet", when="is_not_mapped")

add(Scenario("healthy-async-ready", "provided-page",
             "the page of an asynchronous page fault is ready, and KVM maps it before the guest asks again "
             "(kvm_arch_async_page_ready())",
             stop=FAULTIN, when="is_prefetch", armed=True, gens=("7.3", "6.1")),
    twin="the guest asks for the page for the first time", when="is_of_guest")

add(Scenario("healthy-device-mapping", "device-mapping",
             "the VMM maps a device's memory privately (VM_PFNMAP), and the host's page tables have it read-only: KVM "
             "emulates the write, which copies the page",
             stop=FAULTIN, present=True, armed=True, gens=("7.3", "6.1")),
    twin="the VMM maps ordinary memory privately, and the host's page tables have the zero page: KVM lets the host "
         "copy the page")

# ---- nested guests ----

add(Scenario("healthy-nested-exit", "nested-unmapped-page",
             "the guest's hypervisor has not mapped the page for its nested guest: KVM is delivering the fault to it, "
             "and arch.mmu is root_mmu already",
             states=("progressing", "healthy"), stop=PAGING, when="is_unmapped_by_guest", deeper="kvm_init_mmu",
             gens=("7.3", "6.1"), check="fixes"),
    twin="the hypervisor has mapped the page: KVM is mapping it, too", when="is_mapped_by_guest", deeper=None)

add(Scenario("spurious-loop-nested", "nested-written-page",
             "the W bit of a non-leaf SPTE above the page was cleared in the shadow of the page tables that the "
             "guest's hypervisor made for its nested guest",
             first="spurious-loop", also=("role-corruption", "hardware-stricter"), states=("stuck",), act="nonleaf_w",
             gens=("7.3", "6.1"), stop=PAGING, check="loops"),
    twin="the W bit of a non-leaf SPTE above another page was cleared", stop=ANYWHERE, check="moves")

# ---- shadow paging ----

SHADOW = "kvm_amd.npt=0"

# 6.1 unprotects the gfn after each failure; the next fault then finds nothing mapped.
for gen, stop, present in (("7.3", PAGING, True), ("6.1", FAULTIN, False)):
    add(Scenario("self-mapping-write", "write-own-tables",
                 "an x87 store, which KVM cannot emulate, to the page table that maps the store's target",
                 first="self-mapping-write", also=("write-tracked",), states=("stuck",), kernel=SHADOW,
                 gens=(gen,), stop=stop, present=present, check="re-enters"),
        twin="the same store to a page table of another vCPU: KVM unprotects it", stop=ANYWHERE,
        check="moves")

add(Scenario("write-tracked", "write-others-tables",
             "the vCPU writes to the page tables of another vCPU, which keeps using them",
             first="write-tracked", note=True, states=("progressing", "healthy", "waiting"), kernel=SHADOW,
             gens=("7.3", "6.1"), stop=("direct_page_fault",), when="is_write_tracked"),
    twin="the vCPU writes next to the page tables", stop=ANYWHERE, when=None, check="moves")

add(Scenario("obsolete-root-shadow", "untouched-page-long",
             "mmu_valid_gen of the loaded root was changed: the shadow MMU compares it",
             first="obsolete-root", states=("stuck",), act="old_root", kernel=SHADOW, gens=("7.3", "6.1"),
             stop=STALE, check="loops"),
    twin="mmu_valid_gen of a page table below it was changed: no fault compares it", stop=ANYWHERE,
    check="moves")

add(Scenario("child-page-mismatch", "written-page-long",
             "role.level of the shadow page that contains the leaf was changed",
             first="child-page-mismatch", also=("role-corruption",), kernel=SHADOW, act="wrong_level",
             act_when="stopped", gens=("7.3", "6.1"), stop=ANYWHERE, check="moves"),
    twin="its mmu_valid_gen was changed: only that of a root is compared")

# Only where the dump has the guest's page tables, which capsules do not.
add(Scenario("child-page-gfn", "written-page-long",
             "gfn of the shadow page that contains the leaf was changed: the guest's entry has another",
             first="child-page-mismatch", also=("role-corruption",), kernel=SHADOW, act="wrong_gfn",
             act_when="stopped", gens=("7.3", "6.1"), stop=ANYWHERE, check="moves", capsule=False),
    twin="its mmu_valid_gen was changed: only that of a root is compared", act="wrong_level")

add(Scenario("perm-table-not-asked", "written-page-paging",
             "one bit of fmt.permissions was flipped: KVM does not use that table under shadow paging",
             first="perm-table-mismatch", states=("healthy", "progressing", "waiting"), kernel=SHADOW, act="flip_any",
             stop=ANYWHERE, check="moves"),
    twin="the same bit was flipped in the table of the unused context: such tables are zero or stale")

add(Scenario("shadow-page-quota", "many-shadow-pages",
             "KVM_SET_NR_MMU_PAGES permits 64 shadow pages, and the guest needs more: KVM zaps some for each few "
             "that it creates",
             first="shadow-page-quota", note=True, states=("progressing", "healthy", "waiting"), kernel=SHADOW,
             stop=PAGING, at=None, when="is_out_of_shadow_pages", settle=2),
    twin="the VMM sets no limit", when=None, stop=ANYWHERE, check="moves")

# ---- healthy ones ----

for name, plot, done, more in (
        ("healthy-dirty-log", "dirty-log", "heavy dirty logging, at a write that the fast path fixes",
         {"check": "fixes", "gens": ("7.3", "6.1")}),
        ("healthy-late-twice", "late-twice", "two vCPUs touch the same pages after each zap: spurious faults",
         {"check": "fixes", "at": None, "gens": ("7.3", "6.1")}),
        ("healthy-rep-stos", "rep-stos", "REP STOS over the whole slot: the same RIP, but the address advances",
         {"at": None, "stop": FAULTIN, "check": "fixes"}),
        ("healthy-halted", "halted", "the vCPU halts", {"stop": ANYWHERE, "check": "waits"}),
        ("healthy-paused", "paused", "the VMM does not run the vCPU", {"stop": ANYWHERE, "check": "waits"}),
        ("healthy-never-run", "never-run", "the vCPU was created and never run", {"stop": ANYWHERE, "check": "waits"}),
        ("healthy-mmio", "mmio", "endless MMIO", {"stop": EXIT, "gens": ("7.3", "6.1")}),
        ("healthy-readonly-emulated", "readonly-slot-emulated",
         "writes to a read-only slot that KVM emulates: the VMM receives them as MMIO",
         {"stop": FAULTIN, "gens": ("7.3", "6.1")}),
        ("healthy-handles-efault", "readonly-mapping-once",
         "the VMM's mapping of the slot is PROT_READ; the VMM received EFAULT and does not run the vCPU any more",
         {"stop": ANYWHERE, "check": "waits", "also": ("readonly-host",), "states": ("waiting",),
          "gens": ("7.3", "6.1")}),
        ("healthy-seq-bit31", "stride",
         "bit 31 of mmu_invalidate_seq was set on a kernel that reads it as unsigned long",
         {"act": "seq_bit31", "stop": STALE, "at": None, "check": "fixes", "gens": ("7.3", "6.12", "6.1")}),
        ("healthy-prefault", "prefault-after-slot-change",
         "the state in which 6.12 hangs; 7.3 does not", {"stop": ANYWHERE}),
        ("waiting-apf", "held-page-interruptible",
         "a page of a userfaultfd, with the guest's interrupts enabled: the vCPU's thread waits for it",
         {"stop": ANYWHERE, "check": "waits", "also": ("lock-stall",), "states": ("waiting",)})):
    add(Scenario(name, plot, done, **more))

# ---- a live fault on the stack, for the tests that look for it there ----

for name, stop, deeper in (("fast", FAST, None), ("faultin", FAULTIN, None), ("stale", STALE, None),
                           ("map", MAP, None), ("spte", MAP, "make_spte")):
    add(Scenario(f"in-handler-{name}", "stride", f"stopped in {deeper or stop[0]}()", stop=stop, at=None,
                 deeper=deeper, gens=("7.3", "6.1"), capsule=False))


def find(generation, names=()):
    """Return the scenarios of this generation that have these names, or all."""
    known = {s.name: s for s in SCENARIOS if generation in s.gens}
    missing = [name for name in names if name not in known]
    if missing:
        raise KeyError(f"{generation} has no scenario {missing[0]} (there are: {' '.join(known)})")
    return [s for s in known.values() if not names or s.name in names]


def expectations(scenario, stage):
    """Return what must be found for which vCPU, the subject first; all others must be found healthy."""
    found = [{"vcpu": stage["subject"], "first": scenario.first, "also": list(scenario.also),
              "note": scenario.note, "states": list(scenario.states)}]
    if scenario.keeper:
        found.append({"vcpu": stage["keeper"], "first": scenario.keeper[0],
                      "also": list(scenario.keeper[1:]), "note": False, "states": ["waiting"]})
    return {"expect": found, "everyone": list(scenario.everyone)}


def seed_of(scenario, generation, seed):
    """Return the scenario's own seed, which its twin shares."""
    text = f"{generation} {scenario.of_scenario or scenario.name} {seed}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big")
