# SPDX-License-Identifier: GPL-2.0-or-later
"""TLS that is decrypted, also in the tunnel of an explicit proxy (RFC 9110 9.3.6): MAPI/HTTP and RPC over HTTP."""

from __future__ import annotations

import pathlib
import uuid

import pytest
import rpch_streams as pdus
from scene import ACK, DOWN, FIN, PROXY, RST, SERVER, UP, Scene, Tcp, User, WAIT, head
from scene_rpc import Line, answer, ask, bindasync, fetch, openrpc
from scene_tls import Tls, new_keys
from story import CO, CO_RPC, CUT, EVENT, Story, compare


def tunnel(scene: Scene, time: float, port: int) -> Tcp:
    """A connection to the server, or through a proxy."""
    link = scene.tcp(time, server=SERVER if port == 443 else PROXY, port=port)
    if port != 443:
        link.send(time + 0.005, UP, b"CONNECT mail.x.test:443 HTTP/1.1\r\nHost: mail.x.test:443\r\n\r\n")
        link.send(time + 0.006, DOWN, b"HTTP/1.1 200 Connection established\r\n\r\n")
    return link


def channels(scene: Scene, time: float, number: int, port: int, keys: pathlib.Path) -> tuple[Line, Tls]:
    """A virtual connection, and the connection of its OUT channel."""
    into, out = (Tls(tunnel(scene, time + more, port), time + more + 0.01, keys) for more in (0, 0.001))
    time += 0.03
    virtual = uuid.UUID(int=1000 + number)

    def method(name: str, length: int) -> bytes:
        return head(f"{name} /rpc/rpcproxy.dll?ex:6001 HTTP/1.1", {"Accept": "application/rpc", "Host": "mail.x.test",
                                                                  "Content-Length": str(length)})
    out.send(time, UP, method("RPC_OUT_DATA", 76) + pdus.conn_a1(virtual))
    into.send(time + 0.001, UP, method("RPC_IN_DATA", 1 << 30))
    into.send(time + 0.002, UP, pdus.conn_b1(virtual))
    out.send(time + 0.01, DOWN, head("HTTP/1.1 200 Success", {"Content-Type": "application/rpc", "Content-Length": str(1 << 30)}))
    out.send(time + 0.011, DOWN, pdus.CONN_A3)
    out.send(time + 0.02, DOWN, pdus.CONN_C2)
    return Line(lambda when, data: into.send(when, UP, data), lambda when, data: out.send(when, DOWN, data)), out


@pytest.mark.parametrize("two_pass", [False, True], ids=["one-pass", "two-passes"])
@pytest.mark.parametrize("way,closer", [(UP, 1), (DOWN, 2)], ids=["client", "server"])
@pytest.mark.parametrize("port", [443, 8080])
def test_cut_of_rpc_over_http_in_a_tunnel_is_told(tshark, port: int, way: int, closer: int, two_pass: bool):
    scene, keys = Scene(), new_keys()
    (calls, _), (waits, out) = (channels(scene, number / 2, number, port, keys) for number in (0, 1))
    openrpc(calls, 0.1)
    bindasync(waits, 0.6)
    ask(waits, 1, 2)
    answered = answer(waits, 20, 2)
    _, fetched = fetch(calls, 20.1, 5)
    ask(waits, 21, 3)
    end = out.end(61, way, RST | ACK)
    right = Story({answered: EVENT, end: (CUT, closer)}, {fetched: answered}, may_warn=CO_RPC)
    assert compare(scene, right, f"rpch-tunnel-{port}-{way}", two_pass, {"tls.keylog_file": keys}) == []


@pytest.mark.parametrize("two_pass", [False, True], ids=["one-pass", "two-passes"])
@pytest.mark.parametrize("flags", [FIN | ACK, RST | ACK], ids=["FIN", "RST"])
@pytest.mark.parametrize("port", [443, 8080, 3128])
def test_cut_in_a_tunnel_is_told(tshark, port: int, flags: int, two_pass: bool):
    scene, user, keys, links = Scene(), User(), new_keys(), []
    for time in (0, 0.005):
        links.append(Tls(tunnel(scene, time, port), time + 0.01, keys))
    calls, waits = links
    user.open(calls, 0.1)
    _, answered = user.wait(waits, 1, 20, pings=(15,))
    _, fetched = user.fetch(calls, 20.1)
    user.ask(waits, 21, "NotificationWait", WAIT)
    end = waits.end(61, DOWN, flags)
    right = Story({answered: EVENT, end: (CUT, 2)}, {fetched: answered}, may_warn=CO)
    assert compare(scene, right, f"tunnel-{port}-{flags}", two_pass, {"tls.keylog_file": keys}) == []
