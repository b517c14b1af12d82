# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line: which sub-command, which files, and what to say when something cannot be done."""

from __future__ import annotations

import argparse
import contextlib
import getpass
import os
import pathlib
import sys
from collections.abc import Callable, Sequence

from . import sources, tshark
from .errors import Problem, Status, bad_input
from .events import EventLog
from .fleet import command as fleet
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


def _add_trace_options(parser: argparse.ArgumentParser, option: str = "--trace-format") -> None:
    group = parser.add_argument_group("traces (.saz, HAR, mitmproxy flows)")
    group.add_argument(
        option, dest="trace_format", choices=("saz", "har", "mitmproxy"), help="of the trace, if it is not found out right"
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
        kind=arguments.trace_format,
        password=_password(arguments),
        max_size=arguments.max_size,
    )
    with whole_file(output) as stream:
        packets = capture.write(trace, stream)
    _warn(arguments, trace.warnings)
    exchanges = sum(len(connection.exchanges) for connection in trace.connections)
    print(f"{output}: {exchanges} exchanges on {len(trace.connections)} connections, {packets} packets")
    return Status.OK


def _add_reading_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("captures", metavar="CAPTURE", nargs="+", help="capture, trace (docs/traces.md) or *.jsonl of events")
    group = parser.add_argument_group("reading")
    group.add_argument("--key-log", metavar="FILE", help="TLS key log (SSLKEYLOGFILE)")
    group.add_argument("--keytab", metavar="FILE", help="Kerberos keys")
    group.add_argument(
        "--preference", metavar="NAME:VALUE", action="append", default=[], help="preference of Wireshark, as tshark -o"
    )
    group.add_argument("--progress", action="store_true", help="show progress where standard error is no terminal, too")
    group.add_argument("--quiet", action="store_true", help="no progress, no warnings")


def _reading_options(arguments: argparse.Namespace) -> sources.Options:
    preferences = list(arguments.preference)
    if arguments.key_log:
        preferences.append(f"tls.keylog_file:{arguments.key_log}")
    for file in filter(None, (arguments.key_log, arguments.keytab)):
        if not os.access(file, os.R_OK):
            raise bad_input(f"{file} cannot be read: give the file that holds the keys")
    return sources.Options(
        tshark=tshark.Options(
            preferences=preferences,
            keytab=arguments.keytab,
            progress=not arguments.quiet and (arguments.progress or sys.stderr.isatty()),
        ),
        trace_format=arguments.trace_format,
        password=lambda: _password(arguments),
        max_size=arguments.max_size,
    )


def _warn(arguments: argparse.Namespace, warnings: Sequence[str]) -> None:
    if arguments.quiet:
        return
    for warning in warnings[:20]:
        print(f"oxcnotif: warning: {warning}", file=sys.stderr)
    if len(warnings) > 20:
        print(f"oxcnotif: {len(warnings) - 20} more warnings of this kind", file=sys.stderr)


def _check(arguments: argparse.Namespace) -> Status:
    from . import check, check_output, rules

    wanted = rules.read(pathlib.Path(arguments.rules)) if arguments.rules else rules.Rules()
    paths = [pathlib.Path(name) for name in arguments.captures]
    logs = sources.load_all(paths, _reading_options(arguments))
    places = {id(log): path for log, path in zip(logs, paths)}

    def time_of(log: EventLog, frame: int) -> float | None:
        known = log.time_of(frame)
        if known is None and log.capture and sources.is_capture(places[id(log)]):
            return tshark.time_of_frame(places[id(log)], frame)
        return known

    results = [result for log in logs for result in check.check(log, wanted, time_of)]
    for log in logs:
        _warn(arguments, log.warnings)
    output = check_output.FORMATS[arguments.format](results)
    if arguments.output:
        with whole_file(pathlib.Path(arguments.output)) as stream:
            stream.write(output.encode())
    else:
        sys.stdout.write(output)
        sys.stdout.flush()
    return Status.OK if all(result.passed for result in results) else Status.FAILED


def _report(arguments: argparse.Namespace) -> Status:
    logs = sources.load_all([pathlib.Path(name) for name in arguments.captures], _reading_options(arguments))
    for log in logs:
        _warn(arguments, log.warnings)
    if not arguments.output:
        from .report import text

        sys.stdout.write(text.render(logs))
        sys.stdout.flush()
        return Status.OK
    from .report import page

    found = page.render(logs)
    output = pathlib.Path(arguments.output)
    with whole_file(output) as stream:
        stream.write(found.text.encode())
    print(f"{output}: {found.headline}")
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
    _add_trace_options(importing, "--format")
    importing.set_defaults(run=_import, quiet=False)

    reporting = commands.add_parser(
        "report",
        help="say what went wrong, as a page or as text",
        description="One file of HTML: findings, sessions, time lines, times, rates. Without -o the findings as text. "
        "Exit statuses: docs/guide/command.md.",
    )
    _add_reading_options(reporting)
    reporting.add_argument("-o", "--output", metavar="FILE", help="the page (HTML); none: text on standard output")
    _add_trace_options(reporting)
    reporting.set_defaults(run=_report)

    checking = commands.add_parser(
        "check",
        help="hold captures against rules, for continuous integration",
        description="Exit status 0: all rules are kept; 1: one is broken; others: docs/guide/command.md.",
    )
    _add_reading_options(checking)
    checking.add_argument("--rules", metavar="FILE", help="limits and scenarios in TOML (docs/guide/check.md)")
    checking.add_argument("--format", choices=("text", "junit", "tap"), default="text", help="of the results")
    checking.add_argument("-o", "--output", metavar="FILE", help="for the results (default: standard output)")
    _add_trace_options(checking)
    checking.set_defaults(run=_check)
    fleet.add(commands)
    return parser


def _give_up_output() -> None:
    """What is still to be written goes nowhere: Python would try once more, and complain, when it ends."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main(words: Sequence[str] | None = None) -> int:
    """Runs the command; its exit status (see errors.Status)."""
    arguments = _parser().parse_args(words)
    run: Callable[[argparse.Namespace], Status] = arguments.run
    try:
        return int(run(arguments))
    except Problem as problem:
        print(f"oxcnotif: {problem}", file=sys.stderr)
        return int(problem.status)
    except ImportError as error:
        print(f"oxcnotif: {error.name} of Python is not installed: scripts/install-packages tools", file=sys.stderr)
        return int(Status.NO_PLUGIN)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        _give_up_output()
        return int(Status.NO_OUTPUT)
    except OSError as error:
        _give_up_output()
        what = f"{error.filename} cannot be used" if error.filename else "the result cannot be written"
        print(f"oxcnotif: {what}: {error.strerror or error}", file=sys.stderr)
        return int(Status.NO_OUTPUT)
    except MemoryError:
        print("oxcnotif: not enough memory for this input", file=sys.stderr)
        return int(Status.BAD_INPUT)
