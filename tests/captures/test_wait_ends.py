# SPDX-License-Identifier: GPL-2.0-or-later
"""Who ended a wait: the sender of the FIN or RST (test-captures/field/NAME.md has the situations)."""

from __future__ import annotations

import json

import pytest

import printed
import tshark as tools

FIELD = tools.REPOSITORY / "test-captures" / "field"


@pytest.mark.parametrize("two_pass", [False, True])
def test_reset_of_out_channel_by_server_side_is_named(tshark, two_pass: bool):
    rows = tshark.fields(FIELD / "r09_rst_out.pcap", ["oxcnotif.wakeup.outcome", "oxcnotif.wakeup.closed_by"],
                         "oxcnotif.wakeup.closed_by", two_pass=two_pass)
    assert rows == [{"frame": 59, "oxcnotif.wakeup.outcome": ["4"], "oxcnotif.wakeup.closed_by": ["2"]}]


def test_wait_after_disconnect_has_no_end_that_anybody_caused(tshark):
    rows = tshark.fields(FIELD / "j01_exit.pcap", [], "oxcnotif.wakeup.outcome == 4 or mapihttp.cut_off", two_pass=True)
    assert rows == []


def test_abandoned_wait_is_told_on_its_request_on_later_visits_only(tshark):
    for two_pass, expected in ((False, []), (True, [19])):
        rows = tshark.fields(FIELD / "d11_silent_http.pcap", [], "oxcnotif.wait.abandoned", two_pass=two_pass)
        assert [row["frame"] for row in rows] == expected


@pytest.mark.parametrize("two_pass", [False, True], ids=["one-pass", "two-passes"])
def test_abandoned_wait_is_counted_in_each_pass(tshark, two_pass: bool):
    """d11_silent_http: nothing answers the long poll of frame 19, and the client goes on after five minutes."""
    capture = FIELD / "d11_silent_http.pcap"
    text = tshark.text(capture, two_pass=two_pass, args=("-q", "-z", "oxcnotif,events"))
    events = [json.loads(line) for line in text.splitlines()]
    assert [event["frame"] for event in events if event["event"] == "wakeup" and event["outcome"] == "abandoned"] == [19]
    for row in printed.tables(capture, "oxcnotif,wakeups", two_pass)["All sessions"]:
        assert (row["Means of wake-up"], row["Abandoned"]) == ("NotificationWait", "1")
    assert [row["Abandoned"] for row in printed.tables(capture, "oxcnotif,sessions", two_pass)["Sessions"]] == ["1"]
    tree = printed.tree(capture, two_pass=two_pass)
    assert tree["Wake-ups and ends of waits", "NotificationWait", "Abandoned by the client"] == 1


@pytest.mark.parametrize("two_pass", [False, True], ids=["one-pass", "two-passes"])
def test_wait_that_seemed_abandoned_is_taken_back(tshark, two_pass: bool):
    """mapihttp-cut: a second long poll is refused because the first one is open, which is answered later."""
    text = tshark.text(tools.REPOSITORY / "test-captures" / "mapihttp-cut.pcapng", two_pass=two_pass,
                       args=("-q", "-z", "oxcnotif,events"))
    assert '"abandoned"' not in text
