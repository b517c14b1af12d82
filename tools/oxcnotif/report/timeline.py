# SPDX-License-Identifier: GPL-2.0-or-later
"""The time line of a session: waits, wake-ups, fetches, notifications and cuts, as marks of an SVG.

The marks are drawn in a coordinate system of their own (x: 0 to WIDTH for the whole capture), which the page's script zooms
by its viewBox; strokes keep their width. Where marks would lie on each other, one stands for all of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ..events import EventLog, Followup, Notification, Wakeup
from .wording import number, seconds

WIDTH = 100_000  # a millionth of a capture would be more than a screen can show after any useful zoom
LANE_HEIGHT = 22
MAX_MARKS = 250  # of a lane

LANES = ("Waits", "Cut off, refused, abandoned", "Wake-ups", "Fetches", "New mail", "Other notifications", "Tables")
_OUTCOMES = {
    "pending": "an event was pending",
    "timeout": "timed out without an event",
    "refused": "refused",
    "cut_off": "cut off",
    "abandoned": "abandoned",
}


@dataclass(frozen=True)
class Mark:
    """Something at a time, or from a time to another."""

    lane: int
    start: float
    end: float
    kind: str  # class of the style sheet
    text: str
    frame: int


@dataclass(frozen=True)
class Path:
    lane: int
    kind: str
    data: str
    text: str


@dataclass(frozen=True)
class Timeline:
    session: int
    label: str
    capture: str
    paths: list[Path]
    marks: list[Mark]  # what is listed as text
    begin: float
    span: float
    merged: int  # marks that another one stands for


@dataclass
class Events:
    """What a time line shows of a session."""

    wakeups: list[Wakeup] = field(default_factory=list)
    followups: list[Followup] = field(default_factory=list)
    notifications: list[Notification] = field(default_factory=list)


def by_session(log: EventLog) -> dict[int, Events]:
    """The events of each session that has any."""
    found: dict[int, Events] = {}
    for wakeup in log.wakeups:
        found.setdefault(wakeup.session, Events()).wakeups.append(wakeup)
    for followup in log.followups:
        found.setdefault(followup.session, Events()).followups.append(followup)
    for notification in log.notifications:
        found.setdefault(notification.session, Events()).notifications.append(notification)
    return found


def _wait_marks(events: Events) -> Iterable[Mark]:
    for event in events.wakeups:
        bad = event.outcome in ("cut_off", "refused", "abandoned")
        what = f"{event.method_text} {_OUTCOMES.get(event.outcome, event.outcome)}"
        if event.closed_by:
            what += f" by the {event.closed_by}"
        if event.wait_in:
            what += f" after {seconds(event.waited)}"
            yield Mark(0, event.time - event.waited, event.time, event.outcome, f"Frames {event.wait_in} to {event.frame}: {what}", event.frame)
        if bad:
            yield Mark(1, event.time, event.time, event.outcome, f"Frame {event.frame}: {what}", event.frame)
        elif event.outcome == "pending":
            kind = "missed" if event.followup == "missed" else "wakeup"
            followed = f", fetched in frame {event.followup_in}" if event.followup_in else f", {event.followup}"
            yield Mark(2, event.time, event.time, kind, f"Frame {event.frame}: {event.method_text}{followed}", event.frame)


def _marks(events: Events) -> list[Mark]:
    marks = list(_wait_marks(events))
    for fetch in events.followups:
        kind = "late" if fetch.latency > 1 else "fetch"
        text = f"Frame {fetch.frame}: fetch {seconds(fetch.latency)} after the wake-up in frame {fetch.wakeup_in}"
        text += f", {number(fetch.notifications, 'notification')}"
        marks.append(Mark(3, fetch.time, fetch.time, kind, text, fetch.frame))
    for event in events.notifications:
        lane, kind = 5, "other"
        if event.type.startswith("NewMail"):
            lane, kind = 4, "mail"
        elif event.type.startswith("TableModified"):
            lane, kind = 6, "table"
        text = f"Frame {event.frame}: {event.type or 'notification'}{f' in {event.folder}' if event.folder else ''}"
        marks.append(Mark(lane, event.time, event.time, kind, text, event.frame))
    return marks


def _place(value: float, begin: float, span: float) -> int:
    return max(0, min(WIDTH, round((value - begin) / span * WIDTH)))


def _paths(marks: list[Mark], begin: float, span: float) -> tuple[list[Path], int]:
    """The marks as paths; those that fall into the same place become one, with the text of the first and how many."""
    step = max(1, WIDTH // MAX_MARKS)
    crowded = {lane: sum(mark.lane == lane for mark in marks) > MAX_MARKS for lane in range(len(LANES))}
    places: dict[tuple[int, str, int, int], list[Mark]] = {}
    for mark in marks:
        start, end = _place(mark.start, begin, span), _place(mark.end, begin, span)
        if crowded[mark.lane]:
            start, end = start // step * step, -(-end // step) * step if end > start else start // step * step
        places.setdefault((mark.lane, mark.kind, start, end), []).append(mark)
    paths = []
    for (lane, kind, start, end), here in places.items():
        top = lane * LANE_HEIGHT + 3
        bottom = top + LANE_HEIGHT - 6
        middle = (top + bottom) // 2
        data = f"M{start} {middle}H{max(end, start + 1)}" if lane == 0 else f"M{start} {top}V{bottom}"
        text = here[0].text + (f" (and {len(here) - 1:,} more here)" if len(here) > 1 else "")
        paths.append(Path(lane, kind, data, text))
    return paths, len(marks) - len(paths)


def of(log: EventLog, session: int, events: Events) -> Timeline | None:
    """The time line of a session; None if there is nothing to draw."""
    marks = _marks(events)
    if not marks:
        return None
    begin, end = log.times()
    begin = min(begin, min(mark.start for mark in marks))
    span = max(end - begin, 0.001)
    paths, merged = _paths(marks, begin, span)
    marks.sort(key=lambda mark: (mark.lane in (5, 6), mark.start))
    listed = sorted(marks[:100], key=lambda mark: (mark.end, mark.frame))
    return Timeline(session, log.label(session), log.name, paths, listed, begin, span, merged)
