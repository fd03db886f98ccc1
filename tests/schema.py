# SPDX-License-Identifier: GPL-2.0-or-later
"""JSON answers against samples/schema/: one file for each command."""

import functools
import json
from pathlib import Path

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

FOLDER = Path(__file__).resolve().parent.parent / "samples" / "schema"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))


@functools.lru_cache(maxsize=None)
def load(name):
    return json.loads((FOLDER / f"{name}.json").read_text())


@functools.lru_cache(maxsize=None)
def validator(name):
    files = {f"{other}.json": load(other) for other in NAMES}
    try:
        from referencing import Registry, Resource
    except ImportError:  # before jsonschema 4.18
        from jsonschema import RefResolver
        return Draft202012Validator(load(name), resolver=RefResolver(f"{name}.json", load(name), files))
    registry = Registry().with_resources((file, Resource.from_contents(text)) for file, text in files.items())
    return Draft202012Validator(load(name), registry=registry)


def name_of(answer):
    """The schema of an answer: that of its command, where two share a command the one of its shape."""
    command = answer["command"]
    if command == "walk" and "range" in answer:
        return "walk-range"
    if command == "walk" and "guest_walk" in answer:
        return "walk-gva"
    if command == "capture" and "source" not in answer:
        return "capture-list"
    if command == "log" and "log_buffer" in answer:
        return "log"
    return {"log": "replay", "error": "pfec"}.get(command, command)


def problem(answer):
    """What is wrong with an answer, in one line; None if nothing is."""
    error = best_match(validator(name_of(answer)).iter_errors(answer))
    return error and f"samples/schema/{name_of(answer)}.json: {error.json_path}: {error.message[:300]}"


def parse(text):
    """The JSON answer in @text, which its schema describes."""
    answer = json.loads(text)
    wrong = problem(answer)
    assert not wrong, wrong
    return answer
