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
    who: str = ""  # the sessions, if the sentence does not name them

    @property
    def frame_filter(self) -> str:
        return frame_filter(self.frames)

    @property
    def order(self) -> tuple[int, int, int]:
        return self.level, self.rank, -len(self.frames)


def unique(frames: Iterable[int]) -> tuple[int, ...]:
    return tuple(sorted(set(frames)))
