# SPDX-License-Identifier: GPL-2.0-or-later
"""diff and explain on answers in JSON of one host at two moments, in place of dumps; damaged and hostile ones."""

import functools
import itertools
import json
import random

import pytest

import schema
from tools import SCENARIOS, TOP, kvmmmu

HEALTHY, LOOPING = (TOP / f"samples/amd-7.3-{name}.kvmmmu" for name in ("healthy", "looping"))
# What differs with the kind of file: its name, and how the types were found.
OF_THE_FILE = ("source", "before")


@functools.lru_cache(maxsize=None)
def text_of(capsule, *words):
    return kvmmmu(capsule, *words, "-j").out


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """{(capsule, command): file with the command's JSON of it}, and the capsules themselves for command "capsule"."""
    folder = tmp_path_factory.mktemp("answers")
    files = {(capsule, "capsule"): capsule for capsule in (HEALTHY, LOOPING)}
    for capsule, command in itertools.product((HEALTHY, LOOPING), ("explain", "report")):
        files[capsule, command] = folder / f"{capsule.stem}-{command}.json"
        files[capsule, command].write_text(text_of(capsule, command))
    return files


def diff(*words):
    return kvmmmu("diff", *words, "-j").json


def common(answer):
    return {key: value for key, value in answer.items() if key not in OF_THE_FILE}


@pytest.mark.parametrize("earlier, later", itertools.product(("capsule", "explain", "report"), repeat=2))
def test_json_says_what_the_capsules_say(answers, earlier, later):
    expected = diff(HEALTHY, LOOPING)
    assert expected["summary"]["loops"] + expected["summary"]["progresses"] > 0
    assert any(vcpu["changes"] for vcpu in expected["vcpus"])
    answer = diff(answers[HEALTHY, earlier], answers[LOOPING, later])
    assert common(answer) == common(expected)
    assert answer["source"]["release"] == expected["source"]["release"]
    assert answer["source"]["vendor"] == "AMD" and answer["source"]["paging"] == "NPT"
    assert {k: v for k, v in answer["before"].items() if k != "file"} == \
        {k: v for k, v in expected["before"].items() if k != "file"}
    assert kvmmmu("diff", answers[HEALTHY, earlier], answers[LOOPING, later]).code == 0


def test_explain_of_a_dump_with_an_earlier_answer(answers):
    expected = kvmmmu("explain", HEALTHY, LOOPING, "-j").json
    answer = kvmmmu("explain", answers[HEALTHY, "explain"], LOOPING, "-j").json
    assert common(answer) == common(expected)
    assert any("watch" in vcpu for vcpu in answer["vcpus"])


def test_explain_of_two_answers_is_their_diff(answers):
    files = answers[HEALTHY, "report"], answers[LOOPING, "explain"]
    assert kvmmmu("explain", *files).out == kvmmmu("diff", *files).out
    assert kvmmmu(files[1], "explain", "--before", files[0]).out == kvmmmu("diff", *files).out


def test_the_moment_of_an_answer_does_not_depend_on_the_other(answers, tmp_path):
    """explain EARLIER DUMP -j can be compared again: it has the moment of the dump."""
    both = tmp_path / "both.json"
    both.write_text(kvmmmu("explain", HEALTHY, LOOPING, "-j").out)
    assert json.loads(both.read_text())["moment"] == json.loads(text_of(LOOPING, "explain"))["moment"]
    assert common(diff(HEALTHY, both)) == common(diff(HEALTHY, LOOPING))


def test_one_vcpu(answers):
    for words in (["0:0"], ["1:1"]):
        expected = diff(HEALTHY, LOOPING, *words)
        for files in ((answers[HEALTHY, "explain"], LOOPING), (answers[HEALTHY, "report"], answers[LOOPING, "explain"])):
            assert common(diff(*files, *words)) == common(expected), (files, words)
            assert len(expected["vcpus"]) == 1
    wrong = kvmmmu("diff", answers[HEALTHY, "explain"], answers[LOOPING, "explain"], "77:0")
    assert wrong.code == 2 and 'no VM or vCPU "77:0"' in wrong.err
    assert kvmmmu("diff", answers[HEALTHY, "explain"], answers[LOOPING, "explain"], "vmm-beta").code == 2


def test_swapped_dumps():
    """Capsules without the kernel's clock: the counters tell the order, and a note says what to do."""
    right, wrong = diff(HEALTHY, LOOPING), diff(LOOPING, HEALTHY)
    assert not any("swap the two" in note for note in right.get("notes", []))
    assert right["before"]["earlier"] is None and right["summary"]["loops"] + right["summary"]["progresses"] > 0
    assert wrong["summary"]["open"] == wrong["summary"]["vcpus"]
    note = next(note for note in wrong["notes"] if "swap the two" in note)
    exits = [{c["what"]: c["change"] for c in v["changes"]}.get("exits", 0) for v in wrong["vcpus"]]
    assert note.startswith(f"the exits of {sum(change < 0 for change in exits)} vCPUs decreased")


def test_no_vcpu_in_both(tmp_path):
    """Edited: all vCPUs of one answer are other ones."""
    answer = json.loads(text_of(LOOPING, "explain"))
    for vcpu in answer["moment"]["vcpus"]:
        vcpu["kvm_vcpu"] = hex(int(vcpu["kvm_vcpu"], 16) + 0x100000000)
    (tmp_path / "others.json").write_text(json.dumps(answer))
    other = diff(HEALTHY, tmp_path / "others.json")
    assert other["summary"]["vcpus"] == 0 and "no vCPU is in both: nothing was compared" in other["notes"]


def test_words_for_several(answers):
    """"1 vCPU loops", "3 progress"."""
    summary = diff(HEALTHY, LOOPING)["summary"]
    line = next(line for line in kvmmmu("diff", HEALTHY, LOOPING).out.splitlines() if "in both: " in line)
    for key, many in (("loops", "loop"), ("progresses", "progress")):
        if summary[key]:
            assert f"{summary[key]} {key if summary[key] == 1 else many}" in line.replace(",", " ").replace("  ", " ") + " "


def test_an_answer_about_some_vcpus(tmp_path):
    some = tmp_path / "some.json"
    some.write_text(kvmmmu(LOOPING, "explain", "0:0", "-j").out)
    answer = diff(HEALTHY, some)
    assert len(answer["vcpus"]) == 1
    assert any("about a selection, of 1 vCPU" in note for note in answer["notes"])


def test_what_only_one_of_the_two_contains_is_named(tmp_path):
    """RIP is in no capsule: edited, as if the later answer were from a dump."""
    later = json.loads(text_of(LOOPING, "explain"))
    for vcpu in later["moment"]["vcpus"]:
        vcpu["rip"] = "0x1000"
    path = tmp_path / "later.json"
    path.write_text(json.dumps(later))
    answer = diff(HEALTHY, path)
    assert answer["not_compared"] == ["rip"]
    assert "known in only one of the two, and not compared: rip" in answer["notes"]
    assert not [c for v in answer["vcpus"] for c in v["changes"] if c["what"] == "rip"]
    assert "not_compared" not in diff(HEALTHY, LOOPING)


def looks(watch):
    return [look["pf_taken"] for look in watch["looks"]]


def test_redacted_answers(tmp_path):
    """Counters, states and findings are compared; addresses are not, as those of one answer are not those of the other."""
    files = []
    for capsule in (HEALTHY, LOOPING):
        files.append(tmp_path / f"{capsule.stem}.json")
        files[-1].write_text(kvmmmu(capsule, "report", "--redact", "-j").out)
        moment = schema.parse(files[-1].read_text())["moment"]
        assert moment["redacted"] and moment["boot_id_0"] is moment["page_offset_base"] is moment["build_id"] is None
    plain, answer = diff(HEALTHY, LOOPING), diff(*files)
    at = {"fault_address", "rip", "root", "walk_ends", *(f"spte_level_{level}" for level in range(1, 6))}
    kept = [{(v["vm"], v["vcpu"]): [c for c in v["changes"] if c["what"] not in at] for v in side["vcpus"]}
            for side in (plain, answer)]
    assert kept[0] == kept[1] and any(kept[0].values())
    assert not {c["what"] for v in answer["vcpus"] for c in v["changes"]} & at
    assert sum("is redacted: its addresses are other ones" in note for note in answer["notes"]) == 2
    assert answer["summary"]["loops"] == 0, "the same fault cannot be recognized"
    for mixed in ((files[0], LOOPING), (HEALTHY, files[1])):
        assert {(v["vm"], v["vcpu"]) for v in diff(*mixed)["vcpus"]} == set(kept[0])
    # "0:0" of the redacted answer
    assert len(diff(HEALTHY, files[1], "0:0")["vcpus"]) == len(diff(files[0], LOOPING, "0:0")["vcpus"]) == 1


def test_a_redacted_capsule_is_compared_as_its_original(tmp_path):
    for capsule in (HEALTHY, LOOPING):
        assert kvmmmu(capsule, "capture", "--redact", "-o", tmp_path / capsule.name).code == 0
    plain, redacted = diff(HEALTHY, LOOPING), diff(*(tmp_path / capsule.name for capsule in (HEALTHY, LOOPING)))
    for answer in (plain, redacted):
        answer.pop("notes", None)  # one has no names of processes
    assert common(plain) == common(redacted)


def test_another_host(answers):
    other = diff(TOP / "samples/amd-6.1-healthy.kvmmmu", answers[LOOPING, "explain"])
    assert other["before"]["same_boot"] == "no" and other["vcpus"] == []
    refused = kvmmmu("explain", answers[HEALTHY, "explain"], TOP / "samples/amd-6.1-healthy.kvmmmu")
    assert refused.code == 3 and "not of the same boot" in refused.err


def test_answers_without_a_moment(tmp_path):
    """Those about a fault that the user supplied, or of other commands: the error names what can be compared."""
    for words in (["explain", "0:0", "-a", "1000", "-e", "7"], ["explain", "0:0", "-m", "root_mmu"], ["vms"], ["perms"]):
        path = tmp_path / "answer.json"
        path.write_text(kvmmmu(LOOPING, *words, "-j").out)
        for files in ((path, LOOPING), (HEALTHY, path)):
            answer = kvmmmu("diff", *files)
            assert answer.code == 3 and f'this answer of "{words[0]}" does not contain' in answer.err, answer.err
            assert "explain -j" in answer.err and len(answer.err.splitlines()) == 1


def test_an_answer_is_not_a_dump(answers):
    for words in ([], ["explain"], ["vms"], ["report"], ["diff"]):
        answer = kvmmmu(answers[LOOPING, "explain"], *words)
        assert answer.code == 2 and "not a dump, but an answer in JSON" in answer.err and not answer.out, words


def refused(path, text, code=3):
    """The one line of error that a file is refused with."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    answer = kvmmmu("diff", HEALTHY, path, timeout=60)
    assert answer.code == code and not answer.out and len(answer.err.splitlines()) == 1, (answer.code, answer.err[:300])
    assert answer.err.isprintable() or answer.err.rstrip("\n").isprintable()
    return answer.err


def test_hostile_json(tmp_path):
    good, path = text_of(LOOPING, "explain"), tmp_path / "bad.json"
    for text, part in (
            ("{", "incomplete"), ("{}", 'has no "command"'), ('{"schema": 7}', "command"), (good[:-40], "incomplete"),
            (good + "{}", "text follows"), ('{"a":' * 5000, "not JSON"), ("{" + "[" * 100000, "not JSON"),
            ('{"command": "diff", "schema": "kvmmmu/2"}', "kvmmmu/1"), ('{"\0": 1}', "not JSON"),
            ('{"command": "\\u001b[2J", "schema": "kvmmmu/1"}', "does not contain"),
            ('{"command": "vms", "schema": "kvmmmu/1", "moment": {}}', 'this answer of "vms" does not contain'),
            ("{" + "," * 3000001, "too large"), (b"{\xff\xfe\x00", "not JSON")):
        said = refused(path, text)
        assert part in said, part
        # the words of json-c for "incomplete" and for what follows
        assert not said.rstrip().endswith((": continue", ": success")), said
    with path.open("wb") as file:
        file.write(b"{")
        file.truncate((64 << 20) + 1)
    assert "larger than" in kvmmmu("diff", HEALTHY, path).err


# values of other types, out of range, or that name nothing
BAD = (None, -1, 1 << 70, 1.5, True, "", "0x", "0x11112222333344445", "0xZZ", "x" * 300, [], {}, [[]], [None])

LATER = {"uncounted_exits", "insn_emulation"}  # answers of earlier versions do not have them


def allowed(vcpu, key, value):
    """Does the schema allow it?"""
    answer = json.loads(text_of(LOOPING, "explain"))
    answer["moment"]["vcpus"][0] = {**vcpu, key: value}
    return not schema.problem(answer)


@pytest.mark.parametrize("where", ["moment", "vcpu", "level"])
def test_values_that_the_schema_does_not_allow(tmp_path, where):
    """Every key: a wrong type, or none at all, is an error that names it."""
    answer = json.loads(text_of(LOOPING, "explain"))
    pick = {"moment": lambda a: a["moment"], "vcpu": lambda a: a["moment"]["vcpus"][0],
            "level": lambda a: a["moment"]["vcpus"][0]["walk"][0]}[where]
    for key in pick(answer):
        for value in (*BAD, ...):
            changed = json.loads(json.dumps(answer))
            if value is ...:
                del pick(changed)[key]
            else:
                pick(changed)[key] = value
            (tmp_path / "x.json").write_text(json.dumps(changed))
            said = kvmmmu("diff", HEALTHY, tmp_path / "x.json")
            if value is ... or (schema.problem(changed) and value != 1 << 70):
                # values that the schema allows by type alone may be accepted
                assert said.code in (0, 3), said.err
                if said.code == 0:
                    assert key in ("release", "walk_end", "finding") or value in (1.5,) or (
                        value is ... and key in LATER), (key, value)
                else:
                    assert f'"{key}"' in said.err, (key, value, said.err)
            else:
                assert said.code in (0, 3), (key, value, said.err)


def test_random_damage(tmp_path):
    """Bytes that are changed, cut out or repeated anywhere: an answer or one line of error."""
    good, draw = text_of(LOOPING, "explain"), random.Random(13)
    start = good.index('"moment"')
    for _ in range(300):
        at = draw.randrange(start, len(good))
        how = draw.randrange(4)
        text = {0: lambda: good[:at] + draw.choice('{}[]",:0x-\\e9') + good[at + 1:],
                1: lambda: good[:at] + good[at + draw.randrange(1, 200):],
                2: lambda: good[:at] + good[draw.randrange(start, at + 1):],
                3: lambda: good[:at]}[how]()
        (tmp_path / "x.json").write_text(text)
        answer = kvmmmu("diff", HEALTHY, tmp_path / "x.json", "-j")
        assert answer.code in (0, 3), (how, at, answer.err)
        if answer.code == 0:
            schema.parse(answer.out)
        else:
            assert len(answer.err.splitlines()) == 1


def test_names_cannot_control_the_terminal(tmp_path):
    answer = json.loads(text_of(LOOPING, "explain"))
    for vcpu in answer["moment"]["vcpus"]:
        vcpu["comm"] = "\x1b[2Ja\u202eb"
        vcpu["walk_end"] = vcpu["walk_end"] and "\x1b]0;x\x07"
    (tmp_path / "x.json").write_text(json.dumps(answer))
    said = kvmmmu("diff", HEALTHY, tmp_path / "x.json")
    assert said.code == 0 and not set("\x1b\x07\u202e") & set(said.out)


def test_every_scenario_has_a_moment():
    """And it is of the vCPUs of the answer."""
    for path in sorted(SCENARIOS.rglob("*.kvmmmu"))[::7]:
        answer = json.loads(text_of(path, "explain"))
        assert not schema.problem(answer)
        assert [(v["vm"], v["vcpu"], v["state"]) for v in answer["moment"]["vcpus"]] == \
            [(v["vm"], v["vcpu"], v["state"]) for v in answer["vcpus"]], path
        assert json.loads(text_of(path, "report"))["moment"] == answer["moment"]
