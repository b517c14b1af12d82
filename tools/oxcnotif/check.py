# SPDX-License-Identifier: GPL-2.0-or-later
"""`oxcnotif check`: which rules the events of a capture keep and which they break."""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .errors import bad_input
from .events import Diagnosis, EventLog, Notification
from .rules import Late, Rules, Scenario

MAX_FRAMES = 20  # named in a result; the number says how many there are


@dataclass(frozen=True)
class Result:
    """A rule, applied to a capture."""

    capture: str
    rule: str
    passed: bool
    text: str
    frames: tuple[int, ...] = ()

    @property
    def filter(self) -> str:
        """A display filter that shows the frames."""
        return frame_filter(self.frames)


def frame_filter(frames: Sequence[int]) -> str:
    """The display filter of some frames; "" for none."""
    shown = list(dict.fromkeys(frames))[:MAX_FRAMES]
    if len(shown) < 2:
        return f"frame.number == {shown[0]}" if shown else ""
    return f"frame.number in {{{', '.join(map(str, shown))}}}"


def is_malformed(diagnosis: Diagnosis) -> bool:
    return diagnosis.group == "Malformed" or diagnosis.severity == "Error"


def is_deviation(diagnosis: Diagnosis) -> bool:
    return diagnosis.group == "Protocol" and not is_malformed(diagnosis)


def percentile(values: Sequence[float], share: float) -> float:
    """By nearest rank: one of the values."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share / 100 * len(ordered)) - 1)]


_FINDERS: dict[str, tuple[str, Callable[[EventLog], list[int]]]] = {
    "missed": (
        "wake-ups without a fetch",
        lambda log: [event.frame for event in log.wakeups if event.followup == "missed"],
    ),
    "cut_off": (
        "waits cut off",
        lambda log: [event.frame for event in log.wakeups if event.outcome == "cut_off"],
    ),
    "refused": (
        "waits refused",
        lambda log: [event.frame for event in log.wakeups if event.outcome == "refused"],
    ),
    "abandoned": (
        "waits abandoned",
        lambda log: [event.frame for event in log.wakeups if event.outcome == "abandoned"],
    ),
    "malformed": (
        "malformed values",
        lambda log: [event.frame for event in log.diagnoses if is_malformed(event)],
    ),
    "deviations": (
        "deviations from the specification",
        lambda log: [event.frame for event in log.diagnoses if is_deviation(event)],
    ),
}


def _counted(log: EventLog, rule: str, what: str, frames: list[int], limit: int) -> Result:
    return Result(log.name, rule, len(frames) <= limit, f"{what}: {len(frames)} (limit {limit})", tuple(frames))


def _late(log: EventLog, late: Late) -> Result:
    share = f"{late.percentile:g}th percentile of the time from wake-up to fetch"
    if not log.followups:
        return Result(log.name, "late", True, f"{share}: no fetch followed a wake-up")
    reached = percentile([event.latency for event in log.followups], late.percentile)
    frames = tuple(event.frame for event in log.followups if event.latency > late.seconds)
    return Result(
        log.name, "late", reached <= late.seconds, f"{share}: {reached:.3f} s (limit {late.seconds:g} s)", frames
    )


def _matches(glob: str, *texts: str) -> bool:
    return any(text and fnmatch.fnmatchcase(text.casefold(), glob.casefold()) for text in texts)


def _is_user(log: EventLog, number: int, glob: str) -> bool:
    session = log.session(number)
    return bool(session) and _matches(glob, session.user, session.name, session.name.partition("@")[0])


def _fits(log: EventLog, scenario: Scenario, event: Notification) -> bool:
    return (
        scenario.gets in [part.strip() for part in event.type.split(",")]
        and (not scenario.session or event.session == scenario.session)
        and (not scenario.user or _is_user(log, event.session, scenario.user))
        and (not scenario.folder or _matches(scenario.folder, event.folder, event.folder_id))
    )


def _wanted(scenario: Scenario) -> str:
    """The scenario as a sentence."""
    who = f"user {scenario.user}" if scenario.user else ""
    if scenario.session:
        who += f"{' in ' if who else ''}session {scenario.session}"
    text = f"{who or 'any session'} gets {scenario.gets}"
    if scenario.folder:
        text += f" in {scenario.folder}"
    if scenario.within is not None:
        text += f" within {scenario.within:g} s"
    if scenario.after_frame:
        text += f" {'of' if scenario.within is not None else 'after'} frame {scenario.after_frame}"
    elif scenario.within is not None:
        text += " of the first packet"
    if scenario.at_most is not None:
        text += f", at most {scenario.at_most} times"
    if scenario.at_least > 1:
        text += f", at least {scenario.at_least} times"
    return text


def _play(log: EventLog, scenario: Scenario, time_of: Callable[[EventLog, int], float | None]) -> Result:
    start = log.times()[0]
    if scenario.after_frame and scenario.within is not None:
        found = time_of(log, scenario.after_frame)
        if found is None:
            return Result(
                log.name, scenario.name, False, f"{_wanted(scenario)}: the time of frame {scenario.after_frame} is "
                "not known (no such frame, or a file of events without it)"
            )
        start = found
    events = [
        event
        for event in log.notifications
        if event.frame > scenario.after_frame
        and (scenario.within is None or start <= event.time <= start + scenario.within)
        and _fits(log, scenario, event)
    ]
    passed = scenario.at_least <= len(events) and (scenario.at_most is None or len(events) <= scenario.at_most)
    text = f"{_wanted(scenario)}: {len(events)} came"
    if not passed and not events:
        late = next((e for e in log.notifications if e.frame > scenario.after_frame and _fits(log, scenario, e)), None)
        if late:
            text += f"; the next one is in frame {late.frame}, {late.time - start:.3f} s after"
    return Result(log.name, scenario.name, passed, text, tuple(event.frame for event in events))


def check(log: EventLog, rules: Rules, time_of: Callable[[EventLog, int], float | None]) -> list[Result]:
    """What each rule says of a capture; `time_of` tells the time of a frame for which there may be no event."""
    results = []
    if rules.complete:
        text = "the capture ends in the middle of a packet" if log.truncated else "the capture is whole"
        results.append(Result(log.name, "complete", not log.truncated, text))
    for rule, limit in rules.limits.items():
        what, find = _FINDERS[rule]
        results.append(_counted(log, rule, what, find(log), limit))
    for name, limit in rules.diagnoses.items():
        frames = [event.frame for event in log.diagnoses if event.name == name]
        results.append(_counted(log, name, name, frames, limit))
    if rules.late:
        results.append(_late(log, rules.late))
    results += [_play(log, scenario, time_of) for scenario in rules.scenarios]
    if not results:
        raise bad_input("the rules hold no limit and no scenario: nothing would be checked")
    return results
