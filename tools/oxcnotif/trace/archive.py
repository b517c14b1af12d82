# SPDX-License-Identifier: GPL-2.0-or-later
"""Zip archives of unknown people: read in memory, within bounds, and never unpacked to files."""

from __future__ import annotations

import pathlib
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO

from ..errors import Problem, bad_input

MEGABYTE = 1 << 20
MAX_MEMBERS = 1_000_000
ENCRYPTED = 0x1  # general purpose bit 0 (APPNOTE.TXT 4.4.4)


class Budget:
    """How many bytes of an archive may still be unpacked."""

    def __init__(self, megabytes: int) -> None:
        self.megabytes = megabytes
        self.left = megabytes * MEGABYTE

    def read(self, stream: IO[bytes], name: str, most: int) -> bytes:
        """All bytes of a member; Problem if it has more than `most` or all have more than the budget."""
        data = stream.read(min(most, self.left) + 1)
        if len(data) > most:
            raise bad_input(
                f"{name} in the archive has more than {most // MEGABYTE} MB: this is no trace of HTTP messages"
            )
        self.take(len(data))
        return data

    def take(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise bad_input(
                f"The archive unpacks to more than {self.megabytes} MB; if you trust it, allow more with --max-size"
            )


def members(path: pathlib.Path, password: bytes | None, budget: Budget, most: int) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each member, in the archive's order.

    Members that are encrypted (ZipCrypto or AES) need the password. Raises Problem on what is no archive, is damaged or
    grows over the budget.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            listed = archive.infolist()
            if len(listed) > MAX_MEMBERS:
                raise bad_input(f"{path} has {len(listed)} members: more than {MAX_MEMBERS} are not read")
            if any(info.flag_bits & ENCRYPTED for info in listed):
                yield from _encrypted(path, password, budget, most)
                return
            for info in listed:
                with archive.open(info) as stream:
                    yield info.filename, budget.read(stream, info.filename, most)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise bad_input(f"{path} is no whole zip archive ({error}): copy it again from where it was made") from error
    except OSError as error:
        raise bad_input(f"{path} cannot be read: {error.strerror or error}") from error


def _encrypted(path: pathlib.Path, password: bytes | None, budget: Budget, most: int) -> Iterator[tuple[str, bytes]]:
    """The standard library knows ZipCrypto only, and slowly: libarchive knows both ways."""
    if password is None:
        raise bad_input(f"{path} is protected by a password: give it with --password-file FILE")
    try:
        import libarchive
        from libarchive import ffi
    except ImportError as error:
        raise bad_input("Archives with a password need the package python3-libarchive-c") from error
    try:
        with libarchive.read.new_archive_read("zip") as reader:
            ffi.libarchive.archive_read_add_passphrase(reader, password)
            ffi.read_open_filename_w(reader, str(path), 1 << 16)
            for entry in libarchive.read.ArchiveRead(reader):
                blocks, size = [], 0
                for block in entry.get_blocks():
                    size += len(block)
                    budget.take(len(block))
                    if size > most:
                        raise bad_input(f"{entry.pathname} in the archive has more than {most // MEGABYTE} MB")
                    blocks.append(bytes(block))
                yield entry.pathname, b"".join(blocks)
    except libarchive.ArchiveError as error:
        raise Problem(bad_input("").status, f"{path} cannot be read with this password ({error})") from error
