# SPDX-License-Identifier: GPL-2.0-or-later
"""The keys of many packets at once: headers.py reads that of the first of all packets with the same addresses and ports."""

from __future__ import annotations

import mmap
from collections.abc import Sequence

import numpy

from . import headers

WIDTH = 112         # bytes of a block or record that the headers of IP and of ports lie in

# Link type -> where the type of what is carried is (None: there is none) and where that begins.
_CARRIED: dict[int, tuple[int | None, int]] = {1: (12, 14), 12: (None, 0), 101: (None, 0), 113: (14, 16), 276: (0, 20)}
_IP4, _IP6 = 0x0008, 0xDD86         # types, as a little-endian machine reads them
_LATER_FRAGMENT = 0xFF1F            # offset
_FACTOR = numpy.uint64(0x9E3779B97F4A7C15)


def rows(buffer: mmap.mmap, at: numpy.ndarray) -> numpy.ndarray:
    """WIDTH bytes from each of these offsets on; 0 behind the end of the file."""
    whole = numpy.frombuffer(buffer, dtype=numpy.uint8)
    found = numpy.zeros((len(at), WIDTH), dtype=numpy.uint8)
    inside = at <= len(whole) - WIDTH
    if inside.any():
        found[inside] = numpy.lib.stride_tricks.sliding_window_view(whole, WIDTH)[at[inside]]
    for number in numpy.flatnonzero(~inside).tolist():
        piece = whole[at[number]:]
        found[number, :len(piece)] = piece
    return found


def column(table: numpy.ndarray, form: str, at: int) -> numpy.ndarray:
    """The number of each row that begins with this byte."""
    return numpy.ascontiguousarray(table[:, at:at + numpy.dtype(form).itemsize]).view(form)[:, 0]


def _alike(columns: Sequence[numpy.ndarray]) -> tuple[numpy.ndarray, numpy.ndarray]:
    """The first packet of each combination of values, and for each packet which combination it has."""
    mixed = numpy.zeros(len(columns[0]), dtype=numpy.uint64)
    for column in columns:
        mixed = (mixed ^ column.astype(numpy.uint64)) * _FACTOR
        mixed ^= mixed >> numpy.uint64(29)
    _, first, which = numpy.unique(mixed, return_index=True, return_inverse=True)
    if all((column[first][which] == column).all() for column in columns):
        return first, which
    _, first, which = numpy.unique(numpy.stack(columns, axis=1), axis=0, return_index=True, return_inverse=True)
    return first, which.reshape(-1)


class Keys:
    """Numbers the keys of the packets of a file."""

    def __init__(self, buffer: mmap.mmap) -> None:
        self.buffer = buffer
        self.numbers: dict[bytes, int] = {}

    def of(self, link_type: int, table: numpy.ndarray, skipped: int, start: numpy.ndarray, end: numpy.ndarray) -> numpy.ndarray:
        """The numbers of the keys of packets of a link type, which begin and end there. table: what rows() gives for their blocks;
        a packet begins with this byte of its row."""
        found = numpy.zeros(len(start), dtype=numpy.uint32)
        left = numpy.ones(len(start), dtype=bool)
        if link_type in _CARRIED:
            at_type, carried = _CARRIED[link_type]
            at = skipped + carried
            version = table[:, at] >> 4
            kind = column(table, "<u2", skipped + at_type) if at_type is not None else \
                numpy.where(version == 4, _IP4, numpy.where(version == 6, _IP6, 0))
            for wanted, ip, columns in ((kind == _IP4, 4, _ip4), (kind == _IP6, 6, _ip6)):
                chosen = numpy.flatnonzero(wanted & (version == ip))
                chosen = chosen[_is_plain(ip, table[chosen], at, (end - start)[chosen] - carried)]
                if len(chosen):
                    first, which = _alike(columns(table[chosen], at))
                    found[chosen] = self._read(link_type, start[chosen[first]], end[chosen[first]])[which]
                    left[chosen] = False
        found[left] = self._read(link_type, start[left], end[left])
        return found

    def _read(self, link_type: int, start: numpy.ndarray, end: numpy.ndarray) -> numpy.ndarray:
        """One by one."""
        read, numbers = headers.reader(link_type), self.numbers
        return numpy.array([numbers.setdefault(read(self.buffer, first, last), len(numbers))
                            for first, last in zip(start.tolist(), end.tolist())], dtype=numpy.uint32)


def _is_plain(version: int, table: numpy.ndarray, at: int, size: numpy.ndarray) -> numpy.ndarray:
    """Whether it is a whole header of TCP or UDP right behind one of IP without options, and no later fragment."""
    length, at_protocol = (20, 9) if version == 4 else (40, 6)
    protocol = table[:, at + at_protocol]
    plain = (protocol == headers.TCP) & (size >= length + 14) | (protocol == headers.UDP) & (size >= length + 4)
    if version == 4:
        plain &= (table[:, at] == 0x45) & (column(table, "<u2", at + 6) & _LATER_FRAGMENT == 0)
    return plain


def _transport(table: numpy.ndarray, at: int, protocol: numpy.ndarray) -> numpy.ndarray:
    """Ports, protocol, and the flags of a SYN in one number."""
    flags = table[:, at + 13]
    flags = numpy.where((protocol == headers.TCP) & (flags & headers.SYN != 0), flags & (headers.SYN | headers.ACK), 0)
    return column(table, "<u4", at).astype(numpy.uint64) | protocol.astype(numpy.uint64) << numpy.uint64(32) | \
        flags.astype(numpy.uint64) << numpy.uint64(40)


def _ip4(table: numpy.ndarray, at: int) -> list[numpy.ndarray]:
    return [column(table, "<u8", at + 12), _transport(table, at + 20, table[:, at + 9])]


def _ip6(table: numpy.ndarray, at: int) -> list[numpy.ndarray]:
    return [*(column(table, "<u8", at + place) for place in (8, 16, 24, 32)), _transport(table, at + 40, table[:, at + 6])]
