# SPDX-License-Identifier: GPL-2.0-or-later
"""explain on the lab's dumps finds the vCPUs that loop and no others; also on a capsule and in crash."""

import json
import re
import struct
import subprocess

import pytest

import schema
from test_bad_input import Elf, elf, first_vcpu  # noqa: F401 (a fixture)
from test_bad_input import ask as ask_elf
from tools import BUILD, GENERATIONS, INTEL, TOP, Crash, ask, dumps, kernel, kvmmmu, number, offset_of, truth, without_rip

UNMAPPED = 0xFFFF800000000000
HEALTHY = {"healthy", "waiting", "progressing", "never ran"}


def by_address(answer):
    return {number(v["about"]["address"]): v for v in answer["vcpus"]}


def strong(vcpu):
    return [(f["id"], f["certainty"]) for f in vcpu["findings"] if f["certainty"] != "note"]


def zeroed_vcpu(gen, name):
    zeroed = truth(gen, name)["zeroed"]
    vm = next(v for v in truth(gen, name)["gdb"]["vms"] if v["owner_comm"] == zeroed["comm"])
    return number(next(v for v in vm["vcpus"] if v["vcpu_id"] == zeroed["vcpu_id"])["address"])


def is_well(vcpu):
    """Invalidations may have made KVM retry its first faults, hundreds of times: if nothing shows what it did since, it is
    rightly unknown."""
    burst = re.fullmatch(r"its last fault is not known, and most of its faults were not resolved \((\d+) faults: .*\)", vcpu["verdict"])
    return vcpu["state"] in HEALTHY or (vcpu["state"] == "unknown" and burst and int(burst[1]) < 1000)


@pytest.mark.parametrize("gen", GENERATIONS)
@pytest.mark.parametrize("name", ["healthy", "nonpt"])
def test_healthy_is_called_healthy(gen, name):
    answer = ask(gen, name, "explain")
    assert len(answer["vcpus"]) > 8
    for vcpu in answer["vcpus"]:
        assert is_well(vcpu) and not strong(vcpu), vcpu["verdict"]
        assert vcpu["verdict"]
    assert len([v for v in answer["vcpus"] if v["state"] == "unknown"]) < 2
    assert kvmmmu(dumps(gen) / f"{name}.kdump", "explain", "--fail-on", "possible").code == 0


@pytest.mark.parametrize("gen", GENERATIONS)
def test_states_are_what_gdb_saw(gen):
    """Which vCPU never ran, halts, or has a fault in the handler, by the lab's truth."""
    said = by_address(ask(gen, "healthy", "explain"))
    seen = set()
    for vm in truth(gen, "healthy")["gdb"]["vms"]:
        for vcpu in vm["vcpus"]:
            mine = said[number(vcpu["address"])]
            if not vcpu["tid"]:
                assert mine["state"] == "never ran"
            elif vcpu["stat"]["halt_exits"] and mine["state"] == "waiting":
                assert mine["thread"]["wait"] in ("halt", "userspace")
            seen.add(mine["state"])
    assert seen >= {"never ran", "waiting", "progressing", "healthy"}


def test_looping_vcpu_is_stuck():
    said, where = by_address(ask("7.3", "looping", "explain")), zeroed_vcpu("7.3", "looping")
    assert where in said and len(said) > 8
    for address, vcpu in said.items():
        if address != where:
            assert is_well(vcpu) and not strong(vcpu), vcpu["verdict"]
            continue
        assert (vcpu["state"], vcpu["certainty"]) == ("stuck", "likely")
        assert strong(vcpu) == [("perm-table-mismatch", "proven"), ("spurious-loop", "likely")]
        assert all(f["stuck"] and f["evidence"] for f in vcpu["findings"])
        assert vcpu["path"]["ret"] == "RET_PF_SPURIOUS" and vcpu["path"]["loops"] is True
        assert "RET_PF_FIXED" in vcpu["path"]["other_test"]
        judged = [f for f in vcpu["faults"] if f["judged"]]
        assert len(judged) == 1 and judged[0]["address"] == vcpu["fault"]["address"]
    assert kvmmmu(dumps("7.3") / "looping.kdump", "explain", "--fail-on", "proven").code == 1


def test_zeroed_table_of_6_1_does_not_loop():
    """6.1 does not use the table for SPTEs: the table is wrong, and no vCPU is stuck."""
    said, where = by_address(ask("6.1", "zeroed", "explain")), zeroed_vcpu("6.1", "zeroed")
    assert where in said and len(said) > 8
    for address, vcpu in said.items():
        assert is_well(vcpu)
        expected = [("perm-table-mismatch", "proven")] if address == where else []
        assert strong(vcpu) == expected
        assert not any(f["stuck"] for f in vcpu["findings"])


@pytest.mark.parametrize("gen,index", [("7.3", 0), ("7.3", 9), ("7.3", 18), ("6.1", 5)])
def test_one_flipped_bit(gen, index):
    flip, said = truth(gen, f"flip-{index:02}")["flip"], by_address(ask(gen, f"flip-{index:02}", "explain"))
    assert number(flip["vcpu"]) in said and len(said) > 8
    for address, vcpu in said.items():
        found = [f for f in vcpu["findings"] if f["certainty"] != "note"]
        if address != number(flip["vcpu"]):
            assert not found
            continue
        assert (found[0]["id"], found[0]["certainty"]) == ("perm-table-mismatch", "proven")
        assert f"{flip['context']}" in found[0]["evidence"][0]
        assert f"[{flip['word']}]" in found[0]["evidence"][0]


def test_one_stuck_vcpu_fits_a_screen():
    vm = next(v for v in ask("7.3", "looping", "explain")["vcpus"] if v["state"] == "stuck")
    out = kvmmmu(dumps("7.3") / "looping.kdump", "explain", f"{vm['vm']}:{vm['vcpu']}").out
    lines = out.splitlines()
    assert 24 <= len(lines) <= 42 and max(map(len, lines)) <= 100
    order = ["stuck (likely)", "! perm-table-mismatch", "fault:", "walk of", "replay:", "then:"]
    places = [next(i for i, line in enumerate(lines) if line.startswith(word)) for word in order]
    assert places == sorted(places)
    trace = kvmmmu(dumps("7.3") / "looping.kdump", "explain", "--trace", f"{vm['vm']}:{vm['vcpu']}").out
    assert "STEP" in trace and len(trace.splitlines()) > len(lines)


def test_a_loop_between_two_faults():
    """The machine panicked in the middle of the loop: the last exit may not be a fault, but the table is wrong."""
    vcpu = next(v for v in ask("7.3", "panic", "explain")["vcpus"]
                if ("perm-table-mismatch", "proven") in strong(v))
    assert vcpu["state"] == "stuck" and vcpu["certainty"] in ("likely", "possible")
    # without the fault, nearly all faults may have been spurious, or only most
    assert vcpu["fault"]["address"] is not None or "perm-table-mismatch" in vcpu["verdict"]


def test_the_users_own_fault():
    vm = next(v for v in ask("7.3", "looping", "explain")["vcpus"] if v["state"] == "stuck")
    name = f"{vm['vm']}:{vm['vcpu']}"
    answer = ask("7.3", "looping", "explain", "-a", "1000", "-e", "4", name)["vcpus"][0]
    assert answer["fault"]["address"] == "0x1000" and answer["fault"]["error_code"] == "0x4"
    assert answer["faults"][0]["source"] == "user" and answer["faults"][0]["judged"]
    # a fault given by the user proves nothing about the vCPU; the table is as wrong as before
    assert answer["state"] == "unknown" and ("perm-table-mismatch", "proven") in strong(answer)
    dump = dumps("7.3") / "looping.kdump"
    for words in (["-a", "1000"], ["-e", "4"], ["-m", "guest_mmu"], ["--watch", "2"]):
        refused = kvmmmu(dump, "explain", *words)
        assert refused.code == 2 and "need a VCPU" in refused.err
    assert kvmmmu(dump, "explain", "-m", "no_mmu", name).code == 2
    refused = kvmmmu(dump, "explain", "--watch", "2", "-a", "1000", name)
    assert refused.code == 2 and "own faults" in refused.err
    refused = kvmmmu(dump, "explain", "--watch", "2", name)
    assert refused.code == 3 and "needs a live kernel" in refused.err


CAPSULES = [("7.3", "healthy"), ("6.1", "zeroed"), ("7.3", "nonpt"), ("7.3", "looping"), ("6.1", "panic")]


def comparable(answer):
    del answer["source"]
    return without_rip(answer)


@pytest.mark.parametrize("gen,name", CAPSULES)
def test_capsule_says_the_same(gen, name, tmp_path):
    dump, capsule = dumps(gen) / f"{name}.kdump", tmp_path / "c.kvmmmu"
    assert kvmmmu(dump, "capture", "-o", capsule, "--with-names").code == 0
    ours, theirs = (comparable(kvmmmu(source, "explain", "--trace", "-j").json) for source in (dump, capsule))
    if name == "nonpt":
        # a capsule contains no guest page tables: its path is open where the dump's continues
        closed = [(a, b) for a, b in zip(ours["vcpus"], theirs["vcpus"], strict=True)
                  if "a capsule does not contain guest memory" not in json.dumps(b)]
        assert closed and all(a["state"] == b["state"] and a["findings"] == b["findings"] for a, b in closed)
    else:
        assert ours == theirs
        some = [f"{v['vm']}:{v['vcpu']}" for v in ours["vcpus"] if v["faults"]][:2]
        for words in ([], ["0"], *([v] for v in some), ["--trace", some[0]]):
            ours, theirs = (kvmmmu(source, "explain", *words).out for source in (dump, capsule))
            assert ours == theirs, words
    assert kvmmmu("capture", "--list", capsule).code == 0


@pytest.mark.parametrize("gen,name", [("7.3", "looping"), ("6.1", "zeroed")])
def test_crash_says_the_same(gen, name):
    dump = dumps(gen) / f"{name}.kdump"
    text, data = Crash(gen, dump).run("kvmmmu explain", "kvmmmu explain -j")
    words = ["-k", kernel(gen) / "debug", dump, "explain"]
    assert text == kvmmmu(*words).out
    assert comparable(schema.parse(data)) == comparable(kvmmmu(*words, "-j").json)


@pytest.mark.parametrize("name", INTEL)
def test_intel_is_healthy(intel, name, tmp_path):
    words = ["-k", intel / "vmlinux", intel / f"{name}.vmcore", "explain"]
    answer = kvmmmu(*words, "-j").json
    assert answer["vcpus"]
    for vcpu in answer["vcpus"]:
        assert is_well(vcpu) and not strong(vcpu)
    capsule = tmp_path / "c.kvmmmu"
    assert kvmmmu(*words[:-1], "capture", "-o", capsule, "--with-names").code == 0
    assert kvmmmu(capsule, "explain").out == kvmmmu(*words).out


# ---- torn input: an answer that is less certain ----


def word(elf, address):
    return struct.unpack("<Q", elf.read(elf.pa(address)))[0]


def explain(elf, vcpu):
    return ask_elf(elf, "explain", vcpu["address"], "-j").json["vcpus"][0]


def test_task_is_gone(elf):  # noqa: F811
    _, vcpu = first_vcpu()
    assert explain(elf, vcpu)["thread"]["frames"]
    elf.write(elf.pa(number(vcpu["address"]) + offset_of("struct kvm_vcpu, pid")), struct.pack("<Q", UNMAPPED))
    said = explain(elf, vcpu)
    assert said["state"] in HEALTHY and said["certainty"] == "possible" and not strong(said)


def test_stack_is_missing(elf):  # noqa: F811
    _, vcpu = first_vcpu()
    pid = word(elf, number(vcpu["address"]) + offset_of("struct kvm_vcpu, pid"))
    task = word(elf, pid + offset_of("struct pid, tasks")) - offset_of("struct task_struct, pid_links")
    elf.write(elf.pa(task + offset_of("struct task_struct, stack")), struct.pack("<Q", UNMAPPED))
    said = explain(elf, vcpu)
    assert said["state"] in HEALTHY and said["certainty"] == "possible" and not strong(said)
    assert not said["thread"]["frames"] and said["thread"]["trouble"]
    assert not any(f["age"] == "in handler" for f in said["faults"])


def test_address_that_vmrun_cleared_is_not_used(elf):
    """VMRUN leaves the exit code and the error code of a fault in the VMCB and clears its address."""
    vcpu = first_vcpu()[1]["address"]
    vmcb = elf.pa(number(ask_elf(elf, "fault", vcpu, "-j").json["last_exit"]["vmcb_address"]))
    elf.write(elf.pa(number(vcpu) + offset_of("struct kvm_vcpu, mode")), struct.pack("<I", 1))
    elf.write(vmcb + 0x70, struct.pack("<QQQ", 0x400, 0x100000006, 0))
    answer = ask_elf(elf, "fault", vcpu, "-j").json
    assert "panel" not in answer and "walk" not in answer
    assert any("no fault with both" in n and "exit 0x400 (NPF)" in n and "clears the address" in n
               for n in answer["notes"])
    answer = ask_elf(elf, "fault", vcpu, "-a", "21000", "-j").json
    assert (answer["fault"]["error_code"], answer["fault"]["address"]) == ("0x100000006", "0x21000")
    assert answer["fault"]["from"].startswith("-a, the rest from exit 0x400 (NPF)") and answer["panel"]
    said = ask_elf(elf, "explain", vcpu, "-j").json["vcpus"][0]
    assert said["fault"]["address"] is None and "walk" not in said


def test_slot_tree_is_cut(elf):  # noqa: F811
    vm, vcpu = first_vcpu()
    assert explain(elf, vcpu)["memslot"]["id"] is not None
    elf.write(elf.pa(number(vm["address"]) + offset_of("struct kvm, memslots")), struct.pack("<Q", UNMAPPED))
    said = explain(elf, vcpu)
    assert said["memslot"]["id"] is None and said["state"] in HEALTHY and not strong(said)
    assert said["certainty"] == "possible"


def test_list_of_vms_is_torn(elf):  # noqa: F811
    vm, vcpu = first_vcpu()
    node = number(vm["address"]) + offset_of("struct kvm, vm_list")
    elf.write(elf.pa(node), struct.pack("<Q", UNMAPPED))
    answer = ask_elf(elf, "explain", "-j").json
    assert any("interrupted" in note or "may be more" in note for note in answer["notes"])
    assert number(vcpu["address"]) in by_address(answer)
    assert not any(strong(v) for v in answer["vcpus"])


@pytest.mark.parametrize("seed", range(2))
def test_noise(elf, seed):  # noqa: F811
    """Random bytes over structures: an answer or an error line, under ASan."""
    import random
    rng = random.Random(seed)
    for vm in truth("7.3", "healthy")["gdb"]["vms"]:
        for vcpu in vm["vcpus"]:
            for base, size in ((vm["address"], 7000), (vcpu["address"], 6400)):
                for _ in range(20):
                    at = elf.pa(number(base)) + rng.randrange(0, size // 8) * 8
                    elf.write(at, rng.randbytes(8))
    for words in (["explain"], ["explain", "-j"], ["explain", "0:0"], ["explain", "--trace", "-a", "0", "-e", "6", "0:0"]):
        answer = ask_elf(elf, *words)
        assert answer.code in (0, 2, 3) and (answer.out or answer.err)


def test_repeated_in_one_session():
    words = [dumps("7.3") / "looping.kdump", kernel("7.3") / "debug", "explain -j"]
    run = subprocess.run([BUILD / "asan" / "repeat", *words], text=True, capture_output=True,
                         env={"LSAN_OPTIONS": "print_suppressions=0"})
    assert run.returncode == 0, run.stderr[-3000:]
