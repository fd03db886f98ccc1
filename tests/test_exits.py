# SPDX-License-Identifier: GPL-2.0-or-later
"""Error codes given with -e: on Intel, people have the exit qualification."""

import pytest

from tools import TOP, kvmmmu

EPT = TOP / "samples" / "intel-7.3-ept-no-ad-bits.kvmmmu"
SHADOW = TOP / "samples" / "intel-7.3-shadow-paging.kvmmmu"
NPT = TOP / "samples" / "amd-7.3-healthy.kvmmmu"


def explain(capsule, error_code):
    answer = kvmmmu(capsule, "explain", "-j", "-a", "10000000", "-e", error_code, "0:0")
    return answer.json["vcpus"][0]


@pytest.mark.parametrize("qualification, error_code, spelled", [
    ("1aa", "0x100000003", "P|W|GUEST_FINAL"), ("184", "0x100000010", "F|GUEST_FINAL"),
    ("181", "0x100000000", "GUEST_FINAL"), ("683", "0x200000002", "W|GUEST_PAGE"),
    ("0x3ac", "0x100000015", "P|U|F|GUEST_FINAL")])
def test_exit_qualifications_are_recognized(qualification, error_code, spelled):
    vcpu = explain(EPT, qualification)
    assert vcpu["fault"]["error_code"] == error_code
    assert "exit qualification" in vcpu["faults"][0]["from"]
    answer = kvmmmu(EPT, "fault", "-j", "-a", "10000000", "-e", qualification, "0:0").json
    assert answer["fault"]["error_code_spelled"] == spelled
    assert "exit qualification" in answer["fault"]["from"]


def test_the_answer_is_that_of_the_error_code():
    """W of a leaf that is MMU-writable: fast_page_fault() sets it, not handle_mmio_page_fault()."""
    given, converted = explain(EPT, "100000003"), explain(EPT, "1aa")
    for key in ("path", "panel", "walk", "state"):
        assert given[key] == converted[key]
    assert converted["path"]["steps"][-1]["function"] == "fast_page_fault"


@pytest.mark.parametrize("capsule, error_code", [(EPT, "7"), (EPT, "100000007"), (NPT, "1aa"), (SHADOW, "1aa")])
def test_error_codes_are_taken_as_they_are(capsule, error_code):
    assert explain(capsule, error_code)["fault"]["error_code"] == f"0x{error_code}"
