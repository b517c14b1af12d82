# SPDX-License-Identifier: GPL-2.0-or-later
"""RPC over HTTP through explicit proxies, and what else the ports of RPC show."""

from __future__ import annotations

import uuid

import pytest
import rpch_streams as pdus
import rpc_streams as rpc
from scene import DOWN, NOTHING, PAGE, PROXY, Scene, UP, head, refusal
from scene_rpc import Line, answer, ask, bindasync, both, cxh, fetch, openrpc, rpchline, tcpline
from story import CO, CUT, Cases, EVENT, Story, compare

CASES = Cases()


def explicit(scene, t, n, port, connect):
    i = scene.tcp(t, server=PROXY, port=port)
    o = scene.tcp(t + 0.001, server=PROXY, port=port)
    vc = uuid.UUID(int=1000 + n)
    pre = '' if connect else 'http://mail.x.test'
    if connect:
        for c in (o, i):
            c.send(t + 0.005, UP, b'CONNECT mail.x.test:80 HTTP/1.1\r\nHost: mail.x.test:80\r\n\r\n')
            c.send(t + 0.006, DOWN, b'HTTP/1.1 200 Connection established\r\n\r\n')

    def req(calls, line):
        return head(f'{calls} {pre}/rpc/rpcproxy.dll?ex:6001 HTTP/1.1',
            {'Accept': 'application/rpc', 'User-Agent': 'MSRPC', 'Host': 'mail.x.test', 'Content-Length': str(line)})
    o.send(t + 0.01, UP, req('RPC_OUT_DATA', 76) + pdus.conn_a1(vc))
    i.send(t + 0.011, UP, req('RPC_IN_DATA', 1073741824))
    i.send(t + 0.012, UP, pdus.conn_b1(vc))
    o.send(t + 0.02, DOWN, head('HTTP/1.1 200 Success', {'Content-Type': 'application/rpc',
        'Content-Length': '1073741824'}))
    o.send(t + 0.021, DOWN, pdus.CONN_A3)
    o.send(t + 0.03, DOWN, pdus.CONN_C2)
    line = Line(lambda t, d: i.send(t, UP, d), lambda t, d: o.send(t, DOWN, d))
    line.i, line.o = (i, o)
    return line


def explicit_case(port, connect):
    scene = Scene()
    calls = explicit(scene, 0, 1, port, connect)
    waits = explicit(scene, 0.5, 2, port, connect)
    openrpc(calls, 0.1)
    bindasync(waits, 0.6)
    ask(waits, 1, 2)
    answered = answer(waits, 20, 2)
    _, fetched = fetch(calls, 20.1, 5)
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def r_v1_one_connection():
    """RPC over HTTP v1 behind the proxy: one connection with the banner, no RTS"""
    scene = Scene()

    def line(t):
        c = scene.tcp(t, client=PROXY, port=6001)
        c.send(t + 0.01, DOWN, b'ncacn_http/1.0')
        return Line(lambda t, d: c.send(t, UP, d), lambda t, d: c.send(t, DOWN, d))
    calls, waits = (line(0), line(0.5))
    openrpc(calls, 0.1)
    bindasync(waits, 0.6)
    ask(waits, 1, 2)
    answered = answer(waits, 20, 2)
    _, fetched = fetch(calls, 20.1, 5)
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def r_explicit_proxy_8080():
    return explicit_case(8080, False)


@CASES
def r_explicit_proxy_3128():
    return explicit_case(3128, False)


@CASES
def r_port_81():
    scene = Scene()
    calls = rpchline(scene, 0, n=1, port=81)
    waits = rpchline(scene, 0.5, n=2, port=81)
    openrpc(calls, 0.1)
    bindasync(waits, 0.6)
    ask(waits, 1, 2)
    answered = answer(waits, 20, 2)
    _, fetched = fetch(calls, 20.1, 5)
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def r_html_answer():
    """OUT answered with a login page (200 text/html)"""
    scene = Scene()
    o = scene.tcp(0)
    scene.tcp(0.001)
    o.send(0.01, UP, head('RPC_OUT_DATA /rpc/rpcproxy.dll?ex:6001 HTTP/1.1',
        {'Accept': 'application/rpc', 'Host': 'x', 'Content-Length': '76'}) + pdus.conn_a1(uuid.UUID(int=5)))
    o.send(0.02, DOWN, refusal('200 OK', PAGE))
    calls = rpchline(scene, 5, n=1)
    waits = rpchline(scene, 5.5, n=2)
    openrpc(calls, 5.1)
    bindasync(waits, 5.6)
    ask(waits, 6, 2)
    answered = answer(waits, 20, 2)
    _, fetched = fetch(calls, 20.1, 5)
    return (scene, Story({answered: EVENT}, {fetched: answered},
        may_warn=('rpch.failed', 'rpch.http_failure', 'rpch.status')))


@CASES
def r_in_answered_by_error():
    """the IN channel gets an HTTP answer (503) while a wait is open, then FIN: the wait is cut"""
    scene, calls, waits = both(rpchline)
    ask(waits, 1, 2)
    waits.i.send(61, DOWN, refusal('503 Service Unavailable', PAGE, Connection='close'))
    end = waits.i.end(61.01, DOWN)
    waits.o.end(61.02, DOWN)
    v = rpchline(scene, 62, n=3)
    bindasync(v, 62.1)
    ask(v, 63, 2)
    answered = answer(v, 80, 2)
    _, fetched = fetch(calls, 80.1, 5)
    return (scene, Story({end: (CUT, 2), answered: EVENT}, {fetched: answered},
        may_warn=CO + ('emsmdb.cut_off', 'rpch.failed')))


@CASES
def t_fetch_port_reset_silent():
    """call lost silently: client opens a new association and repeats the fetch"""
    scene, calls, waits = both(tcpline)
    ask(waits, 1, 2)
    answered = answer(waits, 20, 2)
    calls.up(20.1, pdus.request(5, 11, rpc.rpc_request(cxh(1), NOTHING)))
    v = tcpline(scene, 50)
    v.up(50.1, rpc.bind(1, rpc.EMSMDB))
    v.down(50.11, rpc.bind_ack(1))
    _, fetched = fetch(v, 50.2, 2)
    return (scene, Story({answered: EVENT}, {fetched: answered}, may_warn=('oxcnotif.followup.slow',)))


@CASES
def t_wait_answered_after_half_close():
    scene, calls, waits = both(tcpline)
    ask(waits, 1, 2)
    answered = answer(waits, 20, 2)
    waits.tcp.end(20.01, UP)
    _, fetched = fetch(calls, 20.1, 5)
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def t_epm_then_random_port():
    scene = Scene()
    calls = tcpline(scene, 0, port=59532)
    waits = tcpline(scene, 0.5, port=59532)
    openrpc(calls, 0.1)
    bindasync(waits, 0.6)
    ask(waits, 1, 2)
    answered = answer(waits, 20, 2)
    _, fetched = fetch(calls, 20.1, 5)
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@pytest.mark.parametrize("two_pass", [False, True], ids=["one-pass", "two-passes"])
@pytest.mark.parametrize("name", CASES)
def test_right_story_is_told(tshark, name: str, two_pass: bool):
    scene, right = CASES[name]()
    assert compare(scene, right, name, two_pass) == []
