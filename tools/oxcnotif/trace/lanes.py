# SPDX-License-Identifier: GPL-2.0-or-later
"""Exchanges that a trace puts on one connection, in lanes that HTTP/1.1 can carry."""

from __future__ import annotations

from .model import NANOSECONDS, Connection, Exchange

# Times of a HAR are rounded, and some writers name a connection only roughly: an overlap up to this is rounding.
_ROUNDING = NANOSECONDS


def _begin(exchange: Exchange) -> int:
    return exchange.request.begun or 0


def _end(exchange: Exchange) -> int:
    last = exchange.response or exchange.request
    return last.done or last.begun or exchange.request.done or _begin(exchange)


def split(connection: Connection, multiplexed: bool) -> list[Connection]:
    """The connection, or several in its place if exchanges overlap: streams of HTTP/2 (multiplexed), or exchanges that
    cannot have shared one connection of HTTP/1.1.  The first keeps the client's port."""
    lanes: list[Connection] = []
    for exchange in sorted(connection.exchanges, key=_begin):
        slack = 0 if multiplexed else _ROUNDING
        lane = next((lane for lane in lanes if _begin(exchange) + slack >= _end(lane.exchanges[-1])), None)
        if lane is None:
            lane = Connection(
                connection.client,
                connection.server,
                connection.opened if not lanes else None,
                connection.closed,
                [],
                list(connection.notes),
            )
            lanes.append(lane)
        lane.exchanges.append(exchange)
    if len(lanes) > 1:
        what = "streams of HTTP/2" if multiplexed else "exchanges that overlap"
        for lane in lanes:
            lane.notes.append(f"The trace has {what} here: written as {len(lanes)} connections of HTTP/1.1")
    return lanes
