# SPDX-License-Identifier: GPL-2.0-or-later
"""Findings about sessions, push datagrams, notifications and bytes: mostly expert items, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from ..check import is_deviation, is_malformed
from ..events import Diagnosis, EventLog
from .finding import Finding, Level, unique
from .wording import be, listed, number, rounded, seconds, sentence_start, sessions, times

# Said by another finding, or by the part about what the capture cannot answer.
SAID_ELSEWHERE = {
    "oxcnotif.wait.cut_off",
    "oxcnotif.wait.rejected",
    "oxcnotif.wait.abandoned",
    "oxcnotif.never_followed",
    "oxcnotif.followup.slow",
    "oxcnotif.session.lost",
    "oxcnotif.session.replaced",
    "emsmdb.session_lost",
}
_WITH_A_WAIT = {
    "mapihttp.cut_off",
    "mapihttp.http_failure",
    "mapihttp.response_code_failure",
    "mapihttp.error_code_failure",
    "mapihttp.status_code_failure",
}

# Expert items with a sentence of their own: level, rank, the sentence for a number of them, advice.
# {times}: "3 times", {sessions}: whose, {first}: the text of the first one.
SENTENCES: dict[str, tuple[Level, int, str, str]] = {
    "oxcnotif.push.undelivered": (
        Level.FAULT, 10, "Push datagrams came back as undeliverable (ICMP) {times}: {first}.",
        "Nobody listens at the registered address: Outlook is closed, or a firewall answers for it.",
    ),
    "oxcnotif.push.repeated": (
        Level.FAULT, 11, "The server repeated push datagrams {times} because nothing was fetched: {first}.",
        "The datagrams do not reach the client: firewall, NAT, or another address than it registered.",
    ),
    "oxcnotif.push.polling": (
        Level.FAULT, 12, "A client polls although it registered for push datagrams ({times}): {first}.",
        "New mail comes with the next poll, which is up to a minute late. No datagram reaches this client.",
    ),
    "emsmdb.push.silent": (
        Level.WARNING, 10, "A client registered for push datagrams, and none ever came ({times}): {first}.",
        "Exchange 2010 and later send none; else look for a firewall in front of the server.",
    ),
    "oxcnotif.notification.passed_over": (
        Level.FAULT, 13, "New mail was notified to one subscription but not to another that covers it, too, {times}: {first}.",
        "The server passed a subscription over: report it to the makers with these frames.",
    ),
    "oxcnotif.notification.exchanged_ids": (
        Level.WARNING, 11, "Notifications have FolderId and MessageId in each other's place {times}.",
        "The client looks for the message in a folder that does not exist, and shows nothing.",
    ),
    "mapihttp.credentials_refused": (
        Level.FAULT, 14, "The server refused credentials for good {times}: {first}.",
        "The client cannot connect with them; a proxy that takes the Authorization header away does the same.",
    ),
    "mapihttp.no_pending": (
        Level.WARNING, 2, "Keep-alives of long polls were missing {times}: {first}.",
        "Devices on the way take such a connection for idle. A proxy that buffers responses holds the PENDING chunks back.",
    ),
    "oxcnotif.followup.empty": (
        Level.NOTE, 1, "{times_cap} a fetch after a wake-up brought no notification.",
        "Often harmless: another call had brought it before.",
    ),
    "oxcnotif.subscription.no_event": (
        Level.NOTE, 2, "No event came for {count}.",
        "Nothing happened there, or the server did not tell: compare with what was done in that time.",
    ),
    "oxcnotif.handle.released": (
        Level.NOTE, 3, "Notifications came {times} for subscriptions that the client had released.",
        "They were under way already; harmless unless it goes on.",
    ),
    "oxcnotif.handle.other_logon": (Level.NOTE, 4, "Notifications came with another LogonId than their subscription {times}.", ""),
    "rop.failed": (Level.NOTE, 5, "ROPs failed {times}, for instance: {first}.", ""),
}


def _sessions_of(log: EventLog, found: list[Diagnosis]) -> frozenset[int]:
    return frozenset(log.session_of(event) for event in found) - {0}


def _first(found: list[Diagnosis]) -> str:
    """The text of the first, without a full stop: a sentence goes on behind it."""
    return rounded(found[0].explanation or found[0].text).rstrip(".") or found[0].name


def _of_name(log: EventLog, name: str, found: list[Diagnosis]) -> Finding:
    level, rank, sentence, advice = SENTENCES[name]
    said = times(len(found))
    text = sentence.format(
        times=said, times_cap=said[0].upper() + said[1:], count=number(len(found), "subscription or table", "subscriptions or tables"), first=f"frame {found[0].frame}: {_first(found)}"
    )
    return Finding(level, rank, text, unique(e.frame for e in found), (), advice, name, _sessions_of(log, found))


def _generic(log: EventLog, name: str, found: list[Diagnosis]) -> Finding:
    """A sentence for an expert item that has none of its own."""
    level = Level.WARNING if any(is_malformed(e) or e.severity == "Warning" for e in found) else Level.NOTE
    kinds: dict[str, int] = {}
    for event in found:
        text = rounded(f"{event.text}: {event.explanation}" if event.explanation else event.text)
        kinds[text] = kinds.get(text, 0) + 1
    most = sorted(kinds, key=lambda text: -kinds[text])
    if any(map(is_malformed, found)):
        rank, kind = 20, "Malformed"
    elif any(map(is_deviation, found)):
        rank, kind = 30, "Deviation from the specification"
    elif found[0].group == "Response":
        rank, kind = 25, "Failure reported by a server or proxy"
    else:
        rank, kind = 40, "Also seen"
    return Finding(
        level,
        rank,
        f"{kind}, {times(len(found))}: {most[0].rstrip('.') or name}.",
        unique(e.frame for e in found),
        tuple(f"{times(kinds[text])}: {text}" for text in most[1:6]),
        "",
        name,
        _sessions_of(log, found),
    )


def expert_items(log: EventLog, cannot: frozenset[str]) -> Iterator[Finding]:
    """All expert items that no other finding and no part of the page (`cannot`) is about."""
    waits = {event.frame for event in log.wakeups if event.outcome in ("cut_off", "refused")}
    named: dict[str, list[Diagnosis]] = {}
    for event in log.diagnoses:
        if event.name in SAID_ELSEWHERE or event.name in cannot or (event.name in _WITH_A_WAIT and event.frame in waits):
            continue
        if event.severity in ("Chat", "Comment") and event.name not in SENTENCES:
            continue
        if log.trace and event.name == "mapihttp.no_pending":
            continue  # a trace does not hold the times of PENDING chunks
        named.setdefault(event.name, []).append(event)
    for name, found in named.items():
        yield _of_name(log, name, found) if name in SENTENCES else _generic(log, name, found)


def ended_sessions(log: EventLog) -> Iterator[Finding]:
    """Sessions that the server lost, or that the client replaced: subscriptions are gone with them."""
    told = {event.frame: rounded(event.explanation or event.text) for event in log.diagnoses if event.name in ("oxcnotif.session.lost", "oxcnotif.session.replaced")}
    for end, level, rank, what in (
        ("lost", Level.FAULT, 3, "lost: the server does not know {it} any more, and {its} subscriptions are gone"),
        ("replaced", Level.WARNING, 3, "replaced by a new one of the same client: its subscriptions had to be made again"),
    ):
        gone = [session for session in log.sessions.values() if session.end == end]
        if not gone:
            continue
        many = len(gone) > 1
        text = what.format(it="them" if many else "it", its="their" if many else "its")
        who = sessions(log, (session.session for session in gone))
        yield Finding(
            level,
            rank,
            f"{sentence_start(who)} {be(len(gone))} {text}.",
            unique(session.ended_in for session in gone),
            tuple(f"Frame {s.ended_in}: {told.get(s.ended_in, s.label)}" for s in gone[:10]),
            "Servers forget sessions when they restart or fail over, or when a load balancer sends the client to another server.",
            f"oxcnotif.session.{end}",
            frozenset(session.session for session in gone),
        )


def without_wakeups(log: EventLog) -> Iterator[Finding]:
    """Sessions with subscriptions that never waited: they learn of events only by their own calls."""
    woken = {event.session for event in log.wakeups}
    subscribed = {event.session for event in log.subscriptions if event.session}
    end = log.times()[1]
    silent = [
        session
        for number in sorted(subscribed - woken)
        if (session := log.session(number)) and end - session.time > 60 and not session.encrypted
    ]
    if silent:
        longest = max(end - session.time for session in silent)
        who = sessions(log, (session.session for session in silent))
        yield Finding(
            Level.NOTE,
            0,
            f"{sentence_start(who)} subscribed, but no wait and no push datagram ended or came within {seconds(longest)}: "
            "events come with the client's own calls only.",
            unique(session.frame for session in silent),
            (),
            "A wait that is still open when the capture ends is not seen either.",
            f"oxcnotif.session == {silent[0].session}" if len(silent) == 1 else "oxcnotif.notification_types",
            frozenset(session.session for session in silent),
        )


def other_mailboxes(log: EventLog) -> Iterator[Finding]:
    """Mailboxes that a session opened beside its own, and heard nothing of."""
    heard = {(n.session, n.logon_id) for n in log.notifications}
    asked: dict[tuple[int, int], list[int]] = {}
    for event in log.subscriptions:
        if event.logon_id:
            asked.setdefault((event.session, event.logon_id), []).append(event.frame)
    silent = {key: frames for key, frames in asked.items() if key not in heard}
    if silent:
        which = [f"logon {logon} of {log.label(session)}" for session, logon in silent]
        yield Finding(
            Level.NOTE,
            0,
            f"No notification came for {number(len(silent), 'further mailbox', 'further mailboxes')} with subscriptions "
            f"({listed(which)}).",
            unique(frame for frames in silent.values() for frame in frames),
            (),
            "Shared mailboxes, public folders and delegates have a logon of their own: nothing happened there, or the "
            "server told nothing of it.",
            "",
            frozenset(session for session, _ in silent),
        )


def proxies(log: EventLog) -> Iterator[Finding]:
    """Sessions of which the capture has both sides of a proxy, and what that adds."""
    through = [session for session in log.sessions.values() if session.proxied_answers > 0]
    if through:
        answers = sum(session.proxied_answers for session in through)
        added = sum(session.proxy_added for session in through) / answers
        who = sessions(log, (session.session for session in through))
        yield Finding(
            Level.NOTE,
            0,
            f"{number(answers, 'answer')} of {who} {be(answers)} captured on both sides of a proxy, which added "
            f"{seconds(added)} to each on average.",
            unique(session.frame for session in through),
            (),
            "Each message counts once. oxcnotif.other_leg names the frame on the other side of the proxy.",
            "oxcnotif.other_leg",
            frozenset(session.session for session in through),
        )
