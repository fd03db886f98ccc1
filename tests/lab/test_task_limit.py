# SPDX-License-Identifier: GPL-2.0-or-later
"""Limits that leave something out of an answer are reported in it."""

from tools import BUILD, dumps, kvmmmu

# kvmmmu that keeps one thread of VM owners, instead of thousands, before it leaves out idle ones
ONE_IDLE = BUILD / "one-idle"


def notes(out):
    return [line for line in out.splitlines() if "threads of VM owners" in line]


def test_threads_that_are_left_out():
    """Only idle threads are: the answer is the same. Where threads were asked for, the number is reported."""
    for name in "healthy", "looping":
        dump = dumps("7.3") / f"{name}.kdump"
        whole, limited = kvmmmu(dump, "explain"), kvmmmu(dump, "explain", program=ONE_IDLE)
        assert not notes(whole.out) and whole.out == limited.out
        whole, limited = kvmmmu(dump, "report", "0"), kvmmmu(dump, "report", "0", program=ONE_IDLE)
        assert not notes(whole.out) and len(notes(limited.out)) == 1
        assert int(notes(limited.out)[0].split()[0]) > 1, limited.out
