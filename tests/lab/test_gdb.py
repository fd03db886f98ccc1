# SPDX-License-Identifier: GPL-2.0-or-later
"""gdb/kvmmmu.py at QEMU's stub: what it says of a live host is what the program and crash say of a dump
taken at the same stop, and the host does not notice."""

import collections
import json
import os
import re
import subprocess

import pytest

from machine import NEWER_GDBS, SCRIPT, Machine, plain_vmlinux, run_gdb, symbol_offset
from tools import BUILD, SHARED_DUMPS, Crash, dumps, kernel, kvmmmu, lab

# generation, what is added to the kernel's command line, where all CPUs stand
STOPS = [("7.3", "", "guest"), ("7.3", "", "host"), ("7.3", "nokaslr", "guest"), ("7.3", "nokaslr", "host"),
         ("6.1", "", "guest"), ("6.1", "", "host"), ("6.1", "nokaslr", "guest"), ("6.1", "nokaslr", "host")]
# Packets that read, select a CPU for that, or are about the connection; M X G P c s z Z are not among them.
READING = {"m", "g", "p", "H", "T", "?", "D", "qSupported", "vMustReplyEmpty", "qXfer", "qTStatus", "qfThreadInfo",
           "qsThreadInfo", "qThreadExtraInfo", "qAttached", "qOffsets", "qSymbol", "qC", "qTfV", "qTsV", "qTfP",
           "qTsP", "vCont?", "qqemu.PhyMemMode", "Qqemu.PhyMemMode"}
GENERAL = ["vms", "vms 1", "perms", "slots", "slots 2", "spte 80000000deadb865", "pfec 100000007"]


@pytest.fixture(scope="module")
def machines(tmp_path_factory):
    """A function that gives the machine of a generation and command line; one runs at a time."""
    running = {}

    def get(gen, append):
        if (gen, append) not in running:
            for machine in running.values():
                machine.kill()
            running.clear()
            running[gen, append] = Machine(gen, append, tmp_path_factory.mktemp("machine"))
        return running[gen, append]

    yield get
    for machine in running.values():
        machine.kill()


def vcpus(answer):
    return [(f"{vm['vm']['number']}:{vcpu['index']}", vcpu) for vm in answer["vms"] for vcpu in vm["vcpus"]]


def questions(vms):
    asked = list(GENERAL)
    for name, vcpu in vcpus(vms):
        asked += [f"mmu {name}", f"walk {name} 0", f"fault {name}", f"fault {vcpu['address']} -a 21000 -e 6"]
    return asked


def said_by_program(dump, question):
    run = kvmmmu(dump, *question.split(), "-j")
    return said(run.out) if run.code == 0 else run.err.strip()


def said(text):
    """An answer without what differs from front end to front end, or the line of error."""
    text = text.strip()
    if not text.startswith("{"):
        return text
    answer = json.loads(text)
    answer.pop("source", None)
    return answer


class Stop:
    """Everything asked at one stop, once."""

    def __init__(self, machine, where, folder):
        self.machine, self.where, self.folder = machine, where, folder
        machine.stop(where == "host")
        self.before = machine.memory()
        self.dump = folder / "stop.kdump"
        machine.qmp.dump(str(self.dump), "kdump-raw-zlib")
        self.asked = questions(kvmmmu(self.dump, "vms", "-j").json)
        self.program = {q: said_by_program(self.dump, q) for q in self.asked}
        capsule = folder / "capsule"
        with machine.relay() as relay:
            self.answers = self.ask(target=f"target remote {relay.path}", more=[f"kvmmmu capture -o {capsule}"])
        self.packets = relay.packets
        self.after = machine.memory()

    def ask(self, before=(), more=(), **how):
        commands = [f"kvmmmu {q} -j" for q in self.asked]
        out = self.machine.gdb(*commands, *more, before=before, **how)
        return dict(zip(self.asked, map(said, out)))

    def with_symbols(self, **how):
        vmlinux = plain_vmlinux(self.machine.gen, self.folder.parent)
        return self.ask(before=[f"symbol-file -o {symbol_offset(self.machine):#x} {vmlinux}"], **how)


@pytest.fixture(scope="module", params=STOPS, ids=lambda p: "-".join(filter(None, p)))
def stop(request, machines, tmp_path_factory):
    gen, append, where = request.param
    machine = machines(gen, append)
    yield Stop(machine, where, tmp_path_factory.mktemp("stop"))
    machine.resume()


def test_without_symbols_it_says_what_the_program_says(stop):
    assert stop.answers == stop.program
    assert len(vcpus(stop.answers["vms"])) >= 10


def test_with_symbols_too(stop):
    assert stop.with_symbols() == stop.program


def test_symbols_in_the_wrong_place_are_not_used(stop):
    vmlinux = plain_vmlinux(stop.machine.gen, stop.folder.parent)
    wrong = symbol_offset(stop.machine) + 0x200000
    out = stop.machine.gdb("kvmmmu vms -j", before=[f"symbol-file -o {wrong:#x} {vmlinux}"])
    assert said(out[0]) == stop.program["vms"]


def test_nothing_is_written(stop):
    """Neither memory nor registers: of all packets, these alone were sent."""
    kinds = collections.Counter(re.match(r"vCont.|[qQv][A-Za-z.]*|.", packet.decode())[0] for packet in stop.packets)
    assert kinds["m"] > 500
    assert set(kinds) <= READING, kinds
    assert stop.before == stop.after


def test_capsule_is_the_dumps(stop):
    ours = stop.folder / "capsule"
    theirs = stop.folder / "of-dump"
    assert kvmmmu(stop.dump, "capture", "-o", theirs).code == 0
    assert ours.read_bytes() == theirs.read_bytes()


def test_crash_says_the_same(stop):
    if stop.where == "guest" or "nokaslr" in stop.machine.append:
        asked = ["vms", "perms"]
    else:
        asked = stop.asked
    out = Crash(stop.machine.gen, stop.dump).run(*(f"kvmmmu {q} -j" for q in asked))
    assert dict(zip(asked, map(said, out))) == {q: stop.answers[q] for q in asked}


@pytest.mark.parametrize("program", NEWER_GDBS)
def test_newer_gdb(stop, program):
    if "nokaslr" in stop.machine.append:
        assert stop.with_symbols(program=program) == stop.program
    else:
        assert stop.ask(program=program) == stop.program
