# SPDX-License-Identifier: GPL-2.0-or-later
"""Small captures with a clock: who sends what at which second.  Frames get their numbers when the capture is written, in
the order of their times."""

from __future__ import annotations

import dataclasses
import ipaddress
import pathlib
import struct
import uuid

import tshark

FIN, SYN, RST, ACK, PSH = 1, 2, 4, 16, 8
UP, DOWN = 0, 1
START = 1_800_000_000
CLIENT, SERVER, PROXY = "10.1.0.5", "10.9.0.1", "10.5.0.1"


@dataclasses.dataclass(eq=False)
class Packet:
    """frame is set by Scene.write."""
    time: float
    data: bytes
    frame: int = 0


class Scene:
    def __init__(self) -> None:
        self.packets: list[Packet] = []
        self.port = 50000

    def packet(self, time: float, data: bytes) -> Packet:
        self.packets.append(Packet(time, data))
        return self.packets[-1]

    def tcp(self, time: float, client: str = CLIENT, server: str = SERVER, port: int = 80, client_port: int = 0,
            handshake: bool = True, first: int = 0) -> "Tcp":
        """first is added to the first sequence numbers."""
        self.port += 1
        return Tcp(self, time, client, server, client_port or self.port, port, handshake, first)

    def write(self, name: str, snaplen: int = 1 << 18) -> pathlib.Path:
        path = tshark.folder() / f"{name}.pcap"
        with path.open("wb") as out:
            out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, snaplen, 1))
            for number, one in enumerate(sorted(self.packets, key=lambda one: one.time), 1):
                one.frame = number
                micro = round(one.time * 1_000_000)
                kept = one.data[:snaplen]
                out.write(struct.pack("<IIII", START + micro // 1_000_000, micro % 1_000_000, len(kept), len(one.data)) + kept)
        path.chmod(0o644)
        return path


class Tcp:
    """One connection.  Each segment with data is acknowledged 150 us later."""

    def __init__(self, scene: Scene, time: float, client: str, server: str, client_port: int, port: int, handshake: bool,
                 first: int):
        self.scene, self.hosts, self.ports = scene, (client, server), (client_port, port)
        self.seq, self.ttl = [1000 + client_port + first, 77000 + client_port + first], [128, 60]
        self.identification = 0
        if handshake:
            for way, flags in ((UP, SYN), (DOWN, SYN | ACK)):
                self.segment(time + way * 0.0002, way, b"", flags)
                self.seq[way] += 1
            self.segment(time + 0.0004, UP)

    def segment(self, time: float, way: int, data: bytes = b"", flags: int = ACK, ttl: int | None = None) -> Packet:
        tcp = struct.pack(">HHIIBBHHH", self.ports[way], self.ports[1 - way], self.seq[way] & 0xFFFFFFFF,
                          self.seq[1 - way] & 0xFFFFFFFF if flags & ACK else 0, 0x50, flags, 65000, 0, 0) + data
        source, target = (ipaddress.ip_address(self.hosts[at]).packed for at in (way, 1 - way))
        self.identification += 1
        ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp), self.identification, 0x4000, ttl or self.ttl[way], 6, 0)
        return self.scene.packet(time, bytes.fromhex("020000000002020000000001" "0800") + ip + source + target + tcp)

    def send(self, time: float, way: int, data: bytes, flags: int = ACK | PSH, size: int = 1 << 15, acknowledged: bool = True) -> Packet:
        """The packet with the end of the data."""
        for at in range(0, len(data), size):
            part = data[at:at + size]
            found = self.segment(time + at // size * 0.00001, way, part, flags)
            self.seq[way] += len(part)
        if flags & FIN:
            self.seq[way] += 1
        if acknowledged:
            self.segment(time + 0.00015 + at // size * 0.00001, 1 - way)
        return found

    def lose(self, way: int, size: int) -> None:
        """Data that were sent and are not in the capture."""
        self.seq[way] += size

    def end(self, time: float, way: int, flags: int = FIN | ACK, ttl: int | None = None) -> Packet:
        """FIN, answered by a FIN, or RST."""
        found = self.segment(time, way, b"", flags, ttl)
        if flags & FIN:
            self.seq[way] += 1
            self.segment(time + 0.0002, 1 - way, b"", FIN | ACK)
            self.seq[1 - way] += 1
            self.segment(time + 0.0004, way)
        return found

    def half_close(self, time: float, way: int) -> Packet:
        found = self.segment(time, way, b"", FIN | ACK)
        self.seq[way] += 1
        self.segment(time + 0.0002, 1 - way)
        return found


# --- ROPs ---------------------------------------------------------------------------

def rop_buffer(rops: bytes, *handles: int) -> bytes:
    payload = struct.pack("<H", 2 + len(rops)) + rops + struct.pack(f"<{len(handles)}I", *handles)
    return struct.pack("<HHHH", 0, 4, len(payload), len(payload)) + payload


def folder(number: int) -> bytes:
    return struct.pack(">HQ", 0x0100, number)[:2] + struct.pack(">Q", number)[2:]


INBOX = folder(5)
LOGON = bytes.fromhex("fe00000104000001000000000d00") + b"/o=x/cn=anna\0"
LOGGED_ON = (bytes.fromhex("fe000000000001") + b"".join(map(folder, range(1, 14))) + b"\x07" + bytes(range(16))
             + b"\1\0" + bytes(range(16, 32)) + bytes.fromhex("010203001d0bea07") + bytes(12))
REGISTER = bytes.fromhex("29000001fe0101")           # all types, whole store
REGISTERED = bytes.fromhex("290100000000")
SUBSCRIBE = rop_buffer(LOGON + REGISTER, 0xFFFFFFFF, 0xFFFFFFFF)


def subscribed(handle: int = 5) -> bytes:
    return rop_buffer(LOGGED_ON + REGISTERED, 1, handle)


def new_mail(handle: int = 5, message: int = 16) -> bytes:
    return (struct.pack("<BIBH", 0x2A, handle, 0, 0x8002) + INBOX + folder(message) + struct.pack("<IB", 0, 1)
            + "IPM.Note\0".encode("utf-16-le"))


NOTHING = rop_buffer(b"", 1)


def mail(message: int = 16, handle: int = 5) -> bytes:
    return rop_buffer(new_mail(handle, message), 1)


def u32(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}I", *values)


# --- MAPI/HTTP ----------------------------------------------------------------------

CONNECT = b"/o=x/cn=anna\0" + u32(0, 1252, 0x409, 0x409, 0)
CONNECTED = u32(0, 0, 60000, 3, 10) + b"/o=x\0" + "Anna\0".encode("utf-16-le") + u32(0)
WAIT, DISCONNECT, DISCONNECTED = u32(0, 0), u32(0), u32(0, 0, 0)
PROCESSING, PENDING, DONE = b"PROCESSING\r\n", b"PENDING\r\n", b"DONE\r\nX-ElapsedTime: 4\r\nX-StartTime: Sun, 29 Nov 2026 00:00:00 GMT\r\n\r\n"


def execute(buffer: bytes) -> bytes:
    return u32(0, len(buffer)) + buffer + u32(0x8000, 0)


def executed(buffer: bytes) -> bytes:
    return u32(0, 0, 0, len(buffer)) + buffer + u32(0)


def waited(pending: int) -> bytes:
    return u32(0, 0, pending, 0)


def chunk(data: bytes, extension: bytes = b"") -> bytes:
    return b"%x%s\r\n" % (len(data), extension) + data + b"\r\n"


LAST_CHUNK = b"0\r\n\r\n"
Headers = dict[str, str | None]


def head(start: str, headers: Headers, extra: list[tuple[str, str]] = []) -> bytes:
    """None leaves a header out."""
    lines = [start, *(f"{name}: {value}" for name, value in headers.items() if value is not None),
             *(f"{name}: {value}" for name, value in extra)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


class User:
    """A MAPI/HTTP session: counts its requests and keeps its cookies."""

    def __init__(self, name: str = "anna", cookies: str | None = None):
        self.name, self.guid = name, "{" + str(uuid.uuid5(uuid.NAMESPACE_DNS, name)).upper() + "}"
        self.count, self.sequence = 0, 0
        self.context = cookies or f"MapiContext=ctx{name}"
        self.more = ""
        self.connected = False
        self.target = "/mapi/emsmdb/?MailboxId=8d0456fc-63c7-8edd-ce4f-554c8d39f2f0@x.test"

    def question(self, kind: str, body: bytes, again: bool = False, **headers: str | None) -> bytes:
        """The bytes of a request; again: with the X-RequestId of the one before it.  Headers as X_Name."""
        self.count += not again
        cookie = "; ".join(filter(None, [self.connected and f"{self.context}; MapiSequence={self.sequence}-x", self.more]))
        named: Headers = {"Host": "mail.x.test", "Content-Type": "application/mapi-http",
                          "User-Agent": "Microsoft Office/16.0", "X-RequestType": kind,
                          "X-RequestId": f"{self.guid}:{self.count}", "X-ClientInfo": "{94E3BF91-1A61-DBE2-2E44-158BAE97BA94}:2",
                          "Cookie": cookie or None, "Content-Length": str(len(body))}
        return head(f"POST {self.target} HTTP/1.1", named | renamed(headers)) + body

    def answer_head(self, kind: str, code: int = 0, status: str = "200 OK", version: str = "1.1", request: int | None = None,
                    **headers: str | None) -> bytes:
        self.sequence += 1
        named: Headers = {"Cache-Control": "private", "Content-Type": "application/mapi-http", "X-RequestType": kind,
                          "X-RequestId": f"{self.guid}:{request or self.count}", "X-ResponseCode": str(code),
                          "X-PendingPeriod": "15000", "X-ServerApplication": "Exchange/15.02.1118.040",
                          "Transfer-Encoding": "chunked"}
        cookies = [("Set-Cookie", f"{self.context}; path=/mapi"), ("Set-Cookie", f"MapiSequence={self.sequence}-x; path=/mapi")]
        return head(f"HTTP/{version} {status}", named | renamed(headers), cookies)

    def ask(self, link: Tcp, time: float, kind: str, body: bytes, **how) -> Packet:
        return link.send(time, UP, self.question(kind, body, **how))

    def answer(self, link: Tcp, time: float, kind: str, body: bytes, after: float = 0.01, pings: tuple[float, ...] = (), **how) -> Packet:
        """Head and PROCESSING, PENDING at the times, and the rest."""
        link.send(time, DOWN, self.answer_head(kind, **how) + chunk(PROCESSING))
        for ping in pings:
            link.send(ping, DOWN, chunk(PENDING))
        return link.send(time + after, DOWN, chunk(DONE + body) + LAST_CHUNK)

    def plain(self, link: Tcp, time: float, kind: str, body: bytes, **how) -> Packet:
        """An answer with its length."""
        whole = PROCESSING + DONE + body
        return link.send(time, DOWN, self.answer_head(kind, **{"Transfer_Encoding": None, "Content_Length": str(len(whole)), **how}) + whole)

    # Exchanges that are as they should be.
    def open(self, link: Tcp, time: float, handle: int = 5) -> tuple[Packet, Packet, Packet, Packet]:
        q = self.ask(link, time, "Connect", CONNECT)
        r = self.answer(link, time + 0.02, "Connect", CONNECTED)
        self.connected = True
        s = self.ask(link, time + 0.1, "Execute", execute(SUBSCRIBE))
        return q, r, s, self.answer(link, time + 0.11, "Execute", executed(subscribed(handle)))

    def fetch(self, link: Tcp, time: float, message: int = 16, **how) -> tuple[Packet, Packet]:
        return (self.ask(link, time, "Execute", execute(NOTHING), **how),
                self.answer(link, time + 0.02, "Execute", executed(mail(message))))

    def wait(self, link: Tcp, time: float, end: float, pending: int = 1, pings: tuple[float, ...] = (), **how) -> tuple[Packet, Packet]:
        return (self.ask(link, time, "NotificationWait", WAIT, **how),
                self.answer(link, time + 0.05, "NotificationWait", waited(pending), end - time - 0.05, pings))


def renamed(headers: dict[str, str | None]) -> Headers:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def refusal(status: str, page: str = "", **headers: str | None) -> bytes:
    """A response of a proxy or web server itself."""
    named: Headers = {"Server": "nginx", "Content-Type": "text/html" if page else None, "Content-Length": str(len(page))}
    return head(f"HTTP/1.1 {status}", named | renamed(headers)) + page.encode()


# --- situations ---------------------------------------------------------------------

PAGE = ("<html><head><title>504 Gateway Time-out</title></head><body><center><h1>504 Gateway Time-out</h1></center><hr>"
        "<center>nginx</center></body></html>\r\n")


def start() -> tuple[Scene, User, Tcp, Tcp]:
    """A session that has subscribed, the connection of its calls, and another one."""
    scene, user = Scene(), User()
    calls, waits = scene.tcp(0), scene.tcp(0.005)
    user.open(calls, 0.1)
    return scene, user, calls, waits


def openwait() -> tuple[Scene, User, Tcp, Tcp, Packet]:
    """The same with a wait that the server has begun to answer."""
    scene, user, calls, waits = start()
    request = user.ask(waits, 1, "NotificationWait", WAIT)
    waits.send(1.05, DOWN, user.answer_head("NotificationWait") + chunk(PROCESSING))
    return scene, user, calls, waits, request
