# SPDX-License-Identifier: GPL-2.0-or-later
"""Boot a kernel in Bochs under the load (main.c), with EPT and page-modification logging, and dump it at random moments.

ept.py GEN COUNT OUT

One CPU, no nested guests, no swap and one NUMA node. The dumps have no registers: the emulator is stopped.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE), str(HERE.parent / "intel")]
import bochs  # noqa: E402
import dump as core  # noqa: E402
from boot import CACHE, say  # noqa: E402
from run import SOURCES, check, last_load, wait_ready, write_truth  # noqa: E402

MEMORY = 512
READY_SECONDS = 2400
WITH_CACHE = 17  # of -d: guest_memfd's pages are there; only pages of zeros and free ones are left out
# The lab's own init searches all symbols, which takes too long in Bochs.
INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
echo madvise >/sys/kernel/mm/transparent_hugepage/enabled
for module in irqbypass kvm; do
	[ ! -f /modules/$module.ko ] || insmod /modules/$module.ko
done
insmod /modules/kvm-intel.ko enable_apicv=0
stty -F /dev/ttyS1 -onlcr
/vmm noswap
while :; do sleep 1000; done
"""


def build_initrd(gen, work):
    subprocess.run([HERE.parent / "image", gen, f"{work}/base", *SOURCES], check=True)
    os.makedirs(f"{work}/overlay")
    with open(f"{work}/overlay/init", "w", encoding="ascii") as file:
        file.write(INIT)
    os.chmod(f"{work}/overlay/init", 0o755)
    subprocess.run(f"find . | cpio -o -H newc --quiet | cat '{work}/base' - >'{work}/initrd'", shell=True,
                   cwd=f"{work}/overlay", check=True)


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    gen, count, out = sys.argv[1:]
    kernel, chance, loads = f"{CACHE}/kernel/{gen}", random.Random(f"{gen} ept"), []
    with tempfile.TemporaryDirectory(prefix="kvmmmu-load-") as work:
        build_initrd(gen, work)
        bochs.make_iso(work, f"{kernel}/vmlinuz", "preempt=full nowatchdog")
        begun = time.monotonic()
        machine = bochs.start(work, MEMORY)
        try:
            lines = wait_ready(machine, work, READY_SECONDS)
            say(f"booted {gen} in Bochs: {time.monotonic() - begun:.1f} s")
            for n in range(int(count)):
                time.sleep(2 + 6 * chance.random())
                check(work)
                core.write_kdump(f"{out}/{n:02}", bochs.read_memory(machine, work, MEMORY), WITH_CACHE)
                loads.append(last_load(work))
        finally:
            if os.path.exists(f"{work}/console"):
                shutil.copy(f"{work}/console", f"{out}/console")
            bochs.end(machine)
    write_truth(out, gen, lines, loads, ept=True)
    say(f"{count} dumps of {gen} in Bochs under load: {time.monotonic() - begun:.1f} s")


if __name__ == "__main__":
    main()
