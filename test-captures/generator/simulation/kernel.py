# SPDX-License-Identifier: GPL-2.0-or-later
"""Simulated time: a heap of things to do, events that processes wait for, and processes written as generators.

A process yields a number (seconds to sleep) or an Event (to wait for it); a process is itself an Event that happens
when the generator returns. Everything is deterministic: equal times are served in the order in which they were asked for.
"""

import heapq


class Lost(Exception):
    """The connection that a process was using is gone; the argument is the Message that ended it, or None."""


class Event:
    """Something that happens once; its value, or the exception it failed with, goes to all who wait."""

    __slots__ = ('sim', 'done', 'value', 'error', 'waiting')

    def __init__(self, sim):
        self.sim = sim
        self.done = False
        self.value = self.error = None
        self.waiting = []

    def succeed(self, value=None):
        if not self.done:
            self.done, self.value = True, value
            self._wake()

    def fail(self, error):
        if not self.done:
            self.done, self.error = True, error
            self._wake()

    def _wake(self):
        waiting, self.waiting = self.waiting, []
        for process in waiting:
            self.sim.at(self.sim.now, process.resume, self)


class Process(Event):
    """A running generator."""

    __slots__ = ('generator',)

    def __init__(self, sim, generator):
        super().__init__(sim)
        self.generator = generator
        sim.at(sim.now, self.resume, None)

    def resume(self, event):
        try:
            if event is not None and event.error is not None:
                wanted = self.generator.throw(event.error)
            else:
                wanted = self.generator.send(None if event is None else event.value)
        except StopIteration as stop:
            self.succeed(stop.value)
            return
        except Lost as lost:
            self.fail(lost)
            return
        if not isinstance(wanted, Event):
            self.sim.at(self.sim.now + wanted, self.resume, None)
        elif wanted.done:
            self.sim.at(self.sim.now, self.resume, wanted)
        else:
            wanted.waiting.append(self)


class Lock:
    """One holder at a time, first come first served."""

    def __init__(self, sim):
        self.sim = sim
        self.held = False
        self.queue = []

    def acquire(self):
        event = Event(self.sim)
        if self.held:
            self.queue.append(event)
        else:
            self.held = True
            event.succeed()
        return event

    def release(self):
        if self.queue:
            self.queue.pop(0).succeed()
        else:
            self.held = False


class Simulator:
    """The clock."""

    def __init__(self):
        self.now = 0.0
        self.heap = []
        self.count = 0

    def at(self, when, function, *args):
        self.count += 1
        heapq.heappush(self.heap, (when, self.count, function, args))

    def spawn(self, generator):
        return Process(self, generator)

    def run(self, until):
        """Do everything that is due before that time; the rest never happens."""
        heap = self.heap
        while heap and heap[0][0] < until:
            self.now, _, function, args = heapq.heappop(heap)
            function(*args)
        self.now = until
