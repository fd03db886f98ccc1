# SPDX-License-Identifier: GPL-2.0-or-later
"""crash, the program and a capsule give the same answers, with BTF and with DWARF.

Every command on every vCPU of every kind of dump that the lab makes, in one crash session a dump."""

import pytest

from tools import Crash, GENERATIONS, batch, dumps, kernel, kvmmmu, questions, without_rip, without_source

WITH_VMS = [("7.3", name) for name in ("healthy", "looping", "panic", "nonpt")]
WITH_VMS += [("6.1", name) for name in ("healthy", "zeroed", "panic", "nonpt")]
WITHOUT = [(gen, name) for gen in GENERATIONS for name in ("novms", "nokvm")]
REGISTERS = ("rip", "cr0", "cr3", "cr4", "efer")  # no capsule contains them


A_PATH = "fault --trace -a 21000 -e 6"  # a fault that did not happen
GUEST = "walk --gva"  # in guest memory, which no capsule contains


class Asked:
    """One dump, and every answer to every question: text (with its error), and JSON."""

    def __init__(self, gen, name, folder):
        self.gen, self.name = gen, name
        self.dump, self.debug = dumps(gen) / f"{name}.kdump", kernel(gen) / "debug"
        vms = kvmmmu(self.dump, "vms", "-j")
        vms = vms.json["vms"] if vms.code == 0 else []
        self.questions = questions(vms) + ["explain", "explain --trace"]
        for vm, vcpu in ((vm, vcpu) for vm in vms for vcpu in vm["vcpus"]):
            who = f"{vm['vm']['number']}:{vcpu['index']}"
            self.questions += [f"explain {who}", f"fault --trace {who}", f"{A_PATH} {who}", f"{GUEST} {who} 21000"]
        self.lines = self.questions + [f"{q} -j" for q in self.questions]
        self.capsule, self.theirs = folder / "ours", folder / "theirs"
        self.captured = kvmmmu(self.dump, "capture", "-o", self.capsule, "--with-names")
        self.program = dict(zip(self.lines, batch(self.dump, self.lines)))
        self.dwarf = dict(zip(self.lines, batch(self.dump, [f"{line} --types dwarf"
                                                            for line in self.lines], self.debug)))
        made = f"kvmmmu capture --with-names -o {self.theirs}"
        listed = f"kvmmmu capture --list {self.theirs}"
        out = Crash(gen, self.dump).run(made, listed, *(f"kvmmmu {line}" for line in self.lines))
        self.made, self.listed = out[:2]
        self.crash = dict(zip(self.lines, out[2:]))


@pytest.fixture(scope="module", params=WITH_VMS + WITHOUT, ids=lambda p: "-".join(p))
def asked(request, tmp_path_factory):
    return Asked(*request.param, tmp_path_factory.mktemp("asked"))


def compare(asked, theirs, same_text=True, comparable=without_source):
    """Compare two answers: exit codes if both have them, errors, text, JSON."""
    told = 0
    for line in theirs:
        ours, other = asked.program[line], theirs[line]
        if ours.code:
            assert (ours.code, ours.err) == (other.code, other.err), line
        elif line.endswith(" -j"):
            assert comparable(ours.out) == comparable(other.out), line
            told += 1
        elif same_text:
            assert ours.out == other.out, line
    return told


def answers_of(asked):
    return sum(not answer.code for line, answer in asked.program.items() if line.endswith(" -j"))


def in_a_capsule(asked, line):
    """Leave out the path of a fault that did not happen and, under shadow paging, guests' page tables."""
    return not line.startswith((A_PATH, GUEST)) and (
        asked.name != "nonpt" or not line.startswith("explain") and "--trace" not in line)


def test_questions_are_answered(asked):
    """Otherwise there would be nothing to compare."""
    if asked.name == "nokvm":
        assert answers_of(asked) == 0
        assert all("kvm is not loaded" in asked.program[q].err for q in ("vms", "perms", "slots"))
    elif asked.name == "novms":
        assert "there are no VMs" in asked.program["vms"].out
    else:
        assert answers_of(asked) > 140
        assert sum(q.startswith("fault") for q in asked.questions) >= 30


def test_crash_says_what_the_program_says(asked):
    for line in asked.lines:
        ours, theirs = asked.program[line], asked.crash[line]
        if line.endswith(" -j") and not ours.code:
            assert without_source(ours.out) == without_source(theirs), line
        else:
            # each front end names its own help
            said = (ours.out + ours.err).replace('see "kvmmmu --help"', 'see "help kvmmmu"')
            assert said.strip() == theirs.strip(), line


def test_dwarf_says_what_btf_says(asked):
    assert compare(asked, asked.dwarf, same_text=False) == answers_of(asked)
    assert asked.name == "nokvm" or "DWARF of " in asked.dwarf["vms"].out


def test_capsule_says_what_the_dump_says(asked):
    def without_registers(answer):
        tree = without_rip(without_source(answer))
        for vm in tree.get("vms", []):
            for vcpu in vm["vcpus"]:
                vcpu.update(dict.fromkeys(REGISTERS))
        return tree

    if asked.name == "nokvm":
        assert asked.captured.code == 3 and not asked.capsule.exists()
        return
    lines = [line for line in asked.lines if in_a_capsule(asked, line)]
    capsule = dict(zip(lines, batch(asked.capsule, lines)))
    told = compare(asked, capsule, comparable=without_registers)
    assert told == sum(not asked.program[line].code for line in lines if line.endswith(" -j"))


def test_crash_makes_the_same_capsule(asked):
    """Byte for byte, although crash 9 uses a newer zlib."""
    if asked.name == "nokvm":
        assert "kvm is not loaded" in asked.made and not asked.theirs.exists()
        return
    assert asked.theirs.read_bytes() == asked.capsule.read_bytes(), asked.made
    assert "nothing else" in asked.listed
    assert asked.capsule.stat().st_size <= 64 * 1024


def test_text_fits_a_terminal(asked):
    for question in asked.questions:
        text = asked.program[question].out + asked.program[question].err
        assert text.strip(), question
        wide = [line for line in text.splitlines() if len(line) > 80 and "kvmmmu: " not in line]
        # except for wide tables: the counters of vms can be long, and so can addresses of a range
        assert not wide or question.startswith(("vms", "walk -n")), (question, wide)


def test_no_mod_s_needed(asked):
    """The session loaded no module's debuginfo, and types and symbols are known nevertheless."""
    if asked.name != "nokvm":
        assert "types from BTF" in asked.crash["vms"]
