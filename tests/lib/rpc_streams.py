# SPDX-License-Identifier: GPL-2.0-or-later
"""Builds small captures of EMSMDB over TCP, byte by byte ([MS-OXCRPC] 3.1.4, C706 12.6, 14), for
what the lab's stacks do not send."""

from __future__ import annotations

import struct
import uuid

import carrier
import rpch_streams as pdus

EMSMDB = uuid.UUID("a4f1db00-ca47-1067-b31f-00dd010662da")
ASYNCEMSMDB = uuid.UUID("5261574a-4572-206e-b268-6b199213b4e4")
CXH = bytes(4) + uuid.UUID(int=0xC0DE).bytes_le
NO_HANDLE = bytes(20)
EMPTY_ROPS = struct.pack("<HHHHH", 0, 4, 2, 2, 2)      # RPC_HEADER_EXT (Last), RopSize 2


def pad(data: bytes) -> bytes:
    return data + b"\xbf" * (-len(data) % 4)


def conformant(data: bytes) -> bytes:
    return pad(struct.pack("<I", len(data)) + data)


def varying(data: bytes, room: int) -> bytes:
    return pad(struct.pack("<III", room, 0, len(data)) + data)


def string(text: str) -> bytes:
    data = text.encode() + b"\0"
    return varying(data, len(data))


def bind(call: int, *interfaces: uuid.UUID) -> bytes:
    body = struct.pack("<HHIBxxx", 5840, 5840, 0, len(interfaces))
    for number, interface in enumerate(interfaces):
        body += struct.pack("<HBx", number, 1) + interface.bytes_le + struct.pack("<HH", 0, 81) + \
            pdus.NDR.bytes_le + struct.pack("<I", 2)
    return pdus.pdu(pdus.BIND, call, body)


def bind_ack(call: int, results: int = 1) -> bytes:
    return pdus.pdu(pdus.BIND_ACK, call, struct.pack("<HHIH", 5840, 5840, 1, 5) + b"6001\0" + b"\0"
                    + struct.pack("<Bxxx", results) + (struct.pack("<HH", 0, 0) + pdus.NDR.bytes_le
                                                       + struct.pack("<I", 2)) * results)


def connect_request(user: str = "/o=Lab/cn=anna", link: int = 0xFFFFFFFF) -> bytes:
    return string(user) + struct.pack("<IIIIIIIHHHHI", 0, 0, 0, 1252, 0x409, 0x409, link, 1, 0xE00, 0x9C64, 0x1388, 0) + \
        conformant(b"") + struct.pack("<II", 0, 0x1008)


def connect_response(cxh: bytes = CXH, index: int = 7) -> bytes:
    return cxh + struct.pack("<IIIHxxII", 60000, 6, 10000, index, 0, 0) + \
        struct.pack("<HHHHHHI", 0xE0B, 0x80FB, 4, 0xE00, 0x9C64, 0x1388, 1) + varying(b"", 0x1008) + struct.pack("<II", 0, 0)


def rpc_request(cxh: bytes = CXH, rops: bytes = EMPTY_ROPS) -> bytes:
    return cxh + struct.pack("<I", 0) + conformant(rops) + struct.pack("<II", len(rops), 0x8007) + \
        conformant(b"") + struct.pack("<II", 0, 0x1008)


def rpc_response(cxh: bytes = CXH, rops: bytes = EMPTY_ROPS, value: int = 0) -> bytes:
    return cxh + struct.pack("<I", 0) + varying(rops, 0x8007) + struct.pack("<I", len(rops)) + \
        varying(b"", 0x1008) + struct.pack("<III", 0, 16, value)


def fragments(kind: int, call: int, opnum: int, stub: bytes, size: int) -> list[bytes]:
    """The PDUs of a request or response whose stub is cut into pieces of size bytes."""
    found = []
    for at in range(0, len(stub), size):
        last = at + size >= len(stub)
        body = struct.pack("<IHH", len(stub) - at, 0, opnum if kind == pdus.REQUEST else 0) + stub[at:at + size]
        flags = (1 if at == 0 else 0) | (2 if last else 0)
        found.append(struct.pack("<BBBBIHHI", 5, 0, kind, flags, 0x10, 16 + len(body), 0, call) + body)
    return found


class Stream:
    """A TCP connection in a carrier.Capture; every call is one segment, and returns its frame."""

    def __init__(self, capture: carrier.Capture, port: int = 49700, client_port: int = 50000,
                 client: bytes = carrier.CLIENT, server: bytes = carrier.SERVER):
        self.capture, self.ports, self.client, self.server = capture, (client_port, port), client, server
        self.position = [1, 1]

    def _say(self, side: int, data: bytes, flags: int = 0x18) -> int:
        ends = [self.client, self.server]
        self.capture._segment(ends[side], ends[1 - side], self.ports[side], self.ports[1 - side], self.position[side],
                              self.position[1 - side], data, flags)
        self.position[side] += len(data)
        return len(self.capture.records)

    def up(self, data: bytes) -> int:
        return self._say(0, data)

    def down(self, data: bytes) -> int:
        return self._say(1, data)

    def reset(self, side: int = 1) -> int:
        """By the client (0) or the server (1)."""
        return self._say(side, b"", 0x14)

    def bound(self, *interfaces: uuid.UUID) -> "Stream":
        self.up(bind(1, *(interfaces or (EMSMDB,))))
        self.down(bind_ack(1, len(interfaces) or 1))
        return self

    def call(self, number: int, opnum: int, stub: bytes, answer: bytes | None = None) -> tuple[int, int | None]:
        request = self.up(pdus.request(number, opnum, stub))
        return request, None if answer is None else self.down(pdus.response(number, answer))

    def connect(self, number: int = 2, **how) -> tuple[int, int]:
        return self.call(number, 10, connect_request(), connect_response(**how))


def datagram(capture: carrier.Capture, destination: bytes, port: int, data: bytes) -> int:
    udp = struct.pack(">HHHH", 33111, port, 8 + len(data), 0) + data
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, carrier.SERVER, destination)
    capture.records.append(ip + udp)
    return len(capture.records)
