# SPDX-License-Identifier: GPL-2.0-or-later
"""sym: symbols of vmlinux as crash has them, and those of kvm, which crash does not know on 7.3."""

import re

import pytest

from tools import Crash, dumps, kvmmmu


@pytest.fixture(scope="module")
def dump():
    return dumps("7.3") / "looping.kdump"


def test_symbols_of_vmlinux(dump):
    said = Crash("7.3", dump).run("sym schedule", "sym init_task", "kvmmmu sym schedule", "kvmmmu sym kvm_vcpu_ioctl")
    for name, text in zip(("schedule", "init_task"), said):
        assert kvmmmu(dump, "sym", name, "-j").json["address"] == f"0x{text.split()[0]}"
    assert said[2] == kvmmmu(dump, "sym", "schedule").out and "0xffffffff" in said[3]


def test_functions_of_kvm_both_ways(dump):
    for name in ("kvm_vcpu_ioctl", "kvm_tdp_page_fault", "svm_vcpu_run"):
        found = kvmmmu(dump, "sym", name, "-j").json
        assert (found["name"], found["offset"]) == (name, 0)
        inside = int(found["address"], 16) + 9
        back = kvmmmu(dump, "sym", f"{inside:x}", "-j").json
        assert (back["name"], back["offset"]) == (name, 9)


def test_the_stack_of_the_report_is_in_these_functions(dump):
    frames = kvmmmu(dump, "report", "-j").json["chapters"][0]["stack"]["frames"]
    name, offset = next(f["function"] for f in frames if f["module"] == "kvm" and not f["function"].endswith("+0x0")).split("+")
    start = int(kvmmmu(dump, "sym", name, "-j").json["address"], 16)
    assert f"{name}+{offset}" in kvmmmu(dump, "sym", hex(start + int(offset, 16))).out


def test_what_is_not_there(dump):
    for word, part in (("no_such_function", 'no symbol "no_such_function"'), ("0x1234567", "is not in a function"),
                       ("0xzz", "not a 64-bit hexadecimal number")):
        answer = kvmmmu(dump, "sym", word)
        assert answer.code == 2 and part in answer.err and len(re.findall("\n", answer.err)) == 1
