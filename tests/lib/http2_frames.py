# SPDX-License-Identifier: GPL-2.0-or-later
"""Frames of HTTP/2 (RFC 9113 6) and header blocks (RFC 7541), byte by byte."""

from __future__ import annotations

import struct

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, END_HEADERS, PADDED, PRIORITY = 1, 4, 8, 0x20
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind: int, stream: int, payload: bytes = b"", flags: int = 0) -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def literal(text: str) -> bytes:
    """A string without Huffman code (RFC 7541 5.2), the length as an integer with a prefix of 7 bits (5.1)."""
    data, length = text.encode(), len(text)
    if length < 127:
        return bytes([length]) + data
    rest, size = length - 127, b"\x7f"
    while rest >= 128:
        size, rest = size + bytes([rest % 128 + 128]), rest // 128
    return size + bytes([rest]) + data


def block(headers: list[tuple[str, str]]) -> bytes:
    """Literal header fields without indexing (RFC 7541 6.2.2)."""
    return b"".join(b"\0" + literal(name) + literal(value) for name, value in headers)
