# SPDX-License-Identifier: GPL-2.0-or-later
"""Puts the packets of an Ethernet capture under other link layers and into tunnels."""

from __future__ import annotations

import ipaddress
import pathlib
import struct
from collections.abc import Callable, Iterable

import dpkt

MAC = bytes.fromhex("020000000001020000000002")
OUTER = ("192.0.2.1", "192.0.2.2")
IPV6_PREFIX = int(ipaddress.IPv6Address("2001:db8::"))


def packets(captures: Iterable[pathlib.Path]) -> list[tuple[int, bytes]]:
    """Nanoseconds and Ethernet frame of each packet, one capture an hour after the other."""
    found: list[tuple[int, bytes]] = []
    for capture in captures:
        with capture.open("rb") as stream:
            reader = dpkt.pcapng.Reader(stream)
            unit = 10**9 // int(reader._divisor)
            reader._divisor = 1         # whole numbers, which a float would round
            read = [(int(time) * unit, bytes(data)) for time, data in reader]
        shift = found[-1][0] + 3600 * 10**9 - read[0][0] if found else 0
        found += [(time + shift, data) for time, data in read]
    return found


def write(path: pathlib.Path, linktype: int, rewritten: list[tuple[int, bytes]]) -> None:
    """A pcap file with nanoseconds."""
    with path.open("wb") as stream:
        stream.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, linktype))
        for time, data in rewritten:
            stream.write(struct.pack("<IIII", time // 10**9, time % 10**9, len(data), len(data)) + data)


def ip_of(frame: bytes) -> bytes:
    """The IPv4 packet, without what Ethernet padded."""
    assert frame[12:14] == b"\x08\x00"
    return frame[14:14 + int.from_bytes(frame[16:18], "big")]


def checksum(data: bytes) -> int:
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ipv4(protocol: int, payload: bytes) -> bytes:
    source, destination = (ipaddress.IPv4Address(text).packed for text in OUTER)
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, 0x4000, 64, protocol, 0, source, destination)
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + payload


def ethernet(kind: int, payload: bytes) -> bytes:
    return MAC + struct.pack(">H", kind) + payload


def udp(port: int, payload: bytes) -> bytes:
    return struct.pack(">HHHH", 49152, port, 8 + len(payload), 0) + payload


def as_ipv6(address: bytes) -> bytes:
    return (IPV6_PREFIX + int.from_bytes(address, "big")).to_bytes(16, "big")


def ipv6_of(frame: bytes) -> bytes:
    """The same packet as IPv6, with the address 198.51.100.10 as 2001:db8::c633:640a."""
    packet = ip_of(frame)
    assert packet[0] == 0x45 and not int.from_bytes(packet[6:8], "big") & 0x3FFF
    source, destination, rest = as_ipv6(packet[12:16]), as_ipv6(packet[16:20]), bytearray(packet[20:])
    at = {6: 16, 17: 6}.get(packet[9])
    if at is not None:
        rest[at:at + 2] = b"\0\0"
        pseudo = source + destination + struct.pack(">II", len(rest), packet[9])
        rest[at:at + 2] = struct.pack(">H", checksum(pseudo + bytes(rest)) or 0xFFFF)
    return struct.pack(">IHBB", 6 << 28, len(rest), packet[9], packet[8]) + source + destination + bytes(rest)


def erf(time: int, frame: bytes) -> bytes:
    """Record of a DAG card: time as fixed point, type Ethernet, two bytes of padding before the frame."""
    padded = frame + b"\0" * (-len(frame) % 8)
    stamp = ((time // 10**9) << 32) | ((time % 10**9) << 32) // 10**9
    return struct.pack("<Q", stamp) + struct.pack(">BBHHH", 2, 4, 16 + 2 + len(padded), 0, len(frame)) + b"\0\0" + padded


SLL2 = struct.pack(">HHIHBB8s", 0x0800, 0, 2, 1, 0, 6, MAC[:6] + b"\0\0")
SLL = struct.pack(">HHH8sH", 0, 1, 6, MAC[:6] + b"\0\0", 0x0800)

# Name -> link type of the file, and what becomes of a frame at a time.
LAYERS: dict[str, tuple[int, Callable[[int, bytes], bytes]]] = {
    "ethernet": (1, lambda _, frame: frame),
    "sll": (113, lambda _, frame: SLL + ip_of(frame)),
    "sll2": (276, lambda _, frame: SLL2 + ip_of(frame)),
    "erf": (197, erf),
    "vlan": (1, lambda _, frame: frame[:12] + b"\x81\x00\x00\x64" + frame[12:]),
    "two-vlans": (1, lambda _, frame: frame[:12] + b"\x88\xa8\x00\xc8\x81\x00\x00\x64" + frame[12:]),
    "gre": (1, lambda _, frame: ethernet(0x0800, ipv4(47, b"\0\0\x08\x00" + ip_of(frame)))),
    "vxlan": (1, lambda _, frame: ethernet(0x0800, ipv4(17, udp(4789, b"\x08\0\0\0\0\0\x2a\0" + frame)))),
    "bsd-loopback": (0, lambda _, frame: struct.pack("<I", 2) + ip_of(frame)),
    "raw-ip": (101, lambda _, frame: ip_of(frame)),
    "ipv6": (1, lambda _, frame: ethernet(0x86DD, ipv6_of(frame))),
    "ipv6-raw": (101, lambda _, frame: ipv6_of(frame)),
}
