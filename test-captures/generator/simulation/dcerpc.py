# SPDX-License-Identifier: GPL-2.0-or-later
"""DCE/RPC connections over TCP ([C706] 12, [MS-RPCE] 2.2.2): bind, fragments, calls in any order, sealing with NTLM.

Sealed stubs are random bytes of the right length: nobody is meant to read them.
"""

import struct
import uuid

from .network import C2S, Connection, S2C
from .rpch import VirtualConnection

EMSMDB = ('a4f1db00-ca47-1067-b31f-00dd010662da', 0, 81)
ASYNCEMSMDB = ('5261574a-4572-206e-b268-6b199213b4e4', 0, 1)
NDR = ('8a885d04-1ceb-11c9-9fe8-08002b104860', 2, 0)

PORT = 49712
FRAGMENT = 5840
REQUEST, RESPONSE, BIND, BIND_ACK, ALTER, ALTER_RESPONSE, AUTH3 = 0, 2, 11, 12, 14, 15, 16
FIRST, LAST, MULTIPLEX = 1, 2, 0x10
NTLM, PRIVACY, AUTH_CONTEXT = 10, 6, 79231
NTLM_FLAGS = 0xE2888235


def syntax(which):
    return uuid.UUID(which[0]).bytes_le + struct.pack('<HH', which[1], which[2])


def pdu(kind, flags, call_id, body, auth=b''):
    """auth: the verifier's value without its header; the body must end where the header may begin."""
    if auth:
        pad = -len(body) % 4
        body += bytes(pad) + struct.pack('<BBBBI', NTLM, PRIVACY, pad, 0, AUTH_CONTEXT)
    return struct.pack('<BBBBIHHI', 5, 0, kind, flags, 0x10, 16 + len(body) + len(auth), len(auth), call_id) + body + auth


def ntlm(kind, rng):
    """A token of [MS-NLMP] 2.2.1 with nothing in it that anyone could use."""
    version = bytes((10, 0, 0x61, 0x4A, 0, 0, 0, 15))
    head = b'NTLMSSP\0' + struct.pack('<I', kind)
    if kind == 1:
        return head + struct.pack('<I', NTLM_FLAGS) + bytes(16) + version
    if kind == 2:
        name = 'LAB'.encode('utf-16-le')
        info = struct.pack('<HH', 2, len(name)) + name + bytes(4)
        at = 56
        return (head + struct.pack('<HHI', len(name), len(name), at) + struct.pack('<I', NTLM_FLAGS) + rng.randbytes(8) + bytes(8)
                + struct.pack('<HHI', len(info), len(info), at + len(name)) + version + name + info)
    values = [bytes(24), rng.randbytes(16) + b'\1\1' + bytes(6) + rng.randbytes(16) + bytes(8), 'LAB'.encode('utf-16-le'),
              'user'.encode('utf-16-le'), 'PC'.encode('utf-16-le'), rng.randbytes(16)]
    fields, payload, at = b'', b'', 64 + 8 + 16
    for value in values:
        fields += struct.pack('<HHI', len(value), len(value), at + len(payload))
        payload += value
    return head + fields + struct.pack('<I', NTLM_FLAGS) + version + rng.randbytes(16) + payload


class Channel:
    """One connection of an association, bound to one interface or to both."""

    def __init__(self, owner, interfaces, delay):
        host = owner.server.host(owner.host)
        self.owner, self.rng = owner, owner.rng
        if owner.world.over_http:
            self.connection = VirtualConnection(owner.world.network, owner.host, host, delay, owner.rng)
        else:
            self.connection = Connection(owner.world.network, owner.host, host, PORT, delay, owner.rng)
        self.interfaces = list(interfaces)
        self.last_call = 0
        self.sealed = owner.world.sealed

    def call_id(self):
        self.last_call += 1
        return self.last_call

    def open(self):
        """Handshake and bind; a second interface comes by alter_context."""
        yield from self.connection.connect()
        yield from self._bind(BIND, BIND_ACK, 0)
        for number in range(1, len(self.interfaces)):
            yield from self._bind(ALTER, ALTER_RESPONSE, number)

    def _bind(self, ask, answer, number):
        call, rng, association = self.call_id(), self.rng, self.owner.association
        sealed = self.sealed and ask == BIND
        head = struct.pack('<HHI', FRAGMENT, FRAGMENT, association or 0)
        body = head + struct.pack('<BBHHBB', 1, 0, 0, number, 1, 0) + syntax(self.interfaces[number]) + syntax(NDR)
        flags = FIRST | LAST | MULTIPLEX
        yield self.connection.send(C2S, pdu(ask, flags, call, body, ntlm(1, rng) if sealed else b''))
        if not association:
            association = self.owner.association = self.owner.server.associations = self.owner.server.associations + 1
        yield 0.0003
        port = str(PORT).encode() + b'\0' if ask == BIND else b''
        body = struct.pack('<HHIH', FRAGMENT, FRAGMENT, association, len(port)) + port
        body += bytes(-len(body) % 4) + struct.pack('<BBHHH', 1, 0, 0, 0, 0) + syntax(NDR)
        yield self.connection.send(S2C, pdu(answer, flags, call, body, ntlm(2, rng) if sealed else b''))
        if sealed:
            self.connection.send(C2S, pdu(AUTH3, FIRST | LAST, call, bytes(4), ntlm(3, rng)))

    def _fragments(self, kind, call, interface, opnum, stub):
        context = self.interfaces.index(interface)
        room = FRAGMENT - 24 - (24 if self.sealed else 0)
        data = b''
        for at in range(0, max(len(stub), 1), room):
            part, rest = stub[at:at + room], len(stub) - at
            flags = (FIRST if at == 0 else 0) | (LAST if rest <= room else 0)
            head = struct.pack('<IHH', rest, context, opnum) if kind == REQUEST else struct.pack('<IHBB', rest, context, 0, 0)
            if not self.sealed:
                data += pdu(kind, flags, call, head + part)
                continue
            pad = -len(part) % 16
            body = head + self.rng.randbytes(len(part) + pad) + struct.pack('<BBBBI', NTLM, PRIVACY, pad, 0, AUTH_CONTEXT)
            verifier = struct.pack('<I', 1) + self.rng.randbytes(8) + struct.pack('<I', call)
            data += struct.pack('<BBBBIHHI', 5, 0, kind, flags, 0x10, 16 + len(body) + 16, 16, call) + body + verifier
        return data

    def ask(self, interface, opnum, stub, message=None):
        """Send a request; the event and the number that the response needs."""
        call = self.call_id()
        return self.connection.send(C2S, self._fragments(REQUEST, call, interface, opnum, stub), message), call

    def answer(self, interface, call, stub, message=None):
        return self.connection.send(S2C, self._fragments(RESPONSE, call, interface, 0, stub), message)
