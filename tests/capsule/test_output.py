# SPDX-License-Identifier: GPL-2.0-or-later
"""No option overwrites what it should not: not the input, no device, no file without --force."""

import os
import re
import resource
import shutil
import signal
import socket
import stat
import subprocess

import pytest

from tools import BUILD, TOP, dumps, kernel, kvmmmu

SAMPLE = TOP / "samples" / "amd-7.3-healthy.kvmmmu"
# What writes a file: the words before its path, and the file's name ("/": the path is the folder of the file, which
# is written with those of the other formats). test_these_options_write compares the commands with the option table.
WRITERS = {"capture": (["capture", "-o"], "out"), "report": (["report", "-o"], "out"),
           "report in a folder": (["report", "-o"], "folder/report.json")}


def status_of(folder):
    """What changes if a file of the folder is written or replaced."""
    return {path: (s.st_ino, s.st_size, s.st_mode, s.st_mtime_ns) for path in folder.iterdir() for s in [path.lstat()]}


class Writer:
    """An option that writes a file; .path is where."""

    def __init__(self, name, folder):
        self.words, file = WRITERS[name]
        self.path = folder / file
        self.folder = self.path.parent if "/" in file else None
        self.path.parent.mkdir(exist_ok=True)

    def argv(self):
        return [*self.words, self.folder or self.path]

    def write(self, *words, force=False):
        """Run it on what @words open."""
        return kvmmmu(*words, *self.argv(), *(["--force"] if force else []))

    def refused(self, words, reason, force=False):
        """It writes nothing, and gives the reason."""
        files = status_of(self.path.parent)
        before = self.path.read_bytes() if self.path.is_file() else None
        answer = self.write(*words, force=force)
        assert answer.code == 3 and not answer.out and reason in answer.err, (answer.code, answer.out, answer.err)
        assert len(answer.err.splitlines()) == 1
        assert status_of(self.path.parent) == files
        assert before is None or self.path.read_bytes() == before


@pytest.fixture(params=WRITERS)
def writer(request, tmp_path):
    return Writer(request.param, tmp_path)


@pytest.fixture
def sample(tmp_path):
    return shutil.copy(SAMPLE, tmp_path / "sample")


def commands():
    return re.findall(r"^KM_COMMAND\((\w+),$", (TOP / "extensions/kvmmmu/commands/commands.def").read_text(), re.M)


def test_these_options_write():
    """Of all options of all commands, only -o writes; it belongs to the commands that are tested here."""
    with_output = set()
    for command in commands():
        options = kvmmmu(command, "--help").out.partition("\nOptions:\n")[2]
        writing = {entry.split()[0].rstrip(",") for entry in re.split(r"\n(?= +-)", options)
                   if re.search(r"\b(over)?writes? ", entry)}
        assert writing <= {"-o", "--force"}, command
        assert ("-o" in writing) == ("--force" in writing)
        if "-o" in writing:
            with_output.add(command)
    assert with_output == {words[0] for words, _ in WRITERS.values()}


TRACE = TOP / "samples" / "traces" / "amd-7.3-mixed.trace"
WITHOUT_OUTPUT = {"explain": ["0:0"], "report": [], "diff": ["--before", SAMPLE], "vms": [], "mmu": ["0:0"], "perms": [],
                  "walk": ["0:0", "0"], "fault": ["0:0", "-a", "0", "-e", "6"], "audit": [], "slots": [], "capture": ["--list"],
                  "sym": ["vm_list"], "find": ["gpa", "0"], "replay": [TRACE], "log": [TRACE],
                  "spte": ["80000000deadb865"], "layout": [], "error": ["6"], "pfec": ["6"], "batch": []}


@pytest.mark.parametrize("command", commands())
def test_without_it_nothing_is_opened_for_writing(sample, command, tmp_path):
    """By what strace sees of each command."""
    words = [*WITHOUT_OUTPUT[command]]
    if command == "batch":
        words = [command, sample]
    elif command == "capture":
        words = [command, *words, sample]
    elif command in ("replay", "log", "error", "pfec"):
        words = [command, *words]
    else:
        words = [sample, command, *words]
    run = subprocess.run(["strace", "-f", "-qq", "-o", tmp_path / "log", "-e", "trace=open,openat,openat2,creat,rename,"
                          "renameat,renameat2,unlink,unlinkat,link,linkat,truncate,mkdir,mkdirat", BUILD / "kvmmmu", *words],
                         capture_output=True, text=True)
    log = (tmp_path / "log").read_text()
    assert run.returncode == 0 and "O_RDONLY" in log, run.stderr
    wrong = [line for line in log.splitlines() if re.search(r"O_WRONLY|O_RDWR|O_CREAT|^\d+ +(creat|rename|unlink|link|trunc|mkdir)", line)]
    assert not wrong


@pytest.mark.parametrize("force", [False, True])
def test_the_input_is_not_overwritten(sample, writer, force):
    os.link(sample, writer.path)
    writer.refused([sample], "being read", force)
    writer.refused([writer.path], "being read", force)
    link = sample.parent / "link"
    link.symlink_to(writer.path)
    writer.refused([link], "being read", force)


@pytest.mark.parametrize("name", ["healthy.kdump", "healthy.elf"])
def test_a_dump_and_its_debuginfo_are_not_overwritten(writer, name):
    dump = dumps("7.3") / name
    writer.path.write_text("not really")
    writer.refused(["-k", writer.path, dump], "being read", force=True)
    writer.path.unlink()
    # also if it were replaced, the dump would only lose this name
    try:
        os.link(dump, writer.path)
    except OSError:
        shutil.copy(dump, writer.path)
    writer.refused([writer.path], "being read", force=True)


def test_debuginfo_that_was_found_in_a_folder_is_not_overwritten(writer, tmp_path):
    """It is mapped, and its file closed."""
    folder = tmp_path / "debuginfo"
    folder.mkdir()
    for file in (kernel("7.3") / "debug").rglob("*"):
        if file.is_file():
            (folder / file.name).symlink_to(file)
    kvm = next(path for path in folder.iterdir() if path.name.startswith("kvm.ko"))
    shutil.copy(kvm, writer.path)
    kvm.unlink()
    kvm.symlink_to(writer.path)
    words = ["--types", "dwarf", "-k", folder, dumps("7.3") / "healthy.kdump"]
    assert "DWARF" in kvmmmu(*words, "vms").out
    writer.refused(words, "being read", force=True)


def test_only_regular_files_are_overwritten(sample, writer):
    def fifo():
        os.mkfifo(writer.path)

    def server():
        with socket.socket(socket.AF_UNIX) as it:
            it.bind(str(writer.path))

    for make, reason in ((lambda: writer.path.symlink_to(writer.path.parent / "elsewhere"), "symbolic link"),
                         (lambda: writer.path.symlink_to(sample), "symbolic link"), (fifo, "not a regular"),
                         (server, "not a regular"), (lambda: writer.path.symlink_to("/dev/null"), "symbolic link")):
        make()
        for force in False, True:
            writer.refused([sample], reason, force)
        writer.path.unlink()
    if writer.folder or writer.words[0] == "capture":
        writer.path.mkdir()
        writer.refused([sample], "Is a directory", force=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="making a device node requires root")
@pytest.mark.parametrize("kind,major,minor", [(stat.S_IFCHR, 1, 3), (stat.S_IFBLK, 7, 250)])
def test_devices_are_not_replaced(sample, writer, kind, major, minor):
    os.mknod(writer.path, 0o666 | kind, os.makedev(major, minor))
    for force in False, True:
        writer.refused([sample], "not a regular", force)
    assert stat.S_IFMT(os.stat(writer.path).st_mode) == kind


@pytest.mark.parametrize("mode", [0o600, 0o640])
def test_force_is_required_and_keeps_mode_and_owner(sample, writer, mode):
    writer.path.write_text("something else")
    os.chmod(writer.path, mode)
    if os.geteuid() == 0:
        os.chown(writer.path, 1234, 4321)
    before = os.stat(writer.path)
    writer.refused([sample], "--force")
    answer = writer.write(sample, force=True)
    assert answer.code == 0, answer.err
    after = os.stat(writer.path)
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert after.st_size > 1000 and after.st_ino != before.st_ino


@pytest.mark.parametrize("umask", [0, 0o22, 0o77])
def test_a_new_file_is_private(sample, writer, umask):
    subprocess.run([BUILD / "kvmmmu", sample, *writer.argv()], check=True, stdout=subprocess.DEVNULL, umask=umask)
    assert {stat.S_IMODE(path.stat().st_mode) for path in writer.path.parent.iterdir() if path != sample} == {0o600}
    assert writer.path.exists()


def test_what_cannot_be_written_leaves_nothing(sample, writer):
    """A full disk, by a limit of the size of files: an existing file stays, and no part of a new one."""
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    writer.path.write_text("something else")
    run = subprocess.run([BUILD / "kvmmmu", sample, *writer.argv(), "--force"], capture_output=True, text=True,
                         preexec_fn=limit, restore_signals=False)
    assert run.returncode == 3 and "File too large" in run.stderr and run.stderr.count("\n") == 1, run.stderr
    assert writer.path.read_text() == "something else"
    assert {path for path in writer.path.parent.iterdir() if path.is_file()} <= {writer.path, sample}


@pytest.mark.parametrize("command", ["capture", "report"])
def test_a_folder_that_is_missing(sample, command, tmp_path):
    answer = kvmmmu(sample, command, "-o", tmp_path / "missing" / "file")
    assert answer.code == 3 and "No such file" in answer.err and answer.err.count("\n") == 1
    assert not (tmp_path / "missing").exists()


def test_standard_output(sample, tmp_path):
    for command in "capture", "report":
        run = subprocess.run([BUILD / "kvmmmu", sample, command, "-o", "-"], capture_output=True, check=True, cwd=tmp_path)
        assert (b"capsule" in run.stderr) == (command == "capture")
        kvmmmu(sample, command, "-o", tmp_path / command)
        assert run.stdout == (tmp_path / command).read_bytes()
        assert not (tmp_path / "-").exists()
        run = subprocess.run(f"{BUILD}/kvmmmu {sample} {command} -o - > /dev/full", shell=True,
                             capture_output=True, text=True)
        assert run.returncode == 3 and "No space left" in run.stderr
    run = subprocess.run(["script", "-qec", f"{BUILD}/kvmmmu {sample} capture -o -", "/dev/null"],
                         capture_output=True, text=True)
    assert run.returncode == 3 and "standard output is a terminal" in run.stdout


def test_a_limit_above_the_maximum_is_refused(sample, tmp_path):
    """It was reduced to the maximum silently."""
    answer = kvmmmu(sample, "capture", "-o", tmp_path / "out", "--limit", "16385")
    assert answer.code == 2 and "at most 16384" in answer.err, answer
    assert not (tmp_path / "out").exists()
    assert kvmmmu(sample, "capture", "-o", tmp_path / "out", "--limit", "16384").code == 0
