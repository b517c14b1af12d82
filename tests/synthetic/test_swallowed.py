# SPDX-License-Identifier: GPL-2.0-or-later
"""Lengths that are damaged: Wireshark waits for the end of one message and takes those behind it for its rest.  They are
shown all the same if they are whole in their segment, and said to be there in any case."""

from __future__ import annotations

import struct
import uuid

import pytest

import carrier
import lab
import mapihttp
import rpc_streams as rpc
import rpch_streams as wire
from mapihttp import TO_SERVER, Http

SWALLOWED = ["mapihttp.swallowed", "emsmdb.swallowed", "rpch.swallowed"]
PASSES = pytest.mark.parametrize("two_pass", [False, True], ids=["one pass", "two passes"])
ANY = " or ".join(SWALLOWED)


def by_frame(tshark, path, fields, **how):
    return {row["frame"]: row for row in tshark.fields(path, [*fields, *SWALLOWED, "_ws.expert.message"], **how)}


def flagged(rows: dict[int, dict], name: str) -> list[int]:
    return [frame for frame, row in sorted(rows.items()) if row[name]]


@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in sorted(lab.CAPTURES.glob("*.pcap*"))])
def test_nothing_in_sound_captures(tshark, path):
    """Neither losses nor proxies nor segments of odd sizes look like it."""
    prefs = lab.preferences(path.stem) if path.with_suffix(".json").exists() else []
    assert tshark.fields(path, [], ANY, args=prefs) == []


# ---- MAPI/HTTP ----

def lengthened(data: bytes, more: int) -> bytes:
    """The message with a Content-Length that is larger."""
    head, length, rest = data.partition(b"Content-Length: ")
    digits = rest[:rest.index(b"\r\n")]
    return head + length + b"%d" % (int(digits) + more) + rest[len(digits):]


class Damaging:
    """A client whose next message can be given a wrong length."""

    def __init__(self):
        self.capture = Http()
        self.client = self.capture.client()
        self.client.connect()
        self.send, self.more = self.client.link.send, 0
        self.client.link.send = self.damaged

    def damaged(self, way: int, data: bytes):
        more, self.more = self.more, 0
        return self.send(way, lengthened(data, more) if more else data)

    def execute(self) -> tuple[int, int]:
        return self.client.call("Execute", mapihttp.execute(mapihttp.ext(carrier.rop_buffer(b"\x01\0\0", (7,))[8:])),
                                mapihttp.executed(), "MapiContext=c1")


@PASSES
@pytest.mark.parametrize("more", [100000, 250], ids=["for ever", "into the body of the next"])
def test_http_request(tshark, two_pass, more):
    """What was asked behind it is shown, and its answers find it."""
    stream = Damaging()
    stream.more = more
    broken, _ = stream.execute()
    calls = [stream.execute() for _ in range(3)]
    rows = by_frame(tshark, stream.capture.write("http"), ["mapihttp.request_type", "rop.id", "rop.request_in"], two_pass=two_pass)
    taken = [frame for frame, _ in calls][:3 if more == 100000 else 1]
    assert flagged(rows, "mapihttp.swallowed") == taken
    for frame in taken:
        assert any(f"of frame {broken} " in text for text in rows[frame]["_ws.expert.message"])
    for request, response in calls:
        assert rows[request]["mapihttp.request_type"][-1] == "Execute" and rows[request]["rop.id"][-1] == "0x01"
        assert rows[response]["mapihttp.request_type"] == ["Execute"] and rows[response]["rop.request_in"] == [str(request)]


@pytest.mark.parametrize("codings", ["chunked", "identity, Chunked", "identity,chunked"])
def test_http_request_of_several_codings(tshark, codings):
    """Chunks frame a body if they are the last coding (RFC 9112 6.1)."""
    stream = Damaging()
    stream.more = 100000
    stream.execute()
    body = mapihttp.execute(mapihttp.ext(carrier.rop_buffer(b"\x01\0\0", (7,))[8:]))
    whole = mapihttp.message("POST /mapi/emsmdb/ HTTP/1.1", {
        "Content-Type": "application/mapi-http", "X-RequestType": "Execute", "X-RequestId": f"{stream.client.guid}:9",
        "Cookie": "MapiContext=c1", "Transfer-Encoding": codings}, wire.chunks(body, 5) + b"0\r\n\r\n")
    asked = stream.send(TO_SERVER, whole)[-1][1]
    row = by_frame(tshark, stream.capture.write("codings"), ["mapihttp.request_type", "rop.id"])[asked]
    assert row["mapihttp.swallowed"] and row["mapihttp.request_type"] == ["Execute"] and row["rop.id"] == ["0x01"]


@PASSES
@pytest.mark.parametrize("more", [90, 130, 200])
def test_up_to_the_middle_of_headers(tshark, two_pass, more):
    """The http dissector goes on with the rest of the headers: whatever it makes of that, nothing is shown twice."""
    stream = Damaging()
    stream.more = more
    stream.execute()
    calls = [stream.execute() for _ in range(2)]
    rows = by_frame(tshark, stream.capture.write("http"), ["mapihttp.request_id", "mapihttp.http_status"], two_pass=two_pass)
    assert calls[0][0] in flagged(rows, "mapihttp.swallowed")
    for request, _ in calls:
        shown = rows[request]["mapihttp.request_id"]
        assert len(set(shown)) == len(shown)


@PASSES
def test_http_response(tshark, two_pass):
    stream = Damaging()
    request = stream.client.request("Execute", mapihttp.execute(), "MapiContext=c1")
    stream.more = 100000
    broken = stream.client.response("Execute", mapihttp.executed())
    calls = [stream.execute() for _ in range(2)]
    rows = by_frame(tshark, stream.capture.write("http"), ["mapihttp.request_type", "rop.request_in"], two_pass=two_pass)
    assert request < broken
    assert flagged(rows, "mapihttp.swallowed") == [response for _, response in calls]
    assert [rows[response]["rop.request_in"] for _, response in calls] == [[str(request)] for request, _ in calls]


@PASSES
def test_first_message_of_a_connection(tshark, two_pass):
    """The connection is not known for MAPI/HTTP yet."""
    stream = Damaging()
    client = stream.capture.client()
    send = client.link.send
    client.link.send = lambda way, data: send(way, lengthened(data, 5000))
    client.request("Execute", mapihttp.execute(), "MapiContext=c1")
    client.link.send = send
    client.response("Execute", mapihttp.executed())
    frame, _ = client.call("Execute", mapihttp.execute(), mapihttp.executed(), "MapiContext=c1")
    rows = by_frame(tshark, stream.capture.write("http"), ["mapihttp.request_type"], two_pass=two_pass)
    assert flagged(rows, "mapihttp.swallowed") == [frame]
    assert rows[frame]["mapihttp.request_type"] == ["Execute"]


def test_message_in_two_segments(tshark):
    """It is not shown, but it is said where it begins, and only there."""
    stream = Damaging()
    stream.more = 100000
    stream.execute()
    request = mapihttp.message("POST /mapi/emsmdb/ HTTP/1.1", {"Content-Type": "application/mapi-http", "X-RequestType": "Execute"},
                               mapihttp.execute())
    ends = stream.send(TO_SERVER, request, len(request) - 10)
    rows = by_frame(tshark, stream.capture.write("http"), ["mapihttp.request_type"])
    assert flagged(rows, "mapihttp.swallowed") == [ends[0][1]]
    assert not rows[ends[0][1]]["mapihttp.request_type"]


@PASSES
def test_retransmission(tshark, two_pass):
    """What comes again is not asked again."""
    stream = Damaging()
    stream.more = 100000
    stream.execute()
    request = mapihttp.message("POST /mapi/emsmdb/ HTTP/1.1", {"Content-Type": "application/mapi-http", "X-RequestType": "Execute"},
                               mapihttp.execute())
    link = stream.client.link
    first = link.segment(TO_SERVER, request)
    link.segment(TO_SERVER, request)
    rows = by_frame(tshark, stream.capture.write("http"), ["mapihttp.request_type"], two_pass=two_pass)
    assert flagged(rows, "mapihttp.swallowed") == [first]


def test_http_of_others(tshark):
    """A message of another protocol inside another: not ours to tell."""
    stream = Damaging()
    stream.more = 100000
    stream.execute()
    stream.send(TO_SERVER, mapihttp.message("POST /other HTTP/1.1", {"Content-Type": "text/plain"}, b"hello"))
    assert tshark.fields(stream.capture.write("http"), [], ANY) == []


def test_disabled(tshark):
    """Who disables the protocol sees nothing of it: neither what is inside another message, nor a request without a body."""
    stream = Damaging()
    stream.capture.client().request("PING", None)
    stream.more = 100000
    stream.execute()
    stream.execute()
    path = stream.capture.write("http")
    assert len(tshark.fields(path, [], "mapihttp")) > 3
    assert tshark.fields(path, [], "mapihttp", args=["--disable-protocol", "mapihttp"]) == []


# ---- RPC ----

def longer(pdu: bytes, more: int) -> bytes:
    """The PDU with a frag_length that is larger."""
    length, = struct.unpack_from("<H", pdu, 8)
    return pdu[:8] + struct.pack("<H", length + more) + pdu[10:]


@PASSES
@pytest.mark.parametrize("more", [20000, 100], ids=["for ever", "into the next"])
def test_rpc_request(tshark, two_pass, more):
    capture = carrier.Capture()
    stream = rpc.Stream(capture).bound()
    stream.connect(2)
    broken = stream.up(longer(rpc.pdus.request(3, 11, rpc.rpc_request()), more))
    calls = [stream.call(number, 11, rpc.rpc_request(), rpc.rpc_response()) for number in (4, 5, 6)]
    rows = by_frame(tshark, capture.write("rpc.pcap"), ["emsmdb.opnum", "rop.request_in"], two_pass=two_pass)
    # What is left of the second PDU takes the third.
    taken = [frame for frame, _ in calls][:3 if more == 20000 else 2]
    assert flagged(rows, "emsmdb.swallowed") == taken
    assert any(f"of frame {broken} " in text for text in rows[taken[0]]["_ws.expert.message"])
    for request, response in calls:
        assert rows[request]["emsmdb.opnum"][-1] == "11"
        assert rows[response]["emsmdb.opnum"] == ["11"] and str(request) in rows[response]["rop.request_in"]


@PASSES
def test_rpc_bind(tshark, two_pass):
    """The connection is not known for Exchange's yet; the calls are told by their stubs."""
    capture = carrier.Capture()
    stream = rpc.Stream(capture)
    stream.up(longer(rpc.bind(1, rpc.EMSMDB), 20000))
    stream.down(rpc.bind_ack(1))
    frame, _ = stream.call(2, 11, rpc.rpc_request(), rpc.rpc_response())
    rows = by_frame(tshark, capture.write("rpc.pcap"), ["emsmdb.opnum"], two_pass=two_pass)
    assert flagged(rows, "emsmdb.swallowed") == [frame]
    assert rows[frame]["emsmdb.opnum"] == rows[frame + 1]["emsmdb.opnum"] == ["11"]


def test_several_pdus_in_a_segment(tshark):
    capture = carrier.Capture()
    stream = rpc.Stream(capture).bound()
    stream.connect(2)
    stream.up(longer(rpc.pdus.request(3, 11, rpc.rpc_request()), 20000))
    frame = stream.up(b"".join(rpc.pdus.request(number, 11, rpc.rpc_request()) for number in (4, 5)))
    rows = by_frame(tshark, capture.write("rpc.pcap"), ["emsmdb.opnum"])
    assert flagged(rows, "emsmdb.swallowed") == [frame] and rows[frame]["emsmdb.opnum"] == ["11", "11"]


def test_disabled_rpc(tshark):
    capture = carrier.Capture()
    stream = rpc.Stream(capture).bound()
    stream.up(longer(rpc.pdus.request(3, 11, rpc.rpc_request()), 20000))
    stream.up(rpc.pdus.request(4, 11, rpc.rpc_request()))
    path = capture.write("rpc.pcap")
    disabled = ["--disable-protocol", "emsmdb", "--disable-protocol", "asyncemsmdb"]
    assert len(tshark.fields(path, [], "emsmdb.swallowed")) == 1
    assert tshark.fields(path, [], "emsmdb.swallowed", args=disabled) == []


# ---- RPC over HTTP ----

@PASSES
@pytest.mark.parametrize("chunked", [False, True], ids=["plain", "chunked"])
def test_rpc_over_http(tshark, tmp_path, two_pass, chunked):
    """The stream finds its place again."""
    capture, cookie = wire.Capture(), uuid.UUID(int=77)
    out, up = capture.link(), capture.link()
    out.send(0, wire.ask("RPC_OUT_DATA", len(wire.conn_a1(cookie))) + wire.conn_a1(cookie))
    out.send(1, wire.answer("200 Success", wire.RPC_TYPE, wire.CHUNKED if chunked else wire.GIGABYTE))
    up.send(0, wire.ask("RPC_IN_DATA", 1 << 30))
    up.send(0, wire.conn_b1(cookie))

    def down(pdu: bytes) -> int:
        return out.send(1, wire.chunks(pdu, len(pdu)) if chunked else pdu)[-1][1]
    up.send(0, rpc.bind(1, rpc.EMSMDB))
    down(rpc.bind_ack(1))
    up.send(0, wire.request(2, 10, rpc.connect_request()))
    down(wire.response(2, rpc.connect_response()))
    up.send(0, wire.request(3, 11, rpc.rpc_request()))
    down(longer(wire.response(3, rpc.rpc_response()), 20000))
    frames = []
    for call in (4, 5):
        up.send(0, wire.request(call, 11, rpc.rpc_request()))
        frames.append(down(wire.response(call, rpc.rpc_response())))
    rows = by_frame(tshark, capture.write(tmp_path / "rpch.pcap"), ["emsmdb.opnum"], two_pass=two_pass)
    assert [rows[frame]["emsmdb.opnum"] for frame in frames] == [["11"], ["11"]]
    if not chunked:             # a chunk ends, whatever the length of a PDU in it
        assert flagged(rows, "rpch.swallowed") == frames


@PASSES
def test_echo_of_wrong_length(tshark, tmp_path, two_pass):
    """The body of an echo request takes the first byte of the message behind it: the PDUs of the channel are shown."""
    capture, cookie = wire.Capture(), uuid.UUID(int=78)
    up = capture.link()
    up.send(0, wire.ask("RPC_IN_DATA", 5) + bytes(4))
    up.send(1, wire.answer("200 Success", wire.RPC_TYPE, "Content-Length: 20") + wire.rts(wire.ECHO))
    up.send(0, wire.ask("RPC_IN_DATA", 1 << 30))
    up.send(0, wire.conn_b1(cookie))
    up.send(0, rpc.bind(1, rpc.EMSMDB))
    frame = up.send(0, wire.request(2, 10, rpc.connect_request()))[-1][1]
    rows = by_frame(tshark, capture.write(tmp_path / "echo.pcap"), ["emsmdb.opnum"], two_pass=two_pass)
    assert rows[frame]["emsmdb.opnum"] == ["10"]
