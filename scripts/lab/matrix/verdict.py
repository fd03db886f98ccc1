# SPDX-License-Identifier: GPL-2.0-or-later
"""Compare what kvmmmu says about one dump with what a debugger found in the kernel at the same moment."""

import collections
import json
import os
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path += [str(HERE.parent / "scenarios"), str(HERE.parent / "kdump")]

import judge as scenario_judge  # noqa: E402
import verdicts as kdump_verdicts  # noqa: E402

TOP = HERE.parents[2]
BUILD = Path(os.environ.get("KVMMMU_BUILD", TOP / "build"))
SECONDS = 300
HEALTHY = ("healthy", "waiting", "progressing", "never ran")


def program(*words, name="kvmmmu"):
    run = subprocess.run([BUILD / name, *map(str, words)], text=True, capture_output=True, timeout=SECONDS, check=False)
    if run.returncode:
        raise RuntimeError(f"{name} {' '.join(map(str, words))}: {run.stderr.strip()}")
    return json.loads(run.stdout)


class Dump:
    """A dump, where debuginfo is if its kernel has no BTF, and a crash command for its kernel, if there is one."""

    def __init__(self, path, debug, crash=()):
        self.path, self.debug, self.crash = path, [debug] if debug and os.path.exists(debug) else [], crash

    def ask(self, *words):
        return program(*(["-k", *self.debug] if self.debug else []), self.path, *words, "-j")

    def leaves(self):
        return program(self.path, *self.debug, name="leaves")


def compare_words(perms, truth, damaged):
    """Compare the permission tables: all words are those that their role implies and, where the debugger read them,
    those in memory. @damaged: addresses of words that were changed on purpose. Return (tables, problems)."""
    problems, count = [], 0
    read = {context["table"]: context["permissions"] for vm in truth.get("vms", ()) for vcpu in vm.get("vcpus", ())
            for context in (*vcpu.get("contexts", {}).values(), *vcpu.get("walks", {}).values())}
    for table in perms["tables"]:
        begin, status = int(table["address"], 16), table["status"]
        hit = any(begin <= word < begin + 32 for word in damaged)
        count += status == "matches"
        where = f"{table['context']} of vCPU {table['kvm_vcpu']}"
        if (status == "differs") != hit or status not in ("matches", "differs", "unused", "paging-off"):
            problems.append(f"{where}: {status}")
        words = [int(word["word"], 16) for word in table.get("words", ())]
        theirs = read.get(table["address"])
        if words and theirs and words != [int(word, 16) for word in theirs]:
            problems.append(f"{where}: the words are not those in memory")
    return count, problems


def compare_maps(found, maps):
    """Compare the leaves below each root with the debugger's, and each page frame with the host page behind its gfn.
    Return (leaves, problems)."""
    problems, count = [], 0
    ours = {(vm["kvm"], root["root"]): root["leaves"] for vm in found for root in vm["roots"]}
    theirs = {(vm["kvm"], root["root"]): root["leaves"] for vm in maps for root in vm["roots"]}
    for vm, root in sorted(set(ours) ^ set(theirs)):
        problems.append(f"VM {vm}: root {root:#x} is {'not there' if (vm, root) in ours else 'missing'}")
    pages = {vm["kvm"]: dict(vm["pages"]) for vm in maps}
    for key in sorted(set(ours) & set(theirs)):
        mine = {address: (level, pfn) for address, level, pfn in ours[key]}
        right = {address: (level, pfn) for address, level, pfn, _ in theirs[key]}
        where = f"VM {key[0]}, root {key[1]:#x}"
        wrong = [address for address in sorted(set(mine) | set(right)) if mine.get(address) != right.get(address)]
        problems += [f"{where}, {len(wrong)} addresses: {a:#x}: {mine.get(a)}, in memory {right.get(a)}" for a in wrong[:1]]
        stale = [(address, pfn, gfn) for address, _, pfn, gfn in theirs[key]
                 if gfn is None or pages[key[0]].get(gfn) != pfn]
        problems += [f"{where}, {len(stale)} leaves: {a:#x}: pfn {p:#x}, but the host has {pages[key[0]].get(g)} at gfn {g}"
                     for a, p, g in stale[:1]]
        count += len(right)
    if not count:
        problems.append("no leaf is compared")
    return count, problems


def compare_healthy(said):
    """Return the problems of what explain says about vCPUs that are all healthy."""
    problems = []
    for vcpu, (state, _, findings) in sorted(said.items()):
        strong = [name for name, certainty in findings if certainty != "note"]
        if state not in HEALTHY or strong:
            problems.append(f"vCPU {vcpu} is healthy: {state}, {', '.join(strong) or 'no finding'}")
    return problems


def explain(dump):
    """Return {vCPU: (state, certainty, [(finding, certainty)])}, and {index: fault found on the stack}."""
    said, live = {}, {}
    for v in dump.ask("explain")["vcpus"]:
        said[f"{v['about']['vm']}:{v['vcpu']}"] = (
            v["state"], v["certainty"], [(f["id"], f["certainty"]) for f in v.get("findings", [])])
        live.update({v["vcpu"]: f for f in v["faults"] if f["source"] == "stack" and f["age"] == "in handler"})
    return said, live


def same_in_capsule(dump):
    """Compare the answers of a capsule of the dump; return the problems."""
    capsule = f"{dump.path}.kvmmmu"
    run = subprocess.run([BUILD / "kvmmmu", *(["-k", *dump.debug] if dump.debug else []), str(dump.path), "capture",
                          "--with-names", "--force", "-o", capsule], text=True, capture_output=True, timeout=SECONDS, check=False)
    if run.returncode:
        return [f"capture: {run.stderr.strip()}"]
    problems = []
    for command in ("perms", "slots"):
        ours, theirs = dump.ask(command), program(capsule, command, "-j")
        for answer in (ours, theirs):
            answer.pop("source")
        if ours != theirs:
            problems.append(f"{command} of a capsule differs from the dump's")
    return problems


CRASH_ANSWERS = ("vms", "perms", "slots", "explain")


def same_in_crash(dump):
    """Compare the answers in crash with the program's. Return (how many are equal, problems)."""
    lines = ["set scroll off", f"extend {BUILD / 'kvmmmu.so'}"]
    for command in CRASH_ANSWERS:
        lines += [f"gdb echo @@{command}@@\\n", f"kvmmmu {command} -j"]
    run = subprocess.run([*dump.crash, dump.path], input="\n".join([*lines, "gdb echo @@end@@\\n", "quit", ""]), text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=SECONDS, errors="replace", check=False,
                         env={**os.environ, "KVMMMU_DEBUGINFO": str(dump.debug[0]) if dump.debug else ""})
    said = dict(zip(CRASH_ANSWERS, re.split(r"@@\w+@@\n", run.stdout)[1:]))
    return compare_answers({command: dump.ask(command) for command in CRASH_ANSWERS}, said, run.stdout[-500:])


def compare_answers(ours, said, end):
    """Compare answers of the program with crash's texts of the same; @end: what crash said last."""
    count, problems = 0, []
    for command, answer in ours.items():
        try:
            theirs = json.loads(said[command])
        except (KeyError, ValueError):
            problems.append(f"{command} in crash is no answer: {said.get(command, end)[-300:]!r}")
            continue
        for one in (answer, theirs):
            one.pop("source")
        if answer == theirs:
            count += 1
        else:
            problems.append(f"{command} in crash differs from the program's")
    return count, problems


def changed_words(truth):
    """Return the addresses of the words of permission tables that the debugger changed."""
    changes = [*truth.get("injected", ()), *(c for machine in truth.get("machines", ()) for c in machine["injected"])]
    return [int(change["address"], 16) for change in changes if "permissions[" in change["what"]]


def verdict(dump, truth, maps):
    """Return the line of results of one dump: counts, and every problem in words. @truth is that of a scenario, which
    expects findings, of a real kdump, whose machines have causes, or of machines that are all healthy."""
    tables, problems = compare_words(dump.ask("perms"), truth, changed_words(truth))
    if not tables and not {"expect", "machines"} & set(truth):  # in those, all guests may have their paging off
        problems.append("no permission table is compared")
    leaves, more = compare_maps(dump.leaves(), maps)
    problems += more
    said, live = explain(dump)
    found = []
    if "expect" in truth:
        one = {int(key.split(":")[1]): value for key, value in said.items()}
        wrong = scenario_judge.compare(truth, one) + scenario_judge.compare_fault(truth, live)
        found = [] if wrong else [truth["expect"][0]["first"]]
        problems += wrong
    elif "machines" in truth:
        judged = list(kdump_verdicts.judge(dump.path))
        problems += [f"{j.machine}, vCPU {j.vcpu}, {j.caught}: {j.problem}" for j in judged if j.problem]
        causes = {machine["name"]: machine["cause"] for machine in truth["machines"]}
        found = [causes[j.machine] for j in judged if j.outcome in ("named right", "named, possible")]
    else:
        problems += compare_healthy(said)
    if dump.path.stem.endswith("-fault"):
        problems += same_in_capsule(dump)
    in_crash = 0
    if dump.crash and (dump.path.stem.endswith("-fault") or "machines" in truth):
        in_crash, more = same_in_crash(dump)
        problems += more
    states = collections.Counter(state for state, _, _ in said.values())
    return {"tables": tables, "leaves": leaves, "states": dict(sorted(states.items())), "crash": in_crash,
            "found": [name for name in found if name], "problems": problems}
