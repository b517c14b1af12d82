# SPDX-License-Identifier: GPL-2.0-or-later
"""The arguments of `oxcnotif fleet`."""

from __future__ import annotations

import argparse
import os
import pathlib
import re

from ..errors import Problem, Status, bad_input


def _fleet(arguments: argparse.Namespace) -> Status:
    try:
        from . import decode, run
    except ImportError as error:
        raise Problem(Status.USAGE, f"{error.name} is missing: install python3-distributed and python3-numpy") from error
    settings = list(arguments.preference)
    if arguments.key_log:
        if not os.access(arguments.key_log, os.R_OK):
            raise bad_input(f"{arguments.key_log} cannot be read: give the file that holds the keys")
        settings.append(f"tls.keylog_file:{os.path.abspath(arguments.key_log)}")
    if min(arguments.workers, arguments.part_frames) < 1 or arguments.memory < 0:
        raise Problem(Status.USAGE, "--workers and --part-frames are at least 1, --memory at least 0")
    if arguments.bulk and not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", arguments.bulk):
        raise Problem(Status.USAGE, f"{arguments.bulk} is no name of an index: lower case letters, digits and . _ -")
    options = tuple(word for setting in settings for word in ("-o", setting))
    tool = decode.Tool(os.environ.get("OXCNOTIF_TSHARK", "tshark"), options, arguments.memory << 20, arguments.one_pass)
    wanted = run.Wanted(tuple(map(pathlib.Path, arguments.inputs)), pathlib.Path(arguments.output).absolute(),
                        arguments.workers, arguments.scheduler, arguments.memory, arguments.part_frames, tool,
                        not arguments.no_report, arguments.bulk)
    return run.Fleet(wanted).run()


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the sub-command."""
    fleet = commands.add_parser(
        "fleet",
        help="decode many captures of many clients beside each other",
        description="Decodes captures on several processes or machines, with the result of one tshark over all of them.",
    )
    fleet.add_argument("inputs", nargs="+", metavar="DIR", help="a folder of captures, or a capture")
    fleet.add_argument("-o", "--output", required=True, metavar="OUT", help="folder of the result; a stopped run goes on")
    where = fleet.add_mutually_exclusive_group()
    where.add_argument("--workers", type=int, default=os.cpu_count() or 1, metavar="N", help="processes of this machine")
    where.add_argument("--scheduler", metavar="tcp://HOST:PORT", help="scheduler of a Dask cluster that sees the same files")
    fleet.add_argument("--memory", type=int, default=4096, metavar="MB", help="of a worker at most (default: 4096; 0: any)")
    fleet.add_argument("--part-frames", type=int, default=500_000, metavar="N",
                       help="frames of a part at most, if its clients can be decoded apart (default: 500000)")
    fleet.add_argument("--key-log", metavar="FILE", help="TLS key log (SSLKEYLOGFILE)")
    fleet.add_argument("--preference", action="append", default=[], metavar="NAME:VALUE",
                       help="preference of Wireshark, as tshark -o")
    fleet.add_argument("--one-pass", action="store_true",
                       help="read each packet once: faster, without what only later packets show (abandoned waits, datagrams "
                       "before their port is known)")
    fleet.add_argument("--no-report", action="store_true", help="no page: it takes about 1 kB of memory for each event")
    fleet.add_argument("--bulk", metavar="INDEX", help="write OUT/events.bulk.ndjson, too: a bulk request of OpenSearch")
    fleet.set_defaults(run=_fleet)
