# SPDX-License-Identifier: GPL-2.0-or-later
"""walk -n: a range agrees with the walks of its pages, and with what gdb read."""

import struct

import pytest

from tools import GENERATIONS, batch, dumps, kvmmmu, number, truth

CASES = [(gen, name) for gen in GENERATIONS for name in ("healthy", "nonpt")]
PAGE = 4096


def ask(gen, name, *words):
    return kvmmmu(dumps(gen) / f"{name}.kdump", "walk", *words, "-j").json["range"]


def vcpus(gen, name):
    return {(vm["owner_comm"], vcpu["vcpu_id"]): vcpu["address"]
            for vm in truth(gen, name)["gdb"]["vms"] for vcpu in vm["vcpus"]}


@pytest.mark.parametrize("gen,name", CASES)
def test_raw_entries_are_those_that_gdb_read(gen, name):
    """One page each, for every page that the VMM reported."""
    addresses = vcpus(gen, name)
    walks = [walk for walk in truth(gen, name)["gdb"]["walks"] if walk["entries"]]
    lines = [f"walk -n 1000 {addresses['vmm-' + walk['vm'], walk['vcpu']]} {walk['gpa']} -j"
             for walk in walks]
    seen = 0
    for walk, line, answer in zip(walks, lines, batch(dumps(gen) / f"{name}.kdump", lines)):
        run, = answer.json["range"]["runs"]
        assert number(run["address"]) == number(walk["gpa"]) and number(run["bytes"]) == PAGE
        if run["entries"]:
            assert number(run["first"]) == number(walk["entries"][-1]["entry"]), line
            assert run["level"] in (None, walk["entries"][-1]["level"]), line
            seen += 1
    assert seen > 20


@pytest.mark.parametrize("gen,name", CASES)
def test_a_range_is_its_pages(gen, name):
    """Check the first and the last page of every run of a range; there are no gaps and no overlaps."""
    address = vcpus(gen, name)["vmm-alpha", 2]
    whole = ask(gen, name, "-n", "all", address, "0")
    runs = whole["runs"]
    assert 10 < len(runs) == whole["run_count"] <= 200 and whole["next"] is None
    at = 0
    for run in runs:
        assert number(run["address"]) == at
        at += number(run["bytes"])
    assert at - 1 == number(whole["last"])
    assert sum(number(k["bytes"]) for k in whole["kinds"]) == at
    assert sum(k["entries"] for k in whole["kinds"]) == sum(run["entries"] for run in runs)
    ends = [(run, page) for run in runs
            for page in (number(run["address"]), number(run["address"]) + number(run["bytes"]) - PAGE)]
    lines = [f"walk {address} {page:x} -j" for _run, page in ends]
    for (run, page), answer in zip(ends, batch(dumps(gen) / f"{name}.kdump", lines)):
        walk = answer.json["walk"]
        if not run["entries"]:
            continue
        last = walk["levels"][-1]["spte"]
        assert (last["kind"] == "present") == (run["first_pfn"] is not None), hex(page)
        assert run["level"] in (None, last["level"])
        if page == number(run["address"]):
            assert number(last["value"]) == number(run["first"]), hex(page)


def test_a_part_of_an_entry_and_of_a_table():
    address = vcpus("7.3", "healthy")["vmm-alpha", 2]
    whole, = ask("7.3", "healthy", "-n", "200000", address, "14000000")["runs"]
    assert (whole["entries"], whole["level"], number(whole["bytes"])) == (512, 1, 0x200000)
    part, = ask("7.3", "healthy", "-n", "3000", address, "14001000")["runs"]
    assert (part["entries"], number(part["address"]), number(part["bytes"])) == (3, 0x14001000, 0x3000)
    inside, = ask("7.3", "healthy", "-n", "8K", address, "10001000")["runs"]
    assert (inside["entries"], inside["level"], number(inside["bytes"])) == (1, 2, 8192)
    byte, = ask("7.3", "healthy", "-n", "1", address, "14000fff")["runs"]
    assert (byte["entries"], number(byte["address"]), number(byte["bytes"])) == (1, 0x14000fff, 1)


def test_limit_and_where_to_go_on():
    address = vcpus("7.3", "healthy")["vmm-alpha", 2]
    all_runs = ask("7.3", "healthy", "-n", "4M", address, "14000000")["runs"]
    assert sum(run["entries"] for run in all_runs) == 1024
    first = ask("7.3", "healthy", "-n", "4M", "--limit", "4", address, "14000000")
    assert first["table_pages"] == 4 and number(first["next"]) == 0x14200000
    assert sum(run["entries"] for run in first["runs"]) == 512
    rest = ask("7.3", "healthy", "-n", "2M", "--limit", "4", address, first["next"])
    assert rest["next"] is None and sum(run["entries"] for run in rest["runs"]) == 512


@pytest.mark.parametrize("size", ["0", "zz", "1X", "M", "", "200000000000001", "999999999T", "-1"])
def test_invalid_sizes(size):
    answer = kvmmmu(dumps("7.3") / "healthy.kdump", "walk", "-n", size, "0:0", "0")
    assert answer.code == 2 and len(answer.err.splitlines()) == 1


def test_tables_in_circles_and_beyond_memory(tmp_path):
    """Entries of the root that point to it or nowhere are reported, the walk ends, and the rest is as before."""
    data = bytearray((dumps("7.3") / "healthy.elf").read_bytes())
    vm = next(v for v in truth("7.3", "healthy")["gdb"]["vms"] if v["owner_comm"] == "vmm-beta")
    root = number(vm["vcpus"][0]["contexts"]["root_mmu"]["root_hpa"]) & 0xFFFFFFFFFF000
    phoff, = struct.unpack_from("<Q", data, 32)
    loads = [struct.unpack_from("<IIQQQQ", data, phoff + 56 * i)
             for i in range(struct.unpack_from("<H", data, 56)[0])]
    at = next(off + root - pa for kind, _f, off, _va, pa, size in loads
              if kind == 1 and pa <= root < pa + size)
    entry, = struct.unpack_from("<Q", data, at)
    flags = entry & ~0xFFFFFFFFFF000
    struct.pack_into("<QQ", data, at + 8, flags | root, flags | 0xFFFF00000000)
    (tmp_path / "torn").write_bytes(data)
    answer = kvmmmu(tmp_path / "torn", "walk", "-n", "all", vm["vcpus"][0]["address"], "0", "-j")
    runs = answer.json["range"]["runs"]
    says = {number(run["address"]) >> 39: run["says"] for run in runs if not run["entries"]}
    assert says == {1: "malformed: a page-table page is its own ancestor", 2: "unknown: not in the dump"}
    assert sum(number(run["bytes"]) for run in runs) == 1 << 48
