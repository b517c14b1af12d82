# SPDX-License-Identifier: GPL-2.0-or-later
"""What is true of the traffic, one JSON object a line, written by those who made it.

The rule that defines it: of the fetches of the same session context that are sent after a wake-up, before its next
wake-up and within the window, and that do not fail, the follow-up is the first that brings RopNotify; if there is none,
the first that asks for nothing else (no ROP, or RopRelease only); if there is none, the first. Without such a fetch the
wake-up is superseded by the next one within the window, or was never followed. "After" is the order of the frames that
complete the two. Only an outcome of "pending" is a wake-up in this sense. The rule is applied to everything that was
sent, so a link stays true when the capture lost packets of it.
"""

import json

from .network import Message

PUSH, ASYNC_WAIT, NOTIFICATION_WAIT, ROP_PENDING = 1, 2, 3, 4   # oxcnotif.wakeup.method
PENDING, TIMEOUT, REJECTED, CUT_OFF, ABANDONED = 1, 2, 3, 4, 5     # oxcnotif.wakeup.outcome
WINDOW = 60.0                                                   # the dissector's default, seconds


class Session:
    """One session context."""

    def __init__(self, number):
        self.number = number
        self.open = None        # its latest wake-up
        self.waits = []         # requests of waits, in the order in which they were sent
        self.refused = set()    # those that were refused
        self.latest_call = 0.0
        self.replaced = False   # by one that brought its cookies


class Fetch:
    """A call that brings what is queued."""

    def __init__(self, session):
        self.session = session
        self.request = self.response = None
        self.wakeup = None
        self.bare = False       # asks for nothing but notifications
        self.failed = False     # refused, or cut off: the client asks again
        self.notifications = 0
        self.pending = None     # Session that a RopPending in the response names
        self.pending_index = None


class Wakeup:
    """Something that ends a wait, a datagram, or a RopPending."""

    def __init__(self, session, method, outcome, message, request, repeat):
        self.session, self.method, self.outcome = session, method, outcome
        self.message, self.request, self.repeat = message, request, repeat
        self.calls = []         # fetches after it
        self.later = None       # the next wake-up, within the window
        self.certain = True     # False: may be shown or not

    def followup(self):
        """The fetch that followed it up; None if there was none."""
        calls = [fetch for fetch in self.calls if not fetch.failed]
        return next((fetch for fetch in calls if fetch.notifications),
                    next((fetch for fetch in calls if fetch.bare), calls[0] if calls else None))


class Truth:
    """Writes the file, at the end: until then a later fetch may turn out to be the follow-up."""

    def __init__(self, path):
        self.file = open(path, 'w', encoding='ascii', buffering=1 << 20)
        self.sessions = 0
        self.fetches, self.wakeups, self.stranded = [], [], []
        self.counts = {}

    def line(self, **facts):
        self.file.write(json.dumps(facts, separators=(',', ':')) + '\n')

    def session(self, **facts):
        self.sessions += 1
        self.line(type='session', session=self.sessions, **facts)
        return Session(self.sessions)

    # -- fetches

    def fetch(self, session, bare=False, failed=False):
        fetch = Fetch(session)
        fetch.bare, fetch.failed = bare, failed
        fetch.request = Message(lambda message: self._asked(fetch))
        fetch.response = Message(lambda message: self._answered(fetch))
        self.fetches.append(fetch)
        return fetch

    def _asked(self, fetch):
        fetch.session.latest_call = fetch.request.time
        wakeup = fetch.session.open
        if wakeup is not None and fetch.request.time - wakeup.message.time <= WINDOW:
            wakeup.calls.append(fetch)

    def _answered(self, fetch):
        if fetch.pending is not None:
            self.wakeup(fetch.pending, ROP_PENDING, PENDING, fetch.response)

    def _write_fetch(self, fetch):
        if fetch.request.time is None:
            return
        self.line(type='fetch', session=fetch.session.number, request=fetch.request.frame, response=fetch.response.frame,
                  wakeup=None if fetch.wakeup is None else fetch.wakeup.message.frame, followup=fetch.wakeup is not None,
                  failed=fetch.failed, answered=fetch.response.captured, notifications=fetch.notifications,
                  pending=fetch.pending_index)

    # -- waits that nothing ends

    def wait(self, session):
        """A Message that is the request of a wait once it is whole."""
        return Message(lambda message: self._waits(session, message))

    @staticmethod
    def _waits(session, message):
        session.waits.append(message)
        session.latest_call = message.time

    def vanished(self, session, method, request, heard=None, period=None):
        """Nothing of that wait is seen any more. heard, period: when the server was heard of last, and how often it should be."""
        self.stranded.append((session, method, request, heard, period))

    def _abandoned(self, session, method, request, heard, period):
        """The client went on without it: it waits again or connects again, or works on while no PENDING comes. Work that lasts
        little longer than a period may be shown as that or not."""
        again = any(later.time > request.time and later not in session.refused for later in session.waits)
        silent = session.latest_call - heard if heard is not None else 0.0
        if not again and not session.replaced and (heard is None or silent < 1.25 * period):
            return
        wakeup = Wakeup(session, method, ABANDONED, request, request, 0)
        wakeup.certain = again or session.replaced or silent > 4 * period
        self.counts[method, ABANDONED] = self.counts.get((method, ABANDONED), 0) + 1
        self.wakeups.append(wakeup)

    # -- wake-ups

    def waking(self, session, method, outcome, request=None, repeat=0):
        """A Message that is a wake-up once it is whole."""
        return Message(lambda message: self.wakeup(session, method, outcome, message, request, repeat))

    def wakeup(self, session, method, outcome, message, request=None, repeat=0):
        wakeup = Wakeup(session, method, outcome, message, request, repeat)
        self.counts[method, outcome] = self.counts.get((method, outcome), 0) + 1
        self.wakeups.append(wakeup)
        if outcome == REJECTED:
            session.refused.add(request)
        if outcome != PENDING:
            return
        earlier, session.open = session.open, wakeup
        if earlier is not None and message.time - earlier.message.time <= WINDOW:
            earlier.later = wakeup

    def _write_wakeup(self, wakeup):
        message, fetch = wakeup.message, wakeup.followup()
        facts = {'type': 'wakeup', 'frame': message.frame, 'frames': message.frames, 'time': round(message.time, 6),
                 'method': wakeup.method, 'session': wakeup.session.number, 'outcome': wakeup.outcome,
                 'request': None if wakeup.request is None else wakeup.request.frame, 'repeat': wakeup.repeat,
                 'fate': None, 'followup': None, 'superseded_by': None}
        if fetch is not None:
            fetch.wakeup = wakeup
            parts = [message, fetch.request, fetch.response] + ([wakeup.request] if wakeup.request is not None else [])
            facts.update(
                fate='followed', followup=fetch.request.frame, followup_response=fetch.response.frame,
                followup_time=round(fetch.request.time - message.time, 6),
                attempts=sum(call.failed for call in wakeup.calls[:wakeup.calls.index(fetch)]),
                notifications=[fetch.response.frame] if fetch.notifications else [],
                visible=message.frame is not None and fetch.request.frame is not None,
                survived=all(part.captured for part in parts))
        elif wakeup.later is not None:
            facts.update(fate='superseded', superseded_by=wakeup.later.message.frame,
                         survived=message.captured and wakeup.later.message.captured)
        elif wakeup.outcome == PENDING:
            facts['fate'] = 'never'
        if wakeup.outcome == ABANDONED:
            facts['certain'] = wakeup.certain
        if wakeup.outcome == CUT_OFF:
            facts['closer'] = message.closer
        self.line(**facts)

    def finish(self, **facts):
        """The capture ends here; facts about the whole are the last line."""
        for wait in self.stranded:
            self._abandoned(*wait)
        for wakeup in self.wakeups:
            self._write_wakeup(wakeup)
        for fetch in self.fetches:
            self._write_fetch(fetch)
        self.line(type='capture', **facts)
        self.file.close()
