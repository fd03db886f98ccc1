# SPDX-License-Identifier: GPL-2.0-or-later
"""Take the dumps of one boot; runs inside gdb.

One boot gives, in this order: healthy, the flips (one bit of one permission table is wrong in each),
looping (the SPTE table of beta's vCPU is zeroed) and panic. Each dump is taken while all CPUs are in the
host kernel: for a CPU inside a guest QEMU would record the guest's registers.
"""

import json
import os
import random
import subprocess
import sys
import time

import gdb

sys.path.insert(0, os.environ["LAB_SCRIPTS"])

import oracle  # noqa: E402
from qmp import Qmp  # noqa: E402
from stop import (CONFIG, Break, attach, bring_home, in_host_kernel, load_symbols,  # noqa: E402
                  page_offset, poke, quiet, registers, release, resume, run, say, threads)

OUT = CONFIG["out"]
BETA = "vmm-beta"
GAMMA = "vmm-gamma"


def park(seconds=30):
    """Stop where KVM begins to handle a fault of beta's, with no CPU inside a guest."""
    deadline = time.monotonic() + seconds
    with Break("kvm_mmu_page_fault"):
        while time.monotonic() < deadline:
            quiet("continue")
            vcpu = oracle.pointer(int(gdb.parse_and_eval("$rdi")), "struct kvm_vcpu")
            if oracle.owner(vcpu["kvm"].dereference())[1] == BETA:
                break
        else:
            raise RuntimeError("beta's vCPU takes no faults")
    bring_home()


def raw_walks():
    """Return the raw SPTEs on the way to every page that the VMM reported."""
    physical = oracle.Physical(page_offset())
    walks = []
    vcpus = {}
    for kvm in oracle.vms():
        for vcpu in oracle.vcpus(kvm):
            vcpus[oracle.owner(kvm)[1], int(vcpu["vcpu_id"])] = vcpu
    for vm in CONFIG["truth"]:
        for page in vm["pages"]:
            vcpu = vcpus[vm["comm"], page["vcpu"]]
            walks.append({"vm": vm["name"], "vcpu": page["vcpu"], "gpa": page["gpa"],
                          "entries": oracle.spte_walk(physical, vcpu, int(page["gpa"], 16))})
    return walks


def console():
    with open(CONFIG["console"], encoding="ascii", errors="replace") as file:
        return file.read()


def write_json(name, content):
    path = f"{OUT}/{name}.json"
    with open(path + ".tmp", "w", encoding="ascii") as file:
        json.dump(content, file, indent=1)
        file.write("\n")
    os.rename(path + ".tmp", path)


def gdb_state():
    """Return what gdb reads in the stopped kernel."""
    if not CONFIG["truth"]:
        return {"cpus": registers()}
    return {"cpus": registers(), **oracle.state(), "walks": raw_walks()}


def save(qmp, name, elf=False, flat=False, **more):
    """Write the dumps of this moment, and the truth about it."""
    if name != "panic" and "Kernel panic" in console():
        raise RuntimeError("the kernel panicked on its own")
    files = {"kdump": f"{name}.kdump"}
    qmp.dump(f"{OUT}/{name}.kdump", CONFIG["format"])
    if elf:
        files["elf"] = f"{name}.elf"
        qmp.dump(f"{OUT}/{name}.elf", "elf")
    if flat:
        files["flat"] = f"{name}.flat.kdump"
        qmp.dump(f"{OUT}/{name}.flat.kdump", "kdump-zlib")
    for file in files.values():
        os.chmod(f"{OUT}/{file}", 0o644)
    write_json(name, {
        "version": 1, "name": name, "generation": CONFIG["generation"],
        "release": CONFIG["release"], "qemu": CONFIG["qemu"], "npt": CONFIG["npt"],
        "files": files, "symbols": CONFIG["symbols"], "sections": CONFIG["sections"],
        "vms": CONFIG["truth"], "markers": CONFIG["markers"], **more})


def take_healthy(qmp):
    park()
    save(qmp, "healthy", elf=True, flat=True, gdb=gdb_state())


def take_nonpt(qmp):
    park()
    save(qmp, "nonpt", gdb=gdb_state())


def take_big(qmp):
    bring_home()
    save(qmp, "big", elf=True, gdb=gdb_state())
    # memory that is all zeros does not need disk space
    subprocess.run(["fallocate", "--dig-holes", f"{OUT}/big.elf"], check=True)


def take_novms(qmp):
    save(qmp, "novms", gdb=gdb_state())


def take_nokvm(qmp):
    save(qmp, "nokvm", gdb=gdb_state())


def tables(state):
    """Yield all permission tables that are not empty, as (kvm, vcpu, context, its state)."""
    for kvm in sorted(state["vms"], key=lambda kvm: kvm["owner_comm"]):
        for vcpu in kvm["vcpus"]:
            for name, context in (*vcpu["contexts"].items(), *vcpu["walks"].items()):
                if any(int(word, 16) for word in context["permissions"]):
                    yield kvm, vcpu, name, context


def take_flips(qmp):
    """
    Take dumps in which one bit of one table is wrong and nothing else. Every second flip clears a bit.

    The kernel stays stopped in between, so everything else is as gdb read it here; reading it again for
    each flip would take longer than the dumps.
    """
    park()
    state = oracle.state()
    dice = random.Random(CONFIG["seed"])
    choices = list(tables(state))
    for i in range(CONFIG["flips"]):
        kvm, vcpu, name, context = dice.choice(choices)
        table = oracle.pointer(int(context["table"], 16), context["word_type"])
        bits = [(word, bit) for word in range(16) for bit in range(8 * table.dereference().type.sizeof)
                if int(context["permissions"][word], 16) >> bit & 1 == i % 2]
        word, bit = dice.choice(bits)
        before = int(context["permissions"][word], 16)
        flip = {"seed": CONFIG["seed"], "index": i, "kvm": kvm["address"],
                "owner_pid": kvm["owner_pid"], "vcpu": vcpu["address"], "vcpu_id": vcpu["vcpu_id"],
                "context": name, "table": context["table"],
                "physical": f"{int(table + word) - page_offset():#x}", "word": word, "bit": bit,
                "before": f"{before:#x}", "after": f"{before ^ 1 << bit:#x}",
                "direction": "1->0" if i % 2 else "0->1"}
        poke(table + word, before ^ 1 << bit)
        save(qmp, f"flip-{i:02}", gdb={"cpus": registers()}, flip=flip)
        poke(table + word, before)


def first_vcpu(comm):
    kvm = next(kvm for kvm in oracle.vms() if oracle.owner(kvm)[1] == comm)
    return next(oracle.vcpus(kvm))


def zero_table(comm):
    table = oracle.permissions(first_vcpu(comm)["arch"]["mmu"].dereference())
    for i in range(16):
        poke(table[i].address, 0)


def counters(comm):
    stat = first_vcpu(comm)["stat"]
    return {name: int(stat[name]) for name in ("pf_taken", "pf_fixed", "pf_spurious", "exits")}


def grown(watched, counter):
    return watched["second"][counter] - watched["first"][counter]


def zero_and_watch(comm, spurious=-1):
    """
    Zero the first vCPU's active table. Return its counters then, and a second later, or when it has had
    more than @spurious further spurious faults, for which a busy machine may need longer.
    """
    park()
    zero_table(comm)
    resume(1)
    park()
    watched = {"comm": comm, "vcpu_id": 0, "first": counters(comm)}
    for _ in range(30):
        resume(1)
        park()
        watched["second"] = counters(comm)
        if grown(watched, "pf_spurious") > spurious:
            break
    return watched


def take_looping(qmp):
    watched = zero_and_watch(BETA, spurious=1000)
    if grown(watched, "pf_spurious") <= 1000 or grown(watched, "pf_fixed"):
        raise RuntimeError(f"beta's vCPU does not loop: {watched}")
    save(qmp, "looping", gdb=gdb_state(), zeroed=watched)


def take_zeroed(qmp):
    # Not beta's, whose guest has paging off: there older kernels leave the table empty anyway.
    watched = zero_and_watch(GAMMA)
    if grown(watched, "pf_spurious") > 1000 or not grown(watched, "pf_fixed"):
        raise RuntimeError(f"gamma's vCPU makes no progress: {watched}")
    save(qmp, "zeroed", gdb=gdb_state(), zeroed=watched)


def take_panic(qmp):
    release()
    qmp.run("inject-nmi")
    deadline = time.monotonic() + 60
    while "end Kernel panic" not in console():
        if time.monotonic() > deadline:
            raise RuntimeError("the kernel did not panic")
        time.sleep(0.2)
    attach()
    if not all(in_host_kernel(thread) for thread in threads()):
        raise RuntimeError("a CPU kept running after the panic")
    save(qmp, "panic", gdb=gdb_state())


def main():
    quiet("set pagination off")
    quiet("set confirm off")
    quiet("set architecture i386:x86-64")
    load_symbols()
    qmp = Qmp(CONFIG["qmp"])
    attach()
    for scenario in CONFIG["scenarios"]:
        start = time.monotonic()
        globals()["take_" + scenario](qmp)
        say(f"{CONFIG['generation']} {scenario}: {time.monotonic() - start:.1f} s")
    qmp.run("quit")


run(main)
