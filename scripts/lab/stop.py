# SPDX-License-Identifier: GPL-2.0-or-later
"""Stop a kernel at a suitable moment and change words of its memory; runs inside gdb.

A dump is taken while all CPUs are in the host kernel: for a CPU inside a guest QEMU would record the
guest's registers.
"""

import json
import os
import sys
import time
import traceback

import gdb

import oracle

with open(os.environ["LAB_CONFIG"], encoding="ascii") as config_file:
    CONFIG = json.load(config_file)


def say(text):
    print(f"lab: {text}", file=sys.stderr, flush=True)


def quiet(command):
    return gdb.execute(command, to_string=True)


def run(main):
    """End gdb with what main() returns, or with 1 after an error, which gdb would print and continue."""
    try:
        code = main() or 0
    except Exception:
        traceback.print_exc()
        code = 1
    os._exit(code)


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
    """Return False while this CPU runs a nested guest, whose page tables do not map the kernel."""
    try:
        thread.switch()
        gdb.parse_and_eval("vm_list.next->next")
        return True
    except gdb.error:
        return False


def threads():
    return sorted(gdb.selected_inferior().threads(), key=lambda thread: thread.num)


class Break:
    """A hardware breakpoint for the duration of a with block."""

    def __init__(self, function):
        self.function = function

    def __enter__(self):
        self.breakpoint = gdb.Breakpoint(f"*{self.function}", gdb.BP_HARDWARE_BREAKPOINT)
        self.breakpoint.silent = True

    def __exit__(self, *_):
        self.breakpoint.delete()


def exit_handler():
    """Return the function that handles the exits of AMD's guests."""
    try:
        gdb.parse_and_eval("&svm_handle_exit")
        return "svm_handle_exit"
    except gdb.error:
        return "'svm.c'::handle_exit"  # before 5.11


def bring_home():
    """Resume each CPU that is inside a guest, one at a time, until it is back in KVM."""
    here = gdb.selected_thread()
    with Break(exit_handler()):
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
    """Return the registers of each CPU."""
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
