# SPDX-License-Identifier: GPL-2.0-or-later
"""Dumps of an Intel host with a vCPU that loops on EPT, made in Bochs; see "lab help".

run.py [--seed S] [--moments N] [--no-panic] [--maps] [--into DIR] GEN [MACHINE...]

For each machine, the kernel is booted once. N memory images are taken at random moments while the vCPU loops, by
stopping the emulator. Then the kernel panics, and one more is taken on the way to the crash kernel: this one has what
kexec's path leaves, registers (crash_notes) and cleared VMCSs; not with --no-panic.

--maps: the truth also has the permission tables, the SPTEs and the host's pages behind them, as gdb reads them.
Where the archive has no debuginfo, types are made of the kernel's BTF (../types); there is no panic then, and what a
vCPU's thread is doing is not known.
"""

import argparse
import json
import os
import pty
import random
import re
import signal
import struct
import subprocess
import sys
import tempfile
import time
import tty

HERE = os.path.dirname(os.path.abspath(__file__))
LAB = os.path.dirname(HERE)
sys.path[:0] = [LAB, HERE, f"{LAB}/kdump", f"{LAB}/intel"]
sys.dont_write_bytecode = True

import bochs  # noqa: E402
import boot  # noqa: E402
import dump as core  # noqa: E402
import kernel as kernels  # noqa: E402
import plan  # noqa: E402
import virtual  # noqa: E402
from places import HANDLER, PR_REG, REGISTERS, RUN, STACK_SIZE  # noqa: E402

CPUS, MEMORY = 1, 640
READY_SECONDS, ORDER_SECONDS = 2400, 600
LOOK_SECONDS = 10
WITHOUT_CACHE = 23  # of -d: nor pages of zeros, nor free ones
APPEND = "crashkernel=128M rdinit=/kdump-init nowatchdog preempt=full"
# Loops that do not depend on AMD, and the kernels that have them.
KERNELS = ("6.1", "6.12", "7.2", "7.3")
MACHINES = {"readonly-host": (*KERNELS, "6.18"), "invalidate-leaked": KERNELS, "invalidate-leaked-all": KERNELS,
            "perm-table-zeroed": plan.NEW}


class Host:
    """A kernel in Bochs, with one machine."""

    def __init__(self, gen, work, initrd, append=""):
        self.gen, self.work = gen, work
        folder = f"{boot.CACHE}/kernel/{gen}"
        self.release = boot.read_text(f"{folder}/release").strip()
        self.debug = f"{boot.types_of(gen)}/kvm.ko"
        self.vmlinux = f"{folder}/vmlinux"
        self.known = os.path.exists(self.vmlinux)
        self.names = kernels.symbols(self.vmlinux) if self.known else {}
        self.kvm_names = kernels.symbols(self.debug)
        self.offsets = kernels.offsets(self.debug)
        os.link(initrd, f"{work}/initrd")
        bochs.make_iso(work, f"{folder}/vmlinuz", f"{APPEND} {append}")
        ends = [pty.openpty() for _ in range(2)]
        for _, slave in ends:
            tty.setraw(slave)
        self.control, self.orders = (master for master, _ in ends)
        self.machine = bochs.start(work, MEMORY, CPUS, [os.ttyname(slave) for _, slave in ends])
        self.sections = {}

    def told(self):
        return boot.read_truth(self.work)

    def wait(self, kind, seconds):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.machine.poll() is None:
            time.sleep(0.5)
            found = [line for line in self.told() if line["kind"] in (kind, "died")]
            if found and found[-1]["kind"] == kind:
                return found[-1]
            if found or "Kernel panic - not syncing: " in boot.read_text(f"{self.work}/console"):
                break
        raise RuntimeError(f"{kind!r} was not reported; the end of the console:\n"
                           + boot.read_text(f"{self.work}/console")[-1500:])

    def order(self, text, kind):
        # the first character may get lost while the port is set up
        os.write(self.control, b"\n" + text.encode() + b"\n")
        return self.wait(kind, ORDER_SECONDS)

    def stopped(self):
        return bochs.Memory(self.machine, self.work, MEMORY)

    def kernel(self, memory):
        if not self.names:  # VMCOREINFO knows it by its other name
            info = core.vmcoreinfo(memory.blocks()).decode()
            self.names["init_top_pgt"] = int(re.search(r"SYMBOL\(swapper_pg_dir\)=(\w+)", info)[1], 16)
        return kernels.Kernel(memory, self.names, self.offsets, self.kvm_names, self.sections)

    def ready(self):
        self.wait("ready", READY_SECONDS)
        self.sections = {line["module"]: line["sections"] for line in self.told() if line["kind"] == "sections"}

    def panic(self):
        """Return when kexec's path has saved all registers, the panicking CPU's last; purgatory, which comes then,
        takes minutes in Bochs."""
        os.write(self.orders, b"\n\necho c > /proc/sysrq-trigger\n")
        deadline = time.monotonic() + ORDER_SECONDS
        while time.monotonic() < deadline:
            time.sleep(1)
            if "sysrq: Trigger a crash" not in boot.read_text(f"{self.work}/console"):
                continue
            with self.stopped() as memory:
                kernel = self.kernel(memory)
                if all(kernel.crash_notes(cpu) for cpu in range(CPUS)):
                    return
        raise RuntimeError("the kernel did not crash")


# ---- what is changed in the kernel's memory ----


def zero_table(kernel, stage):
    subject = next(v for v in kernel.vcpus() if kernel.member(v, "kvm_vcpu.vcpu_id", 4) == stage["subject"])
    kernel.write(kernel.table(subject), bytes(32))
    return "the active MMU's permission table is zeroed"


def raise_invalidation(kernel, first, end):
    kvm = kernel.kvm()
    for name, value in (("range_start", first), ("range_end", end), ("in_progress", 1)):
        kernel.write(kvm + kernel.offsets[f"kvm.mmu_invalidate_{name}"], struct.pack("<Q", value))
    return f"mmu_invalidate_in_progress is 1, the range {first:#x} to {end:#x}"


def leak_invalidation(kernel, stage, gen):
    page = int(stage["page"], 16)
    if gen == "6.1":  # host addresses there
        page += int(stage["hva"], 16) - int(stage["base"], 16)
        return raise_invalidation(kernel, page, page + 4096)
    return raise_invalidation(kernel, page >> 12, (page >> 12) + 1)


def inject(kernel, scenario, stage, gen):
    if scenario.act == "zero_table":
        return zero_table(kernel, stage)
    if scenario.act == "leak_invalidation_of_all":
        return raise_invalidation(kernel, 0, (1 << 64) - 1)
    return leak_invalidation(kernel, stage, gen)


# ---- one moment ----


def frames(host, kernel, task, registers, work):
    """The functions on a thread's stack, by gdb and the kernel's debuginfo."""
    stack = kernel.member(task, "task_struct.stack")
    content = kernel.read(stack, STACK_SIZE)
    note = bytearray(core.note(b"CORE", bytes(336)))
    struct.pack_into("<I", note, 8, 1)  # NT_PRSTATUS
    struct.pack_into("<21Q", note, PR_REG, *(registers[name] for name in REGISTERS))
    base = (core.EHDR.size + 2 * core.PHDR.size + len(note) + 4095) & -4096
    path = f"{work}/stack.core"
    with open(path, "wb") as file:
        file.write(core.EHDR.pack(b"\x7fELF\2\1\1", 4, 62, 1, 0, core.EHDR.size, 0, 0, core.EHDR.size, core.PHDR.size, 2, 0, 0, 0))
        file.write(core.PHDR.pack(core.PT_NOTE, 0, core.EHDR.size + 2 * core.PHDR.size, 0, 0, len(note), len(note), 4))
        file.write(core.PHDR.pack(core.PT_LOAD, 6, base, stack, 0, len(content), len(content), 4096))
        file.write(note)
        file.seek(base)
        file.write(content)
    words = []
    for module, file in (("kvm", host.debug), ("kvm_intel", host.debug.replace("kvm.ko", "kvm-intel.ko"))):
        at = host.sections[module]
        more = " ".join(f"-s {name} {at[name]}" for name in (".noinstr.text",) if name in at)
        words += ["-ex", f"add-symbol-file {file} {at['.text']} {more}"]
    out = subprocess.run(["gdb", "-nx", "-batch", "-ex", f"file {host.vmlinux}", *words, "-ex", f"core-file {path}",
                          "-ex", "bt 64"], text=True, capture_output=True, stdin=subprocess.DEVNULL, check=False).stdout
    found = []
    for line in out.splitlines():
        if line.startswith("#"):
            rest = line.split(" in ")[-1].split()
            name = next((word for word in rest if not word.startswith(("#", "0x"))), "?")
            found.append({"function": name.split("(")[0]})
    return found


def class_of(place):
    if place is None:
        return "userspace"
    if place["frames"] is None:
        return "running"
    functions = {f["function"] for f in place["frames"]}
    if functions & HANDLER:
        return "in handler"
    if functions & RUN:
        return f"in KVM_RUN, {'running' if place['on_cpu'] else 'preempted' if place['runnable'] else 'asleep'}"
    return "interrupt"


def place_of(host, kernel, vcpu, work):
    task = kernel.task(vcpu)
    if task is None:
        return None
    on_cpu, cpu = bool(kernel.member(task, "task_struct.on_cpu", 1)), kernel.member(task, "task_struct.thread_info.cpu", 4)
    note = kernel.crash_notes(cpu) if on_cpu and host.known else None
    registers = None
    if not host.known:
        pass
    elif note:
        registers = dict(zip(REGISTERS, struct.unpack_from("<21Q", note, PR_REG)))
    elif not on_cpu:
        registers = kernel.switched(task)
    user = bool(registers) and registers["cs"] & 3 == 3
    return {"tid": kernel.member(task, "task_struct.pid", 4), "cpu": cpu, "on_cpu": on_cpu, "user_mode": user,
            "runnable": kernel.member(task, "task_struct.__state", 4) == 0, "residues": [],
            "rsp": f"{registers['rsp']:#x}" if registers else None,
            "frames": [] if user else frames(host, kernel, task, registers, work) if registers else None}


def truth_of(host, kernel, scenario, stage, looks, injected, work):
    kvm = kernel.kvm()
    vcpus = []
    for vcpu in kernel.vcpus():
        number, place = kernel.member(vcpu, "kvm_vcpu.vcpu_id", 4), place_of(host, kernel, vcpu, work)
        vcpus.append({"vcpu": number, "kvm_vcpu": f"{vcpu:#x}", "place": place, "class": class_of(place),
                      "mode": kernel.member(vcpu, "kvm_vcpu.mode", 4), "last_exit": {"exit_code": "0x0"},
                      "requests": f"{kernel.member(vcpu, 'kvm_vcpu.requests'):#x}", "counters": kernel.counters(vcpu),
                      "looks": [look[number] for look in looks]})
    return {"name": scenario.name, "done": scenario.done, "cause": scenario.first, "also": list(scenario.also),
            "everyone": list(scenario.everyone), "pid": stage["pid"], "kvm": f"{kvm:#x}", "stage": stage,
            "injected": injected, "faults": [], "vcpus": vcpus,
            "invalidation": {"mmu_invalidate_in_progress": hex(kernel.member(kvm, "kvm.mmu_invalidate_in_progress"))}}


class Loop:
    """A machine that loops, and its moments."""

    def __init__(self, host, name, seed, out, work, maps=False):
        self.host, self.scenario, self.out, self.work = host, plan.SCENARIOS[name], out, work
        self.maps = maps
        self.seed = random.Random(f"{host.gen} {name} {seed}").getrandbits(31)
        self.label = seed
        self.stage, self.looks, self.injected = None, [], []

    def act(self):
        with self.host.stopped() as memory:
            self.injected.append(inject(self.host.kernel(memory), self.scenario, self.stage, self.host.gen))

    def begin(self):
        scenario, host = self.scenario, self.host
        self.stage = host.order(f"run {scenario.plot} {scenario.name} 0 {self.seed}", "stage")
        if scenario.act and scenario.act_when == "staged":
            self.act()
        if not scenario.armed:
            host.order("go", "gone-on")
        else:
            os.write(host.control, b"go\n")
        time.sleep(LOOK_SECONDS)
        if scenario.act and scenario.act_when == "gone-on":
            self.act()
            time.sleep(LOOK_SECONDS)

    def look(self):
        with self.host.stopped() as memory:
            kernel = self.host.kernel(memory)
            self.looks.append({kernel.member(v, "kvm_vcpu.vcpu_id", 4): kernel.counters(v) for v in kernel.vcpus()})

    def check(self):
        first, last = (look[self.stage["subject"]] for look in (self.looks[0], self.looks[-1]))
        if last["pf_taken"] <= first["pf_taken"] or last["pf_fixed"] > first["pf_fixed"]:
            raise RuntimeError(f"{self.scenario.name} does not loop: {first}, {last}")

    def keep(self, number, trigger):
        host, name = self.host, f"{self.scenario.name}-ept-{self.label}.{number:02}"
        with host.stopped() as memory:
            kernel = host.kernel(memory)
            notes = [note for cpu in range(CPUS) if trigger == "sysrq" and (note := kernel.crash_notes(cpu))]
            machine = truth_of(host, kernel, self.scenario, self.stage, self.looks, self.injected, self.work)
            more = virtual.truth(host, kernel, memory.blocks(), bochs.BLOCK, self.work) if self.maps else {}
            core.write_kdump(f"{self.out}/{name}", memory.blocks(), WITHOUT_CACHE, notes)
        record = {"version": 1, "generation": host.gen, "release": host.release, "name": name, "seed": self.label,
                  "trigger": trigger, "panic_cpu": None, "sections": host.sections, "machines": [machine], **more}
        with open(f"{self.out}/{name}.json", "w", encoding="ascii") as file:
            json.dump(record, file, indent=1)
            file.write("\n")
        subject = next(v for v in machine["vcpus"] if v["vcpu"] == self.stage["subject"])
        boot.say(f"{host.gen} {name}: {subject['class']}, mode {subject['mode']}")


def take(gen, name, args, out, initrd):
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kvmmmu-ept-", dir=out) as work:
        host = Host(gen, work, initrd, args.append)
        try:
            host.ready()
            boot.say(f"{gen} is up after {time.monotonic() - begun:.0f} s")
            loop = Loop(host, name, args.seed, out, work, args.maps)
            loop.begin()
            loop.look()
            time.sleep(LOOK_SECONDS)
            loop.look()
            loop.check()
            dice = random.Random(loop.seed)
            for number in range(args.moments):
                time.sleep(3 * dice.random())
                loop.keep(number, "stopped")
            if not args.no_panic and host.known:
                host.panic()
                loop.keep(args.moments, "sysrq")
            return True
        except RuntimeError as error:
            boot.say(f"{gen} {name}: {error}")
            return False
        finally:
            bochs.end(host.machine)


def main():
    parser = argparse.ArgumentParser(prog="lab ept")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--moments", type=int, default=3)
    parser.add_argument("--no-panic", action="store_true")
    parser.add_argument("--maps", action="store_true")
    parser.add_argument("--append", default="")
    parser.add_argument("--into")
    parser.add_argument("gen")
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    names = args.names or [name for name, generations in MACHINES.items() if args.gen in generations]
    for name in names:
        if args.gen not in MACHINES.get(name, ()):
            boot.die(f"{args.gen} has no machine {name} for Intel (there are: {' '.join(MACHINES)})")
    out = os.path.abspath(args.into or f"{boot.CACHE}/kdump/{args.gen}-ept")
    os.makedirs(out, exist_ok=True)
    failed = []
    with tempfile.TemporaryDirectory(prefix="kvmmmu-ept-", dir=out) as work:
        initrd = f"{work}/initrd"
        subprocess.run([f"{LAB}/kdump/image", args.gen, initrd, *plan.sources(), f"{HERE}/vmm/guest.S",
                        "-Wl,--wrap=guest_hammer,--wrap=guest_hammer_end"], check=True)
        # the kernel reads one archive after another: this init replaces the other one
        subprocess.run(f"echo init | cpio -o -H newc --quiet >>'{initrd}'", shell=True, cwd=HERE, check=True)
        for name in names:
            if not any(take(args.gen, name, args, out, initrd) for _ in range(2)):
                failed.append(name)
    if failed:
        boot.die(f"{args.gen}: no dump: {' '.join(failed)}")


if __name__ == "__main__":
    main()
