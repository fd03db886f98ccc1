# SPDX-License-Identifier: GPL-2.0-or-later
"""Loops on EPT, caught in Bochs ("lab ept"): stopped at random moments, without registers, and by a panic.

On Intel, KVM keeps no copy of the address. It is found in the page of the VMCS, whose layout in Bochs is known, or in
what is left on the thread's stack; the VMM reported the page that the guest accesses.
"""

import json
import sys

import pytest

from tools import TOP, kvmmmu

sys.path.insert(0, str(TOP / "scripts" / "lab" / "kdump"))

import verdicts as judge  # noqa: E402

PATHS = [path for path in judge.dumps_in(judge.SAMPLES) if "-ept-" in path.name]
NAMES = [str(path.relative_to(judge.SAMPLES).with_suffix("")) for path in PATHS]


def truth_of(path):
    machine, = json.loads(path.with_suffix(".json").read_text())["machines"]
    subject = next(v for v in machine["vcpus"] if v["vcpu"] == machine["stage"]["subject"])
    return machine, subject


def answer_of(path, subject):
    answer = kvmmmu(path, "explain", "-j").json
    return next(v for v in answer["vcpus"] if int(v["about"]["address"], 16) == int(subject["kvm_vcpu"], 16))


@pytest.mark.parametrize("path", PATHS, ids=NAMES)
def test_the_address_is_that_of_the_loop(path):
    machine, subject = truth_of(path)
    answer = answer_of(path, subject)
    page = int(machine["stage"]["page"], 16) >> 12
    found = [(f["source"], int(f["address"], 16) >> 12) for f in answer["faults"] if f["address"]]
    assert found and all(gfn == page for _, gfn in found), (found, hex(page))
    assert answer["state"] == "stuck" and answer["findings"][0]["id"] == machine["cause"]


def test_moments_and_causes():
    """In the guest and outside, with registers and without; natural loops and injected ones; three kernels."""
    truths = [truth_of(path) for path in PATHS]
    assert {subject["mode"] for _, subject in truths} >= {0, 1}
    assert {machine["cause"] for machine, _ in truths} >= {"readonly-host", "perm-table-mismatch", "invalidate-leaked"}
    assert {json.loads(path.with_suffix(".json").read_text())["trigger"] for path in PATHS} == {"stopped", "sysrq"}
    assert {json.loads(path.with_suffix(".json").read_text())["generation"] for path in PATHS} >= {"7.3", "6.12", "6.1"}


def test_source_of_the_address():
    """Most are from the VMCS page: the layout of Bochs is recognised in the dump."""
    sources = [f["source"] for path in PATHS for f in answer_of(path, truth_of(path)[1])["faults"] if f["address"]]
    assert sources.count("VMX") >= len(PATHS) // 2, sources


@pytest.mark.parametrize("first, second", [("00", "03"), ("03", "00"), ("02", "03")])
def test_two_moments_of_one_loop(first, second):
    """6.1 keeps only the lower half of the error code of a fault that it handles; jiffies do not tell 02 from 03."""
    pair = [judge.SAMPLES / "6.1" / f"invalidate-leaked-ept-1.{number}.kvmmmu" for number in (first, second)]
    answer = kvmmmu("diff", *pair, "-j").json
    vcpu = next(v for v in answer["vcpus"] if v["vcpu"] == 0)
    assert (vcpu["trend"], vcpu["certainty"]) == ("loops", "likely"), vcpu["text"]
    notes = answer.get("notes", [])
    assert any("the counters differ" in note for note in notes) == (first == "02")
    assert not any("nothing happened" in note for note in notes)
