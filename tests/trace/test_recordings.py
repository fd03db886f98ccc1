# SPDX-License-Identifier: GPL-2.0-or-later
"""What perf, bpftrace and trace-cmd printed of the lab's machines (recordings/), read without any line left over.

scripts/lab/trace/record_tools.py recorded them on Linux 7.3 with perf 6.1, bpftrace 0.17 and trace-cmd 3.1.6; they are
the first lines of its files, and one whole trace.dat. The events were counted by other means: `grep -c` on the files.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from tools import TOP, kvmmmu  # noqa: E402

RECORDINGS = HERE / "recordings"


def replay(name):
    answer = kvmmmu("replay", "-j", RECORDINGS / name).json
    assert answer["trace"]["not_understood"] == 0, answer["trace"]["first_not_understood"]
    return answer


@pytest.mark.parametrize("name", ["perf-script.txt", "perf-script-ns.txt"])
def test_perf_script(name):
    answer, text = replay(name), (RECORDINGS / name).read_text()
    for key, event in (("page_faults", "kvm_page_fault"), ("fast_page_faults", "fast_page_fault"), ("exits", "kvm_exit")):
        assert answer["trace"][key] == len(re.findall(f"kvm(?:mmu)?:{event}:", text)) > 0
    assert {v["comm"]: v["tid"] for v in answer["vcpus"]} == \
        {comm: int(tid) for comm, tid in re.findall(r"^ *(\S+) +(\d+) ", text, re.MULTILINE)}
    assert answer["judged"]["differs"] == answer["judged"]["contradicts"] == 0


# --- trace.dat ---

TRACE_DAT = RECORDINGS / "trace-cmd.dat"


@pytest.fixture(scope="module", params=[(), ("-N",), ("-l",), ("-t",), ("-R",)],
                ids=["report", "without plugins", "latency", "ns", "raw"])
def trace_cmd_report(request, tmp_path_factory):
    """What trace-cmd prints of the recording, with one of its options: text and a file of it."""
    text = subprocess.run(["trace-cmd", "report", *request.param, TRACE_DAT], stdout=subprocess.PIPE, text=True,
                          check=True).stdout
    file = tmp_path_factory.mktemp("report") / "report"
    file.write_text(text)
    return text, file


def test_trace_dat(trace_cmd_report):
    """The file itself, and the text of it: the same answer, and the events that grep finds."""
    text, file = trace_cmd_report
    whole, answer = replay(TRACE_DAT), replay(file)
    for key, event in (("page_faults", "kvm_page_fault"), ("fast_page_faults", "fast_page_fault"), ("exits", "kvm_exit"),
                       ("set_sptes", "kvm_mmu_set_spte"), ("userspace_exits", "kvm_userspace_exit")):
        assert whole["trace"][key] == answer["trace"][key] == len(re.findall(rf"\b{event}: ", text)) > 100, key
    assert whole["trace"].pop("file") != answer["trace"].pop("file")
    for key in ("first", "last"):  # rounded or not
        assert abs(float(whole["trace"].pop(key)) - float(answer["trace"].pop(key))) < 2e-6
    assert whole["trace"] == answer["trace"] and whole["judged"] == answer["judged"]
    assert whole["judged"]["differs"] == whole["judged"]["contradicts"] == 0 < whole["judged"]["fits"]
    # the latency format has eight characters of a name
    counted = [[{key: row[key] for key in row if key != "comm"} for row in x["vcpus"] + x["faults"]]
               for x in (whole, answer)]
    assert counted[0] == counted[1]


def test_perf_kvm_stat():
    assert [(c["key"], c["count"]) for c in replay("perf-kvm-stat.txt")["counts"]] == \
        [("interrupt", 915), ("npf", 565), ("io", 388)]


def test_perf_trace():
    fault, = replay("perf-trace.txt")["faults"]
    assert (fault["tid"], fault["address"], fault["raw_error_code"], fault["rip"]) == (159, "0x30000000", "0x10000000c", "0x2802f")


def test_perf_stat():
    assert {(c["key"], c["count"]) for c in replay("perf-stat.txt")["counts"]} == \
        {("kvm:kvm_exit", 1082), ("kvm:kvm_page_fault", 446), ("kvmmmu:fast_page_fault", 140), ("kvm:kvm_entry", 1082)}


def test_bpftrace_prints_and_maps():
    answer, text = replay("bpftrace.txt"), (RECORDINGS / "bpftrace.txt").read_text()
    assert answer["trace"]["page_faults"] == text.count("address=") == 41
    # bpftrace prints keys in decimal
    means = {c["key"]: c["means"] for c in answer["counts"]}
    assert means["@faults[805306368, 4294967310]"] == "0x30000000, error code W|U|RSVD|GUEST_FINAL"
    assert answer["counts"][0]["count"] == 97 and answer["counts"][0]["key"] == "@faults[805306368, 4294967310]"


def test_bpftrace_exits():
    assert [(c["count"], c["means"]) for c in replay("bpftrace-exits.txt")["counts"]] == \
        [(522, "NPF"), (512, "INTR"), (448, "IOIO")]


# --- the kernel's own log: a dump of a host whose log buffer has wrapped ---

def test_a_wrapped_log_of_a_real_host():
    """A capsule of the lab's scenario reserved-bits, taken after 303 such faults: older records are overwritten."""
    capsule = HERE / "logs" / "7.3-reserved-bits-wrapped.kvmmmu"
    log = kvmmmu(capsule, "log", "-j").json["log"]
    rest, hierarchy = log
    # the first record of the buffer is in the middle of a hierarchy
    assert "first line is missing" in rest["means"] and [s["level"] for s in rest["sptes"]] == [2, 1]
    assert hierarchy["function"] == "get_mmio_spte" and hierarchy["repeats"] == 303 and hierarchy["time"] == "[   37.896337]"
    assert [(s["level"], s["rsvd_set"], s["legal"]) for s in hierarchy["sptes"]] == \
        [(4, "0x0", True), (3, "0x0", True), (2, "0x0", True), (1, "0x400000000000", False)]
    explained = " ".join(kvmmmu(capsule, "explain", "0:2").out.split())
    assert "reserved-bits (likely)" in explained
    assert "kernel log [ 37.896337]: get_mmio_spte: reserved bits set on MMU-present spte, addr 0xc96e000" in explained
    report = kvmmmu(capsule, "report", "-j").json
    assert [(line["time"], line["repeats"]) for line in report["host"]["kernel_log"]] == \
        [("[   37.896337]", 1), ("[   37.896337]", 303)]


def test_a_warning_of_a_real_host():
    """The same with a log buffer that still has the WARN of the first fault: both are cited."""
    capsule = HERE / "logs" / "7.3-reserved-bits-warn.kvmmmu"
    hierarchy, warn = kvmmmu(capsule, "log", "-j").json["log"][-2:]
    assert hierarchy["kind"] == "hierarchy" and hierarchy["repeats"] == 1309 and hierarchy["time"] == "[   15.799151]"
    assert warn["kind"] == "warn" and warn["time"] == "[   15.801623]" and warn["function"] == "kvm_mmu_page_fault"
    assert "reserved bits" in warn["means"]
    explained = " ".join(kvmmmu(capsule, "explain", "0:2").out.split())
    finding = explained[explained.index("! reserved-bits (likely)"):explained.index("next: ")]
    assert "kernel log [ 15.799151]: get_mmio_spte: reserved bits set on MMU-present spte, addr 0xc96e000" in finding
    assert "kernel log [ 15.801623]: WARNING: arch/x86/kvm/mmu/mmu.c:4535 at kvm_mmu_page_fault.cold+0xc7/0xe4" in finding
    lines = kvmmmu(capsule, "report", "-j").json["host"]["kernel_log"]
    assert [(line["time"], line["repeats"]) for line in lines[-2:]] == [("[   15.799151]", 1309), ("[   15.801623]", 1)]
    assert "vmm-vcpu" not in str(lines)  # no names


# --- counts ---

def counts(tmp_path, text):
    file = tmp_path / "pasted"
    file.write_text(text)
    return kvmmmu("replay", "-j", file).json, " ".join(kvmmmu("replay", file).out.split())


def test_statistics_that_show_a_storm(tmp_path):
    answer, text = counts(tmp_path, "pf_taken 168635430\npf_spurious 168634249\npf_fixed 1181\n")
    assert "pf_spurious is 100.0% of pf_taken" in text and "neither" not in text
    assert [c["key"] for c in answer["counts"]] == ["pf_taken", "pf_spurious", "pf_fixed"]
    assert "pf_spurious is" not in counts(tmp_path, "pf_taken 1000\npf_spurious 700\n")[1]


def test_counts_say_what_they_lack(tmp_path):
    _, text = counts(tmp_path, "@faults[0x12345000, 0x182]: 3\n")
    assert "1 count of events (bpftrace)" in text and "not when, on which vCPU, or with what result" in text
    assert "no page fault" not in text


def test_the_highest_counts_are_kept(tmp_path):
    answer, text = counts(tmp_path, "".join(f"@gfn[{i}]: {i}\n" for i in range(1, 200)))
    assert [c["count"] for c in answer["counts"]] == list(range(199, 167, -1))
    assert "199 counts" in text and "the 32 highest counts are shown" in text


@pytest.mark.parametrize("key,means", [
    ("@exits[48]", "EPT_VIOLATION"), ("@exits[1024]", "NPF"), ("@[4711, 388]", "0x1267, 0x184"),
    ("@gpa[4096, 388]", "0x1000, exit qualification 0x184: instruction fetch; nothing is mapped (R=W=X=0 in the entries); "
                        "final translation of a guest linear address"), ("@[0x1000]", None), ("@x", None), ("@[qemu, 12]", None)])
def test_what_keys_mean(tmp_path, key, means):
    count, = counts(tmp_path, f"{key}: 12\n")[0]["counts"]
    assert (count["key"], count["means"]) == (key, means)


def test_no_map_swallows_what_follows(tmp_path):
    """A key that does not end, and events behind it."""
    events = (TOP / "tests/trace/forms/01-ftrace.txt").read_text()
    answer, _ = counts(tmp_path, "@[\n    kvm_mmu_page_fault+1\n\n" + events)
    assert answer["trace"]["page_faults"] == 3 and "counts" not in answer
