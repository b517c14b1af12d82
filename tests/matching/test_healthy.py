# SPDX-License-Identifier: GPL-2.0-or-later
"""Where nothing went wrong, nothing is complained about: every method in one capture."""

from __future__ import annotations

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import report  # noqa: E402  (after the path is set)

PI_WARN = 0x600000


@pytest.mark.parametrize("seed", (1, 3, 4, 5, 10))
def test_healthy_capture_has_no_warning_and_no_error(tshark, seed):
    capture, _ = report.generate(40, 8, seed, "healthy", tshark.folder())
    capture.chmod(0o644)
    rows = tshark.fields(capture, ["oxcnotif.wakeup.method"],
                         "oxcnotif.wakeup", two_pass=True)
    complaints = tshark.fields(capture, ["_ws.expert.message"], f"_ws.expert.severity >= {PI_WARN}", two_pass=True)
    capture.unlink()
    assert complaints == []
    assert {method for row in rows for method in row["oxcnotif.wakeup.method"]} == {"1", "2", "3", "4"}
