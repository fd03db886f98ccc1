# SPDX-License-Identifier: GPL-2.0-or-later
import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))


# pytest keeps what the last three runs wrote; with copies of dumps that is more than a disk holds.
@pytest.fixture
def tmp_path(tmp_path):
    yield tmp_path
    shutil.rmtree(tmp_path, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def nothing_stays(tmp_path_factory):
    yield
    shutil.rmtree(tmp_path_factory.getbasetemp(), ignore_errors=True)
