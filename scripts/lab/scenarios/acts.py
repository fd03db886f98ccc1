# SPDX-License-Identifier: GPL-2.0-or-later
"""What the debugger does to the kernel, where no natural way leads to a state; runs inside gdb.

An act gets the play; what it pokes is put back after the dump, so that the next scenario of the same boot
finds a sound kernel. A twin's act is its scenario's with one thing different.
"""

import oracle

W = 1 << 1


def nonleaf_w(play):
    """W out of the level 2 entry above the page; the twin: above a page that nobody touches any more."""
    entry = next(e for e in play.walk(play.spare if play.scenario.twin else play.page) if e.level == 2)
    play.poke(entry.where, entry.value & ~W, "W of the level 2 SPTE")


def zero_table(play):
    if play.scenario.twin:
        return
    table = oracle.permissions(play.vcpu["arch"]["mmu"].dereference())
    for i in range(16):
        play.poke(table[i].address, 0, f"permissions[{i}]")
