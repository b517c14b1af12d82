# SPDX-License-Identifier: GPL-2.0-or-later
"""The plugin needs no more instructions than bench/figures.json says, with the versions that it names."""

import os
import pathlib
import shutil
import subprocess

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


@pytest.mark.skipif(bool(os.environ.get("OXCNOTIF_SANITIZE")), reason="counts the sanitizer's instructions")
@pytest.mark.skipif(not shutil.which("valgrind"), reason="needs valgrind")
def test_instructions_do_not_grow(tshark):
    done = subprocess.run([str(REPOSITORY / "bench" / "run"), "--check"], capture_output=True, text=True)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
