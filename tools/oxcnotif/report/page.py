# SPDX-License-Identifier: GPL-2.0-or-later
"""The page of `oxcnotif report`: one file of HTML that needs no network.

Pictures are inline SVG, drawn here and zoomed by a few lines of script. plotly.js would add 3.5 MB to each page that is attached
to a ticket, draws nothing without its script, follows neither the dark scheme nor the printer, and its points cannot be reached
by keyboard.
"""

from __future__ import annotations

import datetime
import functools
import pathlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jinja2

from ..events import EventLog
from . import charts, findings, gaps, tables, timeline
from .wording import number, seconds

MAX_TIMELINES = 25
MAX_ROWS = 500  # of a table
MAX_FINDINGS = 200
MAX_FRAMES = 100  # listed of a finding


@functools.lru_cache(maxsize=None)
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(pathlib.Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["seconds"] = seconds
    environment.filters["utc"] = _utc
    return environment


def _utc(time: float) -> str:
    """A time of a capture; the number itself where no calendar has it."""
    try:
        return datetime.datetime.fromtimestamp(time, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return f"{time:g}"


def _timelines(logs: Sequence[EventLog], rows: Sequence[tables.SessionRow]) -> list[timeline.Timeline]:
    """Of the sessions with the most trouble."""
    by_name = {log.name: (log, timeline.by_session(log)) for log in logs}
    drawn: list[timeline.Timeline] = []
    for row in rows:
        log, events = by_name[row.capture]
        number_of = row.session.session
        line = timeline.of(log, number_of, events[number_of]) if number_of in events else None
        if line:
            drawn.append(line)
        if len(drawn) == MAX_TIMELINES:
            break
    return drawn


def _totals(logs: Sequence[EventLog]) -> str:
    frames = sum(log.capture.frames for log in logs if log.capture)
    parts = [
        number(frames, "frame"),
        number(sum(len(log.sessions) for log in logs), "session"),
        number(sum(len(log.subscriptions) for log in logs), "subscription"),
        number(sum(e.method in (2, 3) for log in logs for e in log.wakeups), "wait"),
        number(sum(len(log.notifications) for log in logs), "notification"),
    ]
    return ", ".join(parts)


def _context(logs: Sequence[EventLog]) -> dict[str, Any]:
    found = findings.of_all(logs)
    rows = tables.sessions(logs)
    subscriptions, mailboxes = tables.subscriptions(logs), tables.mailboxes(logs)
    lines = _timelines(logs, rows)
    rates, left_out = charts.rates(logs)
    return {
        "title": ", ".join(log.name for log in logs[:3]) + (f" and {len(logs) - 3} more" if len(logs) > 3 else ""),
        "several": len(logs) > 1,
        "logs": logs,
        "merged": any(log.places for log in logs),
        "headline": findings.headline(logs, found),
        "clean": findings.is_clean(found),
        "totals": _totals(logs),
        "findings": found[:MAX_FINDINGS],
        "findings_left": max(0, len(found) - MAX_FINDINGS),
        "max_frames": MAX_FRAMES,
        "gaps": [gap for log in logs for gap in gaps.of(log)],
        "looked_for": findings.looked_for(logs),
        "sessions": rows[:MAX_ROWS],
        "sessions_left": max(0, len(rows) - MAX_ROWS),
        "mailboxes": mailboxes[:MAX_ROWS],
        "mailboxes_left": max(0, len(mailboxes) - MAX_ROWS),
        "subscriptions": subscriptions[:MAX_ROWS],
        "subscriptions_left": max(0, len(subscriptions) - MAX_ROWS),
        "timelines": lines,
        "timelines_left": max(0, len(rows) - len(lines)) if len(lines) == MAX_TIMELINES else 0,
        "lanes": timeline.LANES,
        "lane_height": timeline.LANE_HEIGHT,
        "width": timeline.WIDTH,
        "latencies": charts.latencies(logs),
        "waits": charts.waits(logs),
        "rates": rates,
        "rates_left": left_out,
    }


@dataclass(frozen=True)
class Page:
    headline: str
    text: str


def render(logs: Sequence[EventLog]) -> Page:
    """The whole page."""
    context = _context(logs)
    return Page(context["headline"], _environment().get_template("page.html.j2").render(context))
