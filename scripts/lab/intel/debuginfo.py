#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Make a small debuginfo file of a vmlinux: its build-id, and the DWARF of a few source files.

debuginfo.py VMLINUX OUT SOURCE-FILE...

The units are copied unchanged. Strings keep their offsets; those that no unit uses are zeroed, so
that the file packs well. Line numbers, locations and symbols are left out.
"""

import re
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

UNIT = struct.Struct("<IHBBI")  # of DWARF 5: length, version, kind, size of an address, abbreviations
NOTE = ".note.gnu.build-id"


def run(*words):
    return subprocess.run(words, check=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          errors="replace").stdout


def section(path, name):
    with tempfile.NamedTemporaryFile() as to:
        run("objcopy", f"--dump-section={name}={to.name}", path, "/dev/null")
        return Path(to.name).read_bytes()


def build_id_note(vmlinux):
    """Return the build-id's note alone: the kernel's .notes holds others, too."""
    found = re.search(r"Build ID: ([0-9a-f]+)", run("readelf", "-n", vmlinux))
    build_id = bytes.fromhex(found[1])
    return struct.pack("<III", 4, len(build_id), 3) + b"GNU\0" + build_id


def units(vmlinux):
    """Yield offset and name of every unit."""
    offset = None
    for line in run("readelf", "-wi", "--dwarf-depth=1", vmlinux).splitlines():
        found = re.match(r"\s+Compilation Unit @ offset (?:0x)?([0-9a-f]+)", line)
        if found:
            offset = int(found[1], 16)
        found = re.search(r"DW_AT_name\s+: (?:\(.*?\): )?(.*)", line)
        if found and offset is not None:
            yield offset, found[1].strip()
            offset = None


class Slice:
    """Some of the units, with abbreviations of their own."""

    def __init__(self, vmlinux, names):
        self.vmlinux = vmlinux
        info, abbreviations = section(vmlinux, ".debug_info"), section(vmlinux, ".debug_abbrev")
        places = list(units(vmlinux))
        tables = sorted({UNIT.unpack_from(info, at)[4] for at, _ in places} | {len(abbreviations)})
        self.info = self.abbreviations = b""
        for name in names:
            at, = (at for at, path in places if f"/{path}".endswith(f"/{name}"))
            length, version, kind, size, table = UNIT.unpack_from(info, at)
            if version != 5 or length >= 0xfffffff0:
                sys.exit(f"debuginfo: {name} is not 32-bit DWARF 5")
            self.info += UNIT.pack(length, version, kind, size, len(self.abbreviations))
            self.info += info[at + UNIT.size:at + 4 + length]
            self.abbreviations += abbreviations[table:tables[tables.index(table) + 1]]

    def write(self, out, strings):
        """Write the file, with these sections of strings."""
        parts = {NOTE: build_id_note(self.vmlinux), ".debug_info": self.info,
                 ".debug_abbrev": self.abbreviations, **strings}
        with tempfile.TemporaryDirectory() as work:
            run("as", "-o", f"{work}/empty", "/dev/null")
            for name, data in parts.items():
                Path(f"{work}/{name}").write_bytes(data)
            run("objcopy", *(f"--add-section={name}={work}/{name}" for name in parts),
                *(f"--remove-section={name}" for name in (".text", ".data", ".bss")), f"{work}/empty", out)


def used_only(strings, text, what):
    """Zero all strings but those whose offsets readelf prints."""
    kept = bytearray(len(strings))
    for offset in {int(found, 16) for found in re.findall(rf"\({what}, offset: (?:0x)?([0-9a-f]+)\)", text)}:
        end = strings.index(b"\0", offset)
        kept[offset:end] = strings[offset:end]
    return bytes(kept)


def main():
    vmlinux, out, *names = sys.argv[1:]
    some = Slice(vmlinux, names)
    strings = {name: section(vmlinux, name) for name in (".debug_str", ".debug_line_str")}
    some.write(out, strings)
    text = run("readelf", "-wi", out)
    some.write(out, {".debug_str": used_only(strings[".debug_str"], text, "indirect string"),
                     ".debug_line_str": used_only(strings[".debug_line_str"], text, "indirect line string")})


if __name__ == "__main__":
    main()
