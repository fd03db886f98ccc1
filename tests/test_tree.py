# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tree itself promises: form, licence lines, both compilers, install, no names of hosts."""

import os
import pty
import re
import select
import signal
import subprocess
import time

import pytest

from tools import TOP


def files():
    out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=TOP, check=True,
                         text=True, stdout=subprocess.PIPE).stdout
    return [TOP / f for f in out.split()]


def make(*words):
    return subprocess.run(["make", "--no-print-directory", *words], cwd=TOP, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def test_format():
    version = subprocess.run(["clang-format", "--version"], text=True, capture_output=True, check=True).stdout
    if " 14." not in version:
        pytest.skip(f"the tree is formatted with Debian 12's clang-format 14; others break lines differently: {version}")
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


def test_nothing_outside_the_tree_is_named():
    outside = b"../" + b"shared"
    assert not [f for f in files() if outside in f.read_bytes()]


def test_top_level_is_what_a_reader_needs():
    top = {f.relative_to(TOP).parts[0] for f in files()}
    assert {name for name in top if not name.startswith(".")} == {
        "Makefile", "README.md", "LICENSE", "extensions", "scripts", "gdb", "samples", "tests"}


def test_no_file_is_large():
    assert not [f for f in files() if f.stat().st_size > 256 << 10]


def test_names_of_test_files_are_unique():
    """pytest does not collect two files of one name in folders without __init__.py."""
    names = [f.name for f in files() if re.fullmatch(r"test_\w+\.py", f.name) and f.exists()]
    assert len(names) > 30 and sorted(set(names)) == sorted(names)


def test_clang(tmp_path):
    run = make(f"BUILD={tmp_path}", "CC=clang", "all")
    assert run.returncode == 0, run.stdout[-3000:]


@pytest.mark.parametrize("libdir", ["lib", "lib/x86_64-linux-gnu"])
def test_install_and_uninstall(tmp_path, libdir):
    where = [f"DESTDIR={tmp_path}", "PREFIX=/opt/k", f"libdir=/opt/k/{libdir}"]
    run = make(*where, "install")
    assert run.returncode == 0, run.stdout
    found = {str(p.relative_to(tmp_path / "opt/k")) for p in tmp_path.rglob("*") if p.is_file()}
    ours = {"bin/kvmmmu", f"{libdir}/crash/extensions/kvmmmu.so", f"{libdir}/kvmmmu/libkvmmmu-gdb.so",
            f"{libdir}/kvmmmu/kvmmmu_gdb.py", "share/gdb/python/gdb/command/kvmmmu.py", "share/man/man8/kvmmmu.8",
            "share/bash-completion/completions/kvmmmu", "share/zsh/site-functions/_kvmmmu"}
    schemas = {f"share/kvmmmu/schema/{p.name}" for p in (TOP / "samples/schema").glob("*.json")}
    page = {"share/man/man5/kvmmmu-json.5"} if (TOP / "extensions/cli/kvmmmu-json.5").exists() else set()
    examples = {f"share/doc/kvmmmu/examples/{p.name}" for p in (TOP / "scripts/package/examples").iterdir()}
    assert found == ours | schemas | page | examples
    for path in found:
        assert b"README" not in (tmp_path / "opt/k" / path).read_bytes(), path
    out = subprocess.run(["gdb", "-nx", "-q", "-batch", "-ex",
                          f"source {tmp_path}/opt/k/share/gdb/python/gdb/command/kvmmmu.py", "-ex", "kvmmmu pfec 6"],
                         text=True, capture_output=True)
    assert "W|U" in out.stdout and not out.stderr, out.stderr
    assert make(*where, "uninstall").returncode == 0
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]
    left = {p.name for p in tmp_path.rglob("*")}
    assert not left & {"kvmmmu", "schema", "crash", "extensions"}, left


def program():
    """The program as it is built, made if need be."""
    assert make("all").returncode == 0
    return TOP / "build/kvmmmu"


def test_manual_page():
    assert make("all").returncode == 0
    page = TOP / "build/kvmmmu.8"
    run = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", page], text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert run.returncode == 0 and not run.stdout, run.stdout
    run = subprocess.run(["man", "--warnings", "-l", page], text=True, capture_output=True,
                         env={**os.environ, "MANPAGER": "cat", "MANWIDTH": "80"})
    assert run.returncode == 0 and not run.stderr, run.stderr
    assert all(len(line) <= 80 for line in run.stdout.splitlines())
    for word in ("--fail-on", "EXIT STATUS", "live", "TMPDIR", "KVMMMU_DEBUGINFO", "FINDINGS", "COMMANDS"):
        assert word in run.stdout, word
    assert "README" not in run.stdout
    for command in commands():
        assert re.search(rf"^   {command}$", run.stdout, re.M), command
    catalogue = (TOP / "extensions/kvmmmu/diagnose/diagnoses.def").read_text()
    findings = re.findall(r'^KM_DIAGNOSIS\(.*?"([a-z-]+)"', catalogue, re.M | re.S)
    assert len(findings) >= 20
    for finding in findings:
        # groff 1.22 indents by 5, 1.23 by 7
        assert re.search(rf"^ {{5,7}}{finding}$", run.stdout, re.M), finding


def commands():
    table = (TOP / "extensions/kvmmmu/commands/commands.def").read_text()
    found = re.findall(r"^KM_COMMAND\((\w+),$", table, re.M)
    assert len(found) >= 11
    return found


def long_options(text):
    return set(re.findall(r"--[a-z][a-z0-9-]+", text))


def test_help_and_manual_have_the_same_options():
    """Both are made from one table; what a command's usage names is described below it."""
    page = (TOP / "build/kvmmmu.8").read_text().replace("\\-", "-")
    manual = {"--" + name for name in re.findall(r"^\.It (?:Fl \w , )?Fl -([a-z0-9-]+)", page, re.M)}
    helps = set()
    for command in commands():
        out = subprocess.run([program(), command, "--help"], text=True, capture_output=True).stdout
        usage, described = out.split("\n\n")[1], out.split("\nOptions:\n")[-1]
        assert long_options(usage) - {"--"} <= long_options(described), command
        helps |= {name for name in long_options(out) if f"{name} " in out}
    assert helps - {"--help"} <= manual, helps - manual


BASH = """
source "$1"
COMP_WORDS=("${@:2}"); COMP_CWORD=$(($# - 2))
_kvmmmu
printf '%s\\n' "${COMPREPLY[@]}"
"""

def bash(*words):
    """What bash offers for the last word, without the bash-completion package."""
    run = subprocess.run(["bash", "-c", BASH, "bash", TOP / "build/kvmmmu.bash", "kvmmmu", *words], text=True,
                         capture_output=True, cwd=TOP)
    assert run.returncode == 0 and not run.stderr, run.stderr
    return set(run.stdout.split())


class Zsh:
    """zsh on a terminal of its own, with its completion system and ours."""

    def __init__(self, folder):
        self.pid, self.tty = pty.fork()
        if not self.pid:
            os.chdir(TOP)
            os.execve("/usr/bin/zsh", ["zsh", "-f"], {**os.environ, "TERM": "dumb", "COLUMNS": "200", "LINES": "50"})
        os.write(self.tty, f"stty -echo; fpath=({TOP}/build $fpath); autoload -Uz compinit; compinit -u -d {folder}/dump; "
                           "PS1='> '; LISTMAX=0; print READY $_comps[kvmmmu]\n".encode())
        self.until(r"READY _kvmmmu\r?\n.*> ")

    def until(self, pattern, timeout=60):
        seen, end = "", time.monotonic() + timeout
        while not re.search(pattern, seen, re.S):
            assert time.monotonic() < end, seen
            if select.select([self.tty], [], [], 0.1)[0]:
                seen += os.read(self.tty, 65536).decode(errors="replace")
        return seen

    def __call__(self, line):
        """What is shown after a tab at the end of the line, which is then dropped."""
        os.write(self.tty, f"{line}\t".encode())
        time.sleep(0.1)
        os.write(self.tty, b"\x15print DO''NE\n")
        return self.until(r"DONE\r?\n.*> ").rsplit("print DO", 1)[0]

    def close(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.tty)


def test_bash_completion():
    assert make("all").returncode == 0
    names = set(commands())
    assert bash("samples/x.kvmmmu", "") == names
    assert bash("samples/x.kvmmmu", "wa") == {"walk"}
    first = bash("")
    assert {"live", "capture", "spte", "samples", "Makefile"} <= first and "walk" not in first
    walk = bash("-j", "dump", "walk", "--")
    assert {"--mmu", "--bytes", "--limit", "--json", "--fail-on"} <= walk and not {"--watch", "--as", "--print"} & walk
    assert bash("dump", "walk", "-m", "") == bash("dump", "walk", "--mmu=") == {"root_mmu", "guest_mmu"}
    assert bash("dump", "walk", "--mmu", "=", "gu") == {"guest_mmu"}
    assert bash("--fail-on", "") == {"note", "possible", "likely", "proven"}
    assert bash("dump", "--types", "d", ) == {"dwarf"}
    assert "npt:6.1" in bash("spte", "--as", "npt")
    # bash splits at a colon, and replaces what is behind it
    assert bash("spte", "--as", "npt", ":", "6") == {"6.1", "6.12"}
    assert bash("dump", "walk", "0", ":", "0") == set() and bash("dump", "explain", "") == set()
    assert bash("capture", "--list", "Make") == {"Makefile"} == bash("dump", "capture", "-o", "Make")
    assert "samples" in bash("replay", "sam") and bash("dump", "vms", "--watch", "") == set()


def test_zsh_completion(tmp_path):
    assert make("all").returncode == 0
    zsh = Zsh(tmp_path)
    try:
        shown = zsh("kvmmmu dump ")
        for command in commands():
            assert re.search(rf"\b{command}\s+-- [A-Z]", shown), (command, shown)
        walk = zsh("kvmmmu -j dump walk --")
        for option in ("--mmu", "--bytes", "--limit", "--fail-on"):
            assert option in walk
        assert "--watch" not in walk and "--watch" in zsh("kvmmmu dump explain --")
        for line in ("kvmmmu dump walk -m ", "kvmmmu dump walk --mmu="):
            shown = zsh(line)
            assert "root_mmu" in shown and "guest_mmu" in shown
        assert "likely" in zsh("kvmmmu --fail-on ")
        assert "Makefile" in zsh("kvmmmu capture --list Make")
        shown = zsh("kvmmmu ")
        assert "live" in shown and "samples" in shown and "capture" in shown
    finally:
        zsh.close()


def test_a_header_is_a_reason_to_compile_again():
    """Of all that is built, what includes the header is built again; and nothing if nothing changed."""
    targets = ["all", "unit", "build/batch", "build/hostile", "build/mutants", "build/one-idle"]
    assert make(*targets).returncode == 0
    assert "CC" not in make("-n", *targets).stdout
    run = make("-n", "-W", "extensions/kvmmmu/base/error.h", *targets).stdout
    for source in ("kvmmmu/base/error.c", "crash/kvmmmu.c", "tests/unit/test_capsule.c", "tests/lab/batch.c",
                   "tests/capsule/hostile.c", "tests/fuzz/mutants/mutants.c", "tasks_read-one-idle.o", "gdb/libkvmmmu.c"):
        assert f"{source}\"" in run, (source, run)
    run = make("-n", "-W", "tests/unit/said.h", *targets).stdout
    assert "tests/unit/test_explain.c" in run and "CC extensions/" not in run


def test_flags_of_a_packager(tmp_path):
    """Warnings may pass, and CPPFLAGS, CFLAGS on the command line do not take what the code needs."""
    one = f"{tmp_path}/extensions/kvmmmu/base/error.o"
    shown = make("-n", "V=1", f"BUILD={tmp_path}", "WERROR=0", "CPPFLAGS=", "CFLAGS=-O2 -g1", one).stdout
    assert "-Werror" not in shown and "-D_GNU_SOURCE" in shown and "-fstack-protector-strong" in shown
    assert "-D_FORTIFY_SOURCE=2" in shown and "-g1" in shown
    shown = make("-n", "V=1", f"BUILD={tmp_path}", "CPPFLAGS=-D_FORTIFY_SOURCE=3", one).stdout
    assert "-Werror" in shown and "_FORTIFY_SOURCE=2" not in shown
    run = make(f"BUILD={tmp_path}", "WERROR=0", "CPPFLAGS=", "CFLAGS=-O0", one)
    assert run.returncode == 0, run.stdout


def test_what_is_built_is_hardened():
    assert make("all").returncode == 0
    for name in ("kvmmmu", "kvmmmu.so", "libkvmmmu-gdb.so"):
        out = subprocess.run(["readelf", "-Wld", TOP / "build" / name], text=True, capture_output=True).stdout
        assert "GNU_RELRO" in out and re.search(r"BIND_NOW|FLAGS.*NOW", out), name
        symbols = subprocess.run(["readelf", "-Ws", "--dyn-syms", TOP / "build" / name], text=True, capture_output=True).stdout
        assert "__stack_chk_fail" in symbols and "_chk@" in symbols, name


def test_missing_packages_are_named_at_once(tmp_path):
    """Before anything is compiled: what is missing, and which packages have it."""
    fake = tmp_path / "pkg-config"
    fake.write_text('#!/bin/sh\ncase "$*" in *libbpf*|*json-c*) exit 1;; esac\nexec pkg-config "$@"\n')
    fake.chmod(0o755)
    run = make(f"BUILD={tmp_path}/build", f"PKG_CONFIG={fake}", "all")
    assert run.returncode != 0 and "CC" not in run.stdout
    assert "missing: libbpf json-c\n" in run.stdout
    for line in ("apt-get install libbpf-dev libjson-c-dev", "dnf install libbpf-devel json-c-devel",
                 "zypper install libbpf-devel libjson-c-devel"):
        assert line in run.stdout
    assert not list(tmp_path.rglob("*.o"))


def test_manual_page_of_the_json():
    page = TOP / "extensions/cli/kvmmmu-json.5"
    run = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", page], text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert run.returncode == 0 and not run.stdout, run.stdout
    for schema in (TOP / "samples/schema").iterdir():
        assert f".It Pa {schema.name} Ta" in page.read_text(), schema


def test_help_names_the_targets():
    out = make("help").stdout
    for target in ("demo", "check", "lab", "clean", "install", "uninstall", "bench"):
        assert f"make {target}" in out
