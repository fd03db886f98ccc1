# SPDX-License-Identifier: GPL-2.0-or-later
"""Boot a kernel whose debuginfo the archive does not have, and let QEMU take the dumps, without gdb.

plain.py GEN OUT SCENARIO...

The truth is only what the VMM reports. A CPU may be inside a nested guest when a dump is taken.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time

from boot import CACHE, HERE, OWN_BOOT, die, gather, needed, read_text, say, start_qemu, wait_ready
from qmp import Qmp


def take(qmp, out, name, gen, kernel, truth):
    qmp.run("stop")
    qmp.dump(f"{out}/{name}.kdump", "kdump-raw-zlib")
    os.chmod(f"{out}/{name}.kdump", 0o644)
    with open(f"{out}/{name}.json", "w", encoding="ascii") as file:
        json.dump({"version": 1, "name": name, "generation": gen, "release": read_text(f"{kernel}/release").strip(),
                   "qemu": read_text(f"{CACHE}/tools/qemu/version").split("\n")[0], "npt": name != "nonpt",
                   "files": {"kdump": f"{name}.kdump"}, "symbols": truth["symbols"], "sections": truth["sections"],
                   "vms": list(truth["vms"].values()), "markers": truth["markers"]}, file, indent=1)


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    gen, out, *scenarios = sys.argv[1:]
    kernel = f"{CACHE}/kernel/{gen}"
    for name in scenarios:
        with tempfile.TemporaryDirectory(prefix="kvmmmu-lab-") as work:
            subprocess.run([f"{HERE}/image", gen, f"{work}/initrd"], check=True)
            start = time.monotonic()
            qemu = start_qemu(kernel, work, needed(gen) + OWN_BOOT.get(name, ""))
            try:
                truth = gather(wait_ready(qemu, work))
                say(f"booted {gen}: {time.monotonic() - start:.1f} s")
                if "Kernel panic" in read_text(f"{work}/console"):
                    die("the kernel panicked on its own")
                take(Qmp(f"{work}/qmp"), out, name, gen, kernel, truth)
            finally:
                qemu.kill()
                qemu.wait()


if __name__ == "__main__":
    main()
