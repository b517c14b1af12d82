# SPDX-License-Identifier: GPL-2.0-or-later
"""Who is there, and how the capture was made: the population, and the conditions under which matching is measured."""

import random

from .capture import Capture
from .client import Habits
from .http2 import Http2Owner
from .kernel import Simulator
from .mapihttp import HttpOwner, HttpSession
from .network import Host, Legs, Network
from .rpc import RpcOwner, RpcSession
from .server import Server
from .truth import Truth

CONDITIONS = {
    'complete': 'every packet, from before the first connect',
    'loss': 'packets missing at random',
    'start': 'the capture starts after the connects',
    'nat': 'all clients behind one address, many with the same context bytes',
    'encrypted': 'RPC sealed: only interfaces, operations and sizes are visible',
    'middle': 'the capture starts in the middle: also of waits',
    'auth': 'every new HTTP connection begins with two responses 401',
    'failed': 'attempts to fetch are refused, or their connections are reset',
    'addresses': 'datagrams come from other addresses of the servers; fetches have RopRelease only',
    'own': 'RopPending with the own index ends every answer that has RopNotify',
    'copies': 'every packet is in the capture twice',
    'routed': 'every packet is in the capture twice: before a router and behind it',
    'proxy': 'both sides of a proxy are in the capture',
    'busy': 'calls with full answers go on between wake-up and fetch',
    'chains': 'FastTransfer chains with full answers, before and after wake-ups',
    'cuts': 'many waits are cut off, by the client, the server, or a device whose both sides are captured',
    'vanish': 'connections of waits are forgotten by a device in between',
    'delegates': 'sessions have the mailboxes of others open, too, and learn of the same events at once',
    'healthy': 'nothing goes wrong, in every method',
    'shared': 'two clients behind one address, with the same context bytes',
    'http2': 'MAPI/HTTP over HTTP/2: one connection of a process carries all of its sessions',
    'rpch': 'RPC over HTTP: a channel in each direction instead of one connection',
    'loopback': 'one server and all clients on one host, and at one address',
}
# What hides nothing, all together.
FIELD = ('auth', 'failed', 'addresses', 'own', 'copies', 'busy', 'chains', 'cuts', 'vanish', 'delegates', 'shared', 'proxy')
RAMP = 120.0            # the first connects are spread over so many seconds
SETTLE = 30.0           # and done so many seconds later

# What a process is: method of its sessions, and its share.
KINDS = (('http', 0.36), ('async', 0.26), ('push', 0.22), ('both', 0.03), ('linked', 0.08), ('poll', 0.05))
METHODS = {'async': ('async',), 'push': ('push',), 'both': ('async', 'push'), 'linked': ('async',), 'poll': ('poll',)}


class PushOwner(RpcOwner):
    """A process with its callback address."""

    def callback(self, session):
        """Where the datagrams go, and what is registered: (host, port, registered host, rgbContext)."""
        world, slot = self.world, session.slot
        if 'port' not in slot:
            first = self.sessions[0].slot
            if slot['twin'] and first is not slot and 'port' in first:
                slot['port'], slot['context'] = first['port'], first['context']
            else:
                slot['port'] = world.push_port(self)
                slot['context'] = world.context_bytes(self.rng)
        return self.host, slot['port'], world.registered(self), slot['context']


class World:
    """Everything that is simulated."""

    def __init__(self, sessions, seed, conditions, path, events=10, loss=0.05, form='pcapng'):
        name = '-'.join(sorted(conditions)) or 'complete'
        conditions = [name for condition in conditions for name in (FIELD if condition == 'field' else [condition])]
        unknown = set(conditions) - set(CONDITIONS)
        if unknown:
            raise ValueError(f'no such condition: {", ".join(sorted(unknown))}')
        self.conditions = set(conditions)
        self.rng = random.Random(f'population {seed}')
        self.nat = 'nat' in self.conditions
        self.sealed = 'encrypted' in self.conditions
        self.over_http = 'rpch' in self.conditions
        self.end = RAMP + SETTLE + events * Habits.gap
        dice = random.Random(f'loss {seed}')
        missing = (lambda: dice.random() < loss) if 'loss' in self.conditions else None
        start = RAMP + SETTLE if 'start' in self.conditions else 0.0
        if 'middle' in self.conditions:
            start = self.end / 2
        self.sim = Simulator()
        self.capture = Capture(path / f'{name}.{form}', form, missing, start,
                               'routed' if 'routed' in self.conditions else 'copies' in self.conditions)
        self.truth = Truth(path / f'{name}.truth.jsonl')
        self.facts = {'conditions': sorted(self.conditions) or ['complete'], 'seed': seed, 'events': events, 'start': start,
                      'loss': loss if missing else 0.0}
        self.network = Network(self.sim, self.capture)
        self.stations = 1
        self.gateway = Host('203.0.113.7', 0xFFFF)
        self.gateway_port = 50000
        self.lone, self.paired = None, set()    # a client whose address another one will use, too
        self.mailboxes = {}                     # server -> what each of its sessions is
        self.loopback = Host('127.0.0.1', 0) if 'loopback' in self.conditions else None
        self.servers = [self._server(number) for number in range(1 if self.loopback else 4)]
        if 'proxy' in self.conditions:
            self.network.legs = Legs(0xFFFD)
        self._populate(sessions, seed)

    # -- addresses

    def _server(self, number):
        self.stations += 1
        host4, host6 = Host(f'198.51.100.{10 + number}', self.stations), Host(f'2001:db8:e::{number + 16:x}', self.stations)
        if self.loopback:
            host4 = host6 = self.loopback
        name = ('EX%d' if number % 2 == 0 else 'gromox%d') % (number + 1)
        server = Server(name, host4, host6, (60.0, 60.0, 60.0, 20.0)[number], (30000, 15000)[number == 1], self.rng)
        server.strict = 'vanish' in self.conditions and number % 2 == 1
        server.always_pending = 'own' in self.conditions
        if 'addresses' in self.conditions:
            server.others[4] = [Host(f'198.51.100.{50 + number}', 0xF000 + number)]
            server.others[6] = [Host(f'2001:db8:e::{number + 80:x}', 0xF010 + number)]
        return server

    def _habits(self, rng):
        habits = Habits(delay=rng.choice((0.0004, 0.002, 0.008, 0.025)))
        if 'healthy' in self.conditions:
            habits.withdrawn = habits.hang = habits.slow = habits.second = habits.cut = habits.drop = habits.deaf = 0.0
            habits.lazy = 0.0
        habits.legs = 2 if 'auth' in self.conditions else 0
        habits.failed = 0.08 if 'failed' in self.conditions else 0.0
        habits.bare = 0.5 if 'addresses' in self.conditions else 0.0
        habits.busy = 0.3 if 'busy' in self.conditions else 0.0
        habits.chains = 0.15 if 'chains' in self.conditions else 0.0
        if 'cuts' in self.conditions:
            habits.cut = 0.3
        habits.vanish = 0.1 if 'vanish' in self.conditions else 0.0
        return habits

    def _host(self, rng):
        if self.nat:
            return self.gateway
        if self.loopback:
            return self.loopback
        if 'shared' in self.conditions:
            self.lone, host = None, self.lone or self._new_host(rng)
            self.lone = host if self.lone is not host and host not in self.paired else None
            self.paired.add(host)
            return host
        return self._new_host(rng)

    def _new_host(self, rng):
        self.stations += 1
        if rng.random() < 0.2:
            return Host(f'2001:db8:c::{self.stations:x}', self.stations)
        return Host(f'10.{self.stations >> 16}.{self.stations >> 8 & 255}.{self.stations & 255}', self.stations)

    def push_port(self, owner):
        """Clients begin at one port and try the next ones; behind one address everyone has a port of his own."""
        if self.nat:
            self.gateway_port += 1
            return self.gateway_port
        host = owner.host
        host.next_push = (host.next_push or owner.rng.choice((2500, 2500, 1100 + owner.number % 50000))) + 1
        return host.next_push - 1

    def context_bytes(self, rng):
        """rgbContext: 4 to 16 bytes; some clients always take the same ones."""
        if rng.random() < (0.6 if self.nat or self.conditions & {'shared'} else 0.3):
            return b'NewMail\0'
        return rng.randbytes(rng.choice((4, 8, 8, 12, 16)))

    def registered(self, owner):
        """Behind an address translator some register the address they have inside."""
        if self.nat and owner.number % 10 < 3:
            return Host(f'192.168.{owner.number >> 8 & 255}.{owner.number & 255}', 0)
        return owner.host

    # -- people

    def _populate(self, sessions, seed):
        made = number = 0
        kinds = [kind for kind, _ in KINDS if not (self.sealed and kind == 'http')]
        weights = [share for kind, share in KINDS if kind in kinds]
        while made < sessions:
            number += 1
            rng = random.Random(f'process {seed} {number}')
            kind = rng.choices(kinds, weights)[0]
            count = 2 if kind == 'linked' else rng.choice((1, 1, 1, 1, 1, 1, 1, 2, 2, 3))
            count = min(count, sessions - made) if kind != 'linked' else count
            host, server = self._host(rng), rng.choice(self.servers)
            habits = self._habits(rng)
            owner = (PushOwner if kind != 'http' else Http2Owner if 'http2' in self.conditions else HttpOwner)(self, number, host, server, habits, rng)
            twin = self.nat and kind == 'push' and rng.random() < 0.3
            old = kind == 'push' and rng.random() < 0.15
            # A server refuses the wait that is open when its session ends.
            leaves = 'healthy' not in self.conditions or kind in ('push', 'poll')
            for position in range(count):
                linked = kind == 'linked' and position > 0
                slot = {'kind': kind, 'user': f'user{number}-{position}', 'methods': () if linked else METHODS.get(kind, ()),
                        'linked': linked, 'twin': twin, 'old': old, 'xor': rng.random() < 0.2, 'deaf': rng.random() < habits.deaf,
                        'limit': rng.choice((0x7FFF if old else 0x8007,) * 2 + (0x1000, 0x600)),
                        'end': rng.uniform(self.end * 0.6, self.end) if rng.random() < 0.4 and leaves else None}
                session = (HttpSession if kind == 'http' else RpcSession)(owner, slot)
                owner.sessions.append(session)
                self._delegate(owner, slot, rng)
                self.sim.spawn(session.run(rng.uniform(0, RAMP)))
            if kind != 'http' and rng.random() < habits.drop:
                self.sim.at(rng.uniform(RAMP + SETTLE, self.end), owner.drop)
            made += count

    def _delegate(self, owner, slot, rng):
        """Has a mailbox of the same server open besides its own."""
        known = self.mailboxes.setdefault(owner.server, [])
        if 'delegates' in self.conditions and known and rng.random() < 0.4:
            slot['watches'] = rng.choice(known)
            slot['watches'].setdefault('delegates', []).append(slot)
        known.append(slot)

    def run(self):
        self.sim.run(self.end)
        self.truth.finish(frames=self.capture.frames, sent=self.capture.sent, end=self.end,
                          counts={f'{method}/{outcome}': count for (method, outcome), count in sorted(self.truth.counts.items())},
                          **self.facts)
        self.capture.close()
