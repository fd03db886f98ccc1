# SPDX-License-Identifier: GPL-2.0-or-later
"""Logs as records, in JSON, as fields and of /dev/kmsg: whole, damaged, and beside other text (forms/ has whole ones)."""

import json
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from tools import kvmmmu  # noqa: E402

HEAD = "get_mmio_spte: reserved bits set on MMU-present spte, addr 0x4fee01a40, hierarchy:"
SPTE = "------ spte = 0x400148a3e877 level = 1, rsvd bits = 0x000ff00000000000"


def journal(message, us=455120330):
    return {"_SOURCE_MONOTONIC_TIMESTAMP": str(us), "PRIORITY": "3", "SYSLOG_IDENTIFIER": "kernel", "MESSAGE": message}


def lines(*objects):
    return "".join(json.dumps(x) + "\n" for x in objects)


def read(tmp_path, text):
    file = tmp_path / "pasted"
    file.write_text(text)
    return kvmmmu("log", "-j", file).json


def check(answer, time):
    entry, = answer["log"]
    assert (entry["kind"], entry["address"], entry.get("time")) == ("hierarchy", "0x4fee01a40", time)
    spte, = entry["sptes"]
    assert (spte["level"], spte["value"], spte["rsvd_set"]) == (1, "0x400148a3e877", "0x400000000000")


@pytest.mark.parametrize("text,time", [
    (lines(journal(HEAD), journal(SPTE)), "[  455.120330]"),
    (json.dumps([journal(HEAD), journal(SPTE)]), "[  455.120330]"),
    (json.dumps({"dmesg": [{"time": 455.12, "msg": HEAD}, {"time": 455.13, "msg": SPTE}]}), "[      455.12]"),
    (json.dumps({"dmesg": [{"time": "2026-11-03T17:12:04,120330+01:00", "msg": HEAD}, {"msg": SPTE}]}),
     "[2026-11-03T17:12:04,120330+01:00]"),
    ("\x1e" + lines(journal(HEAD)) + "\x1e" + lines(journal(SPTE)), "[  455.120330]"),
    ("data: " + lines(journal(HEAD)) + "\ndata: " + lines(journal(SPTE)), "[  455.120330]"),
    (lines(journal(HEAD + "\n" + SPTE)), "[  455.120330]"),
    (lines(journal([*HEAD.encode()]), journal([27, *b"[31m", *SPTE.encode(), 27, *b"[0m"])), "[  455.120330]"),
    (lines({"__REALTIME_TIMESTAMP": "1793718724120330", "MESSAGE": HEAD}, journal(SPTE)), "[2026-11-03T15:12:04.120330Z]"),
    (lines({"log": f"[  455.120330] {HEAD}\n"}, {"log": f"[  455.120331] {SPTE}\n"}), "[  455.120330]"),
    (f"3,1423,455120330,-;{HEAD}\n3,1424,455120331,-;{SPTE}\n SUBSYSTEM=module\n DEVICE=+module:kvm\n", "[  455.120330]"),
    (f"6.12.9,3,1423,455120330,-,caller=T12;{HEAD}\n6.12.9,3,1424,455120331,-,caller=T12;{SPTE}\n", "[  455.120330]"),
    (f"__REALTIME_TIMESTAMP=1793718724120330\n_BOOT_ID=0123456789abcdef\nMESSAGE={HEAD}\n\nMESSAGE={SPTE}\n",
     "[2026-11-03T15:12:04.120330Z]")])
def test_records(tmp_path, text, time):
    answer = read(tmp_path, text)
    check(answer, time)
    assert answer["trace"]["not_understood"] == 0, answer["trace"]


@pytest.mark.parametrize("damaged,odd", [
    (lines(journal("x"))[:60] + "\n", 1), ('{"MESSAGE": "' + "x" * 9000 + "\n", 1), ('{\n"MESSAGE": "get_\n', 2),
    ('{"a": ' + "[" * 500 + "\n", 0), ("{\n}\n", 0), ("{\nint main()\n", 0), ('{\n"event": 12345\n}\n', 3),
    ('{"event": 12345, "data": {"reason": "0x12345"}}\n', 1)])
def test_damaged_records_are_counted(tmp_path, damaged, odd):
    """What follows is read all the same."""
    answer = read(tmp_path, damaged + lines(journal(HEAD), journal(SPTE)))
    check(answer, "[  455.120330]")
    assert answer["trace"]["not_understood"] == odd, answer["trace"]
    assert not odd or answer["trace"]["first_not_understood"]["line"] == 1


def test_an_object_that_never_ends(tmp_path):
    """Neither memory nor lines: a hundred lines of it, and what follows is read."""
    answer = read(tmp_path, '{\n"MESSAGE": [\n' + "1,\n" * 200000 + "\n" + lines(journal(HEAD), journal(SPTE)))
    check(answer, "[  455.120330]")
    assert 0 < answer["trace"]["not_understood"] <= 102


def test_a_message_that_is_a_trace(tmp_path):
    """ftrace_dump_on_oops, in the journal."""
    event = ("vmm-127 0d.... 12345678us : kvm_page_fault: vcpu 0 rip 0x401000 address 0x0000000000100000 error_code 0x184")
    answer = read(tmp_path, lines(*(journal(event, 455120330 + i) for i in range(3))))
    assert answer["trace"]["page_faults"] == 3
