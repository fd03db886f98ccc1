# SPDX-License-Identifier: GPL-2.0-or-later
"""`walk --gva` of real guests: their page tables are those that the lab's VMM made (scripts/lab/vmm/tables.c)."""

import json
import struct

import pytest

import schema
from elf_copy import Elf
from tools import GENERATIONS, ask, dumps, kvmmmu, number, offset_of, truth

CR0_WP = 1 << 16
PAGES = 0x20000  # layout.h: AREA of vCPU 0, of 64 KiB each
TABLES = 0x200000
CASES = [(gen, name) for gen in GENERATIONS for name in ("healthy", "nonpt")]


def paging_vcpus(gen, name):
    """Address, vcpu_id, mode of each vCPU whose guest has paging enabled and has run."""
    told = {(vm["comm"], v["id"]): v for vm in truth(gen, name)["vms"] for v in vm["vcpus"]}
    for vm in truth(gen, name)["gdb"]["vms"]:
        for vcpu in vm["vcpus"]:
            mine = told.get((vm["owner_comm"], vcpu["vcpu_id"]))
            if mine and mine["mode"] in ("long64", "pae32"):
                yield vcpu["address"], vcpu["vcpu_id"], mine


def walk(gen, name, vcpu, address, *words):
    return ask(gen, name, "walk", "--gva", *words, vcpu, hex(address))


@pytest.mark.parametrize("gen,name", CASES)
def test_what_the_vmm_built(gen, name):
    """Identity: 4 KiB pages in the first 2 MiB, 2 MiB pages above, the page that is only read without W and X."""
    modes = set()
    for vcpu, number_, told in paging_vcpus(gen, name):
        modes.add(told["mode"])
        levels = 4 if told["mode"] == "long64" else 3
        area = PAGES + number_ * 0x10000
        for address, depth in ((area + 0x1234, levels), (area + 0x88, levels), (0x345678, levels - 1)):
            answer = walk(gen, name, vcpu, address)
            guest = answer["guest_walk"]
            assert not schema.problem(answer)
            assert guest["end"] == "mapped" and guest["levels"] == levels, guest
            assert number(guest["gpa"]) == address and not guest["nested"]
            assert len(guest["entries"]) == depth
            assert [e["level"] for e in guest["entries"]] == list(range(levels, levels - depth, -1))
            root = TABLES + number_ * 0x10000
            assert number(guest["cr3"]) == root + (0x1000 if levels == 3 else 0)
            assert number(guest["entries"][0]["table"]) == number(guest["cr3"])
            access = {row["access"]: row for row in guest["accesses"]}
            # no entry has U
            assert all(row["user"].startswith("#PF ") for row in access.values())
            assert access["read"]["supervisor"] == "permitted"
            only_read, wp, nx = address == area + 0x88, number(told["cr0"]) & CR0_WP, number(told["efer"]) & 1 << 11
            assert access["write"]["supervisor"] == ("#PF P|W" if only_read and wp else "permitted")
            assert access["fetch"]["supervisor"] == ("#PF P|F" if only_read and nx else "permitted")
            # the SPTEs are those of the same address without --gva
            plain = ask(gen, name, "walk", vcpu, hex(address))["walk"]
            assert answer["walk"] == plain
            assert name == "nonpt" or all(e["table_spte"][:4] in ("4K r", "2M r") for e in guest["entries"]), guest
    assert modes == {"long64", "pae32"}


@pytest.mark.parametrize("gen,name", CASES)
def test_not_mapped_and_not_canonical(gen, name):
    for vcpu, _, told in paging_vcpus(gen, name):
        guest = walk(gen, name, vcpu, 0x7fffe000)["guest_walk"]
        assert guest["end"] == "faults" and guest["gpa"] is None and not guest["accesses"]
        assert "is not present" in guest["notes"][0]
        if told["mode"] == "long64":
            guest = walk(gen, name, vcpu, 0x800000000000)["guest_walk"]
            assert any("not canonical" in note for note in guest["notes"])


@pytest.mark.parametrize("gen", GENERATIONS)
def test_another_cr3(gen):
    """The tables of another vCPU of the VM; and a CR3 outside of all memslots."""
    (vcpu, mine, _), *_ = [v for v in paging_vcpus(gen, "healthy") if v[2]["mode"] == "long64"]
    own = walk(gen, "healthy", vcpu, PAGES)["guest_walk"]
    same = walk(gen, "healthy", vcpu, PAGES, "--cr3", own["cr3"])["guest_walk"]
    assert same["entries"] == own["entries"] and same["cr3_source"] != own["cr3_source"]
    away = walk(gen, "healthy", vcpu, PAGES, "--cr3", "7fff000000")["guest_walk"]
    assert away["end"] == "faults" and "no memslot" in away["notes"][0] and not away["entries"]


@pytest.mark.parametrize("gen", GENERATIONS)
def test_without_paging(gen):
    told = {(vm["comm"], v["id"]): v for vm in truth(gen, "healthy")["vms"] for v in vm["vcpus"]}
    seen = 0
    for vm in truth(gen, "healthy")["gdb"]["vms"]:
        for vcpu in vm["vcpus"]:
            mine = told.get((vm["owner_comm"], vcpu["vcpu_id"]))
            if not mine or mine["mode"] != "flat32" or mine["doing"] == "never-run":
                continue
            answer = walk(gen, "healthy", vcpu["address"], 0x21234)
            assert number(answer["guest_walk"]["gpa"]) == 0x21234 and "CR0.PG=0" in answer["guest_walk"]["notes"][0]
            assert answer["walk"] == ask(gen, "healthy", "walk", vcpu["address"], "21234")["walk"]
            wide = walk(gen, "healthy", vcpu["address"], 0x100021234, "--cr3", "1000")
            assert wide["guest_walk"]["end"] == "faults" and wide["guest_walk"]["gpa"] is None and "walk" not in wide
            assert "have 32 bits" in wide["guest_walk"]["notes"][0] and "--cr3 is not used" in wide["guest_walk"]["notes"][1]
            seen += 1
    assert seen


def test_a_capsule_has_no_guest_memory(tmp_path):
    capsule = tmp_path / "c.kvmmmu"
    assert kvmmmu(dumps("7.3") / "healthy.kdump", "capture", "-o", capsule).code == 0
    vcpu = next(v for v, _, told in paging_vcpus("7.3", "healthy") if told["mode"] == "long64")
    answer = kvmmmu(capsule, "walk", "--gva", "--cr3", "200000", vcpu, "20000", "-j")
    guest = json.loads(answer.out)["guest_walk"]
    assert answer.code == 3 and guest["end"] == "unknown" and "capsule" in guest["notes"][0]
    text = kvmmmu(capsule, "walk", "--gva", "--cr3", "200000", vcpu, "20000")
    assert text.code == 3 and "a capsule does not contain guest memory" in text.out
    assert "TABLE[INDEX]" not in text.out and "TABLE[INDEX]" in kvmmmu(
        dumps("7.3") / "healthy.kdump", "walk", "--gva", vcpu, "20000").out


def test_usage():
    for words, what in ((["--gva", "-m", "root_mmu"], "--gva cannot be combined"), (["--gva", "-n", "4K"], "--gva cannot be combined"),
                        (["--cr3", "1000"], "--cr3 needs --gva"), (["--gva", "--cr3", "zz"], "hexadecimal")):
        answer = kvmmmu(dumps("7.3") / "healthy.kdump", "walk", *words, "0:0", "0")
        assert answer.code == 2 and what in answer.err, answer




@pytest.fixture(params=GENERATIONS)
def edited(request, tmp_path):
    """A copy of a dump, a 64-bit vCPU with SMEP, SMAP and protection keys, and the places of its entries for a page."""
    gen = request.param
    vcpu, mine, _ = next(v for v in paging_vcpus(gen, "healthy")
                         if v[2]["mode"] == "long64" and number(v[2]["cr4"]) & 1 << 21)
    page = PAGES + mine * 0x10000 + 0x3000
    places = []
    for entry in walk(gen, "healthy", vcpu, page)["guest_walk"]["entries"]:
        spte = ask(gen, "healthy", "walk", vcpu, entry["table"])["walk"]["levels"][-1]["spte"]
        places.append((number(spte["pfn"]) << 12 | number(entry["table"]) & 0xfff) + 8 * entry["index"])
    copy = Elf(tmp_path / "edited.elf", gen)

    def answer():
        return kvmmmu(copy.path, "walk", "--gva", vcpu, hex(page), "-j").json["guest_walk"]

    def change(level, bits):
        place = places[-level]
        copy.write(place, struct.pack("<Q", struct.unpack("<Q", copy.read(place))[0] ^ bits))

    yield gen, vcpu, page, copy, change, answer
    copy.file.close()


def rulings(guest):
    return {(who, row["access"]): row[who] for row in guest["accesses"] for who in ("user", "supervisor")}


def test_smep_and_smap_of_a_user_page(edited):
    *_, change, answer = edited
    for level in range(1, 5):
        change(level, 4)
    assert rulings(answer()) == {
        ("user", "read"): "permitted", ("user", "write"): "permitted", ("user", "fetch"): "permitted",
        ("supervisor", "read"): "#PF P", ("supervisor", "write"): "#PF P|W", ("supervisor", "fetch"): "#PF P|F"}


def test_protection_key(edited):
    """PKRU of this guest is 0: a key forbids nothing, until the dump says otherwise."""
    gen, vcpu, _page, copy, change, answer = edited
    for level in range(1, 5):
        change(level, 4)
    change(1, 5 << 59)
    assert rulings(answer())["user", "read"] == "permitted"
    pkru = offset_of("struct kvm_vcpu, arch.pkru", gen)
    copy.write(copy.pa(number(vcpu) + pkru), struct.pack("<I", 2 << 10))  # WD of key 5
    found = rulings(answer())
    assert (found["user", "read"], found["user", "write"]) == ("permitted", "#PF P|W|U|PK")
    copy.write(copy.pa(number(vcpu) + pkru), struct.pack("<I", 1 << 10))  # AD
    found = rulings(answer())
    assert (found["user", "read"], found["user", "fetch"]) == ("#PF P|U|PK", "permitted")


@pytest.mark.parametrize("level, bits", [(1, 1 << 51), (3, 1 << 51), (4, 1 << 7)])
def test_reserved_bits(edited, level, bits):
    *_, change, answer = edited
    change(level, bits)
    guest = answer()
    assert guest["end"] == "faults" and guest["gpa"] is None and len(guest["entries"]) == 5 - level
    assert f"at level {level} has reserved bits set: {hex(bits)}" in guest["notes"][0], guest
    assert guest["entries"][-1]["says"] == "reserved bits"


def test_a_table_that_is_not_in_memory(edited):
    """An entry that leads out of all memslots, or to itself."""
    *_, change, answer = edited
    change(2, 1 << 38)
    guest = answer()
    assert guest["end"] == "faults" and "no memslot" in guest["notes"][0]
    assert len(guest["entries"]) == 3
