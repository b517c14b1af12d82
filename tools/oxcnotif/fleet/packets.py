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

from . import flows

SECTION, INTERFACE, SECRETS, ENHANCED, PACKET, SIMPLE = 0x0A0D0D0A, 1, 10, 6, 2, 3
ORDER = 0x1A2B3C4D
PCAP_HEAD = 24          # bytes
RECORD_HEAD, BLOCK_HEAD = 16, 28
SCANNED = 1 << 15       # packets that are looked at in one go
BATCH = 1024            # packets that are copied in one go: what a cache holds
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
    """What is gathered of one file: where packets are, then what they are."""

    def __init__(self, buffer: mmap.mmap) -> None:
        self.buffer = buffer
        self.offset, self.size = array.array("q"), array.array("I")
        self.interfaces: list[Interface] = []
        self.sections: list[tuple[int, int]] = []       # (first packet, first interface)
        self.secrets: list[bytes] = []

    def blocks(self) -> bool:
        """Finds those of a pcapng; whether the last one is not whole."""
        at, end, buffer = 0, len(self.buffer), self.buffer
        head = struct.Struct("<II").unpack_from
        offset, size = self.offset.append, self.size.append
        while at + 12 <= end:
            kind, length = head(buffer, at)
            if length < (32 if kind == ENHANCED else 12) or at + length > end:
                return True
            if length % 4:
                raise NeedsConversion
            if kind == ENHANCED:
                offset(at)
                size(length)
            elif kind == SECTION:
                if struct.unpack_from("<I", buffer, at + 8)[0] != ORDER:
                    raise NeedsConversion
                self.sections.append((len(self.offset), len(self.interfaces)))
            elif kind in (PACKET, SIMPLE):
                raise NeedsConversion
            elif kind == INTERFACE:
                self.interfaces.append(_interface(buffer[at:at + length]))
            elif kind == SECRETS:
                self.secrets.append(buffer[at:at + length])
            at += length
        return at != end

    def records(self) -> bool:
        """Finds those of a pcap; whether the last one is not whole."""
        magic, _, _, _, _, snap, link_type = struct.unpack_from("<IHHiIII", self.buffer, 0)
        tick = _PCAP[magic]
        block = struct.pack("<IIHHIHHBxxxII", INTERFACE, 32, link_type & 0xFFFF, 0, snap, 9, 1, 6 if tick == 1000 else 9, 0, 32)
        self.interfaces.append(Interface(block, link_type & 0xFFFF, 1_000_000_000 // tick))
        captured_of = struct.Struct("<I").unpack_from
        at, end, buffer = PCAP_HEAD, len(self.buffer), self.buffer
        while at + 16 <= end:
            length = 16 + captured_of(buffer, at + 8)[0]
            if at + length > end:
                return True
            self.offset.append(at)
            self.size.append(length)
            at += length
        return at != end

    def index(self, path: pathlib.Path, is_pcap: bool, cut_short: bool) -> Index:
        offset, size = numpy.array(self.offset, dtype=numpy.int64), numpy.array(self.size, dtype=numpy.uint32)
        bases = None if is_pcap else self._bases(len(offset))
        keys = flows.Keys(self.buffer)
        time, interface, flow = (numpy.zeros(len(offset), dtype=form) for form in (numpy.int64, numpy.uint32, numpy.uint32))
        cut = 0
        for first in range(0, len(offset), SCANNED):
            some = slice(first, first + SCANNED)
            table = flows.rows(self.buffer, offset[some])
            words = [flows.column(table, "<u4", at) for at in ((0, 4, 8, 12) if is_pcap else (8, 12, 16, 20, 24))]
            captured, sent = words[-2:]
            if bases is None:
                time[some] = words[0].astype(numpy.int64) * self.interfaces[0].ticks + words[1]
            else:
                time[some] = words[1].astype(numpy.int64) << 32 | words[2]
                interface[some] = words[0] + bases[some]
            cut += int((captured < sent).sum())
            skipped = RECORD_HEAD if is_pcap else BLOCK_HEAD
            start = offset[some] + skipped
            end = numpy.minimum(start + captured, offset[some] + size[some])
            flow[some] = self._flows(keys, interface[some], table, skipped, start, end)
        return Index(str(path), is_pcap, self._nanoseconds(time, interface), offset, size, interface, flow, list(keys.numbers),
                     self.interfaces, self.secrets, cut_short, cut)

    def _flows(self, keys: flows.Keys, interface: numpy.ndarray, table: numpy.ndarray, skipped: int, start: numpy.ndarray,
               end: numpy.ndarray) -> numpy.ndarray:
        if interface.max() >= len(self.interfaces):
            raise NeedsConversion
        types = numpy.array([one.link_type for one in self.interfaces])[interface]
        found = numpy.zeros(len(start), dtype=numpy.uint32)
        for link_type in numpy.unique(types).tolist():
            here = types == link_type
            found[here] = keys.of(link_type, table[here], skipped, start[here], end[here])
        return found

    def _bases(self, count: int) -> numpy.ndarray:
        """Of each packet: how many interfaces there are in earlier sections."""
        firsts = numpy.array([first for first, _ in self.sections], dtype=numpy.int64)
        bases = numpy.array([base for _, base in self.sections], dtype=numpy.uint32)
        return bases[numpy.searchsorted(firsts, numpy.arange(count), side="right") - 1]

    def _nanoseconds(self, ticks: numpy.ndarray, interface: numpy.ndarray) -> numpy.ndarray:
        """Nanoseconds since 1970."""
        for number, one in enumerate(self.interfaces):
            mask = interface == number
            if 1_000_000_000 % one.ticks == 0:
                ticks[mask] *= 1_000_000_000 // one.ticks
            else:
                ticks[mask] = (ticks[mask].astype(numpy.longdouble) * 1_000_000_000 / one.ticks).astype(numpy.int64)
            ticks[mask] += one.offset * 1_000_000_000
        return ticks


def scan(path: pathlib.Path) -> Index:
    """The index of a capture file; NeedsConversion if it is in another form."""
    with open(path, "rb") as stream:
        start = stream.read(PCAP_HEAD)
        if len(start) < PCAP_HEAD:
            raise NeedsConversion
        magic = struct.unpack_from("<I", start)[0]
        if magic != SECTION and magic not in _PCAP:
            raise NeedsConversion
        buffer = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    found = _Scan(buffer)
    cut_short = found.records() if magic in _PCAP else found.blocks()
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
