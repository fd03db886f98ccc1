# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernels that make check does not boot, as capsules: healthy vCPUs are not stuck, and every table matches its role."""

import pytest

from tools import TOP, batch

KERNELS = sorted((TOP / "samples/kernels").glob("*.kvmmmu"))
# What no kernel before 7.3 has, no AMD host has, or the lab's kernels are configured without.
NEVER = {"spte_table", "vmcs", "tdx", "memory_attributes"}
# What these capsules lack because they were made before it was read.
NEWER = {"kernel_log", "ftrace"}
BEFORE_5_16 = {"page_fault", "counters", "mmu_lock", "host_memory"}


@pytest.fixture(scope="module", params=KERNELS, ids=lambda path: path.stem)
def answers(request):
    lines = ("layout", "vms", "explain", "perms", "slots")
    return request.param.stem, dict(zip(lines, (a.json for a in batch(request.param, [f"{line} -j" for line in lines]))))


def test_there_is_each_generation():
    assert {tuple(path.stem.split("-")) for path in KERNELS} == {
        (gen, kind) for gen in ("5.10", "6.16", "6.17", "6.18") for kind in ("healthy", "nonpt")}


def test_the_kernel_and_its_paging(answers):
    name, said = answers
    gen, kind = name.split("-")
    assert said["vms"]["source"]["release"].startswith(f"{gen}.")
    assert said["vms"]["source"]["paging"] == {"healthy": "NPT", "nonpt": "shadow paging"}[kind]


def test_what_is_missing(answers):
    name, said = answers
    missing = {f["feature"] for f in said["layout"]["features"] if not f["available"]}
    assert missing == NEVER | NEWER | (BEFORE_5_16 if name.startswith("5.10") else set())


def test_all_vms_and_memslots(answers):
    vms = answers[1]["vms"]["vms"]
    assert sorted(len(vm["vcpus"]) for vm in vms) == [1, 2, 3, 6]
    assert sum(len(space["slots"]) for space in answers[1]["slots"]["memslots"]) == 9


def test_every_table_matches_its_role(answers):
    statuses = [table["status"] for table in answers[1]["perms"]["tables"]]
    assert set(statuses) <= {"matches", "unused", "paging-off"} and statuses.count("matches") >= 5


def test_nobody_is_stuck(answers):
    vcpus = answers[1]["explain"]["vcpus"]
    states = [vcpu["state"] for vcpu in vcpus]
    assert len(states) == 12 and "stuck" not in states and states.count("unknown") <= 1
    assert not [f for vcpu in vcpus for f in vcpu.get("findings", ()) if f["certainty"] != "note"]
