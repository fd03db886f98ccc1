# SPDX-License-Identifier: GPL-2.0-or-later
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

# Tests leave nothing in the user's cache; lab/test_cache.py has its own.
os.environ["KVMMMU_NO_CACHE"] = "1"

from tools import INTEL, TOP  # noqa: E402


def pytest_collection_modifyitems(items):
    """
    Let one of two workers begin with the capsules, for which the lab makes the dumps, and the other with what
    needs none, so that it does not wait for them.
    """
    folder = lambda item: item.path.parent.name
    items.sort(key=lambda item: (folder(item) != "capsule", folder(item) != "mutation", folder(item) == "lab"))


# pytest keeps what the last three runs wrote; with copies of dumps that is more than a disk holds.
@pytest.fixture
def tmp_path(tmp_path):
    yield tmp_path
    shutil.rmtree(tmp_path, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def nothing_stays(tmp_path_factory):
    yield
    shutil.rmtree(tmp_path_factory.getbasetemp(), ignore_errors=True)


@pytest.fixture(scope="session")
def intel(tmp_path_factory):
    """A folder with NAME.vmcore for each of INTEL, and vmlinux; "make intel" sets KVMMMU_INTEL to whole dumps."""
    if "KVMMMU_INTEL" in os.environ:
        return Path(os.environ["KVMMMU_INTEL"])
    packed, to = TOP / "tests" / "intel", tmp_path_factory.mktemp("intel")
    for name in ("vmlinux", f"{INTEL[0]}.vmcore"):
        with open(to / name, "wb") as file:
            subprocess.run(["xz", "-dc", packed / f"{name}.xz"], stdout=file, check=True)
    for name in INTEL[1:]:
        subprocess.run(["zstd", "-dqf", f"--patch-from={to}/{INTEL[0]}.vmcore", packed / f"{name}.vmcore.zst",
                        "-o", to / f"{name}.vmcore"], check=True)
    return to
