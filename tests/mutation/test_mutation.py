# SPDX-License-Identifier: GPL-2.0-or-later
"""Break every term of the rules and diagnoses in turn: a test must fail for every mutant."""

import hashlib
import subprocess

from tools import TOP, lab

SOURCES = TOP / "extensions/kvmmmu"
NAMES = ("access", "role", "permissions", "guest_access", "spte", "judges", "fast_page_fault")
RULES = [SOURCES / "rules" / f"{name}.{suffix}" for suffix in "ch" for name in NAMES]
TESTS = [*(TOP / "tests/unit" / name for name in ("cm.h", "manual_access.h")), *(TOP / f"tests/unit/test_{name}.c" for name in NAMES),
         *(p for folder in ("oracle", "mutation") for p in (TOP / "tests" / folder).iterdir()
           if p.is_file())]


def key_of(paths):
    key = hashlib.sha256()
    for path in sorted(paths):
        key.update(path.read_bytes())
    return key.hexdigest()[:16]


def mutate(*words):
    run = subprocess.run([TOP / "tests/mutation/mutate", *words], cwd=TOP, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert run.returncode == 0, run.stdout[-3000:]


def test_mutants_of_the_rules_are_killed():
    """Try a sample, which differs whenever a rule or its tests change; "tests/mutation/mutate" tries all."""
    lab("source", "5.10", "6.1", "7.2", "7.3")
    mutate("--sample", "120", "--seed", str(int(key_of(RULES + TESTS), 16)))


def test_mutants_of_the_diagnoses_are_killed():
    """Try a sample, which differs whenever a diagnosis changes; "tests/mutation/mutate diagnoses" tries all."""
    seed = int(key_of((SOURCES / "diagnose").rglob("*.[ch]")), 16)
    mutate("diagnoses", "--sample", "80", "--seed", str(seed))
