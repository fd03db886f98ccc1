# SPDX-License-Identifier: GPL-2.0-or-later
"""A file that cannot be read everywhere: the answer is the same, or it names what could not be read, and why.

strace makes single reads fail (EIO), end early (0 bytes) or return some of their bytes only. reads.c does the same
without starting the program again for each, and so for many more: KVMMMU_READS=all tries every read of each file."""

import gzip
import json
import os
import random
import re
import shutil
import subprocess
import time

import pytest

import schema
from tools import BUILD, TOP, dumps, kernel

PROGRAM = BUILD / "kvmmmu"
SAMPLE = TOP / "samples" / "amd-7.3-looping.kvmmmu"
# What strace does to reads, and how an answer calls it. A single short read is repeated, and is no fault. (strace does
# not fill the buffer: these bytes must not be used.)
FAULTS = {
    "error=EIO": "Input/output error",
    "retval=0": "the file has become shorter",
    "retval=3": "read() returns fewer bytes than the file has",
}
FORMS = ("kdump", "elf", "flat", "capsule", "unpacked-capsule")


def strace(log, inject, *words, only="pread64", env=None):
    argv = ["strace", "-f", "--seccomp-bpf", "-qq", "-y", "-o", log, "-e", f"trace={only}",
            *(["-e", f"inject={only}:{inject}"] if inject else []), PROGRAM, *words]
    return subprocess.run(argv, capture_output=True, text=True, timeout=300, env={**os.environ, **(env or {})})


def explain(path, log, inject=None):
    return strace(log, inject, path, "explain", "-j")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """{form: (file, answer, numbers of its reads)}; the loader's own reads come before."""
    folder = tmp_path_factory.mktemp("reads")
    unpacked = folder / "unpacked"
    unpacked.write_bytes(gzip.decompress(SAMPLE.read_bytes()))
    found = {}
    for form in FORMS:
        path = {"capsule": SAMPLE, "unpacked-capsule": unpacked}.get(form) or dumps("7.3") / {"flat": "healthy.flat.kdump"}.get(form, f"healthy.{form}")
        log = folder / "log"
        whole = explain(path, log)
        assert whole.returncode == 0, whole.stderr
        lines = log.read_text().splitlines()
        ours = [n for n, line in enumerate(lines, 1) if str(path) in line or "/var/tmp" in line or "(deleted)" in line]
        assert ours
        found[form] = path, json.loads(whole.stdout), ours
    yield found
    shutil.rmtree(folder)


def sample_of(reads, form):
    rest = reads[15:]
    return reads[:15] + random.Random(form).sample(rest, min(15, len(rest)))


def facts(answer):
    """Without what only says that something could not be read."""
    return {key: value for key, value in answer.items() if key not in ("notes", "unread")}


def judge(run, whole, reason):
    """The answer is whole, or an answer or error that names the reason."""
    if run.returncode:
        assert run.returncode == 3 and not run.stdout, run.stderr
        assert run.stderr.count("\n") == 1 and reason and reason in run.stderr, run.stderr
        return "refused"
    answer = schema.parse(run.stdout)
    if answer == whole:
        return "same"
    assert reason, "a short read changed the answer"
    notes = [note for note in answer["notes"] if "could not be read: " + reason in note]
    assert len(notes) == 1 and answer["unread"], answer.get("notes")
    part = answer["unread"][0]
    assert f"{part['bytes']} bytes at offset {part['offset']}" in notes[0] and reason == part["error"]
    return "same and named" if facts(answer) == facts(whole) else "named"


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("form", FORMS)
def test_one_read_fails(files, form, fault, tmp_path):
    path, whole, reads = files[form]
    outcomes = {}
    for number in sample_of(reads, form):
        run = explain(path, tmp_path / "log", f"{fault}:when={number}")
        try:
            outcome = judge(run, whole, None if "retval" in fault else FAULTS[fault])
        except AssertionError as wrong:
            raise AssertionError(f"read {number} of {form}, {fault}: {wrong}") from wrong
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    print(form, fault, outcomes)
    if fault == "error=EIO":
        # nothing is whole that could not be read, and everything that is read matters at least once
        assert "same" not in outcomes and outcomes.get("refused", 0) >= 1, outcomes
    else:
        assert set(outcomes) == {"same"}, outcomes


@pytest.mark.parametrize("form", ["kdump", "elf", "flat"])
def test_many_reads_fail(files, form):
    """150 of the reads of each file, or all, one at a time."""
    path, _, reads = files[form]
    every = 1 if os.environ.get("KVMMMU_READS") == "all" else len(reads) // 150
    run = subprocess.run([BUILD / "reads", path, str(every)], capture_output=True, text=True)
    print(form, run.stdout[-3000:])
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr
    tried = sum(map(int, re.findall(r" (\d+)", re.search("EIO:.*", run.stdout)[0])))
    assert tried >= len(reads) // every - 3 and tried >= 100


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("form", FORMS)
def test_every_read_fails_from_one_on(files, form, fault, tmp_path):
    """The disk is gone."""
    path, whole, reads = files[form]
    for number in sorted({reads[0], reads[len(reads) // 2], reads[-1]}):
        run = explain(path, tmp_path / "log", f"{fault}:when={number}+")
        assert judge(run, whole, FAULTS[fault]) != "same"


def test_a_bad_sector_is_named_once_and_all_else_is_answered(files, tmp_path):
    """All reads of one page fail; what does not depend on it is as before."""
    path, whole, reads = files["elf"]
    # the last page that is read
    run = explain(path, tmp_path / "log", f"error=EIO:when={reads[-1]}")
    answer = schema.parse(run.stdout)
    assert [part["bytes"] for part in answer["unread"]] == [4096]
    states = lambda a: [(v["about"]["address"], v["state"]) for v in a["vcpus"]]
    same = sum(one == other for one, other in zip(states(answer), states(whole)))
    assert same >= len(whole["vcpus"]) - 1


def test_what_is_no_dump_is_not_said_of_a_file_that_cannot_be_read(files, tmp_path):
    path, _, reads = files["kdump"]
    for number in reads[:4]:
        run = explain(path, tmp_path / "log", f"error=EIO:when={number}")
        if run.returncode:
            assert "could not be read: Input/output error" in run.stderr
            assert not re.search("neither|truncated|damaged|no VMCOREINFO", run.stderr), run.stderr


def trace_lines():
    return TOP / "samples" / "traces" / "amd-7.3-mixed.trace"


@pytest.mark.parametrize("number", range(1, 4))
def test_a_trace(number, tmp_path):
    """Reading a trace stops at the error, and the error says where."""
    whole = subprocess.run([PROGRAM, "replay", trace_lines()], capture_output=True, text=True, check=True)
    run = subprocess.run(["strace", "-f", "-qq", "-o", tmp_path / "log", "-P", trace_lines(), "-e", "trace=read", "-e",
                          f"inject=read:error=EIO:when={number}", PROGRAM, "replay", trace_lines()],
                         capture_output=True, text=True, timeout=60)
    assert run.returncode == 3 and "Input/output error" in run.stderr and not run.stdout, whole.stdout[:200]


def test_debuginfo_that_becomes_shorter_while_it_is_mapped(tmp_path):
    """Reading beyond its end would be SIGBUS. strace waits after mmap(), and the file is cut meanwhile."""
    folder = tmp_path / "debug"
    shutil.copytree(kernel("7.3") / "debug", folder, ignore=lambda path, names: [n for n in names if n == "vmlinux"])
    kvm = next(path for path in folder.rglob("kvm.ko*") if path.is_file())
    run = subprocess.Popen(["strace", "-f", "-qq", "-o", tmp_path / "log", "-P", kvm, "-e", "trace=mmap", "-e",
                            "inject=mmap:delay_exit=4000000", PROGRAM, "--types", "dwarf", "-k", folder,
                            dumps("7.3") / "healthy.kdump", "perms"],
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    size = kvm.stat().st_size
    deadline = time.monotonic() + 60
    while "mmap" not in ((tmp_path / "log").read_text() if (tmp_path / "log").exists() else ""):
        assert time.monotonic() < deadline and run.poll() is None
        time.sleep(0.05)
    os.truncate(kvm, size // 2)
    out, err = run.communicate(timeout=120)
    assert run.returncode == 3 and not out, (run.returncode, out[:500], err)
    assert "kvm.ko" in err and "parts of it could not be read" in err and err.count("\n") == 1
