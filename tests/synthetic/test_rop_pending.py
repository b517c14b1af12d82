# SPDX-License-Identifier: GPL-2.0-or-later
"""RopPending with the session's own index, in an answer with room left: a wake-up, unless the server ends every answer so."""

from __future__ import annotations

import json
import struct

import pytest
from carrier import rop_buffer
from mapihttp import Client, Http, execute, executed

NOTIFY = struct.pack("<BIBHQQ", 0x2A, 5, 0, 0x8008, 0x7700000000000001, 0x1110000000000001)
PENDING = struct.pack("<BH", 0x6E, 1)


def answers(client: Client, cookie: str, *kinds: bytes) -> list[tuple[int, int]]:
    """A fetch for each: the frames of its request and of its response."""
    return [client.call("Execute", execute(rop_buffer(b"")), executed(rop_buffer(NOTIFY + more)), cookie) for more in kinds]


def connected(http: Http, number: int) -> tuple[Client, str]:
    client = http.client(guid=f"{{11111111-2222-3333-4444-55555555555{number}}}", host=100 + number)
    client.connect(set_cookie=[f"MapiContext=c{number}"])
    return client, f"MapiContext=c{number}"


def woken(tshark, http: Http, name: str, two_pass: bool) -> dict[int, int]:
    """Frame of each RopPending that is a wake-up -> frame of its follow-up."""
    lines = tshark.text(http.write(name), two_pass=two_pass, args=("-q", "-z", "oxcnotif,events")).splitlines()
    events = [json.loads(line) for line in lines]
    return {event["frame"]: event["followup_in"] for event in events if event["event"] == "wakeup" and event["method"] == 4}


@pytest.mark.parametrize("two_pass", [False, True])
def test_answer_without_one_shows_that_those_before_were_wakeups(tshark, two_pass: bool):
    http = Http()
    first, second, third = answers(*connected(http, 1), PENDING, PENDING, b"")
    assert woken(tshark, http, f"pending-late-{two_pass}", two_pass) == {first[1]: second[0], second[1]: third[0]}


def test_answer_without_one_shows_that_those_after_are_wakeups(tshark):
    http = Http()
    _, second, third = answers(*connected(http, 1), b"", PENDING, b"")
    assert woken(tshark, http, "pending-after", True) == {second[1]: third[0]}


def test_server_that_ends_every_answer_so_wakes_nobody(tshark):
    http = Http()
    answers(*connected(http, 1), *[PENDING] * 20)
    assert woken(tshark, http, "pending-always", True) == {}


def test_answer_that_was_not_read_to_its_end_shows_nothing(tshark):
    http = Http()
    answers(*connected(http, 1), *[PENDING] * 10, b"", *[PENDING] * 10)
    assert woken(tshark, http, "pending-unread", True) == {}


def test_answers_to_other_clients_show_nothing(tshark):
    """Behind one address may be several servers; and a capture of some clients must give the same as one of all."""
    http = Http()
    answers(*connected(http, 1), *[b""] * 20)
    answers(*connected(http, 2), *[PENDING] * 3)
    assert woken(tshark, http, "pending-others", True) == {}
