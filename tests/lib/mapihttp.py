# SPDX-License-Identifier: GPL-2.0-or-later
"""MAPI/HTTP messages byte by byte ([MS-OXCMAPIHTTP] 2.2), extended buffers ([MS-OXCRPC] 2.2.2), and what tshark shows
of them.  Connections and files are those of rpch_streams.py."""

from __future__ import annotations

import pathlib
import struct

import tshark
from rpch_streams import Capture, Link

GUID = "{11111111-2222-3333-4444-555555555555}"
TO_SERVER, TO_CLIENT = 0, 1
FIN, RST = 0x11, 0x14


def u32(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}I", *values)


# --- extended buffers ---------------------------------------------------------------

COMPRESSED, XOR, LAST = 1, 2, 4


def ext(payload: bytes, flags: int = LAST, version: int = 0, size: int | None = None,
        size_actual: int | None = None) -> bytes:
    """RPC_HEADER_EXT and payload as given: neither obfuscated nor compressed here."""
    size = len(payload) if size is None else size
    return struct.pack("<HHHH", version, flags, size, size if size_actual is None else size_actual) + payload


def obfuscated(payload: bytes) -> bytes:
    return bytes(byte ^ 0xA5 for byte in payload)


def literals(payload: bytes) -> bytes:
    """An LZ77 stream ([MS-XCA] 2.3) without a match: 32 literals behind each mask, and the 1 that ends it."""
    stream = b""
    for at in range(0, len(payload), 32):
        part = payload[at:at + 32]
        stream += u32(0xFFFFFFFF >> len(part) if len(part) < 32 else 0) + part
    return stream if len(payload) % 32 else stream + u32(0xFFFFFFFF)


def rops(*handles: int) -> bytes:
    """A ROP buffer of nothing but its handle table: RopSize 2, handles."""
    return struct.pack("<H", 2) + u32(*handles)


def aux_block(kind: int, body: bytes, version: int = 1, size: int | None = None) -> bytes:
    return struct.pack("<HBB", 4 + len(body) if size is None else size, version, kind) + body


def sized(buffer: bytes) -> bytes:
    return u32(len(buffer)) + buffer


# --- bodies -------------------------------------------------------------------------

def connect(user: str = "/o=Lab/cn=anna", aux: bytes = b"") -> bytes:
    return user.encode() + b"\0" + u32(0, 1252, 1031, 1033) + sized(aux)


def connected(name: str = "Anna", aux: bytes = b"") -> bytes:
    return u32(0, 0, 60000, 6, 10000) + b"\0" + name.encode("utf-16-le") + b"\0\0" + sized(aux)


def execute(buffer: bytes = ext(rops()), aux: bytes = b"") -> bytes:
    return u32(0) + sized(buffer) + u32(0x8000) + sized(aux)


def executed(buffer: bytes = ext(rops()), aux: bytes = b"") -> bytes:
    return u32(0, 0, 0) + sized(buffer) + sized(aux)


WAIT, DISCONNECT, DONE_DISCONNECT = u32(0, 0), u32(0), u32(0, 0, 0)


def waited(pending: int, error: int = 0) -> bytes:
    return u32(0, error, pending, 0)


PREAMBLE = b"PROCESSING\r\nDONE\r\nX-ElapsedTime: 3\r\nX-StartTime: Mon, 23 Nov 2026 10:00:00 GMT\r\n\r\n"


# --- messages -----------------------------------------------------------------------

def message(start: str, headers: dict[str, str | list[str]], body: bytes | None) -> bytes:
    lines = [start]
    for name, value in headers.items():
        lines += [f"{name}: {one}" for one in ([value] if isinstance(value, str) else value)]
    if body is not None and "Transfer-Encoding" not in headers:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


class Client:
    """One client on one connection: counts its requests, sends and answers them."""

    def __init__(self, capture: "Http", guid: str = GUID, server: int = 1, host: int = 100):
        self.link: Link = capture.tcp.link(server=server, client=host)
        self.guid, self.count = guid, 0

    def request(self, kind: str | None, body: bytes | None, cookies: str = "", method: str = "POST",
                headers: dict[str, str] | None = None, request_id: bool = True) -> int:
        """Sends a request; returns its frame.  kind None: without X-RequestType."""
        self.count += 1
        named = {"Host": "mail.example", "Content-Type": "application/mapi-http"}
        if kind is not None:
            named["X-RequestType"] = kind
        if request_id:
            named["X-RequestId"] = f"{self.guid}:{self.count}"
        if cookies:
            named["Cookie"] = cookies
        data = message(f"{method} /mapi/emsmdb/?MailboxId=anna@lab.example HTTP/1.1", named | (headers or {}), body)
        return self.link.send(TO_SERVER, data)[-1][1]

    def response(self, kind: str | None, body: bytes | None, code: int | None = 0, status: str = "200 OK",
                 set_cookie: list[str] | None = None, content_type: str = "application/mapi-http",
                 headers: dict[str, str] | None = None, preamble: bytes | None = None, request_id: bool = True,
                 answers: int | None = None) -> int:
        """Sends a response; returns its frame.  answers: the number of the request, if not the last."""
        named: dict[str, str | list[str]] = {"Content-Type": content_type}
        if kind is not None:
            named["X-RequestType"] = kind
        if request_id:
            named["X-RequestId"] = f"{self.guid}:{answers or self.count}"
        if code is not None:
            named["X-ResponseCode"] = str(code)
        if set_cookie:
            named["Set-Cookie"] = set_cookie
        if body is not None:
            front = PREAMBLE if preamble is None and content_type == "application/mapi-http" else preamble or b""
            body = front + body
        data = message(f"HTTP/1.1 {status}", named | (headers or {}), body)
        return self.link.send(TO_CLIENT, data)[-1][1]

    def call(self, kind: str, body: bytes, answer: bytes, cookies: str = "", **more) -> tuple[int, int]:
        return self.request(kind, body, cookies), self.response(kind, answer, **more)

    def connect(self, set_cookie: list[str] | None = None, cookies: str = "", name: str = "Anna") -> tuple[int, int]:
        return self.call("Connect", connect(), connected(name), cookies,
                         set_cookie=set_cookie or ["MapiContext=c1", "MapiSequence=s1"])

    def end(self, flags: int, way: int = TO_CLIENT) -> int:
        """An empty segment with FIN or RST; returns its frame."""
        return self.link.segment(way, b"", flags=flags)


class Http:
    """A capture in the making."""

    def __init__(self) -> None:
        self.tcp = Capture()

    def client(self, guid: str = GUID, server: int = 1, host: int = 100) -> Client:
        """host, server: last bytes of the addresses."""
        return Client(self, guid, server, host)

    def write(self, name: str, snaplens: dict[int, int] | None = None) -> pathlib.Path:
        """The file, where tshark can read it; snaplens: frame -> bytes of it that were captured, where that is fewer."""
        return self.tcp.write(tshark.folder() / f"{name}.pcap", snaplens=snaplens)


# --- what is shown ------------------------------------------------------------------

BUGS = ("_ws.malformed", "_ws.expert.group")
PI_DISSECTOR_BUG = 0x11000000


def shown(path: pathlib.Path, names, two_pass: bool = False) -> dict[int, dict[str, list[str]]]:
    """frame -> field -> values, and nothing in any frame that came of an exception."""
    rows = tshark.fields(path, [*names, *BUGS], two_pass=two_pass)
    for row in rows:
        # Expert items of the group Malformed leave the field's own name.
        assert set(row["_ws.malformed"]) <= {"_ws.malformed"}, row
        assert all(int(group, 0) != PI_DISSECTOR_BUG for group in row["_ws.expert.group"]), row
    return {row["frame"]: row for row in rows}
