# SPDX-License-Identifier: GPL-2.0-or-later
"""Includes run one way: the table in extensions/kvmmmu/README.md says which room includes which."""

import re

import pytest

from tools import TOP

LIBRARY = TOP / "extensions" / "kvmmmu"
SUFFIXES = (".c", ".h", ".def")


def table():
    """{room: the rooms that it may include}"""
    rows = re.findall(r"^\| (\w+) \|.*\| ([\w -]+) \|$", (LIBRARY / "README.md").read_text(), re.M)
    return {room: set() if may == "-" else set(may.split()) for room, may in rows if room != "room"}


def includes(root):
    """[(file, what it includes between quotes)], paths relative to root"""
    return [(str(path.relative_to(root)), name)
            for path in sorted(root.rglob("*")) if path.suffix in SUFFIXES
            for name in re.findall(r'^[ \t]*#[ \t]*include[ \t]+"([^"]+)"', path.read_text(), re.M)]


def wrong_includes(pairs, rooms):
    """Those that the table does not allow, or that do not name a room."""
    wrong = []
    for path, name in pairs:
        room, target = path.split("/")[0], name.split("/")[0]
        if "/" not in name or target not in rooms or target != room and target not in rooms[room]:
            wrong.append(f"{path} includes {name}")
    return wrong


def circle(graph):
    """The nodes of one circle, or None."""
    done, path = set(), []

    def visit(node):
        if node in path:
            return path[path.index(node):] + [node]
        if node in done:
            return None
        path.append(node)
        for target in sorted(graph.get(node, ())):
            found = visit(target)
            if found:
                return found
        path.pop()
        done.add(node)
        return None

    for node in sorted(graph):
        found = visit(node)
        if found:
            return found
    return None


def modules(pairs):
    """{a/b: what a/b.c and a/b.h include}; a .def file belongs to its header."""
    graph = {}
    for path, name in pairs:
        source, target = (re.sub(r"\.\w+$", "", text) for text in (path, name))
        if source != target:
            graph.setdefault(source, set()).add(target)
    return graph


@pytest.fixture(scope="module")
def pairs():
    return includes(LIBRARY)


def test_every_room_is_in_the_table():
    assert set(table()) == {path.name for path in LIBRARY.iterdir() if path.is_dir()}
    assert not [path for path in LIBRARY.iterdir() if path.suffix in SUFFIXES]


def test_the_table_has_no_circle():
    assert circle(table()) is None


def test_includes_follow_the_table(pairs):
    assert len(pairs) > 300
    assert wrong_includes(pairs, table()) == []


def test_every_included_file_exists(pairs):
    assert [pair for pair in pairs if not (LIBRARY / pair[1]).exists()] == []


def test_files_have_no_circle(pairs):
    assert circle(modules(pairs)) is None


def test_front_ends_are_not_included(pairs):
    """What the front ends include of the library names a room, too."""
    rooms = table()
    for folder in ("extensions/cli", "extensions/crash", "gdb"):
        names = [name for _, name in includes(TOP / folder) if "/" in name]
        assert [name for name in names if name.split("/")[0] not in rooms] == []


def test_a_wrong_include_is_noticed(tmp_path):
    rooms = {"low": set(), "high": {"low"}}
    for name, text in {"low/a.c": '#include "high/b.h"\n', "low/c.c": '#include "a.h"\n',
                       "high/b.h": '#include "low/a.h"\n', "low/a.h": ""}.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    found = includes(tmp_path)
    assert wrong_includes(found, rooms) == ["low/a.c includes high/b.h", "low/c.c includes a.h"]
    assert circle(modules(found)) == ["high/b", "low/a", "high/b"]
    assert circle({"a": {"b"}, "b": {"c"}}) is None
