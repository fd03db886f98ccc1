# SPDX-License-Identifier: GPL-2.0-or-later
"""gdb/kvmmmu.py at QEMU's stub: what it says of a live host is what the program and crash say of a dump
taken at the same stop, and the host does not notice."""

import collections
import concurrent.futures
import json
import os
import re
import shutil
import subprocess
import threading
import time

import pytest

import schema
from machine import NEWER_GDBS, SCRIPT, Machine, Terminal, plain_vmlinux, run_gdb, symbol_offset
from tools import BUILD, TOP, Crash, dumps, kernel, kvmmmu

# generation, what is added to the kernel's command line, where all CPUs stand
STOPS = [("7.3", "", "guest"), ("7.3", "", "host"), ("7.3", "nokaslr", "guest"), ("6.1", "", "guest"),
         ("6.1", "", "host"), ("6.1", "nokaslr", "host")]
# Packets that read, select a CPU for that, or are about the connection; M X G P c s z Z are not among them.
READING = {"m", "g", "p", "H", "T", "?", "D", "qSupported", "vMustReplyEmpty", "qXfer", "qTStatus", "qfThreadInfo",
           "qsThreadInfo", "qThreadExtraInfo", "qAttached", "qOffsets", "qSymbol", "qC", "qTfV", "qTsV", "qTfP",
           "qTsP", "vCont?", "qqemu.PhyMemMode", "Qqemu.PhyMemMode"}
GENERAL = ["audit", "audit --kind rmap,host-page 0", "audit --kind what", "vms", "vms 1", "perms", "explain", "slots",
           "slots 2", "spte 80000000deadb865", "pfec 100000007"]


@pytest.fixture(scope="module")
def machines(tmp_path_factory):
    """A function that gives the machine of a generation and command line; one runs at a time."""
    running = {}

    def get(gen, append):
        if (gen, append) not in running:
            for machine in running.values():
                machine.kill()
            running.clear()
            running[gen, append] = Machine(gen, append, tmp_path_factory.mktemp("machine"))
        return running[gen, append]

    yield get
    for machine in running.values():
        machine.kill()


def vcpus(answer):
    return [(f"{vm['vm']['number']}:{vcpu['index']}", vcpu) for vm in answer["vms"] for vcpu in vm["vcpus"]]


def questions(vms):
    asked = list(GENERAL)
    for name, vcpu in vcpus(vms):
        asked += [f"mmu {name}", f"walk {name} 0", f"walk --gva {name} 21000", f"explain {name}", f"fault {name}", f"fault {vcpu['address']} -a 21000 -e 6"]
    return asked


def said_by_program(dump, question):
    run = kvmmmu(dump, *question.split(), "-j")
    return said(run.out) if run.code == 0 else run.err.strip()


def said(text):
    """An answer without what differs from front end to front end, or the line of error."""
    text = text.strip()
    if not text.startswith("{"):
        return text
    answer = schema.parse(text)
    answer.pop("source", None)
    return answer


class Stop:
    """Everything asked at one stop, once."""

    def __init__(self, machine, where, folder):
        self.machine, self.where, self.folder = machine, where, folder
        machine.stop(where == "host")
        self.before = machine.memory()
        self.dump = folder / "stop.kdump"
        machine.qmp.dump(str(self.dump), "kdump-raw-zlib")
        self.asked = questions(kvmmmu(self.dump, "vms", "-j").json)
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            self.program = dict(zip(self.asked, pool.map(lambda q: said_by_program(self.dump, q), self.asked)))
        capsule = folder / "capsule"
        with machine.relay() as relay:
            self.answers = self.ask(target=f"target remote {relay.path}", more=[f"kvmmmu capture -o {capsule}"])
        self.packets = relay.packets
        self.after = machine.memory()

    def ask(self, before=(), more=(), **how):
        commands = [f"kvmmmu {q} -j" for q in self.asked]
        out = self.machine.gdb(*commands, *more, before=before, **how)
        return dict(zip(self.asked, map(said, out)))

    def with_symbols(self, **how):
        vmlinux = plain_vmlinux(self.machine.gen, self.folder.parent)
        return self.ask(before=[f"symbol-file -o {symbol_offset(self.machine):#x} {vmlinux}"], **how)


@pytest.fixture(scope="module", params=STOPS, ids=lambda p: "-".join(filter(None, p)))
def stop(request, machines, tmp_path_factory):
    gen, append, where = request.param
    machine = machines(gen, append)
    yield Stop(machine, where, tmp_path_factory.mktemp("stop"))
    if machine.qemu.poll() is None:  # else another one runs already
        machine.resume()


def test_without_symbols_it_says_what_the_program_says(stop):
    assert stop.answers == stop.program
    assert len(vcpus(stop.answers["vms"])) >= 10


def test_with_symbols_too(stop):
    assert stop.with_symbols() == stop.program


def test_symbols_in_the_wrong_place_are_not_used(stop):
    vmlinux = plain_vmlinux(stop.machine.gen, stop.folder.parent)
    wrong = symbol_offset(stop.machine) + 0x200000
    out = stop.machine.gdb("kvmmmu vms -j", before=[f"symbol-file -o {wrong:#x} {vmlinux}"])
    assert said(out[0]) == stop.program["vms"]


def test_nothing_is_written(stop):
    """Neither memory nor registers: of all packets, these alone were sent."""
    kinds = collections.Counter(re.match(r"vCont.|[qQv][A-Za-z.]*|.", packet.decode())[0] for packet in stop.packets)
    assert kinds["m"] > 500
    assert set(kinds) <= READING, kinds
    assert stop.before == stop.after


def test_capsule_is_the_dumps(stop):
    ours = stop.folder / "capsule"
    theirs = stop.folder / "of-dump"
    assert kvmmmu(stop.dump, "capture", "-o", theirs).code == 0
    assert ours.read_bytes() == theirs.read_bytes()


def test_crash_says_the_same(stop):
    if stop.machine.append or stop.where == "guest":
        asked = ["vms", "perms"]
    else:
        asked = [q for q in stop.asked if not q.startswith("explain")]  # of crash's registers
    if stop.machine.append:
        return
    out = Crash(stop.machine.gen, stop.dump).run(*(f"kvmmmu {q} -j" for q in asked))
    assert dict(zip(asked, map(said, out))) == {q: stop.answers[q] for q in asked}


def test_a_stub_without_physical_memory(stop):
    """Kernel addresses through whatever CPU is in the kernel; if none is, it says so."""
    asked = ["vms", "perms", "walk 0:0 0"]
    with stop.machine.relay(refuse=rb"[qQ]qemu") as relay:
        out = stop.machine.gdb(*(f"kvmmmu {q} -j" for q in asked), "thread", target=f"target remote {relay.path}")
    if stop.where == "host":
        assert list(map(said, out[:-1])) == [stop.program[q] for q in asked]
    else:
        assert all("may be in a guest or in user space" in line for line in out[:-1]), out
    assert "thread is 1 " in out[-1]


@pytest.mark.parametrize("program", NEWER_GDBS)
def test_newer_gdb(stop, program):
    if (stop.machine.gen, stop.machine.append, stop.where) not in (STOPS[0], STOPS[4]):
        return  # a choice of stops by parametrize would have the machines made anew
    assert stop.ask(program=program) == stop.program


ONE_STOP = pytest.mark.parametrize("stop", [("7.3", "", "guest")], indirect=True, ids=["7.3-guest"])
ALL_GDBS = pytest.mark.parametrize("program", ["gdb", *NEWER_GDBS])
MODE = "maintenance packet qqemu.PhyMemMode"


@ALL_GDBS
@ONE_STOP
def test_ctrl_c(stop, program):
    """At many moments of a first command: the prompt is back at once, and all is as it was. "Quit" is gdb's own word for
    a Ctrl-C that it sees before or after we run."""
    gdb = Terminal(stop.machine.target, f"source {SCRIPT}", "thread 2", program=program)
    try:
        begin = time.monotonic()
        gdb.say("kvmmmu vms")
        whole = time.monotonic() - begin
        broken = 0
        for i in range(16):
            gdb.say("python import kvmmmu; kvmmmu.HOST = None")
            gdb.send("kvmmmu vms\n")
            time.sleep(0.02 + i * whole / 16)
            os.write(gdb.tty, b"\x03")
            begin = time.monotonic()
            assert gdb.until(r"(interrupted|Quit|VM 0 )[\s\S]*\(gdb\) $", 30), gdb.seen[-2000:]
            if "VM 0 " not in gdb.seen:
                broken += 1
                assert time.monotonic() - begin < 5
                assert "kvmmmu: interrupted" in gdb.seen or re.search(r"^Quit\r?$|\^CQuit", gdb.seen, re.M)
            assert 'received: "0"' in gdb.say(MODE)
            assert "thread is 2 " in gdb.say("thread")
        assert broken >= 8
        assert said(gdb.say("kvmmmu vms -j")) == stop.program["vms"]
    finally:
        gdb.close()


@ALL_GDBS
@ONE_STOP
def test_functions(stop, program):
    vms = stop.program["vms"]["vms"]
    name, vcpu = next((name, vcpu) for name, vcpu in vcpus(stop.program["vms"])
                      if stop.program[f"walk {name} 0"]["walk"]["levels"])
    walk = stop.program[f"walk {name} 0"]["walk"]
    out = stop.machine.gdb('print $_kvmmmu("vms", "vms[1].vm.comm")',
                           'print/x $_kvmmmu("vms", "vms[0].vcpus[0].address")',
                           f'print/x $_kvmmmu_spte(0, "{name}")', f"print/x $_kvmmmu_spte(0, {vcpu['address']})",
                           f'print $_kvmmmu_verdict("{name}", 0x21000, 6)', 'print $_kvmmmu("vms", "vms[99]")',
                           'print $_kvmmmu_spte(0, "99:0")', "kvmmmu vms -j",
                           f'print/x $_kvmmmu_spte("{name}", 0)', f'print $_kvmmmu_verdict(0x21000, 6, "{name}")',
                           "print $_kvmmmu_verdict()",
                           'print $_kvmmmu_sym("kvm_vcpu_ioctl") == $_kvmmmu("sym kvm_vcpu_ioctl", "address")',
                           'break *$_kvmmmu_sym("kvm_vcpu_ioctl")', "delete", program=program)
    assert f'"{vms[1]["vm"]["comm"]}"' in out[0]
    assert vms[0]["vcpus"][0]["address"] in out[1]
    assert walk["levels"][-1]["spte"]["value"].replace("0x", "").lstrip("0") in out[2] and out[2][4:] == out[3][4:]
    assert re.fullmatch(r'\$\d = "(none|[a-z-]+:(note|possible|likely|proven).*)"', out[4].strip())
    assert "the answer has no" in out[5] and 'no VM "99"' in out[6]
    assert said(out[7]) == stop.program["vms"]
    assert out[8][4:] == out[2][4:] and out[9][4:] == out[4][4:] and "usage: " in out[10]
    assert out[11].strip().endswith("= 1") and "Breakpoint 1 at 0xffffffff" in out[12]


@ALL_GDBS
@ONE_STOP
def test_completion_and_help(stop, program):
    names = [name for name, _ in vcpus(stop.program["vms"])]
    out = stop.machine.gdb("complete kvmmmu wa", "complete kvmmmu walk ", "complete kvmmmu walk 0:",
                           "complete kvmmmu fault --e", "complete kvmmmu walk -m r", f"complete kvmmmu fault {names[0]} ",
                           f"complete kvmmmu capture -o {stop.folder}/stop.kd", "help kvmmmu", "help kvmmmu fault",
                           "kvmmmu", program=program)
    assert "kvmmmu walk" in out[0].splitlines()
    assert {f"kvmmmu walk {name}" for name in names} <= set(out[1].splitlines())
    assert {f"kvmmmu walk {name}" for name in names if name.startswith("0:")} == set(out[2].split("\n")) - {""}
    assert "--error" in out[3] and "root_mmu" in out[4]
    assert not out[5].strip()
    assert "stop.kdump" in out[6]
    for command in ("vms", "walk", "capture", "fault"):
        assert f"kvmmmu {command} -- " in out[7], command
    assert "usage: kvmmmu fault [-a ADDRESS]" in out[8] and "DUMP" not in out[8] and "--color" not in out[8]
    assert not re.search(r"\bcrash\b", out[7] + out[8])
    assert 'pipe kvmmmu vms | head -1' in stop.machine.gdb("kvmmmu vms | head -1", program=program)[0]
    assert re.search(r'List of "?kvmmmu"? subcommands', out[9])


@ONE_STOP
def test_types_of_the_vmlinux_that_gdb_has(stop):
    """--types dwarf without -k: debuginfo is looked for where gdb has its symbols from."""
    debug = kernel("7.3")
    out = stop.machine.gdb("kvmmmu perms -j --types dwarf", f"kvmmmu perms -j --types dwarf -k {debug}/debug",
                           before=[f"symbol-file -o {symbol_offset(stop.machine):#x} {debug}/vmlinux"])
    assert said(out[1]) == stop.program["perms"]
    assert said(out[0]) == stop.program["perms"] or "no debuginfo of kvm" in out[0]


@ONE_STOP
def test_registers_and_function_names(stop):
    """What explain asks of a host: where a CPU is, and in which function that is."""
    script = stop.folder / "callbacks.py"
    script.write_text("""
import ctypes, kvmmmu
host = kvmmmu.host()
host.run(["vms"])
host.enter()
rip, rsp, rbp, offset, outcome = (*(ctypes.c_uint64() for _ in range(4)), ctypes.c_int())
for cpu in range(3):
    host.callbacks.registers(cpu, rip, rsp, rbp, outcome)
    print("cpu", cpu, outcome.value, hex(rip.value), hex(rsp.value))
name = ctypes.create_string_buffer(64)
where = int(gdb.parse_and_eval("(unsigned long)&__schedule")) + 3
host.callbacks.symbol_at(where, ctypes.addressof(name), 64, offset, outcome)
print("at", outcome.value, name.value, offset.value)
host.callbacks.symbol_at(16, ctypes.addressof(name), 64, offset, outcome)
print("at", outcome.value)
host.leave()
""")
    vmlinux = plain_vmlinux("7.3", stop.folder.parent)
    out = stop.machine.gdb(f"source {script}", "thread", "thread apply all -q print/x $rip",
                           before=[f"symbol-file -o {symbol_offset(stop.machine):#x} {vmlinux}"])
    rips = {int(rip, 16) for rip in re.findall(r"= (0x[0-9a-f]+)", out[2])}
    told = re.findall(r"cpu (\d) (\d) (0x\S+)", out[0])
    assert {int(rip, 16) for _cpu, done, rip in told if done == "1"} == rips
    assert told[2][:2] == ("2", "2") and "thread is 1 " in out[1]
    assert "at 1 b'__schedule' 3" in out[0] and "at 2" in out[0]


@pytest.fixture
def live(machines):
    """Running, all CPUs busy."""
    machine = machines("7.3", "")
    machine.resume()
    return machine


RESUME = """
import time, kvmmmu
def exits():
    return sum(vcpu["exits"] for vm in kvmmmu.ask(["vms"])["vms"] for vcpu in vm["vcpus"])
def state():
    return [gdb.execute(command, to_string=True) for command in
            ("info breakpoints", "thread", "show scheduler-locking", "maintenance packet qqemu.PhyMemMode")]
before, then, start = state(), exits(), time.monotonic()
said = kvmmmu.host().resume_for(700)
took = time.monotonic() - start
print("resume:", said, "took", took, "exits", exits() - then, "as before", state() == before)
if state() != before:
    print(before, state())
"""


@ALL_GDBS
def test_resume_for(live, program, tmp_path):
    """The hook of explain --watch: the target has run, and breakpoints and thread are as they were."""
    script = tmp_path / "resume.py"
    script.write_text(RESUME)
    vmlinux = plain_vmlinux("7.3", live.folder.parent)
    out = live.gdb("hbreak __schedule", "tbreak *1", "hbreak do_exit", "disable 3", "thread 2", f"source {script}",
                   "set scheduler-locking on", f"source {script}", "info breakpoints",
                   before=[f"symbol-file -o {symbol_offset(live):#x} {vmlinux}"], program=program)
    for said_ in (out[5], out[7]):
        took, exits, same = re.search(r"resume: None took (\S+) exits (\d+) as before (\w+)", said_).groups()
        assert 0.65 < float(took) < 10 and int(exits) > 100 and same == "True", said_
    assert "already hit" not in out[8] and "SIGINT" not in out[5] + out[7]
    live.resume()


@ALL_GDBS
def test_functions_in_a_condition(live, program):
    """gdb calls all its threads running while it evaluates one."""
    vmlinux = plain_vmlinux("7.3", live.folder.parent)
    condition = '$_kvmmmu("vms", "vms[0].vm.number") == %d'
    out = live.gdb(f"hbreak __schedule if {condition % 0}", "continue", "info breakpoints", "delete",
                   before=[f"symbol-file -o {symbol_offset(live):#x} {vmlinux}"], program=program)
    assert "Error in testing" not in out[1] and "__schedule" in out[1], out
    assert "breakpoint already hit 1 time" in out[2]
    live.resume()


def test_ctrl_c_while_the_target_runs(live):
    gdb = Terminal(live.target, f"source {SCRIPT}", "hbreak *0x10")
    try:
        gdb.say("kvmmmu vms")
        gdb.send("python import kvmmmu; print('resume:', kvmmmu.host().resume_for(60000))\n")
        time.sleep(1)
        os.write(gdb.tty, b"\x03")
        assert gdb.until(r"resume: [\s\S]*\(gdb\) $", 20), gdb.seen
        assert "resume: interrupted" in gdb.seen
        assert 'received: "0"' in gdb.say(MODE)
        assert re.search(r"hw breakpoint +keep +y", gdb.say("info breakpoints"))
        assert "VM 0 " in gdb.say("kvmmmu vms")
    finally:
        gdb.close()
    live.resume()


def test_a_target_that_runs(live):
    gdb = Terminal(live.target, f"source {SCRIPT}", "kvmmmu vms", "continue&")
    try:
        assert "the selected CPU is running: stop it first" in gdb.say("kvmmmu vms")
        gdb.send("interrupt\n")
        assert gdb.until("SIGINT"), gdb.seen
        assert "VM 0 " in gdb.say("kvmmmu vms")
    finally:
        gdb.close()
    live.resume()


ZERO = """
import kvmmmu
name = next(f"{vm['vm']['number']}:0" for vm in kvmmmu.ask(["vms"])["vms"] if vm["vm"]["comm"] == "vmm-beta")
if "zero" in globals():
    table = next(t for t in kvmmmu.ask(["perms", name])["tables"] if t["context"].startswith("root_mmu"))
    kvmmmu.go_to_kernel(None)
    gdb.selected_inferior().write_memory(int(table["address"], 16), bytes(32))
print(gdb.execute(f"kvmmmu explain --watch 5 {name}", to_string=True))
print("@@" + kvmmmu.json.dumps(kvmmmu.ask(["explain", "--watch", "15", name])))
"""


def trends_of_two_looks(live, capsule, address):
    """A capsule of the stopped host, and diff with it after it ran: for some pairs the vCPU is in the guest, or on its way
    to an interrupt, and has no fault."""
    trends = []
    for _ in range(8):
        live.gdb(f"kvmmmu capture --force -o {capsule}")
        live.resume()
        live.stop(host=True)
        answer = schema.parse(live.gdb(f"kvmmmu diff --before {capsule} -j")[0])
        assert answer["before"]["same_boot"] == "yes" and answer["before"]["earlier"] in (True, None)
        vcpu = next(v for v in answer["vcpus"] if v["kvm_vcpu"] == address)
        trends.append(vcpu["trend"])
        assert vcpu["trend"] in ("loops", "open"), vcpu
        if vcpu["trend"] == "loops":
            assert vcpu["certainty"] == "likely"  # a capsule has no RIP
            break
    return trends


def more_samples(notes):
    """How many samples were taken beyond those that were asked for, by the notes."""
    return sum(int(n) for note in notes for n in re.findall(r"(\d+) more samples? (?:was|were) taken than asked for", note))


def test_explain_watches(live, tmp_path):
    """beta's vCPU makes progress, writing to one page at one RIP; with its table zeroed live it loops.

    Looks that find it in the guest, or on its way to an interrupt, have no fault: of 15 at least 3 do. As many looks
    are printed and counted as were asked for, and more only with a note."""
    script = tmp_path / "watch.py"
    script.write_text(ZERO)
    out = live.gdb(f"source {script}")[0]
    text, answer = out.split("@@")
    assert "SIGINT" not in out and "progressing (likely)" in text, out
    answer, = schema.parse(answer)["vcpus"]
    assert answer["state"] == "progressing" and answer["watch"]["trend"] == "progresses"
    live.resume()
    live.stop(host=True)
    text, answer = live.gdb("python zero = True", f"source {script}")[1].split("@@")
    answer = schema.parse(answer)
    notes = answer.get("notes", ())
    answer, = answer["vcpus"]
    looks = answer["watch"]["looks"]
    assert (answer["watch"]["trend"], answer["watch"]["certainty"]) == ("loops", "proven"), answer["watch"]
    assert f"of {len(looks)} samples" in answer["watch"]["text"]
    assert len(looks) == 15 + more_samples(notes)
    rows = [line for line in text[text.index("ADDRESS"):].splitlines()[1:] if re.match(r" +(0x\w+|-) ", line)]
    assert len(rows) == 5 + more_samples([text]) and f" {len(rows)} samples" in text, text
    assert "spurious-loop" in {found["id"] for found in answer["findings"]}
    assert looks[-1]["pf_spurious"] > looks[0]["pf_spurious"] and looks[-1]["pf_fixed"] == looks[0]["pf_fixed"]
    assert {look["address"] for look in looks} <= {None, answer["fault"]["address"]}
    assert "perm-table-mismatch (proven)" in text
    assert "loops" in trends_of_two_looks(live, tmp_path / "first.kvmmmu", answer["about"]["address"])
    live.resume()


def test_a_target_that_ends_while_it_is_watched(tmp_path):
    """The looks that were taken are shown, and why there are no more."""
    machine = Machine("7.3", "", tmp_path)
    try:
        machine.stop(host=True)
        vms = json.loads(machine.gdb("kvmmmu vms -j")[0])["vms"]
        name = next(f"{vm['vm']['number']}:0" for vm in vms if vm["vm"]["comm"] == "vmm-beta")
        threading.Timer(8, machine.qemu.kill).start()
        out = run_gdb(machine.target, f"source {SCRIPT}", f"kvmmmu explain --watch 500 {name}")[2]
    finally:
        machine.kill()
    stopped = re.search(r"stopped after (\d+) samples(: | \(\w+, )\S.*", out)
    assert stopped and int(stopped[1]) >= 2, out[-500:]
    assert "watched:" in out or "between" in out or "samples" in out, out[-500:]


def test_another_kernel_in_the_same_session(live):
    """The machine starts anew, and its kernel is elsewhere: found again."""
    gdb = Terminal(live.target, f"source {SCRIPT}")
    try:
        first = schema.parse(gdb.say("kvmmmu vms -j"))
        live.qmp.run("system_reset")
        (live.folder / "truth").write_text("")
        gdb.send("continue\n")
        assert live.wait_ready()
        os.write(gdb.tty, b"\x03")
        assert gdb.until(gdb.PROMPT)
        second = schema.parse(gdb.say("kvmmmu vms -j"))
    finally:
        gdb.close()
    assert {v["address"] for _, v in vcpus(first)} != {v["address"] for _, v in vcpus(second)}
    live.qmp.dump(str(live.folder / "again.kdump"), "kdump-raw-zlib")
    assert said(json.dumps(second)) == said_by_program(live.folder / "again.kdump", "vms")
    live.resume()


def test_no_kernel_yet(tmp_path):
    machine = Machine("7.3", "", tmp_path, wait=False)
    try:
        out = machine.gdb("kvmmmu vms", "kvmmmu spte --as ept 600000000b77b37", MODE)
    finally:
        machine.kill()
    assert "no page tables of a Linux kernel" in out[0] and len(out[0].strip().splitlines()) == 1
    assert "pfn 0xb77" in out[1] and 'received: "0"' in out[2]


@ALL_GDBS
def test_without_a_kernel(program):
    out = run_gdb(f"source {SCRIPT}", "kvmmmu vms", "kvmmmu pfec 6", "file /bin/sleep", "kvmmmu vms",
                  "break *0", "run 9", "kvmmmu vms", "kill", "kvmmmu nonsense", program=program)
    for said_ in (out[1], out[4]):
        assert "needs a kernel" in said_ and "does not read kdump-compressed dumps" in said_
    assert "W|U" in out[2]
    assert "attached to a process, not to a kernel" in out[7]
    assert "ndefined kvmmmu command" in out[9]


@ALL_GDBS
def test_core_of_qemu(program):
    """It has no kernel addresses at all: its physical memory is read past gdb."""
    core = dumps("7.3") / "healthy.elf"
    asked = ["vms", "perms", "slots", "walk 0:0 0", "fault 0:0 -a 21000 -e 6", "explain", "explain 1:0"]
    out = run_gdb(f"core-file {core}", f"source {SCRIPT}", *(f"kvmmmu {q} -j" for q in asked), program=program)[2:]
    assert dict(zip(asked, map(said, out))) == {q: said_by_program(core, q) for q in asked}


def test_core_without_vmcoreinfo(tmp_path):
    """An ordinary process's core."""
    out = run_gdb("file /bin/sleep", "starti", f"generate-core-file {tmp_path}/core", "kill", f"core-file {tmp_path}/core",
                  f"source {SCRIPT}", "kvmmmu vms")
    assert "no VMCOREINFO: this is not a dump of Linux" in out[-1]


@ALL_GDBS
def test_core_of_intel(program, intel):
    """No BTF: types come from the vmlinux that gdb has its symbols from."""
    core, vmlinux = intel / "ept-mbec-nested.vmcore", intel / "vmlinux"
    asked = ["vms", "perms", "walk 0:0 0", "fault 1:0 -a 21000 -e 6"]
    out = run_gdb(f"file {vmlinux}", f"core-file {core}", f"source {SCRIPT}", *(f"kvmmmu {q} -j" for q in asked),
                  program=program)[3:]
    for question, text in zip(asked, out):
        assert said(text) == said(kvmmmu("-k", vmlinux, core, *question.split(), "-j").out), question
    assert "vms" in said(out[0])
    bare = run_gdb(f"core-file {core}", f"source {SCRIPT}", "kvmmmu vms")[2]
    assert "has no BTF; debuginfo files" in bare and len(bare.strip().splitlines()) == 1, bare


def test_installed_it_loads_itself(tmp_path):
    subprocess.run(["make", "--no-print-directory", f"BUILD={BUILD}", f"DESTDIR={tmp_path}", "PREFIX=/usr", "install"],
                   cwd=TOP, check=True, stdout=subprocess.DEVNULL)
    shutil.copytree("/usr/share/gdb", tmp_path / "usr/share/gdb", dirs_exist_ok=True)
    out = subprocess.run(["gdb", "-nx", "-q", "-batch", f"-data-directory={tmp_path}/usr/share/gdb", "-ex", "kvmmmu pfec 6"],
                         text=True, capture_output=True)
    assert "W|U" in out.stdout and not out.stderr, out.stderr
    out = subprocess.run(["gdb", "-nx", "-q", "-batch", "-ex", f"source {tmp_path}/usr/share/gdb/python/gdb/command/kvmmmu.py",
                          "-ex", "kvmmmu pfec 6"], text=True, capture_output=True)
    assert "W|U" in out.stdout and not out.stderr, out.stderr
