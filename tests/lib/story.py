# SPDX-License-Identifier: GPL-2.0-or-later
"""What the plugin should show of a small capture (scene.py), and what it shows."""

from __future__ import annotations

import collections.abc
import dataclasses
import json

import tshark
from scene import Packet, Scene

EVENT, TIMEOUT, REFUSED, CUT, ABANDONED = 1, 2, 3, 4, 5
BY_CLIENT, BY_SERVER, BY_DEVICE = 1, 2, 3
# Warnings that are right where a call fails or a wait is cut off.
HF = ("mapihttp.http_failure",)
CO = ("mapihttp.cut_off", "oxcnotif.wait.cut_off", "mapihttp.no_pending")
CO_RPC = ("oxcnotif.wait.cut_off", "emsmdb.cut_off")
FIELDS = ("oxcnotif.wakeup.outcome", "oxcnotif.wakeup.closed_by", "oxcnotif.wakeup_in", "oxcnotif.notification_type",
          "oxcnotif.session", "oxcnotif.followup_attempts", "rop.response_in")


@dataclasses.dataclass
class Story:
    """All wake-ups and ends of waits, all links of a capture, and all warnings.  A closer of None is not compared."""
    ends: dict[Packet, int | tuple[int, int | None]] = dataclasses.field(default_factory=dict)
    links: dict[Packet, Packet] = dataclasses.field(default_factory=dict)      # response with notifications -> wake-up
    mails: list[Packet] | None = None           # without links
    attempts: dict[Packet, int] = dataclasses.field(default_factory=dict)
    sessions: int | None = 1
    session: dict[Packet, int] = dataclasses.field(default_factory=dict)
    warnings: dict[Packet, str] = dataclasses.field(default_factory=dict)       # name of the expert item
    may_warn: tuple[str, ...] = ()


class Cases(dict[str, "collections.abc.Callable[[], tuple[Scene, Story]]"]):
    """Functions that make a scene and say what is right of it, by name: a decorator."""

    def __call__(self, function):
        self[function.__name__] = function
        return function


def compare(scene: Scene, right: Story, name: str, two_pass: bool, prefs: dict[str, object] | None = None) -> list[str]:
    """The differences."""
    path = scene.write(name)
    wanted = [arg for field in ("frame.number", *FIELDS) for arg in ("-e", field)]
    done = tshark.run([*tshark._base(path, None, two_pass, prefs, ()), "-T", "fields", *wanted, "-z", "oxcnotif,events"])
    rows, events = {}, []
    for line in done.stdout.splitlines():
        if line.startswith("{"):
            events.append(json.loads(line))
        elif line[:1].isdigit():
            number, *values = line.split("\t")
            rows[int(number)] = dict(zip(FIELDS, values))
    wrong: list[str] = []

    def same(what: str, found: object, expected: object) -> None:
        if found != expected:
            wrong.append(f"{what}: {found} instead of {expected}")

    def shown(field: str) -> dict[int, str]:
        return {frame: row[field] for frame, row in rows.items() if row[field]}

    ends = {one.frame: end if isinstance(end, tuple) else (end, None) for one, end in right.ends.items()}
    compared = {frame for frame, (end, _) in ends.items() if two_pass or end != ABANDONED}
    same("ends", shown("oxcnotif.wakeup.outcome"), {frame: str(ends[frame][0]) for frame in sorted(compared)})
    for frame, (_, closer) in ends.items():
        if closer is not None and frame in compared:
            same(f"closer in {frame}", rows[frame]["oxcnotif.wakeup.closed_by"], str(closer))
    same("ends (events)", {event["frame"]: event["outcome"] for event in events if event["event"] == "wakeup"},
         {frame: ("", "pending", "timeout", "refused", "cut_off", "abandoned")[end] for frame, (end, _) in sorted(ends.items())})
    links = {response.frame: wakeup.frame for response, wakeup in right.links.items()}
    mails = sorted([*links, *(one.frame for one in right.mails or [])])
    same("mails", sorted(shown("oxcnotif.notification_type")), mails)
    same("links", {frame: row["oxcnotif.wakeup_in"] for frame, row in rows.items()
                   if row["oxcnotif.notification_type"] and row["oxcnotif.wakeup_in"]},
         {frame: str(wakeup) for frame, wakeup in links.items()})
    same("links (events)", sorted(event["wakeup_in"] for event in events if event["event"] == "followup"), sorted(links.values()))
    for packet, number in right.attempts.items():
        same(f"attempts in {packet.frame}", rows[packet.frame]["oxcnotif.followup_attempts"], str(number) if number else "")
    for packet, number in right.session.items():
        same(f"session in {packet.frame}", rows[packet.frame]["oxcnotif.session"], str(number))
    if right.sessions is not None:
        same("sessions", len({event["session"] for event in events if event["event"] == "session"}), right.sessions)
    told = [(event["frame"], event["name"], event["severity"]) for event in events if event["event"] == "diagnosis"]
    expected = {(packet.frame, name) for packet, name in right.warnings.items()}
    for frame, item in sorted(expected - {one[:2] for one in told}):
        wrong.append(f"not told: {item} in {frame}")
    for frame, item, severity in told:
        if severity in ("Warning", "Error") and (frame, item) not in expected and item not in right.may_warn:
            wrong.append(f"told: {item} in {frame} ({severity})")
    return wrong
