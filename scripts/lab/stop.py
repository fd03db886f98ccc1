# SPDX-License-Identifier: GPL-2.0-or-later
"""Stopping a kernel at a good moment, and changing a word of it; runs inside gdb.

A dump is taken while all CPUs are in the host kernel, since QEMU would record the guest's registers for
one that is not.
"""

import json
import os
import sys
import time

import gdb

import oracle

with open(os.environ["LAB_CONFIG"], encoding="ascii") as config_file:
    CONFIG = json.load(config_file)


def say(text):
    print(f"lab: {text}", file=sys.stderr, flush=True)


def quiet(command):
    return gdb.execute(command, to_string=True)


def load_symbols():
    for module, sections in CONFIG["sections"].items():
        name = module.replace("_", "-")
        others = " ".join(f"-s {name} {where}" for name, where in sections.items() if name != ".text")
        quiet(f"add-symbol-file {CONFIG['debug']}/{name}.ko {sections['.text']} {others}")


def attach():
    quiet(f"target remote {CONFIG['gdb']}")


def release():
    quiet("detach")


def in_host_kernel(thread):
    """False while this CPU runs a nested guest: its page tables do not map the kernel."""
    try:
        thread.switch()
        gdb.parse_and_eval("vm_list.next->next")
        return True
    except gdb.error:
        return False


def threads():
    return sorted(gdb.selected_inferior().threads(), key=lambda thread: thread.num)


class Break:
    """A hardware breakpoint, as long as the block lasts."""

    def __init__(self, function):
        self.function = function

    def __enter__(self):
        self.breakpoint = gdb.Breakpoint(f"*{self.function}", gdb.BP_HARDWARE_BREAKPOINT)
        self.breakpoint.silent = True

    def __exit__(self, *_):
        self.breakpoint.delete()


def bring_home():
    """Lets the CPUs that are inside a guest go on, alone, until KVM has them again."""
    here = gdb.selected_thread()
    with Break("svm_handle_exit"):
        quiet("set scheduler-locking on")
        for thread in threads():
            if not in_host_kernel(thread):
                quiet("continue")
        quiet("set scheduler-locking off")
    here.switch()


def page_offset():
    where = int(CONFIG["symbols"]["page_offset_base"], 16)
    return int(oracle.pointer(where, "unsigned long").dereference())


def registers():
    """Where each CPU stood."""
    found = []
    here = gdb.selected_thread()
    for thread in threads():
        thread.switch()
        found.append({"cpu": thread.num - 1,
                      **{name: oracle.hexa(gdb.parse_and_eval(f"${name}")) for name in ("rip", "rsp")}})
    here.switch()
    return found


def poke(where, value):
    quiet(f"set var *({where.type}){int(where):#x} = {value:#x}")
    if int(where.dereference()) != value:
        raise RuntimeError(f"cannot write to {int(where):#x}")


def resume(seconds):
    release()
    time.sleep(seconds)
    attach()
