# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs inside gdb: print the frames of each thread of a core, by gdb's own unwinder and the debuginfo.

Frames that are not on the stack (inlined functions, tail calls) are left out.
"""

import json
import os

import gdb

with open(os.environ["UNWIND"], encoding="ascii") as file:
    CONFIG = json.load(file)


def frames():
    found, frame = [], gdb.newest_frame()
    while frame is not None and len(found) < 60:
        if frame.type() not in (gdb.INLINE_FRAME, gdb.TAILCALL_FRAME):
            found.append({"function": frame.name(), "pc": f"{frame.pc():#x}"})
        try:
            frame = frame.older()
        except gdb.error:
            break
    return found


gdb.execute("set pagination off")
gdb.execute("set confirm off")
gdb.execute("set architecture i386:x86-64")
gdb.execute(f"symbol-file -o {CONFIG['offset']} {CONFIG['vmlinux']}", to_string=True)
for module, sections in CONFIG["sections"].items():
    others = " ".join(f"-s {name} {where}" for name, where in sections.items() if name != ".text")
    gdb.execute(f"add-symbol-file {CONFIG['debug']}/{module.replace('_', '-')}.ko {sections['.text']} {others}",
                to_string=True)
gdb.execute(f"core-file {CONFIG['core']}", to_string=True)
stacks = {}
for thread in gdb.selected_inferior().threads():
    thread.switch()
    stacks[thread.ptid[1]] = frames()
with open(CONFIG["out"], "w", encoding="ascii") as file:
    json.dump(stacks, file)
