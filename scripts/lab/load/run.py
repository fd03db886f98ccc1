# SPDX-License-Identifier: GPL-2.0-or-later
"""Boot a kernel under the load (main.c) and dump it at random moments, without gdb.

run.py GEN npt|nonpt COUNT OUT

A CPU may be inside a guest when a dump is taken: then its registers in the dump are the guest's.
"""

import json
import random
import subprocess
import sys
import tempfile
import time

from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from boot import CACHE, die, needed, read_text, read_truth, say  # noqa: E402
from qmp import Qmp  # noqa: E402

NODES = 2  # of NUMA, so that pages can migrate
MEGABYTES = 256  # of each
SWAP = 256 << 20
READY_SECONDS = 600
VMM = [HERE.parent / "vmm" / name for name in ("vm.c", "vcpu.c", "tables.c", "markers.c")]
STAGE = [HERE.parent / "scenarios/vmm" / name for name in ("stage.c", "nested.c", "nested.S", "guest.S")]
SOURCES = [*sorted(HERE.glob("*.c")), *(HERE.parent / "trace" / name for name in ("load.c", "guest.S")), *STAGE, *VMM]


def start_qemu(kernel, work, more):
    """As boot.start_qemu(), with NUMA nodes, and a disk for swap."""
    with open(f"{work}/swap", "wb") as file:
        file.truncate(SWAP)
    append = f"console=ttyS0 panic=0 lab=big {more}"
    nodes = [word for n in range(NODES) for word in (
        "-object", f"memory-backend-ram,id=m{n},size={MEGABYTES}M", "-numa", f"node,memdev=m{n},cpus={n}")]
    return subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL",
         f"{CACHE}/tools/qemu/qemu-system-x86_64", "-nodefaults", "-no-user-config",
         "-display", "none", "-vga", "none", "-M", "q35", "-accel", "tcg,thread=multi",
         "-cpu", "max,+svm,+npt,la57=off", "-smp", str(NODES), "-m", f"{NODES * MEGABYTES}M", *nodes,
         "-device", "vmcoreinfo", "-drive", f"if=none,id=swap,format=raw,file={work}/swap",
         "-device", "nvme,drive=swap,serial=swap",
         "-kernel", f"{kernel}/vmlinuz", "-initrd", f"{work}/initrd", "-append", append,
         "-serial", f"file:{work}/console", "-serial", f"file:{work}/truth",
         "-qmp", f"unix:{work}/qmp,server=on,wait=off"],
        stdin=subprocess.DEVNULL)


def wait_ready(machine, work, seconds=READY_SECONDS):
    """Unlike boot.wait_ready(), "ready" need not be the last line: reports follow."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and machine.poll() is None:
        time.sleep(0.2)
        check(work)
        lines = read_truth(work)
        if any(line["kind"] == "ready" for line in lines):
            return lines
    die("the load did not start; the end of the console:\n" + "\n".join(read_text(f"{work}/console").splitlines()[-20:]))


def check(work):
    console = read_text(f"{work}/console")
    if "Kernel panic - not" in console or "machine failed" in console:
        die("the load failed:\n" + "\n".join(console.splitlines()[-20:]))


def last_load(work):
    """What the host did to the memory until now."""
    return next((line for line in reversed(read_truth(work)) if line["kind"] == "load"), {})


def write_truth(out, gen, lines, loads, **more):
    with open(f"{out}/truth.json", "w", encoding="ascii") as file:
        json.dump({"generation": gen, "release": read_text(f"{CACHE}/kernel/{gen}/release").strip(), **more, "loads": loads,
                   "truth": [line for line in lines if line["kind"] in ("host", "vm", "slot", "stage", "vcpu")]}, file, indent=1)
        file.write("\n")


def take(qmp, work, out, count, chance):
    """Dump at random moments."""
    for n in range(count):
        time.sleep(0.3 + 1.5 * chance.random())
        check(work)
        qmp.run("stop")
        qmp.dump(f"{out}/{n:02}.kdump", "kdump-raw-zlib")
        yield last_load(work)
        qmp.run("cont")


def main():
    gen, paging, count, out = sys.argv[1:]
    kernel = f"{CACHE}/kernel/{gen}"
    with tempfile.TemporaryDirectory(prefix="kvmmmu-load-") as work:
        subprocess.run([HERE.parent / "image", gen, f"{work}/initrd", *SOURCES], check=True)
        begun = time.monotonic()
        qemu = start_qemu(kernel, work, needed(gen) + ("kvm_amd.npt=0" if paging == "nonpt" else ""))
        try:
            lines = wait_ready(qemu, work)
            say(f"booted {gen} {paging}: {time.monotonic() - begun:.1f} s")
            loads = list(take(Qmp(f"{work}/qmp"), work, out, int(count), random.Random(f"{gen} {paging}")))
        finally:
            qemu.kill()
            qemu.wait()
    write_truth(out, gen, lines, loads, npt=paging == "npt")
    say(f"{count} dumps of {gen} {paging} under load: {time.monotonic() - begun:.1f} s")


if __name__ == "__main__":
    main()
