# SPDX-License-Identifier: GPL-2.0-or-later
"""Measure the commands whose CPU time has an aim, and print where the time of those goes that miss it."""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from grow import flatten, grow, grow_kdump
from run_once import run_once

ROUNDS = 5
MEGABYTES = 40
# what a command without a cache has in its environment
NO_CACHE = {**os.environ, "KVMMMU_NO_CACHE": "1"}


def print_profile(program, words, env):
    """Print the six functions that take most of the time."""
    with tempfile.TemporaryDirectory(prefix="kvmmmu-bench-") as folder:
        record = ["perf", "record", "-q", "-o", f"{folder}/perf", program, *map(str, words)]
        try:
            subprocess.run(record, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        except (OSError, subprocess.CalledProcessError):
            print("    (perf does not run here: no profile)")
            return
        out = subprocess.run(["perf", "report", "-i", f"{folder}/perf", "--stdio", "--no-children", "-s", "symbol"],
                             capture_output=True, text=True, check=False).stdout
        for line in [line for line in out.splitlines() if line.strip() and line[0] != "#"][:6]:
            print("    " + line.strip())


class Targets:
    """@before: what else answers, and its seconds."""

    def __init__(self, program, before):
        self.program, self.before = program, {name: seconds for name, seconds in before.items() if seconds}

    def measure(self, what, aim, *words, cached=False, compare=False, megabytes=MEGABYTES):
        with tempfile.TemporaryDirectory(prefix="kvmmmu-bench-") as folder:
            env = {key: value for key, value in os.environ.items() if key != "KVMMMU_NO_CACHE"} | {"XDG_CACHE_HOME": folder}
            words = [f"{folder}/out" if word == "OUT" else word for word in words]
            rounds = []
            for _ in range(ROUNDS + cached):  # the first one fills the cache
                Path(folder, "out").unlink(missing_ok=True)
                rounds.append(run_once(self.program, *words, env=env if cached else NO_CACHE)[1:])
            memory, took = map(min, zip(*rounds[cached:]))
            self.say(what, aim, took, memory, compare, megabytes)
            if took > aim and "-o" not in words:
                print_profile(self.program, words, env if cached else NO_CACHE)

    def say(self, what, aim, took, memory, compare, megabytes):
        ratios = [f"{seconds / took:.0f} times as fast as {name}" for name, seconds in self.before.items() if compare]
        missed = ["time"] * (took > aim) + ["memory"] * (memory > megabytes)
        print(f"{what:44} {took:7.4f} s   aim {aim}, {memory:.1f} MB", *ratios, *[f"MISSED: {what}" for what in missed],
              sep=", ", flush=True)

    def commands(self, healthy, crowd):
        """perms of the small dump; 1,200 vCPUs; the walk of a large VM."""
        for kind, first, again in (("elf", 0.015, 0.008), ("kdump", 0.030, 0.010)):
            dump = healthy / f"healthy.{kind}"
            self.measure(f"{kind}: perms, first", first, dump, "perms", compare=True)
            self.measure(f"{kind}: perms, cached", again, dump, "perms", compare=True, cached=True)
        for kind, whole in (("elf", 0.2), ("kdump", 0.45)):
            dump = crowd / f"crowd.{kind}"
            self.measure(f"{kind}: explain of 1,200 vCPUs", whole, dump, "explain", compare=True)
            self.measure(f"{kind}: explain of 1,200 vCPUs, JSON", whole, dump, "explain", "-j", compare=True)
            self.measure(f"{kind}: explain of one of 1,200 vCPUs", 0.06, dump, "explain", "0:0", compare=True)
            self.measure(f"{kind}: the same, cached", 0.06, dump, "explain", "0:0", compare=True, cached=True)
            self.measure(f"{kind}: capture of 1,200 vCPUs", 1, dump, "capture", "-o", "OUT")
        for kind, aim in (("elf", 0.06), ("kdump", 0.25)):
            self.measure(f"{kind}: walk of 10.5 million SPTEs", aim, healthy / f"big.{kind}", "walk", "-n", "all", "0:0", "0")

    def large(self, vcpus, tasks, dumps):
        """A host of the lab's with @vcpus and @tasks (lab large)."""
        for kind, whole in (("elf", 0.2), ("kdump", 0.45)):
            dump, host = dumps / f"large.{kind}", f"{vcpus:,} vCPUs and {tasks:,} tasks"
            aim = whole if vcpus == 1200 else 2
            self.measure(f"{kind}: explain of {host}", aim, dump, "explain", compare=True)
            self.measure(f"{kind}: the same, JSON", aim, dump, "explain", "-j", compare=True)
            self.measure(f"{kind}: perms of them, JSON", aim, dump, "perms", "-j", compare=True)
            self.measure(f"{kind}: explain of one of them", 0.06, dump, "explain", "0:0", compare=True)
            self.measure(f"{kind}: capture of all", 1, dump, "capture", "-o", "OUT")

    def answer(self, dump):
        return subprocess.run([self.program, dump, "perms"], env=NO_CACHE, capture_output=True, check=True).stdout

    def hosts(self, healthy):
        """Dumps of large hosts, made of the small ones with holes: the answers are the small one's."""
        elf, kdump = healthy / "healthy.elf", healthy / "healthy.kdump"
        plain = self.answer(elf)
        # no file has more than this: ext4's limit is 16 TB
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        with tempfile.TemporaryDirectory(prefix="kvmmmu-bench-", dir="/var/tmp") as folder:
            to = Path(folder) / "dump"
            for name, size in (("512 GB", 512 << 30), ("2 TB", 2 << 40), ("6 TB", 6 << 40)):
                for kind, make, *more in (("elf", grow, elf), ("kdump", grow_kdump, kdump),
                                          ("kdump, fragmented", grow_kdump, kdump, 1 << 20)):
                    make(more[0], to, size, *more[1:])
                    if self.answer(to) != plain:
                        sys.exit(f"bench: the dump of {name} ({kind}) has another answer")
                    self.measure(f"{kind}, {name}: perms", 0.15, to, "perms", megabytes=30, compare=True)
            flatten(elf, to, 50 << 30)
            if self.answer(to) != plain:
                sys.exit("bench: the flattened dump of 50 GB has another answer")
            self.measure("flattened, 50 GB: perms, first", 10, to, "perms", compare=True)
            time.sleep(4)  # a file that was just written is not kept
            self.measure("flattened, 50 GB: perms, cached", 0.15, to, "perms", cached=True, compare=True)
