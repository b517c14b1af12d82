# SPDX-License-Identifier: GPL-2.0-or-later
"""A live capture: frames through a pipe to `tshark -i -`, its lines as they come, its memory."""

from __future__ import annotations

import pathlib
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence

import tshark as tools

sys.path[:0] = [str(tools.REPOSITORY / "bench")]

import traffic  # noqa: E402  (after the path is set)
from rpch_streams import Capture  # noqa: E402

PERIOD = 0.05                   # seconds between frames, of the capture's time
PATIENCE = 60                   # seconds that a line may take


class Feed:
    """Hours of sessions of MAPI/HTTP: each part has its own clients."""

    def __init__(self):
        self.capture, self.now, self.frames = Capture(), 1_700_000_000.0, 0

    def header(self) -> bytes:
        return struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)

    def part(self, sessions: int) -> bytes:
        self.capture.frames.clear()
        traffic.light(self.capture, sessions)
        records = []
        for frame in self.capture.frames:
            self.now += PERIOD
            records.append(struct.pack("<IIII", int(self.now), int(self.now % 1 * 1e6), len(frame), len(frame)) + frame)
        self.frames += len(records)
        return b"".join(records)


class Live:
    """tshark that reads packets from a pipe."""

    def __init__(self, args: Sequence[str], env: dict[str, str] | None = None):
        self.lines: list[str] = []
        self.process = subprocess.Popen(["tshark", "-i", "-", "-l", *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, cwd=tools.scratch() / "home",
                                        env=tools.environment() | (env or {}), **tools.identity())
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line.decode())

    def feed(self, data: bytes) -> None:
        assert self.process.stdin
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def wait(self, until: Callable[[], bool]) -> bool:
        end = time.monotonic() + PATIENCE
        while not until():
            if time.monotonic() > end or self.process.poll() is not None:
                return until()
            time.sleep(0.1)
        return True

    def memory(self) -> int:
        """Bytes, once what was fed is dissected: when tshark needs no more processor time."""
        stat = pathlib.Path(f"/proc/{self.process.pid}/stat")
        used, quiet = "", 0
        while quiet < 4:
            time.sleep(0.25)
            now = " ".join(stat.read_text().rsplit(")", 1)[1].split()[11:13])
            quiet = quiet + 1 if now == used else 0
            used = now
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) * 1024

    def close(self) -> int:
        assert self.process.stdin
        self.process.stdin.close()
        code = self.process.wait(PATIENCE)
        self.reader.join(PATIENCE)
        return code
