# SPDX-License-Identifier: GPL-2.0-or-later
"""The events of all parts in one file, as one tshark over the merged capture would tell them, in the order of time."""

from __future__ import annotations

import array
import collections
import contextlib
import dataclasses
import json
import mmap
import os
import pathlib
import re
from collections.abc import Callable, Sequence
from typing import IO, Any

import numpy

from . import lines
from .links import Link


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


def session_numbers(parts: Sequence[Decoded], owns: Callable[[int, int], bool]) -> dict[int, dict[int, int]]:
    """Part -> number in it -> number in the merged capture: sessions count in the order of their first frame."""
    found = sorted((frame, part.number, number) for part in parts for frame, number in part.sessions
                   if owns(part.number, frame))
    numbers: dict[int, dict[int, int]] = collections.defaultdict(dict)
    for place, (_, part, number) in enumerate(found, 1):
        numbers[part][number] = place
    return numbers


@dataclasses.dataclass
class Counts:
    """What the summary says."""

    events: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    outcomes: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    followups: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    diagnoses: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    inferred: int = 0

    def add(self, other: Counts) -> None:
        for name in ("events", "outcomes", "followups", "diagnoses"):
            getattr(self, name).update(getattr(other, name))
        self.inferred += other.inferred


_OUTCOME = re.compile(rb'"outcome":"([a-z_]+)"')
_FOLLOWUP = re.compile(rb'"followup":"([a-z]+)"')
_NAME = re.compile(rb'"name":"([^"]+)"')
_COUNTED = frozenset((b"wakeup", b"diagnosis", b"followup"))


def _count(counts: Counts, kind: bytes, line: bytes) -> None:
    if kind == b"wakeup":
        for counter, pattern in ((counts.outcomes, _OUTCOME), (counts.followups, _FOLLOWUP)):
            found = pattern.search(line)
            if found:
                counter[found[1].decode()] += 1
    elif kind == b"diagnosis" and (found := _NAME.search(line)):
        counts.diagnoses[found[1].decode()] += 1
    elif kind == b"followup" and b'"match":3' in line:
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


@dataclasses.dataclass(frozen=True)
class Finish:
    """What a worker needs to give a part its last form. owners: the file with the part that each frame is decoded in."""

    number: int
    events: str
    names: tuple[str, ...]      # of each file, as events name it
    sessions: dict[int, int]
    owners: str
    result: str


def finish(part: Finish) -> Counts:
    """Writes the events of a part as the merged capture has them, without those of clients that were decoded again in another
    part; and beside them their frames and lengths."""
    counts = Counts()
    places = lines.Places.load(str(pathlib.Path(part.events).with_suffix(".places")))
    mine = numpy.load(part.owners, mmap_mode="r")[places.merged - 1] == part.number
    translator = lines.Translator(places, [json.dumps(name).encode() for name in part.names], part.sessions, mine)
    frames, lengths = array.array("I"), array.array("I")
    with open(part.events, "rb") as source, open(part.result, "wb") as stream:
        for found, kinds, events in translator.events(source):
            stream.write(b"".join(events))
            frames.extend(found)
            lengths.extend(map(len, events))
            for kind, number in collections.Counter(kinds).items():
                counts.events[kind.decode()] += number
            for kind, line in zip(kinds, events):
                if kind in _COUNTED:
                    _count(counts, kind, line)
    numpy.save(f"{part.result}.npy", numpy.array([frames, lengths], dtype=numpy.uint32))
    return counts


def write(finished: Sequence[Finish], stream: IO[bytes]) -> None:
    """Writes the events of all parts in the order of their frames. All events of a frame are of one part."""
    tables = [numpy.load(f"{part.result}.npy") for part in finished]
    frames = numpy.concatenate([table[0] for table in tables])
    part_of = numpy.concatenate([numpy.full(table.shape[1], number) for number, table in enumerate(tables)])
    lengths = numpy.concatenate([table[1] for table in tables]).astype(numpy.int64)
    starts = numpy.concatenate([numpy.cumsum(table[1], dtype=numpy.int64) - table[1] for table in tables])
    order = numpy.argsort(frames, kind="stable")
    with contextlib.ExitStack() as stack:
        maps: list[mmap.mmap | bytes] = []
        for part in finished:
            source = stack.enter_context(open(part.result, "rb"))
            maps.append(stack.enter_context(mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ))
                        if os.fstat(source.fileno()).st_size else b"")
        for at in range(0, len(order), 65536):
            some = order[at:at + 65536]
            stream.write(b"".join([maps[part][start:start + length] for part, start, length in
                                   zip(part_of[some].tolist(), starts[some].tolist(), lengths[some].tolist())]))
