# SPDX-License-Identifier: GPL-2.0-or-later
"""DWARF, BTF and gdb agree about the structures of real kernels."""

import re
import subprocess

import pytest

from tools import BUILD, GENERATIONS, TOP, kernel

LIBS = "-ldw -lelf -lbpf -llzma -lzstd -lz".split()
# Expressions for gdb, whose values are offsets, sizes or enumerators.
QUESTIONS = {
    "kvm": {
        "sizeof(struct kvm_mmu)": ("kvm_mmu", None),
        "&((struct kvm_vcpu *)0)->arch.mmu": ("kvm_vcpu", "arch.mmu"),
        "&((struct kvm_vcpu *)0)->stat.pf_taken": ("kvm_vcpu", "stat.pf_taken"),
        "&((struct kvm *)0)->memslots[1]": ("kvm", "memslots[1]"),
        "&((struct kvm_memory_slot *)0)->gfn_node[1]": ("kvm_memory_slot", "gfn_node[1]"),
        "&((struct page *)0)->private": ("page", "private"),
        "&((struct task_struct *)0)->comm": ("task_struct", "comm"),
        "&((struct module *)0)->list": ("module", "list"),
    },
    "kvm-amd": {
        "&((struct vcpu_svm *)0)->vmcb": ("vcpu_svm", "vmcb"),
        "&((struct vmcb *)0)->control.exit_code": ("vmcb", "control.exit_code"),
        "&((struct vmcb *)0)->save.cr3": ("vmcb", "save.cr3"),
    },
}


def module(gen, name):
    return next((kernel(gen) / "debug").rglob(f"{name}.ko"))


@pytest.fixture(scope="module")
def compare(tmp_path_factory):
    program = tmp_path_factory.mktemp("types") / "compare_types"
    subprocess.run(["cc", "-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE",
                    f"-I{TOP}/extensions/kvmmmu", "-o", program, TOP / "tests/lab/compare_types.c",
                    BUILD / "libkvmmmu.a", *LIBS], check=True)
    return program


@pytest.mark.parametrize("gen", GENERATIONS)
@pytest.mark.parametrize("name", ("kvm", "kvm-amd", "kvm-intel"))
def test_dwarf_is_btf(compare, gen, name):
    run = subprocess.run([compare, module(gen, name), kernel(gen) / "vmlinux"], text=True,
                         capture_output=True, timeout=60)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("gen", GENERATIONS)
@pytest.mark.parametrize("name", QUESTIONS)
def test_dwarf_is_gdb(compare, gen, name):
    questions = QUESTIONS[name]
    words = [word for question in questions for word in ("-ex", f"print/d (long)({question})")]
    gdb = subprocess.run(["gdb", "-nx", "-batch", *words, module(gen, name)], text=True,
                         capture_output=True, timeout=120)
    expected = [int(n) for n in re.findall(r"^\$\d+ = (\d+)$", gdb.stdout, re.M)]
    asked = [word for tag, path in questions.values() for word in (tag, path or "")]
    run = subprocess.run([compare, module(gen, name), kernel(gen) / "vmlinux", *asked], text=True,
                         capture_output=True, timeout=60)
    assert [int(n) for n in run.stdout.split()] == expected, gdb.stderr + run.stderr
    assert len(expected) == len(questions)
