# SPDX-License-Identifier: GPL-2.0-or-later
"""The servers: what they keep of a session context, and when they wake its client ([MS-OXCNOTIF] 3.1, [MS-OXCRPC] 3.3.4.1)."""

import collections
import struct

import rops

from .kernel import Event
from .truth import PUSH, PENDING

WAIT_LIMIT = 300.0      # seconds, [MS-OXCRPC] 3.3.4.1, [MS-OXCMAPIHTTP] 3.2.5.5
POLLS_MAX = 60000       # ms


class Server:
    """One Exchange server with an address of either family. Session indexes are its own: two servers give the same ones."""

    def __init__(self, name, host4, host6, push_interval, pending_period, rng):
        self.name = name
        self.hosts = {4: host4, 6: host6}
        self.push_interval = push_interval
        self.pending_period = pending_period
        self.rng = rng
        self.others = {4: [], 6: []}    # further addresses that datagrams come from
        self.strict = False             # refuses a second wait while it has not learnt that the first one is gone
        self.always_pending = False     # Exchange 5.5 and 2003: RopPending ends every answer that has RopNotify
        self.contexts = 0
        self.associations = 0x10000

    def host(self, like):
        return self.hosts[like.address.version]

    def next_index(self):
        self.contexts += 1
        return self.contexts & 0xFFFF


class Context:
    """A session context: the queue of notifications, the wait that is outstanding, the address to push to."""

    def __init__(self, sim, server, truth, record, mailbox, habits, rng):
        self.sim, self.server, self.truth, self.record = sim, server, truth, record
        self.mailbox, self.habits, self.rng = mailbox, habits, rng
        self.index = server.next_index()
        self.stamp = 0x40000000 + round(sim.now * 1000)
        self.linked = [self]            # all contexts linked with this one, itself included
        self.queue = collections.deque()
        self.waiting = None
        self.serving = 0                # fetches between their request and their response
        self.active = sim.now           # the last fetch
        self.alive = True
        self.push = None                # (network, client host, port, rgbContext, what the client does with it)
        self.round = 0                  # of datagrams: counts how often the queue ran empty
        self.pushing = False
        self.told = None                # called with each event

    # -- events

    def live(self, gap):
        """Events happen to the mailbox for as long as the session lives."""
        while self.alive:
            yield self.rng.expovariate(1 / gap)
            if self.alive:
                burst = self.rng.randrange(10, 60) if self.rng.random() < self.habits.burst else 1
                self.happen([note for _ in range(burst) for note in self.mailbox.happening()])
                self.told()

    def happen_if_alive(self, notes):
        if self.alive:
            self.happen(notes)

    def happen(self, notes):
        self.queue.extend(notes)
        if self.serving and not self.mailbox.whole and self.rng.random() < 0.5:
            return      # a call under way will carry it: the piggy-back
        self.wake()
        if self.rng.random() < self.habits.withdrawn:
            self.sim.at(self.sim.now + 0.0005, self._withdraw)

    def _withdraw(self):
        """The event is undone before the client asks: its fetch brings nothing."""
        self.queue.clear()
        self._empty()

    def wake(self):
        if not self.queue or not self.alive:
            return
        if self.waiting is not None:
            waiting, self.waiting = self.waiting, None
            waiting.succeed('pending')
        if self.push is not None and not self.pushing:
            self.pushing = True
            self.sim.spawn(self._push(self.round))

    def _empty(self):
        self.round += 1
        self.pushing = False

    # -- waits

    def wait(self):
        """The event that ends this wait, with 'pending', 'timeout', 'rejected' or 'exiting'."""
        event = Event(self.sim)
        if self.waiting is not None:
            event.succeed('rejected')
        elif not self.alive:
            event.succeed('exiting')
        elif self.queue:
            event.succeed('pending')
        else:
            self.waiting = event
        return event

    def limit(self, event, start, by_activity):
        """End the wait when its time is up: from the call on, or from the last fetch on."""
        if event.done:
            return
        due = (max(start, self.active) if by_activity else start) + WAIT_LIMIT
        if self.sim.now < due:
            self.sim.at(due, self.limit, event, start, by_activity)
        else:
            self.forget(event)
            event.succeed('timeout')

    def forget(self, event):
        if self.waiting is event:
            self.waiting = None

    def end(self):
        """EcDoDisconnect, Disconnect, or the context is lost: the wait ends too."""
        self.alive = False
        self._empty()
        if self in self.linked:
            self.linked.remove(self)
        if self.waiting is not None:
            waiting, self.waiting = self.waiting, None
            waiting.succeed('exiting')

    # -- datagrams

    def _push(self, started):
        """The first datagram and its repetitions until all events are fetched, [MS-OXCNOTIF] 3.1.5.4."""
        network, host, port, payload, arrive = self.push
        source, repeat = self.server.host(host), 0
        yield self.rng.uniform(0.0002, 0.002)
        while self.alive and self.round == started and self.queue:
            message = self.truth.waking(self.record, PUSH, PENDING, repeat=repeat)
            source = self.rng.choice(self.server.others[host.address.version] or [source])
            network.datagram(source, 1024 + self.contexts_port(), host, port, payload, message)
            self.sim.at(self.sim.now + self.habits.delay, arrive, port, payload, self)
            repeat += 1
            yield self.server.push_interval + self.rng.uniform(0.001, 0.05)

    def contexts_port(self):
        """Any source port: the store sends from one of a few sockets."""
        return 30000 + self.index % 7

    # -- fetches

    def drain(self, room):
        """RopNotify for as many bytes as there are, and RopPending if something is left here or in a linked session."""
        notes = []
        room -= 3
        while self.queue and len(self.queue[0].data) <= room:
            note = self.queue.popleft()
            room -= len(note.data)
            notes.append(note)
        target = None
        if self.queue:
            target = self
        else:
            if notes:
                self._empty()
            for other in self.linked:
                if other is not self and other.alive and other.queue:
                    target = other
                    break
        if target is not None:
            notes.append(rops.pending(target.index))
        elif notes and self.server.always_pending:
            if room < max(len(note.data) for note in notes):
                target = self       # as if more were waiting: nobody can tell
            notes.append(rops.pending(self.index))
        return notes, target

    def answered(self):
        """After a response that left events queued an open wait ends."""
        self.active = self.sim.now
        if self.queue:
            self.sim.at(self.sim.now + self.rng.uniform(0.0003, 0.003), self.wake)


def sockaddr(host, port):
    """The Winsock image that rgbCallbackAddress holds, [MS-OXCRPC] 3.1.4.5."""
    if host.address.version == 4:
        return struct.pack('<H', 2) + struct.pack('>H', port) + host.packed + bytes(8)
    return struct.pack('<H', 23) + struct.pack('>HI', port, 0) + host.packed + struct.pack('<I', 0)
