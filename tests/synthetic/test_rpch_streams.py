# SPDX-License-Identifier: GPL-2.0-or-later
"""RPC over HTTP cut in every way: segments, chunks and messages that do not end where PDUs do; losses; late captures; TLS."""

from __future__ import annotations

import ssl
import subprocess
import uuid

import pytest

import rpch_streams as wire
from rpch_streams import GIGABYTE, RPC_TYPE, Capture, Link, ask, seen, seen_in_chunks

COOKIE = uuid.UUID("0f0e0d0c-0b0a-4908-8706-050403020100")
ODD = ["rpch.lost", "rpch.not_pdu", "rpch.chunk.malformed", "_ws.malformed"]
STUB = bytes(range(256)) * 3
PASSES = pytest.mark.parametrize("two_pass", [False, True], ids=["one pass", "two passes"])

UP = [wire.conn_b1(COOKIE), wire.bind(1), wire.request(2, 5, STUB), wire.request(3, 6), wire.rts(wire.PING),
      wire.request(4, 7, STUB[:100])]


def up_of(cookie: uuid.UUID) -> list[bytes]:
    return [wire.conn_b1(cookie), *UP[1:]]


DOWN = [wire.CONN_A3, wire.CONN_C2, wire.bind_ack(1), wire.response(2, STUB), wire.response(3), wire.response(4, STUB[:77])]


@pytest.fixture
def shown(tshark, tmp_path):
    """Writes a capture and compares the PDUs that are shown with those expected."""
    def check(capture: Capture, expected: list[wire.Seen], two_pass: bool = False, prefs: dict | None = None,
              snaplen: int = 262144, odd: bool = False):
        path = capture.write(tmp_path / "capture.pcap", snaplen)
        rows = tshark.fields(path, ["dcerpc.pkt_type", "dcerpc.cn_call_id", "dcerpc.cn_frag_len", "dcerpc.opnum", *ODD],
                             None, two_pass, prefs)
        found = [wire.Seen(row["frame"], *map(int, one)) for row in rows
                 for one in zip(row["dcerpc.pkt_type"], row["dcerpc.cn_call_id"], row["dcerpc.cn_frag_len"], strict=True)]
        assert found == sorted(expected, key=lambda one: one.frame)
        assert odd or not [row for row in rows if any(row[name] for name in ODD)]
        return path, {row["frame"]: row for row in rows}
    return check


def open_out(out: Link, *headers: str, cookie: uuid.UUID = COOKIE) -> list[wire.Seen]:
    """RPC_OUT_DATA with CONN/A1, and the header of the answer."""
    body = wire.conn_a1(cookie)
    out.send(0, ask("RPC_OUT_DATA", len(body)))
    expected = seen(out.send(0, body), 0, body)
    out.send(1, wire.answer("200 Success", RPC_TYPE, *headers))
    return expected


def opnums(rows: dict, expected: list[wire.Seen]) -> None:
    """Responses were matched: only their requests tell an opnum."""
    by_call = {2: "5", 3: "6", 4: "7"}
    for one in expected:
        if one.kind == wire.RESPONSE:
            assert by_call[one.call] in rows[one.frame]["dcerpc.opnum"], one


@PASSES
def test_segments(shown, two_pass):
    """Segments of any size."""
    capture, expected = Capture(), []
    for size in (1, 3, 15, 16, 17, 19, 20, 21, 100, 1000, None):
        out, up, cookie = capture.link(), capture.link(), uuid.UUID(int=1000 + capture.links)
        expected += open_out(out, GIGABYTE, cookie=cookie)
        up.send(0, ask("RPC_IN_DATA", 1 << 30))
        expected += seen(up.send(0, b"".join(up_of(cookie)), size), 0, *up_of(cookie))
        expected += seen(out.send(1, b"".join(DOWN), size), 0, *DOWN)
    _, rows = shown(capture, expected, two_pass)
    opnums(rows, expected)


@PASSES
def test_header_and_body_in_one_segment(shown, two_pass):
    """The first segment of a connection has the header and the first bytes of the body."""
    capture, expected = Capture(), []
    for extra in (1, 2, 3, 15, 16, 17, 104, 110, 150, 300, 1000):
        out, up, cookie = capture.link(), capture.link(), uuid.UUID(int=1000 + capture.links)
        expected += open_out(out, GIGABYTE, cookie=cookie)
        head, body = ask("RPC_IN_DATA", 1 << 30), b"".join(up_of(cookie))
        ends = [(end - len(head), frame) for end, frame in up.send(0, head + body[:extra])]
        ends += [(end + extra, frame) for end, frame in up.send(0, body[extra:], 700)]
        expected += seen(ends, 0, *up_of(cookie))
        expected += seen(out.send(1, b"".join(DOWN)), 0, *DOWN)
    _, rows = shown(capture, expected, two_pass)
    opnums(rows, expected)


@pytest.mark.parametrize("segment", [1, 7, 50, 500, None])
@PASSES
def test_chunks(shown, segment, two_pass):
    capture, expected = Capture(), []
    for size in (1, 5, 16, 17, 28, 100, 4096):
        out, up, cookie = capture.link(), capture.link(), uuid.UUID(int=1000 + capture.links)
        expected += open_out(out, wire.CHUNKED, cookie=cookie)
        up.send(0, ask("RPC_IN_DATA", 1 << 30))
        expected += seen(up.send(0, b"".join(up_of(cookie))), 0, *up_of(cookie))
        expected += seen_in_chunks(out.send(1, wire.chunks(b"".join(DOWN), size), segment), 0, size, *DOWN)
    _, rows = shown(capture, expected, two_pass)
    opnums(rows, expected)


@PASSES
def test_chunked_answer_with_its_header(shown, tshark, two_pass):
    """The answer's header, chunks and the end of the chunked body in one segment; then another request."""
    capture = Capture()
    out = capture.link()
    body = wire.conn_a1(COOKIE)
    out.send(0, ask("RPC_OUT_DATA", len(body)))
    expected = seen(out.send(0, body), 0, body)
    head = wire.answer("200 Success", RPC_TYPE, wire.CHUNKED)
    ends = out.send(1, head + wire.chunks(b"".join(DOWN[:2]), 40) + b"0\r\nX-Trailer: 1\r\n\r\n")
    expected += seen_in_chunks(ends, len(head), 40, *DOWN[:2])
    out.send(0, ask("RPC_OUT_DATA", len(body)))
    expected += seen(out.send(0, body), 0, body)
    out.send(1, wire.answer("503 Gone", "Content-Length: 4") + b"gone")
    path, _ = shown(capture, expected, two_pass)
    rows = tshark.fields(path, ["http.response.code"], "http.response", two_pass)
    assert [row["http.response.code"] for row in rows] == [["200"], ["503"]]


@PASSES
def test_many_requests_on_one_connection(shown, tshark, two_pass):
    """No credentials, echo, the channel to its last byte, and then something else altogether."""
    capture = Capture()
    out, up = capture.link(), capture.link()
    expected = []
    for link, method in ((out, "RPC_OUT_DATA"), (up, "RPC_IN_DATA")):
        link.send(0, ask(method, 0))
        link.send(1, wire.answer("401 Unauthorized", "WWW-Authenticate: Basic", "Content-Length: 6") + b"sorry\n")
        link.send(0, ask(method, 4) + b"\xf8\xe8\x18\x08")
        echo = wire.rts(wire.ECHO)
        head = wire.answer("200 Success", RPC_TYPE, f"Content-Length: {len(echo)}")
        expected += seen(link.send(1, head + echo), len(head), echo)
    expected += open_out(out, f"Content-Length: {len(b''.join(DOWN))}")
    up.send(0, ask("RPC_IN_DATA", len(b"".join(UP))))
    expected += seen(up.send(0, b"".join(UP), 33), 0, *UP)
    expected += seen(out.send(1, b"".join(DOWN), 77), 0, *DOWN)
    for link in (out, up):
        link.send(0, b"GET /after HTTP/1.1\r\nHost: proxy.example\r\n\r\n")
        link.send(1, wire.answer("200 OK", "Content-Type: text/plain", "Content-Length: 5") + b"after")
    path, rows = shown(capture, expected, two_pass)
    opnums(rows, expected)
    assert len(tshark.fields(path, [], 'http.request && http.request.uri == "/after"', two_pass)) == 2
    assert len(tshark.fields(path, [], "http.response.code == 401", two_pass)) == 2
    assert [row["rpch.data"] for row in tshark.fields(path, ["rpch.data"], "rpch.data", two_pass)] == [["f8e81808"]] * 2


@pytest.mark.parametrize("chunk", [None, 70_000, 150_000])
@PASSES
def test_end_of_long_body(shown, tshark, chunk, two_pass):
    """The end of a body, and of a chunk, may come some segments later, or long after."""
    capture = Capture()
    out, up = capture.link(), capture.link()
    pdus = [*DOWN, *[wire.response(4, STUB)] * 300]
    data = b"".join(pdus)
    expected = open_out(out, wire.CHUNKED if chunk else f"Content-Length: {len(data)}")
    up.send(0, ask("RPC_IN_DATA", 1 << 30))
    expected += seen(up.send(0, b"".join(UP)), 0, *UP)
    if chunk:
        expected += seen_in_chunks(out.send(1, wire.chunks(data, chunk) + b"0\r\n\r\n", 1400), 0, chunk, *pdus)
    else:
        expected += seen(out.send(1, data, 1400), 0, *pdus)
    out.send(0, b"GET /after HTTP/1.1\r\nHost: proxy.example\r\n\r\n")
    out.send(1, wire.answer("204 No Content"))
    path, _ = shown(capture, expected, two_pass)
    assert [row["http.response.code"] for row in tshark.fields(path, ["http.response.code"], "http.response", two_pass)] == [["200"], ["204"]]


@PASSES
def test_header_over_segments(shown, tshark, two_pass):
    capture = Capture()
    out, up = capture.link(), capture.link()
    body = wire.conn_a1(COOKIE)
    out.send(0, ask("RPC_OUT_DATA", 0))
    out.send(1, wire.answer("401 Unauthorized", "Content-Length: 0"))
    request = ask("RPC_OUT_DATA", len(body)) + body
    expected = seen(out.send(0, request, 30), len(request) - len(body), body)
    head = wire.answer("200 Success", RPC_TYPE, GIGABYTE)
    ends = out.send(1, head + b"".join(DOWN), 30)
    expected += seen(ends, len(head), *DOWN)
    shown(capture, expected, two_pass)


@PASSES
def test_lost_segment(shown, tshark, two_pass):
    """After a gap the next PDU that begins a segment is found, on both kinds of channel, and calls are matched."""
    for chunked in (False, True):
        capture = Capture()
        out, up = capture.link(), capture.link()
        expected = open_out(out, wire.CHUNKED if chunked else GIGABYTE)
        up.send(0, ask("RPC_IN_DATA", 1 << 30))
        expected += seen(up.send(0, b"".join(UP[:2])), 0, *UP[:2])
        up.send(0, UP[2][:300])
        up.lose(0, UP[2][300:])
        expected += seen(up.send(0, b"".join(UP[3:])), 0, *UP[3:])

        def down(*pdus):
            data = b"".join(pdus)
            return wire.chunks(data, 4096) if chunked else data

        def chunk_start(*pdus):
            return len(b"%x\r\n" % sum(map(len, pdus))) if chunked else 0
        expected += seen(out.send(1, down(*DOWN[:3])), chunk_start(*DOWN[:3]), *DOWN[:3])
        whole = down(DOWN[3])
        out.send(1, whole[:200])
        out.lose(1, whole[200:])
        expected += seen(out.send(1, down(DOWN[4])), chunk_start(DOWN[4]), DOWN[4])
        expected += seen(out.send(1, down(DOWN[5])), chunk_start(DOWN[5]), DOWN[5])
        _, rows = shown(capture, expected, two_pass, odd=True)
        opnums(rows, [one for one in expected if one.call != 2])


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
@PASSES
def test_repeated_and_reordered(shown, chunked, two_pass):
    """Segments that come twice or in the wrong order, as TCP is told to deliver them."""
    capture = Capture()
    out, up = capture.link(), capture.link()
    expected = open_out(out, wire.CHUNKED if chunked else GIGABYTE)
    up.send(0, ask("RPC_IN_DATA", 1 << 30))
    expected += seen(up.send(0, b"".join(UP)), 0, *UP)
    data = wire.chunks(b"".join(DOWN), 50) if chunked else b"".join(DOWN)
    parts = [data[at:at + 60] for at in range(0, len(data), 60)]
    order = list(range(len(parts)))
    order[2], order[3] = order[3], order[2]
    order.insert(6, 4)                      # once more
    start, here, arrived = out.seq[1], {}, {}
    for index in order:
        frame = out.segment(1, parts[index], start + 60 * index)
        here.setdefault(index, frame)
    latest = 0
    for index in range(len(parts)):
        latest = max(latest, here[index])
        arrived[index] = latest
    ends = [(min(60 * (index + 1), len(data)), arrived[index]) for index in range(len(parts))]
    expected += seen_in_chunks(ends, 0, 50, *DOWN) if chunked else seen(ends, 0, *DOWN)
    shown(capture, expected, two_pass, {"tcp.reassemble_out_of_order": "TRUE"})


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
@PASSES
def test_late_capture(shown, tshark, chunked, two_pass):
    """Channels that were open when the capture began: both directions, from the first segment on."""
    capture = Capture()
    out, up = capture.link(handshake=False), capture.link(handshake=False)

    def down(pdu):
        return wire.chunks(pdu, 4096) if chunked else pdu
    start = len(down(DOWN[1])) - len(DOWN[1]) - 2 if chunked else 0
    expected = seen(up.send(0, wire.rts(wire.PING)), 0, wire.rts(wire.PING))
    expected += seen(out.send(1, down(DOWN[1])), start, DOWN[1])
    for sent, got in zip(UP[1:4], DOWN[2:5]):
        expected += seen(up.send(0, sent, 100), 0, sent)
        ends = out.send(1, down(got), 100)
        expected += seen(ends, len(down(got)) - len(got) - 2 if chunked else 0, got)
    path, _ = shown(capture, expected, two_pass)
    rows = tshark.fields(path, ["tcp.stream"], "rpch.begun_late", two_pass)
    assert [row["tcp.stream"] for row in rows] == [["0"], ["1"]]


@PASSES
def test_late_capture_within_a_pdu(shown, tshark, two_pass):
    """The first segment ends within a PDU, or begins within one; then that one is not shown."""
    capture, expected = Capture(), []
    for size in (100, 333, 791):
        up, out = capture.link(handshake=False), capture.link(handshake=False)
        expected += seen(up.send(0, UP[2] + UP[3], size), 0, UP[2], UP[3])
        out.send(1, DOWN[3][-50:])
        expected += seen(out.send(1, DOWN[4] + DOWN[5], size), 0, DOWN[4], DOWN[5])
    path, _ = shown(capture, expected, two_pass)
    assert len(tshark.fields(path, [], "rpch.begun_late", two_pass)) == 6


@pytest.mark.parametrize("relative", ["TRUE", "FALSE"])
@PASSES
def test_late_capture_with_a_loss(shown, relative, two_pass):
    """The first segment ends within a PDU of which the rest is lost; the next ones are learned from."""
    capture = Capture()
    up, out = capture.link(handshake=False), capture.link(handshake=False)
    up.seq = [4_000_000_000, 3_000_000_000]
    up.send(0, UP[2][:300])
    up.lose(0, UP[2][300:])
    expected = seen(up.send(0, UP[0] + UP[1]), 0, *UP[:2])
    expected += open_out(out, GIGABYTE) + seen(out.send(1, DOWN[2]), 0, DOWN[2])
    expected += seen(up.send(0, UP[3], 13), 0, UP[3]) + seen(out.send(1, DOWN[4]), 0, DOWN[4])
    _, rows = shown(capture, expected, two_pass, {"tcp.relative_sequence_numbers": relative}, odd=True)
    opnums(rows, expected)


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize("together", [False, True], ids=["header alone", "header with body"])
@PASSES
def test_responses_alone(shown, tshark, chunked, together, two_pass):
    """Of an OUT channel only what the server says was captured, from the connection's first byte on."""
    capture, expected = Capture(), []

    def down(*pdus):
        return wire.chunks(b"".join(pdus), 4096) if chunked else b"".join(pdus)
    for refused in (False, True):
        out = capture.link(handshake=False)
        if refused:
            out.send(1, wire.answer("401 Unauthorized", "WWW-Authenticate: NTLM", "Content-Length: 6") + b"sorry\n")
        head = wire.answer("200 Success", RPC_TYPE, wire.CHUNKED if chunked else GIGABYTE)
        first = down(*DOWN[:2])
        if together:
            out.send(1, head + first)
        else:
            out.send(1, head)
            out.send(1, first)
        # HTTP wants the last chunk before it shows the first: what it was given comes with the next segment, unless it is not the first to be asked.
        frame = len(capture.frames) + (chunked and together and not refused)
        expected += [wire.describe(pdu, frame) for pdu in DOWN[:2]]
        for pdu in DOWN[2:]:
            expected += seen(out.send(1, down(pdu), 300), down(pdu).index(pdu), pdu)
    path, _ = shown(capture, expected, two_pass)
    rows = tshark.fields(path, ["rpch.channel"], "dcerpc", two_pass)
    assert all(row["rpch.channel"] == ["2"] for row in rows)
    assert len(tshark.fields(path, [], "http.response.code == 200", two_pass)) == 2


@pytest.mark.parametrize("port", [80, 7777])
@PASSES
def test_other_responses_alone(tshark, tmp_path, port, two_pass):
    """Answers of other services whose requests were not captured stay HTTP's, byte for byte, also if they resemble PDUs."""
    capture = Capture()
    bodies = [b"text" * 300, bytes(range(256)) * 4, b"5\0" * 600,
              wire.pdu(wire.BIND, 1, b"")[:8] + b"\4\0" + bytes(900),            # no length that a PDU can have
              wire.pdu(wire.RTS, 7, bytes(400)),                                  # an RTS PDU has no call_id
              wire.pdu(6, 1, bytes(400))]                                         # not of a connection
    for body in bodies:
        for headers in ([f"Content-Length: {len(body)}"], ["Content-Length: 262144"], [wire.CHUNKED], []):
            link = capture.link(port=port, handshake=False)
            data = wire.chunks(body, 100) + b"0\r\n\r\n" if wire.CHUNKED in headers else body
            for kind in ("text/plain", "application/octet-stream"):
                link.send(1, wire.answer("200 OK", f"Content-Type: {kind}", *headers))
                link.send(1, data, 300)
                link.send(1, wire.answer("200 OK", f"Content-Type: {kind}", *headers) + data, 700)
    path = capture.write(tmp_path / "capture.pcap")
    text = tshark.text(path, two_pass=two_pass)
    assert text == tshark.text(path, two_pass=two_pass, args=("-V", "--disable-protocol", "rpch"))
    assert "Hypertext" in text


@PASSES
def test_a_proxy_between(shown, tshark, two_pass):
    """The same cookies on both sides of a proxy: two virtual connections, each with its own channels."""
    capture = Capture()
    expected, links = [], []
    for server in (1, 2):
        links.append([capture.link(server=server), capture.link(server=server)])
    for out, _ in links:
        expected += open_out(out, GIGABYTE)
    for _, up in links:
        up.send(0, ask("RPC_IN_DATA", 1 << 30))
        expected += seen(up.send(0, b"".join(UP)), 0, *UP)
    for out, _ in reversed(links):
        expected += seen(out.send(1, b"".join(DOWN)), 0, *DOWN)
    path, rows = shown(capture, expected, two_pass)
    opnums(rows, expected)
    streams = {}
    for row in tshark.fields(path, ["tcp.stream", "rpch.virtual_connection"], "rpch.virtual_connection", two_pass):
        streams.setdefault(row["rpch.virtual_connection"][0], set()).add(row["tcp.stream"][0])
    assert sorted(map(sorted, streams.values())) == [["0", "1"], ["2", "3"]]


@pytest.mark.parametrize("snaplen", [60, 70, 96, 128, 200, 400])
@PASSES
def test_short_snaplen(tshark, tmp_path, snaplen, two_pass):
    """Frames that were not captured whole: no PDU twice, no dissector bug."""
    capture = Capture()
    out, up = capture.link(), capture.link()
    open_out(out, wire.CHUNKED)
    up.send(0, ask("RPC_IN_DATA", 1 << 30))
    up.send(0, b"".join(UP), 300)
    out.send(1, wire.chunks(b"".join(DOWN), 200), 300)
    text = tshark.text(capture.write(tmp_path / "capture.pcap", snaplen), two_pass=two_pass)
    assert "Dissector bug" not in text and text.count("Frame ") >= len(capture.frames)


GARBAGE = [b"5\r\nhel", b"zz\r\n" + DOWN[0], b"1c" + b"0" * 2000, b"\r\n" * 20, b"ffffffffffffffffffff\r\n",
           b"10\r\n" + DOWN[0][:16] + b"XX" + DOWN[0], DOWN[0][:12] + b"\0\0\0\0" + bytes(40),
           b"\5\0\x14\3\x10\0\0\0\x0f\0" + bytes(30), b"HTTP/1.1 200", b"RPC_OUT_DATA", b"\5"]


@pytest.mark.parametrize("header", [wire.CHUNKED, GIGABYTE], ids=["chunked", "length"])
@PASSES
def test_garbage(tshark, tmp_path, header, two_pass):
    """Whatever it is, it ends with an expert item at most, and PDUs are found again."""
    capture, later = Capture(), {}
    for garbage in GARBAGE:
        out = capture.link()
        open_out(out, header)
        out.send(1, garbage)
        out.send(1, garbage, 3)
        pdus = [out.send(1, wire.chunks(pdu, 4096) if header == wire.CHUNKED else pdu)[0][1] for pdu in [DOWN[3]] * 3]
        later[pdus[-1]] = garbage
    rows = {row["frame"]: row for row in tshark.fields(
        capture.write(tmp_path / "capture.pcap"), ["dcerpc.cn_call_id", "_ws.malformed", "_ws.expert.message"], None, two_pass)}
    assert not [row for row in rows.values() if "issector bug" in "".join(row["_ws.expert.message"] + row["_ws.malformed"])]
    assert not [garbage for frame, garbage in later.items() if "2" not in rows[frame]["dcerpc.cn_call_id"]]


class Tls:
    """A TLS connection over a Link; each send is a record or more in one segment."""

    def __init__(self, link: Link, contexts, protocols=()):
        self.link = link
        client, server = contexts
        if protocols:
            client.set_alpn_protocols(protocols)
            server.set_alpn_protocols(protocols)
        self.bios = [(ssl.MemoryBIO(), ssl.MemoryBIO()) for _ in range(2)]
        self.ends = [client.wrap_bio(*self.bios[0], server_hostname="proxy.example"),
                     server.wrap_bio(*self.bios[1], server_side=True)]
        done = [False, False]
        while not all(done):
            for way in (0, 1):
                try:
                    self.ends[way].do_handshake()
                    done[way] = True
                except ssl.SSLWantReadError:
                    pass
                self.flush(way)

    def flush(self, way: int) -> int:
        data = self.bios[way][1].read()
        if data:
            self.bios[1 - way][0].write(data)
            return self.link.send(way, data)[-1][1]
        return 0

    def send(self, way: int, *records: bytes) -> int:
        """Records in one segment: its frame."""
        for record in records:
            self.ends[way].write(record)
        frame = self.flush(way)
        try:
            self.ends[1 - way].read(1 << 20)
        except ssl.SSLWantReadError:
            pass
        return frame


@pytest.fixture
def contexts(tmp_path):
    key, cert, log = tmp_path / "key.pem", tmp_path / "cert.pem", tmp_path / "keylog"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=proxy.example", "-keyout", key, "-out", cert], check=True, capture_output=True)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(cert, key)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    client.keylog_filename = str(log)
    return client, server, log


@pytest.mark.parametrize("first", ["channel", "get"])
@pytest.mark.parametrize("protocols", [(), ("http/1.1",)], ids=["no ALPN", "ALPN"])
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
@PASSES
def test_tls(tshark, shown, contexts, first, protocols, chunked, two_pass):
    """Whoever has the TLS session first; PDUs over several records, several records in a segment."""
    client, server, log = contexts
    capture = Capture()
    out = Tls(capture.link(443), (client, server), protocols)
    up = Tls(capture.link(443), (client, server), protocols)
    for link in (out, up) if first == "get" else ():
        link.send(0, b"GET /first HTTP/1.1\r\nHost: proxy.example\r\n\r\n")
        link.send(1, wire.answer("200 OK", "Content-Length: 5") + b"first")
    body = wire.conn_a1(COOKIE)
    out.send(0, ask("RPC_OUT_DATA", len(body)))
    expected = [wire.describe(body, out.send(0, body))]
    out.send(1, wire.answer("200 Success", RPC_TYPE, wire.CHUNKED if chunked else GIGABYTE))
    up.send(0, ask("RPC_IN_DATA", 1 << 30))
    for pdu in UP:
        up.send(0, pdu[:9])
        expected.append(wire.describe(pdu, up.send(0, pdu[9:15], pdu[15:])))
    frame = out.send(1, *[wire.chunks(pdu, 30) if chunked else pdu for pdu in DOWN[:3]])
    expected += [wire.describe(pdu, frame) for pdu in DOWN[:3]]
    for pdu in DOWN[3:]:
        data = wire.chunks(pdu, 33) if chunked else pdu
        out.send(1, data[:20])
        expected.append(wire.describe(pdu, out.send(1, data[20:])))
    keys = tshark.scratch() / "captures" / f"{log.parent.name}.keys"
    keys.write_bytes(log.read_bytes())
    keys.chmod(0o644)
    path, rows = shown(capture, expected, two_pass, {"tls.keylog_file": keys})
    opnums(rows, expected)
    if first == "get":
        assert len(tshark.fields(path, [], 'http.request && http.request.uri == "/first"', two_pass, {"tls.keylog_file": keys})) == 2
