# SPDX-License-Identifier: GPL-2.0-or-later
"""Flow files of mitmproxy, read by mitmproxy itself where it is installed."""

from __future__ import annotations

import pathlib
from typing import Any

from ..errors import bad_input
from . import http, lanes
from .archive import MEGABYTE, Budget
from .endpoints import Endpoints
from .model import NANOSECONDS, Connection, Exchange, Message, Trace


def _time(seconds: float | None) -> int | None:
    return int(seconds * 1_000_000) * (NANOSECONDS // 1_000_000) if seconds else None


def _message(start_line: str, message: Any) -> Message:
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in message.headers.fields]
    body = message.raw_content
    made = http.unwrapped(start_line, headers, body or b"", decoded=False)
    made.begun, made.done = _time(message.timestamp_start), _time(message.timestamp_end)
    if body is None:
        made.notes.append("The body is not in the trace")
    return made


def _exchange(number: int, flow: Any) -> Exchange:
    request, response = flow.request, flow.response
    made = _message(f"{request.method} {request.path} HTTP/1.1", request)
    failure = flow.error.msg if flow.error else None
    if response is None:
        return Exchange(f"flow {number}", made, None, failure or "No response is in the trace")
    return Exchange(
        f"flow {number}",
        made,
        _message(f"HTTP/1.1 {response.status_code} {response.reason}".rstrip(), response),
        failure,
    )


def read(path: pathlib.Path, budget: Budget) -> Trace:
    """All HTTP flows of a file; Problem if it is none or mitmproxy is not installed."""
    try:
        from mitmproxy import exceptions, io
        from mitmproxy.http import HTTPFlow
    except ImportError as error:
        raise bad_input(
            f"{path} looks like flows of mitmproxy: to read them, install the package mitmproxy"
        ) from error

    trace = Trace()
    endpoints = Endpoints()
    found: dict[tuple[str, object], tuple[Connection, list[bool]]] = {}
    if path.stat().st_size > budget.left:
        raise bad_input(
            f"{path} has more than {budget.left // MEGABYTE} MB; if you trust it, allow more with --max-size"
        )
    with path.open("rb") as stream:
        try:
            for number, flow in enumerate(io.FlowReader(stream).stream(), 1):
                if isinstance(flow, HTTPFlow) and flow.request.method != "CONNECT":
                    _add_flow(endpoints, found, number, flow)
        except exceptions.FlowReadException as error:
            if not found:
                raise bad_input(f"{path} is no flow file of mitmproxy ({error})") from error
            trace.warnings.append(f"The file ends in the middle of a flow ({error}): what stands before it is read")
    for connection, streams in found.values():
        split = lanes.split(connection, any(streams))
        for lane in split[1:]:
            lane.client = (lane.client[0], endpoints.client(None, None).port)
        trace.connections += split
    return trace


def _add_flow(
    endpoints: Endpoints, found: dict[tuple[str, object], tuple[Connection, list[bool]]], number: int, flow: Any
) -> None:
    peer = flow.client_conn.peername or (None, None)
    address = (flow.server_conn.peername or (None,))[0]
    server = endpoints.server(address, flow.request.host, flow.request.port, flow.request.scheme == "https")
    key = (flow.client_conn.id, server.address)
    if key not in found:
        made = endpoints.connection(
            endpoints.client(peer[0], peer[1]), server, _time(flow.client_conn.timestamp_start)
        )
        made.closed = _time(flow.client_conn.timestamp_end)
        found[key] = made, []
    found[key][0].exchanges.append(_exchange(number, flow))
    found[key][1].append(flow.request.http_version.startswith(("HTTP/2", "HTTP/3")))
