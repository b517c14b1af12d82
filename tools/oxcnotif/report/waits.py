# SPDX-License-Identifier: GPL-2.0-or-later
"""Findings about waits and wake-ups: cut off, refused, abandoned, never followed, late."""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator, Sequence

from ..events import EventLog, Notification, Wakeup
from .finding import Finding, Level, unique
from .wording import be, listed, number, seconds, sessions, sessions_of, span, times, wait_noun

LATE = 1.0  # seconds from a wake-up to its fetch that somebody who waits for mail notices

_BY = {
    "server": "by the server's side",
    "client": "by the client",
    "device": "by a device between client and server",
    "": "by a side that the capture does not show",
}


def _enders(log: EventLog, waits: Sequence[Wakeup]) -> dict[str, list[Wakeup]]:
    """The waits by who ended them, the most frequent first."""
    told = {e.frame: e.explanation or e.text for e in log.diagnoses if e.name == "mapihttp.http_failure"}
    statuses: dict[int, str] = {}
    for wait in waits:
        status = re.search(r"\d{3}", told.get(wait.frame, ""))
        if not wait.closed_by and status:
            statuses[wait.frame] = status[0]
    kinds = sorted(set(statuses.values()))
    answered = f"by a gateway's own response (HTTP {'status' if len(kinds) == 1 else 'statuses'} {listed(kinds)})"
    found: dict[str, list[Wakeup]] = {}
    for wait in waits:
        by = answered if wait.frame in statuses else _BY.get(wait.closed_by, _BY[""])
        found.setdefault(by, []).append(wait)
    return dict(sorted(found.items(), key=lambda item: -len(item[1])))


def delayed(log: EventLog, waits: Sequence[Wakeup]) -> list[tuple[Notification, float]]:
    """Notifications that may have waited since a wait ended without its answer, and for how long at most.

    No wake-up announced them: so the server may have had them ready since that wait ended.
    """
    ends: dict[int, list[float]] = {}
    for wait in sorted(waits, key=lambda event: event.time):
        if wait.session:
            ends.setdefault(wait.session, []).append(wait.time)
    wakes: dict[int, list[float]] = {}
    for event in log.wakeups:
        if event.session in ends and event.outcome in ("pending", "timeout"):
            wakes.setdefault(event.session, []).append(event.time)
    mails: dict[int, list[Notification]] = {}
    for notification in log.notifications:
        if notification.session in ends and notification.type.startswith("NewMail"):
            mails.setdefault(notification.session, []).append(notification)
    found = []
    for session, times_of_ends in ends.items():
        woken = sorted(wakes.get(session, []))
        for mail in mails.get(session, []):
            ended = bisect.bisect_left(times_of_ends, mail.time)  # ends before the mail
            if ended and bisect.bisect_right(woken, times_of_ends[ended - 1]) == bisect.bisect_right(woken, mail.time):
                found.append((mail, mail.time - times_of_ends[ended - 1]))
    return found


def _unanswered(log: EventLog, waits: Sequence[Wakeup]) -> str:
    late = delayed(log, waits)
    if not late:
        return ""
    longest = seconds(max(after for _, after in late))
    return f"; {number(len(late), 'new mail')} {be(len(late))} seen up to {longest} late"


def cut_off(log: EventLog) -> Iterator[Finding]:
    waits = [event for event in log.wakeups if event.outcome == "cut_off"]
    if not waits:
        return
    enders = _enders(log, waits)
    parts = [f"{times(len(group))} {by} {span([w.waited for w in group])}" for by, group in enders.items()]
    how = f"{span([w.waited for w in waits])} {next(iter(enders))}" if len(parts) == 1 else listed(parts, 9)
    count = f"{times(len(waits))}{': ' if len(parts) > 1 else ' '}"
    subject = sessions_of(log, (w.session for w in waits), wait_noun(waits))
    verb = "were" if subject.startswith("The ") and len({w.session for w in waits} - {0}) > 1 else "was"
    advice = "The client hears of nothing until it waits again."
    only_client = all(w.closed_by == "client" for w in waits)
    if not only_client:
        advice += (
            " Equal times point to a timer: raise the idle timeout of load balancers, proxies and firewalls above "
            "5 minutes for this traffic. Whether the server or a device in front of it ended the connection is told "
            "by a capture on the server."
        )
    yield Finding(
        Level.WARNING if only_client else Level.FAULT,  # a client also ends its wait when it is closed
        0,
        f"{subject} {verb} cut off {count}{how}{_unanswered(log, waits)}.",
        unique(w.frame for w in waits),
        tuple(
            f"Frame {w.frame}: {by.removeprefix('by ')}, {seconds(w.waited)} after the request in frame {w.wait_in}"
            for by, group in enders.items()
            for w in group[:10]
        ),
        advice,
        "oxcnotif.wait.cut_off",
        frozenset(w.session for w in waits),
    )


def missed(log: EventLog) -> Iterator[Finding]:
    wakeups = [event for event in log.wakeups if event.followup == "missed"]
    if not wakeups:
        return
    datagrams = [event for event in wakeups if event.method == 1]
    advice = "The client was woken and did not ask what happened: look at the client, or at what keeps its requests back."
    if datagrams:
        advice = "Push datagrams without a fetch do not reach the client (firewall, NAT, a changed address), or it ignores them."
    yield Finding(
        Level.FAULT,
        1,
        f"{number(len(wakeups), 'wake-up')} of {sessions(log, (w.session for w in wakeups))} {be(len(wakeups))} never "
        f"followed by a fetch ({listed(sorted({w.method_text for w in wakeups}))}).",
        unique(w.frame for w in wakeups),
        (),
        advice,
        "oxcnotif.never_followed",
        frozenset(w.session for w in wakeups),
    )


def abandoned(log: EventLog) -> Iterator[Finding]:
    waits = [event for event in log.wakeups if event.outcome == "abandoned"]
    if not waits:
        return
    subject = sessions_of(log, (w.session for w in waits), wait_noun(waits))
    yield Finding(
        Level.FAULT,
        2,
        f"{subject} got no answer and no end {times(len(waits))}: the client gave up and went on without it"
        f"{_unanswered(log, waits)}.",
        unique(w.frame for w in waits),
        (),
        "Something on the way dropped the connection in silence, as firewalls and NAT do with idle ones.",
        "oxcnotif.wait.abandoned",
        frozenset(w.session for w in waits),
    )


_REASONS = ("mapihttp.response_code_failure", "mapihttp.error_code_failure", "mapihttp.status_code_failure",
            "mapihttp.http_failure", "emsmdb.return_value_failure", "asyncemsmdb.return_value_failure")


def refused(log: EventLog) -> Iterator[Finding]:
    waits = [event for event in log.wakeups if event.outcome == "refused"]
    if not waits:
        return
    said: dict[int, list[str]] = {}
    for event in log.diagnoses:
        if event.name in _REASONS and event.text:
            said.setdefault(event.frame, []).append(event.explanation or event.text)
    reasons: dict[str, int] = {}
    for wait in waits:
        for text in said.get(wait.frame, []):
            reasons[text] = reasons.get(text, 0) + 1
    causes = [text if len(reasons) == 1 else f"{text}, {times(count)}" for text, count in reasons.items()]
    why = f" ({'; '.join(causes[:6])})" if causes else ""
    subject = sessions_of(log, (w.session for w in waits), wait_noun(waits))
    yield Finding(
        Level.WARNING,
        0,
        f"{subject} {'were' if len({w.session for w in waits} - {0}) > 1 else 'was'} refused {times(len(waits))}{why}.",
        unique(w.frame for w in waits),
        (),
        "A second wait of a session is refused by rule (0x7EE, Rejected); other codes say that the session is gone or "
        "the server cannot wait now.",
        "oxcnotif.wait.rejected",
        frozenset(w.session for w in waits),
    )


def late(log: EventLog) -> Iterator[Finding]:
    slow = [event for event in log.followups if event.latency > LATE]
    if not slow:
        return
    mails = sum(event.notifications for event in slow)
    worst = max(slow, key=lambda event: event.latency)
    yield Finding(
        Level.WARNING,
        1,
        f"{number(len(slow), 'fetch', 'fetches')} of {sessions(log, (f.session for f in slow))} came more than "
        f"{seconds(LATE)} after the wake-up, the latest {seconds(worst.latency)} (frame {worst.frame}); "
        f"{number(mails, 'notification')} {be(mails)} late by that.",
        unique(f.frame for f in slow),
        tuple(
            f"Frame {f.frame}: {seconds(f.latency)} after the wake-up in frame {f.wakeup_in}"
            + (f", {number(f.attempts, 'failed attempt')} before" if f.attempts else "")
            for f in sorted(slow, key=lambda event: -event.latency)[:10]
        ),
        "The server announced the event in time: the delay is the client's, or of connections that it had to make first.",
        "oxcnotif.followup_time > 1",
        frozenset(f.session for f in slow),
    )


FINDERS = (cut_off, missed, abandoned, refused, late)
