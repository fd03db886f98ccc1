# SPDX-License-Identifier: GPL-2.0-or-later
"""kvmmmu replay on traces of real kernels and on lines that nobody traced; kvmmmu error on numbers."""

import json
import os
import random
import subprocess

import pytest

import schema
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


def test_ept_without_ad_bits_is_inferred():
    """A real trace: format and A/D bits come from its SPTEs, and a dump of that kernel says the same."""
    trace = TRACES / "intel-7.3-ept-no-ad-bits.trace"
    answer = kvmmmu("replay", "-j", trace)
    assert {row["format"] for row in answer.json["formats"] if row["fits"]} == {"ept:7.2"}
    assert answer.json["judged"] == kvmmmu(TOP / "samples" / "intel-7.3-ept-no-ad-bits.kvmmmu", "replay", "-j",
                                           trace).json["judged"]
    judged = answer.json["judged"]
    assert judged["fits"] > 50 and judged["differs"] == judged["contradicts"] == judged["not_judged"] == 0
    assert findings(answer) == set() and answer.json["trace"]["not_understood"] == 0


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
    assert "faults were dropped" in text and "no fault repeats" not in text
    trace.write_text("".join(line for i, line in enumerate(lines) if i % 60 < 40))
    text = kvmmmu("replay", trace).out
    assert "were dropped" not in text and "200 faults at 0x1000" in text


def test_a_trace_without_faults_says_so(tmp_path):
    trace = tmp_path / "trace"
    trace.write_text("# tracer: nop\n a-1 [000] ..... 1.000001: sched_switch: prev_comm=a\n")
    assert "no page fault" in kvmmmu("replay", trace).out
    trace.write_text("")
    assert "no page fault" in kvmmmu("replay", trace).out


def test_a_kernel_log_without_kvm_says_so(tmp_path):
    log = tmp_path / "dmesg"
    log.write_text("[    0.000000] Linux version 6.12\n[    1.000000] usb 1-1: new device\n")
    assert "none of the 2 lines of this kernel log is a message of KVM" in kvmmmu("log", log).out


def test_faults_that_are_not_understood_are_not_denied(tmp_path):
    """Cut lines: how many, the first of them, and what was expected."""
    trace = tmp_path / "trace"
    trace.write_text(" a-1 [000] ..... 1.000001: kvm_page_fault: vcpu 0 rip 0x1 addr\n\n" * 3)
    text = " ".join(kvmmmu("replay", trace).out.split())
    assert "no page fault" not in text and "record kvm:" not in text
    assert "3 lines were not understood (3 of kvm_page_fault); the first is line 1" in text
    assert "expected: address and error_code" in text
    answer = kvmmmu("replay", "-j", trace)
    first = json.loads(answer.out)["trace"]["first_not_understood"]
    assert answer.code == 3 and first["line"] == 1 and "kvm_page_fault" in first["text"]


def test_binary_traces_are_named(tmp_path):
    """trace.dat goes through trace-cmd where it is installed; what else is binary is said to be."""
    data = tmp_path / "trace.dat"
    data.write_bytes(b"\027\010\104tracing6\0" + bytes(200))
    answer = kvmmmu("replay", data)
    assert answer.code == 3 and "trace-cmd" in answer.err
    tool = tmp_path / "bin" / "trace-cmd"
    tool.parent.mkdir()
    tool.write_text(f"#!/bin/sh\n[ \"$1\" = report ] && [ \"$2\" = \"{data}\" ] && cat {LOOPING}\n")
    tool.chmod(0o755)
    run = subprocess.run([BUILD / "kvmmmu", "replay", data], text=True, capture_output=True,
                         env={**os.environ, "PATH": f"{tool.parent}:{os.environ['PATH']}"}, check=True)
    assert "spurious-loop (proven)" in run.stdout
    tool.write_text("#!/bin/sh\nexit 1\n")
    run = subprocess.run([BUILD / "kvmmmu", "replay", data], text=True, capture_output=True,
                         env={**os.environ, "PATH": f"{tool.parent}:{os.environ['PATH']}"})
    assert run.returncode == 3 and "trace-cmd report failed" in run.stderr
    for head, word in ((b"PERFILE2", "perf script"), (b"\x1f\x8b\x08", "zcat"), (b"\xfd7zXZ\0", "xzcat")):
        data.write_bytes(head + bytes(100))
        answer = kvmmmu("log", data)
        assert answer.code == 3 and word in answer.err


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
    assert answer.json["trace"]["not_understood"] > 5
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
    answer = schema.parse(run.stdout)
    assert answer["trace"]["page_faults"] == 300000
    assert any("after the first" in note for note in answer["notes"])


def test_speed_and_memory(tmp_path):
    """Tens of megabytes a second even beside other jobs, in as much memory as a small file needs."""
    line = ("       CPU {0}/KVM-{1}  [00{0}] d.... {2}.{3:06}: kvm_page_fault: vcpu {0} rip 0xffffffff8100e612 "
            "address 0x{4:016x} error_code 0x184\n")
    block = "".join(line.format(i % 8, 5000 + i % 8, i // 1000, i % 1000, i * 4096) for i in range(50000))
    trace = tmp_path / "trace"
    with trace.open("w") as out:
        out.writelines(block for _ in range(16))
    with subprocess.Popen(["prlimit", f"--data={24 << 20}", BUILD / "kvmmmu", "replay", trace],
                          stdout=subprocess.DEVNULL) as run:
        _, status, used = os.wait4(run.pid, 0)
        run.returncode = os.waitstatus_to_exitcode(status)
    assert run.returncode == 0
    rate = trace.stat().st_size / 1e6 / max(used.ru_utime, 0.01)
    print(f"\n{rate:.0f} MB a second of processor time")
    assert rate > 30


# --- numbers ---

@pytest.mark.parametrize("words,reading,text", [
    ("184", "ept", "instruction fetch; nothing is mapped"), ("1aa", "ept", "write; the entries allow R-X"),
    ("683", "ept", "read and write; nothing is mapped"), ("781", "ept", "read; nothing is mapped"),
    ("--as ept 1", "ept", "read; nothing is mapped"), ("--as pferr 184", "pferr", "U|0x180"),
    ("100000007", "pferr", "P|W|U|GUEST_FINAL"), ("7", "pferr", "P|W|U"), ("80000306", "idt", "vector 6 (#UD), hardware exception"),
    ("80000b0e", "idt", "vector 14 (#PF), hardware exception, with an error code"), ("800000ec", "idt", "vector 236, external interrupt"),
    ("400 1680000007 1729b1000", "svm", "NPF"), ("--as svm 78", "svm", "HLT"),
    ("8000020000000092", "tdx", "TDX_OPERAND_BUSY"), ("c0000b0d00000092", "tdx", "TDX_EPT_ENTRY_STATE_INCORRECT")])
@pytest.mark.parametrize("command", ["error", "pfec"])
def test_numbers_of_an_exit(command, words, reading, text):
    answer = kvmmmu(command, "-j", *words.split()).json
    assert answer["reading"] == reading and answer["why"]
    assert text in answer["spelled"]
    shown = " ".join(kvmmmu(command, *words.split()).out.split())  # the line may be wrapped
    assert "read as" in shown and ("--as overrides" in shown) == (not answer["sure"])


@pytest.mark.parametrize("words,refused,reading,text", [
    ("--as ept 80000306", "ept", "idt", "vector 6 (#UD), hardware exception"),
    ("--as ept 80000b0e", "ept", "idt", "vector 14 (#PF), hardware exception, with an error code"),
    ("--as ept:6.12 800000ec", "ept", "idt", "vector 236, external interrupt"),
    ("--as ept 80000202", "ept", "idt", "vector 2 (NMI), NMI"),
    ("--as ept 100000007", "ept", "pferr", "P|W|U|GUEST_FINAL"), ("--as ept c0000b0d00000092", "ept", "tdx", "TDX_EPT_ENTRY_STATE_INCORRECT"),
    ("--as idt 8000020000000092", "idt", "tdx", "TDX_OPERAND_BUSY"), ("--as idt 100000006", "idt", "pferr", "W|U|GUEST_FINAL"),
    ("--as ept 1184", None, "ept", "instruction fetch"), ("--as ept 10184", None, "ept", "instruction fetch"),
    ("--as idt 80000306", None, "idt", "vector 6 (#UD)"), ("--as idt 0", None, "idt", "none")])
def test_a_number_that_is_not_what_was_asked_for(words, refused, reading, text):
    """It is read as what it is, and the answer says that it is not what --as says."""
    answer = kvmmmu("error", "-j", *words.split()).json
    assert (answer.get("not"), answer["reading"]) == (refused, reading) and text in answer["spelled"]
    assert ("why_not" in answer) == (refused is not None) and "error_codes" not in answer or reading == "ept"
    shown = " ".join(kvmmmu("error", *words.split()).out.split())
    assert ("is not one" in shown) == (refused is not None)


def test_what_is_no_error_code_either():
    """An SPTE, and a status of a newer TDX module."""
    assert '"spte" decodes SPTEs' in " ".join(kvmmmu("error", "600000000b77b37").out.split())
    assert "spte" not in kvmmmu("error", "100000007").out.replace("spte_permission_fault()", "")
    answer = kvmmmu("error", "-j", "c000060100000000").json
    assert answer["reading"] == "tdx" and not answer["sure"] and "a status" in kvmmmu("error", "c000060100000000").out


def test_interruption_info_is_no_error_code_of_a_fault():
    """-e takes error codes and qualifications: bit 8 of 0x80000306 is part of a type."""
    sample = TOP / "samples" / "intel-7.3-ept-no-ad-bits.kvmmmu"
    answer = kvmmmu(sample, "explain", "-a", "10000000", "-e", "80000306", "0:0")
    assert answer.code == 2 and "IDT-vectoring or interruption info" in answer.err
    for code in ("80000007", "1aa", "7"):  # RMP of SEV-SNP; a qualification; an error code
        assert kvmmmu(sample, "explain", "-a", "10000000", "-e", code, "0:0").code == 0


def test_a_qualification_becomes_an_error_code():
    codes = {row["kernels"]: row["spelled"] for row in kvmmmu("error", "-j", "181").json["error_codes"]}
    assert codes == {"before 7.2": "U|GUEST_FINAL", "7.2 and later": "GUEST_FINAL"}
    one = kvmmmu("error", "-j", "--as", "ept:6.12", "1aa").json["error_codes"]
    assert [(row["kernels"], row["value"]) for row in one] == [("before 7.2", "0x100000003")]


@pytest.mark.parametrize("qualification,spte,said", [
    ("1aa", "90a0000003a00f75", "found the permissions that this SPTE has"),
    ("184", "61000034d40e877", "allows more than the processor found"),
    ("1ba", "90a0000003a00f75", "does not have")])
def test_bits_of_the_qualification_and_the_spte(qualification, spte, said):
    assert said in " ".join(kvmmmu("error", qualification, spte).out.split())


@pytest.mark.parametrize("words", [["zz"], [], ["7", "8", "9", "a"], ["--as", "arm", "7"], ["100000007", "1"]])
def test_misused_numbers(words):
    answer = kvmmmu("error", *words)
    assert answer.code == 2 and len(answer.err.strip().splitlines()) == 1


def test_reading_of_an_intel_dump():
    """On a host with EPT a small number is a qualification, and KVM's own form of the error code is known."""
    answer = kvmmmu(TOP / "samples" / "intel-7.3-ept-no-ad-bits.kvmmmu", "error", "-j", "3").json
    assert answer["reading"] == "ept" and not answer["sure"]
    assert [row["kernels"] for row in answer["error_codes"]] == ["7.2 and later"]


NPF = "vcpu 3 reason EXIT_NPF rip 0x401000 info1 0x0000001680000007 info2 0x00000001729b1000 intr_info 0x00000000"


@pytest.mark.parametrize("words,reading,text", [
    (["0x184"], "ept", "instruction fetch"), (["0X184"], "ept", "instruction fetch"), (["184h"], "ept", "instruction fetch"),
    (["0x1_0000_0007"], "pferr", "P|W|U|GUEST_FINAL"), (["1_0000_0007"], "pferr", "P|W|U|GUEST_FINAL"),
    (["0x100000007ULL"], "pferr", "P|W|U|GUEST_FINAL"), (["0x184,"], "ept", "instruction fetch"),
    (["(0x184)"], "ept", "instruction fetch"), (["error_code=0x184"], "ept", "instruction fetch"),
    (["error_code 0x184"], "ept", "instruction fetch"), (["error_code", "0x184"], "ept", "instruction fetch"),
    (["error", "code:", "184"], "ept", "instruction fetch"), (["ec=184"], "ept", "instruction fetch"),
    (["exit_qualification=0x184"], "ept", "instruction fetch"), (["qualification=0000000000000184"], "ept", "instruction fetch"),
    (["Exit", "Qualification:", "0x184"], "ept", "instruction fetch"), (["exit_qualification=1"], "ept", "read; nothing"),
    (["ext_inf1: 0x0000000000000184"], "ept", "instruction fetch"), (["info1", "184"], "ept", "instruction fetch"),
    (["EXITINFO1=0x100000007"], "pferr", "P|W|U|GUEST_FINAL"), (["exit_info_1: 100000007"], "pferr", "P|W|U|GUEST_FINAL"),
    (["sw_exit_info_1: 6"], "pferr", "W|U"), (["pfec 7"], "pferr", "P|W|U"),
    (["IDTVectoring:", "info=80000306"], "idt", "vector 6 (#UD)"), (["idt_vectoring_info=0x80000b0e"], "idt", "vector 14 (#PF)"),
    (["EXITINTINFO=0x80000b0e"], "idt", "vector 14 (#PF)"), (["intr_info 0x0"], "idt", "none"),
    (["exit_code=0x400"], "svm", "NPF"), (["exit_code=1024"], "svm", "NPF"), (["VMEXIT_NPF exitinfo1 6"], "pferr", "W|U"),
    (["exit_reason=48"], "vmx", "EPT_VIOLATION"), (["exit_reason=0x30"], "vmx", "EPT_VIOLATION"),
    (["reason=00000030"], "vmx", "EPT_VIOLATION"), (["exit reason 1024"], "svm", "NPF"), (["--as", "vmx", "31"], "vmx", "EPT_MISCONFIG"),
    (["vp_enter_ret 0x8000020000000092"], "tdx", "TDX_OPERAND_BUSY"),
    (["SEAMCALL TDH_MEM_PAGE_AUG failed: 0xc0000b0d00000092"], "tdx", "TDX_EPT_ENTRY_STATE_INCORRECT"),
    # digits that are hexadecimal numbers of nothing
    (["388"], "ept", "instruction fetch"), (["386"], "ept", "write; nothing"), (["4294967303"], "pferr", "P|W|U|GUEST_FINAL"),
    (["2147484422"], "idt", "vector 6 (#UD)"), (["error_code=388"], "ept", "instruction fetch"),
    (["9223374235878031506"], "tdx", "TDX_OPERAND_BUSY")])
def test_numbers_as_people_have_them(words, reading, text):
    answer = kvmmmu("error", "-j", *words).json
    assert (answer["reading"], text in answer["spelled"]) == (reading, True), answer
    digits = words[-1].split("=")[-1].split(" ")[-1]
    assert answer["decimal"] == (digits in ("388", "386", "4294967303", "2147484422", "9223374235878031506", "48", "1024"))
    if answer["decimal"]:
        assert "decimal" in kvmmmu("error", *words).out


@pytest.mark.parametrize("text,readings", [
    ("reason EPT_VIOLATION rip 0xffffffff8100e612 info1 0x0000000000000184 info2 0x0000000080000306 intr_info 0x00000000 "
     "error_code 0x00000000", [("info1", "ept", "0x184"), ("info2", "idt", "0x80000306"), ("intr_info", "idt", "0x0")]),
    (NPF, [("info1", "pferr", "0x1680000007"), ("intr_info", "idt", "0x0")]),
    ("exit_reason=48 exit_qualification=0x184 idt_vectoring_info=0x80000306",
     [("exit_reason", "vmx", "0x30"), ("exit_qualification", "ept", "0x184"), ("idt_vectoring_info", "idt", "0x80000306")]),
    ("exit_code=0x400 exitinfo1=0x100000007 exitinfo2=0x4000000",
     [("exit_code", "svm", "0x400"), ("exitinfo1", "pferr", "0x100000007")]),
    ("reason: EXIT_NPF ext_inf1: 0x0000000200000006 ext_inf2: 0x000000000a0b1000 ext_int: 0x00000000",
     [("ext_inf1", "pferr", "0x200000006"), ("ext_int", "idt", "0x0")])])
def test_several_numbers_at_once(text, readings):
    for words in (text.split(), [text]):
        answer = kvmmmu("error", "-j", *words).json
        found = [(part["name"].split()[-1], part["reading"], part["value"]) for part in [answer, *answer["others"]]]
        assert found == readings
    assert all(value in kvmmmu("error", text).out for _, _, value in readings)


def test_a_named_spte_is_compared():
    answer = kvmmmu("error", "-j", "error_code", "0x184", "old", "0x61000034d40e877").json
    assert answer["spte"]["rights"] == "RWX" and answer["spte"]["met"] == "---"


@pytest.mark.parametrize("words,text", [
    (["xyz"], '"xyz"'), (["0x"], '"0x"'), (["0x1g"], '"0x1g"'), (["12345678901234567890123"], "64-bit number"),
    (["vcpu", "3"], "none of these"), (["=", ":"], "neither a 64-bit number"), (["1", "2", "3", "4"], "4 numbers without names"),
    (["--as", "ept", "error_code=184"], "--as applies only to numbers without names"), (["7", "8"], "more than one number"),
    ([" ".join(f"err={n}" for n in range(1, 40))], "more than 15 numbers")])
def test_what_is_no_number_is_named(words, text):
    answer = kvmmmu("error", *words)
    assert answer.code == 2 and text in answer.err and len(answer.err.strip().splitlines()) == 1, answer.err
