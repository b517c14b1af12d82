# SPDX-License-Identifier: GPL-2.0-or-later
"""The tasks of a worker: the index of a file, and the events of a part by one tshark with the plugin."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import pwd
import subprocess
import tempfile
from collections.abc import Iterator
from typing import IO, Any

import numpy

from ..output import whole_file
from ..tshark import plugin_folder
from . import headers, lines, packets

NO_PART = -1


class Failed(Exception):
    """tshark did not read a part, with what it printed."""


@dataclasses.dataclass(frozen=True)
class Tool:
    """How tshark is run."""

    tshark: str = "tshark"
    options: tuple[str, ...] = ()
    memory: int = 0             # bytes of data at most; 0: no limit
    one_pass: bool = False      # half the time; what only later frames show is missing

    @staticmethod
    def environment() -> dict[str, str]:
        """The plugin of the tree's build, if this is the tree and nothing else was asked for."""
        built = plugin_folder()
        found = {} if "WIRESHARK_PLUGIN_DIR" in os.environ or not built else {"WIRESHARK_PLUGIN_DIR": str(built)}
        return found | ({"HOME": "/nonexistent", "XDG_CONFIG_HOME": "/nonexistent"} if os.geteuid() == 0 else {})

    @staticmethod
    def identity() -> dict[str, Any]:
        """Wireshark loads no plugin of this kind for root: who is root becomes nobody."""
        if os.geteuid() != 0:
            return {}
        user = pwd.getpwnam("nobody")
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}

    def has_plugin(self) -> bool:
        """Whether this tshark knows the plugin. Raises OSError if it cannot be started."""
        with tempfile.TemporaryFile() as errors:
            process = dataclasses.replace(self, memory=0).start(["-G", "plugins"], subprocess.DEVNULL, subprocess.PIPE, errors)
            return b"oxcnotif" in process.communicate()[0]

    def start(self, words: list[str], stdin: int, stdout: int | IO[bytes], stderr: IO[bytes]) -> subprocess.Popen[bytes]:
        # Set by the process itself: only some of those who may become another user may limit it then.
        limited = ["prlimit", f"--data={self.memory}"] if self.memory else []
        return subprocess.Popen([*limited, self.tshark, *words], stdin=stdin, stdout=stdout, stderr=stderr,
                                env=dict(os.environ) | self.environment(), **self.identity())


def _complain(status: int, errors: IO[bytes]) -> None:
    errors.seek(0)
    said = [line for line in errors.read().decode("utf-8", "replace").splitlines() if "could be dangerous" not in line]
    how = f"was ended by signal {-status}" if status < 0 else f"ended with {status}"
    raise Failed(f"tshark {how}: {' '.join(said[-3:]) or 'it printed no reason'}")


@contextlib.contextmanager
def _running(tool: Tool, words: list[str], stdin: int, output: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """A tshark that has ended well when the block has: by force if the block fails."""
    with tempfile.TemporaryFile() as errors:
        process = tool.start(["-n", *tool.options, *words], stdin, output, errors)
        try:
            yield process
            process.wait()
        except BaseException:
            process.kill()
            process.wait()
            raise
        if process.returncode:
            _complain(process.returncode, errors)


def _run_twice_over(tool: Tool, words: list[str], indexes: list[packets.Index], files: numpy.ndarray,
                    chosen: numpy.ndarray, output: IO[bytes]) -> None:
    """Gives the packets to tshark in a temporary file, which it reads twice."""
    with tempfile.NamedTemporaryFile(suffix=".pcapng") as part:
        packets.Cutter(indexes).write(files, chosen, part)
        part.flush()
        os.chmod(part.name, 0o644 if os.geteuid() == 0 else 0o600)
        with _running(tool, ["-2", "-r", part.name, *words], subprocess.DEVNULL, output):
            pass


def _run_over(tool: Tool, words: list[str], indexes: list[packets.Index], files: numpy.ndarray, chosen: numpy.ndarray,
              output: IO[bytes]) -> None:
    """Gives the packets to tshark through a pipe."""
    with _running(tool, ["-r", "-", *words], subprocess.PIPE, output) as process:
        assert process.stdin
        with contextlib.suppress(BrokenPipeError):      # the exit status says why it does not read on
            try:
                packets.Cutter(indexes).write(files, chosen, process.stdin)
            finally:
                process.stdin.close()


_ASKED = ("frame.number", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "ip.proto", "ipv6.nxt", "tcp.srcport", "tcp.dstport",
          "udp.srcport", "udp.dstport", "tcp.flags")


def _uncover(tool: Tool, index: packets.Index) -> None:
    """Asks tshark for the innermost addresses of the frames whose headers hide them."""
    chosen = numpy.flatnonzero(index.flow == index.keys.index(headers.HIDDEN))
    numbers = {key: number for number, key in enumerate(index.keys)}
    numbers.setdefault(headers.NOTHING, len(numbers))
    found = numpy.full(len(chosen), numbers[headers.NOTHING], dtype=numpy.uint32)

    def take(line: bytes) -> None:
        row = dict(zip(_ASKED, line.decode("ascii", "replace").rstrip("\n").split("\t")))
        version = 6 if row["ipv6.src"] else 4
        source, target = (row["ipv6.src"], row["ipv6.dst"]) if version == 6 else (row["ip.src"], row["ip.dst"])
        if not source or not target:
            return
        ports = None
        protocol = int(row["ip.proto"] or row["ipv6.nxt"] or 0)
        for name, number in (("udp", headers.UDP), ("tcp", headers.TCP)):
            if row[f"{name}.srcport"]:
                ports, protocol = (int(row[f"{name}.srcport"]), int(row[f"{name}.dstport"])), number
        key = headers.key_of(protocol, int(row["tcp.flags"] or "0", 16), source, target, ports)
        found[int(row["frame.number"]) - 1] = numbers.setdefault(key, len(numbers))

    words = ["-T", "fields", "-E", "occurrence=l", *(word for name in _ASKED for word in ("-e", name))]
    with tempfile.TemporaryFile() as output:
        _run_over(tool, words, [index], numpy.zeros(len(chosen), dtype=numpy.int64), chosen, output)
        output.seek(0)
        for line in output:
            take(line)
    index.flow[chosen] = found
    index.keys = list(numbers)


def index_file(tool: Tool, path: str, result: str) -> int:
    """Writes the index of a capture; how many packets it has."""
    target = pathlib.Path(result)
    try:
        index = packets.scan(pathlib.Path(path))
    except packets.NeedsConversion:
        converted = target.with_suffix(".pcapng")
        done = subprocess.run(["editcap", "-F", "pcapng", path, str(converted)], capture_output=True, text=True, check=False)
        if done.returncode and not converted.exists():
            raise Failed(f"{path} is no capture that editcap can read: {done.stderr.strip()}") from None
        index = packets.scan(converted)
    if headers.HIDDEN in index.keys:
        _uncover(tool, index)
    with whole_file(target) as stream:
        packets.save(index, stream)
    return len(index)


@dataclasses.dataclass(frozen=True)
class Part:
    """What is decoded together. Everything but the number is a path in the output folder."""

    number: int
    indexes: tuple[str, ...]
    places: tuple[str, ...]     # of each file: the number of each packet in the merged capture
    parts: tuple[str, ...]      # of each file: the part of each flow
    until: str                  # the last time of the merged capture
    result: str


def decode_part(tool: Tool, part: Part) -> tuple[int, int]:
    """Writes what tshark prints of a part; its links; and where its frames are: see lines.Places. How many frames and events."""
    indexes = [packets.load(path) for path in part.indexes]
    files, chosen, merged = [], [], []
    for number, (index, places, flows) in enumerate(zip(indexes, part.places, part.parts)):
        mine = numpy.flatnonzero(numpy.load(flows)[index.flow] == part.number)
        files.append(numpy.full(len(mine), number, dtype=numpy.uint32))
        chosen.append(mine.astype(numpy.uint32))
        merged.append(numpy.load(places, mmap_mode="r")[mine])
        index.time = index.flow = index.time[:0]        # the cutter does not need them
    order = numpy.argsort(all_merged := numpy.concatenate(merged), kind="stable")
    where = lines.Places(all_merged[order], numpy.concatenate(files)[order], numpy.concatenate(chosen)[order])
    target = pathlib.Path(part.result)
    words = ["-q", "-z", "oxcnotif,events", "-z", f"oxcnotif,links,{part.until}"]
    with whole_file(target) as stream:
        (_run_over if tool.one_pass else _run_twice_over)(tool, words, indexes, where.file, where.packet, stream)
        with open(os.dup(stream.fileno()), "rb") as printed:
            printed.seek(0)
            count, links = lines.links(printed, where)
        with whole_file(target.with_suffix(".links")) as found:
            found.writelines(links)
        with whole_file(target.with_suffix(".places")) as found:
            where.save(found)
    return len(where.merged), count
