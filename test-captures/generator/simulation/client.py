# SPDX-License-Identifier: GPL-2.0-or-later
"""What every client does, whatever the transport: open, subscribe, wait, fetch, poll, work, go away, come back."""

import dataclasses

from .kernel import Event, Lock, Lost
from .mailbox import Batch, Mailbox
from .network import C2S, FIN, Message, RST, S2C
from .server import Context, POLLS_MAX, WAIT_LIMIT


NOTIFY = 0x2A       # RopId of RopNotify


@dataclasses.dataclass
class Habits:
    """How often things happen that a matcher must not be fooled by; chances unless said otherwise."""

    delay: float = 0.002        # seconds from a client to the place of the capture
    gap: float = 90.0           # seconds between events, the mean
    work: float = 150.0         # seconds between calls of the user, the mean
    burst: float = 0.06         # an event is many
    withdrawn: float = 0.03     # an event is undone before it is fetched
    hang: float = 0.025         # a wake-up is not followed for more than a minute
    overlap: float = 0.05       # the next wait opens before the fetch, and ends at once
    slow: float = 0.04          # the fetch comes seconds later
    mixed: float = 0.35         # the fetch has ROPs of its own
    lazy: float = 0.1           # RopPending is not answered at once
    second: float = 0.04        # a second wait while one is outstanding
    cut: float = 0.03           # a wait is cut off by a box in between
    reconnect: float = 0.5      # ... and the client makes a new session
    other: float = 0.12         # a fetch goes over another connection
    drop: float = 0.1           # the RPC connection breaks once, and the sessions with it
    deaf: float = 0.04          # datagrams do not reach the client
    bare: float = 0.0           # a fetch that asks for nothing else has RopRelease, as Outlook does
    # What some conditions add.
    legs: int = 0               # responses with 401 before the first answer on a connection
    failed: float = 0.0         # an attempt to fetch is refused, or its connection is reset, and repeated
    busy: float = 0.0           # calls with full answers go on between the wake-up and the fetch
    chains: float = 0.0         # ... or a FastTransfer download does, or one is under way when the event happens
    vanish: float = 0.0         # a device in between forgets the connection of a wait


class Session:
    """A client's side of one session context. A transport says how to connect, exchange, wait and disconnect."""

    waits = False       # the wake-up is the end of a call that this client keeps outstanding
    polls = False       # until the first datagram
    keeps_keys = False  # a new connect says which session it replaces

    def __init__(self, owner, slot, old=None):
        """old: the session this one replaces after a reconnect."""
        self.owner, self.slot, self.old = owner, slot, old
        self.sim, self.world, self.rng, self.habits = owner.sim, owner.world, owner.rng, owner.habits
        rng = self.rng
        self.mailbox = Mailbox(rng, slot['user'], rng.random() < 0.7, rng.random() < 0.3)
        self.mailbox.whole = 'healthy' in self.world.conditions
        self.record = self.world.truth.session(**self.facts())
        self.context = Context(self.sim, owner.server, self.world.truth, self.record, self.mailbox, self.habits, rng)
        self.context.told = self.tell_delegates
        self.lock = Lock(self.sim)
        self.alive = True
        self.listening = False
        self.chain = None       # a download under way
        slot['session'] = self
        self.hung = 0.0         # does nothing before
        self.heard = False      # a datagram has come
        self.limit = slot['limit']      # bytes it has room for in a response

    def facts(self):
        return {'kind': self.slot['kind'], 'client': str(self.owner.host.address), 'server': self.owner.server.name,
                'process': self.owner.number, 'replaces': self.old.record.number if self.old else None,
                'deaf': self.slot['deaf'] and 'push' in self.slot['methods']}

    # -- life

    def run(self, start):
        """The whole life of a session."""
        yield max(0.0, start - self.sim.now)
        try:
            yield from self.connect()
            for batch in self.mailbox.opening():
                yield from self.call(batch)
                yield self.rng.uniform(0.001, 0.05)
            if 'watches' in self.slot:
                for batch in self.mailbox.opening_other(self.slot['watches']['user']):
                    yield from self.call(batch)
            yield from self.listen()
            self.listening = True
        except Lost:
            self.lost()
            return
        self.sim.spawn(self.guarded(self.context.live(self.habits.gap * self.rng.choice((0.4, 1.0, 1.0, 2.5)))))
        self.sim.spawn(self.guarded(self.work()))
        if self.waits:
            self.sim.spawn(self.guarded(self.wait_on()))
        if self.polls:
            self.sim.spawn(self.guarded(self.poll()))
        end = self.slot['end']
        if end is not None:
            yield max(0.0, end - self.sim.now)
            if self.alive:
                yield from self.guarded(self.leave())

    def guarded(self, generator):
        try:
            yield from generator
        except Lost:
            pass

    def leave(self):
        yield self.lock.acquire()
        if self.alive:
            self.alive = False
            self.record.latest_call = self.sim.now
            try:
                yield from self.disconnect()
            finally:
                self.lock.release()

    def lost(self):
        """The context is gone; whoever uses it finds out."""
        self.alive = False
        self.context.end()

    def replace(self):
        """Connect anew: a session of its own, with everything subscribed again."""
        self.lost()
        self.record.replaced = self.keeps_keys
        new = type(self)(self.owner, self.slot, self)
        self.owner.sessions[self.owner.sessions.index(self)] = new
        self.sim.spawn(new.run(self.sim.now + self.rng.uniform(0.2, 3.0)))

    def tell_delegates(self):
        """Something happened in this mailbox: those who have it open, too, are woken at the same time."""
        for slot in self.slot.get('delegates', ()):
            other = slot.get('session')
            if other is not None and other.alive and other.listening:
                self.sim.at(self.sim.now + self.rng.choice((0.0, self.rng.uniform(0, 0.003))), other.context.happen_if_alive,
                            other.mailbox.happening_to_other())

    def listen(self):
        """Register for a wake-up, after the subscriptions; by default there is nothing to do."""
        return
        yield

    # -- calls

    def call(self, batch, full=False):
        """One fetch, whatever it is for; with full, its answer has no room for notifications. Answers what came."""
        yield self.lock.acquire()
        try:
            if not self.alive:
                raise Lost(None)
            bare, context = batch.is_bare(), self.context
            while self.habits.failed and self.rng.random() < self.habits.failed:
                attempt = self.world.truth.fetch(self.record, bare, failed=True)
                yield from self.exchange(batch.request(), None, attempt)
                yield self.rng.choice((0.05, 0.5, 5.0))
                if not self.alive:
                    raise Lost(None)
            record = self.world.truth.fetch(self.record, bare)

            def answer():
                room = max(self.limit - 8 - batch.answer_size(), 0)
                notes, target = ([], None) if full else context.drain(room)
                record.notifications = sum(note.data[0] == NOTIFY for note in notes)
                if target is not None:
                    record.pending, record.pending_index = target.record, target.index
                return batch.answer(notes)

            yield from self.exchange(batch.request(), answer, record)
        finally:
            self.lock.release()
        context.answered()
        if record.pending is not None:
            self.owner.told(record.pending, self)
        return record.notifications

    def think(self):
        """How long the server takes."""
        return self.rng.choice((0.0005, 0.002, 0.005, 0.03, 0.2)) * self.rng.uniform(0.5, 1.5)

    def react(self, quick=False):
        """A wake-up came; usually the next thing is a fetch."""
        rng, habits = self.rng, self.habits
        chance = rng.random()
        if chance < habits.hang:
            self.hung = self.sim.now + rng.uniform(70, 180)
        if self.hung > self.sim.now:
            yield self.hung - self.sim.now
        elif chance < habits.hang + habits.overlap and self.waits and not quick:
            self.sim.spawn(self.guarded(self._later(rng.uniform(0.05, 0.5))))
            return
        elif chance < habits.hang + habits.overlap + habits.slow:
            yield rng.uniform(1, 20)
        else:
            yield min(rng.lognormvariate(-4.5, 1.0), 1.0)
        if habits.busy and rng.random() < habits.busy:
            for _ in range(rng.randrange(1, 6)):
                if self.alive:
                    yield from self.call(self.mailbox.something(self.limit), full=True)
        if self.chain is not None and rng.random() < 0.7:
            yield self.chain
        elif habits.chains and rng.random() < habits.chains:
            yield from self.download()
        if self.alive:
            yield from self.call(self.mailbox.something(self.limit) if rng.random() < habits.mixed else self.nothing())

    def download(self):
        """A FastTransfer chain: what comes meanwhile finds no room in its answers."""
        for batch in self.mailbox.chain(self.limit):
            if self.alive:
                yield from self.call(batch, full=True)
                yield self.rng.uniform(0.0002, 0.01)

    def nothing(self):
        """The ROPs of a fetch that asks for nothing else."""
        return self.mailbox.releases() if self.habits.bare and self.rng.random() < self.habits.bare else Batch()

    def _later(self, delay):
        yield delay
        yield from self.call(self.nothing())

    def pending(self):
        """A RopPending names this session."""
        if self.rng.random() >= self.habits.lazy:
            yield from self.react(quick=True)

    def work(self):
        """The user."""
        while self.alive:
            yield self.rng.expovariate(1 / self.habits.work)
            if self.hung > self.sim.now:
                yield self.hung - self.sim.now
            if self.alive and self.habits.chains and self.rng.random() < self.habits.chains:
                self.chain = self.sim.spawn(self.download())
                if self.rng.random() < 0.5:
                    self.sim.at(self.sim.now + 0.004, self.context.happen_if_alive, self.mailbox.happening())
                try:
                    yield self.chain
                finally:
                    self.chain = None
            elif self.alive:
                yield from self.call(self.mailbox.something(self.limit))

    def poll(self):
        """An empty fetch every PollsMax ms, [MS-OXCNOTIF] 3.2.5.6."""
        while self.alive and not self.heard:
            yield POLLS_MAX / 1000 + self.rng.uniform(0, 0.5)
            if self.alive and self.hung <= self.sim.now and not self.heard:
                yield from self.call(self.nothing())

    # -- waits

    def wait_on(self):
        """Keep a wait outstanding."""
        while self.alive:
            try:
                outcome = yield from self.wait(self.rng.random() < self.habits.second)
            except Lost:
                if not self.alive:
                    return
                yield self.rng.uniform(0.5, 5.0)
                if self.alive and self.gives_up():
                    self.replace()
                    return
                continue
            if outcome == 'pending':
                yield from self.react()
            elif outcome == 'rejected':
                yield self.rng.uniform(5, 15)
            elif outcome == 'exiting':
                return
            yield self.rng.uniform(0.0005, 0.02)

    def patience(self, request):
        """Seconds until the client gives up a wait of which it hears nothing more."""
        longest = self.rng.choice((30.0, 120.0, 300.0, 300.0, 300.0)) + self.rng.uniform(1, 20)
        return max(0.0, longest - (self.sim.now - request.time))

    def gives_up(self):
        """After a wait was cut: is the whole session made anew?"""
        return self.rng.random() < self.habits.reconnect

    def second_wait(self):
        """Some seconds later, another wait while the first is still open."""
        yield self.rng.uniform(1, 20)
        if self.alive and self.context.waiting is not None and self.hung <= self.sim.now:
            if (yield from self.wait(False)) == 'pending':
                yield from self.react()

    def watched(self, connection, event):
        """The outstanding wait ends with its connection; some connections are cut while it is outstanding."""
        def gone(message):
            # A server that learns of it gives the wait up; with a device that says nothing, some only refuse others meanwhile.
            if message is None and self.owner.server.strict and self.context.waiting is event:
                self.context.waiting = unheard = Event(self.sim)
                self.sim.at(event_began + WAIT_LIMIT, self.context.forget, unheard)
            else:
                self.context.forget(event)
            event.fail(Lost(message))

        event_began = self.sim.now
        connection.on_close.append(gone)
        if self.habits.vanish and self.rng.random() < self.habits.vanish:
            self.sim.at(self.sim.now + self.rng.choice((40.0, 90.0)), self._vanish, connection, event)
        elif self.rng.random() < self.habits.cut:
            after = self.rng.choice((60.0, 120.0, self.rng.uniform(5, 250)))
            self.sim.at(self.sim.now + after, self._cut, connection, event, self.rng.randrange(8), self.rng.random())
        return gone

    @staticmethod
    def _cut(connection, event, how, chance):
        if event.done:
            return
        if connection.has_legs and how >= 4:
            connection.cut_by_device(RST if how & 1 else FIN, Message(), how & 2)
        else:
            way, flags = ((C2S, RST), (S2C, RST), (S2C, FIN), (C2S, FIN))[how & 3]
            connection.cut(way, flags, Message(), refused=chance < 0.3)

    @staticmethod
    def _vanish(connection, event):
        if not event.done:
            connection.vanish()


class Owner:
    """One client process: some sessions with one server, and the connections they share."""

    def __init__(self, world, number, host, server, habits, rng):
        self.world, self.sim, self.number = world, world.sim, number
        self.host, self.server, self.habits, self.rng = host, server, habits, rng
        self.sessions = []

    def told(self, record, by):
        """A RopPending came that names this session; one that is not this client's is ignored."""
        for session in self.sessions:
            if session.record is record and session.alive:
                self.sim.spawn(session.guarded(session.pending()))
                return

    def arrive(self, port, payload, context):
        """A datagram: every session that registered this port and these bytes fetches, in any order."""
        woken = [session for session in self.sessions
                 if session.alive and session.context.push is not None and session.context.push[2:4] == (port, payload)]
        self.rng.shuffle(woken)
        for session in woken:
            if not session.slot.get('deaf'):
                session.heard = True
                self.sim.spawn(session.guarded(session.react(quick=True)))
