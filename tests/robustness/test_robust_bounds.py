# SPDX-License-Identifier: GPL-2.0-or-later
"""What limits work and memory (docs/bounds.md), each limit under attack: cost grows with the size of the capture, not with its
square and not with the numbers that stand in it.

Time is CPU time, and compared with that of a quarter of the capture: linear is 4, quadratic 16.  OXCNOTIF_LONG=1 tries the
sizes that take minutes, a million handles among them."""

from __future__ import annotations

import dataclasses
import functools
import os
import pathlib
import re
import struct
import tempfile
import uuid

import carrier
import cases
import fasttransfer
import mapihttp
import pytest
import rpc_streams
import tshark as tools
from mapihttp import COMPRESSED, LAST, Http, ext, u32
from rpch_streams import Capture, Link

LONG = bool(os.environ.get("OXCNOTIF_LONG"))
SANITIZED = bool(os.environ.get("OXCNOTIF_SANITIZE"))
PER_BYTE, BASE = 64, 32 << 20
LEAST_SECONDS = 0.6 if SANITIZED else 0.15      # less says nothing of how it grows
GROWTH = 8
CPU_SECONDS = 120


@dataclasses.dataclass
class Cost:
    seconds: float
    memory: int
    size: int
    output: str


def run(path: pathlib.Path, *args: str, plugin: bool = True) -> Cost:
    """tshark over the file, with its CPU time and the memory that it needed at most."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        code, seconds, memory = tools.cost(["tshark", "-n", "-r", str(path), *args], out, err, CPU_SECONDS,
                                           None if plugin else {"WIRESHARK_PLUGIN_DIR": "/nonexistent"})
        out.seek(0)
        err.seek(0)
        output, said = out.read().decode(errors="replace"), err.read().decode(errors="replace")
    assert code == 0, said[-3000:]
    assert "Dissector bug" not in output + said
    return Cost(seconds, memory, path.stat().st_size, output)


@pytest.fixture(scope="module")
def nothing(tshark):
    """What tshark costs before the first packet."""
    path = Capture().write(tools.folder() / "empty.pcap")
    return run(path)


def check_seconds(cost: Cost, nothing: Cost) -> None:
    """A second for 64 KB (five with sanitizers), all passes and the text together."""
    assert cost.seconds - nothing.seconds < max(1, cost.size / 65536) * (5 if SANITIZED else 1), (cost.seconds, cost.size)


def check_memory(cost: Cost, nothing: Cost) -> None:
    assert SANITIZED or cost.memory <= nothing.memory + PER_BYTE * cost.size + BASE, (cost.memory - nothing.memory, cost.size)


def bound(interface: uuid.UUID) -> tuple[Capture, Link]:
    """A connection on which the interface is bound."""
    capture = Capture()
    link = capture.link(6001)
    link.send(0, rpc_streams.bind(1, interface))
    link.send(1, rpc_streams.bind_ack(1))
    return capture, link


def fetch(*buffers: tuple[bytes, bytes]) -> pathlib.Path:
    """Execute calls of one session, given their RopBuffers."""
    capture = Http()
    client = capture.client()
    client.link.send = functools.partial(client.link.send, size=32000)
    client.connect()
    for request, response in buffers:
        client.call("Execute", mapihttp.execute(request), mapihttp.executed(response), "MapiContext=c1")
    return capture.write("fetch")


def rop_buffer(rops: bytes, *handles: int) -> bytes:
    return struct.pack("<H", 2 + len(rops)) + rops + u32(*handles)


NONE = ext(mapihttp.rops())
FIELDS = ("-T", "fields", "-e", "rop.id", "-e", "_ws.expert.message")


# ---- captures of any size -------------------------------------------------------------------------------------------------

def handles(n: int) -> pathlib.Path:
    """256 folders opened with every call; all handles differ and none is released."""
    opened = b"".join(b"\x02\0\0" + bytes([at]) + bytes(7) + b"\1\0" for at in range(256))
    answers = b"".join(b"\x02" + bytes([at]) + bytes(6) for at in range(256))
    return fetch(*((ext(rop_buffer(opened, *[1] + [0xFFFFFFFF] * 255)),
                    ext(rop_buffer(answers, *range(call * 256, call * 256 + 256)))) for call in range(n)))


def sessions(n: int) -> pathlib.Path:
    """Every Connect makes a session, and no Disconnect ends one."""
    capture = Http()
    client = capture.client()
    for number in range(n):
        client.connect([f"MapiContext=c{number}", f"MapiSequence=s{number}"])
    return capture.write("sessions")


def unanswered(n: int) -> pathlib.Path:
    """Requests that wait for ever on one connection, and answers to others, which have to be looked for."""
    capture = Http()
    client = capture.client()
    client.connect()
    for _ in range(n):
        client.request("NotificationWait", mapihttp.WAIT, "MapiContext=c1")
    for number in range(n):
        client.response("NotificationWait", mapihttp.waited(1), answers=number + 10 * n)
    return capture.write("unanswered")


def rpc_waits(n: int) -> pathlib.Path:
    """EcDoAsyncWaitEx calls on one connection, none of which ends."""
    capture, link = bound(rpc_streams.ASYNCEMSMDB)
    for call in range(2, n + 2):
        link.send(0, rpc_streams.pdus.request(call, 0, rpc_streams.CXH + u32(0)))
    link.segment(1, b"", flags=0x14)
    return capture.write(tools.folder() / "waits.pcap")


def gaps(n: int) -> pathlib.Path:
    """Connections that take turns, each with the beginning of a message, a lost segment, and more that never completes it."""
    capture = Http()
    clients = [capture.client() for _ in range(n)]
    body = mapihttp.execute(ext(rop_buffer(b"\x01\0\0" * 400, 1)))
    head = (f"POST /mapi/emsmdb/ HTTP/1.1\r\nContent-Type: application/mapi-http\r\nX-RequestType: Execute\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode()
    for client in clients:
        client.link.send(0, head + body[:300])
    for client in clients:
        client.link.lose(0, body[300:600])
    for client in clients:
        client.link.send(0, body[600:900])
    return capture.write("gaps")


def renamed(n: int) -> pathlib.Path:
    """One folder is created again and again, with another name each time."""
    folder_id = bytes.fromhex("0100000000000205")
    return fetch(*((ext(rop_buffer(b"\x1c\0\0\1\1\0\0\0" + f"name {number}\0\0".encode(), 1, 0xFFFFFFFF)),
                    ext(rop_buffer(b"\x1c\1" + bytes(4) + folder_id + b"\0", 1, number + 2))) for number in range(n)))


def headers(n: int) -> pathlib.Path:
    """One message with many headers."""
    capture = Http()
    client = capture.client()
    client.connect()
    client.call("Execute", mapihttp.execute(), mapihttp.executed(), "MapiContext=c1",
                headers={f"X-More-{number}": "of it" for number in range(n)})
    return capture.write("headers")


def registrations(n: int) -> pathlib.Path:
    """Every client behind one address registers the same port, and datagrams come that belong to none of them."""
    capture, link = bound(rpc_streams.EMSMDB)
    for call in range(n):
        cxh = bytes(4) + struct.pack("<I", call + 1) + bytes(12)
        context = struct.pack("<Q", call)
        callback = struct.pack("<H", 2) + struct.pack(">H", 4000) + bytes((192, 0, 2, 100)) + bytes(8)
        stub = cxh + u32(0) + u32(len(context)) + context + struct.pack("<Hxx", len(context)) + u32(0xFFFFFFFF) + \
            u32(len(callback)) + callback + struct.pack("<H", len(callback))
        link.send(0, rpc_streams.pdus.request(call + 2, 4, stub))
        link.send(1, rpc_streams.pdus.response(call + 2, cxh + u32(0, 1)))
    for number in range(n):
        data = b"nobody's" + u32(number)
        udp = struct.pack(">HHHH", 5000, 4000, 8 + len(data), 0) + data
        header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0x4000, 64, 17, 0, bytes((192, 0, 2, 1)), bytes((192, 0, 2, 100)))
        capture.frames.append(b"\x02" + bytes(5) + b"\x02" + bytes(4) + b"\1" + b"\x08\x00" + header + udp)
    return capture.write(tools.folder() / "registrations.pcap")


def halves(n: int) -> pathlib.Path:
    """FastTransfer streams that break off in the middle of a value, which is kept for the rest that never comes."""
    capture = carrier.Capture()
    for number in range(n):
        fasttransfer.open_source(capture, handle=number + 100)
        fasttransfer.get_buffer(capture, u32(0x37010102, 9000) + bytes(4000), handle=number + 100)
    return capture.write("halves.pcap")


def fragments(n: int) -> pathlib.Path:
    """The first fragments of requests whose last ones never come."""
    capture, link = bound(rpc_streams.EMSMDB)
    for call in range(n):
        one = bytearray(rpc_streams.pdus.request(call + 2, 11, bytes(1000)))
        one[3] = 1              # first, not last
        link.send(0, bytes(one))
    return capture.write(tools.folder() / "fragments.pcap")


def swallowed(n: int) -> pathlib.Path:
    """Messages behind one that says of itself that it has a gigabyte."""
    capture = Http()
    client = capture.client()
    client.connect()
    head = mapihttp.message("POST /mapi/emsmdb/ HTTP/1.1", {"Content-Type": "application/mapi-http", "X-RequestType": "Execute",
                                                            "Content-Length": str(1 << 30)}, None)
    client.link.send(mapihttp.TO_SERVER, head + mapihttp.execute())
    for _ in range(n):
        client.call("Execute", mapihttp.execute(), mapihttp.executed(), "MapiContext=c1")
    return capture.write("swallowed")


GROWING = {
    "messages inside another": (swallowed, 500, 2000),
    "registrations": (registrations, 500, 4000),
    "FastTransfer streams that break off": (halves, 150, 1000),
    "fragments": (fragments, 500, 4000),
    "handles": (handles, 100, 1000),
    "sessions": (sessions, 500, 5000),
    "unanswered requests": (unanswered, 1000, 5000),
    "waits without an end": (rpc_waits, 2000, 10000),
    "gaps": (gaps, 300, 2000),
    "names of a folder": (renamed, 500, 4000),
    "headers": (headers, 300, 800),
}


@pytest.mark.parametrize("what", GROWING)
@pytest.mark.parametrize("passes", [(), ("-2",)], ids=["one pass", "two passes"])
def test_cost_is_linear(nothing, what, passes):
    make, few, many = GROWING[what]
    n = many if LONG else few
    quarter, whole = make(n), make(4 * n)
    args = (*passes, "-V")
    small, big = run(quarter, *args), run(whole, *args)
    seconds = max(small.seconds - nothing.seconds, LEAST_SECONDS)
    for _ in range(2):
        if big.seconds - nothing.seconds <= GROWTH * seconds:
            break
        again = run(whole, *args)       # others on the machine make a run slower, never faster
        big = min(big, again, key=lambda cost: cost.seconds)
    # Of many segments without an acknowledgement, Wireshark itself takes more and more time for each.
    own = run(whole, *args, plugin=False).seconds if LONG else nothing.seconds
    assert big.seconds - own <= GROWTH * seconds, (small.seconds, big.seconds, own)
    if not passes:
        check_memory(big, nothing)


@pytest.mark.skipif(not LONG, reason="takes minutes")
def test_a_million_handles(nothing):
    cost = run(handles(3907), *FIELDS)
    check_memory(cost, nothing)


# ---- messages that would make too much of themselves ----------------------------------------------------------------------

def lz77(front: bytes, period: int, total: int) -> bytes:
    """A stream (MS-XCA 2.3) of at most 30 bytes whose last ones are repeated up to the total, in one match."""
    mask = (1 << 32 - len(front)) - 1
    return u32(mask) + front + struct.pack("<HBBH", (period - 1) << 3 | 7, 15, 255, total - len(front) - 3)


FULL = 0xFFFE
RELEASE = b"\1\0\0"
SMALL = lz77(struct.pack("<H", FULL) + RELEASE, 3, FULL)
HANDLE_BOMB = lz77(struct.pack("<H", 2) + u32(7), 4, FULL)


def packed(stream: bytes, flags: int = LAST) -> bytes:
    return ext(stream, flags | COMPRESSED, size_actual=FULL)


def columns(count: int, tag: int) -> bytes:
    return b"\x12\0\0\0" + struct.pack("<H", count) + u32(tag) * min(count, 16300)


def rows(count: int, size: int) -> bytes:
    """RopQueryRows that returns rows of size zero bytes each, without flagged values."""
    return b"\x15\0" + bytes(4) + b"\2" + struct.pack("<H", count) + bytes(size)


NOT = b"\2"
# RopNotify of a modified object with nearly as many tags as the list has bytes, or with as many GIDs, behind which nothing fits.
TAGS = b"\x2a" + u32(7) + b"\0" + struct.pack("<H", 0x0010) + bytes(8) + struct.pack("<H", 0xFFF0)
GIDS = b"\x2a" + u32(7) + b"\0" + struct.pack("<H", 0x0200) + b"\1" + u32(0x01010101)
LOST = b"\xee"
LOST_BOMB = lz77(struct.pack("<H", FULL) + LOST + GIDS, len(GIDS), FULL)
MESSAGES = {
    "a buffer full of ROPs": ((ext(rop_buffer(RELEASE * 21000, 1)), NONE), "rop.too_much"),
    "a few bytes that decompress to 64 KB of ROPs": ((packed(SMALL), NONE), "rop.too_much"),
    "96 times 64 KB of ROPs": ((packed(SMALL, 0) * 95 + packed(SMALL), NONE), "rop.too_much"),
    "96 times 64 KB of handles": ((NONE, packed(HANDLE_BOMB, 0) * 95 + packed(HANDLE_BOMB)), "rop.too_much"),
    "96 payloads": ((ext(mapihttp.rops(1), 0) * 95 + ext(mapihttp.rops(1)), NONE), None),
    "10,000 payloads": ((ext(mapihttp.rops(1), 0) * 9999 + ext(mapihttp.rops(1)), NONE), "rop.ext.too_many"),
    "yields what is allowed and one byte": ((packed(lz77(mapihttp.rops(1), 4, 0x10001)), NONE), "rop.ext.decompressed_size"),
    "restrictions 1,000 deep": ((ext(rop_buffer(b"\x14\0\0\0" + struct.pack("<H", 1005) + NOT * 1000 + b"\x08\x1f\0\1\x30\0", 1)), NONE),
                                "rop.too_deep"),
    "65,535 columns, of which 16,300 are there": ((ext(rop_buffer(columns(65535, 0x3001001F))), NONE), "rop.truncated"),
    "tags that reach to the end of a list, everywhere in it": ((NONE, ext(rop_buffer(LOST + TAGS * 3500, 1))), "rop.chain_lost"),
    "GIDs that reach to the end of a list, everywhere in it": ((NONE, ext(rop_buffer(LOST + GIDS * 4800, 1))), "rop.chain_lost"),
    "96 times 64 KB of these": ((NONE, packed(LOST_BOMB, 0) * 95 + packed(LOST_BOMB)), "rop.chain_lost"),
    "16,300 columns": ((ext(rop_buffer(columns(16300, 0x3001001F), 1)), ext(rop_buffer(b"\x12\0" + bytes(5), 1))), None),
}


@pytest.mark.parametrize("what", MESSAGES)
@pytest.mark.parametrize("passes", [(), ("-2",)], ids=["one pass", "two passes"])
def test_message_stays_small(nothing, what, passes):
    buffers, expert = MESSAGES[what]
    path = fetch(buffers)
    cost = run(path, *passes, "-V")
    check_seconds(cost, nothing)
    check_memory(cost, nothing)
    if expert:
        assert tools.fields(path, ["rop.id"], expert, two_pass=bool(passes)), f"{expert} is not said"


@pytest.mark.parametrize("tag", [0x30010001, 0x30010000, 0x3001000B], ids=["PtypNull", "PtypUnspecified", "PtypBoolean"])
@pytest.mark.parametrize("passes", [(), ("-2",)], ids=["one pass", "two passes"])
def test_rows_of_many_columns(nothing, tag, passes):
    """Columns of no size at all make a row of one byte sixteen thousand values."""
    path = fetch((ext(rop_buffer(columns(16300, tag), 1)), ext(rop_buffer(b"\x12\0" + bytes(5), 1))),
                 (ext(rop_buffer(b"\x15\0\0\0\1\xff\xff", 1)), ext(rop_buffer(rows(65000, 65000), 1))))
    cost = run(path, *passes, "-V")
    check_seconds(cost, nothing)
    check_memory(cost, nothing)


def test_notifications_with_rows_of_many_columns(nothing):
    """The same in RowData of notifications, which are tried by their shape before they are read."""
    notification = b"\x2a" + u32(1) + b"\0" + struct.pack("<HH", 0x0100, 3) + bytes(8) + bytes(8) + struct.pack("<H", 1) + b"\0"
    path = fetch((ext(rop_buffer(columns(16300, 0x30010001), 1)), ext(rop_buffer(b"\x12\0" + bytes(5), 1))),
                 (NONE, ext(rop_buffer(b"\xee" + notification * 2200, 1))))
    cost = run(path, "-2", "-V")
    check_seconds(cost, nothing)


def test_markers_nested_deeply(nothing):
    """Messages in messages, 5,000 deep, over several buffers of a FastTransfer stream; all of them are shown."""
    capture = carrier.Capture()
    fasttransfer.open_source(capture)
    for _ in range(5):
        fasttransfer.get_buffer(capture, u32(0x40010003) * 1000)
    path = capture.write("nested.pcap")
    cost = run(path, "-2", "-V")
    check_seconds(cost, nothing)
    shown = [marker for row in tools.fields(path, ["rop.fast_transfer.marker"]) for marker in row["rop.fast_transfer.marker"]]
    assert len(shown) == 5000


def test_notifications_of_many_folders(nothing):
    """The counter tree names 500 folders and counts the rest together."""
    deleted, parent = struct.pack("<H", 0x0008), bytes(8)        # ObjectDeleted, of folders
    rops = [b"".join(b"\x2a" + u32(1) + b"\0" + deleted + struct.pack("<Q", at << 16 | 1) + parent for at in range(first, first + 100))
            for first in range(1, 1001, 100)]
    path = fetch(*((NONE, ext(rop_buffer(one, 1))) for one in rops))
    tree = run(path, "-q", "-z", "oxcnotif,tree").output
    assert len(re.findall(r"^ *\S*0x[0-9a-f]{16}", tree, re.M)) == 500, tree[:3000]
    assert re.search(r"Further folders +500\b", tree)


@pytest.mark.parametrize("count", [10, 5000])
def test_endless_pending(nothing, count):
    """A server that says PENDING every minute for days."""
    capture = Http()
    client = capture.client()
    client.connect()
    client.request("NotificationWait", mapihttp.WAIT, "MapiContext=c1")
    client.response("NotificationWait", mapihttp.waited(1), preamble=b"PROCESSING\r\n" + b"PENDING\r\n" * count + b"DONE\r\n\r\n")
    path = capture.write("pending")
    cost = run(path, "-V")
    check_seconds(cost, nothing)
    check_memory(cost, nothing)
    assert [row["oxcnotif.wakeup.outcome"] for row in tools.fields(path, ["oxcnotif.wakeup.outcome"], "oxcnotif.wakeup")] == [["1"]]


# ---- every length and count ------------------------------------------------------------------------------------------------

def numbers(data: bytes) -> list[bytes]:
    """The bytes with each number in them, of 1, 2 or 4 bytes, being 0, 1, one less, one more, and as large as can be."""
    variants = []
    for size, code in ((1, "<B"), (2, "<H"), (4, "<I")):
        largest = (1 << 8 * size) - 1
        for at in range(len(data) - size + 1):
            value, = struct.unpack_from(code, data, at)
            if value > 0x200:       # an identifier, not a count of anything in a message this short
                continue
            # What the halves of a larger number can be is tried as numbers of their own.
            others = {largest >> 1, largest} if size > 2 else {0, 1, value - 1, value + 1, largest >> 1, largest}
            variants += [data[:at] + struct.pack(code, other) + data[at + size:] for other in sorted(others)
                         if 0 <= other <= largest and other != value]
    return variants


def check_shown(path: pathlib.Path) -> None:
    cost = run(path, "-2", "-V")
    assert "Exception occurred" not in cost.output


@pytest.mark.parametrize("direction", [0, 1], ids=["requests", "responses"])
@pytest.mark.parametrize("part", range(32 if LONG else 4))
def test_every_length_and_count(tshark, part, direction):
    """Of every ROP and body that there is a case for (a part of the numbers of each, unless all are asked for)."""
    every, by_name = cases.read_all()
    capture = Http()
    client = capture.client()
    wrong = 0
    for case in every:
        calls = cases.calls_of(case, by_name)
        data = calls[-1][direction].data
        for variant in numbers(data)[part::32 if LONG else 128]:
            pair = [calls[-1][0].data, calls[-1][1].data]
            pair[direction] = variant
            kind, request, response = cases.bodies(case, *pair)
            client.call(kind, request, response, "MapiContext=c1")
            wrong += 1
    assert wrong > 100
    check_shown(capture.write("numbers"))


AUX = ext(mapihttp.aux_block(1, bytes(28)) + mapihttp.aux_block(0x0A, bytes(28)))
PACKED = ext(mapihttp.literals(mapihttp.obfuscated(mapihttp.rops(1, 2))), LAST | COMPRESSED, size_actual=10)
BODIES = {
    "buffers": (mapihttp.execute(ext(mapihttp.rops(1), 0) + ext(mapihttp.rops(2)), AUX),
                mapihttp.executed(ext(mapihttp.rops(1), 0) + ext(mapihttp.rops(2)), AUX)),
    "compressed": (mapihttp.execute(PACKED), mapihttp.executed(PACKED)),
}


@pytest.mark.parametrize("what", BODIES)
def test_every_length_of_buffers(tshark, what):
    """Of the sizes around ROPs: of buffers, extended headers, auxiliary blocks, compressed payloads."""
    capture = Http()
    client = capture.client()
    client.connect()
    for direction in (0, 1):
        for variant in numbers(BODIES[what][direction]):
            pair = [*BODIES[what]]
            pair[direction] = variant
            client.call("Execute", *pair, "MapiContext=c1")
    check_shown(capture.write("numbers"))


STUBS = {
    4: (rpc_streams.CXH + u32(0) + rpc_streams.conformant(b"ctx!") + struct.pack("<HxxI", 4, 0xFFFFFFFF) +
        rpc_streams.conformant(struct.pack("<H", 2) + struct.pack(">H", 2500) + bytes(12)) + struct.pack("<H", 16),
        rpc_streams.CXH + u32(7, 0)),
    10: (rpc_streams.connect_request(), rpc_streams.connect_response()),
    11: (rpc_streams.rpc_request(), rpc_streams.rpc_response()),
}


@pytest.mark.parametrize("opnum", STUBS)
def test_every_length_of_stubs(tshark, opnum):
    capture, link = bound(rpc_streams.EMSMDB)
    call = 2
    for direction in (0, 1):
        for variant in numbers(STUBS[opnum][direction]):
            pair = [*STUBS[opnum]]
            pair[direction] = variant
            link.send(0, rpc_streams.pdus.request(call, opnum, pair[0]))
            link.send(1, rpc_streams.pdus.response(call, pair[1]))
            call += 1
    check_shown(capture.write(tools.folder() / "numbers.pcap"))


@pytest.mark.parametrize("pdu", [rpc_streams.pdus.request(2, 11, rpc_streams.rpc_request()), rpc_streams.bind(1, rpc_streams.EMSMDB),
                                 rpc_streams.bind_ack(1)], ids=["request", "bind", "bind_ack"])
def test_every_length_of_pdus(tshark, pdu):
    """Of frag_length, auth_length, and counts of contexts, each on a connection of its own, with a call behind it."""
    capture = Capture()
    for variant in numbers(pdu[:40]):
        link = capture.link(6001)
        link.send(0, variant + pdu[40:])
        link.send(0, rpc_streams.pdus.request(3, 11, rpc_streams.rpc_request()))
        link.send(1, rpc_streams.pdus.response(3, rpc_streams.rpc_response()))
    run(capture.write(tools.folder() / "numbers.pcap"), "-2", "-V")


WRONG_LENGTHS = ["0", "1", "{less}", "{more}", "65535", "4294967295", "18446744073709551615", "18446744073709551616", "-1", "", "x"]


@pytest.mark.parametrize("chunked", [False, True], ids=["Content-Length", "chunk"])
def test_every_length_of_http(nothing, chunked):
    """Each on a connection of its own, with a call behind it."""
    capture = Http()
    body = mapihttp.PREAMBLE + mapihttp.executed()
    for wrong in WRONG_LENGTHS:
        length = wrong.format(less=len(body) - 1, more=len(body) + 1)
        for way in (mapihttp.TO_SERVER, mapihttp.TO_CLIENT):
            client = capture.client()
            client.connect()
            start = "POST /mapi/emsmdb/ HTTP/1.1" if way == mapihttp.TO_SERVER else "HTTP/1.1 200 OK"
            named = {"Content-Type": "application/mapi-http", "X-RequestType": "Execute"}
            if chunked:
                length = f"{int(length):x}" if length.isdigit() else length
                data = mapihttp.message(start, {**named, "Transfer-Encoding": "chunked"}, length.encode() + b"\r\n" + body + b"\r\n0\r\n\r\n")
            else:
                data = mapihttp.message(start, {**named, "Content-Length": length}, None) + body
            client.link.send(way, data)
            client.call("Execute", mapihttp.execute(), mapihttp.executed(), "MapiContext=c1")
            client.link.segment(way, b"", flags=mapihttp.FIN)
    cost = run(capture.write("lengths"), "-2", "-V")
    check_seconds(cost, nothing)
    check_memory(cost, nothing)
