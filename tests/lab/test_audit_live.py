# SPDX-License-Identifier: GPL-2.0-or-later
"""Damage that a debugger plants in a running host, through QEMU's stub: kvmmmu audit in gdb finds it with its id and at
its address, and nothing else, and is silent about the legal twin.

Where to plant it is computed on a dump of the same stop (test_audit_planted.py). `make planted` plants everything on
four hosts; `make check` every sixth sort on one."""

import json
import os

import pytest

from edited_dump import EditedDump
from machine import Machine
from test_audit_planted import LEAD_BACK, PLANTS, SPREADS
from audit_plants import loud

HOSTS = [("7.3", "healthy"), ("6.1", "healthy"), ("7.3", "nonpt"), ("6.1", "nonpt")]
ALL = os.environ.get("KVMMMU_PLANTED") == "all"
# As each needs thousands of changes, these are planted in dumps only.
TOO_MANY = {"encryption"}

SCRIPT = """
import json
import gdb

inferior = gdb.selected_inferior()
with open({plants!r}) as file:
    plants = json.load(file)
answers = []
for changes in plants:
    for at, _, now in changes:
        inferior.write_memory(at, bytes.fromhex(now))
    try:
        answers.append(json.loads(gdb.execute("kvmmmu audit --limit 600 -j", to_string=True))["vms"])
    finally:
        for at, before, _ in reversed(changes):
            inferior.write_memory(at, bytes.fromhex(before))
with open({answers!r}, "w") as file:
    json.dump(answers, file)
"""


def planned(t, name):
    """[(number in PLANTS, twin or not, place, changes of kernel memory)]"""
    for n, (kind, names, plant, twin) in enumerate(PLANTS):
        if name not in names or kind in TOO_MANY or plant.__code__.co_names[:1] == ("plant_encryption",) or not ALL and n % 6:
            continue
        for is_twin, change in ((False, plant), (True, twin)):
            if not change:
                continue
            place = change(t)
            if is_twin:
                t.settle()
            changes = [(t.base + pa, before.hex(), now.hex()) for pa, before, now in t.changes()]
            t.undo_all()
            yield n, is_twin, place, changes


@pytest.mark.parametrize("gen,name", HOSTS if ALL else HOSTS[:1])
def test_planted_through_the_stub(gen, name, tmp_path):
    machine = Machine(gen, "kvm_amd.npt=0" if name == "nonpt" else "", tmp_path / "machine")
    try:
        machine.stop(True)
        machine.qmp.dump(str(tmp_path / "stop.kdump"), "kdump-raw-zlib")
        t = EditedDump(gen, name, tmp_path, tmp_path / "stop.kdump")
        plans = list(planned(t, name))
        (tmp_path / "plants").write_text(json.dumps([[], *(changes for *_, changes in plans), []]))
        (tmp_path / "script.py").write_text(SCRIPT.format(plants=str(tmp_path / "plants"), answers=str(tmp_path / "answers")))
        before = machine.memory()
        said = machine.gdb(f"source {tmp_path}/script.py", timeout=1800)
        assert machine.memory() == before, said
        clean, *answers, after = json.loads((tmp_path / "answers").read_text())
    finally:
        machine.kill()
    assert loud(clean) == loud(after) == {}
    wrong = []
    for (n, is_twin, place, _), answer in zip(plans, answers, strict=True):
        kind = PLANTS[n][0]
        found = [a for vm in answer for a in vm["anomalies"] if a["certainty"] != "note" or vm["changing"]]
        found = [a for a in found if a["kind"] == kind or a["kind"] not in LEAD_BACK]
        kinds = {a["kind"] for a in found if a["certainty"] != "note" or not is_twin}
        if kinds != (set() if is_twin else {kind}):
            wrong.append((n, kind, "twin" if is_twin else "damage", sorted(kinds)))
        elif not is_twin and (len(found) != 1 and kind not in SPREADS or
                              place and place not in {(int(a["table"], 16), a["index"]) for a in found}):
            wrong.append((n, kind, "place", len(found)))
    print(f"{gen} {name}: {len(plans)} changes planted in a running host")
    assert not wrong, wrong
