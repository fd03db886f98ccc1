# SPDX-License-Identifier: GPL-2.0-or-later
"""Events of KVM in a dump's ring buffers, compared with what tracefs printed before the dump was taken."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tools import TOP, kvmmmu

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

pytestmark = pytest.mark.skipif(not DUMPS, reason="no kdumps with tracing: make kdumps")


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


@pytest.fixture(scope="module", params=DUMPS, ids=[f"{d.parent.name}-{d.stem}" for d in DUMPS])
def dump(request):
    return request.param


@pytest.fixture(scope="module")
def found(dump):
    done = subprocess.run([TOP / "build" / "history", dump], capture_output=True, text=True, check=True)
    return split(done.stdout)


def truth(dump, instance):
    return dump.with_suffix(".trace") / instance


@pytest.mark.parametrize("instance", ["top", "lab"])
def test_all_events_are_equal(dump, found, instance):
    lines = [line for line in (truth(dump, instance) / "trace").read_text().splitlines()
             if not line.startswith("#") and LINE.search(line)]
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


def test_replay_reads_them(dump):
    """The same loops as in tracefs' text, with the vCPUs named."""
    ours = kvmmmu(dump, "replay", "-j").json
    instance = ours["trace"]["file"].split('"')[1] if '"' in ours["trace"]["file"] else "top"
    theirs = kvmmmu(dump, "replay", truth(dump, instance) / "trace", "-j").json
    assert [f["id"] for f in ours["findings"]] == [f["id"] for f in theirs["findings"]]
    for key in ("page_faults", "fast_page_faults", "exits", "spte_changes"):
        assert ours["trace"][key] == theirs["trace"][key]
    assert all(v["comm"].startswith("vCPU ") for v in ours["vcpus"] if v["faults"])


def test_a_capsule_contains_them(dump, tmp_path):
    """The same answer, but for the guest's RIP, which is in no capsule."""
    capsule = tmp_path / "c.kvmmmu"
    assert kvmmmu(dump, "capture", "-o", capsule).code == 0
    there, here = (kvmmmu(path, "replay", "-j").json for path in (dump, capsule))
    assert there["trace"] == here["trace"]
    assert [f["id"] for f in there["findings"]] == [f["id"] for f in here["findings"]]
    assert kvmmmu("capture", "--list", capsule).code == 0


def test_without_tracing(tmp_path):
    """A dump of a kernel that traced nothing."""
    answer = kvmmmu(TOP / "samples" / "amd-7.3-looping.kvmmmu", "replay")
    assert answer.code == 3 and "no events of KVM" in answer.err
