# SPDX-License-Identifier: GPL-2.0-or-later
"""The log buffer of a dump: the same messages as in the output of crash's own "log" command."""

import re

import pytest

from schema import parse
from tools import Crash, dumps, kvmmmu

CASES = [(gen, name) for gen in ("6.1", "6.12", "7.2", "7.3") for name in ("healthy", "panic")]
SHOWN = ("time", "kind", "text", "repeats", "function", "address", "sptes", "registers", "means")


def shown(entries):
    return [{key: entry.get(key) for key in SHOWN} for entry in entries]


@pytest.mark.parametrize("gen, name", CASES)
def test_messages_are_those_of_crash(gen, name, tmp_path):
    dump = dumps(gen) / f"{name}.kdump"
    if not dump.exists():
        pytest.skip(f"the lab has no {name} dump of {gen}")
    text, = Crash(gen, dump).run("log")
    file = tmp_path / "dmesg.txt"
    file.write_text(text)
    ours = parse(kvmmmu(dump, "log", "-j").out)
    theirs = parse(kvmmmu("log", "-j", file).out)
    assert ours["log_buffer"]["records"] == len(re.findall(r"^\[ *\d+\.\d{6}\]", text, re.MULTILINE))
    assert ours["log_buffer"]["lost"] == ours["log_buffer"]["damaged"] == 0
    assert len(ours["log"]) >= 4
    assert shown(ours["log"]) == shown(theirs["log"])


@pytest.mark.parametrize("gen", ("6.1", "7.3"))
def test_capsule_contains_only_messages_of_kvm(gen, tmp_path):
    capsule = tmp_path / "capsule"
    kvmmmu(dumps(gen) / "healthy.kdump", "capture", "-o", capsule)
    whole = parse(kvmmmu(dumps(gen) / "healthy.kdump", "log", "-j").out)
    kept = parse(kvmmmu(capsule, "log", "-j").out)
    assert kept["log"] == whole["log"]
    assert kept["log_buffer"]["records"] < whole["log_buffer"]["records"] / 20
    assert kvmmmu("capture", "--list", capsule).code == 0


def test_without_dump_and_file_there_is_an_error():
    run = kvmmmu("log")
    assert run.code == 2 and "name a dump" in run.err
