# SPDX-License-Identifier: GPL-2.0-or-later
"""The program with one of its limits lowered, so that a real dump reaches it."""

import re
import shlex
import subprocess

from tools import BUILD, TOP

ROOMS = TOP / "extensions" / "kvmmmu"
PACKAGES = "libdw libelf libbpf json-c liblzma libzstd zlib libdeflate lzo2 snappy".split()
DEFINE = r"^#define[ \t]+{}[ \t]+(.+?)[ \t]*(/\*.*)?$"


def defined():
    """Return (file, name, value) of each limit in the program, the extension and gdb's library."""
    found = []
    for path in sorted([*(TOP / "extensions").rglob("*.[ch]"), *(TOP / "gdb").glob("*.[ch]")]):
        for name, value in re.findall(r"^#define[ \t]+(\w*(?:MAX|LIMIT)(?:_\w+)?)[ \t]+([^\n/]+)", path.read_text(), re.M):
            found.append((str(path.relative_to(TOP / "extensions" if "extensions" in str(path) else TOP)), name,
                          value.strip()))
    return found


def flags(what):
    return shlex.split(subprocess.run(["pkg-config", what, *PACKAGES], capture_output=True, text=True, check=True).stdout)


def lowered(folder, file, name, value, users=()):
    """
    Build the program with @name of @file as @value, and return its path. If @file is a header, @users are the files
    that the limit is for.
    """
    source = TOP / "extensions" / file
    text, count = re.subn(DEFINE.format(name), f"#define {name} {value}", source.read_text(), count=1, flags=re.M)
    assert count == 1, f"{file} does not define {name}"
    copy = folder / source.parent.name / source.name
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_text(text)
    sources = [ROOMS / user for user in users] or [copy]
    objects = []
    for number, path in enumerate(sources):
        objects.append(folder / f"{number}.o")
        if users:  # a copy beside nothing: its own header is found in the folder first
            (folder / f"{number}.c").write_text(path.read_text())
            path = folder / f"{number}.c"
        # comparisons with a limit of 0 are always true
        subprocess.run(["gcc", "-std=gnu11", "-D_GNU_SOURCE", "-w", "-O0", "-fPIC", f"-I{folder}", f"-I{ROOMS}",
                        f"-I{TOP}/extensions/cli", *flags("--cflags"), "-c", path, "-o", objects[-1]], check=True)
    others = [path for path in (BUILD / "extensions/cli").glob("*.o") if path.stem != source.stem or users]
    program = folder / "kvmmmu"
    # the objects come first, so that the library's own are not taken
    subprocess.run(["gcc", "-o", program, *objects, *others, BUILD / "libkvmmmu.a", *flags("--libs")], check=True)
    return program
