# SPDX-License-Identifier: GPL-2.0-or-later
"""Our rules compared with the kernel's own functions, extracted from the kernel source (see oracle).

KVMMMU_SOURCE_DIR names a directory with 6.1/, 7.2/ and 7.3/; without it, the lab downloads them.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tools import need_lab

HERE = Path(__file__).resolve().parent
LAB = HERE.parent.parent / "scripts" / "lab" / "lab"
ORACLE = HERE / "oracle"


def source(gen):
    if given := os.environ.get("KVMMMU_SOURCE_DIR"):
        return Path(given) / gen
    need_lab()
    out = subprocess.run([LAB, "source", gen], stdout=subprocess.PIPE, text=True, check=True)
    return Path(out.stdout.split()[-1])


def oracle(directory, gen):
    return subprocess.run([ORACLE, directory, gen], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("gen", ["5.10", "6.1", "6.12", "7.2", "7.3"])
def test_kernel_and_we_agree(gen):
    result = oracle(source(gen), gen)
    assert result.returncode == 0, result.stdout + result.stderr
    count = re.fullmatch(rf"{gen}: (\d+) comparisons with the kernel, 0 differ\n", result.stdout)
    assert count and int(count[1]) > 1_000_000, result.stdout


# Changes to the kernel's source that the oracle must notice.
@pytest.mark.parametrize("path, old, new, complaint", [
    ("arch/x86/kvm/mmu/spte.h", "spte_permission_fault(", "spte_denies(",
     "no function spte_permission_fault()"),
    ("arch/x86/kvm/mmu/mmu.c", "__update_permission_bitmask(", "__fill_permissions(",
     "no function __update_permission_bitmask()"),
    ("arch/x86/kvm/mmu/spte.h", "PFERR_WRITE_MASK | PFERR_USER_MASK | PFERR_FETCH_MASK);",
     "PFERR_WRITE_MASK | PFERR_USER_MASK);", "no longer masks the error code"),
    ("arch/x86/include/asm/kvm_host.h", "union kvm_cpu_role {", "union kvm_walk_role {",
     "no union kvm_cpu_role"),
    ("arch/x86/kvm/mmu/spte.h", "return spte & shadow_accessed_mask;",
     "return spte & shadow_dirty_mask;", "comparisons with the kernel"),
    ("arch/x86/kvm/mmu/mmu.c", "if (sp->role.level > PG_LEVEL_4K &&",
     "if (sp->role.level > PG_LEVEL_4K + 1 &&", "comparisons with the kernel"),
    ("arch/x86/kvm/mmu/mmu.c", "if (fault->write && is_mmu_writable_spte(spte)) {",
     "if (is_mmu_writable_spte(spte)) {", "comparisons with the kernel"),
    ("arch/x86/kvm/mmu/mmu.c", "if (!(tdp && cr4_smep))", "if (!(tdp || cr4_smep))",
     "comparisons with the kernel"),
])
def test_oracle_notices_changed_sources(tmp_path, path, old, new, complaint):
    shutil.copytree(source("7.3") / "arch", tmp_path / "arch")
    file = tmp_path / path
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    result = oracle(tmp_path, "7.3")
    assert result.returncode != 0
    assert complaint in result.stdout + result.stderr
