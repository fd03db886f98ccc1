#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""join RECORDING KERNEL: a recording of the lab as one line a fast page fault, for compare. KERNEL: `lab kernel`.

Joins each kvmmmu:fast_page_fault with what the lab's probe saw at the same call (slot, flags, the SPTE
read once more), with the level of its SPTE and with who else changed the SPTE meanwhile. The lines:

  masks NAME VALUE ...     shadow_*_mask and the like, as `kvmmmu DUMP mmu` read them
  words WORD*16            the permission table that judges SPTEs; absent where there is none
  fault COUNT OUTCOME ERROR OLD AGAIN NEW LEVEL LOGGED MEANWHILE

OUTCOME is spurious, fixed or slow; AGAIN the SPTE that the probe read, NEW the one that the event did,
a moment later. LEVEL is 0 where it cannot be told. MEANWHILE tells what others did to the SPTE
between the fault and the event: letters of

  c   an event of another change, or of another vCPU's fix, that made it NEW
  a   an event of another change away from what the fault left, OLD or OLD with W if it was fixed
  p   its log was being cleared: W is taken away
  z   it was being unmapped
"""

import bisect
import collections
import json
import os
import re
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
PFN = ((1 << 52) - 1) & ~0xfff
MMU_PRESENT, LARGE = 1 << 11, 1 << 7
MMIO_BEFORE_5_13 = 3 << 52  # the A/D type "MMIO": kernels without the MMU-present bit
LOG_DIRTY = 1
# How late the event of a change may be: its thread can be held up between the change and the event.
LATE = 0.020

PFERR = {"P": 1, "W": 2, "U": 4, "RSVD": 8, "F": 16, "PK": 32, "SS": 64, "SGX": 1 << 15}
LINE = re.compile(r" *(.+)-(\d+) +\[\d+\] \S+ +([\d.]+): (\w+): (?:\([^)]*\) ?)?(.*)")
PAIR = re.compile(r"(\w+)=(\S+)")
FAST = re.compile(r"vcpu (\d+) gva (\w+) error_code (\S*) sptep (\w+) old (\w+) new (\w+) "
                  r"spurious (\d) fixed (\d)")
CHANGED = re.compile(r"as id \d+ gfn (\w+) level (\d) old_spte (\w+) new_spte (\w+)")


def is_present(spte, before_5_13):
    """is_shadow_present_pte()"""
    if before_5_13:
        return spte != 0 and spte & MMIO_BEFORE_5_13 != MMIO_BEFORE_5_13
    return bool(spte & MMU_PRESENT)


def error_code(text):
    code = 0
    for flag in filter(None, text.split("|")):
        code |= PFERR[flag] if flag in PFERR else int(flag, 16)
    return code


def machine(comm):
    """Threads are named MACHINE-what, the first one load-MACHINE."""
    first, _, second = comm.partition("-")
    return second if first == "load" else first


class Changes:
    """What was done to SPTEs besides the fault at hand, by time."""

    def __init__(self, machines):
        self.machines = machines
        self.events = collections.defaultdict(list)  # (machine, gfn): (time, pid, old, new SPTE)
        self.spans = {"protect": [], "unmap": []}     # (begin, end, kvm, first gfn, gfns)
        self.open = {}

    def change(self, comm, pid, time, gfn, old, new):
        """A thread of the host's (kdamond ages pages) changes SPTEs of any machine: they have the page's number."""
        name = machine(comm)
        self.events[name if name in self.machines else None, gfn].append((time, pid, old, new))

    def begin(self, kind, pid, time, fields):
        number = {key: int(value, 16) for key, value in PAIR.findall(fields)}
        if kind == "protect":
            first = number["base"] + number["first"]
            gfns = {first + bit for bit in range(64) if number["mask"] >> bit & 1}
        else:
            first = number["start"]  # before 5.13, one page of a level
            gfns = range(first, number["end"] if "end" in number else first + 512 ** (number["level"] - 1))
        self.open[kind, pid] = (time, number["kvm"], gfns)

    def end(self, kind, pid, time):
        if begun := self.open.pop((kind, pid), None):
            self.spans[kind].append((begun[0], time, *begun[1:]))

    def close(self):
        for spans in self.spans.values():
            spans.sort(key=lambda span: span[0])
        self.starts = {kind: [span[0] for span in spans] for kind, spans in self.spans.items()}

    def meanwhile(self, fault):
        letters = set()
        for time, pid, old, new in self.events[machine(fault.comm), fault.gfn] + self.events[None, fault.gfn]:
            if pid != fault.pid and fault.begin <= time <= fault.time + LATE:
                letters |= {"c"} if new == fault.new else set()
                letters |= {"a"} if old == fault.left() else set()
        found = "".join(sorted(letters, reverse=True))
        for letter, kind in (("p", "protect"), ("z", "unmap")):
            at = bisect.bisect(self.starts[kind], fault.time)
            # Spans of one kind overlap only as far as there are threads.
            for begin, end, kvm, gfns in self.spans[kind][max(0, at - 16):at]:
                if kvm == fault.kvm and end >= fault.begin and fault.gfn in gfns:
                    found += letter
                    break
        return found or "-"


class Fault:
    def __init__(self, comm, pid, time, begin, probe, event, slots):
        self.comm, self.pid, self.time, self.begin = comm, pid, time, begin
        self.before_5_16 = "gpa" in probe
        self.kvm = int(probe["kvm"], 16)
        self.gfn = int(probe["gpa"], 16) >> 12 if self.before_5_16 else int(probe["gfn"], 16)
        self.error_code = error_code(event[2])
        self.sptep, self.old, self.new = (int(event[i], 16) for i in (3, 4, 5))
        self.again = int(probe["now"], 16)
        assert int(probe["sptep"], 16) == self.sptep and int(probe["old"], 16) == self.old, event
        self.outcome = "spurious" if event[6] == "1" else "fixed" if event[7] == "1" else "slow"
        self.logged = int("flags" in probe and probe["flags"] != "(fault)" and
                          int(probe["flags"], 16) & LOG_DIRTY)
        # A page does not reach beyond its slot.
        if self.before_5_16:
            self.size = max((size for (vm, _), (gpa, size) in slots.items()
                             if vm == machine(comm) and gpa <= self.gfn << 12 < gpa + size), default=0)
        else:
            self.size = slots.get((machine(comm), int(probe["slot"])), (0, 0))[1] if probe["slot"] != "(fault)" else 0
        self.level = self.find_level()

    def find_level(self):
        """By the SPTE's place in its table; where two levels share it, by the SPTE itself."""
        index = (self.sptep & 0xfff) >> 3
        levels = [level for level in range(1, 6) if self.gfn >> 9 * (level - 1) & 511 == index]
        if self.present(self.old):
            large = bool(self.old & LARGE)
            levels = [level for level in levels if (level == 1 and not large) or
                      (large and level in (2, 3) and 1 << 12 + 9 * (level - 1) <= self.size) or
                      (not large and level > 1 and 1 not in levels)]
            # Above 4 KiB an entry that maps nothing is the same on all levels.
            if levels and not large and levels[0] > 1:
                return levels[0]
        return levels[0] if len(levels) == 1 else 0

    def present(self, spte):
        return is_present(spte, self.before_5_16)

    def left(self):
        """What the fault made of the SPTE, unless there is access tracking."""
        return self.old | 2 if self.outcome == "fixed" else self.old

    def odd(self):
        """Did anybody but this fault change the SPTE?"""
        return self.new != self.left()

    def line(self, meanwhile):
        return (f"{self.outcome} {self.error_code:#x} {self.old:#x} {self.again:#x} {self.new:#x} "
                f"{self.level} {self.logged} {meanwhile}")


def faults(recording):
    """All fast page faults of a recording, and what else happened to their SPTEs."""
    truth = json.loads((recording / "truth.json").read_text())
    slots = {(line["vm"], line["id"]): (int(line["gpa"], 16), int(line["size"], 16))
             for line in truth["truth"] if line["kind"] == "slot"}
    changes, found, probes, entered = Changes({vm for vm, _ in slots}), [], {}, {}
    with open(recording / "trace.txt", encoding="ascii", errors="replace") as trace:
        for text in trace:
            if not (line := LINE.match(text)):
                continue
            comm, pid, time, kind, rest = line[1], line[2], float(line[3]), line[4], line[5]
            if kind == "kvm_page_fault":
                entered[pid] = time
            elif kind == "fast":
                probes[pid] = dict(PAIR.findall(rest))
            elif kind == "fast_page_fault":
                event = FAST.match(rest).groups()
                fault = Fault(comm, pid, time, entered.get(pid, time), probes.pop(pid), event, slots)
                found.append(fault)
                if fault.outcome == "fixed":
                    changes.change(comm, pid, time, fault.gfn, fault.old, fault.left())
            elif kind == "kvm_tdp_mmu_spte_changed":
                gfn, _, *sptes = CHANGED.match(rest).groups()
                changes.change(comm, pid, time, int(gfn, 16), *(int(spte, 16) for spte in sptes))
            elif kind in ("protect", "unmap"):
                changes.begin(kind, pid, time, rest)
            elif kind in ("protected", "unmapped"):
                changes.end({"protected": "protect", "unmapped": "unmap"}[kind], pid, time)
    changes.close()
    return found, changes


def ask(recording, kernel, *words):
    program = Path(os.environ.get("KVMMMU_BUILD", TOP / "build")) / "kvmmmu"
    types = ["-k", kernel] if (kernel / "debug").exists() else []  # without debuginfo: BTF in the dump
    out = subprocess.run([program, *types, recording / "dump.kdump", *words, "-j"], check=True,
                         stdout=subprocess.PIPE, text=True).stdout
    return json.loads(out)


def head_of_trace(recording):
    """Masks and permission words where there is no dump: probes of the same boot read them."""
    masks = words = None
    release = json.loads((recording / "truth.json").read_text())["release"]
    with open(recording / "trace.txt", encoding="ascii", errors="replace") as trace:
        for text in trace:
            if (line := LINE.match(text)) and line[4] == "masks":
                masks = dict(PAIR.findall(line[5]))
            elif line and line[4] == "words":
                found = tuple(PAIR.findall(line[5])[0][1].strip("{}").split(","))
                assert words in (None, found), (words, found)
                words = found
    masks = {"shadow_" + name if name.endswith(("_mask", "_value")) else name: value
             for name, value in masks.items()}
    masks["software_bits"] = "7.2" if "shadow_xs_mask" in masks else "6.1"
    masks["paging"] = "ept"
    yield f"# {release} Intel EPT"
    yield "masks " + " ".join(f"{name} {value}" for name, value in masks.items())
    if words:
        yield "words " + " ".join(words)


def head(recording, kernel):
    """Masks and permission words, as our program reads them out of the dump of the same boot."""
    if not (recording / "dump.kdump").exists():
        yield from head_of_trace(recording)
        return
    mmu = ask(recording, kernel, "mmu", "0:0")
    yield f"# {mmu['source']['release']} {mmu['source']['vendor']} {mmu['source']['paging']}"
    values = {name: int(value, 16) if isinstance(value, str) and value.startswith("0x") else
              int(value) if isinstance(value, bool) else value
              for name, value in mmu["masks"].items()}
    values["paging"] = {"NPT": "npt", "EPT": "ept"}.get(mmu["source"]["paging"], "shadow")
    yield "masks " + " ".join(f"{name} {value:#x}" if isinstance(value, int) else f"{name} {value}"
                              for name, value in values.items() if value is not None)
    tables = {tuple(word["word"] for word in table["words"])
              for table in ask(recording, kernel, "perms")["tables"]
              if table["judges"] == "spte" and table["context"].startswith("root_mmu")}
    assert len(tables) <= 1, tables
    for table in tables:
        yield "words " + " ".join(table)


def impersonal(fault):
    """The fault with the page's number taken out, so that equal ones can be counted."""
    pfn = fault.old & PFN
    if fault.present(fault.old):
        for name in ("old", "again", "new"):
            value = getattr(fault, name)
            if fault.present(value) and value & PFN == pfn:
                setattr(fault, name, value & ~PFN)
    return fault


def join(recording, kernel, reduce=False):
    """The lines; reduced, faults that differ only in their page are one line with their number."""
    yield from head(recording, kernel)
    found, changes = faults(recording)
    lines = []
    for fault in found:
        meanwhile = changes.meanwhile(fault) if fault.odd() else "-"
        lines.append((impersonal(fault) if reduce else fault).line(meanwhile))
    counted = collections.Counter(lines) if reduce else dict.fromkeys(lines)
    if reduce:
        yield from (f"fault {count} {line}" for line, count in counted.most_common())
    else:
        yield from (f"fault 1 {line}" for line in lines)


def main():
    reduce = "--reduce" in sys.argv
    recording, kernel = (Path(word) for word in sys.argv[1:] if not word.startswith("--"))
    for line in join(recording, kernel, reduce):
        print(line)


if __name__ == "__main__":
    main()
