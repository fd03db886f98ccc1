# SPDX-License-Identifier: GPL-2.0-or-later
"""What became of a fault: each finding of replay, and each event that decides it, against a small trace.

One row for each sentence of the demand: a form (forms/) or a case (cases/), the finding, how certain it is, and words
that it has to say.
"""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from tools import kvmmmu  # noqa: E402

ROWS = [
    # kvm_userspace_exit: errors, MEMORY_FAULT, MMIO, INTERNAL_ERROR; a restart (-EINTR) is no result
    ("forms/43", "efault-loop", "possible", ["-EFAULT (14)", "runs the vCPU again", "memslot's userspace address"]),
    ("cases/06", "efault-loop", "likely", ["120 faults", "-EFAULT (14)"]),
    ("forms/44", "private-mismatch", "likely", ["KVM_EXIT_MEMORY_FAULT", "private and the page is shared, or vice versa"]),
    ("forms/46", "mmio-repeated", "note", ["polls a device", "not a loop in KVM"]),
    ("forms/47", "internal-error", "possible", ["KVM_EXIT_INTERNAL_ERROR"]),
    ("forms/45", "unanswered-repeated", "possible", ["no result of these faults"]),
    # kvm_inj_exception, kvm_mmu_walker_error, kvm_mmu_paging_element: the guest's own loop
    ("forms/49", "guest-loop", "possible", ["injects #PF", "guest's own page tables", "the guest itself loops"]),
    ("forms/71", "guest-loop", "possible", ["kvm_mmu_walker_error"]),
    ("forms/180", "guest-loop", "possible", ["its walk ended at its entry 0x2b4d025 of level 1"]),
    # kvm_emulate_insn: a failed attempt is not done
    ("forms/48", "emulation-failed", "possible", ["could not emulate", "#UD was injected"]),
    ("cases/04", "emulation-failed", "likely", ["while an event was being delivered", "vector 6 (#UD)"]),
    # kvm_mmio
    ("forms/111", "mmio-repeated", "note", ["not a loop in KVM"]),
    ("forms/72", "mmio-repeated", "note", ["not a loop in KVM"]),
    # kvm_mmu_spte_requested and set_spte
    ("forms/52", "requested-never-set", "possible", ["pfn 0x52e45", "set 0 times", "CR4.LA57", "hypervisor below"]),
    ("cases/18", "requested-never-set", "likely", ["set 1 time in all"]),
    ("forms/113", "mapped-not-seen", "possible", ["maps the page each time", "no zap"]),
    # zaps: which thread, by which event
    ("cases/16", "map-zap-livelock", "likely", ["thread 77 (knuma)", "kvm_tdp_mmu_spte_changed", "3.0 us"]),
    ("forms/50", "map-zap-livelock", "possible", ["thread 77 (khugepaged)", "kvm_mmu_prepare_zap_page"]),
    ("forms/51", "map-zap-livelock", "likely", ["thread 4700 (qemu-kvm)", "kvm_vm_set_mem_attributes"]),
    ("forms/74", "faults-per-page", "note", ["60 different pages, 2.00 for each", "kvm_mmu_zap_all_fast"]),
    ("forms/56", "huge-page-over-4k", "possible", ["2M range at gfn 0x7c00", "a huge page replaces the 4K pages"]),
    # kvm_exit and kvm_nested_vmexit alone
    ("forms/39", "unanswered-repeated", "possible", ["at 0x7c45000, error code W|U|GUEST_FINAL"]),
    ("forms/40", "unanswered-repeated", "possible", ["exit qualification 0x184"]),
    ("forms/41", "unanswered-repeated", "possible", ["exit qualification 0x781"]),
    # bits of SNP
    ("forms/54", "rmp-denied", "possible", ["RMP (SEV-SNP)", "VMPL", "RMPADJUST"]),
    ("cases/17", "rmp-denied", "likely", ["120 faults", "RMPADJUST"]),
    # n vCPUs, one finding
    ("forms/55", "unanswered-repeated", "possible", ["4 vCPUs (0, 1, 2, 3)"]),
    ("cases/25", "spurious-repeated", "likely", ["4 vCPUs (4, 7, 5, 6)", "found no mapping"]),
    # an excerpt of 3 identical faults
    ("forms/99", "spurious-repeated", "possible", ["3 faults", "the SPTE is the same before and after"]),
]

WOULD_SETTLE = ("kvmmmu:fast_page_fault", "kvmmmu:kvm_mmu_set_spte", "kvmmmu:kvm_mmu_spte_requested",
                "kvmmmu:kvm_tdp_mmu_spte_changed", "kvm:kvm_emulate_insn", "kvm:kvm_mmio", "kvm:kvm_userspace_exit",
                "kvm:kvm_inj_exception")
LINE = {
    "kvmmmu:fast_page_fault": "fast_page_fault: vcpu 0 gva 99000 error_code W sptep 00000000a1 old 0x0 new 0 spurious 0 fixed 0",
    "kvmmmu:kvm_mmu_set_spte": "kvm_mmu_set_spte: gfn 99 spte 610000099000877 (rwxu) level 1 at 1000",
    "kvmmmu:kvm_mmu_spte_requested": "kvm_mmu_spte_requested: gfn 99 pfn 99 level 1",
    "kvmmmu:kvm_tdp_mmu_spte_changed": "kvm_tdp_mmu_spte_changed: as id 0 gfn 99 level 1 old_spte 0 new_spte 5a0",
    "kvm:kvm_emulate_insn": "kvm_emulate_insn: 0:1:f4 (prot64)",
    "kvm:kvm_mmio": "kvm_mmio: mmio write len 4 gpa 0xfee00000 val 0x1",
    "kvm:kvm_userspace_exit": "kvm_userspace_exit: reason KVM_EXIT_IO (2)",
    "kvm:kvm_inj_exception": "kvm_inj_exception: #GP (0x0)",
}


def file_of(row):
    folder, number = row.split("/")
    return next((HERE / folder).glob(f"{number}-*.txt"))


@pytest.mark.parametrize("row,finding,certainty,words", ROWS, ids=[f"{row[1]}-{row[0]}" for row in ROWS])
def test_what_became_of_a_fault(row, finding, certainty, words):
    found, = kvmmmu("replay", "-j", file_of(row)).json["findings"]
    assert (found["id"], found["certainty"]) == (finding, certainty)
    assert not [word for word in words if word not in found["text"]], found["text"]


def settle(tmp_path, others):
    """40 faults without a result, and one event of each kind of @others, of another thread."""
    lines = [f"x-2 [001] ..... 0.9{i:05}: {LINE[event]}" for i, event in enumerate(others)]
    lines += [f"q-1 [000] ..... 1.{i:06}: kvm_page_fault: vcpu 0 rip 0x1 address 0x5000 error_code 0x182" for i in range(40)]
    file = tmp_path / "trace"
    file.write_text("\n".join(lines) + "\n")
    found = [f for f in kvmmmu("replay", "-j", file).json["findings"] if f["address"] == "0x5000"]
    assert len(found) == 1 and found[0]["id"] == "unanswered-repeated"
    return found[0]["text"]


@pytest.mark.parametrize("there", WOULD_SETTLE)
def test_events_that_would_settle_it_are_named_and_none_that_is_there(tmp_path, there):
    text = settle(tmp_path, [])
    assert all(event in text for event in WOULD_SETTLE)
    text = settle(tmp_path, [there])
    assert there not in text and all(event in text for event in WOULD_SETTLE if event != there)


def test_nothing_is_asked_for_if_all_is_there(tmp_path):
    assert "KVM retries each time" in settle(tmp_path, WOULD_SETTLE)


def test_relative_thresholds(tmp_path):
    """Three identical faults are a loop in an excerpt of them, and none among a hundred others."""
    def replay(n, others):
        file = tmp_path / "trace"
        file.write_text("".join(f"q-1 [000] ..... 1.{i:06}: kvm_page_fault: vcpu 0 rip {i if i < others else 0:#x} "
                                f"address {0x10000 + 0x1000 * i if i < others else 0x5000:#x} error_code 0x182\n"
                                for i in range(n + others)))
        return [f["faults"] for f in kvmmmu("replay", "-j", file).json.get("findings", [])]
    assert replay(3, 0) == [3] and replay(2, 0) == [] and replay(3, 100) == [] and replay(100, 300) == [100]
