# SPDX-License-Identifier: GPL-2.0-or-later
"""MAPI/HTTP over HTTP/2 (RFC 9113): headers, streams and how they end."""

from __future__ import annotations

import struct

import pytest
from http2_frames import (CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PREFACE, RST_STREAM, SETTINGS, block,
                          frame)
from mapihttp import FIN, PREAMBLE, TO_CLIENT, TO_SERVER, WAIT, Http, connect, connected, execute, executed, shown, waited

PENDING, TIMEOUT, REJECTED, CUT_OFF = 1, 2, 3, 4
CLIENT, SERVER = 1, 2
FIELDS = ("mapihttp.request_type", "mapihttp.http_status", "rop.request_in", "oxcnotif.session", "oxcnotif.wakeup.outcome",
          "oxcnotif.wakeup.closed_by", "oxcnotif.wakeup.wait_in", "mapihttp.no_headers", "mapihttp.cookie", "oxcnotif.match")


class Connection:
    """HTTP/2 without TLS; what it sends is one segment, and the methods return its frame."""

    def __init__(self, http: Http, port: int = 80, settings: bool = True):
        self.link, self.stream, self.count = http.tcp.link(port), -1, {}
        self.begun = not settings
        if settings:
            self.send(TO_SERVER, PREFACE + frame(SETTINGS, 0))
            self.send(TO_CLIENT, frame(SETTINGS, 0))
            self.begun = True

    def send(self, way: int, data: bytes) -> int:
        return self.link.send(way, data)[-1][1]

    def request_bytes(self, kind: str, body: bytes, cookies: list[str], guid: int, parts: int = 1) -> list[bytes]:
        self.stream += 2
        self.count[guid] = self.count.get(guid, 0) + 1
        headers = [(":method", "POST"), (":scheme", "http"), (":authority", "mail.example"), (":path", "/mapi/emsmdb/"),
                   ("content-type", "application/mapi-http"), ("x-requesttype", kind),
                   ("x-requestid", f"{{{guid}1111111-2222-3333-4444-555555555555}}:{self.count[guid]}"),
                   *[("cookie", cookie) for cookie in cookies]]
        coded = block(headers)
        if parts == 1:
            begun = frame(HEADERS, self.stream, coded, END_HEADERS)
        else:
            cut = len(block(headers[:4]))
            begun = frame(HEADERS, self.stream, coded[:cut], 0) + frame(CONTINUATION, self.stream, coded[cut:], END_HEADERS)
        return [begun, frame(DATA, self.stream, body, END_STREAM)]

    def request(self, kind: str, body: bytes, cookies: tuple[str, ...] = (), guid: int = 1, apart: bool = False) -> tuple[int, int]:
        """Returns stream and the frame with the end of the request."""
        frames = self.request_bytes(kind, body, list(cookies), guid)
        if apart:
            self.send(TO_SERVER, frames[0])
            return self.stream, self.send(TO_SERVER, frames[1])
        return self.stream, self.send(TO_SERVER, b"".join(frames))

    def response(self, stream: int, kind: str, body: bytes | None, set_cookie: tuple[str, ...] = (), status: int = 200,
                 content_type: str = "application/mapi-http", code: int | None = 0) -> int:
        headers = [(":status", str(status)), ("content-type", content_type), *[("set-cookie", one) for one in set_cookie]]
        if code is not None:
            headers += [("x-requesttype", kind), ("x-responsecode", str(code))]
        if body is None:
            return self.send(TO_CLIENT, frame(HEADERS, stream, block(headers), END_HEADERS | END_STREAM))
        self.send(TO_CLIENT, frame(HEADERS, stream, block(headers), END_HEADERS))
        half = len(body) // 2
        self.send(TO_CLIENT, frame(DATA, stream, body[:half]))
        return self.send(TO_CLIENT, frame(DATA, stream, body[half:], END_STREAM))

    def connect(self, cookie: str, guid: int) -> int:
        stream, _ = self.request("Connect", connect(), guid=guid)
        return self.response(stream, "Connect", PREAMBLE + connected(), (cookie,))


def rows_of(http: Http, name: str) -> dict[int, dict[str, list[str]]]:
    """Of two passes; one pass shows the same."""
    path = http.write(name)
    rows, once = shown(path, FIELDS, True), shown(path, FIELDS, False)
    assert rows == once
    return rows


def test_users_of_one_connection_are_told_by_cookies(tshark):
    http = Http()
    link = Connection(http)
    for user in (1, 2):
        link.connect(f"MapiContext=c{user}", user)
    frames = {1: [], 2: []}
    for user in (1, 2):
        # The cookie may come in pieces (RFC 9113 8.2.3).
        stream, request = link.request("Execute", execute(), ("lb=x", f"MapiContext=c{user}"), user, apart=True)
        frames[user] += [request, link.response(stream, "Execute", PREAMBLE + executed())]
    rows = rows_of(http, "h2-users")
    for user, (request, response) in frames.items():
        assert rows[request]["oxcnotif.session"] == rows[response]["oxcnotif.session"] == [str(user)]
        assert rows[response]["rop.request_in"] == [str(request)]
        assert not rows[request]["mapihttp.no_headers"]


def test_headers_of_the_first_frame_are_read(tshark):
    """Preface, SETTINGS and the first request in one segment."""
    http = Http()
    link = Connection(http, settings=False)
    request = link.send(TO_SERVER, PREFACE + frame(SETTINGS, 0) + b"".join(
        link.request_bytes("Connect", connect(), ["MapiSequence=5"], 1)))
    response = link.response(1, "Connect", PREAMBLE + connected(), ("MapiContext=c1",))
    rows = rows_of(http, "h2-first")
    assert rows[request]["mapihttp.cookie"] == ["MapiSequence=5"]
    assert rows[response]["oxcnotif.session"] == ["1"] and rows[response]["mapihttp.http_status"] == ["200"]
    assert not rows[request]["mapihttp.no_headers"] and not rows[response]["mapihttp.no_headers"]


def test_header_block_with_continuation(tshark):
    http = Http()
    link = Connection(http)
    link.connect("MapiContext=c1", 1)
    link.connect("MapiContext=c2", 2)
    request = link.send(TO_SERVER, b"".join(link.request_bytes("Execute", execute(), ["MapiContext=c1"], 1, parts=2)))
    rows = rows_of(http, "h2-continuation")
    assert rows[request]["oxcnotif.session"] == ["1"]


@pytest.mark.parametrize("way,closed_by", [(TO_SERVER, CLIENT), (TO_CLIENT, SERVER)])
def test_rst_stream_ends_its_wait_alone(tshark, way, closed_by):
    http = Http()
    link = Connection(http)
    waits = {}
    for user in (1, 2):
        link.connect(f"MapiContext=c{user}", user)
        waits[user] = link.request("NotificationWait", WAIT, (f"MapiContext=c{user}",), user)
    reset = link.send(way, frame(RST_STREAM, waits[1][0], struct.pack(">I", 8)))
    answer = link.response(waits[2][0], "NotificationWait", PREAMBLE + waited(1))
    end = link.link.segment(TO_CLIENT, b"", flags=FIN)
    rows = rows_of(http, f"h2-reset-{way}")
    assert rows[reset]["oxcnotif.wakeup.outcome"] == [str(CUT_OFF)]
    assert rows[reset]["oxcnotif.wakeup.wait_in"] == [str(waits[1][1])]
    assert rows[reset]["oxcnotif.wakeup.closed_by"] == [str(closed_by)]
    assert rows[answer]["oxcnotif.wakeup.outcome"] == [str(PENDING)] and rows[answer]["oxcnotif.session"] == ["2"]
    assert not rows[end]["oxcnotif.wakeup.outcome"]


def test_goaway_ends_waits_above_its_stream(tshark):
    http = Http()
    link = Connection(http)
    link.connect("MapiContext=c1", 1)
    link.connect("MapiContext=c2", 2)
    first = link.request("NotificationWait", WAIT, ("MapiContext=c1",), 1)
    second = link.request("NotificationWait", WAIT, ("MapiContext=c2",), 2)
    goaway = link.send(TO_CLIENT, frame(GOAWAY, 0, struct.pack(">II", first[0], 0)))
    answer = link.response(first[0], "NotificationWait", PREAMBLE + waited(0))
    rows = rows_of(http, "h2-goaway")
    assert (rows[goaway]["oxcnotif.wakeup.outcome"], rows[goaway]["oxcnotif.wakeup.wait_in"]) == ([str(CUT_OFF)], [str(second[1])])
    assert rows[answer]["oxcnotif.wakeup.outcome"] == [str(TIMEOUT)]


@pytest.mark.parametrize("body", [None, b"upstream request timeout"])
def test_gateway_timeout_in_headers_cuts_the_wait(tshark, body):
    http = Http()
    link = Connection(http)
    link.connect("MapiContext=c1", 1)
    stream, _ = link.request("NotificationWait", WAIT, ("MapiContext=c1",), 1)
    answer = link.response(stream, "NotificationWait", body, status=504, content_type="text/plain", code=None)
    rows = rows_of(http, "h2-504")
    assert (rows[answer]["mapihttp.http_status"], rows[answer]["oxcnotif.wakeup.outcome"]) == (["504"], [str(CUT_OFF)])


def test_link_by_request_id_is_of_the_session(tshark):
    """"Registered context" (2) is for datagrams only."""
    http = Http()
    link = Connection(http)
    stream, _ = link.request("NotificationWait", WAIT, guid=1)
    link.response(stream, "NotificationWait", PREAMBLE + waited(1))
    stream, fetch = link.request("Execute", execute(), guid=1)
    link.response(stream, "Execute", PREAMBLE + executed())
    rows = shown(http.write("h2-match"), FIELDS, True)
    assert set(rows[fetch]["oxcnotif.match"]) == {"1"}
