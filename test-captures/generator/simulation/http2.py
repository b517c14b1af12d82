# SPDX-License-Identifier: GPL-2.0-or-later
"""HTTP/2 (RFC 9113) in place of a pool of connections: all sessions of a process share one, each exchange is a stream of it."""

import struct

from http2_frames import DATA, END_HEADERS, END_STREAM, HEADERS, PREFACE, RST_STREAM, SETTINGS, WINDOW_UPDATE, block, frame

from .mapihttp import HttpOwner, PORT
from .network import C2S, CLIENT, Connection, RST, S2C, SERVER

CANCEL = struct.pack('>I', 8)
WIDE = frame(WINDOW_UPDATE, 0, struct.pack('>I', 0x7FFF0000))   # nobody waits for the other side's permission


class Stream:
    """What Connection is to a session: the messages of HTTP/1.1 that it is given go out as frames of one stream."""

    has_legs = False

    def __init__(self, connection, number):
        self.connection, self.number = connection, number
        self.closed = False
        self.on_close = []
        self.in_body = False
        connection.on_close.append(self._lost)

    def _lost(self, message):
        self.closed = True
        waiting, self.on_close = self.on_close, []
        for function in waiting:
            function(message)

    def end(self):
        self.closed = True
        if self._lost in self.connection.on_close:
            self.connection.on_close.remove(self._lost)

    def _frames(self, data):
        """A message, or the next chunks of one."""
        frames = b''
        if not self.in_body:
            head, _, data = data.partition(b'\r\n\r\n')
            first, *lines = head.decode('ascii').split('\r\n')
            fields = [tuple(line.split(': ', 1)) for line in lines]
            words, named = first.split(' ', 2), {name.lower(): value for name, value in fields}
            pseudo = ([(':status', words[1])] if first.startswith('HTTP/') else
                      [(':method', words[0]), (':scheme', 'http'), (':authority', named['host']), (':path', words[1])])
            rest = [(name.lower(), value) for name, value in fields if name.lower() not in ('host', 'transfer-encoding')]
            frames = frame(HEADERS, self.number, block(pseudo + rest), END_HEADERS | (0 if data else END_STREAM))
            if 'transfer-encoding' not in named:
                return frames + (frame(DATA, self.number, data, END_STREAM) if data else b'')
            self.in_body = True
        while data:
            size, _, data = data.partition(b'\r\n')
            size = int(size, 16)
            frames += frame(DATA, self.number, data[:size], 0 if size else END_STREAM)
            data = data[size + 2:]
            self.in_body = size > 0
        return frames

    def send(self, way, data, message=None):
        return self.connection.send(way, self._frames(data), message)

    def vanish(self):
        self.connection.vanish()

    def cut(self, way, flags, message=None, refused=False):
        """RST_STREAM, or the end of the connection with all of its streams."""
        if not flags & RST or message is None:
            self.connection.cut(way, flags, message, refused)
            return
        whole = message.whole

        def gone(sent):
            if whole is not None:
                whole(sent)
            self.end()
            self._lost(sent)

        message.whole, message.closer = gone, CLIENT if way == C2S else SERVER
        self.connection.send(way, frame(RST_STREAM, self.number, CANCEL), message)


class Http2Owner(HttpOwner):
    """A process with one connection at a time."""

    def __init__(self, *args):
        super().__init__(*args)
        self.shared, self.next, self.opening = None, 1, False

    def connection(self, other=0.0):
        """A new stream."""
        while self.shared is None or self.shared.closed:
            if self.opening:
                yield 0.01
                continue
            self.opening = True
            try:
                shared = Connection(self.world.network, self.host, self.server.host(self.host), PORT, self.habits.delay, self.rng)
                yield from shared.connect()
                yield shared.send(C2S, PREFACE + frame(SETTINGS, 0) + WIDE)
                yield shared.send(S2C, frame(SETTINGS, 0) + WIDE + frame(SETTINGS, 0, flags=1))
                self.shared, self.next = shared, 1
            finally:
                self.opening = False
        stream = Stream(self.shared, self.next)
        self.next += 2
        return stream

    def done(self, connection):
        connection.end()
