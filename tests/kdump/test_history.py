# SPDX-License-Identifier: GPL-2.0-or-later
"""Events of KVM in a dump's ring buffers, compared with what tracefs printed before the dump was taken."""

import json
import os
import re
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from capsule_edit import HEX, Edited
from tools import TOP, kvmmmu, need_lab

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "kvmmmu" / "kdump"
DUMPS = [path.with_suffix(".kdump") for path in sorted(CACHE.glob("*/*.trace"))
         if path.with_suffix(".kdump").exists()]
LINE = re.compile(r"-(\d+)\s+(?:\(.*?\)\s+)?\[(\d+)\] (?:[^\s\d]\S*\s+|\s*)(\d+)\.(\d+): (\w+):(.*)")
# what both forms of an event contain: the name in tracefs' text, and in the stored fields
SAME = {
    "fast_page_fault": [("vcpu", "vcpu_id"), ("gva", "cr2_or_gpa"), ("old", "old_spte"),
                        ("new", "new_spte"), ("spurious", "spurious"), ("fixed", "fixed")],
    "kvm_page_fault": [("address", "fault_address"), ("error_code", "error_code")],
    "kvm_exit": [("vcpu", "vcpu_id"), ("info1", "info1"), ("info2", "info2"), ("rip", "guest_rip")],
    "kvm_tdp_mmu_spte_changed": [("gfn", "gfn"), ("level", "level"), ("old_spte", "old_spte"),
                                 ("new_spte", "new_spte")],
}
DECIMAL = {"vcpu_id", "level", "spurious", "fixed"}


def value(name, body, decimal):
    """The number behind "name " or "name="; tracefs prints hexadecimal numbers without "0x", too."""
    digits = re.search(rf"\b{name}[ =]([-0-9a-fx]+)", body)[1]
    return int(digits, 10 if decimal and not digits.startswith("0x") else 16)


def fields(event, body, stored):
    """The values that both forms have."""
    return tuple(value(names[stored], body, stored or names[1] in DECIMAL) for names in SAME.get(event, []))


def events(lines, stored):
    """[(thread, CPU, microseconds, event, its fields)]"""
    found = [LINE.search(line) for line in lines]
    # tracefs rounds to microseconds
    return [(int(m[1]), int(m[2]), (int(m[3]) * 10**9 + int(m[4].ljust(9, "0")) + 500) // 1000, m[5],
             fields(m[5], m[6], stored)) for m in found if m]


def split(text):
    """{instance: (counts, lines)}"""
    found, lines = {}, None
    for line in text.splitlines():
        if line.startswith("= "):
            name, *counts = line[2:].split()
            lines = []
            found[name] = ([int(n) for n in counts], lines)
        else:
            lines.append(line)
    return found


# Those that "lab kdump --trace" left in the cache; else one is made here.
@pytest.fixture(scope="module", params=DUMPS or [None], ids=lambda d: f"{d.parent.name}-{d.stem}" if d else "made")
def dump(request, tmp_path_factory):
    if request.param:
        yield request.param
        return
    need_lab()
    to = tmp_path_factory.mktemp("traced")
    subprocess.run([TOP / "scripts/lab/lab", "kdump", "--into", to, "--seed", str(os.getpid()), "--trace", "64", "7.3",
                    "spurious-loop", "healthy-stride"], check=True)
    yield next(to.glob("*.kdump"))
    shutil.rmtree(to)


@pytest.fixture(scope="module")
def found(dump):
    done = subprocess.run([TOP / "build" / "history", dump], capture_output=True, text=True, check=True)
    return split(done.stdout)


def truth(dump, instance):
    return dump.with_suffix(".trace") / instance


def text_of(dump, instance):
    """tracefs' text. 6.1 prints no names of symbols, and no line feed where a line would be nothing else."""
    return re.sub(r"(kvm_fpu:) +(?=\S+-\d+ )", r"\1\n", (truth(dump, instance) / "trace").read_text())


@pytest.mark.parametrize("instance", ["top", "lab"])
def test_all_events_are_equal(dump, found, instance):
    lines = [line for line in text_of(dump, instance).splitlines() if not line.startswith("#") and LINE.search(line)]
    counts, ours = found[instance]
    kvm = {path.name.split(".")[1] for path in (truth(dump, "formats")).iterdir()}
    expected = [event for event in events(lines, False) if event[3] in kvm]
    assert len(expected) > 10
    assert counts[0] == len(ours)
    assert sorted(events(ours, True)) == sorted(expected)


@pytest.mark.parametrize("instance", ["top", "lab"])
def test_overwritten_events_are_counted(dump, found, instance):
    stats = [path.read_text() for path in truth(dump, instance).glob("cpu*.stats")]
    overrun = sum(int(re.search(r"^overrun: (\d+)", text, re.M)[1]) for text in stats)
    assert found[instance][0][1:] == [overrun, 0]


def test_events_are_in_order(found):
    for _, lines in found.values():
        times = [event[2] for event in events(lines, True)]
        assert times == sorted(times)


def test_replay_reads_them(dump, tmp_path):
    """The same loops as in tracefs' text, with the vCPUs named."""
    ours = kvmmmu(dump, "replay", "-j").json
    instance = ours["trace"]["file"].split('"')[1] if '"' in ours["trace"]["file"] else "top"
    (tmp_path / "trace").write_text(text_of(dump, instance))
    theirs = kvmmmu(dump, "replay", tmp_path / "trace", "-j").json
    # 6.1 prints no names of symbols here: whether KVM_RUN failed is in the stored fields alone
    if "kvm_userspace_exit: reason  (" not in text_of(dump, instance):
        assert [f["id"] for f in ours.get("findings", [])] == [f["id"] for f in theirs.get("findings", [])]
    for key in ("page_faults", "fast_page_faults", "exits", "spte_changes"):
        assert ours["trace"][key] == theirs["trace"][key]
    assert all(v["comm"].startswith("vCPU ") for v in ours["vcpus"] if v["faults"])


def test_a_capsule_contains_them(dump, tmp_path):
    """The same answer, but for the guest's RIP, which is in no capsule."""
    capsule = tmp_path / "c.kvmmmu"
    assert kvmmmu(dump, "capture", "-o", capsule).code == 0
    there, here = (kvmmmu(path, "replay", "-j").json for path in (dump, capsule))
    assert there["trace"] == here["trace"]
    assert [f["id"] for f in there.get("findings", [])] == [f["id"] for f in here.get("findings", [])]
    assert kvmmmu("capture", "--list", capsule).code == 0


def recorded(path):
    """{vCPU: (state, certainty, "recorded", [sources of faults])}"""
    said = kvmmmu(path, "explain", "-j").json
    return {f"{v['vm']}:{v['vcpu']}": (v["state"], v["certainty"], v.get("recorded"), [f["source"] for f in v["faults"]])
            for v in said["vcpus"]}


def test_explain_uses_them(dump, tmp_path):
    """What is recorded of a loop is that of its thread in the trace, and a capsule says the same."""
    ours = recorded(dump)
    loops = {v["comm"].split()[1]: v for v in kvmmmu(dump, "replay", "-j").json["vcpus"] if v["comm"].startswith("vCPU ")}
    for name, (state, certainty, found, sources) in ours.items():
        assert (found is not None) == ("ftrace" in sources)
        if not found:
            continue
        assert 3 <= found["faults"] <= loops[name]["faults"]
        if found["trend"] == "loops":
            assert state == "stuck" and certainty == found["certainty"]
    assert kvmmmu(dump, "capture", "-o", tmp_path / "c.kvmmmu").code == 0
    assert recorded(tmp_path / "c.kvmmmu") == ours


SAMPLES = TOP / "samples" / "kdump"


@pytest.mark.parametrize("sample, certainty, trend", [
    ("7.3/perm-table-zeroed+healthy-balloon-trace64-s1.00", "proven", "loops"),
    ("6.1/spurious-loop+healthy-stride-trace64-s1.00", "likely", "open")])
def test_a_loop_between_two_faults(sample, certainty, trend):
    """The dump alone makes it likely; the trace proves it, but only where the dump shows the fault: not after an NMI."""
    path = SAMPLES / f"{sample}.kvmmmu"
    truth_ = json.loads(path.with_suffix(".json").read_text())
    machine = next(m for m in truth_["machines"] if m["cause"])
    answer = kvmmmu(path, "explain", "-j").json
    by_address = {int(v["about"]["address"], 16): v for v in answer["vcpus"]}
    for vcpu in machine["vcpus"]:
        said = by_address[int(vcpu["kvm_vcpu"], 16)]
        if vcpu["vcpu"] != machine["stage"]["subject"]:
            assert "recorded" not in said
            continue
        assert (said["state"], said["certainty"]) == ("stuck", certainty)
        assert said["recorded"]["trend"] == trend and said["recorded"]["faults"] >= 100
        fault = said["faults"][-1]
        assert (fault["source"], fault["age"], fault["judged"]) == ("ftrace", "recorded", False)
        assert int(fault["address"], 16) >> 12 == int(machine["stage"]["page"], 16) >> 12
        assert said["findings"][0]["id"] == machine["cause"]


def test_a_recorded_fault_elsewhere_speaks_against_an_entry(tmp_path):
    """The entry that lacks W is above the recorded address; here, another one lacks it (edited)."""
    sample = SAMPLES / "6.1/spurious-loop+healthy-stride-trace64-s1.00.kvmmmu"
    table, index = 0x1f7a1000, 144
    edited = Edited(sample, tmp_path / "c.kvmmmu")
    entries = [number for number, in struct.iter_unpack("<Q", edited.get(edited.physical, table, 4096))]
    other = next(i for i, entry in enumerate(entries) if i != index and entry & 0x83 == 3)
    for at, entry in ((index, entries[index] | 2), (other, entries[other] & ~2)):
        edited.put(edited.physical, table + 8 * at, struct.pack("<Q", entry))
    edited.save()
    said = {path: kvmmmu(path, "explain", "0:0", "-j").json["vcpus"][0] for path in (sample, edited.path)}
    found = {path: vcpu["findings"][0] for path, vcpu in said.items()}
    assert [found[path]["certainty"] for path in said] == ["likely", "possible"]
    assert [said[path]["certainty"] for path in said] == ["likely", "possible"]
    where = [next(line for line in found[path]["evidence"] if "0x120c2000" in line) for path in said]
    assert "is below that SPTE" in where[0] and "is not below that SPTE" in where[1]
    assert f"[{other}]" in found[edited.path]["evidence"][0]


@pytest.mark.parametrize("bits", [1 << 1, 1 << 2], ids=["W", "U"])
def test_a_recorded_fault_below_an_entry_makes_it_likely(tmp_path, bits):
    """Where a fifth of the faults was fixed (edited), the counters alone leave it possible."""
    sample = SAMPLES / "6.1/spurious-loop+healthy-stride-trace64-s1.00.kvmmmu"
    edited = Edited(sample, tmp_path / "c.kvmmmu")
    vcpu = HEX(edited.vcpu("0:0")["about"]["address"])
    edited.set(vcpu, "kvm_vcpu.stat_pf_fixed", edited.read(vcpu, "kvm_vcpu.stat_pf_taken") // 5)
    at = 0x1f7a1000 + 8 * 144
    entry, = struct.unpack("<Q", edited.get(edited.physical, at, 8))
    edited.put(edited.physical, at, struct.pack("<Q", (entry | 1 << 1) & ~bits))
    edited.save()
    said = kvmmmu(edited.path, "explain", "0:0", "-j").json["vcpus"][0]
    assert said["findings"][0]["id"] == "spurious-loop"
    assert (said["state"], said["certainty"], said["findings"][0]["certainty"]) == ("stuck", "likely", "likely")


def test_a_fault_of_the_users_is_not_recorded():
    path = SAMPLES / "7.3/perm-table-zeroed+healthy-balloon-trace64-s1.00.kvmmmu"
    stuck = next(v for v in kvmmmu(path, "explain", "-j").json["vcpus"] if "recorded" in v)
    said = kvmmmu(path, "explain", stuck["about"]["address"], "-a", stuck["fault"]["address"], "-j").json["vcpus"][0]
    assert "recorded" not in said and said["certainty"] != "proven"


def test_without_tracing(tmp_path):
    """A dump of a kernel that traced nothing."""
    answer = kvmmmu(TOP / "samples" / "amd-7.3-looping.kvmmmu", "replay")
    assert answer.code == 3 and "no events of KVM" in answer.err
