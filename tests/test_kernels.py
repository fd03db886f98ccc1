# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernels that make check does not boot, as capsules: healthy vCPUs are not stuck, and every table matches its role."""

import pytest

from tools import TOP, batch, kvmmmu

KERNELS = sorted((TOP / "samples/kernels").glob("*.kvmmmu"))
LOOPS = {"5.10-readonly-host": ("stuck", "readonly-host"), "5.10-lock-stall-userfaultfd": ("waiting", "lock-stall")}
# What no kernel before 7.3 has, no AMD host has, or the lab's kernels are configured without.
NEVER = {"spte_table", "vmcs", "tdx", "memory_attributes"}
# What these capsules lack because they were made before it was read.
NEWER = {"kernel_log", "ftrace"}
# Flavours, and a host with page tables of five levels.
FIRST, MORE = ("5.10", "6.16", "6.17", "6.18"), ("6.1-la57", "6.18-amd64", "6.18-rt", "7.3-amd64", "7.3-rt")
WITH_NPT = ("6.12", "7.2", "5.10-tdp")  # only; ../*-healthy.kvmmmu are of 6.1 and 7.3
BEFORE_5_16 = {"page_fault", "counters", "mmu_lock", "host_memory"}


@pytest.fixture(scope="module", params=KERNELS, ids=lambda path: path.stem)
def answers(request):
    lines = ("layout", "vms", "explain", "perms", "slots")
    return request.param.stem, dict(zip(lines, (a.json for a in batch(request.param, [f"{line} -j" for line in lines]))))


def test_loops_and_stalls_of_old_kernels():
    """5.10: VMAs are in an rb-tree, mmu_lock is a spinlock, and functions have their names from vmlinux."""
    folder = TOP / "samples/kernels/loops"
    assert sorted(LOOPS) == sorted(path.stem for path in folder.glob("*.kvmmmu"))
    for name, (state, finding) in LOOPS.items():
        answer, = batch(folder / f"{name}.kvmmmu", ["explain -j"])
        vcpu = next(v for v in answer.json["vcpus"] if v["vcpu"] == 1)
        assert vcpu["state"] == state and [(f["id"], f["certainty"]) for f in vcpu["findings"]] == [(finding, "likely")]
        assert vcpu["thread"]["frames"][-1]["function"].startswith("entry_SYSCALL_64")
        others = [v for v in answer.json["vcpus"] if v["vcpu"] != 1]
        assert others and not [f for v in others for f in v.get("findings", ()) if f["certainty"] != "note"]


def test_two_looks_where_few_faults_are_counted():
    """5.10 counts the faults that it fixes: exits that are in no counter take the place of the others."""
    folder = TOP / "samples/kernels/looks"
    said = {name: kvmmmu("diff", folder / f"5.10-{name}-1.kvmmmu", folder / f"5.10-{name}-2.kvmmmu", "-j").json["vcpus"]
            for name in ("readonly-host", "healthy-mmio")}
    loop = next(v for v in said["readonly-host"] if v["vcpu"] == 1)
    # likely with RIP, which is in no capsule
    assert (loop["trend"], loop["certainty"]) == ("loops", "possible")
    rise = {c["what"]: c["change"] for c in loop["changes"]}
    assert rise["uncounted_exits"] > 0.9 * rise["exits"] > 1000 and "pf_fixed" not in rise
    assert not [v for v in said["readonly-host"] + said["healthy-mmio"] if v["trend"] == "loops" and v is not loop]
    # two dumps do not make less certain what one shows
    later = folder / "5.10-readonly-host-2.kvmmmu"
    both = [kvmmmu(*words, "0:1", "-j").json["vcpus"][0] for words in (
        (later, "explain"), ("explain", folder / "5.10-readonly-host-1.kvmmmu", later))]
    assert [(v["state"], v["certainty"]) for v in both] == [("stuck", "likely")] * 2


def test_there_is_each_generation():
    assert {tuple(path.stem.rsplit("-", 1)) for path in KERNELS} == {
        *((kernel, kind) for kernel in (*FIRST, *MORE) for kind in ("healthy", "nonpt")),
        *((kernel, "healthy") for kernel in WITH_NPT)}


def test_the_kernel_and_its_paging(answers):
    name, said = answers
    kernel, kind = name.rsplit("-", 1)
    gen, _, flavour = kernel.partition("-")
    release = said["vms"]["source"]["release"]
    assert release.startswith(f"{gen}.") and ("-cloud-" in release) == (flavour in ("", "la57", "tdp"))
    assert ("-rt-" in release) == (flavour == "rt")
    assert said["vms"]["source"]["paging"] == {"healthy": "NPT", "nonpt": "shadow paging"}[kind]


def test_what_is_missing(answers):
    name, said = answers
    missing = {f["feature"] for f in said["layout"]["features"] if not f["available"]}
    kernel = name.rsplit("-", 1)[0]
    never = NEVER - ({"spte_table"} if kernel.startswith("7.3") else set())
    never -= {"memory_attributes"} if kernel.endswith(("-rt", "-amd64")) else set()  # they know private memory
    before = BEFORE_5_16 if kernel == "5.10" else BEFORE_5_16 - {"host_memory"} if kernel == "5.10-tdp" else set()
    assert missing == never | (NEWER if kernel in FIRST else set()) | before


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


def test_nested_guest_before_5_19():
    """The role of guest_mmu has CR0.PG and CR4.PAE of L2: L1's page tables, and those that shadow them, have 4 levels."""
    path = TOP / "samples/kernels/nested/5.10-nested.kvmmmu"
    vcpu, = kvmmmu(path, "explain", "-j", "3:0").json["vcpus"]
    assert vcpu["walk"]["mmu"] == "guest_mmu" and vcpu["walk"]["root_level"] == 4
    assert [level["level"] for level in vcpu["walk"]["levels"]] == [4, 3, 2, 1]
    assert "0 levels" not in kvmmmu(path, "explain", "3:0").out
    tables = {table["context"]: table["status"] for table in kvmmmu(path, "perms", "-j").json["tables"]}
    assert tables["guest_mmu"] == "matches", tables


def test_levels_of_an_early_tdp_mmu():
    """Until 5.14, role.level of its page tables is that of the table above."""
    walks = [v["walk"] for v in kvmmmu(TOP / "samples/kernels/5.10-tdp-healthy.kvmmmu", "explain", "-j").json["vcpus"] if v.get("walk")]
    levels = [level for walk in walks for level in walk["levels"]]
    assert {level["level"] for level in levels} >= {2, 3, 4}
    for level in levels:
        assert level["page"]["role_level"] == level["level"] and level["page"]["tdp_mmu_page"]
        assert int(level["page"]["role"], 16) & 0xf == min(level["level"] + 1, 4)
