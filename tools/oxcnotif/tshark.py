# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs tshark with the plugin, as an unprivileged user, and says what is wrong when that cannot be done."""

from __future__ import annotations

import contextlib
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import IO, Any, AnyStr

from . import events
from .errors import Problem, Status, bad_input

TREE = pathlib.Path(__file__).resolve().parents[2]


@dataclass
class Options:
    """What tshark needs beside the capture."""

    preferences: list[str] = field(default_factory=list)  # NAME:VALUE, as tshark -o takes them
    keytab: str | None = None
    progress: bool = False


def plugin_folder() -> pathlib.Path | None:
    """The plugins of the tree's build; None if the command is installed, and so the plugin."""
    folder = TREE / os.environ.get("OXCNOTIF_BUILD", "build") / "plugins"
    return folder if folder.is_dir() else None


def _is_readable_by_all(path: pathlib.Path) -> bool:
    return bool(path.stat().st_mode & 0o004) and all(parent.stat().st_mode & 0o001 for parent in path.parents)


class _Sandbox:
    """Wireshark loads no plugin of ours for root: so root is made nobody, who must be able to read what is read."""

    def __init__(self, folder: str) -> None:
        self.folder = pathlib.Path(folder)
        self.user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        self.environment = dict(os.environ)
        plugins = plugin_folder()
        if self.user:
            self.folder.chmod(0o755)
            home = self.folder / "home"
            home.mkdir()
            os.chown(home, self.user.pw_uid, self.user.pw_gid)
            self.environment |= {"HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config")}
            if plugins:
                shutil.copytree(plugins, self.folder / "plugins")
                for path in [self.folder / "plugins", *(self.folder / "plugins").rglob("*")]:
                    path.chmod(0o755 if path.is_dir() else 0o644)
                plugins = self.folder / "plugins"
        if plugins:
            self.environment["WIRESHARK_PLUGIN_DIR"] = str(plugins)

    def readable(self, path: pathlib.Path) -> str:
        """The file, or a copy of it that the user of tshark may read."""
        path = path.resolve()
        if not self.user or _is_readable_by_all(path):
            return str(path)
        copies = self.folder / "files"
        copies.mkdir(exist_ok=True)
        copy = copies / f"{len(list(copies.iterdir()))}-{path.name}"
        shutil.copyfile(path, copy)
        copy.chmod(0o644)
        return str(copy)

    def start(self, arguments: Sequence[str], errors: Any) -> subprocess.Popen[str]:
        identity: dict[str, Any] = {}
        if self.user:
            identity = {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []}
        try:
            return subprocess.Popen(
                ["tshark", *arguments],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                encoding="utf-8",
                errors="replace",
                cwd=self.folder if self.user else None,
                **identity,
            )
        except OSError as error:
            raise Problem(
                Status.NO_PLUGIN, "tshark cannot be started: install it (Debian: apt-get install tshark)"
            ) from error


@contextlib.contextmanager
def _sandbox() -> Iterator[_Sandbox]:
    try:
        with tempfile.TemporaryDirectory(prefix="oxcnotif-") as folder:
            yield _Sandbox(folder)
    except OSError as error:
        raise Problem(
            Status.NO_OUTPUT, f"the folder for temporary files is full or cannot be used: {error.strerror}; set TMPDIR"
        ) from error


def _read_up_to(process: int, capture: str, size: int) -> float:
    """How much of the capture tshark has read, of its two passes; 0 where the system does not tell."""
    done = 0
    with contextlib.suppress(OSError, ValueError):
        for descriptor in os.listdir(f"/proc/{process}/fd"):
            if os.readlink(f"/proc/{process}/fd/{descriptor}") == capture:
                with open(f"/proc/{process}/fdinfo/{descriptor}", encoding="ascii") as information:
                    done += int(information.readline().split()[1])
    return done / (2 * size) if size else 0.0


@contextlib.contextmanager
def _progress(process: subprocess.Popen[str], capture: str, name: str, wanted: bool) -> Iterator[None]:
    """Shows on standard error how far tshark is, every second."""
    size, ended = os.stat(capture).st_size, threading.Event()
    terminal = sys.stderr.isatty()

    def show() -> None:
        shown = False
        while not ended.wait(1):
            text = f"oxcnotif: {name}: {min(99, int(100 * _read_up_to(process.pid, capture, size)))} %"
            print(f"\r{text}" if terminal else text, end="" if terminal else "\n", file=sys.stderr, flush=True)
            shown = True
        if shown and terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    watcher = threading.Thread(target=show, daemon=True)
    if wanted:
        watcher.start()
    try:
        yield
    finally:
        ended.set()
        if wanted:
            watcher.join()


def _explain(code: int, said: str, name: str) -> Problem | None:
    """Why tshark ended as it did; None if its output is good all the same (a capture that is cut short)."""
    lines = [line.removeprefix("tshark: ") for line in said.splitlines() if line.startswith("tshark: ")]
    last = lines[-1] if lines else (said.splitlines() or [""])[-1]
    if "nvalid -z argument" in said:
        return Problem(
            Status.NO_PLUGIN,
            "this tshark has no plugin oxcnotif: build it (scripts/setup), or install it (cmake --install build)",
        )
    if code < 0:
        try:
            how = signal.Signals(-code).name
        except ValueError:
            how = str(-code)
        return Problem(
            Status.NO_PLUGIN,
            f"tshark was ended by signal {how} while it read {name}: report that with the capture, or read a part of "
            "it (editcap -r)",
        )
    if "cut short" in said:
        return None
    if "capture file" in said or "damaged or corrupt" in said or "appears to be" in said:
        return bad_input(f"{name} is no capture that tshark can read: give a pcap or pcapng file ({last})")
    if code:
        return Problem(Status.NO_PLUGIN, f"tshark ended with status {code} while it read {name}: {last}")
    return None


def _arguments(sandbox: _Sandbox, options: Options) -> list[str]:
    words = []
    for preference in options.preferences:
        name, _, value = preference.partition(":")
        if value and os.path.isfile(value):
            value = sandbox.readable(pathlib.Path(value))
        words += ["-o", f"{name}:{value}"]
    if options.keytab:
        words += ["-K", sandbox.readable(pathlib.Path(options.keytab))]
    return words


@contextlib.contextmanager
def output_of(process: subprocess.Popen[AnyStr]) -> Iterator[IO[AnyStr]]:
    """What a process prints. In the end the process has ended, too, by force if the reader fails: see its returncode."""
    assert process.stdout
    try:
        yield process.stdout
    except BaseException:
        process.kill()
        raise
    finally:
        process.stdout.close()
        process.wait()


def read_events(path: pathlib.Path, name: str, options: Options) -> events.EventLog:
    """The events of a capture, in two passes: what later frames decide is known in the second only.

    Raises Problem if there are none to be had.
    """
    with _sandbox() as sandbox, tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
        capture = sandbox.readable(path)
        words = ["-2", "-n", "-r", capture, *_arguments(sandbox, options), "-q", "-z", "oxcnotif,events"]
        process = sandbox.start(words, errors)
        with output_of(process) as output, _progress(process, capture, name, options.progress):
            # A line without an end is one that tshark did not live to finish: its end says why.
            lines = (line for line in output if line.startswith("{") and line.endswith("\n"))
            log = events.read(lines, name, f"{name}: event")
        errors.seek(0)
        said = errors.read()
    problem = _explain(process.returncode, said, name)
    if problem:
        raise problem
    if "cut short" in said:
        log.truncated = True
        log.warnings.append(f"{name} ends in the middle of a packet: what came after that is not in it")
    return log


def time_of_frame(path: pathlib.Path, frame: int) -> float | None:
    """The time of a frame, for which there may be no event; None if the capture has no such frame."""
    with _sandbox() as sandbox, tempfile.TemporaryFile("w+") as errors:
        words = ["-n", "-r", sandbox.readable(path), "-c", str(frame), "-T", "fields", "-e", "frame.number"]
        process = sandbox.start([*words, "-e", "frame.time_epoch"], errors)
        output, _ = process.communicate()
    found = [line.split("\t") for line in output.splitlines() if line.startswith(f"{frame}\t")]
    return float(found[-1][1]) if found else None
