# SPDX-License-Identifier: GPL-2.0-or-later
"""Text fits the screen: --width and the width of a terminal; elsewhere, tables are as wide as they need."""

import fcntl
import os
import pty
import struct
import subprocess
import termios

import pytest

from tools import BUILD, TOP, batch, kvmmmu

LOOPING = TOP / "samples/amd-7.3-looping.kvmmmu"
SAMPLES = sorted((TOP / "samples").glob("*.kvmmmu"))
QUESTIONS = ("vms", "explain", "explain 0:0", "slots", "perms", "audit", "mmu 0:0", "walk 0:0 4000000", "fault 0:0",
             "walk -n all 0:0 0", "find 4000000", "report")


@pytest.mark.parametrize("width", [60, 80, 140])
@pytest.mark.parametrize("capsule", SAMPLES, ids=lambda path: path.stem)
def test_no_line_is_longer(capsule, width):
    """Single words, such as a function's name, are not broken."""
    for question, answer in zip(QUESTIONS, batch(capsule, [f"{q} --width {width}" for q in QUESTIONS])):
        long = [line for line in answer.out.splitlines() if len(line) > width and " " in line.strip()]
        assert not long, (question, long[:2])


@pytest.mark.parametrize("width", [80, 140])
def test_nothing_is_lost_or_split(width):
    """The words are those of the unfolded answer."""
    for question in QUESTIONS[:-1]:
        folded, = batch(LOOPING, [f"{question} --width {width}"])
        plain, = batch(LOOPING, [question])
        assert sorted(folded.out.split()) == sorted(plain.out.split()), question


@pytest.mark.parametrize("words", [(), ("explain",), ("replay",)])
def test_help_fits(words):
    for width in (60, 79, 120):
        out = kvmmmu(*words, "--help", "--width", width).out
        long = [line for line in out.splitlines() if len(line) > width and "kvmmmu " not in line]
        assert not long and max(map(len, out.splitlines())) > width - 12, (width, long)
        assert out.split() == kvmmmu(*words, "--help").out.split()


def on_terminal(columns, *words, **environment):
    """What the program prints on a terminal of this width."""
    main, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    env = {key: value for key, value in os.environ.items() if key != "COLUMNS"} | {"NO_COLOR": "1", **environment}
    with subprocess.Popen([BUILD / "kvmmmu", *words], stdout=side, stdin=subprocess.DEVNULL, env=env) as run:
        os.close(side)
        out = b""
        try:
            while piece := os.read(main, 65536):
                out += piece
        except OSError:  # the other side is closed
            pass
        assert run.wait() == 0
    os.close(main)
    return out.decode().replace("\r\n", "\n")


def test_a_terminal_tells_its_width():
    wide, narrow = (on_terminal(columns, LOOPING, "vms") for columns in (200, 70))
    assert wide == kvmmmu(LOOPING, "vms", "--width", 200).out
    assert narrow == kvmmmu(LOOPING, "vms", "--width", 70).out != wide
    assert max(map(len, narrow.splitlines())) <= 70 < max(map(len, wide.splitlines()))
    assert on_terminal(200, LOOPING, "vms", COLUMNS="70") == narrow
    assert on_terminal(200, LOOPING, "vms", "--width", "70") == narrow
    assert on_terminal(10, LOOPING, "vms") == kvmmmu(LOOPING, "vms").out  # too narrow to be true
    assert on_terminal(70, LOOPING, "vms", "-j") == kvmmmu(LOOPING, "vms", "-j").out


def test_a_report_has_76_columns_unless_told_otherwise():
    assert on_terminal(200, LOOPING, "report") == kvmmmu(LOOPING, "report").out
    assert max(map(len, kvmmmu(LOOPING, "report", "--width", 120).out.splitlines())) > 76


def test_widths_that_are_none():
    for width in ("0", "39", "1001", "x", "-1", ""):
        answer = kvmmmu(LOOPING, "vms", "--width", width)
        assert answer.code == 2 and "--width" in answer.err, width


def test_states():
    """--state shows the vCPUs in these states only; the counts are of all."""
    whole = kvmmmu(LOOPING, "explain", "-j").json
    for states in (["stuck"], ["stuck", "waiting"], ["never ran"], ["unknown"]):
        words = ",".join(states).replace(" ", "-")
        said = kvmmmu(LOOPING, "explain", "--state", words, "-j").json
        assert said["vcpus"] == [v for v in whole["vcpus"] if v["state"] in states]
        assert said["summary"] == whole["summary"]
    text = kvmmmu(LOOPING, "explain", "--state", "stuck").out
    assert "11 vCPUs in other states are not shown" in text and "never ran" not in text.split("\n", 2)[2]
    for word in ("", "stuck,", "dead", "never ran ", "stuck waiting"):
        answer = kvmmmu(LOOPING, "explain", "--state", word)
        assert answer.code == 2 and "there is no state" in answer.err, word


def test_owner_by_name():
    assert kvmmmu(LOOPING, "explain", "vmm-beta:0").out == kvmmmu(LOOPING, "explain", "0:0").out
    assert kvmmmu(LOOPING, "vms", "vmm-alpha").out == kvmmmu(LOOPING, "vms", "1").out
    assert kvmmmu(LOOPING, "vms", "vmm-").code == 2
