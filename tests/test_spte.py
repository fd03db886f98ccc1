# SPDX-License-Identifier: GPL-2.0-or-later
"""kvmmmu spte on entries from logs: which kernels wrote them, and whether they are legal."""

import pytest

from tools import TOP, kvmmmu

LOOPING = TOP / "samples" / "amd-7.3-looping.kvmmmu"


def notes(answer):
    return " / ".join(answer.json.get("notes", []))


@pytest.mark.parametrize("words, masks_of, decoded", [
    (["--as", "ept", "6000001c6e00b77"], "ept:6.1", {"host_writable": True, "mmu_writable": True}),
    (["--as", "ept", "61000034d40e877"], "ept:6.1", {"host_writable": True, "ad_type": "disabled"}),
    (["--as", "ept", "5a0"], "ept:6.1", {"kind": "frozen"}),
    (["--as", "ept", "80000000000005a0"], "ept:6.12", {"kind": "frozen"}),
    (["--as", "ept", "90a0000003a00f75"], "ept:7.2", {"host_writable": True, "xu": True}),
    (["--as", "ept", "--level", "4", "84c236107"], "ept:5.10", {"kind": "present", "leaf": False}),
    (["--as", "npt", "--level", "4", "8aa3a9d027"], "npt:5.10", {"kind": "present", "leaf": False}),
    (["--as", "npt", "8be2171025"], "npt:5.10", {"kind": "present", "leaf": True, "w": False}),
    (["--as", "ept:4.18", "8be2171077"], "ept:4.18", {"kind": "present", "leaf": True}),
    (["--as", "ept-noad:6.12", "750000103728870"], "ept-noad:6.12", {"access_tracked": True}),
])
def test_generation_is_found(words, masks_of, decoded):
    answer = kvmmmu("spte", "-j", *words)
    assert answer.json["masks_of"] == masks_of
    assert answer.json["spte"] | decoded == answer.json["spte"]


def test_a_generation_that_does_not_fit_is_said():
    answer = kvmmmu("spte", "-j", "--as", "npt:6.1", "--level", "4", "8aa3a9d027")
    assert answer.json["spte"]["kind"] == "not-present"
    assert "always sets bit 11 (MMU-present)" in notes(answer) and "--as npt:5.10" in notes(answer)
    answer = kvmmmu("spte", "-j", "--as", "ept:6.12", "84c236107")
    assert "always sets bits 11 and 63 (MMU-present, and suppress #VE)" in notes(answer)
    assert "never sets bits 57 and 58" in notes(kvmmmu("spte", "-j", "--as", "ept", "6000001c6e00b77"))
    assert "no known kernel" in notes(kvmmmu("spte", "-j", "--as", "ept", "800000000"))
    assert "--level" in notes(kvmmmu("spte", "-j", "--as", "ept", "84c236107"))


@pytest.mark.parametrize("words, text", [
    (["--as", "ept:6.1", "1000005d48fc76"], "W without R (bits 2:0 = 110b)"),
    (["--as", "ept:6.1", "60000005d48fb57"], "memory type 2"),
    (["--as", "npt", "fffffc4465825"], "needs 52 bits"),
    ([LOOPING, "--level", "2", "d19cee5"], "reserved bits 0x19c000"),
    # MAXPHYADDR of that machine, by its own masks
    ([LOOPING, "80000d19ce65"], "reserved bits 0x800000000000"),
])
def test_illegal_entries_are_named(words, text):
    dump = [w for w in words if w == LOOPING]
    answer = kvmmmu(*dump, "spte", "-j", *[w for w in words if w != LOOPING])
    assert text in notes(answer)


def test_a_legal_entry_has_no_such_note():
    assert "illegal" not in notes(kvmmmu(LOOPING, "spte", "-j", "d19ce65"))
    assert notes(kvmmmu("spte", "-j", "--as", "ept:7.2", "90a0000003a00f75")) == ""
