# SPDX-License-Identifier: GPL-2.0-or-later
"""Boot the Intel host in Bochs and write its memory to an ELF core once its machines are at rest.

dump.py KERNEL INITRD OUT NAME [KERNEL-PARAMETER...]
"""

import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import bochs  # noqa: E402
from boot import CACHE, die, gather, read_text, read_truth, say  # noqa: E402

MEMORY = 128  # MiB
READY_SECONDS = 600
# Time for the machines to finish what they did last; their vCPUs then sleep most of the time.
REST_SECONDS = 3
PAGE = 4096
VIDEO_AND_BIOS = range(0xa0000, 0x100000)
DIRECT_MAP = 0xffff888000000000
PT_LOAD, PT_NOTE = 1, 4
EHDR, PHDR = struct.Struct("<16sHHIQQQIHHHHHH"), struct.Struct("<IIQQQQQQ")


def wait_ready(machine, work):
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and machine.poll() is None:
        time.sleep(0.2)
        lines = read_truth(work)
        if lines and lines[-1]["kind"] == "ready":
            return lines
        if "Kernel panic - not syncing" in read_text(f"{work}/console"):
            break
    die("the virtual machines did not start; the end of the console and of Bochs's log:\n"
        + read_text(f"{work}/console")[-2000:] + read_text(f"{work}/log")[-500:])


def vmcoreinfo(blocks):
    """Return VMCOREINFO, which is on a page that begins with the kernel's release."""
    for block in filter(None, blocks):
        for found in re.finditer(rb"OSRELEASE=[^\n]+\nBUILD-ID=", block):
            if found.start() % PAGE == 0:
                return block[found.start():block.index(b"\0", found.start())]
    die("the kernel's memory has no VMCOREINFO")


def note(name, data):
    name += b"\0"
    return (struct.pack("<III", len(name), len(data), 0) + name + bytes(-len(name) % 4)
            + data + bytes(-len(data) % 4))


def write_core(path, blocks, more=()):
    """Write an ELF core with these further notes; blocks that were never touched are holes in the file and are read
    as zeros."""
    notes = b"".join(more) + note(b"VMCOREINFO", vmcoreinfo(blocks))
    size = len(blocks) * bochs.BLOCK
    ranges = [(0, VIDEO_AND_BIOS.start), (VIDEO_AND_BIOS.stop, size)]
    base = (EHDR.size + (len(ranges) + 1) * PHDR.size + len(notes) + PAGE - 1) & -PAGE
    with open(path, "wb") as file:
        file.write(EHDR.pack(b"\x7fELF\2\1\1", 4, 62, 1, 0, EHDR.size, 0, 0, EHDR.size, PHDR.size,
                             len(ranges) + 1, 0, 0, 0))
        file.write(PHDR.pack(PT_NOTE, 0, EHDR.size + (len(ranges) + 1) * PHDR.size, 0, 0, len(notes), len(notes), 4))
        for start, end in ranges:
            file.write(PHDR.pack(PT_LOAD, 7, base + start, DIRECT_MAP + start, start, end - start, end - start, PAGE))
        file.write(notes)
        for i, block in enumerate(blocks):
            if block:
                file.seek(base + i * bochs.BLOCK)
                file.write(block)
        file.truncate(base + size)


def write_kdump(path, blocks, level, more=()):
    """The same, without the pages that makedumpfile leaves out at this level of -d."""
    write_core(f"{path}.vmcore.tmp", blocks, more)
    subprocess.run([f"{CACHE}/tools/kdump/makedumpfile", "--message-level", "0", "-z", "-d", str(level),
                    f"{path}.vmcore.tmp", f"{path}.kdump.tmp"], check=True)
    os.unlink(f"{path}.vmcore.tmp")
    os.rename(f"{path}.kdump.tmp", f"{path}.kdump")


def main():
    kernel, initrd, out, name, *parameters = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="kvmmmu-intel-") as work:
        shutil.copy(initrd, f"{work}/initrd")
        bochs.make_iso(work, kernel, " ".join(["kvm_intel.enable_apicv=0", *parameters]))
        begin = time.monotonic()
        machine = bochs.start(work, MEMORY)
        try:
            lines = wait_ready(machine, work)
            time.sleep(REST_SECONDS)
            write_core(f"{out}/{name}.vmcore", bochs.read_memory(machine, work, MEMORY))
        finally:
            if os.path.exists(f"{work}/console"):
                shutil.copy(f"{work}/console", f"{out}/{name}.console")
            bochs.end(machine)
    with open(f"{out}/{name}.json", "w", encoding="ascii") as file:
        json.dump({"name": name, "parameters": parameters, **gather(lines)}, file, indent=1)
        file.write("\n")
    say(f"{name} in {time.monotonic() - begin:.0f} s")


if __name__ == "__main__":
    main()
