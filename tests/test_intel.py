# SPDX-License-Identifier: GPL-2.0-or-later
"""The real Intel dumps: EPT with MBEC and nested guests, EPT without A/D bits, shadow paging."""

import pytest

from tools import INTEL, batch, kvmmmu, number

DATA = [0x5555, 0x3333] * 4
NO_MBEC = DATA + [0x00FF, 0x33FF] * 4
MBEC = DATA + [0x00FF, 0x33FF, 0x0F0F, 0x3F3F] * 2


@pytest.fixture
def ask(intel):
    def run(name, *words):
        return kvmmmu("-k", intel / "vmlinux", intel / f"{name}.vmcore", *words, "-j").json
    return run


def words(table):
    return [number(w["word"]) for w in table["words"]]


@pytest.mark.parametrize("name", INTEL)
def test_nothing_differs_and_nothing_is_marked(ask, name):
    tables = ask(name, "perms")["tables"]
    assert {t["status"] for t in tables} <= {"matches", "unused", "paging-off"}
    assert sum(t["status"] == "matches" for t in tables) >= 4
    vms = ask(name, "vms")["vms"]
    assert vms and not any("findings" in vm for vm in vms)
    assert not any(v["mark"] for vm in vms for v in vm["vcpus"])


def test_words_that_were_read_independently(ask):
    spte = {}
    for name in ("ept-mbec-nested", "ept-no-ad-bits"):
        for t in ask(name, "perms")["tables"]:
            if t["judges"] == "spte" and t["status"] == "matches":
                spte.setdefault((name, t["vm"], t["context"]), []).append(words(t))
    assert spte
    for key, all_words in spte.items():
        for w in all_words:
            assert w in (MBEC, NO_MBEC), key
    # root_mmu runs with MBEC; one nested guest uses it and one does not
    assert all(w == MBEC for w in spte[("ept-mbec-nested", 0, "root_mmu.fmt")])
    nested = [w for (n, _, c), ws in spte.items() for w in ws
              if n == "ept-mbec-nested" and c == "guest_mmu.fmt"]
    assert MBEC in nested and NO_MBEC in nested


def test_masks(ask):
    masks = ask("ept-mbec-nested", "mmu", "0:0")["masks"]
    for name, value in {"shadow_xs_mask": 0x4, "shadow_xu_mask": 0x400, "shadow_user_mask": 0,
                        "shadow_present_mask": 1 << 63, "shadow_accessed_mask": 0x100,
                        "shadow_dirty_mask": 0x200, "shadow_acc_track_mask": 0x407,
                        "shadow_mmio_value": 6}.items():
        assert number(masks[name]) == value, name


def slots(ask, name):
    return ask(name, "slots", "0")["memslots"][0]["slots"]


def slot(ask, name, flag):
    return next(s for s in slots(ask, name) if flag in s["flag_names"])


@pytest.fixture
def leaves(intel):
    def run(name, vcpu, addresses):
        """Return the leaves that these addresses are mapped by; there is one at least."""
        answers = batch(intel / f"{name}.vmcore", [f"walk {vcpu} {address:x} -j" for address in addresses],
                        intel / "vmlinux")
        walks = [answer.json["walk"] for answer in answers]
        found = [walk["levels"][-1]["spte"] for walk in walks if walk["end"] == "leaf"]
        assert found
        return found
    return run


def addresses_of(slot, pages=32, step=0x1000):
    first = number(slot["gpa"])
    return range(first, first + min(pages, slot["npages"]) * 0x1000, step)


@pytest.mark.parametrize("name", ("ept-mbec-nested", "ept-no-ad-bits"))
def test_read_only_slot(ask, leaves, name):
    for s in leaves(name, "0:0", addresses_of(slot(ask, name, "READONLY"))):
        assert not s["w"] and not s["host_writable"] and not s["mmu_writable"]


@pytest.mark.parametrize("name", INTEL)
def test_huge_pages(ask, leaves, name):
    large = next(s for s in slots(ask, name) if number(s["gpa"]) and s["npages"] >= 1024)
    assert 2 in {s["level"] for s in leaves(name, "0:0", addresses_of(large, 1024, 0x200000))}


def test_access_tracked_and_write_protected(ask, leaves):
    """Without A/D bits; with them the same machine has neither."""
    name = "ept-no-ad-bits"
    found = [leaf for s in slots(ask, name)[:4] for leaf in leaves(name, "0:0", addresses_of(s, 64))]
    assert all(s["ad_type"] == "disabled" for s in found)
    assert any(not s["w"] and s["mmu_writable"] and not s["access_tracked"] for s in found)
    tracked = [s for s in found if s["access_tracked"]]
    assert tracked and not any(s[right] for s in tracked for right in ("r", "w", "xs", "xu", "accessed"))
    name = "ept-mbec-nested"
    for s in slots(ask, name)[:4]:
        assert not any(leaf["access_tracked"] for leaf in leaves(name, "0:0", addresses_of(s, 64)))


def test_execute_only_and_mode_based_rights(leaves):
    """What scripts/lab/intel/nested.c lets its guest do: with MBEC fetches differ by mode, without it they do not."""
    pages = {0x500000: "r w xs xu", 0x501000: "r", 0x502000: "r xs xu", 0x503000: "xs xu", 0x504000: "r xs",
             0x600000: "r xu"}
    for vcpu, change in (("1:0", {}), ("2:0", {0x600000: "r xs"})):
        found = leaves("ept-mbec-nested", vcpu, pages)
        rights = [" ".join(right for right in ("r", "w", "xs", "xu") if s[right]) for s in found]
        expected = {**pages, **change}.values()
        assert rights == [e if vcpu == "1:0" else e.replace(" xu", "") for e in expected]


def test_nested_guest_is_walked_in_guest_mmu(ask):
    walk = ask("ept-mbec-nested", "walk", "1:0", "0")["walk"]
    assert walk["mmu"] == "guest_mmu" and walk["address_is"] == "L2 GPA"
    fault = ask("ept-mbec-nested", "fault", "1:0", "-a", "0", "-e", "7")
    judges = {j["judge"]: j for j in fault["panel"]["judges"]}
    assert not judges["kernel table"]["consulted"]
    assert "indirect" in {m["id"] for m in fault["panel"]["meanings"]}


def test_intel_keeps_no_fault_address(intel):
    answer = kvmmmu("-k", intel / "vmlinux", intel / "ept-no-ad-bits.vmcore", "fault", "0:0")
    assert answer.code == 3 and "-a and -e" in answer.err


def test_shadow_paging_walks_by_gva(ask):
    fault = ask("intel-shadow-paging", "fault", "0:0", "-a", "1000", "-e", "6")
    assert fault["fault"]["address_is"] == "GVA"
    assert {m["id"] for m in fault["panel"]["meanings"]} >= {"indirect"}


def path(ask, name, vcpu, gpa, error_code):
    return ask(name, "fault", "--trace", vcpu, "-a", hex(gpa), "-e", hex(error_code))["path"]


def test_not_present_is_for_the_fast_path_without_ad_bits_only(ask):
    gpa = number(slot(ask, "ept-no-ad-bits", "LOG_DIRTY")["gpa"])
    p = path(ask, "ept-no-ad-bits", "0:0", gpa, 4)
    assert (p["ret"], p["end"], p["loops"]) == ("RET_PF_SPURIOUS", "fast", False)
    p = path(ask, "ept-no-ad-bits", "0:0", gpa, 6)
    assert (p["ret"], p["end"], p["loops"]) == ("RET_PF_FIXED", "fast", False)
    gpa = number(slot(ask, "ept-mbec-nested", "READONLY")["gpa"])
    p = path(ask, "ept-mbec-nested", "0:0", gpa, 4)
    assert p["end"] != "fast"
    assert any(s["id"] == "fast" and "A/D bits are enabled" in s["text"] for s in p["steps"])


def test_tables_of_a_nested_hypervisor_are_read(ask):
    p = path(ask, "ept-mbec-nested", "1:0", 0, 7)
    walk = next(s for s in p["steps"] if s["id"] == "guest-walk")
    assert walk["outcome"] == "passes" and "maps gfn 0x0" in walk["text"]
    assert p["ret"] == "RET_PF_FIXED" and not p["loops"]
    assert p["other_test"] is None
    # L1 maps nothing there: the fault is L1's
    p = path(ask, "ept-mbec-nested", "1:0", 1 << 40, 4)
    assert (p["ret"], p["end"], p["loops"]) == ("RET_PF_RETRY", "guest-walk", False)


def test_guest_tables_under_shadow_paging(ask):
    p = path(ask, "intel-shadow-paging", "0:0", 0x1000, 6)
    assert (p["ret"], p["end"], p["loops"]) == ("RET_PF_RETRY", "guest-walk", False)
    p = path(ask, "intel-shadow-paging", "0:0", 0x1000, 2)
    assert any(s["id"] == "guest-walk" and "maps gfn 0x1" in s["text"] for s in p["steps"])


def test_no_debuginfo_and_no_btf_is_said(intel, monkeypatch):
    monkeypatch.delenv("KVMMMU_DEBUGINFO", raising=False)
    answer = kvmmmu(intel / "ept-no-ad-bits.vmcore", "vms")
    assert answer.code == 3 and "no debuginfo" in answer.err
    assert len(answer.err.strip().splitlines()) == 1
    monkeypatch.setenv("KVMMMU_DEBUGINFO", str(intel))
    assert kvmmmu(intel / "ept-no-ad-bits.vmcore", "vms").code == 0
