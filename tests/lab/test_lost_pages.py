# SPDX-License-Identifier: GPL-2.0-or-later
"""Pages that a dump lacks take evidence away: they may leave a verdict open, and never make one up."""

import random
import re
import subprocess

import pytest

from tools import BUILD, GENERATIONS, dumps

ROUNDS = 60


@pytest.mark.parametrize("one_in", (50, 8))
@pytest.mark.parametrize("name", ("healthy", "panic"))
@pytest.mark.parametrize("gen", GENERATIONS)
def test_lost_pages_make_nothing_up(gen, name, one_in):
    """Random pages of those that explain reads: build/lost says what is compared."""
    seed = random.randrange(1 << 31)
    run = subprocess.run([BUILD / "lost", dumps(gen) / f"{name}.kdump", str(ROUNDS), str(one_in), str(seed)],
                         text=True, capture_output=True, timeout=120)
    assert run.returncode == 0, f"seed {seed}: {run.stdout[-2000:]}{run.stderr}"
    lost, verdicts = map(int, re.search(r"(\d+) pages lost: (\d+) verdicts", run.stdout).groups())
    # a lost page of a table or of the list of VMs takes many vCPUs with it: most rounds have few verdicts
    assert lost > ROUNDS and verdicts >= ROUNDS // 4
