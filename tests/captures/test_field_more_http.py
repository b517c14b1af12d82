# SPDX-License-Identifier: GPL-2.0-or-later
"""MAPI/HTTP as it is in the field: refused and failed attempts, and waits that nothing ends."""

from __future__ import annotations

import pytest
from scene import (ACK, DISCONNECT, DISCONNECTED, DONE, DOWN, FIN, NOTHING, PAGE, PENDING, PROCESSING, PROXY, PSH, RST,
                   SYN, Scene, UP, User, WAIT, chunk, execute, executed, mail, openwait, refusal, start, waited)
from story import ABANDONED, BY_CLIENT, CO, CUT, Cases, EVENT, HF, REFUSED, Story, TIMEOUT, compare

CASES = Cases()


@CASES
def plain():
    scene, user, calls, waits = start()
    _, answered = user.wait(waits, 1, 20, pings=(15,))
    _, fetched = user.fetch(calls, 20.05)
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def a_nginx504_wait():
    scene, user, calls, waits = start()
    user.ask(waits, 1, 'NotificationWait', WAIT)
    answered = waits.send(61, DOWN, refusal('504 Gateway Time-out', PAGE))
    _, answered2 = user.wait(waits, 62, 70)
    _, fetched = user.fetch(calls, 70.05)
    return (scene, Story({answered: CUT, answered2: EVENT}, {fetched: answered2},
        may_warn=('mapihttp.http_failure', 'oxcnotif.wait.cut_off')))


@CASES
def a_503_three_times():
    scene, user, calls, waits = start()
    _, answered = user.wait(waits, 1, 20)
    for i in range(3):
        user.ask(calls, 20.05 + i * 5, 'Execute', execute(NOTHING))
        calls.send(20.1 + i * 5, DOWN, refusal('503 Service Unavailable', PAGE, Retry_After='5'))
    _, fetched = user.fetch(calls, 35.1)
    return (scene, Story({answered: EVENT}, {fetched: answered}, attempts={fetched: 3},
        may_warn=('mapihttp.http_failure', 'oxcnotif.followup.slow')))


@CASES
def a_429():
    scene, user, calls, waits = start()
    _, answered = user.wait(waits, 1, 20)
    user.ask(calls, 20.05, 'Execute', execute(NOTHING))
    calls.send(20.1, DOWN, refusal('429 Too Many Requests', '', Retry_After='1'))
    _, fetched = user.fetch(calls, 21.2)
    return (scene, Story({answered: EVENT}, {fetched: answered}, attempts={fetched: 1},
        may_warn=('mapihttp.http_failure',)))


@CASES
def a_407_explicit_proxy():
    scene = Scene()
    user = User()
    user.target = 'http://mail.x.test' + user.target
    calls = scene.tcp(0, server=PROXY, port=8080)
    waits = scene.tcp(0.005, server=PROXY, port=8080)

    def legs(c, t, kind):
        user.ask(c, t, kind, b'')
        c.send(t + 0.01, DOWN, refusal('407 Proxy Authentication Required', '', Proxy_Authenticate='NTLM'))
        user.ask(c, t + 0.02, kind, b'', again=True,
            Proxy_Authorization='NTLM TlRMTVNTUAABAAAAB4IIogAAAAAAAAAAAAAAAAAAAAAKAGFKAAAADw==')
        c.send(t + 0.03, DOWN, refusal('407 Proxy Authentication Required', '',
            Proxy_Authenticate='NTLM TlRMTVNTUAACAAAAAAAAADgAAAAFgomi/I/5gs5+wE4AAAAAAAAAAAAAAAA4AAAACgBjRQAAAA8='))
    legs(calls, 0.05, 'Connect')
    user.open(calls, 0.1)
    legs(waits, 0.5, 'NotificationWait')
    _, answered = user.wait(waits, 1, 20)
    c = scene.tcp(20.01, server=PROXY, port=8080)
    legs(c, 20.02, 'Execute')
    _, fetched = user.fetch(c, 20.1)
    return (scene, Story({answered: EVENT}, {fetched: answered}, attempts={fetched: 2}))


@CASES
def a_bearer_expired_fetch():
    scene, user, calls, waits = start()
    _, answered = user.wait(waits, 1, 20, Authorization='Bearer eyJ0')
    user.ask(calls, 20.05, 'Execute', execute(NOTHING), Authorization='Bearer eyJ0')
    calls.send(20.1, DOWN,
        refusal('401 Unauthorized', '',
        WWW_Authenticate='Bearer client_id="00000002-0000-0ff1-ce00-000000000000", trusted_issuers="x", authorization_uri="https://login/"',
        X_MS_Diagnostics='2000003;reason="The token has expired."'))
    _, fetched = user.fetch(calls, 20.5, Authorization='Bearer eyJ1')
    return (scene, Story({answered: EVENT}, {fetched: answered}, attempts={fetched: 1}))


@CASES
def a_bearer_expired_wait():
    scene, user, calls, waits = start()
    user.ask(waits, 1, 'NotificationWait', WAIT, Authorization='Bearer eyJ0')
    waits.send(1.1, DOWN, refusal('401 Unauthorized', '', WWW_Authenticate='Bearer error="invalid_token"'))
    _, answered = user.wait(waits, 1.5, 20, Authorization='Bearer eyJ1')
    _, fetched = user.fetch(calls, 20.5, Authorization='Bearer eyJ1')
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def a_kerberos_single_401():
    scene, user, calls, waits = start()
    user.ask(waits, 0.6, 'NotificationWait', WAIT)
    waits.send(0.61, DOWN, refusal('401 Unauthorized', '', WWW_Authenticate='Negotiate'))
    _, answered = user.wait(waits, 0.62, 20, again=True, Authorization='Negotiate YIIJ')
    user.ask(calls, 20.05, 'Execute', execute(NOTHING))
    calls.send(20.06, DOWN, refusal('401 Unauthorized', '', WWW_Authenticate='Negotiate'))
    _, fetched = user.fetch(calls, 20.07, again=True, Authorization='Negotiate YIIJ')
    return (scene, Story({answered: EVENT}, {fetched: answered}, attempts={fetched: 1}))


@CASES
def a_401_closes_connection():
    """each 401 closes the connection (Connection: close), the next leg is on a new one"""
    scene, user, calls, waits = start()
    user.ask(waits, 0.6, 'NotificationWait', WAIT)
    waits.send(0.61, DOWN, refusal('401 Unauthorized', '', WWW_Authenticate='Negotiate', Connection='close'))
    waits.end(0.62, DOWN)
    c = scene.tcp(0.7)
    _, answered = user.wait(c, 0.75, 20, again=True, Authorization='Negotiate YIIJ')
    _, fetched = user.fetch(calls, 20.07)
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def a_never_answered_fetch_retry():
    scene, user, calls, waits = start()
    _, answered = user.wait(waits, 1, 20)
    user.ask(calls, 20.05, 'Execute', execute(NOTHING))
    c = scene.tcp(50)
    calls.end(50.1, UP, RST | ACK)
    _, fetched = user.fetch(c, 50.2, again=True)
    return (scene, Story({answered: EVENT}, {fetched: answered}, attempts={fetched: 1},
        may_warn=('mapihttp.cut_off', 'oxcnotif.followup.slow')))


@CASES
def a_truncated_fetch():
    """chunked answer ends in the middle by FIN; again on a new connection"""
    scene, user, calls, waits = start()
    _, answered = user.wait(waits, 1, 20)
    user.ask(calls, 20.05, 'Execute', execute(NOTHING))
    calls.send(20.06, DOWN, user.answer_head('Execute') + chunk(PROCESSING))
    calls.send(20.07, DOWN, b'93\r\n' + DONE + executed(mail())[:20])
    calls.end(20.2, DOWN)
    c = scene.tcp(21)
    _, fetched = user.fetch(c, 21.1, again=True)
    return (scene, Story({answered: EVENT}, {fetched: answered}, attempts={fetched: 1}, may_warn=('mapihttp.cut_off',)))


@CASES
def a_truncated_length():
    """Content-Length longer than what came, then FIN"""
    scene, user, calls, waits = start()
    _, answered = user.wait(waits, 1, 20)
    user.ask(calls, 20.05, 'Execute', execute(NOTHING))
    body = PROCESSING + DONE + executed(mail())
    calls.send(20.06, DOWN, user.answer_head('Execute', Transfer_Encoding=None, Content_Length=str(len(body))) + body[:-30])
    calls.end(20.2, DOWN)
    c = scene.tcp(21)
    _, fetched = user.fetch(c, 21.1, again=True)
    return (scene, Story({answered: EVENT}, {fetched: answered}, attempts={fetched: 1}, may_warn=('mapihttp.cut_off',)))


@CASES
def a_empty200_wait():
    scene, user, calls, waits = start()
    user.ask(waits, 1, 'NotificationWait', WAIT)
    answered = waits.send(31, DOWN, user.answer_head('NotificationWait', Transfer_Encoding=None, Content_Length='0'))
    _, answered2 = user.wait(waits, 32, 50)
    _, fetched = user.fetch(calls, 50.1)
    return (scene, Story({answered: REFUSED, answered2: EVENT}, {fetched: answered2},
        may_warn=('mapihttp.http_failure', 'oxcnotif.wait.rejected', 'mapihttp.empty_body')))


@CASES
def a_empty200_fetch_no_headers():
    """200 of the proxy itself, without X- headers and without body"""
    scene, user, calls, waits = start()
    _, answered = user.wait(waits, 1, 20)
    user.ask(calls, 20.05, 'Execute', execute(NOTHING))
    calls.send(20.06, DOWN, refusal('200 OK'))
    _, fetched = user.fetch(calls, 22)
    return (scene, Story({answered: EVENT}, {fetched: answered}, attempts={fetched: 1},
        may_warn=('mapihttp.http_failure', 'oxcnotif.wait.rejected', 'mapihttp.empty_body')))


@CASES
def a_response_code_fetch():
    """X-ResponseCode 2/6 (invalid sequence): repeated"""
    scene, user, calls, waits = start()
    _, answered = user.wait(waits, 1, 20)
    user.ask(calls, 20.05, 'Execute', execute(NOTHING))
    calls.send(20.06, DOWN, user.answer_head('Execute', code=15, Content_Type='text/html', Transfer_Encoding=None,
        Content_Length='5') + b'error')
    _, fetched = user.fetch(calls, 20.2)
    return (scene, Story({answered: EVENT}, {fetched: answered}, attempts={fetched: 1},
        may_warn=('mapihttp.response_code_failure', 'mapihttp.http_failure')))


@CASES
def a_context_not_found():
    """X-ResponseCode 10 for the fetch: reconnect with a new context, fetch there"""
    scene, user, calls, waits = start()
    _, answered = user.wait(waits, 1, 20)
    user.ask(calls, 20.05, 'Execute', execute(NOTHING))
    calls.send(20.06, DOWN, user.answer_head('Execute', code=10, Content_Type='text/html', Transfer_Encoding=None,
        Content_Length='0'))
    v = User('anna')
    v.context = 'MapiContext=ctxnew'
    v.guid = user.guid
    v.count = user.count
    v.open(calls, 20.2)
    _, answered2 = v.wait(waits, 21, 30)
    _, fetched = v.fetch(calls, 30.1, 17)
    return (scene, Story({answered: EVENT, answered2: EVENT}, {fetched: answered2}, sessions=None,
        may_warn=('mapihttp.response_code_failure', 'mapihttp.http_failure', 'oxcnotif.session.lost',
        'oxcnotif.never_followed')))


@CASES
def a_expect_100():
    scene, user, calls, waits = start()
    d = user.question('NotificationWait', WAIT, Expect='100-continue')
    h = d[:-8]
    waits.send(1, UP, h)
    waits.send(1.01, DOWN, b'HTTP/1.1 100 Continue\r\n\r\n')
    waits.send(1.02, UP, WAIT)
    answered = user.answer(waits, 1.05, 'NotificationWait', waited(1), 19)
    d = user.question('Execute', execute(NOTHING), Expect='100-continue')
    n = len(execute(NOTHING))
    calls.send(20.1, UP, d[:-n])
    calls.send(20.11, DOWN, b'HTTP/1.1 100 Continue\r\n\r\n')
    calls.send(20.12, UP, d[-n:])
    fetched = user.answer(calls, 20.15, 'Execute', executed(mail()))
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def a_redirect_login():
    scene, user, calls, waits = start()
    _, answered = user.wait(waits, 1, 20)
    user.ask(calls, 20.05, 'Execute', execute(NOTHING))
    calls.send(20.06, DOWN, refusal('302 Moved Temporarily', PAGE, Location='/my.policy', Set_Cookie='MRHSession=0'))
    _, fetched = user.fetch(calls, 22)
    return (scene, Story({answered: EVENT}, {fetched: answered}, attempts={fetched: 1},
        may_warn=('mapihttp.http_failure',)))


@CASES
def a_request_reset_while_sent():
    """idle keep-alive connection reset by the server when the fetch arrives"""
    scene, user, calls, waits = start()
    _, answered = user.wait(waits, 1, 200, pings=tuple(range(16, 200, 15)))
    user.ask(calls, 200.05, 'Execute', execute(NOTHING))
    calls.end(200.051, DOWN, RST)
    c = scene.tcp(200.1)
    _, fetched = user.fetch(c, 200.2, again=True)
    return (scene, Story({answered: EVENT}, {fetched: answered}, attempts={fetched: 1}, may_warn=('mapihttp.cut_off',)))


@CASES
def a_ews_between():
    scene, user, calls, waits = start()
    _, answered = user.wait(waits, 1, 20)
    calls.send(20.01, UP,
        b'POST /EWS/Exchange.asmx HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\nContent-Length: 4\r\n\r\n<a/>')
    calls.send(20.02, DOWN, refusal('500 Internal Server Error', PAGE))
    _, fetched = user.fetch(calls, 20.1)
    return (scene, Story({answered: EVENT}, {fetched: answered}, attempts={fetched: 0}))


@CASES
def a_440():
    scene, user, calls, waits = start()
    _, answered = user.wait(waits, 1, 20)
    user.ask(calls, 20.05, 'Execute', execute(NOTHING))
    calls.send(20.1, DOWN, refusal('440 Login Timeout', '', Connection='close'))
    calls.end(20.2, DOWN)
    c = scene.tcp(21)
    _, fetched = user.fetch(c, 21.1)
    return (scene, Story({answered: EVENT}, {fetched: answered}, attempts={fetched: 1}, may_warn=HF))


@CASES
def a_syn_refused():
    scene, user, calls, waits = start()
    _, answered = user.wait(waits, 1, 20)
    calls.end(20.01, DOWN, RST)
    c = scene.tcp(20.1, handshake=False)
    c.segment(20.1, UP, b'', SYN)
    c.segment(20.101, DOWN, b'', RST | ACK)
    d = scene.tcp(21)
    _, fetched = user.fetch(d, 21.1)
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def a_html_503_close_fetch():
    scene, user, calls, waits = start()
    _, answered = user.wait(waits, 1, 20)
    user.ask(calls, 20.05, 'Execute', execute(NOTHING))
    calls.send(20.06, DOWN,
        b'HTTP/1.0 503 Service Unavailable\r\nCache-Control: no-cache\r\nConnection: close\r\nContent-Type: text/html\r\n\r\n<html><body><h1>503 Service Unavailable</h1>\nNo server is available to handle this request.\n</body></html>\n')
    calls.end(20.07, DOWN)
    c = scene.tcp(21)
    _, fetched = user.fetch(c, 21.1)
    return (scene, Story({answered: EVENT}, {fetched: answered}, attempts={fetched: 1}, may_warn=HF))


@CASES
def a_504_close_wait():
    """HAProxy's own 504, HTTP/1.0, no length, FIN"""
    scene, user, calls, waits = start()
    user.ask(waits, 1, 'NotificationWait', WAIT)
    waits.send(61, DOWN,
        b'HTTP/1.0 504 Gateway Time-out\r\nCache-Control: no-cache\r\nConnection: close\r\nContent-Type: text/html\r\n\r\n<html><body><h1>504 Gateway Time-out</h1></body></html>\n')
    end = waits.end(61.01, DOWN)
    c = scene.tcp(61.1)
    _, answered2 = user.wait(c, 61.2, 70)
    _, fetched = user.fetch(calls, 70.1)
    return (scene, Story({end: CUT, answered2: EVENT}, {fetched: answered2}, may_warn=CO + HF))


@CASES
def a_503_close_fin_in_segment():
    scene, user, calls, waits = start()
    user.ask(waits, 1, 'NotificationWait', WAIT)
    end = waits.send(2, DOWN,
        b'HTTP/1.0 503 Service Unavailable\r\nConnection: close\r\nContent-Type: text/html\r\n\r\n<html><body><h1>503 Service Unavailable</h1></body></html>\n',
        flags=FIN | ACK | PSH)
    c = scene.tcp(3)
    _, answered2 = user.wait(c, 3.1, 70)
    _, fetched = user.fetch(calls, 70.1)
    return (scene, Story({end: CUT, answered2: EVENT}, {fetched: answered2}, may_warn=('oxcnotif.wait.cut_off',) + HF))


@CASES
def a_400_rst():
    scene, user, calls, waits = start()
    user.ask(waits, 1, 'NotificationWait', WAIT)
    end = waits.send(1.1, DOWN, refusal('400 Bad request', PAGE, Connection='close'))
    waits.end(1.11, DOWN, RST | ACK)
    c = scene.tcp(3)
    _, answered2 = user.wait(c, 3.1, 70)
    _, fetched = user.fetch(calls, 70.1)
    return (scene, Story({end: REFUSED, answered2: EVENT}, {fetched: answered2}, may_warn=('oxcnotif.wait.rejected',) + HF))


@CASES
def c_newer_wait_silent():
    scene, user, calls, waits = start()
    request = user.ask(waits, 1, 'NotificationWait', WAIT)
    waits.send(1.05, DOWN, user.answer_head('NotificationWait') + chunk(PROCESSING))
    c = scene.tcp(400)
    _, answered2 = user.wait(c, 400.1, 420)
    _, fetched = user.fetch(calls, 420.1)
    return (scene, Story({request: ABANDONED, answered2: EVENT}, {fetched: answered2},
        may_warn=('mapihttp.no_pending', 'oxcnotif.wait.abandoned')))


@CASES
def c_port_reused():
    scene, user, _, waits = start()
    request = user.ask(waits, 1, 'NotificationWait', WAIT)
    waits.send(1.05, DOWN, user.answer_head('NotificationWait') + chunk(PROCESSING))
    c = scene.tcp(400, client_port=waits.ports[0], first=5000000)
    _, fetched = user.fetch(c, 401)
    return (scene, Story({request: ABANDONED}, {}, mails=[fetched],
        may_warn=('mapihttp.no_pending', 'oxcnotif.wait.abandoned', 'mapihttp.cut_off')))


@CASES
def c_other_address():
    scene, user, _, waits = start()
    request = user.ask(waits, 1, 'NotificationWait', WAIT)
    waits.send(1.05, DOWN, user.answer_head('NotificationWait') + chunk(PROCESSING))
    c = scene.tcp(60, client='10.77.0.9')
    d = scene.tcp(60.01, client='10.77.0.9')
    early = user.fetch(c, 60.1, 16)[1]
    _, answered2 = user.wait(d, 61, 70)
    _, fetched = user.fetch(c, 70.1, 17)
    return (scene, Story({request: ABANDONED, answered2: EVENT}, {fetched: answered2}, mails=[early],
        may_warn=('mapihttp.no_pending', 'oxcnotif.wait.abandoned')))


@CASES
def c_pending_stops():
    """PENDINGs every 15 s stop at 60 s; the client goes on calling until 240 s"""
    scene, user, calls, waits = start()
    request = user.ask(waits, 1, 'NotificationWait', WAIT)
    waits.send(1.05, DOWN, user.answer_head('NotificationWait') + chunk(PROCESSING))
    for t in (16, 31, 46):
        waits.send(t, DOWN, chunk(PENDING))
    for i in range(10):
        t = 60 + 20 * i
        user.ask(calls, t, 'Execute', execute(NOTHING))
        user.answer(calls, t + 0.02, 'Execute', executed(NOTHING))
    return (scene, Story({request: ABANDONED}, {}, warnings={},
        may_warn=('mapihttp.no_pending', 'oxcnotif.wait.abandoned')))


@CASES
def c_still_waiting():
    """healthy wait still open at the end of the capture: nothing is told"""
    scene, user, calls, waits = start()
    user.ask(waits, 1, 'NotificationWait', WAIT)
    waits.send(1.05, DOWN, user.answer_head('NotificationWait') + chunk(PROCESSING))
    for t in (16, 31, 46, 61):
        waits.send(t, DOWN, chunk(PENDING))
    user.ask(calls, 63, 'Execute', execute(NOTHING))
    user.answer(calls, 63.02, 'Execute', executed(NOTHING))
    return (scene, Story({}, {}))


@CASES
def c_client_resets_after_silence():
    scene, user, calls, waits = start()
    user.ask(waits, 1, 'NotificationWait', WAIT)
    waits.send(1.05, DOWN, user.answer_head('NotificationWait') + chunk(PROCESSING))
    end = waits.end(331, UP, RST | ACK)
    c = scene.tcp(331.1)
    _, answered2 = user.wait(c, 331.2, 340)
    _, fetched = user.fetch(calls, 340.1)
    return (scene, Story({end: (CUT, BY_CLIENT), answered2: EVENT}, {fetched: answered2},
        may_warn=('mapihttp.no_pending', 'oxcnotif.wait.cut_off', 'mapihttp.cut_off')))


@CASES
def c_retransmissions_die():
    """the wait's request is never acknowledged: retransmitted 5 times, the client gives up and connects anew"""
    scene, user, calls, waits = start()
    d = user.question('NotificationWait', WAIT)
    request = waits.send(1, UP, d, acknowledged=False)
    waits.seq[0] -= len(d)
    for i in range(1, 6):
        waits.send(1 + 0.3 * 2 ** i, UP, d, acknowledged=False)
        waits.seq[0] -= len(d)
    c = scene.tcp(22)
    _, answered2 = user.wait(c, 22.1, 40)
    _, fetched = user.fetch(calls, 40.1)
    return (scene, Story({request: ABANDONED, answered2: EVENT}, {fetched: answered2},
        may_warn=('oxcnotif.wait.abandoned',)))


@CASES
def c_two_wakes_one_fetch():
    scene, user, calls, waits = start()
    _, answered = user.wait(waits, 1, 20)
    _, answered2 = user.wait(waits, 20.01, 25)
    _, fetched = user.fetch(calls, 25.1)
    return (scene, Story({answered: EVENT, answered2: EVENT}, {fetched: answered2}))


@CASES
def c_timeouts_all_day():
    scene, user, _, waits = start()
    ends = {}
    for i in range(4):
        t = 1 + i * 300.1
        _, answered = user.wait(waits, t, t + 300, 0, pings=tuple((t + 15 * k for k in range(1, 20))))
        ends[answered] = TIMEOUT
    return (scene, Story(ends))


@CASES
def c_exit_after_wake():
    """wake-up, then the user quits: Disconnect and end"""
    scene, user, calls, waits = start()
    _, answered = user.wait(waits, 1, 20)
    user.ask(calls, 20.05, 'Disconnect', DISCONNECT)
    user.answer(calls, 20.06, 'Disconnect', DISCONNECTED)
    calls.end(20.1, UP)
    waits.end(20.1, UP)
    return (scene, Story({answered: EVENT}))


@CASES
def c_wait_on_call_connection():
    """one connection for all: the wait is answered before each call"""
    scene = Scene()
    user = User()
    calls = scene.tcp(0)
    user.open(calls, 0.1)
    _, answered = user.wait(calls, 1, 20)
    _, fetched = user.fetch(calls, 20.1)
    _, answered2 = user.wait(calls, 21, 30)
    _, fr2 = user.fetch(calls, 30.1, 17)
    return (scene, Story({answered: EVENT, answered2: EVENT}, {fetched: answered, fr2: answered2}))


@CASES
def c_network_change():
    """the client resets all its connections and comes back from the same address"""
    scene, user, calls, waits, _ = openwait()
    end = waits.end(30, UP, RST | ACK)
    calls.end(30.001, UP, RST | ACK)
    c = scene.tcp(31)
    d = scene.tcp(31.1)
    user.ask(c, 31.2, 'Execute', execute(NOTHING))
    user.answer(c, 31.22, 'Execute', executed(NOTHING))
    _, answered2 = user.wait(d, 31.3, 40)
    _, fetched = user.fetch(c, 40.1)
    return (scene, Story({end: (CUT, 1), answered2: EVENT}, {fetched: answered2}, may_warn=CO))


@CASES
def c_proxy_swallows_pending():
    """PENDINGs buffered: all in one piece at the end"""
    scene, user, calls, waits = start()
    user.ask(waits, 1, 'NotificationWait', WAIT)
    answered = user.plain(waits, 20, 'NotificationWait', waited(1))
    _, fetched = user.fetch(calls, 20.1)
    return (scene, Story({answered: EVENT}, {fetched: answered}, may_warn=('mapihttp.no_pending',)))


@pytest.mark.parametrize("two_pass", [False, True], ids=["one-pass", "two-passes"])
@pytest.mark.parametrize("name", CASES)
def test_right_story_is_told(tshark, name: str, two_pass: bool):
    scene, right = CASES[name]()
    assert compare(scene, right, name, two_pass) == []
