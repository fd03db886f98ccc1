# SPDX-License-Identifier: GPL-2.0-or-later
"""The stand-alone program: forms of dumps, exit codes, colour, help, pipes. Under ASan where input is hostile."""

import json
import os
import pty
import re
import resource
import shutil
import struct
import subprocess

import pytest

from flattened import END, HEADER, piece, pieces
from tools import BUILD, GENERATIONS, TOP, dumps, kernel, kvmmmu, truth

ASAN = BUILD / "asan" / "kvmmmu"
SGR = re.compile(r"\x1b\[[0-9;]*m")


def questions(gen):
    """Every command, on every vCPU where it takes one."""
    asked = ["vms", "perms", "slots", "spte 80000000deadb865", "pfec 7"]
    for vm in truth(gen, "healthy")["gdb"]["vms"]:
        for vcpu in vm["vcpus"]:
            address = vcpu["address"]
            asked += [f"perms {address}", f"mmu {address}", f"walk {address} 0", f"walk --gva {address} 21000",
                      f"fault {address} -a 21000 -e 6"]
    return asked


def answers(gen, dump):
    """All answers about a dump, without the dump's name."""
    found = {}
    for question in questions(gen):
        answer = kvmmmu("-k", kernel(gen) / "debug", dump, *question.split(), "-j").json
        answer["source"].pop("dump")
        found[question] = answer
    return found


@pytest.mark.parametrize("gen", GENERATIONS)
def test_one_moment_in_three_formats(gen):
    plain = answers(gen, dumps(gen) / "healthy.kdump")
    assert answers(gen, dumps(gen) / "healthy.elf") == plain
    assert answers(gen, dumps(gen) / "healthy.flat.kdump") == plain


# Flattened dumps

@pytest.fixture(scope="module")
def looping():
    return (dumps("7.3") / "looping.kdump").read_bytes()


def ask(path, *words, **more):
    answer = kvmmmu(path, *(words or ("vms",)), program=ASAN, **more)
    assert "Sanitizer" not in answer.err, answer.err[-3000:]
    return answer


def test_pieces_in_any_order_and_twice(tmp_path, looping):
    """The last piece at an offset counts; empty pieces are nothing; what follows the end neither."""
    flat = HEADER + piece(0, b"\xff" * 8192) + piece(5, b"") + b"".join(reversed(pieces(looping)))
    (tmp_path / "flat").write_bytes(flat + END + b"\xff" * 99)
    answer = ask(tmp_path / "flat")
    assert answer.out == kvmmmu(dumps("7.3") / "looping.kdump", "vms").out
    assert os.listdir(tmp_path) == ["flat"]


@pytest.mark.parametrize("data,says", [
    (b"", "truncated"),
    (b"\0" * 7, "truncated"),
    (piece(0, b"KDUMP   "), "truncated"),
    (struct.pack(">qq", 0, 100) + b"x", "truncated"),
    (struct.pack(">qq", 0, 1 << 62), "truncated"),
    (struct.pack(">qq", -5, 1) + b"x" + END, "damaged"),
    (struct.pack(">qq", 0, -5) + END, "damaged"),
    (struct.pack(">qq", -1, 4) + b"four" + END, "damaged"),
    (struct.pack(">qq", (1 << 63) - 1, 2) + b"xy" + END, "damaged"),
    (piece((1 << 63) - 9, b"x") + END, "neither an ELF"),
    (END, None),
    (piece(0, b"x" * 5000) + END, None),
    (piece(1 << 40, b"x") + END, None),
])
def test_hostile_pieces(tmp_path, data, says):
    (tmp_path / "flat").write_bytes(HEADER + data)
    answer = ask(tmp_path / "flat")
    assert answer.code == 3 and len(answer.err.splitlines()) == 1
    assert says is None or says in answer.err, answer.err


@pytest.mark.parametrize("size", [39, 40, 4095, 4096, 4111, 5000, 70000, 1 << 20])
def test_truncated_pieces(tmp_path, size):
    with open(dumps("7.3") / "healthy.flat.kdump", "rb") as whole:
        (tmp_path / "cut").write_bytes(whole.read(size))
    answer = ask(tmp_path / "cut")
    assert answer.code == 3 and len(answer.err.splitlines()) == 1


def small_files():
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))


def test_pieces_are_read_where_they_are(tmp_path):
    shutil.copyfile(dumps("7.3") / "healthy.flat.kdump", tmp_path / "flat")
    run = subprocess.run(["strace", "-qq", "-e", "trace=openat,write", "-o", tmp_path / "calls", BUILD / "kvmmmu",
                          tmp_path / "flat", "vms"], text=True, capture_output=True, check=True)
    calls = (tmp_path / "calls").read_text()
    assert "O_RDONLY" in calls and not re.search("O_RDWR|O_WRONLY|O_TMPFILE|O_CREAT", calls)
    assert calls.count("write(") == 1 and run.stdout


# Standard input

def ask_input(data, *words, program=ASAN, **more):
    run = subprocess.run([program, "-", *(words or ("vms",))], input=data, capture_output=True, timeout=120, **more)
    assert b"Sanitizer" not in run.stderr, run.stderr[-3000:]
    return run


@pytest.mark.parametrize("name", ["healthy.kdump", "healthy.elf", "healthy.flat.kdump"])
def test_a_dump_from_a_pipe(tmp_path, name):
    path = dumps("7.3") / name
    run = ask_input(path.read_bytes(), env={**os.environ, "TMPDIR": str(tmp_path)})
    assert run.returncode == 0 and run.stdout.decode() == kvmmmu(path, "vms").out
    assert not os.listdir(tmp_path)


def test_a_capsule_from_a_pipe():
    capsule = TOP / "samples" / "amd-7.3-looping.kvmmmu"
    run = ask_input(capsule.read_bytes(), "explain", "-j")
    found = json.loads(run.stdout)
    assert found["source"]["dump"] == "standard input"
    assert found["vcpus"] == kvmmmu(capsule, "explain", "-j").json["vcpus"]


def test_a_file_on_standard_input_is_not_copied(tmp_path):
    with open(dumps("7.3") / "healthy.kdump", "rb") as dump:
        run = subprocess.run([BUILD / "kvmmmu", "-", "vms"], stdin=dump, capture_output=True, text=True,
                             env={**os.environ, "TMPDIR": "/nonexistent"})
    assert run.returncode == 0 and run.stdout == kvmmmu(dumps("7.3") / "healthy.kdump", "vms").out


def small_files():
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))


def test_no_room_for_a_pipe(tmp_path):
    """As on a full disk: an error with a way out, and nothing is left."""
    run = ask_input((dumps("7.3") / "healthy.kdump").read_bytes(), program=BUILD / "kvmmmu", preexec_fn=small_files,
                    restore_signals=False, env={**os.environ, "TMPDIR": str(tmp_path)})
    error = run.stderr.decode()
    assert run.returncode == 3 and not run.stdout and len(error.splitlines()) == 1
    assert "TMPDIR" in error and str(tmp_path) in error and re.search(r"after \d+ MB, \d+ MB left", error)
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("flattened", [False, True], ids=("elf", "flattened"))
def test_the_room_for_a_pipe_is_checked_first(tmp_path, flattened):
    """An edited ELF dump, whose first program header claims a petabyte: nothing of it is copied."""
    data = bytearray((dumps("7.3") / "healthy.elf").read_bytes()[:1 << 20])
    phoff, = struct.unpack_from("<Q", data, 32)
    struct.pack_into("<Q", data, phoff + 32, 1 << 50)
    if flattened:
        data = b"makedumpfile".ljust(4096, b"\0") + struct.pack(">qq", 0, len(data)) + data
    run = ask_input(bytes(data), env={**os.environ, "TMPDIR": str(tmp_path)})
    error = run.stderr.decode()
    assert run.returncode == 3 and not run.stdout and len(error.splitlines()) == 1
    assert re.search(r"this one has 107374\d+ MB, and \d+ MB are left: set TMPDIR", error) and str(tmp_path) in error
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("data,says", [(b"", "standard input is empty"), (b"text" * 5000, "neither an ELF"),
                                       (b"\0" * (3 << 20), "neither an ELF")],
                         ids=("empty", "text", "zeros"))
def test_input_that_is_no_dump(data, says):
    run = ask_input(data)
    assert run.returncode == 3 and says in run.stderr.decode() and len(run.stderr.splitlines()) == 1


def test_input_that_is_a_terminal():
    """Nobody types a dump: it does not wait for one."""
    parent, child = pty.openpty()
    run = subprocess.run([BUILD / "kvmmmu", "-", "explain"], stdin=child, capture_output=True, text=True, timeout=60)
    os.close(parent), os.close(child)
    assert run.returncode == 3 and not run.stdout
    assert run.stderr == 'kvmmmu: standard input is a terminal: use "kvmmmu - COMMAND <DUMP", or a pipe\n'


def test_input_without_proc():
    """As in a chroot; by its path, the dump is answered there."""
    dump = dumps("7.3") / "healthy.kdump"
    hidden = ["unshare", "--mount", "sh", "-c", 'umount -l /proc && exec "$0" "$@"', BUILD / "kvmmmu"]
    with open(dump, "rb") as data:
        run = subprocess.run([*hidden, "-", "vms"], stdin=data, capture_output=True, text=True, timeout=60)
    assert run.returncode == 3 and not run.stdout
    assert run.stderr == "kvmmmu: standard input: /proc is not mounted: give the path of the dump instead\n"
    run = subprocess.run([*hidden, dump, "vms"], capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stdout) == (0, kvmmmu(dump, "vms").out)


@pytest.mark.parametrize("program", ["gzip", "xz", "zstd"])
def test_a_compressed_dump_is_named(tmp_path, program):
    """Its unpacked bytes through a pipe are answered."""
    plain = dumps("7.3") / "looping.kdump"
    with open(tmp_path / "packed", "wb") as packed:
        subprocess.run([program, "-0" if program == "xz" else "-1", "-c", plain], stdout=packed, check=True)
    answer = ask(tmp_path / "packed")
    assert answer.code == 3 and f"{program} -dc" in answer.err and "$TMPDIR" in answer.err
    with open(tmp_path / "piped", "wb") as packed, open(plain, "rb") as data:  # then zstd does not know its size
        subprocess.run([program, "-0" if program == "xz" else "-1", "-c"], stdin=data, stdout=packed, check=True)
    assert ask(tmp_path / "piped").err.replace("piped", "packed") == answer.err
    unpack = subprocess.Popen([program, "-dc", tmp_path / "packed"], stdout=subprocess.PIPE)
    run = subprocess.run([BUILD / "kvmmmu", "-", "vms"], stdin=unpack.stdout, capture_output=True, text=True)
    unpack.wait()
    assert run.stdout == kvmmmu(plain, "vms").out


# Machines

def notes(data):
    """Offset, type and size of each ELF note."""
    phoff, = struct.unpack_from("<Q", data, 32)
    phnum, = struct.unpack_from("<H", data, 56)
    for i in range(phnum):
        kind, _flags, at, _va, _pa, size = struct.unpack_from("<IIQQQQ", data, phoff + 56 * i)
        end = at + size
        while kind == 4 and at + 12 <= end:
            name, desc, note = struct.unpack_from("<III", data, at)
            start = at + 12 + (name + 3 & ~3)
            yield data[at + 12:at + 12 + name - 1], note, start, desc
            at = start + (desc + 3 & ~3)


def healthy_elf():
    return bytearray((dumps("7.3") / "healthy.elf").read_bytes())


def same_as_healthy(path):
    whole = kvmmmu(dumps("7.3") / "healthy.kdump", "perms").out
    answer = ask(path, "perms")
    assert answer.out == whole, answer.err
    return True


def vmcoreinfo(data):
    return next((start, bytes(data[start:start + size])) for name, _kind, start, size in notes(data)
                if name == b"VMCOREINFO")


def test_kernels_are_at_random_addresses():
    """Every other test here is one of KASLR, as long as this holds."""
    _, info = vmcoreinfo(healthy_elf())
    assert int(re.search(rb"KERNELOFFSET=(\w+)", info)[1], 16)


def test_registers_of_a_nested_guest(tmp_path):
    """What QEMU writes for a CPU that runs a nested guest is the guest's: none of it is asked."""
    data = healthy_elf()
    changed = 0
    for name, _kind, start, size in notes(data):
        if name in (b"CORE", b"QEMU"):
            data[start:start + size] = bytes((i * 37 + 11) % 256 for i in range(size))
            changed += 1
    assert changed >= 4
    (tmp_path / "nested").write_bytes(data)
    assert same_as_healthy(tmp_path / "nested")


def test_machine_named_i386(tmp_path):
    """What QEMU writes while CPU 0 is in a guest's real mode."""
    data = healthy_elf()
    struct.pack_into("<H", data, 18, 3)
    (tmp_path / "i386").write_bytes(data)
    assert same_as_healthy(tmp_path / "i386")


def test_other_machines_are_refused(tmp_path):
    data = healthy_elf()
    struct.pack_into("<H", data, 18, 183)
    (tmp_path / "aarch64").write_bytes(data)
    answer = ask(tmp_path / "aarch64")
    assert answer.code == 3 and len(answer.err.splitlines()) == 1


def test_five_level_paging(tmp_path):
    """The kernel's page tables under one more level: a page whose last entry is the old top."""
    data = healthy_elf()
    start, info = vmcoreinfo(data)
    size = len(info)
    top = int(re.search(rb"SYMBOL\(init_top_pgt\)=(\w+)", info)[1], 16)
    base = int(re.search(rb"NUMBER\(phys_base\)=(-?\d+)", info)[1])
    # where physical memory starts in the file, and a page of it that nobody misses: the first
    phoff, = struct.unpack_from("<Q", data, 32)
    loads = [struct.unpack_from("<IIQQQQ", data, phoff + 56 * i)
             for i in range(struct.unpack_from("<H", data, 56)[0])]
    at, = (offset for kind, _f, offset, _va, pa, _s in loads if kind == 1 and pa == 0)
    pgd = top - 0xFFFFFFFF80000000 + base
    data[at:at + 4096] = bytes(4096 - 8) + struct.pack("<Q", pgd | 0x63)
    moved = 0xFFFFFFFF80000000 - base
    assert b"NUMBER(pgtable_l5_enabled)=0" in info
    info = info.replace(b"NUMBER(pgtable_l5_enabled)=0", b"NUMBER(pgtable_l5_enabled)=1")
    info = info.replace(b"SYMBOL(init_top_pgt)=%x" % top, b"SYMBOL(init_top_pgt)=%x" % moved)
    assert len(info) == size
    data[start:start + size] = info
    (tmp_path / "la57").write_bytes(data)
    assert same_as_healthy(tmp_path / "la57")


def test_symbols_that_are_only_in_vmlinux(tmp_path):
    """Kernels before 6.0 do not say where kallsyms is: which kernel it is, and how to provide its symbols, is said."""
    data = healthy_elf()
    start, info = vmcoreinfo(data)
    data[start:start + len(info)] = info.replace(b"SYMBOL(kallsyms_names)=", b"SYMBOL(kallsyms_nemas)=")
    (tmp_path / "old").write_bytes(data)
    release, build_id = (re.search(rb"^%s=(.*)$" % key, info, re.M)[1].decode() for key in (b"OSRELEASE", b"BUILD-ID"))
    answer = ask(tmp_path / "old")
    assert answer.code == 3 and answer.err.startswith(f"kvmmmu: Linux {release}, build-id {build_id}: "), answer.err
    assert "no debuginfo of vmlinux in " in answer.err and f"linux-image-{release}-dbg" in answer.err and "with -k" in answer.err


def test_live_says_what_it_needs():
    answer = kvmmmu("live", "vms")
    assert answer.code in (0, 3)
    if not os.path.exists("/proc/kcore"):
        assert answer.err == "kvmmmu: the running kernel has no /proc/kcore\n"


# Exit codes

def healthy_vm():
    """The number of a VM of looping's none of whose tables was zeroed."""
    comm = truth("7.3", "looping")["zeroed"]["comm"]
    return next(str(vm["vm"]["number"]) for vm in
                kvmmmu(dumps("7.3") / "looping.kdump", "vms", "-j").json["vms"] if vm["vm"]["comm"] != comm)


@pytest.mark.parametrize("name,words,code", [
    ("looping", "vms", 0),
    ("looping", "vms --fail-on note", 1),
    ("looping", "vms --fail-on=possible", 1),
    ("looping", "vms --fail-on likely -j", 1),
    ("looping", "--fail-on proven vms", 1),
    ("looping", "perms --fail-on proven", 1),
    ("looping", "vms HEALTHY --fail-on note", 0),
    ("looping", "slots --fail-on note", 0),
    ("healthy", "vms --fail-on note", 0),
    ("healthy", "perms --fail-on note", 0),
    ("looping", "vms --fail-on sure", 2),
    ("looping", "vms --fail-on", 2),
    ("looping", "vms 99 --fail-on note", 2),
    ("looping", "-j perms --fail-on proven", 1),
    ("looping", "nonsense", 2),
    ("looping", "", 0),
    ("looping", "--fail-on likely", 1),
    ("nokvm", "vms --fail-on note", 3),
])
def test_exit_codes(name, words, code):
    dump = [dumps("7.3") / f"{name}.kdump"]
    if "HEALTHY" in words:
        words = words.replace("HEALTHY", healthy_vm())
    words = words.split()
    at = 2 if words and words[0] == "--fail-on" else 0
    answer = kvmmmu(*words[:at], *dump, *words[at:])
    assert answer.code == code, answer.err
    assert answer.out if code < 2 else answer.err


@pytest.mark.parametrize("words", [[], ["--nonsense"], ["-k"], ["--color=green", "pfec", "7"], ["vms"], ["-j"],
                                   ["pfec", "7", "--color=green"], ["pfec", "7", "--watch", "3"], ["pfec", "7", "8"]])
def test_usage(words):
    answer = kvmmmu(*words)
    assert answer.code == 2 and not answer.out and answer.err


@pytest.mark.parametrize("words", [[], ["walk"]])
def test_help_is_a_word_too(words):
    assert kvmmmu("help", *words).out == kvmmmu(*words, "--help").out


def test_help_about_no_command():
    answer = kvmmmu("help", "nonsense")
    assert answer.code == 2 and "unknown command" in answer.err and not answer.out


def test_options_after_two_dashes_are_the_commands():
    assert kvmmmu("pfec", "--", "--help").code == 2


# Colour

def on_a_terminal(*words, **env):
    """What the program writes when its output is a terminal."""
    parent, child = pty.openpty()
    run = subprocess.Popen([BUILD / "kvmmmu", *map(str, words)], stdout=child,
                           env={**os.environ, "TERM": "xterm", **env})
    os.close(child)
    out = b""
    try:
        while chunk := os.read(parent, 65536):
            out += chunk
    except OSError:
        pass
    os.close(parent)
    assert run.wait(60) == 0
    return out.decode().replace("\r\n", "\n")


def test_colour_is_for_terminals(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    comm = truth("7.3", "looping")["zeroed"]["comm"]
    vm = next(v for v in truth("7.3", "looping")["gdb"]["vms"] if v["owner_comm"] == comm)
    words = (dumps("7.3") / "looping.kdump", "fault", vm["vcpus"][0]["address"])
    plain = kvmmmu(*words).out
    assert "\x1b" not in plain
    seen = on_a_terminal(*words)
    assert SGR.sub("", seen) == plain
    for part in ("\x1b[1;31mdenies\x1b[0m", "\x1b[32mallows\x1b[0m",
                 "\x1b[1;31m! perm-table-mismatch (proven):\x1b[0m"):
        assert part in seen
    assert on_a_terminal(*words, NO_COLOR="1") == plain
    assert on_a_terminal(*words, TERM="dumb") == plain
    assert on_a_terminal(*words, "--color=never") == plain
    assert "\x1b" not in on_a_terminal(*words, "-j")
    assert kvmmmu(*words, "--color=always").out == kvmmmu("--color", *words).out == seen
    assert "\x1b" not in kvmmmu(*words, "--color=always", "-j").out


@pytest.mark.parametrize("command,marks", [("vms", ["!"]), ("perms", ["DIFFERS from its role",
                                                                      "! differs"])])
def test_marks_have_colour(command, marks):
    words = (dumps("7.3") / "looping.kdump", command)
    seen = kvmmmu(*words, "--color=always").out
    assert SGR.sub("", seen) == kvmmmu(*words).out
    for mark in marks:
        assert re.search(rf"\x1b\[1;31m[^\x1b]*{mark}\x1b\[0m", seen), mark
    assert "\x1b" not in kvmmmu(dumps("7.3") / "healthy.kdump", command, "--color=always").out


# Output

def test_a_reader_who_leaves_is_no_error():
    script = f"set -o pipefail; {BUILD}/kvmmmu {dumps('7.3')}/looping.kdump perms -j | head -c 1"
    run = subprocess.run(["bash", "-c", script], capture_output=True, text=True)
    assert (run.returncode, run.stdout, run.stderr) == (0, "{", "")


@pytest.mark.parametrize("to", [">/dev/full", ">&-"])
@pytest.mark.parametrize("dump", ["healthy.kdump", "healthy.flat.kdump"])
def test_answers_that_can_not_be_written(to, dump):
    run = subprocess.run(f"{BUILD}/kvmmmu {dumps('7.3')}/{dump} vms {to}", shell=True, text=True,
                         capture_output=True)
    assert run.returncode == 3 and "cannot write" in run.stderr
    assert len(run.stderr.splitlines()) == 1


def test_options_may_stand_anywhere(monkeypatch):
    dump = dumps("7.3") / "looping.kdump"
    whole = kvmmmu(dump, "fault", "0:0", "-a", "21000", "-e", "6", "-j")
    assert whole.code == 0
    for words in (["-j", dump, "fault", "-a", "21000", "-e", "6", "0:0"], ["-a21000", "-e", "6", dump, "-j", "fault", "0:0"],
                  [dump, "--json", "--error=6", "fault", "0:0", "--address=21000"]):
        assert kvmmmu(*words).out == whole.out
        monkeypatch.setenv("POSIXLY_CORRECT", "1")
        assert kvmmmu(*words).out == whole.out
        monkeypatch.delenv("POSIXLY_CORRECT")


def test_a_dump_alone_is_explained():
    dump = dumps("7.3") / "looping.kdump"
    assert kvmmmu(dump).out == kvmmmu(dump, "explain").out
    assert kvmmmu("-j", dump).json["command"] == "explain"


def test_help():
    out = kvmmmu("--help").out
    assert out == kvmmmu("-h").out == kvmmmu(TOP / "README.md", "--help").out
    commands = re.findall(r"^  ([a-z]+)  ", out.split("\nCommands:\n")[1].split("\n\n")[0], re.M)
    assert set(commands) >= {"explain", "vms", "mmu", "perms", "walk", "fault", "slots", "capture", "replay", "spte", "pfec"}
    for command in commands:
        one = kvmmmu(command, "--help")
        assert one.code == 0 and re.match(rf"[A-Z].*\.\n\nusage: kvmmmu .*{command}[ \n]", one.out)
        assert one.out == kvmmmu("/nonexistent", command, "-h").out
        # what a report prints is for them
        assert command in ("report", "sym") or not re.search(r"\b(gdb|crash)\b", one.out), command
        out += one.out
    assert all(len(line) <= 80 for line in out.splitlines())
    assert "README" not in out
    assert re.fullmatch(r"kvmmmu \d+\.\d+\n", kvmmmu("--version").out)


def test_help_names_the_formats_that_are_taken():
    formats = re.search(r"      --as FORMAT.*?\((.*?)\)", kvmmmu("spte", "--help").out, re.S)[1]
    formats = re.split(r", | or ", " ".join(formats.split()))
    assert {"ept", "npt:6.1", "shadow:7.3"} <= set(formats)
    for name in formats:
        assert kvmmmu("spte", "--as", name, "b77b37").code == 0
    wrong = kvmmmu("spte", "--as", "ept:5.4", "b77b37")
    assert wrong.code == 2 and all(name in wrong.err for name in formats)
