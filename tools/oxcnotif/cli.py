# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line: which sub-command, which files, and what to say when something cannot be done."""

from __future__ import annotations

import argparse
import getpass
import os
import pathlib
import sys
from collections.abc import Callable, Sequence

from .errors import Problem, Status, bad_input
from .output import whole_file


def _password(arguments: argparse.Namespace) -> bytes | None:
    """The password of a protected archive, from a file, the environment or, at a terminal, the person."""
    if arguments.password_file == "-":
        return sys.stdin.buffer.readline().rstrip(b"\r\n")
    if arguments.password_file:
        try:
            return pathlib.Path(arguments.password_file).read_bytes().splitlines()[0]
        except (OSError, IndexError) as error:
            raise bad_input(f"{arguments.password_file} holds no password that can be read") from error
    known = os.environ.get("OXCNOTIF_PASSWORD")
    if known:
        return known.encode()
    if arguments.ask_password:
        return getpass.getpass("Password of the archive: ").encode()
    return None


def _add_trace_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("traces (.saz, HAR, mitmproxy flows)")
    group.add_argument(
        "--format", choices=("saz", "har", "mitmproxy"), help="of the trace, if it is not found out right"
    )
    group.add_argument(
        "--password-file", metavar="FILE", help="first line: the password of a protected .saz (- for standard input)"
    )
    group.add_argument("--ask-password", action="store_true", help="ask for the password")
    group.add_argument(
        "--max-size", type=int, default=512, metavar="MB", help="what a trace may unpack to (default: 512)"
    )


def _import(arguments: argparse.Namespace) -> Status:
    from .trace import capture, reader

    output = pathlib.Path(arguments.output)
    trace = reader.read_trace(
        pathlib.Path(arguments.trace),
        kind=arguments.format,
        password=_password(arguments),
        max_size=arguments.max_size,
    )
    with whole_file(output) as stream:
        packets = capture.write(trace, stream)
    for warning in trace.warnings[:20]:
        print(f"oxcnotif: warning: {warning}", file=sys.stderr)
    if len(trace.warnings) > 20:
        print(f"oxcnotif: {len(trace.warnings) - 20} more warnings of this kind", file=sys.stderr)
    exchanges = sum(len(connection.exchanges) for connection in trace.connections)
    print(f"{output}: {exchanges} exchanges on {len(trace.connections)} connections, {packets} packets")
    return Status.OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="oxcnotif", description="Answers about Exchange notifications, from captures and traces."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    importing = commands.add_parser(
        "import",
        help="make a capture of a trace of a decrypting proxy",
        description="Makes a capture of a Fiddler archive, a HAR or mitmproxy flows.",
    )
    importing.add_argument("trace", metavar="TRACE")
    importing.add_argument("-o", "--output", required=True, metavar="CAPTURE", help="the capture (pcapng)")
    _add_trace_options(importing)
    importing.set_defaults(run=_import)
    return parser


def main(words: Sequence[str] | None = None) -> int:
    """Runs the command; its exit status (see errors.Status)."""
    arguments = _parser().parse_args(words)
    run: Callable[[argparse.Namespace], Status] = arguments.run
    try:
        return int(run(arguments))
    except Problem as problem:
        print(f"oxcnotif: {problem}", file=sys.stderr)
        return int(problem.status)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return int(Status.NO_OUTPUT)
    except MemoryError:
        print("oxcnotif: not enough memory for this input", file=sys.stderr)
        return int(Status.BAD_INPUT)
