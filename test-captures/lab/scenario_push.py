# SPDX-License-Identifier: GPL-2.0-or-later
"""UDP push: EcRRegisterPushNotification and the datagrams it asks for, and much that only looks like them."""

import random
import socket
import struct

import rops
from capture import CLIENT, CLIENT6, OTHER, SERVER, SERVER6, Wakeup
from emsmdb import FOLDER_SUB, INBOX, Session, core, fetch, folder, mail
from scenario_rpc import open_tcp

CONTEXT = bytes.fromhex('4e6f746966790001')


class Sockets:
    """Ports that stay open on both sides, so that the kernel answers no datagram with ICMP unless a scenario wants it."""

    def __init__(self, capture):
        self.capture, self.open, self.list = capture, {}, []
        capture.extra['datagrams'] = lambda capture: [self._truth(entry) for entry in self.list]

    def _truth(self, entry):
        registered = entry['registration']
        return {'frame': entry['frame'], 'label': entry['label'], 'source': '%s:%d' % entry['source'],
                'destination': '%s:%d' % entry['destination'], 'data': entry['data'].hex(), 'wakeup': entry['wakeup'],
                'address': entry['address'], 'registration': registered and registered.truth(self.capture)['frame_req']}

    def port(self, address, number):
        """A bound socket; asked again for the same address and port, the same one."""
        if (address, number) not in self.open:
            family = socket.AF_INET6 if ':' in address else socket.AF_INET
            sock = socket.socket(family, socket.SOCK_DGRAM)
            sock.bind((address, number))
            self.open[address, number] = sock
            self.capture.closers.append(sock)
        return self.open[address, number]

    def push(self, label, data, to, registration=None, wakeup=False, source=33111, listen=True, address='registered'):
        """One datagram from the server's side. `wakeup` None: both readings are right."""
        if listen:
            self.port(*to)
        server = SERVER6 if ':' in to[0] else SERVER
        entry = self.capture.datagram(self.port(server, source), data, to, label)
        entry.update(registration=registration, wakeup=wakeup, address=address if registration else None)
        self.list.append(entry)
        return entry

    def send(self, label, source, to, data):
        """Any other UDP."""
        self.port(*to)
        entry = self.capture.datagram(self.port(*source), data, to, label)
        entry.update(registration=None, wakeup=False, address=None)
        self.list.append(entry)


def push(capture):
    sockets = Sockets(capture)
    session = Session(capture)
    client, server, _ = open_tcp(capture)
    core(session, client, server)
    session.register_push(client, server, bytes(17), CLIENT, 2500, failure=0x80040305, comment='ecTooBig: 17 bytes of context')
    registered = session.register_push(client, server, CONTEXT, CLIENT, 2500)

    capture.gap(3)
    one = sockets.push('first', CONTEXT, (CLIENT, 2500), registered, True)
    capture.gap(0.2)
    got = fetch(session, client, server, mail(1), rops.message_created(FOLDER_SUB, 0, folder(INBOX), rops.eid(0x2101), []))
    Wakeup(capture, 1, 1, one, got, session, 'registered address')

    capture.gap(20)
    two = sockets.push('new event', CONTEXT, (CLIENT, 2500), registered, True)
    capture.gap(60)
    again = sockets.push('repeated after 60 s', CONTEXT, (CLIENT, 2500), registered, True)
    capture.gap(60)
    third = sockets.push('repeated after 120 s', CONTEXT, (CLIENT, 2500), registered, True)
    got = fetch(session, client, server, mail(2), mail(3))
    last = Wakeup(capture, 1, 1, third, got, session, 'second repetition')
    middle = Wakeup(capture, 1, 1, again, None, session, 'first repetition, nothing fetched before the next')
    middle.superseded = last
    Wakeup(capture, 1, 1, two, None, session, 'nothing fetched before the next').superseded = middle

    sockets.push('other payload to the registered port', b'\x01\x02', (CLIENT, 2500))
    sockets.push('longer payload that starts with the context', CONTEXT + b'!', (CLIENT, 2500))
    sockets.push('context to another port', CONTEXT, (CLIENT, 2501))
    fetch(session, client, server, comment='a poll, no wake-up before it')

    tapa = sockets.push('source port 5000 belongs to another protocol', CONTEXT, (CLIENT, 2500), registered, True, source=5000)
    Wakeup(capture, 1, 1, tapa, fetch(session, client, server, mail(4)), session, 'source port 5000')

    renewed = session.register_push(client, server, b'\xFE\xED', CLIENT, 2777, notification=0x52, comment='registers again: other port and context')
    sockets.push('to the registration that was replaced', CONTEXT, (CLIENT, 2500), registered, None)
    fresh = sockets.push('to the new registration', b'\xFE\xED', (CLIENT, 2777), renewed, True)
    Wakeup(capture, 1, 1, fresh, fetch(session, client, server, mail(5)), session, 'after registering again')

    # A second mailbox of the same client on the same port: only the context tells them apart.
    bert = Session(capture, 'bert', 2)
    b_client, b_server, _ = open_tcp(capture)
    core(bert, b_client, b_server)
    b_registered = bert.register_push(b_client, b_server, b'\xFE\xEE', CLIENT, 2777, notification=0x61)
    for_bert = sockets.push('second session, same port', b'\xFE\xEE', (CLIENT, 2777), b_registered, True)
    for_anna = sockets.push('first session, same port', b'\xFE\xED', (CLIENT, 2777), renewed, True)
    a_got = fetch(session, client, server, mail(6))
    b_got = fetch(bert, b_client, b_server, mail(7))
    Wakeup(capture, 1, 1, for_bert, b_got, bert, 'same port, own context')
    Wakeup(capture, 1, 1, for_anna, a_got, session, 'same port, own context')
    session.disconnect(client, server)
    bert.disconnect(b_client, b_server)
    capture.notes.append('Time stamps were moved by the lab by 3, 0.2, 20, 60 and 60 s; the packets are real.')


def push_ipv6(capture):
    sockets = Sockets(capture)
    session = Session(capture)
    client, server, _ = open_tcp(capture)
    core(session, client, server)
    registered = session.register_push(client, server, CONTEXT * 2, CLIENT6, 2600, comment='AF_INET6, 16 bytes of context')
    one = sockets.push('IPv6', CONTEXT * 2, (CLIENT6, 2600), registered, True)
    Wakeup(capture, 1, 1, one, fetch(session, client, server, mail(1)), session, 'IPv6')
    session.disconnect(client, server)


def push_nat(capture):
    """What a capture behind a NAT or of a client with two addresses shows: same port and context, other address."""
    sockets = Sockets(capture)
    session = Session(capture)
    client, server, _ = open_tcp(capture)
    core(session, client, server)
    registered = session.register_push(client, server, CONTEXT, '10.11.12.13', 2500, comment='the client tells its private address')
    one = sockets.push('other address', CONTEXT, (OTHER, 2500), registered, True, address='other')
    Wakeup(capture, 1, 1, one, fetch(session, client, server, mail(1)), session, 'same port and context, other address')
    two = sockets.push('address of the connection', CONTEXT, (CLIENT, 2500), registered, True, address='other')
    Wakeup(capture, 1, 1, two, fetch(session, client, server, mail(2)), session, 'same port and context, other address')
    sockets.push('other address, other payload', b'nothing', (OTHER, 2500))
    sockets.push('other address, other port', CONTEXT, (OTHER, 2502))
    session.disconnect(client, server)


def push_odd(capture):
    """Registrations without a datagram, an empty context, a closed port, refusals."""
    sockets = Sockets(capture)
    sessions = []
    for seed, user in enumerate(('anna', 'bert', 'carl', 'dora'), 1):
        session = Session(capture, user, seed)
        client, server, _ = open_tcp(capture)
        core(session, client, server)
        sessions.append((session, client, server))
    anna, bert, carl, dora = sessions
    anna[0].register_push(anna[1], anna[2], b'silent', CLIENT, 2500, comment='no datagram ever comes')
    capture.gap(60)
    fetch(*anna, mail(1), comment='poll, since no datagram comes')

    empty = bert[0].register_push(bert[1], bert[2], b'', CLIENT, 2510, comment='empty context')
    one = sockets.push('empty', b'', (CLIENT, 2510), empty, True)
    Wakeup(capture, 1, 1, one, fetch(*bert, mail(2)), bert[0], 'empty context, empty datagram')
    sockets.push('not empty', b'\0', (CLIENT, 2510))

    closed = carl[0].register_push(carl[1], carl[2], b'\xC1\xC2\xC3\xC4', CLIENT, 2520, comment='nobody listens: ICMP')
    one = sockets.push('port closed', b'\xC1\xC2\xC3\xC4', (CLIENT, 2520), closed, True, listen=False)
    capture.gap(30)
    got = fetch(*carl, mail(3), comment='the next poll')
    Wakeup(capture, 1, 1, one, got, carl[0], 'the client never saw it (ICMP port unreachable); the next fetch took the details')

    dora[0].register_push(dora[1], dora[2], b'refused', CLIENT, 2530, failure=0x80040102, comment='ecNotSupported')
    sockets.push('to a registration that was refused', b'refused', (CLIENT, 2530))
    dora[0].register_push(dora[1], dora[2], b'family', CLIENT, 2531, failure=0x80070057, comment='ecInvalidParam')
    for session, client, server in sessions:
        session.disconnect(client, server)
    capture.notes.append('The ICMP message quotes the datagram: the quoted one is not a wake-up.')


def dns_query(name, number):
    labels = b''.join(bytes([len(part)]) + part.encode() for part in name.split('.'))
    return struct.pack('>HHHHHH', number, 0x0100, 1, 0, 0, 0) + labels + b'\0' + struct.pack('>HH', 1, 1)


def noise(sockets, rng):
    sockets.send('DNS query', (CLIENT, 40001), (SERVER, 53), dns_query('mail.lab.example', 0x1234))
    sockets.send('DNS answer', (SERVER, 53), (CLIENT, 40001), dns_query('mail.lab.example', 0x1234)[:2] + b'\x81\x83'
                 + dns_query('mail.lab.example', 0x1234)[4:])
    for number in range(8):
        rtp = struct.pack('>BBHII', 0x80, 0, 1000 + number, 160 * number, 0xCAFE) + bytes(rng.randrange(256) for _ in range(160))
        sockets.send('RTP', (CLIENT, 40010), (OTHER, 40012), rtp)
    sockets.send('NTP', (CLIENT, 40020), (SERVER, 123), b'\x23' + bytes(47))
    for number in range(40):
        size = rng.choice((0, 1, 2, 4, 7, 8, 8, 12, 15, 16, 17, 64))
        sockets.send('random', (rng.choice((SERVER, OTHER)), 41000 + number % 5), (CLIENT, rng.choice((2500, 2501, 5000, 6001, 42000))),
                     bytes(rng.randrange(256) for _ in range(size)))


def push_noise(capture):
    """No Exchange traffic at all: nothing here may be taken for a wake-up."""
    noise(Sockets(capture), random.Random(1))
    capture.notes.append('UDP only, nothing of Exchange; payloads from a fixed seed.')


def push_among_noise(capture):
    """One registration, one wake-up, and the same noise before and after."""
    sockets = Sockets(capture)
    noise(sockets, random.Random(2))
    session = Session(capture)
    client, server, _ = open_tcp(capture)
    core(session, client, server)
    registered = session.register_push(client, server, CONTEXT, CLIENT, 2500)
    noise(sockets, random.Random(3))
    one = sockets.push('the only wake-up', CONTEXT, (CLIENT, 2500), registered, True)
    noise(sockets, random.Random(4))
    Wakeup(capture, 1, 1, one, fetch(session, client, server, mail(1)), session, 'among other traffic to the same port')
    session.disconnect(client, server)


def push_late(capture):
    """The registration was not captured: only Decode As or a port preference can tell."""
    sockets = Sockets(capture)
    session = Session(capture)
    client, server, _ = open_tcp(capture)
    core(session, client, server)
    registered = session.register_push(client, server, CONTEXT, CLIENT, 2500)
    capture.begin_here()
    one = sockets.push('registration not captured', CONTEXT, (CLIENT, 2500), registered, True)
    got = fetch(session, client, server, mail(1))
    Wakeup(capture, 1, 1, one, got, session, 'only with Decode As or the port preference (2500)')
    capture.gap(30)
    two = sockets.push('registration not captured', CONTEXT, (CLIENT, 2500), registered, True)
    got = fetch(session, client, server, mail(2))
    Wakeup(capture, 1, 1, two, got, session, 'only with Decode As or the port preference (2500)')
    capture.notes.append('The wake-ups below are there for a user who says that UDP port 2500 is push; without that none may be shown.')
    capture.extra['needs_port'] = 2500


SCENARIOS = {
    'push': ('UDP wake-up datagrams: registered address, repetitions, replaced registration, two sessions on one port', push),
    'push-ipv6': ('UDP wake-up over IPv6', push_ipv6),
    'push-nat': ('UDP wake-ups at another address than the registered one', push_nat),
    'push-odd': ('Registrations without datagram, empty context, ICMP, refusals', push_odd),
    'push-noise': ('UDP traffic that is not push', push_noise),
    'push-among-noise': ('One wake-up among other UDP traffic', push_among_noise),
    'push-late': ('Datagrams whose registration was not captured', push_late),
}
