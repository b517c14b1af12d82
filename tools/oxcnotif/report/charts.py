# SPDX-License-Identifier: GPL-2.0-or-later
"""Bars: how long things took, and how many notifications came when. Numbers for the template, no markup."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ..check import percentile
from ..events import EventLog
from .wording import seconds

KINDS = ("pending", "timeout", "refused", "cut_off", "abandoned")
_BOUNDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 60, 120, 300, 600, 1800)
BINS = 60  # of rates over time


@dataclass(frozen=True)
class Bar:
    label: str
    counts: tuple[tuple[str, int], ...]  # class of the style sheet, how many

    @property
    def total(self) -> int:
        return sum(count for _, count in self.counts)

    @property
    def is_split(self) -> bool:
        """There are kinds to tell apart."""
        return any(kind != "fetch" for kind, _ in self.counts)


@dataclass(frozen=True)
class Chart:
    bars: list[Bar]
    summary: str

    @property
    def highest(self) -> int:
        return max((bar.total for bar in self.bars), default=0)


def _bin_of(value: float) -> int:
    return next((number for number, bound in enumerate(_BOUNDS) if value < bound), len(_BOUNDS))


def _histogram(values: Sequence[tuple[str, float]], summary: str) -> Chart:
    counted = Counter((_bin_of(value), kind) for kind, value in values)
    used = [number for number, _ in counted]
    bars = []
    for number in range(min(used), max(used) + 1) if used else []:
        label = f"< {seconds(_BOUNDS[number])}" if number < len(_BOUNDS) else f"≥ {seconds(_BOUNDS[-1])}"
        kinds = dict.fromkeys(kind for kind, _ in values)
        bars.append(Bar(label, tuple((kind, counted[number, kind]) for kind in kinds if counted[number, kind])))
    return Chart(bars, summary)


def latencies(logs: Sequence[EventLog]) -> Chart:
    """From wake-up to fetch."""
    values = [event.latency for log in logs for event in log.followups]
    if not values:
        return Chart([], "No fetch followed a wake-up.")
    shares = ", ".join(f"{share} %: {seconds(percentile(values, share))}" for share in (50, 90, 95, 99, 100))
    return _histogram([("fetch", value) for value in values], f"{len(values):,} fetches; at most, for a share of them: {shares}.")


def waits(logs: Sequence[EventLog]) -> Chart:
    """How long waits took, by how they ended."""
    values = [(event.outcome, event.waited) for log in logs for event in log.wakeups if event.wait_in]
    values.sort(key=lambda pair: KINDS.index(pair[0]) if pair[0] in KINDS else len(KINDS))
    return _histogram(values, f"{len(values):,} waits by how long they took and how they ended.")


@dataclass(frozen=True)
class Rate:
    capture: str
    type: str
    folder: str
    count: int
    peak: int  # in one minute
    bars: list[int]  # over the capture


def rates(logs: Sequence[EventLog], most: int = 100) -> tuple[list[Rate], int]:
    """Notifications by type and folder, the most frequent first; and how many rows were left out."""
    found = []
    for log in logs:
        begin, end = log.times()
        span = max(end - begin, 0.001)
        bins: dict[tuple[str, str], Counter[int]] = {}
        minutes: dict[tuple[str, str], Counter[int]] = {}
        for event in log.notifications:
            key = (event.type or "unknown", event.folder or event.folder_id)
            bins.setdefault(key, Counter())[min(BINS - 1, max(0, int((event.time - begin) / span * BINS)))] += 1
            minutes.setdefault(key, Counter())[math.floor(event.time / 60)] += 1
        for (kind, folder), counted in bins.items():
            count = counted.total()
            found.append(
                Rate(
                    log.name,
                    kind,
                    folder,
                    count,
                    max(minutes[kind, folder].values()),
                    [counted[number] for number in range(BINS)],
                )
            )
    found.sort(key=lambda rate: (-rate.count, rate.type, rate.folder))
    return found[:most], max(0, len(found) - most)
