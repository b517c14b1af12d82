# SPDX-License-Identifier: GPL-2.0-or-later
"""The traffic that is measured: each kind is a function of its size that writes a capture, the same bytes every time.

Exchange's own are sessions as clients of today have them, built with tests/lib; segments hold 1,400 bytes, and each message is
acknowledged. None of it is taken from a capture; `real` repeats the bundled ones and those beside the repository, if there are any.
"""

from __future__ import annotations

import pathlib
import random
import struct
import subprocess
import sys
import uuid
from collections.abc import Callable

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "tests" / "lib")]

import fasttransfer  # noqa: E402  (after the path is set)
import mapihttp  # noqa: E402
import rpc_streams  # noqa: E402
import rpch_streams  # noqa: E402
from mapihttp import TO_CLIENT, TO_SERVER, ext, u32  # noqa: E402
from rpch_streams import Capture, Link  # noqa: E402

SEGMENT = 1400
ROUNDS = 8
LOGON, FOLDER, SUBSCRIPTION, TABLE, STREAM = 0x11, 0x12, 0x13, 0x14, 0x15       # handles of a session
NONE = 0xFFFFFFFF
TAGS = [0x0037001F, 0x0E070003, 0x0E060040, 0x0C1A001F, 0x0E080003, 0x0017 << 16 | 3, 0x001A001F, 0x30070040, 0x30080040,
        0x0E1B000B, 0x0C1F001F, 0x10F4000B, 0x0E04001F, 0x65E00102]
COLUMNS = TAGS + [0x674D0014, 0x67480014, 0x0FFF0102, 0x300B0102, 0x0E1D001F, 0x00710102]


# ---- pieces of ROP buffers ------------------------------------------------------------------------------------------------

def rop_buffer(rops: bytes, *handles: int) -> bytes:
    return ext(struct.pack("<H", 2 + len(rops)) + rops + u32(*handles))


def text(value: str) -> bytes:
    return value.encode("utf-16-le") + b"\0\0"


def identifier(number: int) -> bytes:
    return struct.pack("<H", 1) + number.to_bytes(6, "big")


def value(tag: int, number: int) -> bytes:
    """The value of a property, of the length that such have."""
    kind = tag & 0xFFFF
    if kind == 0x1F:
        return text(f"Status report {number} of the Exchange lab")
    if kind == 0x102:
        return struct.pack("<H", 46) + bytes(46)
    return {3: u32(number), 0xB: b"\1", 0x40: struct.pack("<Q", 133_000_000_000_000_000 + number),
            0x14: identifier(number)}[kind]


def row(tags: list[int], number: int) -> bytes:
    return b"\0" + b"".join(value(tag, number) for tag in tags)


def logon() -> tuple[bytes, bytes]:
    dn = b"/o=Lab/ou=Exchange/cn=Recipients/cn=anna\0"
    asked = struct.pack("<BBBBIIH", 0xFE, 0, 0, 1, 0x01000004, 0, len(dn)) + dn
    answered = struct.pack("<BBIB", 0xFE, 0, 0, 1) + b"".join(identifier(number) for number in range(1, 14)) + b"\7" + \
        bytes(16) + struct.pack("<H", 1) + bytes(16) + bytes(8) + bytes(8) + u32(0)
    return rop_buffer(asked, NONE), rop_buffer(answered, LOGON)


def subscribe() -> tuple[bytes, bytes]:
    asked = struct.pack("<BBBBB", 0x02, 0, 0, 1, 0)[:4] + identifier(9) + b"\0" + \
        struct.pack("<BBBBHB", 0x29, 0, 1, 2, 0x007E, 0) + identifier(9) + bytes(8)
    answered = struct.pack("<BBIBB", 0x02, 1, 0, 0, 0) + struct.pack("<BBI", 0x29, 2, 0)
    return rop_buffer(asked, LOGON, NONE, NONE), rop_buffer(answered, LOGON, FOLDER, SUBSCRIPTION)


def notification(number: int) -> bytes:
    """RopNotify: a message arrived, was created, or changed."""
    head = b"\x2a" + u32(SUBSCRIPTION) + b"\0"
    if number % 3 == 0:
        return head + struct.pack("<H", 0x8002) + identifier(9) + identifier(1000 + number) + u32(1) + b"\1" + text("IPM.Note")
    if number % 3 == 1:
        return head + struct.pack("<H", 0x8004) + identifier(9) + identifier(1000 + number) + struct.pack("<HI", 1, 0x0E070003)
    return head + struct.pack("<H", 0x8010) + identifier(9) + identifier(1000 + number) + struct.pack("<HII", 2, 0x0E070003, 0x30080040)


def fetch(round_: int) -> tuple[bytes, bytes]:
    """An Execute without ROPs, which brings one to three notifications."""
    return rop_buffer(b"", LOGON), rop_buffer(b"".join(notification(round_ + at) for at in range(1 + round_ % 3)), LOGON)


def open_messages(number: int) -> tuple[bytes, bytes]:
    """RopOpenFolder, eleven times RopOpenMessage, RopGetPropertiesSpecific of 14 tags and RopRelease: 34 ROPs."""
    asked = struct.pack("<BBBB", 0x02, 0, 0, 1) + identifier(9) + b"\0"
    answered = struct.pack("<BBIBB", 0x02, 1, 0, 0, 0)
    wanted = struct.pack("<HHH", 0, 1, len(TAGS)) + u32(*TAGS)
    for at in range(11):
        asked += struct.pack("<BBBBH", 0x03, 0, 0, 2 + at, 0x0FFF) + identifier(9) + b"\0" + identifier(1000 + at) + \
            struct.pack("<BBB", 0x07, 0, 2 + at) + wanted + struct.pack("<BBB", 0x01, 0, 2 + at)
        answered += struct.pack("<BBI", 0x03, 2 + at, 0) + b"\0" + b"\1" + b"\4" + text("Status report") + \
            struct.pack("<HHBH", 1, 0, 0, 0)[:2] + struct.pack("<H", 0) + b"\0" + \
            struct.pack("<BBI", 0x07, 2 + at, 0) + row(TAGS, number + at)
    handles = range(0x100 + number * 16, 0x100 + number * 16 + 12)
    return rop_buffer(asked, LOGON, *[NONE] * 12), rop_buffer(answered, LOGON, *handles)


def open_folders(count: int) -> tuple[bytes, bytes]:
    """RopOpenFolder, so many times; each answer has a handle of its own."""
    asked = b"".join(struct.pack("<BBBB", 0x02, 0, 0, 1 + at) + identifier(9) + b"\0" for at in range(count))
    answered = b"".join(struct.pack("<BBIBB", 0x02, 1 + at, 0, 0, 0) for at in range(count))
    return rop_buffer(asked, LOGON, *[NONE] * count), rop_buffer(answered, LOGON, *range(0x100, 0x100 + count))


def open_table() -> tuple[bytes, bytes]:
    asked = struct.pack("<BBBBB", 0x05, 0, 0, 1, 0) + struct.pack("<BBBBH", 0x12, 0, 1, 0, len(COLUMNS)) + u32(*COLUMNS)
    answered = struct.pack("<BBII", 0x05, 1, 0, 5000) + struct.pack("<BBIB", 0x12, 1, 0, 0)
    return rop_buffer(asked, FOLDER, NONE), rop_buffer(answered, FOLDER, TABLE)


def query_rows(number: int) -> tuple[bytes, bytes]:
    rows = b"".join(row(COLUMNS, number + at) for at in range(50))
    return rop_buffer(struct.pack("<BBBBBH", 0x15, 0, 0, 0, 1, 50), TABLE), \
        rop_buffer(struct.pack("<BBIBH", 0x15, 0, 0, 2, 50) + rows, TABLE)


def open_stream() -> tuple[bytes, bytes]:
    return rop_buffer(struct.pack("<BBBBBIBH", 0x4D, 0, 0, 1, 0, 0, 1, 0), FOLDER, NONE), \
        rop_buffer(struct.pack("<BBI", 0x4D, 1, 0), FOLDER, STREAM)


def get_buffer(number: int) -> tuple[bytes, bytes]:
    """A piece of a FastTransfer stream: 31,680 bytes, as Exchange sends them."""
    stream = fasttransfer.STREAM
    at = number * 31680 % len(stream)
    piece = (stream + stream)[at:at + 31680] if len(stream) >= 31680 else (stream * 3)[at:at + 31680]
    return rop_buffer(struct.pack("<BBBH", 0x4E, 0, 0, 0x7BC0), STREAM), \
        rop_buffer(struct.pack("<BBIHHHBH", 0x4E, 0, 0, 1, 0, 1, 0, len(piece)) + piece, STREAM)


# ---- MAPI/HTTP ------------------------------------------------------------------------------------------------------------

HEADERS = {"User-Agent": "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.4266; Pro)",
           "X-ClientInfo": "{2EF33C39-49C8-421C-B876-CDF7F2AC3AA0}:123", "X-ClientApplication": "Outlook/16.0.4266.1001",
           "Accept": "application/mapi-http", "Client-Request-Id": "{6F7A1B2C-3D4E-4F50-8192-A3B4C5D6E7F8}"}
ANSWERED = {"Cache-Control": "private", "Server": "Microsoft-IIS/10.0", "X-ClientInfo": HEADERS["X-ClientInfo"],
            "X-PendingPeriod": "30000", "X-ExpirationInfo": "900000", "X-ServerApplication": "Exchange/15.01.0225.042",
            "X-FEServer": "EX1", "X-Powered-By": "ASP.NET", "Date": "Mon, 23 Nov 2026 10:00:00 GMT"}


class Acknowledged(Link):
    """A connection whose other side acknowledges each message."""

    def send(self, way: int, data: bytes, size: int | None = None) -> list[tuple[int, int]]:
        ends = super().send(way, data, size or SEGMENT)
        self.segment(1 - way, b"", flags=0x10)
        return ends


def link_of(capture: Capture, port: int = 80) -> Acknowledged:
    """A new connection; client ports are above those that other protocols own."""
    capture.links += 1
    return Acknowledged(capture, 50000 + capture.links % 15000, port, 1 + capture.links // 15000, True)


class Client(mapihttp.Client):
    """A session: calls on one connection, waits on another."""

    def __init__(self, capture: Capture, number: int):
        self.number, self.count, self.guid = number, 0, "{" + str(uuid.UUID(int=number + (1 << 100))).upper() + "}"
        self.calls, self.waits = (link_of(capture) for _ in range(2))
        self.link = self.calls
        self.cookies = f"MapiContext=MAPIAAAA{number:08x}AAAAAAAA; MapiSequence={number}-0; X-BackEndCookie=e{number:08x}"
        self.call("Connect", mapihttp.connect(f"/o=Lab/ou=Exchange/cn=Recipients/cn=user{number}"), mapihttp.connected(f"User {number}"),
                  set_cookie=[f"{one}; path=/mapi/emsmdb; secure; HttpOnly" for one in self.cookies.split("; ")], headers=ANSWERED)
        self.execute(logon())
        self.execute(subscribe())

    def request(self, kind, body, cookies="", method="POST", headers=None, request_id=True):
        return super().request(kind, body, cookies, method, HEADERS | (headers or {}), request_id)

    def execute(self, pair: tuple[bytes, bytes]) -> None:
        self.link = self.calls
        self.call("Execute", mapihttp.execute(pair[0]), mapihttp.executed(pair[1]), self.cookies, headers=ANSWERED)

    def wait(self, pending: int = 1) -> None:
        """NotificationWait, answered in chunks: PROCESSING, PENDING, and the body behind DONE."""
        self.link = self.waits
        self.request("NotificationWait", mapihttp.WAIT, self.cookies)
        head = {"Content-Type": "application/mapi-http", "X-RequestType": "NotificationWait",
                "X-RequestId": f"{self.guid}:{self.count}", "X-ResponseCode": "0", "Transfer-Encoding": "chunked"} | ANSWERED
        first = mapihttp.message("HTTP/1.1 200 OK", head, None)
        last = b"DONE\r\nX-ElapsedTime: 30000\r\nX-StartTime: Mon, 23 Nov 2026 10:00:00 GMT\r\n\r\n" + mapihttp.waited(pending)
        for data in (first + chunk(b"PROCESSING\r\n"), chunk(b"PENDING\r\n"), chunk(last) + b"0\r\n\r\n"):
            self.link.send(TO_CLIENT, data)

    def round(self, number: int) -> None:
        self.wait()
        self.execute(fetch(number))


def chunk(data: bytes) -> bytes:
    return b"%x\r\n" % len(data) + data + b"\r\n"


def light(capture: Capture, size: int) -> None:
    """Sessions with 8 rounds of wait, wake-up, and a fetch of one to three notifications (size: sessions)."""
    clients = [Client(capture, number) for number in range(size)]
    for round_ in range(ROUNDS):
        for client in clients:
            client.round(round_ + client.number)


def rops(capture: Capture, size: int) -> None:
    """Executes of 34 ROPs (size: calls)."""
    client = Client(capture, 1)
    for number in range(size):
        client.execute(open_messages(number))


def rows(capture: Capture, size: int) -> None:
    """RopQueryRows of 50 rows of 20 columns (size: calls)."""
    client = Client(capture, 2)
    client.execute(open_table())
    for number in range(size):
        client.execute(query_rows(number))


def stream(capture: Capture, size: int) -> None:
    """RopFastTransferSourceGetBuffer, 31,680 bytes each (size: calls)."""
    client = Client(capture, 3)
    client.execute(open_stream())
    for number in range(size):
        client.execute(get_buffer(number))


def rich(capture: Capture, size: int) -> None:
    """All of these: a session reads messages, a table and a stream between its wake-ups (size: sessions)."""
    for at in range(size):
        client = Client(capture, at + 10)
        client.execute(open_table())
        client.execute(open_stream())
        for number in range(ROUNDS):
            client.round(number)
            client.execute(open_messages(number) if number % 2 else query_rows(number))
            if number % 4 == 0:
                client.execute(get_buffer(number // 4))


# ---- RPC ------------------------------------------------------------------------------------------------------------------

class Calls:
    """EMSMDB and its waits on two connections of a client; how they are carried is the transport's business."""

    def __init__(self, number: int, emsmdb, async_):
        self.number, self.count = number, 1
        self.links = {4: emsmdb, 0: async_}
        self.cxh = bytes(4) + uuid.UUID(int=number + (1 << 90)).bytes_le
        self.acxh = bytes(4) + uuid.UUID(int=number + (1 << 91)).bytes_le
        self.call(emsmdb, 10, rpc_streams.connect_request(f"/o=Lab/cn=user{number}"), rpc_streams.connect_response(self.cxh, number % 60000))
        self.execute(logon())
        self.execute(subscribe())

    def call(self, link, opnum: int, asked: bytes, answered: bytes) -> None:
        self.count += 1
        link.send(TO_SERVER, rpc_streams.pdus.request(self.count, opnum, asked))
        link.send(TO_CLIENT, rpc_streams.pdus.response(self.count, answered))

    def execute(self, pair: tuple[bytes, bytes]) -> None:
        self.call(self.links[4], 11, rpc_streams.rpc_request(self.cxh, pair[0]), rpc_streams.rpc_response(self.cxh, pair[1]))

    def listen(self) -> None:
        self.call(self.links[4], 14, self.cxh, self.acxh + u32(0))

    def wait(self) -> None:
        self.call(self.links[0], 0, self.acxh + u32(0), u32(1, 0))


def bound(capture: Capture, interface: uuid.UUID) -> Acknowledged:
    link = link_of(capture, 49700)
    link.send(TO_SERVER, rpc_streams.bind(1, interface))
    link.send(TO_CLIENT, rpc_streams.bind_ack(1))
    return link


def rpc(capture: Capture, size: int) -> None:
    """EcDoRpcExt2 and EcDoAsyncWaitEx over TCP: 8 rounds of wait, wake-up, fetch, and one Execute of 34 ROPs (size: sessions)."""
    clients = [Calls(number, bound(capture, rpc_streams.EMSMDB), bound(capture, rpc_streams.ASYNCEMSMDB)) for number in range(size)]
    converse(clients)


def folders(capture: Capture, size: int) -> None:
    """Ten Executes over TCP (size: RopOpenFolder in each)."""
    client = Calls(1, bound(capture, rpc_streams.EMSMDB), None)
    for _ in range(10):
        client.execute(open_folders(size))


def converse(clients: list[Calls]) -> None:
    for client in clients:
        client.listen()
    for round_ in range(ROUNDS):
        for client in clients:
            client.wait()
            client.execute(fetch(round_ + client.number))
    for client in clients:
        client.execute(open_messages(client.number))


class Tunnel:
    """A virtual connection of RPC over HTTP: what goes up is in the one channel, what comes down in the other."""

    def __init__(self, capture: Capture, number: int, interface: uuid.UUID):
        self.up, self.down = link_of(capture), link_of(capture)
        virtual = uuid.UUID(int=number + (1 << 80))
        self.down.send(TO_SERVER, rpch_streams.ask("RPC_OUT_DATA", 76) + rpch_streams.conn_a1(virtual))
        self.up.send(TO_SERVER, rpch_streams.ask("RPC_IN_DATA", 1 << 30) + rpch_streams.conn_b1(virtual))
        self.down.send(TO_CLIENT, rpch_streams.answer("200 Success", rpch_streams.RPC_TYPE, rpch_streams.GIGABYTE))
        self.down.send(TO_CLIENT, rpch_streams.CONN_A3)
        self.down.send(TO_CLIENT, rpch_streams.CONN_C2)
        self.send(TO_SERVER, rpc_streams.bind(1, interface))
        self.send(TO_CLIENT, rpc_streams.bind_ack(1))

    def send(self, way: int, data: bytes) -> None:
        (self.down if way == TO_CLIENT else self.up).send(way, data)


def rpch(capture: Capture, size: int) -> None:
    """The same over RPC over HTTP (size: sessions)."""
    converse([Calls(number, Tunnel(capture, 2 * number, rpc_streams.EMSMDB), Tunnel(capture, 2 * number + 1, rpc_streams.ASYNCEMSMDB))
              for number in range(size)])


def push(capture: Capture, size: int) -> None:
    """Datagrams for registered ports, each followed by a fetch over RPC (size: sessions)."""
    clients = []
    for number in range(size):
        link = bound(capture, rpc_streams.EMSMDB)
        client = Calls(number, link, None)
        context = struct.pack("<Q", 0x1122334455667788 + number)
        callback = struct.pack("<H", 2) + struct.pack(">H", 30000 + number % 30000) + bytes((192, 0, 2, 100)) + bytes(8)
        client.call(link, 4, client.cxh + u32(0) + u32(len(context)) + context + struct.pack("<Hxx", len(context)) + u32(NONE)
                    + u32(len(callback)) + callback + struct.pack("<H", len(callback)), client.cxh + u32(number + 1, 0))
        clients.append((client, context))
    for round_ in range(ROUNDS):
        for client, context in clients:
            datagram(capture, 33111, 30000 + client.number % 30000, context)
            client.execute(fetch(round_ + client.number))


# ---- other protocols ------------------------------------------------------------------------------------------------------

def datagram(capture: Capture, source: int, target: int, data: bytes, server: bool = True) -> None:
    udp = struct.pack(">HHHH", source, target, 8 + len(data), 0) + data
    hosts = [bytes((192, 0, 2, 1)), bytes((192, 0, 2, 100))]
    first, second = hosts if server else hosts[::-1]
    header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0x4000, 64, 17, 0, first, second)
    capture.frames.append(b"\x02" + bytes(5) + b"\x02" + bytes(4) + b"\1" + b"\x08\x00" + header + udp)


def http(capture: Capture, size: int) -> None:
    """Web pages: GET, and answers of 6 KB, some of them chunked (size: exchanges)."""
    link = link_of(capture)
    page = b"<html><body>" + b"<p>A paragraph of the page.</p>" * 200 + b"</body></html>"
    for number in range(size):
        if number % 20 == 0:
            link = link_of(capture)
        link.send(TO_SERVER, (f"GET /pages/{number}.html HTTP/1.1\r\nHost: www.example\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n"
                              "Accept: text/html,application/xhtml+xml\r\nAccept-Language: en\r\nCookie: id=1234567890\r\n"
                              "Connection: keep-alive\r\n\r\n").encode())
        head = "HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: text/html\r\nCache-Control: no-cache\r\nSet-Cookie: seen=1\r\n"
        if number % 3:
            link.send(TO_CLIENT, (head + f"Content-Length: {len(page)}\r\n\r\n").encode() + page)
        else:
            link.send(TO_CLIENT, (head + "Transfer-Encoding: chunked\r\n\r\n").encode() + chunk(page[:3000]) + chunk(page[3000:]) + b"0\r\n\r\n")


def tls(capture: Capture, size: int) -> None:
    """Application data that is not decrypted (size: records of 700 and 4,000 bytes)."""
    rng, link = random.Random(1), link_of(capture, 443)
    for number in range(size):
        if number % 50 == 0:
            link = link_of(capture, 443)
        for way, length in ((TO_SERVER, 700), (TO_CLIENT, 4000)):
            link.send(way, struct.pack(">BHH", 23, 0x0303, length) + rng.randbytes(length))


def dns(capture: Capture, size: int) -> None:
    """Questions and answers (size: exchanges)."""
    for number in range(size):
        name = b"".join(bytes([len(part)]) + part for part in (b"host%d" % number, b"lab", b"example")) + b"\0"
        question = name + struct.pack(">HH", 1, 1)
        datagram(capture, 40000 + number % 20000, 53, struct.pack(">HHHHHH", number & 0xFFFF, 0x0100, 1, 0, 0, 0) + question, False)
        datagram(capture, 53, 40000 + number % 20000, struct.pack(">HHHHHH", number & 0xFFFF, 0x8180, 1, 1, 0, 0) + question
                 + struct.pack(">HHHIH4s", 0xC00C, 1, 1, 300, 4, bytes((192, 0, 2, 7))))


def udp(capture: Capture, size: int) -> None:
    """Datagrams of no known protocol, 4 to 900 bytes (size: datagrams)."""
    rng = random.Random(2)
    for number in range(size):
        datagram(capture, 50000 + number % 40, 51000 + number % 30, rng.randbytes(4 + number * 37 % 900), bool(number % 2))


def tcp(capture: Capture, size: int) -> None:
    """Data of no known protocol (size: messages of 200 bytes and 3 KB)."""
    rng, link = random.Random(3), link_of(capture, 7777)
    for number in range(size):
        if number % 100 == 0:
            link = link_of(capture, 7777)
        link.send(TO_SERVER, rng.randbytes(200))
        link.send(TO_CLIENT, rng.randbytes(3000))


# ---- all of it ------------------------------------------------------------------------------------------------------------

Maker = Callable[[Capture, int], None]
EXCHANGE: dict[str, tuple[Maker, int]] = {
    "light": (light, 60), "rops": (rops, 40), "rows": (rows, 15), "FastTransfer": (stream, 25), "rich": (rich, 4),
    "RPC over TCP": (rpc, 30), "RPC over HTTP": (rpch, 30), "push": (push, 40),
}
FOREIGN: dict[str, tuple[Maker, int]] = {
    "foreign HTTP": (http, 150), "TLS": (tls, 250), "DNS": (dns, 600), "UDP": (udp, 1500), "other TCP": (tcp, 250),
}


def write(path: pathlib.Path, makers: list[tuple[Maker, int]]) -> int:
    """Writes a capture of these kinds, one behind the other; returns how many frames it has."""
    capture = Capture()
    for maker, size in makers:
        maker(capture, size)
    capture.write(path)
    return len(capture.frames)


def repeated(path: pathlib.Path, captures: list[pathlib.Path], times: int) -> None:
    """Captures one behind the other, several times."""
    subprocess.run(["mergecap", "-a", "-w", str(path), *[str(capture) for capture in captures] * times], check=True)
    path.chmod(0o644)
