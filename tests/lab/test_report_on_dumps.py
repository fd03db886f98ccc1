# SPDX-License-Identifier: GPL-2.0-or-later
"""report on whole dumps: each printed command of crash and gdb shows the printed value; what maintainers ask for."""

import json
import re
import subprocess

import pytest

from tools import INTEL, Crash, cache, dumps, kvmmmu, without_rip

# Those that "make kdumps" left, and two that the tests make themselves.
KDUMPS = [(gen, path) for gen in ("6.1", "6.12", "7.3") for path in sorted((cache() / "kdump" / gen).glob("*.kdump"))[:1]]
HOSTS = [("6.1", "zeroed"), ("7.3", "looping"), *KDUMPS]
# A fact of the host that a kernel of Debian does not have: it is built without IKCONFIG.
NOT_IN_DEBIAN = {"config"}


def report(path, *words):
    return kvmmmu(path, "report", *words, "-j").json


def checks(answer):
    found = [check for chapter in answer["chapters"] for check in chapter["check"]["checks"]]
    assert found
    return found


def shown_by_crash(text):
    """The words of "ffff...:  0000 0000   ....": crash prints the characters in a last column."""
    words = []
    for line in text.splitlines():
        match = re.match(r"\s*[0-9a-f]+:\s+((?:[0-9a-f]{2,16} )*[0-9a-f]{2,16})(?:\s{2,}.*)?$", line)
        words += match[1].split() if match else []
    return words


@pytest.mark.parametrize("gen, name", [("7.3", "looping"), ("6.1", "zeroed"), ("7.3", "flip-00"),
                                       *(k for k in KDUMPS if k[0] in ("6.1", "7.3"))])
def test_commands_of_crash_show_the_printed_values(gen, name):
    """Of every chapter: the kdumps have several vCPUs that loop for different reasons."""
    path = name if (gen, name) in KDUMPS else dumps(gen) / f"{name}.kdump"
    asked = checks(report(path))
    shown = Crash(gen, path).run(*(check["crash"] for check in asked))
    for check, text in zip(asked, shown):
        assert shown_by_crash(text)[:len(check["values"].split())] == check["values"].split(), (check, text)


@pytest.mark.parametrize("name", INTEL)
def test_commands_of_gdb_show_the_printed_values(intel, name):
    """On an ELF vmcore whose segments have virtual addresses, which gdb reads itself."""
    path = intel / f"{name}.vmcore"
    asked = checks(kvmmmu("-k", intel / "vmlinux", path, "report", "0:0", "-j").json)
    run = subprocess.run(["gdb", "-nx", "-batch", intel / "vmlinux", path,
                          *(word for check in asked for word in ("-ex", "echo @@\\n", "-ex", check["gdb"]))],
                         text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
    parts = run.stdout.split("@@\n")[1:]
    assert len(parts) == len(asked), run.stdout[-2000:]
    for check, text in zip(asked, parts):
        words = [int(word, 16) for line in text.splitlines() for word in line.split(":", 1)[-1].split()
                 if word.startswith("0x")]
        assert words == [int(value, 16) for value in check["values"].split()], (check, text)


@pytest.mark.parametrize("gen, dump", HOSTS)
def test_what_maintainers_ask_for_is_filled_in(gen, dump):
    answer = report(dump if (gen, dump) in KDUMPS else dumps(gen) / f"{dump}.kdump")
    host = answer["host"]
    assert {key for key, value in host.items() if value is None} <= NOT_IN_DEBIAN | {"preemption"}
    assert host["build"].startswith(f"Linux version {host['release']} ")
    assert "console=ttyS0" in host["command_line"]
    assert host["taint"].split()[0].isdigit()
    assert re.search(r"QEMU.*family 0x\w+ model 0x\w+ stepping 0x\w+", host["cpu"])
    assert host["hypervisor"].startswith("yes") and "QEMU" in host["hardware"]
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", host["time"])
    days, hours, minutes, seconds = map(int, re.findall(r"\d+", host["uptime"]))
    assert 0 < days * 86400 + hours * 3600 + minutes * 60 + seconds < 3600
    params = {(p["module"], p["name"]): p["value"] for p in host["parameters"]}
    assert params["kvm", "tdp_mmu"] in "YN" and params["kvm_amd", "npt"] == "Y" and params["kvm_amd", "nested"] == "1"
    assert params["kvm", "halt_poll_ns"] == "200000"
    assert all(value is not None for value in params.values()), params
    assert len(params) > 20


def test_facts_are_what_crash_reads():
    path = dumps("7.3") / "looping.kdump"
    host = report(path)["host"]
    said = Crash("7.3", path).run("runq -t", "p tainted_mask", "p saved_command_line", "p ksm_run", "p boot_cpu_data.microcode")
    assert host["command_line"] in said[2]
    for fact, text in (("taint", said[1]), ("microcode", said[4])):
        assert int(host[fact].split()[0], 0) == int(re.search(r"= (0x\w+|\d+)", text)[1], 0)
    assert ("stopped" in host["ksm"]) == (re.search(r"= (\d+)", said[3])[1] == "0")
    # the clocks of the run queues: UPTIME of "sys" depends on a guess of HZ that is wrong on 7.3
    clocks = [int(ns) // 10**9 for ns in re.findall(r"CPU \d+: (\d+)", said[0])]
    _, _, minutes, seconds = map(int, re.findall(r"\d+", host["uptime"]))
    assert len(clocks) == int(host["cpus"]) and abs(minutes * 60 + seconds - max(clocks)) <= 2


@pytest.mark.parametrize("gen, name", [("6.1", "zeroed"), ("7.3", "looping")])
def test_messages_of_kvm_are_those_in_crash_s_log(gen, name):
    """Every line that crash prints for kvm, with its time; "kvmmmu log" decodes the same ones."""
    path = dumps(gen) / f"{name}.kdump"
    answer = report(path)
    lines = answer["host"]["kernel_log"]
    text, = Crash(gen, path).run("log")
    printed = re.findall(r"^(\[ *\d+\.\d{6}\]) (?:SVM: )?kvm(?:_amd)?: (.*)$", text, re.MULTILINE)
    assert len(printed) >= 2
    shown = [(line["time"], line["text"]) for line in lines]
    assert [one for one in printed if not any(one[0] == time and text.endswith(one[1]) for time, text in shown)] == []
    said = kvmmmu(path, "log", "-j").json["log"]
    assert [(line["time"], line["text"]) for line in lines] == [(one["time"], one["text"]) for one in said]
    assert "Nested Paging enabled" in kvmmmu(path, "report").out
    assert report(path, "--redact")["host"]["kernel_log"] == lines  # these name nothing


def test_a_capsule_gives_the_same_report(tmp_path):
    """With names; guest registers are in no capsule, nor symbols that the kernel does not have."""
    path = dumps("7.3") / "looping.kdump"
    kvmmmu(path, "capture", "--with-names", "-o", tmp_path / "c.kvmmmu")
    kvmmmu(path, "capture", "-o", tmp_path / "d.kvmmmu")
    whole, named, plain = report(path), report(tmp_path / "c.kvmmmu"), report(tmp_path / "d.kvmmmu")
    for answer in (whole, named, plain):
        answer.pop("source"), answer.pop("tool")
        without_rip(answer).pop("notes", None)
        answer["host"].pop("not_known", None)
        for chapter in answer["chapters"]:
            chapter.pop("unknown")
            chapter["vcpu_state"].pop("rip")
            chapter["loop"]["steps"][0].pop("what")
            notes = chapter["check"].pop("notes")  # on what the commands are to be used
            assert any("capsule" in note for note in notes) is (answer is not whole)
    assert whole == named
    assert plain["host"]["command_line"] is None
    plain["host"]["command_line"] = whole["host"]["command_line"]
    assert plain["host"] == whole["host"]


def test_front_ends_give_the_same_report():
    path = dumps("7.3") / "looping.kdump"
    in_crash = json.loads(Crash("7.3", path).run("kvmmmu report -j")[0])
    in_program = report(path)
    for answer in (in_crash, in_program):
        answer.pop("source"), answer.pop("tool")
    assert in_crash == in_program
