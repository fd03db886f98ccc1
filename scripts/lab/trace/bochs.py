# SPDX-License-Identifier: GPL-2.0-or-later
"""Records fast page faults on EPT without A/D bits, which only Bochs emulates.

bochs.py GEN OUT EVENTS BOCHS-ROOT

Masks and permission words come through the trace itself: there is no dump.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from record import (CACHE, build_initrd, die, numbers, offsets, probes, read_text, read_truth, ret_pf,
                    say)

READY_SECONDS = 1800
MEMORY = 512

BOCHSRC = """
plugin_ctrl: unmapped=true, biosdev=true, speaker=false, parallel=true, serial=true
config_interface: textconfig
display_library: {display}
romimage: file={share}/seabios/bios.bin
vgaromimage: file={share}/seabios/vgabios-stdvga.bin
cpu: model=corei7_skylake_x, count=1, ips=200000000, reset_on_triple_fault=0
memory: guest={memory}, host={memory}
boot: cdrom
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path={work}/boot.iso, status=inserted
com1: enabled=1, mode=file, dev={work}/console
com2: enabled=1, mode=file, dev={work}/truth
parport1: enabled=1, file={work}/printed
clock: sync=none, time0=local
log: {work}/log
panic: action=fatal
error: action=report
info: action=ignore
debug: action=ignore
"""


# The lab's own looks through all symbols: too much for Bochs.
INIT = """#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs dev /dev
echo madvise >/sys/kernel/mm/transparent_hugepage/enabled
for module in irqbypass kvm; do
	[ ! -f /modules/$module.ko ] || /bin/busybox insmod /modules/$module.ko
done
/bin/busybox insmod /modules/kvm-intel.ko enable_apicv=0 eptad=0
/bin/busybox stty -F /dev/ttyS1 -onlcr
/vmm
while :; do /bin/busybox sleep 1000; done
"""


def masks_probe(debug, module):
    """All shadow_*_mask of the VM-creation moment, and the table of each vCPU that is set up."""
    names = subprocess.run(["nm", module], stdout=subprocess.PIPE, text=True, check=True).stdout
    masks = sorted(set(re.findall(r" [bBdD] (shadow_\w+_(?:mask|value))$", names, re.M)))
    flags = sorted(set(re.findall(r" [bBdD] (kvm_ad_enabled|enable_mmio_caching|tdp_enabled)$", names, re.M)))
    mmu, = offsets(debug, "kvm_vcpu.arch.mmu")
    words, = offsets(debug, "kvm_mmu.fmt.permissions")
    # A field's name is 31 characters at most: without shadow_, and one of them not at all.
    fields = [f"{name[7:]}=@{name}:x64" for name in masks if len(name) < 39]
    fields += [f"{name}=@{name}:u8" for name in flags]
    return (f"p:lab/masks kvm_arch_init_vm {' '.join(fields)}\n"
            f"p:lab/words kvm_arch_vcpu_ioctl_set_mpstate "
            f"words=+{words}(+{mmu}(%di)):x16[16]\n")


def make_iso(kernel, work, more):
    iso = f"{work}/iso"
    os.makedirs(f"{iso}/isolinux")
    shutil.copy("/usr/lib/ISOLINUX/isolinux.bin", f"{iso}/isolinux/")
    shutil.copy("/usr/lib/syslinux/modules/bios/ldlinux.c32", f"{iso}/isolinux/")
    shutil.copy(f"{kernel}/vmlinuz", f"{iso}/vmlinuz")
    with open(f"{work}/initrd", "rb") as plain, open(f"{iso}/initrd", "wb") as packed:
        subprocess.run(["gzip", "-1"], stdin=plain, stdout=packed, check=True)
    with open(f"{iso}/isolinux/isolinux.cfg", "w", encoding="ascii") as file:
        file.write("default lab\nprompt 0\nlabel lab\n  kernel /vmlinuz\n"
                   f"  append initrd=/initrd console=ttyS0,115200 nokaslr panic=0 no_hash_pointers "
                   f"preempt=full tsc=reliable {more}\n")
    subprocess.run(["xorriso", "-as", "mkisofs", "-quiet", "-o", f"{work}/boot.iso", "-b",
                    "isolinux/isolinux.bin", "-c", "isolinux/boot.cat", "-no-emul-boot",
                    "-boot-load-size", "4", "-boot-info-table", iso], check=True)


def start_bochs(root, work):
    rc = f"{work}/bochsrc"
    with open(rc, "w", encoding="ascii") as file:
        file.write(BOCHSRC.format(work=work, share=f"{root}/usr/share", memory=MEMORY, display="term"))
    libraries = f"{root}/usr/lib/x86_64-linux-gnu"
    command = (f"{root}/lib64/ld-linux-x86-64.so.2 --library-path {libraries}:{root}/usr/lib:"
               f"{libraries}/bochs/plugins {root}/usr/bin/bochs-bin -q -f {rc}")
    environment = dict(os.environ, LTDL_LIBRARY_PATH=f"{libraries}/bochs/plugins", TERM="vt100",
                       BXSHARE=f"{root}/usr/share/bochs")
    # Its display wants a terminal. A process group of its own, so that both end together.
    return subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "script", "-q", "-c", command, f"{work}/screen"],
                            env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            start_new_session=True)


def wait_ready(bochs, work):
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        time.sleep(0.5)
        if bochs.poll() is not None:
            die(f"Bochs ended with status {bochs.returncode}:\n{read_text(f'{work}/log')[-2000:]}")
        lines = read_truth(work)
        if lines and lines[-1]["kind"] == "ready":
            return lines
        console = read_text(f"{work}/console")
        if "Kernel panic" in console or "machine failed" in console:
            break
    die("the load did not end; the kernel's last words:\n" + read_text(f"{work}/console")[-3000:])


def main():
    gen, out, events, root = sys.argv[1:]
    kernel = f"{CACHE}/kernel/{gen}"
    release = read_text(f"{kernel}/release").strip()
    debug = f"{kernel}/debug/lib/modules/{release}/kernel/arch/x86/kvm/kvm.ko"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory(prefix="kvmmmu-bochs-") as work:
        build_initrd(gen, work, probes(debug) + masks_probe(debug, debug), INIT)
        spurious, fixed = ret_pf(debug, "SPURIOUS", "FIXED")
        make_iso(kernel, work, f"trace.events={events} trace.each=0 trace.spurious={spurious} trace.fixed={fixed} "
                 "trace.seconds=600 trace.age=1 trace.print=1")
        begin = time.monotonic()
        bochs = start_bochs(root, work)
        try:
            lines = wait_ready(bochs, work)
            time.sleep(1)
        finally:
            for name in ("console", "log", "truth", "printed"):
                if os.path.exists(f"{work}/{name}"):
                    shutil.copy(f"{work}/{name}", f"{out}/{name}")
            if bochs.poll() is None:
                os.killpg(bochs.pid, signal.SIGKILL)
            bochs.wait()
    os.rename(f"{out}/printed", f"{out}/trace.txt")
    trace = next(line for line in lines if line["kind"] == "trace")
    with open(f"{out}/truth.json", "w", encoding="ascii") as file:
        json.dump({"generation": gen, "release": release, "parameters": ["kvm_intel.eptad=0"],
                   "seconds": round(time.monotonic() - begin, 1), "trace": trace, "truth": lines},
                  file, indent=1)
        file.write("\n")
    say(f"{trace['faults']} fast page faults of {release}, EPT without A/D bits, in "
        f"{time.monotonic() - begin:.0f} s")


if __name__ == "__main__":
    main()
