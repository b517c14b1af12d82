# SPDX-License-Identifier: GPL-2.0-or-later
"""Packets that were captured twice, on a mirror port or on both hosts, and repeated by TCP."""

from __future__ import annotations

import pytest
from scene import (ACK, DONE, DOWN, LAST_CHUNK, NOTHING, PROCESSING, RST, UP, User, WAIT, chunk, execute, executed, mail,
                   openwait, rop_buffer, start, waited)
from scene_rpc import answer, ask, both, fetch, rpchline, tcpline
from story import CO, CUT, Cases, EVENT, Story, TIMEOUT, compare

CASES = Cases()


def dup(scene, delay, ttl=0, way=None):
    for p in list(scene.packets):
        if way is not None and (p.data[26:30] == bytes([10, 1, 0, 5])) != (way == UP):
            continue
        d = bytearray(p.data)
        d[22] -= ttl
        scene.packet(p.time + delay, bytes(d))


def full():
    scene, user, calls, waits = start()
    _, answered = user.wait(waits, 1, 20, pings=(15,))
    _, fetched = user.fetch(calls, 20.15)
    _, answered2 = user.wait(waits, 21, 30)
    _, fr2 = user.fetch(calls, 30.15, 17)
    return (scene, Story({answered: EVENT, answered2: EVENT}, {fetched: answered, fr2: answered2}))


@CASES
def k_dup_20ms():
    scene, st = full()
    dup(scene, 0.02, 5)
    return (scene, st)


@CASES
def k_dup_server_only():
    scene, st = full()
    dup(scene, 3e-06, 0, DOWN)
    return (scene, st)


@CASES
def k_dup_client_only():
    scene, st = full()
    dup(scene, 3e-06, 0, UP)
    return (scene, st)


@CASES
def k_dup_60ms():
    scene, st = full()
    dup(scene, 0.06, 9)
    return (scene, st)


@CASES
def k_dup_half_of_time():
    scene, st = full()
    old = list(scene.packets)
    for p in old:
        if p.time > 10:
            scene.packet(p.time + 4e-06, p.data)
    return (scene, st)


@CASES
def k_request_retransmitted():
    scene, user, calls, waits = start()
    d = user.question('NotificationWait', WAIT)
    waits.send(1, UP, d, acknowledged=False)
    waits.seq[0] -= len(d)
    waits.send(1.3, UP, d)
    answered = user.answer(waits, 1.4, 'NotificationWait', waited(1), 18)
    d = user.question('Execute', execute(NOTHING))
    calls.send(20, UP, d, acknowledged=False)
    calls.seq[0] -= len(d)
    calls.send(20.3, UP, d)
    fetched = user.answer(calls, 20.4, 'Execute', executed(mail()))
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def k_both_hosts_skewed():
    """client's and server's captures merged, the server's clock 0.2 s ahead"""
    scene, st = full()
    for p in list(scene.packets):
        up = p.data[26:30] == bytes([10, 1, 0, 5])
        d = bytearray(p.data)
        d[22] -= 4
        scene.packet(p.time + (0.02 if up else -0.02) + 0.2, bytes(d))
    return (scene, st)


@CASES
def c_two_open_first_times_out():
    scene, user, calls, waits = start()
    c = scene.tcp(0.01)
    user.ask(waits, 1, 'NotificationWait', WAIT)
    h = user.answer_head('NotificationWait')
    waits.send(1.05, DOWN, h + chunk(PROCESSING))
    user.ask(c, 2, 'NotificationWait', WAIT)
    c.send(2.1, DOWN, user.answer_head('NotificationWait') + chunk(PROCESSING))
    answered = waits.send(3, DOWN, chunk(DONE + waited(0)) + LAST_CHUNK)
    answered2 = c.send(20, DOWN, chunk(DONE + waited(1)) + LAST_CHUNK)
    _, fetched = user.fetch(calls, 20.1)
    return (scene, Story({answered: TIMEOUT, answered2: EVENT}, {fetched: answered2}))


@CASES
def c_server_restart():
    scene, user, calls, waits, _ = openwait()
    end = waits.end(30, DOWN, RST | ACK)
    calls.end(30.001, DOWN, RST | ACK)
    c = scene.tcp(40)
    d = scene.tcp(40.01)
    v = User('anna')
    v.context = 'MapiContext=new'
    v.guid = user.guid
    v.count = user.count
    v.open(c, 40.1)
    _, answered2 = v.wait(d, 41, 50)
    _, fetched = v.fetch(c, 50.1)
    return (scene, Story({end: (CUT, 2), answered2: EVENT}, {fetched: answered2}, sessions=2, may_warn=CO))


@CASES
def c_fetch_slow():
    scene, user, calls, waits = start()
    _, answered = user.wait(waits, 1, 20)
    user.ask(calls, 20.1, 'Execute', execute(NOTHING))
    fetched = user.answer(calls, 45, 'Execute', executed(mail()))
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def c_fetch_nothing_then_mail():
    """wake-up; a first call was under way since before it and brings the mail; the empty fetch after it"""
    scene, user, calls, waits = start()
    user.ask(calls, 19.9, 'Execute', execute(rop_buffer(b'', 1)))
    _, answered = user.wait(waits, 1, 20)
    fetched = user.answer(calls, 20.05, 'Execute', executed(mail()))
    user.ask(calls, 20.1, 'Execute', execute(NOTHING))
    user.answer(calls, 20.2, 'Execute', executed(NOTHING))
    return (scene, Story({answered: EVENT}, {}, mails=[fetched], may_warn=('oxcnotif.followup.empty',)))


@CASES
def t_dup_span():
    scene, m, w = both(tcpline)
    ask(w, 1, 2)
    answered = answer(w, 20, 2)
    _, fetched = fetch(m, 20.1, 5)
    dup(scene, 4e-06)
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def r_dup_span():
    scene, m, w = both(rpchline)
    ask(w, 1, 2)
    answered = answer(w, 20, 2)
    _, fetched = fetch(m, 20.1, 5)
    dup(scene, 4e-06)
    return (scene, Story({answered: EVENT}, {fetched: answered}))


@CASES
def r_dup_routed_cut():
    scene, _, w = both(rpchline)
    ask(w, 1, 2)
    end = w.o.end(61, DOWN, RST | ACK)
    dup(scene, 1e-05, 1)
    return (scene, Story({end: (CUT, 2)}, may_warn=CO))


@pytest.mark.parametrize("two_pass", [False, True], ids=["one-pass", "two-passes"])
@pytest.mark.parametrize("name", CASES)
def test_right_story_is_told(tshark, name: str, two_pass: bool):
    scene, right = CASES[name]()
    assert compare(scene, right, name, two_pass) == []
