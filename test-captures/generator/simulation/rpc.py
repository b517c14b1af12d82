# SPDX-License-Identifier: GPL-2.0-or-later
"""Clients that speak EMSMDB and AsyncEMSMDB over TCP ([MS-OXCRPC] 3.1.4, 3.3.4)."""

import uuid

import wire

from .client import Owner, Session
from .dcerpc import ASYNCEMSMDB, Channel, EMSMDB
from .kernel import Lost
from .network import FIN, C2S, Message, RST, S2C
from .server import POLLS_MAX, sockaddr
from .truth import ASYNC_WAIT, CUT_OFF, PENDING, REJECTED, TIMEOUT

NO_LINK = 0xFFFFFFFF
OLD_RPC, EXT2 = 2, 11       # EcDoRpc, EcDoRpcExt2


class RpcOwner(Owner):
    """A process with one association: a connection for calls, perhaps another, and one for the waits."""

    def __init__(self, *args):
        super().__init__(*args)
        self.association = None
        self.main = self.second = self.waits = None
        self.shared = self.rng.random() < 0.15      # waits on the connection of the calls
        self.opening = False

    def _open(self, name, interfaces):
        """The connection of that name, opened when it is not there; one process opens, the others look again."""
        while True:
            channel = getattr(self, name)
            if channel is not None and channel.connection.open:
                return channel
            if self.opening:
                yield 0.01
                continue
            self.opening = True
            try:
                channel = Channel(self, interfaces, self.habits.delay)
                yield from channel.open()
                setattr(self, name, channel)
            finally:
                self.opening = False

    def calls(self, other=0.0):
        if self.rng.random() < other:
            return (yield from self._open('second', [EMSMDB]))
        return (yield from self._open('main', [EMSMDB, ASYNCEMSMDB] if self.shared else [EMSMDB]))

    def waiting(self):
        if self.shared:
            return (yield from self.calls())
        return (yield from self._open('waits', [ASYNCEMSMDB]))

    def drop(self):
        """The network between client and server fails: every context of the process is run down."""
        for channel in (self.main, self.second, self.waits):
            if channel is not None and channel.connection.open:
                way, flags = self.rng.choice(((C2S, RST), (S2C, RST), (S2C, FIN)))
                channel.connection.cut(way, flags, Message())
        self.main = self.second = self.waits = None
        self.association = None
        for session in list(self.sessions):
            if session.alive:
                session.replace()


class RpcSession(Session):
    """One session context, known by its CXH; the wait channel by its ACXH."""

    def __init__(self, owner, slot, old=None):
        rng = owner.rng
        self.cxh, self.acxh = (str(uuid.UUID(bytes=rng.randbytes(16), version=4)) for _ in range(2))
        self.connected = False
        self.waits = 'async' in slot['methods']
        self.polls = 'push' in slot['methods'] or 'poll' in slot['methods']
        super().__init__(owner, slot, old)

    def facts(self):
        return {**super().facts(), 'cxh': self.cxh, 'acxh': self.acxh if self.waits else None, 'push': 'push' in self.slot['methods']}

    def gives_up(self):
        return self.owner.shared    # the CXH went with the connection; else the association, and with it the ACXH, is still there

    # -- one call

    def simple(self, opnum, stub, answer, delay=0.001):
        channel = yield from self.owner.calls()
        delivered, call = channel.ask(EMSMDB, opnum, stub.bytes())
        yield delivered
        yield delay
        yield channel.answer(EMSMDB, call, answer.bytes())

    def connect(self):
        """EcDoConnectEx, linked to the first session of the process if this one is meant to be."""
        leader, link, stamp = self.owner.sessions[0], NO_LINK, 0
        if self.slot['linked']:
            while not leader.connected:
                yield 0.2
                leader = self.owner.sessions[0]
            link, stamp = leader.context.index, leader.context.stamp
        context, stub = self.context, wire.Ndr()
        stub.string(f'/o=Lab/ou=Exchange Administrative Group/cn=Recipients/cn={self.slot["user"]}')
        for value in (0, self.rng.getrandbits(32), 0, 1252, 1033, 1033, link):
            stub.u32(value)
        stub.u16(1)
        for word in wire.version_words(12, 0, 6665, 5000):
            stub.u16(word)
        stub.u32(stamp).conformant(b'').u32(0).u32(0x1008)
        answer = wire.Ndr().handle(self.cxh).u32(POLLS_MAX).u32(6).u32(10000).u16(context.index)
        answer.unique_string('/o=Lab').unique_string(f'User {self.slot["user"]}', 0x00020004)
        for word in wire.version_words(8, 1, 240, 5) + wire.version_words(12, 0, 6665, 5000):
            answer.u16(word)
        answer.u32(context.stamp).varying(b'').u32(0).u32(0)
        yield from self.simple(10, stub, answer, 0.005)
        if self.slot['linked'] and leader.alive:
            context.linked = leader.context.linked
            context.linked.append(context)
        self.connected = True

    def disconnect(self):
        self.context.end()
        yield 0.002
        yield from self.simple(1, wire.Ndr().handle(self.cxh), wire.Ndr().handle(wire.NULL_HANDLE).u32(0))

    def listen(self):
        methods = self.slot['methods']
        if 'push' in methods:
            host, port, registered, payload = self.owner.callback(self)
            address = sockaddr(registered, port)
            stub = wire.Ndr().handle(self.cxh).u32(0).conformant(payload).u16(len(payload)).u32(0xFFFFFFFF)
            stub.conformant(address).u16(len(address))
            yield from self.simple(4, stub, wire.Ndr().handle(self.cxh).u32(self.rng.getrandbits(16)).u32(0))
            self.context.push = (self.world.network, host, port, payload, self.owner.arrive)
        if 'async' in methods:
            yield from self.simple(14, wire.Ndr().handle(self.cxh), wire.Ndr().handle(self.acxh).u32(0))

    # -- fetches

    def exchange(self, payload, answer, record):
        old = self.slot['old']
        channel = yield from self.owner.calls(self.habits.other)
        stub = wire.Ndr().handle(self.cxh)
        flags = wire.LAST | (wire.XOR_MAGIC if self.slot['xor'] else 0)
        if old:
            stub.varying(wire.xor(payload), self.limit).u16(len(payload)).u16(self.limit)
        else:
            data, _ = wire.extended(payload, flags)
            stub.u32(1 if self.slot['xor'] else 3).conformant(data).u32(len(data)).u32(self.limit).conformant(b'').u32(0).u32(0x1008)
        delivered, call = channel.ask(EMSMDB, OLD_RPC if old else EXT2, stub.bytes(), record.request)
        yield delivered
        back = wire.Ndr().handle(self.cxh)
        if answer is None:      # 0x6BB: the server is too busy
            if old:
                back.varying(b'', self.limit).u16(0).u32(0x6BB)
            else:
                back.u32(0).varying(b'').u32(0).varying(b'').u32(0).u32(0).u32(0x6BB)
            yield channel.answer(EMSMDB, call, back.bytes(), record.response)
            return
        self.context.serving += 1
        try:
            yield self.think()
        finally:
            self.context.serving -= 1
        payload = answer()
        if old:
            back.varying(wire.xor(payload), self.limit).u16(len(payload)).u32(0)
        else:
            data, _ = wire.extended(payload, flags)
            back.u32(0).varying(data).u32(len(data)).varying(b'').u32(0).u32(2).u32(0)
        yield channel.answer(EMSMDB, call, back.bytes(), record.response)

    # -- waits

    def wait(self, second):
        """EcDoAsyncWaitEx."""
        truth = self.world.truth
        channel = yield from self.owner.waiting()
        request = truth.wait(self.record)
        delivered, call = channel.ask(ASYNCEMSMDB, 0, wire.Ndr().handle(self.acxh).u32(0).bytes(), request)
        yield delivered
        event = self.context.wait()
        gone = self.watched(channel.connection, event)
        if second and not event.done:
            self.sim.spawn(self.guarded(self.second_wait()))
        message = None
        try:
            self.context.limit(event, self.sim.now, True)
            outcome = yield event
            yield 0.0003
            result = {'pending': PENDING, 'timeout': TIMEOUT}.get(outcome, REJECTED)
            value = {'rejected': 0x7EE, 'exiting': 0x3ED}.get(outcome, 0)
            message = truth.waking(self.record, ASYNC_WAIT, result, request)
            yield channel.answer(ASYNCEMSMDB, call, wire.Ndr().u32(int(outcome == 'pending')).u32(value).bytes(), message)
        except Lost as lost:
            if lost.args[0] is not None and (message is None or message.time is None):
                truth.wakeup(self.record, ASYNC_WAIT, CUT_OFF, lost.args[0], request)
            elif self.habits.vanish and message is None:
                truth.vanished(self.record, ASYNC_WAIT, request)
                yield self.patience(request)
            raise
        if gone in channel.connection.on_close:
            channel.connection.on_close.remove(gone)
        return outcome
