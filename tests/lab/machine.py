# SPDX-License-Identifier: GPL-2.0-or-later
"""A running machine of the lab, a Linux host with virtual machines, which tests stop through its gdb stub."""

import hashlib
import itertools
import json
import os
import pty
import re
import select
import subprocess
import sys
import time

from relay import Relay
from tools import BUILD, TOP, kernel, lab, need_lab

sys.path.insert(0, str(TOP / "scripts/lab"))
from qmp import Qmp  # noqa: E402

SCRIPT = TOP / "gdb/kvmmmu.py"
NEWER_GDBS = ("gdb-trixie", "gdb-forky")

# Resume the machine until all CPUs are where they should be, and leave it stopped.
STOP = """
import threading
import gdb

def run(seconds):
    threading.Timer(seconds, gdb.post_event, [lambda: gdb.execute("interrupt")]).start()
    gdb.execute("continue", to_string=True)

def in_host(thread):
    thread.switch()
    try:
        gdb.selected_inferior().read_memory({text:#x}, 1)
        return True
    except gdb.error:
        return False

for attempt in range(400):
    run(0.01 + attempt % 7 * 0.003)
    if all(in_host(thread) == {host} for thread in gdb.selected_inferior().threads()):
        print("@@ stopped after", attempt)
        break
gdb.selected_inferior().threads()[-1].switch()
"""


def gdb_program(name="gdb"):
    return "/usr/bin/gdb" if name == "gdb" else lab("tool", name) / "gdb"


def environment():
    return {**os.environ, "KVMMMU_GDB_LIBRARY": str(BUILD / "libkvmmmu-gdb.so"), "TERM": "dumb"}


def run_gdb(*commands, program="gdb", timeout=180):
    """Return the output of each command of a gdb session; a command's error is its output."""
    words = [str(gdb_program(program)), "-nx", "-q", "-batch", "-ex", "set pagination off", "-ex", "set confirm off"]
    for i, command in enumerate(commands):
        words += ["-ex", f"echo \\n@@{i}@@\\n", "-ex", command]
    words += ["-ex", f"echo \\n@@{len(commands)}@@\\n"]
    run = subprocess.run(words, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         timeout=timeout, errors="replace", env=environment())
    parts = re.split(r"\n?@@\d+@@\n", run.stdout)
    assert len(parts) == len(commands) + 2, run.stdout[-3000:]
    return parts[1:-1]


class Terminal:
    """gdb on a terminal of its own, to send Ctrl-C and other keys."""

    PROMPT = r"\(gdb\) $"

    def __init__(self, *commands, program="gdb"):
        path = str(gdb_program(program))
        self.pid, self.tty = pty.fork()
        if not self.pid:
            os.execve(path, [path, "-nx", "-q", "-ex", "set pagination off", "-ex", "set confirm off"], environment())
        self.seen = ""
        assert self.until(self.PROMPT, 60), self.seen
        for command in commands:
            self.say(command)

    def until(self, pattern, timeout=60):
        end = time.monotonic() + timeout
        while not re.search(pattern, self.seen):
            if time.monotonic() > end:
                return False
            if select.select([self.tty], [], [], 0.1)[0]:
                self.seen += os.read(self.tty, 65536).decode(errors="replace")
        return True

    def send(self, text):
        # After a Ctrl-C gdb may print its prompt again: late output does not belong to this command.
        while select.select([self.tty], [], [], 0.1)[0]:
            os.read(self.tty, 65536)
        self.seen = ""
        os.write(self.tty, text.encode())

    def say(self, command, timeout=120):
        """Return a command's output up to the next prompt."""
        self.send(command + "\n")
        assert self.until(self.PROMPT, timeout), self.seen[-2000:]
        return self.seen.replace("\r", "").split("\n", 1)[1].rsplit("(gdb) ", 1)[0]

    def close(self):
        os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)
        os.close(self.tty)


class Machine:
    """A machine ends with its test: QEMU is killed when the process that started it ends."""

    def __init__(self, gen, append, folder, wait=True):
        need_lab()
        self.gen, self.folder, self.append = gen, folder, append
        self.relays = itertools.count()
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "initrd").exists():
            subprocess.run([TOP / "scripts/lab/image", gen, folder / "initrd"], check=True)
        for attempt in range(3):  # the emulation of nested guests sometimes makes the kernel fail
            self.start(wait)
            if not wait or self.wait_ready():
                break
            self.kill()
        else:
            raise RuntimeError((folder / "console").read_text(errors="replace")[-2000:])
        self.qmp = Qmp(str(folder / "qmp"))

    def start(self, wait):
        place = self.folder
        for name in ("console", "truth"):
            (place / name).write_text("")
        self.qemu = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", lab("tool", "qemu") / "qemu-system-x86_64", "-nodefaults",
             "-no-user-config", "-display", "none", "-M", "q35", "-accel", "tcg,thread=multi", "-cpu",
             "max,+svm,+npt,la57=off", "-smp", "2", "-m", "256M", "-device", "vmcoreinfo", "-kernel",
             kernel(self.gen) / "vmlinuz", "-initrd", place / "initrd", "-append",
             f"console=ttyS0 panic=0 {self.append}", "-serial", f"file:{place}/console", "-serial",
             f"file:{place}/truth", "-qmp", f"unix:{place}/qmp,server=on,wait=off", "-gdb",
             f"unix:path={place}/gdb,server=on,wait=off", *([] if wait else ["-S"])], stdin=subprocess.DEVNULL)

    def wait_ready(self):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.qemu.poll() is None:
            time.sleep(0.2)
            if '"kind":"ready"' in (self.folder / "truth").read_text(errors="replace"):
                return True
            if "Kernel panic" in (self.folder / "console").read_text(errors="replace"):
                break
        return False

    @property
    def symbols(self):
        text = (self.folder / "truth").read_text(errors="replace").replace("\r", "")
        return json.loads(re.search(r'LAB (\{"kind":"symbols".*\})', text)[1])

    def relay(self, **how):
        return Relay(self.folder / f"relay-{next(self.relays)}", self.folder / "gdb", **how)

    @property
    def target(self):
        return f"target remote {self.folder}/gdb"

    def gdb(self, *commands, before=(), target=None, **more):
        """Run commands in a gdb that leaves the machine as it is."""
        start = [*before, target or self.target, f"source {SCRIPT}"]
        return run_gdb(*start, *commands, "disconnect", **more)[len(start):-1]

    def stop(self, host):
        """Stop with all CPUs in the host's kernel, or all in nested guests."""
        script = self.folder / "stop.py"
        script.write_text(STOP.format(text=int(self.symbols["_text"], 16), host=host))
        said = run_gdb(self.target, f"source {script}", "disconnect")
        assert "@@ stopped" in said[1], said

    def resume(self):
        self.qmp.run("cont")

    def memory(self):
        """Return a checksum of all memory."""
        file = self.folder / "memory"
        self.qmp.run("pmemsave", val=0, size=256 << 20, filename=str(file))
        with open(file, "rb") as stream:
            found = hashlib.sha256(stream.read()).hexdigest()
        file.unlink()
        return found

    def kill(self):
        self.qemu.kill()
        self.qemu.wait()


def plain_vmlinux(gen, folder):
    """Make a vmlinux with symbols only, which gdb reads quickly."""
    file = folder / f"vmlinux-{gen}"
    if not file.exists():
        subprocess.run(["objcopy", "--strip-debug", kernel(gen) / "vmlinux", file], check=True)
    return file


def symbol_offset(machine):
    """Return the offset that KASLR added."""
    return int(machine.symbols["_text"], 16) - 0xffffffff81000000
