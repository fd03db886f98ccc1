# SPDX-License-Identifier: GPL-2.0-or-later
"""capture --redact: no address of the kernel's image or modules is left, and answers differ in addresses only."""

import functools
import json
import re
import struct
import subprocess

import pytest

from tools import GENERATIONS, dumps, kernel, kvmmmu, number, truth, unpacked

CASES = [(gen, name) for gen in GENERATIONS for name in ("healthy", "nonpt", "panic")] + [("7.3", "looping"), ("6.1", "zeroed")]
IMAGE, MODULES, MODULES_END = 0xFFFFFFFF80000000, 0xFFFFFFFFC0000000, 0xFFFFFFFFFF000000


def symbols_of(path, base):
    """Addresses of the symbols of text and data in an ELF file, moved by @base (a function of section and value)."""
    out = subprocess.run(["readelf", "-sW", path], check=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    found = set()
    for line in out.splitlines():
        words = line.split()
        if len(words) < 8 or words[3] not in ("FUNC", "OBJECT", "NOTYPE") or not words[6].isdigit():
            continue
        at = base(words[6], int(words[1], 16))
        if at is not None:
            found.add(at)
    return found


def section_names(path):
    out = subprocess.run(["readelf", "-SW", path], check=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    return dict(re.findall(r"\[ *(\d+)\] (\S+)", out))


@functools.lru_cache(maxsize=None)
def real_symbols(gen, name):
    """Every address of a symbol of vmlinux, kvm and kvm_amd in this dump."""
    lab, vmlinux = truth(gen, name), kernel(gen) / "vmlinux"
    text = number(lab["symbols"]["_text"])
    link = int(re.search(r" ([0-9a-f]+) +\d+ \w+ +\w+ +\w+ +\w+ _text$", subprocess.run(
        ["readelf", "-sW", vmlinux], check=True, text=True, stdout=subprocess.PIPE).stdout, re.M)[1], 16)
    found = {at for at in symbols_of(vmlinux, lambda _section, value: value + text - link) if at >= IMAGE}
    for module in ("kvm", "kvm_amd"):
        path = next((kernel(gen) / "debug").rglob(f"{module.replace('_', '-')}.ko"))
        names, places = section_names(path), lab["sections"][module]
        found |= symbols_of(path, lambda section, value: number(places[names[section]]) + value if names.get(section) in places else None)
    return found


def addresses(image):
    """Every number in an unpacked capsule that is one of the image's or a module's addresses: in bytes, or as text."""
    words = [struct.unpack_from("<Q", image, at.start() - 4)[0]
             for at in re.finditer(rb"(?=\xff\xff\xff\xff)", image) if at.start() >= 4]
    spelled = [int(text, 16) for text in re.findall(rb"0x(ffffffff[0-9a-f]{8})", image)]
    return {value for value in words + spelled if value >= IMAGE}


def without_addresses(text):
    """Nor the size and the hash of the capsule, which report prints."""
    text = re.sub(r"0xffffffff[0-9a-f]{8}", "ADDRESS", text)
    text = re.sub(r"(size: +)[0-9.]+ KiB|(\"bytes\": *)\d+", r"\1\2SIZE", text)
    return re.sub(r"\b[0-9a-f]{64}\b", "HASH", text)


def used(path):
    """From the lowest to the highest address of a symbol, an item or a function, of the image and of modules."""
    answer = listed(path)
    known = [number(x["address"]) for x in answer["symbols"] + [i for i in answer["items"] if i["space"] == "virt"]]
    known += [number(f["pc"]) for f in answer["frames"]]
    image, modules = ([at for at in known if low <= at < high] for low, high in ((IMAGE, MODULES), (MODULES, MODULES_END)))
    return [(min(part), max(part)) for part in (image, modules)]


def listed(path):
    return kvmmmu("capture", "--list", path, "-j").json


@pytest.fixture(scope="module", params=CASES, ids="-".join)
def pair(request, tmp_path_factory):
    """A capsule of a dump, the same with --redact, and what capture said."""
    gen, name = request.param
    folder = tmp_path_factory.mktemp("redact")
    files = folder / "plain.kvmmmu", folder / "redacted.kvmmmu"
    said = [kvmmmu(dumps(gen) / f"{name}.kdump", "capture", "-o", path, "-j", *words).json
            for path, words in zip(files, ([], ["--redact"]))]
    return request.param, files, said


def test_no_address_of_a_symbol_is_left(pair):
    (gen, name), (plain, redacted), _ = pair
    real = real_symbols(gen, name)
    before, after = addresses(unpacked(plain)) & real, addresses(unpacked(redacted)) & real
    assert len(before) >= 30 and number(kvmmmu(plain, "sym", "vm_list", "-j").json["address"]) in before
    old, new = ({s["name"]: number(s["address"]) for s in listed(path)["symbols"]} for path in (plain, redacted))
    assert old.keys() == new.keys() and all(old[s] != new[s] for s in old)
    # what was moved may be where another symbol was, as KASLR moves modules by few pages: only that is allowed
    shifts, words = {new[s] - old[s] for s in old}, addresses(unpacked(plain))
    assert len(shifts) == 2
    assert not {hex(at) for at in after if not any(at - shift in words for shift in shifts)}


def test_no_return_address_is_left(pair):
    _case, (plain, redacted), _ = pair
    old, new = ([(f["function"], number(f["pc"])) for f in listed(path)["frames"]] for path in (plain, redacted))
    assert [f for f, _ in old] == [f for f, _ in new]
    assert old and not {pc for _, pc in old} & {pc for _, pc in new}
    # each region is moved as a whole
    assert len({b - a for (_, a), (_, b) in zip(old, new)}) <= 2


def segments(path):
    """The bytes of all segments, in their order, and their headers."""
    image = unpacked(path)
    at, = struct.unpack_from("<Q", image, 32)
    count, = struct.unpack_from("<H", image, 56)
    headers = [struct.unpack_from("<IIQQQQQQ", image, at + 56 * n) for n in range(count)]
    return image[min(h[2] for h in headers if h[0] == 1):], headers


def clock(path):
    """Where the timekeeper's numbers are: that of wall_to_monotonic is negative, as an address is, and changes each second."""
    return {at for i in listed(path)["items"] if i["what"].startswith("timekeeper.") and i["space"] == "virt"
            for at in range(number(i["address"]), number(i["address"]) + i["bytes"])}


def aligned(before, after, header, start):
    """Where each number of 8 bytes is that is aligned in memory and the same in both capsules, and the number."""
    place, address, size = header[2] - start, header[3], header[5]
    return [(address + at - place, struct.unpack_from("<Q", before, at)[0])
            for at in range(place + -address % 8, place + size - 7, 8) if before[at:at + 8] == after[at:at + 8]]


def test_every_pointer_is_moved(pair):
    _case, (plain, redacted), _ = pair
    (before, old), (after, new) = segments(plain), segments(redacted)
    bounds = used(plain)
    is_address = lambda value: any(low <= value <= high for low, high in bounds)
    assert len(before) == len(after)
    start = min(h[2] for h in old if h[0] == 1)
    numbers, same = clock(plain), [word for h in old if h[0] == 1 for word in aligned(before, after, h, start)]
    assert numbers and len(same) > 100
    assert not [(hex(at), hex(value)) for at, value in same if is_address(value) and at not in numbers]
    assert before != after
    # and so is where they are
    places = [(a[3], b[3]) for a, b in zip(old, new) if a[0] == 1 and is_address(a[3])]
    assert places and all(a != b for a, b in places)


@pytest.mark.parametrize("command", ["explain", "explain -j", "vms", "mmu 0:0", "perms", "fault 0:0", "slots", "audit", "report", "report -j"])
def test_answers_differ_in_addresses_only(pair, command):
    _case, files, _ = pair
    said = [kvmmmu(path, *command.split()) for path in files]
    assert said[0].code == said[1].code
    texts = [without_addresses(answer.out).replace(path.name, "CAPSULE") for answer, path in zip(said, files)]
    assert texts[0] == texts[1]


def test_it_says_what_it_is(pair):
    (_gen, name), (plain, redacted), said = pair
    assert said[0]["capsule"]["redacted"] is False and said[1]["capsule"]["redacted"] is True
    for path, moved in ((plain, False), (redacted, True)):
        answer = listed(path)
        assert answer["nothing_else"] and answer["capsule"]["redacted"] is moved
        assert any("are moved" in note for note in answer["notes"]) is moved
    warned = [any("KASLR" in note for note in answer["notes"]) for answer in said]
    assert warned == [name != "panic", False]


def test_a_redacted_capsule_stays_as_it_is(pair, tmp_path):
    _case, (plain, redacted), _ = pair
    again = tmp_path / "again.kvmmmu"
    assert kvmmmu(redacted, "capture", "--redact", "-o", again).code == 0
    assert again.read_bytes() == redacted.read_bytes()
    from_plain = tmp_path / "from-plain.kvmmmu"
    assert kvmmmu(plain, "capture", "--redact", "-o", from_plain).code == 0
    assert without_addresses(json.dumps(listed(from_plain))) == without_addresses(json.dumps(listed(redacted)))
