# SPDX-License-Identifier: GPL-2.0-or-later
"""What a capture cannot answer, why, and how to capture so that it can."""

from __future__ import annotations

from dataclasses import dataclass

from ..events import EventLog
from ..sources import why_nothing
from .wording import be, number, sessions

_LATE = ("oxcnotif.session.before_capture", "oxcnotif.handle.unknown", "rop.columns_unknown", "emsmdb.inferred", "rpch.begun_late", "oxcnotif.push.unregistered")
_LOST = ("mapihttp.request_not_captured", "mapihttp.beginning_not_captured", "rpch.lost", "emsmdb.unknown_call")
_DAMAGED = ("mapihttp.swallowed", "emsmdb.swallowed", "rpch.swallowed")
_HIDDEN = ("mapihttp.not_decrypted", "rpch.not_decrypted")
_SEALED = ("emsmdb.sealed",)
NAMES = frozenset((*_LATE, *_LOST, *_DAMAGED, *_HIDDEN, *_SEALED))


@dataclass(frozen=True)
class Gap:
    capture: str
    cannot: str
    why: str
    remedy: str
    filter: str = ""


def _named(log: EventLog, names: tuple[str, ...]) -> list[str]:
    """The names among these that there are."""
    there = {event.name for event in log.diagnoses}
    return [name for name in names if name in there]


def _of_file(log: EventLog) -> list[Gap]:
    facts, found = log.capture, []
    if log.truncated:
        found.append(Gap(log.name, "What came last", "The file ends in the middle of a packet.", "Stop dumpcap with Ctrl-C or SIGTERM, and copy the file after that."))
    if log.trace:
        found.append(Gap(log.name, "Keep-alives, who ended a connection, times within a response", "It is a trace of a proxy, which holds whole messages.", "Take a capture as well, on the client or the server."))
    if not facts:
        return found
    if facts.tls_undecrypted:
        found.append(Gap(
            log.name,
            "Whatever these TLS connections carried",
            f"{facts.tls_undecrypted:,} of {number(facts.tls_connections, 'TLS connection')} could not be decrypted.",
            "Give the session keys (--key-log FILE); Outlook on Windows writes none: take a trace with a decrypting proxy, or capture behind the load balancer that ends TLS.",
        ))
    if facts.cut_short:
        found.append(Gap(log.name, "What stood behind the end of these packets", f"{number(facts.cut_short, 'frame')} {be(facts.cut_short)} captured in part (snaplen).", "Capture whole packets: -s 0.", "frame.cap_len < frame.len"))
    if facts.one_direction:
        found.append(Gap(log.name, "What the other side said", f"{facts.one_direction:,} of {number(facts.exchange_connections, 'Exchange connection')} {'shows' if facts.one_direction == 1 else 'show'} packets of one direction.", "Mirror both directions of the port, and all paths if routing is asymmetric."))
    return found


def of(log: EventLog) -> list[Gap]:
    """What a capture cannot answer."""
    if log.empty:
        return [Gap(log.name, "Anything", f"{why_nothing(log)}.", "")]
    found = _of_file(log)
    sealed = [session.session for session in log.sessions.values() if session.encrypted]
    if sealed or _named(log, _SEALED):
        text = next((e.explanation or e.text for e in log.diagnoses if e.name == "emsmdb.sealed"), "")
        found.append(Gap(log.name, f"Subscriptions and notifications of {sessions(log, sealed)}", "The stubs of its RPC calls are encrypted.", text.removeprefix("The stubs of this connection are encrypted. "), "emsmdb.sealed"))
    for names, cannot, why, remedy in (
        (_LATE, "Users, subscriptions, folders and columns of what was open already", "Sessions or connections began before the capture.", "Start the capture, then Outlook."),
        (_LOST, "Calls of which a part is missing", "Packets are missing in the capture.", "Capture with a larger buffer (-B 64) and a filter for the addresses."),
        (_DAMAGED, "Messages inside of these", "Bytes are damaged or missing, and one message was taken for a part of another.", "As above: capture without loss."),
        (_HIDDEN, "What followed on these connections", "A TLS record could not be decrypted, and nothing behind it.", "Capture without loss, from the beginning of the connection."),
    ):
        there = _named(log, names)
        if there:
            found.append(Gap(log.name, cannot, why, remedy, " or ".join(there)))
    open_wakeups = sum(event.followup == "open" for event in log.wakeups)
    if open_wakeups:
        found.append(Gap(log.name, f"Whether {number(open_wakeups, 'wake-up')} {be(open_wakeups)} followed", "The capture ends before that is decided.", "Let it run for a minute longer."))
    guessed = sum(event.match == 3 for event in log.followups)
    if guessed:
        found.append(Gap(log.name, f"Which session {number(guessed, 'fetch', 'fetches')} certainly followed up for", "Their link to the wake-up is inferred from order and time, not from a key.", "Nothing to do: oxcnotif.match.confidence says how sure each is.", "oxcnotif.followup_in"))
    return found
