# SPDX-License-Identifier: GPL-2.0-or-later
"""explain on vCPUs that hang or loop in real kernels, and on healthy ones that only seem to.

The files in samples/scenarios/ say what was done and what must be found; a few scenarios are played
anew, with a new seed.
"""

import json
import os
import random
import subprocess
import sys

import pytest

from tools import SCENARIOS, TOP, assert_golden, need_lab, scenario_says

sys.path.insert(0, str(TOP / "scripts" / "lab" / "scenarios"))

import catalogue  # noqa: E402
import judge  # noqa: E402

SAMPLES = judge.samples()
NAMES = [str(path.relative_to(SCENARIOS).with_suffix("")) for path, _ in SAMPLES]
FRESH = "perm-table-zeroed spurious-loop spurious-loop-twin slot-invalid frozen-spte frozen-spte-twin"


@pytest.fixture(scope="module")
def results():
    return {r.name: r for r in judge.judge_all(SAMPLES)}


@pytest.mark.parametrize("name", NAMES)
def test_what_is_found(results, name):
    assert not results[name].problems


@pytest.mark.parametrize("name", NAMES)
def test_explain_says_word_for_word(name):
    """KVMMMU_EXPECT=write updates the expected text."""
    path = SCENARIOS / f"{name}.kvmmmu"
    assert_golden(path.with_suffix(".txt"), scenario_says(path))


def test_evidence_behind_each_finding():
    """KVMMMU_EXPECT=write updates the table in tests/README.md."""
    path, marks = TOP / "tests/README.md", ("<!-- evidence -->\n", "<!-- end of evidence -->\n")
    before, rest = path.read_text().split(marks[0])
    table, after = rest.split(marks[1])
    if os.environ.get("KVMMMU_EXPECT") == "write":
        path.write_text(before + marks[0] + judge.evidence_table() + marks[1] + after)
        return
    assert table == judge.evidence_table()


def test_proven_is_never_wrong(results):
    for name, result in results.items():
        right = {e["vcpu"]: {e["first"], *e["also"]} for e in result.truth["expect"]}
        for vcpu, (_, _, findings) in result.said.items():
            proven = {i for i, certainty in findings if certainty == "proven"}
            assert proven <= right.get(vcpu, set()) | set(result.truth["everyone"]), name


def test_live_faults_are_many(results):
    """test_what_is_found compares them with what the debugger read."""
    assert sum(bool(r.truth["fault"]) for r in results.values()) > 30


def test_every_scenario_has_its_capsule_and_its_twin():
    made = set(NAMES)
    known = {f"{gen}/{s.name}" for s in catalogue.SCENARIOS for gen in s.gens if s.capsule}
    # other generations are for "lab matrix"
    assert made <= known and {gen for gen, _ in map(lambda n: n.split("/"), made)} == {"6.1", "6.12", "7.2", "7.3"}
    assert {name.split("/")[1] for name in made} == {name.split("/")[1] for name in known}
    sick = {s.name for s in catalogue.SCENARIOS if s.first and not s.twin}
    assert sick <= {s.of_scenario for s in catalogue.SCENARIOS if s.twin}


def test_a_wrong_answer_is_noticed():
    """The comparison itself notices each kind of mistake."""
    expect = {"vcpu": 1, "first": "frozen-spte", "also": ["no-slot"], "note": False, "states": ["stuck"]}
    truth = {"expect": [expect], "everyone": []}
    right = {1: ("stuck", "likely", [("frozen-spte", "likely")]), 0: ("healthy", "likely", [])}
    assert not judge.compare(truth, right)
    assert not judge.compare(truth, {**right, 1: ("progressing", "possible", right[1][2])})
    assert not judge.compare(truth, {**right, 0: ("healthy", "likely", [("dirty-log-huge", "note")])})
    for wrong in (
            {},
            {1: ("stuck", "likely", [])},
            {1: ("stuck", "likely", [("frozen-spte", "note")])},
            {1: ("stuck", "likely", [("vm-dead", "possible")])},
            {1: ("stuck", "likely", [("no-slot", "likely"), ("frozen-spte", "likely")])},
            {1: ("stuck", "likely", [("frozen-spte", "likely"), ("vm-dead", "possible")])},
            {1: ("healthy", "likely", [("frozen-spte", "likely")])},
            {**right, 0: ("healthy", "likely", [("frozen-spte", "possible")])},
            {**right, 0: ("stuck", "possible", [])}):
        assert judge.compare(truth, wrong), wrong
    remark = {"expect": [{**expect, "note": True, "states": []}], "everyone": []}
    assert not judge.compare(remark, {1: ("healthy", "likely", [("no-slot", "note"), ("frozen-spte", "note")])})
    assert judge.compare(remark, {1: ("healthy", "likely", [("no-slot", "note")])})


def test_fresh_boot(tmp_path):
    """Addresses, slots and vCPUs differ from the capsules': the seed is new in each run."""
    seed = int(os.environ.get("KVMMMU_SEED", random.randrange(1 << 32)))
    need_lab()
    subprocess.run([TOP / "scripts/lab/lab", "scenario", "--seed", str(seed), "--into", tmp_path, "7.3",
                    *FRESH.split()], check=True)
    pairs = [(path.with_suffix(".kdump"), json.loads(path.read_text()))
             for path in sorted(tmp_path.glob("*.json"))]
    assert len(pairs) == len(FRESH.split())
    for result in judge.judge_all(pairs):
        assert not result.problems, f"seed {seed}: {result.name}: {result.problems}"
