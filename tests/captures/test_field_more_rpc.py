# SPDX-License-Identifier: GPL-2.0-or-later
"""Waits of RPC over TCP and over HTTP, and how they are cut off."""

from __future__ import annotations

import struct
import uuid

import pytest
import rpch_streams as pdus
import rpc_streams as rpc
from scene import ACK, DOWN, FIN, NOTHING, PROXY, RST, SUBSCRIBE, Scene, UP, head, mail, refusal, subscribed, u32
from scene_rpc import ACXH, Line, answer, ask, bindasync, both, cxh, fault, fetch, openrpc, rpchline, tcpline
from story import ABANDONED, CO_RPC, CUT, Cases, EVENT, REFUSED, Story, compare

CASES = Cases()


def cut(channel, way, flags, closer, both_ends=True):

    def f():
        scene, calls, waits = both(rpchline)
        ask(waits, 1, 2)
        line = getattr(waits, channel)
        end = line.end(121, way, flags)
        if both_ends:
            (waits.o if channel == 'i' else waits.i).end(121.1, way, flags)
        v = rpchline(scene, 122, n=3)
        bindasync(v, 122.1)
        ask(v, 123, 2)
        answered = answer(v, 140, 2)
        _, fetched = fetch(calls, 140.1, 5)
        return (scene, Story({end: (CUT, closer), answered: EVENT}, {fetched: answered}, may_warn=CO_RPC))
    return f


for ch in 'io':
    for way, wn in ((UP, 'client'), (DOWN, 'server')):
        for fl, fn in ((FIN | ACK, 'fin'), (RST | ACK, 'rst')):
            for be in (True, False):
                CASES[f"b_{('in' if ch == 'i' else 'out')}_{wn}_{fn}{('' if be else '_alone')}"] = cut(ch, way, fl,
                    1 if way == UP else 2, be)


@CASES
def r_plain():
    scene, calls, waits = both(rpchline)
    ask(waits, 1, 2)
    answered = answer(waits, 20, 2)
    _, fetched = fetch(calls, 20.1, 5)
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def r_plain_tcp():
    scene, calls, waits = both(tcpline)
    ask(waits, 1, 2)
    answered = answer(waits, 20, 2)
    _, fetched = fetch(calls, 20.1, 5)
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def b_device_ttl():
    scene, _, waits = both(rpchline)
    ask(waits, 1, 2)
    end = waits.o.end(61, DOWN, RST, ttl=255)
    waits.i.end(61.01, UP)
    return (scene, Story({end: (CUT, 3)}, may_warn=CO_RPC))


@CASES
def b_chunked_cut():
    scene = Scene()
    calls = rpchline(scene, 0, n=1, chunked=True)
    waits = rpchline(scene, 0.5, n=2, chunked=True)
    openrpc(calls, 0.1)
    bindasync(waits, 0.6)
    ask(waits, 1, 2)
    end = waits.o.end(61, DOWN)
    return (scene, Story({end: (CUT, 2)}, may_warn=CO_RPC))


@CASES
def b_one_connection_for_all():
    """EMSMDB and AsyncEMSMDB share one virtual connection; the cut ends both"""
    scene = Scene()
    calls = rpchline(scene, 0)
    calls.up(0.1, rpc.bind(1, rpc.EMSMDB, rpc.ASYNCEMSMDB))
    calls.down(0.11, rpc.bind_ack(1, 2))
    calls.up(0.2, pdus.request(2, 10, rpc.connect_request()))
    calls.down(0.21, pdus.response(2, rpc.connect_response(cxh(1))))
    calls.up(0.3, pdus.request(3, 11, rpc.rpc_request(cxh(1), SUBSCRIBE)))
    calls.down(0.31, pdus.response(3, rpc.rpc_response(cxh(1), subscribed())))
    calls.up(0.4, pdus.request(4, 14, cxh(1)))
    calls.down(0.41, pdus.response(4, ACXH + u32(0)))
    calls.up(1, pdus.pdu(0, 5, struct.pack('<IHH', 24, 1, 0) + ACXH + u32(0)))
    end = calls.o.end(121, DOWN, RST | ACK)
    return (scene, Story({end: (CUT, 2)}, may_warn=CO_RPC))


@CASES
def b_disconnect_then_close():
    scene, calls, waits = both(rpchline)
    ask(waits, 1, 2)
    calls.up(10, pdus.request(6, 1, cxh(1)))
    calls.down(10.01, pdus.response(6, bytes(20) + u32(0)))
    waits.o.end(10.1, UP)
    waits.i.end(10.11, UP)
    calls.i.end(10.2, UP)
    calls.o.end(10.21, UP)
    return (scene, Story({}, may_warn=()))


@CASES
def b_disconnect_answers_wait():
    """EcDoDisconnect lets the server complete the wait with an error (0x3ED? ecNullObject) and closes"""
    scene, calls, waits = both(tcpline)
    ask(waits, 1, 2)
    calls.up(10, pdus.request(6, 1, cxh(1)))
    answered = answer(waits, 10.005, 2, 0, 2147746069)
    calls.down(10.01, pdus.response(6, bytes(20) + u32(0)))
    waits.tcp.end(10.1, UP)
    return (scene, Story({answered: REFUSED}, may_warn=('oxcnotif.wait.rejected', 'emsmdb.return_value',
        'asyncemsmdb.return_value')))


@CASES
def b_out_503():
    """RPC_OUT_DATA answered 503; later works"""
    scene = Scene()
    o = scene.tcp(0)
    i = scene.tcp(0.001)
    o.send(0.01, UP, head('RPC_OUT_DATA /rpc/rpcproxy.dll?ex:6001 HTTP/1.1',
        {'Accept': 'application/rpc', 'Host': 'x', 'Content-Length': '76'}) + pdus.conn_a1(uuid.UUID(int=5)))
    i.send(0.011, UP, head('RPC_IN_DATA /rpc/rpcproxy.dll?ex:6001 HTTP/1.1',
        {'Accept': 'application/rpc', 'Host': 'x', 'Content-Length': '1073741824'}))
    i.send(0.012, UP, pdus.conn_b1(uuid.UUID(int=5)))
    o.send(0.02, DOWN, head('HTTP/1.1 503 RPC Error: 6ba', {'Content-Length': '0'}))
    o.end(0.03, DOWN)
    i.end(0.04, DOWN, RST | ACK)
    calls = rpchline(scene, 5, n=1)
    waits = rpchline(scene, 5.5, n=2)
    openrpc(calls, 5.1)
    bindasync(waits, 5.6)
    ask(waits, 6, 2)
    answered = answer(waits, 20, 2)
    _, fetched = fetch(calls, 20.1, 5)
    return (scene, Story({answered: EVENT}, {fetched: answered},
        may_warn=('rpch.failed', 'rpch.http_failure', 'rpch.status')))


PAGE401 = '<html>You are not authorized</html>'


@CASES
def b_ntlm_legs():
    scene = Scene()
    T1 = 'NTLM TlRMTVNTUAABAAAAB4IIogAAAAAAAAAAAAAAAAAAAAAKAGFKAAAADw=='
    T2 = 'NTLM TlRMTVNTUAACAAAAAAAAADgAAAAFgomi/I/5gs5+wE4AAAAAAAAAAAAAAAA4AAAACgBjRQAAAA8='

    def line(t, n):
        i = scene.tcp(t)
        o = scene.tcp(t + 0.001)
        vc = uuid.UUID(int=1000 + n)
        for c, calls, d in ((o, 'RPC_OUT_DATA', 0), (i, 'RPC_IN_DATA', 0.001)):
            h = {'Accept': 'application/rpc', 'User-Agent': 'MSRPC', 'Host': 'mail.x.test', 'Content-Length': '0'}
            c.send(t + 0.01 + d, UP, head(f'{calls} /rpc/rpcproxy.dll?ex:6001 HTTP/1.1', h))
            c.send(t + 0.02 + d, DOWN, refusal('401 Unauthorized', PAGE401, WWW_Authenticate='NTLM'))
            c.send(t + 0.03 + d, UP, head(f'{calls} /rpc/rpcproxy.dll?ex:6001 HTTP/1.1', {**h, 'Authorization': T1}))
            c.send(t + 0.04 + d, DOWN, refusal('401 Unauthorized', PAGE401, WWW_Authenticate=T2))
            h['Authorization'] = 'NTLM TlRMTVNTUAADAAAA'
            h['Content-Length'] = '76' if c is o else '1073741824'
            c.send(t + 0.05 + d, UP, head(f'{calls} /rpc/rpcproxy.dll?ex:6001 HTTP/1.1',
                h) + (pdus.conn_a1(vc) if c is o else b''))
        i.send(t + 0.06, UP, pdus.conn_b1(vc))
        o.send(t + 0.07, DOWN, head('HTTP/1.1 200 Success', {'Content-Type': 'application/rpc',
            'Content-Length': '1073741824'}))
        o.send(t + 0.071, DOWN, pdus.CONN_A3)
        o.send(t + 0.072, DOWN, pdus.CONN_C2)
        line = Line(lambda t, d: i.send(t, UP, d), lambda t, d: o.send(t, DOWN, d))
        line.i, line.o = (i, o)
        return line
    calls = line(0, 1)
    waits = line(0.5, 2)
    openrpc(calls, 0.2)
    bindasync(waits, 0.7)
    ask(waits, 1, 2)
    answered = answer(waits, 20, 2)
    _, fetched = fetch(calls, 20.1, 5)
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def b_ping_between():
    """RTS pings and FlowControlAck on both channels while waiting"""
    scene, calls, waits = both(rpchline)
    ask(waits, 1, 2)
    for t in (60, 120, 180):
        waits.down(t, pdus.rts(pdus.PING))
        waits.up(t + 1, pdus.rts(pdus.PING))
    answered = answer(waits, 200, 2)
    _, fetched = fetch(calls, 200.1, 5)
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def t_cut_rst():
    scene, calls, waits = both(tcpline)
    ask(waits, 1, 2)
    end = waits.tcp.end(60, DOWN, RST | ACK)
    v = tcpline(scene, 61)
    bindasync(v, 61.1)
    ask(v, 62, 2)
    answered = answer(v, 80, 2)
    _, fetched = fetch(calls, 80.1, 5)
    return (scene, Story({end: (CUT, 2), answered: EVENT}, {fetched: answered}, may_warn=CO_RPC))


@CASES
def t_silent():
    scene, calls, waits = both(tcpline)
    request = ask(waits, 1, 2)
    v = tcpline(scene, 361)
    bindasync(v, 361.1)
    ask(v, 362, 2)
    answered = answer(v, 380, 2)
    _, fetched = fetch(calls, 380.1, 5)
    return (scene, Story({request: ABANDONED, answered: EVENT}, {fetched: answered}, may_warn=('oxcnotif.wait.abandoned',)))


@CASES
def r_silent():
    scene, calls, waits = both(rpchline)
    request = ask(waits, 1, 2)
    v = rpchline(scene, 361, n=3)
    bindasync(v, 361.1)
    ask(v, 362, 2)
    answered = answer(v, 380, 2)
    _, fetched = fetch(calls, 380.1, 5)
    return (scene, Story({request: ABANDONED, answered: EVENT}, {fetched: answered}, may_warn=('oxcnotif.wait.abandoned',)))


@CASES
def t_fetch_reset():
    scene, calls, waits = both(tcpline)
    ask(waits, 1, 2)
    answered = answer(waits, 20, 2)
    calls.up(20.1, pdus.request(5, 11, rpc.rpc_request(cxh(1), NOTHING)))
    calls.tcp.end(20.2, DOWN, RST | ACK)
    v = tcpline(scene, 20.3)
    v.up(20.4, rpc.bind(1, rpc.EMSMDB))
    v.down(20.41, rpc.bind_ack(1))
    _, fetched = fetch(v, 20.5, 2)
    return (scene, Story({answered: EVENT}, {fetched: answered}, attempts={fetched: 1}, may_warn=('emsmdb.cut_off',)))


@CASES
def r_fetch_reset():
    scene, calls, waits = both(rpchline)
    ask(waits, 1, 2)
    answered = answer(waits, 20, 2)
    calls.up(20.1, pdus.request(5, 11, rpc.rpc_request(cxh(1), NOTHING)))
    calls.o.end(20.2, DOWN, RST | ACK)
    calls.i.end(20.21, DOWN, RST | ACK)
    v = rpchline(scene, 20.3, n=3)
    v.up(20.4, rpc.bind(1, rpc.EMSMDB))
    v.down(20.41, rpc.bind_ack(1))
    _, fetched = fetch(v, 20.5, 2)
    return (scene, Story({answered: EVENT}, {fetched: answered}, attempts={fetched: 1}, may_warn=('emsmdb.cut_off',)))


@CASES
def t_busy_fault():
    scene, calls, waits = both(tcpline)
    ask(waits, 1, 2)
    answered = answer(waits, 20, 2)
    calls.up(20.1, pdus.request(5, 11, rpc.rpc_request(cxh(1), NOTHING)))
    calls.down(20.11, fault(5, 1723))
    _, fetched = fetch(calls, 25, 6)
    return (scene, Story({answered: EVENT}, {fetched: answered}, attempts={fetched: 1},
        may_warn=('emsmdb.return_value', 'emsmdb.fault')))


@CASES
def t_busy_value():
    scene, calls, waits = both(tcpline)
    ask(waits, 1, 2)
    answered = answer(waits, 20, 2)
    calls.up(20.1, pdus.request(5, 11, rpc.rpc_request(cxh(1), NOTHING)))
    calls.down(20.11, pdus.response(5, rpc.rpc_response(cxh(1), b'', 1723)))
    _, fetched = fetch(calls, 25, 6)
    return (scene, Story({answered: EVENT}, {fetched: answered}, attempts={fetched: 1},
        may_warn=('emsmdb.return_value', 'emsmdb.fault')))


@CASES
def t_busy_wait():
    scene, calls, waits = both(tcpline)
    ask(waits, 1, 2)
    r0 = answer(waits, 1.1, 2, 0, 1723)
    ask(waits, 6, 3)
    answered = answer(waits, 20, 3)
    _, fetched = fetch(calls, 20.1, 5)
    return (scene, Story({r0: REFUSED, answered: EVENT}, {fetched: answered},
        may_warn=('emsmdb.return_value', 'oxcnotif.wait.rejected', 'asyncemsmdb.return_value')))


@CASES
def t_wait_fault():
    scene, calls, waits = both(tcpline)
    ask(waits, 1, 2)
    r0 = waits.down(1.1, fault(2, 469827604))
    ask(waits, 6, 3)
    answered = answer(waits, 20, 3)
    _, fetched = fetch(calls, 20.1, 5)
    return (scene, Story({r0: REFUSED, answered: EVENT}, {fetched: answered},
        may_warn=('emsmdb.return_value', 'oxcnotif.wait.rejected')))


@CASES
def t_two_servers_equal_handles():
    scene = Scene()
    calls = tcpline(scene, 0)
    waits = tcpline(scene, 0.5)
    m2 = tcpline(scene, 0.01, client='10.1.0.6', server='10.9.0.2')
    w2 = tcpline(scene, 0.51, client='10.1.0.6', server='10.9.0.2')
    openrpc(calls, 0.1)
    openrpc(m2, 0.1005, user='/o=x/cn=bert')
    bindasync(waits, 0.6)
    bindasync(w2, 0.6005)
    ask(waits, 1, 2)
    ask(w2, 1.01, 2)
    answered = answer(waits, 20, 2)
    r2 = answer(w2, 20.01, 2)
    _, fr2 = fetch(m2, 20.1, 5)
    _, fetched = fetch(calls, 20.2, 5)
    return (scene, Story({answered: EVENT, r2: EVENT}, {fetched: answered, fr2: r2}, sessions=2))


@CASES
def r_two_proxied_users_through_one_address():
    scene = Scene()
    calls = rpchline(scene, 0, n=1, client=PROXY)
    waits = rpchline(scene, 0.5, n=2, client=PROXY)
    m2 = rpchline(scene, 0.01, n=3, client=PROXY)
    w2 = rpchline(scene, 0.51, n=4, client=PROXY)
    A2 = bytes(4) + uuid.UUID(int=2642).bytes_le
    openrpc(calls, 0.1)
    openrpc(m2, 0.1005, c=2, user='/o=x/cn=bert', acxh=A2)
    bindasync(waits, 0.6)
    bindasync(w2, 0.6005)
    ask(waits, 1, 2)
    ask(w2, 1.01, 2, A2)
    answered = answer(waits, 20, 2)
    r2 = answer(w2, 20.01, 2)
    _, fr2 = fetch(m2, 20.1, 5, c=2)
    _, fetched = fetch(calls, 20.2, 5)
    return (scene, Story({answered: EVENT, r2: EVENT}, {fetched: answered, fr2: r2}, sessions=2))


@CASES
def t_pipelined_pdus():
    """wait and two calls in one segment"""
    scene, calls, waits = both(tcpline)
    ask(waits, 1, 2)
    answered = answer(waits, 20, 2)
    calls.up(20.1, pdus.request(5, 11, rpc.rpc_request(cxh(1), NOTHING)) + pdus.request(6, 11, rpc.rpc_request(cxh(1), NOTHING)))
    fetched = calls.down(20.2, pdus.response(5, rpc.rpc_response(cxh(1), mail())) + pdus.response(6,
        rpc.rpc_response(cxh(1), NOTHING)))
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def t_orphaned():
    """the client cancels its wait (orphaned PDU) and connects anew"""
    scene, calls, waits = both(tcpline)
    request = ask(waits, 1, 2)
    waits.up(30, pdus.pdu(19, 2, b''))
    ask(waits, 31, 3)
    answered = answer(waits, 40, 3)
    _, fetched = fetch(calls, 40.1, 5)
    return (scene, Story({request: ABANDONED, answered: EVENT}, {fetched: answered}, may_warn=('oxcnotif.wait.abandoned',)))


@CASES
def r_recycled_out():
    """OUT channel recycling: old OUT connection closed with the wait open: no cut"""
    scene, calls, waits = both(rpchline)
    ask(waits, 1, 2)
    vc = uuid.UUID(int=1002)
    waits.down(100, pdus.rts(pdus.RECYCLE, struct.pack('<II', 13, 0)))
    o2 = scene.tcp(100.1)
    new = uuid.UUID(int=77)
    o2.send(100.11, UP, head('RPC_OUT_DATA /rpc/rpcproxy.dll?ex:6001 HTTP/1.1',
        {'Accept': 'application/rpc', 'Host': 'mail.x.test', 'Content-Length': '96'}) + pdus.rts(pdus.RECYCLE, pdus.VERSION,
        pdus.cookie(vc), pdus.cookie(uuid.UUID(int=1)), pdus.cookie(new), struct.pack('<II', 0, 65536)))
    o2.send(100.13, DOWN, head('HTTP/1.1 200 Success', {'Content-Type': 'application/rpc', 'Content-Length': '1073741824'}))
    waits.down(100.14, pdus.rts(pdus.RECYCLE, struct.pack('<II', 13, 0)))
    waits.up(100.15, pdus.rts(0, struct.pack('<II', 13, 2), pdus.cookie(new)))
    waits.down(100.16, pdus.rts(0, struct.pack('<I', 8)[:4])) if False else None
    waits.o.end(100.3, DOWN)
    answered = o2.send(120, DOWN, pdus.response(2, u32(1, 0)))
    _, fetched = fetch(calls, 120.1, 5)
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@pytest.mark.parametrize("two_pass", [False, True], ids=["one-pass", "two-passes"])
@pytest.mark.parametrize("name", CASES)
def test_right_story_is_told(tshark, name: str, two_pass: bool):
    scene, right = CASES[name]()
    assert compare(scene, right, name, two_pass) == []
