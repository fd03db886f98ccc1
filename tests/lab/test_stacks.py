# SPDX-License-Identifier: GPL-2.0-or-later
"""Stacks, tasks and the last fault, compared with what a debugger reads; and on torn dumps."""

import json
import os
import re
import struct
import subprocess

import pytest

import schema
from test_bad_input import Elf
from test_program import notes
from tools import BUILD, GENERATIONS, TOP, dumps, kernel, lab, number, offset_of, truth

HANDLER = "fast faultin stale map spte".split()


def found(dump, gen, types="auto", build=BUILD):
    """Return everything that the driver prints for a dump or a capsule."""
    run = subprocess.run([build / "stacks", types, dump, kernel(gen) / "debug"], text=True,
                         capture_output=True, timeout=120)
    assert run.returncode == 0, run.stderr[-3000:]
    return json.loads(run.stdout)


def functions(stack, sure=True):
    return names(f for f in stack["frames"] if f["sure"] or not sure)


def vcpu_of(answer, tid):
    return next(v for v in answer["faults"] if v["tid"] == tid)


def names(frames):
    return [f["function"].split(".")[0] for f in frames]


def live(vcpu):
    return [f for f in vcpu["faults"] if f["source"] == "stack" and f["age"] == "in handler"]


# ---- faults in the handler ----

@pytest.fixture(scope="session", params=GENERATIONS)
def handled(request):
    """Dumps of vCPUs stopped inside the handler; KVMMMU_SCENARIOS names a folder of them, by generation."""
    names = [f"in-handler-{name}" for name in HANDLER]
    if "KVMMMU_SCENARIOS" in os.environ:
        to = f"{os.environ['KVMMMU_SCENARIOS']}/{request.param}"
    else:
        to = lab("in-handler", request.param)
    return request.param, [(f"{to}/{name}.kdump", json.load(open(f"{to}/{name}.json"))) for name in names]


@pytest.mark.parametrize("types", ["btf", "dwarf"])
def test_the_handlers_own_struct(handled, types):
    gen, pairs = handled
    for dump, told in pairs:
        tid = next(s["tid"] for s in told["said"]
                   if s["kind"] == "vcpu" and s["id"] == told["stage"]["subject"])
        vcpu = vcpu_of(found(dump, gen, types), tid)
        assert len(live(vcpu)) == 1, told["name"]
        fault = live(vcpu)[0]
        assert vcpu["faults"][0] == fault
        for name in ("addr", "error_code"):
            assert number(fault[name]) == number(told["fault"][name]), told["name"]
        both = [name for name in told["fault"] if name in fault["pf"]]
        assert len(both) > 5
        for name in both:
            assert number(fault["pf"][name]) == number(told["fault"][name]), (told["name"], name)
        # its frame as it is found on a stack whose frames are not active any more
        place = fault["place"]
        assert number(place["handler_slot"]) < number(fault["pf"]["address"]) < number(place["caller_slot"])
        assert place["chain"] and fault["invalidations_since"] in (0, None)
        assert not vcpu["disagreement"]
        # gdb also shows frames that a tail call has replaced
        ours = functions(vcpu["stack"])
        theirs = [f["function"].split(".")[0] for f in told["frames"] if not f["inlined"]]
        assert set(theirs) - set(ours) <= {"kvm_tdp_page_fault"}
        assert [f for f in theirs if f in ours] == ours[:len([f for f in theirs if f in ours])]
        assert ours[0] == told["stop"] or ours[0] == theirs[0]


def test_without_registers_it_is_not_in_the_handler(handled, tmp_path):
    """If the live part of the stack is not known, what is found there may be residue."""
    gen, pairs = handled
    dump, told = pairs[1]
    tid = next(s["tid"] for s in told["said"]
               if s["kind"] == "vcpu" and s["id"] == told["stage"]["subject"])
    data = bytearray(open(dump, "rb").read())
    at, size = struct.unpack_from("<QQ", data, struct.unpack_from("<i", data, 428)[0] + 48)
    end = at + size
    while at + 12 <= end:
        name, size, _ = struct.unpack_from("<III", data, at)
        start = at + 12 + (name + 3 & ~3)
        if data[at + 12:at + 12 + name - 1] in (b"CORE", b"QEMU"):
            data[start:start + size] = bytes((i * 37 + 11) % 256 for i in range(size))
        at = start + (size + 3 & ~3)
    (tmp_path / "none.kdump").write_bytes(data)
    vcpu = vcpu_of(found(tmp_path / "none.kdump", gen), tid)
    assert vcpu["stack"]["start"] == "unknown" and not live(vcpu)
    assert not any(f["sure"] for f in vcpu["stack"]["frames"])
    stack = [f for f in vcpu["faults"] if f["source"] == "stack"]
    assert [(f["age"], f["addr"]) for f in stack] == [("unknown", told["fault"]["addr"])]


# ---- stacks against gdb ----

class Memory(Elf):
    """The lab's ELF dump of any generation, read at kernel virtual addresses through its page tables."""

    def __init__(self, to, gen):
        super().__init__(to, gen)
        data = open(to, "rb").read(1 << 20)
        info = next(data[start:start + size].decode() for name, _kind, start, size in notes(data)
                    if name == b"VMCOREINFO")
        value = dict(re.findall(r"^(?:SYMBOL|NUMBER)?\(?(\w+)\)?=(\S+)$", info, re.M))
        self.offset_of_kernel = int(value["KERNELOFFSET"], 16)
        pgd = value["init_top_pgt" if "init_top_pgt" in value else "swapper_pg_dir"]
        self.pgd = int(pgd, 16) - 0xFFFFFFFF80000000 + int(value["phys_base"])

    def entry(self, va):
        """Return where the page-table entry of the page at @va is, and the page's address; None if it is large."""
        table = self.pgd
        for shift in (39, 30, 21, 12):
            at = table + 8 * (va >> shift & 511)
            entry, = struct.unpack("<Q", self.read(at))
            assert entry & 1, hex(va)
            if shift == 12 or entry & 0x80:
                return at, (entry & 0xFFFFFFFFFF000 & -1 << shift) | va & (1 << shift) - 1
            table = entry & 0xFFFFFFFFFF000
        raise AssertionError

    def virt(self, va, size):
        out = b""
        while len(out) < size:
            at = va + len(out)
            out += self.read(self.entry(at)[1], min(size - len(out), 4096 - at % 4096))
        return out

    def poke(self, va, value):
        self.write(self.entry(va)[1], struct.pack("<Q", value))

    def unmap(self, va):
        self.write(self.entry(va)[0], bytes(8))


def elf_core(path, tasks, memory):
    """Write a core of the threads that are not on a CPU: the registers that __switch_to_asm() saved, and the stacks."""
    note, loads = b"", []
    for task in tasks:
        base, sp = number(task["stack"]["base"]), number(task["stack"]["sp"])
        stack = memory.virt(base, task["stack"]["size"])
        r15, r14, r13, r12, rbx, rbp, rip = struct.unpack_from("<7Q", stack, sp - base)
        regs = [r15, r14, r13, r12, rbp, rbx] + [0] * 10 + [rip, 0x10, 0x246, sp + 56, 0x18] + [0] * 6
        status = bytearray(336)
        struct.pack_into("<I", status, 32, task["tid"])
        struct.pack_into("<27Q", status, 112, *regs)
        note += struct.pack("<III8s", 5, len(status), 1, b"CORE") + status
        loads.append((base, stack))
    head = 64 + 56 * (1 + len(loads))
    at = head + len(note)
    phdrs = struct.pack("<IIQQQQQQ", 4, 0, head, 0, 0, len(note), 0, 4)
    for base, stack in loads:
        phdrs += struct.pack("<IIQQQQQQ", 1, 6, at, base, 0, len(stack), len(stack), 1)
        at += len(stack)
    ident = b"\x7fELF\2\1\1" + bytes(9)
    header = ident + struct.pack("<HHIQQQIHHHHHH", 4, 62, 1, 0, 64, 0, 0, 64, 56, 1 + len(loads), 0, 0, 0)
    path.write_bytes(header + phdrs + note + b"".join(stack for _, stack in loads))


@pytest.mark.parametrize("gen", GENERATIONS)
def test_stacks_as_gdb_unwinds_them(gen, tmp_path):
    memory = Memory(tmp_path / "copy.elf", gen)
    answer = found(dumps(gen) / "healthy.elf", gen)
    assert answer["complete"] and not answer["trouble"]
    tasks = [t for t in answer["tasks"] if t["stack"]["start"] == "switched out"]
    assert len(tasks) >= 10
    elf_core(tmp_path / "core", tasks, memory)
    debug = next((kernel(gen) / "debug").rglob("kvm.ko")).parent
    config = {"offset": hex(memory.offset_of_kernel), "vmlinux": str(kernel(gen) / "vmlinux"),
              "sections": truth(gen, "healthy")["sections"], "debug": str(debug),
              "core": str(tmp_path / "core"), "out": str(tmp_path / "out")}
    (tmp_path / "config").write_text(json.dumps(config))
    subprocess.run(["gdb", "-nx", "-batch", "-x", TOP / "tests/lab/unwind.py"], check=True,
                   env={**os.environ, "UNWIND": str(tmp_path / "config")}, stdout=subprocess.DEVNULL)
    theirs = json.loads((tmp_path / "out").read_text())
    deep = 0
    for task in tasks:
        ours = task["stack"]["frames"]
        assert all(f["sure"] for f in ours) and not task["stack"]["trouble"], task["comm"]
        frames = theirs[str(task["tid"])]
        # gdb unwinds as long as there is CFI, which assembly code lacks
        assert [f["pc"] for f in ours][:len(frames)] == [f["pc"] for f in frames], task["comm"]
        assert names(ours)[:len(frames)] == names(frames), task["comm"]
        assert len(frames) >= 2
        if len(frames) < len(ours):
            assert re.match("asm_|entry_|ret_from_fork|.*_thunk$", ours[len(frames)]["function"]) or \
                re.match("asm_", ours[len(frames) - 1]["function"]), task["comm"]
        assert ours[-1]["function"] in ("entry_SYSCALL_64_after_hwframe", "ret_from_fork_asm", "ret_from_fork",
                                        "asm_sysvec_apic_timer_interrupt")
        deep += len(ours) >= 8
    assert deep >= 3


@pytest.mark.parametrize("gen", GENERATIONS)
def test_a_task_on_a_cpu(gen):
    """park() stops beta's vCPU at the beginning of kvm_mmu_page_fault(): its frame is still empty."""
    told = truth(gen, "healthy")["gdb"]["cpus"]
    for suffix in ("kdump", "elf"):
        answer = found(dumps(gen) / f"healthy.{suffix}", gen)
        task = next(t for t in answer["tasks"] if t["comm"] == "beta-vcpu0")
        stack = task["stack"]
        assert stack["start"] == "registers" and task["on_cpu"] == 1
        assert any(stack["frames"][0]["pc"] == cpu["rip"] and stack["sp"] == cpu["rsp"] for cpu in told)
        assert functions(stack)[:2] == ["kvm_mmu_page_fault", "kvm_arch_vcpu_ioctl_run"]
        assert functions(stack)[-1] == "entry_SYSCALL_64_after_hwframe"
        vcpu = vcpu_of(answer, task["tid"])
        assert not live(vcpu)
        assert (vcpu["faults"][0]["source"], vcpu["faults"][0]["age"]) == ("VMCB", "in handler")


@pytest.mark.parametrize("gen", GENERATIONS)
@pytest.mark.parametrize("name", ["healthy", "nonpt", "panic"])
def test_types_do_not_matter(gen, name):
    dump = dumps(gen) / f"{name}.kdump"
    assert found(dump, gen, "btf") == found(dump, gen, "dwarf")


def test_panic_on_another_stack():
    """The unwinder continues from the NMI's and the interrupts' stacks to the task's."""
    answer = found(dumps("7.3") / "panic.kdump", "7.3")
    on_cpu = [t["stack"] for t in answer["tasks"] if t["on_cpu"]]
    assert on_cpu and all(s["start"] == "registers" and not s["trouble"] for s in on_cpu)
    assert any("stop_this_cpu" in functions(s) or "vpanic" in functions(s) or "panic" in functions(s)
               for s in on_cpu)


@pytest.mark.parametrize("gen", GENERATIONS)
@pytest.mark.parametrize("name", ["healthy", "nonpt", "panic"])
def test_a_capsule_says_the_same(gen, name, tmp_path):
    dump, capsule = dumps(gen) / f"{name}.kdump", tmp_path / "capsule"
    for words in ([], ["--with-names"]):
        subprocess.run([BUILD / "kvmmmu", dump, "capture", "-o", capsule, "--force", *words], check=True,
                       stdout=subprocess.DEVNULL)
        whole, kept = found(dump, gen), found(capsule, gen)
        for task in whole["tasks"]:
            task["comm"] = task["comm"] if words else ""
        assert kept == whole
        listed = subprocess.run([BUILD / "kvmmmu", "capture", "--list", capsule, "-j"], text=True,
                                capture_output=True)
        assert listed.returncode == 0
        listed = schema.parse(listed.stdout)
        assert listed["nothing_else"]
        assert {number(t["address"]) for t in listed["tasks"]} == {number(t["addr"]) for t in whole["tasks"]}
        assert len(listed["frames"]) == sum(len(t["stack"]["frames"]) for t in whole["tasks"])


# ---- torn ----

@pytest.fixture
def torn(tmp_path):
    memory = Memory(tmp_path / "torn.elf", "7.3")
    yield memory
    memory.file.close()


@pytest.fixture(scope="module")
def healthy():
    return found(dumps("7.3") / "healthy.elf", "7.3")


@pytest.fixture(scope="module")
def members():
    """Return offsets in task_struct, by gdb."""
    return {name: offset_of(f"struct task_struct, {name}")
            for name in ("tasks", "thread_node", "stack", "thread.sp")}


def of(answer, comm):
    return next((t for t in answer["tasks"] if t["comm"] == comm), None)


def asleep(answer):
    """Return a vCPU's thread that no CPU runs; which of them is random."""
    return next(t for t in answer["tasks"] if "-vcpu" in t["comm"] and t["stack"]["start"] == "switched out"
                and len(t["stack"]["frames"]) > 3)


def check_torn(memory):
    return found(memory.path, "7.3", build=BUILD / "asan")


def test_stack_page_missing(torn, healthy):
    task = asleep(healthy)
    frames = task["stack"]["frames"]
    # the page of the innermost frame, where thread.sp points
    page = number(frames[0]["sp"]) & ~4095
    torn.unmap(page)
    stack = of(check_torn(torn), task["comm"])["stack"]
    assert stack["pages_missing"] == 1 and "1 of 4 pages" in stack["trouble"]
    assert not any(f["sure"] for f in stack["frames"])
    rest = [f["function"] for f in frames if number(f["sp"]) & ~4095 != page]
    assert [f["function"] for f in stack["frames"]] == rest


def test_malformed_stack(torn, healthy, members):
    for value, what in ((0, "no stack anymore"), (0x4141414141414000, "is not the address of a stack"),
                        (0xFFFF888000000000 + (1 << 45), "4 of 4 pages")):
        torn.poke(number(of(healthy, "alpha-vcpu0")["addr"]) + members["stack"], value)
        stack = of(check_torn(torn), "alpha-vcpu0")["stack"]
        assert what in stack["trouble"] and not stack["frames"]


def test_sp_outside_the_stack(torn, healthy, members):
    task = asleep(healthy)
    torn.poke(number(task["addr"]) + members["thread.sp"], number(task["stack"]["base"]) + 8)
    stack = of(check_torn(torn), task["comm"])["stack"]
    assert stack["start"] == "unknown" and "thread.sp" in stack["trouble"]
    assert stack["frames"] and not any(f["sure"] for f in stack["frames"])


@pytest.mark.parametrize("poison", [0xDEAD000000000100, 0, None])
def test_list_of_tasks_poisoned(torn, healthy, members, poison):
    """The rest is reached from the other end of the list, and vCPU threads by KVM's own pointers."""
    link = number(of(healthy, "vmm-beta")["addr"]) + members["tasks"]
    torn.poke(link, link if poison is None else poison)
    answer = check_torn(torn)
    assert not answer["complete"] and "interrupted" in answer["trouble"]
    assert {t["addr"] for t in answer["tasks"]} == {t["addr"] for t in healthy["tasks"]}
    assert len(answer["tasks"]) == len(healthy["tasks"])
    assert answer["faults"] == healthy["faults"]


def test_list_of_threads_poisoned(torn, healthy, members):
    torn.poke(number(of(healthy, "vmm-alpha")["addr"]) + members["thread_node"], 0xDEAD000000000100)
    answer = check_torn(torn)
    assert not answer["complete"] and "threads" in answer["trouble"]
    vcpus = {t["addr"] for t in healthy["tasks"] if "-vcpu" in t["comm"]}
    ran = {f["stack"]["task"] for f in healthy["faults"] if f["has_stack"]}
    assert vcpus & ran <= {t["addr"] for t in answer["tasks"]}


def test_task_gone(torn, healthy, members):
    """Its pages were freed, while kvm still points to it."""
    task = of(healthy, "alpha-vcpu4")
    before = vcpu_of(healthy, task["tid"])
    at = number(task["addr"])
    for name in ("stack", "thread.sp"):
        torn.poke(at + members[name], 0)
    after = next(f for f in check_torn(torn)["faults"] if (f["vm"], f["vcpu"]) == (before["vm"], before["vcpu"]))
    assert "no stack anymore" in after["stack"]["trouble"] and not after["stack"]["frames"]
    # only the stack showed that the handler was running
    still = [(f["source"], "last exit" if f["age"] == "in handler" else f["age"])
             for f in before["faults"] if f["source"] != "stack"]
    assert [(f["source"], f["age"]) for f in after["faults"]] == still


def test_orc_tables_missing(torn, healthy):
    """Frames are then reported as unsure."""
    symbols = subprocess.run(["nm", kernel("7.3") / "vmlinux"], text=True, capture_output=True).stdout
    at = int(re.search(r"^(\w+) \w __start_orc_unwind$", symbols, re.M)[1], 16) + torn.offset_of_kernel
    end = int(re.search(r"^(\w+) \w __stop_orc_unwind$", symbols, re.M)[1], 16) + torn.offset_of_kernel
    while at < end:
        size = min(4096 - at % 4096, end - at)
        torn.write(torn.entry(at)[1], b"\xff" * size)
        at += size
    answer = check_torn(torn)
    task, was = of(answer, "alpha-vcpu0")["stack"], of(healthy, "alpha-vcpu0")["stack"]
    assert "no ORC tables" in task["trouble"]
    names = functions(was)
    # a function that was interrupted is not on the stack as a return address: its PC is in the pt_regs
    interrupted = {name for before, name in zip(names, names[1:]) if before.startswith("asm_")}
    assert set(names) - interrupted - {"__schedule"} <= {f["function"].split(".")[0] for f in task["frames"]}
    assert not any(f["sure"] for f in task["frames"][1:])
    assert not any(live(v) for v in answer["faults"])
