# SPDX-License-Identifier: GPL-2.0-or-later
"""explain on real kdumps: capsules of kernels that crashed while vCPUs looped and others worked.

samples/kdump/ has two of each way in which a crash catches a vCPU. The truth beside each was read by gdb when the
CPUs had been stopped. A vCPU that loops is named or left open, and never called healthy above "possible".
"""

import json
import sys

import pytest

from tools import TOP

sys.path.insert(0, str(TOP / "scripts" / "lab" / "kdump"))

import verdicts as judge  # noqa: E402

PATHS = judge.dumps_in(judge.SAMPLES)
NAMES = [str(path.relative_to(judge.SAMPLES).with_suffix("")) for path in PATHS]
# Those that the measurements had, and userspace.
CLASSES = {"in handler", "NPF, running", "NPF, preempted", "NMI, running", "INTR, preempted", "userspace"}


@pytest.fixture(scope="module")
def judged():
    return {path: list(judge.judge(path)) for path in PATHS}


@pytest.mark.parametrize("path", PATHS, ids=NAMES)
def test_each_vcpu_is_judged_as_the_truth_says(judged, path):
    assert not [f"{j.machine}, vCPU {j.vcpu}, {j.caught}: {j.problem}" for j in judged[path] if j.problem]


def test_every_way_to_be_caught_is_there_twice(judged):
    loops = [j.caught for many in judged.values() for j in many if j.loops]
    assert all(loops.count(caught) >= judge.PER_CLASS for caught in CLASSES), sorted(loops)


def test_the_truth_is_about_these_dumps():
    """Each vCPU of the truth is in its capsule, under its owner."""
    for path in PATHS:
        truth = json.loads(path.with_suffix(".json").read_text())
        said = judge.explain(path, truth)
        assert {int(v["kvm_vcpu"], 16) for m in truth["machines"] for v in m["vcpus"]} == set(said), path


# ---- the judge itself: each kind of mistake is noticed ----

LOOP = {"name": "spurious-loop", "cause": "spurious-loop", "also": ["role-corruption"], "everyone": [],
        "stage": {"subject": 0, "page": "0x5000"}}
ALWAYS = {**LOOP, "name": "perm-table-zeroed", "cause": "perm-table-mismatch", "also": ["spurious-loop"]}
HEALTHY = {"name": "healthy-stride", "cause": None, "also": [], "everyone": [], "stage": {"subject": 0, "page": "0x5000"}}
NAMED = [("spurious-loop", "likely")]
TABLE = [("perm-table-mismatch", "proven")]
STANDS = {"source": "stack", "age": "in handler", "address": "0x5008"}
ELSEWHERE = {"source": "stack", "age": "in handler", "address": "0x6000"}
EXIT = {"source": "VMCB", "address": "0x5000", "error_code": "0x4"}


def verdict(machine, caught, state, sure, findings, *faults, moved=0, exit_at="0x5000", others_invalidate=False):
    exit_code = {"NPF": "0x400", "in": "0x400", "NMI": "0x61"}.get(caught[:3].strip(), "0x60")
    vcpu = {"vcpu": 0, "class": caught, "looks": [{"io_exits": 0, "pf_fixed": 0}, {"io_exits": moved, "pf_fixed": 0}],
            "place": {"frames": ["kvm_mmu_do_page_fault"] if caught == "in handler" else ["svm_vcpu_run"]},
            "last_exit": {"exit_code": exit_code, "exit_info_1": "0x4", "exit_info_2": exit_at}}
    return judge.judge_vcpu("name", machine, vcpu, judge.Said(state, sure, findings, list(faults)), others_invalidate)


@pytest.mark.parametrize("machine, caught, said, outcome", [
    (LOOP, "in handler", ("stuck", "likely", NAMED, STANDS), "named right"),
    (LOOP, "NPF, running", ("stuck", "possible", [("spurious-loop", "possible")], EXIT), "named, possible"),
    (LOOP, "NMI, running", ("unknown", "possible", []), "unknown"),
    (LOOP, "NMI, running", ("healthy", "possible", []), "other, possible"),
    (ALWAYS, "INTR, preempted", ("stuck", "likely", TABLE), "named right"),
    (HEALTHY, "NMI, running", ("healthy", "likely", [("dirty-log-huge", "note")]), "clean"),
    (HEALTHY, "in handler", ("progressing", "proven", [], STANDS), "clean")])
def test_right_answers_pass(machine, caught, said, outcome):
    found = verdict(machine, caught, *said)
    assert (found.outcome, found.problem) == (outcome, None)


@pytest.mark.parametrize("machine, caught, said, outcome", [
    (LOOP, "NMI, running", ("healthy", "likely", []), "healthy above possible"),
    (LOOP, "userspace", ("progressing", "likely", []), "healthy above possible"),
    (LOOP, "userspace", ("waiting", "proven", []), "wrong"),
    (LOOP, "NMI, running", ("missing", "proven", []), "wrong"),
    (LOOP, "in handler", ("stuck", "likely", [("frozen-spte", "likely")], STANDS), "wrong"),
    (LOOP, "in handler", ("stuck", "likely", NAMED + [("frozen-spte", "likely")], STANDS), "wrong"),
    (LOOP, "in handler", ("stuck", "possible", [("frozen-spte", "possible")], STANDS), "other, possible"),
    (ALWAYS, "in handler", ("stuck", "possible", TABLE, STANDS), "named, possible"),
    (LOOP, "in handler", ("stuck", "likely", NAMED), "named right"),
    (HEALTHY, "NMI, running", ("healthy", "likely", [], STANDS), "clean"),
    (LOOP, "in handler", ("unknown", "possible", []), "unknown"),
    (LOOP, "NPF, preempted", ("unknown", "possible", []), "unknown"),
    (ALWAYS, "NMI, running", ("unknown", "possible", []), "unknown"),
    (ALWAYS, "NMI, running", ("stuck", "possible", TABLE), "named, possible"),
    (LOOP, "in handler", ("stuck", "likely", NAMED, ELSEWHERE), "named right"),
    (LOOP, "NPF, running", ("stuck", "likely", NAMED, {**EXIT, "address": "0x6000"}), "named right"),
    (LOOP, "NPF, running", ("stuck", "likely", NAMED, {**EXIT, "error_code": "0x6"}), "named right"),
    (HEALTHY, "NMI, running", ("stuck", "possible", []), "stuck"),
    (HEALTHY, "NMI, running", ("healthy", "likely", [("frozen-spte", "possible")]), "a finding above note")])
def test_wrong_answers_do_not(machine, caught, said, outcome):
    found = verdict(machine, caught, *said)
    assert found.outcome == outcome
    assert found.problem


def test_what_the_dump_does_not_hold_may_be_left_open():
    """A last exit that is not of the loop; an invalidation that may be anybody's."""
    assert verdict(LOOP, "NPF, running", "unknown", "possible", []).problem
    assert not verdict(LOOP, "NPF, running", "unknown", "possible", [], exit_at="0x9000").problem
    leaked = {**LOOP, "name": "invalidate-leaked-all", "cause": "invalidate-leaked"}
    assert verdict(leaked, "NMI, running", "unknown", "possible", []).problem
    assert not verdict(leaked, "NMI, running", "unknown", "possible", [], others_invalidate=True).problem


def test_a_neighbour_that_moves_is_not_stuck():
    """A condition of the whole VM may have caught it; not one whose guest gets on."""
    neighbour = {**HEALTHY, "everyone": ["invalidate-leaked"]}
    assert not verdict(neighbour, "userspace", "stuck", "likely", [("invalidate-leaked", "likely")]).problem
    assert verdict(neighbour, "userspace", "stuck", "likely", [("invalidate-leaked", "likely")], moved=7).problem
