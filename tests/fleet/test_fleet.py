# SPDX-License-Identifier: GPL-2.0-or-later
"""scripts/fleet: whatever the files are and whoever is killed, SQLite has each file exactly once, with batch's answer."""

import collections
import html.parser
import json
import os
import random
import re
import resource
import signal
import sqlite3
import subprocess
import time

import pytest

from tools import BUILD, TOP

FLEET = TOP / "scripts" / "fleet" / "fleet"
QUERIES = sorted(path.stem for path in (TOP / "scripts" / "fleet" / "queries").glob("*.sql"))
CAPSULES = sorted((TOP / "samples").rglob("*.kvmmmu"))
# "make fleet" asks for 10,000.
COUNT = int(os.environ.get("KVMMMU_FLEET_FILES", "240"))
JOB = 8


def fleet(*words, stdin=None, check=True, **environment):
    run = subprocess.run([FLEET, *map(str, words)], input=stdin, capture_output=True, text=True, timeout=3600,
                         env=os.environ | {"KVMMMU": str(BUILD / "kvmmmu"), "FLEET_FILES_PER_JOB": str(JOB)} | environment)
    assert not check or run.returncode == 0, run.stderr
    return run


def rows(path, query):
    with sqlite3.connect(f"file:{path}/fleet.db?mode=ro", uri=True) as base:
        return base.execute(query).fetchall()


def make_input(path, kind, chance):
    if kind == "missing":
        return
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "text":
        path.write_text("This is not a dump.\n" * 100)
    elif kind == "empty":
        path.touch()
    else:
        data = bytearray(chance.choice(CAPSULES).read_bytes())
        if kind == "torn":
            del data[chance.randrange(len(data)):]
        elif kind == "flipped":
            for _ in range(20):
                data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        path.write_bytes(data)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """Capsules of the samples, damaged ones, and files that are no dumps, in the directories of five hosts."""
    top = tmp_path_factory.mktemp("inputs")
    chance = random.Random(1)
    kinds = ["whole"] * 12 + ["torn", "flipped", "text", "empty", "pipe", "missing"]
    found = []
    for i in range(COUNT):
        host = top / f"host {i % 5}-2026-11-29-10:04:19"
        host.mkdir(exist_ok=True)
        found.append(host / f"<i>&'\"{i}.kvmmmu")
        make_input(found[-1], kinds[i] if i < len(kinds) else chance.choice(kinds), chance)
    return found


# seconds of CPU time of batch
took = {}


@pytest.fixture(scope="module")
def truth(inputs):
    """What batch answers without fleet."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run = subprocess.run([BUILD / "kvmmmu", "batch", "-"], input="".join(f"{path}\n" for path in inputs),
                         capture_output=True, text=True, timeout=3600, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    took["truth"] = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {line["file"]: line for line in map(json.loads, run.stdout.splitlines())}


def test_throughput(inputs, truth, capsys):
    """Printed; the aim is 500 capsules a second on one core that does nothing else."""
    assert len(truth) == len(inputs)
    with capsys.disabled():
        print(f"\nbatch: {len(truth) / took['truth']:.0f} files for each second of CPU time")


def killed_once(tmp_path, seconds=0):
    """A program that is kvmmmu, but is killed in the middle of its answer the first two times."""
    wrapper = tmp_path / "kvmmmu-killed"
    wrapper.write_text(f"""#!/bin/bash
sleep {seconds}
for n in 1 2; do
	if mkdir {tmp_path}/killed-$n 2>/dev/null; then
		{BUILD}/kvmmmu "$@" | head -c 5000
		kill -KILL $$
	fi
done
exec {BUILD}/kvmmmu "$@"
""")
    wrapper.chmod(0o755)
    return str(wrapper)


def check_rows(path, inputs, truth):
    assert rows(path, "SELECT count(*), count(DISTINCT file) FROM answer") == [(len(inputs), len(inputs))]
    found = rows(path, "SELECT file, json, error_class FROM answer")
    assert {file: json.loads(line) for file, line, _ in found} == truth
    assert {file: error for file, _, error in found} == {file: line["error_class"] for file, line in truth.items()}
    causes = collections.Counter((v["cause"], line["source"]["release"]) for line in truth.values()
                                 for v in line.get("vcpus", []) if v["state"] == "stuck")
    assert causes
    assert dict(((cause, release), count) for cause, release, count in rows(
        path, "SELECT cause, release, count(*) FROM cause WHERE state = 'stuck' GROUP BY cause, release")) == causes


def test_two_workers_are_killed_in_the_middle_of_an_answer(tmp_path, inputs, truth):
    names = "".join(f"{path}\n" for path in inputs)
    run = fleet("run", tmp_path / "fleet", "-", stdin=names + names, KVMMMU=killed_once(tmp_path))
    assert (tmp_path / "killed-2").exists()
    assert f"{len(inputs)} files" in run.stdout
    check_rows(tmp_path / "fleet", inputs, truth)


def test_the_whole_run_is_killed_and_resumed(tmp_path, inputs, truth):
    path = tmp_path / "fleet"
    (tmp_path / "list").write_text("".join(f"{file}\n" for file in inputs))
    with open(tmp_path / "list", encoding="utf-8") as names:
        process = subprocess.Popen([FLEET, "run", path, "-"], stdin=names, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, start_new_session=True,
                                   env=os.environ | {"KVMMMU": killed_once(tmp_path, 0.2), "FLEET_FILES_PER_JOB": str(JOB)})
        jobs = path / "runs" / "1" / "jobs"
        end = time.monotonic() + 60
        while (not jobs.exists() or jobs.read_text().count("\n") < 5) and time.monotonic() < end:
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    # what there is can be looked at; the others are named as lost
    fleet("load", path)
    lost, = rows(path, "SELECT count(*) FROM answer WHERE error_class = 'lost'")[0]
    assert 0 < lost < len(inputs)
    fleet("resume", path)
    check_rows(path, inputs, truth)
    done = (path / "runs" / "1" / "jobs").read_text()
    fleet("resume", path)
    assert (path / "runs" / "1" / "jobs").read_text() == done, "a run that is complete asked again"


@pytest.fixture(scope="module")
def loaded(tmp_path_factory, inputs):
    path = tmp_path_factory.mktemp("loaded") / "fleet"
    fleet("run", path, *inputs)
    return path


def test_queries(loaded, truth):
    assert fleet("query", loaded).stdout.count("\n") == len(QUERIES) == 6
    for name in QUERIES:
        assert "─" in fleet("query", loaded, name).stdout or name == "regressions", name
    hosts = fleet("query", loaded, "hosts").stdout
    assert re.findall(r"host \d", hosts) and "2026-11-29-10" not in hosts, "the date is not part of the host"
    releases = fleet("query", loaded, "releases").stdout
    for release in {line["source"]["release"] for line in truth.values() if not line["error"]}:
        assert release in releases


def test_a_regression_is_a_cause_that_older_releases_do_not_have(tmp_path, loaded):
    """Edited rows: two releases, the newer one with a cause that the older one lacks, and one that both have."""
    base = tmp_path / "fleet"
    base.mkdir()
    for name in ("made-by-fleet", "fleet.db"):
        (base / name).write_bytes((loaded / name).read_bytes())
    with sqlite3.connect(base / "fleet.db") as db:
        db.execute("DELETE FROM vcpu")
        db.execute("DELETE FROM answer")
        for i, (release, day, causes) in enumerate([("5.1", 1, ["old"]), ("5.1", 2, []), ("5.2", 3, ["old", "new"])]):
            db.execute("INSERT INTO answer (id, file, release, time, stuck) VALUES (?, ?, ?, ?, ?)",
                       (i, f"/{i}", release, f"2026-01-0{day} 00:00:00 UTC", len(causes)))
            for n, cause in enumerate(causes):
                db.execute("INSERT INTO vcpu VALUES (?, ?, 'vmm', 'stuck', 'likely', ?, '')", (i, f"0:{n}", cause))
    found = fleet("query", base, "regressions").stdout
    assert re.findall(r"│ (\w+) +│ (5\.\d)", found) == [("new", "5.2")]


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.links, self.ids, self.tags, self.text = [], set(), collections.Counter(), ""

    def handle_starttag(self, tag, attrs):
        self.tags[tag] += 1
        attrs = dict(attrs)
        self.ids |= {attrs["id"]} if "id" in attrs else set()
        self.links += [attrs["href"]] if "href" in attrs else []

    def handle_data(self, data):
        self.text += data


def test_overview(loaded, inputs, truth):
    fleet("overview", loaded)
    page = Page()
    page.feed((loaded / "index.html").read_text())
    assert "<i>&'\"" in page.text and not page.tags["i"], "names are escaped"
    reports = {link for link in page.links if link.startswith("reports/")}
    assert reports and all((loaded / link).stat().st_size > 1000 for link in reports)
    assert {link[1:] for link in page.links if link.startswith("#")} <= page.ids
    stuck = {file for file, line in truth.items() if not line["error"] and line["summary"]["stuck"]}
    assert len(reports) == len(stuck)
    for file in [file for file, line in truth.items() if line["error"]]:
        assert file in page.text
    tidy = subprocess.run(["tidy", "-qe", loaded / "index.html"], capture_output=True, text=True)
    assert tidy.returncode < 2, tidy.stderr


def test_what_is_not_fleets_is_left_alone(tmp_path):
    foreign = tmp_path / "precious"
    foreign.mkdir()
    (foreign / "index.html").write_text("mine")
    for words in (["run", foreign, CAPSULES[0]], ["load", foreign], ["overview", foreign], ["resume", foreign]):
        run = fleet(*words, check=False)
        assert run.returncode == 1 and "fleet run" in run.stderr
    assert [path.name for path in foreign.iterdir()] == ["index.html"]


@pytest.mark.parametrize("words", [[], ["run"], ["run", "x"], ["load"], ["nonsense", "x"]], ids=str)
def test_usage(words, tmp_path):
    run = subprocess.run([FLEET, *words], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 2 and run.stderr.startswith("usage: fleet run")
    assert not list(tmp_path.iterdir())


def test_slurms_tasks_share_the_files(tmp_path, inputs, truth):
    """Without Slurm: each task gets the variables that Slurm sets ("make fleet" runs a real one)."""
    path = tmp_path / "fleet"
    run = fleet("prepare", path, "-", stdin="".join(f"{file}\n" for file in inputs)).stdout.strip()
    for task in (3, 4, 5):
        subprocess.run([TOP / "scripts" / "fleet" / "slurm", run], check=True,
                       env=os.environ | {"KVMMMU": str(BUILD / "kvmmmu"), "SLURM_ARRAY_TASK_ID": str(task),
                                         "SLURM_ARRAY_TASK_MIN": "3", "SLURM_ARRAY_TASK_COUNT": "3"})
    fleet("load", path)
    check_rows(path, inputs, truth)
