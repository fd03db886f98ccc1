# SPDX-License-Identifier: GPL-2.0-or-later
"""Dump a host with 1,200 vCPUs (crowd.c) as ELF and kdump.

run.py GEN OUT
"""

import signal
import sys
from pathlib import Path

LAB = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(LAB))
from dump_host import dump_host  # noqa: E402

signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
dump_host(sys.argv[1], [LAB / "crowd/crowd.c"], "1G", 400, sys.argv[2], "crowd", "1,200")
