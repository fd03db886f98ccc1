# SPDX-License-Identifier: GPL-2.0-or-later
"""Boot a kernel in Bochs, the only emulator of VMX here, and read its memory."""

import os
import re
import shutil
import signal
import struct
import subprocess

from boot import CACHE, die, read_text

ROOT = f"{CACHE}/tools/bochs/root"
# Bochs allocates memory in blocks, in the order in which they are touched. This is the largest size.
BLOCK = 8 << 20

BOCHSRC = """
plugin_ctrl: unmapped=true, biosdev=true, speaker=false, parallel=true, serial=true
config_interface: textconfig
display_library: term
romimage: file={share}/seabios/bios.bin
vgaromimage: file={share}/seabios/vgabios-stdvga.bin
cpu: model=corei7_skylake_x, count={cpus}, ips=200000000, reset_on_triple_fault=0
memory: guest={memory}, host={memory}, block_size={block}
boot: cdrom
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path={work}/boot.iso, status=inserted
com1: enabled=1, mode=file, dev={work}/console
com2: enabled=1, mode=file, dev={work}/truth
{ports}
parport1: enabled=1, file={work}/printed
clock: sync=none, time0=local
log: {work}/log
panic: action=fatal
error: action=report
info: action=ignore, memory=report
debug: action=ignore
"""


def make_iso(work, kernel, command_line):
    """Make work/boot.iso of a bzImage and of work/initrd."""
    iso = f"{work}/iso"
    os.makedirs(f"{iso}/isolinux")
    shutil.copy("/usr/lib/ISOLINUX/isolinux.bin", f"{iso}/isolinux/")
    shutil.copy("/usr/lib/syslinux/modules/bios/ldlinux.c32", f"{iso}/isolinux/")
    shutil.copy(kernel, f"{iso}/vmlinuz")
    with open(f"{work}/initrd", "rb") as plain, open(f"{iso}/initrd", "wb") as packed:
        subprocess.run(["gzip", "-1"], stdin=plain, stdout=packed, check=True)
    with open(f"{iso}/isolinux/isolinux.cfg", "w", encoding="ascii") as file:
        file.write("default lab\nprompt 0\nlabel lab\n  kernel /vmlinuz\n"
                   f"  append initrd=/initrd console=ttyS0,115200 nokaslr panic=0 tsc=reliable {command_line}\n")
    subprocess.run(["xorriso", "-as", "mkisofs", "-quiet", "-o", f"{work}/boot.iso", "-b",
                    "isolinux/isolinux.bin", "-c", "isolinux/boot.cat", "-no-emul-boot",
                    "-boot-load-size", "4", "-boot-info-table", iso],
                   check=True, stderr=subprocess.DEVNULL)


def start(work, memory, cpus=1, terminals=()):
    """Boot work/boot.iso with @memory MiB; the first serial ports are written to work/console and work/truth, the
    others are these terminals."""
    rc = f"{work}/bochsrc"
    ports = "\n".join(f"com{i}: enabled=1, mode=term, dev={path}" for i, path in enumerate(terminals, 3))
    with open(rc, "w", encoding="ascii") as file:
        file.write(BOCHSRC.format(work=work, share=f"{ROOT}/usr/share", memory=memory, block=BLOCK >> 10, cpus=cpus,
                                  ports=ports))
    # Its display needs a terminal.
    return subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "script", "-q", "-c",
                             f"exec setpriv --pdeathsig KILL {CACHE}/tools/bochs/bochs-bin -q -f {rc}",
                             f"{work}/screen"],
                            env={**os.environ, "TERM": "vt100"}, stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, start_new_session=True)


def end(bochs):
    if bochs.poll() is None:
        os.killpg(bochs.pid, signal.SIGKILL)
    bochs.wait()


# ---- the guest's memory, out of a stopped Bochs ----


def emulator(bochs):
    """Return the process of Bochs itself, the child of the process that provides its terminal."""
    children = read_text(f"/proc/{bochs.pid}/task/{bochs.pid}/children").split()
    if len(children) != 1:
        die(f"the terminal of Bochs has the children {children}")
    return int(children[0])


def writable_ranges(pid):
    for line in read_text(f"/proc/{pid}/maps").splitlines():
        found = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
        if found:
            yield int(found[1], 16), int(found[2], 16)


def block_table(pid, memory, vector, blocks):
    """Return Bochs's array of pointers to blocks: the used ones are consecutive, from @vector on."""
    for start_at, end_at in writable_ranges(pid):
        if start_at <= vector < end_at:
            continue
        data = os.pread(memory, end_at - start_at, start_at)
        # The BIOS touches block 0 first, so it is at @vector.
        at = data.find(struct.pack("<Q", vector))
        while at >= 0:
            table = struct.unpack_from(f"<{blocks}Q", data, at) if at + 8 * blocks <= len(data) else ()
            used = sorted(place for place in table if place)
            if used and used == [vector + i * BLOCK for i in range(len(used))]:
                return table
            at = data.find(struct.pack("<Q", vector), at + 8)
    die("the table of Bochs's memory blocks was not found")


class Memory:
    """The guest's physical memory; Bochs stands still while it is open."""

    def __init__(self, bochs, work, megabytes):
        self.pid = emulator(bochs)
        found = re.search(r"vector=0x([0-9a-f]+)", read_text(f"{work}/log"))
        if not found:
            die("Bochs did not log where its memory is")
        os.kill(self.pid, signal.SIGSTOP)
        self.file = os.open(f"/proc/{self.pid}/mem", os.O_RDWR)
        self.table = block_table(self.pid, self.file, int(found[1], 16), (megabytes << 20) // BLOCK)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.file)
        os.kill(self.pid, signal.SIGCONT)

    def read(self, address, size):
        """All within one block; zeros if it was never touched."""
        place = self.table[address // BLOCK]
        return os.pread(self.file, size, place + address % BLOCK) if place else bytes(size)

    def write(self, address, data):
        place = self.table[address // BLOCK]
        if not place or os.pwrite(self.file, data, place + address % BLOCK) != len(data):
            die(f"Bochs has no memory at {address:#x}")

    def blocks(self):
        """By blocks, None for one that was never touched."""
        return [os.pread(self.file, BLOCK, place) if place else None for place in self.table]


def read_memory(bochs, work, megabytes):
    """Stop Bochs; return the guest's memory by blocks, None for one that was never touched."""
    with Memory(bochs, work, megabytes) as memory:
        return memory.blocks()
