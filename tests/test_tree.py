# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tree itself promises: form, licence lines, both compilers, install, no names of hosts."""

import os
import re
import subprocess

from tools import TOP


def files():
    out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=TOP, check=True,
                         text=True, stdout=subprocess.PIPE).stdout
    return [TOP / f for f in out.split()]


def make(*words):
    return subprocess.run(["make", "--no-print-directory", *words], cwd=TOP, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def test_format():
    run = make("format-check")
    assert run.returncode == 0, run.stdout[-2000:]


def test_spdx():
    without = [f for f in files()
               if f.suffix in (".c", ".h", ".py", ".def") or f.name == "Makefile"
               if "SPDX-License-Identifier: GPL-2.0-or-later" not in f.read_text()[:200]]
    assert not without


def test_no_mirror_is_named():
    wrong = [f for f in files() if f.suffix not in (".bin",)
             if re.search(rb"\b(deb|ftp|snapshot|security|mirror)\.[a-z]+\.(org|com|net)\b",
                          f.read_bytes())]
    assert not wrong


def test_clang(tmp_path):
    run = make(f"BUILD={tmp_path}", "CC=clang", "all")
    assert run.returncode == 0, run.stdout[-3000:]


def test_install_and_uninstall(tmp_path):
    assert make(f"DESTDIR={tmp_path}", "PREFIX=/opt/k", "install").returncode == 0
    found = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()}
    assert found == {"opt/k/bin/kvmmmu", "opt/k/lib/crash/extensions/kvmmmu.so",
                     "opt/k/lib/kvmmmu/libkvmmmu-gdb.so", "opt/k/lib/kvmmmu/kvmmmu_gdb.py",
                     "opt/k/share/gdb/python/gdb/command/kvmmmu.py", "opt/k/share/man/man8/kvmmmu.8"}
    assert make(f"DESTDIR={tmp_path}", "PREFIX=/opt/k", "uninstall").returncode == 0
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]


def test_manual_page():
    page = TOP / "extensions/cli/kvmmmu.8"
    run = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", page], text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert run.returncode == 0 and not run.stdout, run.stdout
    run = subprocess.run(["man", "--warnings", "-l", page], text=True, capture_output=True,
                         env={**os.environ, "MANPAGER": "cat", "MANWIDTH": "80"})
    assert run.returncode == 0 and not run.stderr, run.stderr
    for word in ("--fail-on", "EXIT STATUS", "live", "TMPDIR", "KVMMMU_DEBUGINFO"):
        assert word in run.stdout, word
    program = (TOP / "extensions/cli/help.c").read_text()
    commands = re.findall(r'^\t\{"([a-z]+)",', program, re.M)
    assert len(commands) >= 11
    for command in commands:
        assert re.search(rf"^     {command} ", run.stdout, re.M), command


def test_help_names_the_targets():
    out = make("help").stdout
    for target in ("demo", "check", "lab", "clean", "install", "uninstall", "bench"):
        assert f"make {target}" in out
