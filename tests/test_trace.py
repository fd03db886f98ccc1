# SPDX-License-Identifier: GPL-2.0-or-later
"""kvmmmu replay on traces of real kernels, and on lines that nobody traced."""

import json
import os
import random
import subprocess

import pytest

from tools import BUILD, TOP, kvmmmu

TRACES = TOP / "samples" / "traces"
LOOPING, MIXED = TRACES / "amd-7.3-looping.trace", TRACES / "amd-7.3-mixed.trace"


def findings(answer):
    return {(f["id"], f["certainty"]) for f in answer.json.get("findings", [])}


@pytest.mark.parametrize("masks", [[], ["--as", "npt"], ["--as", "npt:7.3"], ["--as", "npt:7.2"]])
def test_a_real_loop_is_named(masks):
    answer = kvmmmu("replay", "-j", *masks, LOOPING)
    assert findings(answer) == {("spurious-loop", "proven")}
    top = answer.json["faults"][0]
    assert top["address"] == "0x4000000" and top["loop"] == "spurious-loop"
    assert top["faults"] == top["spurious"] > 100 and top["fixed"] == 0
    assert top["old_spte"] == top["new_spte"]
    # its neighbours do not loop
    assert all(f["loop"] is None for f in answer.json["faults"][1:])
    text = kvmmmu("replay", *masks, LOOPING).out
    assert "spurious-loop (proven)" in text and "beta-vcpu0" in text


def test_a_healthy_trace_has_no_finding_and_fits():
    answer = kvmmmu("replay", "-j", "--as", "npt:7.3", MIXED)
    assert findings(answer) == set()
    judged = answer.json["judged"]
    assert judged["fits"] > 50
    assert judged["differs"] == judged["contradicts"] == judged["not_judged"] == 0
    assert answer.json["trace"]["not_understood"] == 0


def test_other_masks_do_not_fit():
    """The same trace as if it were EPT's: what was fixed there can't be explained."""
    judged = kvmmmu("replay", "-j", "--as", "ept:7.3", MIXED).json["judged"]
    assert judged["differs"] + judged["contradicts"] > 50


def test_masks_of_a_dump():
    answer = kvmmmu(TOP / "samples" / "amd-7.3-healthy.kvmmmu", "replay", "-j", MIXED)
    assert answer.json["source"]["release"].startswith("7.3")
    assert answer.json["judged"]["differs"] == 0 < answer.json["judged"]["fits"]


def test_standard_input_and_exit_code():
    run = subprocess.run([BUILD / "kvmmmu", "replay", "--fail-on", "likely", "-"], text=True,
                         input=LOOPING.read_text(), capture_output=True)
    assert run.returncode == 1 and "spurious-loop" in run.stdout
    run = subprocess.run([BUILD / "kvmmmu", "replay", "--fail-on", "possible", "--as", "npt", "-"],
                         text=True, input=MIXED.read_text(), capture_output=True)
    assert run.returncode == 0
    assert kvmmmu(TOP / "samples" / "amd-7.3-healthy.kvmmmu", "replay", "-").code == 2


def test_nobody_waits_for_a_pipe(tmp_path):
    """Inside gdb and crash it could not be interrupted; without a target it is read as any file."""
    os.mkfifo(tmp_path / "pipe")
    answer = kvmmmu(TOP / "samples" / "amd-7.3-healthy.kvmmmu", "replay", tmp_path / "pipe")
    assert answer.code == 2 and "regular file" in answer.err
    with subprocess.Popen(["cp", MIXED, tmp_path / "pipe"]):
        assert "kvm_page_fault" in kvmmmu("replay", tmp_path / "pipe").out


@pytest.mark.parametrize("words,code", [(["replay"], 2), (["replay", "/nonexistent"], 3),
                                        (["replay", "/"], 3), (["replay", "--as", "arm", MIXED], 2)])
def test_misuse_is_one_clear_line(words, code):
    answer = kvmmmu(*words)
    assert answer.code == code and len(answer.err.strip().splitlines()) == 1


def test_a_round_too_large_to_follow_is_told(tmp_path):
    """Sixty addresses in turn, none ever mended: more than are kept apart."""
    trace = tmp_path / "trace"
    lines = [f"vmm-1 [000] ..... 1.{i:06}: kvm_page_fault: vcpu 0 rip 0x1 address {0x1000 * (i % 60):#x} "
             "error_code 0x6\n" for i in range(60 * 200)]
    trace.write_text("".join(lines))
    text = kvmmmu("replay", trace).out
    assert "made room for others" in text and "no fault came" not in text
    trace.write_text("".join(line for i, line in enumerate(lines) if i % 60 < 40))
    text = kvmmmu("replay", trace).out
    assert "made room" not in text and "200 faults at 0x1000" in text


def test_a_trace_without_faults_says_so(tmp_path):
    trace = tmp_path / "trace"
    trace.write_text("# tracer: nop\n a-1 [000] ..... 1.000001: sched_switch: prev_comm=a\n")
    assert "no page fault" in kvmmmu("replay", trace).out
    trace.write_text("")
    assert "no page fault" in kvmmmu("replay", trace).out


def damage(lines, rng):
    for line in lines:
        what = rng.randrange(8)
        if what == 0:
            yield line[:rng.randrange(len(line) + 1)]
        elif what == 1:
            at = rng.randrange(len(line) + 1)
            yield line[:at] + bytes([rng.randrange(256)]) + line[at + 1:]
        elif what == 2:
            yield line + b" " + bytes(rng.randrange(256) for _ in range(rng.randrange(6000)))
        elif what == 3:
            yield line.replace(b"0x", b"0x" + b"f" * rng.randrange(40))
        elif what == 4:
            yield b"CPU:%d [LOST %d EVENTS]" % (rng.randrange(9), rng.randrange(1 << 70))
        else:
            yield line


@pytest.mark.parametrize("seed", range(20))
def test_damaged_lines_are_counted_and_skipped(tmp_path, seed):
    """Under the sanitizers: whatever the lines are, there is an answer."""
    rng = random.Random(seed)
    lines = MIXED.read_bytes().split(b"\n")
    trace = tmp_path / "trace"
    trace.write_bytes(b"\n".join(damage(lines, rng)))
    answer = kvmmmu("replay", "-j", "--as", "npt", trace, program=BUILD / "asan" / "kvmmmu")
    assert answer.code == 0, answer.err
    assert answer.json["trace"]["not_understood"] > 10
    assert answer.json["trace"]["lost_places"] > 10


def test_memory_does_not_grow_with_the_trace(tmp_path):
    """Many threads, every fault another one: what is kept stays small."""
    trace = tmp_path / "trace"
    with trace.open("w") as out:
        for i in range(300000):
            out.write(f"t-{i % 5000 + 1} [000] ..... {i // 1000}.{i % 1000:06}: kvm_page_fault: vcpu 0 "
                      f"rip 0x{i:x} address 0x{i * 4096:016x} error_code 0x6\n")
    run = subprocess.run(["prlimit", f"--data={64 << 20}", BUILD / "kvmmmu", "replay", "-j", trace],
                         check=True, stdout=subprocess.PIPE, text=True)
    answer = json.loads(run.stdout)
    assert answer["trace"]["page_faults"] == 300000
    assert any("past the first" in note for note in answer["notes"])
