# SPDX-License-Identifier: GPL-2.0-or-later
"""Waits on which the server says nothing for longer than X-PendingPeriod."""

import re

import lab
import pytest
import tshark
import truth

CAPTURE = lab.capture("mapihttp-cut")
PERIOD = 15.0           # X-PendingPeriod of the lab's server, seconds


def silences(capture, two_pass=False):
    rows = tshark.fields(capture, ["_ws.expert.message"], "mapihttp.no_pending", two_pass=two_pass)
    return [(row["frame"], [text for text in row["_ws.expert.message"] if "X-PendingPeriod" in text]) for row in rows]


@pytest.mark.parametrize("two_pass", [False, True])
def test_every_long_silence_is_told(two_pass):
    waits = lab.truth("mapihttp-cut")["wakeups"]
    long = [wait for wait in waits if wait.get("longest_silence", 0) > PERIOD * 1.25 + 1]
    told = silences(CAPTURE, two_pass)
    assert len(told) == len(long) == 4
    for wait, (frame, texts) in zip(long, told):
        assert wait["wait_request"] < frame <= wait["frame"]
        assert len(texts) == 1
        assert float(re.search(r"([\d.]+) s,", texts[0])[1]) == pytest.approx(wait["longest_silence"], abs=0.02)


def test_a_server_that_keeps_its_promise_is_not_told_of():
    """gromox sends PENDING every 27 s where it promises 30 s, for five minutes."""
    assert silences(truth.capture_path("gromox-mapihttp-wait-timeout")) == []
