# SPDX-License-Identifier: GPL-2.0-or-later
"""Record fast page faults on EPT without A/D bits, which only Bochs emulates.

record_ept.py GEN OUT EVENTS

The trace itself contains the masks and permission words: there is no dump.
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

from record import CACHE, build_initrd, offsets, probes, read_text, ret_pf, say, wait_ready
import bochs  # in the folder that record adds to the path

READY_SECONDS = 1800
MEMORY = 512

# The lab's own init searches all symbols, which takes too long in Bochs.
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
    """Return kprobe events that record all shadow_*_mask when a VM is created, and each vCPU's table."""
    names = subprocess.run(["nm", module], stdout=subprocess.PIPE, text=True, check=True).stdout
    masks = sorted(set(re.findall(r" [bBdD] (shadow_\w+_(?:mask|value))$", names, re.M)))
    flags = sorted(set(re.findall(r" [bBdD] (kvm_ad_enabled|enable_mmio_caching|tdp_enabled)$", names, re.M)))
    mmu, = offsets(debug, "kvm_vcpu.arch.mmu")
    words, = offsets(debug, "kvm_mmu.fmt.permissions")
    # A field's name has at most 31 characters: shadow_ is dropped, and one mask is left out.
    fields = [f"{name[7:]}=@{name}:x64" for name in masks if len(name) < 39]
    fields += [f"{name}=@{name}:u8" for name in flags]
    return (f"p:lab/masks kvm_arch_init_vm {' '.join(fields)}\n"
            f"p:lab/words kvm_arch_vcpu_ioctl_set_mpstate "
            f"words=+{words}(+{mmu}(%di)):x16[16]\n")


def main():
    gen, out, events = sys.argv[1:]
    kernel = f"{CACHE}/kernel/{gen}"
    release = read_text(f"{kernel}/release").strip()
    debug = f"{kernel}/debug/lib/modules/{release}/kernel/arch/x86/kvm/kvm.ko"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory(prefix="kvmmmu-bochs-") as work:
        build_initrd(gen, work, probes(debug) + masks_probe(debug, debug), INIT)
        spurious, fixed = ret_pf(debug, "SPURIOUS", "FIXED")
        bochs.make_iso(work, f"{kernel}/vmlinuz",
                       f"no_hash_pointers preempt=full trace.events={events} trace.each=0 trace.spurious={spurious} "
                       f"trace.fixed={fixed} trace.seconds=600 trace.age=1 trace.print=1")
        begin = time.monotonic()
        machine = bochs.start(work, MEMORY)
        try:
            lines = wait_ready(machine, work, READY_SECONDS)
            time.sleep(1)
        finally:
            for name in ("console", "log", "truth", "printed"):
                if os.path.exists(f"{work}/{name}"):
                    shutil.copy(f"{work}/{name}", f"{out}/{name}")
            bochs.end(machine)
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
