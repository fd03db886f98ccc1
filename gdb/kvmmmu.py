# SPDX-License-Identifier: GPL-2.0-or-later
"""source this in gdb, or have gdb load it at its start: it adds the command kvmmmu."""


def _load_kvmmmu():
    """Sourced scripts share their names with each other: what there is to it is a module of its own."""
    import importlib.util
    import os
    import sys

    here = os.path.dirname(os.path.realpath(__file__))
    # beside this file, or PREFIX/lib/kvmmmu if this is in PREFIX/share/gdb/python/gdb/command
    for folder in here, os.path.join(here, "../../../../../lib/kvmmmu"):
        path = os.path.join(folder, "kvmmmu_gdb.py")
        if os.path.exists(path):
            spec = importlib.util.spec_from_file_location("kvmmmu", path)
            sys.modules["kvmmmu"] = module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return
    raise ImportError(f"no kvmmmu_gdb.py beside {__file__}: install kvmmmu again")


_load_kvmmmu()
del _load_kvmmmu
