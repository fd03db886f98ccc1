# SPDX-License-Identifier: GPL-2.0-or-later
"""Dump a host with 1,200 vCPUs (crowd.c) as ELF and kdump.

run.py GEN OUT
"""

import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LAB = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(LAB))
from boot import CACHE, die, say, start_qemu, wait_ready  # noqa: E402
from qmp import Qmp  # noqa: E402

MEMORY = "1G"
READY_SECONDS = 400
SOURCES = [LAB / "crowd/crowd.c", *(LAB / "vmm" / name for name in ("vm.c", "vcpu.c", "tables.c", "markers.c", "guest.S"))]


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    gen, out = sys.argv[1], Path(sys.argv[2])
    with tempfile.TemporaryDirectory(prefix="kvmmmu-lab-") as work:
        if subprocess.run([LAB / "image", gen, f"{work}/initrd", *SOURCES], check=False).returncode:
            die("no image")
        start = time.monotonic()
        # The second group of the lab's init, which starts the program that takes the place of its VMM.
        qemu = start_qemu(f"{CACHE}/kernel/{gen}", work, "lab=big", memory=MEMORY)
        try:
            wait_ready(qemu, work, READY_SECONDS)
            say(f"booted {gen} with 1,200 vCPUs: {time.monotonic() - start:.1f} s")
            qmp = Qmp(f"{work}/qmp")
            qmp.run("stop")
            for name, form in (("crowd.elf", "elf"), ("crowd.kdump", "kdump-zlib")):
                qmp.dump(str(out / name), form)
        finally:
            qemu.kill()
            qemu.wait()


main()
