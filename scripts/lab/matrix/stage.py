# SPDX-License-Identifier: GPL-2.0-or-later
"""Run scenarios as scenarios/play.py does, and leave NAME.maps.json beside each truth; runs inside gdb."""

import json
import os
import sys

LAB = os.environ["LAB_SCRIPTS"]
sys.path[:0] = [LAB, os.path.join(LAB, "scenarios"), os.path.join(LAB, "matrix")]

import maps  # noqa: E402
import plan  # noqa: E402
import play  # noqa: E402
from stop import run  # noqa: E402

plan.scenarios(play.CONFIG["generation"])  # the catalogue has them from here on
play.CONFIG["generation"] = play.CONFIG["generation"].split("-")[0]  # a flavour is like its kernel


play.SECONDS = 300  # on a busy machine


class Play(play.Play):
    def save(self):
        found = maps.maps()
        super().save()
        with open(f"{play.OUT}/{self.scenario.name}.maps.json", "w", encoding="ascii") as file:
            json.dump(found, file)


play.Play = Play

run(play.main)
