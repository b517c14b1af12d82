# SPDX-License-Identifier: GPL-2.0-or-later
"""Captures of two capture points in ring-buffer files, of generated traffic (test-captures/generator), in which clients are
seen at both points, share an address behind NAT, go on from another address, or come through a proxy of which both sides
are captured."""

from __future__ import annotations

import collections
import dataclasses
import ipaddress
import pathlib
import struct
import sys
from collections.abc import Callable, Iterable, Iterator

GENERATOR = pathlib.Path(__file__).resolve().parents[2] / "test-captures" / "generator"
NAT, PROXY = (ipaddress.ip_address(text).packed for text in ("203.0.113.9", "198.51.100.200"))
HTTP = 80


@dataclasses.dataclass
class Traffic:
    files: list[pathlib.Path]
    clients: int
    frames: int
    roamed: list[tuple[str, str]]       # before and after
    behind_nat: list[str]
    proxied: list[str]


@dataclasses.dataclass
class Packet:
    """An Ethernet frame of the generator: no options of IP, no tags."""

    time: int           # microseconds
    frame: bytes

    @property
    def ends(self) -> tuple[bytes, bytes, int, int]:
        at, size = (26, 4) if self.frame[12] == 8 else (22, 16)
        ports = 34 if size == 4 else 54
        return (self.frame[at:at + size], self.frame[at + size:at + 2 * size],
                *struct.unpack_from(">HH", self.frame, ports))

    @property
    def is_tcp(self) -> bool:
        return self.frame[23 if self.frame[12] == 8 else 20] == 6

    def between(self, source: bytes, target: bytes, source_port: int, target_port: int, later: int = 0) -> Packet:
        """The same packet of IPv4 between others; its checksums are not made anew, as an offloading card leaves them."""
        return Packet(self.time + later, self.frame[:26] + source + target + struct.pack(">HH", source_port, target_port)
                      + self.frame[38:])


def _read(path: pathlib.Path) -> Iterator[Packet]:
    data = path.read_bytes()
    at = 0
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        if kind == 6:
            _, high, low, captured, _ = struct.unpack_from("<IIIII", data, at + 8)
            yield Packet(high << 32 | low, data[at + 28:at + 28 + captured])
        at += length


class _Scene:
    """Who is where."""

    def __init__(self, packets: list[Packet]) -> None:
        self.client_of: dict[frozenset[tuple[bytes, int]], bytes] = {}
        ports = collections.defaultdict(set)
        for packet in packets:
            source, target, source_port, target_port = packet.ends
            if packet.is_tcp and packet.frame[47 if len(source) == 4 else 67] & 0x12 == 2:
                ports[source].add(target_port)
        self.clients = sorted(ports)
        plain = [client for client in self.clients if len(client) == 4]
        http = [client for client in plain if ports[client] == {HTTP}]
        rpc = [client for client in plain if HTTP not in ports[client]]
        few = max(2, len(self.clients) // 100)
        self.proxied = set(http[:3 * few])
        self.roaming = {client: ipaddress.ip_address(f"10.99.0.{number}").packed
                        for number, client in enumerate([*http[3 * few:4 * few], *rpc[:few]], 1)}
        self.hidden = set([*http[4 * few:5 * few], *rpc[few:2 * few]])
        self.ports: dict[tuple[bytes, int], int] = {}
        self.moved: set[tuple[bytes, int]] = set()

    def port(self, client: bytes, port: int) -> int:
        return self.ports.setdefault((client, port), 10000 + len(self.ports))

    def seen(self, packet: Packet, middle: int) -> Iterator[tuple[str, Packet]]:
        """The capture points that see it, and how."""
        source, target, source_port, target_port = packet.ends
        down = source not in self.known
        client, port = (target, target_port) if down else (source, source_port)
        server, server_port = (source, source_port) if down else (target, target_port)

        def by(new: bytes, new_port: int, other: bytes = server, later: int = 0) -> Packet:
            ends = (other, new, server_port, new_port) if down else (new, other, new_port, server_port)
            return packet.between(*ends, later)

        place = sum(client) % 10
        if client in self.proxied:
            first, second = (60, 0) if down else (0, 60)
            yield "front", by(client, port, PROXY, first)
            yield "back", by(PROXY, self.port(client, port), server, second)
        elif client in self.hidden:
            yield "back", by(NAT, self.port(client, port) if packet.is_tcp else port)
        elif client in self.roaming:
            if packet.is_tcp and packet.frame[47] & 0x12 == 2 and packet.time > middle:
                self.moved.add((client, port))
            moved = (client, port) in self.moved if packet.is_tcp else packet.time > middle
            yield ("front" if place < 5 else "back"), by(self.roaming[client] if moved else client, port)
        else:
            if place < 5:
                yield "front", packet
            if place >= 4:
                yield "back", Packet(packet.time + 3 * (place == 4), packet.frame)      # a tenth is seen twice

    @property
    def known(self) -> set[bytes]:
        if not hasattr(self, "_known"):
            self._known = set(self.clients)
        return self._known


def _write(path: pathlib.Path, packets: list[Packet]) -> None:
    with path.open("wb", buffering=1 << 20) as stream:
        stream.write(struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28))
        stream.write(struct.pack("<IIHHII", 1, 20, 1, 0, 0x40000, 20))
        for packet in packets:
            size = len(packet.frame)
            length = 32 + (size + 3) // 4 * 4
            stream.write(struct.pack("<IIIIIII", 6, length, 0, packet.time >> 32, packet.time & 0xFFFFFFFF, size, size)
                         + packet.frame + bytes(-size % 4) + struct.pack("<I", length))


# (clients, microseconds of the first and last packet) -> packets that these clients have in addition
More = Callable[[list[bytes], int, int], Iterable[Packet]]


def make(folder: pathlib.Path, sessions: int, files: int, seed: int = 1, events: int = 10,
         conditions: tuple[str, ...] = ("complete",), more: More | None = None) -> Traffic:
    """Writes the files of both points below the folder."""
    sys.path.insert(0, str(GENERATOR))
    try:
        from simulation.scenario import World
    finally:
        sys.path.remove(str(GENERATOR))
    world = World(sessions, seed, list(conditions), folder, events)
    world.run()
    base = folder / f"{'-'.join(sorted(conditions))}.pcapng"
    packets = list(_read(base))
    base.unlink()
    (folder / f"{base.stem}.truth.jsonl").unlink()
    scene = _Scene(packets)
    start, end = packets[0].time, packets[-1].time + 1
    points: dict[str, list[Packet]] = {"front": [], "back": []}
    for packet in sorted([*packets, *more(scene.clients, start, end)], key=lambda packet: packet.time) if more else packets:
        for point, one in scene.seen(packet, (start + end) // 2):
            points[point].append(one)
    made, each = [], files // 2
    for point, seen in sorted(points.items()):
        (folder / point).mkdir()
        seen.sort(key=lambda packet: packet.time)
        slices: list[list[Packet]] = [[] for _ in range(each)]
        for packet in seen:
            slices[min(each - 1, (packet.time - start) * each // (end - start))].append(packet)
        for number, part in enumerate(slices):
            made.append(folder / point / f"{point}_{number:05}.pcapng")
            _write(made[-1], part)
    text = {client: str(ipaddress.ip_address(client)) for client in scene.clients}
    return Traffic(made, len(scene.clients), sum(map(len, points.values())),
                   [(text[old], str(ipaddress.ip_address(new))) for old, new in scene.roaming.items()],
                   [text[client] for client in scene.hidden], [text[client] for client in scene.proxied])
