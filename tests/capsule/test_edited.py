# SPDX-License-Identifier: GPL-2.0-or-later
"""Findings for which the lab has no real kernel: capsules of real ones are edited. Before that, the finding is not made."""

import gzip
import json

import pytest
from test_contradictions import Damaged

from tools import SCENARIOS, TOP, kvmmmu

EDITED = json.loads((TOP / "tests/capsule/edited.json").read_text())


def addresses(truth):
    """Return where the subject's structures are."""
    return {"kvm_vcpu": truth["kvm_vcpu"], "vmcb": (truth["last_exit"] or {}).get("vmcb"),
            "kvm_page_fault": (truth["fault"] or {}).get("address")}


def edit(capsule, truth, edits):
    for where, name, value, size in edits:
        if where == "injected":  # what the debugger changed in a page table, of which a capsule has the physical address
            at = int(truth["injected"][0]["address"], 16)
            offset = next(offset + (at & 0x3fffffff) - (pa & 0x3fffffff)
                          for _, _, offset, va, pa, length, *_ in capsule.segments
                          if va == 2**64 - 1 and 0 <= (at & 0x3fffffff) - (pa & 0x3fffffff) < length)
            assert capsule.image[offset:offset + size] == int(truth["injected"][0]["after"], 16).to_bytes(size, "little")
        else:
            offset = capsule.offset(capsule.at(name, int(addresses(truth)[name.split(".")[0]], 16)))
        capsule.image[offset:offset + size] = int(value, 16).to_bytes(size, "little")
    capsule.path.write_bytes(gzip.compress(bytes(capsule.image)))


@pytest.mark.parametrize("case", EDITED, ids=lambda case: case["finding"])
def test_edited(case, tmp_path):
    sample = SCENARIOS / f"{case['sample']}.kvmmmu"
    truth = json.loads(sample.with_suffix(".json").read_text())
    subject = truth["expect"][0]["vcpu"]
    before = kvmmmu(sample, "explain", f"0:{subject}", "-j").json["vcpus"][0]
    assert case["finding"] not in [f["id"] for f in before["findings"]]
    capsule = Damaged(sample.relative_to(TOP / "samples"), tmp_path / "capsule")
    edit(capsule, truth, case["edits"])
    after = kvmmmu(capsule.path, "explain", f"0:{subject}", "-j").json["vcpus"][0]
    assert (after["state"], after["findings"][0]["id"]) == (case["state"], case["finding"]), after
    assert after["findings"][0]["certainty"] in ("possible", "likely")
