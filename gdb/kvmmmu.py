# SPDX-License-Identifier: GPL-2.0-or-later
"""Adds the command kvmmmu to gdb: source this file, or let gdb load it when it starts."""

# The folder of kvmmmu_gdb.py, seen from here; "make install" changes this.
FOLDER = "."


def _load_kvmmmu(folder):
    """Load kvmmmu_gdb.py as a module of its own, because all sourced scripts share one set of names."""
    import importlib.util
    import os
    import sys

    here = os.path.dirname(os.path.realpath(__file__))
    path = os.path.normpath(os.path.join(here, folder, "kvmmmu_gdb.py"))
    if not os.path.exists(path):
        raise ImportError(f"kvmmmu: no {path}: install kvmmmu again")
    spec = importlib.util.spec_from_file_location("kvmmmu", path)
    sys.modules["kvmmmu"] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)


_load_kvmmmu(FOLDER)
del _load_kvmmmu, FOLDER
