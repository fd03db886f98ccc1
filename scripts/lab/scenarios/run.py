# SPDX-License-Identifier: GPL-2.0-or-later
"""Boot a kernel for scenarios and let gdb run them; see "lab help".

run.py [--seed N] [--into DIR] [--watch N] GEN [SCENARIO...]
"""

import argparse
import glob
import itertools
import os
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
LAB = os.path.dirname(HERE)
sys.path[:0] = [LAB, HERE]
sys.dont_write_bytecode = True

import boot  # noqa: E402
import catalogue  # noqa: E402


def play(gen, out, scenarios, seed, watch):
    """Boot once; leave a dump and a truth file for each scenario that succeeded."""
    kernel = f"{boot.CACHE}/kernel/{gen}"
    sources = [f"{LAB}/vmm/{name}.c" for name in ("markers", "tables", "vcpu", "vm")]
    sources += glob.glob(f"{HERE}/vmm/*.[cS]")
    with tempfile.TemporaryDirectory(prefix="kvmmmu-lab-") as work:
        subprocess.run([f"{LAB}/image", gen, f"{work}/initrd", *sources], check=True)
        start = time.monotonic()
        ports = ["-serial", f"file:{work}/truth", "-chardev",
                 f"socket,id=orders,path={work}/control,server=on,wait=off", "-serial", "chardev:orders"]
        qemu = boot.start_qemu(kernel, work, scenarios[0].kernel, ports)
        try:
            try:
                lines = boot.wait_ready(qemu, work)
            except SystemExit:
                return
            boot.say(f"booted {gen}: {time.monotonic() - start:.1f} s")
            code = boot.run_gdb(f"{HERE}/play.py", gen, work, kernel, boot.gather(lines), out=out,
                                scenarios=[s.name for s in scenarios], seed=seed, watch=watch,
                                vmlinux=f"{kernel}/vmlinux", control=f"{work}/control", truth_file=f"{work}/truth")
            if code:
                boot.say("the end of the console:")
                sys.stderr.write("\n".join(boot.read_text(f"{work}/console").splitlines()[-20:]) + "\n")
        finally:
            qemu.kill()
            qemu.wait()


def main():
    parser = argparse.ArgumentParser(prog="lab scenario")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--into")
    parser.add_argument("--watch", type=int, default=0, metavar="N",
                        help="run explain --watch N on each scenario's vCPU, and keep its JSON in NAME.watch.json")
    parser.add_argument("gen")
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        scenarios = catalogue.find(args.gen, args.names)
    except KeyError as error:
        boot.die(error.args[0])
    out = os.path.abspath(args.into or f"{boot.CACHE}/scenarios/{args.gen}")
    os.makedirs(out, exist_ok=True)
    start = time.time()
    for _, group in itertools.groupby(sorted(scenarios, key=lambda s: s.kernel), lambda s: s.kernel):
        group = list(group)
        for _ in range(2):  # scenarios that failed get another boot
            missing = [s for s in group if not made(f"{out}/{s.name}.kdump", start)]
            if missing:
                play(args.gen, out, missing, args.seed, args.watch)
    missing = [s.name for s in scenarios if not made(f"{out}/{s.name}.kdump", start)]
    if missing:
        boot.die(f"{args.gen}: these scenarios failed: {' '.join(missing)}")


def made(path, since):
    return os.path.exists(path) and os.path.getmtime(path) >= since


if __name__ == "__main__":
    main()
