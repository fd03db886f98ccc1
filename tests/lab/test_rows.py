# SPDX-License-Identifier: GPL-2.0-or-later
"""Rows of the catalogue on the lab's dumps: what they read, and that healthy vCPUs have no findings."""

import json
import re
import subprocess

import pytest

from tools import BUILD, GENERATIONS, TOP, ask, dumps, kernel

ROWS = ("vm-dead mmu-seq-sign invalidate-leaked invalidate-in-progress slot-invalid obsolete-root private-mismatch "
        "readonly-slot no-slot hwpoison self-mapping-write write-tracked mmio-generation lock-stall").split()


def gfns(gen, name):
    run = subprocess.run([BUILD / "gfns", dumps(gen) / f"{name}.kdump", kernel(gen) / "debug"], text=True,
                         capture_output=True, timeout=300)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


@pytest.mark.parametrize("gen", GENERATIONS)
def test_shadow_pages(gen):
    """KVM counts the shadow pages of guests' page tables and write-tracks all except those of leaves."""
    vms = gfns(gen, "nonpt")
    assert any(vm["shadow_pages"] for vm in vms)
    for vm in vms:
        assert vm["unknown"] == 0
        assert vm["shadow_pages"] == vm["indirect_shadow_pages"]
        assert vm["tracked"] == vm["tables"] - vm["leaves"]
        assert vm["attributes"] == 0
        assert vm["mmu_lock"] is not None and vm["slots_lock_owner"] is not None
        assert vm["sev"] == 1
    for vm in gfns(gen, "healthy"):
        assert vm["shadow_pages"] == vm["tracked"] == vm["unknown"] == 0


@pytest.mark.parametrize("gen,name", [(gen, name) for gen in GENERATIONS for name in ("healthy", "nonpt", "panic")])
def test_healthy_vcpus_have_no_findings(gen, name):
    vcpus = ask(gen, name, "explain")["vcpus"]
    assert len(vcpus) > 8
    for vcpu in vcpus:
        for finding in vcpu.get("findings", []):
            assert finding["id"] not in ROWS or finding["certainty"] == "note", vcpu


def test_all_rows_are_listed():
    text = (TOP / "extensions/kvmmmu/diagnose/diagnoses.def").read_text()
    for row in ROWS:
        assert re.search(rf'KM_DIAGNOSIS\(\w+, {row.replace("-", "_")}, "{row}"', text)
        assert (TOP / f"extensions/kvmmmu/diagnose/conditions/{row.replace('-', '_')}.c").exists()
