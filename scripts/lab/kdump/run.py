# SPDX-License-Identifier: GPL-2.0-or-later
"""Real kdumps: a kernel with machines that loop and others that work is made to crash; see "lab help".

run.py [--count N] [--seed S] [--into DIR] [--trigger sysrq|nmi]
       [--trace KB | --form OPTIONS] [--maps] GEN [MACHINE...]
"""

import argparse
import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
LAB = os.path.dirname(HERE)
sys.path[:0] = [LAB, HERE, f"{LAB}/scenarios"]
sys.dont_write_bytecode = True

import boot  # noqa: E402
import plan  # noqa: E402

CPUS, DISK = 3, 640 << 20
SAVE_SECONDS = 240
# On a busy machine, the timer may seem not to work.
APPEND = "crashkernel=192M rdinit=/kdump-init nowatchdog no_timer_check"


def symbols_of(kernel):
    """vmlinux with what gdb needs to unwind and no more, made if missing, and where its text is linked to; None if there
    is no debuginfo."""
    if not os.path.exists(f"{kernel}/vmlinux"):
        return None, 0
    slim = f"{kernel}/vmlinux.frames"
    if not os.path.exists(slim):
        subprocess.run(["objcopy", "--strip-debug", "--keep-section=.debug_frame", f"{kernel}/vmlinux", f"{slim}.tmp"],
                       check=True)
        os.rename(f"{slim}.tmp", slim)
    names = subprocess.run(["nm", slim], check=True, text=True, stdout=subprocess.PIPE).stdout
    return slim, int(re.search(r"^([0-9a-f]+) T _text$", names, re.M)[1], 16)


def start(gen, kernel, dump, work):
    for name in ("disk", "traces"):
        with open(f"{work}/{name}", "wb") as disk:
            disk.truncate(DISK)
    ports = ["-serial", f"file:{work}/truth"]
    for name in ("control", "orders"):
        ports += ["-chardev", f"socket,id={name},path={work}/{name},server=on,wait=off", "-serial", f"chardev:{name}"]
    ports += ["-smp", str(CPUS), "-no-reboot", "-device", "nvme,drive=disk,serial=vmcore",
              "-drive", f"id=disk,if=none,format=raw,cache=unsafe,file={work}/disk",
              "-device", "nvme,drive=traces,serial=traces",
              "-drive", f"id=traces,if=none,format=raw,cache=unsafe,file={work}/traces"]
    form = f" form={','.join(dump.form.split())}" if dump.form else ""
    return boot.start_qemu(kernel, work, boot.needed(gen) + APPEND + form, ports, "512M")


def saved(qemu, work):
    """Waits until the crash kernel has written the dump; its size, or None."""
    try:
        qemu.wait(SAVE_SECONDS)
    except subprocess.TimeoutExpired:
        return None
    size = re.search(r"kdump: saved (\d+)", boot.read_text(f"{work}/console"))
    return int(size[1]) if size else None


def complain(gen, dump, work):
    boot.say(f"{gen} {dump.name}: no dump; the kernel's last words:\n" +
             "\n".join(boot.read_text(f"{work}/console").splitlines()[-20:]))
    return False


def play(gen, dump, work):
    """Boots the kernel and makes it crash: what gdb found, with the dump's size; None if it failed."""
    kernel = f"{boot.CACHE}/kernel/{gen}"
    slim, text = symbols_of(kernel)
    qemu = start(gen, kernel, dump, work)
    try:
        said = boot.gather(boot.wait_ready(qemu, work))
        if boot.run_gdb(f"{HERE}/crash.py", gen, work, kernel, said, dump=dataclasses.asdict(dump),
                        out=f"{work}/found", seed=dump.seed, frames=slim, link_text=text, control=f"{work}/control",
                        debug=boot.types_of(gen), orders=f"{work}/orders", truth_file=f"{work}/truth"):
            return None
        size = saved(qemu, work)
    except SystemExit:  # the machines did not start
        return None
    finally:
        qemu.kill()
        qemu.wait()
    with open(f"{work}/found", encoding="ascii") as file:
        found = json.load(file)
    return {"vmcore_bytes": size, **found, "symbols": said["symbols"], "sections": said["sections"]} if size else None


def take(gen, dump, out, work):
    """One dump; False if it failed."""
    begun, to = time.monotonic(), f"{out}/{dump.name}"
    found = play(gen, dump, work)
    if os.environ.get("LAB_TRACE"):
        boot.say(boot.read_text(f"{work}/console")[-3000:])
    if not found:
        return complain(gen, dump, work)
    os.truncate(f"{work}/disk", found["vmcore_bytes"])
    record = {"version": 1, "generation": gen, "release": boot.read_text(f"{boot.CACHE}/kernel/{gen}/release").strip(),
              **dataclasses.asdict(dump), **found}
    if not keep(f"{work}/disk", to, record):
        return complain(gen, dump, work)
    keep_other_disk(dump, f"{work}/traces", to)
    boot.say(f"{gen} {dump.name}: {', '.join(classes(record))}; {time.monotonic() - begun:.0f} s")
    return True


def keep_other_disk(dump, disk, to):
    """What makedumpfile wrote in the crash kernel, or what tracefs printed before."""
    if dump.form:
        subprocess.run(["cp", "--sparse=always", disk, f"{to}.flat"], check=True)
    if dump.trace_kb:
        os.makedirs(f"{to}.trace", exist_ok=True)
        subprocess.run(["tar", "-xf", disk, "-C", f"{to}.trace"], check=True)


def classes(record):
    for machine in record["machines"]:
        subject = next(v for v in machine["vcpus"] if v["vcpu"] == machine["stage"]["subject"])
        yield f"{machine['name']}: {subject['class']}"


def keep(raw, to, record):
    """The vmcore without pages that are free or hold files, and the truth beside it; False if it is not a dump."""
    tool = f"{boot.CACHE}/tools/kdump/makedumpfile"
    run = subprocess.run([tool, "-z", "-d", "23", raw, f"{to}.kdump.tmp"], text=True, capture_output=True, check=False)
    if run.returncode:
        boot.say(run.stdout[-500:])
        return False
    record["makedumpfile"] = {"options": "-z -d 23",
                              "said": [line for line in run.stdout.splitlines() if line and "\r" not in line][-12:]}
    if os.environ.get("LAB_RAW"):
        os.rename(raw, f"{to}.vmcore")
    with open(f"{to}.json", "w", encoding="ascii") as file:
        json.dump(record, file, indent=1)
        file.write("\n")
    os.rename(f"{to}.kdump.tmp", f"{to}.kdump")
    return True


def main():
    parser = argparse.ArgumentParser(prog="lab kdump")
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--into")
    parser.add_argument("--trace", type=int, default=0, metavar="KB")
    parser.add_argument("--form", default="", metavar="OPTIONS")
    parser.add_argument("--maps", action="store_true")
    parser.add_argument("--trigger", choices=sorted(set(plan.TRIGGERS)))
    parser.add_argument("gen")
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        dumps = list(plan.series(args.gen, args.names, args.count, args.seed, args.trigger,
                                 trace_kb=args.trace, form=args.form, maps=args.maps))
    except KeyError as error:
        boot.die(error.args[0])
    out = os.path.abspath(args.into or f"{boot.CACHE}/kdump/{args.gen}")
    os.makedirs(out, exist_ok=True)
    failed = []
    with tempfile.TemporaryDirectory(prefix="kvmmmu-lab-", dir=out) as work:
        subprocess.run([f"{HERE}/image", args.gen, f"{work}/initrd", *plan.sources()], check=True)
        for dump in dumps:
            for _ in range(2):
                if take(args.gen, dump, out, work):
                    break
            else:
                failed.append(dump.name)
    if failed:
        boot.die(f"{args.gen}: no dump: {' '.join(failed)}")


if __name__ == "__main__":
    main()
