# SPDX-License-Identifier: GPL-2.0-or-later
"""What is packed is the commit, and a report names it; the recipes agree with what is installed."""

import ast
import gzip
import hashlib
import json
import re
import subprocess
import tarfile

from tools import TOP, kvmmmu

LOOPING = TOP / "samples/amd-7.3-looping.kvmmmu"
PACKAGE = TOP / "scripts/package"


def git(*words):
    return subprocess.run(["git", *words], cwd=TOP, text=True, check=True, stdout=subprocess.PIPE).stdout


def dist(folder):
    run = subprocess.run(["make", "-s", f"BUILD={folder}", "dist"], cwd=TOP, text=True, check=True, stdout=subprocess.PIPE)
    return folder / run.stdout.split("/")[-1].strip()


def test_dist_is_the_commit(tmp_path):
    archive = dist(tmp_path)
    first = archive.read_bytes()
    with tarfile.open(archive) as tar:
        names = {member.name for member in tar if member.isfile()}
        prefix = archive.name.removesuffix(".tar.gz")
        packed = tar.extractfile(f"{prefix}/scripts/package/commit").read().decode()
    assert names == {f"{prefix}/{name}" for name in [*git("ls-files").split("\n")[:-1], "scripts/package/commit"]
                     if name in git("ls-tree", "-r", "--name-only", "HEAD").split("\n") or name == "scripts/package/commit"}
    assert git("rev-parse", "HEAD").startswith(packed.strip()) and len(packed.strip()) == 12
    assert dist(tmp_path).read_bytes() == first
    assert gzip.decompress(first)


def test_a_report_names_the_commit_and_the_file():
    tool = kvmmmu(LOOPING, "report", "-j").json["tool"]
    assert re.fullmatch(r"[0-9a-f]{12}(-dirty)?", tool["commit"])
    data = LOOPING.read_bytes()
    assert tool["sha256"] == hashlib.sha256(data).hexdigest() and tool["bytes"] == len(data)
    text = kvmmmu(LOOPING, "report").out
    assert f"(commit {tool['commit']})" in text and tool["sha256"] in text
    redacted = kvmmmu(LOOPING, "report", "--redact", "-j").json["tool"]
    assert redacted["sha256"] == "redacted" and redacted["commit"] == tool["commit"]


def test_large_files_have_no_hash(tmp_path):
    """A capsule with much after it is damaged; what is hashed is a file, so the limit is tested on a sparse one."""
    small, large = tmp_path / "small", tmp_path / "large"
    small.write_bytes(LOOPING.read_bytes())
    assert kvmmmu(small, "report", "-j").json["tool"]["sha256"] == hashlib.sha256(small.read_bytes()).hexdigest()
    large.write_bytes(LOOPING.read_bytes())
    large.chmod(0o644)
    with large.open("ab") as file:
        file.truncate((64 << 20) + 1)
    answer = kvmmmu(large, "report", "-j")
    assert answer.code == 3 or json.loads(answer.out)["tool"]["sha256"] is None


def test_the_recipes_have_what_the_build_needs():
    lines = [line.split() for line in (TOP / "scripts/packages").read_text().splitlines() if line and line[0] != "#"]
    control, spec = ((PACKAGE / name).read_text() for name in ("debian/control", "kvmmmu.spec"))
    for _, debian, fedora, _ in lines:
        assert re.search(rf"\b{re.escape(debian)}\b", control), debian
        assert re.search(rf"^BuildRequires: +{re.escape(fedora)}$", spec, re.M), fedora


def test_the_versions_are_equal():
    version = re.search(r"^VERSION = (\S+)$", (TOP / "Makefile").read_text(), re.M)[1]
    assert f"Version:        {version}\n" in (PACKAGE / "kvmmmu.spec").read_text()
    assert (PACKAGE / "debian/changelog").read_text().startswith(f"kvmmmu ({version}) ")


def test_the_spec_lists_what_is_installed(tmp_path):
    """With Fedora's directories: each installed file is below one that the spec names."""
    run = subprocess.run(["make", "-s", f"DESTDIR={tmp_path}", "PREFIX=/usr", "libdir=/usr/lib64",
                          "extdir=/usr/lib64/crash/extensions", "install"], cwd=TOP, text=True, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT)
    assert run.returncode == 0, run.stdout
    where = {"_bindir": "/usr/bin", "_libdir": "/usr/lib64", "_mandir": "/usr/share/man", "_datadir": "/usr/share",
             "_docdir": "/usr/share/doc"}
    listed = [re.sub(r"%\{(\w+)\}", lambda found: where[found[1]], line).rstrip("*")
              for line in (PACKAGE / "kvmmmu.spec").read_text().split("%files\n")[1].split("\n\n")[0].splitlines()
              if line.startswith("%{")]
    files = ["/" + str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()]
    assert [name for name in files if not any(name == at or name.startswith(at.rstrip("/") + "/") or
                                              name.startswith(at) and at.endswith((".8", ".5")) for at in listed)] == []
    assert [at for at in listed if not any(name.startswith(at) for name in files)] == []


def test_the_examples_are_programs(tmp_path):
    ast.parse((PACKAGE / "examples/sos_kvmmmu.py").read_text())
    script = PACKAGE / "examples/reportbug-script"
    assert subprocess.run(["sh", "-n", script], check=False).returncode == 0
    # the commands that they run exist
    for name in ("sos_kvmmmu.py", "reportbug-script"):
        for words in re.findall(r"kvmmmu live ([a-z]+)((?: --?[a-z]+)*)", (PACKAGE / "examples" / name).read_text()):
            said = kvmmmu(words[0], "--help").out
            assert all(re.search(rf"{option}\b", said) for option in words[1].split()), words
