# SPDX-License-Identifier: GPL-2.0-or-later
"""Capsules give the same answers as the dump, contain nothing else, and are the same file in every front end."""

import json
import os
import random
import re
import struct
import subprocess
import tempfile

import pytest

import schema
from tools import (BUILD, INTEL, TOP, assert_golden, batch, dumps, kernel, kvmmmu, number, questions, truth,
                   unpacked, without_rip, without_source)

LAB = [("7.3", "healthy"), ("7.3", "looping"), ("7.3", "nonpt"), ("6.1", "healthy")]
# The samples, and a capsule that the first version wrote: it is packed by zstd.
SAMPLES = [*sorted((TOP / "samples").glob("*.kvmmmu")), TOP / "tests" / "capsule" / "first.kvmmmu"]
EXPECTED = TOP / "tests" / "capsule" / "expected"
REGISTERS = ("rip", "cr0", "cr3", "cr4", "efer")


def capture(words, to, *options):
    answer = kvmmmu(*words, "capture", "-o", to, *options)
    assert answer.code == 0, answer.err
    return to


class Source:
    """A dump, given by the words that open it, and its capsule."""

    def __init__(self, words, folder):
        self.words, self.folder = words, folder
        self.capsule = capture(words, folder / "c.kvmmmu", "--with-names")
        self.vms = kvmmmu(*words, "vms", "-j").json["vms"]


@pytest.fixture(scope="module", params=["-".join(c) for c in LAB] + [*INTEL])
def source(request, tmp_path_factory, intel):
    to = tmp_path_factory.mktemp("capsule")
    if request.param not in INTEL:
        gen, name = request.param.split("-")
        return Source([dumps(gen) / f"{name}.kdump"], to)
    return Source(["-k", intel / "vmlinux", intel / f"{request.param}.vmcore"], to)


def comparable(answer):
    """Return JSON without the parts that must differ: the source, and guest registers, which capsules lack."""
    if answer.code:
        return answer.code, re.sub(r"\S*/\S+", "", answer.err)
    tree = schema.parse(answer.out)
    tree.pop("source")
    for vm in tree.get("vms", []):
        for vcpu in vm["vcpus"]:
            for register in REGISTERS:
                vcpu[register] = None
    return tree


def test_answers_are_those_of_the_dump(source):
    asked = questions(source.vms)
    lines = asked + [f"{question} -j" for question in asked]
    debug = source.words[1] if len(source.words) > 1 else None
    for line, ours, dump in zip(lines, batch(source.capsule, lines),
                                batch(source.words[-1], lines, debug)):
        if line.endswith("-j"):
            assert comparable(ours) == comparable(dump), line
        else:
            assert (ours.code, ours.out, ours.err) == (dump.code, dump.out, dump.err), line
    assert len(asked) >= 30


def test_size(source):
    assert source.capsule.stat().st_size <= 64 * 1024


def test_list_proves_that_nothing_else_is_inside(source):
    listed = kvmmmu("capture", "--list", source.capsule, "-j").json
    assert listed["nothing_else"] is True
    assert not re.search(r'"(kvm_vcpu|vmcb)\.(rip|cr[034]|efer|nested_cr3)"', json.dumps(listed))
    assert {i["why"] for i in listed["items"]} >= {"page tables", "MMU contexts", "memslots",
                                                    "masks and features", "lists of VMs and vCPUs"}
    pages = [i for i in listed["items"] if i["what"].startswith("page-table page")]
    assert len(pages) == listed["capsule"]["page_table_pages"] > 5
    assert all(i["bytes"] == 4096 for i in pages)
    # anything else that is physical or large would be memory of unknown content
    assert all(i["bytes"] <= 160 for i in listed["items"] if i not in pages)


def test_a_capsule_of_the_capsule_is_the_same_file(source, tmp_path):
    again = capture([source.capsule], tmp_path / "again", "--with-names")
    assert again.read_bytes() == source.capsule.read_bytes()


def test_two_captures_are_the_same_file(source, tmp_path):
    again = capture(source.words, tmp_path / "again", "--with-names")
    assert again.read_bytes() == source.capsule.read_bytes()


def test_names_only_when_asked(source, tmp_path):
    names = {vm["vm"]["comm"].encode() for vm in source.vms}
    without = unpacked(capture(source.words, tmp_path / "c"))
    with_names = unpacked(source.capsule)
    for name in names:
        assert len(name) > 3 and name in with_names and name not in without
    answer = kvmmmu(tmp_path / "c", "vms")
    assert answer.code == 0 and "this capsule does not contain process names" in answer.out
    ours, dump = (comparable(kvmmmu(*w, "vms", "-j")) for w in ([tmp_path / "c"], source.words))
    assert ours.pop("notes")
    for vm in dump["vms"]:
        vm["vm"]["comm"] = None
    assert ours == dump
    assert kvmmmu("capture", "--list", tmp_path / "c").code == 0


def readelf(option, image):
    with tempfile.NamedTemporaryFile() as file:
        file.write(image)
        file.flush()
        return subprocess.run(["readelf", option, file.name], check=True, text=True,
                              stdout=subprocess.PIPE).stdout


def segments(image):
    """Return (virtual, address, bytes) of the PT_LOADs, by readelf: the container is a plain ELF core."""
    run = readelf("-lW", image)
    for off, va, pa, size in re.findall(r"LOAD +(0x\w+) (0x\w+) (0x\w+) (0x\w+)", run):
        off, va, pa, size = (int(x, 16) for x in (off, va, pa, size))
        virtual = va != (1 << 64) - 1
        yield virtual, va if virtual else pa, image[off:off + size]


def test_readelf_reads_it(source):
    image = unpacked(source.capsule)
    listed = kvmmmu("capture", "--list", source.capsule, "-j").json
    found = list(segments(image))
    assert len(found) == listed["capsule"]["ranges"]
    assert readelf("-nW", image).count("KVMMMU") == 4


def test_selection(source, tmp_path):
    vm = source.vms[-1]["vm"]["number"]
    one = capture(source.words, tmp_path / "one", "--with-names", str(vm))
    assert kvmmmu("capture", "--list", one, "-j").json["nothing_else"]
    by_address = capture(source.words, tmp_path / "addr", "--with-names",
                         source.vms[-1]["vm"]["address"])
    assert by_address.read_bytes() == one.read_bytes()
    for question in (f"vms {vm}", f"perms {vm}", f"slots {vm}", f"mmu {vm}:0", f"walk {vm}:0 0"):
        assert kvmmmu(one, *question.split()).out == kvmmmu(*source.words, *question.split()).out
    if len(source.vms) > 1:
        # nothing is said about what it does not cover, neither that it is healthy nor that nothing was found
        for question in ("explain 0", "audit 0", "slots 0", "perms 0", "report 0", "mmu 0:0", "walk 0:0 0", "fault 0:0",
                         f"capture -o {tmp_path}/none 0"):
            other = kvmmmu(one, *question.split())
            assert (other.code, other.out) == (3, ""), question
            assert f"does not cover V" in other.err and f"it was made of VM {vm}" in other.err, question
        for question in ("explain", "audit", "slots", "perms", "find 0"):
            other = kvmmmu(one, *question.split(), "-j").json
            assert any(f"this capsule was made of VM {vm}: it does not cover" in note for note in other["notes"]), question
            assert {x.get("vm", x.get("about", {}).get("vm")) for key in ("vms", "memslots", "tables", "vcpus")
                    for x in other.get(key, [])} <= {vm}
        assert [x for x in kvmmmu(one, "report", "-j").json["moment"]["vcpus"] if x["vm"] != vm] == []
        again = capture([one], tmp_path / "again", "--with-names")
        assert kvmmmu("capture", "--list", again, "-j").json["capsule"]["selection"] == f"VM {vm}"
        assert source.vms[0]["vm"]["comm"] == source.vms[-1]["vm"]["comm"] or \
            source.vms[0]["vm"]["comm"].encode() not in unpacked(one)


def test_limit_is_reported(source, tmp_path):
    few = capture(source.words, tmp_path / "few", "--limit", "3")
    listed = kvmmmu("capture", "--list", few, "-j").json
    assert listed["nothing_else"] and listed["capsule"]["page_limit_hit"]
    assert listed["capsule"]["page_table_pages"] == 3
    assert "only 3 page-table pages" in kvmmmu("capture", "--list", few).out


def without_pages(to, pages):
    """Write the lab's ELF dump without some physical pages, with a header for each range between them."""
    data = (dumps("7.3") / "healthy.elf").read_bytes()
    phoff, = struct.unpack_from("<Q", data, 32)
    phnum, = struct.unpack_from("<H", data, 56)
    headers = []
    for i in range(phnum):
        kind, flags, off, va, pa, size, _mem, align = struct.unpack_from("<IIQQQQQQ", data,
                                                                         phoff + 56 * i)
        cuts = [p for p in sorted(pages) if kind == 1 and pa <= p < pa + size]
        for start, end in zip([pa] + [p + 4096 for p in cuts], cuts + [pa + size]):
            if end > start or kind != 1:
                headers.append(struct.pack("<IIQQQQQQ", kind, flags, off + start - pa, va, start,
                                           end - start, end - start, align))
    head = bytearray(data[:64])
    struct.pack_into("<Q", head, 32, len(data))
    struct.pack_into("<Q", head, 40, 0)
    struct.pack_into("<HHHHHH", head, 52, 64, 56, len(headers), 0, 0, 0)
    to.write_bytes(bytes(head) + data[64:] + b"".join(headers))


def with_secrets(image):
    """For each page that is reported as missing, yield the capsule with 16 bytes at the page's beginning."""
    phnum = int.from_bytes(image[56:58], "little")
    phdrs = [struct.unpack_from("<IIQQQQQQ", image, 64 + 56 * i) for i in range(phnum)]
    for at, (*_, filesz, memsz, _align) in enumerate(phdrs):
        if filesz or memsz != 4096:
            continue
        out = bytearray(image[:64])
        out[56:58] = (phnum + 1).to_bytes(2, "little")
        for i, (kind, flags, offset, va, pa, filesz, memsz, align) in enumerate(phdrs):
            pieces = [(0, 0, filesz, memsz)]
            if i == at:
                middle = offset
                pieces = [(0, 0, 16, 16), (16, 16, 0, 4080)]
            for ahead, behind, filesz, memsz in pieces:
                out += struct.pack("<IIQQQQQQ", kind, flags, offset + 56 + behind + 16 * (i > at),
                                   va if va == 2 ** 64 - 1 else va + ahead,
                                   pa if pa == 2 ** 64 - 1 else pa + ahead, filesz, memsz, align)
        yield bytes(out) + image[64 + 56 * phnum:middle] + b"customer's data!" + image[middle:]


@pytest.mark.parametrize("seed", range(3))
def test_missing_pages_are_reported_alike(healthy, tmp_path, seed):
    """If a dump lacks pages that its capsule would contain, the capsule reports that in the same words."""
    rng = random.Random(seed)
    found = list(segments(unpacked(healthy)))
    # the direct map starts at a multiple of 1 GiB and the machine has less memory
    pages = sorted({at & (1 << 30) - 4096 for virtual, at, data in found
                    if not virtual or at >> 47 == 0x1FFFF and at >> 44 == 0xFFFF8})
    without_pages(tmp_path / "dump", rng.sample(pages, len(pages) // 8))
    words = ["-k", kernel("7.3") / "debug", tmp_path / "dump"]
    capsule = capture(words, tmp_path / "capsule", "--with-names")
    listed = kvmmmu("capture", "--list", capsule, "-j").json
    told = 0
    asked = ["explain", "explain -j", *questions(kvmmmu(*words, "vms", "-j").json["vms"])]
    for question, dump, ours in zip(asked, batch(words[-1], asked, words[1]),
                                    batch(capsule, asked)):
        told += "missing from the dump" in dump.out
        if listed["capsule"]["pages_left_out"] and "not in this capsule" in ours.out:
            continue  # without its kvm_mmu_page no page is a proven page table
        if question.endswith("-j"):
            assert without_rip(without_source(ours.json)) == without_rip(without_source(dump.json))
        else:
            assert (ours.code, ours.out) == (dump.code, dump.out), question
    assert told or listed["capsule"]["pages_left_out"]
    # if a part of a page is missing, nothing else in it counts as expected
    found = []
    for image in with_secrets(unpacked(capsule)):
        (tmp_path / "secret").write_bytes(image)
        answer = kvmmmu("capture", "--list", tmp_path / "secret")
        assert answer.code in (0, 3) and not answer.err, answer.err
        found.append("16 bytes at" in " ".join(answer.out.split()))
    assert any(found)


@pytest.fixture(scope="module")
def healthy(tmp_path_factory):
    return capture([dumps("7.3") / "healthy.kdump"],
                   tmp_path_factory.mktemp("healthy") / "c.kvmmmu", "--with-names")


def test_dwarf_answers_as_btf(healthy, tmp_path):
    dwarf = capture(["-k", kernel("7.3") / "debug", dumps("7.3") / "healthy.kdump"],
                    tmp_path / "dwarf", "--with-names", "--types", "dwarf")
    assert kvmmmu("capture", "--list", dwarf).code == 0
    assert str(kernel("7.3")).encode() not in unpacked(dwarf)
    lines = [f"{q} -j" for q in questions(kvmmmu(healthy, "vms", "-j").json["vms"])]
    for line, ours, theirs in zip(lines, batch(dwarf, lines), batch(healthy, lines)):
        assert comparable(ours) == comparable(theirs), line


def test_guest_registers_are_not_inside(healthy):
    """For every vCPU no range covers the guest's registers, and vms shows null for them."""
    inside = [(at, at + len(data)) for virtual, at, data in segments(unpacked(healthy)) if virtual]
    run = subprocess.run(
        ["gdb", "-q", "-batch", *sum((["-ex", f"p/x (long)&((struct kvm_vcpu *)0)->arch.{m}"]
                                      for m in ("rip", "cr0", "cr3", "cr4", "efer", "regs")), []),
         next((kernel("7.3") / "debug").rglob("kvm.ko"))], text=True, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL).stdout
    offsets = [int(x, 16) for x in re.findall(r"= (0x[0-9a-f]+)", run)]
    assert len(offsets) >= 5
    for vm in truth("7.3", "healthy")["gdb"]["vms"]:
        for vcpu in vm["vcpus"]:
            for offset in offsets:
                at = number(vcpu["address"]) + offset
                assert not any(start < at + 8 and at < end for start, end in inside), hex(offset)
    for vm in kvmmmu(healthy, "vms", "-j").json["vms"]:
        assert all(v[r] is None for v in vm["vcpus"] for r in REGISTERS)


def test_added_bytes_are_found(healthy, tmp_path):
    image = unpacked(healthy)
    phnum = int.from_bytes(image[56:58], "little")
    phdrs = [image[64 + 56 * i:120 + 56 * i] for i in range(phnum)]

    def rebuilt(extra_at, extra):
        """Return the image with one more segment of physical memory at the end."""
        out = bytearray(image[:64])
        out[56:58] = (phnum + 1).to_bytes(2, "little")
        for p in phdrs:
            p = bytearray(p)
            offset = int.from_bytes(p[8:16], "little") + 56
            p[8:16] = offset.to_bytes(8, "little")
            out += p
        size = len(extra).to_bytes(8, "little")
        out += (1).to_bytes(4, "little") + (4).to_bytes(4, "little")
        out += (len(image) + 56).to_bytes(8, "little") + b"\xff" * 8
        out += extra_at.to_bytes(8, "little") + size + size + bytes(8)
        return bytes(out) + image[64 + 56 * phnum:] + extra

    plain = tmp_path / "plain"
    plain.write_bytes(image)
    assert kvmmmu("capture", "--list", plain).code == 0
    assert kvmmmu(plain, "vms").code == 0
    plain.write_bytes(rebuilt(0x7FFFF000, b"customer data"))
    answer = kvmmmu("capture", "--list", plain)
    assert answer.code == 3
    assert "does not read the 13 bytes at physical address 0x7ffff000" in " ".join(answer.out.split())
    plain.write_bytes(image + b"more")
    answer = kvmmmu("capture", "--list", plain)
    assert answer.code == 3 and "after the last segment" in answer.err
    whole = healthy.read_bytes()
    plain.write_bytes(whole + b"\x50\x2a\x4d\x18\x04\x00\x00\x00more")
    assert kvmmmu("capture", "--list", plain).code == 3
    # packed again it is still a capsule, but gzip's header can contain a name
    plain.write_bytes(image)
    subprocess.run(["gzip", "-9", plain], check=True)
    assert kvmmmu(f"{plain}.gz", "vms").code == 0
    answer = kvmmmu("capture", "--list", f"{plain}.gz")
    assert answer.code == 3 and "gzip header" in answer.out
    # in the notes: a value of the manifest that no one knows, a symbol that no one asks for
    at = image.index(b'"types_made":false')
    plain.write_bytes(image[:at] + b'"types_made" :null' + image[at + 18:])
    assert kvmmmu("capture", "--list", plain).code == 3
    at = image.index(b'"tdp_enabled"')
    plain.write_bytes(image[:at] + b'"tdp_enabl3d"' + image[at + 13:])
    assert kvmmmu("capture", "--list", plain).code == 3


def test_file_is_whole_or_not_there(healthy, tmp_path):
    dump = dumps("7.3") / "healthy.kdump"
    for to, part in ((tmp_path / "none" / "x", "No such file"), ("/dev/full/x", "Not a directory"),
                     (tmp_path, "Is a directory")):
        answer = kvmmmu(dump, "capture", "-o", to)
        assert answer.code == 3 and part in answer.err, answer.err
    # no space: a limit on the size of files
    run = subprocess.run(f"trap '' XFSZ; ulimit -f 4; exec {BUILD}/kvmmmu {healthy} capture -o "
                         f"{tmp_path}/small", shell=True, executable="/bin/bash", text=True,
                         capture_output=True)
    assert run.returncode == 3 and "File too large" in run.stderr
    assert not list(tmp_path.iterdir())
    answer = kvmmmu(dump, "capture")
    assert answer.code == 2 and "-o FILE" in answer.err
    assert kvmmmu("capture", "--list", "/nonexistent").code == 3


def test_files_that_are_not_capsules(tmp_path):
    for name, pack in (("zstd", "zstd -q"), ("zstd-bomb", "zstd -q --stream-size=536870912"),
                       ("gzip", "gzip -6n"), ("gzip-bomb", "gzip -6n")):
        source = "head -c 512M /dev/zero" if "bomb" in name else f"cat {TOP}/Makefile"
        subprocess.run(f"{source} | {pack} > {tmp_path}/{name}", shell=True, check=True)
    cut = tmp_path / "cut"
    cut.write_bytes(SAMPLES[0].read_bytes()[:4096])
    assert "truncated" in kvmmmu(cut, "vms").err
    for path in tmp_path.iterdir():
        for words in ([path, "vms"], ["capture", "--list", path]):
            answer = kvmmmu(*words, program=BUILD / "asan" / "kvmmmu")
            assert answer.code == 3 and len(answer.err.splitlines()) == 1, answer.err
            assert "damaged capsule" in answer.err or "not a capsule" in answer.err


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda p: p.stem)
def test_damaged(sample):
    """Truncated at every 512 bytes, and with 200 seeded mutations, under ASan and UBSan."""
    run = subprocess.run([BUILD / "asan" / "hostile", sample, "200", "1"], text=True,
                         capture_output=True, timeout=600,
                         env={**os.environ, "LSAN_OPTIONS": "print_suppressions=0"})
    assert run.returncode == 0, run.stderr[-3000:]
    assert float(run.stdout) < 1000


def sample_questions(sample):
    asked = ["vms", "perms", "slots", "explain"]
    for vm in kvmmmu(sample, "vms", "-j").json["vms"]:
        for vcpu in vm["vcpus"]:
            name = f"{vm['vm']['number']}:{vcpu['index']}"
            asked += [f"mmu {name}", f"fault {name}", f"walk {name} 1000",
                      f"fault {name} -a 1000 -e 6", f"explain {name}"]
    return asked


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda p: p.stem)
def test_samples_answer_word_for_word(sample):
    said = ""
    for question in sample_questions(sample):
        answer = kvmmmu(sample, *question.split())
        said += f"$ kvmmmu {sample.name} {question}\n{answer.out}{answer.err}"
    assert_golden(EXPECTED / f"{sample.stem}.txt", said)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda p: p.stem)
def test_samples_hold_nothing_else(sample):
    assert kvmmmu("capture", "--list", sample).code == 0
    listed = f"| {sample.name} |" in (TOP / "samples" / "README.md").read_text()
    assert listed == (sample.parent.name == "samples")


def test_scenarios_hold_nothing_else():
    """BTF that is not completely deduplicated does not leave unused types in a capsule."""
    scenarios = sorted((TOP / "samples" / "scenarios").glob("*/*.kvmmmu"))
    assert {path.parent.name for path in scenarios} == {"6.1", "6.12", "7.2", "7.3"}
    listed = {path: kvmmmu("capture", "--list", path) for path in scenarios}
    assert not {name: answer.out[-200:] for name, answer in listed.items() if answer.code}


def test_mmio_gva_is_not_guessed():
    """arch.mmio_gva is not in a capsule: whether the MMIO cache matches is open, unless the SPTE decides it."""
    sample = TOP / "samples" / "amd-7.3-shadow-paging.kvmmmu"
    steps = kvmmmu(sample, "fault", "0:0", "-a", "21000", "-e", "f", "--trace", "-j").json["path"]["steps"]
    assert any(step["id"] == "mmio-cache" and step["outcome"] == "open" for step in steps)
    path = kvmmmu(sample, "explain", "0:0", "-j").json["vcpus"][0]["path"]
    assert path["ret"] == "RET_PF_EMULATE"
