# SPDX-License-Identifier: GPL-2.0-or-later
"""A MAPI/HTTP session on a connection of HTTP/2 (scene.py)."""

from __future__ import annotations

import struct

from http2_frames import DATA, END_HEADERS, END_STREAM, HEADERS, PREFACE, SETTINGS, block, frame
from scene import (CLIENT, CONNECT, CONNECTED, DONE, DOWN, NOTHING, PROCESSING, SERVER, SUBSCRIBE, Scene, UP, User, WAIT,
                   execute, executed, mail, subscribed, waited)


class H2:

    def __init__(self, s, t, client=CLIENT, server=SERVER, port=80, preface=True):
        self.c = s.tcp(t, client=client, server=server, port=port)
        self.n = -1
        if preface:
            self.c.send(t + 0.001, UP, PREFACE + frame(SETTINGS, 0, struct.pack('>HI', 4, 65535)))
            self.c.send(t + 0.002, DOWN, frame(SETTINGS, 0) + frame(SETTINGS, 0, b'', 1))
            self.c.send(t + 0.003, UP, frame(SETTINGS, 0, b'', 1))

    def q_headers(self, u, kind, body, again=False, **more):
        u.count += not again
        h = [(':method', 'POST'), (':scheme', 'https'), (':authority', 'mail.x.test'), (':path', u.target),
            ('content-type', 'application/mapi-http'), ('x-requesttype', kind), ('x-requestid', f'{u.guid}:{u.count}'),
            ('content-length', str(len(body)))]
        if u.connected:
            h += [('cookie', u.context), ('cookie', f'MapiSequence={u.sequence}-x')]
        return h

    def ask(self, u, t, kind, body, **how):
        self.n += 2
        h = self.q_headers(u, kind, body, **how)
        p = self.c.send(t, UP, frame(HEADERS, self.n, block(h), END_HEADERS) + frame(DATA, self.n, body, END_STREAM))
        p.stream = self.n
        return p

    def a_headers(self, u, kind, code=0, status=200, ctype='application/mapi-http', cookies=True):
        h = [(':status', str(status)), ('content-type', ctype)]
        if code is not None:
            h += [('x-requesttype', kind), ('x-requestid', f'{u.guid}:{u.count}'), ('x-responsecode', str(code)),
                ('x-pendingperiod', '15000')]
        if cookies:
            u.sequence += 1
            h += [('set-cookie', f'{u.context}; path=/mapi'), ('set-cookie', f'MapiSequence={u.sequence}-x; path=/mapi')]
        return h

    def head(self, u, t, stream, kind, **how):
        return self.c.send(t, DOWN, frame(HEADERS, stream, block(self.a_headers(u, kind, **how)), END_HEADERS))

    def data(self, t, stream, d, flags=0):
        return self.c.send(t, DOWN, frame(DATA, stream, d, flags))

    def answer(self, u, t, stream, kind, body, after=0.01, **how):
        self.head(u, t, stream, kind, **how)
        self.data(t + 0.0005, stream, PROCESSING)
        return self.data(t + after, stream, DONE + body, END_STREAM)

    def page(self, t, stream, status, text='<html>error</html>', more=()):
        h = [(':status', str(status)), ('content-type', 'text/html'), ('server', 'envoy'), *more]
        return self.c.send(t, DOWN, frame(HEADERS, stream, block(h), END_HEADERS) + frame(DATA, stream, text.encode(),
            END_STREAM)) if text else self.c.send(t, DOWN, frame(HEADERS, stream, block(h), END_HEADERS | END_STREAM))

    def open(self, u, t, handle=5):
        q = self.ask(u, t, 'Connect', CONNECT)
        r = self.answer(u, t + 0.02, q.stream, 'Connect', CONNECTED)
        u.connected = True
        q = self.ask(u, t + 0.1, 'Execute', execute(SUBSCRIBE))
        return self.answer(u, t + 0.12, q.stream, 'Execute', executed(subscribed(handle)))

    def fetch(self, u, t, message=16, **how):
        q = self.ask(u, t, 'Execute', execute(NOTHING), **how)
        return (q, self.answer(u, t + 0.02, q.stream, 'Execute', executed(mail(message))))

    def wait(self, u, t, end):
        q = self.ask(u, t, 'NotificationWait', WAIT)
        return (q, self.answer(u, t + 0.05, q.stream, 'NotificationWait', waited(1), end - t - 0.05))

    def openwait(self, u, t):
        q = self.ask(u, t, 'NotificationWait', WAIT)
        self.head(u, t + 0.05, q.stream, 'NotificationWait')
        self.data(t + 0.051, q.stream, PROCESSING)
        return q


def start():
    s = Scene()
    u = User()
    h = H2(s, 0)
    h.open(u, 0.1)
    return (s, u, h)
