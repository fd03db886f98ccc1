# SPDX-License-Identifier: GPL-2.0-or-later
"""What is not known is not healthy: evidence is taken away from capsules of vCPUs that make no
progress, one piece at a time (a member, an SPTE, a page, a stack, a task). None of these vCPUs may
become "healthy" or "progressing" with more certainty than "possible"."""

import json
import os
import re
import subprocess

import pytest

from tools import BUILD, SCENARIOS, TOP, after_an_nmi, assert_golden, hide, kvmmmu

STUCK = [path.with_suffix(".kvmmmu") for path in sorted(SCENARIOS.glob("*/*.json"))
         if json.loads(path.read_text())["expect"][0]["states"] == ["stuck"]]
# The real kdumps, of which some have an idle or waiting cause.
KDUMPS = [path for path in sorted((TOP / "samples/kdump").glob("*/*.kvmmmu"))
          if any(m["cause"] for m in json.loads(path.with_suffix(".json").read_text())["machines"])]
CAPSULES = [*STUCK, TOP / "samples/amd-7.3-looping.kvmmmu"]


@pytest.mark.parametrize("capsule", CAPSULES, ids=lambda path: str(path.relative_to(TOP / "samples")))
def test_no_piece_makes_it_healthy(capsule):
    stuck, pieces = hide(capsule)
    assert stuck >= 1
    assert pieces > 200


def test_no_piece_of_a_kdump_makes_it_healthy():
    assert sum(hide(capsule)[0] for capsule in KDUMPS) >= len(KDUMPS) // 2 > 2


def test_every_page_is_hidden():
    """A piece that is not hidden shows nothing: of one capsule, all are counted."""
    capsule = TOP / "samples/amd-7.3-looping.kvmmmu"
    items = [i for i in kvmmmu("capture", "--list", capsule, "-j").json["items"] if i["bytes"]]
    pages = {(i["space"], page) for i in items
             for page in range(int(i["address"], 16) >> 12, (int(i["address"], 16) + i["bytes"] - 1 >> 12) + 1)}
    assert hide(capsule)[1] > len(pages)


SOURCES = TOP / "tests/property/sources.txt"


def test_each_source_of_the_fault_switched_off():
    """Alone and with others: a verdict only becomes less certain. KVMMMU_EXPECT=write updates the expected text."""
    said = ""
    for capsule in [*CAPSULES, *KDUMPS]:
        run = subprocess.run([BUILD / "sources", capsule], text=True, capture_output=True, timeout=300)
        assert run.returncode == 0, (run.stdout + run.stderr)[-3000:]
        said += f"{capsule.relative_to(TOP / 'samples')}\n{run.stdout}"
    assert_golden(SOURCES, said)
    for source in ("kvm_page_fault", "VMCB", "ftrace", "none"):
        assert re.search(rf" from \S*{source}", said), source


# What the emulator failed on is not known without the fault.
EMULATED = ("no-slot", "readonly-slot", "self-mapping-write")
TRUTHS = {path.with_suffix(".kvmmmu"): json.loads(path.read_text()) for path in sorted(SCENARIOS.glob("*/*.json"))}
# A vCPU that is halted takes no NMI exit: the edit ends the halt, and with it what is wrong.
IN_KVM_RUN = [path for path in STUCK if not re.search("prefault|lost-async-pf", path.name)]
WELL = [path for path, truth in TRUTHS.items() if not truth["expect"][0]["first"] and not truth["everyone"]]


AFTER_AN_NMI = TOP / "tests/property/after-nmi.txt"


def verdicts(capsule):
    """{vCPU: (state, certainty, findings)} after an NMI exit."""
    lines = re.findall(r"^\d+:(\d+) ([a-z ]+) \((\w+)\)([^:]*): ", after_an_nmi(capsule), re.M)
    return {int(vcpu): (state, certainty, findings.split()) for vcpu, state, certainty, findings in lines}


@pytest.mark.parametrize("capsule", IN_KVM_RUN, ids=lambda path: str(path.relative_to(TOP / "samples")))
def test_cause_is_named_without_the_fault(capsule):
    expected = TRUTHS[capsule]["expect"][0]
    state, _, findings = verdicts(capsule)[expected["vcpu"]]
    first = expected["first"]
    assert state == "stuck"
    assert findings[0] == ("emulation-fails" if first in EMULATED else first)


@pytest.mark.parametrize("capsule", WELL, ids=lambda path: str(path.relative_to(TOP / "samples")))
def test_nobody_is_accused_without_the_fault(capsule):
    for state, _, findings in verdicts(capsule).values():
        assert state in ("healthy", "unknown", "progressing", "waiting")
        assert not findings


def test_verdicts_after_an_nmi_word_for_word():
    """KVMMMU_EXPECT=write updates the expected text."""
    said = "".join(f"{path.parent.name}/{path.stem}\n{after_an_nmi(path)}" for path in sorted(TRUTHS))
    if os.environ.get("KVMMMU_EXPECT") == "write":
        AFTER_AN_NMI.write_text(said)
    assert said == AFTER_AN_NMI.read_text()
