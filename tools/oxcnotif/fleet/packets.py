# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the packets of a capture file are, when they were captured, and between whom: one cheap pass over its blocks.

pcapng and pcap of this machine's byte order are read as they are; editcap makes pcapng of everything else.
"""

from __future__ import annotations

import array
import dataclasses
import json
import mmap
import operator
import pathlib
import struct
from collections.abc import Iterator
from typing import IO

import numpy

from . import headers

SECTION, INTERFACE, SECRETS, ENHANCED, PACKET, SIMPLE = 0x0A0D0D0A, 1, 10, 6, 2, 3
ORDER = 0x1A2B3C4D
PCAP_HEAD = 24          # bytes
BATCH = 8192            # packets that are copied in one go
_PCAP = {0xA1B2C3D4: 1000, 0xA1B23C4D: 1}       # magic -> nanoseconds of a tick


class NeedsConversion(Exception):
    """editcap must make a pcapng of the file first."""


@dataclasses.dataclass
class Interface:
    """An interface: its block for a pcapng, its link type, and how its ticks become nanoseconds."""

    block: bytes
    link_type: int
    ticks: int = 1_000_000      # in a second
    offset: int = 0             # seconds


@dataclasses.dataclass
class Index:
    """One capture file. The arrays have an entry for each packet; flows and keys say what the numbers in `flow` mean."""

    path: str
    is_pcap: bool
    time: numpy.ndarray         # nanoseconds since 1970
    offset: numpy.ndarray       # of its block or record
    size: numpy.ndarray         # of its block or record
    interface: numpy.ndarray
    flow: numpy.ndarray
    keys: list[bytes]
    interfaces: list[Interface]
    secrets: list[bytes]
    cut_short: bool = False     # the file ends within a packet
    frames_cut: int = 0         # packets of which the file holds less than was sent

    def __len__(self) -> int:
        return len(self.time)


def _options(block: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    while at + 4 <= len(block) - 4:
        code, length = struct.unpack_from("<HH", block, at)
        if code == 0:
            return
        yield code, block[at + 4:at + 4 + length]
        at += 4 + (length + 3) // 4 * 4


def _interface(block: bytes) -> Interface:
    found = Interface(block, struct.unpack_from("<H", block, 8)[0])
    for code, value in _options(block, 16):
        if code == 9 and value:
            found.ticks = 2 ** (value[0] & 0x7F) if value[0] & 0x80 else 10 ** value[0]
        elif code == 14 and len(value) == 8:
            found.offset = struct.unpack("<q", value)[0]
    return found


class _Scan:
    """What is gathered of one file."""

    def __init__(self) -> None:
        self.time, self.offset = array.array("q"), array.array("q")
        self.size, self.interface, self.flow = array.array("I"), array.array("I"), array.array("I")
        self.numbers: dict[bytes, int] = {}
        self.interfaces: list[Interface] = []
        self.secrets: list[bytes] = []
        self.frames_cut = 0

    def index(self, path: pathlib.Path, is_pcap: bool, cut_short: bool) -> Index:
        time = numpy.array(self.time, dtype=numpy.int64)
        interface = numpy.array(self.interface, dtype=numpy.uint32)
        if not is_pcap:
            for number, one in enumerate(self.interfaces):
                mask = interface == number
                if 1_000_000_000 % one.ticks == 0:
                    time[mask] *= 1_000_000_000 // one.ticks
                else:
                    time[mask] = (time[mask].astype(numpy.longdouble) * 1_000_000_000 / one.ticks).astype(numpy.int64)
                time[mask] += one.offset * 1_000_000_000
        return Index(str(path), is_pcap, time, numpy.array(self.offset, dtype=numpy.int64),
                     numpy.array(self.size, dtype=numpy.uint32), interface, numpy.array(self.flow, dtype=numpy.uint32),
                     list(self.numbers), self.interfaces, self.secrets, cut_short, self.frames_cut)


def _scan_pcapng(buffer: mmap.mmap, scan: _Scan) -> bool:
    """Whether the last block is not whole."""
    at, end, base = 0, len(buffer), 0
    numbers = scan.numbers
    readers: list[headers.Reader] = []
    head, packet = struct.Struct("<II"), struct.Struct("<IIIII")
    time, offset, size, interface, flow = (getattr(scan, name).append
                                           for name in ("time", "offset", "size", "interface", "flow"))
    while at + 12 <= end:
        kind, length = head.unpack_from(buffer, at)
        if kind == ENHANCED:
            if length < 32 or at + length > end:
                return True
            number, high, low, captured, sent = packet.unpack_from(buffer, at + 8)
            number += base
            if captured < sent:
                scan.frames_cut += 1
            start = at + 28
            key = readers[number](buffer, start, start + captured)
            found = numbers.get(key)
            if found is None:
                found = numbers[key] = len(numbers)
            time(high << 32 | low)
            offset(at)
            size(length)
            interface(number)
            flow(found)
        elif kind == SECTION:
            if struct.unpack_from("<I", buffer, at + 8)[0] != ORDER:
                raise NeedsConversion
            base = len(readers)
        elif kind in (PACKET, SIMPLE):
            raise NeedsConversion
        if length < 12 or at + length > end:
            return True
        if kind == INTERFACE:
            scan.interfaces.append(_interface(buffer[at:at + length]))
            readers.append(headers.reader(scan.interfaces[-1].link_type))
        elif kind == SECRETS:
            scan.secrets.append(buffer[at:at + length])
        at += length
    return at != end


def _scan_pcap(buffer: mmap.mmap, scan: _Scan) -> bool:
    """Whether the last record is not whole."""
    magic, _, _, _, _, snap, link_type = struct.unpack_from("<IHHiIII", buffer, 0)
    tick = _PCAP[magic]
    block = struct.pack("<IIHHIHHBxxxII", INTERFACE, 32, link_type & 0xFFFF, 0, snap, 9, 1, 6 if tick == 1000 else 9, 0, 32)
    scan.interfaces.append(Interface(block, link_type & 0xFFFF, 1_000_000_000 // tick))
    read, numbers = headers.reader(link_type & 0xFFFF), scan.numbers
    record = struct.Struct("<IIII")
    at, end = PCAP_HEAD, len(buffer)
    while at + 16 <= end:
        seconds, ticks, captured, sent = record.unpack_from(buffer, at)
        if at + 16 + captured > end:
            return True
        key = read(buffer, at + 16, at + 16 + captured)
        found = numbers.get(key)
        if found is None:
            found = numbers[key] = len(numbers)
        scan.frames_cut += captured < sent
        scan.time.append(seconds * 1_000_000_000 + ticks * tick)
        scan.offset.append(at)
        scan.size.append(16 + captured)
        scan.interface.append(0)
        scan.flow.append(found)
        at += 16 + captured
    return at != end


def scan(path: pathlib.Path) -> Index:
    """The index of a capture file; NeedsConversion if it is in another form."""
    found = _Scan()
    with open(path, "rb") as stream:
        start = stream.read(PCAP_HEAD)
        if len(start) < PCAP_HEAD:
            raise NeedsConversion
        magic = struct.unpack_from("<I", start)[0]
        if magic != SECTION and magic not in _PCAP:
            raise NeedsConversion
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as buffer:
            buffer.madvise(mmap.MADV_SEQUENTIAL)
            cut_short = _scan_pcap(buffer, found) if magic in _PCAP else _scan_pcapng(buffer, found)
    return found.index(path, magic in _PCAP, cut_short)


_ARRAYS = ("time", "offset", "size", "interface", "flow")


def save(index: Index, stream: IO[bytes]) -> None:
    """Writes an index to a file."""
    facts = {"path": index.path, "is_pcap": index.is_pcap, "cut_short": index.cut_short, "frames_cut": index.frames_cut,
             "keys": [key.hex() for key in index.keys], "secrets": [block.hex() for block in index.secrets],
             "interfaces": [(one.block.hex(), one.link_type, one.ticks, one.offset) for one in index.interfaces]}
    numpy.savez(stream, facts=numpy.frombuffer(json.dumps(facts).encode(), dtype=numpy.uint8),
                **{name: getattr(index, name) for name in _ARRAYS})


def load(path: str | pathlib.Path) -> Index:
    """Reads what save() wrote."""
    with numpy.load(path, allow_pickle=False) as stored:
        facts = json.loads(stored["facts"].tobytes())
        arrays = {name: stored[name] for name in _ARRAYS}
    return Index(facts["path"], facts["is_pcap"], **arrays, keys=[bytes.fromhex(key) for key in facts["keys"]],
                 interfaces=[Interface(bytes.fromhex(block), *rest) for block, *rest in facts["interfaces"]],
                 secrets=[bytes.fromhex(block) for block in facts["secrets"]], cut_short=facts["cut_short"], frames_cut=facts["frames_cut"])


class Cutter:
    """Writes chosen packets of several files as one pcapng; as one pcap, if all of them are pcaps of one kind."""

    def __init__(self, indexes: list[Index]) -> None:
        self.indexes = indexes
        numbers: dict[bytes, int] = {}
        # Of each file: the numbers that its interfaces have in the pcapng. Equal ones are one.
        self.interfaces = [numpy.array([numbers.setdefault(one.block, len(numbers)) for one in index.interfaces],
                                       dtype=numpy.uint32) for index in indexes]
        self.blocks = list(numbers)
        self.records = any(index.is_pcap for index in indexes)
        # Packets can stay as they are.
        self.alike = len(self.blocks) == 1 and all(len(one) <= 1 for one in self.interfaces) and \
            len({index.is_pcap for index in indexes}) == 1

    def _head(self) -> bytes:
        if self.alike and self.records:
            with open(self.indexes[0].path, "rb") as source:
                return source.read(PCAP_HEAD)
        secrets = dict.fromkeys(block for index in self.indexes for block in index.secrets)
        return b"".join([struct.pack("<IIIHHqI", SECTION, 28, ORDER, 1, 0, -1, 28), *self.blocks, *secrets])

    def write(self, files: numpy.ndarray, packets: numpy.ndarray, stream: IO[bytes]) -> None:
        """The packets, by file and number in it, in the order of the arrays."""
        stream.write(self._head())
        maps: list[mmap.mmap] = []
        for index in self.indexes:
            with open(index.path, "rb") as source:
                maps.append(mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ))
        try:
            for start in range(0, len(files), BATCH):
                stream.write(self._batch(maps, files[start:start + BATCH], packets[start:start + BATCH]))
        finally:
            for one in maps:
                one.close()

    def _batch(self, maps: list[mmap.mmap], files: numpy.ndarray, packets: numpy.ndarray) -> bytes | bytearray:
        offsets, sizes = (numpy.empty(len(files), dtype=numpy.int64) for _ in range(2))
        interfaces = numpy.zeros(len(files), dtype=numpy.uint32)
        for number in numpy.unique(files).tolist():
            mask, index = files == number, self.indexes[number]
            chosen = packets[mask]
            offsets[mask], sizes[mask] = index.offset[chosen], index.size[chosen]
            if not self.alike:
                interfaces[mask] = self.interfaces[number][index.interface[chosen]]
        if self.alike:
            return _pieces(maps, files, offsets, sizes)
        if self.records:
            return self._converted(maps, files, offsets, sizes, interfaces)
        blocks = bytearray(_pieces(maps, files, offsets, sizes))
        numpy.frombuffer(blocks, dtype="<u4")[(numpy.cumsum(sizes) - sizes) // 4 + 2] = interfaces
        return blocks

    def _converted(self, maps: list[mmap.mmap], files: numpy.ndarray, offsets: numpy.ndarray, sizes: numpy.ndarray,
                   interfaces: numpy.ndarray) -> bytes:
        """Blocks, also of the records of a pcap."""
        pieces: list[bytes] = []
        record, block = struct.Struct("<IIII"), struct.Struct("<IIIIIII")
        for number, at, size, interface in zip(files.tolist(), offsets.tolist(), sizes.tolist(), interfaces.tolist()):
            index, source = self.indexes[number], maps[number]
            if not index.is_pcap:
                pieces += (source[at:at + 8], interface.to_bytes(4, "little"), source[at + 12:at + size])
                continue
            seconds, ticks, captured, original = record.unpack_from(source, at)
            stamp = seconds * index.interfaces[0].ticks + ticks
            padding = bytes(-captured % 4)
            length = 32 + captured + len(padding)
            pieces += (block.pack(ENHANCED, length, interface, stamp >> 32, stamp & 0xFFFFFFFF, captured, original),
                       source[at + 16:at + size], padding, length.to_bytes(4, "little"))
        return b"".join(pieces)


def _pieces(maps: list[mmap.mmap], files: numpy.ndarray, offsets: numpy.ndarray, sizes: numpy.ndarray) -> bytes:
    """These bytes of these files; neighbours are read in one go."""
    ends = offsets + sizes
    first = numpy.ones(len(files), dtype=bool)
    first[1:] = (files[1:] != files[:-1]) | (offsets[1:] != ends[:-1])
    last = numpy.append(first[1:], True)
    return b"".join(map(operator.getitem, map(maps.__getitem__, files[first].tolist()),
                        map(slice, offsets[first].tolist(), ends[last].tolist())))
