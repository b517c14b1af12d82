# SPDX-License-Identifier: GPL-2.0-or-later
"""What `report` and `check` read: captures, traces and files of events."""

from __future__ import annotations

import pathlib
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field

from . import events, tshark
from .errors import Problem, Status, bad_input
from .trace.reader import kind_of

EVENTS = re.compile(rb'\s*\{"version": ?\d+, ?"event":')


@dataclass
class Options:
    """How inputs are read."""

    tshark: tshark.Options = field(default_factory=tshark.Options)
    trace_format: str | None = None
    password: Callable[[], bytes | None] = lambda: None
    max_size: int = 512


def _start(path: pathlib.Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(64)
    except OSError as error:
        raise bad_input(f"{path} cannot be read: {error.strerror}") from error


def _is_events(path: pathlib.Path, start: bytes) -> bool:
    return path.suffix == ".jsonl" or bool(EVENTS.match(start))


def _read_event_file(path: pathlib.Path) -> events.EventLog:
    try:
        with path.open(encoding="utf-8") as stream:
            return events.read(stream, path.name, f"{path}: line")
    except OSError as error:
        raise bad_input(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise bad_input(f"{path} is no text: it holds no events of -z oxcnotif,events") from error


def _read_trace(path: pathlib.Path, options: Options) -> events.EventLog:
    from .trace import capture, reader

    trace = reader.read_trace(
        path, kind=options.trace_format, password=options.password(), max_size=options.max_size
    )
    with tempfile.TemporaryDirectory(prefix="oxcnotif-") as folder:
        made = pathlib.Path(folder) / "trace.pcapng"
        try:
            with made.open("wb") as stream:
                capture.write(trace, stream)
        except OSError as error:
            raise Problem(
                Status.NO_OUTPUT, f"the trace cannot be unpacked to a temporary file: {error.strerror}; set TMPDIR"
            ) from error
        log = tshark.read_events(made, path.name, options.tshark)
    log.warnings += trace.warnings
    log.trace = True
    return log


def load(path: pathlib.Path, options: Options) -> events.EventLog:
    """The events of an input of any kind.

    Raises Problem if it cannot be read.
    """
    start = _start(path)
    if not start:
        raise bad_input(f"{path} is empty: was the capture stopped before a packet was written?")
    if _is_events(path, start):
        return _read_event_file(path)
    if options.trace_format or kind_of(path):
        return _read_trace(path, options)
    return tshark.read_events(path, path.name, options.tshark)


def is_capture(path: pathlib.Path) -> bool:
    """Neither a trace nor a file of events."""
    return not _is_events(path, _start(path)) and not kind_of(path)


def why_nothing(log: events.EventLog) -> str:
    """The sentence for a capture in which there is nothing of Exchange."""
    facts = log.capture
    if facts and facts.tls_undecrypted:
        which = "The only TLS connection" if facts.tls_undecrypted == 1 else f"{facts.tls_undecrypted} TLS connections"
        return (
            f"{log.name} shows no Exchange traffic: {which} could not be decrypted. Give the session keys "
            "(--key-log FILE), or take a trace with a decrypting proxy (docs/traces.md)"
        )
    if facts and facts.frames == 0:
        return f"{log.name} holds no packet: check the interface and the capture filter"
    return (
        f"{log.name} holds no Exchange traffic: capture on the client or the server, with no filter but their "
        "addresses, and start Outlook after the capture"
    )


def load_all(paths: list[pathlib.Path], options: Options) -> list[events.EventLog]:
    """The events of all inputs.

    Raises Problem if one cannot be read, or none has Exchange traffic.
    """
    logs = [load(path, options) for path in paths]
    names = [log.name for log in logs]
    for number, log in enumerate(logs, 1):
        if names.count(log.name) > 1:
            log.name += f" ({number})"  # files of the same name in several folders
    if all(log.empty for log in logs):
        raise Problem(Status.NOTHING, "; ".join(why_nothing(log) for log in logs[:3]))
    return logs
