# SPDX-License-Identifier: GPL-2.0-or-later
"""Boot a kernel under emulation, wait for its virtual machines, let gdb take the dumps.

boot.py GEN OUT SCENARIO...
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "kvmmmu")
MEMORY = "256M"
READY_SECONDS = 120
# Without BTF of modules, and without the addresses of kallsyms in VMCOREINFO: kvmmmu needs debuginfo.
WITHOUT_BTF = ("5.10",)
FLIPS = {"7.3": 24}  # other generations: 8

# Scenarios that need a boot of their own, and what they add to the kernel's command line.
OWN_BOOT = {"nonpt": "kvm_amd.npt=0", "novms": "lab=novms", "nokvm": "lab=nokvm", "big": "lab=big"}
# Scenarios that need more memory, and more seconds until their machines are ready.
NEEDS = {"big": ("5G", 240)}


def needed(gen):
    """What the kernel's command line needs under emulation: without it, kvm of PREEMPT_RT cannot be loaded."""
    return "setcpuid=constant_tsc " if gen.endswith("-rt") else ""


def types_of(gen):
    """Return the directory with the modules that tell gdb the types (lab/types)."""
    said = subprocess.run([f"{HERE}/types", gen], check=True, text=True, stdout=subprocess.PIPE).stdout
    return said.split("\n")[-2]


def say(text):
    print(f"lab: {text}", file=sys.stderr, flush=True)


def die(text):
    say(text)
    sys.exit(1)


def read_text(path):
    if not os.path.exists(path):  # QEMU creates the file a little later
        return ""
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def start_qemu(kernel, work, more, ports=None, memory=MEMORY):
    """Start the kernel. The second serial port carries the machines' reports, unless @ports replaces it."""
    append = f"console=ttyS0 unknown_nmi_panic=1 panic=0 {more}"
    # QEMU is killed when this process ends, whatever the reason.
    return subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL",
         f"{CACHE}/tools/qemu/qemu-system-x86_64", "-nodefaults", "-no-user-config",
         "-display", "none", "-vga", "none", "-M", "q35", "-accel", "tcg,thread=multi",
         "-cpu", "max,+svm,+npt,la57=off", "-smp", "2", "-m", memory, "-device", "vmcoreinfo",
         "-kernel", f"{kernel}/vmlinuz", "-initrd", f"{work}/initrd", "-append", append,
         "-serial", f"file:{work}/console", *(ports or ["-serial", f"file:{work}/truth"]),
         "-qmp", f"unix:{work}/qmp,server=on,wait=off",
         "-gdb", f"unix:path={work}/gdb,server=on,wait=off"],
        stdin=subprocess.DEVNULL)


def wait_ready(qemu, work, seconds=READY_SECONDS):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        time.sleep(0.2)
        if qemu.poll() is not None:
            die(f"QEMU ended with status {qemu.returncode}")
        lines = read_truth(work)
        if lines and lines[-1]["kind"] == "ready":
            return lines
        if "Kernel panic" in read_text(f"{work}/console"):
            break
    console = read_text(f"{work}/console").splitlines()[-20:]
    die("the virtual machines did not start; the end of the console:\n" + "\n".join(console))


def read_truth(work):
    lines = read_text(f"{work}/truth").replace("\r", "").split("\n")[:-1]
    return [json.loads(line[4:]) for line in lines if line.startswith("LAB {")]


def gather(lines):
    """Return the reported lines, sorted by virtual machine."""
    truth = {"vms": {}, "sections": {}, "symbols": {}, "markers": {}}
    for line in sorted(lines, key=lambda line: line["kind"] != "vm"):
        kind = line.pop("kind")
        if kind == "sections":
            truth["sections"][line["module"]] = line["sections"]
        elif kind == "symbols":
            truth["symbols"] = line
        elif kind == "marker":
            word = int(line["word"], 16).to_bytes(8, "little").hex()
            truth["markers"][line["where"]] = truth["markers"].get(line["where"], "") + word
        elif kind != "ready":
            name = line.pop("vm")
            if kind == "vm":
                truth["vms"][name] = {"name": name, **line, "slots": [], "vcpus": [], "pages": []}
            elif kind == "prefault":
                truth["vms"][name]["prefault"] = line
            else:
                truth["vms"][name][kind + "s"].append(line)
    return truth


def run_gdb(script, gen, work, kernel, truth, **more):
    """Run a script inside gdb; $LAB_CONFIG tells it everything about the kernel."""
    release = read_text(f"{kernel}/release").strip()
    config = {
        "generation": gen, "release": release,
        "qemu": read_text(f"{CACHE}/tools/qemu/version").split("\n")[0],
        "debug": f"{kernel}/debug/lib/modules/{release}/kernel/arch/x86/kvm",
        "console": f"{work}/console", "qmp": f"{work}/qmp", "gdb": f"{work}/gdb",
        "format": "kdump-raw-zlib", "sections": truth["sections"], "symbols": truth["symbols"],
        "truth": list(truth["vms"].values()), "markers": truth["markers"], **more,
    }
    with open(f"{work}/config", "w", encoding="ascii") as file:
        json.dump(config, file)
    environment = dict(os.environ, LAB_CONFIG=f"{work}/config", LAB_SCRIPTS=HERE,
                       PYTHONDONTWRITEBYTECODE="1")
    return subprocess.run(["gdb", "-nx", "-q", "-batch", "-x", script], env=environment,
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          check=False).returncode


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    gen, out, *scenarios = sys.argv[1:]
    kernel = f"{CACHE}/kernel/{gen}"
    with tempfile.TemporaryDirectory(prefix="kvmmmu-lab-") as work:
        if subprocess.run([f"{HERE}/image", gen, f"{work}/initrd"], check=False).returncode:
            sys.exit(1)
        start = time.monotonic()
        memory, seconds = NEEDS.get(scenarios[0], (MEMORY, READY_SECONDS))
        qemu = start_qemu(kernel, work, OWN_BOOT.get(scenarios[0], ""), memory=memory)
        try:
            lines = wait_ready(qemu, work, seconds)
            say(f"booted {gen}: {time.monotonic() - start:.1f} s")
            if run_gdb(f"{HERE}/scenario.py", gen, work, kernel, gather(lines), out=out,
                       scenarios=scenarios, npt=scenarios != ["nonpt"], seed=f"kvmmmu {gen}",
                       flips=FLIPS.get(gen, 8)):
                die("gdb could not take the dumps; the end of the console:\n" +
                    "\n".join(read_text(f"{work}/console").splitlines()[-20:]))
        finally:
            qemu.kill()
            qemu.wait()


if __name__ == "__main__":
    main()
