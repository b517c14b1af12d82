# SPDX-License-Identifier: GPL-2.0-or-later
"""MAPI/HTTP over TLS that is decrypted, also in the tunnel of an explicit proxy (RFC 9110 9.3.6)."""

from __future__ import annotations

import pytest
from scene import ACK, DOWN, FIN, PROXY, RST, SERVER, UP, Scene, User, WAIT
from scene_tls import Tls, new_keys
from story import CO, CUT, EVENT, Story, compare


@pytest.mark.parametrize("two_pass", [False, True], ids=["one-pass", "two-passes"])
@pytest.mark.parametrize("flags", [FIN | ACK, RST | ACK], ids=["FIN", "RST"])
@pytest.mark.parametrize("port", [443, 8080, 3128])
def test_cut_in_a_tunnel_is_told(tshark, port: int, flags: int, two_pass: bool):
    scene, user, keys, links = Scene(), User(), new_keys(), []
    for time in (0, 0.005):
        link = scene.tcp(time, server=SERVER if port == 443 else PROXY, port=port)
        if port != 443:
            link.send(time + 0.01, UP, b"CONNECT mail.x.test:443 HTTP/1.1\r\nHost: mail.x.test:443\r\n\r\n")
            link.send(time + 0.02, DOWN, b"HTTP/1.1 200 Connection established\r\n\r\n")
        links.append(Tls(link, time + 0.03, keys))
    calls, waits = links
    user.open(calls, 0.1)
    _, answered = user.wait(waits, 1, 20, pings=(15,))
    _, fetched = user.fetch(calls, 20.1)
    user.ask(waits, 21, "NotificationWait", WAIT)
    end = waits.end(61, DOWN, flags)
    right = Story({answered: EVENT, end: (CUT, 2)}, {fetched: answered}, may_warn=CO)
    assert compare(scene, right, f"tunnel-{port}-{flags}", two_pass, {"tls.keylog_file": keys}) == []
