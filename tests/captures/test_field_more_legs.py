# SPDX-License-Identifier: GPL-2.0-or-later
"""Who ended a wait, packets that were captured twice, and both sides of a proxy."""

from __future__ import annotations

import gzip

import pytest
from scene import (ACK, CONNECT, CONNECTED, DISCONNECT, DISCONNECTED, DONE, DOWN, FIN, LAST_CHUNK, NOTHING, PAGE,
                   PROCESSING, RST, SUBSCRIBE, Scene, UP, User, WAIT, chunk, execute, executed, mail, openwait, refusal,
                   start, subscribed, waited)
from scene_legs import Pair, behind, http10, lbfetch, lbopen, lbwait, pairwise, relayed
from story import CO, CUT, Cases, EVENT, HF, Story, compare

CASES = Cases()


@CASES
def l_client_fin():
    scene, _, _, waits, _ = openwait()
    end = waits.end(10, UP)
    return (scene, Story({end: (CUT, 1)}, may_warn=CO))


@CASES
def l_client_rst():
    scene, _, _, waits, _ = openwait()
    end = waits.end(10, UP, RST)
    return (scene, Story({end: (CUT, 1)}, may_warn=CO))


@CASES
def l_server_fin():
    scene, _, _, waits, _ = openwait()
    end = waits.end(10, DOWN)
    return (scene, Story({end: (CUT, 2)}, may_warn=CO))


@CASES
def l_server_rst():
    scene, _, _, waits, _ = openwait()
    end = waits.end(10, DOWN, RST | ACK)
    return (scene, Story({end: (CUT, 2)}, may_warn=CO))


@CASES
def l_device_rst_ttl():
    scene, _, _, waits, _ = openwait()
    end = waits.end(10, DOWN, RST | ACK, ttl=255)
    return (scene, Story({end: (CUT, 3)}, may_warn=CO))


@CASES
def l_device_rst_both():
    """firewall resets both ends: an RST with the client's address to the server, and one with the server's to the client"""
    scene, _, _, waits, _ = openwait()
    end = waits.end(10, DOWN, RST | ACK, ttl=250)
    waits.end(10.00002, UP, RST | ACK, ttl=250)
    return (scene, Story({end: (CUT, 3)}, may_warn=CO))


@CASES
def l_disconnect_rst():
    scene, user, calls, waits, _ = openwait()
    user.ask(calls, 10, 'Disconnect', DISCONNECT)
    user.answer(calls, 10.01, 'Disconnect', DISCONNECTED)
    waits.end(10.1, UP, RST | ACK)
    calls.end(10.11, UP)
    return (scene, Story({}, may_warn=()))


@CASES
def l_disconnect_server_closes():
    scene, user, calls, waits, _ = openwait()
    user.ask(calls, 10, 'Disconnect', DISCONNECT)
    user.answer(calls, 10.01, 'Disconnect', DISCONNECTED)
    waits.end(10.1, DOWN, FIN | ACK)
    return (scene, Story({}, may_warn=()))


@CASES
def l_disconnect_fin_before_answer():
    """Outlook closes the wait's connection first, Disconnect right after"""
    scene, user, calls, waits, _ = openwait()
    user.ask(calls, 10, 'Disconnect', DISCONNECT)
    waits.end(10.005, UP)
    user.answer(calls, 10.01, 'Disconnect', DISCONNECTED)
    calls.end(10.1, UP)
    return (scene, Story({}, may_warn=()))


@CASES
def l_tcp_keepalive_then_rst():
    """client's keepalives unanswered, then the client's RST"""
    scene, _, _, waits, _ = openwait()
    for i in range(5):
        waits.seq[0] -= 1
        waits.segment(61 + i, UP, b'\x00')
        waits.seq[0] += 1
    end = waits.end(70, UP, RST | ACK)
    return (scene, Story({end: (CUT, 1)}, may_warn=CO))


@CASES
def l_rst_after_answer():
    scene, user, calls, waits = start()
    _, answered = user.wait(waits, 1, 20)
    waits.end(20.01, UP, RST | ACK)
    _, fetched = user.fetch(calls, 20.1)
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def l_idle_close_no_wait():
    scene, _, calls, waits = start()
    calls.end(5, DOWN)
    waits.end(6, UP, RST)
    return (scene, Story({}))


@CASES
def k_lb_plain():
    scene, user, calls, waits = start()
    _, answered = user.wait(waits, 1, 20, pings=(15,))
    _, fetched = user.fetch(calls, 20.05)
    relayed(scene, delay=5e-05)
    rb, fb = (behind(scene, answered, 5e-05), behind(scene, fetched, 5e-05))
    return (scene, Story({rb: EVENT}, {fb: rb}, sessions=1))


@CASES
def k_span_vlan():
    """the same packets again with a VLAN tag, 3 us later"""
    scene, user, calls, waits = start()
    _, answered = user.wait(waits, 1, 20, pings=(15,))
    _, fetched = user.fetch(calls, 20.05)
    for p in list(scene.packets):
        scene.packet(p.time + 3e-06, p.data[:12] + b'\x81\x00\x00\n' + p.data[12:])
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def k_span_cut_twice():
    scene, _, _, waits, _ = openwait()
    end = waits.end(10, DOWN, RST | ACK)
    for p in list(scene.packets):
        scene.packet(p.time + 3e-06, p.data)
    return (scene, Story({end: (CUT, 2)}, may_warn=CO))


@CASES
def k_retransmitted_answer():
    """end of the wait's answer retransmitted (client's ACK lost)"""
    scene, user, calls, waits = start()
    _, answered = user.wait(waits, 1, 20)
    d = chunk(DONE + waited(1)) + LAST_CHUNK
    waits.seq[1] -= len(d)
    waits.send(20.3, DOWN, d)
    _, fetched = user.fetch(calls, 20.05)
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def k_retransmitted_fetch():
    scene, user, calls, waits = start()
    _, answered = user.wait(waits, 1, 20)
    _, fetched = user.fetch(calls, 20.05)
    n = len(fetched.data) - 54
    calls.seq[1] -= n
    calls.send(20.4, DOWN, fetched.data[54:])
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def k_lb_headers_added():
    scene = Scene()
    user = User()
    A, B = lbopen(scene, user)
    _, answered = lbwait(user, B, 1, 20)
    _, fetched = lbfetch(user, A, 20.1)
    return (scene, Story({answered: EVENT}, {fetched[0]: answered}))


@CASES
def k_lb_backport_81():
    scene = Scene()
    user = User()
    A, B = lbopen(scene, user, 81)
    _, answered = lbwait(user, B, 1, 20)
    _, fetched = lbfetch(user, A, 20.1)
    return (scene, Story({answered: EVENT}, {fetched[0]: answered}))


@CASES
def k_lb_cuts_front():
    """the LB closes the client's side after 60 s; its server side stays open, answered later"""
    scene = Scene()
    user = User()
    A, B = lbopen(scene, user)
    lbwait(user, B, 1)
    end = B.f.end(61, DOWN)
    B.b.end(61.5, UP, RST | ACK)
    C = Pair(scene, 62)
    _, answered2 = lbwait(user, C, 62.1, 70)
    _, fetched = lbfetch(user, A, 70.1)
    return (scene, Story({end: (CUT, 3), answered2: EVENT}, {fetched[0]: answered2}, may_warn=CO))


@CASES
def k_lb_504_front():
    scene = Scene()
    user = User()
    A, B = lbopen(scene, user)
    B.up(1, user.question('NotificationWait', WAIT))[0]
    end = B.f.send(61, DOWN, refusal('504 Gateway Time-out', PAGE))
    B.b.end(61.0001, UP)
    C = Pair(scene, 62)
    _, answered2 = lbwait(user, C, 62.1, 70)
    _, fetched = lbfetch(user, A, 70.1)
    return (scene, Story({end: (CUT, 3), answered2: EVENT}, {fetched[0]: answered2}, may_warn=CO + HF))


@CASES
def k_server_cuts_back():
    """the server closes; the LB passes it on as 502"""
    scene = Scene()
    user = User()
    A, B = lbopen(scene, user)
    B.up(1, user.question('NotificationWait', WAIT))[0]
    end = B.b.end(31, DOWN, RST | ACK)
    B.f.send(31.001, DOWN, refusal('502 Bad Gateway', PAGE))
    C = Pair(scene, 62)
    _, answered2 = lbwait(user, C, 62.1, 70)
    _, fetched = lbfetch(user, A, 70.1)
    return (scene, Story({end: (CUT, 2), answered2: EVENT}, {fetched[0]: answered2}, may_warn=CO + HF))


@CASES
def k_server_cuts_back_fin():
    """the server closes; the LB closes the client's side"""
    scene = Scene()
    user = User()
    A, B = lbopen(scene, user)
    lbwait(user, B, 1)
    end = B.b.end(31, DOWN)
    B.f.end(31.001, DOWN)
    C = Pair(scene, 62)
    _, answered2 = lbwait(user, C, 62.1, 70)
    _, fetched = lbfetch(user, A, 70.1)
    return (scene, Story({end: (CUT, 2), answered2: EVENT}, {fetched[0]: answered2}, may_warn=CO))


@CASES
def k_client_cuts_front():
    scene = Scene()
    user = User()
    A, B = lbopen(scene, user)
    lbwait(user, B, 1)
    end = B.f.end(31, UP)
    B.b.end(31.001, UP)
    C = Pair(scene, 62)
    _, answered2 = lbwait(user, C, 62.1, 70)
    _, fetched = lbfetch(user, A, 70.1)
    return (scene, Story({end: (CUT, 1), answered2: EVENT}, {fetched[0]: answered2}, may_warn=CO))


@CASES
def k_lb_back_mux():
    """LB reuses one server connection for both of the client's (wait on its own)"""
    scene = Scene()
    user = User()
    v = User('bert')
    A, B = lbopen(scene, user)
    _, answered = lbwait(user, B, 1, 20)
    C = Pair(scene, 2)
    C.b = A.b
    C.up(2.1, v.question('Connect', CONNECT.replace(b'anna', b'bert')))
    C.down(2.12, v.answer_head('Connect') + chunk(PROCESSING) + chunk(DONE + CONNECTED) + LAST_CHUNK)
    v.connected = True
    C.up(2.2, v.question('Execute', execute(SUBSCRIBE)))
    C.down(2.22, v.answer_head('Execute') + chunk(PROCESSING) + chunk(DONE + executed(subscribed())) + LAST_CHUNK)
    _, fetched = lbfetch(user, A, 20.1)
    return (scene, Story({answered: EVENT}, {fetched[0]: answered}, sessions=2))


@CASES
def k_nginx_http10_upstream():
    """front HTTP/1.1 chunked and buffered, back HTTP/1.0 closed; both captured"""
    scene = Scene()
    user = User()
    f = scene.tcp(0)
    f2 = scene.tcp(0.01)

    def one(t, kind, body, answer, link, after=0.02):
        d = user.question(kind, body)
        link.send(t, UP, d)
        c = scene.tcp(t + 0.0003, client='10.9.0.1', server='10.9.0.2')
        c.send(t + 0.001, UP, http10(d))
        hd = user.answer_head(kind, Transfer_Encoding=None, Connection='close')
        c.send(t + 0.01, DOWN, hd + PROCESSING)
        c.send(t + after, DOWN, DONE + answer)
        end = c.end(t + after + 0.0002, DOWN)
        link.send(t + after + 0.002, DOWN, hd.replace(b'Connection: close',
            b'Transfer-Encoding: chunked') + chunk(PROCESSING + DONE + answer) + LAST_CHUNK)
        return end
    one(0.1, 'Connect', CONNECT, CONNECTED, f)
    user.connected = True
    one(0.2, 'Execute', execute(SUBSCRIBE), executed(subscribed()), f)
    answered = one(1, 'NotificationWait', WAIT, waited(1), f2, 19)
    fetched = one(20.1, 'Execute', execute(NOTHING), executed(mail()), f)
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def k_cookie_rewritten():
    """LB encrypts cookies: MapiContext differs on both sides, X-RequestId is the same"""
    return pairwise(lambda d: d.replace(b'MapiContext=ctxanna', b'MapiContext=!EncKDhxYz/0aT9uE=='))


@CASES
def k_absolute_front():
    return pairwise(lambda d: d.replace(b'POST /mapi', b'POST http://mail.x.test/mapi', 1).replace(b'Host:',
        b'Proxy-Connection: keep-alive\r\nHost:', 1))


@CASES
def k_path_rewritten():
    return pairwise(lambda d: d.replace(b'POST /mapi/emsmdb/', b'POST /ext/mapi/emsmdb/', 1))


@CASES
def k_three_points():
    """two devices: client - WAF - LB - server"""
    scene = Scene()
    user = User()
    A, B = (Pair(scene, 0), Pair(scene, 0.01))
    for P in (A, B):
        P.m = scene.tcp(0.02 if P is A else 0.03, client='10.9.0.2', server='10.9.0.3')

    def up(P, t, d):
        end = P.up(t, d)
        P.m.send(t + 0.0006, UP, d.replace(b'Host: ', b'X-Forwarded-For: 10.1.0.5, 10.9.0.1\r\nHost: ', 1))
        return end

    def down(P, t, d):
        y = P.m.send(t, DOWN, d)
        P.down(t + 0.0003, d)
        return y
    up(A, 0.1, user.question('Connect', CONNECT))
    down(A, 0.12, user.answer_head('Connect') + chunk(PROCESSING) + chunk(DONE + CONNECTED) + LAST_CHUNK)
    user.connected = True
    up(A, 0.2, user.question('Execute', execute(SUBSCRIBE)))
    down(A, 0.22, user.answer_head('Execute') + chunk(PROCESSING) + chunk(DONE + executed(subscribed())) + LAST_CHUNK)
    up(B, 1, user.question('NotificationWait', WAIT))
    down(B, 1.1, user.answer_head('NotificationWait') + chunk(PROCESSING))
    answered = down(B, 20, chunk(DONE + waited(1)) + LAST_CHUNK)
    up(A, 20.1, user.question('Execute', execute(NOTHING)))
    fetched = down(A, 20.12, user.answer_head('Execute') + chunk(PROCESSING) + chunk(DONE + executed(mail())) + LAST_CHUNK)
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def k_gzip_front():
    scene = Scene()
    user = User()
    A, B = (Pair(scene, 0, extra=False), Pair(scene, 0.01, extra=False))

    def call(P, t, kind, body, answer, after=0.02):
        d = user.question(kind, body)
        P.f.send(t, UP, d)
        P.b.send(t + 0.0003, UP, d)
        whole = PROCESSING + DONE + answer
        h = user.answer_head(kind)
        answered = P.b.send(t + after, DOWN, h + chunk(whole) + LAST_CHUNK)
        P.f.send(t + after + 0.0005, DOWN, h.replace(b'Cache-Control',
            b'Content-Encoding: gzip\r\nCache-Control') + chunk(gzip.compress(whole)) + LAST_CHUNK)
        return answered
    call(A, 0.1, 'Connect', CONNECT, CONNECTED)
    user.connected = True
    call(A, 0.2, 'Execute', execute(SUBSCRIBE), executed(subscribed()))
    answered = call(B, 1, 'NotificationWait', WAIT, waited(1), 19)
    fetched = call(A, 20.1, 'Execute', execute(NOTHING), executed(mail()))
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def k_next_upstream():
    """the LB's first server resets the fetch, its second one answers; the client sees one exchange"""
    scene = Scene()
    user = User()
    A, B = lbopen(scene, user)
    _, answered = lbwait(user, B, 1, 20)
    d = user.question('Execute', execute(NOTHING))
    A.up(20.1, d)[0]
    A.b.end(20.11, DOWN, RST | ACK)
    c = scene.tcp(20.12, client='10.9.0.1', server='10.9.0.3')
    c.send(20.13, UP, d)
    h = user.answer_head('Execute')
    fetched = c.send(20.15, DOWN, h + chunk(PROCESSING + DONE + executed(mail())) + LAST_CHUNK)
    A.f.send(20.151, DOWN, h + chunk(PROCESSING + DONE + executed(mail())) + LAST_CHUNK)
    return (scene, Story({answered: EVENT}, {fetched: answered}, may_warn=CO))


@CASES
def k_lb_idle_both():
    """front FIN by the client while the back side is still open until the end of the capture: closed by the client"""
    scene = Scene()
    user = User()
    A, B = lbopen(scene, user)
    lbwait(user, B, 1)
    end = B.f.end(61, UP)
    C = Pair(scene, 62)
    _, answered2 = lbwait(user, C, 62.1, 70)
    _, fetched = lbfetch(user, A, 70.1)
    return (scene, Story({end: (CUT, 1), answered2: EVENT}, {fetched[0]: answered2}, may_warn=CO))


@CASES
def k_lb_rst_front_back_answers_late():
    """LB resets the front after 60 s, the server's answer comes later on the back"""
    scene = Scene()
    user = User()
    A, B = lbopen(scene, user)
    lbwait(user, B, 1)
    end = B.f.end(61, DOWN, RST | ACK)
    B.b.send(90, DOWN, chunk(DONE + waited(1)) + LAST_CHUNK)
    C = Pair(scene, 62)
    lbwait(user, C, 62.1)
    C.down(90.001, chunk(DONE + waited(1)) + LAST_CHUNK)
    _, fetched = lbfetch(user, A, 90.1)
    answered2 = [p for p in scene.packets if abs(p.time - 90.001) < 1e-07][0]
    return (scene, Story({end: (CUT, 3), answered2: EVENT}, {fetched[0]: answered2},
        may_warn=CO + ('oxcnotif.never_followed',)))


@pytest.mark.parametrize("two_pass", [False, True], ids=["one-pass", "two-passes"])
@pytest.mark.parametrize("name", CASES)
def test_right_story_is_told(tshark, name: str, two_pass: bool):
    scene, right = CASES[name]()
    assert compare(scene, right, name, two_pass) == []
