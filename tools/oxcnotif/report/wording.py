# SPDX-License-Identifier: GPL-2.0-or-later
"""Numbers, times and lists as they stand in sentences."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ..events import EventLog, Wakeup

WAITS = {"NotificationWait": "long poll", "EcDoAsyncWaitEx": "asynchronous wait"}
_TIMES = {1: "once", 2: "twice"}


def seconds(value: float) -> str:
    """10.5 ms, 2.13 s, 60 s, 300 s: three digits are enough to tell timers apart."""
    if abs(value) < 1:
        return f"{value * 1000:.3g} ms"
    return f"{value:.0f} s" if value >= 100 or abs(value - round(value)) < 0.005 * value else f"{value:.3g} s"


def span(values: Sequence[float]) -> str:
    """ "after 60 s" where all values are about the same, else "after 5 s to 300 s"."""
    low, high = min(values), max(values)
    if high - low <= 0.02 * high or seconds(low) == seconds(high):
        return f"after {seconds(sorted(values)[len(values) // 2])}"
    return f"after {seconds(low)} to {seconds(high)}"


def times(count: int) -> str:
    return _TIMES.get(count, f"{count:,} times")


def number(count: int, one: str, many: str | None = None) -> str:
    """1 wait, 2 waits."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def be(count: int) -> str:
    return "was" if count == 1 else "were"


def listed(texts: Sequence[str], most: int = 3) -> str:
    """a, b and c; of many the first ones and how many more."""
    if len(texts) > most:
        return f"{', '.join(texts[:most])} and {len(texts) - most} more"
    return " and ".join(filter(None, [", ".join(texts[:-1]), texts[-1] if texts else ""]))


def sessions(log: EventLog, numbers: Iterable[int]) -> str:
    """The sessions of a finding, as a subject or object."""
    known = sorted(set(numbers) - {0})
    if not known:
        return "an unknown session"
    if len(known) == 1:
        return log.label(known[0])
    return f"{len(known)} sessions ({listed([log.label(number) for number in known])})"


def possessive(text: str) -> str:
    return f"{text}'" if text.endswith("s") else f"{text}'s"


def sessions_of(log: EventLog, numbers: Iterable[int], thing: str) -> str:
    """ "Anna's long poll (session 1)" or "The long polls of 2 sessions (…)"."""
    known = sorted(set(numbers) - {0})
    if len(known) == 1 and (session := log.session(known[0])) and session.name:
        return f"{possessive(session.name)} {thing} (session {session.session})"
    return f"The {thing}{'s' if len(known) > 1 else ''} of {sessions(log, known)}"


def wait_noun(waits: Sequence[Wakeup]) -> str:
    names = {WAITS.get(wait.method_text, "wait") for wait in waits}
    return names.pop() if len(names) == 1 else "wait"


def rounded(text: str) -> str:
    """Seconds in an expert item's text, which has them with nine decimals, as in sentences."""
    return re.sub(r"(\d+\.\d{3,}) s\b", lambda match: seconds(float(match[1])), text)


def sentence_start(text: str) -> str:
    """Begins with a capital letter, unless it begins with somebody's name."""
    return text[0].upper() + text[1:] if text.startswith(("session ", "an unknown ")) else text
