# SPDX-License-Identifier: GPL-2.0-or-later
"""Builds small captures of RPC over HTTP, byte by byte, and says where each PDU ends.

The layouts are those of C706 12.6 (DCE/RPC), [MS-RPCH] 2.1 and 2.2 (HTTP messages, RTS PDUs) and RFC 9112 (chunks).
"""

from __future__ import annotations

import dataclasses
import pathlib
import struct
import uuid

REQUEST, RESPONSE, BIND, BIND_ACK, RTS = 0, 2, 11, 12, 20
INTERFACE = uuid.UUID("6f7a1b2c-3d4e-4f50-8192-a3b4c5d6e7f8")       # of nobody
NDR = uuid.UUID("8a885d04-1ceb-11c9-9fe8-08002b104860")
PING, RECYCLE, ECHO = 0x01, 0x04, 0x40


def pdu(kind: int, call: int, body: bytes) -> bytes:
    return struct.pack("<BBBBIHHI", 5, 0, kind, 3, 0x10, 16 + len(body), 0, call) + body


def bind(call: int) -> bytes:
    return pdu(BIND, call, struct.pack("<HHIBxxxHBx", 5840, 5840, 0, 1, 0, 1) + INTERFACE.bytes_le
               + struct.pack("<HH", 1, 0) + NDR.bytes_le + struct.pack("<I", 2))


def bind_ack(call: int) -> bytes:
    return pdu(BIND_ACK, call, struct.pack("<HHIH", 5840, 5840, 1, 5) + b"6001\0" + b"\0"
               + struct.pack("<BxxxHH", 1, 0, 0) + NDR.bytes_le + struct.pack("<I", 2))


def request(call: int, opnum: int, stub: bytes = b"") -> bytes:
    return pdu(REQUEST, call, struct.pack("<IHH", len(stub), 0, opnum) + stub)


def response(call: int, stub: bytes = b"") -> bytes:
    return pdu(RESPONSE, call, struct.pack("<IHBx", len(stub), 0, 0) + stub)


def rts(flags: int, *commands: bytes) -> bytes:
    return pdu(RTS, 0, struct.pack("<HH", flags, len(commands)) + b"".join(commands))


VERSION = struct.pack("<II", 6, 1)


def cookie(value: uuid.UUID) -> bytes:
    return struct.pack("<I", 3) + value.bytes_le


def conn_a1(virtual: uuid.UUID) -> bytes:
    return rts(0, VERSION, cookie(virtual), cookie(uuid.UUID(int=1)), struct.pack("<II", 0, 65536))


def conn_b1(virtual: uuid.UUID) -> bytes:
    return rts(0, VERSION, cookie(virtual), cookie(uuid.UUID(int=2)), struct.pack("<II", 4, 1 << 30),
               struct.pack("<II", 5, 300000), struct.pack("<I", 12) + uuid.UUID(int=3).bytes_le)


CONN_A3 = rts(0, struct.pack("<II", 2, 120000))
CONN_C2 = rts(0, VERSION, struct.pack("<II", 0, 65536), struct.pack("<II", 2, 120000))


def ask(method: str, length: int | None, *more: str) -> bytes:
    lines = [f"{method} /rpc/rpcproxy.dll?store.example:6001 HTTP/1.1", "Host: proxy.example", "Accept: application/rpc", *more]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return "\r\n".join([*lines, "", ""]).encode()


def answer(status: str, *headers: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""]).encode()


RPC_TYPE = "Content-Type: application/rpc"
GIGABYTE = "Content-Length: 1073741824"
CHUNKED = "Transfer-Encoding: chunked"


def chunks(data: bytes, size: int) -> bytes:
    return b"".join(b"%x\r\n" % len(part) + part + b"\r\n"
                    for part in (data[at:at + size] for at in range(0, len(data), size)))


@dataclasses.dataclass
class Seen:
    """A PDU and the frame in which its last byte is."""
    frame: int
    kind: int
    call: int
    length: int


class Capture:
    """Frames of TCP over IPv4 over Ethernet."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.links = 0
        self.pauses: dict[int, float] = {}

    def pause(self, seconds: float) -> None:
        """The next frame comes so much later; without, 1 ms after the one before it."""
        number = len(self.frames) + 1
        self.pauses[number] = self.pauses.get(number, 0) + seconds

    def link(self, port: int = 80, server: int = 1, handshake: bool = True, client: int = 100) -> "Link":
        self.links += 1
        return Link(self, 50000 + self.links, port, server, handshake, client)

    def again(self, link: "Link") -> "Link":
        """A new connection with the ports of an old one."""
        return Link(self, link.ports[0], link.ports[1], link.server, True, link.client, (700_000, 900_000))

    def write(self, path: pathlib.Path, snaplen: int = 262144, snaplens: dict[int, int] | None = None) -> pathlib.Path:
        """snaplens: frame -> bytes of it that were captured, where that is fewer."""
        with open(path, "wb") as out:
            out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, snaplen, 1))
            late = 0.0
            for number, frame in enumerate(self.frames):
                kept = frame[:(snaplens or {}).get(number + 1, snaplen)]
                late += self.pauses.get(number + 1, 0)
                seconds, micro = divmod(number * 1000 + round(late * 1_000_000), 1_000_000)
                out.write(struct.pack("<IIII", 1_700_000_000 + seconds, micro, len(kept), len(frame)) + kept)
        path.chmod(0o644)
        return path


class Link:
    """One TCP connection. send() makes frames; expect() notes the PDUs in what was sent."""

    def __init__(self, capture: Capture, client_port: int, port: int, server: int, handshake: bool, client: int = 100,
                 first: tuple[int, int] = (1000, 5000)):
        self.capture, self.ports, self.server, self.client = capture, (client_port, port), server, client
        self.seq = [*first]
        self.hops = 64          # left to the packets of both sides
        if handshake:
            for way, flags in ((0, 0x02), (1, 0x12)):
                self.segment(way, b"", flags=flags)
                self.seq[way] += 1
            self.segment(0, b"")

    def segment(self, way: int, data: bytes, seq: int | None = None, flags: int = 0x18) -> int:
        """One frame; way: 0 to the server, 1 from it. Returns its number."""
        seq = self.seq[way] if seq is None else seq
        source, target = (self.ports, self.ports[::-1])[way]
        tcp = struct.pack(">HHIIBBHHH", source, target, seq & 0xFFFFFFFF, self.seq[1 - way] & 0xFFFFFFFF if flags != 2 else 0,
                          0x50, flags, 64000, 0, 0) + data
        hosts = [bytes((192, 0, 2, self.client)), bytes((192, 0, 2, self.server))]
        header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 0, 0x4000, self.hops, 6, 0, hosts[way], hosts[1 - way])
        ethernet = b"\x02" + bytes(5) + b"\x02" + bytes(4) + b"\1" + b"\x08\x00"
        self.capture.frames.append(ethernet + header + tcp)
        return len(self.capture.frames)

    def send(self, way: int, data: bytes, size: int | None = None) -> list[tuple[int, int]]:
        """Sends data in segments of size bytes. Returns (offset behind the segment, frame) of each."""
        size = size or max(len(data), 1)
        ends = []
        for at in range(0, len(data), size):
            part = data[at:at + size]
            ends.append((at + len(part), self.segment(way, part)))
            self.seq[way] += len(part)
        return ends

    def lose(self, way: int, data: bytes) -> None:
        """Data that were sent and are not in the capture."""
        self.seq[way] += len(data)


def frame_at(ends: list[tuple[int, int]], offset: int) -> int:
    """The frame with the byte before offset."""
    return next(frame for end, frame in ends if end >= offset)


def seen(ends: list[tuple[int, int]], start: int, *pdus: bytes) -> list[Seen]:
    """PDUs that lie one behind the other from byte start of what was sent."""
    result = []
    for one in pdus:
        start += len(one)
        result.append(describe(one, frame_at(ends, start)))
    return result


def describe(one: bytes, frame: int) -> Seen:
    return Seen(frame, one[2], struct.unpack_from("<I", one, 12)[0], struct.unpack_from("<H", one, 8)[0])


def seen_in_chunks(ends: list[tuple[int, int]], start: int, size: int, *pdus: bytes) -> list[Seen]:
    """The same when they were sent in chunks of size bytes, of which the first begins at byte start."""
    total = sum(map(len, pdus))
    result, body = [], 0
    for one in pdus:
        body += len(one)
        # Before the last byte of the PDU there are that many whole chunks, and the line before its own.
        whole = (body - 1) // size
        at = start + whole * (len(b"%x\r\n" % size) + size + 2)
        last = min(size, total - whole * size)
        at += len(b"%x\r\n" % last) + body - whole * size
        result.append(describe(one, frame_at(ends, at)))
    return result
