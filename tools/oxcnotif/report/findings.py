# SPDX-License-Identifier: GPL-2.0-or-later
"""All findings of captures, the worst first, and what was looked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..check import is_deviation, is_malformed
from ..events import EventLog
from . import diagnoses, gaps, waits
from .finding import Finding, Level, by_file
from .wording import listed, number


def of(log: EventLog) -> list[Finding]:
    """What was found in a capture."""
    found: list[Finding] = []
    for finder in waits.FINDERS:
        found += finder(log)
    for finder in (diagnoses.ended_sessions, diagnoses.without_wakeups, diagnoses.other_mailboxes, diagnoses.proxies):
        found += finder(log)
    found += diagnoses.expert_items(log, gaps.NAMES)
    return [
        replace(finding, capture=log.name, who=_who(log, finding), files=by_file(finding.frames, log.places))
        for finding in found
    ]


def _who(log: EventLog, finding: Finding) -> str:
    """The sessions of a finding; "" if its sentence names them."""
    known = [log.label(number) for number in sorted(finding.sessions - {0})]
    named = any(label in finding.sentence or f"(session {number})" in finding.sentence for number, label in zip(sorted(finding.sessions - {0}), known))
    return "" if named or not known else listed(known, 5)


def of_all(logs: Sequence[EventLog]) -> list[Finding]:
    """The findings of all captures, the worst first."""
    return sorted((finding for log in logs for finding in of(log)), key=lambda finding: finding.order)


def is_clean(found: Sequence[Finding]) -> bool:
    return all(finding.level is Level.NOTE for finding in found)


def headline(logs: Sequence[EventLog], found: Sequence[Finding]) -> str:
    """The page in one sentence."""
    if not is_clean(found):
        return found[0].sentence
    return "No fault found." if not any(gaps.of(log) for log in logs) else "No fault found in what the capture shows."


@dataclass(frozen=True)
class Looked:
    """Something that was looked for, and how often it was there."""

    what: str
    found: int
    among: str


def looked_for(logs: Sequence[EventLog]) -> list[Looked]:
    """What was looked for, whether it was found or not."""
    wakeups = [event for log in logs for event in log.wakeups]
    answered = [event for event in wakeups if event.method in (2, 3)]
    announced = [event for event in wakeups if event.followup]
    fetched = [event for log in logs for event in log.followups]
    all_sessions = [event for log in logs for event in log.sessions.values()]
    notifications = [event for log in logs for event in log.notifications]
    found = [event for log in logs for event in log.diagnoses]
    frames = sum(log.capture.frames for log in logs if log.capture)
    in_frames = f"in {number(frames, 'frame')}" if frames else ""

    def named(*names: str) -> int:
        return sum(event.name in names for event in found)

    of_waits = f"of {number(len(answered), 'wait')}"
    of_notifications = f"of {number(len(notifications), 'notification')}"
    of_datagrams = f"of {number(sum(w.method == 1 for w in wakeups), 'push datagram')}"
    of_sessions = f"of {number(len(all_sessions), 'session')}"
    return [
        Looked("Waits cut off", sum(w.outcome == "cut_off" for w in wakeups), of_waits),
        Looked("Waits refused", sum(w.outcome == "refused" for w in wakeups), of_waits),
        Looked("Waits abandoned", sum(w.outcome == "abandoned" for w in wakeups), of_waits),
        Looked("Keep-alives missing", named("mapihttp.no_pending"), of_waits),
        Looked("Wake-ups never followed", sum(w.followup == "missed" for w in wakeups), f"of {number(len(announced), 'wake-up')}"),
        Looked("Fetches late", sum(f.latency > waits.LATE for f in fetched), f"of {number(len(fetched), 'fetch', 'fetches')}"),
        Looked("Push datagrams repeated or undeliverable", named("oxcnotif.push.repeated", "oxcnotif.push.undelivered"), of_datagrams),
        Looked("Clients that poll although registered for push", named("oxcnotif.push.polling"), of_sessions),
        Looked("Sessions lost or replaced", sum(s.end in ("lost", "replaced") for s in all_sessions), of_sessions),
        Looked("Subscriptions passed over", named("oxcnotif.notification.passed_over"), of_notifications),
        Looked("Ids exchanged", named("oxcnotif.notification.exchanged_ids"), of_notifications),
        Looked("Credentials refused", named("mapihttp.credentials_refused"), of_sessions),
        Looked("Malformed values", sum(map(is_malformed, found)), in_frames),
        Looked("Deviations from the specification", sum(map(is_deviation, found)), in_frames),
    ]
