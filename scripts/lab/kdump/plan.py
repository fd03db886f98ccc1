# SPDX-License-Identifier: GPL-2.0-or-later
"""What runs when a kernel crashes: which machines, for each dump of a series.

The machines are those of the scenarios (scenarios/catalogue.py), left running until the crash. A loop is one
that makes no forward progress at any moment; a load is a healthy one that looks busy.
"""

import dataclasses
import glob
import os
import random
import sys

LAB = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.append(os.path.join(LAB, "scenarios"))

import catalogue  # noqa: E402

SINCE_6_1 = ("6.1", "6.12", "6.16", "6.17", "6.18", "7.2", "7.3")
EVERY = ("5.10", *SINCE_6_1)
NEW = ("7.3",)

# Loops, and the kernels that have them.
LOOPS = {
    "perm-table-zeroed": NEW,
    "perm-table-flip": NEW,
    "invalidate-leaked": SINCE_6_1,
    "invalidate-leaked-all": EVERY,
    "readonly-host": EVERY,
    "obsolete-root": SINCE_6_1,
    "obsolete-root-prefault": ("6.12",),
    "frozen-spte": SINCE_6_1,
    "spurious-loop": EVERY,
    "readonly-slot": SINCE_6_1,
    "no-slot": SINCE_6_1,
    "hwpoison": ("6.12", "7.2", "7.3"),
}
LOADS = {
    "healthy-dirty-log": SINCE_6_1,  # 5.10 does not count what its fast path fixes
    "healthy-late-twice": EVERY,
    "healthy-rep-stos": EVERY,
    "healthy-stride": EVERY,
    "healthy-mmio": EVERY,
    "healthy-readonly-emulated": EVERY,
    "healthy-zapped-pages": EVERY,
    "healthy-zapped-others": EVERY,
    "healthy-zapped-each-100ms": EVERY,
    "healthy-balloon": EVERY,
    "healthy-nested": EVERY,
    "healthy-nested-zapped": EVERY,
    "healthy-halted": EVERY,
    "healthy-paused": EVERY,
}
TRIGGERS = ("sysrq", "sysrq", "nmi")


def more():
    """Scenarios that only kdumps have."""
    base = {s.name: s for s in catalogue.SCENARIOS}
    yield dataclasses.replace(
        base["invalidate-leaked"], name="invalidate-leaked-all",
        done="mmu_invalidate_in_progress raised for the range of everything, and nobody will lower it",
        act="leak_invalidation_of_all")
    for name, done in (
            ("stride", "writes page after page; at the end the VMM discards them all"),
            ("zapped-pages", "reads page after page while the VMM discards them"),
            ("zapped-others", "reads page after page while the VMM discards others"),
            ("zapped-each-100ms", "writes to a page that the VMM discards each 100 ms"),
            ("balloon", "writes page after page while a balloon takes some of them"),
            ("nested", "a nested guest writes page after page"),
            ("nested-zapped", "the same, and the VMM discards all pages each 100 ms")):
        yield catalogue.Scenario(f"healthy-{name}", name, done, check=None if name == "zapped-others" else "fixes")


SCENARIOS = {s.name: s for s in [*catalogue.SCENARIOS, *more()]}
# vCPUs of one role share a root.
SCENARIOS["obsolete-root"] = dataclasses.replace(SCENARIOS["obsolete-root"], everyone=("obsolete-root",))


@dataclasses.dataclass
class Dump:
    name: str
    seed: str
    machines: list      # names of scenarios
    trigger: str
    delay: float        # seconds from the last sample of the machines to the crash
    trace_kb: int = 0   # size of ftrace's buffer of each CPU; 0: nothing is traced
    trace_seconds: float = 0.2
    form: str = ""      # options for a makedumpfile that runs in the crash kernel; none: it does not
    maps: bool = False  # the truth has what is mapped where (matrix/maps.py)


def of(machines, generation):
    """Those that this generation has, whatever its flavour."""
    return [name for name, generations in machines.items() if generation.partition("-")[0] in generations]


def known(generation):
    return of({**LOOPS, **LOADS}, generation)


def draw(generation, dice):
    """Up to four loops of different causes (on three CPUs some are preempted then), and a load or two; in one dump of
    five only loads."""
    loops, loads = of(LOOPS, generation), of(LOADS, generation)
    count = min(dice.choice(range(5)), len(loops))
    return dice.sample(loops, count) + dice.sample(loads, dice.choice((1, 1, 2) if count else (3, 4)))


def series(generation, names, count, seed, trigger=None, **more):
    """The dumps to make; the same seed gives the same machines."""
    for name in names:
        if name not in known(generation):
            raise KeyError(f"{generation} has no machine {name} for kdumps (it has: {' '.join(known(generation))})")
    for i in range(count):
        dice = random.Random(f"{generation} {' '.join(names)} {seed} {i}")
        label = "+".join(names) if names else "drawn"
        if more.get("trace_kb"):
            label += f"-trace{more['trace_kb']}"
        yield Dump(f"{label}-{seed}.{i:02}", f"{seed}.{i}", list(names) or draw(generation, dice),
                   trigger or dice.choice(TRIGGERS), 0.2 + 2 * dice.random(), **more)


def sources():
    """Of the program that runs the machines, for the compiler."""
    files = [f"{LAB}/vmm/{name}.c" for name in ("markers", "tables", "vcpu", "vm")]
    return [*files, *glob.glob(f"{LAB}/scenarios/vmm/*.[cS]"), *glob.glob(f"{LAB}/kdump/vmm/*.[cS]"),
            f"-I{LAB}/scenarios/vmm"]
