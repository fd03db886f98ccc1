# SPDX-License-Identifier: GPL-2.0-or-later
"""Unwind a thread with the kernel's ORC tables, where gdb has no debuginfo to unwind with; runs inside gdb.

The encoding is that of kernels since 6.4 (arch/x86/include/asm/orc_types.h). Shares no code with the program under test.
The kernel leaves __crash_kexec() out of its tables, so that the stack of the CPU that panics ends there.
"""

import bisect
import struct

import gdb

import oracle
import play
from places import REGISTERS

ENTRY = struct.Struct("<hhH")
# Registers got other numbers in 7.1.
PREV_SP, BP, SP, BP_INDIRECT, SP_INDIRECT = (1, 4, 5, 8, 9) if play.acts.version() < (7, 1) else (8, 4, 3, 10, 9)
CALL, REGS = 2, 3
FRAMES = 128
INLINE = "kvm_mmu_do_page_fault"  # which may have been inlined; it calls one of these
CALLED = {"kvm_tdp_page_fault", "nonpaging_page_fault", "paging64_page_fault", "paging32_page_fault", "ept_page_fault"}


def memory(address, size):
    return bytes(gdb.selected_inferior().read_memory(address, size))


def word(address):
    return int.from_bytes(memory(address, 8), "little")


class Table:
    """The entries of vmlinux or of a module, in the order of their addresses."""

    def __init__(self, addresses, entries, count):
        offsets = struct.unpack(f"<{count}i", memory(addresses, 4 * count))
        self.ips = [addresses + 4 * i + offset & (1 << 64) - 1 for i, offset in enumerate(offsets)]
        self.entries = memory(entries, ENTRY.size * count)

    def find(self, ip):
        """(sp_offset, bp_offset, sp_reg, bp_reg, type, signal), or None."""
        i = bisect.bisect_right(self.ips, ip) - 1
        if i < 0:
            return None
        sp_offset, bp_offset, bits = ENTRY.unpack_from(self.entries, ENTRY.size * i)
        return sp_offset, bp_offset, bits & 15, bits >> 4 & 15, bits >> 8 & 7, bits >> 11 & 1


class Orc:
    """SYMBOLS of vmlinux: __start_orc_unwind, __start_orc_unwind_ip, __stop_orc_unwind_ip, modules, _stext, _etext."""
    SYMBOLS = ("__start_orc_unwind", "__start_orc_unwind_ip", "__stop_orc_unwind_ip", "modules", "_stext", "_etext")

    def __init__(self, symbols):
        self.text = range(symbols["_stext"], symbols["_etext"])
        first = symbols["__start_orc_unwind_ip"]
        self.vmlinux = Table(first, symbols["__start_orc_unwind"], (symbols["__stop_orc_unwind_ip"] - first) // 4)
        head = oracle.pointer(symbols["modules"], "struct list_head").dereference()
        self.modules = [self.module(module) for module in oracle.list_entries(head, "struct module", "list")]

    @staticmethod
    def module(module):
        """The range of its text, and its table."""
        arch, text = module["arch"], module["mem"][0]  # MOD_TEXT
        base = int(text["base"])
        return range(base, base + int(text["size"])), Table(
            int(arch["orc_unwind_ip"]), int(arch["orc_unwind"]), int(arch["num_orcs"]))

    def table(self, ip):
        if ip in self.text:
            return self.vmlinux
        return next((table for text, table in self.modules if ip in text), None)

    def unwind(self, registers, is_return):
        """Return the frames that these registers begin, and whether they end in userspace. @is_return: rip is where a call
        returns to."""
        found, exact = [], not is_return
        ip, sp, bp = (registers[name] for name in ("rip", "rsp", "rbp"))
        while len(found) < FRAMES:
            frame = frame_at(ip - (not exact))
            if found and found[-1]["function"] in CALLED and frame["function"] != INLINE:
                found.append({**frame, "function": INLINE, "inlined": True})
            found.append(frame)
            table = self.table(ip)
            entry = table and table.find(ip - (not exact))
            if not entry:
                return found, False
            sp_offset, bp_offset, sp_reg, bp_reg, kind, _ = entry
            if sp_reg == SP:
                sp += sp_offset
            elif sp_reg == BP:
                sp = bp + sp_offset
            elif sp_reg == BP_INDIRECT:
                sp = word(bp + sp_offset)
            elif sp_reg == SP_INDIRECT:
                sp = word(sp) + sp_offset
            else:
                return found, False
            if kind == REGS:
                saved = dict(zip(REGISTERS, struct.unpack(f"<{len(REGISTERS)}Q", memory(sp, 8 * len(REGISTERS)))))
                if saved["cs"] & 3 == 3:
                    return found, True
                ip, sp, bp, exact = saved["rip"], saved["rsp"], saved["rbp"], True
                continue
            if kind != CALL:
                return found, False
            ip, exact = word(sp - 8), False
            if bp_reg in (PREV_SP, BP):
                bp = word((sp if bp_reg == PREV_SP else bp) + bp_offset)
        return found, False


def frame_at(ip):
    """With the name of a function of kvm or kvm_amd; gdb does not know vmlinux's ("?")."""
    said = gdb.execute(f"info symbol {ip:#x}", to_string=True)
    return {"function": said.split()[0] if " in section " in said else "?", "inlined": False, "pc": f"{ip:#x}"}
