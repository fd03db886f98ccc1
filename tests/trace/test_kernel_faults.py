# SPDX-License-Identifier: GPL-2.0-or-later
"""Our rule of fast_page_fault() against what real kernels did with real faults.

data/ holds recordings of the lab (`lab trace`), reduced to their distinct faults and how often each
came; one more is made here. KVMMMU_TRACE=all (make trace) makes them all anew, in full.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import tools  # noqa: E402

RULE = tools.TOP / "extensions" / "kvmmmu" / "rules" / "fast_page_fault.c"
STORED = sorted((HERE / "data").glob("*.faults"))
RECORDED = ["7.3-npt", "7.3-nonpt", "6.1-npt", "6.1-nonpt", "5.10-npt", "6.12-npt", "6.18-npt", "7.2-npt"]
ALL = os.environ.get("KVMMMU_TRACE") == "all"
FULL, SMALL = 110_000, 12_000

# What a rule that is broken in one place must not get away with.
BROKEN = {
    "reserved bits are not looked at and all is refused":
        ("if (in->error_code & PFERR_RSVD_MASK)", "if (!(in->error_code & PFERR_RSVD_MASK))"),
    "faults of absent pages are not fast": ("return !in->masks->ad_enabled;", "return false;"),
    "writes are not fast": ("return in->error_code & PFERR_WRITE_MASK;", "return false;"),
    "an absent SPTE can be judged":
        ("if (!is_old(in) && !km_is_shadow_present_pte(in->masks, in->spte))", "if (false)"),
    "what is permitted is not spurious":
        ("if (!denied(in, in->spte, &unknown))", "if (denied(in, in->spte, &unknown))"),
    "a huge page in a logged slot is fixed": ("in->level > PG_LEVEL_4K && in->dirty_logged", "false"),
    "any huge page is left": ("in->level > PG_LEVEL_4K && in->dirty_logged", "in->level > PG_LEVEL_4K"),
    "any page of a logged slot is left": ("in->level > PG_LEVEL_4K && in->dirty_logged", "in->dirty_logged"),
    "access tracking is never undone": ("km_is_access_track_spte(masks, spte)", "false"),
    "Accessed is not set when access tracking is undone":
        ("if (masks->accessed_always)", "if (false)"),
    "host-writable is enough": ("needed = in->masks->mmu_writable", "needed = in->masks->host_writable"),
    "any SPTE may be made writable":
        ("(in->error_code & PFERR_WRITE_MASK) && (in->spte & needed) == needed",
         "in->error_code & PFERR_WRITE_MASK"),
    "W is not set": ("spte |= KM_BIT(1);", "spte |= 0;"),
    "a read makes it writable, too":
        ("(in->error_code & PFERR_WRITE_MASK) && (in->spte & needed) == needed", "(in->spte & needed) == needed"),
    "an unchanged SPTE counts as fixed":
        ("return KM_FAST_UNCHANGED;", "return KM_FAST_FIXED;"),
    "a fix is called spurious": ("out.ret = KM_RET_PF_FIXED;", "out.ret = KM_RET_PF_SPURIOUS;"),
}


def compare(program, *files):
    run = subprocess.run([program, *files], text=True, capture_output=True, check=False)
    assert not run.stderr, run.stderr
    return run


def numbers(text):
    """faults, spurious, fixed, slow, races, differences, distinct"""
    found = {name: int(value) for name, value in
             re.findall(r"^(spurious|fixed|slow|races|differences) (\d+)$", text, re.M)}
    found["faults"], found["distinct"] = map(int, re.search(r"(\d+) faults, (\d+) distinct", text).groups())
    return found


@pytest.fixture(scope="session")
def comparer():
    return tools.BUILD / "compare-faults"


def agree(comparer, file, least):
    run = compare(comparer, file)
    print(f"\n{file.name}: {run.stdout}")
    assert run.returncode == 0, run.stdout
    found = numbers(run.stdout)
    assert found["differences"] == 0
    assert found["faults"] >= least
    for outcome in ("spurious", "fixed", "slow"):
        assert found[outcome] >= least // 100, run.stdout
    # Shown to be races they are, yet they stay what they are: rare.
    assert found["races"] < found["faults"] / 50, run.stdout
    return found


@pytest.mark.parametrize("name", RECORDED)
def test_kernel_and_rule_agree(comparer, name):
    agree(comparer, HERE / "data" / f"{name}.faults", 100_000)


def test_ept_without_ad_bits(comparer):
    """The only place where faults of absent pages take the fast path: access tracking."""
    file = HERE / "data" / "7.3-ept.faults"
    run = compare(comparer, file)
    print(run.stdout)
    assert run.returncode == 0 and numbers(run.stdout)["differences"] == 0, run.stdout
    absent = {"spurious": 0, "fixed": 0, "slow": 0}
    for line in file.read_text().splitlines():
        if line.startswith("fault "):
            _, count, outcome, error_code, *_ = line.split()
            absent[outcome] += int(count) if not int(error_code, 16) & 1 else 0
    assert absent["fixed"] >= 1000 and absent["slow"] >= 100, absent


@pytest.mark.parametrize("name", RECORDED if ALL else RECORDED[:1])
def test_new_recording(comparer, tmp_path, name):
    gen, paging = name.split("-")
    recording = tools.lab("trace", gen, paging, str(FULL if ALL else SMALL))
    file = tmp_path / f"{name}.faults"
    with open(file, "w", encoding="ascii") as out:
        subprocess.run([sys.executable, HERE / "join.py", recording, tools.kernel(gen), "--reduce"],
                       check=True, stdout=out)
    found = agree(comparer, file, 100_000 if ALL else SMALL)
    # The probe and the event came in pairs, and nothing was lost.
    truth = (recording / "truth.json").read_text()
    assert f'"faults": {found["faults"]}' in truth and '"lost": 0' in truth


def build(tmp_path, text):
    """compare with another text of the rule."""
    (tmp_path / "rule.c").write_text(text)
    program = tmp_path / "compare"
    subprocess.run(["cc", "-std=gnu11", "-D_GNU_SOURCE", "-w", f"-I{RULE.parent.parent}", "-o", program,
                    HERE / "compare.c", tmp_path / "rule.c", tools.BUILD / "libkvmmmu.a"], check=True)
    return program


def test_the_rule_as_it_is(tmp_path):
    assert compare(build(tmp_path, RULE.read_text()), *STORED).returncode == 0


@pytest.mark.parametrize("what", BROKEN)
def test_broken_rule_is_noticed(tmp_path, what):
    old, new = BROKEN[what]
    text = RULE.read_text()
    assert text.count(old) == 1
    run = compare(build(tmp_path, text.replace(old, new)), *STORED)
    assert run.returncode == 1 and numbers(run.stdout)["differences"] > 0, run.stdout


@pytest.mark.parametrize("pattern, new", [
    (r"shadow_mmu_writable_mask \S+", "shadow_mmu_writable_mask 0x200"),
    (r"(words \S+ \S+ \S+) \S+", r"\1 0x0"),   # user writes: nothing is denied
    (r"(words \S+) \S+", r"\1 0xffff"),         # supervisor writes: all is denied
])
def test_broken_input_is_noticed(comparer, tmp_path, pattern, new):
    """Masks and permission words count, too: those of shadow paging, where both are asked."""
    text = (HERE / "data" / "7.3-nonpt.faults").read_text()
    file = tmp_path / "broken.faults"
    file.write_text(re.sub(pattern, new, text, count=1))
    assert file.read_text() != text
    run = compare(comparer, file)
    assert run.returncode == 1 and numbers(run.stdout)["differences"] > 0, run.stdout


def test_race_needs_evidence(comparer, tmp_path):
    """Without what the recording tells of others the same races are differences."""
    text = (HERE / "data" / "7.3-npt.faults").read_text()
    assert numbers(compare(comparer, HERE / "data" / "7.3-npt.faults").stdout)["races"] > 0
    file = tmp_path / "blind.faults"
    lines = [re.sub(r"(fault \d+ \w+ \S+ \S+) \S+ (\S+ \d \d) \S+$", r"\1 \2 \2 -", line)
             for line in text.splitlines()]
    # again := new, meanwhile := nobody
    lines = [re.sub(r"(fault \d+ \w+ \S+ \S+) (\S+) \d \d (\S+ \d \d) -$", r"\1 \2 \3 -", line)
             for line in lines]
    file.write_text("\n".join(lines) + "\n")
    run = compare(comparer, file)
    assert run.returncode == 1 and numbers(run.stdout)["differences"] > 0, run.stdout
