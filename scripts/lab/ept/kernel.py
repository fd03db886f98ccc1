# SPDX-License-Identifier: GPL-2.0-or-later
"""The virtual memory of a Linux kernel that stands still in Bochs, and KVM's objects in it.

Offsets of members come from the kernel's debuginfo, by gdb.
"""

import re
import subprocess

from places import REGISTERS, SWITCHED  # in the folder that run.py adds to the path

KERNEL_MAP = 0xffffffff80000000
ADDRESS = 0x000ffffffffff000
PRESENT, LARGE = 1, 1 << 7
MEMBERS = """kvm.vm_list kvm.vcpu_array.xa_head kvm.mmu_invalidate_in_progress kvm.mmu_invalidate_range_start
    kvm.mmu_invalidate_range_end kvm_vcpu.vcpu_id kvm_vcpu.mode kvm_vcpu.requests kvm_vcpu.arch.mmu
    kvm_vcpu.preempt_notifier.link.pprev kvm_vcpu.stat.exits kvm_vcpu.stat.pf_taken kvm_vcpu.stat.pf_fixed
    kvm_vcpu.stat.pf_spurious kvm_vcpu.stat.io_exits task_struct.preempt_notifiers.first task_struct.stack
    task_struct.thread.sp task_struct.on_cpu task_struct.pid task_struct.thread_info.cpu task_struct.__state""".split()
COUNTERS = ("exits", "pf_taken", "pf_fixed", "pf_spurious", "io_exits")


def numbers(debug, expressions):
    """The values of these expressions, None for one that this kernel does not have, by gdb."""
    words = [word for i, expression in enumerate(expressions)
             for word in ("-ex", f"echo @{i} ", "-ex", f"print (long)({expression})", "-ex", "echo \\n")]
    out = subprocess.run(["gdb", "-nx", "-batch", *words, debug], text=True, capture_output=True, check=False).stdout
    found = {int(m[1]): int(m[2]) for m in re.finditer(r"^@(\d+) ?\$\d+ = (-?\d+)", out, re.M)}
    return [found.get(i) for i in range(len(expressions))]


def offsets(debug):
    """{"kvm.vm_list": bytes from the start of struct kvm}, for all MEMBERS and the permission table."""
    names = [*MEMBERS, "kvm_mmu.fmt.permissions", "kvm_mmu.permissions"]
    found = numbers(debug, [f"&((struct {name.replace('.', ' *)0)->', 1)}" for name in names])
    return {name: value for name, value in zip(names, found) if value is not None}


def symbols(file):
    """{name: value}; in a module, which is not linked, the value is from the start of its section. nm adds that
    section's address in the file, which some modules have."""
    out = subprocess.run(["readelf", "-sW", file], text=True, capture_output=True, check=True).stdout
    return {m[2]: int(m[1], 16)
            for m in re.finditer(r"^ *\d+: ([0-9a-f]+) +\w+ +\w+ +\w+ +\w+ +\S+ (\w+)$", out, re.M)}


class Kernel:
    """@memory: physical; @names: vmlinux's symbols(); @modules: kvm.ko's; @sections: where they were loaded."""

    def __init__(self, memory, names, offsets_, kvm_names, sections):
        self.memory, self.names, self.offsets = memory, names, offsets_
        self.kvm_names, self.sections = kvm_names, sections

    # ---- virtual memory ----

    def page_directory(self):
        return self.names["init_top_pgt"] - KERNEL_MAP

    def physical(self, address):
        table, shift = self.page_directory(), 39
        while True:
            entry = int.from_bytes(self.memory.read(table + (address >> shift & 511) * 8, 8), "little")
            if not entry & PRESENT:
                raise KeyError(f"{address:#x} is not mapped")
            if shift == 12 or entry & LARGE and shift < 39:
                size = 1 << shift
                return entry & ADDRESS & -size | address & size - 1
            table, shift = entry & ADDRESS, shift - 9

    def read(self, address, size):
        found = b""
        while size:
            part = min(size, 4096 - address % 4096)
            found += self.memory.read(self.physical(address), part)
            address, size = address + part, size - part
        return found

    def number(self, address, size=8):
        return int.from_bytes(self.read(address, size), "little")

    def write(self, address, data):
        self.memory.write(self.physical(address), data)

    def member(self, address, name, size=8):
        return self.number(address + self.offsets[name], size)

    # ---- KVM ----

    def kvm_symbol(self, name, section=".data"):
        return int(self.sections["kvm"][section], 16) + self.kvm_names[name]

    def kvm(self):
        """The only VM."""
        head = self.kvm_symbol("vm_list")
        first = self.number(head)
        if first == head or self.number(first) != head:
            raise KeyError("there is not exactly one VM")
        return first - self.offsets["kvm.vm_list"]

    def xarray(self, entry):
        if entry & 3 == 2 and entry > 4096:
            for i in range(64):
                yield from self.xarray(self.number(entry - 2 + 40 + 8 * i))
        elif entry:
            yield entry

    def vcpus(self):
        return list(self.xarray(self.member(self.kvm(), "kvm.vcpu_array.xa_head")))

    def table(self, vcpu):
        """The active MMU's permission table."""
        mmu = self.member(vcpu, "kvm_vcpu.arch.mmu")
        name = next(n for n in ("kvm_mmu.fmt.permissions", "kvm_mmu.permissions") if n in self.offsets)
        return mmu + self.offsets[name]

    def counters(self, vcpu):
        return {name: self.member(vcpu, f"kvm_vcpu.stat.{name}") for name in COUNTERS}

    # ---- threads ----

    def task(self, vcpu):
        """The thread that is inside KVM_RUN of @vcpu; None: none is."""
        link = self.member(vcpu, "kvm_vcpu.preempt_notifier.link.pprev")
        task = link - self.offsets["task_struct.preempt_notifiers.first"]
        try:
            node = self.number(link)
        except KeyError:
            return None
        mine = vcpu <= node < vcpu + 0x10000
        return task if mine else None

    def switched(self, task):
        """The registers with which it continues."""
        sp = self.member(task, "task_struct.thread.sp")
        words = [self.number(sp + 8 * i) for i in range(len(SWITCHED))]
        return {**dict.fromkeys(REGISTERS, 0), **dict(zip(SWITCHED, words)), "rsp": sp + 8 * len(SWITCHED), "cs": 0x10, "ss": 0x18}

    def crash_notes(self, cpu):
        """What crash_save_cpu() wrote about the CPU, an ELF note; None: nothing."""
        base = self.number(self.names["__per_cpu_offset"] + 8 * cpu)
        data = self.read(self.number(self.names["crash_notes"]) + base & (1 << 64) - 1, 20 + 336)
        return data if data[12:16] == b"CORE" else None
