# SPDX-License-Identifier: GPL-2.0-or-later
"""Boot a kernel under emulation with the load, and fetch the trace and a dump.

record.py GEN OUT EVENTS EACH [KERNEL-PARAMETER...]
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
from boot import CACHE, die, read_text, say, types_of  # noqa: E402
from qmp import Qmp  # noqa: E402

# The trace buffers, the memory for the text, and what the machines need.
MEMORY = "1280M"
TEXT, ROOM = 0x10000000, 0x14000000
LOAD_SECONDS = 900  # a busy machine may need that many
READY_SECONDS = 1500


def numbers(debug, *expressions):
    """Return the values of these expressions in this kernel's kvm, by gdb."""
    commands = [word for expression in expressions for word in ("-ex", f"print (long)({expression})")]
    out = subprocess.run(["gdb", "-nx", "-batch", *commands, debug], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True, check=True).stdout
    return [int(value) for value in re.findall(r"\$\d+ = (\d+)", out)]


def offsets(debug, *members):
    """Return the offsets of members, given as struct.member."""
    pairs = (member.split(".", 1) for member in members)
    return numbers(debug, *(f"&((struct {struct} *)0)->{name}" for struct, name in pairs))


def has(debug, structure):
    return not subprocess.run(["gdb", "-nx", "-batch", "-ex", f"print sizeof(struct {structure})", debug],
                              capture_output=True, check=False).returncode


def ret_pf(debug, *names):
    return numbers(debug, *(f"RET_PF_{name}" for name in names))


PROTECT = "kvm_arch_mmu_enable_log_dirty_pt_masked"


def probes_before_5_16(debug):
    """As probes(): there, the arguments are data, vcpu, address, error code, sptep, old SPTE, and there is no struct
    kvm_page_fault. What is unmapped are the gfns whose SPTEs a range of host addresses has."""
    base, vcpu_kvm = offsets(debug, "kvm_memory_slot.base_gfn", "kvm_vcpu.kvm")
    return (f"p:lab/fast __traceiter_fast_page_fault kvm=+{vcpu_kvm}(%si):x64 gpa=%dx:x64 sptep=%r8:x64 old=%r9:x64 "
            f"now=+0(%r8):x64\n"
            f"p:lab/protect {PROTECT} kvm=%di:x64 base=+{base}(%si):x64 first=%dx:x64 mask=%cx:x64\n"
            f"r:lab/protected {PROTECT}\n"
            "p:lab/unmap kvm_unmap_rmapp kvm=%di:x64 start=%cx:x64 level=%r8:s32\n"
            "r:lab/unmapped kvm_unmap_rmapp\n")


def probes(debug):
    """Return kprobe events: data that the tracepoint's event lacks, and other functions that change SPTEs.

    The arguments of the tracepoint are data, vcpu, fault, sptep, old SPTE, result.
    """
    if not has(debug, "kvm_page_fault"):
        return probes_before_5_16(debug)
    base, start, end = offsets(debug, "kvm_memory_slot.base_gfn", "kvm_gfn_range.start",
                               "kvm_gfn_range.end")
    slot, gfn, write, exec_, present, rsvd, user, flags, slot_id, vcpu_kvm = offsets(
        debug, "kvm_page_fault.slot", "kvm_page_fault.gfn", "kvm_page_fault.write",
        "kvm_page_fault.exec", "kvm_page_fault.present", "kvm_page_fault.rsvd",
        "kvm_page_fault.user", "kvm_memory_slot.flags", "kvm_memory_slot.id", "kvm_vcpu.kvm")
    fields = [f"kvm=+{vcpu_kvm}(%si):x64", f"gfn=+{gfn}(%dx):x64",
              f"slot=+{slot_id}(+{slot}(%dx)):s16", f"flags=+{flags}(+{slot}(%dx)):x32",
              f"write=+{write}(%dx):u8", f"exec=+{exec_}(%dx):u8", f"present=+{present}(%dx):u8",
              f"rsvd=+{rsvd}(%dx):u8", f"user=+{user}(%dx):u8",
              "sptep=%cx:x64", "old=%r8:x64", "now=+0(%cx):x64", "ret=%r9:s32"]
    return (f"p:lab/fast __traceiter_fast_page_fault {' '.join(fields)}\n"
            f"p:lab/protect {PROTECT} kvm=%di:x64 base=+{base}(%si):x64 first=%dx:x64 mask=%cx:x64\n"
            f"r:lab/protected {PROTECT}\n"
            f"p:lab/unmap kvm_unmap_gfn_range kvm=%di:x64 start=+{start}(%si):x64 "
            f"end=+{end}(%si):x64\n"
            "r:lab/unmapped kvm_unmap_gfn_range\n")


def build_initrd(gen, work, probe_lines, init=None):
    """Build the lab's initramfs with the recorder in place of the VMM, and possibly with another init."""
    overlay = f"{work}/overlay"
    os.makedirs(overlay)
    lab = os.path.dirname(HERE)
    sources = [f"{HERE}/{name}" for name in ("record.c", "load.c", "guest.S")]
    sources += [f"{lab}/vmm/{name}" for name in ("vm.c", "vcpu.c", "tables.c", "markers.c")]
    subprocess.run(["gcc", "-std=gnu11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Werror", "-static",
                    "-pthread", "-o", f"{overlay}/vmm", *sources], check=True)
    with open(f"{overlay}/probes", "w", encoding="ascii") as file:
        file.write(probe_lines)
    if init:
        with open(f"{overlay}/init", "w", encoding="ascii") as file:
            file.write(init)
        os.chmod(f"{overlay}/init", 0o755)
    subprocess.run([f"{lab}/image", gen, f"{work}/base"], check=True)
    subprocess.run(f"find . | cpio -o -H newc --quiet | cat '{work}/base' - >'{work}/initrd'",
                   shell=True, cwd=overlay, check=True)


def start_qemu(kernel, work, more):
    # No shell interprets the $ on its way to the kernel.
    append = (f"console=ttyS0 panic=0 no_hash_pointers preempt=full "
              f"memmap={ROOM:#x}${TEXT:#x} trace.to={TEXT:#x} trace.room={ROOM:#x} {more}")
    # QEMU is killed when this process ends, whatever the reason.
    return subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL",
         f"{CACHE}/tools/qemu/qemu-system-x86_64", "-nodefaults", "-no-user-config",
         "-display", "none", "-vga", "none", "-M", "q35", "-accel", "tcg,thread=multi",
         "-cpu", "max,+svm,+npt,la57=off", "-smp", "4", "-m", MEMORY, "-device", "vmcoreinfo",
         "-kernel", f"{kernel}/vmlinuz", "-initrd", f"{work}/initrd", "-append", append,
         "-serial", f"file:{work}/console", "-serial", f"file:{work}/truth",
         "-qmp", f"unix:{work}/qmp,server=on,wait=off"],
        stdin=subprocess.DEVNULL)


def read_truth(work):
    lines = read_text(f"{work}/truth").replace("\r", "").split("\n")[:-1]
    return [json.loads(line[4:]) for line in lines if line.startswith("LAB {")]


def wait_ready(machine, work, seconds=READY_SECONDS):
    """Wait for the machines and return their reports; @machine is the emulator, which may log to @work."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        time.sleep(0.2)
        if machine.poll() is not None:
            die(f"the emulator ended with status {machine.returncode}\n{read_text(f'{work}/log')[-2000:]}".rstrip())
        lines = read_truth(work)
        if lines and lines[-1]["kind"] == "ready":
            return lines
        console = read_text(f"{work}/console")
        if "Kernel panic" in console or "machine failed" in console:
            break
    console = read_text(f"{work}/console").splitlines()[-30:]
    die("the load did not end; the end of the console:\n" + "\n".join(console))


def main():
    gen, out, events, each, *more = sys.argv[1:]
    kernel = f"{CACHE}/kernel/{gen}"
    release = read_text(f"{kernel}/release").strip()
    debug = f"{types_of(gen)}/kvm.ko"
    with tempfile.TemporaryDirectory(prefix="kvmmmu-trace-") as work:
        build_initrd(gen, work, probes(debug))
        begin = time.monotonic()
        spurious, fixed = ret_pf(debug, "SPURIOUS", "FIXED")
        qemu = start_qemu(kernel, work, f"trace.events={events} trace.each={each} trace.spurious={spurious} "
                          f"trace.fixed={fixed} trace.seconds={LOAD_SECONDS} {' '.join(more)}")
        try:
            lines = wait_ready(qemu, work)
            trace = next(line for line in lines if line["kind"] == "trace")
            qmp = Qmp(f"{work}/qmp")
            qmp.run("stop")
            qmp.run("pmemsave", val=TEXT, size=trace["bytes"], filename=f"{out}/trace.txt")
            qmp.dump(f"{out}/dump.kdump", "kdump-raw-zlib")
        finally:
            shutil.copy(f"{work}/console", f"{out}/console")
            qemu.kill()
            qemu.wait()
    if trace["lost"]:
        die(f"{trace['lost']} events were lost")
    with open(f"{out}/truth.json", "w", encoding="ascii") as file:
        json.dump({"generation": gen, "release": release, "parameters": more,
                   "seconds": round(time.monotonic() - begin, 1), "trace": trace,
                   "truth": lines}, file, indent=1)
        file.write("\n")
    say(f"{trace['faults']} fast page faults of {release} {' '.join(more)} in "
        f"{time.monotonic() - begin:.0f} s")


if __name__ == "__main__":
    main()
