# SPDX-License-Identifier: GPL-2.0-or-later
"""Limits that leave something out of an answer are reported in it."""

from tools import BUILD, dumps, kvmmmu

# kvmmmu that keeps one thread of VM owners, instead of thousands, before it leaves out idle ones
ONE_IDLE = BUILD / "one-idle"


def test_threads_that_are_left_out():
    """Only idle threads are, so that the answer is otherwise the same; their number is reported."""
    for name in "healthy", "looping":
        dump = dumps("7.3") / f"{name}.kdump"
        whole, limited = kvmmmu(dump, "explain"), kvmmmu(dump, "explain", program=ONE_IDLE)
        assert "are left out" not in whole.out, whole.out
        note = [line for line in limited.out.splitlines() if "threads of VM owners" in line]
        assert len(note) == 1 and int(note[0].split()[0]) > 1, limited.out
        rest = limited.out.splitlines()
        at = rest.index(note[0])
        assert rest[:at] + rest[at + 2:] == whole.out.splitlines()
