#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Record what the lab's machines do with trace-cmd, perf and bpftrace, as users do.

record_tools.py GEN OUT: boot a kernel under emulation with the machine's own trace-cmd, perf and bpftrace, and put
what they recorded and printed into OUT (tools-init lists the files). Ten minutes on an idle machine. The tests have
the first lines of such files, tests/trace/recordings/.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
from boot import CACHE, die, read_text, say  # noqa: E402
from qmp import Qmp  # noqa: E402

TOOLS = ("trace-cmd", "perf", "bpftrace")
MEMORY, TO, ROOM = "2G", 1536, 256  # megabytes, the latter two
SECONDS = 2400


def libraries(program):
    """The files that the loader needs for this program, and the loader."""
    out = subprocess.run(["ldd", program], stdout=subprocess.PIPE, text=True, check=True).stdout
    return re.findall(r"(/\S+) \(0x", out)


def copy(file, overlay):
    target = overlay + file
    os.makedirs(os.path.dirname(target), exist_ok=True)
    shutil.copy(file, target)


def build_initrd(gen, work):
    overlay = f"{work}/overlay"
    for tool in TOOLS:
        program = shutil.which(tool) or die(f"{tool} is missing: apt-get install trace-cmd linux-perf bpftrace")
        copy(os.path.realpath(program), overlay)
        os.makedirs(f"{overlay}/usr/bin", exist_ok=True)
        if not os.path.exists(f"{overlay}/usr/bin/{tool}"):
            os.symlink(os.path.realpath(program), f"{overlay}/usr/bin/{tool}")
        for file in libraries(program):
            copy(file, overlay)
    shutil.copy(f"{HERE}/tools-init", f"{overlay}/tools-init")
    os.chmod(f"{overlay}/tools-init", 0o755)
    subprocess.run([f"{HERE}/../image", gen, f"{work}/base"], check=True)
    subprocess.run(f"find . | cpio -o -H newc --quiet | cat '{work}/base' - >'{work}/initrd'", shell=True, cwd=overlay,
                   check=True)


def start_qemu(gen, work):
    append = (f"console=ttyS0 panic=0 lab=vms rdinit=/tools-init tools.to={TO} "
              f"memmap={ROOM}M${TO}M")
    return subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", f"{CACHE}/tools/qemu/qemu-system-x86_64", "-nodefaults", "-no-user-config",
         "-display", "none", "-vga", "none", "-M", "q35", "-accel", "tcg,thread=multi",
         "-cpu", "max,+svm,+npt,la57=off", "-smp", "2", "-m", MEMORY,
         "-kernel", f"{CACHE}/kernel/{gen}/vmlinuz", "-initrd", f"{work}/initrd", "-append", append,
         "-serial", f"file:{work}/console", "-serial", f"file:{work}/truth", "-serial", f"file:{work}/tools",
         "-qmp", f"unix:{work}/qmp,server=on,wait=off"], stdin=subprocess.DEVNULL)


def print_recordings(out):
    """What the machine need not do, which is slow."""
    for name, command in (("trace-cmd.txt", ["trace-cmd", "report", "trace-cmd.dat"]),
                          ("trace-cmd-latency.txt", ["trace-cmd", "report", "-l", "trace-cmd.dat"]),
                          ("trace-cmd-raw.txt", ["trace-cmd", "report", "-R", "trace-cmd.dat"]),
                          ("perf-kvm-stat.txt", ["perf", "kvm", "-i", "kvm.data", "stat", "report"])):
        with open(f"{out}/{name}", "w") as text:
            subprocess.run(command, cwd=out, stdin=subprocess.DEVNULL, stdout=text, stderr=text, check=True)


def main():
    gen, out = sys.argv[1:]
    os.makedirs(out, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="kvmmmu-tools-") as work:
        build_initrd(gen, work)
        qemu = start_qemu(gen, work)
        try:
            deadline = time.monotonic() + SECONDS
            while not (done := re.search(r"TOOLS (\d+)", read_text(f"{work}/tools"))):
                time.sleep(1)
                if qemu.poll() is not None or time.monotonic() > deadline:
                    die("no recordings; the end of the console:\n" + read_text(f"{work}/console")[-3000:])
            qmp = Qmp(f"{work}/qmp")
            qmp.run("stop")
            qmp.run("pmemsave", val=TO << 20, size=int(done[1]), filename=f"{work}/out.tar")
            subprocess.run(["tar", "-xf", f"{work}/out.tar", "-C", out], check=True)
            print_recordings(out)
        finally:
            shutil.copy(f"{work}/console", f"{out}/console")
            qemu.kill()
            qemu.wait()
    say(f"recordings of {gen} are in {out}")


if __name__ == "__main__":
    main()
