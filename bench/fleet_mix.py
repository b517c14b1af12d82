# SPDX-License-Identifier: GPL-2.0-or-later
"""What the clients of tests/lib/fleet_traffic.py do beside waiting for notifications, in frames as large as a mail server's.

Most bytes are mail: a session opens a table and a FastTransfer stream, and each of its eight wake-ups is followed by a fetch, by
messages or 50 rows of the table, and by one to three buffers of 31,680 bytes, which is a mail of 63 kB on average. The rest is
web pages (OWA, EWS, health checks), TLS that nobody decrypts, DNS, and TCP of no known protocol, as a port of a server shows.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator

import traffic
from fleet_traffic import Packet
from rpch_streams import Capture

MAIL_SERVER, OTHERS = bytes((198, 51, 100, 20)), bytes((198, 51, 100, 53))
FIRST_LINK = 1000       # the simulated clients have the ports before
SESSION = 720_000       # bytes of one, about
# What other protocols have of all bytes, and the bytes of one unit of their size.
OTHER: list[tuple[traffic.Maker, float, int]] = [(traffic.http, 0.15, 7_000), (traffic.tls, 0.25, 5_040),
                                                 (traffic.tcp, 0.04, 3_530), (traffic.dns, 0.01, 174)]
UNITS = 50              # of another protocol in one go


class _Paused(Capture):
    """Frames of one client with one server; some come only after a pause."""

    def __init__(self, links: int) -> None:
        super().__init__()
        self.links = links
        self.pauses: dict[int, int] = {}        # microseconds before a frame

    def pause(self, seconds: float) -> None:
        self.pauses[len(self.frames)] = int(seconds * 1e6)

    def packets(self, now: int, client: bytes, server: bytes, rng: random.Random) -> Iterator[Packet]:
        for number, frame in enumerate(self.frames):
            now += self.pauses.get(number, 0) + rng.randrange(100, 1900)
            ends = client + server if frame[29] == 100 else server + client
            yield Packet(now, frame[:26] + ends + frame[34:])


def _session(capture: _Paused, number: int, rng: random.Random) -> None:
    client = traffic.Client(capture, number)
    client.execute(traffic.open_table())
    client.execute(traffic.open_stream())
    for round_ in range(traffic.ROUNDS):
        capture.pause(rng.expovariate(1 / 20))
        client.round(round_)
        client.execute(traffic.open_messages(round_) if round_ % 2 else traffic.query_rows(round_))
        for part in range(rng.randrange(1, 4)):
            client.execute(traffic.get_buffer(round_ + part))


@dataclasses.dataclass
class Mix:
    """Packets of so many bytes in all, for fleet_traffic.make(). Some clients do much, most do little."""

    size: int
    seed: int

    def __call__(self, clients: list[bytes], start: int, end: int) -> Iterator[Packet]:
        rng = random.Random(self.seed)
        clients = [client for client in clients if len(client) == 4]
        weights = [rng.expovariate(1) for _ in clients]
        links = dict.fromkeys(clients, FIRST_LINK)

        def conversation(client: bytes) -> tuple[_Paused, int]:
            return _Paused(links[client]), rng.randrange(start, end - (end - start) // 5)

        def packets(capture: _Paused, now: int, client: bytes, server: bytes) -> Iterator[Packet]:
            links[client] = capture.links
            for packet in capture.packets(now, client, server, rng):
                if packet.time < end:
                    yield packet

        mail = 1 - sum(share for _, share, _ in OTHER)
        for number, client in enumerate(rng.choices(clients, weights, k=int(self.size * mail / SESSION))):
            capture, now = conversation(client)
            _session(capture, number + 1000, rng)
            yield from packets(capture, now, client, MAIL_SERVER)
        for maker, share, unit in OTHER:
            for client in rng.choices(clients, weights, k=int(self.size * share / unit / UNITS)):
                capture, now = conversation(client)
                maker(capture, UNITS)
                yield from packets(capture, now, client, OTHERS)
