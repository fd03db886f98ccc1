# SPDX-License-Identifier: GPL-2.0-or-later
"""Dumps with missing pages, torn and hostile dumps: kvmmmu reports the damage and what it still knows. Under ASan."""

import json
import re
import shutil
import struct
import subprocess

import pytest

import kdump
from elf_copy import Elf
from tools import BUILD, TOP, batch, dumps, kernel, kvmmmu, number, offset_of, questions, truth

ASAN = BUILD / "asan" / "kvmmmu"


@pytest.fixture
def elf(tmp_path):
    copy = Elf(tmp_path / "copy.elf")
    yield copy
    copy.file.close()


def ask(elf, *words):
    answer = kvmmmu(elf.path, *words, program=ASAN, timeout=60)
    assert "Sanitizer" not in answer.err, answer.err[-3000:]
    return answer


def first_vcpu(comm="vmm-beta"):
    vm = next(v for v in truth("7.3", "healthy")["gdb"]["vms"] if v["owner_comm"] == comm)
    return vm, vm["vcpus"][0]


def test_page_table_that_points_to_itself(elf):
    _vm, vcpu = first_vcpu()
    root = number(vcpu["contexts"]["root_mmu"]["root_hpa"]) & 0xFFFFFFFFFF000
    entry = struct.unpack("<Q", elf.read(root))[0]
    elf.write(root, struct.pack("<Q", entry & ~0xFFFFFFFFFF000 | root))
    answer = ask(elf, "walk", vcpu["address"], "0", "-j")
    walk = answer.json["walk"]
    assert len(walk["levels"]) <= 4
    text = json.dumps(walk)
    assert "its own ancestor" in text or "not the level" in text
    assert ask(elf, "fault", vcpu["address"], "-a", "0", "-e", "6").code == 0


def test_page_table_beyond_memory(elf):
    _vm, vcpu = first_vcpu()
    root = number(vcpu["contexts"]["root_mmu"]["root_hpa"]) & 0xFFFFFFFFFF000
    entry = struct.unpack("<Q", elf.read(root))[0]
    elf.write(root, struct.pack("<Q", entry & ~0xFFFFFFFFFF000 | 0xFFFF00000000))
    answer = ask(elf, "walk", vcpu["address"], "0", "-j")
    assert answer.code == 3  # what the MMU maps is not known
    walk = json.loads(answer.out)["walk"]
    assert walk["end"] == "unreadable" and "unknown" in walk["notes"][0]
    fault = ask(elf, "fault", vcpu["address"], "-a", "0", "-e", "6", "-j").json
    assert {j["ruling"] for j in fault["panel"]["judges"] if j["judge"] != "processor"} == {None}


@pytest.mark.parametrize("torn", ["loop", "wild"])
def test_torn_list_of_vms(elf, torn):
    vm, _ = first_vcpu()
    node = number(vm["address"]) + offset_of("struct kvm, vm_list")
    elf.write(elf.pa(node), struct.pack("<Q", node if torn == "loop" else 0xFFFF800000000000))
    answer = ask(elf, "vms", "-j").json
    assert answer["vms"] and ("loop" in answer["notes"][0] or "interrupted" in answer["notes"][0])


def test_absurd_numbers(elf):
    """Set all counters of a struct kvm to all ones."""
    vm, _ = first_vcpu()
    for offset in range(0, 4096, 8):
        pa = elf.pa(number(vm["address"])) + offset
        if struct.unpack("<Q", elf.read(pa))[0] < 100000:
            elf.write(pa, b"\xff" * 8)
    for command in ("vms", "perms", "slots"):
        assert ask(elf, command, "-j").code in (0, 3)


@pytest.mark.parametrize("seed", range(6))
def test_noise_in_kvm_structures(elf, seed):
    """Random bytes over structures and page tables: an answer or an error line, never a crash."""
    import random
    rng = random.Random(seed)
    for vm in truth("7.3", "healthy")["gdb"]["vms"]:
        for vcpu in vm["vcpus"]:
            for base, size in ((vm["address"], 7000), (vcpu["address"], 6400)):
                for _ in range(40):
                    at = elf.pa(number(base)) + rng.randrange(0, size // 8) * 8
                    elf.write(at, rng.randbytes(8))
    for words in (["vms"], ["perms"], ["slots"], ["mmu", "0:0"], ["walk", "0:0", "1000"],
                  ["fault", "1:0"], ["fault", "0:0", "-a", "0", "-e", "ffffffffffffffff", "--v1"]):
        answer = ask(elf, *words)
        assert answer.code in (0, 2, 3)
        assert answer.out or answer.err


def without_sections(source, to):
    """makedumpfile needs an ELF file with virtual addresses and without QEMU's section header."""
    data = bytearray(source.read_bytes())
    phoff, = struct.unpack_from("<Q", data, 32)
    phnum, = struct.unpack_from("<H", data, 56)
    headers = data[phoff:phoff + 56 * phnum]
    data[64:64 + len(headers)] = headers
    struct.pack_into("<Q", data, 32, 64)
    struct.pack_into("<Q", data, 40, 0)
    struct.pack_into("<HHHHHH", data, 52, 64, 56, phnum, 0, 0, 0)
    base = number(first_vcpu()[1]["address"]) & ~((1 << 30) - 1)
    for i in range(phnum):
        at = 64 + 56 * i
        if struct.unpack_from("<I", data, at)[0] == 1:
            pa, = struct.unpack_from("<Q", data, at + 24)
            struct.pack_into("<Q", data, at + 16, base + pa)
    to.write_bytes(data)


@pytest.fixture(scope="module")
def filtered(tmp_path_factory):
    """makedumpfile -d 31 does not support 7.x and drops pages that are needed: users have such dumps."""
    folder = tmp_path_factory.mktemp("filtered")
    without_sections(dumps("7.3") / "healthy.elf", folder / "plain.elf")
    run = subprocess.run(["makedumpfile", "-c", "-d", "31", folder / "plain.elf", folder / "d31"],
                         text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert (folder / "d31").exists(), run.stdout[-1000:]
    return folder / "d31"


def test_filtered_dump_says_what_is_missing(filtered):
    answer = kvmmmu("-k", kernel("7.3") / "debug", filtered, "vms", program=ASAN)
    if answer.code == 3:
        # which pages are lost is random; without any symbol of kvm its VMs cannot be found
        assert re.search(r"\d+ pages of its symbol table are missing from the dump", answer.err)
        return
    assert re.search(r"\d+ pages? needed for this answer (is|are) missing from the dump", answer.out)
    # what is there agrees with the whole dump, and nobody is called broken
    whole = kvmmmu(dumps("7.3") / "healthy.kdump", "vms", "-j").json
    rest = kvmmmu("-k", kernel("7.3") / "debug", filtered, "vms", "-j", program=ASAN).json
    all_vms = {vm["vm"]["address"]: vm for vm in whole["vms"]}
    found = [vm["vm"]["address"] for vm in rest["vms"]]
    assert set(found) <= set(all_vms) and len(found) == len(set(found))
    if len(found) < len(all_vms):
        assert "there may be more VMs" in rest["notes"][0]
    for mine in rest["vms"]:
        theirs = all_vms[mine["vm"]["address"]]
        by_index = {v["index"]: v for v in theirs["vcpus"]}
        for a in mine["vcpus"]:
            b = by_index[a["index"]]
            for key, value in a.items():
                assert value in (None, "?", b[key]) or key == "mark", key
        assert "perm-table-mismatch" not in {f["id"] for f in mine.get("findings", [])}
    perms = kvmmmu("-k", kernel("7.3") / "debug", filtered, "perms", "-j", program=ASAN).json
    assert "differs" not in {t["status"] for t in perms["tables"]}
    for vm in rest["vms"]:
        lost = (vm["vm"]["online_vcpus"] or 0) - len(vm["vcpus"])
        if lost:
            assert f"{lost} vCPU" in answer.out and "cannot be read completely" in answer.out
            assert re.search(rf"\b{lost} vCPUs? of VM {vm['vm']['number']} cannot be read completely", str(perms))


def without_reason(text):
    """Drop the note on why pages are missing: it is about the dump's file, which the capsule does not have."""
    return re.sub(r"^makedumpfile excluded pages of user space.*?keeps\s+them\n", "", text, flags=re.M | re.S)


def test_capsule_of_a_filtered_dump_says_the_same(filtered, tmp_path):
    """A capsule contains which pages are missing, and so what is unknown."""
    debug, capsule = kernel("7.3") / "debug", tmp_path / "capsule"
    if kvmmmu("-k", debug, filtered, "capture", "-o", capsule, "--with-names").code == 3:
        return
    asked = questions(kvmmmu("-k", debug, filtered, "vms", "-j").json["vms"])
    told = 0
    for question, dump, ours in zip(asked, batch(filtered, asked, debug), batch(capsule, asked)):
        told += bool(re.search(r"\d+ pages? needed for this answer (is|are) missing", dump.out))
        if "not in this capsule" not in ours.out:  # a page that nothing proves to be a page table
            assert (ours.code, ours.out, ours.err) == (dump.code, without_reason(dump.out), dump.err), question
    assert told


def without_page(elf, page, to):
    """Return a copy in which that page lies between the segments."""
    elf.file.seek(0)
    data = bytearray(elf.file.read())
    phoff, = struct.unpack_from("<Q", data, 32)
    phnum, = struct.unpack_from("<H", data, 56)
    headers = b""
    for i in range(phnum):
        kind, flags, off, va, pa, size, _mem, align = struct.unpack_from("<IIQQQQQQ", data,
                                                                         phoff + 56 * i)
        parts = [(pa, size)]
        if kind == 1 and pa <= page < pa + size:
            parts = [(pa, page - pa), (page + 4096, pa + size - page - 4096)]
        for start, length in parts:
            headers += struct.pack("<IIQQQQQQ", kind, flags, off + start - pa, va, start, length,
                                   length, align)
    struct.pack_into("<Q", data, 32, len(data))
    struct.pack_into("<Q", data, 40, 0)
    struct.pack_into("<HHHHHH", data, 52, 64, 56, len(headers) // 56, 0, 0, 0)
    to.write_bytes(data + headers)
    return to


def test_elf_dump_with_holes(elf, tmp_path):
    """What lies between the segments of an ELF dump is missing; it is not read as zeros."""
    vm, vcpu = first_vcpu()
    holes = without_page(elf, elf.pa(number(vcpu["address"])) & -4096, tmp_path / "holes")
    answer = kvmmmu(holes, "vms", vm["address"])
    assert "missing from the dump" in answer.out and re.search(r"cannot be read completely|\?", answer.out)


def test_role_that_is_missing(elf, tmp_path):
    """The rest of the answer is given: the vCPU, its last exit, and what is unknown."""
    at = offset_of("struct kvm_vcpu, arch.guest_mmu.root_role")
    vcpus = [v["address"] for vm in truth("7.3", "healthy")["gdb"]["vms"] for v in vm["vcpus"]]
    vcpu = next(v for v in vcpus if number(v) >> 12 != number(v) + at >> 12)
    holes = without_page(elf, elf.pa(number(vcpu) + at) & -4096, tmp_path / "holes")
    for words in (["-a", "1000", "-e", "6"], []):
        answer = kvmmmu(holes, "fault", "-m", "guest_mmu", *words, vcpu, program=ASAN)
        assert answer.code == 0 and "kvm_vcpu" in answer.out, answer.err
        assert "the role of guest_mmu is not readable" in answer.out and "missing from the dump" in answer.out
        assert "walk of" not in answer.out
    assert kvmmmu(holes, "explain", vcpu, program=ASAN).code == 0


@pytest.mark.parametrize("size", [0, 1, 64, 512, 4096, 5000, 70000, 1 << 20])
@pytest.mark.parametrize("suffix", ["kdump", "elf"])
def test_truncated_dump(tmp_path, size, suffix):
    cut = tmp_path / "cut"
    with open(dumps("7.3") / f"healthy.{suffix}", "rb") as whole:
        cut.write_bytes(whole.read(size))
    answer = kvmmmu(cut, "vms", program=ASAN)
    assert "Sanitizer" not in answer.err, answer.err[-2000:]
    assert answer.code == 3 and answer.err.startswith("kvmmmu: ") or answer.out


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """Return the notes and the packed pages of the first 256 MiB, that is, everything but the firmware."""
    elf = Elf(tmp_path_factory.mktemp("packed") / "copy.elf")
    size = next(size for pa, size, _ in elf.loads if pa == 0)
    elf.file.seek(elf.notes[0])
    notes = elf.file.read(elf.notes[1])
    pages = kdump.packed_pages(elf, 0, size // kdump.PAGE)
    elf.file.close()
    return notes, pages


@pytest.mark.parametrize("wide,split", [(True, None), (False, None), (True, 1), (False, 5)])
def test_every_packing_and_header(packed, tmp_path, wide, split):
    notes, pages = packed
    kdump.write(tmp_path / "dump", notes, pages, wide=wide, split=split and (split, len(pages)))
    for command in ("vms", "perms"):
        ours = kvmmmu(tmp_path / "dump", command)
        assert (ours.code, ours.out) == (0, kvmmmu(dumps("7.3") / "healthy.elf", command).out)


DESCRIPTORS = {
    "size 0": {1: 0}, "a huge size": {1: 0xFFFFFFFF}, "a page and a byte": {1: 4097},
    "beyond the end": {0: 1 << 40}, "a wild offset": {0: (1 << 64) - 1},
    "another packing": {2: 0x21}, "packed, but is not": {0: 0, 1: 4000, 2: 0x1},
    "LZO, but is not": {0: 0, 1: 4000, 2: 0x2}, "snappy, but is not": {0: 0, 1: 4000, 2: 0x4},
    "zstd, but is not": {0: 0, 1: 4000, 2: 0x20}, "raw, but short": {1: 4000, 2: 0}}


@pytest.mark.parametrize("change", DESCRIPTORS.values(), ids=DESCRIPTORS)
def test_damaged_page_of_a_kdump_compressed_dump(packed, tmp_path, change):
    """The page is missing, and the rest of the answer is given."""
    vm, vcpu = first_vcpu()
    notes, pages = packed
    place = kdump.write(tmp_path / "dump", notes, pages)
    at = place + 24 * (Elf.pa(number(vcpu["address"])) // kdump.PAGE)
    with open(tmp_path / "dump", "r+b") as file:
        file.seek(at)
        desc = list(struct.unpack("<QIIQ", file.read(24)))
        for field, value in change.items():
            desc[field] = value
        file.seek(at)
        file.write(struct.pack("<QIIQ", *desc))
    answer = kvmmmu(tmp_path / "dump", "vms", program=ASAN)
    assert answer.code == 0 and "Sanitizer" not in answer.err, answer.err[-3000:]
    assert "cannot be read completely" in answer.out or "needed for this answer" in answer.out
    assert all(other["address"][2:] in answer.out for v in truth("7.3", "healthy")["gdb"]["vms"]
               for other in v["vcpus"] if other["address"] != vcpu["address"])


@pytest.fixture(scope="module")
def whole_kdump(tmp_path_factory):
    copy = tmp_path_factory.mktemp("kdump") / "copy"
    shutil.copyfile(dumps("7.3") / "healthy.kdump", copy)
    return copy


SUB = 4096
FIELDS = {
    "signature": (0, "<Q"), "version": (8, "<I"), "machine": (272, "<Q"), "block_size": (428, "<I"),
    "sub_hdr_size": (432, "<I"), "bitmap_blocks": (436, "<I"), "split": (SUB + 12, "<I"),
    "offset_note": (SUB + 48, "<Q"), "size_note": (SUB + 56, "<Q"),
    "max_mapnr_64": (SUB + 96, "<Q"), "first note's name": (4200, "<I"),
    "first note's size": (4204, "<I"), "first note's type": (4208, "<I")}
VALUES = [0, 1, 3, 1 << 16, 1 << 31, (1 << 32) - 1, 1 << 34, 1 << 63, (1 << 64) - 1,
          int.from_bytes(b"aarch64", "little")]
REFUSED = {  # with a wrong value in one of these no dump can be opened
    ("version", 0): "version 0", ("version", (1 << 32) - 1): "version -1",
    ("machine", VALUES[-1]): "a different architecture", ("block_size", 0): "page size",
    ("block_size", 1 << 31): "page size", ("sub_hdr_size", 0): "outside the file",
    ("sub_hdr_size", (1 << 32) - 1): "outside the file", ("bitmap_blocks", 0): "too small",
    ("bitmap_blocks", (1 << 32) - 1): "outside the file", ("split", 1): "symbol",
    ("offset_note", (1 << 64) - 1): "notes outside", ("size_note", (1 << 64) - 1): "notes outside",
    ("size_note", 0): "no VMCOREINFO", ("max_mapnr_64", 1 << 16): None,
    ("max_mapnr_64", 1 << 34): "too small", ("max_mapnr_64", 1 << 63): "pages of memory",
    ("first note's size", (1 << 32) - 1): "no VMCOREINFO"}


@pytest.mark.parametrize("field", FIELDS)
def test_damaged_headers_of_a_kdump_compressed_dump(whole_kdump, field):
    """Damage each field: an answer, or one line that says what is wrong."""
    at, form = FIELDS[field]
    asked = {key: words for key, words in REFUSED.items() if key[0] == field}
    with open(whole_kdump, "r+b", buffering=0) as file:
        for value in VALUES:
            if value >> 8 * struct.calcsize(form):
                continue
            file.seek(at)
            was = file.read(struct.calcsize(form))
            file.seek(at)
            file.write(struct.pack(form, value))
            answer = kvmmmu(whole_kdump, "vms", program=ASAN, timeout=20)
            file.seek(at)
            file.write(was)
            assert "Sanitizer" not in answer.err, (value, answer.err[-3000:])
            assert answer.code == 0 and answer.out or answer.code == 3 and len(
                answer.err.strip().splitlines()) == 1, (value, answer.err)
            words = asked.pop((field, value), "")
            if words is not None:
                assert not words or answer.code == 3 and words in answer.err, (value, answer.err)
    assert not asked
    assert kvmmmu(whole_kdump, "vms").code == 0


def test_bitmap_that_would_fill_memory(tmp_path):
    """A sparse file can be as large as its header says; two bits per page are needed."""
    source = dumps("7.3") / "nokvm.kdump"
    shutil.copyfile(source, tmp_path / "dump")
    with open(tmp_path / "dump", "r+b") as file:
        file.seek(436)
        file.write(struct.pack("<I", 1 << 24))
        file.truncate(1 << 37)
    answer = kvmmmu(tmp_path / "dump", "vms", program=ASAN, timeout=20)
    assert answer.code == 3 and "too large" in answer.err, answer.err


@pytest.mark.parametrize("size", ["8192", str(1 << 36), str(1 << 63)])
def test_page_size_of_vmcoreinfo(tmp_path, size):
    """Pages of x86 have 4096 bytes; another size means another architecture, or damage."""
    data = (dumps("7.3") / "nokvm.kdump").read_bytes()
    at, end = data.index(b"OSRELEASE="), data.index(b"PAGESIZE=4096\n") + 14
    text = b"PAGESIZE=" + size.encode() + b"\n"
    for first in b"", b"PAGESIZE=4096\n":
        lines = first + text
        lines += b"x" * (end - at - len(lines) - 1) + b"\n"
        (tmp_path / "dump").write_bytes(data[:at] + lines + data[end:])
        answer = kvmmmu(tmp_path / "dump", "vms", timeout=20)
        assert answer.code == 3 and len(answer.err.strip().splitlines()) == 1, (answer.code, answer.err)


def test_header_that_can_be_read_in_two_ways(tmp_path):
    """It is a valid 64-bit header, and libkdumpfile would read a 32-bit one."""
    data = bytearray((dumps("7.3") / "nokvm.kdump").read_bytes())
    struct.pack_into("<I", data, 416, 4096)
    (tmp_path / "dump").write_bytes(data)
    answer = kvmmmu(tmp_path / "dump", "vms", timeout=20)
    assert answer.code == 3 and "two ways" in answer.err, answer.err


def test_pages_in_many_pieces(tmp_path):
    """134 million pieces of one page each: they are counted, and the answer reports the first thing that is missing."""
    source = (dumps("7.3") / "nokvm.kdump").read_bytes()[:2 * 4096]
    blocks = 1 << 13  # half of them say which pages are in the dump
    header = bytearray(source)
    struct.pack_into("<III", header, 432, 1, 2 * blocks, blocks * 4096 * 8)
    struct.pack_into("<i", header, 4096 + 12, 0)
    struct.pack_into("<QQ", header, 4096 + 48, 0, 0)
    struct.pack_into("<Q", header, 4096 + 96, blocks * 4096 * 8)
    with open(tmp_path / "dump", "wb") as file:
        file.write(header)
        file.seek((2 + blocks) * 4096)
        file.write(b"\x55" * (blocks * 4096))
    answer = kvmmmu(tmp_path / "dump", "vms", program=ASAN, timeout=20)
    assert answer.code == 3 and "no VMCOREINFO" in answer.err, answer.err


def test_notes_over_and_over(tmp_path):
    """Many headers for the same notes, which therefore never end."""
    notes = struct.pack("<III", 0, 0, 0) * (1 << 20)
    count = 60000
    head = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 4, 62, 1, 0, 64, 0, 0, 64, 56, count, 0, 0, 0)
    one = struct.pack("<IIQQQQQQ", 4, 0, 64 + 56 * count, 0, 0, len(notes), 0, 0)
    for times, words in (count, "too many notes"), (5, "no VMCOREINFO"):
        rest = b"\0" * 56 * (count - times)
        (tmp_path / "dump").write_bytes(head + one * times + rest + notes)
        answer = kvmmmu(tmp_path / "dump", "vms", program=ASAN, timeout=20)
        assert answer.code == 3 and words in answer.err, answer.err


@pytest.mark.parametrize("path", ["/dev/null", "/nonexistent", "/", str(TOP / "Makefile")])
def test_files_that_are_not_dumps(path):
    answer = kvmmmu(path, "vms", program=ASAN)
    assert answer.code == 3 and len(answer.err.strip().splitlines()) == 1


@pytest.mark.parametrize("words,code", [
    (["spte", "--as", "ept", "zz"], 2), (["spte", "--as", "what", "1"], 2), (["spte", "1"], 2),
    (["spte", "--as", "npt:9.9", "1"], 2), (["spte", "--level", "9", "--as", "npt", "1"], 2),
    (["pfec", "1" * 21], 2), (["pfec"], 2), (["pfec", ""], 2), (["spte", "--as"], 2),
    (["pfec", "ffffffffffffffff"], 0), (["spte", "--as", "shadow:6.1", "ffffffffffffffff"], 0)])
def test_arguments(words, code):
    answer = kvmmmu(*words, program=ASAN)
    assert answer.code == code and "Sanitizer" not in answer.err
    assert answer.out if code == 0 else len(answer.err.strip().splitlines()) == 1


@pytest.mark.parametrize("words,why", [
    (["vms", "--watch", "3"], "vms does not take --watch"), (["perms", "-m", "root_mmu"], "perms does not take --mmu"),
    (["capture", "--as", "ept"], "capture does not take --as"), (["walk", "-m"], 'option "-m" needs a value'),
    (["walk", "-jz", "0:0", "0"], 'unknown option "-z"'), (["vms", "--json=1"], 'option "--json=1" does not take a value'),
    (["vms", "--bad"], 'unknown or ambiguous option "--bad"')])
def test_options_that_mean_nothing_here_are_refused(words, why):
    answer = kvmmmu(TOP / "samples" / "amd-7.3-healthy.kvmmmu", *words, program=ASAN)
    assert answer.code == 2 and not answer.out and answer.err == f"kvmmmu: {why}\n"


def test_a_hundred_rounds_leak_nothing():
    """LeakSanitizer finds no leak; without it, memory in use does not grow."""
    words = [dumps("7.3") / "looping.kdump", kernel("7.3") / "debug", "vms", "perms", "perms -j",
             "mmu 0:0", "walk 0:0 1000", "fault 1:0", "fault 0:0 -a 1000 -e 6 -j", "slots",
             "spte 80000000deadb865", "pfec 7", "vms 77", "walk 0:0 zz", "nonsense"]
    run = subprocess.run([BUILD / "asan" / "repeat", *words], text=True, capture_output=True)
    assert run.returncode == 0, run.stderr[-3000:]
    run = subprocess.run([BUILD / "repeat", *words], text=True, capture_output=True, check=True)
    early, late = map(int, run.stdout.split())
    assert 0 < late <= early + 65536, run.stdout
