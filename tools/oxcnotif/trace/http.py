# SPDX-License-Identifier: GPL-2.0-or-later
"""Heads and framing of HTTP/1.1 messages (RFC 9112), as far as a trace leaves them to be mended."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .model import Message

Headers = list[tuple[str, str]]

_FRAMING = ("transfer-encoding", "content-length")
_FORBIDDEN = re.compile(r"[\r\n\0]")


def split(raw: bytes) -> tuple[bytes, bytes]:
    """Head, up to the empty line, and body of a whole message; the head is empty if there is no empty line."""
    for end in (b"\r\n\r\n", b"\n\n"):
        head, found, body = raw.partition(end)
        if found:
            return head + found, body
    return b"", raw


def headers_of(head: bytes) -> Headers:
    """The headers of a head in order, names as they were written."""
    found = []
    for line in head.decode("latin-1").splitlines()[1:]:
        name, colon, value = line.partition(":")
        if colon:
            found.append((name.strip(), value.strip()))
    return found


def value_of(headers: Headers, name: str) -> str | None:
    return next((value for key, value in headers if key.lower() == name), None)


def has_token(headers: Headers, name: str, token: str) -> bool:
    """Whether a header of that name lists the token, as `Connection: close` does."""
    return any(
        token in (part.strip().lower() for part in value.split(",")) for key, value in headers if key.lower() == name
    )


def build_head(start_line: str, headers: Iterable[tuple[str, str]]) -> bytes:
    """A head of a start line and headers; HTTP/2's pseudo-headers are no headers of HTTP/1.1 and left out."""
    lines = [start_line, *(f"{name}: {value}" for name, value in headers if not name.startswith(":"))]
    return "".join(f"{_FORBIDDEN.sub(' ', line)}\r\n" for line in lines).encode("latin-1", "replace") + b"\r\n"


def unwrapped(start_line: str, headers: Headers, body: bytes, *, decoded: bool) -> Message:
    """A message whose body a trace holds without its chunks and, if `decoded`, without its Content-Encoding.

    Its headers still speak of both: the chunked form is made again with one chunk, Content-Length becomes what is
    there, and a Content-Encoding that was undone is taken out of the head.
    """
    notes = []
    kept = [(name, value) for name, value in headers if name.lower() not in _FRAMING]
    if decoded and value_of(kept, "content-encoding"):
        notes.append(
            f"Content-Encoding {value_of(kept, 'content-encoding')} was undone in the trace; the header is left out"
        )
        kept = [(name, value) for name, value in kept if name.lower() != "content-encoding"]
    if has_token(headers, "transfer-encoding", "chunked"):
        notes.append("The trace holds the body without its chunks: their bounds and times are not known")
        kept.append(("Transfer-Encoding", "chunked"))
        chunk = b"%x\r\n%s\r\n" % (len(body), body) if body else b""
        body = chunk + b"0\r\n\r\n"
    elif body or value_of(headers, "content-length") is not None:
        told = value_of(headers, "content-length")
        if told is not None and told.isdigit() and int(told) != len(body):
            notes.append(f"Content-Length was {told}, the trace holds {len(body)} bytes")
        kept.append(("Content-Length", str(len(body))))
    return Message(build_head(start_line, kept), body, notes=notes)


def _chunked_is_whole(body: bytes) -> bool:
    at = 0
    while True:
        line_end = body.find(b"\r\n", at)
        if line_end < 0:
            return False
        size = body[at:line_end].split(b";")[0].strip()
        if not re.fullmatch(rb"[0-9A-Fa-f]{1,8}", size):
            return False
        length = int(size, 16)
        if length == 0:
            return body.find(b"\r\n", line_end + 2) >= 0
        at = line_end + 2 + length + 2
        if at > len(body):
            return False


def framed(head: bytes, body: bytes) -> Message:
    """A message whose body a trace holds as it came, unless it says itself that the proxy took the chunks away."""
    headers = headers_of(head)
    start_line = head.decode("latin-1").split("\r\n")[0].rstrip("\n")
    if has_token(headers, "transfer-encoding", "chunked"):
        if not body or _chunked_is_whole(body):
            return Message(head, body)
        first = body.split(b"\r\n")[0].split(b";")[0].strip()
        if re.fullmatch(rb"[0-9A-Fa-f]{1,8}", first):
            return Message(head, body, notes=["The chunks do not end in the trace: the response is not whole"])
        return unwrapped(start_line, headers, body, decoded=False)
    told = value_of(headers, "content-length")
    if told is not None and told.isdigit() and int(told) < len(body):
        return unwrapped(start_line, headers, body, decoded=False)
    notes = []
    if told is not None and told.isdigit() and int(told) > len(body):
        notes.append(f"Content-Length says {told}, the trace holds {len(body)} bytes: the message is not whole")
    return Message(head, body, notes=notes)
