# SPDX-License-Identifier: GPL-2.0-or-later
"""MAPI/HTTP in the clear: NotificationWait that ends well, and all the ways in which it does not."""

import ssl
import struct
import time
import uuid

import rops
from capture import Link, Wakeup
from emsmdb import FOLDER_SUB, INBOX, USER_DN, aux_buffer, client_aux, core, fetch, folder, logon, mail, server_aux, subscribe
from scenario_rpch import HOST, Tls
from wire import LAST, extended

ENDPOINT = '/mapi/emsmdb/?MailboxId=6f8e3c1a-0b5d-4c8e-9a41-7d3f5b2c1e00@lab.example'
PERIOD = 15000


class HttpCall:
    """One request of MAPI/HTTP and what came of it. The answer may be cut off anywhere."""

    def __init__(self, session, connection, kind, body, comment=''):
        self.capture, self.session, self.connection, self.kind, self.comment = session.capture, session, connection, kind, comment
        self.id = len(self.capture.calls)
        self.capture.calls.append(self)
        self.request, self.response, self.payloads_in, self.payloads_out = {}, None, [], []
        self.status = self.code = None
        self.pieces = []
        self.request_id = session.next_id()
        cookies = session.cookies()
        headers = [('Content-Type', 'application/mapi-http'), ('X-RequestType', kind), ('X-RequestId', self.request_id),
                   ('X-ClientInfo', session.client_info), ('X-ClientApplication', 'Outlook/16.0.4266.1001'),
                   ('Content-Length', str(len(body)))]
        if cookies:
            headers.append(('Cookie', cookies))
        self.link = connection.link
        self.place = connection.ask(self, headers, body)

    def send(self, data):
        self.pieces.append(self.connection.answer(self, data))
        time.sleep(0.01)

    def head(self, status='200 OK', code=0, content='application/mapi-http', length=None, fresh=False):
        """The head of the answer; chunked unless a length is given."""
        self.status, self.code = int(status[:3]), code
        headers = [('Content-Type', content)]
        if code is not None:
            headers += [('X-RequestType', self.kind), ('X-ResponseCode', str(code)), ('X-RequestId', self.request_id),
                        ('X-ClientInfo', self.session.client_info), ('X-PendingPeriod', str(PERIOD)),
                        ('X-ServerApplication', 'Exchange/15.01.2507.006'), ('X-ExpirationInfo', '900000')]
        if fresh:
            headers.append(('Set-Cookie', f'MapiContext={self.session.context}; path=/mapi/emsmdb; HttpOnly'))
        if code == 0 and self.kind not in ('NotificationWait', 'PING'):
            self.session.sequence += 1
            headers.append(('Set-Cookie', f'MapiSequence={self.session.sequence}-lab; path=/mapi/emsmdb; HttpOnly'))
        if length is not None:
            headers.append(('Content-Length', str(length)))
        self.send(self.connection.head(self, status, headers, chunked=length is None))
        return self

    def chunk(self, data):
        self.send(self.connection.piece(self, data.encode() if isinstance(data, str) else data))
        return self

    def done(self, body, elapsed=3, code=None):
        self.done_at = len(self.pieces)
        extra = f'X-ResponseCode: {code}\r\n' if code is not None else ''
        self.chunk(f'DONE\r\n{extra}X-ElapsedTime: {elapsed}\r\nX-StartTime: Mon, 05 Jan 2026 09:00:00 GMT\r\n\r\n'.encode() + body)
        self.send(self.connection.last(self))
        self.complete = True
        return self

    complete = False
    done_at = None

    def frames(self, capture):
        asked = capture.frame(self.link, 'c2s', self.place[1] - 1)
        pieces = [capture.frame(self.link, 's2c', end - 1) for end in self.pieces]
        return asked, pieces

    def wake_frame(self, capture):
        """The end of the answer; of a wait that was cut off, the packet that cut it."""
        _, pieces = self.frames(capture)
        if self.complete:
            return pieces[-1]
        return self.cut(capture)['frame']

    def cut(self, capture):
        ends = [end for end in (capture.end_frame(self.link, way) for way in ('s2c', 'c2s')) if end]
        if not ends:
            return {'by': None, 'frame': None}
        how, frame = min(ends, key=lambda end: end[1])
        return {'by': how, 'frame': frame}

    def wake_more(self, capture):
        asked, pieces = self.frames(capture)
        stamps = [capture.stamps[frame - 1] for frame in [asked, *pieces, self.wake_frame(capture)] if frame]
        return {'wait_request': asked, 'done_frame': pieces[self.done_at] if self.done_at else None,
                'longest_silence': round(max(after - before for before, after in zip(stamps, stamps[1:])), 3), 'answer_frames': pieces, 'complete': self.complete, 'http_status': self.status,
                'response_code': self.code, 'cut': None if self.complete else self.cut(capture),
                'elapsed': round(capture.stamps[(self.wake_frame(capture) or len(capture.stamps)) - 1] - capture.stamps[asked - 1], 3)}

    def truth(self, capture):
        asked, pieces = self.frames(capture)
        rops_, notes = [], []
        for direction, payloads in (('request', self.payloads_in), ('response', self.payloads_out)):
            for number, payload in enumerate(payloads):
                for rop in payload['rops']:
                    rops_.append(dict(rop, direction=direction, payload=number))
                    if rop['RopId'] == 0x2A:
                        notes.append(dict(rop['fields'], length=rop['length']))
        stream = self.link.truth()
        if hasattr(self, 'stream_id'):
            stream['http2_stream'] = self.stream_id
        return {'id': self.id, 'frame_req': asked, 'frame_resp': pieces[-1] if pieces and self.complete else None,
                'frames_resp': pieces, 'complete': self.complete, 'cut': None if self.complete else self.cut(capture),
                'stream': stream, 'interface': 'MAPI/HTTP', 'name': self.kind, 'comment': self.comment,
                'request_id': self.request_id, 'http_status': self.status, 'response_code': self.code,
                'session': self.session.number, 'fault': None,
                'parameters': {'request': self.request, 'response': self.response},
                'payloads_in': self.payloads_in, 'payloads_out': self.payloads_out, 'rops': rops_, 'notifications': notes}


class Connection:
    """HTTP/1.1 in the clear."""

    def __init__(self, capture):
        self.link = Link(capture, server_port=80)

    def ask(self, _call, headers, body):
        lines = [f'POST {ENDPOINT} HTTP/1.1', f'Host: {HOST}'] + [f'{name}: {value}' for name, value in headers]
        data = '\r\n'.join(lines + ['', '']).encode() + body
        place = self.link.client.send(data)
        self.link.server.exactly(len(data))
        return place

    def answer(self, _call, data):
        _, end = self.link.server.send(data)
        if self.link.client.exactly(len(data)) != data:
            raise RuntimeError('not what was sent')
        return end

    def head(self, _call, status, headers, chunked):
        lines = [f'HTTP/1.1 {status}'] + [f'{name}: {value}' for name, value in headers]
        if chunked:
            lines.append('Transfer-Encoding: chunked')
        return '\r\n'.join(lines + ['', '']).encode()

    def piece(self, _call, data):
        return b'%X\r\n' % len(data) + data + b'\r\n'

    def last(self, _call):
        return b'0\r\n\r\n'


class Http2:
    """HTTP/2 over TLS by the h2 library on both sides: all calls of a session on one connection."""

    def __init__(self, capture, tls):
        from h2.config import H2Configuration
        from h2.connection import H2Connection
        for context in (tls.server, tls.client):
            context.set_alpn_protocols(['h2'])
        self.link = Link(capture, server_port=443)
        self.client, self.server = tls.wrap(self.link)
        self.asking = H2Connection(H2Configuration(client_side=True, header_encoding='utf-8'))
        self.answering = H2Connection(H2Configuration(client_side=False, header_encoding='utf-8'))
        self.asking.initiate_connection()
        self.answering.initiate_connection()
        for _ in range(2):
            self.to_server()
            self.to_client()

    def to_server(self):
        data = self.asking.data_to_send()
        if not data:
            return None
        place = self.client.send(data)
        self.answering.receive_data(self.server.exactly(len(data)))
        return place

    def to_client(self):
        data = self.answering.data_to_send()
        if not data:
            return None
        place = self.server.send(data)
        self.asking.receive_data(self.client.exactly(len(data)))
        return place

    def ask(self, call, headers, body):
        call.stream_id = self.asking.get_next_available_stream_id()
        pseudo = [(':method', 'POST'), (':scheme', 'https'), (':authority', HOST), (':path', ENDPOINT)]
        self.asking.send_headers(call.stream_id, pseudo + [(name.lower(), value) for name, value in headers])
        self.asking.send_data(call.stream_id, body, end_stream=True)
        place = self.to_server()
        self.to_client()
        return place

    def answer(self, _call, _data):
        end = self.to_client()[1]
        self.to_server()
        return end

    def head(self, call, status, headers, chunked):
        del chunked
        self.answering.send_headers(call.stream_id, [(':status', status[:3])] + [(name.lower(), value) for name, value in headers])

    def piece(self, call, data):
        self.answering.send_data(call.stream_id, data)

    def last(self, call):
        self.answering.end_stream(call.stream_id)


class HttpSession:
    """A session context of MAPI/HTTP with the methods that the common scenarios call."""

    def __init__(self, capture, user='anna', seed=1, old=None):
        self.capture, self.user = capture, user
        self.number = len(capture.sessions)
        self.context = f'MAPIAAAA{seed:04d}lab{user}'
        self.sequence, self.counter = 0, 0
        self.guid = '{%s}' % str(uuid.UUID(int=0xF00D0000_0000_4000_8000_000000000000 + seed)).upper()
        self.client_info = '{%s}:%d' % (str(uuid.UUID(int=0xBEEF0000_0000_4000_8000_000000000000)).upper(), seed)
        self.known = old.cookies() if old else ''
        capture.sessions.append(self)

    def truth(self):
        return {'session': self.number, 'user': self.user, 'MapiContext': self.context, 'request_id_guid': self.guid}

    def next_id(self):
        self.counter += 1
        return f'{self.guid}:{self.counter}'

    def cookies(self):
        if not self.sequence:
            return self.known if hasattr(self, 'known') else ''
        return f'MapiContext={self.context}; MapiSequence={self.sequence}-lab'

    def connect_ex(self, connection, _server=None, comment=''):
        user = USER_DN % self.user
        aux, aux_truth = aux_buffer(client_aux())
        out, out_truth = aux_buffer(server_aux())
        body = user.encode() + b'\0' + struct.pack('<IIII', 0, 1252, 1031, 1033) + struct.pack('<I', len(aux)) + aux
        call = HttpCall(self, connection, 'Connect', body, comment)
        call.request = {'UserDn': user, 'Flags': 0, 'DefaultCodePage': 1252, 'LcidSort': 1031, 'LcidString': 1033,
                        'AuxiliaryBufferSize': len(aux), 'AuxiliaryBuffer': aux_truth}
        call.response = {'StatusCode': 0, 'ErrorCode': 0, 'PollsMax': 60000, 'RetryCount': 6, 'RetryDelay': 10000, 'DnPrefix': '',
                         'DisplayName': 'Anna Lab', 'AuxiliaryBufferSize': len(out), 'AuxiliaryBuffer': out_truth}
        body = struct.pack('<IIIII', 0, 0, 60000, 6, 10000) + b'\0' + 'Anna Lab'.encode('utf-16-le') + b'\0\0'
        call.head(fresh=True).chunk('PROCESSING\r\n').done(body + struct.pack('<I', len(out)) + out)
        return call

    def rpc_ext2(self, connection, _server=None, asked=None, got=None, flags_in=LAST, flags_out=LAST, comment='', code=0):
        asked, got = asked or rops.Buffer(), got or rops.Buffer()
        data, ext_in = extended(asked.bytes(), flags_in)
        answer, ext_out = extended(got.bytes(), flags_out)
        body = struct.pack('<II', 3, len(data)) + data + struct.pack('<II', 0x8007, 0)
        call = HttpCall(self, connection, 'Execute', body, comment)
        call.request = {'Flags': 3, 'RopBufferSize': len(data), 'MaxRopOut': 0x8007, 'AuxiliaryBufferSize': 0}
        call.payloads_in = [dict(asked.truth(), ext=ext_in)]
        if code:
            return refuse(call, code)
        call.response = {'StatusCode': 0, 'ErrorCode': 0, 'Flags': 0, 'RopBufferSize': len(answer), 'AuxiliaryBufferSize': 0}
        call.payloads_out = [dict(got.truth(), ext=ext_out)]
        call.head().chunk('PROCESSING\r\n').done(struct.pack('<IIII', 0, 0, 0, len(answer)) + answer + struct.pack('<I', 0))
        return call

    def wait(self, comment='', connection=None):
        """A NotificationWait, on a connection of its own unless one is given; the answer is up to the scenario."""
        call = HttpCall(self, connection or Connection(self.capture), 'NotificationWait', struct.pack('<II', 0, 0), comment)
        call.request = {'Flags': 0, 'AuxiliaryBufferSize': 0}
        return call

    def disconnect(self, connection, _server=None):
        call = HttpCall(self, connection, 'Disconnect', struct.pack('<I', 0))
        call.request, call.response = {'AuxiliaryBufferSize': 0}, {'StatusCode': 0, 'ErrorCode': 0, 'AuxiliaryBufferSize': 0}
        call.head().chunk('PROCESSING\r\n').done(struct.pack('<III', 0, 0, 0))
        return call


def refuse(call, code):
    """X-ResponseCode in the head; the body is for people."""
    text = f'<html><body>MAPI request failed: {code}</body></html>'.encode()
    call.head(code=code, content='text/html', length=len(text)).send(text)
    call.complete = True
    return call


def proxy_error(call, status):
    text = f'<html><body><h1>{status}</h1></body></html>'.encode()
    call.head(status=status, code=None, content='text/html', length=len(text)).send(text)
    call.complete = True
    return call


def finish(call, pending, error=0, elapsed=1000):
    call.response = {'StatusCode': 0, 'ErrorCode': error, 'EventPending': pending, 'AuxiliaryBufferSize': 0}
    return call.done(struct.pack('<IIII', 0, error, pending, 0), elapsed)


def begin(call, pendings=0):
    call.head().chunk('PROCESSING\r\n')
    for _ in range(pendings):
        call.capture.gap(PERIOD / 1000)
        call.chunk('PENDING\r\n')
    return call


def mapihttp_cut(capture):
    session = HttpSession(capture)
    connection = Connection(capture)
    core(session, connection, None)

    wait = finish(begin(session.wait('event after two PENDING'), 2), 1)
    Wakeup(capture, 3, 1, wait, fetch(session, connection, None, mail(1)), session, 'event after 30 s')

    wait = begin(session.wait('server side closes after 60 s'), 3)
    capture.gap(15)
    wait.link.close(client_first=False)
    Wakeup(capture, 3, 4, wait, None, session, 'FIN after 60 s, as a load balancer does')
    capture.gap(1)

    wait = begin(session.wait('reset after 120 s'), 7)
    capture.gap(15)
    wait.link.reset(wait.link.server)
    wait.link.client.close()
    Wakeup(capture, 3, 4, wait, None, session, 'RST after 120 s')
    capture.gap(1)

    wait = session.wait('reset before any answer')
    capture.gap(5)
    wait.link.reset(wait.link.server)
    wait.link.client.close()
    Wakeup(capture, 3, 4, wait, None, session, 'RST before the head of the answer')

    wait = begin(session.wait('client gives up'), 1)
    capture.gap(5)
    wait.link.close(client_first=True)
    Wakeup(capture, 3, 4, wait, None, session, 'FIN by the client after 20 s')

    for status, after in (('502 Bad Gateway', 30), ('504 Gateway Timeout', 60)):
        wait = session.wait(f'a proxy answers {status}')
        capture.gap(after)
        proxy_error(wait, status)
        Wakeup(capture, 3, 4, wait, None, session, f'HTTP {status} after {after} s')

    wait = begin(session.wait('only PROCESSING, then closed'))
    capture.gap(300)
    wait.link.close(client_first=False)
    Wakeup(capture, 3, 4, wait, None, session, 'FIN after 300 s, PROCESSING only: no PENDING within X-PendingPeriod either')

    wait = begin(session.wait('a gap between two PENDING'), 1)
    capture.gap(100)
    wait.chunk('PENDING\r\n')
    finish(wait, 1)
    Wakeup(capture, 3, 1, wait, fetch(session, connection, None, mail(2)), session, 'no PENDING for 100 s, period is 15 s')

    first = begin(session.wait('first of two waits'), 1)
    second = finish(begin(session.wait('second of two waits: 0x7EE')), 0, 0x7EE)
    Wakeup(capture, 3, 3, second, None, session, 'ErrorCode 0x7EE')
    finish(first, 1)
    Wakeup(capture, 3, 1, first, fetch(session, connection, None, mail(3)), session, 'the first wait goes on and completes')

    wait = finish(begin(session.wait('healthy timeout'), 20), 0, elapsed=300000)
    Wakeup(capture, 3, 2, wait, None, session, 'five minutes, 20 PENDING')

    wait = refuse(session.wait('X-ResponseCode 15'), 15)
    Wakeup(capture, 3, 3, wait, None, session, 'X-ResponseCode 15 (Invalid Sequence)')
    fetch(session, connection, None, code=15, comment='Execute refused: X-ResponseCode 15')

    wait = begin(session.wait('X-ResponseCode after DONE'), 1)
    wait.code = 1
    wait.done(b'', code=1)
    Wakeup(capture, 3, 3, wait, None, session, 'X-ResponseCode 1 after DONE, no body')

    wait = finish(begin(session.wait('0x3ED')), 0, 0x3ED)
    Wakeup(capture, 3, 3, wait, None, session, 'ErrorCode 0x3ED (Exiting)')

    begin(session.wait('still open when the capture ends'), 1)
    fetch(session, connection, None, mail(4), comment='piggy-back')
    capture.end_here()
    capture.notes.append('Time between PENDINGs and before cuts was moved by the lab; the packets are real. X-PendingPeriod is 15000.')


def mapihttp_lost(capture):
    """The server forgets the session; the client connects again with the old cookies and subscribes anew."""
    session = HttpSession(capture)
    connection = Connection(capture)
    core(session, connection, None)
    wait = begin(session.wait('the session is lost meanwhile'), 1)
    fetch(session, connection, None, code=10, comment='Execute refused: X-ResponseCode 10')
    wait.code = 10
    wait.done(b'', code=10)
    Wakeup(capture, 3, 3, wait, None, session, 'X-ResponseCode 10 (Context Not Found) after DONE')
    again = HttpSession(capture, 'anna', 2, old=session)
    again.connect_ex(connection, None, comment='Connect with the old cookies')
    logon(again, connection, None)
    rops_in = rops.Buffer([rops.open_folder_request(0, 0, 1, folder(INBOX))], [0x21, 0xFFFFFFFF])
    again.rpc_ext2(connection, None, rops_in, rops.Buffer([rops.open_folder_response(1)], [0x21, 0x22]))
    subscribe(again, connection, None)
    wait = finish(begin(again.wait()), 1)
    got = fetch(again, connection, None, mail(5), rops.message_created(FOLDER_SUB, 0, folder(INBOX), rops.eid(0x2105), []))
    Wakeup(capture, 3, 1, wait, got, again, 'new session context, same handle values')
    wait = refuse(again.wait('X-ResponseCode 10 in the head'), 10)
    Wakeup(capture, 3, 3, wait, None, again, 'X-ResponseCode 10 in the head')
    again.disconnect(connection)


def mapihttp_h2(capture):
    """HTTP/2: waits and other calls are streams of one connection."""
    tls = Tls(ssl.TLSVersion.TLSv1_3)
    session = HttpSession(capture)
    connection = Http2(capture, tls)
    core(session, connection, None)
    wait = begin(session.wait('a stream beside others', connection), 1)
    fetch(session, connection, None, comment='on another stream while the wait is open')
    finish(wait, 1)
    Wakeup(capture, 3, 1, wait, fetch(session, connection, None, mail(1)), session, 'HTTP/2')
    wait = finish(begin(session.wait('nothing happens', connection), 2), 0)
    Wakeup(capture, 3, 2, wait, None, session, 'HTTP/2')
    session.disconnect(connection)
    capture.secrets = tls.secrets()
    capture.notes.append('HTTP/2 over TLS 1.3; the secrets are in the pcapng. Wireshark 4.0 hands the body over without the headers.')


SCENARIOS = {
    'mapihttp-cut': ('NotificationWait cut off, refused, late, timed out', mapihttp_cut),
    'mapihttp-h2': ('MAPI/HTTP over HTTP/2', mapihttp_h2),
    'mapihttp-lost': ('A lost session and its successor', mapihttp_lost),
}
