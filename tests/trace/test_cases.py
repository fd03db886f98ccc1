# SPDX-License-Identifier: GPL-2.0-or-later
"""Traces and logs in the forms of public reports, and the right answers to them (cases/)."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from tools import TOP, kvmmmu  # noqa: E402


def case(number):
    return next((HERE / "cases").glob(f"{number}-*.txt"))


def replay(number, *words):
    answer = kvmmmu("replay", "-j", *words, case(number)).json
    text = " ".join(kvmmmu("replay", *words, case(number)).out.split())
    return answer, text


def only_finding(answer):
    assert len(answer["findings"]) == 1, answer["findings"]
    return answer["findings"][0]


def test_failed_emulation_is_not_done():
    answer, text = replay("04")
    found = only_finding(answer)
    assert (found["id"], found["certainty"], found["faults"]) == ("emulation-failed", "likely", 120)
    assert answer["vcpus"][0]["emulated"] == 0 and answer["vcpus"][0]["emulate_failed"] == 120
    assert answer["faults"][0]["vectored"] == 120
    assert "vector 6 (#UD)" in text and "0x80000306" in text and "#UD was injected" in text


def test_userspace_error_is_what_came_of_it():
    answer, text = replay("06")
    found = only_finding(answer)
    assert (found["id"], found["certainty"], found["address"]) == ("efault-loop", "likely", "0x3fef42813000")
    assert "-EFAULT (14)" in text and "shows no result" not in text


def test_wrapped_mail():
    answer, text = replay("07")
    assert answer["trace"]["page_faults"] == answer["trace"]["fast_page_faults"] == 3
    assert answer["trace"]["not_understood"] == 0 and "record kvm:" not in text
    assert only_finding(answer)["id"] == "spurious-repeated"


@pytest.mark.parametrize("words", [[], ["--as", "ept:6.12"]])
def test_ad_bits_are_inferred(words):
    judged = replay("12", *words)[0]["judged"]
    assert judged["fits"] == 2 and judged["differs"] == 0


@pytest.mark.parametrize("words", [[], ["--as", "ept:6.12"]])
def test_lost_outcomes_are_taken_from_sptes(words):
    answer, text = replay("13", *words)
    assert answer["trace"]["outcome_lost"] and answer["judged"]["fits"] == 5 and answer["judged"]["raced"] == 0
    assert answer["vcpus"][0]["fixed"] == 5 and answer["vcpus"][0]["slow"] == 0
    assert "spurious and fixed are 0 in every fast_page_fault event" in text


def test_a_short_excerpt():
    answer, text = replay("15", "--as", "ept:6.12")
    found = only_finding(answer)
    assert (found["id"], found["certainty"], found["faults"]) == ("spurious-repeated", "possible", 6)
    assert answer["judged"]["fits"] == 6
    assert "found no mapping" in text


def test_mapped_and_zapped_again():
    answer, text = replay("16")
    found = only_finding(answer)
    assert (found["id"], found["certainty"], found["zapper_tid"], found["zapper_comm"]) == \
        ("map-zap-livelock", "likely", 77, "knuma")
    assert "3.0 us after" in text and answer["trace"]["distinct_pages"] == 1


def test_exits_alone_are_faults():
    answer, text = replay("17")
    found = only_finding(answer)
    assert (found["id"], found["certainty"], found["address"]) == ("rmp-denied", "likely", "0x1729b1000")
    assert answer["faults"][0]["error_code"] == "P|W|U|RMP|GUEST_PAGE|GUEST_ENC|GUEST_VMPL"
    assert "RMPADJUST" in text and "VMPL" in text


def test_requested_and_never_set():
    answer, text = replay("18")
    found = only_finding(answer)
    assert (found["id"], found["certainty"]) == ("requested-never-set", "likely")
    assert answer["faults"][0]["requested"] == 200 and answer["faults"][0]["set_sptes"] == 1
    assert "LA57" in text and "no page fault" not in text


def test_bare_events():
    answer, text = replay("20")
    assert answer["trace"]["not_understood"] == 0
    assert [(f["address"], f["raw_error_code"]) for f in answer["faults"]] == \
        [("0xfebd1000", "0x181"), ("0x32319fe01000", "0xf82")]
    assert "read; nothing is mapped" in text and "write; nothing is mapped" in text
    assert "findings" not in answer


@pytest.mark.parametrize("command", ["log", "replay"])
def test_hierarchies_of_the_kernel_log(command):
    answer = kvmmmu(command, "-j", case("22")).json
    mmio, sign, nx, misconfiguration = answer["log"]
    assert [s["level"] for s in mmio["sptes"]] == [4, 1] and "MMIO" in mmio["sptes"][1]["text"]
    assert "MMU-present" in mmio["sptes"][1]["why"]
    assert sign["sptes"][1]["rsvd_set"] == "0xf000000000000" and not sign["sptes"][1]["legal"]
    assert "51:48" in sign["sptes"][1]["why"] and "sign-extended" in sign["sptes"][1]["why"]
    assert int(nx["sptes"][0]["rsvd_set"], 16) >> 63 and "6c6ab524cfae" in nx["sptes"][0]["why"]
    assert [s["legal"] for s in misconfiguration["sptes"]] == [True, True]
    assert misconfiguration["address"] == "0x108ba5538"
    assert "ept:5.10" in misconfiguration["fits"] and "npt" not in misconfiguration["fits"]
    assert "npt" in mmio["fits"] and "ept" not in mmio["fits"]
    assert answer["trace"]["not_understood"] == 0


def test_other_tools():
    answer, text = replay("24")
    assert answer["trace"]["fast_page_faults"] == 711132 and answer["trace"]["exits"] == 1
    faults = {(f["address"], f["raw_error_code"]) for f in answer["faults"]}
    assert ("0xfebd1000", "0x181") in faults and ("0xfffff000", "0x20") in faults
    first = answer["trace"]["first_not_understood"]
    assert answer["trace"]["not_understood"] == 1 and first["line"] == 6 and "36.22%" in first["text"]
    assert "36.22%" in text
    # the line of an SPTE is understood, and the name of a thread may have a blank
    assert answer["trace"]["spte_changes"] == 1 and " kvm_tdp_mmu_spte_changed 1 " in text
    assert [v["comm"] for v in answer["vcpus"] if v["tid"] == 221843] == ["CPU 0/KVM"] and " CPU 0/KVM " in text


def test_one_cause_is_one_finding():
    answer, text = replay("25")
    found = only_finding(answer)
    assert (found["id"], found["certainty"], found["vcpus"], found["address"]) == \
        ("spurious-repeated", "likely", 4, "0x100e612")
    assert "4 vCPUs (4, 7, 5, 6)" in text and "found no mapping (R=W=X=0)" in text
    assert "the SPTE is the same before and after each fault" in text


def test_a_capsule_judges_the_same():
    """The masks of a dump whose MMU has no A/D bits, and those that the trace shows by itself."""
    capsule = TOP / "samples" / "intel-7.3-ept-no-ad-bits.kvmmmu"
    judged = kvmmmu(capsule, "replay", "-j", case("15")).json["judged"]
    assert judged["fits"] == 6
