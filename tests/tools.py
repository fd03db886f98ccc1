# SPDX-License-Identifier: GPL-2.0-or-later
"""Running kvmmmu on real dumps: the stand-alone program, and crash with the extension."""

import functools
import gzip
import json
import os
import re
import subprocess
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
BUILD = Path(os.environ.get("KVMMMU_BUILD", TOP / "build"))
SCENARIOS = TOP / "samples" / "scenarios"
SHARED_DUMPS = TOP.parent / "shared" / "dumps"
# Which kernels the lab's tests run on, and the crash that opens their dumps.
GENERATIONS = ("7.3", "6.1")


def cache():
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "kvmmmu"


@functools.lru_cache(maxsize=None)
def lab(*words):
    """Last line that scripts/lab/lab prints: a directory, made if it was missing."""
    out = subprocess.run([TOP / "scripts/lab/lab", *words], check=True, text=True,
                         stdout=subprocess.PIPE).stdout
    return Path(out.split("\n")[-2])


def dumps(gen):
    """Folder of the lab's dumps; KVMMMU_DUMPS names one with 7.3/ and 6.1/ to use instead."""
    return Path(os.environ["KVMMMU_DUMPS"]) / gen if "KVMMMU_DUMPS" in os.environ else lab("path", gen)


def kernel(gen):
    return lab("kernel", gen)


@functools.lru_cache(maxsize=None)
def offset_of(expression, gen="7.3"):
    """Of a member, by gdb: "struct kvm_vcpu, pid"."""
    struct_name, path = expression.split(", ")
    run = subprocess.run(["gdb", "-nx", "-batch", "-ex", f"p/x (long)&(({struct_name} *)0)->{path}",
                          next((kernel(gen) / "debug").rglob("kvm.ko"))], text=True, stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL, check=True).stdout
    return int(run.split()[-1], 16)


@functools.lru_cache(maxsize=None)
def truth(gen, name):
    return json.loads((dumps(gen) / f"{name}.json").read_text())


def number(text):
    return int(text, 16) if isinstance(text, str) else text


class Answer:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @functools.cached_property
    def json(self):
        assert self.code == 0, self.err
        return json.loads(self.out)


def kvmmmu(*words, program=None, timeout=60):
    """Runs the stand-alone program with these words."""
    run = subprocess.run([program or BUILD / "kvmmmu", *map(str, words)], text=True,
                         capture_output=True, timeout=timeout, errors="replace",
                         env={**os.environ, "LSAN_OPTIONS": f"print_suppressions=0:suppressions={TOP}/tests/lsan.supp"})
    return Answer(run.returncode, run.stdout, run.stderr)


def batch(path, lines, debug=None, timeout=300, program=BUILD / "batch"):
    """The answers to many commands on a dump or capsule, given in one session."""
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
    """What is asked of a scenario's capsule: about all vCPUs, then about those it is played for."""
    expected = json.loads(path.with_suffix(".json").read_text())["expect"]
    return ["explain", *(f"explain 0:{e['vcpu']}" for e in expected)]


def scenario_says(path, program=BUILD / "batch", timeout=60):
    """The answers of a scenario's capsule, as they stand in the text beside it."""
    lines = scenario_questions(path)
    return "".join(f"$ kvmmmu {path.name} {line}\n{answer.out}{answer.err}" for line, answer in
                   zip(lines, batch(path, lines, timeout=timeout, program=program)))


def questions(vms):
    """Every command, on every VM and vCPU of `vms` where it takes one; misuse, too."""
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
    """JSON without the object that tells where it comes from."""
    tree = json.loads(answer) if isinstance(answer, str) else answer
    tree.pop("source", None)
    return tree


def ask(gen, name, *words, suffix="kdump"):
    """The program on a dump of the lab, as JSON."""
    return kvmmmu("-k", kernel(gen) / "debug", dumps(gen) / f"{name}.{suffix}", *words, "-j").json


class Crash:
    """One crash session on one dump: feeds commands, keeps each one's output."""

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
    """The bytes of a capsule as this version packs it."""
    return gzip.decompress(capsule.read_bytes())


def tables(answer):
    """Permission tables of a `perms` answer by (vCPU address, context)."""
    return {(number(t["kvm_vcpu"]), t["context"]): t for t in answer["tables"]}


def differing(answer):
    return {key: t for key, t in tables(answer).items() if t["status"] == "differs"}
