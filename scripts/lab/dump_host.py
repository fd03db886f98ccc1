# SPDX-License-Identifier: GPL-2.0-or-later
"""Dump a host on which one program runs many VMs (crowd/, large/)."""

import subprocess
import tempfile
import time

from boot import CACHE, HERE, die, say, start_qemu, wait_ready
from qmp import Qmp

# What such a program needs of the lab's VMM.
VMM = [f"{HERE}/vmm/{name}" for name in ("vm.c", "vcpu.c", "tables.c", "markers.c", "guest.S")]


def dump_host(gen, sources, memory, seconds, out, name, vcpus):
    """Boot with a program made of @sources, wait up to @seconds for its VMs, and write @name.elf and @name.kdump."""
    with tempfile.TemporaryDirectory(prefix="kvmmmu-lab-") as work:
        if subprocess.run([f"{HERE}/image", gen, f"{work}/initrd", *sources, *VMM], check=False).returncode:
            die("no image")
        start = time.monotonic()
        # The second group of the lab's init, which starts the program that takes the place of its VMM.
        qemu = start_qemu(f"{CACHE}/kernel/{gen}", work, "lab=big", memory=memory)
        try:
            wait_ready(qemu, work, seconds)
            say(f"booted {gen} with {vcpus} vCPUs: {time.monotonic() - start:.1f} s")
            qmp = Qmp(f"{work}/qmp")
            qmp.run("stop")
            for kind, form in (("elf", "elf"), ("kdump", "kdump-zlib")):
                qmp.dump(f"{out}/{name}.{kind}", form)
        finally:
            qemu.kill()
            qemu.wait()
