# SPDX-License-Identifier: GPL-2.0-or-later
"""kvmmmu batch: exactly one line for each file, whatever it is, and the same verdicts as explain."""

import json
import os
import subprocess

import pytest

import schema
from tools import BUILD, SCENARIOS, TOP, kvmmmu

SAMPLES = sorted((TOP / "samples").glob("*.kvmmmu"))
CAPSULES = [*SAMPLES, *sorted(SCENARIOS.rglob("*.kvmmmu"))]
# Whose ring buffers have events of KVM.
TRACED = sorted((TOP / "samples" / "kdump").rglob("*-trace*.kvmmmu"))
PROGRAM = BUILD / "kvmmmu"


def lines(*words, stdin=None):
    run = subprocess.run([PROGRAM, "batch", *map(str, words)], input=stdin, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    assert not run.stderr
    found = [json.loads(line) for line in run.stdout.splitlines()]
    assert not [problem for line in found if (problem := schema.problem(line))]
    return found


def deserves(vcpu):
    return (vcpu["state"] in ("stuck", "unknown") or
            any(f["certainty"] != "note" for f in vcpu.get("findings", [])))


@pytest.mark.parametrize("capsule", CAPSULES[:len(SAMPLES)] + CAPSULES[len(SAMPLES)::9] + TRACED, ids=lambda path: path.stem)
def test_the_verdicts_are_explains(capsule):
    line, = lines(capsule)
    said = kvmmmu(capsule, "explain", "-j").json
    assert line["error"] is None
    assert line["summary"] == said["summary"]
    assert line["source"] == said["source"]
    expected = [(f"{v['about']['vm']}:{v['about']['index']}", v["state"], v["certainty"], v["fingerprint"])
                for v in said["vcpus"] if deserves(v)]
    assert [(v["vcpu"], v["state"], v["certainty"], v["fingerprint"]) for v in line["vcpus"]] == expected
    causes = [next((f["id"] for f in v.get("findings", []) if f["certainty"] != "note"), None)
              for v in said["vcpus"] if deserves(v)]
    assert [v["cause"] for v in line["vcpus"]] == causes


def test_every_file_has_one_line_in_order(tmp_path):
    torn = tmp_path / "torn.kvmmmu"
    torn.write_bytes(SAMPLES[0].read_bytes()[:5000])
    names = [tmp_path / name for name in ("pipe", "missing", "empty", "a name\twith \"blanks\"")]
    os.mkfifo(names[0])
    names[2].touch()
    names[3].write_bytes(SAMPLES[0].read_bytes())
    files = [*names, torn, tmp_path, TOP / "README.md", SAMPLES[0]]
    found = lines(*files)
    assert [line["file"] for line in found] == [str(path) for path in files]
    assert [line["error"] is None for line in found] == [False, False, False, True, False, False, False, True]
    assert lines("-", stdin="".join(f"{path}\n" for path in files)) == found
    assert {line["error_class"] for line in found if line["error"]} <= {"data", "read"}


def test_a_name_that_ends_a_line(tmp_path):
    """The reason stands after the name, whatever is in it."""
    path = tmp_path / "a\x1b[31m\nb"
    path.write_bytes(b"nothing" * 100)
    line, = lines(path)
    assert line["file"] == str(path)
    assert line["error"].endswith("a?[31m?b: neither an ELF nor a kdump-compressed dump")


def test_an_answer_that_needs_too_much_memory_is_that_files_alone():
    """The limit is the address space: below what the program needs to start, nothing can be read."""
    first, second = lines("--memory-limit", "1M", SAMPLES[0], SAMPLES[0])
    assert first["error_class"] == second["error_class"] == "memory"
    assert "out of memory" in first["error"] and "out of memory" in second["error"]


def test_a_file_that_never_ends_is_stopped(tmp_path):
    """strace makes it wait for nine seconds when it opens the file."""
    run = subprocess.run(["strace", "-f", "-qq", "-o", tmp_path / "log", "-e", "trace=openat",
                          "-e", "inject=openat:delay_enter=9000000", "-P", SAMPLES[0],
                          PROGRAM, "batch", "--time-limit", "1", SAMPLES[0]], capture_output=True, text=True, timeout=60)
    line, = map(json.loads, run.stdout.splitlines())
    assert line["error_class"] == "time"
    assert "--time-limit" in line["error"]


def test_it_is_a_command_of_the_program_only():
    assert "no file" not in kvmmmu("batch").err
    assert kvmmmu("batch").code == 2
    assert kvmmmu("batch", "--limit", "3", SAMPLES[0]).code == 2


@pytest.mark.parametrize("words", [["batch", *CAPSULES], [SAMPLES[0], "explain"], ["batch", "-"]], ids=["batch", "explain", "list"])
def test_a_reader_that_has_seen_enough_is_no_error(words):
    """`| head`: as with the other commands."""
    ends = os.pipe()
    os.close(ends[0])
    run = subprocess.run([PROGRAM, *words], input="".join(f"{path}\n" for path in CAPSULES) if "-" in words else "", stdout=ends[1],
                         stderr=subprocess.PIPE, text=True, timeout=60)
    os.close(ends[1])
    assert run.returncode == 0 and not run.stderr


def test_lines_that_cannot_be_written_are_an_error():
    with open("/dev/full", "w") as full:
        run = subprocess.run([PROGRAM, "batch", *SAMPLES], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert run.returncode == 3 and "cannot write the answer: No space left on device" in run.stderr
