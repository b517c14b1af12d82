# SPDX-License-Identifier: GPL-2.0-or-later
"""What a report says: a finding, and its place in the order from worst to least."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass

from ..check import frame_filter


class Level(enum.IntEnum):
    FAULT = 0  # notifications were lost, late or impossible
    WARNING = 1  # something to act upon
    NOTE = 2  # worth knowing

    @property
    def text(self) -> str:
        return self.name.capitalize()


@dataclass(frozen=True)
class FileFrames:
    """The frames of a finding in one of the files that were merged."""

    file: str
    frames: tuple[int, ...]

    @property
    def filter(self) -> str:
        return frame_filter(self.frames)


def by_file(frames: Iterable[int], places: dict[int, tuple[str, int]]) -> tuple[FileFrames, ...]:
    """The frames of a merged capture as those of its files."""
    found: dict[str, list[int]] = {}
    for frame in frames:
        if frame in places:
            found.setdefault(places[frame][0], []).append(places[frame][1])
    return tuple(FileFrames(file, tuple(own)) for file, own in found.items())


@dataclass
class Finding:
    """A sentence, what stands behind it, and where to look."""

    level: Level
    rank: int  # within the level: the smaller, the worse
    sentence: str
    frames: tuple[int, ...]
    details: tuple[str, ...] = ()
    advice: str = ""
    filter: str = ""  # a filter by name; a filter by frames is always there
    sessions: frozenset[int] = frozenset()
    capture: str = ""
    files: tuple[FileFrames, ...] = ()  # where the frames are, if the events are those of several files
    who: str = ""  # the sessions, if the sentence does not name them

    @property
    def frame_filter(self) -> str:
        return frame_filter(self.frames)

    @property
    def order(self) -> tuple[int, int, int]:
        return self.level, self.rank, -len(self.frames)


def unique(frames: Iterable[int]) -> tuple[int, ...]:
    return tuple(sorted(set(frames)))
