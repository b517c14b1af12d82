# SPDX-License-Identifier: GPL-2.0-or-later
"""MAPI/HTTP in what devices and proxies make of HTTP/1.1 (RFC 9112), and the keys of sessions."""

from __future__ import annotations

import re
import struct

import pytest
from scene import (ACK, CONNECT, CONNECTED, DONE, DOWN, FIN, LAST_CHUNK, NOTHING, PAGE, PENDING, PROCESSING, PROXY, PSH,
                   SUBSCRIBE, Scene, UP, User, WAIT, chunk, execute, executed, head, mail, new_mail, refusal, rop_buffer,
                   start, subscribed, waited)
from scene_legs import http10
from story import Cases, EVENT, HF, Story, compare

CASES = Cases()


def tunnelled(port):
    scene = Scene()
    user = User()
    calls = scene.tcp(0, server=PROXY, port=port)
    waits = scene.tcp(0.01, server=PROXY, port=port)
    for t, c in ((0.02, calls), (0.03, waits)):
        c.send(t, UP, b'CONNECT mail.x.test:80 HTTP/1.1\r\nHost: mail.x.test:80\r\nProxy-Connection: Keep-Alive\r\n\r\n')
        c.send(t + 0.01, DOWN, b'HTTP/1.1 200 Connection established\r\n\r\n')
    user.open(calls, 0.1)
    _, answered = user.wait(waits, 1, 20)
    _, fetched = user.fetch(calls, 20.1)
    return (scene, Story({answered: EVENT}, {fetched: answered}))


def proxied(head):
    scene = Scene()
    user = User()
    calls = scene.tcp(0)
    waits = scene.tcp(0.01)
    calls.send(0.05, UP, head)
    waits.send(0.06, UP, head)
    user.open(calls, 0.1)
    _, answered = user.wait(waits, 1, 20)
    _, fetched = user.fetch(calls, 20.1)
    return (scene, Story({answered: EVENT}, {fetched: answered}))


def joined(head):
    scene = Scene()
    user = User()
    calls = scene.tcp(0)
    waits = scene.tcp(0.01)
    request = user.question('Connect', CONNECT)
    calls.send(0.1, UP, head + request)
    user.answer(calls, 0.12, 'Connect', CONNECTED)
    user.connected = True
    user.ask(calls, 0.2, 'Execute', execute(SUBSCRIBE))
    user.answer(calls, 0.22, 'Execute', executed(subscribed()))
    waits.send(1, UP, head + user.question('NotificationWait', WAIT))
    answered = user.answer(waits, 1.1, 'NotificationWait', waited(1), 19)
    _, fetched = user.fetch(calls, 20.2)
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def o_http10_close():
    """proxy answers with HTTP/1.0, no length: the end of the connection is the end of the body"""
    scene, user, calls, waits = start()
    user.ask(waits, 1, 'NotificationWait', WAIT)
    waits.send(1.1, DOWN, user.answer_head('NotificationWait', version='1.0', Transfer_Encoding=None,
        Connection='close') + PROCESSING)
    waits.send(16, DOWN, PENDING)
    waits.send(20, DOWN, DONE + waited(1))
    end = waits.end(20.0005, DOWN)
    user.ask(calls, 20.1, 'Execute', execute(NOTHING))
    calls.send(20.2, DOWN, user.answer_head('Execute', version='1.0', Transfer_Encoding=None,
        Connection='close') + PROCESSING + DONE + executed(mail()))
    y = calls.end(20.21, DOWN)
    return (scene, Story({end: EVENT}, {y: end}))


@CASES
def o_http11_close_nolength():
    scene, user, calls, waits = start()
    user.ask(waits, 1, 'NotificationWait', WAIT)
    waits.send(1.1, DOWN, user.answer_head('NotificationWait', Transfer_Encoding=None, Connection='close') + PROCESSING)
    end = waits.send(20, DOWN, DONE + waited(1), flags=FIN | ACK | PSH)
    _, fetched = user.fetch(calls, 20.1)
    return (scene, Story({end: EVENT}, {fetched: end}))


@CASES
def o_connection_close_each():
    scene = Scene()
    user = User()
    calls = scene.tcp(0)
    user.ask(calls, 0.1, 'Connect', CONNECT, Connection='close')
    user.answer(calls, 0.2, 'Connect', CONNECTED, Connection='close')
    calls.end(0.22, DOWN)
    user.connected = True
    c = scene.tcp(0.3)
    user.ask(c, 0.31, 'Execute', execute(SUBSCRIBE), Connection='close')
    user.answer(c, 0.32, 'Execute', executed(subscribed()), Connection='close')
    c.end(0.34, DOWN)
    d = scene.tcp(0.4)
    user.ask(d, 0.5, 'NotificationWait', WAIT, Connection='close')
    answered = user.answer(d, 0.6, 'NotificationWait', waited(1), 19, Connection='close')
    d.end(19.7, DOWN)
    e = scene.tcp(20)
    user.ask(e, 20.1, 'Execute', execute(NOTHING), Connection='close')
    fetched = user.answer(e, 20.2, 'Execute', executed(mail()), Connection='close')
    e.end(20.3, UP)
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def o_chunk_extension():
    scene, user, calls, waits = start()
    user.ask(waits, 1, 'NotificationWait', WAIT)
    waits.send(1.1, DOWN, user.answer_head('NotificationWait') + chunk(PROCESSING, b';ext=1'))
    waits.send(15, DOWN, chunk(PENDING, b' ; name="v"'))
    answered = waits.send(20, DOWN, chunk(DONE + waited(1), b';a') + b'0;x\r\n\r\n')
    _, fetched = user.fetch(calls, 20.1)
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def o_chunk_trailer():
    scene, user, calls, waits = start()
    user.ask(waits, 1, 'NotificationWait', WAIT)
    waits.send(1.1, DOWN, user.answer_head('NotificationWait', Trailer='X-Took') + chunk(PROCESSING))
    answered = waits.send(20, DOWN, chunk(DONE + waited(1)) + b'0\r\nX-Took: 3\r\n\r\n')
    _, answered2 = user.wait(waits, 20.2, 30)
    _, fetched = user.fetch(calls, 30.1)
    return (scene, Story({answered: EVENT, answered2: EVENT}, {fetched: answered2}))


@CASES
def o_chunk_size_zeroes():
    """ARR/Netscaler pad chunk sizes: 0000000c"""
    scene, user, calls, waits = start()
    user.ask(waits, 1, 'NotificationWait', WAIT)
    waits.send(1.1, DOWN, user.answer_head('NotificationWait') + b'0000000c\r\n' + PROCESSING + b'\r\n')
    d = DONE + waited(1)
    answered = waits.send(20, DOWN, b'%08X\r\n' % len(d) + d + b'\r\n00000000\r\n\r\n')
    _, fetched = user.fetch(calls, 20.1)
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def o_bytewise_chunks():
    """every few bytes are a chunk and the last chunk is a segment of its own, later"""
    scene, user, calls, waits = start()
    user.ask(waits, 1, 'NotificationWait', WAIT)
    d = DONE + waited(1)
    waits.send(1.1, DOWN, user.answer_head('NotificationWait') + chunk(PROCESSING))
    waits.send(20, DOWN, b''.join((chunk(d[i:i + 7]) for i in range(0, len(d), 7))), size=40)
    answered = waits.send(20.05, DOWN, LAST_CHUNK)
    _, fetched = user.fetch(calls, 20.1)
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def o_te_and_length():
    scene, user, calls, waits = start()
    user.ask(waits, 1, 'NotificationWait', WAIT)
    waits.send(1.1, DOWN, user.answer_head('NotificationWait', Content_Length='500') + chunk(PROCESSING))
    answered = waits.send(20, DOWN, chunk(DONE + waited(1)) + LAST_CHUNK)
    _, fetched = user.fetch(calls, 20.1)
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def o_no_ctype_request():
    scene, user, calls, waits = start()
    _, answered = user.wait(waits, 1, 20, Content_Type=None)
    _, fetched = user.fetch(calls, 20.1, Content_Type='text/plain')
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def o_octet_stream():
    scene, user, calls, waits = start()
    user.ask(waits, 1, 'NotificationWait', WAIT, Content_Type='application/octet-stream')
    answered = user.answer(waits, 1.1, 'NotificationWait', waited(1), 20, Content_Type='application/octet-stream')
    user.ask(calls, 22, 'Execute', execute(NOTHING), Content_Type='application/octet-stream')
    fetched = user.plain(calls, 22.1, 'Execute', executed(mail()), Content_Type='application/octet-stream')
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def o_absolute_target():
    scene = Scene()
    user = User()
    user.target = 'http://mail.x.test:80' + user.target
    calls = scene.tcp(0, server=PROXY, port=3128)
    waits = scene.tcp(0.01, server=PROXY, port=3128)
    user.open(calls, 0.1)
    _, answered = user.wait(waits, 1, 20, Proxy_Connection='Keep-Alive')
    _, fetched = user.fetch(calls, 20.1, Proxy_Connection='Keep-Alive')
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def o_connect_tunnel_8080():
    return tunnelled(8080)


@CASES
def o_connect_tunnel_3128():
    return tunnelled(3128)


@CASES
def o_proxy_v1():
    return proxied(b'PROXY TCP4 10.1.0.5 10.9.0.1 50001 80\r\n')


@CASES
def o_proxy_v2():
    return proxied(b'\r\n\r\n\x00\r\nQUIT\n!\x11\x00\x0c' + bytes([10, 1, 0, 5, 10, 9, 0, 1]) + struct.pack('>HH', 50001,
        80))


@CASES
def o_proxy_v1_joined():
    return joined(b'PROXY TCP4 10.1.0.5 10.9.0.1 50001 80\r\n')


@CASES
def o_proxy_v2_joined():
    return joined(b'\r\n\r\n\x00\r\nQUIT\n!\x11\x00\x0c' + bytes([10, 1, 0, 5, 10, 9, 0, 1]) + struct.pack('>HH', 50001,
        80))


@CASES
def o_port_444():
    """Exchange back end: MAPI/HTTP without TLS (offloaded) on 444 or 81"""
    scene = Scene()
    user = User()
    calls = scene.tcp(0, port=81)
    waits = scene.tcp(0.01, port=81)
    user.open(calls, 0.1)
    _, answered = user.wait(waits, 1, 20)
    _, fetched = user.fetch(calls, 20.1)
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def o_one_direction_down():
    """only what the server sends"""
    scene, user, calls, waits = start()
    _, answered = user.wait(waits, 1, 20)
    _, fetched = user.fetch(calls, 20.05)
    scene.packets = [p for p in scene.packets if p.data[26:30] == bytes([10, 9, 0, 1])]
    return (scene, Story({answered: EVENT}, {}, mails=[fetched], sessions=None, may_warn=('oxcnotif.never_followed',)))


@CASES
def o_one_direction_up():
    scene, user, calls, waits = start()
    user.wait(waits, 1, 20)
    user.ask(waits, 20.1, 'NotificationWait', WAIT)
    user.fetch(calls, 20.05)
    scene.packets = [p for p in scene.packets if p.data[26:30] == bytes([10, 1, 0, 5])]
    return (scene, Story({}, {}, may_warn=()))


@CASES
def o_fin_with_answer():
    scene, user, calls, waits = start()
    user.ask(waits, 1, 'NotificationWait', WAIT)
    waits.send(1.1, DOWN, user.answer_head('NotificationWait') + chunk(PROCESSING))
    answered = waits.send(20, DOWN, chunk(DONE + waited(1)) + LAST_CHUNK, flags=FIN | ACK | PSH)
    _, fetched = user.fetch(calls, 20.1)
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def o_request_chunked():
    scene, user, calls, waits = start()
    d = user.question('NotificationWait', WAIT, Transfer_Encoding='chunked', Content_Length=None)[:-8]
    waits.send(1, UP, d + chunk(WAIT) + LAST_CHUNK)
    answered = user.answer(waits, 1.1, 'NotificationWait', waited(1), 19)
    d = user.question('Execute', execute(NOTHING), Transfer_Encoding='chunked',
        Content_Length=None)[:-len(execute(NOTHING))]
    calls.send(20.2, UP, d)
    calls.send(20.21, UP, chunk(execute(NOTHING)))
    calls.send(20.22, UP, LAST_CHUNK)
    fetched = user.answer(calls, 20.3, 'Execute', executed(mail()))
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def o_nginx_http10_upstream():
    """back side of nginx: HTTP/1.0, a connection for each request, answers ended by FIN"""
    scene = Scene()
    user = User()

    def one(t, kind, body, answer, after=0.02):
        c = scene.tcp(t - 0.001, client=PROXY)
        c.send(t, UP, http10(user.question(kind, body)))
        c.send(t + 0.01, DOWN, user.answer_head(kind, Transfer_Encoding=None, Connection='close') + PROCESSING)
        c.send(t + after, DOWN, DONE + answer)
        return c.end(t + after + 0.0002, DOWN)
    one(0.1, 'Connect', CONNECT, CONNECTED)
    user.connected = True
    one(0.2, 'Execute', execute(SUBSCRIBE), executed(subscribed()))
    answered = one(1, 'NotificationWait', WAIT, waited(1), 19)
    fetched = one(20.1, 'Execute', execute(NOTHING), executed(mail()))
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def o_hundred_connections_404():
    scene, user, calls, waits = start()
    _, answered = user.wait(waits, 1, 20)
    user.ask(calls, 20.01, 'Execute', execute(NOTHING))
    calls.send(20.02, DOWN, refusal('404 Not Found', PAGE))
    _, fetched = user.fetch(calls, 22)
    return (scene, Story({answered: EVENT}, {fetched: answered}, attempts={fetched: 1}, may_warn=HF))


@CASES
def o_no_request_type_in_answer():
    scene, user, calls, waits = start()
    user.ask(waits, 1, 'NotificationWait', WAIT)
    answered = user.answer(waits, 1.1, 'NotificationWait', waited(1), 19, X_RequestType=None, X_RequestId=None)
    user.ask(calls, 20.2, 'Execute', execute(NOTHING))
    fetched = user.answer(calls, 20.3, 'Execute', executed(mail()), X_RequestType=None, X_RequestId=None)
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def o_lowercase_values():
    scene, user, calls, waits = start()
    user.ask(waits, 1, 'notificationwait', WAIT)
    answered = user.answer(waits, 1.1, 'notificationwait', waited(1), 19)
    _, fetched = user.fetch(calls, 20.1)
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def o_ctype_rubbish():
    scene, user, calls, waits = start()
    user.ask(waits, 1, 'NotificationWait', WAIT, Content_Type='application/mapi-http;charset=utf-8')
    answered = user.answer(waits, 1.1, 'NotificationWait', waited(1), 19, Content_Type='APPLICATION/MAPI-HTTP ; foo=bar')
    _, fetched = user.fetch(calls, 20.1)
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def o_bare_lf():
    """a device ends header lines with LF alone"""
    scene, user, calls, waits = start()
    user.ask(waits, 1, 'NotificationWait', WAIT)
    answered = waits.send(20, DOWN, user.answer_head('NotificationWait').replace(b'\r\n',
        b'\n') + chunk(PROCESSING + DONE + waited(1)) + LAST_CHUNK)
    _, fetched = user.fetch(calls, 20.1)
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def o_tso():
    """one segment of 20000 bytes, and the wait's answer over several"""
    scene, user, calls, waits = start()
    _, answered = user.wait(waits, 1, 20)
    user.ask(calls, 20.1, 'Execute', execute(NOTHING))
    many = rop_buffer(b''.join((new_mail(5, 16 + i) for i in range(300))), 1)
    fetched = user.answer(calls, 20.2, 'Execute', executed(many))
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def m_equal_cookies_two_servers():
    scene = Scene()
    user = User('anna', cookies='MapiContext=1')
    v = User('bert', cookies='MapiContext=1')
    calls = scene.tcp(0)
    waits = scene.tcp(0.01)
    c = scene.tcp(0.02, client='10.1.0.6', server='10.9.0.3')
    d = scene.tcp(0.03, client='10.1.0.6', server='10.9.0.3')
    user.open(calls, 0.1)
    v.open(c, 0.1005)
    _, answered = user.wait(waits, 1, 20)
    _, answered2 = v.wait(d, 1.01, 25)
    _, fetched = user.fetch(calls, 20.1)
    _, fr2 = v.fetch(c, 25.1)
    return (scene, Story({answered: EVENT, answered2: EVENT}, {fetched: answered, fr2: answered2}, sessions=2))


@CASES
def m_same_client_two_profiles():
    scene = Scene()
    user = User('anna')
    v = User('anna2')
    calls = scene.tcp(0)
    waits = scene.tcp(0.01)
    c = scene.tcp(0.02)
    d = scene.tcp(0.03)
    user.open(calls, 0.1)
    v.open(c, 0.1005)
    _, answered = user.wait(waits, 1, 20)
    _, answered2 = v.wait(d, 1.01, 20.003)
    _, fr2 = v.fetch(c, 20.1, 17)
    _, fetched = user.fetch(calls, 20.2)
    return (scene, Story({answered: EVENT, answered2: EVENT}, {fetched: answered, fr2: answered2}, sessions=2))


@CASES
def m_affinity():
    scene = Scene()
    user = User('anna')
    v = User('bert')
    user.context = 'sid=aaa'
    v.context = 'sid=bbb'
    user.more = v.more = 'BIGipServerpool_mapi=167772170.20480.0000; lbvs=AB12'
    calls = scene.tcp(0)
    waits = scene.tcp(0.01)
    c = scene.tcp(0.02, client='10.1.0.6')
    d = scene.tcp(0.03, client='10.1.0.6')
    user.open(calls, 0.1)
    v.open(c, 0.1005)
    _, answered = user.wait(waits, 1, 20)
    _, answered2 = v.wait(d, 1.01, 20.003)
    _, fr2 = v.fetch(c, 20.1, 17)
    _, fetched = user.fetch(calls, 20.2)
    return (scene, Story({answered: EVENT, answered2: EVENT}, {fetched: answered, fr2: answered2}, sessions=2))


@CASES
def m_mux_back_end():
    """behind the proxy: two users' requests alternate on the same connections"""
    scene = Scene()
    user = User('anna')
    v = User('bert')
    calls = scene.tcp(0, client=PROXY)
    waits = scene.tcp(0.01, client=PROXY)
    c = scene.tcp(0.02, client=PROXY)
    user.open(calls, 0.1)
    v.open(calls, 0.3)
    _, answered = user.wait(waits, 1, 20)
    _, answered2 = v.wait(c, 1.01, 20.003)
    _, fr2 = v.fetch(calls, 20.1, 17)
    _, fetched = user.fetch(calls, 20.2)
    _, r3 = v.wait(waits, 21, 30)
    _, fr3 = v.fetch(calls, 30.1, 18)
    return (scene, Story({answered: EVENT, answered2: EVENT, r3: EVENT}, {fetched: answered, fr2: answered2, fr3: r3},
        sessions=2))


@CASES
def m_server_moves():
    """database moves: same session cookies at another server (affinity changed), no new Connect -- one session"""
    scene, user, _, waits = start()
    _, answered = user.wait(waits, 1, 20)
    c = scene.tcp(20.01, server='10.9.0.2')
    _, fetched = user.fetch(c, 20.1)
    return (scene, Story({answered: EVENT}, {fetched: answered}, sessions=None))


@CASES
def m_reconnect_same_guid():
    """Outlook reconnects (Connect again) after the server forgot: new context cookie, X-RequestId GUID goes on"""
    scene, user, calls, waits = start()
    _, answered = user.wait(waits, 1, 20)
    _, fetched = user.fetch(calls, 20.1)
    user.context = 'MapiContext=second'
    user.connected = False
    user.open(calls, 30)
    _, answered2 = user.wait(waits, 31, 40)
    _, fr2 = user.fetch(calls, 40.1, 17)
    return (scene, Story({answered: EVENT, answered2: EVENT}, {fetched: answered, fr2: answered2}, sessions=2))


@CASES
def m_gromox_cookies():
    """gromox: cookies sid and sequence"""
    scene = Scene()
    ends = {}
    links = {}
    us = [User('anna'), User('bert')]
    cs = []
    for i, user in enumerate(us):
        user.context = f"sid={'ab'[i] * 16}"
        cs.append((scene.tcp(0.01 * i), scene.tcp(0.005 + 0.01 * i)))
    for i, user in enumerate(us):
        user.open(cs[i][0], 0.1 + i * 0.3)
    rs = [user.wait(cs[i][1], 2 + i * 0.1, 20 + i * 0.001)[1] for i, user in enumerate(us)]
    for i, user in enumerate(us):
        _, fetched = user.fetch(cs[i][0], 20.1 + i * 0.001, 16 + i)
        links[fetched] = rs[i]
        ends[rs[i]] = EVENT
    return (scene, Story(ends, links, sessions=2))


@CASES
def m_dns_round_robin():
    """connections of one session at two addresses of the server"""
    scene = Scene()
    user = User()
    calls = scene.tcp(0)
    waits = scene.tcp(0.005, server='10.9.0.2')
    user.open(calls, 0.1)
    _, answered = user.wait(waits, 1, 20)
    _, fetched = user.fetch(calls, 20.1)
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def m_cookie_quoted():
    user = User()
    scene = Scene()
    calls = scene.tcp(0)
    waits = scene.tcp(0.01)
    user.context = 'MapiContext=MAPIAAAAAI6xl7ueqpiinKqbqJmlkKCU='
    user.open(calls, 0.1)
    _, answered = user.wait(waits, 1, 20)
    _, fetched = user.fetch(calls, 20.1)
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def m_no_cookies_only_requestid():
    """a device drops the cookies of responses (or the client keeps them elsewhere): X-RequestId's GUID is what ties"""
    scene = Scene()
    user = User()
    v = User('bert')
    calls = scene.tcp(0)
    waits = scene.tcp(0.01)
    c = scene.tcp(0.02)
    d = scene.tcp(0.03)
    for w, l, t in ((user, calls, 0.1), (v, c, 0.4)):
        w.open(l, t)
    _, answered = user.wait(waits, 1, 20)
    _, answered2 = v.wait(d, 1.1, 20.01)
    _, fr2 = v.fetch(c, 20.1, 17)
    _, fetched = user.fetch(calls, 20.2)
    for p in scene.packets:
        if b'HTTP/1.1' in p.data:
            n = len(p.data)
            p.data = re.sub(b'(Set-)?Cookie: [^\\r]*\\r\\n', lambda m: b'X-Pad: ' + b'p' * (len(m[0]) - 9) + b'\r\n',
                p.data)
            assert len(p.data) == n
    return (scene, Story({answered: EVENT, answered2: EVENT}, {fetched: answered, fr2: answered2}, sessions=2))


@pytest.mark.parametrize("two_pass", [False, True], ids=["one-pass", "two-passes"])
@pytest.mark.parametrize("name", CASES)
def test_right_story_is_told(tshark, name: str, two_pass: bool):
    scene, right = CASES[name]()
    assert compare(scene, right, name, two_pass) == []
