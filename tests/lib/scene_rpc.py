# SPDX-License-Identifier: GPL-2.0-or-later
"""A session of RPC over TCP or HTTP, with its wait on an association of its own (scene.py)."""

from __future__ import annotations

import struct
import uuid

import rpch_streams as pdus
import rpc_streams as rpc
from scene import CLIENT, DOWN, NOTHING, SERVER, SUBSCRIBE, Scene, UP, chunk, head, mail, subscribed, u32


ACXH = bytes(4) + uuid.UUID(int=2641).bytes_le


def cxh(n):
    return bytes(4) + uuid.UUID(int=n).bytes_le


class Line:
    """an RPC association: up/down are functions that send PDUs"""

    def __init__(self, up, down):
        self.up, self.down = (up, down)


def tcpline(s, t, client=CLIENT, server=SERVER, port=49700):
    c = s.tcp(t, client=client, server=server, port=port)
    l = Line(lambda t, d: c.send(t, UP, d), lambda t, d: c.send(t, DOWN, d))
    l.tcp = c
    return l


def rpchline(s, t, client=CLIENT, server=SERVER, port=80, n=1, ctype='application/rpc', version='1.1', chunked=False):
    i = s.tcp(t, client=client, server=server, port=port)
    o = s.tcp(t + 0.001, client=client, server=server, port=port)
    vc = uuid.UUID(int=1000 + n)

    def req(m, l):
        return head(f'{m} /rpc/rpcproxy.dll?ex:6001 HTTP/1.1', {'Accept': 'application/rpc', 'User-Agent': 'MSRPC',
            'Host': 'mail.x.test', 'Content-Length': str(l)})
    A1 = pdus.conn_a1(vc)
    B1 = pdus.conn_b1(vc)
    o.send(t + 0.01, UP, req('RPC_OUT_DATA', 76) + A1)
    i.send(t + 0.011, UP, req('RPC_IN_DATA', 1073741824))
    i.send(t + 0.012, UP, B1)
    w = (lambda d: chunk(d)) if chunked else lambda d: d
    o.send(t + 0.02, DOWN, head(f'HTTP/{version} 200 Success', {'Content-Type': ctype,
        **({'Transfer-Encoding': 'chunked'} if chunked else {'Content-Length': '1073741824'})}))
    o.send(t + 0.021, DOWN, w(pdus.CONN_A3))
    o.send(t + 0.03, DOWN, w(pdus.CONN_C2))
    l = Line(lambda t, d: i.send(t, UP, d), lambda t, d: o.send(t, DOWN, w(d)))
    l.i, l.o = (i, o)
    return l


def openrpc(l, t, c=1, user='/o=x/cn=anna', acxh=ACXH, index=7, handle=5):
    l.up(t, rpc.bind(1, rpc.EMSMDB))
    l.down(t + 0.01, rpc.bind_ack(1))
    q = l.up(t + 0.02, pdus.request(2, 10, rpc.connect_request(user)))
    r = l.down(t + 0.03, pdus.response(2, rpc.connect_response(cxh(c), index)))
    l.up(t + 0.04, pdus.request(3, 11, rpc.rpc_request(cxh(c), SUBSCRIBE)))
    l.down(t + 0.05, pdus.response(3, rpc.rpc_response(cxh(c), subscribed(handle))))
    l.up(t + 0.06, pdus.request(4, 14, cxh(c)))
    l.down(t + 0.07, pdus.response(4, acxh + u32(0)))


def bindasync(l, t):
    l.up(t, rpc.bind(1, rpc.ASYNCEMSMDB))
    l.down(t + 0.01, rpc.bind_ack(1))


def ask(l, t, call, acxh=ACXH):
    return l.up(t, pdus.request(call, 0, acxh + u32(0)))


def answer(l, t, call, flag=1, value=0):
    return l.down(t, pdus.response(call, u32(flag, value)))


def fetch(l, t, call, c=1, message=16, handle=5):
    return (l.up(t, pdus.request(call, 11, rpc.rpc_request(cxh(c), NOTHING))),
        l.down(t + 0.02, pdus.response(call, rpc.rpc_response(cxh(c), mail(message, handle)))))


def fault(call, status):
    return pdus.pdu(3, call, struct.pack('<IHBxII', 0, 0, 0, status, 0))


def both(make):
    s = Scene()
    m = make(s, 0, n=1) if make is rpchline else make(s, 0)
    w = make(s, 0.5, n=2) if make is rpchline else make(s, 0.5)
    openrpc(m, 0.1)
    bindasync(w, 0.6)
    return (s, m, w)
