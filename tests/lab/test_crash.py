# SPDX-License-Identifier: GPL-2.0-or-later
"""kvmmmu.so in Debian's stock crash: 9.0.2 with --no_modules on 7.3, 8.0.2 on 6.1."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import time

import pytest

from tools import GENERATIONS, Crash, ask, dumps, kernel, number, truth

QUESTIONS = ["vms", "vms 1", "perms", "perms 0:0", "slots", "slots 2", "spte 80000000deadb865",
             "spte --level 2 8000000000000", "pfec 100000007"]


def questions(gen, name):
    """Every command, on every vCPU where it takes one."""
    asked = list(QUESTIONS)
    for i, vm in enumerate(reversed(truth(gen, name)["gdb"]["vms"])):
        for vcpu in vm["vcpus"]:
            address = vcpu["address"]
            asked += [f"mmu {address}", f"walk {address} 0", f"fault {address} -a 21000 -e 6",
                      f"fault --v1 {address} -a 21000 -e 100000007"]
            if number(vcpu["last_exit"]["exit_code"]) == 0x400:
                asked.append(f"fault {address}")
    return asked


def without_source(answer):
    answer.pop("source", None)
    return answer


@pytest.fixture(scope="module", params=[("7.3", "healthy"), ("7.3", "looping"), ("6.1", "healthy")],
                ids=lambda p: "-".join(p))
def session(request):
    """One crash session a dump: all commands in both forms, their outputs by command."""
    gen, name = request.param
    asked = questions(gen, name)
    crash = Crash(gen, dumps(gen) / f"{name}.kdump")
    commands = [f"kvmmmu {q} -j" for q in asked] + [f"kvmmmu {q}" for q in asked]
    return gen, name, asked, dict(zip(commands, crash.run(*commands)))


def test_crash_says_what_the_program_says(session):
    gen, name, asked, output = session
    for question in asked:
        ours = without_source(json.loads(output[f"kvmmmu {question} -j"]))
        assert ours == without_source(ask(gen, name, *question.split())), question


def test_text_fits_a_terminal(session):
    _gen, _name, asked, output = session
    for question in asked:
        text = output[f"kvmmmu {question}"]
        assert text.strip(), question
        wide = [l for l in text.splitlines() if len(l) > 80]
        # wide tables excepted: the counters of vms can be long
        assert not wide or question.startswith("vms"), (question, wide)


def test_no_mod_s_needed(session):
    """The session loaded no module's debuginfo, and yet types and symbols are there."""
    _gen, _name, _asked, output = session
    assert "BTF in the dump" in output["kvmmmu vms"]


@pytest.fixture(scope="module")
def manners(tmp_path_factory):
    """One session of misuse and of crash's own ways on the looping dump."""
    to = tmp_path_factory.mktemp("crash") / "out.txt"
    commands = ["help kvmmmu", "kvmmmu", "kvmmmu nonsense", "kvmmmu walk 0:0", "kvmmmu vms --what",
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
    for part in ("SYNOPSIS", "DESCRIPTION", "EXAMPLES", "vms [VM]", "crash> kvmmmu vms"):
        assert part in page


def test_misuse_is_one_clear_line(manners):
    output, _ = manners
    assert "Usage" in output["kvmmmu"]
    for command, part in {"kvmmmu nonsense": 'no command "nonsense"',
                          "kvmmmu walk 0:0": "usage: kvmmmu walk",
                          "kvmmmu vms --what": "unknown option",
                          "kvmmmu fault ffff": 'no vCPU "ffff"',
                          "kvmmmu mmu 99:0": 'no VM "99"',
                          "kvmmmu perms 0:77": 'no vCPU "77"',
                          "kvmmmu walk 0:0 zz": "no hexadecimal number"}.items():
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


@pytest.mark.parametrize("name,message", [("nokvm", "kvm is not loaded"),
                                          ("novms", "there are no VMs")])
def test_no_kvm_no_vms(name, message):
    out = Crash("7.3", dumps("7.3") / f"{name}.kdump").run("kvmmmu vms", "kvmmmu perms",
                                                           "kvmmmu walk 0:0 0", "p jiffies")
    assert message in out[0] and message in out[1]
    assert out[2].strip() and "jiffies" in out[3]


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
