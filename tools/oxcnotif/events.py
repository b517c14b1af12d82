# SPDX-License-Identifier: GPL-2.0-or-later
"""The plugin's events (docs/events.schema.json) as objects: one log for each capture."""

from __future__ import annotations

import bisect
import dataclasses
import json
import re
import typing
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from .errors import bad_input

VERSION = 1
_SURROGATE = re.compile("[\ud800-\udfff]")  # half a character, which no file can hold


@dataclass(slots=True)
class Capture:
    frames: int
    first: float = 0.0
    last: float = 0.0
    cut_short: int = 0
    tls_connections: int = 0
    tls_undecrypted: int = 0
    exchange_connections: int = 0
    one_direction: int = 0


@dataclass(slots=True)
class Session:
    frame: int
    time: float
    session: int
    encrypted: bool
    user: str = ""
    client: str = ""
    server: str = ""
    ended_in: int = 0
    end: str = ""
    proxied_answers: int = 0  # captured on both sides of a proxy
    proxy_added: float = 0.0  # seconds, to all of them

    @property
    def name(self) -> str:
        """The user as people say it: of a distinguished name its last part."""
        return self.user.rsplit("=", 1)[-1] if self.user.startswith("/") else self.user

    @property
    def label(self) -> str:
        return f"{self.name} (session {self.session})" if self.name else f"session {self.session}"


@dataclass(slots=True)
class Subscription:
    frame: int
    time: float
    opened_in: int
    logon_id: int
    handle: int
    types: int
    whole_store: bool
    session: int = 0
    folder_id: str = ""
    message_id: str = ""
    types_text: str = ""


@dataclass(slots=True)
class Table:
    frame: int
    logon_id: int
    handle: int
    notifications: int
    session: int = 0
    kind: str = ""
    folder_id: str = ""
    message_id: str = ""


@dataclass(slots=True)
class Wakeup:
    frame: int
    time: float
    method: int
    method_text: str
    outcome: str
    session: int = 0
    closed_by: str = ""
    wait_in: int = 0
    waited: float = 0.0
    repeats: int = 0
    followup: str = ""
    followup_in: int = 0
    superseded_in: int = 0


@dataclass(slots=True)
class Followup:
    frame: int
    time: float
    wakeup_in: int
    latency: float
    attempts: int
    match: int
    confidence: int
    notifications: int
    session: int = 0


@dataclass(slots=True)
class Notification:
    frame: int
    time: float
    session: int = 0
    type: str = ""
    flags: int = 0
    table_event: int = 0
    logon_id: int = 0
    folder_id: str = ""
    message_id: str = ""
    folder: str = ""
    subscription_in: int = 0


@dataclass(slots=True)
class Diagnosis:
    frame: int
    time: float
    name: str
    severity: str
    group: str = ""
    text: str = ""
    explanation: str = ""
    session: int = 0


KINDS: dict[str, type] = {
    "capture": Capture,
    "session": Session,
    "subscription": Subscription,
    "table": Table,
    "wakeup": Wakeup,
    "followup": Followup,
    "notification": Notification,
    "diagnosis": Diagnosis,
}


def _members(kind: type) -> list[tuple[str, tuple[type, ...], bool]]:
    """Name, types allowed and whether it must be there, of each member."""
    hints = typing.get_type_hints(kind)
    allowed = {float: (int, float), int: (int,), str: (str,), bool: (bool,)}
    return [
        (member.name, allowed[hints[member.name]], member.default is dataclasses.MISSING)
        for member in dataclasses.fields(kind)
    ]


_MEMBERS = {name: _members(kind) for name, kind in KINDS.items()}


def _is_sane(value: object) -> bool:
    """A number is one that Wireshark can have: neither infinite nor of hundreds of digits."""
    return not isinstance(value, (int, float)) or -(2**64) < value < 2**64


def _parsed(line: str, where: str, places: dict[int, tuple[str, int]]) -> Any:
    """The event of a line; None for a kind that this version does not know. `oxcnotif fleet` adds where its frame is."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise bad_input(f"{where} is no JSON object: the file holds no events of -z oxcnotif,events") from error
    if not isinstance(found, dict) or not isinstance(found.get("event"), str) or "version" not in found:
        raise bad_input(f"{where} is no event of -z oxcnotif,events")
    if found["version"] != VERSION:
        raise bad_input(f"{where} has version {found['version']!r}, this command reads {VERSION}: use the newer one")
    kind = KINDS.get(found["event"])
    if kind is None:
        return None
    values = {}
    for name, types, needed in _MEMBERS[found["event"]]:
        value = found.get(name)
        if value is None:
            if needed:
                raise bad_input(f"{where} lacks {name!r}, which an event of this kind has")
            continue
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types) or not _is_sane(value):
            raise bad_input(f"{where}: {name!r} is not of the type that docs/events.schema.json asks for")
        values[name] = _SURROGATE.sub("�", value) if isinstance(value, str) else value
    event = kind(**values)
    file, file_frame = found.get("file"), found.get("file_frame")
    if isinstance(file, str) and isinstance(file_frame, int) and _is_sane(file_frame) and "frame" in values:
        places[event.frame] = (_SURROGATE.sub("�", file), file_frame)
    return event


@dataclass
class EventLog:
    """All that the plugin found in one capture."""

    name: str
    capture: Capture | None = None
    sessions: dict[int, Session] = field(default_factory=dict)
    subscriptions: list[Subscription] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    wakeups: list[Wakeup] = field(default_factory=list)
    followups: list[Followup] = field(default_factory=list)
    notifications: list[Notification] = field(default_factory=list)
    diagnoses: list[Diagnosis] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)  # of reading: the file was cut short, ...
    trace: bool = False  # made of a trace: the times of PENDING chunks are not known
    truncated: bool = False  # the file ends in the middle of a packet
    places: dict[int, tuple[str, int]] = field(default_factory=dict)  # file and frame in it, of frames of a merged capture
    _frames: list[tuple[int, int]] | None = None

    @property
    def count(self) -> int:
        return sum(
            map(
                len,
                (
                    self.sessions,
                    self.subscriptions,
                    self.tables,
                    self.wakeups,
                    self.followups,
                    self.notifications,
                    self.diagnoses,
                ),
            )
        )

    @property
    def empty(self) -> bool:
        """Nothing of Exchange was seen at all."""
        return self.count == 0 and not (self.capture and self.capture.exchange_connections)

    def session(self, number: int) -> Session | None:
        return self.sessions.get(number)

    def label(self, number: int) -> str:
        """How a session is called in a sentence."""
        session = self.sessions.get(number)
        return session.label if session else f"session {number}" if number else "an unknown session"

    def session_of(self, diagnosis: Diagnosis) -> int:
        """The session of a diagnosis: its own, else that of another event of its frame; 0 if there is none."""
        if diagnosis.session:
            return diagnosis.session
        if self._frames is None:
            timed = (self.subscriptions, self.wakeups, self.followups, self.notifications)
            found = {event.frame: event.session for events in timed for event in events if event.session}
            found.update({session.ended_in: number for number, session in self.sessions.items() if session.ended_in})
            self._frames = sorted(found.items())
        at = bisect.bisect_left(self._frames, (diagnosis.frame, 0))
        return self._frames[at][1] if at < len(self._frames) and self._frames[at][0] == diagnosis.frame else 0

    def times(self) -> tuple[float, float]:
        """When the capture begins and ends, as far as is known."""
        if self.capture and self.capture.last:
            return self.capture.first, self.capture.last
        timed = (self.subscriptions, self.wakeups, self.followups, self.notifications, self.diagnoses)
        known = [event.time for events in timed for event in events]
        known += [session.time for session in self.sessions.values()]
        return (min(known), max(known)) if known else (0.0, 0.0)

    def time_of(self, frame: int) -> float | None:
        """The time of a frame, if an event bears it."""
        timed = (self.subscriptions, self.wakeups, self.followups, self.notifications, self.diagnoses)
        return next((event.time for events in timed for event in events if event.frame == frame), None)


def read(lines: Iterable[str], name: str, where: str = "line") -> EventLog:
    """The events of a capture, in the order of time; `name` is what people call the capture.

    Raises Problem for a line that is no event.
    """
    log = EventLog(name)
    lists: dict[type, list[Any]] = {
        Subscription: log.subscriptions,
        Table: log.tables,
        Wakeup: log.wakeups,
        Followup: log.followups,
        Notification: log.notifications,
        Diagnosis: log.diagnoses,
    }
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        event = _parsed(line, f"{where} {number}", log.places)
        if isinstance(event, Capture):
            log.capture = event
        elif isinstance(event, Session):
            log.sessions[event.session] = event
        elif event is not None:
            lists[type(event)].append(event)
    for events in lists.values():
        events.sort(key=lambda event: event.frame)
    return log
