# SPDX-License-Identifier: GPL-2.0-or-later
"""Recording: dumpcap on the loopback of a network namespace of our own, and the ground truth beside each capture.

Frame numbers come from the bytes that were sent, compared with the bytes that dumpcap wrote, never from a dissector:
every TCP stream is put together again and must equal what the lab sent, or the capture is refused.
"""

import json
import os
import signal
import socket
import struct
import subprocess
import tempfile
import time

SERVER = '198.51.100.10'
CLIENT = '198.51.100.20'
OTHER = '203.0.113.30'
SERVER6 = '2001:db8::10'
CLIENT6 = '2001:db8::20'

# A moment that never changes keeps recreated captures comparable; only distances between packets are real.
EPOCH = 1767603600.0  # 2026-01-05 09:00:00 UTC


def set_up_network():
    """Addresses of documentation networks on lo; segments as small as on a real wire."""
    commands = ['ip link set lo up mtu 1500 gso_max_segs 1 gso_max_size 65536']
    commands += [f'ip addr add {address}/32 dev lo' for address in (SERVER, CLIENT, OTHER)]
    commands += [f'ip -6 addr add {address}/128 dev lo nodad' for address in (SERVER6, CLIENT6)]
    for command in commands:
        subprocess.run(command.split(), check=True)


class Link:
    """One TCP connection between a client and a server address, with everything that was sent on it."""

    used_ports = {}

    def __init__(self, capture, client_port=None, server_port=49700, client=CLIENT, server=SERVER):
        self.capture = capture
        family = socket.AF_INET6 if ':' in server else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((server, server_port))
        listener.listen(1)
        self.client = Endpoint(socket.socket(family, socket.SOCK_STREAM))
        self.client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if client_port is None:
            client_port = capture.next_port()
        self.client.sock.bind((client, client_port))
        self.client.sock.connect((server, server_port))
        self.server = Endpoint(listener.accept()[0])
        listener.close()
        self.key = {'c2s': ((client, client_port), (server, server_port)), 's2c': ((server, server_port), (client, client_port))}
        self.client.peer, self.server.peer = self.server, self.client
        self.number = len(capture.links)
        capture.links.append(self)

    def truth(self):
        (client, server) = self.key['c2s']
        return {'tcp_stream': self.number, 'client': '%s:%d' % client, 'server': '%s:%d' % server}

    def close(self, client_first=True):
        for end in (self.client, self.server) if client_first else (self.server, self.client):
            try:
                end.sock.close()
            except OSError:
                pass
            time.sleep(0.02)

    def reset(self, end):
        """RST instead of FIN."""
        end.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        end.sock.close()
        time.sleep(0.02)


class Endpoint:
    """A socket that remembers what it sent."""

    def __init__(self, sock):
        self.sock = sock
        self.sent = bytearray()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(20)

    def send(self, data):
        """Send all; gives the place of these bytes in the stream."""
        start = len(self.sent)
        self.sent += data
        self.sock.sendall(data)
        return start, len(self.sent)

    sendall = send

    def recv(self, count):
        return self.sock.recv(count)

    def exactly(self, count):
        data = b''
        while len(data) < count:
            more = self.sock.recv(count - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def settimeout(self, value):
        self.sock.settimeout(value)

    def close(self):
        self.sock.close()


class Capture:
    """One capture file: start, traffic, stop, then frames by bytes."""

    def __init__(self, name, title, out):
        self.name, self.title, self.out = name, title, out
        self.links, self.datagrams = [], []
        self.shifts, self.first, self.last = [], None, None
        self.port = 50100
        self.log = []
        self.calls, self.wakeups, self.pushes, self.sessions, self.notes = [], [], [], [], []
        self.extra = {}
        self.secrets = None
        self.closers = []

    def next_port(self):
        self.port += 1
        return self.port

    def start(self):
        self.raw = tempfile.mktemp(suffix='.pcapng', prefix='lab-')
        self.dumpcap = subprocess.Popen(['dumpcap', '-i', 'lo', '-w', self.raw, '-q', '-B', '16'],
                                        stderr=subprocess.PIPE, text=True)
        while 'File:' not in self.dumpcap.stderr.readline():
            if self.dumpcap.poll() is not None:
                raise RuntimeError('dumpcap did not start')
        time.sleep(0.3)
        return self

    def gap(self, seconds):
        """Everything after this moment is moved by so many seconds: a wait of minutes costs none in the lab."""
        time.sleep(0.03)
        self.shifts.append((time.time(), seconds))
        time.sleep(0.03)

    def begin_here(self):
        """Frames sent before are left out: a capture that was started too late."""
        time.sleep(0.05)
        self.first = time.time()
        time.sleep(0.05)

    def end_here(self):
        """Frames sent later are left out: a capture that was stopped too early."""
        time.sleep(0.05)
        self.last = time.time()
        time.sleep(0.05)

    def datagram(self, sock, data, to, label):
        """Send a UDP datagram and remember it."""
        sock.sendto(data, to)
        entry = {'label': label, 'source': sock.getsockname()[:2], 'destination': to[:2], 'data': bytes(data), 'frame': None}
        self.datagrams.append(entry)
        time.sleep(0.01)
        return entry

    def abandon(self):
        """A scenario failed: leave no dumpcap and no file behind."""
        self.dumpcap.kill()
        self.dumpcap.wait()
        if os.path.exists(self.raw):
            os.unlink(self.raw)

    def stop(self):
        time.sleep(0.4)
        self.dumpcap.send_signal(signal.SIGINT)
        said = self.dumpcap.communicate()[1]
        if 'dropped' in said and '/0 (' not in said:
            raise RuntimeError('dumpcap lost packets: ' + said)
        self._read()
        self._write_capture()
        self._map()

    # -- reading what dumpcap wrote -------------------------------------------------------------------------------

    def _read(self):
        with open(self.raw, 'rb') as file:
            data = file.read()
        os.unlink(self.raw)
        packets, pos, unit = [], 0, 1e-6
        while pos < len(data):
            kind, length = struct.unpack_from('<II', data, pos)
            body = data[pos + 8:pos + length - 4]
            if kind == 1:
                at = 8
                while at + 4 <= len(body):
                    code, size = struct.unpack_from('<HH', body, at)
                    if code == 9:
                        unit = 10.0 ** -body[at + 4]
                    if code == 0:
                        break
                    at += 4 + (size + 3 & ~3)
            elif kind == 6:
                _, high, low, size, full = struct.unpack_from('<IIIII', body)
                if size != full:
                    raise RuntimeError('a packet was cut')
                packets.append(((high << 32 | low) * unit, body[20:20 + size]))
            pos += length
        self.all = packets
        self.packets = [(stamp, packet) for stamp, packet in packets
                        if (self.first is None or stamp >= self.first) and (self.last is None or stamp <= self.last)]
        if not self.packets:
            raise RuntimeError('no packets in ' + self.name)

    def _write_capture(self):
        """A plain pcapng: microseconds, the moved clock, nothing of the machine it was made on."""
        def block(kind, body):
            body += b'\0' * (-len(body) % 4)
            return struct.pack('<II', kind, len(body) + 12) + body + struct.pack('<I', len(body) + 12)

        start = self.packets[0][0]
        self.stamps = []
        out = block(0x0A0D0D0A, struct.pack('<IHHq', 0x1A2B3C4D, 1, 0, -1))
        if self.secrets:
            out += block(0x0A, struct.pack('<II', 0x544C534B, len(self.secrets)) + self.secrets)
        out += block(1, struct.pack('<HHI', 1, 0, 0))
        for stamp, packet in self.packets:
            moved = EPOCH + stamp - start + sum(by for at, by in self.shifts if start <= at <= stamp)
            self.stamps.append(moved)
            ticks = int(moved * 1000000)
            out += block(6, struct.pack('<IIIII', 0, ticks >> 32, ticks & 0xFFFFFFFF, len(packet), len(packet)) + packet)
        self.path = os.path.join(self.out, self.name + '.pcapng')
        with open(self.path, 'wb') as file:
            file.write(out)
        if len(out) > 500000:
            raise RuntimeError(f'{self.name}: {len(out)} bytes are too many')

    def _map(self):
        """Where each byte of each stream, and each datagram, went."""
        segments, starts, streams, self.ends = {}, {}, {}, {}
        kept = {id(packet): number + 1 for number, (_, packet) in enumerate(self.packets)}
        datagrams = list(self.datagrams)
        for _, packet in self.all:
            kind = struct.unpack_from('!H', packet, 12)[0]
            if kind == 0x0800:
                header = 14 + (packet[14] & 15) * 4
                end = 14 + struct.unpack_from('!H', packet, 16)[0]
                proto, source, target = packet[23], socket.inet_ntoa(packet[26:30]), socket.inet_ntoa(packet[30:34])
            elif kind == 0x86DD:
                header = 54
                end = 54 + struct.unpack_from('!H', packet, 18)[0]
                proto = packet[20]
                source = socket.inet_ntop(socket.AF_INET6, packet[22:38])
                target = socket.inet_ntop(socket.AF_INET6, packet[38:54])
            else:
                continue
            frame = kept.get(id(packet))
            if proto in (6, 17):
                sport, dport = struct.unpack_from('!HH', packet, header)
            if proto == 17:
                for entry in datagrams:
                    if (entry['source'][1] == sport and entry['destination'] == (target, dport)
                            and entry['data'] == packet[header + 8:end]):
                        entry['frame'] = frame
                        datagrams.remove(entry)
                        break
            if proto != 6:
                continue
            key = ((source, sport), (target, dport))
            if frame is not None:
                streams.setdefault(frozenset(key), len(streams))
            seq = struct.unpack_from('!I', packet, header + 4)[0]
            data = packet[header + (packet[header + 12] >> 4) * 4:end]
            if packet[header + 13] & 5 and frame is not None:
                self.ends.setdefault(key, ('RST' if packet[header + 13] & 4 else 'FIN', frame))
            if packet[header + 13] & 2:
                starts[key] = seq + 1
            if data:
                segments.setdefault(key, []).append(((seq - starts[key]) & 0xFFFFFFFF, data, frame))
        if datagrams:
            raise RuntimeError('a datagram is missing from ' + self.name)
        self.where = {}
        for link in self.links:
            link.number = streams.get(frozenset(link.key['c2s']))
            for way, end in (('c2s', link.client), ('s2c', link.server)):
                place, whole = [], bytearray()
                for offset, data, frame in sorted(segments.get(link.key[way], []), key=lambda s: s[0]):
                    if offset < len(whole):
                        continue
                    whole += data
                    place.append((len(whole), frame))
                if bytes(whole) != bytes(end.sent):
                    raise RuntimeError(f'{self.name}: {way} of stream {link.number} is not what was sent')
                self.where[id(link), way] = place

    def frame(self, link, way, offset):
        """The frame that holds this byte of a stream, None when it was left out of the capture."""
        for end, frame in self.where[id(link), way]:
            if offset < end:
                return frame
        raise RuntimeError('a byte that was never sent')

    def end_frame(self, link, way):
        """('FIN' or 'RST', frame) of the first packet that ended this direction, None when it stayed open."""
        return self.ends.get(link.key[way])

    # -- ground truth ---------------------------------------------------------------------------------------------

    def write_truth(self):
        every = [call.truth(self) for call in self.calls]
        calls = [call for call in every if call['frame_req'] or call['frame_resp']]
        truth = {'capture': self.name + '.pcapng', 'title': self.title, 'frames': len(self.packets), 'notes': self.notes,
                 'sessions': [session.truth() for session in self.sessions], 'calls': calls,
                 'notifications': [dict(note, frame=call['frame_resp'], call=call['id'])
                                   for call in calls if call['frame_resp'] for note in call.get('notifications', [])],
                 'wakeups': sorted((one for one in (wakeup.truth(self) for wakeup in self.wakeups) if one['frame']),
                                   key=lambda one: one['frame']),
                 'open_waits': [call['frame_req'] for call in calls if call['name'] in ('EcDoAsyncWaitEx', 'NotificationWait')
                                and call['frame_req'] and not call['frame_resp']],
                 'not_captured': [call for call in every if call not in calls]}
        for key, value in self.extra.items():
            truth[key] = value(self) if callable(value) else value
        base = os.path.join(self.out, self.name)
        with open(base + '.json', 'w', encoding='utf-8') as file:
            json.dump(truth, file, indent=1)
            file.write('\n')
        with open(base + '.md', 'w', encoding='utf-8') as file:
            file.write(self._markdown(truth))
        return truth

    def _markdown(self, truth):
        def show(frame):
            return '-' if frame is None else str(frame)

        lines = [f'# {self.name}', '', self.title, '', 'Made by `lab/make-captures`; the JSON beside this file has every value.']
        lines += [''] + [f'* {note}' for note in self.notes]
        if truth['calls']:
            lines += ['', '| request | answer | call | ROPs and notifications |', '|---|---|---|---|']
            for call in truth['calls']:
                what = ', '.join(rop['name'] for rop in call.get('rops', []) if rop['direction'] == 'request')
                notes = ', '.join('0x%04X' % note['NotificationFlags'] for note in call.get('notifications', []))
                parts = [part for part in (call.get('comment'), what, notes and 'RopNotify ' + notes) if part]
                lines.append(f"| {show(call['frame_req'])} | {show(call['frame_resp'])} | {call['name']} | {'; '.join(parts)} |")
        if truth['wakeups']:
            lines += ['', '| wake-up frame | method | outcome | fetched in | |', '|---|---|---|---|---|']
            for wakeup in truth['wakeups']:
                lines.append(f"| {show(wakeup['frame'])} | {wakeup['method_name']} | {wakeup['outcome_name']} "
                             f"| {show(wakeup['followup_in'])} | {wakeup['comment']} |")
        return '\n'.join(lines) + '\n'


METHODS = {1: 'push datagram', 2: 'EcDoAsyncWaitEx', 3: 'NotificationWait', 4: 'RopPending'}
OUTCOMES = {1: 'pending', 2: 'timeout', 3: 'rejected or error', 4: 'cut off'}


class Wakeup:
    """One wake-up: the frame comes from a call's answer or from a datagram; what followed is a call or nothing."""

    def __init__(self, capture, method, outcome, source, followup=None, session=None, comment=''):
        self.method, self.outcome, self.source = method, outcome, source
        self.followup, self.session, self.comment = followup, session, comment
        self.superseded = None
        capture.wakeups.append(self)

    def frame(self, capture):
        return self.source['frame'] if isinstance(self.source, dict) else self.source.wake_frame(capture)

    def truth(self, capture):
        frame = self.frame(capture)
        more = self.source.wake_more(capture) if hasattr(self.source, 'wake_more') else {}
        followup = self.followup and self.followup.truth(capture)
        return {'method': self.method, 'method_name': METHODS[self.method], 'frame': frame,
                'outcome': self.outcome, 'outcome_name': OUTCOMES[self.outcome],
                'session': self.session and self.session.number,
                'followup_in': followup['frame_req'] if followup else None,
                'followup_notifications': followup and len(followup.get('notifications', [])),
                'followup_answer': followup['frame_resp'] if followup else None,
                'superseded_in': self.superseded and self.superseded.frame(capture), 'comment': self.comment,
                **more}
