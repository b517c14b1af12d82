# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads and writes capture files and picks TCP segments and UDP datagrams out of packets; the standard library has no such."""

from __future__ import annotations

import dataclasses
import gzip
import pathlib
import struct

ETHERNET, RAW, SLL, SLL2 = 1, 101, 113, 276


@dataclasses.dataclass
class Record:
    """A packet as it was captured."""
    time: int                   # microseconds
    link: int
    data: bytes
    length: int                 # on the wire


@dataclasses.dataclass
class Payload:
    """What a TCP segment or a UDP datagram carries."""
    tcp: bool
    source: tuple[bytes, int]
    destination: tuple[bytes, int]
    data: bytes
    offset: int                 # of the data in the packet
    flags: int = 0              # TCP
    seq: int = 0


def read(path: pathlib.Path) -> list[Record]:
    raw = path.read_bytes()
    if raw[:2] == b"\x1f\x8b":
        raw = gzip.decompress(raw)
    return _pcapng(raw) if raw[:4] == b"\x0a\x0d\x0d\x0a" else _pcap(raw)


def _pcap(raw: bytes) -> list[Record]:
    magic = raw[:4]
    order = "<" if magic in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    nano = magic in (b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d")
    link, = struct.unpack_from(order + "I", raw, 20)
    at, records = 24, []
    while at + 16 <= len(raw):
        seconds, fraction, captured, length = struct.unpack_from(order + "IIII", raw, at)
        time = seconds * 1000000 + (fraction // 1000 if nano else fraction)
        records.append(Record(time, link, raw[at + 16:at + 16 + captured], length))
        at += 16 + captured
    return records


def _pcapng(raw: bytes) -> list[Record]:
    at, order, records, links = 0, "<", [], []
    while at + 12 <= len(raw):
        kind, = struct.unpack_from(order + "I", raw, at)
        if kind == 0x0A0D0D0A:
            order = "<" if raw[at + 8:at + 12] == b"\x4d\x3c\x2b\x1a" else ">"
            links = []
        size, = struct.unpack_from(order + "I", raw, at + 4)
        if kind == 1:
            links.append((struct.unpack_from(order + "H", raw, at + 8)[0], _resolution(raw[at + 16:at + size - 4], order)))
        elif kind == 6:
            interface, high, low, captured, length = struct.unpack_from(order + "5I", raw, at + 8)
            link, units = links[interface]
            records.append(Record((high << 32 | low) * 1000000 // units, link, raw[at + 28:at + 28 + captured], length))
        at += size
    return records


def without_secrets(raw: bytes) -> tuple[bytes, bytes]:
    """A pcapng file without the TLS keys in it, and those; other files as they are.  editcap copies no file that has any."""
    if raw[:4] != b"\x0a\x0d\x0d\x0a":
        return raw, b""
    at, kept, secrets = 0, b"", b""
    while at + 12 <= len(raw):
        kind, size = struct.unpack_from("<II", raw, at)
        if kind == 0x0A:
            length, = struct.unpack_from("<I", raw, at + 12)
            secrets += raw[at + 16:at + 16 + length]
        else:
            kept += raw[at:at + size]
        at += size
    return kept, secrets


def _resolution(options: bytes, order: str) -> int:
    """Units of time stamps in a second (option if_tsresol)."""
    at = 0
    while at + 4 <= len(options):
        code, size = struct.unpack_from(order + "HH", options, at)
        if code == 9:
            value = options[at + 4]
            return 1 << (value & 0x7F) if value & 0x80 else 10 ** value
        at += 4 + (size + 3) // 4 * 4
    return 1000000


def write(path: pathlib.Path, records: list[Record]) -> None:
    """All records are of one link type."""
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 0x40000, records[0].link if records else ETHERNET))
        for record in records:
            file.write(struct.pack("<IIII", record.time // 1000000, record.time % 1000000, len(record.data), record.length))
            file.write(record.data)


def payload(record: Record) -> Payload | None:
    """NULL for what is neither TCP nor UDP over IP, or fragmented."""
    at = {ETHERNET: 14, RAW: 0, SLL: 16, SLL2: 20}.get(record.link)
    data = record.data
    if at is None or len(data) < at + 20:
        return None
    if data[at] >> 4 == 4:
        protocol, end = data[at + 9], at + struct.unpack_from(">H", data, at + 2)[0]
        source, destination = data[at + 12:at + 16], data[at + 16:at + 20]
        if struct.unpack_from(">H", data, at + 6)[0] & 0x3FFF:
            return None
        at += (data[at] & 15) * 4
    elif data[at] >> 4 == 6 and len(data) >= at + 40:
        protocol, end = data[at + 6], at + 40 + struct.unpack_from(">H", data, at + 4)[0]
        source, destination = data[at + 8:at + 24], data[at + 24:at + 40]
        at += 40
    else:
        return None
    if protocol not in (6, 17) or len(data) < at + (20 if protocol == 6 else 8):
        return None
    ports = struct.unpack_from(">HH", data, at)
    ends = (source, ports[0]), (destination, ports[1])
    if protocol == 17:
        return Payload(False, *ends, data[at + 8:end], at + 8)
    start = at + (data[at + 12] >> 4) * 4
    return Payload(True, *ends, data[start:end], start, data[at + 13], struct.unpack_from(">I", data, at + 4)[0])
