# SPDX-License-Identifier: GPL-2.0-or-later
"""ftrace's ring buffers with pages that are lost or damaged: capsules of dumps with tracing, edited."""

import random

import pytest

from capsule_edit import HEX, Edited
from tools import BUILD, TOP, kvmmmu

SAMPLES = TOP / "samples" / "kdump"
TRACED = ["7.3/perm-table-zeroed+healthy-balloon-trace64-s1.00", "6.1/spurious-loop+healthy-stride-trace64-s1.00"]
PARTS = ("buffer_", "ring_buffer_", "trace_", "event", "ftrace_event_")


class History(Edited):
    def __init__(self, name, path):
        super().__init__(SAMPLES / f"{name}.kvmmmu", path)
        items = kvmmmu("capture", "--list", self.sample, "-j").json["items"]
        self.items = [(HEX(i["address"]), i["bytes"], i["what"]) for i in items
                      if i["space"] == "virt" and i["what"].startswith(PARTS)]

    def places(self, what):
        return sorted({at for at, _, item in self.items if item == what})


@pytest.fixture(params=TRACED, ids=["7.3", "6.1"])
def history(request, tmp_path):
    return History(request.param, tmp_path / "edited.kvmmmu")


def events_of(path):
    """What replay counts; None: it has found no events."""
    answer = kvmmmu(path, "replay", "-j")
    assert answer.code in (0, 1, 3), answer.err
    return answer.json["trace"] if answer.code < 3 else None


def test_a_lost_page_is_counted(history):
    """Every second sub-buffer is missing: fewer events, and the answer says so."""
    before = events_of(history.sample)
    for page in sorted({at & ~0xfff for at, _, what in history.items if what.startswith("event ")})[::2]:
        history.lose(page, page + 0x1000)
    after = events_of(history.save())
    assert 0 < after["lines"] < before["lines"]
    assert "missing from the dump or malformed" in " ".join(kvmmmu(history.path, "replay").out.split())


def test_a_list_of_pages_that_is_a_circle(history):
    """Each page leads back to itself: the buffer ends."""
    for at in history.places("buffer_page.next"):
        history.word(at, at - history.layout["buffer_page.next"]["offset"])
    before, after = events_of(history.sample), events_of(history.save())
    assert after is None or after["lines"] < 3 * before["lines"]


@pytest.mark.parametrize("member, value", [("buffer_data_page.commit", 0xfffffff), ("buffer_data_page.commit", 3),
                                           ("ring_buffer_per_cpu.nr_pages", 2**63), ("buffer_page.page", 0),
                                           ("trace_entry.type", 0xffff)])
def test_impossible_values(history, member, value):
    sizes = {at: size for at, size, what in history.items if what == member}
    for at, size in sizes.items():
        history.put(history.virtual, at, (value & (1 << 8 * size) - 1).to_bytes(size, "little"))
    before, after = events_of(history.sample), events_of(history.save())
    assert sizes and (after is None or after["lines"] <= before["lines"])
    if member != "ring_buffer_per_cpu.nr_pages":
        assert after is None or after["lines"] < before["lines"]


@pytest.mark.parametrize("command", ["replay", "explain"])
@pytest.mark.parametrize("seed", range(3))
def test_random_bytes(history, seed, command):
    """Under the sanitizers: neither a crash nor an endless loop, and no vCPU is stuck that was not."""
    dice = random.Random(f"{seed} {history.sample.name}")
    for at, size, _ in dice.sample(history.items, 4 ** dice.randrange(1, 7)):
        history.put(history.virtual, at + dice.randrange(size), bytes([dice.randrange(256)]))
    history.save()
    answer = kvmmmu(history.path, command, "-j", program=BUILD / "asan" / "kvmmmu")
    assert answer.code in (0, 1, 3) and "ERROR: " not in answer.err and "runtime error" not in answer.err, answer.err
    if command == "explain":
        before = {v["about"]["address"]: v["state"] for v in kvmmmu(history.sample, "explain", "-j").json["vcpus"]}
        for vcpu in answer.json["vcpus"]:
            assert vcpu["state"] in (before[vcpu["about"]["address"]], "unknown")
