# SPDX-License-Identifier: GPL-2.0-or-later
"""
Dump a large host as ELF and kdump: crowd.c with other numbers, and with idle threads, as VMMs have beside their vCPUs.
VCPUS is 1200, with 10,000 tasks, or 4800, with 24,000.

run.py GEN VCPUS OUT
"""

import re
import signal
import sys
import tempfile
from pathlib import Path

LAB = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(LAB))
from boot import die  # noqa: E402
from dump_host import dump_host  # noqa: E402

READY_SECONDS = 1800
# by the number of vCPUs: the machine's memory, the numbers in crowd.c, idle threads of each process
SIZES = {"1200": ("2G", {}, 390), "4800": ("4G", {"VMS": 80, "TICKING": 2, "RETRY_US": 100000}, 240)}


def with_numbers(text, numbers):
    for name, number in numbers.items():
        text, count = re.subn(rf"(#define {name}\s+)\d+", rf"\g<1>{number}", text)
        if count != 1:
            die(f"the program does not define {name}")
    return text.replace("char name[8]", "char name[16]")


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    gen, vcpus, out = sys.argv[1:]
    memory, numbers, threads = SIZES[vcpus]
    with tempfile.TemporaryDirectory(prefix="kvmmmu-lab-") as work:
        sources = [Path(work) / "crowd.c", Path(work) / "idle.c"]
        for source, of, changed in ((sources[0], "crowd", numbers), (sources[1], "large", {"THREADS": threads})):
            text = (LAB / of / source.name).read_text(encoding="utf-8")
            source.write_text(with_numbers(text, changed), encoding="utf-8")
        dump_host(gen, sources, memory, READY_SECONDS, out, "large", vcpus)


main()
