# SPDX-License-Identifier: GPL-2.0-or-later
"""What kvmmmu reads from real dumps, compared with what gdb and the VMM reported at the same moment."""

import pytest

from tools import GENERATIONS, ask, differing, number, tables, truth

STATS = ("exits", "pf_taken", "pf_fixed", "pf_fast", "pf_spurious", "pf_emulate",
         "pf_mmio_spte_created", "mmio_exits", "halt_exits")
CASES = [(gen, name) for gen in GENERATIONS for name in ("healthy", "nonpt", "panic")]
CASES += [("7.3", "looping"), ("6.1", "zeroed")]


def gdb_vcpus(gen, name):
    for vm in truth(gen, name)["gdb"]["vms"]:
        for vcpu in vm["vcpus"]:
            yield vm, vcpu


@pytest.mark.parametrize("gen,name", CASES)
def test_vms(gen, name):
    answer = {number(vm["vm"]["address"]): vm for vm in ask(gen, name, "vms")["vms"]}
    expected = truth(gen, name)["gdb"]["vms"]

    assert len(answer) == len(expected) > 3
    for vm in expected:
        ours = answer[number(vm["address"])]
        assert ours["vm"]["pid"] == vm["owner_pid"]
        assert ours["vm"]["comm"] == vm["owner_comm"]
        for key in ("mmu_invalidate_seq", "mmu_invalidate_in_progress"):
            if key in vm:  # not on 5.10, where gdb was not asked for the older names
                assert ours["vm"][key] == number(vm[key])
        vcpus = {number(v["address"]): v for v in ours["vcpus"]}
        assert len(vcpus) == len(vm["vcpus"]) == ours["vm"]["online_vcpus"]
        for vcpu in vm["vcpus"]:
            mine = vcpus[number(vcpu["address"])]
            assert mine["index"] == vcpu["vcpu_idx"]
            assert mine["id"] == vcpu["vcpu_id"]
            assert mine["tid"] == vcpu["tid"]
            assert mine["cpu"] == vcpu["cpu"]
            assert mine["mmu"] == vcpu["mmu"]
            for stat in STATS:
                assert mine[stat] == vcpu["stat"].get(stat), stat
            for register in ("cr0", "cr4", "efer", "rip"):
                assert number(mine[register]) == number(vcpu[register]), register


@pytest.mark.parametrize("gen,name", CASES)
def test_slots(gen, name):
    answer = ask(gen, name, "slots")["memslots"]
    for vm in truth(gen, name)["gdb"]["vms"]:
        ours = [m for m in answer if number(m["kvm"]) == number(vm["address"])]
        for as_id, space in enumerate(vm["memslots"]):
            mine = [m for m in ours if m["address_space"] == as_id]
            if not space["slots"] and as_id:
                assert not mine
                continue
            assert mine[0]["generation"] == number(space["generation"])
            assert len(mine[0]["slots"]) == len(space["slots"])
            by_id = {s["id"]: s for s in mine[0]["slots"]}
            for slot in space["slots"]:
                for key in ("base_gfn", "npages", "userspace_addr", "flags"):
                    assert number(by_id[slot["id"]][key]) == number(slot[key]), key


@pytest.mark.parametrize("gen,name", CASES)
def test_perms_words(gen, name):
    """Every word of every table is as gdb read it."""
    ours = tables(ask(gen, name, "perms"))
    seen = 0
    for _vm, vcpu in gdb_vcpus(gen, name):
        groups = [vcpu["contexts"], vcpu.get("walks") or {}]
        for contexts in groups:
            for context, theirs in contexts.items():
                label = context + (".fmt" if gen == "7.3" else "")
                table = ours[(number(vcpu["address"]), label)]
                assert number(table["address"]) == number(theirs["table"])
                if "words" in table:
                    words = [number(w["word"]) for w in table["words"]]
                    assert words == [number(w) for w in theirs["permissions"]]
                    seen += 1
    assert seen > 5


@pytest.mark.parametrize("gen,name", [c for c in CASES if c[1] in ("healthy", "nonpt")])
def test_healthy_is_healthy(gen, name):
    """Nothing differs, nothing is marked."""
    perms, vms = ask(gen, name, "perms"), ask(gen, name, "vms")

    assert not differing(perms)
    assert sum(t["status"] == "matches" for t in perms["tables"]) >= 5
    for vm in vms["vms"]:
        assert "findings" not in vm
        assert not any(v["mark"] for v in vm["vcpus"])
    # tables of unused contexts, or not refilled while paging is off, do not count as differences
    assert {t["status"] for t in perms["tables"]} <= {"matches", "unused", "paging-off"}


@pytest.mark.parametrize("gen,name", [("7.3", "looping"), ("6.1", "zeroed")])
def test_zeroed_table_is_found(gen, name):
    zeroed = truth(gen, name)["zeroed"]
    vm = next(v for v in truth(gen, name)["gdb"]["vms"] if v["owner_comm"] == zeroed["comm"])
    vcpu = next(v for v in vm["vcpus"] if v["vcpu_id"] == zeroed["vcpu_id"])
    found = differing(ask(gen, name, "perms"))
    context = "root_mmu.fmt" if gen == "7.3" else "root_mmu"

    assert list(found) == [(number(vcpu["address"]), context)]
    for word in found[(number(vcpu["address"]), context)]["words"]:
        assert number(word["word"]) == 0
        assert word["matches"] == (number(word["expected"]) == 0)
    marked = [(number(v["address"])) for m in ask(gen, name, "vms")["vms"] for v in m["vcpus"]
              if v["mark"]]
    assert marked == [number(vcpu["address"])]


def test_looping_fault():
    """The processor denies, the kernel's table allows, the role denies, the legacy test denies."""
    zeroed = truth("7.3", "looping")["zeroed"]
    vm = next(v for v in truth("7.3", "looping")["gdb"]["vms"] if v["owner_comm"] == zeroed["comm"])
    page = next(p for v in truth("7.3", "looping")["vms"] if v["comm"] == zeroed["comm"]
                for p in v["pages"] if p["done"] == "log-forever")
    answer = ask("7.3", "looping", "fault", vm["vcpus"][0]["address"])

    assert number(answer["fault"]["address"]) == number(page["gpa"])
    assert answer["fault"]["from"] == "exit 0x400 (NPF) of vmcb01"
    assert answer["last_exit"]["exit_name"] == "NPF"
    rulings = {j["judge"]: (j["ruling"], j["consulted"]) for j in answer["panel"]["judges"]}
    assert rulings == {"processor": ("denies", True), "kernel table": ("allows", True),
                       "role": ("denies", False), "legacy": ("denies", False)}
    meanings = {m["id"]: m["certainty"] for m in answer["panel"]["meanings"]}
    assert meanings["perm-table-mismatch"] == "proven"
    assert "spurious-loop" in meanings


FLIPS = [(gen, i) for gen, n in (("7.3", 24), ("6.1", 8)) for i in range(n)]


@pytest.mark.parametrize("gen,index", FLIPS)
def test_one_flipped_bit(gen, index):
    """One random bit is wrong: it is found, and nothing else."""
    name = f"flip-{index:02}"
    flip = truth(gen, name)["flip"]
    context = flip["context"] + (".fmt" if gen == "7.3" else "")
    found = differing(ask(gen, name, "perms"))

    assert list(found) == [(number(flip["vcpu"]), context)]
    words = found[(number(flip["vcpu"]), context)]["words"]
    assert [w["index"] for w in words if not w["matches"]] == [flip["word"]]
    word = words[flip["word"]]
    assert number(word["word"]) == number(flip["after"])
    assert number(word["expected"]) == number(flip["before"])
    assert number(word["word"]) ^ number(word["expected"]) == 1 << flip["bit"]


def test_flips_cover_both_directions_and_tables():
    flips = [truth("7.3", f"flip-{i:02}")["flip"] for i in range(24)]
    assert {f["direction"] for f in flips} == {"0->1", "1->0"}
    assert len({f["vcpu"] for f in flips}) > 3 and len({f["context"] for f in flips}) > 1


def walk_cases():
    return [(gen, name) for gen in GENERATIONS for name in ("healthy", "nonpt")]


@pytest.mark.parametrize("gen,name", walk_cases())
def test_walks_entry_by_entry(gen, name):
    """The raw SPTEs of the walk to every page are those that gdb read."""
    walks = truth(gen, name)["gdb"]["walks"]
    vcpus = {(vm["owner_comm"], v["vcpu_id"]): v["address"] for vm, v in gdb_vcpus(gen, name)}
    done = 0
    for walk in walks:
        key = next((k for k in vcpus if k[0].endswith(walk["vm"]) and k[1] == walk["vcpu"]), None)
        assert key, walk
        ours = ask(gen, name, "walk", vcpus[key], walk["gpa"])["walk"]
        mine = [(l["level"], number(l["spte"]["value"])) for l in ours["levels"]]
        theirs = [(e["level"], number(e["entry"])) for e in walk["entries"]]
        assert mine == theirs, walk
        done += 1
    assert done > 20


PRESENT_DONE = {"read", "written", "executed", "read-written", "readonly-read", "prefaulted",
                "huge-read", "huge-written", "log-read", "log-written", "log-forever"}


@pytest.mark.parametrize("gen", GENERATIONS)
def test_walks_mean_what_the_guest_did(gen):
    """Pages that were touched, written, executed, only read, MMIO, dirty-logged or huge have SPTEs that say so."""
    seen = set()
    vcpus = {(vm["owner_comm"], v["vcpu_id"]): v["address"] for vm, v in gdb_vcpus(gen, "healthy")}
    for vm in truth(gen, "healthy")["vms"]:
        for page in vm["pages"]:
            address = vcpus[(vm["comm"], page["vcpu"])]
            walk = ask(gen, "healthy", "walk", address, page["gpa"])["walk"]
            last, done = walk["levels"][-1]["spte"], page["done"]
            seen.add(done)
            if done in PRESENT_DONE:
                assert walk["end"] == "leaf", (page, walk)
                assert last["r"]
            if done in ("untouched", "hole"):
                assert walk["end"] == "not-present" and last["kind"] == "empty", (page, last)
            if done == "mmio":
                assert last["kind"] == "mmio"
                assert number(last["mmio_gfn"]) == number(page["gpa"]) >> 12
            if done in ("written", "read-written"):
                assert last["w"] and last["dirty"] and last["host_writable"], (page, last)
            if done == "executed":
                assert last["x"]
            if done == "read":
                # the VMM never touched it: the host maps the zero page read-only
                assert not last["w"] and not last["host_writable"], (page, last)
            if done in ("readonly-read", "readonly-written"):
                assert not last.get("w") and not last.get("host_writable")
            if done in ("log-written", "log-forever"):
                assert not last["w"] and last["mmu_writable"] and last["host_writable"], page
            if done.startswith("huge"):
                assert walk["end_level"] == 2, page
    assert {"read", "written", "executed", "untouched", "mmio", "log-written", "huge-read",
            "huge-written", "readonly-read"} <= seen
