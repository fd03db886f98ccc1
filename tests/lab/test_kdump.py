# SPDX-License-Identifier: GPL-2.0-or-later
"""Dump files as makedumpfile writes them: all its forms, dump levels that lose pages, files that are incomplete.

One kdump is taken by a real crash kernel; makedumpfile here reads what was /proc/vmcore there.
"""

import json
import os
import shutil
import struct
import subprocess
import sys

import pytest

from tools import TOP, kernel, kvmmmu, lab, need_lab, without_source

sys.path.insert(0, str(TOP / "scripts" / "lab" / "kdump"))

import verdicts as judge  # noqa: E402

FORMS = ("-c -d 0", "-l -d 1", "-z -d 17", "-c -d 23", "-E -d 23", "-F -c -d 23")
INCOMPLETE = "the dump is incomplete"


@pytest.fixture(scope="module")
def makedumpfile():
    return lab("tool", "makedumpfile") / "makedumpfile"


@pytest.fixture(scope="module")
def taken(tmp_path_factory):
    """A kdump, with /proc/vmcore as it was. The CPU that takes the NMI panics on top of what it did: most likely a
    vCPU's loop."""
    to = tmp_path_factory.mktemp("kdump")
    need_lab()
    # On a loaded machine a guest may not have reached its loop when the crash comes: another seed, another moment.
    for seed in (os.getpid(), os.getpid() + 1):
        run = subprocess.run([TOP / "scripts/lab/lab", "kdump", "--into", to, "--seed", str(seed), "--trigger", "nmi",
                              "7.3", "invalidate-leaked", "frozen-spte", "spurious-loop", "healthy-dirty-log"],
                             env={**os.environ, "LAB_RAW": "1"})
        if run.returncode == 0:
            break
    assert run.returncode == 0
    yield next(to.glob("*.kdump"))
    shutil.rmtree(to)


@pytest.fixture(scope="module")
def elf(taken):
    return taken.with_suffix(".vmcore")


def test_each_vcpu_is_judged_as_the_truth_says(taken):
    assert len(json.loads(taken.with_suffix(".json").read_text())["machines"]) == 4
    assert not [j.problem for j in judge.judge(taken) if j.problem]


def written(makedumpfile, options, elf, to):
    """A dump in this form, at @to; -F writes to standard output."""
    words = [makedumpfile, *options.split(), elf]
    with open(to, "wb") as out:
        if "-F" in words:
            subprocess.run(words, check=True, stdout=out, stderr=subprocess.PIPE)
    if "-F" not in words:
        to.unlink()
        subprocess.run([*words, to], check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return to


@pytest.mark.parametrize("options", FORMS)
def test_every_form_gives_the_same_answers(makedumpfile, elf, tmp_path, options):
    dump = written(makedumpfile, options, elf, tmp_path / "dump")
    for command in ("vms", "explain"):
        assert without_source(kvmmmu(dump, command, "-j").json) == without_source(kvmmmu(elf, command, "-j").json)


def test_split_parts_are_refused_or_joined(makedumpfile, elf, tmp_path):
    """makedumpfile --reassemble makes one file of the parts; one part alone lacks pages."""
    parts = [tmp_path / name for name in ("one", "two")]
    subprocess.run([makedumpfile, "--split", "-c", "-d", "23", elf, *parts], check=True, stdout=subprocess.PIPE)
    subprocess.run([makedumpfile, "--reassemble", *parts, tmp_path / "whole"], check=True, stdout=subprocess.PIPE)
    said = kvmmmu(tmp_path / "whole", "vms", "-j").json
    assert without_source(said) == without_source(kvmmmu(elf, "vms", "-j").json)


@pytest.fixture(scope="module")
def without_slab(makedumpfile, elf, tmp_path_factory):
    return written(makedumpfile, "-c -d 31", elf, tmp_path_factory.mktemp("level") / "dump")


def test_a_level_that_drops_slab_pages_is_named(without_slab):
    """makedumpfile up to 1.7.8 takes slab pages of 7.x for user pages, and ends with 0."""
    said = kvmmmu(without_slab, "explain")
    assert said.code != 0
    assert "-d 23 keeps them" in said.err


def test_with_debuginfo_the_answer_says_what_is_missing(without_slab, elf):
    said = kvmmmu("-k", kernel("7.3") / "debug", without_slab, "explain", "-j").json
    assert any("-d 23 keeps them" in note for note in said["notes"])
    # which slab pages are dropped is chance: those of a whole VM may be there
    whole = {v["about"]["address"]: v for v in kvmmmu(elf, "explain", "-j").json["vcpus"]}
    for v in said["vcpus"]:
        if v["state"] in ("healthy", "progressing") and v["certainty"] in judge.SURE:
            of = whole[v["about"]["address"]]
            assert (v["state"], v["verdict"]) == (of["state"], of["verdict"]), "pages that are missing made it healthy"


@pytest.mark.parametrize("options", ("-c -d 17", "-E -d 23"))
def test_a_file_that_was_cut_off_is_called_that(makedumpfile, elf, tmp_path, options):
    dump = written(makedumpfile, options, elf, tmp_path / "dump")
    os.truncate(dump, dump.stat().st_size // 4)
    said = kvmmmu(dump, "vms")
    assert said.code != 0
    assert INCOMPLETE in said.err and "shorter than its headers claim" in said.err
    assert "is this a Linux kernel" not in said.err


def test_a_cut_before_pages_of_zeros(makedumpfile, elf, tmp_path):
    """All pages of zeros are one, at the beginning: the last pages are made such ones by hand, for a test without chance."""
    dump = written(makedumpfile, "-c -d 17", elf, tmp_path / "dump")
    with open(dump, "r+b") as file:
        header = file.read(464)
        block, sub, bitmap = struct.unpack_from("<III", header, 428)
        file.seek((1 + sub) * block + bitmap * block // 2)
        count = sum(byte.bit_count() for byte in file.read(bitmap * block // 2))
        descs = (1 + sub + bitmap) * block
        zeros = min(range(descs, descs + 24 * 64, 24), key=lambda at: file.seek(at) and struct.unpack("<Q", file.read(8))[0])
        file.seek(zeros)
        zero = file.read(24)
        for at in range(descs + 24 * (count - 1500), descs + 24 * count, 24):
            file.seek(at)
            file.write(zero)
    assert "incomplete" not in kvmmmu(dump, "vms").out
    os.truncate(dump, dump.stat().st_size // 4)
    assert INCOMPLETE in kvmmmu(dump, "vms").err


# Where the mark is, and which bit: disk_dump_header.status, e_flags of the ELF header.
MARKS = {"-c -d 17": (424, 0x8), "-E -d 23": (48, 0x1)}


@pytest.mark.parametrize("options", MARKS)
def test_makedumpfile_s_mark_of_an_incomplete_file(makedumpfile, elf, tmp_path, options):
    """The mark is set by hand, on a file that was cut as a full disk cuts it."""
    dump = written(makedumpfile, options, elf, tmp_path / "dump")
    at, bit = MARKS[options]
    with open(dump, "r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        assert not byte & bit
        file.seek(at)
        file.write(bytes([byte | bit]))
        file.truncate(dump.stat().st_size // 4)
    said = kvmmmu(dump, "vms")
    assert said.code != 0
    assert INCOMPLETE in said.err and "makedumpfile could not write all of it" in said.err
