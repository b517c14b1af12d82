# SPDX-License-Identifier: GPL-2.0-or-later
"""Fiddler's Session Archive Zip: raw/N_c.txt (request), raw/N_s.txt (response), raw/N_m.xml (timers and flags)."""

from __future__ import annotations

import dataclasses
import pathlib
import re
import urllib.parse
from xml.etree.ElementTree import Element, ParseError

import defusedxml
import defusedxml.ElementTree

from . import http
from .archive import MEGABYTE, Budget, members
from .endpoints import Endpoints
from .model import Connection, Exchange, Trace, parse_time

MAX_MESSAGE = 256 * MEGABYTE
MAX_METADATA = MEGABYTE

# Bits of the attribute BitFlags of Session (Fiddler's SessionFlags).
_TUNNEL = 0x1000
_GENERATED = 0x100  # Fiddler made the response itself

_MEMBER = re.compile(r"raw[/\\](\d{1,9})_([csm])\.(?:txt|xml)$", re.IGNORECASE)


@dataclasses.dataclass
class _Metadata:
    timers: dict[str, int | None] = dataclasses.field(default_factory=dict)
    flags: dict[str, str] = dataclasses.field(default_factory=dict)
    bits: int = 0
    zoned: bool = True

    def time(self, *names: str) -> int | None:
        """The first of these timers that the session has."""
        return next((self.timers[name] for name in names if self.timers.get(name)), None)


def _metadata(xml: bytes) -> _Metadata:
    """Raises ParseError or ValueError on what is no metadata (entities and DTDs are refused, too)."""
    root: Element = defusedxml.ElementTree.fromstring(xml, forbid_dtd=True)
    found = _Metadata()
    bits = root.get("BitFlags") or "0"
    found.bits = int(bits, 16 if bits.lower().startswith("0x") else 10)
    for element in root.iter("SessionTimers"):
        for name, text in element.attrib.items():
            found.timers[name], zoned = parse_time(text)
            found.zoned = found.zoned and zoned
    for element in root.iter("SessionFlag"):
        found.flags[(element.get("N") or "").lower()] = element.get("V") or ""
    return found


def _target(head: bytes, flags: dict[str, str]) -> tuple[bytes, str, int, bool]:
    """The head as it stood on the connection, with the host, port and scheme it was for.

    Fiddler writes the whole URL into the request line; in a TLS connection there is only its path (RFC 9112 3.2).
    """
    line, end, rest = head.partition(b"\r\n")
    words = line.split(b" ")
    url = (
        urllib.parse.urlsplit(words[1].decode("latin-1"))
        if len(words) == 3
        else urllib.parse.SplitResult("", "", "", "", "")
    )
    secure = url.scheme == "https" or "https-client-sessionid" in flags
    host = url.netloc or http.value_of(http.headers_of(head), "host") or ""
    try:
        parsed = urllib.parse.urlsplit(f"//{host}")
        name, port = parsed.hostname or "", parsed.port or (443 if secure else 80)
    except ValueError:
        name, port = host, 443 if secure else 80
    if url.scheme == "https":
        origin = urllib.parse.urlunsplit(("", "", url.path or "/", url.query, ""))
        head = b" ".join((words[0], origin.encode("latin-1"), words[2])) + end + rest
    return head, name, port, secure


def _response(raw: bytes, metadata: _Metadata, exchange: Exchange) -> None:
    head, body = http.split(raw)
    ended = metadata.time("ServerDoneResponse", "ClientDoneResponse")
    aborted = metadata.flags.get("x-aborted-when")
    if metadata.bits & _GENERATED or not head:
        words = " ".join(raw[len(head) :].decode("latin-1").split())[:200] if metadata.bits & _GENERATED else ""
        exchange.failure = "No response of the server is in the trace" + (f"; Fiddler says: {words}" if words else "")
        if aborted:
            exchange.failure += f" (aborted when {aborted})"
        if "ReadResponse() failed" in words:
            exchange.server_closed = ended
        return
    exchange.response = http.framed(head, body)
    exchange.response.begun = metadata.time("ServerBeginResponse", "GotResponseHeaders", "ClientBeginResponse")
    exchange.response.done = ended
    if aborted:
        exchange.failure = f"The session was aborted when {aborted}"
    passed_on = metadata.time("ClientBeginResponse")
    if passed_on and ended and passed_on - ended > 100_000_000:
        exchange.response.notes.append(
            f"The proxy passed the response on {(passed_on - ended) / 1e9:.3f} s after the server had sent it"
        )


def read(path: pathlib.Path, password: bytes | None, budget: Budget) -> Trace:
    """All sessions of an archive but CONNECT tunnels, whose contents are Fiddler's own text."""
    trace = Trace()
    parts: dict[int, dict[str, bytes]] = {}
    for name, data in members(path, password, budget, MAX_MESSAGE):
        match = _MEMBER.search(name)
        if match and (match[2].lower() != "m" or len(data) <= MAX_METADATA):
            parts.setdefault(int(match[1]), {})[match[2].lower()] = data

    endpoints = Endpoints()
    connections: dict[tuple[object, ...], Connection] = {}
    for number in sorted(parts):
        _add_session(trace, endpoints, connections, number, parts.pop(number))
    trace.connections = [connection for connection in connections.values() if connection.exchanges]
    return trace


def _add_session(
    trace: Trace,
    endpoints: Endpoints,
    connections: dict[tuple[object, ...], Connection],
    number: int,
    part: dict[str, bytes],
) -> None:
    try:
        metadata = _metadata(part["m"]) if part.get("m") else _Metadata()
    except (ParseError, ValueError, defusedxml.DefusedXmlException) as error:
        trace.warnings.append(
            f"Session {number}: its metadata cannot be read ({error}); times and addresses are missing"
        )
        metadata = _Metadata()
    if not metadata.timers:
        trace.warnings.append(f"Session {number} has no times")
    elif not metadata.zoned:
        trace.warnings.append(f"Session {number}: its times name no time zone and are taken for UTC")
    head, body = http.split(part.get("c", b""))
    if not head:
        if any(part.values()):
            trace.warnings.append(f"Session {number} has no request and is left out")
        return
    if metadata.bits & _TUNNEL or head.startswith(b"CONNECT "):
        return
    head, host, port, secure = _target(head, metadata.flags)
    client_port = metadata.flags.get("x-clientport", "")
    client = endpoints.client(metadata.flags.get("x-clientip"), client_port)
    server = endpoints.server(metadata.flags.get("x-hostip"), host, port, secure)
    opened = metadata.time("ClientConnected")
    # A port that names the same client and server again after a new connect is another connection.
    key = (client, server.address, opened) if client_port else (number,)
    connection = connections.get(key)
    if connection is None:
        connection = connections[key] = endpoints.connection(client, server, opened)
    request = http.framed(head, body)
    request.begun = metadata.time("ClientBeginRequest", "GotRequestHeaders")
    request.done = metadata.time("ClientDoneRequest")
    exchange = Exchange(f"session {number}", request)
    _response(part.get("s", b""), metadata, exchange)
    connection.exchanges.append(exchange)
