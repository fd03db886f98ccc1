# SPDX-License-Identifier: GPL-2.0-or-later
"""Damaged memory never changes an answer silently, and each fuzz target runs."""

import subprocess

import pytest

from capsule_edit import Edited
from tools import BUILD, TOP, kvmmmu

CAPSULES = [path for folder in ("samples", "tests/capsule") for path in sorted((TOP / folder).rglob("*.kvmmmu"))
            if "hostile" not in path.relative_to(TOP).parts]


@pytest.mark.parametrize("seed", range(4))
def test_damaged_members_are_noticed(seed):
    """At least 500 mutants for each seed, over all capsules; "make mutants" runs 100,000."""
    each = -(-500 // len(CAPSULES))
    run = subprocess.run([BUILD / "mutants", "-s", str(seed), str(each), *CAPSULES], capture_output=True, text=True,
                         timeout=300, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    counts = {line.split(" ", 1)[1]: int(line.split()[0]) for line in run.stdout.splitlines()[-7:-1]}
    assert sum(counts.values()) >= 500
    # the damage is in what the answer depends on
    assert counts["contradiction said"] > 100 and counts["SILENT"] == 0


FOLDER = TOP / "tests" / "fuzz"


@pytest.mark.parametrize("target", sorted(path.stem for path in FOLDER.glob("*.c")))
def test_fuzz_target_runs(target, tmp_path):
    """A few seconds for each; "make fuzz" runs them for longer."""
    corpus = tmp_path / "corpus"
    subprocess.run([TOP / "scripts/corpus", target, corpus], check=True)
    seeds = len(list(corpus.iterdir()))
    run = subprocess.run(
        [BUILD / "fuzz" / f"fuzz-{target}", "-max_total_time=3", "-seed=1", "-timeout=20", "-rss_limit_mb=2048",
         "-print_final_stats=1", f"-artifact_prefix={tmp_path}/", corpus],
        capture_output=True, text=True, errors="replace", timeout=300, check=False)
    assert run.returncode == 0, run.stderr[-3000:]
    units, = [line.split()[-1] for line in run.stderr.splitlines() if "number_of_executed_units" in line]
    assert int(units) > seeds, run.stderr[-1000:]


def test_no_end_of_the_list_leads_to_a_vm(tmp_path):
    """Found by "make fuzz": nothing is offset from a list that does not exist, which only clang's sanitizer notices."""
    edited = Edited(TOP / "samples" / "amd-7.3-looping.kvmmmu", tmp_path / "capsule")
    head = int(kvmmmu(edited.sample, "sym", "vm_list", "-j").json["address"], 16)
    edited.lose(head, head + 16)
    path = edited.save()
    assert "after 0 from its head and 0 from its end" in " ".join(kvmmmu(path, "vms").out.split())
    run = subprocess.run([BUILD / "fuzz" / "fuzz-capsule", path], capture_output=True, text=True, errors="replace",
                         timeout=300, check=False)
    assert run.returncode == 0, run.stderr[-3000:]
