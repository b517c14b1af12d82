# SPDX-License-Identifier: GPL-2.0-or-later
"""Finds out what kind of trace a file is, and reads it."""

from __future__ import annotations

import pathlib
import re

from ..errors import bad_input
from .archive import Budget
from .model import Trace

FORMATS = ("saz", "har", "mitmproxy")


def kind_of(path: pathlib.Path) -> str | None:
    """The format by the file's first bytes; None for what is no trace (a capture, for instance)."""
    try:
        with path.open("rb") as stream:
            start = stream.read(64)
    except OSError as error:
        raise bad_input(f"{path} cannot be read: {error.strerror}") from error
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "saz"
    if start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return "har"
    if re.match(rb"\d{1,12}:", start):
        return "mitmproxy"
    return None


def read_trace(
    path: pathlib.Path, *, kind: str | None = None, password: bytes | None = None, max_size: int = 512
) -> Trace:
    """The trace in a file of any known format; `max_size` bounds what is unpacked of it, in megabytes.

    Raises Problem if it cannot be read or holds no HTTP exchange.
    """
    from . import har, mitm, saz  # each needs a library that the others do without

    kind = kind or kind_of(path)
    budget = Budget(max_size)
    if kind == "saz":
        trace = saz.read(path, password, budget)
    elif kind == "har":
        trace = har.read(path, budget)
    elif kind == "mitmproxy":
        trace = mitm.read(path, budget)
    else:
        raise bad_input(f"{path} is no Fiddler archive (.saz), HAR or mitmproxy flow file")
    if not trace.connections:
        raise bad_input(f"{path} holds no HTTP exchange")
    return trace
