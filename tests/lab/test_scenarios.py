# SPDX-License-Identifier: GPL-2.0-or-later
"""explain on vCPUs that real kernels brought into trouble, and on healthy ones that look so.

The capsules in samples/scenarios/ say what was done and what must be found; a few scenarios are played
anew, with a new seed.
"""

import json
import os
import random
import subprocess
import sys

import pytest

from tools import TOP

sys.path.insert(0, str(TOP / "scripts" / "lab" / "scenarios"))

import catalogue  # noqa: E402
import judge  # noqa: E402

SAMPLES = judge.samples()
FRESH = "perm-table-zeroed spurious-loop spurious-loop-twin"


@pytest.fixture(scope="module")
def results():
    return {r.name: r for r in judge.judge_all(SAMPLES)}


@pytest.mark.parametrize("name", [path.stem for path, _ in SAMPLES])
def test_what_is_found(results, name):
    assert not results[name].problems


def test_matrix(results, capsys):
    with capsys.disabled():
        print("\n" + judge.matrix(results.values()))
    assert results


def test_proven_is_never_wrong():
    for path, truth in SAMPLES:
        right = {e["vcpu"]: {e["first"], *e["also"]} for e in truth["expect"]}
        for vcpu, (_, findings) in judge.explain(path).items():
            proven = {name for name, certainty in findings if certainty == "proven"}
            assert proven <= right.get(vcpu, set()), path.stem


def test_every_scenario_has_its_capsule_and_its_twin():
    made = {path.stem for path, _ in SAMPLES}
    known = {f"{gen}-{s.name}" for s in catalogue.SCENARIOS for gen in s.gens if s.capsule}
    assert made == known
    sick = {s.name for s in catalogue.SCENARIOS if s.first and not s.twin}
    assert sick <= {s.of_scenario for s in catalogue.SCENARIOS if s.twin}


def test_a_wrong_answer_is_noticed():
    """The judge itself: each kind of mistake."""
    _, truth = next((p, t) for p, t in SAMPLES if t["expect"][0]["first"])
    expected = truth["expect"][0]
    right = {expected["vcpu"]: ((expected["states"] or ["stuck"])[0], [(expected["first"], "likely")])}
    assert not judge.compare(truth, right)
    for state, findings in (("stuck", []), ("stuck", [("vm-dead", "possible")]),
                            ("healthy", [(expected["first"], "likely"), ("vm-dead", "proven")])):
        assert judge.compare(truth, {expected["vcpu"]: (state, findings)})
    other = expected["vcpu"] + 1
    assert judge.compare(truth, {**right, other: ("healthy", [("vm-dead", "possible")])})
    assert judge.compare(truth, {**right, other: ("stuck", [])})
    assert not judge.compare(truth, {**right, other: ("healthy", [("dirty-log-huge", "note")])})
    assert judge.compare(truth, {})


def test_fresh_boot(tmp_path):
    """Other addresses, slots, vCPUs than in the capsules: the seed is new in each run."""
    seed = int(os.environ.get("KVMMMU_SEED", random.randrange(1 << 32)))
    subprocess.run([TOP / "scripts/lab/lab", "scenario", "--seed", str(seed), "--into", tmp_path, "7.3",
                    *FRESH.split()], check=True)
    pairs = [(path.with_suffix(".kdump"), json.loads(path.read_text()))
             for path in sorted(tmp_path.glob("*.json"))]
    assert len(pairs) == len(FRESH.split())
    for result in judge.judge_all(pairs):
        assert not result.problems, f"seed {seed}: {result.name}: {result.problems}"
