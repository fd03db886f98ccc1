# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernels that are coming: a real one without the symbols that it will have elsewhere. See also test_layout.py."""

import subprocess

import pytest

from tools import BUILD, dumps, kernel

BTF = ("__start_BTF", "__stop_BTF")


def opened(gen, debug, *hidden):
    run = subprocess.run([BUILD / "hidden", dumps(gen) / "healthy.kdump", debug, *hidden], text=True, capture_output=True,
                         timeout=120, check=False)
    return run.returncode, run.stdout, run.stderr


@pytest.mark.parametrize("gen", ["7.3", "6.1"])
def test_btf_of_vmlinux_in_a_module(gen):
    """Proposed: vmlinux has no BTF, a module has it. Types come from debuginfo then; without it, the reason is reported."""
    code, before, _ = opened(gen, "-")
    assert code == 0 and before.startswith("BTF of kvm in the dump") and "vmm-alpha 6" in before
    code, said, why = opened(gen, "-", *BTF)
    assert (code, said) == (3, "") and why.startswith("the kernel in the dump has no BTF; debuginfo files: "), why
    code, said, _ = opened(gen, kernel(gen) / "debug", *BTF)
    assert code == 0 and "BTF" not in said.split("\n")[0], said
    assert said.split("\n")[1:] == before.split("\n")[1:]
