# SPDX-License-Identifier: GPL-2.0-or-later
"""
What is long of an answer is in a temporary file: with programs in which everything counts as long, and where no file can
be created, answers are the same.
"""

import os
import subprocess

import pytest

from limits import lowered
from tools import BUILD, dumps, lab, measured

QUESTIONS = ["explain", "explain -j", "perms -j", "report --format html", "report --format markdown", "report --redact",
             "vms --format text", "explain 9:9"]
MEGABYTES = 40
BIG = ["explain", "explain -j", "report --format json", "perms", "perms -j", "vms -j", "capture -o OUT"]


def ask(program, question, folder):
    run = subprocess.run([program, dumps("7.3") / "looping.kdump", *question.split()], capture_output=True, text=True, timeout=120,
                         env={**os.environ, "TMPDIR": str(folder)}, check=False)
    return run.returncode, run.stdout, run.stderr


@pytest.fixture(scope="module", params=["kvmmmu/document/arena.c", "cli/held_answer.c"])
def program(request, tmp_path_factory):
    return lowered(tmp_path_factory.mktemp("lowered"), request.param, "IN_MEMORY", "0")


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_file_makes_no_difference(program, question, tmp_path):
    plain = ask(BUILD / "kvmmmu", question, tmp_path)
    assert ask(program, question, tmp_path) == plain
    assert ask(program, question, tmp_path / "missing") == plain
    assert not list(tmp_path.iterdir())


def test_a_file_is_used(program, tmp_path):
    trace = tmp_path / "trace"
    run = subprocess.run(["strace", "-f", "-e", "trace=open,openat", "-o", trace, program, dumps("7.3") / "looping.kdump", "vms", "-j"],
                         capture_output=True, env={**os.environ, "TMPDIR": str(tmp_path)}, check=False)
    assert run.returncode == 0
    assert "O_TMPFILE" in trace.read_text()


@pytest.mark.parametrize("question", BIG)
def test_memory_on_a_large_host(question, tmp_path):
    words = question.replace("OUT", str(tmp_path / "out")).split()
    code, text, megabytes, _ = measured(lab("crowd", "7.3") / "crowd.elf", words)
    assert code == 0 and (text or "capture" in question)
    assert megabytes <= MEGABYTES
