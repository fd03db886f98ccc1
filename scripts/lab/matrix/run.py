# SPDX-License-Identifier: GPL-2.0-or-later
"""Dumps of every generation of kernels, each judged and then deleted.

run.py [--table] [--readme] [--again] [--no-kdumps] [--dumps NAME,NAME...] [GEN...]

A line of results of each dump is kept in matrix/GEN.jsonl of the cache; a run continues with the dumps that have none.
Dumps with a problem stay in matrix/problems: they are judged again first, and made again if the problem is still there.
--again: make all. --dumps: only these. --table: print the table only. --readme: also write it into tests/README.md.
"""

import argparse
import collections
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
LAB = HERE.parent
sys.path[:0] = [str(LAB), str(LAB / "scenarios"), str(HERE)]
sys.dont_write_bytecode = True

import boot  # noqa: E402
import plan  # noqa: E402
import verdict  # noqa: E402

OUT = Path(boot.CACHE) / "matrix"
KEPT = 20  # dumps with a problem
READY_SECONDS = 600  # a busy machine may need that many
MARKS = ("<!-- matrix -->\n", "<!-- end of matrix -->\n")


class Results:
    only = None  # the names of dumps to make; None: all

    def __init__(self, generation):
        self.path = OUT / f"{generation}.jsonl"
        self.lines = {}
        for line in self.path.read_text().splitlines() if self.path.exists() else ():
            one = json.loads(line)
            self.lines[one["name"]] = one

    def missing(self, names):
        return [name for name in names if self.lines.get(name, {"problems": True})["problems"]
                and (self.only is None or name in self.only)]

    def add(self, line):
        self.lines[line["name"]] = line
        with open(self.path, "a", encoding="ascii") as file:
            file.write(json.dumps(line) + "\n")


def crash_of(generation, vmlinux):
    """Return the crash command for a kernel whose debuginfo is there; 7.x needs a newer crash, without its modules."""
    if not os.path.exists(vmlinux):
        return []
    if plan.age(generation) < (6, 12):
        return [shutil.which("crash") or boot.die("crash is not installed"), "-s", vmlinux]
    subprocess.run([LAB / "tool", "crash"], check=True)
    return [f"{boot.CACHE}/tools/crash-new/crash", "--no_modules", "-s", vmlinux]


class Generation:
    def __init__(self, name, again):
        self.name, self.kernel = name, f"{boot.CACHE}/kernel/{name}"
        self.types = boot.types_of(name)
        self.results = Results(name)
        if again:
            self.results.lines = {}
        self.crash = crash_of(name, f"{self.kernel}/vmlinux")
        self.more = boot.needed(name)

    def judge_kept(self):
        """Judge the dumps with a problem again: the program may be another now."""
        for name in self.results.missing(list(self.results.lines)):
            base = OUT / "problems" / f"{self.name}-{name}"
            if not os.path.exists(f"{base}.kdump"):
                continue
            with tempfile.TemporaryDirectory(prefix="kvmmmu-matrix-", dir=OUT) as work:
                for path in base.parent.glob(f"{base.name}.*"):
                    path.rename(f"{work}/{path.name.removeprefix(f'{self.name}-')}")
                truth = json.loads(Path(f"{work}/{name}.json").read_text())
                maps = Path(f"{work}/{name}.maps.json")
                truth["everyone"] = list(plan.EVERYONE.get(name, truth.get("everyone", ())))
                line = self.results.lines[name]
                self.judge(work, name, line["form"], line["paging"], line["la57"], truth,
                           json.loads(maps.read_text()) if maps.exists() else truth["maps"])

    def judge(self, out, name, form, paging, la57, truth, maps):
        path = Path(out) / f"{name}.kdump"
        dump = verdict.Dump(path, self.kernel if self.name in boot.WITHOUT_BTF else None, self.crash)
        try:
            found = verdict.verdict(dump, truth, maps)
        except (RuntimeError, ValueError, KeyError, subprocess.TimeoutExpired) as error:
            found = {"tables": 0, "leaves": 0, "states": {}, "crash": 0, "found": [],
                     "problems": [f"{type(error).__name__}: {error}"]}
        release = boot.read_text(f"{self.kernel}/release").strip()
        self.results.add({"generation": self.name, "release": release, "name": name, "form": form, "paging": paging,
                          "la57": la57, **found})
        boot.say(f"{self.name} {name}: {found['tables']} tables, {found['leaves']} leaves, {found['states']}" +
                 "".join(f"\n    {problem}" for problem in found["problems"]))
        if found["problems"]:
            self.keep(Path(out), name)
        elif os.path.exists(f"{path}.kvmmmu"):  # samples/kernels/ has some of these
            (OUT / "capsules").mkdir(exist_ok=True)
            shutil.copy(f"{path}.kvmmmu", OUT / "capsules" / f"{self.name}-{name}.kvmmmu")

    def keep(self, out, name):
        to = OUT / "problems"
        to.mkdir(exist_ok=True)
        if len(list(to.glob("*.kdump"))) < KEPT:
            for path in out.glob(f"{name}.*"):
                shutil.copy(path, to / f"{self.name}-{path.name}")

    def run(self, work, out, script, more, config, sources=(), ports=None, memory=boot.MEMORY):
        """Boot once and run a script in gdb."""
        subprocess.run([LAB / "image", self.name, f"{work}/initrd", *sources], check=True)
        qemu = boot.start_qemu(self.kernel, work, self.more + more, ports, memory)
        try:
            try:
                lines = boot.wait_ready(qemu, work, READY_SECONDS)
            except SystemExit:  # the machines did not start
                return False
            boot.say(f"booted {self.name} {more}")
            if boot.run_gdb(script, self.name, work, self.kernel, boot.gather(lines), out=out, debug=self.types,
                            vmlinux=f"{self.kernel}/vmlinux", truth_file=f"{work}/truth", control=f"{work}/control",
                            **config):
                boot.say("the end of the console:\n" + "\n".join(boot.read_text(f"{work}/console").splitlines()[-12:]))
                return False
            return True
        finally:
            qemu.kill()
            qemu.wait()

    def healthy(self, one):
        names = self.results.missing(one.names)
        for _ in range(2):
            if not names:
                return
            with tempfile.TemporaryDirectory(prefix="kvmmmu-matrix-", dir=OUT) as work:
                ports = ["-serial", f"file:{work}/truth"]
                if one.la57:
                    ports += ["-cpu", "max,+svm,+npt,la57=on"]
                config = {"names": names, "npt": one.paging == "npt"}
                self.run(work, work, HERE / "take.py", one.append, config, ports=ports)
                for name in [n for n in names if os.path.exists(f"{work}/{n}.json")]:
                    truth = json.loads(Path(f"{work}/{name}.json").read_text())
                    self.judge(work, name, "QEMU", one.paging, one.la57, truth, truth["maps"])
                    names.remove(name)
        boot.say(f"{self.name}: no dump {' '.join(names)}" if names else f"{self.name}: {one.paging} done")

    def scenarios(self):
        wanted = plan.scenarios(self.name)
        for append, group in itertools.groupby(sorted(wanted, key=lambda s: s.kernel), lambda s: s.kernel):
            names = self.results.missing([s.name for s in group])
            for _ in range(2):
                if names:
                    names = self.play(append, names)
            if names:
                boot.say(f"{self.name}: no dump {' '.join(names)}")

    def play(self, append, names):
        """Return the scenarios of which there is no dump."""
        sources = [f"{LAB}/vmm/{name}.c" for name in ("markers", "tables", "vcpu", "vm")]
        sources += map(str, (LAB / "scenarios/vmm").glob("*.[cS]"))
        with tempfile.TemporaryDirectory(prefix="kvmmmu-matrix-", dir=OUT) as work:
            ports = ["-serial", f"file:{work}/truth", "-chardev",
                     f"socket,id=orders,path={work}/control,server=on,wait=off", "-serial", "chardev:orders"]
            self.run(work, work, HERE / "stage.py", append, {"scenarios": names, "seed": 1}, sources, ports)
            made = [name for name in names if os.path.exists(f"{work}/{name}.maps.json")]
            for name in made:
                truth = json.loads(Path(f"{work}/{name}.json").read_text())
                maps = json.loads(Path(f"{work}/{name}.maps.json").read_text())
                self.judge(work, name, "QEMU", "npt=0" if append else "npt", False, truth, maps)
        return [name for name in names if name not in made]

    def kdumps(self):
        """Real kdumps of machines that loop and others that work (kdump/)."""
        for i in range(plan.kdumps(self.name)):
            name = f"drawn-matrix{i}.00"
            if not self.results.missing([name]):
                continue
            with tempfile.TemporaryDirectory(prefix="kvmmmu-matrix-", dir=OUT) as work:
                subprocess.run([LAB / "lab", "kdump", "--maps", "--seed", f"matrix{i}", "--into", work, self.name],
                               check=False)
                truth = Path(work) / f"{name}.json"
                if truth.exists():
                    truth = json.loads(truth.read_text())
                    self.judge(work, name, "kdump", "npt", False, truth, truth["maps"])

    def intel(self):
        """Memory of an Intel host in Bochs, with a VM that loops (ept/)."""
        for label, (append, names) in plan.intel(self.name).items():
            self.intel_host(label, append, self.results.missing(names))

    def intel_host(self, label, append, names):
        if not names:
            return
        with tempfile.TemporaryDirectory(prefix="kvmmmu-matrix-", dir=OUT) as work:
            subprocess.run([LAB / "lab", "ept", "--maps", "--no-panic", "--seed", label, "--append", append,
                            "--moments", str(plan.INTEL_MOMENTS), "--into", work, self.name, plan.INTEL_MACHINE], check=False)
            for name in names:
                truth = Path(work) / f"{name}.json"
                if truth.exists():
                    truth = json.loads(truth.read_text())
                    self.judge(work, name, "Bochs", "EPT", False, truth, truth["maps"])
                else:
                    boot.say(f"{self.name}: no dump {name}")

    def all(self, kdumps):
        self.judge_kept()
        for one in plan.boots(self.name):
            self.healthy(one)
        self.scenarios()
        if kdumps:
            self.kdumps()
        self.intel()


def row(generation, lines):
    """Return the cells of a generation's row."""
    count = collections.Counter()
    found = collections.Counter()
    for line in lines:
        count[line["form"]] += 1
        count[line["paging"]] += 1
        count["la57"] += line["la57"]
        for key in ("tables", "leaves", "crash"):
            count[key] += line.get(key, 0)
        for state, number in line["states"].items():
            count[state] += number
        found.update(line["found"])
        count["problems"] += bool(line["problems"])
    states = ", ".join(f"{count[state]} {state}" for state in STATES if count[state])
    named = ", ".join(f"{name} {number}" if number > 1 else name for name, number in sorted(found.items()))
    return [f"{generation} ({lines[0]['release']})", str(len(lines)),
            *(str(count[key]) for key in ("npt", "npt=0", "EPT", "la57", "kdump", "crash")), f"{count['tables']:,}",
            f"{count['leaves']:,}", states, named or "-", str(count["problems"])]


HEAD = ["kernel", "dumps", "NPT", "npt=0", "EPT", "5 levels", "real kdumps", "answers in crash", "tables", "leaves", "vCPUs",
        "loops and stalls named right", "with a problem"]
STATES = ("healthy", "progressing", "waiting", "never ran", "unknown", "stuck")


def table():
    """Return the table of tests/README.md."""
    text = [f"| {' | '.join(HEAD)} |", "|" + "---|" * len(HEAD)]
    lines = []
    for generation in (*plan.GENERATIONS, *plan.FLAVOURS):
        some = list(Results(generation).lines.values())
        if some:
            text.append(f"| {' | '.join(row(generation, some))} |")
        lines += some
    wrong = sum(bool(line["problems"]) for line in lines)
    text += ["", f"{len(lines)} dumps: {sum(line['tables'] for line in lines):,} permission tables, "
             f"{sum(line['leaves'] for line in lines):,} leaves and "
             f"{sum(sum(line['states'].values()) for line in lines):,} vCPUs compared; {wrong} dumps have a problem."]
    return "\n".join(text) + "\n"


def stop(*_):
    raise KeyboardInterrupt  # not SystemExit, which a boot that fails raises


def main():
    parser = argparse.ArgumentParser(prog="lab matrix")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--readme", action="store_true")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--no-kdumps", action="store_true")
    parser.add_argument("--dumps", type=lambda text: text.split(","))
    parser.add_argument("generations", nargs="*", metavar="GEN")
    args = parser.parse_args()
    Results.only = args.dumps
    signal.signal(signal.SIGTERM, stop)
    OUT.mkdir(parents=True, exist_ok=True)
    names = () if args.table or args.readme else args.generations or (*plan.GENERATIONS, *plan.FLAVOURS)
    failed = []
    for name in names:
        try:
            Generation(name, args.again).all(not args.no_kdumps)
        except subprocess.CalledProcessError:  # it has said why
            failed.append(name)
    print(table())
    failed += [name for name in names if any(line["problems"] for line in Results(name).lines.values())]
    if failed:
        boot.die(f"not as it should be: {' '.join(dict.fromkeys(failed))}")
    if args.readme:
        path = verdict.TOP / "tests/README.md"
        before, rest = path.read_text().split(MARKS[0])
        path.write_text(before + MARKS[0] + table() + MARKS[1] + rest.split(MARKS[1])[1])


if __name__ == "__main__":
    main()
