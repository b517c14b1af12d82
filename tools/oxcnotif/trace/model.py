# SPDX-License-Identifier: GPL-2.0-or-later
"""HTTP traffic as a trace holds it, whatever the trace's format."""

from __future__ import annotations

import dataclasses
import datetime
import re

NANOSECONDS = 1_000_000_000


@dataclasses.dataclass
class Message:
    """A request or response as its bytes stood on the connection.

    Times are nanoseconds since the epoch; None where the trace does not tell.  `notes` becomes the comment of the first
    packet.
    """

    head: bytes  # start line and headers, with the empty line
    body: bytes
    begun: int | None = None  # the head
    done: int | None = None  # the last byte
    notes: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Exchange:
    """A request with what the trace holds of its response."""

    name: str  # by which a person finds it in the trace
    request: Message
    response: Message | None = None
    failure: str | None = None  # why there is no (whole) response, in the trace's words
    server_closed: int | None = None  # when the server closed the connection instead of answering


@dataclasses.dataclass
class Connection:
    """One TCP connection of the trace, or what stands for one where the trace names none."""

    client: tuple[str, int]
    server: tuple[str, int]
    opened: int | None = None
    closed: int | None = None
    exchanges: list[Exchange] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Trace:
    """All connections of a trace, and what had to be passed over."""

    connections: list[Connection] = dataclasses.field(default_factory=list)
    warnings: list[str] = dataclasses.field(default_factory=list)


_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(Z|[+-]\d\d:?\d\d)?$")


def parse_time(text: str | None) -> tuple[int | None, bool]:
    """An ISO 8601 time as nanoseconds since the epoch, and whether it names its zone (without one it is taken for UTC).

    Traces write up to seven digits behind the point, and the year 1 for a time that never came: (None, True), as for
    what is no time.
    """
    match = _TIME.match(text.strip()) if text else None
    if not match:
        return None, True
    *parts, fraction, zone = match.groups()
    year, month, day, hour, minute, second = (int(part) for part in parts)
    if year < 1970:
        return None, True
    try:
        moment = datetime.datetime(year, month, day, hour, minute, min(second, 59), tzinfo=datetime.timezone.utc)
    except ValueError:
        return None, True
    seconds = int(moment.timestamp()) + (second - min(second, 59))
    if zone and zone != "Z":
        offset = int(zone[1:3]) * 3600 + int(zone[-2:]) * 60
        seconds -= offset if zone[0] == "+" else -offset
    return seconds * NANOSECONDS + int((fraction or "0")[:9].ljust(9, "0")), zone is not None
