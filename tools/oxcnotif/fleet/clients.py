# SPDX-License-Identifier: GPL-2.0-or-later
"""Whose each packet is: a client address, so that all that the plugin remembers of a client is in one part.

A connection is that of the end that sent the SYN, in whichever file. Where no file has the SYN, the other end is the server
if it is one elsewhere, else the end with more connections, else that with the lower port: a wrong guess costs nothing but
time where keys tie the two together (links.py). Datagrams go to the end that is a client of TCP and no server.
Where no end can be chosen, both are one unit.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterable, Mapping, Sequence, Set

import numpy

from . import headers

NOBODY = -1
End = tuple[bytes, int]


class Union:
    """Disjoint sets of numbers."""

    def __init__(self) -> None:
        self.parent: list[int] = []

    def add(self) -> int:
        self.parent.append(len(self.parent))
        return len(self.parent) - 1

    def find(self, number: int) -> int:
        while self.parent[number] != number:
            self.parent[number] = self.parent[self.parent[number]]
            number = self.parent[number]
        return number

    def join(self, one: int, other: int) -> None:
        one, other = sorted((self.find(one), self.find(other)))
        self.parent[other] = one


@dataclasses.dataclass
class Clients:
    """Units are numbers of addresses; `joined` says which of them cannot be told apart."""

    addresses: list[bytes]
    flows: dict[bytes, int]         # key -> unit, NOBODY for what is no traffic of a client
    joined: list[tuple[int, int]]
    near: list[list[int]]           # units that keys probably tie: worth decoding together, but not needed
    guessed: int                    # connections without a SYN whose client was guessed

    def units(self, keys: Sequence[bytes]) -> numpy.ndarray:
        """Of a file's keys."""
        return numpy.array([self.flows[key] for key in keys] or [NOBODY], dtype=numpy.int32)


class _Roles:
    """Who is a server, as far as SYNs and the number of connections show."""

    def __init__(self, flows: Iterable[headers.Flow]) -> None:
        self.accepting: set[End] = set()
        self.callers: set[bytes] = set()
        peers: dict[End, set[End]] = collections.defaultdict(set)
        for flow in flows:
            if flow.protocol != headers.TCP or not (flow.source_port or flow.target_port):
                continue
            source, target = (flow.source, flow.source_port), (flow.target, flow.target_port)
            peers[source].add(target)
            peers[target].add(source)
            if flow.mark:
                called, caller = (source, target) if flow.mark & headers.ACK else (target, source)
                self.accepting.add(called)
                self.callers.add(caller[0])
        self.peers = {end: len(others) for end, others in peers.items()}
        self.servers = {address for address, _ in self.accepting}
        self.guessed: set[frozenset[End]] = set()

    def tcp_client(self, flow: headers.Flow, opened: dict[frozenset[End], End]) -> bytes:
        source, target = (flow.source, flow.source_port), (flow.target, flow.target_port)
        ends = frozenset((source, target))
        if ends in opened:
            return opened[ends][0]
        if (source in self.accepting) != (target in self.accepting):
            return (target if source in self.accepting else source)[0]
        self.guessed.add(ends)
        server = max((source, target), key=lambda end: (self.peers.get(end, 0), -end[1]))
        return (source if server == target else target)[0]


def _opened(flows: Iterable[headers.Flow]) -> dict[frozenset[End], End]:
    """The connections whose SYN is there: the end that sent it."""
    found: dict[frozenset[End], End] = {}
    for flow in flows:
        if flow.protocol == headers.TCP and flow.mark:
            source, target = (flow.source, flow.source_port), (flow.target, flow.target_port)
            found[frozenset((source, target))] = target if flow.mark & headers.ACK else source
    return found


def _is_group(address: bytes) -> bool:
    return address[0] == 0xFF or len(address) == 4 and address[0] >= 224


def _near(known: Sequence[headers.Flow], clients: Mapping[headers.Flow, bytes], servers: Set[bytes]) -> list[set[bytes]]:
    """Addresses that keys probably tie: the clients of a proxy and the proxy, which is the client of another server; and
    those that servers send datagrams to the same port unasked, as behind address translation ports and bytes tell them apart."""
    groups: dict[bytes | int, set[bytes]] = collections.defaultdict(set)
    callers, flows = set(clients.values()), set(known)
    for flow, client in clients.items():
        server = flow.target if client == flow.source else flow.source
        if server in callers:
            groups[server] |= {client, server}
    for flow in known:
        if flow.protocol == headers.UDP and flow.source in servers and flow.reverse() not in flows:
            groups[flow.target_port].add(flow.target)
    return [group for group in groups.values() if len(group) > 1]


def assign(keys: Iterable[bytes]) -> Clients:
    """The unit of each key of any file."""
    flows = {key: headers.flow(key) for key in keys}
    known = [flow for flow in flows.values() if flow]
    roles, opened = _Roles(known), _opened(known)
    numbers: dict[bytes, int] = {}
    units: dict[bytes, int] = {}
    joined: set[tuple[int, int]] = set()
    # A later fragment has no ports: it goes where the addresses say, as datagrams do.
    clients = {flow: roles.tcp_client(flow, opened) for flow in known
               if flow.protocol == headers.TCP and (flow.source_port or flow.target_port)}
    callers = set(clients.values())

    def unit(address: bytes) -> int:
        return numbers.setdefault(address, len(numbers))

    for key, flow in flows.items():
        if flow is None:
            units[key] = NOBODY
            continue
        if flow in clients:
            units[key] = unit(clients[flow])
            continue
        source, target = flow.source, flow.target
        if _is_group(target):
            units[key] = unit(source)
            continue
        # What fits better stands first: a client that is no server; a client, as a proxy is one, too; no server.
        ranks = [(address in callers and address not in roles.servers, address in callers, address not in roles.servers)
                 for address in (source, target)]
        if ranks[0] == ranks[1]:
            joined.add((unit(source), unit(target)))
        units[key] = unit(source if ranks[0] > ranks[1] else target)
    near = [sorted(numbers[address] for address in group if address in numbers) for group in _near(known, clients, roles.servers)]
    return Clients(list(numbers), units, sorted(joined), near, len(roles.guessed))
