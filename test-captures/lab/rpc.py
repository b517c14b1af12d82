# SPDX-License-Identifier: GPL-2.0-or-later
"""DCE/RPC over TCP: a scripted server, a client of our own for what impacket cannot send (big-endian), impacket's
client for the rest.
"""

import queue
import struct
import threading
import uuid

from impacket.dcerpc.v5 import rpcrt, transport
from impacket.uuid import uuidtup_to_bin

EMSMDB = ('a4f1db00-ca47-1067-b31f-00dd010662da', 0, 81)
ASYNCEMSMDB = ('5261574a-4572-206e-b268-6b199213b4e4', 0, 1)
NDR = ('8a885d04-1ceb-11c9-9fe8-08002b104860', 2, 0)
NDR64 = ('71710533-beba-4937-8319-b5dbef9ccc36', 1, 0)

REQUEST, RESPONSE, FAULT, BIND, BIND_ACK, BIND_NAK, ALTER, ALTER_RESP, AUTH3 = 0, 2, 3, 11, 12, 13, 14, 15, 16
FIRST, FINAL, HEADER_SIGN = 1, 2, 4


def header(kind, flags, call_id, body, auth_length=0, big=False):
    end = '>' if big else '<'
    drep = b'\0\0\0\0' if big else b'\x10\0\0\0'
    return struct.pack('BBBB', 5, 0, kind, flags) + drep + struct.pack(end + 'HHI', 16 + len(body), auth_length, call_id) + body


class Pdu:
    """What the lab needs of a PDU that came in."""

    def __init__(self, data):
        self.data = data
        self.kind, self.flags = data[2], data[3]
        self.big = not data[4] & 0x10
        self.end = '>' if self.big else '<'
        self.length, self.auth_length, self.call_id = struct.unpack_from(self.end + 'HHI', data, 8)
        self.body = data[16:]
        if self.auth_length:
            at = self.length - self.auth_length - 8
            self.auth_type, self.auth_level, self.pad = data[at], data[at + 1], data[at + 2]
            self.auth_ctx = struct.unpack_from(self.end + 'I', data, at + 4)[0]
            self.trailer_at, self.auth_value = at, data[at + 8:]


def read_pdu(end):
    head = end.exactly(16)
    length = struct.unpack_from('<H' if head[4] & 0x10 else '>H', head, 8)[0]
    return Pdu(head + end.exactly(length - 16))


def syntax(which, big=False):
    """p_syntax_id_t: the version is one u32, the major number in its low half."""
    guid = uuid.UUID(which[0])
    return (guid.bytes if big else guid.bytes_le) + struct.pack('>I' if big else '<I', which[2] << 16 | which[1])


class Answer:
    """What the server says to one request: a stub or a fault, at once or when told so."""

    def __init__(self, stub=b'', fault=None, fragment=5840, held=False):
        self.stub, self.fault, self.fragment, self.held = stub, fault, fragment, held
        self.ranges = []
        self.done = threading.Event()


class Channel:
    """How PDUs leave and arrive; TCP here, RPC over HTTP has its own."""

    def __init__(self, link):
        self.link = link
        self.ways = {'c2s': (link, 'c2s'), 's2c': (link, 's2c')}

    def client_send(self, data):
        return (self.link, 'c2s') + self.link.client.send(data)

    def server_send(self, data):
        return (self.link, 's2c') + self.link.server.send(data)

    def server_read(self):
        return read_pdu(self.link.server)

    def client_read(self):
        return read_pdu(self.link.client)


class Server(threading.Thread):
    """Answers the calls of one connection from a script. `security` seals and signs when the client asks for it."""

    def __init__(self, channel, security=None, secondary='49700', refuse_ndr=False):
        super().__init__(daemon=True)
        self.channel, self.security = channel, security
        self.secondary = secondary.encode() + b'\0'
        self.refuse_ndr = refuse_ndr
        self.script = queue.Queue()
        self.waiting = {}
        self.lock = threading.Lock()
        self.error = None
        self.start()

    def run(self):
        try:
            while True:
                self._one(self.channel.server_read())
        except (EOFError, OSError):
            pass
        except Exception as error:  # shown by the scenario, which would otherwise only time out
            import traceback
            traceback.print_exc()
            self.error = error

    def _one(self, pdu):
        if pdu.kind in (BIND, ALTER):
            self._bind(pdu)
        elif pdu.kind == AUTH3:
            self.security.auth3(pdu.auth_value)
        elif pdu.kind == REQUEST:
            if self.security and pdu.auth_length:
                self.security.unprotect(pdu)
            if pdu.flags & FINAL:
                answer = self.script.get(timeout=10)
                answer.pdu = pdu
                answer.ctx = struct.unpack_from(pdu.end + 'H', pdu.data, 20)[0]
                if not answer.held:
                    self.respond(answer)

    def _bind(self, pdu):
        count = pdu.body[8]
        results, at = b'', 12
        for _ in range(count):
            transfers = pdu.body[at + 2]
            chosen = pdu.body[at + 24:at + 44]
            if self.refuse_ndr and chosen == syntax(NDR, pdu.big):
                results += struct.pack(pdu.end + 'HH', 2, 2) + bytes(20)
            else:
                results += struct.pack(pdu.end + 'HH', 0, 0) + chosen
            at += 24 + 20 * transfers
        port = b'' if pdu.kind == ALTER else self.secondary
        body = struct.pack(pdu.end + 'HHIH', 5840, 5840, 0x00012345, len(port)) + port
        body += bytes(-len(body) % 4) + struct.pack('BBH', count, 0, 0) + results
        kind = BIND_ACK if pdu.kind == BIND else ALTER_RESP
        signing = pdu.flags & HEADER_SIGN
        auth = b''
        if pdu.auth_length and self.security:
            token = self.security.accept(pdu)
            auth = struct.pack(pdu.end + 'BBBBI', pdu.auth_type, pdu.auth_level, 0, 0, pdu.auth_ctx) + token
        self.channel.server_send(header(kind, FIRST | FINAL | signing, pdu.call_id, body + auth, max(0, len(auth) - 8), pdu.big))

    def respond(self, answer):
        pdu = answer.pdu
        with self.lock:
            if answer.fault is not None:
                body = struct.pack(pdu.end + 'IHBBII', 32, answer.ctx, 0, 0, answer.fault, 0)
                data = header(FAULT, FIRST | FINAL | 0x20, pdu.call_id, body, 0, pdu.big)
                answer.ranges.append(self.channel.server_send(data))
            else:
                room = answer.fragment - 24 - (64 if self.security else 0)
                room -= room % 8
                for at in range(0, max(1, len(answer.stub)), room):
                    part = answer.stub[at:at + room]
                    flags = (FIRST if at == 0 else 0) | (FINAL if at + room >= len(answer.stub) else 0)
                    head = struct.pack(pdu.end + 'IHBB', len(answer.stub) - at, answer.ctx, 0, 0)
                    if self.security:
                        data = self.security.protect(RESPONSE, flags, pdu.call_id, head, part)
                    else:
                        data = header(RESPONSE, flags, pdu.call_id, head + part, 0, pdu.big)
                    answer.ranges.append(self.channel.server_send(data))
        answer.done.set()


class OwnClient:
    """A client of our own: any byte order, any transfer syntax, any channel."""

    def __init__(self, channel, big=False, ndr64=False, security=None, fragment=5840, call_id=1):
        self.channel, self.big, self.ndr64 = channel, big, ndr64
        self.security, self.fragment = security, fragment
        self.end = '>' if big else '<'
        self.next_call = call_id
        self.contexts = {}
        self.ctx = 0

    def _context(self, interface, transfer):
        number = len(self.contexts)
        self.contexts[number] = interface
        return struct.pack(self.end + 'HBB', number, 1, 0) + syntax(interface, self.big) + syntax(transfer, self.big)

    def bind(self, interface, kind=BIND, both=False):
        """Bind or alter to an interface; `both` offers NDR 2.0 and NDR64, as Windows does."""
        number = len(self.contexts)
        items = [self._context(interface, NDR)] if both else []
        items.append(self._context(interface, NDR64 if self.ndr64 else NDR))
        body = struct.pack(self.end + 'HHI', 5840, 5840, 0) + struct.pack('BBH', len(items), 0, 0) + b''.join(items)
        auth = b''
        if self.security and kind == BIND:
            auth = self.security.first_trailer(self.end) + self.security.first_token()
        call = self._number()
        signing = HEADER_SIGN if auth else 0
        self.channel.client_send(header(kind, FIRST | FINAL | signing, call, body + auth, max(0, len(auth) - 8), self.big))
        answer = self.channel.client_read()
        if answer.kind not in (BIND_ACK, ALTER_RESP):
            raise RuntimeError('the bind was refused')
        if auth:
            last = self.security.second_token(answer.auth_value)
            auth = self.security.first_trailer(self.end) + last
            if self.security.done():
                self.channel.client_send(header(AUTH3, FIRST | FINAL, call, b'\0\0\0\0' + auth, len(last), self.big))
            else:
                # SPNEGO wants an answer: the third token goes in an alter_context.
                self.channel.client_send(header(ALTER, FIRST | FINAL, call, body + auth, len(last), self.big))
                answer = self.channel.client_read()
                if answer.auth_length:
                    self.security.second_token(answer.auth_value)
        self.ctx = number + (1 if both else 0)
        return self.ctx

    def alter(self, interface):
        return self.bind(interface, ALTER)

    def _number(self):
        self.next_call += 1
        return self.next_call - 1

    def send(self, opnum, stub, ctx=None):
        call = self._number()
        ctx = self.ctx if ctx is None else ctx
        ranges = []
        room = self.fragment - 24 - (64 if self.security else 0)
        room -= room % 8
        for at in range(0, max(1, len(stub)), room):
            part = stub[at:at + room]
            flags = (FIRST if at == 0 else 0) | (FINAL if at + room >= len(stub) else 0)
            head = struct.pack(self.end + 'IHH', len(stub) - at, ctx, opnum)
            if self.security:
                data = self.security.protect(REQUEST, flags, call, head, part)
            else:
                data = header(REQUEST, flags, call, head + part, 0, self.big)
            ranges.append(self.channel.client_send(data))
        return call, ctx, ranges

    def receive(self):
        while True:
            pdu = self.channel.client_read()
            if self.security and pdu.auth_length:
                self.security.unprotect(pdu)
            if pdu.flags & FINAL:
                return pdu


class _Transport(transport.TCPTransport):
    """impacket's transport over a channel of the lab: a TCP connection or a virtual one."""

    def __init__(self, channel):
        super().__init__('198.51.100.10', 49700)
        self.channel, self.ranges, self.buffer = channel, [], b''

    def connect(self):
        return 1

    def disconnect(self):
        return 1

    def send(self, data, forceWriteAndx=0, forceRecv=0):
        self.ranges.append(self.channel.client_send(data))

    def recv(self, forceRecv=0, count=0):
        if not self.buffer:
            self.buffer = self.channel.client_read().data
        count = count or len(self.buffer)
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data


class ImpacketClient:
    """impacket's DCE/RPC client, with NTLM when a user is given."""

    def __init__(self, channel, user=None, level=None, ndr64=False):
        self.transport = _Transport(channel)
        self.ndr64, self.big = ndr64, False
        self.dce = self.transport.get_dce_rpc()
        self.contexts = []
        self.fragment = 0
        if user:
            self.transport.set_credentials(*user)
            self.dce.set_auth_type(rpcrt.RPC_C_AUTHN_WINNT)
            self.dce.set_auth_level(level)

    def _syntax(self, which):
        return which[0], f'{which[1]}.{which[2]}'

    def bind(self, interface):
        self.dce.bind(uuidtup_to_bin(self._syntax(interface)), transfer_syntax=self._syntax(NDR64 if self.ndr64 else NDR))
        self.contexts.append(self.dce)
        self.number = self.dce._DCERPC_v5__callid + 1
        return 0

    def alter(self, interface):
        self.contexts[-1]._DCERPC_v5__callid = self.number
        self.contexts.append(self.contexts[-1].alter_ctx(uuidtup_to_bin(self._syntax(interface))))
        self.number += 1
        return len(self.contexts) - 1

    def send(self, opnum, stub, ctx=None):
        dce = self.contexts[ctx or 0]
        dce._DCERPC_v5__callid = self.number
        if self.fragment:
            dce.set_max_fragment_size(self.fragment)
        self.transport.ranges = []
        dce.call(opnum, stub)
        self.number += 1
        return self.number - 1, ctx or 0, list(self.transport.ranges)

    def receive(self):
        try:
            return self.contexts[0].recv()
        except rpcrt.DCERPCException as fault:
            return fault


class Call:
    """A call on the wire and what it says."""

    def __init__(self, capture, interface, opnum, name, comment=''):
        self.capture = capture
        self.id = len(capture.calls)
        self.interface, self.opnum, self.name, self.comment = interface, opnum, name, comment
        self.request, self.response = {}, None
        self.payloads_in, self.payloads_out = [], []
        self.session = None
        self.aux_in = self.aux_out = None
        self.flavour = {}
        capture.calls.append(self)

    def run(self, client, server, stub, answer, ctx=None):
        """Send, and receive unless the answer is held."""
        self.client, self.server, self.answer, self.stub = client, server, answer, stub
        server.script.put(answer)
        self.call_id, self.ctx, self.ranges = client.send(self.opnum, stub, ctx)
        self.flavour = {'byte_order': 'big' if client.big else 'little', 'transfer_syntax': 'NDR64' if client.ndr64 else 'NDR'}
        if not answer.held:
            self.receive()
        return self

    def receive(self):
        got = self.client.receive()
        self.answer.done.wait(5)
        if self.answer.fault is None and isinstance(got, bytes) and got != self.answer.stub:
            raise RuntimeError(f'{self.name}: the client did not read what the server sent')
        return self

    def complete(self):
        """Let the server answer now."""
        deadline = 200
        while not hasattr(self.answer, 'pdu') and deadline:
            deadline -= 1
            threading.Event().wait(0.01)
        self.server.respond(self.answer)
        return self.receive()

    def frames(self, capture, ranges):
        return [capture.frame(link, way, end - 1) for link, way, start, end in ranges]

    def wake_frame(self, capture):
        frames = self.frames(capture, self.answer.ranges)
        return frames[-1] if frames else None

    def truth(self, capture):
        asked = self.frames(capture, self.ranges)
        got = self.frames(capture, self.answer.ranges)
        rops, notes = [], []
        for direction, payloads in (('request', self.payloads_in), ('response', self.payloads_out)):
            for number, payload in enumerate(payloads):
                for rop in payload['rops']:
                    rops.append(dict(rop, direction=direction, payload=number))
                    if rop['RopId'] == 0x2A:
                        notes.append(dict(rop['fields'], length=rop['length']))
        link = self.ranges[0][0]
        stream = link.truth()
        return {'id': self.id, 'frame_req': asked[-1], 'frame_resp': got[-1] if got else None,
                'frames_req': asked, 'frames_resp': got,
                'stream': dict(stream, call_id=self.call_id, context_id=self.ctx,
                               tcp_stream_resp=self.answer.ranges[0][0].number if got else None, **self.flavour),
                'interface': {EMSMDB: 'EMSMDB', ASYNCEMSMDB: 'AsyncEMSMDB'}[self.interface],
                'interface_uuid': self.interface[0], 'opnum': self.opnum, 'name': self.name, 'comment': self.comment,
                'session': self.session and self.session.number, 'fault': self.answer.fault if got else None,
                'parameters': {'request': self.request, 'response': self.response},
                'stub_req': self.stub.hex(), 'stub_resp': self.answer.stub.hex() if got and self.answer.fault is None else None,
                'payloads_in': self.payloads_in, 'payloads_out': self.payloads_out, 'rops': rops, 'notifications': notes}
