# SPDX-License-Identifier: GPL-2.0-or-later
"""What README.md shows is what the program prints, and what it names exists."""

import re

from tools import TOP, kvmmmu

README = (TOP / "README.md").read_text()


def test_the_answer_is_the_programs():
    shown = re.findall(r"^\$ build/kvmmmu (samples/.*)\n((?s:.*?))^```$", README, re.M)
    assert shown
    for line, text in shown:
        sample, *words = line.split()
        assert kvmmmu(TOP / sample, *words).out == text, line


def test_it_fits_a_screen_and_a_half():
    assert len(README.encode()) < 8500


def test_named_files_exist():
    names = re.findall(r"`((?:extensions|samples|tests|scripts|gdb)/[\w./-]*)`", README)
    assert len(names) > 6
    assert [name for name in names if not (TOP / name).exists()] == []


def test_every_command_is_named():
    table = (TOP / "extensions/kvmmmu/commands/commands.def").read_text()
    commands = set(re.findall(r"^KM_COMMAND\((\w+),$", table, re.M)) - {"pfec"}
    assert [name for name in sorted(commands) if f"`{name}`" not in README] == []


def test_the_matrix_of_scenarios_is_about_all_of_them():
    count = len(list((TOP / "samples/scenarios").rglob("*.kvmmmu")))
    assert f"{count} of {count} scenarios found as expected" in (TOP / "samples/README.md").read_text()
