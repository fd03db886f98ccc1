# SPDX-License-Identifier: GPL-2.0-or-later
"""Compare the types and symbols of kernels with what kvmmmu reads; see drift.

drift.py TOP SUITE=DIR... source:RELEASE=NAME=DIR...
                            DIR: vmlinux, kvm.ko, kvm-amd.ko and kvm-intel.ko; its name is the kernel's release
"""

import collections
import json
import os
import re
import subprocess
import sys
from pathlib import Path

VENDORS = ("kvm-amd", "kvm-intel")
SYMBOL = re.compile(r'(?:symbol\w*|SYMBOL)\((?:[^;"()]*,\s*)?("[a-z_0-9]+"(?:, "[a-z_0-9]+")*)')


def release_key(release):
    return [int(part) for part in re.match(r"\d+(?:\.\d+)*", release)[0].split(".")]


def generation(release):
    return re.match(r"\d+\.\d+", release)[0]


class Kernel:
    def __init__(self, top, suite, path):
        self.suite, self.path, self.release = suite, path, path.name
        self.members, self.features = {}, {}
        for vendor in VENDORS:  # a member that either has is there
            answer = self.layout(top, vendor)
            for member in answer["members"]:
                if member["found"] or member["member"] not in self.members:
                    self.members[member["member"]] = member["path"] if member["found"] else None
            for feature in answer["features"]:
                if feature["available"] or feature["feature"] not in self.features:
                    self.features[feature["feature"]] = "" if feature["available"] else feature["missing"]
        self.symbols = self.read_symbols()

    def layout(self, top, vendor):
        build = Path(os.environ.get("KVMMMU_BUILD", top / "build"))
        files = [self.path / "vmlinux", self.path / "kvm.ko", self.path / f"{vendor}.ko"]
        run = subprocess.run([build / "kvmmmu", "layout", *files, "-j"], text=True, capture_output=True, timeout=120,
                             check=False)
        if run.returncode:
            raise RuntimeError(f"{self.release}: {run.stderr.strip()}")
        return json.loads(run.stdout)

    def read_symbols(self):
        found = set()
        for module in ("kvm", *VENDORS):
            text = subprocess.run(["nm", self.path / f"{module}.ko"], text=True, capture_output=True, check=True).stdout
            found.update(line.split()[-1] for line in text.splitlines() if " U " not in line)
        return found


def asked_symbols(top):
    """Return the names of symbols in the sources."""
    text = "\n".join(path.read_text() for path in (top / "extensions/kvmmmu").rglob("*")
                     if path.suffix in (".c", ".def"))
    return {name for group in SYMBOL.findall(text) for name in re.findall(r"\w+", group)}


def listed(names, limit=12):
    names = sorted(names)
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more


def changes(before, now, symbols):
    """Yield what differs from an earlier kernel."""
    gone = [m for m, path in before.members.items() if path and not now.members.get(m)]
    new = [m for m, path in now.members.items() if path and not before.members.get(m)]
    moved = [f"{m} ({before.members[m]} -> {path})" for m, path in now.members.items()
             if path and before.members.get(m) and before.members[m] != path]
    for what, names in (("members gone", gone), ("members new", new), ("members under another name", moved),
                        ("symbols gone", (before.symbols - now.symbols) & symbols),
                        ("symbols new", (now.symbols - before.symbols) & symbols),
                        ("no longer available", [f for f in now.features if now.features[f] and not before.features[f]]),
                        ("now available", [f for f in now.features if before.features[f] and not now.features[f]])):
        if names:
            yield f"{what}: {listed(names, 60)}"


def oracle(top, kernel, sources):
    """Return what the comparison of kvmmmu's rules with the kernel's own functions says."""
    where, source = sources.get(kernel.release, (None, None))
    if not source:
        return "no suite serves its source"
    known = re.findall(r'^    "([\d.]+)": \[\*?', (top / "tests/oracle/oracle").read_text(), re.M)
    rules = [g for g in known if release_key(g) <= release_key(generation(kernel.release))]
    if not rules:
        return f"{where}: it knows no functions of {generation(kernel.release)}"
    rules = max(rules, key=release_key)
    run = subprocess.run([top / "tests/oracle/oracle", source, rules], text=True, capture_output=True, check=False)
    said = (run.stdout + run.stderr).strip().splitlines()
    as_of = "" if rules == generation(kernel.release) else f" with the functions of {rules}"
    return f"{where}{as_of}: " + ("; ".join(said[-3:]) if said else f"exit code {run.returncode}")


def main():
    top, sources, kernels = Path(sys.argv[1]).resolve(), {}, collections.OrderedDict()
    for word in sys.argv[2:]:
        suite, path = word.split("=", 1)
        if suite.startswith("source:"):
            sources[suite[7:]] = path.split("=")
        elif path in kernels:
            kernels[path].suite += f", {suite}"
        else:
            try:
                kernels[path] = Kernel(top, suite, Path(path))
            except (RuntimeError, OSError, subprocess.SubprocessError) as error:
                print(f"{suite}: {error}\n")
    symbols, before = asked_symbols(top), None
    for kernel in sorted(kernels.values(), key=lambda k: release_key(k.release)):
        found = sum(path is not None for path in kernel.members.values())
        print(f"{kernel.release} ({kernel.suite}): {found} of {len(kernel.members)} members found")
        for feature, missing in kernel.features.items():
            if missing:
                print(f"  unavailable: {feature}: {missing} missing")
        for line in changes(before, kernel, symbols) if before else ():
            print(f"  against {before.release}: {line}")
        print(f"  oracle: {oracle(top, kernel, sources)}\n")
        before = kernel
    print("Symbols are those of kvm.ko, kvm-amd.ko and kvm-intel.ko; an image of vmlinux has no symbol table.")


if __name__ == "__main__":
    main()
