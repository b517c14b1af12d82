# SPDX-License-Identifier: GPL-2.0-or-later
"""Captures without the keys that are embedded in them; editcap of Wireshark 4.0 cannot write such a file at all."""

from __future__ import annotations

import pathlib
import struct

import tshark as tools

DECRYPTION_SECRETS = 10         # type of a block of pcapng


def without(path: pathlib.Path) -> pathlib.Path:
    """A copy of a capture that lacks its blocks of decryption secrets."""
    data, kept, offset = path.read_bytes(), b"", 0
    while offset < len(data):
        kind, length = struct.unpack_from("<II", data, offset)
        kept += b"" if kind == DECRYPTION_SECRETS else data[offset:offset + length]
        offset += length
    target = tools.folder() / f"keyless-{path.name}"
    target.write_bytes(kept)
    target.chmod(0o644)
    return target
