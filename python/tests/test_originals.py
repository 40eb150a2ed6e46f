"""The originals' own tests, from their wheels, run against our modules."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

#: Suite, and how many of its tests pass; none may fail.
SUITES = {"nengo.utils.tests.test_nco": 10}


@pytest.mark.parametrize("suite", SUITES)
def test_original(suite, tmp_path):
    pytest.importorskip(suite.split(".")[0])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:nengo", "-p", "in_place", "-p", "no:cacheprovider", "--pyargs", suite],
        cwd=tmp_path,
        env={"PYTHONPATH": str(Path(__file__).parent), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    found = re.search(r"(\d+) passed", done.stdout)
    assert done.returncode == 0 and found, done.stdout + done.stderr
    assert int(found[1]) >= SUITES[suite], done.stdout
