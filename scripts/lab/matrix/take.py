# SPDX-License-Identifier: GPL-2.0-or-later
"""Take dumps of healthy machines at several moments of one boot; runs inside gdb.

CONFIG: out, names, npt. The first dump is taken where KVM begins to handle a fault, the others at random moments.
"""

import json
import os
import random
import sys
import time

import gdb

sys.path[:0] = [os.environ["LAB_SCRIPTS"], os.path.join(os.environ["LAB_SCRIPTS"], "matrix")]

import maps  # noqa: E402
import oracle  # noqa: E402
from qmp import Qmp  # noqa: E402
from stop import (CONFIG, Break, attach, bring_home, in_host_kernel, load_symbols, quiet,  # noqa: E402
                  registers, resume, run, say, threads)

BETA = "vmm-beta"
SECONDS = 300


def at_a_fault():
    """Stop where KVM begins to handle a fault of beta's."""
    deadline = time.monotonic() + SECONDS
    with Break("kvm_mmu_page_fault"):
        while time.monotonic() < deadline:
            quiet("continue")
            vcpu = oracle.pointer(int(gdb.parse_and_eval("$rdi")), "struct kvm_vcpu")
            if oracle.owner(vcpu["kvm"].dereference())[1] == BETA:
                return
    raise RuntimeError("beta's vCPU takes no faults")


def console():
    with open(CONFIG["console"], encoding="ascii", errors="replace") as file:
        return file.read()


def save(qmp, name):
    bring_home()
    if not all(in_host_kernel(thread) for thread in threads()):
        raise RuntimeError("a CPU stayed in the guest")
    if "Kernel panic" in console():
        raise RuntimeError("the kernel panicked on its own")
    truth = {"name": name, "generation": CONFIG["generation"], "release": CONFIG["release"], "npt": CONFIG["npt"],
             "cpus": registers(), **oracle.state(), "maps": maps.maps()}
    qmp.dump(f"{CONFIG['out']}/{name}.kdump", CONFIG["format"])
    with open(f"{CONFIG['out']}/{name}.json", "w", encoding="ascii") as file:
        json.dump(truth, file)


def main():
    for setting in ("pagination off", "confirm off", "architecture i386:x86-64"):
        quiet(f"set {setting}")
    load_symbols()
    qmp = Qmp(CONFIG["qmp"])
    attach()
    for i, name in enumerate(CONFIG["names"]):
        start = time.monotonic()
        if i:
            resume(0.5 + random.random())
        else:
            at_a_fault()
        save(qmp, name)
        say(f"{CONFIG['generation']} {name}: {time.monotonic() - start:.1f} s")
    qmp.run("quit")


run(main)
