# SPDX-License-Identifier: GPL-2.0-or-later
"""What kvmmmu reports about real kdumps, compared with the truth.

verdicts.py table [--markdown] [PATH...]  what is reported, by how the crash caught the vCPU; exit code 1 if anything is
                                       wrong. PATH: a dump, a capsule or a folder of them with their truth beside
                                       them; "all": those that "lab kdump" left in the cache; samples/kdump/ if
                                       there is none
verdicts.py samples [GEN...]              recreate samples/kdump/ from the dumps that "lab kdump" left in the cache
"""

import argparse
import collections
import concurrent.futures
import json
import os
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]
sys.path.append(str(TOP / "scripts" / "lab"))
import boot  # noqa: E402

SAMPLES = TOP / "samples" / "kdump"
CACHE = Path(boot.CACHE)
PROGRAM = Path(os.environ.get("KVMMMU_BUILD", TOP / "build")) / "kvmmmu"
SURE = ("likely", "proven")
# Two for each place in which a vCPU can be caught are kept.
PER_CLASS = 2
# Conditions of the VM that need no fault, and what has to be reported at any moment of the crash.
STANDING = {"perm-table-zeroed": "named right", "perm-table-flip": "named right",
            "invalidate-leaked-all": "named, possible"}
OUTCOMES = ("named right", "named, possible", "unknown", "other, possible", "healthy above possible", "wrong")
HEALTHY_OUTCOMES = ("clean", "a finding above note", "stuck")

NPF = "0x400"
HANDLER = "kvm_mmu_do_page_fault"  # its frame has the struct kvm_page_fault

# What was reported about a vCPU; findings: [(id, certainty)], faults: those of the JSON.
Said = collections.namedtuple("Said", "state certainty findings faults")
MISSING = Said("missing", "proven", [], [])
# One vCPU: what it is, how it was caught, what was reported, the class of that, and what is wrong with it, in words.
Judged = collections.namedtuple("Judged", "name machine vcpu caught loops said outcome problem")


def program(*words):
    run = subprocess.run([PROGRAM, *map(str, words)], text=True, capture_output=True, timeout=300)
    if run.returncode:
        raise RuntimeError(f"kvmmmu {' '.join(map(str, words))}: {run.stderr.strip()}")
    return run.stdout


def debuginfo(path, truth):
    """Options for a dump of a kernel whose modules have no BTF."""
    needed = truth["generation"] in boot.WITHOUT_BTF and path.suffix == ".kdump"
    return ["-k", CACHE / "kernel" / truth["generation"]] if needed else []


def explain(path, truth):
    """{kvm_vcpu: Said}"""
    return {int(v["about"]["address"], 16): Said(v["state"], v["certainty"],
                                                 [(f["id"], f["certainty"]) for f in v.get("findings", [])], v["faults"])
            for v in json.loads(program(*debuginfo(path, truth), path, "explain", "--json"))["vcpus"]}


def text_of(said):
    return f"{said.state} ({said.certainty}), {', '.join(f'{name} ({c})' for name, c in said.findings) or 'no finding'}"


def functions_of(place):
    """The first frames, innermost first; samples contain only these."""
    return [frame if isinstance(frame, str) else frame["function"] for frame in place["frames"]]


def problem_of_fault(machine, vcpu, loops, said):
    """The fault is the one that the debugger read: that of the last exit, or that of a loop that is in the handler."""
    exit_ = vcpu["last_exit"]
    for fault in said.faults:
        if fault["source"] == "VMCB" and exit_["exit_code"] == NPF and not machine["name"].startswith("healthy-nested"):
            for ours, theirs in (("address", "exit_info_2"), ("error_code", "exit_info_1")):
                if int(fault[ours], 16) != int(exit_[theirs], 16):
                    return f"{ours} of the last exit is {fault[ours]}, not {exit_[theirs]}"
    if vcpu["place"] and vcpu["place"]["frames"] is not None and vcpu["class"] != "interrupt":
        inside = [f["source"] for f in said.faults if f.get("age") == "in handler"]
        # where the live part of the stack begins may not be known: in an interrupt, in a thunk
        unsure = any(f["source"] == "stack" and f.get("age") == "unknown" for f in said.faults)
        # the exit is, too, before the struct is passed on, and while the instruction is emulated
        if bool(inside) + unsure < (HANDLER in functions_of(vcpu["place"])) or \
                ("stack" in inside) > (HANDLER in functions_of(vcpu["place"])):
            return f"a fault in the handler is {'found' if inside else 'not found'}: {' < '.join(functions_of(vcpu['place']))}"
    standing = [f for f in said.faults if f["source"] == "stack" and f["age"] == "in handler"]
    if loops and vcpu["class"] == "in handler" and standing:
        page = int(machine["stage"]["page"], 16) >> 12
        if int(standing[0]["address"], 16) >> 12 != page:
            return f"the fault in the handler is at {standing[0]['address']}, not in page {page:#x}"
    return None


def outcome_of_loop(machine, said):
    """A vCPU that makes no forward progress: one of OUTCOMES."""
    state, sure, findings, _ = said
    right = {machine["cause"], *machine["also"], *machine["everyone"]}
    if any(name not in right and certainty in SURE for name, certainty in findings):
        return "wrong"
    named = state == "stuck" and bool(findings) and findings[0][0] == machine["cause"]
    if state == "unknown":
        return "unknown"
    if sure not in SURE:
        return "named, possible" if named else "other, possible"
    return "named right" if named else "healthy above possible" if state in ("healthy", "progressing") else "wrong"


def is_at_hand(machine, vcpu):
    """Does the dump contain the fault that it loops on, in the handler or as that of the last exit?"""
    exit_ = vcpu["last_exit"]
    return vcpu["class"] == "in handler" or (
        exit_["exit_code"] == NPF and int(exit_["exit_info_2"], 16) >> 12 == int(machine["stage"]["page"], 16) >> 12)


def least_of_loop(machine, vcpu, others_invalidate):
    """What must be reported at least: one of OUTCOMES."""
    # While a task is inside an invalidation, it may not be known whose invalidation it is.
    if machine["name"] in STANDING and not (others_invalidate and machine["cause"] == "invalidate-leaked"):
        return STANDING[machine["name"]]
    return "named, possible" if is_at_hand(machine, vcpu) else "other, possible"


def problem_of_loop(machine, vcpu, said, outcome, others_invalidate):
    """What must not be reported about it."""
    if outcome in ("wrong", "healthy above possible"):
        return f"it loops ({machine['cause']}): {text_of(said)}"
    least = least_of_loop(machine, vcpu, others_invalidate)
    if OUTCOMES.index(outcome) <= OUTCOMES.index(least):
        return None
    return f"it loops ({machine['cause']}), and {least!r} is the least: {text_of(said)}"


def moves(vcpu):
    """Its guest made progress between the samples before the crash."""
    looks = vcpu["looks"]
    return any(looks[-1][name] > looks[0][name] for name in ("io_exits", "pf_fixed"))


def outcome_of_healthy(machine, vcpu, said):
    """A vCPU that works, waits or does not run: one of HEALTHY_OUTCOMES."""
    state, sure, findings, _ = said
    if any(certainty != "note" and name not in machine["everyone"] for name, certainty in findings):
        return "a finding above note"
    # A condition of the VM may have caught a neighbour, too.
    caught = machine["everyone"] and (sure not in SURE or not moves(vcpu))
    return "stuck" if state == "stuck" and not caught else "clean"


def judge_vcpu(name, machine, vcpu, said, others_invalidate=False):
    loops = bool(machine["cause"]) and vcpu["vcpu"] == machine["stage"]["subject"]
    if loops:
        outcome = outcome_of_loop(machine, said)
        problem = problem_of_loop(machine, vcpu, said, outcome, others_invalidate)
    else:
        outcome = outcome_of_healthy(machine, vcpu, said)
        problem = None if outcome == "clean" else f"it makes progress, or does not want to: {text_of(said)}"
    problem = problem or problem_of_fault(machine, vcpu, loops, said)
    return Judged(name, machine["name"], vcpu["vcpu"], vcpu["class"], loops, said, outcome, problem)


def judge(path):
    """All vCPUs of a dump or a capsule."""
    truth = json.loads(path.with_suffix(".json").read_text())
    said = explain(path, truth)
    name = f"{truth['generation']}/{truth['name']}"
    for machine in truth["machines"]:
        others = any(int(other["invalidation"]["mmu_invalidate_in_progress"], 16)
                     for other in truth["machines"] if other is not machine)
        for vcpu in machine["vcpus"]:
            yield judge_vcpu(name, machine, vcpu, said.get(int(vcpu["kvm_vcpu"], 16), MISSING), others)


def dumps_in(path):
    """The dumps of a folder and below, or, where there are none, its capsules."""
    if path.is_file():
        return [path]
    return [p for suffix in ("kdump", "kvmmmu") for p in sorted(path.rglob(f"*.{suffix}"))
            if p.with_suffix(".json").exists() and (suffix == "kdump" or not p.with_suffix(".kdump").exists())]


def judge_all(paths):
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return [one for many in pool.map(lambda path: list(judge(path)), paths) for one in many]


def table(judged, loops, markdown=False):
    """By how the crash caught the vCPU."""
    head = OUTCOMES if loops else HEALTHY_OUTCOMES
    cells = collections.Counter((j.caught, j.outcome) for j in judged if j.loops == loops)
    rows = sorted({caught for caught, _ in cells})
    lines = [[caught, sum(cells[caught, o] for o in head), *(cells[caught, o] for o in head)] for caught in rows]
    lines.append(["all", *(sum(line[i] for line in lines) for i in range(1, len(head) + 2))])
    title = ["vCPU that loops, caught" if loops else "healthy vCPU, caught", "vCPUs", *head]
    if markdown:
        return "\n".join(["| " + " | ".join(map(str, line)) + " |" for line in [title, ["---"] * len(title), *lines]])
    widths = [max(len(str(line[i])) for line in [title, *lines]) for i in range(len(title))]
    return "\n".join("  ".join(f"{cell!s:{width}}" if i == 0 else f"{cell!s:>{width}}"
                               for i, (cell, width) in enumerate(zip(line, widths))) for line in [title, *lines])


def by_cause(judged):
    cells = collections.Counter((j.name.split("/")[0], j.machine, j.outcome) for j in judged if j.loops)
    lines = []
    for gen, machine in sorted({key[:2] for key in cells}):
        said = ", ".join(f"{outcome} {cells[gen, machine, outcome]}" for outcome in OUTCOMES
                         if cells[gen, machine, outcome])
        lines.append(f"  {gen:5} {machine:24} {said}")
    return "\n".join(lines)


def tell(paths, markdown):
    judged = judge_all([p for path in paths for p in dumps_in(path)])
    for j in judged:
        if j.problem:
            print(f"{j.name}: {j.machine}, vCPU {j.vcpu}, {j.caught}: {j.problem}", file=sys.stderr)
    print(table(judged, True, markdown), table(judged, False, markdown), sep="\n\n")
    if not markdown:
        print("", by_cause(judged), sep="\n")
    return any(j.problem for j in judged)


def kinds_in(truth):
    """What a dump has to show: ways to be caught, by loops and by others; of both, a vCPU whose CPU panicked on top of
    it, and one that makes progress although its VM is in trouble."""
    for machine in truth["machines"]:
        for vcpu in machine["vcpus"]:
            loops = bool(machine["cause"]) and vcpu["vcpu"] == machine["stage"]["subject"]
            place = vcpu["place"]
            yield loops, vcpu["class"]
            if place and place["on_cpu"] and place["cpu"] == truth["panic_cpu"]:
                yield loops, "on the CPU that panicked", vcpu["class"] == "in handler"
            if machine["everyone"] and not loops and moves(vcpu):
                yield machine["cause"], "neighbour that moves"


def wanted(truths):
    """Choose from these truths by path: a few in which each kind is present twice, of many generations, small first."""
    kinds = {path: set(kinds_in(truth)) for path, truth in truths.items()}
    missing = collections.Counter({kind: PER_CLASS for found in kinds.values() for kind in found})
    chosen, generations = [], collections.Counter()
    while True:
        def worth(path):
            gain = sum(2 if kind[0] else 1 for kind in kinds[path] if missing[kind] > 0)
            return gain, -generations[truths[path]["generation"]], -path.stat().st_size
        path = max((p for p in kinds if p not in chosen), key=worth, default=None)
        if path is None or not worth(path)[0]:
            return chosen
        chosen.append(path)
        generations[truths[path]["generation"]] += 1
        missing.subtract(kinds[path])


def truth_of_sample(path, truth):
    """What tests need: without the frames' addresses, the layout of the modules and the output of makedumpfile."""
    kept = {key: truth[key] for key in "version name generation release seed trigger panic_cpu machines".split()}
    for machine in kept["machines"]:
        for vcpu in machine["vcpus"]:
            if vcpu["place"] and vcpu["place"]["frames"]:
                vcpu["place"]["frames"] = [f["function"] for f in vcpu["place"]["frames"]]
    # What this version reported about vCPUs that it judged wrongly, for comparison.
    kept["problems_when_made"] = [f"{j.machine}, vCPU {j.vcpu}, {j.caught}: {j.problem}" for j in judge(path) if j.problem]
    return kept


def make_samples(generations):
    folders = [CACHE / "kdump" / g for g in generations] if generations else [CACHE / "kdump"]
    paths = [p for folder in folders for p in dumps_in(folder) if p.suffix == ".kdump"]
    truths = {path: json.loads(path.with_suffix(".json").read_text()) for path in paths}
    for old in SAMPLES.glob("*/*.*"):
        if not generations or old.parent.name in generations:
            old.unlink()
    for path in wanted(truths):
        truth = truths[path]
        to = SAMPLES / truth["generation"] / f"{truth['name']}.kvmmmu"
        to.parent.mkdir(parents=True, exist_ok=True)
        program(*debuginfo(path, truth), path, "capture", "-o", to, "--with-names")
        kept = truth_of_sample(path, truth)
        to.with_suffix(".json").write_text(json.dumps(kept, indent=1) + "\n")


def main():
    parser = argparse.ArgumentParser(prog="kdumps")
    commands = parser.add_subparsers(dest="command", required=True)
    of_table = commands.add_parser("table")
    of_table.add_argument("--markdown", action="store_true")
    of_table.add_argument("paths", nargs="*", type=Path)
    commands.add_parser("samples").add_argument("generations", nargs="*")
    args = parser.parse_args()
    if args.command == "samples":
        return make_samples(args.generations)
    paths = [CACHE / "kdump" if path == Path("all") else path for path in args.paths]
    return tell(paths or [SAMPLES], args.markdown)


if __name__ == "__main__":
    sys.exit(main())
