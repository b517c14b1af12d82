# SPDX-License-Identifier: GPL-2.0-or-later
"""Addresses and ports of a packet, from its link and IP headers: nothing above them is read here.

A key is protocol, mark (the SYN and ACK flags of a TCP segment with SYN, else 0), both addresses, both ports if there are
any. Frames in which another header hides the addresses (tunnels, extension headers) have the key HIDDEN: tshark is asked
for those.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import mmap
from collections.abc import Callable

HIDDEN = b"?"
NOTHING = b""       # ARP and the like: no traffic of Exchange

TCP, UDP = 6, 17
SYN, ACK = 2, 16
_TUNNELS = frozenset((4, 41, 47, 50, 51, 94, 97, 115, 137))
_TUNNEL_PORTS = frozenset(port.to_bytes(2, "big") for port in (4789, 4790, 6081, 8472, 37008))
_VLANS = frozenset((b"\x81\x00", b"\x88\xa8", b"\x91\x00"))
_IP4, _IP6, _ARP = b"\x08\x00", b"\x86\xdd", b"\x08\x06"
_NO_IP = frozenset((_ARP, b"\x88\xcc", b"\x80\x35", b"\x88\x09", b"\x88\x8e"))
_EXTENSIONS = frozenset((0, 43, 44, 60, 135, 139, 140))

Buffer = bytes | mmap.mmap
Reader = Callable[[Buffer, int, int], bytes]


def _transport(buffer: Buffer, at: int, end: int, protocol: int, addresses: bytes) -> bytes:
    if protocol == TCP:
        if at + 14 > end:
            return bytes((TCP, 0)) + addresses
        flags = buffer[at + 13]
        return bytes((TCP, flags & (SYN | ACK) if flags & SYN else 0)) + addresses + buffer[at:at + 4]
    if protocol == UDP:
        ports = buffer[at:at + 4] if at + 4 <= end else b""
        return HIDDEN if ports[2:] in _TUNNEL_PORTS else bytes((UDP, 0)) + addresses + ports
    return HIDDEN if protocol in _TUNNELS else bytes((protocol, 0)) + addresses


def _ip4(buffer: Buffer, at: int, end: int) -> bytes:
    if at + 20 > end:
        return NOTHING
    addresses = buffer[at + 12:at + 20]
    if buffer[at + 6] & 0x1F or buffer[at + 7]:     # a later fragment has no ports
        return bytes((buffer[at + 9], 0)) + addresses
    return _transport(buffer, at + (buffer[at] & 15) * 4, end, buffer[at + 9], addresses)


def _ip6(buffer: Buffer, at: int, end: int) -> bytes:
    if at + 40 > end:
        return NOTHING
    following = buffer[at + 6]
    if following in _EXTENSIONS:
        return HIDDEN
    return _transport(buffer, at + 40, end, following, buffer[at + 8:at + 40])


def _by_type(buffer: Buffer, kind: bytes, at: int, end: int) -> bytes:
    while kind in _VLANS:
        kind = buffer[at + 2:at + 4]
        at += 4
    if kind == _IP4:
        return _ip4(buffer, at, end)
    if kind == _IP6:
        return _ip6(buffer, at, end)
    return NOTHING if kind in _NO_IP or kind[0] < 6 else HIDDEN


def _ethernet(buffer: Buffer, at: int, end: int) -> bytes:
    return _by_type(buffer, buffer[at + 12:at + 14], at + 14, end) if at + 14 <= end else NOTHING


def _cooked(buffer: Buffer, at: int, end: int) -> bytes:
    return _by_type(buffer, buffer[at + 14:at + 16], at + 16, end) if at + 16 <= end else NOTHING


def _cooked2(buffer: Buffer, at: int, end: int) -> bytes:
    return _by_type(buffer, buffer[at:at + 2], at + 20, end) if at + 20 <= end else NOTHING


def _raw(buffer: Buffer, at: int, end: int) -> bytes:
    if at >= end:
        return NOTHING
    return _ip4(buffer, at, end) if buffer[at] >> 4 == 4 else _ip6(buffer, at, end)


def _hidden(buffer: Buffer, at: int, end: int) -> bytes:
    return HIDDEN


_READERS: dict[int, Reader] = {1: _ethernet, 12: _raw, 101: _raw, 113: _cooked, 228: _raw, 229: _raw, 276: _cooked2}


def reader(link_type: int) -> Reader:
    """What reads the key of a packet of this link type: (buffer, where the packet begins, where it ends)."""
    return _READERS.get(link_type, _hidden)


@dataclasses.dataclass(frozen=True)
class Flow:
    """What a key says. port 0: not known."""

    protocol: int
    mark: int
    source: bytes
    target: bytes
    source_port: int
    target_port: int

    def reverse(self) -> Flow:
        """The flow of answers."""
        return Flow(self.protocol, self.mark, self.target, self.source, self.target_port, self.source_port)


def flow(key: bytes) -> Flow | None:
    """None for frames without addresses."""
    if len(key) < 10:
        return None
    size = 16 if len(key) >= 34 else 4
    ports = key[2 + 2 * size:]
    return Flow(key[0], key[1], key[2:2 + size], key[2 + size:2 + 2 * size],
                int.from_bytes(ports[:2], "big"), int.from_bytes(ports[2:4], "big"))


def key_of(protocol: int, flags: int, source: str, target: str, ports: tuple[int, int] | None) -> bytes:
    """The key of what tshark found in a frame."""
    mark = flags & (SYN | ACK) if protocol == TCP and flags & SYN else 0
    tail = b"".join(port.to_bytes(2, "big") for port in ports or ())
    return bytes((protocol, mark)) + ipaddress.ip_address(source).packed + ipaddress.ip_address(target).packed + tail


def text(address: bytes) -> str:
    return str(ipaddress.ip_address(address))
