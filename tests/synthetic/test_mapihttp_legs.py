# SPDX-License-Identifier: GPL-2.0-or-later
"""MAPI/HTTP through a proxy of which both sides are in the capture: one exchange with two legs."""

from __future__ import annotations

import pytest
from mapihttp import FIN, RST, TO_CLIENT, TO_SERVER, WAIT, Client, Http, connect, connected, execute, executed, shown, waited

PENDING, TIMEOUT, REJECTED, CUT_OFF = 1, 2, 3, 4
CLIENT, SERVER, DEVICE = 1, 2, 3
HOST, PROXY, BACKEND = 100, 5, 9
FIELDS = ("oxcnotif.session", "oxcnotif.wakeup.outcome", "oxcnotif.wakeup.closed_by", "oxcnotif.wakeup.wait_in",
          "oxcnotif.wakeup_in", "oxcnotif.followup_in", "oxcnotif.other_leg", "oxcnotif.never_followed",
          "oxcnotif.followup.empty", "mapihttp.cut_off", "mapihttp.credentials_refused", "rop.request_in")


class Proxied:
    """A client that asks a proxy, which asks a server."""

    def __init__(self, http: Http, host: int = HOST, back_host: int = PROXY):
        self.front: Client = http.client(server=PROXY, host=host)
        self.back: Client = http.client(server=BACKEND, host=back_host)

    def request(self, kind: str, body: bytes) -> tuple[int, int]:
        return (self.front.request(kind, body, "MapiContext=c1"), self.back.request(kind, body, "MapiContext=c1"))

    def response(self, kind: str, body: bytes | None, **more) -> tuple[int, int]:
        """The server's, and the proxy's."""
        return self.back.response(kind, body, **more), self.front.response(kind, body, **more)

    def call(self, kind: str, body: bytes, answer: bytes, **more) -> tuple[tuple[int, int], tuple[int, int]]:
        return self.request(kind, body), self.response(kind, answer, **more)

    def connect(self) -> None:
        self.call("Connect", connect(), connected(), set_cookie=["MapiContext=c1"])


def rows_of(http: Http, name: str) -> dict[int, dict[str, list[str]]]:
    path = http.write(name)
    rows, once = shown(path, FIELDS, True), shown(path, FIELDS, False)
    assert [row["oxcnotif.wakeup.outcome"] for row in rows.values()] == [row["oxcnotif.wakeup.outcome"] for row in once.values()]
    return rows


def wakeups(rows: dict[int, dict[str, list[str]]]) -> dict[int, tuple[str, ...]]:
    """frame -> outcome, and who ended it if that is known"""
    return {frame: (*row["oxcnotif.wakeup.outcome"], *row["oxcnotif.wakeup.closed_by"])
            for frame, row in rows.items() if row["oxcnotif.wakeup.outcome"]}


@pytest.mark.parametrize("host,back_host", [(HOST, PROXY), (HOST, HOST)])
def test_messages_count_where_they_were_seen_first(tshark, host, back_host):
    """A proxy, and one that keeps the address of the client."""
    http = Http()
    proxied = Proxied(http, host, back_host)
    proxied.connect()
    wait, woken = proxied.call("NotificationWait", WAIT, waited(1))
    fetch, fetched = proxied.call("Execute", execute(), executed())
    rows = rows_of(http, f"legs-{back_host}")
    assert wakeups(rows) == {woken[0]: (str(PENDING),)}
    assert rows[woken[0]]["oxcnotif.wakeup.wait_in"] == [str(wait[0])]
    assert rows[woken[0]]["oxcnotif.followup_in"] == [str(fetch[0])]
    assert [frame for frame, row in rows.items() if row["oxcnotif.wakeup_in"]] == [fetch[0], fetched[0]]
    assert rows[fetched[0]]["rop.request_in"] == [str(fetch[0])]
    for one, other in (wait, woken, fetch, fetched):
        assert (rows[one]["oxcnotif.other_leg"], rows[other]["oxcnotif.other_leg"]) == ([str(other)], [str(one)])
    assert {number for row in rows.values() for number in row["oxcnotif.session"]} == {"1"}


@pytest.mark.parametrize("cut,closed_by", [
    (("front", TO_CLIENT, FIN), DEVICE), (("front", TO_SERVER, FIN), CLIENT), (("front", TO_CLIENT, RST), DEVICE),
    (("back", TO_CLIENT, RST), SERVER), (("back", TO_SERVER, FIN), DEVICE), (("back", TO_CLIENT, FIN), SERVER),
])
def test_leg_that_ends_first_tells_who_cut_the_wait(tshark, cut, closed_by):
    http = Http()
    proxied = Proxied(http)
    proxied.connect()
    wait, _ = proxied.request("NotificationWait", WAIT)
    leg, way, flags = cut
    first = getattr(proxied, leg).end(flags, way)
    getattr(proxied, "back" if leg == "front" else "front").end(FIN, TO_CLIENT if leg == "back" else TO_SERVER)
    rows = rows_of(http, f"legs-cut-{leg}-{way}-{flags}")
    assert wakeups(rows) == {first: (str(CUT_OFF), str(closed_by))}
    assert rows[first]["oxcnotif.wakeup.wait_in"] == [str(wait)]


def test_gateway_timeout_of_the_proxy_is_its_own(tshark):
    """The server answers later; the client does not get it."""
    http = Http()
    proxied = Proxied(http)
    proxied.connect()
    proxied.request("NotificationWait", WAIT)
    timeout = proxied.front.response(None, b"late", code=None, status="504 Gateway Timeout", content_type="text/html",
                                     request_id=False)
    proxied.back.response("NotificationWait", waited(1))
    assert wakeups(rows_of(http, "legs-504")) == {timeout: (str(CUT_OFF), str(DEVICE))}


def test_authentication_through_a_proxy_is_no_refusal(tshark):
    http = Http()
    proxied = Proxied(http)
    for _ in range(2):
        proxied.front.count = proxied.back.count = 0
        proxied.request("Connect", connect())
        proxied.response("Connect", b"no", status="401 Unauthorized", content_type="text/html")
    proxied.front.count = proxied.back.count = 0
    proxied.connect()
    assert not any(row["mapihttp.credentials_refused"] for row in rows_of(http, "legs-401").values())


def test_request_that_is_repeated_after_its_failure_is_no_leg(tshark):
    """By a client that takes another server."""
    http = Http()
    client = http.client()
    client.connect(["MapiContext=c1"])
    client.request("Execute", execute(), "MapiContext=c1")
    client.end(RST)
    other = http.client(server=2)
    other.count = client.count - 1
    request, response = other.call("Execute", execute(), executed(), "MapiContext=c1")
    rows = rows_of(http, "legs-none")
    assert rows[response]["rop.request_in"] == [str(request)]
    assert not any(row["oxcnotif.other_leg"] for row in rows.values())
