# SPDX-License-Identifier: GPL-2.0-or-later
"""Exit codes and command lines, as the manual states them: nothing that was asked for is ignored without a word."""

import json
import re

import pytest

import schema
from capsule_edit import Edited
from tools import TOP, kvmmmu

SAMPLES = TOP / "samples"
LOOPING, HEALTHY = SAMPLES / "amd-7.3-looping.kvmmmu", SAMPLES / "amd-7.3-healthy.kvmmmu"


@pytest.mark.parametrize("words, code", [
    ((LOOPING, "diff", "--before", HEALTHY, "--fail-on", "possible"), 1),
    ((LOOPING, "diff", "--before", HEALTHY), 0),
    ((SAMPLES / "amd-6.1-healthy.kvmmmu", "diff", "--before", SAMPLES / "amd-6.1-healthy.kvmmmu", "--fail-on", "possible"), 0),
    (("batch", "--fail-on", "proven", LOOPING), 1),
    (("batch", "--fail-on", "possible", SAMPLES / "amd-6.1-healthy.kvmmmu", LOOPING), 1),
    (("batch", "--fail-on", "possible", SAMPLES / "amd-6.1-healthy.kvmmmu"), 0),
    (("batch", LOOPING), 0),
    ((LOOPING, "explain", "0:0", "--fail-on", "likely"), 1),
    ((HEALTHY, "explain", "--fail-on", "note"), 0)])
def test_fail_on(words, code):
    assert kvmmmu(*words).code == code


def test_a_trace_that_is_a_dump(tmp_path):
    for name, head, where in (("elf", b"\177ELF", "put it before"), ("kdump", b"KDUMP   ", "put it before"),
                              ("flat", b"makedumpfile\0\0\0\0", "put it before")):
        path = tmp_path / name
        path.write_bytes(head + bytes(4096))
        answer = kvmmmu("replay", path)
        assert (answer.code, answer.out) == (3, "") and "is a dump" in answer.err and where in answer.err
    assert "if it is a capsule" in kvmmmu("replay", LOOPING).err


def test_what_is_not_readable_is_no_answer(tmp_path):
    """The memslots of a VM, and the MMU of a vCPU, are not in this capsule (edited)."""
    edited = Edited(HEALTHY, tmp_path / "c.kvmmmu")
    vcpu = edited.ask("vms", "0")["vms"][0]["vcpus"][0]["address"]
    slots = int(edited.ask("vms", "0")["vms"][0]["vm"]["address"], 16) + edited.layout["kvm.memslots"]["offset"]
    at = max(a for a in edited.virtual if a <= slots)
    del edited.virtual[at]
    mmu = int(edited.ask("mmu", "0:0")["mmus"][0]["address"], 16)
    for base in [a for a in edited.virtual if mmu <= a < mmu + 0x100]:
        del edited.virtual[base]
    edited.save()
    answer = kvmmmu(edited.path, "slots", "0")
    assert answer.code == 3 and "memslots not readable" in answer.out and "0 memslots" not in answer.out
    answer = kvmmmu(edited.path, "walk", vcpu, "0", "-m", "root_mmu")
    assert answer.code == 3 and "not known what the MMU maps" in " ".join(answer.out.split())
    assert kvmmmu(HEALTHY, "slots", "0").code == kvmmmu(HEALTHY, "walk", vcpu, "0").code == 0


@pytest.mark.parametrize("words, says", [
    ((LOOPING, "report", "-o", "a", "-o", "b"), "given twice"),
    ((LOOPING, "explain", "--state", "stuck", "--state", "healthy"), "given twice"),
    ((HEALTHY, "explain", "-k", "/nonexist"), "No such file"),
    ((HEALTHY, "explain", "-k", "/tmp"), "contains its types"),
    ((HEALTHY, "explain", "--types", "dwarf"), "contains its types"),
    ((SAMPLES / "scenarios/7.3/spurious-loop.json", "explain"), "not a dump"),
    ((HEALTHY, "explain", "--watch", "3"), "VCPU"),
    ((HEALTHY, "vms", "-j", "--format", "markdown"), "two formats"),
    ((HEALTHY, "vms", "--format", "html", "-j"), "two formats"),
    ((HEALTHY, "find", "task"), "find task needs a number")])
def test_nothing_is_ignored(words, says):
    answer = kvmmmu(*words)
    assert answer.code in (2, 3) and says in answer.err and not answer.out
    assert "diff EARLIER" not in answer.err


def test_one_format_may_be_given_twice():
    assert kvmmmu(HEALTHY, "vms", "-j", "--format", "json").json == kvmmmu(HEALTHY, "vms", "-j").json


@pytest.mark.parametrize("command, says", [("explain", f'"kvmmmu {HEALTHY} explain"'), ("walk", f'"kvmmmu {HEALTHY} walk"'),
                                           ("diff", f'"kvmmmu diff EARLIER {HEALTHY}"')])
def test_a_dump_behind_the_command(command, says):
    answer = kvmmmu(command, HEALTHY)
    assert answer.code == 2 and answer.err.startswith(f"kvmmmu: {command} needs ") and says in answer.err
    assert len(answer.err.replace(str(HEALTHY), "DUMP")) < 100


@pytest.mark.parametrize("words, says", [
    (("explain", "vmm-none"), 'no VM or vCPU "vmm-none": there are VM 0 (vmm-'), (("audit", "vmm-none"), 'no VM "vmm-none": there are VM 0 (vmm-'),
    (("explain", "99"), 'there are VM 0 (vmm-'), (("walk", "99:0", "0"), 'there are VM 0 (vmm-')])
def test_unknown_vms_are_answered_with_those_that_exist(words, says):
    answer = kvmmmu(HEALTHY, *words)
    assert answer.code == 2 and says in answer.err and "name" in answer.err


def test_a_limit_below_the_first_entry():
    answer = kvmmmu(HEALTHY, "walk", "0:0", "0", "-n", "all", "--limit", "1")
    assert "use a higher limit" in " ".join(answer.out.split()) and "continue at" not in answer.out
    assert "continue at 0x" in kvmmmu(HEALTHY, "walk", "0:0", "0", "-n", "all", "--limit", "4").out


def test_damaged_types_are_named_once(tmp_path):
    path = tmp_path / "x.btf"
    path.write_bytes(bytes.fromhex("9feb0100180000000000000010270000102700000a000000") + bytes(10))
    answer = kvmmmu("layout", path)
    assert (answer.code, answer.err) == (3, f"kvmmmu: BTF of {path}: damaged BTF: sections outside the data\n")


def test_usage_of_explain_offers_what_it_takes():
    forms = [line for line in re.split(r"\n {7}kvmmmu|\nusage: kvmmmu", kvmmmu("explain", "--help").out)[1:]]
    assert not any("--watch" in form.split("\n\n")[0] and "[VM|VCPU]" in form.split("\n\n")[0] for form in forms)
    assert any("--watch N" in form for form in forms)


def test_numbers_that_are_decimal_elsewhere():
    assert "as a decimal number, 48 is 0x30: EPT_VIOLATION" in kvmmmu("error", "--as", "vmx", "48").out
    assert "decimal" not in kvmmmu("error", "--as", "vmx", "30").out
    assert "task 99999999999 was not found" in kvmmmu(HEALTHY, "find", "task", "99999999999").out


def test_a_range_of_which_nothing_was_walked():
    answer = kvmmmu(LOOPING, "walk", "0:0", "0", "-n", "all", "--limit", "1")
    assert "ffffffffffffffff" not in answer.out and "after 1 page-table page " in answer.out


def test_no_vm_is_no_number_below_zero(tmp_path):
    """The list of VMs is not in this capsule (edited)."""
    edited = Edited(HEALTHY, tmp_path / "c.kvmmmu")
    for vm in edited.ask("vms")["vms"]:
        base = int(vm["vm"]["address"], 16)
        for at in [a for a in edited.virtual if base <= a < base + 0x8000]:
            del edited.virtual[at]
    symbols = {s["name"]: int(s["address"], 16) for s in kvmmmu("capture", "--list", HEALTHY, "-j").json["symbols"]}
    at = max(a for a in edited.virtual if a <= symbols["vm_list"])
    del edited.virtual[at]
    edited.save()
    for words in (("audit", "0"), ("explain", "0:0")):
        answer = kvmmmu(edited.path, *words)
        assert answer.code == 3 and "below 0" not in answer.err, answer.err


@pytest.mark.parametrize("path", sorted((SAMPLES / "kernels").glob("*.kvmmmu")), ids=lambda path: path.stem)
def test_mmus_of_other_kernels_fit_the_schema(path):
    for vm in kvmmmu(path, "vms", "-j").json["vms"]:
        for vcpu in vm["vcpus"]:
            assert not schema.problem(json.loads(kvmmmu(path, "mmu", vcpu["address"], "-j").out))
