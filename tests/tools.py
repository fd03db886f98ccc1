# SPDX-License-Identifier: GPL-2.0-or-later
"""Run kvmmmu on real dumps: the stand-alone program, and crash with the extension."""

import difflib
import functools
import gzip
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import schema

TOP = Path(__file__).resolve().parent.parent
BUILD = Path(os.environ.get("KVMMMU_BUILD", TOP / "build"))
SCENARIOS = TOP / "samples" / "scenarios"
# The dumps of an Intel host; tests/intel/ has extracts of them.
INTEL = ("ept-mbec-nested", "ept-no-ad-bits", "intel-shadow-paging")
# The kernels that the lab's tests use.
GENERATIONS = tuple(os.environ.get("KVMMMU_GENERATIONS", "7.3 6.1").split())


def cache():
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "kvmmmu"


def need_lab():
    """Skip the test, or the file, if it shall not download kernels and make dumps ("make check LAB=no")."""
    if os.environ.get("KVMMMU_LAB") == "no":
        import pytest  # scripts use this module, too, and may have a Python without it
        pytest.skip("needs the lab", allow_module_level=True)


@functools.lru_cache(maxsize=None)
def lab(*words):
    """Return the last line that scripts/lab/lab prints: a directory, made if it was missing."""
    need_lab()
    out = subprocess.run([TOP / "scripts/lab/lab", *words], check=True, text=True,
                         stdout=subprocess.PIPE).stdout
    return Path(out.split("\n")[-2])


def dumps(gen):
    """Return the folder of the lab's dumps; KVMMMU_DUMPS names one with 7.3/ and 6.1/ to use instead."""
    return Path(os.environ["KVMMMU_DUMPS"]) / gen if "KVMMMU_DUMPS" in os.environ else lab("path", gen)


def kernel(gen):
    return lab("kernel", gen)


@functools.lru_cache(maxsize=None)
def offset_of(expression, gen="7.3"):
    """Return the offset of a member, by gdb; @expression is like "struct kvm_vcpu, pid"."""
    struct_name, path = expression.split(", ")
    run = subprocess.run(["gdb", "-nx", "-batch", "-ex", f"p/x (long)&(({struct_name} *)0)->{path}",
                          next((kernel(gen) / "debug").rglob("kvm.ko"))], text=True, stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL, check=True).stdout
    return int(run.split()[-1], 16)


@functools.lru_cache(maxsize=None)
def truth(gen, name):
    return json.loads((dumps(gen) / f"{name}.json").read_text())


def assert_golden(path, said):
    """The text @said is what @path holds; KVMMMU_EXPECT=write writes it there."""
    __tracebackhide__ = True
    if os.environ.get("KVMMMU_EXPECT") == "write":
        path.write_text(said)
    was = path.read_text()
    if said == was:
        return
    name = path.relative_to(TOP)
    test = os.environ.get("PYTEST_CURRENT_TEST", "").rsplit(" ", 1)[0]
    diff = difflib.unified_diff(was.splitlines(), said.splitlines(), str(name), "now", lineterm="", n=0)
    raise AssertionError("\n".join([f"the answer differs from {name}:", *diff, "to accept it:",
                                    f"  KVMMMU_EXPECT=write /usr/bin/python3 -m pytest '{test}'"]))


def number(text):
    return int(text, 16) if isinstance(text, str) else text


class Answer:
    """What a command says; .json is its answer, checked against its schema."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err
        assert "bug in kvmmmu" not in err, err

    @functools.cached_property
    def json(self):
        assert self.code == 0, self.err
        return schema.parse(self.out)


MEASURE = """import os, sys
pid = os.spawnv(os.P_NOWAIT, sys.argv[1], sys.argv[1:])
_, status, usage = os.wait4(pid, 0)
os.write(2, f"\\n{os.waitstatus_to_exitcode(status)}\\n{usage.ru_maxrss}\\n"
            f"{usage.ru_utime + usage.ru_stime}".encode())
"""


def measured(path, words):
    """Exit code, output, and peak memory in MiB and CPU seconds of one run."""
    out = subprocess.DEVNULL if "-o" in words else subprocess.PIPE
    # exec keeps the peak of the process that forked: it has to be a small one
    run = subprocess.run([sys.executable, "-I", "-S", "-c", MEASURE, BUILD / "kvmmmu", path, *words],
                         text=True, errors="replace", stdout=out,
                         stderr=subprocess.PIPE if "-o" in words else subprocess.STDOUT, check=False)
    text, code, peak, cpu = (run.stdout or run.stderr).rsplit("\n", 3)
    return int(code), text, int(peak) / 1024, float(cpu)


def kvmmmu(*words, program=None, timeout=60):
    """Run the stand-alone program with these words."""
    run = subprocess.run([program or BUILD / "kvmmmu", *map(str, words)], text=True,
                         capture_output=True, timeout=timeout, errors="replace",
                         env={**os.environ, "LSAN_OPTIONS": "print_suppressions=0"})
    return Answer(run.returncode, run.stdout, run.stderr)


def batch(path, lines, debug=None, timeout=300, program=BUILD / "batch"):
    """Return the answers to many commands on a dump or capsule, given in one session."""
    run = subprocess.run([program, path, *([debug] if debug else [])], timeout=timeout,
                         input="".join(f"{line}\n" for line in lines).encode(),
                         capture_output=True)
    assert run.returncode == 0, run.stderr.decode()[-3000:]
    answers, at = [], 0
    while at < len(run.stdout):
        head, _, _ = run.stdout[at:at + 80].partition(b"\n")
        code, *sizes = map(int, head.split()[1:])
        at += len(head) + 1
        parts = []
        for size in sizes:
            parts.append(run.stdout[at:at + size].decode(errors="replace"))
            at += size
        answers.append(Answer(code, *parts))
    assert len(answers) == len(lines)
    return answers


@functools.lru_cache(maxsize=None)
def scenario_questions(path):
    """Return the commands for a scenario's capsule: about all vCPUs, then about those with expected findings."""
    expected = json.loads(path.with_suffix(".json").read_text())["expect"]
    return ["explain", *(f"explain 0:{e['vcpu']}" for e in expected)]


def scenario_says(path, program=BUILD / "batch", timeout=60):
    """Return the answers of a scenario's capsule, in the form of the text file next to it."""
    lines = scenario_questions(path)
    return "".join(f"$ kvmmmu {path.relative_to(SCENARIOS)} {line}\n{answer.out}{answer.err}" for line, answer in
                   zip(lines, batch(path, lines, timeout=timeout, program=program)))


def questions(vms):
    """Return every command, on every VM and vCPU of @vms if it takes one, and wrong uses."""
    asked = ["vms", "perms", "slots", "spte 80000000deadb865", "spte --level 2 8000000000000",
             "pfec 100000007", "vms 99", "mmu 0:99", "walk 0:0 zz", "fault ffff", "nonsense",
             "walk -n zz 0:0 0"]
    for vm in vms:
        number, address, pid = (vm["vm"][key] for key in ("number", "address", "pid"))
        asked += [f"vms {number}", f"vms {address}", f"perms {number}", f"slots {pid or number}"]
        for vcpu in vm["vcpus"]:
            name = f"{number}:{vcpu['index']}"
            asked += [f"mmu {name}", f"mmu {vcpu['address']}", f"perms {name}", f"fault {name}",
                      f"fault {name} -a 21000 -e 6", f"fault {name} -a 0 -e 100000015 --v1",
                      f"walk -m guest_mmu {name} 0", f"walk -m root_mmu {name} 1000",
                      f"walk -n all {name} 0", f"walk -n 2M --limit 3 {name} 20000"]
            asked += [f"walk {name} {address:x}" for address in
                      (0, 0x21000, 0x4000000, 0x10001000, 0xfee00000, 1 << 60)]
    return asked


def without_source(answer):
    """Return JSON without the object that says where it comes from."""
    tree = schema.parse(answer) if isinstance(answer, str) else answer
    tree.pop("source", None)
    return tree


def without_rip(answer):
    """Return JSON without what capsules do not contain: the guest's RIP in its moment."""
    for vcpu in answer.get("moment", {}).get("vcpus", ()):
        vcpu["rip"] = None
    return answer


def ask(gen, name, *words, suffix="kdump"):
    """Ask the program about a dump of the lab; return JSON."""
    return kvmmmu("-k", kernel(gen), dumps(gen) / f"{name}.{suffix}", *words, "-j").json


class Crash:
    """One crash session on one dump, which returns the output of each command."""

    def __init__(self, gen, dump, debug=None, options=(), vmlinux=None, timeout=240):
        self.gen = gen
        if gen == "6.1":
            program, flags = "/usr/bin/crash", []
        else:
            program = lab("tool", "crash") / "crash"
            flags = ["--no_modules"]
        self.argv = [program, *flags, *options, "-s", vmlinux or kernel(gen) / "vmlinux", dump]
        self.extension = BUILD / "kvmmmu.so"
        self.debug = kernel(gen) / "debug" if debug is None else debug
        self.timeout = timeout

    def run(self, *commands):
        lines = ["set scroll off", f"extend {self.extension}"]
        for i, command in enumerate(commands):
            lines += [f"gdb echo @@{i}@@\\n", command]  # \"!echo\" would fork each time
        lines += [f"gdb echo @@{len(commands)}@@\\n", "quit"]
        env = {**os.environ, "KVMMMU_DEBUGINFO": str(self.debug)}
        run = subprocess.run(list(map(str, self.argv)), input="\n".join(lines) + "\n", text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env,
                             timeout=self.timeout, errors="replace")
        self.all = run.stdout
        parts = re.split(r"@@\d+@@\n", run.stdout)
        assert len(parts) == len(commands) + 2, run.stdout[-3000:]
        return parts[1:-1]


def unpacked(capsule):
    """Return the unpacked bytes of a capsule of this version."""
    return gzip.decompress(capsule.read_bytes())


def tables(answer):
    """Return the permission tables of a `perms` answer, by (vCPU address, context)."""
    return {(number(t["kvm_vcpu"]), t["context"]): t for t in answer["tables"]}


def differing(answer):
    return {key: t for key, t in tables(answer).items() if t["status"] == "differs"}


def hide(capsule, timeout=300):
    """
    Hide each piece of evidence of the stuck vCPUs in turn: every member that is read, every page, stack, frame of a stack
    and task. None may make them healthy (likely). Return how many vCPUs were stuck, and how many pieces were hidden.
    """
    run = subprocess.run([BUILD / "hide", capsule], text=True, capture_output=True, timeout=timeout)
    assert run.returncode == 0, (run.stdout + run.stderr)[-3000:]
    return tuple(map(int, re.search(r"(\d+) stuck, (\d+) pieces", run.stdout).groups()))


def after_an_nmi(path, program=BUILD / "hide", timeout=300):
    """The verdict about each vCPU of a scenario's capsule at the moment that a crash kernel's dump shows of
    a vCPU that is not in the handler: its last exit was an NMI, and nothing of its fault is left. (The
    capsules are edited for that.)"""
    run = subprocess.run([program, path, "nmi"], text=True, capture_output=True, timeout=timeout)
    assert run.returncode == 0, (run.stdout + run.stderr)[-3000:]
    return run.stdout
