# SPDX-License-Identifier: GPL-2.0-or-later
"""explain --watch on real kernels, in gdb: faults that KVM does not count, and their twins that only look like them.

Faults on MMIO SPTEs and on reserved bits never reach pf_taken: exits rise, and pf_taken does not.
"""

import json
import os
import subprocess

import pytest

import schema
from tools import BUILD, TOP, need_lab

LOOPS = ("no-slot", "reserved-bits")
WATCHED = (*LOOPS, *(f"{name}-twin" for name in LOOPS), "healthy-mmio", "lost-async-pf")


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """{scenario: what explain --watch says of its vCPU}."""
    folder = tmp_path_factory.mktemp("watch")
    need_lab()
    subprocess.run([TOP / "scripts/lab/lab", "scenario", "--into", folder, "--watch", "8", "7.3", *WATCHED], check=True,
                   env={**os.environ, "KVMMMU_GDB_LIBRARY": str(BUILD / "libkvmmmu-gdb.so")})
    return {name: schema.parse((folder / f"{name}.watch.json").read_text())["vcpus"][0] for name in WATCHED}


def rise(watch, counter):
    return watch["looks"][-1][counter] - watch["looks"][0][counter]


@pytest.mark.parametrize("name", LOOPS)
def test_a_loop_that_pf_taken_does_not_count(watched, name):
    said = watched[name]
    watch = said["watch"]
    assert (watch["trend"], said["state"]) == ("loops", "stuck"), json.dumps(watch, indent=1)
    assert rise(watch, "exits") > 10 and rise(watch, "pf_taken") == 0
    assert said["findings"][0]["id"] == name and said["findings"][0]["certainty"] in ("likely", "proven")


@pytest.mark.parametrize("name", [f"{name}-twin" for name in LOOPS])
def test_the_twin_does_not_loop(watched, name):
    said = watched[name]
    assert said["watch"]["trend"] in ("quiet", "progresses", "open"), said["watch"]
    assert said["state"] in ("healthy", "progressing", "waiting")
    assert not [f for f in said["findings"] if f["certainty"] != "note"]


def test_mmio_that_the_vmm_handles_is_no_loop(watched):
    said = watched["healthy-mmio"]
    assert said["watch"]["trend"] in ("quiet", "progresses") and said["state"] != "stuck", said["watch"]
    assert rise(said["watch"], "exits") > 10
    assert not [f for f in said["findings"] if f["certainty"] != "note"]


def test_a_vcpu_that_does_not_run_is_not_said_to_loop(watched):
    """Its completion was lost, which one moment shows; it does not take faults meanwhile."""
    assert watched["lost-async-pf"]["watch"]["trend"] == "open"
