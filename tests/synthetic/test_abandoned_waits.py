# SPDX-License-Identifier: GPL-2.0-or-later
"""Long polls that nothing ended: what shows that the client went on without them."""

from __future__ import annotations

import json

import pytest
from mapihttp import WAIT, Http, connect, connected, shown, waited

ABANDONED, REJECTED = "5", 0x7EE
COOKIE = "MapiContext=c1"


def told(tshark, http: Http, name: str) -> tuple[list[int], list[int]]:
    """Frames of abandoned waits: in the tree of the second visit, and as events of a single pass add up."""
    path = http.write(name)
    tree = [frame for frame, row in shown(path, ("oxcnotif.wakeup.outcome",), True).items()
            if ABANDONED in row["oxcnotif.wakeup.outcome"]]
    lines = tshark.text(path, two_pass=False, args=("-q", "-z", "oxcnotif,events")).splitlines()
    events = [json.loads(line) for line in lines]
    return tree, [event["frame"] for event in events if event["event"] == "wakeup" and event["outcome"] == "abandoned"]


def test_wait_after_refused_one_replaces_the_first(tshark):
    """The server refuses a second wait as it does not know that the first one is gone; the third is taken."""
    http = Http()
    client, second = http.client(), http.client()
    client.connect(set_cookie=[COOKIE])
    lost = client.request("NotificationWait", WAIT, COOKIE)
    second.call("NotificationWait", WAIT, waited(0, REJECTED), COOKIE)
    second.call("NotificationWait", WAIT, waited(1), COOKIE)
    assert told(tshark, http, "abandoned-refused") == ([lost], [lost])


def test_refused_wait_leaves_the_open_one_alone(tshark):
    http = Http()
    client, second = http.client(), http.client()
    client.connect(set_cookie=[COOKIE])
    client.request("NotificationWait", WAIT, COOKIE)
    second.call("NotificationWait", WAIT, waited(0, REJECTED), COOKIE)
    assert told(tshark, http, "abandoned-not") == ([], [])


@pytest.mark.parametrize("answered", [False, True])
def test_wait_of_a_session_that_is_connected_again_is_abandoned(tshark, answered: bool):
    """The client connects with the old cookies (MS-OXCMAPIHTTP 3.1.5.7); an answered wait is not concerned."""
    http = Http()
    client, second = http.client(), http.client()
    client.connect(set_cookie=[COOKIE])
    lost = client.request("NotificationWait", WAIT, COOKIE)
    if answered:
        client.response("NotificationWait", waited(1))
    second.call("Connect", connect(), connected(), COOKIE, set_cookie=["MapiContext=c2"])
    expected = [] if answered else [lost]
    assert told(tshark, http, f"abandoned-replaced-{answered}") == (expected, expected)
