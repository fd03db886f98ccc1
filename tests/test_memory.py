# SPDX-License-Identifier: GPL-2.0-or-later
"""When memory runs out, an answer is whole or it is one line of error, in every format."""

import os
import random
import re
import resource
import subprocess

import pytest

from tools import BUILD, TOP, dumps

SAMPLE = TOP / "samples" / "amd-7.3-looping.kvmmmu"
LARGE = 4000  # bytes: blocks of a document, the answer's text, pages
COMMANDS = ("explain", "explain -j", "explain --trace -j", "perms", "perms -j", "vms -j", "mmu 0:0 -j",
            "fault 0:0 --trace -j", "walk -n all 0:0 0 -j", "slots", "report", "report --format markdown", "report --format html")


@pytest.fixture(scope="module")
def preload(tmp_path_factory):
    library = tmp_path_factory.mktemp("memory") / "out_of_memory.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, TOP / "tests" / "out_of_memory.c"], check=True)
    return library


def run(preload, words, **variables):
    env = {**os.environ, "LD_PRELOAD": str(preload), "KVMMMU_FAIL_SIZE": str(LARGE), **variables}
    return subprocess.run([BUILD / "kvmmmu", *words], capture_output=True, timeout=60, env=env)


@pytest.mark.parametrize("command", COMMANDS)
def test_answers_are_whole_or_an_error(preload, command):
    """From each allocation on, all others fail: some commands end before the last one matters."""
    words = [SAMPLE, *command.split()]
    whole = run(preload, words, KVMMMU_COUNT_TO="2")
    assert whole.returncode == 0
    count, errors = int(whole.stderr), 0
    assert count >= 5
    for at in range(1, count + 1):
        answer = run(preload, words, KVMMMU_FAIL_FROM=str(at))
        if answer.returncode == 0:
            assert answer.stdout == whole.stdout and not answer.stderr, at
            continue
        errors += 1
        assert answer.returncode == 3 and not answer.stdout, at
        assert answer.stderr.startswith(b"kvmmmu: ") and answer.stderr.count(b"\n") == 1, at
    assert errors >= count - 1


@pytest.mark.parametrize("name", ["healthy.kdump", "healthy.elf"])
def test_a_limit_of_memory(name):
    """As by ulimit -v: no other reason is given than this one. Below 12 MB, the libraries do not fit."""
    words = [BUILD / "kvmmmu", dumps("7.3") / name, "explain"]
    whole = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    ends = set()
    for mib in range(10, 60, 2):
        limit = lambda: resource.setrlimit(resource.RLIMIT_AS, (mib << 20, mib << 20))
        run = subprocess.run(words, capture_output=True, text=True, preexec_fn=limit, timeout=60)
        if run.returncode == 127:
            continue
        ends.add(run.returncode)
        if run.returncode:
            assert (run.returncode, run.stdout) == (3, "") and re.fullmatch("kvmmmu: .*out of memory\n", run.stderr), (mib, run.stderr)
        else:
            assert run.stdout == whole and not run.stderr
    assert ends == {0, 3}


@pytest.mark.parametrize("how", ["KVMMMU_FAIL_AT", "KVMMMU_FAIL_FROM"])
def test_a_capsule_is_whole_or_not_written(preload, how):
    """Manifest and stacks are JSON that json-c builds: hundreds of small allocations, the last ones before it is packed."""
    words = [SAMPLE, "capture", "-o", "-"]
    whole = run(preload, words, KVMMMU_FAIL_SIZE="0", KVMMMU_COUNT_TO="2")
    count = int(whole.stderr.split()[-1])
    assert whole.returncode == 0 and whole.stdout and count > 2000
    errors = 0
    # json-c itself crashes when a single allocation fails while it parses: the capsule is read before
    early = random.Random(how).sample(range(1, count - 900), 150) if how == "KVMMMU_FAIL_FROM" else []
    for at in [*early, *range(count - 900, count + 1, 3)]:
        answer = run(preload, words, KVMMMU_FAIL_SIZE="0", **{how: str(at)})
        if answer.returncode == 0:
            assert answer.stdout == whole.stdout, at
            continue
        errors += 1
        assert answer.returncode == 3 and not answer.stdout, (at, answer.returncode, answer.stderr)
        assert answer.stderr.startswith(b"kvmmmu: ") and answer.stderr.count(b"\n") == 1, (at, answer.stderr)
    assert errors > 200
