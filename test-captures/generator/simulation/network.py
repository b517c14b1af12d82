# SPDX-License-Identifier: GPL-2.0-or-later
"""Ethernet, IPv4, IPv6, UDP and TCP as a capture near the servers sees them.

No packet is lost on this network, so TCP needs no retransmission; what a capture can miss is missing in the file only.
"""

import ipaddress
import struct

from .kernel import Event, Lost

C2S, S2C = 0, 1
FRONT, BACK = 0, 1      # of a device whose both sides are captured
CLIENT, SERVER, DEVICE = 1, 2, 3    # oxcnotif.wakeup.closed_by
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
SERVER_SIDE = 40e-6     # from the place of the capture to a server, seconds
SERIAL = 13e-6          # a full segment on a gigabit link
DELAYED_ACK = 0.04
WINDOW = 64240
HTTP = 80
FIRST_PORT = 50000      # above every port that some protocol claims


def checksum(data):
    """The Internet checksum: the one's complement of the sum of 16-bit words, which is the number modulo 0xFFFF."""
    if len(data) & 1:
        data += b'\0'
    return (0xFFFF - int.from_bytes(data, 'big') % 0xFFFF) % 0xFFFF


class Host:
    """A network address with its station; several clients behind one address translator share one Host."""

    def __init__(self, address, station):
        self.address = ipaddress.ip_address(address)
        self.packed = self.address.packed
        self.mac = b'\x02\x00' + struct.pack('>I', station)
        self.identification = station & 0xFFFF
        self.ports = {}
        self.next_push = 0      # UDP port for datagrams; 0 before the first one

    def port(self, server):
        """A client port not used before towards this server."""
        port = self.ports.get(server, FIRST_PORT)
        if port == 65536:
            port = 1024     # many clients behind one address
        if port == FIRST_PORT - 1:
            raise ValueError(f'{self.address} has no more ports towards {server.address}')
        self.ports[server] = port + 1
        return port


class Message:
    """Something sent whose frames matter. whole: called once the last segment has passed the capture."""

    __slots__ = ('frames', 'time', 'whole', 'closer')

    def __init__(self, whole=None):
        self.frames = []
        self.time = None
        self.whole = whole
        self.closer = None      # who ended a connection with it: CLIENT, SERVER or DEVICE

    @property
    def frame(self):
        """The frame that completes it; None if not sent or not captured."""
        return self.frames[-1] if self.time is not None else None

    @property
    def captured(self):
        """Sent, and every packet of it is in the capture."""
        return self.time is not None and None not in self.frames

    def finish(self, when):
        self.time = when
        if self.whole is not None:
            self.whole(self)


class Network:
    """All hosts' cable to one capture."""

    def __init__(self, sim, capture):
        self.sim = sim
        self.capture = capture
        self.legs = None        # a device in between whose both sides are in the capture

    def packet(self, source, target, protocol, payload):
        if len(source.packed) == 4:
            source.identification = (source.identification + 1) & 0xFFFF
            head = struct.pack('>BBHHHBBH4s4s', 0x45, 0, 20 + len(payload), source.identification, 0x4000, 63, protocol, 0,
                               source.packed, target.packed)
            head = head[:10] + struct.pack('>H', checksum(head)) + head[12:]
            kind = b'\x08\x00'
        else:
            head = struct.pack('>IHBB16s16s', 0x60000000, len(payload), protocol, 63, source.packed, target.packed)
            kind = b'\x86\xDD'
        return target.mac + source.mac + kind + head + payload

    @staticmethod
    def pseudo(source, target, protocol, length):
        """The pseudo-header; zeros in between do not change the sum, so one form serves both versions of IP."""
        return source.packed + target.packed + struct.pack('>II', length, protocol)

    def datagram(self, source, source_port, target, target_port, payload, message):
        """A UDP datagram passes the capture now."""
        head = struct.pack('>HHH', source_port, target_port, 8 + len(payload))
        check = checksum(self.pseudo(source, target, 17, 8 + len(payload)) + head + b'\0\0' + payload)
        frame = self.packet(source, target, 17, head + struct.pack('>H', check or 0xFFFF) + payload)
        message.frames.append(self.capture.write(self.sim.now, frame))
        message.finish(self.sim.now)


class Legs:
    """A device between the clients and the servers, which the capture sees on both of its sides: what a client sends to it,
    and what it sends on to the server over a connection of its own, 60 us later."""

    APART = 60e-6

    def __init__(self, station):
        self.host = Host('198.51.100.200', station)
        self.ports = {}

    def port(self, client, port):
        return self.ports.setdefault((client, port), 10000 + len(self.ports) % 40000)


class Connection:
    """One TCP connection. Sequence numbers are what the capture has seen, so nothing is ever acknowledged too early."""

    def __init__(self, network, client, server, server_port, delay, rng):
        """delay: from the client to the place of the capture, seconds."""
        self.network, self.sim = network, network.sim
        self.hosts = (client, server)
        device = network.legs.host if network.legs is not None and server_port == HTTP else None
        self.ports = (client.port(device or server), server_port)
        self.pairs = tuple(struct.pack('>HH', self.ports[way], self.ports[1 - way]) for way in (C2S, S2C))
        self.next = [rng.getrandbits(32), rng.getrandbits(32)]
        self.free = [0.0, 0.0]          # when the sender's line is free again
        self.unacknowledged = [0, 0]    # segments this side has sent and the other has not acknowledged
        self.timer = [False, False]     # an acknowledgement of that side's data is due
        self.far = delay
        self.mss = 1460 if len(client.packed) == 4 else 1440
        self.open = False
        self.closed = False
        self.pending = {}               # deliveries under way; a dictionary for its order
        self.on_close = []

    def _delay(self, way):
        return self.far if way == C2S else SERVER_SIDE

    def _put(self, way, flags, payload=b'', options=b'', only=None):
        """The number of the frame; only: of the leg in front of the device in between, or of the one behind it."""
        other = 1 - way
        source, target = self.hosts[way], self.hosts[other]
        acknowledged = self.next[other] if flags & ACK else 0
        rest = struct.pack('>IIBBH', self.next[way], acknowledged, (5 + len(options) // 4) << 4, flags, WINDOW)
        segment = (rest, options + payload)
        self.next[way] = (self.next[way] + len(payload) + (1 if flags & (SYN | FIN) else 0)) & 0xFFFFFFFF
        self.unacknowledged[other] = 0
        if not self.has_legs:
            return self._write(source, target, self.pairs[way], *segment)
        if only is not None:
            return self._write(*self._leg(only, way), *segment)
        first, second = (FRONT, BACK) if way == C2S else (BACK, FRONT)
        number = self._write(*self._leg(first, way), *segment)
        self.network.capture.later(self.sim.now + Legs.APART, self._frame(*self._leg(second, way), *segment))
        return number

    @property
    def has_legs(self):
        return self.network.legs is not None and self.ports[1] == HTTP and len(self.hosts[0].packed) == 4

    def _leg(self, leg, way):
        """Source, target and ports of a segment on one side of the device."""
        device, port = self.network.legs.host, self.ports[0]
        ends = [self.hosts[0], device]
        if leg == BACK:
            ends, port = [device, self.hosts[1]], self.network.legs.port(self.hosts[0], port)
        if way == S2C:
            return *reversed(ends), struct.pack('>HH', HTTP, port)
        return *ends, struct.pack('>HH', port, HTTP)

    def _frame(self, source, target, ports, rest, body):
        head = ports + rest
        check = checksum(self.network.pseudo(source, target, 6, 20 + len(body)) + head + b'\0\0\0\0' + body)
        return self.network.packet(source, target, 6, head + struct.pack('>HH', check, 0) + body)

    def _write(self, source, target, ports, rest, body):
        return self.network.capture.write(self.sim.now, self._frame(source, target, ports, rest, body))

    def connect(self):
        """The three-way handshake."""
        options = struct.pack('>BBHBBBB', 2, 4, self.mss, 1, 1, 4, 2)
        yield self.far
        self._put(C2S, SYN, options=options)
        yield 2 * SERVER_SIDE
        self._put(S2C, SYN | ACK, options=options)
        yield 2 * self.far
        self._put(C2S, ACK)
        self.open = True
        yield SERVER_SIDE

    def send(self, way, data, message=None):
        """Send now; the event happens when the other side has all of it."""
        done = Event(self.sim)
        if self.closed:
            done.fail(Lost(None))
            return done
        self.pending[done] = True
        when = max(self.sim.now + self._delay(way), self.free[way])
        for at in range(0, len(data), self.mss):
            last = at + self.mss >= len(data)
            self.sim.at(when, self._segment, way, data[at:at + self.mss], last, message, done)
            when += SERIAL
        self.free[way] = when
        return done

    def _segment(self, way, payload, last, message, done):
        if self.closed:
            return
        number = self._put(way, ACK | (PSH if last else 0), payload)
        if message is not None:
            message.frames.append(number)
        if last:
            if message is not None:
                message.finish(self.sim.now)
            self.sim.at(self.sim.now + self._delay(1 - way), self._deliver, done)
        self.unacknowledged[way] += 1
        if self.unacknowledged[way] == 2:
            self.sim.at(self.sim.now + 2 * self._delay(1 - way), self._acknowledge, way, False)
        elif not self.timer[way]:
            self.timer[way] = True
            self.sim.at(self.sim.now + 2 * self._delay(1 - way) + DELAYED_ACK, self._acknowledge, way, True)

    def _deliver(self, done):
        self.pending.pop(done, None)
        done.succeed()

    def _acknowledge(self, way, timer):
        if timer:
            self.timer[way] = False
        if self.unacknowledged[way] and not self.closed:
            self._put(1 - way, ACK)

    def _lose(self, message):
        self.closed = True
        self.open = False
        pending, self.pending = self.pending, {}
        for event in pending:
            event.fail(Lost(message))
        waiting, self.on_close = self.on_close, []
        for function in waiting:
            function(message)

    def vanish(self):
        """A device in between forgets the connection: nobody learns of it, and no packet passes any more."""
        if not self.closed:
            self._lose(None)

    def cut_by_device(self, flags, message, front_first):
        """The device whose both sides are captured ends the connection towards both."""
        if self.closed or not self.open:
            return
        sides = ((S2C, FRONT), (C2S, BACK))
        message.closer = DEVICE
        for way, leg in sides if front_first else sides[::-1]:
            message.frames.append(self._put(way, ACK | flags, only=leg))
        del message.frames[1:]
        message.finish(self.sim.now)
        self._lose(message)

    def cut(self, way, flags, message=None, refused=False):
        """
        That side, or a box in between in its name, ends the connection with RST or FIN, whatever is going on; the other
        side refuses a FIN with RST, or closes its own direction, too.
        """
        if self.closed or not self.open:
            return
        number = self._put(way, ACK | flags)
        if message is not None:
            message.closer = CLIENT if way == C2S else SERVER
            message.frames.append(number)
            message.finish(self.sim.now)
        if flags & FIN and refused:
            self.sim.at(self.sim.now + 2 * self._delay(1 - way), self._put, 1 - way, RST)
        elif flags & FIN:
            self.sim.at(self.sim.now + 2 * self._delay(1 - way), self._put, 1 - way, ACK | FIN)
            self.sim.at(self.sim.now + 2 * (self.far + SERVER_SIDE), self._put, way, ACK)
        self._lose(message)
