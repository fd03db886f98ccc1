# SPDX-License-Identifier: GPL-2.0-or-later
"""Text as people paste it: each file of forms/ gives the table beside it, also wrapped, quoted and quoted-printable.

The forms are those of public reports and of the tools, the numbers are our own. NAME.json has what has to be
read: faults (those of the answer, each with the values that are named here), findings, log entries with
their SPTEs as [level, value, reserved bits set], counts of tools that count as [key, count], and how many lines
are not understood. more_faults: the answer has others, too; encoded: it is quoted-printable already.
"""

import json
import quopri
import re
import sys
import textwrap
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from tools import kvmmmu  # noqa: E402

FORMS = sorted((HERE / "forms").glob("*.txt"))
WIDTH = 72


def wrapped(text):
    """As a mail program sends it: broken at blanks, what was at the break is lost."""
    lines = []
    for line in text.split("\n"):
        if len(line) <= WIDTH:
            lines.append(line)
        else:
            lines += textwrap.wrap(line.strip(), WIDTH, break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines)


def quoted(text):
    return "".join(f"> {line}\n" for line in text.rstrip("\n").split("\n"))


def cut(text, columns=80):
    """As a terminal of so many columns shows it, and gives it away: broken also within words, blanks at the end lost."""
    return "\n".join(line[at:at + columns].rstrip(" ") for line in text.split("\n")
                     for at in range(0, len(line) or 1, columns))


def encoded(text):
    return quopri.encodestring(text.encode()).decode()


CHANGES = {
    "as it is": lambda text: text,
    "wrapped": wrapped,
    "quoted": quoted,
    "quoted-printable": encoded,
    "wrapped and quoted": lambda text: quoted(wrapped(text)),
    "quoted and quoted-printable": lambda text: encoded(quoted(text)),
    "cut": cut,
    "cut at 132": lambda text: cut(text, 132),
    "with CR": lambda text: text.replace("\n", "\r\n"),
    "in UTF-16, little end first": lambda text: b"\xff\xfe" + text.replace("\n", "\r\n").encode("utf-16-le"),
    "in UTF-16, big end first": lambda text: b"\xfe\xff" + text.encode("utf-16-be"),
    "in UTF-16 without a mark": lambda text: text.encode("utf-16-le") if ord(text[0]) < 128 else text,
    "with CR alone": lambda text: text.replace("\n", "\r"),
    "in Windows-1252": lambda text: text.replace("  ", " \xa0").replace('"', "\u201c").replace("'", "\u2019").encode(
        "cp1252", "replace"),
}


# A last column within what is in front of an event's fields, within a quote, or within a splat.
NOT_CUT = {"cut": (28, 31, 92, 108, 114, 125, 162, 200, 206, 207, 215), "cut at 132": (206,)}


def changed(form, change):
    text = CHANGES[change](form.read_text())
    return text if isinstance(text, bytes) else text.encode()


def row(fault):
    """A fault of the answer, thread 0 and vCPU 0 apart from unknown ones."""
    known = {key: None if fault[key] in ("-", "?") else fault[key]
             for key in ("tid", "vcpu", "address", "raw_error_code", "rip")}
    return {**fault, **known}


def entries(answer):
    return [[entry["kind"], [[s["level"], s["value"], s["rsvd_set"]] for s in entry.get("sptes", [])]]
            for entry in answer.get("log", [])]


def check(answer, expected, same_count):
    found = [row(fault) for fault in answer.get("faults", [])]
    assert len(found) == len(expected["faults"]) or expected.get("more_faults"), found
    for want in expected["faults"]:
        assert any(want.items() <= fault.items() for fault in found), (want, found)
    assert {f["id"]: f["certainty"] for f in answer.get("findings", [])} == expected["findings"]
    assert entries(answer) == expected.get("log", [])
    assert [[count["key"], count["count"]] for count in answer.get("counts", [])] == expected.get("counts", [])
    if same_count:  # prose that is wrapped is more lines
        assert answer["trace"]["not_understood"] == expected["not_understood"], answer["notes"]


def expectation(form):
    return json.loads(form.with_suffix(".json").read_text())


@pytest.mark.parametrize("form,change", [
    pytest.param(form, change, id=f"{form.stem}-{change}") for form in FORMS for change in CHANGES
    if not (expectation(form).get("encoded") and "printable" in change)
    and not form.stem.startswith(tuple(f"{n}-" for n in NOT_CUT.get(change, ())))
    # which has no U+FFFD
    and not ("1252" in change and "\ufffd" in form.read_text())])
def test_form(tmp_path, form, change):
    expected = expectation(form)
    file = tmp_path / "pasted"
    file.write_bytes(changed(form, change))
    check(kvmmmu("replay", "-j", file).json, expected, "wrapped" not in change)


JOINED = {
    "one line": lambda lines: " ".join(line.strip() for line in lines),
    "strings of C": lambda lines: "".join(f'"{line}\\n"\n' for line in lines),
    "strings in a list": lambda lines: "".join(f'  "{line}\\n",\n' for line in lines),
}


@pytest.mark.parametrize("how", JOINED)
@pytest.mark.parametrize("number", ["01", "38", "58", "158"])
def test_lines_that_programs_joined(tmp_path, how, number):
    """Without line feeds, and as strings: everything is read, not only the first event or message."""
    form = next(form for form in FORMS if form.stem.startswith(f"{number}-"))
    file = tmp_path / "pasted"
    file.write_text(JOINED[how](line for line in form.read_text().split("\n") if line and not line.startswith("#")))
    check(kvmmmu("replay", "-j", file).json, expectation(form), True)


def test_each_kind_of_loop_has_a_form():
    """But spurious-loop, which needs masks: samples/traces/amd-7.3-looping.trace is a real one."""
    source = (HERE.parent.parent / "extensions" / "kvmmmu" / "trace" / "loops.c").read_text()
    kinds = set(re.findall(r'\[KM_LOOP_\w+\] = "([\w-]+)"', source))
    assert len(kinds) >= 13
    found = {name for form in FORMS for name in expectation(form)["findings"]}
    assert kinds - found == {"spurious-loop"}


def test_there_are_enough_of_them():
    assert len(FORMS) >= 200


def test_a_joined_event_is_read():
    """tracefs of 6.1 prints kvm_fpu without a line feed: the exit to userspace behind it counts."""
    trace = kvmmmu("replay", HERE / "forms/200-tracefs-joined.txt", "-j").json["trace"]
    assert trace["userspace_exits"] == 3 and trace["lines"] == 22
