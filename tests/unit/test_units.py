# SPDX-License-Identifier: GPL-2.0-or-later
"""The cmocka programs, as built by "make check": plain and with the sanitizers."""

import subprocess

import pytest

from tools import BUILD, TOP

NAMES = sorted(p.stem for p in (TOP / "tests/unit").glob("test_*.c"))


@pytest.mark.parametrize("flavour", ["unit", "asan/unit"])
@pytest.mark.parametrize("name", NAMES)
def test_unit(name, flavour):
    run = subprocess.run([BUILD / flavour / name], cwd=TOP, text=True, capture_output=True,
                         timeout=900)
    assert run.returncode == 0, (run.stdout + run.stderr)[-3000:]
    assert "PASSED" in run.stdout + run.stderr


def test_names():
    assert len(NAMES) >= 8
