# SPDX-License-Identifier: GPL-2.0-or-later
"""Which clients the plugin's own keys tie together, of the lines of `-z oxcnotif,links`."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Callable, Iterable

from .clients import Union

# Others define a key of these kinds, too, without any connection: it counts where it was looked up.
_WHERE_ASKED = frozenset(("index", "context"))

# Many look a key of these kinds up that nobody defined: responses that look alike and came from no proxy.
_WHERE_DEFINED = frozenset(("old_response",))


@dataclasses.dataclass(frozen=True)
class Link:
    kind: str
    key: str            # hexadecimal
    frame: int          # of the merged capture
    unit: int
    defines: bool


def join(links: Iterable[Link], union: Union, unit_of_address: Callable[[bytes], int | None]) -> dict[str, int]:
    """Joins what belongs together; how many joins each kind of key was the first to ask for."""
    by_key: dict[tuple[str, str], list[Link]] = collections.defaultdict(list)
    for link in links:
        by_key[link.kind, link.key].append(link)
    reasons: collections.Counter[str] = collections.Counter()

    def tie(kind: str, one: int, other: int) -> None:
        if union.find(one) != union.find(other):
            union.join(one, other)
            reasons[kind] += 1

    for (kind, key), found in by_key.items():
        if kind == "callback":
            address = unit_of_address(bytes.fromhex(key))
            for link in found:
                if address is not None:
                    tie(kind, link.unit, address)
            continue
        if kind == "server":
            _join_server(found, tie)
            continue
        if kind in _WHERE_ASKED and all(link.defines for link in found):
            continue
        if kind in _WHERE_DEFINED and len({link.defines for link in found}) < 2:
            continue
        for link in found[1:]:
            tie(kind, found[0].unit, link.unit)
    return dict(reasons)


def _join_server(found: list[Link], tie: Callable[[str, int, int], None]) -> None:
    """A connection without its beginning is believed to be one of Exchange's if another showed its server to be."""
    defined = min((link for link in found if link.defines), key=lambda link: link.frame, default=None)
    if defined is None:
        return
    for link in found:
        if not link.defines and link.frame > defined.frame:
            tie("server", defined.unit, link.unit)
