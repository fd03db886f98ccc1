# SPDX-License-Identifier: GPL-2.0-or-later
"""Shadow pages against the guest's page tables that they were made for: only dumps have those, capsules do not."""

import json
import subprocess

import pytest

from tools import GENERATIONS, TOP, dumps, kvmmmu, need_lab, truth

SCENARIO = "child-page-gfn"


def mismatches(dump, *words):
    return {f"{v['vm']}:{v['vcpu']}": f for v in kvmmmu(dump, "explain", *words, "-j").json["vcpus"] for f in v["findings"]
            if f["id"] == "child-page-mismatch"}


@pytest.mark.parametrize("gen", GENERATIONS)
def test_no_shadow_page_of_a_real_guest_is_accused(gen):
    """Guests of 32 and 64 bits, with 4K pages and huge ones."""
    assert not mismatches(dumps(gen) / truth(gen, "nonpt")["files"]["kdump"])


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    need_lab()
    folder = tmp_path_factory.mktemp("children")
    subprocess.run([TOP / "scripts/lab/lab", "scenario", "--into", folder, "7.3", SCENARIO, f"{SCENARIO}-twin"], check=True)
    return folder


def test_a_gfn_that_is_not_the_guests(made, tmp_path):
    dump, subject = made / f"{SCENARIO}.kdump", json.loads((made / f"{SCENARIO}.json").read_text())["expect"][0]["vcpu"]
    found = mismatches(dump)[f"0:{subject}"]
    assert found["certainty"] == "possible" and "not the one in the guest's entry" in found["text"]
    # a capsule has no guest memory: nothing is claimed
    assert kvmmmu(dump, "capture", "-o", tmp_path / "capsule").code == 0
    assert not mismatches(tmp_path / "capsule")


def test_its_twin(made):
    assert not mismatches(made / f"{SCENARIO}-twin.kdump")
