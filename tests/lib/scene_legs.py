# SPDX-License-Identifier: GPL-2.0-or-later
"""A proxy of which both sides are captured (scene.py)."""

from __future__ import annotations

import ipaddress
import struct

from scene import (CONNECT, CONNECTED, DONE, DOWN, LAST_CHUNK, NOTHING, PROCESSING, SUBSCRIBE, Scene, UP, User, WAIT,
                   chunk, execute, executed, mail, subscribed, waited)
from story import EVENT, Story


def relayed(s, select=lambda p: True, sport=40000, back='10.9.0.2', delay=0.0005, backport=80, map_payload=None):
    """the packets of the client again between proxy and server: requests later, answers earlier"""
    client, server = (bytes([10, 1, 0, 5]), bytes([10, 9, 0, 1]))
    proxy = bytes([10, 9, 0, 1])
    srv = ipaddress.ip_address(back).packed
    for p in list(s.packets):
        if not select(p):
            continue
        d = bytearray(p.data)
        up = d[26:30] == client
        cp = struct.unpack_from('>H', d, 34 if up else 36)[0]
        if up:
            d[26:30] = proxy
            d[30:34] = srv
            struct.pack_into('>HH', d, 34, cp - 10000, backport)
        else:
            d[26:30] = srv
            d[30:34] = proxy
            struct.pack_into('>HH', d, 34, backport, cp - 10000)
        s.packet(p.time + (delay if up else -delay), bytes(d))
    return s


def behind(s, packet, delay):
    """the same packet on the server's side of relayed()"""
    return [p for p in s.packets if abs(p.time - (packet.time - delay)) < 1e-07][0]


class Pair:
    """client - LB - server, each message on both sides; LB adds X-Forwarded-For and its cookie"""

    def __init__(self, s, t, backport=80, extra=True):
        self.f = s.tcp(t, server='10.9.0.1')
        self.b = s.tcp(t + 0.001, client='10.9.0.1', server='10.9.0.2', port=backport)
        self.extra = extra

    def up(self, t, d):
        p = self.f.send(t, UP, d)
        d2 = d.replace(b'Host: ', b'X-Forwarded-For: 10.1.0.5\r\nHost: ', 1) if self.extra else d
        return (p, self.b.send(t + 0.0003, UP, d2))

    def down(self, t, d):
        p = self.b.send(t, DOWN, d)
        d2 = d.replace(b'Cache-Control', b'Set-Cookie: SERVERID=a; path=/\r\nVia: 1.1 lb\r\nCache-Control',
            1) if self.extra else d
        return (p, self.f.send(t + 0.0003, DOWN, d2))


def lbopen(s, u, backport=80):
    A, B = (Pair(s, 0, backport), Pair(s, 0.01, backport))
    A.up(0.1, u.question('Connect', CONNECT))
    A.down(0.12, u.answer_head('Connect') + chunk(PROCESSING) + chunk(DONE + CONNECTED) + LAST_CHUNK)
    u.connected = True
    A.up(0.2, u.question('Execute', execute(SUBSCRIBE)))
    A.down(0.22, u.answer_head('Execute') + chunk(PROCESSING) + chunk(DONE + executed(subscribed())) + LAST_CHUNK)
    return (A, B)


def lbwait(u, B, t, end=None):
    q = B.up(t, u.question('NotificationWait', WAIT))[0]
    B.down(t + 0.05, u.answer_head('NotificationWait') + chunk(PROCESSING))
    if end:
        return (q, B.down(end, chunk(DONE + waited(1)) + LAST_CHUNK)[0])
    return q


def lbfetch(u, A, t):
    q = A.up(t, u.question('Execute', execute(NOTHING)))[0]
    r = A.down(t + 0.02, u.answer_head('Execute') + chunk(PROCESSING) + chunk(DONE + executed(mail())) + LAST_CHUNK)
    return (q, r)


def http10(d):
    return d.replace(b' HTTP/1.1\r\n', b' HTTP/1.0\r\nX-Real-IP: 10.1.0.5\r\nConnection: close\r\n', 1)


class Pair2(Pair):

    def __init__(self, s, t, front):
        super().__init__(s, t)
        self.front = front

    def up(self, t, d):
        return (self.f.send(t, UP, self.front(d)), self.b.send(t + 0.0003, UP, d))

    def down(self, t, d):
        return (self.b.send(t, DOWN, d), self.f.send(t + 0.0003, DOWN, self.front(d)))


def pairwise(front):
    s = Scene()
    u = User()
    A, B = (Pair2(s, 0, front), Pair2(s, 0.01, front))
    A.up(0.1, u.question('Connect', CONNECT))
    A.down(0.12, u.answer_head('Connect') + chunk(PROCESSING) + chunk(DONE + CONNECTED) + LAST_CHUNK)
    u.connected = True
    A.up(0.2, u.question('Execute', execute(SUBSCRIBE)))
    A.down(0.22, u.answer_head('Execute') + chunk(PROCESSING) + chunk(DONE + executed(subscribed())) + LAST_CHUNK)
    q, r = lbwait(u, B, 1, 20)
    fq, fr = lbfetch(u, A, 20.1)
    return (s, Story({r: EVENT}, {fr[0]: r}))
