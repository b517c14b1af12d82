# SPDX-License-Identifier: GPL-2.0-or-later
"""HTTP Archive 1.2 (HAR), as browsers, Fiddler and proxies write it."""

from __future__ import annotations

import base64
import binascii
import json
import pathlib
import re
import urllib.parse
from typing import Any

from ..errors import bad_input
from . import http, lanes
from .archive import MEGABYTE, Budget
from .endpoints import Endpoints
from .model import Connection, Exchange, Message, Trace, parse_time

_BINARY = ("application/mapi-http", "application/octet-stream", "application/rpc")


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _milliseconds(value: Any) -> int:
    """A duration as nanoseconds; -1 stands for "does not apply"."""
    return int(value * 1_000_000) if isinstance(value, (int, float)) and 0 <= value < 1e12 else 0


def _headers(message: dict[str, Any]) -> http.Headers:
    return [
        (str(header.get("name", "")), str(header.get("value", "")))
        for header in map(_dict, _list(message.get("headers")))
        if header.get("name")
    ]


def _bytes_of(content: dict[str, Any], notes: list[str]) -> bytes:
    """The bytes of a body: base64, or a text of which each character is a byte of a binary body."""
    text = content.get("text")
    if not isinstance(text, str) or not text:
        size = content.get("size")
        if isinstance(size, (int, float)) and size > 0:
            notes.append(f"The body of {int(size)} bytes is not in the trace")
        return b""
    if content.get("encoding") == "base64":
        try:
            return base64.b64decode(text, validate=False)
        except (binascii.Error, ValueError):
            notes.append("The body is no base64 and left out")
            return b""
    kind = str(content.get("mimeType", "")).split(";")[0].strip().lower()
    if "\ufffd" in text:
        notes.append("Bytes of the body were lost when the trace was written as text")
    if kind in _BINARY:
        return text.encode("latin-1", "replace")
    return text.encode("utf-8", "surrogatepass")


def _start(exchange: dict[str, Any], trace: Trace, number: int) -> int | None:
    text = exchange.get("startedDateTime")
    begun, zoned = parse_time(text if isinstance(text, str) else None)
    if begun is None:
        trace.warnings.append(f"Entry {number} has no time")
    elif not zoned:
        trace.warnings.append(f"Entry {number}: its time names no time zone and is taken for UTC")
    return begun


def _request(request: dict[str, Any], url: urllib.parse.SplitResult, begun: int | None) -> Message:
    target = urllib.parse.urlunsplit(("", "", url.path or "/", url.query, ""))
    notes: list[str] = []
    body = _bytes_of(_dict(request.get("postData")), notes)
    headers = _headers(request)
    if not http.value_of(headers, "host"):
        headers.insert(0, ("Host", url.netloc))
    message = http.unwrapped(f"{request.get('method') or 'GET'} {target} HTTP/1.1", headers, body, decoded=False)
    message.begun = message.done = begun
    message.notes[:0] = notes
    return message


def _response(entry: dict[str, Any], begun: int | None) -> tuple[Message | None, str | None]:
    """The response, and why there is none or not all of it."""
    response = _dict(entry.get("response"))
    status = response.get("status")
    failure = next(
        (str(value) for value in (response.get("_error"), entry.get("_error"), response.get("comment")) if value),
        None,
    )
    if not isinstance(status, int) or not 100 <= status <= 999:
        return None, failure or "No response is in the trace"
    notes: list[str] = []
    body = _bytes_of(_dict(response.get("content")), notes)
    message = http.unwrapped(
        f"HTTP/1.1 {status} {response.get('statusText') or ''}".rstrip(), _headers(response), body, decoded=True
    )
    message.notes[:0] = notes
    if begun is not None:
        timings = _dict(entry.get("timings"))
        wait = sum(_milliseconds(timings.get(name)) for name in ("blocked", "dns", "connect", "send", "wait"))
        message.begun = begun + wait
        message.done = max(begun + _milliseconds(entry.get("time")), message.begun)
    return message, None


def _client_port(connection: Any) -> str | None:
    """Fiddler names the client's port; the numbers of others are no ports."""
    match = re.match(r"ClientPort:(\d{1,5})", connection) if isinstance(connection, str) else None
    return match[1] if match else None


def read(path: pathlib.Path, budget: Budget) -> Trace:
    """All entries of an archive; Problem if it is none."""
    try:
        if path.stat().st_size > budget.left:
            raise bad_input(
                f"{path} has more than {budget.left // MEGABYTE} MB; if you trust it, allow more with --max-size"
            )
        log = _dict(_dict(json.loads(path.read_bytes())).get("log"))
    except OSError as error:
        raise bad_input(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise bad_input(f"{path} is no whole HTTP archive ({type(error).__name__}): save it again") from error
    if not isinstance(log.get("entries"), list):
        raise bad_input(f"{path} is JSON, but no HTTP archive: it has no log.entries")

    trace = Trace()
    endpoints = Endpoints()
    found: dict[tuple[object, ...], tuple[Connection, list[bool]]] = {}
    for number, entry in enumerate(map(_dict, log["entries"]), 1):
        request = _dict(entry.get("request"))
        try:
            url = urllib.parse.urlsplit(str(request.get("url", "")))
            host, port = url.hostname or "", url.port or (443 if url.scheme == "https" else 80)
        except ValueError:
            host = ""
        if not host or request.get("method") == "CONNECT":
            if not host:
                trace.warnings.append(f"Entry {number} has no URL and is left out")
            continue
        begun = _start(entry, trace, number)
        server = endpoints.server(entry.get("serverIPAddress"), host, port, url.scheme == "https")
        key = (server.address, str(entry.get("connection") or ""))
        if key not in found:
            client = endpoints.client(None, _client_port(entry.get("connection")))
            found[key] = endpoints.connection(client, server, None), []
        response, failure = _response(entry, begun)
        found[key][0].exchanges.append(Exchange(f"entry {number}", _request(request, url, begun), response, failure))
        version = f"{request.get('httpVersion')} {_dict(entry.get('response')).get('httpVersion')}".lower()
        found[key][1].append("h2" in version or "http/2" in version or "h3" in version)
    for connection, streams in found.values():
        trace.connections += _with_ports(endpoints, lanes.split(connection, any(streams)))
    return trace


def _with_ports(endpoints: Endpoints, split: list[Connection]) -> list[Connection]:
    """Further lanes get client ports of their own."""
    for lane in split[1:]:
        lane.client = (lane.client[0], endpoints.client(None, None).port)
    return split
