# SPDX-License-Identifier: GPL-2.0-or-later
"""capture -o overwrites nothing that it should not: not its input, no device, no file without --force."""

import os
import shutil
import socket
import stat
import subprocess

import pytest

from tools import BUILD, TOP, dumps, kvmmmu

SAMPLE = TOP / "samples" / "amd-7.3-healthy.kvmmmu"


@pytest.fixture
def sample(tmp_path):
    return shutil.copy(SAMPLE, tmp_path / "sample")


def refused(words, path, reason, *options):
    before = path.read_bytes() if path.is_file() else None
    answer = kvmmmu(*words, "capture", "-o", path, *options)
    assert answer.code == 3 and not answer.out and reason in answer.err, answer
    assert len(answer.err.splitlines()) == 1
    assert before is None or path.read_bytes() == before
    assert not list(path.parent.glob("*.??????"))


@pytest.mark.parametrize("options", [[], ["--force"]])
def test_the_input_is_not_overwritten(sample, tmp_path, options):
    refused([sample], sample, "being read", *options)
    os.link(sample, tmp_path / "hard-link")
    refused([sample], tmp_path / "hard-link", "being read", *options)
    (tmp_path / "link").symlink_to(sample)
    refused([tmp_path / "link"], sample, "being read", *options)


def test_a_dump_and_its_debuginfo_are_not_overwritten(tmp_path):
    (tmp_path / "vmlinux").write_text("not really")
    for name in "healthy.kdump", "healthy.elf":
        dump = shutil.copy(dumps("7.3") / name, tmp_path / name)
        refused([dump], dump, "being read", "--force")
        refused(["-k", tmp_path / "vmlinux", dump], tmp_path / "vmlinux", "being read", "--force")
        dump.unlink()


def test_only_regular_files_are_overwritten(sample, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "link-to-file").symlink_to(sample)
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        for name, reason in ("link", "symbolic link"), ("link-to-file", "symbolic link"), \
                ("folder", "Is a directory"), ("fifo", "not a regular"), ("socket", "not a regular"):
            refused([sample], tmp_path / name, reason, "--force")
    assert not (tmp_path / "elsewhere").exists() and (tmp_path / "link").is_symlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="making a device node requires root")
def test_devices_are_not_replaced(sample, tmp_path):
    os.mknod(tmp_path / "null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    refused([sample], tmp_path / "null", "not a regular", "--force")
    assert stat.S_ISCHR(os.stat(tmp_path / "null").st_mode)


def test_force_is_required_and_keeps_mode_and_owner(sample, tmp_path):
    to = tmp_path / "existing"
    to.write_text("something else")
    os.chmod(to, 0o640)
    if os.geteuid() == 0:
        os.chown(to, 1234, 4321)
    before = os.stat(to)
    refused([sample], to, "--force")
    answer = kvmmmu(sample, "capture", "-o", to, "--force")
    assert answer.code == 0, answer.err
    after = os.stat(to)
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert kvmmmu("capture", "--list", to).code == 0


@pytest.mark.parametrize("umask", [0, 0o22, 0o77])
def test_a_new_file_is_private(sample, tmp_path, umask):
    subprocess.run([BUILD / "kvmmmu", sample, "capture", "-o", tmp_path / "new"], check=True,
                   stdout=subprocess.DEVNULL, umask=umask)
    assert stat.S_IMODE(os.stat(tmp_path / "new").st_mode) == 0o600


def test_standard_output(sample, tmp_path):
    run = subprocess.run([BUILD / "kvmmmu", sample, "capture", "-o", "-"], capture_output=True, check=True)
    assert b"capsule" in run.stderr
    kvmmmu(sample, "capture", "-o", tmp_path / "file")
    assert run.stdout == (tmp_path / "file").read_bytes()
    run = subprocess.run(["script", "-qec", f"{BUILD}/kvmmmu {sample} capture -o -", "/dev/null"],
                         capture_output=True, text=True)
    assert run.returncode == 3 and "standard output is a terminal" in run.stdout
    run = subprocess.run(f"{BUILD}/kvmmmu {sample} capture -o - > /dev/full", shell=True,
                         capture_output=True, text=True)
    assert run.returncode == 3 and "No space left" in run.stderr


def test_a_limit_above_the_maximum_is_refused(sample, tmp_path):
    """It was reduced to the maximum silently."""
    answer = kvmmmu(sample, "capture", "-o", tmp_path / "out", "--limit", "16385")
    assert answer.code == 2 and "at most 16384" in answer.err, answer
    assert not (tmp_path / "out").exists()
    assert kvmmmu(sample, "capture", "-o", tmp_path / "out", "--limit", "16384").code == 0
