# SPDX-License-Identifier: GPL-2.0-or-later
"""Every event of kvm and kvmmmu, in the kernel's own words: TP_printk out of the kernel sources, random values.

The sources are those of Debian's linux-source packages (`lab source GEN`); KVMMMU_SOURCE_DIR names a folder with
GEN/ instead, and KVMMMU_GENERATIONS the generations.
"""

import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from tools import TOP, kvmmmu, need_lab  # noqa: E402

GENERATIONS = os.environ.get("KVMMMU_GENERATIONS", "5.10 6.1 6.12 7.2 7.3").split()
FILES = ("arch/x86/kvm/trace.h", "arch/x86/kvm/mmu/mmutrace.h", "include/trace/events/kvm.h")
LINES = 25  # of each event

EVENT = re.compile(r"^(TRACE_EVENT(?:_KVM_EXIT)?|DECLARE_EVENT_CLASS|DEFINE_EVENT(?:_PRINT)?)\(\s*(\w+)\s*(?:,\s*(\w+))?", re.M)
CONVERSION = re.compile(r"%([#0 +-]*)(\d*)(hh|h|ll|l|z)?([diuxXpsc])")


def source(gen):
    if given := os.environ.get("KVMMMU_SOURCE_DIR"):
        return Path(given) / gen
    need_lab()
    out = subprocess.run([TOP / "scripts/lab/lab", "source", gen], stdout=subprocess.PIPE, text=True, check=True)
    return Path(out.stdout.split()[-1])


def balanced(text, at):
    """What is between the bracket at @at and the one that closes it."""
    depth, quoted = 0, False
    for i in range(at, len(text)):
        c = text[i]
        if c == '"' and text[i - 1] != "\\":
            quoted = not quoted
        if not quoted:
            depth += (c == "(") - (c == ")")
            if not depth:
                return text[at + 1:i]
    raise AssertionError(text[at:at + 80])


def arguments(text):
    """The arguments of a call, split at the commas of its own level."""
    found, depth, quoted, begin = [], 0, False, 0
    for i, c in enumerate(text):
        if c == '"' and text[i - 1] != "\\":
            quoted = not quoted
        if quoted:
            continue
        depth += c in "([{"
        depth -= c in ")]}"
        if c == "," and not depth:
            found.append(text[begin:i].strip())
            begin = i + 1
    return found + [text[begin:].strip()]


def joined(text):
    """A C string, perhaps in pieces."""
    return "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', text)).replace("\\n", "")


def printks(directory):
    """(event, format, arguments) of every event of a kernel."""
    classes, found = {}, []
    for name in FILES:
        file = directory / name
        if not file.exists():
            continue
        text = re.sub(r"/\*.*?\*/", "", file.read_text(), flags=re.S).replace("\\\n", "\n")
        text = text.replace("#define TRACE_EVENT_KVM_EXIT(name)", "")
        heads = list(EVENT.finditer(text))
        for head, after in zip(heads, heads[1:] + [None]):
            body = text[head.start():after.start() if after else len(text)]
            printk = re.search(r"TP_printk\s*\(", body)
            kind, event, own = head[1], head[2], head[3]
            call = arguments(balanced(body, printk.end() - 1)) if printk else None
            if event == "name":  # the body of TRACE_EVENT_KVM_EXIT
                classes["kvm_exit"] = call
            elif kind == "TRACE_EVENT_KVM_EXIT":
                found.append((event, classes["kvm_exit"]))
            elif kind == "DECLARE_EVENT_CLASS":
                classes[event] = call
            elif kind.startswith("DEFINE_EVENT"):
                found.append((own, call or classes[event]))
            else:
                found.append((event, call))
    return found


def number(rng, flags, width, size, kind, argument):
    if kind in "di" or "level" in argument or "vcpu" in argument:
        value = rng.randrange(1, 6) if "level" in argument else rng.randrange(64)
    else:
        value = rng.getrandbits(rng.choice([1, 8, 32, 63]) if size in ("ll", "l") else rng.choice([1, 8, 31]))
    if "level" in argument and argument.endswith("level"):
        value = rng.randrange(1, 4)
    return f"%{flags}{width}{kind.replace('i', 'd').replace('u', 'd')}" % value


FLAGS = ["", "P", "W", "U", "P|W", "P|W|U", "P|W|U|F", "P|W|U|0x100000000", "U|F", "RSVD", "P|W|U|RSVD"]
EXITS = ["EPT_VIOLATION", "EPT_MISCONFIG", "npf", "EXTERNAL_INTERRUPT", "hlt", "MSR_WRITE", "CPUID"]


def word(rng, event, argument):
    """What %s stands for: the words of the expression, or of the macro in it."""
    if "pferr_flags" in argument:
        return rng.choice(FLAGS)
    if "exit_reason" in argument and event in ("kvm_exit", "kvm_nested_vmexit", "kvm_nested_vmexit_inject"):
        return rng.choice(EXITS)
    if event == "kvm_userspace_exit":
        return rng.choice(["error", "restart", "KVM_EXIT_MMIO", "KVM_EXIT_MEMORY_FAULT"])
    if "sym_exc" in argument:
        return rng.choice(["#PF", "#UD", "#GP"])
    if "print_hex" in argument:
        return "f3 a5"
    if "PAGE_PRINTK" in argument:
        return f"sp gen {rng.randrange(9)} gfn {rng.getrandbits(30):x} l{rng.randrange(1, 5)} 8-byte q0 direct wux nxe ad root 0 sync"
    if strings := re.findall(r'"([^"]*)"', argument):
        return rng.choice(strings)
    return "word"


def printed(rng, event, call):
    """A line as the kernel prints it."""
    text, values = joined(call[0]), list(call[1:])
    if event == "kvm_ack_irq":
        return "irqchip IOAPIC pin 4"
    if event in ("kvm_exit", "kvm_nested_vmexit"):
        # kvm_print_exit_reason() is three strings
        at = next(i for i, value in enumerate(values) if "kvm_print_exit_reason" in value)
        values[at:at + 1] = [values[at], '""', '""']
    if event == "kvm_inj_exception":
        return rng.choice(["#PF (0x2)", "#UD", "#GP (0x0) [reinjected]"])
    outcome = rng.choice([(0, 0), (1, 0), (0, 1)])

    def replace(match):
        flags, width, size, kind = match.groups()
        argument = values.pop(0) if values else ""
        if event == "fast_page_fault" and "SPURIOUS" in argument:
            return str(outcome[0])
        if event == "fast_page_fault" and ("FIXED" in argument or "retry" in argument):
            return str(outcome[1])
        if event == "fast_page_fault" and "__spte_satisfied(old" in argument:
            return str(outcome[0])
        if event == "fast_page_fault" and "__spte_satisfied(new" in argument:
            return str(outcome[1])
        if kind == "s":
            return word(rng, event, argument)
        if kind == "p":
            return f"{rng.getrandbits(32):016x}"
        return number(rng, flags, width, size, kind, argument)

    return CONVERSION.sub(replace, text)


@pytest.mark.parametrize("gen", GENERATIONS)
def test_every_event_of_the_kernel_is_understood(gen, tmp_path):
    rng, file, counts = random.Random(gen), tmp_path / "trace", {}
    events = printks(source(gen))
    names = (TOP / "extensions/kvmmmu/trace/event_names.def").read_text()
    assert len(events) > 60
    with file.open("w") as out:
        for i, (event, call) in enumerate(events * LINES):
            print(f"       CPU 1/KVM-4711    [001] d..1.  {100 + i / 1000:.6f}: {event}: {printed(rng, event, call)}", file=out)
            counts[event] = counts.get(event, 0) + 1
    answer = kvmmmu("replay", "-j", file).json["trace"]
    print(f"\n{gen}:", ", ".join(f"{event} {count}" for event, count in sorted(counts.items())))
    assert answer["not_understood"] == 0, (answer["first_not_understood"], gen)
    assert answer["page_faults"] == counts["kvm_page_fault"]
    assert answer["fast_page_faults"] == counts["fast_page_fault"]
    assert answer["exits"] == counts["kvm_exit"] and answer["set_sptes"] >= counts["kvm_mmu_set_spte"]
    # Each is in the table of names, too, without which a bare event is not recognised.
    assert not [event for event in counts if f'"{event}"' not in names]
