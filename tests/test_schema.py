# SPDX-License-Identifier: GPL-2.0-or-later
"""JSON is described once, in samples/schema/: every key, and nothing that is not there."""

import copy
import json
import re
import subprocess
import unicodedata

import pytest
from jsonschema import Draft202012Validator

import schema
from btf_edit import Btf
from tools import BUILD, SCENARIOS, TOP, batch, kvmmmu, questions, unpacked

SAMPLES = sorted((TOP / "samples").glob("*.kvmmmu"))
TRACES = sorted((TOP / "samples" / "traces").iterdir())
PASTED = sorted([*(TOP / "tests/trace/forms").glob("*.txt"), *(TOP / "tests/trace/cases").glob("*.txt")])
NUMBERS = ("1aa", "80000306", "400 100000007 4000000", "--as tdx c000010000000000", "--as ept 184 61000034d40e877", "6", "--as ept 80000306",
           "exit_reason=48 exit_qualification=0x184 old=0x61000034d40e877 intr_info=80000306 vp_enter_ret=8000020000000092 "
           "error_code=100000007 qualification=80000306")
SPTES = ("600000000b77b37", "8000000000001", "0", "5a0", "80000000deadb865", "1ff", "1a00000000b77870")
FORMATS = ("ept", "npt", "shadow", "ept:6.1")

# Keys that no answer here has: they need a damaged dump or capsule, many VMs, or a
# dump itself (tests/lab/test_report_on_dumps.py, tests/lab/test_log.py), an edited answer (test_moments_json.py) or a failing disk (tests/lab/test_read_errors.py).
UNUSED = {"explain.kernel_log", "diff.not_compared", *(f"diff.missing.{key}" for key in ("vcpu", "owner", "kvm_vcpu", "only_in")), *(f"log.{key}" for key in ("command", "log", "log_buffer", "notes", "schema", "source")),
          "report.chapters.cause.notes", "report.chapters.map.notes", "report.chapters.stack.notes", "report.other_vcpus.notes", "report.other_vms.notes",
          "report.vms.notes", "capture-list.findings",
          *(f"walk-gva.guest_walk.entries.{key}" for key in ("level", "table", "index", "entry", "says", "table_spte")),  # tests/lab/test_walk_gva.py
          *(f"walk-gva.guest_walk.accesses.{key}" for key in ("access", "user", "supervisor")),
          *(f"{name}.unread" for name in schema.NAMES if "unread" in schema.load(name).get("properties", {})), "mmu.mmus.w.notes", "slots.memslots.notes"}


def parts(node):
    """Every object in some JSON, outermost first."""
    if isinstance(node, dict):
        yield node
        node = list(node.values())
    for value in node if isinstance(node, list) else ():
        yield from parts(value)


def objects(node):
    """Every description of an object in a schema."""
    return (part for part in parts(node) if "properties" in part)


def described(name, node):
    if "description" in node:
        return True
    file, _, pointer = node.get("$ref", "").partition("#/$defs/")
    target = schema.load(file.removesuffix(".json") or name)["$defs"].get(pointer) if pointer else None
    return bool(target) and described(file.removesuffix(".json") or name, target)


@pytest.mark.parametrize("name", schema.NAMES)
def test_every_key_is_described_and_no_other_is_allowed(name):
    text = schema.load(name)
    Draft202012Validator.check_schema(text)
    assert text["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert text["title"] and text["description"]
    for node in objects(text):
        assert node["type"] == "object" and node["additionalProperties"] is False
        assert set(node.get("required", ())) <= set(node["properties"])
        undescribed = [key for key, value in node["properties"].items() if not described(name, value)]
        assert not undescribed


def sample_questions(capsule):
    vms = json.loads(batch(capsule, ["vms -j"])[0].out)["vms"]
    asked = ["layout", "audit", "explain", "explain --trace", "report", "report 0", "report 0 --with-names", f"explain --before {SAMPLES[1]}", f"diff --before {SAMPLES[1]}", "sym kvm_usage_count", "sym vm_list", "find 4000000", "find 7fd40ca00000", "find kvm_page ffff8b6b42b0d0b8", f"capture --list {capsule}", *questions(vms)]
    for vm in vms:
        for vcpu in vm["vcpus"]:
            name = f"{vm['vm']['number']}:{vcpu['index']}"
            asked += [f"fault --trace {name}", f"fault --trace {name} -a 4000000 -e 7", f"explain {name} -a 21000 -e 6", f"walk --gva {name} 21000", f"walk --gva --cr3 200000 {name} 21000"]
    return [f"{line} -j" for line in asked]


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """Every answer that the samples and scenarios give, and those that need no dump."""
    found = []
    for capsule in SAMPLES:
        to = tmp_path_factory.mktemp("schema") / "c.kvmmmu"
        lines = [f"capture -o {to} -j", *sample_questions(capsule), f"replay {TRACES[0]} -j"]
        found += [answer.out for answer in batch(capsule, lines) if answer.out]
        found += [answer.out for answer in batch(to, sample_questions(to)) if answer.out]
    damaged = (TOP / "tests/capsule/hostile").glob("W*.kvmmmu")
    for capsule in [*SCENARIOS.rglob("*.kvmmmu"), *damaged]:
        lines = ["explain -j", "report -j", "explain --trace -j", "vms -j", "perms -j", "slots -j", "fault 0:0 --trace -j", "mmu 0:0 -j"]
        found += [answer.out for answer in batch(capsule, lines) if answer.out]
    for capsule in sorted((TOP / "samples" / "kernels").glob("*.kvmmmu")):
        found += [answer.out for answer in batch(capsule, ["mmu 0:0 -j"]) if answer.out]
    for traced in (TOP / "samples" / "kdump").rglob("*trace*.kvmmmu"):
        found += [answer.out for answer in batch(traced, ["explain -j", "report -j", "replay -j"]) if answer.out]
    types = tmp_path_factory.mktemp("schema") / "types"
    types.write_bytes(Btf(bytearray(unpacked(SAMPLES[0]))).blob())
    found.append(kvmmmu("layout", types, "-j").out)
    found += kvmmmu("batch", *SAMPLES, *(TOP / "tests/capsule/hostile").glob("W*.kvmmmu"), "README.md").out.splitlines()
    words = [["replay", *options, trace] for trace in TRACES for options in ([], ["--as", "npt:7.2"])]
    words += [["replay", *options, text] for text in PASTED for options in ([], ["--as", "ept:6.12"])]
    words += [["error", *number.split()] for number in NUMBERS]
    words += [["spte", "--as", form, value] for form in FORMATS for value in SPTES] + [["pfec", "100000007"], ["pfec", "0"]]
    found += [kvmmmu(*line, "-j").out for line in words]
    assert len(found) > 1500
    return [json.loads(text) for text in found]


def test_every_answer_is_as_described(answers):
    problems = {problem for answer in answers if (problem := schema.problem(answer))}
    assert not problems
    assert {schema.name_of(answer) for answer in answers} == set(schema.NAMES) - {"common", "log"}


def resolve(node, name):
    """What a description says, and the file that it is in."""
    while "$ref" in node:
        file, _, pointer = node["$ref"].partition("#/$defs/")
        name = file.removesuffix(".json") or name
        node = schema.load(name)["$defs"][pointer]
    return node, name


def note_keys(value, node, name, used):
    """Adds to @used the keys of an answer's part, each with the object of the schema that describes it."""
    node, name = resolve(node, name)
    if isinstance(value, dict):
        for key, part in value.items():
            used.add((id(node), key))
            note_keys(part, node["properties"][key], name, used)
    elif isinstance(value, list):
        for part in value:
            note_keys(part, node["items"], name, used)


def unused_keys(node, name, used, path):
    """The outermost keys that are not in @used, by their path."""
    node, name = resolve(node, name)
    for key, value in node.get("properties", {}).items():
        if (id(node), key) in used:
            yield from unused_keys(value, name, used, f"{path}.{key}")
        else:
            yield f"{path}.{key}"
    if "items" in node:
        yield from unused_keys(node["items"], name, used, path)


def test_every_described_key_is_used(answers):
    used = set()
    for answer in answers:
        note_keys(answer, schema.load(schema.name_of(answer)), schema.name_of(answer), used)
    unused = {key for name in schema.NAMES for key in unused_keys(schema.load(name), name, used, name)}
    assert " ".join(sorted(unused)) == " ".join(sorted(UNUSED))


@pytest.mark.parametrize("question", ["vms", "mmu 0:0", "perms 0:0", "walk 0:0 0", "walk -n all 0:0 0", "fault 0:0 --trace",
                                      "explain 0:0", "report", "slots", "spte 7", "pfec 7"])
def test_what_is_not_described_is_noticed(question):
    """An unknown key in any object of an answer; a number in place of a word in hexadecimal."""
    answer = kvmmmu(SAMPLES[2], *question.split(), "-j").json
    assert not schema.problem(answer)
    for i in range(sum(1 for _ in parts(answer))):
        changed = copy.deepcopy(answer)
        list(parts(changed))[i]["new"] = 0
        assert schema.problem(changed)
    text = json.dumps(answer)
    for found in re.finditer(r'"0x[0-9a-f]+"', text):
        changed = json.loads(text[:found.start()] + "0" + text[found.end():])
        assert schema.problem(changed), found[0]


# ---- names of processes that steer terminals ----

EVIL = b"q\x9b\xffm\xe2\x80\xae"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A sample whose owner is called EVIL."""
    data = unpacked(TOP / "samples" / "amd-7.3-looping.kvmmmu")
    assert data.count(b"vmm-beta\0") >= 1
    path = tmp_path_factory.mktemp("hostile") / "evil.kvmmmu"
    path.write_bytes(data.replace(b"vmm-beta\0", EVIL.ljust(8, b"_") + b"\0"))
    return path


def run(*words):
    return subprocess.run([BUILD / "kvmmmu", *words], capture_output=True, timeout=60)


def printable(output):
    text = output.decode()  # it is UTF-8
    return not [c for c in text if c != "\n" and (unicodedata.category(c) in ("Cc", "Zl", "Zp") or c in "\u061c\u200e\u200f"
                or "\u202a" <= c <= "\u202e" or "\u2066" <= c <= "\u2069")]


@pytest.mark.parametrize("question", ["vms", "explain", "slots", "mmu 0:0", "fault 0:0", "walk 0:0 0"])
def test_names_do_not_steer_the_terminal(hostile, question):
    answer = run(hostile, *question.split())
    assert answer.returncode == 0 and b"q??m?_" in answer.stdout
    assert printable(answer.stdout)


@pytest.mark.parametrize("name,shown", [("esc-comm", b"?31m?1m"), ("S3-comm-not-utf8", b"qemu???X")])
def test_handed_names(name, shown):
    path = TOP / "tests/capsule/hostile" / f"{name}.kvmmmu"
    for question in "vms", "explain", "slots", "report":
        answer = run(path, question)
        assert answer.returncode == 0 and printable(answer.stdout)
        assert shown in answer.stdout
    for question in "vms", "explain", "report":
        answer = run(path, question, "-j")
        assert answer.returncode == 0 and printable(answer.stdout)
        schema.parse(answer.stdout.decode())


@pytest.mark.parametrize("question", ["vms", "explain", "mmu 0:0"])
def test_json_is_utf8_whatever_the_names_are(hostile, question):
    answer = run(hostile, *question.split(), "-j")
    assert answer.returncode == 0 and printable(answer.stdout)
    names = {node["comm"] for node in parts(schema.parse(answer.stdout.decode())) if "comm" in node}
    assert "q\\x9b\\xffm\u202e_" in names


def test_errors_do_not_steer_the_terminal(hostile):
    for words in ([hostile, "vms", b"\x9b31m\xe2\x80\xae"], [b"/no\xff/\x1b[31mdump", "vms"]):
        answer = run(*words)
        assert answer.returncode in (2, 3) and not answer.stdout
        assert printable(answer.stderr) and answer.stderr.count(b"\n") == 1 and b"?" in answer.stderr
