# SPDX-License-Identifier: GPL-2.0-or-later
"""report: all formats of every scenario, from capsules; commands and values are tested in tests/lab/test_report_on_dumps.py."""

import html.parser
import json
import re
import subprocess

import pytest

import schema
from tools import SCENARIOS, TOP, batch, kvmmmu

CAPSULES = sorted([*SCENARIOS.rglob("*.kvmmmu"), *(TOP / "samples").glob("*.kvmmmu"),
                   *(TOP / "samples/kdump").rglob("*.kvmmmu")])
LOOPING = TOP / "samples/amd-7.3-looping.kvmmmu"
FORMATS = ("text", "markdown", "html", "json")


@pytest.fixture(scope="module")
def reports():
    """{capsule: {format: text}}"""
    lines = [f"report --format {name}" for name in FORMATS]
    found = {}
    for path in CAPSULES:
        answers = batch(path, lines)
        assert [answer.code for answer in answers] == [0] * len(FORMATS), path
        found[path] = dict(zip(FORMATS, (answer.out for answer in answers)))
    return found


def test_lines_are_short_and_without_tabs(reports):
    for path, report in reports.items():
        for name in ("text", "markdown"):
            for line in report[name].splitlines():
                assert len(line) <= 76 and "\t" not in line and line == line.rstrip(), (path, line)


def test_json_is_as_described(reports):
    assert {problem for report in reports.values() if (problem := schema.problem(json.loads(report["json"])))} == set()


def test_the_order_is_the_same_in_each_run(reports):
    for path in CAPSULES[::20]:
        assert batch(path, ["report"])[0].out == reports[path]["text"]


def test_text_begins_with_a_subject_line(reports):
    for path, report in reports.items():
        assert report["text"].startswith("Subject:"), path
        expected = json.loads(report["json"])["summary"]["subject"]
        head = " ".join(report["text"].removeprefix("Subject:").split())
        assert head.startswith(" ".join(expected.split())), path


def test_what_explain_finds_is_in_the_report(reports):
    for path, report in reports.items():
        answer = json.loads(report["json"])
        explained = batch(path, ["explain -j"])[0].json["vcpus"]
        stuck = [(v["vm"], v["vcpu"], [f["id"] for f in v["findings"]], v["fingerprint"])
                 for v in explained if v["state"] == "stuck"]
        found = [(c["vm"], c["vcpu"], [f["id"] for f in c["cause"]["findings"]], c["fingerprint"])
                 for c in answer["chapters"] if c["state"] == "stuck"]
        assert found == stuck, path
        for text in (report["text"], report["markdown"], report["html"]):
            assert all(i in text for _, _, ids, _ in stuck for i in ids), path


@pytest.mark.parametrize("width", [80, 140])
def test_a_verdict_stands_once_on_a_page(width):
    """Neither the summary and a chapter of report, nor the table and the details of explain, print it twice."""
    compared = 0
    for path in CAPSULES:
        explained, *pages = batch(path, ["explain -j", f"explain --width {width}", f"report --width {width}"])
        verdicts = [vcpu["verdict"] for vcpu in json.loads(explained.out)["vcpus"]]
        for page in (squeezed(answer.out) for answer in pages):
            for verdict in {v for v in verdicts if len(v) > 40}:
                # another verdict, or a finding of another vCPU, may contain it
                others = sum(verdict in other for other in verdicts)
                assert page.count(squeezed(verdict)) <= others, (path, verdict)
                compared += 1
    assert compared > 500


def test_the_fingerprint_stands_once_in_a_report(reports):
    for path, report in reports.items():
        lines = [c["fingerprint"] for c in json.loads(report["json"])["chapters"]]
        for line in set(lines):
            # one that goes on with frames contains one that does not
            assert squeezed(report["text"]).count(squeezed(line)) <= sum(line in other for other in lines), path


def test_what_is_not_known_is_said_once(reports):
    for path, report in reports.items():
        assert "notknown:notknown" not in squeezed(report["text"]), path


def test_each_finding_that_makes_a_vcpu_stuck_has_its_rule(reports):
    """Rules are written for the ids of the catalogue only, and for all that scenarios find."""
    table = (TOP / "extensions/kvmmmu/commands/report_rules.def").read_text()
    ids = re.findall(r'^KM_RULE\("([\w-]+)"', table, re.M)
    catalogue = (TOP / "extensions/kvmmmu/diagnose/diagnoses.def").read_text()
    assert len(ids) == len(set(ids))
    assert [i for i in ids if f'"{i}"' not in catalogue] == []
    without = {f["id"] for report in reports.values() for c in json.loads(report["json"])["chapters"]
               if c["state"] == "stuck" for f in c["cause"]["findings"] if f["certainty"] != "note" and not f["rule"]}
    assert without <= {"lock-stall"}


def test_equal_causes_have_equal_fingerprints(reports):
    """The two kernels and the capsules of one scenario; different causes differ; none has an address."""
    lines = {}
    for path, report in reports.items():
        for chapter in json.loads(report["json"])["chapters"]:
            line = chapter["fingerprint"]
            assert not re.search(r"0x|[0-9a-f]{8}|\d+\.\d+", line), line
            assert re.fullmatch(r"kvmmmu-1 (AMD|Intel|-) (npt|ept|shadow|-) [a-z0-9,-]+( \S+)?", line), line
            lines.setdefault(path.stem, set()).add(line)
    assert lines["perm-table-zeroed"] & lines["perm-table-flip"]
    assert not lines["perm-table-zeroed"] & lines["slot-invalid"]


def test_the_cell_of_the_fault_is_marked(reports):
    words = json.loads(reports[LOOPING]["json"])["chapters"][0]["matrix"]["words"]
    (marked,) = [w for w in words if w["fault"] is not None]
    assert (marked["index"], marked["fault"]) == (3, 13)
    assert marked["matrix"][13] == "A"  # allowed in memory, against the role
    assert re.search(r"write user .*<- this fault: d\n", reports[LOOPING]["text"])


def test_markdown_is_what_a_commonmark_parser_reads(reports):
    """Every word of the text is in what is rendered: nothing is taken for markup."""
    for path, report in reports.items():
        rendered = subprocess.run(["cmark", "--to", "xml"], input=report["markdown"], text=True, check=True,
                                  stdout=subprocess.PIPE).stdout
        shown = html_text(rendered)
        for section in json.loads(report["json"])["chapters"]:
            for finding in section["cause"]["findings"]:
                assert squeezed(finding["text"]) in shown, (path, finding["text"])
                assert all(squeezed(fact) in shown for fact in finding.get("evidence", ()))
        assert "html_block" not in rendered and "html_inline" not in rendered, path


class Text(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.parts, self.tags = [], []

    def handle_data(self, data):
        self.parts.append(data)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))


def html_text(text):
    parser = Text()
    parser.feed(text)
    return squeezed("".join(parser.parts))


def squeezed(text):
    return re.sub(r"\s+", "", text)


def test_html_needs_neither_network_nor_script(reports):
    for path, report in reports.items():
        parser = Text()
        parser.feed(report["html"])
        names = {tag for tag, _ in parser.tags}
        assert not names & {"script", "link", "img", "iframe", "object", "embed", "base"}, path
        assert not any(key in ("src", "href", "srcset", "style") or key.startswith("on")
                       for _, attributes in parser.tags for key in attributes), path
        assert not re.search(r"url\(|@import|https?:", report["html"]), path
        assert {"main", "h1", "h2", "title"} <= names


def test_html_is_valid(reports):
    for path, report in reports.items():
        run = subprocess.run(["tidy", "-q", "-e"], input=report["html"], text=True, stderr=subprocess.PIPE)
        assert run.returncode == 0 and not run.stderr, (path, run.stderr)


def test_pictures_are_drawn(reports):
    page = reports[LOOPING]["html"]
    for part in ('<ol class="loop">', '<ol class="walk">', "Guest memory by the state of its SPTEs</title>",
                 "what the role implies, and what is in memory</title>", 'class="allowed differs fault"',
                 'class="s-damaged"', 'class="mark"'):
        assert part in page, part


def test_files_and_formats(tmp_path):
    """The suffix selects the format, --format wins; a folder gets all; nothing is overwritten unasked."""
    plain = kvmmmu(LOOPING, "report").out
    for name, begin in (("a.txt", "Subject:"), ("a.md", "**"), ("a.html", "<!DOCTYPE html>"), ("a.json", "{")):
        answer = kvmmmu(LOOPING, "report", "-o", tmp_path / name)
        assert answer.code == 0 and answer.out == f"{tmp_path / name}\n"
        assert (tmp_path / name).read_text().startswith(begin)
        assert (tmp_path / name).stat().st_mode & 0o077 == 0
    assert (tmp_path / "a.txt").read_text() == plain
    again = kvmmmu(LOOPING, "report", "-o", tmp_path / "a.txt")
    assert again.code == 2 or again.code == 3 and "exists; use --force" in again.err
    assert "exists; use --force" in again.err
    kvmmmu(LOOPING, "report", "--format", "json", "-o", tmp_path / "a.txt", "--force")
    json.loads((tmp_path / "a.txt").read_text())
    folder = tmp_path / "all"
    folder.mkdir()
    assert kvmmmu(LOOPING, "report", "-o", folder).code == 0
    assert sorted(p.name for p in folder.iterdir()) == ["report.html", "report.json", "report.md", "report.txt"]
    assert (folder / "report.txt").read_text() == plain
    (tmp_path / "one").mkdir()
    for words, name in ((["-j"], "report.json"), (["--format", "markdown"], "report.md")):
        said = kvmmmu(LOOPING, "report", *words, "-o", tmp_path / "one")
        assert said.code == 0 and said.out == f"{tmp_path}/one/{name}\n"
    assert sorted(p.name for p in (tmp_path / "one").iterdir()) == ["report.json", "report.md"]
    assert kvmmmu(LOOPING, "report", "-o", tmp_path / "a\033[31mb\u202ec").out == f"{tmp_path}/a?[31mb?c\n"
    assert kvmmmu(LOOPING, "report", "-o", "-").out == plain


def test_ascii():
    """Our own words are ASCII already; names are not: tests/unit/test_render.c has those."""
    for name in ("text", "markdown"):
        assert kvmmmu(LOOPING, "report", "--ascii", "--format", name).out.isascii()


def test_selection():
    one = kvmmmu(LOOPING, "report", "1:1", "-j").json
    assert [(c["vm"], c["vcpu"]) for c in one["chapters"]] == [(1, 1)]
    assert [vm["number"] for vm in one["vms"]] == [1]
    two = kvmmmu(LOOPING, "report", "1:1", "0:0", "-j").json
    assert sorted((c["vm"], c["vcpu"]) for c in two["chapters"]) == [(0, 0), (1, 1)]
    wrong = kvmmmu(LOOPING, "report", "1:1", "9:9")
    assert wrong.code == 2 and 'no VM "9"' in wrong.err


def test_missing_facts_give_their_reason(reports):
    for path, report in reports.items():
        host = json.loads(report["json"])["host"]
        unknown = {key for key, value in host.items() if value is None}
        assert {reason.split(":")[0] for reason in host.get("not_known", ())} == unknown, path


def test_a_log_that_is_not_there_is_reported(reports):
    for path, report in reports.items():
        host = json.loads(report["json"])["host"]
        about = [note for note in host["notes"] if "kernel log" in note or "kvmmmu log" in note]
        assert len(about) == 1, (path, about)
        assert bool(host["kernel_log"]) == ('"kvmmmu log" decodes' in about[0]), path


def addresses(answer):
    """Every hexadecimal number in an answer that may be an address, as a set of numbers."""
    return {int(word, 16) for word in re.findall(r"0x([0-9a-f]{5,16})\b", json.dumps(answer))}


def names(answer):
    return {name for vm in answer["vms"] for name in (vm["comm"], *(t["comm"] for t in vm["threads"])) if name}


@pytest.mark.parametrize("path", CAPSULES[::3], ids=lambda path: path.stem)
def test_redacted_reports_have_no_address_and_no_name(path):
    """What may stay: error codes, roles and the like, which the report keeps by their values."""
    lines = [f"report --redact --format {name}" for name in FORMATS]
    plain, *redacted = batch(path, ["report -j", *lines])
    plain, text = json.loads(plain.out), "\n".join(answer.out for answer in redacted)
    stays = {int(word, 16) for word in re.findall(r"error code 0x([0-9a-f]+)", json.dumps(plain))}
    stays |= {int(c["vcpu_state"].get(key) or "0", 16) for c in plain["chapters"] for key in ("root_role", "exit_code")}
    stays |= {int(v[key] or "0", 16) for v in plain["moment"]["vcpus"] for key in ("root_role", "error_code", "requests")}
    # decimal numbers of the host, as halt_poll_ns 200000, look like addresses, too
    host = {int(word, 16) for word in re.findall(r"\b(?:0x)?([0-9a-f]{5,16})\b", json.dumps(plain["host"]))}
    numbers = {number for number in addresses(plain) - stays - host if number >= 0x10000 and number & 0xffffffffff000}
    left = {int(word, 16) for word in re.findall(r"\b(?:0x)?([0-9a-f]{5,16})\b", text)}
    assert not numbers & left, {hex(n) for n in numbers & left}
    assert not [name for name in names(plain) if re.search(rf"\b{re.escape(name)}\b", text)]
    assert not re.search(r"0x[0-9a-f]+\[\d+\]|entry \d+ of the page table", text), "indexes give the address away"
    frames = re.compile(r"gfns? (?:is )?\[?(0x[0-9a-f]+)(?:, (0x[0-9a-f]+)\))?")
    secret = {number for found in frames.finditer(json.dumps(plain)) for number in found.groups() if number} - {"0x0"}
    assert not secret & {number for found in frames.finditer(text) for number in found.groups()}, secret
    answer = json.loads(redacted[FORMATS.index("json")].out)
    assert not schema.problem(answer)
    assert all("map" not in chapter for chapter in answer["chapters"])
    assert answer["summary"]["fingerprint"] == plain["summary"]["fingerprint"]
    assert not plain["chapters"] or numbers, "the scanner has something to look for"


def test_frames_are_redacted_as_addresses():
    """A small gfn is the address of a page: in texts, and in the values of commands."""
    path = SCENARIOS / "7.3/role-corruption.kvmmmu"
    plain, redacted = (kvmmmu(path, "report", *words, "-j").json for words in ((), ("--redact",)))
    values = [{check["what"]: check["values"] for chapter in answer["chapters"] for check in chapter["check"]["checks"]}
              for answer in (plain, redacted)]
    assert values[0]["kvm_mmu_page.gfn"].endswith("7c00")
    assert not values[1]["kvm_mmu_page.gfn"].endswith("7c00")
    assert "gfn 0x7c00" in json.dumps(plain) and "gfn 0x7c00" not in json.dumps(redacted)


def test_counters_are_not_redacted():
    """In the commands to check by hand, a large one looks like an address."""
    path = TOP / "samples/kdump/7.3/perm-table-zeroed-ept-1.00.kvmmmu"
    counters = [{check["what"]: check["values"] for chapter in kvmmmu(path, "report", *words, "-j").json["chapters"]
                 for check in chapter["check"]["checks"] if ".stat." in check["what"]} for words in ((), ("--redact",))]
    assert counters[0] == counters[1]
    assert any(int(value, 16) > 0x10000 for value in counters[0].values()), counters[0]


def test_redaction_is_consistent():
    """One address has one replacement in the whole report; offsets within a page stay."""
    plain, redacted = (kvmmmu(LOOPING, "report", *words, "-j").json for words in ((), ("--redact",)))
    pairs = {}
    for before, after in zip(plain["chapters"][0]["walk"]["levels"], redacted["chapters"][0]["walk"]["levels"]):
        pairs[before["spte"]] = after["spte"]
        assert int(before["spte"], 16) & 0xfff == int(after["spte"], 16) & 0xfff
    tables = [level["entry"].split("[")[0] for level in redacted["chapters"][0]["walk"]["levels"]]
    for level, table in zip(redacted["chapters"][0]["walk"]["levels"], tables[1:]):
        assert int(level["spte"], 16) & 0xffffffffff000 == int(table, 16)
    again = kvmmmu(LOOPING, "report", "--redact", "-j").json
    assert again == redacted


@pytest.mark.parametrize("capsule, words, subject, verdict", [
    ("amd-7.3-looping", ["1"], "no selected vCPU is stuck", "None of the selected vCPUs is stuck, as far as this dump shows."),
    ("amd-7.3-healthy", [], "no vCPU is stuck", "No vCPU is stuck, as far as this dump shows."),
    ("kdump/6.1/drawn-h.00", [], "no vCPU is known to be stuck", "No vCPU is known to be stuck; 1 is unknown, and may loop."),
])
def test_a_report_without_a_stuck_vcpu_claims_no_more_than_it_knows(capsule, words, subject, verdict):
    """Others may be stuck than those that were asked for; one that is unknown may loop."""
    summary = kvmmmu(TOP / "samples" / f"{capsule}.kvmmmu", "report", *words, "-j").json["summary"]
    assert subject in summary["subject"] and summary["verdict"] == verdict
