# SPDX-License-Identifier: GPL-2.0-or-later
"""Starts the machines of one dump, makes the kernel crash, and records where each thread was; runs inside gdb.

The truth is read at machine_kexec(), when the other CPUs have been stopped and the crash kernel is about to
start: what /proc/vmcore will show, read by a debugger with the kernel's own debuginfo. Where the archive has none, the
types come from BTF, threads are unwound by the kernel's ORC tables, and frames of vmlinux have no name.
"""

import functools
import json
import os
import socket
import sys
import threading
import time
import traceback

import gdb

LAB = os.environ["LAB_SCRIPTS"]
HERE = os.path.join(LAB, "kdump")
sys.path[:0] = [LAB, os.path.join(LAB, "scenarios"), HERE]
sys.path.append(os.path.join(LAB, "matrix"))

import acts  # noqa: E402
import maps  # noqa: E402
import oracle  # noqa: E402
import orc  # noqa: E402
import plan  # noqa: E402
import play  # noqa: E402
from places import HANDLER, PR_REG, REGISTERS, RUN, STACK_SIZE, SWITCHED  # noqa: E402
from qmp import Qmp  # noqa: E402
from stop import CONFIG, Break, attach, load_symbols, quiet, release, say, threads  # noqa: E402

NPF = 0x400
SYMBOLS = {}  # addresses of vmlinux's
UNWOUND = "r15 r14 r13 r12 rbp rbx rip rsp".split()
# Functions that continue on the interrupt stack.
INTERRUPTS = ("sysvec_", "common_interrupt", "do_softirq", "__irq_exit_rcu", "irq_exit_rcu")


def leak_invalidation_of_all(machine):
    kvm = machine.kvm
    if oracle.member(kvm, "mmu_notifier_count") is not None:  # before 5.12, there is no range
        machine.poke(kvm["mmu_notifier_count"].address, 1, "mmu_notifier_count")
        return
    machine.poke(kvm["mmu_invalidate_range_start"].address, 0, "mmu_invalidate_range_start")
    machine.poke(kvm["mmu_invalidate_range_end"].address, (1 << 64) - 1, "mmu_invalidate_range_end")
    machine.poke(kvm["mmu_invalidate_in_progress"].address, 1, "mmu_invalidate_in_progress")


acts.leak_invalidation_of_all = leak_invalidation_of_all


class Machine(play.Play):
    """A scenario's machine that keeps running until the kernel crashes."""

    def begin(self):
        scenario = self.scenario
        said = self.control.order(
            f"run {scenario.plot} {scenario.name} {int(scenario.twin)} {self.seed}", "stage")
        self.stage = next(line for line in said if line["kind"] == "stage")
        self.said = play.told(said)
        self.faults, self.seen = set(), []
        if scenario.act and scenario.act_when == "staged":
            self.act()
        if scenario.armed:
            self.control.send("go")
        else:
            self.said += play.told(self.control.order("go", "gone-on"))
            time.sleep(scenario.settle)
        if scenario.act and scenario.act_when == "gone-on":
            self.act()

    def look(self):
        """The counters of all vCPUs and the fault of the subject's last exit, with the kernel stopped."""
        self.count()
        self.seen.append({int(vcpu["vcpu_id"]): counters_of(vcpu) for vcpu in oracle.vcpus(self.kvm)})
        exit_ = oracle.last_exit(self.vcpu)
        if int(exit_["exit_code"], 16) == NPF:
            self.faults.add((exit_["exit_info_2"], exit_["exit_info_1"]))

    def expectation(self):
        scenario = self.scenario
        return {"cause": scenario.first, "also": list(scenario.also), "everyone": list(scenario.everyone)}


def counters_of(vcpu):
    stat = vcpu["stat"]
    return {n: int(stat[n]) for n in play.COUNTERS if oracle.member(stat, n) is not None}


def look_at(machines):
    machines[0].stop_in_host()
    for machine in machines:
        machine.look()
    machines[0].go_on()


def word(symbol, index=0):
    return words(SYMBOLS[symbol], index + 1)[index]


def words(address, count):
    values = oracle.pointer(address, "unsigned long")
    return [int(values[i]) & (1 << 64) - 1 for i in range(count)]


def saved_registers(cpu):
    """What crash_save_cpu() put into the CPU's NT_PRSTATUS note."""
    at = word("crash_notes") + word("__per_cpu_offset", cpu) & (1 << 64) - 1
    return dict(zip(REGISTERS, words(at + PR_REG, len(REGISTERS))))


def switched_registers(task):
    """For a task that is not running: what __switch_to_asm() left on its stack."""
    sp = int(task["thread"]["sp"])
    frame = dict(zip(SWITCHED, words(sp, len(SWITCHED))))
    return {**frame, "rsp": sp + 8 * len(SWITCHED), "cs": 0x10}


def older_of(frame):
    try:
        return frame.older()
    except gdb.error:
        return None


def register_of(frame, name):
    return int(frame.read_register(name)) & (1 << 64) - 1


def before_interrupt_stack(frame):
    """What a frame that went to the interrupt stack (call_on_stack()) has as registers on its own: the task's stack
    pointer is in the topmost word, where the call returns to."""
    found = {name: register_of(frame, name) for name in UNWOUND}
    return {**found, "rsp": words(found["rsp"], 1)[0], "rip": frame.pc(), "cs": 0x10}


def frames():
    """The frames down to the system call and, where an interrupt ends them, the registers to continue with."""
    found, frame = [], gdb.newest_frame()
    while frame is not None and frame.is_valid() and frame.name() and len(found) < 64:
        found.append({"function": frame.name(), "inlined": frame.type() == gdb.INLINE_FRAME,
                      "pc": f"{frame.pc():#x}"})
        if frame.name().startswith("entry_"):
            break
        if frame.name().startswith("asm_"):  # struct pt_regs is where its stack ends
            return found, dict(zip(REGISTERS, words(register_of(frame, "rsp"), len(REGISTERS))))
        older = older_of(frame)
        if len(found) > 1 and frame.name().startswith(INTERRUPTS) and not (older and older.name()):
            return found[:-1], before_interrupt_stack(frame)
        frame = older
    return found, None


def is_user(registers):
    return registers["cs"] & 3 == 3


def unwind(thread, registers):
    """The frames that these registers begin, and if they begin in userspace; the CPU of @thread lends its own."""
    here, found = gdb.selected_thread(), []
    thread.switch()
    before = {name: int(gdb.parse_and_eval(f"(unsigned long)${name}")) for name in UNWOUND}
    try:
        while registers and not is_user(registers) and len(found) < 128:
            for name in UNWOUND:
                quiet(f"set var ${name} = {registers[name]:#x}")
            more, registers = frames()
            found += more
    except gdb.error:
        registers = None  # they led nowhere
    finally:
        quiet("frame 0")
        for name, value in before.items():
            quiet(f"set var ${name} = {value:#x}")
        here.switch()
    return found, bool(registers)


@functools.lru_cache(maxsize=None)
def orc_tables():
    return orc.Orc(SYMBOLS)


def unwind_by_orc(registers, is_return):
    """The frames that these registers begin, and if userspace is where they lead."""
    return ([], True) if is_user(registers) else orc_tables().unwind(registers, is_return)


def tasks_of(kvm):
    """The threads of the process that has the machine."""
    head = kvm["mm"]["owner"]["signal"]["thread_head"]
    return [task.dereference() for task in oracle.list_entries(head, "struct task_struct", "thread_node")]


def task_of(machine, vcpu):
    """The vCPU's thread, whose ID the VMM reported; KVM knows it only after it has run."""
    tids = [line["tid"] for line in machine.said if line["kind"] == "vcpu" and line["id"] == int(vcpu["vcpu_id"])]
    return next((task for task in tasks_of(machine.kvm) if int(task["pid"]) in tids), None)


def state_of(task):
    return int(oracle.either(task, "__state", "state"))


def class_of(place, exit_code):
    """How the crash caught the vCPU."""
    functions = {f["function"] for f in place["frames"]}
    if functions & HANDLER:
        return "in handler"
    if not functions & RUN:
        whole = place["user_mode"] or any(name.startswith("entry_") for name in functions)
        return "userspace" if whole else "interrupt"  # whose stack gdb cannot leave
    reason = {NPF: "NPF", 0x61: "NMI", 0x60: "INTR"}.get(exit_code, f"{exit_code:#x}")
    return f"{reason}, {'running' if place['on_cpu'] else 'preempted' if place['runnable'] else 'asleep'}"


def place_of(machine, vcpu, lender):
    """Where the vCPU's thread was."""
    task = task_of(machine, vcpu)
    if task is None:
        return None
    on_cpu = bool(int(task["on_cpu"]))
    cpu = int(oracle.either(task, "thread_info.cpu", "cpu"))
    registers = saved_registers(cpu) if on_cpu else switched_registers(task)
    if CONFIG["frames"]:
        found, user_mode = unwind(lender, registers)
    else:
        found, user_mode = unwind_by_orc(registers, not on_cpu)
    return {"tid": int(task["pid"]), "on_cpu": on_cpu, "cpu": cpu, "runnable": state_of(task) == 0,
            "user_mode": user_mode, "frames": found, "rsp": f"{registers['rsp']:#x}",
            "residues": residues(machine, task, registers["rsp"])}


def residues(machine, task, rsp):
    """Each struct kvm_page_fault about the page of the scenario on the thread's stack, handled or not."""
    if not play.has_fault():
        return []
    stack, page = int(task["stack"]), machine.page >> 12
    content = bytes(gdb.selected_inferior().read_memory(stack, STACK_SIZE))
    slot = int(machine.slot.address) & (1 << 64) - 1
    found = []
    for offset in range(0, STACK_SIZE - 256, 8):
        if int.from_bytes(content[offset:offset + 8], "little") >> 12 != page:
            continue
        fault = oracle.pointer(stack + offset, "struct kvm_page_fault").dereference()
        if int(fault["gfn"]) == page and int(fault["slot"]) & (1 << 64) - 1 in (0, slot):
            found.append({"kvm_page_fault": f"{stack + offset:#x}", "above_sp": stack + offset - rsp,
                          **{n: oracle.hexa(fault[n]) for n in ("addr", "error_code", "mmu_seq", "slot")
                             if oracle.member(fault, n) is not None}})
    return found


def vcpu_truth(machine, vcpu, lender):
    exit_ = oracle.last_exit(vcpu)
    place = place_of(machine, vcpu, lender)
    number = int(vcpu["vcpu_id"])
    return {"vcpu": number, "kvm_vcpu": oracle.hexa(vcpu.address), "last_exit": exit_,
            "looks": [look[number] for look in machine.seen], "counters": counters_of(vcpu),
            "mode": int(vcpu["mode"]), "requests": oracle.hexa(vcpu["requests"]), "place": place,
            "class": class_of(place, int(exit_["exit_code"], 16)) if place else "never run"}


def machine_truth(machine, lender):
    kvm = machine.kvm
    return {"name": machine.scenario.name, "done": machine.scenario.done, **machine.expectation(),
            "pid": machine.stage["pid"], "kvm": oracle.hexa(kvm.address), "stage": machine.stage,
            "said": machine.said, "injected": machine.injected,
            "faults": [{"address": a, "error_code": e} for a, e in sorted(machine.faults)],
            "invalidation": machine.invalidation(),
            "vcpus": [vcpu_truth(machine, vcpu, lender) for vcpu in oracle.vcpus(kvm)]}


class Orders:
    """Commands for the kernel's shell, on the fourth serial port; open until the end, since QEMU drops what it has
    not passed on when the socket closes."""

    def __init__(self, control):
        self.control = control
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(CONFIG["orders"])

    def send(self, command):
        self.socket.sendall(command.encode() + b"\n")

    def run(self, command):
        """Waits until the shell has finished it. Returns what was said meanwhile."""
        self.control.read()
        self.send(f"{command}; echo 'LAB {{\"kind\":\"obeyed\"}}' >/dev/ttyS1")
        deadline, heard = time.monotonic() + 3 * play.SECONDS, []
        while time.monotonic() < deadline:
            heard += self.control.read()
            if any(said["kind"] == "obeyed" for said in heard):
                return heard
            time.sleep(0.02)
        raise RuntimeError(f"the shell does not come back from {command!r}")


def symbols_of(orders, names):
    """What /proc/kallsyms says about variables and functions of vmlinux: {name: address}."""
    of = orders.run("while read -r address _ name _; do case $name in " + "|".join(names) + ") "
                    """echo 'LAB {"kind":"symbol","name":"'$name'","address":"'$address'"}' >/dev/ttyS1;; esac; """
                    "done </proc/kallsyms")
    return {said["name"]: int(said["address"], 16) for said in of if said["kind"] == "symbol"}


def pull_trigger(kind, qmp, orders):
    """What makes the kernel crash."""
    if kind == "nmi":
        qmp.run("inject-nmi")
    else:
        orders.send("echo c > /proc/sysrq-trigger")


def crash(dump, machines, qmp, orders):
    """The truth of the moment at which the kernel crashed."""
    attach()
    with Break(f"{SYMBOLS['machine_kexec']:#x}"), play.Deadline(play.SECONDS):
        threading.Timer(dump["delay"], pull_trigger, (dump["trigger"], qmp, orders)).start()
        quiet("continue")
    if gdb.newest_frame().pc() != SYMBOLS["machine_kexec"]:
        raise RuntimeError("the kernel did not crash")
    here = gdb.selected_thread()
    lender = next(thread for thread in threads() if thread.num != here.num)
    found = {"panic_cpu": here.num - 1, "machines": [machine_truth(machine, lender) for machine in machines]}
    return {**found, "maps": maps.maps()} if dump["maps"] else found


def main():
    dump = CONFIG["dump"]
    for setting in ("pagination off", "confirm off", "architecture i386:x86-64"):
        quiet(f"set {setting}")
    if CONFIG["frames"]:
        moved = int(CONFIG["symbols"]["_text"], 16) - CONFIG["link_text"]
        quiet(f"symbol-file -o {moved:#x} {CONFIG['frames']}")
    load_symbols()
    qmp, control = Qmp(CONFIG["qmp"]), play.Control()
    orders = Orders(control)
    SYMBOLS.update(symbols_of(orders, ("machine_kexec", "crash_notes", "__per_cpu_offset", *orc.Orc.SYMBOLS)))
    machines = [Machine(plan.SCENARIOS[name], control, qmp) for name in dump["machines"]]
    for machine in machines:
        machine.begin()
    time.sleep(0.5)
    look_at(machines)
    time.sleep(1)
    look_at(machines)
    for machine in machines:
        machine.check()
    if dump["trace_kb"]:
        orders.run(f"/trace {dump['trace_kb']} {round(dump['trace_seconds'] * 1e6)}")
    truth = crash(dump, machines, qmp, orders)
    with open(CONFIG["out"], "w", encoding="ascii") as file:
        json.dump(truth, file)
    release()
    return 0


try:
    code = main()
except BaseException as error:  # gdb would print it and continue
    if os.environ.get("LAB_TRACE"):
        traceback.print_exc()
    say(f"{CONFIG['generation']} {CONFIG['dump']['name']}: {error!r}")
    code = 1
os._exit(code)
