# SPDX-License-Identifier: GPL-2.0-or-later
"""Every term of the rules broken in turn: every mutant must fail a test."""

import hashlib
import subprocess

from tools import TOP, cache, lab

RULES = [TOP / "extensions/kvmmmu" / f"{name}.{suffix}" for suffix in "ch"
         for name in ("access", "role", "permissions", "spte", "judges", "fast_page_fault")]
TESTS = [p for folder in ("unit", "oracle", "mutation") for p in (TOP / "tests" / folder).iterdir()
         if p.is_file()]


def test_every_mutant_is_killed():
    """
    All of them when rules or their tests are new; once they have all been killed, a seeded sample shows
    that this still holds on this machine.
    """
    key = hashlib.sha256()
    for path in sorted(RULES + TESTS):
        key.update(path.read_bytes())
    passed = cache() / f"mutants-killed-{key.hexdigest()[:16]}"
    words = ["--sample", "60", "--seed", "1"] if passed.exists() else []
    lab("source", "6.1", "7.2", "7.3")
    run = subprocess.run([TOP / "tests/mutation/mutate", *words], cwd=TOP, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert run.returncode == 0, run.stdout[-3000:]
    passed.touch()
