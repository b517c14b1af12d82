# SPDX-License-Identifier: GPL-2.0-or-later
"""Captures made on the spot: ROPs and address book bodies in MAPI/HTTP ([MS-OXCMAPIHTTP] 2.2.4,
2.2.5), each exchange on a TCP connection of its own.  For tests that are about single bytes and
need no more of a capture than that they arrive."""

import pathlib
import struct
import uuid

import tshark

LINKTYPE_RAW = 101
CLIENT, SERVER = b"\x0a\x00\x00\x01", b"\x0a\x00\x00\x02"
DONE = b"PROCESSING\r\nDONE\r\nX-ElapsedTime: 1\r\n\r\n"


def rop_buffer(rops: bytes, handles=()) -> bytes:
    """ROPs with their handle table behind an RPC_HEADER_EXT (Last)."""
    payload = struct.pack("<H", 2 + len(rops)) + rops + b"".join(struct.pack("<I", h) for h in handles)
    return struct.pack("<HHHH", 0, 4, len(payload), len(payload)) + payload


def execute(rops: bytes, handles=()) -> bytes:
    """Body of an Execute request."""
    buffer = rop_buffer(rops, handles)
    return struct.pack("<II", 0, len(buffer)) + buffer + struct.pack("<II", 0x8000, 0)


def executed(rops: bytes, handles=()) -> bytes:
    """Body of its response."""
    buffer = rop_buffer(rops, handles)
    return struct.pack("<IIII", 0, 0, 0, len(buffer)) + buffer + struct.pack("<I", 0)


class Capture:
    """A pcap file in the making.  Requests have odd frame numbers, the response to each follows it."""

    def __init__(self):
        self.records = []

    def exchange(self, kind: str, request: bytes, response: bytes, session: str = "s") -> int:
        """Adds a request and its response; returns the frame of the request. Each session has a GUID of its own
        (MS-OXCMAPIHTTP 3.1.5.1)."""
        number = len(self.records) // 2
        where = "nspi" if kind not in ("Connect", "Execute", "NotificationWait", "Disconnect") else "emsmdb"
        common = (f"Content-Type: application/mapi-http\r\nX-RequestType: {kind}\r\n"
                  f"X-RequestId: {{{uuid.uuid5(uuid.NAMESPACE_OID, session)}}}:{number + 1}\r\n")
        question = (f"POST /mapi/{where}/ HTTP/1.1\r\nHost: x\r\n{common}Cookie: sid={session}\r\n"
                    f"Content-Length: {len(request)}\r\n\r\n").encode() + request
        body = DONE + response
        answer = (f"HTTP/1.1 200 OK\r\n{common}X-ResponseCode: 0\r\n"
                  f"Content-Length: {len(body)}\r\n\r\n").encode() + body
        port = 20000 + number % 40000
        self._segment(CLIENT, SERVER, port, 80, 1, 1, question)
        self._segment(SERVER, CLIENT, 80, port, 1, 1 + len(question), answer)
        return len(self.records) - 1

    def _segment(self, source, destination, sport, dport, seq, ack, data, flags=0x18):
        tcp = struct.pack(">HHIIBBHHH", sport, dport, seq, ack, 0x50, flags, 0xFFFF, 0, 0) + data
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0, source, destination)
        self.records.append(ip + tcp)

    def write(self, name: str, pauses: dict[int, int] | None = None) -> pathlib.Path:
        """The file, where tshark can read it; pauses: frame -> seconds more than 1 us since the one before it."""
        path, late = tshark.folder() / name, 0
        with open(path, "wb") as file:
            file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 0x40000, LINKTYPE_RAW))
            for index, packet in enumerate(self.records):
                late += (pauses or {}).get(index + 1, 0)
                file.write(struct.pack("<IIII", 1700000000 + late + index // 1000, index % 1000, len(packet),
                                       len(packet)) + packet)
        path.chmod(0o644)
        return path
