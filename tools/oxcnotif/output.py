# SPDX-License-Identifier: GPL-2.0-or-later
"""Result files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import os
import pathlib
import tempfile
from collections.abc import Iterator
from typing import IO

from .errors import Problem, Status


@contextlib.contextmanager
def whole_file(path: pathlib.Path) -> Iterator[IO[bytes]]:
    """A file to write to that takes the name `path` when everything was written; otherwise nothing is left of it.

    A device or a pipe (/dev/stdout) is written to and never replaced. Raises Problem if the folder or the disk does not allow it.
    """
    path = path.resolve() if path.is_symlink() else path
    if path.exists() and not path.is_file():
        try:
            with path.open("wb") as stream:
                yield stream
        except OSError as error:
            raise Problem(Status.NO_OUTPUT, f"{path} cannot be written: {error.strerror}") from error
        return
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise Problem(Status.NO_OUTPUT, f"{path} cannot be written: {error.strerror}") from error
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)  # mkstemp() lets nobody else read it
        os.replace(name, path)
    except OSError as error:
        raise Problem(Status.NO_OUTPUT, f"{path} cannot be written: {error.strerror}") from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
