# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever is in a capsule: at most 200 MiB and 10 seconds of CPU time, and a reason if it is refused."""

import gzip
import json
import os
import resource
import struct
import subprocess

import pytest

from tools import BUILD, TOP, kvmmmu, measured, unpacked

SAMPLE = TOP / "samples" / "amd-7.3-looping.kvmmmu"
QUESTIONS = (["explain", "-j"], ["vms"], ["capture", "-o", "-"])


def check(path, reason=None, questions=QUESTIONS):
    for words in questions:
        code, out, memory, cpu = measured(path, words)
        assert memory <= 200 and cpu <= 10, (words, memory, cpu)
        assert code in (0, 3), out
        if reason:
            assert code == 3 and reason in out and len(out.splitlines()) == 1, (words, out)
    listed = kvmmmu("capture", "--list", path)
    assert listed.code in (0, 3)


def notes(image):
    """Offsets of the four notes' descriptions, and their sizes."""
    at, = struct.unpack_from("<Q", image, 64 + 8)
    found = []
    for _ in range(4):
        name, size, _kind = struct.unpack_from("<III", image, at)
        found.append((at + 12 + (name + 3 & -4), size))
        at = found[-1][0] + (size + 3 & -4)
    return found


def with_note(image, number, text):
    """The capsule with another text in that note; later offsets are moved."""
    at, size = notes(image)[number - 1]
    old, new = size + 3 & -4, len(text) + 3 & -4
    out = bytearray(image)
    out[at:at + old] = text.ljust(new, b"\0")
    struct.pack_into("<I", out, at - 12 - 8 + 4, len(text))
    count, = struct.unpack_from("<H", out, 56)
    for i in range(count):
        where = 64 + 56 * i
        offset, = struct.unpack_from("<Q", out, where + 8)
        if i:
            struct.pack_into("<Q", out, where + 8, offset + new - old)
        else:
            size, = struct.unpack_from("<Q", out, where + 32)
            struct.pack_into("<Q", out, where + 32, size + new - old)
    return bytes(out)


def text_of(image, number):
    at, size = notes(image)[number - 1]
    return image[at:at + size]


@pytest.fixture(scope="module")
def image():
    return unpacked(SAMPLE)


def written(tmp_path, image):
    (tmp_path / "bomb").write_bytes(gzip.compress(image, 6))
    return tmp_path / "bomb"


def test_rewriting_changes_nothing(image, tmp_path):
    for number in 2, 4:
        assert with_note(image, number, text_of(image, number)) == image
    again = written(tmp_path, with_note(image, 4, text_of(image, 4).replace(b",", b" ,\n")))
    assert kvmmmu(again, "explain").out == kvmmmu(SAMPLE, "explain").out


FILLERS = {"many": b"[" + b"{}," * 500000 + b"{}]", "deep": b"[" * 31 + b"]" * 31, "one": b"1"}


@pytest.mark.parametrize("number,where", [(2, "the manifest"), (4, "the note of stacks")])
@pytest.mark.parametrize("filler", FILLERS.values(), ids=FILLERS)
def test_unknown_keys_are_refused(image, tmp_path, number, where, filler):
    text = text_of(image, number).rstrip()
    reason = "too long" if number == 2 and len(filler) > 1 << 18 else f'{where} has an unknown key "more"'
    check(written(tmp_path, with_note(image, number, text[:-1] + b',"more":' + filler + b"}")), reason)


@pytest.mark.parametrize("what", ["tasks", "stacks"])
def test_unknown_keys_of_elements_are_refused(image, tmp_path, what):
    saved = json.loads(text_of(image, 4))
    saved[what][0]["more"] = [{}] * 100
    bomb = with_note(image, 4, json.dumps(saved).encode())
    check(written(tmp_path, bomb), f'a {what[:-1]} has an unknown key "more"')


@pytest.mark.parametrize("what,count", [("tasks", 1000000), ("stacks", 200000),
                                        ("stacks", 1000000)])
def test_many_tasks_and_stacks(image, tmp_path, what, count):
    saved = json.loads(text_of(image, 4))
    element = {"task": "0x1"}
    text = json.dumps(saved).encode()
    more = b", ".join([json.dumps(element).encode()] * count)
    text = text.replace(f'"{what}": ['.encode(), f'"{what}": ['.encode() + more + b", ")
    check(written(tmp_path, with_note(image, 4, text)), "more than the limit")


def test_many_tasks_that_fit(image, tmp_path):
    """4,000 tasks with full stacks are answered."""
    saved = json.loads(text_of(image, 4))
    frames = max((s["frames"] for s in saved["stacks"]), key=len)
    stack = dict(saved["stacks"][0], frames=(frames * 48)[:48])
    for i in range(4000):
        task = hex(0xffff888000000000 + i * 8192)
        saved["tasks"].append(dict(saved["tasks"][0], task=task))
        saved["stacks"].append(dict(stack, task=task))
    bomb = written(tmp_path, with_note(image, 4, json.dumps(saved, separators=(",", ":")).encode()))
    check(bomb)
    assert "stuck" in kvmmmu(bomb, "explain").out


def test_an_element_without_end(image, tmp_path):
    text = text_of(image, 4).replace(b'"tasks":[', b'"tasks":[{"comm":"' + b"x" * 3000000 + b'"},')
    check(written(tmp_path, with_note(image, 4, text)), "the note of stacks is malformed")


@pytest.mark.parametrize("mib", [79, 81, 200])
def test_sizes(image, tmp_path, mib):
    """Just below the limit, just above it, and far above; zeros, and data that cannot be compressed."""
    grown = bytearray(image)
    count, = struct.unpack_from("<H", image, 56)
    size = (mib << 20) - len(image) - 56
    last = 64 + 56 * count
    for i in range(count):
        offset, = struct.unpack_from("<Q", image, 64 + 56 * i + 8)
        struct.pack_into("<Q", grown, 64 + 56 * i + 8, offset + 56)
    struct.pack_into("<H", grown, 56, count + 1)
    grown[last:last] = struct.pack("<IIQQQQQQ", 1, 4, len(image) + 56, (1 << 64) - 1, 1 << 45, size, size, 0)
    bomb = tmp_path / "bomb"
    with open(bomb, "wb") as file:
        file.write(grown)
        file.truncate(mib << 20)
    check(bomb, None if mib < 80 else "limit of 80 MiB")
    if mib < 80:
        assert "stuck" in kvmmmu(bomb, "explain").out
    subprocess.run(["gzip", "-1nf", bomb], check=True)
    check(f"{bomb}.gz", None if mib < 80 else "limit of 80 MiB")
    if mib == 79:
        with open(bomb, "wb") as file:
            file.write(grown)
            file.write(os.urandom(size))
        subprocess.run(["gzip", "-1nf", bomb], check=True)
        check(f"{bomb}.gz", None, (["explain"], ["explain", "-j"]))


@pytest.mark.parametrize("pack", ["gzip -1n", "zstd -q -1"])
def test_other_compressed_files(tmp_path, pack):
    for name, source, reason in (
            ("small", f"cat {TOP}/Makefile", "not a capsule"),
            # zstd leaves out the size of what comes from a pipe; a capsule has it
            ("huge", "head -c 300M /dev/zero", "damaged capsule: " if "gzip" in pack else "not a capsule"),
            ("random", "head -c 100M /dev/urandom", "limit of 80 MiB")):
        subprocess.run(f"{source} | {pack} > {tmp_path}/{name}", shell=True, check=True)
        check(tmp_path / name, reason, [["explain"]])


def test_segments_of_one_byte(image, tmp_path):
    """A program header takes 56 bytes of the file, and memory beside it."""
    count = 600000
    at = notes(image)[0][0] - 12 - 8
    end = notes(image)[3][0] + (notes(image)[3][1] + 3 & -4)
    head = bytearray(image[:64])
    struct.pack_into("<H", head, 56, 0xffff)
    first = 64 + 56 * (count + 1) + 64
    struct.pack_into("<QI", head, 40, first - 64, 0)
    struct.pack_into("<HH", head, 58, 64, 1)
    phdrs = bytearray(image[64:120])
    struct.pack_into("<Q", phdrs, 8, first)
    offset = first + end - at
    for i in range(count):
        phdrs += struct.pack("<IIQQQQQQ", 1, 4, offset + i, (1 << 64) - 1, i * 2, 1, 1, 0)
    section = bytearray(64)
    struct.pack_into("<I", section, 44, count + 1)
    bomb = tmp_path / "bomb"
    bomb.write_bytes(bytes(head) + bytes(phdrs) + bytes(section) + image[at:end] + bytes(count))
    check(bomb)
    assert "damaged" not in kvmmmu(bomb, "vms").err


def with_ranges(image, ranges):
    """The capsule with these ranges of virtual memory in place of those that they overlap."""
    count, = struct.unpack_from("<H", image, 56)
    old = [struct.unpack_from("<IIQQQQQQ", image, 64 + 56 * i) for i in range(count)]
    kept = [(va, pa, image[off:off + filesz], memsz) for _k, _f, off, va, pa, filesz, memsz, _a in old[1:]
            if not any(va < at + len(data) and at < va + memsz for at, data in ranges)]
    everything = sorted(kept + [(at, NONE, data, len(data)) for at, data in ranges],
                        key=lambda s: (s[0] == NONE, s[1] if s[0] == NONE else s[0]))
    note = image[old[0][2]:old[0][2] + old[0][5]]
    offset = 64 + 56 * (len(everything) + 1)
    out = bytearray(image[:64]) + bytearray(image[64:120])
    struct.pack_into("<H", out, 56, len(everything) + 1)
    struct.pack_into("<Q", out, 64 + 8, offset)
    offset += len(note)
    for va, pa, data, memsz in everything:
        out += struct.pack("<IIQQQQQQ", 1, 4, offset, va, pa, len(data), memsz, 0)
        offset += len(data)
    return bytes(out) + note + b"".join(data for *_, data, _ in everything)


NONE = (1 << 64) - 1
REGION = 0xffff900000000000  # no dump has this in use


def listed(words):
    return kvmmmu(*words, "-j").json


def member(name, vm):
    """Offset of a member of struct kvm, by what the capsule says that it contains."""
    at = int(vm["address"], 16)
    return min(int(i["address"], 16) - at for i in listed(["capture", "--list", SAMPLE])["items"]
               if i["what"] == name and int(i["address"], 16) >= at)


def test_many_vms(image, tmp_path):
    """Structures that overlap: 60,000 VMs in 4 MB."""
    vm = listed([SAMPLE, "vms"])["vms"][0]["vm"]
    head = next(int(s["address"], 16) for s in listed(["capture", "--list", SAMPLE])["symbols"]
                if s["name"] == "vm_list")
    link, stride, count = member("list_head.next", vm), 64, 60000
    region = bytearray(count * stride + 65536)
    for i in range(count):
        at = i * stride + link
        struct.pack_into("<Q", region, at, REGION + at + stride if i + 1 < count else head)
    bomb = with_ranges(image, [(REGION, bytes(region)), (head, struct.pack("<QQ", REGION + link, 0))])
    check(written(tmp_path, bomb), None, [["vms", "-j"]])


def test_many_vcpus(image, tmp_path):
    """4,096 vCPUs in one VM, which overlap each other."""
    vm = listed([SAMPLE, "vms"])["vms"][0]["vm"]
    kvm = int(vm["address"], 16)
    array, online = kvm + member("xarray.xa_head", vm), kvm + member("kvm.online_vcpus", vm)
    node, vcpus = REGION, REGION + 65 * 1024
    region = bytearray(65 * 1024 + 4096 * 8 + 65536)

    def put(at, shift, slots):
        region[at] = shift
        struct.pack_into("<Q", region, at + 16, array - 8)
        struct.pack_into("<64Q", region, at + 40, *slots)

    put(0, 6, [node + 1024 * (i + 1) | 2 for i in range(64)])
    for i in range(64):
        put(1024 * (i + 1), 0, [vcpus + 8 * (64 * i + j) for j in range(64)])
    bomb = with_ranges(image, [(REGION, bytes(region)), (array, struct.pack("<Q", node | 2)),
                               (online, struct.pack("<I", 4096))])
    check(written(tmp_path, bomb))


HOSTILE = TOP / "tests" / "capsule" / "hostile"


def test_handed_note_with_millions_of_keys():
    check(HOSTILE / "bomb-stacks-json-3M.kvmmmu", 'the note of stacks has an unknown key "x"')


def test_handed_nodes_with_65536_slots():
    """They all lead to a few vCPUs: each is shown once, and what contradicts is named."""
    path = HOSTILE / "bomb-vcpus-65536.kvmmmu"
    check(path)
    answer = kvmmmu(path, "explain", "-j").json
    assert len(answer["vcpus"]) == 7
    assert any("at most 4096 vCPUs are possible" in note for note in answer["notes"])
    assert [v["certainty"] for v in answer["vcpus"] if v["vm"] == 1] == ["possible"]


def test_memory_is_what_is_measured():
    """The measurement itself: a process that takes 300 MiB."""
    run = subprocess.Popen(["python3", "-c", "x = bytearray(300 << 20)"])
    assert os.wait4(run.pid, 0)[2].ru_maxrss / 1024 > 250
    run.returncode = 0
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
