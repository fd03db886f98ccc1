# SPDX-License-Identifier: GPL-2.0-or-later
"""make matrix and make drift: that the comparisons notice what is wrong."""

import ctypes
import importlib.util
import lzma
import re
import struct
import subprocess
import sys

import pytest

from tools import TOP

LAB = TOP / "scripts/lab"


def load(path):
    """Import a program of the lab under a name of its own: some have the same name."""
    name = "lab_" + str(path.relative_to(LAB)).removesuffix(".py").replace("/", "_")
    spec = importlib.util.spec_from_file_location(name, path)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


plan, verdict = load(LAB / "matrix/plan.py"), load(LAB / "matrix/verdict.py")
drift, unpack = load(LAB / "drift.py"), load(LAB / "unpack.py")

WORDS = ["0x0", "0xff"]
TABLE = {"address": "0x1000", "context": "root_mmu", "kvm_vcpu": "0x5000", "status": "matches",
         "words": [{"word": word} for word in WORDS]}
READ = {"vms": [{"vcpus": [{"contexts": {"root_mmu": {"table": "0x1000", "permissions": WORDS}}}]}]}


def words(damaged=(), **differences):
    return verdict.compare_words({"tables": [{**TABLE, **differences}]}, READ, damaged)[1]


def test_words_that_are_wrong_are_noticed():
    assert verdict.compare_words({"tables": [TABLE]}, READ, ()) == (1, [])
    assert words(status="differs") and words(status="unreadable") and words(damaged=[0x1004])
    assert words(words=[{"word": "0x0"}, {"word": "0xfe"}]) == ["root_mmu of vCPU 0x5000: the words are not those in memory"]
    assert not words(damaged=[0x1004], status="differs")  # it was changed on purpose


OURS = [{"kvm": "0x1", "roots": [{"root": 0x7000, "leaves": [[0x0, 1, 5], [0x1000, 1, 6]]}]}]
MAPS = [{"kvm": "0x1", "pages": [[0, 5], [1, 6]], "roots": [{"root": 0x7000, "leaves": [[0x0, 1, 5, 0], [0x1000, 1, 6, 1]]}]}]


def maps(ours=None, pages=None, roots=None):
    mine = OURS if ours is None else [{"kvm": "0x1", "roots": [{"root": 0x7000, "leaves": ours}]}]
    theirs = [{**MAPS[0], **({"pages": pages} if pages else {}), **({"roots": roots} if roots else {})}]
    return verdict.compare_maps(mine, theirs)[1]


def test_leaves_that_are_wrong_are_noticed():
    assert verdict.compare_maps(OURS, MAPS) == (2, [])
    for ours in ([[0x0, 1, 5]], [[0x0, 1, 5], [0x1000, 1, 7]], [[0x0, 1, 5], [0x1000, 2, 6]],
                 [[0x0, 1, 5], [0x1000, 1, 6], [0x2000, 1, 9]]):
        assert len(maps(ours)) == 1, ours
    assert "the host has 9 at gfn 1" in maps(pages=[[0, 5], [1, 9]])[0]
    assert "the host has None at gfn 1" in maps(pages=[[0, 5]])[0]
    assert maps(roots=[*MAPS[0]["roots"], {"root": 0x8000, "leaves": []}]) == ["VM 0x1: root 0x8000 is missing"]
    assert verdict.compare_maps([], []) == (0, ["no leaf is compared"])


def test_healthy_vcpus_that_are_accused_are_noticed():
    assert not verdict.compare_healthy({"0:0": ("healthy", "likely", [("dirty-log-huge", "note")]),
                                        "0:1": ("never ran", "proven", [])})
    for said in ("stuck", "possible", []), ("unknown", "possible", []), ("healthy", "likely", [("vm-dead", "possible")]):
        assert verdict.compare_healthy({"0:0": said}), said


def test_answers_in_crash_that_differ_are_noticed():
    ours = {"vms": {"source": {"host": "kvmmmu"}, "vms": [1]}, "perms": {"source": {}, "tables": []}}
    said = {"vms": '{"source": {"host": "crash"}, "vms": [1]}', "perms": '{"source": {}, "tables": []}'}
    again = {command: dict(answer) for command, answer in ours.items()}
    assert verdict.compare_answers(again, said, "") == (2, [])
    for wrong in ({**said, "vms": '{"source": {}, "vms": [2]}'}, {**said, "vms": "kvmmmu: no"}, {"perms": said["perms"]}):
        again = {command: dict(answer) for command, answer in ours.items()}
        count, problems = verdict.compare_answers(again, wrong, "crash: it ended")
        assert count == 1 and len(problems) == 1 and "vms in crash" in problems[0]


def test_words_of_a_scenario_are_those_of_its_injection():
    change = {"what": "permissions[3]", "address": "0x1006"}
    assert verdict.changed_words({"injected": [change, {"what": "W of the level 2 SPTE", "address": "0x2000"}]}) == [0x1006]
    assert verdict.changed_words({"machines": [{"injected": [change]}]}) == [0x1006]


def test_what_the_matrix_has():
    """Every generation with NPT and npt=0, five levels, two flavours of two kernels, a loop or stall of each, in all at
    least 60 dumps."""
    count = 0
    for generation in (*plan.GENERATIONS, *plan.FLAVOURS):
        boots, scenarios = plan.boots(generation), plan.scenarios(generation)
        assert {boot.paging for boot in boots} == {"npt", "npt=0"}
        assert {s.first for s in scenarios} >= {"readonly-host", "lock-stall", "write-tracked"}
        assert "-" in generation or "mmio-generation" in {s.first for s in scenarios}
        assert generation == "5.10" or "frozen-spte" in {s.first for s in scenarios}
        count += sum(len(boot.names) for boot in boots) + len(scenarios) + plan.kdumps(generation)
        count += sum(len(names) for _, names in plan.intel(generation).values())
    assert count >= 60 and len(plan.LA57) >= 8 and len(plan.INTEL) >= 5
    assert {s.first for s in plan.scenarios("7.3")} >= {"obsolete-root", "perm-table-mismatch", "frozen-spte"}


def rows():
    text = (TOP / "tests/README.md").read_text().split("<!-- matrix -->\n")[1].split("<!-- end of matrix -->")[0]
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    return text, [dict(zip(lines[0], line)) for line in lines[2:]]


def test_the_table_of_the_matrix_is_whole():
    text, found = rows()
    names = [row["kernel"].split()[0] for row in found]
    assert set(plan.GENERATIONS) <= set(names) <= {*plan.GENERATIONS, *plan.FLAVOURS}
    dumps = sum(int(row["dumps"]) for row in found)
    assert dumps >= 60 and f"{dumps} dumps:" in text
    for row in found:
        assert sum(int(row[paging]) for paging in ("NPT", "npt=0", "EPT")) == int(row["dumps"])
        assert row["with a problem"] == "0"
        assert re.match(r"[\w.+-]+ \([\d.]+[\w.+-]*\)$", row["kernel"])


# ---- kernels as packages have them ----

def vmlinuz(compressed):
    """The parts of a bzImage that matter: one sector of setup, and the compressed kernel with its size behind it."""
    data = bytearray(2 * 512 + 64)
    data[0x1f1] = 1
    data[0x202:0x206] = b"HdrS"
    struct.pack_into("<II", data, 0x248, 64, len(compressed))
    return bytes(data) + compressed + b"more"


def lz4(data):
    library = ctypes.CDLL("liblz4.so.1")
    out = ctypes.create_string_buffer(library.LZ4_compressBound(len(data)))
    size = library.LZ4_compress_default(data, out, len(data), len(out))
    return unpack.LZ4 + struct.pack("<I", size) + out.raw[:size] + struct.pack("<I", len(data))


def test_a_kernel_is_unpacked(tmp_path):
    kernel = b"\x7fELF" + bytes(range(256)) * 100
    zstd = subprocess.run(["zstd", "-c"], input=kernel, capture_output=True, check=True).stdout
    for form in (vmlinuz(lz4(kernel)), vmlinuz(zstd + struct.pack("<I", len(kernel))), lzma.compress(kernel), zstd, kernel):
        (tmp_path / "in").write_bytes(form)
        subprocess.run([sys.executable, "-B", LAB / "unpack.py", tmp_path / "in", tmp_path / "out"], check=True)
        assert (tmp_path / "out").read_bytes() == kernel
    for damaged in (b"nothing", vmlinuz(b"nothing"), vmlinuz(lz4(kernel)[:40])[:-4]):
        (tmp_path / "in").write_bytes(damaged)
        run = subprocess.run([sys.executable, "-B", LAB / "unpack.py", tmp_path / "in", tmp_path / "out"],
                             capture_output=True, text=True, check=False)
        assert run.returncode and "ValueError" in run.stderr, damaged


# ---- drift ----

class Kernel:
    def __init__(self, members, features=(), symbols=()):
        self.members, self.features, self.symbols = members, dict(features), set(symbols)


def test_what_changed_is_named():
    before = Kernel({"kvm.a": "a", "kvm.b": "b", "kvm.c": None}, {"vms": "", "tdx": "struct x"}, ["vm_list", "other"])
    now = Kernel({"kvm.a": "arch.a", "kvm.b": None, "kvm.c": "c"}, {"vms": "kvm.b", "tdx": ""}, ["shadow_me_mask"])
    assert list(drift.changes(before, now, {"vm_list", "shadow_me_mask"})) == [
        "members gone: kvm.b", "members new: kvm.c", "members under another name: kvm.a (a -> arch.a)",
        "symbols gone: vm_list", "symbols new: shadow_me_mask", "no longer available: vms", "now available: tdx"]
    assert not list(drift.changes(before, before, {"vm_list"}))


def test_symbols_that_are_asked_for():
    asked = drift.asked_symbols(TOP)
    assert {"vm_list", "shadow_user_mask", "tdp_enabled", "shadow_xs_mask", "kvm_mmu_invalidate_range_add"} <= asked


@pytest.mark.parametrize("release,generation", [("7.3.4+deb13-cloud-amd64", "7.3"), ("5.10.0-32-cloud-amd64", "5.10")])
def test_generations(release, generation):
    assert drift.generation(release) == generation
    assert drift.release_key("6.18.15+deb13") < drift.release_key("7.2~rc1-amd64")
