# SPDX-License-Identifier: GPL-2.0-or-later
"""The log buffer of a dump: the same messages as in the output of crash's own "log" command."""

import random
import re
import subprocess

import pytest

from schema import parse
from tools import BUILD, GENERATIONS, Crash, dumps, kvmmmu

CASES = [(gen, name) for gen in GENERATIONS for name in ("healthy", "panic")]
SHOWN = ("time", "kind", "text", "repeats", "function", "address", "sptes", "registers", "means")


def shown(entries):
    return [{key: entry.get(key) for key in SHOWN} for entry in entries]


@pytest.mark.parametrize("gen, name", CASES)
def test_messages_are_those_of_crash(gen, name, tmp_path):
    dump = dumps(gen) / f"{name}.kdump"
    text, = Crash(gen, dump).run("log")
    file = tmp_path / "dmesg.txt"
    file.write_text(text)
    ours = parse(kvmmmu(dump, "log", "-j").out)
    theirs = parse(kvmmmu("log", "-j", file).out)
    assert ours["log_buffer"]["records"] == len(re.findall(r"^\[ *\d+\.\d{6}\]", text, re.MULTILINE))
    assert ours["log_buffer"]["lost"] == ours["log_buffer"]["damaged"] == 0
    assert len(ours["log"]) >= 4
    assert shown(ours["log"]) == shown(theirs["log"])


@pytest.mark.parametrize("gen", GENERATIONS)
def test_capsule_contains_only_messages_of_kvm(gen, tmp_path):
    capsule = tmp_path / "capsule"
    kvmmmu(dumps(gen) / "healthy.kdump", "capture", "-o", capsule)
    whole = parse(kvmmmu(dumps(gen) / "healthy.kdump", "log", "-j").out)
    kept = parse(kvmmmu(capsule, "log", "-j").out)
    assert kept["log"] == whole["log"]
    assert kept["log_buffer"]["records"] < whole["log_buffer"]["records"] / 20
    assert kvmmmu("capture", "--list", capsule).code == 0


SPLAT = [
    b"WARNING: CPU: 1 PID: 9 at arch/x86/kvm/mmu/spte.c:1 make_spte+0x1/0x2",
    b"RAX: 5eedfeed5eedfeed RBX: 06000001c6e00b77",
    b"kvm [77]: vcpu0, guest rIP: 0x5eedfeed unhandled wrmsr",
    b"spte = 0xfffffc4465825 level = 1, rsvd bits = 0xf000000000000",
]


def edited(dump, file):
    """A copy of the dump: messages of the boot are replaced by those of KVM, and the ID of the next one is wrong."""
    data = bytearray(dump.read_bytes())
    found = list(re.finditer(rb"x86/fpu: Supporting XSAVE feature 0x[0-9a-f]+: '[^']*'", bytes(data)))
    assert len(found) > len(SPLAT)
    for place, text in zip(found, SPLAT):
        room = place.end() - place.start()
        assert len(text) <= room
        data[place.start():place.end()] = text.ljust(room)
    data[found[len(SPLAT)].start() - 8] ^= 0xff
    file.write_bytes(data)
    return file


@pytest.mark.parametrize("gen", ("6.1", "7.3"))
def test_capsule_of_a_splat_has_no_registers(gen, tmp_path):
    """The dump's answer has registers and the guest's instruction pointer; the capsule's has neither."""
    dump = edited(dumps(gen) / "healthy.elf", tmp_path / "edited.elf")
    whole = parse(kvmmmu(dump, "log", "-j").out)
    assert whole["log_buffer"]["damaged"] == 1 and whole["log_buffer"]["lost"] == 0
    warn, = [entry for entry in whole["log"] if entry["kind"] == "warn"]
    assert {"name": "RBX", "value": "0x6000001c6e00b77", "may_be_spte": True} in warn["registers"]
    assert any("0x5eedfeed" in entry["text"] for entry in whole["log"])
    capsule = tmp_path / "capsule"
    assert kvmmmu(dump, "capture", "-o", capsule).code == 0
    kept = kvmmmu(capsule, "log", "-j").out
    assert "5eedfeed" not in kept and "6000001c6e00b77" not in kept
    entries = parse(kept)["log"]
    warn, = [entry for entry in entries if entry["kind"] == "warn"]
    assert warn["function"] == "make_spte" and not warn.get("registers")
    assert any(s["rsvd_set"] == "0xf000000000000" for entry in entries for s in entry.get("sptes", []))


def test_without_dump_and_file_there_is_an_error():
    run = kvmmmu("log")
    assert run.code == 2 and "give a dump" in run.err


@pytest.mark.parametrize("gen", GENERATIONS)
@pytest.mark.parametrize("name", ("healthy", "panic"))
def test_lost_and_hostile_log_buffers(gen, name):
    """Lost pages make up no record; edited heads, descriptors and bits end in an error or in counts (build/printk)."""
    seed = random.randrange(1 << 31)
    run = subprocess.run([BUILD / "printk", dumps(gen) / f"{name}.kdump", "1500", str(seed)], text=True, capture_output=True,
                         timeout=120)
    assert run.returncode == 0, f"seed {seed}: {run.stdout[-2000:]}{run.stderr}"
    errors, lost, damaged = map(int, re.search(r"(\d+) errors, (\d+) with lost records, (\d+) with", run.stdout).groups())
    assert errors > 20 and lost > 100 and damaged > 100
