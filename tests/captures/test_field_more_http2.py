# SPDX-License-Identifier: GPL-2.0-or-later
"""MAPI/HTTP over HTTP/2 (RFC 9113) as it is in the field."""

from __future__ import annotations

import gzip
import struct

import pytest
from http2_frames import (CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PADDED, PING,
                          PREFACE, PRIORITY, RST_STREAM, SETTINGS, WINDOW_UPDATE, block, frame, literal)
from scene import (CONNECT, CONNECTED, DISCONNECT, DISCONNECTED, DONE, DOWN, NOTHING, PENDING, PROCESSING, PROXY, RST,
                   SUBSCRIBE, Scene, UP, User, WAIT, execute, executed, mail, subscribed, waited)
from scene_http2 import H2, start
from story import ABANDONED, CO, CUT, Cases, EVENT, HF, Story, compare

CASES = Cases()


@CASES
def j_plain():
    scene, user, link = start()
    _, answered = link.wait(user, 1, 20)
    _, fetched = link.fetch(user, 20.1)
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def j_three_users():
    scene = Scene()
    link = H2(scene, 0, client=PROXY)
    us = [User(n) for n in ('anna', 'bert', 'carl')]
    for i, user in enumerate(us):
        link.open(user, 0.1 + i)
    request = [link.openwait(user, 5 + i) for i, user in enumerate(us)]
    ends = {}
    links = {}
    rs = []
    for k, i in enumerate((2, 0, 1)):
        rs.append((i, link.data(20 + k * 0.001, request[i].stream, DONE + waited(1), END_STREAM)))
    for k, (i, answered) in enumerate(rs):
        _, fetched = link.fetch(us[i], 20.1 + k * 0.1, 16 + i)
        ends[answered] = EVENT
        links[fetched] = answered
    return (scene, Story(ends, links, sessions=3))


@CASES
def j_rst_server():
    scene, user, link = start()
    request = link.openwait(user, 1)
    end = link.c.send(61, DOWN, frame(RST_STREAM, request.stream, struct.pack('>I', 2)))
    _, r2 = link.wait(user, 62, 70)
    _, fetched = link.fetch(user, 70.1)
    return (scene, Story({end: (CUT, 2), r2: EVENT}, {fetched: r2}, may_warn=CO))


@CASES
def j_rst_client():
    scene, user, link = start()
    request = link.openwait(user, 1)
    end = link.c.send(61, UP, frame(RST_STREAM, request.stream, struct.pack('>I', 8)))
    _, r2 = link.wait(user, 62, 70)
    _, fetched = link.fetch(user, 70.1)
    return (scene, Story({end: (CUT, 1), r2: EVENT}, {fetched: r2}, may_warn=CO))


@CASES
def j_rst_after_disconnect():
    scene, user, link = start()
    request = link.openwait(user, 1)
    d = link.ask(user, 10, 'Disconnect', DISCONNECT)
    link.answer(user, 10.01, d.stream, 'Disconnect', DISCONNECTED)
    link.c.send(10.1, UP, frame(RST_STREAM, request.stream, struct.pack('>I', 8)))
    link.c.send(10.2, UP, frame(GOAWAY, 0, struct.pack('>II', 0, 0)))
    link.c.end(10.3, UP)
    return (scene, Story({}))


@CASES
def j_goaway_graceful_then_answer():
    """GOAWAY with the highest possible last stream: graceful, the wait goes on and is answered, then FIN"""
    scene, user, link = start()
    request = link.openwait(user, 1)
    link.c.send(10, DOWN, frame(GOAWAY, 0, struct.pack('>II', 2147483647, 0)))
    answered = link.data(20, request.stream, DONE + waited(1), END_STREAM)
    link.c.send(20.01, DOWN, frame(GOAWAY, 0, struct.pack('>II', request.stream, 0)))
    link.c.end(20.02, DOWN)
    g = H2(scene, 20.03)
    _, fetched = g.fetch(user, 20.1)
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def j_goaway_two_steps_cut():
    scene, user, link = start()
    request = link.openwait(user, 1)
    link.c.send(60, DOWN, frame(GOAWAY, 0, struct.pack('>II', 2147483647, 0)))
    link.c.send(60.2, DOWN, frame(GOAWAY, 0, struct.pack('>II', request.stream, 0)))
    end = link.c.end(65, DOWN)
    return (scene, Story({end: (CUT, 2)}, may_warn=CO))


@CASES
def j_goaway_below():
    """the wait's stream is above the last one that the server processed"""
    scene, user, link = start()
    request = link.ask(user, 1, 'NotificationWait', WAIT)
    end = link.c.send(1.1, DOWN, frame(GOAWAY, 0, struct.pack('>II', request.stream - 2, 0)))
    link.c.end(1.2, DOWN)
    g = H2(scene, 2)
    _, r2 = g.wait(user, 3, 20)
    _, fetched = g.fetch(user, 20.1)
    return (scene, Story({end: (CUT, 2), r2: EVENT}, {fetched: r2}, may_warn=CO))


@CASES
def j_504():
    scene, user, link = start()
    request = link.ask(user, 1, 'NotificationWait', WAIT)
    end = link.page(61, request.stream, 504)
    _, r2 = link.wait(user, 62, 70)
    _, fetched = link.fetch(user, 70.1)
    return (scene, Story({end: CUT, r2: EVENT}, {fetched: r2}, may_warn=CO + HF))


@CASES
def j_504_headers_only():
    scene, user, link = start()
    request = link.ask(user, 1, 'NotificationWait', WAIT)
    end = link.page(61, request.stream, 504, '')
    _, r2 = link.wait(user, 62, 70)
    _, fetched = link.fetch(user, 70.1)
    return (scene, Story({end: CUT, r2: EVENT}, {fetched: r2}, may_warn=CO + HF))


@CASES
def j_503_fetch():
    scene, user, link = start()
    _, answered = link.wait(user, 1, 20)
    f = link.ask(user, 20.1, 'Execute', execute(NOTHING))
    link.page(20.2, f.stream, 503)
    _, fetched = link.fetch(user, 25)
    return (scene, Story({answered: EVENT}, {fetched: answered}, attempts={fetched: 1}, may_warn=HF))


@CASES
def j_503_fetch_headers_only():
    scene, user, link = start()
    _, answered = link.wait(user, 1, 20)
    f = link.ask(user, 20.1, 'Execute', execute(NOTHING))
    link.page(20.2, f.stream, 503, '')
    _, fetched = link.fetch(user, 25)
    return (scene, Story({answered: EVENT}, {fetched: answered}, attempts={fetched: 1}, may_warn=HF))


@CASES
def j_rst_fetch():
    """REFUSED_STREAM for the fetch: repeated"""
    scene, user, link = start()
    _, answered = link.wait(user, 1, 20)
    f = link.ask(user, 20.1, 'Execute', execute(NOTHING))
    link.c.send(20.11, DOWN, frame(RST_STREAM, f.stream, struct.pack('>I', 7)))
    _, fetched = link.fetch(user, 20.2, again=True)
    return (scene, Story({answered: EVENT}, {fetched: answered}, attempts={fetched: 1}, may_warn=CO))


@CASES
def j_401():
    scene = Scene()
    user = User()
    link = H2(scene, 0)
    f = link.ask(user, 0.05, 'Connect', b'')
    link.page(0.06, f.stream, 401, '', [('www-authenticate', 'Bearer')])
    link.open(user, 0.1)
    request = link.ask(user, 1, 'NotificationWait', WAIT)
    link.page(1.1, request.stream, 401, '', [('www-authenticate', 'Bearer error=invalid_token')])
    request, answered = link.wait(user, 1.2, 20)
    f = link.ask(user, 20.1, 'Execute', execute(NOTHING))
    link.page(20.2, f.stream, 401, 'x', [('www-authenticate', 'Bearer')])
    _, fetched = link.fetch(user, 20.3, again=True)
    return (scene, Story({answered: EVENT}, {fetched: answered}, attempts={fetched: 1}))


@CASES
def j_trailers():
    scene, user, link = start()
    request = link.openwait(user, 1)
    link.data(20, request.stream, DONE + waited(1))
    answered = link.c.send(20.001, DOWN, frame(HEADERS, request.stream, block([('x-took', '3')]), END_HEADERS | END_STREAM))
    _, fetched = link.fetch(user, 20.1)
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def j_empty_data_end():
    """END_STREAM on an empty DATA frame of its own"""
    scene, user, link = start()
    request = link.openwait(user, 1)
    link.data(20, request.stream, DONE + waited(1))
    answered = link.data(20.001, request.stream, b'', END_STREAM)
    f = link.ask(user, 20.1, 'Execute', execute(NOTHING))
    link.head(user, 20.11, f.stream, 'Execute')
    link.data(20.12, f.stream, PROCESSING + DONE + executed(mail()))
    fetched = link.data(20.13, f.stream, b'', END_STREAM)
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def j_continuation():
    scene, user, link = start()
    link.n += 2
    b = block(link.q_headers(user, 'NotificationWait', WAIT))
    link.c.send(1, UP, frame(HEADERS, link.n, b[:40], 0) + frame(CONTINUATION, link.n, b[40:90], 0) + frame(CONTINUATION,
        link.n, b[90:], END_HEADERS) + frame(DATA, link.n, WAIT, END_STREAM))
    n = link.n
    a = block(link.a_headers(user, 'NotificationWait'))
    link.c.send(1.1, DOWN, frame(HEADERS, n, a[:20], 0))
    link.c.send(1.11, DOWN, frame(CONTINUATION, n, a[20:], END_HEADERS))
    link.data(1.12, n, PROCESSING)
    answered = link.data(20, n, DONE + waited(1), END_STREAM)
    _, fetched = link.fetch(user, 20.1)
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def j_padding_priority():
    scene, user, link = start()
    link.n += 2
    n = link.n
    b = block(link.q_headers(user, 'NotificationWait', WAIT))
    link.c.send(1, UP, frame(HEADERS, n, b'\x05' + struct.pack('>IB', 0, 15) + b + bytes(5),
        END_HEADERS | PADDED | PRIORITY) + frame(DATA, n, b'\t' + WAIT + bytes(9), END_STREAM | PADDED))
    link.head(user, 1.05, n, 'NotificationWait')
    link.data(1.06, n, b'\x03' + PROCESSING + bytes(3), PADDED)
    answered = link.data(20, n, b'\x07' + DONE + waited(1) + bytes(7), END_STREAM | PADDED)
    _, fetched = link.fetch(user, 20.1)
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def j_cut_fin():
    scene, user, link = start()
    link.openwait(user, 1)
    end = link.c.end(61, DOWN)
    g = H2(scene, 62)
    _, r2 = g.wait(user, 63, 70)
    _, fetched = g.fetch(user, 70.1)
    return (scene, Story({end: (CUT, 2), r2: EVENT}, {fetched: r2}, may_warn=CO))


@CASES
def j_cut_device_ttl():
    scene, user, link = start()
    link.openwait(user, 1)
    end = link.c.end(61, DOWN, RST, ttl=254)
    return (scene, Story({end: (CUT, 3)}, may_warn=CO))


@CASES
def j_silent():
    scene, user, link = start()
    request = link.openwait(user, 1)
    g = H2(scene, 400)
    _, r2 = g.wait(user, 401, 420)
    _, fetched = g.fetch(user, 420.1)
    return (scene, Story({request: ABANDONED, r2: EVENT}, {fetched: r2}, may_warn=CO + ('oxcnotif.wait.abandoned',)))


@CASES
def j_interleaved_small():
    """DATA of wait and fetch interleaved in one segment"""
    scene, user, link = start()
    request = link.openwait(user, 1)
    f = link.ask(user, 19.9, 'Execute', execute(NOTHING))
    link.head(user, 20, f.stream, 'Execute')
    e = PROCESSING + DONE + executed(NOTHING)
    d = DONE + waited(1)
    answered = link.c.send(20.01, DOWN, frame(DATA, f.stream, e[:30]) + frame(DATA, request.stream, d[:20]) + frame(DATA,
        f.stream, e[30:], END_STREAM) + frame(DATA, request.stream, d[20:], END_STREAM))
    _, fetched = link.fetch(user, 20.1)
    return (scene, Story({answered: EVENT}, {fetched: answered}, may_warn=('rop.malformed',)))


@CASES
def j_body_in_segments():
    """a DATA frame in several TCP segments"""
    scene, user, link = start()
    request = link.openwait(user, 1)
    answered = link.c.send(20, DOWN, frame(DATA, request.stream, DONE + waited(1), END_STREAM), size=31)
    f = link.ask(user, 20.1, 'Execute', execute(NOTHING))
    link.head(user, 20.11, f.stream, 'Execute')
    fetched = link.c.send(20.12, DOWN, frame(DATA, f.stream, PROCESSING + DONE + executed(mail()), END_STREAM), size=50)
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def j_indexed():
    """headers with incremental indexing: the second request refers to the table"""
    scene = Scene()
    user = User()
    link = H2(scene, 0)
    table = []

    def coded(hs):
        out = b''
        for n, v in hs:
            if (n, v) in table:
                i = 61 + len(table) - table.index((n, v))
                out += bytes([128 | i])
            else:
                table.append((n, v))
                out += b'@' + literal(n) + literal(v)
        return out
    link.ask

    def ask(user, t, kind, body, **how):
        link.n += 2
        p = link.c.send(t, UP, frame(HEADERS, link.n, coded(link.q_headers(user, kind, body, **how)),
            END_HEADERS) + frame(DATA, link.n, body, END_STREAM))
        p.stream = link.n
        return p
    link.ask = ask
    link.open(user, 0.1)
    _, answered = link.wait(user, 1, 20)
    _, fetched = link.fetch(user, 20.1)
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def j_pings_windows():
    scene, user, link = start()
    request = link.openwait(user, 1)
    for i in range(10):
        link.c.send(10 + i * 10, DOWN, frame(PING, 0, bytes(8)))
        link.c.send(10.01 + i * 10, UP, frame(PING, 0, bytes(8), 1) + frame(WINDOW_UPDATE, 0, struct.pack('>I', 100)))
    answered = link.data(120, request.stream, PENDING + DONE + waited(1), END_STREAM)
    _, fetched = link.fetch(user, 120.1)
    return (scene, Story({answered: EVENT}, {fetched: answered}, may_warn=('mapihttp.no_pending',)))


@CASES
def j_gzip_body():
    import gzip
    scene, user, link = start()
    request = link.ask(user, 1, 'NotificationWait', WAIT)
    hd = link.a_headers(user, 'NotificationWait') + [('content-encoding', 'gzip')]
    link.c.send(1.05, DOWN, frame(HEADERS, request.stream, block(hd), END_HEADERS))
    answered = link.data(20, request.stream, gzip.compress(PROCESSING + DONE + waited(1)), END_STREAM)
    f = link.ask(user, 20.1, 'Execute', execute(NOTHING))
    hd = link.a_headers(user, 'Execute') + [('content-encoding', 'gzip')]
    link.c.send(20.12, DOWN, frame(HEADERS, f.stream, block(hd), END_HEADERS))
    fetched = link.data(20.15, f.stream, gzip.compress(PROCESSING + DONE + executed(mail())), END_STREAM)
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def j_h2_front_h1_back():
    """nginx/Envoy: HTTP/2 to the client, HTTP/1.1 to the server, both captured"""
    scene = Scene()
    user = User()
    link = H2(scene, 0, server=PROXY)
    b = scene.tcp(0.01, client=PROXY)
    b2 = scene.tcp(0.02, client=PROXY)
    v = User()

    def both(t, kind, body, answer, back, after=0.01):
        request = link.ask(user, t, kind, body)
        v.connected = user.connected
        v.sequence = user.sequence
        v.ask(back, t + 0.0003, kind, body)
        rb = v.answer(back, t + 0.02, kind, answer, after)
        user.sequence = v.sequence - 1
        link.head(user, t + 0.0203, request.stream, kind)
        link.data(t + 0.0208, request.stream, PROCESSING)
        return (request, link.data(t + 0.02 + after + 0.0003, request.stream, DONE + answer, END_STREAM), rb)
    both(0.1, 'Connect', CONNECT, CONNECTED, b)
    user.connected = True
    both(0.2, 'Execute', execute(SUBSCRIBE), executed(subscribed()), b)
    request, _, rb = both(1, 'NotificationWait', WAIT, waited(1), b2, 19)
    _, _, fb = both(20.1, 'Execute', execute(NOTHING), executed(mail()), b)
    return (scene, Story({rb: EVENT}, {fb: rb}, sessions=1))


@CASES
def j_1xx_103():
    scene, user, link = start()
    request = link.ask(user, 1, 'NotificationWait', WAIT)
    link.c.send(1.01, DOWN, frame(HEADERS, request.stream, block([(':status', '103'), ('link', '</a>')]), END_HEADERS))
    answered = link.answer(user, 1.05, request.stream, 'NotificationWait', waited(1), 19)
    _, fetched = link.fetch(user, 20.1)
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def j_late_start():
    """capture begins after the preface: on the port of HTTP/2 nothing can be known; no nonsense"""
    scene, user, link = start()
    link.wait(user, 1, 20)
    link.fetch(user, 20.1)
    scene.packets = [p for p in scene.packets if p.time > 0.9]
    return (scene, Story({}, sessions=None, may_warn=()))


@CASES
def j_h2c_upgrade():
    """HTTP/1.1 Upgrade: h2c"""
    scene = Scene()
    user = User()
    c = scene.tcp(0)
    c.send(0.01, UP,
        b'OPTIONS / HTTP/1.1\r\nHost: mail.x.test\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n')
    c.send(0.02, DOWN, b'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n')
    link = H2.__new__(H2)
    link.c = c
    link.n = 1
    c.send(0.03, UP, PREFACE + frame(SETTINGS, 0))
    c.send(0.04, DOWN, frame(SETTINGS, 0))
    link.open(user, 0.1)
    _, answered = link.wait(user, 1, 20)
    _, fetched = link.fetch(user, 20.1)
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@pytest.mark.parametrize("two_pass", [False, True], ids=["one-pass", "two-passes"])
@pytest.mark.parametrize("name", CASES)
def test_right_story_is_told(tshark, name: str, two_pass: bool):
    scene, right = CASES[name]()
    assert compare(scene, right, name, two_pass) == []
