# SPDX-License-Identifier: GPL-2.0-or-later
"""The findings as text, for a terminal."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

from ..check import MAX_FRAMES
from ..events import EventLog
from . import findings, gaps, tables
from .finding import Finding
from .wording import number

MAX_SESSIONS = 10
MAX_FILES = 5  # of a finding
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")  # what would move the cursor of a terminal


def _paragraph(text: str, first: str) -> str:
    return textwrap.fill(
        _CONTROL.sub("�", text), 110, initial_indent=first, subsequent_indent=" " * 9, break_on_hyphens=False, break_long_words=False
    )


def _finding(finding: Finding, several: bool) -> list[str]:
    where = f"{finding.capture}: " if several else ""
    shown = ", ".join(map(str, finding.frames[:MAX_FRAMES]))
    more = f" and {len(finding.frames) - MAX_FRAMES} more" if len(finding.frames) > MAX_FRAMES else ""
    lines = [_paragraph(where + finding.sentence, f"{finding.level.text:<9}")]
    frames = "frames" if len(finding.frames) > 1 else "frame"
    who = f" of {finding.who}" if finding.who else ""
    where = f"         {frames} {shown}{more}{who}; filter: {finding.filter or finding.frame_filter}"
    lines.append(_CONTROL.sub("�", where))
    for place in finding.files[:MAX_FILES]:
        lines.append(_CONTROL.sub("�", f"         {place.file}: {place.filter}"))
    if len(finding.files) > MAX_FILES:
        lines.append(f"         and {number(len(finding.files) - MAX_FILES, 'file')} more")
    return lines


def _sessions(logs: Sequence[EventLog]) -> list[str]:
    """What each session has, and each of its mailboxes if there are several."""
    lines = []
    mailboxes = tables.mailboxes(logs)
    rows = tables.sessions(logs)
    for row in rows[:MAX_SESSIONS]:
        where = f"{row.capture}: " if len(logs) > 1 else ""
        label = row.session.label
        client = f", {row.session.client}" if row.session.client else ""
        text = (
            f"{where}{label}{client}: {number(row.subscriptions, 'subscription')}, {number(row.tables, 'table')}, "
            f"{number(row.notifications, 'notification')}, {number(row.waits, 'wait')}"
        )
        own = [mailbox for mailbox in mailboxes if (mailbox.capture, mailbox.session) == (row.capture, label)]
        for mailbox in own if len(own) > 1 else []:
            asked = number(mailbox.subscriptions + mailbox.tables, "subscription or table", "subscriptions or tables")
            text += f"; logon {mailbox.logon}: {asked}, {number(mailbox.notifications, 'notification')}"
        lines.append(_paragraph(text, "Session  "))
    if len(rows) > MAX_SESSIONS:
        lines.append(f"         and {number(len(rows) - MAX_SESSIONS, 'session')} with less trouble")
    return lines


def render(logs: Sequence[EventLog]) -> str:
    """A paragraph for each finding, what the captures cannot answer, the sessions; what was looked for if there was no fault."""
    found = findings.of_all(logs)
    lines = []
    if findings.is_clean(found):
        lines.append(findings.headline(logs, found))
    for finding in found:
        lines += _finding(finding, len(logs) > 1)
    for log in logs:
        for gap in gaps.of(log):
            where = f"{log.name}: " if len(logs) > 1 else ""
            lines.append(_paragraph(f"{where}{gap.cannot}. {gap.why} {gap.remedy}", "Unknown  "))
    lines += _sessions(logs)
    if findings.is_clean(found):
        looked = [f"{row.what.lower()} ({row.found} {row.among})" for row in findings.looked_for(logs)]
        lines.append(_paragraph(f"{', '.join(looked)}.", "Looked for: "))
    return "\n".join(lines) + "\n"
