# SPDX-License-Identifier: GPL-2.0-or-later
"""What is kept about a dump changes no answer, is used only for that file, and is not trusted."""

import os
import random
import re
import shutil
import subprocess
import time

import pytest

from tools import BUILD, GENERATIONS, TOP, dumps, kvmmmu

NAME = re.compile(r"[0-9a-f]{64}")
# without dump-specific words: every command that reads a dump
COMMANDS = ("explain", "explain -j", "report", "report --format markdown", "vms", "mmu", "perms", "slots", "audit",
            "walk 0:0 0", "walk -n all 0:0 0", "fault 0:0", "fault 0:0 --trace -j", "find 4000000", "layout", "log",
            "sym vm_list", "sym __schedule", "sym no_such_symbol", "vms 99", "perms --types dwarf", "perms -j --types btf")


class Cache:
    """A cache directory of one test, and the program that uses it."""

    def __init__(self, path):
        self.path = path
        self.folder = path / "kvmmmu" / "memo"

    def ask(self, dump, *words, **variables):
        """Return code, output and errors of a command with this cache."""
        env = {key: value for key, value in os.environ.items() if key != "KVMMMU_NO_CACHE"}
        env |= {"XDG_CACHE_HOME": str(self.path)} | variables
        run = subprocess.run([BUILD / "kvmmmu", dump, *words], capture_output=True, timeout=120, check=False,
                             env={key: value for key, value in env.items() if value is not None})
        return run.returncode, run.stdout, run.stderr

    def files(self):
        return sorted(self.folder.iterdir()) if self.folder.exists() else []

    def file(self):
        one, = self.files()
        assert NAME.fullmatch(one.name)
        return one


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cache")


def without(dump, *words):
    """The answer without a cache."""
    run = subprocess.run([BUILD / "kvmmmu", dump, *words, "--no-cache"], capture_output=True, timeout=120, check=False)
    return run.returncode, run.stdout, run.stderr


def written(path):
    return path.stat().st_mtime_ns, path.stat().st_ino, path.read_bytes()


def kdump():
    return dumps("7.3") / "healthy.kdump"


def old_copy(to, source=None, age=10):
    """A copy of a dump that is old enough to be kept. ctime cannot be set: the clock has to pass."""
    shutil.copyfile(source or kdump(), to)
    os.utime(to, (time.time() - age, time.time() - age))
    time.sleep(3.1)
    return to


@pytest.mark.parametrize("gen", GENERATIONS)
def test_every_dump_has_the_same_answers(gen, cache):
    """The first command writes what the second one uses; what the second one does not find is added."""
    paths = sorted(path for path in dumps(gen).iterdir() if path.suffix in (".elf", ".kdump") and "big" not in path.name)
    assert len(paths) > 5
    for path in paths:
        for words in (["perms", "-j"], ["explain"]):
            plain = without(path, *words)
            assert cache.ask(path, *words) == plain, (path, words)
            assert cache.ask(path, *words) == plain, (path, words)
    assert len(cache.files()) == len(paths)


@pytest.mark.parametrize("name", ["healthy.elf", "looping.kdump", "healthy.flat.kdump"])
def test_every_command_has_the_same_answer(name, cache):
    dump = dumps("7.3") / name
    plain = {line: without(dump, *line.split()) for line in COMMANDS}
    assert sum(code == 0 for code, _, _ in plain.values()) > len(COMMANDS) - 6
    # in two orders, so that each command is asked with what others left, and with everything
    for lines in (COMMANDS, tuple(reversed(COMMANDS))):
        for line in lines:
            assert cache.ask(dump, *line.split()) == plain[line], line
    before = written(cache.file())
    for line in COMMANDS:
        assert cache.ask(dump, *line.split()) == plain[line], line
    assert written(cache.file()) == before, "everything was known, and it was written again"


def test_a_capsule_is_the_same(cache, tmp_path):
    for name in ("first", "second"):
        assert cache.ask(kdump(), "capture", "-o", tmp_path / name)[0] == 0
    plain = without(kdump(), "capture", "-o", tmp_path / "plain")
    assert plain[0] == 0
    one, two, three = ((tmp_path / name).read_bytes() for name in ("first", "second", "plain"))
    assert one == two == three


def edit(path, change):
    """Change the entries in a file of the cache, and give it the digest that it then needs."""
    data = path.read_bytes()
    entries = subprocess.run(["zstd", "-dc"], input=data[48:], capture_output=True, check=True).stdout
    changed = change(bytearray(entries))
    frame = subprocess.run(["zstd", "-c", "--no-check"], input=changed, capture_output=True, check=True).stdout
    import hashlib
    rest = len(changed).to_bytes(8, "little") + frame
    path.write_bytes(data[:8] + hashlib.sha256(rest).digest() + rest)


def lie(entries):
    """Move linux_banner; the file then has what no dump has, but only its owner could have written it."""
    at = entries.index(b"symbol linux_banner\0")
    entries[at + 24:at + 32] = (0xffffffff00000000).to_bytes(8, "little")
    return bytes(entries)


def test_it_is_used(cache):
    """An edited file that its owner could have written changes the answer: so the file is used."""
    plain = cache.ask(kdump(), "perms")
    edit(cache.file(), lambda entries: bytes(entries))
    assert cache.ask(kdump(), "perms") == plain
    edit(cache.file(), lie)
    code, _, err = cache.ask(kdump(), "perms")
    assert code == 3 and b"linux_banner" in err
    assert without(kdump(), "perms") == plain
    assert cache.ask(kdump(), "perms", KVMMMU_NO_CACHE="1") == plain


def test_a_damaged_file_is_ignored_and_replaced(cache):
    """Each kind of damage: the answer is that without a cache, and the next file is whole."""
    plain = cache.ask(kdump(), "perms")
    path = cache.file()
    whole, chance = path.read_bytes(), random.Random(17)

    def flipped():
        data = bytearray(whole)
        for _ in range(chance.choice([1, 1, 1, 2, 50])):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        return bytes(data)

    damages = [b"", b"\0", whole[:-1], whole[:48], whole + b"\0", whole + whole, whole[:8] + bytes(len(whole) - 8),
               b"KVMMEMO\0", bytes(4096), *(flipped() for _ in range(40)),
               *(whole[:chance.randrange(len(whole))] for _ in range(10))]
    for data in damages:
        path.write_bytes(data)
        assert cache.ask(kdump(), "perms") == plain
        assert path.read_bytes() == whole
    assert cache.files() == [path]


def test_a_lie_with_a_wrong_digest_is_ignored(cache):
    plain = cache.ask(kdump(), "perms")
    path = cache.file()
    digest = path.read_bytes()[8:40]
    edit(path, lie)
    path.write_bytes(path.read_bytes()[:8] + digest + path.read_bytes()[40:])
    assert cache.ask(kdump(), "perms") == plain


def test_a_file_that_others_could_have_written_is_ignored(cache, tmp_path):
    plain = cache.ask(kdump(), "perms")
    path = cache.file()
    edit(path, lie)
    lying = path.read_bytes()
    assert cache.ask(kdump(), "perms") != plain

    def place(mode=0o600, owner=None):
        path.unlink(missing_ok=True)
        path.write_bytes(lying)
        path.chmod(mode)
        if owner is not None:
            os.chown(path, owner, owner)

    for mode in (0o602, 0o620, 0o666):
        place(mode)
        assert cache.ask(kdump(), "perms") == plain
        assert path.stat().st_mode & 0o777 == 0o600
    if not os.geteuid():
        place(owner=65534)
        assert cache.ask(kdump(), "perms") == plain
        assert path.stat().st_uid == 0
    (tmp_path / "elsewhere").write_bytes(lying)
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    assert cache.ask(kdump(), "perms") == plain
    assert not path.is_symlink() and (tmp_path / "elsewhere").read_bytes() == lying
    path.unlink()
    os.mkfifo(path)
    assert cache.ask(kdump(), "perms") == plain
    path.unlink(missing_ok=True)
    path.mkdir()
    assert cache.ask(kdump(), "perms") == plain
    assert cache.files() == [path], "a temporary file stays"


def test_a_directory_of_others_is_not_used(cache, tmp_path):
    plain = without(kdump(), "perms")
    for what in ("writable", "link", "base"):
        root = Cache(tmp_path / what)
        root.path.mkdir()
        if what == "writable":
            root.folder.mkdir(parents=True)
            root.folder.chmod(0o777)
        elif what == "link":
            (tmp_path / "target").mkdir()
            (root.path / "kvmmmu").symlink_to(tmp_path / "target")
        elif os.geteuid():
            continue
        else:
            os.chown(root.path, 65534, 65534)
        assert root.ask(kdump(), "perms") == plain
        assert root.files() == [] and not (tmp_path / "target" / "memo").exists()


@pytest.mark.parametrize("variables", [
    {"XDG_CACHE_HOME": None, "HOME": None}, {"XDG_CACHE_HOME": "relative", "HOME": "/nonexistent"},
    {"XDG_CACHE_HOME": "", "HOME": ""}, {"XDG_CACHE_HOME": None, "HOME": "relative"},
    {"XDG_CACHE_HOME": "/nonexistent/deep"}, {"XDG_CACHE_HOME": "/proc/self"}, {"XDG_CACHE_HOME": "/dev/null"}])
def test_nothing_is_written_without_a_place(variables, cache, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        assert cache.ask(kdump(), "perms", **variables) == without(kdump(), "perms")
    assert list(tmp_path.iterdir()) == []


def test_home_of_this_user_and_of_another(cache, tmp_path):
    """As under sudo, which may leave $HOME."""
    home = tmp_path / "home"
    home.mkdir()
    assert cache.ask(kdump(), "perms", XDG_CACHE_HOME=None, HOME=str(home)) == without(kdump(), "perms")
    assert len(list((home / ".cache" / "kvmmmu" / "memo").iterdir())) == 1
    assert [path.stat().st_mode & 0o777 for path in (home / ".cache", home / ".cache" / "kvmmmu")] == [0o700] * 2
    if not os.geteuid():
        shutil.rmtree(home / ".cache")
        os.chown(home, 65534, 65534)
        assert cache.ask(kdump(), "perms", XDG_CACHE_HOME=None, HOME=str(home)) == without(kdump(), "perms")
        assert list(home.iterdir()) == []


def test_a_changed_dump_is_another_one(cache, tmp_path):
    """Even if it is changed in place, with its size and time of writing restored."""
    dump = old_copy(tmp_path / "dump")
    healthy = cache.ask(dump, "explain")
    first = cache.file()
    before = dump.stat()
    with open(dump, "r+b") as file:
        shutil.copyfileobj(open(dumps("7.3") / "looping.kdump", "rb"), file)
        file.truncate(before.st_size)
    os.utime(dump, ns=(before.st_atime_ns, before.st_mtime_ns))
    changed = without(dump, "explain")
    assert changed != healthy
    assert cache.ask(dump, "explain") == changed
    assert cache.files() == [first], "a dump that was changed just now is kept"
    time.sleep(3.1)
    for _ in range(2):
        assert cache.ask(dump, "explain") == changed
    assert len(cache.files()) == 2


def test_a_dump_that_changes_meanwhile_is_not_kept(cache, tmp_path):
    dump = old_copy(tmp_path / "dump", dumps("7.3") / "healthy.flat.kdump")
    env = {key: value for key, value in os.environ.items() if key != "KVMMMU_NO_CACHE"}
    run = subprocess.Popen([BUILD / "kvmmmu", dump, "explain"], stdout=subprocess.PIPE,
                           env=env | {"XDG_CACHE_HOME": str(cache.path)})
    while run.poll() is None:
        os.utime(dump, (1000, 1000))
    run.communicate()
    assert run.returncode == 0 and cache.files() == []


def test_nothing_is_kept_about(cache, tmp_path):
    """What can be read only once, may change without a trace, or is asked about once."""
    sample = TOP / "samples" / "amd-7.3-looping.kvmmmu"
    assert cache.ask(sample, "explain")[0] == 0
    env = {key: value for key, value in os.environ.items() if key != "KVMMMU_NO_CACHE"}
    env |= {"XDG_CACHE_HOME": str(cache.path), "TMPDIR": str(tmp_path)}
    with open(kdump(), "rb") as file:
        cat = subprocess.Popen(["cat"], stdin=file, stdout=subprocess.PIPE)
        run = subprocess.run([BUILD / "kvmmmu", "-", "perms"], stdin=cat.stdout, capture_output=True, env=env, check=False)
    assert run.returncode == 0
    assert subprocess.run([BUILD / "kvmmmu", "batch", kdump(), kdump()], capture_output=True, env=env, check=True)
    shutil.copyfile(kdump(), tmp_path / "new")
    assert cache.ask(tmp_path / "new", "perms")[0] == 0
    (tmp_path / "not-a-dump").write_text("nothing\n")
    assert cache.ask(tmp_path / "not-a-dump", "perms")[0] == 3
    assert cache.files() == [] and not cache.path.exists()


def test_standard_input_that_is_a_file(cache):
    env = {key: value for key, value in os.environ.items() if key != "KVMMMU_NO_CACHE"}
    env |= {"XDG_CACHE_HOME": str(cache.path)}
    plain = without(kdump(), "perms")
    for _ in range(2):
        with open(kdump(), "rb") as file:
            run = subprocess.run([BUILD / "kvmmmu", "-", "perms"], stdin=file, capture_output=True, env=env, check=False)
        assert (run.returncode, run.stdout, run.stderr) == plain
    assert cache.ask(kdump(), "perms") == plain
    cache.file()


def test_two_dumps_in_one_command(cache):
    healthy, looping = (dumps("7.3") / f"{name}.kdump" for name in ("healthy", "looping"))
    plain = without(looping, "explain", "--before", str(healthy))
    for _ in range(2):
        assert cache.ask(looping, "explain", "--before", str(healthy)) == plain
    assert len(cache.files()) == 2


def test_many_at_once(cache):
    """They write the same file; each answer is right, and one whole file stays."""
    plain = without(kdump(), "perms")
    env = {key: value for key, value in os.environ.items() if key != "KVMMMU_NO_CACHE"}
    env |= {"XDG_CACHE_HOME": str(cache.path)}
    runs = [subprocess.Popen([BUILD / "kvmmmu", kdump(), "perms"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)
            for _ in range(20)]
    for run in runs:
        out, err = run.communicate()
        assert (run.returncode, out, err) == plain
    before = written(cache.file())
    assert cache.ask(kdump(), "perms") == plain
    assert written(cache.file()) == before


def test_old_files_are_removed(cache):
    """At most 64 files stay, of those that the cache wrote, and none of others."""
    cache.folder.mkdir(parents=True, mode=0o700)
    old, now = [cache.folder / f"{i:064x}" for i in range(100)], time.time()
    for i, path in enumerate(old):
        path.write_bytes(b"x")
        os.utime(path, (now - 1000 + i, now - 1000 + i))
    torn, fresh, other = (cache.folder / name for name in (f"{1:064x}.77", f"{2:064x}.78", "notes"))
    for path in (torn, fresh, other):
        path.write_bytes(b"y")
    os.utime(torn, (now - 7200, now - 7200))
    os.utime(other, (1, 1))
    assert cache.ask(kdump(), "perms")[0] == 0
    left = set(cache.files())
    assert other in left and fresh in left and torn not in left
    kept = [path for path in left if NAME.fullmatch(path.name)]
    assert len(kept) == 64 and set(old[37:]) < set(kept)


def test_a_full_disk(cache, tmp_path):
    """Nothing stays of what could not be written."""
    if os.geteuid():
        pytest.skip("only root can mount")
    dump = dumps("7.3") / "healthy.flat.kdump"
    plain = without(dump, "explain")
    script = (f"mount -t tmpfs -o size=4k,mode=700 none {cache.path} && cd / && "
              f"XDG_CACHE_HOME={cache.path} {BUILD}/kvmmmu {dump} explain; code=$?; find {cache.path} -type f >&2; exit $code")
    cache.path.mkdir()
    env = {key: value for key, value in os.environ.items() if key != "KVMMMU_NO_CACHE"}
    run = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, env=env, check=False)
    assert (run.returncode, run.stdout, run.stderr) == plain


def test_flattened_index_is_kept(cache):
    """The headers of the pieces are read once: without them, the second command still has every piece."""
    dump = dumps("7.3") / "healthy.flat.kdump"
    plain = without(dump, "explain")
    assert cache.ask(dump, "explain") == plain
    data = cache.file().read_bytes()
    entries = subprocess.run(["zstd", "-dc"], input=data[48:], capture_output=True, check=True).stdout
    for key in (b"size", b"runs", b"lengths", b"parts"):
        assert b"flattened " + key + b"\0" in entries
    assert len(data) < 200000
    assert cache.ask(dump, "explain") == plain

    def no_parts(entries):
        # an index that does not fit together is made again
        at = entries.index(b"flattened parts\0")
        entries[at + 16:at + 24] = b"\1" * 8
        return bytes(entries)

    edit(cache.file(), no_parts)
    assert cache.ask(dump, "explain") == plain


def test_it_is_in_the_manual_and_the_help():
    said = kvmmmu("--help").out
    assert "--no-cache" in said
    manual = kvmmmu("--print", "manual").out
    assert "~/.cache/kvmmmu/memo" in manual and "KVMMMU_NO_CACHE" in manual and "XDG_CACHE_HOME" in manual
