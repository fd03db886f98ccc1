# SPDX-License-Identifier: GPL-2.0-or-later
"""kvmmmu.so in Debian's stock crash 9.0.2, on 7.3: its manners. What it says: test_identity.py."""

import os
import pty
import re
import select
import signal
import subprocess
import time

import pytest

import schema
from flattened import END, HEADER, pieces
from tools import Crash, dumps, kernel, kvmmmu, lab


@pytest.fixture(scope="module")
def manners(tmp_path_factory):
    """One session of misuse and of crash's own ways on the looping dump."""
    to = tmp_path_factory.mktemp("crash") / "out.txt"
    commands = ["help kvmmmu", "kvmmmu walk --help", "kvmmmu -h", "kvmmmu", "kvmmmu nonsense", "kvmmmu walk 0:0", "kvmmmu vms --what",
                "kvmmmu fault ffff", "kvmmmu mmu 99:0", "kvmmmu perms 0:77", "kvmmmu walk 0:0 zz",
                "kvmmmu perms | grep -c DIFFERS", f"kvmmmu vms > {to}", "kvmmmu vms",
                f"kvmmmu vms -k {kernel('6.1') / 'debug'} --types dwarf",
                "kvmmmu vms -k /nonexistent --types dwarf",
                f"kvmmmu vms -k {kernel('7.3') / 'debug'} --types dwarf", "kvmmmu vms --types btf",
                "kvmmmu spte --as ept 600000000b77b37", "p jiffies"]
    crash = Crash("7.3", dumps("7.3") / "looping.kdump")
    return dict(zip(commands, crash.run(*commands))), to


def test_help_page(manners):
    page = manners[0]["help kvmmmu"]
    assert re.search(r"NAME\n +kvmmmu - ", page)
    for part in ("SYNOPSIS", "DESCRIPTION", "Examples:", "List VMs and vCPUs", "kvmmmu explain"):
        assert part in page
    walk = manners[0]["kvmmmu walk --help"]
    assert "usage: kvmmmu walk [-m MMU]" in walk and "--limit N" in walk
    assert "List VMs and vCPUs" in manners[0]["kvmmmu -h"]
    for text in (page, walk, manners[0]["kvmmmu -h"]):
        assert not re.search(r"\bgdb\b|--watch|--color|DUMP", text), text
        assert all(len(line) <= 80 for line in text.splitlines())


def test_misuse_is_one_clear_line(manners):
    output, _ = manners
    assert "Usage" in output["kvmmmu"]
    for command, part in {"kvmmmu nonsense": 'unknown command "nonsense"',
                          "kvmmmu walk 0:0": "usage: kvmmmu walk",
                          "kvmmmu vms --what": "unknown or ambiguous option",
                          "kvmmmu fault ffff": 'no vCPU "ffff"',
                          "kvmmmu mmu 99:0": 'no VM "99"',
                          "kvmmmu perms 0:77": 'no vCPU "77"',
                          "kvmmmu walk 0:0 zz": "not a 64-bit hexadecimal number"}.items():
        assert part in output[command], command
        assert len(output[command].strip().splitlines()) == 1, output[command]


def test_pipes_and_redirection(manners):
    output, to = manners
    assert output["kvmmmu perms | grep -c DIFFERS"].strip() == "1"
    assert to.read_text() == output["kvmmmu vms"]


def test_debuginfo_of_another_build_is_refused(manners):
    output, _ = manners
    wrong = output[f"kvmmmu vms -k {kernel('6.1') / 'debug'} --types dwarf"]
    assert len(set(re.findall(r"[0-9a-f]{40}", wrong))) == 2, wrong
    none = output["kvmmmu vms -k /nonexistent --types dwarf"]
    assert "/nonexistent: No such file" in none and len(none.strip().splitlines()) == 1


def test_dwarf_and_btf_say_the_same(manners):
    output, _ = manners
    dwarf = output[f"kvmmmu vms -k {kernel('7.3') / 'debug'} --types dwarf"]
    btf = output["kvmmmu vms --types btf"]
    assert dwarf.split("\nVM ", 1)[1] == btf.split("\nVM ", 1)[1]
    assert "DWARF of kvm.ko" in dwarf


def test_session_goes_on(manners):
    assert "jiffies = " in manners[0]["p jiffies"]


def test_ctrl_c_ends_the_command_not_the_session():
    """crash on a terminal: our command over and over, Ctrl-C, and the prompt is back."""
    crash = Crash("7.3", dumps("7.3") / "healthy.kdump")
    pid, tty = pty.fork()
    if not pid:
        os.environ["TERM"] = "dumb"
        os.execv(str(crash.argv[0]), list(map(str, crash.argv)))
    seen = ""

    def until(pattern, timeout):
        nonlocal seen
        end = time.time() + timeout
        while time.time() < end:
            if select.select([tty], [], [], 0.2)[0]:
                try:
                    seen += os.read(tty, 65536).decode(errors="replace")
                except OSError:
                    break
            if re.search(pattern, seen):
                return True
        return False

    def say(text):
        nonlocal seen
        seen = ""
        os.write(tty, text.encode())

    try:
        assert until(r"crash> $", 120), seen[-500:]
        say("set scroll off\n")
        assert until(r"crash> $", 20)
        say(f"extend {crash.extension}\n")
        assert until(r"loaded\s[^>]*crash> $", 20), seen
        say("repeat -1 kvmmmu perms -j\n")
        assert until(r"(?s)root_mmu.*root_mmu.*root_mmu.*root_mmu", 30), seen[-500:]
        os.write(tty, b"\x03")
        time.sleep(3)
        os.write(tty, b"\x03\n")
        assert until(r"crash> $", 30), seen[-500:]
        say("kvmmmu vms\n")
        assert until(r"VM 3 ", 20), seen[-500:]
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(tty)


def test_registers_of_a_flattened_dump(tmp_path):
    """Without its registers, a fault in the handler is only that of the last exit."""
    flat = tmp_path / "flat.kdump"
    dump = (lab("in-handler", "7.3") / "in-handler-map.kdump").read_bytes()
    flat.write_bytes(HEADER + b"".join(pieces(dump)) + END)
    expected = kvmmmu(flat, "explain", "-j").json["vcpus"]
    assert any(f["source"] == "stack" and f["age"] == "in handler" for v in expected for f in v["faults"])
    assert schema.parse(Crash("7.3", flat).run("kvmmmu explain -j")[0])["vcpus"] == expected
