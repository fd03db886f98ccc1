# SPDX-License-Identifier: GPL-2.0-or-later
"""The exit whose instruction KVM could not emulate, in kvm_run, where an interrupt has replaced it in the VMCB.

Two loops on a write that KVM cannot emulate, preempted after an INTR exit; then the same with edited bytes of kvm_run.
"""

import json

import pytest

from capsule_edit import HEX, Edited
from tools import TOP, kvmmmu

SAMPLES = {f"{gen}/{name}": TOP / f"samples/kdump/{gen}/{name}.kvmmmu"
           for gen, name in (("6.1", "drawn-c2.00"), ("6.12", "drawn-c8.00"))}
CAUSES = {"6.1/drawn-c2.00": "no-slot", "6.12/drawn-c8.00": "readonly-slot"}
INTERNAL_ERROR, IO, UNKNOWN = 17, 2, 0
FLAGS, CODE, INFO_1, INFO_2 = 0, 3, 4, 5  # words of internal.data where the instruction's bytes are given


def of_kvm_run(path):
    """The vCPU that has a fault in kvm_run."""
    vcpus = [v for v in kvmmmu(path, "explain", "-j").json["vcpus"] if any(f["source"] == "kvm_run" for f in v["faults"])]
    return vcpus[0] if vcpus else None


@pytest.fixture(name="edited", params=SAMPLES)
def fixture_edited(request, tmp_path):
    path = SAMPLES[request.param]
    edited = Edited(path, tmp_path / "edited.kvmmmu")
    vcpu = HEX(of_kvm_run(path)["about"]["address"])
    edited.run = edited.read(vcpu, "kvm_vcpu.run")
    edited.at, size = edited.field(edited.run, "kvm_run.internal_data")
    assert size == 16 * 8
    return edited


@pytest.mark.parametrize("name", SAMPLES)
def test_it_is_the_fault_of_the_loop(name):
    truth = json.loads(SAMPLES[name].with_suffix(".json").read_text())
    loop = next((m, v) for m in truth["machines"] for v in m["vcpus"]
                if m["cause"] == CAUSES[name] and v["vcpu"] == m["stage"]["subject"] and v["class"] == "INTR, preempted")
    said = of_kvm_run(SAMPLES[name])
    assert said["about"]["address"] == loop[1]["kvm_vcpu"] and loop[1]["last_exit"]["exit_code"] == "0x60"
    fault = next(f for f in said["faults"] if f["source"] == "kvm_run")
    assert int(fault["address"], 16) >> 12 == int(loop[0]["stage"]["page"], 16) >> 12
    assert fault["judged"] and (said["state"], said["certainty"]) == ("stuck", "likely")
    assert said["findings"][0]["id"] == CAUSES[name]


def word_at(edited, i):
    return int.from_bytes(edited.get(edited.virtual, edited.at + 8 * i, 8), "little")


def test_each_word_is_where_the_kernel_puts_it(edited):
    assert word_at(edited, FLAGS) == 1 and word_at(edited, CODE) == 0x400
    edited.word(edited.at + 8 * INFO_2, 0x12345678)
    edited.word(edited.at + 8 * INFO_1, 0x100000005)
    edited.save()
    fault = next(f for f in of_kvm_run(edited.path)["faults"] if f["source"] == "kvm_run")
    assert (fault["address"], fault["error_code"]) == ("0x12345678", "0x100000005")


def test_without_the_bytes_of_the_instruction(edited):
    for i in range(FLAGS + 1, CODE):
        edited.word(edited.at + 8 * i, word_at(edited, i + 2))
    edited.word(edited.at + 8 * 3, word_at(edited, INFO_2))
    edited.word(edited.at, 0)
    edited.set(edited.run, "kvm_run.internal_ndata", 6)
    edited.save()
    assert [f["address"] for f in of_kvm_run(edited.path)["faults"] if f["source"] == "kvm_run"] == \
        [f["address"] for f in of_kvm_run(edited.sample)["faults"] if f["source"] == "kvm_run"]


@pytest.mark.parametrize("member, value", [
    ("exit_reason", IO), ("internal_suberror", 3), ("internal_ndata", 7), ("internal_ndata", 17)])
def test_what_something_else_has_written_is_not_used(edited, member, value):
    edited.set(edited.run, f"kvm_run.{member}", value)
    edited.save()
    assert of_kvm_run(edited.path) is None


@pytest.mark.parametrize("code", [0x60, 0x78, 0x7b, 2**32])
def test_an_exit_that_is_no_fault_is_not_used(edited, code):
    edited.word(edited.at + 8 * CODE, code)
    edited.save()
    assert of_kvm_run(edited.path) is None


@pytest.mark.parametrize("member", ["exit_reason", "internal_suberror", "internal_ndata", "internal_data"])
def test_what_is_not_in_the_capsule_is_not_used(edited, member):
    at, _ = edited.field(edited.run, f"kvm_run.{member}")
    start = max(a for a in edited.virtual if a <= at)
    data = edited.virtual.pop(start)
    if at > start:
        edited.virtual[start] = data[:at - start]
    edited.save()
    assert of_kvm_run(edited.path) is None


def test_a_new_run_leaves_it(edited):
    """vcpu_run() resets exit_reason, and nothing else."""
    edited.set(edited.run, "kvm_run.exit_reason", UNKNOWN)
    edited.save()
    assert of_kvm_run(edited.path) is not None
