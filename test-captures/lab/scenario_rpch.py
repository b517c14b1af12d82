# SPDX-License-Identifier: GPL-2.0-or-later
"""EMSMDB and AsyncEMSMDB over RPC over HTTP v2 ([MS-RPCH]): channels of a gigabyte, chunked ones, recycled ones, TLS."""

import atexit
import os
import shutil
import ssl
import struct
import subprocess
import tempfile
import time
import uuid

import rops
from capture import Link, Wakeup
from emsmdb import FOLDER_SUB, INBOX, TABLE, Session, contents_row, core, fetch, folder, mail, open_hierarchy
from rpc import ASYNCEMSMDB, EMSMDB, OwnClient, Server, read_pdu
from wire import COMPRESSED, LAST, XOR_MAGIC

HOST = 'mail.lab.example'
RTS = 20
RECYCLE, PING, OTHER, EOF_FLAG, ECHO, OUT_CHANNEL = 0x4, 0x1, 0x2, 0x8, 0x40, 0x10
CLIENT_END, SERVER_END, OUT_PROXY = 0, 2, 3
GIGABYTE = 1073741824


def cookie(number):
    return uuid.UUID(int=0x5EED0000_0000_4000_8000_000000000000 + number).bytes_le


def command(name, value=None):
    """One RTS command, [MS-RPCH] 2.2.3.5."""
    code = {'ReceiveWindowSize': 0, 'FlowControlAck': 1, 'ConnectionTimeout': 2, 'Cookie': 3, 'ChannelLifetime': 4,
            'ClientKeepalive': 5, 'Version': 6, 'Empty': 7, 'ANCE': 0xA, 'AssociationGroupId': 0xC, 'Destination': 0xD}[name]
    data = struct.pack('<I', code)
    if isinstance(value, bytes):
        return data + value
    return data if value is None else data + struct.pack('<I', value)


def rts(flags, *commands):
    body = struct.pack('<HH', flags, len(commands)) + b''.join(commands)
    return struct.pack('<BBBBIHHI', 5, 0, RTS, 3, 0x10, 16 + len(body), 0, 0) + body


class Body:
    """The body of one HTTP message being read: as it comes, or out of its chunks."""

    def __init__(self, end, chunked):
        self.end, self.chunked, self.buffer = end, chunked, b''

    def exactly(self, count):
        if not self.chunked:
            return self.end.exactly(count)
        while len(self.buffer) < count:
            line = b''
            while not line.endswith(b'\r\n'):
                line += self.end.exactly(1)
            self.buffer += self.end.exactly(int(line, 16))
            self.end.exactly(2)
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data


class TlsEnd:
    """TLS by Python's ssl over memory, so that the ciphertext of each message is known."""

    def __init__(self, end, context, server_side):
        self.end = end
        self.into, self.out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.into, self.out, server_side=server_side, server_hostname=None if server_side else HOST)

    def step(self):
        try:
            self.tls.do_handshake()
            done = True
        except ssl.SSLWantReadError:
            done = False
        self.flush()
        return done

    def flush(self):
        data = self.out.read()
        return self.end.send(data) if data else None

    def send(self, data):
        self.tls.write(data)
        return self.flush()

    def exactly(self, count):
        data = b''
        while len(data) < count:
            try:
                data += self.tls.read(count - len(data))
            except ssl.SSLWantReadError:
                more = self.end.recv(65536)
                if not more:
                    raise EOFError from None
                self.into.write(more)
        return data


class Tls:
    """A certificate made for the occasion, a context for each side, and the secrets the client's one logs."""

    def __init__(self, version):
        place = tempfile.mkdtemp(prefix='lab-tls-')
        atexit.register(shutil.rmtree, place, ignore_errors=True)
        key, cert, self.log = (os.path.join(place, name) for name in ('key.pem', 'cert.pem', 'keylog'))
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '30',
                        '-subj', '/CN=' + HOST, '-keyout', key, '-out', cert], check=True, capture_output=True)
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server.load_cert_chain(cert, key)
        self.client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.client.load_verify_locations(cert)
        self.client.keylog_filename = self.log
        for context in (self.server, self.client):
            context.minimum_version = context.maximum_version = version

    def wrap(self, link):
        client, server = TlsEnd(link.client, self.client, False), TlsEnd(link.server, self.server, True)
        done = [False, False]
        while not all(done):
            for number, end in enumerate((client, server)):
                if not done[number]:
                    done[number] = end.step()
                if not all(done):
                    other = (server, client)[number]
                    time.sleep(0.005)
                    if not done[1 - number]:
                        other.into.write(self._available(other.end))
        return client, server

    def _available(self, end):
        end.sock.settimeout(0.2)
        try:
            return end.recv(65536)
        except TimeoutError:
            return b''
        finally:
            end.sock.settimeout(20)

    def secrets(self):
        with open(self.log, 'rb') as file:
            return file.read()


class VirtualConnection:
    """IN channel and OUT channel, and their successors. The channel that rpc.Server and rpc.OwnClient use."""

    counter = 0

    def __init__(self, capture, port=80, chunked=False, tls=None, greeting=True):
        self.capture, self.port, self.chunked, self.tls = capture, port, chunked, tls
        VirtualConnection.counter = getattr(capture, 'virtual', 0) + 1
        capture.virtual = VirtualConnection.counter
        base = capture.virtual * 16
        self.cookie, self.in_cookies, self.out_cookies = cookie(base), [cookie(base + 1)], [cookie(base + 2)]
        self.ins, self.outs, self.in_at, self.out_at = [], [], 0, 0
        self.truths, self.cut, self.chunk_cut, self.chunk_join = [], None, None, False
        self.pending_chunk = b''
        self.connect(greeting)
        capture.extra.setdefault('virtual_connections', lambda capture: [each.truth(capture) for each in capture.all_virtual])
        capture.all_virtual = getattr(capture, 'all_virtual', []) + [self]

    # -- HTTP ---------------------------------------------------------------------------------------------------------

    def _link(self):
        link = Link(self.capture, server_port=self.port)
        client, server = self.tls.wrap(link) if self.tls else (link.client, link.server)
        return link, client, server

    def _request(self, method, length, authorization=True):
        lines = [f'{method} /rpc/rpcproxy.dll?store.lab.example:6001 HTTP/1.1', 'Cache-Control: no-cache', 'Connection: Keep-Alive',
                 'Pragma: ResourceTypeUuid=44e265dd-7daf-42cd-8560-3cdb6e7a2729', 'Accept: application/rpc', 'User-Agent: MSRPC',
                 f'Content-Length: {length}', f'Host: {HOST}']
        if authorization:
            lines.append('Authorization: Basic bGFiXGFubmE6bm90LWEtc2VjcmV0')
        return '\r\n'.join(lines + ['', '']).encode()

    def _exchange(self, client, server, asked, answer):
        """A request that ends, and its answer."""
        client.send(asked)
        server.exactly(len(asked))
        server.send(answer)
        client.exactly(len(answer))

    def _greet(self, client, server, method):
        """401 to an empty request, then an echo request, as a client does that asks which way to log on."""
        refusal = ('HTTP/1.1 401 Unauthorized\r\nContent-Type: text/plain\r\nWWW-Authenticate: NTLM\r\nWWW-Authenticate: Basic realm="lab"\r\n'
                   'Content-Length: 12\r\n\r\nUnauthorized')
        self._exchange(client, server, self._request(method, 0, False), refusal.encode())
        echo = rts(ECHO)
        answer = f'HTTP/1.1 200 Success\r\nContent-Type: application/rpc\r\nContent-Length: {len(echo)}\r\n\r\n'.encode() + echo
        self._exchange(client, server, self._request(method, 4) + b'\0\0\0\0', answer)

    def _open_in(self, greeting=False):
        link, client, server = self._link()
        if greeting:
            self._greet(client, server, 'RPC_IN_DATA')
        head = self._request('RPC_IN_DATA', GIGABYTE)
        client.send(head)
        server.exactly(len(head))
        self.ins.append((link, client, server))

    def _open_out(self, first, greeting=False):
        link, client, server = self._link()
        if greeting:
            self._greet(client, server, 'RPC_OUT_DATA')
        self.outs.append((link, client, server, Body(client, self.chunked)))
        where = client.send(self._request('RPC_OUT_DATA', len(first)) + first)
        server.exactly(len(self._request('RPC_OUT_DATA', len(first)) + first))
        return (link, 'c2s') + where

    def _answer_out(self, number):
        link, client, server, _ = self.outs[number]
        length = 'Transfer-Encoding: chunked' if self.chunked else f'Content-Length: {GIGABYTE}'
        head = f'HTTP/1.1 200 Success\r\nContent-Type: application/rpc\r\n{length}\r\n\r\n'.encode()
        server.send(head)
        client.exactly(len(head))

    # -- RTS ----------------------------------------------------------------------------------------------------------

    def note(self, name, place):
        self.truths.append((name, place))

    def connect(self, greeting):
        window, version = command('ReceiveWindowSize', 65536), command('Version', 1)
        virtual = command('Cookie', self.cookie)
        a1 = rts(0, version, virtual, command('Cookie', self.out_cookies[0]), window)
        self.note('CONN/A1', self._open_out(a1, greeting))
        self._open_in(greeting)
        b1 = rts(0, version, virtual, command('Cookie', self.in_cookies[0]), command('ChannelLifetime', GIGABYTE),
                 command('ClientKeepalive', 300000), command('AssociationGroupId', cookie(1)))
        self.note('CONN/B1', self.client_send(b1))
        read_pdu(self.ins[0][2])
        self._answer_out(0)
        self.note('CONN/A3', self.server_send(rts(0, command('ConnectionTimeout', 120000))))
        self.note('CONN/C2', self.server_send(rts(0, version, window, command('ConnectionTimeout', 120000))))
        for _ in range(2):
            read_pdu(self.outs[0][3])

    def ping(self):
        self.note('Ping', self.client_send(rts(PING)))

    def flow_control(self, received):
        ack = struct.pack('<II', received, 65536)
        self.note('FlowControlAck (client)', self.client_send(
            rts(OTHER, command('Destination', OUT_PROXY), command('FlowControlAck', ack + self.out_cookies[self.out_at]))))
        self.note('FlowControlAck (server)', self.server_send(
            rts(OTHER, command('Destination', CLIENT_END), command('FlowControlAck', ack + self.in_cookies[self.in_at]))))

    def recycle_in(self):
        self.in_cookies.append(cookie(len(self.in_cookies) * 256 + self.cookie[0]))
        old = len(self.ins) - 1
        self._open_in()
        a1 = rts(RECYCLE, command('Version', 1), command('Cookie', self.cookie), command('Cookie', self.in_cookies[-2]),
                 command('Cookie', self.in_cookies[-1]))
        link, client, server = self.ins[-1]
        self.note('IN_R1/A1', (link, 'c2s') + client.send(a1))
        read_pdu(server)
        self.note('IN_R1/A4', self.server_send(rts(0, command('Destination', CLIENT_END), command('Version', 1),
                                                   command('ReceiveWindowSize', 65536), command('ConnectionTimeout', 120000))))
        read_pdu(self.outs[self.out_at][3])
        link, client, _ = self.ins[old]
        self.note('IN_R1/A5', (link, 'c2s') + client.send(rts(0, command('Cookie', self.in_cookies[-1]))))
        deadline = time.time() + 3
        while self.in_at == old and time.time() < deadline:
            time.sleep(0.01)
        self.client_in = len(self.ins) - 1
        link.close()

    def recycle_out(self):
        self.out_cookies.append(cookie(len(self.out_cookies) * 4096 + self.cookie[0]))
        self.note('OUT_R1/A2', self.server_send(rts(RECYCLE, command('Destination', CLIENT_END))))
        read_pdu(self.outs[self.out_at][3])
        a3 = rts(RECYCLE, command('Version', 1), command('Cookie', self.cookie), command('Cookie', self.out_cookies[-2]),
                 command('Cookie', self.out_cookies[-1]), command('ReceiveWindowSize', 65536))
        self.note('OUT_R1/A3', self._open_out(a3))
        self._answer_out(-1)
        self.note('OUT_R1/A6', self.server_send(rts(0, command('Destination', CLIENT_END), command('Version', 1),
                                                    command('ConnectionTimeout', 120000))))
        read_pdu(self.outs[self.out_at][3])
        self.note('OUT_R1/A7', self.client_send(rts(OUT_CHANNEL, command('Destination', SERVER_END), command('Cookie', self.out_cookies[-1]))))
        self.note('OUT_R1/A11', self.server_send(rts(0, command('ANCE'))))
        read_pdu(self.outs[self.out_at][3])
        old = self.outs[self.out_at]
        if self.chunked:
            old[2].send(b'0\r\n\r\n')
        self.out_at += 1
        time.sleep(0.03)
        old[0].close(client_first=False)

    # -- what rpc.Server and rpc.OwnClient call -----------------------------------------------------------------------

    client_in = 0

    def client_send(self, data):
        link, client, _ = self.ins[self.client_in]
        return (link, 'c2s') + self._send(client, data)

    def _send(self, end, data):
        if self.cut and len(data) > self.cut:
            start, _ = end.send(data[:self.cut])
            time.sleep(0.03)
            return start, end.send(data[self.cut:])[1]
        return end.send(data)

    def server_send(self, data):
        link, _, server, _ = self.outs[self.out_at]
        if not self.chunked:
            return (link, 's2c') + self._send(server, data)
        if self.chunk_cut and len(data) > self.chunk_cut:
            parts = [data[:self.chunk_cut], data[self.chunk_cut:]]
        else:
            parts = [data]
        start = end = None
        for part in parts:
            first, last = self._send(server, b'%x\r\n' % len(part) + part + b'\r\n')
            start, end = first if start is None else start, last - 2
            time.sleep(0.01)
        return link, 's2c', start, end

    def server_read(self):
        """PDUs of the IN channel; RTS ones are the channel's own affair."""
        while True:
            pdu = read_pdu(self.ins[self.in_at][2])
            if pdu.kind != RTS:
                return pdu
            if pdu.body == struct.pack('<HHI', 0, 1, 3) + self.in_cookies[-1]:
                self.in_at += 1

    def client_read(self):
        while True:
            pdu = read_pdu(self.outs[self.out_at][3])
            if pdu.kind != RTS:
                return pdu

    def truth(self, capture):
        return {'cookie': str(uuid.UUID(bytes_le=self.cookie)), 'in_streams': [link.number for link, *_ in self.ins],
                'out_streams': [link.number for link, *_ in self.outs],
                'rts': [{'name': name, 'frame': capture.frame(link, way, end - 1), 'tcp_stream': link.number}
                        for name, (link, way, _, end) in self.truths]}


def open_http(capture, interface=EMSMDB, **more):
    channel = VirtualConnection(capture, **more)
    server = Server(channel, secondary='6001')
    client = OwnClient(channel)
    client.bind(interface)
    return client, server, channel


def waits(capture, session, client, server, wait_client, wait_server):
    session.async_connect(client, server)
    wait = session.async_wait(wait_client, wait_server, flags=1, held=True, comment='on its own virtual connection')
    fetch(session, client, server, comment='while the wait is open')
    capture.gap(70)
    wait.complete()
    got = fetch(session, client, server, mail(40), rops.message_created(FOLDER_SUB, 0, folder(INBOX), rops.eid(0x2040), []))
    Wakeup(capture, 2, 1, wait, got, session, 'after 70 s')


def big_rows(session, client, server, **more):
    asked = rops.Buffer([rops.query_rows_request(0, 0, 60)], [TABLE])
    got = rops.Buffer([rops.query_rows_response(0, [contents_row(n) for n in range(60)]), mail(31)], [TABLE])
    return session.rpc_ext2(client, server, asked, got, comment='a large answer', **more)


def rpch_plain(capture):
    session = Session(capture)
    client, server, channel = open_http(capture)
    core(session, client, server)
    wait_client, wait_server, _ = open_http(capture, ASYNCEMSMDB, greeting=False)
    waits(capture, session, client, server, wait_client, wait_server)
    big_rows(session, client, server, fragment=1024)
    big_rows(session, client, server)
    channel.cut = 7
    fetch(session, client, server, mail(50), comment='PDUs cut inside the DCE/RPC header')
    channel.cut = 40
    fetch(session, client, server, mail(51), flags_out=LAST | XOR_MAGIC, comment='PDUs cut in the stub')
    channel.cut = None
    session.async_wait(wait_client, wait_server, flags=1, held=True, comment='never answered: the capture ends')
    fetch(session, client, server, mail(52), comment='last call')
    capture.end_here()
    capture.notes.append('Content-Length 1073741824 on both channels; the capture ends while all channels are open.')


def rpch_chunked(capture):
    session = Session(capture)
    client, server, channel = open_http(capture, chunked=True)
    core(session, client, server)
    channel.chunk_cut = 5
    fetch(session, client, server, mail(60), comment='answer in two chunks, cut in the DCE/RPC header')
    channel.chunk_cut = 100
    big_rows(session, client, server, fragment=2048)
    channel.chunk_cut = None
    wait_client, wait_server, _ = open_http(capture, ASYNCEMSMDB, greeting=False, chunked=True)
    waits(capture, session, client, server, wait_client, wait_server)
    fetch(session, client, server, *[mail(70 + n) for n in range(8)], flags_out=LAST | COMPRESSED)
    capture.end_here()
    capture.notes.append('OUT channels are chunked and still open when the capture ends.')


def rpch_recycle(capture):
    session = Session(capture)
    client, server, channel = open_http(capture)
    core(session, client, server)
    wait_client, wait_server, wait_channel = open_http(capture, ASYNCEMSMDB, greeting=False)
    channel.ping()
    channel.flow_control(32768)
    fetch(session, client, server, mail(80), comment='after ping and flow control')
    session.async_connect(client, server)
    wait = session.async_wait(wait_client, wait_server, flags=1, held=True, comment='the OUT channel is recycled before the answer')
    channel.recycle_in()
    fetch(session, client, server, mail(81), comment='on the second IN channel')
    channel.recycle_out()
    fetch(session, client, server, mail(82), comment='on the second OUT channel')
    capture.gap(120)
    wait_channel.recycle_out()
    wait.complete()
    got = fetch(session, client, server, mail(83))
    Wakeup(capture, 2, 1, wait, got, session, 'answered on another TCP connection than when the wait began')
    channel.recycle_in()
    channel.recycle_out()
    open_hierarchy(session, client, server)
    ctx = client.alter(ASYNCEMSMDB)
    wait = session.async_wait(client, server, flags=1, ctx=ctx, comment='alter_context')
    Wakeup(capture, 2, 1, wait, fetch(session, client, server, mail(84), ctx=0), session, '')
    session.disconnect(client, server, ctx=0)
    capture.notes.append('Each virtual connection goes over several TCP connections; the cookies in the RTS PDUs tie them together.')


def rpch_tls(capture):
    secrets = b''
    for number, (version, chunked) in enumerate(((ssl.TLSVersion.TLSv1_3, False), (ssl.TLSVersion.TLSv1_2, True)), 1):
        tls = Tls(version)
        session = Session(capture, ('anna', 'bert')[number - 1], number)
        client, server, channel = open_http(capture, port=443, tls=tls, chunked=chunked)
        core(session, client, server)
        wait_client, wait_server, _ = open_http(capture, ASYNCEMSMDB, port=443, tls=tls, chunked=chunked, greeting=False)
        waits(capture, session, client, server, wait_client, wait_server)
        big_rows(session, client, server)
        secrets += tls.secrets()
    capture.secrets = secrets
    capture.end_here()
    capture.notes.append('TLS 1.3, then TLS 1.2 with chunked OUT channels; the secrets are in the pcapng (Decryption Secrets Block).')


SCENARIOS = {
    'rpch-plain': ('RPC over HTTP v2, channels of 1 GB, cut off while open', rpch_plain),
    'rpch-chunked': ('RPC over HTTP v2, chunked OUT channels', rpch_chunked),
    'rpch-recycle': ('RPC over HTTP v2, channels recycled, ping, flow control', rpch_recycle),
    'rpch-tls': ('RPC over HTTP v2 over TLS', rpch_tls),
}
