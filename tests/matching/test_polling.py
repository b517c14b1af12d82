# SPDX-License-Identifier: GPL-2.0-or-later
"""Who polls because no datagram arrives is told from who polls until the first one does, and from who fetches in the same rhythm."""

from __future__ import annotations

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import report  # noqa: E402  (after the path is set)
import scoring  # noqa: E402


@pytest.mark.parametrize("seed", (3, 6))
def test_polling_is_of_clients_that_no_datagram_reaches(tshark, seed):
    capture, truth = report.generate(155, 12, seed, "complete", tshark.folder())
    capture.chmod(0o644)
    rows = tshark.fields(capture, ["oxcnotif.push.polling"], "oxcnotif.push.polling", two_pass=True)
    capture.unlink()
    facts = scoring.read_truth(truth)
    session_of = {fetch["response"]: fetch["session"] for fetch in facts["fetch"]}
    deaf = {session["session"] for session in facts["session"] if session["deaf"]}
    polling = [session_of[row["frame"]] for row in rows]
    assert len(polling) == len(set(polling)) >= 2
    assert set(polling) <= deaf
