# SPDX-License-Identifier: GPL-2.0-or-later
"""Run scenarios in one boot, one machine after another, and take a dump of each; runs inside gdb."""

import collections
import functools
import importlib.util
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback

import gdb

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.environ["LAB_SCRIPTS"], HERE]

import acts  # noqa: E402
import catalogue  # noqa: E402
import oracle  # noqa: E402
from qmp import Qmp  # noqa: E402
from stop import (CONFIG, Break, attach, bring_home, in_host_kernel, load_symbols,  # noqa: E402
                  page_offset, poke, quiet, registers, release, run, say, threads)

OUT = CONFIG["out"]
SECONDS = 40  # that anything may take
COUNTERS = """pf_taken pf_fixed pf_emulate pf_spurious pf_fast pf_mmio_spte_created exits mmio_exits
    io_exits""".split()
FAULT = """addr error_code gfn exec write present rsvd user prefetch is_tdp is_private max_level
    req_level goal_level slot""".split()

Entry = collections.namedtuple("Entry", "level where value")


class Control:
    """Commands to the VMM, and its answers."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(CONFIG["control"])
        self.lines = open(CONFIG["truth_file"], encoding="ascii", errors="replace")
        self.partial = ""
        self.said = []
        self.read()

    def read(self):
        self.partial += self.lines.read()
        *whole, self.partial = self.partial.replace("\r", "").split("\n")
        new = [json.loads(line[4:]) for line in whole if line.startswith("LAB {")]
        self.said += new
        return new

    def send(self, line):
        self.socket.sendall(line.encode() + b"\n")

    def order(self, line, until):
        """Return the lines up to and including the answer; the kernel must be running."""
        self.said = []
        self.send(line)
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            for said in self.read():
                if said["kind"] == "died" and until != "ended":
                    raise RuntimeError(f"the VMM died: {said['why']}")
                if said["kind"] == until:
                    return self.said
            time.sleep(0.02)
        raise RuntimeError(f"no answer to {line!r}")


def register(name):
    return int(gdb.parse_and_eval(f"${name}")) & (1 << 64) - 1


def address_of(function):
    """Return where a function of kvm or of the kernel, whose symbols gdb did not load, begins, or None."""
    try:
        return int(gdb.parse_and_eval(f"(unsigned long)&{function}"))
    except gdb.error:
        pass
    found = {}
    for line in subprocess.run(["nm", CONFIG["vmlinux"]], check=True, text=True,
                               stdout=subprocess.PIPE).stdout.splitlines():
        at, name = line.split()[0], line.split()[-1]
        if name in ("_text", function):
            found[name] = int(at, 16)
    if function not in found:
        return None
    return found[function] - found["_text"] + int(CONFIG["symbols"]["_text"], 16)


def has_fault():
    """Does this kernel pass a struct kvm_page_fault to the functions that handle a fault (since 5.16)?"""
    try:
        gdb.lookup_type("struct kvm_page_fault")
        return True
    except gdb.error:
        return False


class Deadline:
    """Interrupt the kernel if gdb waits for it too long."""

    def __init__(self, seconds):
        self.timer = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT))

    def __enter__(self):
        self.timer.start()

    def __exit__(self, *_):
        self.timer.cancel()


class alone:
    """Resume only the selected CPU, for the duration of a with block."""

    def __enter__(self):
        quiet("set scheduler-locking on")

    def __exit__(self, *_):
        quiet("set scheduler-locking off")


def switch_to_the_other_cpu():
    here = gdb.selected_thread().num
    next(thread for thread in threads() if thread.num != here).switch()


@functools.lru_cache(maxsize=None)
def kvmmmu():
    """Load kvmmmu into this gdb."""
    path = os.path.join(os.environ["LAB_SCRIPTS"], "../../gdb/kvmmmu_gdb.py")
    spec = importlib.util.spec_from_file_location("kvmmmu", path)
    module = sys.modules["kvmmmu"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def told(lines):
    return [line for line in lines if line["kind"] in ("slot", "vcpu")]


class Play:
    def __init__(self, scenario, control, qmp):
        self.scenario, self.control, self.qmp = scenario, control, qmp
        self.seed = catalogue.seed_of(scenario, CONFIG["generation"], CONFIG["seed"])
        self.dice = random.Random(self.seed)
        self.pokes = []
        self.injected = []
        self.stopped = False
        self.live = None
        self.function = None
        self.frozen = None
        self.counters = []

    # ---- the machine ----

    @property
    def kvm(self):
        return next(kvm for kvm in oracle.vms() if oracle.owner(kvm)[0] == self.stage["pid"])

    @property
    def vcpu(self):
        return next(v for v in oracle.vcpus(self.kvm) if int(v["vcpu_id"]) == self.stage["subject"])

    @property
    def page(self):
        return int(self.stage["page"], 16)

    @property
    def other(self):
        return int(self.stage["other"], 16)

    @property
    def spare(self):
        return int(self.stage["spare"], 16)

    def slot_of(self, wanted):
        slots = oracle.memslots(self.kvm["memslots"][0].dereference(), 0)["slots"]
        at = next(int(s["address"], 16) for s in slots if s["id"] == wanted)
        return oracle.pointer(at, "struct kvm_memory_slot").dereference()

    @property
    def slot(self):
        return self.slot_of(self.stage["slot"])

    def walk(self, address):
        """Return the SPTEs of the walk to an address, from the root."""
        mmu = self.vcpu["arch"]["mmu"].dereference()
        root = oracle.number(oracle.either(mmu, "root.hpa", "root_hpa")) & (1 << 64) - 1
        level = int(oracle.either(mmu, "root_role.level", "mmu_role.base.level"))
        table, found = root & oracle.ADDRESS, []
        if root == (1 << 64) - 1:
            return found
        while level:
            index = address >> (12 + 9 * (level - 1)) & 511
            where = oracle.pointer(page_offset() + table + 8 * index, "unsigned long")
            value = int(where.dereference())
            found.append(Entry(level, where, value))
            if not value & 1 or (value & 0x80 and level in (2, 3)):
                break
            table, level = value & oracle.ADDRESS, level - 1
        return found

    def poke(self, where, value, what):
        before = int(where.dereference())
        poke(where, value)
        self.pokes.append((where, before, what))
        self.injected.append({"what": what, "address": f"{int(where):#x}",
                              "bytes": where.dereference().type.sizeof,
                              "before": f"{before & (1 << 64) - 1:#x}",
                              "after": f"{value & (1 << 64) - 1:#x}"})

    def count(self):
        stat = self.vcpu["stat"]
        self.counters.append({n: int(stat[n]) for n in COUNTERS if oracle.member(stat, n) is not None})

    # ---- stopping ----

    def stop(self):
        attach()
        self.stopped = True

    def go_on(self):
        release()
        self.stopped = False

    def stop_in_host(self):
        """Stop anywhere, with no CPU inside a guest."""
        self.stop()
        with Deadline(SECONDS):
            bring_home()
        if not all(in_host_kernel(thread) for thread in threads()):
            raise RuntimeError("a CPU stayed in the guest")
        self.kvm_address, self.vcpu_address = int(self.kvm.address), int(self.vcpu.address)

    def stop_at(self, functions, address):
        """Stop where the subject enters the first of these functions that this kernel has."""
        if not has_fault():
            functions = catalogue.EXIT
        for function in functions:
            entry = address_of(function)
            if entry:
                break
        else:
            raise RuntimeError(f"the kernel has none of {functions}")
        deadline = time.monotonic() + SECONDS
        with Break(function), Deadline(SECONDS):
            while time.monotonic() < deadline:
                quiet("continue")
                if register("rip") != entry or register("rdi") != self.vcpu_address:
                    continue
                second = register("rsi")
                if function == "kvm_mmu_page_fault":
                    at, fault = second, None
                else:
                    fault = oracle.pointer(second, "struct kvm_page_fault")
                    at = int(fault["addr"])
                if self.scenario.present and not int(fault["present"]):
                    continue
                if self.scenario.when and not getattr(self, self.scenario.when)(fault):
                    continue
                if address is None or at >> 12 == address >> 12:
                    break
            else:
                raise RuntimeError(f"the subject never reaches {function}")
        self.function = function
        self.live = None if fault is None else {"address": f"{int(fault):#x}"}
        self.read_live()

    # ---- the moments that a scenario can wait for ----

    def is_prefetch(self, fault):
        return int(fault["prefetch"])

    def is_of_guest(self, fault):
        return not self.is_prefetch(fault)

    def entry_of_guest(self):
        """Return the last entry of the page tables that the subject made for its nested guest (vmm/nested.h)."""
        ram = next(int(line["hva"], 16) for line in self.said if line.get("what") == "ram")
        table = 0x20d000 + 0x10000 * self.stage["subject"]
        return int(oracle.pointer(ram + table + (self.page >> 12 & 511) * 8, "unsigned long").dereference())

    def is_mapped_by_guest(self, _fault):
        return self.entry_of_guest() & 1

    def is_unmapped_by_guest(self, _fault):
        return not self.entry_of_guest()

    def is_write_tracked(self, fault):
        """KVM shadows a page table there again; where that cannot be told yet, any fault will do."""
        if fault is None or not int(fault["slot"]):
            return True
        counts = oracle.either(fault["slot"].dereference(), "arch.gfn_write_track", "arch.gfn_track")
        counts = counts[0] if counts.type.strip_typedefs().code == gdb.TYPE_CODE_ARRAY else counts
        return int(counts[int(fault["gfn"]) - int(fault["slot"]["base_gfn"])])

    def is_mapped(self, fault):
        """Another vCPU has mapped the page since the processor raised the fault."""
        last = self.walk(int(fault["addr"]))[-1]
        return last.level == 1 and last.value & 3 == 3

    def is_not_mapped(self, fault):
        return not self.walk(int(fault["addr"]))[-1].value & 1

    def is_out_of_shadow_pages(self, _fault):
        """make_mmu_pages_available() is about to zap some."""
        kvm = self.kvm
        return int(kvm["stat"]["mmu_shadow_pages"]) + 5 > int(kvm["arch"]["n_max_mmu_pages"])

    def read_live(self):
        if self.live:
            fault = oracle.pointer(int(self.live["address"], 16), "struct kvm_page_fault").dereference()
            self.live.update({n: oracle.hexa(fault[n]) for n in FAULT if oracle.member(fault, n) is not None})

    def invalidation(self):
        kvm = self.kvm
        found = {"mmu_invalidate_seq": oracle.either(kvm, "mmu_invalidate_seq", "mmu_notifier_seq"),
                 "mmu_invalidate_in_progress": oracle.either(kvm, "mmu_invalidate_in_progress", "mmu_notifier_count")}
        found.update({n: oracle.member(kvm, n) for n in ("mmu_invalidate_range_start", "mmu_invalidate_range_end",
                                                         "mn_active_invalidate_count")})
        return {n: oracle.hexa(value) for n, value in found.items() if value is not None}

    def go_deeper(self, function):
        """Continue to a function that the subject calls later, with the other CPUs stopped."""
        entry = address_of(function)
        with alone(), Break(f"{entry:#x}"), Deadline(SECONDS):
            quiet("continue")
        if register("rip") != entry:
            raise RuntimeError(f"the subject never reaches {function}")
        if "lock" in function and register("rdi") != int(self.kvm["mmu_lock"].address):
            raise RuntimeError("the subject waits for another lock")

    def freeze_another(self, function):
        """Run the kernel until a task of this VM reaches this function of an mmu_notifier."""
        with Break(function), Deadline(SECONDS):
            for _ in range(1000):
                quiet("continue")
                kvm = register("rdi")
                if "notifier" in function:
                    kvm = int(oracle.container(kvm, "struct kvm", "mmu_notifier"))
                if kvm == self.kvm_address and (self.scenario.at != "frozen" or self.walk_is_frozen()):
                    break
            else:
                raise RuntimeError(f"no task reaches {function}")
        self.frozen = {"function": function, "cpu": gdb.selected_thread().num - 1}

    def stop_beside(self, function):
        """
        Stop another task, then let the subject alone continue to its stop. It finds what it would find if the
        other task were slow. Both stay on CPUs of their own.
        """
        self.freeze_another(function)
        switch_to_the_other_cpu()
        with alone():
            if self.scenario.at == "frozen":
                self.stop_at(self.scenario.stop, self.page)
                return
            for _ in range(1000):
                self.stop_at(self.scenario.stop, None)
                if self.in_invalidated_range() != self.scenario.twin:
                    return
        raise RuntimeError("the subject has no such fault")

    def stop_behind(self, function):
        """Stop the subject in the handler, let another task take a lock, then let the subject wait for it."""
        self.stop_at(self.scenario.stop, None)
        switch_to_the_other_cpu()
        with alone():
            self.freeze_another(function)
        switch_to_the_other_cpu()
        if self.scenario.deeper:
            self.go_deeper(self.scenario.deeper)

    def walk_is_frozen(self):
        return self.walk(self.page)[-1].value == acts.frozen_spte()

    def in_invalidated_range(self):
        at = int(self.live["addr"], 16) >> 12
        if acts.version() == (6, 1):  # host addresses there
            at = int(self.stage["hva"], 16) + (at << 12) - int(self.stage["base"], 16)
        state = self.invalidation()
        return int(state["mmu_invalidate_range_start"], 16) <= at < int(state["mmu_invalidate_range_end"], 16)

    def stand(self):
        """Stop at the moment that the dump shows."""
        scenario = self.scenario
        where, at = scenario.stop, scenario.at
        self.stop_in_host()
        if scenario.armed:
            self.control.send("go")
        if scenario.frozen:
            (self.stop_beside if scenario.at in ("range", "frozen") else self.stop_behind)(scenario.frozen)
        elif where:
            self.stop_at(where, None if at is None else self.page)
            if scenario.deeper:
                self.go_deeper(scenario.deeper)
        with Deadline(SECONDS):
            bring_home()
        self.count()

    # ---- the course of a scenario ----

    def run(self):
        scenario = self.scenario
        said = self.control.order(
            f"run {scenario.plot} {scenario.name} {int(scenario.twin)} {self.seed}", "stage")
        self.stage = next(line for line in said if line["kind"] == "stage")
        self.said = told(said)
        if scenario.act and scenario.act_when == "staged":
            self.act()
        if not scenario.armed:
            self.said += told(self.control.order("go", "gone-on"))
            time.sleep(scenario.settle)
        if scenario.act and scenario.act_when == "gone-on":
            self.act()
            time.sleep(scenario.settle)
        if scenario.check:
            self.stand()
            self.go_on()
            time.sleep(1)
        self.stand()
        self.check()
        if scenario.act and scenario.act_when == "stopped":
            getattr(acts, scenario.act)(self)
            self.read_live()
        self.save()
        if CONFIG.get("watch"):
            self.watch(CONFIG.get("watch"))

    def watch(self, samples):
        """Let kvmmmu watch the subject from here, through this gdb, and keep its answer."""
        said = kvmmmu().ask(["explain", "--watch", str(samples), f"0:{self.stage['subject']}"])
        with open(f"{OUT}/{self.scenario.name}.watch.json", "w", encoding="ascii") as file:
            json.dump(said, file)

    def act(self):
        self.stop_in_host()
        getattr(acts, self.scenario.act)(self)
        self.go_on()

    def check(self):
        if not self.scenario.check:
            return
        first, second = self.counters[-2:]
        grown = {n: second[n] - first[n] for n in first}
        # kernels before 6.0 count only those that they fix
        taken = grown.get("pf_taken", grown["exits"])
        claims = {
            # the kernel takes the same fault again and again and never fixes it
            "loops": taken >= 100 and not grown["pf_fixed"] and not grown["io_exits"],
            # the VMM re-enters the guest again and again without effect
            "re-enters": grown["exits"] >= 100 and not grown["pf_fixed"] and not grown["io_exits"],
            # likewise where the kernel does not count faults
            "loops-uncounted": True,
            # faults are fixed
            "fixes": grown["pf_fixed"] + grown.get("pf_fast", 0) >= 5,
            # the guest's own loop continues
            "moves": grown["io_exits"] >= 10,
            # nothing happens
            "waits": not any(grown.values()),
        }
        if not claims[self.scenario.check]:
            raise RuntimeError(f"the counters contradict \"{self.scenario.check}\": {grown}")

    def save(self):
        name, scenario = self.scenario.name, self.scenario
        kvm, vcpu = self.kvm, self.vcpu
        truth = {
            "version": 1, "name": name, "generation": CONFIG["generation"], "release": CONFIG["release"],
            "qemu": CONFIG["qemu"], "npt": "npt=0" not in scenario.kernel, "kdump": f"{name}.kdump",
            "seed": CONFIG["seed"], "plot": scenario.plot, "twin_of": scenario.of_scenario,
            "how": "injected" if self.injected else "natural", "done": scenario.done,
            "injected": self.injected, **catalogue.expectations(scenario, self.stage),
            "stage": self.stage, "said": self.said,
            "kvm": oracle.hexa(kvm.address), "kvm_vcpu": oracle.hexa(vcpu.address),
            "counters": self.counters, "stop": self.function, "fault": self.live, "frozen": self.frozen, "deeper": scenario.deeper,
            "invalidation": self.invalidation(),
            "frames": self.frames(), "last_exit": oracle.last_exit(vcpu), "cpus": registers(),
            "walk": [{"level": e.level, "entry": f"{e.value:#x}"} for e in self.walk(self.page)],
            "symbols": CONFIG["symbols"], "sections": CONFIG["sections"],
        }
        self.qmp.dump(f"{OUT}/{name}.kdump.tmp", CONFIG["format"])
        os.chmod(f"{OUT}/{name}.kdump.tmp", 0o644)
        with open(f"{OUT}/{name}.json", "w", encoding="ascii") as file:
            json.dump(truth, file, indent=1)
            file.write("\n")
        os.rename(f"{OUT}/{name}.kdump.tmp", f"{OUT}/{name}.kdump")

    def put_back(self):
        while self.pokes:
            where, before, _ = self.pokes.pop()
            poke(where, before)

    def frames(self):
        """Return the functions on the subject's stack if it is in the handler."""
        if not self.function:
            return []
        found = []
        frame = gdb.newest_frame()
        while frame is not None and frame.is_valid() and frame.name() and len(found) < 64:
            found.append({"function": frame.name(), "inlined": frame.type() == gdb.INLINE_FRAME,
                          "pc": f"{frame.pc():#x}"})
            frame = frame.older()
        return found

    def end(self):
        """Undo all changes and end the machine."""
        if self.pokes and not self.stopped:
            self.stop_in_host()
        self.put_back()
        if self.stopped:
            self.go_on()
        self.control.order("end", "ended")


def perform(play):
    """Run one scenario; return False if it failed: the others may still work."""
    start, name = time.monotonic(), f"{CONFIG['generation']} {play.scenario.name}"
    done = False
    try:
        play.run()
        say(f"{name}: {time.monotonic() - start:.1f} s")
        done = True
    except (RuntimeError, StopIteration, gdb.error, KeyboardInterrupt) as error:
        if os.environ.get("LAB_TRACE"):
            traceback.print_exc()
        say(f"{name}: {error}")
    play.end()
    return done


def main():
    for setting in ("pagination off", "confirm off", "architecture i386:x86-64"):
        quiet(f"set {setting}")
    load_symbols()
    qmp = Qmp(CONFIG["qmp"])
    control = Control()
    failed = []
    wanted = [catalogue.find(CONFIG["generation"], [name])[0] for name in CONFIG["scenarios"]]
    for scenario in wanted:
        if not any(perform(Play(scenario, control, qmp)) for _ in range(2)):
            failed.append(scenario.name)
    if failed:
        say(f"{CONFIG['generation']} failed: {' '.join(failed)}")
    qmp.run("quit")
    return bool(failed)


if __name__ == "__main__":
    run(main)
