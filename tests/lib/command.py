# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the command `oxcnotif` within the tests' own process, and keeps the events of bundled captures."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import io
import pathlib
import sys

import tshark as tools

sys.path.insert(0, str(tools.REPOSITORY / "tools"))

from oxcnotif import cli  # noqa: E402  (after the path is set)

COMMAND = tools.REPOSITORY / "scripts" / "oxcnotif"
CAPTURES = tools.REPOSITORY / "test-captures"


@dataclasses.dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


def run(*words: object) -> Done:
    """What the command prints, and its exit status. An exception that it lets through fails the test."""
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as errors:
        try:
            code = cli.main([str(word) for word in words])
        except SystemExit as ended:  # argparse
            code = int(ended.code or 0)
    return Done(code, out.getvalue(), errors.getvalue())


@functools.lru_cache(maxsize=None)
def events_of(name: str) -> pathlib.Path:
    """The events of a bundled capture in a file: tshark runs once for all tests of a process."""
    path = tools.scratch() / f"{name}.jsonl"
    capture = str(tools.readable(CAPTURES / f"{name}.pcapng"))
    path.write_text(tools.run(["-2", "-n", "-r", capture, "-q", "-z", "oxcnotif,events"]).stdout, encoding="utf-8")
    return path


def stub_tshark(monkeypatch, script: str) -> None:
    """Makes tshark a script of the shell."""
    folder = tools.folder()
    program = folder / "tshark"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def one_sentence(done: Done, status: int, *parts: str) -> None:
    """The command failed as it should: one line that names what is wrong."""
    assert done.returncode == status, (done.stdout, done.stderr)
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert line.startswith("oxcnotif: ") and all(part in line for part in parts), line
