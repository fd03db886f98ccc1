# SPDX-License-Identifier: GPL-2.0-or-later
"""A host with 1,200 vCPUs, 20 of which loop: how much memory a report of it takes, and that the others are not accused."""

import re

import pytest

from tools import kvmmmu, lab, measured

MEGABYTES = 40  # scripts/bench prints the CPU time
LOOPING = 0  # this vCPU of each VM


@pytest.fixture(scope="module")
def crowd():
    return lab("crowd", "7.3")


@pytest.fixture(scope="module")
def explained(crowd):
    return kvmmmu(crowd / "crowd.elf", "explain", "-j").json


@pytest.mark.parametrize("form", ["text", "markdown", "html", "json"])
def test_memory_of_a_report(crowd, form):
    code, text, megabytes, _ = measured(crowd / "crowd.elf", ["report", "--format", form])
    assert code == 0 and len(text) > 50000
    assert megabytes <= MEGABYTES


def test_only_those_that_loop_are_accused(explained):
    """Most faults of many others were retried while the machines started, and their VMM has unmapped a page."""
    counts = explained["summary"]
    assert (counts["vms"], counts["vcpus"], counts["never_ran"]) == (20, 1200, 40)
    stuck = [v for v in explained["vcpus"] if v["state"] == "stuck"]
    assert len(stuck) >= 10 and {v["vcpu"] for v in stuck} == {LOOPING}
    # QEMU may deliver an event of the host to the guest: the last exit of a vCPU is then one that its code does not cause
    causes = [v["findings"][0]["id"] for v in stuck]
    assert causes.count("host-unmapped") >= 0.9 * len(stuck)
    accused = [(v["vm"], v["vcpu"]) for v in explained["vcpus"] for f in v["findings"] if f["certainty"] != "note"]
    assert {vcpu for _, vcpu in accused} == {LOOPING}


def test_stuck_ones_come_first_and_the_others_are_folded(crowd, explained):
    text = kvmmmu(crowd / "crowd.elf", "explain").out
    states = re.findall(r"^  \d+:\d+ +vmm-m\d\d +(stuck|healthy|waiting|never ran|progressing|unknown) ", text, re.M)
    stuck = explained["summary"]["stuck"]
    assert states[:stuck] == ["stuck"] * stuck and "stuck" not in states[stuck:]
    assert states.count("waiting") == 32 and states.count("never ran") == 32
    assert f'{explained["summary"]["waiting"] - 32} more are "waiting"' in " ".join(text.split())
    everything = kvmmmu(crowd / "crowd.elf", "explain", "--state", "waiting").out
    assert everything.count(" waiting ") >= explained["summary"]["waiting"]


def test_a_report_names_every_vcpu_that_is_stuck(crowd, explained):
    answer = kvmmmu(crowd / "crowd.elf", "report", "-j").json
    named = {(c["vm"], c["vcpu"]) for c in answer["chapters"]}
    named |= {tuple(map(int, v["vcpu"].split(":"))) for v in answer["other_vcpus"]["vcpus"] if v["state"] == "stuck"}
    assert named == {(v["vm"], v["vcpu"]) for v in explained["vcpus"] if v["state"] == "stuck"}
