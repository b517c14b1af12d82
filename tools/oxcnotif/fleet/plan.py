# SPDX-License-Identifier: GPL-2.0-or-later
"""What is decoded together, and where each packet is in the merged capture."""

from __future__ import annotations

import dataclasses
import hashlib
import heapq
from collections.abc import Iterable, Sequence

import numpy

from . import clients, headers, packets  # noqa: F401


def merged_numbers(times: Sequence[numpy.ndarray]) -> list[numpy.ndarray]:
    """The frame numbers, from 1, that mergecap gives the packets of files in this order.

    It takes the earliest of the next packets of all files, of equal ones that of the last file, and goes on in a file
    whose times go back: so a packet counts as late as the latest before it in its file.
    """
    late = numpy.concatenate([numpy.maximum.accumulate(time) if len(time) else time for time in times])
    file = numpy.concatenate([numpy.full(len(time), -number, dtype=numpy.int64) for number, time in enumerate(times)])
    order = numpy.lexsort((file, late))     # stable: in a file the order stays
    numbers = numpy.empty(len(order), dtype=numpy.uint32)
    numbers[order] = numpy.arange(1, len(order) + 1, dtype=numpy.uint32)
    return numpy.split(numbers, numpy.cumsum([len(time) for time in times])[:-1])


@dataclasses.dataclass(frozen=True)
class Group:
    """Units that are decoded together as one part."""

    units: tuple[int, ...]
    frames: int

    @property
    def name(self) -> str:
        return hashlib.sha256(",".join(map(str, self.units)).encode()).hexdigest()[:16]


def components(union: clients.Union, units: Iterable[int]) -> list[list[int]]:
    found: dict[int, list[int]] = {}
    for unit in units:
        found.setdefault(union.find(unit), []).append(unit)
    return list(found.values())


def _bundles(parts: Sequence[Sequence[int]], sizes: Sequence[int], near: Iterable[Sequence[int]], most: int) -> list[list[int]]:
    """Numbers of components, those together that are near each other, as long as a bundle has at most so many frames."""
    component = {unit: number for number, part in enumerate(parts) for unit in part}
    union = clients.Union()
    held = [sizes[union.add()] for _ in parts]
    for group in near:
        last = None
        for number in sorted({union.find(component[unit]) for unit in group if unit in component}):
            number = union.find(number)
            if last is not None and last != number and held[last] + held[number] <= most:
                together = held[last] + held[number]
                union.join(last, number)
                last = union.find(number)
                held[last] = together
            elif last is None or held[number] < held[last]:
                last = number
    return components(union, range(len(parts)))


def groups(parts: Sequence[Sequence[int]], weights: Sequence[int], count: int, most: int,
           near: Iterable[Sequence[int]] = ()) -> list[Group]:
    """Puts components together to `count` groups of about the same number of frames, or to more if one would have more than
    `most` frames. A component is never taken apart; units that are near each other come into one group if it is not larger
    for that."""
    parts = [part for part in parts if any(weights[unit] for unit in part)]
    sizes = [sum(weights[unit] for unit in part) for part in parts]
    total = sum(sizes)
    count = max(1, min(len(parts), max(count, -(-total // most))))
    bundles = [[unit for number in bundle for unit in parts[number]]
               for bundle in _bundles(parts, sizes, near, min(total // count, most))]
    sized = sorted(((sum(weights[unit] for unit in bundle), sorted(bundle)) for bundle in bundles),
                   key=lambda one: (-one[0], one[1]))
    heap: list[tuple[int, int, list[int]]] = [(0, number, []) for number in range(count)]
    for size, part in sized:
        taken, number, held = heap[0]
        if taken and taken + size > most:
            heapq.heappush(heap, (size, len(heap), list(part)))
        else:
            heapq.heapreplace(heap, (taken + size, number, [*held, *part]))
    return [Group(tuple(sorted(held)), taken) for taken, _, held in sorted(heap, key=lambda one: -one[0]) if held]


@dataclasses.dataclass
class Traffic:
    """All files together."""

    clients: clients.Clients
    numbers: list[numpy.ndarray]        # of each file: the frame of each packet in the merged capture
    unit: numpy.ndarray                 # of each frame of the merged capture, from 0
    flow_units: list[numpy.ndarray]     # of each file: the unit of each flow
    frames: list[int]                   # of each unit
    known: dict[str, str]               # members of the event "capture"
    until: str                          # the last time, in seconds

    def __post_init__(self) -> None:
        self._numbers = {address: number for number, address in enumerate(self.clients.addresses)}

    def address(self, address: bytes) -> int | None:
        return self._numbers.get(address)


def traffic(indexes: Sequence[packets.Index]) -> Traffic:
    """What the indexes of all files show together."""
    found = clients.assign(dict.fromkeys(key for index in indexes for key in index.keys))
    numbers = merged_numbers([index.time for index in indexes])
    flow_units = [found.units(index.keys) for index in indexes]
    unit = numpy.empty(sum(map(len, indexes)), dtype=numpy.int32)
    for index, places, units in zip(indexes, numbers, flow_units):
        unit[places - 1] = units[index.flow]
    frames = numpy.bincount(unit[unit >= 0], minlength=len(found.addresses)).tolist()
    first, last = (f"{time // 10**9}.{time % 10**9:09}" for time in
                   (min(int(index.time.min()) for index in indexes if len(index)),
                    max(int(index.time.max()) for index in indexes if len(index)))) if len(unit) else ("0", "0")
    known = {"frames": str(len(unit)), "first": first, "last": last,
             "cut_short": str(sum(index.frames_cut for index in indexes))}
    return Traffic(found, numbers, unit, flow_units, frames, known, last)
