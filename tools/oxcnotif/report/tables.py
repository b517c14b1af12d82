# SPDX-License-Identifier: GPL-2.0-or-later
"""Rows of the page's tables: sessions, mailboxes, subscriptions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ..events import EventLog, Session
from .waits import LATE


@dataclass(frozen=True)
class SessionRow:
    capture: str
    session: Session
    end: str
    subscriptions: int
    tables: int
    notifications: int
    waits: int
    bad_waits: int
    missed: int
    late: int

    @property
    def trouble(self) -> int:
        return self.bad_waits + self.missed + self.late + (self.session.end in ("lost", "replaced"))


def sessions(logs: Sequence[EventLog]) -> list[SessionRow]:
    """All sessions, those with the most trouble first."""
    rows = []
    for log in logs:
        subscriptions = Counter(event.session for event in log.subscriptions)
        tables = Counter(event.session for event in log.tables)
        notifications = Counter(event.session for event in log.notifications)
        waits = Counter(event.session for event in log.wakeups if event.method in (2, 3))
        bad = Counter(e.session for e in log.wakeups if e.outcome in ("cut_off", "refused", "abandoned"))
        missed = Counter(event.session for event in log.wakeups if event.followup == "missed")
        late = Counter(event.session for event in log.followups if event.latency > LATE)
        for number, session in log.sessions.items():
            end = f"{session.end} in frame {session.ended_in}" if session.end else ""
            rows.append(
                SessionRow(
                    log.name,
                    session,
                    end,
                    subscriptions[number],
                    tables[number],
                    notifications[number],
                    waits[number],
                    bad[number],
                    missed[number],
                    late[number],
                )
            )
    return sorted(rows, key=lambda row: (-row.trouble, -row.notifications, row.capture, row.session.session))


@dataclass(frozen=True)
class SubscriptionRow:
    capture: str
    session: str
    number: int
    logon: int
    frame: int
    what: str
    types: str
    notifications: int
    mails: int


def _folder_names(log: EventLog) -> dict[tuple[int, int, str], str]:
    return {
        (event.session, event.logon_id, event.folder_id): event.folder
        for event in log.notifications
        if event.folder and event.folder != event.folder_id
    }


def subscriptions(logs: Sequence[EventLog]) -> list[SubscriptionRow]:
    """Subscriptions and tables with what came for them, the most notified first."""
    rows = []
    for log in logs:
        names = _folder_names(log)
        came = Counter((event.session, event.subscription_in) for event in log.notifications)
        mails = Counter((e.session, e.subscription_in) for e in log.notifications if e.type.startswith("NewMail"))
        opened = Counter((event.session, event.opened_in) for event in log.subscriptions)
        for event in log.subscriptions:
            folder = names.get((event.session, event.logon_id, event.folder_id), event.folder_id)
            what = "whole store" if event.whole_store else folder or "unknown folder"
            if event.message_id:
                what += f", message {event.message_id}"
            if opened[event.session, event.opened_in] > 1:
                what += f" (one of {opened[event.session, event.opened_in]} in this frame; counted together)"
            key = (event.session, event.opened_in)
            rows.append(
                SubscriptionRow(
                    log.name,
                    log.label(event.session),
                    event.session,
                    event.logon_id,
                    event.opened_in,
                    what,
                    event.types_text,
                    came[key],
                    mails[key],
                )
            )
        for table in log.tables:
            folder = names.get((table.session, table.logon_id, table.folder_id), table.folder_id)
            rows.append(
                SubscriptionRow(
                    log.name,
                    log.label(table.session),
                    table.session,
                    table.logon_id,
                    table.frame,
                    f"{table.kind or 'table'}{f' of {folder}' if folder else ''}",
                    "TableModified",
                    table.notifications,
                    0,
                )
            )
    return sorted(rows, key=lambda row: (-row.notifications, row.capture, row.number, row.frame))


@dataclass(frozen=True)
class MailboxRow:
    capture: str
    session: str
    logon: int
    subscriptions: int
    tables: int
    notifications: int
    mails: int


def mailboxes(logs: Sequence[EventLog]) -> list[MailboxRow]:
    """Each logon of each session: shared mailboxes and public folders have one of their own."""
    rows = []
    for log in logs:
        asked = Counter((event.session, event.logon_id) for event in log.subscriptions)
        tables = Counter((event.session, event.logon_id) for event in log.tables)
        came = Counter((event.session, event.logon_id) for event in log.notifications)
        mails = Counter((e.session, e.logon_id) for e in log.notifications if e.type.startswith("NewMail"))
        for key in sorted({*asked, *tables, *came}):
            rows.append(
                MailboxRow(log.name, log.label(key[0]), key[1], asked[key], tables[key], came[key], mails[key])
            )
    return sorted(rows, key=lambda row: (-row.subscriptions, -row.notifications))
