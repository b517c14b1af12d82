# SPDX-License-Identifier: GPL-2.0-or-later
"""Clients that speak MAPI/HTTP ([MS-OXCMAPIHTTP]) in the clear, over a pool of connections."""

import base64
import struct
import uuid

import wire

from .client import Owner, Session
from .kernel import Lost
from .network import C2S, Connection, FIN, Message, RST, S2C
from .server import POLLS_MAX
from .truth import CUT_OFF, NOTIFICATION_WAIT, PENDING, REJECTED, TIMEOUT

PORT = 80
EMPTY_AUX = struct.pack('<I', 0)


def guid(rng):
    return '{' + str(uuid.UUID(bytes=rng.randbytes(16), version=4)).upper() + '}'


def chunk(data):
    return b'%x\r\n' % len(data) + data + b'\r\n'


class HttpOwner(Owner):
    """A process with its connection pool: any session uses any connection that is idle."""

    def __init__(self, *args):
        super().__init__(*args)
        self.idle = []
        self.client_info = guid(self.rng)

    def connection(self, other=0.0):
        """An idle connection, or a new one; with this chance a new one although one is idle."""
        while self.idle and self.rng.random() >= other:
            connection = self.idle.pop(self.rng.randrange(len(self.idle)))
            if connection.closed:
                continue
            if self.rng.random() < 0.03:
                connection.cut(C2S, FIN)    # idle for too long
                continue
            return connection
        host = self.server.host(self.host)
        connection = Connection(self.world.network, self.host, host, PORT, self.habits.delay, self.rng)
        yield from connection.connect()
        connection.legs = self.habits.legs
        return connection

    def done(self, connection):
        if not connection.closed:
            self.idle.append(connection)


class HttpSession(Session):
    """One session context; its cookies are the only thing that ties its requests together."""

    waits = True
    keeps_keys = True

    def __init__(self, owner, slot, old=None):
        self.request_guid = guid(owner.rng)
        self.counter = 0
        self.exchange_names = owner.server.name.startswith('EX')
        self.cookies = dict(old.cookies) if old else {}
        super().__init__(owner, slot, old)
        self.mailbox_id = uuid.UUID(bytes=self.rng.randbytes(16), version=4)

    def facts(self):
        return {**super().facts(), 'request_guid': self.request_guid}

    # -- HTTP

    def request(self, kind, body, sequence=True):
        self.counter += 1
        # The server's session cookie is enough for a wait; a sequence cookie would be used up by it.
        cookies = '; '.join(f'{name}={value}' for name, value in self.cookies.items() if sequence or name.lower() != 'sequence')
        lines = [f'POST /mapi/emsmdb/?MailboxId={self.mailbox_id}@lab.example HTTP/1.1', f'Host: {self.owner.server.name}.lab.example',
                 'Content-Type: application/mapi-http', 'User-Agent: Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0)',
                 f'X-RequestType: {kind}', f'X-RequestId: {self.request_guid}:{self.counter}',
                 f'X-ClientInfo: {self.owner.client_info}:{self.owner.number}', 'X-ClientApplication: Outlook/16.0.4266.1001']
        if cookies:
            lines.append('Cookie: ' + cookies)
        lines.append(f'Content-Length: {len(body)}')
        return '\r\n'.join(lines + ['', '']).encode('ascii') + body, self.counter

    def head(self, kind, counter, code=0, fields=()):
        lines = ['HTTP/1.1 200 OK', f'Content-Type: {"text/html" if code else "application/mapi-http"}', f'X-RequestType: {kind}',
                 f'X-RequestId: {self.request_guid}:{counter}', f'X-ClientInfo: {self.owner.client_info}:{self.owner.number}',
                 f'X-ResponseCode: {code}', f'X-PendingPeriod: {self.owner.server.pending_period}', 'X-ExpirationInfo: 900000',
                 'X-ServerApplication: Exchange/15.01.0225.042', *fields]
        return '\r\n'.join(lines).encode('ascii') + b'\r\n'

    def authenticated(self, connection, data, attempt=None):
        """The server asks for credentials first, once or twice on each new connection."""
        while getattr(connection, 'legs', 0):
            connection.legs -= 1
            record = attempt() if attempt else None
            yield connection.send(C2S, data, record and record.request)
            challenge = 'NTLM' if connection.legs else 'NTLM TlRMTVNTUAACAAAA'
            yield connection.send(S2C, f'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: {challenge}\r\n'
                                       'Content-Length: 0\r\n\r\n'.encode('ascii'), record and record.response)

    def failing(self, connection, kind, counter, record):
        """An attempt whose request has arrived is not answered as it should be."""
        how = self.rng.choice(('busy', 'empty', 'reset'))
        if how == 'reset':
            connection.cut(S2C, RST, record.response)
            return
        if how == 'busy':
            data = b'HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\nbusy'
        else:
            data = self.head(kind, counter) + b'Content-Length: 0\r\n\r\n'
        yield connection.send(S2C, data, record.response)
        self.owner.done(connection)

    def answer(self, kind, counter, body, code=0, fields=()):
        """A response in one piece, chunked or not."""
        if code == 0:
            body = b'PROCESSING\r\nDONE\r\nX-ElapsedTime: 2\r\nX-StartTime: Mon, 05 Jan 2026 09:00:00 GMT\r\n\r\n' + body
        head = self.head(kind, counter, code, fields)
        if self.rng.random() < 0.5:
            return head + b'Transfer-Encoding: chunked\r\n\r\n' + chunk(body[:12]) + chunk(body[12:]) + b'0\r\n\r\n'
        return head + b'Content-Length: %d\r\n\r\n' % len(body) + body

    def set_cookies(self, new=False):
        """Set-Cookie lines; the session cookie once, the sequence cookie with every response."""
        rng, names = self.rng, ('MapiContext', 'MapiSequence') if self.exchange_names else ('sid', 'sequence')
        fresh = {}
        if new:
            self.cookies.clear()
            fresh[names[0]] = 'MAPIAAAA' + base64.b64encode(rng.randbytes(24)).decode() if self.exchange_names else rng.randbytes(16).hex()
            if self.exchange_names:
                fresh['X-BackEndCookie'] = self.owner.server.name + '~' + base64.b64encode(rng.randbytes(9)).decode()
        fresh[names[1]] = f'{self.counter}-{rng.randbytes(4).hex()}'
        self.cookies.update(fresh)
        path = '; path=/mapi/emsmdb; secure; HttpOnly'
        return [f'Set-Cookie: {name}={value}{path}' for name, value in fresh.items()]

    def simple(self, kind, body, answer, new=False):
        """One request and its response. answer: bytes, made when the server answers."""
        connection = yield from self.owner.connection()
        data, counter = self.request(kind, body)
        yield from self.authenticated(connection, data)
        yield connection.send(C2S, data)
        yield self.think()
        yield connection.send(S2C, self.answer(kind, counter, answer, fields=self.set_cookies(new)))
        self.owner.done(connection)

    # -- what Session asks for

    def connect(self):
        name = f'/o=Lab/ou=Exchange Administrative Group/cn=Recipients/cn={self.slot["user"]}'.encode('ascii') + b'\0'
        body = name + struct.pack('<IIII', 0, 1252, 1033, 1033) + EMPTY_AUX
        display = f'User {self.slot["user"]}'.encode('utf-16-le') + b'\0\0'
        answer = struct.pack('<IIIII', 0, 0, POLLS_MAX, 6, 10000) + b'/o=Lab\0' + display + EMPTY_AUX
        yield from self.simple('Connect', body, answer, new=True)

    def disconnect(self):
        self.context.end()
        yield 0.002
        yield from self.simple('Disconnect', EMPTY_AUX, struct.pack('<II', 0, 0) + EMPTY_AUX)

    def exchange(self, payload, answer, record):
        """Execute."""
        buffer, _ = wire.extended(payload, wire.LAST | (wire.XOR_MAGIC if self.slot['xor'] else 0))
        body = struct.pack('<II', 1, len(buffer)) + buffer + struct.pack('<I', self.limit) + EMPTY_AUX
        connection = yield from self.owner.connection(self.habits.other)
        data, counter = self.request('Execute', body)
        yield from self.authenticated(connection, data, lambda: self.world.truth.fetch(self.record, record.bare, True))
        yield connection.send(C2S, data, record.request)
        if answer is None:
            yield from self.failing(connection, 'Execute', counter, record)
            return
        self.context.serving += 1
        try:
            yield self.think()
        finally:
            self.context.serving -= 1
        buffer, _ = wire.extended(answer(), wire.LAST | (wire.XOR_MAGIC if self.slot['xor'] else 0))
        body = struct.pack('<IIII', 0, 0, 0, len(buffer)) + buffer + EMPTY_AUX
        yield connection.send(S2C, self.answer('Execute', counter, body, fields=self.set_cookies()), record.response)
        self.owner.done(connection)

    def wait(self, second):
        """NotificationWait: the headers and PROCESSING at once, PENDING from time to time, DONE and the body at the end."""
        kind, truth = 'NotificationWait', self.world.truth
        connection = yield from self.owner.connection()
        data, counter = self.request(kind, struct.pack('<I', 0) + EMPTY_AUX, sequence=False)
        request = truth.wait(self.record)
        yield from self.authenticated(connection, data)
        yield connection.send(C2S, data, request)
        event = self.context.wait()
        if event.done and event.value == 'rejected':
            message = truth.waking(self.record, NOTIFICATION_WAIT, REJECTED, request)
            if self.rng.random() < 0.5:
                response = self.answer(kind, counter, b'<html><body>A request is outstanding.</body></html>', code=15)
            else:
                response = self.answer(kind, counter, struct.pack('<III', 0, 0x7EE, 0) + EMPTY_AUX)
            yield connection.send(S2C, response, message)
            self.owner.done(connection)
            return 'rejected'
        gone = self.watched(connection, event)
        if second:
            self.sim.spawn(self.guarded(self.second_wait()))
        yield 0.0005
        message = None
        try:
            connection.send(S2C, self.head(kind, counter) + b'Transfer-Encoding: chunked\r\n\r\n' + chunk(b'PROCESSING\r\n'))
            period = self.owner.server.pending_period / 1000
            self.sim.at(self.sim.now + period, self._still, connection, event, period)
            self.context.limit(event, self.sim.now, False)
            outcome = yield event
            yield 0.0003
            error, flag = (0x3ED, 0) if outcome == 'exiting' else (0, int(outcome == 'pending'))
            body = (b'DONE\r\nX-ElapsedTime: 1000\r\nX-StartTime: Mon, 05 Jan 2026 09:00:00 GMT\r\n\r\n'
                    + struct.pack('<III', 0, error, flag) + EMPTY_AUX)
            result = {'pending': PENDING, 'timeout': TIMEOUT, 'exiting': REJECTED}[outcome]
            message = truth.waking(self.record, NOTIFICATION_WAIT, result, request)
            yield connection.send(S2C, chunk(body) + b'0\r\n\r\n', message)
        except Lost as lost:
            if lost.args[0] is not None and (message is None or message.time is None):
                truth.wakeup(self.record, NOTIFICATION_WAIT, CUT_OFF, lost.args[0], request)
            elif self.habits.vanish and message is None:
                period = self.owner.server.pending_period / 1000
                truth.vanished(self.record, NOTIFICATION_WAIT, request,
                               self.sim.now - (self.sim.now - request.time) % period, period)
                yield self.patience(request)
            raise
        if gone in connection.on_close:
            connection.on_close.remove(gone)
        self.owner.done(connection)
        return outcome

    def _still(self, connection, event, period):
        if not event.done and not connection.closed:
            connection.send(S2C, chunk(b'PENDING\r\n'))
            self.sim.at(self.sim.now + period, self._still, connection, event, period)
