# SPDX-License-Identifier: GPL-2.0-or-later
"""capture -o and report -o in crash and gdb: neither the dump nor the kernel's file that the debugger reads is overwritten."""

import os
import shutil
import stat

import pytest

from machine import SCRIPT, run_gdb
from tools import Crash, dumps, kernel, kvmmmu


def linked(source, to):
    """The same file by another name: what replaces it would leave the other name as it is."""
    try:
        os.link(source, to)
    except OSError:
        shutil.copy(source, to)
    return to


@pytest.fixture(scope="module", params=["crash", "gdb"])
def session(request, tmp_path_factory):
    """{path: ([what was there, inode], [(command, its output)])} of one session of the debugger."""
    folder = tmp_path_factory.mktemp("output")
    dump = linked(dumps("7.3") / ("healthy.elf" if request.param == "gdb" else "healthy.kdump"), folder / "dump")
    vmlinux = linked(kernel("7.3") / "vmlinux", folder / "vmlinux")
    os.mkfifo(folder / "fifo")
    (folder / "link").symlink_to(folder / "elsewhere")
    (folder / "existing").write_text("something else")
    paths = [dump, vmlinux, *(folder / name for name in ("fifo", "link", "existing", "new"))]
    before = {path: path.lstat() for path in paths if os.path.lexists(path)}
    force = {path: "" if path.name == "existing" else "--force" for path in paths}
    commands = [f"kvmmmu {command} -o {path}{'.txt' if path.name == 'new' and command == 'report' else ''} {force[path]}"
                for path in paths for command in ("capture", "report")]
    if request.param == "crash":
        said = Crash("7.3", dump, vmlinux=vmlinux).run(*commands)
    else:
        said = run_gdb(f"file {vmlinux}", f"core-file {dump}", f"source {SCRIPT}", *commands)[3:]
    yield folder, before, dict(zip(commands, said))
    shutil.rmtree(folder)


REASONS = {"dump": "being read", "vmlinux": "being read", "fifo": "not a regular", "link": "symbolic link", "existing": "--force"}


def test_nothing_is_overwritten(session):
    _, before, said = session
    for path, status in before.items():
        answers = [text for command, text in said.items() if f"-o {path} " in command]
        assert len(answers) == 2
        for text in answers:
            assert REASONS[path.name] in text and len(text.strip().splitlines()) == 1, text
        now = path.lstat()
        assert (now.st_ino, now.st_size, now.st_mode) == (status.st_ino, status.st_size, status.st_mode)


def test_a_new_file_is_written(session):
    folder, before, said = session
    assert {path.name for path in folder.iterdir()} == {path.name for path in before} | {"new", "new.txt"}
    for name in "new", "new.txt":
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    assert "vCPU" in (folder / "new.txt").read_text()
    assert kvmmmu("capture", "--list", folder / "new").code == 0
