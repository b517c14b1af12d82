# SPDX-License-Identifier: GPL-2.0-or-later
"""The events of all parts in one file, as one tshark over the merged capture would tell them, in the order of time."""

from __future__ import annotations

import collections
import dataclasses
import heapq
import json
import pathlib
import re
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any

import numpy

from .links import Link

_SESSION = re.compile(rb'"session":(\d+)')
_TEXT = re.compile(rb'"text":"((?:[^"\\]|\\.)*)"')
_IN_TEXT = re.compile(rb"\bsession (\d+)")


@dataclasses.dataclass
class Decoded:
    """A part that was decoded: what its links say of it."""

    number: int
    events: pathlib.Path
    links: list[Link]
    sessions: list[tuple[int, int]]     # (frame, number in this part)
    connections: list[dict[str, Any]]   # what each adds to the event "capture"


def read_links(number: int, events: pathlib.Path, unit: numpy.ndarray) -> Decoded:
    """Reads the links of a part. unit: of each frame of the merged capture."""
    decoded = Decoded(number, events, [], [], [])
    with open(events.with_suffix(".links"), encoding="ascii") as stream:
        for text in stream:
            line: dict[str, Any] = json.loads(text)
            kind = line["link"]
            if kind == "session":
                decoded.sessions.append((line["frame"], line["session"]))
            elif kind == "connection":
                decoded.connections.append(line)
            else:
                decoded.links.append(Link(kind, line["key"], line["frame"], int(unit[line["frame"] - 1]), line["defines"]))
    return decoded


def session_numbers(parts: Sequence[Decoded], owns: Callable[[int, int], bool]) -> dict[tuple[int, int], int]:
    """(part, number in it) -> number in the merged capture: sessions count in the order of their first frame."""
    found = sorted((frame, part.number, number) for part in parts for frame, number in part.sessions
                   if owns(part.number, frame))
    return {(part, number): place for place, (_, part, number) in enumerate(found, 1)}


@dataclasses.dataclass
class Counts:
    """What the summary says."""

    events: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    outcomes: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    followups: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    diagnoses: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    inferred: int = 0


class _Part:
    """The events of a part, with the numbers of the merged capture."""

    def __init__(self, part: Decoded, numbers: dict[tuple[int, int], int], owns: Callable[[int, int], bool]):
        self.part, self.owns = part, owns
        self.numbers = {number: place for (of, number), place in numbers.items() if of == part.number}

    def _session(self, match: re.Match[bytes]) -> bytes:
        return b'"session":%d' % self.numbers.get(int(match[1]), 0)

    def _in_text(self, match: re.Match[bytes]) -> bytes:
        number = int(match[1])
        return b"session %d" % self.numbers.get(number, number)

    def lines(self) -> Iterator[tuple[int, bytes]]:
        with open(self.part.events, "rb") as stream:
            for stored in stream:
                number, _, line = stored.partition(b"\t")
                frame = int(number)
                if not self.owns(self.part.number, frame):
                    continue
                line = _SESSION.sub(self._session, line, count=1)
                if b'"text":"' in line:
                    line = _TEXT.sub(lambda match: _IN_TEXT.sub(self._in_text, match[0]), line)
                yield frame, line


_EVENT = re.compile(rb'"event":"([a-z]+)"')
_OUTCOME = re.compile(rb'"outcome":"([a-z_]+)"')
_FOLLOWUP = re.compile(rb'"followup":"([a-z]+)"')
_NAME = re.compile(rb'"name":"([^"]+)"')


def _count(counts: Counts, line: bytes) -> None:
    kind = _EVENT.search(line)
    assert kind
    counts.events[kind[1].decode()] += 1
    if kind[1] == b"wakeup":
        for counter, pattern in ((counts.outcomes, _OUTCOME), (counts.followups, _FOLLOWUP)):
            found = pattern.search(line)
            if found:
                counter[found[1].decode()] += 1
    elif kind[1] == b"diagnosis" and (found := _NAME.search(line)):
        counts.diagnoses[found[1].decode()] += 1
    elif kind[1] == b"followup" and b'"match":3' in line:
        counts.inferred += 1


_SUMS = ("tls_connections", "tls_undecrypted", "exchange_connections", "one_direction")


def capture_line(parts: Sequence[Decoded], owns: Callable[[int, int], bool], known: dict[str, str]) -> bytes:
    """The event "capture" of all files; known: the members that the files show without tshark."""
    sums = collections.Counter({name: 0 for name in _SUMS})
    for part in parts:
        for connection in part.connections:
            if owns(part.number, connection["frame"]):
                sums.update({name: connection[name] for name in _SUMS})
    members = {"version": "1", "event": '"capture"', **known, **{name: str(sums[name]) for name in _SUMS}}
    return ("{" + ",".join(f'"{name}":{value}' for name, value in members.items()) + "}\n").encode()


def write(parts: Sequence[Decoded], owns: Callable[[int, int], bool], stream: IO[bytes]) -> Counts:
    """Writes the merged events. owns(part, frame): whether this part is the one that decoded the frame's client with all that
    it belongs together with."""
    numbers = session_numbers(parts, owns)
    counts = Counts()
    streams = [_Part(part, numbers, owns).lines() for part in parts]
    for _, line in heapq.merge(*streams, key=lambda event: event[0]):
        stream.write(line)
        _count(counts, line)
    return counts
