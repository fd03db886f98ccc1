# SPDX-License-Identifier: GPL-2.0-or-later
"""What kvmmmu says of the scenarios, against the truth.

judge.py recapture [GEN...]      samples/scenarios/ anew, from the dumps that "lab scenario" left
judge.py matrix [--markdown]     what was found in which scenario
judge.py check DIR               the dumps of a folder, judged
"""

import argparse
import collections
import concurrent.futures
import json
import os
import subprocess
import sys
from pathlib import Path

import catalogue

TOP = Path(__file__).resolve().parents[3]
SAMPLES = TOP / "samples" / "scenarios"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kvmmmu"
PROGRAM = Path(os.environ.get("KVMMMU_BUILD", TOP / "build")) / "kvmmmu"
# What tests need of a scenario's truth when they have no dump.
KEPT = """version name generation release npt seed plot twin_of how done injected expect everyone stage kvm kvm_vcpu
    counters stop fault frozen frames last_exit""".split()

Result = collections.namedtuple("Result", "name truth problems found state said live")


def program(*words):
    run = subprocess.run([PROGRAM, *map(str, words)], text=True, capture_output=True, timeout=120)
    if run.returncode:
        raise RuntimeError(f"kvmmmu {' '.join(map(str, words))}: {run.stderr.strip()}")
    return run.stdout


def explain(path):
    """{index of the vCPU: (its state, how sure, [(id, certainty)])}, and {index: the fault on its stack}"""
    vcpus = json.loads(program(path, "explain", "--json"))["vcpus"]
    said = {v["vcpu"]: (v["state"], v["certainty"], [(f["id"], f["certainty"]) for f in v.get("findings", [])])
            for v in vcpus}
    return said, {v["vcpu"]: fault for v in vcpus for fault in v["faults"]
                  if fault["source"] == "stack" and fault["age"] == "in handler"}


def compare_fault(truth, live):
    """The fault that was found on the subject's stack against the one that the debugger read."""
    fault = truth["fault"]
    if not fault:
        return []
    found = live.get(truth["expect"][0]["vcpu"])
    if not found:
        return ["the fault on the stack is not found"]
    return [f"fault on the stack: {ours} is {found[ours]}, not {fault[theirs]}"
            for ours, theirs in (("kvm_page_fault", "address"), ("address", "addr"), ("error_code", "error_code"))
            if int(found[ours], 16) != int(fault[theirs], 16)]


def compare(truth, said):
    """What is wrong with it, in words."""
    problems = []
    expected = {e["vcpu"]: e for e in truth["expect"]}
    for e in truth["expect"]:
        if e["vcpu"] not in said:
            problems.append(f"vCPU {e['vcpu']}: nothing is said")
    for vcpu, (state, sure, findings) in sorted(said.items()):
        e = expected.get(vcpu, {"first": None, "also": [], "note": False, "states": []})
        right = {e["first"], *e["also"], *truth["everyone"]}
        for name, certainty in findings:
            if certainty != "note" and name not in right:
                problems.append(f"vCPU {vcpu}: wrong: {name} ({certainty})")
        names = [name for name, _ in findings]
        if e["first"] and e["first"] not in (names if e["note"] else names[:1]):
            problems.append(f"vCPU {vcpu}: {', '.join(names) or 'nothing'}, not {e['first']} "
                            f"{'at all' if e['first'] not in names else 'first'}")
        elif e["states"] == ["stuck"] and not e["note"] and findings[0][1] == "note":
            problems.append(f"vCPU {vcpu}: stuck, and {e['first']} is no more than a note")
        # What is called possible leaves it open: one dump is one moment.
        if e["states"] and sure in ("likely", "proven") and state not in e["states"]:
            problems.append(f"vCPU {vcpu}: is called {state}, not {' or '.join(e['states'])}")
        if state == "stuck" and not e["first"] and not truth["everyone"]:
            problems.append(f"vCPU {vcpu}: is called stuck")
    return problems


def judge(path, truth):
    said, live = explain(path)
    expected = truth["expect"][0]
    state, _, findings = said.get(expected["vcpu"], ("unknown", "", []))
    strong = [name for name, certainty in findings if certainty != "note"]
    # a remark counts as found where it is what must be found
    hit = expected["first"] in [name for name, _ in findings][:None if expected["note"] else 1]
    found = expected["first"] if hit else strong[0] if strong else None
    if not expected["first"] and found in expected["also"]:
        found = None
    problems = compare(truth, said) + compare_fault(truth, live)
    return Result(path.stem, truth, problems, found, state, said, live)


def samples():
    return [(path, json.loads(path.with_suffix(".json").read_text()))
            for path in sorted(SAMPLES.glob("*.kvmmmu"))]


def judge_all(pairs):
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda pair: judge(*pair), pairs))


def matrix(results, markdown=False):
    """Rows: what must be found; columns: what was found first; healthy scenarios and twins in one row."""
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
        lines += ["| is | is found | as something else |", "|---|---|---|"]
    for i in rows:
        others = ", ".join(f"{j} {cells[i, j]}" for j in ids if j != i and cells[i, j]) or "-"
        lines.append(f"| {i} | {cells[i, i]} of {sum(cells[i, j] for j in ids)} | {others} |" if markdown else
                     f"  {i:{width}}  {cells[i, i]:3} of {sum(cells[i, j] for j in ids):3}  {others}")
    if not markdown:
        lines.insert(0, f"  {'IS':{width}}  IS FOUND    AS SOMETHING ELSE")
    stuck = [r for r in results if r.truth["expect"][0]["states"] == ["stuck"]]
    lines += ["", f"{right} of {len(results)} scenarios on the diagonal; of {len(stuck)} stuck vCPUs "
              f"{sum(r.state == 'stuck' for r in stuck)} are called stuck, of the others "
              f"{sum(r.state == 'stuck' for r in results) - sum(r.state == 'stuck' for r in stuck)}"]
    return "\n".join(lines)


def capture(dump, truth, to):
    program(dump, "capture", "-o", to, "--with-names", truth["stage"]["pid"])


def index(truths):
    """samples/scenarios/README.md"""
    lines = ["# Scenarios", "",
             "Each a vCPU of a real Debian kernel that hangs or loops, or a healthy one that looks so, as a capsule; "
             "the JSON beside", "it is the truth: what was done, and what must be said of which vCPU. "
             "`scripts/lab/lab scenario GEN NAME` plays them anew,", "`scripts/scenarios recapture` makes this "
             "folder. A twin differs in one thing, and nothing above a note may be said of it. "
             "The text beside", "is what `explain` says now; with KVMMMU_EXPECT=write "
             "tests/lab/test_scenarios.py writes it anew.", "",
             "| file | how | what was done | must be found |", "|---|---|---|---|"]
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
            name = f"{truth['generation']}-{truth['name']}"
            capture(path.with_suffix(".kdump"), truth, SAMPLES / f"{name}.kvmmmu")
            truth.update(catalogue.expectations(kept[truth["name"]], truth["stage"]))
            some = {key: truth[key] for key in KEPT if key in truth}
            (SAMPLES / f"{name}.json").write_text(json.dumps(some, indent=1) + "\n")
    (SAMPLES / "README.md").write_text(index({path.stem: truth for path, truth in samples()}))


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
    args = parser.parse_args()
    if args.command == "recapture":
        return recapture(args.generations)
    if args.command == "matrix":
        return tell(judge_all(samples()), args.markdown)
    return tell(judge_all([(path.with_suffix(".kdump"), json.loads(path.read_text()))
                           for path in sorted(args.folder.glob("*.json"))]), False)


if __name__ == "__main__":
    sys.exit(main())
