# SPDX-License-Identifier: GPL-2.0-or-later
"""When memory is exhausted there is an error, never another answer."""

import json
import os
import subprocess

import pytest

from tools import BUILD, TOP

SAMPLE = TOP / "samples" / "amd-7.3-looping.kvmmmu"


@pytest.fixture(scope="module")
def preload(tmp_path_factory):
    """Make one allocation of the program fail."""
    library = tmp_path_factory.mktemp("preload") / "fail_alloc.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, TOP / "tests" / "capsule" / "fail_alloc.c"], check=True)
    return library


def explain(preload, number):
    return subprocess.run([BUILD / "kvmmmu", SAMPLE, "explain", "-j"], capture_output=True, text=True, check=False,
                          env={**os.environ, "FAIL_ALLOC": str(number), "LD_PRELOAD": str(preload)})


def states(run):
    return [(vcpu["about"]["address"], vcpu["state"], vcpu["certainty"]) for vcpu in json.loads(run.stdout)["vcpus"]]


def test_each_allocation_may_fail(preload):
    """A table of type names that cannot be allocated made members seem absent, and a stuck vCPU progress."""
    right = states(explain(preload, -1))
    errors = {}
    for number in range(1, 150):
        run = explain(preload, number)
        if run.returncode:
            assert run.returncode == 3 and "out of memory" in run.stderr, (number, run.returncode, run.stderr)
            errors[run.stderr] = number
        else:
            assert states(run) == right, number
    # each of these is needed for an answer
    assert len(errors) > 1 and max(errors.values()) == 149, errors
