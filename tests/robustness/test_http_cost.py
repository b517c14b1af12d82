# SPDX-License-Identifier: GPL-2.0-or-later
"""Captures of HTTP and RPC over HTTP in which something is repeated: what the plugin adds to tshark grows with their size, not
with its square.  The same measure as in test_robust_bounds.py, without a tree, so that nothing hides what grows; where a message
comes in many segments, Wireshark's own work grows with the square, and instructions are counted (bench/)."""

from __future__ import annotations

import functools
import pathlib
import shutil
import sys
import uuid

import http2_frames as http2
import mapihttp
import pytest
import rpc_streams as rpc
import rpch_streams as rpch
import test_robust_bounds as bounds
import tshark as tools
from mapihttp import TO_CLIENT, TO_SERVER, Http
from rpch_streams import Capture
from test_robust_bounds import nothing      # noqa: F401 (a fixture)

SEGMENT, ACK = 1400, 0x10
QUIET = ("-q", "-z", "io,stat,0")


def alternating_cookies(n: int) -> pathlib.Path:
    """CONN/B1 PDUs on one channel, which name two virtual connections by turns."""
    capture = rpch.Capture()
    link = capture.link()
    link.send(TO_SERVER, rpch.ask("RPC_IN_DATA", 1 << 30))
    link.send(TO_SERVER, b"".join(rpch.conn_b1(uuid.UUID(int=7 + at % 2)) for at in range(n)), SEGMENT)
    return capture.write(tools.folder() / "cookies.pcap")


def channels_of_one_cookie(n: int) -> pathlib.Path:
    """Connections that all open the OUT channel of one virtual connection."""
    capture = rpch.Capture()
    for _ in range(n):
        link = capture.link(handshake=False)
        link.send(TO_SERVER, rpch.ask("RPC_OUT_DATA", 76))
        link.send(TO_SERVER, rpch.conn_a1(uuid.UUID(int=7)))
    return capture.write(tools.folder() / "channels.pcap")


def channels_opened_before(n: int) -> pathlib.Path:
    """Requests and waits on one channel, and responses on another, of which none fit: each may tell that the two belong together."""
    capture = rpch.Capture()
    up, down = capture.link(handshake=False), capture.link(handshake=False)
    for at in range(n):
        handle = bytes(4) + uuid.UUID(int=at + 1).bytes
        up.send(TO_SERVER, rpch.request(2 * at, 11, handle + bytes(28)) + rpch.request(2 * at + 1, 0, handle + bytes(4)))
        down.send(TO_CLIENT, rpch.response(4 * n + 2 * at, handle + bytes(28)) + rpch.response(4 * n + 2 * at + 1, bytes(8)))
    return capture.write(tools.folder() / "channels-opened-before.pcap")


def watched() -> tuple[Http, mapihttp.Client]:
    capture = Http()
    client = capture.client()
    client.connect()
    return capture, client


def line_by_line(capture: Http, client: mapihttp.Client, n: int) -> None:
    """A response whose head comes one line in each segment."""
    client.request("NotificationWait", mapihttp.WAIT, "MapiContext=c1")
    head = mapihttp.message("HTTP/1.1 200 OK", {"Content-Type": "application/mapi-http", "X-RequestType": "NotificationWait",
                                                **{f"X-More-{number}": "of what nobody needs" for number in range(n)}},
                            mapihttp.PREAMBLE + mapihttp.waited(1))
    for line in head.splitlines(keepends=True):
        client.link.send(TO_CLIENT, line)
        client.end(ACK, TO_SERVER)


def set_cookies(n: int) -> pathlib.Path:
    """Responses that set the same n cookies again and again."""
    capture, client = watched()
    cookies = [f"name{number}=1" for number in range(n)]
    client.link.send = functools.partial(client.link.send, size=30000)
    client.connect(cookies)
    for _ in range(30):
        client.call("Execute", mapihttp.execute(), mapihttp.executed(), "name0=1", set_cookie=cookies)
    return capture.write("cookies")


def many_cookies(n: int) -> pathlib.Path:
    """Requests with n cookies, all of which a session was given."""
    capture, client = watched()
    cookies = [f"name{number}=1" for number in range(n)]
    client.connect(cookies)
    for _ in range(10):
        client.call("Execute", mapihttp.execute(), mapihttp.executed(), "; ".join([*cookies[1:], "name0=2"]))
    return capture.write("requests")


def channel_line_by_line(n: int) -> pathlib.Path:
    """The same on the OUT channel of RPC over HTTP."""
    capture = rpch.Capture()
    link = capture.link()
    link.send(TO_SERVER, rpch.ask("RPC_OUT_DATA", 76) + rpch.conn_a1(uuid.UUID(int=7)))
    head = rpch.answer("200 Success", rpch.RPC_TYPE, rpch.GIGABYTE, *(f"X-More-{at}: of what nobody needs" for at in range(n)))
    for line in head.splitlines(keepends=True):
        link.send(TO_CLIENT, line)
    return capture.write(tools.folder() / "head.pcap")


def pdu_in_chunks_of_a_byte(n: int) -> pathlib.Path:
    """The beginning of a PDU on the OUT channel, each byte in a chunk and segment of its own."""
    capture = rpch.Capture()
    link = capture.link()
    link.send(TO_SERVER, rpch.ask("RPC_OUT_DATA", 76) + rpch.conn_a1(uuid.UUID(int=7)))
    link.send(TO_CLIENT, rpch.answer("200 Success", rpch.RPC_TYPE, rpch.CHUNKED))
    for byte in rpch.response(1, bytes(4 * n))[:2 * n]:
        link.send(TO_CLIENT, rpch.chunks(bytes([byte]), 1))
    return capture.write(tools.folder() / "bytes.pcap")


def pending_chunks(capture: Http, client: mapihttp.Client, n: int) -> None:
    """A long poll that is kept alive n times."""
    client.request("NotificationWait", mapihttp.WAIT, "MapiContext=c1")
    client.link.send(TO_CLIENT, mapihttp.message("HTTP/1.1 200 OK", {
        "Content-Type": "application/mapi-http", "X-RequestType": "NotificationWait", "Transfer-Encoding": "chunked"}, None))
    for data in [b"PROCESSING\r\n", *[b"PENDING\r\n"] * n, b"DONE\r\n\r\n" + mapihttp.waited(1)]:
        client.link.send(TO_CLIENT, rpch.chunks(data, len(data)))
        client.end(ACK, TO_SERVER)
    client.link.send(TO_CLIENT, b"0\r\n\r\n")


def polls_of_one_connection(n: int) -> pathlib.Path:
    """HTTP/2: long polls on one connection, of which one is kept alive as often as there are any."""
    capture = Http()
    link = capture.tcp.link(80)
    link.send(TO_SERVER, http2.PREFACE + http2.frame(http2.SETTINGS, 0))
    link.send(TO_CLIENT, http2.frame(http2.SETTINGS, 0))
    asked = http2.block([(":method", "POST"), (":scheme", "http"), (":authority", "mail.example"), (":path", "/mapi/emsmdb/"),
                         ("content-type", "application/mapi-http"), ("x-requesttype", "NotificationWait"), ("cookie", "MapiContext=c1")])
    for at in range(n):
        link.send(TO_SERVER, http2.frame(http2.HEADERS, 2 * at + 1, asked, http2.END_HEADERS)
                  + http2.frame(http2.DATA, 2 * at + 1, mapihttp.WAIT, http2.END_STREAM))
    link.send(TO_CLIENT, http2.frame(http2.HEADERS, 1, http2.block([(":status", "200"), ("content-type", "application/mapi-http")]),
                                     http2.END_HEADERS))
    for _ in range(n):
        link.send(TO_CLIENT, http2.frame(http2.DATA, 1, b"PENDING\r\n"))
    return capture.write("polls")


def waits_with_gaps(n: int) -> pathlib.Path:
    """EcDoAsyncWaitEx calls on one connection, none of which ends, and as often bytes of the server that were not captured."""
    capture, link = bounds.bound(rpc.ASYNCEMSMDB)
    for call in range(2, n + 2):
        link.send(TO_SERVER, rpch.request(call, 0, rpc.CXH + bytes(4)))
    for call in range(n):
        link.lose(TO_CLIENT, bytes(100))
        link.send(TO_CLIENT, rpch.response(n + 2 + call, bytes(8)))
    return capture.write(tools.folder() / "waits-with-gaps.pcap")


def ids_of_one_hash(n: int) -> pathlib.Path:
    """Requests that nobody answers, each with another X-RequestId, all of which g_str_hash() takes for the same."""
    capture, client = watched()
    for number in range(n):
        name = "".join("Ez" if number >> bit & 1 else "FY" for bit in range(12))
        client.request("Execute", mapihttp.execute(), "MapiContext=c1", request_id=False, headers={"X-RequestId": f"{name}:1"})
    return capture.write("ids")


def responses_in_one_segment(n: int) -> pathlib.Path:
    """Answers of MAPI/HTTP without a body, one right behind the other."""
    capture, client = watched()
    client.link.send(TO_CLIENT, b"HTTP/1.1 200 OK\r\nX-ResponseCode: 0\r\nContent-Length: 0\r\n\r\n" * n)
    return capture.write("responses")


def requests_in_one_segment(n: int) -> pathlib.Path:
    """The same with bodies, each of which has to be found its message."""
    capture, client = watched()
    client.link.send(TO_SERVER, b"POST / HTTP/1.1\r\nContent-Type: application/mapi-http\r\nContent-Length: 1\r\n\r\nx" * n)
    return capture.write("requests")


def header_blocks_in_one_segment(n: int) -> pathlib.Path:
    """HTTP/2: requests without a body on a connection that carries MAPI/HTTP; each leaves a data source with its frame."""
    capture = Http()
    link = capture.tcp.link(80)
    link.send(TO_SERVER, http2.PREFACE + http2.frame(http2.SETTINGS, 0))
    asked = http2.block([(":method", "POST"), (":path", "/mapi/emsmdb/"), ("content-type", "application/mapi-http")])
    link.send(TO_SERVER, http2.frame(http2.HEADERS, 1, asked, http2.END_HEADERS) + http2.frame(http2.DATA, 1, mapihttp.WAIT, http2.END_STREAM))
    one = b"\x83\x84\x86"        # POST, /, http in the static table
    link.send(TO_SERVER, b"".join(http2.frame(http2.HEADERS, 2 * at + 3, one, http2.END_HEADERS | http2.END_STREAM) for at in range(5 * n)))
    return capture.write("blocks")


def calls_in_one_segment(n: int) -> pathlib.Path:
    """Requests, and faults in answer to them, as many as the segments hold."""
    capture = Capture()
    link = capture.link(49700)
    link.send(TO_SERVER, rpc.bind(1, rpc.EMSMDB))
    link.send(TO_CLIENT, rpc.bind_ack(1))
    link.send(TO_SERVER, b"".join(rpch.request(at + 2, 11) for at in range(n)))
    link.send(TO_CLIENT, b"".join(rpch.pdu(3, at + 2, bytes(8) + b"\x05" + bytes(7)) for at in range(n)))
    return capture.write(tools.folder() / "calls.pcap")


def unbound_calls_in_one_segment(n: int) -> pathlib.Path:
    """Waits whose bind was not captured, so that all that is known of them is found out and kept here."""
    capture = Capture()
    link = capture.link(49700)
    link.send(TO_SERVER, b"".join(rpch.request(at + 2, 0, rpc.CXH + bytes(4)) for at in range(n)))
    link.send(TO_CLIENT, b"".join(rpch.response(at + 2, bytes(8)) for at in range(n)))
    return capture.write(tools.folder() / "unbound.pcap")


def indexes_in_one_buffer(n: int) -> pathlib.Path:
    """RopPendings of one answer, for each of which it is asked whether that has notifications."""
    rops = b"".join(b"\x6e" + at.to_bytes(2, "little") for at in range(n))
    return bounds.fetch((bounds.NONE, mapihttp.ext(bounds.rop_buffer(rops, 1))))


def segments(n: int, *makers) -> pathlib.Path:
    capture, client = watched()
    for maker in makers:
        maker(capture, client, n)
    return capture.write("segments")


GROWING = {
    "two cookies by turns on a channel": (alternating_cookies, 3000, 13000),
    "connections of one cookie": (channels_of_one_cookie, 500, 4000),
    "channels opened before the capture": (channels_opened_before, 1000, 6000),
    "responses with the same cookies": (set_cookies, 1000, 1500),
    "requests with many cookies": (many_cookies, 300, 1000),
}


@pytest.mark.parametrize("what", GROWING)
def test_added_cost_is_linear(nothing, what):       # noqa: F811
    make, few, many = GROWING[what]
    n = many if bounds.LONG else few
    quarter, whole = make(n), make(4 * n)
    for args in [QUIET, ("-2", *QUIET)] if bounds.LONG else [QUIET]:
        small, big = bounds.run(quarter, *args), bounds.run(whole, *args)
        own = bounds.run(whole, *args, plugin=False)
        limit = bounds.GROWTH * max(small.seconds - nothing.seconds, bounds.LEAST_SECONDS)
        if big.seconds - own.seconds > limit:       # others on the machine make a run slower, never faster
            big = min(big, bounds.run(whole, *args), key=lambda cost: cost.seconds)
        assert big.seconds - own.seconds <= limit, (small.seconds, big.seconds, own.seconds, nothing.seconds)
        bounds.check_memory(big, nothing)


def instructions(path: pathlib.Path) -> tuple[int, int]:
    """With the plugin, and of tshark alone."""
    sys.path.insert(0, str(tools.REPOSITORY / "bench"))
    import counting

    return counting.instructions("io,stat", True, path), counting.instructions("io,stat", False, path)


@pytest.mark.skipif(bounds.SANITIZED or not shutil.which("valgrind"), reason="counts instructions")
@pytest.mark.parametrize("make", [lambda n: segments(n, line_by_line, pending_chunks), channel_line_by_line],
                         ids=["MAPI/HTTP", "RPC over HTTP"])
def test_no_segment_makes_the_plugin_read_a_message_again(tshark, make):
    """Four times the segments cost about four times the plugin's instructions; all again with each segment would be 16."""
    added = [both - alone for both, alone in map(instructions, map(make, (60, 240)))]
    assert added[1] <= 5 * added[0], added


@pytest.mark.skipif(bounds.SANITIZED or not shutil.which("valgrind"), reason="counts instructions")
def test_chunks_of_a_pdu_are_passed_once(tshark):
    """TCP's reassembly copies all of them with each segment, as it does without the plugin, and takes a little more or less by the
    way. The plugin adds little to that; if it passed them with each segment, it would add nearly as much."""
    both, alone = instructions(pdu_in_chunks_of_a_byte(240))
    assert both - alone <= alone / 4, (both, alone)


@pytest.mark.skipif(bounds.SANITIZED or not shutil.which("valgrind"), reason="counts instructions")
@pytest.mark.parametrize("make", [polls_of_one_connection, waits_with_gaps])
def test_open_waits_are_not_looked_at_for_each_frame(tshark, make):
    """Four times the waits and frames cost about four times the plugin's instructions; each wait for each frame would be 16."""
    added = [both - alone for both, alone in map(instructions, map(make, (1000, 4000)))]
    assert added[1] <= 5 * added[0], added


IN_ONE_SEGMENT = [responses_in_one_segment, requests_in_one_segment, header_blocks_in_one_segment, calls_in_one_segment,
                  unbound_calls_in_one_segment, indexes_in_one_buffer, ids_of_one_hash]


@pytest.mark.skipif(bounds.SANITIZED or not shutil.which("valgrind"), reason="counts instructions")
@pytest.mark.parametrize("make", IN_ONE_SEGMENT)
def test_messages_are_found_and_not_searched_for(tshark, make):
    """Four times the messages cost about four times the plugin's instructions; each looked at for each other one would be 16.
    (A map that grows by the way costs a tenth more in one size than in another.)"""
    added = [both - alone for both, alone in map(instructions, map(make, (150, 600)))]
    assert added[1] <= 5 * added[0], added


def test_outcome_of_poll_of_many_chunks(tshark):
    """However many segments the answer has, and whatever is read of it when, it is one."""
    rows = tshark.fields(segments(50, pending_chunks), ["oxcnotif.wakeup.outcome", "mapihttp.meta_tag"], "oxcnotif.wakeup")
    assert [(row["oxcnotif.wakeup.outcome"], len(row["mapihttp.meta_tag"])) for row in rows] == [(["1"], 52)]
