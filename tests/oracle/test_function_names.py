# SPDX-License-Identifier: GPL-2.0-or-later
"""The functions that we name are those of the dumped kernel: its source defines each of them."""

import re
from pathlib import Path

import pytest

from test_oracle import source
from tools import kvmmmu

TOP = Path(__file__).resolve().parents[2]
CORE = TOP / "extensions/kvmmmu"
AGES = ["BEFORE_5_12", "BEFORE_5_16", "BEFORE_5_19", "BEFORE_6_3", "BEFORE_6_8", "BEFORE_6_13", "BEFORE_7_3", "OF_TODAY"]
AGE = {"5.10": "BEFORE_5_12", "6.1": "BEFORE_6_3", "6.12": "BEFORE_6_13", "7.2": "BEFORE_7_3", "7.3": "OF_TODAY"}
# Rules of what these kernels do not have: memory attributes and guest_memfd, TDX, SNP, a ring that is soft-full, and so on.
YOUNGER = {"kvm_mmu_faultin_pfn_gmem": "6.13", "tdx_handle_ept_violation": "6.13", "tdh_do_no_vcpus": "6.13",
           "sev_handle_rmp_fault": "6.11", "kvm_dirty_ring_soft_full": "5.11"}


def old_names():
    text = (CORE / "kernel/function_names.def").read_text()
    return re.findall(r'^KM_OLD_NAME\("(\w+)", KM_(\w+), "(\w+)"\)', text, re.M)


def name_in(gen, today):
    """As function_names.def says."""
    for name, last, older in old_names():
        if name == today and AGES.index(AGE[gen]) <= AGES.index(last):
            return older
    return today


MEMBERS = {"mmu_invalidate_in_progress", "mmu_invalidate_seq", "gfn_write_track"}


def functions(gen):
    """Every name that is followed by a parenthesis in the kernel's source, and of members any name."""
    found, members = set(), MEMBERS | {older for today, _, older in old_names() if today in MEMBERS}
    for folder in ("arch/x86/kvm", "include/linux", "virt/kvm"):
        for path in (source(gen) / folder).rglob("*.[ch]"):
            text = path.read_text(errors="replace")
            found |= set(re.findall(r"\b(\w+)\)?\(", text)) | {name for name in members if re.search(rf"\b{name}\b", text)}
    return found


def is_younger(name, gen):
    number = lambda text: [int(part) for part in text.split(".")]
    return name in YOUNGER and number(gen) < number(YOUNGER[name])


@pytest.mark.parametrize("gen", AGE)
def test_the_source_has_them(gen):
    defined = functions(gen)
    rules = re.sub(r"/\*.*?\*/", "", (CORE / "commands/report_rules.def").read_text(), flags=re.S)
    named = {name for where in re.findall(r'KM_RULE\("[\w-]+", \w+,\s+"([^"]+)"', rules) for name in re.findall(r"\w{5,}", where)}
    steps = {name for path in (CORE / "fault").glob("page_fault*.c") if path.name != "page_fault_on_stack.c"
             for name in re.findall(r'km_step_\w+\(\s*\w+, "(\w+)"|\bf = "(\w+)"', path.read_text()) for name in name if name}
    assert len(named) > 30 and len(steps) >= 8
    for today in named | steps | {name for name, _, _ in old_names()}:
        name = name_in(gen, today)
        # of kernel/, which the packages of the lab's sources leave out; a template of paging_tmpl.h
        if name in ("smp_call_function_many_cond", "FNAME") or is_younger(name, gen):
            continue
        assert name in defined, f"{gen} has no {name}()"
        assert name == today or today not in defined, f"{gen} has {today}()"


def samples(gen):
    folders = (TOP / "samples/scenarios" / gen, TOP / "samples/kdump" / gen)
    return [path for folder in folders for path in folder.rglob("*.kvmmmu")] + list((TOP / "samples/kernels").rglob(f"{gen}-*.kvmmmu"))


@pytest.mark.parametrize("gen", AGE)
def test_answers_have_them(gen):
    """The age of a kernel is found in its dumps."""
    defined, named = functions(gen), set()
    for path in samples(gen):
        for chapter in kvmmmu(path, "report", "-j").json["chapters"]:
            for finding in (chapter.get("cause") or {}).get("findings", []):
                named |= set(re.findall(r"(\w{5,})\(\)", finding["rule_in"] or ""))
            for step in (chapter.get("loop") or {}).get("steps", []):
                named |= set(re.findall(r"^(\w{5,})\(\):", step["what"]) if step["who"] == "KVM" else ())
    assert len(named) >= 3
    assert not {name for name in named if name not in defined}
