# SPDX-License-Identifier: GPL-2.0-or-later
"""Bodies of MAPI/HTTP that are not MAPI: encoded, cut short, or pages of a device."""

from __future__ import annotations

import gzip
import zlib

import pytest
from scene import (ACK, DONE, DOWN, FIN, LAST_CHUNK, NOTHING, PAGE, PENDING, PROCESSING, PSH, WAIT, chunk, execute,
                   executed, mail, refusal, start, waited)
from story import CUT, Cases, EVENT, HF, REFUSED, Story, compare

CASES = Cases()


def enc(coding, pack, whole=True):

    def f():
        scene, user, calls, waits = start()
        user.ask(waits, 1, 'NotificationWait', WAIT, Accept_Encoding='gzip, deflate')
        if whole:
            body = pack(PROCESSING + PENDING + DONE + waited(1))
            answered = waits.send(20, DOWN, user.answer_head('NotificationWait',
                Content_Encoding=coding) + chunk(body) + LAST_CHUNK)
        user.ask(calls, 20.1, 'Execute', execute(NOTHING))
        body = pack(PROCESSING + DONE + executed(mail()))
        fetched = calls.send(20.2, DOWN, user.answer_head('Execute', Content_Encoding=coding, Transfer_Encoding=None,
            Content_Length=str(len(body))) + body)
        return (scene, answered, fetched)
    return f


def rawdeflate(d):
    c = zlib.compressobj(9, zlib.DEFLATED, -15)
    return c.compress(d) + c.flush()


@CASES
def e_gzip():
    scene, answered, fetched = enc('gzip', gzip.compress)()
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def e_deflate():
    scene, answered, fetched = enc('deflate', zlib.compress)()
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def e_deflate_raw():
    scene, answered, fetched = enc('deflate', rawdeflate)()
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def e_identity():
    scene, answered, fetched = enc('identity', lambda d: d)()
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def e_gzip_upper():
    scene, answered, fetched = enc('GZIP', gzip.compress)()
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def e_zstd():
    """unknown coding: the wait was answered, nobody knows how; no refusal, no wake-up invented"""
    scene, _, _ = enc('zstd', lambda d: b'(\xb5/\xfd' + bytes((255 - end for end in d)))()
    return (scene, Story({}, {}, may_warn=('mapihttp.encoded',)))


@CASES
def e_html_after_done():
    scene, user, calls, waits = start()
    _, answered = user.wait(waits, 1, 20)
    user.ask(calls, 20.1, 'Execute', execute(NOTHING))
    user.answer(calls, 20.2, 'Execute', b"<html><body>Server Error in '/mapi' Application. Runtime Error</body></html>",
        code=1, Content_Type='text/html')
    _, fetched = user.fetch(calls, 22)
    return (scene, Story({answered: EVENT}, {fetched: answered}, attempts={fetched: 1},
        may_warn=HF + ('mapihttp.response_code_failure',)))


@CASES
def e_html_after_done_wait():
    scene, user, calls, waits = start()
    user.ask(waits, 1, 'NotificationWait', WAIT)
    answered = user.answer(waits, 1.2, 'NotificationWait',
        b"<html><body>Server Error in '/mapi' Application. Runtime Error</body></html>", code=1, after=19,
        Content_Type='text/html')
    _, answered2 = user.wait(waits, 22, 30)
    _, fetched = user.fetch(calls, 30.1)
    return (scene, Story({answered: REFUSED, answered2: EVENT}, {fetched: answered2},
        may_warn=HF + ('mapihttp.response_code_failure', 'oxcnotif.wait.rejected')))


@CASES
def e_error_in_trailing_headers():
    """DONE, then X-ResponseCode of another value in the additional headers (MH 2.2.7), text/html"""
    scene, user, _, waits = start()
    user.ask(waits, 1, 'NotificationWait', WAIT)
    waits.send(1.1, DOWN, user.answer_head('NotificationWait') + chunk(PROCESSING))
    waits.send(16, DOWN, chunk(PENDING))
    answered = waits.send(20, DOWN,
        chunk(b'DONE\r\nX-ResponseCode: 10\r\nX-ElapsedTime: 4\r\nContent-Type: text/html\r\n\r\n<html>Context not found</html>') + LAST_CHUNK)
    return (scene, Story({answered: REFUSED}, {}, may_warn=HF + ('mapihttp.response_code_failure', 'oxcnotif.wait.rejected',
        'oxcnotif.session.lost')))


@CASES
def e_login_page_wait():
    scene, user, calls, waits = start()
    user.ask(waits, 1, 'NotificationWait', WAIT)
    answered = waits.send(1.2, DOWN, refusal('200 OK', "<html><form action='/vpn/login'>Please log on</form></html>"))
    _, answered2 = user.wait(waits, 22, 30)
    _, fetched = user.fetch(calls, 30.1)
    return (scene, Story({answered: REFUSED, answered2: EVENT}, {fetched: answered2},
        may_warn=HF + ('oxcnotif.wait.rejected', 'mapihttp.not_mapi')))


@CASES
def e_login_page_fetch():
    scene, user, calls, waits = start()
    _, answered = user.wait(waits, 1, 20)
    user.ask(calls, 20.1, 'Execute', execute(NOTHING))
    calls.send(20.2, DOWN, refusal('200 OK', "<html><form action='/vpn/login'>Please log on</form></html>",
        Content_Type='text/html; charset=utf-8'))
    _, fetched = user.fetch(calls, 22)
    return (scene, Story({answered: EVENT}, {fetched: answered}, attempts={fetched: 1}, may_warn=HF))


@CASES
def e_524():
    scene, user, calls, waits = start()
    user.ask(waits, 1, 'NotificationWait', WAIT)
    answered = waits.send(101, DOWN, refusal('524 A timeout occurred', '<html>cloudflare</html>', Server='cloudflare',
        CF_RAY='x'))
    _, answered2 = user.wait(waits, 102, 130)
    _, fetched = user.fetch(calls, 130.1)
    return (scene, Story({answered: CUT, answered2: EVENT}, {fetched: answered2}, may_warn=HF + ('oxcnotif.wait.cut_off',)))


@CASES
def e_502():
    scene, user, calls, waits = start()
    user.ask(waits, 1, 'NotificationWait', WAIT)
    answered = waits.send(31, DOWN, refusal('502 Bad Gateway', PAGE))
    _, answered2 = user.wait(waits, 102, 130)
    _, fetched = user.fetch(calls, 130.1)
    return (scene, Story({answered: CUT, answered2: EVENT}, {fetched: answered2},
        may_warn=HF + ('oxcnotif.wait.cut_off', 'oxcnotif.wait.rejected')))


@CASES
def e_haproxy_408_idle():
    """HAProxy writes 408 on an idle connection and closes it: no answer to anything"""
    scene, user, calls, waits = start()
    _, answered = user.wait(waits, 1, 20)
    waits.send(80, DOWN,
        b'HTTP/1.0 408 Request Time-out\r\nCache-Control: no-cache\r\nConnection: close\r\nContent-Type: text/html\r\n\r\n<html><body><h1>408 Request Time-out</h1></body></html>\n',
        flags=FIN | ACK | PSH)
    _, fetched = user.fetch(calls, 20.1)
    return (scene, Story({answered: EVENT}, {fetched: answered}, may_warn=HF))


@CASES
def e_truncated_wait():
    """wait's chunked answer stops inside DONE: FIN of the server side"""
    scene, user, calls, waits = start()
    user.ask(waits, 1, 'NotificationWait', WAIT)
    waits.send(1.1, DOWN, user.answer_head('NotificationWait') + chunk(PROCESSING))
    waits.send(20, DOWN, b'69\r\nDONE\r\nX-Ela')
    end = waits.end(20.1, DOWN)
    c = scene.tcp(20.2)
    _, answered2 = user.wait(c, 21, 30)
    _, fetched = user.fetch(calls, 30.1)
    return (scene, Story({end: (CUT, 2), answered2: EVENT}, {fetched: answered2},
        may_warn=('mapihttp.cut_off', 'oxcnotif.wait.cut_off')))


@CASES
def e_zero_chunk_without_done():
    """a proxy ends the wait's chunked answer properly with 0, without DONE, after 60 s"""
    scene, user, calls, waits = start()
    user.ask(waits, 1, 'NotificationWait', WAIT)
    waits.send(1.1, DOWN, user.answer_head('NotificationWait') + chunk(PROCESSING))
    answered = waits.send(61, DOWN, LAST_CHUNK)
    _, answered2 = user.wait(waits, 62, 70)
    _, fetched = user.fetch(calls, 70.1)
    return (scene, Story({answered: CUT, answered2: EVENT}, {fetched: answered2},
        may_warn=('mapihttp.cut_off', 'oxcnotif.wait.cut_off') + HF + ('mapihttp.preamble_unterminated',)))


@CASES
def e_html_page_no_status_headers_close():
    """HTTP/1.0 503 without length, ended by FIN (HAProxy's own page) to the wait"""
    scene, user, calls, waits = start()
    user.ask(waits, 1, 'NotificationWait', WAIT)
    waits.send(2, DOWN,
        b'HTTP/1.0 503 Service Unavailable\r\nCache-Control: no-cache\r\nConnection: close\r\nContent-Type: text/html\r\n\r\n<html><body><h1>503 Service Unavailable</h1>\nNo server is available to handle this request.\n</body></html>\n')
    end = waits.end(2.01, DOWN)
    c = scene.tcp(3)
    _, answered2 = user.wait(c, 4, 30)
    _, fetched = user.fetch(calls, 30.1)
    return (scene, Story({end: CUT, answered2: EVENT}, {fetched: answered2}, may_warn=HF + ('oxcnotif.wait.cut_off',)))


@pytest.mark.parametrize("two_pass", [False, True], ids=["one-pass", "two-passes"])
@pytest.mark.parametrize("name", CASES)
def test_right_story_is_told(tshark, name: str, two_pass: bool):
    scene, right = CASES[name]()
    assert compare(scene, right, name, two_pass) == []
