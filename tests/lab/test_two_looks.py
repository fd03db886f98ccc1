# SPDX-License-Identifier: GPL-2.0-or-later
"""explain --before and diff on two dumps of one boot: looping and panic, healthy and looping, and others that must not match."""

import re

import pytest

import schema
from machine import SCRIPT, Machine, run_gdb
from tools import GENERATIONS, TOP, Crash, dumps, kernel, kvmmmu, lab, number, truth

LATER = {"7.3": "looping", "6.1": "zeroed"}  # after "healthy" of the same boot; "panic" follows it


def dump(gen, name):
    return dumps(gen) / f"{name}.kdump"


def diff(gen, earlier, later, *words):
    return kvmmmu("-k", kernel(gen), "diff", dump(gen, earlier), dump(gen, later), *words, "-j").json


def explain(gen, earlier, later, *words):
    return kvmmmu("-k", kernel(gen), "explain", dump(gen, earlier), dump(gen, later), *words, "-j").json


def subject(gen, answer, comm):
    """The vCPU of a diff that is the first one of the VM of @comm, by the truth."""
    vm = next(v for v in truth(gen, "healthy")["gdb"]["vms"] if v["owner_comm"] == comm)
    address = number(next(v for v in vm["vcpus"] if v["vcpu_id"] == 0)["address"])
    return next(v for v in answer["vcpus"] if number(v["kvm_vcpu"]) == address)


def changes(vcpu):
    return {c["what"]: c for c in vcpu["changes"]}


ZERO = """
import kvmmmu
name = next(f"{vm['vm']['number']}:0" for vm in kvmmmu.ask(["vms"])["vms"] if vm["vm"]["comm"] == "vmm-beta")
table = next(t for t in kvmmmu.ask(["perms", name])["tables"] if t["context"].startswith("root_mmu"))
kvmmmu.go_to_kernel(None)
gdb.selected_inferior().write_memory(int(table["address"], 16), bytes(32))
"""
LOOKS = 16


def beta_of(answer):
    """The vCPU of vmm-beta in an explain of a whole host, by the number of its only vCPU's VM."""
    return next(v for v in answer["vcpus"] if v["about"]["comm"] == "vmm-beta")


def both_have_the_fault(first, second):
    """Between two looks of which one has no fault, nothing is decided."""
    beta = beta_of(kvmmmu(second, "explain", "-j").json)["about"]["address"]
    return next(v for v in kvmmmu("diff", first, second, "-j").json["vcpus"] if v["kvm_vcpu"] == beta)["trend"] != "open"


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """Dumps of one boot: two of a healthy host, and two of beta's vCPU in a loop, some time apart.

    A look finds it in the guest or on its way to an interrupt, too: looks are taken until two find the fault."""
    folder = tmp_path_factory.mktemp("host")
    machine = Machine("7.3", "", folder / "machine")
    script = folder / "zero.py"
    script.write_text(ZERO)

    def look(name):
        machine.stop(host=True)
        machine.qmp.dump(str(folder / f"{name}.kdump"), "kdump-zlib")
        machine.resume()
        return folder / f"{name}.kdump"

    try:
        found = {"well": (look("well-1"), look("well-2"))}
        machine.stop(host=True)
        machine.gdb(f"source {script}")
        machine.resume()
        looks, pair = [], None
        for i in range(LOOKS):
            looks.append(look(f"loop-{i}"))
            pair = next(((a, looks[-1]) for a in looks[:-1] if both_have_the_fault(a, looks[-1])), None)
            if pair:
                break
        found["loop"] = pair
    finally:
        machine.kill()
    assert pair
    return found


def test_a_loop_is_proven_by_two_dumps(host):
    """One dump says "likely" at most; the two say what --watch would."""
    first, second = host["loop"]
    alone = kvmmmu(second, "explain", "-j").json
    beta = beta_of(alone)
    assert beta["state"] == "stuck" and beta["certainty"] != "proven"
    answer = kvmmmu("diff", first, second, "-j").json
    assert answer["before"]["same_boot"] == "yes" and answer["before"]["earlier"] is True
    compared = next(v for v in answer["vcpus"] if v["kvm_vcpu"] == beta["about"]["address"])
    assert (compared["trend"], compared["certainty"]) == ("loops", "proven"), compared
    assert [v for v in answer["vcpus"] if v["trend"] == "loops"] == [compared]
    assert changes(compared)["pf_spurious"]["change"] > 0 and "pf_fixed" not in changes(compared)
    said = kvmmmu("explain", first, second, "-j").json
    for vcpu, before in zip(said["vcpus"], alone["vcpus"]):
        assert vcpu["about"] == before["about"]
        if vcpu["about"] == beta["about"]:
            assert (vcpu["state"], vcpu["certainty"]) == ("stuck", "proven")
            assert ("spurious-loop", "proven") in [(f["id"], f["certainty"]) for f in vcpu["findings"]]
            assert vcpu["watch"]["trend"] == "loops" and len(vcpu["watch"]["looks"]) == 2
        else:
            assert (vcpu["state"], vcpu["certainty"]) == (before["state"], before["certainty"])
            assert vcpu["watch"]["trend"] != "loops"
    assert kvmmmu("explain", first, second, "--fail-on", "proven").code == 1
    text = kvmmmu("explain", first, second).out
    assert re.search(r"vmm-beta +stuck +proven: ", text) and "both:" in text


def test_a_loop_is_proven_by_answers_in_json(host, tmp_path):
    """Of one or of both moments, by explain or report: the same trends, certainties and changes as from the dumps."""
    first, second = host["loop"]
    files = []
    for dump, command in ((first, "explain"), (second, "report")):
        files.append(tmp_path / f"{command}.json")
        files[-1].write_text(kvmmmu(dump, command, "-j").out)
    expected = kvmmmu("diff", first, second, "-j").json
    for pair in ((files[0], second), (first, files[1]), files):
        answer = kvmmmu("diff", *pair, "-j").json
        assert answer["vcpus"] == expected["vcpus"] and answer["summary"] == expected["summary"], pair
        assert answer["before"]["earlier"] is True and answer["before"]["same_boot"] == "yes"
    # the clock tells which is the earlier one
    assert kvmmmu("diff", *reversed(files), "-j").json["vcpus"] == expected["vcpus"]
    said, same = (kvmmmu("explain", *pair, "-j").json["vcpus"] for pair in ((files[0], second), (first, second)))
    assert said == same and ("stuck", "proven") in [(v["state"], v["certainty"]) for v in said]
    # in a debugger, too
    in_crash = schema.parse(Crash("7.3", second).run(f"kvmmmu diff --before {files[0]} -j")[0])
    assert in_crash["vcpus"] == expected["vcpus"]


def test_redacted_answers_of_a_loop(host, tmp_path):
    """Their addresses are not comparable: the loop is neither proven nor denied, and its counters are compared."""
    files = []
    for i, dump in enumerate(host["loop"]):
        files.append(tmp_path / f"{i}.json")
        files[-1].write_text(kvmmmu(dump, "report", "--redact", "-j").out)
    answer = kvmmmu("diff", *files, "-j").json
    assert answer["before"]["same_boot"] == "yes" and "the time of the boot" in answer["before"]["same_boot_text"]
    beta = next(v for v in kvmmmu("diff", *host["loop"], "-j").json["vcpus"] if v["trend"] == "loops")
    same = next(v for v in answer["vcpus"] if (v["vm"], v["vcpu"]) == (beta["vm"], beta["vcpu"]))
    assert same["trend"] == "open", same
    assert changes(same)["pf_spurious"] == changes(beta)["pf_spurious"]
    assert len({c["fingerprint"] for path in files for c in schema.parse(path.read_text())["chapters"]}) == 1


def test_a_healthy_pair_has_no_loop(host):
    """Beta writes to one page at one RIP, and its faults are resolved: no loop, though it is the same fault."""
    first, second = host["well"]
    answer = kvmmmu("diff", first, second, "-j").json
    assert answer["summary"]["loops"] == 0 and answer["summary"]["vcpus"] > 8
    assert kvmmmu("explain", first, second, "-j").json["summary"]["stuck"] == 0
    # nor does what was well before the loop refute it
    alone, both = (kvmmmu(*words, "-j").json for words in (
        [host["loop"][0], "explain"], ["explain", second, host["loop"][0]]))
    assert [(v["state"], v["certainty"]) for v in both["vcpus"]] == [(v["state"], v["certainty"]) for v in alone["vcpus"]]


def test_the_order_is_found(host):
    """The later one first: the same verdict, and the columns are in the order of time."""
    first, second = host["loop"]
    one, other = (kvmmmu("diff", *pair, "-j").json for pair in ((first, second), (second, first)))
    assert (one["before"]["earlier"], other["before"]["earlier"]) == (True, False)
    assert one["before"]["seconds"] == -other["before"]["seconds"]

    def compared(answer):
        return [(v["kvm_vcpu"], v["trend"], v["certainty"], v["text"], v["changes"]) for v in answer["vcpus"]]

    assert compared(one) == compared(other)
    assert "after the dump" in kvmmmu("diff", second, first).out
    same = kvmmmu("diff", first, first, "-j").json
    assert "both are of the same moment: nothing happened in between" in same["notes"]
    assert not any("same moment" in note for note in one.get("notes", []))
    assert kvmmmu("diff", first, second).out == kvmmmu(second, "diff", "--before", first).out


@pytest.fixture(scope="module")
def capsules(host):
    """Of the two looks at the loop."""
    found = []
    for dump_ in host["loop"]:
        found.append(dump_.with_suffix(".kvmmmu"))
        assert kvmmmu(dump_, "capture", "-o", found[-1], "--with-names").code == 0
    return found


def test_capsules_answer_like_dumps(host, capsules):
    """But for the guest's RIP, which they do not contain: the loop is likely."""
    first, second = host["loop"]
    whole = kvmmmu("diff", first, second, "-j").json
    for pair in (capsules, (capsules[0], second)):
        other = kvmmmu("diff", *pair, "-j").json
        assert {k: v for k, v in other["before"].items() if k != "file"} == \
            {k: v for k, v in whole["before"].items() if k != "file"}
        for a, b in zip(other["vcpus"], whole["vcpus"]):
            assert a["kvm_vcpu"] == b["kvm_vcpu"]
            if b["trend"] == "loops":
                assert (a["trend"], a["certainty"]) == ("loops", "likely")
                assert changes(a)["pf_spurious"] == changes(b)["pf_spurious"]
            else:
                assert a["trend"] != "loops"
    said = beta_of(kvmmmu("explain", *capsules, "-j").json)
    assert (said["state"], said["certainty"]) == ("stuck", "likely") and said["watch"]["trend"] == "loops"


def test_redacted_capsules_are_compared(capsules, tmp_path):
    """They have other addresses of the kernel's image, not of its data."""
    redacted = [tmp_path / path.name for path in capsules]
    for path, to in zip(capsules, redacted):
        assert kvmmmu(path, "capture", "--redact", "-o", to).code == 0
    for pair in (redacted, (redacted[0], capsules[1])):
        answer = kvmmmu("diff", *pair, "-j").json
        assert answer["before"]["same_boot"] == "yes" and answer["summary"]["loops"] == 1


def test_text_is_for_people(host, capsules):
    """The loop is in the table, and details are those of the vCPUs that need attention."""
    text = kvmmmu("diff", *capsules).out
    assert "same boot:" in text and "IN BETWEEN" in text and "loops (likely)" in text
    assert text.count("kvm_vcpu:") <= 2
    assert "loops (proven)" in kvmmmu("diff", *host["loop"]).out


def test_one_vcpu_or_vm(host):
    whole = kvmmmu("diff", *host["loop"], "-j").json
    looping = next(v for v in whole["vcpus"] if v["trend"] == "loops")
    name = f"{looping['vm']}:{looping['vcpu']}"
    assert kvmmmu("diff", *host["loop"], name, "-j").json["vcpus"] == [looping]
    of_vm = kvmmmu("diff", *host["loop"], str(looping["vm"]), "-j").json["vcpus"]
    assert of_vm == [v for v in whole["vcpus"] if v["vm"] == looping["vm"]]
    said = kvmmmu("explain", *host["loop"], name, "-j").json["vcpus"]
    assert len(said) == 1 and said[0]["certainty"] == "proven"


def test_in_crash_and_gdb(host, capsules):
    """One dump is open there; the other one is a capsule."""
    first, second = host["loop"]
    commands = [f"kvmmmu diff --before {capsules[0]} -j", f"kvmmmu explain --before {capsules[0]} -j",
                f"kvmmmu diff --before {first}", "kvmmmu diff", "kvmmmu diff --help"]
    said = Crash("7.3", second).run(*commands)
    expected = [kvmmmu(second, "diff", "--before", capsules[0], "-j").json,
                kvmmmu(second, "explain", "--before", capsules[0], "-j").json]
    found = [schema.parse(text) for text in said[:2]]
    assert {k: v for k, v in found[0].items() if k != "source"} == {k: v for k, v in expected[0].items() if k != "source"}

    def verdicts(answer):
        return answer["before"], answer["summary"], [(v["about"], v["state"], v["certainty"], v["watch"]) for v in answer["vcpus"]]

    assert verdicts(found[1]) == verdicts(expected[1])
    assert "neither a capsule nor an answer in JSON" in said[2] and len(said[2].strip().splitlines()) == 1
    assert "--before EARLIER" in said[3]
    assert "usage: kvmmmu diff --before EARLIER" in said[4] and "DUMP" not in said[4]
    core = dumps("7.3") / "healthy.elf"
    out = run_gdb(f"core-file {core}", f"source {SCRIPT}", f"kvmmmu diff --before {TOP / 'samples/amd-7.3-healthy.kvmmmu'} -j",
                  f"kvmmmu diff --before {core}")[2:]
    assert schema.parse(out[0])["before"]["same_boot"] == "no" and "neither a capsule" in out[1]


def test_what_happened_before_refutes_no_loop():
    """Between healthy and looping, beta's faults were resolved until its table was zeroed: it is stuck all the same."""
    said = explain("7.3", "healthy", "looping")
    alone = kvmmmu(dump("7.3", "looping"), "explain", "-j").json
    assert [(v["state"], v["certainty"]) for v in said["vcpus"]] == [(v["state"], v["certainty"]) for v in alone["vcpus"]]
    assert said["summary"] == alone["summary"] and said["summary"]["stuck"] == 1
    beta = subject("7.3", diff("7.3", "healthy", "looping"), "vmm-beta")
    assert beta["trend"] in ("progresses", "open")
    assert changes(beta)["tables_that_differ"]["later"] == 1


def test_healthy_hosts_under_load():
    """Consecutive dumps, in which the same fault is often retried: none is called stuck for sure."""
    paths = sorted(lab("load", "7.3", "npt", "4").glob("*.kdump"))
    assert len(paths) == 4
    for earlier, later in zip(paths, paths[1:]):
        vcpus = kvmmmu("explain", earlier, later, "-j").json["vcpus"]
        assert len(vcpus) > 5 and not [v for v in vcpus if v["state"] == "stuck" and v["certainty"] != "possible"]


@pytest.mark.parametrize("gen", GENERATIONS)
def test_a_healthy_host_has_no_loop(gen):
    """On 6.1, the zeroed table changes nothing: gamma's vCPU goes on."""
    later = LATER[gen] if gen == "6.1" else "flip-00"
    answer = diff(gen, "healthy", later)
    assert answer["before"]["same_boot"] == "yes" and len(answer["vcpus"]) > 8
    assert answer["summary"]["loops"] == 0
    assert "open" in {v["trend"] for v in answer["vcpus"]}
    assert not answer["missing"]
    said = explain(gen, "healthy", later)
    assert said["summary"]["stuck"] == 0
    alone = kvmmmu("-k", kernel(gen), dump(gen, later), "explain", "-j").json
    assert [(v["state"], v["certainty"]) for v in said["vcpus"]] == [(v["state"], v["certainty"]) for v in alone["vcpus"]]


@pytest.mark.parametrize("gen", GENERATIONS)
def test_vcpus_that_did_not_run(gen):
    """The flips are of one stopped kernel; so is a dump and itself."""
    for first, second in (("flip-00", "flip-01"), ("healthy", "healthy")):
        answer = diff(gen, first, second)
        assert answer["before"]["same_boot"] == "yes" and answer["before"]["earlier"] is None
        assert {(v["trend"], v["certainty"]) for v in answer["vcpus"]} == {("open", "note")}
        assert all("did not run" in v["text"] or "not readable" in v["text"] for v in answer["vcpus"])
    assert all(not v["changes"] for v in answer["vcpus"])


@pytest.mark.parametrize("gen", GENERATIONS)
def test_other_boots(gen):
    answer = diff(gen, "healthy", "nonpt")
    assert answer["before"]["same_boot"] == "no" and answer["before"]["seconds"] is None
    assert answer["vcpus"] == [] and answer["missing"] == [] and answer["summary"]["vcpus"] == 0
    assert "different boots" in " ".join(answer["notes"])
    refused = kvmmmu("explain", dump(gen, "healthy"), dump(gen, "nonpt"))
    assert refused.code == 3 and "not of the same boot" in refused.err and not refused.out
    other = kvmmmu("-k", kernel("7.3"), "diff", dump("6.1", "healthy"), dump("7.3", "healthy"), "-j").json
    assert other["before"]["same_boot"] == "no" and "6.1" in other["before"]["same_boot_text"]


def test_capsules_without_times(tmp_path):
    """Those of earlier versions: KASLR tells that it is one boot, but not which is the earlier one."""
    samples = [TOP / f"samples/amd-7.3-{name}.kvmmmu" for name in ("healthy", "looping")]
    answer = kvmmmu("diff", *samples, "-j").json
    assert answer["before"]["earlier"] is None and answer["before"]["seconds"] is None
    assert answer["before"]["same_boot"] == "yes" and "KASLR" in answer["before"]["same_boot_text"]
    assert kvmmmu(dump("7.3", "panic"), "capture", "-o", tmp_path / "new.kvmmmu").code == 0
    answer = kvmmmu("diff", samples[0], tmp_path / "new.kvmmmu", "-j").json
    assert answer["before"]["same_boot"] == "no" and "KASLR" in answer["before"]["same_boot_text"]
    assert kvmmmu("diff", TOP / "samples/amd-6.1-healthy.kvmmmu", samples[0], "-j").json["before"]["same_boot"] == "no"


def test_bad_input(tmp_path):
    good, empty = dump("7.3", "looping"), tmp_path / "empty"
    empty.touch()
    for words, code, part in (
            (["diff", good], 2, "diff needs two dumps"),
            ([good, "diff"], 2, "--before EARLIER"),
            (["explain", good], 2, "explain needs a dump"),
            ([good, "diff", "--before", tmp_path / "none"], 3, "No such file"),
            (["diff", empty, good], 3, "empty"),
            (["diff", good, empty], 3, "empty"),
            (["diff", TOP / "README.md", good], 3, "README.md"),
            (["diff", tmp_path, good], 3, "not a regular file"),
            (["diff", good, good, "9:9"], 2, "no VM"),
            (["diff", good, good, "0:0", "0:0"], 2, "usage:"),
            (["diff", "--before", good, good, good], 2, "two dumps and --before"),
            ([good, "vms", "--before", good], 2, "vms does not take --before"),
            ([good, "explain", "--before", good, "0:0", "-a", "0", "-e", "6"], 2, "cannot be combined"),
            ([good, "explain", "--before", good, "0:0", "--watch", "2"], 2, "cannot be combined"),
            (["diff", dump("7.3", "novms"), dump("7.3", "nokvm")], 3, "kvm")):
        answer = kvmmmu(*words)
        assert answer.code == code and part in answer.err and len(answer.err.splitlines()) == 1, (words, answer.err)
    answer = kvmmmu("diff", dump("7.3", "novms"), dump("7.3", "novms"), "-j").json
    assert answer["vcpus"] == [] and answer["before"]["same_boot"] == "yes"
