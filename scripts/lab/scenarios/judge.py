# SPDX-License-Identifier: GPL-2.0-or-later
"""Compare what kvmmmu finds in the scenarios with the truth.

judge.py recapture [GEN...]      recreate samples/scenarios/ from the dumps of "lab scenario"
judge.py matrix [--markdown]     print what was found in the samples
judge.py check DIR               the same for a folder of dumps
judge.py evidence                print the strongest evidence behind each finding
"""

import argparse
import collections
import concurrent.futures
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import catalogue

TOP = Path(__file__).resolve().parents[3]
SAMPLES = TOP / "samples" / "scenarios"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kvmmmu"
PROGRAM = Path(os.environ.get("KVMMMU_BUILD", TOP / "build")) / "kvmmmu"
# The keys of a scenario's truth that tests need without the dump.
KEPT = """version name generation release npt seed plot twin_of how done injected expect everyone stage kvm kvm_vcpu
    counters stop fault frozen frames last_exit""".split()

Result = collections.namedtuple("Result", "name truth problems found state said live")


def program(*words):
    run = subprocess.run([PROGRAM, *map(str, words)], text=True, capture_output=True, timeout=120)
    if run.returncode:
        raise RuntimeError(f"kvmmmu {' '.join(map(str, words))}: {run.stderr.strip()}")
    return run.stdout


def explain(path):
    """Return {vCPU index: (state, certainty, [(finding id, certainty)])}, and {vCPU index: fault on its stack}."""
    vcpus = json.loads(program(path, "explain", "--json"))["vcpus"]
    said = {v["vcpu"]: (v["state"], v["certainty"], [(f["id"], f["certainty"]) for f in v.get("findings", [])])
            for v in vcpus}
    return said, {v["vcpu"]: fault for v in vcpus for fault in v["faults"]
                  if fault["source"] == "stack" and fault["age"] == "in handler"}


def compare_fault(truth, live):
    """Compare the fault found on the subject's stack with the one that the debugger read; return the problems."""
    fault = truth["fault"]
    if not fault:
        return []
    found = live.get(truth["expect"][0]["vcpu"])
    if not found:
        return ["the fault on the stack was not found"]
    return [f"fault on the stack: {ours} is {found[ours]}, expected {fault[theirs]}"
            for ours, theirs in (("kvm_page_fault", "address"), ("address", "addr"), ("error_code", "error_code"))
            if int(found[ours], 16) != int(fault[theirs], 16)]


def compare(truth, said):
    """Return the problems of an answer, described."""
    problems = []
    expected = {e["vcpu"]: e for e in truth["expect"]}
    for e in truth["expect"]:
        if e["vcpu"] not in said:
            problems.append(f"vCPU {e['vcpu']}: missing in the answer")
    for vcpu, (state, sure, findings) in sorted(said.items()):
        e = expected.get(vcpu, {"first": None, "also": [], "note": False, "states": []})
        right = {e["first"], *e["also"], *truth["everyone"]}
        for name, certainty in findings:
            if certainty != "note" and name not in right:
                problems.append(f"vCPU {vcpu}: wrong finding: {name} ({certainty})")
        names = [name for name, _ in findings]
        if e["first"] and e["first"] not in (names if e["note"] else names[:1]):
            problems.append(f"vCPU {vcpu}: found {', '.join(names) or 'nothing'}, expected {e['first']} first")
        elif e["states"] == ["stuck"] and not e["note"] and findings[0][1] == "note":
            problems.append(f"vCPU {vcpu}: stuck, but {e['first']} is only a note")
        # A state that is only possible may differ: one dump is one moment.
        if e["states"] and sure in ("likely", "proven") and state not in e["states"]:
            problems.append(f"vCPU {vcpu}: reported as {state}, expected {' or '.join(e['states'])}")
        if state == "stuck" and not e["first"] and not truth["everyone"]:
            problems.append(f"vCPU {vcpu}: reported as stuck")
    return problems


def judge(path, truth):
    said, live = explain(path)
    expected = truth["expect"][0]
    state, _, findings = said.get(expected["vcpu"], ("unknown", "", []))
    strong = [name for name, certainty in findings if certainty != "note"]
    # a note counts as found if a note is expected
    hit = expected["first"] in [name for name, _ in findings][:None if expected["note"] else 1]
    found = expected["first"] if hit else strong[0] if strong else None
    if not expected["first"] and found in expected["also"]:
        found = None
    problems = compare(truth, said) + compare_fault(truth, live)
    return Result(f"{truth['generation']}/{path.stem}", truth, problems, found, state, said, live)


def samples():
    return [(path, json.loads(path.with_suffix(".json").read_text()))
            for path in sorted(SAMPLES.glob("*/*.kvmmmu"))]


def judge_all(pairs):
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda pair: judge(*pair), pairs))


def matrix(results, markdown=False):
    """Return a table: one row per expected finding, with what was found first; healthy ones share a row."""
    cells = collections.Counter()
    for r in results:
        truth = r.truth["expect"][0]["first"] or "healthy"
        cells[truth, r.found or "healthy"] += 1
    ids = sorted({name for pair in cells for name in pair} - {"healthy"}) + ["healthy"]
    rows = [i for i in ids if any(cells[i, j] for j in ids)]
    right = sum(cells[i, i] for i in ids)
    width = max(map(len, ids))
    lines = []
    if markdown:
        lines += ["| expected | found | found instead |", "|---|---|---|"]
    for i in rows:
        others = ", ".join(f"{j} {cells[i, j]}" for j in ids if j != i and cells[i, j]) or "-"
        lines.append(f"| {i} | {cells[i, i]} of {sum(cells[i, j] for j in ids)} | {others} |" if markdown else
                     f"  {i:{width}}  {cells[i, i]:3} of {sum(cells[i, j] for j in ids):3}  {others}")
    if not markdown:
        lines.insert(0, f"  {'EXPECTED':{width}}  FOUND       FOUND INSTEAD")
    stuck = [r for r in results if r.truth["expect"][0]["states"] == ["stuck"]]
    called = sum(r.state == "stuck" for r in stuck)
    lines += ["", f"{right} of {len(results)} scenarios found as expected; {called} of {len(stuck)} stuck vCPUs "
              f"reported as stuck, and {sum(r.state == 'stuck' for r in results) - called} others"]
    return "\n".join(lines)


STRENGTHS = {"natural": "real kernel, natural", "injected": "real kernel, injected",
             "edited": "edited capsule", "unit": "unit test only"}


def shown():
    """Yield (finding id, strength, where, rank) of what tests hold the program to; what a scenario is about first."""
    for path, truth in samples():
        text = path.with_suffix(".txt").read_text()
        expected = {name for e in truth["expect"] for name in (e["first"], *e["also"])} | set(truth["everyone"])
        for name, certainty in re.findall(r"^! ([\w-]+) \((\w+)\):", text, re.M):
            if name in expected or certainty == "note":
                yield name, truth["how"], f"{truth['generation']}/{truth['name']}", \
                    0 if name == truth["expect"][0]["first"] else 2 if certainty == "note" else 1
    for case in json.loads((TOP / "tests/capsule/edited.json").read_text()):
        yield case["finding"], "edited", f"{case['sample']}: {case['done']}", 0
    scenario = None
    for line in (TOP / "tests/property/after-nmi.txt").read_text().splitlines():
        verdict = re.match(r"\d+:\d+ [a-z ]+ \(\w+\)([^:]*):", line)
        scenario = line if re.fullmatch(r"[\d.]+/[\w-]+", line) else scenario
        for name in verdict[1].split() if verdict else []:
            yield name, "edited", f"{scenario}, as after an NMI exit", 1


def evidence():
    """Return {finding id: (strength, where)}: the strongest evidence that a test has for each, in order of precedence."""
    catalogue_text = (TOP / "extensions/kvmmmu/diagnose/diagnoses.def").read_text()
    found = {name: ("unit", "") for name in re.findall(r'^KM_DIAGNOSIS\(\w+, \w+, "([\w-]+)"', catalogue_text, re.M)}
    order = list(STRENGTHS)
    for name, strength, where, rank in sorted(shown(), key=lambda s: s[3]):
        # a note in passing counts where nothing else does
        if order.index(strength) < order.index(found[name][0]) and (rank < 2 or found[name][0] == "unit"):
            found[name] = strength, where
    return found


def evidence_table():
    return "\n".join(["| finding | strongest evidence | where |", "|---|---|---|",
                      *(f"| {name} | {STRENGTHS[strength]} | {where} |" for name, (strength, where) in evidence().items()), ""])


def capture(dump, truth, to):
    program(dump, "capture", "-o", to, "--with-names", truth["stage"]["pid"])


def index(truths):
    """Return the text of samples/scenarios/README.md."""
    lines = ["# Scenarios", "",
             "Each capsule shows a vCPU of a real Debian kernel that hangs or loops, or a healthy one that only seems to.",
             "The JSON file next to it is the truth: what was done, and what must be found for which vCPU. A twin differs",
             "in one thing, and nothing above a note may be found for it. The text file has the current answers of",
             "`explain`; with `KVMMMU_EXPECT=write`, `tests/lab/test_scenarios.py` rewrites it.",
             "`scripts/lab/lab scenario GEN NAME` recreates the dumps, `scripts/scenarios recapture` this folder.", "",
             "| file | how | what was done | expected finding |", "|---|---|---|---|"]
    for name, truth in sorted(truths.items()):
        first = truth["expect"][0]["first"]
        more = " (a note)" if truth["expect"][0]["note"] else ""
        lines.append(f"| {name} | {truth['how']} | {truth['done']} | {first + more if first else 'nothing'} |")
    return "\n".join(lines) + "\n"


def recapture(generations):
    SAMPLES.mkdir(exist_ok=True)
    kept = {s.name: s for s in catalogue.SCENARIOS if s.capsule}
    for folder in sorted((CACHE / "scenarios").iterdir()):
        if generations and folder.name not in generations:
            continue
        for path in sorted(folder.glob("*.json")):
            truth = json.loads(path.read_text())
            if truth["name"] not in kept:
                continue
            to = SAMPLES / truth["generation"] / f"{truth['name']}.kvmmmu"
            to.parent.mkdir(exist_ok=True)
            capture(path.with_suffix(".kdump"), truth, to)
            truth.update(catalogue.expectations(kept[truth["name"]], truth["stage"]))
            some = {key: truth[key] for key in KEPT if key in truth}
            to.with_suffix(".json").write_text(json.dumps(some, indent=1) + "\n")
    truths = {str(path.relative_to(SAMPLES).with_suffix("")): truth for path, truth in samples()}
    (SAMPLES / "README.md").write_text(index(truths))


def tell(results, markdown):
    for r in results:
        for problem in r.problems:
            print(f"{r.name}: {problem}", file=sys.stderr)
    print(matrix(results, markdown))
    return any(r.problems for r in results)


def main():
    parser = argparse.ArgumentParser(prog="scenarios")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("recapture").add_argument("generations", nargs="*")
    commands.add_parser("matrix").add_argument("--markdown", action="store_true")
    commands.add_parser("check").add_argument("folder", type=Path)
    commands.add_parser("evidence")
    args = parser.parse_args()
    if args.command == "evidence":
        return print(evidence_table())
    if args.command == "recapture":
        return recapture(args.generations)
    if args.command == "matrix":
        return tell(judge_all(samples()), args.markdown)
    return tell(judge_all([(path.with_suffix(".kdump"), json.loads(path.read_text()))
                           for path in sorted(args.folder.glob("*.json"))]), False)


if __name__ == "__main__":
    sys.exit(main())
