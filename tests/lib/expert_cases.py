# SPDX-License-Identifier: GPL-2.0-or-later
"""Builds the captures of test_expert_items.py: in each, some frames deserve an expert item and some of their kind do not.

A builder returns the file and the frames by the names that the table of that test uses."""

from __future__ import annotations

import pathlib
import socket
import ssl
import struct
import uuid
from collections.abc import Callable

import carrier
import cases as reader
import fasttransfer
import mapihttp as http
import property_cases
import rpc_streams as rpc
import rpch_streams as wire
import tls_traffic as tls
import tshark
import values

Built = tuple[pathlib.Path, dict[str, int]]
COOKIE = "MapiContext=c1"


# ---- MAPI/HTTP ----

def http_client() -> tuple[http.Http, http.Client]:
    capture = http.Http()
    client = capture.client()
    client.connect()
    return capture, client


def mapihttp_bodies() -> Built:
    """Bodies of requests and responses ([MS-OXCMAPIHTTP] 2.2.2, 2.2.4), each right or wrong in one way."""
    capture, client = http_client()
    frames: dict[str, int] = {}
    for name, kind, body in (
            ("request", "Execute", http.execute()), ("request of no known type", "Frobnicate", b"\1\2\3"),
            ("request of one word", "NotificationWait", http.WAIT[:4]), ("request and more", "Disconnect", http.DISCONNECT + b"\1"),
            ("size beyond the body", "Execute", http.execute()[:-4] + http.u32(64)),
            ("64 KB of ROPs", "Execute", http.execute(carrier.rop_buffer(b"\x01\0\0" * 21000, (7,))))):
        frames[name] = client.request(kind, body, COOKIE)
        client.response(kind, b"", preamble=b"")
    front = b"PROCESSING\r\nDONE\r\n"
    for name, preamble, body, how in (
            ("response", http.PREAMBLE, http.waited(0), {}), ("no preamble", b"", http.waited(0), {}),
            ("PENDING without CRLF", b"PROCESSING\r\nPENDINGDONE\r\n\r\n", http.waited(0), {}),
            ("PROCESSING only", b"PROCESSING\r\nPENDING\r\n", b"", {}),
            ("no header behind DONE", front + b"what is this\r\n\r\n", http.waited(0), {}),
            ("elapsed soon", front + b"X-ElapsedTime: soon\r\n\r\n", http.waited(0), {}),
            ("login page", b"", b"\r\n<!DOCTYPE html><html>", {}), ("text behind DONE", front + b"Content-Type: text/plain\r\n\r\n", b"sorry", {}),
            ("StatusCode 5", http.PREAMBLE, http.u32(5, 0), {}), ("ErrorCode", http.PREAMBLE, http.waited(0, 0x4B6), {}),
            ("X-ResponseCode 10", b"", b"", {"code": 10}), ("status 502", b"", b"", {"status": "502 Bad Gateway", "code": None}),
            ("brotli", b"", b"\x0b\x02\x80", {"headers": {"Content-Encoding": "br"}})):
        client.request("NotificationWait", http.WAIT, COOKIE)
        frames[name] = client.response("NotificationWait", body, preamble=preamble, **how)
    return capture.write("bodies"), frames


def mapihttp_authentication() -> Built:
    """A third 401 is a refusal; the first two are how NTLM and Negotiate begin."""
    capture, client = http_client()
    frames = {}
    for name in ("first 401", "second 401", "third 401"):
        client.count = 1
        client.request("NotificationWait", http.WAIT, COOKIE)
        frames[name] = client.response(None, b"", code=None, status="401 Unauthorized", content_type="text/plain", request_id=False)
    return capture.write("401"), frames


def mapihttp_losses() -> Built:
    """Segments that are missing, come later, or come behind a message whose length is wrong; a connection that ends."""
    capture, client = http_client()
    frames = dict(zip(("request", "response"), client.call("Execute", http.execute(), http.executed(), COOKIE)))
    client.count += 1
    client.link.lose(http.TO_SERVER, bytes(300))
    frames["response to a lost request"] = client.response("Execute", http.executed())
    late = capture.client(host=101)
    late.connect()
    data = http.message("POST /mapi/emsmdb/ HTTP/1.1", {"Host": "x", "Content-Type": "application/mapi-http",
                                                        "X-RequestType": "Execute", "X-RequestId": f"{http.GUID}:9"}, http.execute())
    at = late.link.seq[0]
    frames["second half first"] = late.link.segment(0, data[100:], at + 100)
    frames["first half last"] = late.link.segment(0, data[:100], at)
    long = capture.client(host=102)
    long.connect()
    data = data.replace(b"Content-Length: ", b"Content-Length: 9")
    long.link.send(0, data)
    frames["request inside another"] = long.request("Execute", http.execute(), COOKIE)
    cut = capture.client(host=103)
    cut.connect()
    cut.request("NotificationWait", http.WAIT, COOKIE)
    frames["RST in a wait"] = cut.end(http.RST)
    frames["RST of nothing"] = late.end(http.RST)
    return capture.write("losses"), frames


def mapihttp_rest() -> Built:
    """Captures that begin within a chunked response: what is left of it names no type."""
    capture, client = http_client()
    client.request("NotificationWait", http.WAIT, COOKIE)
    body = wire.chunks(http.PREAMBLE, 4096) + wire.chunks(http.waited(1), 4096) + b"0\r\n\r\n"
    head = wire.answer("200 OK", "Content-Type: application/mapi-http", "X-RequestType: NotificationWait", "X-ResponseCode: 0",
                       f"X-RequestId: {http.GUID}:{client.count}", wire.CHUNKED)
    frames = {"whole": client.link.send(1, head + body)[-1][1]}
    client.request("NotificationWait", http.WAIT, COOKIE)
    client.link.lose(1, head)
    frames["rest"] = client.link.send(1, body)[-1][1]
    return capture.write("rest"), frames


def mapihttp_sessions() -> Built:
    """Connect with the cookie of a session that is there ([MS-OXCMAPIHTTP] 3.2.5.6), and without."""
    capture = http.Http()
    frames = {"first Connect": capture.client().connect()[1]}
    frames["Connect again"] = capture.client(guid="{22222222-2222-3333-4444-555555555555}").connect(
        ["MapiContext=c2"], COOKIE)[1]
    return capture.write("sessions"), frames


def mapihttp_in_rtsp() -> Built:
    """RTSP hands a body over by its media type, and has none of the headers of MAPI/HTTP."""
    capture, client = http_client()
    frames = {"body of HTTP": client.call("NotificationWait", http.WAIT, http.waited(0), COOKIE)[1]}
    body = http.PREAMBLE + http.waited(0)
    frames["body of RTSP"] = capture.tcp.link(port=554).send(1, http.message(
        "RTSP/1.0 200 OK", {"CSeq": "1", "Content-Type": "application/mapi-http"}, body))[-1][1]
    return capture.write("rtsp"), frames


def mapihttp_followups() -> Built:
    """Wake-ups whose fetch begins at once, 2 s later, and 70 s later."""
    capture, frames, pauses = carrier.Capture(), {}, {}
    notify = bytes.fromhex("2a" "07000000" "00" "1000" "0100000000000c38" "ffff")
    capture.exchange("Connect", http.connect(), http.connected())
    for name, seconds in (("at once", 0), ("after 2 s", 2), ("after 70 s", 70)):
        frames[f"wake-up, fetch {name}"] = 1 + capture.exchange("NotificationWait", http.WAIT, http.waited(1))
        frames[f"fetch {name}"] = capture.exchange("Execute", carrier.execute(b""), carrier.executed(notify))
        pauses[frames[f"fetch {name}"]] = seconds
    return capture.write("followups.pcap", pauses), frames


# ---- extended buffers, auxiliary blocks ----

def buffers() -> Built:
    """[MS-OXCRPC] 2.2.2: each buffer is right or wrong in one way."""
    handles, last = http.rops(0x11), http.LAST
    request_id = http.aux_block(1, struct.pack("<HH", 5, 6))
    packed = http.literals(handles)
    chains = {
        "right": http.ext(handles), "half a header": http.ext(handles)[:6], "Version 1": http.ext(handles, version=1),
        "unknown flag": http.ext(handles, last | 0x80), "Size too large": http.ext(handles, size=99), "Size 0": http.ext(b""),
        "SizeActual is not Size": http.ext(handles, size_actual=99), "not compressed": http.ext(handles, http.COMPRESSED | last),
        "compressed": http.ext(packed, http.COMPRESSED | last, size_actual=len(handles)),
        "SizeActual is not the result": http.ext(packed, http.COMPRESSED | last, size_actual=len(handles) - 1),
        "no Last": http.ext(handles, 0), "behind Last": http.ext(handles) + http.ext(handles),
        "96 payloads": http.ext(handles, 0) * 95 + http.ext(handles), "97 payloads": http.ext(handles, 0) * 96 + http.ext(handles)}
    blocks = {
        "blocks": request_id, "half an AUX_HEADER": request_id + b"\x08\0", "Size 3": http.aux_block(1, bytes(4), size=3),
        "short block": http.aux_block(1, struct.pack("<H", 5)), "unknown block": http.aux_block(0x60, b"\1\2\3")}
    capture, client = http_client()
    frames = {}
    for name, buffer in chains.items():
        frames[name] = client.request("Execute", http.execute(buffer), COOKIE)
        client.response("Execute", http.executed())
    for name, block in blocks.items():
        frames[name] = client.request("Execute", http.execute(http.ext(handles), http.ext(block)), COOKIE)
        client.response("Execute", http.executed())
    return capture.write("buffers"), frames


# ---- ROPs ----

def set_properties(value: bytes, tag: int, more: bytes = b"") -> bytes:
    """RopSetProperties ([MS-OXCROPS] 2.2.8.6) of one property, and bytes that belong to none."""
    tagged = struct.pack("<I", tag) + value
    return struct.pack("<BBBHH", 0x0A, 0, 0, 2 + len(tagged) + len(more), 1) + tagged + more


def store_entry_id(wrong: int) -> bytes:
    """A store EntryID ([MS-OXCDATA] 2.2.4.3) with a tail of version 3 whose offset is wrong by so much."""
    base = struct.pack("<I", 0) + values.STORE.bytes_le + b"\0\0" + b"EMSMDB.DLL".ljust(14, b"\0") + struct.pack("<I", 0) + \
        values.MAILBOX_STORE.bytes_le + struct.pack("<I", 12) + b"srv\0" + b"/o=Lab/cn=anna\0"
    tail = struct.pack("<IIII", 0xF43246E9, 0, 2, 16 + wrong) + "a@b.example\0".encode("utf-16-le") + b"\0\0"
    return struct.pack("<H", len(base + tail)) + base + tail


def rop_buffers() -> Built:
    """ROP buffers ([MS-OXCROPS] 2.2.1) of one ROP, mostly."""
    capture, frames = carrier.Capture(), {}
    release = b"\x01\0\0"
    requests = {
        "right": release, "reserved RopId": b"\x28\0\0" + bytes(9), "handle index 9": b"\x01\0\x09",
        "properties": set_properties("x\0".encode("utf-16-le"), 0x0037001F),
        "bytes behind the properties": set_properties(struct.pack("<I", 7), 0x00170003, b"\1\2\3"),
        "string without NUL": set_properties(b"x\0y\0", 0x0037001F), "string of 8 bits": set_properties(b"xy\0", 0x0037001E),
        "store EntryID": set_properties(store_entry_id(0), 0x0FFB0102),
        "store EntryID with a wrong offset": set_properties(store_entry_id(2), 0x0FFB0102)}
    for name, rops in requests.items():
        frames[name] = capture.exchange("Execute", carrier.execute(rops, (7, 8)), carrier.executed(b"", (7, 8)))
    for name, size in (("RopSize 2", 2), ("RopSize 1", 1), ("RopSize 99", 99)):
        buffer = http.ext(struct.pack("<HI", size, 7))
        frames[name] = capture.exchange("Execute", http.execute(buffer), carrier.executed(b"", (7,)))
    frames["handle of 3 bytes"] = capture.exchange("Execute", http.execute(http.ext(struct.pack("<H", 2) + bytes(7))),
                                                   carrier.executed(b"", (7,)))
    for code_page in (1251, 12345):
        create = struct.pack("<BBBBHQB", 6, 0, 0, 1, code_page, 0x1100000000000001, 0)
        frames[f"message in code page {code_page}"] = capture.exchange("Execute", carrier.execute(create, (7, 8)),
                                                                       carrier.executed(b"", (7, 8)))
    notify = bytes.fromhex("2a" "07000000" "00" "1000" "0100000000000c38" "ffff")
    failed = b"\x02\0\x0f\x01\x04\x80"
    open_folder = struct.pack("<BBBBQB", 2, 0, 0, 1, 0x1100000000000001, 0)
    for name, request, response in (
            ("answer", open_folder, b"\x02\1" + bytes(6)), ("failure", open_folder, b"\x02\1" + failed[2:]),
            ("answer to nothing", release, b"\x02\1" + bytes(6)), ("notification", release, notify),
            ("notification behind a reserved RopId", release, b"\x28" + bytes(8) + notify)):
        frames[name] = 1 + capture.exchange("Execute", carrier.execute(request, (7, 8)), carrier.executed(response, (7, 8)),
                                            session=name)
    return capture.write("rops.pcap"), frames


def streams() -> Built:
    """FastTransfer streams ([MS-OXCFXICS] 2.2.4) of which the beginning was not captured, or that cannot be followed."""
    start, stream = struct.pack("<I", 0x400C0003), struct.pack("<III", 0x400C0003, 0x0E070003, 1)
    capture, frames = carrier.Capture(), {}
    frames["beginning not captured"] = fasttransfer.get_buffer(capture, stream, session="late")
    fasttransfer.open_source(capture)
    frames["followed"] = fasttransfer.get_buffer(capture, stream)
    fasttransfer.open_source(capture, session="lost")
    frames["type that nobody knows"] = fasttransfer.get_buffer(capture, start + struct.pack("<I", 0x12340099) + stream, session="lost")
    return capture.write("streams.pcap"), frames


def rop_cases() -> Built:
    """test-captures/*.cases name the items of a frame: `!` in the ROPs, `expert =` in properties.cases.  A frame by the item
    that it alone has; "none" has none."""
    capture, frames = carrier.Capture(), {}
    found, by_name = reader.read_all()
    for serial, case in enumerate(found):
        for request, response in reader.calls_of(case, by_name):
            frame = capture.exchange(*reader.bodies(case, request.data, response.data), session=f"case{serial}")
        for direction, side in enumerate((request, response)):
            frames.setdefault(" ".join(sorted(side.experts)) or "none", frame + direction)
    for serial, one in enumerate(property_cases.READ):
        kind, request_body, response_body, in_response, _ = property_cases.carry(one, one.data)
        frame = capture.exchange(kind, request_body, response_body, session=f"property{serial}")
        frames.setdefault(" ".join(sorted(one.experts)) or "none", frame + in_response)
    return capture.write("cases.pcap"), frames


# ---- RPC ----

def register(stream: rpc.Stream, number: int, family: int = socket.AF_INET, advise: int = 0xFFFFFFFF,
             context: bytes = b"ctx!") -> tuple[int, int]:
    """EcRRegisterPushNotification ([MS-OXCRPC] 3.1.4.5) for port 2500 of the client."""
    sockaddr = struct.pack("<H", family) + struct.pack(">H", 2500) + carrier.CLIENT + bytes(8)
    stub = rpc.CXH + struct.pack("<I", 0) + rpc.conformant(context) + struct.pack("<HxxI", len(context), advise) + \
        rpc.conformant(sockaddr) + struct.pack("<H", len(sockaddr))
    return stream.call(number, 4, stub, rpc.CXH + struct.pack("<II", 1, 0))


def rpc_stubs() -> Built:
    """Stubs ([MS-OXCRPC] 3.1.4) that are right, or wrong in one way."""
    capture = carrier.Capture()
    stream = rpc.Stream(capture).bound()
    stream.connect(2)
    right, answer, size = rpc.rpc_request(), rpc.rpc_response(), struct.pack("<II", len(rpc.EMPTY_ROPS), 0x8007)
    frames = dict(zip(("request", "response"), stream.call(3, 11, right, answer)))
    for number, (name, request) in enumerate((
            ("stub that ends", right[:-4]), ("array longer than the stub", rpc.CXH + struct.pack("<II", 0, 0xFFFFFFFF) + right[28:]),
            ("length that is not the array's", right.replace(size, struct.pack("<II", len(rpc.EMPTY_ROPS) + 1, 0x8007))),
            ("room above the range", right.replace(size, struct.pack("<II", len(rpc.EMPTY_ROPS), 0x100001)))), 4):
        frames[name] = stream.call(number, 11, request, answer)[0]
    frames["counts that do not fit"] = stream.call(9, 11, right, answer.replace(
        struct.pack("<III", 0x8007, 0, 10), struct.pack("<III", 0x8007, 4, 10)))[1]
    frames["return value 0x6BB"] = stream.call(10, 11, right, rpc.rpc_response(value=0x6BB))[1]
    for number, name, how in ((11, "registration", {}), (12, "grbitAdviseBits 1", {"advise": 1}), (13, "family 99", {"family": 99})):
        frames[name] = register(stream, number, **how)[0]
    frames["null context handle"] = stream.call(20, 11, right, rpc.rpc_response(rpc.NO_HANDLE, b"", 0x4B6))[1]
    return capture.write("stubs.pcap"), frames


def rpc_streams() -> Built:
    """PDUs that are missing, come in another order, or begin within another; a connection that ends within a call."""
    capture, frames = carrier.Capture(), {}
    stream = rpc.Stream(capture).bound()
    frames["request"] = stream.call(3, 11, rpc.rpc_request(), rpc.rpc_response())[0]
    frames["response of no known call"] = stream.down(wire.response(77, b"\xee" * 50))
    half = wire.request(4, 11, rpc.rpc_request())
    at = stream.position[0]
    stream.position[0] = at + 40
    frames["second half first"] = stream.up(half[40:])
    stream.position[0] = at
    frames["first half last"] = stream.up(half[:40])
    stream.position[0] = at + len(half)
    late = rpc.Stream(capture, client_port=50002)
    frames["request without a bind"] = late.call(5, 11, rpc.rpc_request(), rpc.rpc_response())[0]
    long = rpc.Stream(capture, client_port=50003).bound()
    pdu = wire.request(3, 11, rpc.rpc_request())
    long.up(pdu[:8] + struct.pack("<H", len(pdu) + 20000) + pdu[10:])
    frames["request inside another"] = long.up(wire.request(4, 11, rpc.rpc_request()))
    cut = rpc.Stream(capture, client_port=50004).bound()
    cut.call(2, 11, rpc.rpc_request())
    frames["RST in a call"] = cut.reset()
    frames["RST of nothing"] = late.reset()
    return capture.write("streams-rpc.pcap"), frames


def rpc_polling() -> Built:
    """A client that registered for datagrams polls every PollsMax (60 s), and a poll brings a notification without one."""
    capture, pauses = carrier.Capture(), {}
    stream = rpc.Stream(capture).bound()
    stream.connect(2)
    register(stream, 3)
    notify = bytes.fromhex("2a" "07000000" "00" "1000" "0100000000000c38" "ffff")
    frames = {}
    for number, rops in enumerate((b"", b"", b"", notify), 4):
        pauses[len(capture.records) + 1] = 60
        frames[f"poll {number - 3}"] = stream.call(number, 11, rpc.rpc_request(), rpc.rpc_response(rops=carrier.rop_buffer(rops)))[1]
    return capture.write("polling.pcap", pauses), frames


# ---- RPC over HTTP ----

VIRTUAL = uuid.UUID("0f0e0d0c-0b0a-4908-8706-050403020100")


def rpch_channels() -> Built:
    """Channels ([MS-RPCH] 2.2) with losses, damage, and a late beginning."""
    capture, frames = wire.Capture(), {}
    stub = bytes(range(256)) * 3

    def opened(header: str, number: int) -> wire.Link:
        link, body = capture.link(), wire.conn_a1(uuid.UUID(int=number))
        link.send(0, wire.ask("RPC_OUT_DATA", len(body)) + body)
        link.send(1, wire.answer("200 Success", wire.RPC_TYPE, header))
        return link
    out = opened(wire.GIGABYTE, 1)
    frames["PDU"] = out.send(1, wire.response(2, stub))[-1][1]
    out.lose(1, bytes(500))
    frames["PDU behind a loss"] = out.send(1, wire.response(3, stub))[-1][1]
    out = opened(wire.GIGABYTE, 2)
    frames["no PDU"] = out.send(1, b"XXXX" + bytes(60))[-1][1]
    out = opened(wire.CHUNKED, 3)
    frames["chunk"] = out.send(1, wire.chunks(wire.response(2, stub), 4096))[-1][1]
    frames["no chunk"] = out.send(1, b"zz\r\n" + bytes(60))[-1][1]
    out = opened(wire.GIGABYTE, 4)
    at, data = out.seq[1], wire.response(2, stub)
    frames["second half first"] = out.segment(1, data[300:], at + 300)
    frames["first half last"] = out.segment(1, data[:300], at)
    out = opened(wire.GIGABYTE, 5)
    out.send(1, data[:8] + struct.pack("<H", len(data) + 20000) + data[10:])
    frames["PDU inside another"] = out.send(1, wire.response(3, stub))[-1][1]
    late = capture.link(handshake=False)
    frames["late channel"] = late.send(0, wire.rts(wire.PING))[-1][1]
    return capture.write(tshark.folder() / "rpch.pcap"), frames


# ---- TLS ----

def without(name: str, frame: int) -> pathlib.Path:
    """A bundled capture without one of its frames: an Enhanced Packet Block (kind 6) less; the keys in it stay."""
    raw = (reader.FOLDER / f"{name}.pcapng").read_bytes()
    at, number, kept = 0, 0, b""
    while at < len(raw):
        kind, size = struct.unpack_from("<II", raw, at)
        number += kind == 6
        kept += b"" if kind == 6 and number == frame else raw[at:at + size]
        at += size
    path = tshark.folder() / f"{name}-without-{frame}.pcapng"
    path.write_bytes(kept)
    path.chmod(0o644)
    return path


def lost_record_of_rpch() -> Built:
    """rpch-tls.json: the request of frame 43 is missing, the next one of that connection stands in 47."""
    return without("rpch-tls", 43), {"request before": 41, "request behind": 46}


def lost_record_of_mapihttp() -> Built:
    """hermex-2-mapihttp-tls.md: the same with frame 57, and the request of frame 62."""
    return without("hermex-2-mapihttp-tls", 57), {"request before": 29, "request behind": 61}


def tls_without_keys() -> Built:
    """Connections in TLS 1.2: the first application data of each show that it is not decrypted. One of a name of Exchange,
    one of another name; two without a name to another server, of which one has long polls."""
    capture = tls.Capture()
    frames = {}

    def connect(time: float, name: str | None) -> tls.Connection:
        connection = tls.Connection(capture, time, name, version=ssl.TLSVersion.TLSv1_2, server=tls.SERVER if name else b"\x0a\0\0\x03")
        connection.send(0, bytes(500), time + 0.5)
        frames[f"data for {name}"] = len(capture.frames)
        connection.send(1, bytes(500), time + 0.6)
        return connection

    for time, name in enumerate(("outlook.office365.com", "www.example")):
        connect(time, name)
    connect(3, None)
    polling = connect(4, None)
    for number in range(3):
        polling.long_poll(5 + 31 * number, 30)
        frames[f"end of wait {number + 1}"] = len(capture.frames)
    return capture.write("keyless.pcap"), frames


BUILDERS: dict[str, Callable[[], Built]] = {
    build.__name__: build for build in (
        mapihttp_bodies, mapihttp_authentication, mapihttp_losses, mapihttp_rest, mapihttp_sessions, mapihttp_in_rtsp, mapihttp_followups,
        buffers,
        rop_buffers, streams, rop_cases, rpc_stubs, rpc_streams, rpc_polling, rpch_channels,
        lost_record_of_rpch, lost_record_of_mapihttp, tls_without_keys)}
