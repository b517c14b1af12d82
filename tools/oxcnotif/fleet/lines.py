# SPDX-License-Identifier: GPL-2.0-or-later
"""Lines of the tshark of a part: frames and sessions get the numbers of the merged capture, and events their file.

An event takes less time here than tshark takes for a frame only if most is done with all lines of a piece at once.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Iterator, Sequence
from typing import IO

import numpy

PIECE = 1 << 20     # bytes that are read in one go

_LINK = re.compile(rb'\{"link":[^\n]*\n')
_LINK_FRAME = re.compile(rb'"frame":(\d+)')
# What all events begin with, but "capture". After that, only members of the form "..._in" are numbers of frames.
_HEAD = re.compile(rb'(\{"version":\d+,"event":"[a-z]+","frame":)(\d+)((?:,"time":[\d.]+)?)(?:,"session":(\d+))?')
_IN = re.compile(rb'_in":(\d+)')
_TEXT = re.compile(rb'"(?:text|explanation)":"[^"\\]*(?:\\.[^"\\]*)*"')
_IN_TEXT = re.compile(rb"\b(frames?|session) (\d+)")
_KIND = re.compile(rb'"event":"([a-z]+)"')


@dataclasses.dataclass
class Places:
    """Of each frame of a part: its number in the merged capture, its file, and its place in that, from 0."""

    merged: numpy.ndarray
    file: numpy.ndarray
    packet: numpy.ndarray

    def save(self, stream: IO[bytes]) -> None:
        numpy.save(stream, numpy.array([self.merged, self.file, self.packet], dtype=numpy.uint32))

    @staticmethod
    def load(path: str) -> Places:
        return Places(*numpy.load(path))


def _numbers(table: numpy.ndarray) -> numpy.ndarray:
    """The same for numbers that count from 1; 0 is none."""
    return numpy.concatenate([numpy.zeros(1, dtype=numpy.int64), table])


def _pieces(stream: IO[bytes]) -> Iterator[bytes]:
    """What is in the stream, in pieces of whole lines."""
    rest = b""
    while piece := stream.read(PIECE):
        end = piece.rfind(b"\n") + 1
        if end:
            yield rest + piece[:end]
            rest = piece[end:]
        else:
            rest += piece
    if rest:
        yield rest


def links(stream: IO[bytes], places: Places) -> tuple[int, list[bytes]]:
    """How many events tshark printed, and its lines of -z oxcnotif,links with the frames of the merged capture."""
    events, found = 0, []
    merged = _numbers(places.merged)
    for piece in _pieces(stream):
        here = _LINK.findall(piece)
        events += piece.count(b"\n") - len(here)
        found.append(_renumbered(_LINK_FRAME, b'"frame":%d', b"".join(here), merged))
    return events, found


def _renumbered(pattern: re.Pattern[bytes], form: bytes, text: bytes, table: numpy.ndarray) -> bytes:
    """All numbers that the pattern finds, by the table."""
    parts = pattern.split(text)
    parts[1::2] = map(form.__mod__, table[list(map(int, parts[1::2]))].tolist())
    return b"".join(parts)


class Translator:
    """Events of a part, as the merged capture has them."""

    def __init__(self, places: Places, names: Sequence[bytes], sessions: dict[int, int], mine: numpy.ndarray) -> None:
        """names: of each file; sessions: number in the part -> in the merged capture; mine: whether the events of each frame
        of the part are wanted."""
        self.places, self.names, self.sessions = places, names, sessions
        self.merged, self.mine = _numbers(places.merged), mine
        self.session = {b"%d" % own: b',"session":%d' % number for own, number in sessions.items()}

    def _in_text(self, match: re.Match[bytes]) -> bytes:
        number = int(match[2])
        if match[1] == b"session":
            number = self.sessions.get(number, number)
        elif number < len(self.merged):
            number = int(self.merged[number])
        return b"%s %d" % (match[1], number)

    def _text(self, match: re.Match[bytes]) -> bytes:
        return _IN_TEXT.sub(self._in_text, match[0])

    def _event(self, head: bytes, frame: int, time: bytes, session: bytes | None, rest: bytes, name: bytes, place: int) -> bytes:
        number = b"" if session is None else self.session.get(session, b',"session":0')
        return b'%s%d%s%s%s,"file":%s,"file_frame":%d}\n' % (head, frame, time, number, rest, name, place)

    def events(self, stream: IO[bytes]) -> Iterator[tuple[list[int], list[bytes], list[bytes]]]:
        """Of each piece: frames in the merged capture, what the events are, and their lines."""
        kinds: dict[bytes, bytes] = {}
        for piece in _pieces(stream):
            parts = _HEAD.split(piece)
            own = numpy.array(list(map(int, parts[2::5])), dtype=numpy.int64) - 1
            wanted = self.mine[own]
            own = own[wanted]
            heads, times, sessions, rests = (list(itertools.compress(parts[at::5], wanted.tolist())) for at in (1, 3, 4, 5))
            # Behind an event there may be lines of others, which no event begins.
            rests = [_TEXT.sub(self._text, rest) if b'"text":"' in rest else rest
                     for rest, _, _ in map(bytes.partition, rests, itertools.repeat(b"}\n"))]
            rests = _renumbered(_IN, b'_in":%d', b"\n".join(rests), self.merged).split(b"\n") if rests else []
            frames = self.places.merged[own].tolist()
            for head in set(heads) - kinds.keys():
                found = _KIND.search(head)
                assert found
                kinds[head] = found[1]
            yield frames, list(map(kinds.__getitem__, heads)), list(map(
                self._event, heads, frames, times, sessions, rests, map(self.names.__getitem__, self.places.file[own].tolist()),
                (self.places.packet[own] + 1).tolist()))
